"""A camera that does not come back, boot after boot in simulated time, against the real daemon.

Real: the daemon, its stages, the recovery ladder, and what it remembers of reboots on the card.
Stand-ins: those of `test_presses_simulated`, and a link that has the ladder for a driver and a
camera that fails as it is told to.
"""

from __future__ import annotations

import asyncio
import functools
import grp
import itertools
import os
import random
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hw_mocks.sim.gauges import Gauges
from msgspec.structs import replace

from camerad.base import durable_files, process
from camerad.base.async_utils import EventLoop
from camerad.base.clock import ManualClock
from camerad.base.errors import EX_REBOOT, EX_SOFTWARE, StorageError
from camerad.behaviour import budget, stages, supervision
from camerad.behaviour.reboots import Reboots
from camerad.behaviour.stages import Condition, Stage
from camerad.config import load
from camerad.daemon import app, recording_manager
from camerad.daemon.effects import Effects
from camerad.recording import recorder
from camerad.store import disk
from tests.system import sealed
from tests.system.harness import configuration
from tests.system.test_presses_simulated import (
    Daemon,
    Keeping,
    Link,
    Recorder,
    World,
    gpio,
)
from tests.system.virtual_time import VirtualLoop
from tests.unit.core_helpers import at_once

SECOND = 1_000_000
FRAME_S = 0.5
"""Often enough for the ladder, which waits for 1.2 s; a frame each 33 ms would only take longer."""
LADDER = supervision.Budget()

__all__ = ["gpio"]

Works = Callable[[int], bool]


class Camera(Link):
    """A link whose camera delivers while `works(now_us)`, and else ends without a frame."""

    def __init__(
        self, world: World, callbacks: Any, works: Works, *, stuck: bool, hangs_us: int | None
    ) -> None:
        super().__init__(world, callbacks)
        self._works, self._stuck, self._hangs_us = works, stuck, hangs_us
        self._state = supervision.initial(world.clock.now_us())
        self._timer: asyncio.TimerHandle | None = None
        self._running = 0
        self._stopped = False
        self.starts: list[int] = []

    @property
    def turned_us(self) -> int:
        now_us = self._world.clock.now_us()
        return now_us if self._hangs_us is None else min(now_us, self._hangs_us)

    def start(self) -> None:
        self._take(supervision.RecoveryTick(self._world.clock.now_us()))

    def stop(self, deadline_us: int) -> None:
        self._stopped = True

    def _take(self, event: supervision.Event) -> None:
        if self._stopped:
            return
        self._state, actions = supervision.step(self._state, event, LADDER)
        for action in actions:
            match action:
                case supervision.Start():
                    self._launch()
                case supervision.Up():
                    hello = {"encoder": "none"}
                    self._callbacks.on_hello(hello)
                    self._callbacks.on_up(hello)
                case supervision.Down(reason):
                    self._callbacks.on_down(reason)
                case supervision.Reboot(reason):
                    self._callbacks.on_fatal(reason)
                case supervision.Steady():
                    self._callbacks.on_steady()
        if self._timer is not None:
            self._timer.cancel()
        due_us = supervision.deadline(self._state, LADDER)
        self._timer = self._world.loop.call_at(due_us / 1e6, self._tick)

    def _tick(self) -> None:
        self._take(supervision.RecoveryTick(self._world.clock.now_us()))

    def _launch(self) -> None:
        self.starts.append(self._world.clock.now_us())
        self._running += 1
        number = self._running
        self._world.loop.call_soon(
            self._take, supervision.ProcessStarted(self._world.clock.now_us())
        )
        self._world.loop.call_later(1.0, self._lives, number)

    def _lives(self, number: int) -> None:
        now_us = self._world.clock.now_us()
        if number != self._running:
            return
        if self._works(now_us):
            self._take(supervision.FrameSeen(now_us))
            self._world.loop.call_later(FRAME_S, self._lives, number)
        elif not self._stuck:
            self._running += 1
            self._take(supervision.Exited(now_us, 69))


