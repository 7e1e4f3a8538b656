"""The samples of a recording's fragments (ISO/IEC 14496-12, 8.8), as they lie in them."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from camerad.container.mp4_boxes import Box, Mp4Error, boxes, only_box

_NON_SYNC: Final = 0x10000
"""sample_is_non_sync_sample (8.8.3.1)."""
_TRUN_FIELDS: Final = (0x100, 0x200, 0x400, 0x800)
_MOST_SAMPLES: Final = 1 << 16
"""In a fragment; one of a second of pictures or sound has a few hundred at most."""
_DESCRIBING: Final = {b"mfhd": (16,), b"tfdt": (16, 20)} | dict.fromkeys(
    (b"traf", b"tfhd", b"trun"), range(8, 1 << 32)
)
"""Boxes within a ``moof``, and their sizes; those of the last three are checked as they are
read."""
UNREADABLE: Final = (struct.error, IndexError, KeyError, OverflowError)
"""What reading raises where numbers or lengths are none that a recorder writes."""


class SampleDefaults(NamedTuple):
    """What holds for a sample of which a run says nothing else. duration: in the track's units."""

    duration: int
    size: int
    flags: int


class TrackHeader(NamedTuple):
    """A track, as the segment describes it. timescale: units of its times in a second."""

    number: int
    timescale: int
    picture: bool
    defaults: SampleDefaults


class SeenSample(NamedTuple):
    """offset, size: where it lies in the fragment. duration: in the track's units. sync: decoding
    can begin with it."""

    offset: int
    size: int
    duration: int
    sync: bool


class SampleRun(NamedTuple):
    """Samples of a track that follow one another. moof: which of the fragment's it is in, from 0.
    time: at which the first begins, in the track's units."""

    moof: int
    track: int
    time: int
    samples: list[SeenSample]


def read_tracks(init: bytes) -> dict[int, TrackHeader]:
    """The tracks of an initialisation segment, by number. Raises Mp4Error."""
    moov = only_box(init, Box(b"", 0, 0, len(init)), b"moov")
    try:
        tracks = list(_tracks(init, moov))
    except UNREADABLE as error:
        raise Mp4Error(f"the segment cannot be read: {error!r}") from error
    found = {one.number: one for one in tracks}
    if len(found) != len(tracks):
        raise Mp4Error("the segment has two tracks of one number")
    return found


def _tracks(init: bytes, moov: Box) -> Iterator[TrackHeader]:
    defaults = {}
    mvex = only_box(init, moov, b"mvex")
    for box in boxes(init, mvex.body, mvex.end):
        if box.kind == b"trex":
            number, _, *rest = struct.unpack_from(">IIIII", init, box.body + 4)
            defaults[number] = SampleDefaults(*rest)
    for trak in boxes(init, moov.body, moov.end):
        if trak.kind != b"trak":
            continue
        tkhd = only_box(init, trak, b"tkhd")
        mdhd = only_box(init, trak, b"mdia", b"mdhd")
        hdlr = only_box(init, trak, b"mdia", b"hdlr")
        (number,) = struct.unpack_from(">I", init, tkhd.body + (20 if init[tkhd.body] else 12))
        (scale,) = struct.unpack_from(">I", init, mdhd.body + (20 if init[mdhd.body] else 12))
        if number not in defaults or not scale:
            raise Mp4Error(f"the segment does not describe the track {number}")
        picture = init[hdlr.body + 8 : hdlr.body + 12] == b"vide"
        yield TrackHeader(number, scale, picture, defaults[number])


def sample_runs(fragment: bytes, tracks: Mapping[int, TrackHeader]) -> Iterator[SampleRun]:
    """The runs of a fragment in the clear: pairs of ``moof`` and ``mdat``. Raises Mp4Error."""
    moofs = (box for box in boxes(fragment) if box.kind == b"moof")
    count = 0
    for number, moof in enumerate(moofs):
        for traf in boxes(fragment, moof.body, moof.end):
            if traf.kind != b"traf":
                continue
            for run in _track_runs(fragment, number, moof, traf, tracks):
                count += len(run.samples)
                if count > _MOST_SAMPLES:
                    raise Mp4Error(f"a fragment claims more than {_MOST_SAMPLES} samples")
                yield run


