"""Checks camera and display through the processes that drive them in service.

The camera is judged by its process's figures: nothing is armed, so nothing is encoded, and the
self-view is off, so no picture leaves the process. The display shows a test picture.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from camerad.base.clock import SECOND, SystemClock
from camerad.behaviour.lens import BLACK
from camerad.behaviour.scene import PatternPicture
from camerad.config import Settings
from camerad.doctor.check_results import CheckResult, FindingId
from camerad.doctor.prompts import Person
from camerad.hardware import from_settings
from camerad.hardware.selfview_process import SelfViewProcess
from camerad.stream import frame
from camerad.stream.callbacks import Callbacks
from camerad.stream.link import CaptureLink
from camerad.stream.ring import Ring

OPENING_SECONDS: Final = 20.0
"""How long the process may take to open the camera: libraries, sensor, tuning, on the slowest
board."""
SILENCE_SECONDS: Final = 3.0
"""How old the newest picture may be, and how long the first one may take after the opening."""
WATCHED_SECONDS: Final = 1.9
"""What rate and losses are taken from."""
END_SECONDS: Final = 2.0
_LOOK_SECONDS: Final = 0.05
_FRAME_BYTES: Final = 8 * 1024 * 1024
_RING_BYTES: Final = 1024 * 1024

RATE_TOLERANCE: Final = 0.05
"""Sensors keep their rate far better; so much tells another mode of the sensor apart, such as 25
pictures a second from 30, and no more."""
MOST_LOST: Final = 0.1


class CameraObservation(msgspec.Struct, frozen=True):
    """report: of `camerad.stream.vitals`. error: what the capture process said it failed of, None
    if it did not. waited: seconds since the camera was opened."""

    report: Mapping[str, Any]
    error: str | None = None
    waited: float = 0.0


async def observe(settings: Settings) -> CameraObservation:
    """Open the camera, watch it for two seconds, and close it."""
    clock = SystemClock()
    loop = asyncio.get_running_loop()
    errors: list[str] = []
    # A ring has to be there; nothing is armed, so nothing comes into it.
    ring = Ring(_RING_BYTES, 0, from_settings.group_us(settings), lock=False)
    descriptor = frame.create(_FRAME_BYTES)
    callbacks = Callbacks(
        on_up=lambda _: None,
        on_down=lambda _: None,
        on_gap=lambda _: None,
        on_error=errors.append,
        on_fatal=errors.append,
        on_broken=lambda error: errors.append(f"the link to it failed: {error!r}"),
    )
    capture = {**from_settings.capture(settings), "sound": None}
    link = CaptureLink(ring, capture, descriptor, callbacks, clock=clock)
    link.start()
    try:
        return await _watch(link, clock, errors)
    finally:
        link.stop(clock.now_us() + round(END_SECONDS * SECOND))
        ended = await loop.run_in_executor(None, link.join, 2 * END_SECONDS)
        os.close(descriptor)
        if ended:
            ring.close()


async def _watch(link: CaptureLink, clock: SystemClock, errors: list[str]) -> CameraObservation:
    began_us = clock.now_us()
    opened_us: int | None = None
    while True:
        now_us = clock.now_us()
        report = link.vitals.report(now_us)
        if errors:
            return CameraObservation(report, errors[0])
        if opened_us is None and report["camera"] is not None:
            opened_us = now_us
        if opened_us is None:
            if now_us - began_us > OPENING_SECONDS * SECOND:
                return CameraObservation(
                    report, f"it was not opened within {OPENING_SECONDS:.0f} s"
                )
        else:
            waited = (now_us - opened_us) / SECOND
            silent = report["age_ms"] is None or report["age_ms"] > SILENCE_SECONDS * 1000
            if report["seconds"] >= WATCHED_SECONDS or (silent and waited > SILENCE_SECONDS):
                return CameraObservation(report, waited=waited)
        await asyncio.sleep(_LOOK_SECONDS)


def judge(
    seen: CameraObservation, width: int, height: int, fps: float, *, slowed: bool = False
) -> CheckResult:
    """Judge the figures. width, height: pixels, fps: pictures a second, as they are configured.
    slowed: the daemon takes fewer of them, or none, on purpose."""
    report = seen.report
    values = {name: report.get(name) for name in ("camera", "width", "height", "encoder", "luma")}
    age_ms, rate, lost = report.get("age_ms"), report.get("rate"), report.get("lost")
    if seen.error is not None or report.get("camera") is None:
        why = seen.error or "the capture process does not run"
        return FindingId.CAMERA_DOWN.found(why=why)
    if age_ms is None or age_ms > SILENCE_SECONDS * 1000:
        age_s = seen.waited if age_ms is None else age_ms / 1000
        return FindingId.CAMERA_SILENT.found(**values, age_s=round(age_s, 1))
    if (report["width"], report["height"]) != (width, height):
        values |= {"wanted_width": width, "wanted_height": height}
        return FindingId.CAMERA_SIZE.found(**values)
    values |= {"rate": rate, "wanted": fps}
    most = fps * (1 + RATE_TOLERANCE)
    least = 0.0 if slowed else fps * (1 - RATE_TOLERANCE)
    if rate is not None and not least <= rate <= most:
        return FindingId.CAMERA_RATE.found(**values)
    if values["luma"] is not None and values["luma"] <= BLACK:
        return FindingId.CAMERA_BLACK.found(**values)
    if lost is not None and lost > MOST_LOST:
        return FindingId.CAMERA_LOSES.found(**values, percent=round(lost * 100))
    return FindingId.CAMERA_OK.found(**(values | {"rate": rate or 0.0}))


# ----------------------------------------------------------------------------------------- display

DISPLAY_START_SECONDS: Final = 20.0
"""What the process may take to start and to show, on the slowest board."""
DISPLAY_SHOWN_SECONDS: Final = 1.0
"""How long the picture stays, so that a person sees it and the process is asked again."""
_SHOWN_BYTES: Final = 4096


async def check_display(settings: Settings, person: Person | None) -> CheckResult:
    """Show the test picture for a moment. person: who is asked whether they see it."""
    if settings.self_view.driver == "none":
        return FindingId.DISPLAY_NONE.found()
    told: asyncio.Queue[str | None] = asyncio.Queue()
    descriptor = frame.create(_SHOWN_BYTES)
    view = SelfViewProcess(
        from_settings.self_view(settings), descriptor, told.put_nowait, quiet=True
    )
    try:
        view.show(PatternPicture())
        view.start()
        fault = await asyncio.wait_for(told.get(), DISPLAY_START_SECONDS)
        seen = True
        if fault is None:
            if person is not None:
                seen = await person.sees_test_picture()
            else:
                await asyncio.sleep(DISPLAY_SHOWN_SECONDS)
            fault = view.fault
    except TimeoutError:
        fault, seen = f"the display has not answered for {DISPLAY_START_SECONDS:.0f} s", True
    finally:
        await view.close()
        os.close(descriptor)
    return judge_display(fault, seen=seen)


def judge_display(fault: str | None, *, seen: bool) -> CheckResult:
    """Judge the display. fault: what the process said. seen: no person has said that it stayed
    dark."""
    if fault is not None:
        return FindingId.DISPLAY_DOWN.found(why=fault)
    return (FindingId.DISPLAY_OK if seen else FindingId.DISPLAY_UNSEEN).found()
