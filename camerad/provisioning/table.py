"""A table of cameras, as an office keeps it in a spreadsheet: CSV, a row for each camera.

A spreadsheet writes what its country is used to: commas, semicolons or tabs, rows and columns that
are empty, a byte order mark. All of that is read; what could mean two things is told.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Final

from camerad.errors import EX_CONFIG, CameradError
from camerad.evidence.plain import read_plain
from camerad.evidence.text import printable

MOST_CAMERAS: Final = 1000
NAME: Final = "device.id"
"""The column that has to be there."""
_LARGEST: Final = 4 << 20
_DELIMITERS: Final = ",;\t"


class TableError(CameradError, ValueError):
    """Error raised when a table of cameras cannot be read; the text says where and what to do."""

    exit_code = EX_CONFIG


def read_table(path: str) -> list[tuple[int, dict[str, str]]]:
    """The rows of a table, each with its line: what stands in it, by column. A column is called by
    the setting's path, such as device.id or wifi.ssid; rows without a word are left out.

    Raises TableError and StorageError.
    """
    text = _decoded(path, read_plain(path, "table", _LARGEST + 1))
    first = text.partition("\n")[0]
    delimiter = max(_DELIMITERS, key=first.count)
    lines = _lines(path, text, delimiter)
    columns = next(lines, (1, [""]))[1]
    for column in columns:
        if column and columns.count(column) > 1:
            raise TableError(f"{path}:1: two columns are called {_said(column)}; remove one")
    if NAME not in columns:
        raise TableError(f"{path}:1: a column device.id is needed, and more as wanted (wifi.ssid)")
    rows = []
    for line, cells in lines:
        if not any(cells):
            continue
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
