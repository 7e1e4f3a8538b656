"""The characters of the stamp, as pictures.

A camera need have no fonts, so the glyphs come along as a file, ``glyphs.npz`` beside this one: for
each size one array of all characters, each in a cell of the same size. It was drawn by
``python -m camerad.capture.glyphs FONT`` from DejaVu Sans Mono Bold 2.37, the file
``DejaVuSansMono-Bold.ttf`` of Debian's fonts-dejavu-mono (licences of Bitstream Vera and Arev, and
public domain: free to use, to draw and to pass on). It was chosen because people and machines tell
its digits apart, zero and the letter O included, and its strokes survive strong compression.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from camerad.base.errors import CaptureError

FILE: Final = Path(__file__).with_name("glyphs.npz")
CHARACTERS: Final = "".join(map(chr, range(0x20, 0x7F)))
"""Characters of the stamp: the printable characters of ASCII."""
SUBSTITUTE: Final = "\N{WHITE VERTICAL RECTANGLE}"
"""Drawn in the place of any other character."""
SIZES: Final = (8, 10, 12, 14, 16, 20, 24, 30, 36)
"""Sizes of the font in pixels that are in the file."""

Samples = NDArray[np.uint8]


class Glyphs(msgspec.Struct, frozen=True):
    """The characters in one size.

    cells: (characters, cell height, cell width) uint8, 0 where there is none of the character and
    255 where there is nothing else. The last one is the substitute.
    """

    cells: Samples

    @property
    def height(self) -> int:
        """Of a cell, in pixels."""
        return int(self.cells.shape[1])

    @property
    def width(self) -> int:
        """Of a cell, in pixels."""
        return int(self.cells.shape[2])

    def of(self, character: str) -> Samples:
        """The cell of one character."""
        number = CHARACTERS.find(character)
        picture: Samples = self.cells[number]  # -1, the last one, where it is not among them
        return picture


def load(size: int, file: Path = FILE) -> Glyphs:
    """The glyphs in one of SIZES.

    Raises CaptureError if the file cannot be read or does not hold them.
    """
    try:
        with np.load(file, allow_pickle=False) as stored:
            cells = stored[str(size)]
    except (OSError, ValueError, KeyError) as error:
        raise CaptureError(
            f"{file}: no glyphs of size {size} ({error}); install camerad anew"
        ) from (error)
    if cells.dtype != np.uint8 or cells.ndim != 3 or len(cells) != len(CHARACTERS) + 1:
        raise CaptureError(f"{file}: not the glyphs of this version; install camerad anew")
    return Glyphs(cells)


def draw(font: Path, size: int) -> Samples:
    """All characters and the substitute, in cells as `Glyphs` has them.

    Raises OSError if the font cannot be read.
    """
    from PIL import Image, ImageDraw, ImageFont  # noqa: PLC0415 - needed for drawing only

    face = ImageFont.truetype(str(font), size)
    ascent, descent = face.getmetrics()
    width = round(face.getlength("0"))
    cells = []
    for character in CHARACTERS + SUBSTITUTE:
        picture = Image.new("L", (width, ascent + descent))
        ImageDraw.Draw(picture).text((0, 0), character, fill=255, font=face)
        cells.append(np.asarray(picture, dtype=np.uint8))
    return np.stack(cells)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m camerad.capture.glyphs")
    parser.add_argument("font", type=Path, help="a TrueType font with cells of one width")
    parser.add_argument("--output", type=Path, default=FILE, help="default: %(default)s")
    chosen = parser.parse_args(arguments)
    try:
        drawn = {str(size): draw(chosen.font, size) for size in SIZES}
    except OSError as error:
        sys.stderr.write(f"{chosen.font}: cannot be read as a font ({error})\n")
        return 1
    with chosen.output.open("wb") as file:
        np.savez_compressed(file, **drawn)  # type: ignore[arg-type] # names, not options
    return 0


if __name__ == "__main__":
    sys.exit(main())
