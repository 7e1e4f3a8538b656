"""Looks at the board itself: what it is, what runs on it, and how its memory is divided."""

from __future__ import annotations

import os
import platform
import re
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from camerad.doctor.check_results import CheckResult, FindingId

TREE: Final = Path("/proc/device-tree")
MEMORY: Final = Path("/proc/meminfo")
HEAPS: Final = Path("/dev/dma_heap")
OPENED: Final = frozenset(("vidbuf_cached", "linux,cma"))
"""The heaps of memory for pictures that picamera2 opens (its dma_heap.py)."""
MOST_RESERVED: Final = 0.4
"""More of the memory set aside for pictures leaves too little for the ring and the daemon: the
display driver's own default takes half of a Zero 2 W's."""


def check_board(tree: Path = TREE, memory: Path = MEMORY, heaps: Path = HEAPS) -> CheckResult:
    """Look at the board; never fails."""
    return judge_board(
        {
            "model": _text(tree / "model") or "-",
            "loader": _text(tree / "chosen/bootloader/version") or "-",
            **_memory(memory),
            "heaps": " ".join(sorted(one.name for one in heaps.glob("*"))) or "-",
            "kernel": platform.release(),
            "machine": platform.machine(),
            "cores": os.cpu_count() or 1,
            "system": platform.freedesktop_os_release().get("PRETTY_NAME", "-"),
            "libcamera": _version("libcamera"),
            "picamera2": _version("picamera2"),
        }
    )


def judge_board(values: dict[str, Any]) -> CheckResult:
    """Judge whether there is memory for pictures, and not too much."""
    if values["model"] == "-":
        return FindingId.BOARD_UNKNOWN.found(**values)
    # A camera at USB needs none, and on a kernel without any there is no other.
    if values["heaps"] != "-" and not OPENED & set(values["heaps"].split()):
        return FindingId.BOARD_NO_HEAP.found(**values)
    reserved = values["reserved_mb"] > values["memory_mb"] * MOST_RESERVED
    return (FindingId.BOARD_RESERVES if reserved else FindingId.BOARD_OK).found(**values)


def _text(path: Path) -> str:
    """A property of the device tree that is text, or ""."""
    try:
        return path.read_bytes().rstrip(b"\0").decode("ascii", "replace")
    except OSError:
        return ""


def _memory(path: Path) -> dict[str, int]:
    text = path.read_text(encoding="ascii")
    kib = {name: int(number) for name, number in re.findall(r"^(\w+): +(\d+) kB$", text, re.M)}
    return {"memory_mb": kib["MemTotal"] // 1024, "reserved_mb": kib.get("CmaTotal", 0) // 1024}


def _version(name: str) -> str:
    """Of an installed library; libcamera is a package of the system's, which says it itself."""
    if name == "libcamera":
        found = sorted(Path("/usr/lib").glob("*/libcamera.so.*.*.*"))
        return found[-1].name.removeprefix("libcamera.so.") if found else "-"
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "-"
