"""A thousand presses with bounce in simulated time, against the real daemon.

Real: the daemon's loop, its stages and gestures, buttons, lights and GPIO library. Stand-ins, each
with a time of its own to answer: the capture link, the recorder, what is kept beside footage, the
display, the loudspeaker, the card. The clock
jumps from one event to the next, so an evening of an officer with nervous hands takes seconds, and
what is decided is decided at an exact microsecond.
"""

from __future__ import annotations

import asyncio
import grp
import os
import random
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gpiozero
import pytest
from gpiozero.pins.mock import MockFactory
from hw_mocks.contact import NEW, WORN, swings
from hw_mocks.sim.gauges import Gauges
from msgspec.structs import replace

from camerad.base import process
from camerad.base.async_utils import EventLoop
from camerad.base.clock import ManualClock
from camerad.behaviour import stages
from camerad.behaviour.announcements import Announcement, announcement
from camerad.behaviour.events import CONTINUED
from camerad.behaviour.scene import Scene
from camerad.config import load
from camerad.daemon import app, recording_manager
from camerad.daemon.dispatcher import Step
from camerad.daemon.open_store import OpenedStore
from camerad.daemon.shift_manager import ShiftManager
from camerad.recording import recorder
from camerad.store import disk
from camerad.stream.sound_messages import SoundNews
from camerad.stream.vitals import Vitals
from camerad.stream.wire import SoundMode
from tests.breadth import breadth
from tests.system import oracle, sealed
from tests.system.harness import configuration
from tests.system.virtual_time import VirtualLoop
from tests.unit.core_helpers import at_once

PRESSES = 1000
SETTLE_US = 5_000_000
# Lengths in milliseconds with their weights, and the pause behind a press. All longer than the
# debounce time of 20 ms, and clear of the holds of 1 s and 2 s.
CALM = ([80, 150, 300, 700, 1300, 2300], [6, 6, 4, 2, 2, 4], (300, 4000))
ABSURD = ([25, 40, 80, 1100, 2100], [10, 8, 4, 1, 2], (25, 120))
ENDS = 0.1
"""How often a hand ends a recording, if there is one."""
# Nobody can tell these from bounce: no table says where they lead.
BELOW_BOUNCE = ([1, 3, 9, 19, 30, 1100], [4, 4, 4, 4, 4, 1], (1, 40))

FOUND = OpenedStore(thumbprint="x" * 43, resume=None, cut_off=False)


class Link:
    """In place of the capture link: a camera that always delivers."""

    def __init__(self, world: World, callbacks: Any) -> None:
        self._world = world
        self._callbacks = callbacks
        self.wanted = self
        """It obeys at once, so it is what is wanted of it, too."""
        self.vitals = Vitals()
        self.wiping = 0

    def start(self) -> None:
        hello = {"encoder": "none", "sound": {"codec": "opus"}}
        self._callbacks.on_hello(hello)
        self._callbacks.on_up(hello)

    def restart(self, hello: dict[str, Any]) -> None:
        """Another process delivers before the camera counts as down."""
        self._callbacks.on_exit()
        self._callbacks.on_hello(hello)

    def hear(self, news: SoundNews) -> None:
        """The microphone does something else."""
        self._callbacks.on_sound(news)

    def arm(self) -> int:
        assert not self.wiping, "armed before the wipe was answered"
        assert not (self.stamp.pre and self._world.red), "PRE on what is recorded"
        return 1

    def wipe(self) -> Future[int]:
        answer: Future[int] = Future()
        self.wiping += 1

        def done() -> None:
            self.wiping -= 1
            answer.set_result(0)

        self._world.later(1, 200, done)
        return answer

    @property
    def turned_us(self) -> int:
        return self._world.clock.now_us()

    view = False

    def set_view(self, on: bool) -> None:
        self.view = on

    def set_stamp(self, stamp: Any) -> None:
        self.stamp = stamp

    fps: int | None = None

    def set_fps(self, fps: int) -> None:
        self.fps = fps

    sound_format = None

    def set_sound(self, mode: SoundMode) -> None:
        self.sound = mode

    def stop(self, deadline_us: int) -> None: ...

    def join(self, timeout: float) -> bool:
        return True


