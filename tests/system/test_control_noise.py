"""Whatever arrives on the control socket, a recording that runs is not harmed."""

from __future__ import annotations

import contextlib
import random
import socket
from pathlib import Path

import pytest

from tests.system.gaps import felt_us, judge_gaps, marks, start_recording, wait_for_quiet
from tests.system.harness import PATIENCE, BodyCamera, body_camera, configuration, until

pytestmark = pytest.mark.system

REQUESTS = 400
CONNECTIONS = 100
ANSWER_US = 100_000
HELD = [b"", b"POST /intents/", b"GET /events HTTP/1.1\r\nHost: camerad\r\n\r\n"]
METHODS = [b"GET", b"POST", b"PUT", b"DELETE", b"BREW", b"\xff\xfe", b"", b"OPTIONS"]
TARGETS = [
    b"/status",
    b"/intents/",
    b"/intents/launch",
    b"/intents/record/../../status",
    b"/intents/%72ecord%00",
    b"/" + b"a" * 7000,
    b"*",
    b"http://elsewhere/",
    b"/events/x",
    b"/recordings?" + b"x=1&" * 500,
    b"\x00",
]
HEADERS = [
    b"Content-Length: -1",
    b"Content-Length: 99999999999",
    b"Content-Length: 5\r\nContent-Length: 6",
    b"Transfer-Encoding: chunked",
    b"Expect: 100-continue",
    b"Upgrade: websocket\r\nConnection: Upgrade",
    b"X: " + b"y" * 9000,
    b": no name",
    b"\xc3\x28",
]


def malformed(chance: random.Random) -> bytes:
    """Something that is not a request, or one that nobody can carry out."""
    if chance.random() < 0.3:
        return chance.randbytes(chance.randint(0, 3000))
    head = chance.choice(METHODS) + b" " + chance.choice(TARGETS) + b" HTTP/1.1\r\n"
    head += b"".join(header + b"\r\n" for header in chance.sample(HEADERS, chance.randint(1, 4)))
    text = head + b"\r\n" + chance.randbytes(chance.choice([0, 10, 5000]))
    return text[: chance.randint(1, len(text))] if chance.random() < 0.4 else text


def connect(path: str) -> socket.socket:
    """A connection; waits while the queue of those that are not accepted yet is full."""
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(5)

    def connected() -> bool:
        try:
            client.connect(path)
        except BlockingIOError:
            return False
        return True

    until(connected, PATIENCE, "a connection is accepted")
    return client


def answered_us(camera: BodyCamera) -> int:
    """From the release of main, in a recording, to the vibration for the mark."""
    wait_for_quiet(camera)
    press = camera.press("main", 0.05)
    return felt_us(camera, press["down_us"]) - int(press["up_us"])


def test_nothing_that_arrives_on_the_control_socket_harms_a_recording(tmp_path: Path) -> None:
    chance = random.Random(20240607)
    config = configuration(tmp_path, "generic", pre_event={"seconds": 2})
    with body_camera(tmp_path, config) as camera, contextlib.ExitStack() as slow:
        start_recording(camera)
        for number in range(REQUESTS):
            with connect(camera.control) as client, contextlib.suppress(OSError):
                client.sendall(malformed(chance))
                if number % 4 == 0:
                    client.shutdown(socket.SHUT_WR)
                    client.settimeout(0.05)
                    client.recv(4096)
        assert answered_us(camera) < ANSWER_US
        # Clients that hold their connection: silent, in the middle of a request, deaf.
        for number in range(CONNECTIONS):
            client = slow.enter_context(connect(camera.control))
            client.sendall(HELD[number % len(HELD)])
        assert answered_us(camera) < ANSWER_US
        assert camera.state["stage"] == "recording"
        recording = camera.stop()
        assert len(marks(camera, recording)) == 2
        assert judge_gaps(camera, recording).holes == []
        assert len(camera.recordings) == 1