def has_room(fragment: bytes, runs: Iterable[SampleRun]) -> bool:
    """Whether a fragment has bytes that are neither samples nor boxes that describe them: footage
    could be left there. runs: its own. Raises Mp4Error."""
    outer = list(boxes(fragment))
    inner = [one for box in outer if box.kind == b"moof" for one in _inside(fragment, box)]
    inner += [one for box in inner if box.kind == b"traf" for one in _inside(fragment, box)]
    if not {one.kind for one in outer} <= {b"moof", b"mdat"}:
        return True
    if any(one.end - one.start not in _DESCRIBING.get(one.kind, ()) for one in inner):
        return True
    filled: list[tuple[int, int]] = []
    for offset, size in sorted((one.offset, one.size) for run in runs for one in run.samples):
        if filled and offset <= filled[-1][1]:
            filled[-1] = filled[-1][0], max(filled[-1][1], offset + size)
        else:
            filled.append((offset, offset + size))
    return filled != [(one.body, one.end) for one in outer if one.kind == b"mdat"]


def _inside(data: bytes, box: Box) -> Iterator[Box]:
    return boxes(data, box.body, box.end)


def _track_runs(
    data: bytes, number: int, moof: Box, traf: Box, tracks: Mapping[int, TrackHeader]
) -> Iterator[SampleRun]:
    tfhd = only_box(data, traf, b"tfhd")
    try:
        flags, track = struct.unpack_from(">II", data, tfhd.body)
        defaults = _header_defaults(data, tfhd, flags & 0xFFFFFF, tracks[track].defaults)
        tfdt = only_box(data, traf, b"tfdt")
        wide = data[tfdt.body] == 1
        (time,) = struct.unpack_from(">Q" if wide else ">I", data, tfdt.body + 4)
        offset = moof.start
        for box in boxes(data, traf.body, traf.end):
            if box.kind == b"trun":
                samples, offset = _samples(data, moof, box, offset, defaults)
                yield SampleRun(number, track, time, samples)
                time += sum(one.duration for one in samples)
    except UNREADABLE as error:
        raise Mp4Error(f"a fragment cannot be read: {error!r}") from error


def _samples(
    data: bytes, moof: Box, trun: Box, offset: int, defaults: SampleDefaults
) -> tuple[list[SeenSample], int]:
    """A run's samples, and where those of the next run begin, if it does not say so. offset: where
    these begin, if it does not."""
    word, count = struct.unpack_from(">II", data, trun.body)
    if count > _MOST_SAMPLES:
        raise Mp4Error(f"a fragment claims {count} samples")
    flags, at = word & 0xFFFFFF, trun.body + 8
    if flags & 1:
        offset = moof.start + struct.unpack_from(">i", data, at)[0]
        at += 4
    first_flags = defaults.flags
    if flags & 4:
        (first_flags,) = struct.unpack_from(">I", data, at)
        at += 4
    begin, samples = offset, []
    for index in range(count):
        values = [*defaults[:2], defaults.flags if index else first_flags, 0]
        for place, field in enumerate(_TRUN_FIELDS):
            if flags & field:
                (values[place],) = struct.unpack_from(">I", data, at)
                at += 4
        duration, size, said, composition = values
        if composition:
            raise Mp4Error("pictures are not in the order of their time, which is not expected")
        samples.append(SeenSample(offset, size, duration, not said & _NON_SYNC))
        offset += size
    if at != trun.end:
        raise Mp4Error("a fragment has another number of samples than it says")
    if not moof.end <= begin <= offset <= len(data):
        raise Mp4Error("a fragment's samples lie outside of it")
    return samples, offset


def _header_defaults(data: bytes, tfhd: Box, flags: int, track: SampleDefaults) -> SampleDefaults:
    at = tfhd.body + 8
    if flags & 1:
        raise Mp4Error("a fragment's samples lie outside of it")
    at += 4 if flags & 2 else 0
    values = list(track)
    for place, field in enumerate((0x8, 0x10, 0x20)):
        if flags & field:
            (values[place],) = struct.unpack_from(">I", data, at)
            at += 4
    if at != tfhd.end:
        raise Mp4Error("a fragment says other things of a track than a recorder does")
    return SampleDefaults(*values)
