"""The daemon's part in a hand-over, for a card without a camera around it.

The control socket is the production one (`camerad.control.server`), on the card's real store: it
lists recordings, signs requests with the card's key, and judges receipts. The camera around it is
in its dock or not, and does nothing else. So twenty of them fit into one process, where twenty
whole daemons would simulate twenty sensors.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, TypeVar

from camerad import __version__
from camerad.base.clock import Clock, ClockSource
from camerad.behaviour.dock_progress import HandoverProgress
from camerad.behaviour.stages import Condition, Intent, Stage
from camerad.config.office_section import Office
from camerad.container.keys import SigningKey
from camerad.control.metrics import Metrics
from camerad.control.routes import CurrentShift, DockProgress
from camerad.control.server import Control
from camerad.store.locations import place_of
from camerad.store.store import PlaceClaim, Store

from hw_mocks.fleet.cards import Card

_T = TypeVar("_T")
_NOTHING: Final = "this camera only hands over"


class CardDaemon:
    """A `camerad.control.server.ControlledCamera`. runtime: directory of its socket. office: where
    it hands over. Everything is called on the event loop, but `acknowledged`, by any thread."""

    def __init__(self, card: Card, runtime: Path, office: Office, clock: Clock) -> None:
        self._card = card
        self._clock = clock
        self._docked = False
        # The store is used by one thread, as in the daemon.
        self._thread: Final = ThreadPoolExecutor(1, thread_name_prefix=card.name)
        self._store: Store | None = None
        self._control: Final = Control(self, str(runtime), None, office=office)
        self.percent: int | None = None
        """Of its battery; None for one without a gauge."""
        self.wrong: tuple[Condition, ...] = ()
        """What is wrong with it."""
        self.acknowledged = 0
        """Recordings that its ledger calls acknowledged."""

    @property
    def socket(self) -> str:
        """Its control socket."""
        return self._control.path

    @property
    def docked(self) -> bool:
        """Whether it is in its dock."""
        return self._docked

    async def open(self) -> None:
        """Begin to answer."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._open)
        await self._control.open()

    async def close(self) -> None:
        """Answer no more, and give the card up."""
        await self._control.close()
        await asyncio.get_running_loop().run_in_executor(self._thread, self._close)
        self._thread.shutdown()

    def dock(self, inside: bool) -> None:
        """Put it in its dock, or take it out."""
        self._docked = inside
        self._control.changed()

    def _open(self) -> None:
        place = place_of(str(self._card.root))
        self._store = Store.open(PlaceClaim(place), self._card.key, self._clock)
        self._store.reconcile()
        self._count(self._store)

    def _close(self) -> None:
        if self._store is not None:
            self._store.close()
            self._store = None

    def _count(self, store: Store) -> None:
        known = store.ledger.state.recordings.values()
        self.acknowledged = sum(one.acknowledged is not None for one in known)

    # ------------------------------------------------------------------ what control asks

    def status(self) -> dict[str, Any]:
        """See `ControlledCamera`; what a hand-over looks at."""
        return {
            "version": __version__,
            "image": None,
            "stage": Stage.IDLE.value,
            "recording": None,
            "ready": True,
            "conditions": [one.value for one in self._conditions()],
            "battery": None if self.percent is None else {"percent": self.percent},
            "clock": ClockSource.SYNCHRONISED.value,
        }

    def _conditions(self) -> Iterator[Condition]:
        if self._docked:
            yield Condition.DOCKED
        yield from self.wrong

    def health(self) -> dict[str, Any]:
        """It has no parts."""
        return {}

    def intend(self, intent: Intent, source: str) -> str | None:  # noqa: ARG002
        """Nothing can be asked of it."""
        return _NOTHING

    async def list_recordings(self) -> list[dict[str, Any]]:
        """What is on the card."""
        return await self.ask(lambda store, _key: [one.as_json() for one in store.recordings()])

    @property
    def device(self) -> str:
        """The camera's name."""
        return self._card.name

    @property
    def shifts(self) -> CurrentShift:
        """Nobody wears it."""
        return _NoShift()

    @property
    def handover(self) -> DockProgress:
        """It has no lights to show it."""
        return _NoLights()

    def metrics(self) -> str:
        """It counts nothing."""
        return ""

    def counters(self) -> dict[str, Any]:
        """The same."""
        return Metrics(0).dump()

    def disputes(self, *, holds: bool) -> None:
        """Whether it disputes what its office shows."""
        others = tuple(one for one in self.wrong if one is not Condition.OFFICE_DISPUTED)
        self.wrong = (*others, Condition.OFFICE_DISPUTED) if holds else others

    def ask(self, work: Callable[[Store, SigningKey], _T]) -> Awaitable[_T]:
        """Have `work` done with the store and the card's key, on the store's thread."""

        def done() -> _T:
            assert self._store is not None
            result = work(self._store, self._card.key)
            self._count(self._store)
            return result

        return asyncio.get_running_loop().run_in_executor(self._thread, done)


class _NoLights:
    async def hear(self, word: HandoverProgress) -> dict[str, Any] | None:  # noqa: ARG002
        return None


class _NoShift:
    def begin(self, wearer: str) -> str | None:  # noqa: ARG002
        return _NOTHING

    def end(self) -> str | None:
        return _NOTHING

    def status(self) -> dict[str, Any] | None:
        return None
