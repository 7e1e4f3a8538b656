"""The camera's parts: what is read of them, and what that means."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import gpiozero
import numpy as np
import pytest
from hw_mocks.pins import SimulatedFactory
from msgspec.structs import replace

from camerad.base.words import languages, words_in
from camerad.config import Settings
from camerad.doctor import camera, daemon, device_checks
from camerad.doctor.camera import CameraObservation
from camerad.doctor.check_results import CheckResult, FindingId
from camerad.doctor.daemon import PartsOwner
from camerad.doctor.device_checks import SoundLevels
from camerad.doctor.sentences import sentence

REPORT = {
    "camera": "imx708",
    "platform": "vc4",
    "encoder": "hardware",
    "width": 1280,
    "height": 720,
    "age_ms": 40,
    "rate": 30.02,
    "lost": 0.0,
    "luma": 90,
    "seconds": 2.0,
}

# -------------------------------------------------------------------------------------- camera


def seen(error: str | None = None, waited: float = 1.0, **differs: Any) -> FindingId:
    return camera.judge(
        CameraObservation({**REPORT, **differs}, error, waited), 1280, 720, 30
    ).finding


@pytest.mark.parametrize(
    ("differs", "what"),
    [
        ({}, FindingId.CAMERA_OK),
        ({"error": "no camera found"}, FindingId.CAMERA_DOWN),
        ({"camera": None}, FindingId.CAMERA_DOWN),
        ({"age_ms": None, "rate": None}, FindingId.CAMERA_SILENT),
        ({"age_ms": 3001}, FindingId.CAMERA_SILENT),
        ({"width": 1296}, FindingId.CAMERA_SIZE),
        ({"rate": 28.4}, FindingId.CAMERA_RATE),
        ({"rate": 28.6}, FindingId.CAMERA_OK),
        ({"rate": 31.6}, FindingId.CAMERA_RATE),
        ({"luma": 24}, FindingId.CAMERA_BLACK),
        ({"luma": 25}, FindingId.CAMERA_OK),
        ({"luma": None}, FindingId.CAMERA_OK),
        ({"lost": 0.11}, FindingId.CAMERA_LOSES),
        ({"lost": None, "rate": None}, FindingId.CAMERA_OK),
    ],
)
def test_what_is_wrong_with_a_camera_is_told_apart(
    differs: dict[str, Any], what: FindingId
) -> None:
    # 5 % of 30 pictures a second are one and a half.
    assert seen(**differs) is what


def test_a_camera_that_was_opened_and_never_delivered_is_told_by_the_wait() -> None:
    found = camera.judge(CameraObservation({**REPORT, "age_ms": None}, None, 3.1), 1280, 720, 30)
    assert found.values["age_s"] == 3.1


# ---------------------------------------------------------------------------------- microphone


class Device:
    """Gives these samples in portions of a hundred, in memory that can be overwritten."""

    def __init__(self, samples: np.ndarray[Any, Any]) -> None:
        self.given = [bytearray(part.astype("<i2").tobytes()) for part in np.split(samples, 10)]
        self.closed = False

    def packets(self) -> Iterator[memoryview]:
        for part in self.given:
            yield memoryview(part)
        yield memoryview(bytearray())

    def close(self) -> None:
        self.closed = True


def heard(samples: np.ndarray[Any, Any]) -> SoundLevels:
    result, device = SoundLevels(), Device(samples)
    device_checks.read_device(device, result, len(samples) + 1)
    result.ended.set()
    assert device.closed
    assert not any(any(part) for part in device.given), "samples were kept"
    return result


NOISE = np.arange(1000) % 3 - 1
"""One bit of a converter's own."""


