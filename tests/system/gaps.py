"""What a recording says is missing, held against what its pictures say is missing."""

from __future__ import annotations

import http.client
import json
import socket
from typing import Any

import pytest

from tests.system import judge, sealed
from tests.system.harness import PATIENCE, BodyCamera, now_us, until

QUIET_US = 1_000_000
"""Longer than any pause within a cue, and than the rest between two."""


def judge_gaps(camera: BodyCamera, recording: dict[str, Any]) -> judge.Verdict:
    """The recording plays, and the gaps it states are exactly the holes in its pictures, and
    perhaps one behind the last of them, up to when pictures were wanted.

    A gap names its two neighbours by their media time, so a hole and its gap are the same pair of
    frame numbers. Where it counts the pictures that are missing, it counts them right. What the
    daemon lists is what the signed statements say. A restart of the capture process is a gap also
    where it was so quick that the next picture is the one that follows.
    """
    path = opened(camera, recording)
    judge.ffmpeg_is_silent(path)
    verdict = judge.decode(path, keep_every=10**9)
    gaps = sealed.read(recording["path"]).gaps
    assert recording["gaps"] == gaps
    assert recording["frames"] == len(verdict.frames)
    assert verdict.frames[0].key
    named = [
        (round(camera.frame_at(gap["from_us"])), round(camera.frame_at(gap["to_us"])))
        for gap in gaps
    ]
    quick = [
        gap["reason"] == "capture restarted" and before == after + 1
        for gap, (after, before) in zip(gaps, named, strict=True)
    ]
    stated = [pair for pair, none in zip(named, quick, strict=True) if not none]
    gaps = [gap for gap, none in zip(gaps, quick, strict=True) if not none]
    seen = [(hole.after, hole.before) for hole in verdict.holes]
    if stated and stated[-1][0] == verdict.numbers[-1]:
        del stated[-1], gaps[-1]
    assert stated == seen, (gaps, seen)
    for gap, hole in zip(gaps, verdict.holes, strict=True):
        assert gap["frames"] in (None, hole.missing), (gap, hole)
    first = verdict.numbers[0]
    for frame in verdict.frames:
        # Across every gap, time in the file is time in life: frame n is exposed n periods on.
        assert frame.pts_us == pytest.approx((frame.number - first) * 1e6 / 30, abs=2_000)
    return verdict


def opened(camera: BodyCamera, recording: dict[str, Any]) -> str:
    """The recording as a file that plays, beside the state directory and not in it."""
    return judge.opened(recording["path"], camera.state_dir.parent)


def marks(camera: BodyCamera, recording: dict[str, Any]) -> list[float]:
    """The marks of a recording, in seconds from its first picture: as the daemon lists them, which
    is as its signed statements say."""
    connection = http.client.HTTPConnection("camerad", timeout=PATIENCE)
    connection.sock = socket.socket(socket.AF_UNIX)
    with connection.sock:
        connection.sock.connect(camera.control)
        connection.request("GET", "/recordings")
        listed = json.loads(connection.getresponse().read())
    (found,) = [one["marks"] for one in listed if one["id"] == recording["id"]]
    assert found == sealed.read(recording["path"]).marks
    return list(found)


def edges(camera: BodyCamera, name: str, after_us: int) -> list[tuple[int, bool]]:
    """Every change of an output or a button's line from a media time on: (at_us, level). What
    follows from something may have the same microsecond."""
    return [
        (edge["at_us"], bool(edge["level"]))
        for edge in camera.ask("GET", f"/api/edges?after={after_us - 1}").body
        if edge["name"] == name
    ]


def felt_us(camera: BodyCamera, after_us: int) -> int:
    """When the vibration first began after a media time; waits for it, since an answer comes when
    the press is decided and not when whoever pressed looks."""

    def began() -> list[int]:
        return [at_us for at_us, on in edges(camera, "vibration", after_us) if on]

    return until(began, PATIENCE, "the camera answers by vibration")[0]


def start_recording(camera: BodyCamera, *, quiet: bool = True) -> int:
    """Through self-view, as an officer would; returns the media time at which red came on.

    quiet: wait until its cue is over, so that the next vibration is an answer; in vain where none
    is judged, or something else is waited for before.
    """
    camera.press()
    camera.wait(stage="self_view")
    pressed_us = camera.press()["down_us"]
    camera.wait(stage="recording")

    def lit() -> list[int]:
        return [at_us for at_us, on in edges(camera, "red", pressed_us) if on]

    # The daemon's state and the pin's edge come by two ways.
    red_us = until(lit, PATIENCE, "red comes on")[0]
    if quiet:
        wait_for_quiet(camera)
    return red_us


def wait_for_quiet(camera: BodyCamera) -> None:
    """Wait until no cue plays or waits, so that the next vibration is an answer."""
    until(
        lambda: (
            not camera.state["vibration"] and not edges(camera, "vibration", now_us() - QUIET_US)
        ),
        PATIENCE,
        "the vibration rests",
    )


def red_never_went_out(camera: BodyCamera, since_us: int, until_us: int) -> None:
    """The red light did not change between the two media times."""
    changes = [at_us for at_us, _ in edges(camera, "red", since_us) if since_us < at_us < until_us]
    assert changes == []
