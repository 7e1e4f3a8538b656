"""Parses a YAML file into nodes that know their line, and collects mistakes.

A node still has its place and the text as it was typed; PyYAML's values do not. So a message can
say that ``no`` was read as false, or ``017`` as fifteen.
"""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import yaml

from camerad.base.errors import ConfigError

MAX_BYTES = 1 << 20
"""A configuration has a few kilobytes; a longer file is something else, or a device."""

_SHOWN = 60
"""Characters of a value that a message repeats."""

_SECRET = re.compile(r"AGE-SECRET-KEY-\w+", re.IGNORECASE)
"""The private half of a key pair of age. No message and no log may repeat it."""


class Mistake(msgspec.Struct, frozen=True):
    """One mistake: `where` is the key's path (``buttons.main.gpio``), empty for the whole file.

    `line` and `column` count from 1; 0 means that the file has no such place.
    """

    file: str
    line: int
    where: str
    text: str
    column: int = 0

    def __str__(self) -> str:
        place = self.file
        place += f":{self.line}" if self.line else ""
        place += f":{self.column}" if self.column else ""
        return f"{place}: {self.where}: {self.text}" if self.where else f"{place}: {self.text}"


class NoDocumentError(ConfigError):
    """Error raised when a file has no YAML document to read settings from."""

    def __init__(self, mistake: Mistake) -> None:
        super().__init__([str(mistake)])
        self.mistake = mistake


def holds_secret(text: str) -> bool:
    """Whether a private key of age is in the text."""
    return _SECRET.search(text) is not None


def printable(text: str) -> str:
    """`text` on one line, without control characters and secrets, shortened if it is long."""
    text = _SECRET.sub("AGE-SECRET-KEY-(not repeated here)", text)
    text = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."


def read_document(path: Path, hint: str = "") -> yaml.Node:
    """Read the one YAML document in the file at `path`.

    Raises NoDocumentError if the file is missing, cannot be read, is empty or is not YAML. hint:
    what to do about a missing or an empty file.
    """
    return parse_document(str(path), read_bytes(path, hint), hint)


def parse_document(file: str, data: bytes, hint: str = "") -> yaml.Node:
    """The one YAML document in `data`, the content of `file`; as `read_document`."""
    text = _decode(file, data)
    try:
        node = yaml.SafeLoader(text).get_single_node()
    except yaml.MarkedYAMLError as error:
        raise NoDocumentError(_broken(file, error)) from None
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        column = len(before) - (before.rfind("\n") + 1) + 1
        found = f"not valid YAML: a character that cannot be typed (code {error.character:#x})"
        line = before.count("\n") + 1
        raise NoDocumentError(Mistake(file, line, "", f"{found}; delete it", column)) from None
    except RecursionError:
        found = "not a configuration: far too deeply nested; at most six levels are needed"
        raise NoDocumentError(Mistake(file, 1, "", found)) from None
    if node is None:
        raise NoDocumentError(Mistake(file, 0, "", f"the file is empty{hint}"))
    return node


def read_bytes(path: Path, hint: str = "") -> bytes:
    """The content of the file at `path`; as `read_document`."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise NoDocumentError(Mistake(str(path), 0, "", f"there is no such file{hint}")) from None
    except IsADirectoryError:
        found = "this is a directory; name the file in it"
        raise NoDocumentError(Mistake(str(path), 0, "", found)) from None
    except PermissionError:
        found = "this user may not read the file; run this as a user who may"
        raise NoDocumentError(Mistake(str(path), 0, "", found)) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        found = f"the file cannot be read: {reason}; check the name and the card"
        raise NoDocumentError(Mistake(printable(str(path)), 0, "", found)) from None
    if len(data) > MAX_BYTES:
        found = f"larger than {MAX_BYTES // 1024} KiB, so this is no configuration"
        raise NoDocumentError(Mistake(str(path), 0, "", f"{found}; name a YAML file of camerad"))
    return data


def _decode(file: str, data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        column = len(before) - (before.rfind(b"\n") + 1) + 1
        found = f"not UTF-8 text (byte {data[error.start]:#04x})"
        line = before.count(b"\n") + 1
        mistake = Mistake(file, line, "", f"{found}; save the file as UTF-8", column)
        raise NoDocumentError(mistake) from None


_EXPLAINED = (
    (r"'\\t'", "a tab; indent with spaces only"),
    (r"another document", 'a second document begins here; remove the line "---"'),
    (
        r"mapping values are not allowed",
        "this colon cannot stand here; check that this line begins "
        "as far right as its neighbours, and put text that has a colon in quotes",
    ),
    (r"unexpected end of stream", "the quote opened in line {since} is never closed; close it"),
    (r"expected ',' or", "the bracket opened in line {since} is not closed; close it"),
    (
        r"expected <block end>",
        "this line does not fit the section begun in line {since}; indent it "
        "exactly as far as that section's other lines",
    ),
    (r"could not find expected ':'", 'a key without a colon; write "key: value"'),
    (
        r"alias|alphabetic or numeric|but found '\\x00'",
        "a text begins with *, & or !; put it in quotes",
    ),
    (r"character '(.)' that cannot start", "a text begins with {0}; put it in quotes"),
)
"""PyYAML's errors (patterns), and the message for a technician: the mistake; the remedy."""


def _broken(file: str, error: yaml.MarkedYAMLError) -> Mistake:
    """PyYAML's error on one line, at the place of the problem, with the advice that most often
    helps."""
    problem = error.problem or str(error)
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
    since = error.context_mark.line + 1 if error.context_mark else line
    told = f"{problem}; check indentation, colons, brackets and quotes here and in the line above"
    for pattern, explained in _EXPLAINED:
        if match := re.search(pattern, problem):
            told = explained.format(*match.groups(), since=since)
            break
    told = "".join(c if c.isprintable() else " " for c in told)
    return Mistake(file, line, "", f"not valid YAML: {told}", column)
