"""Whether the times of signed statements fit each other; pure, fed by
`camerad.verify.chain_check`.

Contradictions are found in `chain_check`. Here are times that a camera does not state: each of them
is possible by itself, and only together they show that one of them is wrong.
"""

from __future__ import annotations

from typing import Final

from camerad.base.clock import Moment
from camerad.container.severity import Severity
from camerad.container.statements import RECOVERED, Closing, FragmentFacts, FragmentSound, Header
from camerad.verify.findings import FindingKind, Result

TOLERANCE_US: Final = 2_000_000
"""A difference up to this is no finding: a loop that is late, and a time server that steers the
clock, move times by less."""
CLOSING_US: Final = 600_000_000
"""No recorder writes its end later than so after footage was wanted: the daemon of one whose card
does not answer is given up after a minute or two."""


class TimeCheck:
    """Of one recording; what is not linked to the statement before is not compared with it."""

    def __init__(self, result: Result) -> None:
        self._result: Final = result
        self._boot_id = ""
        self._clock: Moment | None = None
        self._footage_us = 0

    def header(self, header: Header) -> None:
        """What a header says."""
        self._boot_id, self._clock = header.boot_id, header.clock

    def skip(self) -> None:
        """Statements are missing here, or not linked to those before."""
        self._clock = None

    def commit(self, facts: FragmentFacts, name: str, *, linked: bool) -> None:
        """What a commit says."""
        self._follows(facts.clock, facts.clock_step_us, name)
        self._clock = facts.clock
        if linked and facts.frames:
            self._footage_us = max(self._footage_us, facts.last_us)
        if linked and isinstance(facts.sound, FragmentSound):
            self._footage_us = max(self._footage_us, facts.sound.end_us or 0)

    def end(self, closing: Closing, name: str) -> None:
        """What a linked end says."""
        if closing.at_us < self._footage_us - TOLERANCE_US:
            self._say("footage was wanted until before the last that is there", name)
        if closing.boot_id != self._boot_id:
            return
        repaired = closing.reason == RECOVERED
        self._follows(closing.clock, closing.clock_step_us, name, repaired=repaired)
        if not repaired and closing.clock.boot_us > closing.at_us + CLOSING_US:
            self._say("it was written long after footage was wanted no more", name)

    def _follows(
        self, clock: Moment, step_us: int | None, name: str, *, repaired: bool = False
    ) -> None:
        before = self._clock
        if before is None:
            return
        if clock.boot_us < before.boot_us - TOLERANCE_US:
            self._say("its clock is behind that of the statement before", name)
        moved_us = (clock.wall_us - clock.boot_us) - (before.wall_us - before.boot_us)
        # A repair does not know how the clock was set meanwhile.
        if not repaired and abs(moved_us - (step_us or 0)) > TOLERANCE_US:
            self._say("the wall clock moved otherwise than is stated", name)

    def _say(self, what: str, name: str) -> None:
        text = f"times do not fit each other: {what}"
        self._result.findings.say(FindingKind.UNFIT, text, name, severity=Severity.NOTE)
