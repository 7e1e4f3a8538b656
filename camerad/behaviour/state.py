"""Rules and state of the stage machine.

Read `camerad.behaviour.stages` first; these names can be imported from there.
"""

from __future__ import annotations

import msgspec

from camerad.behaviour.events import CONTINUED, Condition, Intent, Stage
from camerad.behaviour.tables import ARMABLE, KEEPING, REFUSES_START


class Rules(msgspec.Struct, frozen=True):
    """Settings of the stages, from policy and configuration.

    armed_in: stages with a running pre-event buffer, a subset of ARMABLE; empty: there is none.
    self_view_timeout_us: self-view without a recording falls back to idle after this time.
    reminder_us: time between two reminders that a recording is running. display_in_recording:
    whether the display is on when a recording starts, from any stage. may_mute: whether the wearer
    may switch the sound of a recording off; False also where there is no sound. status_us: how long
    the status stays on the display. status_at_ready: whether it shows once the camera is ready, for
    a camera without a gesture for it. post_event_us: footage is made for so long after the wearer's
    stop.

    Raises ValueError where `armed_in` names another stage, or a time is not positive.
    """

    armed_in: frozenset[Stage]
    self_view_timeout_us: int
    reminder_us: int = 30_000_000
    display_in_recording: bool = True
    may_mute: bool = False
    status_us: int = 5_000_000
    status_at_ready: bool = False
    post_event_us: int = 0

    def __post_init__(self) -> None:
        if not self.armed_in <= ARMABLE:
            wrong = ", ".join(sorted(stage.value for stage in self.armed_in - ARMABLE))
            raise ValueError(f"armed_in: {wrong} is not a stage with a pre-event buffer")
        for name in ("self_view_timeout_us", "reminder_us", "status_us"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name}: {getattr(self, name)} is not a positive time")


class State(msgspec.Struct, frozen=True):
    """The machine's whole state.

    display_on: the self-view display is to show. armed: the ring is to be fed. wiping: a Wipe has
    not been answered. ending: Shutdown has come. remembered: the intent to carry out when the wait
    is over, with the edge of its press and its source. recording_id: of the open recording, once
    the recorder has named it. entered_us: when the stage began. reminded_us: when the wearer last
    felt that a recording runs. storing: all footage of a stopped recording is made, and is on its
    way to the card. muted: the wearer has switched the sound of the recording off; until its file
    is closed. earlier: when it began, an earlier one was still being closed. status_on: the display
    is to show the status, since status_at_us. words_due: a condition was signalled in a recording,
    where the wearer could not read its words; the next idle shows them.
    """

    stage: Stage
    entered_us: int
    conditions: frozenset[Condition] = frozenset()
    display_on: bool = False
    armed: bool = False
    wiping: bool = False
    ending: bool = False
    remembered: Intent | None = None
    remembered_us: int = 0
    remembered_source: str = ""
    recording_id: str | None = None
    reminded_us: int = 0
    storing: bool = False
    muted: bool = False
    earlier: bool = False
    status_on: bool = False
    status_at_us: int = 0
    words_due: bool = False

    @property
    def keeping(self) -> bool:
        """Whether a recording is open: footage is made, or is on its way to the card."""
        return self.stage in KEEPING

    @property
    def making(self) -> bool:
        """Whether footage that is kept is being made: the red light's."""
        return self.keeping and not self.storing

    @property
    def waiting(self) -> bool:
        """Whether the camera waits for itself, so that intents are remembered."""
        return self.stage in (Stage.STARTING, Stage.STOPPING) or (
            self.stage is Stage.SELF_VIEW and self.wiping
        )

    @property
    def goes_on(self) -> bool:
        """Whether the remembered intent is a recording that was cut off and is to go on."""
        return self.remembered is Intent.RECORD and self.remembered_source == CONTINUED

    @property
    def ended(self) -> bool:
        """Whether End has been said; only conditions change after that."""
        return self.ending and self.stage in (Stage.STARTING, Stage.IDLE)

    @property
    def can_record(self) -> bool:
        """Whether a press that asks for a recording would not be refused."""
        return not self.ending and not self.conditions & REFUSES_START
