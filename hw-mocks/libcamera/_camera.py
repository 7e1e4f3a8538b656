"""The camera: its states, and the sensor that runs in a thread of its own."""

from __future__ import annotations

import copy
import errno
import threading
from collections import deque
from collections.abc import Callable, Mapping
from enum import Enum, auto
from fractions import Fraction
from typing import Any, Final

from hw_mocks.footage import LORES, MAIN, source_for
from hw_mocks.lateness import Missed, Waits, read_back
from hw_mocks.pacing import Pace, boottime_ns, exact_period
from hw_mocks.priority import run_at_once
from hw_mocks.sensor import SENSOR, Fault
from hw_mocks.webcam import WebcamSource

from ._buffers import FrameBuffer, FrameMetadata, Request, allocated
from ._configuration import (
    ARRAY,
    MAX_OUTPUTS,
    MODES,
    CameraConfiguration,
    Stream,
    StreamConfiguration,
    StreamRole,
)
from ._controls import ControlId, ControlInfo, checked, controls, properties
from ._errors import failed
from ._geometry import Rectangle, Size
from ._painter import Painter

_DEFAULT_FRAME_US: Final = 33_333
_MAX_FRAME_US: Final = 11_767_556  # of the IMX219 at its longest
# A sensor takes a moment to start; in it the application queues its first requests.
_START_NS: Final = 20_000_000
_EXPOSURE_US: Final = 20_000
_GAIN: Final = 2.0


class _State(Enum):
    """As in libcamera's camera.cpp; what may be called depends on it."""

    AVAILABLE = auto()
    ACQUIRED = auto()
    CONFIGURED = auto()
    STOPPING = auto()
    RUNNING = auto()


