"""The section ``second_copy`` of office.yaml: the place of replicas, if there is one."""

from __future__ import annotations

import configparser
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final

import msgspec

from camerad.base import file_status
from camerad.base.errors import StorageError
from camerad.base.safe_read import read_plain
from camerad.base.storage_errors import explaining
from camerad.config.fields import ABSOLUTE_PATH, Matches
from camerad.config.settings_reader import SettingsReader
from camerad.office.replicas.replica_store import unsafe_store

SECTION: Final = "second_copy"
_LARGEST: Final = 64 * 1024
_OTHERS: Final = 0o077
_KEY_ID: Final = "aws_access_key_id"
_SECRET: Final = "aws_secret_access_key"  # noqa: S105 - the name of a line, not a secret


class S3Settings(msgspec.Struct, frozen=True):
    """A bucket with Object Lock."""

    endpoint: Annotated[
        str,
        "Address of the store.",
        Matches(
            r"https?://[A-Za-z0-9.\[\]:-]{1,253}/?",
            "an address such as https://s3.office.example:8333, without a path,",
        ),
    ]
    bucket: Annotated[
        str,
        "Name of the bucket, which has nothing else in it.",
        Matches(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", "a bucket's name, such as camerad-evidence,"),
    ]
    credentials: Annotated[
        Path,
        "File with the office's identity at the store, which no other user may read.",
        ABSOLUTE_PATH,
    ]
    region: Annotated[
        str, "The store's region.", Matches(r"[a-z0-9-]{1,40}", "a region, such as us-east-1,")
    ] = "us-east-1"
    ca: Annotated[
        Path | None,
        "Certificate of the authority that the store's certificate is by; PEM. Left out: those "
        "that this computer's Python trusts.",
        ABSOLUTE_PATH,
    ] = None


class ReplicaSettings(msgspec.Struct, frozen=True):
    """Where the replicas lie. Without either there are none."""

    s3: Annotated[S3Settings | None, "A bucket with Object Lock."] = None
    directory: Annotated[
        Path | None,
        "Another directory, such as one on another machine. Its lock binds camerad alone.",
        ABSOLUTE_PATH,
    ] = None

    @property
    def place(self) -> S3Settings | Path | None:
        """The one that is named."""
        return self.s3 or self.directory


_NO_DIRECTORY: Final = (
    "mount the storage that has it; only if that storage is new, make the directory on it"
)
NO_REPLICAS: Final = ReplicaSettings()
"""What holds where the section is left out."""


def check_replicas(
    settings: ReplicaSettings, directory: Path, reader: SettingsReader, *, with_files: bool
) -> None:
    """Note the mistakes that the section's fields do not show. directory: the office's. with_files:
    what it names has to be there too."""
    s3, other = settings.s3, settings.directory
    if s3 is not None and other is not None:
        reader.add_mistake(SECTION, "both s3 and directory stand there; keep one of them")
    if s3 is None and other is None and reader.is_given(SECTION) and reader.is_sound(SECTION):
        reader.add_mistake(
            SECTION, "neither s3 nor directory stands there; name one, or leave it out"
        )
    if s3 is not None and s3.endpoint.startswith("http://") and not _is_loopback(s3.endpoint):
        reader.add_mistake(
            f"{SECTION}.s3.endpoint",
            "an address without TLS is taken on this computer alone; give the store a certificate, "
            "and begin the address with https://",
        )
    if other is not None and (other == directory or directory in other.parents):
        reader.add_mistake(
            f"{SECTION}.directory",
            "it lies in the office's directory, with which it would be lost; name another place",
        )
    if with_files:
        _check_files(settings, reader)


def _check_files(settings: ReplicaSettings, reader: SettingsReader) -> None:
    s3, other = settings.s3, settings.directory
    if other is not None:
        _check(f"{SECTION}.directory", reader, lambda: _need(other, directory=True))
    if s3 is not None:
        _check(f"{SECTION}.s3.credentials", reader, lambda: read_credentials(str(s3.credentials)))
        if s3.ca is not None:
            ca = s3.ca
            _check(f"{SECTION}.s3.ca", reader, lambda: _need(ca, directory=False))


def _check(where: str, reader: SettingsReader, look: Callable[[], object]) -> None:
    if not reader.is_sound(where):
        return
    try:
        look()
    except StorageError as error:
        reader.add_mistake(where, str(error))


def _need(path: Path, *, directory: bool) -> None:
    mode = file_status.mode_of(str(path), linked=True)
    if mode is None or file_status.is_directory(str(path), linked=True) != directory:
        what = "directory" if directory else "file"
        remedy = _NO_DIRECTORY if directory else "put it there, or name another one"
        raise StorageError(f"there is no {what} {path}: {remedy}")


def _is_loopback(endpoint: str) -> bool:
    host = endpoint.removeprefix("http://").rstrip("/")
    return re.fullmatch(r"(127\.0\.0\.1|localhost|\[::1\])(:[0-9]+)?", host) is not None


def read_credentials(path: str) -> tuple[str, str]:
    """The office's id and secret at the store, from a file as AWS's tools have it.

    Raises ReplicaError if it is no such file, or others may read it, and StorageError. It never
    repeats what stands there.
    """
    content = read_plain(path, "file with credentials", _LARGEST, linked=True)
    with explaining("look at the file", path):
        mode = os.stat(path).st_mode & 0o777
    if mode & _OTHERS:
        raise unsafe_store(
            f"{path}: other users can read these credentials (mode {mode:04o}): chmod 600 {path}, "
            "and get others from the store if another user can have copied them"
        )
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(content.decode())
        found = parser["default"][_KEY_ID], parser["default"][_SECRET]
    except (UnicodeDecodeError, configparser.Error, KeyError):
        raise unsafe_store(
            f"{path}: this is no file with credentials: it needs the lines '[default]', "
            f"'{_KEY_ID} = ...' and '{_SECRET} = ...'"
        ) from None
    if not all(found):
        raise unsafe_store(f"{path}: {_KEY_ID} or {_SECRET} is empty; fill them in")
    return found
