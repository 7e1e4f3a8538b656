"""Findings of a check of a recording, in words for programs and people.

Times of findings and spans are those of the recording: media time minus its origin, microseconds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum
from typing import Final

import msgspec
from msgspec.structs import replace

from camerad.base.clock import SECOND, ClockSource
from camerad.container.chain import HEADER_NAME, INIT_NAME
from camerad.container.gaps import Gap
from camerad.container.limits import MOST_EVENTS
from camerad.container.severity import Severity
from camerad.container.statements import (
    RECOVERED,
    Closing,
    Commit,
    FragmentFacts,
    FragmentSound,
    Header,
    RateChange,
    SoundChange,
    SoundEnd,
    StageChange,
    events_in,
)

NUMBERED: Final = re.compile(r"([0-9]{6,18})\.(m4s\.age|jws)")
"""Name of a fragment or of its commit."""
TOUCHING_US: Final = 10_000
"""Pieces that are closer than this are one: no picture is as short, at any rate of the camera."""
MOST: Final = 1_000
"""The most findings that are kept one by one; further ones are counted."""


_EVENTS: Final = (
    f"names more than {MOST_EVENTS:,} gaps, marks and changes, which no camera does; the others "
    "are not listed"
)


class FindingKind(StrEnum):
    """What a finding is; programs go by this, people by its text."""

    ARCHIVE = "archive"
    """The archive around a member is not as it was written; its content is judged by itself."""
    LOST = "lost"
    """Bytes that are no member."""
    FOREIGN = "foreign"
    """A member that no recording has."""
    EXTRA = "extra"
    """A member that is there a second time, or not in its place."""
    MISSING = "missing"
    """Members that the statements say were there."""
    CHANGED = "changed"
    """A member whose bytes are not those that were signed."""
    FORGED = "forged"
    """A statement that is not by the recording's key, or not in its one spelling."""
    UNKNOWN_KEY = "unknown key"
    """Statements by a key that is not trusted."""
    UNLINKED = "unlinked"
    """Signed statements that nothing links to the beginning of this recording."""
    UNCOMMITTED = "uncommitted"
    """Footage that no statement vouches for."""
    CONTRADICTION = "contradiction"
    """Signed statements that cannot all be true."""
    UNCLOSED = "unclosed"
    """There is no end: whether there was more cannot be proven."""
    MISNAMED = "misnamed"
    """The file has the name of another recording."""
    OTHER_END = "other end"
    """The ledger knows another end of this recording."""
    RUNNING = "running"
    RECOVERED = "recovered"
    TORN = "torn"
    """What repair kept from behind the last commit."""
    UNSTATED = "unstated hole"
    """Time without pictures that no statement explains."""
    SILENT = "unstated silence"
    """Time without sound that no statement explains, though sound was wanted."""
    UNFIT = "unfit times"
    """Times of statements that do not fit each other, though each could be."""
    REDACTED = "redacted"
    """In a redacted copy, what was replaced."""
    UNMASKED = "unmasked"
    """In a redacted copy, what the list says is masked, muted or unchanged, and is not."""
    UNOPENED = "unopened"
    """In a redacted copy, an unchanged fragment that its key in the copy does not open."""
    PART = "part"
    """In a part of a recording, footage that is in other parts."""
    QUIET = "stated silence"
    """Time without sound that no gap states, and that the states of sound explain."""


class Finding(msgspec.Struct, frozen=True):
    """What is wrong, or worth knowing.

    first, last: the members affected, with all between them in the order of a recording; "" if no
    member is. from_us, to_us: the time affected, in microseconds of the recording. One is None if
    it is not known, both if no time is affected.
    """

    kind: FindingKind
    severity: Severity
    text: str
    first: str = ""
    last: str = ""
    from_us: int | None = None
    to_us: int | None = None


class Span(msgspec.Struct, frozen=True):
    """A piece of the recording, in its microseconds."""

    from_us: int
    to_us: int


class JudgedCommit(msgspec.Struct, frozen=True):
    """What a commit with a good signature says.

    fragment, init: SHA-256 of the fragment and of the initialisation segment; None if the bytes
    that are there are not the signed ones. init is None except in commit 0. linked: an unbroken
    chain leads from here to the header.
    """

    facts: FragmentFacts
    fragment: str | None
    init: str | None
    linked: bool


