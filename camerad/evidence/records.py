"""What is known about a recording; how its file looks is the matter of `camerad.evidence.sink`.

Media times are microseconds of CLOCK_BOOTTIME, wall times microseconds since the Unix epoch.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from camerad.clock import SECOND
from camerad.stream.packets import Gap


@dataclass(frozen=True, slots=True)
class Header:
    """What a recording is, known when it begins.

    Media times in microseconds of CLOCK_BOOTTIME. started_wall_us: wall time of the trigger,
    microseconds since the Unix epoch, right or wrong. trigger: what started it. trigger_us: the
    instant of the press. origin_us: the first packet. pre_event_wanted_us: how much the policy and
    the configuration ask for; where there was less, `pre_event_shortfall` says why.
    """

    id: str
    device: str
    started_wall_us: int
    trigger: str
    trigger_us: int
    origin_us: int
    pre_event_wanted_us: int
    pre_event_shortfall: str | None
    policy: str
    width: int
    height: int
    fps: float
    encoder: str
    software: str


@dataclass(frozen=True, slots=True)
class Commit:
    """What makes one fragment part of its recording.

    sequence: counted from 0. first_pts_us, last_pts_us: its first and last picture; end_us: where
    the last one ends. gaps: before or within the fragment. marks: media times, set since the
    commit before. wall_us: wall time of the commit. sync_us: how long the storage took over the
    fragment before, if longer than is right, else None.
    """

    sequence: int
    first_pts_us: int
    last_pts_us: int
    end_us: int
    frames: int
    gaps: tuple[Gap, ...]
    marks: tuple[int, ...]
    wall_us: int
    sync_us: int | None


@dataclass(frozen=True, slots=True)
class End:
    """How a recording ended.

    reason: "stop", "shutdown", ... frames: in all fragments; at_us: media time up to which footage
    was wanted. gaps, marks, sync_us: as in Commit, those since the last one.
    """

    reason: str
    frames: int
    at_us: int
    gaps: tuple[Gap, ...] = ()
    marks: tuple[int, ...] = ()
    sync_us: int | None = None


@dataclass(frozen=True, slots=True)
class RecordingInfo:
    """A recording, as a listing shows it.

    path: what to play. started: wall time of the trigger, RFC 3339. seconds: from the first picture
    to the end of the last, gaps included. pre_event_seconds: of these, before the trigger.
    pre_event_shortfall_seconds: how much less than wanted that is. marks: seconds after the first
    picture. bytes: of the segment and the committed fragments. bits_per_second: of the time that
    has pictures.
    state: "recording", "closed" or "interrupted". reason: how it ended, None without an end.
    """

    id: str
    path: str
    started: str
    seconds: float
    pre_event_seconds: float
    pre_event_shortfall_seconds: float
    frames: int
    bytes: int
    bits_per_second: float
    gaps: tuple[Gap, ...]
    marks: tuple[float, ...]
    state: str
    reason: str | None

    def as_json(self) -> dict[str, Any]:
        """The same as an object for JSON."""
        return asdict(self)


class Tally:
    """Adds a recording's facts up, in the order in which they were committed.

    size: bytes of the initialisation segment.
    """

    def __init__(self, header: Header, path: str, size: int) -> None:
        self.header = header
        self.path = path
        self.commits = 0
        self.frames = 0
        self.bytes = size
        self.end: End | None = None
        self._end_us = header.origin_us
        self._gaps: list[Gap] = []
        self._marks: list[int] = []

    def add(self, commit: Commit, size: int) -> None:
        """Count a fragment of `size` bytes."""
        self.commits += 1
        self.frames += commit.frames
        self.bytes += size
        self._end_us = commit.end_us
        self._gaps += commit.gaps
        self._marks += commit.marks

    def finish(self, end: End) -> None:
        """Count what the end says."""
        self.end = end
        self._gaps += end.gaps
        self._marks += end.marks

    def info(self, state: str) -> RecordingInfo:
        """The sum."""
        header = self.header
        span_us = self._end_us - header.origin_us
        pre_event_us = max(0, min(header.trigger_us, self._end_us) - header.origin_us)
        return RecordingInfo(
            id=header.id,
            path=self.path,
            started=rfc3339(header.started_wall_us),
            seconds=span_us / SECOND,
            pre_event_seconds=pre_event_us / SECOND,
            pre_event_shortfall_seconds=max(0, header.pre_event_wanted_us - pre_event_us) / SECOND,
            frames=self.frames,
            bytes=self.bytes,
            bits_per_second=self.bytes * 8 * SECOND / max(1, span_us - self._empty_us()),
            gaps=tuple(self._gaps),
            marks=tuple((at_us - header.origin_us) / SECOND for at_us in self._marks),
            state=state,
            reason=self.end.reason if self.end is not None else None,
        )

    def _empty_us(self) -> int:
        """How much of the span has no pictures."""
        return sum(
            max(0, min(gap.to_us, self._end_us) - max(gap.from_us, self.header.origin_us))
            for gap in self._gaps
            if gap.from_us is not None and gap.to_us is not None
        )


def utc(wall_us: int) -> datetime:
    """Wall time as a datetime; raises ValueError if it lies outside the years 1 to 9999."""
    try:
        return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=wall_us)
    except OverflowError:
        raise ValueError(f"{wall_us} us after 1970 is no date") from None


def rfc3339(wall_us: int) -> str:
    """``2026-11-24T15:30:00.123Z``."""
    return utc(wall_us).isoformat(timespec="milliseconds").replace("+00:00", "Z")
