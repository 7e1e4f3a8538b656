"""The loudspeaker: a tone, what plays it, and who hears it."""

from __future__ import annotations

import asyncio
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hw_mocks.sound import Beside, Silence
from msgspec.structs import replace

from camerad.config import Settings
from camerad.doctor import daemon, device_checks
from camerad.doctor.check_results import FindingId, Level
from camerad.doctor.device_checks import TONE_HERTZ, TONE_SECONDS, ToneDetector, write_tone
from camerad.hardware.speaker import CUT_SHORT, FAILED, PLAYED, Spoken
from tests.waiting import reached

RATE = 48_000
TOOK = Spoken("", PLAYED, None)


def sine(hertz: float, seconds: float, loudness: float = 0.1) -> Any:
    at_s = np.arange(round(seconds * RATE)) / RATE
    return 32767 * loudness * np.sin(2 * np.pi * hertz * at_s)


def noise(seconds: float, loudness: float = 0.1) -> Any:
    return np.random.default_rng(1).normal(0, 32767 * loudness, round(seconds * RATE))


def ear(*sounds: Any) -> ToneDetector:
    listening = ToneDetector(RATE)
    samples = np.rint(np.concatenate(sounds)).clip(-32768, 32767).astype("<i2")
    # In portions that fit no window.
    for at in range(0, len(samples), 701):
        listening.feed(samples[at : at + 701])
    return listening


# ---------------------------------------------------------------------------------- the tone


def test_the_tone_is_heard_in_every_window_that_has_it() -> None:
    heard = ear(sine(TONE_HERTZ, 0.8))
    assert (heard.windows, heard.with_tone) == (16, 16)
    assert heard.loudest == pytest.approx(3277, abs=2)


@pytest.mark.parametrize(
    "sound",
    [noise(2), sine(500, 2), sine(1040, 2), sine(50, 2, 0.9), np.full(2 * RATE, 500.0)],
    ids=["noise", "an octave below", "beside it", "hum", "an offset"],
)
def test_nothing_else_is_taken_for_it(sound: Any) -> None:
    assert ear(sound).with_tone == 0


def test_it_is_heard_through_noise_that_is_as_loud() -> None:
    # Equal power: half of the energy is the tone's.
    heard = ear(sine(TONE_HERTZ, 0.8) + noise(0.8, 0.1 / 2**0.5))
    assert heard.with_tone >= 15


def test_nothing_that_was_heard_is_kept() -> None:
    heard = ear(sine(TONE_HERTZ, 0.1))
    assert not heard._window.any()


def test_its_file_is_what_announcements_are(tmp_path: Path) -> None:
    path = tmp_path / "device_checks.wav"
    write_tone(path)
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 16_000)
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    heard = ToneDetector(16_000)
    heard.feed(samples)
    assert heard.with_tone == heard.windows == 16
    assert abs(int(samples[0])) < 10


# ----------------------------------------------------------------------------------- judging


@pytest.mark.parametrize(
    ("spoken", "noticed", "heard", "what"),
    [
        (TOOK, None, None, FindingId.LOUDSPEAKER_PLAYED),
        (TOOK, None, True, FindingId.LOUDSPEAKER_HEARD),
        (TOOK, None, False, FindingId.LOUDSPEAKER_FAINT),
        (TOOK, True, False, FindingId.LOUDSPEAKER_HEARD),
        (TOOK, False, True, FindingId.LOUDSPEAKER_UNHEARD),
        (Spoken("", FAILED, "no such device"), None, None, FindingId.LOUDSPEAKER_FAILS),
        (Spoken("", CUT_SHORT, None), None, True, FindingId.LOUDSPEAKER_FAILS),
    ],
)
def test_a_person_knows_better_than_the_microphone(
    spoken: Spoken, noticed: bool | None, heard: bool | None, what: FindingId
) -> None:
    assert device_checks.judge_loudspeaker(spoken, noticed=noticed, heard=heard).finding is what


# ------------------------------------------------------------------------- on a pretended board


class Air:
    """What the microphone hears: `before`, and from when the tone is played `after`."""

    def __init__(self, before: Any, after: Any) -> None:
        self.before, self.after = before, after
        self.plays = False
        self.heard = 0

    def __call__(self, _settings: object) -> Air:
        return self

    def packets(self) -> Iterator[memoryview]:
        while True:  # until nobody listens any more
            plays = self.plays
            sound = self.after if plays else self.before
            yield memoryview(bytearray(np.rint(sound).astype("<i2").tobytes()))
            self.heard += plays

    def close(self) -> None: ...

    async def play(self, _device: str) -> Spoken:
        """Until enough of it is heard: each packet has two windows."""
        self.plays = True
        await reached(lambda: self.heard >= device_checks.ENOUGH)
        return TOOK


async def taken(_device: str) -> Spoken:
    """The device takes the tone, and nobody listens."""
    return TOOK


