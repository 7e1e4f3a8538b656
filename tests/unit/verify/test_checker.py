"""Findings of the judge, fed with members and nothing else.

A recording of three seconds has six fragments of half a second. In the tables f2 is the fragment
000002.m4s.age, c2 its commit 000002.jws, and the other members are header, init, torn and end.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from evidence_helpers import FPS
from msgspec import UNSET
from msgspec.structs import replace
from script_helpers import verified_by_script
from sealed_helpers import (
    KEY,
    KEYS,
    ORIGIN_US,
    Members,
    a_header,
    altered,
    at,
    flipped,
    made,
    pack,
    sealed,
    signed,
    some_closing,
    some_facts,
    without,
)

from camerad.base.clock import SECOND, ClockSource, Moment
from camerad.container import jws, ustar
from camerad.container.chain import END_NAME, HEADER_NAME, INIT_NAME, TORN_NAME
from camerad.container.gaps import FRAMES_LOST, STOPPED_SHORT, Gap
from camerad.container.keys import KeyRing, SigningKey
from camerad.container.limits import MOST_EVENTS
from camerad.container.reader import MemberSeen, Tail, TailKind
from camerad.container.severity import Severity
from camerad.container.statements import (
    COMMIT,
    END,
    HEADER,
    RECOVERED,
    Closing,
    FragmentFacts,
    RateChange,
    StageChange,
    Tally,
)
from camerad.verify.checker import Checker
from camerad.verify.findings import MOST, Finding, FindingKind, Findings, Result

WHOLE = Tail(TailKind.ZEROS, 0, len(ustar.END))
TORN = Tail(TailKind.TORN, 4096, 700)
OTHER = SigningKey.generate()
HALF_US = SECOND // 2
LATER_US = 1 << 50
TEN_HOURS = 10 * 3600
SHORT = {HEADER_NAME: "header", INIT_NAME: "init", TORN_NAME: "torn", END_NAME: "end"}
LONG = {short: name for name, short in SHORT.items()}

Change = Callable[[int, FragmentFacts], FragmentFacts]


def short(name: str) -> str:
    """A member's name in the tables."""
    found = re.fullmatch(r"000([0-9]{3})\.(m4s\.age|jws)", name)
    if found is None:
        return SHORT.get(name, name)
    return f"{'c' if found[2] == 'jws' else 'f'}{int(found[1])}"


def long(name: str) -> str:
    """The name in the archive."""
    ending = {"f": "m4s.age", "c": "jws"}[name[0]] if name[1:].isdecimal() else ""
    return f"{int(name[1:]):06d}.{ending}" if ending else LONG[name]


def check(
    members: Members, keys: KeyRing = KEYS, tail: Tail = WHOLE, *, running: bool = False
) -> Result:
    """Judge members as a reader of the archive hands them over."""
    checker = Checker(keys)
    for name, data in members:
        token = data if name.endswith(".jws") else None
        checker.member(MemberSeen(name, len(data), hashlib.sha256(data).hexdigest(), 0, token))
    return checker.finish(tail, running=running)


def closed(closing: Closing | None, change: Change = lambda _, facts: facts) -> Members:
    """A recording of three seconds with this end. There is no footage in its fragments: the judge
    does not look into them."""
    fragments = [f"fragment {number}".encode() for number in range(6)]
    facts = [change(number, a_fact(number)) for number in range(6)]
    return signed(a_header(), [b"init", *fragments], facts, closing)


def bare(change: Change = lambda _, facts: facts) -> Members:
    return closed(some_closing(90, ORIGIN_US + 3 * SECOND), change)


def short_one(closing: Closing, **header: object) -> Members:
    """A recording of one fragment."""
    return signed(a_header(**header), [b"init", b"x"], [a_fact(0)], closing)


def blank(**changes: object) -> Members:
    """A recording without any fragment."""
    closing = replace(some_closing(0, ORIGIN_US), **changes)  # type: ignore[arg-type]
    return signed(a_header(), [b"init"], [], closing)


def a_fact(number: int) -> FragmentFacts:
    begin_us = ORIGIN_US + number * HALF_US
    return some_facts(number, begin_us, begin_us + 466_667, begin_us + HALF_US, 15)


