"""The chain of signed statements that makes a recording.

A recording's members, in their order:

===================  ==============================================================================
``header.jws``       who, when, why (`Header`)
``init.mp4.age``     the sealed initialisation segment
``000000.m4s.age``   the first sealed fragment
``000000.jws``       commits it, and ``init.mp4.age`` with it (`Commit`)
``000001.m4s.age``   and so on; a number has six digits, or as many as it needs
``000001.jws``
``torn.bin``         what repair found behind the last commit, if anything, whatever it is
``end.jws``          closes the recording (`RecordingEnd`)
===================  ==============================================================================

Every statement names the SHA-256 of the statement before and of the members that it commits, so
none can be changed, left out, doubled, moved or taken from another recording; and the end says how
many there are.
"""

from __future__ import annotations

import hashlib
from typing import Final

from camerad.container import jws
from camerad.container.keys import SigningKey
from camerad.container.statements import (
    COMMIT,
    END,
    HEADER,
    Closing,
    Commit,
    Content,
    FragmentFacts,
    Header,
    RecordingEnd,
)

HEADER_NAME: Final = "header.jws"
INIT_NAME: Final = "init.mp4.age"
TORN_NAME: Final = "torn.bin"
END_NAME: Final = "end.jws"


def fragment_name(sequence: int) -> str:
    """Name of the member with fragment `sequence`, counted from 0."""
    return f"{sequence:06d}.m4s.age"


def commit_name(sequence: int) -> str:
    """Name of the member that commits fragment `sequence`."""
    return f"{sequence:06d}.jws"


def content_of(data: bytes) -> Content:
    """A member as statements describe it."""
    return Content(len(data), hashlib.sha256(data).hexdigest())


class Chain:
    """Makes a recording's statements, each naming the one before.

    key: the device's. previous: SHA-256 of the last statement, and commits: how many there are,
    where a chain goes on that was begun before.
    """

    def __init__(self, key: SigningKey, previous: str = "", commits: int = 0) -> None:
        self._key = key
        self.previous = previous
        self.commits = commits

    def header(self, header: Header) -> bytes:
        """The first statement."""
        return self._sign(HEADER, header)

    def commit(self, fragment: Content, facts: FragmentFacts, init: Content | None = None) -> bytes:
        """Commits a sealed fragment, the first one together with the initialisation segment."""
        token = self._sign(COMMIT, Commit(self.previous, init, fragment, facts))
        self.commits += 1
        return token

    def end(self, closing: Closing, torn: Content | None = None) -> bytes:
        """The last statement."""
        return self._sign(END, RecordingEnd(self.previous, self.commits, torn, closing))

    def _sign(self, kind: str, payload: Header | Commit | RecordingEnd) -> bytes:
        token = jws.sign(self._key, kind, payload)
        self.previous = jws.digest(token)
        return token
