"""A click on a recording reads only what is about it, however long the ledger and the list of
cases are. The answer is the same as if all of it were read, also with a damaged ledger."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from desk_helpers import ONE, TWO, Camera, open_office

from camerad.base import safe_read
from camerad.base.clock import DAY
from camerad.ledger import log_segments
from camerad.office.desk.people import DeskRole
from camerad.office.desk.recording_history import entries_of
from camerad.store.locations import office_place
from camerad.store.store import Store

from .desk_scene import Browser, DeskScene

EPOCHS = 30
CASES = 25


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[DeskScene]:
    """An office with a long ledger, of which one epoch in ten says something of one recording."""
    with DeskScene(tmp_path / "desk") as made:
        camera = Camera(tmp_path / "camera")
        camera.put(ONE)
        camera.put(TWO)
        camera.offload(made.office.directory)
        about = [ONE if number % 10 == 5 else TWO for number in range(EPOCHS)]
        work(made, lambda store: view(store, *about))
        made.index.refresh()
        made.add("desk", DeskRole.DESK)
        yield made


@pytest.fixture
def tab(scene: DeskScene) -> Browser:
    return scene.signed_in("desk")


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Files of ledgers, and of cases, that are read."""
    found: list[str] = []
    ledger, plain = log_segments.read_file, safe_read.read_plain

    def of_ledger(directory: str, name: str) -> bytes:
        found.append(f"{directory}/{name}")
        return ledger(directory, name)

    def of_state(path: str, *rest: Any) -> bytes:
        if "/cases/" in path:
            found.append(path)
        return plain(path, *rest)

    monkeypatch.setattr(log_segments, "read_file", of_ledger)
    monkeypatch.setattr("camerad.base.state_file.read_plain", of_state)
    return found


def work(scene: DeskScene, does: Callable[[Store], object]) -> None:
    """Work with the office's store."""
    with open_office(scene.office.directory, scene.office.office_key, scene.clock) as store:
        does(store)


def view(store: Store, *recordings: str) -> None:
    """Each in a separate epoch, and the next one begins."""
    said: Any = {"who": "desk", "role": "desk", "reason": "theft", "case": "", "approved_by": ""}
    for one in recordings:
        store.ledger.append("viewed", id=one, **said)
        store.ledger.rotate()


def said(tab: Browser, recording: str = ONE) -> list[tuple[str, int]]:
    """What the page says happened, by ledger and sequence number."""
    history = tab.ask("GET", f"/api/recordings/{recording}").said["history"]
    return [(one["ledger"], one["sequence"]) for one in history]


def all_of(scene: DeskScene, recording: str = ONE) -> list[tuple[str, int]]:
    """The same, when all ledgers are read from one end to the other."""
    place = office_place(scene.directory)
    found = entries_of(place, scene.office.office_key.public, recording)
    return [(one.ledger, one.entry.sequence) for one in found]


def epochs(scene: DeskScene) -> list[Path]:
    return sorted(Path(scene.directory, "office/ledger").glob("*.jws"))


def test_a_click_reads_what_is_about_the_recording(
    scene: DeskScene, tab: Browser, read: list[str]
) -> None:
    expected = all_of(scene)
    assert len([one for one in expected if one[0] == "office"]) == 3
    said(tab)  # whose signatures count is found out once
    read.clear()
    assert said(tab) == expected
    # Where it is told of: three epochs and the newest, and that once more for what holds; and the
    # camera's own.
    assert len(read) <= 7


def test_a_hold_that_each_epoch_says_again_is_read_where_it_was_placed(
    scene: DeskScene, tab: Browser, read: list[str]
) -> None:
    until = scene.clock.wall_us() + 400 * DAY
    work(scene, lambda store: store.hold(ONE, "objection", "desk", until_us=until))
    work(scene, lambda store: view(store, *([TWO] * 20)))
    scene.index.refresh()
    assert tab.ask("GET", f"/api/recordings/{ONE}").said["held"] is True
    read.clear()
    assert said(tab) == all_of(scene)
    before = len(epochs(scene))
    assert len(set(read)) >= before, "all of it was read to compare"
    read.clear()
    said(tab)
    assert len(read) <= 10


def test_what_is_written_down_reads_no_camera_s_ledger_that_is_as_it_was(
    scene: DeskScene, tab: Browser, read: list[str]
) -> None:
    for number in range(3):
        read.clear()
        said = {"reason": f"{number}/26", "until_us": None}
        assert tab.ask("POST", f"/api/recordings/{ONE}/hold", said).status == 200
    assert [one for one in read if "/office/ledger/" not in one] == []


@pytest.mark.parametrize("what", ["behind", "rotated", "cut", "restored", "gone", "anew", "others"])
def test_it_says_what_the_ledger_says_whatever_happened_to_it(
    scene: DeskScene, tab: Browser, tmp_path: Path, what: str
) -> None:
    """The index has not looked again."""
    ledger = Path(scene.directory, "office/ledger")
    kept = tmp_path / "kept"
    if what == "restored":
        shutil.copytree(ledger, kept)
    if what in ("behind", "restored", "cut"):
        work(scene, lambda store: store.hold(ONE, "theft", "desk"))
    if what == "cut":
        newest = epochs(scene)[-1]
        newest.write_bytes(newest.read_bytes()[:-20])
    elif what == "rotated":
        work(scene, lambda store: view(store, ONE, ONE, TWO))
    elif what == "restored":
        scene.index.refresh()
        shutil.rmtree(ledger)
        shutil.copytree(kept, ledger)
    elif what == "gone":
        epochs(scene)[5].unlink()
    elif what == "anew":
        Path(scene.directory, "office/index.sqlite").unlink()
        scene.index.open()
    elif what == "others":
        middle = epochs(scene)[5]
        middle.rename(middle.with_suffix(".damaged"))
    expected = all_of(scene)
    assert any(one[0] == "office" for one in expected)
    assert said(tab) == expected
    scene.index.refresh()
    assert said(tab) == expected


def test_a_click_reads_the_cases_that_changed(
    scene: DeskScene, tab: Browser, read: list[str]
) -> None:
    for number in range(CASES):
        assert tab.ask("POST", "/api/cases/open", {"number": f"{number}/26"}).status == 200
    tab.ask("POST", "/api/cases/add", {"number": "3/26", "recording": ONE})
    assert tab.ask("GET", f"/api/recordings/{ONE}").said["cases"] == ["3/26"]
    read.clear()
    assert tab.ask("GET", f"/api/recordings/{ONE}").said["cases"] == ["3/26"]
    assert [one for one in read if "/cases/" in one] == []
    tab.ask("POST", "/api/cases/add", {"number": "4/26", "recording": ONE})
    read.clear()
    there = tab.ask("GET", f"/api/recordings/{ONE}").said["cases"]
    assert sorted(there) == ["3/26", "4/26"]
    assert len([one for one in read if "/cases/" in one]) == 1
    found = tab.ask("GET", "/api/cases").said["rows"]
    assert len(found) == CASES
    # By any writer: a backup puts back what a case was.
    Path(next(one for one in read if "/cases/" in one)).unlink()
    assert tab.ask("GET", f"/api/recordings/{ONE}").said["cases"] == ["3/26"]
