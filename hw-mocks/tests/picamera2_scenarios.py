"""What happens to the real picamera2 on the simulated camera, one scenario per process.

    python picamera2_scenarios.py SCENARIO FOLDER

Each scenario is a function here; its name says what it shows. It ends with exit code 0 if all of
it held. Hung threads are part of some scenarios, so the process ends without waiting for any.
"""

from __future__ import annotations

import gc
import logging
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray
from picamera2 import MappedArray, Picamera2
from picamera2.encoders import LibavH264Encoder
from picamera2.outputs import CircularOutput2, Output, PyavOutput

import libcamera
from hw_mocks import barcode, devhooks
from hw_mocks.sensor import SENSOR, Fault, Platform

FOLDER = Path(sys.argv[2] if len(sys.argv) > 2 else ".")
MAIN = (640, 480)
LORES = (320, 240)

logging.getLogger("picamera2").setLevel(logging.CRITICAL)


SCENARIOS: dict[str, Callable[[], None]] = {}


def scenario(function: Callable[[], None]) -> Callable[[], None]:
    """Make a function known under its name."""
    SCENARIOS[function.__name__] = function
    return function


class Counting(Output):  # type: ignore[misc]
    """Counts what the encoder gives out, and fails on demand."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0
        self.fails = False

    def outputframe(self, *_: Any, **__: Any) -> None:
        if self.fails:
            raise OSError(28, "No space left on device")
        self.count += 1


class Hung(Exception):
    """Error raised when a call does not return."""


def within(seconds: float, function: Callable[[], Any]) -> Any:
    """The result of a call. Raises Hung if it does not return in time, or what the call raises."""
    result: list[Any] = []
    error: list[BaseException] = []

    def run() -> None:
        try:
            result.append(function())
        except (RuntimeError, OSError, Hung) as raised:
            error.append(raised)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if error:
        raise error[0]
    if not result:
        raise Hung(f"no return within {seconds} s")
    return result[0]


def raised_by(function: Callable[[], Any]) -> str:
    """The error that a call raises, as text; empty if it raises none."""
    try:
        within(3, function)
    except (RuntimeError, OSError, Hung) as error:
        return f"{type(error).__name__}: {error}"
    return ""


def wait_for(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    """Wait for a condition. Raises TimeoutError if it does not come true."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("the condition did not come true")
        time.sleep(0.005)


def flows(camera: Picamera2, frames: int = 4) -> None:
    """Wait until this many more frames have come. Raises TimeoutError if they do not."""
    seen = camera.frames
    wait_for(lambda: camera.frames >= seen + frames)


def stands_still(camera: Picamera2, exposures: int = 8) -> bool:
    """Whether no frame comes while the sensor exposes a few more."""
    seen, exposed = camera.frames, SENSOR.exposed
    wait_for(lambda: SENSOR.exposed >= exposed + exposures)
    return bool(camera.frames <= seen + 1)


def configured(size: tuple[int, int] = MAIN) -> Picamera2:
    camera = Picamera2()
    camera.configure(
        camera.create_video_configuration(
            main={"size": size, "format": "YUV420"},
            lores={"size": LORES, "format": "YUV420"},
            raw=None,
            controls={"FrameRate": 30},
        )
    )
    return camera


def encoding() -> tuple[Picamera2, LibavH264Encoder, Counting]:
    """A camera that runs and encodes, after its first frames."""
    camera, encoder, output = configured(), LibavH264Encoder(bitrate=1_000_000), Counting()
    camera.start_encoder(encoder, output)
    camera.start()
    flows(camera)
    return camera, encoder, output


def encoded(output: Counting, frames: int) -> None:
    """Wait until the encoder has given this many frames out."""
    wait_for(lambda: output.count >= frames)


def luma(frame: av.VideoFrame) -> NDArray[np.uint8]:
    """The brightness of a decoded frame."""
    return frame.to_ndarray(format="yuv420p")[: frame.height].astype(np.uint8, copy=False)


def descriptors() -> int:
    gc.collect()
    return len(os.listdir("/proc/self/fd"))


# --------------------------------------------------------------------------------- without a fault


