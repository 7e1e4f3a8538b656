"""A visitor's own camera as what the body camera films: pictures come from the page.

GET /api/webcam   a WebSocket (RFC 6455) for one page at a time. It is told
                  {"width", "height", "fps", "max_bytes", "credit", "sound": whether there is a
                  microphone to hear with}, and then sends pictures: JPEG, one a binary message, of
                  at most `max_bytes`. Each is answered with {"taken": how
                  many so far, "shown": of these, how many were shown}. At most `credit` may be
                  without an answer. What its microphone hears comes beside them: messages that
                  begin with a byte of zero, and then samples, as `hw_mocks.webcam_sound` has them.
                  Asked without a WebSocket: {"feeding", "pictures": how many
                  were shown since bodycam-sim started, "shown_us": media times at which the newest
                  NOTED of them were, "ended_us": media time at which the last page was gone |
                  null}

A picture goes to `hw_mocks.webcam_decoder`, a process that runs while a page sends. While that
decodes one, the newest waits, and the ones before it are left out; so nothing piles up. Pictures
are in memory only. When no picture came for a second, or the page is gone, the film is back.

A connection is ended with a code that the page puts into words: 4001, another page feeds the
camera; 4002, it is no picture; 4003, it cannot be decoded just now; 4004, a newer page took over
after this one had sent nothing for QUIET_SECONDS; 1008, more than FLOOD times as many pictures as
the sensor takes, or as much sound as there can be; 1009, one that is too long.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from collections import deque
from typing import Any, Final

from aiohttp import WSCloseCode, WSMsgType, web

from hw_mocks.boot import PARENT_VARIABLE
from hw_mocks.bus import now_us
from hw_mocks.webcam import Size, WebcamMemory
from hw_mocks.webcam_decoder import LENGTH, MAX_BYTES, SHOWN
from hw_mocks.webcam_sound import RATE, SoundMemory

SOUND: Final = b"\0"
"""What a message of sound begins with; no JPEG does."""
TAKEN_ALREADY: Final = 4001
NO_PICTURE: Final = 4002
NO_DECODER: Final = 4003
TAKEN_OVER: Final = 4004
CREDIT: Final = 3
FLOOD: Final = 4
QUIET_SECONDS: Final = 5.0
KEEP_ALIVE_SECONDS: Final = 15.0
PARTING_SECONDS: Final = 1.0
END_SECONDS: Final = 2.0
NOTED: Final = 1000
"""Pictures of more than half a minute."""


class Ended(Exception):
    """Error raised when a connection is to be ended; code and reason are for the page."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Decoder:
    """The process that decodes, for one connection. `shown`, `taken`: pictures. shown_us: is added
    the media time at which each one was shown."""

    def __init__(self, memory: WebcamMemory, shown_us: deque[int]) -> None:
        self.shown = self.taken = 0
        self._memory = memory
        self._shown_us = shown_us
        self._newest: bytes | None = None
        self._come = asyncio.Event()
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it. Raises OSError if that cannot be done."""
        sizes = [f"{width}x{height}" for width, height in self._memory.sizes]
        command = [sys.executable, "-m", "hw_mocks.webcam_decoder", str(self._memory.fd), *sizes]
        self._process = await asyncio.create_subprocess_exec(
            *command,
            pass_fds=[self._memory.fd],
            env={**os.environ, PARENT_VARIABLE: str(os.getpid())},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,
        )

    def take(self, picture: bytes) -> None:
        """Have it show a picture; one that still waits is left out."""
        if self._newest is not None:
            self.taken += 1
        self._newest = picture
        self._come.set()

    async def run(self, socket: web.WebSocketResponse) -> None:
        """Show what is taken, and tell the page. Raises Ended if that cannot go on."""
        process = self._process
        assert process is not None and process.stdin is not None and process.stdout is not None
        while True:
            await self._come.wait()
            self._come.clear()
            picture, self._newest = self._newest, None
            if picture is None:
                continue
            process.stdin.write(LENGTH.pack(len(picture)) + picture)
            answer = b""
            with contextlib.suppress(ConnectionError):
                await process.stdin.drain()
                answer = await process.stdout.read(1)
            if not answer:
                raise Ended(NO_DECODER, "the pictures cannot be decoded just now; try again")
            if answer != SHOWN:
                raise Ended(NO_PICTURE, "what came is no picture")
            self.taken += 1
            self.shown += 1
            self._shown_us.append(now_us())
            await socket.send_json({"taken": self.taken, "shown": self.shown})

    async def stop(self) -> None:
        """End it, and have the film shown."""
        process = self._process
        if process is not None and process.returncode is None:
            assert process.stdin is not None
            process.stdin.close()
            try:
                await asyncio.wait_for(process.wait(), END_SECONDS)
            except TimeoutError:
                process.kill()
                await process.wait()
        self._memory.clear()


class Upload:
    """Answers /api/webcam. main, lores: the camera's streams. fps: pictures a second that its
    sensor takes. sound: whether there is a microphone. Raises OSError if there is no memory for
    pictures."""

    def __init__(self, main: Size, lores: Size, fps: int, *, sound: bool = False) -> None:
        self.memory: Final = WebcamMemory(main, lores)
        self.sound: Final = SoundMemory()
        self._hears = sound
        self._fps = fps
        self._socket: web.WebSocketResponse | None = None
        self._gone = asyncio.Event()
        self._gone.set()
        self._closed = False
        self._heard = 0.0
        self._pictures = 0
        self._shown_us: deque[int] = deque(maxlen=NOTED)
        self._ended_us: int | None = None
        self._decoder: Decoder | None = None

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Have `router` route to this."""
        router.add_get("/api/webcam", self._answer)

    async def close(self) -> None:
        """End the connection; nobody else may begin one, nor who waits for their turn."""
        self._closed = True
        if self._socket is not None:
            await self._socket.close(code=WSCloseCode.GOING_AWAY)
        await self._gone.wait()

    def forget(self) -> None:
        """Let go of the memory, when nobody reads from it any more."""
        self.memory.close()
        self.sound.close()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(
            heartbeat=KEEP_ALIVE_SECONDS,
            max_msg_size=MAX_BYTES,
            timeout=PARTING_SECONDS,
            compress=False,
        )
        if not socket.can_prepare(request).ok:
            feeding = self._socket is not None
            now = self._decoder.shown if self._decoder is not None else 0
            told: dict[str, Any] = {"feeding": feeding, "pictures": self._pictures + now}
            told |= {"shown_us": list(self._shown_us), "ended_us": self._ended_us}
            return web.json_response(told)
        await socket.prepare(request)
        try:
            await self._wait_for_turn()
            await self._feed(socket)
        except Ended as error:
            await socket.close(code=error.code, message=error.reason.encode())
        return socket

    async def _wait_for_turn(self) -> None:
        while (before := self._socket) is not None:
            # One that is about to end is waited for.
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._gone.wait(), END_SECONDS)
                continue
            if time.monotonic() - self._heard < QUIET_SECONDS:
                raise Ended(TAKEN_ALREADY, "another page feeds the camera; end it there first")
            await before.close(code=TAKEN_OVER, message=b"another page feeds the camera now")
            await self._gone.wait()
        if self._closed:
            raise Ended(WSCloseCode.GOING_AWAY, "bodycam-sim ends, or begins anew")

    async def _feed(self, socket: web.WebSocketResponse) -> None:
        self._decoder = decoder = Decoder(self.memory, self._shown_us)
        self._socket, self._heard = socket, time.monotonic()
        self._gone.clear()
        try:
            await decoder.start()
            (width, height), _ = self.memory.sizes
            about: dict[str, Any] = {"width": width, "height": height, "fps": self._fps}
            about |= {"max_bytes": MAX_BYTES, "credit": CREDIT, "sound": self._hears}
            await socket.send_json(about)
            create = asyncio.get_running_loop().create_task
            both = {create(self._receive(socket, decoder)), create(decoder.run(socket))}
            done, others = await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
            for task in done:
                with contextlib.suppress(ConnectionError):  # the page is gone
                    task.result()
        except OSError as error:
            raise Ended(NO_DECODER, f"no picture can be decoded: {error.strerror}") from None
        finally:
            self._ended_us = now_us()
            self._pictures += decoder.shown
            self._decoder = None
            self.sound.clear()
            await decoder.stop()
            self._socket = None
            self._gone.set()

    async def _receive(self, socket: web.WebSocketResponse, decoder: Decoder) -> None:
        """Hand on what comes, until the page is gone. Raises Ended if too much comes."""
        begun, come, heard = time.monotonic(), 0, 0
        async for message in socket:
            if message.type is not WSMsgType.BINARY:
                raise Ended(NO_PICTURE, "what came is no picture")
            now = self._heard = time.monotonic()
            if now - begun >= 1:
                begun, come, heard = now, 0, 0
            sound = message.data.startswith(SOUND)
            come += not sound
            heard += len(message.data) if sound else 0
            if come > FLOOD * self._fps or heard > FLOOD * 2 * RATE:
                raise Ended(WSCloseCode.POLICY_VIOLATION, "too many pictures at once")
            if sound:
                self._take_sound(message.data[len(SOUND) :])
            else:
                decoder.take(message.data)

    def _take_sound(self, samples: bytes) -> None:
        if self._hears:
            try:
                self.sound.put(samples)
            except ValueError:
                raise Ended(NO_PICTURE, "what came is no sound") from None
