"""Routes of the control socket for the store: copies, holds, deletion.

The requests are listed in `camerad.control.server`. Each is done on the keeping thread, in its
order among everything else that the ledger gets to know, so none of them delays footage or a press.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any, Final, Protocol, TypeVar

import msgspec
from aiohttp import web
from msgspec.structs import asdict

from camerad.base import typed_json
from camerad.base.errors import CameradError, StorageError
from camerad.behaviour.dock_progress import HandoverProgress, HandoverState, HandoverTrouble

if TYPE_CHECKING:
    from camerad.container.keys import SigningKey
    from camerad.store.store import Store

_T = TypeVar("_T")

MOST: Final = 8
"""Copies in one receipt, as `camerad.store.receipts.MOST` has it."""


class _Hold(msgspec.Struct, forbid_unknown_fields=True):
    reason: str
    who: str


class _Release(msgspec.Struct, forbid_unknown_fields=True):
    who: str
    reason: str | None = None


class _Receipt(msgspec.Struct, forbid_unknown_fields=True):
    receipt: str


class _CopiedOne(msgspec.Struct, forbid_unknown_fields=True):
    id: str
    final: str
    sha256: str
    bytes: int


class _Copies(msgspec.Struct, forbid_unknown_fields=True):
    directory: str
    recordings: Annotated[list[_CopiedOne], msgspec.Meta(min_length=1, max_length=MOST)]


class StoreAccess(Protocol):
    """The daemon's interface for these requests."""

    @property
    def device(self) -> str:
        """The device's id."""

    def ask(self, work: Callable[[Store, SigningKey], _T]) -> Awaitable[_T]:
        """Have `work` done with the store and the device's key, on the store's thread."""


class StoreRequests:
    """Answers them. What the store refuses becomes 409, with its sentence, and 503 if the storage
    fails."""

    def __init__(self, keeper: StoreAccess) -> None:
        self._keeper = keeper

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Have `router` route to these requests."""
        router.add_get("/identity", self._identity)
        router.add_get("/ledger/head", self._head)
        router.add_post("/recordings/{id}/hold", self._hold)
        router.add_post("/recordings/{id}/release", self._release)
        router.add_post("/purge", self._purge)
        router.add_post("/acknowledge", self._acknowledge)

    async def _do(self, work: Callable[[Store, SigningKey], dict[str, Any]]) -> web.Response:
        try:
            return web.json_response(await self._keeper.ask(work))
        except CameradError as error:
            raise refusal_of(error) from error

    async def _identity(self, _request: web.Request) -> web.Response:
        device = self._keeper.device
        return await self._do(
            lambda _store, key: {
                "device": device,
                "thumbprint": key.public.thumbprint,
                "jwk": key.public.jwk,
            }
        )

    async def _head(self, _request: web.Request) -> web.Response:
        return await self._do(lambda store, _key: asdict(store.ledger.head))

    async def _hold(self, request: web.Request) -> web.Response:
        recording, asked = request.match_info["id"], await parse_body(request, _Hold)

        def work(store: Store, _key: SigningKey) -> dict[str, Any]:
            store.hold(recording, asked.reason, asked.who)
            return {"held": recording}

        return await self._do(work)

    async def _release(self, request: web.Request) -> web.Response:
        recording, asked = request.match_info["id"], await parse_body(request, _Release)

        def work(store: Store, _key: SigningKey) -> dict[str, Any]:
            store.release(recording, asked.who, asked.reason)
            return {"released": recording}

        return await self._do(work)

    async def _purge(self, _request: web.Request) -> web.Response:
        return await self._do(lambda store, _key: store.purge_and_explain().as_json())

    async def _acknowledge(self, request: web.Request) -> web.Response:
        """Two steps of an offload: a receipt over copies, then, once that is written down beside
        the copies, the note that it is."""
        from camerad.container.keys import KeyRing  # noqa: PLC0415
        from camerad.store import identity  # noqa: PLC0415 - slow to import
        from camerad.store.device_client import accept_receipt, sign_receipt  # noqa: PLC0415
        from camerad.store.receipts import CopiedRecording  # noqa: PLC0415

        asked = await parse_body(request, _Receipt | _Copies)
        device = self._keeper.device

        def work(store: Store, key: SigningKey) -> dict[str, Any]:
            if isinstance(asked, _Receipt):
                former = identity.key_ring(store.place.root)
                keys = KeyRing([key.public, *former.values()])
                token = asked.receipt.encode("ascii", "replace")
                return {"acknowledged": accept_receipt(store, keys, token)}
            copied = [
                CopiedRecording(one.id, one.final, one.sha256, one.bytes)
                for one in asked.recordings
            ]
            token = sign_receipt(store, key, device, asked.directory, copied)
            return {"receipt": token.decode("ascii")}

        return await self._do(work)


def refusal_of(error: CameradError) -> web.HTTPException:
    """The answer that says so: whether it cannot be, or the storage fails."""
    if isinstance(error, StorageError):
        return web.HTTPServiceUnavailable(text=str(error))
    return web.HTTPConflict(text=str(error))


async def parse_body(request: web.Request, kind: Any) -> Any:
    """The request's JSON as `kind`; answers 400 with one sentence if it is something else."""
    data = await request.read()
    kinds = kind.__args__ if hasattr(kind, "__args__") else (kind,)
    said = ""
    for one in kinds:
        try:
            return typed_json.decode(data, one)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            said = str(error)
    raise web.HTTPBadRequest(text=f"this request needs another body: {said}")