class Board:
    """One camera with its card, boot after boot."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self._patch = folder, monkeypatch
        self.gauges = Gauges(folder / "board")
        for name in ("card", "run"):
            (folder / name).mkdir()
        sections = {
            "recipients": [sealed.recipient()],
            "device": {
                "state_dir": str(folder / "card"),
                "runtime_dir": str(folder / "run"),
                "socket_group": grp.getgrgid(os.getgid()).gr_name,
            },
            "battery": {"power_supply": str(self.gauges.power_supply)},
            "thermal": {"zone": str(self.gauges.zone), "firmware": str(self.gauges.firmware)},
        }
        self.settings = load(configuration(folder, "generic", **sections))
        self.clock = ManualClock(0)
        self.world: World
        self.cues: list[stages.CueKind] = []
        self.camera: Camera
        self.daemon: Daemon
        carry_out = Effects.carry_out

        def hear(effects: Effects, effect: stages.Effect) -> None:
            if isinstance(effect, stages.Cue):
                self.cues.append(effect.kind)
            carry_out(effects, effect)

        monkeypatch.setattr(Effects, "carry_out", hear)
        room = disk.FreeSpace(free_bytes=1 << 40, minutes=1e6, writable=True)
        for where, name, what in (
            (EventLoop, "in_thread", lambda _, work, **_known: at_once(work)),
            (process, "forbid_dumps", lambda: None),
            (process, "set_priority", lambda nice: True),
            (process, "raise_file_limit", lambda: None),
            (disk, "prepare", lambda directory: None),
            (disk, "usable", lambda directory: None),
            (disk, "free_space", lambda directory, rate: room),
        ):
            monkeypatch.setattr(where, name, what)

    def boot(
        self,
        works: Works,
        seconds: float,
        then: Callable[[Board], None] = lambda _: None,
        *,
        stuck: bool = False,
        hangs_us: int | None = None,
    ) -> int:
        """Let the camera run for so long at most; `then` happens after 2 s. Its exit code.

        stuck: a capture process that fails is held by the kernel. hangs_us: when the link hangs.
        """
        self.clock.reboot()
        loop = VirtualLoop(self.clock)
        self.world = world = World(loop, self.clock, random.Random(1))
        world.wiring, world.gauges = self.settings, self.gauges

        async def nothing() -> None: ...

        def link(_ring: Any, _settings: Any, _fd: int, callbacks: Any, **_: Any) -> Camera:
            self.camera = Camera(world, callbacks, works, stuck=stuck, hangs_us=hangs_us)
            world.link = self.camera
            return self.camera

        def display(*_: Any) -> Any:
            return SimpleNamespace(start=lambda: None, show=lambda scene: None, close=nothing)

        def keep(_settings: Any, _clock: Any, *, on_opened: Any, **_: Any) -> Keeping:
            return Keeping(world, on_opened)

        def record(_ring: Any, plan: Any, _clock: Any, **callbacks: Any) -> Recorder:
            return Recorder(world, plan, **callbacks)

        self._patch.setattr(app, "CaptureLink", link)
        self._patch.setattr(app, "SelfViewProcess", display)
        self._patch.setattr(recorder, "Recorder", record)
        self._patch.setattr(recording_manager, "StoreWorker", keep)
        self._patch.setattr(disk, "claim", lambda directory: os.open(os.devnull, os.O_RDONLY))
        self.daemon = Daemon(self.settings, self.clock)
        self.daemon.world = world
        self.cues.clear()
        loop.call_later(2.0, then, self)
        loop.call_later(seconds, self.daemon.shut_down)
        asyncio.set_event_loop(loop)
        try:
            return loop.run_until_complete(self.daemon.run())
        finally:
            asyncio.set_event_loop(None)
            loop.close()

    def reboots(self) -> list[int | None]:
        """What the ledger of this boot says of reboots."""
        return [facts["count"] for _, kind, facts in self.world.notes if kind == "reboot"]


@pytest.fixture
def board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gpio: None) -> Board:
    return Board(tmp_path, monkeypatch)


def never(_now_us: int) -> bool:
    return False


def always(_now_us: int) -> bool:
    return True


def test_a_camera_that_is_missing_for_good_reboots_three_times_and_then_stays_amber(
    board: Board,
) -> None:
    for count in (1, 2, 3):
        assert board.boot(never, 3600) == EX_REBOOT
        assert board.reboots() == [count]
        # Four processes that take a second each to fail, with 0, 1 and 2 s between them.
        assert board.clock.now_us() < 9 * SECOND
    # The fourth boot: an hour as it is, ended by hand and not by itself.
    assert board.boot(never, 3600) == 0
    assert board.reboots() == [None]
    assert Condition.CAMERA_DOWN in board.daemon.state.conditions
    tries = [at_us for at_us in board.camera.starts if at_us > 60 * SECOND]
    pauses = {later - sooner for sooner, later in itertools.pairwise(tries)}
    # A process that takes a second to fail, then half a minute of patience.
    assert {round(pause / SECOND) for pause in pauses} == {31}


def test_a_camera_that_works_again_after_a_while_makes_reboots_forgotten(board: Board) -> None:
    for _ in range(3):
        assert board.boot(never, 3600) == EX_REBOOT
    # Nine minutes are not enough: a camera that lasts so long would reboot the board all day.
    assert board.boot(lambda at_us: at_us < 540 * SECOND, 3600) == 0
    assert board.reboots() == [None]
    # Eleven are.
    assert board.boot(lambda at_us: at_us < 660 * SECOND, 3600) == EX_REBOOT
    assert board.reboots() == [1]


def record(board: Board) -> None:
    board.daemon.intend(stages.Intent.RECORD, "test")
    assert board.daemon.state.stage is Stage.RECORDING


def test_a_recording_is_closed_when_no_reboot_is_left_that_could_bring_the_camera_back(
    board: Board,
) -> None:
    """Red says that footage is being kept; without a picture it would say so for hours."""
    for _ in range(3):
        assert board.boot(never, 3600) == EX_REBOOT
    failed_us, back_us = 20 * SECOND, 1800 * SECOND
    assert board.boot(lambda at_us: not failed_us < at_us < back_us, 3600, record) == 0
    (recorder,) = board.world.recorders
    assert (recorder.closed, recorder.reason) == (True, "camera_down")
    at_us = next(at_us for at_us, what in board.world.answers if what == "closed")
    assert at_us < failed_us + supervision.REBOOT_LIMIT_US
    why, that_it_ended, back = board.cues[-3:]
    assert why is stages.CueKind.CAMERA_DOWN, "the wearer is told why"
    assert that_it_ended is stages.CueKind.CUT_OFF
    assert back is stages.CueKind.READY, "and half an hour later that it is back"


def test_a_camera_that_delivers_now_and_then_is_recorded_on_with_its_gaps(board: Board) -> None:
    for _ in range(3):
        assert board.boot(never, 3600) == EX_REBOOT

    def for_five_seconds(at_us: int) -> bool:
        return at_us - board.camera.starts[-1] < 5 * SECOND

    assert board.boot(for_five_seconds, 600, record) == 0
    assert board.reboots() == [None] * len(board.reboots()) != []
    (recorder,) = board.world.recorders
    assert recorder.reason == "shutdown"


def test_a_camera_that_returns_after_the_last_reboot_is_taken_back(board: Board) -> None:
    for _ in range(3):
        assert board.boot(never, 3600) == EX_REBOOT
    assert board.boot(lambda at_us: at_us > 1800 * SECOND, 3600) == 0
    assert board.daemon.state.stage is Stage.IDLE
    assert Condition.CAMERA_DOWN not in board.daemon.state.conditions


def test_a_process_that_the_kernel_holds_on_to_is_a_reason_to_reboot(board: Board) -> None:
    assert board.boot(never, 3600, stuck=True) == EX_REBOOT
    ((_, _, facts),) = [one for one in board.world.notes if one[1] == "reboot"]
    assert facts["reason"] == "a killed capture process does not end"
    # Fifteen seconds for a first frame, then half a second to stop and five for the kernel.
    assert board.clock.now_us() < 25 * SECOND


def test_a_reboot_closes_the_recording_first_and_the_wearer_is_told_afterwards(
    board: Board,
) -> None:
    assert board.boot(lambda at_us: at_us < 10 * SECOND, 3600, record) == EX_REBOOT
    assert all(one.closed for one in board.daemon.world.recorders)
    assert [one.reason for one in board.daemon.world.recorders] == ["camera_down"]
    counted = board.daemon.metrics()
    assert 'camerad_recordings_total{reason="camera_down"} 1\n' in counted
    assert 'camerad_recordings_total{reason="shutdown"} 0\n' in counted
    assert board.boot(always, 60) == 0
    assert board.cues.count(stages.CueKind.CUT_OFF) == 1
    assert board.boot(always, 60) == 0
    assert stages.CueKind.CUT_OFF not in board.cues, "told once"


def test_what_cuts_the_post_event_time_short_is_the_reason_of_the_end(board: Board) -> None:
    """The wearer had asked for a stop, and for ten more minutes of it."""
    recording = replace(board.settings.recording, post_event_seconds=600)
    board.settings = replace(board.settings, recording=recording)

    def record_and_stop(board: Board) -> None:
        record(board)
        stop = functools.partial(board.daemon.intend, stages.Intent.STOP, "test")
        asyncio.get_running_loop().call_later(3.0, stop)

    assert board.boot(lambda at_us: at_us < 10 * SECOND, 3600, record_and_stop) == EX_REBOOT
    (recorder,) = board.world.recorders
    assert recorder.reason == "camera_down"


def test_a_thread_that_hangs_ends_the_daemon_in_order_so_that_a_fresh_one_begins(
    board: Board,
) -> None:
    hangs_us = 10 * SECOND
    assert board.boot(always, 3600, record, hangs_us=hangs_us) == EX_SOFTWARE
    (recorder,) = board.daemon.world.recorders
    assert recorder.closed, "what is open is closed first"
    assert recorder.reason == "restarted", "nobody has switched the camera off"
    # Five seconds without a turn, seen at the next beat; then the daemon's end.
    seconds = budget.PROOF_SECONDS[budget.Part.LINK] + budget.BEAT_SECONDS
    limit_us = hangs_us + round((seconds + budget.SHUTDOWN_SECONDS) * SECOND)
    assert board.clock.now_us() <= limit_us
    assert board.reboots() == []


def test_the_ledger_has_the_time_that_the_rest_of_an_end_did_not_need(
    board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its last entries come when the recording is closed, and a slow card takes each of them for
    itself."""
    given: list[float] = []
    closed: list[bool] = []

    def close(_keeping: Keeping, seconds: float) -> bool:
        given.append(seconds)
        closed.extend(one.closed for one in board.daemon.world.recorders)
        return True

    monkeypatch.setattr(Keeping, "close", close)
    board.boot(always, 60, lambda board: board.daemon.intend(stages.Intent.RECORD, "test"))
    assert closed == [True]
    (seconds,) = given
    assert budget.END_SECONDS - budget.STOP_SECONDS <= seconds <= budget.END_SECONDS


