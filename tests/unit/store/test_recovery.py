"""An interrupted recording is closed with all that was committed, and nothing is destroyed.

Wherever power is lost, the file holds what was committed, then perhaps part of one append, then
zeros; so the tests put every such file there and repair it.
"""

from __future__ import annotations

import errno
import os
import random
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from evidence_helpers import BOOT_ID, MOMENT, a_header, decoded, expected, time_of
from msgspec.structs import replace
from repair_helpers import CLOCK, blocks, fix, interrupted, is_right, offsets, unsynchronised
from sealed_helpers import flipped
from sink_helpers import (
    END,
    ID,
    KEY,
    a_closing,
    a_facts,
    abandon,
    members,
    open_sink,
    record,
    small,
    unsealed_file,
)
from sound_helpers import MICROPHONE, UNIT_US

from camerad.base import durable_files
from camerad.base.clock import ManualClock
from camerad.base.errors import StorageError
from camerad.container import chain, jws, recording_files, ustar
from camerad.container.gaps import CAPTURE_RESTARTED, CUT_OFF, NOT_STORED, Gap
from camerad.container.keys import KeyRing, SigningKey
from camerad.container.skeleton import skeleton
from camerad.container.statements import (
    Closing,
    FragmentSound,
    RateChange,
    SoundChange,
    SoundEnd,
    StageChange,
)
from camerad.container.ustar import member
from camerad.store import recovery
from camerad.store.listing import list_recordings
from camerad.store.recovery import TORN, UNREADABLE, RepairOutcome, repair_all, unfinished
from camerad.store.unwritten_end import UnwrittenEnd
from camerad.verify.findings import FindingKind
from camerad.verify.judge import verify

__all__ = ["interrupted", "unsynchronised"]

# --------------------------------------------------------------------------- what is left


def test_a_recording_with_sound_is_closed_with_the_sound_that_is_there(tmp_path: Path) -> None:
    """What a stranger would be told is authentic, but for its end, is so with the end."""
    header = a_header(sound=True, microphone=MICROPHONE)
    recording = open_sink(tmp_path, header, b"init")
    for sequence, units in enumerate((20, 0, 23)):
        first_us = time_of(15 * sequence)
        until_us = first_us + round(units * UNIT_US)
        times = (first_us, until_us) if units else (None, None)
        recording.append(b"x", a_facts(sequence, sound=FragmentSound(units, *times, (), ())))
    # Then the camera stood still, and there was sound alone.
    end_us = time_of(45)
    alone = a_facts(3, sound=FragmentSound(23, end_us, end_us + 490_667, (), ()))
    alone = replace(alone, frames=0, first_us=end_us, last_us=end_us, end_us=end_us)
    recording.append(b"x", alone)
    abandon(recording)
    result = fix(recording.path)
    assert result.outcome is RepairOutcome.RECOVERED
    assert result.end is not None
    assert result.end.closing.sound == SoundEnd(66, (), ())
    assert (result.end.closing.frames, result.end.closing.at_us) == (45, end_us + 490_667)
    (info,) = list_recordings(str(tmp_path))
    assert info.seconds == pytest.approx(1.990667)
    report = verify(recording.path, KeyRing([KEY.public]))
    assert report.result is not None
    assert {found.kind for found in report.result.findings} == {FindingKind.RECOVERED}


# ---------------------------------------------- up to when footage was wanted, where that is known

SAME_BOOT = ManualClock(time_of(4000), MOMENT.wall_us)


def owed_end(path: str, owed: UnwrittenEnd | None, clock: ManualClock = SAME_BOOT) -> Closing:
    """What the end says that repair writes; it may hold no contradiction."""
    result = recovery.repair(path, KEY, clock, owed)
    assert result.end is not None
    report = verify(path, KeyRing([KEY.public]))
    assert report.result is not None
    kinds = {found.kind for found in report.result.findings}
    assert kinds <= {FindingKind.RECOVERED, FindingKind.TORN, FindingKind.QUIET}, (
        report.result.findings
    )
    return result.end.closing


