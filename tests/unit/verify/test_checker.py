"""What the judge finds, fed with members and nothing else.

A recording of three seconds has six fragments of half a second, 000000 to 000005.
"""

from __future__ import annotations

import hashlib
import json
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
OTHER = SigningKey.generate()
HALF_US = SECOND // 2


def check(
    members: Members, keys: KeyRing = KEYS, tail: Tail = WHOLE, *, running: bool = False
) -> Result:
    """Judge members as a reader of the archive hands them over."""
    checker = Checker(keys)
    for name, data in members:
        token = data if name.endswith(".jws") else None
        checker.member(MemberSeen(name, len(data), hashlib.sha256(data).hexdigest(), 0, token))
    return checker.finish(tail, running=running)


def bare(
    count: int = 6, change: Callable[[int, FragmentFacts], FragmentFacts] = lambda _, facts: facts
) -> Members:
    """A recording without footage in its fragments: the judge does not look into them."""
    facts = [change(number, a_fact(number)) for number in range(count)]
    fragments = [f"fragment {number}".encode() for number in range(count)]
    closing = some_closing(sum(one.frames for one in facts), ORIGIN_US + count * HALF_US)
    return signed(a_header(), [b"init", *fragments], facts, closing)


def a_fact(number: int) -> FragmentFacts:
    begin_us = ORIGIN_US + number * HALF_US
    return some_facts(number, begin_us, begin_us + 466_667, begin_us + HALF_US, 15)


def kinds(result: Result) -> list[tuple[FindingKind, str, str]]:
    """The damage: kind, first and last member."""
    return [(f.kind, f.first, f.last) for f in result.findings if f.severity is Severity.DAMAGE]


def _damage(result: Result) -> list[Finding]:
    """What makes it not authentic."""
    return [one for one in result.findings if one.severity is Severity.DAMAGE]


def seconds(result: Result) -> list[tuple[float, float]]:
    """What is proven."""
    return [(span.from_us / SECOND, span.to_us / SECOND) for span in result.proven]


def signed_seconds(result: Result) -> list[tuple[float, float]]:
    """What is signed and linked to nothing."""
    return [(span.from_us / SECOND, span.to_us / SECOND) for span in result.signed]


def test_an_untouched_recording_is_proven_from_beginning_to_end() -> None:
    result = check(made().members)
    assert (kinds(result), list(result.findings)) == ([], [])
    assert [round(at, 1) for span in seconds(result) for at in span] == [0.0, 3.0]
    assert (result.frames, result.commits, result.kid) == (90, 6, KEY.public.thumbprint)


def test_a_recording_that_was_closed_before_its_first_fragment_is_complete() -> None:
    header, _, end = signed(a_header(), [b"init"], [], some_closing(0, ORIGIN_US))
    result = check([header, end])
    assert (kinds(result), seconds(result)) == ([], [])


def test_a_segment_that_no_commit_vouches_for_is_found() -> None:
    assert kinds(check(signed(a_header(), [b"init"], [], some_closing(0, ORIGIN_US)))) == [
        (FindingKind.UNCOMMITTED, "init.mp4.age", "init.mp4.age")
    ]


def test_a_changed_fragment_costs_its_own_half_second_only() -> None:
    result = check(altered(bare(), "000002.m4s.age", lambda data: flipped(data, 3)))
    assert kinds(result) == [(FindingKind.CHANGED, "000002.m4s.age", "000002.m4s.age")]
    (found,) = result.findings
    assert (found.from_us, found.to_us) == (1 * SECOND, 1.5 * SECOND)
    assert seconds(result) == [(0, 1), (1.5, 3)]


def test_a_shortened_fragment_is_named_with_both_sizes() -> None:
    result = check(altered(bare(), "000002.m4s.age", lambda data: data[:-1]))
    assert "has 9 bytes, and 10 were signed" in result.findings.list[0].text


def test_behind_a_changed_commit_nothing_is_linked_to_the_beginning() -> None:
    result = check(altered(bare(), "000002.jws", lambda data: flipped(data, 300)))
    assert kinds(result) == [
        (FindingKind.FORGED, "000002.jws", "000002.jws"),
        (FindingKind.UNLINKED, "000003.m4s.age", "000005.jws"),
    ]
    forged = result.findings.list[0]
    assert (forged.from_us, forged.to_us) == (1 * SECOND, 1.5 * SECOND)
    assert (seconds(result), signed_seconds(result)) == ([(0, 1)], [(1.5, 3)])


def test_dropped_fragments_are_named_with_their_seconds() -> None:
    members = without(bare(), *(f"{n:06d}.{e}" for n in (2, 3) for e in ("jws", "m4s.age")))
    result = check(members)
    assert kinds(result) == [
        (FindingKind.MISSING, "000002.m4s.age", "000003.jws"),
        (FindingKind.UNLINKED, "000004.m4s.age", "000005.jws"),
    ]
    assert (result.findings.list[0].from_us, result.findings.list[0].to_us) == (SECOND, 2 * SECOND)


