"""Starts uploads: in the dock, while the camera does nothing else.

The daemon tells each change of the camera's state. As soon as it is taken out of its dock, shows a
self-view, or records, what is under way is ended: within `STOP_SECONDS` no byte is sent any more.
It goes on where it was when the camera is at rest again. If the office cannot be reached, it is
tried again and again, less and less often, and at each docking at once.

When everything is handed over, an update that the office offers is fetched. Whatever goes wrong
with that is told in the log, and holds up no recording.
"""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

import msgspec

from camerad.base.clock import SECOND, Clock, ClockSource
from camerad.base.errors import CameradError
from camerad.base.message_ids import MessageId
from camerad.base.text import count
from camerad.behaviour.dock_progress import (
    NOT_HEARD,
    HandoverProgress,
    HandoverState,
    HandoverTrouble,
)
from camerad.behaviour.stages import Condition, Stage
from camerad.dock.errors import HandoverStoppedError, OfficeUnavailableError
from camerad.dock.handover import HandoverResult
from camerad.dock.progress_teller import ProgressReport

log = logging.getLogger(__name__)

STOP_SECONDS: Final = 0.2
AGAIN_SECONDS: Final = (5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0)
"""Between one attempt that failed and the next; the last of them again and again. The first one is
short: behind a dock the network needs some seconds to come up."""
LOOK_SECONDS: Final = 900.0
"""Between two passes of a camera that has handed over everything."""


class HandoverPass(Protocol):
    """One pass, from its connection to its result."""

    def run(self) -> HandoverResult:
        """See `camerad.dock.handover.Handover.run`."""

    def bring_update(self) -> None:
        """See `camerad.dock.update_fetch.UpdateFetch.run`."""

    def interrupt(self) -> None:
        """End it from another thread."""

    def close(self) -> None:
        """Let go of its connection."""


class DockState(msgspec.Struct, frozen=True):
    """What a hand-over needs to know of the camera's state."""

    docked: bool = False
    at_rest: bool = False
    clock_vouched_for: bool = False

    @classmethod
    def of(cls, status: Mapping[str, Any]) -> DockState:
        """From the daemon's status. What it does not say counts as what stops a hand-over."""
        return cls(
            docked=Condition.DOCKED.value in (status.get("conditions") or ()),
            at_rest=status.get("stage") == Stage.IDLE.value and not status.get("recording"),
            clock_vouched_for=status.get("clock") in (ClockSource.SYNCHRONISED, ClockSource.RTC),
        )


GONE: Final = DockState()
"""A camera whose daemon says nothing."""


_CAMERA: Final = HandoverProgress(HandoverState.FAILED, trouble=HandoverTrouble.CAMERA)


def _word_of(error: CameradError, *, first: bool) -> HandoverProgress:
    """What the camera is to show of an attempt that failed. first: since it was docked."""
    if not isinstance(error, OfficeUnavailableError):
        return _CAMERA
    trouble = error.trouble
    if trouble is None or (first and trouble is HandoverTrouble.NETWORK):
        # All docks are full at a change of shift; a network needs some seconds to come up.
        return NOT_HEARD
    return HandoverProgress(HandoverState.FAILED, trouble=trouble)


def _done(result: HandoverResult) -> str:
    refused = f"; it does not take {len(result.refused)}" if result.refused else ""
    return f"everything is handed over{refused}"


