"""What a statement may say at all, and what is printed of what others say."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from evidence_helpers import MOMENT, a_header
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import asdict, replace
from sink_helpers import KEY, a_closing, a_facts

from camerad.base.clock import DAY, SECOND
from camerad.base.text import LONGEST, is_plain, printable
from camerad.container import jws
from camerad.container.chain import content_of
from camerad.container.gaps import Gap
from camerad.container.keys import KeyRing
from camerad.container.limits import GREATEST
from camerad.container.statements import COMMIT, END, HEADER, Commit, Header, RecordingEnd, rfc3339
from camerad.ledger import entries
from camerad.ledger.entry_types import Uptime
from camerad.ledger.recording_entries import HoldPlaced

KEYS = KeyRing([KEY.public])


def said(kind: str, payload: Any, type_: type) -> Any:
    """What a reader takes a payload for, which this device signed."""
    return jws.decode(jws.parse(jws.sign(KEY, kind, payload)), kind, type_)


def header(**changes: object) -> Header:
    payload = msgspec.to_builtins(a_header()) | changes
    found: Header = said(HEADER, payload, Header)
    return found


@pytest.mark.parametrize(
    "change",
    [
        {"started_wall_us": GREATEST},
        {"started_wall_us": 0},
        {"origin_us": 0},
        {"retention_days": 1},
        {"retention_days": 366},
        {"device": "\u00fc" * LONGEST},
        {"continues": "20261124T153000Z-123456789012345678-0123abcd"},
    ],
)
def test_what_is_in_bounds_is_read(change: dict[str, object]) -> None:
    found = asdict(header(**change))
    assert {name: found[name] for name in change} == change


@pytest.mark.parametrize(
    "change",
    [
        {"started_wall_us": GREATEST + 1},
        {"started_wall_us": 10**30},
        {"started_wall_us": -1},
        {"origin_us": -(10**400)},
        {"trigger_us": -1},
        {"retention_days": 0},
        {"retention_days": -5},
        {"retention_days": 367},
        {"retention_days": 10**30},
        {"fps": 0},
        {"width": 0},
        {"format": -1},
        {"clock": {"boot_us": 0, "source": "rtc", "wall_us": 10**30}},
        {"id": "x"},
        {"id": "../../../20261124T153000Z-000001-00000001"},
        {"id": "20261124T153000Z-000001-00000001\n"},
        {"continues": "before"},
        {"device": "a\nb"},
        {"device": "\x1b[31m"},
        {"trigger": "\u202eabc"},
        {"wearer": "\x9b"},
        {"policy": "\u2028"},
        {"software": "x" * (LONGEST + 1)},
        {"recipients": ["a\x07"]},
        {"boot_id": "\u200b"},
    ],
)
def test_a_header_that_says_what_cannot_be_is_no_statement(change: dict[str, object]) -> None:
    with pytest.raises(jws.JwsError) as caught:
        header(**change)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "change",
    [
        {"frames": -10},
        {"marks": (-1,)},
        {"marks": (10**30,)},
        {"end_us": 10**18},
        {"sync_us": -1},
        {"clock_step_us": 10**18},
        {"gaps": (Gap("lost\n", None, None, None),)},
        {"gaps": (Gap("lost", -1, None, None),)},
        {"gaps": (Gap("lost", None, None, 1 << 53),)},
    ],
)
def test_a_commit_that_says_what_cannot_be_is_no_statement(change: dict[str, Any]) -> None:
    payload = Commit("0" * 64, None, content_of(b""), a_facts(0, **change))
    with pytest.raises(jws.JwsError, match="is wrong"):
        said(COMMIT, payload, Commit)


def test_a_step_of_the_clock_may_go_back() -> None:
    payload = Commit("0" * 64, None, content_of(b""), a_facts(0, clock_step_us=-5))
    assert said(COMMIT, payload, Commit) == payload


@pytest.mark.parametrize("change", [{"frames": -1}, {"reason": "stop\n"}, {"at_us": 1 << 60}])
def test_an_end_that_says_what_cannot_be_is_no_statement(change: dict[str, Any]) -> None:
    with pytest.raises(jws.JwsError, match="is wrong"):
        said(END, RecordingEnd("0" * 64, 1, None, a_closing(**change)), RecordingEnd)


@pytest.mark.parametrize(
    "payload",
    [
        b'{"format":' + b"1" * 5000 + b"}",
        b'{"format":' + b"[" * 100_000 + b"}",
        b'{"device":"\\ud800"}',
        b'{"device":"\xed\xa0\x80"}',
        b'{"format":1e999}',
        b"",
        b"null",
    ],
)
def test_what_is_no_json_of_a_statement_raises_nothing_else(payload: bytes) -> None:
    statement = jws.Statement(HEADER, "", payload, b"", b"", b"")
    with pytest.raises(jws.JwsError):
        jws.decode(statement, HEADER, Header)


@given(st.integers(0, GREATEST), st.integers(0, GREATEST), st.integers(0, 366))
def test_whatever_is_in_bounds_can_be_counted_and_dated(one: int, other: int, days: int) -> None:
    """No date, difference or quotient overflows."""
    assert rfc3339(one + days * DAY)[:4] < "2257"
    assert rfc3339(one - other)[:4] >= "1684"
    assert abs(one - other) / SECOND < GREATEST


def test_what_people_wrote_into_a_ledger_stays_an_entry() -> None:
    """A hold is not lost because of its words."""
    facts = HoldPlaced("a", "two\nlines" * 100, "who")
    entry = entries.sign_entry(KEY, entries.NOTHING, "boot", MOMENT, facts)
    assert entries.parse_entry(entry.token, KEYS).facts == facts


def test_a_ledger_entry_that_says_what_cannot_be_is_none() -> None:
    moment = replace(MOMENT, wall_us=10**30)
    entry = entries.sign_entry(KEY, entries.NOTHING, "boot", moment, Uptime())
    with pytest.raises(jws.JwsError, match="wall_us is beyond"):
        entries.parse_entry(entry.token, KEYS)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain \u00fc \\ text", "plain \u00fc \\ text"),
        ("a\nb\r\tc", r"a\x0ab\x0d\x09c"),
        ("\x1b]0;T\x07", r"\x1b]0;T\x07"),
        ("\x9b", r"\x9b"),
        ("\u202egpj", r"\u202egpj"),
        ("\u2028", r"\u2028"),
        ("\udcff", r"\udcff"),
        ("\U000e0001", r"\U000e0001"),
    ],
)
def test_text_from_outside_is_printed_on_one_line(text: str, shown: str) -> None:
    assert printable(text) == shown
    assert printable(shown) == shown


@given(st.text(st.characters()))
def test_whatever_is_printed_is_printable(text: str) -> None:
    shown = printable(text)
    assert shown.isprintable()
    assert printable(shown) == shown
    # The other way round this Python may know no character for what a later Unicode has one for.
    assert is_plain(text) or text != shown or len(text) > LONGEST
