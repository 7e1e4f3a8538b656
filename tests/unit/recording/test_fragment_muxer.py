"""Fragments are exact: every time, duration and key flag is the packet's."""

from __future__ import annotations

import io
import struct
from fractions import Fraction
from pathlib import Path

import av
import pytest
from evidence_helpers import (
    HEIGHT,
    NOMINAL_US,
    ORIGIN_US,
    WIDTH,
    decoded,
    expected,
    feed,
    ffmpeg_is_silent,
    footage,
    probed_seconds,
    seconds_of_footage,
    time_of,
)
from sound_helpers import sound, sound_format

from camerad.recording.audio_segmenter import Sounds
from camerad.recording.fragment_muxer import (
    TIMESCALE,
    FragmentError,
    FragmentMaker,
    ParametersChangedError,
)
from camerad.stream.packets import Packet
from camerad.stream.ring import Ring
from camerad.stream.sound_messages import SoundFormat


def maker_for(packets: tuple[Packet, ...]) -> FragmentMaker:
    return FragmentMaker(WIDTH, HEIGHT, packets[0][1])


def test_a_recording_is_its_segment_followed_by_its_fragments(tmp_path: Path) -> None:
    packets = seconds_of_footage(3)
    maker = maker_for(packets)
    data = maker.init
    for start in range(0, 90, 15):
        end = start + 15
        data += maker.make(packets[start:end], time_of(end), ORIGIN_US)
    path = tmp_path / "a.mp4"
    path.write_bytes(data)
    assert decoded(str(path)) == expected(range(90))
    ffmpeg_is_silent(str(path))
    # 90 pictures at 30 per second.
    assert probed_seconds(str(path)) == pytest.approx(3.0, abs=1e-5)


def test_a_gap_is_a_hole_in_the_decode_time_line(tmp_path: Path) -> None:
    packets = footage("IPPPP" + "." * 30 + "IPPPP")
    maker = maker_for(packets)
    before = maker.make(packets[:5], time_of(4) + NOMINAL_US, ORIGIN_US)
    after = maker.make(packets[5:], time_of(39) + NOMINAL_US, ORIGIN_US)
    path = tmp_path / "a.mp4"
    path.write_bytes(maker.init + before + after)
    assert decoded(str(path)) == expected([*range(5), *range(35, 40)])
    ffmpeg_is_silent(str(path))


def test_the_segment_does_not_depend_on_the_pictures() -> None:
    one, other = footage("IPPP"), footage("IPPP", first=77)
    assert maker_for(one).init == maker_for(other).init


def test_the_rings_memory_is_let_go_of() -> None:
    packets = seconds_of_footage(1)
    ring = Ring(1 << 20, 10, lock=False)
    feed(ring, packets)
    with ring.follow() as reader, reader.take(500_000) as lease:  # type: ignore[union-attr]
        maker = FragmentMaker(WIDTH, HEIGHT, lease.packets[0][1])
        maker.make(lease.packets, lease.next_pts_us or 0, ORIGIN_US)
        views = [view for _, view in lease.packets]
    # Giving the lease back releases the views, and raises BufferError if somebody still uses one.
    with pytest.raises(ValueError, match="released"):
        bytes(views[0])
    ring.close()


def test_the_rings_memory_is_let_go_of_after_an_error() -> None:
    info, data = footage("IPPP", first=4, preset="veryfast")[0]
    view = memoryview(bytearray(data))
    with pytest.raises(ParametersChangedError):
        maker_for(footage("IPPP")).make([(info, view)], time_of(5), ORIGIN_US)
    # Raises BufferError if somebody still uses it.
    view.release()


def test_changed_parameter_sets_are_told_with_time_and_frame() -> None:
    packets = footage("IPPP")
    other = footage("IPPP", first=4, epoch=2, preset="veryfast")
    with pytest.raises(ParametersChangedError, match=rf"at {time_of(4)} us \(frame 100\)"):
        maker_for(packets).make(other, time_of(8), ORIGIN_US)


def test_equal_parameter_sets_of_another_process_go_on() -> None:
    packets = footage("IPPP|IPPP")
    assert packets[4][0].epoch == 2
    maker_for(packets).make(packets, time_of(8), ORIGIN_US)


def test_a_later_key_frame_need_not_repeat_the_parameter_sets() -> None:
    packets = footage("IPPI")
    info, data = packets[3]
    bare = data[data.rindex(b"\0\0\1") - 1 :]
    assert data != bare
    maker_for(packets).make([(info, bare)], time_of(4), ORIGIN_US)


def test_parameter_sets_are_found_before_a_long_message() -> None:
    packets = footage("IPPP")
    data = packets[0][1]
    at = data.rindex(b"\0\0\1")
    message = b"\0\0\1\x06\x05" + b"\xff" * 40 + b"\x11" + b"x" * 10_217 + b"\x80"
    maker = FragmentMaker(WIDTH, HEIGHT, data[:at] + message + data[at:])
    assert maker.init == maker_for(packets).init


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "no slice, or is not Annex B"),
        (b"not Annex B at all" * 1000, "no slice, or is not Annex B"),
        (b"\0\0\1", "no slice, or is not Annex B"),
        (b"\0\0\1\x09\xf0\0\0\1\x65" + b"x" * 100, "does not bring its parameter sets"),
        (b"\0\0\1\x67x\0\0\1\x68x\0\0\1\x65" + b"x" * 100, "cannot be read|0x0 pictures"),
    ],
)
def test_a_recording_cannot_begin_with_something_else(data: bytes, message: str) -> None:
    with pytest.raises(FragmentError, match=message):
        FragmentMaker(WIDTH, HEIGHT, data)


