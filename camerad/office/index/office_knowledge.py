"""Facts about an office's recordings from its ledgers, read when these have changed.

The office's own ledger is read as the desk reads it (`evidence.office_key_file.ledger_keys`);
copies of cameras' ledgers with the keys that came with them and those of the register. Nothing is
judged: that is for ``camerad evidence verify``.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec
from msgspec.structs import replace
from sqlalchemy import Connection

from camerad.base import file_status
from camerad.base.errors import CameradError, StorageError
from camerad.base.storage_errors import explaining
from camerad.container.keys import KeyFileError, KeyRing, PublicKey
from camerad.evidence import camera_register, office_key_file
from camerad.evidence.camera_register import Register
from camerad.evidence.holdings import holding_key
from camerad.ledger.ledger import read_state
from camerad.ledger.ledger_state import LedgerState
from camerad.ledger.recording_state import Hold
from camerad.office.index import ledger_rows
from camerad.office.index.recording_rows import Knowledge, Row, plain
from camerad.office.state.index_tables import LEDGER, QUARANTINE
from camerad.store import camera_holds
from camerad.store.camera_directories import with_newest_copies
from camerad.store.camera_ledgers import has_recordings
from camerad.store.held_on_camera import held_in
from camerad.store.locations import (
    DIRECTORY_ID,
    EARLIER_LEDGER,
    KEYS,
    OFFICE,
    RECEIPTS,
    RECORDINGS,
    Holding,
    Place,
    holding_ending,
)
from camerad.store.locations import (
    LEDGER as CAMERA_LEDGER,
)

REGISTERED: Final = "registered"
"""Standing of a camera that may hand over."""
REPLACED: Final = "replaced"
"""Standing of a key that a registered camera had before."""
UNKNOWN: Final = "unknown"
"""Standing of a key that only lies beside recordings."""


_Brought = Sequence[tuple[Holding, PublicKey]]
"""Holdings, each with the key that came with its recordings."""


class OfficeFiles(msgspec.Struct, frozen=True):
    """Where an office's recordings are, and by which words they are read.

    root: the office's directory. key: the office's key, None if it is not at hand. register:
    the file with the cameras, None if there is none.
    """

    root: str
    key: PublicKey | None
    register: str | None = None


def list_versions(directory: str) -> list[tuple[str, int, int, int]]:
    """Everything in a directory: name, kind, bytes, and time of change in nanoseconds, by name;
    nothing if it is no directory. Raises StorageError."""
    if not file_status.is_directory(directory):
        return []
    found = []
    with explaining("list the directory", directory), os.scandir(directory) as entries:
        for entry in entries:
            with contextlib.suppress(FileNotFoundError):
                state = entry.stat(follow_symlinks=False)
                kind = stat.S_IFMT(state.st_mode)
                found.append((entry.name, kind, state.st_size, state.st_mtime_ns))
    return sorted(found)


def digest(*parts: object) -> str:
    """A short word for what something was made from."""
    return hashlib.sha256(repr(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]


class _CameraLedger(msgspec.Struct, frozen=True):
    """What the copy of a camera's ledger says. version: of its files. named: ids in it. held: what
    it holds. pending: of that, what the office has to ingest; pending_version: what that follows
    from."""

    version: str
    named: frozenset[str] = frozenset()
    held: Mapping[str, tuple[Hold, ...]] = msgspec.field(default_factory=dict)
    pending: Mapping[str, tuple[Hold, ...]] = msgspec.field(default_factory=dict)
    pending_version: str = ""


class KnowledgeReader:
    """Keeps what it has read, as long as the files are the same. lost: is told of entries of the
    office's ledger that are gone. One thread uses it at a time."""

    def __init__(self, files: OfficeFiles, lost: ledger_rows.Lost | None = None) -> None:
        self._files = files
        self._lost = lost
        self._own: tuple[str, LedgerState | None] | None = None
        self._cameras: dict[str, _CameraLedger] = {}
        self._last = ledger_rows.LastWords()
        self.register = Register()
        """The cameras, as they were read last; none if they are unknown."""
        self.camera_rows: Mapping[str, Row] = {}
        """The table `cameras`, by thumbprint."""
        self.version = ""
        """Of everything that `read` returned last."""
        self.sources: dict[str, str] = {}
        """Versions of the files of the office's ledger."""
        self.trusted = KeyRing()
        """The keys of cameras."""
        self.office_keys = KeyRing()
        """The office's, present and former: receipts by them count as well."""

    def read(self, connection: Connection, place: Place, sources: Mapping[str, str]) -> Knowledge:
        """What all ledgers say now. The tables of the office's ledger are brought to it as well.

        sources: versions of what the index was made from. Raises StorageError.
        """
        self.register = self._read_register()
        brought = _brought(place)
        self.trusted = KeyRing([*_keys(self.register), *(key for _, key in brought)])
        self.camera_rows = _rows_of_cameras(brought, self.register)
        keys = self.office_keys = office_key_file.ledger_keys(place, self._files.key).ring
        now = ledger_rows.epoch_versions(place.ledger, keys)
        before = {name: sources[name] for name in sources if name.startswith(f"{LEDGER}/")}
        touched = ledger_rows.put_epochs(
            connection, place.ledger, keys, before, now, lost=self._lost
        )
        state = self._own_state(place, keys, digest(now))
        named: set[str] = set()
        pending: dict[str, tuple[Hold, ...]] = {}
        versions: list[object] = [now, sorted(self.trusted), repr(self.register)]
        seen = {}
        for one in with_newest_copies(place, self.trusted).holdings:
            camera = self._read_camera(one)
            part = Place(place.kind, place.root, (one,), place.unread)
            there = sorted(name for name in camera.held if part.files_of(name))
            version = digest(digest(now), camera.version, there)
            if camera.pending_version != version:
                ours = camera_holds.not_ours(part, camera.held, state, keys)
                camera = replace(camera, pending=ours, pending_version=version)
            seen[one.root] = camera
            named |= camera.named
            for recording, held in camera.pending.items():
                pending[recording] = (*pending.get(recording, ()), *held)
            versions.append((one.root, version))
        self._cameras = seen
        self.version = digest(versions)
        self.sources = now
        said = self._last.follow(connection, before, now, touched)
        ages = None if state is None else state.ages_at_head()
        last = self._last
        return Knowledge(
            *(state, ages, named, pending, last.deletions, last.handed, last.not_authentic, said)
        )

    def _own_state(self, place: Place, keys: KeyRing, version: str) -> LedgerState | None:
        if self._own is None or self._own[0] != version:
            there = file_status.is_directory(place.ledger)
            self._own = version, read_state(place.ledger, keys) if there else None
        return self._own[1]

    def _read_camera(self, holding: Holding) -> _CameraLedger:
        """What the copy of a camera's ledger says."""
        if holding.broken or not (self._is_registered(holding) or has_recordings(holding)):
            return _CameraLedger("")
        parts = (holding.ledger, holding.earlier_ledger)
        version = digest(sorted(self.trusted), [list_versions(part) for part in parts])
        known = self._cameras.get(holding.root)
        if known is not None and known.version == version:
            return known
        named: frozenset[str] = frozenset()
        try:
            if file_status.is_directory(holding.ledger):
                named = frozenset(read_state(holding.ledger, self.trusted).recordings)
            return _CameraLedger(version, named, held_in(holding, self.trusted).holds)
        except StorageError:
            return _CameraLedger("", named)  # it is tried again, and keeps no other from its rows

    def _is_registered(self, holding: Holding) -> bool:
        """Whether the register has the camera; of another one only what is here counts."""
        cameras = self.register.cameras
        return any(
            holding.root.endswith(holding_ending(key))
            for one in cameras
            for key in (one.thumbprint, *one.former)
        )

    def _read_register(self) -> Register:
        if self._files.register is None:
            return Register()
        try:
            return camera_register.read(self._files.register, made=True)
        except CameradError:
            return Register()  # the ingest reports it