class _Shift(msgspec.Struct, forbid_unknown_fields=True):
    wearer: str | None


class CurrentShift(Protocol):
    """The shift manager."""

    def begin(self, wearer: str) -> str | None:
        """Begin a shift; returns why it does not count, or None."""

    def end(self) -> str | None:
        """End the shift; returns why that does not count, or None."""

    def status(self) -> dict[str, Any] | None:
        """The present shift, ready for JSON; None if there is none."""


class ShiftRequests:
    """Answers them. What cannot be becomes 409, with the reason."""

    def __init__(self, shifts: Callable[[], CurrentShift]) -> None:
        self._shifts = shifts

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Have `router` route to these requests."""
        router.add_post("/shift", self._shift)

    async def _shift(self, request: web.Request) -> web.Response:
        asked = await parse_body(request, _Shift)
        shifts = self._shifts()
        refused = shifts.end() if asked.wearer is None else shifts.begin(asked.wearer)
        if refused is not None:
            return web.json_response({"refused": refused}, status=409)
        return web.json_response({"shift": shifts.status()})


_Count = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]


class _Progress(msgspec.Struct, forbid_unknown_fields=True):
    state: HandoverState
    done: _Count
    total: _Count
    trouble: HandoverTrouble | None = None


class DockProgress(Protocol):
    """Who keeps it; see `camerad.daemon.handover_monitor.HandoverMonitor`."""

    async def hear(self, word: HandoverProgress) -> dict[str, Any] | None:
        """Take the process's word; what is shown of handing over then, ready for JSON."""


class ProgressRequests:
    """Answers them with what is shown, which may be less than what was told."""

    def __init__(self, progress: Callable[[], DockProgress]) -> None:
        self._progress = progress

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Have `router` route to these requests."""
        router.add_post("/dock/progress", self._tell)

    async def _tell(self, request: web.Request) -> web.Response:
        told = await parse_body(request, _Progress)
        if told.done > told.total or (told.state is HandoverState.FAILED) is (told.trouble is None):
            raise web.HTTPBadRequest(
                text="done is at most total, and failed has a trouble, which nothing else has"
            )
        word = HandoverProgress(told.state, told.done, told.total, told.trouble)
        try:
            return web.json_response({"shown": await self._progress().hear(word)})
        except CameradError as error:
            raise refusal_of(error) from error
