"""What a package for the prosecutor needs of the server, besides the recordings: no footage.

The package is made in the tab of whoever has the key (``camerad/desk/package_maker``), as
``camerad evidence export`` makes it. What the ledgers say of a recording goes into it as they have
it, signed, so that nobody has to trust the tab or this server for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import msgspec

from camerad import __version__
from camerad.container.keys import PublicKey
from camerad.desk.recording_history import entries_of, final_of
from camerad.desk.recording_routes import recording_of
from camerad.desk.roles import WITH_FOOTAGE
from camerad.desk.route_table import Route, Visit
from camerad.store.locations import office_place


class LedgerSigner(msgspec.Struct, frozen=True):
    """A public key that signed what a ledger says."""

    thumbprint: str
    pem: str


class LedgerWords(msgspec.Struct, frozen=True):
    """What both ledgers say of a recording. tokens: a signed statement each, oldest first; signers:
    who signed them. final: SHA-256 of the recording's end as they name it, None if none does.
    software: that this server runs."""

    tokens: list[str]
    signers: list[LedgerSigner]
    final: str | None
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
        place.find(recording)
        found = list(entries_of(place, self._own, recording))
        signers = {one.signer.thumbprint: one.signer.pem for one in found}
        return LedgerWords(
            [one.entry.token.decode("ascii") for one in found],
            [LedgerSigner(*one) for one in signers.items()],
            final_of(place, self._own, recording),
            f"camerad {__version__}",
        )
