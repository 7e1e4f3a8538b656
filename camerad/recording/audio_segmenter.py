"""Selects the sound of a recording, cuts it into fragments, and states its gaps.

Pure, as `camerad.recording.segmenter` is for pictures: access units in, chunks out. A *run* is
access units that follow one another without a hole; each becomes the sound of one fragment.

Time. The sound track counts samples, and each access unit has the same number of them, so a run is
a grid: a unit belongs on it if its media time says the same to within `SLACK_US`. If not, another
run begins where its media time says; sound is never stretched.

Bounds. Nothing is kept that begins before `from_us`, that ends after the stop, or any part of which
was heard while the sound was muted.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import msgspec
from msgspec.structs import replace

from camerad.base.clock import SECOND
from camerad.container.gaps import HOLE_US, Gap
from camerad.container.statements import MUTED, SoundChange
from camerad.stream.packets import Packet
from camerad.stream.sound_messages import NO_SOUND, REASONS, SOUND_LOST, SoundFormat

SLACK_US: Final = 2_000
"""Media times within a run are rounded to microseconds, and this is far below what an ear can place
(ITU-R BT.1359: sound may lead its picture by 45 ms)."""


class Sounds(NamedTuple):
    """Access units that follow one another without a hole.

    at: where the first one begins, in samples since the recording's origin.
    """

    at: int
    units: Sequence[Packet]


NO_SOUNDS: Final = Sounds(0, ())


class SoundChunk(msgspec.Struct, frozen=True):
    """Runs to be committed at once, and the gaps before and between them. first_us, end_us: media
    time of the first sample, and of the end of the last; None without a run."""

    runs: tuple[Sounds, ...] = ()
    gaps: tuple[Gap, ...] = ()
    first_us: int | None = None
    end_us: int | None = None

    @property
    def units(self) -> int:
        """How many access units there are."""
        return sum(len(run.units) for run in self.runs)


class SoundCutter:
    """Cuts the sound of one recording.

    origin_us: media time at which the track counts from 0. from_us: of the first sound wanted.
    until_us: media time of the stop once it is known.
    """

    def __init__(self, form: SoundFormat, origin_us: int, from_us: int) -> None:
        self.until_us: int | None = None
        self.end_us: int | None = None
        """Where the sound that was taken in ends; None before any was."""
        self._form = form
        self._unit_us = form.us(1)
        self._slack = round(SLACK_US * form.rate / SECOND)
        self._origin_us = origin_us
        self._from_us = max(from_us, origin_us)
        self._next = 0
        self._last_us: int | None = None
        self._changes: list[SoundChange] = []
        self._gaps: list[Gap] = []
        self._why = NO_SOUND

    def changed(self, change: SoundChange) -> None:
        """Sound is in another state."""
        bisect.insort(self._changes, change, key=lambda one: one.at_us)

    def state(self, gap: Gap) -> None:
        """Let the next chunk state `gap`."""
        self._gaps.append(gap)

    def cut(self, units: Iterable[Packet], gaps: Sequence[Gap] = ()) -> SoundChunk:
        """What can be committed of `units`, which follow those before; their times rise.

        gaps: those stated before or among them. The chunk refers to the units' memory.
        """
        stated = [gap for gap in gaps if gap.to_us is None or gap.to_us > self._from_us]
        runs: list[tuple[int, list[Packet]]] = []
        first_us: int | None = None
        for packet in units:
            info = packet[0]
            if not self._is_wanted(info.pts_us):
                continue
            at = round((info.pts_us - self._origin_us) * self._form.rate / SECOND)
            early = self.end_us is not None and at < self._next - self._slack
            if early:
                self._gaps.append(Gap(SOUND_LOST, 1, self._last_us, info.pts_us))
                continue
            follows = self.end_us is not None and at <= self._next + self._slack
            if not follows:
                self._state_hole(info.pts_us, stated)
                self._next = at
            if not follows or not runs:
                runs.append((self._next, []))
            runs[-1][1].append(packet)
            if first_us is None:
                first_us = info.pts_us
            self._next += self._form.samples
            self._last_us = info.pts_us
            self.end_us = info.pts_us + self._unit_us
        self._forget(self._from_us if self.end_us is None else self.end_us)
        self._gaps += stated
        taken, self._gaps = tuple(self._gaps), []
        made = [Sounds(at, tuple(found)) for at, found in runs]
        return SoundChunk(tuple(made), taken, first_us, self.end_us if made else None)

    def close(self, stop_us: int) -> None:
        """Nothing follows: state what is missing up to the stop."""
        heard_us = self._from_us if self.end_us is None else self.end_us
        if stop_us - heard_us > HOLE_US:
            begins_us = self._from_us if self._last_us is None else self._last_us
            self.state(Gap(self._reason(heard_us, stop_us), None, begins_us, stop_us))

    def lose(self, kept_us: int | None, why: str) -> None:
        """What was taken in after `kept_us`, where what is kept ends, is lost after all: `why` is
        stated by `close`, unless the state of the sound says more. None: nothing is kept."""
        self.end_us = kept_us
        self._last_us = None if kept_us is None else kept_us - self._unit_us
        self._why = why

    def take_gaps(self) -> tuple[Gap, ...]:
        """The gaps that no chunk has stated yet."""
        gaps, self._gaps = tuple(self._gaps), []
        return gaps

    def _is_wanted(self, pts_us: int) -> bool:
        end_us = pts_us + self._unit_us
        # Times are rounded, and a unit may well end with the stop.
        if pts_us < self._from_us or (self.until_us is not None and end_us > self.until_us + 1):
            return False
        return MUTED not in self._states(pts_us, end_us)

    def _state_hole(self, pts_us: int, stated: list[Gap]) -> None:
        """Sound begins here, or again: say what is missing before; what is said leaves `stated`."""
        heard_us = self._from_us if self.end_us is None else self.end_us
        between = [gap for gap in stated if gap.from_us is None or gap.from_us < pts_us]
        for gap in between:
            stated.remove(gap)
            from_us = gap.from_us if gap.from_us is not None else self._last_us
            to_us = pts_us if gap.to_us is None else gap.to_us
            # The numbers say how much is missing, and the microphone why.
            known = self._reason(heard_us, pts_us) if gap.reason == SOUND_LOST else NO_SOUND
            reason = gap.reason if known == NO_SOUND else known
            self.state(replace(gap, reason=reason, from_us=from_us, to_us=to_us))
        longest_us = HOLE_US if self.end_us is None else self._unit_us
        if not between and pts_us - heard_us > longest_us:
            begins_us = self._from_us if self._last_us is None else self._last_us
            self.state(Gap(self._reason(heard_us, pts_us), None, begins_us, pts_us))

    def _states(self, from_us: int, to_us: int) -> set[str]:
        """The states in which sound was at any time between the two."""
        found: set[str] = set()
        last: str | None = None
        for change in self._changes:
            if change.at_us >= to_us:
                break
            if change.at_us <= from_us:
                last = change.state
            else:
                found.add(change.state)
        return found if last is None else found | {last}

    def _forget(self, heard_us: int) -> None:
        """Only the states since then can still matter."""
        while len(self._changes) > 1 and self._changes[1].at_us <= heard_us:
            del self._changes[0]

    def _reason(self, from_us: int, to_us: int) -> str:
        states = self._states(from_us, to_us)
        return next((text for state, text in REASONS.items() if state in states), self._why)
