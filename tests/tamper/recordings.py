"""Changes of a recording's file that are possible without the device's key.

Each family yields mutations from a seeded generator, each with the members that a check has to
name. A mutation is bytes; nothing here knows how they are checked.
"""

from __future__ import annotations

import base64
import itertools
import json
import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from sealed_helpers import (
    KEY,
    Made,
    Members,
    altered,
    flipped,
    made,
    pack,
    sealed,
    signed,
    some_closing,
    without,
)
from sound_helpers import made_with_sound

from camerad.container import ustar
from camerad.container.chain import commit_name, fragment_name
from camerad.container.keys import SigningKey, decode_base64url, encode_base64url
from camerad.container.statements import FragmentFacts

ATTACKER = SigningKey.generate()


@dataclass(frozen=True)
class Mutation:
    """A changed file. what: for the message of a test. named: members of which a check has to name
    at least one. spoiled: fragments that must not be called proven; whole: whether every other one
    must be."""

    what: str
    data: bytes
    named: tuple[str, ...]
    spoiled: tuple[int, ...] = ()
    whole: bool = False


Family = Callable[[Made, Made, random.Random], Iterator[Mutation]]


def recordings() -> list[Made]:
    """The files that are tampered with; the last one is never the first."""
    return [
        made(marks=(700_000,)),
        made(
            "IPPPPPPPPP....PPPPPP" + " " * 70 + "IPPPPPPPPPPPPPPPPPPP",
            identity="20261124T153000Z-000002-00000002",
            first=100,
        ),
        made(identity="20261124T153000Z-000003-00000003", torn=b"torn" * 333, first=7),
        made_with_sound(identity="20261124T153000Z-000004-00000004"),
    ]


def places(members: Members) -> Iterator[tuple[str, str, int, int]]:
    """Every region of the file: member, what of it, from, to."""
    offset = 0
    for name, data in members:
        yield name, "archive header", offset, offset + ustar.BLOCK
        offset += ustar.BLOCK
        yield name, "content", offset, offset + len(data)
        offset += len(data)
        padding = -len(data) % ustar.BLOCK
        if padding:
            yield name, "padding", offset, offset + padding
        offset += padding
    yield members[-1][0], "archive end", offset, offset + len(ustar.END)


def _number(name: str) -> int | None:
    found = re.match(r"(\d{6,})\.", name)
    return int(found[1]) if found else None


def _at(data: bytes, place: int) -> str:
    """Nothing but a short way to write an offset into a message."""
    return f"{place} of {len(data)}"


def flips(it: Made, _: Made, chance: random.Random) -> Iterator[Mutation]:
    """One bit, in every region of every member."""
    data = it.file
    for name, region, start, end in places(it.members):
        for _ in range(3):
            place = chance.randrange(start, end)
            number = _number(name)
            spoiled = (number,) if region == "content" and number is not None else ()
            yield Mutation(
                f"a bit at {_at(data, place)}: the {region} of {name}",
                flipped(data, place, chance.randrange(8)),
                (name,),
                spoiled,
                whole=region == "content" and name.endswith(".m4s.age"),
            )


def overwritten(it: Made, _: Made, chance: random.Random) -> Iterator[Mutation]:
    """A range of bytes becomes zeros or noise."""
    data = it.file
    regions = list(places(it.members))
    for filling in ("zeros", "noise"):
        for name, region, start, end in chance.sample(regions, 12):
            length = min(end - start, chance.choice((1, 16, 64)))
            place = chance.randrange(start, end - length + 1)
            new = bytes(length) if filling == "zeros" else chance.randbytes(length)
            changed = data[:place] + new + data[place + length :]
            if changed != data:
                what = f"{length} {filling} at {_at(data, place)}: the {region} of {name}"
                yield Mutation(what, changed, (name,))


