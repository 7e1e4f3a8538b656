"""Whole recordings as they lie in a file, made of real footage, really sealed and signed.

They are put together from the parts (chain, archive, age) and not by the container, so that what
reads recordings is tested against the format and not against what writes them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Final

import msgspec
import pyrage
from evidence_helpers import (
    FPS,
    HEIGHT,
    NOMINAL_US,
    ORIGIN_US,
    WIDTH,
    Packet,
    footage,
)
from msgspec.structs import replace

from camerad.base.clock import ClockSource, Moment
from camerad.container import ustar
from camerad.container.chain import (
    END_NAME,
    HEADER_NAME,
    INIT_NAME,
    TORN_NAME,
    Chain,
    commit_name,
    content_of,
    fragment_name,
)
from camerad.container.gaps import CUT_OFF, FRAMES_LOST, STOPPED_SHORT, Gap
from camerad.container.keys import KeyRing, SigningKey
from camerad.container.statements import (
    RECOVERED,
    Closing,
    FragmentFacts,
    Header,
    RateChange,
    StageChange,
)
from camerad.recording.fragment_muxer import FragmentMaker

BOOT: Final = "00000000-0000-4000-8000-000000000001"
WALL_US: Final = 1_795_534_200_000_000
ENOUGH: Final = "IPPPPPPPPPPPPPPPPPPPPPPPPPPPPP" * 3
"""Three seconds with a key frame every second: six fragments."""
Members = list[tuple[str, bytes]]

KEY: Final = SigningKey.generate()
KEYS: Final = KeyRing([KEY.public])

_OFFICE: Final = "AGE-SECRET-KEY-1R7MGTQ8GG9RMVPU9Y6L6L5QPA0ZEXEFHA5Q9QFW2T94MCTPPAREQ0J9FUE"
PASSPHRASE: Final = "correct horse"  # noqa: S105 - of the key below, which opens nothing else
LOCKED: Final = b"""-----BEGIN AGE ENCRYPTED FILE-----
YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IHNjcnlwdCAyT1Rrd0Zhb2F1Y3NjMVlI
M09WUFF3IDIKZ2ZTSVFseVM2aXFyNEtzMzdndmx1VDVZRDNGY0VDMUt3bTYyUm1v
VHBsbwotLS0gOE8ySStzYWtDaWFFOXlsQXBSVVdhMmhZV1hCSTg3d2ZZN2E0MzNL
aUtZbwrP84E5zjYL6qO8V9wMuHCxMuPwBT2Z48ZB3ld2wUARyz2b0JOPd4UcPZQU
QHPl18fIs47O2sJVNQR3kGXkXteA3BRxCRcHiT15pWsLwhBurNe3tPaEwjHWKdJb
S2hb0XEaEttColudoBUzVQ==
-----END AGE ENCRYPTED FILE-----
"""
"""The private half of `office()` as an identity file with a passphrase. It is locked as age does
it, but with a work factor of 2^2 (age v1, "The scrypt recipient type"), which no program offers:
age's own takes a second of a processor each time that it is locked, or opened."""


def office() -> pyrage.x25519.Identity:
    """The identity that opens the recordings made here, and nothing else."""
    return pyrage.x25519.Identity.from_str(_OFFICE)


def at(media_us: int, source: ClockSource = ClockSource.SYNCHRONISED) -> Moment:
    """The moment at a media time."""
    return Moment(media_us, WALL_US + media_us - ORIGIN_US, source)


def a_header(identity: str = "20261124T153000Z-000001-00000001", **changes: object) -> Header:
    """A header with everything in it; `changes` by name."""
    header = Header(
        format=1,
        id=identity,
        device="cam-1",
        boot_id=BOOT,
        clock=at(ORIGIN_US),
        started_wall_us=WALL_US,
        trigger="button:main",
        trigger_us=ORIGIN_US,
        origin_us=ORIGIN_US,
        pre_event_wanted_us=0,
        pre_event_shortfall=None,
        continues=None,
        policy="generic",
        retention_days=14,
        width=WIDTH,
        height=HEIGHT,
        fps=FPS,
        sound=False,
        encoder="libx264",
        software="camerad test",
        wearer=None,
        recipients=(str(office().to_public()),),
    )
    return replace(header, **changes)  # type: ignore[arg-type]