class Findings:
    """What was found, in its order. At most `MOST` findings are kept, further ones are counted.

    Neighbours of one kind become one if their members follow one another. list: the findings.
    dropped: how many are not in it. damage: whether any of all is damage.
    """

    def __init__(self) -> None:
        self.list: Final[list[Finding]] = []
        self.dropped = 0
        self.damage = False
        self._dropped_kinds: Final[set[FindingKind]] = set()
        self._open: list[int] = []
        """Indices of findings whose time ends where the next signed fragment begins."""

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.list)

    def add(self, found: Finding) -> None:
        """Add a finding."""
        self.damage = self.damage or found.severity is Severity.DAMAGE
        if self.list and (joined := _joined(self.list[-1], found)) is not None:
            self.list[-1] = joined
        elif len(self.list) < MOST:
            self.list.append(found)
        else:
            self.dropped += 1
            self._dropped_kinds.add(found.kind)

    @property
    def kinds(self) -> set[FindingKind]:
        """Those of all findings, also of those that are only counted."""
        return {one.kind for one in self.list} | self._dropped_kinds

    def say(
        self,
        kind: FindingKind,
        text: str,
        first: str = "",
        last: str = "",
        *,
        severity: Severity = Severity.DAMAGE,
        from_us: int | None = None,
        to_us: int | None = None,
    ) -> None:
        """Add a finding about `first`, or about all members from `first` to `last`."""
        self.add(Finding(kind, severity, text, first, last or first, from_us, to_us))

    def contradict(self, what: str, name: str) -> None:
        """Add the finding that the member `name` says what cannot be."""
        self.say(FindingKind.CONTRADICTION, f"says what cannot be: {what}", name)

    def replace(self, index: int, found: Finding) -> None:
        """Replace a finding that turned out to be another one."""
        if index < len(self.list):
            self.list[index] = found

    def leave_time_open(self, from_us: int) -> None:
        """The last finding is about footage from `from_us` to the next signed fragment."""
        if not self.list or self.dropped:
            return
        if self.list[-1].from_us is None:
            self.list[-1] = replace(self.list[-1], from_us=from_us)
        if len(self.list) - 1 not in self._open:
            self._open.append(len(self.list) - 1)

    def close_open_times(self, to_us: int) -> None:
        """The next signed fragment begins at `to_us`."""
        for index in self._open:
            begins_us = self.list[index].from_us
            known = begins_us is not None and begins_us <= to_us
            self.list[index] = replace(self.list[index], to_us=to_us if known else None)
        self._open.clear()

    def forget_open_times(self) -> None:
        """Leave findings about an open time as they are."""
        self._open.clear()


def _joined(one: Finding, other: Finding) -> Finding | None:
    """Two findings of one kind as one, if they are about the same member or about neighbours; else
    None."""
    if (one.kind, one.text) != (other.kind, other.text) or not other.first:
        return None
    if other.first == other.last == one.last:
        return one
    if _place(other.first) - _place(one.last) not in (1, 2):
        return None
    return replace(one, last=other.last, to_us=other.to_us)


def _place(name: str) -> int:
    """Where a member stands among those of a recording, apart from its end."""
    found = NUMBERED.fullmatch(name)
    if found is not None:
        return 2 + 2 * int(found[1]) + (found[2] == "jws")
    return {HEADER_NAME: 0, INIT_NAME: 1}.get(name, -(1 << 62))


class TimeWorth(StrEnum):
    """What a recording's wall time is worth: a `ClockSource`, or that it was set meanwhile."""

    SYNCHRONISED = ClockSource.SYNCHRONISED.value
    RTC = ClockSource.RTC.value
    UNKNOWN = ClockSource.UNKNOWN.value
    STEPPED = "stepped"
    """It jumped by more than `STEPPED_US` while it recorded."""


STEPPED_US: Final = 2 * SECOND
"""How far wall time may be set in a recording whose times are as good as before."""