def dropped(it: Made, _: Made, chance: random.Random) -> Iterator[Mutation]:
    """Members are left out: each one, each fragment with its commit, runs of them."""
    count = len(it.facts)
    for name, _data in it.members:
        number = _number(name)
        spoiled = () if number is None else (number,)
        yield Mutation(f"without {name}", pack(without(it.members, name)), (name,), spoiled)
    for first, last in itertools.combinations_with_replacement(range(count), 2):
        names = [n for k in range(first, last + 1) for n in (fragment_name(k), commit_name(k))]
        yield Mutation(
            f"without fragments {first} to {last}",
            pack(without(it.members, *names)),
            tuple(names),
            tuple(range(first, last + 1)),
        )
    names = [name for name, _ in it.members]
    for size in range(2, len(names)):
        chosen = chance.sample(names, size)
        yield Mutation(f"without {chosen}", pack(without(it.members, *chosen)), tuple(chosen))


def doubled(it: Made, _: Made, chance: random.Random) -> Iterator[Mutation]:
    """A member is there twice, next to itself or anywhere."""
    for index, (name, data) in enumerate(it.members):
        anywhere = chance.randrange(len(it.members) + 1)
        for place in {index, anywhere}:
            members = [*it.members[:place], (name, data), *it.members[place:]]
            yield Mutation(f"{name} once more at {place}", pack(members), (name,))


def reordered(it: Made, _: Made, chance: random.Random) -> Iterator[Mutation]:
    """Two members change places, neighbours or not; or all of them are shuffled."""
    pairs = [(index, index + 1) for index in range(len(it.members) - 1)]
    pairs += [tuple(sorted(chance.sample(range(len(it.members)), 2))) for _ in range(25)]
    for one, other in pairs:
        members = list(it.members)
        members[one], members[other] = members[other], members[one]
        names = (members[one][0], members[other][0])
        yield Mutation(f"exchanged: {names}", pack(members), names)
    for number in range(len(it.facts) - 1):
        place = [name for name, _ in it.members].index(fragment_name(number))
        members = list(it.members)
        members[place : place + 4] = [*members[place + 2 : place + 4], *members[place : place + 2]]
        names = tuple(n for k in (number, number + 1) for n in (fragment_name(k), commit_name(k)))
        yield Mutation(f"fragments {number} and {number + 1} exchanged", pack(members), names)
    for _ in range(5):
        members = chance.sample(it.members, len(it.members))
        if members != it.members:
            yield Mutation("shuffled", pack(members), tuple(name for name, _ in members))


def exchanged(it: Made, other: Made, chance: random.Random) -> Iterator[Mutation]:
    """Members of another recording, by the same device, in the place of this one's or between."""
    theirs = dict(other.members)
    for name, _data in it.members:
        if name in theirs:
            number = _number(name)
            yield Mutation(
                f"another recording's {name}",
                pack(altered(it.members, name, lambda _, name=name: theirs[name])),
                ("header.jws", "000000.jws") if name == "header.jws" else (name,),
                () if number is None else (number,),
            )
    for number in range(min(len(it.facts), len(other.facts))):
        pair = (fragment_name(number), commit_name(number))
        members = [(name, theirs[name] if name in pair else data) for name, data in it.members]
        named = (*pair, "header.jws") if number == 0 else pair
        yield Mutation(f"another recording's {pair}", pack(members), named, (number,))
        place = chance.randrange(2, len(it.members))
        inserted = [(name, theirs[name]) for name in pair]
        members = [*it.members[:place], *inserted, *it.members[place:]]
        yield Mutation(f"another recording's {pair} inserted at {place}", pack(members), pair)
    tail = [one for one in other.members if (_number(one[0]) or 0) >= 2]
    head = [one for one in it.members if (_number(one[0]) or 0) < 2 and one[0] != "end.jws"]
    yield Mutation(
        "another recording's second half",
        pack([*head, *[one for one in tail if one[0] not in dict(head)], other.members[-1]]),
        (commit_name(2), "end.jws"),
        tuple(range(2, len(it.facts))),
    )


