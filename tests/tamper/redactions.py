"""Changes of a redacted copy: without any key, and by who has the office's.

Each family yields mutations from a seeded generator, each with the member that a check has to name,
and with the kind of that finding.
"""

from __future__ import annotations

import functools
import random
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import av
from evidence_helpers import time_of
from msgspec.structs import replace
from redaction_helpers import ORDER, SIGNER, RedactedCopy, redacted
from sealed_helpers import Members, altered, flipped, pack, sealed, without
from sound_helpers import made_with_sound

from camerad.container import jws
from camerad.container.chain import content_of
from camerad.container.keys import SigningKey
from camerad.container.mp4_boxes import boxes
from camerad.container.redaction import (
    KIND,
    LONGEST,
    MutedRange,
    Redaction,
    read_keys,
    write_keys,
)
from camerad.evidence.redaction import picture_codec
from camerad.evidence.redaction.parameter_sets import read_configuration, with_configuration
from camerad.recording.fragment_boxes import box
from camerad.verify.findings import FindingKind

LIST, KEY_LIST = "redaction.jws", "keys.json"
MASKED, MUTED, SEALED = "000001.m4s", "000003.m4s", "000002.m4s.age"
"""Fragments of the copy: one with a masked picture, one that is muted, and one as it was."""
STRANGER = SigningKey.generate()


@dataclass(frozen=True)
class Mutation:
    """A changed copy. named: the member that a check has to name; kinds: of that finding, one of
    them. compared: only the comparison with the recording can find it."""

    what: str
    data: bytes
    named: str
    kinds: tuple[FindingKind, ...]
    compared: bool = False


Family = Callable[[random.Random], Iterator[Mutation]]


def listed(members: Members, signer: SigningKey = SIGNER, **changes: Any) -> bytes:
    """The archive with another list, signed."""
    said = jws.decode(jws.parse(dict(members)[LIST]), KIND, Redaction)
    token = jws.sign(signer, KIND, replace(said, **changes), LONGEST)
    return pack(altered(members, LIST, lambda _: token))


def refilled(members: Members, name: str, content: bytes, **changes: Any) -> bytes:
    """The archive with another replaced fragment, which the list names."""
    said = jws.decode(jws.parse(dict(members)[LIST]), KIND, Redaction)
    number = int(name.partition(".")[0])
    changed = tuple(
        replace(one, content=content_of(content)) if one.sequence == number else one
        for one in said.changed
    )
    return listed(altered(members, name, lambda _: content), changed=changed, **changes)


@functools.cache
def painted(paint: Callable[[Any], None] | None, rectangles: bool = True) -> RedactedCopy:
    """The copy as a dishonest office makes it, which paints something else."""
    honest = picture_codec.masked_picture

    def masked(picture: av.VideoFrame, where: Any) -> av.VideoFrame:
        plane = honest(picture, where if rectangles else ()).to_ndarray()
        if paint is not None:
            paint(plane)
        return av.VideoFrame.from_ndarray(plane, format="yuv420p")

    with patch("camerad.evidence.redaction.copy_writer.masked_picture", masked):
        return redacted.__wrapped__(ORDER, None)


def crowded(runs: int) -> bytes:
    """A fragment that claims as many pictures as a run may have, in each run, and has no byte."""

    def moof(offset: int) -> bytes:
        run = box(b"trun", struct.pack(">III", 1, 1 << 16, offset))
        head = box(b"tfhd", struct.pack(">IIII", 0x20018, 1, 1, 0)), box(b"tfdt", bytes(8))
        return box(b"moof", box(b"mfhd", bytes(8)), box(b"traf", *head, run * runs))

    return moof(len(moof(0)) + 8) + box(b"mdat")


