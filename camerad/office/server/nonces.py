"""Nonces of requests: no request is accepted twice.

The server's own nonces say when they were issued, under a key of this process. So issuing one takes
no memory, however often clients ask; only those that were used are remembered, until they are
too old to count. They have a dot, which a client's own nonce never has. So one of an earlier run of
the server is recognised as no nonce, and is not taken for a client's.

A client's own nonce counts while `created` lies within `WINDOW_SECONDS` of the server's wall
clock, and is remembered for that long. What was forgotten is refused by its time: nothing counts
whose `created` is not above the floor. The floor rises to the time of each forgotten nonce, and
never falls. So a wall clock that is set back lets no request in twice. A server that has just
started remembers nothing, so its floor is the latest time that it may have taken before. For five
minutes it takes its own nonces only, which every client can use. (A machine whose clock is set back
by more than that between two runs of the server would need a floor on its storage, and has none.)

Of several servers none knows what another one took. So each takes only nonces that it issued
itself, and a client's own never count.

Time is an argument. Nothing here is for several threads.
"""

from __future__ import annotations

import hashlib
import heapq
import hmac
import re
import secrets
from http import HTTPStatus
from typing import Final

import msgspec

from camerad.base.clock import SECOND
from camerad.container.keys import decode_base64url, encode_base64url
from camerad.exchange.request_signature import WINDOW_SECONDS
from camerad.office.server.refusals import RefusedRequestError, later

MOST: Final = 131_072
"""Nonces that are remembered at once, of all cameras: 20 MB at the most."""
MOST_OF_ONE: Final = 16_384
"""Of those, a camera has at most so many: 27 requests in each second for ten minutes."""

_CLIENT_S: Final = re.compile(r"[A-Za-z0-9_-]{16,64}", re.ASCII)
_MARK: Final = "s."
_TIME_BYTES: Final = 8
_RANDOM_BYTES: Final = 8
_MAC_BYTES: Final = 16


class _Remembered(msgspec.Struct):
    """Digests of nonces that were used, each with a time up to which it may come again."""

    keys: set[bytes] = msgspec.field(default_factory=set)
    order: list[tuple[int, bytes, str]] = msgspec.field(default_factory=list)

    def add(self, until: int, key: bytes, kid: str) -> None:
        self.keys.add(key)
        heapq.heappush(self.order, (until, key, kid))

    def forget_below(self, time: int) -> list[str]:
        """Forget what counts no more at `time`; returns whose it was."""
        forgotten = []
        while self.order and self.order[0][0] < time:
            _, key, kid = heapq.heappop(self.order)
            self.keys.discard(key)
            forgotten.append(kid)
        return forgotten


class Nonces:
    """The nonces of one run of a server.

    started_wall_us: wall time at the start, in microseconds since 1970. most, most_of_one: how many
    are remembered, in all and of one camera. one_of_several: other servers answer the same cameras.
    """

    def __init__(
        self,
        started_wall_us: int,
        most: int = MOST,
        most_of_one: int = MOST_OF_ONE,
        *,
        one_of_several: bool = False,
    ) -> None:
        self._secret = secrets.token_bytes(32)
        self._most = most
        self._most_of_one = most_of_one
        self._one_of_several = one_of_several
        self._floor = started_wall_us // SECOND + WINDOW_SECONDS
        self._issued = _Remembered()
        self._theirs = _Remembered()
        self._counts: dict[str, int] = {}

    def issue(self, now_us: int) -> str:
        """A fresh nonce of the server's. now_us: boot time, microseconds."""
        said = now_us.to_bytes(_TIME_BYTES) + secrets.token_bytes(_RANDOM_BYTES)
        return _MARK + encode_base64url(said + self._mac(said))

    def take(self, kid: str, nonce: str, created: int, now_us: int, wall_us: int) -> None:
        """Use a nonce up, of a request whose signature holds. kid: the key that signed it. created:
        as the request says. now_us: boot time; wall_us: wall time since 1970; both microseconds.

        Raises RefusedRequestError if the request does not count; and if no more nonces can be
        remembered, since to forget one early would let its request in twice.
        """
        self._forget(now_us, wall_us)
        if nonce.startswith(_MARK):
            self._take_own(kid, nonce, now_us)
        else:
            self._take_theirs(kid, nonce, created, wall_us // SECOND)

    def _take_own(self, kid: str, nonce: str, now_us: int) -> None:
        issued_us = self._issued_at(nonce)
        if issued_us is None or issued_us + WINDOW_SECONDS * SECOND < now_us:
            raise _refused(
                "the nonce is too old, or not of this server's present run; use the one of this "
                "answer"
            )
        self._remember(self._issued, issued_us, kid, nonce)

    def _take_theirs(self, kid: str, nonce: str, created: int, wall: int) -> None:
        if self._one_of_several:
            raise _refused(
                "this server is one of several, which take no nonces but their own; use the one of "
                "this answer"
            )
        if not _CLIENT_S.fullmatch(nonce):
            raise _refused(
                "a nonce of the client's own has 16 to 64 characters of base64url; use the one of "
                "this answer"
            )
        if abs(created - wall) > WINDOW_SECONDS:
            raise _refused(
                f"the request's time (created) is more than {WINDOW_SECONDS} s off the server's; "
                "use the nonce of this answer, with which it does not matter"
            )
        if created <= self._floor:
            raise _refused(
                "the server has started, or its clock was set, too short a time ago to know "
                "whether this request was taken before; use the nonce of this answer"
            )
        self._remember(self._theirs, created, kid, nonce)

    def _remember(self, where: _Remembered, time: int, kid: str, nonce: str) -> None:
        key = hashlib.blake2b(f"{kid} {nonce}".encode(), digest_size=16).digest()
        if key in where.keys:
            raise _refused(
                "this request's nonce was used before, so it may be a repetition; use the nonce of "
                "this answer"
            )
        count = self._counts.get(kid, 0)
        held = len(self._issued.keys) + len(self._theirs.keys)
        if held >= self._most or count >= self._most_of_one:
            raise later(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "too many requests within the last minutes; wait, and make fewer of them",
            )
        where.add(time, key, kid)
        self._counts[kid] = count + 1

    def _forget(self, now_us: int, wall_us: int) -> None:
        """Forget what would be refused by its time alone."""
        self._floor = max(self._floor, wall_us // SECOND - WINDOW_SECONDS - 1)
        forgotten = self._issued.forget_below(now_us - WINDOW_SECONDS * SECOND)
        forgotten += self._theirs.forget_below(self._floor + 1)
        for kid in forgotten:
            self._counts[kid] -= 1
            if not self._counts[kid]:
                del self._counts[kid]

    def _issued_at(self, nonce: str) -> int | None:
        """When this nonce was issued, if it was in this run."""
        try:
            data = decode_base64url(nonce.removeprefix(_MARK))
        except ValueError:
            return None
        said, mac = data[:-_MAC_BYTES], data[-_MAC_BYTES:]
        if len(said) != _TIME_BYTES + _RANDOM_BYTES or not hmac.compare_digest(
            mac, self._mac(said)
        ):
            return None
        return int.from_bytes(said[:_TIME_BYTES])

    def _mac(self, said: bytes) -> bytes:
        return hmac.digest(self._secret, said, "sha256")[:_MAC_BYTES]


def _refused(why: str) -> RefusedRequestError:
    return RefusedRequestError(HTTPStatus.UNAUTHORIZED, why)
