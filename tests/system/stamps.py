"""Reads the stamp back out of decoded pictures, by a program that knows nothing of it.

Tesseract reads text in pictures (Debian's tesseract-ocr). It is shown the dark band at the bottom
left of each picture, where the stamp is said to be, dark on bright as it prefers, and half as large
again. What of the film stands beside the band it would take for letters.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from tests.system.aside import aside

ROWS: Final = 16
"""The stamp is lower than a 16th of the picture, ..."""
COLUMNS: Final = 0.55
"""... and narrower than this share of it."""
DARK: Final = 36
"""The band, which is 16 in luma, is darker than this; few things in a film are."""
LARGER: Final = 1.5
"""How tesseract is shown it. Of 360 stamps it misreads six at twice the size ("9+" as "94+"), at
three times one of a larger film, and of 1,920 none at this."""
PRE: Final = "PRE"
NEVER: Final = "@"
"""No stamp has it, and tesseract took the 0 of a name for one."""
# Where there is a space between characters tesseract has to guess.
_TIME: Final = " ?".join(r"\d" if one == "0" else re.escape(one) for one in "0000-00-0000:00:00")
_OFFSET: Final = r" ?[+-] ?\d ?\d ?: ?\d ?\d"
_SHAPE: Final = re.compile(rf"({_TIME}{_OFFSET})(?P<mark> ?\?)? +(?P<rest>[^ ].*)")


@dataclass(frozen=True)
class Stamp:
    """What one picture says. second: of Unix time. rest: the words behind the time; what tesseract
    makes of the picture beside the band may follow."""

    second: int
    offset_minutes: int
    marked: bool
    rest: tuple[str, ...]

    @property
    def device(self) -> str:
        return self.rest[0]

    @property
    def pre(self) -> bool:
        return self.rest[1:2] == (PRE,)


@aside
def read(pictures: Iterable[NDArray[np.uint8]]) -> list[Stamp]:
    """The stamps of pictures, (height, width) uint8 each, in their order. AssertionError if one of
    them has none to read.

    All by one process: to begin takes it longer than to read several.
    """
    with tempfile.TemporaryDirectory(prefix="stamps-") as folder:
        strips = []
        for number, luma in enumerate(pictures):
            strips.append(os.path.join(folder, f"{number}.png"))
            assert cv2.imwrite(strips[-1], _shown(luma))
        pages = os.path.join(folder, "pages.txt")
        Path(pages).write_text("".join(f"{strip}\n" for strip in strips))
        done = subprocess.run(
            # One line of text in each.
            ["tesseract", pages, "-", "--psm", "7", "-c", f"tessedit_char_blacklist={NEVER}"],
            capture_output=True,
            timeout=60 + len(strips),
            check=True,
            env={**os.environ, "OMP_THREAD_LIMIT": "1"},
        )
    texts = done.stdout.decode().split("\f")
    assert len(texts) == len(strips), done.stdout
    return [_understood(text.strip()) for text in texts]


def _shown(luma: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """What tesseract is shown of a picture."""
    strip: NDArray[np.uint8] = 255 - _band(luma)
    large = cv2.resize(strip, None, fx=LARGER, fy=LARGER, interpolation=cv2.INTER_CUBIC)
    framed = cv2.copyMakeBorder(large, 20, 20, 20, 20, cv2.BORDER_CONSTANT, value=(255,))
    return np.asarray(framed, dtype=np.uint8)


def _understood(text: str) -> Stamp:
    found = _SHAPE.search(text)
    assert found is not None, f"no stamp in what was read: {text!r}"
    written = found[1].replace(" ", "")
    when = datetime.fromisoformat(f"{written[:10]} {written[10:]}")
    offset = when.utcoffset()
    assert offset is not None
    return Stamp(
        round(when.timestamp()),
        round(offset.total_seconds() / 60),
        found["mark"] is not None,
        tuple(found["rest"].split()),
    )


def _band(luma: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The dark band, without what of the picture stands above it and to its right."""
    height, width = luma.shape
    corner = luma[height - height // ROWS :, : round(width * COLUMNS)]
    # Its first columns, a character wide, are empty, and so are its last rows.
    above = np.flatnonzero(corner[:, : ROWS // 2].max(axis=1) >= DARK)
    beside = np.flatnonzero(corner[-2:].max(axis=0) >= DARK)
    top = int(above[-1]) + 1 if above.size else 0
    return corner[top:, : int(beside[0]) if beside.size else None]


def wall_us(commits: Sequence[dict[str, Any]], media_us: int) -> int:
    """Wall time of a picture, from the moments that are signed with the fragment it lies in."""
    facts = next(commit["facts"] for commit in commits if commit["facts"]["end_us"] > media_us)
    return media_us + int(facts["clock"]["wall_us"]) - int(facts["clock"]["boot_us"])
