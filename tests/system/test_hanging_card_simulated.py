"""A card that does not answer when the camera is switched on, in simulated time.

Real: the daemon, its lights and what it makes of a card. Stand-ins: those of
`test_reboots_simulated`, whose store opens whatever the card does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import gpiozero
import pytest

from camerad.base.async_utils import EventLoop
from camerad.base.errors import EX_CANTCREAT, StorageError
from camerad.behaviour import budget, stages
from camerad.behaviour.stages import Condition, CueKind, Stage
from camerad.daemon.early_start import EarlyStart
from camerad.store.disk import StateDirectoryError
from tests.system.test_presses_simulated import gpio
from tests.system.test_reboots_simulated import SECOND, Board, always, board
from tests.unit.core_helpers import at_once

__all__ = ["board", "gpio"]

HANGS_SECONDS = 20.0


class Card:
    """Answers after `HANGS_SECONDS`, with what is the matter with it."""

    def __init__(
        self, board: Board, monkeypatch: pytest.MonkeyPatch, answer: StorageError | None
    ) -> None:
        self.lit_us: int | None = None
        """When the first light was seen."""
        self._board = board

        def hang(_: EventLoop, work: Callable[[], Any], **_known: Any) -> asyncio.Future[Any]:
            if getattr(work, "__func__", None) is not EarlyStart.answer:
                return at_once(work)
            at_once(work)  # the real card of the test has answered by then
            loop = asyncio.get_running_loop()
            loop.call_later(0.1, self._look)
            answered: asyncio.Future[Any] = loop.create_future()
            settle = answered.set_result
            if isinstance(answer, StateDirectoryError):
                settle = answered.set_exception
            loop.call_later(HANGS_SECONDS, settle, answer)
            return answered

        monkeypatch.setattr(EventLoop, "in_thread", hang)

    def _look(self) -> None:
        lights = self._board.settings.lights
        pins = gpiozero.Device.pin_factory
        if any(pins.pin(light.gpio).state for light in (lights.green, lights.red, lights.amber)):
            self.lit_us = self._board.clock.now_us()


def conditions_at(board: Board, *seconds: float) -> list[frozenset[Condition]]:
    """What is the matter at these times of a start, while the card hangs and afterwards."""
    seen: list[frozenset[Condition]] = []

    def look(board: Board) -> None:
        loop = asyncio.get_running_loop()
        for at_s in seconds:
            loop.call_at(at_s, lambda: seen.append(board.daemon.state.conditions))

    assert board.boot(always, max(seconds) + 1, look) == 0
    return seen


def test_a_card_that_hangs_at_the_start_delays_no_light_and_is_told_by_its_pattern(
    board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = Card(board, monkeypatch, None)
    over_s = HANGS_SECONDS + budget.CALM_SECONDS
    seen = conditions_at(board, 3.0, HANGS_SECONDS, over_s + 1)
    assert card.lit_us == 100_000
    assert [Condition.STORAGE_STALLED in one for one in seen] == [True, True, False]
    assert board.cues.count(CueKind.STORAGE_STALLED) == 1


def test_a_camera_whose_card_hangs_at_the_start_takes_a_press(
    board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    Card(board, monkeypatch, None)

    def record(board: Board) -> None:
        board.daemon.intend(stages.Intent.RECORD, "test")

    assert board.boot(always, 10, record) == 0
    shown = {stage: at_us for at_us, stage in reversed(board.world.stages)}
    assert shown[Stage.RECORDING.value] < 5 * SECOND


@pytest.mark.parametrize(
    "answer", [StorageError("the card fails"), StateDirectoryError("it is another user's")]
)
def test_what_a_card_says_late_is_a_condition_and_never_an_end(
    board: Board, monkeypatch: pytest.MonkeyPatch, answer: StorageError
) -> None:
    Card(board, monkeypatch, answer)
    (late,) = conditions_at(board, HANGS_SECONDS + 1)
    assert Condition.STORAGE_FAILED in late


def test_a_place_that_may_not_be_written_ends_the_start(
    board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_early: EarlyStart) -> None:
        raise StateDirectoryError("it may not be written by the daemon's user")

    monkeypatch.setattr(EarlyStart, "answer", refuse)
    with pytest.raises(StateDirectoryError) as refused:
        board.boot(always, 10)
    assert refused.value.exit_code == EX_CANTCREAT
