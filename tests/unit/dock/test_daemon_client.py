"""The upload's requests to the daemon, and invalid answers to them."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from camerad.base.errors import ControlError, NoDaemonError, NotAllowedError, NotNowError
from camerad.dock import __main__ as process
from camerad.dock import daemon_client
from camerad.dock.daemon_client import (
    MOST_ATTEMPTS,
    DaemonClient,
    EventStream,
    ToHandOver,
)
from camerad.dock.dock_watch import GONE, DockState
from camerad.dock.errors import OfficeAnswerError
from camerad.dock.handover import HandoverMemory

Answer = tuple[int, Any]


class Bench:
    """A daemon that gives these answers. waited: what the client waited between two attempts."""

    def __init__(self, answers: list[Answer], monkeypatch: pytest.MonkeyPatch) -> None:
        self.answers = answers
        self.asked: list[tuple[str, str, Any]] = []
        self.waited: list[float] = []
        monkeypatch.setattr(daemon_client, "request", self.request)
        self.client = DaemonClient("/run/socket", self.waited.append)

    def request(self, _path: str, method: str, target: str, body: Any, _seconds: float) -> Answer:
        self.asked.append((method, target, body))
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


LISTED = {"id": "r1", "path": "/r1.tar", "final": "f", "state": "closed", "acknowledged": False}


def test_what_is_handed_over_has_an_end_and_no_acknowledgement(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = [
        LISTED,
        LISTED | {"id": "r2", "acknowledged": True},
        LISTED | {"id": "r3", "state": "recording"},
        LISTED | {"id": "r4", "state": "interrupted"},
        LISTED | {"id": "r5", "final": None},
    ]
    assert Bench([(200, found)], monkeypatch).client.to_hand_over() == [
        ToHandOver("r1", "/r1.tar", "f"),
        ToHandOver("r3", "/r1.tar", None),
        ToHandOver("r4", "/r1.tar", None),
        ToHandOver("r5", "/r1.tar", None),
    ]


def test_a_daemon_that_was_asked_too_often_is_asked_again_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bench = Bench([(429, {"error": "at most 20"}), (200, [])], monkeypatch)
    assert bench.client.to_hand_over() == []
    assert bench.waited == [daemon_client.BUSY_SECONDS]


def test_and_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench([(429, {"error": "at most 20"})], monkeypatch)
    with pytest.raises(NotNowError, match="at most 20"):
        bench.client.to_hand_over()
    assert len(bench.asked) == MOST_ATTEMPTS


def test_a_receipt_that_the_daemon_refuses_is_told_from_a_daemon_that_refuses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(OfficeAnswerError, match="not by the key"):
        Bench([(409, {"error": "not by the key"})], monkeypatch).client.accept(b"a.b.c")
    with pytest.raises(NotAllowedError):
        Bench([(403, {"error": "may not"})], monkeypatch).client.accept(b"a.b.c")
    with pytest.raises(ControlError):
        Bench([(503, {"error": "the card"})], monkeypatch).client.accept(b"a.b.c")


@pytest.mark.parametrize("answer", [{}, {"signature": "ä"}, {"signature": "%%%"}])
def test_an_answer_without_a_signature_is_one_error(
    monkeypatch: pytest.MonkeyPatch, answer: Any
) -> None:
    with pytest.raises(ControlError, match="one version"):
        Bench([(200, answer)], monkeypatch).client.sign(b'"@method": GET')


@pytest.mark.parametrize("answer", [[{}], [1], [{"id": "r1"}]])
def test_a_list_of_something_else_is_one_error(
    monkeypatch: pytest.MonkeyPatch, answer: Any
) -> None:
    with pytest.raises(ControlError, match="one version"):
        Bench([(200, answer)], monkeypatch).client.to_hand_over()


# ------------------------------------------------------------------------------------ events


@pytest.fixture
def speak(tmp_path: Path) -> Iterator[Callable[[bytes], str]]:
    """A socket at which the first who comes is told this, and then nothing more."""
    path = str(tmp_path / "control.sock")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(path)
    listener.listen()
    threads: list[threading.Thread] = []

    def begin(said: bytes) -> str:
        def serve() -> None:
            try:
                channel, _ = listener.accept()
            except OSError:
                return
            with channel, contextlib.suppress(OSError):
                channel.recv(4096)
                channel.sendall(said)

        threads.append(threading.Thread(target=serve))
        threads[-1].start()
        return path

    yield begin
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    for thread in threads:
        thread.join(20)


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"


def event(state: Any) -> bytes:
    return b"data: " + json.dumps(state).encode() + b"\n\n"


def test_each_state_is_told_until_the_daemon_ends(speak: Callable[[bytes], str]) -> None:
    said = HEAD + event({"stage": "idle"}) + b":\n\n" + event({"stage": "recording"})
    found = list(EventStream(speak(said)).states())
    assert found == [{"stage": "idle"}, {"stage": "recording"}]


@pytest.mark.parametrize(
    "said", [b"", b"\xff\r\n\r\n", HEAD + b"data: {\n\n", HEAD + b"data: [1]\n\n"]
)
def test_what_is_no_daemon_is_one_error(speak: Callable[[bytes], str], said: bytes) -> None:
    with pytest.raises(ControlError, match="does not tell the camera's state"):
        list(EventStream(speak(said)).states())


def test_nobody_listens(tmp_path: Path) -> None:
    with pytest.raises(NoDaemonError):
        list(EventStream(str(tmp_path / "nobody")).states())


def test_a_stream_that_was_ended_before_says_nothing(speak: Callable[[bytes], str]) -> None:
    stream = EventStream(speak(HEAD + event({"stage": "idle"})))
    stream.interrupt()
    assert list(stream.states()) == []


class Watch:
    def __init__(self) -> None:
        self.told: list[DockState] = []

    def tell(self, state: DockState) -> None:
        self.told.append(state)


def test_a_daemon_that_refuses_this_user_ends_the_process(speak: Callable[[bytes], str]) -> None:
    body = b'{"error": "this user may not read here"}'
    said = b"HTTP/1.1 403 Forbidden\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    watch = Watch()
    assert process._follow(EventStream(speak(said)), watch, HandoverMemory()) == 77  # type: ignore[arg-type]


def test_a_daemon_that_ends_counts_as_a_camera_that_is_worn(
    speak: Callable[[bytes], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    docked = {"stage": "idle", "conditions": ["docked"]}
    stream, watch = EventStream(speak(HEAD + event(docked))), Watch()
    # Told to end at the first wait for another daemon.
    monkeypatch.setattr(stream, "pause", lambda seconds: seconds == 0)
    assert process._follow(stream, watch, HandoverMemory()) == 0  # type: ignore[arg-type]
    assert watch.told == [DockState(docked=True, at_rest=True), GONE]
