"""Recordings at the desk: found, held, released, and given to a person for a reason (O5)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from desk_helpers import KEY, ONE, TWO, Camera, open_office

from camerad import __version__
from camerad.base.clock import DAY, SECOND
from camerad.base.errors import StorageError
from camerad.container.keys import KeyRing, PublicKey
from camerad.ledger.calendar_years import year_of
from camerad.ledger.entries import LedgerLine, parse_entry, read_lines
from camerad.ledger.entry_types import Carried
from camerad.ledger.ledger import Ledger
from camerad.ledger.recording_changes import Ended
from camerad.office.desk import oversight_routes, recording_routes
from camerad.office.desk.people import DeskRole
from camerad.office.index import recording_query

from .desk_scene import MINUTE, Browser, DeskScene

THERE = f"/api/recordings/{ONE}"


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[DeskScene]:
    with DeskScene(tmp_path) as made:
        camera = Camera(tmp_path / "camera")
        camera.put(ONE, marks=(1,))
        camera.put(TWO)
        camera.offload(made.office.directory)
        with open_office(made.office.directory, made.office.office_key, camera.clock) as store:
            store.reconcile()
        made.index.refresh()
        made.add("desk", DeskRole.DESK)
        made.add("boss", DeskRole.SUPERVISOR)
        yield made


@pytest.fixture
def tab(scene: DeskScene) -> Browser:
    return scene.signed_in("desk")


def test_a_camera_is_found_as_people_say_it(tab: Browser) -> None:
    said = tab.ask("GET", "/api/recordings?limit=1").said
    (name,) = said["cameras"]
    assert name == said["rows"][0]["camera"]
    assert tab.ask("GET", f"/api/recordings?after={said['next']}").said["cameras"] == []
    for words in (name, name.upper(), name[:-1], name[1:], KEY.public.thumbprint):
        page = tab.ask("GET", f"/api/recordings?camera={words}").said
        assert [one["id"] for one in page["rows"]] == [TWO, ONE], words


def test_an_id_is_found_by_its_number_and_its_last_letters(tab: Browser) -> None:
    def found(said: str) -> Any:
        return tab.ask("GET", f"/api/recordings?{urlencode({'id': said})}")

    number, letters = TWO.split("-")[1:]
    for said in (number, str(int(number)), letters[-4:].upper(), f"{int(number)}-{letters}"):
        assert TWO in [row["id"] for row in found(said).said["rows"]], said
    assert [row["id"] for row in found(f"{number}-{letters}").said["rows"]] == [TWO]
    assert found("ffff").said["rows"] == []
    assert not {"number", "tail"} & found(number).said["rows"][0].keys()


def test_the_ledger_s_camera_is_asked_for_as_the_list_s(scene: DeskScene, tab: Browser) -> None:
    scene.index.refresh()
    boss = scene.signed_in("boss")
    name = tab.ask("GET", "/api/recordings?limit=1").said["cameras"][0]
    rows = boss.ask("GET", f"/api/entries?camera={name}").said["rows"]
    assert {one["recording"] for one in rows} == {ONE, TWO}
    for words in (name.upper(), name[:-1], name[1:], KEY.public.thumbprint):
        assert boss.ask("GET", f"/api/entries?camera={words}").said["rows"] == rows, words
    assert boss.ask("GET", "/api/entries?camera=of-nobody").said["rows"] == []


def test_the_camera_s_key_is_known_before_the_index_knows_the_recording(
    tab: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording_query, "about", lambda *_: [])
    said = tab.ask("GET", THERE).said
    assert said["rows"] == []
    assert said["key"]["thumbprint"] == KEY.public.thumbprint


def test_a_file_that_is_no_recording_shows_what_happened_and_can_be_held(
    scene: DeskScene, tab: Browser
) -> None:
    (path,) = scene.office.directory.glob(f"*/recordings/{TWO}.tar")
    kept, mode = path.read_bytes(), path.stat().st_mode
    path.chmod(0o600)
    try:
        path.write_bytes(bytes(100))
        answer = tab.ask("GET", f"/api/recordings/{TWO}")
        assert answer.status == 200, answer.body
        assert (answer.said["said"], answer.said["unreadable"]) == (None, True)
        assert answer.said["history"]
        assert tab.ask("POST", f"/api/recordings/{TWO}/hold", {"reason": "Az. 9"}).status == 200
        assert tab.ask("GET", f"/api/recordings/{TWO}").said["held"]
    finally:
        path.write_bytes(kept)
        path.chmod(mode)


def test_what_cannot_be_read_of_its_cases_and_camera_is_said(
    scene: DeskScene, tab: Browser
) -> None:
    assert tab.ask("GET", THERE).said["missing"] == []
    damaged = scene.office.directory / "office/desk/cases" / f"{'ab' * 32}.json"
    damaged.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    damaged.write_bytes(b"{")
    scene.index.refresh()
    (key,) = scene.office.directory.glob("*/device.jwk")
    kept = key.read_bytes()
    key.unlink()
    try:
        said = tab.ask("GET", THERE).said
        assert said["missing"] == ["cases", "camera_ledger"]
        assert not [one for one in said["history"] if one["ledger"] == "camera"]
    finally:
        damaged.unlink()
        scene.index.refresh()
        key.write_bytes(kept)
    assert tab.ask("GET", THERE).said["missing"] == []


def test_a_hand_over_that_failed_half_way_is_none(
    scene: DeskScene, tab: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    def post(what: str, **said: str) -> int:
        return tab.ask("POST", f"/api/cases/{what}", {"number": "14"} | said).status

    def handed_over() -> list[str]:
        scene.index.refresh()
        rows = tab.ask("GET", "/api/recordings?handed_over=true").said["rows"]
        return [one["id"] for one in rows]

    assert [post("open"), post("add", recording=ONE), post("add", recording=TWO)] == [200] * 3
    for written in (1, 2):
        with monkeypatch.context() as patch:
            patch.setattr(Ledger, "append", fails_behind(written))
            assert post("hand-over", text="1 Js 14/26") == 503
        assert scene.kinds("case")[-1].what == "recording_handed_over"
        assert handed_over() == []
    assert post("hand-over", text="1 Js 14/26") == 200
    assert handed_over() == [TWO, ONE]


def test_a_hand_over_at_the_turn_of_the_year_is_one(
    scene: DeskScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A year begins an epoch of the ledger, though not between entries that belong together."""
    year = year_of(scene.clock.wall_us())
    new_year_us = round(datetime(year + 1, 1, 1).astimezone().timestamp()) * SECOND
    scene.clock.advance(new_year_us - 2 * SECOND - scene.clock.wall_us())
    tab, append = scene.signed_in("desk"), Ledger.append

    def slowly(ledger: Ledger, kind: str, **facts: Any) -> Any:
        written = append(ledger, kind, **facts)
        scene.clock.advance(SECOND)
        return written

    for what, said in (
        *(("open", {}), ("add", {"recording": ONE}), ("add", {"recording": TWO})),
        ("hand-over", {"text": "1 Js 15/26"}),
    ):
        if what == "hand-over":
            monkeypatch.setattr(Ledger, "append", slowly)
        assert tab.ask("POST", f"/api/cases/{what}", {"number": "15"} | said).status == 200
    assert year_of(scene.clock.wall_us()) == year + 1
    scene.index.refresh()
    rows = tab.ask("GET", "/api/recordings?handed_over=true").said["rows"]
    assert [one["id"] for one in rows] == [TWO, ONE]


