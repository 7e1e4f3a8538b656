"""The settings of the capture process: every mistake is named, nothing is guessed."""

from __future__ import annotations

import json

import pytest

from camerad.base.errors import ConfigError
from camerad.capture.capture_settings import CaptureSettings, SoundSettings, StampSettings, parse

GOOD = {
    "width": 1280,
    "height": 720,
    "fps": 30,
    "lores_width": 320,
    "lores_height": 240,
    "bitrate": 4_000_000,
    "max_bitrate": 8_000_000,
    "encoder": "auto",
    "encoder_threads": 2,
    "key_interval_us": 1_000_000,
}


def test_good_settings_are_taken_as_they_are() -> None:
    assert parse(json.dumps(GOOD)) == CaptureSettings(**GOOD)


def test_one_encoder_thread_is_the_default() -> None:
    given = {key: value for key, value in GOOD.items() if key != "encoder_threads"}
    assert parse(json.dumps(given)).encoder_threads == 1


SOUND = {"device": "default", "rate": 48_000, "channels": 1, "bitrate": 64_000, "delay_us": 0}


def test_the_microphone_has_settings_of_its_own() -> None:
    settings = parse(json.dumps(GOOD | {"sound": SOUND}))
    assert settings.sound == SoundSettings("default", 48_000, 1, 64_000)
    assert parse(json.dumps(GOOD | {"sound": None})).sound is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"device": ""}, "sound: device: '' is not a name"),
        ({"device": 3}, "sound: device: 3 is not a name"),
        ({"rate": 0}, "sound: rate: 0 is not positive"),
        ({"delay_us": -1}, "sound: delay_us: -1 is negative"),
        ({"channels": 2}, "sound: channels: only 1 is encoded"),
        ({"volume": 1}, "sound: unknown key 'volume'"),
    ],
)
def test_a_mistake_about_the_microphone_is_named(change: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(json.dumps(GOOD | {"sound": SOUND | change}))
    assert caught.value.mistakes == (f"--settings: {words}",)


def test_a_microphone_that_is_no_object_is_a_mistake() -> None:
    with pytest.raises(ConfigError, match="sound: a str, not an object"):
        parse(json.dumps(GOOD | {"sound": "default"}))


def test_a_frame_takes_the_nearest_whole_microsecond() -> None:
    # 1 s / 30 = 33,333.3 us.
    assert parse(json.dumps(GOOD)).frame_us == 33_333


def test_the_stamp_is_off_unless_it_is_asked_for() -> None:
    assert parse(json.dumps(GOOD)).stamp is None
    assert parse(json.dumps(GOOD | {"stamp": None})).stamp is None
    asked = parse(json.dumps(GOOD | {"stamp": {"device": "camera-07"}}))
    assert asked.stamp == StampSettings("camera-07")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"width": 1279}, "width: 1279 is odd"),
        ({"lores_height": 0}, "lores_height: 0 is not positive"),
        ({"fps": "30"}, "fps: '30' is not a number"),
        ({"fps": True}, "fps: True is not a number"),
        ({"bitrate": 1.5}, "bitrate: 1.5 is not a number"),
        ({"encoder": "gpu"}, "encoder: 'gpu' is not in"),
        ({"max_bitrate": 1}, "max_bitrate is below bitrate"),
        ({"colour": 1}, "unknown key 'colour'"),
        ({"stamp": True}, "stamp: True is neither null nor"),
        ({"stamp": {}}, "stamp: {} is neither null nor"),
        ({"stamp": {"device": "a", "size": 1}}, "is neither null nor"),
        ({"stamp": {"device": 7}}, "stamp.device: 7 is no name"),
        ({"stamp": {"device": ""}}, "stamp.device: '' is no name"),
    ],
)
def test_a_mistake_is_named(change: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match="--settings: ") as caught:
        parse(json.dumps(GOOD | change))
    assert words in str(caught.value)


def test_all_mistakes_are_named_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        parse(json.dumps({"width": 1, "height": -2}))
    # Two values, and the seven keys without a default that are not there.
    assert len(caught.value.mistakes) == 2 + 7


@pytest.mark.parametrize("text", ["", "[]", "{", "null"])
def test_what_is_no_object_is_a_mistake(text: str) -> None:
    with pytest.raises(ConfigError, match="--settings"):
        parse(text)
