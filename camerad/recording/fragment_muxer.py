"""Encoded pictures and sound become CMAF fragments (ISO/IEC 23000-19) without being encoded again.

The first key frame of a recording, and the format of its sound, give its *initialisation segment*
(``ftyp`` and ``moov``); every group of packets after that gives one ``moof`` and one ``mdat``, with
a ``traf`` for each track that has something. The segment followed by the
fragments, in order and by nothing else, is a playable fragmented MP4.

A muxer lives for one fragment only. PyAV has no way to say "end the fragment here", so closing the
muxer is what ends it, and each muxer writes the initialisation segment again: it is compared with
the recording's and dropped.

Times: the track's timescale is 1 MHz, so one unit is one microsecond of media time. A fragment
begins (``tfdt``) at its first packet's pts minus the recording's origin, whatever came before, so
a gap is a hole in the decode time line. Pictures are in the order of decoding (no B-frames), so pts
and dts are the same. The timescale of sound is its rate, and each access unit lasts its samples.
"""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Sequence
from fractions import Fraction
from types import TracebackType
from typing import Final, NamedTuple, Self, cast

import av
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.video.stream import VideoStream

from camerad.base.errors import CameradError
from camerad.container.mp4_boxes import Box, Mp4Error, boxes
from camerad.recording.audio_segmenter import NO_SOUNDS, Sounds
from camerad.stream.packets import Buffer, Packet, PacketInfo
from camerad.stream.sound_messages import SoundFormat

TIMESCALE: Final = 1_000_000
"""Units of the track per second; one unit is one microsecond."""

_TIME_BASE: Final = Fraction(1, TIMESCALE)
_OPTIONS: Final = {
    "movflags": "frag_custom+empty_moov+default_base_moof+frag_discont+skip_trailer+cmaf",
    # The measured bit rate would differ from fragment to fragment, and with it the segment.
    "write_btrt": "0",
}
_IO_BYTES: Final = 256 * 1024
_START_CODE: Final = re.compile(b"\0\0\1")
_SLICE_HEAD_BYTES: Final = 256

_NAL_SLICES: Final = range(1, 6)
_NAL_PARAMETER_SETS: Final = (7, 8)
"""Sequence and picture parameter set, ITU-T H.264 table 7-1."""

_LAYOUTS: Final = {1: "mono", 2: "stereo"}


class FragmentError(CameradError, ValueError):
    """Error raised when packets cannot be made into a fragment of their recording."""


class ParametersChangedError(FragmentError):
    """Error raised when a key frame brings other parameter sets than the recording began with.

    A recording has one initialisation segment, so footage encoded with other settings belongs into
    a recording of its own.
    """


class _Head(NamedTuple):
    parameter_sets: tuple[bytes, ...]
    slice_at: int


def _head(unit: Buffer) -> _Head:
    """What an access unit says before its first slice, and where that slice begins.

    Looked for where it lies: a copy of the unit would be one more to be overwritten.
    """
    found: list[bytes] = []
    begins: int | None = None
    for code in _START_CODE.finditer(unit):
        if begins is not None:
            # Zeros before a start code belong to no unit (ITU-T H.264, B.1).
            found.append(bytes(unit[begins : code.start()]).rstrip(b"\0"))
            begins = None
        if code.end() < len(unit):
            kind = unit[code.end()] & 31
            if kind in _NAL_SLICES:
                return _Head(tuple(found), code.start())
            if kind in _NAL_PARAMETER_SETS:
                begins = code.end()
    raise FragmentError(f"an access unit of {len(unit)} bytes has no slice, or is not Annex B")


class _Sample(NamedTuple):
    dts: int
    duration: int
    key: bool
    unit: Buffer


