"""What the index answers is what files and ledgers say, on both engines."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor

import pytest
from desk_helpers import DAYS, KEY, SHORT
from sealed_helpers import made

from camerad.base.clock import DAY, SECOND
from camerad.base.errors import ConfigError, NotNowError
from camerad.container.keys import KeyRing
from camerad.container.statements import rfc3339
from camerad.ledger.ledger import read_state
from camerad.office.index import camera_names, entry_query, recording_query
from camerad.office.index.entry_query import EntryQuery
from camerad.office.index.index import RecordingIndex
from camerad.office.index.recording_query import QueryError, RecordingQuery
from camerad.office.state.database import IndexUnavailableError
from camerad.store.inventory import join_with_ledger, list_place, others_in
from camerad.store.locations import office_place
from tests.unit.office.index.office_scene_indexed import (
    OFFICE,
    QUARANTINE,
    IndexedOffice,
    answers,
    identity,
    row,
    table,
)

A, B, C, D, E = (identity(number) for number in range(1, 6))
HOUR = DAY // 24


@pytest.fixture
def index(office: IndexedOffice, url: str) -> RecordingIndex:
    return office.index(url)


def listed(office: IndexedOffice) -> dict[str, dict[str, object]]:
    """What `camerad evidence list --json` says, by file."""
    place = office_place(str(office.directory))
    state = read_state(place.ledger, KeyRing([OFFICE.public]))
    infos = [*list_place(place), *others_in(place).copies]
    named = {one.id for one in infos}
    joined = join_with_ledger(infos, state, office.clock.boot_id, office.clock.moment(), named)
    return {os.path.relpath(one.info.path, office.directory): one.as_json() for one in joined}


SAME = {
    "camera": "device",
    "wearer": "wearer",
    "policy": "policy",
    "frames": "frames",
    "bytes": "bytes",
    "sound": "sound",
    "course": "state",
    "reason": "reason",
    "final": "final",
    "flagged": "flagged",
    "held": "held",
    "in_ledger": "in_ledger",
    "in_device_ledger": "in_device_ledger",
    "vouched": "vouched",
    "copy": "copy",
    "changed": "changed",
    "due": "expires",
    "stated_days": "retention_days",
}
"""Columns of the index, and the fields of a listing that say the same."""


def test_it_says_what_the_listing_says(office: IndexedOffice, index: RecordingIndex) -> None:
    office.take(A, wearer="W-0815")
    office.take(B, marks=(500_000,))
    office.take(C)
    office.hold(C)
    office.reconcile()
    office.copy_about(B, "copy.tar")
    index.refresh()
    said = listed(office)
    there = index.ask(recording_query.find, RecordingQuery()).recordings
    found = {str(one.columns["place"]): one.as_json() for one in there}
    assert found.keys() == said.keys()
    for place, one in found.items():
        listing = said[place]
        assert {name: one[name] for name in SAME} == {n: listing[SAME[n]] for n in SAME}, place
        assert one["marks"] == len(listing["marks"])  # type: ignore[arg-type]
        assert [(hold["reason"], hold["who"]) for hold in one["holds"]] == [
            (hold["reason"], hold["who"])
            for hold in listing["holds"]  # type: ignore[attr-defined]
        ]
        assert one["clock"] == "synchronised"
        assert one["key"] == KEY.public.thumbprint
        assert one["state"] == "here"
    assert found[f"cam-1-{KEY.public.thumbprint[:8]}/recordings/{C}.tar"]["receipt"] is True
    assert sum(bool(one["copy"]) for one in found.values()) == 1


def test_deleted_is_told_from_missing_from_apart_and_from_never_seen(
    office: IndexedOffice, index: RecordingIndex
) -> None:
    office.take(A, wearer="W-0815")
    office.take(B, C, D)
    office.hold(C)
    office.hold(D)
    office.clock.advance(DAYS * DAY + HOUR)
    assert set(office.purge()) == {A, B}
    office.lose(C)
    office.reconcile()
    office.quarantine()
    index.refresh()
    assert index.ask(recording_query.count_states) == {
        "quarantined": 1,
        "deleted": 2,
        "here": 1,
        "missing": 1,
    }
    assert answers(index, state="deleted") == [B, A]
    assert (answers(index, state="missing"), answers(index, state="quarantined")) == (
        [C],
        [QUARANTINE],
    )
    gone = row(index, A)
    # The tombstone's time is the office's, and what only the file said is gone with it.
    assert gone["deleted_us"] == office.clock.wall_us()
    assert (gone["deleted_why"], gone["deleted_clock"]) == ("expired", "synchronised")
    assert gone["deleted_age_us"] >= DAYS * DAY
    assert (gone["wearer"], gone["place"], gone["due"]) == (None, "", None)
    assert gone["camera"] == "cam-1"
    assert row(index, C)["held"] is True
    quarantined = row(index, QUARANTINE)
    assert (quarantined["quarantine_why"], quarantined["camera"]) == (
        "a chain that breaks",
        "cam-1",
    )
    assert answers(index, state="unseen") == []
    said = sorted(table(index, "entries"), key=lambda one: one["sequence"])
    assert [one["kind"] for one in said if one["recording"] == A] == ["received", "deleted"]
    assert table(index, "cameras") == [
        {"thumbprint": KEY.public.thumbprint, "name": "cam-1", "standing": "registered"}
    ]


def test_a_tombstone_that_is_long_ago_is_still_known(
    office: IndexedOffice, index: RecordingIndex
) -> None:
    """The ledger's state forgets a deletion after the next epoch, its entries later."""
    office.take(A)
    office.reconcile()
    index.refresh()
    office.clock.advance(DAYS * DAY + HOUR)
    office.take(B)
    office.purge()
    index.refresh()
    when_us = row(index, A)["deleted_us"]
    for _ in range(4):
        office.clock.advance(DAY + HOUR)
        office.purge()
        index.refresh()
    place = office_place(str(office.directory))
    assert A not in read_state(place.ledger, KeyRing([OFFICE.public])).recordings
    assert row(index, A)["deleted_us"] == when_us
    # When the epoch expires, it is as if nobody had ever known.
    office.clock.advance(365 * DAY)
    office.purge()
    index.refresh()
    assert A in answers(index), "it stays to the end of the year that follows"
    office.clock.advance(400 * DAY)
    office.purge()
    index.refresh()
    assert A not in answers(index)


