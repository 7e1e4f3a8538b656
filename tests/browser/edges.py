"""Recordings at the edges: as long, deep, large or much as may be, and times on both sides of every
bound of docs/evidence-format.md, section 3 and 4. Each is signed by the right key."""

from __future__ import annotations

import functools
import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from sealed_helpers import (
    ORIGIN_US,
    Members,
    a_header,
    altered,
    flipped,
    pack,
    signed,
    some_closing,
    some_facts,
)

from camerad.container import jws
from camerad.container.chain import commit_name, fragment_name
from camerad.container.limits import MOST_EVENTS
from tests.independent.changes import (
    MOST,
    SECOND,
    Change,
    bases,
    payload,
    signed_again,
    with_value,
)

HALF_US: Final = 500_000
_Values = Mapping[tuple[Any, ...], Any]


def edge(what: str, data: bytes) -> Change:
    """A case whose file has a name that says nothing."""
    return Change(what, data, name="x.tar")


def data_from(members: Members, name: str) -> bytes:
    """The archive from a member on."""
    names = [one for one, _ in members]
    return pack(members[names.index(name) :])


def recording(sizes: Sequence[int]) -> bytes:
    """A recording with sealed members of these sizes, the segment first."""
    chance = random.Random("recording")
    facts = [
        some_facts(
            number,
            ORIGIN_US + number * HALF_US,
            ORIGIN_US + number * HALF_US + 466_666,
            ORIGIN_US + (number + 1) * HALF_US,
            15,
        )
        for number in range(len(sizes) - 1)
    ]
    closing = some_closing(15 * len(facts), facts[-1].end_us)
    return pack(signed(a_header(), [chance.randbytes(size) for size in sizes], facts, closing))


@functools.cache
def large() -> bytes:
    """A recording that is read in several pieces, and has a fragment longer than one of them."""
    return recording([1000, 3 << 20, 700, (5 << 20) + 7, 2 << 20, 100])


def many_commits(count: int) -> bytes:
    """A recording of so many small fragments."""
    return recording([100] * (count + 1))


def unusual() -> Iterator[Change]:
    """What no family of changes has: much of it, deep, long or large."""
    sound = bases()["with sound and no gap"]
    plain = bases()["plain"]
    units = ("facts", "sound", "units")
    yield edge("a sum beyond 2^53", pack(with_value(sound, "000003.jws", units, MOST)))
    frames = with_value(plain, "000003.jws", ("facts", "frames"), MOST)
    yield edge("pictures beyond 2^53", pack(frames))
    for number in (10**18 - 1, 10**18, 2**53 + 1):
        for name in (fragment_name(number), commit_name(number)):
            yield edge(f"{name} too many", pack([*plain[:-1], (name, plain[3][1]), plain[-1]]))
    for size in (1 << 20, (1 << 20) + 1):
        long = altered(plain, "000001.jws", lambda _, size=size: b"x" * size)
        yield edge(f"a statement of {size} bytes", pack(long))
    many = [(f"a{number}.b", b"") for number in range(1_100)]
    yield edge("more findings than are kept", pack([*plain[:2], *many, *plain[2:]]))
    marks = with_value(plain, "000003.jws", ("facts", "marks"), [0] * 150_000)
    yield edge("more marks than fit into one call", pack(marks))
    for over in (0, 1):
        yield edge(f"events over the most, {over}", naming(plain, MOST_EVENTS + over))
    deep: list[Any] = []
    for _ in range(400):
        deep = [deep]
    more = signed_again(plain, lambda name, said: {**said, "zzz": deep})
    yield edge("a field that is nested deeply", pack(more))
    deeper = b',"zzz":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    most = signed_again(plain, lambda name, said: jws.canonical(said)[:-1] + deeper)
    yield edge("a field that is nested too deeply", pack(most))
    yield edge("large", large())
    for place in (9 << 20, len(large()) - 600):
        yield edge(f"large, {place} flipped", flipped(large(), place))
    # The next header begins at the end of what a search for it looks at first.
    rest = data_from(plain, "000002.m4s.age")
    for room in (7_679, 7_680, 7_681, 8_000, 8_191, 8_192):
        head = pack(plain[:4], b"") + b"\xff" * (512 + room)
        yield edge(f"{room} bytes before the next header", head + rest)
    yield edge("large, taken out in the middle", large()[: 4 << 20] + large()[5 << 20 :])