def test_a_dropped_fragment_whose_commit_stays_breaks_no_link() -> None:
    result = check(without(bare(), "000002.m4s.age"))
    assert kinds(result) == [(FindingKind.MISSING, "000002.m4s.age", "000002.m4s.age")]
    assert seconds(result) == [(0, 1), (1.5, 3)]


def test_a_fragment_without_its_commit_is_vouched_for_by_nobody() -> None:
    result = check(without(bare(), "000002.jws"))
    assert kinds(result) == [
        (FindingKind.MISSING, "000002.jws", "000002.jws"),
        (FindingKind.UNCOMMITTED, "000002.m4s.age", "000002.m4s.age"),
        (FindingKind.UNLINKED, "000003.m4s.age", "000005.jws"),
    ]


def test_fragments_that_are_missing_before_the_end_are_counted_by_it() -> None:
    members = without(bare(), *(f"{n:06d}.{e}" for n in (4, 5) for e in ("jws", "m4s.age")))
    assert kinds(check(members)) == [
        (FindingKind.MISSING, "000004.m4s.age", "000005.jws"),
        (FindingKind.UNLINKED, "end.jws", "end.jws"),
    ]


def test_without_an_end_nothing_proves_that_there_was_no_more() -> None:
    result = check(without(bare(), "end.jws"))
    assert kinds(result) == [(FindingKind.UNCLOSED, "end.jws", "end.jws")]
    assert seconds(result) == [(0, 3)]


def test_a_running_recording_is_proven_up_to_its_last_commit() -> None:
    members = without(bare(), "end.jws", "000005.jws")
    torn = Tail(TailKind.TORN, 4096, 700)
    result = check(members, tail=torn, running=True)
    assert [(f.kind, f.severity) for f in result.findings] == [(FindingKind.RUNNING, Severity.NOTE)]
    assert seconds(result) == [(0, 2.5)]


def test_a_torn_tail_that_was_not_repaired_is_named() -> None:
    members = without(bare(), "end.jws", "000005.jws")
    assert kinds(check(members, tail=Tail(TailKind.TORN, 4096, 700))) == [
        (FindingKind.UNCOMMITTED, "000005.m4s.age", "000005.m4s.age"),
        (FindingKind.LOST, "000005.jws", "000005.jws"),
        (FindingKind.UNCLOSED, "end.jws", "end.jws"),
    ]


def test_a_repaired_recording_is_authentic_and_says_what_was_kept_aside() -> None:
    result = check(made(torn=b"half a fragment").members)
    assert kinds(result) == []
    assert [f.kind for f in result.findings] == [FindingKind.TORN, FindingKind.RECOVERED]


@pytest.mark.parametrize(
    ("members", "kind"),
    [
        (altered(made(torn=b"kept").members, "torn.bin", lambda _: b"Kept"), FindingKind.CHANGED),
        (without(made(torn=b"kept").members, "torn.bin"), FindingKind.MISSING),
        ([*bare()[:-1], ("torn.bin", b"kept"), bare()[-1]], FindingKind.FOREIGN),
        ([*bare()[:-1], ("torn.bin", b"a"), ("torn.bin", b"b"), bare()[-1]], FindingKind.EXTRA),
    ],
    ids=["changed", "missing", "unknown to the end", "twice"],
)
def test_what_repair_kept_is_protected_too(members: Members, kind: FindingKind) -> None:
    assert (kind, "torn.bin", "torn.bin") in kinds(check(members))


def test_what_repair_kept_stands_before_the_end_and_nowhere_else() -> None:
    members = made(torn=b"kept").members
    moved = [*members[:4], members[-2], *members[4:-2], members[-1]]
    assert (FindingKind.EXTRA, "torn.bin", "torn.bin") in kinds(check(moved))


def test_a_key_that_is_not_trusted_proves_nothing() -> None:
    result = check(bare(), KeyRing([OTHER.public]))
    assert [kind for kind, _, _ in kinds(result)] == [FindingKind.UNKNOWN_KEY] * 3
    assert kinds(result)[1] == (FindingKind.UNKNOWN_KEY, "000000.jws", "000005.jws")
    assert (seconds(result), result.header) == ([], None)


def test_a_recording_has_one_key_even_if_others_are_trusted() -> None:
    _, *_, end = signed(a_header(), [b"init"], [], some_closing(0, ORIGIN_US), key=OTHER)
    result = check([*bare()[:-1], end], KeyRing([KEY.public, OTHER.public]))
    assert kinds(result) == [(FindingKind.FORGED, "end.jws", "end.jws")]


