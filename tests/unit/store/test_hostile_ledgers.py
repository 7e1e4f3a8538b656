"""A camera writes into its ledger what it likes: what that costs an office is bounded, and nobody
else waits for it."""

from __future__ import annotations

import itertools
import time
import tracemalloc
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

import pytest
from desk_helpers import DAYS, KEY, KEYS, ONE, TWO
from hostile_ledger import HostileLedger, runs

from camerad.base import durable_files
from camerad.base.clock import DAY, SECOND, ClockSource, Moment
from camerad.container.keys import KeyRing
from camerad.ledger import entries, ledger_lines, log_segments
from camerad.ledger.ledger import read_state
from camerad.store import held_on_camera
from camerad.store.camera_ledgers import find_doubtful
from camerad.store.held_on_camera import MOST_HELD, held_in
from camerad.store.locations import Holding, office_place
from tests.unit.office.jobs.deletion_scene import OFFICE, Office

MIB: Final = 1 << 20
RUNS: Final = 20_000
ENTRIES: Final = 1_000


def _said(kind: str, **facts: Any) -> Any:
    return entries.facts_of_kind(kind, facts)


def _ends() -> Iterable[Any]:
    """Each in a boot that is nowhere."""
    return HostileLedger(KEY).ends()


def _deletions() -> Iterable[Any]:
    """Of what had to stay, since entries were lost."""
    yield _said("damaged", file="000001.jws", sha256="")
    for number in itertools.count():
        one = f"20261124T153000Z-{number:06}-{number:08}"
        end = Moment(1, SECOND, ClockSource.SYNCHRONISED)
        yield _said(
            "closed", id=one, final="f", retention_days=1, ended=end, flagged=False, reason="stop"
        )
        yield _said("deleted", id=one, final="f", why="expired", age_us=86_400 * SECOND)


def _hold_ends() -> Iterable[Any]:
    """Of one recording."""
    return (
        _said("hold_until", id=ONE, reason=f"{at}", who="x", until_us=at)
        for at in itertools.count(1)
    )


@pytest.mark.parametrize("facts", [_ends, _deletions, _hold_ends])
def test_an_entry_costs_the_same_however_much_is_in_its_file(
    facts: Callable[[], Iterable[Any]],
) -> None:
    """Its signature is checked for as long as all of the rest takes, or longer."""
    made = HostileLedger(KEY)
    _, content = made.epoch(itertools.islice(facts(), ENTRIES), runs(RUNS))

    def seconds(work: Callable[[], object]) -> float:
        """The least of three: what runs beside it can only add to that."""
        took = []
        for _ in range(3):
            began = time.thread_time()
            work()
            took.append(time.thread_time() - began)
        return min(took)

    alone = seconds(lambda: sum(1 for _ in entries.read_lines(content, KEYS)))
    read = seconds(lambda: log_segments.read_epoch(None, 1, content, KEYS))
    assert read < 4 * alone


def _brought(root: Path, made: HostileLedger, files: int, mib: int) -> Holding:
    """The directory of a camera with so many files, each of so many MiB, of holds."""
    (root / "recordings").mkdir(parents=True)
    (root / "ledger").mkdir()
    for _ in range(files):
        name, content = made.epoch(made.holds(), largest=mib * MIB)
        (root / "ledger" / name).write_bytes(content)
    return Holding(str(root), str(root / "recordings"))


def test_memory_is_bounded_whatever_a_camera_holds(tmp_path: Path) -> None:
    """Ten MiB of holds: as much is in memory as of one file, and some thousand of the holds."""
    holding = _brought(tmp_path / "cam-1", HostileLedger(KEY), 10, 1)
    tracemalloc.start()
    try:
        held = held_in(holding, KEYS)
        kept, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert not held.complete
    assert sum(map(len, held.holds.values())) <= MOST_HELD
    assert kept < 8 * MIB
    assert peak < 16 * MIB


def test_a_ledger_that_took_long_is_not_read_again_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what it holds may be hidden until then."""
    made = HostileLedger(KEY)
    holding = _brought(tmp_path / "cam-1", made, 1, 1)
    monkeypatch.setattr(held_on_camera, "LONG_SECONDS", 0.0)
    monkeypatch.setattr(held_on_camera, "AGAIN", 1000)
    first = held_in(holding, KEYS)
    name, content = made.epoch(made.holds(), largest=MIB)
    (tmp_path / "cam-1" / "ledger" / name).write_bytes(content)
    again = held_in(holding, KEYS)
    assert first.complete
    assert again.holds is first.holds
    assert not again.current


@pytest.fixture
def office(tmp_path: Path) -> Office:
    made = Office(tmp_path)
    made.take(ONE, TWO)
    return made


def test_what_a_camera_hides_beyond_the_bound_keeps_its_recordings(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    with office.camera.open() as store:
        store.hold(ONE, "theft", "Officer")
        store.hold(TWO, "theft", "Officer")
    office.camera.offload(office.directory)
    monkeypatch.setattr(held_on_camera, "MOST_HELD", 0)
    office.retention.look()
    place = office_place(str(office.directory))
    with office.camera.open() as store:
        (doubt,) = find_doubtful(place, store.ledger.state, KEYS)
    assert doubt.hides
    assert office.there == {ONE, TWO}


def test_a_ledger_that_is_not_read_yet_is_told_of_where_something_stays_for_it(
    office: Office, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(held_on_camera, "LONG_SECONDS", 0.0)
    monkeypatch.setattr(held_on_camera, "AGAIN", 1_000_000)
    office.retention.look()
    with office.camera.open() as store:
        store.hold(ONE, "theft", "Officer")
    office.camera.offload(office.directory)
    office.retention.look()
    assert "has changed since it was read" not in caplog.text, "nothing is due"
    office.clock.advance((DAYS + 1) * DAY)
    office.retention.look()
    assert "has changed since it was read" in caplog.text
    assert office.there == {ONE, TWO}


def test_no_ledger_of_a_camera_is_read_while_the_offices_is_claimed(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever waits for the office's ledger waits for no camera's."""
    office.retention.look()
    with office.camera.open() as store:
        store.hold(ONE, "theft", "Officer")
    office.camera.offload(office.directory)
    read: list[bool] = []

    def noted(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(directory: str, name: str) -> Any:
            if "/office/ledger" not in directory.replace(str(office.directory), ""):
                try:
                    held = durable_files.lock_directory(str(office.directory / "office"))
                except BlockingIOError:
                    read.append(True)
                else:
                    read.append(False)
                    durable_files.close(held, "")
            return real(directory, name)

        return call

    for module, name in ((log_segments, "read_file"), (ledger_lines, "read_tokens")):
        monkeypatch.setattr(module, name, noted(getattr(module, name)))
    office.retention.look()
    assert read and not any(read)
    state = read_state(str(office.directory / "office" / "ledger"), KeyRing([OFFICE.public]))
    assert [one.reason for one in state.recordings[ONE].holds] == ["on the camera: theft"]
