"""Requests by which people come in with the city's account (OpenID Connect).

A person is added by an administrator, as with passkeys. With a one-time link they
connect their account: the desk keeps the provider's name for itself and its `sub` for the account,
and later that pair alone says who it is. No claim that a person can edit (user name, mail) is
looked at. An administrator signs in by passkey: the operator of the provider can be
everybody there, and must not be the one here who says who may what.

The way, with what each step is bound to:

1. The page asks for the provider's address. The answer sets a cookie, out of reach of scripts, with
   a challenge (`camerad.office.desk.tokens`) and the link, if there is one. `state`, `nonce`
   and the verifier of PKCE are derived from the challenge, so nothing is stored.
2. The browser goes there, and comes back to the page (`RETURN_PATH`) with a code. The page takes
   that out of its address, and sends it with a separate request: so, as everywhere, what changes
   something is a POST of this page, and all cookies are ``SameSite=Strict``.
3. `state` has to belong to the cookie (so a link that was sent to a person does not sign them in
   as another one), the code is redeemed with the verifier, if this browser gets a slot
   (`Redeeming`), and the token has to have the nonce.
4. Entries of the ledger, then the session, as with a passkey
   (`camerad.office.desk.sign_in_routes`).

The desk's sign-out ends the desk's session and no other: `prompt` says what the provider asks next
time. It hears nothing of what ends at the provider; idle time and longest hours bound a session.

Any stranger can begin a sign-in and come back with a code that is none; only the provider can tell,
and it is asked with the office's secret. So two kinds of askers are distinguished (`Redeeming`):

- known: a browser by which a person has signed in before, which has a cookie that says so and names
  no person, and a browser that came with a link;
- a stranger: any other one, counted by its address, with IPv6 by its network.

Each kind has separate places, and one browser or address few of them: strangers, and a provider
that answers them slowly, take none from who is known. After some codes in a minute that signed
no person in, an asker waits for the minute's end, and until then costs the provider nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import logging
from collections import Counter
from collections.abc import Iterator
from typing import Annotated, Final

import msgspec
from aiohttp import web

from camerad.base.clock import SECOND, Clock
from camerad.base.errors import NotNowError
from camerad.base.message_ids import MessageId
from camerad.base.text import printable
from camerad.container.keys import decode_base64url, encode_base64url
from camerad.office.desk import people
from camerad.office.desk.desk_refusals import DeskRefusal, RefusalError, refused
from camerad.office.desk.openid_provider import OpenidProvider
from camerad.office.desk.people import DeskPerson, DeskRole, OpenidAccount
from camerad.office.desk.route_table import DeskParts, Open, Route, Visit, json_answer
from camerad.office.desk.sessions import BY_OPENID
from camerad.office.desk.sign_in_routes import Admission, drop_cookie, rights_entry, set_cookie
from camerad.office.desk.tokens import Challenges
from camerad.office.server.connection_limiter import network_of
from camerad.office.state.waiting_room import WaitingRoom

_log = logging.getLogger(__name__)
FLOW_COOKIE: Final = "__Host-camerad-openid"
FLOW_US: Final = 600 * SECOND
"""How long a person may take at the provider."""
_SAID_AGAIN_US: Final = 60 * SECOND
"""How often the log has one and the same trouble."""
_NO_CODE: Final = frozenset(
    (
        "account_selection_required",
        "consent_required",
        "interaction_required",
        "invalid_request",
        "invalid_request_object",
        "invalid_scope",
        "login_required",
        "request_not_supported",
        "server_error",
        "temporarily_unavailable",
        "unauthorized_client",
        "unmet_authentication_requirements",
        "unsupported_response_type",
    )
)
"""Why there is no code, as far as that can be here (RFC 6749, 4.1.2.1; Core, 3.1.2.6)."""
KNOWN_COOKIE: Final = "__Host-camerad-known"
KNOWN_US: Final = 365 * 86_400 * SECOND
"""How long a browser is known after a person signed in by it as a stranger."""
MOST_KNOWN: Final = 8
"""Codes of known browsers that the provider is asked about at once."""
MOST_STRANGE: Final = 4
"""Codes of strangers that it is asked about at once."""
MOST_OF_ONE: Final = 2
"""Codes of one browser, link or address that it is asked about at once."""
MOST_TRIES: Final = 10
"""Codes of one browser, link or address in a minute that signed no person in."""
_MINUTE_US: Final = 60 * SECOND
_ABOUT: Final = "known browser"


class AskBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """link: secret of a link whose person connects their account; "" to sign in."""

    link: Annotated[str, msgspec.Meta(max_length=100)]


class ReturnBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a browser came back with (RFC 6749, 4.1.2; RFC 9207, 2). error: instead of a code."""

    state: Annotated[str, msgspec.Meta(max_length=200)]
    code: Annotated[str, msgspec.Meta(max_length=4096)] = ""
    iss: Annotated[str, msgspec.Meta(max_length=1000)] | None = None
    error: Annotated[str, msgspec.Meta(max_length=200)] = ""


