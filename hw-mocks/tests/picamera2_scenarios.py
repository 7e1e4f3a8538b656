"""What the real picamera2 does on the simulated camera, one scenario per process.

    python picamera2_scenarios.py SCENARIO FOLDER

Each scenario is a function here, or in picamera2_faults.py; its name says what it shows. It ends
with exit code 0 if all of it held. Hung threads are part of some scenarios, so the process ends
without waiting for any.
"""

from __future__ import annotations

import os
import sys
from itertools import pairwise
from typing import Any

import av
import picamera2_faults  # noqa: F401 - makes its scenarios known
from picamera2 import MappedArray, Picamera2
from picamera2.encoders import LibavH264Encoder
from picamera2.outputs import CircularOutput2, PyavOutput
from picamera2_support import (
    FOLDER,
    MAIN,
    SCENARIOS,
    configured,
    descriptors,
    encoded,
    encoding,
    fail,
    flows,
    luma,
    scenario,
    wait_for,
)

import libcamera
from hw_mocks import barcode, devhooks
from hw_mocks.sensor import SENSOR, Platform


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


if __name__ == "__main__":
    assert libcamera.CameraManager.version.endswith("simulated")
    sys.excepthook = fail
    SCENARIOS[sys.argv[1]]()
    os._exit(0)
