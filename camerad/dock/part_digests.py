"""SHA-256 of what is sent, which goes before it: of the next part while this one is on its way.

A part is on its way as long as network and office need, and the processor that hashes is another
than the one that encrypts. So the office does not wait for the hash between two parts.
"""

from __future__ import annotations

import base64
import hashlib
import threading
from collections.abc import Callable

from camerad.dock.request_bodies import Body


class PartDigests:
    """Used on one thread; one of its own hashes ahead. check: called now and then while that one
    hashes, and raises if it is to end."""

    def __init__(self, check: Callable[[], None]) -> None:
        self._check = check
        self._ahead: _Ahead | None = None

    def begin(self, body: Body) -> None:
        """Hash a body ahead; what was hashed ahead before is not wanted any more. What it reads has
        to stay open until `end`."""
        if self._ahead is not None and self._ahead.body == body:
            return
        self.end()
        self._ahead = _Ahead(body, self._check)

    def of(self, body: Body) -> str:
        """SHA-256 of a body, in base64. Raises what reading it raises, and what `check` does."""
        ahead = self._ahead
        if ahead is not None and ahead.body == body:
            self._ahead = None
            return ahead.result()
        return _digest(body, self._check)

    def end(self) -> None:
        """Nothing is read any more when this returns."""
        if self._ahead is not None:
            self._ahead.give_up()
            self._ahead = None


class _GivenUpError(Exception):
    """Error raised where nobody wants the hash any more."""


class _Ahead:
    """A body that is hashed on a thread."""

    def __init__(self, body: Body, check: Callable[[], None]) -> None:
        self.body = body
        self._check_given = check
        self._given_up = False
        self._found = ""
        self._failed: BaseException | None = None
        self._thread = threading.Thread(target=self._hash, name="hash-ahead", daemon=True)
        self._thread.start()

    def result(self) -> str:
        self._thread.join()
        if self._failed is not None:
            raise self._failed
        return self._found

    def give_up(self) -> None:
        self._given_up = True
        self._thread.join()

    def _hash(self) -> None:
        try:
            self._found = _digest(self.body, self._check)
        except BaseException as error:  # noqa: BLE001 - raised where the hash is asked for
            self._failed = error

    def _check(self) -> None:
        if self._given_up:
            raise _GivenUpError
        self._check_given()


def _digest(body: Body, check: Callable[[], None]) -> str:
    sha256 = hashlib.sha256()
    for piece in body.pieces():
        check()
        sha256.update(piece)
    return base64.b64encode(sha256.digest()).decode("ascii")
