"""Fragments become one MP4, sample by sample and with their times."""

from __future__ import annotations

import io
import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from evidence_helpers import ffmpeg_is_silent, probed_seconds
from sealed_helpers import made

from camerad.container.mp4_boxes import Mp4Error, boxes
from camerad.evidence.remux import Mp4Writer

RATE = 48_000
Packets = list[tuple[str, float, bytes]]


class File:
    """An output in memory."""

    def __init__(self) -> None:
        self.data = bytearray()

    def write(self, data: bytes | memoryview) -> None:
        self.data += data

    def patch(self, offset: int, data: bytes) -> None:
        self.data[offset : offset + len(data)] = data


def packets(data: bytes) -> Packets:
    """What a demuxer reads: kind, seconds, content."""
    with av.open(io.BytesIO(data)) as container:
        return [
            (packet.stream.type, round(float(packet.pts * packet.time_base), 6), bytes(packet))
            for packet in container.demux()
            if packet.pts is not None
        ]


def written(init: bytes, fragments: list[bytes], path: Path | None = None) -> bytes:
    out = File()
    writer = Mp4Writer(out, init)
    for fragment in fragments:
        writer.add(fragment)
    writer.finish()
    if path is not None:
        path.write_bytes(out.data)
    return bytes(out.data)


def with_sound(seconds: int, quiet: int = 0) -> tuple[bytes, list[bytes]]:
    """A segment, and a fragment for each ``moof``: pictures, and sound from second `quiet` on."""
    out = io.BytesIO()
    flags = "frag_keyframe+empty_moov+default_base_moof+cmaf"
    with av.open(out, "w", format="mp4", options={"movflags": flags}) as container:
        video = container.add_stream("libx264", rate=30)
        video.width, video.height, video.pix_fmt = 128, 64, "yuv420p"
        video.codec_context.gop_size = 15
        video.options = {"tune": "zerolatency"}
        audio = container.add_stream("aac", rate=RATE, layout="mono")
        for number in range(30 * seconds):
            picture = av.VideoFrame.from_ndarray(np.full((96, 128), number, np.uint8), "yuv420p")
            picture.pts, picture.time_base = number, Fraction(1, 30)
            container.mux(video.encode(picture))
            if number < 30 * quiet:
                continue
            wave = np.sin(np.arange(1600) / 20).astype(np.float32).reshape(1, -1)
            sound = av.AudioFrame.from_ndarray(wave, "fltp", "mono")
            sound.rate, sound.pts = RATE, number * 1600
            sound.time_base = Fraction(1, RATE)
            container.mux(audio.encode(sound))
        container.mux(video.encode())
        container.mux(audio.encode())
    data = out.getvalue()
    found = [box for box in boxes(data) if box.kind in (b"moof", b"mdat", b"moov")]
    init = data[: found[0].end]
    return init, [
        data[one.start : two.end] for one, two in zip(found[1::2], found[2::2], strict=True)
    ]


def test_pictures_and_times_are_those_of_the_fragments() -> None:
    init, *fragments = made().plain
    assert packets(written(init, fragments)) == packets(b"".join(made().plain))


@pytest.mark.parametrize("quiet", [0, 1])
def test_sound_stays_with_its_pictures(tmp_path: Path, quiet: int) -> None:
    init, fragments = with_sound(3, quiet)
    path = tmp_path / "with_sound.mp4"
    data = written(init, fragments, path)
    plain = init + b"".join(fragments)
    for kind in ("video", "audio"):
        ours = [one for one in packets(data) if one[0] == kind]
        theirs = [one for one in packets(plain) if one[0] == kind]
        assert [content for _, _, content in ours] == [content for _, _, content in theirs]
        times = [(one[1], two[1]) for one, two in zip(ours, theirs, strict=True)]
        assert all(abs(one - two) < 1 / RATE for one, two in times)
    ffmpeg_is_silent(str(path))
    assert probed_seconds(str(path)) == pytest.approx(3, abs=0.05)