def test_behind_a_forged_header_the_true_key_still_vouches_for_the_rest() -> None:
    forged = signed(a_header(), [b"init"], [], None, key=OTHER)[0]
    result = check([forged, *bare()[1:]])
    assert kinds(result) == [
        (FindingKind.UNKNOWN_KEY, "header.jws", "header.jws"),
        (FindingKind.UNLINKED, "000000.m4s.age", "000005.jws"),
    ]
    assert (seconds(result), signed_seconds(result)) == ([], [(0, 3)])
    assert result.kid == KEY.public.thumbprint


def test_another_recordings_header_has_nothing_to_do_with_this_footage() -> None:
    other = a_header("20261124T153000Z-000002-00000002", origin_us=ORIGIN_US + 77 * SECOND)
    result = check([signed(other, [b"init"], [], None)[0], *bare()[1:]])
    assert kinds(result) == [
        (FindingKind.UNLINKED, "header.jws", "000000.jws"),
        (FindingKind.UNLINKED, "000000.m4s.age", "000005.jws"),
    ]
    assert signed_seconds(result) == [(0, 3)]


def test_a_missing_header_is_said_and_the_rest_is_looked_at() -> None:
    result = check(bare()[1:])
    assert kinds(result) == [
        (FindingKind.MISSING, "header.jws", "header.jws"),
        (FindingKind.UNLINKED, "000000.m4s.age", "000005.jws"),
    ]


def test_another_recordings_end_is_not_this_ones() -> None:
    other = signed(
        a_header("20261124T153000Z-000002-00000002"),
        [b"init", *[b"x"] * 6],
        [a_fact(number) for number in range(6)],
        some_closing(90, ORIGIN_US + 3 * SECOND),
    )
    result = check([*bare()[:-1], other[-1]])
    assert kinds(result) == [(FindingKind.UNLINKED, "end.jws", "end.jws")]
    assert not result.end_linked
    assert seconds(result) == [(0, 3)]


def test_members_that_are_there_twice_are_named_and_cost_nothing() -> None:
    members = bare()
    result = check(members[:8] + members[6:])
    assert kinds(result) == [(FindingKind.EXTRA, "000002.m4s.age", "000002.jws")]
    assert seconds(result) == [(0, 3)]


def test_exchanged_fragments_are_named_and_still_proven() -> None:
    members = bare()
    exchanged = members[:6] + members[8:10] + members[6:8] + members[10:]
    result = check(exchanged)
    assert kinds(result) == [(FindingKind.EXTRA, "000003.m4s.age", "000003.jws")]
    assert seconds(result) == [(0, 3)]


def test_another_recordings_fragment_in_between_takes_nothing_with_it() -> None:
    other = signed(
        a_header("20261124T153000Z-000002-00000002"),
        [b"init", *[b"x"] * 6],
        [a_fact(number) for number in range(6)],
        None,
    )
    members = bare()
    result = check(members[:6] + other[10:12] + members[6:])
    assert (FindingKind.EXTRA, "000004.m4s.age", "000004.jws") in kinds(result)
    assert seconds(result) == [(0, 3)]


def test_another_recordings_fragment_in_the_same_place_is_not_linked() -> None:
    other = signed(
        a_header("20261124T153000Z-000002-00000002"),
        [b"init", *[b"x"] * 6],
        [a_fact(number) for number in range(6)],
        None,
    )
    members = bare()
    result = check(members[:6] + other[6:8] + members[8:])
    assert (FindingKind.UNLINKED, "000002.jws", "000003.jws") in kinds(result)
    assert seconds(result) == [(0, 1)]


def test_a_commit_in_another_ones_place_is_forged() -> None:
    members = bare()
    wrong = altered(members, "000002.jws", lambda _: dict(members)["000003.jws"])
    assert (FindingKind.FORGED, "000002.jws", "000002.jws") in kinds(check(wrong))


def test_an_unsigned_commit_far_ahead_takes_nothing_with_it() -> None:
    members = bare()
    result = check([*members[:6], ("999999.m4s.age", b"x"), ("999999.jws", b"x"), *members[6:]])
    assert (FindingKind.FORGED, "999999.jws", "999999.jws") in kinds(result)
    assert (FindingKind.UNCOMMITTED, "999999.m4s.age", "999999.m4s.age") in kinds(result)
    assert seconds(result) == [(0, 3)]


@pytest.mark.parametrize(
    "name", ["device.jwk", "0000001.jws", "00001.jws", "000001.m4s", "init.mp4", "header.jws.age"]
)
def test_a_member_that_no_recording_has_is_found(name: str) -> None:
    members = bare()
    assert (FindingKind.FOREIGN, name, name) in kinds(
        check([*members[:4], (name, b"x"), *members[4:]])
    )