def fails_behind(count: int) -> Any:
    """`Ledger.append` for whom the storage is full behind so many entries."""
    real, left = Ledger.append, count

    def append(ledger: Ledger, kind: str, **facts: Any) -> Any:
        nonlocal left
        left -= 1
        if left < 0:
            raise StorageError("no space left")
        return real(ledger, kind, **facts)

    return append


def test_a_hand_over_names_its_package_and_nothing_that_was_not_in_it(
    scene: DeskScene, tab: Browser
) -> None:
    def post(what: str, **said: Any) -> Any:
        return tab.ask("POST", f"/api/cases/{what}", {"number": "21"} | said)

    assert post("open").status == 200
    assert post("add", recording=ONE).status == 200
    for wrong in ("a" * 63, "A" * 64, f"{'a' * 64}\n"):
        assert post("hand-over", text="Az.", package=wrong).why == "not_understood"
    whole = {"text": " Az. 1 Js 2/26 ", "package": "a" * 64}
    for other in ({"recordings": [ONE, TWO]}, {"recordings": []}, {"recordings": None}, {}):
        answer = post("hand-over", **whole, **other)
        assert (answer.status, answer.why) == (409, "case_changed"), other
    said = post("hand-over", recordings=[ONE], **whole).said
    assert [(one["to"], one["package"]) for one in said["handed_over"]] == [
        ("Az. 1 Js 2/26", "a" * 64)
    ]
    (entry,) = (one for one in scene.kinds("case") if (one.case, one.what) == ("21", "handed_over"))
    assert entry.reason == f"Az. 1 Js 2/26; SHA-256 {'a' * 64}"
    # Of what the command made the bytes are not known here.
    assert post("hand-over", text="Az.").said["handed_over"][1]["package"] == ""


