"""What was committed is there, whatever happens to the process or the storage."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from evidence_helpers import (
    a_header,
    decoded,
    expected,
    ffmpeg_is_silent,
    seconds_of_footage,
    time_of,
)
from sink_helpers import END, ID, a_commit, fragments, record

from camerad.errors import StorageError
from camerad.evidence import sink
from camerad.evidence.sink import list_recordings, new_id, open_sink


def failing(number: int, times: int = 1) -> Callable[..., int]:
    """A system call that fails `times` times; afterwards it is the real one."""
    left = [times]

    def call(*_: object) -> int:
        if left[0]:
            left[0] -= 1
            raise OSError(number, os.strerror(number))
        raise AssertionError("called once too often")

    return call


def test_a_closed_recording_plays_and_is_listed(tmp_path: Path) -> None:
    header = a_header(trigger_us=time_of(10), pre_event_wanted_us=500_000)
    path = record(tmp_path, header)
    assert decoded(path) == expected(range(30))
    ffmpeg_is_silent(path)
    (info,) = list_recordings(str(tmp_path))
    assert (info.id, info.path, info.state, info.reason) == (ID, path, "closed", "stop")
    assert (info.seconds, info.frames, info.gaps) == (1.0, 30, ())
    # Ten pictures lie before the trigger, a third of a second; half a second was wanted.
    assert info.pre_event_seconds == pytest.approx(1 / 3, abs=1e-6)
    assert info.pre_event_shortfall_seconds == pytest.approx(1 / 6, abs=1e-6)
    assert info.started == "2026-11-24T15:30:00.000Z"
    assert info.bytes == os.path.getsize(path)
    assert info.bits_per_second == info.bytes * 8
    assert json.loads(json.dumps(info.as_json()))["gaps"] == []


def test_files_are_readable_by_the_group_and_by_nobody_else(tmp_path: Path) -> None:
    record(tmp_path, a_header())
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    assert modes == {f"{ID}.mp4": 0o640, f"{ID}.jsonl": 0o640}


@pytest.mark.parametrize("extension", [".mp4", ".jsonl"])
def test_nothing_is_ever_written_over(tmp_path: Path, extension: str) -> None:
    there = tmp_path / (ID + extension)
    there.write_text("evidence")
    with pytest.raises(sink.RecordingExistsError, match="was left as it is"):
        open_sink(str(tmp_path), a_header(), b"init")
    assert [path.name for path in tmp_path.iterdir()] == [there.name]
    assert there.read_text() == "evidence"


def test_every_step_is_durable_before_the_next_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names: dict[int, str] = {}
    steps: list[str] = []

    def opened(path: str, *arguments: int) -> int:
        descriptor = real_open(path, *arguments)
        names[descriptor] = os.path.splitext(path)[1] or "directory"
        steps.append(f"open {names[descriptor]}")
        return descriptor

    def watched(name: str) -> Callable[..., int | None]:
        real = getattr(os, name)

        def call(descriptor: int, *arguments: object) -> int | None:
            steps.append(f"{name} {names[descriptor]}")
            return real(descriptor, *arguments)

        return call

    real_open = os.open
    monkeypatch.setattr(os, "open", opened)
    for name in ("write", "fdatasync", "fsync"):
        monkeypatch.setattr(os, name, watched(name))
    recording = open_sink(str(tmp_path), a_header(), b"init")
    assert steps == [
        "open .mp4",
        "write .mp4",
        "fdatasync .mp4",
        "open .jsonl",
        "write .jsonl",
        "fdatasync .jsonl",
        "open directory",
        "fsync directory",
    ]
    steps.clear()
    recording.append(b"fragment", a_commit(0))
    assert steps == ["write .mp4", "fdatasync .mp4", "write .jsonl", "fdatasync .jsonl"]
    steps.clear()
    recording.close(END)
    assert steps == ["write .jsonl", "fdatasync .jsonl"]


def test_short_and_interrupted_writes_are_continued(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real_write = os.write
    calls = 0

    def write(descriptor: int, data: bytes) -> int:
        nonlocal calls
        calls += 1
        if calls % 3 == 0:
            raise InterruptedError(errno.EINTR, os.strerror(errno.EINTR))
        return real_write(descriptor, data[:501])

    monkeypatch.setattr(os, "write", write)
    path = record(tmp_path, a_header())
    assert decoded(path) == expected(range(30))
    assert list_recordings(str(tmp_path))[0].state == "closed"


def test_a_storage_that_takes_nothing_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording = open_sink(str(tmp_path), a_header(), b"init")
    monkeypatch.setattr(os, "write", lambda *_: 0)
    with pytest.raises(StorageError, match=r"cannot write: only 0 of 8 bytes taken"):
        recording.append(b"fragment", a_commit(0))


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.ENOSPC, "No space left on device; the storage is full; offload"),
        (errno.EROFS, "Read-only file system; the file system is mounted read-only"),
        (errno.EIO, "Input/output error; .* replace the card"),
        (errno.EACCES, "Permission denied; .* change the directory's owner"),
        (errno.ENXIO, "No such device or address; check the storage"),
    ],
)
def test_an_error_says_what_where_and_how_to_mend_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, remedy: str
) -> None:
    recording = open_sink(str(tmp_path), a_header(), b"init")
    monkeypatch.setattr(os, "write", failing(number))
    with pytest.raises(StorageError, match=rf"{recording.path}: cannot write: {remedy}") as caught:
        recording.append(b"fragment", a_commit(0))
    assert caught.value.errno == number


@pytest.mark.parametrize("call", ["open", "write", "fdatasync", "fsync"])
def test_a_recording_that_cannot_be_made_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(os, call, failing(errno.EIO))
        with pytest.raises(StorageError, match="cannot"):
            open_sink(str(tmp_path), a_header(), b"init")
    assert list(tmp_path.iterdir()) == []


def test_even_what_cannot_be_removed_or_locked_is_one_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sink.fcntl, "flock", failing(errno.ENOLCK))
    monkeypatch.setattr(os, "unlink", failing(errno.EROFS, times=2))
    with pytest.raises(StorageError, match="cannot lock the file"):
        open_sink(str(tmp_path), a_header(), b"init")
    assert "cannot remove an empty recording" in caplog.text


def test_a_missing_directory_is_named(tmp_path: Path) -> None:
    missing = str(tmp_path / "missing")
    with pytest.raises(StorageError, match=rf"{missing}/.*the directory is missing"):
        open_sink(missing, a_header(), b"init")
    with pytest.raises(StorageError, match=f"{missing}: cannot list recordings"):
        list_recordings(missing)
    with pytest.raises(StorageError, match=f"{missing}: cannot list recordings"):
        new_id(missing, 0)


def test_a_torn_write_is_taken_back_and_the_recording_can_be_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    init, made = fragments(seconds_of_footage(1))
    recording = open_sink(str(tmp_path), a_header(), init)
    recording.append(made[0], a_commit(0))
    real_write = os.write

    def full(descriptor: int, data: bytes) -> int:
        if len(data) < 100:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real_write(descriptor, data[:100])

    with monkeypatch.context() as broken:
        broken.setattr(os, "write", full)
        with pytest.raises(StorageError):
            recording.append(made[1], a_commit(1))
    with pytest.raises(StorageError, match="takes nothing more after an error"):
        recording.append(made[1], a_commit(1))
    recording.close(replace(END, reason="failed", frames=15))
    ffmpeg_is_silent(recording.path)
    assert decoded(recording.path) == expected(range(15))
    (info,) = list_recordings(str(tmp_path))
    assert (info.state, info.reason, info.frames) == ("closed", "failed", 15)


def test_half_a_line_that_cannot_be_taken_back_does_not_swallow_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    recording = open_sink(str(tmp_path), a_header(), b"init")
    real_write = os.write
    sizes = iter([8, 20])

    def torn(descriptor: int, data: bytes) -> int:
        size = next(sizes, None)
        if size is None:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return real_write(descriptor, data[:size])

    with monkeypatch.context() as broken:
        broken.setattr(os, "write", torn)
        broken.setattr(os, "ftruncate", failing(errno.EIO))
        with pytest.raises(StorageError):
            recording.append(b"fragment", a_commit(0))
    recording.close(replace(END, reason="failed", frames=0))
    (info,) = list_recordings(str(tmp_path))
    assert (info.state, info.frames) == ("closed", 0)
    assert "cannot take back a torn write" in caplog.text


def test_a_failed_synchronisation_keeps_the_bytes_but_commits_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    init, made = fragments(seconds_of_footage(1))
    recording = open_sink(str(tmp_path), a_header(), init)
    with monkeypatch.context() as broken:
        broken.setattr(os, "fdatasync", failing(errno.EIO))
        with pytest.raises(StorageError, match="cannot synchronise"):
            recording.append(made[0], a_commit(0))
    assert os.path.getsize(recording.path) == len(init) + len(made[0])
    recording.close(replace(END, reason="failed", frames=0))
    assert list_recordings(str(tmp_path))[0].frames == 0


def test_a_recording_is_closed_even_if_its_end_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    recording = open_sink(str(tmp_path), a_header(), b"init")
    real_close = os.close

    def close(descriptor: int) -> None:
        real_close(descriptor)
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as broken:
        broken.setattr(os, "write", failing(errno.ENOSPC))
        broken.setattr(os, "close", close)
        with pytest.raises(StorageError, match="cannot write"):
            recording.close(END)
    assert "cannot close" in caplog.text
    assert list_recordings(str(tmp_path))[0].state == "interrupted"
    with pytest.raises(StorageError, match="is not open"):
        recording.append(b"fragment", a_commit(0))


WRITER = """
import sys
sys.path[:0] = sys.argv[3:]
import sink_helpers
from evidence_helpers import a_header, seconds_of_footage, time_of
init, made = sink_helpers.fragments(seconds_of_footage(8))
opened = sink_helpers.open_sink(sys.argv[1], a_header(sys.argv[2]), init)
print("ready", flush=True)
for sequence, data in enumerate(made):
    opened.append(data, sink_helpers.a_commit(sequence))
    print(sequence, flush=True)
