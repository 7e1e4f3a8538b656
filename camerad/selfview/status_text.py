"""Words the camera's status: causes with their remedy first, then battery, storage and clock.

An officer reads it at arm's length, or another one does, in the five seconds that it stands. So
what is the matter comes first, and its letters are larger than those of everything below it: at
least a sixteenth of the panel's height, unless a word would not fit its width then. Words are never
cut. What stands below gives way: it becomes smaller, and then the last of it goes, line by line.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from typing import Final

from camerad.behaviour.scene import HandoverScene, OfficerStatus
from camerad.selfview.lettering import (
    GREY,
    LEAST,
    LINE,
    PAD,
    SHARE,
    Lettering,
    TextLine,
    size_of,
)
from camerad.selfview.viewer_settings import CAUSES, CUT_OFF, Texts

LARGEST_SHARE: Final = 10
"""The panel's height by the height of a capital of the cause, where there is room,"""
LEAST_CAUSE_SHARE: Final = 16
"""and where there is hardly any."""
BELOW: Final = (0.75, 0.68, 0.6)
"""Sizes of what stands below by that of the cause, the largest that fits is taken,"""
LEAST_BELOW_SHARE: Final = 18
"""and the panel's shorter side by the height of a capital there, at the smallest."""
APART: Final = 0.35
"""Space between the cause and what stands below by the size of the cause."""

_HANDOVER: Final[Mapping[HandoverScene, str]] = {
    HandoverScene.WAITS: "handover_waits",
    HandoverScene.RUNS: "handing_over",
    HandoverScene.DONE: "handed_over",
    HandoverScene.NO_NETWORK: "handover_no_network",
    HandoverScene.FAILED: "handover_failed",
}
"""The text that says so."""
_BETWEEN_SENTENCES: Final = re.compile(r"(?<=\w\w[.!?]) (?=[A-ZÀ-Þ\d])")
"""Not behind what is shortened."""


class StatusText:
    """The lines of the status on a panel of `width` x `height` pixels."""

    def __init__(self, letters: Lettering, width: int, height: int, texts: Texts) -> None:
        self._letters = letters
        self._height = height
        self._texts = texts
        self._main = size_of(height / SHARE)
        self._room = width - 2 * round(self._main * PAD)
        self._least = size_of(height / LEAST_CAUSE_SHARE)
        largest, least_below = (
            size_of(height / LARGEST_SHARE),
            size_of(min(width, height) / LEAST_BELOW_SHARE),
        )
        self._sizes = [
            (size, max(least_below, round(size * share)))
            for size in range(largest, self._least - 1, -1)
            for share in BELOW
        ]
        """Of the cause and of what stands below it, in the order in which they are tried."""

    def lines(self, status: OfficerStatus) -> list[TextLine]:
        """The lines, from top to bottom."""
        below = self._how_it_is(status)
        matters = CUT_OFF if status.cut_off else status.cause and CAUSES[status.cause]
        if not matters:
            return self._even(below)
        if status.more:
            below.insert(0, self._texts["more_causes"].format(count=status.more))
        return self._with_cause(self._texts[matters], below)

    def _how_it_is(self, status: OfficerStatus) -> list[str]:
        texts = self._texts
        battery, storage, clock = (
            texts["battery_unknown"],
            texts["storage_unknown"],
            texts["clock_unset"],
        )
        if status.battery_percent is not None:
            battery = texts["battery"].format(percent=status.battery_percent)
        if status.minutes_left is not None:
            hours, minutes = divmod(status.minutes_left, 60)
            storage = texts["storage"].format(hours=hours, minutes=f"{minutes:02}")
        if status.wall_us is not None:
            local = time.localtime(status.wall_us // 1_000_000)
            clock = texts["clock"].format(time=time.strftime("%H:%M", local))
        said = [battery, storage, clock]
        if status.handover is not None:
            text = texts[_HANDOVER[status.handover]]
            said.insert(0, text.format(done=status.done, total=status.total))
        return said

    def _even(self, said: Sequence[str]) -> list[TextLine]:
        """All in the same size."""
        fit, room = self._letters.fitting, self._room
        size = min(fit(text, self._main, room, most=2)[1] for text in said)
        return [TextLine(line, size) for text in said for line in self._wrapped(text, size)]

    def _with_cause(self, cause: str, below: Sequence[str]) -> list[TextLine]:
        """The cause, and as much of what stands below it as there is room for."""
        sentences = _BETWEEN_SENTENCES.split(cause)
        for said in range(len(below), -1, -1):
            for size, below_size in self._sizes:
                if self._fits(sentences, size, below[:said], below_size):
                    return self._arranged(sentences, size, below[:said], below_size)
        size = min(self._letters.fitting(one, self._least, self._room)[1] for one in sentences)
        while size > LEAST and not self._fits(sentences, size, (), size):
            size -= 1
        return self._arranged(sentences, size, (), size)

    def _fits(
        self, sentences: Sequence[str], size: int, below: Sequence[str], below_size: int
    ) -> bool:
        """Whether everything has room in these sizes."""
        free = self._height - 2 * round(size * PAD) - (round(size * APART) if below else 0)
        for texts, one_size in ((sentences, size), (below, below_size)):
            for text in texts:
                lines = self._letters.lines_of(text, one_size, self._room)
                if lines is None:
                    return False
                free -= lines * round(one_size * LINE)
                if free < 0:
                    return False
        return True

    def _arranged(
        self, sentences: Sequence[str], size: int, below: Sequence[str], below_size: int
    ) -> list[TextLine]:
        """The lines in these sizes."""
        lines = [TextLine(line, size) for text in sentences for line in self._wrapped(text, size)]
        above = round(size * APART)
        for text in below:
            for line in self._wrapped(text, below_size):
                lines.append(TextLine(line, below_size, GREY, above))
                above = 0
        return lines

    def _wrapped(self, text: str, size: int) -> list[str]:
        return self._letters.wrap(text, size, self._room) or [text]
