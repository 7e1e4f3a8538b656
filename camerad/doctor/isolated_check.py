"""Runs checks that may hang, each with a time limit.

A card, or a gauge, that hangs in its driver holds the process that asks it, and no signal helps:
not even SIGKILL ends that process before the kernel does (state D in proc(5)). A thread would keep
its process from ending just so. So each check is a separate process, and one that hangs is left
behind. All are forked off one that has been forked off before this process had any thread, whose
locks a fork would copy as they are.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import pickle
import signal
import socket
import struct
import sys
import warnings
from types import ModuleType
from typing import Any, Final

_REQUEST_BYTES: Final = 1 << 20
_PID: Final = struct.Struct("i")
_READ_BYTES: Final = 1 << 16


class NoAnswerError(TimeoutError):
    """Error raised when a look has not come to its end in time; `seconds` is what it had."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"no answer within {seconds:g} s")
        self.seconds = seconds


class IsolatedChecks:
    """Carries out checks, each in a separate process, from its making until `close`.

    What a look returns or raises is copied. A descriptor that is its result's `claim` is handed
    over.
    """

    def __init__(self) -> None:
        # One request is one message, of less than what the socket takes at once.
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        for end in (ours, theirs):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _REQUEST_BYTES)
        with warnings.catch_warnings():
            # Under a test there are threads, none of which has anything that a look needs.
            warnings.simplefilter("ignore", DeprecationWarning)
            self._process = os.fork()
        if self._process == 0:
            ours.close()
            _serve(theirs)
        theirs.close()
        self._requests = ours

    async def run(self, module: ModuleType, name: str, *values: Any, seconds: float) -> Any:
        """Call `module`'s function `name` with `values`; raises as it does, and NoAnswerError if it
        has not ended after `seconds`."""
        ours, theirs = socket.socketpair()
        with ours:
            ours.setblocking(False)
            request = pickle.dumps((module.__name__, name, values))
            with theirs:
                socket.send_fds(self._requests, [request], [theirs.fileno()])
            number, claim = 0, None
            try:
                async with asyncio.timeout(seconds):
                    (number,) = _PID.unpack(await _received(ours, _PID.size))
                    claim = await _handed_over(ours)
                    answer = await _received(ours)
            except TimeoutError:
                if claim is not None:
                    os.close(claim)
                if number:
                    # It may be late instead of hanging: then it is not to have anything any more.
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(number, signal.SIGKILL)
                raise NoAnswerError(seconds) from None
        raised, result = pickle.loads(answer)  # noqa: S301 - of a process of our own
        if raised:
            raise result
        if claim is not None:
            result.claim = claim
        return result

    def close(self) -> None:
        """No more looks; safe to call again."""
        if self._process:
            self._requests.close()
            # It only ever waits for requests, so it ends at once.
            os.waitpid(self._process, 0)
            self._process = 0


async def _received(sock: socket.socket, size: int | None = None) -> bytes:
    """So many bytes, or all until its end; raises EOFError if there are fewer, or none."""
    loop = asyncio.get_running_loop()
    data = b""
    while size is None or len(data) < size:
        more = await loop.sock_recv(sock, size - len(data) if size else _READ_BYTES)
        if not more:
            break
        data += more
    if not data or (size is not None and len(data) < size):
        raise EOFError("a look ended without an answer")
    return data


async def _handed_over(sock: socket.socket) -> int | None:
    """The descriptor that comes along with the next byte, if one does."""
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()
    loop.add_reader(sock.fileno(), _set, ready)
    try:
        await ready
    finally:
        loop.remove_reader(sock.fileno())
    data, found, _, _ = socket.recv_fds(sock, 1, 1)
    if not data:
        raise EOFError("a look ended without an answer")
    if found:
        os.set_inheritable(found[0], False)
    return found[0] if found else None


def _set(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)


# ------------------------------------------------------------------- in the processes themselves


def _serve(requests: socket.socket) -> None:
    """Fork a process for each request until the requests' socket is closed; does not return."""
    code = 1
    try:
        # A reader of the command's output waits until no process has it open.
        nothing = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(nothing, descriptor)
        # Ctrl-C is for the command, which closes this; and ended checks need no wait.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        while True:
            request, found, _, _ = socket.recv_fds(requests, _REQUEST_BYTES, 1)
            if not request:
                break
            if os.fork() == 0:
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                requests.close()
                _carry_out(request, socket.socket(fileno=found[0]))
            os.close(found[0])
        code = 0
    finally:
        os._exit(code)


def _carry_out(request: bytes, asked: socket.socket) -> None:
    """One look; does not return."""
    code = 1
    try:
        asked.sendall(_PID.pack(os.getpid()))
        module, name, values = pickle.loads(request)  # noqa: S301 - of a process of our own
        raised, claim = False, None
        try:
            result = getattr(sys.modules[module], name)(*values)
            claim = getattr(result, "claim", None)
        except Exception as error:  # noqa: BLE001 - raised again where it was asked
            raised, result = True, error
        answer = _copied(raised, result)
        socket.send_fds(asked, [b"."], [] if claim is None else [claim])
        asked.sendall(answer)
        code = 0
    finally:
        os._exit(code)


def _copied(raised: bool, result: Any) -> bytes:
    try:
        answer = pickle.dumps((raised, result))
        pickle.loads(answer)  # noqa: S301 - our own
    except Exception:
        # An error that cannot be copied is told all the same; anything else is a mistake.
        if not raised:
            raise
        return pickle.dumps((True, RuntimeError(f"{type(result).__name__}: {result}")))
    return answer
