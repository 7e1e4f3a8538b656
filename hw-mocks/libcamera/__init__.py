"""Stands in for libcamera's Python bindings, so that the real picamera2 runs without a camera.

It answers as the bindings do on a Raspberry Pi, as far as picamera2 uses them, and is held against
the real ones by its tests. The sensor behind it is `hw_mocks.sensor.SENSOR`. Importing it also puts
the device files that picamera2 opens by itself in place (`hw_mocks.devhooks`).

Never install it where there is a camera: it takes the place of the real module.
"""

from hw_mocks import devhooks as _devhooks

from . import _libcamera as _libcamera
from ._libcamera import *  # noqa: F403
from ._libcamera import __all__ as __all__

_devhooks.install()