def at_fragment(number: int, **changes: object) -> Change:
    """A change of one fragment's facts."""
    return lambda n, f: replace(f, **changes) if n == number else f  # type: ignore[arg-type]


def damage(result: Result) -> str:
    """The damage: kind, first and last member."""
    found = [one for one in result.findings if one.severity is Severity.DAMAGE]
    names = ([short(one.first)] + [short(one.last)] * (one.last != one.first) for one in found)
    texts = zip((one.kind for one in found), map("-".join, names), strict=True)
    return "; ".join(f"{kind} {name}".strip() for kind, name in texts)


def seconds(result: Result, signed_only: bool = False) -> list[tuple[float, float]]:
    """What is proven; or signed and linked to nothing."""
    spans = result.signed if signed_only else result.proven
    return [(span.from_us / SECOND, span.to_us / SECOND) for span in spans]


def times(result: Result) -> list[tuple[float | None, float | None]]:
    """The seconds that the findings are about."""
    return [
        tuple(None if us is None else us / SECOND for us in (one.from_us, one.to_us))  # type: ignore[misc]
        for one in result.findings
    ]


BARE = bare()
STRANGER = signed(
    a_header("20261124T153000Z-000002-00000002", origin_us=ORIGIN_US),
    [b"init", *[b"x"] * 6],
    [a_fact(number) for number in range(6)],
    some_closing(90, ORIGIN_US + 3 * SECOND),
)
TO_OTHER_TIME = signed(
    a_header("20261124T153000Z-000002-00000002", origin_us=ORIGIN_US + 77 * SECOND),
    *([b"init"], [], None),
)
KEPT = made(torn=b"kept").members
FORGED = signed(a_header(), [b"init"], [], some_closing(0, ORIGIN_US), key=OTHER)


def lacking(*names: str) -> Members:
    return without(BARE, *map(long, names))


def edited(name: str, change: Callable[[bytes], bytes], members: Members = BARE) -> Members:
    return altered(members, long(name), change)


def inserted(index: int, *members: tuple[str, bytes]) -> Members:
    """BARE with these members at that place: header, init, f0, c0, f1 ..."""
    return [*BARE[:index], *members, *BARE[index:]]


ALL = [(0.0, 3.0)]
BROKEN_AT_2 = "forged c2; unlinked f3-c5", [(0.0, 1.0)], [(1.5, 3.0)]
SEALED_AGAIN = edited("f1", lambda _: sealed(made().plain[2]), made().members)
PROVEN = [
    # members, damage, proven seconds, signed and unlinked seconds
    (BARE, "", ALL, []),
    (without(blank(), INIT_NAME), "", [], []),
    (blank(), "uncommitted init", [], []),
    (edited("f2", lambda data: flipped(data, 3)), "changed f2", [(0, 1), (1.5, 3)], []),
    (edited("c2", lambda data: flipped(data, 300)), *BROKEN_AT_2),
    (lacking("f2", "c2", "f3", "c3"), "missing f2-c3; unlinked f4-c5", [(0, 1)], [(2, 3)]),
    (lacking("f2"), "missing f2", [(0, 1), (1.5, 3)], []),
    (lacking("c2"), "missing c2; uncommitted f2; unlinked f3-c5", [(0, 1)], [(1.5, 3)]),
    (lacking("f4", "c4", "f5", "c5"), "missing f4-c5; unlinked end", [(0, 2)], []),
    (lacking("end"), "unclosed end", ALL, []),
    (lacking("header"), "missing header; unlinked f0-c5", [], ALL),
    ([FORGED[0], *BARE[1:]], "unknown key header; unlinked f0-c5", [], ALL),
    ([TO_OTHER_TIME[0], *BARE[1:]], "unlinked header-c0; unlinked f0-c5", [], ALL),
    ([*BARE[:-1], STRANGER[-1]], "unlinked end", ALL, []),
    ([*BARE[:8], *BARE[6:]], "extra f2-c2", ALL, []),
    # Exchanged fragments; another recording's in between, and in the place of one.
    ([*BARE[:6], *BARE[8:10], *BARE[6:8], *BARE[10:]], "extra f3-c3", ALL, []),
    (inserted(6, *STRANGER[10:12]), "extra f4-c4; unlinked f4-c4", ALL, [(2, 2.5)]),
    ([*BARE[:6], *STRANGER[6:8], *BARE[8:]], "unlinked c2-c3; unlinked f2-c5", [(0, 1)], [(1, 3)]),
    (edited("c2", lambda _: dict(BARE)[long("c3")]), *BROKEN_AT_2),
    # An unsigned commit far ahead takes nothing with it.
    (
        inserted(6, ("999999.m4s.age", b"x"), ("999999.jws", b"x")),
        "forged 999999.jws; extra 999999.m4s.age; missing 999999.jws; uncommitted 999999.m4s.age",
        *(ALL, []),
    ),
    ([*BARE, (long("f6"), b"x")], "extra f6", ALL, []),
    ([BARE[0], *BARE], "extra header", ALL, []),
    (inserted(1, BARE[1]), "extra init", ALL, []),
    ([BARE[0], *BARE[2:4], BARE[1], *BARE[4:]], "missing init; extra init", ALL, []),
    (edited("init", lambda data: data + b"x"), "changed init", ALL, []),
    # What repair kept is protected too, and stands before the end and nowhere else.
    (KEPT, "", ALL, []),
    (edited("torn", lambda _: b"Kept", KEPT), "changed torn", ALL, []),
    (without(KEPT, TORN_NAME), "missing torn", ALL, []),
    (inserted(-1, (TORN_NAME, b"kept")), "foreign torn", ALL, []),
    (inserted(-1, (TORN_NAME, b"a"), (TORN_NAME, b"b")), "extra torn; foreign torn", ALL, []),
    # sealed() makes another file each time, so a second sealing does not pass for the first.
    (SEALED_AGAIN, "changed f1", [(0, 0.5), (1, 3)], []),
]


