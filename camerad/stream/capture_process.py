"""One run of the capture program: the process, the controller's end of its socket, what it was told
and whether it lives."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from camerad.stream import frame, wire

DEFAULT_ARGV: Final = (sys.executable, "-m", "camerad.capture")

SOCKET_BYTES: Final = 4 * 1024 * 1024
"""What may be under way: more than a second of footage at 25 Mbit/s. The kernel gives less where
``net.core.wmem_max`` is lower; that costs system calls and no packets, see `room`."""

OWN_WORDS: Final = "camerad.capture: "
"""How a line of the program's own begins on its standard error; the same comes as a message."""
MAX_LINE: Final = 4096
_READS: Final = 4
"""Of standard error at once: what a pipe holds, and its end (``pipe(7)``). Packets wait for it."""

_TUNABLES: Final = {
    # The process has freed memory overwritten, so that no packet outlives its use in its heap; each
    # thread's cache would escape that, and can be forbidden from outside only (GNU C Library
    # manual, "Memory Allocation Tunables").
    "glibc.malloc.tcache_count": "0",
}


class StampState(msgspec.Struct, frozen=True):
    """Texts of the stamp besides time and camera.

    pre: whether pictures are from before a recording. trusted: whether something vouches for the
    wall clock. wearer: the id that the shift was assigned, if there is a shift. steps: how often
    the wall clock was set; where it was, the process is told anew that it is trusted.
    """

    pre: bool
    trusted: bool
    wearer: str | None = None
    steps: int = 0


def environment(base: Mapping[str, str]) -> dict[str, str]:
    """`base` with glibc told to keep nothing from being overwritten that is freed
    (`camerad.base.process.overwrite_freed_memory`); tunables that are set already stay."""
    tunables = [item for item in base.get("GLIBC_TUNABLES", "").split(":") if item]
    known = {item.partition("=")[0] for item in tunables}
    tunables += [f"{name}={value}" for name, value in _TUNABLES.items() if name not in known]
    return {**base, "GLIBC_TUNABLES": ":".join(tunables)}


class SoundOrder(NamedTuple):
    """A command for the microphone; epoch: that sound is to carry in the mode ON."""

    mode: wire.SoundMode
    epoch: int


QUIET: Final = SoundOrder(wire.SoundMode.OFF, 0)


