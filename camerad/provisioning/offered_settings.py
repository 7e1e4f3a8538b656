"""The daemon's part in settings from the dock: keeps them for the next start.

It judges them at once, so that the office hears soon of one that it can never take, and
`camerad provision apply`, which alone knows the pinned key, judges them again before the daemon
starts. Nothing changes while the camera is in use. In ``offers`` of the state directory:

================  ============================================================================
``settings.jws``  what waits for the next start, one at most (`settings_offer`)
``refused.json``  the last `MOST` that were refused, and why
================  ============================================================================

Each is published whole. What waits goes once `offer.json` of the provisioning directory says what
became of it.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
from pathlib import Path
from typing import Final

import msgspec

from camerad.base import durable_files
from camerad.base.erasing import erase
from camerad.base.errors import CameradError
from camerad.base.message_ids import MessageId
from camerad.base.state_file import StateFileError, read_json, write_json
from camerad.base.text import LONGEST, printable
from camerad.config.provisioning import NAME, read_provisioning
from camerad.provisioning import orders, settings_offer
from camerad.provisioning.orders import LedgerOrder
from camerad.provisioning.provisioning_state import (
    AcceptedFile,
    OfferOutcome,
    read_offer_outcome,
)
from camerad.provisioning.settings_offer import FOLDER, judge_offer
from camerad.provisioning.signing import SignatureFileError
from camerad.provisioning.validation import (
    ADVICE,
    FileAccepted,
    FileRefused,
    Verdict,
    parse_key,
)
from camerad.store.check_in import SETTINGS, RefusedOffer, RunningSettings

_log = logging.getLogger(__name__)

MOST: Final = 8
"""Refusals that are remembered."""
BY_HAND: Final = "by_hand"
_BY_HAND: Final = "this camera was not set up by a file of its office, so it takes none by its dock"
_REFUSED: Final = "refused.json"
_LARGEST: Final = 64 * 1024
_KEYS: Final = re.compile(rb"(?<![A-Za-z0-9_-])[A-Za-z0-9_-]{43}(?![A-Za-z0-9_-])")


class OfferStatus(msgspec.Struct, frozen=True):
    """running: by which file the camera runs. waiting: SHA-256 of what waits for its next start,
    None if nothing does. refused: what it did not take."""

    running: RunningSettings | None
    waiting: str | None
    refused: tuple[RefusedOffer, ...]


class OfferedSettings:
    """state_dir: the daemon's. provision_dir: `device.provision_dir`, None if the camera was set up
    by hand. Used on the store's thread. Everything raises StorageError."""

    def __init__(self, state_dir: str, provision_dir: Path | None) -> None:
        self._state_dir = state_dir
        self._directory = os.path.join(state_dir, FOLDER)
        self._provision_dir = provision_dir

    def status(self) -> OfferStatus:
        """How it stands, once what became of an earlier one was noted."""
        last = self._last()
        waiting = self._settle()
        running = None if last is None else RunningSettings(last.sha256, last.serial, last.office)
        sha256 = None if waiting is None else hashlib.sha256(waiting).hexdigest()
        return OfferStatus(running, sha256, self._refused())

    def take(self, offer: bytes, camera: str) -> RefusedOffer | None:
        """Keep an offer for the next start. camera: thumbprint of the camera's own key. Returns
        what the office is to hear if it can never hold; None if it waits now, or holds already."""
        last, waiting = self._last(), self._settle()
        if offer == waiting:
            return None
        if last is None or self._provision_dir is None:
            return self._refuse(offer, BY_HAND, _BY_HAND)
        older = () if waiting is None else (waiting,)
        verdict = judge_known(offer, last, older, camera, self._provision_dir)
        if isinstance(verdict, FileRefused):
            return self._refuse(offer, verdict.why.value, ADVICE[verdict.why])
        if isinstance(verdict, FileAccepted):
            durable_files.make_directory(self._directory)
            if waiting is not None:
                self._let_go()
            durable_files.publish(settings_offer.offer_path(self._state_dir), offer)
            _log.info(
                "the office's settings file of serial %d came through the dock; it takes effect at "
                "the next start",
                verdict.provisioning.file.provision.serial,
                extra=MessageId.PROVISIONED.extra,
            )
        return None

    def _orders(self) -> tuple[LedgerOrder, ...]:
        if self._provision_dir is None:
            return ()
        try:
            return orders.read_orders(str(self._provision_dir))
        except StateFileError as error:
            _log.warning("%s", error, extra=MessageId.PROVISION_REFUSED.extra)
            return ()

    def _last(self) -> LedgerOrder | None:
        """The order of the file that the camera runs by."""
        return next((one for one in reversed(self._orders()) if one.outcome != "refused"), None)

    def _outcome(self) -> OfferOutcome | None:
        if self._provision_dir is None:
            return None
        try:
            return read_offer_outcome(str(self._provision_dir))
        except StateFileError as error:
            _log.warning("%s", error, extra=MessageId.PROVISION_REFUSED.extra)
            return None

    def _settle(self) -> bytes | None:
        """Let go of what a start has decided about; returns what still waits."""
        offer = settings_offer.read_offer(self._state_dir)
        if offer is None:
            return None
        done = self._outcome()
        if done is None or done.sha256 != hashlib.sha256(offer).hexdigest():
            return offer
        if done.why is not None:
            self._refuse(offer, done.why, _advice(done.why))
        self._let_go()
        return None

    def _let_go(self) -> None:
        """Overwrite and remove what waited: it may have a wireless network's passphrase. It loses
        its name first, so that zeros are never taken for an offer."""
        path = settings_offer.offer_path(self._state_dir)
        durable_files.rename(path, path + durable_files.TEMPORARY)
        erase(path + durable_files.TEMPORARY)

    def _refused(self) -> tuple[RefusedOffer, ...]:
        path = os.path.join(self._directory, _REFUSED)
        try:
            found = read_json(
                path, tuple[RefusedOffer, ...], "refusals", _LARGEST, "remove the file"
            )
        except StateFileError as error:
            _log.warning("%s", error, extra=MessageId.PROVISION_REFUSED.extra)
            found = ()
        return found or ()

    def _refuse(self, offer: bytes, why: str, text: str) -> RefusedOffer:
        sha256 = hashlib.sha256(offer).hexdigest()
        refused = RefusedOffer(sha256, SETTINGS, why, printable(text)[:LONGEST])
        before = self._refused()
        if refused not in before:
            _log.error(
                "the office's settings file that came through the dock was refused: %s",
                text,
                extra=MessageId.PROVISION_REFUSED.extra,
            )
            others = [one for one in before if one.sha256 != sha256]
            durable_files.make_directory(self._directory)
            write_json(os.path.join(self._directory, _REFUSED), [*others, refused][-MOST:])
        return refused