def ends_in(lines: list[LedgerLine]) -> set[str]:
    """The ends that entries name."""
    return {
        one.entry.facts.final
        for one in lines
        if one.entry is not None and isinstance(one.entry.facts, Ended) and one.entry.facts.final
    }


def test_what_the_ledgers_say_goes_along_as_they_signed_it(scene: DeskScene, tab: Browser) -> None:
    said = tab.ask("GET", f"{THERE}/ledgers").said
    pems = [one["pem"].encode() for one in said["signers"]]
    ring = KeyRing([PublicKey.from_pem(one) for one in pems])
    assert set(ring) == {KEY.public.thumbprint, scene.office.office_key.public.thumbprint}
    lines = list(read_lines("".join(f"{one}\n" for one in said["tokens"]).encode(), ring))
    kinds = [one.entry.kind for one in lines if one.entry is not None]
    assert len(kinds) == len(lines) >= 3
    history = tab.ask("GET", THERE).said["history"]
    # What cases say of it besides is no entry.
    assert kinds == [one["kind"] for one in history if one["sequence"] is not None]
    assert said["software"] == f"camerad {__version__}"
    # How it ended, both say in entries: so nothing that was carried on is needed.
    (final,) = ends_in(lines)
    assert re.fullmatch("[0-9a-f]{64}", final)
    assert said["carried"] == []
    # The end of another file that was found in its place is not the end that it had.
    for other in ("f" * 64, final):
        scene.desk._parts.ledger.append("changed", id=ONE, final=other)
        said = tab.ask("GET", f"{THERE}/ledgers").said
        lines = list(read_lines("".join(f"{one}\n" for one in said["tokens"]).encode(), ring))
        assert ends_in(lines) == {final}
    never = "/api/recordings/20261124T153000Z-000099-00000001/ledgers"
    assert tab.ask("GET", never).why == "not_there"


