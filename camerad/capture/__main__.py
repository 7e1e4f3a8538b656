"""The capture process: `python -m camerad.capture --settings JSON --socket-fd N --frame-fd M`.

Takes commands from the socket until it is told to stop or the other end closes. The socket's
other end is the controller, which watches the frames and kills this process when they cease: so
nothing here tries to recover, and the termination signals of a terminal or a service manager are
left to the controller too, which has a recording to finish first.

Exit status: 0 told to stop, or the controller is gone; 64 wrong arguments; 69 the camera is missing
or failed; 70 anything else. Before a status other than 0 and 64 one line says why on stderr, and an
ERROR message on the socket.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import select
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final, NoReturn

from camerad.base import process
from camerad.base.clock import SystemClock
from camerad.base.errors import EX_SOFTWARE, EX_USAGE, CameradError, WireError
from camerad.capture import capture_settings, stills
from camerad.capture.resting import TICK_SECONDS
from camerad.capture.send_queue import Outbox
from camerad.stream import wire

if TYPE_CHECKING:
    from camerad.capture.camera import Camera
    from camerad.capture.microphone import MicrophoneReader

QUEUE_SECONDS: Final = 2.0
"""How much footage at the maximum bitrate may wait for the controller."""
LAST_WORDS_SECONDS: Final = 0.5
"""How long the last message may wait for the controller."""
_MODES: Final = frozenset(wire.SoundMode)


class CaptureServer:
    """Connects the controller's commands with the camera."""

    def __init__(
        self,
        settings: capture_settings.CaptureSettings,
        connection: socket.socket,
        frame_fd: int,
    ) -> None:
        self._settings = settings
        self._socket = connection
        self._frame_fd = frame_fd
        self._ending = threading.Lock()
        limit = int(settings.max_bitrate / 8 * QUEUE_SECONDS)
        self._outbox = Outbox(connection, limit, self.fail)

    def fail(self, error: BaseException) -> NoReturn:
        """Say what is wrong and end the process at once; may be called from any thread.

        The camera is not closed: a camera that failed is likely to hang in that, and the kernel
        closes it as well.
        """
        # The first failure is the cause; others come of it.
        self._ending.acquire()
        known = isinstance(error, CameradError)
        text = str(error) if known else f"{type(error).__name__}: {error}"
        text = " ".join(text.split())
        with contextlib.suppress(OSError):
            print(f"camerad.capture: {text}", file=sys.stderr, flush=True)  # noqa: T201
        self._outbox.send(wire.message(wire.MessageKind.ERROR, {"message": text}))
        self._outbox.flush(LAST_WORDS_SECONDS)
        os._exit(error.exit_code if isinstance(error, CameradError) else EX_SOFTWARE)

    def run(self) -> None:
        """Open the camera and carry out commands until the end."""
        # Imported here, so that a wrong argument or a missing library is reported like the rest.
        stills.stand_in()
        with stills.left_out():
            from camerad.capture.camera import Camera  # noqa: PLC0415
        from camerad.capture.microphone import MicrophoneReader  # noqa: PLC0415

        # Before this there is neither picture nor sound.
        process.overwrite_freed_memory()
        clock = SystemClock()
        microphone = heard = None
        if self._settings.sound is not None:
            microphone = MicrophoneReader(self._settings.sound, self._outbox, clock)
            heard = microphone.description
        camera = Camera(
            self._settings,
            self._outbox,
            self._frame_fd,
            clock,
            self.fail,
            opening=lambda: _opening(microphone),
            sound=heard,
        )
        commands = wire.CommandReader()
        while data := self._receive(camera.tick):
            for command in commands.feed(data):
                if command["command"] == "stop":
                    if microphone is not None:
                        microphone.tell(wire.SoundMode.OFF, 0)
                    camera.close()
                    self._outbox.flush(LAST_WORDS_SECONDS)
                    if microphone is not None:
                        # Its thread may hang in a library, whose end would then be waited for.
                        os._exit(0)
                    return
                _carry_out(camera, microphone, command)
        # The controller is gone and cannot kill this process if closing the camera hangs.
        os._exit(0)

    def _receive(self, tick: Callable[[], None]) -> bytes:
        """Received commands; meanwhile `tick` is called, where the sensor may rest."""
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        while self._settings.rests and not poll.poll(TICK_SECONDS * 1000):
            tick()
        try:
            return self._socket.recv(wire.MAX_COMMAND)
        except ConnectionError:
            return b""


@contextlib.contextmanager
def _opening(microphone: MicrophoneReader | None) -> Iterator[None]:
    """An encoder in software is opened: none of its memory is filled that it does not use.

    Of pictures nothing is freed meanwhile: the encoder before it is gone, this one has none yet,
    and the camera's own are not on the heap. If the same is not known of sound, it is filled.
    """
    held = contextlib.nullcontext(True) if microphone is None else microphone.held()
    with held as quiet, process.untouched_memory() if quiet else contextlib.nullcontext():
        yield


def _carry_out(
    camera: Camera, microphone: MicrophoneReader | None, command: dict[str, Any]
) -> None:
    match command:
        case {"command": "arm", "epoch": int(epoch)}:
            camera.arm(epoch)
        case {"command": "disarm"}:
            camera.disarm()
        case {"command": "view", "on": bool(on)}:
            camera.view(on)
        case {"command": "key_frame"}:
            camera.key_frame()
        case {"command": "rate", "fps": int(fps)} if fps > 0:
            camera.rate(fps)
        case {
            "command": "stamp",
            "pre": bool(pre),
            "trusted": bool(trusted),
            "wearer": (str() | None) as wearer,
        }:
            camera.stamp(pre=pre, trusted=trusted, wearer=wearer)
        case {"command": "sound", "mode": str(mode), "epoch": int(epoch)} if mode in _MODES:
            if microphone is not None:
                microphone.tell(wire.SoundMode(mode), epoch)
        case _:
            raise WireError(f"unknown command: {command}")


def _keep_quiet() -> None:
    """Let no library write to stderr: what went wrong is said once, by `CaptureServer.fail`."""
    os.environ.setdefault("LIBCAMERA_LOG_LEVELS", "*:FATAL")
    logging.getLogger("picamera2").addHandler(logging.NullHandler())
    logging.getLogger("picamera2").propagate = False


def main() -> int:
    """Run the process; returns the exit status."""
    parent = os.getppid()
    parser = argparse.ArgumentParser(prog="python -m camerad.capture")
    parser.add_argument("--settings", required=True, help="JSON object")
    parser.add_argument("--socket-fd", required=True, type=int)
    parser.add_argument("--frame-fd", required=True, type=int)
    arguments = parser.parse_args()
    try:
        settings = capture_settings.parse(arguments.settings)
        connection = socket.socket(fileno=arguments.socket_fd)
        process.forbid_dumps()
        process.die_with_parent(parent)
        process.share_one_heap()
    except (OSError, CameradError) as error:
        print(f"camerad.capture: {error}", file=sys.stderr)  # noqa: T201
        return EX_USAGE
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    _keep_quiet()
    running = CaptureServer(settings, connection, arguments.frame_fd)
    threading.excepthook = lambda hook: running.fail(hook.exc_value or hook.exc_type())
    try:
        running.run()
    except BaseException as error:  # noqa: BLE001 - whatever it is, the controller is told
        running.fail(error)
    return 0


if __name__ == "__main__":
    sys.exit(main())
