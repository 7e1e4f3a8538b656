"""The controller's end of the self-view process.

The process can crash, hang in its driver or never start; none of that may reach the stages or a
recording (P10). So the controller only ever writes one short line to it without waiting, and
takes everything it notices as news for the condition `display_down`. A process that ended is
started again after a pause, or at once where something else is to be shown by then: what it left on
the display stands there until the next one starts. One that does not answer is killed first, which
one that still loads gets more time for (`camerad.behaviour.budget`). While it shows something it is
asked twice a second whether it still does, and else every few seconds, so that a display that went
away in idle is missed before it is needed.
"""

from __future__ import annotations

import asyncio
import json
import math
from asyncio import FIRST_COMPLETED
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from camerad.base.async_utils import watched
from camerad.base.message_ids import Log, MessageId
from camerad.behaviour.budget import (
    DISPLAY_ANSWER_SECONDS,
    DISPLAY_START_SECONDS,
    KERNEL_SECONDS,
    LEAVE_SECONDS,
)
from camerad.behaviour.scene import DARK, Scene, to_wire
from camerad.hardware import frame_process

log = Log(__name__)

RETRY_SECONDS: Final = (0.0, 1.0, 2.0, 5.0, 10.0)
"""The first start after a failure is at once: it darkens what the last process left behind."""
STEADY_SECONDS: Final = 2.0
"""A process that worked so long has recovered; the next failure counts as the first."""
ASK_SECONDS: Final = 0.5
"""How often a display that shows something is asked whether it lives,"""
ASK_DARK_SECONDS: Final = 5.0
"""and a dark one."""
MAX_LINE: Final = 4096
SLOW: Final = "the display takes too long for a picture"

StateHandler = Callable[[str | None], None]
"""Called on the event loop with what is wrong with the display, or None once it works."""


