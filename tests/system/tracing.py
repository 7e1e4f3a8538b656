"""What processes hand to the kernel to be written, as strace(1) shows it.

The daemon's processes are not dumpable (P1), so only root may trace them: where the tests are not
root, strace is run through sudo.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hw_mocks.priority import run_at_once

from tests.waiting import DEADLINE, until

CALLS: Final = "write,writev,pwrite64,pwritev,pwritev2"
UNSEEN: Final = "sendfile,splice,vmsplice,copy_file_range,io_uring_setup"
"""Ways to write a file that would not show its content here."""
_LONGEST: Final = 1 << 26
_CALL: Final = re.compile(rb"^(\d+) +(\w+)\((.*)$")
_TARGET: Final = re.compile(rb"^\d+<([^>]*)>")
_TEXT: Final = re.compile(rb'"((?:\\x[0-9a-f]{2})*)"(\.\.\.)?')


@dataclass(frozen=True)
class Write:
    """One call. target: path of the file, or what it is instead, such as ``pipe:[1234]``."""

    pid: int
    call: str
    target: str
    data: bytes


def as_root(*command: str) -> list[str]:
    """The command line that runs a command as root."""
    return list(command) if os.geteuid() == 0 else ["sudo", "-n", *command]


def _unescaped(text: bytes) -> bytes:
    return bytes.fromhex(text.replace(b"\\x", b"").decode("ascii"))


def _traced_by(pid: int) -> set[int]:
    """Who traces the threads of a process; 0 for those that nobody traces."""
    tracers = set()
    for thread in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            status = (thread / "status").read_text()
            tracers.add(int(status.split("TracerPid:")[1].split()[0]))
    return tracers


@contextlib.contextmanager
def writes(pids: list[int], log: Path) -> Iterator[list[Write]]:
    """Every write of the processes, and of those that they start, from here to the end of the
    block; the list is filled then."""
    found: list[Write] = []
    command = as_root("strace", "-f", "-q", "-y", "-v", "-xx", "-s", str(_LONGEST), "-o", str(log))
    command += ["-e", f"trace={CALLS},{UNSEEN}", *(f"--attach={pid}" for pid in pids)]
    tracer = subprocess.Popen(command, stderr=subprocess.PIPE)
    try:
        # Whoever is traced stands still at every call until the tracer has had a processor.
        run_at_once(tracer.pid)
        until(
            lambda: tracer.poll() is not None or all(0 not in _traced_by(pid) for pid in pids),
            DEADLINE,
            "strace is attached to every thread",
        )
        assert tracer.poll() is None, tracer.stderr and tracer.stderr.read()
        yield found
    finally:
        tracer.send_signal(signal.SIGINT)
        try:
            tracer.wait(DEADLINE)
        finally:
            tracer.kill()
        assert tracer.stderr is not None
        tracer.stderr.close()
    found += _parse(log.read_bytes())


def _parse(log: bytes) -> Iterator[Write]:
    for line in log.splitlines():
        call = _CALL.match(line)
        if call is None:
            continue  # a signal, an end, or the second half of a call: its data stood in the first
        pid, name, arguments = int(call[1]), call[2].decode(), call[3]
        assert name in CALLS.split(","), line[:200]
        target = _TARGET.match(arguments)
        assert target is not None, line[:200]
        path = target[1]
        if b"\\x" in path:
            path = _unescaped(path)
        pieces = _TEXT.findall(arguments, target.end())
        assert not any(cut for _, cut in pieces), f"strace cut this short: {line[:200]!r}"
        yield Write(pid, name, os.fsdecode(path), b"".join(_unescaped(text) for text, _ in pieces))
