"""The loudspeaker: one announcement at a time, each played by a process that may hang or die.

ALSA's own `aplay` plays a file, so nothing of a sound driver is ever in the controller. Nothing
waits for it: a player that takes longer than its file and PATIENCE_SECONDS is killed, a newer
announcement ends an older one, and whatever came of one is reported when it is known. A player that
cannot even be killed is stuck in its driver; until it is gone nothing else is played, or every
announcement would leave another one behind.

Files are WAV with PCM samples, as `aplay` and Python's `wave` read them.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import wave
from asyncio import FIRST_COMPLETED
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from camerad.base.async_utils import watched
from camerad.base.message_ids import Log, MessageId
from camerad.behaviour.announcements import Announcement
from camerad.behaviour.budget import KERNEL_SECONDS, SPEAKER_END_SECONDS

log = Log(__name__)

PLAYER: Final = ("setpriv", "--pdeathsig", "KILL", "aplay", "--quiet")
"""A player that the kernel kills when its parent dies; both programs are in Debian's util-linux and
alsa-utils."""
PATIENCE_SECONDS: Final = 3.0
"""How much longer than its file a player may take."""
KILL_SECONDS: Final = KERNEL_SECONDS
"""A player that is killed and not gone by then is stuck in its driver."""
LONGEST_SECONDS: Final = 30.0
_SAID_BYTES: Final = 300

PLAYED: Final = "played"
"""The device took all of it. Whether a person heard it is not known."""
CUT_SHORT: Final = "cut_short"
"""Something newer was to be said, or the camera ended."""
FAILED: Final = "failed"


class Clip(msgspec.Struct, frozen=True):
    """An audio file. seconds: its length; sha256: of the whole file, in hexadecimal."""

    path: Path
    seconds: float
    sha256: str


class Spoken(msgspec.Struct, frozen=True):
    """Outcome of an announcement. outcome: PLAYED, CUT_SHORT or FAILED. why: it failed, or None.

    sha256: of the file that was or should have been played; "" if there is none.
    """

    sha256: str
    outcome: str
    why: str | None


class _Order(msgspec.Struct, frozen=True):
    """A waiting announcement, and the callback for its outcome."""

    what: Announcement
    on_spoken: Callable[[Spoken], None]


def clips(directories: Sequence[Path]) -> dict[Announcement, Clip]:
    """The file of each announcement, from the first of `directories` that has a good one.

    A file that is no announcement is said in the log, and the next directory's is taken.
    """
    found: dict[Announcement, Clip] = {}
    for what in Announcement:
        for directory in directories:
            path = directory / f"{what.value}.wav"
            try:
                found[what] = _clip(path)
            except FileNotFoundError:
                continue
            except (OSError, EOFError, wave.Error, ValueError) as error:
                log.error(
                    MessageId.SPEAKER,
                    "%s is not played: %s; a WAV file with PCM is needed",
                    path,
                    error,
                )
                continue
            break
        else:
            searched = ", ".join(str(directory) for directory in directories)
            log.error(
                MessageId.SPEAKER,
                "there is no %s.wav to be played: put one into %s",
                what.value,
                searched,
            )
    return found


def _clip(path: Path) -> Clip:
    content = path.read_bytes()
    with wave.open(str(path), "rb") as sound:
        rate = sound.getframerate()
        if not rate:
            raise ValueError("it has no samples in a second")
        seconds = sound.getnframes() / rate
    if not 0 < seconds <= LONGEST_SECONDS:
        raise ValueError(f"it lasts {seconds:g} s, and an announcement up to {LONGEST_SECONDS:g} s")
    return Clip(path, seconds, hashlib.sha256(content).hexdigest())


class Speaker:
    """Plays announcements on an ALSA device.

    load: gives the files; what is to be said meanwhile waits. player: the program, which gets the
    device and the file. Used from the event loop.
    """

    def __init__(
        self,
        device: str,
        load: Callable[[], Awaitable[Mapping[Announcement, Clip]]],
        player: Sequence[str] = PLAYER,
    ) -> None:
        self._device = device
        self._load = load
        self._player = player
        self._files: Mapping[Announcement, Clip] = {}
        self._next: _Order | None = None
        self._news = asyncio.Event()
        self._process: asyncio.subprocess.Process | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to play what is to be said. Needs a running event loop."""
        self._task = watched(self._run())

    def say(self, what: Announcement, on_spoken: Callable[[Spoken], None]) -> None:
        """Have it said next; returns at once. What is being said now is cut short.

        on_spoken is called once, on the event loop, when it is known what came of it.
        """
        before, self._next = self._next, _Order(what, on_spoken)
        if before is not None:
            self._tell(before, CUT_SHORT)
        self._news.set()

    async def close(self) -> None:
        """Say nothing any more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=SPEAKER_END_SECONDS)
        if self._next is not None:
            self._tell(self._next, CUT_SHORT)
            self._next = None

    def _tell(self, order: _Order, outcome: str, why: str | None = None) -> None:
        clip = self._files.get(order.what)
        order.on_spoken(Spoken("" if clip is None else clip.sha256, outcome, why))

    async def _run(self) -> None:
        self._files = await self._load()
        while True:
            await self._news.wait()
            self._news.clear()
            order, self._next = self._next, None
            if order is not None:
                await self._say(order)

    async def _say(self, order: _Order) -> None:
        outcome, why = CUT_SHORT, None
        try:
            outcome, why = await self._play(self._files.get(order.what))
        finally:
            self._tell(order, outcome, why)

    async def _play(self, clip: Clip | None) -> tuple[str, str | None]:
        """Play a file until its end or until there is news; returns what came of it, and why."""
        if clip is None:
            return FAILED, "there is no file for it"
        if self._process is not None and self._process.returncode is None:
            return FAILED, f"the player {self._process.pid} is stuck in its driver"
        try:
            self._process = process = await asyncio.create_subprocess_exec(
                *self._player,
                f"--device={self._device}",
                str(clip.path),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
            )
        except OSError as error:
            return FAILED, f"{self._player[0]} cannot be started: {error.strerror}"
        ended = asyncio.ensure_future(_ended(process))
        news = asyncio.ensure_future(self._news.wait())
        try:
            patience = clip.seconds + PATIENCE_SECONDS
            await asyncio.wait({ended, news}, timeout=patience, return_when=FIRST_COMPLETED)
            if not ended.done():
                hangs = f"the sound device {self._device} hangs"
                return (CUT_SHORT, None) if news.done() else (FAILED, hangs)
            said, code = ended.result()
        finally:
            ended.cancel()
            news.cancel()
            await _end(process)
        if code == 0:
            return PLAYED, None
        return FAILED, said or f"the player ended with exit code {code}"


async def _ended(process: asyncio.subprocess.Process) -> tuple[str, int]:
    """Wait for the player's end: what it said of itself, and its exit code."""
    said = await _said(process.stderr)
    return said, await process.wait()


async def _said(stream: asyncio.StreamReader | None) -> str:
    """All that the player says of itself; of much only the end, where it says why."""
    said = b""
    while stream is not None and (data := await stream.read(_SAID_BYTES)):
        said = (said + data)[-_SAID_BYTES:]
    return " ".join(said.decode(errors="replace").split())


async def _end(process: asyncio.subprocess.Process) -> None:
    """See to it that the player is gone, unless it is stuck in its driver."""
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    ended = asyncio.ensure_future(process.wait())
    await asyncio.wait({ended}, timeout=KILL_SECONDS)
    if not ended.done():
        ended.cancel()
        log.error(MessageId.SPEAKER, "the player %d cannot be killed", process.pid)
