"""Who the office is at a store of replicas: a file that only the server's user may read."""

from __future__ import annotations

import configparser
import os
from typing import Final, NamedTuple

from camerad.base.errors import EX_CONFIG
from camerad.base.safe_read import read_plain
from camerad.base.storage_errors import explaining
from camerad.office.replicas.replica_store import ReplicaError

_LARGEST: Final = 64 * 1024
_OTHERS: Final = 0o077
_SECTION: Final = "default"
_KEY_ID: Final = "aws_access_key_id"
_SECRET: Final = "aws_secret_access_key"  # noqa: S105 - the name of a line, not a secret


class CredentialsError(ReplicaError):
    """Error raised when the file with the office's identity at the store is not as it has to be."""

    exit_code = EX_CONFIG


class Credentials(NamedTuple):
    """Who the office is at the store."""

    key_id: str
    secret: str


def read_credentials(path: str) -> Credentials:
    """The office's identity at the store, from a file as AWS's tools have it.

    Raises CredentialsError if it is no such file, or others may read it, and StorageError.
    """
    content = read_plain(path, "file with credentials", _LARGEST, linked=True)
    with explaining("look at the file", path):
        mode = os.stat(path).st_mode & 0o777
    if mode & _OTHERS:
        raise CredentialsError(
            f"{path}: other users can read these credentials (mode {mode:04o}): chmod 600 {path}, "
            "and get others from the store if somebody can have copied them"
        )
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(content.decode())
        section = parser[_SECTION]
        found = Credentials(section[_KEY_ID], section[_SECRET])
    except (UnicodeDecodeError, configparser.Error, KeyError):
        # Never with what stands there.
        raise CredentialsError(
            f"{path}: this is no file with credentials: it needs the lines '[{_SECTION}]', "
            f"'{_KEY_ID} = ...' and '{_SECRET} = ...'"
        ) from None
    if not found.key_id or not found.secret:
        raise CredentialsError(f"{path}: {_KEY_ID} or {_SECRET} is empty; fill them in")
    return found
