"""The camera: picamera2, opened and configured once per process life.

`camerad.capture.camera_source` gives each picture to the encoder and to the self-view. The camera
runs from construction to `Camera.close` in every stage, because starting it takes longer than an
officer can wait; what the stages change is whether it is encoded. Only where the configuration
wants it, the sensor is off in idle (`camerad.capture.resting`).

What stays in memory when nothing is encoded: the camera's own buffers, six of each stream, or four
of a USB camera. They always hold the last pictures, a fifth of a second at 30 pictures per second,
each overwritten by a later one; libcamera's own buffers between the sensor and the image processor
hold the same moments as Bayer data. If the sensor stalls, they stay until it goes on or the process
ends. Nothing else stays: what libav and x264 made of pictures and packets is freed with decoder and
encoder, and what is freed is overwritten (`camerad.base.process.overwrite_freed_memory`). Of a
camera whose pictures are converted, one is looked at for its brightness a few times a second, and
let go with the next.
"""

from __future__ import annotations

import contextlib
import gc
import threading
from collections.abc import Callable
from typing import Any, Final

import numpy as np
from libcamera import controls
from picamera2.platform import Platform, get_platform

from camerad.base.clock import Clock
from camerad.base.errors import CaptureError
from camerad.capture.camera_source import close_camera, has_rate, open_camera, writing
from camerad.capture.capture_settings import CaptureSettings
from camerad.capture.encoding import (
    HARDWARE_FORMAT,
    HardwareEncoder,
    KeySchedule,
    SoftwareEncoder,
    Wiring,
    choose,
    codec_name,
)
from camerad.capture.pictures import Picture, Pictures
from camerad.capture.resting import Resting
from camerad.capture.send_queue import Outbox
from camerad.capture.stamp import Stamp
from camerad.stream import wire
from camerad.stream.frame import Geometry
from camerad.stream.newest import Frame, FrameWriter

_BRIGHTNESS_STEP: Final = 16
"""Pixels from one that is looked at to the next, both ways: 300 of a picture of 320 x 240."""


