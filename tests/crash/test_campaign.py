"""The campaign finds what a restart leaves wrong, also when the restart itself is cut off."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.crash.campaign import Campaign, Effort
from tests.crash.model import Rules, Tree
from tests.crash.trace import Kind, Op, Promise, Recorder

pytestmark = pytest.mark.campaign

EFFORT = Effort(limit=64, torn=4, nested=1.0, nested_limit=64, nested_torn=2, twice=1.0)
LINE = 100


class _Lines:
    """Judges a log of lines of 100 bytes: what was promised is there, and only whole lines are."""

    def __init__(self) -> None:
        self._promised = 0

    def take(self, promise: Promise) -> None:
        self._promised = int(promise.facts["lines"])

    def judge(self, before: Tree, after: Tree, error: Exception | None) -> list[str]:
        if error is not None:
            return [repr(error)]
        data = after.files["log"].data if "log" in after.files else b""
        wanted = b"".join(bytes([number + 1]) * LINE for number in range(self._promised))
        if not data.startswith(wanted):
            return ["a line is lost"]
        return [] if not len(data) % LINE and b"\0" not in data else ["half a line is left"]

    def again(self, first: Tree, second: Tree, ops: Iterable[Op]) -> list[str]:
        return [] if first == second else ["a second restart changes something"]


def _sync_directory(directory: str) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    os.fsync(descriptor)
    os.close(descriptor)


def _record(root: Path) -> Recorder:
    root.mkdir()
    recorder = Recorder(str(root), code=os.path.dirname(__file__))
    with recorder.recording():
        descriptor = os.open(f"{root}/log", os.O_RDWR | os.O_CREAT, 0o640)
        _sync_directory(str(root))
        for number in range(4):
            os.pwrite(descriptor, bytes([number + 1]) * LINE, number * LINE)
            os.fdatasync(descriptor)
            recorder.promise("lines", lines=number + 1)
        os.close(descriptor)
    return recorder


def _whole_lines(path: str) -> bytes:
    with open(path, "rb") as file:
        data = file.read().rstrip(b"\0")
    return data[: len(data) - len(data) % LINE]


def _cut(root: str) -> None:
    """A repair that is right: what is kept stays where it is."""
    path = f"{root}/log"
    if not os.path.exists(path) or os.path.getsize(path) == len(_whole_lines(path)):
        return
    descriptor = os.open(path, os.O_RDWR)
    os.ftruncate(descriptor, len(_whole_lines(path)))
    os.fdatasync(descriptor)
    os.close(descriptor)


def _write_anew(root: str) -> None:
    """A repair that loses everything if it is cut off."""
    path = f"{root}/log"
    if not os.path.exists(path) or os.path.getsize(path) == len(_whole_lines(path)):
        return
    data = _whole_lines(path)
    descriptor = os.open(path, os.O_RDWR | os.O_TRUNC)
    os.write(descriptor, data)
    os.fdatasync(descriptor)
    os.close(descriptor)


def _campaign(root: Path, repair: object) -> Campaign:
    root.mkdir()
    assert callable(repair)
    return Campaign(str(root), repair, EFFORT)


@pytest.mark.parametrize("rules", Rules)
def test_a_right_repair_is_never_blamed(tmp_path: Path, rules: Rules) -> None:
    recorder = _record(tmp_path / "life")
    campaign = _campaign(tmp_path / "states", _cut)
    assert campaign.run(recorder.events, _Lines(), rules) == []
    # No file; an empty one; for each of four lines its size alone, and its size with its bytes.
    assert campaign.tally.states == 1 + 1 + 4 * 2


def test_a_repair_that_may_not_be_cut_off_is_found(tmp_path: Path) -> None:
    recorder = _record(tmp_path / "life")
    campaign = _campaign(tmp_path / "states", _write_anew)
    found = campaign.run(recorder.events, _Lines())
    assert {violation.text for violation in found} >= {"a line is lost"}
    assert all(violation.nested for violation in found)


def test_no_repair_at_all_is_found(tmp_path: Path) -> None:
    recorder = _record(tmp_path / "life")
    campaign = _campaign(tmp_path / "states", lambda root: None)
    found = campaign.run(recorder.events, _Lines())
    assert {violation.text for violation in found} == {"half a line is left"}


def test_a_restart_that_never_settles_is_found(tmp_path: Path) -> None:
    def grow(root: str) -> None:
        _cut(root)
        descriptor = os.open(f"{root}/log", os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o640)
        os.write(descriptor, b"x" * LINE)
        os.close(descriptor)

    recorder = _record(tmp_path / "life")
    found = _campaign(tmp_path / "states", grow).run(recorder.events, _Lines(), first=True)
    assert "a second restart changes something" in found[0].text


def test_an_error_at_a_restart_reaches_the_judge(tmp_path: Path) -> None:
    def fail(root: str) -> None:
        raise OSError("no")

    recorder = _record(tmp_path / "life")
    found = _campaign(tmp_path / "states", fail).run(recorder.events, _Lines(), first=True)
    assert "no" in found[0].text


def test_a_forgotten_synchronisation_is_found(tmp_path: Path) -> None:
    def is_first(op: Op) -> bool:
        return op is syncs[0]

    recorder = _record(tmp_path / "life")
    syncs = [op for op in recorder.ops if op.kind is Kind.SYNC_DATA]
    campaign = _campaign(tmp_path / "states", _cut)
    found = campaign.run(recorder.events, _Lines(), forget=is_first, only_changed=True, first=True)
    assert found[0].text == "a line is lost"
    assert campaign.tally.points == 1