def test_a_file_that_is_no_recording_any_more_is_said_to_be_unreadable(
    office: IndexedOffice, index: RecordingIndex
) -> None:
    office.take(A)
    office.reconcile()
    office.path(A).write_bytes(b"rubbish")
    index.refresh()
    assert answers(index, state="unreadable") == [A]
    assert row(index, A)["due"] is not None


def test_what_may_lie_where_nobody_can_look_is_not_called_missing(
    office: IndexedOffice, index: RecordingIndex
) -> None:
    office.take(A)
    office.reconcile()
    holding = office.path(A).parent
    holding.rename(office.root / "elsewhere")
    holding.symlink_to(office.root / "elsewhere")
    index.refresh()
    assert answers(index, state="unseen") == [A]


def test_of_the_files_with_one_id_the_one_that_is_it_comes_first(
    office: IndexedOffice, index: RecordingIndex
) -> None:
    """Before a copy, and before what was quarantined, however their directories are called."""
    office.take(A)
    shelf = office.path(A).parents[1]
    shelf.rename(shelf.with_name(f"wache-{shelf.name}"))
    office.quarantine(A)
    office.copy_about(A, f"{A} (1).tar")
    index.refresh()
    rows = [one.columns for one in index.ask(recording_query.about, A)]
    assert [(one["state"], one["copy"]) for one in rows] == [
        ("here", False),
        ("here", True),
        ("quarantined", False),
    ]
    assert rows[0]["place"] > rows[1]["place"] > rows[2]["place"], "by their names it comes last"