class CaptureProcess:
    """Starts `argv` with the settings, its end of the socket pair and the shared frame memory.

    The process asks the kernel to die with the thread that started it (PR_SET_PDEATHSIG), so that
    thread has to live as long. Raises OSError if it cannot be started. Not thread-safe.
    """

    def __init__(self, argv: Sequence[str], settings: str, frame_fd: int) -> None:
        self.socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self.stderr, their_stderr = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(self.stderr, False)
        try:
            for end in (self.socket, theirs):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SOCKET_BYTES)
                end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SOCKET_BYTES)
            arguments = ("--settings", settings, "--socket-fd", str(theirs.fileno()))
            self._process = subprocess.Popen(  # noqa: S603 - our own program, and no shell
                (*argv, *arguments, "--frame-fd", str(frame_fd)),
                stdin=subprocess.DEVNULL,
                stderr=their_stderr,
                pass_fds=(theirs.fileno(), frame_fd),
                env=environment(os.environ),
            )
            try:
                self.pidfd: Final = os.pidfd_open(self._process.pid)
                """Readable once the process has ended."""
            except BaseException:
                self._process.kill()  # its end could not be watched
                raise
        except BaseException:
            self.socket.close()
            os.close(self.stderr)
            raise
        else:
            self.room: Final = theirs.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
            """Bytes that the process can send before the controller reads; with the kernel's own
            for each message, which for packets of video are less than a fifth (``socket(7)``)."""
        finally:
            theirs.close()
            os.close(their_stderr)
        self.pid: Final = self._process.pid
        self._frame_fd = frame_fd
        self.told_epoch: int | None = None
        self.told_view = False
        self._told_stamp: StampState | None = None
        self._told_fps: int | None = None
        self.told_sound = QUIET
        self._said = b""
        self._outbox = bytearray()
        self._told_key_us = 0
        self._told_stop = False
        self._beat_us: int | None = None
        self.emptied_us = 0
        """When nothing was left in the socket: what lies there has come since."""
        self._encoder_due_us = 0
        self._encodes = False

    # Commands

    @property
    def backlog(self) -> bool:
        """Whether commands wait until the process reads; then call `flush` when it does."""
        return bool(self._outbox)

    def tell(
        self, epoch: int | None, view: bool, encoder_due_us: int, sound: SoundOrder = QUIET
    ) -> None:
        """Tell it what it does not know yet.

        epoch: what is armed; view: whether the self-view is on; encoder_due_us: when a packet is
        to be expected at the latest if this arms it; sound: what is to be done with the microphone.
        """
        if epoch != self.told_epoch:
            if self.told_epoch is not None:
                self._send(wire.command("disarm"))
            if epoch is not None:
                self._send(wire.command("arm", epoch=epoch))
            self.told_epoch = epoch
            self._encoder_due_us, self._encodes = encoder_due_us, False
        if view != self.told_view:
            self._send(wire.command("view", on=view))
            self.told_view = view
            self._blacken()
        if sound != self.told_sound:
            self._send(wire.command("sound", mode=sound.mode, epoch=sound.epoch))
            self.told_sound = sound

    def tell_stamp(self, stamp: StampState | None) -> None:
        """Tell it what the stamp shows, if it does not know that yet; None: it has none.

        Before `tell`, for the first picture of an epoch bears the stamp already.
        """
        if stamp is not None and stamp != self._told_stamp:
            self._send(
                wire.command("stamp", pre=stamp.pre, trusted=stamp.trusted, wearer=stamp.wearer)
            )
            self._told_stamp = stamp

    def tell_fps(self, fps: int | None) -> None:
        """Tell it how many pictures per second to take, if it does not know that yet; None: as its
        settings say."""
        if fps is not None and fps != self._told_fps:
            self._send(wire.command("rate", fps=fps))
            self._told_fps = fps

    def ask_key_frame(self, now_us: int, every_us: int = 0) -> None:
        """Have the next picture be a key frame; not again within `every_us`."""
        if now_us - self._told_key_us >= every_us:
            self._told_key_us = now_us
            self._send(wire.command("key_frame"))

    def ask_stop(self) -> None:
        """Ask it, once, to end."""
        if not self._told_stop:
            self._told_stop = True
            self._send(wire.command("stop"))

    def _send(self, line: bytes) -> None:
        self._outbox += line
        self.flush()

    def flush(self) -> None:
        """Send what the socket takes."""
        try:
            while self._outbox:
                sent = self.socket.send(self._outbox, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
                del self._outbox[:sent]
        except BlockingIOError:
            pass
        except OSError:
            # It has closed its end; its reader notices that too.
            self._outbox.clear()

    # Signs of life

    def packet_seen(self) -> None:
        """A packet of the armed epoch has arrived: from now on only packets are signs of life."""
        self._encodes = True

    def seen_us(self, body: Mapping[str, Any], now_us: int, patience_us: int) -> int | None:
        """When there was the frame that a beat tells of, if it is a sign of life (`lives`)."""
        beat_us = body.get("pts_us")
        if type(beat_us) is not int or not self.lives(beat_us, now_us, patience_us):
            return None
        return self.frame_us(beat_us, now_us)

    def frame_us(self, pts_us: int, now_us: int) -> int:
        """When there was a frame of this media time: as the process says, but not to come, nor from
        before the socket was last found empty."""
        return max(self.emptied_us, min(pts_us, now_us))

    def lives(self, beat_us: int, now_us: int, patience_us: int) -> bool:
        """Whether a beat that reports a frame of media time `beat_us` is a sign of life.

        Not if it reports an old frame; nor if the encoder ought to deliver, which gets
        `patience_us` from the first frame on.
        """
        if self._beat_us is None:
            self._encoder_due_us = max(self._encoder_due_us, now_us + patience_us)
        elif beat_us <= self._beat_us:
            return False
        self._beat_us = beat_us
        if self.told_epoch is None:
            return True
        return not self._encodes and now_us <= self._encoder_due_us

    def complaints(self) -> tuple[list[str], bool]:
        """What has come on its standard error: whole lines that are not its own words, from a
        library or the interpreter; and whether more may come later."""
        more = True
        with contextlib.suppress(BlockingIOError):
            for _ in range(_READS):
                data = os.read(self.stderr, 65536)
                self._said += data
                if not data:
                    more = False
                    break
        *lines, self._said = self._said.split(b"\n")
        if not more or len(self._said) > MAX_LINE:
            lines, self._said = [*lines, self._said], b""
        said = [line.decode(errors="replace")[:MAX_LINE] for line in lines if line.strip()]
        return [line for line in said if not line.startswith(OWN_WORDS)], more

    # The end

    def kill(self) -> None:
        """SIGKILL; whether and when the kernel obeys shows in `pidfd`."""
        if self._process.returncode is None:
            signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)
        self._blacken()

    def _blacken(self) -> None:
        """Overwrite the pictures that it has shared, unless the self-view is on. It does so itself
        when it is told that the self-view is off, but not while it hangs, and not once it is killed
        and the kernel does not end it."""
        if not self.told_view:
            frame.erase(self._frame_fd)

    def exit_code(self) -> int | None:
        """Reap it: the exit code, or minus the signal; None while it runs."""
        return self._process.poll()

    def close(self) -> None:
        """Close what belongs to the controller; a process that still runs goes on."""
        self.socket.close()
        os.close(self.stderr)
        os.close(self.pidfd)
