"""Reads an office's table of cameras: CSV, one row for each camera.

A spreadsheet writes what its country is used to: commas, semicolons or tabs, a first line that says
which (sep=;), rows and columns that are empty, a byte order mark. All of that is read; what could
mean two things is told.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from typing import Final

from camerad.base.errors import EX_CONFIG, CameradError
from camerad.base.safe_read import read_plain
from camerad.base.text import printable

MOST_CAMERAS: Final = 1000
NAME: Final = "device.id"
"""The column that has to be there."""
_LARGEST: Final = 4 << 20
_DELIMITERS: Final = ",;\t"
_SEPARATOR: Final = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)


class TableError(CameradError, ValueError):
    """Error raised when a table of cameras cannot be read; the text says where and what to do."""

    exit_code = EX_CONFIG


def read_table(path: str) -> list[tuple[int, dict[str, str]]]:
    """The rows of a table, each with its line: what stands in it, by column. A column is called by
    the setting's path, such as device.id or wifi.ssid; rows without a word are left out.

    Raises TableError and StorageError.
    """
    text = _decoded(path, read_plain(path, "table", _LARGEST + 1, linked=True))
    delimiter, text = _delimited(path, text)
    lines = ((line, cells) for line, cells in _lines(path, text, delimiter) if any(cells))
    head, columns = next(lines, (1, [""]))
    for column in columns:
        if column and columns.count(column) > 1:
            raise TableError(f"{path}:{head}: two columns are called {_said(column)}; remove one")
    if NAME not in columns:
        raise TableError(
            f"{path}:{head}: a column device.id is needed, and more as wanted (wifi.ssid)"
        )
    rows = []
    for line, cells in lines:
        if len(cells) != len(columns):
            raise TableError(
                f"{path}:{line}: this row has another number of columns than the first; put text "
                f"with a {'tab' if delimiter == chr(9) else delimiter} in quotes"
            )
        row = dict(zip(columns, cells, strict=True))
        if any(cell and not column for column, cell in zip(columns, cells, strict=True)):
            raise TableError(
                f"{path}:{line}: there is something in a column without a name; write the "
                "setting's path into its first row, or empty it"
            )
        if not row[NAME]:
            raise TableError(f"{path}:{line}: device.id is empty; write the name on the housing")
        rows.append((line, row))
    if not rows or len(rows) > MOST_CAMERAS:
        raise TableError(f"{path}: {len(rows)} cameras; 1 to {MOST_CAMERAS} are allowed")
    return rows


def _decoded(path: str, content: bytes) -> str:
    if len(content) > _LARGEST:
        raise TableError(f"{path}: larger than {_LARGEST >> 20} MiB, so it is some other file")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise TableError(
            f"{path}:{line}: not UTF-8 text (byte {content[error.start]:#04x}); save the table as "
            "CSV in UTF-8, which a spreadsheet offers beside plain CSV"
        ) from None


def _delimited(path: str, text: str) -> tuple[str, str]:
    """What stands between the cells of a table, by its first line with a word, and its text without
    the line that only says so; in the place of that one is an empty line."""
    lines = text.split("\n")
    at = next((at for at, line in enumerate(lines) if line.strip(f'{_DELIMITERS}" \r')), 0)
    said = _SEPARATOR.fullmatch(lines[at])
    if said is None:
        return max(_DELIMITERS, key=lines[at].count), text
    if said[1] not in _DELIMITERS:
        raise TableError(
            f"{path}:{at + 1}: {_said(lines[at].strip())}: commas, semicolons and tabs are read; "
            "save the table with one of them"
        )
    return said[1], "\n".join([*lines[:at], "", *lines[at + 1 :]])


def _lines(path: str, text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Each row with the line in which it begins, its cells without the spaces around them."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    before = 0
    try:
        for cells in reader:
            yield before + 1, [cell.strip() for cell in cells]
            before = reader.line_num
    except csv.Error as error:
        raise TableError(f"{path}:{before + 1}: {error}; save the table anew") from None


def _said(text: str) -> str:
    return printable(text)[:80]
