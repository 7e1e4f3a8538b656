"""What the office has for a camera that checks in: a settings file, signed as on its card.

``office/offers/KID/settings.jws`` is file and signature as one
(`camerad.provisioning.settings_offer`), published whole. `camerad office offer settings` and the
desk's page put it there, under the lock ``offer-KID`` (`camerad.office.server.offer_kinds`); the
server takes it away once the camera runs by it, since it may have a network's passphrase. Nothing
here is believed: the camera judges it by the office's key.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from typing import Final

import msgspec

from camerad.base import durable_files, file_status
from camerad.base.safe_read import read_plain
from camerad.container.keys import Thumbprint
from camerad.office.server.directory_locks import DirectoryLocks, NamedLocks
from camerad.office.server.offer_kinds import LOCK_SECONDS, offer_path, take_back, taken_away
from camerad.provisioning import settings_offer
from camerad.provisioning.signing import SignatureFileError
from camerad.provisioning.validation import digest
from camerad.store.check_in import SETTINGS, CheckIn
from camerad.store.locations import OFFICE


class SettingsOffer(msgspec.Struct, frozen=True):
    """An `camerad.office.server.offer_kinds.OfferContent`. content: as it is fetched; sha256: of
    that. file: SHA-256 of the settings file in it, "" if there is none in it."""

    content: bytes
    sha256: str
    file: str
    media_type: str = "application/jose"

    @property
    def length(self) -> int:
        """Its bytes."""
        return len(self.content)

    def pieces(self, begin: int, end: int) -> Iterator[bytes]:
        """Some of them, all at once: there are few."""
        yield self.content[begin:end]


class SettingsOffers:
    """An `camerad.office.server.offer_kinds.OfferKind`. root: the office's directory."""

    kind: Final = SETTINGS

    def __init__(self, root: str, locks: NamedLocks | None = None) -> None:
        self._office = os.path.join(os.path.abspath(root), OFFICE)
        self._locks = locks or DirectoryLocks(os.path.abspath(root), LOCK_SECONDS)

    def find(self, kid: Thumbprint) -> SettingsOffer | None:
        """What there is for a camera; None if there is nothing."""
        path = self._path(kid)
        if not file_status.is_file(path):
            return None
        content = read_plain(path, "offered settings", settings_offer.LONGEST + 1)
        try:
            file = digest(settings_offer.split(content)[0])
        except SignatureFileError:
            file = ""  # the camera says so, and so does `camerad office status`
        return SettingsOffer(content, sha256_of(content), file)

    def for_camera(self, kid: Thumbprint, said: CheckIn) -> SettingsOffer | None:
        """What a camera is to fetch, by what it just said: nothing that it runs by, that waits for
        its next start, or that it refused."""
        found = self.find(kid)
        if found is None:
            return None
        if said.settings is not None and said.settings.sha256 == found.file:
            # No camera waits for whoever offers something just now: its next check-in sees to it.
            with self._locks.try_hold(_lock_of(kid)) as held:
                if held and self.find(kid) == found:  # another one may have been offered since
                    durable_files.remove(self._path(kid), missing_ok=True)
            return None
        refused = {one.sha256 for one in said.refused_offers}
        return None if found.sha256 in {*said.waiting, *refused} else found

    def put(self, kid: Thumbprint, content: bytes, note: Callable[[], None] | None = None) -> None:
        """Offer settings to a camera, in the place of earlier ones. note: writes the entry; it may
        raise, and then nothing has changed. Raises LockHeldError."""
        path = self._path(kid)
        durable_files.make_directory(os.path.dirname(path))
        with self._locks.hold(_lock_of(kid)):
            if note is not None:
                with taken_away([path], settings_offer.LONGEST):
                    note()
            durable_files.publish(path, content)

    def withdraw(
        self, kid: Thumbprint, note: Callable[[SettingsOffer], None] | None = None
    ) -> bool:
        """Offer them no more; whether there were any. note: as for `put`, and is told what they
        were. Raises LockHeldError."""
        path = self._path(kid)
        if not file_status.exists(os.path.dirname(path)):
            return False
        with self._locks.hold(_lock_of(kid)):
            return take_back(path, settings_offer.LONGEST, lambda: self.find(kid), note)

    def _path(self, kid: Thumbprint) -> str:
        return offer_path(self._office, kid, settings_offer.NAME)


def _lock_of(kid: Thumbprint) -> str:
    return f"offer-{kid}"


def sha256_of(offer: bytes) -> str:
    """By what check-ins name an offer, in hexadecimal."""
    return hashlib.sha256(offer).hexdigest()
