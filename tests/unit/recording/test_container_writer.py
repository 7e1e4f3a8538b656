"""What was committed is there, sealed and signed, whatever happens to process and storage."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import sink_helpers
from evidence_helpers import (
    a_header,
    decoded,
    expected,
    ffmpeg_is_silent,
)
from sink_helpers import (
    END,
    ID,
    KEY,
    SEALER,
    a_closing,
    a_facts,
    abandon,
    members,
    open_sink,
    record,
    small,
    unsealed_file,
)

from camerad.base.errors import StorageError
from camerad.base.storage_errors import FileExistsAlreadyError
from camerad.container import chain, jws, recording_files, ustar
from camerad.container.keys import KeyRing
from camerad.container.recording_files import new_id
from camerad.container.skeleton import skeleton
from camerad.container.statements import COMMIT, HEADER, Commit, Header, RecordingEnd
from camerad.container.statements import END as END_KIND
from camerad.recording import container_writer
from camerad.recording.container_writer import STEP, FileGoneError
from camerad.store.listing import list_recordings
from camerad.verify.judge import verify
from camerad.verify.verdict import Verdict


class Failing:
    """A system call that fails from the `begin`th call on, `times` times; else it is real."""

    def __init__(self, name: str, number: int, begin: int = 0, times: int = 1_000) -> None:
        self._real = getattr(os, name)
        self._number = number
        self._failing = range(begin, begin + times)
        self.calls = 0

    def __call__(self, *arguments: object, **more: object) -> object:
        self.calls += 1
        if self.calls - 1 in self._failing:
            raise OSError(self._number, os.strerror(self._number))
        return self._real(*arguments, **more)


def test_a_closed_recording_is_an_archive_of_what_was_put_into_it(tmp_path: Path) -> None:
    path = record(tmp_path)
    with tarfile.open(path) as archive:
        assert archive.getnames() == [
            "header.jws",
            "init.mp4.age",
            "000000.m4s.age",
            "000000.jws",
            "000001.m4s.age",
            "000001.jws",
            "end.jws",
        ]
    assert Path(path).read_bytes().endswith(ustar.END)
    assert os.path.getsize(path) % ustar.BLOCK == 0
    assert not Path(path).read_bytes()[:-1024].endswith(ustar.END)
    playable = unsealed_file(path)
    assert decoded(playable) == expected(range(30))
    ffmpeg_is_silent(playable)


def test_every_statement_is_signed_and_names_the_one_before(tmp_path: Path) -> None:
    recording = small(tmp_path, 2)
    final = recording.close(END)
    found = members(recording.path)
    tokens = [content for name, content in found.items() if name.endswith(".jws")]
    statements = [jws.parse(token) for token in tokens]
    for statement in statements:
        jws.check(statement, KeyRing([KEY.public]))
    header = jws.decode(statements[0], HEADER, Header)
    first, second = (jws.decode(one, COMMIT, Commit) for one in statements[1:3])
    end = jws.decode(statements[3], END_KIND, RecordingEnd)
    digests = [jws.digest(token) for token in tokens]
    assert [first.previous, second.previous, end.previous, final] == digests
    assert recording.header_sha256 == digests[0]
    assert first.init == chain.content_of(found["init.mp4.age"])
    assert second.init is None
    assert second.fragment == chain.content_of(found["000001.m4s.age"])
    assert second.facts == a_facts(1)
    assert (end.commits, end.torn, end.closing) == (2, None, END)
    # The header names who can open it, whatever it was given.
    assert header.recipients == SEALER.recipients


def test_the_bytes_that_count_are_those_of_committed_sealed_pieces(tmp_path: Path) -> None:
    recording = small(tmp_path, 0)
    assert recording.sealed_bytes == 0
    recording.append(b"fragment", a_facts(0))
    sealed = members(recording.path)
    first = len(sealed["init.mp4.age"]) + len(sealed["000000.m4s.age"])
    assert recording.sealed_bytes == first
    recording.append(b"fragment", a_facts(1))
    second = len(members(recording.path)["000001.m4s.age"])
    assert recording.sealed_bytes == first + second
    recording.close(END)


def test_nothing_of_the_footage_is_in_the_file(tmp_path: Path) -> None:
    secret = b"this was said to the officer"
    recording = open_sink(tmp_path, a_header(), secret)
    recording.append(secret, a_facts(0))
    recording.close(END)
    assert secret not in Path(recording.path).read_bytes()


def test_the_file_is_readable_by_the_group_and_by_nobody_else(tmp_path: Path) -> None:
    assert os.stat(record(tmp_path)).st_mode & 0o777 == 0o640


def test_nothing_is_ever_written_over(tmp_path: Path) -> None:
    there = tmp_path / f"{ID}.tar"
    there.write_text("evidence")
    with pytest.raises(FileExistsAlreadyError, match="was left as it is"):
        open_sink(tmp_path, a_header(), b"init")
    assert [path.name for path in tmp_path.iterdir()] == [there.name]
    assert there.read_text() == "evidence"


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The calls that change or synchronise something, in their order, as they are made."""
    made: list[str] = []

    def watched(name: str) -> Callable[..., object]:
        real = getattr(os, name)

        def call(*arguments: object, **more: object) -> object:
            made.append(name)
            return real(*arguments, **more)

        return call

    for name in ("pwritev", "posix_fallocate", "ftruncate", "fdatasync", "fsync"):
        monkeypatch.setattr(os, name, watched(name))
    return made


