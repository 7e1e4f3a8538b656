"""Structs of a recording's statements. The file's layout: `camerad.container.chain` and `ustar`.

Statements are made of these Structs (`Header`, `Commit`, `RecordingEnd`), field by field: see
`camerad.container.jws` for the one spelling, and docs/evidence-format.md. A field that is `UNSET`
is not in the statement: fields about sound exist only where there is sound. All numbers are whole.
Media times are microseconds of CLOCK_BOOTTIME, wall times microseconds since the Unix epoch.
`camerad.container.limits` bounds all numbers and texts.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

import msgspec
from msgspec import UNSET, UnsetType

from camerad.base.clock import SECOND, Moment
from camerad.container.gaps import Gap
from camerad.container.limits import MOST_EVENTS
from camerad.container.recording_ids import SPELLED, RecordingId

FORMAT: Final = 1
HEADER: Final = "camerad-header"
COMMIT: Final = "camerad-commit"
END: Final = "camerad-end"

_OF_ID: Final = msgspec.Meta(pattern=rf"\A{SPELLED}\Z")
Identity = Annotated[RecordingId, _OF_ID]
"""A recording's id, checked as it is read."""
Positive = Annotated[int, msgspec.Meta(ge=1)]
"""A number that is never 0."""
Channels = Annotated[int, msgspec.Meta(ge=1, le=2)]
"""Of sound: mono or stereo."""

MUTED: Final = "muted"
"""State of sound that was switched off at the camera; the microphone may hear, nothing is kept."""
RECOVERED: Final = "recovered"
"""Reason of an end that repair wrote, because the recording had none."""


class Content(msgspec.Struct, frozen=True):
    """A member of a recording, exactly: its bytes and their SHA-256 in hexadecimal."""

    bytes: int
    sha256: str


class StageChange(msgspec.Struct, frozen=True):
    """From at_us (media time) on, the camera was in this stage. display: the self-view was on."""

    at_us: int
    stage: str
    display: bool


class RateChange(msgspec.Struct, frozen=True):
    """At at_us (media time) the camera was told to take to_fps pictures per second in place of
    from_fps. reason: why (`camerad.behaviour.heat.Cause`)."""

    at_us: int
    from_fps: Positive
    reason: str
    to_fps: Positive


class Microphone(msgspec.Struct, frozen=True):
    """The source of a recording's sound, and its encoding.

    device: its name for ALSA. rate: samples per second. channels: 1 or 2. samples: of each channel
    in an access unit.
    pre_event: whether sound from before the trigger is wanted too.
    """

    device: str
    rate: Positive
    channels: Channels
    samples: Positive
    pre_event: bool


class SoundChange(msgspec.Struct, frozen=True):
    """From at_us (media time) on, sound was in this state. why: in words, where something failed.

    state: what the microphone does (`camerad.stream.wire.SoundState`), or `MUTED`.
    """

    at_us: int
    state: str
    why: str | None


Rates = Annotated[tuple[RateChange, ...], msgspec.Meta(min_length=1)]
"""Changes of the pictures per second, one or more."""


class FragmentSound(msgspec.Struct, frozen=True):
    """The sound of a fragment.

    units: access units. first_us: media time at which the first one begins; end_us: where the last
    one ends; None without a unit. gaps: missing sound, as pictures are stated, `frames` being
    access units. states: changes since the commit before.
    """

    units: int
    first_us: int | None
    end_us: int | None
    gaps: tuple[Gap, ...]
    states: tuple[SoundChange, ...]


class SoundEnd(msgspec.Struct, frozen=True):
    """The end's facts about sound. units: access units in all fragments. The rest as in
    `FragmentSound`, since the last commit."""

    units: int
    gaps: tuple[Gap, ...]
    states: tuple[SoundChange, ...]


class Header(msgspec.Struct, frozen=True):
    """A recording's facts at its beginning; the payload of ``header.jws``.

    Media times in microseconds of CLOCK_BOOTTIME, within the boot `boot_id`. format: version of
    this format, `FORMAT`. started_wall_us: wall time of the trigger, microseconds since the Unix
    epoch; clock.source says how far to trust it. clock: when the header was made. trigger: what
    started it. trigger_us: the instant of the press, which is the boundary of the pre-event part.
    origin_us: the first packet. pre_event_wanted_us: how much the policy and the configuration ask
    for; where there was less, `pre_event_shortfall` says why. continues: id of the recording that
    this one goes on from. retention_days: when it is to be deleted, unless it is held. sound:
    whether it has a sound track, and then every commit says what it holds of sound. wearer: the id
    that the shift was assigned, if any. recipients: age public keys of those who can open it.
    microphone: there if sound was wanted.
    """

    format: int
    id: Identity
    device: str
    boot_id: str
    clock: Moment
    started_wall_us: int
    trigger: str
    trigger_us: int
    origin_us: int
    pre_event_wanted_us: int
    pre_event_shortfall: str | None
    continues: Annotated[str, _OF_ID] | None
    policy: str
    retention_days: Positive
    width: Positive
    height: Positive
    fps: Positive
    sound: bool
    encoder: str
    software: str
    wearer: str | None
    recipients: tuple[str, ...]
    microphone: Microphone | UnsetType = UNSET


