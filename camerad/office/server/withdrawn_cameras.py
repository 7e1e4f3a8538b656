"""Cameras that the office has withdrawn: lost, stolen or broken ones, whose requests are refused.

``office/withdrawn/KID.json``, one file a camera, published whole, and removed when the camera is
taken back; KID is the thumbprint of its key. Whoever withdraws a camera writes that into the
office's ledger first, and takes it back likewise (`camerad.ledger.camera_entries`). A file that
cannot be read lets nothing through: it raises StorageError, as does storage that is away. A file
that was lost follows from the ledger (`WithdrawnCameras.put_back`), unless its epoch has expired.

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
from camerad.container import jws
from camerad.container.keys import KeyRing, PublicKey, Thumbprint, is_thumbprint
from camerad.evidence import own_key
from camerad.evidence.own_key import OfficeKeyError
from camerad.ledger.audit import contents_in, entry_in, tokens_in
from camerad.ledger.camera_entries import CameraEntry
from camerad.office.server.directory_locks import DirectoryLocks
from camerad.office.server.offer_kinds import LOCK_SECONDS
from camerad.store.locations import OFFICE, Place, office_place

WITHDRAWN: Final = "withdrawn"
"""The directory, in the office's own part."""
WHYS: Final = ("lost", "stolen", "broken", "other")
"""Why a camera is withdrawn, as the ledger names it."""
_ENDING: Final = ".json"
_LARGEST: Final = 4096
_REMEDY: Final = "put the file back from a backup, or have the camera withdrawn anew"
_SPELLED: Final = jws.spellings(b'"kind":"camera"')


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
        self._root = os.path.abspath(root)
        self._office = os.path.join(self._root, OFFICE)

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

    def put_back(self, key: PublicKey | None) -> dict[Thumbprint, str]:
        """Withdraw cameras again that the ledger says are withdrawn and that have no file; returns
        their keys and names. key: the office's, None if it is not at hand. Raises OfficeKeyError if
        another key has signed the ledger, and LockHeldError."""
        place, found = office_place(self._root), dict[Thumbprint, str]()
        keys = own_key.ledger_keys(place, key)
        if keys.problem:
            raise OfficeKeyError(keys.problem)
        for kid in _last_words(place, keys.ring).keys() - self.kids():
            with DirectoryLocks(self._root, LOCK_SECONDS).hold(lock_of(kid)):
                # Another one may have taken it back, or withdrawn it, since.
                at_us, said = _last_words(place, keys.ring).get(kid, (0, None))
                if said is not None and kid not in self.kids():
                    self.put(kid, Withdrawal(at_us, said.who, said.why, said.reason))
                    found[kid] = said.name
        return found

    def _path(self, kid: Thumbprint) -> str:
        """Nothing on the way is a link, and nothing but a thumbprint becomes a path."""
        if not is_thumbprint(kid):
            raise ValueError(f"{kid!r} is no thumbprint")
        directory = os.path.join(self._office, WITHDRAWN)
        for one in (self._office, directory):
            file_status.check_directory(one)
        return os.path.join(directory, kid + _ENDING)


def lock_of(kid: Thumbprint) -> str:
    """Name of the lock under which entry and file of a camera change."""
    return f"withdrawn-{kid}"


def _last_words(place: Place, keys: KeyRing) -> dict[Thumbprint, tuple[int, CameraEntry]]:
    """The last entries about cameras that are withdrawn, with their wall times."""
    if not file_status.is_directory(place.ledger):
        return {}
    found: dict[Thumbprint, tuple[int, CameraEntry]] = {}
    last = 0
    for number, content in contents_in(place.ledger):
        for token in tokens_in(content):
            entry = entry_in(token, keys) if any(one in token for one in _SPELLED) else None
            if entry is None or entry.epoch != number or entry.sequence <= last:
                continue
            last, said = entry.sequence, entry.facts
            if isinstance(said, CameraEntry) and is_thumbprint(said.kid):
                found.pop(said.kid, None)
                if said.what == "withdrawn":
                    found[said.kid] = (entry.clock.wall_us, said)
    return found