def truncated(it: Made, _: Made, chance: random.Random) -> Iterator[Mutation]:
    """Cut at every member's boundary, with and without an archive's end, and anywhere."""
    data = it.file
    regions = list(places(it.members))
    for name, region, start, _end in regions:
        if region == "archive header":
            for end, what in (
                (b"", "cut"),
                (ustar.END, "cut and closed"),
                (bytes(8192), "in room"),
            ):
                lost = (name, "end.jws")
                yield Mutation(f"{what} before {name}", data[:start] + end, lost)
    for _ in range(20):
        place = chance.randrange(1, len(data))
        name = next(name for name, _, start, end in regions if start <= place < end)
        yield Mutation(f"cut at {_at(data, place)}", data[:place], (name, "end.jws"))


def inserted(it: Made, _: Made, chance: random.Random) -> Iterator[Mutation]:
    """Bytes are put in or taken out anywhere, whole blocks or not."""
    data = it.file
    regions = list(places(it.members))
    for size in (1, 7, 511, 512, 1024, 5000):
        for _ in range(2):
            place = chance.randrange(0, len(data) - size)
            name = next(name for name, _, start, end in regions if start <= place < end)
            after = _following(it.members, name)
            more = data[:place] + chance.randbytes(size) + data[place:]
            yield Mutation(f"{size} bytes more at {_at(data, place)}", more, (name, *after))
            less = data[:place] + data[place + size :]
            if less != data:
                yield Mutation(f"{size} bytes less at {_at(data, place)}", less, (name, *after))
    for extra in (b"\0", bytes(512), b"x", b"\n", bytes(65536), chance.randbytes(4096)):
        yield Mutation(f"{len(extra)} bytes behind the end", data + extra, ("end.jws",))


def _following(members: Members, name: str) -> tuple[str, ...]:
    names = [one for one, _ in members]
    index = names.index(name)
    return tuple(names[index + 1 : index + 20])


def resigned(it: Made, _: Made, chance: random.Random) -> Iterator[Mutation]:
    """Statements signed by somebody else, one by one or all of them; the footage may be theirs."""
    for name, data in it.members:
        if name.endswith(".jws"):
            number = _number(name)
            yield Mutation(
                f"{name} signed by another key",
                pack(altered(it.members, name, lambda old: _resign(old, ATTACKER))),
                (name,),
                () if number is None else (number,),
            )
            yield Mutation(
                f"{name} signed by another key that calls itself the device's",
                pack(altered(it.members, name, lambda old: _resign(old, ATTACKER, keep_kid=True))),
                (name,),
                () if number is None else (number,),
            )
            del data
    everything = tuple(range(len(it.facts)))
    theirs = _forged(it, it.facts, ATTACKER)
    named = ("header.jws", "000000.jws", "end.jws")
    yield Mutation("all signed by another key", pack(theirs), named, everything)
    jwk = json.dumps(ATTACKER.public.jwk).encode()
    for name in ("device.jwk", "key.pem", "keys.json"):
        brought = jwk if name != "key.pem" else ATTACKER.public.pem.encode()
        for place in (0, 1, len(theirs) - 1, len(theirs)):
            members = [*theirs[:place], (name, brought), *theirs[place:]]
            what = f"all signed by a key that the file brings as {name} at {place}"
            yield Mutation(what, pack(members), (*named, name), everything)
    for name in ("header.jws", "000001.jws", "end.jws"):
        change = lambda old: _with_header(  # noqa: E731 - one line says it
            old, ATTACKER, {"jwk": ATTACKER.public.jwk}
        )
        yield Mutation(f"{name} brings its key", pack(altered(it.members, name, change)), (name,))
    changed = chance.randrange(len(it.facts))
    segments = [sealed(data) for data in it.plain]
    segments[changed + 1] = sealed(it.plain[1 + (changed + 1) % len(it.facts)])
    name = fragment_name(changed)
    yield Mutation(
        f"{name} sealed anew to the same office",
        pack(altered(it.members, name, lambda _: segments[changed + 1])),
        (name,),
        (changed,),
        whole=True,
    )