class Result(msgspec.Struct):
    """All that the members say.

    kid: the key that signed, None if no statement could be read. proven: pieces that are authentic
    and complete. signed: pieces that are signed, but linked to nothing. origin_us: media time of
    second 0: the header's, or else the first signed picture's. end_us: where the last signed
    fragment ends. units: access units of sound; sound_gaps, sound_states: as in `FragmentSound`.
    closing, final: what a signed end says, and its SHA-256; end_linked: an unbroken chain leads to
    it from the header. clock_sources: where wall time came from, in the order of first use;
    clock_steps: (time, how far). slow_syncs: (time, how long).

    What only unlinked statements say is not a fact about this recording. Their fragments and
    pictures are counted, also by themselves (unlinked_commits, unlinked_frames), and nothing else
    of them is here but `closing` and `final`: `end_linked` says whether these are this recording's.
    header_linked: footage, or the end, is linked to the header.
    """

    header: Header | None = None
    closing: Closing | None = None
    kid: str | None = None
    commits: int = 0
    frames: int = 0
    sealed_bytes: int = 0
    origin_us: int | None = None
    end_us: int = 0
    final: str | None = None
    end_linked: bool = False
    header_linked: bool = False
    unlinked_commits: int = 0
    unlinked_frames: int = 0
    findings: Findings = msgspec.field(default_factory=Findings)
    proven: list[Span] = msgspec.field(default_factory=list)
    signed: list[Span] = msgspec.field(default_factory=list)
    gaps: list[Gap] = msgspec.field(default_factory=list)
    units: int = 0
    sound_gaps: list[Gap] = msgspec.field(default_factory=list)
    sound_states: list[SoundChange] = msgspec.field(default_factory=list)
    marks: list[int] = msgspec.field(default_factory=list)
    stages: list[StageChange] = msgspec.field(default_factory=list)
    rates: list[RateChange] = msgspec.field(default_factory=list)
    clock_sources: list[ClockSource] = msgspec.field(default_factory=list)
    clock_steps: list[tuple[int, int]] = msgspec.field(default_factory=list)
    slow_syncs: list[tuple[int, int]] = msgspec.field(default_factory=list)
    events: int = 0

    @property
    def authentic(self) -> bool:
        """Whether nothing is damaged."""
        return not self.findings.damage

    @property
    def time_worth(self) -> TimeWorth:
        """What the recording's wall time is worth: that it jumped, else the worst of what vouched
        for it."""
        if any(abs(step_us) > STEPPED_US for _, step_us in self.clock_steps):
            return TimeWorth.STEPPED
        for source in (ClockSource.UNKNOWN, ClockSource.RTC, ClockSource.SYNCHRONISED):
            if source in self.clock_sources:
                return TimeWorth(source.value)
        return TimeWorth.UNKNOWN

    def recording_us(self, media_us: int) -> int:
        """Media time in microseconds of the recording; without a header, after the first signed
        picture."""
        if self.origin_us is None:
            self.origin_us = media_us
        return media_us - self.origin_us

    @property
    def strange_header(self) -> bool:
        """Whether the header is signed, and nothing links it to the rest of the file."""
        there = self.commits > 0 or self.closing is not None
        return self.header is not None and there and not self.header_linked

    def add_commit(self, commit: Commit, *, linked: bool) -> None:
        """Count what a signed commit says."""
        facts = commit.facts
        self.commits += 1
        self.frames += facts.frames
        self.sealed_bytes += commit.fragment.bytes + (commit.init.bytes if commit.init else 0)
        if linked:
            self._add_linked(facts)
        else:
            self.unlinked_commits += 1
            self.unlinked_frames += facts.frames

    def add_late(self, facts: FragmentFacts) -> None:
        """A commit that was counted as unlinked is linked after all."""
        self.unlinked_commits -= 1
        self.unlinked_frames -= facts.frames
        self._add_linked(facts)

    def add_closing(self, closing: Closing, final: str) -> None:
        """Count what a signed end says. final: SHA-256 of its statement."""
        self.closing = closing
        self.final = final
        if self.end_linked:
            self._add_facts(closing, closing.at_us)

    def _add_linked(self, facts: FragmentFacts) -> None:
        self.header_linked = True
        self.end_us = max(self.end_us, self.recording_us(facts.until_us))
        if isinstance(facts.sound, FragmentSound):
            self.units += facts.sound.units
        self._add_facts(facts, facts.end_us)

    def add_source(self, source: ClockSource) -> None:
        """Take note of where wall time came from."""
        if source not in self.clock_sources:
            self.clock_sources.append(source)

    def _add_facts(self, facts: FragmentFacts | Closing, media_us: int) -> None:
        before, self.events = self.events, self.events + events_in(facts)
        if self.events > MOST_EVENTS:
            if before <= MOST_EVENTS:
                self.findings.say(FindingKind.CONTRADICTION, _EVENTS)
            return
        self.gaps += facts.gaps
        self.marks += facts.marks
        self.stages += facts.stages
        self.rates += facts.rates or ()
        if isinstance(facts.sound, FragmentSound | SoundEnd):
            self.sound_gaps += facts.sound.gaps
            self.sound_states += facts.sound.states
        if not isinstance(facts, Closing) or facts.reason != RECOVERED:
            self.add_source(facts.clock.source)  # repair has a time of its own
        if facts.clock_step_us is not None:
            self.clock_steps.append((self.recording_us(media_us), facts.clock_step_us))
        if facts.sync_us is not None:
            self.slow_syncs.append((self.recording_us(media_us), facts.sync_us))


def extend_spans(spans: list[Span], from_us: int, to_us: int) -> None:
    """Add a piece. If it begins in the last one or at its end, that one becomes longer. Of more
    than `MOST_EVENTS` pieces the others are left out."""
    if spans and spans[-1].from_us <= from_us < spans[-1].to_us + TOUCHING_US:
        spans[-1] = Span(spans[-1].from_us, max(spans[-1].to_us, to_us))
    elif len(spans) < MOST_EVENTS:
        spans.append(Span(from_us, to_us))