class OpenidWay(msgspec.Struct, frozen=True):
    """label: what people call the account; None if there is no such way."""

    label: str | None


class ProviderAddress(msgspec.Struct, frozen=True):
    """Where the browser is to go."""

    address: str


class OpenidRoutes:
    """provider: None if the settings have none. admission: lets people in."""

    def __init__(
        self, desk: DeskParts, provider: OpenidProvider | None, admission: Admission
    ) -> None:
        self._desk = desk
        self._provider = provider
        self._challenges = Challenges(desk.state, desk.clock, DeskRefusal.OPENID_STALE, FLOW_US)
        known = Challenges(desk.state, desk.clock, DeskRefusal.OPENID_STALE, KNOWN_US)
        self._redeeming = Redeeming(known, desk.clock)
        self._admission = admission
        self._log_once = _DeduplicatedLog(desk.clock, 20)
        self._declined_log = _DeduplicatedLog(desk.clock, 1)

    def routes(self) -> Iterator[Route]:
        """All of them, whether there is a provider or not."""
        yield Route("GET", "/api/openid", Open.TO_ANYONE, self._say_way)
        yield Route("POST", "/api/openid/ask", Open.TO_ANYONE, self._ask, AskBody)
        yield Route("POST", "/api/openid/sign-in", Open.TO_ANYONE, self._sign_in, ReturnBody)

    def _say_way(self, _visit: Visit) -> OpenidWay:
        return OpenidWay(None if self._provider is None else self._provider.settings.label)

    async def _ask(self, visit: Visit) -> web.Response:
        provider, link = self._there(), visit.body.link
        flow = await asyncio.to_thread(self._begin, link)
        try:
            address = await provider.address(flow.state, flow.nonce, flow.verifier)
        except RefusalError as error:
            self._log_once.warn(error)
            raise
        response = json_answer(ProviderAddress(address))
        set_cookie(response, FLOW_COOKIE, f"{encode_base64url(flow.challenge)}.{link}", FLOW_US)
        return response

    def _begin(self, link: str) -> _Flow:
        if link:
            _check_not_administrator(self._admission.check_link(link))
        return self._flow(self._challenges.make(_about(link)), link, 0)

    async def _sign_in(self, visit: Visit) -> web.Response:
        provider = self._there()
        flow = await asyncio.to_thread(self._read_flow, visit)
        body: ReturnBody = visit.body
        if body.error or not body.code:
            raise self._declined(body)
        asker = await asyncio.to_thread(self._redeeming.asker, visit.request, flow.link)
        try:
            with self._redeeming.slot(asker):
                subject = await provider.redeem(
                    body.code, body.iss, flow.verifier, flow.nonce, flow.begun_us
                )
        except RefusalError as error:
            if error.why in (DeskRefusal.OPENID_AWAY, DeskRefusal.OPENID_WRONG):
                self._log_once.warn(error)
            if error.about:
                await asyncio.to_thread(self._write_refused, error.about)
            raise
        account = self._account(subject)
        response = await asyncio.to_thread(self._let_in, visit, flow, account, asker)
        self._redeeming.forgive(asker)
        drop_cookie(response, FLOW_COOKIE)
        return response

    def _read_flow(self, visit: Visit) -> _Flow:
        """The sign-in that this browser began, and to which it came back. Raises
        RefusalError."""
        said, _, link = visit.request.cookies.get(FLOW_COOKIE, "").partition(".")
        try:
            challenge = decode_base64url(said)
            flow = self._flow(challenge, link, self._challenges.check(challenge, _about(link)))
        except ValueError as error:
            raise refused(DeskRefusal.OPENID_STALE) from error
        if not hmac.compare_digest(flow.state.encode(), visit.body.state.encode()):
            raise refused(DeskRefusal.OPENID_STALE)
        return flow

    def _flow(self, challenge: bytes, link: str, begun_us: int) -> _Flow:
        derive = self._challenges.derive
        state, nonce = derive(challenge, "state"), derive(challenge, "nonce")
        return _Flow(challenge, link, begun_us, state, nonce, derive(challenge, "verifier"))

    def _let_in(
        self, visit: Visit, flow: _Flow, account: OpenidAccount, asker: Asker
    ) -> web.Response:
        response = (self._connect if flow.link else self._enter)(visit, flow, account)
        self._redeeming.remember(asker, response)
        return response

    def _enter(self, visit: Visit, flow: _Flow, account: OpenidAccount) -> web.Response:
        with self._desk.state.reading() as rows:
            person = people.by_account(rows, account)
        if person is None:
            raise refused(DeskRefusal.OPENID_UNKNOWN)
        try:
            _check_not_administrator(person)
        except RefusalError:
            self._admission.write_refused(person.id, BY_OPENID)
            raise
        with self._desk.ledger.deciding() as decision:
            self._challenges.use_up(decision.rows, flow.challenge)
            person = people.by_account(decision.rows, account)
            if person is None:  # not any more
                raise refused(DeskRefusal.NOT_SIGNED_IN)
            _check_not_administrator(person)
            return self._admission.let_in(decision, visit, person, BY_OPENID)

    def _connect(self, visit: Visit, flow: _Flow, account: OpenidAccount) -> web.Response:
        with self._desk.ledger.deciding() as decision:
            rows = decision.rows
            found = self._admission.use_link(rows, flow.link)
            self._challenges.use_up(rows, flow.challenge)
            _check_not_administrator(found)
            other = people.by_account(rows, account)
            if other is not None and other.id != found.id:
                raise refused(DeskRefusal.OPENID_TAKEN)

            def connect(one: DeskPerson) -> DeskPerson:
                return msgspec.structs.replace(self._admission.come(one), openid=account)

            person = people.change(rows, found.id, connect)
            self._desk.sessions.drop_of_former_account(rows, person)
            rights = rights_entry(person, "openid_connected", person.id)
            return self._admission.let_in(decision, visit, person, BY_OPENID, rights)

    def _declined(self, body: ReturnBody) -> RefusalError:
        """Why the provider gave no code. What is no decision of a person is in the log, in a word
        of the standards' alone: any stranger can send this."""
        if body.error == "access_denied":
            return refused(DeskRefusal.OPENID_DECLINED)
        word = body.error if body.error in _NO_CODE else "for a reason that no standard has"
        self._declined_log.warn(f"the provider gave no code ({word}); see its log")
        return refused(DeskRefusal.OPENID_WRONG)

    def _write_refused(self, subject: str) -> None:
        with self._desk.state.reading() as rows:
            person = people.by_account(rows, self._account(subject))
        if person is not None:
            self._admission.write_refused(person.id, BY_OPENID)

    def _account(self, subject: str) -> OpenidAccount:
        return OpenidAccount(self._there().settings.issuer, subject)

    def _there(self) -> OpenidProvider:
        if self._provider is None:
            raise refused(DeskRefusal.NOT_THERE)
        return self._provider


