"""Receipts: statements of a device or an office that the office has copies of recordings.

A receipt is one statement (`camerad.container.jws`) in a file of its own, ``NNNN.jws``, of four to
nine digits; they are in the order of their numbers, and the last about a recording counts. It names
each copy by its whole bytes, and the head of the device's ledger: its holder can tell later whether
that ledger was put back. It is written durably where the copies are, before the device's ledger
calls them acknowledged. It is removed when its recordings are deleted there, or would have been, if
they are lost.

The device signs what was copied by stick or card, the office what came through the dock. Both count
alike. The office's key vouches for receipts alone: never for a recording, nor for a device's
ledger.

What a receipt says is remembered as long as its file stays the same, so that not all of them are
read again for each question. A receipt that another process adds, changes or removes is noticed at
once.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Final, NamedTuple

import msgspec

from camerad.base import durable_files, file_status, storage_errors
from camerad.base.bounded_wait import wait_until
from camerad.base.clock import Moment
from camerad.base.errors import StorageError
from camerad.base.message_ids import MessageId
from camerad.base.safe_read import read_plain
from camerad.base.text import printable
from camerad.base.version_cache import VersionCache
from camerad.container import jws
from camerad.container.keys import KeyRing, SigningKey
from camerad.ledger.entries import Head
from camerad.store.locations import DIRECTORY_ID, OFFICE

_log = logging.getLogger(__name__)

RECEIPT: Final = "camerad-receipt"
MOST: Final = 8
"""The most recordings in one receipt, so that a request for one stays short."""
WAIT_SECONDS: Final = 10.0
"""For another program that writes a receipt there: it is at it for as long as the storage takes to
make one small file durable."""
LEDGER_BEGUN: Final = "+ledger"
"""Behind the id of an office's directory in a receipt: its own ledger had begun by then."""
_NAME: Final = re.compile(r"([0-9]{4,9})\.jws")


class CopiedRecording(msgspec.Struct, frozen=True):
    """A recording's copy. final: SHA-256 of its last statement. sha256, bytes: of the whole
    file."""

    id: str
    final: str
    sha256: str
    bytes: int


class Receipt(msgspec.Struct, frozen=True):
    """Payload of a receipt, signed by a device or an office. device: whose recordings they are.
    kid: the key that signs. directory: id of the office's directory, and perhaps `LEDGER_BEGUN`.
    head: of the device's ledger; where the office signs, of its copy of that. boot_id, clock: when,
    by the machine that signs."""

    device: str
    kid: str
    directory: str
    recordings: tuple[CopiedRecording, ...]
    head: Head
    boot_id: str
    clock: Moment

    @property
    def directory_id(self) -> str:
        """Id of the office's directory alone."""
        return self.directory.removesuffix(LEDGER_BEGUN)


class ReceiptedCopy(NamedTuple):
    """What a receipt says of a recording. directory: id of the office's directory that it names."""

    copied: CopiedRecording
    directory: str


class FiledReceipt(msgspec.Struct, frozen=True):
    """A receipt in its file. sha256: of its token."""

    path: str
    receipt: Receipt
    token: bytes
    sha256: str

    @property
    def copies(self) -> tuple[ReceiptedCopy, ...]:
        """What it says of each recording."""
        directory = self.receipt.directory_id
        return tuple(ReceiptedCopy(one, directory) for one in self.receipt.recordings)

    def is_by(self, keys: KeyRing) -> bool:
        """Whether one of `keys` signed it as its own."""
        try:
            parse(self.token, keys)
        except jws.JwsError:
            return False
        return True


MOST_KEPT: Final = 200_000
"""Receipts of which something is remembered: about half a kilobyte each."""
_NAMED: Final = VersionCache[frozenset[str]](MOST_KEPT)
_COPIES: Final = VersionCache[tuple[ReceiptedCopy, ...]](MOST_KEPT)


def paths(directory: str) -> list[str]:
    """What counts as a receipt by its name. Raises StorageError."""
    return [os.path.join(directory, name) for name in _names(directory)]


def sign(key: SigningKey, receipt: Receipt) -> bytes:
    """The receipt as a statement. Raises ValueError if it names none, or more than `MOST`."""
    if not 0 < len(receipt.recordings) <= MOST:
        raise ValueError(f"a receipt has 1 to {MOST} recordings, not {len(receipt.recordings)}")
    return jws.sign(key, RECEIPT, receipt)


def parse(token: bytes, keys: KeyRing) -> Receipt:
    """The receipt that a token is. Raises JwsError if none of `keys` signed it as its own."""
    return jws.read_own(token, keys, RECEIPT, Receipt)


def said_of(token: bytes, recording: str) -> CopiedRecording | None:
    """A receipt's entry about a recording, by any signer. Raises JwsError if it is none."""
    said = jws.decode(jws.parse(token), RECEIPT, Receipt).recordings
    return next((one for one in said if one.id == recording), None)


def unproven(path: str) -> FiledReceipt | None:
    """The receipt in a file, its signature unchecked; None if it is none, or cannot be read, which
    a check of the directory reports. Raises ForbiddenError: what is unknown is not "none"."""
    try:
        token = read_plain(path, "receipt", jws.LONGEST + 1)
        statement = jws.parse(token)
        receipt = jws.decode(statement, RECEIPT, Receipt)
    except storage_errors.ForbiddenError:
        raise
    except (StorageError, jws.JwsError):
        return None
    if receipt.kid != statement.kid:
        return None
    return FiledReceipt(path, receipt, token, jws.digest(token))


