"""Challenges for sign-ins: made by this office, valid for a short time, and for one answer.

A challenge says when and about what it was made, under a key that all servers of the office share.
So making one takes no room, however many are asked for; only those that were answered rightly are
kept, until they are too old to count. It is good once, at any server.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import Final

from sqlalchemy import Connection, insert, select

from camerad.base.clock import SECOND, Clock
from camerad.container.keys import encode_base64url
from camerad.office.desk.desk_refusals import DeskRefusal, RefusalError
from camerad.office.desk.tokens import Answered, Tokens
from camerad.office.state.office_state import OfficeState
from camerad.office.state.state_tables import answers, server_secrets

MOST_ANSWERED: Final = 10_000
"""Answers that are kept at once. With so many, all sign-ins are refused until some are too old: one
that is forgotten early would count again."""
CHALLENGE_US: Final = 300 * SECOND
KEY: Final = "challenges"
"""Name of the key's row."""
KEY_BYTES: Final = 32
_TIME_BYTES: Final = 8
_SAID_BYTES: Final = _TIME_BYTES + 16
_DERIVED: Final = b"derived "
"""No time begins like this: what is derived is no challenge's code, nor the other way round."""


class Challenges:
    """why: the refusal of a challenge that does not count. lasts_us: how long one is valid.
    Thread-safe. Everything raises StorageError and NotNowError."""

    def __init__(
        self, state: OfficeState, clock: Clock, why: DeskRefusal, lasts_us: int = CHALLENGE_US
    ) -> None:
        self._state = state
        self._clock = clock
        self._why = why
        self._lasts_us = lasts_us
        self._answered = Tokens(answers, Answered, MOST_ANSWERED)
        self._shared = b""

    def make(self, about: str) -> bytes:
        """A new one. about: what it is for; only there it counts."""
        time = self._clock.wall_us().to_bytes(_TIME_BYTES)
        said = time + secrets.token_bytes(_SAID_BYTES - _TIME_BYTES)
        return said + self._mac(said + about.encode())

    def check(self, challenge: bytes, about: str) -> int:
        """Check that it counts; returns when it was made (wall time, microseconds since 1970).
        Raises RefusalError."""
        said, mac = challenge[:_SAID_BYTES], challenge[_SAID_BYTES:]
        now, made = self._clock.wall_us(), int.from_bytes(challenge[:_TIME_BYTES])
        if not hmac.compare_digest(mac, self._mac(said + about.encode())):
            raise RefusalError(self._why, "this is no answer to what this page asked")
        if not made <= now < made + self._lasts_us or self._is_answered(challenge, now):
            raise RefusalError(self._why, "this took too long, or was answered before: try again")
        return made

    def derive(self, challenge: bytes, what: str) -> str:
        """A secret that goes with a challenge, in base64url: one of them tells neither another one
        nor the challenge."""
        return encode_base64url(self._mac(_DERIVED + what.encode() + b" " + challenge))

    def use_up(self, rows: Connection, challenge: bytes) -> None:
        """Have it count no more, as part of a transaction; of several who do so at once one
        succeeds. Raises RefusalError."""
        now = self._clock.wall_us()
        self._answered.check_room(rows, now)
        if not self._answered.claim(rows, _name(challenge), now + self._lasts_us):
            raise RefusalError(self._why, "this was answered before: try again")

    def _is_answered(self, challenge: bytes, now_us: int) -> bool:
        with self._state.reading() as rows:
            return self._answered.find(rows, _name(challenge), now_us) is not None

    def _mac(self, said: bytes) -> bytes:
        if not self._shared:
            self._shared = self._load_key()
        return hmac.digest(self._shared, said, "sha256")

    def _load_key(self) -> bytes:
        """The key that all servers share; the first server makes it."""
        found = select(server_secrets.c.value).where(server_secrets.c.name == KEY)
        with self._state.reading() as rows:
            key = rows.execute(found).scalar()
        if key is None:
            with self._state.writing() as rows:
                key = rows.execute(found).scalar()  # another server may have been quicker
                if key is None:
                    key = secrets.token_bytes(KEY_BYTES)
                    rows.execute(insert(server_secrets).values(name=KEY, value=key))
        return bytes(key)


def _name(challenge: bytes) -> str:
    """As a secret of `camerad.office.desk.tokens`."""
    return encode_base64url(hashlib.sha256(challenge).digest())
