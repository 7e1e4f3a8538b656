"""The draft of a redacted copy: masks that are suggested or confirmed, mutes, and what was seen.

A person edits the file, or a program does for them. Pictures are counted from 0, as the preview
numbers them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Annotated, Any, Final

import msgspec

from camerad.base import typed_json
from camerad.base.clock import SECOND
from camerad.base.safe_read import read_plain
from camerad.container.redaction import FORMAT, Mask, MaskBox, MaskKind, MutedRange
from camerad.evidence.redaction.copy_writer import RedactionError

_LARGEST: Final = 64 << 20
_NAMED: Final = 20
"""The most pictures, or runs of them, that a message names."""


class MaskState(StrEnum):
    """Whether a person answers for a mask."""

    SUGGESTED = "suggested"
    CONFIRMED = "confirmed"


class DraftMask(msgspec.Struct, frozen=True):
    """A mask, as `Mask` has it, but each box has a picture's number in the place of its time."""

    kind: MaskKind
    state: MaskState
    boxes: Annotated[tuple[MaskBox, ...], msgspec.Meta(min_length=1)]


class Draft(msgspec.Struct, frozen=True):
    """A draft. recording, final: id, and SHA-256 of the end's statement. mutes: seconds of the
    recording, from and to. seen: first and last picture of runs that a person has seen."""

    format: int
    recording: str
    final: str
    pictures: int
    masks: tuple[DraftMask, ...] = ()
    mutes: tuple[tuple[float, float], ...] = ()
    seen: tuple[tuple[int, int], ...] = ()

    def text(self) -> str:
        """It as JSON, one mask a line."""
        said: dict[str, Any] = msgspec.to_builtins(self)
        lists = ("masks", "mutes", "seen")
        lines = [
            f"{json.dumps(name)}: {json.dumps(said[name])}" for name in said if name not in lists
        ]
        for name in lists:
            inside = ",\n  ".join(map(json.dumps, said[name]))
            lines.append(f"{json.dumps(name)}: [\n  {inside}\n]" if inside else f'"{name}": []')
        return "{\n" + ",\n".join(lines) + "\n}\n"

    def check_done(self) -> None:
        """Raises RedactionError, which names the pictures, while some were not seen, or a mask is
        only suggested."""
        seen = {number for first, last in self.seen for number in range(first, last + 1)}
        unseen = [number for number in range(self.pictures) if number not in seen]
        if unseen:
            raise RedactionError(
                f"pictures {_runs(unseen)} were not seen: look at them in the preview, and add "
                "them to 'seen'"
            )
        open_masks = [one for one in self.masks if one.state is not MaskState.CONFIRMED]
        if open_masks:
            spans = ", ".join(
                f"{one.kind} in {one.boxes[0][0]} to {one.boxes[-1][0]}"
                for one in open_masks[:_NAMED]
            )
            raise RedactionError(
                f"{len(open_masks)} masks are only suggested ({spans}): move or delete each, or "
                "call it 'confirmed'"
            )

    def timed(
        self, times: Sequence[int], origin_us: int
    ) -> tuple[tuple[Mask, ...], tuple[MutedRange, ...]]:
        """Its masks and mutes by media time. times: of all pictures. Raises RedactionError."""
        try:
            masks = tuple(
                Mask(tuple((times[number], *rest) for number, *rest in one.boxes), one.kind)  # type: ignore[misc]
                for one in self.masks
            )
        except IndexError:
            raise RedactionError(
                f"a mask is in a picture that is not there; there are {len(times)}"
            ) from None
        mutes = ([origin_us + round(seconds * SECOND) for seconds in one] for one in self.mutes)
        return masks, tuple(MutedRange(max(0, begin), max(0, end)) for begin, end in mutes)


def read_draft(path: str) -> Draft:
    """The draft in a file. Raises StorageError, and RedactionError if it is none."""
    content = read_plain(path, "draft", _LARGEST)
    try:
        found = typed_json.decode(content, Draft)
    except ValueError as error:
        raise RedactionError(f"{path}: this is no draft of a redacted copy: {error}") from None
    if found.format != FORMAT:
        raise RedactionError(f"{path}: this draft is of format {found.format}, not {FORMAT}")
    return found


def _runs(numbers: Iterable[int]) -> str:
    """``3, 7 to 12``."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][1] == number - 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    shown = [f"{a}" if a == b else f"{a} to {b}" for a, b in runs[:_NAMED]]
    return ", ".join(shown) + (f" and {len(runs) - _NAMED} more runs" if len(runs) > _NAMED else "")
