"""One field of a recording's statements is given another value, and signed again: whatever it is,
the stranger's script and camerad come to the same verdict."""

from __future__ import annotations

import copy
import hashlib
import json
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from sealed_helpers import KEY, KEYS, pack
from sound_helpers import made_with_sound

from camerad.evidence.keys import decode_base64url, encode_base64url
from camerad.evidence.verify import verify

SCRIPT: Final = Path(__file__).with_name("verify.sh")
NAME: Final = "20261124T153000Z-000001-00000001.tar"
BASE: Final = made_with_sound()
SEED, CHANGES = 20261124, 16
"""Each takes the script a third of a second; by hand, more: python test_differential.py SEED N"""
SECOND: Final = 1_000_000
ORIGIN: Final = BASE.header.origin_us
GAP: Final = {"frames": None, "from_us": ORIGIN + SECOND, "reason": "x", "to_us": ORIGIN}
STATE: Final = {"at_us": ORIGIN, "state": "muted", "why": None}
RATE: Final = {"at_us": ORIGIN, "from_fps": BASE.header.fps, "reason": "heat", "to_fps": 15}
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


def payload(token: bytes) -> Any:
    return json.loads(decode_base64url(token.decode().split(".")[1]))


def sign(kind: str, content: Any) -> bytes:
    """Signed again, whatever it says."""
    header = f'{{"alg":"EdDSA","kid":"{KEY.public.thumbprint}","typ":"{kind}+json"}}'
    said = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    signed = f"{encode_base64url(header.encode())}.{encode_base64url(said.encode())}"
    return f"{signed}.{encode_base64url(KEY.sign(signed.encode()))}".encode()


def with_value(member: str, path: tuple[Any, ...], value: object) -> bytes:
    """The recording in which one field has another value, and all that follows is linked to it."""
    members, previous = [], ""
    for name, data in BASE.members:
        if name.endswith(".jws"):
            content = copy.deepcopy(payload(data))
            if "previous" in content:
                content["previous"] = previous
            if name == member:
                place: Any = content
                for step in path[:-1]:
                    place = place[step]
                place[path[-1]] = value
            kind = {"header.jws": "header", "end.jws": "end"}.get(name, "commit")
            token = sign(f"camerad-{kind}", content)
            previous = hashlib.sha256(token).hexdigest()
            members.append((name, token))
        else:
            members.append((name, data))
    return pack(members)


def fields(content: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Every field at any depth."""
    if at:
        yield at, content
    if isinstance(content, dict):
        inner = list(content.items())
    else:
        inner = list(enumerate(content)) if isinstance(content, list) else []
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


def changes(seed: int, count: int) -> Iterator[tuple[str, tuple[Any, ...], Any]]:
    """What is changed, and into what."""
    chance = random.Random(seed)
    every = [
        (name, path, value)
        for name, data in BASE.members
        if name.endswith(".jws")
        for path, value in fields(payload(data))
        if path != ("previous",)
    ]
    for _ in range(count):
        name, path, value = chance.choice(every)
        yield name, path, other(value, chance)


def verdicts(directory: Path, data: bytes) -> tuple[int, int, str]:
    """What the script and what camerad say, and the script's words."""
    path, key = directory / NAME, directory / "device.pem"
    path.write_bytes(data)
    key.write_text(KEY.public.pem)
    command = ["sh", str(SCRIPT), str(path), str(key)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, int(verify(str(path), KEYS).verdict), done.stdout + done.stderr


@pytest.mark.skipif(
    any(shutil.which(tool) is None for tool in ("openssl", "jq")),
    reason="openssl or jq is not installed",
)
def test_whatever_a_signed_field_says_both_come_to_the_same_verdict(tmp_path: Path) -> None:
    seen = set()
    for name, path, value in changes(SEED, CHANGES):
        theirs, ours, said = verdicts(tmp_path, with_value(name, path, value))
        assert theirs == ours, f"{name} {path} = {value!r}: {said}"
        seen.add(ours)
    assert seen == {1, 2}  # 1: this recording has a gap


RATES: Final = {
    "one": [RATE],
    "two": [RATE, {**RATE, "from_fps": 15, "reason": "cooled", "to_fps": BASE.header.fps}],
}

WRONG: Final = {
    "a rate that was another": ("000001.jws", ("facts", "rates"), [{**RATE, "from_fps": 1}]),
    "rates that do not follow": ("000001.jws", ("facts", "rates"), [RATE, RATE]),
    "no rate, and said so": ("000001.jws", ("facts", "rates"), []),
    "a rate of nothing": ("000001.jws", ("facts", "rates"), [{**RATE, "to_fps": 0}]),
    "a rate with more": ("end.jws", ("closing", "rates"), [{**RATE, "more": 1}]),
    "a rate too late": ("end.jws", ("closing", "rates"), [{**RATE, "at_us": 2**52}]),
    "an end's rate that was another": ("end.jws", ("closing", "rates"), [{**RATE, "from_fps": 1}]),
    "a text for a number": ("000001.jws", ("facts", "sequence"), "1"),
    "a number for a text": ("header.jws", ("software",), 3),
    "another source of time": ("000004.jws", ("facts", "clock", "source"), "muted"),
    "a stage of other fields": ("000000.jws", ("facts", "stages"), [GAP]),
    "a gap with more": ("000002.jws", ("facts", "sound", "gaps", 0, "more"), 1),
    "a state with less": ("000002.jws", ("facts", "sound", "states"), [{"at_us": ORIGIN}]),
    "a fraction": ("000000.jws", ("facts", "clock", "wall_us"), 1.0),
    "an end's gap backwards": ("end.jws", ("closing", "gaps"), [GAP]),
    "an end too late": ("end.jws", ("closing", "at_us"), ORIGIN + 200 * SECOND),
    "a trigger too late": ("header.jws", ("trigger_us",), ORIGIN + 500 * SECOND),
}


@pytest.mark.skipif(
    any(shutil.which(tool) is None for tool in ("openssl", "jq")),
    reason="openssl or jq is not installed",
)
@pytest.mark.parametrize(("name", "path", "value"), WRONG.values(), ids=WRONG)
def test_what_the_format_does_not_know_is_not_authentic_for_either(
    tmp_path: Path, name: str, path: tuple[Any, ...], value: Any
) -> None:
    theirs, ours, said = verdicts(tmp_path, with_value(name, path, value))
    assert (theirs, ours) == (2, 2), said


@pytest.mark.skipif(
    any(shutil.which(tool) is None for tool in ("openssl", "jq")),
    reason="openssl or jq is not installed",
)
@pytest.mark.parametrize("rates", RATES.values(), ids=RATES)
@pytest.mark.parametrize("place", [("000001.jws", "facts"), ("end.jws", "closing")])
def test_fewer_pictures_per_second_are_no_damage_to_either(
    tmp_path: Path, rates: list[dict[str, Any]], place: tuple[str, str]
) -> None:
    member, facts = place
    theirs, ours, said = verdicts(tmp_path, with_value(member, (facts, "rates"), rates))
    assert (theirs, ours) == (1, 1), said  # 1: this recording has a gap
    assert f"{rates[-1]['to_fps']} pictures per second: {rates[-1]['reason']}" in said


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as scratch:
        for number, change in enumerate(changes(int(sys.argv[1]), int(sys.argv[2]))):
            found = verdicts(Path(scratch), with_value(*change))
            if found[0] != found[1]:
                sys.stdout.write(f"{number} {change}: {found}\n")
