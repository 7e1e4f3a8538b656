"""Checking a file: what is no recording, what is damaged around the members, and the report."""

from __future__ import annotations

import errno
import fcntl
import io
import json
import os
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from sealed_helpers import (
    KEY,
    KEYS,
    Made,
    a_header,
    altered,
    flipped,
    made,
    office,
    pack,
    signed,
    some_closing,
    spliced,
    without,
)

from camerad.base.clock import ClockSource, ManualClock
from camerad.container import reader, ustar
from camerad.container.encryption import Sealer
from camerad.container.keys import KeyRing, SigningKey
from camerad.container.reader import walk_members
from camerad.container.severity import Severity
from camerad.container.statements import Header
from camerad.evidence.decrypt import open_recording
from camerad.recording.container_writer import ContainerWriter
from camerad.store.recovery import repair
from camerad.verify import judge as verify_module
from camerad.verify.findings import FindingKind
from camerad.verify.judge import verify
from camerad.verify.verdict import Report, Verdict

NAME = "20261124T153000Z-000001-00000001.tar"


def always(_: Header) -> bool:
    """A ledger that has it that the recording is being made."""
    return True


def check(directory: Path, data: bytes, name: str = NAME, keys: KeyRing = KEYS) -> Report:
    path = directory / name
    path.write_bytes(data)
    return verify(str(path), keys)


def kinds(report: Report) -> list[tuple[FindingKind, str, str]]:
    assert report.result is not None
    return [(one.kind, one.first, one.last) for one in report.result.findings]


def whole(report: Report, recording: Made) -> bool:
    """Whether all of the recording is proven."""
    assert report.result is not None
    (span,) = report.result.proven
    return (span.from_us, span.to_us) == (0, recording.end_us)


def header_at(data: bytes, name: str) -> int:
    """Where the archive header of a member is."""
    return data.index(name.encode() + b"\0")


def test_an_untouched_recording_is_authentic_and_complete(tmp_path: Path) -> None:
    report = check(tmp_path, made().file)
    assert (report.verdict, report.state) == (Verdict.AUTHENTIC, "closed")
    assert whole(report, made())
    assert "authentic and complete" in report.text().splitlines()[0]
    assert "3.000 s: 90 pictures in 6 fragments" in report.text()


def test_a_recording_with_stated_gaps_is_authentic_with_remarks(tmp_path: Path) -> None:
    recording = made("IPPPPPPPPP....PPPPPP" + " " * 60 + "IPPP", marks=(100_000,))
    report = check(tmp_path, recording.file)
    assert report.verdict is Verdict.QUALIFIED
    assert "from 0.300 s to 0.467 s: frames lost, 4 pictures" in report.text()
    assert "mark       at 0.100 s" in report.text()
    said = report.as_json()
    assert said["gaps"][0] == {"reason": "frames lost", "frames": 4, "from": 0.3, "to": 0.466666}
    assert said["marks"] == [0.1]


def test_a_repaired_recording_is_authentic_with_remarks(tmp_path: Path) -> None:
    report = check(tmp_path, made(torn=b"x" * 700).file)
    assert (report.verdict, report.state) == (Verdict.QUALIFIED, "recovered")
    assert "repair kept 700 bytes" in report.text()


def test_a_clock_that_is_not_trusted_is_said(tmp_path: Path) -> None:
    report = check(tmp_path, made(source=ClockSource.UNKNOWN).file)
    assert "clock      was NOT reliable" in report.text()
    assert report.as_json()["clock_sources"] == ["unknown", "synchronised"]


@pytest.mark.parametrize(
    ("source", "step_us", "worth", "says"),
    [
        (ClockSource.SYNCHRONISED, 0, "synchronised", "time set by a time server"),
        (ClockSource.RTC, 0, "rtc", "time kept by its battery"),
        (ClockSource.UNKNOWN, 0, "unknown", "time NOT reliable"),
        (ClockSource.SYNCHRONISED, 2_000_000, "synchronised", "time set by a time server"),
        (ClockSource.RTC, -2_000_001, "stepped", "time NOT reliable: it was set while recording"),
    ],
)
def test_beside_the_verdict_stands_what_the_time_is_worth(
    tmp_path: Path, source: ClockSource, step_us: int, worth: str, says: str
) -> None:
    report = check(tmp_path, made(source=source).file)
    assert report.result is not None
    report.result.clock_steps.append((0, step_us))
    assert report.as_json()["time_worth"] == worth
    assert report.text().splitlines()[0].endswith(f": authentic and complete; {says}")


