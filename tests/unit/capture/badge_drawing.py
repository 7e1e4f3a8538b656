"""Pictures with QR codes in them, as a camera would see them; drawn by segno, not by OpenCV."""

from __future__ import annotations

import cv2
import numpy as np
import segno
from numpy.typing import NDArray

Luma = NDArray[np.uint8]
WIDTH, HEIGHT = 320, 240


def scene(seed: int = 1) -> Luma:
    """Something with edges that is no code."""
    chance = np.random.default_rng(seed)
    small = chance.integers(40, 210, (HEIGHT // 16, WIDTH // 16)).astype(np.uint8)
    return np.asarray(cv2.resize(small, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC), np.uint8)


def code(text: str, module_px: float = 4.0, degrees: float = 0.0) -> Luma:
    """A scene with the code of `text` held into it: `module_px` pixels a module, turned, out of
    focus, in poor light and with noise."""
    symbol = segno.make_qr(text, error="m", boost_error=False)
    matrix = np.array([list(row) for row in symbol.matrix_iter(border=4)], np.uint8)
    side = round(len(matrix) * module_px)
    paper = cv2.resize(255 - 255 * matrix, (side, side), interpolation=cv2.INTER_AREA)
    picture = scene()
    turn = cv2.getRotationMatrix2D((side / 2, side / 2), degrees, 1.0)
    turn[:, 2] += ((WIDTH - side) / 2, (HEIGHT - side) / 2)
    held = cv2.warpAffine(paper, turn, (WIDTH, HEIGHT))
    there = cv2.warpAffine(np.full_like(paper, 255), turn, (WIDTH, HEIGHT)) > 127
    picture[there] = held[there]
    soft = cv2.GaussianBlur(picture, (0, 0), 0.7).astype(float)
    noise = np.random.default_rng(2).normal(0, 4, picture.shape)
    return np.clip(soft * 0.6 + 30 + noise, 0, 255).astype(np.uint8)
