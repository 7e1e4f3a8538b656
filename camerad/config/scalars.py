"""Checks one value of the file against its setting, and words the mistake.

Nothing is guessed and nothing is converted silently. A number in quotes, ``yes`` for true, or
``017`` (which YAML 1.1 reads as fifteen) is a mistake, and the message says what to type instead.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import pyrage
import yaml

from camerad.config import fields
from camerad.config.document import holds_secret, printable
from camerad.config.fields import Setting

_DECIMAL: Final = re.compile(r"[-+]?(0|[1-9][0-9_]*)(\.[0-9]+)?")
_NUMBERS: Final = ("int", "float")
_TRUTH: Final[dict[str, bool]] = yaml.SafeLoader.bool_values
"""The words that YAML 1.1 takes for true and false: yes, no, on, off, true, false."""
_PASSWORD: Final = re.compile(r"(?<=://)[^/@?#]*(?=@)|(?i:(?<=password=))[^&#]*")
"""In an address: user and password before the name of a computer, and one in the query."""
_HIDDEN: Final = "***"


class WrongValueError(ValueError):
    """Error raised when a value is not allowed; the text says what was found and what is allowed.

    It never leaves this package: it becomes a Mistake.
    """


def read_scalar(setting: Setting, node: yaml.Node) -> Any:
    """The value of `node` in the type of `setting`. Raises WrongValueError if it is not allowed."""
    if setting.mark(fields.Secret):
        return _secret(setting, node)
    if isinstance(node, yaml.ScalarNode):
        if setting.kind is bool:
            return _bool(setting, node)
        if setting.kind in (int, float):
            return _number(setting, node)
        return _text(setting, node)
    raise _refused(node, describe_allowed(setting))


def describe_found(node: yaml.Node) -> str:
    """The value in the file, in words; also YAML's reading of it, if that is surprising."""
    if isinstance(node, yaml.MappingNode):
        return "a section"
    if isinstance(node, yaml.SequenceNode):
        return "a list"
    tag = _tag(node)
    text = printable(str(node.value))
    if holds_secret(node.value):
        return "a private key, which never belongs on a camera"
    if tag == "str":
        # A message goes into a log: it must not say a password that stands where none belongs.
        return f"the text {quoted(_PASSWORD.sub(_HIDDEN, node.value))}"
    if tag == "null":
        return "nothing"
    if tag == "bool" and node.value.lower() in _TRUTH:
        return text if text in ("true", "false") else f"{text}, which YAML reads as {_truth(node)}"
    if tag in _NUMBERS:
        return f"the number {text}"
    if tag == "timestamp":
        return f"the date {text}"
    return f"a value marked {printable(tag)}"


def describe_allowed(setting: Setting) -> str:
    """The allowed values of a setting, in words."""
    kind = setting.kind
    if fields.is_section(kind):
        return f"a section is needed, with: {', '.join(s.key for s in fields.settings_of(kind))}"
    if fields.is_list(kind):
        if matches := fields.item_of(setting).mark(fields.Matches):
            return f"a list in brackets is needed, each entry {matches.meaning}"
        return f"a list is needed, such as [{_example(fields.item_of(setting))}]"
    if kind is bool:
        return "true or false is needed"
    if setting.mark(fields.Gpio):
        return f"a GPIO number is needed ({fields.GPIO_LOW}-{fields.GPIO_HIGH})"
    if kind in (int, float):
        return f"a {'whole ' if kind is int else ''}number is needed, {setting.mark(fields.Range)}"
    if matches := setting.mark(fields.Matches):
        return f"{matches.meaning} is needed"
    choices = fields.choices_of(setting)
    return f"one of these is needed: {', '.join(choices)}" if choices else "a text is needed"


def is_nothing(node: yaml.Node) -> bool:
    """Whether the node is YAML's null, as after a key with all its lines commented out."""
    return _tag(node) == "null"


def suggest(text: str, known: Iterable[str]) -> str:
    """The known word that `text` resembles or begins, as a question; nothing if there is none."""
    words = list(known)
    near = difflib.get_close_matches(text.lower(), words, n=1, cutoff=0.7)
    near += [word for word in words if text and word.startswith(text.lower())]
    return f"did you mean {near[0]}?" if near else ""


def quoted(text: str) -> str:
    """Text of the file within a message."""
    return f'"{printable(text)}"'


def _refused(node: yaml.Node, advice: str) -> WrongValueError:
    """The error for a value that is not allowed."""
    return WrongValueError(f"found {describe_found(node)}; {advice}")