@pytest.mark.parametrize(
    ("until", "clock", "ends", "missing"),
    [
        (1230, SAME_BOOT, 1230, True),
        # The last note may be older than what was committed after it.
        (25, SAME_BOOT, 30, False),
        # Nothing is wanted after it is repaired, and in another boot that is not known.
        (4100, SAME_BOOT, 4000, True),
        (1230, CLOCK, 30, False),
    ],
)
def test_what_was_wanted_and_is_not_kept_is_a_gap(
    tmp_path: Path, until: int, clock: ManualClock, ends: int, missing: bool
) -> None:
    path = record(tmp_path, ended=False)
    closing = owed_end(path, UnwrittenEnd(time_of(until), CUT_OFF), clock)
    gaps = (Gap(CUT_OFF, None, time_of(29), time_of(ends)),) if missing else ()
    assert (closing.at_us, closing.gaps) == (time_of(ends), gaps)


def test_without_a_picture_the_gap_begins_with_what_was_wanted_first(tmp_path: Path) -> None:
    recording = small(tmp_path, 0, a_header(trigger_us=time_of(60)))
    abandon(recording)
    closing = owed_end(recording.path, UnwrittenEnd(time_of(90), CUT_OFF))
    assert closing.gaps == (Gap(CUT_OFF, None, time_of(0), time_of(90)),)


def test_what_the_recorder_had_still_to_say_is_said(tmp_path: Path) -> None:
    path = record(tmp_path, ended=False)
    at_us = time_of(1230)
    said = a_closing(
        reason="failed",
        at_us=at_us,
        marks=(time_of(40),),
        stages=(StageChange(time_of(41), "recording", False),),
        rates=(RateChange(time_of(42), 30, "heat", 15),),
        gaps=(
            Gap(CAPTURE_RESTARTED, None, time_of(50), time_of(60)),
            Gap(NOT_STORED, None, time_of(29), at_us),
        ),
    )
    closing = owed_end(path, UnwrittenEnd(at_us, NOT_STORED, said))
    assert closing == replace(said, reason="recovered", clock=SAME_BOOT.moment())


def test_what_the_storage_had_refused_and_kept_all_the_same_is_said_once(tmp_path: Path) -> None:
    """Nobody knows what a write has left that failed; the recorder took it for lost."""
    recording = small(tmp_path, 1)
    change = StageChange(time_of(16), "recording", True)
    rate = RateChange(time_of(17), 30, "heat", 15)
    gap = Gap(CAPTURE_RESTARTED, None, time_of(14), time_of(15))
    recording.append(
        b"x", a_facts(1, gaps=(gap,), marks=(time_of(18),), stages=(change,), rates=(rate,))
    )
    abandon(recording)
    at_us = time_of(600)
    said = a_closing(
        frames=15,
        at_us=at_us,
        marks=(time_of(18), time_of(40)),
        stages=(change,),
        rates=(rate, RateChange(time_of(50), 15, "cooled", 30)),
        gaps=(gap, Gap(NOT_STORED, None, time_of(14), at_us)),
    )
    closing = owed_end(recording.path, UnwrittenEnd(at_us, NOT_STORED, said))
    assert (closing.frames, closing.marks, closing.stages) == (30, (time_of(40),), ())
    assert closing.rates == (RateChange(time_of(50), 15, "cooled", 30),)
    assert closing.gaps == (Gap(NOT_STORED, None, time_of(29), at_us),)


SOUND = a_header(sound=True, microphone=MICROPHONE)


def with_sound(tmp_path: Path, *heard: FragmentSound) -> str:
    """A recording without an end, of a fragment for each; its path."""
    recording = open_sink(tmp_path, SOUND, b"init")
    for sequence, sound in enumerate(heard):
        recording.append(b"x", a_facts(sequence, sound=sound))
    abandon(recording)
    return recording.path


def sound_of(closing: Closing) -> SoundEnd:
    assert isinstance(closing.sound, SoundEnd)
    return closing.sound


HALF = FragmentSound(
    23, time_of(0), time_of(0) + 490_667, (), (SoundChange(time_of(0), "on", None),)
)
NONE = FragmentSound(0, None, None, (), ())


def test_sound_that_was_wanted_and_is_not_kept_is_a_gap_too(tmp_path: Path) -> None:
    closing = owed_end(with_sound(tmp_path, HALF, NONE), UnwrittenEnd(time_of(90), CUT_OFF))
    last_us = time_of(0) + 490_667 - 21_333
    assert sound_of(closing) == SoundEnd(23, (Gap(CUT_OFF, None, last_us, time_of(90)),), ())


