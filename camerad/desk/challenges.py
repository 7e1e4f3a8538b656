"""What a sign-in has to answer to: made by this office, young, and good for one answer.

A challenge says when and about what it was made, under a key that all servers on the directory
share. So making one takes no room, however many are asked for; only those that were answered
rightly are remembered, until they are too old to count. It is good once, and at whichever server
its answer arrives.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from typing import Final

import msgspec

from camerad.base import durable_files, file_status
from camerad.base.clock import SECOND, Clock
from camerad.base.errors import CameradError, StorageError
from camerad.base.safe_read import read_plain
from camerad.container.keys import encode_base64url
from camerad.desk.desk_locks import DeskLocks
from camerad.desk.secrets_store import DESK, SecretKind, SecretsStore
from camerad.store.locations import OFFICE

MOST_ANSWERED: Final = 10_000
"""Answers that are remembered at once. With so many, nobody is let in until some are too old: one
that is forgotten early would count again."""
CHALLENGE_US: Final = 300 * SECOND
_KEY: Final = "challenge-key"
_KEY_BYTES: Final = 32
_TIME_BYTES: Final = 8
_SAID_BYTES: Final = _TIME_BYTES + 16
_DERIVED: Final = b"derived "
"""No time begins like this: what is derived is no challenge's code, nor the other way round."""


class ChallengeError(CameradError, PermissionError):
    """Error raised when something answers to no challenge that counts."""


class Answered(msgspec.Struct, frozen=True):
    """A challenge that was answered rightly. until_us: from then on it would not count anyway."""

    until_us: int


class Challenges:
    """root: the office's directory. lasts_us: how long one is good for. Any thread may use it.
    Everything raises StorageError, and what writes raises LockHeldError."""

    def __init__(self, root: str, clock: Clock, lasts_us: int = CHALLENGE_US) -> None:
        self._directory = os.path.join(os.path.abspath(root), OFFICE, DESK)
        self._clock = clock
        self._lasts_us = lasts_us
        self._answered = SecretsStore(root, SecretKind.ANSWERED, Answered, MOST_ANSWERED)
        self._locks = DeskLocks(root)

    def make(self, about: str) -> bytes:
        """A new one. about: what it is for; only there it counts."""
        time = self._clock.wall_us().to_bytes(_TIME_BYTES)
        said = time + secrets.token_bytes(_SAID_BYTES - _TIME_BYTES)
        return said + self._mac(said + about.encode())

    def check(self, challenge: bytes, about: str) -> int:
        """That it counts; returns when it was made (wall time, microseconds since 1970). Raises
        ChallengeError."""
        said, mac = challenge[:_SAID_BYTES], challenge[_SAID_BYTES:]
        now, made = self._clock.wall_us(), int.from_bytes(challenge[:_TIME_BYTES])
        if not hmac.compare_digest(mac, self._mac(said + about.encode())):
            raise ChallengeError("this is no answer to what this page asked")
        if not made <= now < made + self._lasts_us or self._answered.find(_name(challenge), now):
            raise ChallengeError("this took too long, or was answered before: try again")
        return made

    def derive(self, challenge: bytes, what: str) -> str:
        """A secret that goes with a challenge, in base64url: whoever has one of them knows no other
        one, nor the challenge."""
        return encode_base64url(self._mac(_DERIVED + what.encode() + b" " + challenge))

    def use_up(self, challenge: bytes) -> None:
        """Let it count no more; of several who do so at once one succeeds. Raises
        ChallengeError and TooManyError."""
        now = self._clock.wall_us()
        self._answered.tidy(now)
        self._answered.check_room(now)
        if not self._answered.claim(_name(challenge), Answered(now + self._lasts_us)):
            raise ChallengeError("this was answered before: try again")

    def _mac(self, said: bytes) -> bytes:
        return hmac.digest(self._key(), said, "sha256")

    def _key(self) -> bytes:
        """As it is now: somebody may have removed it, and another server made one."""
        path = os.path.join(self._directory, _KEY)
        if not file_status.exists(path):
            self._make_key(path)
        key = read_plain(path, "desk's key for challenges", _KEY_BYTES + 1)
        if len(key) != _KEY_BYTES:
            raise StorageError(
                f"{path}: the desk's key for challenges does not have {_KEY_BYTES} bytes; "
                "remove the file: the next sign-in makes another one"
            )
        return key

    def _make_key(self, path: str) -> None:
        with self._locks.hold("desk challenge key"):
            if file_status.exists(path):  # another server was quicker
                return
            durable_files.make_directory(self._directory, 0o700)
            durable_files.publish(path, secrets.token_bytes(_KEY_BYTES), mode=0o600)


def _name(challenge: bytes) -> str:
    """As a secret of `camerad.desk.secrets_store`."""
    return encode_base64url(hashlib.sha256(challenge).digest())
