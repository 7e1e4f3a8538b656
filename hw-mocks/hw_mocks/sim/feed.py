"""What the simulator tells everybody who follows it: made once, however many they are.

`Feed` looks at the daemon's state, at the board's pins, at the front display and at the list of
recordings, and hands what is new to its followers, one `Follower` per connection:

- ``state``: the state as /api/state has it, at every change and once a second
- ``edge``: a pin has changed: {"name", "on", "at_us"} and, of an output with a pitch, "hertz"
- ``recordings``: the list as /api/recordings has it; null while it was not listed yet
- ``faults``: the faults that last: {name: media time in microseconds at which it ends}
- ``spoken``: the camera says something aloud; see `hw_mocks.sim.loudspeaker`
- ``desk``: what the evidence desk does and found; see `hw_mocks.sim.desk`
- a picture: what the front display holds, as JPEG, whenever that is another one

Nobody waits for anybody: a follower that is slow gets the newest picture and not those it missed,
and one that is so slow that news pile up is told everything afresh.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Final

from hw_mocks.bus import Message, now_us
from hw_mocks.panel import Panel
from hw_mocks.sim.board import Board
from hw_mocks.sim.control import ControlClient
from hw_mocks.sim.history import History
from hw_mocks.sim.loudspeaker import Loudspeaker

DISPLAY_SECONDS: Final = 1 / 15
"""How often the display is looked at while somebody follows."""
HEAR_SECONDS: Final = 0.1
"""How often it is listened to the loudspeaker meanwhile."""
TICK_SECONDS: Final = 1.0
LIST_SECONDS: Final = 5.0
"""How often the recordings are listed without a reason: retention deletes without a word."""
NEWS_LIMIT: Final = 500
RECORDING: Final = (
    "id",
    "path",
    "started",
    "seconds",
    "pre_event_seconds",
    "frames",
    "gaps",
    "sound",
    "sound_gaps",
    "marks",
    "continues",
    "state",
    "reason",
    "acknowledged",
)

log = logging.getLogger("hw_mocks.sim")

News = dict[str, Any]


class Follower:
    """One connection's share of the news. `news` and `picture` are taken by whoever sends them."""

    def __init__(self, afresh: Callable[[], list[News]]) -> None:
        self.come = asyncio.Event()
        """Set when there is something to send."""
        self._afresh = afresh
        self._news: deque[News] = deque(afresh())
        self._picture: bytes | None = None
        self.come.set()

    def tell(self, news: News) -> None:
        """Called by the feed."""
        if len(self._news) >= NEWS_LIMIT:
            self._news = deque(self._afresh())
        else:
            self._news.append(news)
        self.come.set()

    def show(self, picture: bytes) -> None:
        """Called by the feed."""
        self._picture = picture
        self.come.set()

    def take(self) -> tuple[list[News], bytes | None]:
        """Everything that is to be sent now."""
        self.come.clear()
        news, self._news = list(self._news), deque()
        picture, self._picture = self._picture, None
        return news, picture


