"""The sheet that goes to the public prosecutor with a recording: one page of HTML, to be printed.

Made of what was checked, in any language that has a catalogue. It needs nothing
from elsewhere (no script, no font, no picture), and fits on one page of A4: lists that are long are
cut there and say where the rest is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, tzinfo
from html import escape as escape_html
from typing import Final

import msgspec

from camerad.base.clock import SECOND
from camerad.base.text import printable
from camerad.base.words import N_, Words
from camerad.container.gaps import Gap
from camerad.container.redaction import CopyRecipient, MaskKind, Redaction
from camerad.container.severity import Severity
from camerad.container.statements import RECOVERED, Header, utc
from camerad.evidence.parts import SheetPart
from camerad.evidence.record_words import (
    CLOCK,
    END_REASONS,
    GAP_REASONS,
    KINDS,
    POLICIES,
    RATE_REASONS,
    TRIGGERS,
    translated,
)
from camerad.evidence.sheet_page import PAGE
from camerad.ledger.recording_state import Hold
from camerad.transparency.stamp_files import KeptStamp
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


VERDICTS: Final = {
    Verdict.AUTHENTIC: (
        N_("Authentic and complete"),
        N_(
            "Nothing was changed, removed or added since it was recorded, provided that the key "
            "below is the one registered for this camera."
        ),
    ),
    Verdict.QUALIFIED: (
        N_("Authentic, with the remarks below"),
        N_(
            "Nothing was changed since it was recorded, provided that the key below is the one "
            "registered for this camera. What is missing, or worth knowing, is listed below."
        ),
    ),
}
NOT_AUTHENTIC: Final = (
    N_("NOT authentic as a whole: only the proven parts were opened"),
    N_(
        "Parts of this recording were changed or are missing. The video contains only what is "
        "proven by signatures of the key below, provided that it is the one registered for this "
        "camera; what is affected is listed below."
    ),
)
"""Of each verdict: its name, and what it means."""
REDACTED_TEXT: Final = N_(
    "What is masked or muted was named in a list and signed by the office. All other pieces are as "
    "the camera sealed and signed them, provided that the key below is the one registered for it. "
    "For the rest of the replaced pieces, and for pictures that build on them, the office vouches."
)
REDACTED_AGAIN: Final = N_(
    "Compare the files with “sha256sum -c SHA256SUMS”. “camerad evidence verify {file} --key "
    "device-key.pem --office-key office-key.pem” checks the rest, and so does player.html. Compare "
    "the fingerprint of the key above with the one that the office keeps for this camera: the keys "
    "in this package prove nothing by themselves."
)
RECIPIENTS: Final[Mapping[str, str]] = {
    CopyRecipient.PERSON: N_("for the person recorded"),
    CopyRecipient.PROSECUTOR: N_("for the prosecutor"),
    CopyRecipient.COURT: N_("for a court"),
    CopyRecipient.OTHER: N_("for others"),
}
MASKED: Final[Mapping[str, str]] = {
    MaskKind.FACE: N_("faces"),
    MaskKind.PLATE: N_("number plates"),
    MaskKind.OTHER: N_("other"),
}


TEXTS: Final = {
    "heading": N_("Recording of a body-worn camera"),
    "subtitle": N_("Sheet accompanying the evidence"),
    "what_it_is": N_(
        "The camera sealed this recording piece by piece, so that only the office can "
        "open it, and signed every piece with the camera's own key. Each signature "
        "includes the fingerprint of the piece before, so without that key no piece "
        "can be changed, left out, moved or added without being noticed."
    ),
    "facts_title": N_("The recording"),
    "checks_title": N_("Checks made for this export"),
    "gaps_title": N_("Gaps stated by the camera"),
    "files_title": N_("Files handed over"),
    "file_title": N_("File"),
    "sha256_title": N_("SHA-256 fingerprint"),
    "again_title": N_("How to check it again, without this software"),
    "handed_over": N_("Handed over by / to"),
    "signature": N_("Date, signature"),
}
"""What stands on each sheet, by its place on the page."""
AGAIN: Final = N_(
    "Compare the files with “sha256sum -c SHA256SUMS”. The original is an "
    "ordinary tar archive of age files (age-encryption.org) and signed statements "
    "(RFC 7515, Ed25519); {file} shows the commands. Compare the fingerprint of "
    "the key above with the one that the office keeps for this camera: the key in "
    "this package proves nothing by itself."
)


def escape(text: str) -> str:
    """Text for a page of HTML, without characters that would reorder or break its lines."""
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
    reference: number of the file that it is for, "" if none. stamps: time stamps in the package.
    redaction: of a redacted copy, its signed list. part: None for a whole recording.
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
    stamps: Sequence[KeptStamp] = ()
    redaction: Redaction | None = None
    part: SheetPart | None = None


def render(sheet: CoverSheet, words: Words) -> str:
    """The page. Raises ValueError if the recording has no authentic header."""
    return _Page(sheet, words).html()


class _Page:
    def __init__(self, sheet: CoverSheet, words: Words) -> None:
        result = sheet.report.result
        if result is None or result.header is None:
            raise ValueError(f"{sheet.report.path}: without its header there is nothing to say")
        self._sheet = sheet
        self._words = words
        self._result: Result = result
        self._header: Header = result.header

    def html(self) -> str:
        words, verdict = self._words, self._sheet.report.verdict
        again = AGAIN if self._sheet.redaction is None else REDACTED_AGAIN
        name, text = (words.gettext(one) for one in VERDICTS.get(verdict, NOT_AUTHENTIC))
        if self._sheet.redaction is not None:
            name, text = self._sentence(), words.gettext(REDACTED_TEXT)
        texts = {place: words.gettext(one) for place, one in TEXTS.items()} | {
            "id": self._header.id,
            "title": f"{words.gettext(TEXTS['heading'])} {self._header.id}",
            "verdict": name,
            "verdict_text": text,
            "time": self._time_worth(),
            "again": words.gettext(again, file=self._sheet.instructions),
            "made": words.gettext(
                "Made on {when} by {who} with {software}.",
                when=self._zoned(self._sheet.made_us),
                who=self._sheet.made_by,
                software=self._sheet.software,
            ),
        }
        return PAGE.substitute(
            {place: escape(one) for place, one in texts.items()},
            lang=words.language,
            tone="bad" if verdict >= Verdict.NOT_AUTHENTIC else "good",
            facts=self._rows(self._facts()),
            checks="".join(self._checks()),
            gaps=self._list(self._gaps(), self._no_gaps()),
            damages=self._section(words.gettext("Damage"), self._findings(Severity.DAMAGE)),
            remarks=self._section(words.gettext("Remarks"), self._findings(Severity.NOTE)),
            contained=self._section(words.gettext("In the video"), self._contained()),
            files="".join(self._files()),
        )

    def _time_worth(self) -> str:
        """What the time is worth, beside the verdict; "" where that is worth nothing."""
        worth, words = self._sheet.report.time_worth, self._words
        if worth is None:
            return ""
        return words.gettext("Time: {worth}", worth=translated(CLOCK, worth, words))

    # ------------------------------------------------------------------ what it is

    def _facts(self) -> Iterable[tuple[str, str]]:
        words, header, result = self._words, self._header, self._result
        if self._sheet.reference:
            yield words.gettext("File number"), self._sheet.reference
        if self._sheet.redaction is not None:
            yield from self._redaction(self._sheet.redaction)
        if self._sheet.part is not None:
            yield words.gettext("Part of the recording"), self._part(self._sheet.part)
        yield words.gettext("Camera"), header.device
        yield words.gettext("Camera's key"), result.kid or words.gettext("unknown")
        yield words.gettext("Triggered"), self._timed(header.started_wall_us, header.clock.source)
        yield words.gettext("End"), self._ended()
        if self._sheet.stamps:
            yield words.gettext("Time stamps (RFC 3161)"), self._stamps()
        yield (
            words.gettext("Length"),
            words.ngettext(
                "{time}, {pictures} in {number} piece",
                "{time}, {pictures} in {number} pieces",
                result.commits - result.unlinked_commits,
                time=self._time(self._length_us),
                pictures=self._pictures(result.frames - result.unlinked_frames),
            ),
        )
        before_us = header.trigger_us - header.origin_us
        pre_event_us = max(0, min(before_us, result.end_us))
        yield (
            words.gettext("Before the trigger"),
            words.gettext(
                "{time} from the pre-event buffer; the film begins at {begin}",
                time=self._time(pre_event_us),
                begin=self._local(header.started_wall_us - before_us, words.gettext("%H:%M:%S")),
            )
            if pre_event_us
            else words.gettext("nothing: there was no pre-event buffer"),
        )
        yield (
            words.gettext("Picture and sound"),
            words.gettext(
                "{width} x {height} pixels, {fps} per second, {sound}",
                width=header.width,
                height=header.height,
                fps=header.fps,
                sound=words.gettext("with sound") if header.sound else words.gettext("no sound"),
            ),
        )
        if result.rates:
            yield words.gettext("Other pictures per second"), self._rates()
        yield words.gettext("Marks"), self._marks()
        yield (
            words.gettext("Rules in force"),
            words.ngettext(
                "{policy}; deleted after {number} day unless held",
                "{policy}; deleted after {number} days unless held",
                header.retention_days,
                policy=translated(POLICIES, header.policy, words),
            ),
        )
        yield words.gettext("Worn by"), header.wearer or words.gettext("none assigned")
        if header.continues is not None:
            yield words.gettext("Continues recording"), header.continues
        yield (
            words.gettext("Triggered by"),
            f"{self._trigger()}; {words.gettext('Camera software')}: {header.software}",
        )

    def _sentence(self) -> str:
        found = self._sheet.report.redacted
        said = "" if found is None else found.sentence(self._words)
        return said[:1].upper() + said[1:]

    def _redaction(self, said: Redaction) -> Iterable[tuple[str, str]]:
        """For whom, and what is masked and muted."""
        words, origin_us = self._words, self._header.origin_us
        yield words.gettext("Redacted copy"), translated(RECIPIENTS, said.recipient, words)
        counted = Counter(one.kind for one in said.masks)
        masked = (
            f"{translated(MASKED, kind, words)}: {number}" for kind, number in counted.items()
        )
        yield words.gettext("Masked"), "; ".join(masked) or words.gettext("nothing")
        muted = [self._range(one.from_us - origin_us, one.to_us - origin_us) for one in said.mutes]
        texts = "; ".join(self._first(muted, LINES))
        yield words.gettext("Muted"), texts or words.gettext("nothing")

    def _part(self, part: SheetPart) -> str:
        where = "; ".join(self._span(span) for span in self._result.proven)
        return self._words.gettext(
            "{number} of {count}: {range}", number=part.number, count=part.count, range=where
        )

    def _stamps(self) -> str:
        """When others say that the office's ledger had what is in this package."""
        said = (
            self._words.gettext(
                "{when} by {authority}", when=self._zoned(one.time_us), authority=one.authority
            )
            for one in self._sheet.stamps
        )
        return "; ".join(said)

    def _trigger(self) -> str:
        words, trigger = self._words, self._header.trigger
        if trigger.startswith(_BUTTON) and trigger not in TRIGGERS:
            return words.gettext("button “{name}”", name=trigger.removeprefix(_BUTTON))
        return translated(TRIGGERS, trigger, words)

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
            return words.gettext("unknown")
        reason = translated(END_REASONS, closing.reason, words)
        # What repair closed did not end when repair wrote that.
        if closing.boot_id != self._header.boot_id or closing.reason == RECOVERED:
            return reason
        ended_us = self._header.started_wall_us + closing.at_us - self._header.trigger_us
        return f"{self._zoned(ended_us)}; {reason}"

    def _rates(self) -> str:
        words = self._words
        changes = [
            words.gettext(
                "from {time} on {fps} ({reason})",
                time=self._time(change.at_us - self._header.origin_us),
                fps=change.to_fps,
                reason=translated(RATE_REASONS, change.reason, words),
            )
            for change in self._result.rates
        ]
        return "; ".join(self._first(changes, RATES))

    def _marks(self) -> str:
        times = [self._time(at_us - self._header.origin_us) for at_us in self._result.marks]
        return ", ".join(self._first(times, MARKS)) or self._words.gettext("none")

    def _first(self, texts: Sequence[str], most: int) -> list[str]:
        """So many of the texts, and how many more there are."""
        if len(texts) <= most:
            return list(texts)
        rest = self._words.gettext(
            "and {count} more; all of them are in {file}",
            count=len(texts) - most,
            file=self._sheet.details,
        )
        return [*texts[:most], rest]

    def _timed(self, wall_us: int, source: str) -> str:
        words = self._words
        return words.gettext(
            "{when}; clock {clock}",
            when=self._zoned(wall_us),
            clock=translated(CLOCK, source, words),
        )

    def _local(self, wall_us: int, form: str) -> str:
        return utc(wall_us).astimezone(self._sheet.zone).strftime(form)

    def _zoned(self, wall_us: int) -> str:
        moment = utc(wall_us)
        local = moment.astimezone(self._sheet.zone)
        if local.utcoffset() == moment.utcoffset():
            return f"{local.strftime(self._words.gettext('%d %B %Y, %H:%M:%S'))} UTC"
        offset = f"{local:%z}"
        return self._words.gettext(
            "{local} {zone} ({utc} UTC)",
            local=local.strftime(self._words.gettext("%d %B %Y, %H:%M:%S")),
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
        opened = words.gettext(
            "Decryption of every piece; the video holds what was checked and nothing else"
        )
        pieces = words.gettext(
            "Fingerprint of every sealed piece ({fragments})", fragments=result.commits
        )
        if sheet.part is not None:
            opened = words.gettext(
                "Decryption of every piece in this part; the video holds these and nothing else"
            )
            pieces = words.gettext(
                "Fingerprint of every sealed piece in this part ({fragments})",
                fragments=sheet.part.pieces,
            )
        if sheet.redaction is not None:
            opened = words.gettext(
                "Unchanged pieces opened by their keys; replaced ones are those of the signed list"
            )
        yield self._check(
            signed,
            words.gettext(
                "Signature of the camera's key on every statement ({statements})",
                statements=statements,
            ),
        )
        yield self._check(
            linked, words.gettext("Unbroken chain from the first statement to the last")
        )
        yield self._check(whole, pieces)
        # What could not be opened is not handed over at all, so both have happened.
        yield self._check(
            True,
            opened
            if whole_video
            else words.gettext(
                "Decryption of the proven pieces only; the video holds these and nothing else"
            ),
        )
        if sheet.ledger_agrees is None:
            yield self._check(None, words.gettext("Comparison with a ledger (none was at hand)"))
        else:
            yield self._check(
                sheet.ledger_agrees,
                words.gettext("The camera's or office's ledger names the same final fingerprint"),
            )
        if sheet.hold is None:
            yield self._check(
                None, words.gettext("Kept from deletion (no store was at hand: place a hold there)")
            )
        else:
            text = words.gettext(
                "Kept from deletion: {reason} ({who})", reason=sheet.hold.reason, who=sheet.hold.who
            )
            yield f"<li><b>✓</b> {escape(text)}</li>"

    def _check(self, passed: bool | None, text: str) -> str:
        words = self._words
        sign, said = {
            True: ("✓", words.gettext("passed")),
            False: ("✗", words.pgettext("check", "FAILED")),
            None: ("–", words.gettext("not done")),
        }[passed]
        return f"<li><b>{sign}</b> {escape(text)}: <em>{escape(said)}</em></li>"

    def _gaps(self) -> list[str]:
        words, result = self._words, self._result
        pictures = [self._gap(gap, "{reason}", self._pictures) for gap in result.gaps]
        no_sound = words.gettext("no sound: {reason}")
        sound = [self._gap(gap, no_sound, self._sound_pieces) for gap in result.sound_gaps]
        return pictures + sound

    def _pictures(self, number: int) -> str:
        return self._words.ngettext("{number} picture", "{number} pictures", number)

    def _sound_pieces(self, number: int) -> str:
        return self._words.ngettext("{number} piece of sound", "{number} pieces of sound", number)

    def _no_gaps(self) -> str:
        """Where no gap is stated. The footage is called continuous only if it was found so."""
        words = self._words
        bare = {FindingKind.UNSTATED, FindingKind.SILENT, FindingKind.QUIET}
        damaged = self._sheet.report.verdict >= Verdict.NOT_AUTHENTIC
        return (
            words.gettext("None.")
            if damaged or bare & self._result.findings.kinds
            else words.gettext(
                "None. The footage is continuous from the first picture to the last."
            )
        )

    def _gap(self, gap: Gap, form: str, counted: Callable[[int], str]) -> str:
        when = self._range(self._since(gap.from_us), self._since(gap.to_us))
        reason = translated(GAP_REASONS, gap.reason, self._words)
        text = f"{when}: {form.format(reason=reason)}"
        return text if gap.frames is None else f"{text}, {counted(gap.frames)}"

    def _since(self, media_us: int | None) -> int | None:
        return None if media_us is None else media_us - self._header.origin_us

    def _range(self, from_us: int | None, to_us: int | None) -> str:
        words = self._words
        return words.gettext(
            "from {begin} to {end}",
            begin=words.gettext("the beginning") if from_us is None else self._time(from_us),
            end=words.gettext("the end") if to_us is None else self._time(to_us),
        )

    def _time(self, at_us: int) -> str:
        """Time of the recording as players show it: minutes, seconds and thousandths."""
        minutes, rest_us = divmod(max(0, at_us), 60 * SECOND)
        hours, minutes = divmod(minutes, 60)
        text = f"{hours}:{minutes:02d}" if hours else str(minutes)
        return f"{text}:{rest_us / SECOND:06.3f}".replace(
            ".", self._words.pgettext("decimal sign", ".")
        )

    def _findings(self, severity: Severity) -> list[str]:
        """Without what is redacted, which the sheet says before all else."""
        found = (one for one in self._result.findings if one.kind is not FindingKind.REDACTED)
        return [self._finding(finding) for finding in found if finding.severity is severity]

    def _contained(self) -> list[str]:
        """The parts that the video has, where it has not all of them."""
        if self._sheet.report.verdict < Verdict.NOT_AUTHENTIC:
            return []
        return [self._span(span) for span in self._sheet.report.written]

    def _span(self, span: Span) -> str:
        return self._range(span.from_us, span.to_us)

    def _section(self, title: str, texts: Sequence[str]) -> str:
        """A section; none where there is nothing to report."""
        if not texts:
            return ""
        return f"<section><h2>{escape(title)}</h2>{self._list(texts, '')}</section>"

    def _finding(self, finding: Finding) -> str:
        members = "–".join(dict.fromkeys(one for one in (finding.first, finding.last) if one))
        text = self._words.gettext(KINDS[finding.kind]) if finding.kind in KINDS else finding.text
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
        final = self._result.final or self._words.gettext("none")
        name = self._words.gettext("Final statement of the recording")
        yield f"<tr><td>{escape(name)}</td><td class=hash>{escape(final)}</td></tr>"

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
        # A person types the key off the paper: no two of its characters may look alike there.
        return '<td class="name">' if name == self._words.gettext("Camera's key") else "<td>"
