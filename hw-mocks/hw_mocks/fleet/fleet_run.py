"""A fleet in its docks: cards, their daemons' parts, the clients, and one office.

What interrupts it is drawn from a seed: cameras taken out and put back, clients and the office
killed, and the network of all of them gone for a moment.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from camerad.base.clock import SystemClock
from camerad.config.office_section import Office

from hw_mocks.fleet.card_daemons import CardDaemon
from hw_mocks.fleet.cards import Card
from hw_mocks.fleet.fleet_office import FleetOffice, FleetOfficeError
from hw_mocks.fleet.uploaders import Uploader
from hw_mocks.sim.relay import Relay

LOOK_SECONDS: Final = 0.1
FASTEST: Final = 10_000
"""Megabits per second: nobody waits for a bound."""


@dataclass(slots=True)
class FleetCamera:
    """A camera of the fleet. bytes: of its recordings."""

    card: Card
    daemon: CardDaemon
    uploader: Uploader
    bytes: int
    recordings: int

    @property
    def done(self) -> bool:
        """Whether all of it is acknowledged."""
        return self.daemon.acknowledged == self.recordings


class Fleet:
    """root: directory for sockets and logs. cards: filled. office: begun, with these cards' keys.

    Everything is called on one event loop.
    """

    def __init__(
        self, root: Path, cards: Sequence[Card], office: FleetOffice, mbit: int = FASTEST
    ) -> None:
        self._root = root
        self._cards = cards
        self._section = office.section(mbit)
        self.office: Final = office
        self.cameras: list[FleetCamera] = []

    async def open(self) -> None:
        """Have every camera there, out of its dock, with its client waiting."""
        office = Office(**self._section)
        for card in self._cards:
            place = self._root / card.name
            place.mkdir(parents=True)
            daemon = CardDaemon(card, place, office, SystemClock())
            await daemon.open()
            uploader = Uploader(place, card.name, card.root, self._section)
            files = card.files
            size = sum(path.stat().st_size for path in files)
            self.cameras.append(FleetCamera(card, daemon, uploader, size, len(files)))
            uploader.start()

    async def close(self) -> None:
        """End every client, and give the cards up."""
        for one in self.cameras:
            await asyncio.to_thread(one.uploader.close)
            await one.daemon.close()

    async def waiting(self, seconds: float) -> None:
        """Return when every client waits for its camera's dock. Raises TimeoutError, and
        FleetOfficeError if one has ended."""
        await self._all_say("waiting for the dock", seconds)

    async def checked_in(self, seconds: float) -> None:
        """Return when every client has said that everything is handed over: its camera has checked
        in since. Raises as `waiting`."""
        await self._all_say("everything is handed over", seconds)

    async def _all_say(self, text: str, seconds: float) -> None:
        async with asyncio.timeout(seconds):
            while not all(text in one.uploader.status() for one in self.cameras):
                if ended := [one.uploader for one in self.cameras if not one.uploader.running]:
                    raise FleetOfficeError(f"a client has ended; {ended[0].log} says why")
                await asyncio.sleep(LOOK_SECONDS)

    def dock(self) -> None:
        """Put all of them in, as at the end of a shift."""
        for one in self.cameras:
            one.daemon.dock(True)

    @property
    def done(self) -> bool:
        """Whether everything is acknowledged."""
        return all(one.done for one in self.cameras)

    @property
    def bytes(self) -> int:
        """Of all recordings."""
        return sum(one.bytes for one in self.cameras)

    async def finished(self, seconds: float) -> None:
        """Return when everything is acknowledged. Raises TimeoutError."""
        async with asyncio.timeout(seconds):
            while not self.done:
                self.office.look()
                await asyncio.sleep(LOOK_SECONDS)


class Cuts:
    """What interrupts a fleet, one thing after another, until it is cancelled.

    seed: of what comes when. relay: the network between. every: seconds from one to the next, on
    the average.
    """

    def __init__(self, fleet: Fleet, relay: Relay, seed: int, every: float) -> None:
        self._fleet = fleet
        self._relay = relay
        self._chance = random.Random(seed)
        self._every = every
        self.count: dict[str, int] = dict.fromkeys(
            ("undocked", "client killed", "office killed", "network gone"), 0
        )

    async def run(self) -> None:
        """Until it is cancelled. Whatever was interrupted goes on then."""
        try:
            while True:
                await asyncio.sleep(self._chance.expovariate(1 / self._every))
                await self.once(self._chance.choice(tuple(self.count)))
        finally:
            self.mend()

    def mend(self) -> None:
        """Have everything be as it is where nothing interrupts."""
        self._relay.plug()
        for one in self._fleet.cameras:
            one.uploader.start()
            one.daemon.dock(True)

    async def once(self, kind: str) -> None:
        """One interruption of that kind, of a camera that is not done; nothing if all are."""
        open_ones = [one for one in self._fleet.cameras if not one.done]
        if not open_ones:
            return
        self.count[kind] += 1
        one = self._chance.choice(open_ones)
        pause = self._chance.uniform(0.05, 1.0)
        if kind == "undocked":
            one.daemon.dock(False)
            await asyncio.sleep(pause)
            one.daemon.dock(True)
        elif kind == "client killed":
            await asyncio.to_thread(one.uploader.kill)
            await asyncio.sleep(pause)
            one.uploader.start()
        elif kind == "office killed":
            await asyncio.to_thread(self._fleet.office.kill)
            await asyncio.sleep(pause)
            await asyncio.to_thread(self._fleet.office.start)
            self._redock()
        else:
            self._relay.pull()
            await asyncio.sleep(pause)
            self._relay.plug()
            self._redock()

    def _redock(self) -> None:
        """Who could not reach the office tries again in a quarter of a minute, and at each docking
        at once."""
        for one in self._fleet.cameras:
            if not one.done:
                one.daemon.dock(False)
                one.daemon.dock(True)
