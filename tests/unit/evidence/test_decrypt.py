"""Opening a recording: all of it, or what is proven, or nothing; and never half a file."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyrage
import pytest
from evidence_helpers import decoded, expected, ffmpeg_is_silent, probed_seconds
from sealed_helpers import (
    ENOUGH,
    KEY,
    KEYS,
    Made,
    altered,
    flipped,
    made,
    office,
    pack,
    sealed,
    signed,
    some_closing,
    without,
)

from camerad.base import durable_files, storage_errors
from camerad.base.errors import NotAllowedError, StorageError
from camerad.container.keys import KeyRing, SigningKey
from camerad.container.mp4_boxes import Mp4Error
from camerad.evidence import decrypt as decrypt_module
from camerad.evidence.decrypt import (
    MODE,
    Terminated,
    UnsealError,
    open_recording,
    salvage_name,
)
from camerad.verify.findings import Span
from camerad.verify.verdict import Report, Verdict

DEADLINE_S = 20


class Desk:
    """A directory in which a recording is opened."""

    def __init__(self, directory: Path) -> None:
        self.recording = directory / "in" / "recording.tar"
        self.output = directory / "out" / "opened.mp4"
        self.salvaged = directory / "out" / "opened.salvaged.mp4"
        self.recording.parent.mkdir()
        self.output.parent.mkdir()

    def open(self, data: bytes, *, salvage: bool = False, keys: KeyRing = KEYS) -> Report:
        self.recording.write_bytes(data)
        target = str(self.output)
        return open_recording(str(self.recording), keys, [office()], target, salvage=salvage)

    def left(self) -> list[str]:
        return sorted(path.name for path in self.output.parent.iterdir())


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_all_of_a_recording_is_opened_picture_by_picture(desk: Desk) -> None:
    report = desk.open(made().file)
    assert (report.verdict, report.output) == (Verdict.AUTHENTIC, str(desk.output))
    assert report.written == (Span(0, made().end_us),)
    assert decoded(str(desk.output)) == expected(made().numbers)
    ffmpeg_is_silent(str(desk.output))
    assert probed_seconds(str(desk.output)) == pytest.approx(made().end_us / 1e6, abs=1e-3)
    assert desk.left() == ["opened.mp4"]
    assert desk.output.stat().st_mode & 0o777 == MODE


def test_a_gap_stays_a_hole_in_the_time_line(desk: Desk) -> None:
    recording = made("IPPPPPPPPP....PPPPPP" + " " * 60 + "IPPPPPPPPP")
    report = desk.open(recording.file)
    assert report.verdict is Verdict.QUALIFIED
    assert decoded(str(desk.output)) == expected(recording.numbers)


def test_it_seeks_to_its_key_frames(desk: Desk) -> None:
    av = pytest.importorskip("av")
    desk.open(made().file)
    with av.open(str(desk.output)) as container:
        stream = container.streams.video[0]
        for second in (2, 1, 0):
            container.seek(int((second + 0.4) / stream.time_base), stream=stream)
            picture = next(container.decode(stream))
            assert round(picture.time, 3) == second


def test_age_opens_the_members_and_ffmpeg_copies_the_same_pictures(
    desk: Desk, tmp_path: Path
) -> None:
    desk.open(made().file)
    (tmp_path / "plain.mp4").write_bytes(b"".join(made().plain))
    assert decoded(str(tmp_path / "plain.mp4")) == decoded(str(desk.output))


STRANGER = KeyRing([SigningKey.generate().public])


@pytest.mark.parametrize(
    ("data", "keys", "verdict"),
    [
        (
            pack(altered(made().members, "000005.m4s.age", lambda old: flipped(old, 200))),
            *(KEYS, Verdict.NOT_AUTHENTIC),
        ),
        (made().file + b"x", KEYS, Verdict.NOT_AUTHENTIC),
        (made().file, STRANGER, Verdict.NOT_AUTHENTIC),
        (b"hello", KEYS, Verdict.UNREADABLE),
    ],
    ids=["damaged", "damaged at the very end", "of another key", "no recording"],
)
def test_what_is_not_authentic_is_not_opened(
    desk: Desk, data: bytes, keys: KeyRing, verdict: Verdict
) -> None:
    report = desk.open(data, keys=keys)
    assert (report.verdict, report.output, desk.left()) == (verdict, None, [])
    if keys is STRANGER:
        assert desk.open(data, keys=keys, salvage=True).output is None


def test_a_recording_that_does_not_become_a_video_is_told_in_words(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: object) -> None:
        raise Mp4Error("the tables cannot be written")

    monkeypatch.setattr(decrypt_module.Mp4Writer, "finish", fail)
    with pytest.raises(UnsealError, match="cannot be made into a video: the tables"):
        desk.open(made().file)
    assert os.listdir(desk.output.parent) == []


def test_salvage_writes_the_proven_parts_only_and_says_so_in_the_name(desk: Desk) -> None:
    """The first half second is damaged; the second one builds on it, so second 1 is the first."""
    data = pack(altered(made().members, "000000.m4s.age", lambda old: flipped(old, 200)))
    report = desk.open(data, salvage=True)
    assert (report.verdict, report.output) == (Verdict.NOT_AUTHENTIC, str(desk.salvaged))
    assert desk.left() == ["opened.salvaged.mp4"]
    shown = decoded(str(desk.salvaged))
    assert [number for _, number in shown] == list(range(30, 90))
    assert shown[0][0] == 1_000_000
    assert report.written == (Span(1_000_000, made().end_us),)
    assert report.left_out == (Span(500_000, 1_000_000),)
    assert "not in it  from 0.500 s to 1.000 s: proven, but pictures" in report.text()
    ffmpeg_is_silent(str(desk.salvaged))


def test_salvage_leaves_out_what_nothing_links_to_the_beginning(desk: Desk) -> None:
    data = pack(without(made().members, "000002.m4s.age", "000002.jws"))
    desk.open(data, salvage=True)
    assert [number for _, number in decoded(str(desk.salvaged))] == list(range(30))


def test_salvage_of_a_sound_recording_is_just_opening_it(desk: Desk) -> None:
    report = desk.open(made().file, salvage=True)
    assert (report.output, desk.left()) == (str(desk.output), ["opened.mp4"])


@pytest.mark.parametrize("name", ["header.jws", "init.mp4.age", "000000.jws"])
def test_where_nothing_is_proven_salvage_writes_nothing(desk: Desk, name: str) -> None:
    report = desk.open(
        pack(altered(made().members, name, lambda old: flipped(old, 150))), salvage=True
    )
    assert (report.verdict, report.output, desk.left()) == (Verdict.NOT_AUTHENTIC, None, [])


def test_what_is_opened_is_what_was_signed_not_what_has_its_name(desk: Desk) -> None:
    """A second member of the same name, put before the commit, does not get into the output."""
    members = made().members
    forged = ("000001.m4s.age", sealed(made().plain[5]))
    place = [name for name, _ in members].index("000001.jws")
    data = pack([*members[:place], forged, *members[place:]])
    desk.open(data, salvage=True)
    assert [number for _, number in decoded(str(desk.salvaged))] == list(range(90))


def test_a_recording_without_footage_is_said_to_be_empty(desk: Desk) -> None:
    header, _, end = signed(made().header, [b"init"], [], some_closing(0, made().header.origin_us))
    with pytest.raises(UnsealError, match="no footage"):
        desk.open(pack([header, end]))
    assert desk.left() == []


def test_a_wrong_private_key_names_the_right_ones(desk: Desk) -> None:
    desk.recording.write_bytes(made().file)
    stranger = pyrage.x25519.Identity.generate()
    with pytest.raises(NotAllowedError, match=str(office().to_public())):
        open_recording(str(desk.recording), KEYS, [stranger], str(desk.output))
    assert desk.left() == []


def test_what_is_there_already_is_left_as_it_is(desk: Desk) -> None:
    desk.output.write_text("precious")
    with pytest.raises(storage_errors.FileExistsAlreadyError, match="not overwritten"):
        desk.open(made().file)
    assert desk.output.read_text() == "precious"
    desk.output.unlink()
    desk.salvaged.write_text("precious")
    with pytest.raises(storage_errors.FileExistsAlreadyError, match="salvaged"):
        desk.open(made().file, salvage=True)


def test_leftovers_of_a_killed_run_are_removed(desk: Desk) -> None:
    part = desk.output.parent / "opened.mp4.part"
    part.write_text("leftover")
    desk.open(made().file)
    assert desk.left() == ["opened.mp4"]
    # Not by a run that failed early only.
    desk.output.unlink()
    part.write_text("leftover")
    desk.open(b"hello")
    assert desk.left() == []


def test_what_comes_to_be_there_meanwhile_is_left_as_it_is(desk: Desk) -> None:
    def come(_: int, __: int) -> None:
        desk.output.write_text("precious")

    desk.recording.write_bytes(made().file)
    with pytest.raises(storage_errors.FileExistsAlreadyError, match="left as it is"):
        open_recording(str(desk.recording), KEYS, [office()], str(desk.output), progress=come)
    assert desk.output.read_text() == "precious"
    assert desk.left() == ["opened.mp4"]


@pytest.fixture
def no_unnamed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system as a stick's, vfat or exFAT: it has no files without a name."""
    real = os.open

    def refuse(path: str, flags: int, *more: int, **others: int) -> int:
        if flags & os.O_TMPFILE == os.O_TMPFILE:
            raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP), path)
        return real(path, flags, *more, **others)

    monkeypatch.setattr(os, "open", refuse)