class Recorder:
    """In place of the recorder. Red is on before it starts, and out when it has closed."""

    def __init__(
        self, world: World, plan: Any, *, sound: Any, **callbacks: Callable[..., None]
    ) -> None:
        self.plan = plan
        self.sound = sound
        self.stages: list[tuple[str, bool]] = []
        self.info = None
        self.marks = 0
        self.rates: list[Any] = []
        self.slow_syncs = 0
        self.reason = ""
        self._world = world
        self._callbacks = callbacks
        self._stopped = False
        world.recorders.append(self)

    def start(self) -> None:
        self.heard = self.sound.states()
        assert self._world.red, "recording before the red light is on"
        assert not self._world.link.wiping
        assert not self._world.link.stamp.pre, "recording, and the pictures still say PRE"
        others = [one for one in self._world.recorders if one is not self and not one.closed]
        assert all(one._stopped for one in others), "two record at once"

        def opened() -> None:
            assert self._world.link.sound is not SoundMode.OFF, "recording, and nobody is heard"
            self._callbacks["on_opened"]("R")

        self._world.later(10, 300, opened)

    closed = False
    pending_us = None
    remainder = None

    @property
    def wanted_us(self) -> int:
        now_us = self._world.clock.now_us()
        return min(now_us, self._until_us) if self._stopped else now_us

    @property
    def turned_us(self) -> int:
        return self._world.clock.now_us()

    def mark(self, at_us: int) -> None:
        assert not self._stopped
        self.marks += 1

    def stage(self, at_us: int, stage: str, display: bool) -> None:
        self.stages.append((stage, display))

    def rate(self, change: Any) -> None:
        self.rates.append(change)

    def stop(self, at_us: int, deadline: float, reason: str = "stop") -> None:
        assert not self._stopped or at_us < self._until_us, "stopped twice, and not sooner"
        self._stopped = True
        self._until_us = at_us
        self.reason = reason

        def done() -> None:
            if self.closed:
                return
            others = (one for one in self._world.recorders if one is not self)
            assert self._world.red is any(
                one.wanted_us == self._world.clock.now_us() for one in others
            )
            self.closed = True
            self._callbacks["on_closed"](SimpleNamespace(id="R", seconds=1.0, frames=30, gaps=()))

        wait_us = max(0, at_us - self._world.clock.now_us())
        self._world.later(320 + wait_us // 1000, 900 + wait_us // 1000, done)


class Keeping:
    """In place of identity, ledger and store: a card that takes everything at once."""

    def __init__(self, world: World, on_opened: Callable[[OpenedStore], None]) -> None:
        self._world = world
        self._on_opened = on_opened
        # Nobody reads the notes that outlive the daemon here.
        self.heartbeat = SimpleNamespace(follow=lambda _: None, hurry=lambda: None)

    def start(self, _dark_us: int) -> None:
        self._on_opened(self._world.found)

    def note(self, kind: str, **facts: Any) -> None:
        self._world.notes.append((self._world.clock.now_us(), kind, facts))

    def new_id(self, wall_us: int) -> str:
        raise AssertionError("the stand-in for the recorder needs no name")

    open_sink = new_id
    expiring = ()
    advanced_ns = None

    def close(self, seconds: float) -> bool:
        return True


class Daemon(app.App):
    """The daemon, with every stage that it shows and the lights that go with it."""

    world: World

    @property
    def state(self) -> stages.State:
        return self._core.state

    @property
    def shifts(self) -> ShiftManager:
        return self._shifts

    def intend(self, intent: stages.Intent, source: str) -> str | None:
        return self._core.dispatcher.intend(intent, source)

    def shut_down(self) -> None:
        self._shutdown.begin()

    def status(self) -> dict[str, Any]:
        return self._status.report(self.state, self._rings, self._hands)

    def metrics(self) -> str:
        return self._counting.text()

    def _make_control(self) -> Any:
        async def nothing() -> None: ...

        return SimpleNamespace(open=nothing, close=nothing, changed=lambda: None)

    def _make_announcer(self) -> Any:
        async def nothing() -> None: ...

        def stepped(_at_us: int, before: Any, after: Any, *, sound: bool, **told: Any) -> None:
            what = announcement(before, after, sound=sound, self_view=False, **told)
            self.world.said += [what] if what is not None else []

        return SimpleNamespace(stepped=stepped, close=nothing)

    def _listen(self) -> None:
        super()._listen()
        self._core.dispatcher.listen(self._seen)

    def _seen(self, step: Step) -> None:
        """Comes last: all that follows from the step is done."""
        if isinstance(step.event, stages.Wiped | stages.Closed):
            answer = type(step.event).__name__.lower()
            self.world.answers.append((self.world.clock.now_us(), answer))
        state = step.after
        assert state is self.state
        self.world.saw(state.stage.value)
        if state.stage is stages.Stage.IDLE:
            assert not state.wiping
        assert self.world.red == state.making


class World:
    """Everything around the daemon, and what it was seen to do."""

    def __init__(self, loop: VirtualLoop, clock: ManualClock, chance: random.Random) -> None:
        self.loop, self.clock, self.chance = loop, clock, chance
        self.link: Link
        self.recorders: list[Recorder] = []
        self.stages: list[tuple[int, str]] = []
        self.shown: list[Scene] = []
        """What the display was told, again and again too."""
        self.answers: list[tuple[int, str]] = []
        self.found = FOUND
        self.notes: list[tuple[int, str, dict[str, Any]]] = []
        self.said: list[Announcement] = []
        self.wiring: Any = None
        self.gauges: Gauges
        self.camera: Daemon

    @property
    def red(self) -> bool:
        return bool(gpiozero.Device.pin_factory.pin(self.wiring.lights.red.gpio).state)

    def later(self, shortest_ms: int, longest_ms: int, what: Callable[[], None]) -> None:
        self.loop.call_later(self.chance.uniform(shortest_ms, longest_ms) / 1000, what)

    def saw(self, stage: str) -> None:
        if not self.stages or self.stages[-1][1] != stage:
            self.stages.append((self.clock.now_us(), stage))


@pytest.fixture
def gpio() -> Iterator[None]:
    before = gpiozero.Device.pin_factory
    gpiozero.Device.pin_factory = MockFactory()
    # No time passes on the way from the pin to the daemon but what the clock is told.
    gpiozero.Device.pin_factory.ticks = lambda: 0.0
    yield
    gpiozero.Device.pin_factory.reset()
    gpiozero.Device.pin_factory = before


def planned(chance: random.Random, button: str, count: int, pace: Any) -> list[oracle.Press]:
    """When a hand presses and releases a button, in media time."""
    lengths, weights, (shortest, longest) = pace
    at_us = chance.randint(1_000_000, 2_000_000)
    presses = []
    while len(presses) < count:
        if button == "main" and chance.random() < ENDS:
            presses += oracle.stopping(at_us + 1_100_000)
            at_us = presses[-1].up_us + 500_000 + chance.randint(shortest, longest) * 1000
        (length,) = chance.choices(lengths, weights)
        up_us = at_us + length * 1000 + chance.randint(0, 999)
        presses.append(oracle.Press(button, at_us, up_us))
        at_us = up_us + chance.randint(shortest * 1000, longest * 1000)
    return presses


def play(world: World, presses: list[oracle.Press], gpios: dict[str, int]) -> int:
    """Schedule every edge, bounce included; returns when the last is over."""
    edges = []
    for press in presses:
        spring = WORN if world.chance.random() < 0.3 else NEW
        down = swings(world.chance, spring, True, press.down_us)
        # A finger that turns round in the middle of a bounce cuts it short.
        down = [edge for edge in down if edge.at_us < press.up_us]
        edges += [(edge.at_us, press.button, edge.closed) for edge in down]
        up = swings(world.chance, spring, False, press.up_us)
        edges += [(edge.at_us, press.button, edge.closed) for edge in up]
    edges.sort(key=lambda edge: edge[0])
    for at_us, button, closed in edges:
        pin = gpiozero.Device.pin_factory.pin(gpios[button])
        drive = pin.drive_low if closed else pin.drive_high
        world.loop.call_at(at_us / 1_000_000, drive)
    # What a finger that came back too soon left of an older bounce ends with its release.
    return max(edge[0] for edge in edges)


def run(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    seed: int,
    hands: Callable[[random.Random], list[oracle.Press]],
    *,
    around: Callable[[World], None] = lambda world: None,
    found: OpenedStore = FOUND,
    **sections: Any,
) -> tuple[World, list[oracle.Press]]:
    """Let the daemon live through the presses of `hands`, and end it, if it has not ended itself.

    around: called before it begins, to have something happen. found: what its last life left;
    sections: of the configuration. The board's files are in `board`, those of the daemon in `card`
    and `run`.
    """
    # By a short name: the path of a socket is short, and those of tests are not.
    with tempfile.TemporaryDirectory(prefix="camerad-", dir="/tmp") as short:
        runtime = Path(short) / "run"
        runtime.symlink_to(tmp_path / "run")
        sections = {"device": {"runtime_dir": str(runtime)}, **sections}
        return _live(
            tmp_path, monkeypatch, seed, hands, around=around, found=found, sections=sections
        )


def _live(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    seed: int,
    hands: Callable[[random.Random], list[oracle.Press]],
    *,
    around: Callable[[World], None],
    found: OpenedStore,
    sections: dict[str, Any],
) -> tuple[World, list[oracle.Press]]:
    chance = random.Random(seed)
    gauges = Gauges(tmp_path / "board")
    for name in ("card", "run"):
        (tmp_path / name).mkdir(exist_ok=True)
    given: dict[str, Any] = {
        "recipients": [sealed.recipient()],
        "device": {
            "state_dir": str(tmp_path / "card"),
            "socket_group": grp.getgrgid(os.getgid()).gr_name,
            **sections.pop("device"),
        },
        "self_view": {"timeout_seconds": 600},
        "battery": {"power_supply": str(gauges.power_supply)},
        "thermal": {"zone": str(gauges.zone), "firmware": str(gauges.firmware)},
        **sections,
    }
    settings = load(configuration(tmp_path, "generic", **given))
    clock = ManualClock(0)
    loop = VirtualLoop(clock)
    world = World(loop, clock, chance)
    world.wiring = settings
    world.found = found
    world.gauges = gauges

    def link(
        _ring: Any, _settings: Any, _fd: int, callbacks: Any, *, clock: Any, sound: Any
    ) -> Link:
        world.link = Link(world, callbacks)
        return world.link

    async def nothing() -> None: ...

    def display(*_: Any) -> Any:
        return SimpleNamespace(start=lambda: None, show=world.shown.append, close=nothing)

    def record(_ring: Any, plan: Any, _clock: Any, **callbacks: Any) -> Recorder:
        return Recorder(world, plan, **callbacks)

    def keep(_settings: Any, _clock: Any, *, on_opened: Any, **_callbacks: Any) -> Keeping:
        return Keeping(world, on_opened)

    room = disk.FreeSpace(free_bytes=1 << 40, minutes=1e6, writable=True)
    monkeypatch.setattr(process, "forbid_dumps", lambda: None)
    monkeypatch.setattr(process, "set_priority", lambda nice: True)
    monkeypatch.setattr(process, "raise_file_limit", lambda: None)
    monkeypatch.setattr(EventLoop, "in_thread", lambda _, work, **_known: at_once(work))
    monkeypatch.setattr(app, "CaptureLink", link)
    monkeypatch.setattr(app, "SelfViewProcess", display)
    monkeypatch.setattr(recorder, "Recorder", record)
    monkeypatch.setattr(recording_manager, "StoreWorker", keep)
    monkeypatch.setattr(disk, "prepare", lambda directory: None)
    monkeypatch.setattr(disk, "usable", lambda directory: None)
    monkeypatch.setattr(disk, "claim", lambda directory: os.open(os.devnull, os.O_RDONLY))
    monkeypatch.setattr(disk, "free_space", lambda directory, rate: room)

    presses = hands(chance)
    camera = Daemon(settings, clock)
    camera.world = world
    world.camera = camera
    around(world)
    gpios = {button.name: button.gpio for button in settings.buttons}
    over_us = play(world, presses, gpios)

    def over() -> None:
        if not camera.state.ending:
            camera.shut_down()

    loop.call_at((over_us + SETTLE_US) / 1_000_000, over)
    asyncio.set_event_loop(loop)
    try:
        assert loop.run_until_complete(camera.run()) == 0
    finally:
        asyncio.set_event_loop(None)
        loop.close()
    assert all(one.closed for one in world.recorders)
    return world, presses


def two_hands(pace: Any) -> Callable[[random.Random], list[oracle.Press]]:
    def hands(chance: random.Random) -> list[oracle.Press]:
        displays = PRESSES // 3
        return [
            *planned(chance, "main", PRESSES - displays, pace),
            *planned(chance, "display", displays, pace),
        ]

    return hands


@pytest.mark.breadth
@pytest.mark.parametrize("seed", range(breadth(1, 3)))
@pytest.mark.parametrize("pace", [CALM, ABSURD], ids=["calm", "absurd"])
def test_a_thousand_presses_lead_where_the_card_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gpio: None, pace: Any, seed: int
) -> None:
    world, presses = run(tmp_path, monkeypatch, seed, two_hands(pace))
    end_us = max(press.up_us for press in presses) + SETTLE_US
    # How it starts is no matter of presses.
    seen = [at for at in world.stages if at[0] < end_us and at[1] != "starting"]
    assert seen[0][1] == "idle"
    answers = [answer for answer in world.answers if answer[0] < end_us]
    card = oracle.predict(presses, answers)
    expected = list(zip(card.since, card.seen, strict=True))
    # In the same microsecond, but for what a timer rounds.
    for (at_us, stage), (expected_us, expected_stage) in zip(seen[1:], expected[1:], strict=False):
        assert (stage, at_us) == (expected_stage, pytest.approx(expected_us, abs=3))
    assert len(seen) == len(expected)
    assert tuple(one.marks for one in world.recorders) == card.marks
    assert len(world.recorders) > PRESSES // 50


