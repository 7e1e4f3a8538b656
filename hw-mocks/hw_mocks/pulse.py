"""A sound server of one's own, through which the real ALSA library finds a microphone.

PulseAudio is started in a folder of its own: with its sockets, state and cookie there it meets no
other, and it works as root as for any user. Its only source is a pipe (``module-pipe-source``), so
that whoever writes into the pipe is the microphone's clock: what a null sink plays would be in
perfect time. Programs get at it by the ALSA device DEVICE, through ALSA's pulse plugin, if they run
with `PulseServer.environment`.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

DEVICE: Final = "microphone"
"""The name of the ALSA device."""
SAMPLE_BYTES: Final = 2
PIPE_BYTES: Final = 16 * 1024
"""What the pipe holds, 170 ms of sound at 48 kHz: the server does not read it while nobody listens,
and whoever opens the microphone then hears no more than this of the time before."""
SOCKET_PATH_BYTES: Final = 107  # unix(7)
PATIENCE_US: Final = 250_000
"""A pipe that is full for so long has no reader: one that listens empties it a hundred times a
second, and is not kept from that for longer."""
_START_SECONDS: Final = 10.0
_LOOK_SECONDS: Final = 0.005
_PLUGIN: Final = "libasound_module_pcm_pulse.so"
_PLUGIN_FOLDERS: Final = (Path("/usr/lib"), Path("/usr/lib64"))


class PulseError(OSError):
    """Error raised when there can be no sound server; the text says what is missing."""


def plugin_folder() -> Path:
    """Where ALSA's pulse plugin lies. Raises PulseError if it is not installed."""
    for folder in _PLUGIN_FOLDERS:
        for found in (*folder.glob(f"*/alsa-lib/{_PLUGIN}"), *folder.glob(f"alsa-lib/{_PLUGIN}")):
            return found.parent
    raise PulseError("ALSA has no pulse plugin here: install libasound2-plugins")


def write_files(folder: Path, rate: int) -> dict[str, str]:
    """Write what programs need to find the microphone of a server in `folder`.

    Returns the variables for their environment. rate: samples per second of the source. Raises
    PulseError if ALSA's plugin is missing or the path is too long, OSError if `folder` cannot be
    written.
    """
    plugins = plugin_folder()
    if len(os.fsencode(folder / "native")) > SOCKET_PATH_BYTES:
        raise PulseError(f"{folder}: too long for a socket below it; choose a shorter folder")
    folder.mkdir(parents=True, exist_ok=True)
    # libpulse writes itself a cookie where it finds none.
    (folder / "cookie").write_bytes(bytes(256))
    (folder / "client.conf").write_text("autospawn = no\nenable-shm = no\nenable-memfd = no\n")
    (folder / "asound.conf").write_text(
        f'pcm.{DEVICE} {{\n  type pulse\n  server "unix:{folder}/native"\n  device "{DEVICE}"\n}}\n'
    )
    (folder / "server.pa").write_text(
        ".fail\n"
        f"load-module module-native-protocol-unix socket={folder}/native auth-anonymous=1\n"
        f"load-module module-cli-protocol-unix socket={folder}/cli\n"
        f"{_load(folder, rate)}\n"
    )
    return {
        "ALSA_CONFIG_PATH": str(folder / "asound.conf"),
        "ALSA_PLUGIN_DIR": str(plugins),
        "PULSE_CLIENTCONFIG": str(folder / "client.conf"),
        "PULSE_COOKIE": str(folder / "cookie"),
        "PULSE_RUNTIME_PATH": str(folder),
    }


def _load(folder: Path, rate: int) -> str:
    source = f"source_name={DEVICE} file={folder}/pipe format=s16le rate={rate} channels=1"
    return f"load-module module-pipe-source {source}"