def test_an_end_whose_entry_has_expired_comes_by_what_was_carried_on(
    scene: DeskScene, tab: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = Path(scene.directory) / "office/ledger"
    with open_office(scene.office.directory, scene.office.office_key, scene.clock) as store:
        store.ledger.rotate()
    monkeypatch.setattr(recording_routes, "entries_of", lambda *_: ())
    said = tab.ask("GET", f"{THERE}/ledgers").said
    ring = KeyRing([PublicKey.from_pem(one["pem"].encode()) for one in said["signers"]])
    entries = [parse_entry(one.encode(), ring) for one in said["carried"]]
    newest = max(ledger.glob("*.jws")).read_bytes()
    assert (said["tokens"], entries[-1].token in newest) == ([], True)
    for entry in entries:
        assert isinstance(entry.facts, Carried)
        (known,) = (one for one in entry.facts.recordings if one.id == ONE)
        assert known.final is not None


def test_all_statements_of_a_recording_come_at_once(scene: DeskScene, tab: Browser) -> None:
    body = {"recordings": [ONE], "reason": "Az. 7", "purpose": "download"}
    (viewing,) = tab.ask("POST", "/api/viewings", body).said["viewings"]
    statements = tab.ask("GET", f"{THERE}/statements", headers={"Viewing": viewing})
    assert (statements.status, b"camerad" in statements.body) == (200, False)
    assert len(statements.body) > 1000


def test_what_cases_say_stands_where_it_was_in_time(scene: DeskScene, tab: Browser) -> None:
    for path, body in (
        ("/api/cases/open", {"number": "7"}),
        ("/api/cases/add", {"number": "7", "recording": ONE}),
        ("/api/viewings", {"recordings": [ONE], "reason": "theft", "case": "7"}),
        ("/api/cases/hand-over", {"number": "7", "text": "StA"}),
        (f"{THERE}/hold", {"reason": "Az. 7"}),
        ("/api/cases/remove", {"number": "7", "recording": ONE}),
        ("/api/cases/add", {"number": "7", "recording": ONE}),
    ):
        assert tab.ask("POST", path, body).status == 200, path
        scene.clock.advance(MINUTE)
    history = tab.ask("GET", THERE).said["history"]
    assert [one["kind"] for one in history[-6:]] == [
        "case_added",
        "viewed",
        "handed_over",
        "hold",
        "case_removed",
        "case_added",
    ]
    assert [one["reason"] for one in history[-6:-3]] == ["7", "7, theft", "7, StA"]
    times = [one["wall_us"] for one in history if one["ledger"] == "office"]
    assert times == sorted(times)


def test_whatever_is_held_past_its_day_is_shown_however_much_is_held(
    scene: DeskScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The oldest are those past their day, and the newest come first."""
    monkeypatch.setattr(oversight_routes, "MOST", 1)
    for one in (ONE, TWO):
        there = f"/api/recordings/{one}/hold"
        assert scene.signed_in("desk").ask("POST", there, {"reason": "Az. 7"}).status == 200
    scene.clock.advance(400 * DAY)
    scene.index.refresh()
    said = scene.signed_in("desk").ask("GET", "/api/deletions").said
    assert {one["id"] for one in said["held"]} == {ONE, TWO}


def test_what_went_since_yesterday_s_beginning_is_shown_and_nothing_before(
    scene: DeskScene,
) -> None:
    def done_at(days: int, hour: int) -> int:
        at = datetime.fromtimestamp(gone_us / SECOND).replace(hour=hour) + timedelta(days=days)
        scene.clock.advance(round(at.timestamp()) * SECOND - scene.clock.wall_us())
        return len(scene.signed_in("desk").ask("GET", "/api/deletions").said["done"])

    noon = datetime.fromtimestamp(scene.clock.wall_us() / SECOND) + timedelta(days=400)
    gone_us = round(noon.replace(hour=12, minute=0).timestamp()) * SECOND
    scene.clock.advance(gone_us - scene.clock.wall_us())
    office = scene.office
    with open_office(office.directory, office.office_key, scene.clock) as store:
        assert len(store.purge()) == 2
    scene.index.refresh()
    assert [done_at(0, 13), done_at(1, 23), done_at(2, 1)] == [2, 2, 0]


def test_o5_nobody_is_given_a_byte_before_the_ledger_has_who_and_why(
    scene: DeskScene, tab: Browser
) -> None:
    assert tab.ask("GET", f"{THERE}/content").why == "not_allowed"
    body = {"recordings": [ONE], "purpose": "view"}
    for reason in ("", " ", "a\nb", "x" * 201):
        assert tab.ask("POST", "/api/viewings", body | {"reason": reason}).why == "reason_needed"
    before = len(scene.entries())
    answer = tab.ask("POST", "/api/viewings", body | {"reason": "Az. 7"})
    kind, facts = scene.entries()[-1]
    assert len(scene.entries()) == before + 1
    assert (kind, facts.id, facts.who, facts.reason, facts.role) == (
        *("viewed", ONE, "desk", "Az. 7", "desk"),
    )
    fields = {"Viewing": str(answer.said["viewings"][0]), "Range": "bytes=0-9"}
    answer = tab.ask("GET", f"{THERE}/content", headers=fields)
    assert (answer.status, answer.body) == (206, b"header.jws")
