"""First step of a start: from here on a press is remembered.

The daemon has much to import, which takes longer than a hand that is in a hurry. So the buttons are
watched before that, and what they do meanwhile is kept, each edge with the time at which it
happened; the daemon takes the buttons over with all of it. A button that is held when it is looked
at for the first time was pressed while nothing watched it.

What the lamps of a daemon that was killed may still show goes out, and amber says that the camera
starts. Only who may drive this camera's lines does: the claim to its recordings comes first. The
card itself is asked beside all of that, on a thread: however long it takes to answer, buttons and
lights wait for nothing.
"""

from __future__ import annotations

import os
import threading
from concurrent.futures import Future
from typing import Any, Final

from camerad.base.clock import Clock, SystemClock
from camerad.base.errors import StorageError
from camerad.config import Settings
from camerad.hardware import from_settings
from camerad.hardware.buttons import Buttons, EdgeHandler, button_lines
from camerad.hardware.output_lines import open_line
from camerad.store import disk

BLINK_SECONDS: Final = 0.5
"""As `camerad.behaviour.signals.BLINK`, which the loop goes on with."""


class EarlyStart:
    """The claim and the buttons of a daemon that has not begun yet.

    claim: the descriptor that holds the claim; its next owner closes it. lines: those of the
    outputs, by name. dark_us: when the red light was out for certain, whatever the daemon before
    left. held: the buttons that were held when they were first looked at. asked_us: when the card
    was asked whether it takes anything, which `answer` waits for. Raises a CameradError if the
    place for recordings cannot be used, a button cannot be watched, or an output cannot be opened.
    """

    def __init__(self, settings: Settings, clock: Clock | None = None) -> None:
        self._lock = threading.Lock()
        self._kept: list[tuple[str, bool, int]] = []
        self._handler: EdgeHandler | None = None
        directory = os.path.join(settings.device.state_dir, "recordings")
        disk.check_mounted(directory)
        disk.prepare(directory)
        self.claim: int = disk.claim(directory)
        clock = clock or SystemClock()
        self.lines: dict[str, Any] = {}
        try:
            outputs = {one.name: one for one in from_settings.outputs(settings)}
            self.lines["red"] = open_line(outputs.pop("red"))
            self.dark_us: int = clock.now_us()
            for name, output in outputs.items():
                self.lines[name] = open_line(output)
            self.buttons = Buttons(button_lines(settings), self._edge, clock)
        except BaseException:
            for line in self.lines.values():
                line.close()
            os.close(self.claim)
            raise
        self.held = self._look(clock)
        self.lines["amber"].blink(BLINK_SECONDS, BLINK_SECONDS)
        self._answer: Future[StorageError | None] = Future()
        self.asked_us: int = clock.now_us()
        threading.Thread(target=self._ask, args=(directory,), name="card", daemon=True).start()

    def _ask(self, directory: str) -> None:
        try:
            self._answer.set_result(disk.usable(directory))
        except BaseException as error:  # noqa: BLE001 - it is raised where the answer is awaited
            self._answer.set_exception(error)

    def answer(self) -> StorageError | None:
        """Wait for the card, however long that takes: what is the matter with it, if it takes
        nothing just now. Raises StateDirectoryError if this user may not write there."""
        return self._answer.result()

    def _look(self, clock: Clock) -> frozenset[str]:
        """The buttons that are held already, which made no edge."""
        with self._lock:
            seen = {button for button, _, _ in self._kept}
            held = [one for one, down in self.buttons.levels().items() if down and one not in seen]
            self._kept += [(button, True, clock.now_us()) for button in held]
            return frozenset(held)

    def _edge(self, button: str, pressed: bool, at_us: int) -> None:
        with self._lock:
            if self._handler is None:
                self._kept.append((button, pressed, at_us))
            else:
                self._handler(button, pressed, at_us)

    def hand_over(self, past: EdgeHandler, handler: EdgeHandler) -> Buttons:
        """The buttons, whose edges go to `handler` from now on. `past` gets those that have come
        already, in their order, before this returns."""
        with self._lock:
            kept, self._kept = self._kept, []
            for edge in kept:
                past(*edge)
            self._handler = handler
        return self.buttons

    def close(self) -> None:
        """Let go of the lines; safe to call again."""
        self.buttons.close()
        for line in self.lines.values():
            line.close()