@pytest.mark.breadth
@pytest.mark.parametrize("seed", range(breadth(1, 3)))
def test_presses_shorter_than_bounce_do_no_harm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gpio: None, seed: int
) -> None:
    """Afterwards the buttons mean what they always mean."""

    def hands(chance: random.Random) -> list[oracle.Press]:
        presses = two_hands(BELOW_BOUNCE)(chance)
        quiet_us = max(press.up_us for press in presses) + SETTLE_US
        # Whatever stage it is: held, it records, or says that it does; then it is ended.
        held = oracle.Press("main", quiet_us, quiet_us + 3_500_000)
        return [*presses, held, *oracle.stopping(quiet_us + 10_000_000)]

    world, presses = run(tmp_path, monkeypatch, seed, hands)
    first_us = presses[-3].down_us
    before = [stage for at_us, stage in world.stages if at_us < first_us][-1]
    seen = [stage for at_us, stage in world.stages if first_us <= at_us]
    began = [] if before == "recording" else ["recording"]
    assert seen == [*began, "stopping", "idle"]


MUTED_US = 123
DIED = OpenedStore("x" * 43, resume="ID", cut_off=False, display=True, muted_us=MUTED_US)


def test_a_daemon_lives_below_a_path_that_is_too_long_for_a_socket(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gpio: None
) -> None:
    # Of a socket's path 107 bytes are taken (unix(7)).
    deep = tmp_path / ("deep" * 27)
    deep.mkdir()
    world, _ = run(deep, monkeypatch, 0, pressed_late)
    assert len(world.recorders) == 1


