"""A recording: sections 3 and 4 of evidence-format.md."""

import itertools
import mmap
import os
import re
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from verifier_statements import (
    ID,
    MEMBER,
    SECOND,
    SPARE,
    STATEMENT,
    Keys,
    NoStatementError,
    Report,
    Statement,
    parts,
    read_statement,
    sha,
)

# Section 3.1: the archive

BLOCK = 512
Data = bytes | mmap.mmap


def member_header(name: bytes, size: int) -> bytes:
    """The 512 bytes before a member's content."""
    block = bytearray(BLOCK)
    block[: len(name)] = name
    block[100:156] = (
        b"0000444\0" + b"0000000\0" * 2 + b"%011o\0" % size + b"0" * 11 + b"\0" + b" " * 8
    )
    block[156:157] = b"0"
    block[257:265] = b"ustar\x0000"
    block[329:345] = b"0000000\0" * 2
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def known_header(block: bytes) -> tuple[bytes, int, bool] | None:
    """Name and size of a member, and whether its header is as in 3.1; None if it cannot be read."""
    digits = block[124:136].rstrip(b" \0").lstrip(b" ")
    total = sum(block) - sum(block[148:156]) + 8 * 32
    if len(block) < BLOCK or not re.fullmatch(b"[0-7]+", digits) or not block[0]:
        return None
    if (
        not re.fullmatch(b"[0-7]+", claimed := block[148:156].strip(b" \0"))
        or int(claimed, 8) != total
    ):
        return None
    name, size = block[:100].partition(b"\0")[0], int(digits, 8)
    exact = size < 8**11 and member_header(name, size) == block
    limit = STATEMENT if name.endswith(b".jws") else MEMBER
    return (name, size, exact) if size <= limit else None


@dataclass
class Archive:
    """The members that can be read, where they end, and what is wrong with the wrapping."""

    members: list[tuple[str, int, int]] = field(
        default_factory=list
    )  # name, beginning, end of the content
    end: int = 0
    cut: bool = False  # whether the file ends within the last one
    faults: list[str] = field(default_factory=list)


