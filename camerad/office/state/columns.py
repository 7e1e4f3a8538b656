"""Columns with the same order and range in SQLite and PostgreSQL, and rows as typed records."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeVar

from sqlalchemy import BigInteger, Boolean, Column, String, Text

from camerad.base import typed_json

_T = TypeVar("_T")
TEXT: Final = String().with_variant(Text(collation="C"), "postgresql")


def text_column(name: str, *, key: bool = False, empty: bool = False) -> Column[str]:
    """Text, compared by its code points. key: part of the primary key. empty: may be NULL."""
    return Column(name, TEXT, primary_key=key, nullable=empty and not key)


def number_column(name: str, *, key: bool = False, empty: bool = False) -> Column[int]:
    """A whole number of 64 bits. key, empty: as of `text_column`."""
    return Column(
        name, BigInteger, primary_key=key, autoincrement=False, nullable=empty and not key
    )


def flag_column(name: str) -> Column[bool]:
    """True or false."""
    return Column(name, Boolean, nullable=False)


def record_of(row: Mapping[Any, Any], kind: type[_T], **more: object) -> _T:
    """A row as a record of this type, whose fields are columns. more: fields that are none."""
    # Names of columns are of a kind of str that msgspec does not take.
    return typed_json.convert({str(name): value for name, value in row.items()} | more, kind)
