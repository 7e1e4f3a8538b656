"""The sheet that goes to the public prosecutor with a recording: one page of HTML, to be printed.

Made of what was checked, in one of the languages of `camerad.evidence.wording`. It needs nothing
from elsewhere (no script, no font, no picture), and fits on one page of A4: lists that are long are
cut there and say where the rest is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, tzinfo
from html import escape as escape_html
from typing import Final

import msgspec

from camerad.base.clock import SECOND
from camerad.base.text import Number, printable
from camerad.container.gaps import Gap
from camerad.container.severity import Severity
from camerad.container.statements import RECOVERED, Header, utc
from camerad.evidence.sheet_page import PAGE
from camerad.evidence.wording import ReportWording
from camerad.ledger.recording_state import Hold
from camerad.verify.findings import Finding, FindingKind, Result, Span
from camerad.verify.verdict import Report, Verdict

LINES: Final = 3
"""Gaps, damage, remarks, and parts in the video, that are listed one by one."""
MARKS: Final = 6
"""Marks that are listed."""
RATES: Final = 2
"""Changes of the pictures per second that are listed."""

_BUTTON: Final = "button:"
"""What a trigger begins with that was a button's, before its name."""


def escape(text: str) -> str:
    """Text for a page of HTML, without whatever would reorder or break its lines."""
    return escape_html(printable(text))


class DeliveredFile(msgspec.Struct, frozen=True):
    """A file of the package. role: what it is, in the sheet's language."""

    name: str
    role: str
    sha256: str


class CoverSheet(msgspec.Struct, frozen=True):
    """All that the sheet says.

    report: the check; its result has a header. zone: of the times, zone_name: as it is to be
    called. hold: that which keeps the recording, None if no store was at hand. ledger_agrees:
    whether a ledger names the same end, None if none was at hand. made_us, made_by, software: when,
    by whom and with what it was made. details, instructions: names of the files with the rest.
    reference: number of the file that it is for, "" if none.
    """

    report: Report
    delivered: Sequence[DeliveredFile]
    zone: tzinfo
    zone_name: str
    hold: Hold | None
    ledger_agrees: bool | None
    made_us: int
    made_by: str
    software: str
    details: str
    instructions: str
    reference: str = ""


def render(sheet: CoverSheet, wording: ReportWording) -> str:
    """The page. Raises ValueError if the recording has no authentic header."""
    return _Page(sheet, wording).html()


