"""The end of a recording whose recorder could not write it.

A file without an end shows how far footage is kept. How long footage was wanted, only the recorder
knew, or a process that saw the daemon record until it died. If neither is known, the end names
nothing later than what is kept.
"""

from __future__ import annotations

import msgspec
from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from camerad.base.clock import SECOND, Moment
from camerad.container.gaps import HOLE_US, FootageEnd, Gap, gaps_until
from camerad.container.skeleton import ChainProgress
from camerad.container.statements import (
    RECOVERED,
    Closing,
    FragmentFacts,
    FragmentSound,
    Header,
    Microphone,
    SoundChange,
    SoundEnd,
)
from camerad.stream.sound_messages import REASONS


class UnwrittenEnd(msgspec.Struct, frozen=True):
    """Known facts of it.

    until_us: media time up to which footage was wanted, in the boot in which the recording was made
    and is repaired. why: reason of the gap before it, if something is missing. closing: the end
    that the recorder could not write, None if the recorder died.
    """

    until_us: int
    why: str
    closing: Closing | None = None


def make_closing(
    header: Header,
    point: ChainProgress,
    unwritten: UnwrittenEnd | None,
    boot_id: str,
    moment: Moment,
) -> Closing:
    """The end of a repaired recording.

    point: how far it is kept. boot_id, moment: when it is repaired; in another boot than the
    header's, `unwritten` does not count.
    """
    if unwritten is None or boot_id != header.boot_id:
        unwritten = UnwrittenEnd(point.end_us, "")
    said = unwritten.closing
    if said is None:
        said = Closing(
            reason=RECOVERED,
            frames=0,
            at_us=max(point.end_us, min(unwritten.until_us, moment.boot_us)),
            gaps=(),
            marks=(),
            stages=(),
            boot_id=boot_id,
            clock=moment,
            clock_step_us=None,
            sync_us=None,
        )
    elif point.last is not None:
        said = _unsaid(said, point.last)
    begun_us = min(header.origin_us, header.trigger_us)
    kept = FootageEnd(begun_us, begun_us)
    if point.last is not None and point.seen_us is not None:
        kept = FootageEnd(point.seen_us, point.last.end_us)
    return replace(
        said,
        reason=RECOVERED,
        frames=point.frames,
        gaps=gaps_until(said.at_us, kept, said.gaps, unwritten.why, SECOND // header.fps),
        boot_id=boot_id,
        clock=moment,
        sound=_sound(header, point, said, unwritten.why) if header.sound else UNSET,
    )


def _unsaid(said: Closing, last: FragmentFacts) -> Closing:
    """The recorder's end, without what the last commit says already: the storage had refused that
    commit and kept it all the same."""
    return replace(
        said,
        gaps=tuple(one for one in said.gaps if one not in last.gaps),
        marks=tuple(one for one in said.marks if one not in last.marks),
        stages=tuple(one for one in said.stages if one not in last.stages),
        rates=tuple(one for one in said.rates or () if one not in (last.rates or ())) or UNSET,
    )


def _sound(header: Header, point: ChainProgress, said: Closing, why: str) -> SoundEnd:
    gaps: tuple[Gap, ...] = ()
    states: tuple[SoundChange, ...] = ()
    if isinstance(said.sound, SoundEnd):
        before = _sound_of(point.last)
        gaps = tuple(one for one in said.sound.gaps if before is None or one not in before.gaps)
        states = tuple(
            one for one in said.sound.states if before is None or one not in before.states
        )
    state = states[-1].state if states else point.sound_state
    reason = why if state is None else REASONS.get(state, why)
    return SoundEnd(
        point.units, gaps_until(said.at_us, _heard(header, point), gaps, reason, HOLE_US), states
    )


def _sound_of(facts: FragmentFacts | None) -> FragmentSound | None:
    return facts.sound if facts is not None and isinstance(facts.sound, FragmentSound) else None


def _heard(header: Header, point: ChainProgress) -> FootageEnd:
    """How far there is sound; without any, from when on it was wanted."""
    microphone: Microphone | UnsetType = header.microphone
    unit_us = 0
    pre_event = False
    if isinstance(microphone, Microphone):
        unit_us = microphone.samples * SECOND // microphone.rate
        pre_event = microphone.pre_event
    if point.heard_us is not None:
        return FootageEnd(point.heard_us - unit_us, point.heard_us)
    begun_us = header.origin_us if pre_event else max(header.origin_us, header.trigger_us)
    return FootageEnd(begun_us, begun_us)