class Outlet:
    """The microphone's end of a pipe, `fd`, which it owns.

    A process that was held up hands on much at once: more than a pipe holds, whose reader was held
    up as well. So what does not fit waits its turn, as in the buffer of a device; unless nobody
    listens, for then there is no such buffer, and it is lost.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._waiting = b""
        self._heard = False
        """Whether somebody listens."""
        self._full_us = 0
        """Since when the pipe takes nothing."""
        fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, PIPE_BYTES)

    def write(self, samples: bytes, at_us: int) -> bool:
        """Hand on these samples and all that wait, at media time `at_us`; whether they all went."""
        self._waiting += samples
        try:
            while self._waiting:
                self._waiting = self._waiting[os.write(self._fd, self._waiting) :]
                self._full_us = at_us
        except (BlockingIOError, BrokenPipeError):
            self._heard = self._heard and at_us - self._full_us <= PATIENCE_US
            if not self._heard:
                # An odd byte would turn all that follows to noise.
                self._waiting = self._waiting[: len(self._waiting) % SAMPLE_BYTES]
            return False
        self._heard = True
        return True

    def close(self) -> None:
        """Close the pipe; what waits is lost."""
        os.close(self._fd)


class PulseServer:
    """A server with a microphone. folder: its own, of at most 95 bytes; rate: samples per second.

    Raises PulseError if it cannot be started. It is killed when the thread that made it ends.
    """

    def __init__(self, folder: Path, rate: int) -> None:
        self._folder = folder
        self._rate = rate
        self.environment: Final = write_files(folder, rate)
        """For programs that are to find the microphone."""
        self._pipe: Outlet | None = None
        program = shutil.which("pulseaudio")
        if program is None:
            raise PulseError("there is no pulseaudio: install it, or run hw-mocks/prepare.sh")
        for left in ("native", "cli", "pipe"):
            (folder / left).unlink(missing_ok=True)
        options = ["-n", "--daemonize=no", "--use-pid-file=no", "--exit-idle-time=-1"]
        options += ["--disable-shm=yes", "--realtime=no", "--high-priority=no"]
        options += ["--log-level=error", "-F", str(folder / "server.pa")]
        own = {"HOME": str(folder), "XDG_RUNTIME_DIR": str(folder), "PULSE_STATE_PATH": str(folder)}
        # What belongs to another server, or to a desktop, is none of its business.
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("PULSE_", "DBUS_"))}
        with (folder / "pulseaudio.log").open("wb") as log:
            self._process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", program, *options],
                env={**inherited, **self.environment, **own},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            self._wait(self._open_pipe, "did not start")
        except BaseException:
            self.close()
            raise

    @property
    def pid(self) -> int:
        """The server's process id."""
        return self._process.pid

    def _wait(self, done: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while not done():
            if self._process.poll() is not None or time.monotonic() > deadline:
                said = (self._folder / "pulseaudio.log").read_text(errors="replace").strip()
                raise PulseError(f"pulseaudio {what}: {said[-500:] or 'it said nothing'}")
            time.sleep(_LOOK_SECONDS)

    def _open_pipe(self) -> bool:
        try:
            fd = os.open(self._folder / "pipe", os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            # Not there yet, or nobody reads from it yet (ENXIO, fifo(7)).
            return False
        self._pipe = Outlet(fd)
        return True

    def write(self, samples: bytes, at_us: int) -> bool:
        """The microphone takes these samples; whether there was one with room for them."""
        return self._pipe is not None and self._pipe.write(samples, at_us)

    def unplug(self) -> None:
        """Take the microphone away: who reads from it gets an error, and it cannot be opened."""
        if self._pipe is not None:
            self._pipe.close()
            self._pipe = None
            self._order("unload-module module-pipe-source")
            self._wait(lambda: not (self._folder / "pipe").exists(), "kept its microphone")

    def plug_in(self) -> None:
        """Bring the microphone back."""
        if self._pipe is None:
            self._order(_load(self._folder, self._rate))
            self._wait(self._open_pipe, "took no microphone")

    def _order(self, line: str) -> None:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(_START_SECONDS)
            connection.connect(str(self._folder / "cli"))
            connection.sendall(f"{line}\n".encode())
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(4096):
                pass

    def freeze(self) -> None:
        """Let the microphone hang: opening, reading and closing it do not come back."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        """End the server and remove what it left."""
        if self._pipe is not None:
            self._pipe.close()
            self._pipe = None
        self._process.kill()
        self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)
