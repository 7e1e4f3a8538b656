"""Fingers of a page: felt as long as they were, or not at all."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import pytest
from sim_page import Page, page, run
from sim_support import Sim, running, to_idle
from waiting import DEADLINE

from hw_mocks.bus import now_us
from hw_mocks.sim.fingers import LATEST_SECONDS, MAX_WAITING, Fingers, Strange

BOUNCE_US = 20_000
"""Every bounce of a contact that closes is over after so long."""


@pytest.fixture(scope="module")
def sim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sim]:
    with running(tmp_path_factory.mktemp("fingers")) as made:
        yield made


def clock_ms() -> float:
    """A page's clock: it began when the page did."""
    return time.monotonic() * 1000


async def says(one: Page, button: str, down: bool, at_ms: float) -> None:
    await one.socket.send_json({"button": button, "down": down, "at_ms": at_ms})


async def edges(sim: Sim, after_us: int) -> list[dict[str, Any]]:
    found = (await asyncio.to_thread(sim.ask, "GET", f"/api/edges?after={after_us}"))[1]
    return [edge for edge in found if edge["name"] == "main"]


def test_a_button_is_held_for_as_long_as_the_finger_was_on_it(sim: Sim) -> None:
    to_idle(sim)

    async def story() -> None:
        async with page(sim) as one:
            for late_s, seconds in ((0.0, 0.2), (0.25, 0.2)):
                after_us, at_ms = now_us(), clock_ms()
                await says(one, "main", True, at_ms)
                await one.hears("finger", lambda told: told["down"])
                # Word that it came up comes early, or when it should have been over.
                await asyncio.sleep(late_s)
                await says(one, "main", False, at_ms + seconds * 1000)
                told = await one.hears("finger", lambda told: not told["down"])
                seen = await edges(sim, after_us)
                length_us = told["at_us"] - seen[0]["at_us"]
                # Longer than the finger was there only where the word is late; and that is said.
                assert length_us == 200_000 + told["late_us"]
                assert late_s < seconds or told["late_us"] > 0

    run(story())


def test_two_presses_keep_the_pause_between_them(sim: Sim) -> None:
    to_idle(sim)

    async def story() -> None:
        async with page(sim) as one:
            after_us, at_ms = now_us(), clock_ms()
            for down, later in ((True, 0), (False, 60), (True, 160), (False, 220)):
                await says(one, "main", down, at_ms + later)
            words = [
                await one.hears("finger", lambda told, down=down: told["down"] == down)
                for down in (True, False, True, False)
            ]
            first, _, second, ended = (told["at_us"] for told in words)
            assert second - first >= 160_000
            assert ended - second == 60_000 + words[-1]["late_us"]
            assert {first, second, ended} <= {one["at_us"] for one in await edges(sim, after_us)}

    run(story())


def test_what_comes_too_late_is_not_pressed(sim: Sim) -> None:
    to_idle(sim)

    async def story() -> None:
        async with page(sim) as one:
            at_ms, after_us = clock_ms(), now_us()
            await one.socket.send_json({"at_ms": at_ms})
            assert (await one.hears("pulse")) == {"at_ms": at_ms}
            old_ms = at_ms - 1000 * LATEST_SECONDS - 100
            await says(one, "main", True, old_ms)
            await says(one, "main", False, old_ms + 50)
            assert (await one.hears("finger"))["refused"]
            # One that is in time is.
            await says(one, "display", True, clock_ms())
            assert not (await one.hears("finger"))["refused"]
            await says(one, "display", False, clock_ms())
            await one.hears("finger")
            assert await edges(sim, after_us) == []

    run(story())


def test_a_page_that_goes_lets_go(sim: Sim) -> None:
    to_idle(sim)

    async def story() -> None:
        after_us = now_us()
        async with page(sim) as one:
            await says(one, "main", True, clock_ms())
            await one.hears("finger", lambda told: told["down"])
        async with asyncio.timeout(DEADLINE):
            while not (seen := await edges(sim, after_us)) or seen[-1]["on"]:
                await asyncio.sleep(0.02)

    run(story())


