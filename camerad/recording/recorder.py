"""Makes one recording, from the ring to its file, on a separate thread.

Procedure. `start` begins to follow the ring at once, so nothing that is held can leave any more,
and a thread takes what is there: first the pre-event part, in larger fragments than usual so that
it is drained as fast as the storage allows, then what the encoder delivers. The file is made with
the first key frame. Packets are borrowed from the ring only while they are multiplexed; the storage
works on the finished fragment, so however long it takes, the ring can be written. A storage that
fails is tried again as long as the ring holds what comes meanwhile
(`camerad.recording.write_retry`).

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
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from camerad.base.clock import SECOND, Clock
from camerad.base.errors import CameradError, StorageError
from camerad.base.message_ids import MessageId
from camerad.behaviour.budget import COMBINED_SECONDS
from camerad.container.gaps import HOLE_US, NOT_STORED, STARTED_LATE, STOPPED_SHORT
from camerad.container.recording_ids import RecordingId
from camerad.container.statements import Microphone, RateChange, RecordingInfo, StageChange
from camerad.recording.assembly import Made, assemble
from camerad.recording.audio_track import ALONE_US, NOTHING_HEARD, AudioTrack
from camerad.recording.course import RecorderCourse, StopOrder
from camerad.recording.fragment_muxer import FragmentMaker, ParametersChangedError
from camerad.recording.pending_events import PendingEvents
from camerad.recording.recording_file import OpenSink, RecordingFile
from camerad.recording.recording_spec import RecordingSpec
from camerad.recording.remainder import Remainder
from camerad.recording.segmenter import Chunk, Segmenter
from camerad.recording.write_retry import WriteRetry
from camerad.stream.ring import Gap, Lease, PacketInfo, Ring

_log = logging.getLogger(__name__)

STILL_FILLING: Final = "the pre-event buffer had not filled yet"
BUFFER_BOUND: Final = "the pre-event buffer could not hold more"

FAILED: Final = "failed"
"""Reason of an end, and of its gap, where a recording could not go on, but for the storage."""
SETTINGS_CHANGED: Final = "encoder settings changed"
"""Reason of the end of a recording whose parameter sets ceased to fit."""
FIRST_US: Final = 60_000
"""Footage in the first fragment at least, and two pictures: what happened at the press is on the
disk soon after. At 30 pictures a second two are enough, even if they come a bit unevenly."""
DRAIN: Final = 4
"""A fragment of the backlog is up to so many times as long as usual; a storage that needs the same
time for every synchronisation then drains it faster."""
KEEP_UP: Final = 2
"""A slow storage gets so many times what comes while it is busy, so that it keeps up."""
COMBINED_US: Final = round(COMBINED_SECONDS * SECOND)

_T = TypeVar("_T")


class Recorder:
    """Records `plan` until it is stopped.

    new_id(wall_us): names the recording, given the wall time of its trigger. open_sink: makes its
    file. Both are called from the recording's thread, once the first key frame is there.
    on_opened(id): the file is there. on_closed(info): the recording ended as it should; None if
    not a single picture came, and then there is no file. on_failed(error): it could not be made or
    could not go on; what was committed stays and plays. A StorageError is the storage's fault;
    where there is a `remainder`, that belongs into a recording of its own.
    on_given_up(error): no footage is made any more; `on_failed` follows once it has its end.
    on_trouble(error): the storage takes nothing just now, and the recording goes on in memory
    (`camerad.recording.write_retry`); on_trouble(None): that is over.

    sound: its sound; None where none is wanted. begins: what it begins with, where it goes on from
    a recorder that has left it; its trigger is of that media time.
    """

    def __init__(
        self,
        ring: Ring,
        plan: RecordingSpec,
        clock: Clock,
        *,
        new_id: Callable[[int], RecordingId],
        open_sink: OpenSink,
        on_opened: Callable[[str], None],
        on_closed: Callable[[RecordingInfo | None], None],
        on_failed: Callable[[Exception], None],
        on_trouble: Callable[[StorageError | None], None] = lambda _: None,
        on_given_up: Callable[[Exception], None] = lambda _: None,
        sound: AudioTrack | None = None,
        begins: Remainder | None = None,
    ) -> None:
        self.remainder: Remainder | None = None
        """Packets that the encoder delivers with other settings, unless the stop had come; for the
        callee of `on_failed`."""
        self.plan: Final = plan
        self._begins = begins
        self._ring = ring
        self._clock = clock
        self._on_closed = on_closed
        self._on_failed = on_failed
        self._on_given_up = on_given_up
        self._sound = sound
        self._microphone: Microphone | UnsetType = UNSET
        self._cutter = Segmenter(round(SECOND / plan.fps))
        self._notes = PendingEvents(clock)
        self._course = course = RecorderCourse(clock, ring)
        riding = WriteRetry(
            clock,
            course.overrun,
            course.limit_us,
            lambda trouble: _tell(on_trouble, trouble),
            course.turn,
        )
        self._writing = RecordingFile(
            plan,
            clock,
            self._notes,
            riding,
            new_id=new_id,
            open_sink=open_sink,
            on_opened=lambda recording: _tell(on_opened, recording),
            sound=sound,
        )
        self._maker: FragmentMaker | None = None
        self._origin_us = 0
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)

    # From any thread

    def start(self) -> None:
        """Begin to follow the rings, and return. Other readers are unaffected."""
        plan, sound, begins = self.plan, self._sound, self._begins
        self._started_us = self._clock.now_us()
        from_us = None if plan.pre_event_wanted_us else plan.trigger_us
        reader = self._ring.follow(from_us) if begins is None else begins.pictures
        self._reader = self._course.reader = reader
        if sound is not None:
            from_us = None if sound.wanted.pre_event else plan.trigger_us
            sound.follow(from_us, None if begins is None else begins.sound)
        self._thread.start()

    def mark(self, at_us: int) -> None:
        """Note that something happened at this media time; the next commit says so."""
        self._notes.mark(at_us)

    def stage(self, at_us: int, stage: str, display: bool) -> None:
        """Note that from this media time on the camera was in `stage`, its self-view on or off
        (`display`); the next commit says so."""
        self._notes.stage(StageChange(at_us, stage, display))

    def rate(self, change: RateChange) -> None:
        """Note that the camera takes another number of pictures per second; the next commit says
        so."""
        self._notes.rate(change)

    def stop(self, at_us: int, deadline: float, reason: str = "stop") -> None:
        """Keep everything up to the media time `at_us`, then close; returns at once.

        deadline: seconds to wait for the camera, counted from now or from `at_us`, whichever is
        later. Of several calls the one with the earliest `at_us` holds. What is written already
        stays, should `at_us` lie before it.
        """
        self._course.stop_at(at_us, deadline, reason)

    @property
    def info(self) -> RecordingInfo | None:
        """Stored content so far; None before the first picture."""
        return self._writing.info

    @property
    def first_durable_us(self) -> int | None:
        """Media time at which the first fragment was durable."""
        return self._writing.first_durable_us

    @property
    def turned_us(self) -> int:
        """When the thread last began a turn; a turn waits for nothing but the storage."""
        return self._course.turned_us

    @property
    def pending_us(self) -> int | None:
        """Since when the storage has had something that it has not yet taken; None: it has not."""
        return self._writing.pending_us

    @property
    def refused(self) -> bool:
        """Whether the storage refuses what it is to take, and is tried again."""
        return self._writing.refused

    @property
    def wanted_us(self) -> int:
        """Media time up to which footage is wanted, as far as that has come: now, or the stop."""
        return self._course.wanted_us

    @property
    def stopped_for(self) -> str | None:
        """Why it was told to stop; None: it was not."""
        stop = self._course.stop
        return None if stop is None else stop.reason

    @property
    def muted_us(self) -> int | None:
        """Media time since when the wearer wants no sound of it; None: they do, or it has none."""
        return None if self._sound is None else self._sound.muted_us

    @property
    def slow_syncs(self) -> int:
        """How many fragments the storage was slow over."""
        return self._notes.slow_syncs

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
            info = self._writing.end(stop.reason, stop.at_us, self._cutter.take_gaps())
        except Exception as error:  # noqa: BLE001  (it goes to the recording's starter)
            if not isinstance(error, CameradError):
                _log.error("the recorder failed", exc_info=error, extra=MessageId.MISTAKE.extra)
            if self.remainder is not None and not isinstance(error, ParametersChangedError):
                self.remainder.close()
                self.remainder = None
            self._give_up(error)
            _tell(self._on_failed, error)
        else:
            _tell(self._on_closed, info)

    def _follow(self) -> StopOrder:
        """Record up to the stop; returns it."""
        course = self._course
        while True:
            stop = course.stop
            until_us = None if stop is None else stop.at_us
            usual_us = shortest_us = self.plan.fragment_us
            if self._writing.commits:
                longest_us = longest_fragment_us(
                    usual_us, self._notes.slow_us, stopping=stop is not None
                )
            else:
                longest_us, shortest_us = first_bounds_us(
                    usual_us, self._cutter.nominal_us, begun=self._writing.begun
                )
            course.turn()
            now_us = course.turned_us
            late = stop is not None and now_us >= stop.limit_us
            quiet = course.is_quiet(now_us)
            if late or quiet:
                shortest_us = 0
            wait_s = 0 if late else course.wait_s(now_us)
            lease = self._reader.take(longest_us, shortest_us, until_us, wait_s)
            # The stop may have come while this waited, and the lease reach beyond it.
            stop = course.stop
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

    def _record(self, lease: Lease, final: bool) -> None:
        with lease:
            if self._maker is None:
                self._begin(*lease.packets[0])
            chunk = self._cutter.cut(lease.packets, lease.gaps, lease.next_pts_us, final=final)
            made = self._make(chunk)
        if not self._writing.begun:
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
        """The fragments of a chunk, with the sound that is there. What does not fit is left to
        another recorder, as long as this one still has hold of it.

        alone_us: without a chunk, take so much sound or more; None: then take none.
        """
        made = self._assemble(chunk, alone_us)
        if made is not None and made.changed is not None and self._course.stop is None:
            at_us, sound = made.changed.at_us, self._sound
            left = None if sound is None else sound.leave()
            self.remainder = Remainder(at_us, self._ring.follow(at_us), left)
        return made

    def _assemble(self, chunk: Chunk | None, alone_us: int | None) -> Made | None:
        maker, sound = self._maker, self._sound
        if maker is None or (chunk is None and alone_us is None):
            return None
        if sound is None:
            return assemble(maker, chunk, NOTHING_HEARD, self._origin_us)
        if chunk is not None:
            taken = sound.take(chunk.runs[-1].end_us)
        elif self._writing.commits:
            taken = sound.take(at_least_us=alone_us or 0)
        else:
            return None
        with taken as heard:
            return assemble(maker, chunk, heard, self._origin_us)

    def _open(self, gaps: Sequence[Gap]) -> None:
        """Make the file; the first key frame is here."""
        plan, maker = self.plan, self._maker
        if maker is None:
            raise RuntimeError("a recording is opened with its first packet")
        # A hold is decided a while after its edge; the camera owes pictures from then on.
        owed_us = max(plan.trigger_us, self._started_us)
        if self._origin_us - owed_us > HOLE_US and not gaps:
            self._cutter.state(Gap(STARTED_LATE, None, owed_us, self._origin_us))
        shortfall = None
        if plan.pre_event_wanted_us > max(0, plan.trigger_us - self._origin_us):
            shortfall = BUFFER_BOUND if self._reader.shortfall_us else STILL_FILLING
        self._writing.open(maker.init, self._origin_us, shortfall, self._microphone)

    def _store(self, made: Made | None) -> None:
        if made is None or not self._writing.begun:
            return
        if made.empty:
            self._restate(made)
        else:
            try:
                self._writing.commit(made)
            except BaseException:
                self._restate(made)
                raise
        if made.changed is not None:
            raise made.changed

    def _restate(self, made: Made) -> None:
        """Let a later statement say what no commit could."""
        self._cutter.state(*made.gaps)
        if self._sound is not None:
            self._sound.restate(made.heard.gaps)

    def _state_shortfall(self, stop: StopOrder) -> None:
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
            short = Gap(STOPPED_SHORT, None, last.pts_us, stop.at_us)
            self._cutter.state(*(stated or [short]))

    def _write_rest(self, stop: StopOrder) -> None:
        """Commit the packets held back, and the last of the sound."""
        shortfall = self._cutter.take_gaps()
        self._store(self._make(self._cutter.flush()))
        self._cutter.state(*shortfall)
        maker, sound = self._maker, self._sound
        if maker is not None and sound is not None and self._writing.commits:
            with sound.take_last(stop.at_us) as heard:
                made = assemble(maker, None, heard, self._origin_us)
            self._store(made)

    def _give_up(self, error: Exception) -> None:
        """End it where it is. Footage was wanted up to now, so what no commit holds is a gap; only
        a recording that another one goes on from at once misses nothing."""
        reason, at_us, lost = SETTINGS_CHANGED, self._writing.until_us, None
        if self.remainder is None:
            reason, at_us = FAILED, self.wanted_us
            lost = NOT_STORED if isinstance(error, StorageError) else FAILED
            self._course.stop_at(at_us, 0, reason)  # nothing is wanted from now on
            _tell(self._on_given_up, error)
        try:
            self._writing.end(reason, at_us, self._cutter.take_gaps(), lost)
        except Exception as second:  # noqa: BLE001  (the first error is the one to be told)
            _log.warning(
                "the recording has no end: %s", second, extra=MessageId.RECORDING_FAILED.extra
            )


def _tell(callback: Callable[[_T], None], what: _T) -> None:
    try:
        callback(what)
    except Exception:  # noqa: BLE001  (whatever it is, the recording goes on)
        _log.exception(
            "the callback of this recording failed",
            extra=MessageId.MISTAKE.extra,
        )


def first_bounds_us(usual_us: int, nominal_us: int, *, begun: bool) -> tuple[int, int]:
    """The longest and the shortest first fragment. usual_us: of a fragment, nominal_us: of a
    picture. begun: there is a file; before that a single picture makes one."""
    # The second picture is whole once the third is there, however few a second.
    return usual_us, max(1, FIRST_US - nominal_us) if begun else 0


def longest_fragment_us(usual_us: int, slow_us: int | None, *, stopping: bool) -> int:
    """How much of a backlog goes into one fragment. A storage that is slow over each of them is
    given more at once; when the stop has come, which it has little time for, whatever waits.

    usual_us: of a fragment. slow_us: how long the storage takes over one; None: it is not slow.
    """
    drained_us = DRAIN * usual_us
    if slow_us is None:
        return drained_us
    wanted_us = COMBINED_US if stopping else KEEP_UP * slow_us
    return max(drained_us, min(wanted_us, COMBINED_US))
