"""Runs a script on the simulated ``libcamera`` with a difference planted: NAME SCRIPT.

Each function is one: it takes the place of a method, which it gets first.
"""

import os
import runpy
import sys
import threading
from functools import wraps
from pathlib import Path

from libcamera import CameraConfiguration, Request, controls
from libcamera._camera import Camera, _State
from libcamera._configuration import StreamConfiguration
from libcamera._manager import CameraManager

PLANTED = {}


def replacing(owner, method):
    def planted(function):
        def plant():
            original = getattr(owner, method)

            @wraps(original)
            def replaced(*given, **named):
                return function(original, *given, **named)

            setattr(owner, method, replaced)

        PLANTED[function.__name__] = plant
        return function

    return planted


@replacing(CameraManager, "get_ready_requests")
def requests_in_another_order(original, manager):
    return original(manager)[::-1]


@replacing(CameraManager, "get_ready_requests")
def descriptor_that_stays_readable(original, manager):
    done = original(manager)
    if done:
        os.eventfd_write(manager.event_fd, 1)
    return done


@replacing(Camera, "_export_buffers")
def one_buffer_less(original, camera, stream):
    return original(camera, stream)[1:]


@replacing(Camera, "_announce")
def late_metadata(original, camera, request):
    late, request._metadata = request._metadata, {}
    threading.Timer(1, setattr, (request, "_metadata", late)).start()
    original(camera, request)


@replacing(Camera, "_metadata")
def time_in_microseconds(original, camera, pace):
    metadata = original(camera, pace)
    metadata[controls.SensorTimestamp] //= 1000
    return metadata


@replacing(Camera, "configure")
def refused_configuration_accepted(original, camera, configuration):
    configuration.validate()
    original(camera, configuration)


@replacing(Camera, "start")
def second_start_accepted(original, camera, given={}):  # noqa: B006
    if camera._state is not _State.RUNNING:
        original(camera, given)


@replacing(Camera, "start")
def sequence_goes_on(original, camera, given={}):  # noqa: B006
    before = camera._requests
    original(camera, given)
    camera._requests = before


@replacing(Camera, "stop")
def requests_lost_at_stop(original, camera):
    camera._queue.clear()
    original(camera)


@replacing(Camera, "release")
def running_camera_released(original, camera):
    camera.stop()
    original(camera)


@replacing(Camera, "queue_request")
def stopped_camera_takes_requests(original, camera, request):
    if camera._state is not _State.CONFIGURED:
        original(camera, request)


@replacing(Request, "reuse")
def buffers_dropped_by_reuse(original, request):
    request._buffers = {}
    original(request)


@replacing(StreamConfiguration, "_adjust")
def longer_rows(original, configuration, mode):
    adjusted = original(configuration, mode)
    configuration.stride += 64
    return adjusted


@replacing(CameraConfiguration, "validate")
def adjusted_called_valid(original, configuration):
    status = original(configuration)
    return status.Valid if status is status.Adjusted else status


if __name__ == "__main__":
    _, name, script = sys.argv
    PLANTED[name]()
    runpy.run_path(str(Path(__file__).with_name(script)), run_name="__main__")
