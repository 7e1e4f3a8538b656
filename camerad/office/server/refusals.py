"""Answers to refused requests: a status, and one sentence."""

from __future__ import annotations

import asyncio
import errno
import logging
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Middleware

from camerad.base.errors import CameradError, NotNowError, StorageError
from camerad.base.message_ids import MessageId
from camerad.base.text import printable
from camerad.office.server.preflight import NotMountedError
from camerad.office.server.refusal_log import RefusalLog
from camerad.office.server.upload_errors import UploadError, UploadRefusal

log = logging.getLogger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

RETRY_SECONDS: Final = 60
"""Seconds until a client that is told to wait asks again, where no other time is known."""
BUSY_SECONDS: Final = 5
"""The same, where others' requests are waited for."""
NO_ROOM: Final = (errno.ENOSPC, errno.EDQUOT)
WRONG_CHECKSUM: Final = 460
"""Of tus' extension "checksum"."""
_STATUS: Final[Mapping[UploadRefusal, int]] = {
    UploadRefusal.BAD_DECLARATION: HTTPStatus.BAD_REQUEST,
    UploadRefusal.DECLARED_DIFFERENTLY: HTTPStatus.CONFLICT,
    UploadRefusal.NOT_WANTED: HTTPStatus.CONFLICT,
    UploadRefusal.NO_UPLOAD: HTTPStatus.NOT_FOUND,
    UploadRefusal.COMPLETE: HTTPStatus.CONFLICT,
    UploadRefusal.BUSY: HTTPStatus.LOCKED,
    UploadRefusal.SERVER_BUSY: HTTPStatus.SERVICE_UNAVAILABLE,
    UploadRefusal.WRONG_OFFSET: HTTPStatus.CONFLICT,
    UploadRefusal.TOO_LARGE: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    UploadRefusal.CAMERA_FULL: HTTPStatus.INSUFFICIENT_STORAGE,
    UploadRefusal.NO_ROOM: HTTPStatus.INSUFFICIENT_STORAGE,
    UploadRefusal.WRONG_BODY: HTTPStatus.BAD_REQUEST,
    UploadRefusal.WRONG_CHECKSUM: WRONG_CHECKSUM,
    UploadRefusal.BAD_LEDGER: HTTPStatus.BAD_REQUEST,
    UploadRefusal.BAD_CHECK_IN: HTTPStatus.BAD_REQUEST,
    UploadRefusal.STALE_CHECK_IN: HTTPStatus.CONFLICT,
}
_WAIT: Final[Mapping[int, int]] = {
    HTTPStatus.LOCKED: BUSY_SECONDS,
    HTTPStatus.SERVICE_UNAVAILABLE: BUSY_SECONDS,
    HTTPStatus.TOO_MANY_REQUESTS: RETRY_SECONDS,
    HTTPStatus.INSUFFICIENT_STORAGE: RETRY_SECONDS,
}
_USUAL: Final = frozenset(
    {
        UploadRefusal.NO_UPLOAD,
        UploadRefusal.COMPLETE,
        UploadRefusal.WRONG_OFFSET,
        UploadRefusal.NOT_WANTED,
    }
)
"""What a client meets that goes on after an interruption; not worth a line in the log."""


class RefusedRequestError(CameradError):
    """Error raised when a request is not carried out. status: of HTTP. headers: fields of the
    answer. The text is its one sentence."""

    def __init__(self, status: int, text: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(text)
        self.status = status
        self.headers = dict(headers or {})


def later(status: int, text: str, seconds: int = RETRY_SECONDS) -> RefusedRequestError:
    """The refusal of a request that may be made again in so many seconds."""
    return RefusedRequestError(status, text, {"Retry-After": str(seconds)})


def plain_errors(refusals: RefusalLog) -> Middleware:
    """A middleware: every error is JSON with one sentence; a mistake of ours is logged and harms
    no other request. refusals: says how often the log names what one address causes.

    Paths of this machine are in the log, and not in an answer.
    """

    @web.middleware
    async def answer(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except RefusedRequestError as refused:
            return _answer(refused.status, str(refused), refused.headers)
        except UploadError as error:
            if error.refusal not in _USUAL:
                refusals.tell_of_camera(request, error)
            status = _STATUS[error.refusal]
            if status in _WAIT:
                error.headers["Retry-After"] = str(_WAIT[status])
            return _answer(status, str(error), error.headers)
        except web.HTTPException as error:
            if error.status < HTTPStatus.BAD_REQUEST:
                raise
            headers = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
            return _answer(error.status, error.text or error.reason, headers)
        except (ConnectionError, asyncio.CancelledError):
            raise
        except (StorageError, NotMountedError, NotNowError) as error:
            tell_storage(refusals, request, error)
            if getattr(error, "errno", None) in NO_ROOM:
                return _answer(
                    HTTPStatus.INSUFFICIENT_STORAGE, "the office's storage has no room left", {}
                )
            return _answer(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "the office's storage does not answer as it should; its log says more",
                {"Retry-After": str(RETRY_SECONDS)},
            )
        except Exception as error:  # noqa: BLE001 - it is in the log
            tell_mistake(refusals, request, error)
            return _answer(
                HTTPStatus.INTERNAL_SERVER_ERROR,
                "a mistake in camerad; the log of the office's server has it",
                {},
            )

    return answer


def tell_storage(refusals: RefusalLog, request: web.Request, error: CameradError) -> None:
    """Log, or count, that a request failed by the storage."""
    if refusals.names_address(request):
        log.warning("%s: %s", _said(request), printable(error), extra=MessageId.STORAGE.extra)


def tell_mistake(refusals: RefusalLog, request: web.Request, error: Exception) -> None:
    """Log, or count, that a request failed by a mistake of ours."""
    if refusals.names_address(request):
        log.error("%s failed", _said(request), exc_info=error, extra=MessageId.MISTAKE.extra)


def _said(request: web.Request) -> str:
    return f"{request.method} {printable(request.path)[:200]}"


def refuse_bytes(status: int) -> web.Response:
    """The answer to bytes that are no HTTP, or to the head of a request that is too long."""
    return _answer(status, "these bytes are no request that is read here", {"Server": "camerad"})


def _answer(status: int, sentence: str, headers: Mapping[str, str]) -> web.Response:
    return web.json_response({"error": sentence}, status=status, headers=headers)
