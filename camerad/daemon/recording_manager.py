"""Recordings as the daemon sees them: their recorders, and the storage they go to.

One recording runs at a time. Those before it may still be being closed, on a card that takes its
time, each by a recorder of its own; the daemon hears of the newest, and at the end of a recording
once all of them are closed.

Carries out the effects that concern a recording, and turns what the recorder and the storage say
into events and conditions. Used from the event loop only; the recorder and everything that touches
the storage have threads of their own, so a card that hangs delays nothing here (P5).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from camerad.base.async_utils import raise_error
from camerad.base.errors import StorageError
from camerad.base.message_ids import Log, MessageId
from camerad.base.text import count
from camerad.behaviour import liveness, stages
from camerad.behaviour.budget import STOP_SECONDS, Part
from camerad.behaviour.events import CONTINUED
from camerad.behaviour.stages import Condition, Intent, Stage, State
from camerad.config import Settings
from camerad.daemon.buffers import Buffers
from camerad.daemon.conditions import Conditions, changes
from camerad.daemon.core import Core
from camerad.daemon.dispatcher import Step
from camerad.daemon.open_store import OpenedStore, WhatIsKnown
from camerad.daemon.recorders import Recorders
from camerad.daemon.storage_monitor import StorageMonitor, condition_of
from camerad.daemon.store_worker import StoreWorker
from camerad.hardware.from_settings import CHANNELS
from camerad.provisioning.provisioning_status import ProvisioningStatus, read_status
from camerad.stream.ring import Ring
from camerad.stream.sound_messages import SoundFormat, SoundNews

if TYPE_CHECKING:
    from camerad.container.keys import SigningKey
    from camerad.container.statements import RecordingInfo
    from camerad.recording.audio_track import AudioTrack
    from camerad.recording.recorder import Recorder
    from camerad.recording.remainder import Remainder
    from camerad.store.store import Store


class AudioManager:
    """Of one daemon. One recording runs at a time; those before it may still be being closed."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._ring: Ring | None = None
        self._format: Callable[[], SoundFormat | None] = lambda: None
        self._tracks: dict[int, AudioTrack] = {}
        self._newest = 0
        self._heard: SoundNews | None = None
        self._muted_us = 0

    def open(self, rings: Buffers, sound_format: Callable[[], SoundFormat | None]) -> None:
        """Take sound from the ring for it, if there is one. sound_format: how it is encoded, once
        that is known; asked from the recording's thread."""
        self._ring = rings.sound
        self._format = sound_format

    @property
    def recorded(self) -> bool:
        """Whether recordings hold sound, as far as it is not muted and the microphone works."""
        return self._ring is not None

    def begin(self, *, goes_on: bool, muted: bool, muted_us: int | None) -> AudioTrack | None:
        """The sound of the recording that begins now; None where it is to have none.

        goes_on: it goes on from another one. muted: the wearer wants no sound of that. muted_us:
        since when they wanted none of one that the daemon's death has ended; None if they did.
        """
        from camerad.recording.audio_track import AudioSpec, AudioTrack  # noqa: PLC0415 - slow to import

        wanted, ring = self._settings.microphone, self._ring
        if ring is None:
            return None
        pre_event = goes_on or self._settings.policy.pre_event.sound
        track = AudioTrack(
            ring, AudioSpec(wanted.device, wanted.rate, CHANNELS, pre_event), self._format
        )
        # Muted first: what the microphone does then is not stated, and would seem to follow on it.
        if muted_us is not None:
            # Before the first sound can be taken: what was heard meanwhile is not kept either.
            track.mute(True, muted_us)
        elif goes_on and muted:
            track.mute(True, self._muted_us)
        if self._heard is not None:
            track.changed(self._heard)
        return track

    def runs(self, number: int, track: AudioTrack | None) -> None:
        """The recording of this number has begun, with this track if it has sound; None: or it is
        over."""
        self._newest = max(self._newest, number)
        if track is None:
            self._tracks.pop(number, None)
        else:
            self._tracks[number] = track

    def mute(self, on: bool, at_us: int) -> None:
        """The wearer wants no sound from `at_us` on, or wants it again."""
        self._muted_us = at_us
        track = self._tracks.get(self._newest)
        if track is not None:
            track.mute(on, at_us)

    def hear(self, news: SoundNews) -> None:
        """The microphone does something else."""
        self._heard = news
        for track in self._tracks.values():
            track.changed(news)


