"""Programs that are run for an image."""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Final

from camerad_image.errors import ImageError

_TAIL: Final = 15
"""How many lines of a program's output an error repeats."""
_PATIENCE_SECONDS: Final = 30.0
"""So long a program that was interrupted may take to clean up."""
_ENDS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_PR_SET_CHILD_SUBREAPER: Final = 36
"""prctl(2)."""
_FAITHFUL: Final = ("setpriv", "--pdeathsig", "KILL", "--")
"""Whoever kills a build, so that it can tell nobody, kills the program that it waits for."""
CONTAINED: Final = (
    *("unshare", "--pid", "--mount-proc", "--kill-child", "--"),
    # The first process of a namespace inherits those that others leave, and mmdebstrap would wait
    # for them: so it is the second.
    *("unshare", "--fork", "--"),
)
"""And so does it what that has started; what that has mounted is mounted for these alone."""


class Interrupted(KeyboardInterrupt):
    """Raised where the build is when it is told to end; `number` is the signal that said so."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def _interrupt(number: int, _frame: FrameType | None) -> None:
    # Once: what is cleaned up thereupon ends by itself, and half of it is what must not be left.
    for one in _ENDS:
        signal.signal(one, signal.SIG_IGN)
    raise Interrupted(number)


def heed_signals() -> None:
    """From now on this process is told to end by an Interrupted, and whatever its programs leave
    behind becomes its own child, for `end_all`."""
    for one in _ENDS:
        signal.signal(one, _interrupt)
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


def _descendants(process: int) -> list[int]:
    """The ids of all that it has started and that still run, by /proc/*/stat (proc(5))."""
    parents: dict[int, list[int]] = {}
    for place in Path("/proc").iterdir():
        if not place.name.isdecimal():
            continue
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            # The name before may have blanks and parentheses.
            words = (place / "stat").read_text(errors="replace").rpartition(")")[2].split()
            parents.setdefault(int(words[1]), []).append(int(place.name))
    found, todo = [], [process]
    while todo:
        children = parents.get(todo.pop(), [])
        found += children
        todo += children
    return found


def end_all() -> list[int]:
    """Kill whatever this process has started, and its programs in their turn; returns those that
    are there all the same, as one that a disk does not answer."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while (left := _descendants(os.getpid())) and time.monotonic() < deadline:
        for number in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG) != (0, 0):
                pass
        time.sleep(0.01)
    return left


def _drain(process: subprocess.Popen[str]) -> None:
    """Wait until it has ended, at most _PATIENCE_SECONDS, and take what it says meanwhile: it must
    not wait for somebody who listens. What it has started may keep its output open."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    listening = [] if process.stdout is None else [process.stdout.fileno()]
    while process.poll() is None and time.monotonic() < deadline:
        for descriptor in select.select(listening, [], [], 0.02)[0]:
            if not os.read(descriptor, 1 << 16):
                listening.clear()


def _end(process: subprocess.Popen[str], *, group: bool) -> None:
    """Let a program that was interrupted clean up and end, with all that belongs to it; what does
    not is killed. group: whether it has a process group of its own."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if group:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)
        else:
            process.send_signal(number)
        _drain(process)


def run(
    command: Sequence[str | Path],
    *,
    log: Path,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    keep: Sequence[int] = (),
    asks: bool = False,
    contained: bool = False,
    follow: Callable[[str], None] | None = None,
) -> str:
    """Run a program to its end and return what it wrote to its standard output.

    Both its outputs are appended to `log`, line by line as they come. environment: beside that of
    this process. keep: descriptors that it is to have as well. asks: it may ask for something at
    the terminal. contained: what it starts ends when it does, and what it mounts nobody else sees;
    takes root. follow: is called with each of the lines. It is killed if this process is. Raises
    ImageError if it is not there or fails, with the end of what it said.
    """
    words = [str(word) for word in command]
    if shutil.which(words[0]) is None:
        raise ImageError(f"{words[0]} is not installed: 'sh hw-mocks/prepare.sh image' installs it")
    log.parent.mkdir(parents=True, exist_ok=True)
    said = []
    with (
        log.open("a", encoding="utf-8", buffering=1) as file,
        subprocess.Popen(  # noqa: S603 - the arguments are this recipe's own
            [*_FAITHFUL, *(CONTAINED if contained else ()), *words],
            env={**os.environ, **(environment or {})},
            cwd=folder,
            pass_fds=keep,
            # What ends it has to reach all that it has started, and mmdebstrap waits for that: of a
            # signal that comes to itself alone it only takes note. A terminal is for one group.
            process_group=None if asks else 0,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as process,
    ):
        try:
            file.write(f"+ {' '.join(words)}\n")
            for line in process.stdout or ():
                file.write(line)
                said.append(line)
                if follow is not None:
                    follow(line)
        except BaseException:
            # Popen would close its output and leave it to itself; the next build would meet it.
            _end(process, group=not asks)
            raise
    if process.returncode != 0:
        tail = "".join(f"    {line}" for line in said[-_TAIL:])
        raise ImageError(
            f"{words[0]} failed with exit code {process.returncode}; all it said is in {log}, "
            f"which ends:\n{tail}"
        )
    return "".join(said)
