"""Scenes that tests play: examples in a text file beside the test, line by line.

``== NAME`` begins a scene; empty lines and lines that begin with ``#`` are for the reader.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest


def scenes_of(path: Path) -> dict[str, list[str]]:
    """The lines of each scene in a file, by its name, which no other scene in it has."""
    _, *texts = path.read_text(encoding="utf-8").split("\n== ")
    found = {}
    for text in texts:
        name, *lines = (line for line in text.splitlines() if line and line[0] != "#")
        assert name not in found, f"{path}: two scenes are called {name!r}"
        found[name] = lines
    return found


def as_parameters(test: str, name: str) -> list[Any]:
    """The scenes in the file `name` beside a test's file, as pytest takes parameters."""
    found = scenes_of(Path(test).with_name(name))
    return [pytest.param(lines, id=scene) for scene, lines in found.items()]
