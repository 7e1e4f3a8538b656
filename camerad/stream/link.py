"""The controller's end of the camera: starts, watches, kills and restarts the capture process.

Theory of operation. One thread owns the capture process, its socket and the writing side of the
ring. It sleeps in ``poll(2)`` until the process has sent something or ended (a pidfd), a method
here is called (an eventfd), or a deadline of `camerad.behaviour.supervision` is due; that ladder
decides everything about starting and ending, this file only carries it out. The thread never waits
for the process: not to read, not to obey, not to die.

While no caller waits for packets, the thread rests and leaves them in the socket (`Rest`). Every
method here and the end of the process end a rest. What a process had sent stays there when it dies,
and is taken in before the ladder judges. A frame counts from when it was exposed, so that a rest
puts no judgement off.

What the daemon wants is state, not a queue of orders (`camerad.stream.desired_state`). The thread
compares it with what this process was told and sends the difference, so a process that was
restarted is told everything anew. Packets of another epoch than the present one are discarded as
they arrive, so nothing that was encoded before a wipe can come after it.

Sound has a ring and epochs of its own. A wipe overwrites both rings and ends both epochs. Whatever
sound does or leaves undone, the camera is not restarted for it.

What counts as a sign of life: while nothing is armed, a beat that reports a newer frame; while
armed, only packets, for an encoder can hang behind a sensor that delivers.
"""

from __future__ import annotations

import json
import os
import select
import threading
from collections.abc import Mapping, Sequence
from typing import Any, Final

from camerad.base.clock import SECOND, Clock, SystemClock
from camerad.base.errors import EX_OSERR, RingError, WireError
from camerad.behaviour import supervision
from camerad.behaviour.budget import KERNEL_SECONDS, TURN_SECONDS
from camerad.stream import frame
from camerad.stream.callbacks import Callbacks
from camerad.stream.capture_process import DEFAULT_ARGV, CaptureProcess
from camerad.stream.desired_state import DesiredState
from camerad.stream.intake import Intake
from camerad.stream.ring import Ring
from camerad.stream.sound_intake import SoundIntake
from camerad.stream.sound_link import SoundLink, not_on
from camerad.stream.sound_messages import SoundFormat
from camerad.stream.vitals import Vitals
from camerad.stream.wire import MessageHeader, MessageKind

REST_US: Final = 480_000
"""How long packets may lie in the socket: about fourteen pictures. A rest saves wakes, and this
length saves nine tenths of them. A rest is at most two fifths of the silence that is taken for a
stalled camera."""
REST_ROOM: Final = 3_800_000
"""Room in the socket for a whole rest: 25 Mbit/s, a key frame as large again, and the kernel's own.
With less room a rest is shorter in proportion. Otherwise the capture process would have to keep
packets back, which would be lost with the process."""
CALM_US: Final = 1_000_000
"""How long nothing was wanted of the process before a rest among beats."""


