"""The position of a check in a recording's chain."""

from __future__ import annotations

import msgspec

from camerad.container.statements import FragmentFacts


class ChainPosition(msgspec.Struct):
    """Where in the chain the next statement belongs.

    next: sequence of the next commit. previous: digest of the statement right before, None if that
    is missing or not authentic. linked: the chain is unbroken up to here. last: facts of the commit
    before, None behind a break. until_us: where the last signed fragment ends. fps: pictures per
    second that the camera was told to take; None behind a break.
    """

    next: int = 0
    previous: str | None = None
    linked: bool = False
    last: FragmentFacts | None = None
    until_us: int = 0
    fps: int | None = None