def _example(item: Setting) -> str:
    if fields.is_section(item.kind):
        return "{...}, {...}"
    return ", ".join(fields.choices_of(item))


def _tag(node: yaml.Node) -> str:
    return str(node.tag).removeprefix("tag:yaml.org,2002:")


def _truth(node: yaml.Node) -> str:
    return str(_TRUTH[node.value.lower()]).lower()


def _bool(setting: Setting, node: yaml.ScalarNode) -> bool:
    word = node.value.lower()
    if word not in _TRUTH or _tag(node) not in ("bool", "str"):
        raise _refused(node, describe_allowed(setting))
    if _tag(node) == "str":
        raise _refused(node, f"write it without quotes: {_truth(node)}")
    if word not in ("true", "false"):
        raise WrongValueError(
            f"found {node.value}; {describe_allowed(setting)} ({node.value} means {_truth(node)})"
        )
    return _TRUTH[word]


def _number(setting: Setting, node: yaml.ScalarNode) -> float:
    text = node.value
    tag = _tag(node)
    decimal = _DECIMAL.fullmatch(text)
    if tag == "str" and decimal:
        raise _refused(node, f"write the number without quotes: {text}")
    if tag not in _NUMBERS:
        raise _refused(node, describe_allowed(setting))
    if not decimal:
        raise WrongValueError(
            f"found {printable(text)}{_surprise(node)}; {describe_allowed(setting)}, in digits 0-9"
        )
    if setting.kind is int and "." in text:
        raise _refused(node, f"{describe_allowed(setting)}, without a decimal point")
    number = float(text.replace("_", ""))
    if setting.mark(fields.Gpio) and not fields.GPIO_LOW <= number <= fields.GPIO_HIGH:
        limits = f"{fields.GPIO_LOW}-{fields.GPIO_HIGH}"
        raise WrongValueError(f"{printable(text)} is not a GPIO of this board ({limits})")
    bounds = setting.mark(fields.Range)
    if bounds and not bounds.low <= number <= bounds.high:
        raise WrongValueError(f"{printable(text)} is out of range; {describe_allowed(setting)}")
    if setting.mark(fields.Even) and number % 2:
        raise WrongValueError(
            f"{text} is odd; an even number is needed, such as {fields.plain_number(number - 1)}"
        )
    return setting.kind(number)  # type: ignore[no-any-return]


def _surprise(node: yaml.ScalarNode) -> str:
    """YAML 1.1's reading of 017 (octal), 0x11 or 1:30 (base sixty), where it is a number."""
    try:
        return f", which YAML reads as {yaml.SafeLoader('').construct_yaml_int(node)}"
    except ValueError:
        return ""


def _secret(setting: Setting, node: yaml.Node) -> str:
    matches = setting.mark(fields.Matches)
    good = isinstance(node, yaml.ScalarNode) and _tag(node) == "str"
    if not good or matches is None or not re.fullmatch(matches.pattern, node.value):
        raise WrongValueError(
            f"what stands here is not repeated; {describe_allowed(setting)}, in quotes"
        )
    return str(node.value)


def _text(setting: Setting, node: yaml.ScalarNode) -> Any:
    text = node.value
    kind = setting.kind
    words = fields.choices_of(setting)
    if setting.mark(fields.Recipient) and holds_secret(text):
        raise WrongValueError(
            f"found {describe_found(node)}; take it away, give its public half (age1...), and make "
            "a new pair for the office, since every reader of this file knows this one"
        )
    if _tag(node) != "str":
        if not words and _tag(node) in ("bool", "timestamp", *_NUMBERS):
            raise _refused(node, f"if it is meant as text, write it in quotes: {quoted(text)}")
        raise _refused(node, describe_allowed(setting))
    if words:
        if text not in words:
            raise _refused(node, suggest(text, words) or describe_allowed(setting))
        return kind(text) if fields.is_enum(kind) else text
    matches = setting.mark(fields.Matches)
    if matches and not re.fullmatch(matches.pattern, text):
        raise _refused(node, describe_allowed(setting))
    if setting.mark(fields.Recipient):
        try:
            pyrage.x25519.Recipient.from_str(text)
        except pyrage.RecipientError:
            raise WrongValueError(
                f"found {quoted(text[:12] + '...')}, in which a character is wrong; copy the key "
                "again, as a whole"
            ) from None
    return Path(text) if kind is Path else text
