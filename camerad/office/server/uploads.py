"""Uploads before their ingest: acknowledged bytes survive a loss of power at any instant.

They lie in ``office/incoming/KID/RECORDING/`` below the office's directory (`upload_files`). A part
counts as a whole or not at all: its bytes are written behind those that count and synchronised,
and only then the offset. The bytes behind the offset are cut off before the next part.

Every method may be called by any thread. One part at a time is written of an upload.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from camerad.base import file_status
from camerad.base.clock import Clock, Moment, SystemClock
from camerad.base.errors import NotNowError, StorageError
from camerad.base.message_ids import MessageId
from camerad.base.storage_errors import explaining
from camerad.base.text import printable
from camerad.container.jws import SHA256
from camerad.container.keys import Thumbprint, is_thumbprint
from camerad.container.recording_ids import RecordingId, is_id
from camerad.office.server.arrivals import Arrivals
from camerad.office.server.part_upload import PartUpload
from camerad.office.server.revoked_cameras import RevokedCameras
from camerad.office.server.upload_errors import UploadError, UploadRefusal, unless
from camerad.office.server.upload_files import (
    Declaration,
    UploadFiles,
    UploadProgress,
    list_directories,
)
from camerad.office.server.upload_limits import (
    DEFAULT_LIMITS,
    UploadHere,
    UploadLimits,
    check_limits,
    check_room,
)
from camerad.office.server.upload_times import UploadTimes
from camerad.office.state.office_state import OfficeState
from camerad.store.locations import OFFICE

log = logging.getLogger(__name__)

INCOMING: Final = "incoming"
"""The directory of unfinished uploads, in the office's own part."""
CHECKSUMS: Final = ("sha256", "sha1")
"""Algorithms of a client's own checksum."""
DECLARING_SECONDS: Final = 5.0
"""So long a request waits for others that declare. To make or remove an upload takes a moment; a
server that is stopped meanwhile keeps the lock, and the client has to hear of it in time."""

_Name = tuple[Thumbprint, RecordingId]
"""A camera's key and a recording."""


class ExpiredUpload(NamedTuple):
    """An upload that was removed. kid: thumbprint of its camera's key. came: something of it was
    here."""

    kid: Thumbprint
    recording: RecordingId
    came: bool


