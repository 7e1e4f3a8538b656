"""A running bodycam-sim for the tests of it, with a stand-in for the daemon."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from waiting import DEADLINE, until

TESTS = Path(__file__).parent
LAST_SECONDS = 5.0
"""What is left of a simulator that has ended may take so long to end as well."""
PROGRAM = """
import asyncio, sys
from pathlib import Path
from hw_mocks.sim import process
from hw_mocks.sim.simulator import Options, Simulator
process.END_SECONDS = 1.0
state, config = Path(sys.argv[1]), Path(sys.argv[2]) if sys.argv[2] else None
sound = sys.argv[3] or None
options = Options(state, footage=None, config=config, port=0, daemon="standin", sound=sound)
async def run():
    return await Simulator(options).run()
sys.exit(asyncio.run(run()))
"""


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def holders(pipe: int) -> dict[int, str]:
    """Other processes that have an end of the pipe open: process ids and command lines."""
    wanted = os.readlink(f"/proc/self/fd/{pipe}")
    found: dict[int, str] = {}
    for process in Path("/proc").iterdir():
        if not process.name.isdigit() or int(process.name) == os.getpid():
            continue
        # Those that end meanwhile, and those of other users.
        with contextlib.suppress(OSError):
            if wanted in [os.readlink(one) for one in (process / "fd").iterdir()]:
                line = (process / "cmdline").read_bytes().rstrip(b"\0")
                found[int(process.name)] = line.replace(b"\0", b" ").decode(errors="replace")
    return found


def environment(**more: str) -> dict[str, str]:
    paths = [str(TESTS), *sys.path]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths)), **more}


class Sim:
    """A running simulator, as a program sees it. shipped: no configuration is named to it."""

    def __init__(
        self, root: Path, sound: str = "", *, shipped: bool = False, **variables: str
    ) -> None:
        self.state_dir = root / "state"
        config = root / "camerad.yaml"
        if not config.exists():
            config.write_text("policy: generic\nlights:\n  red: {gpio: 5, active_high: false}\n")
        named = "" if shipped else str(config)
        command = [sys.executable, "-c", PROGRAM, str(self.state_dir), named, sound]
        self.process = subprocess.Popen(
            command, env=environment(**variables), stderr=subprocess.PIPE, text=True
        )
        self.lines: list[str] = []
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(line.rstrip("\n"))

    def facts(self) -> dict[str, Any]:
        path = self.state_dir / "sim.json"
        until(lambda: path.exists() and path.read_text().endswith("\n"))
        facts: dict[str, Any] = json.loads(path.read_text())
        return facts

    def ready(self) -> None:
        self.says("is at http")

    def says(self, words: str) -> None:
        """Wait until the simulator has said it: what it says is read behind what it does."""

        def said() -> bool:
            assert self.process.poll() is None, self.lines
            return any(words in line for line in self.lines)

        until(said)

    def raw(self, method: str, path: str, body: Any = None) -> tuple[int, bytes]:
        data = None if body is None else body if isinstance(body, bytes) else json.dumps(body)
        data = data.encode() if isinstance(data, str) else data
        request = urllib.request.Request(self.facts()["url"] + path, data, method=method)
        try:
            with urllib.request.urlopen(request, timeout=DEADLINE) as response:
                return response.status, response.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()

    def part(self, path: str, span: str) -> tuple[int, bytes, str]:
        """Status, body and kind of a request for a range (RFC 9110, section 14)."""
        request = urllib.request.Request(self.facts()["url"] + path, headers={"Range": span})
        with urllib.request.urlopen(request, timeout=DEADLINE) as response:
            return response.status, response.read(), response.headers["Content-Type"]

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        status, answer = self.raw(method, path, body)
        return status, json.loads(answer)

    def state(self) -> Any:
        return self.ask("GET", "/api/state")[1]

    def reaches(self, stage: str) -> None:
        """Wait until the camera is in a stage."""
        until(lambda: self.state()["stage"] == stage)

    def leaves(self, stage: str) -> None:
        """Wait until the camera is no longer in a stage."""
        until(lambda: self.state()["stage"] != stage)

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        try:
            return self.process.wait(DEADLINE)
        finally:
            self.close()

    def close(self) -> None:
        """Whatever happened, nothing runs on; safe to call again.

        AssertionError if something of it had to be killed after it had ended.
        """
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(LAST_SECONDS)
        self.reader.join(LAST_SECONDS)
        assert self.process.stderr is not None
        left = holders(self.process.stderr.fileno()) if self.reader.is_alive() else {}
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.reader.join(LAST_SECONDS)
        # A file that is closed while a thread reads from it waits for that thread, for ever.
        assert not self.reader.is_alive(), f"what the simulator said is still open: {left}"
        self.process.stderr.close()
        assert not left, f"the simulator ended and left these, which hold its output open: {left}"


@contextlib.contextmanager
def running(root: Path, *, shipped: bool = False, **variables: str) -> Iterator[Sim]:
    """A simulator that is up and has not ended by itself; nothing of it is left afterwards."""
    sim = Sim(root, shipped=shipped, **variables)
    try:
        sim.ready()
        yield sim
        assert sim.process.poll() is None, sim.lines
    finally:
        sim.close()


def to_idle(sim: Sim) -> None:
    while (stage := sim.state()["stage"]) != "idle":
        sim.ask("POST", "/api/press", {"button": "main", "seconds": 0.03})
        sim.leaves(stage)
