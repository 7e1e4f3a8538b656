"""Uploads over HTTP: tus 1.0.0 with `creation` and `checksum` (docs/office-api.md).

https://tus.io/protocols/resumable-upload is the standard. Bodies go to the storage piece by piece,
on threads, and the next piece is received meanwhile; a part takes no more memory than three pieces.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import logging
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from http import HTTPStatus
from types import TracebackType
from typing import Final, Self

from aiohttp import hdrs, web

from camerad.base.message_ids import MessageId
from camerad.base.text import printable
from camerad.container.keys import Thumbprint
from camerad.container.recording_ids import RecordingId, is_id
from camerad.office.server import bodies
from camerad.office.server.part_upload import PartUpload
from camerad.office.server.refusal_log import CALLER, CameraTurns
from camerad.office.server.refusals import BUSY_SECONDS, Handler, RefusedRequestError, later
from camerad.office.server.upload_errors import UploadError, UploadRefusal
from camerad.office.server.uploads import CHECKSUMS, Declaration, Uploads

log = logging.getLogger(__name__)

PATH: Final = "/v1/uploads"
VERSION: Final = "1.0.0"
EXTENSIONS: Final = "creation,checksum"
PART_TYPE: Final = "application/offset+octet-stream"
LARGEST_PART: Final = 64 << 20
MOST_OF_ONE: Final = 2
"""Parts of one camera that are received at once."""

_NUMBER: Final = re.compile(r"[0-9]{1,18}")
_KEYS: Final = ("recording", "final")
_NO_ID: Final = "is no recording's id; name one as the camera's ledger has it"


class UploadRoutes:
    """Receives recordings.

    most: parts that are received at once, of all cameras. on_complete: is told, on the event loop,
    of an upload that has all its bytes, perhaps several times of one. why_not: the sentence that a
    camera is told if the office does not want a recording, by its key and id; None if it does. It
    may block. still: raises RefusedRequestError if the camera of a request was withdrawn since.
    turns: of cameras, for what
    takes a thread.
    """

    def __init__(
        self,
        uploads: Uploads,
        on_complete: Callable[[Thumbprint, Declaration], None],
        *,
        still: Callable[[web.Request], Awaitable[None]],
        turns: CameraTurns,
        most: int = 20,
        why_not: Callable[[Thumbprint, RecordingId], str | None] = lambda _kid, _recording: None,
    ) -> None:
        self._uploads = uploads
        self._on_complete = on_complete
        self._most = most
        self._why_not = why_not
        self._still = still
        self._turns = turns
        self._receiving: Counter[str] = Counter()

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Answer below `PATH`."""
        one = PATH + "/{recording}"
        for method, path, handler in (
            (hdrs.METH_OPTIONS, PATH, self._options),
            (hdrs.METH_POST, PATH, self._post),
            (hdrs.METH_HEAD, one, self._head),
            (hdrs.METH_PATCH, one, self._patch),
        ):
            router.add_route(
                method, path, self._as_tus(handler), expect_handler=bodies.leave_expectation
            )

    async def _options(self, _request: web.Request) -> web.StreamResponse:
        return web.Response(
            status=HTTPStatus.NO_CONTENT,
            headers={
                "Tus-Version": VERSION,
                "Tus-Extension": EXTENSIONS,
                "Tus-Checksum-Algorithm": ",".join(CHECKSUMS),
                "Tus-Max-Size": str(self._uploads.limits.camera),
            },
        )

    async def _post(self, request: web.Request) -> web.StreamResponse:
        if request.body_exists:
            raise _bad("send no body with POST: parts go to the upload by PATCH")
        kid = request[CALLER].kid
        recording, final = _metadata(request.headers.get("Upload-Metadata", ""))
        declaration = Declaration(recording, final, _number(request, "Upload-Length"))
        async with self._turns[kid]:
            why = await asyncio.to_thread(self._why_not, kid, recording)
            if why is not None:
                raise RefusedRequestError(HTTPStatus.CONFLICT, why)
            offset = await asyncio.to_thread(self._uploads.declare, kid, declaration, self._why_not)
        headers = self._offset(kid, declaration, offset)
        headers[hdrs.LOCATION] = f"{PATH}/{recording}"
        return web.Response(status=HTTPStatus.CREATED, headers=headers)

    async def _head(self, request: web.Request) -> web.StreamResponse:
        kid, recording = request[CALLER].kid, _recording(request)
        found = await asyncio.to_thread(self._uploads.find, kid, recording)
        declaration = found.declaration
        headers = self._offset(kid, declaration, found.came)
        headers["Upload-Length"] = str(declaration.bytes)
        headers["Upload-Metadata"] = ",".join(
            f"{key} {base64.b64encode(value.encode()).decode()}"
            for key, value in zip(_KEYS, (recording, declaration.final), strict=True)
        )
        headers[hdrs.CACHE_CONTROL] = "no-store"
        return web.Response(headers=headers)

    async def _patch(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get(hdrs.CONTENT_TYPE) != PART_TYPE:
            raise RefusedRequestError(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"a part has the Content-Type {PART_TYPE}"
            )
        kid, recording = request[CALLER].kid, _recording(request)
        offset = _number(request, "Upload-Offset")
        algorithm, checksum = _checksum(request.headers.get("Upload-Checksum"))
        with self._slot(kid):
            declaration, part = await asyncio.to_thread(
                self._begin, kid, recording, offset, algorithm
            )
            try:
                offset = await self._receive(request, part, checksum)
            finally:
                await asyncio.to_thread(part.close)
        headers = self._offset(kid, declaration, offset)
        if offset == declaration.bytes:
            log.info(
                "%s: the camera %s has brought all of its %d bytes",
                recording,
                printable(request[CALLER].camera.name),
                offset,
                extra=MessageId.UPLOAD.extra,
            )
        return web.Response(status=HTTPStatus.NO_CONTENT, headers=headers)

    def _begin(
        self, kid: Thumbprint, recording: RecordingId, offset: int, algorithm: str
    ) -> tuple[Declaration, PartUpload]:
        declaration = self._uploads.find(kid, recording).declaration
        return declaration, self._uploads.begin(kid, recording, offset, algorithm)

    async def _receive(self, request: web.Request, part: PartUpload, checksum: bytes | None) -> int:
        most = min(part.most, LARGEST_PART)
        said = bodies.length_of(request)
        if said > most:
            raise UploadError(
                UploadRefusal.TOO_LARGE,
                f"the part has {said} bytes; at most {most} are taken here: {part.most} are "
                f"missing, and a part has at most {LARGEST_PART}",
            )
        if not await asyncio.to_thread(self._uploads.has_room, said):
            raise UploadError(
                UploadRefusal.NO_ROOM, "the office's storage has no room left; let it make room"
            )
        async with _Behind(part) as behind:
            async for piece in bodies.pieces(request, most):
                await behind.write(piece)
        await self._still(request)  # a part of 64 MiB may take half an hour
        return await asyncio.to_thread(part.finish, bodies.expected_digest(request), checksum)

    def _offset(self, kid: Thumbprint, declaration: Declaration, offset: int) -> dict[str, str]:
        """The field that says how far an upload is; one that has all its bytes is ingested."""
        if offset == declaration.bytes:
            self._on_complete(kid, declaration)
        return {"Upload-Offset": str(offset)}

    @contextlib.contextmanager
    def _slot(self, kid: Thumbprint) -> Iterator[None]:
        if self._receiving.total() >= self._most:
            raise later(
                HTTPStatus.TOO_MANY_REQUESTS,
                f"the office receives {self._most} parts already; try again soon",
                BUSY_SECONDS,
            )
        if self._receiving[kid] >= MOST_OF_ONE:
            raise later(
                HTTPStatus.TOO_MANY_REQUESTS,
                f"the office receives {MOST_OF_ONE} parts of this camera already; try again soon",
                BUSY_SECONDS,
            )
        self._receiving[kid] += 1
        try:
            yield
        finally:
            self._receiving[kid] -= 1

    def _as_tus(self, handler: Handler) -> Handler:
        """A handler that speaks tus in every answer."""

        async def handle(request: web.Request) -> web.StreamResponse:
            try:
                if (
                    request.method != hdrs.METH_OPTIONS
                    and request.headers.get("Tus-Resumable") != VERSION
                ):
                    raise RefusedRequestError(
                        HTTPStatus.PRECONDITION_FAILED,
                        f"this office speaks tus {VERSION}; send Tus-Resumable: {VERSION}",
                        {"Tus-Version": VERSION},
                    )
                response = await handler(request)
            except (RefusedRequestError, UploadError) as refused:
                refused.headers["Tus-Resumable"] = VERSION
                raise
            response.headers["Tus-Resumable"] = VERSION
            return response

        return handle


class _Behind:
    """Writes a part's pieces on a thread, one behind what is received. Behind it all of them are
    written, or none is being written any more and what went wrong is raised."""

    def __init__(self, part: PartUpload) -> None:
        self._part = part
        self._writing: asyncio.Future[None] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def write(self, piece: bytes) -> None:
        """Begin to write the next piece, as soon as the one before is written. Raises what that
        one raised."""
        await self._written()
        self._writing = asyncio.ensure_future(asyncio.to_thread(self._part.write, piece))

    async def __aexit__(
        self, kind: type[BaseException] | None, _error: object, _trace: TracebackType | None
    ) -> None:
        if kind is None:
            await self._written()
        elif self._writing is not None:
            # What went wrong first is what the client is told.
            await asyncio.gather(self._writing, return_exceptions=True)

    async def _written(self) -> None:
        writing, self._writing = self._writing, None
        if writing is not None:
            await writing


def _metadata(field: str) -> tuple[RecordingId, str]:
    """The recording's id and its `final`. Raises RefusedRequestError."""
    found: dict[str, str] = {}
    for entry in field.split(","):
        key, _, value = entry.strip().partition(" ")
        if key not in _KEYS or key in found:
            raise _bad("Upload-Metadata has to have the keys recording and final, each once")
        try:
            found[key] = base64.b64decode(value, validate=True).decode("ascii")
        except (binascii.Error, UnicodeDecodeError):
            raise _bad(f"the value of {key} in Upload-Metadata has to be base64 of ASCII") from None
    if len(found) < len(_KEYS):
        raise _bad("Upload-Metadata has to have the keys recording and final, each once")
    recording = found["recording"]
    if not is_id(recording):
        raise _bad(f"the recording in Upload-Metadata {_NO_ID}")
    return recording, found["final"]


def _recording(request: web.Request) -> RecordingId:
    """The recording that a request is about. Raises RefusedRequestError."""
    recording = request.match_info["recording"]
    if not is_id(recording):
        raise RefusedRequestError(HTTPStatus.NOT_FOUND, f"the recording in the address {_NO_ID}")
    return recording


def _checksum(field: str | None) -> tuple[str, bytes | None]:
    """Algorithm and value of the client's own checksum, if it sent one. Raises
    RefusedRequestError."""
    if field is None:
        return "", None
    algorithm, _, value = field.partition(" ")
    if algorithm not in CHECKSUMS:
        raise _bad(f"Upload-Checksum has to be of {' or '.join(CHECKSUMS)}")
    try:
        return algorithm, base64.b64decode(value, validate=True)
    except binascii.Error:
        raise _bad("Upload-Checksum has to be an algorithm, a space, and base64") from None


def _number(request: web.Request, name: str) -> int:
    """The number in a header field. Raises RefusedRequestError."""
    value = request.headers.get(name, "")
    if not _NUMBER.fullmatch(value):
        raise _bad(f"{name} has to be a whole number of bytes, with at most 18 digits")
    return int(value)


def _bad(text: str) -> RefusedRequestError:
    return RefusedRequestError(HTTPStatus.BAD_REQUEST, text)