class DockWatch:
    """Runs passes on a thread of its own, from `start` to `close`.

    make_pass: makes one; it is told whether something vouches for the camera's clock. report: is
    told how it gets on. again_seconds, look_seconds: as the constants.
    """

    def __init__(
        self,
        make_pass: Callable[[bool], HandoverPass],
        clock: Clock,
        report: ProgressReport,
        *,
        again_seconds: tuple[float, ...] = AGAIN_SECONDS,
        look_seconds: float = LOOK_SECONDS,
    ) -> None:
        self._make_pass = make_pass
        self._clock = clock
        self._report = report
        self._again_seconds = again_seconds
        self._look_seconds = look_seconds
        self._changed = threading.Condition()
        self._state = GONE
        self._ended = False
        self._failures = 0
        self._without_update = 0
        self._next_us = 0
        self._rests = 0
        self._complete = False
        self._running: HandoverPass | None = None
        self._thread = threading.Thread(target=self._work, name="handing-over", daemon=True)

    def start(self) -> None:
        """Begin; nothing is handed over before a state is told."""
        self._report.forget("waiting for the dock")
        self._thread.start()

    def tell(self, state: DockState) -> None:
        """The camera is in this state now."""
        with self._changed:
            before, self._state = self._state, state
            wanted = state.docked and state.at_rest
            docks = state.docked and not before.docked
            if docks:
                self._failures = self._without_update = 0
            if docks or (wanted and not before.at_rest):
                # Something may have been recorded, of which a pass that is just ending knows
                # nothing.
                self._rests += 1
                if not self._failures:
                    self._next_us = 0
            if not wanted:
                self._complete = False
                if self._running is not None:
                    self._running.interrupt()
            self._changed.notify_all()
        if not state.docked:
            self._report.forget("waiting for the dock")
        elif not state.at_rest:
            self._report.say("the camera is in use", NOT_HEARD)
        elif not before.docked:
            self._report.say("in the dock", NOT_HEARD)

    def close(self) -> None:
        """End what is under way, and wait until it has."""
        with self._changed:
            self._ended = True
            if self._running is not None:
                self._running.interrupt()
            self._changed.notify_all()
        self._thread.join()

    # ------------------------------------------------------------------ on its thread

    def _work(self) -> None:
        while (handover := self._next_pass()) is not None:
            with self._changed:
                rest = self._rests
            try:
                self._hand_over(handover, rest)
            except HandoverStoppedError:
                log.info("handing over stopped", extra=MessageId.DETAIL.extra)
            except CameradError as error:
                self._failed(error, rest)
            except Exception:
                log.exception("handing over failed", extra=MessageId.MISTAKE.extra)
                self._say("it does not work: see the log", _CAMERA, rest)
                self._put_off(self._again_after(None), rest)
            finally:
                with self._changed:
                    self._running = None
                handover.close()

    def _hand_over(self, handover: HandoverPass, rest: int) -> None:
        result = handover.run()
        self._finished(result, rest)
        if not result.complete:
            return
        try:
            handover.bring_update()
        except HandoverStoppedError:
            raise
        except CameradError as error:
            log.warning(
                "the office's update could not be fetched: %s",
                error,
                extra=MessageId.UPDATE_FAILED.extra,
            )
            asked = error.retry_after if isinstance(error, OfficeUnavailableError) else None
            with self._changed:
                wait = self._spread(self._without_update, asked)
                self._without_update += 1
            self._put_off(wait, rest)
        else:
            with self._changed:
                self._without_update = 0
            self._say(_done(result), None, rest)

    def _next_pass(self) -> HandoverPass | None:
        """The next pass, once it is time for it; None at the end."""
        with self._changed:
            while not self._ended:
                wanted = self._state.docked and self._state.at_rest
                wait_us = self._next_us - self._clock.now_us()
                if wanted and wait_us <= 0:
                    try:
                        self._running = self._make_pass(self._state.clock_vouched_for)
                    except CameradError as error:
                        self._failed(error, self._rests)
                        continue
                    return self._running
                self._changed.wait(wait_us / SECOND if wanted else None)
            return None

    def _finished(self, result: HandoverResult, rest: int) -> None:
        if not result.complete:
            left = count(len(result.failed) + len(result.checking), "recording")
            self._say(f"the office has not taken {left} yet", result.word, rest)
            self._put_off(self._again_after(None), rest)
            return
        self._say(_done(result), result.word, rest)
        with self._changed:
            everything = result.word.state is HandoverState.HANDED_OVER
            self._complete = everything and self._is_undisturbed(rest)
            self._failures = 0
        self._put_off(self._look_seconds, rest)

    def _failed(self, error: CameradError, rest: int) -> None:
        asked = error.retry_after if isinstance(error, OfficeUnavailableError) else None
        first = self._failures == 0
        wait = self._again_after(asked)
        if first:
            log.warning(
                "handing over did not work, again in %.0f s: %s",
                wait,
                error,
                extra=MessageId.HANDOVER_FAILED.extra,
            )
        else:
            log.info(
                "handing over does not work yet: %s", error, extra=MessageId.HANDOVER_FAILED.extra
            )
        # What was handed over stays so, also while the office is away.
        word = None if self._complete else _word_of(error, first=first)
        self._say("it does not work: see the log", word, rest)
        self._put_off(wait, rest)

    def _say(self, text: str, word: HandoverProgress | None, rest: int) -> None:
        """Say what came of an attempt, unless the camera has been in use since, or out of its
        dock."""
        with self._changed:
            if self._is_undisturbed(rest):
                self._report.say(text, word)

    def _is_undisturbed(self, rest: int) -> bool:
        return rest == self._rests and self._state.docked and self._state.at_rest

    def _again_after(self, asked: float | None) -> float:
        """Seconds until the next attempt."""
        with self._changed:
            failures = self._failures
            self._failures += 1
        return self._spread(failures, asked)

    def _spread(self, failures: int, asked: float | None) -> float:
        """Seconds after so many failures; a quarter more or less, so that the cameras of a dock do
        not come all at once."""
        step = min(failures, len(self._again_seconds) - 1)
        spread = 0.75 + secrets.randbelow(500) / 1000
        return max(self._again_seconds[step] * spread, asked or 0.0)

    def _put_off(self, seconds: float, rest: int) -> None:
        """No attempt before so many seconds are over, unless the camera has been in use since the
        pass began, or is docked again."""
        with self._changed:
            if rest != self._rests:
                return
            self._next_us = self._clock.now_us() + round(seconds * SECOND)
