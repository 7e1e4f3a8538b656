"""The sound of one recording: delivers it from its ring to the recorder.

The recorder's thread takes sound when it makes a fragment, whatever is there by then: no picture
ever waits for sound. Sound is borrowed from the ring only while it is multiplexed.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Iterator
from typing import Final

import msgspec
from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from camerad.base.text import LONGEST, printable
from camerad.container.gaps import Gap
from camerad.container.statements import MUTED, FragmentSound, Microphone, SoundChange, SoundEnd
from camerad.recording.audio_segmenter import SoundChunk, SoundCutter
from camerad.stream.ring import Ring, RingReader
from camerad.stream.sound_messages import SoundFormat, SoundNews
from camerad.stream.wire import SoundState

ALONE_US: Final = 500_000
"""So much sound is a fragment of its own while no picture comes."""
LAST_S: Final = 0.5
"""How long the end of a recording waits for the last of its sound, which comes later than the
pictures: the encoder looks ahead, and packets may lie in the socket for a moment."""
_ALL_US: Final = 1 << 50
_SAMPLES: Final = 1024
"""Of an access unit of AAC-LC, where no process has said so."""
NOTHING_HEARD: Final = SoundChunk()


class AudioSpec(msgspec.Struct, frozen=True):
    """The wanted sound, known at the press.

    device: its name for ALSA; rate, channels: as configured. pre_event: sound from before the
    trigger too, as far as there are pictures.
    """

    device: str
    rate: int
    channels: int
    pre_event: bool


class AudioTrack:
    """Follows `ring` for one recording.

    form: tells how sound is encoded, once that is known; asked when the file is made. `changed`
    and `mute` may be called from any thread, the rest is the recorder's.
    """

    def __init__(
        self, ring: Ring, wanted: AudioSpec, form: Callable[[], SoundFormat | None]
    ) -> None:
        self.wanted: Final = wanted
        self.form: SoundFormat | None = None
        """How it is encoded; None before `begin`, and if there is no sound track."""
        self._ring = ring
        self._ask_form = form
        self._reader: RingReader | None = None
        self._cutter: SoundCutter | None = None
        self._until_us: int | None = None
        self._kept_us: int | None = None
        self._state = SoundChange(0, SoundState.OFF, None)
        self.muted_us: int | None = None
        """Media time since when nothing is kept; None: it is. For any thread."""
        self._pending: deque[SoundChange] = deque()
        """Not yet in a commit."""
        self._new: deque[SoundChange] = deque()
        """Not yet known to the cutter."""

    # From any thread

    def changed(self, news: SoundNews) -> None:
        """The microphone does something else; the next commit says so, unless it is muted."""
        why = None if news.why is None else printable(news.why)[:LONGEST]
        self._state = SoundChange(news.at_us, news.state.value, why)
        if self.muted_us is None:
            self._note(self._state)

    def mute(self, on: bool, at_us: int) -> None:
        """Keep no sound from this media time on, or keep it again; the next commit says so."""
        if on is (self.muted_us is not None):
            return
        self.muted_us = at_us if on else None
        state = self._state
        self._note(SoundChange(at_us, MUTED, None) if on else replace(state, at_us=at_us))

    def _note(self, change: SoundChange) -> None:
        self._new.append(change)
        self._pending.append(change)

    # The recorder's thread

    def follow(self, from_us: int | None, reader: RingReader | None = None) -> None:
        """Begin to follow the ring: from its oldest sound on, from the first at `from_us`, or from
        where another track has left its `reader`."""
        self._reader = self._ring.follow(from_us) if reader is None else reader

    def leave(self) -> RingReader | None:
        """Follow the ring no longer; returns the reader for the track that goes on from here."""
        reader, self._reader = self._reader, None
        return reader

    def begin(self, origin_us: int, from_us: int) -> Microphone:
        """The file is made; what its header says. Without a known format there is no sound track.

        origin_us: media time of the first picture. from_us: of the first sound wanted.
        """
        self.form = form = self._ask_form()
        wanted = self.wanted
        if form is None:
            return Microphone(
                wanted.device, wanted.rate, wanted.channels, _SAMPLES, wanted.pre_event
            )
        self._cutter = SoundCutter(form, origin_us, from_us)
        self._cutter.until_us = self._until_us
        return Microphone(form.device, form.rate, form.channels, form.samples, wanted.pre_event)

    def stop_at(self, until_us: int | None) -> None:
        """Nothing that ends later is kept."""
        self._until_us = until_us
        if self._cutter is not None:
            self._cutter.until_us = until_us

    @contextlib.contextmanager
    def take(
        self, until_us: int | None = None, at_least_us: int = 0, wait_s: float = 0.0
    ) -> Iterator[SoundChunk]:
        """Units up to the media time `until_us`, once it is at least so long or something from
        after that time is there; waits `wait_s` for that.

        To be made into fragments before the context ends.
        """
        reader, cutter = self._reader, self._cutter
        lease = None if reader is None else reader.take(_ALL_US, at_least_us, until_us, wait_s)
        if cutter is None or lease is None:
            if lease is not None:
                lease.give_back()
            yield NOTHING_HEARD
            return
        self._tell_changes(cutter)
        with lease:
            yield cutter.cut(lease.packets, lease.gaps)

    @contextlib.contextmanager
    def take_last(self, stop_us: int) -> Iterator[SoundChunk]:
        """All up to the stop; waits a moment if some of it must be on its way."""
        cutter, form = self._cutter, self.form
        if cutter is None or form is None:
            yield NOTHING_HEARD
            return
        until_us = stop_us - form.us(1)
        expected = (
            cutter.end_us is not None
            and cutter.end_us < until_us
            and self._state.state == SoundState.ON
            and self.muted_us is None
        )
        with self.take(until_us, _ALL_US, LAST_S if expected else 0.0) as heard:
            if heard.runs or heard.gaps:
                yield heard
                return
        with self.take(until_us) as heard:
            yield heard

    def states(self) -> tuple[SoundChange, ...]:
        """The changes that no commit has stated yet."""
        return tuple(self._pending)

    def facts(
        self, heard: SoundChunk, states: tuple[SoundChange, ...]
    ) -> FragmentSound | UnsetType:
        """A commit's facts about sound."""
        if self._cutter is None:
            return UNSET
        return FragmentSound(heard.units, heard.first_us, heard.end_us, heard.gaps, states)

    def committed(self, heard: SoundChunk, states: tuple[SoundChange, ...]) -> None:
        """This is kept, and these changes were stated."""
        self._kept_us = self._kept_us if heard.end_us is None else heard.end_us
        for _ in states:
            self._pending.popleft()

    def restate(self, gaps: tuple[Gap, ...]) -> None:
        """Let the end state what no commit could."""
        if self._cutter is not None:
            for gap in gaps:
                self._cutter.state(gap)

    def end(self, units: int, stop_us: int, lost: str | None = None) -> SoundEnd | UnsetType:
        """The end's facts about sound. units: in all fragments. lost: why what no commit holds is
        not kept, where it was not all committed."""
        cutter = self._cutter
        if cutter is None:
            return UNSET
        self._tell_changes(cutter)
        if lost is not None:
            cutter.lose(self._kept_us, lost)
        cutter.close(stop_us)
        return SoundEnd(units, cutter.take_gaps(), self.states())

    def _tell_changes(self, cutter: SoundCutter) -> None:
        while self._new:
            cutter.changed(self._new.popleft())

    def close(self) -> None:
        """Let the ring go. Raises RingError while sound is taken."""
        reader = self.leave()
        if reader is not None:
            reader.close()
