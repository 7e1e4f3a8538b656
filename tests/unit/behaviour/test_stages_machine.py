"""A random walk through the stages: any conditions, real times, every promise at every step."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from camerad.behaviour import stages
from camerad.behaviour.stages import Condition, Cue, CueKind, Intent, Rules, Stage
from tests.unit.behaviour.promises import PROMISES, broken, describe, legality
from tests.unit.behaviour.space import START, take

SECOND = 1_000_000


class StagesMachine(RuleBasedStateMachine):
    """The stage machine, a world that answers when it likes, and a wearer who presses anything."""

    @initialize(
        armed_in=st.frozensets(st.sampled_from(sorted(stages.ARMABLE, key=lambda s: s.value))),
        timeout_us=st.integers(1, 300 * SECOND),
        reminder_us=st.integers(1, 300 * SECOND),
        display_in_recording=st.booleans(),
        may_mute=st.booleans(),
        status_us=st.integers(1, 300 * SECOND),
        status_at_ready=st.booleans(),
        now_us=st.integers(0, 10**12),
    )
    def power_on(
        self,
        *,
        armed_in: frozenset[Stage],
        timeout_us: int,
        reminder_us: int,
        display_in_recording: bool,
        may_mute: bool,
        status_us: int,
        status_at_ready: bool,
        now_us: int,
    ) -> None:
        self.policy = Rules(
            armed_in,
            timeout_us,
            reminder_us,
            display_in_recording,
            may_mute,
            status_us,
            status_at_ready,
        )
        self.now_us = now_us
        self.state = stages.initial(self.policy, now_us)
        self.world = START

    def post(self, event: stages.Event) -> tuple[stages.Effect, ...]:
        t = take(self.policy, self.state, self.world, event)
        for check in PROMISES.values():
            what = broken(check, t)
            assert what is None, describe(t, what or "")
        what = legality(t)
        assert what is None, describe(t, what or "")
        if t.after is not None and t.possible:
            self.state, self.world = t.after, t.then
        return t.effects

    @rule(intent=st.sampled_from(Intent), ago_us=st.integers(0, 5 * SECOND))
    def someone_wants(self, intent: Intent, ago_us: int) -> None:
        self.post(stages.Intended(self.now_us, intent, self.now_us - ago_us, "control"))

    @rule(condition=st.sampled_from(Condition))
    def something_breaks(self, condition: Condition) -> None:
        self.post(stages.Raised(self.now_us, condition))
        assert condition in self.state.conditions

    @rule(condition=st.sampled_from(Condition))
    def something_recovers(self, condition: Condition) -> None:
        self.post(stages.Cleared(self.now_us, condition))
        assert condition not in self.state.conditions

    @precondition(lambda self: self.state.conditions)
    @rule()
    def everything_recovers(self) -> None:
        for condition in self.state.conditions:
            self.post(stages.Cleared(self.now_us, condition))

    @precondition(lambda self: not self.world.ready)
    @rule()
    def the_camera_delivers(self) -> None:
        self.post(stages.Ready(self.now_us))

    @precondition(lambda self: self.world.wiping)
    @rule()
    def the_wipe_is_done(self) -> None:
        self.post(stages.Wiped(self.now_us))

    @precondition(lambda self: self.world.keeping)
    @rule()
    def the_recorder_opens(self) -> None:
        self.post(stages.Opened(self.now_us, "id"))

    @precondition(lambda self: self.world.stopping)
    @rule()
    def the_recorder_closes(self) -> None:
        self.post(stages.Closed(self.now_us))

    @precondition(lambda self: self.world.keeping)
    @rule()
    def the_recorder_fails(self) -> None:
        self.post(stages.Failed(self.now_us, "input/output error"))

    @precondition(lambda self: self.world.keeping and not self.world.stopping)
    @rule()
    def the_recorder_fails_and_closes(self) -> None:
        self.post(stages.Failed(self.now_us, "input/output error", closing=True))

    @rule(event=st.sampled_from([stages.Ready, stages.Wiped, stages.Closed]))
    def something_impossible_is_reported(self, event: type[stages.Ready]) -> None:
        if not self.world.can(event(self.now_us)):
            before = self.state
            self.post(event(self.now_us))
            assert self.state == before

    @rule(microseconds=st.integers(0, 400 * SECOND))
    def time_passes(self, microseconds: int) -> None:
        """Ticks come when they are due, as from a daemon that is never held up."""
        until_us = self.now_us + microseconds
        ticks = 0
        while ticks < 5 and (due_us := stages.deadline(self.state, self.policy)) is not None:
            if due_us > until_us:
                break
            self.now_us = max(self.now_us, due_us)
            stage = self.state.stage
            effects = self.post(stages.Tick(self.now_us))
            down = Condition.CAMERA_DOWN in self.state.conditions
            if stage is Stage.RECORDING:
                reminder = CueKind.CAMERA_DOWN if down else CueKind.STILL_RECORDING
                assert effects[0] == Cue(reminder)
            elif stage in (Stage.STARTING, Stage.IDLE):
                assert effects == (stages.ShowStatus(False),)
            else:
                assert stages.Wipe() in effects
            ticks += 1
        self.now_us = max(self.now_us, until_us)

    @precondition(lambda self: self.state.stage is not Stage.STARTING)
    @rule(press=st.booleans())
    def the_camera_is_switched_off_and_on(self, press: bool) -> None:
        """Whatever it was doing, it comes to its end, and a new one begins."""
        self.post(stages.Shutdown(self.now_us))
        if press:
            self.someone_wants(Intent.RECORD, 0)
        if self.world.stopping:
            self.the_recorder_closes()
        if self.world.wiping:
            self.the_wipe_is_done()
        assert self.world.ended
        assert not self.world.keeping and not self.world.fed
        assert not self.world.shown and not self.world.status
        self.state = stages.initial(self.policy, self.now_us)
        self.world = START

    @invariant()
    def a_deadline_is_never_further_than_the_longest_time_out(self) -> None:
        due_us = stages.deadline(self.state, self.policy)
        latest = max(
            self.policy.self_view_timeout_us, self.policy.reminder_us, self.policy.status_us
        )
        assert due_us is None or due_us <= self.now_us + latest


TestStages = StagesMachine.TestCase
TestStages.settings = settings(max_examples=150, stateful_step_count=60, deadline=None)
