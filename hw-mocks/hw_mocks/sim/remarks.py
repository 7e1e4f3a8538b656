"""What a check found besides its verdict, in the words of the evidence desk's own reports."""

from __future__ import annotations

from typing import Any, Final

from camerad.base.words import Words, languages, words_in
from camerad.evidence.record_words import GAP_REASONS, KINDS, translated
from camerad.verify.findings import FindingKind

MOST: Final = 20
_POINT: Final = {"de": ",", "en": "."}
_DIGITS: Final = (1, 3, 6)
"""Behind the decimal sign: the fewest with which beginning and end of a gap differ. Times are whole
microseconds."""


def remarks(report: dict[str, Any]) -> dict[str, list[str]]:
    """Sentences about a recording, by language, of what ``camerad evidence --json`` says of it.

    Gaps first, those in the sound after those in the pictures, then findings, then what a ledger
    says otherwise, which has one language only. Of more than `MOST` the last line says how many are
    left out.
    """
    return {code: _in(words_in(code), code, report) for code in languages()}


def _in(words: Words, code: str, report: dict[str, Any]) -> list[str]:
    def at(seconds: float | None, otherwise: str, digits: int) -> str:
        if seconds is None:
            return otherwise
        return f"{seconds:.{digits}f} s".replace(".", _POINT[code])

    def missing(gap: dict[str, Any], form: str) -> str:
        for digits in _DIGITS:
            begin = at(gap["from"], words.gettext("the beginning"), digits)
            end = at(gap["to"], words.gettext("the end"), digits)
            if begin != end:
                break
        reason = translated(GAP_REASONS, gap["reason"], words)
        when = words.gettext("from {begin} to {end}", begin=begin, end=end)
        return f"{when}: {form.format(reason=reason)}"

    lines = [missing(gap, "{reason}") for gap in report.get("gaps", ())]
    lines += [
        missing(gap, words.gettext("no sound: {reason}")) for gap in report.get("sound_gaps", ())
    ]
    for finding in report.get("findings", ()):
        members = dict.fromkeys(filter(None, (finding["first_member"], finding["last_member"])))
        where = f" ({' – '.join(members)})" if members else ""
        lines.append(f"{words.gettext(KINDS[FindingKind(finding['kind'])])}{where}")
    lines += [one["text"] for one in report.get("ledger", ())]
    if report.get("problem"):
        lines.append(report["problem"])
    if len(lines) > MOST:
        left = len(lines) - MOST
        lines[MOST:] = [
            words.gettext(
                "and {count} more; all of them are in {file}",
                count=left,
                file="camerad evidence verify",
            )
        ]
    return lines
