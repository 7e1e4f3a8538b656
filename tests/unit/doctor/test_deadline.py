"""A look that never ends is given up, and holds nobody back, not even where no signal ends it."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest

from camerad.base.errors import ConfigError, StorageError
from camerad.doctor import (
    checks,
    daemon,
    isolated_check,
    runner,
    store_checks,
    system_checks,
)
from camerad.doctor.check_results import CheckResult, FindingId
from camerad.doctor.isolated_check import IsolatedChecks, NoAnswerError
from tests.waiting import ended, reached, until

HERE: ModuleType = sys.modules[__name__]
LONG = 30.0
"""Seconds that a look does not need."""


@dataclass
class Claimed:
    """As `daemon.PartsOwner`: what is claimed is this process's own afterwards."""

    claim: int | None


class UncopiedError(Exception):
    def __init__(self, first: str, second: str) -> None:
        super().__init__(first)
        self.second = second


def doubled(number: int) -> int:
    return 2 * number


def fails(kind: str) -> None:
    if kind == "uncopied":
        raise UncopiedError("what it was", "more")
    raise StorageError(kind)


def ends() -> None:
    os._exit(0)


def claims(path: str) -> Claimed:
    descriptor = os.open(path, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    return Claimed(descriptor)


def held(path: Path) -> bool:
    with path.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


def looked(name: str, *values: object, seconds: float = LONG) -> object:
    """What one look comes to."""
    looker = IsolatedChecks()
    try:
        return asyncio.run(looker.run(HERE, name, *values, seconds=seconds))
    finally:
        looker.close()
        looker.close()


def test_what_a_look_returns_or_raises_arrives() -> None:
    assert looked("doubled", 21) == 42
    # More than a socket takes at once.
    assert looked("doubled", "x" * 500_000) == "x" * 1_000_000
    with pytest.raises(StorageError, match="the card is full"):
        looked("fails", "the card is full")
    with pytest.raises(RuntimeError, match="UncopiedError: what it was"):
        looked("fails", "uncopied")
    with pytest.raises(EOFError, match="without an answer"):
        looked("ends")


def test_what_a_look_claims_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "store"
    path.touch()
    claimed = looked("claims", str(path))
    assert isinstance(claimed, Claimed)
    assert claimed.claim is not None
    assert held(path)
    os.close(claimed.claim)
    assert not held(path)


class Leaping(asyncio.SelectorEventLoop):
    """A loop whose time a test sends ahead. leap: seconds."""

    leap = 0.0

    def time(self) -> float:
        return super().time() + self.leap


def test_a_look_that_hangs_is_given_up_and_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    received, numbers = isolated_check._received, []

    async def noted(sock: socket.socket, size: int | None = None) -> bytes:
        data = await received(sock, size)
        numbers.append(int.from_bytes(data, sys.byteorder))
        return data

    monkeypatch.setattr(isolated_check, "_received", noted)
    loop, looker = Leaping(), IsolatedChecks()

    async def given_up() -> None:
        look = asyncio.create_task(looker.run(HERE, "never", seconds=LONG))
        await reached(lambda: numbers)  # it has begun, and only then its time is over
        loop.leap = LONG
        with pytest.raises(NoAnswerError, match="no answer within 30 s"):
            await look

    try:
        with asyncio.Runner(loop_factory=lambda: loop) as main:
            main.run(given_up())
    finally:
        looker.close()
    (number,) = numbers
    until(lambda: ended(number))


def test_looks_end_with_whoever_wanted_them(tmp_path: Path) -> None:
    """Killed, the command leaves no process behind that waits for more to do."""
    program = (
        "import os, time; from camerad.doctor.isolated_check import IsolatedChecks; "
        "print(IsolatedChecks()._process, flush=True); time.sleep(1000)"
    )
    words = [sys.executable, "-c", program]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=tmp_path) as command:
        assert command.stdout is not None
        number = int(command.stdout.readline())
        os.kill(command.pid, signal.SIGKILL)
        # And nothing that it has started keeps its output open.
        assert command.stdout.read() == ""
    until(lambda: ended(number))


# ----------------------------------------------------------------------------- the examination


def never(*_: object) -> None:
    time.sleep(1000)


def found(config: Path, *only: str) -> dict[str, CheckResult]:
    async def look() -> list[CheckResult]:
        made = runner.Examination(config, only=only)
        return [finding async for finding in made.run()]

    return {finding.check: finding for finding in asyncio.run(look())}


