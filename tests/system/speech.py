"""Whether what was recorded is what was spoken."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

PIECE_SECONDS: Final = 0.1
ASTRAY_SECONDS: Final = 0.003
"""How far a piece may lie from where the whole says: a thousandth of three seconds."""

Values = NDArray[Any]


def likeness(heard: Values, spoken: Values, rate: int) -> float:
    """How alike `spoken` and its best match in `heard` are: 1 for the same, 0 for nothing alike.

    Both have `rate` samples per second. Gentle resampling may shift speech by less than can be
    heard, and yet by more than a period of its highs; so the whole is found by cross-correlation,
    then each tenth of a second near its place, and the pieces are compared.
    """
    start = int(np.argmax(_correlation(heard, spoken)[: max(1, len(heard) - len(spoken))]))
    size, astray = round(PIECE_SECONDS * rate), round(ASTRAY_SECONDS * rate)
    products = energies = wanted = 0.0
    for first in range(0, len(spoken) - size, size):
        piece = spoken[first : first + size]
        begin = max(0, start + first - astray)
        around = heard[begin : start + first + size + astray]
        if len(around) < size:
            break
        place = int(np.argmax(_correlation(around, piece)[: len(around) - size + 1]))
        found = around[place : place + size]
        products += float(np.dot(found, piece))
        energies += float(np.dot(found, found))
        wanted += float(np.dot(piece, piece))
    return products / max(1e-12, (energies * wanted) ** 0.5)


def _correlation(long: Values, short: Values) -> Values:
    size = 1 << (len(long) + len(short)).bit_length()
    spectrum = np.fft.rfft(long, size) * np.conj(np.fft.rfft(short, size))
    return np.fft.irfft(spectrum, size)
