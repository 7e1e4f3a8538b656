"""One recording, from the ring to its file, in a thread of its own.

Procedure. `start` begins to follow the ring at once, so nothing that is held can leave any more,
and a thread takes what is there: first the pre-event part, in larger fragments than usual so that
it is drained as fast as the storage allows, then what the encoder delivers. The file is made with
the first key frame. Packets are borrowed from the ring only while they are multiplexed; the storage
works on the finished fragment, so however long it takes, the ring can be written. A storage that
fails is tried again as long as the ring holds what comes meanwhile (`camerad.evidence.riding`).

`stop` names an instant. Everything up to it is kept: the thread goes on until a packet at or past
that instant has come, or until the deadline, and then says in the recording what did not come. When
no picture comes for a while, what is there is written without waiting for more, and sound goes on
in fragments of its own.

A fragment has the sound that is there when its pictures are; no picture waits for sound. Only at
the stop the thread waits a moment for the last of it.

One of two callbacks ends every recording: `on_closed`, or `on_failed` with the error. Both, and
`on_opened`, are called from the recording's thread.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from msgspec import UNSET, UnsetType

from camerad.behaviour.budget import COMBINED_SECONDS
from camerad.clock import SECOND, Clock, Moment
from camerad.errors import CameradError, StorageError
from camerad.evidence.assembling import Made, assemble
from camerad.evidence.container import Sink
from camerad.evidence.cutting import HOLE_US, STARTED_LATE, STOPPED_SHORT, Chunk, Cutter
from camerad.evidence.fragments import FragmentMaker, ParametersChangedError
from camerad.evidence.plan import Plan
from camerad.evidence.records import (
    Closing,
    Facts,
    Header,
    Microphone,
    RateChange,
    RecordingInfo,
    StageChange,
    Tally,
)
from camerad.evidence.riding import Riding
from camerad.evidence.soundtrack import ALONE_US, NOTHING_HEARD, SoundTrack
from camerad.stream.ring import Gap, Lease, PacketInfo, Ring

_log = logging.getLogger(__name__)

FIRST_US: Final = 150_000
"""Footage in the first fragment; what happened at the press is on the disk soon after."""
DRAIN: Final = 4
"""A fragment of the backlog is up to so many times as long as usual; a storage that needs the same
time for every synchronisation then drains it faster."""
KEEP_UP: Final = 2
"""A slow storage gets so many times what comes while it is busy, so that it keeps up."""
COMBINED_US: Final = round(COMBINED_SECONDS * SECOND)
SLOW_SYNC_US: Final = 500_000
"""Storage that takes longer over a fragment is a fact of the recording."""
CLOCK_STEP_US: Final = 500_000
"""Wall time that moves further against boot time between two commits has been set; less may be a
time server steering the clock."""
WAIT_S: Final = 0.1
"""How long the thread waits for packets before it looks whether it is to stop."""

STILL_FILLING: Final = "the pre-event buffer had not filled yet"
BUFFER_BOUND: Final = "the pre-event buffer could not hold more"

FAILED: Final = "failed"
"""Reason of the end of a recording that could not go on."""
SETTINGS_CHANGED: Final = "encoder settings changed"
"""Reason of the end of a recording whose parameter sets ceased to fit."""


@dataclass(frozen=True, slots=True)
class _Stop:
    """at_us: media time of the last picture wanted; limit_us: when to wait no longer."""

    at_us: int
    limit_us: int
    reason: str


_T = TypeVar("_T")
OpenSink = Callable[[Header, bytes], Sink]
"""Makes the file of a recording, given its header and initialisation segment."""


class Recorder:
    """Records `plan` until it is stopped.

    new_id(wall_us): names the recording, given the wall time of its trigger. open_sink: makes its
    file. Both are called from the recording's thread, once the first key frame is there.
    on_opened(id): the file is there. on_closed(info): the recording ended as it should; None if
    not a single picture came, and then there is no file. on_failed(error): it could not be made or
    could not go on; what was committed stays and plays. A StorageError is the storage's fault; a
    ParametersChangedError says that the rest belongs into a recording of its own.
    on_trouble(error): the storage takes nothing just now, and the recording goes on in memory
    (`camerad.evidence.riding`); on_trouble(None): that is over.

    sound: its sound; None where none is wanted.
    """

    def __init__(
        self,
        ring: Ring,
        plan: Plan,
        clock: Clock,
        *,
        new_id: Callable[[int], str],
        open_sink: OpenSink,
        on_opened: Callable[[str], None],
        on_closed: Callable[[RecordingInfo | None], None],
        on_failed: Callable[[Exception], None],
        on_trouble: Callable[[StorageError | None], None] = lambda _: None,
        sound: SoundTrack | None = None,
    ) -> None:
        self.plan: Final = plan
        self.info: RecordingInfo | None = None
        """What is on the disk by now; None before the first picture."""
        self.first_durable_us: int | None = None
        """Media time at which the first fragment was durable."""
        self.turned_us = clock.now_us()
        """When the thread last began a turn; a turn waits for nothing but the storage."""
        self.pending_us: int | None = None
        """Since when the storage has had something that it has not yet taken; None: it has not."""
        self.slow_syncs = 0
        """How many fragments the storage was slow over."""
        self._ring = ring
        self._clock = clock
        self._on_opened = on_opened
        self._on_closed = on_closed
        self._on_failed = on_failed
        self._on_trouble = on_trouble
        self._new_id = new_id
        self._open_sink = open_sink
        self._sound = sound
        self._microphone: Microphone | UnsetType = UNSET
        self._cutter = Cutter(round(SECOND / plan.fps))
        self._marks: deque[int] = deque()
        self._stages: deque[StageChange] = deque()
        self._rates: deque[RateChange] = deque()
        self._stop: _Stop | None = None
        self._maker: FragmentMaker | None = None
        self._sink: Sink | None = None
        self._tally: Tally | None = None
        self._end_us = self._until_us = plan.trigger_us
        self._slow_us: int | None = None
        self._moment: Moment | None = None
        self._origin_us = 0
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)

    # From any thread

    def start(self) -> None:
        """Begin to follow the rings, and return. Raises RingError if another recording does."""
        from_us = None if self.plan.pre_event_wanted_us else self.plan.trigger_us
        self._started_us = self._clock.now_us()
        self._reader = self._ring.follow(from_us)
        sound = self._sound
        if sound is not None:
            try:
                sound.follow(None if sound.wanted.pre_event else self.plan.trigger_us)
            except BaseException:
                self._reader.close()
                raise
        self._thread.start()

    def mark(self, at_us: int) -> None:
        """Note that something happened at this media time; the next commit says so."""
        self._marks.append(at_us)

    def stage(self, at_us: int, stage: str, display: bool) -> None:
        """Note that from this media time on the camera was in `stage`, its self-view on or off
        (`display`); the next commit says so."""
        self._stages.append(StageChange(at_us, stage, display))

    def rate(self, change: RateChange) -> None:
        """Note that the camera takes another number of pictures per second; the next commit says
        so."""
        self._rates.append(change)

    def stop(self, at_us: int, deadline: float, reason: str = "stop") -> None:
        """Keep everything up to the media time `at_us`, then close; returns at once.

        deadline: seconds to wait for the camera, counted from now or from `at_us`, whichever is
        later. Of several calls the one with the earliest `at_us` holds. What is written already
        stays, should `at_us` lie before it.
        """
        limit_us = max(at_us, self._clock.now_us()) + round(deadline * SECOND)
        stop = self._stop
        if stop is None or at_us < stop.at_us:
            self._stop = _Stop(at_us, limit_us, reason)

    def join(self, timeout: float | None = None) -> bool:
        """Wait for the end of the thread, at most `timeout` seconds; whether it has ended."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    # The recording's thread

    def _run(self) -> None:
        try:
            try:
                try:
                    stop = self._follow()
                    self._state_shortfall(stop)
                finally:
                    # However long closing takes, the ring is only a pre-event buffer again.
                    self._reader.close()
                self._write_rest(stop)
            finally:
                if self._sound is not None:
                    self._sound.close()
            info = self._end(stop.reason, stop.at_us)
        except Exception as error:  # noqa: BLE001  (it goes to whoever started the recording)
            if not isinstance(error, CameradError):
                _log.error("the recorder failed", exc_info=error)
            self._give_up(error)
            self._tell(self._on_failed, error)
        else:
            self._tell(self._on_closed, info)
        finally:
            if self._maker is not None:
                self._maker.close()

    def _follow(self) -> _Stop:
        """Record up to the stop; returns it."""
        plan = self.plan
        while True:
            stop = self._stop
            until_us = None if stop is None else stop.at_us
            if self._tally is None:
                longest_us, shortest_us = plan.fragment_us, 0
            elif not self._tally.commits:
                longest_us, shortest_us = plan.fragment_us, FIRST_US - self._cutter.nominal_us
            else:
                longest_us, shortest_us = self._longest_us(stop), plan.fragment_us
            now_us = self.turned_us = self._clock.now_us()
            late = stop is not None and now_us >= stop.limit_us
            quiet = self._is_quiet(now_us)
            if late or quiet:
                shortest_us = 0
            lease = self._reader.take(longest_us, shortest_us, until_us, 0 if late else WAIT_S)
            # The stop may have come while this waited, and the lease reach beyond it.
            stop = self._stop
            self._cutter.until_us = None if stop is None else stop.at_us
            if self._sound is not None:
                self._sound.stop_at(self._cutter.until_us)
            if lease is not None:
                final = stop is not None and self._reader.reached(stop.at_us)
                self._record(lease, final)
            elif stop is not None and (late or self._reader.reached(stop.at_us)):
                return stop
            elif quiet:
                self._store(self._make(self._cutter.flush(), ALONE_US))

    def _longest_us(self, stop: _Stop | None) -> int:
        """How much of a backlog goes into one fragment. A storage that is slow over each of them is
        given more at once; when the stop has come, which it has little time for, whatever waits."""
        usual_us = DRAIN * self.plan.fragment_us
        if self._slow_us is None:
            return usual_us
        wanted_us = COMBINED_US if stop is not None else KEEP_UP * self._slow_us
        return max(usual_us, min(wanted_us, COMBINED_US))

    def _is_quiet(self, now_us: int) -> bool:
        """Whether no picture came for so long that the next one follows a gap anyway."""
        last_us = self._ring.last_pts_us
        return last_us is not None and now_us - last_us > HOLE_US

    def _record(self, lease: Lease, final: bool) -> None:
        with lease:
            if self._maker is None:
                self._begin(*lease.packets[0])
            chunk = self._cutter.cut(lease.packets, lease.gaps, lease.next_pts_us, final=final)
            made = self._make(chunk)
        if self._tally is None:
            self._open(lease.gaps)
        self._store(made)

    def _begin(self, info: PacketInfo, unit: memoryview) -> None:
        """The first key frame is here, and so is the format of the sound."""
        plan, sound = self.plan, self._sound
        self._origin_us = info.pts_us
        form = None
        if sound is not None:
            from_us = info.pts_us if sound.wanted.pre_event else plan.trigger_us
            self._microphone = sound.begin(info.pts_us, from_us)
            form = sound.form
        self._maker = FragmentMaker(plan.width, plan.height, unit, form)

    def _make(self, chunk: Chunk | None, alone_us: int | None = None) -> Made | None:
        """The fragments of a chunk, with the sound that is there.

        alone_us: without a chunk, take so much sound or more; None: then take none.
        """
        maker, sound = self._maker, self._sound
        if maker is None or (chunk is None and alone_us is None):
            return None
        if sound is None:
            return assemble(maker, chunk, NOTHING_HEARD, self._origin_us)
        if chunk is not None:
            taken = sound.take(chunk.runs[-1].end_us)
        elif self._tally is not None and self._tally.commits:
            taken = sound.take(at_least_us=alone_us or 0)
        else:
            return None
        with taken as heard:
            return assemble(maker, chunk, heard, self._origin_us)

    def _open(self, gaps: Sequence[Gap]) -> None:
        """Make the file; the first key frame is here."""
        plan, clock, maker = self.plan, self._clock, self._maker
        if maker is None:
            raise RuntimeError("a recording is opened with its first packet")
        # A hold is decided a while after its edge; the camera owes pictures from then on.
        owed_us = max(plan.trigger_us, self._started_us)
        if self._origin_us - owed_us > HOLE_US and not gaps:
            self._cutter.state(Gap(STARTED_LATE, None, owed_us, self._origin_us))
        shortfall = None
        if plan.pre_event_wanted_us > max(0, plan.trigger_us - self._origin_us):
            shortfall = BUFFER_BOUND if self._reader.shortfall_us else STILL_FILLING

        def make() -> None:
            # Each attempt has its own name and time: what may be left of another is no part of it.
            moment = clock.moment()
            header = plan.header(
                self._new_id,
                clock.boot_id,
                moment,
                origin_us=self._origin_us,
                shortfall=shortfall,
                sound=self._sound is not None and self._sound.form is not None,
                microphone=self._microphone,
            )
            self._sink = self._open_sink(header, maker.init)
            self._moment = moment
            self._tally = Tally(header, self._sink.path, self._sink.sealed_bytes)
            self.info = self._tally.info("recording")
            self._tell(self._on_opened, header.id)

        began_us = clock.now_us()
        self._have_stored("the new recording", make, make)
        self._note_slowness(clock.now_us() - began_us)

    def _store(self, made: Made | None) -> None:
        if made is None or self._sink is None or self._tally is None:
            return
        if made.empty:
            self._restate(made)
        else:
            self._commit(made, self._sink, self._tally)
        if made.changed is not None:
            raise made.changed

    def _commit(self, made: Made, sink: Sink, tally: Tally) -> None:
        marks, stages, rates = tuple(self._marks), tuple(self._stages), tuple(self._rates)
        sound = self._sound
        changes = () if sound is None else sound.states()
        moment = self._clock.moment()
        runs = made.runs
        facts = Facts(
            sequence=tally.commits,
            first_us=runs[0].first_us if runs else self._end_us,
            last_us=runs[-1].last_us if runs else self._end_us,
            end_us=runs[-1].end_us if runs else self._end_us,
            frames=sum(len(run.packets) for run in runs),
            gaps=made.gaps,
            marks=marks,
            stages=stages,
            clock=moment,
            clock_step_us=self._clock_step_us(moment),
            sync_us=self._slow_us,
            sound=UNSET if sound is None else sound.facts(made.heard, changes),
            rates=rates or UNSET,
        )
        bytes_before = sink.sealed_bytes
        try:
            self._have_stored(sink.path, lambda: sink.append(made.data, facts), sink.retry)
        except BaseException:
            self._restate(made)
            raise
        ended_us = self._clock.now_us()
        for _ in marks:
            self._marks.popleft()
        for _ in stages:
            self._stages.popleft()
        for _ in rates:
            self._rates.popleft()
        if sound is not None:
            sound.committed(changes)
        self._note_slowness(ended_us - moment.boot_us)
        self._moment = moment
        if self.first_durable_us is None:
            self.first_durable_us = ended_us
        tally.add(facts, sink.sealed_bytes - bytes_before)
        self._end_us = facts.end_us
        self._until_us = max(self._until_us, facts.until_us)
        self.info = tally.info("recording")

    def _have_stored(self, what: str, first: Callable[[], None], again: Callable[[], None]) -> None:
        """Have the storage take something, if need be `again` and again. Raises StorageError."""
        try:
            self._timed(first)
        except StorageError as error:
            riding = Riding(
                self._clock,
                lambda: self._reader.overrun,
                lambda: None if self._stop is None else self._stop.limit_us,
                lambda trouble: self._tell(self._on_trouble, trouble),
                self._turn,
            )
            if not riding.out(what, lambda: self._timed(again), error):
                raise

    def _timed(self, work: Callable[[], _T]) -> _T:
        """Do what waits for the storage, and let others see for how long."""
        self.pending_us = self._clock.now_us()
        try:
            return work()
        finally:
            self.pending_us = None

    def _note_slowness(self, took_us: int) -> None:
        """The next statement says so if the storage was slow."""
        self._slow_us = took_us if took_us > SLOW_SYNC_US else None
        self.slow_syncs += self._slow_us is not None

    def _turn(self) -> None:
        self.turned_us = self._clock.now_us()

    def _clock_step_us(self, moment: Moment) -> int | None:
        """How far wall time was set since the last statement; None if it was not."""
        last = self._moment or moment
        moved_us = (moment.wall_us - moment.boot_us) - (last.wall_us - last.boot_us)
        return moved_us if abs(moved_us) > CLOCK_STEP_US else None

    def _restate(self, made: Made) -> None:
        """Let a later statement say what no commit could."""
        self._state(made.gaps)
        if self._sound is not None:
            self._sound.restate(made.heard.gaps)

    def _state(self, gaps: Sequence[Gap]) -> None:
        for gap in gaps:
            self._cutter.state(gap)

    def _state_shortfall(self, stop: _Stop) -> None:
        """State what is missing between the last picture and the stop."""
        last = self._cutter.last
        if last is None:
            return
        reached = self._reader.reached(stop.at_us)
        if stop.at_us - last.pts_us > (HOLE_US if reached else self._cutter.nominal_us):
            # Gaps stated since the last picture say more; after the stop they would say too much.
            stated = [
                replace(gap, to_us=stop.at_us)
                for gap in self._reader.open_gaps()
                if gap.to_us is None and not reached
            ]
            self._state(stated or [Gap(STOPPED_SHORT, None, last.pts_us, stop.at_us)])

    def _write_rest(self, stop: _Stop) -> None:
        """What was held back, and the last of the sound."""
        shortfall = self._cutter.take_gaps()
        self._store(self._make(self._cutter.flush()))
        self._state(shortfall)
        maker, sound, tally = self._maker, self._sound, self._tally
        if maker is not None and sound is not None and tally is not None and tally.commits:
            with sound.take_last(stop.at_us) as heard:
                made = assemble(maker, None, heard, self._origin_us)
            self._store(made)

    def _give_up(self, error: Exception) -> None:
        reason = SETTINGS_CHANGED if isinstance(error, ParametersChangedError) else FAILED
        try:
            self._end(reason, self._until_us)
        except Exception as second:  # noqa: BLE001  (the first error is the one to be told)
            _log.warning("the recording has no end: %s", second)

    def _end(self, reason: str, at_us: int) -> RecordingInfo | None:
        opened, tally = self._sink, self._tally
        if opened is None or tally is None:
            return None
        moment = self._clock.moment()
        closing = Closing(
            reason=reason,
            frames=tally.frames,
            at_us=at_us,
            gaps=self._cutter.take_gaps(),
            marks=tuple(self._marks),
            stages=tuple(self._stages),
            boot_id=self._clock.boot_id,
            clock=moment,
            clock_step_us=self._clock_step_us(moment),
            sync_us=self._slow_us,
            sound=UNSET if self._sound is None else self._sound.end(tally.units, at_us),
            rates=tuple(self._rates) or UNSET,
        )
        self._sink = None
        final = self._timed(lambda: opened.close(closing))
        tally.finish(closing, final)
        self.info = tally.info("closed")
        return self.info

    def _tell(self, callback: Callable[[_T], None], what: _T) -> None:
        try:
            callback(what)
        except Exception:  # noqa: BLE001  (whatever it is, the recording goes on)
            _log.exception("whoever asked for this recording could not be told about it")
