"""The officer's hand: in no fight is the camera in another state than the last pulse said.

The pure parts together, from the contacts to the motor: gestures, stages and cue queue. Hands touch
as `fights` has them; meanwhile the camera and the card fail, and programs stop.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

import pytest

from camerad.behaviour import cue_queue, signals, stages
from camerad.behaviour.bindings import DEFAULT_ONE_BUTTON, DEFAULT_TWO_BUTTONS, ButtonTable
from camerad.behaviour.cue_queue import STILL_MS, CueQueue
from camerad.behaviour.gestures import DecidedGesture, Edge, GestureTick
from camerad.behaviour.signals import ANSWERS, BETWEEN_MS, Detail, Rhythm
from camerad.behaviour.stages import Condition, CueKind, Intent, Rules, Stage
from tests.breadth import breadth
from tests.unit.behaviour import fights
from tests.unit.behaviour.hand import MS, SECOND, Hand

PRESETS: Final = {"two-buttons": DEFAULT_TWO_BUTTONS, "one-button": DEFAULT_ONE_BUTTON}
SAYS: Final = {
    Rhythm.RECORDS: True,
    Rhythm.SILENT: True,
    Rhythm.NO_RECORDING: False,
    Rhythm.LEFT: False,
    Rhythm.DONE: False,
}
"""What a rhythm says of whether pictures are recorded; the others say nothing of it."""
AT_ONCE_US: Final = 100 * MS
"""A hand is answered within this time, and so is the end of a recording told."""
SOON_US: Final = 8 * SECOND
"""That pictures no longer come, or come again, waits its turn behind two other cues at most."""
FIGHTS: Final = breadth(20, fights.FIGHTS)
"""Of each preset and hand together; all of them with ``make campaign``."""
FAILS: Final = (
    Condition.CAMERA_DOWN,
    Condition.MICROPHONE_DOWN,
    Condition.STORAGE_FULL,
    Condition.LEDGER_FAILED,
    Condition.LIGHT_DOWN,
    Condition.BATTERY_LOW,
)


class Fight:
    """A camera on a body: what its motor does, and what the wearer knows by it.

    said: what the last pulse said of whether pictures are recorded. lags: the longest time between
    such a change and the pulse that says so, by what changed it. ended_by: who ended recordings.
    """

    def __init__(self, tables: tuple[ButtonTable, ...], chance: random.Random) -> None:
        self.chance = chance
        self.rules = Rules(
            frozenset({Stage.SELF_VIEW}), 20 * SECOND, may_mute=chance.random() < 0.5
        )
        self.state = stages.initial(self.rules, 0)
        self.hand = Hand(tables, Stage.STARTING, on_decision=self.decided)
        self.queue = CueQueue()
        self.now_us = 0
        self.later: list[tuple[int, Callable[[], None]]] = []
        self.then: Callable[[], None] | None = None
        self.then_us = 0
        self.said: bool | None = None
        self.changed: tuple[int, str] | None = None
        self.lags: dict[str, int] = {}
        self.told: set[Rhythm] = set()

    # -------------------------------------------------------------------------------- the camera

    def decided(self, decision: DecidedGesture) -> None:
        self.post(
            stages.Intended(
                decision.decided_us,
                decision.intent,
                decision.edge_us,
                f"button:{decision.button}",
                decision.began,
            )
        )

    def post(self, event: stages.Event) -> None:
        before = self.state
        try:
            self.state, effects = stages.step(before, event, self.rules)
        except stages.IllegalEvent:
            return  # an answer that something has overtaken
        self.hand.stage = self.state.stage
        kept = before.stage is self.state.stage
        self.look("pictures" if kept else "recording")
        for effect in effects:
            after_us = self.now_us + self.chance.randrange(1, 3 * SECOND)
            match effect:
                case stages.Wipe():
                    self.later.append((after_us, lambda: self.post(stages.Wiped(self.now_us))))
                case stages.StopRecording():
                    self.later.append((after_us, lambda: self.post(stages.Closed(self.now_us))))
        for one in signals.told_once(effects, self.state, Detail.BASIC):
            if isinstance(one, stages.Cue):
                self.play(one.kind)

    def look(self, why: str) -> None:
        """Compare what is so with what was said last."""
        true = self.said is None or self.said is signals.takes_pictures(self.state)
        if not true and self.changed is None:
            self.changed = self.now_us, why
        elif true and self.changed is not None:
            since_us, by = self.changed
            self.lags[by] = max(self.lags.get(by, 0), self.now_us - since_us)
            self.changed = None

    # --------------------------------------------------------------------------------- the motor

    def play(self, kind: CueKind) -> None:
        """As `camerad.daemon.presentation` does."""
        before = self.queue
        if kind not in ANSWERS:
            self.queue = cue_queue.add(before, kind, self.state)
            if before.playing is None and self.then is None:
                self.turn()
            return
        self.queue = cue_queue.answer(before, kind, self.state, Detail.BASIC)
        if before.playing is None:
            self.begin()
        elif self.then != self.begin:
            self.then, self.then_us = self.begin, self.now_us + STILL_MS * MS

    def begin(self) -> None:
        kind, self.then = self.queue.playing, None
        if kind is None:
            return
        rhythm = signals.rhythm(kind, self.state)
        self.told.add(rhythm)
        said = SAYS.get(rhythm)
        if said is not None:
            assert said is signals.takes_pictures(self.state), (kind, self.state)
            self.said = said
            self.look("")
        steps = signals.sounding(kind, self.state, Detail.BASIC).vibration.steps
        self.then, self.then_us = self.rest, self.now_us + sum(ms for _, ms in steps) * MS

    def rest(self) -> None:
        self.queue = cue_queue.rest(self.queue)
        self.then, self.then_us = self.turn, self.now_us + BETWEEN_MS * MS

    def turn(self) -> None:
        self.queue = cue_queue.turn(self.queue, self.state, Detail.BASIC)
        self.begin()

    # -------------------------------------------------------------------------------------- time

    def due_us(self) -> int | None:
        dues = [at for at, _ in self.later]
        dues += [self.then_us] if self.then is not None else []
        for due_us in (self.hand.due_us, stages.deadline(self.state, self.rules)):
            dues += [due_us] if due_us is not None else []
        return max(min(dues), self.now_us) if dues else None

    def wait_until(self, at_us: int) -> None:
        while (due_us := self.due_us()) is not None and due_us <= at_us:
            self.now_us = due_us
            if self.then is not None and self.then_us <= due_us:
                self.then()
            self.hand.take(GestureTick(due_us))
            for one in [one for one in self.later if one[0] <= due_us]:
                self.later.remove(one)
                one[1]()
            self.post(stages.Tick(due_us))
        self.now_us = max(self.now_us, at_us)

    def happens(self, at_us: int, condition: Condition) -> None:
        """Something fails for some seconds."""
        over_us = at_us + self.chance.randrange(SECOND, 20 * SECOND)
        self.later += [
            (at_us, lambda: self.post(stages.Raised(self.now_us, condition))),
            (over_us, lambda: self.post(stages.Cleared(self.now_us, condition))),
        ]

    def is_fought(self, hand: str) -> None:
        """A fight from whatever stage it begins in, until nothing is told any more."""
        chance = self.chance
        self.later.append((chance.randrange(4 * SECOND), lambda: self.post(stages.Ready(0))))
        edges = []
        for table in self.hand.tables:
            share = 1.0 if table.name == "main" else 0.2
            for down_s, up_s in fights.fight(hand, chance, 60.0):
                if chance.random() < share:
                    edges += [(down_s, table.name, True), (up_s, table.name, False)]
        for _ in range(chance.randrange(4)):
            self.happens(chance.randrange(60 * SECOND), chance.choice(FAILS))
        if chance.random() < 0.3:
            self.later.append((chance.randrange(60 * SECOND), self.lets_a_program_stop))
        for at_s, name, down in sorted(edges):
            at_us = round(at_s * SECOND)
            self.wait_until(at_us)
            self.hand.take(Edge(name, down, at_us))
        self.wait_until(self.now_us + 25 * SECOND)
        assert self.queue.waiting == () and self.changed is None, (self.said, self.state)

    def lets_a_program_stop(self) -> None:
        self.post(stages.Intended(self.now_us, Intent.STOP, self.now_us, "control"))


@pytest.mark.breadth
@pytest.mark.parametrize("preset", PRESETS)
def test_in_no_fight_is_the_camera_in_another_state_than_the_last_pulse_said(preset: str) -> None:
    lags: dict[str, int] = {}
    told: set[Rhythm] = set()
    for number in range(FIGHTS):
        for hand in fights.HANDS:
            fight = Fight(PRESETS[preset], random.Random(f"{hand} {number}"))
            fight.is_fought(hand)
            lags = {by: max(lags.get(by, 0), fight.lags.get(by, 0)) for by in (*lags, *fight.lags)}
            told |= fight.told
    assert told >= set(SAYS)
    assert lags["recording"] <= AT_ONCE_US
    assert lags["pictures"] <= SOON_US


@pytest.mark.parametrize("hand", fights.HANDS)
def test_no_contact_alone_ends_a_recording(hand: str) -> None:
    chance = random.Random(hand)
    for down_s, up_s in fights.fight(hand, chance):
        buttons = Hand(DEFAULT_TWO_BUTTONS, Stage.RECORDING)
        told = buttons.press("main", 5 * SECOND, round((up_s - down_s) * SECOND))
        assert Intent.STOP not in [one.intent for one in told]
