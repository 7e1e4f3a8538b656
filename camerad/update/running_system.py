"""Reads the running system's description, in a root that is checked while it is read.

Its version is `IMAGE_VERSION` of os-release(5). RAUC's system.conf says which bundles fit it, and
the lowest version that it accepts. The slot that runs is in the kernel's command line, which each
slot has of its own (``rauc.slot=``, RAUC's manual, "Bootloader interaction").
"""

from __future__ import annotations

import configparser
import re
from typing import Final

from camerad.behaviour.update import SLOTS, RunningVersion
from camerad.update.boot_selection import BootSelection
from camerad.update.errors import UpdateError
from camerad.update.image_version import image_version

SYSTEM_CONF: Final = "/etc/rauc/system.conf"
CMDLINE: Final = "/proc/cmdline"


def running_slot(cmdline: str = CMDLINE) -> str:
    """The slot that runs. Raises UpdateError if this is no system in a slot."""
    try:
        with open(cmdline, encoding="utf-8", errors="replace") as file:
            words = file.read()
    except OSError as error:
        raise UpdateError(f"{cmdline}: cannot be read: {error.strerror}") from error
    match = re.search(rf"(?:^|\s)rauc\.slot=({'|'.join(SLOTS)})(?:\s|$)", words)
    if match is None:
        raise UpdateError(
            "this camera's card was not made from an image with updates: flash it anew, or install "
            "the packages by hand"
        )
    return match[1]


def running_version(
    card: BootSelection, conf: str = SYSTEM_CONF, cmdline: str = CMDLINE
) -> RunningVersion:
    """Raises UpdateError."""
    parser = configparser.ConfigParser(interpolation=None)
    try:
        with open(conf, encoding="utf-8") as file:
            parser.read_file(file)
        compatible = parser["system"]["compatible"]
        minimum = parser["system"]["min-bundle-version"]
    except (OSError, configparser.Error, KeyError) as error:
        raise UpdateError(
            f"{conf}: the system does not say which updates are for it ({error}): it was built "
            "without a keyring (KEYRING=), so it takes no updates"
        ) from error
    return RunningVersion(
        compatible, image_version() or "", minimum, running_slot(cmdline), card.primary
    )