def ends(it: Made, other: Made, _: random.Random) -> Iterator[Mutation]:
    """Ends that close a shortened recording, or another one."""
    for count in range(len(it.facts)):
        frames = sum(one.frames for one in it.facts[:count])
        last_us = it.facts[count - 1].end_us if count else it.header.origin_us
        members = it.members[: 2 + 2 * count] if count else it.members[:1]
        for key, what in ((ATTACKER, "another key"), (None, "the old end")):
            end = (
                it.members[-1][1]
                if key is None
                else _forged(it, it.facts[:count], key, some_closing(frames, last_us))[-1][1]
            )
            yield Mutation(
                f"closed after {count} fragments by {what}",
                pack([*members, ("end.jws", end)]),
                ("end.jws",),
                tuple(range(count, len(it.facts))),
            )
    members = [*it.members[:-1], other.members[-1]]
    yield Mutation("another recording's end", pack(members), ("end.jws",))
    commit = it.content(commit_name(len(it.facts) - 1))
    yield Mutation(
        "a commit as the end", pack([*it.members[:-1], ("end.jws", commit)]), ("end.jws",)
    )


def spellings(it: Made, _: Made, chance: random.Random) -> Iterator[Mutation]:
    """The same statement in another spelling that lenient readers take for the same."""
    for name, data in it.members:
        if not name.endswith(".jws"):
            continue
        for what, change in SPELLINGS.items():
            changed = change(data, chance)
            if changed != data:
                number = _number(name)
                yield Mutation(
                    f"{name}: {what}",
                    pack(altered(it.members, name, lambda _, changed=changed: changed)),
                    (name,),
                    () if number is None else (number,),
                )


def foreign(it: Made, _: Made, chance: random.Random) -> Iterator[Mutation]:
    """Members that do not belong into a recording, under all sorts of names."""
    names = (
        "readme.txt",
        "header.jwt",
        "0000000.jws",
        "00000.jws",
        "000001.m4s",
        "000001.mp4.age",
        "init.mp4",
        "torn.bin.age",
        "999999.m4s.age",
        "999999.jws",
        "end.jws.bak",
    )
    for name in names:
        for place in chance.sample(range(len(it.members) + 1), 2):
            content = chance.choice((b"", b"x", it.members[2][1], it.members[3][1]))
            members = [*it.members[:place], (name, content), *it.members[place:]]
            yield Mutation(f"{name} at {place}", pack(members), (name, "end.jws"))
    for index, (name, data) in enumerate(it.members):
        other = chance.choice([one for one, _ in it.members if one != name])
        members = list(it.members)
        members[index] = (other, data)
        yield Mutation(f"{name} renamed to {other}", pack(members), (name, other))


def foreign_headers(it: Made, _: Made, chance: random.Random) -> Iterator[Mutation]:
    """Members as only other programs write them, in front of any member; they cost no second."""
    kinds = ((b"x", "PaxHeaders/x"), (b"g", "pax_global_header"), (b"L", "././@LongLink"))
    more = ((b"0", "README"), (b"5", "directory/"), (b"x", "end.jws"), (b"0", "a\nb"))
    for kind, name in (*kinds, *more):
        for member, region, start, _end in places(it.members):
            if region != "archive header" or chance.random() < 0.5:
                continue
            content = b"" if kind == b"5" else chance.randbytes(chance.randrange(1, 1500))
            extra = _foreign_header(name, len(content), kind) + content
            extra += bytes(-len(content) % ustar.BLOCK)
            shown = name.replace("\n", r"\x0a")
            yield Mutation(
                f"{shown} of type {kind!r} before {member}",
                it.file[:start] + extra + it.file[start:],
                (shown,),
                whole=True,
            )