def naming(members: Members, events: int) -> bytes:
    """A recording whose statements name so many gaps, marks and changes together."""
    said = [payload(data) for name, data in members if name.endswith(".jws")]
    facts = [one.get("facts") or one.get("closing") or {} for one in said]
    others = sum(len(value) for one in facts for value in one.values() if isinstance(value, list))
    marks = [[0] * (events // 2), [0] * (events - events // 2 - others)]
    commits = {f"commit{at}": {("facts", "marks"): one} for at, one in enumerate(marks, start=1)}
    return saying(members, **commits)


def saying(members: Members, **said: _Values) -> bytes:
    """Several fields say otherwise. said: by the kind of the member and its number, `commit1`."""
    wanted = {
        {"header": "header.jws", "end": "end.jws"}.get(what, f"00000{what[-1]}.jws"): values
        for what, values in said.items()
    }

    def change(name: str, content: Any) -> Any:
        for path, value in wanted.get(name, {}).items():
            place = content
            for step in path[:-1]:
                place = place[step]
            place[path[-1]] = value
        return content

    return pack(signed_again(members, change))


def bounds() -> Iterator[Change]:
    """Times beside every bound."""
    plain, sound = bases()["plain"], bases()["with sound and no gap"]
    told = {name: payload(data) for name, data in plain if name.endswith(".jws")}
    loud = {name: payload(data) for name, data in sound if name.endswith(".jws")}
    header, end = told["header.jws"], told["end.jws"]["closing"]
    facts = [told[name]["facts"] for name in sorted(told) if name[0] == "0"]
    heard = [loud[name]["facts"] for name in sorted(loud) if name[0] == "0"]
    last = facts[-1]
    boot, wall = ("facts", "clock", "boot_us"), ("facts", "clock", "wall_us")
    closed_boot, closed_wall = ("closing", "clock", "boot_us"), ("closing", "clock", "wall_us")
    at_us = ("closing", "at_us")
    for more in (0, 1):
        back = facts[0]["clock"]["boot_us"] - facts[1]["clock"]["boot_us"] - 2 * SECOND - more
        moved = {boot: facts[1]["clock"]["boot_us"] + back}
        moved[wall] = facts[1]["clock"]["wall_us"] + back
        yield edge(f"a clock behind, {more}", saying(plain, commit1=moved))
        for step in (2 * SECOND + more, -2 * SECOND - more):
            stepped = {wall: facts[1]["clock"]["wall_us"] + step}
            yield edge(f"a wall clock off by {step}", saying(plain, commit1=stepped))
            stepped[("facts", "clock_step_us")] = step
            yield edge(f"a step of {step}", saying(plain, commit1=stepped))
        late = end["at_us"] + 600 * SECOND + more - end["clock"]["boot_us"]
        closing = {closed_boot: end["clock"]["boot_us"] + late}
        closing[closed_wall] = end["clock"]["wall_us"] + late
        yield edge(f"an end that is late, {more}", saying(plain, end=closing))
        early = {at_us: last["last_us"] - 2 * SECOND - more}
        yield edge(f"wanted until before, {more}", saying(plain, end=early))
        known = max(last["end_us"], end["clock"]["boot_us"], header["trigger_us"])
        yield edge(
            f"wanted until after, {more}", saying(plain, end={at_us: known + 60 * SECOND + more})
        )
        for hole in (SECOND, 2 * SECOND):
            until = {at_us: last["end_us"] + hole + more}
            gap = {"frames": None, "from_us": None, "reason": "x", "to_us": last["end_us"] + SECOND}
            yield edge(f"a hole of {hole}, {more}", saying(plain, end=until))
            until[("closing", "gaps")] = [gap]
            yield edge(f"a hole of {hole}, partly stated, {more}", saying(plain, end=until))
        signed_us = {boot: facts[1]["last_us"] - 60 * SECOND - more}
        yield edge(f"pictures from after, {more}", saying(plain, commit1=signed_us))
        latest = max(facts[1]["end_us"], facts[1]["clock"]["boot_us"]) + 60 * SECOND + more
        earliest = min(header["origin_us"], header["trigger_us"]) - 60 * SECOND - more
        for mark in (latest, earliest):
            yield edge(f"a mark at {mark}", saying(plain, commit1={("facts", "marks"): [mark]}))
        for origin in (10, -10):
            pressed = header["origin_us"] + origin * SECOND
            both = {("trigger_us",): pressed}
            marked = {("facts", "marks"): [min(pressed, header["origin_us"]) - 60 * SECOND - more]}
            yield edge(f"pressed at {origin}, {more}", saying(plain, header=both, commit1=marked))
        stage = {"at_us": latest, "display": True, "stage": "idle"}
        yield edge(f"a stage, {more}", saying(plain, commit1={("facts", "stages"): [stage]}))
        rate = {"at_us": latest, "from_fps": header["fps"], "reason": "heat", "to_fps": 5 + more}
        cooled = {**rate, "from_fps": 5, "to_fps": 9}
        rates = {("facts", "rates"): [rate, cooled]}
        yield edge(f"rates, {more}", saying(plain, commit1=rates))
        gap = {"frames": 1, "from_us": latest - 1, "reason": "x", "to_us": latest}
        yield edge(f"a gap, {more}", saying(plain, commit1={("facts", "gaps"): [gap]}))
        backward = {**gap, "from_us": ORIGIN_US + more, "to_us": ORIGIN_US}
        yield edge(f"a gap back, {more}", saying(plain, commit1={("facts", "gaps"): [backward]}))
        lasting = {("facts", "end_us"): last["last_us"] + 2 * SECOND + more}
        yield edge(
            f"a picture that lasts, {more}", saying(plain, **{f"commit{len(facts) - 1}": lasting})
        )
        begun = {("facts", "first_us"): facts[0]["last_us"] + more}
        yield edge(f"a fragment that begins, {more}", saying(plain, commit1=begun))
        pressed = last["end_us"] + 60 * SECOND + more
        yield edge(f"a late press, {more}", saying(plain, header={("trigger_us",): pressed}))
        first = {("facts", "sound", "first_us"): heard[0]["sound"]["end_us"] - 5_000 - more}
        yield edge(f"sound over sound, {more}", saying(sound, commit1=first))
        lasts_us = heard[1]["sound"]["units"] * 1024 * SECOND // 48_000
        short = {
            ("facts", "sound", "end_us"): heard[1]["sound"]["first_us"] + lasts_us - 5_000 - more
        }
        yield edge(f"more sound than time, {more}", saying(sound, commit1=short))
        silent = {("facts", "sound", "first_us"): heard[0]["sound"]["end_us"] + SECOND + more}
        silent[("facts", "sound", "end_us")] = heard[0]["sound"]["end_us"] + 3 * SECOND
        for state in ("on", "muted"):
            change = {"at_us": heard[0]["sound"]["end_us"] - 1, "state": state, "why": None}
            silent[("facts", "sound", "states")] = [change]
            yield edge(f"a silence, {state}, {more}", saying(sound, commit1=silent))
        yield edge(f"format {1 + more}", saying(plain, header={("format",): 1 + more}))
    torn = (*plain[:-1], ("torn.bin", b"x" * 512), plain[-1])
    kept = {"bytes": 512, "sha256": "0" * 64}
    yield edge("torn, and wrongly described", saying(torn, end={("torn",): kept}))
    recovered = bases()["recovered"]
    yield edge("torn, and not recovered", saying(recovered, end={("closing", "reason"): "stop"}))
