"""The verdict on a recording, for people and programs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import IntEnum
from typing import Any, Final

import msgspec

from camerad.base.clock import SECOND
from camerad.base.text import count, printable
from camerad.base.words import ENGLISH, N_, Words, words_in
from camerad.container.gaps import Gap
from camerad.container.severity import Severity
from camerad.container.statements import RECOVERED, Header, Microphone, SoundChange, rfc3339
from camerad.stream.wire import SoundState
from camerad.verify.findings import TOUCHING_US, Finding, FindingKind, Result, Span, TimeWorth

_LISTED: Final = 20
"""The most lines of one kind that are printed. A program gets all of them."""


class Verdict(IntEnum):
    """The result of a check; its number is the command's exit code."""

    AUTHENTIC = 0
    """Authentic and complete."""
    QUALIFIED = 1
    """Authentic, but recovered, running, or with gaps."""
    NOT_AUTHENTIC = 2
    """Something was changed, is missing, or is not by a trusted key."""
    UNREADABLE = 3
    """There is no recording that could be judged."""


WORDS: Final = {
    Verdict.AUTHENTIC: "authentic and complete",
    Verdict.QUALIFIED: "authentic, with remarks",
    Verdict.NOT_AUTHENTIC: "NOT AUTHENTIC",
    Verdict.UNREADABLE: "unreadable",
}
REDACTED_COPY: Final = N_(
    "redacted copy of an authentic recording: {masked} of {pictures} pictures masked, sound muted "
    "{seconds} s; all else is unchanged"
)
NO_COPY: Final = N_("this is not the redacted copy that was signed")
TIME_WORDS: Final[Mapping[str, str]] = {
    TimeWorth.SYNCHRONISED: N_("set by a time server"),
    TimeWorth.RTC: N_("kept by its battery"),
    TimeWorth.UNKNOWN: N_("NOT reliable"),
    TimeWorth.STEPPED: N_("NOT reliable: it was set while recording"),
}
"""What wall time is worth, in English."""