def _rows_of_cameras(brought: _Brought, register: Register) -> dict[str, Row]:
    """The table `cameras`, by thumbprint: those of the register, and whose recordings are here."""
    found: dict[str, Row] = {}

    def add(thumbprint: str, name: str, standing: str) -> None:
        row = {"thumbprint": plain(thumbprint), "name": plain(name), "standing": standing}
        found.setdefault(row["thumbprint"], row)

    for camera in register.cameras:
        add(camera.thumbprint, camera.name, REGISTERED)
    for camera in register.cameras:
        for thumbprint in camera.former:
            add(thumbprint, camera.name, REPLACED)
    for holding, key in brought:
        add(key.thumbprint, holding.stem, UNKNOWN)
    return found


def _keys(register: Register) -> Iterable[PublicKey]:
    for camera in register.cameras:
        with contextlib.suppress(ValueError):
            key = PublicKey.from_jwk(camera.jwk)
            if key.thumbprint == camera.thumbprint:
                yield key


def _brought(place: Place) -> _Brought:
    found = []
    for holding in place.holdings:
        with contextlib.suppress(KeyFileError):
            found.append((holding, holding_key(holding)))
    return found


_LEDGERS: Final = (CAMERA_LEDGER, EARLIER_LEDGER)
_OFFICE_PARTS: Final = (DIRECTORY_ID, KEYS, "quarantine", os.path.join("desk", "cases"))


def look_version(files: OfficeFiles) -> str:
    """What tells the directory from how it was before: a cheap look, some system calls for each
    camera. Raises StorageError.

    A file that is put into a directory, renamed or removed changes the directory's time. The
    ledgers grow in place, so their files are looked at themselves. A recording that is changed in
    place is not seen here; the comparison of files and ledgers writes it into the office's ledger,
    and that is.
    """
    root = files.root
    found: list[object] = []
    for name, *_ in list_versions(root):
        holding = os.path.join(root, name)
        if not file_status.is_directory(holding):
            continue
        found.append(name)
        found += [_time(os.path.join(holding, part)) for part in (RECORDINGS, RECEIPTS)]
        found += [list_versions(os.path.join(holding, part)) for part in _LEDGERS]
    found += [_time(os.path.join(root, OFFICE, part)) for part in _OFFICE_PARTS]
    for name, *_ in list_versions(os.path.join(root, QUARANTINE)):
        found.append((name, _time(os.path.join(root, QUARANTINE, name))))
    if files.register is not None:
        found.append(_time(files.register))
    return digest(found)


def _time(path: str) -> tuple[int, int, int] | None:
    """What a change of a file or directory changes; None if there is none."""
    if not file_status.exists(path):
        return None
    with explaining("look at it", path):
        state = os.stat(path)
    return state.st_ino, state.st_size, state.st_mtime_ns