def _foreign_header(name: str, size: int, kind: bytes) -> bytes:
    block = bytearray(ustar.header("x1", size))
    block[:100] = name.encode().ljust(100, b"\0")
    block[156:157] = kind
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def out_of_bounds(it: Made, _: Made, __: random.Random) -> Iterator[Mutation]:
    """The device's own signature under what cannot be: nobody has to be ready for it."""
    for name, data in it.members:
        number = _number(name)
        if not name.endswith(".jws") or (number or 0) > 1:
            continue
        for what, change in IMPOSSIBLE.items():
            header, payload = (decode_base64url(part) for part in _parts(data)[:2])
            new = change(payload)
            if new == payload:
                continue
            token = _token(header, new, KEY)
            yield Mutation(
                f"{name}: {what}",
                pack(altered(it.members, name, lambda _, token=token: token)),
                (name,),
                () if number is None else (number,),
            )


FAMILIES: dict[str, Family] = {
    "members of other programs are put in": foreign_headers,
    "the device signs what cannot be": out_of_bounds,
    "a bit is flipped": flips,
    "bytes are overwritten": overwritten,
    "members are dropped": dropped,
    "members are doubled": doubled,
    "members are reordered": reordered,
    "members are exchanged between recordings": exchanged,
    "the file is truncated": truncated,
    "bytes are inserted or removed": inserted,
    "statements are signed by another key": resigned,
    "the end is forged": ends,
    "a statement is spelt differently": spellings,
    "members are added or renamed": foreign,
}


# -- statements -----------------------------------------------------------------------------------


def _parts(token: bytes) -> list[bytes]:
    return token.split(b".")


def _token(header: bytes, payload: bytes, key: SigningKey) -> bytes:
    signed_part = f"{encode_base64url(header)}.{encode_base64url(payload)}".encode()
    return signed_part + b"." + encode_base64url(key.sign(signed_part)).encode()


def _resign(token: bytes, key: SigningKey, *, keep_kid: bool = False) -> bytes:
    header, payload = (decode_base64url(part) for part in _parts(token)[:2])
    if not keep_kid:
        header = header.replace(KEY.public.thumbprint.encode(), key.public.thumbprint.encode())
    return _token(header, payload, key)


def _with_header(token: bytes, key: SigningKey, more: dict[str, object]) -> bytes:
    header, payload = (decode_base64url(part) for part in _parts(token)[:2])
    changed = json.dumps(json.loads(header) | more, separators=(",", ":"), sort_keys=True)
    return _token(changed.encode(), payload, key)


def _forged(
    it: Made, facts: Sequence[FragmentFacts], key: SigningKey, closing: object = None
) -> Members:
    segments = [data for name, data in it.members if name.endswith(".age")][: 1 + len(facts)]
    frames = sum(one.frames for one in facts)
    ended = closing or some_closing(frames, it.header.origin_us + it.end_us)
    return signed(it.header, segments, facts, ended, key=key)  # type: ignore[arg-type]


def _payload(change: Callable[[bytes], bytes]) -> Callable[[bytes, random.Random], bytes]:
    """Another payload, and signed by the device even so: the spelling itself is refused."""

    def changed(token: bytes, _: random.Random) -> bytes:
        header, payload = (decode_base64url(part) for part in _parts(token)[:2])
        return _token(header, change(payload), KEY)

    return changed


def _header(more: dict[str, object]) -> Callable[[bytes, random.Random], bytes]:
    return lambda token, _: _with_header(token, KEY, more)


def _stray_bits(token: bytes, _: random.Random) -> bytes:
    """Two characters that stand for the same bytes: the last one's low bits belong to none."""
    alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    last = alphabet.index(token[-1])
    changed = token[:-1] + alphabet[last ^ 1 : (last ^ 1) + 1]
    as_bytes = [base64.urlsafe_b64decode(_parts(one)[2] + b"==") for one in (token, changed)]
    assert as_bytes[0] == as_bytes[1]
    return changed