def test_behind_the_end_there_is_nothing() -> None:
    result = check([*bare(), ("000006.m4s.age", b"x")])
    assert kinds(result) == [(FindingKind.EXTRA, "000006.m4s.age", "000006.m4s.age")]


@pytest.mark.parametrize("tail", [Tail(TailKind.ZEROS, 9, 512), Tail(TailKind.TORN, 9, 1024)])
def test_the_archive_ends_with_two_blocks_of_zeros_and_nothing_else(tail: Tail) -> None:
    assert kinds(check(bare(), tail=tail)) == [(FindingKind.ARCHIVE, "end.jws", "end.jws")]


def test_a_header_or_segment_out_of_place_is_found() -> None:
    members = bare()
    assert (FindingKind.EXTRA, "header.jws", "header.jws") in kinds(check([members[0], *members]))
    twice = [members[0], members[1], *members[1:]]
    assert kinds(check(twice)) == [(FindingKind.EXTRA, "init.mp4.age", "init.mp4.age")]
    late = [members[0], *members[2:4], members[1], *members[4:]]
    assert kinds(check(late)) == [
        (FindingKind.MISSING, "init.mp4.age", "init.mp4.age"),
        (FindingKind.EXTRA, "init.mp4.age", "init.mp4.age"),
    ]


def test_a_changed_segment_is_named() -> None:
    result = check(altered(bare(), "init.mp4.age", lambda data: data + b"x"))
    assert kinds(result) == [(FindingKind.CHANGED, "init.mp4.age", "init.mp4.age")]
    assert seconds(result) == [(0, 3)]


def test_a_header_of_a_later_format_is_not_guessed_at() -> None:
    members = signed(a_header(format=2), [b"init"], [], None)
    result = check(members)
    assert kinds(result)[0] == (FindingKind.FORGED, "header.jws", "header.jws")
    assert "format 2" in result.findings.list[0].text


def test_a_statement_of_another_kind_is_not_taken_for_this_one() -> None:
    members = bare()
    for name, kind in (("header.jws", COMMIT), ("000000.jws", END), ("end.jws", HEADER)):
        payload = jws.parse(dict(members)[name]).payload
        token = jws.sign(KEY, kind, json.loads(payload))
        found = kinds(check(altered(members, name, lambda _, token=token: token)))
        assert (FindingKind.FORGED, name, name) in found


def test_a_statement_that_is_too_long_is_refused_unread() -> None:
    checker = Checker(KEYS)
    checker.member(MemberSeen("header.jws", jws.LONGEST + 1, "", 0, None))
    assert checker.result.findings.list[0].kind is FindingKind.FORGED


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda n, f: replace(f, first_us=f.last_us + 1) if n == 2 else f, "do not rise"),
        (lambda n, f: replace(f, first_us=f.first_us - SECOND) if n == 2 else f, "before it ends"),
        (lambda n, f: replace(f, first_us=f.first_us - 1) if n == 0 else f, "origin"),
    ],
)
def test_signed_times_that_cannot_be_are_a_contradiction(
    change: Callable[[int, FragmentFacts], FragmentFacts], text: str
) -> None:
    (found,) = _damage(check(bare(change=change)))
    assert found.kind is FindingKind.CONTRADICTION
    assert text in found.text


LATER_US = 1 << 50


def _with(**changes: object) -> Callable[[int, FragmentFacts], FragmentFacts]:
    return lambda n, f: replace(f, **changes) if n == 2 else f  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (_with(marks=(LATER_US,)), "a mark from after it"),
        (_with(marks=(0,)), "a mark from before the recording"),
        (_with(stages=(StageChange(LATER_US, "ready", display=False),)), "a stage from after it"),
        (
            _with(rates=(RateChange(LATER_US, FPS, "heat", 15),)),
            "a change of the pictures per second from after it",
        ),
        (
            _with(rates=(RateChange(ORIGIN_US, 20, "heat", 15),)),
            f"a change from 20 to 15 pictures per second, where there were {FPS}",
        ),
        (
            _with(rates=(RateChange(ORIGIN_US, FPS, "heat", FPS),)),
            f"a change from {FPS} to {FPS} pictures per second, where there were {FPS}",
        ),
        (_with(gaps=(Gap("lost", 1, 20, 10),)), "a gap that ends before it begins"),
        (_with(gaps=(Gap("lost", 1, 10, LATER_US),)), "a gap from after it"),
        (_with(gaps=(Gap("lost", 1, LATER_US, None),)), "a gap from after it"),
        (_with(clock=replace(at(0), boot_us=1)), "pictures from after its own signature"),
    ],
)
def test_a_signed_commit_that_cannot_be_meant_is_a_contradiction(
    change: Callable[[int, FragmentFacts], FragmentFacts], text: str
) -> None:
    (found,) = _damage(check(bare(change=change)))
    assert (found.kind, found.first) == (FindingKind.CONTRADICTION, "000002.jws")
    assert found.text == f"says what cannot be: {text}"