def test_sound_that_was_switched_off_at_the_last_is_missing_for_that_reason(
    tmp_path: Path,
) -> None:
    muted = replace(NONE, states=(SoundChange(time_of(16), "muted", None),))
    closing = owed_end(with_sound(tmp_path, HALF, muted), UnwrittenEnd(time_of(90), CUT_OFF))
    assert [gap.reason for gap in sound_of(closing).gaps] == ["muted"]


@pytest.mark.parametrize(("pre_event", "begun"), [(True, 0), (False, 5)])
def test_sound_that_never_came_is_missing_from_when_it_was_wanted(
    tmp_path: Path, pre_event: bool, begun: int
) -> None:
    microphone = replace(MICROPHONE, pre_event=pre_event)
    header = a_header(sound=True, microphone=microphone, trigger_us=time_of(5))
    recording = open_sink(tmp_path, header, b"init")
    recording.append(b"x", a_facts(0, sound=NONE))
    abandon(recording)
    closing = owed_end(recording.path, UnwrittenEnd(time_of(90), CUT_OFF))
    assert sound_of(closing).gaps == (Gap(CUT_OFF, None, time_of(begun), time_of(90)),)


def test_what_the_recorder_had_still_to_say_of_sound_is_said_once(tmp_path: Path) -> None:
    muted = SoundChange(time_of(16), "muted", None)
    gap = Gap("muted", None, time_of(1), time_of(2))
    path = with_sound(tmp_path, HALF, replace(NONE, gaps=(gap,), states=(muted,)))
    failed = SoundChange(time_of(50), "failed", "no such device")
    at_us = time_of(90)
    said = a_closing(
        at_us=at_us,
        sound=SoundEnd(0, (gap, Gap("muted", None, time_of(3), at_us)), (muted, failed)),
    )
    sound = sound_of(owed_end(path, UnwrittenEnd(at_us, NOT_STORED, said)))
    last_us = time_of(0) + 490_667 - 21_333
    assert sound == SoundEnd(23, (Gap("muted", None, last_us, at_us),), (failed,))


def test_what_the_recorder_had_to_say_is_all_that_there_is_without_a_commit(
    tmp_path: Path,
) -> None:
    recording = open_sink(tmp_path, SOUND, b"init")
    abandon(recording)
    at_us = time_of(90)
    said = a_closing(frames=0, at_us=at_us, marks=(time_of(9),), sound=SoundEnd(0, (), ()))
    closing = owed_end(recording.path, UnwrittenEnd(at_us, NOT_STORED, said))
    assert (closing.marks, [gap.from_us for gap in closing.gaps]) == ((time_of(9),), [time_of(0)])
    assert [gap.reason for gap in sound_of(closing).gaps] == [NOT_STORED]


def test_a_recording_that_was_interrupted_is_closed_and_says_so(tmp_path: Path) -> None:
    path = record(tmp_path, a_header(trigger_us=time_of(3)), ended=False)
    result = fix(path)
    assert (result.id, result.path, result.outcome) == (ID, path, RepairOutcome.RECOVERED)
    assert result.text == "it was interrupted after 2 fragments"
    assert result.header is not None and result.header.id == ID
    assert result.end is not None
    closing = result.end.closing
    assert (closing.reason, closing.frames, closing.at_us) == ("recovered", 30, time_of(30))
    # When it was repaired, which is in another boot than its own.
    assert (closing.boot_id, closing.clock) == (CLOCK.boot_id, CLOCK.moment())
    assert closing.boot_id != BOOT_ID
    (info,) = list_recordings(str(tmp_path))
    assert (info.state, info.frames, info.final) == ("recovered", 30, result.final)
    assert decoded(unsealed_file(path)) == expected(range(30))
    assert [one.name for one in tmp_path.iterdir() if one.suffix != ".mp4"] == [f"{ID}.tar"]


def reversed_in(path: Path, *names: str) -> bytes:
    """The file with the bytes of these members the other way round."""
    data = path.read_bytes()
    for name in names:
        content = members(path)[name]
        assert data.count(content) == 1
        data = data.replace(content, content[::-1])
    return data


def signed_by_another(path: Path, name: str, other: bytes) -> bytes:
    """The file with a statement that has the signature of another one."""
    token = members(path)[name]
    forged = token.rpartition(b".")[0] + b"." + other.rpartition(b".")[2]
    return path.read_bytes().replace(token, forged)


