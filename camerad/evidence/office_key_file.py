"""The office's key, which signs the ledger of the office's directory.

A directory remembers the public half of every key that signed its ledger, in ``office/keys``. Who
can write there can put another key beside it, and another ledger in the place of this
one. So a key from there is believed only on the word of a key that the caller holds: the
office's key at hand has to be the one that signed the ledger's last entry, and vouches for those
that it says it came in the place of. Otherwise nothing is written, unless that is asked for.
"""

from __future__ import annotations

import json
import logging
import os
from typing import Final

import msgspec

from camerad.base import durable_files, file_status, storage_errors
from camerad.base.errors import EX_CONFIG, CameradError, StorageError
from camerad.base.message_ids import MessageId
from camerad.base.safe_read import read_plain
from camerad.base.storage_errors import FileExistsAlreadyError
from camerad.base.text import printable
from camerad.container import jws
from camerad.container.keys import KeyRing, PublicKey, SigningKey, parse_jwk, public_half
from camerad.evidence import holdings
from camerad.ledger.ledger_lines import Signers, signers
from camerad.store import receipts
from camerad.store.locations import KEYS, OFFICE, THUMBPRINT, Place

_UNPROVEN: Final = (
    "the office's own ledger was checked with the keys that lie beside it: this finds accidents, "
    "but not a person who could change both; name the office's key with --office-key"
)
_MODE: Final = 0o600
_ENDING: Final = ".jwk"
_log = logging.getLogger(__name__)
_LARGEST: Final = 64 * 1024


class OfficeKeyError(CameradError, ValueError):
    """Error raised when the office's key cannot be used; the text says what to do."""

    exit_code = EX_CONFIG


def load_or_create_key(path: str) -> tuple[SigningKey, bool]:
    """The office's key in a file, PKCS #8 in PEM, and whether it was just made. Of several who make
    it at once, all have the one that is in the file afterwards.

    Raises OfficeKeyError if it is no such key or others may read it, and StorageError.
    """
    found = load_key(path)
    if found is not None:
        return found, False
    path = os.path.abspath(path)
    durable_files.make_directory(os.path.dirname(path), 0o700, linked=True)
    key = SigningKey.generate()
    try:
        durable_files.publish_new(path, key.pem, mode=_MODE)
    except FileExistsAlreadyError:
        found = load_key(path)
        if found is None:
            raise
        return found, False
    return key, True


def load_key(path: str) -> SigningKey | None:
    """The office's key in a file; None if there is no such file. Raises as `load_or_create_key`."""
    path = os.path.abspath(path)
    found = _read(path)
    if found is None:
        return None
    content, mode = found
    if _is_public(content):
        raise OfficeKeyError(
            f"{path}: this is the public half of a key, which signs nothing; name the office's "
            "private key with --office-key, or do this where that key is"
        )
    _keep_private(path, mode)
    try:
        return SigningKey.from_pem(content)
    except ValueError as error:
        raise OfficeKeyError(f"{path}: {error}; name the office's key with --office-key") from error


def load_public_key(path: str) -> PublicKey | None:
    """The public half of the office's key in a file; None if there is no such file.

    The file has the private key, or, where nothing is to be signed, the public half alone; PEM or
    JWK. Raises OfficeKeyError if it is no such key, or a private one that others may read, and
    StorageError.
    """
    path = os.path.abspath(path)
    found = _read(path)
    if found is None:
        return None
    content, mode = found
    try:
        key, private = public_half(content)
    except (ValueError, RecursionError) as error:
        raise OfficeKeyError(
            f"{path}: {error}; name the office's key, or its public half, with --office-key"
        ) from error
    if private:
        _keep_private(path, mode)
    return key


def _read(path: str) -> tuple[bytes, int] | None:
    """Content and mode of a key's file; None if it is not there. Raises StorageError."""
    try:
        with open(path, "rb") as file:
            return file.read(_LARGEST), os.fstat(file.fileno()).st_mode & 0o777
    except FileNotFoundError:
        return None
    except OSError as error:
        raise storage_errors.explain("read the office's key", path, error) from error


def _is_public(content: bytes) -> bool:
    try:
        return not public_half(content)[1]
    except (ValueError, RecursionError):
        return False


def _keep_private(path: str, mode: int) -> None:
    if mode & 0o077:
        raise OfficeKeyError(
            f"{path}: other users can read this private key (mode {mode:04o}); if no one else can "
            f"have copied it: chmod 600 {path}"
        )


def known_keys(place: Place) -> KeyRing:
    """The public halves that an office's directory remembers; what is no key there is left out, and
    the log says so. Raises StorageError if the directory cannot be read."""
    directory = os.path.join(place.root, OFFICE, KEYS)
    try:
        names = sorted(name for name in os.listdir(directory) if name.endswith(_ENDING))
    except FileNotFoundError:
        return KeyRing()
    except OSError as error:
        raise storage_errors.explain("list the keys", directory, error) from error
    found = []
    for name in names:
        path = os.path.join(directory, name)
        try:
            found.append(PublicKey.from_jwk(parse_jwk(read_plain(path, "key", _LARGEST))))
        except (StorageError, ValueError) as error:
            _log.warning(
                "not counted as a key: %s: %s",
                printable(path),
                printable(error),
                extra=MessageId.NOT_LISTED.extra,
            )
    return KeyRing(found)


