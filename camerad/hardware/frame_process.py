"""Starts and reliably ends a child process that reads the newest frame."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys


async def start(
    module: str, frame_fd: int, *words: str, stderr: int | None = None
) -> tuple[asyncio.subprocess.Process, socket.socket]:
    """Run `python -m module`; returns it, and our end of its control socket.

    frame_fd: the memfd with the newest frame. words: further arguments. Raises OSError.
    """
    ours, theirs = socket.socketpair()
    control_fd = theirs.fileno()
    command = ("-m", module, *words, "--frame-fd", str(frame_fd), "--control-fd", str(control_fd))
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *command,
            pass_fds=(frame_fd, control_fd),
            stdin=asyncio.subprocess.DEVNULL,
            stderr=stderr,
        )
    except BaseException:
        ours.close()
        raise
    finally:
        theirs.close()
    return process, ours


async def end(
    process: asyncio.subprocess.Process, leave_seconds: float, kernel_seconds: float
) -> bool:
    """See to it that the process is gone, and say whether it is: it is killed unless it ends by
    itself within `leave_seconds`; `kernel_seconds` later one that is still there is stuck in its
    driver.

    One that closed its socket is about to end. Popen looks whether it has before it kills it, and
    if it has, takes the exit status for itself, after which asyncio knows none.
    """
    if process.returncode is not None or await _gone(process, leave_seconds):
        return True
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    return await _gone(process, kernel_seconds)


async def _gone(process: asyncio.subprocess.Process, seconds: float) -> bool:
    try:
        await asyncio.wait_for(process.wait(), seconds)
    except TimeoutError:
        return False
    return True
