"""The camera state that the daemon wants: a state, not a queue of orders.

The armed epoch, whether the self-view is on, what the stamp shows, how many pictures per second
there are, what is to be done with the microphone; and what happens once: a wipe, a key frame, the
end. `camerad.stream.link` holds one, takes its `snapshot` and brings it about.

An epoch is what lies between `arm` and `disarm`; sound has epochs of its own. A wipe overwrites all
rings and ends both.
"""

from __future__ import annotations

import os
import threading
from concurrent.futures import Future

import msgspec

from camerad.base.errors import RingError
from camerad.stream.capture_process import QUIET, SoundOrder, StampState
from camerad.stream.ring import Ring
from camerad.stream.sound_link import not_on
from camerad.stream.wire import SoundMode


class Snapshot(msgspec.Struct, frozen=True):
    """A snapshot of `DesiredState`.

    epoch, sound_epoch: those that are armed, if any. key: the next picture is to be a key frame.
    wipes: who waits for the rings to be overwritten.
    """

    epoch: int | None
    view: bool
    stamp: StampState | None
    fps: int | None
    sound: SoundOrder
    sound_epoch: int | None
    key: bool
    wipes: tuple[Future[int], ...]


class DesiredState:
    """The wanted state. `rings`: those that a wipe overwrites.

    Every method may be called from any thread, and none waits.
    """

    def __init__(self, rings: tuple[Ring, ...]) -> None:
        self._rings = rings
        # All that follows is under the lock. The descriptor, an eventfd, wakes the thread; it is
        # None before the thread begins and when it has ended.
        self._lock = threading.Lock()
        self._wake_fd: int | None = None
        self._epochs = 0
        self._epoch: int | None = None
        self._view = False
        self._stamp: StampState | None = None
        self._fps: int | None = None
        self._sound = QUIET
        self._sound_epoch: int | None = None
        self._want_key = False
        self._wipes: list[Future[int]] = []
        self._stop_us: int | None = None

    # ------------------------------------------------------------------ for the link's thread

    def attach(self) -> int:
        """From now on every change makes this descriptor, an eventfd(2), readable for the thread
        that polls it, and a wipe waits for that thread."""
        with self._lock:
            self._wake_fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
            return self._wake_fd

    def detach(self) -> None:
        """The thread has stopped polling: close the descriptor, and do the pending wipes."""
        with self._lock:
            if self._wake_fd is not None:
                os.close(self._wake_fd)
            self._wake_fd = None
            wipes, self._wipes = self._wipes, []
        for future in wipes:
            wipe_into(future, self._rings)

    def snapshot(self) -> Snapshot:
        """The present wanted state. A key frame and wipes are handed out once."""
        with self._lock:
            found = Snapshot(
                self._epoch,
                self._view,
                self._stamp,
                self._fps,
                self._sound,
                self._sound_epoch,
                self._want_key,
                tuple(self._wipes),
            )
            self._want_key = False
            self._wipes = []
        return found

    def wipe_later(self, wipes: tuple[Future[int], ...]) -> None:
        """These wipes cannot be done yet: hand them out again, before those that came since."""
        with self._lock:
            self._wipes = [*wipes, *self._wipes]

    def overwrite(self) -> int:
        """Overwrite the rings; how many bytes. Raises RingError while one of them is read from."""
        return wipe(self._rings)

    def wake(self) -> None:
        """End the sleep of the link's thread."""
        with self._lock:
            self._wake()

    @property
    def wipe_waits(self) -> bool:
        """Whether a wipe has not been handed out yet."""
        return bool(self._wipes)

    @property
    def view(self) -> bool:
        """Whether low-resolution frames are wanted."""
        return self._view

    @property
    def stop_us(self) -> int | None:
        """When the capture process is killed if it has not ended; None before `stop`."""
        return self._stop_us

    # ------------------------------------------------------------------ for the daemon

    @property
    def epoch(self) -> int | None:
        """The epoch that is armed, if any."""
        return self._epoch

    def arm(self) -> int:
        """Feed the ring, beginning with a key frame; the number of the new epoch.

        While it is armed already that is all: the footage goes on without a seam.
        """
        with self._lock:
            if self._epoch is None:
                self._epochs += 1
                self._epoch = self._epochs
                self._wake()
            return self._epoch

    def disarm(self) -> Future[int]:
        """Stop feeding the ring and wipe it; see `wipe`."""
        return self.wipe()

    def wipe(self) -> Future[int]:
        """Disarm, have the process forget what it encoded, and overwrite the rings.

        Sound that is on is ready afterwards, until `set_sound` says otherwise.

        The future gives the number of bytes overwritten, once no byte of footage is left in this
        process: a packet that is arriving is discarded too. While a recording reads from the ring
        it waits for the lease to end.
        """
        future: Future[int] = Future()
        future.set_running_or_notify_cancel()
        with self._lock:
            self._epoch = self._sound_epoch = None
            self._sound = not_on(self._sound)
            if self._wake_fd is not None:
                self._wipes.append(future)
                self._wake()
                return future
        wipe_into(future, self._rings)
        return future

    def set_view(self, on: bool) -> None:
        """Whether the capture process writes low-resolution frames into the shared memory."""
        with self._lock:
            self._view = on
            self._wake()

    def set_stamp(self, stamp: StampState) -> None:
        """What the stamp shows; what is armed after this call, from its first picture on."""
        with self._lock:
            if stamp != self._stamp:
                self._stamp = stamp
                self._wake()

    def set_fps(self, fps: int) -> None:
        """Set the pictures per second from now on; before the first call as many as its settings
        say."""
        with self._lock:
            if fps != self._fps:
                self._fps = fps
                self._wake()

    def set_sound(self, mode: SoundMode) -> None:
        """Set the microphone's command; ON feeds the ring for sound.

        What was encoded before the mode ceased to be ON still comes; only a wipe ends that.
        """
        with self._lock:
            if mode is self._sound.mode:
                return
            if mode is SoundMode.ON:
                self._epochs += 1
                self._sound_epoch = self._epochs
            self._sound = SoundOrder(mode, self._epochs if mode is SoundMode.ON else 0)
            self._wake()

    def request_key_frame(self) -> None:
        """Have the next picture be a key frame."""
        with self._lock:
            self._want_key = True
            self._wake()

    def stop(self, deadline_us: int) -> None:
        """Ask the process to end, kill it at `deadline_us` of the clock, then end the thread."""
        with self._lock:
            self._stop_us = deadline_us
            self._wake()

    def _wake(self) -> None:
        if self._wake_fd is not None:
            os.eventfd_write(self._wake_fd, 1)


def wipe(rings: tuple[Ring, ...]) -> int:
    """Overwrite them; how many bytes. Raises RingError while one of them is read from."""
    return sum([ring.wipe() for ring in rings])


def wipe_into(future: Future[int], rings: tuple[Ring, ...]) -> None:
    """Overwrite them; the future gives how many bytes, or raises RingError."""
    try:
        future.set_result(wipe(rings))
    except RingError as error:
        future.set_exception(error)
