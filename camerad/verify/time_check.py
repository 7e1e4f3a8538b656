"""Judges the times of pictures and of signed statements; pure, fed by
`camerad.verify.chain_check`.

Contradictions are found in `chain_check`. Here are also times that a camera does not state: each of
them is possible, and only together they show that one of them is wrong.
"""

from __future__ import annotations

from typing import Final

from camerad.base.clock import Moment
from camerad.container.chain import commit_name
from camerad.container.gaps import Gap
from camerad.container.severity import Severity
from camerad.container.statements import (
    RECOVERED,
    Closing,
    FragmentFacts,
    FragmentSound,
    Header,
    SoundEnd,
)
from camerad.verify.chain_position import ChainPosition
from camerad.verify.coverage import AHEAD_US, Holes
from camerad.verify.findings import FindingKind, Result

LONGEST_PICTURE_US: Final = 2_000_000
"""No picture lasts longer. The last one before a hole lasts as long as any other."""


class PictureCheck:
    """Judges the times of one recording's pictures; `result` grows meanwhile."""

    def __init__(self, result: Result) -> None:
        self._result: Final = result
        self._found: Final = result.findings
        self._holes: Final = Holes()

    def commit(self, at: ChainPosition, facts: FragmentFacts) -> None:
        """Judge the times of a commit's pictures. at: the position before it."""
        name = commit_name(facts.sequence)
        last, linked = at.last, at.linked
        # `AudioCheck` judges those of a fragment that has sound only.
        if facts.frames and not facts.first_us <= facts.last_us < facts.end_us:
            self._found.say(FindingKind.CONTRADICTION, "gives times that do not rise", name)
        if facts.end_us - facts.last_us > LONGEST_PICTURE_US:
            self._found.contradict("a picture that lasts for seconds", name)
        if facts.last_us > facts.clock.boot_us + AHEAD_US:
            self._found.contradict("pictures from after its own signature", name)
        self.statement(at, facts, max(facts.until_us, facts.clock.boot_us), name)
        begins_us = self._result.origin_us if last is None else last.end_us
        begins_early = last is not None and (
            facts.first_us <= last.last_us if last.frames else facts.first_us < last.end_us
        )
        if begins_early:
            self._found.say(
                FindingKind.CONTRADICTION, "begins before the fragment before it ends", name
            )
        elif last is None and linked and begins_us is not None and facts.first_us < begins_us:
            self._found.say(FindingKind.CONTRADICTION, "begins before the recording's origin", name)
        if linked and begins_us is not None:
            self._holes.add(begins_us, facts.first_us)

    def end(self, at: ChainPosition, closing: Closing) -> None:
        """Compare where the pictures end with the time up to which footage was wanted."""
        ends_us = self._result.origin_us if at.last is None else at.last.end_us
        if ends_us is not None:
            self._holes.add(ends_us, closing.at_us)

    def statement(
        self, at: ChainPosition, said: FragmentFacts | Closing, until_us: int, name: str
    ) -> None:
        """Compare the times that a signed statement names with when it was made.

        until_us: media time at which it was made, or its footage ends. `at.fps` moves on.
        """
        latest_us = until_us + AHEAD_US
        header = self._result.header
        earliest_us = 0
        if header is not None and at.linked:
            earliest_us = min(header.origin_us, header.trigger_us) - AHEAD_US
        if any(at_us > latest_us for at_us in said.marks):
            self._found.contradict("a mark from after it", name)
        if any(at_us < earliest_us for at_us in said.marks):
            self._found.contradict("a mark from before the recording", name)
        if any(one.at_us > latest_us for one in said.stages):
            self._found.contradict("a stage from after it", name)
        self._check_rates(at, said, latest_us, name)
        sound_gaps: tuple[Gap, ...] = ()
        if isinstance(said.sound, FragmentSound | SoundEnd):
            sound_gaps = said.sound.gaps
            if any(one.at_us > latest_us for one in said.sound.states):
                self._found.contradict("a state of its sound from after it", name)
        for gap in (*said.gaps, *sound_gaps):
            times = [at_us for at_us in (gap.from_us, gap.to_us) if at_us is not None]
            if times != sorted(times):
                self._found.contradict("a gap that ends before it begins", name)
            elif times and times[-1] > latest_us:
                self._found.contradict("a gap from after it", name)

    def _check_rates(
        self, at: ChainPosition, said: FragmentFacts | Closing, latest_us: int, name: str
    ) -> None:
        """Each change must begin with the rate that the change before led to, the first one with
        the header's."""
        for change in said.rates or ():
            if change.at_us > latest_us:
                self._found.contradict("a change of the pictures per second from after it", name)
            if change.from_fps == change.to_fps or at.fps not in (None, change.from_fps):
                text = f"a change from {change.from_fps} to {change.to_fps} pictures per second"
                self._found.contradict(f"{text}, where there were {at.fps or 'as many'}", name)
            at.fps = change.to_fps

    def report(self) -> None:
        """Report every time without pictures that no statement explains.

        Only the pieces that no gap covers are reported: a gap that touches a hole explains no more
        than it covers.
        """
        for _, bare in self._holes.unstated(self._result.gaps):
            for piece in bare:
                self._found.say(
                    FindingKind.UNSTATED,
                    "no pictures, and no statement says why",
                    severity=Severity.NOTE,
                    from_us=self._result.recording_us(piece.from_us),
                    to_us=self._result.recording_us(piece.to_us),
                )


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
