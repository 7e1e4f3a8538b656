"""Every mistake is named: its place, what was found, what is allowed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from camerad.base.errors import EX_CONFIG, ConfigError
from camerad.config import check_file, load, policies
from tests.unit.config.vectors import vectors

Write = Callable[..., Path]

CASES = [
    *vectors("mistakes.txt"),
    pytest.param(
        f"camera: {{fps: {'9' * 5000}}}\n",
        f"c.yaml:2: camera.fps: {'9' * 57}... is out of range; "
        "a whole number is needed, 5 to 60 frames per second",
        id="far too large",
    ),
]


@pytest.mark.parametrize(("text", "message"), CASES)
def test_a_mistake_is_named_with_its_line_what_was_found_and_what_is_allowed(
    text: str, message: str, write: Write
) -> None:
    assert check_file(write(f"policy: generic\n{text}")) == [message]


def test_all_mistakes_are_named_at_once_in_the_order_of_their_lines(write: Write) -> None:
    path = write(
        "camera: {fps: 0}\nbuzzer: {gpio: 17}\nbuttons:\n  trigger: {gpio: 99}\n"
        "pre_event: {seconds: 500}\nnonsense: 1\n"
    )
    with pytest.raises(ConfigError) as caught:
        load(path)
    places = [mistake.split("; ")[0] for mistake in caught.value.mistakes]
    assert places == [
        "c.yaml:1: camera.fps: 0 is out of range",
        "c.yaml:1: policy: missing",
        "c.yaml:2: buzzer.gpio: GPIO 17 already serves buttons.main.gpio (its default)",
        "c.yaml:4: buttons.trigger.gpio: 99 is not a GPIO of this board (0-27)",
        "c.yaml:4: buttons.trigger: preset two-buttons has no such button",
        "c.yaml:5: pre_event.seconds: 500 is out of range",
        "c.yaml:6: nonsense: unknown key",
    ]
    assert str(caught.value) == "\n".join(caught.value.mistakes)
    assert caught.value.exit_code == EX_CONFIG


def test_a_wrong_value_is_not_blamed_a_second_time_by_what_depends_on_it(write: Write) -> None:
    # 8000000 is the default that would stand in for the wrong maximum, and it is below 9000000.
    path = write("policy: generic\ncamera: {bitrate: 9_000_000, max_bitrate: a lot}\n")
    assert [line.split(": ")[1] for line in check_file(path)] == ["camera.max_bitrate"]


def test_a_section_with_all_its_lines_commented_out_is_as_if_left_out(write: Write) -> None:
    assert load(write("policy: generic\ncamera:\n  # fps: 25\nring: ~\n")).camera.fps == 30


def test_underscores_in_numbers_are_understood(write: Write) -> None:
    settings = load(write("policy: generic\ncamera: {bitrate: 4_500_000}\n"))
    assert settings.camera.bitrate == 4_500_000


def test_a_merge_key_is_an_unknown_key(write: Write) -> None:
    path = write("policy: generic\nring: &r {}\nstorage: {<<: *r}\n")
    assert check_file(path) == [
        "c.yaml:3: storage.<<: unknown key; allowed here: low_minutes, full_minutes"
    ]


def test_a_missing_policy_lists_what_to_write(write: Write) -> None:
    path = write("camera: {}\n")
    known = ", ".join(policies.known_policies(policies.policy_directories(path)))
    assert "nrw-ordnungsamt" in known
    assert check_file(path) == [
        f"c.yaml:1: policy: missing; choose the policy of your place (known policies: {known})"
    ]


def test_a_list_instead_of_a_configuration_is_one_mistake(write: Write) -> None:
    (mistake,) = check_file(write("- policy: generic\n"))
    assert mistake.startswith("c.yaml:1: found a list; a section is needed, with: policy, re")