def some_facts(
    sequence: int, first_us: int, last_us: int, end_us: int, frames: int
) -> FragmentFacts:
    """Facts of a fragment in which nothing happened."""
    return FragmentFacts(
        sequence, first_us, last_us, end_us, frames, (), (), (), at(end_us), None, None
    )


def some_closing(frames: int, at_us: int, reason: str = "stop") -> Closing:
    """A closing at which nothing happened."""
    return Closing(reason, frames, at_us, (), (), (), BOOT, at(at_us), None, None)


class Made(msgspec.Struct, frozen=True):
    """A recording: its members in order, and the footage before it was sealed."""

    header: Header
    members: Members
    plain: tuple[bytes, ...]
    """The initialisation segment and the fragments."""
    numbers: tuple[int, ...]
    """Of the pictures in it."""
    facts: tuple[FragmentFacts, ...]

    @property
    def file(self) -> bytes:
        """The file as it is when the recording is closed."""
        return pack(self.members)

    def content(self, name: str) -> bytes:
        """A member's content."""
        return dict(self.members)[name]

    @property
    def end_us(self) -> int:
        """Microseconds of the recording."""
        return self.facts[-1].end_us - self.header.origin_us


def pack(members: Sequence[tuple[str, bytes]], end: bytes = ustar.END) -> bytes:
    """The members as an archive."""
    pieces = []
    for name, data in members:
        pieces += [ustar.header(name, len(data)), data, bytes(-len(data) % ustar.BLOCK)]
    return b"".join([*pieces, end])


def runs_of(packets: Sequence[Packet]) -> list[list[Packet]]:
    """Half seconds, cut at holes too; a run begins with whatever follows."""
    runs: list[list[Packet]] = []
    for packet in packets:
        hole = runs and packet[0].pts_us - runs[-1][-1][0].pts_us > NOMINAL_US * 3 // 2
        if not runs or hole or len(runs[-1]) == FPS // 2:
            runs.append([])
        runs[-1].append(packet)
    return runs


@functools.cache
def made(
    script: str = ENOUGH,
    *,
    identity: str = "20261124T153000Z-000001-00000001",
    key: SigningKey = KEY,
    marks: tuple[int, ...] = (),
    rates: tuple[RateChange, ...] = (),
    torn: bytes | None = None,
    source: ClockSource = ClockSource.SYNCHRONISED,
    first: int = 0,
    wearer: str | None = None,
    device: str = "cam-1",
    later_us: int = 0,
    closed: ClockSource = ClockSource.SYNCHRONISED,
    missing_us: int = 0,
) -> Made:
    """A closed recording of a script as `footage` takes it; ' ' and '.' become stated gaps.

    marks: microseconds of the recording, all in the first commit; rates: the same, their `at_us`
    being such. torn: what repair found. later_us: its header says that it began so much later.
    closed: where the wall time came from when it ended. missing_us: how long no picture came before
    it ended, which is stated.
    """
    packets = footage(script, first)
    origin_us = packets[0][0].pts_us
    header = a_header(identity, origin_us=origin_us, trigger_us=origin_us, clock=at(0, source))
    header = replace(header, wearer=wearer, device=device, started_wall_us=WALL_US + later_us)
    runs = runs_of(packets)
    maker = FragmentMaker(WIDTH, HEIGHT, packets[0][1])
    plain = [maker.init]
    facts = []
    for sequence, run in enumerate(runs):
        following = runs[sequence + 1][0][0].pts_us if sequence + 1 < len(runs) else None
        end_us = run[-1][0].pts_us + NOMINAL_US
        end_us = end_us if following is None else min(end_us, following)
        plain.append(maker.make(run, end_us, origin_us))
        one = some_facts(sequence, run[0][0].pts_us, run[-1][0].pts_us, end_us, len(run))
        before_us = runs[sequence - 1][-1][0].pts_us if sequence else run[0][0].pts_us
        gaps: tuple[Gap, ...] = ()
        if run[0][0].pts_us - before_us > NOMINAL_US * 3 // 2:
            missing = round((run[0][0].pts_us - before_us) / NOMINAL_US) - 1
            gaps = (Gap(FRAMES_LOST, missing, before_us, run[0][0].pts_us),)
        at_us = tuple(origin_us + mark for mark in marks) if sequence == 0 else ()
        facts.append(replace(one, gaps=gaps, marks=at_us, clock=at(end_us, source)))
        if rates and sequence == 0:
            said = tuple(replace(rate, at_us=origin_us + rate.at_us) for rate in rates)
            facts[0] = replace(facts[0], rates=said)
    frames = sum(one.frames for one in facts)
    closing = some_closing(frames, facts[-1].end_us, "stop" if torn is None else RECOVERED)
    closing = replace(closing, clock=replace(closing.clock, source=closed))
    if missing_us:
        at_us = closing.at_us + missing_us
        short = (Gap(STOPPED_SHORT, None, packets[-1][0].pts_us, at_us),)
        closing = replace(closing, at_us=at_us, gaps=short)
    members = signed(header, [sealed(data) for data in plain], facts, closing, key=key, torn=torn)
    numbers = tuple(first + n for n, what in enumerate(script) if what in "IP")
    return Made(header, members, tuple(plain), numbers, tuple(facts))