def _cooling(number: int, facts: FragmentFacts) -> FragmentFacts:
    """Fewer pictures, still fewer, and more again: in one commit, and in a later one."""
    slower = RateChange(ORIGIN_US, FPS, "heat", 20), RateChange(ORIGIN_US, 20, "throttled", 15)
    faster = (RateChange(ORIGIN_US, 15, "cooled", FPS),)
    rates = {1: slower, 4: faster, 5: (RateChange(ORIGIN_US, FPS, "heat", 20),)}
    return replace(facts, rates=rates.get(number, UNSET))


def test_changes_of_the_rate_that_follow_one_another_are_told() -> None:
    result = check(bare(change=_cooling))
    assert list(result.findings) == []
    told = [(one.from_fps, one.to_fps, one.reason) for one in result.rates]
    assert told == [
        (FPS, 20, "heat"),
        (20, 15, "throttled"),
        (15, FPS, "cooled"),
        (FPS, 20, "heat"),
    ]


def test_what_was_before_a_break_is_no_reproach_to_a_rate_behind_it() -> None:
    members = without(bare(change=_cooling), "000001.m4s.age", "000001.jws")
    texts = [found.text for found in check(members).findings]
    assert texts
    assert not any("pictures per second" in text for text in texts)


@pytest.mark.parametrize("first", [1, 3])
def test_commits_that_were_exchanged_do_not_contradict_each_other_in_their_rates(
    first: int,
) -> None:
    members = bare(change=_cooling)
    at_place = [name for name, _ in members].index(f"{first:06d}.m4s.age")
    one, other = members[at_place : at_place + 2], members[at_place + 2 : at_place + 4]
    exchanged = [*members[:at_place], *other, *one, *members[at_place + 4 :]]
    texts = [found.text for found in check(exchanged).findings]
    assert texts == ["is not in its place"]


def test_a_last_picture_does_not_last_for_seconds() -> None:
    def longer(number: int, facts: FragmentFacts) -> FragmentFacts:
        if number != 5:
            return facts
        end_us = facts.last_us + 3 * SECOND
        return replace(facts, end_us=end_us, clock=at(end_us))

    (found,) = _damage(check(bare(change=longer)))
    assert found.text == "says what cannot be: a picture that lasts for seconds"


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"at_us": LATER_US}, "footage was wanted until after it"),
        ({"marks": (LATER_US,)}, "a mark from after it"),
        ({"gaps": (Gap("lost", None, 20, 10),)}, "a gap that ends before it begins"),
    ],
)
def test_a_signed_end_that_cannot_be_meant_is_a_contradiction(
    changes: dict[str, object], text: str
) -> None:
    closing = replace(some_closing(15, ORIGIN_US + HALF_US), **changes)  # type: ignore[arg-type]
    found = check(signed(a_header(), [b"init", b"x"], [a_fact(0)], closing)).findings.list[0]
    assert (found.kind, found.first) == (FindingKind.CONTRADICTION, "end.jws")
    assert found.text == f"says what cannot be: {text}"


def test_a_trigger_after_the_last_picture_is_a_contradiction() -> None:
    closing = some_closing(15, ORIGIN_US + HALF_US)
    header = a_header(trigger_us=LATER_US)
    (found,) = check(signed(header, [b"init", b"x"], [a_fact(0)], closing)).findings
    assert (found.kind, found.first) == (FindingKind.CONTRADICTION, "header.jws")


def test_what_is_not_linked_says_nothing_about_this_recording() -> None:
    """Its gaps, marks and length may be another recording's."""
    gap = Gap(FRAMES_LOST, 3, ORIGIN_US, ORIGIN_US + 5)
    change = _with(marks=(ORIGIN_US + 2 * HALF_US,), gaps=(gap,))
    whole = check(bare(change=change))
    assert (whole.gaps, len(whole.marks), whole.unlinked_commits) == ([gap], 1, 0)
    cut = check(without(bare(change=change), "000001.jws", "000001.m4s.age"))
    assert (cut.gaps, cut.marks, cut.end_us) == ([], [], HALF_US)
    assert (cut.commits, cut.unlinked_commits, cut.unlinked_frames) == (5, 4, 60)
    assert (cut.header_linked, cut.strange_header, cut.end_linked) == (True, False, False)


def test_a_signed_header_that_nothing_links_is_a_strange_one() -> None:
    other = dict(signed(a_header(device="cam-2"), [b"init"], [], some_closing(0, ORIGIN_US)))
    result = check(altered(bare(), "header.jws", lambda _: other["header.jws"]))
    assert result.strange_header
    assert (result.end_us, result.proven, result.unlinked_commits) == (0, [], 6)


