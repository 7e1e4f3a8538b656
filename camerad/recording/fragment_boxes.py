"""The boxes that a recorder writes: an initialisation segment, and fragments (ISO/IEC 14496-12,
23000-19).

Pure: bytes in, bytes out. Track 1 has the pictures, track 2 the sound. A duration of 0 says that a
file goes on for as long as there are fragments.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final, NamedTuple

from camerad.stream.packets import Buffer

PICTURES: Final = 1
SOUND: Final = 2
"""Numbers of the tracks."""

_MATRIX: Final = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
"""A picture is shown as it is (6.2.2)."""
_UNDETERMINED: Final = 0x55C4
"""The language "und", in 8.4.2's packing."""
_DPI: Final = 72 << 16
_KEY: Final = 0x02000000
"""sample_depends_on: no other (8.8.3.1)."""
_DEPENDENT: Final = 0x01010000
"""It depends on others, and decoding cannot begin with it."""
_HEADER_FLAGS: Final = 0x02003A
"""default-base-is-moof; sample description, duration, size and flags are given (8.8.7)."""
_DATA_OFFSET, _FIRST_FLAGS, _DURATIONS, _SIZES, _FLAGS = 0x1, 0x4, 0x100, 0x200, 0x400
"""What a run gives (8.8.8)."""


class Sample(NamedTuple):
    """duration: in the track's units. key: whether decoding can begin with it. pieces: its bytes,
    one after another."""

    duration: int
    key: bool
    size: int
    pieces: Sequence[Buffer]


class TrackRun(NamedTuple):
    """A fragment's samples of a track, at least one. at: where the first one begins, in the track's
    units."""

    track: int
    at: int
    samples: Sequence[Sample]


def box(kind: bytes, *content: bytes) -> bytes:
    """A box (4.2)."""
    return struct.pack(">I4s", 8 + sum(map(len, content)), kind) + b"".join(content)


def _full(kind: bytes, version_flags: int, *content: bytes) -> bytes:
    return box(kind, struct.pack(">I", version_flags), *content)


def initialisation(*tracks: bytes) -> bytes:
    """The segment of these tracks, as `picture_track` and `sound_track` make them: pictures, then
    sound."""
    movie = _full(
        b"mvhd",
        0,
        struct.pack(">IIIIIH10x", 0, 0, 1000, 0, 0x10000, 0x100),
        _MATRIX,
        bytes(24),
        struct.pack(">I", len(tracks) + 1),
    )
    extends = [
        _full(b"trex", 0, struct.pack(">5I", number, 1, 0, 0, 0))
        for number in range(PICTURES, PICTURES + len(tracks))
    ]
    brands = box(b"ftyp", b"iso6", struct.pack(">I", 512), b"iso6cmfcmp41")
    return brands + box(b"moov", movie, *tracks, box(b"mvex", *extends))


def picture_track(width: int, height: int, timescale: int, configuration: bytes) -> bytes:
    """The ``trak`` of pictures. configuration: as `camerad.recording.avc` gives it."""
    entry = box(
        b"avc1",
        struct.pack(">6xH16xHHIIIH32xHH", 1, width, height, _DPI, _DPI, 0, 1, 24, 0xFFFF),
        box(b"avcC", configuration),
    )
    head = struct.pack(">IIIII8xHHHH", 0, 0, PICTURES, 0, 0, 0, 0, 0, 0)
    header = _full(b"tkhd", 3, head, _MATRIX, struct.pack(">II", width << 16, height << 16))
    media = _Media(b"vide", b"VideoHandler", _full(b"vmhd", 1, bytes(8)))
    return _track(header, timescale, media, entry)


def sound_track(rate: int, channels: int, configuration: bytes) -> bytes:
    """The ``trak`` of sound. configuration: the AudioSpecificConfig."""
    # AAC, an audio stream; of its buffer and its rates nothing is said (ISO/IEC 14496-1, 7.2.6.6).
    decoder = struct.pack(">BB11x", 0x40, 0x15)
    described = _descriptor(4, decoder + _descriptor(5, configuration))
    stream = _descriptor(3, struct.pack(">HB", SOUND, 0) + described + _descriptor(6, b"\2"))
    entry = box(
        b"mp4a",
        struct.pack(">6xH8xHHHHI", 1, channels, 16, 0, 0, rate << 16),
        _full(b"esds", 0, stream),
    )
    head = struct.pack(">IIIII8xHHHH", 0, 0, SOUND, 0, 0, 0, 1, 0x100, 0)
    header = _full(b"tkhd", 3, head, _MATRIX, bytes(8))
    media = _Media(b"soun", b"SoundHandler", _full(b"smhd", 0, bytes(4)))
    return _track(header, rate, media, entry)


