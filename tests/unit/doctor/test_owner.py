"""Who has the camera: nobody, a daemon that answers, or somebody who does not."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from camerad.base.errors import ControlError, NoDaemonError
from camerad.behaviour.stages import Intent
from camerad.control import client
from camerad.control.server import Control
from camerad.doctor import camera, daemon
from camerad.doctor.check_results import FindingId
from camerad.store import disk


class Running:
    """A daemon that says how its parts do, and keeps its key to itself."""

    device = "c7"

    def status(self) -> dict[str, Any]:
        return {"stage": "idle", "recording": None, "clock": "rtc"}

    def health(self) -> dict[str, Any]:
        return {"faulty": []}

    def intend(self, intent: Intent, source: str) -> str | None:
        raise AssertionError("the doctor presses nothing")

    async def recordings(self) -> list[dict[str, Any]]:
        raise AssertionError("the doctor looks at no recordings")

    async def ask(self, work: Callable[..., Any]) -> Any:
        raise ControlError("the store is not open yet")


@pytest.fixture
def store(tmp_path: Path) -> Path:
    directory = tmp_path / "recordings"
    directory.mkdir()
    return directory


@pytest.fixture
def taken(store: Path) -> Iterator[str]:
    """The store, which another process has."""
    claim = disk.claim(str(store))
    yield str(store)
    os.close(claim)


@pytest.fixture
def socket(tmp_path: Path) -> Iterator[str]:
    """The socket of a running daemon."""
    ready, path = threading.Event(), [""]
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        control = Control(Running(), str(tmp_path / "run"), None)
        await control.open()
        path[0] = control.path
        ready.set()
        try:
            await asyncio.Event().wait()
        finally:
            await control.close()

    task = loop.create_task(serve())
    thread = threading.Thread(target=lambda: loop.run_until_complete(asyncio.wait([task])))
    thread.start()
    assert ready.wait(10)
    yield path[0]
    loop.call_soon_threadsafe(task.cancel)
    thread.join(10)
    loop.close()


def test_a_store_that_nobody_has_is_claimed_until_the_end(store: Path, tmp_path: Path) -> None:
    owner = daemon.find_owner(str(store), str(tmp_path / "none.sock"))
    assert (owner.result.finding, owner.free, owner.health) == (
        FindingId.DAEMON_STOPPED,
        True,
        None,
    )
    with pytest.raises(disk.StateDirectoryError):
        disk.claim(str(store))
    owner.close()
    owner.close()
    os.close(disk.claim(str(store)))


def test_a_daemon_that_has_the_store_is_asked(taken: str, socket: str) -> None:
    owner = daemon.find_owner(taken, socket)
    assert (owner.result.finding, owner.free) == (FindingId.DAEMON_RUNS, False)
    assert owner.result.values == {"stage": "idle"}
    assert (owner.health, owner.status["clock"]) == ({"faulty": []}, "rtc")
    # Its key is asked of the store, which is not open yet.
    assert owner.key is None


def test_a_daemon_that_is_about_to_listen_is_waited_for(
    taken: str, socket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[float] = []
    real = daemon.request

    def early(path: str, *more: str) -> Any:
        if len(tries) < 3:
            raise NoDaemonError("not yet")
        return real(path, *more)

    monkeypatch.setattr(daemon, "request", early)
    monkeypatch.setattr(time, "sleep", tries.append)
    assert daemon.find_owner(taken, socket).result.finding is FindingId.DAEMON_RUNS
    assert len(tries) == 3


@pytest.mark.parametrize("comes", [True, False])
def test_a_daemon_that_is_about_to_have_its_camera_is_waited_for(
    taken: str, socket: str, monkeypatch: pytest.MonkeyPatch, *, comes: bool
) -> None:
    tries: list[float] = []
    real = daemon.request

    def starting(path: str, method: str, what: str) -> Any:
        code, said = real(path, method, what)
        if what == "/status" and (not comes or len(tries) < 3):
            said = {**said, "stage": "starting"}
        return code, said

    monkeypatch.setattr(daemon, "request", starting)
    monkeypatch.setattr(time, "sleep", tries.append)
    if not comes:
        monkeypatch.setattr(camera, "OPENING_SECONDS", 0.05)
    owner = daemon.find_owner(taken, socket)
    assert owner.result.values == {"stage": "idle" if comes else "starting"}
    assert len(tries) == 3 if comes else tries


def test_somebody_who_has_the_store_and_does_not_answer_is_told(
    taken: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daemon, "PATIENCE_SECONDS", 0.0)
    owner = daemon.find_owner(taken, str(tmp_path / "none.sock"))
    assert (owner.result.finding, owner.free) == (FindingId.DAEMON_SILENT, False)


def test_before_the_first_start_there_is_nothing_to_claim(tmp_path: Path) -> None:
    owner = daemon.find_owner(str(tmp_path / "none"), str(tmp_path / "none.sock"))
    assert (owner.result.finding, owner.claim, owner.free) == (
        FindingId.DAEMON_STOPPED,
        None,
        True,
    )


@pytest.mark.parametrize(
    ("cause", "what"),
    [
        (PermissionError("no"), FindingId.DAEMON_FORBIDDEN),
        (TimeoutError("late"), FindingId.DAEMON_SILENT),
    ],
)
def test_a_daemon_that_may_not_be_asked_and_one_that_hangs_are_told_apart(
    taken: str, monkeypatch: pytest.MonkeyPatch, cause: Exception, what: FindingId
) -> None:
    def connect(*_: object) -> None:
        raise cause

    monkeypatch.setattr(client._UnixConnection, "connect", connect)
    assert daemon.find_owner(taken, "/s").result.finding is what


def test_whoever_may_not_look_at_the_store_may_still_ask(
    store: Path, socket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.open

    def refuse(path: Any, *more: Any, **named: Any) -> int:
        if path == str(store):
            raise PermissionError(13, "Permission denied")
        return real(path, *more, **named)

    monkeypatch.setattr(os, "open", refuse)
    assert daemon.find_owner(str(store), socket).result.finding is FindingId.DAEMON_RUNS
    none = str(tmp_path / "none.sock")
    assert daemon.find_owner(str(store), none).result.finding is FindingId.DAEMON_FORBIDDEN


def test_a_user_without_the_right_to_read_is_told_to_be_another(
    taken: str, socket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daemon, "request", lambda *_: (403, {"error": "not for you"}))
    found = daemon.find_owner(taken, socket).result
    assert (found.finding, found.values["why"]) == (FindingId.DAEMON_FORBIDDEN, "not for you")


def test_a_daemon_of_another_version_that_has_no_health_is_not_understood(
    taken: str, socket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(Running, "health")
    assert daemon.find_owner(taken, socket).result.finding is FindingId.DAEMON_SILENT