def pressed_late(_chance: random.Random) -> list[oracle.Press]:
    """The recording that goes on is stopped, and another one begins and ends."""
    return [
        *oracle.stopping(5_000_000),
        oracle.Press("main", 15_000_000, 17_500_000),
        *oracle.stopping(25_000_000),
    ]


@pytest.mark.parametrize("display", [True, False])
def test_a_recording_that_goes_on_is_as_muted_and_as_visible_as_it_was(
    display: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gpio: None
) -> None:
    world, _ = run(tmp_path, monkeypatch, 0, pressed_late, found=replace(DIED, display=display))
    goes_on, next_one = world.recorders
    assert (goes_on.plan.trigger, goes_on.plan.continues) == (CONTINUED, "ID")
    # Muted before it could take any sound, and since when the wearer said so.
    assert [(one.state, one.at_us) for one in goes_on.heard] == [("muted", MUTED_US)]
    assert goes_on.stages[-2:] == [("recording", display), ("stopping", False)]
    # It is said, and written down again, as if the wearer had just asked for it.
    assert world.said[:2] == [Announcement.RECORDING, Announcement.MUTED]
    assert [facts["on"] for _, kind, facts in world.notes if kind == "mute"] == [True]
    # What was wanted of one recording is wanted of no other.
    assert (next_one.plan.continues, next_one.heard) == (None, ())
    assert next_one.stages[-2:] == [("recording", True), ("stopping", False)]
    assert world.said[2:] == [Announcement.ENDED, Announcement.RECORDING, Announcement.ENDED]


def test_who_may_not_mute_any_more_is_recorded_with_sound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gpio: None
) -> None:
    world, _ = run(tmp_path, monkeypatch, 0, pressed_late, found=DIED, sound={"may_mute": False})
    assert world.recorders[0].heard == ()
    assert world.said[0] is Announcement.RECORDING
    assert [kind for _, kind, _ in world.notes if kind == "mute"] == []
    assert ("recording", True) in world.recorders[0].stages
