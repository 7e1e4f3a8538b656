"""A recording's fragments become one seekable MP4 (ISO/IEC 14496-12), as they come.

The samples are copied as they are, into one ``mdat``; the tables of where they lie (``moov``) are
kept in memory, some twenty bytes per sample, and written behind them. libavformat keeps five times
as much, and turns a gap of 36 minutes or more into one microsecond.

Times stay: a track that begins later than the recording begins with an empty edit, and where
pictures or sound are missing, the sample before is listed as lasting until the next one. So a
picture stands; of sound a decoder has no more than the samples that there are, and is silent.
"""

from __future__ import annotations

import struct
from array import array
from fractions import Fraction
from typing import Final, Protocol

from camerad.container.mp4_boxes import Box, Mp4Error, boxes, only_box
from camerad.evidence.fragment_samples import (
    UNREADABLE,
    SampleRun,
    TrackHeader,
    read_tracks,
    sample_runs,
)

_LONGEST_DELTA: Final = 2**32 - 1
_COARSER: Final = 100
_MOVIE_TIMESCALE: Final = 1_000_000
_PIECE: Final = 1 << 20


class OutputFile(Protocol):
    """Where the file goes; its methods may raise StorageError."""

    def write(self, data: bytes | memoryview) -> None:
        """Append."""

    def patch(self, offset: int, data: bytes) -> None:
        """Write over what is there already."""


def _box(kind: bytes, *content: bytes | list[bytes]) -> list[bytes]:
    """A box as the pieces that it is made of: joined, long tables would be copied at each level."""
    pieces: list[bytes] = []
    for part in content:
        pieces += part if isinstance(part, list) else [part]
    return [struct.pack(">I4s", 8 + sum(map(len, pieces)), kind), *pieces]


