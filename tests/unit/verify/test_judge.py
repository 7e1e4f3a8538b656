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
    Members,
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


def sealed_again(**changes: Any) -> bytes:
    """The same recording under a header that says otherwise."""
    header = replace(made().header, **changes)
    segments = [data for name, data in made().members if name.endswith(".age")]
    closing = some_closing(90, made().facts[-1].end_us)
    return pack(signed(header, segments, made().facts, closing))


WITH_GAPS = made("IPPPPPPPPP....PPPPPP" + " " * 60 + "IPPP", marks=(100_000,))
OTHERS = made(identity="20261124T153000Z-000009-00000009")
OTHERS_HEADER = pack(altered(made().members, "header.jws", lambda _: OTHERS.content("header.jws")))
ORIGIN = made().header.origin_us
COMPLETE = f"{NAME}: authentic and complete; time set by a time server"


@pytest.mark.parametrize(
    ("data", "judged", "lines", "said"),
    [
        (
            made().file,
            "AUTHENTIC closed",
            (COMPLETE, "  length     3.000 s: 90 pictures in 6 fragments"),
            {"header_linked": True, "end_linked": True},
        ),
        (
            WITH_GAPS.file,
            "QUALIFIED closed",
            (
                "  gap        from 0.300 s to 0.467 s: frames lost, 4 pictures",
                "  mark       at 0.100 s",
            ),
            {"marks": [0.1]},
        ),
        (
            made(torn=b"x" * 700).file,
            "QUALIFIED recovered",
            ("repair kept 700 bytes",),
            {"reason": "recovered"},
        ),
        (
            made(source=ClockSource.UNKNOWN).file,
            "AUTHENTIC closed",
            ("  clock      was NOT reliable",),
            {"clock_sources": ["unknown", "synchronised"]},
        ),
        # The camera had to come up first; or the recording goes on from another one.
        (
            sealed_again(trigger_us=ORIGIN - 972_000),
            "AUTHENTIC closed",
            (", 0.972 s before the first picture",),
            {"trigger_seconds": -0.972},
        ),
        (
            sealed_again(trigger_us=ORIGIN + 1_013_000, wearer="7"),
            "AUTHENTIC closed",
            (
                "  trigger    button:main, 2026-11-24T15:30:00.000Z, at 1.013 s",
                "  begins     2026-11-24T15:29:58.987Z",
                "  wearer     7",
                f"  sealed to  {office().to_public()}",
            ),
            {"begins": "2026-11-24T15:29:58.987Z"},
        ),
        (
            OTHERS_HEADER,
            "NOT_AUTHENTIC unclosed",
            (
                "nothing links it to the footage here",
                "  length     0.000 s: 0 pictures in 0 fragments",
            ),
            {"header_linked": False},
        ),
        # The chain of another recording's end is whole, and leads to its own header.
        (
            pack(spliced()),
            "NOT_AUTHENTIC unclosed",
            ("  length     1.000 s: 30 pictures in 2 fragments", "  state      unclosed"),
            {
                "reason": None,
                "end_linked": False,
                "clock_sources": ["synchronised"],
                **{facts: [] for facts in ("gaps", "marks", "stages", "clock_steps")},
                "slow_syncs": [],
            },
        ),
    ],
)
def test_a_report_says_what_there_is_in_lines_and_in_json(
    tmp_path: Path,
    data: bytes,
    judged: str,
    lines: tuple[str, ...],
    said: dict[str, object],
) -> None:
    report = check(tmp_path, data)
    assert f"{report.verdict.name} {report.state}" == judged
    text = report.text()
    assert [one for one in lines if one not in text] == []
    assert said.items() <= report.as_json().items()


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


