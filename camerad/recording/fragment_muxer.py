"""Multiplexes encoded pictures and sound into CMAF fragments (ISO/IEC 23000-19).

The first key frame of a recording, and the format of its sound, give its *initialisation segment*
(``ftyp`` and ``moov``); every group of packets after that gives one ``moof`` and one ``mdat``, with
a ``traf`` for each track that has something. The segment followed by the
fragments, in order and by nothing else, is a playable fragmented MP4.

The boxes are written by `camerad.recording.fragment_boxes`: a fragment is known as a whole before
it is written, so this takes a loop over its packets, and no library with a muxer of its own, which
would have to be begun and ended for each fragment and keeps copies of the packets.

Times: the track's timescale is 1 MHz, so one unit is one microsecond of media time. A fragment
begins (``tfdt``) at its first packet's pts minus the recording's origin, whatever came before, so
a gap is a hole in the decode time line. Pictures are in the order of decoding (no B-frames), so pts
and dts are the same. The timescale of sound is its rate, and each access unit lasts its samples.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Final

from camerad.base.errors import CameradError
from camerad.recording.audio_segmenter import NO_SOUNDS, Sounds
from camerad.recording.avc import (
    PICTURE_SET,
    SEQUENCE_SET,
    SLICES,
    NalUnit,
    decoder_configuration,
    nal_units,
    picture_format,
)
from camerad.recording.fragment_boxes import (
    PICTURES,
    SOUND,
    Sample,
    TrackRun,
    fragment,
    initialisation,
    picture_track,
    sound_track,
)
from camerad.stream.packets import Buffer, Packet, PacketInfo
from camerad.stream.sound_messages import SoundFormat

TIMESCALE: Final = 1_000_000
"""Units of the track per second; one unit is one microsecond."""
_LENGTH_BYTES: Final = 4
"""Before each NAL unit, in place of its start code."""


class FragmentError(CameradError, ValueError):
    """Error raised when packets cannot be made into a fragment of their recording."""


class ParametersChangedError(FragmentError):
    """Error raised when a key frame brings other parameter sets than the recording began with.

    A recording has one initialisation segment, so footage encoded with other settings belongs into
    a recording of its own. at_us: media time of that key frame.
    """

    def __init__(self, text: str, at_us: int) -> None:
        super().__init__(text)
        self.at_us: Final = at_us


def _units_of(unit: Buffer) -> list[NalUnit]:
    found = nal_units(unit)
    if not any(one.kind in SLICES for one in found):
        raise FragmentError(f"an access unit of {len(unit)} bytes has no slice, or is not Annex B")
    return found


def _parameter_sets(unit: Buffer, found: Sequence[NalUnit]) -> tuple[bytes, ...]:
    """Those before its first slice."""
    sets = []
    for one in found:
        if one.kind in SLICES:
            break
        if one.kind in (SEQUENCE_SET, PICTURE_SET):
            sets.append(bytes(unit[one.start : one.end]))
    return tuple(sets)


class FragmentMaker:
    """Makes the initialisation segment and the fragments of one recording.

    width, height: pixels, as configured. key_packet: the recording's first access unit, a key
    frame that brings its parameter sets. sound: of the sound track, None without one. `init` is the
    initialisation segment. Used by one thread.

    Raises FragmentError if the key packet has no parameter sets or another size of picture.
    """

    def __init__(
        self, width: int, height: int, key_packet: Buffer, sound: SoundFormat | None = None
    ) -> None:
        self._parameter_sets = sets = _parameter_sets(key_packet, _units_of(key_packet))
        of_sequence = [one for one in sets if one[0] & 31 == SEQUENCE_SET]
        of_pictures = [one for one in sets if one[0] & 31 == PICTURE_SET]
        if not of_sequence or not of_pictures:
            raise FragmentError(
                "the first key frame does not bring its parameter sets; the encoder has to repeat "
                "them with every key frame"
            )
        try:
            size = picture_format(of_sequence[0])[:2]
            configuration = decoder_configuration(of_sequence, of_pictures)
        except ValueError as error:
            raise FragmentError(f"the first key frame cannot be read: {error}") from error
        if size != (width, height):
            raise FragmentError(
                f"the encoder delivers {size[0]}x{size[1]} pictures, configured are "
                f"{width}x{height}"
            )
        self._sound = sound
        self._sequence = 0
        tracks = [picture_track(width, height, TIMESCALE, configuration)]
        if sound is not None:
            tracks.append(sound_track(sound.rate, sound.channels, sound.config))
        self.init: Final = initialisation(*tracks)

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
        ends_us = [info.pts_us for info, _ in packets[1:]] + [next_pts_us]
        runs = []
        # A view that outlives this would keep the ring's memory, also where an error keeps it.
        with contextlib.ExitStack() as views:
            if packets:
                samples = [
                    self._sample(info, unit, end_us, views)
                    for (info, unit), end_us in zip(packets, ends_us, strict=True)
                ]
                runs.append(TrackRun(PICTURES, packets[0][0].pts_us - origin_us, samples))
            if sounds.units:
                runs.append(self._heard(sounds))
            self._sequence += 1
            return fragment(self._sequence, runs)

    def _sample(
        self, info: PacketInfo, unit: Buffer, end_us: int, views: contextlib.ExitStack
    ) -> Sample:
        if end_us <= info.pts_us:
            raise FragmentError(
                f"a packet at {info.pts_us} us is followed by one at {end_us} us; the encoder "
                "has to deliver pictures in the order of their time"
            )
        found = _units_of(unit)
        if info.key:
            sets = _parameter_sets(unit, found)
            if sets and sets != self._parameter_sets:
                raise ParametersChangedError(
                    f"the encoder changed its settings at {info.pts_us} us (frame {info.frame}): "
                    "its parameter sets are not those that the recording began with",
                    info.pts_us,
                )
        pieces: list[Buffer] = []
        for one in found:
            view = views.enter_context(memoryview(unit)[one.start : one.end])
            pieces += (len(view).to_bytes(_LENGTH_BYTES, "big"), view)
        return Sample(end_us - info.pts_us, info.key, sum(map(len, pieces)), pieces)

    def _heard(self, sounds: Sounds) -> TrackRun:
        if self._sound is None:
            raise FragmentError("there is sound, and the recording has no sound track")
        long = self._sound.samples
        samples = [Sample(long, True, len(unit), (unit,)) for _, unit in sounds.units]
        return TrackRun(SOUND, sounds.at, samples)
