"""Requests for access: what is found of a time, what may be answered, and what is written down."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from check_in_helpers import token
from desk_helpers import KEY, ONE, THREE, TWO, Camera, open_office
from sqlalchemy import select
from state_helpers import check_ins_in

from camerad.base.clock import DAY, SECOND
from camerad.office.desk.people import DeskRole
from camerad.office.server.cameras import Cameras
from camerad.office.state.state_tables import access_requests
from camerad.store.check_in import RecordingCounts

from .desk_scene import Browser, DeskScene

FOUR: Final = "20261124T180000Z-000004-00000004"
FROM_US: Final = 1_795_534_200 * SECOND - 3600 * SECOND
"""An hour before the first; the last begins two and a half hours after that."""
TO_US: Final = FROM_US + 4 * 3600 * SECOND
PATH: Final = "/api/access-requests"
RECEIVED: Final = "2026-11-30"
FOUND: Final[dict[str, tuple[str, list[tuple[str, str]], str]]] = {
    ONE: ("here", [("Az. 7", "prosecution")], "held"),
    TWO: ("here", [], "kept"),
    THREE: ("deleted", [], "deleted"),
    FOUR: ("missing", [], "unclear"),
}
"""State, holds with their grounds, and what may be told of each."""


@contextmanager
def access_office(root: Path, **desk: Any) -> Iterator[DeskScene]:
    """An office that holds a recording, keeps one, has deleted one, and has lost one's file."""
    with DeskScene(root, **desk) as made:
        camera = Camera(root / "camera")
        for number, recording in enumerate((ONE, TWO, THREE, FOUR)):
            camera.put(recording, later_us=number * 1800 * SECOND, wearer=f"w{number}")
        camera.offload(made.office.directory)
        office = made.office
        with open_office(office.directory, office.office_key, made.clock) as store:
            store.reconcile()
            next(Path(made.directory).rglob(f"{FOUR}.tar")).unlink()
            made.clock.advance(15 * DAY)
            store.reconcile()
            store.hold(ONE, "Az. 7", "boss", ground="prosecution")
            store.hold(TWO, "for now", "boss")
            assert [one.id for one in store.purge()] == [THREE]
            store.release(TWO, "boss")
        made.index.refresh()
        made.add("desk", DeskRole.DESK)
        made.add("dpo", DeskRole.DATA_PROTECTION)
        yield made


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeskScene]:
    with access_office(tmp_path_factory.mktemp("access")) as made:
        yield made


@pytest.fixture
def tab(scene: DeskScene) -> Browser:
    return scene.signed_in("desk")


def opened(tab: Browser, **how: Any) -> str:
    body = {"received": RECEIVED, "from_us": FROM_US, "to_us": TO_US} | how
    answer = tab.ask("POST", f"{PATH}/open", body)
    assert answer.status == 200, answer.body
    return str(answer.said["number"])


def found(tab: Browser, number: str, more: str = "") -> Any:
    answer = tab.ask("GET", f"{PATH}/one?number={number}{more}")
    assert answer.status == 200, answer.body
    return answer.said


def answers(tab: Browser, number: str, *given: tuple[str, ...]) -> str:
    """The refusal of an answer, "" if it counts."""
    names = ("recording", "answer", "ground")
    said = [dict(zip(names, one, strict=False)) for one in given]
    answer = tab.ask("POST", f"{PATH}/answer", {"number": number, "answers": said})
    return "" if answer.status == 200 else answer.why


def test_each_recording_of_that_time_is_found_as_the_ledger_has_it(tab: Browser) -> None:
    said = found(tab, opened(tab))
    rows = {one["id"]: one for one in said["recordings"]}
    assert list(rows) == list(FOUND)
    for recording, (state, holds, _) in FOUND.items():
        row = rows[recording]
        there = [(one["reason"], one["ground"]) for one in row["holds"]]
        assert (row["state"], there) == (state, holds), recording
        assert (row["deleted_us"] is not None) == (state == "deleted"), recording
        if state != "missing":
            assert FROM_US + 14 * DAY < row["due_us"] < TO_US + 14 * DAY, recording
        assert not {"wearer", "marks", "flagged", "key", "not_authentic_by"} & row.keys()


