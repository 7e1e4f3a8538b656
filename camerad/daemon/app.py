"""The daemon: puts the parts together and runs them.

One asyncio loop owns the state. Everything that happens, on whatever thread, becomes an event that
is posted to the dispatcher, and what follows from it is done there, in the order that `App` gives
to its listeners. The loop never waits for footage, a disk or a display: receiving, muxing, syncing
and wiping have threads of their own, and the camera and the display are processes that may be
killed at any moment.

What ends the daemon: SIGTERM or SIGINT (in order: a running recording is closed first), and a
mistake of ours that no part could handle, or a thread that hangs (the same, with exit code 70, so
that systemd starts afresh). Nothing the hardware does ends it, but for a camera that does not come
back however often its process is restarted (the same, with exit code 80, so that systemd reboots).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from camerad import __version__
from camerad.base import process
from camerad.base.async_utils import raise_error, watched
from camerad.base.clock import SECOND, Clock, SystemClock
from camerad.base.errors import EX_SOFTWARE
from camerad.base.message_ids import Log, MessageId
from camerad.base.sd_notify import notify
from camerad.base.wall_clock import TimeKeeper
from camerad.behaviour import liveness, stages
from camerad.behaviour.budget import LINK_END_SECONDS, STALLED_SECONDS, STOP_SECONDS, Part
from camerad.behaviour.dock_progress import HandoverProgress
from camerad.behaviour.stages import Condition, Intent
from camerad.config import Settings
from camerad.control import listener
from camerad.control.on_demand import ControlOnDemand
from camerad.daemon.announcer import Announcer, make_announcer
from camerad.daemon.buffers import make_rings
from camerad.daemon.button_input import ButtonInput
from camerad.daemon.camera_supervisor import CameraSupervisor
from camerad.daemon.clock_monitor import ClockMonitor
from camerad.daemon.core import Core
from camerad.daemon.dispatcher import log_stage
from camerad.daemon.early_start import EarlyStart
from camerad.daemon.effects import Effects
from camerad.daemon.handover_monitor import HandoverMonitor
from camerad.daemon.metrics_store import MetricsStore
from camerad.daemon.microphone_control import MicrophoneControl
from camerad.daemon.open_store import WhatIsKnown
from camerad.daemon.power_monitor import PowerActions, PowerMonitor
from camerad.daemon.presentation import LightMonitor, Presentation
from camerad.daemon.reboot_log import RebootLog
from camerad.daemon.recorders import import_recorder
from camerad.daemon.recording_manager import RecordingManager
from camerad.daemon.shift_manager import ShiftManager
from camerad.daemon.shift_note import ShiftNote
from camerad.daemon.shutdown import ShutdownSequence, Watchdog
from camerad.daemon.status_reporter import StatusReporter
from camerad.hardware import from_settings
from camerad.hardware.badges import BadgeProcess
from camerad.hardware.lights import Indicators
from camerad.hardware.selfview_process import NoDisplay, SelfViewProcess
from camerad.stream import frame
from camerad.stream.callbacks import Callbacks
from camerad.stream.link import CaptureLink
from camerad.stream.sound_messages import SoundNews

if TYPE_CHECKING:
    from camerad.container.keys import SigningKey
    from camerad.control.server import Control
    from camerad.store.store import Store

_T = TypeVar("_T")


class ControlTarget(msgspec.Struct, frozen=True):
    """The parts that answer, all of them on the event loop.

    device: its id. status, health: ready for JSON. counting: its counters.
    """

    device: str
    core: Core
    recordings: RecordingManager
    shifts: ShiftManager
    handover: HandoverMonitor
    counting: MetricsStore
    status: Callable[[], dict[str, Any]]
    health: Callable[[], dict[str, Any]]

    def metrics(self) -> str:
        """Counters in Prometheus' text format."""
        return self.counting.text()

    def counters(self) -> dict[str, Any]:
        """The same, as `camerad.control.metrics.Metrics.dump` gives them."""
        return self.counting.reading()

    def intend(self, intent: Intent, source: str) -> str | None:
        """Carry out an intent; returns why it was refused, or None."""
        return self.core.dispatcher.intend(intent, source)

    def disputes(self, *, holds: bool) -> None:
        """Whether the camera disputes what its office shows of its log."""
        self.core.conditions.set(Condition.OFFICE_DISPUTED, holds=holds)

    async def list_recordings(self) -> list[dict[str, Any]]:
        """The recordings in the store, flagged first, then the newest, ready for JSON."""
        return await self.recordings.listing()

    def ask(self, work: Callable[[Store, SigningKey], _T]) -> Awaitable[_T]:
        """Have `work` done with the store and the device's key, on the store's thread."""
        return self.recordings.ask(work)


