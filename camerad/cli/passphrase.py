"""Reads a passphrase from the terminal, or from the first line of a file."""

from __future__ import annotations

import getpass
from typing import Final

from camerad.base.errors import EX_USAGE, CameradError

_LONGEST: Final = 4096


class PassphraseError(CameradError, ValueError):
    """Error raised when there is no passphrase to be had; the text says what to do."""

    exit_code = EX_USAGE


def ask(question: str) -> str:
    """The answer of whoever sits at the terminal. Raises PassphraseError if nobody does."""
    try:
        return getpass.getpass(question)
    except EOFError:
        raise PassphraseError(
            "nobody answers the question for a passphrase; name a file with --passphrase-file"
        ) from None


def read(path: str) -> str:
    """The first line of a file. Raises PassphraseError."""
    try:
        with open(path, encoding="utf-8") as file:
            return file.readline(_LONGEST).rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text in UTF-8"
        raise PassphraseError(
            f"{path}: the passphrase cannot be read: {why}; name another file"
        ) from None
