"""Reads small files from directories in which an attacker can write.

Opening a named pipe blocks until another process writes, and a device has no end. So only plain
files are read. A symbolic link may lead to a file that the attacker could not read himself, such as
a key of this user. So no link is followed.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from io import BufferedReader
from typing import Final

from camerad.base.errors import StorageError
from camerad.base.storage_errors import explain

_PIECE: Final = 64 * 1024
_BLOCK: Final = 512
"""Bytes that ``st_blocks`` counts by (``stat(3type)``)."""
_LONGEST_HOLES: Final = 64 << 20
"""Bytes of holes, which are nowhere on the storage, that are read all the same."""


def read_plain(path: str, what: str, most: int | None = None, *, linked: bool = False) -> bytes:
    """The content of a plain file; b"" of anything else that has the name.

    what: what is read, for the error. most: read so many bytes, None for all. linked: a symbolic
    link is followed, since a person named it. Raises StorageError if it is not there, is a link, or
    cannot be read.
    """
    try:
        with _opened(path, linked=linked) as file:
            if not _is_plain(file):
                return b""
            return file.read() if most is None else _at_most(file, most)
    except OSError as error:
        raise _unreadable(path, what, error) from error


def sha256_plain(path: str, what: str) -> str:
    """SHA-256 of a plain file of any size, in hexadecimal; otherwise as `read_plain`.

    "" for a file whose length is mostly holes: to read a terabyte of them takes an hour.
    """
    try:
        with _opened(path, linked=False) as file:
            if not _is_plain(file):
                return hashlib.sha256().hexdigest()
            state = os.fstat(file.fileno())
            if state.st_size - state.st_blocks * _BLOCK > _LONGEST_HOLES:
                return ""
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise _unreadable(path, what, error) from error


def open_plain(path: str, what: str, *, linked: bool = False) -> BufferedReader:
    """A plain file, to be read in pieces; the caller closes it. linked: as for `read_plain`. Raises
    as that does, and also if it is no plain file."""
    try:
        file = _opened(path, linked=linked)
    except OSError as error:
        raise _unreadable(path, what, error) from error
    if not _is_plain(file):
        file.close()
        remedy = "name another one" if linked else "remove it"
        raise StorageError(f"{path}: cannot read the {what}: this is no plain file; {remedy}")
    return file


def _at_most(file: BufferedReader, most: int) -> bytes:
    """The rest of a file, `most` bytes at most.

    Python makes room for all that it is asked to read, and a process whose memory is overwritten
    (`camerad.base.process`) writes to all of that room. So it is asked for what there is.
    """
    content = file.read(min(most, os.fstat(file.fileno()).st_size + 1))
    while more := file.read(min(most - len(content), _PIECE)):
        content += more
    return content


def _unreadable(path: str, what: str, error: OSError) -> StorageError:
    if error.errno != errno.ENOENT:
        return explain(f"read the {what}", path, error)
    text = f"{path}: cannot read the {what}: there is no such file; name another one"
    return StorageError(text, error)


def _opened(path: str, *, linked: bool) -> BufferedReader:
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
    return open(os.open(path, flags if linked else flags | os.O_NOFOLLOW), "rb")


def _is_plain(file: BufferedReader) -> bool:
    return stat.S_ISREG(os.fstat(file.fileno()).st_mode)
