"""Provisioning status of a camera, as the daemon reads it.

Nothing but the standard library: the daemon asks this while its start is waited for.
"""

from __future__ import annotations

import os
from enum import Enum
from pathlib import Path
from typing import Final

PENDING: Final = "pending.json"
ACCEPTED: Final = "accepted.json"
REFUSED: Final = "refused"
OFFERED: Final = os.path.join("offers", "settings.jws")
"""In the daemon's state directory: settings that came through the dock."""


class ProvisioningStatus(Enum):
    """Whether a camera was set up by a file."""

    BY_HAND = "by hand"
    """There is no directory for it: the configuration was written by hand."""
    UNPROVISIONED = "unprovisioned"
    PROVISIONED = "provisioned"
    REFUSED = "refused"
    """It was, and the file that lies on the card now was refused."""


def read_status(directory: Path | None) -> ProvisioningStatus:
    """Read the status. directory: `device.provision_dir`."""
    if directory is None:
        return ProvisioningStatus.BY_HAND
    if not any(os.path.lexists(directory / name) for name in (ACCEPTED, PENDING)):
        return ProvisioningStatus.UNPROVISIONED
    return (
        ProvisioningStatus.REFUSED
        if os.path.lexists(directory / REFUSED)
        else ProvisioningStatus.PROVISIONED
    )
