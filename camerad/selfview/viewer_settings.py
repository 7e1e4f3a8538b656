"""Settings of the self-view process at its start. It is read before anything that takes time to
load."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

import msgspec

from camerad.base.errors import ConfigError
from camerad.behaviour.scene import GRAVITY

CAUSES: Final = {condition: f"cause_{condition.value}" for condition in GRAVITY}
"""The text that says what is the matter, and what to do."""
CUT_OFF: Final = "cause_cut_off"
Texts = Mapping[str, str]
"""The display's texts, by the names of `camerad.config.display_wording.DisplayWording`."""
TEXTS: Final = frozenset(
    {
        "self_view",
        "not_recorded",
        "reaches_back",
        "recording",
        "sound_on",
        "sound_muted",
        "sound_none",
        "no_picture",
        "battery",
        "battery_unknown",
        "storage",
        "storage_unknown",
        "clock",
        "clock_unset",
        "handing_over",
        "handed_over",
        "handover_waits",
        "handover_no_network",
        "handover_failed",
        "badge",
        *CAUSES.values(),
        CUT_OFF,
        "more_causes",
    }
)
"""Those names: this process does without the package that reads configurations."""


class ViewerSettings(msgspec.Struct, frozen=True):
    """The object of ``--settings``. device: file of the framebuffer. sysfs: directory that
    describes it. mirror: show people as a mirror does. fps: pictures per second at most. texts:
    what the display says, by the names of `camerad.config.display_wording.DisplayWording`."""

    device: str = "/dev/fb0"
    sysfs: str = "/sys/class/graphics/fb0"
    mirror: bool = True
    fps: float = 30.0
    texts: Texts = msgspec.field(default_factory=dict)


def parse(text: str) -> ViewerSettings:
    """The settings in a JSON object. Raises ConfigError."""
    try:
        given = json.loads(text)
        settings = ViewerSettings(**given)
    except (ValueError, TypeError) as error:
        raise ConfigError([f"--settings: {error}"]) from None
    if not isinstance(settings.device, str) or not isinstance(settings.sysfs, str):
        raise ConfigError(["--settings: device and sysfs are paths"])
    if not isinstance(settings.fps, int | float) or settings.fps <= 0:
        raise ConfigError([f"--settings: fps: {settings.fps!r} is not a positive number"])
    missing = sorted(TEXTS - set(settings.texts))
    if missing:
        raise ConfigError([f"--settings: texts: {', '.join(missing)} missing"])
    return settings
