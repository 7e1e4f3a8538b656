"""The table of requests: each with the roles that may make it, its input and its handler.

A request that changes something is a POST from the page itself, with JSON or with a file: its
``Origin`` is the page's address, which a browser lets no other page say (CSRF). Every request is
for the page's own name (``Host``), so that no other name leads a browser here (DNS rebinding). A
person who is not signed in, or has none of the roles, is refused before anything else of the
request is looked at. While the office's directory is not there, as when its storage is not mounted,
nothing is looked for in its place, and nothing made there. Every answer forbids the browser what
the page does not need: frames, inline code, what is elsewhere, and to keep it; so does the answer
to what is no request of HTTP at all.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from enum import Enum
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
from aiohttp import hdrs, web
from aiohttp.typedefs import Middleware

from camerad.base import typed_json
from camerad.base.clock import Clock
from camerad.base.errors import CameradError, NotNowError, StorageError
from camerad.base.message_ids import MessageId
from camerad.base.text import printable
from camerad.container.keys import PublicKey, SigningKey
from camerad.container.recording_ids import RecordingId, is_id
from camerad.evidence.camera_register import RegisterError
from camerad.evidence.office_key_file import OfficeKeyError
from camerad.office.desk.desk_ledger import DeskLedger
from camerad.office.desk.desk_refusals import DeskRefusal, RefusalError, refused
from camerad.office.desk.page_content import POLICY
from camerad.office.desk.people import DeskPerson, DeskRole
from camerad.office.desk.sessions import COOKIE, Sessions
from camerad.office.index.index import RecordingIndex
from camerad.office.index.recording_query import QueryError
from camerad.office.server.cameras import Cameras, UnregisteredError
from camerad.office.server.certificates import CertificateError
from camerad.office.server.desk_settings import DeskSettings
from camerad.office.server.office_settings import OfficeFile
from camerad.office.server.preflight import NotMountedError, check_directory
from camerad.office.server.refusal_log import RefusalLog
from camerad.office.server.refusals import (
    NO_ROOM,
    Handler,
    RefusedRequestError,
    later,
    plain_errors,
    tell_mistake,
    tell_storage,
)
from camerad.office.state.database import IndexUnavailableError
from camerad.office.state.office_state import OfficeState
from camerad.office.trial.trial_plan import TrialError
from camerad.store.holds import HoldError, HoldRefusal
from camerad.store.locations import NotThereError

_log = logging.getLogger(__name__)

LARGEST_BODY: Final = 65_536
"""Bytes of what is sent with most requests."""
LONGEST_BODY: Final = 1 << 20
"""Of any that is read as JSON: a signed statement may be that long."""
API: Final = "/api/"
"""What all paths begin with, but those of the page itself."""
JSON: Final = "application/json"
BODY_SECONDS: Final = 30.0
"""How long it may take to arrive."""
HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": POLICY,
    "Cache-Control": "no-store",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), display-capture=()",
    "Referrer-Policy": "no-referrer",
    "Strict-Transport-Security": "max-age=31536000",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Server": "camerad",
}
OF_AN_ANSWER: Final = ("Cache-Control", "Content-Security-Policy")
"""Headers that an answer may set itself: a separate document forbids more than the page does."""


class DeskParts(msgspec.Struct, frozen=True):
    """settings: of the office. desk: its section for the desk. key: signs the office's ledger.
    cameras: the register. index: answers questions about recordings."""

    settings: OfficeFile
    desk: DeskSettings
    key: SigningKey
    clock: Clock
    cameras: Cameras
    state: OfficeState
    sessions: Sessions
    ledger: DeskLedger
    index: RecordingIndex

    @property
    def directory(self) -> str:
        """The office's."""
        return str(self.settings.directory)

    @property
    def register(self) -> str:
        """File with the office's cameras."""
        return str(self.settings.register)

    @property
    def own(self) -> PublicKey:
        """The office's public key."""
        return self.key.public


class Open(Enum):
    """Who may make a request that asks for no role."""

    TO_ANYONE = "anyone"
    TO_SIGNED_IN = "signed in"


Asked = Collection[DeskRole] | Open


