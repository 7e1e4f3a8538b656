"""Whether what was recorded is what was spoken."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

PIECE_SECONDS: Final = 0.1
ASTRAY_SECONDS: Final = 0.003
"""How far a piece may lie from where the loudest says: a thousandth of three seconds."""
LOUD_SECONDS: Final = 0.5
"""In so short a time no resampling shifts speech by a period of its lows."""

Values = NDArray[Any]


def likeness(heard: Values, spoken: Values, rate: int) -> float:
    """How alike `spoken` and its best match in `heard` are: 1 for the same, 0 for nothing alike.

    Both have `rate` samples per second. Gentle resampling may shift speech by less than can be
    heard, and yet by more than a period of its highs, in some seconds even of its lows. So the
    loudest half second is found by cross-correlation, then each tenth of a second near its place,
    and the pieces are compared.
    """
    size, astray = round(PIECE_SECONDS * rate), round(ASTRAY_SECONDS * rate)
    loudest, length = _loudest(spoken, round(LOUD_SECONDS * rate))
    correlation = _correlation(heard, spoken[loudest : loudest + length])[loudest:]
    start = int(np.argmax(correlation[: max(1, len(heard) - len(spoken))]))
    products = energies = wanted = 0.0
    for first in range(0, len(spoken) - size, size):
        piece = spoken[first : first + size]
        begin = max(0, start + first - astray)
        around = heard[begin : max(0, start + first + size + astray)]
        if len(around) < size:
            break
        place = int(np.argmax(_correlation(around, piece)[: len(around) - size + 1]))
        found = around[place : place + size]
        products += float(np.dot(found, piece))
        energies += float(np.dot(found, found))
        wanted += float(np.dot(piece, piece))
    return products / max(1e-12, (energies * wanted) ** 0.5)


def _loudest(spoken: Values, length: int) -> tuple[int, int]:
    """Where the loudest part of this length begins, and how long it is, if all is shorter."""
    length = min(length, len(spoken))
    loudness = np.concatenate(([0.0], np.cumsum(np.square(spoken, dtype=np.float64))))
    return int(np.argmax(loudness[length:] - loudness[: len(loudness) - length])), length


def _correlation(long: Values, short: Values) -> Values:
    size = 1 << (len(long) + len(short)).bit_length()
    spectrum = np.fft.rfft(long, size) * np.conj(np.fft.rfft(short, size))
    return np.fft.irfft(spectrum, size)
