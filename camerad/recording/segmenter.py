"""Cuts a recording's packets into fragments, and states the gaps between them.

Pure: packets in, chunks out, no I/O and no clock. A *chunk* is what is committed at once; it is cut
into *runs* of packets that follow one another without a hole, and every run becomes one fragment of
its own, so that a gap is a hole in the decode time line and never a picture that stands still.

A picture lasts until the next one, and one before a hole lasts the nominal duration. So where a
chunk's last picture may be followed by a hole, it is copied and held back until its follower is
known.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec
from msgspec.structs import replace

from camerad.container.gaps import CAPTURE_RESTARTED, FRAMES_LOST, HOLE_US, NO_PICTURES, Gap
from camerad.stream.packets import Buffer, Packet, PacketInfo

_LEAST_BYTES: Final = 2048
"""Of the memory for a copy. Smaller blocks the allocators keep aside as they are when they are
freed, and larger ones are overwritten (`camerad.base.process.overwrite_freed_memory`)."""


class PictureRun(msgspec.Struct, frozen=True):
    """Packets without a hole between them. end_us: media time at which the last of them ends."""

    packets: tuple[Packet, ...]
    end_us: int

    @property
    def first_us(self) -> int:
        return self.packets[0][0].pts_us

    @property
    def last_us(self) -> int:
        return self.packets[-1][0].pts_us


class Chunk(msgspec.Struct, frozen=True):
    """Runs to be committed at once, and the gaps before and between them."""

    runs: tuple[PictureRun, ...]
    gaps: tuple[Gap, ...]


class Segmenter:
    """Cuts one recording. nominal_us: how long a picture lasts whose follower is unknown.

    until_us: media time of the stop once it is known; later pictures are left out.
    """

    def __init__(self, nominal_us: int) -> None:
        self.until_us: int | None = None
        self.last: PacketInfo | None = None
        """The newest packet taken in, held back or not."""
        self.nominal_us: Final = nominal_us
        self._adjacent_us = nominal_us * 3 // 2
        self._held: Packet | None = None
        self._gaps: list[Gap] = []

    def state(self, *gaps: Gap) -> None:
        """Let the next chunk state them."""
        self._gaps.extend(gaps)

    def cut(
        self,
        packets: Iterable[Packet],
        gaps: Sequence[Gap] = (),
        next_us: int | None = None,
        *,
        final: bool = False,
    ) -> Chunk | None:
        """What can be committed with `packets`, which follow those before; None if nothing can.

        Their media time rises. gaps: those stated before or among them. next_us: media time of the
        packet after them, if there is one. final: no packet of this recording will follow, so
        nothing is held back. The chunk refers to the packets' memory.
        """
        kept: list[Packet] = [] if self._held is None else [self._held]
        runs: list[PictureRun] = []
        open_gaps = list(gaps)
        for info, unit in packets:
            if self.until_us is not None and info.pts_us > self.until_us:
                next_us = info.pts_us
                break
            last = self.last
            if last is not None and (
                self._is_hole(last, info, open_gaps) or info.epoch != last.epoch
            ):
                if kept:
                    runs.append(self._run(kept, info.pts_us))
                kept = []
            elif last is not None:
                # Pictures may come more slowly than usual: then the next one is as near as this.
                interval_us = max(self.nominal_us, info.pts_us - last.pts_us)
                self._adjacent_us = interval_us * 3 // 2
            kept.append((info, unit))
            self.last = info
        # What could not be placed, for instance before the first picture, is stated all the same.
        self._gaps += open_gaps
        self._held = None
        if kept:
            info, unit = kept[-1]
            if next_us is not None and next_us - info.pts_us <= self._adjacent_us:
                runs.append(PictureRun(tuple(kept), next_us))
            elif final:
                runs.append(self._run(kept, next_us))
            else:
                self._held = (info, _copied(unit))
                if len(kept) > 1:
                    runs.append(PictureRun(tuple(kept[:-1]), info.pts_us))
        return self._chunk(runs)

    def flush(self) -> Chunk | None:
        """The packet held back, with its nominal duration; None if there is none."""
        held, self._held = self._held, None
        if held is None:
            return None
        if self.until_us is not None and held[0].pts_us > self.until_us:
            return None
        return self._chunk([self._run([held], None)])

    def take_gaps(self) -> tuple[Gap, ...]:
        """The gaps that no chunk has stated yet."""
        gaps, self._gaps = tuple(self._gaps), []
        return gaps

    def _chunk(self, runs: list[PictureRun]) -> Chunk | None:
        return Chunk(tuple(runs), self.take_gaps()) if runs else None

    def _run(self, packets: list[Packet], next_us: int | None) -> PictureRun:
        end_us = packets[-1][0].pts_us + self.nominal_us
        return PictureRun(tuple(packets), end_us if next_us is None else min(end_us, next_us))

    def _is_hole(self, last: PacketInfo, info: PacketInfo, gaps: list[Gap]) -> bool:
        """Whether something is missing between the two; if so it is stated, and leaves `gaps`."""
        between = [gap for gap in gaps if _lies_between(gap, last.pts_us, info.pts_us)]
        for gap in between:
            gaps.remove(gap)
            self.state(
                replace(
                    gap,
                    from_us=last.pts_us if gap.from_us is None else gap.from_us,
                    to_us=info.pts_us if gap.to_us is None else gap.to_us,
                )
            )
        found = None if between else self._unstated(last, info)
        if found is not None:
            self.state(found)
        return bool(between) or found is not None

    def _unstated(self, last: PacketInfo, info: PacketInfo) -> Gap | None:
        """An unstated gap: there should be none, but every gap must be stated."""
        interval_us = info.pts_us - last.pts_us
        if info.epoch != last.epoch:
            # Frame numbers begin anew with another process, so only the time can tell.
            if interval_us > self._adjacent_us:
                return Gap(CAPTURE_RESTARTED, None, last.pts_us, info.pts_us)
            return None
        missing = (info.frame - last.frame) % 2**32 - 1
        if missing:
            known = missing if 0 < missing < 2**31 else None
            return Gap(FRAMES_LOST, known, last.pts_us, info.pts_us)
        if interval_us > HOLE_US:
            return Gap(NO_PICTURES, None, last.pts_us, info.pts_us)
        return None


def _copied(unit: Buffer) -> memoryview:
    room = bytearray(max(len(unit), _LEAST_BYTES))
    room[: len(unit)] = unit
    return memoryview(room)[: len(unit)]


def _lies_between(gap: Gap, last_us: int, next_us: int) -> bool:
    begins_before = gap.from_us is None or gap.from_us < next_us
    ends_after = gap.to_us is None or gap.to_us > last_us
    return begins_before and ends_after
