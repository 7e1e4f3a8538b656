"""Checks a redacted copy: the recording's own statements, and that nothing differs from the
recording but what the signed list names.

The statements are checked as in a recording (`camerad.verify.checker`). Each unchanged fragment is
opened by its key in the copy, so its bytes are the camera's; each other one has to be the one that
the list names, with the pictures and the sound that its commit counts, masked and muted where the
list says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from camerad.container import jws
from camerad.container.chain import HEADER_NAME, INIT_NAME, TORN_NAME, content_of, fragment_name
from camerad.container.keys import KeyRing
from camerad.container.mp4_boxes import Mp4Error
from camerad.container.reader import MemberSeen, Tail
from camerad.container.redaction import (
    CLEAR_INIT_NAME,
    KEYS_NAME,
    KIND,
    LONGEST,
    REDACTION_NAME,
    Redaction,
    clear_name,
    problems,
    read_keys,
    silent_unit,
)
from camerad.container.severity import Severity
from camerad.container.statements import FragmentFacts, FragmentSound, Microphone, RecordingEnd
from camerad.container.ustar import BLOCK, TarError, parse
from camerad.evidence.age_format import open_with_file_key
from camerad.evidence.fragment_samples import has_room
from camerad.evidence.identity_file import Identities
from camerad.evidence.redaction.opened_film import FilmClock, TimedSample, content_of_sample
from camerad.evidence.redaction.parameter_sets import (
    DecoderConfiguration,
    is_extended,
    read_configuration,
)
from camerad.recording.avc import SLICES
from camerad.verify.checker import Checker
from camerad.verify.findings import FindingKind, JudgedCommit, Result
from camerad.verify.judge import (
    MemberReader,
    Progress,
    UnreadableError,
    compare_end,
    judge,
    unreadable,
)
from camerad.verify.verdict import RedactedParts, Report

if TYPE_CHECKING:
    from camerad.evidence.redaction.picture_codec import PictureDecoder

_CLEAR: Final = re.compile(r"([0-9]{6,18})\.m4s")
_SOUND_US: Final = 2_000
"""How far decode times of sound may be from media times (docs/evidence-format.md, 3.9)."""
_UNSEEN: Final = (
    "the masked pictures were not looked at: PyAV is not installed here (pip install "
    "'camerad[redaction]'), or the list is by a key that is not trusted"
)
_VOUCHED: Final = (
    "for the rest of the replaced fragments, and of pictures that build on them, the office "
    "vouches, by its signature; --original compares them with the recording"
)


class OriginalAtHand(msgspec.Struct, frozen=True):
    """The file of the recording that a copy was made of, and keys that open it."""

    path: str
    identities: Identities


def is_redacted_copy(path: str) -> bool:
    """Whether a file begins as a redacted copy does; False if it cannot be read."""
    try:
        with open(path, "rb") as file:
            return parse(file.read(BLOCK)).name == REDACTION_NAME
    except (OSError, TarError):
        return False


def check_copy(
    path: str,
    keys: KeyRing,
    office: KeyRing,
    *,
    original: OriginalAtHand | None = None,
    final: str | None = None,
    progress: Progress | None = None,
) -> Report:
    """The report on the copy in the file `path`.

    keys: the cameras' that are trusted; office: those by which the list counts. original: what it
    is compared with, if it is at hand. final: SHA-256 of the recording's end, as a ledger names it.
    Raises what `FilmOpener.run` does about the original.
    """
    checker = CopyChecker(keys, office)
    reader = MemberReader(path, keep_sealed=True)
    try:
        with reader:
            report = judge(reader, path, checker, progress)
    except UnreadableError as error:
        return unreadable(reader, path, error, final)
    compare_end(checker, final)
    said, result = checker.said, checker.result
    report.redacted = RedactedParts(0, 0, 0)
    if said is None:
        return report
    compared = original is not None and result.authentic
    if original is not None and compared:
        from camerad.evidence.redaction.original_comparison import (  # noqa: PLC0415 - needs PyAV
            compare_with_original,
        )

        differences = compare_with_original(path, original.path, keys, original.identities, said)
        for name, text in differences:
            result.findings.say(FindingKind.UNMASKED, text, name)
    elif said.changed:
        result.findings.say(FindingKind.REDACTED, _VOUCHED, REDACTION_NAME, severity=Severity.NOTE)
    report.redacted = RedactedParts(said.pictures, said.masked, said.muted_us, compared)
    return report


class CopyChecker(Checker):
    """Judges one copy, as `Checker` judges a recording. said: its list, None if there is none."""

    def __init__(self, keys: KeyRing, office: KeyRing) -> None:
        super().__init__(keys)
        self.said: Redaction | None = None
        self._office = office
        self._trusted = False
        """The list is by a key that counts: else nothing of it reaches a decoder of pictures."""
        self._possible = True
        """Nothing in the list is wrong by itself, so that it can be compared with the film."""
        self._before = ""
        self._held: dict[str, bytes] = {}
        """Contents of members that wait for their commit, by name."""
        self._file_keys: dict[int | None, bytes] | None = None
        self._used: set[int | None] = set()
        self._watch: _FilmWatch | None = None

    def member(self, seen: MemberSeen) -> JudgedCommit | None:
        """Judge the next member. Returns what a commit says, if it is signed."""
        before, self._before = self._before, seen.name
        content = seen.sealed or b""
        clear = _CLEAR.fullmatch(seen.name)
        if seen.foreign or not (clear or seen.name in (REDACTION_NAME, KEYS_NAME, CLEAR_INIT_NAME)):
            if seen.sealed is not None:
                self._held[seen.name] = seen.sealed
            judged = super().member(seen)
            if judged is not None:
                self._compare_copied(judged)
                self._held.clear()
            return judged
        if seen.damage is not None:
            self._add(
                FindingKind.ARCHIVE, f"{seen.damage}; its content counts by itself", seen.name
            )
        if seen.name == REDACTION_NAME and not before:
            self._list(content)
        elif seen.name == KEYS_NAME and before == REDACTION_NAME:
            self._keys_file(content)
        elif (seen.name == CLEAR_INIT_NAME and before == INIT_NAME) or (
            clear and int(clear[1]) == self._chain.at.next and seen.name not in self._held
        ):
            self._held[seen.name] = content
            if clear and int(clear[1]) not in self._chain.replaced:
                text = "is in the clear, and the list does not name it"
                self._add(FindingKind.EXTRA, text, seen.name)
        else:
            self._add(FindingKind.EXTRA, "is not in its place, or there twice", seen.name)
        return None

    def finish(self, tail: Tail, *, running: bool = False) -> Result:
        """Judge what only the whole copy shows."""
        result = super().finish(tail, running=running)
        said = self.said
        if said is None:
            self._add(FindingKind.MISSING, "is missing, or no list", REDACTION_NAME)
            return result
        if result.header is not None and said.original.id != result.header.id:
            self._contradict(f"is the list of a copy of {said.original.id}")
        if said.original.final != result.final:
            self._contradict("names another end of the recording than the one that is here")
        if said.pictures != result.frames:
            self._contradict(f"counts {said.pictures} pictures, and there are {result.frames}")
        if self._watch is not None and said.masked != self._watch.masked:
            self._contradict(f"counts {said.masked} masked pictures, not {self._watch.masked}")
        remarks = any(
            one.severity is Severity.NOTE and one.kind is not FindingKind.REDACTED
            for one in result.findings
        )
        qualified = remarks or bool(result.gaps or result.sound_gaps)
        if result.authentic and qualified != (said.original.verdict == "qualified"):
            self._contradict(f"calls the recording {said.original.verdict}")
        if self._file_keys is None:
            self._add(FindingKind.MISSING, "is missing, or not in its place", KEYS_NAME)
        for sequence in (self._file_keys or {}).keys() - self._used:
            name = "init.mp4" if sequence is None else fragment_name(sequence)
            text = f"has a key for {name}, which is not here, or replaced"
            self._add(FindingKind.EXTRA, text, KEYS_NAME)
        beyond = [one for one in said.changed if one.sequence >= self._chain.at.next]
        if beyond:
            names = f"{clear_name(beyond[0].sequence)} and {len(beyond) - 1} more"
            self._contradict(f"replaces what the recording does not have: {names}")
        if self._watch is not None:
            self._say_changes(self._watch)
        return result

    def _judge_torn(self, end: RecordingEnd) -> None:  # noqa: ARG002 - it is left out
        if self._torn is not None:
            self._add(FindingKind.FOREIGN, "a redacted copy has none", TORN_NAME)

    def _contradict(self, text: str) -> None:
        self._add(FindingKind.CONTRADICTION, text, REDACTION_NAME)

    # -- members ---------------------------------------------------------------------------------

    def _list(self, token: bytes) -> None:
        try:
            statement = jws.parse(token, LONGEST)
            said = jws.decode(statement, KIND, Redaction)
        except jws.JwsError as error:
            self._add(FindingKind.FORGED, f"is not authentic: {error}", REDACTION_NAME)
            return
        # Its content is checked also if its key is unknown, so that all is found at once.
        self.said = said
        self._chain.replaced = frozenset(one.sequence for one in said.changed)
        try:
            jws.check(statement, self._office)
            self._trusted = True
        except jws.UnknownKeyError as error:
            text = f"is {error}; name the office's key with --office-key"
            self._add(FindingKind.UNKNOWN_KEY, text, REDACTION_NAME)
        except jws.JwsError as error:
            self._add(FindingKind.FORGED, f"is not authentic: {error}", REDACTION_NAME)

    def _keys_file(self, content: bytes) -> None:
        said = self.said
        if said is not None and content_of(content) != said.keys:
            self._add(FindingKind.CHANGED, "is not the one that the list names", KEYS_NAME)
        self._file_keys = {}
        try:
            self._file_keys = read_keys(content)
        except jws.JwsError as error:
            self._add(FindingKind.FORGED, str(error), KEYS_NAME)

    def _header(self, seen: MemberSeen) -> None:
        super()._header(seen)
        said, header = self.said, self.result.header
        if said is not None and header is not None:
            for text in problems(said, header.width, header.height):
                self._add(FindingKind.FORGED, text, REDACTION_NAME)
                self._possible = False
        if said is not None and said.original.header != seen.sha256:
            self._add(FindingKind.CONTRADICTION, "is not the one that the list names", HEADER_NAME)

    def _compare_copied(self, judged: JudgedCommit) -> None:
        """Check a fragment by its commit, which is signed."""
        said, facts, name = self.said, judged.facts, fragment_name(judged.facts.sequence)
        if judged.init is not None:
            self._segments()
        if said is None:
            return
        replaced = next((one for one in said.changed if one.sequence == facts.sequence), None)
        if replaced is None:
            if judged.fragment is None:
                return  # which is said already
            clear = self._opened(facts.sequence, name, self._held.get(name))
        else:
            name = clear_name(facts.sequence)
            clear = self._held.get(name)
            if clear is None:
                self._add(FindingKind.MISSING, "is missing", name)
            elif content_of(clear) != replaced.content:
                self._add(FindingKind.CHANGED, "is not the one that the list names", name)
        if clear is None or self._watch is None:
            return
        try:
            found = list(self._watch.fragment(facts, clear, replaced=replaced is not None))
        except Mp4Error as error:
            found = [f"cannot be understood: {error}"]
        for text in found:
            self._add(FindingKind.UNMASKED, text, name)

    def _segments(self) -> None:
        """Compare the clear segment with the one that the camera sealed."""
        said, header = self.said, self.result.header
        clear = self._held.get(CLEAR_INIT_NAME)
        sealed = self._opened(None, INIT_NAME, self._held.get(INIT_NAME))
        if clear is None:
            self._add(FindingKind.MISSING, "is missing", CLEAR_INIT_NAME)
        if clear is None or sealed is None or said is None or header is None:
            return
        if not self._possible:
            return
        if content_of(clear) != said.init:
            self._add(FindingKind.CHANGED, "is not the one that the list names", CLEAR_INIT_NAME)
        try:
            same = clear == sealed
            if said.masks:
                same = is_extended(clear, sealed, header.width, header.height)
            if same:
                microphone = header.microphone
                channels = microphone.channels if isinstance(microphone, Microphone) else 0
                configuration = read_configuration(clear)
                clock = FilmClock(header, clear)
                self._watch = _FilmWatch(
                    said, clock, configuration, channels, decodes=self._trusted
                )
                return
        except Mp4Error:
            pass
        text = "has more, or something else, than the camera's segment and what decodes the masks"
        self._add(FindingKind.UNMASKED, text, CLEAR_INIT_NAME)

    def _opened(self, sequence: int | None, name: str, sealed: bytes | None) -> bytes | None:
        """The content of a sealed member that is the signed one, if its key in the copy opens it.
        sealed: None if it is too large to be held in memory."""
        key = (self._file_keys or {}).get(sequence)
        self._used.add(sequence)
        try:
            if sealed is None:
                raise ValueError("it is too large to be opened here")
            if key is None:
                raise ValueError(f"there is no key for it in {KEYS_NAME}")
            return open_with_file_key(sealed, key)
        except ValueError as error:
            self._add(FindingKind.UNOPENED, str(error), name)
            return None

    def _say_changes(self, watch: _FilmWatch) -> None:
        """Remarks on what was replaced, and on what was not looked at."""
        said, result = self.said, self.result
        if said is None or not said.changed:
            return
        texts = [f"{len(said.changed)} fragments are replaced, as the list by {said.made_by} says"]
        if watch.masked and not watch.looked:
            texts.append(_UNSEEN)
        for text in texts:
            result.findings.say(FindingKind.REDACTED, text, REDACTION_NAME, severity=Severity.NOTE)


class _FilmWatch:
    """Follows the film of a copy. masked: pictures that have a mask. looked: masked pictures were
    decoded, which they are if `decodes`. channels: of the sound."""

    def __init__(
        self,
        said: Redaction,
        clock: FilmClock,
        configuration: DecoderConfiguration,
        channels: int,
        *,
        decodes: bool,
    ) -> None:
        self.masked = 0
        self.looked = False
        self._said = said
        self._clock = clock
        self._channels = channels
        self._sets = (configuration.sequence_sets[-1], configuration.picture_sets[-1])
        self._configuration = configuration.content if decodes else None
        self._decoder: PictureDecoder | None = None
        self._open = False
        """Whether the group of pictures is encoded anew here."""

    def fragment(self, facts: FragmentFacts, clear: bytes, *, replaced: bool) -> Iterator[str]:
        """What is wrong with the next fragment. Raises Mp4Error."""
        runs = self._clock.runs(clear)
        if replaced and has_room(clear, runs):
            yield "has bytes that belong to no picture and no sound"
            return
        samples = list(self._clock.samples(runs))
        pictures = [one for one in samples if one.picture]
        units = [one for one in samples if not one.picture]
        wrong = list(self._compare(facts, pictures, units)) if replaced else []
        if wrong:  # and may be as many as anybody likes
            yield from wrong
            return
        changed = False
        for one in pictures:
            content = content_of_sample(clear, one.seen)
            texts = list(self._picture(one, content))
            changed = changed or self._open
            yield from texts
        for one in units:
            content = content_of_sample(clear, one.seen)
            if self._said.is_muted(one.at_us, one.behind_us):
                changed = True
                if content != silent_unit(self._channels):
                    yield f"its sound at {one.at_us} is not muted"
        if changed and not replaced:
            yield "has what the list says is masked or muted, or builds on it, and is not replaced"
        if replaced and not changed:
            yield "is replaced, and nothing in it is masked or muted"

    def _compare(
        self, facts: FragmentFacts, pictures: Sequence[TimedSample], units: Sequence[TimedSample]
    ) -> Iterator[str]:
        """Compare times and numbers with those that the camera signed."""
        if len(pictures) != facts.frames:
            yield f"has {len(pictures)} pictures, and the camera signed {facts.frames}"
        elif pictures:
            times = (pictures[0].at_us, pictures[-1].at_us, pictures[-1].end_us)
            if times != (facts.first_us, facts.last_us, facts.end_us):
                yield "has other times of pictures than the camera signed"
        sound = facts.sound
        if not isinstance(sound, FragmentSound):
            if units:
                yield "has sound, and the camera signed none"
        elif len(units) != sound.units:
            yield f"has {len(units)} units of sound, and the camera signed {sound.units}"
        elif units and abs(units[0].at_us - (sound.first_us or 0)) > _SOUND_US:
            yield "has other times of sound than the camera signed"

    def _picture(self, one: TimedSample, content: bytes) -> Iterator[str]:
        where = self._said.rectangles(one.at_us)
        if one.seen.sync:
            self._open = False
        if where:
            self.masked += 1
            if not self._open and not one.seen.sync:
                yield f"its picture at {one.at_us} is masked, and decoding cannot begin there"
            begins, self._open = not self._open, True
            if begins:
                self._begin()
        if not self._open:
            return
        # Other parameter sets could change how the camera's pictures are shown.
        units = _units(content)
        if any(unit not in self._sets and not _is_slice(unit) for unit in units):
            yield f"its picture at {one.at_us} has more than slices and its parameter sets"
        if self._decoder is None:
            return
        from camerad.evidence.redaction import picture_codec  # noqa: PLC0415 - needs PyAV

        try:
            plane = picture_codec.plane_of(self._decoder.decode(content))
        except picture_codec.PictureError as error:
            yield f"its picture at {one.at_us}: {error}"
            return
        self.looked = True
        if not picture_codec.is_black(plane, where):
            yield f"its picture at {one.at_us} is not black where the list has a mask"

    def _begin(self) -> None:
        """Decode from here on, where that is possible."""
        if self._configuration is None:
            return
        try:
            from camerad.evidence.redaction.picture_codec import PictureDecoder  # noqa: PLC0415
        except ImportError:
            return
        self._decoder = PictureDecoder(self._configuration)


def _is_slice(unit: bytes) -> bool:
    return bool(unit) and unit[0] & 31 in SLICES


def _units(sample: bytes) -> Iterator[bytes]:
    """The NAL units of a picture, each with its length before it; empty where none is whole."""
    at = 0
    while at < len(sample):
        size = int.from_bytes(sample[at : at + 4], "big")
        yield sample[at + 4 : at + 4 + size]
        at += 4 + size