class SelfViewProcess:
    """Starts, feeds and restarts `python -m camerad.selfview`.

    settings: the JSON object that the process gets as ``--settings``. frame_fd: the memfd with the
    newest frame. on_state is called only when the state changes. quiet: what the process says on
    its standard error is thrown away; the same comes to on_state. Used from the event loop.
    """

    def __init__(
        self,
        settings: dict[str, Any],
        frame_fd: int,
        on_state: StateHandler,
        *,
        quiet: bool = False,
    ) -> None:
        self._settings = settings
        self._stderr = asyncio.subprocess.DEVNULL if quiet else None
        self._frame_fd = frame_fd
        self._on_state = on_state
        self._scene: Scene = DARK
        self._fault: str | None = None
        self._told = False
        self._works_since: float | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._unanswered = 0
        self._sent = asyncio.Event()
        self._changed = asyncio.Event()
        """Set by another scene since the last start: what stands on the display may be over."""
        self._waits_since = 0.0
        """When the oldest line without an answer was sent, or the answer before it came."""
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to keep the process alive. Needs a running event loop."""
        self._task = watched(self._keep_alive())

    def show(self, scene: Scene) -> None:
        """Show this from now on; returns at once, whatever the display does."""
        if scene != self._scene:
            self._scene = scene
            self._changed.set()
            self._send()

    def _send(self) -> None:
        if self._writer is None or self._writer.is_closing():
            return
        if not self._unanswered:
            self._waits_since = asyncio.get_running_loop().time()
        self._unanswered += 1
        self._sent.set()
        self._writer.write(json.dumps({"show": to_wire(self._scene)}).encode() + b"\n")

    def _tell(self, fault: str | None) -> None:
        if self._told and fault == self._fault:
            return
        self._told, self._fault = True, fault
        self._on_state(fault)

    async def _keep_alive(self) -> None:
        failures = 0
        while True:
            self._works_since = None
            self._changed.clear()
            try:
                fault = await self._run_once()
            except OSError as error:
                fault = f"the self-view process cannot be started: {error}"
            self._tell(fault)
            now = asyncio.get_running_loop().time()
            if self._works_since is not None and now - self._works_since >= STEADY_SECONDS:
                failures = 0
            pause = RETRY_SECONDS[min(failures, len(RETRY_SECONDS) - 1)]
            failures += 1
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._changed.wait()

    async def _run_once(self) -> str:
        """Run the process until it ends or hangs; returns what was wrong."""
        self._process, ours = await frame_process.start(
            "camerad.selfview",
            self._frame_fd,
            "--settings",
            json.dumps(self._settings),
            stderr=self._stderr,
        )
        reader, self._writer = await asyncio.open_connection(sock=ours, limit=MAX_LINE)
        fault = "the self-view process ended"
        try:
            self._unanswered = 0
            self._send()
            while True:
                line = await self._answer(reader)
                if not line:
                    break
                answer = json.loads(line)
                if not isinstance(answer, dict):
                    raise ValueError(f"{line[:40]!r}")
                if "error" in answer:
                    fault = str(answer["error"])
                    self._tell(fault)
                else:
                    self._works_since = self._works_since or asyncio.get_running_loop().time()
                    self._tell(SLOW if answer.get("slow") else None)
        except TimeoutError:
            fault = f"the display has not answered for {self._patience:g} s"
        except (ValueError, RecursionError) as error:
            fault = f"the self-view process talks nonsense: {error}"
        except OSError as error:
            log.debug(
                MessageId.DISPLAY, "self-view: %s", error
            )  # it died; that is what fault says already
        finally:
            self._writer.close()
            self._writer = None
            await self._end()
        return fault

    @property
    def _patience(self) -> float:
        """How long an answer may take, in seconds."""
        return DISPLAY_START_SECONDS if self._works_since is None else DISPLAY_ANSWER_SECONDS

    async def _answer(self, reader: asyncio.StreamReader) -> bytes:
        """The next line; TimeoutError if one that is due does not come."""
        read = asyncio.ensure_future(reader.readline())
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            while True:
                await self._line_or_send(read, began)
                if read.done():
                    self._unanswered = max(0, self._unanswered - 1)
                    self._waits_since = loop.time()
                    return read.result()
                if self._unanswered and loop.time() - self._waits_since > self._patience:
                    raise TimeoutError
                if not self._unanswered and loop.time() >= self._ask_at(began):
                    self._send()
        finally:
            if not read.cancel() and not read.cancelled():
                read.exception()  # a cancelled caller does not ask for it any more

    def _ask_at(self, began: float) -> float:
        """When the process is to be asked, if nothing else is sent: the loop's time. Even times, so
        that what else looks at something every so often needs no wake of its own."""
        pause = ASK_DARK_SECONDS if self._scene == DARK else ASK_SECONDS
        return (math.floor(began / pause) + 1) * pause

    async def _line_or_send(self, read: asyncio.Future[bytes], began: float) -> None:
        """Until a line has come, or there is something to be done: to ask, or to look whether an
        answer is late."""
        wait = self._ask_at(began) - asyncio.get_running_loop().time()
        if self._unanswered:
            wait = min(ASK_SECONDS, self._patience / 4)
        self._sent.clear()
        sent = asyncio.ensure_future(self._sent.wait())
        try:
            either: set[asyncio.Future[Any]] = {read, sent}
            await asyncio.wait(either, timeout=max(0, wait), return_when=FIRST_COMPLETED)
        finally:
            sent.cancel()

    async def _end(self) -> None:
        """See to it that the process is gone, unless it is stuck in its driver."""
        process = self._process
        if process is None:
            return
        if not await frame_process.end(process, LEAVE_SECONDS, KERNEL_SECONDS):
            log.error(MessageId.DISPLAY, "the self-view process %d cannot be killed", process.pid)
        self._process = None

    @property
    def fault(self) -> str | None:
        """The display's fault; None while none is known."""
        return self._fault

    @property
    def pid(self) -> int | None:
        """Process id of the running self-view, if it runs."""
        return self._process.pid if self._process is not None else None

    async def close(self) -> None:
        """End the process and keep it ended."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
            self._task = None
        await self._end()


class NoDisplay:
    """In the place of `SelfViewProcess` on a camera that has no display: nothing can be wrong with
    it.
    """

    def start(self) -> None:
        """There is nothing to start."""

    @property
    def fault(self) -> str | None:
        """Nothing."""
        return None

    def show(self, scene: Scene) -> None:
        """There is no display."""

    async def close(self) -> None:
        """There is nothing to end."""
