"""Who can open what is recorded: public keys of age, and never a private one."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from camerad.config import check_file, load, policies, render

Write = Callable[..., Path]

OFFICE = "age1dj8vn8y4n8ldhcl8fdxtjwyly66ghsl54mv3aaklxscquuxmls0q9w0q6n"
SPARE = "age1rmpz6lv0fenc5mtprp52pc2wveryllwwrf95vd7tsudku5nffvvsd8je57"
DEMONSTRATION = Path(__file__).parents[3] / "hw-mocks" / "demo-office.txt"
SECRET = DEMONSTRATION.read_text(encoding="ascii").splitlines()[-1]
A_LIST = (
    "a list in brackets is needed, "
    "each entry a public key of age (age1 and 58 characters behind it)"
)


def test_several_offices_may_open_what_is_recorded(write: Write) -> None:
    settings = load(write(f"policy: generic\nrecipients:\n  - {OFFICE}\n  - {SPARE}\n"))
    assert settings.recipients == (OFFICE, SPARE)
    assert load(write(render(settings))).recipients == (OFFICE, SPARE)


@pytest.mark.parametrize("text", ["", "recipients: []\n"])
def test_without_recipients_the_configuration_is_sound(text: str, write: Write) -> None:
    settings = load(write(f"policy: generic\n{text}"))
    assert settings.recipients == ()
    assert load(write(render(settings))).recipients == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            f"[{OFFICE}, {SPARE[:-1]}q]",
            'recipients[1]: found "age1rmpz6lv0...", in which a character is wrong; copy the key '
            "again, as a whole",
        ),
        (
            f"[{OFFICE[:-1]}]",
            f'recipients[0]: found the text "{OFFICE[:57]}..."; a public key of age (age1 and 58 '
            "characters behind it) is needed",
        ),
        (
            f"[{OFFICE.upper()}]",
            f'recipients[0]: found the text "{OFFICE[:57].upper()}..."; a public key of age (age1 '
            "and 58 characters behind it) is needed",
        ),
        (
            f"[{OFFICE}, {OFFICE}]",
            "recipients[1]: the same entry stands before it; keep one of them",
        ),
        (
            "office",
            f'recipients: found the text "office"; {A_LIST}',
        ),
        ("", f"recipients: found nothing; {A_LIST}"),
    ],
)
def test_a_mistake_in_a_recipient_is_named_with_its_line(
    text: str, said: str, write: Write
) -> None:
    assert check_file(write(f"policy: generic\n\nrecipients: {text}\n")) == [f"c.yaml:3: {said}"]


@pytest.mark.parametrize("secret", [SECRET, SECRET.lower(), f'" {SECRET} "'])
def test_a_private_key_in_place_of_a_public_one_is_named_as_what_it_is(
    secret: str, write: Write
) -> None:
    path = write(f"policy: generic\nrecipients:\n  - {OFFICE}\n  - {secret}\n")
    assert check_file(path) == [
        "c.yaml:4: recipients[1]: found a private key, which never belongs on a camera; take it "
        "away, give its public half (age1...), and make a new pair for the office, since every "
        "reader of this file knows this one"
    ]


@pytest.mark.parametrize(
    "text",
    [
        f"recipients: {SECRET}",
        f"recipients: {{{SECRET}: 1}}",
        f"{SECRET}: 1",
        f"recipients: [[{SECRET}]]",
        f"camera: {{fps: {SECRET}}}",
        f"device: {{id: 'x {SECRET}'}}",
        f"buttons: {{{SECRET}: {{gpio: 4}}}}",
        f"recipients: [!{SECRET} x]",
    ],
)
def test_no_message_repeats_a_private_key_wherever_it_stands(text: str, write: Write) -> None:
    mistakes = check_file(write(f"policy: generic\n{text}\n"))
    assert mistakes
    assert SECRET[20:40] not in "".join(mistakes).upper()


def test_the_example_in_the_shipped_configuration_shows_the_form() -> None:
    text = (policies.shipped_directories()[0] / "camerad.yaml").read_text(encoding="utf-8")
    example = re.search(r"(?m)^# recipients:\n(?:#   - .*\n)+", text)
    assert example is not None
    shown = yaml.safe_load(re.sub(r"(?m)^# ", "", example[0]))
    assert shown == {"recipients": ["age1...", "age1..."]}
