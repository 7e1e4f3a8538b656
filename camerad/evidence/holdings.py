"""Finds or creates a camera's part of an office's directory.

By stick and by dock recordings come to the same place. So `camerad.evidence.offload` and the
office's server share what is here.
"""

from __future__ import annotations

import errno
import json
import os
import secrets

from camerad.base import durable_files, file_status
from camerad.base.errors import StorageError
from camerad.base.safe_read import read_plain
from camerad.container import jws
from camerad.container.keys import KeyFileError, KeyRing, PublicKey, read_public_key
from camerad.ledger.log_segments import list_files
from camerad.store import receipts
from camerad.store.locations import (
    DIRECTORY_ID,
    LEDGER,
    OFFICE,
    RECORDINGS,
    Holding,
    Place,
    holding_name,
    office_place,
)


def find_holdings(root: str, keys: KeyRing) -> list[Holding]:
    """What an office's directory has of the camera with these keys, under any name.

    root: the office's directory. Raises StorageError if it cannot be read.
    """
    return list(place_of_keys(root, keys).holdings)


def place_of_keys(root: str, keys: KeyRing) -> Place:
    """The office's directory with these holdings alone; no other is looked at. As
    `find_holdings`."""
    return office_place(root, tuple(holding_name("", key) for key in keys.values()))


def make_holding(root: str, device: str, key: PublicKey) -> Holding:
    """Where recordings by this key go, if the camera has this name; durably made.

    root: the office's directory. What is there stays as it is. Raises StorageError.
    """
    return complete_holding(holding_of(root, device, key), key)


def holding_of(root: str, device: str, key: PublicKey) -> Holding:
    """The same, made or not."""
    directory = os.path.join(root, holding_name(device, key))
    return Holding(directory, os.path.join(directory, RECORDINGS))


def complete_holding(holding: Holding, key: PublicKey) -> Holding:
    """Make what a holding lacks of its directories, and its key; returns it. Raises
    StorageError."""
    for one in (holding.root, holding.recordings, holding.receipts, holding.ledger):
        durable_files.make_directory(one)
    put_key(holding, key)
    return holding


def put_key(holding: Holding, key: PublicKey) -> None:
    """Put the key by which these recordings were made beside them. Raises
    StorageError."""
    content = key_content(key)
    if _read(holding.key) != content:
        durable_files.publish(holding.key, content, mode=None)


def key_content(key: PublicKey) -> bytes:
    """The file of such a key."""
    return (json.dumps(key.jwk, indent=2) + "\n").encode()


def directory_id(root: str) -> str:
    """The id of an office's directory, by which receipts name it; made if it has none yet.

    Raises StorageError.
    """
    found = receipts.read_directory_id(root)
    if found is None:
        path = os.path.join(root, OFFICE, DIRECTORY_ID)
        durable_files.make_directory(os.path.dirname(path))
        found = secrets.token_hex(16)
        durable_files.publish(path, f"{found}\n".encode(), mode=None)
    return found


def directory_for_receipt(root: str) -> str:
    """How a receipt names an office's directory: by its id, and whether its own ledger has begun.
    So it shows when that ledger is gone. Raises as `directory_id`."""
    return directory_id(root) + (receipts.LEDGER_BEGUN if has_ledger(root) else "")


def has_ledger(root: str) -> bool:
    """Whether anything of an office's own ledger is there. Raises StorageError."""
    directory = os.path.join(root, OFFICE, LEDGER)
    return file_status.is_directory(directory) and bool(list_files(directory).numbers)


def _read(path: str) -> bytes | None:
    """A small file's content; None if there is none."""
    try:
        return read_plain(path, "file", jws.LONGEST)
    except StorageError as error:
        if error.errno == errno.ENOENT:
            return None
        raise


def holding_key(holding: Holding) -> PublicKey:
    """The key that came with a device's recordings. Raises KeyFileError if it is gone, is none, or
    is another one than the directory is named after, which all come to the same."""
    key = read_public_key(holding.key)
    if not holding.root.endswith(holding_name("", key)):
        raise KeyFileError(f"{holding.key}: this is the key {key.thumbprint}, of another camera")
    return key
