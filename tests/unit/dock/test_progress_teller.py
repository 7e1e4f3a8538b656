"""Progress of the upload reaches the daemon: the newest state, repeatedly, without waiting."""

from __future__ import annotations

import contextlib
import json
import socketserver
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from camerad.base import sd_notify
from camerad.behaviour.dock_progress import HandoverProgress, HandoverState, HandoverTrouble
from camerad.dock import progress_teller
from camerad.dock.progress_teller import NoReport, ProgressTeller
from tests.unit.answering import Answering, served
from tests.waiting import until

DEADLINE = 20.0
SOME = HandoverProgress(HandoverState.HANDING_OVER, 1, 3)
ALL = HandoverProgress(HandoverState.HANDED_OVER, 3, 3)
FAILED = HandoverProgress(HandoverState.FAILED, 1, 3, HandoverTrouble.NETWORK)


class Daemon:
    """What a daemon was told. status: what it answers with. refused: its answer unless that is
    200."""

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []
        self.status = 200
        self.refused: Any = {"error": "no"}
        self.held = threading.Event()
        self.held.set()

    def wait_for(self, count: int) -> list[dict[str, Any]]:
        until(lambda: len(self.told) >= count, DEADLINE, lambda: str(self.told), pause=0.005)
        return self.told


@pytest.fixture
def daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Daemon]:
    monkeypatch.setattr(progress_teller, "_REST_SECONDS", 0.01)
    made = Daemon()

    class Handler(Answering):
        def post(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            assert self.path == "/dock/progress"
            made.held.wait(DEADLINE)
            made.told.append(json.loads(body))
            self.answer(made.status, {"shown": None} if made.status == 200 else made.refused)

    with served(socketserver.UnixStreamServer(str(tmp_path / "control.sock"), Handler)):
        yield made


@contextlib.contextmanager
def telling(daemon: Daemon, tmp_path: Path) -> Iterator[ProgressTeller]:
    made = ProgressTeller(str(tmp_path / "control.sock"), repeat_seconds=0.05)
    made.start()
    yield made
    daemon.held.set()
    made.close()


@pytest.fixture
def teller(daemon: Daemon, tmp_path: Path) -> Iterator[ProgressTeller]:
    with telling(daemon, tmp_path) as made:
        yield made


def test_a_word_is_told_and_told_again(daemon: Daemon, teller: ProgressTeller) -> None:
    teller.say("handing over", SOME)
    said = {"state": "handing_over", "done": 1, "total": 3, "trouble": None}
    assert daemon.wait_for(3)[:3] == [said] * 3
    teller.say("it does not work", FAILED)
    until(lambda: daemon.told[-1]["trouble"] == "network", DEADLINE, pause=0.005)


def test_a_text_without_a_word_leaves_the_word(daemon: Daemon, teller: ProgressTeller) -> None:
    teller.say("everything is handed over", ALL)
    daemon.wait_for(1)
    teller.say("bringing the ledger to the office")
    assert {one["state"] for one in daemon.wait_for(4)} == {"handed_over"}


def test_who_says_the_same_all_the_time_does_not_put_off_that_it_is_told(
    daemon: Daemon, teller: ProgressTeller
) -> None:
    deadline = time.monotonic() + DEADLINE
    while len(daemon.told) < 4:
        assert time.monotonic() < deadline, daemon.told
        teller.say("the camera is in use", SOME)
        time.sleep(0.001)  # more often than it is told again


def count(daemon: Daemon, state: str) -> int:
    return sum(one["state"] == state for one in daemon.told)


def test_outside_the_dock_nobody_is_woken(
    daemon: Daemon, teller: ProgressTeller, tmp_path: Path
) -> None:
    teller.say("everything is handed over", ALL)
    daemon.wait_for(1)
    teller.forget("waiting for the dock")
    before = count(daemon, "handed_over")
    # Meanwhile another one is heard again and again, as this one would be; this one's last word may
    # have been on its way.
    with telling(daemon, tmp_path) as other:
        other.say("handing over", SOME)
        until(lambda: count(daemon, "handing_over") >= 8, DEADLINE, "another one is heard")
    assert count(daemon, "handed_over") <= before + 1


def test_whoever_says_it_does_not_wait_and_only_the_newest_is_told(
    daemon: Daemon, teller: ProgressTeller
) -> None:
    daemon.held.clear()
    before = time.monotonic()
    for done in range(1000):
        teller.say("handing over", HandoverProgress(HandoverState.HANDING_OVER, done, 1000))
    assert time.monotonic() - before < 5
    daemon.held.set()
    daemon.wait_for(3)
    assert daemon.told[-1]["done"] == 999


@pytest.mark.parametrize("refused", [{"error": "no"}, {}, ["no object"], None])
def test_a_daemon_that_does_not_listen_is_told_the_next_time_and_logged_once(
    daemon: Daemon, teller: ProgressTeller, caplog: pytest.LogCaptureFixture, refused: Any
) -> None:
    daemon.status, daemon.refused = 503, refused
    teller.say("handing over", SOME)
    daemon.wait_for(3)
    daemon.status = 200
    daemon.wait_for(5)
    said = [one for one in caplog.records if "does not show" in one.message]
    assert len(said) == 1


def test_the_service_manager_is_told_each_text_once(
    daemon: Daemon, teller: ProgressTeller, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(sd_notify, "notify", told.append)
    teller.say("handing over", SOME)
    teller.say("handing over", ALL)
    teller.forget("waiting for the dock")
    assert told == ["STATUS=handing over", "STATUS=waiting for the dock"]


def test_nobody_need_hear() -> None:
    nobody = NoReport()
    nobody.say("handing over", SOME)
    nobody.forget("waiting for the dock")
