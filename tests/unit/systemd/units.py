"""What an installed camera gets besides the package: systemd/, as its README says where it goes."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Final

SOURCE: Final = Path(__file__).parents[3] / "systemd"
SERVICES: Final = sorted(path.name for path in SOURCE.glob("*.service"))
UNITS: Final = sorted(
    path.name
    for path in SOURCE.iterdir()
    if path.suffix in {".service", ".path", ".timer", ".mount"}
)

_ROW: Final = re.compile(r"^\| (`[^|]+`) \| `(/[^`|]+)` \|", re.MULTILINE)


def places() -> dict[str, Path]:
    """Where each file goes, by the table of systemd/README.md."""
    found = {}
    for names, target in _ROW.findall((SOURCE / "README.md").read_text()):
        for name in re.findall(r"`([^`]+)`", names):
            found[name] = Path(target) / name if target.endswith("/") else Path(target)
    return found


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
