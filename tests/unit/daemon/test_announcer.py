"""From stages to announcements, and what the ledger says of them."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from camerad.base.clock import ManualClock
from camerad.behaviour.announcements import Announcement
from camerad.behaviour.stages import Stage, State
from camerad.config.controls import Announcements
from camerad.container.keys import SigningKey
from camerad.daemon.announcer import Announcer
from camerad.hardware.speaker import CUT_SHORT, FAILED, PLAYED, Spoken
from camerad.ledger.claim import Claim
from camerad.ledger.ledger import Ledger

IDLE = State(Stage.IDLE, 0)
BEGUN = State(Stage.RECORDING, 0, armed=True)
OPENED = State(Stage.RECORDING, 0, armed=True, recording_id="R1")
STOPPING = State(Stage.STOPPING, 0, armed=True, recording_id="R1")


class Mouth:
    """In place of the loudspeaker."""

    def __init__(self, device: str, load: Any) -> None:
        self.device = device
        self.orders: list[tuple[Announcement, Callable[[Spoken], None]]] = []

    def say(self, what: Announcement, on_spoken: Callable[[Spoken], None]) -> None:
        self.orders.append((what, on_spoken))

    async def close(self) -> None:
        """Nothing was open."""

    def answer(self, outcome: str, why: str | None = None) -> None:
        """What came of the oldest announcement."""
        self.orders.pop(0)[1](Spoken("abc", outcome, why))


class Scene:
    """An announcer, its mouth, and what the ledger was told."""

    def __init__(self, **settings: Any) -> None:
        self.notes: list[tuple[str, dict[str, Any]]] = []
        self.announcer = Announcer(
            Announcements(**settings),
            None,  # type: ignore[arg-type]  # nobody reads files here
            lambda kind, **facts: self.notes.append((kind, facts)),
            Mouth,  # type: ignore[arg-type]
        )
        self.mouth: Mouth = self.announcer._speaker  # type: ignore[assignment]

    def step(self, *states: State, at_us: int = 0, sound: bool = False) -> None:
        for before, after in itertools.pairwise(states):
            self.announcer.stepped(at_us, before, after, sound=sound)

    @property
    def announced(self) -> list[dict[str, Any]]:
        return [facts for kind, facts in self.notes if kind == "announcement"]

    @property
    def faults(self) -> list[bool]:
        return [facts["holds"] for kind, facts in self.notes if kind == "fault"]


def test_the_ledger_says_what_was_announced_of_which_recording() -> None:
    scene = Scene(device="hw:1")
    assert scene.mouth.device == "hw:1"
    scene.step(IDLE, BEGUN, at_us=7)
    scene.step(BEGUN, OPENED)  # its name is known a moment after it has begun
    scene.mouth.answer(PLAYED)
    assert scene.notes == [
        (
            "announcement",
            {
                "what": "recording_silent",
                "sha256": "abc",
                "at_us": 7,
                "recording": "R1",
                "outcome": "played",
                "why": None,
            },
        )
    ]


def test_an_announcement_that_is_over_before_the_recording_has_a_name_waits_for_it() -> None:
    scene = Scene()
    scene.step(IDLE, BEGUN)
    scene.mouth.answer(FAILED, "no such device")
    assert scene.announced == []
    scene.step(BEGUN, OPENED)
    assert [(one["recording"], one["why"]) for one in scene.announced] == [("R1", "no such device")]
    # One that never gets a name is told of when it is over, or when the camera ends.
    scene.step(IDLE, BEGUN)
    scene.mouth.answer(PLAYED)
    scene.step(BEGUN, IDLE)
    scene.mouth.answer(PLAYED)
    assert [one["recording"] for one in scene.announced] == ["R1", None, None]
    scene.step(IDLE, BEGUN)
    scene.mouth.answer(PLAYED)
    asyncio.run(scene.announcer.close())
    assert len(scene.announced) == 4


def test_the_end_is_said_of_the_recording_that_ended() -> None:
    scene = Scene()
    scene.step(IDLE, BEGUN, OPENED, STOPPING, IDLE, sound=True)
    scene.mouth.answer(CUT_SHORT)
    scene.mouth.answer(PLAYED)
    assert [(one["what"], one["recording"], one["outcome"]) for one in scene.announced] == [
        ("recording", "R1", "cut_short"),
        ("ended", "R1", "played"),
    ]


def test_a_recording_that_follows_at_once_is_not_taken_for_the_one_before() -> None:
    scene = Scene()
    scene.step(IDLE, BEGUN, OPENED, STOPPING, BEGUN)
    scene.mouth.answer(CUT_SHORT)  # told only now that it was
    scene.step(BEGUN, State(Stage.RECORDING, 0, armed=True, recording_id="R2"))
    scene.mouth.answer(PLAYED)
    assert [one["recording"] for one in scene.announced] == ["R1", "R2"]


def test_what_is_said_of_self_view_is_about_no_recording() -> None:
    scene = Scene(self_view=True)
    scene.step(OPENED, STOPPING, IDLE, State(Stage.SELF_VIEW, 0, display_on=True))
    scene.mouth.answer(CUT_SHORT)
    scene.mouth.answer(PLAYED)
    assert [(one["what"], one["recording"]) for one in scene.announced] == [
        ("ended", "R1"),
        ("self_view", None),
    ]


def test_a_loudspeaker_that_fails_is_a_fault_until_it_has_played_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    scene = Scene()
    scene.step(IDLE, BEGUN, IDLE, BEGUN, IDLE, BEGUN)
    scene.mouth.answer(FAILED, "the sound device default hangs")
    scene.mouth.answer(FAILED, "the sound device default hangs")
    assert scene.faults == [True]
    assert "recording_silent was not played: the sound device default hangs" in caplog.text
    scene.mouth.answer(CUT_SHORT)  # nobody knows whether it would have been played
    assert scene.faults == [True]
    scene.mouth.answer(PLAYED)
    assert scene.faults == [True, False]
    assert [one["why"] for one in scene.announced][:1] == ["the sound device default hangs"]


def test_whatever_a_player_says_the_ledger_can_be_read_again(tmp_path: Path) -> None:
    scene = Scene()
    scene.step(IDLE, BEGUN, OPENED)
    # As of ALSA's own `aplay` without a sound card, and longer than any text of an entry may be.
    words = "ALSA lib confmisc.c:855:(parse_card) cannot find card '0' " * 5
    scene.mouth.answer(FAILED, f"{words}\x1b[1maudio open error: No such file or directory")
    (said,) = scene.announced
    assert said["why"].endswith("\\x1b[1maudio open error: No such file or directory")
    key, clock = SigningKey.generate(), ManualClock()
    for _ in range(2):
        ledger = Ledger.open(Claim(str(tmp_path)), key, clock)
        assert not ledger.lossy
        ledger.append("announcement", **said)
        ledger.close()


def test_it_begins_and_ends_with_the_loudspeaker() -> None:
    async def life() -> None:
        async def load() -> dict[Any, Any]:
            return {}

        announcer = Announcer(Announcements(), load, lambda kind, **facts: None)
        announcer.start()
        await announcer.close()

    asyncio.run(life())