def without_commit(directory: Path) -> tuple[Path, bytes, int]:
    recording = small(directory, 0)
    abandon(recording)
    return Path(recording.path), Path(recording.path).read_bytes(), 0


def first_without_segment(directory: Path) -> tuple[Path, bytes, int]:
    recording = small(directory, 1)
    abandon(recording)
    return Path(recording.path), reversed_in(Path(recording.path), "init.mp4.age"), 0


def last_not_signed(directory: Path) -> tuple[Path, bytes, int]:
    recording = small(directory, 3)
    abandon(recording)
    path = Path(recording.path)
    other = jws.sign(SigningKey.generate(), "camerad-commit", a_facts(2))
    return path, signed_by_another(path, "000002.jws", other), 2


def end_not_signed(directory: Path) -> tuple[Path, bytes, int]:
    recording = small(directory, 2)
    previous = skeleton(recording.path).point.previous
    recording.close(END)
    other = chain.Chain(SigningKey.generate(), previous, 2).end(END)
    path = Path(recording.path)
    return path, signed_by_another(path, "end.jws", other)[: -len(ustar.END)] + bytes(4096), 2


@pytest.mark.parametrize(
    "made", [without_commit, first_without_segment, last_not_signed, end_not_signed]
)
def test_what_does_not_hold_behind_the_last_commit_that_does_is_a_torn_tail(
    tmp_path: Path, made: Callable[[Path], tuple[Path, bytes, int]]
) -> None:
    path, data, commits = made(tmp_path)
    path.write_bytes(data)
    found = skeleton(str(path))
    held = found.point.offset
    if found.last is not None and commits < found.point.commits:
        held = found.last.before.offset
    tail = blocks(data[held:])
    result = fix(path)
    assert (result.outcome, result.torn_bytes) == (RepairOutcome.RECOVERED, len(tail))
    is_right(path, commits, tail)


# --------------------------------------------------------------------------- repeating it


@pytest.mark.usefixtures("unsynchronised")
def test_a_repair_whose_blocks_arrived_in_any_order_is_repeated(interrupted: Path) -> None:
    """Of what repair wrote, each block once did not arrive while all others did; its copy of the
    torn tail, which was durable before, is there."""
    offset = offsets(interrupted)[1]
    torn = blocks(random.Random(1).randbytes(2800))
    before = interrupted.read_bytes()[:offset] + torn
    interrupted.write_bytes(before)
    fix(interrupted)
    after = interrupted.read_bytes()
    for at in range(offset, len(after), ustar.BLOCK):
        old = before[at : at + ustar.BLOCK].ljust(ustar.BLOCK, b"\0")
        for size in (len(after), len(after) + 4096):
            mixed = after[:at] + old + after[at + ustar.BLOCK :]
            interrupted.write_bytes(mixed.ljust(size, b"\0"))
            interrupted.with_suffix(TORN).write_bytes(torn)
            result = fix(interrupted)
            assert (result.outcome, result.torn_bytes) == (RepairOutcome.RECOVERED, len(torn))
            is_right(interrupted, 2, torn)


def test_a_copy_that_belongs_to_no_tail_is_left_and_told(tmp_path: Path) -> None:
    path = Path(record(tmp_path))
    before = path.read_bytes()
    path.with_suffix(TORN).write_bytes(b"torn")
    result = fix(path)
    assert (result.outcome, result.end) == (RepairOutcome.DAMAGED, None)
    assert "is not its own: it is whole without" in result.text
    assert (path.read_bytes(), path.with_suffix(TORN).read_bytes()) == (before, b"torn")


# --------------------------------------------------------------------------- ends


def test_a_whole_recording_is_left_as_it_is(tmp_path: Path) -> None:
    path = Path(record(tmp_path))
    before = path.read_bytes()
    result = fix(path)
    assert (result.outcome, result.final) == (
        RepairOutcome.WHOLE,
        list_recordings(str(tmp_path))[0].final,
    )
    assert result.end is not None and result.end.closing == END
    assert path.read_bytes() == before
    assert list(repair_all(str(tmp_path), KEY, CLOCK)) == []