def read(directory: str, keys: KeyRing, about: str = "") -> Iterator[FiledReceipt]:
    """The receipts in a directory, in their order; every signature is checked.

    Those that are not by `keys`, or cannot be read, are left out, and the log says so. about: only
    receipts about this recording are needed. A missing directory has none. Raises StorageError if
    the directory cannot be read, and ForbiddenError if this user may not read all of it.
    """
    for path in paths(directory):
        if not about or about in _named_in(path, about):
            found = _proven(path, keys)
            if found is not None:
                yield found


def copied_by(directory: str, keys: KeyRing) -> dict[str, ReceiptedCopy]:
    """What the receipts in a directory say of each recording; the last one counts. Leaves out and
    raises as `read`. A signature is checked once, as long as the file and `keys` are the same."""
    found: dict[str, ReceiptedCopy] = {}
    by = frozenset(keys)
    for path in paths(directory):
        version = file_status.version_of(path), by
        copies = _COPIES.get(path, version)
        if copies is None:
            filed = _proven(path, keys)
            copies = () if filed is None else filed.copies
            _COPIES.put(path, version, copies)
        found |= {one.copied.id: one for one in copies}
    return found


def named(directory: str) -> set[str]:
    """Ids of the recordings that receipts in a directory name, by any signer. Raises as `read`."""
    return {one for path in paths(directory) for one in _named_in(path)}


def _named_in(path: str, unknown: str = "") -> frozenset[str]:
    """Ids of the recordings that the receipt in a file names, by any signer; `unknown` stands for
    those of what is none, or cannot be read. Raises StorageError."""
    version = file_status.version_of(path)
    known = _NAMED.get(path, version)
    if known is None:
        filed = unproven(path)
        if filed is None:
            return frozenset({unknown} - {""})
        known = frozenset(one.id for one in filed.receipt.recordings)
        _NAMED.put(path, version, known)
    return known


def _proven(path: str, keys: KeyRing) -> FiledReceipt | None:
    """The receipt in a file; None if it is not by `keys`, or cannot be read, which is logged.
    Raises ForbiddenError."""
    try:
        token = read_plain(path, "receipt", jws.LONGEST + 1)
        return FiledReceipt(path, parse(token, keys), token, jws.digest(token))
    except storage_errors.ForbiddenError:
        raise  # what is there, and unknown, must not be taken for what is not there
    except (StorageError, jws.JwsError) as error:
        _log.warning(
            "not counted as a receipt: %s: %s",
            printable(path),
            printable(error),
            extra=MessageId.NOT_LISTED.extra,
        )
        return None


def write(directory: str, token: bytes, publish: Callable[[str, bytes], None] | None = None) -> str:
    """Put a receipt into a file of its own, durably; returns its path. publish: makes the file.

    An offload and the office's server must not take the same number: one waits for the other, up to
    `WAIT_SECONDS`. Raises StorageError, also if the other is still at it then.
    """
    claims: list[int] = []

    def claim() -> bool:
        with contextlib.suppress(BlockingIOError):
            claims.append(durable_files.lock_directory(directory))
        return bool(claims)

    if not wait_until(claim, WAIT_SECONDS):
        raise StorageError(
            f"{directory}: another program has been writing a receipt there for "
            f"{WAIT_SECONDS:.0f} s; see whether it is stopped, and try again"
        )
    try:
        last = max(map(_number, _names(directory)), default=0)
        path = os.path.join(directory, f"{last + 1:04d}.jws")
        if publish is None:
            durable_files.publish(path, token, mode=None)
        else:
            publish(path, token)
        return path
    finally:
        os.close(claims[0])


def remove(directory: str, gone: Collection[str]) -> None:
    """Remove the receipts whose recordings are all gone. gone: ids. Raises StorageError.

    No signature is checked: without its recordings a receipt says nothing.
    """
    for path in paths(directory):
        recordings = _named_in(path)
        if recordings and all(one in gone for one in recordings):
            durable_files.remove(path)


def read_directory_id(root: str) -> str | None:
    """The id of an office's directory, by which receipts name it; None if it has none. Raises
    StorageError."""
    try:
        content = read_plain(os.path.join(root, OFFICE, DIRECTORY_ID), "file", jws.LONGEST)
    except StorageError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
            return None
        raise
    return content.decode("ascii", "replace").strip()[:64]


def by_recording(filed: Iterable[FiledReceipt]) -> dict[str, tuple[CopiedRecording, FiledReceipt]]:
    """The receipts' entries by recording; the latest one counts."""
    return {copied.id: (copied, one) for one in filed for copied in one.receipt.recordings}


def _number(name: str) -> int:
    return int(name.partition(".")[0])


def _names(directory: str) -> list[str]:
    """By their numbers: the text 10000 comes before 9999."""
    file_status.check_directory(directory)  # no link is followed: receipts are removed as well
    try:
        names = [name for name in os.listdir(directory) if _NAME.fullmatch(name)]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise storage_errors.explain("list receipts", directory, error) from error
    return sorted(names, key=lambda name: (_number(name), name))
