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
from typing import Final, NamedTuple, Protocol

from camerad.container.mp4_boxes import Box, Mp4Error, boxes

_NON_SYNC: Final = 0x10000
"""sample_is_non_sync_sample (ISO/IEC 14496-12, 8.8.3.1)."""
_LONGEST_DELTA: Final = 2**32 - 1
_COARSER: Final = 100
_MOVIE_TIMESCALE: Final = 1_000_000
_TRUN_FIELDS: Final = (0x100, 0x200, 0x400, 0x800)
_PIECE: Final = 1 << 20
_MOST_SAMPLES: Final = 1 << 16
"""In one run; a fragment of a second of pictures or sound has a few hundred at most."""
_UNREADABLE: Final = (struct.error, IndexError, KeyError, OverflowError)
"""What reading raises where numbers or lengths are none that a recorder writes."""


class OutputFile(Protocol):
    """Where the file goes; its methods may raise StorageError."""

    def write(self, data: bytes | memoryview) -> None:
        """Append."""

    def patch(self, offset: int, data: bytes) -> None:
        """Write over what is there already."""


def _one(data: bytes, within: Box, *path: bytes) -> Box:
    for kind in path:
        found = [box for box in boxes(data, within.body, within.end) if box.kind == kind]
        if len(found) != 1:
            raise Mp4Error(f"there is no box {kind!r} where one is needed, or more than one")
        within = found[0]
    return within


def _box(kind: bytes, *content: bytes | list[bytes]) -> list[bytes]:
    """A box as the pieces that it is made of: joined, long tables would be copied at each level."""
    pieces: list[bytes] = []
    for part in content:
        pieces += part if isinstance(part, list) else [part]
    return [struct.pack(">I4s", 8 + sum(map(len, pieces)), kind), *pieces]


class _Defaults(NamedTuple):
    duration: int
    size: int
    flags: int


class _Run(NamedTuple):
    """A ``trun``, and where its samples begin, in bytes and in time, unless it says so itself."""

    moof: Box
    trun: Box
    offset: int
    time: int