def test_a_hole_longer_than_the_tables_can_say_in_microseconds_stays() -> None:
    """A picture's duration has 32 bits, 71 minutes in microseconds; the hole here has 100."""
    init, first, second, *_ = made().plain
    at = second.index(b"tfdt") + 8
    late_us = 100 * 60 * 1_000_000
    moved = second[:at] + struct.pack(">Q", late_us) + second[at + 8 :]
    found = packets(written(init, [first, moved]))
    assert [seconds for _, seconds, _ in found[14:16]] == pytest.approx([14 / 30, 6000], abs=1e-3)


def test_pictures_that_build_on_what_is_left_out_are_left_out() -> None:
    init, *fragments = made().plain
    out = File()
    writer = Mp4Writer(out, init)
    writer.add(fragments[0])
    writer.skip_to_key_frame()
    for fragment in fragments[2:]:
        writer.add(fragment)
    assert writer.pictures == 15 + 60
    writer.skip_to_key_frame()
    writer.add(fragments[1])
    assert writer.pictures == 15 + 60
    writer.finish()
    times = [seconds for _, seconds, _ in packets(bytes(out.data))]
    assert times[14:16] == pytest.approx([14 / 30, 1], abs=1e-4)


def test_a_fragment_out_of_order_is_refused() -> None:
    init, first, second, *_ = made().plain
    writer = Mp4Writer(File(), init)
    writer.add(second)
    with pytest.raises(Mp4Error, match="before"):
        writer.add(first)


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        (b"moov", b"free", "moov"),
        (b"mvex", b"free", "mvex"),
        (b"trex\0\0\0\0\0\0\0\x01", b"trex\0\0\0\0\0\0\0\x02", "does not describe the track"),
    ],
)
def test_a_segment_that_is_none_is_refused(old: bytes, new: bytes, text: str) -> None:
    init = made().plain[0]
    assert old in init
    with pytest.raises(Mp4Error, match=text):
        Mp4Writer(File(), init.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        (b"tfdt", b"free", "tfdt"),
        (b"tfhd\0\x02\0\x3a\0\0\0\x01", b"tfhd\0\x02\0\x3a\0\0\0\x09", "cannot be read"),
        (b"tfhd\0\x02\0\x3a", b"tfhd\0\x02\0\x3b", "outside"),
        (b"trun\x01\0\x03\x05\0\0\0\x0f", b"trun\x01\0\x03\x05\0\0\0\xff", "read|outside"),
    ],
)
def test_a_fragment_that_is_none_is_refused(old: bytes, new: bytes, text: str) -> None:
    init, fragment, *_ = made().plain
    assert old in fragment
    with pytest.raises(Mp4Error, match=text):
        Mp4Writer(File(), init).add(fragment.replace(old, new))


def test_a_run_does_not_claim_more_samples_than_anybody_records() -> None:
    init, fragment, *_ = made().plain
    at = fragment.index(b"trun") + 4
    # Without a field for each sample a count alone would do, of samples without a byte.
    claimed = fragment[:at] + struct.pack(">II", 0, 2**32 - 1) + fragment[at + 8 :]
    with pytest.raises(Mp4Error, match="samples"):
        Mp4Writer(File(), init).add(claimed)


def test_a_segment_that_ends_too_early_is_refused() -> None:
    def box(kind: bytes, *content: bytes) -> bytes:
        inside = b"".join(content)
        return struct.pack(">I4s", 8 + len(inside), kind) + inside

    trex = box(b"trex", struct.pack(">6I", 0, 1, 1, 0, 0, 0))
    mdia = box(b"mdia", box(b"hdlr", bytes(12)), box(b"mdhd"))
    trak = box(b"trak", box(b"tkhd", bytes(84)), mdia)
    with pytest.raises(Mp4Error, match="segment"):
        Mp4Writer(File(), box(b"moov", box(b"mvhd", bytes(100)), box(b"mvex", trex), trak))


def test_times_that_no_table_holds_are_refused() -> None:
    init, fragment, *_ = made().plain
    at = fragment.index(b"tfdt") + 4
    late = fragment[:at] + b"\x01\0\0\0" + b"\xff" * 8 + fragment[at + 12 :]
    slow = init.index(b"mdhd") + 16
    writer = Mp4Writer(File(), init[:slow] + struct.pack(">I", 1) + init[slow + 4 :])
    writer.add(late)
    with pytest.raises(Mp4Error, match="tables"):
        writer.finish()
