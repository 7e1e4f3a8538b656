"""What a section's declaration says of its settings, and that it is taken apart once."""

from __future__ import annotations

from typing import Annotated

import msgspec

from camerad.config.fields import Key, Range, Setting, settings_of


class Inner(msgspec.Struct, frozen=True):
    """What is
    inside."""

    plain: int


class Outer(msgspec.Struct, frozen=True):
    """A section of the test."""

    number: Annotated[int, "A number.", Range(1, 9, "pixels"), Key("named")] = 3
    maybe: Annotated[str | None, "Text, or none."] = None
    inner: Inner = msgspec.field(default_factory=lambda: Inner(1))


def test_a_field_says_everything_of_its_setting() -> None:
    number, maybe, inner = settings_of(Outer)
    marks = ("A number.", Range(1, 9, "pixels"), Key("named"))
    assert number == Setting("named", "number", int, "A number.", False, 3, marks)
    assert (maybe.kind, maybe.optional, maybe.default) == (str, True, None)
    assert (inner.kind, inner.about, inner.fallback()) == (Inner, "What is inside.", Inner(1))
    (plain,) = settings_of(Inner)
    assert plain == Setting("plain", "plain", int, "", False, msgspec.NODEFAULT, ())
    assert plain.required and not number.required


def test_a_section_that_has_a_default_of_its_own_changes_nothing_of_what_is_declared() -> None:
    declared = settings_of(Outer)
    assert settings_of(Outer) is declared
    assert [one.default for one in settings_of(Outer, Outer(7))] == [7, None, Inner(1)]
    assert declared[0].default == 3