class Uploads:
    """All of them. directory, state: the office's. clock: for when a part came."""

    def __init__(
        self,
        directory: str,
        state: OfficeState,
        limits: UploadLimits = DEFAULT_LIMITS,
        clock: Clock | None = None,
    ) -> None:
        self._above = os.path.abspath(directory)
        self._office = os.path.join(self._above, OFFICE)
        self._root = os.path.join(self._office, INCOMING)
        self._limits = limits
        self._clock = clock or SystemClock()
        self._state = state
        self._revoked = RevokedCameras(state)
        self.arrivals: Final = Arrivals()
        self._times = UploadTimes(limits, self._clock, self._claim)
        self._told: set[_Name] = set()

    @property
    def limits(self) -> UploadLimits:
        """What the office takes."""
        return self._limits

    def declare(
        self,
        kid: Thumbprint,
        declaration: Declaration,
        why_not: Callable[[Thumbprint, RecordingId], str | None] = lambda _kid, _recording: None,
    ) -> int:
        """Begin an upload, or go on with the same one; returns the bytes that count already.

        why_not: why the recording is not wanted, if it is not. It is asked again where an upload
        would begin: the one before may have been ingested just now, and no client would go on
        with another one.

        Raises UploadError and StorageError.
        """
        if not SHA256.fullmatch(declaration.final) or declaration.bytes < 1:
            raise UploadError(
                UploadRefusal.BAD_DECLARATION,
                "Upload-Length has to be above 0, and final a SHA-256 in 64 small hexadecimal "
                "digits",
            )
        files = self._files(kid, declaration.recording)
        with self._declaring():
            there = files.declaration()
            if there == declaration:
                return files.progress().offset
            if there is not None:
                self._tell_of_two(kid, there, declaration)
                raise UploadError(
                    UploadRefusal.DECLARED_DIFFERENTLY,
                    f"{declaration.recording} was declared with {there.bytes} bytes and final "
                    f"{there.final} before; a recording that has ended never changes",
                )
            if (why := why_not(kid, declaration.recording)) is not None:
                raise UploadError(UploadRefusal.NOT_WANTED, why)
            check_limits(
                self._limits,
                self._above,
                kid,
                declaration.bytes,
                there=self._each(),
                spare=self.spare(),
            )
            files.remove()
            files.make(declaration, self._clock.wall_us())
            self.arrivals.begin((kid, declaration.recording))
            self._times.touch((kid, declaration.recording))
            return 0

    def _tell_of_two(self, kid: Thumbprint, there: Declaration, declaration: Declaration) -> None:
        """Say once of an upload in the log that its camera declared it in two ways."""
        name = (kid, declaration.recording)
        if name not in self._told:
            self._told.add(name)
            log.warning(
                "%s: the camera %s declared it with %d bytes and final %s, and now with %d and %s; "
                "the first counts",
                declaration.recording,
                kid,
                there.bytes,
                there.final,
                declaration.bytes,
                declaration.final,
                extra=MessageId.DECLARED_TWICE.extra,
            )

    def declared(self, kid: Thumbprint, recording: RecordingId) -> Declaration:
        """What the camera declared. Raises UploadError and StorageError."""
        return self._there(kid, recording)[1]

    def offset(self, kid: Thumbprint, recording: RecordingId) -> int:
        """How many bytes count. Raises UploadError and StorageError."""
        return self._there(kid, recording)[0].progress().offset

    def begin(
        self, kid: Thumbprint, recording: RecordingId, offset: int, checksum: str = ""
    ) -> PartUpload:
        """Begin a part, which the caller closes. offset: where it begins. checksum: one of
        `CHECKSUMS` if the client sent one.

        Raises UploadError and StorageError.
        """
        files, _ = self._check_incomplete(kid, recording)
        name = (kid, recording)
        claim = contextlib.ExitStack()
        claim.enter_context(self._claim(*name))
        try:
            files, declaration = self._check_incomplete(kid, recording)
            progress = files.progress()
            if offset != progress.offset:
                raise UploadError(
                    UploadRefusal.WRONG_OFFSET,
                    f"the upload has {progress.offset} bytes; begin there",
                    {"Upload-Offset": str(progress.offset)},
                )
            self._check_promise(name, declaration, progress)
            return PartUpload(
                files,
                declaration,
                progress,
                checksum,
                wall_us=self._clock.wall_us,
                on_count=lambda *part: self.arrivals.note(name, *part),
                on_close=lambda: self._end_part(name, claim),
            )
        except BaseException:
            claim.close()
            raise

    def complete(self, kid: Thumbprint | None = None) -> Iterator[tuple[Thumbprint, Declaration]]:
        """Yields every upload that has all its bytes, with its camera's key. kid: only those of
        this camera. One that cannot be read is left out, and the log says so."""
        for one in self._each(kid):
            if one.came >= one.declaration.bytes:
                yield one.kid, one.declaration

    def find_complete(self, kid: Thumbprint, recording: RecordingId) -> Declaration | None:
        """An upload's declaration if it has all its bytes, else None. Raises as `content_path`."""
        files = self._files(kid, recording)
        declared = files.declaration()
        with unless(UploadRefusal.NO_UPLOAD):  # it was ingested just now
            if declared is not None and files.progress().offset >= declared.bytes:
                return declared
        return None

    def content_path(self, kid: Thumbprint, recording: RecordingId) -> str:
        """Where the bytes of an upload are. Raises UploadError and StorageError."""
        return self._files(kid, recording).content

    def remove(self, kid: Thumbprint, recording: RecordingId) -> None:
        """Remove an upload, or what is left of one; nothing if there is none. Raises
        UploadError, also while a part is being written, and StorageError."""
        files = self._files(kid, recording)
        with self._claim(kid, recording):
            self._forget(files, (kid, recording))

    def tidy(self) -> None:
        """Remove what a loss of power left of uploads that were being made or removed. One that
        cannot be read is left as it is, and the log says so; and so are all of them while another
        server deals with the uploads. Raises StorageError."""
        for kid, recording in self._names():
            try:
                with _told(), self._declaring():
                    files = self._files(kid, recording)
                    if files.declaration() is None:
                        files.remove()
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

        An upload's age is as `upload_times` has it. So a wall clock that was wrong costs at the
        most what was sent before the server's last start, and the camera sends that again. One that
        cannot be read stays, and the log says so. Raises StorageError.
        """
        if not now.trusted:
            return []
        with self._declaring():
            names = list(self._names())
            self._keep_only(set(names))
        removed = []
        for name in names:
            with _told(), unless(UploadRefusal.NO_UPLOAD, UploadRefusal.BUSY):
                files, declared = self._there(*name)
                progress = self._times.progress(name, files, now)
                if self._times.is_over(name, progress, declared.bytes, now):
                    self.remove(*name)
                    removed.append(ExpiredUpload(*name, came=progress.offset > 0))
        return removed

    def count(self) -> tuple[int, int]:
        """How many uploads lack bytes that their camera may bring, and how many are complete and
        not ingested yet. Raises StorageError."""
        unfinished = complete = 0
        revoked = self._revoked.list_all()
        for name in self._names():
            # Work on those that cannot be read reports them.
            with contextlib.suppress(UploadError, StorageError):
                files, declaration = self._there(*name)
                whole = files.progress().offset >= declaration.bytes
                complete += whole
                unfinished += not whole and name[0] not in revoked
        return unfinished, complete

    def has_room(self, length: int) -> bool:
        """Whether so many bytes leave the reserve free. Raises StorageError."""
        return length <= self.spare()

    def spare(self) -> int:
        """Bytes that are free beyond the reserve; below 0 if less is free. Raises StorageError."""
        place = self._office if file_status.exists(self._office) else self._above
        with explaining("ask for free room", place):
            state = os.statvfs(place)
        return int(state.f_bavail * state.f_frsize) - self._limits.reserve

    # ------------------------------------------------------------------ names

    def _files(self, kid: Thumbprint, recording: RecordingId) -> UploadFiles:
        """The files of an upload, whether there is one or not. Nothing else becomes a path, and
        nothing on the way is a link. Raises UploadError and StorageError."""
        if not is_thumbprint(kid) or not is_id(recording):
            raise UploadError(
                UploadRefusal.NO_UPLOAD,
                "this is no recording's id; name one as the camera's ledger has it",
            )
        above = os.path.join(self._root, kid)
        directory = os.path.join(above, recording)
        for path in (self._office, self._root, above, directory):
            file_status.check_directory(path)
        return UploadFiles(directory)

    def _there(self, kid: Thumbprint, recording: RecordingId) -> tuple[UploadFiles, Declaration]:
        files = self._files(kid, recording)
        declaration = files.declaration()
        if declaration is None:
            raise UploadError(
                UploadRefusal.NO_UPLOAD,
                f"there is no upload of {recording} by this camera; declare it",
            )
        return files, declaration

    def _check_incomplete(
        self, kid: Thumbprint, recording: RecordingId
    ) -> tuple[UploadFiles, Declaration]:
        files, declaration = self._there(kid, recording)
        if files.progress().offset >= declaration.bytes:
            raise UploadError(
                UploadRefusal.COMPLETE,
                f"the upload of {recording} is complete; ask for its receipt",
            )
        return files, declaration

    def _names(self, kid: Thumbprint | None = None) -> Iterator[_Name]:
        """Yields every upload, and what is left of one. kid: only those of this camera."""
        file_status.check_directory(self._root)
        for owner in list_directories(self._root, is_thumbprint):
            if kid in (None, owner):
                for recording in list_directories(os.path.join(self._root, owner), is_id):
                    yield owner, recording

    def _each(self, kid: Thumbprint | None = None) -> Iterator[UploadHere]:
        """Yields every upload that can be read."""
        now, revoked = self._clock.moment(), self._revoked.list_all()
        for name in self._names(kid):
            # What is left of one is none.
            with _told(), unless(UploadRefusal.NO_UPLOAD):
                files, declaration = self._there(*name)
                progress = files.progress()
                promised = name[0] not in revoked
                promised = promised and self._times.is_promised(name, progress, now)
                yield UploadHere(name[0], declaration, progress.offset, promised)

    def _check_promise(
        self, name: _Name, declaration: Declaration, progress: UploadProgress
    ) -> None:
        """Raises UploadError if nothing came for so long that its room is promised no more, and it
        is not free either. With its next part it is promised again."""
        if not self._times.is_promised(name, progress, self._clock.moment()):
            check_room(declaration.bytes - progress.offset, self._each(), self.spare())

    # ------------------------------------------------------------------ one at a time

    @contextlib.contextmanager
    def _declaring(self) -> Iterator[None]:
        """Held while an upload is made or removed, and while room is shared out. Raises
        UploadError if it is not to be had for `DECLARING_SECONDS`."""
        with contextlib.ExitStack() as held:
            try:
                held.enter_context(self._state.hold("uploads", DECLARING_SECONDS))
            except NotNowError as error:
                raise UploadError(
                    UploadRefusal.SERVER_BUSY,
                    "another server of this office began to deal with its uploads, and did not end "
                    "it: see whether it is stopped; ask again in a moment",
                ) from error
            yield

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

    def _end_part(self, name: _Name, claim: contextlib.ExitStack) -> None:
        self._times.touch(name)
        claim.close()

    def _forget(self, files: UploadFiles, name: _Name) -> None:
        with self._declaring():
            files.remove()
        self.arrivals.forget(name)
        self._times.forget(name)
        self._told.discard(name)

    def _keep_only(self, names: set[_Name]) -> None:
        """Forget what was known of others: another server may have ingested them."""
        self._times.keep_only(names)
        self._told &= names
        self.arrivals.keep_only(names)


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """Leave out an upload whose files cannot be read, and say so in the log."""
    try:
        yield
    except StorageError as error:
        log.warning("%s", printable(error), extra=MessageId.STORAGE.extra)