class Camera:
    """A camera: acquire, configure, start, queue requests, stop, release, in this order.

    Each method raises RuntimeError ("Failed to ...: ...") where the camera is in the wrong state
    or a fault is injected.
    """

    def __init__(self, name: str, completed: Callable[[Request], None]) -> None:
        self._id = name
        self._completed = completed
        self._state = _State.AVAILABLE
        self._changed = threading.Condition()
        self._streams = tuple(Stream() for _ in range(MAX_OUTPUTS + 1))
        self._active: set[Stream] = set()
        self._painters: dict[Stream, Painter] = {}
        self._mode = MODES[-1]
        self._buffers = 0
        self._queue: deque[tuple[int, Request]] = deque()
        self._requests = 0
        self._connected = False
        self._live: dict[ControlId, Any] = {}
        self._thread: threading.Thread | None = None

    @property
    def id(self) -> str:
        """The camera's name, unique in the system."""
        return self._id

    @property
    def streams(self) -> set[Stream]:
        """Every stream of the camera."""
        return set(self._streams)

    @property
    def properties(self) -> dict[ControlId, Any]:
        """What the camera is."""
        whole = Rectangle(0, 0, *ARRAY)
        return {
            properties.Model: "imx219",
            properties.Location: 2,
            properties.Rotation: 180,
            properties.UnitCellSize: Size(1120, 1120),
            properties.PixelArraySize: Size(*ARRAY),
            properties.PixelArrayActiveAreas: (Rectangle(8, 8, *ARRAY),),
            properties.ScalerCropMaximum: whole,
            # picamera2 tells by this property that it is a Raspberry Pi's own camera.
            properties.draft.ColorFilterArrangement: 0,
        }

    @property
    def controls(self) -> dict[ControlId, ControlInfo]:
        """What can be controlled, in the sensor mode that is configured."""
        c, whole = controls, Rectangle(0, 0, *ARRAY)
        return {
            c.FrameDurationLimits: ControlInfo(
                self._mode.min_frame_us, _MAX_FRAME_US, _DEFAULT_FRAME_US
            ),
            c.ExposureTime: ControlInfo(75, 11_766_829, _EXPOSURE_US),
            c.ExposureTimeMode: ControlInfo(0, 1, 0),
            c.ExposureValue: ControlInfo(-8.0, 8.0, 0.0),
            c.AnalogueGain: ControlInfo(1.0, 10.666667, 1.0),
            c.AnalogueGainMode: ControlInfo(0, 1, 0),
            c.AeEnable: ControlInfo(False, True, True),
            c.AeMeteringMode: ControlInfo(0, 3, 0),
            c.AeConstraintMode: ControlInfo(0, 3, 0),
            c.AeExposureMode: ControlInfo(0, 3, 0),
            c.AwbEnable: ControlInfo(False, True, True),
            c.AwbMode: ControlInfo(0, 7, 0),
            c.ColourGains: ControlInfo(0.0, 32.0),
            c.ColourTemperature: ControlInfo(100, 100_000),
            c.Brightness: ControlInfo(-1.0, 1.0, 0.0),
            c.Contrast: ControlInfo(0.0, 32.0, 1.0),
            c.Saturation: ControlInfo(0.0, 32.0, 1.0),
            c.Sharpness: ControlInfo(0.0, 16.0, 1.0),
            c.ScalerCrop: ControlInfo(Rectangle(0, 0, 64, 64), whole, whole),
            c.draft.NoiseReductionMode: ControlInfo(0, 4, 0),
        }

    # ------------------------------------------------------------------------------------- states

    def _expect(self, what: str, *states: _State, code: int = errno.EACCES) -> None:
        if self._state not in states:
            failed(what, code)
        if self._state is not _State.RUNNING and SENSOR.holds(Fault.CAMERA_GONE):
            failed(what, errno.ENODEV)

    def acquire(self) -> None:
        """Take the camera for exclusive use."""
        self._expect("acquire camera", _State.AVAILABLE, code=errno.EBUSY)
        if SENSOR.take(Fault.ACQUIRE_ERROR):
            failed("acquire camera", errno.EBUSY)
        self._state = _State.ACQUIRED

    def release(self) -> None:
        """Give the camera back. It must not be running."""
        if self._state in (_State.RUNNING, _State.STOPPING):
            failed("release camera", errno.EBUSY)
        self._let_go_of_sources()
        self._state = _State.AVAILABLE

    def generate_configuration(self, roles: list[StreamRole]) -> CameraConfiguration | None:
        """A configuration with one stream for each role, to be changed as needed; None if the
        camera has not so many."""
        return CameraConfiguration(roles) if len(roles) <= len(self._streams) else None

    def configure(self, configuration: CameraConfiguration) -> None:
        """Set up every stream. The configuration must be one that `validate` does not change."""
        self._expect("configure camera", _State.ACQUIRED, _State.CONFIGURED)
        if SENSOR.take(Fault.CONFIGURE_ERROR):
            failed("configure camera", errno.EINVAL)
        for stream_configuration in configuration:
            stream_configuration._stream = None
        if configuration.validate() is not CameraConfiguration.Status.Valid:
            failed("configure camera", errno.EINVAL)
        self._let_go_of_sources()
        main, outputs = self._streams[0], iter(self._streams)
        self._active = set()
        for stream_configuration in configuration:
            raw = stream_configuration.raw
            stream = self._streams[-1] if raw else next(outputs)
            stream_configuration._stream = stream
            stream._configuration = copy.copy(stream_configuration)
            self._active.add(stream)
            if not raw:
                self._painters[stream] = _painter(stream_configuration, main=stream is main)
        self._mode = configuration._mode
        self._buffers = max(one.buffer_count for one in configuration)
        self._state = _State.CONFIGURED

    def _let_go_of_sources(self) -> None:
        for painter in self._painters.values():
            painter.close()
        self._painters = {}

    def create_request(self, cookie: int = 0) -> Request:
        """A request without buffers. The camera must be configured."""
        self._expect("create request", _State.CONFIGURED, _State.RUNNING, code=errno.ENOMEM)
        return Request(self, cookie)

    def _export_buffers(self, stream: Stream) -> list[FrameBuffer]:
        """As many buffers of a stream as it is configured to have."""
        self._expect("allocate buffers", _State.CONFIGURED)
        configuration = stream.configuration
        if configuration is None or stream not in self._active:
            failed("allocate buffers", errno.EINVAL)
        planes = configuration._planes()
        return [allocated(planes) for _ in range(configuration.buffer_count)]

    def start(self, controls: Mapping[ControlId, Any] = {}) -> None:
        """Let the sensor run, with these controls set.

        As with the real bindings, a start that fails disconnects the camera from the manager: done
        to a running camera, its requests complete unheard until it is stopped and started.
        """
        given = {control: checked(control, value) for control, value in controls.items()}
        self._connected = False
        self._expect("start camera", _State.CONFIGURED)
        if SENSOR.take(Fault.CAMERA_START_ERROR):
            failed("start camera", errno.EIO)
        self._connected = True
        self._live = {}
        self._requests = 0
        self._apply(given, -1)
        pace = Pace(SENSOR.epoch_ns, self._period(), boottime_ns() + _START_NS)
        self._state = _State.RUNNING
        self._thread = threading.Thread(
            target=self._run, args=(pace,), name="simulated-sensor", daemon=True
        )
        self._thread.start()
        # Sensor and encoder are in this process, and share the interpreter with the program.
        if SENSOR.at_once:
            run_at_once()

    def queue_request(self, request: Request) -> None:
        """Let the sensor fill the request's buffers with the next frame that is free."""
        with self._changed:
            self._expect("queue request", _State.RUNNING)
            pending = request.status is Request.Status.Pending
            if not pending or request._queued or not request._buffers:
                failed("queue request", errno.EINVAL)
            if not self._active.issuperset(request._buffers):
                failed("queue request", errno.EINVAL)
            request._queued = True
            request._sequence = self._requests
            self._requests += 1
            self._queue.append((boottime_ns(), request))

    def stop(self) -> None:
        """Stop the sensor; requests that still wait for a frame come back cancelled.

        Returns only when that is done. Does nothing to a camera that is not running.
        """
        with self._changed:
            if self._state is not _State.RUNNING:
                return
            self._state = _State.STOPPING
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()
        SENSOR.wait_while(Fault.CAMERA_STOP_HANG)
        while self._queue:
            self._cancel(self._queue.popleft()[1])
        self._state = _State.CONFIGURED

    # ------------------------------------------------------------------------------------- sensor

    def _run(self, pace: Pace) -> None:
        """Expose frame after frame. Each exposure takes the oldest request or is lost.

        As with hardware, a process that was held up finds the requests it had queued filled with
        the frames of their time; what the sensor exposed after that is lost.
        """
        sequence = 0
        missed = Missed(self._buffers)
        with Waits() as waits:
            while self._wait_until(pace.at_ns):
                SENSOR.exposed += 1
                missed.exposes(pace.at_ns, boottime_ns(), waits.total_ns(), self._read_back())
                request = self._next_request(pace.at_ns)
                if request is not None:
                    if run := missed.found():
                        SENSOR.missed(run)
                    self._expose(request, pace, sequence)
                else:
                    SENSOR.lost += 1
                    if not self._delivers_nothing(pace.at_ns):
                        missed.lost(pace.number, len(self._queue))
                missed.exposed(boottime_ns(), waits.total_ns())
                sequence += 1
                pace.advance()

    def _read_back(self) -> int:
        return read_back() + sum(painter.read_back for painter in self._painters.values())

    def _wait_until(self, at_ns: int) -> bool:
        """Wait for an instant of CLOCK_BOOTTIME; False if the camera is stopped before."""
        with self._changed:
            while self._state is _State.RUNNING:
                left_ns = at_ns - boottime_ns()
                if left_ns <= 0:
                    return True
                self._changed.wait(left_ns / 1e9)
        return False

    def _delivers_nothing(self, at_ns: int) -> bool:
        return SENSOR.holds(Fault.CAMERA_STALL, at_ns) or SENSOR.holds(Fault.CAMERA_GONE, at_ns)

    def _next_request(self, at_ns: int) -> Request | None:
        """The request that an exposure fills; None if there is none, or nothing is delivered."""
        if self._delivers_nothing(at_ns):
            return None
        # A process that was held up catches up here: what it queued since comes too late.
        if not self._queue or self._queue[0][0] > at_ns:
            return None
        return self._queue.popleft()[1]

    def _expose(self, request: Request, pace: Pace, sequence: int) -> None:
        if request._controls:
            self._apply(request._controls, sequence)
            pace.change(self._period())
        if SENSOR.take(Fault.CAMERA_CANCEL):
            self._cancel(request, sequence, pace.at_ns)
            return
        dark = SENSOR.holds(Fault.CAMERA_DARK)
        for stream, buffer in request._buffers.items():
            # What a raw stream shows is of no interest: its buffers stay as they are.
            if stream in self._painters:
                self._painters[stream].paint(buffer._hardware_view(), pace.number, dark=dark)
        request._metadata = self._metadata(pace)
        status = FrameMetadata.Status.Success
        if SENSOR.take(Fault.FRAME_ERROR):
            status = FrameMetadata.Status.Error
        SENSOR.delivered += 1
        request._finish(Request.Status.Complete, status, sequence, pace.at_ns)
        self._announce(request)

    def _cancel(self, request: Request, sequence: int = 0, at_ns: int = 0) -> None:
        request._finish(Request.Status.Cancelled, FrameMetadata.Status.Cancelled, sequence, at_ns)
        self._announce(request)

    def _announce(self, request: Request) -> None:
        if self._connected:
            self._completed(request)

    def _apply(self, given: Mapping[ControlId, Any], sequence: int) -> None:
        self._live.update(given)
        if given:
            named = {control.name: value for control, value in given.items()}
            SENSOR.applied_controls.append((sequence, named))

    def _period(self) -> Fraction:
        """Nanoseconds between exposures: as short as limits and sensor mode allow."""
        limits = self._live.get(controls.FrameDurationLimits)
        low, high = _DEFAULT_FRAME_US, _DEFAULT_FRAME_US
        if isinstance(limits, tuple) and len(limits) == controls.FrameDurationLimits.size:
            low, high = limits
        elif limits is not None:
            SENSOR.violations.append(f"FrameDurationLimits takes two durations, not {limits!r}")
        shortest = self._mode.min_frame_us
        return exact_period(max(shortest, min(max(low, shortest), high)))

    def _metadata(self, pace: Pace) -> dict[ControlId, Any]:
        c, live = controls, self._live
        return {
            c.SensorTimestamp: pace.at_ns,
            c.FrameDuration: int(pace.period / 1000),
            c.ExposureTime: live.get(c.ExposureTime) or _EXPOSURE_US,
            c.AnalogueGain: live.get(c.AnalogueGain) or _GAIN,
            c.DigitalGain: 1.0,
            c.ColourGains: live.get(c.ColourGains, (1.8, 1.5)),
            c.ColourTemperature: 4500,
            c.Lux: 120.0,
            c.AeLocked: True,
            c.FocusFoM: 1000,
            c.SensorBlackLevels: (4096, 4096, 4096, 4096),
            c.ScalerCrop: live.get(c.ScalerCrop, Rectangle(0, 0, *ARRAY)),
        }

    def __str__(self) -> str:
        return f"<libcamera.Camera '{self._id}'>"


def _painter(configuration: StreamConfiguration, *, main: bool) -> Painter:
    width, height = configuration.size.width, configuration.size.height
    source = source_for(SENSOR.footage, MAIN if main else LORES, width, height)
    if SENSOR.webcam is not None:
        source = WebcamSource(SENSOR.webcam, width, height, source)
    return Painter(
        str(configuration.pixel_format),
        width,
        height,
        configuration.stride,
        source,
        numbered=main,
        clapper=SENSOR.clapper,
    )
