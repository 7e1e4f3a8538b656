"""What a package for the prosecutor needs of the server, besides the recordings: no footage.

The package is made in the tab of whoever has the key (``camerad/office/desk/package_maker``), as
``camerad evidence export`` makes it. What the ledgers say of a recording goes into it as they have
it, signed: the tab checks each statement, and takes from them alone how the recording ended and why
it is held. Of other cameras' ledgers none is asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import msgspec
from msgspec.structs import replace

from camerad import __version__
from camerad.container.keys import PublicKey
from camerad.ledger.recording_changes import Ended
from camerad.office.desk.recording_history import LedgerEntry, ends_carried, entries_of
from camerad.office.desk.recording_routes import recording_of
from camerad.office.desk.roles import WITH_FOOTAGE
from camerad.office.desk.route_table import Route, Visit
from camerad.store.locations import office_place


class LedgerSigner(msgspec.Struct, frozen=True):
    """A public key that signed what a ledger says."""

    thumbprint: str
    pem: str


class LedgerWords(msgspec.Struct, frozen=True):
    """What both ledgers say of a recording. tokens: a signed statement each, oldest first. carried:
    signed statements that carry on what older ones said of its end, where none of `tokens` names
    it; they speak of other recordings besides, and go into no package. signers: who signed any of
    these. software: that this server runs."""

    tokens: list[str]
    carried: list[str]
    signers: list[LedgerSigner]
    software: str


class PackageRoutes:
    """directory: the office's. own: its public key."""

    def __init__(self, directory: str, own: PublicKey) -> None:
        self._directory = directory
        self._own = own

    def routes(self) -> Iterator[Route]:
        """All of them."""
        yield Route("GET", "/api/recordings/{recording}/ledgers", WITH_FOOTAGE, self._ledgers)

    async def _ledgers(self, visit: Visit) -> LedgerWords:
        recording = recording_of(visit.request)
        return await asyncio.to_thread(self._collect, recording)

    def _collect(self, recording: str) -> LedgerWords:
        place = office_place(self._directory)
        holding = place.holding_of(place.find(recording))
        if holding is not None:
            place = replace(place, holdings=(holding,))
        found = list(entries_of(place, self._own, recording))
        carried: list[LedgerEntry] = []
        if not any(isinstance(one.entry.facts, Ended) for one in found):
            carried = list(ends_carried(place, self._own, recording))
        signers = {one.signer.thumbprint: one.signer.pem for one in (*found, *carried)}
        return LedgerWords(
            [one.entry.token.decode("ascii") for one in found],
            [one.entry.token.decode("ascii") for one in carried],
            [LedgerSigner(*one) for one in signers.items()],
            f"camerad {__version__}",
        )