@pytest.mark.parametrize("behind", [0, 512, 1536, 100_000])
def test_an_end_whose_file_was_not_cut_yet_counts(tmp_path: Path, behind: int) -> None:
    path = Path(record(tmp_path))
    whole = path.read_bytes()
    path.write_bytes(whole[: -len(ustar.END)] + bytes(behind))
    result = fix(path)
    assert (result.outcome, result.final) == (
        RepairOutcome.FINISHED,
        list_recordings(str(tmp_path))[0].final,
    )
    assert path.read_bytes() == whole


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda path: path.read_bytes() + b"more", "there are bytes behind its end"),
        (
            lambda path: flipped(path.read_bytes(), offsets(path)[0]),
            "what follows its fragment 0 is damaged",
        ),
        (
            lambda path: reversed_in(path, "000001.m4s.age", "000002.m4s.age"),
            "its last two commits do not hold",
        ),
        (
            lambda path: signed_by_another(
                path,
                "header.jws",
                jws.sign(SigningKey.generate(), "camerad-header", a_header()),
            ),
            "the signature of its header does not hold",
        ),
    ],
)
def test_what_no_interruption_leaves_is_left_as_it_is(
    tmp_path: Path, change: Callable[[Path], bytes], text: str
) -> None:
    recording = small(tmp_path, 3)
    path = Path(recording.path)
    if "behind" in text:
        recording.close(END)
    else:
        abandon(recording)
    data = change(path)
    path.write_bytes(data)
    result = fix(path)
    assert result.outcome is RepairOutcome.DAMAGED and text in result.text
    assert path.read_bytes() == data


# --------------------------------------------------------------------------- what is not repaired


def test_a_recording_that_runs_is_left_alone(tmp_path: Path) -> None:
    recording = small(tmp_path, 1)
    (result,) = repair_all(str(tmp_path), KEY, CLOCK)
    assert (result.outcome, result.path) == (RepairOutcome.RUNNING, recording.path)
    recording.append(b"fragment", a_facts(1))
    recording.close(END)