@pytest.mark.parametrize(("members", "found", "proven", "signed_only"), PROVEN)
def test_each_change_is_found_and_costs_only_the_seconds_that_it_must(
    members: Members,
    found: str,
    proven: list[tuple[float, float]],
    signed_only: list[tuple[float, float]],
) -> None:
    result = check(members)
    assert damage(result) == found
    assert [tuple(round(s, 2) for s in one) for one in seconds(result)] == proven
    assert seconds(result, signed_only=True) == signed_only


def test_the_findings_say_which_seconds_and_what_is_known() -> None:
    for members in (PROVEN[3][0], PROVEN[4][0]):
        assert times(check(members))[0] == (1, 1.5)
    assert times(check(lacking("f2", "c2", "f3", "c3")))[0] == (1, 2)
    text = check(edited("f2", lambda data: data[:-1])).findings.list[0].text
    assert "has 9 bytes, and 10 were signed" in text
    whole = check(made().members)
    assert (whole.frames, whole.commits, whole.kid) == (90, 6, KEY.public.thumbprint)
    assert list(whole.findings) == []
    assert [one.kind for one in check(KEPT).findings] == [FindingKind.TORN, FindingKind.RECOVERED]
    assert not check([*BARE[:-1], STRANGER[-1]]).end_linked
    assert damage(check(lasting(2 * SECOND))) == ""
    moved = [*KEPT[:4], KEPT[-2], *KEPT[4:-2], KEPT[-1]]
    assert "extra torn" in damage(check(moved))
    assert check([FORGED[0], *BARE[1:]]).kid == KEY.public.thumbprint


@pytest.mark.parametrize(
    "name", ["device.jwk", "0000001.jws", "00001.jws", "000001.m4s", "init.mp4", "header.jws.age"]
)
def test_a_member_that_no_recording_has_is_found(name: str) -> None:
    assert f"foreign {name}" in damage(check(inserted(4, (name, b"x"))))


@pytest.mark.parametrize(
    ("members", "tail", "running", "found", "proven"),
    [
        (BARE, Tail(TailKind.ZEROS, 9, 512), False, "archive end", ALL),
        (BARE, Tail(TailKind.TORN, 9, 1024), False, "archive end", ALL),
        (lacking("end", "c5"), TORN, True, "", [(0, 2.5)]),
        (lacking("end", "c5"), TORN, False, "uncommitted f5; lost c5; unclosed end", [(0, 2.5)]),
    ],
)
def test_what_lies_behind_the_last_member_is_judged(
    members: Members, tail: Tail, running: bool, found: str, proven: list[tuple[float, float]]
) -> None:
    result = check(members, tail=tail, running=running)
    assert (damage(result), seconds(result)) == (found, proven)
    assert result.findings.kinds >= ({FindingKind.RUNNING} if running else set())