class LedgerKeys(msgspec.Struct, frozen=True):
    """The keys that an office's ledger is to be read with. problem: why it is not this office's
    ledger, "" if nothing is against it. remark: what these keys do not prove, "" if nothing."""

    ring: KeyRing
    problem: str = ""
    remark: str = ""


def ledger_keys(place: Place, own: PublicKey | None) -> LedgerKeys:
    """The keys to read an office's ledger with, and whether it is the office's.

    own: the office's key at hand, None if there is none. Raises StorageError.
    """
    known = known_keys(place)
    if own is None:
        lost = "" if known else describe_loss(place, known)
        return LedgerKeys(known, problem=lost, remark=_UNPROVEN if known else "")
    every = KeyRing([own, *known.values()])
    name = own.thumbprint
    there = file_status.is_directory(place.ledger)
    found = signers(place.ledger, every) if there else Signers("", frozenset(), {})
    if not found.last and (lost := describe_loss(place, known)):
        return LedgerKeys(every, problem=lost)
    ring = KeyRing([every[one] for one in found.behind(name) if one in every])
    if found.last in ("", name):
        return LedgerKeys(ring)
    behind = found.behind(found.last)
    if name in behind and name in found.all:
        remark = (
            f"after the office's key at hand ({name}) the ledger was signed by {found.last}, and "
            "only that key itself says that this is right; name that key with --office-key, or "
            "find out who did this"
        )
        return LedgerKeys(KeyRing([every[one] for one in behind if one in every]), remark=remark)
    others = ", ".join(sorted(found.all - {name}))
    problem = (
        f"{place.ledger}: this ledger is signed by another key of the office ({others}) than the "
        f"one at hand ({name}): name the right file with --office-key; if this is it, the ledger "
        "was replaced or damaged"
    )
    return LedgerKeys(ring, problem)


def describe_loss(place: Place, known: KeyRing) -> str:
    """That an office's own ledger, of which there is no entry, was lost, if keys that the directory
    remembers (`known`) or its receipts show that; else "". Raises StorageError."""
    if known or _is_receipted(place):
        return f"{place.ledger}: the office's own ledger is gone, with every hold that it had"
    return ""


def _is_receipted(place: Place) -> bool:
    """Whether receipts in an office's directory show that its own ledger had begun; by any
    signature: they say so, or name another directory than this is now. Raises StorageError."""
    if holdings.has_ledger(place.root):
        return False
    own = receipts.read_directory_id(place.root)
    for holding in place.holdings:
        for path in () if holding.broken else receipts.paths(holding.receipts):
            filed = receipts.unproven(path)
            if filed is not None and filed.receipt.directory != own:
                return True
    return False


def receipt_signers(place: Place) -> frozenset[str]:
    """Thumbprints of the keys that receipts in an office's directory name, without the cameras'.

    Nothing is checked. Raises StorageError.
    """
    found = set()
    for holding in place.holdings:
        for path in () if holding.broken else receipts.paths(holding.receipts):
            kid = jws.named_key(read_plain(path, "receipt", jws.LONGEST + 1))
            if kid and not holding.root.endswith(f"-{kid[:THUMBPRINT]}"):
                found.add(kid)
    return frozenset(found)


def admit_key(place: Place, key: SigningKey, *, replace: bool) -> KeyRing:
    """Make sure that `key` may sign the directory's ledger; returns the keys that did so before.

    replace: it comes in the place of another one, or of a ledger that is gone, which the ledger
    will then say. Raises OfficeKeyError if it did not sign the ledger's last entry and `replace` is
    not set, and StorageError.
    """
    known = known_keys(place)
    found = ledger_keys(place, key.public)
    others = frozenset() if known or replace else receipt_signers(place)
    if others - {key.public.thumbprint}:
        # The key that begins the ledger is the office from then on, also for its server.
        raise OfficeKeyError(
            f"{place.root}: receipts here are signed by the office's key "
            f"{', '.join(sorted(others))}, and the one at hand is {key.public.thumbprint}; name "
            "that key with --office-key. If it is lost, and you know what that means: "
            "--new-office-key"
        )
    if not replace and (found.problem or found.remark):
        raise OfficeKeyError(
            f"{found.problem or found.remark}; nothing was changed. Put the directory back from "
            "its backup. If you know the cause and there is no backup, add --new-office-key"
        )
    return known if replace else found.ring


def remember_key(place: Place, key: PublicKey) -> None:
    """Have the directory remember a key that signs its ledger; for when the ledger has begun.

    In this order, an interruption leaves no key without a ledger, which looks like a ledger that
    was taken away. Raises StorageError.
    """
    if key.thumbprint not in known_keys(place):
        directory = os.path.join(place.root, OFFICE, KEYS)
        durable_files.make_directory(directory)
        content = (json.dumps(key.jwk, indent=2) + "\n").encode()
        durable_files.publish(
            os.path.join(directory, f"{key.thumbprint}{_ENDING}"), content, mode=None
        )