class Feed:
    """See above. `describe` makes the state of what the daemon says of itself.

    `desk` says what the evidence desk does, for ``desk``.
    """

    def __init__(
        self,
        board: Board,
        control: ControlClient,
        panel: Panel,
        describe: Callable[[dict[str, Any] | None], dict[str, Any]],
        desk: Callable[[], dict[str, Any]],
        *,
        loudspeaker: Loudspeaker,
    ) -> None:
        self.history = History()
        self._board = board
        self._control = control
        self._panel = panel
        self._describe = describe
        self._desk = desk
        self._loudspeaker = loudspeaker
        self._followers: set[Follower] = set()
        self._changed = asyncio.Event()
        self._to_list = asyncio.Event()
        self._followed = asyncio.Event()
        self._edges = board.edges_seen
        self._state: dict[str, Any] = {}
        self._recordings: list[dict[str, Any]] | None = None
        self._picture = b""
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to look. Needs a running event loop."""
        # Each on its own: a card that hangs delays the list, and no light.
        loops = (self._tell_states, self._refresh, self._list, self._show, self._hear)
        create = asyncio.get_running_loop().create_task
        self._tasks = [create(self._repeat(one)) for one in loops]

    async def stop(self) -> None:
        """Look no longer; the panel may be closed afterwards."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def changed(self) -> None:
        """Called whenever something of the state may have changed."""
        self._tell_edges()
        self._changed.set()

    def follow(self) -> Follower:
        """A new follower; it is told everything at first."""
        self._tell_state()
        follower = Follower(self._afresh)
        if self._picture:
            follower.show(self._picture)
        self._followers.add(follower)
        # While nobody followed, nobody looked.
        self._followed.set()
        self._to_list.set()
        return follower

    def leave(self, follower: Follower) -> None:
        """The connection is gone."""
        self._followers.discard(follower)
        if not self._followers:
            self._followed.clear()
            self._picture = b""

    def tell(self, kind: str, value: Any) -> None:
        """Tell every follower something that the feed does not look at itself."""
        self._tell({"kind": kind, "at_us": now_us(), "value": value})

    def _tell(self, news: News) -> None:
        for follower in self._followers:
            follower.tell(news)

    def _afresh(self) -> list[News]:
        at_us = now_us()
        return [
            {"kind": "history", "at_us": at_us, "value": self.history.moments()},
            {"kind": "state", "at_us": at_us, "value": self._state},
            {"kind": "recordings", "at_us": at_us, "value": self._recordings},
            {"kind": "faults", "at_us": at_us, "value": self._board.lasting()},
            {"kind": "desk", "at_us": at_us, "value": self._desk()},
        ]

    async def _repeat(self, step: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await step()
            except Exception:
                # A mistake of ours must not end what everybody watches.
                log.exception("something could not be told")
                await asyncio.sleep(TICK_SECONDS)

    async def _tell_states(self) -> None:
        await self._changed.wait()
        self._changed.clear()
        self._tell_state()

    def _tell_state(self) -> None:
        """Look at the state, and tell it if it is another one."""
        before, state = self._state, self._describe(self._control.status)
        self.history.note(now_us(), state)
        if state == before:
            return
        self._state = state
        self.tell("state", state)
        if _listed_by(state) != _listed_by(before):
            self._to_list.set()

    async def _refresh(self) -> None:
        """Ask for what grows without any event: the recording, and the pre-event buffer."""
        await self._followed.wait()
        await asyncio.sleep(TICK_SECONDS)
        await self._control.refresh()
        self._changed.set()

    async def _list(self) -> None:
        """List the recordings when a stage has begun, when somebody comes, and now and then."""
        await self._followed.wait()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LIST_SECONDS):
                await self._to_list.wait()
        self._to_list.clear()
        listed = await self._control.recordings()
        if listed is None:
            # The daemon does not answer yet, or its card hangs; it is asked again.
            await asyncio.sleep(TICK_SECONDS)
            self._to_list.set()
            return
        recordings = shortened(listed)
        if recordings != self._recordings:
            self._recordings = recordings
            self.tell("recordings", recordings)

    async def _show(self) -> None:
        await self._followed.wait()
        await asyncio.sleep(DISPLAY_SECONDS)
        # Encoding takes a millisecond or two, which are not the loop's to spend.
        picture = await asyncio.to_thread(self._panel.jpeg)
        if picture == self._picture or not self._followers:
            return
        self._picture = picture
        for follower in self._followers:
            follower.show(picture)
        if self._panel.lit() != self._state.get("display"):
            self._changed.set()

    async def _hear(self) -> None:
        if not self._followed.is_set():
            await self._followed.wait()
            self._loudspeaker.skip()
        await asyncio.sleep(HEAR_SECONDS)
        if (said := await asyncio.to_thread(self._loudspeaker.listen)) is not None:
            self.tell("spoken", said)

    def _tell_edges(self) -> None:
        fresh = self._board.edges_seen - self._edges
        self._edges += fresh
        if not self._followers or fresh == 0:
            return
        for edge in list(self._board.edges)[-fresh:]:
            self._tell({"kind": "edge", "at_us": edge["at_us"], "value": _edge(edge)})


def _listed_by(state: dict[str, Any]) -> tuple[Any, ...]:
    """What has the recordings listed anew when it is another."""
    recording = state.get("recording")
    return state.get("stage"), recording and recording["id"]


def shortened(recordings: list[Any]) -> list[dict[str, Any]]:
    """The daemon's list of recordings, as it is passed on."""
    return [{key: one.get(key) for key in RECORDING} for one in recordings]


def _edge(edge: Message) -> dict[str, Any]:
    told = {key: edge[key] for key in ("name", "on", "at_us")}
    return told | {"hertz": edge["hertz"]} if edge.get("hertz") else told
