"""Entries of an office's ledger about its cameras: revocations and offers.

One Struct for each kind of entry, field by field its ``facts``; what holds for all kinds:
`camerad.ledger.entry_types`. Each is written before what it says takes effect. kid: thumbprint of
the camera's key; name: as the register had it; who: as in `camerad.ledger.people_entries`.
"""

from __future__ import annotations

import msgspec


class CameraEntry(msgspec.Struct, frozen=True):
    """A camera was withdrawn, so that the office takes nothing of it, or taken back. what:
    "withdrawn" or "returned"; why: "lost", "stolen", "broken" or "other" of a withdrawal, "" of a
    return; reason: what was said about it."""

    kid: str
    name: str
    who: str
    what: str
    why: str
    reason: str


class OfferEntry(msgspec.Struct, frozen=True):
    """Something was offered to a camera at the desk, or is offered no more. what: "offered" or
    "withdrawn"; offer: "settings" or "update"; sha256: of what is offered, as check-ins name it;
    version: of the update, "" of settings."""

    kid: str
    name: str
    who: str
    what: str
    offer: str
    sha256: str
    version: str
