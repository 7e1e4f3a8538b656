"""What the server answers where it does not do what was asked: a status, and one sentence."""

from __future__ import annotations

import asyncio
import errno
import logging
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus

from aiohttp import web

from camerad.base.errors import CameradError, StorageError
from camerad.base.message_ids import MessageId
from camerad.base.text import printable
from camerad.vault.start_check import NotMountedError

log = logging.getLogger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

RETRY_SECONDS = 60
"""When somebody asks again who is told to wait, and nothing says for how long."""
NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


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


@web.middleware
async def plain_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Every error is JSON with one sentence; a mistake of ours is logged and harms nobody.

    Paths of this machine are in the log, and not in an answer.
    """
    try:
        return await handler(request)
    except RefusedRequestError as refused:
        return _answer(refused.status, str(refused), refused.headers)
    except web.HTTPException as error:
        if error.status < HTTPStatus.BAD_REQUEST:
            raise
        headers = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
        return _answer(error.status, error.text or error.reason, headers)
    except (ConnectionError, asyncio.CancelledError):
        raise
    except (StorageError, NotMountedError) as error:
        log.warning(
            "%s %s: %s",
            request.method,
            printable(request.path),
            printable(error),
            extra=MessageId.STORAGE.extra,
        )
        if error.errno in NO_ROOM:
            return _answer(
                HTTPStatus.INSUFFICIENT_STORAGE, "the office's storage has no room left", {}
            )
        return _answer(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "the office's storage does not answer as it should; its log says more",
            {"Retry-After": str(RETRY_SECONDS)},
        )
    except Exception:
        log.exception(
            "%s %s failed",
            request.method,
            printable(request.path),
            extra=MessageId.MISTAKE.extra,
        )
        return _answer(
            HTTPStatus.INTERNAL_SERVER_ERROR,
            "a mistake in camerad; the log of the office's server has it",
            {},
        )


def refuse_bytes(status: int) -> web.Response:
    """The answer to bytes that are no HTTP, or to the head of a request that is too long."""
    return _answer(status, "these bytes are no request that is read here", {"Server": "camerad"})


def _answer(status: int, sentence: str, headers: Mapping[str, str]) -> web.Response:
    return web.json_response({"error": sentence}, status=status, headers=headers)
