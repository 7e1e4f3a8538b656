"""Reads the image's version: IMAGE_VERSION of os-release(5)."""

from __future__ import annotations

import platform

from camerad import __version__


def image_version() -> str | None:
    """The version of the image that this system is; None if it was not made from one."""
    try:
        return platform.freedesktop_os_release().get("IMAGE_VERSION")
    except OSError:
        return None


def software_version() -> str:
    """Versions behind a recording: camerad, and the system below it."""
    image = image_version()
    return f"camerad {__version__}" + ("" if image is None else f", image {image}")