@pytest.mark.usefixtures("no_unnamed")
@pytest.mark.parametrize("salvage", [False, True])
def test_on_a_stick_it_has_another_name_until_it_is_whole(desk: Desk, salvage: bool) -> None:
    seen: set[str] = set()
    modes: set[int] = set()

    def look(_: int, __: int) -> None:
        seen.update(desk.left())
        modes.add((desk.output.parent / "opened.mp4.part").stat().st_mode & 0o777)

    data = made().file
    if salvage:
        data = pack(altered(made().members, "000005.m4s.age", lambda old: flipped(old, 200)))
    desk.recording.write_bytes(data)
    target = str(desk.output)
    given = (str(desk.recording), KEYS, [office()], target)
    open_recording(*given, salvage=salvage, progress=look)
    assert (seen, modes) == ({"opened.mp4.part"}, {MODE})
    assert desk.left() == ["opened.salvaged.mp4" if salvage else "opened.mp4"]


@pytest.mark.usefixtures("no_unnamed")
def test_on_a_stick_what_a_killed_run_left_is_removed_by_the_next_and_nothing_else(
    desk: Desk,
) -> None:
    part = desk.output.parent / "opened.mp4.part"
    part.write_text("leftover")
    assert desk.open(b"hello").verdict is Verdict.UNREADABLE
    assert desk.left() == []
    part.mkdir()
    with pytest.raises(storage_errors.FileExistsAlreadyError, match=r"opened\.mp4\.part"):
        desk.open(made().file)
    assert desk.left() == ["opened.mp4.part"]


