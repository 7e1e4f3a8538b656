"""Each program of the tests that the Makefile or a document names can be started."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.campaign

TREE = Path(__file__).parents[2]
NAMED = re.compile(r"-m (tests(?:\.\w+)+)")


def named() -> list[str]:
    """Their modules."""
    files = [TREE / "Makefile", TREE / "README.md", *sorted((TREE / "docs").glob("*.md"))]
    return sorted({name for file in files for name in NAMED.findall(file.read_text())})


def test_each_program_that_is_named_can_be_started() -> None:
    names = named()
    assert "tests.campaign" in names
    code = f"""
import importlib, importlib.util
for name in {names}:
    package = importlib.util.find_spec(name).submodule_search_locations
    importlib.import_module(name + ".__main__" if package else name)
"""
    # From the project's folder, as `python -m` does; some need the image's builder too.
    environment = {**os.environ, "PYTHONPATH": "config/image"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=TREE,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