class FragmentFacts(msgspec.Struct, frozen=True):
    """A recorder's facts about a fragment; the container makes a Commit of it.

    sequence: counted from 0. first_us, last_us: its first and last picture; end_us: where the last
    one ends. gaps: before or within the fragment. marks: media times, set since the commit before.
    stages: changes since then. clock: when it was committed. clock_step_us: how far wall time
    jumped against boot time since then, None if it did not. sync_us: how long the storage took
    over the fragment before, of the first one over making the file, if longer than is right, else
    None. sound: there if the recording has
    a sound track. rates: changes of the pictures per second since then, there if there were any.

    A fragment of sound only has frames 0, and the end of the picture before it for all three times.
    """

    sequence: int
    first_us: int
    last_us: int
    end_us: int
    frames: int
    gaps: tuple[Gap, ...]
    marks: tuple[int, ...]
    stages: tuple[StageChange, ...]
    clock: Moment
    clock_step_us: int | None
    sync_us: int | None
    sound: FragmentSound | UnsetType = UNSET
    rates: Rates | UnsetType = UNSET

    @property
    def until_us(self) -> int:
        """Media time at which the last picture or sound ends."""
        return max(self.end_us, sound_end_us(self.sound) or 0)


def sound_end_us(sound: FragmentSound | UnsetType) -> int | None:
    """Where the sound of a fragment ends, None if it has none."""
    return sound.end_us if isinstance(sound, FragmentSound) else None


class Commit(msgspec.Struct, frozen=True):
    """Ties one fragment to its recording; the payload of ``NNNNNN.jws``.

    previous: SHA-256 of the statement before (the header's, or that of the commit before).
    fragment: the sealed fragment. init: the sealed initialisation segment, in commit 0 only. The
    rest as in `FragmentFacts`.
    """

    previous: str
    init: Content | None
    fragment: Content
    facts: FragmentFacts


class Closing(msgspec.Struct, frozen=True):
    """Facts of a recorder, or of repair, at the end; the container makes a RecordingEnd of it.

    reason: "stop", "shutdown", `RECOVERED`, ... frames: in all fragments; at_us: media time up to
    which footage was wanted, in the header's boot. gaps, marks, stages, clock_step_us, sync_us,
    rates: as in `FragmentFacts`, since the last commit. boot_id, clock: when this was written.
    """

    reason: str
    frames: int
    at_us: int
    gaps: tuple[Gap, ...]
    marks: tuple[int, ...]
    stages: tuple[StageChange, ...]
    boot_id: str
    clock: Moment
    clock_step_us: int | None
    sync_us: int | None
    sound: SoundEnd | UnsetType = UNSET
    rates: Rates | UnsetType = UNSET


class RecordingEnd(msgspec.Struct, frozen=True):
    """The end of a recording; the payload of ``end.jws``.

    previous: SHA-256 of the statement before. commits: how many there are. torn: what lay behind
    the last commit when it was repaired, kept as a member of its own. The rest as in `Closing`.
    """

    previous: str
    commits: int
    torn: Content | None
    closing: Closing


class RateInfo(msgspec.Struct, frozen=True):
    """From `at` on, seconds after the first picture, the camera took another number of pictures per
    second."""

    at: float
    from_fps: int
    to_fps: int
    reason: str

    def as_json(self) -> dict[str, Any]:
        """The same as an object for JSON; its names are those of ``camerad evidence verify``."""
        return {"at": self.at, "from": self.from_fps, "to": self.to_fps, "reason": self.reason}