def test_only_the_recordings_own_trusted_key_counts() -> None:
    result = check(BARE, KeyRing([OTHER.public]))
    assert damage(result) == "unknown key header; unknown key c0-c5; unknown key end"
    assert (seconds(result), result.header) == ([], None)
    both = KeyRing([KEY.public, OTHER.public])
    assert damage(check([*BARE[:-1], FORGED[-1]], both)) == "forged end"


def test_a_statement_of_another_kind_or_a_later_format_or_too_long_is_refused() -> None:
    for name, kind in (("header", COMMIT), ("c0", END), ("end", HEADER)):
        payload = json.loads(jws.parse(dict(BARE)[long(name)]).payload)
        others = jws.sign(KEY, kind, payload)
        assert f"forged {name}" in damage(check(edited(name, lambda _, t=others: t)))
    later = check(signed(a_header(format=2), [b"init"], [], None))
    assert damage(later).startswith("forged header")
    assert "format 2" in later.findings.list[0].text
    checker = Checker(KEYS)
    checker.member(MemberSeen(HEADER_NAME, jws.LONGEST + 1, "", 0, None))
    assert checker.result.findings.list[0].kind is FindingKind.FORGED


EARLY = "begins before the recording's origin"
FRAME = f"pictures per second, where there were {FPS}"
END_OF_3 = some_closing(90, ORIGIN_US + 3 * SECOND)
END_OF_1 = some_closing(15, ORIGIN_US + HALF_US)
OTHER_RATE = RateChange(ORIGIN_US, 20, "heat", 15)
LOST_GAP = Gap("lost", 1, 20, 10)


def lasting(picture_us: int) -> Members:
    """Its last picture lasts so long."""
    end_us = a_fact(5).last_us + picture_us
    return bare(at_fragment(5, end_us=end_us, clock=at(end_us)))


@pytest.mark.parametrize(
    ("members", "name", "text"),
    [
        (bare(at_fragment(2, first_us=LATER_US)), "c2", "gives times that do not rise"),
        (
            bare(at_fragment(2, first_us=a_fact(2).first_us - SECOND)),
            *("c2", "begins before the fragment before it ends"),
        ),
        (bare(at_fragment(0, first_us=ORIGIN_US - 1)), "c0", EARLY),
        *(
            (bare(at_fragment(2, **changes)), "c2", f"says what cannot be: {text}")
            for changes, text in (
                ({"marks": (LATER_US,)}, "a mark from after it"),
                ({"marks": (0,)}, "a mark from before the recording"),
                ({"stages": (StageChange(LATER_US, "ready", False),)}, "a stage from after it"),
                (
                    {"rates": (RateChange(LATER_US, FPS, "heat", 15),)},
                    "a change of the pictures per second from after it",
                ),
                ({"rates": (OTHER_RATE,)}, f"a change from 20 to 15 {FRAME}"),
                (
                    {"rates": (RateChange(ORIGIN_US, FPS, "heat", FPS),)},
                    f"a change from {FPS} to {FPS} {FRAME}",
                ),
                ({"gaps": (LOST_GAP,)}, "a gap that ends before it begins"),
                ({"gaps": (Gap("lost", 1, 10, LATER_US),)}, "a gap from after it"),
                ({"gaps": (Gap("lost", 1, LATER_US, None),)}, "a gap from after it"),
                ({"clock": replace(at(0), boot_us=1)}, "pictures from after its own signature"),
            )
        ),
        (lasting(2 * SECOND + 1), "c5", "says what cannot be: a picture that lasts for seconds"),
        *(
            (short_one(replace(END_OF_1, **changes)), "end", f"says what cannot be: {text}")  # type: ignore[arg-type]
            for changes, text in (
                ({"at_us": LATER_US}, "footage was wanted until after it"),
                ({"marks": (LATER_US,)}, "a mark from after it"),
                ({"gaps": (LOST_GAP,)}, "a gap that ends before it begins"),
            )
        ),
        (
            short_one(END_OF_1, trigger_us=LATER_US),
            *("header", "says what cannot be: a trigger after its last picture"),
        ),
        # A fragment of fifteen pictures has fifteen.
        (short_one(replace(END_OF_1, frames=16)), "end", "counts 16 pictures, and the commits 15"),
    ],
)
def test_signed_statements_that_cannot_be_are_a_contradiction(
    members: Members, name: str, text: str
) -> None:
    result = check(members)
    assert damage(result) == f"contradiction {name}"
    assert next(f.text for f in result.findings if f.severity is Severity.DAMAGE) == text