def _descriptor(tag: int, content: bytes) -> bytes:
    """ISO/IEC 14496-1, 8.3.3, with the length in four bytes, as most write it."""
    length = len(content)
    sizes = [0x80 | length >> shift & 0x7F for shift in (21, 14, 7)]
    return bytes([tag, *sizes, length & 0x7F]) + content


class _Media(NamedTuple):
    """A track's type: a handler's kind and name (8.4.3), and the media's header."""

    kind: bytes
    name: bytes
    header: bytes


def _track(header: bytes, timescale: int, media: _Media, entry: bytes) -> bytes:
    timing = _full(b"mdhd", 0, struct.pack(">IIIIHH", 0, 0, timescale, 0, _UNDETERMINED, 0))
    handler = _full(b"hdlr", 0, struct.pack(">4x4s12x", media.kind), media.name, b"\0")
    here = _full(b"dref", 0, struct.pack(">I", 1), _full(b"url ", 1))
    table = box(
        b"stbl",
        _full(b"stsd", 0, struct.pack(">I", 1), entry),
        _full(b"stts", 0, bytes(4)),
        _full(b"stsc", 0, bytes(4)),
        _full(b"stsz", 0, bytes(8)),
        _full(b"stco", 0, bytes(4)),
    )
    return box(
        b"trak",
        header,
        box(b"mdia", timing, handler, box(b"minf", media.header, box(b"dinf", here), table)),
    )


def fragment(number: int, runs: Sequence[TrackRun]) -> bytes:
    """A ``moof`` and its ``mdat``: the samples of the runs, one after the other. number: of the
    fragment in its recording, from 1."""
    sizes = [sum(sample.size for sample in run.samples) for run in runs]
    # The runs say where their samples lie, counted from the moof, whose length does not depend on
    # that.
    at = len(_head(number, runs, [0] * len(runs))) + 8
    offsets = []
    for size in sizes:
        offsets.append(at)
        at += size
    pieces: list[Buffer] = [
        _head(number, runs, offsets),
        struct.pack(">I4s", 8 + sum(sizes), b"mdat"),
    ]
    for run in runs:
        for sample in run.samples:
            pieces += sample.pieces
    return b"".join(pieces)


def _head(number: int, runs: Sequence[TrackRun], offsets: Sequence[int]) -> bytes:
    header = _full(b"mfhd", 0, struct.pack(">I", number))
    return box(b"moof", header, *map(_track_fragment, runs, offsets))


def _track_fragment(run: TrackRun, offset: int) -> bytes:
    first = run.samples[0]
    # The first is told apart anyway, where it is another one.
    usual = _KEY if run.track == SOUND else _DEPENDENT
    if len(run.samples) > 1:
        usual = _flags(run.samples[1])
    header = struct.pack(">5I", run.track, 1, first.duration, first.size, usual)
    return box(
        b"traf",
        _full(b"tfhd", _HEADER_FLAGS, header),
        _full(b"tfdt", 1 << 24, struct.pack(">Q", run.at)),
        _run(run.samples, usual, offset),
    )


def _flags(sample: Sample) -> int:
    return _KEY if sample.key else _DEPENDENT


def _run(samples: Sequence[Sample], usual: int, offset: int) -> bytes:
    """A ``trun``, which says only what the header before it does not."""
    first = samples[0]
    flags = list(map(_flags, samples))
    given = _DATA_OFFSET
    given |= _DURATIONS if any(one.duration != first.duration for one in samples) else 0
    given |= _SIZES if any(one.size != first.size for one in samples) else 0
    given |= _FLAGS if any(one != usual for one in flags[1:]) else 0
    if not given & _FLAGS and flags[0] != usual:
        given |= _FIRST_FLAGS
    words = [len(samples), offset]
    if given & _FIRST_FLAGS:
        words.append(flags[0])
    for sample, flag in zip(samples, flags, strict=True):
        values = ((_DURATIONS, sample.duration), (_SIZES, sample.size), (_FLAGS, flag))
        words += [value for field, value in values if given & field]
    return _full(b"trun", 1 << 24 | given, struct.pack(f">{len(words)}I", *words))
