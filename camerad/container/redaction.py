"""The signed list of a redacted copy: what was masked and muted, and by whom; pure.

The payload of ``redaction.jws`` (docs/redaction.md). Media times are microseconds of
CLOCK_BOOTTIME, as in the recording's own statements; rectangles are pixels of the picture.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from typing import Annotated, Final, Literal

import msgspec

from camerad.base import typed_json
from camerad.container import jws
from camerad.container.jws import JwsError
from camerad.container.keys import decode_base64url, encode_base64url
from camerad.container.statements import Content, Identity, Positive

KIND: Final = "camerad-redaction"
FORMAT: Final = 1
REDACTION_NAME: Final = "redaction.jws"
KEYS_NAME: Final = "keys.json"
CLEAR_INIT_NAME: Final = "init.mp4"
ENDING: Final = ".redacted.tar"
LONGEST: Final = 8 << 20
"""Of a list, bytes: four hours of fragments that are all replaced."""
MOST_MASKS: Final = 2_000
"""In a list: each is looked for in each picture, also by who checks a stranger's list."""
BLOCK: Final = 16
"""Width and height of the blocks that a mask covers whole (macroblocks), pixels."""
FILE_KEY_BYTES: Final = 16

_SILENCE: Final = {1: bytes.fromhex("00000007"), 2: bytes.fromhex("21000000001c")}
"""Access units of AAC-LC (ISO/IEC 14496-3, 4.4.2.1) with no scale factor band, by channels: so
they decode to digital silence, but for the half of the unit before that reaches into the first."""


def silent_unit(channels: int) -> bytes:
    """The one access unit that replaces muted sound."""
    return _SILENCE[channels]


def clear_name(sequence: int) -> str:
    """Name of the member that replaces fragment `sequence`."""
    return f"{sequence:06d}.m4s"


Sha256 = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]
OriginalVerdict = Literal["authentic", "qualified"]
MaskBox = tuple[int, int, int, int, int]
"""at_us, x, y, width, height."""


class MaskKind(StrEnum):
    """What a mask hides."""

    FACE = "face"
    PLATE = "plate"
    OTHER = "other"


class CopyRecipient(StrEnum):
    """For whom a copy is made, by role."""

    PERSON = "person"
    PROSECUTOR = "prosecutor"
    COURT = "court"
    OTHER = "other"


