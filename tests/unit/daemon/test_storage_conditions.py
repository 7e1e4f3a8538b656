"""Each cause of trouble with the storage has its own condition, and its own end."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar

import pytest

from camerad.base.clock import SECOND, ManualClock
from camerad.base.errors import StorageError
from camerad.behaviour.budget import CARD_SECONDS
from camerad.behaviour.events import CONTINUED
from camerad.behaviour.stages import Condition, CutOff, Intended, Stage
from camerad.config import load
from camerad.daemon.open_store import OpenedStore, WhatIsKnown
from camerad.daemon.recording_manager import RecordingManager
from camerad.store import disk
from tests.system.harness import configuration
from tests.system.virtual_time import VirtualLoop
from tests.unit.core_helpers import AtOnce, Heard, idle_core, lives

_T = TypeVar("_T")
FAILED, READ_ONLY = Condition.STORAGE_FAILED, Condition.STORAGE_READ_ONLY
FULL, LEDGER = Condition.STORAGE_FULL, Condition.LEDGER_FAILED
PLENTY = 1e6


class Threads(AtOnce):
    """Those that ask the card. hangs: it does not answer, and what was asked waits in `asked`."""

    def __init__(self) -> None:
        super().__init__()
        self.hangs = False
        self.asked: list[asyncio.Future[Any]] = []
        self.known: list[object] = []
        """What was known already, of each that was asked."""

    def in_thread(self, work: Callable[[], _T], *, known: _T | None = None) -> asyncio.Future[_T]:
        self.known.append(known)
        if not self.hangs:
            return super().in_thread(work, known=known)
        hanging: asyncio.Future[_T] = asyncio.get_running_loop().create_future()
        self.asked.append(hanging)
        return hanging


class Card:
    """A card that is as a test wants it."""

    def __init__(self) -> None:
        self.writable = True
        self.minutes = PLENTY
        self.errors = 0
        self.place = (1, 8, 2)
        self.answers = True
        self.refuses: int | None = None
        self.on_probe: Callable[[], None] = lambda: None

    def room(self, _directory: str, _rate: float) -> disk.FreeSpace:
        if not self.answers:
            raise refusal(errno.EIO)
        return disk.FreeSpace(1 << 30, self.minutes, self.writable, self.errors, self.place)

    def probe(self, _directory: str) -> None:
        self.on_probe()
        if self.refuses is not None:
            raise refusal(self.refuses)


def refusal(number: int) -> StorageError:
    error = StorageError("the card refuses")
    error.errno = number
    return error


class Scene:
    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.card = Card()
        monkeypatch.setattr(disk, "free_space", self.card.room)
        monkeypatch.setattr(disk, "probe", self.card.probe)
        self.clock = ManualClock(100 * SECOND)
        self.threads = Threads()
        self.replaced: list[str] = []
        self.core = idle_core(self.clock, self.threads)
        self.heard = Heard(self.core)
        self.recordings = RecordingManager(
            self.core, load(configuration(directory)), str(directory)
        )
        self.recordings._known = WhatIsKnown(
            lambda: None, lambda _: None, lambda _: None, lambda: self.replaced.append("it is")
        )

    @property
    def conditions(self) -> frozenset[Condition]:
        return self.core.state.conditions

    def look(self) -> frozenset[Condition]:
        asyncio.run(self.recordings.card.look())
        return self.conditions


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    return Scene(tmp_path, monkeypatch)


def test_another_card_has_the_daemon_start_anew(scene: Scene) -> None:
    scene.look()
    scene.look()
    assert scene.replaced == []
    scene.card.place = (2, 8, 2)
    scene.look()
    assert scene.replaced == ["it is"]


def test_a_card_is_full_for_as_long_as_the_ring_bridges_before_it_ends_a_recording(
    scene: Scene,
) -> None:
    stall_us = round(scene.recordings._settings.ring.stall_seconds * SECOND)
    recorder = SimpleNamespace(slow_syncs=0, info=None)
    scene.recordings.recorders.add(0, recorder)  # type: ignore[arg-type]
    scene.card.minutes = 0
    assert scene.look() == {Condition.STORAGE_LOW}
    scene.clock.advance(stall_us - 1)
    assert scene.look() == {Condition.STORAGE_LOW}
    # Room came back: the time counts anew.
    scene.card.minutes = PLENTY
    assert scene.look() == set()
    scene.card.minutes = 0
    scene.look()
    scene.clock.advance(stall_us)
    assert FULL in scene.look()


def test_room_that_is_as_before_has_time_unless_something_has_failed(scene: Scene) -> None:
    scene.look()
    scene.look()
    assert scene.threads.known == [None, scene.card.room("", 0)]
    scene.card.refuses = errno.EIO
    scene.recordings.card.failed(refusal(errno.EIO))
    scene.look()
    assert scene.threads.known[2] is None


@pytest.mark.parametrize(
    ("number", "condition"),
    [
        (errno.EIO, FAILED),
        (errno.EROFS, READ_ONLY),
        (errno.ENOSPC, FULL),
        (errno.EDQUOT, FULL),
    ],
)
def test_a_failed_write_is_over_when_one_succeeds(
    scene: Scene, number: int, condition: Condition
) -> None:
    scene.card.refuses = number
    scene.recordings.card.failed(refusal(number))
    assert scene.conditions == {condition}
    # The file system says that it takes writes and has room: only a write can tell.
    assert scene.look() == {condition}
    scene.card.refuses = None
    assert scene.look() == set()


def test_a_ledger_that_fails_is_over_when_the_ledger_can_be_written(scene: Scene) -> None:
    scene.recordings._keeping_troubled(refusal(errno.EIO))
    assert scene.look() == {LEDGER}, "a card that takes writes says nothing about the ledger"
    scene.recordings._keeping_troubled(None)
    assert scene.look() == set()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS])
def test_a_ledger_on_a_full_or_read_only_card_is_no_second_trouble_until_it_is_the_only_one(
    scene: Scene, number: int
) -> None:
    scene.card.refuses = number
    scene.recordings.card.failed(refusal(number))
    (told,) = scene.conditions
    scene.recordings._keeping_troubled(refusal(number))
    assert scene.conditions == {told}
    scene.card.refuses = None
    assert scene.look() == set()
    scene.recordings._keeping_troubled(refusal(number))  # it is tried again, and fails again
    assert scene.look() == {LEDGER}
    scene.recordings._keeping_troubled(None)
    assert scene.look() == set()


def test_a_ledger_that_opens_says_nothing_about_footage(scene: Scene) -> None:
    scene.card.refuses = errno.EIO
    scene.recordings.card.failed(refusal(errno.EIO))
    scene.recordings._keeping_troubled(refusal(errno.EIO))
    scene.recordings._keeping_opened(OpenedStore("x" * 43, resume=None, cut_off=False))
    assert scene.look() == {FAILED}


def test_read_only_is_over_when_the_file_system_says_so(scene: Scene) -> None:
    scene.card.writable = False
    assert scene.look() == {READ_ONLY}
    scene.recordings._keeping_opened(OpenedStore("x" * 43, resume=None, cut_off=False))
    assert scene.look() == {READ_ONLY}
    scene.card.writable = True
    assert scene.look() == set()


def test_a_file_system_with_a_new_error_is_tried_though_it_says_that_it_takes_writes(
    scene: Scene,
) -> None:
    """As ext4 does since Linux 6.12: nothing else would tell before a press."""
    tried = 0

    def count() -> None:
        nonlocal tried
        tried += 1

    scene.card.on_probe = count
    assert scene.look() == set()
    assert tried == 0, "a camera that is well writes nothing"
    scene.card.errors, scene.card.refuses = 1, errno.EROFS
    assert scene.look() == {READ_ONLY}
    assert scene.look() == {READ_ONLY}
    scene.card.refuses = None
    assert scene.look() == set()
    before = tried
    assert scene.look() == set()
    assert tried == before, "an error that was tried is no news"


def test_in_a_recording_an_error_of_the_file_system_is_the_recorders_matter(scene: Scene) -> None:
    recorder = SimpleNamespace(info=None, slow_syncs=0)
    scene.recordings.recorders.add(0, recorder)  # type: ignore[arg-type]
    scene.card.errors, scene.card.refuses = 1, errno.EROFS
    assert scene.look() == set()
    scene.recordings.recorders.remove(0)
    assert scene.look() == {READ_ONLY}


def test_a_card_that_turns_read_only_after_an_error_is_said_as_what_it_is(scene: Scene) -> None:
    scene.recordings.card.failed(refusal(errno.EIO))
    scene.card.refuses = errno.EROFS
    assert scene.look() == {READ_ONLY}


def test_full_is_over_when_there_is_room_again_and_writes_succeed(scene: Scene) -> None:
    scene.card.minutes = 0
    assert FULL in scene.look()
    scene.card.minutes = PLENTY
    scene.card.refuses = errno.ENOSPC
    scene.recordings.card.failed(refusal(errno.ENOSPC))
    assert scene.look() == {FULL, Condition.STORAGE_LOW}, "nothing is concluded from a failed look"
    scene.card.refuses = None
    assert scene.look() == set()


def test_a_write_that_fails_while_the_storage_is_looked_at_is_not_forgotten(scene: Scene) -> None:
    scene.recordings.card.failed(refusal(errno.EIO))
    scene.card.on_probe = lambda: scene.recordings.card.failed(refusal(errno.EIO))
    assert scene.look() == {FAILED}
    scene.card.on_probe = lambda: None
    assert scene.look() == set()


def test_what_a_recording_rides_out_is_that_and_nothing_that_would_end_it(scene: Scene) -> None:
    stalled = {Condition.STORAGE_STALLED}
    scene.recordings.card.stalled(refusal(errno.EROFS))
    assert scene.conditions == stalled
    recorder = SimpleNamespace(info=None, slow_syncs=0)
    scene.recordings.recorders.add(0, recorder)  # type: ignore[arg-type]
    scene.card.writable = False
    assert scene.look() == stalled
    scene.card.answers = False
    assert scene.look() == stalled
    scene.recordings.card.stalled(None)
    assert scene.conditions == set()


def test_a_card_that_does_not_answer_in_a_recording_is_told_though_nothing_has_failed(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    loop = VirtualLoop(scene.clock)

    async def life() -> None:
        watch = asyncio.ensure_future(scene.recordings.card.watch())
        recorder = SimpleNamespace(info=None, slow_syncs=0, pending_us=scene.clock.now_us())
        scene.recordings.recorders.add(0, recorder)  # type: ignore[arg-type]
        await asyncio.sleep(1.4)
        assert scene.conditions == set()
        await asyncio.sleep(0.6)
        assert scene.conditions == {Condition.STORAGE_STALLED}
        await asyncio.sleep(20)
        assert scene.conditions == {Condition.STORAGE_STALLED}, "it is only slow to answer"
        scene.recordings.recorders.remove(0)
        await asyncio.sleep(6)
        assert scene.conditions == set()
        watch.cancel()
        await asyncio.wait({watch})

    try:
        loop.run_until_complete(life())
    finally:
        loop.close()
    assert [line.split(": ")[1] for line in caplog.messages] == [
        "the card has not answered for 1.5 s; footage waits in memory",
        "the card answers again",
    ]


def test_a_card_that_owes_nothing_is_not_watched_and_is_when_a_recording_begins(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop, card, looks = VirtualLoop(scene.clock), scene.recordings.card, []
    pending = card.pending
    monkeypatch.setattr(card, "pending", lambda *told: (looks.append(told), pending(*told)))

    async def life() -> None:
        watch = asyncio.ensure_future(scene.recordings.card.watch())
        await asyncio.sleep(3600)
        assert len(looks) == 1
        recorder = SimpleNamespace(info=None, slow_syncs=0, pending_us=scene.clock.now_us())
        scene.recordings.recorders.add(0, recorder)  # type: ignore[arg-type]
        card.expect()
        await asyncio.sleep(2)
        assert scene.conditions == {Condition.STORAGE_STALLED}
        watch.cancel()
        await asyncio.wait({watch})

    try:
        loop.run_until_complete(life())
    finally:
        loop.close()


def test_a_card_that_refuses_while_it_hangs_is_told_until_both_are_over(scene: Scene) -> None:
    card, stalled = scene.recordings.card, {Condition.STORAGE_STALLED}
    card.pending(10 * SECOND, 0)
    card.stalled(refusal(errno.EIO))
    card.pending(20 * SECOND, None)
    assert scene.conditions == stalled
    card.stalled(None)
    assert scene.conditions == set()
    card.stalled(refusal(errno.EIO))
    card.pending(30 * SECOND, 0)
    card.stalled(None)
    assert scene.conditions == stalled


@pytest.mark.parametrize("cut_off", [False, True])
def test_the_wearer_is_told_of_a_recording_that_does_not_go_on(scene: Scene, cut_off: bool) -> None:
    opened = OpenedStore("x" * 43, resume=None, cut_off=cut_off)
    lives(scene.clock, lambda: scene.recordings._keeping_opened(opened))
    told: list[Any] = [one for one in scene.heard.events if isinstance(one, CutOff)]
    assert len(told) == cut_off


def test_a_recording_that_goes_on_is_told_by_its_start(scene: Scene) -> None:
    opened = OpenedStore("x" * 43, resume="ID", cut_off=False)
    lives(scene.clock, lambda: scene.recordings._keeping_opened(opened))
    (step,) = scene.heard.steps
    assert isinstance(step.event, Intended)
    assert step.event.source == CONTINUED
    assert step.after.stage is Stage.RECORDING


def test_a_recording_that_cannot_go_on_was_cut_off_and_the_log_says_so(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    scene.core.dispatcher.listen(scene.recordings.stepped)
    scene.core.conditions.raise_(Condition.NO_RECIPIENTS)
    opened = OpenedStore("x" * 43, resume="ID", cut_off=False)
    lives(scene.clock, lambda: scene.recordings._keeping_opened(opened))
    assert scene.heard.steps[-1].cut_off
    assert "it does not go on after all" in caplog.messages


def test_a_card_that_does_not_answer_has_failed_and_is_asked_one_thing_at_a_time(
    scene: Scene,
) -> None:
    """A question that hangs holds a thread: however long it hangs, it is one."""
    began = scene.clock.now_us() / SECOND
    loop = VirtualLoop(scene.clock)
    threads = scene.threads

    async def life() -> None:
        card = scene.recordings.card
        for threads.hangs, looks in ((True, 3), (False, 1)):
            for _ in range(looks):
                await card.look()
                assert scene.conditions == {FAILED}
        assert len(threads.asked) == 1
        # It answers after all, with an error that is an old one; then all is well.
        threads.asked[0].set_exception(refusal(errno.EIO))
        await card.look()
        assert scene.conditions == set()

    try:
        loop.run_until_complete(life())
    finally:
        loop.close()
    assert 4 * CARD_SECONDS <= loop.time() - began < 5 * CARD_SECONDS
