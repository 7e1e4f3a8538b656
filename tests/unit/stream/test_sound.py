"""What the capture process says about sound is taken at its word only in its one form."""

from __future__ import annotations

from typing import Any

import pytest

from camerad.base.errors import WireError
from camerad.stream.sound_messages import SoundFormat, SoundNews, parse_format, parse_news
from camerad.stream.wire import SoundState

SAID: dict[str, Any] = {
    "codec": "aac",
    "rate": 48_000,
    "channels": 1,
    "samples": 1024,
    "config": "1188",
    "device": "hw:1",
}


def test_a_camera_without_a_microphone_has_no_sound() -> None:
    assert parse_format({"camera": "x"}) is None
    assert parse_format({"sound": None}) is None


def test_a_format_is_understood() -> None:
    found = parse_format({"sound": SAID})
    assert found == SoundFormat(48_000, 1, 1024, b"\x11\x88", "hw:1")
    # 1024 samples at 48 kHz are 21,333.3 us.
    assert (found.us(1), found.us(3)) == (21_333, 64_000)


@pytest.mark.parametrize(
    "change",
    [
        {"codec": "opus"},
        {"rate": 0},
        {"rate": 48_000.0},
        {"rate": None},
        {"channels": 3},
        {"channels": True},
        {"samples": 2048},
        {"samples": 1024.0},
        {"config": ""},
        {"config": "zz"},
        {"config": "00" * 65},
        {"config": None},
        {"device": 1},
    ],
)
def test_another_form_is_none(change: dict[str, Any]) -> None:
    with pytest.raises(WireError, match="not a format of sound"):
        parse_format({"sound": SAID | change})


@pytest.mark.parametrize("said", [{}, [], "aac", 1])
def test_what_is_no_format_at_all_is_none(said: Any) -> None:
    with pytest.raises(WireError, match="not a format of sound"):
        parse_format({"sound": said})


def test_news_are_understood() -> None:
    body = {"state": "missing", "at_us": 5, "why": "it was unplugged"}
    assert parse_news(body) == SoundNews(SoundState.MISSING, 5, "it was unplugged")
    assert parse_news({"state": "on", "at_us": 5}) == SoundNews(SoundState.ON, 5)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"state": "loud", "at_us": 5},
        {"state": "on"},
        {"state": "on", "at_us": -1},
        {"state": "on", "at_us": True},
        {"state": "on", "at_us": 1, "why": 5},
    ],
)
def test_news_of_another_form_are_none(body: dict[str, Any]) -> None:
    with pytest.raises(WireError, match="not a state of the microphone"):
        parse_news(body)
