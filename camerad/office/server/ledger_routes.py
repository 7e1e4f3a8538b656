"""The camera's ledger over HTTP: the state of the office's copy, and uploads of files.

A camera's ledger may take seconds to be read. So one request about it is carried out at a time, and
on separate threads: no other camera waits for them.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import Final, ParamSpec, TypeVar

import msgspec
from aiohttp import hdrs, web

from camerad.base import typed_json
from camerad.container.keys import Thumbprint
from camerad.office.server import bodies
from camerad.office.server.ledger_copy import LARGEST, LedgerCopies, StagedFile
from camerad.office.server.refusal_log import CALLER
from camerad.office.server.refusals import BUSY_SECONDS, RefusedRequestError, later

PATH: Final = "/v1/ledger"
THREADS: Final = 2
"""Ledgers that are read or compared at once."""
_LARGEST_LIST: Final = 2 << 20
"""Bytes of the list of a ledger's files."""
_P = ParamSpec("_P")
_T = TypeVar("_T")
_MISSING: Final = "some of these files are not here with these SHA-256; bring them first"


class _Files(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All files of a ledger: SHA-256 by name."""

    files: dict[str, str]


class LedgerRoutes:
    """on_adopted: is told, on the event loop, of a camera whose ledger was ingested, by its key.
    What waits for that ledger can be taken then (`Ingest.pending`). still: raises
    RefusedRequestError if the camera of a request was revoked since. The caller calls `close`."""

    def __init__(
        self,
        copies: LedgerCopies,
        on_adopted: Callable[[Thumbprint], None],
        still: Callable[[web.Request], Awaitable[None]],
    ) -> None:
        self._copies = copies
        self._on_adopted = on_adopted
        self._still = still
        self._busy: set[str] = set()
        self._threads = ThreadPoolExecutor(THREADS, "ledger")

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Answer below `PATH`."""
        for method, path, handler in (
            (hdrs.METH_GET, PATH, self._get),
            (hdrs.METH_PUT, PATH + "/{name}", self._put),
            (hdrs.METH_POST, PATH, self._post),
        ):
            router.add_route(method, path, handler, expect_handler=bodies.leave_expectation)

    def close(self) -> None:
        """Begin nothing more."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _get(self, request: web.Request) -> web.StreamResponse:
        with self._turn(request):
            files = await self._carry_out(self._copies.files, request[CALLER].kid)
        return web.json_response({"files": files})

    async def _put(self, request: web.Request) -> web.StreamResponse:
        length = bodies.length_of(request, LARGEST)
        kid, name = request[CALLER].kid, request.match_info["name"]
        with self._turn(request):
            staged = await self._carry_out(self._copies.begin, kid, name, length)
            try:
                await self._receive(request, staged)
            finally:
                await asyncio.to_thread(staged.close)
        return web.Response(status=HTTPStatus.NO_CONTENT)

    async def _receive(self, request: web.Request, staged: StagedFile) -> None:
        sha256 = hashlib.sha256()
        async for piece in bodies.pieces(request, LARGEST):
            sha256.update(piece)
            await asyncio.to_thread(staged.write, piece)
        bodies.check_digest(request, sha256.digest())
        await self._still(request)
        await self._carry_out(staged.finish)

    async def _post(self, request: web.Request) -> web.StreamResponse:
        body = await bodies.read_signed(request, _LARGEST_LIST)
        await self._still(request)
        kid = request[CALLER].kid
        with self._turn(request):
            adopted = await self._carry_out(self._copies.adopt, kid, _files_in(body))
        if adopted.missing:
            said = {"error": _MISSING, "missing": list(adopted.missing)}
            return web.json_response(said, status=HTTPStatus.CONFLICT)
        self._on_adopted(kid)
        return web.json_response({"problems": list(adopted.problems)})

    @contextlib.contextmanager
    def _turn(self, request: web.Request) -> Iterator[None]:
        """One request of a camera at a time; refuses the others."""
        kid = request[CALLER].kid
        if kid in self._busy:
            raise later(
                HTTPStatus.TOO_MANY_REQUESTS,
                "another request about this camera's ledger is carried out; try again soon",
                BUSY_SECONDS,
            )
        self._busy.add(kid)
        try:
            yield
        finally:
            self._busy.discard(kid)

    async def _carry_out(self, work: Callable[_P, _T], *args: _P.args, **named: _P.kwargs) -> _T:
        """The same as `asyncio.to_thread`, on the threads for ledgers."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, lambda: work(*args, **named))


def _files_in(body: bytes) -> dict[str, str]:
    """The files that a request names. Raises RefusedRequestError."""
    try:
        return typed_json.decode(body, _Files).files
    except (ValueError, RecursionError) as error:
        # msgspec's errors are ValueErrors, and so are those of text that is no Unicode.
        raise RefusedRequestError(
            HTTPStatus.BAD_REQUEST,
            'send {"files": {NAME: SHA-256}} with all files of the ledger, as JSON',
        ) from error