@pytest.fixture
def store(config: Path) -> Path:
    directory = config.parent / "state" / "recordings"
    directory.mkdir(parents=True)
    return directory


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(
    ("module", "name", "silent"),
    [
        (store_checks, "observe_ledger", {"key", "ledger", "clock"}),
        (runner, "check_key", {"key"}),
        (system_checks, "check_service", {"hardening"}),
        (system_checks, "check_power", {"battery", "temperature"}),
        (system_checks, "read_clock", {"clock"}),
        (store_checks, "check_space", {"space"}),
        (store_checks, "check_card", {"card"}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_hangs_is_told_and_the_rest_is_looked_at(
    module: ModuleType, name: str, silent: set[str], config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, name, never)
    monkeypatch.setattr(runner, "AFTERWARDS_SECONDS", LONG)
    for check in silent:
        monkeypatch.setitem(checks.DEADLINES, check, 0.5)
    # The one that is read by three of them.
    monkeypatch.setitem(checks.DEADLINES, "ledger", 0.5 if "ledger" in silent else LONG)
    seen = found(config, *checks.STILL)
    assert set(seen) == {*checks.BEFORE, *checks.STILL}
    assert {check for check, one in seen.items() if one.finding is FindingId.NO_ANSWER} == silent
    assert all(seen[check].values == {"seconds": 0.5} for check in silent)


def test_a_store_that_does_not_answer_is_nobody_s_and_its_daemon_is_asked(
    config: Path, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module, name in (
        (daemon, "find_owner"),
        (store_checks, "observe_ledger"),
        (store_checks, "check_space"),
    ):
        monkeypatch.setattr(module, name, never)
    monkeypatch.setitem(checks.DEADLINES, "daemon", 1.0)
    monkeypatch.setitem(checks.DEADLINES, "ledger", 0.5)
    monkeypatch.setattr(runner, "AFTERWARDS_SECONDS", 0.5)
    seen = found(config, "space", "ledger", "camera", "light_red")
    assert seen["daemon"].values == {"seconds": 1.0}
    assert seen["space"].values == seen["ledger"].values == {"seconds": 0.5}
    # Nobody knows whose they are.
    assert seen["camera"].finding is seen["light_red"].finding is FindingId.DEVICES_TAKEN
    runs = daemon.PartsOwner(FindingId.DAEMON_RUNS.found(stage="idle"))
    monkeypatch.setattr(daemon, "ask_daemon", lambda _: runs)
    monkeypatch.setattr(runner, "AFTERWARDS_SECONDS", LONG)
    assert found(config, "uptime")["daemon"].finding is FindingId.DAEMON_RUNS


def test_a_configuration_that_does_not_answer_is_told(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "DEADLINE_SECONDS", 0.5)
    pipe = config.with_name("pipe.yaml")
    os.mkfifo(pipe)
    seen = found(pipe, "uptime", "card")
    assert seen["configuration"].finding is FindingId.NO_ANSWER
    assert seen["card"].finding is FindingId.CONFIGURATION_NEEDED
    assert seen["uptime"].finding is FindingId.UPTIME


@pytest.mark.usefixtures("store")
def test_a_device_that_does_not_answer_is_told(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def silent(self: object, check: str) -> CheckResult:
        await asyncio.sleep(0 if check == "buzzer" else 1000)
        return CheckResult(check, FindingId.OUTPUT_OK, {"gpio": 1})

    monkeypatch.setattr(runner, "DEVICE_SECONDS", 0.2)
    monkeypatch.setattr(runner._Trials, "_examine", silent)
    seen = found(config, "camera", "light_red", "buzzer")
    assert seen["camera"].finding is seen["light_red"].finding is FindingId.NO_ANSWER
    assert seen["camera"].values == {"seconds": 0.2}
    assert seen["buzzer"].finding is FindingId.OUTPUT_OK


def test_mistakes_of_a_configuration_are_told_one_by_one(config: Path) -> None:
    config.write_text("policy: nowhere\nbogus: 1\n")
    with pytest.raises(ConfigError) as raised:
        system_checks.load(config)
    assert found(config, "uptime")["configuration"].values["mistakes"].splitlines() == list(
        raised.value.mistakes
    )


@pytest.mark.parametrize(
    "again",
    [
        None,
        daemon.PartsOwner(CheckResult("daemon", FindingId.DAEMON_SILENT, {"why": "it is late"})),
    ],
)
def test_a_daemon_that_ends_while_the_buttons_are_watched_leaves_them_untested(
    config: Path, monkeypatch: pytest.MonkeyPatch, again: daemon.PartsOwner | None
) -> None:
    health: dict[str, object] = {"buttons": {}}
    first = daemon.PartsOwner(FindingId.DAEMON_RUNS.found(stage="idle"), health=health)
    monkeypatch.setattr(daemon, "find_owner", lambda *_: first)
    monkeypatch.setattr(daemon, "ask_daemon", lambda _: again)
    monkeypatch.setattr(runner, "STUCK_SECONDS", 0.0)

    seen = {one.finding for name, one in found(config, "buttons").items() if "button_" in name}
    assert seen == {FindingId.DEVICES_TAKEN}