def test_a_file_is_made_with_its_header_and_durable(tmp_path: Path, steps: list[str]) -> None:
    small(tmp_path, 0)
    assert steps == ["posix_fallocate", "pwritev", "fdatasync", "fsync"]


def test_a_fragment_and_its_commit_cost_one_write_and_one_sync(
    tmp_path: Path, steps: list[str]
) -> None:
    recording = small(tmp_path, 0)
    steps.clear()
    recording.append(b"fragment", a_facts(0))
    assert steps == ["pwritev", "fdatasync"]


def test_an_end_is_durable_and_the_file_has_its_size(tmp_path: Path, steps: list[str]) -> None:
    recording = small(tmp_path, 1)
    steps.clear()
    recording.close(END)
    assert steps == ["pwritev", "ftruncate", "fdatasync"]


def test_room_is_reserved_in_steps_and_given_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: list[str]
) -> None:
    monkeypatch.setattr(container_writer, "STEP", 64 << 10)
    recording = small(tmp_path, 0)
    for sequence in range(4):
        recording.append(bytes(40_000), a_facts(sequence))
        # More than what is written, and never more than one step beyond it.
        written = skeleton(recording.path).point.offset
        assert written <= os.path.getsize(recording.path) < written + (64 << 10)
    # Four times 40 kB are two and a half steps, and a bit more with what is beside them.
    assert steps.count("posix_fallocate") == 3
    recording.close(END)
    assert os.path.getsize(recording.path) < 4 * 42_000 + 10_000


def test_a_fragment_longer_than_a_step_has_its_room(tmp_path: Path) -> None:
    recording = small(tmp_path, 0)
    recording.append(bytes(STEP + 1), a_facts(0))
    assert os.path.getsize(recording.path) == 2 * STEP
    recording.close(END)


@pytest.mark.parametrize("number", [errno.EOPNOTSUPP, errno.EINVAL])
def test_a_storage_that_cannot_reserve_room_is_not_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    broken = Failing("posix_fallocate", number)
    monkeypatch.setattr(os, "posix_fallocate", broken)
    small(tmp_path, 2).close(END)
    assert broken.calls == 1
    assert list_recordings(str(tmp_path))[0].state == "closed"


def test_a_full_storage_takes_what_still_fits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = Failing("posix_fallocate", errno.ENOSPC)
    monkeypatch.setattr(os, "posix_fallocate", broken)
    small(tmp_path, 2).close(END)
    # Asked every time: what is deleted meanwhile makes room.
    assert broken.calls == 3
    assert list_recordings(str(tmp_path))[0].frames == 30


def test_a_storage_that_fails_to_reserve_room_has_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "posix_fallocate", Failing("posix_fallocate", errno.EIO))
    with pytest.raises(StorageError, match="cannot reserve room: Input/output error"):
        small(tmp_path, 0)
    assert list(tmp_path.iterdir()) == []


def test_short_writes_are_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.pwritev

    def short(descriptor: int, pieces: list[memoryview], offset: int) -> int:
        return real(descriptor, [b"".join(pieces)[:501]], offset)

    monkeypatch.setattr(os, "pwritev", short)
    path = record(tmp_path)
    assert decoded(unsealed_file(path)) == expected(range(30))


def test_an_error_says_what_where_and_how_to_mend_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording = small(tmp_path, 0)
    monkeypatch.setattr(os, "pwritev", Failing("pwritev", errno.ENOSPC))
    text = rf"{recording.path}: cannot write: No space left on device; the storage is full"
    with pytest.raises(StorageError, match=text) as caught:
        recording.append(b"fragment", a_facts(0))
    assert caught.value.errno == errno.ENOSPC


@pytest.mark.parametrize("call", ["open", "posix_fallocate", "pwritev", "fdatasync", "fsync"])
def test_a_recording_that_cannot_be_made_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(os, call, Failing(call, errno.EIO, times=1))
        with pytest.raises(StorageError, match="cannot"):
            open_sink(tmp_path, a_header(), b"init")
    assert list(tmp_path.iterdir()) == []


