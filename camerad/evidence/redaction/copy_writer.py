"""Writes a redacted copy: the film for any player, and the archive that proves it.

Each unchanged fragment stays as the camera sealed it, with its own file key; each changed one is
replaced in the clear. Pictures are encoded anew from the first masked one of a group to the
group's end; every other sample stays bit for bit.
"""

from __future__ import annotations

import os
import shutil
import struct
import tempfile
from collections.abc import Sequence
from typing import IO, Final

import msgspec

from camerad.base.errors import EX_USAGE, CameradError
from camerad.container import jws, ustar
from camerad.container.chain import (
    END_NAME,
    HEADER_NAME,
    INIT_NAME,
    commit_name,
    content_of,
    fragment_name,
)
from camerad.container.keys import KeyRing, SigningKey
from camerad.container.mp4_boxes import Mp4Error, boxes, only_box
from camerad.container.redaction import (
    CLEAR_INIT_NAME,
    FORMAT,
    KEYS_NAME,
    KIND,
    LONGEST,
    REDACTION_NAME,
    ChangedFragment,
    CopyRecipient,
    Mask,
    MutedRange,
    Original,
    OriginalVerdict,
    Redaction,
    clear_name,
    order_problems,
    silent_unit,
    write_keys,
)
from camerad.container.statements import FragmentFacts, Header, Microphone
from camerad.evidence.fragment_samples import SampleRun
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
from camerad.evidence.redaction.parameter_sets import read_configuration, with_sets
from camerad.evidence.redaction.picture_codec import (
    PictureDecoder,
    PictureEncoder,
    masked_picture,
)
from camerad.evidence.remux import Mp4Writer, OutputFile
from camerad.recording.fragment_boxes import Sample, TrackRun, fragment
from camerad.verify.judge import Progress
from camerad.verify.verdict import Report, Verdict

_PIECE: Final = 1 << 20
_VERDICTS: Final[dict[Verdict, OriginalVerdict]] = {
    Verdict.AUTHENTIC: "authentic",
    Verdict.QUALIFIED: "qualified",
}


class RedactionError(CameradError, ValueError):
    """Error raised when a copy cannot be made as it is asked for; the text says what to do."""

    exit_code = EX_USAGE


class CopyOrder(msgspec.Struct, frozen=True):
    """What is to be masked and muted, for whom, and who says so: as in `Redaction`."""

    masks: tuple[Mask, ...]
    mutes: tuple[MutedRange, ...]
    made_us: int
    made_by: str
    software: str
    recipient: CopyRecipient
    reference: str