"""


def test_everything_committed_survives_sigkill(tmp_path: Path) -> None:
    """Sixteen fragments are written as fast as possible, and the writer is killed after 1, 5, 9 and
    13 of them, at whatever it does then."""
    here = os.path.dirname(__file__)
    root = os.path.dirname(os.path.dirname(os.path.dirname(here)))
    for number in range(1, 17, 4):
        identity = f"20261124T153000Z-{number:06d}-00000000"
        command = [sys.executable, "-c", WRITER, str(tmp_path), identity, root, here]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            for line in writer.stdout:
                if line.strip() == str(number):
                    # Some way into the next step, another one each time.
                    time.sleep(number / 20_000)
                    writer.send_signal(signal.SIGKILL)
                    break
            told = [line for line in writer.stdout if line.strip().isdigit()]
        info = list_recordings(str(tmp_path))[0]
        assert (info.id, info.state) == (identity, "interrupted")
        assert info.frames >= 15 * (number + 1 + len(told))
        committed = tmp_path / "committed.mp4"
        committed.write_bytes(Path(info.path).read_bytes()[: info.bytes])
        ffmpeg_is_silent(str(committed))
        assert decoded(str(committed)) == expected(range(info.frames))
        # The file as it is plays too, up to there and perhaps a fragment further.
        assert len(decoded(info.path)) >= info.frames
