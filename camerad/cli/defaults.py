"""Default paths, on an installed camera and of a user at the office."""

from __future__ import annotations

import os
from typing import Final

DEFAULT_CONFIG: Final = "/etc/camerad/camerad.yaml"
DEFAULT_STATE: Final = "/var/lib/camerad"
"""The state directory of an installed camera."""
DEFAULT_CARD: Final = "/boot/common"
"""Where boot-common.mount mounts the card's FAT partition."""
DEFAULT_DATA: Final = "/var/lib/camerad-provision"
"""What a camera keeps of its office's file, and of updates."""


def default_state() -> str:
    """``$CAMERAD_STATE``, or that of an installed camera."""
    return os.environ.get("CAMERAD_STATE", DEFAULT_STATE)


def config_home() -> str:
    """Where this user's settings of camerad are (XDG Base Directory Specification)."""
    home = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
    return os.path.join(home, "camerad")


def default_office_key() -> str:
    """Where this user's key of the office is."""
    return os.path.join(config_home(), "office.pem")