class _Track:
    """The samples of a track, as its tables need them."""

    def __init__(self, init: bytes, trak: Box, header: TrackHeader) -> None:
        self._init = init
        self._trak = trak
        mdhd = only_box(init, trak, b"mdia", b"mdhd")
        (self._language,) = struct.unpack_from(
            ">H", init, mdhd.body + (32 if init[mdhd.body] else 20)
        )
        self._number = header.number
        self.timescale, self.picture = header.timescale, header.picture
        self.start: int | None = None
        self.end = 0
        self._last_duration = 0
        self._sizes = array("I")
        self._durations = array("Q")
        self._sync = array("I")
        self._chunks = array("Q")
        self._per_chunk = array("I")
        self.waits_for_sync = False

    def begin(self, time: int) -> None:
        """The next samples begin at `time`; the sample before stands until then."""
        if self.start is None:
            self.start = self.end = time
        if time < self.end - self._last_duration:
            raise Mp4Error("a fragment begins before the one before it")
        if self._durations:
            self._durations[-1] += time - self.end
        self.end = time

    def add(self, size: int, duration: int, *, sync: bool) -> None:
        self._sizes.append(size)
        self._durations.append(duration)
        self._last_duration = duration
        self.end += duration
        if sync:
            self._sync.append(len(self._sizes))

    def move(self, by: int) -> None:
        """Have it begin earlier, or later."""
        self.start = (self.start or 0) + by
        self.end += by

    def chunk(self, offset: int, count: int) -> None:
        self._chunks.append(offset)
        self._per_chunk.append(count)

    def boxes(self) -> list[bytes]:
        """The track's ``trak``, in pieces. The samples' tables are let go of."""
        divide = _COARSER if max(self._durations, default=0) > _LONGEST_DELTA else 1
        start = self.start or 0
        duration = self.end - start
        us = _MOVIE_TIMESCALE
        edits = []
        if start:
            edits.append((start * us // self.timescale, -1))
        media_us = duration * us // self.timescale
        edits.append((media_us, 0))
        total_us = sum(length for length, _ in edits)
        init, trak = self._init, self._trak
        tables = self._tables(divide)
        stsd = only_box(init, trak, b"mdia", b"minf", b"stbl", b"stsd")
        stbl = _box(b"stbl", _raw(init, stsd), *tables)
        minf_box = only_box(init, trak, b"mdia", b"minf")
        minf = _box(b"minf", *_others(init, minf_box, b"stbl"), stbl)
        mdhd = _box(
            b"mdhd",
            struct.pack(
                ">B3xQQIQHH",
                1,
                0,
                0,
                self.timescale // divide,
                duration // divide,
                self._language,
                0,
            ),
        )
        mdia_box = only_box(init, trak, b"mdia")
        mdia = _box(b"mdia", mdhd, *_others(init, mdia_box, b"mdhd", b"minf"), minf)
        elst = _box(
            b"elst",
            struct.pack(">B3xI", 1, len(edits)),
            *(struct.pack(">QqHH", length, at, 1, 0) for length, at in edits),
        )
        tkhd = only_box(init, trak, b"tkhd")
        shape = init[tkhd.end - 60 : tkhd.end]
        head = _box(
            b"tkhd",
            struct.pack(">B3BQQIIQ", 1, 0, 0, 3, 0, 0, self._number, 0, total_us),
            shape,
        )
        return _box(b"trak", head, _box(b"edts", elst), mdia)

    def duration_us(self) -> int:
        return int(self.end * _MOVIE_TIMESCALE // self.timescale)

    def _tables(self, divide: int) -> list[list[bytes]]:
        runs = array("I")
        time = before = 0
        for duration in self._durations:
            time += duration
            delta = time // divide - before
            before = time // divide
            if runs and runs[-1] == delta:
                runs[-2] += 1
            else:
                runs.extend((1, delta))
        tables = [_table(b"stts", len(runs) // 2, runs)]
        if len(self._sync) != len(self._sizes):
            tables.append(_table(b"stss", len(self._sync), self._sync))
        chunks = array("I")
        for index, count in enumerate(self._per_chunk, 1):
            if not chunks or chunks[-2] != count:
                chunks.extend((index, count, 1))
        tables.append(_table(b"stsc", len(chunks) // 3, chunks))
        count = len(self._sizes)
        tables.append(_box(b"stsz", struct.pack(">III", 0, 0, count), _big_endian(self._sizes)))
        tables.append(_table(b"co64", len(self._chunks), self._chunks))
        return tables


def _big_endian(values: array[int]) -> bytes:
    if struct.pack("=H", 1) != struct.pack(">H", 1):
        values.byteswap()
    data = values.tobytes()
    del values[:]
    return data


def _table(kind: bytes, count: int, values: array[int]) -> list[bytes]:
    return _box(kind, struct.pack(">II", 0, count), _big_endian(values))


def _raw(data: bytes, box: Box) -> bytes:
    return data[box.start : box.end]


def _others(data: bytes, within: Box, *but: bytes) -> list[bytes]:
    found = boxes(data, within.body, within.end)
    return [_raw(data, box) for box in found if box.kind not in but]


class Mp4Writer:
    """Writes one MP4. init: a recording's initialisation segment, in the clear. from_zero: it
    begins with its own first sample, wherever in the recording that is.

    Raises Mp4Error if the segment, or later a fragment, is not understood, and what `output`
    raises.
    """

    def __init__(self, output: OutputFile, init: bytes, *, from_zero: bool = False) -> None:
        self._from_zero = from_zero
        self._output = output
        self._init = init
        self.pictures = 0
        """How many were written."""
        self.began_us: int | None = None
        """Time of the first picture that the last `add` wrote; None if it wrote none."""
        self.heard_us: int | None = None
        """The same for sound."""
        self.begins_with_key = False
        """Whether the first picture of the last `add` needs none before it."""
        self._moov = only_box(init, Box(b"", 0, 0, len(init)), b"moov")
        self._mvhd = only_box(init, self._moov, b"mvhd")
        self._headers = read_tracks(init)
        traks = (one for one in boxes(init, self._moov.body, self._moov.end) if one.kind == b"trak")
        self._tracks = {
            header.number: _Track(init, trak, header)
            for trak, header in zip(traks, self._headers.values(), strict=True)
        }
        ftyp = b"".join(_box(b"ftyp", b"isom", struct.pack(">I", 512), b"isomiso2avc1mp41"))
        self._mdat = len(ftyp)
        self._offset = len(ftyp) + 16
        output.write(ftyp + struct.pack(">I4sQ", 1, b"mdat", 16))

    def skip_to_key_frame(self) -> None:
        """Something is left out here: pictures that build on it are left out too."""
        for track in self._tracks.values():
            track.waits_for_sync = track.picture

    def add(self, fragment: bytes) -> None:
        """Add a fragment in the clear: pairs of ``moof`` and ``mdat``."""
        self.began_us = self.heard_us = None
        self.begins_with_key = False
        for run in sample_runs(fragment, self._headers):
            self._add_run(fragment, run)

    def _add_run(self, data: bytes, run: SampleRun) -> None:
        track, time, samples = self._tracks[run.track], run.time, run.samples
        while track.waits_for_sync and samples and not samples[0].sync:
            time += samples.pop(0).duration
        if not samples:
            return
        track.waits_for_sync = False
        track.begin(time)
        for one in samples:
            track.add(one.size, one.duration, sync=one.sync)
        begin, end = samples[0].offset, samples[-1].offset + samples[-1].size
        track.chunk(self._offset, len(samples))
        self._output.write(memoryview(data)[begin:end])
        self._offset += end - begin
        begins_us = time * _MOVIE_TIMESCALE // track.timescale
        if track.picture:
            self.pictures += len(samples)
            if self.began_us is None:
                self.began_us = begins_us
                self.begins_with_key = samples[0].sync
        elif self.heard_us is None:
            self.heard_us = begins_us

    def finish(self) -> None:
        """Write the tables; the file is complete afterwards. Raises Mp4Error if they cannot say
        how long it lasts."""
        try:
            pieces = self._tables()
        except UNREADABLE as error:
            raise Mp4Error(f"the tables cannot be written: {error!r}") from error
        size = 8 + sum(map(len, pieces))
        self._output.patch(self._mdat + 8, struct.pack(">Q", self._offset - self._mdat))
        self._output.write(struct.pack(">I4s", size, b"moov"))
        for piece in pieces:
            view = memoryview(piece)
            for start in range(0, len(view), _PIECE):
                self._output.write(view[start : start + _PIECE])

    def _tables(self) -> list[bytes]:
        if self._from_zero:
            begun = [track for track in self._tracks.values() if track.start is not None]
            first = min((Fraction(track.start or 0, track.timescale) for track in begun), default=0)
            for track in begun:
                track.move(-int(first * track.timescale))
        duration = max((track.duration_us() for track in self._tracks.values()), default=0)
        old = self._mvhd
        pieces = _box(
            b"mvhd",
            struct.pack(">B3xQQIQ", 1, 0, 0, _MOVIE_TIMESCALE, duration),
            self._init[old.end - 80 : old.end],
        )
        for track in self._tracks.values():
            if track.start is not None:
                pieces += track.boxes()
        return pieces
