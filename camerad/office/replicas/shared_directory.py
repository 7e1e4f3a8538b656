"""Keeps the directories of several servers of one office the same.

Each server has the whole directory of the office on its own disk, since every tool works on plain
files. What counts is in the table `shared_files`: small files with their content, recordings as
names of their replicas, from which they are fetched. A change has a version, which is higher than
that of every change before, so all servers make the same changes in the same order:

1. the change is committed, if no other server has changed that file meanwhile;
2. it is made here. `refresh` makes it on the other servers.

So nothing that a server has signed is shown before all others will have it: entries of the office's
ledger and receipts are announced (`announce`) before they are written. What is done under a claim
(`turn`) is announced at its end. What a server had not announced when it ended did not happen: its
next turn, or its next start, puts the files back.

A file that vanished here, and not by a turn, is put back too: no failing disk deletes anything at
another server. Uploads, the quarantine, updates and what is made of the ledger are each server's
own.

``office/shared`` says that a directory is one of several, of which database, and up to which
version. A database that was put back to a backup is noticed by it. If the database is lost, the
first server that starts puts its files into a new one; the others start if they have no others.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import re
import secrets
import stat
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, func, insert, select, update

from camerad.base import durable_files, file_status
from camerad.base.clock import Clock
from camerad.base.errors import StorageError
from camerad.base.file_status import FileVersion
from camerad.base.message_ids import MessageId
from camerad.base.safe_read import read_plain
from camerad.base.storage_errors import explaining
from camerad.base.text import printable
from camerad.container.recording_files import SUFFIX
from camerad.container.skeleton import readable_skeleton
from camerad.ledger.claim import SHARED, SHARED_BY
from camerad.office.replicas.replica_store import ReplicaStore, name_of
from camerad.office.state.columns import record_of
from camerad.office.state.office_state import OfficeState
from camerad.office.state.state_tables import shared_files
from camerad.store import verified_copy
from camerad.store.locations import (
    EARLIER_LEDGER,
    KEYS,
    LEDGER,
    OFFICE,
    RECEIPTS,
    RECORDINGS,
)
from camerad.store.verified_copy import Digest

_log = logging.getLogger(__name__)

WAIT_SECONDS: Final = 10.0
"""So long a change waits for those of other servers."""
_ALL, _SHELVES = "", RECORDINGS
"""Parts of the directory: all of it, and the recordings with their receipts. Others are `OFFICE`,
and of a camera its ledger with its key, by the ending of its directories (`holding_ending`)."""
_OF_OFFICE: Final = ("", LEDGER, KEYS, "log", os.path.join("desk", "cases"))
_OF_CAMERA: Final = ("", RECORDINGS, RECEIPTS, LEDGER, EARLIER_LEDGER)
"""Directories with files that all servers have."""
_FILE: Final = r"[^/.][^/]*(?<!\.new)"
_PATH: Final = re.compile(
    rf"office/(id|(ledger|keys|desk/cases)/{_FILE}|log/(key\.pem|vkey|checkpoint|losses|policy|hashes-[0-9]+))"
    rf"|[A-Za-z0-9._-]+-[A-Za-z0-9_-]{{8}}"
    rf"/(device\.jwk|(recordings|receipts|ledger|earlier-ledger)/{_FILE})"
)
"""The files that all servers have."""
_LARGEST: Final = 256 << 20
_ORDER: Final = 0x63616D6572616466  # "cameradf"
"""PostgreSQL's lock that puts changes in order."""
_DATABASE: Final = ""
"""The path of the row that tells this database from others."""
_ROWS: Final = shared_files


class SharedFile(msgspec.Struct, frozen=True):
    """A row without the content. path: below the directory. bytes: -1 if it was removed. object:
    name of a recording's replica; None for a file whose content is in the row."""

    path: str
    version: int
    bytes: int
    sha256: str
    time_ns: int
    mode: int
    object: str | None

    @property
    def is_there(self) -> bool:
        """Whether all servers have this file."""
        return self.bytes >= 0


