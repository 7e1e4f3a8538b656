"""What footage in the clear looks like, wherever it may lie."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import av

BOXES: Final = re.compile(
    # With what always follows: four letters alone come about by chance in every thousandth file.
    rb"moof\0\0..mfhd|mdat\0...[\x01-\x7f]|moov\0\0..mvhd|traf\0\0..tfhd|ftyp(?:iso|mp4|cmf)"
    rb"|\0\0\0\x01\x67[\x42\x4d\x64]",
    re.DOTALL,
)
"""Boxes of ISO/IEC 14496-12, and a sequence parameter set behind a start code."""


def in_the_clear(data: bytes, pieces: Iterable[bytes]) -> list[bytes]:
    """What of the footage is in `data` in the clear."""
    found = [match[0] for match in BOXES.finditer(data)]
    return found + [piece for piece in pieces if piece in data]


def parameter_sets(film: Path) -> list[bytes]:
    """The film's SPS and PPS (ISO/IEC 14496-15, 5.3.3.1)."""
    with av.open(str(film)) as container:
        record = container.streams.video[0].codec_context.extradata
    assert record is not None and record[0] == 1
    sps_bytes = int.from_bytes(record[6:8], "big")
    sps = record[8 : 8 + sps_bytes]
    pps_bytes = int.from_bytes(record[9 + sps_bytes : 11 + sps_bytes], "big")
    pps = record[11 + sps_bytes : 11 + sps_bytes + pps_bytes]
    # A picture parameter set has a handful of bytes; with its length before it, it is no accident.
    return [sps, pps_bytes.to_bytes(2, "big") + pps]