def test_each_question_finds_what_it_asks_for(office: IndexedOffice, index: RecordingIndex) -> None:
    office.take(A, wearer="W-1")
    office.take(B, wearer="W-2", marks=(500_000,))
    office.take(C, D)
    office.take(E, later_us=HOUR)
    office.hold(D)
    index.refresh()
    began_us = row(index, A)["began_us"]
    thumbprint = KEY.public.thumbprint
    assert answers(index) == [E, D, C, B, A]
    assert answers(index, camera="cam-1") == answers(index, camera=thumbprint) == answers(index)
    assert answers(index, camera="cam-2") == []
    assert answers(index, camera_said="CAM") == answers(index, camera_said="1") == answers(index)
    assert index.ask(camera_names.camera_names) == ["cam-1"]
    assert (answers(index, wearer="W-1"), answers(index, wearer="W-2")) == ([A], [B])
    for said, meant in (("w-1", [A]), ("2", [B]), ("w", [A, B]), ("3", [])):
        assert sorted(answers(index, wearer_said=said)) == sorted(meant), said
        assert sorted(answers(index, wearer_said=said, camera_said="cam")) == sorted(meant), said
    assert (answers(index, flagged=True), answers(index, flagged=False)) == ([B], [E, D, C, A])
    assert (answers(index, held=True), answers(index, held=False)) == ([D], [E, C, B, A])
    assert answers(index, held=False, wearer="W-1", state="here") == [A]
    # Those without an hour of their own begin in one moment, and last a second.
    last_us = row(index, A)["ended_us"]
    assert answers(index, from_us=last_us, to_us=last_us + 1) == [D, C, B, A]
    assert answers(index, to_us=began_us) == []
    assert answers(index, from_us=last_us + 1) == [E]
    assert answers(index, to_us=began_us + HOUR) == [D, C, B, A]
    due_us = row(index, A)["due_us"]
    assert due_us == last_us + DAYS * DAY
    assert answers(index, due_before_us=due_us + 1) == [A, B, C, E]
    assert answers(index, due_before_us=due_us) == []
    assert row(index, D)["due"] is None
    assert row(index, A)["ended"] == rfc3339(last_us)


def test_a_number_of_the_office_s_finds_what_it_was_written_about(
    office: IndexedOffice, index: RecordingIndex
) -> None:
    """As part of a hold's reason, of a case's number or of any reason in the ledger."""
    held, viewed, other = map(identity, (1, 2, 3))
    office.take(held, viewed, other)
    office.hold(held, "4711 Js 12/26")
    facts = {"who": "desk", "role": "desk", "reason": "Sichtung", "case": "4711 JS 12/26"}
    with office.store() as store:
        store.ledger.append("viewed", id=viewed, approved_by="", **facts)
    index.refresh()
    query = RecordingQuery(said="4711 js")
    assert {one.id for one in index.ask(recording_query.find, query).recordings} == {held, viewed}
    assert index.ask(recording_query.count, query) == 2
    assert index.ask(recording_query.count, RecordingQuery(limit=1)) == 3
    assert index.ask(recording_query.count, RecordingQuery(camera_said="none")) == 0
    assert [
        one["kind"] for one in index.ask(entry_query.find_entries, EntryQuery(said="4711"))
    ] == ["viewed", "hold"]