class _Page:
    def __init__(self, sheet: CoverSheet, wording: ReportWording) -> None:
        result = sheet.report.result
        if result is None or result.header is None:
            raise ValueError(f"{sheet.report.path}: without its header there is nothing to say")
        self._sheet = sheet
        self._words = wording
        self._result: Result = result
        self._header: Header = result.header

    def html(self) -> str:
        words, verdict = self._words, self._sheet.report.verdict
        name, text = {
            Verdict.AUTHENTIC: (words.authentic, words.authentic_text),
            Verdict.QUALIFIED: (words.qualified, words.qualified_text),
        }.get(verdict, (words.not_authentic, words.not_authentic_text))
        return PAGE.substitute(
            lang=words.code,
            title=escape(f"{words.title} {self._header.id}"),
            heading=escape(words.title),
            subtitle=escape(words.subtitle),
            id=escape(self._header.id),
            tone="bad" if verdict >= Verdict.NOT_AUTHENTIC else "good",
            verdict=escape(name),
            time=escape(self._time_worth()),
            verdict_text=escape(text),
            what_it_is=escape(words.what_it_is),
            facts_title=escape(words.facts),
            facts=self._rows(self._facts()),
            checks_title=escape(words.checks),
            checks="".join(self._checks()),
            gaps_title=escape(words.gaps),
            gaps=self._list(self._gaps(), self._no_gaps()),
            damages=self._section(words.damages, self._findings(Severity.DAMAGE)),
            remarks=self._section(words.remarks, self._findings(Severity.NOTE)),
            contained=self._section(words.contained, self._contained()),
            files_title=escape(words.files),
            file_title=escape(words.file),
            sha256_title=escape(words.sha256),
            files="".join(self._files()),
            again_title=escape(words.again),
            again=escape(words.again_text.format(file=self._sheet.instructions)),
            handed_over=escape(words.handed_over),
            signature=escape(words.signature),
            made=escape(
                words.made.format(
                    when=self._zoned(self._sheet.made_us),
                    who=self._sheet.made_by,
                    software=self._sheet.software,
                )
            ),
        )

    def _time_worth(self) -> str:
        """What the time is worth, beside the verdict; "" where that is worth nothing."""
        worth = self._sheet.report.time_worth
        words = self._words
        return "" if worth is None else words.time.format(worth=words.clock.get(worth, worth))

    # ------------------------------------------------------------------ what it is

    def _facts(self) -> Iterable[tuple[str, str]]:
        words, header, result = self._words, self._header, self._result
        if self._sheet.reference:
            yield words.reference, self._sheet.reference
        yield words.device, header.device
        yield words.key, result.kid or words.unknown
        yield words.begun, self._timed(header.started_wall_us, header.clock.source)
        yield words.ended, self._ended()
        yield (
            words.length,
            words.length_value.format(
                time=self._time(self._length_us),
                frames=Number(result.frames - result.unlinked_frames),
                fragments=Number(result.commits - result.unlinked_commits),
            ),
        )
        before_us = header.trigger_us - header.origin_us
        pre_event_us = max(0, min(before_us, result.end_us))
        yield (
            words.pre_event,
            words.pre_event_value.format(
                time=self._time(pre_event_us),
                begin=self._local(header.started_wall_us - before_us, words.time_format),
            )
            if pre_event_us
            else words.no_pre_event,
        )
        yield (
            words.picture,
            words.picture_value.format(
                width=header.width,
                height=header.height,
                fps=header.fps,
                sound=words.with_sound if header.sound else words.without_sound,
            ),
        )
        if result.rates:
            yield words.rates, self._rates()
        yield words.marks, self._marks()
        yield (
            words.policy,
            words.policy_value.format(
                policy=words.policies.get(header.policy, header.policy),
                days=Number(header.retention_days),
            ),
        )
        yield words.wearer, header.wearer or words.no_wearer
        if header.continues is not None:
            yield words.continues, header.continues
        yield words.trigger, f"{self._trigger()}; {words.software}: {header.software}"

    def _trigger(self) -> str:
        words, trigger = self._words, self._header.trigger
        if trigger.startswith(_BUTTON) and trigger not in words.triggers:
            return words.button.format(name=trigger.removeprefix(_BUTTON))
        return words.triggers.get(trigger, trigger)

    @property
    def _length_us(self) -> int:
        """Up to where footage was wanted, as the player shows it: what is missing then is a gap."""
        result, origin_us = self._result, self._header.origin_us
        if result.closing is None or not result.end_linked:
            return result.end_us
        return max(result.end_us, result.closing.at_us - origin_us)

    def _ended(self) -> str:
        words, closing = self._words, self._result.closing
        if closing is None or not self._result.end_linked:
            return words.unknown
        reason = words.end_reasons.get(closing.reason, closing.reason)
        # What repair closed did not end when repair wrote that.
        if closing.boot_id != self._header.boot_id or closing.reason == RECOVERED:
            return reason
        ended_us = self._header.started_wall_us + closing.at_us - self._header.trigger_us
        return f"{self._zoned(ended_us)}; {reason}"

    def _rates(self) -> str:
        words = self._words
        changes = [
            words.rate.format(
                time=self._time(change.at_us - self._header.origin_us),
                fps=change.to_fps,
                reason=words.rate_reasons.get(change.reason, change.reason),
            )
            for change in self._result.rates
        ]
        return "; ".join(self._first(changes, RATES))

    def _marks(self) -> str:
        times = [self._time(at_us - self._header.origin_us) for at_us in self._result.marks]
        return ", ".join(self._first(times, MARKS)) or self._words.none

    def _first(self, texts: Sequence[str], most: int) -> list[str]:
        """So many of the texts, and how many more there are."""
        if len(texts) <= most:
            return list(texts)
        rest = self._words.more.format(count=len(texts) - most, file=self._sheet.details)
        return [*texts[:most], rest]

    def _timed(self, wall_us: int, source: str) -> str:
        words = self._words
        return words.by_clock.format(
            when=self._zoned(wall_us), clock=words.clock.get(source, source)
        )

    def _local(self, wall_us: int, form: str) -> str:
        return utc(wall_us).astimezone(self._sheet.zone).strftime(form)

    def _zoned(self, wall_us: int) -> str:
        moment = utc(wall_us)
        local = moment.astimezone(self._sheet.zone)
        if local.utcoffset() == moment.utcoffset():
            return f"{local.strftime(self._words.date_format)} UTC"
        offset = f"{local:%z}"
        return self._words.zone.format(
            local=local.strftime(self._words.date_format),
            zone=f"{self._sheet.zone_name}, UTC{offset[:3]}:{offset[3:]}",
            utc=moment.astimezone(UTC).strftime("%H:%M:%S"),
        )

    # ------------------------------------------------------------------ what was checked

    def _checks(self) -> Iterable[str]:
        words, sheet, result = self._words, self._sheet, self._result
        bad = result.findings.kinds
        statements = 1 + result.commits + (result.closing is not None)
        signed = not bad & {FindingKind.FORGED, FindingKind.UNKNOWN_KEY, FindingKind.CONTRADICTION}
        linked = not bad & {
            FindingKind.UNLINKED,
            FindingKind.MISSING,
            FindingKind.EXTRA,
            FindingKind.FOREIGN,
            FindingKind.LOST,
            FindingKind.UNCLOSED,
        }
        whole = not bad & {
            FindingKind.CHANGED,
            FindingKind.MISSING,
            FindingKind.UNCOMMITTED,
            FindingKind.ARCHIVE,
            FindingKind.LOST,
        }
        whole_video = sheet.report.verdict < Verdict.NOT_AUTHENTIC
        yield self._check(signed, words.check_signatures.format(statements=statements))
        yield self._check(linked, words.check_chain)
        yield self._check(whole, words.check_fragments.format(fragments=result.commits))
        # What could not be opened is not handed over at all, so both have happened.
        yield self._check(True, words.check_opened if whole_video else words.check_opened_partly)
        if sheet.ledger_agrees is None:
            yield self._check(None, words.check_no_ledger)
        else:
            yield self._check(sheet.ledger_agrees, words.check_ledger)
        if sheet.hold is None:
            yield self._check(None, words.check_no_hold)
        else:
            text = words.check_hold.format(reason=sheet.hold.reason, who=sheet.hold.who)
            yield f"<li><b>✓</b> {escape(text)}</li>"

    def _check(self, passed: bool | None, text: str) -> str:
        words = self._words
        sign, said = {
            True: ("✓", words.passed),
            False: ("✗", words.failed),
            None: ("–", words.open_question),
        }[passed]
        return f"<li><b>{sign}</b> {escape(text)}: <em>{escape(said)}</em></li>"

    def _gaps(self) -> list[str]:
        words = self._words
        pictures = [self._gap(gap, "{}", words.pictures) for gap in self._result.gaps]
        sound = [self._gap(gap, words.no_sound, words.units) for gap in self._result.sound_gaps]
        return pictures + sound

    def _no_gaps(self) -> str:
        """Where no gap is stated. The footage is called continuous only if it was found so."""
        words = self._words
        bare = {FindingKind.UNSTATED, FindingKind.SILENT, FindingKind.QUIET}
        damaged = self._sheet.report.verdict >= Verdict.NOT_AUTHENTIC
        return words.no_gaps if damaged or bare & self._result.findings.kinds else words.continuous

    def _gap(self, gap: Gap, form: str, count: str) -> str:
        words = self._words
        text = (
            f"{self._range(self._since(gap.from_us), self._since(gap.to_us))}: "
            f"{form.format(words.gap_reasons.get(gap.reason, gap.reason))}"
        )
        return text if gap.frames is None else f"{text}, {count.format(count=Number(gap.frames))}"

    def _since(self, media_us: int | None) -> int | None:
        return None if media_us is None else media_us - self._header.origin_us

    def _range(self, from_us: int | None, to_us: int | None) -> str:
        words = self._words
        return words.from_to.format(
            begin=words.the_beginning if from_us is None else self._time(from_us),
            end=words.the_end if to_us is None else self._time(to_us),
        )

    def _time(self, at_us: int) -> str:
        """Time of the recording as players show it: minutes, seconds and thousandths."""
        minutes, rest_us = divmod(max(0, at_us), 60 * SECOND)
        hours, minutes = divmod(minutes, 60)
        text = f"{hours}:{minutes:02d}" if hours else str(minutes)
        return f"{text}:{rest_us / SECOND:06.3f}".replace(".", self._words.decimal)

    def _findings(self, severity: Severity) -> list[str]:
        found = self._result.findings
        return [self._finding(finding) for finding in found if finding.severity is severity]

    def _contained(self) -> list[str]:
        """The parts that the video has, where it has not all of them."""
        if self._sheet.report.verdict < Verdict.NOT_AUTHENTIC:
            return []
        return [self._span(span) for span in self._sheet.report.written]

    def _span(self, span: Span) -> str:
        return self._range(span.from_us, span.to_us)

    def _section(self, title: str, texts: Sequence[str]) -> str:
        """A section of its own; none where there is nothing to say."""
        if not texts:
            return ""
        return f"<section><h2>{escape(title)}</h2>{self._list(texts, '')}</section>"

    def _finding(self, finding: Finding) -> str:
        members = "–".join(dict.fromkeys(one for one in (finding.first, finding.last) if one))
        text = self._words.kinds.get(finding.kind, finding.text)
        if finding.from_us is not None:
            text += f" ({self._range(finding.from_us, finding.to_us)})"
        return f"{members}: {text}" if members else text

    # ------------------------------------------------------------------ what is handed over

    def _files(self) -> Iterable[str]:
        for one in self._sheet.delivered:
            yield (
                f"<tr><td class=name>{escape(one.name)}<br><small>{escape(one.role)}</small></td>"
                f"<td class=hash>{escape(one.sha256)}</td></tr>"
            )
        final = self._result.final or self._words.none
        yield f"<tr><td>{escape(self._words.final)}</td><td class=hash>{escape(final)}</td></tr>"

    # ------------------------------------------------------------------ HTML

    def _list(self, texts: Sequence[str], otherwise: str) -> str:
        if not texts:
            return f"<p>{escape(otherwise)}</p>"
        shown = self._first(texts, LINES)
        return "<ul>" + "".join(f"<li>{escape(text)}</li>" for text in shown) + "</ul>"

    def _rows(self, rows: Iterable[tuple[str, str]]) -> str:
        return "".join(
            f"<tr><th>{escape(name)}</th>{self._cell(name)}{escape(value)}</td></tr>"
            for name, value in rows
        )

    def _cell(self, name: str) -> str:
        # Somebody types the key off the paper: no two of its characters may look alike there.
        return '<td class="name">' if name == self._words.key else "<td>"
