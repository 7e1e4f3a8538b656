"""Checks lights, vibration, buzzer and buttons, one after the other.

Outputs are switched through the daemon's own part for them, and each line is read back: that finds
a short and another driver. A light that is broken draws no current, which no line shows;
``--interactive`` asks a person whether it lights.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any, Final

from camerad.base.clock import SystemClock
from camerad.base.errors import HardwareError
from camerad.config import Settings
from camerad.doctor.check_results import CheckResult, FindingId
from camerad.doctor.checks import BUTTON, OUTPUTS
from camerad.doctor.prompts import Person
from camerad.hardware import from_settings
from camerad.hardware.buttons import Buttons, button_lines
from camerad.hardware.lights import Indicators

ON_SECONDS: Final = 0.4
"""Long enough to be seen, felt and heard."""
STUCK_SECONDS: Final = 1.0
"""No press lasts so long on a camera on the bench."""
PRESS_SECONDS: Final = 10.0
_LOOK_SECONDS: Final = 0.02


# ----------------------------------------------------------------------------------- outputs


async def check_output(settings: Settings, check: str, person: Person | None) -> CheckResult:
    """Switch one of `checks.OUTPUTS` on and off. A line that cannot be opened is a finding."""
    wired = next(one for one in from_settings.outputs(settings) if one.name == OUTPUTS[check])
    faults: list[str] = []
    try:
        indicators = Indicators((wired,), lambda _, what: faults.append(what or ""))
    except HardwareError as error:
        return CheckResult(check, FindingId.OUTPUT_TAKEN, {"gpio": wired.gpio, "why": str(error)})
    try:
        rises = indicators.switch(wired.name, on=True)
        if person is not None and rises:
            seen = await person.noticed(check)
        else:
            await asyncio.sleep(ON_SECONDS)
            seen = None
        falls = indicators.switch(wired.name, on=False)
    finally:
        indicators.close()
    return judge_output(check, wired.gpio, rises=rises, falls=falls, seen=seen)


def judge_output(
    check: str, gpio: int, *, rises: bool, falls: bool, seen: bool | None
) -> CheckResult:
    """Judge the line. rises, falls: the line was on, and off, when it was driven so. seen: what a
    person said, None if no person was asked."""
    if not (rises and falls):
        state = "off" if rises else "on"
        return CheckResult(check, FindingId.OUTPUT_DEAD, {"gpio": gpio, "state": state})
    what = {None: FindingId.OUTPUT_OK, True: FindingId.OUTPUT_SEEN, False: FindingId.OUTPUT_UNSEEN}[
        seen
    ]
    return CheckResult(check, what, {"gpio": gpio})


# ----------------------------------------------------------------------------------- buttons


async def check_button(settings: Settings, check: str, person: Person | None) -> CheckResult:
    """Look whether a button is stuck; with a person, whether a press arrives."""
    line = next(one for one in button_lines(settings) if check == BUTTON + one.button)
    values: dict[str, Any] = {"gpio": line.gpio}
    # By its edge, since on a busy board a press may begin and end between two looks at the line.
    arrived = threading.Event()

    def edge(_button: str, pressed: bool, _at_us: int) -> None:
        if pressed:
            arrived.set()

    try:
        watched = Buttons((line,), edge, SystemClock())
    except HardwareError as error:
        return CheckResult(check, FindingId.BUTTON_TAKEN, values | {"why": str(error)})

    def is_free() -> bool:
        return not watched.levels()[line.button]

    try:
        if not await _within(STUCK_SECONDS, is_free):
            return CheckResult(check, FindingId.BUTTON_STUCK, values)
        if person is None:
            return CheckResult(check, FindingId.BUTTON_FREE, values)
        arrived.clear()
        person.ask_to_press(check, PRESS_SECONDS)
        if not await _within(PRESS_SECONDS, lambda: arrived.is_set() or not is_free()):
            values |= {"seconds": PRESS_SECONDS}
            return CheckResult(check, FindingId.BUTTON_UNPRESSED, values)
        if not await _within(PRESS_SECONDS, is_free):
            return CheckResult(check, FindingId.BUTTON_STUCK, values)
        return CheckResult(check, FindingId.BUTTON_WORKS, values)
    finally:
        watched.close()


async def _within(seconds: float, happens: Callable[[], bool]) -> bool:
    """Whether it is so at some moment within this time."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while not happens():
        if loop.time() > end:
            return False
        await asyncio.sleep(_LOOK_SECONDS)
    return True
