"""The boxes of an MP4 are walked within what is there, whatever is there."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camerad.container.mp4_boxes import Box, Mp4Error, boxes


def test_boxes_are_walked() -> None:
    large = struct.pack(">I4sQ", 1, b"mdat", 18) + b"xy"
    assert list(boxes(b"\0\0\0\x0cfreeabcd" + large)) == [
        Box(b"free", 0, 8, 12),
        Box(b"mdat", 12, 28, 30),
    ]


@pytest.mark.parametrize("data", [b"\0\0\0\x04free", b"\0\0\0\x20free", b"abc"])
def test_a_box_that_does_not_fit_is_refused(data: bytes) -> None:
    with pytest.raises(Mp4Error):
        list(boxes(data))


@given(st.binary(max_size=64))
def test_no_bytes_make_the_walk_run_away(data: bytes) -> None:
    at = 0
    try:
        for box in boxes(data):
            assert box.start == at
            assert box.body <= box.end <= len(data)
            at = box.end
    except Mp4Error as error:
        assert "bytes" in str(error)
