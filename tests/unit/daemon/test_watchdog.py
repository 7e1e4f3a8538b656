"""The service manager hears from the daemon as long as all of it lives, and no longer.

In simulated time, so that a minute's silence takes none; a real datagram socket in its place.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from camerad.base.clock import ManualClock
from camerad.behaviour.budget import BEAT_SECONDS, END_SECONDS, PROOF_SECONDS, Part
from camerad.behaviour.liveness import Sign
from camerad.daemon.shutdown import Watchdog
from tests.system.virtual_time import VirtualLoop

SECOND = 1_000_000


class Manager:
    """A service manager's socket."""

    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.socket.bind(str(path))

    def heard(self) -> int:
        """How many beats have come since the last time."""
        count = 0
        with contextlib.suppress(BlockingIOError):
            while True:
                assert self.socket.recv(64) == b"WATCHDOG=1"
                count += 1
        return count


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Manager]:
    made = Manager(tmp_path / "notify")
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    yield made
    made.socket.close()


def live(
    seconds: float,
    clock: ManualClock,
    signs: Callable[[], tuple[Sign, ...]],
    on_stuck: Callable[[tuple[Part, ...]], None],
) -> None:
    """Let a watchdog run for so long."""

    async def life() -> None:
        task = asyncio.ensure_future(Watchdog(clock, signs, on_stuck).run())
        await asyncio.wait({task}, timeout=seconds)
        task.cancel()

    loop = VirtualLoop(clock)
    try:
        loop.run_until_complete(life())
    finally:
        loop.close()


def test_a_daemon_that_lives_beats_in_time(manager: Manager) -> None:
    clock = ManualClock()
    live(60, clock, lambda: (Sign(Part.LINK, clock.now_us()),), lambda _: pytest.fail("stuck"))
    # At 0 s, 2 s, ... 58 s; the kernel keeps no more than max_dgram_qlen of them, which is 10.
    assert manager.heard() == min(60 / BEAT_SECONDS, queue_length() + 1)


def queue_length() -> int:
    return int(Path("/proc/sys/net/unix/max_dgram_qlen").read_text())


@pytest.mark.parametrize("part", list(Part))
def test_a_thread_that_hangs_ends_the_beats(manager: Manager, part: Part) -> None:
    clock = ManualClock()
    told: list[tuple[int, tuple[Part, ...]]] = []
    beats: list[int] = []

    def signs() -> tuple[Sign, ...]:
        beats.append(manager.heard())  # those before this look
        hangs = min(clock.now_us(), 10 * SECOND)
        others = [Sign(one, clock.now_us()) for one in Part if one is not part]
        return (*others, Sign(part, hangs))

    live(300, clock, signs, lambda parts: told.append((clock.now_us(), parts)))
    ((at_us, parts),) = told
    assert parts == (part,)
    # It is seen at the first look after its time is up, and there is no beat with that look.
    proof_us = round(PROOF_SECONDS[part] * SECOND)
    assert 0 <= at_us - (10 * SECOND + proof_us) < BEAT_SECONDS * SECOND
    assert beats == [0] + [1] * (len(beats) - 1)
    assert manager.heard() == 0


def test_a_loop_that_hangs_sends_no_beat(manager: Manager) -> None:
    """Nothing but the loop sends them: while something blocks it, there are none."""
    clock = ManualClock()
    heard: list[int] = []

    async def life() -> None:
        watchdog = Watchdog(clock, lambda: (), lambda _: pytest.fail("stuck"))
        task = asyncio.ensure_future(watchdog.run())
        await asyncio.sleep(5)
        heard.append(manager.heard())
        clock.advance(60 * SECOND)  # as a call that does not return for a minute
        heard.append(manager.heard())
        task.cancel()

    loop = VirtualLoop(clock)
    try:
        loop.run_until_complete(life())
    finally:
        loop.close()
    assert heard == [3, 0]  # at 0 s, 2 s and 4 s


def see_out(watchdog: Watchdog, manager: Manager, clock: ManualClock) -> list[bool]:
    """For each second of an end that never comes, whether there was a beat."""
    heard: list[bool] = []

    async def life() -> None:
        task = asyncio.ensure_future(watchdog.see_out())
        for _ in range(60):
            await asyncio.sleep(1)
            heard.append(manager.heard() > 0)
        await task

    loop = VirtualLoop(clock)
    try:
        loop.run_until_complete(life())
    finally:
        loop.close()
    return heard


def test_a_daemon_that_ends_beats_for_as_long_as_its_longest_end_takes(manager: Manager) -> None:
    clock = ManualClock()
    heard = see_out(Watchdog(clock, lambda: (), lambda _: None), manager, clock)
    last = max(second for second, beat in enumerate(heard) if beat)
    assert END_SECONDS - BEAT_SECONDS <= last + 1 <= END_SECONDS + BEAT_SECONDS
    # None of them so late that it would be missed.
    assert all(any(heard[at : at + 3]) for at in range(last))


def test_a_daemon_that_was_given_up_does_not_beat_while_it_ends(manager: Manager) -> None:
    clock = ManualClock()
    watchdog = Watchdog(clock, lambda: (Sign(Part.LINK, 0),), lambda _: None)
    loop = VirtualLoop(clock)
    try:
        loop.run_until_complete(watchdog.run())
    finally:
        loop.close()
    manager.heard()
    assert not any(see_out(watchdog, manager, clock))
