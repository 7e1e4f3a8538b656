"""The number that every frame carries in its picture.

Forty cells of 16 by 16 pixels of luma, side by side in the top left corner: 32 bits of number and
8 bits of CRC, the most significant bit first, black (16) for 0 and white (235) for 1. A cell
is one macroblock of H.264, so that the code survives strong compression. The CRC is CRC-8/ITU
(polynomial 0x07, final xor 0x55); with it neither a black nor a white picture is a number.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

CELL: Final = 16
CELLS: Final = 40
WIDTH: Final = CELL * CELLS
"""Pixels that a picture must be wide to carry a number."""
BLACK: Final = 16
WHITE: Final = 235

_EDGE: Final = 4  # pixels around a cell that ringing from its neighbours may spoil
_LEVELS: Final = np.array([BLACK, WHITE], np.uint8)
_DARK: Final = 96
_BRIGHT: Final = 155


def _crc_table() -> bytes:
    table = bytearray()
    for value in range(256):
        for _ in range(8):
            value = (value << 1) ^ (0x107 if value & 0x80 else 0)  # noqa: PLW2901
        table.append(value)
    return bytes(table)


_CRC: Final = _crc_table()


def _crc(data: bytes) -> int:
    remainder = 0
    for byte in data:
        remainder = _CRC[remainder ^ byte]
    return remainder ^ 0x55


def draw(luma: NDArray[np.uint8], number: int) -> None:
    """Draw `number` into `luma`, an array of at least 16 rows and 640 columns.

    Raises ValueError if the array is smaller, OverflowError if the number does not fit 32 bits.
    """
    if luma.shape[0] < CELL or luma.shape[1] < WIDTH:
        raise ValueError(f"a picture of {luma.shape[1]}x{luma.shape[0]} has no room for a number")
    data = number.to_bytes(4, "big")
    bits = np.unpackbits(np.frombuffer(data + bytes([_crc(data)]), np.uint8))
    luma[:CELL, :WIDTH] = np.repeat(_LEVELS[bits], CELL)


def read(luma: NDArray[np.uint8]) -> int | None:
    """The number in `luma`; None if there is none, or one that cannot be read with certainty."""
    if luma.shape[0] < CELL or luma.shape[1] < WIDTH:
        return None
    cells = luma[_EDGE : CELL - _EDGE, :WIDTH].reshape(CELL - 2 * _EDGE, CELLS, CELL)
    means = cells[:, :, _EDGE : CELL - _EDGE].mean(axis=(0, 2))
    bright = means > _BRIGHT
    if not np.all(bright | (means < _DARK)):
        return None
    code = np.packbits(bright).tobytes()
    return int.from_bytes(code[:4], "big") if _crc(code[:4]) == code[4] else None