class Asker(msgspec.Struct, frozen=True):
    """Who comes back with a code. known: whether they are no stranger. name: what they are counted
    by. has_cookie: whether their browser says that it is known."""

    known: bool
    name: str
    has_cookie: bool = False


class Redeeming:
    """Limits how often the provider is asked about a code. known: challenges that are
    good for `KNOWN_US`; the cookie of a known browser is one."""

    def __init__(self, known: Challenges, clock: Clock) -> None:
        self._known = known
        self._clock = clock
        self._places = {
            True: WaitingRoom(MOST_KNOWN, MOST_OF_ONE),
            False: WaitingRoom(MOST_STRANGE, MOST_OF_ONE),
        }
        self._tries: Counter[str] = Counter()
        self._since_us = 0

    def asker(self, request: web.Request, link: str) -> Asker:
        """Who asks. link: that the sign-in began with, which was good then. Any thread may call it.
        Raises StorageError."""
        said = request.cookies.get(KNOWN_COOKIE, "")
        try:
            self._known.check(decode_base64url(said), _ABOUT)
        except ValueError:
            if link:
                return Asker(True, f"link {_digest(link)}")
            return Asker(False, f"address {network_of(str(request.remote))}")
        return Asker(True, f"browser {_digest(said)}", has_cookie=True)

    @contextlib.contextmanager
    def slot(self, asker: Asker) -> Iterator[None]:
        """Hold a slot in this context, to ask the provider. For the event loop. Raises
        RefusalError."""
        now = self._clock.now_us()
        if now - self._since_us >= _MINUTE_US:
            self._tries.clear()
            self._since_us = now
        if self._tries[asker.name] >= MOST_TRIES:
            raise refused(DeskRefusal.OPENID_BUSY)
        with contextlib.ExitStack() as held:
            try:
                held.enter_context(self._places[asker.known].place(asker.name))
            except NotNowError as error:
                raise refused(DeskRefusal.OPENID_BUSY) from error
            self._tries[asker.name] += 1
            yield

    def forgive(self, asker: Asker) -> None:
        """A code signed a person in: it does not count as a try. For the event loop."""
        if self._tries[asker.name]:  # else a minute ended meanwhile
            self._tries[asker.name] -= 1

    def remember(self, asker: Asker, response: web.Response) -> None:
        """Have the browser be known from now on. Any thread may call it. Raises StorageError and
        NotNowError."""
        if asker.has_cookie:
            return
        made = encode_base64url(self._known.make(_ABOUT))
        set_cookie(response, KNOWN_COOKIE, made, KNOWN_US)