def test_even_what_cannot_be_removed_or_locked_is_one_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(recording_files.fcntl, "flock", refuse)
    monkeypatch.setattr(os, "unlink", Failing("unlink", errno.EROFS))
    with pytest.raises(StorageError, match="cannot lock the file"):
        open_sink(tmp_path, a_header(), b"init")
    assert "cannot remove the file" in caplog.text


def test_a_missing_directory_is_named(tmp_path: Path) -> None:
    missing = str(tmp_path / "missing")
    with pytest.raises(StorageError, match=rf"{missing}/.*the directory is missing"):
        open_sink(missing, a_header(), b"init")
    with pytest.raises(StorageError, match=f"{missing}: cannot list recordings"):
        new_id(missing, 0)


@pytest.mark.parametrize(("written", "call"), [(700, "pwritev"), (0, "pwritev"), (0, "fdatasync")])
def test_a_failed_append_leaves_nothing_once_the_recording_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: list[str], written: int, call: str
) -> None:
    recording = small(tmp_path, 1)
    real = os.pwritev

    def torn(descriptor: int, pieces: list[memoryview], offset: int) -> int:
        if offset > committed:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return real(descriptor, [b"".join(pieces)[:written]], offset)

    committed = skeleton(recording.path).point.offset
    with monkeypatch.context() as broken:
        broken.setattr(os, call, torn if written else Failing(call, errno.EIO))
        with pytest.raises(StorageError):
            recording.append(bytes(100_000), a_facts(1))
    with pytest.raises(StorageError, match="takes nothing more after an error"):
        recording.append(b"fragment", a_facts(1))
    steps.clear()
    recording.close(a_closing(reason="failed", frames=15))
    # What was torn is gone before the end is written, so that nothing can be left behind it.
    assert steps == ["ftruncate", "fdatasync", "pwritev", "ftruncate", "fdatasync"]
    assert list(members(recording.path))[2:] == ["000000.m4s.age", "000000.jws", "end.jws"]
    (info,) = list_recordings(str(tmp_path))
    assert (info.state, info.reason, info.frames) == ("closed", "failed", 15)


@pytest.mark.parametrize("first", [0, 2])
@pytest.mark.parametrize("fails", ["pwritev", "fdatasync"])
def test_a_fragment_that_failed_is_added_by_a_later_attempt_as_if_nothing_had_been(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: int, fails: str
) -> None:
    """Also the first one, which commits the initialisation segment."""
    opened = small(tmp_path, first)
    before = opened.sealed_bytes

    def fail(*_: object) -> int:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as broken:
        broken.setattr(os, fails, fail)
        with pytest.raises(StorageError, match="replace it"):
            opened.append(b"again", a_facts(first))
        with pytest.raises(StorageError, match="replace it"):
            opened.retry()
        assert opened.sealed_bytes == before
    opened.retry()
    assert opened.sealed_bytes > before
    with pytest.raises(ValueError, match="no fragment to be tried again"):
        opened.retry()
    opened.append(b"and on", a_facts(first + 1))
    opened.close(a_closing(frames=15 * (first + 2)))
    assert verify(opened.path, KeyRing([KEY.public])).verdict is Verdict.AUTHENTIC
    names = [name for name in members(opened.path) if name.endswith(".m4s.age")]
    assert names == [f"{number:06d}.m4s.age" for number in range(first + 2)]


def test_a_recording_that_never_had_a_fragment_is_its_header_and_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording = small(tmp_path, 0)
    with monkeypatch.context() as broken:
        broken.setattr(os, "pwritev", Failing("pwritev", errno.ENOSPC))
        with pytest.raises(StorageError):
            recording.append(b"fragment", a_facts(0))
    recording.close(a_closing(reason="failed", frames=0))
    # The segment would be vouched for by nobody.
    assert list(members(recording.path)) == ["header.jws", "end.jws"]
    (info,) = list_recordings(str(tmp_path))
    assert (info.state, info.frames, info.bytes) == ("closed", 0, 0)


def test_a_fragment_out_of_turn_is_refused(tmp_path: Path) -> None:
    recording = small(tmp_path, 1)
    with pytest.raises(ValueError, match="fragment 1 comes next, not 2"):
        recording.append(b"fragment", a_facts(2))
    recording.append(b"fragment", a_facts(1))
    recording.close(END)


