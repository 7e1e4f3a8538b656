"""Everything that the bindings' extension module holds, under the name that picamera2 knows it by.

The numbers of `__all__` are those of ``libcamera`` itself.
"""

from ._buffers import FrameBuffer, FrameBufferAllocator, FrameMetadata, Request
from ._camera import Camera
from ._colour import ColorSpace
from ._configuration import (
    CameraConfiguration,
    SensorConfiguration,
    Stream,
    StreamConfiguration,
    StreamFormats,
    StreamRole,
)
from ._controls import ControlId, ControlInfo, ControlType, controls, properties
from ._formats import PixelFormat, formats
from ._geometry import Orientation, Point, Rectangle, Size, SizeRange, Transform
from ._manager import CameraManager, log_set_level

__all__ = [
    "Camera",
    "CameraConfiguration",
    "CameraManager",
    "ColorSpace",
    "ControlId",
    "ControlInfo",
    "ControlType",
    "FrameBuffer",
    "FrameBufferAllocator",
    "FrameMetadata",
    "Orientation",
    "PixelFormat",
    "Point",
    "Rectangle",
    "Request",
    "SensorConfiguration",
    "Size",
    "SizeRange",
    "Stream",
    "StreamConfiguration",
    "StreamFormats",
    "StreamRole",
    "Transform",
    "controls",
    "formats",
    "log_set_level",
    "properties",
]
