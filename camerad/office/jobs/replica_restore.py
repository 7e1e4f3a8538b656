"""Brings recordings back from their replicas into the office's directory.

For a directory that lost files, or was lost as a whole. A recording comes back only if it is whole
and authentic by its camera's key, and ends as its replica's name and the office's ledger say;
never over another file, and never what the office has deleted. If a replica was
overwritten, its earlier versions are tried, the newest first.

Order; each line is durable before the next begins:

1. the bytes, into ``office/restoring``, read back from the storage;
2. the check, by the camera's key;
3. the place among the camera's recordings: moved there, never over a file.

The office's server may run meanwhile. It enters the recording in its ledger at its next scan.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from typing import Final, NamedTuple

from camerad.base import durable_files, file_status
from camerad.base.errors import CameradError, StorageError
from camerad.container.keys import KeyRing, PublicKey
from camerad.container.recording_files import SUFFIX
from camerad.container.recording_ids import RecordingId, is_id
from camerad.container.skeleton import readable_skeleton
from camerad.evidence import office_key_file
from camerad.evidence.office_key_file import OfficeKeyError
from camerad.evidence.office_store import brought_keys
from camerad.ledger.audit import read_state
from camerad.office.replicas.replica_store import ReplicaStore, parse_name
from camerad.office.server.camera_holdings import CameraHoldings
from camerad.office.server.cameras import Cameras
from camerad.office.server.judgement import check_recording
from camerad.office.server.tombstones import Tombstones
from camerad.office.server.uploads import Declaration
from camerad.store import verified_copy
from camerad.store.disk import TakenError
from camerad.store.locations import OFFICE, NotThereError, office_place
from camerad.store.verified_copy import Digest

RESTORING: Final = "restoring"
"""Where a recording lies below the office's own part until it was checked."""


class RestoreResult(NamedTuple):
    """restored: ids of what is back. refused: why others are not, in words for people. there: how
    many did not have to be brought back."""

    restored: tuple[str, ...]
    refused: tuple[str, ...]
    there: int


class Restorer:
    """cameras: the office's register. key: the office's, by which its ledger is read.

    Raises OfficeKeyError if the ledger is by another key, and StorageError.
    """

    def __init__(
        self, holdings: CameraHoldings, store: ReplicaStore, cameras: Cameras, key: PublicKey
    ) -> None:
        self._root = holdings.root
        self._directory = os.path.join(self._root, OFFICE, RESTORING)
        self._store = store
        self._cameras = cameras
        self._holdings = holdings
        self._tombstones = Tombstones(self._root, key)
        self._place = office_place(self._root)
        found = office_key_file.ledger_keys(self._place, key)
        if found.problem:
            raise OfficeKeyError(f"{found.problem}; nothing is brought back until this is mended")
        there = file_status.is_directory(self._place.ledger)
        self._known = read_state(self._place.ledger, found.ring).recordings if there else {}

    def restore(
        self, recording: str | None, say: Callable[[str], None] = lambda _: None
    ) -> RestoreResult:
        """Bring back one recording, or all that are not in the directory. say: is told of each.

        Raises NotThereError if there is no replica of the one, TakenError if another process
        does the same, ReplicaError if the store fails, and StorageError if the office's
        directory does.
        """
        if recording is not None and not is_id(recording):
            raise NotThereError(f"{recording!r} is no recording's id; list what there is")
        wanted = []
        for one in self._store.list_copies():
            parsed = parse_name(one.name)
            if parsed is not None and recording in (None, parsed[0]):
                wanted.append((one.name, *parsed))
        if recording is not None and not wanted:
            raise NotThereError(f"{self._store.describe()}: there is no replica of {recording}")
        durable_files.make_directory(self._directory)
        try:
            claim = durable_files.lock_directory(self._directory)
        except BlockingIOError as error:
            raise TakenError(
                f"{self._root}: recordings are being brought back already; wait until that has "
                "ended"
            ) from error
        try:
            durable_files.remove_unpublished(self._directory)
            return self._restore_all(wanted, say)
        finally:
            os.close(claim)

    def _restore_all(
        self, wanted: list[tuple[str, RecordingId, str]], say: Callable[[str], None]
    ) -> RestoreResult:
        """wanted: names of replicas, ids, and SHA-256 of last statements."""
        restored, refused, there = [], [], 0
        for name, identity, final in wanted:
            paths = self._place.files_of(identity)
            if any(_final_of(path) == final for path in paths):
                there += 1
                continue
            why = self._restore(name, identity, final)
            if why:
                refused.append(f"{identity}: {why}")
            else:
                restored.append(identity)
                say(identity)
        return RestoreResult(tuple(restored), tuple(refused), there)

    def _restore(self, name: str, recording: RecordingId, final: str) -> str:
        """Bring one back; returns why it is not brought back, or ""."""
        known = self._known.get(recording)
        header = known.header if known is not None and known.final == final else ""
        if self._tombstones.has(recording, final, header):
            return "the office deleted it in its time, so it does not come back"
        path = os.path.join(self._directory, recording + SUFFIX + durable_files.TEMPORARY)
        why = "the store has nothing of it"
        for version in self._store.versions(name):
            try:
                got = self._fetch(name, version, path)
                why = self._place_checked(path, recording, final, got)
            finally:
                durable_files.remove(path, missing_ok=True)
            if not why:
                return ""
        return f"no version of its replica is what it should be: {why}"

    def _fetch(self, name: str, version: str, path: str) -> Digest:
        """Write a version durably; returns what it is, as it was read back."""
        written = hashlib.sha256()
        offset = 0
        descriptor = durable_files.create(path)
        try:
            for piece in self._store.pieces(name, version):
                offset = durable_files.write(descriptor, [piece], offset, path)
                written.update(piece)
            durable_files.sync(descriptor, path)
        finally:
            durable_files.close(descriptor, path)
        got = verified_copy.digest(path, fresh=True)
        if got != Digest(written.hexdigest(), offset):
            raise StorageError(
                f"{path}: it reads back with other bytes than were written; do not use this "
                "storage: take another one"
            )
        return got

    def _place_checked(self, path: str, recording: RecordingId, final: str, got: Digest) -> str:
        """Move a version to its place, if it is what it should be; returns why not, or ""."""
        said = readable_skeleton(path)
        if said is None:
            return "it is no recording"
        kid = said.statement.kid
        keys = self._cameras.keys()
        known = self._known.get(recording)
        if known is not None and known.final == final:
            # The office's ledger names this end: a key that only came with recordings is good
            # enough to read it by.
            keys = KeyRing([*brought_keys(self._place).values(), *keys.values()])
        key = keys.get(kid)
        if key is None:
            return (
                f"its camera's key {kid} is not in the register; collect the camera: camerad "
                "provision collect"
            )
        judged = check_recording(path, Declaration(recording, final, got.bytes), key, final)
        if judged.why:
            return judged.why
        holding = self._holdings.make_for(said.header.device, key)
        target = holding.file(recording)
        if file_status.exists(target):
            return (
                f"another file has its place, {target}: look at that, and move it away if it is "
                "not what it should be"
            )
        durable_files.move(path, target)
        return ""


def _final_of(path: str) -> str | None:
    """SHA-256 of a file's last statement; None if it has none, or cannot be read as a recording."""
    try:
        said = readable_skeleton(path)
    except CameradError:
        return None
    return None if said is None or said.closed_by is None else said.closed_by.sha256
