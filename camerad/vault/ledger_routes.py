"""The camera's ledger over HTTP: what the office has of it, what changed, and all of its files."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from http import HTTPStatus
from typing import Final

import msgspec
from aiohttp import hdrs, web

from camerad.vault import bodies
from camerad.vault.authentication import CALLER
from camerad.vault.ledger_copy import (
    LARGEST,
    LedgerCopies,
    LedgerFileError,
    StagedFile,
    StageFullError,
)
from camerad.vault.refusals import RefusedRequestError

PATH: Final = "/v1/ledger"
_LARGEST_LIST: Final = 2 << 20
"""Bytes of the list of a ledger's files."""
_MISSING: Final = "some of these files are not here with these SHA-256; bring them first"


class _Files(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All files of a ledger: SHA-256 by name."""

    files: dict[str, str]


class LedgerRoutes:
    """on_adopted: is told, on the event loop, of a camera whose ledger was taken over, by its key.
    What waits for that ledger can be taken then (`camerad.vault.takeover.Takeover.pending`)."""

    def __init__(self, copies: LedgerCopies, on_adopted: Callable[[str], None]) -> None:
        self._copies = copies
        self._on_adopted = on_adopted

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Answer below `PATH`."""
        router.add_get(PATH, self._get, allow_head=False)
        for method, path, handler in (
            (hdrs.METH_PUT, PATH + "/{name}", self._put),
            (hdrs.METH_POST, PATH, self._post),
        ):
            router.add_route(method, path, handler, expect_handler=bodies.leave_expectation)

    async def _get(self, request: web.Request) -> web.StreamResponse:
        files = await asyncio.to_thread(self._copies.files, request[CALLER].kid)
        return web.json_response({"files": files})

    async def _put(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        try:
            staged = await asyncio.to_thread(self._copies.begin, request[CALLER].kid, name)
            try:
                await _receive(request, staged)
            finally:
                await asyncio.to_thread(staged.close)
        except LedgerFileError as error:
            raise RefusedRequestError(HTTPStatus.BAD_REQUEST, str(error)) from error
        except StageFullError as error:
            raise RefusedRequestError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, str(error)) from error
        return web.Response(status=HTTPStatus.NO_CONTENT)

    async def _post(self, request: web.Request) -> web.StreamResponse:
        body = await bodies.read_signed(request, _LARGEST_LIST)
        kid = request[CALLER].kid
        files = _files_in(body)
        try:
            adopted = await asyncio.to_thread(self._copies.adopt, kid, files)
        except LedgerFileError as error:
            raise RefusedRequestError(HTTPStatus.BAD_REQUEST, str(error)) from error
        if adopted.missing:
            said = {"error": _MISSING, "missing": list(adopted.missing)}
            return web.json_response(said, status=HTTPStatus.CONFLICT)
        self._on_adopted(kid)
        return web.json_response({"problems": list(adopted.problems)})


async def _receive(request: web.Request, staged: StagedFile) -> None:
    """Stage the body piece by piece, if it is the one that was signed."""
    sha256 = hashlib.sha256()
    async for piece in bodies.pieces(request, LARGEST):
        sha256.update(piece)
        await asyncio.to_thread(staged.write, piece)
    bodies.check_digest(request, sha256.digest())
    await asyncio.to_thread(staged.finish)


def _files_in(body: bytes) -> dict[str, str]:
    """The files that a request names. Raises RefusedRequestError."""
    try:
        return msgspec.json.decode(body, type=_Files).files
    except (ValueError, RecursionError) as error:
        # msgspec's errors are ValueErrors, and so are those of text that is no Unicode.
        raise RefusedRequestError(
            HTTPStatus.BAD_REQUEST,
            'send {"files": {NAME: SHA-256}} with all files of the ledger, as JSON',
        ) from error