def test_it_finds_what_was_handed_over_has_gaps_or_was_repaired(
    office: IndexedOffice, index: RecordingIndex
) -> None:
    office.take(A)
    office.take(B, torn=b"torn")
    office.camera.put(C)
    gappy = made(f"{SHORT}....{SHORT}", identity=D)
    (office.camera.recordings / f"{D}.tar").write_bytes(gappy.file)
    office.camera.offload(office.directory)
    index.refresh()
    assert answers(index, has_gaps=True) == [D]
    assert (answers(index, recovered=True), answers(index, recovered=False)) == ([B], [D, C, A])
    assert answers(index, handed_over=True) == []
    office.hand_over(A)
    office.hand_over(C)
    when_us = office.clock.wall_us()
    office.clock.advance(HOUR)
    office.hand_over(A)
    index.refresh()
    assert answers(index, handed_over=True) == [C, A]
    assert answers(index, handed_over=True, recovered=True) == []
    assert row(index, C)["handed_us"] == when_us
    assert row(index, A)["handed"] == rfc3339(when_us + HOUR)
    # Of one that failed half-way the entry about the case is missing.
    office.begin_hand_over(B, "1" * 64)
    office.hand_over(A)
    index.refresh()
    assert answers(index, handed_over=True) == [C, A]
    said = [one for one in table(index, "entries") if one["kind"] == "case"]
    assert [one["recording"] for one in said if one["recording"]] == [A, C, A, B, A]
    # It stays said of what is gone, and a day of deletion finds what goes then.
    due_us = row(index, A)["due_us"]
    assert answers(index, due_from_us=due_us, due_before_us=due_us + 1) == [A, B, C]
    assert answers(index, due_from_us=due_us + 1, due_before_us=due_us + 2) == []
    office.clock.advance((DAYS + 1) * DAY)
    office.purge()
    index.refresh()
    assert (row(index, A)["state"], row(index, A)["handed_over"]) == ("deleted", True)
    assert list(index.dump()) == rebuilt(office)


def test_it_says_whose_tab_found_last_that_one_is_not_authentic(
    office: IndexedOffice, index: RecordingIndex
) -> None:
    office.take(A, B, C)
    office.judge(A, "not_authentic", "m.yilmaz")
    office.judge(B, "not_authentic", "m.yilmaz")
    office.judge(B, "authentic", "k.clerk")
    office.judge(C, "unreadable")
    index.refresh()
    assert answers(index, not_authentic=True) == [A]
    assert answers(index, not_authentic=False) == [C, B]
    assert answers(index, not_authentic=True, held=True) == []
    assert row(index, A)["not_authentic_by"] == "m.yilmaz"
    # The newest counts, whatever epoch it is in.
    office.clock.advance(DAY + HOUR)
    office.purge()
    office.judge(A, "qualified", "k.clerk")
    office.judge(C, "not_authentic", "k.clerk")
    index.refresh()
    assert answers(index, not_authentic=True) == [C]
    # It stays said of what is gone, until the ledger forgets it.
    office.clock.advance((DAYS + 1) * DAY)
    office.purge()
    index.refresh()
    assert (row(index, C)["state"], row(index, C)["not_authentic_by"]) == ("deleted", "k.clerk")
    assert list(index.dump()) == rebuilt(office)


def test_a_page_takes_a_mark_and_nothing_else(office: IndexedOffice, index: RecordingIndex) -> None:
    office.take(A, B, C)
    index.refresh()
    first = index.ask(recording_query.find, RecordingQuery(limit=0))
    assert [one.id for one in first.recordings] == [C]
    second = index.ask(recording_query.find, RecordingQuery(limit=10_000, after=first.next))
    assert ([one.id for one in second.recordings], second.next) == ([B, A], None)
    for mark in ("", "!", "ä", "WzFd", "WyJhIiwxLDJd", "WzEsIlx1MDAwMCIsIiJd", "-" * 40):
        with pytest.raises(QueryError):
            index.ask(recording_query.find, RecordingQuery(after=mark))