log = Log(__name__)

FRAME_LIMIT_BYTES: Final = 8 * 1024 * 1024
"""Room for the newest low-resolution frames; only what is used takes memory."""


class App:
    """The camera, from `run` to its end.

    settings: as `camerad.config.load` returns them. clock: the machine's, unless a test brings one,
    which then says itself whether it is to be trusted. early: what was begun before this import.
    """

    def __init__(
        self, settings: Settings, clock: Clock | None = None, early: EarlyStart | None = None
    ) -> None:
        self._settings = settings
        self._early = early
        keeper: TimeKeeper | None = None
        if clock is None:
            keeper = TimeKeeper(settings.clock.synchronised, settings.clock.rtc)
            clock = SystemClock(keeper.source)
        self._clock: Clock = clock
        self._badges: BadgeProcess | None = None
        self._control: ControlOnDemand | None = None
        self._microphone: MicrophoneControl | None = None

        state_dir = str(settings.device.state_dir)
        self._core = core = Core.made(settings.rules, clock, settings.signals.detail)
        directory = os.path.join(state_dir, "recordings")
        self._recordings = recordings = RecordingManager(core, settings, directory)
        self._shutdown = ShutdownSequence(core, recordings)
        note = recordings.note
        self._clock_monitor = ClockMonitor(core, keeper, note)
        self._camera = CameraSupervisor(
            core, RebootLog(state_dir), recordings.settled, note, self._shutdown.give_up
        )
        self._lights = LightMonitor(core, note, play=self._play)
        self._hands = ButtonInput(core, settings.button_tables, self._show_change)
        core.dispatcher.keep_time(self._hands)
        noted = ShiftNote(str(settings.device.runtime_dir), clock).write
        self._shifts = ShiftManager(
            core, settings.shift_rules, note, noted, play=self._play, on_change=self._shift_changed
        )
        self._counting = MetricsStore(state_dir, clock, core.loop.in_thread)
        actions = PowerActions(
            note, lambda: recordings.recorders.slow_syncs, self._set_fps, self._shutdown.begin
        )
        self._resources = PowerMonitor(core, settings, actions)
        self._handover = handover = HandoverMonitor(
            core, settings.office, recordings.listing, self._handover_changed
        )
        self._status = StatusReporter(
            settings, clock, recordings, self._resources, self._shifts, handover=handover
        )
        self._presentation = Presentation(
            core,
            self._clock_monitor,
            self._shifts,
            self._status,
            handover=handover,
            has_sound=lambda: recordings.sound.recorded,
        )

    # ------------------------------------------------------------------ life

    async def run(self) -> int:
        """Run until told to end; returns the exit code.

        Raises a CameradError, before anything is recorded, if a button, a light, the state
        directory or the control socket cannot be used.
        """
        core, settings = self._core, self._settings
        loop = core.loop.attach()
        loop.set_exception_handler(self._shutdown.mistake)
        if not process.set_priority(process.CAMERA_NICE):
            log.info(
                MessageId.PRIORITY,
                "no right to priority over other programs: a busy machine may cost frames",
            )
        process.forbid_dumps()
        process.overwrite_freed_memory()
        process.return_freed_memory()
        process.raise_file_limit()
        async with contextlib.AsyncExitStack() as parts:
            # What an officer touches comes first: a press is remembered from there on.
            early = self._early or EarlyStart(settings, self._clock)
            parts.callback(os.close, early.claim)
            parts.callback(early.close)
            outputs = from_settings.outputs(settings)
            indicators = Indicators(outputs, self._lights.fault, early.lines)
            parts.callback(indicators.close)
            self._lights.indicators = self._presentation.indicators = indicators
            self._effects = Effects(
                core,
                self._recordings,
                self._presentation.play,
                self._overwritten,
                self._shutdown.ended.set,
            )
            self._listen()
            self._presentation.show_lights()
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, self._shutdown.begin)
            self._hands.take_over(early)
            parts.callback(self._hands.close)
            clock_watch = watched(
                self._clock_monitor.watch(self._recordings.settled, self._presentation.tell_stamp)
            )
            parts.callback(clock_watch.cancel)

            # Before anything is begun that would only have to be ended again. A card that hangs is
            # not waited for; the wearer is told of it.
            card = self._core.loop.in_thread(early.answer)
            await asyncio.wait({card}, timeout=STALLED_SECONDS)
            if card.done():
                card.result()
            self._entrance = listener.claim_socket(
                str(settings.device.runtime_dir), settings.device.socket_group, settings.access
            )
            parts.callback(self._entrance.close)
            self._rings = rings = make_rings(settings)
            parts.callback(rings.close)
            if not rings.locked:
                core.dispatcher.rules = from_settings.unarmed(core.dispatcher.rules)
            parts.push_async_callback(self._shutdown.close_recordings)
            if settings.policy.announcement:
                announcer = self._make_announcer()
                parts.push_async_callback(announcer.close)
                self._presentation.announcer = announcer
            frame_fd = frame.create(FRAME_LIMIT_BYTES)
            parts.callback(os.close, frame_fd)
            self._link = self._make_link(frame_fd)
            self._effects.wanted = self._presentation.wanted = self._link.wanted
            self._presentation.tell_stamp()
            if rings.sound is not None:
                self._microphone = MicrophoneControl(
                    core,
                    pre_event=settings.policy.pre_event.sound,
                    set_mode=self._link.wanted.set_sound,
                    heard=self._recordings.sound.hear,
                )
                self._status.microphone = self._microphone
            # The capture process takes longest to come up, so it is started first; what opens the
            # store has much to import too, and would keep this thread from getting that far.
            self._link.start()
            parts.push_async_callback(self._stop_link)
            self._counting.start()
            parts.push_async_callback(self._counting.close)
            known = WhatIsKnown(
                self._camera.check_ready,
                self._shifts.known,
                self._clock_monitor.learn,
                lambda: self._shutdown.give_up(EX_SOFTWARE),
            )
            self._recordings.open(rings, lambda: self._link.sound_format, known, early.dark_us)
            self._recordings.card.wait_for(card, early.asked_us)
            self._resources.start()
            parts.callback(self._resources.close)
            # What a display still shows of the last life goes first thing.
            display = self._make_display(frame_fd)
            parts.push_async_callback(display.close)
            display.start()
            self._presentation.display = display
            self._presentation.show_scene()
            # While the camera starts, on a thread: a press is not to wait for imports.
            await self._core.loop.in_thread(import_recorder)
            self._control = ControlOnDemand(core.loop, self._entrance, self._make_control)
            self._control.wait()
            parts.push_async_callback(self._control.close)
            core.dispatcher.when_idle(self._control.changed)
            self._badges = BadgeProcess(frame_fd, self._shifts.seen)
            parts.push_async_callback(self._badges.close)
            parts.callback(self._shifts.close)
            beats = Watchdog(
                self._clock, self._signs, lambda _parts: self._shutdown.give_up(EX_SOFTWARE)
            )
            looks = (self._lights.watch(), self._camera.watch_lens(self._link.vitals))
            for watching in (self._recordings.card.watch(), beats.run(), *looks):
                parts.callback(watched(watching).cancel)
            self._core.loop.background(self._camera.note_reboot())
            log.info(MessageId.STARTED, "camerad %s, policy %s", __version__, settings.policy.name)
            self._core.post()
            # Buttons and lights work; a camera that is missing shows by its own light.
            notify("READY=1")
            await self._shutdown.ended.wait()
            notify("STOPPING=1")
            last_beats = watched(beats.see_out())
        last_beats.cancel()
        self._resources.leave_word()
        return self._shutdown.exit_code

    def _signs(self) -> tuple[liveness.Sign, ...]:
        return (liveness.Sign(Part.LINK, self._link.turned_us), *self._recordings.signs())

    async def _stop_link(self) -> None:
        self._link.stop(self._clock.now_us() + round(STOP_SECONDS * SECOND))
        if not await self._core.loop.in_thread(lambda: self._link.join(LINK_END_SECONDS)):
            log.error(
                MessageId.END_LATE, "the capture process does not end; it is left to the kernel"
            )

    # ------------------------------------------------------------------ parts

    def _make_link(self, frame_fd: int) -> CaptureLink:
        safe, camera = self._core.loop.threadsafe, self._camera
        return CaptureLink(
            self._rings.pictures,
            from_settings.capture(self._settings),
            frame_fd,
            Callbacks(
                on_up=safe(camera.up),
                on_down=safe(camera.down),
                on_gap=safe(camera.gap),
                on_error=safe(camera.error),
                on_fatal=safe(camera.fatal),
                on_broken=safe(raise_error),
                on_sound=safe(self._microphone_says),
                on_exit=safe(self._capture_ended),
                on_steady=safe(camera.steady),
                on_hello=safe(self._camera_opened),
            ),
            clock=self._clock,
            sound=self._rings.sound,
        )

    def _make_control(self) -> Control:
        from camerad.control.server import Control  # noqa: PLC0415 - large, and mostly not needed

        settings, device = self._settings, self._settings.device
        target = ControlTarget(
            device=device.id,
            core=self._core,
            recordings=self._recordings,
            shifts=self._shifts,
            handover=self._handover,
            counting=self._counting,
            status=lambda: self._status.report(self._core.state, self._rings, self._hands),
            health=self._health,
        )
        return Control(
            target,
            str(device.runtime_dir),
            device.socket_group,
            settings.access,
            self._entrance,
            office=settings.office,
            provision_dir=device.provision_dir,
        )

    def _make_announcer(self) -> Announcer:
        return make_announcer(self._core, self._settings, self._recordings.note)

    def _make_display(self, frame_fd: int) -> SelfViewProcess | NoDisplay:
        if self._settings.self_view.driver == "none":
            return NoDisplay()
        return SelfViewProcess(
            from_settings.self_view(self._settings), frame_fd, self._display_state
        )

    # ------------------------------------------------------------------ steps

    def _listen(self) -> None:
        """In this order: red is lit first (P3), and the stamp is told before a recording begins."""
        shown = self._presentation
        self._core.dispatcher.listen(
            shown.know_cut_off,
            shown.show_lights,
            log_stage,
            shown.stepped,
            shown.show_scene,
            self._effects.stepped,
            self._recordings.stepped,
            shown.announce,
            lambda _step: self._tell_microphone(),
            self._shifts.stepped,
            self._handover.stepped,
            self._counting.stepped,
        )

    def _overwritten(self, answer: bool) -> None:
        self._tell_microphone()
        if answer:
            self._core.post(stages.Wiped(self._clock.now_us()))

    def _tell_microphone(self) -> None:
        """After the effects: a recording follows the ring by the time sound comes into it."""
        if self._microphone is not None:
            self._microphone.follow(self._core.state, wiping=self._effects.wiping)

    # ------------------------------------------------------------------ what parts report

    def _shift_changed(self) -> None:
        """The wearer goes into stamp and recordings. For a badge, frames are shared that no display
        shows; they are overwritten once it is no longer looked for."""
        shifts = self._shifts
        self._recordings.wearer = shifts.wearer
        self._counting.shift(runs=shifts.wearer is not None, begun=shifts.take_begun())
        self._presentation.tell_stamp()
        if self._badges is not None:
            self._badges.look(shifts.looking)
        self._link.wanted.set_view(self._core.state.display_on or shifts.looking)
        self._show_change()

    def _handover_changed(self, progress: HandoverProgress | None) -> None:
        self._counting.handover(progress)
        self._show_change()

    def _camera_opened(self, hello: dict[str, Any]) -> None:
        if self._microphone is not None and hello.get("sound") is None:
            self._microphone.unknown()
        self._recordings.encoder = str(hello.get("encoder", "unknown"))

    def _microphone_says(self, news: SoundNews) -> None:
        if self._microphone is not None:
            self._microphone.says(news)
            self._show_change()

    def _capture_ended(self) -> None:
        if self._microphone is not None:
            self._microphone.ended()
            self._show_change()

    def _show_change(self) -> None:
        """Show and report states outside the stage machine."""
        self._presentation.show_lights()
        self._presentation.show_scene()
        if self._control is not None:
            self._control.changed()

    def _display_state(self, fault: str | None) -> None:
        if fault is not None:
            log.error(MessageId.DISPLAY, "display down: %s", fault)
        self._core.conditions.set(Condition.DISPLAY_DOWN, holds=fault is not None)

    def _play(self, kind: stages.CueKind) -> None:
        self._presentation.play(kind)

    def _set_fps(self, fps: int, reason: str, lasting: str) -> None:
        self._link.wanted.set_fps(fps)
        self._recordings.rate(fps, reason, lasting)

    def _health(self) -> dict[str, Any]:
        camera = self._link.vitals.report(self._clock.now_us())
        buttons, outputs = self._hands.levels(), self._lights.indicators.faulty
        shown = self._presentation
        return self._status.health(camera, shown.display, outputs, buttons, shown.press_to_red_us)