def test_the_report_is_json_with_everything_in_it(tmp_path: Path) -> None:
    data = pack(altered(made().members, "000001.m4s.age", lambda old: flipped(old, 99)))
    said = json.loads(json.dumps(check(tmp_path, data).as_json()))
    assert (said["verdict"], said["exit_code"]) == ("not_authentic", 2)
    assert (said["id"], said["device"], said["key"]) == (NAME[:-4], "cam-1", KEY.public.thumbprint)
    (found,) = said["findings"]
    assert (found["kind"], found["first_member"]) == ("changed", "000001.m4s.age")
    assert [round(found[key], 3) for key in ("from", "to")] == [0.5, 1.0]


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "empty"),
        (bytes(4096), "zeros"),
        (b"hello, world\n" * 300, "not a recording"),
        (b"\x1f\x8b\x08" + bytes(range(256)) * 9, "not a recording"),
        (pack([("other.txt", b"x"), ("end.txt", b"y")]), "not a recording"),
        (pack([("000000.m4s.age", b"x"), ("000000.jws", b"y")]), "not a recording"),
    ],
    ids=["empty", "zeros", "text", "noise", "foreign archive", "like ours, without a statement"],
)
def test_what_is_no_recording_is_unreadable(tmp_path: Path, data: bytes, text: str) -> None:
    report = check(tmp_path, data)
    assert (report.verdict, report.state) == (Verdict.UNREADABLE, "unreadable")
    assert text in str(report.problem)
    assert text in report.text()
    assert report.as_json()["exit_code"] == 3


def test_an_archive_by_another_program_is_unreadable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("hello")
    with tarfile.open(tmp_path / "foreign.tar", "w") as foreign:
        foreign.add(tmp_path / "file", "file")
    report = verify(str(tmp_path / "foreign.tar"), KEYS)
    assert report.verdict is Verdict.UNREADABLE


def test_a_directory_a_pipe_and_nothing_are_unreadable(tmp_path: Path) -> None:
    assert "directory" in str(verify(str(tmp_path), KEYS).problem)
    os.mkfifo(tmp_path / "pipe")
    assert "not a file" in str(verify(str(tmp_path / "pipe"), KEYS).problem)
    assert "cannot read" in str(verify(str(tmp_path / "missing.tar"), KEYS).problem)


def test_a_file_that_may_not_be_read_is_unreadable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> int:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    (tmp_path / NAME).write_bytes(made().file)
    monkeypatch.setattr(verify_module.os, "open", refused)
    report = verify(str(tmp_path / NAME), KEYS)
    assert (report.verdict, "Permission denied" in str(report.problem)) == (3, True)


def test_storage_that_fails_while_reading_is_unreadable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> int:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    (tmp_path / NAME).write_bytes(made().file)
    monkeypatch.setattr(reader.os, "preadv", fails)
    report = verify(str(tmp_path / NAME), KEYS)
    assert report.verdict is Verdict.UNREADABLE
    assert "Input/output error" in str(report.problem)


