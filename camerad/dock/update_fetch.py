"""Fetches an offered update bundle, and hands it in to be installed.

Last of all that is done in the dock, when every recording is handed over. Procedure; it may be cut
off anywhere, and goes on where it was:

1. look how the bundle stands (`camerad.update.offered_bundles`): one that was refused, was
   installed, or is on offer no more is removed, and not fetched again;
2. fetch it in ranges, at the camera's bound on the rate, as long as the card keeps its reserve, and
   no more than `MOST_FETCHED` in one docking;
3. read it back and compare its SHA-256;
4. hand it in. From there on it goes as with a stick: whether it holds, and whether the camera may
   be changed now, is decided by `camerad update offered`, which this process cannot influence.

One that was handed in and is still there waits for a better moment: it is handed in again.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from camerad.base.clock import Clock
from camerad.base.message_ids import MessageId
from camerad.base.text import room
from camerad.behaviour.update import BundleStanding
from camerad.dock import bundle_store
from camerad.dock.bundle_store import BundleStore
from camerad.dock.errors import AnswerKind, OfficeAnswerError, OfficeUnavailableError
from camerad.dock.office_client import OfficeClient
from camerad.dock.office_connection import OfficeConnection
from camerad.dock.office_offers import OfferedContent, fetch_range
from camerad.dock.progress_teller import ProgressReport
from camerad.exchange.agreements import LARGEST_BUNDLE
from camerad.exchange.pace import Pace
from camerad.update.offered_bundles import bundle_standing

log = logging.getLogger(__name__)

RANGE: Final = 1 << 20
"""Bytes that are asked for at once. Each costs a signature of the daemon's."""
MOST_FETCHED: Final = 2 * LARGEST_BUNDLE
"""Bytes that are fetched in one docking, whatever is offered: a card wears out by writing. Each
answer is written durably, and counts as a piece at least, however short it is."""
MOST_DEFERRED: Final = 20
"""Times in a row that the office puts a range off before it is left to the next pass."""
MOST_SPOILT: Final = 2
"""Times that a bundle may arrive with another SHA-256, from one docking to the next."""


class UpdateMemory(msgspec.Struct):
    """What a process remembers of updates. offer: what the office had last for this camera. known:
    whether it was heard. spoilt: how often a bundle came as another one. fetched: bytes of all."""

    offer: OfferedContent | None = None
    known: bool = False
    spoilt: Counter[str] = msgspec.field(default_factory=Counter)
    fetched: int = 0

    def hear(self, offer: OfferedContent | None) -> None:
        """The office has this for the camera, or nothing."""
        self.offer, self.known = offer, True


class UpdatePlace(msgspec.Struct, frozen=True):
    """store: where bundles are kept. provision_dir: `device.provision_dir`, beside which it is
    noted what became of them. running: the version of the system that runs."""

    store: BundleStore
    provision_dir: Path
    running: str


class UpdateFetch:
    """mbit_per_second: the camera's bound (`office.mbit_per_second`). forget: is called when what
    the office offers turns out to be another thing by now, so that the next pass asks."""

    def __init__(
        self,
        place: UpdatePlace,
        client: OfficeClient,
        pausing: OfficeConnection,
        clock: Clock,
        *,
        mbit_per_second: float,
        memory: UpdateMemory,
        report: ProgressReport,
        forget: Callable[[], None],
    ) -> None:
        self._place = place
        self._store = place.store
        self._client = client
        self._pausing = pausing
        self._clock = clock
        self._pace = Pace(mbit_per_second, clock.now_us())
        self._memory = memory
        self._report = report
        self._forget = forget

    def run(self) -> None:
        """All of it, as far as it comes.

        Raises OfficeUnavailableError and OfficeAnswerError if the office does not give
        it: then it is tried again soon; HandoverStoppedError, StorageError, and what the
        daemon refuses with.
        """
        if not self._memory.known:
            return
        offer, place = self._memory.offer, self._place
        if offer is not None:
            found = bundle_standing(place.provision_dir, offer.sha256, place.running)
            if found is not BundleStanding.OPEN:
                offer = None
        self._store.tidy(None if offer is None else offer.sha256)
        if offer is None or self._memory.spoilt[offer.sha256] >= MOST_SPOILT:
            return
        if not self._has_room(offer, 0):
            return
        if not self._store.is_complete(offer.sha256) and not self._bring(offer):
            return
        log.info(
            "the office's update is here, and goes to the installer", extra=MessageId.UPDATED.extra
        )
        self._store.hand_in(offer.sha256)

    def _bring(self, offer: OfferedContent) -> bool:
        """Fetch a bundle whole; False if there is no room for it, or enough was fetched."""
        offset = self._store.offset(offer.sha256)
        while offset < offer.length:
            if not self._has_room(offer, offer.length - offset) or not self._may_fetch():
                return False
            self._report.say(f"fetching an update: {room(offset)} of {room(offer.length)} are here")
            content = self._range(offer, offset)
            self._memory.fetched += max(len(content), bundle_store.PIECE)
            wait = self._pace.take(len(content), self._clock.now_us())
            look = self._pausing.raise_if_stopped
            offset = self._store.append(offer.sha256, offset, content, look)
            if wait:
                self._pausing.pause(wait)
        if self._store.complete(offer.sha256, offer.length, self._pausing.raise_if_stopped):
            return True
        self._memory.spoilt[offer.sha256] += 1
        raise OfficeAnswerError("the update that the office sends is not what it offers (SHA-256)")

    def _has_room(self, offer: OfferedContent, more: int) -> bool:
        """Whether so many bytes may be written; if not, what is there of it is removed."""
        if self._store.has_room(more):
            return True
        self._store.tidy(None)
        log.warning(
            "there is no room for the office's update, of %s, beside what is kept for recordings: "
            "it is fetched when there is",
            room(offer.length),
            extra=MessageId.UPDATE_FAILED.extra,
        )
        return False

    def _may_fetch(self) -> bool:
        """Whether more may be fetched in this docking. What is there stays: it goes on later."""
        if self._memory.fetched < MOST_FETCHED:
            return True
        log.warning(
            "%s of updates were fetched in this docking: more is fetched at the next docking. If "
            "the office offers one after the other, see who does so there",
            room(self._memory.fetched),
            extra=MessageId.UPDATE_FAILED.extra,
        )
        return False

    def _range(self, offer: OfferedContent, offset: int) -> bytes:
        for _ in range(MOST_DEFERRED):
            try:
                return fetch_range(self._client, offer, offset, RANGE)
            except OfficeAnswerError as error:
                if error.kind is not AnswerKind.DEFERRED:
                    self._forget()
                    raise
                self._pausing.pause(error.retry_after)
        raise OfficeUnavailableError("the office sends no update just now", trouble=None)
