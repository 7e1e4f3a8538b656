"""Configuration: a YAML file becomes typed settings, or every mistake in it is named at once."""

from camerad.config.controls import Lights, Output, SelfView
from camerad.config.loader import DEFAULT_PATH, check_file, load
from camerad.config.render import render
from camerad.config.sections import (
    Camera,
    Device,
    Overrides,
    Recording,
    RingBuffer,
    Storage,
    WallClock,
)
from camerad.config.settings import Button, Overridden, Policy, PreEvent, Settings

__all__ = [
    "DEFAULT_PATH",
    "Button",
    "Camera",
    "Device",
    "Lights",
    "Output",
    "Overridden",
    "Overrides",
    "Policy",
    "PreEvent",
    "Recording",
    "RingBuffer",
    "SelfView",
    "Settings",
    "Storage",
    "WallClock",
    "check_file",
    "load",
    "render",
]
