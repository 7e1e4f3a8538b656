"""Shifts, and who may use the control socket, as the configuration has them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from camerad.base.errors import ConfigError
from camerad.behaviour.shift import ShiftRules
from camerad.config import load
from camerad.config.control_section import Access

Write = Callable[..., Path]

HOUR_US = 3600 * 1_000_000


def test_shifts_follow_the_configuration(write: Write) -> None:
    shift = "{hours: 8.5, reminder_seconds: 60, badge_seconds: 30, dock_minutes: 20}"
    rules = load(write(f"policy: generic\nshift: {shift}\n")).shift_rules
    assert rules == ShiftRules(round(8.5 * HOUR_US), 60_000_000, 30_000_000, 1_200_000_000)


def test_as_shipped_a_shift_lasts_14_hours_and_no_badge_is_looked_for(write: Write) -> None:
    rules = load(write("policy: generic\n")).shift_rules
    assert rules == ShiftRules(14 * HOUR_US, 120_000_000, 0)


def test_nobody_named_is_another_thing_than_nothing_said(write: Write) -> None:
    assert load(write("policy: generic\n")).access == Access(None, None, ())
    text = "policy: generic\naccess: {press: [], configure: [user:desk, group:desk]}\n"
    assert load(write(text)).access == Access(None, (), ("user:desk", "group:desk"))


@pytest.mark.parametrize("who", ["camerad", "user:", "group:Two Words", "users:desk", "group:0"])
def test_whoever_is_named_is_a_user_or_a_group(write: Write, who: str) -> None:
    with pytest.raises(ConfigError, match=r"c\.yaml:2: access\.read\[0\]: .*user:evidence"):
        load(write(f"policy: generic\naccess: {{read: ['{who}']}}\n"))