def with_room(fragment: bytes, room: int, more: bytes = b"") -> bytes:
    """A fragment with room behind its samples, or with more in its ``moof``."""
    moof, mdat = boxes(fragment)
    head = bytearray(fragment[: moof.end])
    runs = [
        one
        for traf in boxes(head, moof.body, moof.end)
        if traf.kind == b"traf"
        for one in boxes(head, traf.body, traf.end)
        if one.kind == b"trun"
    ]
    for run in runs:
        (offset,) = struct.unpack_from(">i", head, run.body + 8)
        struct.pack_into(">i", head, run.body + 8, offset + len(more))
    content = bytes(head[8:]) + more
    return box(b"moof", content) + box(b"mdat", fragment[mdat.body :], bytes(room))


def in_colour(plane: Any) -> None:
    """Paint stripes in the chroma of masked blocks, whose means stay."""
    height, width = plane.shape[0] * 2 // 3, plane.shape[1]
    chroma = plane[height:].reshape(2, height // 2, width // 2)
    masked = chroma[0, :16, 24:40].reshape(16, 2, 2, 4)
    masked[:, :, 0], masked[:, :, 1] = 208, 48


def flips(chance: random.Random) -> Iterator[Mutation]:
    """One bit, in the content of any member."""
    every = tuple(FindingKind)
    for name, content in redacted().members:
        for _ in range(6):
            changed = flipped(content, chance.randrange(len(content)), chance.randrange(8))
            members = altered(redacted().members, name, lambda _, changed=changed: changed)
            yield Mutation(f"a bit of {name}", pack(members), name, every)


def dropped(_: random.Random) -> Iterator[Mutation]:
    """A member is left out, or there twice, or changes places with the next."""
    every, members = tuple(FindingKind), redacted().members
    for index, (name, content) in enumerate(members):
        yield Mutation(f"without {name}", pack(without(members, name)), name, every)
        twice = [*members[: index + 1], (name, content), *members[index + 1 :]]
        yield Mutation(f"{name} twice", pack(twice), name, every)
        if index + 1 < len(members):
            swapped = [*members[:index], members[index + 1], members[index], *members[index + 2 :]]
            yield Mutation(f"{name} behind the next", pack(swapped), "", every)

    for name in (KEY_LIST, "init.mp4", MASKED):
        for place in (len(members) - 1, len(members)):
            stray = [*members[:place], (name, dict(members)[name]), *members[place:]]
            yield Mutation(f"{name} once more at {place}", pack(stray), name, every)


def of_another(_: random.Random) -> Iterator[Mutation]:
    """Statements, and fragments, of another recording by the same camera."""
    other = made_with_sound(identity="20261124T153000Z-000009-00000009")
    copied = redacted.__wrapped__(ORDER, other)
    theirs, members = dict(copied.members), redacted().members
    for name, content in members:
        if content != theirs[name]:
            changed = altered(members, name, lambda _, name=name: theirs[name])
            yield Mutation(f"another copy's {name}", pack(changed), "", tuple(FindingKind))
    for field, value in (
        ("id", other.header.id),
        ("header", "0" * 64),
        ("final", "f" * 64),
        ("verdict", "authentic"),
    ):
        original = replace(redacted().said.original, **{field: value})
        named = "header.jws" if field == "header" else LIST
        yield Mutation(
            f"original.{field}",
            listed(members, original=original),
            named,
            (FindingKind.CONTRADICTION,),
        )


def lists(chance: random.Random) -> Iterator[Mutation]:
    """The list says something else, and is signed by the office."""
    said, members = redacted().said, redacted().members
    unmasked, contradicts = (FindingKind.UNMASKED,), (FindingKind.CONTRADICTION,)
    mask = said.masks[0]
    # Onto a bright bar, or off the one that is masked: on black, nothing would show.
    for across, down in chance.sample(
        [(x, y) for x in range(-48, -28) for y in range(0, 31, 6)]
        + [(x, y) for x in range(-2, 10) for y in range(20, 31)],
        80,
    ):
        boxes = tuple((at, x + across, y + down, w, h) for at, x, y, w, h in mask.boxes)
        moved = listed(members, masks=(replace(mask, boxes=boxes),))
        yield Mutation(f"the mask moved by {across}, {down}", moved, MASKED, unmasked)
    for early in range(1, 6):
        boxes = ((time_of(20 - early), 62, 10, 14, 20), *mask.boxes)
        data = listed(members, masks=(replace(mask, boxes=boxes),), masked=said.masked + early)
        yield Mutation(f"the mask begins {early} pictures early", data, MASKED, unmasked)
    boxes = (mask.boxes[0], (time_of(33), *mask.boxes[1][1:]))
    data = listed(members, masks=(replace(mask, boxes=boxes),), masked=14)
    yield Mutation("the mask goes on into what is unchanged", data, SEALED, unmasked)
    yield Mutation("no mask", listed(members, masks=(), masked=0), "init.mp4", unmasked)
    for what, first in (
        ("beyond the picture", (*mask.boxes[0][:3], 900, 20)),
        ("outside of the picture", (mask.boxes[0][0], 900, 900, 20, 20)),
        ("with times that do not rise", (mask.boxes[1][0], *mask.boxes[0][1:])),
        ("of no size", (*mask.boxes[0][:3], 0, 20)),
        ("twice at a time", (mask.boxes[1][0], *mask.boxes[0][1:])),
        ("of no size before the film", (1, 0, 0, 0, 0)),
    ):
        data = listed(members, masks=(replace(mask, boxes=(first, mask.boxes[1])),))
        yield Mutation(f"a mask {what}", data, LIST, (FindingKind.FORGED,))
    beyond = tuple(replace(said.changed[0], sequence=100 + number) for number in range(20_000))
    data = listed(members, changed=(*said.changed, *beyond))
    yield Mutation("20,000 fragments beyond the end", data, LIST, contradicts)
    many = listed(members, masks=(mask,) * 2_001)
    yield Mutation("2,001 masks", many, LIST, (FindingKind.FORGED,))
    for count in (0, said.masked - 1, said.masked + 1, said.pictures):
        yield Mutation(f"masked {count}", listed(members, masked=count), LIST, contradicts)
    for count in (1, said.pictures - 1, said.pictures + 1):
        forged = (FindingKind.CONTRADICTION, FindingKind.FORGED)
        yield Mutation(f"pictures {count}", listed(members, pictures=count), LIST, forged)
    for index, one in enumerate(said.changed):
        less = (*said.changed[:index], *said.changed[index + 1 :])
        name = f"{one.sequence:06d}.m4s"
        data = listed(members, changed=less)
        yield Mutation(f"the list without {name}", data, name, (FindingKind.EXTRA,))
    for number in (0, 2, 4):
        more = replace(said.changed[0], sequence=number)
        changed = tuple(sorted((*said.changed, more), key=lambda one: one.sequence))
        name = f"{number:06d}.m4s"
        data = listed(members, changed=changed)
        yield Mutation(f"the list with {name}", data, name, (FindingKind.MISSING,))
    begins = said.mutes[0].from_us
    for later in range(1, 12):
        mutes = (MutedRange(begins - later * 50_000, begins), *said.mutes)
        data = listed(members, mutes=mutes)
        yield Mutation(f"muted {later * 50} ms earlier", data, "", unmasked)
    yield Mutation("no mute", listed(members, mutes=()), MUTED, unmasked)
    for what, more in (
        ("a mute that ends before it begins", {"mutes": (MutedRange(9, 5), *said.mutes)}),
        ("a fragment listed twice", {"changed": (said.changed[0], *said.changed)}),
    ):
        yield Mutation(what, listed(members, **more), LIST, (FindingKind.FORGED,))
    shorter = (MutedRange(begins + 60_000, said.mutes[0].to_us),)
    yield Mutation("a shorter mute", listed(members, mutes=shorter), MUTED, unmasked, True)
    unknown = (FindingKind.UNKNOWN_KEY,)
    yield Mutation("signed by a stranger", listed(members, STRANGER), LIST, unknown)
    for field in ("original", "sequence"):
        changed = tuple(
            replace(one, **{field: "0" * 64 if field == "original" else one.sequence + 40})
            for one in said.changed
        )
        named = MASKED if field == "original" else LIST
        kinds = unmasked if field == "original" else contradicts
        data = listed(members, changed=changed)
        yield Mutation(f"changed[].{field}", data, named, kinds, field == "original")


def keys(chance: random.Random) -> Iterator[Mutation]:
    """Keys that are another fragment's, missing, or more than are needed; the list names them."""
    members, replaced = redacted().members, {1, 3}
    there = read_keys(dict(members)[KEY_LIST])
    assert not replaced & there.keys()

    def kept(changed: dict[int | None, bytes]) -> bytes:
        content = write_keys(sorted(changed.items(), key=lambda one: (one[0] or -1, one[0] == 0)))
        held = altered(members, KEY_LIST, lambda _: content)
        return listed(held, keys=content_of(content))

    names = {None: "init.mp4.age"} | {n: f"{n:06d}.m4s.age" for n in range(9)}
    unopened = (FindingKind.UNOPENED,)
    for one in there:
        left = {n: key for n, key in there.items() if n != one}
        yield Mutation(f"no key for {names[one]}", kept(left), names[one], unopened)
        noise = there | {one: chance.randbytes(16)}
        yield Mutation(f"noise as key for {names[one]}", kept(noise), names[one], unopened)
        for other in there:
            if other != one:
                swapped = there | {one: there[other], other: there[one]}
                what = f"keys of {one} and {other} swapped"
                yield Mutation(what, kept(swapped), names[one], unopened)
    for number in (1, 3, 7):
        more = kept(there | {number: chance.randbytes(16)})
        yield Mutation(f"a key for {names[number]}", more, KEY_LIST, (FindingKind.EXTRA,))
    other_way = write_keys(reversed(there.items()))
    held = altered(members, KEY_LIST, lambda _: other_way)
    data = listed(held, keys=content_of(other_way))
    yield Mutation("keys in another order", data, KEY_LIST, (FindingKind.FORGED,))
    loose = altered(members, KEY_LIST, lambda old: old + b"\n")
    yield Mutation("a newline behind the keys", pack(loose), KEY_LIST, (FindingKind.FORGED,))


def films(chance: random.Random) -> Iterator[Mutation]:
    """Replaced fragments of a dishonest office, which the list names."""
    copy = redacted()
    members, original = copy.members, copy.original
    unmasked = (FindingKind.UNMASKED,)
    lifted = dict(painted(None, rectangles=False).members)
    yield Mutation("the mask lifted", refilled(members, MASKED, lifted[MASKED]), MASKED, unmasked)
    coloured = dict(painted(in_colour).members)[MASKED]
    yield Mutation("colour in a mask", refilled(members, MASKED, coloured), MASKED, unmasked)
    for _ in range(40):
        x, y = chance.randrange(0, 48), chance.randrange(0, 48)
        wide, more = chance.choice((16, 24, 32)), chance.choice((60, 100, 140))

        def paint(plane: Any, x: int = x, y: int = y, wide: int = wide, more: int = more) -> None:
            part = plane[y : y + 16, x : x + wide]
            part[:] = 16 + (part.astype(int) + more) % 220

        changed = dict(painted(paint).members)[MASKED]
        yield Mutation(
            f"{wide} pixels changed at {x}, {y}",
            refilled(members, MASKED, changed),
            MASKED,
            unmasked,
            compared=True,
        )
    honest = picture_codec.PictureEncoder.encode

    def with_sets(self: Any, *picture: Any, key: bool) -> bytes:
        other = flipped(self.sequence_set, 5)
        return len(other).to_bytes(4, "big") + other + honest(self, *picture, key=key)

    with patch("camerad.evidence.redaction.copy_writer.PictureEncoder.encode", with_sets):
        more = dict(redacted.__wrapped__(ORDER, None).members)[MASKED]
    data = refilled(members, MASKED, more)
    yield Mutation("pictures with other parameter sets", data, MASKED, unmasked)
    fragment = dict(members)[MASKED]
    at = fragment.index(read_configuration(dict(members)["init.mp4"]).sequence_sets[-1]) - 4
    for what, size in (("no length", 0), ("no end", (1 << 32) - 1)):
        shown = fragment[:at] + size.to_bytes(4, "big") + fragment[at + 4 :]
        data = refilled(members, MASKED, shown)
        yield Mutation(f"a unit of {what}", data, MASKED, unmasked)
    for count in (1, 64):
        data = refilled(members, MASKED, crowded(count))
        yield Mutation(f"{count} runs of 65,536 empty pictures", data, MASKED, unmasked)
    clear = original.plain
    for what, slipped in (
        ("a box behind", fragment + box(b"free", clear[2])),
        ("a box before", box(b"free", clear[2]) + fragment),
        ("a second mdat", fragment + box(b"mdat", clear[2])),
        ("room in the mdat", with_room(fragment, 600)),
        ("a box that describes nothing", with_room(fragment, 0, box(b"free", bytes(600)))),
    ):
        data = refilled(members, MASKED, slipped)
        yield Mutation(f"{what} of {MASKED}", data, MASKED, unmasked)
    yield Mutation("the mute lifted", refilled(members, MUTED, clear[4]), MUTED, unmasked)
    yield Mutation("the mask's original", refilled(members, MASKED, clear[2]), MASKED, unmasked)
    for name, others in ((MASKED, (1, 3, 4, 5)), (MUTED, (1, 2, 3, 5))):
        for other in others:
            data = refilled(members, name, clear[other])
            yield Mutation(f"fragment {other - 1} as {name}", data, name, unmasked)
    for number in (0, 2, 4):
        name, sealed_name = f"{number:06d}.m4s", f"{number:06d}.m4s.age"
        shown = [
            (name, clear[number + 1]) if one == sealed_name else (one, data)
            for one, data in members
        ]
        extra = replace(
            copy.said.changed[0],
            sequence=number,
            original=jws.digest(clear[number + 1]),
            content=content_of(clear[number + 1]),
        )
        changed = tuple(sorted((*copy.said.changed, extra), key=lambda one: one.sequence))
        data = listed(shown, changed=changed)
        yield Mutation(f"{name} replaced without need", data, name, unmasked)
    for name in (MASKED, MUTED):
        number = int(name.partition(".")[0])
        slipped = (f"{name}.age", original.content(f"{name}.age"))
        index = [one for one, _ in members].index(name)
        for place in (index, index + 1):
            data = pack([*members[:place], slipped, *members[place:]])
            yield Mutation(f"{name}.age slipped in at {place}", data, "", (FindingKind.EXTRA,))
        instead = [slipped if one == name else (one, data) for one, data in members]
        kinds = (FindingKind.EXTRA, FindingKind.MISSING)
        yield Mutation(f"{name}.age instead of {name}", pack(instead), "", kinds)
    again = altered(members, SEALED, lambda _: sealed(clear[3]))
    yield Mutation("sealed anew", pack(again), SEALED, (FindingKind.CHANGED,))
    init = dict(members)["init.mp4"]
    sets = read_configuration(init)
    bare = sets._replace(sequence_sets=(), picture_sets=())
    more = sets._replace(sequence_sets=(*sets.sequence_sets, sets.sequence_sets[1]))
    hidden = sets._replace(tail=sets.tail + b"hidden")
    for what, other in (
        ("the camera's", clear[0]),
        ("longer", init + b"\0\0\0\x08free"),
        ("without parameter sets", with_configuration(init, bare)),
        ("with a third set", with_configuration(init, more)),
        ("with more behind the sets", with_configuration(init, hidden)),
    ):
        held = altered(members, "init.mp4", lambda _, other=other: other)
        data = listed(held, init=content_of(other))
        yield Mutation(f"init.mp4 is {what}", data, "init.mp4", unmasked)


FAMILIES: dict[str, Family] = {
    one.__name__: one for one in (flips, dropped, of_another, lists, keys, films)
}
