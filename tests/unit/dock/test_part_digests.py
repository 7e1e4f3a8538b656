"""The hash of the next part is there when it is wanted, and is never another part's."""

from __future__ import annotations

import base64
import hashlib
import threading
from collections.abc import Iterator

import pytest

from camerad.dock.errors import HandoverStoppedError
from camerad.dock.request_bodies import PartDigests, Text


class Slow:
    """A body that is read only as far as somebody lets it."""

    def __init__(self) -> None:
        self.length = 2
        self.begun, self.go = threading.Event(), threading.Event()
        self.ended = False

    def pieces(self) -> Iterator[bytes]:
        try:
            yield b"a"
            self.begun.set()
            assert self.go.wait(10)
            yield b"b"
        finally:
            self.ended = True


def sha256(content: bytes) -> str:
    return base64.b64encode(hashlib.sha256(content).digest()).decode()


def test_what_was_hashed_ahead_is_not_read_again() -> None:
    read: list[str] = []

    class Counted(Text):
        def pieces(self) -> Iterator[bytes]:
            read.append(threading.current_thread().name)
            return super().pieces()

    digests = PartDigests(lambda: None)
    body = Counted(b"next")
    digests.begin(body)
    digests.begin(body)
    assert digests.of(body) == sha256(b"next")
    assert read == ["hash-ahead"]
    assert digests.of(body) == sha256(b"next")
    assert len(read) == 2


def test_another_body_is_hashed_by_itself_whatever_was_hashed_ahead() -> None:
    digests = PartDigests(lambda: None)
    digests.begin(Text(b"next"))
    assert digests.of(Text(b"again")) == sha256(b"again")
    assert digests.of(Text(b"next")) == sha256(b"next")


def test_at_the_end_nothing_reads_any_more() -> None:
    slow = Slow()
    digests = PartDigests(lambda: None)
    digests.begin(slow)
    assert slow.begun.wait(10)
    threading.Timer(0.05, slow.go.set).start()
    digests.end()
    assert slow.ended
    digests.end()


def test_what_goes_wrong_ahead_is_raised_where_the_hash_is_wanted() -> None:
    def stopped() -> None:
        raise HandoverStoppedError("the hand-over was told to stop")

    digests = PartDigests(stopped)
    digests.begin(Text(b"next"))
    with pytest.raises(HandoverStoppedError):
        digests.of(Text(b"next"))