def test_two_pages_on_one_button_add_up_and_both_are_told(sim: Sim) -> None:
    """The contact is closed from the first finger until the last one has let go."""
    to_idle(sim)

    async def story() -> None:
        async with page(sim) as one, page(sim) as other:

            def on_it(count: int | None) -> dict[str, Any]:
                return {"state": lambda told: told["hands"].get("main") == count}

            async def does(who: Page, watcher: Page, down: bool, count: int | None) -> Any:
                """What it is told of its finger; both are told how many are on the button."""
                await says(who, "main", down, clock_ms())
                told = await who.hears_each({"finger": bool, **on_it(count)})
                await watcher.hears_each(on_it(count))
                return told["finger"]["at_us"]

            after_us, began_ms = now_us(), clock_ms()
            closed_us = await does(one, other, True, 1)
            assert await does(other, one, True, 2) is None
            assert await does(one, other, False, 1) is None
            assert (await edges(sim, after_us))[-1]["on"]
            opened_us = await does(other, one, False, None)
            assert 0 < opened_us - closed_us < (clock_ms() - began_ms) * 1000
            seen = [edge["at_us"] for edge in await edges(sim, after_us) if not edge["on"]]
            # Before the last one let go it was open for no longer than its contact bounced.
            assert all(at_us - closed_us < BOUNCE_US or at_us >= opened_us for at_us in seen)

    run(story())


@pytest.mark.parametrize(
    "word",
    [
        "hello",
        "[]",
        "[" * 500,
        "{}",
        '{"at_ms": NaN}',
        '{"at_ms": -1}',
        '{"at_ms": true}',
        '{"at_ms": 1, "button": "main"}',
        '{"at_ms": 1, "button": "main", "down": 1}',
        '{"at_ms": 1, "button": "trigger", "down": true}',
        '{"at_ms": 1, "button": [], "down": true}',
        b"\x00",
    ],
    ids=lambda word: str(word)[:40],
)
def test_a_page_that_says_what_no_page_says_is_parted_from(sim: Sim, word: str | bytes) -> None:
    async def story() -> None:
        async with page(sim) as one:
            await one.hears("state")
            send = one.socket.send_bytes if isinstance(word, bytes) else one.socket.send_str
            await send(word)  # type: ignore[arg-type]
            async for _ in one.socket:
                pass
            assert one.socket.close_code == 1008

    run(story())
    assert sim.state()["ready"]


def test_no_hand_is_as_fast() -> None:
    class Held:
        """Buttons that never come to rest."""

        async def hold(
            self, button: str, down: bool, seconds: float | None = None, hand: str = ""
        ) -> dict[str, Any]:
            del button, seconds, hand
            if down:
                await asyncio.Event().wait()
            return {"at_us": None}

    async def story() -> None:
        fingers = Fingers(Held(), frozenset({"main"}), lambda _: None)
        with pytest.raises(Strange, match="as fast"):
            for number in range(MAX_WAITING + 2):
                fingers.heard({"button": "main", "down": number % 2 == 0, "at_ms": number})
        await fingers.close()

    run(story())


def test_a_clock_that_runs_ahead_holds_no_button_for_long() -> None:
    class Felt:
        """Buttons that tell how long they were held."""

        def __init__(self) -> None:
            self.seconds: list[float | None] = []

        async def hold(
            self, button: str, down: bool, seconds: float | None = None, hand: str = ""
        ) -> dict[str, Any]:
            del button, hand
            if not down:
                self.seconds.append(seconds)
            return {"at_us": now_us()}

    async def story() -> None:
        felt = Felt()
        told: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        fingers = Fingers(felt, frozenset({"main"}), told.put_nowait)
        for down, at_ms in ((True, 0.0), (False, 9e11)):
            fingers.heard({"button": "main", "down": down, "at_ms": at_ms})
            assert (await asyncio.wait_for(told.get(), DEADLINE))["down"] is down
        await fingers.close()
        (seconds,) = felt.seconds
        # Three seconds, and what there was between the two words.
        assert seconds is not None and LATEST_SECONDS <= seconds < LATEST_SECONDS + 1

    run(story())
