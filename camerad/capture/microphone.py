"""The microphone: an ALSA device, read by a separate thread.

Nothing of it holds up the camera or a command. Opening, reading and closing may hang, as drivers
do: then only that thread does, a second one notices and says so, and the commands go on. A device
that is missing is looked for again every RETRY_SECONDS, so one that is plugged in again is heard
again.

ALSA is read through FFmpeg's input device, without its time stamps: those are filtered wall time,
which a step of the clock bends. What counts is how many samples have come, and when
(`camerad.capture.sampling`).

Samples are footage. A block is overwritten as soon as it is encoded, or at once where nothing is
to be encoded; a change of mode overwrites what waits. The libraries' own copies are overwritten by
glibc as they are freed (`camerad.base.process.overwrite_freed_memory`), with every block, and all
of them with the encoder. The device's own buffer holds the latest samples for as long as it is
open.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import sysconfig
import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Final, Protocol

import av

from camerad.base.clock import SECOND, Clock
from camerad.capture import sound_encoder
from camerad.capture.capture_settings import SoundSettings
from camerad.capture.sampling import Placed, SampleClock
from camerad.capture.send_queue import Outbox, overwrite
from camerad.stream import wire
from camerad.stream.wire import SoundMode, SoundState

RETRY_SECONDS: Final = 1.0
"""How long after a device could not be opened, or was lost, it is tried again."""
PATIENCE_US: Final = 1 * SECOND
"""A device that says nothing for so long has failed."""
_LOOK_SECONDS: Final = 0.25
_READS: Final = "gives no samples"
"""The fault of a device that does not answer while it is read."""
_BLOCKS_A_SECOND: Final = 50
"""Devices give from 32 to some thousand samples at a time; they are dealt with in blocks."""


class AudioDevice(Protocol):
    """An open microphone."""

    def packets(self) -> Iterator[memoryview]:
        """Samples of `sound.FORMAT` as they come, in writable memory that belongs to the caller
        until the next; ends or raises OSError when the device is gone."""

    def close(self) -> None:
        """Close it."""


class AlsaDevice:
    """An ALSA device opened for reading. Raises OSError if it cannot be opened."""

    def __init__(self, settings: SoundSettings) -> None:
        use_system()
        _silence_alsa()
        options = {"sample_rate": str(settings.rate), "channels": str(settings.channels)}
        self._container: Any = av.open(settings.device, format="alsa", options=options)

    def packets(self) -> Iterator[memoryview]:
        """See `AudioDevice`."""
        for packet in self._container.demux(audio=0):
            yield memoryview(packet)

    def close(self) -> None:
        """See `AudioDevice`."""
        self._container.close()


def _silence_alsa() -> None:
    """Let the ALSA libraries in this process write nothing to stderr.

    Each failed attempt would be a line in the log, once a second; what is wrong is said once, as a
    state. There may be two of them, PyAV's and the one that its plugins are linked with. The
    handler is variadic and has nothing to do, so any function will do that takes no arguments.
    """
    with open("/proc/self/maps") as maps:
        # Told apart first: a thousand lines are searched with every attempt to open the device.
        lines = [line for line in maps if "/libasound" in line]
    paths = {found[0] for line in lines if (found := re.search(r"/\S*/libasound[-.]\S*", line))}
    nothing = ctypes.cast(ctypes.CDLL(None).getpid, ctypes.c_void_p)
    for path in paths:
        ctypes.CDLL(path).snd_lib_error_set_handler(nothing)


class MicrophoneReader:
    """Reads one device as it is told, and sends sound and its state.

    outbox: where they go. open_device: gives an open device, or raises OSError. Raises CaptureError
    if the encoder does not take the settings.
    """

    def __init__(
        self,
        settings: SoundSettings,
        outbox: Outbox,
        clock: Clock,
        open_device: Callable[[SoundSettings], AudioDevice] = AlsaDevice,
    ) -> None:
        self.description: Final = sound_encoder.describe(settings)
        """The "sound" of the HELLO message."""
        self._settings = settings
        self._outbox = outbox
        self._clock = clock
        self._open_device = open_device
        self._block_bytes = settings.rate // _BLOCKS_A_SECOND * sound_encoder.SAMPLE_BYTES

        # All of this is shared with the threads, under the lock. No call of the device holds it.
        self._changed = threading.Condition()
        self._mode = SoundMode.OFF
        self._epoch = 0
        self._not_before_us = 0
        """Nothing that was heard earlier is encoded: the last command, or the device's opening."""
        self._state: tuple[SoundState, str | None] | None = None
        self._doing: str | None = None
        """The present call of the device, in words; None without one."""
        self._sign_us = 0
        """When it was last seen to answer."""
        self._samples = SampleClock(settings.rate)
        self._waiting: deque[bytearray | None] = deque()
        """Blocks that have no time yet; None for one that is not needed."""
        self._encoder = sound_encoder.SoundEncoder(settings, self._send)

        for target, name in ((self._run, "microphone"), (self._watch, "microphone-watch")):
            threading.Thread(target=target, name=name, daemon=True).start()

    # Commands

    def tell(self, mode: SoundMode, epoch: int) -> None:
        """Read, encode, or neither, from now on; what is not encoded yet is forgotten.

        Encoded units wait for the socket alone, and were heard before: they are sent, since their
        recording still wants them. A wipe drops them too. Returns without waiting for the device.
        """
        with self._changed:
            if (mode, epoch) == (self._mode, self._epoch):
                return
            self._mode, self._epoch = mode, epoch
            self._not_before_us = self._clock.now_us()
            self._forget()
            self._changed.notify_all()

    @contextlib.contextmanager
    def held(self) -> Iterator[bool]:
        """Meanwhile no sample is encoded or forgotten. Whether nothing that held samples is freed
        either, without having been overwritten: that is not known of a library while it opens or
        closes the device.

        To be held for less time than the device's buffer lasts.
        """
        with self._changed:
            yield self._doing in (None, _READS)

    def _forget(self) -> None:
        self._encoder.forget()
        self._drop_waiting()

    def _drop_waiting(self) -> None:
        for index, block in enumerate(self._waiting):
            if block is not None:
                overwrite(memoryview(block))
                self._waiting[index] = None

    # What is sent

    def _say(self, state: SoundState, why: str | None = None) -> None:
        """State a change; called with the lock held."""
        if self._state == (state, why):
            return
        self._state = (state, why)
        body = {"state": state, "at_us": self._clock.now_us(), "why": why}
        self._outbox.send(wire.message(wire.MessageKind.SOUND_STATE, body))

    def _send(self, unit: memoryview, number: int, at_us: int) -> None:
        body = memoryview(bytearray(unit))
        overwrite(unit)
        if not self._outbox.has_room(wire.HEADER.size + len(body)):
            # The number of the next one will tell.
            overwrite(body)
            return
        header = wire.MessageHeader(
            wire.MessageKind.SOUND, False, self._epoch, number % 2**32, at_us, len(body)
        )
        self._outbox.send(header.pack(), body)

    # The thread that may hang

    def _run(self) -> None:
        while True:
            with self._changed:
                self._doing = None
                if self._mode is SoundMode.OFF:
                    self._say(SoundState.OFF)
                    self._changed.wait_for(lambda: self._mode is not SoundMode.OFF)
                    self._say(SoundState.STARTING)
            try:
                self._listen()
            except OSError as error:
                self._lost(SoundState.MISSING, self._missing(error))
            except Exception as error:  # noqa: BLE001 - without sound the picture still counts
                with self._changed:
                    self._forget()
                self._lost(SoundState.FAILED, f"reading the microphone failed: {error!r}")

    def _lost(self, state: SoundState, why: str) -> None:
        with self._changed:
            self._doing = None
            if self._mode is not SoundMode.OFF:
                self._say(state, why)
                self._changed.wait_for(lambda: self._mode is SoundMode.OFF, RETRY_SECONDS)

    def _missing(self, error: OSError) -> str:
        return (
            f"the ALSA device {self._settings.device} cannot be opened or was lost "
            f"({error.strerror or error}): is it plugged in, does `arecord -L` list it, and has no "
            "other program opened it?"
        )

    def _asks(self, doing: str) -> None:
        """From now on the device has to answer."""
        with self._changed:
            self._doing, self._sign_us = doing, self._clock.now_us()
            self._changed.notify_all()

    def _listen(self) -> None:
        """Read the device until it is to be closed. Raises OSError if it is missing or lost."""
        self._asks("does not answer when it is opened")
        with self._changed:
            self._not_before_us = max(self._not_before_us, self._clock.now_us())
        device = self._open_device(self._settings)
        try:
            self._asks(_READS)
            try:
                self._read(device)
            finally:
                with self._changed:
                    self._end()
        finally:
            self._asks("does not answer when it is closed")
            device.close()

    def _end(self) -> None:
        """No samples follow: what has a time is sent, what has none has nothing to go by."""
        self._samples.restart()
        self._drop_waiting()
        self._waiting.clear()
        self._encoder.end_run()

    def _read(self, device: AudioDevice) -> None:
        block = bytearray(self._block_bytes)
        filled = 0
        for packet in device.packets():
            now_us = self._clock.now_us()
            self._sign_us = now_us
            start = 0
            while start < len(packet):
                size = min(len(packet) - start, len(block) - filled)
                block[filled : filled + size] = packet[start : start + size]
                start, filled = start + size, filled + size
                if filled == len(block):
                    self._take(block, now_us)
                    block, filled = bytearray(self._block_bytes), 0
            overwrite(packet)
            if self._mode is SoundMode.OFF:
                overwrite(memoryview(block))
                return
        raise OSError("it gives no more samples")

    def _take(self, block: bytearray, now_us: int) -> None:
        """A block of samples has come."""
        with self._changed:
            if self._mode is SoundMode.OFF:
                overwrite(memoryview(block))
                return
            self._say(SoundState.ON)
            wanted = self._mode is SoundMode.ON
            if not wanted:
                overwrite(memoryview(block))
            self._waiting.append(block if wanted else None)
            for placed in self._samples.arrived(len(block) // sound_encoder.SAMPLE_BYTES, now_us):
                self._encode(self._waiting.popleft(), placed)

    def _encode(self, block: bytearray | None, placed: Placed | None) -> None:
        if block is None:
            return
        if placed is not None:
            at_us = placed.at_us - self._settings.delay_us
            if at_us >= self._not_before_us:
                self._encoder.put(memoryview(block), Placed(at_us, placed.fresh))
        overwrite(memoryview(block))

    # The thread that watches it

    def _watch(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._doing is not None)
                self._changed.wait(_LOOK_SECONDS)
                silent = self._clock.now_us() - self._sign_us > PATIENCE_US
                if self._doing is not None and silent:
                    name = self._settings.device
                    self._say(SoundState.FAILED, f"the microphone {name} {self._doing}")


CONFIGURATION: Final = "/usr/share/alsa"
_TRIPLET: Final = sysconfig.get_config_var("MULTIARCH") or ""
PLUGINS: Final = f"/usr/lib/{_TRIPLET}/alsa-lib"


def use_system() -> None:
    """Let libraries of this process use the system's; variables that are set stay as they are.

    Has to be called before the first device is opened.
    """
    os.environ.setdefault("ALSA_CONFIG_DIR", CONFIGURATION)
    os.environ.setdefault("ALSA_PLUGIN_DIR", PLUGINS)
