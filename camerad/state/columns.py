"""Column types that have the same order and range in SQLite and PostgreSQL."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, String, Text

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