def test_without_footage_an_end_in_another_boot_is_held_to_the_trigger() -> None:
    """The second 0 that the header names is no footage."""
    header = replace(a_header(), trigger_us=ORIGIN_US - 61 * SECOND)
    closing = replace(some_closing(0, ORIGIN_US), boot_id="another", clock=at(0))
    members = without(signed(header, [b"init"], [], closing), INIT_NAME)
    assert FindingKind.CONTRADICTION in check(members).findings.kinds


def cooling(number: int, facts: FragmentFacts) -> FragmentFacts:
    """Fewer pictures, still fewer, and more again: in one commit, and in a later one."""
    slower = RateChange(ORIGIN_US, FPS, "heat", 20), RateChange(ORIGIN_US, 20, "throttled", 15)
    faster = (RateChange(ORIGIN_US, 15, "cooled", FPS),)
    rates = {1: slower, 4: faster, 5: (RateChange(ORIGIN_US, FPS, "heat", 20),)}
    return replace(facts, rates=rates.get(number, UNSET))


def test_changes_of_the_rate_follow_one_another_as_far_as_they_are_linked() -> None:
    members = bare(cooling)
    result = check(members)
    assert list(result.findings) == []
    assert [(one.from_fps, one.to_fps) for one in result.rates] == [
        *((FPS, 20), (20, 15), (15, FPS), (FPS, 20))
    ]
    for index in (4, 8):  # two commits exchanged
        one, other = members[index : index + 2], members[index + 2 : index + 4]
        exchanged = [*members[:index], *other, *one, *members[index + 4 :]]
        assert [found.text for found in check(exchanged).findings] == ["is not in its place"]
    broken = check(without(members, long("f1"), long("c1"))).findings
    assert broken.damage and not any("pictures per second" in found.text for found in broken)


def test_what_is_not_linked_says_nothing_about_this_recording() -> None:
    """Its gaps, marks and length may be another recording's."""
    gap = Gap(FRAMES_LOST, 3, ORIGIN_US, ORIGIN_US + 5)
    members = bare(at_fragment(2, marks=(ORIGIN_US + 2 * HALF_US,), gaps=(gap,)))
    whole = check(members)
    assert (whole.gaps, len(whole.marks), whole.unlinked_commits) == ([gap], 1, 0)
    cut = check(without(members, long("c1"), long("f1")))
    assert (cut.gaps, cut.marks, cut.end_us) == ([], [], HALF_US)
    assert (cut.commits, cut.unlinked_commits, cut.unlinked_frames) == (5, 4, 60)
    assert (cut.header_linked, cut.strange_header, cut.end_linked) == (True, False, False)
    strange = check([STRANGER[0], *BARE[1:]])
    assert strange.strange_header
    assert (strange.end_us, strange.proven, strange.unlinked_commits) == (0, [], 6)


def media_us(second: float | None) -> int | None:
    return None if second is None else ORIGIN_US + round(second * SECOND)


def stated(*gaps: tuple[float | None, float | None]) -> tuple[Gap, ...]:
    return tuple(Gap(FRAMES_LOST, None, media_us(one), media_us(to)) for one, to in gaps)


def with_hole(*gaps: tuple[float | None, float | None]) -> Members:
    """Without pictures from 1.5 s to 3.5 s."""

    def change(number: int, facts: FragmentFacts) -> FragmentFacts:
        if number < 3:
            return facts
        moved = (one + 2 * SECOND for one in (facts.first_us, facts.last_us, facts.end_us))
        return replace(some_facts(number, *moved, 15), gaps=stated(*gaps) if number == 3 else ())

    return bare(change)