@scenario
def life_after_life_leaves_nothing_open() -> None:
    left: list[int] = []
    for _ in range(3):
        camera, encoder, output = encoding()
        lores = camera.capture_array("lores")
        main = camera.capture_array("main")
        stride = {Platform.VC4: 320, Platform.PISP: 384}[SENSOR.platform]
        assert lores.shape == (360, stride), lores.shape
        assert main.shape == (720, 640), main.shape
        assert barcode.read(main[:480]) is not None
        assert barcode.read(lores[:240]) is None
        encoded(output, 5)
        camera.stop()
        camera.stop_encoder(encoder)
        camera.close()
        del camera, encoder
        left.append(descriptors())
    assert len(set(left)) == 1, left
    assert devhooks.unbalanced() == {}
    assert SENSOR.violations == []


@scenario
def a_closed_camera_can_be_configured_anew_and_again() -> None:
    camera = configured()
    for size in (MAIN, (1280, 720), MAIN):
        camera.configure(
            camera.create_video_configuration(
                main={"size": size, "format": "YUV420"}, raw=None, controls={"FrameRate": 30}
            )
        )
        camera.start()
        assert camera.capture_array("main").shape == (size[1] * 3 // 2, size[0])
        camera.stop()
    still = camera.create_still_configuration({"size": (1640, 1232)})
    camera.configure(camera.create_preview_configuration({"size": MAIN, "format": "RGB888"}))
    camera.start()
    assert camera.switch_mode_and_capture_array(still).shape == (1232, 1640, 3)
    camera.capture_file(str(FOLDER / "still.jpg"))
    camera.close()
    assert devhooks.unbalanced() == {}


@scenario
def the_sensor_modes_are_those_of_the_imx219() -> None:
    with Picamera2() as camera:
        modes = [(mode["size"], mode["fps"]) for mode in camera.sensor_modes]
        assert camera.camera_properties["Model"] == "imx219"
        raw = camera.camera_configuration()["raw"]["format"]
    assert modes == [
        ((640, 480), 103.33),
        ((1640, 1232), 41.85),
        ((1920, 1080), 47.57),
        ((3280, 2464), 21.19),
    ]
    wanted = {Platform.VC4: "SRGGB10_CSI2P", Platform.PISP: "RGGB_PISP_COMP1"}
    assert raw == wanted[SENSOR.platform]


@scenario
def every_frame_reaches_the_callback_with_its_number_and_time() -> None:
    seen: list[tuple[int, int, int | None]] = []

    def look(request: Any) -> None:
        sequence = request.request.buffers[request.stream_map["main"]].metadata.sequence
        with MappedArray(request, "main", write=False) as mapped:
            number = barcode.read(mapped.array[:480])
        seen.append((request.get_metadata()["SensorTimestamp"], sequence, number))

    camera = configured()
    camera.pre_callback = look
    camera.start()
    wait_for(lambda: len(seen) >= 20)
    camera.close()
    for (before_ns, sequence, number), (after_ns, next_sequence, next_number) in pairwise(seen):
        assert number is not None
        assert next_number is not None
        assert next_sequence - sequence == next_number - number
        assert abs(after_ns - before_ns - (next_number - number) * 1e9 / 30) < 1000
    assert len({number for _, _, number in seen}) == len(seen)


@scenario
def a_recording_holds_every_frame_once_and_in_order() -> None:
    path = FOLDER / "event.mp4"
    camera = configured((1280, 720))
    output = CircularOutput2(buffer_duration_ms=1000)
    camera.start_recording(LibavH264Encoder(bitrate=2_000_000, iperiod=15), output)
    flows(camera, 40)
    output.open_output(PyavOutput(str(path)))
    flows(camera, 30)
    camera.stop_recording()
    camera.close()
    with av.open(str(path)) as container:
        numbers = [barcode.read(luma(frame)) for frame in container.decode(video=0)]
    # The second before the event and the event itself, at 30 frames a second.
    assert len(numbers) >= 45, len(numbers)
    assert None not in numbers
    assert numbers == list(range(numbers[0] or 0, (numbers[0] or 0) + len(numbers)))


@scenario
def a_lower_rate_at_run_time_is_honoured() -> None:
    camera = configured()
    camera.start()
    flows(camera)
    camera.set_controls({"FrameRate": 15})
    wait_for(lambda: camera.capture_metadata()["FrameDuration"] == 66_666)
    stamps = [camera.capture_metadata()["SensorTimestamp"] for _ in range(5)]
    camera.close()
    assert all(after - before >= 66_666_666 for before, after in pairwise(stamps))


# ------------------------------------------------------------------------------------- with a fault


@scenario
def a_stall_stops_the_frames_and_ends_by_itself() -> None:
    camera, _, output = encoding()
    SENSOR.hold(Fault.CAMERA_STALL)
    assert stands_still(camera, 15)
    count = output.count
    SENSOR.release(Fault.CAMERA_STALL)
    flows(camera)
    wait_for(lambda: output.count > count)
    within(5, camera.stop)
    within(5, camera.close)


@scenario
def a_capture_in_a_stall_is_stale_then_times_out_and_blocks_the_stop() -> None:
    camera, _, _ = encoding()
    SENSOR.hold(Fault.CAMERA_STALL)
    assert stands_still(camera)
    stale = camera.capture_metadata()["SensorTimestamp"]
    assert time.clock_gettime_ns(time.CLOCK_BOOTTIME) - stale > 100_000_000
    error = raised_by(lambda: camera.capture_array("lores", wait=0.3))
    assert error.startswith("TimeoutError"), error
    assert raised_by(lambda: within(0.7, camera.stop)).startswith("Hung")
    within(2, camera.cancel_all_and_flush)
    within(5, camera.close)
    SENSOR.release(Fault.CAMERA_STALL)
    camera = configured()
    camera.start()
    flows(camera)
    within(5, camera.close)


@scenario
def every_cancelled_request_costs_a_buffer() -> None:
    """With six buffers, of which picamera2 holds one, the frames end after the fifth."""
    camera, _, _ = encoding()
    buffers = camera.camera_configuration()["buffer_count"]
    assert buffers == 6
    for cancelled in range(buffers - 1):
        flows(camera)
        SENSOR.inject(Fault.CAMERA_CANCEL)
        wait_for(lambda: not SENSOR._counts[Fault.CAMERA_CANCEL])
        if cancelled < buffers - 3:
            flows(camera)
    assert stands_still(camera, 15)
    within(5, camera.stop)
    camera.start()
    flows(camera, 10)
    within(5, camera.close)


@scenario
def damaged_frames_are_left_out() -> None:
    camera, _, _ = encoding()
    delivered, frames = SENSOR.delivered, camera.frames
    SENSOR.inject(Fault.FRAME_ERROR, 10)
    wait_for(lambda: SENSOR.delivered >= delivered + 14)
    assert camera.frames - frames <= SENSOR.delivered - delivered - 8
    flows(camera, 10)
    within(5, camera.close)


@scenario
def a_start_that_fails_loses_the_controls() -> None:
    camera, encoder = configured(), LibavH264Encoder(bitrate=1_000_000)
    camera.start_encoder(encoder, Counting())
    SENSOR.inject(Fault.CAMERA_START_ERROR)
    assert raised_by(camera.start) == "RuntimeError: Failed to start camera: Input/output error"
    assert not camera.started
    assert camera._event_loop_running
    assert encoder.running
    SENSOR.applied_controls.clear()
    camera.start()
    flows(camera)
    # The frame rate that was configured went with the first try.
    assert not any("FrameDurationLimits" in values for _, values in SENSOR.applied_controls)
    within(5, camera.close)


@scenario
def an_encoder_must_be_stopped_after_a_recording_that_did_not_start() -> None:
    camera, encoder = configured(), LibavH264Encoder(bitrate=1_000_000)
    SENSOR.inject(Fault.CAMERA_START_ERROR)
    error = raised_by(lambda: camera.start_recording(encoder, Counting()))
    assert "Failed to start camera" in error
    error = raised_by(lambda: camera.start_recording(encoder, Counting()))
    assert error == "RuntimeError: Encoder already running"
    camera.stop_encoder()
    camera.start_recording(LibavH264Encoder(bitrate=1_000_000), Counting())
    flows(camera)
    within(5, camera.close)


@scenario
def after_a_configure_that_failed_start_runs_the_preview() -> None:
    camera = configured()
    SENSOR.inject(Fault.CONFIGURE_ERROR)
    wanted = camera.create_video_configuration(main={"size": (1280, 720), "format": "YUV420"})
    error = raised_by(lambda: camera.configure(wanted))
    assert error == "RuntimeError: Failed to configure camera: Invalid argument"
    camera.start()
    flows(camera)
    assert camera.camera_configuration()["use_case"] == "preview"
    within(5, camera.stop)
    camera.configure(wanted)
    camera.start()
    flows(camera)
    assert camera.camera_configuration()["main"]["size"] == (1280, 720)
    within(5, camera.close)


@scenario
def a_heap_without_memory_fails_the_configuration() -> None:
    camera = Picamera2()
    wanted = camera.create_video_configuration(main={"size": MAIN, "format": "YUV420"})
    SENSOR.inject(Fault.ALLOC_ERROR)
    error = raised_by(lambda: camera.configure(wanted))
    assert error == "OSError: [Errno 12] Cannot allocate memory"
    camera.configure(wanted)
    camera.start()
    flows(camera)
    within(5, camera.close)


@scenario
def a_camera_that_is_taken_or_gone_cannot_be_opened() -> None:
    SENSOR.inject(Fault.ACQUIRE_ERROR)
    assert raised_by(Picamera2).startswith("RuntimeError: Camera __init__ sequence did not comp")
    SENSOR.hold(Fault.CAMERA_GONE)
    assert raised_by(Picamera2).startswith("RuntimeError: No camera number 0 found")
    SENSOR.release(Fault.CAMERA_GONE)
    camera = configured()
    camera.start()
    assert raised_by(Picamera2).startswith("RuntimeError: Camera __init__ sequence did not comp")
    flows(camera)
    within(5, camera.close)


@scenario
def a_stop_that_hangs_hangs_picamera2_and_nobody_else() -> None:
    camera, _, _ = encoding()
    SENSOR.hold(Fault.CAMERA_STOP_HANG)
    assert raised_by(lambda: within(0.5, camera.stop)).startswith("Hung")
    # This thread goes on: it is here.
    SENSOR.release(Fault.CAMERA_STOP_HANG)
    wait_for(lambda: not camera.started)
    within(5, camera.close)


@scenario
def an_output_that_raises_kills_the_event_loop_unnoticed() -> None:
    camera, _, output = encoding()
    threading.excepthook = lambda _: None
    output.fails = True
    wait_for(lambda: not camera._preview.thread.is_alive())
    assert camera._event_loop_running
    assert stands_still(camera)
    output.fails = False
    assert raised_by(lambda: within(0.5, camera.stop)).startswith("Hung")
    within(2, camera.cancel_all_and_flush)
    within(2, camera.stop_preview)
    within(5, camera.stop)
    within(5, camera.close)


@scenario
def requests_that_are_held_starve_the_sensor() -> None:
    camera = configured()
    camera.start()
    held = [camera.capture_request() for _ in range(6)]
    lost = SENSOR.lost
    assert stands_still(camera)
    assert SENSOR.lost > lost
    for request in held:
        request.release()
    flows(camera)
    within(5, camera.close)


@scenario
def a_mapped_array_that_is_kept_keeps_the_buffers_open() -> None:
    def live() -> Any:
        camera = configured()
        camera.start()
        with camera.captured_request() as request, MappedArray(request, "lores") as mapped:
            array = mapped.array
        camera.close()
        return array

    first = descriptors()
    # picamera2 complains from a destructor, where nobody can hear it.
    sys.unraisablehook = lambda _: None
    array = live()
    assert isinstance(array, np.ndarray)
    assert descriptors() > first


def fail(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """End the process at once, with the error on stderr."""
    traceback.print_exception(kind, error, trace)
    sys.stderr.flush()
    os._exit(1)


if __name__ == "__main__":
    assert libcamera.CameraManager.version.endswith("simulated")
    sys.excepthook = fail
    SCENARIOS[sys.argv[1]]()
    os._exit(0)
