"""What a unit may do, as `systemd-analyze security` counts it, and what its file says of that."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest


def need(program: str) -> str:
    """Where a program is; skips the test if it is nowhere."""
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"{program} is not installed")
    return found


def _analyzed(unit: Path, *options: str) -> str:
    command = [need("systemd-analyze"), "security", "--offline=true", "--no-pager", *options]
    done = subprocess.run([*command, str(unit)], capture_output=True, text=True, check=False)
    assert done.stdout, done.stderr
    return done.stdout


def exposure(unit: Path) -> float:
    """Of 10."""
    text = _analyzed(unit)
    match = re.search(r"Overall exposure level for \S+: ([\d.]+)", text)
    assert match is not None, text
    return float(match[1])


def allowed(unit: Path) -> set[str]:
    """Every check that finds something to object to, by its name."""
    checks: list[dict[str, Any]] = json.loads(_analyzed(unit, "--json=short"))
    return {
        # Called after both of its settings.
        "RootDirectory" if check["json_field"].startswith("RootDirectory") else check["json_field"]
        for check in checks
        if check["set"] is False
    }


def explained(unit: Path) -> set[str]:
    """Every check of which the file says why it is no objection here."""
    text = unit.read_text().replace("\n# ", " ")
    found: set[str] = set()
    for names in re.findall(r"EXCEPTION ([\w, ]+):", text):
        found |= set(names.replace(" ", "").split(","))
    return found