def wanted_until(second: float, *gaps: tuple[float | None, float | None]) -> Members:
    """Its pictures end at three seconds."""
    closing = replace(some_closing(90, ORIGIN_US + round(second * SECOND)), gaps=stated(*gaps))
    return closed(closing)


HOLES = [
    # A second of the hole needs no words.
    (with_hole((1.4, 3.5)), []),
    (with_hole((1.4, 2.5)), []),
    (with_hole((1.4, 2.2), (2.0, 2.6)), []),
    (with_hole((2.5, None)), []),
    (with_hole((None, 2.5)), []),
    (with_hole((1.4, 1.5)), [(1.5, 3.5)]),
    (with_hole((3.5, 3.7)), [(1.5, 3.5)]),
    (with_hole((1.4, 1.9)), [(1.9, 3.5)]),
    (with_hole((2.8, 3.0), (2.3, 2.4)), [(1.5, 2.3), (2.4, 2.8), (3.0, 3.5)]),
    *((wanted_until(second), []) for second in (2.0, 3.0, 4.0)),
    (wanted_until(36_000), [(3, 36_000)]),
    (wanted_until(10, (2.97, 10)), []),
    (wanted_until(10, (2.97, 8)), [(8, 10)]),
    (wanted_until(10, (2.97, 9.5)), []),
]


@pytest.mark.parametrize(("members", "unexplained"), HOLES)
def test_a_gap_explains_what_it_covers_of_a_hole_and_no_more(
    tmp_path: Path, members: Members, unexplained: list[tuple[float, float]]
) -> None:
    found = check(members).findings
    assert {(one.kind, one.severity) for one in found} <= {(FindingKind.UNSTATED, Severity.NOTE)}
    assert times(check(members)) == unexplained
    if members in [one for one, _ in HOLES[:9]]:
        agrees(tmp_path, members, "hole that nothing explains", bool(unexplained))


def agrees(directory: Path, members: Members, words: str, said: bool) -> None:
    """The shell verifier says the same."""
    recording = directory / f"{a_header().id}.tar"
    recording.write_bytes(pack(members))
    code, text = verified_by_script(recording)
    assert (code, words in text) == (1, said), text


def test_a_hole_at_the_end_is_told_where_it_can_be_known() -> None:
    """Also of a recording without any picture; not where commits are missing before the end."""
    assert seconds(check(with_hole((1.4, 3.5)))) == [(0, 1.5), (3.5, 5)]
    never = without(blank(at_us=ORIGIN_US + 5 * SECOND), INIT_NAME)
    assert (times(check(never)), damage(check(never))) == ([(0, 5)], "")
    cut = without(wanted_until(10), long("f5"), long("c5"))
    assert FindingKind.UNSTATED not in check(cut).findings.kinds


def later(moment: Moment, **changes: int) -> Moment:
    """The moment, with so many seconds more."""
    moved = {name: getattr(moment, name) + by * SECOND for name, by in changes.items()}
    return replace(moment, **moved)


def ended(**changes: object) -> Members:
    """boot, wall: so many seconds are added to the end's clock."""
    moved = {f"{one}_us": changes.pop(one) for one in ("boot", "wall") if one in changes}
    clock = later(END_OF_3.clock, **moved)  # type: ignore[arg-type]
    return closed(replace(END_OF_3, clock=clock, **changes))  # type: ignore[arg-type]


TOO_EARLY = "footage was wanted until before the last that is there"
TOO_LATE = "it was written long after footage was wanted no more"
MOVED = "the wall clock moved otherwise than is stated"