class RedactedParts(msgspec.Struct, frozen=True):
    """What was changed in a redacted copy, as its signed list says. masked: of its pictures;
    muted_us: how long its sound is muted. compared: with the recording."""

    pictures: int
    masked: int
    muted_us: int
    compared: bool = False

    def sentence(self, words: Words) -> str:
        """It in words."""
        return words.gettext(
            REDACTED_COPY,
            masked=f"{self.masked:,}",
            pictures=f"{self.pictures:,}",
            seconds=-(-self.muted_us // SECOND),
        )


class Report(msgspec.Struct):
    """A check of one recording.

    path, bytes: the file. result: what its members say; None if there is no recording, and then
    `problem` says why. ledger: remarks of a comparison with a ledger, each with whether it is
    damage. redacted: of a redacted copy, what it changes. output: what `open_recording` wrote, None
    if nothing; written: the pieces in it.
    """

    path: str
    bytes: int
    result: Result | None = None
    problem: str | None = None
    ledger: list[tuple[Severity, str]] = msgspec.field(default_factory=list)
    output: str | None = None
    written: tuple[Span, ...] = ()
    redacted: RedactedParts | None = None

    @property
    def verdict(self) -> Verdict:
        """The result."""
        result = self.result
        if any(found is Severity.DAMAGE for found, _ in self.ledger):
            return Verdict.NOT_AUTHENTIC
        if result is None:
            return Verdict.UNREADABLE
        if not result.authentic:
            return Verdict.NOT_AUTHENTIC
        qualifying = any(finding.kind is not FindingKind.TORN for finding in result.findings)
        qualifying = qualifying or bool(result.gaps or result.sound_gaps)
        return Verdict.QUALIFIED if qualifying else Verdict.AUTHENTIC

    @property
    def state(self) -> str:
        """ "closed", "recovered", "running", "unclosed" or "unreadable"."""
        if self.result is None:
            return "unreadable"
        if self.result.closing is not None and self.result.end_linked:
            return "recovered" if self.result.closing.reason == RECOVERED else "closed"
        running = any(finding.kind is FindingKind.RUNNING for finding in self.result.findings)
        return "running" if running else "unclosed"

    @property
    def time_worth(self) -> TimeWorth | None:
        """What the recording's wall time is worth; None if nothing of the recording is believed."""
        if self.result is None or self.verdict >= Verdict.NOT_AUTHENTIC:
            return None
        return self.result.time_worth

    @property
    def headline(self) -> str:
        """The verdict in words, and what the time is worth."""
        worth = self.time_worth
        words = WORDS[self.verdict]
        if self.redacted is not None:
            authentic = self.verdict < Verdict.NOT_AUTHENTIC
            copied = self.redacted.sentence(words_in(ENGLISH))
            words = copied if authentic else f"{words}: {NO_COPY}"
        return words if worth is None else f"{words}; time {TIME_WORDS[worth]}"

    @property
    def left_out(self) -> tuple[Span, ...]:
        """What is proven and not in `output`: pictures can be shown only from a key frame on."""
        if self.output is None or self.result is None:
            return ()
        return tuple(_without(self.result.proven, self.written))

    def as_json(self) -> dict[str, Any]:
        """The same as an object for JSON; times in seconds of the recording."""
        said: dict[str, Any] = {
            "path": self.path,
            "bytes": self.bytes,
            "verdict": self.verdict.name.lower(),
            "exit_code": int(self.verdict),
            "state": self.state,
            "time_worth": self.time_worth,
            "problem": self.problem,
            "output": self.output,
            "written": [_span(span) for span in self.written],
            "left_out": [_span(span) for span in self.left_out],
            "ledger": [{"severity": severity, "text": text} for severity, text in self.ledger],
        }
        if self.redacted is not None:
            said["redacted"] = msgspec.to_builtins(self.redacted)
        result = self.result
        if result is None:
            return said
        header, closing = result.header, result.closing
        if header is not None:
            said |= {
                "id": header.id,
                "device": header.device,
                "header_linked": not result.strange_header,
                "started": rfc3339(header.started_wall_us),
                "begins": rfc3339(_begins_us(header)),
                "trigger": header.trigger,
                "trigger_seconds": self._seconds(header.trigger_us),
                "continues": header.continues,
                "policy": header.policy,
                "retention_days": header.retention_days,
                "sound": header.sound,
                "microphone": header.microphone.device
                if isinstance(header.microphone, Microphone)
                else None,
                "software": header.software,
                "wearer": header.wearer,
                "recipients": list(header.recipients),
            }
        return said | {
            "key": result.kid,
            "seconds": result.end_us / SECOND,
            "fragments": result.commits,
            "frames": result.frames,
            "unlinked_fragments": result.unlinked_commits,
            "unlinked_frames": result.unlinked_frames,
            "reason": closing.reason if closing is not None and result.end_linked else None,
            "end_linked": result.end_linked,
            "final": result.final,
            "gaps": [self._gap(gap) for gap in result.gaps],
            "sound_units": result.units,
            "sound_gaps": [self._gap(gap) for gap in result.sound_gaps],
            "sound_states": [
                {"at": self._seconds(one.at_us), "state": one.state, "why": one.why}
                for one in result.sound_states
            ],
            "marks": [self._seconds(at_us) for at_us in result.marks],
            "stages": [
                {"at": self._seconds(one.at_us), "stage": one.stage, "display": one.display}
                for one in result.stages
            ],
            "rates": [
                {
                    "at": self._seconds(one.at_us),
                    "from": one.from_fps,
                    "to": one.to_fps,
                    "reason": one.reason,
                }
                for one in result.rates
            ],
            "clock_sources": list(result.clock_sources),
            "clock_steps": [
                {"at": at_us / SECOND, "seconds": step_us / SECOND}
                for at_us, step_us in result.clock_steps
            ],
            "slow_syncs": [
                {"at": at_us / SECOND, "seconds": took_us / SECOND}
                for at_us, took_us in result.slow_syncs
            ],
            "findings": [_finding(finding) for finding in result.findings],
            "findings_dropped": result.findings.dropped,
            "proven": [_span(span) for span in result.proven],
            "signed_only": [_span(span) for span in result.signed],
        }

    def text(self) -> str:
        """The same in plain lines, safe to print whatever the recording says."""
        return "".join(f"{printable(line)}\n" for line in self._lines())

    def _lines(self) -> Iterator[str]:
        yield f"{self.path}: {self.headline}"
        result = self.result
        if result is None:
            yield f"  problem    {self.problem}"
            for severity, text in self.ledger:
                yield f"  {_label(severity):<10} {text}"
            return
        header, closing = result.header, result.closing
        if header is None:
            yield "  recording  unknown: there is no authentic header"
        else:
            if result.strange_header:
                yield "  header     signed, and nothing links it to the footage here: it says"
            yield f"  recording  {header.id}"
            yield f"  device     {header.device}"
            yield f"  wearer     {header.wearer or 'none was assigned'}"
            at_us = header.trigger_us - header.origin_us
            at = _at(at_us) if at_us >= 0 else f"{-at_us / SECOND:.3f} s before the first picture"
            yield f"  trigger    {header.trigger}, {rfc3339(header.started_wall_us)}, {at}"
            yield f"  begins     {rfc3339(_begins_us(header))}"
            yield f"  clock      was {TIME_WORDS[TimeWorth(header.clock.source)]}"
            if header.continues is not None:
                yield f"  continues  {header.continues}"
            yield f"  sound      {_sound(header)}"
            yield from _listed("sealed to", header.recipients)
        yield f"  key        {result.kid or 'unknown'}"
        frames = result.frames - result.unlinked_frames
        commits = result.commits - result.unlinked_commits
        yield (
            f"  length     {result.end_us / SECOND:.3f} s: {count(frames, 'picture')} in "
            f"{count(commits, 'fragment')}"
        )
        if result.unlinked_commits:
            yield (
                f"  unlinked   {count(result.unlinked_frames, 'picture')} in "
                f"{count(result.unlinked_commits, 'fragment')}, which may be another recording's; "
                "what they say is left out here"
            )
        ended = "" if closing is None or not result.end_linked else f": {closing.reason}"
        yield f"  state      {self.state}{ended}"
        yield from self._listed_gaps("gap", result.gaps, "picture")
        yield from self._listed_gaps("no sound", result.sound_gaps, "access unit")
        yield from _listed("microphone", [self._state_text(one) for one in result.sound_states])
        yield from _listed("mark", [_at(self._us(at_us)) for at_us in result.marks])
        yield from _listed(
            "rate",
            [
                f"{_at(self._us(one.at_us))}: {one.to_fps} pictures per second in place of "
                f"{one.from_fps}: {one.reason}"
                for one in result.rates
            ],
        )
        yield from _listed("clock", self._clock_texts(result))
        yield from _listed(
            "slow sync",
            [f"{_at(at_us)}: {took_us / SECOND:.3f} s" for at_us, took_us in result.slow_syncs],
        )
        for severity in (Severity.DAMAGE, Severity.NOTE):
            label = _label(severity)
            texts = [_sentence(one) for one in result.findings if one.severity is severity]
            texts += [text for found, text in self.ledger if found is severity]
            if severity is Severity.DAMAGE and result.findings.dropped:
                texts.append(f"and {result.findings.dropped} more")
            yield from _listed(label, texts)
        damaged = self.verdict is Verdict.NOT_AUTHENTIC
        if damaged or result.signed:
            yield from _listed("proven", [_from_to(span) for span in result.proven] or ["nothing"])
            yield from _listed("signed", [_from_to(span) for span in result.signed])
        if self.output is not None:
            yield f"  written    {self.output}"
            if damaged:
                yield from _listed("in it", [_from_to(span) for span in self.written])
                yield from _listed(
                    "not in it",
                    [
                        f"{_from_to(span)}: proven, but pictures can be shown from a key frame on "
                        "only, and the one before is not proven"
                        for span in self.left_out
                    ],
                )

    def _us(self, media_us: int) -> int:
        origin_us = self.result.origin_us if self.result is not None else None
        return media_us - (origin_us or 0)

    def _seconds(self, media_us: int | None) -> float | None:
        return None if media_us is None else self._us(media_us) / SECOND

    def _gap(self, gap: Gap) -> dict[str, Any]:
        return {
            "reason": gap.reason,
            "frames": gap.frames,
            "from": self._seconds(gap.from_us),
            "to": self._seconds(gap.to_us),
        }

    def _state_text(self, change: SoundChange) -> str:
        why = "" if change.why is None else f": {change.why}"
        # Open from self-view on, so that a press has sound at once; what is kept is another line.
        state = "open" if change.state == SoundState.ON.value else change.state
        return f"{state} from {self._us(change.at_us) / SECOND:.3f} s on{why}"

    def _listed_gaps(self, label: str, gaps: Sequence[Gap], what: str) -> Iterator[str]:
        """The longest ones in their order: a long one must not hide behind many short ones."""
        longest = sorted(range(len(gaps)), key=lambda at: _length_us(gaps[at]), reverse=True)
        texts = [self._gap_text(gaps[at], what) for at in sorted(longest[:_LISTED])]
        yield from _listed(label, texts)
        if len(gaps) > _LISTED:
            left = len(gaps) - _LISTED
            yield f"  {label:<10} and {left} more, none of them longer (all with --json)"

    def _gap_text(self, gap: Gap, what: str) -> str:
        from_us = None if gap.from_us is None else self._us(gap.from_us)
        to_us = None if gap.to_us is None else self._us(gap.to_us)
        frames = "" if gap.frames is None else f", {count(gap.frames, what)}"
        return f"{_range(from_us, to_us)}: {gap.reason}{frames}"

    def _clock_texts(self, result: Result) -> list[str]:
        texts = [
            f"{_at(at_us)}: wall time was set by {step_us / SECOND:+.3f} s"
            for at_us, step_us in result.clock_steps
        ]
        if len(result.clock_sources) > 1:
            texts.append("wall time was at times " + ", ".join(map(str, result.clock_sources)))
        return texts


def _label(severity: Severity) -> str:
    return "damage" if severity is Severity.DAMAGE else "note"


def _sound(header: Header) -> str:
    microphone = header.microphone
    if not isinstance(microphone, Microphone):
        return "was not wanted"
    if not header.sound:
        return f"was wanted from {microphone.device}, which gave none"
    since = "the first picture" if microphone.pre_event else "the trigger"
    return f"from {microphone.device}, kept since {since}"


def _begins_us(header: Header) -> int:
    """Wall time of second 0."""
    return header.started_wall_us - (header.trigger_us - header.origin_us)


def _without(spans: Iterable[Span], others: Iterable[Span]) -> Iterator[Span]:
    """The parts of `spans` that are not in `others`; both are in order."""
    taken = list(others)
    for span in spans:
        from_us = span.from_us
        for other in taken:
            if other.to_us <= from_us or other.from_us >= span.to_us:
                continue
            if other.from_us - from_us > TOUCHING_US:
                yield Span(from_us, other.from_us)
            from_us = other.to_us
        if span.to_us - from_us > TOUCHING_US:
            yield Span(from_us, span.to_us)


def _listed(label: str, texts: Sequence[str]) -> Iterator[str]:
    for text in texts[:_LISTED]:
        yield f"  {label:<10} {text}"
    if len(texts) > _LISTED:
        yield f"  {label:<10} and {len(texts) - _LISTED} more (all of them with --json)"


def _length_us(gap: Gap) -> float:
    """Its length; without a limit if its beginning or end is unknown."""
    if gap.from_us is None or gap.to_us is None:
        return math.inf
    return gap.to_us - gap.from_us


def _at(at_us: int) -> str:
    return f"at {at_us / SECOND:.3f} s"


def _from_to(span: Span) -> str:
    return f"from {span.from_us / SECOND:.3f} s to {span.to_us / SECOND:.3f} s"


def _range(from_us: int | None, to_us: int | None) -> str:
    begin = "the beginning" if from_us is None else f"{from_us / SECOND:.3f} s"
    end = "the end, wherever that was" if to_us is None else f"{to_us / SECOND:.3f} s"
    return f"from {begin} to {end}"


def _sentence(finding: Finding) -> str:
    members = finding.first
    if finding.last != finding.first:
        members += f" to {finding.last}"
    when = ""
    if finding.from_us is not None:
        when = f" ({_range(finding.from_us, finding.to_us)})"
    return f"{members}: {finding.text}{when}" if members else f"{finding.text}{when}"


def _span(span: Span) -> dict[str, float]:
    return {"from": span.from_us / SECOND, "to": span.to_us / SECOND}


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "kind": finding.kind,
        "severity": finding.severity,
        "text": finding.text,
        "first_member": finding.first or None,
        "last_member": finding.last or None,
        "from": None if finding.from_us is None else finding.from_us / SECOND,
        "to": None if finding.to_us is None else finding.to_us / SECOND,
    }