class Rectangle(msgspec.Struct, frozen=True):
    """Part of a picture, pixels."""

    x: int
    y: int
    width: int
    height: int

    @property
    def blocks(self) -> Rectangle:
        """The whole blocks that it touches; they may reach beyond the picture."""
        x, y = self.x // BLOCK * BLOCK, self.y // BLOCK * BLOCK
        right = -(-(self.x + self.width) // BLOCK) * BLOCK
        bottom = -(-(self.y + self.height) // BLOCK) * BLOCK
        return Rectangle(x, y, right - x, bottom - y)


class Mask(msgspec.Struct, frozen=True):
    """An opaque rectangle that moves. boxes: in the order of time; it is there from the first box's
    picture to the last one's, and moves in straight lines between."""

    boxes: Annotated[tuple[MaskBox, ...], msgspec.Meta(min_length=1)]
    kind: MaskKind

    def at(self, at_us: int) -> Rectangle | None:
        """Where it is in the picture of a media time; None if it is not there."""
        if not self.boxes[0][0] <= at_us <= self.boxes[-1][0]:
            return None
        after = bisect_left(self.boxes, at_us, key=lambda box: box[0])
        end_us, *end = self.boxes[after]
        if end_us == at_us:
            return Rectangle(*end)
        start_us, *start = self.boxes[after - 1]
        past_us, long_us = at_us - start_us, end_us - start_us
        moved = (
            one + (other - one) * past_us // long_us for one, other in zip(start, end, strict=True)
        )
        return Rectangle(*moved)


class MutedRange(msgspec.Struct, frozen=True):
    """Sound from from_us on, before to_us, is replaced by silence."""

    from_us: int
    to_us: int


class Original(msgspec.Struct, frozen=True):
    """The recording that was copied. header, final: SHA-256 of its header and of its end. verdict:
    of its check then, as `camerad.verify.verdict.Verdict` names it, in small letters."""

    id: Identity
    header: Sha256
    final: Sha256
    verdict: OriginalVerdict


class ChangedFragment(msgspec.Struct, frozen=True):
    """A fragment that is replaced. original: SHA-256 of the clear fragment that the camera sealed.
    content: of the clear one in its place."""

    sequence: int
    original: Sha256
    content: Content


class Redaction(msgspec.Struct, frozen=True):
    """The payload of ``redaction.jws``.

    made_us: wall time. made_by: the person. recipient, reference: for whom by role, and the file's
    number, "" if none. pictures: of the whole film; masked: those with a mask. init: content of the
    clear ``init.mp4``. keys: content of ``keys.json``. changed: in the order of their sequence.
    """

    format: int
    original: Original
    made_us: int
    made_by: str
    software: str
    recipient: CopyRecipient
    reference: str
    pictures: Positive
    masked: int
    init: Content
    masks: tuple[Mask, ...]
    mutes: tuple[MutedRange, ...]
    changed: tuple[ChangedFragment, ...]
    keys: Content

    def rectangles(self, at_us: int) -> list[Rectangle]:
        """What is masked in the picture of a media time."""
        found = (mask.at(at_us) for mask in self.masks)
        return [one for one in found if one is not None]

    def is_muted(self, begin_us: int, end_us: int) -> bool:
        """Whether a unit of sound is replaced. begin_us: its time; end_us: that of the end of the
        unit behind it, of whose sound it carries half."""
        return any(begin_us < one.to_us and end_us > one.from_us for one in self.mutes)

    @property
    def muted_us(self) -> int:
        """How long sound is muted in all."""
        total = until_us = 0
        for one in sorted(self.mutes, key=lambda mute: mute.from_us):
            total += max(0, one.to_us - max(one.from_us, until_us))
            until_us = max(until_us, one.to_us)
        return total


def problems(said: Redaction, width: int, height: int) -> Iterator[str]:
    """What cannot be in a list about pictures of this size."""
    if said.format != FORMAT:
        yield f"is of format {said.format}, and this program knows {FORMAT}; use a later one"
    yield from order_problems(said.masks, said.mutes, width, height)
    sequences = [one.sequence for one in said.changed]
    if sequences != sorted(set(sequences)):
        yield "its changed fragments are not in their order"
    if said.masked > said.pictures:
        yield f"counts {said.masked} masked pictures of {said.pictures}"


def order_problems(
    masks: Sequence[Mask], mutes: Iterable[MutedRange], width: int, height: int
) -> Iterator[str]:
    """What cannot be masked or muted in pictures of this size."""
    if len(masks) > MOST_MASKS:
        yield f"has {len(masks)} masks, and may have {MOST_MASKS}"
    for number, mask in enumerate(masks):
        times = [box[0] for box in mask.boxes]
        if times != sorted(set(times)):
            yield f"mask {number}: its times do not rise"
        for at_us, x, y, wide, high in mask.boxes:
            if not (wide and high and x + wide <= width and y + high <= height):
                yield f"mask {number}: its box at {at_us} is not within the picture"
    for one in mutes:
        if one.from_us >= one.to_us:
            yield f"a mute ends at {one.to_us}, before it begins"


class FragmentKey(msgspec.Struct, frozen=True):
    """The key of one age file. sequence: of the fragment; None: the initialisation segment."""

    key: str
    sequence: int | None


def write_keys(keys: Iterable[tuple[int | None, bytes]]) -> bytes:
    """The content of ``keys.json``: the initialisation segment's key, then the fragments'."""
    return jws.canonical([FragmentKey(encode_base64url(key), sequence) for sequence, key in keys])


def read_keys(content: bytes) -> dict[int | None, bytes]:
    """The keys by sequence. Raises JwsError if the content is in any other spelling or order."""
    try:
        said = typed_json.decode(content, tuple[FragmentKey, ...])
        if jws.canonical(said) != content:
            raise ValueError("it is not in its one spelling")
        keys = {one.sequence: decode_base64url(one.key) for one in said}
        order = [-1 if one.sequence is None else one.sequence for one in said]
        if order != sorted(set(order)) or any(len(key) != FILE_KEY_BYTES for key in keys.values()):
            raise ValueError("keys are doubled, not in their order, or of another length")
    except (ValueError, RecursionError) as error:
        raise JwsError(f"{KEYS_NAME} is wrong: {error}") from None
    return keys
