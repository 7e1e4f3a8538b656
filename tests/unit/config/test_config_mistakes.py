"""Every mistake is named: its place, what was found, what is allowed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from camerad.base.errors import EX_CONFIG, ConfigError
from camerad.config import check_file, load, policies

Write = Callable[..., Path]

# A configuration whose first line is "policy: generic", and what is said about it.
CASES = {
    "unknown_key_near_a_known_one": (
        "camera:\n  widht: 1280",
        "c.yaml:3: camera.widht: unknown key; did you mean width?",
    ),
    "unknown_key_like_no_other": (
        "ring: {foo: 1}",
        "c.yaml:2: ring.foo: unknown key; allowed here: stall_seconds",
    ),
    "beginning_of_a_key": (
        "self_view: {timeout: 60}",
        "c.yaml:2: self_view.timeout: unknown key; did you mean timeout_seconds?",
    ),
    "idle_that_encodes_nothing": (
        "idle: {camera: encode}",
        "c.yaml:2: idle.camera: encode, and no pre-event buffer is armed in idle; "
        "write sensor, or add idle to pre_event.armed_in",
    ),
    "empty_key": (
        'ring: {"": 1}',
        'c.yaml:2: ring."": unknown key; allowed here: stall_seconds',
    ),
    "key_with_control_characters": (
        'ring: {"a\\nb": 1}',
        "c.yaml:2: ring.a\\nb: unknown key; allowed here: stall_seconds",
    ),
    "key_given_twice": (
        "camera:\n  fps: 30\n  width: 1280\n  fps: 25",
        "c.yaml:5: camera.fps: given twice, first in line 3; keep one of them",
    ),
    "section_given_twice": (
        "ring: {}\ncamera: {}\nring: {}",
        "c.yaml:4: ring: given twice, first in line 2; keep one of them",
    ),
    "list_as_a_key": (
        "ring:\n  [a]: 1",
        "c.yaml:3: ring: found a list in the place of a key; a key is a single word",
    ),
    "value_for_a_section": (
        "ring: 5",
        "c.yaml:2: ring: found the number 5; a section is needed, with: stall_seconds",
    ),
    "list_for_a_section": (
        "ring: [5]",
        "c.yaml:2: ring: found a list; a section is needed, with: stall_seconds",
    ),
    "section_for_a_value": (
        "camera: {fps: {a: 1}}",
        "c.yaml:2: camera.fps: found a section; "
        "a whole number is needed, 5 to 60 frames per second",
    ),
    "number_in_quotes": (
        'camera: {fps: "30"}',
        'c.yaml:2: camera.fps: found the text "30"; write the number without quotes: 30',
    ),
    "word_for_a_number": (
        "camera: {fps: fast}",
        'c.yaml:2: camera.fps: found the text "fast"; '
        "a whole number is needed, 5 to 60 frames per second",
    ),
    "nothing_for_a_number": (
        "camera: {fps: }",
        "c.yaml:2: camera.fps: found nothing; a whole number is needed, 5 to 60 frames per second",
    ),
    "decimals_for_a_whole_number": (
        "camera: {fps: 29.97}",
        "c.yaml:2: camera.fps: found the number 29.97; "
        "a whole number is needed, 5 to 60 frames per second, without a decimal point",
    ),
    "too_small": (
        "camera: {fps: -5}",
        "c.yaml:2: camera.fps: -5 is out of range; "
        "a whole number is needed, 5 to 60 frames per second",
    ),
    "too_large": (
        "recording: {fragment_seconds: 1.5}",
        "c.yaml:2: recording.fragment_seconds: 1.5 is out of range; "
        "a number is needed, 0.2 to 1 seconds",
    ),
    "far_too_large": (
        f"camera: {{fps: {'9' * 5000}}}",
        f"c.yaml:2: camera.fps: {'9' * 57}... is out of range; "
        "a whole number is needed, 5 to 60 frames per second",
    ),
    "infinity": (
        "ring: {stall_seconds: .inf}",
        "c.yaml:2: ring.stall_seconds: found .inf; "
        "a number is needed, 1 to 60 seconds, in digits 0-9",
    ),
    "not_a_number": (
        "ring: {stall_seconds: .nan}",
        "c.yaml:2: ring.stall_seconds: found .nan; "
        "a number is needed, 1 to 60 seconds, in digits 0-9",
    ),
    "octal": (
        "buzzer: {gpio: 017}",
        "c.yaml:2: buzzer.gpio: found 017, which YAML reads as 15; "
        "a GPIO number is needed (0-27), in digits 0-9",
    ),
    "base_sixty": (
        "self_view: {timeout_seconds: 2:00}",
        "c.yaml:2: self_view.timeout_seconds: found 2:00, which YAML reads as 120; "
        "a number is needed, 5 to 3600 seconds, in digits 0-9",
    ),
    "number_with_a_tag_that_lies": (
        "camera: {fps: !!int many}",
        "c.yaml:2: camera.fps: found many; "
        "a whole number is needed, 5 to 60 frames per second, in digits 0-9",
    ),
    "odd_side": (
        "camera: {height: 719}",
        "c.yaml:2: camera.height: 719 is odd; an even number is needed, such as 718",
    ),
    "gpio_that_the_board_has_not": (
        "buttons:\n  main:\n    gpio: 99",
        "c.yaml:4: buttons.main.gpio: 99 is not a GPIO of this board (0-27)",
    ),
    "gpio_below_zero": (
        "lights: {red: {gpio: -1}}",
        "c.yaml:2: lights.red.gpio: -1 is not a GPIO of this board (0-27)",
    ),
    "yes_for_true": (
        "self_view: {mirror: yes}",
        "c.yaml:2: self_view.mirror: found yes; true or false is needed (yes means true)",
    ),
    "off_for_false": (
        "self_view: {mirror: OFF}",
        "c.yaml:2: self_view.mirror: found OFF; true or false is needed (OFF means false)",
    ),
    "true_in_quotes": (
        'self_view: {mirror: "true"}',
        'c.yaml:2: self_view.mirror: found the text "true"; write it without quotes: true',
    ),
    "number_for_true": (
        "self_view: {mirror: 1}",
        "c.yaml:2: self_view.mirror: found the number 1; true or false is needed",
    ),
    "truth_with_a_tag_that_lies": (
        "self_view: {mirror: !!bool perhaps}",
        "c.yaml:2: self_view.mirror: found a value marked bool; true or false is needed",
    ),
    "norway": (
        "device: {id: no}",
        "c.yaml:2: device.id: found no, which YAML reads as false; "
        'if it is meant as text, write it in quotes: "no"',
    ),
    "truth_for_text": (
        "device: {id: true}",
        'c.yaml:2: device.id: found true; if it is meant as text, write it in quotes: "true"',
    ),
    "number_for_text": (
        "device: {id: 007}",
        "c.yaml:2: device.id: found the number 007; "
        'if it is meant as text, write it in quotes: "007"',
    ),
    "date_for_text": (
        "device: {id: 2026-01-07}",
        "c.yaml:2: device.id: found the date 2026-01-07; "
        'if it is meant as text, write it in quotes: "2026-01-07"',
    ),
    "nothing_for_text": (
        "device: {socket_group: ~}",
        "c.yaml:2: device.socket_group: found nothing; the name of a Unix group is needed",
    ),
    "own_tag": (
        "device: {socket_group: !who me}",
        "c.yaml:2: device.socket_group: found a value marked !who; "
        "the name of a Unix group is needed",
    ),
    "text_that_does_not_fit": (
        "device: {id: ../7}",
        'c.yaml:2: device.id: found the text "../7"; '
        "a name of letters, digits, dots, dashes and underscores, at most 63, is needed",
    ),
    "relative_path": (
        "device: {state_dir: var/lib}",
        'c.yaml:2: device.state_dir: found the text "var/lib"; '
        "an absolute path, such as /var/lib/camerad, is needed",
    ),
    "runtime_dir_too_long_for_a_socket": (
        f"device: {{runtime_dir: /{'r' * 90}}}",
        f'c.yaml:2: device.runtime_dir: found the text "/{"r" * 56}..."; '
        "an absolute path of at most 80 characters, such as /run/camerad, is needed",
    ),
    "choice_with_a_slip": (
        "camera: {encoder: sofware}",
        'c.yaml:2: camera.encoder: found the text "sofware"; did you mean software?',
    ),
    "choice_of_something_else": (
        "camera: {encoder: nvenc}",
        'c.yaml:2: camera.encoder: found the text "nvenc"; '
        "one of these is needed: auto, software, hardware",
    ),
    "truth_for_a_choice": (
        "camera: {encoder: on}",
        "c.yaml:2: camera.encoder: found on, which YAML reads as true; "
        "one of these is needed: auto, software, hardware",
    ),
    "value_for_a_list": (
        "pre_event: {armed_in: idle}",
        'c.yaml:2: pre_event.armed_in: found the text "idle"; '
        "a list is needed, such as [idle, self_view]",
    ),
    "entry_that_cannot_be": (
        "pre_event: {armed_in: [self_view, recording]}",
        'c.yaml:2: pre_event.armed_in[1]: found the text "recording"; '
        "one of these is needed: idle, self_view",
    ),
    "entry_listed_twice": (
        "pre_event:\n  armed_in:\n    - self_view\n    - self_view",
        "c.yaml:5: pre_event.armed_in[1]: the same entry stands before it; keep one of them",
    ),
    "bitrate_over_its_maximum": (
        "camera:\n  bitrate: 9_000_000",
        "c.yaml:3: camera.bitrate: 9000000 is more than camera.max_bitrate (8000000); "
        "lower it, or change camera.max_bitrate",
    ),
    "maximum_below_the_bitrate": (
        "camera:\n  max_bitrate: 5_000_000",
        "c.yaml:3: camera.max_bitrate: 5000000 is less than camera.bitrate (6000000); "
        "raise it, or change camera.bitrate",
    ),
    "self_view_picture_wider_than_the_recorded_one": (
        "camera: {width: 640, lores_width: 800}",
        "c.yaml:2: camera.lores_width: 800 is more than camera.width (640); "
        "lower it, or change camera.width",
    ),
    "self_view_picture_higher_than_the_recorded_one": (
        "camera: {height: 200}",
        "c.yaml:2: camera.height: 200 is less than camera.lores_height (240); "
        "raise it, or change camera.lores_height",
    ),
    "a_rate_that_aac_does_not_have": (
        "microphone: {rate: 22_000}",
        "c.yaml:2: microphone.rate: 22000 is no sampling rate of AAC; those are 8000, 11025, "
        "12000, 16000, 22050, 24000, 32000, 44100, 48000",
    ),
    "a_microphone_without_a_name": (
        'microphone: {device: ""}',
        'c.yaml:2: microphone.device: found the text ""; the name of an ALSA device, such as '
        "plughw:CARD=mic, is needed",
    ),
    "full_before_low": (
        "storage: {low_minutes: 1}",
        "c.yaml:2: storage.low_minutes: 1 is less than storage.full_minutes (2); "
        "raise it, or change storage.full_minutes",
    ),
    "gpio_used_twice": (
        "lights:\n  green: {gpio: 5}\nbuzzer:\n  gpio: 5",
        "c.yaml:5: buzzer.gpio: GPIO 5 already serves lights.green.gpio (line 3); choose a free "
        "one: 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 18, 19, 20, 21, 22, 26",
    ),
    "gpio_of_a_default": (
        "buzzer: {gpio: 17}",
        "c.yaml:2: buzzer.gpio: GPIO 17 already serves buttons.main.gpio (its default); choose a "
        "free one: 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 18, 19, 20, 21, 26",
    ),
    "override_without_a_reason": (
        "overrides: {authorised_by: E. M.}",
        "c.yaml:2: overrides.reason: missing; a text of 1 to 1000 characters is needed",
    ),
    "override_by_nobody": (
        "overrides:\n  reason: Trial\n  authorised_by: ' '",
        'c.yaml:4: overrides.authorised_by: found the text " "; a text of 1 to 1000 '
        "characters is needed",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_mistake_is_named_with_its_line_what_was_found_and_what_is_allowed(
    name: str, write: Write
) -> None:
    text, message = CASES[name]
    assert check_file(write(f"policy: generic\n{text}\n")) == [message]


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