@pytest.mark.parametrize(
    ("samples", "what"),
    [
        (np.sin(np.arange(1000)) * 3276.7, FindingId.MICROPHONE_OK),
        (NOISE, FindingId.MICROPHONE_SILENT),
        (NOISE + 500, FindingId.MICROPHONE_SILENT),
        (np.clip(np.sin(np.arange(1000)) * 60_000, -32_767, 32_767), FindingId.MICROPHONE_CLIPS),
    ],
    ids=["tone", "silence", "silence with an offset", "cut off"],
)
def test_a_microphone_is_judged_by_how_loud_it_is(
    samples: np.ndarray[Any, Any], what: FindingId
) -> None:
    found = device_checks.judge_microphone(heard(samples))
    assert found.finding is what
    if what is FindingId.MICROPHONE_OK:  # a tenth of full scale is 20 dB below it
        assert found.values["peak_db"] == 20.0


def test_a_microphone_is_read_no_longer_than_needed() -> None:
    result, device = SoundLevels(), Device(np.ones(1000))
    device_checks.read_device(device, result, 200)
    assert (result.samples, device.closed) == (200, True)


def test_a_microphone_that_is_not_there_and_one_that_hangs_are_told_apart(
    monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    release = threading.Event()

    def missing(_: object) -> Any:
        raise OSError("no such device")

    def hanging(_: object) -> Any:
        release.wait(30)
        raise OSError("at last")

    monkeypatch.setattr(device_checks, "LISTEN_PATIENCE_SECONDS", 0.05)
    monkeypatch.setattr(device_checks, "LISTEN_SECONDS", 0.0)

    def examined(opening: Callable[[object], Any]) -> CheckResult:
        monkeypatch.setattr(device_checks, "AlsaDevice", opening)
        return asyncio.run(device_checks.check_microphone(settings, None))

    gone = examined(missing)
    assert (gone.finding, gone.values["why"]) == (
        FindingId.MICROPHONE_MISSING,
        "default: no such device",
    )
    assert examined(hanging).finding is FindingId.MICROPHONE_HANGS
    release.set()
    monkeypatch.setattr(device_checks, "AlsaDevice", missing)
    person = Somebody(True)
    asyncio.run(device_checks.check_microphone(settings, person))
    assert person.asked == ["microphone"]
    off = replace(settings, microphone=replace(settings.microphone, enabled=False))
    unwanted = asyncio.run(device_checks.check_microphone(off, None))
    assert unwanted.finding is FindingId.MICROPHONE_UNWANTED


# ------------------------------------------------------------------------------------- display


@pytest.mark.parametrize(
    ("fault", "noticed", "what"),
    [
        (None, True, FindingId.DISPLAY_OK),
        (None, False, FindingId.DISPLAY_UNSEEN),
        ("gone", True, FindingId.DISPLAY_DOWN),
    ],
)
def test_a_display_shows_or_does_not(fault: str | None, noticed: bool, what: FindingId) -> None:
    assert camera.judge_display(fault, seen=noticed).finding is what


# --------------------------------------------------------------------------------------- touch


class Somebody:
    """A person who answers as told, and presses when asked."""

    def __init__(self, notices: bool, press: Callable[[], None] = lambda: None) -> None:
        self.notices = notices
        self.press = press
        self.asked: list[str] = []

    async def noticed(self, part: str) -> bool:
        self.asked.append(part)
        return self.notices

    async def sees_test_picture(self) -> bool:
        return self.notices

    def ask_to_press(self, part: str, seconds: float) -> None:
        self.asked.append(part)
        self.press()

    def ask_to_speak(self) -> None:
        self.asked.append("microphone")


@pytest.fixture
def pins(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimulatedFactory]:
    monkeypatch.delenv("HW_MOCKS_WORLD", raising=False)
    before = gpiozero.Device.pin_factory
    made = SimulatedFactory()
    gpiozero.Device.pin_factory = made
    for name in ("ON_SECONDS", "STUCK_SECONDS"):
        monkeypatch.setattr(device_checks, name, 0.01)
    yield made
    made.close()
    gpiozero.Device.pin_factory = before


def run(work: Awaitable[CheckResult]) -> CheckResult:
    async def wait() -> CheckResult:
        return await work

    return asyncio.run(wait())


def test_a_person_says_whether_a_light_shines(pins: SimulatedFactory, settings: Settings) -> None:
    for notices, what in ((True, FindingId.OUTPUT_SEEN), (False, FindingId.OUTPUT_UNSEEN)):
        person = Somebody(notices)
        found = run(device_checks.check_output(settings, "light_red", person))
        assert (found.finding, found.values["gpio"], person.asked) == (what, 23, ["light_red"])


@pytest.mark.parametrize("check", ["light_green", "light_amber", "vibration", "buzzer"])
def test_an_output_that_follows_is_well_and_is_off_afterwards(
    pins: SimulatedFactory, settings: Settings, check: str
) -> None:
    found = run(device_checks.check_output(settings, check, None))
    assert found.finding is FindingId.OUTPUT_OK
    gpio = found.values["gpio"]
    levels = [one.level for one in pins.history if one.gpio == gpio and one.output]
    assert max(levels) > 0
    assert levels[-1] == 0


def test_an_output_that_does_not_follow_is_dead_and_nobody_is_asked(
    pins: SimulatedFactory, settings: Settings
) -> None:
    pins.short(22, 2**60)
    person = Somebody(True)
    found = run(device_checks.check_output(settings, "light_green", person))
    assert (found.finding, found.values["state"]) == (FindingId.OUTPUT_DEAD, "on")
    assert person.asked == []
    stays = device_checks.judge_output("light_red", 23, rises=True, falls=False, seen=True)
    assert (stays.finding, stays.values["state"]) == (FindingId.OUTPUT_DEAD, "off")


def button(settings: Settings, person: Somebody | None = None) -> FindingId:
    return run(device_checks.check_button(settings, "button_main", person)).finding


def test_lines_that_another_program_has_are_told(
    pins: SimulatedFactory, settings: Settings
) -> None:
    with gpiozero.DigitalOutputDevice(22), gpiozero.DigitalInputDevice(17, pull_up=True):
        taken = run(device_checks.check_output(settings, "light_green", None))
        assert taken.finding is FindingId.OUTPUT_TAKEN
        assert button(settings) is FindingId.BUTTON_TAKEN


def test_a_button_is_free_or_stuck_and_a_press_arrives_however_short(
    pins: SimulatedFactory, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert button(settings) is FindingId.BUTTON_FREE

    def tapped() -> None:
        pins.hold(17, bounce=False)
        pins.release(17)

    monkeypatch.setattr(device_checks, "PRESS_SECONDS", 5.0)
    for press in (lambda: pins.press(17, 0.1) and None, tapped):
        person = Somebody(True, press)
        assert (button(settings, person), person.asked) == (
            FindingId.BUTTON_WORKS,
            ["button_main"],
        )
    monkeypatch.setattr(device_checks, "PRESS_SECONDS", 0.05)
    assert button(settings, Somebody(True)) is FindingId.BUTTON_UNPRESSED
    assert button(settings, Somebody(True, lambda: pins.hold(17))) is FindingId.BUTTON_STUCK
    assert button(settings) is FindingId.BUTTON_STUCK  # it is still held


# -------------------------------------------------------------------------- by the daemon's word

HEALTH: dict[str, Any] = {
    "camera": REPORT,
    "microphone": {"state": "off", "why": None},
    "display": {"fault": None},
    "faulty": ["green"],
    "buttons": {"main": True, "display": False},
}


def running(
    *conditions: str, fps: int = 30, stage: str = "idle", **camera_differs: Any
) -> PartsOwner:
    health = HEALTH | {"camera": REPORT | camera_differs}
    # What lowers the rate, the daemon says by the rate itself.
    status = {"conditions": list(conditions), "stage": stage, "fps": fps}
    return PartsOwner(CheckResult("daemon", FindingId.DAEMON_RUNS), health=health, status=status)


def test_a_camera_that_is_hot_takes_fewer_pictures_and_is_not_broken(settings: Settings) -> None:
    assert daemon.judge_camera(running(), settings).finding is FindingId.CAMERA_OK
    assert daemon.judge_camera(running(rate=20.0), settings).finding is FindingId.CAMERA_RATE
    for conditions in (["hot"], []):  # hot, or a supply that is too weak
        slow, fast = (running(*conditions, fps=20, rate=rate) for rate in (20.0, 40.0))
        assert daemon.judge_camera(slow, settings).finding is FindingId.CAMERA_OK
        assert daemon.judge_camera(fast, settings).finding is FindingId.CAMERA_RATE


def test_a_camera_that_takes_no_picture_in_idle_is_not_broken(settings: Settings) -> None:
    rests = replace(settings, idle="none")
    for stage, finding in (("idle", FindingId.CAMERA_OK), ("self_view", FindingId.CAMERA_RATE)):
        assert daemon.judge_camera(running(stage=stage, rate=0.0), rests).finding is finding
    assert daemon.judge_camera(running(rate=0.0), settings).finding is FindingId.CAMERA_RATE


@pytest.mark.parametrize(
    ("stage", "ready", "finding"),
    [
        ("idle", False, FindingId.DAEMON_REFUSES),
        ("self_view", False, FindingId.DAEMON_REFUSES),
        ("idle", True, FindingId.DAEMON_RUNS),
        ("recording", False, FindingId.DAEMON_RUNS),
        ("starting", False, FindingId.DAEMON_RUNS),
    ],
)
def test_a_camera_that_would_refuse_a_press_is_not_well(
    stage: str, ready: bool, finding: FindingId
) -> None:
    status = {"stage": stage, "ready": ready, "conditions": ["docked", "hot", "ledger_failed"]}
    found = daemon.judge_readiness(status)
    assert found.finding is finding
    for language in languages():
        said = sentence(found, words_in(language))
        assert ("ledger_failed" in said) is (finding is FindingId.DAEMON_REFUSES)
        assert "docked" not in said


def test_what_the_daemon_says_is_judged_as_what_is_tried(settings: Settings) -> None:
    assert daemon.judge_display(HEALTH, settings).finding is FindingId.DISPLAY_SERVES
    gone = {"display": {"fault": "gone"}}
    assert daemon.judge_display(gone, settings).finding is FindingId.DISPLAY_DOWN
    assert daemon.judge_output(HEALTH, "light_green", 22).finding is FindingId.OUTPUT_DEAD
    assert daemon.judge_output(HEALTH, "light_red", 23).finding is FindingId.OUTPUT_SERVES


@pytest.mark.parametrize(
    ("told", "what"),
    [
        (None, FindingId.MICROPHONE_UNWANTED),
        ({"state": "off", "why": None}, FindingId.MICROPHONE_CLOSED),
        ({"state": "on", "why": None}, FindingId.MICROPHONE_SERVES),
        ({"state": "missing", "why": "unplugged"}, FindingId.MICROPHONE_MISSING),
    ],
)
def test_a_microphone_is_closed_while_nobody_is_to_be_heard(
    told: dict[str, Any] | None, what: FindingId
) -> None:
    assert daemon.judge_microphone({"microphone": told}).finding is what


def test_a_button_is_stuck_if_it_was_pressed_both_times() -> None:
    later = {"buttons": {"main": False}}
    assert daemon.judge_button(HEALTH, HEALTH, "main", 17).finding is FindingId.BUTTON_STUCK
    assert daemon.judge_button(HEALTH, later, "main", 17).finding is FindingId.BUTTON_FREE
    assert daemon.judge_button(HEALTH, HEALTH, "display", 27).finding is FindingId.BUTTON_FREE
