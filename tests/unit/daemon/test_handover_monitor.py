"""Progress of the upload, kept beside the stage machine."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from camerad.base.clock import SECOND, ManualClock
from camerad.base.errors import StorageError
from camerad.behaviour import signals
from camerad.behaviour.dock_progress import (
    NOT_HEARD,
    SILENCE_US,
    SILENT,
    HandoverProgress,
    HandoverState,
    HandoverTrouble,
)
from camerad.behaviour.stages import Condition
from camerad.config.office_section import Office
from camerad.daemon.handover_monitor import HandoverMonitor
from tests.system.virtual_time import VirtualLoop
from tests.unit.core_helpers import end_recording, idle_core, record

ALL = HandoverProgress(HandoverState.HANDED_OVER, 2, 2)
SOME = HandoverProgress(HandoverState.HANDING_OVER, 1, 2)
OFFICE = Office("https://office.example", "", "", 100)


class Bench:
    def __init__(self, office: Office | None = OFFICE) -> None:
        self.clock = ManualClock(100 * SECOND)
        self.core = idle_core(self.clock)
        self.acknowledged = [True, True]
        self.meanwhile: Callable[[], None] = lambda: None
        self.told: list[HandoverProgress | None] = []
        self.monitor = HandoverMonitor(self.core, office, self.recordings, self.told.append)
        self.core.dispatcher.listen(self.monitor.stepped)

    async def recordings(self) -> list[dict[str, Any]]:
        self.meanwhile()
        return [{"acknowledged": one} for one in self.acknowledged]

    def dock(self, *, inside: bool = True) -> None:
        self.core.conditions.set(Condition.DOCKED, holds=inside)

    async def says(self, word: HandoverProgress) -> str | None:
        shown = await self.monitor.hear(word)
        return None if shown is None else str(shown["state"])

    def live(self, life: Callable[[], Coroutine[Any, Any, None]]) -> None:
        loop = VirtualLoop(self.clock)
        try:
            loop.run_until_complete(life())
        finally:
            loop.close()


def test_what_is_said_in_the_dock_is_shown_and_gone_with_it() -> None:
    bench = Bench()

    async def life() -> None:
        assert await bench.says(ALL) is None
        bench.dock()
        assert await bench.says(SOME) == "handing_over"
        assert bench.monitor.report() == {
            "state": "handing_over",
            "done": 1,
            "total": 2,
            "trouble": None,
        }
        assert await bench.says(ALL) == "handed_over"
        bench.dock(inside=False)
        assert bench.monitor.progress is None

    bench.live(life)
    assert bench.told == [NOT_HEARD, SOME, ALL, None]


def test_without_an_office_there_is_nothing_to_tell() -> None:
    bench = Bench(None)

    async def life() -> None:
        bench.dock()
        assert await bench.says(ALL) is None
        await asyncio.sleep(2 * SILENCE_US / SECOND)

    bench.live(life)
    assert bench.told == []


def test_all_handed_over_is_believed_only_if_the_ledger_has_it() -> None:
    bench = Bench()

    async def life() -> None:
        bench.dock()
        bench.acknowledged = [True, False]
        assert await bench.says(ALL) == "waiting"
        bench.acknowledged = [True, True]
        assert await bench.says(ALL) == "handed_over"

    bench.live(life)


def test_a_recording_that_begins_while_the_ledger_is_asked_is_not_overlooked() -> None:
    bench = Bench()

    def press() -> None:
        record(bench.core)
        end_recording(bench.core)

    async def life() -> None:
        bench.dock()
        bench.meanwhile = press
        assert await bench.says(ALL) == "waiting"

    bench.live(life)


def test_a_recording_takes_the_word_away() -> None:
    bench = Bench()

    async def life() -> None:
        bench.dock()
        await bench.says(ALL)
        record(bench.core)
        assert bench.monitor.progress == NOT_HEARD
        end_recording(bench.core)
        assert bench.monitor.progress == NOT_HEARD

    bench.live(life)


def test_a_process_that_died_leaves_no_word_behind(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench()

    async def life() -> None:
        bench.dock()
        await bench.says(ALL)
        await asyncio.sleep(SILENCE_US / SECOND - 1)
        assert bench.told[-1] == ALL
        await asyncio.sleep(2)
        assert bench.told[-1] == SILENT
        await asyncio.sleep(1000)  # and no timer runs hot meanwhile
        assert await bench.says(ALL) == "handed_over"

    bench.live(life)
    assert bench.told == [NOT_HEARD, ALL, SILENT, ALL]
    assert [one.message for one in caplog.records if "camerad-upload" in one.message] != []


def test_a_word_that_is_repeated_asks_no_card_and_changes_nothing() -> None:
    bench = Bench()

    def fails() -> None:
        raise AssertionError("the store was asked again")

    async def life() -> None:
        bench.dock()
        await bench.says(ALL)
        bench.meanwhile = fails
        for _ in range(10):
            await asyncio.sleep(SILENCE_US / SECOND - 1)
            assert await bench.says(ALL) == "handed_over"

    bench.live(life)
    assert bench.told == [NOT_HEARD, ALL]


def test_a_card_that_fails_vouches_for_nothing() -> None:
    bench = Bench()

    def fails() -> None:
        raise StorageError("the card is gone")

    async def life() -> None:
        bench.dock()
        bench.meanwhile = fails
        with pytest.raises(StorageError):
            await bench.says(ALL)
        assert bench.monitor.progress == NOT_HEARD

    bench.live(life)


def test_the_lights_say_it_in_the_dock_alone() -> None:
    bench = Bench()

    def lights() -> tuple[signals.Pattern, signals.Pattern]:
        progress = bench.monitor.progress
        plain = signals.indication(bench.core.state)
        look = signals.in_dock(plain, None if progress is None else progress.state)
        return look.green, look.amber

    async def life() -> None:
        assert lights() == (signals.ON, signals.OFF)
        bench.dock()
        assert lights() == (signals.ON, signals.BLINK)
        await bench.says(ALL)
        assert lights() == (signals.FLASH, signals.OFF)

    bench.live(life)


def test_why_it_failed_is_told() -> None:
    bench = Bench()

    async def life() -> None:
        bench.dock()
        failed = HandoverProgress(HandoverState.FAILED, 1, 2, HandoverTrouble.CERTIFICATE)
        assert await bench.says(failed) == "failed"
        report = bench.monitor.report()
        assert report is not None
        assert report["trouble"] == "certificate"

    bench.live(life)