def test_a_mistake_in_the_reading_thread_reaches_the_caller(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("broken")

    (tmp_path / NAME).write_bytes(made().file)
    monkeypatch.setattr(verify_module, "walk_members", broken)
    with pytest.raises(RuntimeError, match="broken"):
        verify(str(tmp_path / NAME), KEYS)


def test_an_interrupted_check_leaves_no_thread_behind(tmp_path: Path) -> None:
    def interrupt(_: int, __: int) -> None:
        raise KeyboardInterrupt

    (tmp_path / NAME).write_bytes(made().file)
    before = set(threading.enumerate())
    with pytest.raises(KeyboardInterrupt):
        verify(str(tmp_path / NAME), KEYS, interrupt)
    assert set(threading.enumerate()) <= before


def test_progress_rises_and_ends_with_the_whole_file(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    (tmp_path / NAME).write_bytes(made().file)
    verify(str(tmp_path / NAME), KEYS, lambda done, of: seen.append((done, of)))
    size = len(made().file)
    assert seen == sorted(seen)
    assert seen[-1] == (size, size)


def test_a_wrong_key_is_not_authentic_and_the_key_is_named(tmp_path: Path) -> None:
    report = check(tmp_path, made().file, keys=KeyRing([SigningKey.generate().public]))
    assert report.verdict is Verdict.NOT_AUTHENTIC
    assert KEY.public.thumbprint in report.text()


def test_a_recording_under_another_ones_name_is_found(tmp_path: Path) -> None:
    report = check(tmp_path, made().file, "20261124T160000Z-000002-00000002.tar")
    assert kinds(report) == [(FindingKind.MISNAMED, "", "")]
    assert report.verdict is Verdict.NOT_AUTHENTIC
    assert check(tmp_path, made().file, "copy of my evidence.tar").verdict is Verdict.AUTHENTIC


def test_another_end_than_the_ledgers_is_found(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(made().file)
    final = verify(str(tmp_path / NAME), KEYS).as_json()["final"]
    assert verify(str(tmp_path / NAME), KEYS, final=final).verdict is Verdict.AUTHENTIC
    report = verify(str(tmp_path / NAME), KEYS, final="0" * 64)
    assert kinds(report) == [(FindingKind.OTHER_END, "", "")]


def test_what_a_ledger_says_counts(tmp_path: Path) -> None:
    report = check(tmp_path, made().file)
    report.ledger.append((Severity.NOTE, "closed in the ledger"))
    assert report.verdict is Verdict.AUTHENTIC
    report.ledger.append((Severity.DAMAGE, "deleted according to the ledger"))
    assert report.verdict is Verdict.NOT_AUTHENTIC
    assert "damage     deleted according to the ledger" in report.text()


def test_what_another_recordings_end_says_is_not_said_of_this_one(tmp_path: Path) -> None:
    """Its chain is whole, and leads to its own header."""
    report = check(tmp_path, pack(spliced()))
    assert (report.verdict, report.state) == (Verdict.NOT_AUTHENTIC, "unclosed")
    said = report.as_json()
    assert (said["reason"], said["end_linked"], said["clock_sources"]) == (
        None,
        False,
        ["synchronised"],
    )
    for facts in ("gaps", "marks", "stages", "clock_steps", "slow_syncs"):
        assert said[facts] == []
    lines = report.text().splitlines()
    assert "  length     1.000 s: 30 pictures in 2 fragments" in lines
    assert "  state      unclosed" in lines


def test_a_running_recording_is_told_from_one_that_was_cut(tmp_path: Path) -> None:
    data = pack(without(made().members, "end.jws"), end=bytes(1 << 20))
    cut = check(tmp_path, data)
    assert (cut.verdict, cut.state) == (Verdict.NOT_AUTHENTIC, "unclosed")
    with open(tmp_path / NAME, "rb") as running:
        fcntl.flock(running, fcntl.LOCK_EX)
        report = verify(str(tmp_path / NAME), KEYS, may_run=always)
    assert (report.verdict, report.state) == (Verdict.QUALIFIED, "running")
    assert whole(report, made())


def test_a_lock_alone_does_not_make_a_cut_file_a_recording_that_runs(tmp_path: Path) -> None:
    """Anybody who can read a file can lock it."""
    (tmp_path / NAME).write_bytes(pack(without(made().members, "end.jws"), end=bytes(1 << 20)))
    with open(tmp_path / NAME, "rb") as locked:
        fcntl.flock(locked, fcntl.LOCK_EX)
        report = verify(str(tmp_path / NAME), KEYS)
        opened = open_recording(
            str(tmp_path / NAME), KEYS, [office()], str(tmp_path / "opened.mp4")
        )
    for one in (report, opened):
        assert (one.verdict, one.state) == (Verdict.NOT_AUTHENTIC, "unclosed")
    assert not (tmp_path / "opened.mp4").exists()


def test_a_locked_file_without_a_header_is_not_a_recording_that_runs(tmp_path: Path) -> None:
    members = without(made().members, "header.jws", "end.jws")
    (tmp_path / NAME).write_bytes(pack(members, end=bytes(1 << 20)))
    with open(tmp_path / NAME, "rb") as locked:
        fcntl.flock(locked, fcntl.LOCK_EX)
        assert verify(str(tmp_path / NAME), KEYS, may_run=always).state == "unclosed"


WIPED = {
    "empty": b"",
    "zeros": bytes(1 << 16),
    "short zeros": bytes(10),
    "something else": b"to whom it may concern",
}


@pytest.mark.parametrize("content", WIPED.values(), ids=WIPED)
@pytest.mark.parametrize("told", [{"final": "a" * 64}, {"begun": True}], ids=["ended", "begun"])
def test_a_file_that_was_wiped_is_damage_where_its_recording_is_known(
    tmp_path: Path, content: bytes, told: Any
) -> None:
    (tmp_path / NAME).write_bytes(content)
    assert verify(str(tmp_path / NAME), KEYS).verdict is Verdict.UNREADABLE
    report = verify(str(tmp_path / NAME), KEYS, **told)
    assert (report.verdict, report.state) == (Verdict.NOT_AUTHENTIC, "unreadable")
    assert "NOT AUTHENTIC" in report.text()
    assert "damage     the ledger knows a recording here" in report.text()
    assert report.as_json()["ledger"][0]["severity"] == "not authentic"


def test_what_the_storage_does_not_give_is_not_taken_for_wiped(tmp_path: Path) -> None:
    """Nobody has seen what is in it."""
    report = verify(str(tmp_path / NAME), KEYS, final="a" * 64, begun=True)
    assert (report.verdict, report.ledger) == (Verdict.UNREADABLE, [])


def test_where_every_other_header_is_damaged_little_is_read_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever hands in such a file does not keep the evidence desk busy for hours."""
    damaged = bytearray(ustar.header("000001.jws", 0))
    damaged[148] ^= 1
    data = (bytes(damaged) + ustar.header("000002.jws", 0)) * 2000
    (tmp_path / NAME).write_bytes(data)
    asked = 0
    real = os.pread

    def counted(descriptor: int, size: int, offset: int) -> bytes:
        nonlocal asked
        found = real(descriptor, size, offset)
        asked += len(found)
        return found

    monkeypatch.setattr(os, "pread", counted)
    with open(tmp_path / NAME, "rb") as file:
        found = list(walk_members(file.fileno()))
    assert sum(isinstance(one, reader.MemberSeen) for one in found) >= 2000
    assert asked < 40 * len(data)


def test_a_running_recording_is_looked_at_again_before_it_is_called_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader may come upon a fragment of which only a part is written yet."""
    torn = altered(made().members, "000005.m4s.age", lambda old: old[:9] + bytes(len(old) - 9))
    looks = []

    def grows(descriptor: int, **options: bool) -> Iterator[object]:
        looks.append(descriptor)
        if len(looks) == 2:
            (tmp_path / NAME).write_bytes(pack(without(made().members, "end.jws"), bytes(8192)))
        return walk_members(descriptor, **options)

    (tmp_path / NAME).write_bytes(pack(without(torn, "end.jws"), bytes(8192)))
    monkeypatch.setattr(verify_module, "walk_members", grows)
    with open(tmp_path / NAME, "rb") as running:
        fcntl.flock(running, fcntl.LOCK_EX)
        report = verify(str(tmp_path / NAME), KEYS, may_run=always)
    assert (len(looks), report.verdict, report.state) == (2, Verdict.QUALIFIED, "running")


def test_a_running_recording_that_stays_damaged_is_damaged(tmp_path: Path) -> None:
    torn = altered(made().members, "000001.m4s.age", lambda old: flipped(old, 9))
    (tmp_path / NAME).write_bytes(pack(without(torn, "end.jws"), bytes(8192)))
    with open(tmp_path / NAME, "rb") as running:
        fcntl.flock(running, fcntl.LOCK_EX)
        report = verify(str(tmp_path / NAME), KEYS, may_run=always)
    assert report.verdict is Verdict.NOT_AUTHENTIC


def test_what_the_container_and_repair_write_is_authentic_at_every_step(tmp_path: Path) -> None:
    sealer = Sealer([str(office().to_public())])
    header = a_header(NAME[:-4])
    container = ContainerWriter(str(tmp_path), header, made().plain[0], KEY, sealer)
    for fragment, facts in zip(made().plain[1:], made().facts, strict=True):
        assert verify(container.path, KEYS, may_run=always).state == "running"
        container.append(fragment, facts)
        report = verify(container.path, KEYS, may_run=always)
        assert (report.verdict, report.state) == (Verdict.QUALIFIED, "running"), report.text()
    interrupted = Path(container.path).read_bytes()
    container.close(some_closing(90, made().facts[-1].end_us))
    assert verify(container.path, KEYS).verdict is Verdict.AUTHENTIC

    committed = len(interrupted.rstrip(b"\0"))
    for torn in (b"", b"torn" * 500):
        cut = interrupted[: committed + 512] + torn + bytes(1 << 16)
        Path(container.path).write_bytes(cut)
        assert verify(container.path, KEYS).state == "unclosed"
        repair(container.path, KEY, ManualClock())
        report = verify(container.path, KEYS)
        assert (report.verdict, report.state) == (Verdict.QUALIFIED, "recovered"), report.text()
        assert whole(report, made())


def test_where_files_have_no_locks_nobody_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def without_locks(_: int) -> bool:
        raise OSError(errno.ENOLCK, "no locks")

    monkeypatch.setattr(verify_module.recording_files, "is_locked", without_locks)
    assert check(tmp_path, made().file).verdict is Verdict.AUTHENTIC


@pytest.mark.parametrize("name", ["header.jws", "init.mp4.age", "000002.m4s.age", "000002.jws"])
@pytest.mark.parametrize(
    "place",
    [0, 5, 99, 100, 108, 124, 130, 136, 148, 156, 157, 257, 262, 263, 265, 297, 329, 345, 511],
)
def test_no_byte_of_an_archive_header_is_free(tmp_path: Path, name: str, place: int) -> None:
    data = made().file
    report = check(tmp_path, flipped(data, header_at(data, name) + place))
    found = kinds(report)
    assert found[0][:2] in ((FindingKind.ARCHIVE, name), (FindingKind.LOST, name))
    if name != "init.mp4.age" or found[0][0] is FindingKind.ARCHIVE:
        # The content is what was signed, so every second of it stays proven.
        assert len(found) == 1
        assert whole(report, made())


def test_no_byte_of_the_padding_is_free(tmp_path: Path) -> None:
    data = made().file
    size = len(made().content("000002.jws"))
    padding = header_at(data, "000002.jws") + ustar.BLOCK + size
    assert data[padding] == 0
    report = check(tmp_path, flipped(data, padding))
    assert kinds(report) == [(FindingKind.ARCHIVE, "000002.jws", "000002.jws")]
    assert "padding" in report.text()
    assert whole(report, made())


def test_repacked_by_another_program_every_second_is_proven_still(tmp_path: Path) -> None:
    original = tmp_path / "original.tar"
    original.write_bytes(made().file)
    with tarfile.open(original) as source, tarfile.open(tmp_path / NAME, "w") as target:
        for member in source:
            member.mtime = 1_700_000_000
            target.addfile(member, source.extractfile(member))
    report = verify(str(tmp_path / NAME), KEYS)
    assert kinds(report)[0] == (FindingKind.ARCHIVE, "header.jws", "000005.jws")
    assert whole(report, made())


def foreign_header(name: str, size: int, kind: bytes) -> bytes:
    """A header with a right checksum, of a kind or with a name that no recording has."""
    block = bytearray(ustar.header("x1", size))
    block[:100] = name.encode().ljust(100, b"\0")
    block[156:157] = kind
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


@pytest.mark.parametrize(
    ("name", "kind", "content"),
    [
        ("README", b"0", b"read me"),
        ("./PaxHeaders/000001.jws", b"x", b"16 path=end.jws\n"),
        ("000001.jws", b"x", b"10 size=0\n"),
        ("pax_global_header", b"g", b"11 comment=\n"),
        ("././@LongLink", b"L", b"header.jws\0"),
        ("directory/", b"5", b""),
    ],
)
@pytest.mark.parametrize("before", ["header.jws", "000001.jws", "end.jws"])
def test_foreign_members_are_named_and_cost_nothing(
    tmp_path: Path, before: str, name: str, kind: bytes, content: bytes
) -> None:
    data = made().file
    place = header_at(data, before)
    extra = foreign_header(name, len(content), kind) + content + bytes(-len(content) % 512)
    report = check(tmp_path, data[:place] + extra + data[place:])
    assert kinds(report) == [(FindingKind.FOREIGN, name, name)]
    assert whole(report, made())
    assert f"{name}: is not a member that a recording has" in report.text()


def test_the_name_of_a_foreign_member_forges_no_line(tmp_path: Path) -> None:
    extra = foreign_header("\n  state      closed\x1b[2J", 0, b"0")
    data = made().file
    place = header_at(data, "end.jws")
    report = check(tmp_path, data[:place] + extra + data[place:])
    assert "\x1b" not in report.text()
    assert len([line for line in report.text().splitlines() if "state " in line]) == 2
    assert [line[:9] for line in report.text().splitlines()].count("  state  ") == 1


@pytest.mark.parametrize("format_", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_repacked_with_long_headers_every_second_is_proven_still(
    tmp_path: Path, format_: int
) -> None:
    target = tmp_path / "repacked.tar"
    with tarfile.open(target, "w", format=format_) as out:
        for name, content in made().members:
            info = tarfile.TarInfo(f"recording/{name}")
            info.size, info.mtime = len(content), 1_700_000_000.5  # type: ignore[assignment]
            info.pax_headers = {"comment": "x" * 200}
            out.addfile(info, io.BytesIO(content))
    report = verify(str(target), KEYS)
    assert report.verdict is Verdict.NOT_AUTHENTIC
    assert {kind for kind, _, _ in kinds(report)} <= {FindingKind.ARCHIVE, FindingKind.FOREIGN}
    assert whole(report, made())


def test_a_trigger_before_the_first_picture_is_told_as_that(tmp_path: Path) -> None:
    """The camera had to come up first; or the recording goes on from another one."""
    header = replace(made().header, trigger_us=made().header.origin_us - 972_000)
    segments = [data for name, data in made().members if name.endswith(".age")]
    closing = some_closing(90, made().facts[-1].end_us)
    report = check(tmp_path, pack(signed(header, segments, made().facts, closing)))
    (line,) = (one for one in report.text().splitlines() if one.startswith("  trigger"))
    assert line.endswith(", 0.972 s before the first picture")
    assert report.as_json()["trigger_seconds"] == -0.972


def test_a_report_tells_when_it_was_triggered_and_when_it_begins(tmp_path: Path) -> None:
    origin_us = made().header.origin_us
    header = replace(made().header, trigger_us=origin_us + 1_013_000, wearer="7")
    segments = [data for name, data in made().members if name.endswith(".age")]
    closing = some_closing(90, made().facts[-1].end_us)
    report = check(tmp_path, pack(signed(header, segments, made().facts, closing)))
    assert report.verdict is Verdict.AUTHENTIC
    lines = report.text().splitlines()
    assert "  trigger    button:main, 2026-11-24T15:30:00.000Z, at 1.013 s" in lines
    assert "  begins     2026-11-24T15:29:58.987Z" in lines
    assert "  wearer     7" in lines
    assert f"  sealed to  {office().to_public()}" in lines
    assert report.as_json()["begins"] == "2026-11-24T15:29:58.987Z"


def test_another_recordings_header_is_shown_as_what_it_is(tmp_path: Path) -> None:
    other = made(identity="20261124T153000Z-000009-00000009").content("header.jws")
    report = check(tmp_path, pack(altered(made().members, "header.jws", lambda _: other)))
    assert "nothing links it to the footage here" in report.text()
    assert "  length     0.000 s: 0 pictures in 0 fragments" in report.text()
    assert report.as_json()["header_linked"] is False


def test_no_line_of_a_report_is_forged_by_a_file_s_name(tmp_path: Path) -> None:
    directory = tmp_path / "a\nb\x1b[31m"
    directory.mkdir()
    report = check(directory, made().file)
    assert (
        report.text()
        .splitlines()[0]
        .endswith(": authentic and complete; time set by a time server")
    )
    assert "\x1b" not in report.text()


def test_overwritten_headers_hide_only_what_they_must(tmp_path: Path) -> None:
    """Without its header a fragment has the size that its commit says, and a statement ends where
    its padding begins."""
    for name in ("000002.m4s.age", "000002.jws", "header.jws", "end.jws"):
        data = bytearray(made().file)
        place = header_at(bytes(data), name)
        data[place : place + ustar.BLOCK] = b"\xff" * ustar.BLOCK
        report = check(tmp_path, bytes(data))
        assert report.verdict is Verdict.NOT_AUTHENTIC
        if name != "end.jws":
            assert kinds(report) == [(FindingKind.ARCHIVE, name, name)]
        assert whole(report, made())


def test_behind_a_hole_of_garbage_the_rest_is_found(tmp_path: Path) -> None:
    data = bytearray(made().file)
    start, end = header_at(bytes(data), "000002.m4s.age"), header_at(bytes(data), "000003.jws")
    data[start:end] = b"\xa5" * (end - start)
    report = check(tmp_path, bytes(data))
    assert kinds(report) == [
        (FindingKind.LOST, "000002.m4s.age", "000002.m4s.age"),
        (FindingKind.MISSING, "000002.m4s.age", "000002.jws"),
        (FindingKind.MISSING, "000003.m4s.age", "000003.m4s.age"),
        # Found, and signed; what they go on from is not there.
        (FindingKind.UNLINKED, "000003.m4s.age", "000005.jws"),
    ]
    assert report.result is not None
    assert report.result.signed


@pytest.mark.parametrize("keep", [1, 511, 512, 513, 700, 2000, 9000])
def test_wherever_a_file_is_cut_it_is_found(tmp_path: Path, keep: int) -> None:
    data = made().file
    for kept in (keep, len(data) - keep):
        report = check(tmp_path, data[:kept])
        assert report.verdict >= Verdict.NOT_AUTHENTIC


@pytest.mark.parametrize("extra", [b"\0", bytes(512), b"x", b"x" * 5000, bytes(4096) + b"x"])
def test_whatever_follows_the_end_is_found(tmp_path: Path, extra: bytes) -> None:
    report = check(tmp_path, made().file + extra)
    assert kinds(report) == [(FindingKind.ARCHIVE, "end.jws", "end.jws")]
    assert whole(report, made())


def test_another_recording_appended_is_found(tmp_path: Path) -> None:
    other = made(identity="20261124T160000Z-000002-00000002")
    report = check(tmp_path, made().file + other.file)
    assert report.verdict is Verdict.NOT_AUTHENTIC
    assert whole(report, made())


def test_a_long_recording_is_checked_in_constant_memory(tmp_path: Path) -> None:
    """Two recordings, one with 20 times the fragments of the other, differ by less than 4 MB."""
    script = """
import sys
from camerad.container.keys import KeyRing, read_public_key
from camerad.verify.judge import verify
report = verify(sys.argv[1], KeyRing([read_public_key(sys.argv[2])]))
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(int(report.verdict), peak.split()[1])
"""
    (tmp_path / "key.pem").write_text(KEY.public.pem)
    peaks = []
    for count in (200, 4_000):
        path = tmp_path / "long.tar"
        path.write_bytes(_long(count))
        command = [sys.executable, "-c", script, str(path), str(tmp_path / "key.pem")]
        verdict, peak = subprocess.check_output(command, text=True, timeout=60).split()
        assert verdict == "0"
        peaks.append(int(peak))
    assert peaks[1] < 80 * 1024
    assert peaks[1] - peaks[0] < 4 * 1024


def _long(count: int) -> bytes:
    from sealed_helpers import ORIGIN_US, a_header, signed, some_closing, some_facts

    facts = []
    for number in range(count):
        begin_us = ORIGIN_US + number * 500_000
        facts.append(some_facts(number, begin_us, begin_us + 466_667, begin_us + 500_000, 15))
    closing = some_closing(15 * count, ORIGIN_US + count * 500_000)
    return pack(signed(a_header(), [b"init", *[b"x" * 2000] * count], facts, closing))


def test_digits_of_other_scripts_name_no_member(tmp_path: Path) -> None:
    """Which of them there are depends on the version of Unicode, and the verdict must not."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as written:
        for name in ("٠٠٠٠٠٠.jws", "notes"):
            token = dict(made().members)["000000.jws"]
            info = tarfile.TarInfo(name)
            info.size = len(token)
            written.addfile(info, io.BytesIO(token))
    report = check(tmp_path, buffer.getvalue())
    assert report.verdict is Verdict.UNREADABLE