def judge_known(
    offer: bytes, last: LedgerOrder, waiting: tuple[bytes, ...], camera: str, provision_dir: Path
) -> Verdict:
    """Judge an offer by what is known of the pinned file, as the daemon and the office know it:
    the pinned key is the one with the thumbprint that the last order names, and an older file does
    not replace one that waits. The rest is as in `judge_offer`."""
    serials = [last.serial or 0, *(_serial(one) for one in waiting)]
    pin = AcceptedFile(
        order=last,
        office_key=_key_in(offer, last.office),
        serial=max(serials),
        sha256=last.sha256,
        secret=False,
        left=(),
        made={},
    )
    return judge_offer(offer, pin=pin, camera=camera, provision_dir=provision_dir)


def _key_in(offer: bytes, thumbprint: str) -> str:
    """The key with this thumbprint as a file names it; "" if it does not."""
    try:
        content, _ = settings_offer.split(offer)
    except SignatureFileError:
        return ""
    for found in set(_KEYS.findall(content)):
        key = parse_key(found.decode("ascii"))
        if key is not None and key.thumbprint == thumbprint:
            return str(found.decode("ascii"))
    return ""


def _serial(waiting: bytes) -> int:
    """The serial of a file that was accepted before."""
    try:
        content, _ = settings_offer.split(waiting)
        return read_provisioning(NAME, content, Path("/")).file.provision.serial
    except CameradError as error:
        _log.warning("%s", error, extra=MessageId.PROVISION_REFUSED.extra)
        return 0


def _advice(why: str) -> str:
    return next((text for one, text in ADVICE.items() if one.value == why), why)
