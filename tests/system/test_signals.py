"""What the whole camera says by its buzzer and by its voice, and what the ledger says of it."""

from __future__ import annotations

import hashlib
import wave
from pathlib import Path
from typing import Any

import pytest

from tests.system.harness import (
    PATIENCE,
    UNHURRIED,
    BodyCamera,
    body_camera,
    configuration,
    until,
)
from tests.system.test_privacy import ledger_of

pytestmark = pytest.mark.system

VOICE = Path(__file__).parents[2] / "config" / "announcements" / "en"


def samples(path: Path) -> bytes:
    with wave.open(str(path)) as file:
        return file.readframes(file.getnframes())


def pitches(camera: BodyCamera) -> list[float]:
    """The pitch of each stroke of the buzzer since the start."""
    edges: list[dict[str, Any]] = camera.ask("GET", "/api/edges").body
    return [edge["hertz"] for edge in edges if edge["name"] == "sound" and edge["level"] == 0.5]


def facts(camera: BodyCamera, kind: str) -> list[dict[str, Any]]:
    said = ledger_of(camera.state_dir / "camerad")
    return [entry["facts"] for entry in said if entry["kind"] == kind]


def announced(camera: BodyCamera, count: int) -> list[dict[str, Any]]:
    """The ledger's announcements, once there are so many."""
    return until(
        lambda: found if len(found := facts(camera, "announcement")) >= count else None,
        10,
        f"{count} announcements are in the ledger",
    )


def test_a_recording_is_heard_and_its_muting_and_its_voice_are_in_the_ledger(
    tmp_path: Path,
) -> None:
    config = configuration(tmp_path, "generic", announcements={"language": "en"}, buttons=UNHURRIED)
    with body_camera(tmp_path, config) as camera:
        camera.wait(stage="idle")
        camera.press("main", 1.2)
        camera.wait(stage="recording")
        # Four short ones, as high as everything about a recording that is made.
        until(lambda: pitches(camera)[-4:] == [2400] * 4, PATIENCE, "the start is heard")
        (first,) = announced(camera, 1)
        # With sound, and it says so.
        spoken = VOICE / "recording.wav"
        heard = samples(camera.state_dir / "board" / "speaker.wav")
        assert heard.startswith(samples(spoken))
        assert first["sha256"] == hashlib.sha256(spoken.read_bytes()).hexdigest()
        assert (first["what"], first["outcome"]) == ("recording", "played")

        # A finger that rests on the button mutes nothing.
        camera.press("display", 1.2)
        camera.press_and_hold()
        until(lambda: pitches(camera)[-4:] == [1600] * 4, PATIENCE, "the muting is heard")
        assert camera.state["muted"]
        camera.press_and_hold()
        until(lambda: pitches(camera)[-4:] == [2400] * 4, PATIENCE, "and its end")
        recording = camera.stop()
        said = announced(camera, 4)
        assert [one["what"] for one in said] == ["recording", "muted", "unmuted", "ended"]
        assert {one["outcome"] for one in said} == {"played"}
        ended = said[-1]
        assert first["recording"] == ended["recording"] == recording["id"]
        switched = facts(camera, "mute")
        assert [one["on"] for one in switched] == [True, False]
        assert first["at_us"] < switched[0]["at_us"] < switched[1]["at_us"] < ended["at_us"]
