"""Reads the QR code of a drawing, by a library that did not draw it."""

from __future__ import annotations

import re
from typing import Any

import numpy as np


def qr_picture(drawing: str) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """The code in an SVG by segno, one pixel a module."""
    svg = re.search(r"<svg.*?</svg>", drawing, re.DOTALL)
    assert svg is not None
    size = int(re.search(r'viewBox="0 0 (\d+)', svg[0])[1])  # type: ignore[index]
    picture = np.full((size, size), 255, np.uint8)
    (path,) = re.findall(r"<path(?=[^>]*qrline)[^>]* d=\"([^\"]+)\"", svg[0])
    # Runs of dark modules: M x y, then h for one and m to go on.
    x = y = 0.0
    for command, numbers in re.findall(r"([Mmh])([^Mmh]+)", path):
        values = [float(one) for one in re.findall(r"-?[\d.]+", numbers)]
        if command == "M":
            x, y = values
        elif command == "m":
            x, y = x + values[0], y + values[1]
        else:
            picture[int(y), int(x) : int(x + values[0])] = 0
            x += values[0]
    return picture


def read_qr(drawing: str) -> str:
    """What the code says."""
    import cv2

    large = np.kron(qr_picture(drawing), np.ones((8, 8), np.uint8))
    text, _points, _code = cv2.QRCodeDetector().detectAndDecode(large)
    return str(text)