_COLUMNS: Final = [_ROWS.c[name] for name in SharedFile.__struct_fields__]


class SharedDirectory:
    """root: this server's directory. state: of the office, in a database that all servers use.
    store: of replicas. clock: dates changes. Thread-safe. Everything raises StorageError."""

    def __init__(self, root: str, state: OfficeState, store: ReplicaStore, clock: Clock) -> None:
        self.root: Final = os.path.abspath(root)
        self._office = os.path.join(self.root, OFFICE)
        self._state = state
        self._store = store
        self._clock = clock
        self._lock = threading.RLock()
        self._fetching = threading.Lock()
        self._known: dict[str, SharedFile] = {}
        self._same: dict[str, FileVersion] = {}
        """What files looked like when they were as their rows say."""
        self._missing: set[str] = set()
        """Recordings that are to be fetched."""
        self._announced: set[str] = set()
        """Files whose row may be ahead of them,"""
        self._placing: set[str] = set()
        """and recordings of which the same holds."""
        self.seen = 0
        """The newest change of others that was made here."""
        self._turns: set[int] = set()
        """Threads that hold the claim to the ledger."""

    # ------------------------------------------------------------------ start and end

    def join(self, begin: Callable[[], object]) -> None:
        """Become one of the servers: have the same files as they. begin: makes what every office
        has, if this is the first server. Raises StorageError if the directory has other files than
        the others, or the database was put back."""
        with self._lock, self._state.hold("shared-directory"):
            mark, database = self._read_mark(), self._database()
            if not database:
                begin()
                database = self._put_all()
            elif mark.get("database") == database:
                self._check_not_put_back(int(mark.get("seen", 0)))
            else:
                self._check_empty()
            self.refresh()
            self._heal(_ALL)
            self.fetch()
            self._mark(database)
        SHARED_BY[self._office] = self

    def close(self) -> None:
        """Change nothing more here."""
        SHARED_BY.pop(self._office, None)

    def _database(self) -> str:
        with self._state.reading() as rows:
            found = rows.execute(select(_ROWS.c.sha256).where(_ROWS.c.path == _DATABASE))
            return found.scalar() or ""

    def _put_all(self) -> str:
        """Put this directory into a database that has none."""
        replicas = {one.name: one.bytes for one in self._store.list_copies()}
        there = filter(_is_recording, self._scan(_ALL))
        recordings = [(self._recording(name, replicas), None) for name in there]
        database = secrets.token_hex(16)
        first = SharedFile(_DATABASE, 0, -1, database, 0, 0, None)
        self._put([(first, None), *recordings, *self._changed(_ALL)])
        return database

    def _recording(self, name: str, replicas: Mapping[str, int]) -> SharedFile:
        path = self._path(name)
        said = readable_skeleton(path)
        final = None if said is None or said.closed_by is None else said.closed_by.sha256
        held = name_of(os.path.basename(name).removesuffix(SUFFIX), final or "")
        digest = verified_copy.digest(path)
        if replicas.get(held) != digest.bytes:
            raise StorageError(
                f"{path}: it has no replica, from which other servers could have it: run this "
                "server alone with second_copy until all recordings have one, or move it away"
            )
        return self._row(name, digest, held)

    def _check_not_put_back(self, seen: int) -> None:
        with self._state.reading() as rows:
            newest = rows.execute(select(func.max(_ROWS.c.version))).scalar() or 0
        if newest < seen:
            raise StorageError(
                f"{self.root}: it has change {seen} of the office's files, and the database knows "
                f"{newest}: the database was put back. Empty its table shared_files, and start "
                "this server first if its directory is the newest"
            )

    def _check_empty(self) -> None:
        """Make sure that nothing here is lost by having the same files as the others: they have
        every file, or go on with it."""
        for name in self._scan(_ALL):
            with self._state.reading() as rows:
                found = rows.execute(
                    select(_ROWS.c.sha256, _ROWS.c.content).where(_ROWS.c.path == name)
                ).first()
            path = self._path(name)
            sha256, content = found or ("", None)
            goes_on = content and bytes(content).startswith(read_plain(path, "file", _LARGEST))
            if not goes_on and sha256 != verified_copy.digest(path).sha256:
                raise StorageError(
                    f"{path}: the office's other servers do not have this file, or "
                    "another one: begin with an empty directory, or, if this one is the newest, "
                    "stop all servers, empty the table shared_files, and start this one first"
                )

    def _read_mark(self) -> dict[str, Any]:
        path = os.path.join(self._office, SHARED)
        if not file_status.exists(path):
            return {}
        try:
            return dict(json.loads(read_plain(path, "mark")))
        except (ValueError, TypeError) as error:
            raise StorageError(f"{path}: this cannot be read: {error}; remove it") from error

    def _mark(self, database: str = "") -> None:
        database = database or str(self._read_mark().get("database", ""))
        durable_files.make_directory(self._office)
        content = json.dumps({"database": database, "seen": self.seen}).encode() + b"\n"
        durable_files.publish(os.path.join(self._office, SHARED), content)

    # ------------------------------------------------------------------ what others changed

    def refresh(self) -> bool:
        """Make the changes of other servers here, but for recordings, which `fetch` brings; returns
        whether there were any."""
        with self._lock, self._state.reading() as rows:
            found = rows.execute(
                select(*_COLUMNS)
                .where(_ROWS.c.version > self.seen, _ROWS.c.path != _DATABASE)
                .order_by(_ROWS.c.version)
            )
            changes = [record_of(one, SharedFile) for one in found.mappings()]
            for one in changes:
                known = self._known.get(one.path)
                if known is None or known.version != one.version:
                    self._take(one, rows)
                self.seen = one.version
            if changes and file_status.exists(os.path.join(self._office, SHARED)):
                self._mark()
            return bool(changes)

    def bring_all(self) -> None:
        """Make the changes of other servers here, and fetch recordings."""
        self.refresh()
        self.fetch()

    def fetch(self) -> None:
        """Fetch the recordings that other servers ingested."""
        with self._fetching:
            while True:
                with self._lock:
                    waiting = [self._known[name] for name in self._missing]
                if not waiting:
                    return
                for one in waiting:
                    self._fetch(one)

    def coming(self, path: str) -> int | None:
        """Bytes of a recording that is only to be fetched; None if it is not. path: its place."""
        name = self._name(path)
        with self._lock:
            return self._known[name].bytes if name in self._missing else None

    def _take(self, one: SharedFile, rows: Connection) -> None:
        """Have a file as its row says."""
        path = self._path(one.path)
        self._missing.discard(one.path)
        self._announced.discard(one.path)
        if not one.is_there:
            if file_status.exists(os.path.dirname(path)):
                durable_files.remove(path, missing_ok=True)
            self._same.pop(one.path, None)
        elif one.object is not None:
            if not self._is_same_recording(one, path):
                self._missing.add(one.path)
        else:
            asked = select(_ROWS.c.content).where(_ROWS.c.path == one.path)
            content = bytes(rows.execute(asked).scalar() or b"")
            if (len(content), hashlib.sha256(content).hexdigest()) != (one.bytes, one.sha256):
                raise StorageError(
                    f"{path}: the database has other bytes of it than were put there: find out "
                    "what changed them"
                )
            self._make_directories(path, one.path)
            if not file_status.is_file(path) or read_plain(path, "file", _LARGEST) != content:
                durable_files.publish(path, content, mode=one.mode)
            self._settle(one)
        self._known[one.path] = one

    def _is_same_recording(self, one: SharedFile, path: str) -> bool:
        """Whether it is here. One of the same length and time is not read again."""
        status = file_status.version_of(path)
        if status is None or status[1] != one.bytes:
            return False
        if status[2] != one.time_ns and verified_copy.digest(path).sha256 != one.sha256:
            return False
        self._settle(one)
        return True

    def _fetch(self, one: SharedFile) -> None:
        path = self._path(one.path)
        self._make_directories(path, one.path)
        temporary = path + durable_files.TEMPORARY
        durable_files.discard(temporary, missing_ok=True)
        self._receive(one, temporary)
        with self._lock:
            if self._known.get(one.path) != one:
                durable_files.discard(temporary)  # it was removed meanwhile
                return
            durable_files.rename(temporary, path)
            self._settle(one)
            self._missing.discard(one.path)
        _log.info("%s: fetched from its replica", one.path, extra=MessageId.REPLICA.extra)

    def _receive(self, one: SharedFile, temporary: str) -> None:
        """Write the version of a replica that is what the row says, durably."""
        for version in self._store.versions(one.object or ""):
            found, size = hashlib.sha256(), 0
            descriptor = durable_files.create(temporary)
            try:
                for piece in self._store.pieces(one.object or "", version):
                    size = durable_files.write(descriptor, [piece], size, temporary)
                    found.update(piece)
                durable_files.sync(descriptor, temporary)
            finally:
                durable_files.close(descriptor, temporary)
            if (size, found.hexdigest()) == (one.bytes, one.sha256):
                return
            durable_files.discard(temporary)
        raise StorageError(
            f"{self._store.describe()}: no version of {one.object} is what was put there: find out "
            "what removed or changed it"
        )

    # ------------------------------------------------------------------ own changes

    @contextlib.contextmanager
    def changing(self, part: str) -> Iterator[None]:
        """Change a part of the directory, which all have at the end. part: `OFFICE`, or
        the ending of a camera's directories. The caller holds a claim against other servers."""
        self.refresh()
        self._heal(part)
        yield
        self.publish(part)

    @contextlib.contextmanager
    def ledger_turn(self, *, deleting: bool = False) -> Iterator[None]:
        """The turn of who writes the office's ledger; within one of the same thread, nothing.
        deleting: recordings and receipts that are gone at the end are gone at every server. Raises
        BlockingIOError if another server or thread has the turn."""
        thread = threading.get_ident()
        if thread in self._turns:
            yield
            return
        self.refresh()
        self.fetch()
        with self._state.try_hold("ledger of the office") as held:
            if not held:
                raise BlockingIOError("another server of this office writes its ledger")
            self._turns.add(thread)
            try:
                with self.changing(OFFICE):
                    if deleting:
                        self._heal(_SHELVES)
                    self.fetch()
                    yield
                    if deleting:
                        self.publish(_SHELVES)
            finally:
                self._turns.discard(thread)

    def announce(self, path: str, offset: int, content: bytes) -> None:
        """Have all servers have these bytes at the end of a file of the ledger, or in a new one; it
        is written here afterwards. Raises StorageError if another server changed the ledger: what
        was decided by it was out of date."""
        with self._lock:
            before = read_plain(path, "file", _LARGEST)[:offset] if offset else b""
            self._announce(path, before + content, self._name(os.path.dirname(path)) + "/")
            self._announced.add(self._name(path))

    def put_file(self, path: str, content: bytes) -> None:
        """Have all servers have a whole new file; it is written here as well."""
        with self._lock:
            self._announce(path, content, None)
            durable_files.publish(path, content, mode=None)
            self._settle(self._known[self._name(path)])

    def _announce(self, path: str, content: bytes, above: str | None) -> None:
        digest = Digest(hashlib.sha256(content).hexdigest(), len(content))
        self._put([(self._row(self._name(path), digest, None), content)], above)

    def announce_recording(self, path: str, held: str, digest: Digest) -> None:
        """Have all servers have a recording, of which there is a replica; it gets its place here
        afterwards. held: the replica's name."""
        name = self._name(path)
        with self._lock:
            known = self._known.get(name)
            if known is None or (known.bytes, known.sha256) != (digest.bytes, digest.sha256):
                self._put([(self._row(name, digest, held), None)])
            self._placing.add(name)

    def placed(self, path: str) -> None:
        """Note that an announced recording has its place."""
        name = self._name(path)
        with self._lock:
            self._placing.discard(name)
            self._settle(self._known[name])

    def publish(self, part: str) -> None:
        """Have all servers have what was changed here of a part. Recordings and receipts are
        announced; only what is gone of them is changed."""
        with self._lock:
            if part == OFFICE:
                self._finish_announced()
            changes = [] if part == _SHELVES else self._changed(part)
            there = set(self._scan(part))
            for name, known in list(self._known.items()):
                elsewhere = name in self._missing or name in self._placing
                if known.is_there and name not in there and not elsewhere and _is_of(name, part):
                    removed = SharedFile(name, 0, -1, "", 0, 0, None)
                    changes.append((removed, None))
            if changes:
                self._put(changes)

    def _changed(self, part: str) -> list[tuple[SharedFile, bytes | None]]:
        """Small files that are not as their rows say."""
        changes: list[tuple[SharedFile, bytes | None]] = []
        for name, status in self._scan(part).items():
            if self._same.get(name) == status or _is_recording(name):
                continue
            content = read_plain(self._path(name), "file", _LARGEST)
            known = self._known.get(name)
            sha256 = hashlib.sha256(content).hexdigest()
            if known is not None and (known.bytes, known.sha256) == (len(content), sha256):
                self._settle(known)
                continue
            changes.append((self._row(name, Digest(sha256, len(content)), None), content))
        return changes

    def _finish_announced(self) -> None:
        """What was announced and could not be written here is as it was announced."""
        for name in sorted(self._announced):
            with self._state.reading() as rows:
                self._take(self._known[name], rows)

    def _heal(self, part: str) -> None:
        """Put back what is not as the others have it: it was never announced, or is damage."""
        with self._lock, self._state.reading() as rows:
            there = self._scan(part)
            for name, known in list(self._known.items()):
                elsewhere = name in self._missing or name in self._placing
                if _is_of(name, part) and known.is_there and not elsewhere:
                    changed = not _is_recording(name) and self._same.get(name) != there.get(name)
                    if name not in there or changed:
                        self._take(known, rows)
            for name in there:
                known_one = self._known.get(name)
                unknown = known_one is None or not known_one.is_there
                if unknown and not _is_recording(name) and part != _SHELVES:
                    _log.warning(
                        "%s: removed: no other server has it, and it was never announced",
                        printable(self._path(name)),
                        extra=MessageId.STORAGE.extra,
                    )
                    durable_files.remove(self._path(name))

    def _put(
        self, changes: Sequence[tuple[SharedFile, bytes | None]], above: str | None = None
    ) -> None:
        """Commit changes. above: a directory of which no other server may have changed any file."""
        made = []
        with self._changing() as (rows, newest):
            if above is not None:
                unseen = select(_ROWS.c.path, _ROWS.c.version).where(_ROWS.c.version > self.seen)
                for path, version in rows.execute(unseen.where(_ROWS.c.path.startswith(above))):
                    known = self._known.get(path)
                    if known is None or known.version != version:
                        raise _changed_elsewhere(path)
            for version, (one, content) in enumerate(changes, newest + 1):
                row = msgspec.structs.replace(one, version=version)
                values = msgspec.structs.asdict(row) | {"content": content}
                known = self._known.get(one.path)
                there = _ROWS.c.path == one.path
                if known is None:
                    if rows.execute(select(_ROWS.c.path).where(there)).first() is not None:
                        raise _changed_elsewhere(one.path)
                    rows.execute(insert(_ROWS).values(values))
                else:
                    same = there & (_ROWS.c.version == known.version)
                    if not rows.execute(update(_ROWS).where(same).values(values)).rowcount:
                        raise _changed_elsewhere(one.path)
                made.append(row)
        for row in made:
            self._known[row.path] = row
            if row.is_there and row.object is None and file_status.exists(self._path(row.path)):
                self._settle(row)
            elif not row.is_there:
                self._same.pop(row.path, None)

    @contextlib.contextmanager
    def _changing(self) -> Iterator[tuple[Connection, int]]:
        """A transaction, one after the other of all servers, and the newest version before it."""
        with self._state.noting(WAIT_SECONDS) as rows:
            if rows.dialect.name == "postgresql":
                rows.execute(select(func.pg_advisory_xact_lock(_ORDER)))
            yield rows, rows.execute(select(func.max(_ROWS.c.version))).scalar() or 0

    # ------------------------------------------------------------------ files

    def _row(self, name: str, digest: Digest, held: str | None) -> SharedFile:
        path = self._path(name)
        time_ns, mode = self._clock.wall_us() * 1000, durable_files.MODE
        if (mode_there := file_status.mode_of(path)) is not None:
            time_ns, mode = os.lstat(path).st_mtime_ns, stat.S_IMODE(mode_there)
        return SharedFile(name, 0, digest.bytes, digest.sha256, time_ns, mode, held)

    def _settle(self, one: SharedFile) -> None:
        """Note that a file is as its row says; with the time of all servers, so that their index
        is the same."""
        path = self._path(one.path)
        with explaining("set the time of", path):
            os.utime(path, ns=(one.time_ns, one.time_ns), follow_symlinks=False)
        status = file_status.version_of(path)
        if status is not None:
            self._same[one.path] = status

    def _scan(self, part: str) -> dict[str, FileVersion]:
        """The files of a part that all servers have, with what they look like."""
        found: dict[str, FileVersion] = {}
        for top in _names(self.root):
            for below in _OF_OFFICE if top == OFFICE else _OF_CAMERA:
                directory = os.path.join(self.root, top, below)
                for one in _names(directory) if _is_of(f"{top}/{below}", part) else ():
                    path = os.path.join(directory, one)
                    name = self._name(path)
                    if _PATH.fullmatch(name) and file_status.is_file(path):
                        status = file_status.version_of(path)
                        if status is not None:
                            found[name] = status
        return found

    def _make_directories(self, path: str, name: str) -> None:
        top = name.partition("/")[0]
        if top != OFFICE:
            for one in (RECORDINGS, RECEIPTS, LEDGER):
                durable_files.make_directory(os.path.join(self.root, top, one))
        durable_files.make_directory(os.path.dirname(path))

    def _path(self, name: str) -> str:
        if not _PATH.fullmatch(name):
            raise StorageError(f"{printable(name)}: no such file is shared by an office's servers")
        return os.path.join(self.root, name)

    def _name(self, path: str) -> str:
        return os.path.relpath(os.path.abspath(path), self.root).replace(os.sep, "/")


def _is_of(name: str, part: str) -> bool:
    """Whether a part has a path; none has that of `_DATABASE`."""
    top, _, rest = name.partition("/")
    if part == _ALL or top == OFFICE:
        return bool(name) and part in (_ALL, OFFICE)
    shelved = rest.partition("/")[0] in (RECORDINGS, RECEIPTS)
    return shelved if part == _SHELVES else top.endswith(part) and not shelved


def _names(directory: str) -> list[str]:
    """What is in a directory; nothing if it is none, or a link."""
    if not file_status.is_directory(directory):
        return []
    with explaining("list the directory", directory):
        return sorted(os.listdir(directory))


def _is_recording(name: str) -> bool:
    parts = name.split("/")
    return len(parts) == 3 and parts[0] != OFFICE and parts[1] == RECORDINGS


def _changed_elsewhere(name: str) -> StorageError:
    return StorageError(
        f"{printable(name)}: another server of this office has changed it; nothing was changed "
        "here, try again"
    )
