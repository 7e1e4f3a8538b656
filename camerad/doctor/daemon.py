"""Finds a running daemon, and reads its report about the camera's parts."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from camerad.base import storage_errors
from camerad.base.errors import CameradError, ControlError, NoDaemonError
from camerad.behaviour.stages import ARMABLE, REFUSES_START, Stage
from camerad.config import Settings
from camerad.control.client import request
from camerad.doctor import camera
from camerad.doctor.check_results import CheckResult, FindingId
from camerad.doctor.checks import OUTPUTS
from camerad.store import disk

PATIENCE_SECONDS: Final = 10.0
"""A daemon that has just begun has the store for some seconds before it answers."""
_PAUSE_SECONDS: Final = 0.2
HTTP_OK: Final = 200
HTTP_FORBIDDEN: Final = 403


class PartsOwner(msgspec.Struct):
    """Owner of the camera.

    result: what is to be said of it. claim: descriptor that keeps daemons away, None if there is
    nothing to claim, or another process has it. health, status: what a running daemon says; None if
    none was asked. key: the thumbprint that it signs with, None if it does not say. free: whether
    the devices may be tried.
    """

    result: CheckResult
    claim: int | None = None
    health: Mapping[str, Any] | None = None
    status: Mapping[str, Any] = msgspec.field(default_factory=dict)
    key: str | None = None

    @property
    def free(self) -> bool:
        """Whether the devices may be tried."""
        return self.result.finding is FindingId.DAEMON_STOPPED

    def close(self) -> None:
        """Let the next daemon start; safe to call again."""
        if self.claim is not None:
            os.close(self.claim)
            self.claim = None


def find_owner(directory: str, socket: str) -> PartsOwner:
    """Claim the store at `directory`, or ask the daemon that has it, at `socket`.

    Blocks for as long as that may take to answer.
    """
    try:
        return PartsOwner(FindingId.DAEMON_STOPPED.found(), claim=disk.claim(directory))
    except disk.TakenError:
        pass
    except disk.StateDirectoryError as error:
        # A user who may not read the store may still ask the daemon.
        if (running := ask_daemon(socket)) is not None:
            return running
        if error.errno in storage_errors.FORBIDDEN:
            return PartsOwner(FindingId.DAEMON_FORBIDDEN.found(why=str(error)))
        # No store yet, so no daemon has it; `space` says that it is missing.
        return PartsOwner(FindingId.DAEMON_STOPPED.found())
    end = time.monotonic() + PATIENCE_SECONDS
    while (running := ask_daemon(socket)) is None:
        if time.monotonic() > end:
            values = {"why": f"no daemon listens at {socket}"}
            return PartsOwner(FindingId.DAEMON_SILENT.found(**values))
        time.sleep(_PAUSE_SECONDS)
    end = time.monotonic() + camera.OPENING_SECONDS
    while running.status.get("stage") == Stage.STARTING.value and time.monotonic() < end:
        time.sleep(_PAUSE_SECONDS)
        running = ask_daemon(socket) or running
    return running


def ask_daemon(socket: str) -> PartsOwner | None:
    """The report of the daemon at the socket; None if there is none. Blocks until it answers."""
    try:
        code, health = request(socket, "GET", "/health")
        _, status = request(socket, "GET", "/status")
        if code != HTTP_OK:
            why = str(health.get("error", code))
            what = FindingId.DAEMON_FORBIDDEN if code == HTTP_FORBIDDEN else FindingId.DAEMON_SILENT
            return PartsOwner(what.found(why=why))
        found, identity = request(socket, "GET", "/identity")
    except NoDaemonError:
        return None
    except ControlError as error:
        forbidden = isinstance(error.__cause__ or error.__context__, PermissionError)
        what = FindingId.DAEMON_FORBIDDEN if forbidden else FindingId.DAEMON_SILENT
        return PartsOwner(what.found(why=str(error)))
    except CameradError as error:
        return PartsOwner(FindingId.DAEMON_SILENT.found(why=str(error)))
    return PartsOwner(
        judge_readiness(status),
        health=health,
        status=status,
        key=identity.get("thumbprint") if found == HTTP_OK else None,
    )


# ------------------------------------------------------------------------------ what it says


def judge_readiness(status: Mapping[str, Any]) -> CheckResult:
    """Whether a press would record, by the daemon's word."""
    values = {"stage": status.get("stage")}
    armable = {stage.value for stage in ARMABLE}
    if values["stage"] not in armable or status.get("ready") is not False:
        return FindingId.DAEMON_RUNS.found(**values)
    refusing = {condition.value for condition in REFUSES_START}
    matter = [one for one in status.get("conditions", ()) if one in refusing]
    return FindingId.DAEMON_REFUSES.found(conditions=", ".join(matter))


def judge_camera(owner: PartsOwner, settings: Settings) -> CheckResult:
    """The camera, by the daemon's word: it may take fewer pictures than are configured, because it
    is hot or the supply is weak, or none in idle."""
    wanted, seen = settings.camera, camera.CameraObservation((owner.health or {})["camera"])
    rests = settings.idle == "none" and owner.status.get("stage") == Stage.IDLE.value
    slowed = rests or owner.status.get("fps", wanted.fps) < wanted.fps
    return camera.judge(seen, wanted.width, wanted.height, wanted.fps, slowed=slowed)


def judge_microphone(health: Mapping[str, Any]) -> CheckResult:
    """The microphone, by the daemon's word."""
    told = health["microphone"]
    if told is None:
        return FindingId.MICROPHONE_UNWANTED.found()
    values = {"state": told["state"]}
    if told["why"] is not None:
        return FindingId.MICROPHONE_MISSING.found(**values, why=told["why"])
    serves = told["state"] == "on"
    what = FindingId.MICROPHONE_SERVES if serves else FindingId.MICROPHONE_CLOSED
    return what.found(**values)


def judge_loudspeaker(settings: Settings) -> CheckResult:
    """The loudspeaker: the daemon says nothing of it that could be known without a sound."""
    wanted = settings.policy.announcement
    what = FindingId.LOUDSPEAKER_CLOSED if wanted else FindingId.LOUDSPEAKER_UNWANTED
    return what.found()


def judge_display(health: Mapping[str, Any], settings: Settings) -> CheckResult:
    """The display, by the daemon's word."""
    if settings.self_view.driver == "none":
        return FindingId.DISPLAY_NONE.found()
    fault = health["display"]["fault"]
    if fault is not None:
        return FindingId.DISPLAY_DOWN.found(why=fault)
    return FindingId.DISPLAY_SERVES.found()


def judge_output(health: Mapping[str, Any], check: str, gpio: int) -> CheckResult:
    """A light, the vibration or the buzzer, by the daemon's word."""
    if OUTPUTS[check] in health["faulty"]:
        return FindingId.OUTPUT_DEAD.found(check, gpio=gpio, state="on")
    return FindingId.OUTPUT_SERVES.found(check, gpio=gpio)


def judge_button(
    before: Mapping[str, Any], after: Mapping[str, Any], name: str, gpio: int
) -> CheckResult:
    """A button, by two of the daemon's words some time apart."""
    stuck = before["buttons"].get(name) and after["buttons"].get(name)
    what = FindingId.BUTTON_STUCK if stuck else FindingId.BUTTON_FREE
    return what.found(f"button_{name}", gpio=gpio)