def _other_alphabet(token: bytes, _: random.Random) -> bytes:
    return token.replace(b"-", b"+").replace(b"_", b"/")


def _anywhere(what: bytes) -> Callable[[bytes, random.Random], bytes]:
    def changed(token: bytes, chance: random.Random) -> bytes:
        place = chance.randrange(1, len(token))
        return token[:place] + what + token[place:]

    return changed


def _floats(payload: bytes) -> bytes:
    return re.sub(rb":(\d+)([,}])", rb":\1.0\2", payload, count=1)


SPELLINGS: dict[str, Callable[[bytes, random.Random], bytes]] = {
    "padded": lambda token, _: token + b"==",
    "every part padded": lambda token, _: b".".join(
        part + b"=" * (-len(part) % 4) for part in _parts(token)
    ),
    "plain base64": _other_alphabet,
    "stray bits": _stray_bits,
    "a newline behind it": lambda token, _: token + b"\n",
    "a space within": _anywhere(b" "),
    "a newline within": _anywhere(b"\r\n"),
    "a zero behind it": lambda token, _: token + b"\0",
    "no signature": lambda token, _: token[: token.rindex(b".") + 1],
    "a fourth part": lambda token, _: token + b".e30",
    "a doubled key": _payload(lambda old: b"{" + old[1 : old.index(b",") + 1] + old[1:]),
    "a doubled key behind": _payload(lambda old: old[:-1] + b',"format":1}'),
    "a space in the payload": _payload(lambda old: old.replace(b",", b", ", 1)),
    "a newline behind the payload": _payload(lambda old: old + b"\n"),
    "unsorted": _payload(
        lambda old: json.dumps(
            dict(reversed(json.loads(old).items())), separators=(",", ":")
        ).encode()
    ),
    "a float": _payload(_floats),
    "an escape": _payload(lambda old: re.sub(rb'"([a-z])', _escaped, old, count=1)),
    "a mark of byte order": _payload(lambda old: b"\xef\xbb\xbf" + old),
    "one field more": _payload(lambda old: old[:-1] + b',"zzz":0}'),
    "not UTF-8": _payload(lambda old: old.replace(b'"', b'"\xff', 1)),
    "alg none": _header({"alg": "none"}),
    "alg HS256": _header({"alg": "HS256"}),
    "alg Ed25519": _header({"alg": "Ed25519"}),
    "crit": _header({"crit": ["exp"]}),
    "another type": _header({"typ": "camerad-other+json"}),
    "its own key": _header({"jwk": KEY.public.jwk}),
}


def _number_of(field: str, value: int) -> Callable[[bytes], bytes]:
    """Every number of that name becomes another one."""
    pattern = rb'("%b":)-?\d+' % field.encode()
    return lambda old: re.sub(pattern, rb"\g<1>%d" % value, old)


IMPOSSIBLE: dict[str, Callable[[bytes], bytes]] = {
    "a date beyond all calendars": _number_of("wall_us", 10**30),
    "a start beyond all calendars": _number_of("started_wall_us", 10**30),
    "an origin before time": _number_of("origin_us", -(10**400)),
    "to be kept for no day": _number_of("retention_days", 0),
    "to be kept for ever": _number_of("retention_days", 10**30),
    "fewer pictures than none": _number_of("frames", -10),
    "an end after all ends": _number_of("end_us", 10**18),
    "an end of footage after all ends": _number_of("at_us", 10**18),
    "an id that is a path": lambda old: old.replace(b'"id":"2', b'"id":"../2'),
    "a device of two lines": lambda old: old.replace(b'"cam-1"', rb'"cam\n1"'),
    "a reason of two lines": lambda old: old.replace(b'"stop"', rb'"stop\n"'),
}
"""Payloads in their one spelling that say what cannot be."""


def _escaped(found: re.Match[bytes]) -> bytes:
    return b'"\\u%04x' % ord(found[1])
