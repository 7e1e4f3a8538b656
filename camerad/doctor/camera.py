"""Checks the camera through the capture process of the service, by its figures.

Nothing is armed, so nothing is encoded, and the self-view is off, so no picture leaves the process.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from camerad.base.clock import SECOND, SystemClock
from camerad.behaviour.lens import BLACK
from camerad.config import Settings
from camerad.doctor.check_results import CheckResult, FindingId
from camerad.hardware import from_settings
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
        return CheckResult("camera", FindingId.CAMERA_DOWN, {"why": why})
    if age_ms is None or age_ms > SILENCE_SECONDS * 1000:
        age_s = seen.waited if age_ms is None else age_ms / 1000
        return CheckResult("camera", FindingId.CAMERA_SILENT, values | {"age_s": round(age_s, 1)})
    if (report["width"], report["height"]) != (width, height):
        values |= {"wanted_width": width, "wanted_height": height}
        return CheckResult("camera", FindingId.CAMERA_SIZE, values)
    values |= {"rate": rate, "wanted": fps}
    most = fps * (1 + RATE_TOLERANCE)
    least = 0.0 if slowed else fps * (1 - RATE_TOLERANCE)
    if rate is not None and not least <= rate <= most:
        return CheckResult("camera", FindingId.CAMERA_RATE, values)
    if values["luma"] is not None and values["luma"] <= BLACK:
        return CheckResult("camera", FindingId.CAMERA_BLACK, values)
    if lost is not None and lost > MOST_LOST:
        return CheckResult(
            "camera", FindingId.CAMERA_LOSES, values | {"percent": round(lost * 100)}
        )
    return CheckResult("camera", FindingId.CAMERA_OK, values | {"rate": rate or 0.0})