def check_setup(conditions: Conditions, settings: Settings) -> None:
    """Log what is missing, and raise its condition. Called once, at the start."""
    standing = read_status(settings.device.provision_dir)
    if standing is ProvisioningStatus.UNPROVISIONED:
        log.error(
            MessageId.PROVISIONED,
            "this camera is not set up: camerad-report.txt on its card says what is wrong",
        )
        conditions.raise_(Condition.UNPROVISIONED)
    elif not settings.recipients:
        log.error(
            MessageId.NO_RECIPIENTS,
            "'recipients' names no key that could open a recording: none is made",
        )
        conditions.raise_(Condition.NO_RECIPIENTS)
    if standing is ProvisioningStatus.REFUSED:
        log.error(
            MessageId.PROVISION_REFUSED,
            "a file on the card was refused: camerad-report.txt beside it says why",
        )
        conditions.raise_(Condition.PROVISION_REFUSED)


log = Log(__name__)

_T = TypeVar("_T")


class RecordingManager:
    """directory: where recordings go. Its parts are `recorders`, their `sound`, and the `card`.

    `encoder` is set once it is known, and `wearer` to the id of the wearer who is on a shift.
    """

    encoder: str = "unknown"
    wearer: str | None = None

    def __init__(self, core: Core, settings: Settings, directory: str) -> None:
        self.directory = directory
        self._core = core
        self._settings = settings
        self._clock = clock = core.clock
        self.recorders = Recorders()
        self._refused: set[int] = set()
        self._newest_failed = False
        self._failure: str | None = None
        self.sound = AudioManager(settings)
        self._kept: OpenedStore | None = None
        self._continues: str | None = None
        self._rate = (0, settings.camera.fps, "")
        self.card = StorageMonitor(
            core,
            settings,
            directory,
            self.recorders,
            make_room=self._make_room,
            replaced=lambda: self._known.replaced(),  # noqa: PLW0108 - set by `open`
        )
        self.settled = asyncio.Event()
        """Set once it is known if recordings can be kept."""
        self._keeping = StoreWorker(
            settings,
            clock,
            on_opened=core.loop.threadsafe(self._keeping_opened),
            on_trouble=core.loop.threadsafe(self._keeping_troubled),
            on_broken=core.loop.threadsafe(raise_error),
            on_time_known=lambda known: self._known.time(known),  # noqa: PLW0108 - set by `open`
        )

    # ------------------------------------------------------------------ life

    def open(
        self,
        rings: Buffers,
        sound_format: Callable[[], SoundFormat | None],
        known: WhatIsKnown,
        dark_us: int,
    ) -> None:
        """Begin to keep; rings: what recordings are made from. sound_format: see
        `AudioManager.open`. known: told what the start finds out. dark_us: as in
        `StoreWorker.start`."""
        self._known = known
        self._rings = rings
        self.sound.open(rings, sound_format)
        check_setup(self._core.conditions, self._settings)
        self._keeping.start(dark_us)

    def close(self, seconds: float) -> bool:
        """Bring the ledger to its end, on any thread; whether that was done within `seconds`."""
        return self._keeping.close(seconds)

    def note(self, kind: str, **facts: Any) -> None:
        """Have the ledger say so (`camerad.ledger.entry_types`)."""
        self._keeping.note(kind, **facts)

    def ask(self, work: Callable[[Store, SigningKey], _T]) -> asyncio.Future[_T]:
        """Have `work` done with the store and the device's key, on the store's thread."""
        return asyncio.wrap_future(self._keeping.ask(work))

    def _keeping_opened(self, opened: OpenedStore) -> None:
        log.info(MessageId.IDENTITY, "identity %s", opened.thumbprint)
        self._kept = opened
        self._core.conditions.clear(Condition.LEDGER_FAILED)
        if opened.shift is not None:
            self._known.shift(opened.shift)  # before a recording that goes on bears a name
        if opened.resume is not None:
            log.warning(
                MessageId.RECORDING_GOES_ON,
                "the recording %s was cut off: it goes on as a new one",
                opened.resume,
            )
            self._continues = opened.resume
            now_us = self._clock.now_us()
            self._core.post(stages.Intended(now_us, Intent.RECORD, now_us, CONTINUED))
        elif opened.cut_off:
            log.warning(
                MessageId.CUT_OFF,
                "the camera was recording when it ended; it does not go on by itself",
            )
            self._core.post(stages.CutOff(self._clock.now_us()))
        self._settle()

    def _keeping_troubled(self, error: StorageError | None) -> None:
        if error is None:
            self._core.conditions.clear(Condition.LEDGER_FAILED)
            return
        cause = condition_of(error)
        if cause is Condition.STORAGE_FAILED or cause not in self._core.state.conditions:
            # A card that is full or read-only is told as that, and not as a second trouble.
            self._core.conditions.raise_(Condition.LEDGER_FAILED)
        self._settle()

    def _settle(self) -> None:
        if not self.settled.is_set():
            self.settled.set()
            self._known.settled()

    # ------------------------------------------------------------------ effects

    def start(
        self, trigger: str, at_us: int, *, pre_event: bool, begins: Remainder | None = None
    ) -> None:
        """Record; Opened, Closed and Failed follow as events. See `stages.StartRecording`.

        What is still being closed goes on beside it; it needs no pictures after this recording's
        first any more. begins: as for `camerad.recording.recorder.Recorder`.
        """
        from camerad.recording.recorder import Recorder  # noqa: PLC0415 - slow to import
        from camerad.recording.recording_spec import RecordingSpec  # noqa: PLC0415 - slow to import

        settings = self._settings
        continues = self._continues if trigger == CONTINUED else None
        before = self._kept if continues is not None and begins is None else None
        self._continues = None
        self.recorders.cut_short(self._clock.now_us(), "stop")
        number = self.recorders.begin()
        self._newest_failed, self._failure = False, None
        plan = RecordingSpec.from_settings(
            settings,
            trigger,
            at_us,
            pre_event=pre_event,
            encoder=self.encoder,
            continues=continues,
            wearer=self.wearer,
        )
        sound = self.sound.begin(
            goes_on=trigger == CONTINUED,
            muted=self._core.state.muted,
            muted_us=before.muted_by_wearer_us(settings.rules) if before is not None else None,
        )
        recorder = Recorder(
            self._rings.pictures,
            plan,
            self._clock,
            new_id=self._keeping.new_id,
            open_sink=self._keeping.open_sink,
            on_opened=self._core.loop.threadsafe(partial(self._opened, number)),
            on_closed=self._core.loop.threadsafe(partial(self._closed, number)),
            on_failed=self._core.loop.threadsafe(partial(self._failed, number)),
            on_trouble=self._core.loop.threadsafe(partial(self._stalled, number)),
            on_given_up=self._core.loop.threadsafe(partial(self._given_up, number)),
            sound=sound,
            begins=begins,
        )
        recorder.start()
        self.recorders.add(number, recorder)
        self.card.expect()
        self._keeping.heartbeat.follow(recorder)
        self.sound.runs(number, sound)
        since_us, fps, lasting = self._rate
        self._tell_rate(since_us, settings.camera.fps, fps, lasting)
        if before is not None:
            now_us = self._clock.now_us()
            for intent in before.decisions(settings.rules):
                self._core.post(stages.Intended(now_us, intent, now_us, CONTINUED))

    def stop(self, reason: str, at_us: int) -> None:
        """Keep everything up to `at_us`, then close. See `stages.StopRecording`."""
        if self.recorders.newest is not None:  # else it has failed; that answer is on its way
            self.recorders.newest.stop(at_us, STOP_SECONDS, reason)
            self._keeping.heartbeat.hurry()

    def rate(self, fps: int, reason: str, lasting: str) -> None:
        """The camera takes so many pictures per second from now on. lasting: as `Heat.lasting`."""
        now_us, before = self._clock.now_us(), self._rate[1]
        self._rate = (now_us, fps, lasting)
        self._tell_rate(now_us, before, fps, reason)

    def _tell_rate(self, at_us: int, before: int, fps: int, reason: str) -> None:
        if self.recorders.newest is not None and fps != before:
            from camerad.container.statements import RateChange  # noqa: PLC0415 - slow to import

            self.recorders.newest.rate(RateChange(at_us, before, reason, fps))

    def _end_recorder(self, number: int) -> Recorder:
        self.sound.runs(number, None)
        return self.recorders.remove(number)

    def mute(self, on: bool, at_us: int) -> None:
        """The wearer wants no sound from `at_us` on, or wants it again."""
        log.info(MessageId.SOUND_SWITCHED, "sound %s", "off" if on else "on")
        self.note("mute", on=on, at_us=at_us)
        self.sound.mute(on, at_us)
        self._keeping.heartbeat.hurry()

    def stepped(self, step: Step) -> None:
        """The camera's state is another: the ledger hears of stages and faults."""
        asked = isinstance(step.event, stages.Intended) and step.event.source == CONTINUED
        if step.cut_off and (asked or step.before.goes_on):
            log.warning(MessageId.CUT_OFF, "it does not go on after all")
        for condition, holds in changes(step):
            self.note("fault", condition=condition.value, holds=holds)
        if step.restaged:
            self.note("stage", stage=step.after.stage.value, display=step.after.display_on)

    def tell_stage(self, at_us: int, state: State) -> None:
        """The running recording hears in what stage the camera is from `at_us` on."""
        if self.recorders.newest is not None:
            self.recorders.newest.stage(at_us, state.stage.value, state.display_on)

    # ------------------------------------------------------------------ what the recorder says

    def _opened(self, number: int, recording_id: str) -> None:
        log.info(MessageId.RECORDING_OPENED, "recording %s", recording_id)
        if number == self.recorders.newest_number:
            self._core.post(stages.Opened(self._clock.now_us(), recording_id))

    def _stalled(self, number: int, error: StorageError | None) -> None:
        """The card refuses what a recording has, or no longer."""
        (self._refused.discard if error is None else self._refused.add)(number)
        if error is not None or not self._refused:
            self.card.stalled(error)

    def _closed(self, number: int, info: RecordingInfo | None) -> None:
        self._end_recorder(number)
        if info is None:
            log.error(
                MessageId.RECORDING_FAILED, "the recording is empty: the camera delivered nothing"
            )
        else:
            log.info(
                MessageId.RECORDING_CLOSED,
                "closed %s: %.1f s, %s, %s",
                info.id,
                info.seconds,
                count(info.frames, "picture"),
                count(len(info.gaps), "gap"),
            )
        if number == self.recorders.newest_number:
            self._newest_failed = info is None
        if self._core.state.stage is not Stage.RECORDING:
            self._tell_end()

    def _given_up(self, number: int, error: Exception) -> None:
        """It makes no footage any more, so red goes out; its end may take a card seconds."""
        log.error(MessageId.RECORDING_FAILED, "recording failed: %s", error)
        newest = number == self.recorders.newest_number
        if self._core.state.stage is Stage.RECORDING and not newest:
            return  # repair closes it, and what the card takes now the running one finds out
        if isinstance(error, StorageError):
            self.card.failed(error)
        if self._core.state.stage is Stage.RECORDING:
            self._newest_failed = True
            self._core.post(stages.Failed(self._clock.now_us(), str(error), closing=True))
        else:
            self._failure = str(error)

    def _failed(self, number: int, error: Exception) -> None:
        ended = self._end_recorder(number)
        if ended.remainder is not None:
            if number == self.recorders.newest_number and self._core.state.keeping:
                self._go_on(ended, ended.remainder, error)
                return
            ended.remainder.close()
            self._given_up(number, error)
        if self._core.state.stage is not Stage.RECORDING:
            self._tell_end()

    def _go_on(self, ended: Recorder, begins: Remainder, why: Exception) -> None:
        """What could not go into the recording that has ended becomes one of its own."""
        log.warning(MessageId.RECORDING_GOES_ON, "%s; it goes on as a new recording", why)
        self._continues = self._core.state.recording_id
        self.start(CONTINUED, begins.at_us, pre_event=False, begins=begins)
        self.tell_stage(begins.at_us, self._core.state)
        self.recorders.stop_as(ended)

    def _tell_end(self) -> None:
        """Say so once no recording is open any more."""
        if self.recorders:
            return
        failure, self._failure = self._failure, None
        now_us = self._clock.now_us()
        self._core.post(
            stages.Closed(now_us, failed=self._newest_failed)
            if failure is None
            else stages.Failed(now_us, failure)
        )

    # ------------------------------------------------------------------ what there is

    def signs(self) -> tuple[liveness.Sign, ...]:
        """What shows that the threads live which keep what is recorded."""
        return (
            liveness.Sign(Part.RECORDER, self.recorders.turned_us),
            liveness.Sign(Part.KEEPING, self._keeping.advanced_ns),
        )

    @property
    def expiring(self) -> tuple[str, ...]:
        """Ids of flagged recordings that will be deleted soon unless they are held."""
        return self._keeping.expiring

    async def listing(self) -> list[dict[str, Any]]:
        """The recordings in the store, flagged first, then the newest, ready for JSON."""
        listed = self._keeping.ask(
            lambda store, _key: [one.as_json() for one in store.recordings()], only_looks=True
        )
        return await asyncio.wrap_future(listed)

    async def _make_room(self, wanted: float) -> bool:
        """Delete what an office has already, up to `wanted` bytes; whether anything was."""
        if self._kept is None:
            return False
        deleted = await self.ask(lambda store, _key: store.make_room(round(wanted)))
        for one in deleted:
            log.info(MessageId.DELETED, "deleted %s to make room: the office has it", one.id)
        return bool(deleted)