@pytest.mark.parametrize("call", ["write", "sync"])
def test_a_full_disk_is_said_and_leaves_nothing_behind(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    def full(*_: object) -> int:
        error = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        raise storage_errors.explain("write", "opened.mp4", error)

    monkeypatch.setattr(durable_files, call, full)
    with pytest.raises(StorageError, match="No space left"):
        desk.open(made().file)
    assert desk.left() == []


def test_a_missing_directory_is_said(desk: Desk, tmp_path: Path) -> None:
    desk.output = tmp_path / "missing" / "opened.mp4"
    with pytest.raises(StorageError, match="directory is missing"):
        desk.open(made().file)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("on_a_stick", [False, True])
def test_an_interrupt_leaves_nothing_behind(
    desk: Desk, request: pytest.FixtureRequest, number: signal.Signals, on_a_stick: bool
) -> None:
    if on_a_stick:
        request.getfixturevalue("no_unnamed")
    desk.recording.write_bytes(made().file)
    # Where tests are started in the background of a shell, SIGINT is ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt) as raised:
            open_recording(
                *(str(desk.recording), KEYS, [office()], str(desk.output)),
                progress=lambda *_: signal.raise_signal(number),
            )
    finally:
        signal.signal(signal.SIGINT, before)
    assert raised.type is (Terminated if number is signal.SIGTERM else KeyboardInterrupt)
    assert desk.left() == []
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_another_handler_of_sigterm_stays(desk: Desk) -> None:
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        desk.open(made().file)
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTERM, before)