def read_archive(data: Data) -> Archive:
    """Read members until there is no more header of one."""
    archive = Archive()
    while (head := known_header(data[archive.end : archive.end + BLOCK])) is not None:
        name, size, exact = head
        begin = archive.end + BLOCK
        after = begin + -(-size // BLOCK) * BLOCK
        if after > len(data):
            archive.cut = True
            break
        if not exact:
            archive.faults.append(f"the archive's header of {name!r} is not as camerad writes it")
        if data[begin + size : after].strip(b"\0"):
            archive.faults.append(f"the padding of {name!r} is not NUL")
        archive.members.append((name.decode("latin-1"), begin, begin + size))
        archive.end = after
    rest = b"" if archive.cut else data[archive.end :]
    if len(rest) >= BLOCK and rest[257:262] == b"ustar":
        archive.faults.append("a member's header is damaged")
    elif any(known_header(rest[at - 257 :][:BLOCK]) for at in _found(rest, b"ustar") if at >= 257):
        archive.faults.append("something is between two members")
    return archive


_PROTECTED = re.compile(
    rb'\{"alg":"EdDSA","kid":"[A-Za-z0-9_-]{43}","typ":"camerad-[a-z]{1,32}(?:-[a-z]{1,32})?\+json"\}'
)


def _looks_like_statement(token: bytes) -> bool:
    raw = parts(token)
    return raw is not None and bool(_PROTECTED.fullmatch(raw[0])) and len(raw[2]) == 64


def _found(data: Data, what: bytes, begin: int = 0) -> Iterator[int]:
    at = data.find(what, begin)
    while at >= 0:
        yield at
        at = data.find(what, at + 1)


_OURS = re.compile(rb"header\.jws|init\.mp4\.age|[0-9]{6,}\.(m4s\.age|jws)|torn\.bin|end\.jws")
_STATEMENTS = re.compile(rb"header\.jws|end\.jws|[0-9]{6,}\.jws")


def _next_member(data: Data, begin: int) -> int:
    """Where the next header as in 3.1 of a recording's member begins; -1 if nowhere."""
    for magic in _found(data, b"ustar\x0000", begin + 257):
        head = known_header(data[magic - 257 : magic - 257 + BLOCK])
        if head is not None and head[2] and _OURS.fullmatch(head[0]):
            return magic - 257
    return -1


def _damaged_header(data: Data, at: int) -> tuple[bytes, int] | None:
    """Name, empty if it cannot be known, and size in a header that is not as in 3.1 (4)."""
    block = data[at : at + BLOCK]
    digits = block[124:136].strip(b" \0")
    if block[257:262] != b"ustar" or not re.fullmatch(b"[0-7]+", digits):
        return None
    end = at + BLOCK + -(-int(digits, 8) // BLOCK) * BLOCK
    behind = data[end : end + BLOCK]
    if end > len(data) or (behind[257:262] != b"ustar" and behind.strip(b"\0")):
        return None
    if 0 <= _next_member(data, at + BLOCK) < end:
        return None
    head = known_header(block)
    return (head[0].rsplit(b"/", 1)[-1] or b"/" if head else b"", int(digits, 8))


def has_something(data: Data) -> bool:
    """Whether there is something of a recording in a file: the line between 2 and 3 (4)."""
    at = 0
    while at < len(data):
        head = known_header(data[at : at + BLOCK])
        exact = head is not None and head[2]
        if head is not None and exact and head[0] == b"header.jws":
            return True
        known = head[:2] if head is not None and exact else _damaged_header(data, at)
        if known is None:
            following = _next_member(data, at + BLOCK)
            if following < 0:
                return False
            if _looks_like_statement(
                data[at + BLOCK : min(following, at + BLOCK + STATEMENT)].rstrip(b"\0")
            ):
                return True
            at = following
            continue
        name, size = known
        after = at + BLOCK + -(-size // BLOCK) * BLOCK
        named = not name or _STATEMENTS.fullmatch(name)
        if (
            named
            and after <= len(data)
            and _looks_like_statement(data[at + BLOCK : at + BLOCK + size])
        ):
            return True
        at = after
    return False


# Sections 3.2 to 3.9, and 4: a recording


def covered(begin: int, end: int, gaps: Sequence[dict[str, Any]]) -> list[tuple[int, int]]:
    """What is left of a span without what gaps cover (3.6)."""
    left = [(begin, end)]
    for one in gaps:
        first = begin if one["from_us"] is None else one["from_us"]
        last = end if one["to_us"] is None else one["to_us"]
        left = [
            piece
            for a, b in left
            for piece in ((a, min(b, first)), (max(a, last), b))
            if piece[0] < piece[1]
        ]
    return left


class Recording:
    """One recording's statements, checked in order (4, steps 3 to 7)."""

    def __init__(self, report: Report, keys: Keys) -> None:
        self.report, self.keys = report, keys
        self.header: dict[str, Any] = {}
        self.commits: list[dict[str, Any]] = []  # facts
        self.closing: dict[str, Any] | None = None
        self.said: list[dict[str, Any]] = []  # facts and closing, in order
        self.previous, self.kid, self.fps = "", "", 0
        self.final = ""

    def wrong(self, sentence: str) -> None:
        """Something that does not hold."""
        self.report.note(2, sentence)

    def statement(self, name: str, token: bytes, kind: str) -> Statement | None:
        """A statement that holds, is signed by the one key, and names the one before (3.2)."""
        try:
            found = read_statement(token, kind, self.keys)
        except NoStatementError as error:
            self.wrong(f"{name} {error}")
            return None
        if self.kid and found.kid != self.kid:
            self.wrong(f"{name} is signed by another key than what is before it")
        if found.payload.get("previous", "") != self.previous:
            self.wrong(f"{name} does not name the statement before it")
        self.kid, self.previous = found.kid, found.sha256
        return found

    def start(self, token: bytes) -> None:
        """The header (3.3)."""
        found = self.statement("header.jws", token, "camerad-header")
        if found is None:
            return
        self.header, self.fps = found.payload, found.payload["fps"]
        if self.header["sound"] and "microphone" not in self.header:
            self.wrong("header.jws has sound without a microphone")

    def commit(self, sequence: int, token: bytes, fragment: bytes, init: bytes | None) -> None:
        """One commit (3.4)."""
        name = f"{sequence:06d}.jws"
        found = self.statement(name, token, "camerad-commit")
        if found is None:
            return
        facts = found.payload["facts"]
        if facts["sequence"] != sequence:
            self.wrong(f"{name} says that it is number {facts['sequence']}")
        if found.payload["fragment"] != {"bytes": len(fragment), "sha256": sha(fragment)}:
            self.wrong(f"{name} says that {sequence:06d}.m4s.age has other bytes")
        if found.payload["init"] != (
            None if init is None else {"bytes": len(init), "sha256": sha(init)}
        ):
            self.wrong(f"{name} commits another initialisation segment")
        if self.header:
            self.times(name, facts)
            if "sound" in facts:
                self.sound_times(name, facts)
            self.events(name, facts, max(facts["clock"]["boot_us"], self.latest([facts])))
        self.commits.append(facts)

    def times(self, name: str, facts: dict[str, Any]) -> None:
        """The times of pictures (3.4)."""
        first, last, end = facts["first_us"], facts["last_us"], facts["end_us"]
        if facts["frames"]:
            if not first <= last < end or end - last > 2 * SECOND:
                self.wrong(f"{name}: the times of its pictures contradict each other")
            pictures = [one for one in self.commits if one["frames"]]
            if first <= pictures[-1]["last_us"] if pictures else first < self.header["origin_us"]:
                self.wrong(f"{name}: its first picture is before what was before it")
        elif not self.commits or {first, last, end} != {self.commits[-1]["end_us"]}:
            self.wrong(f"{name}: it has no picture, and times of one")
        elif not facts.get("sound", {}).get("units"):
            self.wrong(f"{name}: it commits a fragment of nothing")
        if last > facts["clock"]["boot_us"] + SPARE:
            self.wrong(f"{name}: its last picture is later than its clock")

    def sound_times(self, name: str, facts: dict[str, Any]) -> None:
        """The times of sound (3.9)."""
        first, end, units = (facts["sound"][what] for what in ("first_us", "end_us", "units"))
        if (first is None) != (end is None) or (first is None) != (units == 0):
            self.wrong(f"{name}: its sound is there and not there")
        if first is None or end is None or "microphone" not in self.header:
            return
        lasts = (
            units
            * self.header["microphone"]["samples"]
            * SECOND
            // self.header["microphone"]["rate"]
        )
        before = [
            one["sound"]["end_us"]
            for one in self.commits
            if "sound" in one and one["sound"]["units"]
        ]
        if not self.header["origin_us"] <= first < end or lasts > end - first + 5000:
            self.wrong(f"{name}: the times of its sound contradict each other")
        if before and before[-1] is not None and first < before[-1] - 5000:
            self.wrong(f"{name}: its sound begins before that of the commit before ends")
        if end > facts["clock"]["boot_us"] + SPARE:
            self.wrong(f"{name}: its sound is later than its clock")

    def latest(self, facts: Sequence[dict[str, Any]]) -> int:
        """The latest of all `end_us` and `sound.end_us`."""
        return max(
            [
                0,
                *(one["end_us"] for one in facts),
                *(one.get("sound", {}).get("end_us") or 0 for one in facts),
            ]
        )

    def events(self, name: str, facts: dict[str, Any], latest: int) -> None:
        """What facts and a closing say both (3.4)."""
        sound = facts.get("sound", {"gaps": [], "states": []})
        if ("sound" in facts) != self.header["sound"]:
            self.wrong(f"{name}: it says something of sound, or nothing, against the header")
        gaps = [
            time for one in facts["gaps"] + sound["gaps"] for time in (one["from_us"], one["to_us"])
        ]
        events = [
            one["at_us"] for one in facts["stages"] + facts.get("rates", []) + sound["states"]
        ]
        for time in [*facts["marks"], *events, *(time for time in gaps if time is not None)]:
            if time > latest + SPARE:
                self.wrong(f"{name}: it tells of {time}, which had not happened by then")
        if (
            min(facts["marks"], default=SPARE * 2**53)
            < min(self.header["origin_us"], self.header["trigger_us"]) - SPARE
        ):
            self.wrong(f"{name}: a mark is from before the recording")
        for rate in facts.get("rates", []):
            if rate["from_fps"] != self.fps or rate["from_fps"] == rate["to_fps"]:
                self.wrong(f"{name}: its change of rate does not go on from the one before")
            self.fps = rate["to_fps"]
            self.report.note(0, f"{rate['to_fps']} pictures per second: {rate['reason']!r}.")
        self.said.append(facts)

    def end(self, token: bytes, commits: int, torn: bytes | None) -> None:
        """The end (3.5)."""
        self.final = sha(token)
        found = self.statement("end.jws", token, "camerad-end")
        if found is None:
            return
        self.closing = closing = found.payload["closing"]
        if found.payload["commits"] != commits:
            self.wrong(f"end.jws counts {found.payload['commits']} commits, there are {commits}")
        if found.payload["torn"] != (
            None if torn is None else {"bytes": len(torn), "sha256": sha(torn)}
        ):
            self.wrong("end.jws describes another torn.bin")
        if closing["frames"] != sum(one["frames"] for one in self.commits):
            self.wrong("end.jws counts other pictures than the commits")
        units = sum(one["sound"]["units"] for one in self.commits if "sound" in one)
        if closing.get("sound", {"units": units})["units"] != units:
            self.wrong("end.jws counts other sound than the commits")
        if self.header:
            latest = max(self.latest(self.commits), self.header["trigger_us"])
            if closing["boot_id"] == self.header["boot_id"]:
                latest = max(latest, closing["clock"]["boot_us"])
            if closing["at_us"] > latest + SPARE:
                self.wrong("end.jws: footage was wanted until later than it can know")
            self.events("end.jws", closing, max(latest, closing["at_us"]))

    def fits(self, header: dict[str, Any]) -> None:
        """Whether the times fit each other (4)."""
        closing, spare = self.closing, 2 * SECOND
        compared = [header, *self.commits]
        same_boot = closing is not None and closing["boot_id"] == header["boot_id"]
        if closing is not None and same_boot:
            compared.append(closing)
        for before, said in itertools.pairwise(compared):
            old, new = before["clock"], said["clock"]
            if new["boot_us"] < old["boot_us"] - spare:
                self.unfit("a clock goes back")
            moved = (new["wall_us"] - new["boot_us"]) - (old["wall_us"] - old["boot_us"])
            repaired = said is closing and closing["reason"] == "recovered"
            if not repaired and abs(moved - (said["clock_step_us"] or 0)) > spare:
                self.unfit("the wall clock moved otherwise than is stated")
        if closing is None:
            return
        footage = [one["last_us"] for one in self.commits if one["frames"]]
        footage += [one.get("sound", {}).get("end_us") or 0 for one in self.commits]
        if closing["at_us"] < max(footage, default=0) - spare:
            self.unfit("footage is wanted until before the last that is there")
        late = closing["clock"]["boot_us"] > closing["at_us"] + 600 * SECOND
        if same_boot and closing["reason"] != "recovered" and late:
            self.unfit("the end was written long after footage was wanted no more")

    def unfit(self, what: str) -> None:
        """Times that do not fit each other are a remark."""
        self.report.note(1, f"Times do not fit each other: {what}.")

    def remarks(self) -> None:
        """The trigger (3.4), and the remarks of section 4."""
        if not self.header:
            return
        self.fits(self.header)
        if self.commits and self.header["trigger_us"] > self.latest(self.commits) + SPARE:
            self.wrong("header.jws: the trigger is later than all footage")
        if "microphone" in self.header and not self.header["sound"]:
            self.report.note(1, "It is without the sound that was wanted.")
        if self.closing is not None and self.closing["reason"] == "recovered":
            self.report.note(1, "It was interrupted, and closed by repair.")
        gaps = [one for facts in self.said for one in facts["gaps"]]
        heard = [one for facts in self.said if "sound" in facts for one in facts["sound"]["gaps"]]
        for what, stated in (("footage", gaps), ("sound", heard)):
            for one in stated:
                self.report.note(
                    1,
                    f"It is with gaps of {what}: {one['reason']!r}, "
                    f"{one['from_us']} to {one['to_us']}.",
                )
        until = None if self.closing is None else self.closing["at_us"]
        pictures = [(one["first_us"], one["end_us"]) for one in self.commits if one["frames"]]
        for begin, end in self.spans(self.header["origin_us"], pictures, until):
            if sum(b - a for a, b in covered(begin, end, gaps)) > SECOND:
                self.report.note(
                    1, f"A hole that nothing explains: no picture from {begin} to {end}."
                )
        if not self.header["sound"] or not self.commits:
            return
        wanted = self.header["origin_us"]
        if not self.header.get("microphone", {}).get("pre_event"):
            wanted = max(wanted, self.header["trigger_us"])
        sounds = [one["sound"] for one in self.commits if "sound" in one]
        units = [(one["first_us"], one["end_us"]) for one in sounds if one["units"]]
        for begin, end in self.spans(wanted, [one for one in units if None not in one], until):
            left = covered(begin, end, heard)
            if sum(b - a for a, b in left) > SECOND:
                why = "its states explain" if self.silent(left) else "nothing explains"
                self.report.note(1, f"A silence that {why}: no sound from {begin} to {end}.")

    def spans(
        self, begin: int, have: list[tuple[int, int]], until: int | None
    ) -> list[tuple[int, int]]:
        """The spans of more than 1 s without anything (4)."""
        starts = [begin, *(end for _, end in have)]
        ends = [first for first, _ in have] + ([] if until is None else [until])
        return [(a, b) for a, b in zip(starts, ends, strict=False) if b - a > SECOND]

    def silent(self, left: list[tuple[int, int]]) -> bool:
        """Whether at most 1 s of what is left lies in the state `on` (4)."""
        states = [
            one for facts in self.said if "sound" in facts for one in facts["sound"]["states"]
        ]
        changes = [
            (0, "on"),
            *sorted(((one["at_us"], one["state"]) for one in states), key=lambda one: one[0]),
        ]
        on = 0
        for (at, state), (after, _) in zip(changes, [*changes[1:], (2**63, "")], strict=True):
            if state == "on":
                on += sum(max(0, min(b, after) - max(a, at)) for a, b in left)
        return on <= SECOND


def check_recording(
    path: Path, keys: Keys, finals: Iterable[str] = (), *, vouched: bool = False, runs: bool = False
) -> Report:
    """Check one recording (4).

    `finals`: what ledgers and receipts name as its end. `vouched`: a ledger has it begun and not
    deleted. `runs`: its lock counts, see `counts_as_running`.
    """
    report, finals = Report(), set(finals)
    nothing = 2 if vouched or finals else 3
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    except OSError as error:
        report.note(3, f"It cannot be opened: {error.strerror}.")
        return report
    with os.fdopen(handle, "rb"):
        info = os.fstat(handle)
        if not stat.S_ISREG(info.st_mode):
            report.note(3, "It is no plain file.")
            return report
        if not info.st_size:
            report.note(nothing, "It is empty.")
            return report
        try:
            with mmap.mmap(handle, 0, access=mmap.ACCESS_READ) as data:
                if not has_something(data):
                    report.note(nothing, "There is nothing of a recording in it.")
                else:
                    _judge(path.name, data, Recording(report, keys), finals, runs)
        except (OSError, ValueError) as error:
            report.note(3, f"It cannot be read: {error}.")
    return report


def _judge(name: str, data: mmap.mmap, recording: Recording, finals: set[str], runs: bool) -> None:
    """Go through the members in their one order (3.1)."""
    archive = read_archive(data)
    left = [(member, data[begin:end]) for member, begin, end in archive.members]
    if not left or left[0][0] != "header.jws":
        recording.wrong("The file does not begin with header.jws.")
    else:
        recording.start(left.pop(0)[1])
    named = ID.match(name)
    if recording.header and named and named[0] != recording.header["id"]:
        recording.wrong(f"The file is named {named[0]}, and its header {recording.header['id']}.")
    count = 0
    while left:
        init = [("init.mp4.age", left[0][1])] if count == 0 and left[0][0] == "init.mp4.age" else []
        at = len(init)
        if (count == 0) != bool(init) or [one for one, _ in left[at : at + 2]] != [
            f"{count:06d}.m4s.age",
            f"{count:06d}.jws",
        ]:
            break
        recording.commit(count, left[at + 1][1], left[at][1], init[0][1] if init else None)
        del left[: at + 2]
        count += 1
    torn = left.pop(0)[1] if left and left[0][0] == "torn.bin" else None
    if left and left[0][0] == "end.jws":
        recording.end(left.pop(0)[1], count, torn)
        for other, _ in left:
            recording.wrong(f"Behind the end is {other!r}.")
        if len(data) != archive.end + 1024 or data[archive.end :].strip(b"\0"):
            recording.wrong("Behind the end are not exactly 1,024 bytes of NUL.")
    else:
        being_appended = (
            []
            if torn is not None
            else ([] if count else ["init.mp4.age"]) + [f"{count:06d}.m4s.age"]
        )
        for (other, _), expected in itertools.zip_longest(
            left, being_appended[: len(left)], fillvalue=""
        ):
            if other != expected or not runs:
                recording.wrong(f"{other!r} is not where it belongs, or nothing commits it.")
        if runs:
            recording.report.note(1, "It still runs.")
        else:
            recording.wrong("There is no end: nothing proves that there was no more.")
    if archive.cut and not runs:
        recording.wrong("The file ends within a member.")
    for fault in archive.faults:
        recording.wrong(f"In the archive, {fault}.")
    if finals and finals != {recording.final}:
        recording.wrong("Its end is not the one that a ledger or a receipt names.")
    recording.remarks()