def test_signed_counts_that_cannot_be_are_a_contradiction() -> None:
    facts = [a_fact(number) for number in range(2)]
    # Two fragments of fifteen pictures are thirty.
    members = signed(a_header(), [b"init", b"x", b"x"], facts, some_closing(31, ORIGIN_US + SECOND))
    assert kinds(check(members)) == [(FindingKind.CONTRADICTION, "end.jws", "end.jws")]


def test_a_hole_that_a_statement_explains_is_a_gap_and_no_finding() -> None:
    late_us = 2 * SECOND

    def later(number: int, facts: FragmentFacts) -> FragmentFacts:
        if number < 3:
            return facts
        moved = some_facts(
            number, facts.first_us + late_us, facts.last_us + late_us, facts.end_us + late_us, 15
        )
        if number == 3 and explain:
            gap = Gap(FRAMES_LOST, 60, a_fact(2).last_us, moved.first_us)
            moved = replace(moved, gaps=(gap,))
        return moved

    explain = True
    result = check(bare(change=later))
    assert (list(result.findings), len(result.gaps)) == ([], 1)
    assert seconds(result) == [(0, 1.5), (3.5, 5)]
    explain = False
    (found,) = check(bare(change=later)).findings
    assert (found.kind, found.severity) == (FindingKind.UNSTATED, Severity.NOTE)
    assert (found.from_us, found.to_us) == (1.5 * SECOND, 3.5 * SECOND)


HOLES = (
    # The hole is from 1.5 s to 3.5 s, and a second of it needs no words.
    ([(1.4, 3.5)], []),
    ([(1.4, 2.5)], []),
    ([(1.4, 2.2), (2.0, 2.6)], []),
    ([(2.5, None)], []),
    ([(None, 2.5)], []),
    ([(1.4, 1.5)], [(1.5, 3.5)]),
    ([(3.5, 3.7)], [(1.5, 3.5)]),
    ([(1.4, 1.9)], [(1.9, 3.5)]),
    ([(2.8, 3.0), (2.3, 2.4)], [(1.5, 2.3), (2.4, 2.8), (3.0, 3.5)]),
)


@pytest.mark.parametrize(("gaps", "unexplained"), HOLES)
def test_a_gap_explains_what_it_covers_of_a_hole_and_no_more(
    tmp_path: Path,
    gaps: list[tuple[float | None, float | None]],
    unexplained: list[tuple[float, float]],
) -> None:
    def media_us(second: float | None) -> int | None:
        return None if second is None else ORIGIN_US + round(second * SECOND)

    def change(number: int, facts: FragmentFacts) -> FragmentFacts:
        if number < 3:
            return facts
        stated = tuple(Gap(FRAMES_LOST, None, media_us(one), media_us(to)) for one, to in gaps)
        times = (one + 2 * SECOND for one in (facts.first_us, facts.last_us, facts.end_us))
        moved = some_facts(number, *times, 15)
        return replace(moved, gaps=stated if number == 3 else ())

    members = bare(change=change)
    found = check(members).findings
    assert {(one.kind, one.severity) for one in found} <= {(FindingKind.UNSTATED, Severity.NOTE)}
    assert [(one.from_us, one.to_us) for one in found] == [
        (from_s * SECOND, to_s * SECOND) for from_s, to_s in unexplained
    ]
    recording = tmp_path / f"{a_header().id}.tar"
    recording.write_bytes(pack(members))
    code, said = verified_by_script(recording)
    assert (code, "hole that nothing explains" in said) == (1, bool(unexplained)), said


def _ended_at(second: float, *gaps: Gap) -> Members:
    """A recording of three seconds of which footage was wanted until then."""
    closing = replace(some_closing(90, ORIGIN_US + round(second * SECOND)), gaps=gaps)
    return signed(
        a_header(),
        [b"init", *(f"fragment {number}".encode() for number in range(6))],
        [a_fact(number) for number in range(6)],
        closing,
    )


def test_pictures_that_end_long_before_footage_was_wanted_no_more_are_a_remark() -> None:
    (found,) = check(_ended_at(10 * 3600)).findings
    assert (found.kind, found.severity) == (FindingKind.UNSTATED, Severity.NOTE)
    assert (found.from_us, found.to_us) == (3 * SECOND, 36_000 * SECOND)


@pytest.mark.parametrize("second", [2.0, 3.0, 4.0])
def test_an_end_that_is_within_a_second_of_the_last_picture_needs_no_words(second: float) -> None:
    """As with sound, a second needs none; the last picture may well be behind the end."""
    assert list(check(_ended_at(second)).findings) == []


