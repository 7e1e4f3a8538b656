"""Manages shifts: runs `camerad.behaviour.shift` beside the stage machine.

Who wears the camera goes into the ledger, the stamp, the header of each recording and the status.
Used on the event loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

import msgspec

from camerad.base.clock import SECOND, Moment
from camerad.base.message_ids import Log, MessageId
from camerad.behaviour import shift, signals, stages
from camerad.behaviour.badge import badge
from camerad.behaviour.shift import ShiftEndReason, ShiftRules, Source
from camerad.daemon.core import Core, Note
from camerad.daemon.dispatcher import Step
from camerad.daemon.shift_note import Worn

log = Log(__name__)

_SOURCES: Final = {source.value: source for source in Source}
_REASONS: Final = {reason.value: reason for reason in ShiftEndReason}


class KeptShift(msgspec.Struct, frozen=True):
    """A shift that the ledger knows of. source: as the ledger says it. began_us: media time, None
    if nothing tells. due, goes_on: as `shift.ShiftKnown`, due as the note says it."""

    wearer: str
    source: str
    began_us: int | None
    due: str | None = None
    goes_on: bool = False


class ShiftManager:
    """The present shift, and the one timer that it needs.

    note: has the ledger say so. remember: as `camerad.daemon.shift_note.ShiftNote.write`. play:
    plays a cue. on_change: who wears the camera is another; or badges are looked for, or no longer.
    """

    def __init__(
        self,
        core: Core,
        rules: ShiftRules,
        note: Note,
        remember: Callable[[Worn | None, str | None], None],
        *,
        play: Callable[[stages.CueKind], None],
        on_change: Callable[[], None],
    ) -> None:
        self._core = core
        self._note = note
        self._remember = remember
        self._play = play
        self._on_change = on_change
        self._rules = rules
        self._clock = core.clock
        self._state = shift.ShiftState()
        self._timer: asyncio.TimerHandle | None = None
        self._begun = 0
        self._before: str | None = None
        """Why the shift before the present one ended, as the note says it."""

    @property
    def wearer(self) -> str | None:
        """The wearer's id, if a shift was assigned."""
        return self._state.shift.wearer if self._state.shift is not None else None

    @property
    def looking(self) -> bool:
        """Whether badges are looked for."""
        return self._state.looking

    def take_begun(self) -> int:
        """How many shifts have begun since this was asked last."""
        begun, self._begun = self._begun, 0
        return begun

    def status(self) -> dict[str, Any] | None:
        """The present shift, ready for JSON: who, media times of its begin and its end at the
        latest, who said so; None if there is none."""
        present = self._state.shift
        if present is None:
            return None
        return {
            "wearer": present.wearer,
            "since_us": present.began_us,
            "until_us": present.began_us + self._rules.longest_us,
            "source": present.source.value,
        }

    # ------------------------------------------------------------------ what happens

    def stepped(self, step: Step) -> None:
        """The camera's state is another, or a hand wanted something."""
        event = step.event
        self.look(pressed=isinstance(event, stages.Intended) and event.began is not None)

    def look(self, *, pressed: bool = False) -> None:
        """The camera's state is another, or time has passed; pressed: as `shift.ShiftLook`."""
        self._step(shift.ShiftLook(self._clock.now_us(), pressed))

    def begin(self, wearer: str) -> str | None:
        """A program says who wears the camera; returns why it does not count, or None."""
        return self._step(shift.BeginShift(self._clock.now_us(), wearer))

    def end(self) -> str | None:
        """End the shift at a program's request; returns why it is refused, or None."""
        return self._step(shift.EndShift(self._clock.now_us()))

    def seen(self, wearer: str) -> None:
        """A badge is before the camera. The id comes from another process, so it is checked
        again."""
        try:
            text = badge(wearer)
        except ValueError as error:
            log.error(MessageId.BADGE, "the badge reader names no wearer: %s", error)
            return
        self._step(shift.BadgeSeen(self._clock.now_us(), text))

    def known(self, kept: KeptShift) -> None:
        """The ledger knows of one that has not ended."""
        source = _SOURCES.get(kept.source, Source.CONTROL)
        due = _REASONS.get(kept.due or "")
        now_us = self._clock.now_us()
        self._step(shift.ShiftKnown(now_us, kept.wearer, source, kept.began_us, due, kept.goes_on))

    def close(self) -> None:
        """No timer fires any more. The shift goes on: it is in the ledger."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _step(self, event: shift.Event) -> str | None:
        before = self._state
        self._state, effects = shift.step(before, event, self._core.state, self._rules)
        refused = over = None
        begins = False
        for effect in signals.told_once(effects, self._core.state, self._core.detail):
            match effect:
                case shift.ShiftBegan(begun):
                    log.info(MessageId.SHIFT, "a shift begins")
                    self._begun += 1
                    begins = True
                    self._note(
                        "shift_begun",
                        wearer=begun.wearer,
                        source=begun.source.value,
                        began=self._moment_of(begun.began_us),
                        began_boot=self._clock.boot_id,
                    )
                case shift.ShiftOver(why):
                    log.info(MessageId.SHIFT, "the shift ends: %s", why.value)
                    over = why.value
                    self._note("shift_ended", why=over)
                case shift.ShiftRefused(why_not):
                    refused = why_not.value
                case stages.Cue(kind):
                    self._play(kind)
        if begins or over is not None:
            self._before = over
            self._remember(self._worn(), over)
        elif self._state.due is not before.due:
            self._remember_due()
        self._reschedule()
        if _shown(before) != _shown(self._state):
            self._on_change()
        return refused

    def _worn(self) -> Worn | None:
        present, due = self._state.shift, self._state.due
        if present is None:
            return None
        began = self._moment_of(present.began_us)
        return Worn(present.wearer, present.source.value, began, due.value if due else None)

    def _remember_due(self) -> None:
        """What is to end the shift once its recording is closed outlives the daemon as well. Not
        for a shift from before this boot: a note counts in its own, and who is docked at a start
        has no wearer from before it."""
        worn = self._worn()
        if worn is not None and worn.began.boot_us >= 0:
            self._remember(worn, self._before)

    def _moment_of(self, at_us: int) -> Moment:
        """A moment ago, on both clocks: the same instant for the status and for the ledger."""
        now = self._clock.moment()
        return Moment(at_us, now.wall_us - (now.boot_us - at_us), now.source)

    def _reschedule(self) -> None:
        self.close()
        due_us = shift.deadline(self._state, self._core.state, self._rules)
        if due_us is not None:
            delay = max(0, due_us - self._clock.now_us()) / SECOND
            self._timer = asyncio.get_running_loop().call_later(delay, self.look)


def _shown(state: shift.ShiftState) -> tuple[object, ...]:
    return state.shift, state.looking