class Visit(msgspec.Struct, frozen=True):
    """A request that may be made. person: who makes it; of one that is open to anyone None. secret:
    of their session. body: what was said, as the route has it."""

    request: web.Request
    person: DeskPerson | None = None
    secret: str = ""
    body: Any = None

    @property
    def who(self) -> str:
        """Id of the person, as the ledger has it."""
        if self.person is None:
            raise RuntimeError("a route that is open to anyone asks who it is")
        return self.person.id

    @property
    def handle(self) -> str:
        """By which something is theirs for a while; see `camerad.office.desk.people`."""
        return "" if self.person is None else self.person.handle

    @property
    def roles(self) -> frozenset[DeskRole]:
        """Of the person."""
        return frozenset() if self.person is None else frozenset(self.person.roles)

    @property
    def recording(self) -> RecordingId:
        """Id of the recording in the address. Raises RefusalError if it is none."""
        return recording_id(self.request.match_info["recording"])


Answer = Callable[[Visit], Any]
"""Makes an answer, an object for JSON or a response: a coroutine on the loop, or a function that
may block, in a thread."""


class Route(msgspec.Struct, frozen=True):
    """One request. asked: who may make it. body: type of what is said: with a POST as JSON, with a
    GET in the address. most: bytes of a POST. sends: what a POST has to be sent as; where that is
    not JSON, `answer` reads it itself."""

    method: str
    path: str
    asked: Asked
    answer: Answer
    body: type[Any] | None = None
    most: int = LARGEST_BODY
    sends: str = JSON


class Guard:
    """Makes an application of routes. origin: the page's address. directory: the office's.
    sessions: who is signed in. refusals: says how often the log names what one address causes."""

    def __init__(
        self, origin: str, directory: str, sessions: Sessions, refusals: RefusalLog
    ) -> None:
        self._origin = origin
        self._directory = directory
        self._host = urlsplit(origin).netloc
        self._sessions = sessions
        self._refusals = refusals

    def make_app(self, routes: Iterable[Route]) -> web.Application:
        """An application that answers these routes and no other."""
        app = web.Application(
            middlewares=[plain_errors(self._refusals), _in_words(self._refusals)],
            client_max_size=LONGEST_BODY,
        )
        app.on_response_prepare.append(_forbid_the_rest)
        for route in routes:
            app.router.add_route(route.method, route.path, self._guarded(route))
        return app

    def _guarded(self, route: Route) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def handle(request: web.Request) -> web.StreamResponse:
            if request.host != self._host:
                raise refused(DeskRefusal.NOT_FROM_THIS_PAGE)
            if route.method != hdrs.METH_GET:
                self._check_origin(request, route.sends)
            secret, body = request.cookies.get(COOKIE, ""), None
            person = await asyncio.to_thread(self._check, request.path, secret, route.asked)
            if route.body is not None and route.method == hdrs.METH_GET:
                body = _convert(dict(request.query), route.body)
            elif route.body is not None:
                body = await _read(request, route.body, route.most)
                if person is not None:  # the body may have come slowly: check the person again
                    person = await asyncio.to_thread(self._check_person, secret, route.asked)
            visit = Visit(request, person, secret, body)
            if inspect.iscoroutinefunction(route.answer):
                answer = await route.answer(visit)
            else:
                answer = await asyncio.to_thread(route.answer, visit)
            if isinstance(answer, web.StreamResponse):
                return answer
            return json_answer(answer)

        return handle

    def _check_origin(self, request: web.Request, sends: str) -> None:
        if request.headers.get(hdrs.ORIGIN) != self._origin or request.content_type != sends:
            raise refused(DeskRefusal.NOT_FROM_THIS_PAGE)

    def _check(self, path: str, secret: str, asked: Asked) -> DeskPerson | None:
        """That the directory is there, and the person may ask; returns the person."""
        if path.startswith(API):
            check_directory(self._directory)
        return None if asked is Open.TO_ANYONE else self._check_person(secret, asked)

    def _check_person(self, secret: str, asked: Asked) -> DeskPerson:
        found = self._sessions.find(secret)
        if found is None:
            raise refused(DeskRefusal.NOT_SIGNED_IN)
        person = found[1]
        if not isinstance(asked, Open) and not set(person.roles) & set(asked):
            raise refused(DeskRefusal.NOT_ALLOWED)
        return person


def json_answer(said: object) -> web.Response:
    """An answer with an object as JSON."""
    return web.Response(body=msgspec.json.encode(said), content_type=JSON)


def recording_id(said: str) -> RecordingId:
    """The id of a recording, as a request names it. Raises RefusalError if it is none."""
    if not is_id(said):
        raise refused(DeskRefusal.NOT_THERE)
    return said


