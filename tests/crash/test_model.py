"""The model finds what is wrong with the classic mistakes, and nothing with what is right."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest

from tests.crash.model import PAGE, SECTOR, Disk, Rules, Survey, Tree
from tests.crash.trace import Promise, Recorder, UnknownOperationError
from tests.crash.workspace import Workspace

OLD, NEW = b"old" * 3000, b"new" * 3000
Check = Callable[[Tree, list[Promise]], bool]


def _make(path: str, data: bytes) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o640)
    os.pwrite(descriptor, data, 0)
    return descriptor


def _sync_directory(directory: str) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    os.fsync(descriptor)
    os.close(descriptor)


def _record(root: Path, steps: Callable[[str, Recorder], None]) -> Recorder:
    recorder = Recorder(str(root), code=os.path.dirname(__file__))
    with recorder.recording():
        steps(str(root), recorder)
    return recorder


def _states(
    recorder: Recorder, rules: Rules = Rules.HARSH, limit: int = 4096, torn: int = 50
) -> Iterator[tuple[Tree, list[Promise]]]:
    """Every state after every operation, with what was promised by then."""
    disk, promises = Disk(rules=rules), list[Promise]()
    random, survey = Random(1), Survey()
    for event in recorder.events:
        if isinstance(event, Promise):
            promises.append(event)
        else:
            disk.apply(event)
        for tree in disk.states(limit, torn, random, survey):
            yield tree, list(promises)


def _replace(root: str, recorder: Recorder, *, sync: bool, sync_directory: bool) -> None:
    os.close(old := _make(f"{root}/a", OLD))
    old = os.open(f"{root}/a", os.O_RDWR)
    os.fdatasync(old)
    os.close(old)
    _sync_directory(root)
    recorder.promise("old")
    descriptor = _make(f"{root}/a.new", NEW)
    if sync:
        os.fdatasync(descriptor)
    os.close(descriptor)
    os.rename(f"{root}/a.new", f"{root}/a")
    if sync_directory:
        _sync_directory(root)
    recorder.promise("new")


def _replaced_wrongly(tree: Tree, promises: list[Promise]) -> bool:
    if not promises:
        return False
    there = tree.files.get("a")
    allowed = (NEW,) if len(promises) == 2 else (OLD, NEW)
    return there is None or there.data not in allowed


def test_fat_may_leave_either_name_of_a_renamed_file_both_or_neither(tmp_path: Path) -> None:
    def steps(root: str, _: Recorder) -> None:
        os.close(_make(f"{root}/a", NEW))
        _sync_directory(root)
        os.rename(f"{root}/a", f"{root}/b")

    events = _record(tmp_path, steps).ops
    disk = Disk(atomic=False)
    for op in events:
        disk.apply(op)
    found = {frozenset(tree.files) for tree in disk.states(4096, 0, Random(1), Survey())}
    assert found == {frozenset(), frozenset("a"), frozenset("b"), frozenset("ab")}


@pytest.mark.parametrize("rules", Rules)
def test_an_atomic_replacement_done_right_survives_everything(tmp_path: Path, rules: Rules) -> None:
    recorder = _record(tmp_path, lambda r, t: _replace(r, t, sync=True, sync_directory=True))
    states = list(_states(recorder, rules))
    assert len({tree.fingerprint() for tree, _ in states}) > 20
    assert not any(_replaced_wrongly(*state) for state in states)


@pytest.mark.parametrize("rules", Rules)
@pytest.mark.parametrize("missing", ["sync", "sync_directory"])
def test_a_replacement_without_one_of_its_synchronisations_is_found(
    tmp_path: Path, rules: Rules, missing: str
) -> None:
    done = {"sync": True, "sync_directory": True} | {missing: False}
    recorder = _record(tmp_path, lambda r, t: _replace(r, t, **done))
    assert any(_replaced_wrongly(*state) for state in _states(recorder, rules))


def _log(root: str, recorder: Recorder, *, sync: bool, reserve: bool) -> None:
    descriptor = os.open(f"{root}/log", os.O_RDWR | os.O_CREAT, 0o640)
    if reserve:
        os.posix_fallocate(descriptor, 0, 8 * PAGE)
    os.fdatasync(descriptor)
    _sync_directory(root)
    for number in range(3):
        os.pwritev(descriptor, [bytes([number + 1]) * 3000], 3000 * number)
        if sync:
            os.fdatasync(descriptor)
        recorder.promise("line", number=number)
    os.close(descriptor)


def _log_lacks(tree: Tree, promises: list[Promise]) -> bool:
    wanted = b"".join(bytes([promise.facts["number"] + 1]) * 3000 for promise in promises)
    return bool(wanted) and not tree.files["log"].data.startswith(wanted)


@pytest.mark.parametrize("reserve", [False, True])
def test_a_log_that_is_synchronised_keeps_every_line(tmp_path: Path, reserve: bool) -> None:
    recorder = _record(tmp_path, lambda r, t: _log(r, t, sync=True, reserve=reserve))
    assert not any(_log_lacks(*state) for state in _states(recorder))


def test_a_log_that_is_not_synchronised_loses_a_line_and_keeps_a_later_one(tmp_path: Path) -> None:
    recorder = _record(tmp_path, lambda r, t: _log(r, t, sync=False, reserve=True))
    states = [tree.files["log"].data for tree, _ in _states(recorder) if "log" in tree.files]
    assert any(_log_lacks(*state) for state in _states(recorder))
    # Line 1 lies in pages 0 and 1, line 2 in pages 1 and 2.
    assert any(len(data) > 9000 and not data[2999] and data[8999] == 3 for data in states)


def test_only_whole_sectors_of_one_write_or_another_are_torn(tmp_path: Path) -> None:
    def steps(root: str, recorder: Recorder) -> None:
        descriptor = _make(f"{root}/a", b"1" * PAGE)
        os.fdatasync(descriptor)
        _sync_directory(root)
        os.pwrite(descriptor, b"2" * PAGE, 0)
        os.close(descriptor)

    recorder = _record(tmp_path, steps)
    torn = {
        tree.files["a"].data
        for tree, _ in _states(recorder)
        if "a" in tree.files and len(set(tree.files["a"].data)) == 2
    }
    assert torn
    for data in torn:
        for start in range(0, PAGE, SECTOR):
            assert len(set(data[start : start + SECTOR])) == 1


def test_size_without_bytes_reads_as_zeros_and_bytes_without_size_are_not_there(
    tmp_path: Path,
) -> None:
    def steps(root: str, recorder: Recorder) -> None:
        descriptor = _make(f"{root}/a", b"")
        _sync_directory(root)
        os.pwrite(descriptor, b"x" * 10, 0)
        os.close(descriptor)

    states = {
        tree.files["a"].data for tree, _ in _states(_record(tmp_path, steps)) if "a" in tree.files
    }
    assert states == {b"", bytes(10), b"x" * 10}


def test_a_mode_is_durable_by_fsync_only(tmp_path: Path) -> None:
    def steps(root: str, recorder: Recorder) -> None:
        descriptor = _make(f"{root}/a", b"key")
        _sync_directory(root)
        os.fchmod(descriptor, 0o600)
        os.fdatasync(descriptor)
        recorder.promise("fdatasync")
        os.fsync(descriptor)
        recorder.promise("fsync")
        os.close(descriptor)

    modes: dict[int, set[int]] = {}
    for tree, promises in _states(_record(tmp_path, steps)):
        if "a" in tree.files:
            modes.setdefault(len(promises), set()).add(tree.files["a"].mode)
    assert modes[1] == {0o600, 0o640}
    assert modes[2] == {0o600}


def test_a_journal_loses_names_only_from_the_end(tmp_path: Path) -> None:
    def steps(root: str, recorder: Recorder) -> None:
        for name in "ab":
            os.close(_make(f"{root}/{name}", b""))

    recorder = _record(tmp_path, steps)
    ends = {
        rules: {frozenset(tree.files) for tree, _ in _states(recorder, rules)} for rules in Rules
    }
    assert frozenset("b") in ends[Rules.HARSH]
    assert ends[Rules.JOURNAL] == {frozenset(), frozenset("a"), frozenset("ab")}


def test_a_directory_that_is_lost_takes_everything_with_it(tmp_path: Path) -> None:
    def steps(root: str, recorder: Recorder) -> None:
        os.mkdir(f"{root}/d")
        descriptor = _make(f"{root}/d/a", b"x")
        os.fsync(descriptor)
        os.close(descriptor)
        _sync_directory(f"{root}/d")
        recorder.promise("file")

    last = [tree for tree, promises in _states(_record(tmp_path, steps)) if promises]
    assert {frozenset(tree.files) for tree in last} == {frozenset(), frozenset({"d/a"})}


def test_what_a_program_sees_is_what_it_did(tmp_path: Path) -> None:
    def steps(root: str, recorder: Recorder) -> None:
        _replace(root, recorder, sync=True, sync_directory=True)
        os.mkdir(f"{root}/d")
        _log(f"{root}/d", recorder, sync=True, reserve=True)
        descriptor = _make(f"{root}/d/cut", b"1234567890")
        os.ftruncate(descriptor, 4)
        os.write(descriptor, b"ab")
        os.close(descriptor)
        os.unlink(f"{root}/a")

    recorder, disk = _record(tmp_path, steps), Disk()
    for op in recorder.ops:
        disk.apply(op)
    assert disk.cached() == Workspace(str(tmp_path)).read()


def test_files_from_before_the_recording_are_followed(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"1")
    (tmp_path / "b").write_bytes(b"2")
    before = Workspace(str(tmp_path)).read()
    recorder = Recorder(str(tmp_path))
    with recorder.recording():
        os.rename(tmp_path / "a", tmp_path / "b")
        descriptor = os.open(tmp_path / "b", os.O_WRONLY | os.O_APPEND)
        os.write(descriptor, b"!")
        os.close(descriptor)
    disk = Disk(before, recorder.numbers)
    for op in recorder.ops:
        disk.apply(op)
    assert disk.cached() == Workspace(str(tmp_path)).read()
    assert disk.cached().files["b"].data == b"1!"


def test_a_file_with_two_names_keeps_one_of_them(tmp_path: Path) -> None:
    """A link and the removal of the old name, synchronised in between: it is never without a
    name."""
    (tmp_path / "d").mkdir()
    (tmp_path / "a").write_bytes(b"1")
    before = Workspace(str(tmp_path)).read()
    recorder = Recorder(str(tmp_path))
    with recorder.recording():
        os.link(tmp_path / "a", tmp_path / "d" / "b")
        descriptor = os.open(tmp_path / "d", os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)
        os.unlink(tmp_path / "a")
    disk, seen = Disk(before, recorder.numbers), set[tuple[str, ...]]()
    for op in recorder.ops:
        disk.apply(op)
        for tree in disk.states(20, 0, Random(1), Survey()):
            assert {stored.data for stored in tree.files.values()} == {b"1"}
            seen.add(tuple(sorted(tree.files)))
    assert seen == {("a",), ("a", "d/b"), ("d/b",)}
    assert disk.cached() == Workspace(str(tmp_path)).read()


@pytest.mark.parametrize("change", ["symlink", "truncate", "move"])
def test_a_change_that_cannot_be_replayed_stops_the_recording(tmp_path: Path, change: str) -> None:
    (tmp_path / "a").write_bytes(b"1")
    (tmp_path / "d").mkdir()
    recorder = Recorder(str(tmp_path))
    calls: dict[str, Callable[[], object]] = {
        "symlink": lambda: os.symlink("a", tmp_path / "b"),
        "truncate": lambda: os.truncate(tmp_path / "a", 0),
        "move": lambda: os.rename(tmp_path / "a", tmp_path / "d" / "a"),
    }
    with recorder.recording(), pytest.raises(UnknownOperationError):
        calls[change]()


def test_a_workspace_shows_one_tree_after_another(tmp_path: Path) -> None:
    place, shown = tmp_path / "w", tmp_path / "r"
    place.mkdir()
    shown.mkdir()
    recorder = _record(shown, lambda r, t: _replace(r, t, sync=False, sync_directory=False))
    workspace = Workspace(str(place))
    for tree, _ in _states(recorder, limit=30, torn=3):
        workspace.show(tree)
        assert Workspace(str(place)).read() == tree


def test_a_workspace_notices_what_it_is_told_was_touched(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"1")
    (tmp_path / "b").write_bytes(b"2")
    workspace = Workspace(str(tmp_path))
    before = workspace.read()
    (tmp_path / "a").write_bytes(b"3")
    (tmp_path / "b").unlink()
    (tmp_path / "d").mkdir()
    after = workspace.read({"a", "b", "d"})
    assert {path: stored.data for path, stored in after.files.items()} == {"a": b"3"}
    assert after.directories == {"d"}
    workspace.show(before)
    assert Workspace(str(tmp_path)).read() == before
