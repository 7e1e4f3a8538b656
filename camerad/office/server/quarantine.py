"""Quarantine: uploads that the office refused, kept as they came, with the reason.

``office/quarantine/KID/ID.tar`` is the file, and ``ID.json`` beside it says why. Another file of
that recording is called ``ID-2``, and so on. Nothing here is ever overwritten or removed: a person
looks at it, and decides.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import count
from typing import Final

import msgspec

from camerad.base import durable_files, file_status
from camerad.base.storage_errors import explain
from camerad.container.keys import Thumbprint, is_thumbprint
from camerad.container.recording_files import SUFFIX
from camerad.container.recording_ids import RecordingId
from camerad.evidence.quarantine_reasons import ENDING, make_reason, read_reason
from camerad.office.server.camera_holdings import size_of
from camerad.store import verified_copy
from camerad.store.locations import OFFICE
from camerad.store.verified_copy import Digest

NAME: Final = "quarantine"


class Quarantined(msgspec.Struct, frozen=True):
    """Files that are quarantined: how many, and their bytes together."""

    files: int = 0
    bytes: int = 0


def list_quarantined(root: str) -> Iterator[tuple[Thumbprint, str]]:
    """Yields every file that was quarantined: its camera's key, and its name without the ending.
    root: the office's directory. Raises StorageError."""
    above = os.path.join(root, OFFICE, NAME)
    for kid in filter(is_thumbprint, _names_in(above)):
        for name in _names_in(os.path.join(above, kid)):
            if name.endswith(SUFFIX):
                yield kid, name.removesuffix(SUFFIX)


def measure_quarantined(root: str, kid: Thumbprint | None = None) -> Quarantined:
    """How much was quarantined. kid: of the camera with this key alone. Raises StorageError."""
    above = os.path.join(root, OFFICE, NAME)
    files = size = 0
    for owner in filter(is_thumbprint, _names_in(above)) if kid is None else (kid,):
        directory = os.path.join(above, owner)
        for name in _names_in(directory):
            length = size_of(os.path.join(directory, name)) if name.endswith(SUFFIX) else None
            if length is not None:
                files, size = files + 1, size + length
    return Quarantined(files, size)


def _names_in(directory: str) -> list[str]:
    try:
        return sorted(os.listdir(directory))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise explain("look at what was quarantined", directory, error) from error


class Quarantine:
    """root: the office's directory. The caller passes one camera's files one after
    another."""

    def __init__(self, root: str) -> None:
        self._directory = os.path.join(root, OFFICE, NAME)

    def keep(
        self, kid: Thumbprint, recording: RecordingId, path: str, written: Digest, why: str
    ) -> str:
        """Move a file here, durably, with the reason beside it; returns its new path.

        path: where it is. written: what it contains. If the same bytes are here already, they are
        kept once, and the file stays where it is. Raises StorageError; the next call goes on.
        """
        directory = os.path.join(self._directory, kid)
        durable_files.make_directory(directory)
        content = make_reason(why, written)
        for number in count(1):
            stem = os.path.join(directory, recording if number == 1 else f"{recording}-{number}")
            target = stem + SUFFIX
            if file_status.exists(target):
                if not _contains(target, written):
                    continue
                durable_files.sync_directory(directory)
                return target
            # The reason first: no file is here without one.
            durable_files.publish(stem + ENDING, content, mode=None)
            durable_files.move(path, target)
            return target
        raise AssertionError("unreachable")

    def why(self, kid: Thumbprint, recording: RecordingId) -> str | None:
        """Why the last file of this recording is here; None if there is none. Raises
        StorageError."""
        said = None
        for number in count(1):
            stem = recording if number == 1 else f"{recording}-{number}"
            path = os.path.join(self._directory, kid, stem)
            if not file_status.exists(path + SUFFIX):
                return said
            said = read_reason(path + ENDING)
        raise AssertionError("unreachable")


def _contains(path: str, written: Digest) -> bool:
    return os.lstat(path).st_size == written.bytes and verified_copy.digest(path) == written
