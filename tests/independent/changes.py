"""What the differential tests change: recordings of every sort, and what may be done to them.

A change is bytes, and what a check of them is told from elsewhere. Nothing here knows how they are
checked.
"""

from __future__ import annotations

import copy
import functools
import hashlib
import itertools
import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from msgspec.structs import replace
from sealed_helpers import (
    KEY,
    ORIGIN_US,
    Members,
    a_header,
    at,
    flipped,
    pack,
    signed,
    some_closing,
    without,
)
from sound_helpers import MICROPHONE, made_with_sound

from camerad.container.chain import TORN_NAME
from camerad.container.keys import decode_base64url, encode_base64url
from camerad.container.statements import RECOVERED, Closing, Header, SoundEnd
from tests.tamper.recordings import FAMILIES, recordings

SECOND: Final = 1_000_000
MOST: Final = 2**53 - 1
ORIGIN: Final = ORIGIN_US
OTHER: Final = "20261124T153000Z-000001-00000009"
RANGES: Final = """0-1F 7F-A0 AD 600-605 61C 6DD 70F 890-891 8E2 1680 180E 2000-200F
2028-202F 205F-206F 3000 D800-F8FF FDD0-FDEF FEFF FFF0-FFFB 110BD 110CD 13430-1343F
1BCA0-1BCA3 1D173-1D17A E0000-E00FF"""
SIZE_AT: Final = 124
"""The byte of a member's header at which its size begins (docs/evidence-format.md, 3.1)."""
GAP: Final = {"frames": None, "from_us": ORIGIN + SECOND, "reason": "x", "to_us": ORIGIN}
STATE: Final = {"at_us": ORIGIN, "state": "muted", "why": None}
STAGE: Final = {"at_us": ORIGIN + 200 * SECOND, "display": True, "stage": "idle"}
NUMBERS: Final = (
    0,
    1,
    -1,
    366,
    367,
    2**53 - 1,
    2**53,
    *(ORIGIN + s * SECOND for s in (-61, 0, 200)),
)
NEAR: Final = (-61 * SECOND, -SECOND, -5001, -1, 1, 4000, 5001, SECOND, 2 * SECOND, 61 * SECOND)
TEXTS: Final = ("", "x", "muted", "a" * 201, "a\nb", "\u202e", "\u00a0", "\x7f", "é", "rtc", 3)
LISTS: Final[tuple[Any, ...]] = (
    *([], None, [ORIGIN], [ORIGIN + 200 * SECOND], [0], [GAP], [STATE], [STAGE]),
    *([{**GAP, "to_us": None}], [{**GAP, "to_us": ORIGIN + 200 * SECOND}], [{**STATE, "more": 1}]),
)


@dataclass(frozen=True)
class Change:
    """A file, and what whoever checks it knows. hole: bytes of NUL behind it that take no room."""

    what: str
    data: bytes
    final: str | None = None
    begun: bool = False
    runs: bool = False
    hole: int = 0
    name: str = "20261124T153000Z-000001-00000001.tar"


def payload(token: bytes) -> Any:
    """What a statement says."""
    return json.loads(decode_base64url(token.decode().split(".")[1]))


def sign(kind: str, content: Any) -> bytes:
    """Signed by the right key, whatever it says."""
    header = f'{{"alg":"EdDSA","kid":"{KEY.public.thumbprint}","typ":"{kind}+json"}}'
    said = content
    if not isinstance(said, bytes):
        said = json.dumps(
            content, sort_keys=True, separators=(",", ":"), ensure_ascii=False
        ).encode("utf-8", "surrogatepass")
    signed_part = f"{encode_base64url(header.encode())}.{encode_base64url(said)}"
    return f"{signed_part}.{encode_base64url(KEY.sign(signed_part.encode()))}".encode()


def kind_of(name: str) -> str:
    """KIND of a member."""
    return "camerad-" + {"header.jws": "header", "end.jws": "end"}.get(name, "commit")


def signed_again(members: Members, change: Callable[[str, Any], Any]) -> Members:
    """The statements say otherwise, and all that follows is linked to them."""
    result, previous = [], ""
    for name, data in members:
        token = data
        if name.endswith(".jws"):
            content = copy.deepcopy(payload(data))
            if "previous" in content:
                content["previous"] = previous
            token = sign(kind_of(name), change(name, content))
            previous = hashlib.sha256(token).hexdigest()
        result.append((name, token))
    return result


def with_value(members: Members, member: str, path: Sequence[Any], value: object) -> Members:
    """One field says otherwise."""

    def change(name: str, content: Any) -> Any:
        if name == member:
            place = content
            for step in path[:-1]:
                place = place[step]
            place[path[-1]] = value
        return content

    return signed_again(members, change)