def sealed(data: bytes) -> bytes:
    """An age file that the office opens."""
    return bytes(pyrage.encrypt(data, [office().to_public()]))


def signed(
    header: Header,
    segments: Sequence[bytes],
    facts: Sequence[FragmentFacts],
    closing: Closing | None,
    *,
    key: SigningKey = KEY,
    torn: bytes | None = None,
) -> Members:
    """The members of a recording. segments: the sealed initialisation segment and fragments."""
    chain = Chain(key)
    members = [(HEADER_NAME, chain.header(header)), (INIT_NAME, segments[0])]
    for sequence, (fragment, one) in enumerate(zip(segments[1:], facts, strict=True)):
        init = content_of(segments[0]) if sequence == 0 else None
        members.append((fragment_name(sequence), fragment))
        members.append((commit_name(sequence), chain.commit(content_of(fragment), one, init)))
    if torn is not None:
        members.append((TORN_NAME, torn))
    if closing is not None:
        members.append((END_NAME, chain.end(closing, None if torn is None else content_of(torn))))
    return members


@functools.cache
def spliced() -> Members:
    """`made` with its first two fragments; behind them what follows in another recording by the
    same device, with its end: that has a mark, a gap, a stage, a step of a clock, slow storage.
    """
    it, other = made(), made(identity="20261124T160000Z-000002-00000002", first=7)
    last = other.facts[-1]
    closing = replace(
        some_closing(sum(one.frames for one in other.facts), last.end_us, "shutdown"),
        marks=(last.first_us,),
        gaps=(Gap(CUT_OFF, 7, last.last_us, last.end_us),),
        stages=(StageChange(last.first_us, "recording", display=True),),
        clock=at(last.end_us, ClockSource.RTC),
        clock_step_us=-1,
        sync_us=1,
    )
    theirs = signed(other.header, [sealed(one) for one in other.plain], other.facts, closing)
    behind = [name for name, _ in theirs].index(fragment_name(2))
    return [*it.members[:behind], *theirs[behind:]]


def without(members: Members, *names: str) -> Members:
    """The members but those named."""
    return [(name, data) for name, data in members if name not in names]


def altered(members: Members, name: str, change: Callable[[bytes], bytes]) -> Members:
    """The members with another content of one of them."""
    return [(one, change(data) if one == name else data) for one, data in members]


def flipped(data: bytes, position: int, bit: int = 0) -> bytes:
    """The bytes with one bit changed."""
    changed = bytearray(data)
    changed[position] ^= 1 << bit
    return bytes(changed)