class CopyWriter:
    """A `FragmentUse` that writes the film to `film`, and the archive's members to `body`."""

    def __init__(
        self, times: FilmTimes, order: CopyOrder, film: OutputFile, body: IO[bytes]
    ) -> None:
        self._order = order
        self._pictures = len(times.pictures)
        self._plan = CopyPlan(times, order.masks, order.mutes)
        self._output = film
        self._body = body
        self._film: Mp4Writer | None = None
        self._encoder: PictureEncoder | None = None
        self._keys: list[tuple[int | None, bytes]] = []
        self._changed: list[ChangedFragment] = []
        self._digests: dict[str, str] = {}

    def header(self, header: Header, token: bytes) -> None:
        """Add the header's statement. Raises RedactionError if the order cannot be about it."""
        self._head = header
        order = self._order
        wrong = next(order_problems(order.masks, order.mutes, header.width, header.height), None)
        if wrong is not None:
            raise RedactionError(f"the list of this copy {wrong}")
        self._add(HEADER_NAME, token)

    def init(self, member: OpenedMember) -> None:
        """Add the segment as it was sealed. The first fragment shows what its copy needs."""
        self._add(INIT_NAME, member.sealed)
        self._keys.append((None, member.key))
        self._segment = member.clear
        self._clock = FilmClock(self._head, member.clear)
        self._configuration = read_configuration(member.clear)
        self._decoder = PictureDecoder(self._configuration.content)

    def fragment(self, facts: FragmentFacts, member: OpenedMember, token: bytes) -> None:
        """Add a fragment, sealed or replaced, and its commit."""
        runs = self._clock.runs(member.clear)
        samples = list(self._clock.samples(runs))
        film = self._film = self._film or self._begin(member.clear, samples)
        clear = self._rebuilt(member.clear, runs, samples)
        if facts.sequence in self._plan.changed:
            self._changed.append(
                ChangedFragment(facts.sequence, jws.digest(member.clear), content_of(clear))
            )
            self._add(clear_name(facts.sequence), clear)
        else:
            self._keys.append((facts.sequence, member.key))
            self._add(fragment_name(facts.sequence), member.sealed)
        film.add(clear)
        self._add(commit_name(facts.sequence), token)

    def end(self, token: bytes) -> None:
        """Add the end's statement."""
        self._add(END_NAME, token)

    def finish(self, verdict: OriginalVerdict, signer: SigningKey, archive: IO[bytes]) -> bytes:
        """Complete the film, and write the archive; returns the signed list.

        verdict: of the recording's check. Raises JwsError if the list is too long.
        """
        order, header = self._order, self._head
        keys = write_keys(self._keys)
        said = Redaction(
            format=FORMAT,
            original=Original(
                header.id, self._digests[HEADER_NAME], self._digests[END_NAME], verdict
            ),
            made_us=order.made_us,
            made_by=order.made_by,
            software=order.software,
            recipient=order.recipient,
            reference=order.reference,
            pictures=self._pictures,
            masked=len(self._plan.masked),
            init=self._init,
            masks=order.masks,
            mutes=order.mutes,
            changed=tuple(self._changed),
            keys=content_of(keys),
        )
        token = jws.sign(signer, KIND, said, LONGEST)
        for name, content in ((REDACTION_NAME, token), (KEYS_NAME, keys)):
            archive.writelines(ustar.member(name, content))
        self._body.seek(0)
        shutil.copyfileobj(self._body, archive, _PIECE)
        archive.write(ustar.END)
        if self._film is not None:
            self._film.finish()
        return token

    def _begin(self, clear: bytes, samples: Sequence[TimedSample]) -> Mp4Writer:
        """Write the copy's segment, with the parameter sets of what will be encoded."""
        segment = self._segment
        if self._plan.encoded:
            first = next(one.seen for one in samples if one.picture)
            like = self._decoder.decode(content_of_sample(clear, first))
            self._encoder = encoder = PictureEncoder(like, self._configuration)
            segment = with_sets(segment, encoder.sequence_set, encoder.picture_set)
        self._init = content_of(segment)
        self._add(CLEAR_INIT_NAME, segment)
        return Mp4Writer(self._output, segment)

    def _rebuilt(
        self, clear: bytes, runs: Sequence[SampleRun], samples: Sequence[TimedSample]
    ) -> bytes:
        """A fragment with its pictures and sound as they are in the copy."""
        made: list[list[Sample]] = [[] for _ in runs]
        for one in samples:
            content, key = content_of_sample(clear, one.seen), one.seen.sync
            if one.picture:
                content, key = self._picture(content, one)
            elif self._plan.is_muted(one):
                content = self._silence()
            made[one.run].append(Sample(one.seen.duration, key, len(content), [content]))
        moofs = [box for box in boxes(clear) if box.kind == b"moof"]
        pieces = []
        for number, moof in enumerate(moofs):
            (count,) = struct.unpack_from(">I", clear, only_box(clear, moof, b"mfhd").body + 4)
            inside = [
                TrackRun(run.track, run.time, made[index])
                for index, run in enumerate(runs)
                if run.moof == number
            ]
            pieces.append(fragment(count, inside))
        return b"".join(pieces)

    def _picture(self, content: bytes, one: TimedSample) -> tuple[bytes, bool]:
        """A picture's sample in the copy, and whether decoding can begin with it."""
        plan = self._plan
        if one.at_us not in plan.decoded or self._encoder is None:
            return content, one.seen.sync
        picture = self._decoder.decode(content)
        if one.at_us not in plan.encoded:
            return content, one.seen.sync
        key = one.at_us in plan.keys
        found = (mask.at(one.at_us) for mask in self._order.masks)
        masked = masked_picture(picture, [where for where in found if where is not None])
        return self._encoder.encode(masked, one.at_us - self._head.origin_us, key=key), key

    def _silence(self) -> bytes:
        microphone = self._head.microphone
        if not isinstance(microphone, Microphone):
            raise Mp4Error("there is sound, and the header knows of none")
        return silent_unit(microphone.channels)

    def _add(self, name: str, content: bytes) -> None:
        self._digests[name] = jws.digest(content)
        self._body.writelines(ustar.member(name, content))


def write_copy(
    path: str,
    keys: KeyRing,
    identities: Identities,
    order: CopyOrder,
    *,
    signer: SigningKey,
    film: OutputFile,
    archive: IO[bytes],
    final: str | None = None,
    progress: Progress | None = None,
) -> tuple[Report, bytes]:
    """Read the recording twice: for its times, and to write `film` and `archive`; returns its
    report and the signed list, which is empty if it is not authentic and nothing may be used.

    Raises RedactionError, PictureError, and what `FilmOpener.run` does.
    """
    times = FilmTimes()
    report = FilmOpener(keys, identities, times).run(path, final, progress)
    verdict = _VERDICTS.get(report.verdict)
    if verdict is None:
        return report, b""
    with tempfile.TemporaryFile(dir=os.path.dirname(archive.name) or ".") as body:
        writer = CopyWriter(times, order, film, body)
        again = FilmOpener(keys, identities, writer).run(path, final, progress)
        if again.as_json() != report.as_json():
            raise RedactionError(f"{path}: it changed while it was read; try again")
        return report, writer.finish(verdict, signer, archive)