@pytest.mark.parametrize(("upto", "unexplained"), [(10.0, []), (8.0, [(8, 10)]), (9.5, [])])
def test_a_gap_at_the_end_explains_what_it_covers(
    upto: float, unexplained: list[tuple[float, float]]
) -> None:
    gap = Gap(STOPPED_SHORT, None, a_fact(5).last_us, ORIGIN_US + round(upto * SECOND))
    found = check(_ended_at(10, gap)).findings
    assert [(one.from_us, one.to_us) for one in found] == [
        (from_s * SECOND, to_s * SECOND) for from_s, to_s in unexplained
    ]


def _later(moment: Moment, **changes: int) -> Moment:
    """The moment, with so many seconds more."""
    moved = {name: getattr(moment, name) + by * SECOND for name, by in changes.items()}
    return replace(moment, **moved)


TEN_HOURS = 10 * 3600
UNFIT: list[tuple[str, Callable[[Closing], Closing]]] = [
    (
        "footage was wanted until before the last that is there",
        lambda end: replace(end, at_us=end.at_us - 3 * SECOND),
    ),
    (
        "it was written long after footage was wanted no more",
        lambda end: replace(end, clock=_later(end.clock, boot_us=TEN_HOURS, wall_us=TEN_HOURS)),
    ),
    (
        "the wall clock moved otherwise than is stated",
        lambda end: replace(end, clock=_later(end.clock, wall_us=TEN_HOURS)),
    ),
    (
        "the wall clock moved otherwise than is stated",
        lambda end: replace(end, clock_step_us=-TEN_HOURS * SECOND),
    ),
    (
        "its clock is behind that of the statement before",
        lambda end: replace(end, clock=_later(end.clock, boot_us=-3, wall_us=-3)),
    ),
]


def _closed(change: Callable[[Closing], Closing]) -> Members:
    """A recording of three seconds with this end."""
    return signed(
        a_header(),
        [b"init", *(f"fragment {number}".encode() for number in range(6))],
        [a_fact(number) for number in range(6)],
        change(some_closing(90, ORIGIN_US + 3 * SECOND)),
    )


@pytest.mark.parametrize(("what", "change"), UNFIT)
def test_an_end_whose_times_do_not_fit_the_others_is_a_remark(
    tmp_path: Path, what: str, change: Callable[[Closing], Closing]
) -> None:
    members = _closed(change)
    (found,) = check(members).findings
    assert (found.kind, found.severity) == (FindingKind.UNFIT, Severity.NOTE)
    assert found.text == f"times do not fit each other: {what}"
    recording = tmp_path / f"{a_header().id}.tar"
    recording.write_bytes(pack(members))
    code, said = verified_by_script(recording)
    assert (code, "do not fit each other" in said) == (1, True), said


@pytest.mark.parametrize(
    "change",
    [
        # The loop was late, and so the stop.
        lambda end: replace(end, at_us=end.at_us - 2 * SECOND),
        # Somebody set the clock, and the end says so.
        lambda end: replace(
            end,
            clock=_later(end.clock, wall_us=TEN_HOURS),
            clock_step_us=TEN_HOURS * SECOND,
        ),
        lambda end: replace(end, clock=_later(end.clock, boot_us=600, wall_us=600)),
    ],
    ids=["a late loop", "a clock that was set", "a card that hung"],
)
def test_times_that_a_camera_may_state_are_no_remark(
    change: Callable[[Closing], Closing],
) -> None:
    assert list(check(_closed(change)).findings) == []


def test_a_repair_may_come_any_time_later_and_after_any_setting_of_the_clock() -> None:
    def late(end: Closing) -> Closing:
        clock = _later(end.clock, boot_us=TEN_HOURS, wall_us=3)
        return replace(end, reason=RECOVERED, clock=clock)

    assert [one.kind for one in check(_closed(late)).findings] == [FindingKind.RECOVERED]


def test_commits_whose_clocks_do_not_fit_each_other_are_a_remark() -> None:
    def early(number: int, facts: FragmentFacts) -> FragmentFacts:
        moved = _later(facts.clock, boot_us=-5, wall_us=-5)
        return replace(facts, clock=moved) if number == 3 else facts

    found = list(check(bare(change=early)).findings)
    assert [(one.kind, one.first) for one in found] == [(FindingKind.UNFIT, "000003.jws")]


def test_a_recording_without_a_picture_that_was_wanted_for_long_is_a_remark() -> None:
    header, _, end = signed(a_header(), [b"init"], [], some_closing(0, ORIGIN_US + 5 * SECOND))
    (found,) = check([header, end]).findings
    assert (found.kind, found.from_us, found.to_us) == (FindingKind.UNSTATED, 0, 5 * SECOND)


