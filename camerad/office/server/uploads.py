"""Uploads before their ingest: acknowledged bytes survive a loss of power at any instant.

An upload is a row of the database, which says how many bytes count, and a file with them,
``office/incoming/KID/RECORDING/content`` below the office's directory. A part counts as a whole or
not at all: its bytes are written behind those that count and synchronised, and only then the row is
changed. The bytes behind those that count are cut off before the next part. Row and file:

==============================  ====================================================================
file longer than the row says   the bytes behind are cut off
file shorter, or gone           nothing counts any more, and the camera brings it again; a complete
                                upload may have its place among the recordings already
file without a row              it is removed
==============================  ====================================================================

Thread-safe. One part at a time is written of an upload, and one upload at a time is declared or
removed: both are claims, which exclude other servers too.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import logging
import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, NamedTuple, TypeGuard, TypeVar

import msgspec
from sqlalchemy import ColumnElement, Connection, Table, delete, func, insert, select, update

from camerad.base import durable_files, file_status
from camerad.base.clock import DAY, Clock, Moment, SystemClock
from camerad.base.errors import NotNowError, StorageError
from camerad.base.message_ids import MessageId
from camerad.base.storage_errors import explaining
from camerad.base.text import printable
from camerad.container.jws import SHA256
from camerad.container.keys import Thumbprint, is_thumbprint
from camerad.container.recording_ids import RecordingId, is_id
from camerad.office.replicas.replica_store import UPLOADS, ReplicaStore
from camerad.office.server.camera_holdings import size_of
from camerad.office.server.part_upload import ArrivedPart, PartUpload, open_content
from camerad.office.server.quarantine import measure_quarantined
from camerad.office.server.revoked_cameras import RevokedCameras
from camerad.office.server.upload_errors import UploadError, UploadRefusal, unless
from camerad.office.server.upload_limits import (
    DEFAULT_LIMITS,
    UploadLimits,
    UploadsHere,
    check_camera,
    check_room,
    check_size,
)
from camerad.office.state import state_tables
from camerad.office.state.columns import record_of
from camerad.office.state.database import WAIT_SECONDS, DatabaseUnavailableError
from camerad.office.state.office_state import OfficeState
from camerad.store.locations import OFFICE

log = logging.getLogger(__name__)

INCOMING: Final = "incoming"
"""The directory of uploads, in the office's own part."""
CONTENT: Final = "content"
CHECKSUMS: Final = ("sha256", "sha1")
"""Algorithms of a client's own checksum."""
DECLARING_SECONDS: Final = 5.0
"""So long a request waits for others that declare. To make or remove an upload takes a moment; a
server that is stopped meanwhile keeps the claim, and the client has to hear of it in time."""
MOST_PARTS: Final = 8192
"""Whose SHA-256 are kept, of one upload: 128 GiB, by camerad's own client. Several servers need all
of them."""

_T = TypeVar("_T", bound=str)
_Name = tuple[Thumbprint, RecordingId]
"""A camera's key and a recording."""
_ROWS: Final = state_tables.uploads
_PARTS: Final = state_tables.upload_parts
_NO_ID: Final = "this is no recording's id; name one as the camera's ledger has it"


class Declaration(msgspec.Struct, frozen=True):
    """What a camera says that it will bring. recording: its id. final: SHA-256 of its last
    statement, in hexadecimal. bytes: length of its file. Raises ValueError if the id is none."""

    recording: RecordingId
    final: str
    bytes: int

    def __post_init__(self) -> None:
        if not is_id(self.recording):
            raise ValueError(f"{printable(self.recording)[:80]}: this is no recording's id")