@pytest.mark.parametrize(
    ("members", "what"),
    [
        (ended(at_us=END_OF_3.at_us - 3 * SECOND), TOO_EARLY),
        (ended(boot=TEN_HOURS, wall=TEN_HOURS), TOO_LATE),
        (ended(wall=TEN_HOURS), MOVED),
        (ended(clock_step_us=-TEN_HOURS * SECOND), MOVED),
        (ended(boot=-3, wall=-3), "its clock is behind that of the statement before"),
        # What a camera may state: a late loop, a clock that was set, a card that hung.
        (ended(at_us=END_OF_3.at_us - 2 * SECOND), ""),
        (ended(wall=TEN_HOURS, clock_step_us=TEN_HOURS * SECOND), ""),
        (ended(boot=600, wall=600), ""),
    ],
)
def test_an_end_whose_times_do_not_fit_the_others_is_a_remark(
    tmp_path: Path, members: Members, what: str
) -> None:
    found = [(one.kind, one.severity, one.text) for one in check(members).findings]
    text = f"times do not fit each other: {what}"
    assert found == ([(FindingKind.UNFIT, Severity.NOTE, text)] if what else [])
    if what:
        agrees(tmp_path, members, "do not fit each other", True)


def test_a_repair_may_come_at_any_time_and_commits_fit_each_other() -> None:
    repaired = check(ended(boot=TEN_HOURS, wall=3, reason=RECOVERED))
    assert [one.kind for one in repaired.findings] == [FindingKind.RECOVERED]
    early = later(a_fact(3).clock, boot_us=-5, wall_us=-5)
    found = check(bare(at_fragment(3, clock=early))).findings
    assert [(one.kind, short(one.first)) for one in found] == [(FindingKind.UNFIT, "c3")]


def test_facts_of_clock_and_storage_are_collected_from_commits_and_the_end() -> None:
    clock = replace(a_fact(1).clock, source=ClockSource.UNKNOWN)
    facts = {"clock": clock, "clock_step_us": -5, "sync_us": 900_000, "marks": (ORIGIN_US,)}
    result = check(bare(at_fragment(1, **facts)))
    assert result.clock_sources == [ClockSource.SYNCHRONISED, ClockSource.UNKNOWN]
    assert (result.clock_steps, result.slow_syncs) == ([(SECOND, -5)], [(SECOND, 900_000)])
    assert result.marks == [ORIGIN_US]
    gap = Gap(STOPPED_SHORT, None, ORIGIN_US, None)
    said = {"gaps": (gap,), "marks": (ORIGIN_US + 7,), "clock_step_us": 8, "sync_us": 600_000}
    result = check(short_one(replace(END_OF_1, **said)))  # type: ignore[arg-type]
    assert (result.gaps, result.marks) == ([gap], [ORIGIN_US + 7])
    assert (result.clock_steps, result.slow_syncs) == ([(HALF_US, 8)], [(HALF_US, 600_000)])


def test_no_more_is_kept_than_a_camera_makes() -> None:
    """Whoever has a camera's key signs 50,000 marks in each commit; an hour has 7,200 commits."""
    many = check(bare(lambda _, facts: replace(facts, marks=(facts.first_us,) * 45_000)))
    assert len(many.marks) == 5 * 45_000 <= MOST_EVENTS
    assert damage(many) == "contradiction"
    tally = Tally(a_header(), "", 0)
    for number in range(7):
        tally.add(replace(a_fact(number), marks=(ORIGIN_US,) * 45_000), 1)
    assert len(tally.info("closed").marks) == 5 * 45_000
    findings = Findings()
    for number in range(3 * MOST):
        name = f"{number * 5:06d}.m4s.age"
        findings.add(Finding(FindingKind.CHANGED, Severity.DAMAGE, "changed", name, name))
    assert (len(findings.list), findings.dropped, findings.damage) == (MOST, 2 * MOST, True)
    waiting = [*BARE[:2], *((f"{number:06d}.m4s.age", b"x") for number in range(100))]
    told = [f for f in check(waiting).findings if f.kind is FindingKind.UNCOMMITTED]
    assert (short(told[0].first), short(told[-1].last)) == ("f0", "f99")


def test_what_repair_kept_belongs_behind_the_header() -> None:
    """In front of it, signed as it is, the archive is not the one that repair wrote."""
    torn = b"x" * ustar.BLOCK
    closing = replace(some_closing(0, a_header().trigger_us), reason=RECOVERED)
    header, _, kept, end = signed(a_header(), [b"init"], [], closing, torn=torn)
    assert damage(check([header, kept, end])) == ""
    assert damage(check([kept, header, end]))