def test_only_what_the_ledger_has_can_be_answered(scene: DeskScene, tab: Browser) -> None:
    number = opened(tab)
    ways = {"kept", "held", "deleted", "unclear", "copy"}
    for recording, (state, _, answer) in FOUND.items():
        for other in ways - {answer} - ({"copy"} if state == "here" else set()):
            assert answers(tab, number, (recording, other)) == "access_changed", (recording, other)
        for wrong in ("refused",), ("refused", "curiosity"), (answer, "safety"):
            assert answers(tab, number, (recording, *wrong)) == "not_understood", recording
    assert answers(tab, number, (ONE, "held"), (ONE, "held")) == "access_changed"
    given = [(one, answer) for one, (_, _, answer) in FOUND.items()][:3]
    assert answers(tab, number, *given, (FOUR, "refused", "third_parties")) == ""
    (entry,) = (one for one in scene.kinds("access_request") if one.answers)
    assert entry.answers == ("held", "kept", "deleted", "refused_third_parties")
    assert (entry.number, entry.what, entry.who, entry.found) == (number, "answered", "desk", 4)
    assert (entry.received, entry.from_us, entry.to_us) == (RECEIVED, FROM_US, TO_US)
    scene.index.refresh()
    listed = scene.signed_in("dpo").ask("GET", "/api/entries?kind=access_request").said["rows"]
    assert (listed[0]["facts"]["answers"], listed[0]["reason"]) == (list(entry.answers), number)


def test_what_never_was_is_told_apart_from_what_was_deleted(scene: DeskScene, tab: Browser) -> None:
    """Of the hour before there is neither a file nor a tombstone; a camera that was not in its dock
    since may have some, and then the page says so."""
    before = {"from_us": FROM_US - 3600 * SECOND, "to_us": FROM_US}
    number = opened(tab, **before)
    said = found(tab, number)
    assert said["recordings"] == []
    assert [(one["camera"], one["seen_us"]) for one in said["waiting"]] == [("cam-1", None)]
    assert answers(tab, number) == ""
    check_ins = check_ins_in(scene.directory, Cameras(str(scene.office.register)), scene.clock)
    for sequence, left in enumerate((2, 0), 5):
        counts = RecordingCounts(here=3, open=0, unacknowledged=left)
        check_ins.take(KEY.public.thumbprint, token(100, sequence, recordings=counts))
        assert [one["left"] for one in found(tab, number)["waiting"]] == ([left] if left else [])


def test_camera_and_wearer_narrow_what_they_are_known_of(tab: Browser) -> None:
    number = opened(tab)
    for more, expected in (
        ("&wearer=w1", [TWO, THREE, FOUR]),
        ("&camera=cam-1", [*FOUND]),
        ("&camera=cam-9", [FOUR]),
    ):
        assert [one["id"] for one in found(tab, number, more)["recordings"]] == expected, more


def test_a_row_watches_the_term_and_goes_a_month_after_the_answer(
    scene: DeskScene, tab: Browser
) -> None:
    """Nothing in it or in the ledger says who asks. A withdrawn one's number is not given again."""
    for received, due, longest in (
        ("2026-01-31", "2026-02-28", "2026-04-30"),
        ("2025-12-15", "2026-01-15", "2026-03-15"),
    ):
        request = found(tab, opened(tab, received=received))["request"]
        assert (request["due"], request["longest"]) == (due, longest)
    withdrawn, answered, open_one = (opened(tab) for _ in range(3))
    assert tab.ask("POST", f"{PATH}/withdraw", {"number": withdrawn}).status == 200
    assert tab.ask("GET", f"{PATH}/one?number={withdrawn}").why == "not_there"
    assert opened(tab) not in (withdrawn, answered, open_one)
    assert answers(tab, answered) == ""
    names = {column.name for column in access_requests.columns}
    assert names == {"number", "received", "from_us", "to_us", "answered_us", "until_us"}

    def there() -> set[str]:
        scene.desk.tidy()
        with scene.state.reading() as rows:
            known = set(rows.execute(select(access_requests.c.number)).scalars())
        return known & {withdrawn, answered, open_one}

    assert there() == {withdrawn, answered, open_one}
    scene.clock.advance(31 * DAY)
    assert there() == {open_one}
    assert answered in {one.number for one in scene.kinds("access_request")}