class Camera:
    """Opens the camera on construction; it says hello and delivers from then on.

    outbox: where packets and messages go. frame_fd: memfd of the newest low-resolution frame. fail:
    called with an exception from a thread of the camera; it ends the process. opening: gives the
    context in which an encoder in software is opened, which no picture has reached yet. sound: what
    is to be said of the microphone. Raises CaptureError if there is no camera, or it cannot be
    configured or started.

    All methods are called from one thread, the one that takes the commands.
    """

    def __init__(
        self,
        settings: CaptureSettings,
        outbox: Outbox,
        frame_fd: int,
        clock: Clock,
        fail: Callable[[BaseException], None],
        *,
        opening: Callable[[], contextlib.AbstractContextManager[object]],
        sound: dict[str, Any] | None = None,
    ) -> None:
        self._settings = settings
        self._sound = sound
        self._outbox = outbox
        self._clock = clock
        self._fail = fail
        self._keys = KeySchedule(settings.key_interval_us, settings.frame_us)
        self._pictures = Pictures(outbox, settings.frame_us, self._keys.request)
        self._picture: Picture | None = None
        self._viewing = False
        self._fps = round(settings.fps)
        self._encoder: SoftwareEncoder | HardwareEncoder | None = None
        self._stamp: Stamp | None = None
        if settings.stamp is not None:
            self._stamp = Stamp(settings.stamp.device, settings.width, settings.height, clock)
        on_vc4 = get_platform() is Platform.VC4
        self._hardware, self._why = choose(settings.encoder, on_vc4)
        self._platform = "vc4" if on_vc4 else "pisp"
        self._picam2, self._source = open_camera(settings)
        if self._hardware and self._source.format != HARDWARE_FORMAT:
            self._hardware, self._why = False, f"the camera delivers {self._source.format}"
        self._wiring = Wiring(
            self._pictures,
            self._keys,
            lambda: self._picture,
            self._source.image,
            self._write_stamp,
            self._fail,
            opening,
        )
        self._taking = threading.Lock()
        try:
            self._writer = FrameWriter(frame_fd, self._source.small)
            self._stream = self._picam2.stream_map["main"]
            self._picam2.start()
            if self._hardware:
                self._encoder = HardwareEncoder(settings, self._wiring)
                self._picam2.start_encoder(self._encoder)
            # Before the first beat: who hears of a frame knows what camera it is from.
            outbox.send(wire.message(wire.MessageKind.HELLO, self.description()))
            self._picam2.post_callback = self._take
        except Exception as error:
            raise CaptureError(f"the camera cannot be started: {error}") from error
        self._resting: Resting | None = None
        if settings.rests:
            self._resting = Resting(
                self._start_stream, self._stop_stream, self._pictures.rest_beat, clock.now_us()
            )
        # What is alive now stays so; disarm() need not look through it for garbage.
        gc.collect()
        gc.freeze()

    def description(self) -> dict[str, Any]:
        """The opened camera: the body of the HELLO message."""
        main, lores = self._picam2.stream_configuration("main"), self._source.small
        return {
            "camera": str(self._picam2.camera_properties.get("Model", "unknown")),
            "platform": self._platform,
            "encoder": "hardware" if self._hardware else "software",
            "encoder_because": self._why,
            "codec": codec_name(self._hardware),
            "format": self._source.format,
            "width": self._settings.width,
            "height": self._settings.height,
            "stride": main["stride"],
            "fps": self._settings.fps,
            "lores_width": lores.width,
            "lores_height": lores.height,
            "lores_stride": lores.stride,
            "sound": self._sound,
        }

    def _take(self, request: Any) -> None:
        """picamera2 calls this with every frame, right before the hardware's encoder; never
        raises."""
        try:
            with self._taking:
                self._take_picture(request)
        except Exception as error:  # noqa: BLE001 - picamera2's event loop would die of it
            self._fail(error)

    def _take_picture(self, request: Any) -> None:
        self._source.take(request)
        if (self._pictures.armed or self._viewing) and not self._source.whole():
            # Not delivered; the next picture's number and time say so.
            self._picture = None
            return
        metadata = request.request.metadata
        pts_us = metadata[controls.SensorTimestamp] // 1000
        self._picture = self._pictures.delivered(
            request.request.buffers[self._stream].metadata.sequence,
            pts_us,
            metadata.get(controls.FrameDuration, 0),
            self._luma,
        )
        if self._picture is None:
            return
        if self._viewing:
            self._writer.put(self._source.view(), pts_us)
        if isinstance(self._encoder, SoftwareEncoder):
            self._encoder.encode_picture()

    def _luma(self) -> int | None:
        """How bright the present picture is; None if it is damaged."""
        if not self._source.whole():
            return None
        return brightness(self._source.view(), self._source.small)

    def _write_stamp(self, picture: Picture) -> None:
        """Put the stamp into the picture that the encoder takes next."""
        if self._stamp is not None:
            with self._source.luma() as rows:
                self._stamp.write(rows, picture.pts_us)

    def stamp(self, *, pre: bool, trusted: bool, wearer: str | None) -> None:
        """What the stamp shows from the next picture on; see `Stamp.tell`."""
        if self._stamp is None:
            return
        # A picture that is on its way was exposed before this word came. Where nothing is armed,
        # nothing is kept of what was before, and no recording is to begin with PRE.
        from_us = self._clock.now_us() if self._pictures.armed else 0
        self._stamp.tell(pre=pre, trusted=trusted, wearer=wearer, from_us=from_us)

    def arm(self, epoch: int) -> None:
        """Encode from now on under `epoch`, beginning with a key frame at most one frame old.

        If it is armed already, everything encoded so far is forgotten first. Raises CaptureError
        if the encoder cannot be started.
        """
        if self._resting is not None:
            self._resting.want()
        not_before_us = self._clock.now_us() - self._settings.frame_us
        self.disarm()
        self._pictures.arm(epoch, not_before_us)
        if self._hardware:
            self._keys.request()
            return
        try:
            encoder = SoftwareEncoder(self._settings, self._wiring, self._source.pixels)
        except Exception as error:
            raise CaptureError(f"the encoder cannot be started: {error}") from error
        with self._taking:
            self._encoder = encoder

    def disarm(self) -> None:
        """Stop encoding and forget every encoded byte; harmless if nothing is armed."""
        self._pictures.disarm()
        if isinstance(self._encoder, HardwareEncoder):
            self._encoder.wipe()
        else:
            with self._taking:
                if isinstance(self._encoder, SoftwareEncoder):
                    self._encoder.close()
                self._encoder = None
                if not self._viewing:
                    self._source.forget()
            gc.collect()
        self._outbox.forget()

    def view(self, on: bool) -> None:
        """Share the low-resolution frames, or overwrite them and share no more."""
        if on and self._resting is not None:
            self._resting.want()
        with self._taking:
            self._viewing = on
            if not on:
                self._writer.blacken()
                if not self._pictures.armed:
                    self._source.forget()

    def key_frame(self) -> None:
        """Make the next frame a key frame."""
        self._keys.request()

    def rate(self, fps: int) -> None:
        """Take so many pictures per second from a few frames on, without configuring anew. A camera
        that takes no rate keeps its own.

        Raises CaptureError if the camera takes no controls.
        """
        self._fps = fps
        if not has_rate(self._picam2):
            return
        duration_us = round(1_000_000 / fps)
        try:
            # libcamera's own word for it (control_ids_core.yaml), in microseconds.
            self._picam2.set_controls({"FrameDurationLimits": (duration_us, duration_us)})
        except Exception as error:
            raise CaptureError(f"the camera's rate cannot be set: {error}") from error

    def tick(self) -> None:
        """Time has passed; due every `resting.TICK_SECONDS` where the sensor may rest. Raises
        CaptureError if the sensor cannot be stopped; it may also never return."""
        if self._resting is not None:
            wanted = self._pictures.armed or self._viewing
            self._resting.tick(self._clock.now_us(), wanted=wanted)

    def _start_stream(self) -> None:
        # picamera2 forgets what it was told when it starts.
        self.rate(self._fps)
        try:
            self._picam2.start()
        except Exception as error:
            raise CaptureError(f"the camera cannot be started again: {error}") from error

    def _stop_stream(self) -> None:
        try:
            self._picam2.stop()
        except Exception as error:
            raise CaptureError(f"the camera cannot be stopped: {error}") from error
        self._pictures.rests()
        self._source.forget()
        # No frame comes that would overwrite the last ones.
        for buffer, memory in self._picam2.allocator.mapped_buffers.items():
            with writing(buffer):
                memory[:] = bytes(len(memory))

    def close(self) -> None:
        """Stop and close the camera. May never return: the camera stack is known to hang here."""
        self.disarm()
        self.view(False)
        if isinstance(self._encoder, HardwareEncoder):
            self._picam2.stop_encoder(self._encoder)
        self._picam2.stop()
        self._source.close()
        close_camera(self._picam2)


def brightness(frame: Frame, geometry: Geometry) -> int:
    """The luma that nine tenths of a picture do not exceed, 0 to 255. frame: `Geometry.shape`,
    I420.

    So a single lamp does not make a covered lens look as if it saw.
    """
    luma = frame[: geometry.height : _BRIGHTNESS_STEP, : geometry.width : _BRIGHTNESS_STEP].ravel()
    last = -(-len(luma) * 9 // 10) - 1
    return int(np.partition(luma, last)[last])