class _Track:
    """The samples of a track, as its tables need them."""

    def __init__(self, init: bytes, trak: Box, defaults: dict[int, _Defaults]) -> None:
        self._init = init
        self._trak = trak
        tkhd = _one(init, trak, b"tkhd")
        mdhd = _one(init, trak, b"mdia", b"mdhd")
        hdlr = _one(init, trak, b"mdia", b"hdlr")
        tkhd_version, mdhd_version = init[tkhd.body], init[mdhd.body]
        (self.number,) = struct.unpack_from(">I", init, tkhd.body + (20 if tkhd_version else 12))
        (self.timescale,) = struct.unpack_from(">I", init, mdhd.body + (20 if mdhd_version else 12))
        (self._language,) = struct.unpack_from(">H", init, mdhd.body + (32 if mdhd_version else 20))
        self.picture = init[hdlr.body + 8 : hdlr.body + 12] == b"vide"
        if self.number not in defaults or not self.timescale:
            raise Mp4Error(f"the segment does not describe the track {self.number}")
        self.defaults = defaults[self.number]
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
        stsd = _one(init, trak, b"mdia", b"minf", b"stbl", b"stsd")
        stbl = _box(b"stbl", _raw(init, stsd), *tables)
        minf_box = _one(init, trak, b"mdia", b"minf")
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
        mdia_box = _one(init, trak, b"mdia")
        mdia = _box(b"mdia", mdhd, *_others(init, mdia_box, b"mdhd", b"minf"), minf)
        elst = _box(
            b"elst",
            struct.pack(">B3xI", 1, len(edits)),
            *(struct.pack(">QqHH", length, at, 1, 0) for length, at in edits),
        )
        tkhd = _one(init, trak, b"tkhd")
        shape = init[tkhd.end - 60 : tkhd.end]
        head = _box(
            b"tkhd",
            struct.pack(">B3BQQIIQ", 1, 0, 0, 3, 0, 0, self.number, 0, total_us),
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
    """Writes one MP4. init: a recording's initialisation segment, in the clear.

    Raises Mp4Error if the segment, or later a fragment, is not understood, and what `output`
    raises.
    """

    def __init__(self, output: OutputFile, init: bytes) -> None:
        self._output = output
        self._init = init
        self.pictures = 0
        """How many were written."""
        self.began_us: int | None = None
        """Time of the first picture that the last `add` wrote; None if it wrote none."""
        self.heard_us: int | None = None
        """The same for sound."""
        self._moov = _one(init, Box(b"", 0, 0, len(init)), b"moov")
        self._mvhd = _one(init, self._moov, b"mvhd")
        try:
            self._tracks = {track.number: track for track in _tracks(init, self._moov)}
        except _UNREADABLE as error:
            raise Mp4Error(f"the segment cannot be read: {error!r}") from error
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
        for box in boxes(fragment):
            if box.kind == b"moof":
                for traf in boxes(fragment, box.body, box.end):
                    if traf.kind == b"traf":
                        self._add_traf(fragment, box, traf)

    def _add_traf(self, data: bytes, moof: Box, traf: Box) -> None:
        tfhd = _one(data, traf, b"tfhd")
        try:
            flags, number = struct.unpack_from(">II", data, tfhd.body)
            track = self._tracks[number]
            defaults = _header_defaults(data, tfhd, flags & 0xFFFFFF, track.defaults)
            tfdt = _one(data, traf, b"tfdt")
            wide = data[tfdt.body] == 1
            (time,) = struct.unpack_from(">Q" if wide else ">I", data, tfdt.body + 4)
            offset = moof.start
            for box in boxes(data, traf.body, traf.end):
                if box.kind == b"trun":
                    run = _Run(moof, box, offset, time)
                    offset, time = self._add_run(data, run, track, defaults)
        except _UNREADABLE as error:
            raise Mp4Error(f"a fragment cannot be read: {error!r}") from error

    def _add_run(
        self, data: bytes, run: _Run, track: _Track, defaults: _Defaults
    ) -> tuple[int, int]:
        """Take a run's samples; returns where the next run's begin, in bytes and in time."""
        moof, trun, offset, time = run
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
        samples = []
        for index in range(count):
            values = [
                defaults.duration,
                defaults.size,
                first_flags if index == 0 else defaults.flags,
                0,
            ]
            for place, field in enumerate(_TRUN_FIELDS):
                if flags & field:
                    (values[place],) = struct.unpack_from(">I", data, at)
                    at += 4
            if values[3]:
                raise Mp4Error("pictures are not in the order of their time, which is not expected")
            samples.append((values[1], values[0], not values[2] & _NON_SYNC))
        skipped_bytes = skipped_time = 0
        while track.waits_for_sync and samples and not samples[0][2]:
            size, duration, _ = samples.pop(0)
            skipped_bytes += size
            skipped_time += duration
        begin = offset + skipped_bytes
        end = begin + sum(size for size, _, _ in samples)
        if not moof.end <= begin <= end <= len(data):
            raise Mp4Error("a fragment's samples lie outside of it")
        whole_time = skipped_time + sum(duration for _, duration, _ in samples)
        if samples:
            track.waits_for_sync = False
            track.begin(time + skipped_time)
            for size, duration, sync in samples:
                track.add(size, duration, sync=sync)
            track.chunk(self._offset, len(samples))
            self._output.write(memoryview(data)[begin:end])
            self._offset += end - begin
            begins_us = (time + skipped_time) * _MOVIE_TIMESCALE // track.timescale
            if track.picture:
                self.pictures += len(samples)
                if self.began_us is None:
                    self.began_us = begins_us
            elif self.heard_us is None:
                self.heard_us = begins_us
        return end, time + whole_time

    def finish(self) -> None:
        """Write the tables; the file is complete afterwards. Raises Mp4Error if they cannot say
        how long it lasts."""
        try:
            pieces = self._tables()
        except _UNREADABLE as error:
            raise Mp4Error(f"the tables cannot be written: {error!r}") from error
        size = 8 + sum(map(len, pieces))
        self._output.patch(self._mdat + 8, struct.pack(">Q", self._offset - self._mdat))
        self._output.write(struct.pack(">I4s", size, b"moov"))
        for piece in pieces:
            view = memoryview(piece)
            for start in range(0, len(view), _PIECE):
                self._output.write(view[start : start + _PIECE])

    def _tables(self) -> list[bytes]:
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


def _tracks(init: bytes, moov: Box) -> list[_Track]:
    """What the segment says about each track."""
    defaults = {}
    mvex = _one(init, moov, b"mvex")
    for box in boxes(init, mvex.body, mvex.end):
        if box.kind == b"trex":
            number, _, *rest = struct.unpack_from(">IIIII", init, box.body + 4)
            defaults[number] = _Defaults(*rest)
    return [
        _Track(init, box, defaults)
        for box in boxes(init, moov.body, moov.end)
        if box.kind == b"trak"
    ]


def _header_defaults(data: bytes, tfhd: Box, flags: int, track: _Defaults) -> _Defaults:
    at = tfhd.body + 8
    if flags & 1:
        raise Mp4Error("a fragment's samples lie outside of it")
    at += 4 if flags & 2 else 0
    values = list(track)
    for place, field in enumerate((0x8, 0x10, 0x20)):
        if flags & field:
            (values[place],) = struct.unpack_from(">I", data, at)
            at += 4
    return _Defaults(*values)
