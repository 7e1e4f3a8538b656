"""What H.264 says of itself is read as libav reads it."""

from __future__ import annotations

import io
from fractions import Fraction

import av
import numpy as np
import pytest

from camerad.recording.avc import (
    PICTURE_SET,
    SEQUENCE_SET,
    decoder_configuration,
    nal_units,
    picture_format,
)

BITS = {"yuv420p": 8, "yuv422p": 8, "yuv444p": 8, "yuv420p10le": 10, "gray": 8}
CHROMA = {"yuv420p": 1, "yuv422p": 2, "yuv444p": 3, "yuv420p10le": 1, "gray": 0}


def stream(width: int, height: int, pixels: str, **options: str) -> bytes:
    """One key frame of x264's, in the byte stream format."""
    encoder = av.CodecContext.create("libx264", "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = width, height, pixels
    encoder.time_base = Fraction(1, 30)
    encoder.options = {"tune": "zerolatency", **options}
    picture = av.VideoFrame.from_ndarray(np.zeros((height, width, 3), np.uint8), format="rgb24")
    picture.pts = 0
    found = [*encoder.encode(picture.reformat(format=pixels)), *encoder.encode(None)]
    return bytes(found[0])


def sets(data: bytes, kind: int) -> list[bytes]:
    return [data[one.start : one.end] for one in nal_units(data) if one.kind == kind]


@pytest.mark.parametrize(
    ("width", "height", "pixels", "options"),
    [
        (1920, 1080, "yuv420p", {"preset": "ultrafast"}),
        (1280, 720, "yuv420p", {"profile": "high"}),
        (130, 66, "yuv420p", {"x264-params": "cqm=jvt"}),
        (128, 64, "yuv420p", {"flags": "+ildct+ilme", "profile": "main"}),
        (130, 66, "yuv422p", {}),
        (130, 66, "yuv444p", {"x264-params": "cqm=jvt"}),
        (128, 64, "yuv420p10le", {}),
        (128, 64, "gray", {}),
    ],
    ids=["crop", "high", "lists", "fields", "422", "444", "ten-bits", "gray"],
)
def test_a_sequence_parameter_set_says_what_libav_finds_in_it(
    width: int, height: int, pixels: str, options: dict[str, str]
) -> None:
    data = stream(width, height, pixels, **options)
    found = picture_format(sets(data, SEQUENCE_SET)[0])
    assert found == (width, height, CHROMA[pixels], BITS[pixels], BITS[pixels])
    with av.open(io.BytesIO(data), "r", format="h264") as opened:
        judge = opened.streams.video[0]
        assert (judge.width, judge.height) == (width, height)


def sequence_set(bits: str) -> bytes:
    """A sequence parameter set of these bits."""
    count = -(-len(bits) // 8)
    return b"\x67" + int(bits.ljust(count * 8, "0"), 2).to_bytes(count, "big")


SIZE = "0001000" + "00100" + "1" + "1" + "0" + "0" + "1"
"""8 by 4 macroblocks, frames only, no crop."""


def test_an_order_of_pictures_by_expectation_is_passed_over() -> None:
    # pic_order_cnt_type 1, which x264 does not write: baseline.
    bits = "01000010" + "0" * 16 + "1" + "1" + "010" + "0" + "00100" + "00110" + "011" + "010" + "1"
    assert picture_format(sequence_set(bits + "010" + "0" + SIZE)) == (128, 64, 1, 8, 8)


def test_scaling_lists_are_passed_over() -> None:
    # High, 4:2:0, 8 bits; the first list is whole, the second ends after a next scale of 0 (-8),
    # the seventh has 64 entries. x264 has its lists elsewhere.
    lists = "1" + "1" * 16 + "1" + "000010001" + "0000" + "1" + "1" * 64 + "0"
    bits = "01100100" + "0" * 16 + "1" + "010" + "1" + "1" + "0" + "1" + lists
    assert picture_format(sequence_set(bits + "1" + "1" + "1" + "010" + "0" + SIZE))[:2] == (
        128,
        64,
    )


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        (b"\x67", "ends too early"),
        (b"\x67\x42\x00\x0a", "ends too early"),
        (b"\x67\x42\x00\x0a" + bytes(8), "too large"),
        # ue(v) 4, 00101, behind seq_parameter_set_id 0.
        (b"\x67\x64\x00\x0a" + bytes([0b10010100]) + bytes([255] * 8), "unknown chroma format 4"),
    ],
)
def test_a_damaged_sequence_parameter_set_is_refused(payload: bytes, message: str) -> None:
    with pytest.raises(match=message):
        picture_format(payload)


@pytest.mark.parametrize("pixels", ["yuv420p", "yuv422p"])
@pytest.mark.parametrize("preset", ["ultrafast", "veryfast"])
def test_the_decoders_configuration_is_the_one_that_libav_writes(pixels: str, preset: str) -> None:
    data = stream(128, 64, pixels, preset=preset)
    made = decoder_configuration(sets(data, SEQUENCE_SET), sets(data, PICTURE_SET))
    out = io.BytesIO()
    with av.open(io.BytesIO(data), "r", format="h264") as source:
        muxer = av.open(out, "w", format="mp4", options={"movflags": "frag_custom+empty_moov"})
        muxer.add_stream_from_template(source.streams.video[0], opaque=True)
        muxer.start_encoding()
        muxer.close()
    box = len(made) + 8
    assert box.to_bytes(4, "big") + b"avcC" + made in out.getvalue()


def test_zeros_around_units_belong_to_none() -> None:
    data = b"\0\0\0\0\1\x67ab\0\0\0\1\0\0\1\x68c\0\0\0"
    found = nal_units(data)
    assert [(one.kind, data[one.start : one.end]) for one in found] == [
        (7, b"\x67ab"),
        (8, b"\x68c"),
    ]
    assert nal_units(b"none") == []