@pytest.mark.parametrize("content", [b"", bytes(16 << 20)])
def test_a_file_with_nothing_in_it_is_removed(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / f"{ID}.tar"
    path.write_bytes(content)
    result = fix(path)
    assert (result.outcome, result.id, result.header) == (RepairOutcome.EMPTY, ID, None)
    assert list(tmp_path.iterdir()) == []


def test_a_file_without_a_header_is_put_aside_and_not_deleted(tmp_path: Path) -> None:
    path = tmp_path / f"{ID}.tar"
    path.write_bytes(b"evidence?")
    result = fix(path)
    assert (result.outcome, result.id) == (RepairOutcome.UNREADABLE, ID)
    assert "this is not a recording" in result.text
    assert Path(result.path) == path.with_suffix(UNREADABLE)
    assert Path(result.path).read_bytes() == b"evidence?"
    assert not path.exists()
    assert list(repair_all(str(tmp_path), KEY, CLOCK)) == []


def test_a_recording_by_a_former_key_is_left(interrupted: Path) -> None:
    before = interrupted.read_bytes()
    result = recovery.repair(str(interrupted), SigningKey.generate(), CLOCK)
    assert result.outcome is RepairOutcome.FORMER_KEY
    assert KEY.public.thumbprint in result.text
    assert interrupted.read_bytes() == before


def test_more_than_an_append_can_be_is_no_interruption(
    interrupted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recovery, "LONGEST_TAIL", 10_000)
    before = interrupted.read_bytes()[: offsets(interrupted)[-1]] + b"x" * 10_001
    interrupted.write_bytes(before)
    assert fix(interrupted).outcome is RepairOutcome.DAMAGED
    assert interrupted.read_bytes() == before


# --------------------------------------------------------------------------- failing storage


def refusing(number: int) -> Callable[..., None]:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    return refuse


@pytest.mark.parametrize("call", ["pwritev", "ftruncate", "fdatasync", "rename", "unlink", "pread"])
def test_an_error_with_one_recording_does_not_keep_the_others_from_repair(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    for number in (1, 2):
        identity = f"20261124T153000Z-{number:06d}-00000000"
        recording = small(tmp_path, 1, a_header(identity))
        abandon(recording)
        path = Path(recording.path)
        offset = skeleton(str(path)).point.offset
        path.write_bytes(path.read_bytes()[:offset] + b"torn")
    results = repair_all(str(tmp_path), KEY, CLOCK)
    with monkeypatch.context() as broken:
        broken.setattr(os, call, refusing(errno.EIO))
        first = next(results)
    second = next(results)
    assert (first.outcome, second.outcome) == (RepairOutcome.FAILED, RepairOutcome.RECOVERED)
    assert "Input/output error; the storage reports an input/output error" in first.text
    # The newest comes first, since the officer may want to go on with it.
    assert (first.id[17:23], second.id[17:23]) == ("000002", "000001")
    (again,) = repair_all(str(tmp_path), KEY, CLOCK)
    assert (again.id, again.outcome) == (first.id, RepairOutcome.RECOVERED)
    is_right(Path(first.path), 1, blocks(b"torn"))
    is_right(Path(second.path), 1, blocks(b"torn"))


def test_a_copy_that_cannot_be_read_leaves_the_recording_as_it_is(interrupted: Path) -> None:
    before = interrupted.read_bytes()
    interrupted.with_suffix(TORN).mkdir()
    repaired = fix(interrupted)
    assert repaired.outcome is RepairOutcome.FAILED
    assert "Is a directory" in repaired.text
    interrupted.with_suffix(TORN).rmdir()
    os.mkfifo(interrupted.with_suffix(TORN))
    assert fix(interrupted).outcome is RepairOutcome.DAMAGED
    assert interrupted.read_bytes() == before


def _linked(path: Path) -> None:
    path.symlink_to("/dev/zero")


PLANTED = {
    "a directory": Path.mkdir,
    "a named pipe": os.mkfifo,
    "a link": _linked,
    "a link to nothing": lambda path: path.symlink_to("nothing"),
}


@pytest.mark.parametrize("what", PLANTED)
def test_what_was_put_there_keeps_no_recording_from_being_repaired(
    interrupted: Path, what: str
) -> None:
    planted = interrupted.with_name("20261124T153000Z-000777-0000000a.tar")
    PLANTED[what](planted)
    path = str(interrupted.parent)
    assert unfinished(path) == [str(planted), str(interrupted)]
    outcomes = [one.outcome for one in repair_all(path, KEY, CLOCK)]
    assert outcomes == [RepairOutcome.DAMAGED, RepairOutcome.RECOVERED]
    assert os.path.lexists(planted)


@pytest.mark.parametrize(
    "change",
    [
        {"started_wall_us": 10**30},
        {"retention_days": 10**30},
        {"retention_days": 0},
        {"origin_us": -(10**30)},
        {"device": "a\nb"},
    ],
)
def test_a_header_that_says_what_cannot_be_is_put_aside(
    interrupted: Path, change: dict[str, object]
) -> None:
    """Somebody without a key put it there, so it need not even be signed rightly."""
    planted = interrupted.with_name("20261124T153000Z-000777-0000000a.tar")
    payload = msgspec.to_builtins(a_header(planted.stem)) | change
    token = jws.sign(SigningKey.generate(), "camerad-header", payload)
    planted.write_bytes(b"".join([*member("header.jws", token), ustar.END]))
    first, second = repair_all(str(interrupted.parent), KEY, CLOCK)
    assert (first.outcome, second.outcome) == (RepairOutcome.UNREADABLE, RepairOutcome.RECOVERED)
    assert planted.with_suffix(UNREADABLE).exists()


def test_a_file_that_cannot_be_asked_for_its_lock_is_an_error(
    interrupted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording_files.fcntl, "flock", refusing(errno.ENOLCK))
    with pytest.raises(StorageError, match="cannot lock the file"):
        fix(interrupted)


def test_a_full_storage_has_room_for_a_repair(
    interrupted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was reserved is given back before the tail is copied."""
    data = interrupted.read_bytes()[: offsets(interrupted)[-1]] + blocks(b"torn")
    interrupted.write_bytes(data + bytes(1 << 20))
    sizes: list[int] = []
    real = durable_files.publish
    monkeypatch.setattr(
        durable_files,
        "publish",
        lambda path, content: (sizes.append(interrupted.stat().st_size), real(path, content)),
    )
    assert fix(interrupted).outcome is RepairOutcome.RECOVERED
    assert sizes == [len(data)]


def test_what_is_no_recording_s_file_is_not_touched(tmp_path: Path) -> None:
    for name in ("notes.tar", f"{ID}.mp4", f"{ID}x.tar", f"{ID}.tar.new"):
        (tmp_path / name).write_bytes(b"x")
    assert unfinished(str(tmp_path)) == []
