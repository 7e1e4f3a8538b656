"""The counters' file: over restarts, on a card that fails, and when it is damaged."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from camerad.base import durable_files
from camerad.base.clock import SECOND, ManualClock
from camerad.base.errors import StorageError
from camerad.daemon import metrics_store
from camerad.daemon.metrics_store import NAME, SAVE_SECONDS, MetricsStore
from tests.system.virtual_time import VirtualLoop


async def at_once(work: Callable[[], Any]) -> Any:
    """In the place of a thread: simulated time does not wait for real ones."""
    return work()


def life(
    directory: Path,
    seconds: float,
    clock: ManualClock | None = None,
    aside: Callable[[Callable[[], Any]], Awaitable[Any]] = at_once,
) -> MetricsStore:
    """One life of a daemon that long, closed in order."""
    clock = clock or ManualClock()
    one = MetricsStore(str(directory), clock, aside)

    async def run() -> None:
        one.start()
        await asyncio.sleep(seconds)
        await one.close()
        await one.close()

    loop = VirtualLoop(clock)
    try:
        loop.run_until_complete(run())
    finally:
        loop.close()
    return one


def running(one: MetricsStore) -> float:
    microseconds: int = one.metrics.dump()["us"][0]
    return microseconds / SECOND


def test_an_orderly_end_keeps_everything(tmp_path: Path) -> None:
    assert running(life(tmp_path, 100)) == pytest.approx(100)
    again = life(tmp_path, 50)
    assert running(again) == pytest.approx(150)
    assert "camerad_running_seconds_total 150" in again.text()


def test_the_card_is_written_once_an_hour(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writes: list[float] = []
    clock = ManualClock()
    monkeypatch.setattr(durable_files, "publish", lambda *_: writes.append(clock.now_us() / SECOND))
    life(tmp_path, 3.5 * SAVE_SECONDS, clock)
    # Three full hours, and the end.
    expected = [SAVE_SECONDS, 2 * SAVE_SECONDS, 3 * SAVE_SECONDS, 3.5 * SAVE_SECONDS]
    assert writes == pytest.approx(expected, abs=1)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[]", b'{"format": 1}', b"[" * 9999])
def test_a_damaged_file_is_kept_aside_and_counting_begins_anew(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, content: bytes
) -> None:
    (tmp_path / NAME).write_bytes(content)
    assert running(life(tmp_path, 10)) == pytest.approx(10)
    assert (tmp_path / f"{NAME}.damaged").read_bytes() == content
    assert "counting begins anew" in caplog.text
    assert json.loads((tmp_path / NAME).read_bytes())["us"][0] == pytest.approx(10 * SECOND)


def test_a_card_that_takes_nothing_is_said_and_harms_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object) -> None:
        raise StorageError("the storage is full")

    monkeypatch.setattr(durable_files, "publish", full)
    assert running(life(tmp_path, 10)) == pytest.approx(10)
    assert "the counters are not saved: the storage is full" in caplog.text
    monkeypatch.setattr(durable_files, "rename", full)
    (tmp_path / NAME).write_bytes(b"{")
    assert running(life(tmp_path, 10)) == pytest.approx(10)
    assert (tmp_path / NAME).read_bytes() == b"{"


def test_a_file_that_cannot_be_read_is_left_as_it_is_and_joined_once_it_can(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    life(tmp_path, 100)
    away = tmp_path / "away"
    (tmp_path / NAME).rename(away)
    (tmp_path / NAME).mkdir()  # in its place, which nobody can read
    assert running(life(tmp_path, 10)) == pytest.approx(10)
    assert (tmp_path / NAME).is_dir()
    assert "cannot be read, and is left as it is: Is a directory" in caplog.text

    async def mended(work: Callable[[], Any]) -> Any:
        done = work()
        if (tmp_path / NAME).is_dir():
            (tmp_path / NAME).rmdir()
            away.rename(tmp_path / NAME)
        return done

    # Mended after the first attempt: the next, at the end, adds what was there.
    assert running(life(tmp_path, 10, aside=mended)) == pytest.approx(110)


def test_an_end_before_the_file_was_read_leaves_it_as_it_is(tmp_path: Path) -> None:
    life(tmp_path, 100)
    before = (tmp_path / NAME).read_bytes()

    async def hangs(work: Callable[[], Any]) -> Any:
        await asyncio.sleep(1e6)

    life(tmp_path, 10, aside=hangs)
    assert (tmp_path / NAME).read_bytes() == before


def test_a_card_that_hangs_does_not_keep_the_daemon_from_its_end(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def hangs(work: Callable[[], Any]) -> Any:
        await asyncio.sleep(1e6)

    clock = ManualClock()
    life(tmp_path, 10, clock, hangs)
    assert clock.now_us() / SECOND == pytest.approx(
        10 + metrics_store.COUNTERS_END_SECONDS, abs=0.01
    )
    assert "the card takes too long" in caplog.text