class RecordingInfo(msgspec.Struct, frozen=True):
    """A recording, as a listing shows it.

    path: the file to play. wearer: id of the wearer on a shift, None without a shift. started: wall
    time of the trigger, RFC 3339. seconds: from the first picture to where footage was wanted, or
    to the end of later pictures or sound, gaps included. pre_event_seconds: of these, before the
    trigger. pre_event_shortfall_seconds: how much less than wanted that is. marks: seconds after
    the first picture. bytes: of the segment and the committed fragments. bits_per_second: of the
    time that has pictures. sound: it has a sound track; sound_gaps: where sound is missing in it,
    their frames being access units. rates: changes of the pictures per second. state: "recording",
    "closed", "recovered" or "interrupted". reason: how it ended, None without an end. final:
    SHA-256 of the end's statement, None without one. flagged: it has a mark.
    """

    id: RecordingId
    path: str
    device: str
    wearer: str | None
    started: str
    seconds: float
    pre_event_seconds: float
    pre_event_shortfall_seconds: float
    frames: int
    bytes: int
    bits_per_second: float
    gaps: tuple[Gap, ...]
    marks: tuple[float, ...]
    flagged: bool
    sound: bool
    sound_gaps: tuple[Gap, ...]
    rates: tuple[RateInfo, ...]
    continues: str | None
    policy: str
    retention_days: int
    state: str
    reason: str | None
    final: str | None

    def as_json(self) -> dict[str, Any]:
        """The same as an object for JSON."""
        said: dict[str, Any] = msgspec.to_builtins(self)
        return said | {"rates": [one.as_json() for one in self.rates]}


def events_in(facts: FragmentFacts | Closing) -> int:
    """How many gaps, marks and changes a statement names."""
    count = len(facts.gaps) + len(facts.marks) + len(facts.stages) + len(facts.rates or ())
    count += (facts.clock_step_us is not None) + (facts.sync_us is not None)
    if isinstance(facts.sound, FragmentSound | SoundEnd):
        count += len(facts.sound.gaps) + len(facts.sound.states)
    return count


class Tally:
    """Adds up a recording's facts, in the order of their commits; what is beyond `MOST_EVENTS` is
    left out. size: bytes of the initialisation segment."""

    def __init__(self, header: Header, path: str, size: int) -> None:
        self.header = header
        self.path = path
        self.commits = 0
        self.frames = 0
        self.units = 0
        self.bytes = size
        self.closing: Closing | None = None
        self.final: str | None = None
        self._end_us = header.origin_us
        self._events = 0
        self._gaps: list[Gap] = []
        self._sound_gaps: list[Gap] = []
        self._marks: list[int] = []
        self._rates: list[RateChange] = []

    def add(self, facts: FragmentFacts, size: int) -> None:
        """Count a fragment of `size` bytes."""
        self.commits += 1
        self.frames += facts.frames
        self.bytes += size
        self._end_us = max(self._end_us, facts.until_us)
        if isinstance(facts.sound, FragmentSound):
            self.units += facts.sound.units
        self._add_events(facts)

    def finish(self, closing: Closing, final: str) -> None:
        """Count what the end says. final: SHA-256 of its statement."""
        self.closing = closing
        self.final = final
        self._end_us = max(self._end_us, closing.at_us)  # with a gap before it
        self._add_events(closing)

    def _add_events(self, facts: FragmentFacts | Closing) -> None:
        self._events += events_in(facts)
        if self._events > MOST_EVENTS:
            return
        self._gaps += facts.gaps
        self._marks += facts.marks
        self._rates += facts.rates or ()
        if isinstance(facts.sound, FragmentSound | SoundEnd):
            self._sound_gaps += facts.sound.gaps

    def info(self, state: str) -> RecordingInfo:
        """The sum."""
        header = self.header
        span_us = self._end_us - header.origin_us
        pre_event_us = max(0, min(header.trigger_us, self._end_us) - header.origin_us)
        return RecordingInfo(
            id=header.id,
            path=self.path,
            device=header.device,
            wearer=header.wearer,
            started=rfc3339(header.started_wall_us),
            seconds=span_us / SECOND,
            pre_event_seconds=pre_event_us / SECOND,
            pre_event_shortfall_seconds=max(0, header.pre_event_wanted_us - pre_event_us) / SECOND,
            frames=self.frames,
            bytes=self.bytes,
            bits_per_second=self.bytes * 8 * SECOND / max(1, span_us - self._empty_us()),
            gaps=tuple(self._gaps),
            marks=tuple((at_us - header.origin_us) / SECOND for at_us in self._marks),
            flagged=bool(self._marks),
            sound=header.sound,
            sound_gaps=tuple(self._sound_gaps),
            rates=tuple(
                RateInfo(
                    (one.at_us - header.origin_us) / SECOND, one.from_fps, one.to_fps, one.reason
                )
                for one in self._rates
            ),
            continues=header.continues,
            policy=header.policy,
            retention_days=header.retention_days,
            state=state,
            reason=self.closing.reason if self.closing is not None else None,
            final=self.final,
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