class Upload(msgspec.Struct, frozen=True):
    """A row. camera: thumbprint of its key. came: bytes that count. came_us: when the last of them
    came, microseconds since 1970. The others: as declared."""

    camera: Thumbprint
    recording: RecordingId
    final: str
    bytes: int
    came: int
    came_us: int

    @property
    def name(self) -> _Name:
        """What tells it from all others."""
        return self.camera, self.recording

    @property
    def declaration(self) -> Declaration:
        """What the camera said that it will bring."""
        return Declaration(self.recording, self.final, self.bytes)

    @property
    def is_complete(self) -> bool:
        """Whether it has all its bytes."""
        return self.came >= self.bytes


class ExpiredUpload(NamedTuple):
    """An upload that was removed. kid: thumbprint of its camera's key. came: something of it was
    here."""

    kid: Thumbprint
    recording: RecordingId
    came: bool


class Uploads:
    """All of them. directory, state: the office's. clock: for when a part came. store: has what
    comes, too, for other servers. Everything raises StorageError."""

    def __init__(
        self,
        directory: str,
        state: OfficeState,
        limits: UploadLimits = DEFAULT_LIMITS,
        clock: Clock | None = None,
        store: ReplicaStore | None = None,
    ) -> None:
        self._above = os.path.abspath(directory)
        self._office = os.path.join(self._above, OFFICE)
        self._root = os.path.join(self._office, INCOMING)
        self.limits: Final = limits
        self._clock = clock or SystemClock()
        self._state = state
        self._store = store
        self._whole: dict[_Name, int] = {}
        """How many bytes of uploads are here as they came, where other servers receive some."""
        self._revoked = RevokedCameras(state)
        self._made_us = self._clock.now_us()
        self._seen: dict[_Name, int] = {}
        """When something last came, by boot time, which never steps."""
        self._told: set[_Name] = set()

    def declare(
        self,
        kid: Thumbprint,
        declaration: Declaration,
        why_not: Callable[[Thumbprint, RecordingId], str | None] = lambda _kid, _recording: None,
    ) -> int:
        """Begin an upload, or go on with the same one; returns the bytes that count already.

        why_not: why the recording is not wanted, if it is not. It is asked again where an upload
        would begin: the one before may have been ingested just now, and no client would go on
        with another one. Raises UploadError.
        """
        if not SHA256.fullmatch(declaration.final) or declaration.bytes < 1:
            raise UploadError(
                UploadRefusal.BAD_DECLARATION,
                "Upload-Length has to be above 0, and final a SHA-256 in 64 small hexadecimal "
                "digits",
            )
        name = (kid, declaration.recording)
        self.content_path(*name)
        with self._declaring():
            there = self._find(*name)
            if there is not None and there.declaration == declaration:
                return there.came
            if there is not None:
                self._tell_of_two(there, declaration)
                raise UploadError(
                    UploadRefusal.DECLARED_DIFFERENTLY,
                    f"{there.recording} was declared with {there.bytes} bytes and final "
                    f"{there.final} before; a recording that has ended never changes",
                )
            if (why := why_not(*name)) is not None:
                raise UploadError(UploadRefusal.NOT_WANTED, why)
            self._check_limits(kid, declaration.bytes)
            self._remove_files(*name)
            with self._noting(DECLARING_SECONDS) as rows:
                new = msgspec.structs.asdict(declaration)
                new |= {"camera": kid, "came": 0, "came_us": self._clock.wall_us()}
                rows.execute(insert(_ROWS).values(new))
        self._touch(name)
        return 0

    def _tell_of_two(self, there: Upload, declaration: Declaration) -> None:
        """Say once of an upload in the log that its camera declared it in two ways."""
        if there.name not in self._told:
            self._told.add(there.name)
            log.warning(
                "%s: the camera %s declared it with %d bytes and final %s, and now with %d and %s; "
                "the first counts",
                there.recording,
                there.camera,
                there.bytes,
                there.final,
                declaration.bytes,
                declaration.final,
                extra=MessageId.DECLARED_TWICE.extra,
            )

    def find(self, kid: Thumbprint, recording: RecordingId) -> Upload:
        """An upload. Raises UploadError if there is none."""
        found = self._find(kid, recording)
        if found is None:
            raise UploadError(
                UploadRefusal.NO_UPLOAD,
                f"there is no upload of {printable(recording)[:80]} by this camera; declare it",
            )
        return found

    def begin(
        self, kid: Thumbprint, recording: RecordingId, offset: int, checksum: str = ""
    ) -> PartUpload:
        """Begin a part, which the caller closes. offset: where it begins. checksum: one of
        `CHECKSUMS` if the client sent one. Raises UploadError."""
        self._find_incomplete(kid, recording)
        path = self.content_path(kid, recording)
        claim = contextlib.ExitStack()
        claim.enter_context(self._claim(kid, recording))
        try:
            found = self._find_incomplete(kid, recording)
            if offset != found.came:
                raise UploadError(
                    UploadRefusal.WRONG_OFFSET,
                    f"the upload has {found.came} bytes; begin there",
                    {"Upload-Offset": str(found.came)},
                )
            if not self._is_promised(found, self._clock.moment()):
                check_room(found.bytes - found.came, self._sum_up(), self.spare())
            self.fill(kid, recording)
            self._check_content(found, path)
            return PartUpload(
                path,
                found.came,
                found.bytes - found.came,
                checksum,
                on_finish=lambda end, sha256: self._count(found, end, sha256, path),
                on_close=claim.close,
            )
        except BaseException:
            claim.close()
            raise

    def _find_incomplete(self, kid: Thumbprint, recording: RecordingId) -> Upload:
        found = self.find(kid, recording)
        if found.is_complete:
            raise UploadError(
                UploadRefusal.COMPLETE,
                f"the upload of {recording} is complete; ask for its receipt",
            )
        return found

    def _check_content(self, found: Upload, path: str) -> None:
        size = size_of(path) or 0
        if size < found.came:
            # No loss of power does this: the storage lost what it had called durable.
            self._begin_anew(found.name)
            raise StorageError(
                f"{path}: has {size} bytes, and {found.came} were durable; the camera brings it "
                "again from its beginning: check the storage"
            )

    def _begin_anew(self, name: _Name) -> None:
        with self._noting(WAIT_SECONDS) as rows:
            rows.execute(delete(_PARTS).where(*_is(_PARTS, name)))
            rows.execute(update(_ROWS).where(*_is(_ROWS, name)).values(came=0))
        self._whole.pop(name, None)

    def fill(self, kid: Thumbprint, recording: RecordingId, *, fresh: bool = False) -> None:
        """Have all that came of an upload here, also by other servers; the caller excludes other
        requests for it. fresh: read also what is known to be here."""
        store = self._store
        if store is None:
            return
        name, path = (kid, recording), self.content_path(kid, recording)
        whole = 0 if fresh else self._whole.get(name, 0)
        missing = [one for one in self._parts(name) if one.stop > whole]
        if not missing:
            return
        descriptor = open_content(path)
        try:
            for one in missing:
                with explaining("read the file", path):
                    content = os.pread(descriptor, one.stop - one.start, one.start)
                if hashlib.sha256(content).digest() != one.sha256:
                    content = self._fetch(store, name, one)
                    durable_files.write(descriptor, [content], one.start, path)
            durable_files.sync(descriptor, path)
        finally:
            durable_files.close(descriptor, path)
        self._whole[name] = missing[-1].stop

    def _fetch(self, store: ReplicaStore, name: _Name, part: ArrivedPart) -> bytes:
        content = store.read_bytes(stored := _part_name(name, part.start))
        if content is None or hashlib.sha256(content).digest() != part.sha256:
            self._begin_anew(name)
            raise StorageError(
                f"{store.describe()}: {stored} is not there as it came; the camera brings "
                "the recording again from its beginning: check the store"
            )
        return content

    def _count(self, before: Upload, end: int, sha256: bytes, path: str) -> None:
        """Have a part count whose bytes are durable."""
        now_us = self._clock.wall_us()
        if self._store is not None:
            with explaining("read the file", path), open(path, "rb") as file:
                content = os.pread(file.fileno(), end - before.came, before.came)
            self._store.put_bytes(_part_name(before.name, before.came), content)
        with self._noting(WAIT_SECONDS) as rows:
            still = (*_is(_ROWS, before.name), _ROWS.c.came == before.came)
            counts = update(_ROWS).where(*still).values(came=end, came_us=now_us)
            if not rows.execute(counts).rowcount:
                raise UploadError(
                    UploadRefusal.BUSY,
                    f"the upload of {before.recording} was changed by another server; ask how far "
                    "it is",
                )
            known = select(func.count()).where(*_is(_PARTS, before.name))
            count = rows.execute(known).scalar() or 0
            if self._store is not None and count >= MOST_PARTS:
                raise UploadError(UploadRefusal.TOO_LARGE, "there are too many parts; send larger")
            if count < MOST_PARTS:
                part = {"start": before.came, "stop": end, "sha256": sha256}
                named = dict(zip(("camera", "recording"), before.name, strict=True))
                rows.execute(insert(_PARTS).values(named | part))
        self._touch(before.name)
        if self._whole.get(before.name, 0) == before.came:
            self._whole[before.name] = end

    def arrived(self, kid: Thumbprint, declared: Declaration) -> list[ArrivedPart] | None:
        """SHA-256 of all that came of an upload, in order; None if they are not all known."""
        found = self._parts((kid, declared.recording))
        return found if sum(one.stop - one.start for one in found) == declared.bytes else None

    def _parts(self, name: _Name) -> list[ArrivedPart]:
        chosen = select(*(_PARTS.c[one] for one in ArrivedPart.__struct_fields__))
        chosen = chosen.where(*_is(_PARTS, name)).order_by(_PARTS.c.start)
        with self._state.reading() as rows:
            return [ArrivedPart(*row) for row in rows.execute(chosen)]

    def complete(self, kid: Thumbprint | None = None) -> Iterator[tuple[Thumbprint, Declaration]]:
        """Yields every upload that has all its bytes, with its camera's key. kid: only those of
        this camera."""
        for one in self._list():
            if one.is_complete and kid in (None, one.camera):
                yield one.camera, one.declaration

    def find_complete(self, kid: Thumbprint, recording: RecordingId) -> Declaration | None:
        """An upload's declaration if it has all its bytes, else None."""
        found = self._find(kid, recording)
        return found.declaration if found is not None and found.is_complete else None

    def content_path(self, kid: Thumbprint, recording: RecordingId) -> str:
        """Where the bytes of an upload are. Nothing else becomes a path, and nothing on the way is
        a link. Raises UploadError."""
        if not is_thumbprint(kid) or not is_id(recording):
            raise UploadError(UploadRefusal.NO_UPLOAD, _NO_ID)
        above = os.path.join(self._root, kid)
        directory = os.path.join(above, recording)
        for path in (self._office, self._root, above, directory):
            file_status.check_directory(path)
        return os.path.join(directory, CONTENT)

    def remove(self, kid: Thumbprint, recording: RecordingId) -> None:
        """Remove an upload, or what is left of one; nothing if there is none. Raises UploadError,
        also while a part is being written."""
        self.content_path(kid, recording)
        name = (kid, recording)
        with self._claim(*name), self._declaring():
            if self._store is not None:
                self._store.remove_below(_part_name(name, ""))
            with self._noting(DECLARING_SECONDS) as rows:
                for table in (_PARTS, _ROWS):
                    rows.execute(delete(table).where(*_is(table, name)))
            self._remove_files(*name)
        self._seen.pop(name, None)
        self._whole.pop(name, None)
        self._told.discard(name)

    def tidy(self) -> None:
        """Remove files without a row, which a loss of power left. All are left while another
        server deals with uploads, and the log says so, as of one that cannot be removed."""
        file_status.check_directory(self._root)
        there = {
            (kid, recording)
            for kid in list_directories(self._root, is_thumbprint)
            for recording in list_directories(os.path.join(self._root, kid), is_id)
        }
        for name in sorted(there - {one.name for one in self._list()}):
            try:
                with self._declaring():
                    if self._find(*name) is None:
                        self._remove_files(*name)
            except StorageError as error:
                log.warning("%s", printable(error), extra=MessageId.STORAGE.extra)
            except UploadError as error:
                log.warning("%s", error, extra=MessageId.STORAGE.extra)
                return

    def expire(self, now: Moment) -> list[ExpiredUpload]:
        """Remove the uploads to which nothing came for `UploadLimits.unfinished_days`, and those of
        which nothing ever came for `promised_days`; returns them. now: whose wall time has to be
        trusted, else nothing is removed.

        Those go as well that are complete, and were not ingested in all that time, of which this
        object was there for a day: their ledger did not come, or their camera is not in the
        register any more. Nothing was acknowledged of them, so their camera still has them.

        An upload's age is what wall time says since its last part. One of which something came
        since this object was made has to be as old by boot time besides, which never steps. What
        was noted by a clock that was ahead counts from now. So a wall clock that was wrong costs at
        the most what was sent before the server's last start, and the camera sends that again.
        """
        if not now.trusted:
            return []
        found = self._list()
        names = {one.name for one in found}
        # Another server may have ingested the others.
        self._seen = {name: at_us for name, at_us in self._seen.items() if name in names}
        self._whole = {name: end for name, end in self._whole.items() if name in names}
        self._told &= names
        if any(one.came_us > now.wall_us for one in found):
            with self._noting(WAIT_SECONDS) as rows:
                ahead = update(_ROWS).where(_ROWS.c.came_us > now.wall_us)
                rows.execute(ahead.values(came_us=now.wall_us))
        removed = []
        for one in found:
            days = self.limits.unfinished_days if one.came else self.limits.promised_days
            settled = not one.is_complete or now.boot_us - self._made_us >= DAY
            if settled and self._is_idle(one, now, days):
                with unless(UploadRefusal.BUSY):
                    self.remove(*one.name)
                    removed.append(ExpiredUpload(*one.name, came=one.came > 0))
        return removed

    def count(self) -> tuple[int, int]:
        """How many uploads lack bytes that their camera may bring, and how many are complete and
        not ingested yet."""
        found, revoked = self._list(), self._revoked.list_all()
        complete = sum(one.is_complete for one in found)
        return sum(not one.is_complete and one.camera not in revoked for one in found), complete

    def has_room(self, length: int) -> bool:
        """Whether so many bytes leave the reserve free."""
        return length <= self.spare()

    def spare(self) -> int:
        """Bytes that are free beyond the reserve; below 0 if less is free."""
        place = self._office if file_status.exists(self._office) else self._above
        with explaining("ask for free room", place):
            state = os.statvfs(place)
        return int(state.f_bavail * state.f_frsize) - self.limits.reserve

    # ------------------------------------------------------------------ limits

    def _check_limits(self, kid: Thumbprint, length: int) -> None:
        """Check that another upload may begin. Raises UploadError."""
        check_size(self.limits, length)
        of_all, own, spare = self._sum_up(), self._sum_up(kid), self.spare()
        check_room(length, of_all, spare)
        its = measure_quarantined(self._above, kid)
        others = of_all.awaited - own.awaited
        check_camera(self.limits, kid, length, own, quarantined=its, spare=spare - others)

    def _sum_up(self, kid: Thumbprint | None = None) -> UploadsHere:
        """The uploads of all cameras, or of one."""
        now, revoked = self._clock.moment(), self._revoked.list_all()
        found = [one for one in self._list() if kid in (None, one.camera)]
        return UploadsHere(
            len(found),
            sum(one.came for one in found),
            sum(
                one.bytes - one.came
                for one in found
                if one.camera not in revoked and self._is_promised(one, now)
            ),
        )

    def _is_promised(self, one: Upload, now: Moment) -> bool:
        """Whether room is kept for what did not come yet."""
        return not self._is_idle(one, now, self.limits.promised_days)

    def _is_idle(self, one: Upload, now: Moment, days: int) -> bool:
        """Whether nothing came for so long."""
        seen_us = self._seen.get(one.name)
        away = seen_us is None or now.boot_us - seen_us >= days * DAY
        return now.trusted and away and now.wall_us - one.came_us >= days * DAY

    def _touch(self, name: _Name) -> None:
        self._seen[name] = self._clock.now_us()

    # ------------------------------------------------------------------ rows and files

    def _find(self, kid: Thumbprint, recording: RecordingId) -> Upload | None:
        with self._state.reading() as rows:
            found = rows.execute(select(_ROWS).where(*_is(_ROWS, (kid, recording)))).mappings()
            return next((record_of(one, Upload) for one in found), None)

    def _list(self) -> list[Upload]:
        with self._state.reading() as rows:
            found = rows.execute(select(_ROWS).order_by(_ROWS.c.camera, _ROWS.c.recording))
            return [record_of(one, Upload) for one in found.mappings()]

    def _remove_files(self, kid: Thumbprint, recording: RecordingId) -> None:
        """Remove what lies here of an upload without a row."""
        directory = os.path.dirname(self.content_path(kid, recording))
        if not file_status.is_directory(directory):
            return
        with explaining("list the directory", directory):
            names = os.listdir(directory)
        for name in names:
            durable_files.discard(os.path.join(directory, name))
        with explaining("remove the directory", directory):
            os.rmdir(directory)
        durable_files.sync_directory(os.path.dirname(directory))

    @contextlib.contextmanager
    def _claim(self, kid: Thumbprint, recording: RecordingId) -> Iterator[None]:
        """Held while a part is written, or the upload removed. Raises UploadError if it is held."""
        with self._state.try_hold(f"upload {kid} {recording}") as held:
            if not held:
                raise UploadError(
                    UploadRefusal.BUSY,
                    f"another request works on the upload of {recording}; ask again when it has "
                    "ended",
                )
            yield

    @contextlib.contextmanager
    def _declaring(self) -> Iterator[None]:
        """Held while an upload is made or removed, and while room is shared out. Raises UploadError
        if it is not to be had for `DECLARING_SECONDS`."""
        with contextlib.ExitStack() as held:
            try:
                held.enter_context(self._state.hold("uploads", DECLARING_SECONDS))
            except NotNowError as error:
                raise _busy() from error
            yield

    @contextlib.contextmanager
    def _noting(self, seconds: float) -> Iterator[Connection]:
        """A transaction. Raises UploadError if another writer is at work for so long."""
        try:
            with self._state.noting(seconds) as rows:
                yield rows
        except DatabaseUnavailableError as error:
            if error.errno != errno.EAGAIN:
                raise
            raise _busy() from error


def _busy() -> UploadError:
    return UploadError(
        UploadRefusal.SERVER_BUSY,
        "another server of this office, or a command, began to change its database, and did not "
        "end it: see whether it is stopped; ask again in a moment",
    )


def list_directories(above: str, fits: Callable[[str], TypeGuard[_T]]) -> list[_T]:
    """The names of directories that fit, none of them a link; none if there is nothing above."""
    try:
        with explaining("list the directory", above), os.scandir(above) as entries:
            return sorted(
                one.name for one in entries if fits(one.name) and one.is_dir(follow_symlinks=False)
            )
    except StorageError as error:
        if error.errno == errno.ENOENT:
            return []
        raise


def _part_name(name: _Name, start: int | str) -> str:
    """Of the object with what came from there on."""
    return f"{UPLOADS}{name[0]}/{name[1]}/{start}"


def _is(table: Table, name: _Name) -> Iterable[ColumnElement[Any]]:
    """The rows of an upload."""
    return table.c.camera == name[0], table.c.recording == name[1]
