"""A page's fingers on the camera's buttons, in the time in which they moved.

A page says of every finger when it went down and when it came up: on its own clock, in
milliseconds. The network between them takes its time, now more and now less, and the camera is to
feel what the finger did and not what the network did to it. So:

- A finger that comes down while none is known is laid on the button `STEADY_SECONDS` after the word
  of it: by so much the words that follow may be slower. How late that is counts from then on.
  Whatever follows is carried out as late, or later if it comes later still.
- A finger that comes up has held its button for as long as its two times say, to the microsecond of
  the pin (`Board.hold`). Only if word of it comes to the pin after that length is over has the
  camera felt more than there was, and then the page is told by how much: it is read from the edges,
  since not only the network takes its time. No network becomes quicker by more than
  `LATEST_SECONDS` while a finger rests: so much longer than between its two words a button is held
  at most, whatever a page's clock shows.
- What comes more than `LATEST_SECONDS` later than the quickest word of this page is refused: who
  pressed has long seen that nothing happens, and does not want it any more.
- A page that goes lets go of everything.
- Fingers of several pages add up, as on a real button: it is pressed until all have let go.

Times on the page's clock are compared with each other only. Both clocks are believed to be equally
fast. Time and waiting are handed in, so a test decides them.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol

from hw_mocks.bus import now_us

LATEST_SECONDS: Final = 3.0
"""As long as a page goes without a word before it says that it knows nothing any more."""
STEADY_SECONDS: Final = 0.04
"""No hand feels it, and no network that is any good is less even."""
QUIET_SECONDS: Final = 1.0
"""After so long without a finger the next one comes as soon as it can: longer than any pause within
a gesture."""
LONGEST_MS: Final = 1e12
"""No page is open for longer."""
_PAGES: Final = itertools.count()
MAX_WAITING: Final = 64
"""Words of a page that are not carried out yet; who presses faster is no hand."""

Answer = dict[str, Any]


class Buttons(Protocol):
    """What is pressed: `hw_mocks.sim.board.Board`."""

    async def hold(
        self, button: str, down: bool, seconds: float | None = None, hand: str = ""
    ) -> Answer:
        """See there."""


@dataclass(frozen=True, slots=True)
class Finger:
    """One word of a page. at_us: on its clock."""

    button: str
    down: bool
    at_us: int


@dataclass(frozen=True, slots=True)
class _Down:
    """A finger on a button. at_us: on the page's clock. lag_us: by so much word of it was behind
    that clock. closed_us: media time at which the contact closed; None if nobody looked at it."""

    at_us: int
    lag_us: int
    closed_us: int | None


class Strange(Exception):
    """Error raised when a page says something that no page says."""


class Fingers:
    """Those of one page. `tell` is called with what came of each word: {"button", "down", "at_us":
    media time of the edge | null, "late_us": by how much longer a button was held than the finger
    did, "refused": whether it came too late to be carried out}.

    buttons: the names of those that the camera has. clock: media time in microseconds. pause: waits
    for so many seconds of it.
    """

    def __init__(
        self,
        board: Buttons,
        buttons: frozenset[str],
        tell: Callable[[Answer], None],
        *,
        clock: Callable[[], int] = now_us,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._board = board
        self._buttons = buttons
        self._tell = tell
        self._clock = clock
        self._pause = pause
        self._hand = f"page {next(_PAGES)}"
        self._waiting: asyncio.Queue[tuple[Finger, int]] = asyncio.Queue(MAX_WAITING)
        self._down: dict[str, _Down] = {}
        self._quickest_us: int | None = None
        self._late_us: int | None = None
        self._newest_us = 0
        self._task = asyncio.get_running_loop().create_task(self._follow())

    def heard(self, told: Any) -> None:
        """Take a word in: {"at_ms"} says what the page's clock shows, and with "button" and "down"
        what a finger does. Raises Strange for anything else.
        """
        if not isinstance(told, dict):
            raise Strange("a page says objects")
        at_us = self._time(told.get("at_ms"))
        lag_us = self._clock() - at_us
        if self._quickest_us is None or lag_us < self._quickest_us:
            self._quickest_us = lag_us
        if told.keys() == {"at_ms"}:
            return
        button, down = told.get("button"), told.get("down")
        if told.keys() != {"at_ms", "button", "down"} or not isinstance(down, bool):
            raise Strange("a finger is on a button, and down or up")
        if not isinstance(button, str) or button not in self._buttons:
            raise Strange("there is no such button")
        try:
            self._waiting.put_nowait((Finger(button, down, at_us), lag_us))
        except asyncio.QueueFull:
            raise Strange("no hand is as fast") from None

    async def close(self) -> None:
        """Let go of everything."""
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        for button in tuple(self._down):
            await self._board.hold(button, False, hand=self._hand)
        self._down.clear()

    def _time(self, at_ms: Any) -> int:
        good = isinstance(at_ms, int | float) and not isinstance(at_ms, bool)
        # NaN lies between nothing.
        if not good or not 0 <= at_ms < LONGEST_MS:
            raise Strange("a page's clock shows milliseconds")
        return round(float(at_ms) * 1000)

    async def _follow(self) -> None:
        while True:
            await self._carry_out(*await self._waiting.get())

    async def _carry_out(self, finger: Finger, lag_us: int) -> None:
        since = self._down.get(finger.button)
        if finger.down == (since is not None):
            return  # it is there already, or was never there: one that was refused comes up
        if finger.down and lag_us - (self._quickest_us or 0) > LATEST_SECONDS * 1e6:
            self._told(finger, None, refused=True)
            return
        self._keep_pace(finger, lag_us)
        if since is None:
            await self._until(finger)
            # Who goes now lets go of it, whether or not its contact has come to rest.
            self._down[finger.button] = _Down(finger.at_us, lag_us, None)
            closed_us = (await self._board.hold(finger.button, True, hand=self._hand))["at_us"]
            self._down[finger.button] = _Down(finger.at_us, lag_us, closed_us)
            if closed_us is not None:
                # When the contact closed, and not when it was to.
                self._late_us = max(self._late_us or 0, closed_us - finger.at_us)
            self._told(finger, closed_us)
            return
        del self._down[finger.button]
        ahead_us = max(0, since.lag_us - lag_us - round(LATEST_SECONDS * 1e6))
        length_us = max(1000, finger.at_us - since.at_us - ahead_us)
        let_go = await self._board.hold(finger.button, False, length_us / 1e6, self._hand)
        opened_us = let_go["at_us"]
        felt = since.closed_us is not None and opened_us is not None
        late_us = max(0, opened_us - since.closed_us - length_us) if felt else 0
        self._told(finger, opened_us, late_us=late_us)

    def _keep_pace(self, finger: Finger, lag_us: int) -> None:
        """If this word comes later than those before it, what follows waits as long."""
        quiet = not self._down and finger.at_us - self._newest_us > QUIET_SECONDS * 1e6
        before_us = None if quiet else self._late_us
        self._newest_us = finger.at_us
        if before_us is None or lag_us > before_us:
            self._late_us = lag_us + round(STEADY_SECONDS * 1e6)

    async def _until(self, finger: Finger) -> None:
        """Wait until it is this finger's turn."""
        assert self._late_us is not None
        await self._pause(max(0, finger.at_us + self._late_us - self._clock()) / 1e6)

    def _told(
        self, finger: Finger, at_us: int | None, *, late_us: int = 0, refused: bool = False
    ) -> None:
        self._tell(
            {
                "button": finger.button,
                "down": finger.down,
                "at_us": at_us,
                "late_us": late_us,
                "refused": refused,
            }
        )
