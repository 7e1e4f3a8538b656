"""The file of one recording as its recorder writes it: header, commits, end.

What each statement says comes together here: of its footage what the recorder has made, of
everything else what was noted (`camerad.recording.pending_events`). What the storage takes, and how
long that may take, is a matter of `camerad.recording.write_retry`; what becomes of the bytes, of
the sink.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from msgspec import UNSET, UnsetType

from camerad.base.clock import SECOND, Clock
from camerad.container.gaps import FootageEnd, Gap, gaps_until
from camerad.container.recording_ids import RecordingId
from camerad.container.statements import (
    Closing,
    FragmentFacts,
    Header,
    Microphone,
    RecordingInfo,
    Tally,
)
from camerad.recording.assembly import Made
from camerad.recording.audio_track import AudioTrack
from camerad.recording.container_writer import Sink
from camerad.recording.pending_events import PendingEvents
from camerad.recording.recording_spec import RecordingSpec
from camerad.recording.write_retry import WriteRetry

OpenSink = Callable[[Header, bytes], Sink]
"""Makes the file of a recording, given its header and initialisation segment."""


class RecordingFile:
    """Used by the recording's thread; its facts may be read by any.

    new_id(wall_us): names the recording, given the wall time of its trigger. open_sink: makes its
    file. on_opened(id): it is there. sound: the recording's, None where none is wanted.
    """

    def __init__(
        self,
        plan: RecordingSpec,
        clock: Clock,
        notes: PendingEvents,
        riding: WriteRetry,
        *,
        new_id: Callable[[int], RecordingId],
        open_sink: OpenSink,
        on_opened: Callable[[str], None],
        sound: AudioTrack | None,
    ) -> None:
        self.info: RecordingInfo | None = None
        """Stored content so far; None before there is a file."""
        self.first_durable_us: int | None = None
        """Media time at which the first fragment was durable."""
        self.until_us = plan.trigger_us
        """Media time up to which there is footage; the trigger's before the first commit."""
        self._plan: Final = plan
        self._clock = clock
        self._notes = notes
        self._riding = riding
        self._new_id = new_id
        self._open_sink = open_sink
        self._on_opened = on_opened
        self._sound = sound
        self._sink: Sink | None = None
        self._tally: Tally | None = None
        self._end_us = plan.trigger_us
        self._kept = FootageEnd(plan.trigger_us, plan.trigger_us)

    @property
    def begun(self) -> bool:
        """Whether there is a file."""
        return self._tally is not None

    @property
    def pending_us(self) -> int | None:
        """As `WriteRetry.pending_us`."""
        return self._riding.pending_us

    @property
    def refused(self) -> bool:
        """As `WriteRetry.refused`."""
        return self._riding.refused

    @property
    def commits(self) -> int:
        """How many there are."""
        return 0 if self._tally is None else self._tally.commits

    def open(
        self, init: bytes, origin_us: int, shortfall: str | None, microphone: Microphone | UnsetType
    ) -> None:
        """Make the file. Raises StorageError. init: the initialisation segment; the rest is as in
        `RecordingSpec.header`."""
        clock = self._clock
        first_us = min(origin_us, self._plan.trigger_us)
        self._kept = FootageEnd(first_us, first_us)

        def make() -> None:
            # Each attempt has its own name and time: what may be left of another is no part of it.
            moment = clock.moment()
            header = self._plan.header(
                self._new_id,
                clock.boot_id,
                moment,
                origin_us=origin_us,
                shortfall=shortfall,
                sound=self._sound is not None and self._sound.form is not None,
                microphone=microphone,
            )
            self._sink = self._open_sink(header, init)
            self._notes.began(moment)
            self._tally = Tally(header, self._sink.path, self._sink.sealed_bytes)
            self.info = self._tally.info("recording")
            self._on_opened(header.id)

        began_us = clock.now_us()
        self._riding.have("the new recording", make, make)
        self._notes.took(clock.now_us() - began_us)

    def commit(self, made: Made) -> None:
        """Have it hold this too, durably; nothing happens where there is no file. Raises
        StorageError; what was committed before stays."""
        sink, tally, sound = self._sink, self._tally, self._sound
        if sink is None or tally is None:
            return
        noted = self._notes.now()
        changes = () if sound is None else sound.states()
        runs = made.runs
        facts = FragmentFacts(
            sequence=tally.commits,
            first_us=runs[0].first_us if runs else self._end_us,
            last_us=runs[-1].last_us if runs else self._end_us,
            end_us=runs[-1].end_us if runs else self._end_us,
            frames=sum(len(run.packets) for run in runs),
            gaps=made.gaps,
            marks=noted.marks,
            stages=noted.stages,
            clock=noted.clock,
            clock_step_us=noted.clock_step_us,
            sync_us=noted.sync_us,
            sound=UNSET if sound is None else sound.facts(made.heard, changes),
            rates=noted.rates or UNSET,
        )
        bytes_before = sink.sealed_bytes
        self._riding.have(sink.path, lambda: sink.append(made.data, facts), sink.retry)
        ended_us = self._clock.now_us()
        self._notes.said(noted)
        if sound is not None:
            sound.committed(made.heard, changes)
        self._notes.took(ended_us - noted.clock.boot_us)
        if self.first_durable_us is None:
            self.first_durable_us = ended_us
        tally.add(facts, sink.sealed_bytes - bytes_before)
        self._end_us = facts.end_us
        self._kept = FootageEnd(facts.last_us if runs else self._kept.last_us, facts.end_us)
        self.until_us = max(self.until_us, facts.until_us)
        self.info = tally.info("recording")

    def end(
        self, reason: str, at_us: int, gaps: tuple[Gap, ...], lost: str | None = None
    ) -> RecordingInfo | None:
        """Write the end; None where there is no file. Raises StorageError; it is not tried again.

        reason, at_us, gaps: as in `records.Closing`. lost: where not everything up to `at_us` could
        be committed, why; what is missing is then stated as one more gap.
        """
        sink, tally, sound = self._sink, self._tally, self._sound
        if sink is None or tally is None:
            return None
        if lost is not None:
            gaps = gaps_until(at_us, self._kept, gaps, lost, SECOND // self._plan.fps)
        noted = self._notes.now()
        closing = Closing(
            reason=reason,
            frames=tally.frames,
            at_us=at_us,
            gaps=gaps,
            marks=noted.marks,
            stages=noted.stages,
            boot_id=self._clock.boot_id,
            clock=noted.clock,
            clock_step_us=noted.clock_step_us,
            sync_us=noted.sync_us,
            sound=UNSET if sound is None else sound.end(tally.units, at_us, lost),
            rates=noted.rates or UNSET,
        )
        self._sink = None
        final = self._riding.timed(lambda: sink.close(closing))
        tally.finish(closing, final)
        self.info = tally.info("closed")
        return self.info