def test_pictures_of_another_size_are_refused() -> None:
    with pytest.raises(FragmentError, match=r"delivers 128x64 pictures, configured are 1280x720"):
        FragmentMaker(1280, 720, footage("IPPP")[0][1])


def test_packets_must_rise_and_belong_to_the_recording() -> None:
    packets = footage("IPPP")
    maker = maker_for(packets)
    with pytest.raises(FragmentError, match="needs a packet"):
        maker.make([], time_of(1), ORIGIN_US)
    with pytest.raises(FragmentError, match="from before its recording"):
        maker.make(packets, time_of(4), ORIGIN_US + 1)
    with pytest.raises(FragmentError, match="in the order of their time"):
        maker.make([packets[0], packets[2], packets[1]], time_of(4), ORIGIN_US)
    with pytest.raises(FragmentError, match="in the order of their time"):
        maker.make(packets, time_of(3), ORIGIN_US)


def test_sound_needs_a_track() -> None:
    packets = footage("IPPP")
    with pytest.raises(FragmentError, match="there is sound, and the recording has no sound track"):
        maker_for(packets).make(packets, time_of(4), ORIGIN_US, Sounds(0, sound(1)))


def by_libav(
    packets: tuple[Packet, ...], end_us: int, sounds: Sounds, form: SoundFormat, number: int
) -> bytes:
    """The same fragment by libav's muxer."""
    flv = b"\xaf\x00" + form.config
    tag = struct.pack(">B3s7x", 8, len(flv).to_bytes(3, "big")) + flv
    flv = b"FLV\x01\x04\0\0\0\x09\0\0\0\0" + tag + struct.pack(">I", len(tag))
    out = io.BytesIO()
    flags = "frag_custom+empty_moov+default_base_moof+frag_discont+skip_trailer+cmaf"
    options = {"movflags": flags, "fragment_index": str(number)}
    with (
        av.open(io.BytesIO(footage("I")[0][1]), "r", format="h264") as pictures,
        av.open(io.BytesIO(flv), "r", format="flv") as heard,
        av.open(out, "w", format="mp4", options=options, buffer_size=1 << 18) as muxer,
    ):
        shown = muxer.add_stream_from_template(pictures.streams.video[0], opaque=True)
        shown.time_base = Fraction(1, TIMESCALE)
        track = muxer.add_stream_from_template(heard.streams.audio[0], opaque=True)
        track.codec_context.sample_rate, track.codec_context.layout = form.rate, "mono"
        track.time_base = Fraction(1, form.rate)
        ends = [*[info.pts_us for info, _ in packets], end_us][1:]
        samples = [
            (shown, info.pts_us - ORIGIN_US, end - info.pts_us, info.key, data)
            for (info, data), end in zip(packets, ends, strict=True)
        ]
        for count, (_, data) in enumerate(sounds.units):
            at = sounds.at + count * form.samples
            samples.append((track, at, form.samples, True, data))
        for stream, at, duration, key, data in samples:
            packet = av.Packet(bytes(data))
            packet.pts = packet.dts = at
            packet.duration, packet.time_base, packet.stream = duration, stream.time_base, stream
            packet.is_keyframe = key
            muxer.mux_one(packet)
    data = out.getvalue()
    return data[data.index(b"moof") - 4 :]


@pytest.mark.parametrize(
    ("begin", "end", "units"),
    [(0, 1, 0), (0, 15, 23), (1, 2, 1), (1, 15, 0), (25, 35, 3), (29, 31, 1), (0, 0, 1), (0, 0, 9)],
)
def test_libavs_muxer_writes_the_same_bytes(begin: int, end: int, units: int) -> None:
    packets, form = seconds_of_footage(2), sound_format()
    sounds = Sounds(1024, sound(1)[:units])
    maker = FragmentMaker(WIDTH, HEIGHT, packets[0][1], form)
    for number in (1, 2):
        made = maker.make(packets[begin:end], time_of(end), ORIGIN_US, sounds)
        assert made == by_libav(packets[begin:end], time_of(end), sounds, form, number)


def test_libav_reads_the_segment_as_it_was_meant() -> None:
    packets, form = seconds_of_footage(1), sound_format()
    maker = FragmentMaker(WIDTH, HEIGHT, packets[0][1], form)
    fragment = maker.make(packets, time_of(30), ORIGIN_US, Sounds(0, sound(1)))
    with av.open(io.BytesIO(maker.init + fragment)) as opened:
        shown, heard = opened.streams.video[0], opened.streams.audio[0]
        assert (shown.width, shown.height, shown.time_base) == (WIDTH, HEIGHT, Fraction(1, 10**6))
        assert (heard.sample_rate, heard.layout.name) == (form.rate, "mono")
        assert heard.codec_context.extradata == form.config
        assert (shown.codec_context.name, heard.codec_context.name) == ("h264", "aac")