def fields(content: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Every field at any depth."""
    if at:
        yield at, content
    inner = (
        content.items()
        if isinstance(content, dict)
        else enumerate(content)
        if isinstance(content, list)
        else ()
    )
    for name, value in inner:
        yield from fields(value, (*at, name))


def other(value: Any, chance: random.Random) -> Any:
    """Another value for a field, mostly of its own type."""
    if isinstance(value, bool):
        return chance.choice([not value, int(value), None])
    if isinstance(value, int):
        near = [value + step for step in NEAR]
        return chance.choice([*NUMBERS, *near, *near, None, 1.5, float(value), str(value)])
    if isinstance(value, str):
        return chance.choice([*TEXTS, value + "x", value.upper(), None])
    if isinstance(value, list):
        return chance.choice([*LISTS, [*value, *value]])
    if isinstance(value, dict):
        left = dict(list(value.items())[1:])
        return chance.choice([left, value | {"more": 1}, None, {}, []])
    return chance.choice([0, 1, "x", ORIGIN, {}, [], SECOND // 2])


def _empty(header: Header, closing: Closing, torn: bytes | None = None) -> Members:
    """Closed before there was any footage."""
    return without(signed(header, [b""], [], closing, torn=torn), "init.mp4.age")


@functools.cache
def bases() -> dict[str, Members]:
    """Recordings of every sort."""
    plain, gaps, torn, sound = recordings()
    header = a_header()
    closing = some_closing(0, header.trigger_us)
    recovered = replace(closing, boot_id="another", clock=at(5), reason=RECOVERED)
    loud = a_header(sound=True, microphone=MICROPHONE)
    whole = made_with_sound(lambda _, facts: replace(facts, sound=replace(facts.sound, gaps=())))
    return {
        "plain": plain.members,
        "with gaps": gaps.members,
        "recovered": torn.members,
        "with sound": sound.members,
        "with sound and no gap": whole.members,
        "empty": _empty(header, closing),
        "empty with sound": _empty(loud, replace(closing, sound=SoundEnd(0, (), ()))),
        "empty, in another boot": _empty(header, recovered),
        "empty, recovered": _empty(header, recovered, b"torn" * 128),
        "without the sound that was wanted": _empty(a_header(microphone=MICROPHONE), closing),
    }


def name_of(members: Members) -> str:
    """The file's name."""
    return f"{payload(members[0][1])['id']}.tar"


def tampered(chance: random.Random) -> Iterator[Change]:
    """Everything that somebody without the key does in the tamper campaign."""
    originals = recordings()
    for family, mutations in FAMILIES.items():
        for index, it in enumerate(originals):
            for one in mutations(it, originals[index - 1], chance):
                yield Change(f"{family}: {one.what}", one.data, name=f"{it.header.id}.tar")


def said(chance: random.Random, count: int) -> Iterator[Change]:
    """One field says otherwise, signed by the right key: so many of each recording."""
    for what, members in bases().items():
        statements = [(name, payload(data)) for name, data in members if name.endswith(".jws")]
        every = [(name, *one) for name, says in statements for one in fields(says)]
        every = [one for one in every if one[1] != ("previous",)]
        for _ in range(count):
            member, path, value = chance.choice(every)
            new = other(value, chance)
            data = pack(with_value(members, member, path, new))
            yield Change(f"{what}: {member} {path} = {new!r}", data, name=name_of(members))


def numbers(some: int) -> Iterator[Change]:
    """Numbers of some recordings, and both sides of every bound of the page: every `some`-th."""
    count = itertools.count()
    steps = (1, 5000, 5001, *(n * SECOND + one for n in (1, 2, 60, 61) for one in (0, 1)))
    for what in ("plain", "with sound and no gap", "recovered", "empty", "empty, recovered"):
        members = bases()[what]
        for member, data in members:
            if not member.endswith(".jws") or member[:6] in ("000002", "000003"):
                continue
            for path, value in fields(payload(data)):
                if type(value) is not int:
                    continue
                near = {value + sign * step for step in steps for sign in (-1, 1)}
                for new in sorted(near | {0, 1, -1, 366, 367, MOST, MOST + 1, -MOST, -MOST - 1}):
                    if next(count) % some:
                        continue
                    changed = pack(with_value(members, member, path, new))
                    yield Change(f"{what}: {member} {path} = {new}", changed, name=name_of(members))


def texts() -> Iterator[Change]:
    """Both sides of every range of code points that no text has; lengths, and forms."""
    members = bases()["empty"]
    points = {int(end, 16) for ends in RANGES.split() for end in ends.split("-")}
    points |= {plane << 16 | last for plane in range(17) for last in (0xFFFD, 0xFFFE, 0xFFFF)}
    near = {point + step for point in points for step in (-1, 0, 1)}
    many = [f"a{chr(point)}b" for point in sorted(near) if 0 <= point <= 0x10FFFF]
    many += ["", "a" * 200, "a" * 201, "\U0001f600" * 200, "\U0001f600" * 201, '"\\/', " "]
    stem = "20261124T153000Z-"
    forms = [f"{stem}{n}-{h}" for n in ("00001", "9" * 18, "9" * 19) for h in ("0000000a", "A")]
    for where in (("device",), ("wearer",), ("continues",), ("id",), ("recipients", 0)):
        for text in many if where == ("device",) else [*many[-7:], *forms]:
            data = pack(with_value(members, "header.jws", where, text))
            yield Change(f"{where} = {text!a}", data, name=name_of(members))


def wrapped(chance: random.Random) -> Iterator[Change]:
    """Names, known ends, files that were wiped, holes behind the end, headers of an archive."""
    for what, members in bases().items():
        data, end, name = (
            pack(members),
            hashlib.sha256(members[-1][1]).hexdigest(),
            name_of(members),
        )
        for other_name in ("x.tar", f"{name[:-4]} (1).tar", f"a{name}", f"{OTHER}.tar"):
            yield Change(f"{what} as {other_name}", data, name=other_name)
        yield Change(f"{what}, its end known", data, final=end, name=name)
        yield Change(f"{what}, another end known", data, final="0" * 64, name=name)
        wiped = [b"", bytes(512), bytes(5000), chance.randbytes(4000), data[:512], data[:700]]
        wiped += [data[:100], data[1:], data[512:], data[600:], data[2048:], b"x" * 7 + data]
        wiped += [bytes(512) + data, data[-1024:]]
        for index, left in enumerate(wiped):
            yield Change(f"{what}, wiped {index}", left, name=name)
            yield Change(f"{what}, wiped {index}, begun", left, begun=True, name=name)
            yield Change(f"{what}, wiped {index}, end known", left, final=end, name=name)
        for hole in (1, 512, 1024, 65_536, 10**8):
            yield Change(f"{what}, {hole} zeros more", data, hole=hole, name=name)
            yield Change(f"{what}, open, {hole}", pack(members[:-1], b""), hole=hole, name=name)
    header = pack(bases()["empty"][:1], b"")
    for place in range(512):
        damaged = flipped(header, place, chance.randrange(8))
        for room in (b"", bytes(4096)):
            yield Change(f"a header alone, {place} flipped, {len(room)}", damaged + room)
    for size in (0, 1, 511, 512, 700):
        kept = (TORN_NAME, b"x" * size)
        describes = {"bytes": size, "sha256": hashlib.sha256(kept[1]).hexdigest()}
        for what in ("plain", "empty"):
            members = with_value(bases()[what], "end.jws", ("torn",), describes)
            for place in (0, 1, len(members) - 1, len(members)):
                changed = [*members[:place], kept, *members[place:]]
                yield Change(f"{what}, {size} bytes kept at {place}", pack(changed))


def running(chance: random.Random) -> Iterator[Change]:
    """A recorder has locked the file, and the ledger agrees, whatever is behind the last commit."""
    for what, members in bases().items():
        data, name = pack(members), name_of(members)
        room = bytes(4096)
        cuts = [chance.randrange(1, len(data)) for _ in range(40)]
        for cut in [*cuts, *range(512, min(len(data), 6000), 512)]:
            for behind in (b"", room):
                changed = data[:cut] + behind
                yield Change(f"{what} cut at {cut}, {len(behind)}", changed, runs=True, name=name)
        for noise in (chance.randbytes(10), chance.randbytes(5000), bytes(2048) + b"x"):
            changed = pack(members[:-1], noise + room)
            yield Change(f"{what}, {len(noise)} of noise", changed, runs=True, name=name)
        for place, own in enumerate(members):
            for extra in (("foo", b"x"), own, (TORN_NAME, b"abc"), members[0]):
                changed = pack([*members[:place], extra, *members[place:-1]], room)
                yield Change(f"{what}, {extra[0]} at {place}", changed, runs=True, name=name)
        for _ in range(30):
            open_file = pack(members[:-1], room)
            place = chance.randrange(len(open_file))
            changed = flipped(open_file, place, chance.randrange(8))
            yield Change(f"{what}, {place} flipped", changed, runs=True, name=name)
        for place in range(len(members) - 1):
            # The archive's header of each member says, in its first digit, far too much.
            header = len(pack(members[:place], b""))
            changed = flipped(pack(members[:-1], room), header + SIZE_AT, 2)
            yield Change(f"{what}, size of {members[place][0]}", changed, runs=True, name=name)
        yield Change(f"{what}, whole", data, runs=True, name=name)