class _Flow(msgspec.Struct, frozen=True):
    """A sign-in under way. begun_us: wall time; 0 while it begins."""

    challenge: bytes
    link: str
    begun_us: int
    state: str
    nonce: str
    verifier: str


class _DeduplicatedLog:
    """Logs what is wrong with the provider, or with what it sends; one and the same
    thing once a minute, and so many things at the most, so that a stranger cannot fill the log."""

    def __init__(self, clock: Clock, most: int) -> None:
        self._clock = clock
        self._most = most
        self._said_us: dict[str, int] = {}

    def warn(self, text: object) -> None:
        now, said = self._clock.now_us(), printable(text)[:500]
        self._said_us = {
            one: when for one, when in self._said_us.items() if now - when < _SAID_AGAIN_US
        }
        if said in self._said_us or len(self._said_us) >= self._most:
            return
        self._said_us[said] = now
        _log.warning("a sign-in by OpenID Connect failed: %s", said, extra=MessageId.OPENID.extra)


def _about(link: str) -> str:
    """No person has an id like that: no challenge of a passkey is one of these."""
    return f"openid:{link}"


def _check_not_administrator(person: DeskPerson) -> None:
    if DeskRole.ADMINISTRATOR in person.roles:
        raise refused(DeskRefusal.OPENID_ADMINISTRATOR)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
