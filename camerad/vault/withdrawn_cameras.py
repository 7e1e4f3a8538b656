"""Cameras that the office has withdrawn: lost, stolen or broken ones, whose requests are refused.

``office/withdrawn/KID.json``, one file a camera, published whole, and removed when the camera is
taken back; KID is the thumbprint of its key. Whoever withdraws a camera writes that into the
office's ledger first, and takes it back likewise (`camerad.ledger.camera_entries`). A file that
cannot be read lets nothing through: it raises StorageError, as does storage that is away.

What came before stays as it is: what the camera has signed still verifies, and a recording that was
there in whole is taken over. A part that is just coming does not count any more, no room is kept
for the rest of its upload, and that is not counted as one that is under way. On the camera nothing
changes but that it hands over nothing.
"""

from __future__ import annotations

import os
from typing import Final

import msgspec

from camerad.base import durable_files, file_status, state_file
from camerad.base.storage_errors import explaining
from camerad.container.keys import Thumbprint, is_thumbprint
from camerad.store.locations import OFFICE

WITHDRAWN: Final = "withdrawn"
"""The directory, in the office's own part."""
WHYS: Final = ("lost", "stolen", "broken", "other")
"""Why a camera is withdrawn, as the ledger names it."""
_ENDING: Final = ".json"
_LARGEST: Final = 4096
_REMEDY: Final = "put the file back from a backup, or have the camera withdrawn anew"


class Withdrawal(msgspec.Struct, frozen=True):
    """at_us: wall time. who: id of the person. why: one of `WHYS`. reason: one line about it."""

    at_us: int
    who: str
    why: str
    reason: str


class WithdrawnCameras:
    """root: the office's directory. Any thread may ask. kid: thumbprint of a camera's key.
    Everything raises StorageError, and ValueError for what is no thumbprint."""

    def __init__(self, root: str) -> None:
        self._office = os.path.join(os.path.abspath(root), OFFICE)

    def find(self, kid: Thumbprint) -> Withdrawal | None:
        """How the camera was withdrawn; None if it was not."""
        return state_file.read_json(
            self._path(kid), Withdrawal, "withdrawal of a camera", _LARGEST, _REMEDY
        )

    def kids(self) -> frozenset[Thumbprint]:
        """Keys of all of them, whether their files can be read or not."""
        directory = os.path.join(self._office, WITHDRAWN)
        if not file_status.is_directory(directory):
            return frozenset()
        with explaining("list the directory", directory):
            names = [name.removesuffix(_ENDING) for name in os.listdir(directory)]
        return frozenset(filter(is_thumbprint, names))

    def put(self, kid: Thumbprint, withdrawal: Withdrawal) -> None:
        """Withdraw a camera."""
        path = self._path(kid)
        durable_files.make_directory(os.path.dirname(path))
        state_file.write_json(path, withdrawal)

    def remove(self, kid: Thumbprint) -> None:
        """Take a camera back."""
        durable_files.remove(self._path(kid), missing_ok=True)

    def _path(self, kid: Thumbprint) -> str:
        """Nothing on the way is a link, and nothing but a thumbprint becomes a path."""
        if not is_thumbprint(kid):
            raise ValueError(f"{kid!r} is no thumbprint")
        directory = os.path.join(self._office, WITHDRAWN)
        for one in (self._office, directory):
            file_status.check_directory(one)
        return os.path.join(directory, kid + _ENDING)
