"""Limits how often the provider is asked about a code, so that no stranger keeps others from it.

Anybody can begin a sign-in and come back with a code that is none; only the provider can tell, and
it is asked with the office's secret. So whoever is known is told apart from strangers:

- known: a browser by which somebody has signed in before, which has a cookie that says so and names
  nobody, and a browser that came with a link;
- a stranger: any other one, counted by its address, with IPv6 by its network.

Each kind has places of its own, and one browser or address few of them: strangers, and a provider
that answers them slowly, take none from who is known. Whoever tried some codes in a minute that
signed nobody in waits for the minute's end, and until then costs the provider nothing.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections import Counter
from collections.abc import Iterator
from typing import Final

import msgspec
from aiohttp import web

from camerad.base.clock import SECOND, Clock
from camerad.container.keys import decode_base64url, encode_base64url
from camerad.office.desk.challenges import ChallengeError, Challenges
from camerad.office.desk.desk_locks import WaitingRoom
from camerad.office.desk.desk_refusals import DeskRefusal, refused
from camerad.office.server.directory_locks import LockHeldError
from camerad.office.server.entrance import network_of

KNOWN_COOKIE: Final = "__Host-camerad-known"
KNOWN_US: Final = 365 * 86_400 * SECOND
"""How long a browser is known after somebody signed in by it as a stranger."""
MOST_KNOWN: Final = 8
"""Codes of known browsers that the provider is asked about at once."""
MOST_STRANGE: Final = 4
"""Codes of strangers that it is asked about at once."""
MOST_OF_ONE: Final = 2
"""Codes of one browser, link or address that it is asked about at once."""
MOST_TRIES: Final = 10
"""Codes of one browser, link or address in a minute that signed nobody in."""
_MINUTE_US: Final = 60 * SECOND
_ABOUT: Final = "known browser"


class Asker(msgspec.Struct, frozen=True):
    """Who comes back with a code. known: whether they are no stranger. name: what they are counted
    by. has_cookie: whether their browser says that it is known."""

    known: bool
    name: str
    has_cookie: bool = False


class Redeeming:
    """known: challenges that are good for `KNOWN_US`; the cookie of a known browser is one."""

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
        except (ValueError, ChallengeError):
            if link:
                return Asker(True, f"link {_digest(link)}")
            return Asker(False, f"address {network_of(str(request.remote))}")
        return Asker(True, f"browser {_digest(said)}", has_cookie=True)

    @contextlib.contextmanager
    def turn(self, asker: Asker) -> Iterator[None]:
        """Ask the provider in this context. For the event loop. Raises RefusedRequestError."""
        now = self._clock.now_us()
        if now - self._since_us >= _MINUTE_US:
            self._tries.clear()
            self._since_us = now
        if self._tries[asker.name] >= MOST_TRIES:
            raise refused(DeskRefusal.OPENID_BUSY)
        with contextlib.ExitStack() as held:
            try:
                held.enter_context(self._places[asker.known].place(asker.name))
            except LockHeldError as error:
                raise refused(DeskRefusal.OPENID_BUSY) from error
            self._tries[asker.name] += 1
            yield

    def forgive(self, asker: Asker) -> None:
        """A code signed somebody in: it does not count as a try. For the event loop."""
        if self._tries[asker.name]:  # else a minute ended meanwhile
            self._tries[asker.name] -= 1

    def remember(self, asker: Asker, response: web.Response) -> None:
        """Have the browser be known from now on. Any thread may call it. Raises StorageError and
        LockHeldError."""
        if asker.has_cookie:
            return
        response.set_cookie(
            KNOWN_COOKIE,
            encode_base64url(self._known.make(_ABOUT)),
            max_age=KNOWN_US // SECOND,
            path="/",
            secure=True,
            httponly=True,
            samesite="Strict",
        )


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
