"""Fragments, and the chain of statements that links them to their recording's header.

The chain decides about order, not the place in the file. If a commit names the statement before it,
the device made it next, whatever lies between them in the file.
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec.structs import replace

from camerad.container.chain import HEADER_NAME, INIT_NAME, commit_name, fragment_name
from camerad.container.severity import Severity
from camerad.container.statements import (
    Closing,
    Commit,
    Content,
    FragmentFacts,
    FragmentSound,
    Header,
)
from camerad.verify.audio_check import AudioCheck
from camerad.verify.chain_position import ChainPosition
from camerad.verify.coverage import AHEAD_US
from camerad.verify.findings import Finding, FindingKind, JudgedCommit, Result, Span, extend_spans
from camerad.verify.time_check import PictureCheck, TimeCheck

MOST_WAITING: Final = 8
"""The most fragments that wait for their commit. An undamaged recording has one."""
MISPLACED: Final = "is not in its place, or there twice"


class _Jump(msgspec.Struct, frozen=True):
    """A signed commit that came too early, and the position at which it came."""

    place: ChainPosition
    finding: int
    commit: Commit
    digest: str


class ChainCheck:
    """Judges fragments and commits; `result` grows meanwhile.

    at: where the next statement belongs. init: the initialisation segment, if it is there.
    replaced: fragments that a redacted copy has something else for. is_part: the file is a part of
    a recording, which has all statements, and not all fragments.
    """

    def __init__(self, result: Result, *, is_part: bool = False) -> None:
        self.is_part: Final = is_part
        self.at = ChainPosition()
        self.init: Content | None = None
        self.replaced: frozenset[int] = frozenset()
        self._result: Final = result
        self._found: Final = result.findings
        self._jump: _Jump | None = None
        self._waiting: dict[int, Content] = {}
        """Fragments whose commit has not come yet."""
        self._unlinked: tuple[int, int] | None = None
        """First and last commit that nothing links to the beginning."""
        self._pictures: Final = PictureCheck(result)
        self._audio: Final = AudioCheck(result)
        self._times: Final = TimeCheck(result)

    @property
    def waiting(self) -> list[int]:
        """The fragments whose commit has not come yet."""
        return sorted(self._waiting)

    @property
    def has_footage(self) -> bool:
        """Whether there was footage before."""
        return self.at.next > 0 or bool(self._waiting)

    @property
    def has_key(self) -> bool:
        """Whether it is clear which key is the recording's."""
        return self.at.linked or self.at.last is not None

    def begin(self, header: Header, digest: str) -> None:
        """Begin the chain with an authentic header. digest: of its statement."""
        self.at.previous, self.at.linked, self.at.fps = digest, True, header.fps
        self._audio.header(header, HEADER_NAME)
        self._times.header(header)

    def is_past(self, sequence: int) -> bool:
        """Whether the chain is past this fragment for good."""
        place = self.at if self._jump is None else self._jump.place
        return sequence < min(place.next, self.at.next)

    def fragment(self, sequence: int, content: Content) -> None:
        """Take a fragment; its commit decides what it is worth."""
        if sequence in self._waiting or self.is_past(sequence):
            self._found.say(FindingKind.EXTRA, MISPLACED, fragment_name(sequence))
            return
        self._waiting[sequence] = content
        if len(self._waiting) > MOST_WAITING:
            self.uncommitted(min(self._waiting))

    def skip_forged(self, sequence: int) -> None:
        """Go on behind a commit that is not authentic."""
        if sequence == self.at.next:
            self._found.leave_time_open(self.at.until_us)
            self._waiting.pop(sequence, None)
            self._skip(sequence + 1)

    def commit(self, commit: Commit, digest: str) -> JudgedCommit | None:
        """Judge a signed commit, whose name has its sequence number. None if it is not in its
        place."""
        sequence = commit.facts.sequence
        if sequence < self.at.next:
            if self._jump is None or commit.previous != self._jump.place.previous:
                self._found.say(FindingKind.EXTRA, MISPLACED, commit_name(sequence))
                return None
            return self._return(self._jump, commit, digest)
        if sequence > self.at.next:
            self._leap(commit, digest)
        return self._judge(commit, digest)

    def end(self, commits: int, previous: str, name: str) -> None:
        """Judge a signed end. commits: how many it counts. previous: the statement before it, as it
        says."""
        at = self.at
        if commits > at.next:
            self._missing(at.next, commits - 1)
            self._skip(commits)
        elif commits < at.next:
            text = f"says that there are {commits} fragments, and there are {at.next}"
            self._found.say(FindingKind.CONTRADICTION, text, name)
        follows = previous == at.previous
        # What it follows may itself be linked to nothing.
        self._result.end_linked = follows and at.linked
        if self._result.end_linked:
            self._result.header_linked = True
        if not follows:
            text = "signed, and nothing links it to the statements before it"
            self._found.say(FindingKind.UNLINKED, text, name)
            at.linked = False

    def finish(self) -> None:
        """Report what only the whole recording shows."""
        header, result = self._result.header, self._result
        if header is not None and result.commits > result.unlinked_commits:
            until_us = header.origin_us + result.end_us + AHEAD_US
            if header.trigger_us > until_us:
                self._found.contradict("a trigger after its last picture", HEADER_NAME)
        self._report_unlinked()
        self._pictures.report()
        self._audio.report()

    def uncommitted(self, sequence: int) -> None:
        """Report a fragment whose commit did not come."""
        del self._waiting[sequence]
        self._found.say(FindingKind.MISSING, "is missing", commit_name(sequence))
        text = "is vouched for by no statement"
        self._found.say(FindingKind.UNCOMMITTED, text, fragment_name(sequence))
        self._found.leave_time_open(self.at.until_us)

    def _missing(self, first: int, last: int) -> None:
        self._found.say(FindingKind.MISSING, "missing", fragment_name(first), commit_name(last))
        self._found.leave_time_open(self.at.until_us)

    def _leap(self, commit: Commit, digest: str) -> None:
        """Go on at a signed commit that comes too early: members are missing, or it is not in its
        place."""
        place, sequence = self.at, commit.facts.sequence
        self.at = replace(place)
        late = [number for number in sorted(self._waiting) if number < sequence]
        if self._jump is None or not self._jump.place.linked:
            index = len(self._found.list)
            self._jump = _Jump(place, index, commit, digest)
        if late:
            for number in late:
                if number > self.at.next:
                    self._missing(self.at.next, number - 1)
                self.at.next = number + 1
                self.uncommitted(number)
        if sequence > self.at.next:
            self._missing(self.at.next, sequence - 1)
        self._skip(sequence)

    def _return(self, jump: _Jump, commit: Commit, digest: str) -> JudgedCommit:
        """Go back to the position that was left too early: what came in between did not belong
        there."""
        self._jump = None
        early = jump.commit.facts
        found = Finding(
            FindingKind.EXTRA,
            Severity.DAMAGE,
            "is not in its place",
            fragment_name(early.sequence),
            commit_name(early.sequence),
        )
        self._found.replace(jump.finding, found)
        self._found.forget_open_times()
        self.at = jump.place
        judged = self._judge(commit, digest)
        span = self._span(early)
        if jump.commit.previous == digest:
            # The two were exchanged: the chain leads to the early one, and on from there.
            at = self.at
            at.next, at.previous, at.last = early.sequence + 1, jump.digest, early
            at.until_us = span.to_us
            at.fps = early.rates[-1].to_fps if early.rates else at.fps
            if self._unlinked == (early.sequence, early.sequence):
                self._unlinked = None
            if at.linked:
                self._result.add_late(early)
            if at.linked and span in self._result.signed:
                self._result.signed.remove(span)
                extend_spans(self._result.proven, span.from_us, span.to_us)
        return judged

    def _judge(self, commit: Commit, digest: str) -> JudgedCommit:
        facts, result = commit.facts, self._result
        name = fragment_name(facts.sequence)
        self._link(commit)
        span = self._span(facts)
        from_us, to_us = span.from_us, span.to_us
        self._found.close_open_times(from_us)
        init = self._judge_init(commit)
        there = self._waiting.pop(facts.sequence, None)
        for number in self._waiting:
            if number > facts.sequence:
                self._found.say(FindingKind.EXTRA, "is not in its place", fragment_name(number))
        content_ok = there == commit.fragment
        if facts.sequence in self.replaced:
            content_ok = False
            if there is not None:
                self._found.say(FindingKind.EXTRA, "is here, and its copy was redacted", name)
        elif there is None and self.is_part:
            text, note = "is in another part", Severity.NOTE
            self._found.say(
                FindingKind.PART, text, name, severity=note, from_us=from_us, to_us=to_us
            )
        elif there is None:
            self._found.say(FindingKind.MISSING, "is missing", name, from_us=from_us, to_us=to_us)
        elif not content_ok:
            text = "has other bytes than those that were signed"
            if there.bytes != commit.fragment.bytes:
                text = f"has {there.bytes} bytes, and {commit.fragment.bytes} were signed"
            self._found.say(FindingKind.CHANGED, text, name, from_us=from_us, to_us=to_us)
        self._pictures.commit(self.at, facts)
        statement, linked = commit_name(facts.sequence), self.at.linked
        self._audio.commit(facts, self.at.last, statement, linked=linked)
        self._times.commit(facts, statement, linked=linked)
        result.add_commit(commit, linked=self.at.linked)
        at = self.at
        at.next, at.previous, at.until_us = facts.sequence + 1, digest, max(at.until_us, to_us)
        if facts.frames or at.last is None:
            at.last = facts
        if not at.linked:
            first = facts.sequence if self._unlinked is None else self._unlinked[0]
            self._unlinked = (first, facts.sequence)
        if content_ok:
            extend_spans(result.proven if at.linked else result.signed, from_us, to_us)
        proven = commit.fragment.sha256 if content_ok else None
        return JudgedCommit(facts, proven, init, at.linked)

    def _judge_init(self, commit: Commit) -> str | None:
        first = commit.facts.sequence == 0
        if (commit.init is not None) != first:
            self._found.say(
                FindingKind.CONTRADICTION,
                "commits no initialisation segment" if first else "commits a second segment",
                commit_name(commit.facts.sequence),
            )
        if commit.init is None:
            return None
        if self.init == commit.init:
            return commit.init.sha256
        if self.init is None:
            self._found.say(
                FindingKind.MISSING, "is missing: the footage cannot be opened", INIT_NAME
            )
        else:
            self._found.say(
                FindingKind.CHANGED,
                "has other bytes than those that were signed: the footage cannot be opened",
                INIT_NAME,
            )
        return None

    def _link(self, commit: Commit) -> None:
        """Check that a commit follows the statement before it; if not, begin a piece of its own."""
        at = self.at
        if commit.previous == at.previous:
            return
        if at.previous is not None:
            name = commit_name(commit.facts.sequence)
            if self._result.commits:
                text = "names another statement before it than the one that is there"
                self._found.say(FindingKind.UNLINKED, text, name)
            else:
                text = "the header is not the one with which this recording began"
                self._found.say(FindingKind.UNLINKED, text, HEADER_NAME, name)
        if not self._result.commits:
            # The header is another recording's, and so is its origin.
            self._result.origin_us = None
        self._skip(commit.facts.sequence)

    def _skip(self, sequence: int) -> None:
        """Go on at `sequence`, where nothing is linked to what was before."""
        at = self.at
        at.next, at.previous, at.linked, at.last, at.fps = sequence, None, False, None, None
        self._audio.skip()
        self._times.skip()

    def _span(self, facts: FragmentFacts) -> Span:
        """The time of a fragment: that of its pictures, or of its sound if it has none."""
        sound, time = facts.sound, self._result.recording_us
        first_us, end_us = facts.first_us, facts.end_us
        if not facts.frames and isinstance(sound, FragmentSound):
            first_us = max(first_us, sound.first_us or 0)
            end_us = max(first_us, facts.until_us)
        return Span(time(first_us), time(end_us))

    def _report_unlinked(self) -> None:
        """Report the part that is signed and linked to nothing."""
        if self._unlinked is None:
            return
        first, last = self._unlinked
        spans = self._result.signed
        self._found.say(
            FindingKind.UNLINKED,
            "signed, and nothing links it to the beginning: it may be another recording's",
            fragment_name(first),
            commit_name(last),
            from_us=spans[0].from_us if spans else None,
            to_us=spans[-1].to_us if spans else None,
        )

    def check_closing(self, closing: Closing, until_us: int, name: str) -> None:
        """Compare a linked end with the commits, and with the time at which it can have been made.

        until_us: as for `PictureCheck.statement`.
        """
        self._pictures.statement(self.at, closing, until_us, name)
        self._pictures.end(self.at, closing)
        self._audio.end(closing.sound, closing.at_us, name)
        self._times.end(closing, name)
