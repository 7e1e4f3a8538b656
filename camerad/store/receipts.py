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
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import re
from collections.abc import Container, Iterable, Iterator
from typing import Final

import msgspec

from camerad.base import durable_files, file_status, storage_errors
from camerad.base.bounded_wait import wait_until
from camerad.base.clock import Moment
from camerad.base.errors import StorageError
from camerad.base.message_ids import MessageId
from camerad.base.safe_read import read_plain
from camerad.base.text import printable
from camerad.container import jws
from camerad.container.keys import KeyRing, SigningKey
from camerad.ledger.entries import Head
from camerad.store import verified_copy
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
FileVersion = tuple[int, int, int, int]
"""Which file, and what has become of it: inode, size, and times of its content and of itself."""


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


class FiledReceipt(msgspec.Struct, frozen=True):
    """A receipt in its file. sha256: of its token."""

    path: str
    receipt: Receipt
    token: bytes
    sha256: str


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
    statement = jws.parse(token)
    jws.check(statement, keys)
    receipt = jws.decode(statement, RECEIPT, Receipt)
    if receipt.kid != statement.kid:
        raise jws.JwsError("this receipt is by another key than the one that it names")
    return receipt


def said_of(token: bytes, recording: str) -> CopiedRecording | None:
    """A receipt's entry about a recording, by any signer. Raises JwsError if it is none."""
    said = jws.decode(jws.parse(token), RECEIPT, Receipt).recordings
    return next((one for one in said if one.id == recording), None)


def read(directory: str, keys: KeyRing, about: str = "") -> Iterator[FiledReceipt]:
    """The receipts in a directory, in their order.

    Those that are not by `keys`, or cannot be read, are left out, and the log says so. about: only
    receipts about this recording are needed. A missing directory has none. Raises StorageError if
    the directory cannot be read, and ForbiddenError if this user may not read all of it.
    """
    return read_files(paths(directory), keys, about)


def read_files(files: Iterable[str], keys: KeyRing, about: str = "") -> Iterator[FiledReceipt]:
    """The receipts in these files; otherwise as `read`."""
    spelled = jws.spellings(jws.canonical(about)[1:-1])
    for path in files:
        try:
            token = read_plain(path, "receipt", jws.LONGEST + 1)
            if about and not any(one in token for one in spelled):
                continue
            yield FiledReceipt(path, parse(token, keys), token, jws.digest(token))
        except storage_errors.ForbiddenError:
            raise  # what is there, and unknown, must not be taken for what is not there
        except (StorageError, jws.JwsError) as error:
            _log.warning(
                "not counted as a receipt: %s: %s",
                printable(path),
                printable(error),
                extra=MessageId.NOT_LISTED.extra,
            )


def read_named(
    directory: str, named: Container[str], counted: Container[str]
) -> list[FiledReceipt]:
    """The receipts in a directory that something else vouches for, by any signer.

    named: SHA-256 of their tokens, as a device's own ledger has them. counted: paths to pass over.
    Raises StorageError if the directory cannot be read; a file that cannot be is left out.
    """
    found = []
    for path in paths(directory):
        if path in counted:
            continue
        try:
            token = read_plain(path, "receipt", jws.LONGEST + 1)
            sha256 = jws.digest(token)
            if sha256 in named:
                statement = jws.parse(token)
                receipt = jws.decode(statement, RECEIPT, Receipt)
                if receipt.kid == statement.kid:
                    found.append(FiledReceipt(path, receipt, token, sha256))
        except storage_errors.ForbiddenError:
            raise  # what is there, and unknown, must not be taken for what is not there
        except (StorageError, jws.JwsError):
            continue  # it is no receipt, which `read` has logged
    return found


def is_signed(path: str, keys: KeyRing) -> bool:
    """Whether one of `keys` signed the receipt in a file. Raises ForbiddenError."""
    try:
        parse(read_plain(path, "receipt", jws.LONGEST + 1), keys)
    except storage_errors.ForbiddenError:
        raise
    except (StorageError, jws.JwsError):
        return False
    return True


def write(directory: str, token: bytes) -> str:
    """Put a receipt into a file of its own, durably; returns its path.

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
        verified_copy.publish(path, token)
        return path
    finally:
        os.close(claims[0])


def mentions(directory: str, recording: str) -> bool:
    """Whether a receipt in a directory names a recording, by any signer. Raises as `read`."""
    spelled = jws.spellings(jws.canonical(recording)[1:-1])
    for path in paths(directory):
        try:
            token = read_plain(path, "receipt", jws.LONGEST + 1)
            if any(one in token for one in spelled):
                receipt = jws.decode(jws.parse(token), RECEIPT, Receipt)
                if any(one.id == recording for one in receipt.recordings):
                    return True
        except storage_errors.ForbiddenError:
            raise
        except (StorageError, jws.JwsError):
            continue  # a check of the directory reports it
    return False


def remove(directory: str, gone: Container[str]) -> None:
    """Remove the receipts whose recordings are all gone. gone: ids. Raises StorageError.

    No signature is checked: without its recordings a receipt says nothing.
    """
    for name in _names(directory):
        path = os.path.join(directory, name)
        receipt = unproven(path)
        if receipt is not None and all(one.id in gone for one in receipt.recordings):
            durable_files.remove(path)


def named_recordings(directory: str) -> set[str]:
    """Ids of the recordings that receipts in a directory name, by any signer. Raises
    StorageError."""
    return {
        one.id
        for name in _names(directory)
        if (receipt := unproven(os.path.join(directory, name))) is not None
        for one in receipt.recordings
    }


def named_in(path: str) -> frozenset[str] | None:
    """Ids of the recordings that the receipt in a file names, by any signer; None if it is none, or
    cannot be read."""
    receipt = unproven(path)
    return None if receipt is None else frozenset(one.id for one in receipt.recordings)


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


def unproven(path: str) -> Receipt | None:
    """What a receipt says, its signature unchecked; None if it is none, or cannot be read."""
    try:
        statement = jws.parse(read_plain(path, "receipt", jws.LONGEST + 1))
        return jws.decode(statement, RECEIPT, Receipt)
    except (StorageError, jws.JwsError):
        return None  # a check of the directory reports it


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


def version_of(path: str) -> FileVersion | None:
    """Of a receipt, or of a directory of receipts: the same one has not been written since, nor
    replaced. None if there is nothing of that name. Raises StorageError."""
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise storage_errors.explain("look at the receipt", path, error) from error
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
