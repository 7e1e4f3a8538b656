"""Checks the display through the process that drives it in service, with a test picture."""

from __future__ import annotations

import asyncio
import os
from typing import Final

from camerad.behaviour.scene import PatternPicture
from camerad.config import Settings
from camerad.doctor.check_results import CheckResult, FindingId
from camerad.doctor.prompts import Person
from camerad.hardware import from_settings
from camerad.hardware.selfview_process import SelfViewProcess
from camerad.stream import frame

START_SECONDS: Final = 20.0
"""What the process may take to start and to show, on the slowest board."""
SHOWN_SECONDS: Final = 1.0
"""How long the picture stays, so that a person sees it and the process is asked again."""
_FRAME_BYTES: Final = 4096


async def check_display(settings: Settings, person: Person | None) -> CheckResult:
    """Show the test picture for a moment. person: who is asked whether they see it."""
    if settings.self_view.driver == "none":
        return CheckResult("display", FindingId.DISPLAY_NONE)
    told: asyncio.Queue[str | None] = asyncio.Queue()
    descriptor = frame.create(_FRAME_BYTES)
    view = SelfViewProcess(
        from_settings.self_view(settings), descriptor, told.put_nowait, quiet=True
    )
    try:
        view.show(PatternPicture())
        view.start()
        fault = await asyncio.wait_for(told.get(), START_SECONDS)
        seen = True
        if fault is None:
            if person is not None:
                seen = await person.sees_test_picture()
            else:
                await asyncio.sleep(SHOWN_SECONDS)
            fault = view.fault
    except TimeoutError:
        fault, seen = f"the display has not answered for {START_SECONDS:.0f} s", True
    finally:
        await view.close()
        os.close(descriptor)
    return judge(fault, seen=seen)


def judge(fault: str | None, *, seen: bool) -> CheckResult:
    """Judge the display. fault: what the process said. seen: no person has said that it stayed
    dark."""
    if fault is not None:
        return CheckResult("display", FindingId.DISPLAY_DOWN, {"why": fault})
    return CheckResult("display", FindingId.DISPLAY_OK if seen else FindingId.DISPLAY_UNSEEN)