def missing(_settings: object) -> Any:
    raise OSError("no such device")


@pytest.mark.parametrize(
    ("before", "after", "what"),
    [
        (noise(0.1), sine(TONE_HERTZ, 0.1), FindingId.LOUDSPEAKER_HEARD),
        (noise(0.1), noise(0.1), FindingId.LOUDSPEAKER_FAINT),
        # It whistles all the time, or the microphone gives nothing: nobody can tell.
        (
            sine(TONE_HERTZ, 0.1),
            sine(TONE_HERTZ, 0.1),
            FindingId.LOUDSPEAKER_PLAYED,
        ),
        (np.zeros(4800), np.zeros(4800), FindingId.LOUDSPEAKER_PLAYED),
    ],
    ids=["heard", "faint", "whistling", "silent"],
)
def test_the_microphone_tells_the_tone_from_what_was_there_before(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, before: Any, after: Any, what: FindingId
) -> None:
    air = Air(before, after)
    monkeypatch.setattr(device_checks, "AlsaDevice", air)
    monkeypatch.setattr(device_checks, "play", air.play)
    monkeypatch.setattr(device_checks, "AFTER_SECONDS", -TONE_SECONDS)
    assert asyncio.run(device_checks.check_loudspeaker(settings, None)).finding is what


def test_without_a_microphone_it_is_well_if_it_takes_the_tone(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device_checks, "AlsaDevice", missing)
    monkeypatch.setattr(device_checks, "play", taken)
    monkeypatch.setattr(device_checks, "AFTER_SECONDS", -TONE_SECONDS)
    played = asyncio.run(device_checks.check_loudspeaker(settings, None))
    assert played.finding is FindingId.LOUDSPEAKER_PLAYED
    # One that ends by itself hears nothing either; and a person is believed.
    monkeypatch.setattr(Air, "packets", lambda _: iter(()))
    monkeypatch.setattr(device_checks, "AlsaDevice", Air(None, None))
    played = asyncio.run(device_checks.check_loudspeaker(settings, None))
    assert played.finding is FindingId.LOUDSPEAKER_PLAYED

    class Hears:
        async def noticed(self, part: str) -> bool:
            return part == "loudspeaker"

    heard = asyncio.run(device_checks.check_loudspeaker(settings, Hears()))  # type: ignore[arg-type]
    assert heard.finding is FindingId.LOUDSPEAKER_HEARD


def test_what_the_player_says_of_a_device_that_is_not_there_is_the_finding(
    settings: Settings,
) -> None:
    quiet = replace(
        settings,
        microphone=replace(settings.microphone, enabled=False),
        announcements=replace(settings.announcements, device="nowhere"),
    )
    found = asyncio.run(device_checks.check_loudspeaker(quiet, None))
    assert (found.finding, found.level) == (FindingId.LOUDSPEAKER_FAILS, Level.FAIL)
    assert "nowhere" in found.values["why"]


def test_an_announcement_without_a_file_is_found_before_anything_is_played(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "recording.wav").write_bytes(b"")
    monkeypatch.setattr(device_checks.from_settings, "announcements", lambda _: (tmp_path,))
    found = asyncio.run(device_checks.check_loudspeaker(settings, None))
    assert found.finding is FindingId.LOUDSPEAKER_NO_FILE
    assert "muted.wav" in found.values["missing"]
    assert " recording.wav" not in f" {found.values['missing']}".split(",")


def test_where_nothing_is_announced_there_is_nothing_to_test(settings: Settings) -> None:
    silent = replace(settings, policy=replace(settings.policy, announcement=False))
    assert (
        asyncio.run(device_checks.check_loudspeaker(silent, None)).finding
        is FindingId.LOUDSPEAKER_UNWANTED
    )
    assert daemon.judge_loudspeaker(silent).finding is FindingId.LOUDSPEAKER_UNWANTED
    assert daemon.judge_loudspeaker(settings).finding is FindingId.LOUDSPEAKER_CLOSED


# ----------------------------------------------------------------------------- the simulated one


def test_the_simulated_microphone_hears_what_the_loudspeaker_plays_once_and_for_as_long(
    tmp_path: Path,
) -> None:
    path = tmp_path / "speaker.wav"
    write_tone(path)  # what was played before it was listened to is not heard
    beside = Beside(Silence(), path)

    def listen(from_s: float, seconds: float) -> ToneDetector:
        heard = ToneDetector(RATE)
        for at in np.arange(from_s, from_s + seconds, 0.01):
            values = beside.heard(at + np.arange(480) / RATE)
            heard.feed(np.rint(values * 32767).astype("<i2"))
        return heard

    assert listen(0, 1).loudest == 0
    path.write_bytes(path.read_bytes()[:100])  # a player has begun to write
    assert listen(1, 1).loudest == 0
    write_tone(path)
    assert listen(2, 1.5).with_tone == 16
    assert listen(3.5, 1).loudest == 0
