"""The outbox: the camera never waits for the socket, and nothing encoded is left behind."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from camerad.capture.send_queue import Outbox, overwrite

DEADLINE = 30.0
LIMIT = 1_000_000


class Ends:
    def __init__(self) -> None:
        self.near, self.far = socket.socketpair()
        self.far.settimeout(DEADLINE)
        self.failures: list[BaseException] = []
        self.failed = threading.Event()
        self.outbox = Outbox(self.near, LIMIT, self._fail)

    def _fail(self, error: BaseException) -> None:
        self.failures.append(error)
        self.failed.set()

    def read(self, size: int) -> bytes:
        data = bytearray()
        while len(data) < size:
            part = self.far.recv(size - len(data))
            assert part, "closed"
            data += part
        return bytes(data)

    def jam(self) -> int:
        """Send until the socket takes no more; returns the bytes that were sent and queued."""
        total = 0
        while not self.outbox.waiting_bytes:
            self.outbox.send(memoryview(bytearray(b"j" * 10_000)))
            total += 10_000
        return total


@pytest.fixture
def ends() -> Iterator[Ends]:
    pair = Ends()
    yield pair
    pair.near.close()
    pair.far.close()


def packet(fill: bytes, size: int = 50_000) -> memoryview:
    return memoryview(bytearray(fill * size))


def test_parts_arrive_whole_and_in_order(ends: Ends) -> None:
    ends.outbox.send(b"head", packet(b"a", 1000))
    ends.outbox.send(b"tail")
    assert ends.read(4 + 1000 + 4) == b"head" + b"a" * 1000 + b"tail"


def test_a_socket_that_is_full_does_not_block_and_loses_nothing(ends: Ends) -> None:
    jammed = ends.jam()
    for fill in (b"1", b"2", b"3"):
        ends.outbox.send(b"<", packet(fill), b">")
    assert ends.read(jammed) == b"j" * jammed
    for fill in (b"1", b"2", b"3"):
        assert ends.read(50_002) == b"<" + fill * 50_000 + b">"
    assert ends.outbox.flush(DEADLINE)
    assert ends.outbox.waiting_bytes == 0


def test_what_waits_is_bounded(ends: Ends) -> None:
    ends.jam()
    while ends.outbox.has_room(50_000):
        ends.outbox.send(packet(b"x"))
    assert LIMIT - 50_000 <= ends.outbox.waiting_bytes <= LIMIT


def test_an_empty_queue_has_room_for_a_packet_above_the_bound(ends: Ends) -> None:
    assert ends.outbox.has_room(LIMIT * 2)
    data = packet(b"y", LIMIT * 2)
    ends.outbox.send(data)
    assert ends.read(LIMIT * 2) == b"y" * LIMIT * 2


def test_the_memory_of_a_packet_is_overwritten_once_it_is_sent(ends: Ends) -> None:
    small, large = bytearray(b"s" * 100), bytearray(b"l" * 1_500_000)
    ends.outbox.send(b"head", memoryview(small))
    assert not any(small)
    ends.outbox.send(memoryview(large))
    ends.read(104 + 1_500_000)
    assert ends.outbox.flush(DEADLINE)
    assert not any(large)


def test_forgotten_packets_keep_their_length_and_lose_their_content(ends: Ends) -> None:
    jammed = ends.jam()
    secret = bytearray(b"secret" * 1000)
    ends.outbox.send(b"head", memoryview(secret))
    ends.outbox.send(b"message")
    ends.outbox.forget()
    assert not any(secret)
    # Of the packet that was half sent, the rest is zeros as well.
    assert set(ends.read(jammed)) == set(b"j\0")
    assert ends.read(4 + 6000 + 7) == b"head" + bytes(6000) + b"message"


def test_after_the_other_end_has_gone_everything_is_taken_and_overwritten(ends: Ends) -> None:
    ends.jam()
    ends.far.close()
    late = bytearray(b"late" * 100)
    ends.outbox.send(memoryview(late))
    assert ends.outbox.flush(DEADLINE)
    later = bytearray(b"later" * 100)
    ends.outbox.send(memoryview(later))
    assert not any(late)
    assert not any(later)
    assert ends.failures == []


def test_what_the_socket_takes_at_once_wakes_nobody(
    ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    drains = []
    monkeypatch.setattr(ends.outbox._jammed, "notify", lambda: drains.append("woken"))
    ends.outbox.send(b"head", packet(b"a"))
    assert ends.read(50_004)
    assert drains == []
    ends.jam()
    assert drains == ["woken"]


def test_flush_waits_for_the_last_byte(ends: Ends) -> None:
    jammed = ends.jam()
    flushed = []
    thread = threading.Thread(target=lambda: flushed.append(ends.outbox.flush(DEADLINE)))
    thread.start()
    assert ends.read(jammed) == b"j" * jammed
    thread.join(DEADLINE)
    assert flushed == [True]


def test_flush_gives_up_at_its_deadline(ends: Ends) -> None:
    ends.jam()
    assert not ends.outbox.flush(0.01)


def test_a_failure_of_the_sending_thread_is_reported(ends: Ends) -> None:
    jammed = ends.jam()

    def explode() -> None:
        raise MemoryError("no memory")

    ends.outbox._send_some = explode  # type: ignore[method-assign]
    ends.read(jammed - ends.outbox.waiting_bytes)
    assert ends.failed.wait(DEADLINE)
    assert isinstance(ends.failures[0], MemoryError)


def test_read_only_memory_is_left_alone() -> None:
    data = bytes(10)
    overwrite(memoryview(data))
    assert data == bytes(10)