def test_an_output_is_only_opened_with_its_key(desk: Desk, tmp_path: Path) -> None:
    """Debian's age opens the members too, with the same key file."""
    age = pytest.importorskip("shutil").which("age")
    if age is None:
        pytest.skip("age is not installed")
    (tmp_path / "key").write_text(f"{office()}\n")
    (tmp_path / "member").write_bytes(made().content("000000.m4s.age"))
    command = [age, "-d", "-i", str(tmp_path / "key"), str(tmp_path / "member")]
    assert subprocess.check_output(command, timeout=DEADLINE_S) == made().plain[1]


def test_the_name_of_what_was_salvaged() -> None:
    assert salvage_name("/a/b.mp4") == "/a/b.salvaged.mp4"
    assert salvage_name("b") == "b.salvaged"


# -- a process of its own -------------------------------------------------------------------------

SCRIPT = """
import sys, time
from camerad.container.keys import KeyRing, read_public_key
from camerad.evidence.decrypt import open_recording
from camerad.evidence.identity_file import read_identities

def progress(done, of):
    print(done, flush=True)
    if sys.argv[5] == "slow":
        time.sleep(0.2)

keys = KeyRing([read_public_key(sys.argv[2])])
open_recording(sys.argv[1], keys, read_identities(sys.argv[3], str), sys.argv[4], progress=progress)
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print("peak", peak.split()[1])
"""


def process(desk: Desk, data: bytes, pace: str) -> subprocess.Popen[str]:
    desk.recording.write_bytes(data)
    (desk.recording.parent / "key.pem").write_text(KEY.public.pem)
    (desk.recording.parent / "office").write_text(f"{office()}\n")
    paths = [desk.recording, *(desk.recording.parent / name for name in ("key.pem", "office"))]
    command = [sys.executable, "-c", SCRIPT, *map(str, paths), str(desk.output), pace]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_a_process_that_is_ended_leaves_nothing_in_the_clear_behind(
    desk: Desk, end: signal.Signals
) -> None:
    """After SIGKILL, as after a loss of power, the process can do nothing any more."""
    with process(desk, made().file, "slow") as running:
        assert running.stdout is not None
        assert running.stdout.readline()
        assert desk.left() == []
        running.send_signal(end)
        running.communicate(timeout=DEADLINE_S)
    assert running.returncode == -signal.SIGKILL if end is signal.SIGKILL else running.returncode
    assert desk.left() == []


def test_opening_takes_constant_memory(desk: Desk) -> None:
    """80 MB is the bound for four hours; this is a minute, whose tables are nothing to speak of."""
    script = "I" + "P" * 29
    recording: Made = made(script * 60)
    begin = time.monotonic()
    with process(desk, recording.file, "fast") as running:
        said, _ = running.communicate(timeout=DEADLINE_S)
    assert time.monotonic() - begin < DEADLINE_S
    assert int(said.split()[-1]) < 60 * 1024
    assert len(decoded(str(desk.output))) == 60 * len(ENOUGH) // 3
