"""A recording's fragments in the clear, each with its file key; and the times of their samples."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, Protocol

import msgspec

from camerad.base.clock import SECOND
from camerad.base.errors import NotAllowedError
from camerad.container.chain import END_NAME, HEADER_NAME, INIT_NAME
from camerad.container.keys import KeyRing
from camerad.container.mp4_boxes import Mp4Error
from camerad.container.reader import MemberSeen
from camerad.container.statements import FragmentFacts, Header
from camerad.evidence.age_format import find_file_key, open_with_file_key
from camerad.evidence.decrypt import UnsealError
from camerad.evidence.fragment_samples import (
    SampleRun,
    SeenSample,
    TrackHeader,
    read_tracks,
    sample_runs,
)
from camerad.evidence.identity_file import Identities
from camerad.verify.checker import Checker
from camerad.verify.findings import JudgedCommit
from camerad.verify.judge import MemberReader, Progress, compare_end, judge
from camerad.verify.verdict import Report


class OpenedMember(msgspec.Struct, frozen=True):
    """A sealed member, its file key, and its content in the clear."""

    sealed: bytes
    key: bytes
    clear: bytes


class FragmentUse(Protocol):
    """What is done with a recording's members, in their order."""

    def header(self, header: Header, token: bytes) -> None:
        """The header, and its statement."""

    def init(self, member: OpenedMember) -> None:
        """The initialisation segment."""

    def fragment(self, facts: FragmentFacts, member: OpenedMember, token: bytes) -> None:
        """A fragment, and its commit."""

    def end(self, token: bytes) -> None:
        """The end's statement."""


class FilmOpener:
    """Checks a recording, and hands its members in the clear to `use` on the way."""

    def __init__(self, keys: KeyRing, identities: Identities, use: FragmentUse) -> None:
        self._checker = Checker(keys)
        self._identities = identities
        self._use = use
        self._sealed: dict[str, bytes] = {}

    def run(self, path: str, final: str | None, progress: Progress | None = None) -> Report:
        """The report. Where it is not authentic, `use` may have had only a part, and what it made
        is worth nothing. final: as in `verify`.

        Raises UnreadableError, NotAllowedError if no identity opens it, and UnsealError if what is
        in it is not understood.
        """
        with MemberReader(path, keep_sealed=True) as reader:
            report = judge(reader, path, self._checker, progress, step=self._step)
        compare_end(self._checker, final)
        return report

    def _step(self, seen: MemberSeen, judged: JudgedCommit | None) -> None:
        result = self._checker.result
        if not result.authentic:
            return
        try:
            if seen.sealed is not None:
                self._sealed[seen.sha256] = seen.sealed
            elif seen.name == HEADER_NAME and result.header is not None:
                self._use.header(result.header, seen.token or b"")
            elif seen.name == END_NAME:
                self._use.end(seen.token or b"")
            elif judged is not None:
                if judged.init is not None:
                    self._use.init(self._opened(judged.init, INIT_NAME))
                member = self._opened(judged.fragment or "", seen.name)
                self._sealed.clear()
                self._use.fragment(judged.facts, member, seen.token or b"")
        except Mp4Error as error:
            raise UnsealError(
                f"{seen.name}: the device signed this, but it cannot be understood: {error}"
            ) from error

    def _opened(self, sha256: str, name: str) -> OpenedMember:
        sealed = self._sealed.get(sha256)
        if sealed is None:
            raise UnsealError(f"{name}: what it commits is too large to be opened")
        try:
            key = find_file_key(sealed, self._identities)
            if key is not None:
                return OpenedMember(sealed, key, open_with_file_key(sealed, key))
        except ValueError as error:
            raise UnsealError(f"{name}: the device signed this, but {error}") from error
        header = self._checker.result.header
        recipients = ", ".join(header.recipients) if header is not None else "unknown"
        raise NotAllowedError(
            f"the key does not open this recording ({name}); use the private key of one of its "
            f"recipients: {recipients}"
        )


class TimedSample(msgspec.Struct, frozen=True):
    """A sample of a fragment, with media times. run: which of the fragment's it is in. end_us:
    where it ends. behind_us: of sound, where the next unit ends, which has a part of its sound."""

    run: int
    picture: bool
    at_us: int
    end_us: int
    behind_us: int
    seen: SeenSample


class FilmClock:
    """Gives a recording's samples their media times. init: its segment, in the clear."""

    def __init__(self, header: Header, init: bytes) -> None:
        self._origin_us = header.origin_us
        self.tracks: Final[dict[int, TrackHeader]] = read_tracks(init)

    def runs(self, fragment: bytes) -> list[SampleRun]:
        """The runs of a fragment. Raises Mp4Error."""
        return list(sample_runs(fragment, self.tracks))

    def samples(self, runs: Sequence[SampleRun]) -> Iterator[TimedSample]:
        """Their samples, in the order in which they lie in the runs."""
        for number, run in enumerate(runs):
            track, at = self.tracks[run.track], run.time
            for one in run.samples:
                end = at + one.duration
                at_us, end_us, behind_us = (
                    self._origin_us + units * SECOND // track.timescale
                    for units in (at, end, end + one.duration)
                )
                yield TimedSample(number, track.picture, at_us, end_us, behind_us, one)
                at = end


def content_of_sample(clear: bytes, sample: SeenSample) -> bytes:
    """Its bytes in a fragment."""
    return clear[sample.offset : sample.offset + sample.size]


class FilmTimes:
    """A `FragmentUse` that keeps nothing but the times of samples, by fragment."""

    def __init__(self) -> None:
        self.head: Header | None = None
        self.fragments: Final[dict[int, list[TimedSample]]] = {}
        self._clock: FilmClock | None = None

    @property
    def pictures(self) -> list[TimedSample]:
        """All pictures, in their order."""
        return [one for samples in self.fragments.values() for one in samples if one.picture]

    def header(self, header: Header, token: bytes) -> None:  # noqa: ARG002 - see `FragmentUse`
        """Keep the origin of all times."""
        self.head = header

    def init(self, member: OpenedMember) -> None:
        """Learn the tracks."""
        if self.head is not None:
            self._clock = FilmClock(self.head, member.clear)

    def fragment(self, facts: FragmentFacts, member: OpenedMember, token: bytes) -> None:  # noqa: ARG002
        """Add its samples."""
        if self._clock is not None:
            runs = self._clock.runs(member.clear)
            self.fragments[facts.sequence] = list(self._clock.samples(runs))

    def end(self, token: bytes) -> None:
        """Nothing is needed of it."""
