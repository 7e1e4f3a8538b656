"""Cases of configuration mistakes, kept as text files beside the tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest


def vectors(name: str) -> list[Any]:
    """The cases of a file: ``== NAME``, lines of a configuration, and ``> MESSAGE``."""
    _, *cases = (Path(__file__).parent / name).read_text(encoding="utf-8").split("\n== ")
    found = []
    for case in cases:
        head, _, rest = case.partition("\n")
        text, _, message = f"\n{rest}".rpartition("\n> ")
        found.append(pytest.param(f"{text[1:]}\n" if text else "", message.rstrip("\n"), id=head))
    return found
