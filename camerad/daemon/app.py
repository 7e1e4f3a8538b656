"""The daemon: puts the parts together and runs them.

One asyncio loop owns the state. Everything that happens, on whatever thread, becomes an event that
is posted to the loop, and what follows from it is carried out there (`camerad.daemon.dispatcher`).
The loop never waits for footage, a disk or a display: receiving, muxing, syncing and wiping have
threads of their own, and the camera and the display are processes that may be killed at any moment.

What ends the daemon: SIGTERM or SIGINT (in order: a running recording is closed first), and a
mistake of ours that no part could handle, or a thread that hangs (the same, with exit code 70, so
that systemd starts afresh). Nothing the hardware does ends it, but for a camera that does not come
back however often its process is restarted (the same, with exit code 80, so that systemd reboots).
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import signal
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final, TypeVar

from camerad import __version__
from camerad.base import process
from camerad.base.async_utils import watched
from camerad.base.clock import SECOND, Clock, SystemClock
from camerad.base.errors import EX_REBOOT, EX_SOFTWARE
from camerad.base.sd_notify import notify
from camerad.base.wall_clock import TimeKeeper
from camerad.behaviour import liveness, signals, stages
from camerad.behaviour.announcements import Announcement
from camerad.behaviour.budget import (
    END_SECONDS,
    LEDGER_END_SECONDS,
    LINK_END_SECONDS,
    SHUTDOWN_SECONDS,
    STALLED_SECONDS,
    STOP_SECONDS,
    Part,
)
from camerad.behaviour.events import RESTARTED
from camerad.behaviour.stages import Stage
from camerad.config import Settings
from camerad.control import listener
from camerad.daemon.announcer import Announcer
from camerad.daemon.buffers import make_rings
from camerad.daemon.button_input import Body, Hands
from camerad.daemon.dispatcher import Stepping
from camerad.daemon.early_start import Early
from camerad.daemon.effects import Answers, Effects
from camerad.daemon.metrics_store import Counting
from camerad.daemon.microphone_control import Microphone
from camerad.daemon.power_monitor import Resources
from camerad.daemon.reboot_log import Rebooting
from camerad.daemon.recording_manager import Recordings
from camerad.daemon.shift_manager import Shifts
from camerad.daemon.status import Status
from camerad.daemon.watchdog import Watchdog
from camerad.hardware import from_settings
from camerad.hardware.badges import BadgeReader
from camerad.hardware.display import NoDisplay, SelfView
from camerad.hardware.lights import Indicators
from camerad.hardware.speaker import Clip, clips
from camerad.stream import frame
from camerad.stream.link import Callbacks, CaptureLink
from camerad.stream.process import StampState

if TYPE_CHECKING:
    from camerad.container.keys import SigningKey
    from camerad.control.server import Control
    from camerad.store.store import Store

log = logging.getLogger(__name__)

FRAME_LIMIT_BYTES: Final = 8 * 1024 * 1024
"""Room for the newest low-resolution frames; only what is used takes memory."""

_T = TypeVar("_T")


class Daemon(Stepping):
    """The camera, from `run` to its end.

    settings: as `camerad.config.load` returns them. clock: the machine's, unless a test brings one,
    which then says itself whether it is to be trusted. early: what was begun before this could be
    imported, if anything was.
    """

    def __init__(
        self, settings: Settings, clock: Clock | None = None, early: Early | None = None
    ) -> None:
        self._settings = settings
        self._early = early
        self._time: TimeKeeper | None = None
        if clock is None:
            self._time = TimeKeeper(settings.clock.synchronised, settings.clock.rtc)
            clock = SystemClock(self._time.source)
        self._clock: Clock = clock
        self._rules = settings.rules
        self._state = stages.initial(self._rules, self._clock.now_us())
        body = Body(lambda: self._state.stage, self.post, self._reschedule, self.threadsafe)
        self._hands = Hands(settings.button_tables, body, self._clock)
        self._events: deque[stages.Event] = deque()
        self._dispatching = False
        self._timer: asyncio.TimerHandle | None = None
        self._control: Control | None = None
        self._announcer: Announcer | None = None
        self._display: SelfView | NoDisplay | None = None
        self._microphone: Microphone | None = None
        self._badges: BadgeReader | None = None
        self._shifts = Shifts(self, settings.shift_rules, clock)
        self._counting = Counting(str(settings.device.state_dir), clock, self.aside)
        self._exit_code = 0
        self._ending_us: int | None = None
        self._ended = asyncio.Event()
        self._recordings_dir = os.path.join(settings.device.state_dir, "recordings")
        self._recordings = Recordings(self, settings, self._recordings_dir, self._clock)
        self._resources = Resources(settings, self._clock, self)
        self._status = Status(
            settings, self._clock, self._recordings, self._resources, self._recordings_dir
        )
        self._status.shifts = self._shifts
        self._rebooting = Rebooting(str(settings.device.state_dir))

    # ------------------------------------------------------------------ life

    async def run(self) -> int:
        """Run until told to end; returns the exit code.

        Raises a CameradError, before anything is recorded, if a button, a light, the state
        directory or the control socket cannot be used.
        """
        self._loop = asyncio.get_running_loop()
        self._loop.set_exception_handler(self._unhandled)
        if not process.set_priority(process.CAMERA_NICE):
            log.info("no right to go before other programs: a busy machine may cost frames")
        process.forbid_dumps()
        process.overwrite_freed_memory()
        process.return_freed_memory()
        process.raise_file_limit()
        settings = self._settings
        async with contextlib.AsyncExitStack() as parts:
            # What an officer touches comes first: a press is remembered from there on.
            early = self._early or Early(settings, self._clock)
            parts.callback(os.close, early.claim)
            parts.callback(early.close)
            self._indicators = Indicators(from_settings.outputs(settings), self._light_fault)
            parts.callback(self._indicators.close)
            self._indicators.show(signals.look(self._state))
            answers = Answers(self._overwritten, self._ended.set, self.threadsafe)
            self._effects = Effects(self._recordings, self._indicators, answers)
            for number in (signal.SIGTERM, signal.SIGINT):
                self._loop.add_signal_handler(number, self.shut_down)
            self._hands.take_over(early)
            parts.callback(self._hands.close)
            if self._time is not None:
                clock_watch = watched(self._watch_clock(self._time))
                parts.callback(clock_watch.cancel)

            # Before anything is begun that would only have to be ended again. A card that hangs is
            # not waited for; the wearer is told of it.
            card = self.aside(early.answer)
            await asyncio.wait({card}, timeout=STALLED_SECONDS)
            if card.done():
                card.result()
            device = settings.device
            self._entrance = listener.take(
                str(device.runtime_dir), device.socket_group, settings.access
            )
            parts.callback(self._entrance.close)
            self._rings = rings = make_rings(settings)
            parts.callback(rings.close)
            if not rings.locked:
                self._rules = from_settings.unarmed(self._rules)
            parts.push_async_callback(self._close_recordings)
            if settings.policy.announcement:
                self._announcer = self._make_announcer()
                parts.push_async_callback(self._announcer.close)
            frame_fd = frame.create(FRAME_LIMIT_BYTES)
            parts.callback(os.close, frame_fd)
            self._link = CaptureLink(
                rings.pictures,
                from_settings.capture(settings),
                frame_fd,
                Callbacks(
                    on_up=self.threadsafe(self._camera_up),
                    on_down=self.threadsafe(self._camera_down),
                    on_gap=self.threadsafe(self._camera_gap),
                    on_error=self.threadsafe(self._camera_error),
                    on_fatal=self.threadsafe(self._camera_fatal),
                    on_broken=self.threadsafe(self._link_broken),
                    on_sound=self.threadsafe(self._microphone_says),
                    on_exit=self.threadsafe(self._capture_ended),
                    on_steady=self.threadsafe(self._camera_steady),
                ),
                clock=self._clock,
                sound=rings.sound,
            )
            self._effects.link = self._link
            self._tell_stamp()
            if rings.sound is not None:
                self._microphone = Microphone(
                    pre_event=settings.policy.pre_event.sound,
                    set_mode=self._link.wanted.set_sound,
                    set_condition=lambda what, holds: self.set_condition(what, holds=holds),
                    heard=self._recordings.hear,
                )
                self._status.microphone = self._microphone
            # The capture process takes longest to come up, so it is started first; what opens the
            # store has much to import too, and would keep this thread from getting that far.
            self._link.start()
            parts.push_async_callback(self._stop_link)
            self._counting.start()
            parts.push_async_callback(self._counting.close)
            self._recordings.open(rings, lambda: self._link.sound_format)
            self._recordings.wait_for_card(card, early.asked_us)
            self._resources.start()
            parts.callback(self._resources.close)
            # What a display still shows of the last life goes first thing.
            self._display = self._make_display(frame_fd)
            parts.push_async_callback(self._display.close)
            self._display.start()
            self._show_scene()
            # While the camera starts, on a thread: a press is not to wait for imports.
            self._control = await self.aside(self._make_control)
            await self._control.open()
            parts.push_async_callback(self._control.close)
            self._badges = BadgeReader(frame_fd, self._shifts.seen)
            parts.push_async_callback(self._badges.close)
            parts.callback(self._shifts.close)
            watch = watched(self._recordings.watch_storage())
            parts.callback(watch.cancel)
            beats = Watchdog(self._clock, self._signs, self._stuck)
            for watching in (beats.run(), self._watch_lights()):
                parts.callback(watched(watching).cancel)
            self.background(self._after_reboot())
            log.info("camerad %s, policy %s", __version__, settings.policy.name)
            self._reschedule()
            # Buttons and lights work; a camera that is missing shows by its own light.
            notify("READY=1")
            await self._ended.wait()
            notify("STOPPING=1")
            last_beats = watched(beats.see_out())
        last_beats.cancel()
        self._resources.leave_word()
        return self._exit_code

    def shut_down(self, reason: str = "shutdown") -> None:
        """End in order: close a running recording, for which the reason is given, then everything
        else."""
        self._loop.call_later(SHUTDOWN_SECONDS, self._give_up)
        if self._ending_us is None:
            self._ending_us = self._clock.now_us()
        if self._state.stage is Stage.STOPPING:
            self._recordings.cut_short(reason)
        self.post(stages.Shutdown(self._clock.now_us(), reason))

    def _give_up(self) -> None:
        if not self._ended.is_set():
            log.critical("the end took longer than %g s; left as it is", SHUTDOWN_SECONDS)
            self._exit_code = self._exit_code or EX_SOFTWARE
            self._ended.set()

    def _unhandled(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if "socket" in context and isinstance(error, OSError) and error.errno in _SCARCE:
            # The kernel has no more of something for whoever connects: they may try again.
            log.error("%s: %s", context["message"], error)
            return
        log.critical("%s", context["message"], exc_info=context.get("exception"))
        self.give_up(EX_SOFTWARE)

    def give_up(self, exit_code: int) -> None:
        """End in order, and say with the exit code what the service manager is to do."""
        if self._exit_code != EX_REBOOT:
            self._exit_code = exit_code
        # A recording says for whose sake: the camera's, or that of a daemon that is to start anew.
        reboots = exit_code == EX_REBOOT
        self.shut_down(stages.Condition.CAMERA_DOWN.value if reboots else RESTARTED)

    def _signs(self) -> tuple[liveness.Sign, ...]:
        link = liveness.Sign(Part.LINK, self._link.turned_us)
        return (link, *self._recordings.signs())

    def _stuck(self, _parts: tuple[Part, ...]) -> None:
        self.give_up(EX_SOFTWARE)

    async def _after_reboot(self) -> None:
        if await self.aside(self._rebooting.ended_a_recording):
            log.warning("the camera was recording when the machine was rebooted for its sake")
            self.post(stages.CutOff(self._clock.now_us()))

    async def _close_recordings(self) -> None:
        now_us = self._clock.now_us()
        ending_us = now_us if self._ending_us is None else self._ending_us
        # It comes last, so what the others did not need of their time is the ledger's.
        seconds = max(LEDGER_END_SECONDS, END_SECONDS - (now_us - ending_us) / SECOND)
        if not await self.aside(lambda: self._recordings.close(seconds)):
            log.error("the ledger could not be brought to its end")

    async def _stop_link(self) -> None:
        self._link.stop(self._clock.now_us() + round(STOP_SECONDS * SECOND))
        if not await self.aside(lambda: self._link.join(LINK_END_SECONDS)):
            log.error("the capture process does not end; it is left to the kernel")

    # ------------------------------------------------------------------ parts

    def _make_control(self) -> Control:
        # The recorder first: a recording that goes on waits for it, and nobody for the other.
        from camerad.recording import recorder  # noqa: F401, I001, PLC0415 - slow to import
        from camerad.control.server import Control  # noqa: PLC0415 - slow to import

        device = self._settings.device
        return Control(
            self,
            str(device.runtime_dir),
            device.socket_group,
            self._settings.access,
            self._entrance,
        )

    def _make_announcer(self) -> Announcer:
        def load() -> Awaitable[dict[Announcement, Clip]]:
            return self.aside(lambda: clips(from_settings.announcements(self._settings)))

        announcer = Announcer(self._settings.announcements, load, self._recordings.note)
        announcer.start()
        return announcer

    def _make_display(self, frame_fd: int) -> SelfView | NoDisplay:
        if self._settings.self_view.driver == "none":
            return NoDisplay()
        return SelfView(from_settings.self_view(self._settings), frame_fd, self._display_state)

    # ------------------------------------------------------------------ camera

    def _tell_stamp(self) -> None:
        """What is written into the pictures from now on."""
        self._link.wanted.set_stamp(
            StampState(
                pre=self._state.armed and not self._state.keeping,
                trusted=self._clock.moment().trusted,
                wearer=self._shifts.wearer,
                steps=self._clock_steps,
            )
        )

    def _overwritten(self, answer: bool) -> None:
        self._tell_microphone()
        if answer:
            self.post(stages.Wiped(self._clock.now_us()))

    async def recordings(self) -> list[dict[str, Any]]:
        """The recordings in the store, flagged first, then the newest, ready for JSON."""
        return await self._recordings.listing()

    @property
    def device(self) -> str:
        """The device's id."""
        return self._settings.device.id

    def ask(self, work: Callable[[Store, SigningKey], _T]) -> Awaitable[_T]:
        """Have `work` done with the store and the device's key, on the store's thread."""
        return self._recordings.ask(work)

    # ------------------------------------------------------------------ shift

    @property
    def shifts(self) -> Shifts:
        """Who wears the camera."""
        return self._shifts

    def shift_changed(self) -> None:
        """Whoever wears the camera goes into stamp and recordings. For a badge, frames are shared
        that nobody sees; they are overwritten once it is no longer looked for."""
        self._recordings.wearer = self._shifts.wearer
        self._counting.shift(runs=self._shifts.wearer is not None)
        self._tell_stamp()
        self._show_lights()
        if self._badges is not None:
            self._badges.look(self._shifts.looking)
        self._link.wanted.set_view(self._state.display_on or self._shifts.looking)
        self._show_scene()
        if self._control is not None:
            self._control.changed()

    # ------------------------------------------------------------------ status

    def metrics(self) -> str:
        """Counters in Prometheus' text format."""
        return self._counting.text()

    def status(self) -> dict[str, Any]:
        """What the camera does now, ready for JSON; see `camerad.control.server`."""
        return self._status.report(self._state, self._rings)

    def health(self) -> dict[str, Any]:
        """How the parts do, ready for JSON; see `camerad.control.server`."""
        camera = self._link.vitals.report(self._clock.now_us())
        buttons, outputs = self._hands.levels(), self._indicators.faulty
        return self._status.health(camera, self._display, outputs, buttons)


_SCARCE: Final = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
