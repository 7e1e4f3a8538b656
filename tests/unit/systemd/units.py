"""What an installed camera gets besides the package: systemd/, as its README says where it goes."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Final

import camerad_image.units

SOURCE: Final = Path(__file__).parents[3] / "systemd"
SERVICES: Final = sorted(path.name for path in SOURCE.glob("*.service"))
UNITS: Final = sorted(
    path.name
    for path in SOURCE.iterdir()
    if path.suffix in {".service", ".path", ".timer", ".mount"}
)


def places() -> dict[str, Path]:
    """Where each file goes, by the table of systemd/README.md."""
    return camerad_image.units.places((SOURCE / "README.md").read_text())


def install(root: Path) -> None:
    """Put every file where it goes, below `root`."""
    for name, target in places().items():
        path = root / target.relative_to("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(SOURCE / name, path)


def settings(name: str) -> dict[str, list[str]]:
    """The settings of a file, by "Section.Key"; one that is given several times has all values."""
    found: dict[str, list[str]] = {}
    section = ""
    for line in (SOURCE / name).read_text().splitlines():
        if match := re.fullmatch(r"\[(\w+)\]", line):
            section = match[1]
        elif match := re.fullmatch(r"(\w+)=(.*)", line):
            found.setdefault(f"{section}.{match[1]}", []).append(match[2])
    return found


def one(name: str, key: str) -> str:
    """The value of a setting that a file has once."""
    (value,) = settings(name)[key]
    return value


_SPANS: Final = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0, "day": 86_400.0}


def seconds(text: str) -> float:
    """A time span with one unit, as systemd.time(7) writes it."""
    match = re.fullmatch(r"(\d+)(ms|s|min|h|day)", text)
    assert match is not None, text
    return int(match[1]) * _SPANS[match[2]]
