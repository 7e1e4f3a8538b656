"""Compares a redacted copy with the recording that it was made of, by who can open that."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from camerad.container import jws
from camerad.container.keys import KeyRing
from camerad.container.members import Walk, open_regular
from camerad.container.redaction import CLEAR_INIT_NAME, REDACTION_NAME, Redaction, clear_name
from camerad.container.statements import FragmentFacts, Header
from camerad.evidence.identity_file import Identities
from camerad.evidence.redaction.copy_plan import CopyPlan
from camerad.evidence.redaction.opened_film import (
    FilmClock,
    FilmOpener,
    FilmTimes,
    OpenedMember,
    TimedSample,
    content_of_sample,
)
from camerad.evidence.redaction.parameter_sets import read_configuration
from camerad.evidence.redaction.picture_codec import (
    PictureDecoder,
    furthest_block,
    plane_of,
)
from camerad.verify.verdict import Report, Verdict

MOST_APART: Final = 12.0
"""How far a block of 16 x 16 pixels may be from the original's, as a mean of absolute differences
of luma, or of either chroma. Encoded anew by `picture_codec`, the furthest of all blocks of four
films was 4.0 (vtest, carphone, bikes, bigbuckbunny); a face that is gone is 30 and more."""

Difference = tuple[str, str]
"""Name of a member, and what is wrong with it."""


def compare_with_original(
    copy: str, original: str, keys: KeyRing, identities: Identities, said: Redaction
) -> list[Difference]:
    """What differs from the recording, and is not in the list `said` of the copy.

    Raises what `FilmOpener.run` does, PictureError, and OSError.
    """
    times = FilmTimes()
    report = FilmOpener(keys, identities, times).run(original, None)
    found = list(_of_recording(report, said))
    if found:
        return found
    plan = CopyPlan(times, said.masks, said.mutes)
    listed = {one.sequence for one in said.changed}
    found += [
        (clear_name(one), "is replaced in one of copy and list alone, by its masks and mutes")
        for one in sorted(plan.changed ^ listed)
    ]
    with open_regular(copy) as file:
        members = {one.member.name: (one.data_offset, one.member.size) for one in Walk(file)}

        def content(name: str) -> bytes:
            offset, size = members.get(name, (0, 0))
            file.seek(offset)
            return file.read(size)

        use = _Comparison(plan, said, content)
        FilmOpener(keys, identities, use).run(original, None)
    return found + use.found


def _of_recording(report: Report, said: Redaction) -> Iterator[Difference]:
    result = report.result
    if report.verdict >= Verdict.NOT_AUTHENTIC or result is None:
        yield REDACTION_NAME, f"{report.path}: this recording is not authentic"
    elif result.final != said.original.final:
        yield REDACTION_NAME, f"{report.path}: this is another recording than the list names"


class _Comparison:
    """A `FragmentUse` that compares each replaced fragment. content: of a member of the copy."""

    def __init__(self, plan: CopyPlan, said: Redaction, content: Callable[[str], bytes]) -> None:
        self.found: Final[list[Difference]] = []
        self._plan = plan
        self._said = said
        self._content = content
        self._originals = {one.sequence: one.original for one in said.changed}

    def header(self, header: Header, token: bytes) -> None:  # noqa: ARG002 - the chain has it
        """Learn the origin of all times."""
        self._head = header

    def init(self, member: OpenedMember) -> None:
        """Learn the tracks."""
        self._clock = FilmClock(self._head, member.clear)
        configured = (
            read_configuration(one) for one in (member.clear, self._content(CLEAR_INIT_NAME))
        )
        self._camera, self._copied = (PictureDecoder(one.content) for one in configured)

    def fragment(self, facts: FragmentFacts, member: OpenedMember, token: bytes) -> None:  # noqa: ARG002
        """Compare a fragment."""
        samples = self._samples(member.clear)
        decoded = [
            self._camera.decode(content) if one.at_us in self._plan.decoded else None
            for one, content in samples
            if one.picture
        ]
        name = clear_name(facts.sequence)
        if facts.sequence not in self._originals:
            return
        if jws.digest(member.clear) != self._originals[facts.sequence]:
            self.found.append((name, "replaces another fragment than the list names"))
        there = self._samples(self._content(name))
        if [_time(one) for one, _ in samples] != [_time(one) for one, _ in there]:
            self.found.append((name, "has other times of samples than the recording"))
            return
        pictures = iter(decoded)
        for (one, content), (_, copied) in zip(samples, there, strict=True):
            picture = next(pictures) if one.picture else None
            if picture is not None and one.at_us in self._plan.encoded:
                where = self._said.rectangles(one.at_us)
                planes = (plane_of(picture), plane_of(self._copied.decode(copied)))
                same = furthest_block(*planes, where) <= MOST_APART
            else:
                same = content == copied or (not one.picture and self._plan.is_muted(one))
            if not same:
                what = "picture" if one.picture else "sound"
                text = f"its {what} at {one.at_us} differs from the recording's"
                self.found.append((name, text))

    def end(self, token: bytes) -> None:
        """The list names it."""

    def _samples(self, clear: bytes) -> list[tuple[TimedSample, bytes]]:
        timed = self._clock.samples(self._clock.runs(clear))
        return [(one, content_of_sample(clear, one.seen)) for one in timed]


def _time(one: TimedSample) -> tuple[int, bool, int, int]:
    return one.run, one.picture, one.at_us, one.end_us