def test_a_card_that_cannot_remember_means_no_reboot(
    board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    (board.folder / "card" / "reboots.json").mkdir()  # in the way: it can be neither read nor made
    assert board.boot(never, 600) == 0
    assert board.reboots() == [None]


@pytest.mark.parametrize("stuck", [False, True])
def test_a_card_that_could_not_remember_for_a_while_delays_the_reboot_and_no_more(
    board: Board, monkeypatch: pytest.MonkeyPatch, stuck: bool
) -> None:
    publish, well_us = durable_files.publish, 40 * SECOND

    def refuse_at_first(path: str, content: bytes) -> None:
        if board.clock.now_us() < well_us:
            raise StorageError(f"{path}: Read-only file system")
        publish(path, content)

    monkeypatch.setattr(durable_files, "publish", refuse_at_first)
    assert board.boot(never, 3600, stuck=stuck) == EX_REBOOT
    assert board.reboots() == [None, 1], "each is told once"
    # At the latest after the next try, which takes a second.
    limit_us = LADDER.refused_us + round(budget.SHUTDOWN_SECONDS * SECOND) + SECOND
    assert well_us <= board.clock.now_us() < well_us + limit_us


def test_a_card_that_hangs_is_not_waited_for_and_what_it_then_remembers_is_taken_back(
    board: Board, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    asked_us: list[int] = []

    def hang(board: Board) -> None:
        def slowly(_: EventLoop, work: Callable[[], Any], **_known: Any) -> asyncio.Future[Any]:
            done = at_once(work)
            if not isinstance(done.result(), Reboots):
                return done
            asked_us.append(board.clock.now_us())
            if len(asked_us) > 1:
                return done
            late: asyncio.Future[Any] = asyncio.get_event_loop().create_future()
            asyncio.get_event_loop().call_later(100.0, late.set_result, done.result())
            return late

        monkeypatch.setattr(EventLoop, "in_thread", slowly)

    assert board.boot(never, 3600, hang) == EX_REBOOT
    assert board.reboots() == [None, 1], "the one that came too late is not counted"
    assert caplog.text.count("the card has not answered for 15 s") == 1
    # Nothing else is asked of a card that hangs; then the next try finds it well.
    first_us, second_us = asked_us
    assert 100 * SECOND < second_us - first_us < 100 * SECOND + LADDER.refused_us + 2 * SECOND


def test_a_reboot_is_asked_for_within_the_ladder_s_limit(board: Board) -> None:
    """A camera that delivered and then hangs in every way: first frame, stop, and kill."""
    failed_us = 20 * SECOND
    assert board.boot(lambda at_us: at_us < failed_us, 3600, stuck=True) == EX_REBOOT
    took_us = board.clock.now_us() - failed_us
    assert took_us < LADDER.reboot_us + round(budget.SHUTDOWN_SECONDS * SECOND)
