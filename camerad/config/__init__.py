"""Reads YAML files into typed settings, and reports every mistake at once, with its line.

Imports `base` and `behaviour`.

Begin with `sections`, `controls` (buttons, lights, display), `control_section` (the control socket)
and `office_section` (the office's server), where the settings are declared, and with `loader`,
which reads a file. The limits of the law are files, config/policies/NAME.yaml: `policies`
declares what they may say, finds them and holds the settings against them. `provisioning` is the
office's file that sets a camera up.
"""

from camerad.config.controls import Lights, OutputSettings, SelfViewSettings
from camerad.config.loader import DEFAULT_PATH, check_file, load
from camerad.config.render import render
from camerad.config.sections import (
    CameraSettings,
    DeviceSettings,
    Overrides,
    RecordingSettings,
    RingBuffer,
    Storage,
    WallClock,
)
from camerad.config.settings import Button, Overridden, Policy, PreEvent, Settings

__all__ = [
    "DEFAULT_PATH",
    "Button",
    "CameraSettings",
    "DeviceSettings",
    "Lights",
    "OutputSettings",
    "Overridden",
    "Overrides",
    "Policy",
    "PreEvent",
    "RecordingSettings",
    "RingBuffer",
    "SelfViewSettings",
    "Settings",
    "Storage",
    "WallClock",
    "check_file",
    "load",
    "render",
]
