"""The section ``updates`` of ``office.yaml``: limits on sending updates."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from camerad.config.fields import Range


class UpdateSettings(msgspec.Struct, frozen=True):
    """How updates are sent to cameras."""

    at_once: Annotated[
        int, "Cameras that are sent a piece of an update at once.", Range(1, 100, "cameras")
    ] = 4
    mbit_per_second: Annotated[
        int, "Rate at which updates are sent, to all cameras together.", Range(1, 10_000, "Mbit/s")
    ] = 200


DEFAULT_UPDATES: Final = UpdateSettings()

EXAMPLE: Final = """\

# How updates are sent to cameras ('camerad office offer update'). These are the defaults.
# updates:
#   at_once: 4             # cameras that are sent a piece at once
#   mbit_per_second: 200   # to all of them together
"""