def test_what_cannot_be_in_a_text_of_a_database_is_replaced(
    office: IndexedOffice, index: RecordingIndex
) -> None:
    office.take(A)
    office.quarantine(why="a\0b")
    office.quarantine(identity(70))
    reason = office.directory / "office" / "quarantine" / KEY.public.thumbprint
    (reason / f"{identity(70)}.json").write_text("no reason")
    name = os.fsencode(str(office.path(A).parent)) + b"/\xff.tar"
    with open(name, "wb") as file:
        file.write(office.path(A).read_bytes())
    index.refresh()
    assert row(index, QUARANTINE)["quarantine_why"] == "a\N{REPLACEMENT CHARACTER}b"
    assert row(index, identity(70))["quarantine_why"] == "it did not verify"
    places = {
        str(one.columns["place"])
        for one in index.ask(recording_query.find, RecordingQuery()).recordings
    }
    assert any(place.endswith("/?.tar") for place in places)
    assert list(index.dump()) == rebuilt(office)


def rebuilt(office: IndexedOffice) -> list[bytes]:
    other = office.index(f"sqlite:///{office.root}/other.sqlite")
    other.rebuild()
    return list(other.dump())


def test_an_index_is_of_one_office(office: IndexedOffice, url: str, index: RecordingIndex) -> None:
    index.refresh()  # before the directory has an id
    (office.directory / "office" / "id").write_text("one\n")
    index.refresh()
    (office.directory / "office" / "id").write_text("another\n")
    if url.startswith("sqlite"):
        index.refresh()  # the file lies in the directory
        return
    with pytest.raises(ConfigError, match=r"index\.url"):
        index.refresh()
    index.rebuild()
    index.refresh()


def test_a_refresh_that_is_told_to_end_changes_nothing(
    office: IndexedOffice, url: str, index: RecordingIndex
) -> None:
    office.take(A)
    index.close()
    with pytest.raises(NotNowError):
        index.refresh()
    assert office.index(url).ask(recording_query.count_states) == {}


def test_nothing_is_written_where_nothing_changed(
    office: IndexedOffice, index: RecordingIndex
) -> None:
    office.take(A, B)
    assert index.refresh() == 2
    assert index.refresh() == 0
    office.hold(A)
    # Both were taken over into the office's ledger as well.
    assert index.refresh() == 2
    office.release(A)
    assert index.refresh() == 1
    assert json.loads(next(iter(index.dump())))[0] == "cameras"


def test_a_question_that_finds_no_database_says_so(office: IndexedOffice) -> None:
    index = office.index()
    os.unlink(office.directory / "office" / "index.sqlite")
    with pytest.raises(IndexUnavailableError, match="reindex"):
        index.ask(recording_query.find, RecordingQuery())


def test_times_are_whole(office: IndexedOffice, index: RecordingIndex) -> None:
    office.take(A)
    index.refresh()
    said = row(index, A)
    assert said["ended_us"] - said["began_us"] == said["length_us"]
    assert 0 < said["length_us"] <= SECOND


def test_two_who_keep_one_index_write_one_after_the_other(
    office: IndexedOffice, url: str, index: RecordingIndex
) -> None:
    """The server and a command of the desk, or two servers on one PostgreSQL."""
    office.take(A, B, C)
    several = [index, *(office.index(url) for _ in range(3))]
    with ThreadPoolExecutor(len(several)) as pool:
        written = list(pool.map(lambda one: one.refresh(), several))
        assert sorted(written) == [0, 0, 0, 3]
        list(pool.map(lambda one: one.rebuild(), several))
    assert list(index.dump()) == rebuilt(office)
    assert office.said == []


def test_it_says_until_when_a_recording_is_held(
    office: IndexedOffice, index: RecordingIndex
) -> None:
    office.take(A)
    end_us = office.clock.wall_us() + 30 * DAY
    with office.store() as store:
        store.hold(A, "objection", "Desk", until_us=end_us)
    index.refresh()
    (hold,) = row(index, A)["holds"]
    assert (hold["until_us"], hold["until"]) == (end_us, rfc3339(end_us))
    office.clock.advance(31 * DAY)
    with office.store() as store:
        store.purge_and_explain()
    index.refresh()
    assert answers(index, held=True) == []
