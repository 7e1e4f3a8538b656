"""Chooses the front display's scene from the state and a few facts, and encodes it.

Rules of this file
------------------
1. The display says what is true for the person in front of it. It says that something is recorded
   exactly while footage is kept, and it does not say "not recorded" without naming a pre-event
   buffer that a recording would begin with.
2. A scene has content, not appearance: words, sizes and colours belong to the display's own
   process.
3. Conditions appear in the status alone, which the wearer reads. The person opposite, who sees
   self-view and recording, never reads them: there only the promise of a recording goes.
4. A scene holds nothing that changes by itself. The running time of a recording is counted by the
   display from `RecordingScene.since_us`, on the clock that cannot be set.

The controller sends a scene to the display's process as a JSON object: `to_wire` and `from_wire`.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any, Final, TypeAlias

import msgspec
from msgspec.structs import asdict, replace

from camerad.behaviour.dock_progress import HandoverProgress, HandoverState, HandoverTrouble
from camerad.behaviour.events import Condition, Stage
from camerad.behaviour.state import State
from camerad.behaviour.tables import TELLS_STATUS

GRAVITY: Final = (
    # A press would be refused. First conditions that only the office can mend,
    Condition.UNPROVISIONED,
    Condition.NO_RECIPIENTS,
    Condition.STORAGE_FAILED,
    Condition.STORAGE_READ_ONLY,
    # A full card keeps the ledger from being written, too; then the card is to be mended.
    Condition.STORAGE_FULL,
    Condition.LEDGER_FAILED,
    # then conditions that may pass by themselves.
    Condition.CAMERA_DOWN,
    # It records, but not for long, not visibly, not surely, or not with sound.
    Condition.BATTERY_CRITICAL,
    Condition.LIGHT_DOWN,
    Condition.STORAGE_STALLED,
    Condition.CAMERA_COVERED,
    Condition.MICROPHONE_DOWN,
    # It records, and the wearer has to act soon,
    Condition.BATTERY_LOW,
    Condition.BATTERY_UNKNOWN,
    Condition.STORAGE_LOW,
    Condition.HOT,
    # or after the shift.
    Condition.CLOCK_UNTRUSTED,
    Condition.DISPLAY_DOWN,
    Condition.PROVISION_REFUSED,
    Condition.OFFICE_DISPUTED,
)
"""Every condition that the wearer is told in words (`tables.IN_WORDS`), the gravest first."""

COVERS: Final[Mapping[Condition, Condition]] = {
    Condition.STORAGE_FULL: Condition.STORAGE_LOW,
    Condition.BATTERY_CRITICAL: Condition.BATTERY_LOW,
}
"""Conditions beside which the other one adds nothing, and is not shown."""


class SoundScene(Enum):
    """Sound of a recording."""

    ON = "on"
    MUTED = "muted"
    """Switched off by the wearer."""
    NONE = "none"
    """There is none: the policy does not want it, or the microphone does not work or is not on
    yet."""


class HandoverScene(Enum):
    """What the status shows of the upload."""

    WAITS = "waits"
    RUNS = "runs"
    DONE = "done"
    NO_NETWORK = "no_network"
    """The camera may have no contact in its dock."""
    FAILED = "failed"
    """A technician is needed."""


class Dark(msgspec.Struct, frozen=True):
    """A dark display."""


class Mirror(msgspec.Struct, frozen=True):
    """The person's own picture; nothing is kept.

    pre_event_seconds: footage from before the press that a recording would begin with, if the
    buffer is full; 0 where no buffer runs, and where no recording could begin.
    """

    pre_event_seconds: float = 0.0


class RecordingScene(msgspec.Struct, frozen=True):
    """The same picture while footage is kept. since_us: media time of the press, microseconds."""

    since_us: int
    sound: SoundScene = SoundScene.NONE


class OfficerStatus(msgspec.Struct, frozen=True):
    """Status for the officer who wears the camera; no picture.

    battery_percent: None without a gauge. minutes_left: of recording on the card; None before the
    first check. wall_us: wall time, microseconds since 1970; None while it is not trusted.
    handover: None outside the dock. done, total: recordings. cause: the gravest condition; None
    where there is none. cut_off: a recording was cut off and does not go on; it is graver than any
    cause. more: how many conditions besides.
    """

    battery_percent: int | None = None
    minutes_left: int | None = None
    wall_us: int | None = None
    handover: HandoverScene | None = None
    done: int = 0
    total: int = 0
    cause: Condition | None = None
    cut_off: bool = False
    more: int = 0


def handover_scene(progress: HandoverProgress | None) -> HandoverScene | None:
    """The upload as the status shows it. An officer can mend one cause alone."""
    if progress is None:
        return None
    if progress.trouble is HandoverTrouble.NETWORK:
        return HandoverScene.NO_NETWORK
    return _HANDOVERS[progress.state]


_HANDOVERS: Final[Mapping[HandoverState, HandoverScene]] = {
    HandoverState.WAITING: HandoverScene.WAITS,
    HandoverState.HANDING_OVER: HandoverScene.RUNS,
    HandoverState.HANDED_OVER: HandoverScene.DONE,
    HandoverState.FAILED: HandoverScene.FAILED,
}


class Badge(msgspec.Struct, frozen=True):
    """The camera looks for a wearer's badge, which is to be held up to it; no picture."""