def _sound_source(sound: SoundFormat) -> InputContainer:
    """A stream of AAC that has its AudioSpecificConfig, and nothing else, to be copied from.

    PyAV makes streams like others only. The smallest file that is one is FLV with the configuration
    alone (Adobe Flash Video File Format Specification 10.1, E.3 and E.4.2).
    """
    body = b"\xaf\x00" + sound.config
    tag = struct.pack(">B3s7x", 8, len(body).to_bytes(3, "big")) + body
    flv = b"FLV\x01\x04\0\0\0\x09\0\0\0\0" + tag + struct.pack(">I", len(tag))
    return av.open(io.BytesIO(flv), "r", format="flv")


class FragmentMaker:
    """Makes the initialisation segment and the fragments of one recording.

    width, height: pixels, as configured. key_packet: the recording's first access unit, a key
    frame that brings its parameter sets. sound: of the sound track, None without one. `init` is the
    initialisation segment. To be closed, or used as a context manager; used by one thread.

    Raises FragmentError if the key packet has no parameter sets or another size of picture.
    """

    init: bytes

    def __init__(
        self, width: int, height: int, key_packet: Buffer, sound: SoundFormat | None = None
    ) -> None:
        head = _head(key_packet)
        kinds = {data[0] & 31 for data in head.parameter_sets}
        if not kinds.issuperset(_NAL_PARAMETER_SETS):
            raise FragmentError(
                "the first key frame does not bring its parameter sets; the encoder has to repeat "
                "them with every key frame"
            )
        self._parameter_sets = head.parameter_sets
        # The beginning of the first slice is enough to learn the format from, and decoding a whole
        # picture here would delay the first fragment.
        opening = io.BytesIO(bytes(key_packet[: head.slice_at + _SLICE_HEAD_BYTES]))
        try:
            self._source = av.open(opening, "r", format="h264")
        except av.FFmpegError as error:
            raise FragmentError(f"the first key frame cannot be read: {error}") from error
        self._sound = sound
        self._sound_source: InputContainer | None = None
        try:
            if sound is not None:
                self._sound_source = _sound_source(sound)
            self._template = self._source.streams.video[0]
            size = (self._template.width, self._template.height)
            if size != (width, height):
                raise FragmentError(
                    f"the encoder delivers {size[0]}x{size[1]} pictures, configured are "
                    f"{width}x{height}"
                )
            self._sequence = 0
            self.init = self._initialise(key_packet)
        except av.FFmpegError as error:
            self.close()
            raise FragmentError(f"the segment cannot be made: {error}") from error
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of what the first key frame left behind."""
        self._source.close()
        if self._sound_source is not None:
            self._sound_source.close()

    def _initialise(self, key_packet: Buffer) -> bytes:
        data = self._mux([_Sample(0, TIMESCALE, True, key_packet)], NO_SOUNDS)
        found = _layout(data)
        kinds = [box.kind for box in found]
        if kinds != [b"ftyp", b"moov", b"moof", b"mdat"]:
            raise FragmentError(f"the muxer wrote an unexpected order of boxes: {kinds}")
        return data[: found[1].end]

    def make(
        self,
        packets: Sequence[Packet],
        next_pts_us: int,
        origin_us: int,
        sounds: Sounds = NO_SOUNDS,
    ) -> bytes:
        """One fragment (``moof`` and ``mdat``) of consecutive packets, and of sound.

        packets: in the order of decoding, their pts_us rising. next_pts_us: media time at which the
        last of them ends. origin_us: media time of the recording's first packet. sounds: what
        belongs to the same fragment; either may be without anything. The access units are not kept:
        their memory is let go of before this returns.

        Raises ParametersChangedError if a key frame's parameter sets are not the recording's, and
        FragmentError if there is nothing, if packets do not rise, if there is sound without a
        sound track, and if anything lies before the origin.
        """
        if not packets and not sounds.units:
            raise FragmentError("a fragment needs a packet")
        if (packets and packets[0][0].pts_us < origin_us) or sounds.at < 0:
            raise FragmentError("a fragment has a packet from before its recording")
        samples = []
        for index, (info, unit) in enumerate(packets):
            last = index + 1 == len(packets)
            end_us = next_pts_us if last else packets[index + 1][0].pts_us
            if end_us <= info.pts_us:
                raise FragmentError(
                    f"a packet at {info.pts_us} us is followed by one at {end_us} us; the encoder "
                    "has to deliver pictures in the order of their time"
                )
            if info.key:
                self._check_parameters(info, unit)
            samples.append(_Sample(info.pts_us - origin_us, end_us - info.pts_us, info.key, unit))
        self._sequence += 1
        return self._strip(self._mux(samples, sounds))

    def _check_parameters(self, info: PacketInfo, unit: Buffer) -> None:
        found = _head(unit).parameter_sets
        if found and found != self._parameter_sets:
            raise ParametersChangedError(
                f"the encoder changed its settings at {info.pts_us} us (frame {info.frame}): its "
                "parameter sets are not those that the recording began with"
            )

    def _mux(self, samples: Sequence[_Sample], sounds: Sounds) -> bytes:
        out = io.BytesIO()
        options = {**_OPTIONS, "fragment_index": str(max(self._sequence, 1))}
        try:
            muxer = av.open(out, "w", format="mp4", options=options, buffer_size=_IO_BYTES)
            try:
                # The decoder's description is enough (opaque); an encoder need not be there.
                stream = muxer.add_stream_from_template(self._template, opaque=True)
                stream.time_base = _TIME_BASE
                heard = self._add_sound(muxer)
                for sample in samples:
                    _put(muxer, stream, sample, _TIME_BASE)
                self._put_sounds(muxer, heard, sounds)
            finally:
                muxer.close()
        except (av.FFmpegError, ValueError) as error:
            raise FragmentError(f"the muxer refused a packet: {error}") from error
        return out.getvalue()

    def _add_sound(self, muxer: OutputContainer) -> AudioStream | None:
        sound, source = self._sound, self._sound_source
        if sound is None or source is None:
            return None
        stream = muxer.add_stream_from_template(source.streams.audio[0], opaque=True)
        # FLV can say 44.1 kHz only.
        stream.codec_context.sample_rate = sound.rate
        stream.codec_context.layout = _LAYOUTS[sound.channels]
        stream.time_base = Fraction(1, sound.rate)
        return stream

    def _put_sounds(
        self, muxer: OutputContainer, stream: AudioStream | None, sounds: Sounds
    ) -> None:
        sound = self._sound
        if stream is None or sound is None:
            if sounds.units:
                raise FragmentError("there is sound, and the recording has no sound track")
            return
        for number, (_, unit) in enumerate(sounds.units):
            at = sounds.at + number * sound.samples
            _put(muxer, stream, _Sample(at, sound.samples, True, unit), Fraction(1, sound.rate))

    def _strip(self, data: bytes) -> bytes:
        if not data.startswith(self.init):
            raise FragmentError("the muxer wrote another initialisation segment than before")
        kinds = [box.kind for box in _layout(data, len(self.init))]
        if kinds != [b"moof", b"mdat"]:
            raise FragmentError(f"the muxer wrote an unexpected order of boxes: {kinds}")
        return data[len(self.init) :]


def _layout(data: bytes, start: int = 0) -> list[Box]:
    try:
        return list(boxes(data, start))
    except Mp4Error as error:
        raise FragmentError(f"the muxer wrote no MP4: {error}") from error


def _put(
    muxer: OutputContainer,
    stream: VideoStream | AudioStream,
    sample: _Sample,
    time_base: Fraction,
) -> None:
    # PyAV refers to the buffer instead of copying it, whatever its annotation says.
    packet = av.Packet(cast(bytes, sample.unit))
    packet.pts = packet.dts = sample.dts
    packet.duration = sample.duration
    packet.time_base = time_base
    packet.stream = stream
    packet.is_keyframe = sample.key
    muxer.mux_one(packet)
