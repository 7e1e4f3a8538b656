"""Recording ids, and a type that marks a text as checked.

Whatever builds a path of an id takes a `RecordingId`, so that mypy refuses it a text that came from
somewhere else and was not asked about (`is_id`).
"""

from __future__ import annotations

import re
from typing import Final, NewType, TypeGuard

SPELLED: Final = r"[0-9]{8}T[0-9]{6}Z-[0-9]{6,18}-[0-9a-f]{8}"
"""How an id is spelled. Verifiers in other languages repeat it in what they say about a wrong
one."""
ID: Final = re.compile(SPELLED)
"""A recording's id, as `camerad.container.recording_files.new_id` makes it."""

RecordingId = NewType("RecordingId", str)
"""A recording's id rather than a path. `is_id` tells which texts are; nothing else makes one but
`new_id`, and what msgspec reads by `camerad.container.statements.Identity`."""


def number_in(recording: RecordingId) -> int:
    """The number of the recording: what stands in the middle of its id."""
    return int(recording.split("-")[1])


def is_id(text: str) -> TypeGuard[RecordingId]:
    """Whether this is a recording's id rather than a path."""
    return ID.fullmatch(text) is not None