def _convert(said: dict[str, str], kind: type[Any]) -> Any:
    try:
        return typed_json.convert(said, kind, strict=False)
    except msgspec.ValidationError:
        raise refused(DeskRefusal.NOT_UNDERSTOOD) from None


async def _read(request: web.Request, kind: type[Any], most: int) -> Any:
    try:
        if (request.content_length or 0) > most:
            raise refused(DeskRefusal.NOT_UNDERSTOOD)
        async with asyncio.timeout(BODY_SECONDS):
            body = await request.read()
        if len(body) > most:
            raise refused(DeskRefusal.NOT_UNDERSTOOD)
        return typed_json.decode(body, kind)
    except (ValueError, RecursionError, OverflowError, MemoryError, TimeoutError):
        raise refused(DeskRefusal.NOT_UNDERSTOOD) from None


_WHY: Final[Mapping[type[CameradError], DeskRefusal]] = {
    NotNowError: DeskRefusal.BUSY,
    IndexUnavailableError: DeskRefusal.INDEX_AWAY,
    NotThereError: DeskRefusal.NOT_THERE,
    UnregisteredError: DeskRefusal.NOT_THERE,
    RegisterError: DeskRefusal.SERVER_FILES,
    OfficeKeyError: DeskRefusal.SERVER_FILES,
    CertificateError: DeskRefusal.SERVER_FILES,
    QueryError: DeskRefusal.NOT_UNDERSTOOD,
    HoldError: DeskRefusal.REASON_NEEDED,
    TrialError: DeskRefusal.TRIAL,
}
"""What any route may come to; of a kind and its own kinds the narrower one first."""
_HOLDS: Final = {
    HoldRefusal.NOT_HELD: DeskRefusal.NOT_HELD,
    HoldRefusal.END: DeskRefusal.HOLD_END,
    HoldRefusal.TOO_MANY: DeskRefusal.HELD_TOO_OFTEN,
}


def _answer_of(why: DeskRefusal) -> RefusedRequestError:
    if why.status == HTTPStatus.SERVICE_UNAVAILABLE:
        return later(why.status, why.value)
    return RefusedRequestError(why.status, why.value)


def _in_words(refusals: RefusalLog) -> Middleware:
    """A middleware: what a route comes to is one of the page's own words. refusals: as of
    `plain_errors`."""

    @web.middleware
    async def answer(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except RefusalError as error:
            raise _answer_of(error.why) from error
        except tuple(_WHY) as error:
            why = next(why for kind, why in _WHY.items() if isinstance(error, kind))
            if isinstance(error, HoldError):
                why = _HOLDS.get(error.refusal, why)
            # The operator of the server has to mend that.
            if why is DeskRefusal.SERVER_FILES and refusals.names_address(request):
                if isinstance(error, RegisterError):
                    _log.warning("%s", printable(error), extra=MessageId.REGISTER.extra)
                else:
                    _log.warning("%s", printable(error), extra=MessageId.STORAGE.extra)
            raise _answer_of(why) from error
        except (StorageError, NotMountedError) as error:
            tell_storage(refusals, request, error)
            full = isinstance(error, StorageError) and error.errno in NO_ROOM
            raise _answer_of(DeskRefusal.STORAGE_FULL if full else DeskRefusal.STORAGE) from error
        except web.HTTPException as error:
            if error.status in (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED):
                raise _answer_of(DeskRefusal.NOT_THERE) from error
            if error.status >= HTTPStatus.BAD_REQUEST:
                raise _answer_of(DeskRefusal.NOT_UNDERSTOOD) from error
            raise
        except (RefusedRequestError, ConnectionError):
            raise
        except Exception as error:
            tell_mistake(refusals, request, error)
            raise _answer_of(DeskRefusal.MISTAKE) from error

    return answer


def refuse_no_request(status: int) -> web.Response:
    """The answer to bytes that are no request."""
    why = DeskRefusal.MISTAKE if status >= HTTPStatus.INTERNAL_SERVER_ERROR else None
    said = {"error": why or DeskRefusal.NOT_UNDERSTOOD}
    return web.json_response(said, status=status, headers=HEADERS)


async def _forbid_the_rest(request: web.Request, response: web.StreamResponse) -> None:
    if not request.content.is_eof():  # the next request would stand behind what is never read
        response.headers[hdrs.CONNECTION] = "close"
        response.force_close()
    for name, value in HEADERS.items():
        if name not in OF_AN_ANSWER or name not in response.headers:
            response.headers[name] = value