@pytest.mark.parametrize("call", ["pwritev", "ftruncate", "fdatasync"])
def test_a_recording_is_closed_even_if_its_end_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    recording = small(tmp_path, 2)
    with monkeypatch.context() as broken:
        broken.setattr(os, call, Failing(call, errno.EIO))
        with pytest.raises(StorageError):
            recording.close(END)
    with pytest.raises(StorageError, match="is not open"):
        recording.close(END)
    with pytest.raises(StorageError, match="is not open"):
        recording.append(b"fragment", a_facts(2))
    (info,) = list_recordings(str(tmp_path))
    assert info.frames == 30
    assert info.state != "recording"


def test_the_number_of_a_name_goes_on_whatever_the_clock_says(tmp_path: Path) -> None:
    made = []
    for wall_us in (1_795_534_200_000_000, 0, -5):
        identity = new_id(str(tmp_path), wall_us)
        (tmp_path / f"{identity}.tar").touch()
        made.append(identity)
    assert made[0].startswith("20261124T153000Z-000001-")
    assert made[1].startswith("19700101T000000Z-000002-")
    assert made[2].startswith("19691231T235959Z-000003-")
    assert all(recording_files.ID.fullmatch(identity) for identity in made)


def test_a_clock_that_shows_no_date_makes_no_name(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is no date"):
        new_id(str(tmp_path), 10**30)


def test_names_differ_even_at_the_same_time_with_the_same_number(tmp_path: Path) -> None:
    assert len({new_id(str(tmp_path), 0) for _ in range(100)}) == 100


WRITER = """
import sys
sys.path[:0] = sys.argv[3:]
import sink_helpers
from evidence_helpers import a_header, seconds_of_footage, time_of
init, made = sink_helpers.fragments(seconds_of_footage(8))
opened = sink_helpers.open_sink(sys.argv[1], a_header(sys.argv[2]), init)
print("ready", flush=True)
for sequence, data in enumerate(made):
    opened.append(data, sink_helpers.a_facts(sequence))
    print(sequence, flush=True)
"""


def test_everything_committed_survives_sigkill(tmp_path: Path) -> None:
    """Sixteen fragments are written as fast as possible, and the writer is killed after 1, 5, 9 and
    13 of them, at whatever it does then."""
    here = os.path.dirname(sink_helpers.__file__)
    root = os.path.dirname(os.path.dirname(here))
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


def test_a_recording_is_locked_as_long_as_it_runs(tmp_path: Path) -> None:
    recording = small(tmp_path, 1)
    assert list_recordings(str(tmp_path))[0].state == "recording"
    abandon(recording)
    assert list_recordings(str(tmp_path))[0].state == "interrupted"


@pytest.mark.parametrize(("taken", "made"), [(1, True), (4, True), (5, False)])
def test_a_repair_that_removes_the_file_before_it_is_locked_costs_no_recording(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, taken: int, made: bool
) -> None:
    """It finds an empty file that nobody has locked, which is what an interruption leaves. Five
    times in a row it does not: somebody else does."""
    real, removed = recording_files.lock, []

    def late(descriptor: int, path: str) -> None:
        if len(removed) < taken:
            os.unlink(path)
            removed.append(path)
        real(descriptor, path)

    monkeypatch.setattr(container_writer, "lock", late)
    if not made:
        with pytest.raises(StorageError, match="removes this file whenever it is made"):
            small(tmp_path)
        assert list(tmp_path.iterdir()) == []
        return
    opened = small(tmp_path)
    opened.close(END)
    assert list_recordings(str(tmp_path))[0].state == "closed"


# --------------------------------------------------------------------- a file that loses its name


@pytest.mark.parametrize("how", ["removed", "replaced", "moved with its directory"])
def test_a_file_that_has_its_name_no_more_cannot_be_closed_in_silence(
    tmp_path: Path, how: str
) -> None:
    directory = tmp_path / "recordings"
    directory.mkdir()
    opened = small(directory)
    if how == "moved with its directory":
        directory.rename(tmp_path / "elsewhere")
        directory.write_bytes(b"a file in its place")
    else:
        os.unlink(opened.path)
    if how == "replaced":
        Path(opened.path).write_bytes(b"another")
    with pytest.raises(FileGoneError, match="removed or replaced"):
        opened.close(END)


def test_a_file_that_has_its_name_no_more_is_noticed_while_it_is_recorded(tmp_path: Path) -> None:
    opened = small(tmp_path)
    os.unlink(opened.path)
    with pytest.raises(FileGoneError):
        for sequence in range(2, 100):
            opened.append(b"fragment", a_facts(sequence))
    # Two fragments a second: within ten seconds.
    assert sequence < 20


def test_a_name_that_cannot_be_looked_at_is_an_error_of_the_storage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = small(tmp_path)
    with monkeypatch.context() as broken:
        broken.setattr(os, "lstat", Failing("lstat", errno.EIO))
        with pytest.raises(StorageError, match="look at the file"):
            opened.close(END)