class Rest:
    """Decides when the link may leave packets in the socket. The link begins and ends rests on its
    thread; `outlasts` is thread-safe.

    Waking for a packet takes more processor time than taking it in. So while footage flows into the
    ring and no caller waits for it, packets lie in the socket until the rest is over, and then come
    in one go. There is no rest while the ring lacks its key frame. A rest ends at the media time of
    the packet that a reader waits for, of pictures or of sound, at the latest. A reader that begins
    to wait for an earlier packet ends it at once.

    While nothing is armed there are beats only, which are needed no more often than the ladder
    judges by them: a process that lives is heard of once a second. There is no such rest for a
    while after something was wanted of the process: what it still sends of an epoch that is over
    does not lie in the socket, and what it answers is heard at once.

    ring: of pictures. sound: that of sound, if there is one. patience_us: the silence that is taken
    for a stalled camera. until_us: when the present rest is over; 0 if there is none.
    """

    def __init__(self, ring: Ring, patience_us: int, sound: Ring | None = None) -> None:
        self._ring = ring
        self._rings = (ring,) if sound is None else (ring, sound)
        self._longest_us = min(REST_US, patience_us * 2 // 5)
        self._calm_us = 0
        self.until_us = 0

    def begin(self, now_us: int, room: int) -> None:
        """All that was sent is here, packets of the ring among it: rest as long as no caller waits.

        room: what the socket takes meanwhile, as `camerad.stream.capture_process` has it.
        """
        self.until_us = 0
        if self._ring.wants_key:
            return
        # Before the reader is asked: should it begin to wait in between, it finds a rest to end.
        self.until_us = until_us = now_us + self._longest_us * min(room, REST_ROOM) // REST_ROOM
        for ring in self._rings:
            if (due_us := ring.due_us) is not None:
                self.until_us = until_us = min(until_us, due_us)

    def begin_idle(self, now_us: int, until_us: int) -> None:
        """Nothing is armed, and a beat has come: rest until then, if nothing was wanted lately."""
        if now_us >= self._calm_us:
            self.until_us = until_us

    def disturb(self, now_us: int) -> None:
        """Something is wanted of the process: listen, and to all that comes of it."""
        self.end()
        self._calm_us = now_us + CALM_US

    def end(self) -> None:
        """Listen from now on."""
        self.until_us = 0

    def lasts(self, now_us: int) -> bool:
        """Whether a rest is on."""
        return now_us < self.until_us

    def outlasts(self, due_us: int) -> bool:
        """Whether the packet of this media time may come while a rest is on."""
        return due_us < self.until_us


_AGE_EVERY_US: Final = 250_000
"""How often a ring is told the time while no packets come and none is known to leave."""
_RETRY_WIPE_US: Final = 20_000
_ASK_KEY_EVERY_US: Final = 500_000
_TURN_US: Final = round(TURN_SECONDS * SECOND)
_MESSAGES_AT_ONCE: Final = 64
_ROUNDS: Final = 16
"""Of so many messages before a wipe: ten times what a rest leaves in the socket."""


class CaptureLink:
    """Feeds `ring` from a capture process, and keeps one running.

    What it is to do is told to `wanted`.

    settings: the capture part of the configuration, passed on as JSON. frame_fd: the memfd for the
    newest low-resolution frame (`camerad.stream.frame`); stays the caller's. argv: the program.
    sound: the ring for sound; None where none is wanted, and then none is ever kept.

    Every method may be called from any thread and none but `join` waits.
    """

    def __init__(
        self,
        ring: Ring,
        settings: Mapping[str, Any],
        frame_fd: int,
        callbacks: Callbacks,
        *,
        argv: Sequence[str] = DEFAULT_ARGV,
        budget: supervision.Budget | None = None,
        clock: Clock | None = None,
        sound: Ring | None = None,
    ) -> None:
        self.wanted = DesiredState((ring,) if sound is None else (ring, sound))
        self._wake_fd: int | None = None
        self._ring = ring
        self._settings = json.dumps(settings)
        self._frame_fd = frame_fd
        self._callbacks = callbacks
        self._argv = argv
        self._budget = supervision.Budget() if budget is None else budget
        self._clock: Clock = SystemClock() if clock is None else clock
        self._thread = threading.Thread(target=self._run, name="camerad-link", daemon=True)

        # What the thread knows.
        self._intake = Intake(
            ring, callbacks.on_gap, None if sound is None else SoundIntake(sound, callbacks.on_gap)
        )
        self._sounds = SoundLink(sound, callbacks.on_sound, callbacks.on_error)
        self.vitals = Vitals()
        """The camera's health; for any thread."""
        self._recovery = supervision.initial(self._clock.now_us())
        self._process: CaptureProcess | None = None
        self._poll = select.poll()
        self._listening = self._hearing = self._beaten = False
        self._hello: dict[str, Any] = {}
        self._age_us = 0
        self._fed_us: int | None = None
        """Media time of the last packet that was taken in at once."""
        self._rest = Rest(ring, self._budget.frame_age_us, sound)
        self.turned_us = self._clock.now_us()
        """When the thread last began a turn; it never waits for longer than a second."""
        for one in (ring,) if sound is None else (ring, sound):
            one.on_wait = self._reader_waits

    # From any thread

    @property
    def pid(self) -> int | None:
        """The capture process that runs now."""
        return None if (process := self._process) is None else process.pid

    @property
    def sound_format(self) -> SoundFormat | None:
        """How sound is encoded, once a capture process has said so; it never changes then."""
        return self._sounds.form

    def start(self) -> None:
        """Start the capture process, and from now on keep one running."""
        self._wake_fd = self.wanted.attach()
        self._poll.register(self._wake_fd, select.POLLIN)
        self._thread.start()

    def stop(self, deadline_us: int) -> None:
        """Ask the process to end, kill it at `deadline_us` of the clock, then end the thread."""
        self.wanted.stop(deadline_us)

    def join(self, timeout: float) -> bool:
        """Wait up to `timeout` seconds for the end after `stop`; whether it has come."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _reader_waits(self, due_us: int) -> None:
        """A recording waits for the packet of this media time."""
        if self._rest.outlasts(due_us):
            self.wanted.wake()

    # The thread

    def _run(self) -> None:
        try:
            while self._turn():
                pass
        except Exception as error:  # noqa: BLE001 - a thread never fails silently
            self._callbacks.on_broken(error)
        finally:
            self._end()

    def _turn(self) -> bool:
        """Do what is due, sleep until something happens, deal with that; False at the end."""
        now_us = self.turned_us = self._clock.now_us()
        stop_us, process = self.wanted.stop_us, self._process
        if stop_us is not None:
            if process is not None:
                process.ask_stop()
            if process is None or now_us >= stop_us:
                return False
        elif now_us >= supervision.deadline(self._recovery, self._budget):
            if process is not None and self._listening:
                # What came while this thread was held up shows that the camera lives.
                self._receive(process, now_us)
            self._advance(supervision.RecoveryTick(now_us))
        self._obey(now_us)
        self._sleep(now_us)
        now_us = self._clock.now_us()
        if self._intake.epoch is not None and now_us >= self._age_us:
            self._ring.expire(now_us)
            self._age_us = self._ring.leaves_us or now_us + _AGE_EVERY_US
        self._sounds.expire(now_us)
        return True

    def _sleep(self, now_us: int) -> None:
        """Until a deadline is due, a method was called or the process did something."""
        process = self._process
        resting = self._rest.lasts(now_us)
        if process is not None and self._listening:
            events = (0 if resting else select.POLLIN) | (select.POLLOUT if process.backlog else 0)
            self._poll.register(process.socket, events)
        ready = dict(self._poll.poll(self._timeout_ms(now_us)))
        if self._wake_fd in ready:
            os.eventfd_read(self._wake_fd)
            self._rest.disturb(self._clock.now_us())
        if process is None:
            return
        now_us = self._clock.now_us()
        if process.stderr in ready:
            self._hear(process)
        # After a call here what it wants comes first: the next turn obeys, then listens.
        rested = resting and 0 < self._rest.until_us <= now_us
        if self._listening and (rested or process.socket.fileno() in ready):
            process.flush()
            more = self._receive(process, now_us)
            self._rest_again(process, now_us, more=more)
        if process.pidfd in ready:
            self._exited(process, now_us)

    def _rest_again(self, process: CaptureProcess, now_us: int, *, more: bool) -> None:
        """Messages were taken in; rest, if there are no more and nothing speaks against it."""
        self._rest.end()
        if more or self.wanted.stop_us is not None:
            return
        if process.told_epoch is None and self._beaten:
            due_us = supervision.deadline(self._recovery, self._budget)
            self._rest.begin_idle(now_us, min(now_us + _TURN_US, due_us))
        elif self._fed_us is not None:
            self._rest.begin(now_us, process.room)
            self._ring.lies_since_us = now_us if self._rest.until_us else None
            if (leaves_us := self._ring.leaves_us) is not None:
                self._age_us = leaves_us

    def _timeout_ms(self, now_us: int) -> int:
        due_us = self.wanted.stop_us
        if due_us is None:
            due_us = supervision.deadline(self._recovery, self._budget)
        dues = [now_us + _TURN_US, due_us]
        if self._intake.epoch is not None:
            dues.append(self._age_us)
        if (sound_due_us := self._sounds.due_us) is not None:
            dues.append(sound_due_us)
        if self._rest.lasts(now_us):
            dues.append(self._rest.until_us)
        if self.wanted.wipe_waits:
            dues.append(now_us + _RETRY_WIPE_US)
        # Rounded up: a turn that came a fraction too early would find nothing to do.
        return max(0, -(-(min(dues) - now_us) // 1000))

    def _obey(self, now_us: int) -> None:
        """Bring about what is wanted now."""
        wanted = self.wanted.snapshot()
        epoch, sound, sound_epoch = wanted.epoch, wanted.sound, wanted.sound_epoch
        wiped: int | None = None
        process = self._process
        if wanted.wipes:
            self._intake.arm(None)
            self._intake.arm_sound(None)
            if process is not None:
                self._empty(process, now_us)
            try:
                wiped = self.wanted.overwrite()
            except RingError:
                # A recording still reads from one; the next turn tries again.
                epoch = sound_epoch = None
                sound = not_on(sound)
                self.wanted.wipe_later(wanted.wipes)
        self._intake.arm(epoch)
        self._intake.arm_sound(sound_epoch)
        if process is not None:
            process.tell_stamp(wanted.stamp)
            process.tell_fps(wanted.fps)
            sound = self._sounds.bearable(sound)
            process.tell(epoch, wanted.view, now_us + self._budget.frame_age_us, sound)
            if wanted.key:
                process.ask_key_frame(now_us)
        elif not wanted.view:
            frame.erase(self._frame_fd)
        if wiped is not None:
            for future in wanted.wipes:
                future.set_result(wiped)

    def _receive(self, process: CaptureProcess, now_us: int) -> bool:
        """Take in what has arrived, but not so much that a wipe has to wait; whether there may be
        more."""
        self._fed_us, self._beaten = None, False
        more = self._take_in(process, now_us)
        if self._fed_us is not None:
            self._age_us = now_us + _AGE_EVERY_US
            process.packet_seen()
            seen_us = now_us if more else process.frame_us(self._fed_us, now_us)
            self._advance(supervision.FrameSeen(seen_us))
        if not more:
            process.emptied_us, self._ring.lies_since_us = now_us, None
        return more

    def _empty(self, process: CaptureProcess, now_us: int) -> None:
        """Take in all that lies in the socket, which is footage too; not what comes without end."""
        for _ in range(_ROUNDS):
            if not (self._listening and self._receive(process, now_us)):
                break

    def _take_in(self, process: CaptureProcess, now_us: int) -> bool:
        try:
            for _ in range(_MESSAGES_AT_ONCE):
                header = self._intake.pump(process.socket, now_us)
                if header is None:
                    return False
                self._take(process, header, now_us)
        except WireError as error:
            self._callbacks.on_error(f"the capture process is not understood: {error}")
            self._stop_listening(process)
            process.kill()
        except (EOFError, OSError):
            # It has closed its socket; if it does not end too, recovery misses its frames.
            self._stop_listening(process)
        return self._listening

    def _take(self, process: CaptureProcess, header: MessageHeader, now_us: int) -> None:
        """Handle a message that is not for the ring."""
        match header.kind:
            case MessageKind.PACKET:
                if header.epoch == self._intake.epoch:
                    self._fed_us = header.pts_us
                    if self._ring.wants_key:
                        process.ask_key_frame(now_us, _ASK_KEY_EVERY_US)
            case MessageKind.BEAT:
                self.vitals.beat(self._intake.body)
                patience_us = self._budget.frame_age_us
                seen_us = process.seen_us(self._intake.body, now_us, patience_us)
                if seen_us is not None:
                    self._beaten = True
                    self._advance(supervision.FrameSeen(seen_us))
            case MessageKind.HELLO:
                self._hello = self._intake.body
                self.vitals.hello(self._hello)
                self._sounds.hello(self._hello)
                self._callbacks.on_hello(self._hello)
            case MessageKind.SOUND_STATE:
                self._sounds.news(self._intake.body)
            case MessageKind.ERROR:
                self._callbacks.on_error(str(self._intake.body.get("message")))

    def _stop_listening(self, process: CaptureProcess) -> None:
        if self._listening:
            self._listening = False
            self._poll.unregister(process.socket)
            process.socket.close()  # and what lies in it is gone

    def _hear(self, process: CaptureProcess) -> None:
        """Pass on what a library or the interpreter says in the process."""
        lines, more = process.complaints()
        if not more and self._hearing:
            self._hearing = False
            self._poll.unregister(process.stderr)
        for line in lines:
            self._callbacks.on_error(line)

    def _exited(self, process: CaptureProcess, now_us: int) -> None:
        # What it sent before it died is still in the socket.
        while self._listening and self._receive(process, now_us):
            pass
        self._hear(process)
        code = process.exit_code()
        self._let_go(process)
        self.vitals.ended()
        self._callbacks.on_exit()
        self._intake.end()
        if not self.wanted.view:
            frame.erase(self._frame_fd)
        if self.wanted.stop_us is None:
            self._advance(supervision.Exited(now_us, EX_OSERR if code is None else code))

    def _let_go(self, process: CaptureProcess) -> None:
        self._stop_listening(process)
        self._rest.end()
        self._ring.lies_since_us = None
        if self._hearing:
            self._hearing = False
            self._poll.unregister(process.stderr)
        self._poll.unregister(process.pidfd)
        self._process = None
        process.close()

    # Starting and ending

    def _advance(self, event: supervision.Event) -> None:
        """Tell the recovery ladder, and do what it says."""
        self._recovery, actions = supervision.step(self._recovery, event, self._budget)
        for action in actions:
            match action:
                case supervision.Start():
                    self._launch(event.at_us)
                case supervision.AskStop() if self._process is not None:
                    self._process.ask_stop()
                case supervision.Kill() if self._process is not None:
                    self._process.kill()
                case supervision.Up():
                    self._callbacks.on_up(self._hello)
                case supervision.Down(reason):
                    self._callbacks.on_down(reason)
                case supervision.Reboot(reason):
                    self._callbacks.on_fatal(reason)
                case supervision.Steady():
                    self._callbacks.on_steady()

    def _launch(self, now_us: int) -> None:
        try:
            process = CaptureProcess(self._argv, self._settings, self._frame_fd)
        except OSError as error:
            self._callbacks.on_error(f"the capture process cannot be started: {error}")
            self._advance(supervision.Exited(now_us, EX_OSERR))
            return
        self._process = process
        self._hello = {}
        self._listening = self._hearing = True
        self._poll.register(process.stderr, select.POLLIN)
        self._poll.register(process.pidfd, select.POLLIN)
        self._advance(supervision.ProcessStarted(self._clock.now_us()))

    def _end(self) -> None:
        if (process := self._process) is not None:
            process.kill()
            select.select([process.pidfd], [], [], KERNEL_SECONDS)
            process.exit_code()
            self._let_go(process)
        self._intake.arm(None)
        self._intake.arm_sound(None)
        frame.erase(self._frame_fd)
        self._wake_fd = None
        self.wanted.detach()
