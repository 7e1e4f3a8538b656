"""Stands in for libcamera's Python bindings, so that the real picamera2 runs without a camera.

It answers as the bindings do on a Raspberry Pi, as far as picamera2 uses them, and is held against
the real ones by its tests. The sensor behind it is `hw_mocks.sensor.SENSOR`. Importing it also puts
in place the device files that picamera2 opens by itself (`hw_mocks.devhooks`) and, if the world can
set it, the wall clock of the simulated machine (`hw_mocks.timeofday`).

Never install it where there is a camera: it takes the place of the real module.
"""

from hw_mocks import devhooks as _devhooks
from hw_mocks import timeofday as _timeofday

from . import _libcamera as _libcamera
from ._libcamera import *  # noqa: F403
from ._libcamera import __all__ as __all__

_devhooks.install()
_clock = _timeofday.install_from_environment(_timeofday.FOLLOWER)