class PatternPicture(msgspec.Struct, frozen=True):
    """A test picture, for a technician; no state asks for it."""


Scene: TypeAlias = Dark | Mirror | RecordingScene | OfficerStatus | Badge | PatternPicture

DARK: Final = Dark()


class SceneFacts(msgspec.Struct, frozen=True):
    """Facts that the display shows and the state does not hold.

    pre_event_seconds: length of the pre-event buffer. sound: whether recordings are to have sound.
    hears: whether the microphone reports that it is on. status: the status without its conditions.
    looking: a badge is looked for. cut_off: a recording was cut off, and none has begun since.
    """

    pre_event_seconds: float = 0.0
    sound: bool = False
    hears: bool = False
    status: OfficerStatus = OfficerStatus()
    looking: bool = False
    cut_off: bool = False


def scene(state: State, facts: SceneFacts) -> Scene:
    """The scene for `state`."""
    if state.display_on and state.keeping:
        return RecordingScene(state.entered_us, _sound(state, facts))
    if state.display_on and state.stage is Stage.SELF_VIEW:
        return Mirror(facts.pre_event_seconds if state.armed and state.can_record else 0.0)
    if state.status_on and state.stage in TELLS_STATUS:
        return _status(state, facts)
    return Badge() if facts.looking and state.stage is Stage.IDLE else DARK


def tells_cut_off(state: State, *, cut_off: bool) -> bool:
    """Whether the gravest matter is a recording that was cut off, and that a hold would go on
    with. cut_off: as in SceneFacts. Where the hold would be refused, the reason for that is graver.
    """
    return cut_off and state.can_record


def _status(state: State, facts: SceneFacts) -> OfficerStatus:
    covered = {COVERS.get(condition) for condition in state.conditions}
    matters = [one for one in GRAVITY if one in state.conditions and one not in covered]
    return replace(
        facts.status,
        cause=matters[0] if matters else None,
        cut_off=tells_cut_off(state, cut_off=facts.cut_off),
        more=max(0, len(matters) + facts.cut_off - 1),
    )


def _sound(state: State, facts: SceneFacts) -> SoundScene:
    if not facts.sound or Condition.MICROPHONE_DOWN in state.conditions:
        return SoundScene.NONE
    if state.muted:
        return SoundScene.MUTED
    # Not the wanted state: while the microphone comes on, no sound is recorded.
    return SoundScene.ON if facts.hears else SoundScene.NONE


_NAMES: Final[Mapping[str, type[Scene]]] = {
    "dark": Dark,
    "mirror": Mirror,
    "recording": RecordingScene,
    "status": OfficerStatus,
    "badge": Badge,
    "pattern": PatternPicture,
}


_WORDS: Final[Mapping[str, type[Enum]]] = {
    "sound": SoundScene,
    "handover": HandoverScene,
    "cause": Condition,
}
"""Fields that hold a word,"""
_FLAGS: Final = frozenset({"cut_off"})
"""and those that hold yes or no; all others hold numbers."""


def to_wire(shown: Scene) -> dict[str, Any]:
    """The scene as an object for JSON."""
    name = next(name for name, kind in _NAMES.items() if kind is type(shown))
    words = {key: one.value for key, one in asdict(shown).items() if isinstance(one, Enum)}
    return {"scene": name, **asdict(shown), **words}


def from_wire(told: Any) -> Scene:
    """Decode an object made by `to_wire`. Raises ValueError for anything else."""
    if not isinstance(told, dict):
        raise ValueError(f"a scene is an object, not {told!r}")
    fields = dict(told)
    kind = _NAMES.get(str(fields.pop("scene", None)))
    if kind is None:
        raise ValueError(f"there is no scene {told.get('scene')!r}")
    words = {name: fields.pop(name) for name in _WORDS if fields.get(name) is not None}
    wrong = [
        name
        for name, value in fields.items()
        if isinstance(value, bool) is not (name in _FLAGS)
        or not isinstance(value, int | float | None)
    ]
    try:
        if wrong:
            kind_of_value = "yes or no" if wrong[0] in _FLAGS else "a number"
            raise TypeError(f"{wrong[0]} is not {kind_of_value}")
        fields |= {name: _WORDS[name](word) for name, word in words.items()}
        return kind(**fields)
    except (TypeError, ValueError) as error:
        raise ValueError(f"no scene {told['scene']!r} can be made: {error}") from None