def foreign(*names: str) -> bytes:
    """An archive by another program, with a statement of ours under each name."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as out:
        for name in names:
            info = tarfile.TarInfo(name)
            info.size = len(made().content("000000.jws"))
            out.addfile(info, io.BytesIO(made().content("000000.jws")))
    return packed.getvalue()


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "empty"),
        (bytes(4096), "zeros"),
        (b"hello, world\n" * 300, "not a recording"),
        (b"\x1f\x8b\x08" + bytes(range(256)) * 9, "not a recording"),
        (pack([("other.txt", b"x"), ("end.txt", b"y")]), "not a recording"),
        # Like ours, without a statement. Which digits of other scripts there are depends on the
        # version of Unicode, and the verdict must not.
        (pack([("000000.m4s.age", b"x"), ("000000.jws", b"y")]), "not a recording"),
        (foreign("notes", "٠٠٠٠٠٠.jws"), "not a recording"),
    ],
)
def test_what_is_no_recording_is_unreadable(tmp_path: Path, data: bytes, text: str) -> None:
    report = check(tmp_path, data)
    assert (report.verdict, report.state) == (Verdict.UNREADABLE, "unreadable")
    assert text in str(report.problem)
    assert text in report.text()
    assert report.as_json()["exit_code"] == 3


def test_a_directory_a_pipe_and_nothing_are_unreadable(tmp_path: Path) -> None:
    assert "directory" in str(verify(str(tmp_path), KEYS).problem)
    os.mkfifo(tmp_path / "pipe")
    assert "not a file" in str(verify(str(tmp_path / "pipe"), KEYS).problem)
    told = verify(str(tmp_path / "missing.tar"), KEYS, final="a" * 64, begun=True)
    assert "cannot read" in str(told.problem)
    # Nobody has seen what is in it: that is not taken for wiped.
    assert (told.verdict, told.ledger) == (Verdict.UNREADABLE, [])


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


def test_progress_rises_and_an_interrupted_check_leaves_no_thread_behind(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []

    def interrupt(_: int, __: int) -> None:
        raise KeyboardInterrupt

    (tmp_path / NAME).write_bytes(made().file)
    verify(str(tmp_path / NAME), KEYS, lambda done, of: seen.append((done, of)))
    assert seen == sorted(seen) and seen[-1] == (len(made().file), len(made().file))
    before = set(threading.enumerate())
    with pytest.raises(KeyboardInterrupt):
        verify(str(tmp_path / NAME), KEYS, interrupt)
    assert set(threading.enumerate()) <= before


def test_what_a_ledger_says_counts(tmp_path: Path) -> None:
    report = check(tmp_path, made().file)
    final = report.as_json()["final"]
    report.ledger.append((Severity.NOTE, "closed in the ledger"))
    assert report.verdict is Verdict.AUTHENTIC
    report.ledger.append((Severity.DAMAGE, "deleted according to the ledger"))
    assert report.verdict is Verdict.NOT_AUTHENTIC
    assert "damage     deleted according to the ledger" in report.text()
    assert verify(report.path, KEYS, final=final).verdict is Verdict.AUTHENTIC
    other = verify(report.path, KEYS, final="0" * 64)
    assert kinds(other) == [(FindingKind.OTHER_END, "", "")]


UNCLOSED = without(made().members, "end.jws")
TORN = without(altered(made().members, "000001.m4s.age", lambda old: flipped(old, 9)), "end.jws")


@pytest.mark.parametrize(
    ("members", "locked", "known", "judged"),
    [
        (UNCLOSED, False, True, "NOT_AUTHENTIC unclosed"),
        # Anybody who can read a file can lock it: a lock alone proves nothing.
        (UNCLOSED, True, False, "NOT_AUTHENTIC unclosed"),
        (UNCLOSED, True, True, "QUALIFIED running"),
        (without(UNCLOSED, "header.jws"), True, True, "NOT_AUTHENTIC unclosed"),
        (TORN, True, True, "NOT_AUTHENTIC running"),
    ],
)
def test_a_recording_runs_if_it_is_locked_and_its_ledger_says_so(
    tmp_path: Path, members: Members, locked: bool, known: bool, judged: str
) -> None:
    path, out = tmp_path / NAME, tmp_path / "opened.mp4"
    path.write_bytes(pack(members, end=bytes(1 << 20)))
    with open(path, "rb") as file:
        if locked:
            fcntl.flock(file, fcntl.LOCK_EX)
        report = verify(str(path), KEYS, may_run=lambda _: known)
        opened = open_recording(str(path), KEYS, [office()], str(out))
    assert f"{report.verdict.name} {report.state}" == judged
    if judged == "QUALIFIED running":
        assert whole(report, made())
    assert opened.state == "unclosed" and not out.exists()


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


def repacked(prefix: str, format_: int) -> bytes:
    """By another program, with other headers."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=format_) as out:
        for name, content in made().members:
            info = tarfile.TarInfo(prefix + name)
            info.size, info.mtime = len(content), 1_700_000_000
            if prefix:
                info.mtime, info.pax_headers = 1_700_000_000.5, {"comment": "x" * 200}  # type: ignore[assignment]
            out.addfile(info, io.BytesIO(content))
    return packed.getvalue()


def test_behind_a_hole_of_garbage_the_rest_is_found(tmp_path: Path) -> None:
    data = bytearray(made().file)
    start, end = data.index(b"000002.m4s.age\0"), data.index(b"000003.jws\0")
    data[start:end] = b"\xa5" * (end - start)
    report = check(tmp_path, bytes(data))
    assert kinds(report) == [
        (FindingKind.LOST, "000002.m4s.age", "000002.m4s.age"),
        (FindingKind.MISSING, "000002.m4s.age", "000002.jws"),
        (FindingKind.MISSING, "000003.m4s.age", "000003.m4s.age"),
        # Found, and signed; what they go on from is not there.
        (FindingKind.UNLINKED, "000003.m4s.age", "000005.jws"),
    ]
    assert report.result is not None and report.result.signed


def test_another_recording_appended_is_found(tmp_path: Path) -> None:
    report = check(tmp_path, made().file + OTHERS.file)
    assert report.verdict is Verdict.NOT_AUTHENTIC
    assert whole(report, made())


def test_the_name_of_a_file_counts_and_forges_no_line(tmp_path: Path) -> None:
    report = check(tmp_path, made().file, "20261124T160000Z-000002-00000002.tar")
    assert kinds(report) == [(FindingKind.MISNAMED, "", "")]
    assert report.verdict is Verdict.NOT_AUTHENTIC
    assert check(tmp_path, made().file, "copy of my evidence.tar").verdict is Verdict.AUTHENTIC
    directory = tmp_path / "a\nb\x1b[31m"
    directory.mkdir()
    text = check(directory, made().file).text()
    assert text.splitlines()[0].endswith(f"/{COMPLETE}") and "\x1b" not in text


def test_a_wrong_key_is_not_authentic_and_the_key_is_named(tmp_path: Path) -> None:
    report = check(tmp_path, made().file, keys=KeyRing([SigningKey.generate().public]))
    assert report.verdict is Verdict.NOT_AUTHENTIC
    assert KEY.public.thumbprint in report.text()


@pytest.mark.parametrize(
    ("prefix", "format_"),
    [
        ("", tarfile.USTAR_FORMAT),
        ("recording/", tarfile.PAX_FORMAT),
        ("recording/", tarfile.GNU_FORMAT),
    ],
)
def test_repacked_by_another_program_every_second_is_proven_still(
    tmp_path: Path, prefix: str, format_: int
) -> None:
    report = check(tmp_path, repacked(prefix, format_))
    assert report.verdict is Verdict.NOT_AUTHENTIC
    assert {kind for kind, _, _ in kinds(report)} <= {FindingKind.ARCHIVE, FindingKind.FOREIGN}
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
