"""What the real picamera2 does when the camera below it fails; see picamera2_scenarios.py."""

from __future__ import annotations

import sys
import threading
import time
from typing import Any

import numpy as np
from picamera2 import MappedArray, Picamera2
from picamera2.encoders import LibavH264Encoder
from picamera2_support import (
    MAIN,
    Counting,
    configured,
    descriptors,
    encoding,
    flows,
    raised_by,
    scenario,
    stands_still,
    wait_for,
    within,
)

from hw_mocks.sensor import SENSOR, Fault


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