def test_where_commits_are_missing_before_the_end_nothing_is_said_of_its_time() -> None:
    result = check(without(_ended_at(10), "000005.m4s.age", "000005.jws"))
    assert FindingKind.UNSTATED not in {found.kind for found in result.findings}


def test_facts_of_clock_and_storage_are_collected() -> None:
    def remarkable(number: int, facts: FragmentFacts) -> FragmentFacts:
        if number != 1:
            return facts
        clock = replace(facts.clock, source=ClockSource.UNKNOWN)
        return replace(facts, clock=clock, clock_step_us=-5, sync_us=900_000, marks=(ORIGIN_US,))

    result = check(bare(change=remarkable))
    assert result.clock_sources == [ClockSource.SYNCHRONISED, ClockSource.UNKNOWN]
    assert result.clock_steps == [(SECOND, -5)]
    assert result.slow_syncs == [(SECOND, 900_000)]
    assert result.marks == [ORIGIN_US]


def test_no_more_marks_and_gaps_are_kept_than_a_camera_makes() -> None:
    """Whoever has a camera's key signs 50,000 in each commit; an hour has 7,200 commits."""
    many = check(bare(change=lambda _, facts: replace(facts, marks=(facts.first_us,) * 45_000)))
    assert len(many.marks) == 5 * 45_000 <= MOST_EVENTS
    assert kinds(many) == [(FindingKind.CONTRADICTION, "", "")]
    tally = Tally(a_header(), "", 0)
    for number in range(7):
        tally.add(replace(a_fact(number), marks=(ORIGIN_US,) * 45_000), 1)
    assert len(tally.info("closed").marks) == 5 * 45_000


def test_an_end_says_what_happened_since_the_last_commit() -> None:
    closing = replace(
        some_closing(15, ORIGIN_US + HALF_US),
        gaps=(Gap("camera did not deliver until the stop", None, ORIGIN_US, None),),
        marks=(ORIGIN_US + 7,),
        clock_step_us=8,
        sync_us=600_000,
    )
    assert isinstance(closing, Closing)
    result = check(signed(a_header(), [b"init", b"x"], [a_fact(0)], closing))
    assert (len(result.gaps), result.marks) == (1, [ORIGIN_US + 7])
    assert (result.clock_steps, result.slow_syncs) == ([(HALF_US, 8)], [(HALF_US, 600_000)])


def test_damage_without_end_takes_no_more_memory_than_its_limit() -> None:
    findings = Findings()
    for number in range(3 * MOST):
        name = f"{number * 5:06d}.m4s.age"
        findings.add(Finding(FindingKind.CHANGED, Severity.DAMAGE, "changed", name, name))
    assert (len(findings.list), findings.dropped, findings.damage) == (MOST, 2 * MOST, True)


def test_half_a_million_waiting_fragments_are_not_kept() -> None:
    checker = Checker(KEYS)
    members = bare(1)
    for name, data in members[:2]:
        token = data if name.endswith(".jws") else None
        checker.member(MemberSeen(name, len(data), hashlib.sha256(data).hexdigest(), 0, token))
    for number in range(100):
        checker.member(MemberSeen(f"{number:06d}.m4s.age", 1, "0" * 64, 0))
    result = checker.finish(WHOLE)
    uncommitted = [f for f in result.findings if f.kind is FindingKind.UNCOMMITTED]
    assert uncommitted[0].first == "000000.m4s.age"
    assert uncommitted[-1].last == "000099.m4s.age"


def test_sealed_bytes_are_the_signed_ones() -> None:
    """sealed() makes another file each time, so a second sealing does not pass for the first."""
    one = made()
    again = altered(one.members, "000001.m4s.age", lambda _: sealed(one.plain[2]))
    assert kinds(check(again))[0][0] is FindingKind.CHANGED


def test_what_repair_kept_belongs_behind_the_header() -> None:
    """In front of it, signed as it is, the archive is not the one that repair wrote."""
    torn = b"x" * ustar.BLOCK
    closing = replace(some_closing(0, a_header().trigger_us), reason=RECOVERED)
    header, init, kept, end = signed(a_header(), [b"init"], [], closing, torn=torn)
    del init
    assert {one.severity for one in check([header, kept, end]).findings} == {Severity.NOTE}
    found = check([kept, header, end]).findings
    assert any(one.severity is Severity.DAMAGE for one in found)


def test_without_footage_an_end_in_another_boot_is_held_to_the_trigger() -> None:
    """The second 0 that the header names is no footage."""
    header = replace(a_header(), trigger_us=ORIGIN_US - 61 * SECOND)
    closing = replace(some_closing(0, ORIGIN_US), boot_id="another", clock=at(0))
    members = without(signed(header, [b"init"], [], closing), "init.mp4.age")
    assert FindingKind.CONTRADICTION in {one.kind for one in check(members).findings}
