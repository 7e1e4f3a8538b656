"""An update is tried once, and what starts by default changes only to what has shown that it works.

Every phase meets every event; random lives of a camera, with losses of power, are walked through
with a boot loader that does what Raspberry Pi's does.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from camerad.behaviour import update
from camerad.behaviour.update import (
    NONE,
    Begun,
    CameraStatus,
    Effect,
    Event,
    ImpossibleError,
    Installed,
    MachineStarted,
    NotInstalled,
    Offer,
    RunningVersion,
    TrialJudged,
    Tried,
    UpdatePhase,
    UpdateState,
)

NEW = UpdateState(UpdatePhase.TO_TRY, "B", "0.2.0-2", "0.1.0-1", ("display: display_dark",))
BEGUN = Begun("B", "0.2.0-2", "0.1.0-1", ("display: display_dark",))
GOOD = TrialJudged(ready=True, faults=())
EVENTS: tuple[Event, ...] = (
    BEGUN,
    Installed(),
    NotInstalled(),
    Tried(),
    MachineStarted("A", "A"),
    MachineStarted("B", "A"),
    MachineStarted("B", "B"),
    GOOD,
    TrialJudged(ready=False, faults=()),
)


def at(phase: UpdatePhase) -> UpdateState:
    return NONE if phase is UpdatePhase.IDLE else replace(NEW, phase=phase)


def test_an_update_that_works_is_tried_once_and_committed() -> None:
    state, effects = update.step(NONE, BEGUN)
    assert (state, effects) == (at(UpdatePhase.INSTALLING), ())
    state, effects = update.step(state, Installed())
    assert (state, effects) == (at(UpdatePhase.TO_TRY), (Effect.TELL,))
    state, effects = update.step(state, Tried())
    assert (state, effects) == (at(UpdatePhase.TRYING), (Effect.REBOOT_INTO_TRIAL,))
    assert update.step(state, MachineStarted("B", "A")) == (state, ())
    state, effects = update.step(state, GOOD)
    assert (state, effects) == (at(UpdatePhase.CONFIRMED), (Effect.COMMIT, Effect.TELL))


@pytest.mark.parametrize("phase", UpdatePhase)
@pytest.mark.parametrize("event", EVENTS, ids=str)
def test_nothing_but_a_good_trial_commits(phase: UpdatePhase, event: Event) -> None:
    try:
        state, effects = update.step(at(phase), event)
    except ImpossibleError as error:
        assert phase in str(error)
        return
    assert (Effect.COMMIT in effects) == (phase is UpdatePhase.TRYING and event == GOOD)
    told = state.phase in (UpdatePhase.TO_TRY, UpdatePhase.CONFIRMED, UpdatePhase.FELL_BACK)
    assert (Effect.TELL in effects) == (told and state.phase is not phase)


@pytest.mark.parametrize("phase", UpdatePhase)
def test_a_machine_may_start_in_every_phase_and_an_update_may_begin_unless_one_is_on_its_way(
    phase: UpdatePhase,
) -> None:
    for booted, primary in itertools.product("AB", repeat=2):
        update.step(at(phase), MachineStarted(booted, primary))
    if phase in (UpdatePhase.INSTALLING, UpdatePhase.TRYING):
        with pytest.raises(ImpossibleError):
            update.step(at(phase), BEGUN)
    else:
        assert update.step(at(phase), BEGUN)[0] == at(UpdatePhase.INSTALLING)


def test_an_installation_that_was_cut_off_leaves_nothing_to_try() -> None:
    assert update.step(at(UpdatePhase.INSTALLING), MachineStarted("A", "A")) == (NONE, ())
    assert update.step(at(UpdatePhase.INSTALLING), NotInstalled()) == (NONE, ())


def test_a_start_of_the_system_before_ends_a_trial() -> None:
    state, effects = update.step(at(UpdatePhase.TRYING), MachineStarted("A", "A"))
    assert (state, effects) == (at(UpdatePhase.FELL_BACK), (Effect.TELL,))


def test_what_was_committed_when_the_power_was_lost_is_confirmed() -> None:
    state, effects = update.step(at(UpdatePhase.TRYING), MachineStarted("B", "B"))
    assert (state, effects) == (at(UpdatePhase.CONFIRMED), (Effect.TELL,))


def test_what_waits_for_its_trial_waits_on_unless_it_was_started() -> None:
    assert update.step(NEW, MachineStarted("A", "A")) == (NEW, ())
    assert update.step(NEW, MachineStarted("B", "A")) == (at(UpdatePhase.TRYING), ())


@pytest.mark.parametrize(
    ("judged", "kept"),
    [
        (GOOD, True),
        # It was dark before: no fault of the update's.
        (TrialJudged(ready=True, faults=("display: display_dark",)), True),
        (TrialJudged(ready=True, faults=("camera: camera_dark",)), False),
        (TrialJudged(ready=False, faults=()), False),
    ],
)
def test_a_system_is_kept_if_the_doctor_finds_no_more_than_before(
    judged: TrialJudged, kept: bool
) -> None:
    state, effects = update.step(at(UpdatePhase.TRYING), judged)
    assert state.phase is (UpdatePhase.CONFIRMED if kept else UpdatePhase.TRYING)
    assert effects == ((Effect.COMMIT, Effect.TELL) if kept else (Effect.REBOOT,))


@pytest.mark.parametrize("phase", UpdatePhase)
def test_a_start_looks_at_what_is_pending(phase: UpdatePhase) -> None:
    assert at(phase).pending == (
        phase in (UpdatePhase.INSTALLING, UpdatePhase.TO_TRY, UpdatePhase.TRYING)
    )


# ------------------------------------------------------------------------------- whole lives


@dataclass
class Board:
    """Firmware, two slots, and who carries out; `works` says of each slot whether what is in it
    starts and gets ready. A loss of power may come between any two writes."""

    primary: str = "A"
    booted: str = "A"
    asked: bool = False
    works: dict[str, bool] = field(default_factory=lambda: {"A": True, "B": False})
    state: UpdateState = NONE

    def power_on(self) -> None:
        """The boot ROM to the daemon's start, until a system runs that works."""
        trial, self.asked = self.asked, False
        self.booted = update.other(self.primary) if trial else self.primary
        if not self.works[self.booted]:
            # It hangs: reset, or switched off and on.
            assert self.booted != self.primary, "a camera that does not start"
            self.power_on()
            return
        self.do(MachineStarted(self.booted, self.primary), cut=9)

    def do(self, event: Event, cut: int) -> None:
        """Carry out, and lose power after `cut` writes."""
        try:
            state, effects = update.step(self.state, event)
        except ImpossibleError:
            return
        writes = []
        if Effect.COMMIT in effects:
            writes.append("commit")
        writes.append("state")
        for number, write in enumerate(writes):
            if number == cut:
                self.power_on()
                return
            if write == "commit":
                self.primary = self.state.slot
            else:
                self.state = state
        if Effect.REBOOT_INTO_TRIAL in effects and cut > len(writes):
            self.asked = True
            self.power_on()
        elif Effect.REBOOT in effects or cut == len(writes):
            self.power_on()

    def install(self, *, works: bool, bytes_written: bool, cut: int) -> None:
        """RAUC's part: the slot is overwritten from the first byte on."""
        if self.booted != self.primary:
            return
        slot = update.other(self.booted)
        self.do(Begun(slot, "2", "1", ()), cut)
        if self.state.phase is not UpdatePhase.INSTALLING:
            return
        self.works[slot] = False
        if bytes_written:
            self.works[slot] = works
            self.do(Installed(), cut)
        else:
            self.power_on()


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["install", "try", "good", "bad", "off"]),
            st.booleans(),
            st.booleans(),
            st.integers(0, 9),
        ),
        max_size=30,
    )
)
def test_whatever_happens_the_camera_starts_a_system_that_works(
    steps: list[tuple[str, bool, bool, int]],
) -> None:
    board = Board()
    for what, works, whole, cut in steps:
        match what:
            case "install":
                board.install(works=works, bytes_written=whole, cut=cut)
            case "try":
                board.do(Tried(), cut)
            case "good":
                # Only the slot on trial is judged, in itself.
                if board.booted == board.state.slot:
                    board.do(GOOD, cut)
            case "bad":
                if board.booted == board.state.slot:
                    board.do(TrialJudged(ready=False, faults=()), cut)
            case "off":
                board.power_on()
        assert board.works[board.primary]
        assert board.works[board.booted]


# --------------------------------------------------------------------------- what is allowed


@pytest.mark.parametrize(
    ("camera", "why"),
    [
        (CameraStatus("idle", ("docked",)), None),
        (CameraStatus("idle", ("battery_low", "docked")), None),
        (None, "its daemon does not answer"),
        (CameraStatus("idle", ()), "it is not in its dock"),
        (CameraStatus("recording", ("docked",)), "it is in the stage recording"),
        (CameraStatus("self_view", ("docked",)), "it is in the stage self_view"),
    ],
)
def test_a_camera_is_changed_only_in_its_dock_and_when_it_does_nothing(
    camera: CameraStatus | None, why: str | None
) -> None:
    assert update.hindrance(camera) == why


def test_versions_are_in_the_order_in_which_they_were_made() -> None:
    texts = ["0.1.0-0", "0.1.0-20261126184500", "0.1.0-20261126184501", "0.2.0-1", "0.10.0-1"]
    found = [update.version(text) for text in texts]
    assert None not in found
    assert found == sorted(found, key=lambda one: one or ())


@pytest.mark.parametrize(
    "text", ["", "1", "0.1.0", "0.1.0-", "0.1.0-a", "01.1.0-1", "0.1.0-1 ", "٣.1.0-1"]
)
def test_what_is_no_version_is_not_compared(text: str) -> None:
    assert update.version(text) is None


NOW = RunningVersion("camerad-debian-all", "0.2.0-2", "0.1.0-5", "A", "A")


@pytest.mark.parametrize(
    ("offer", "running", "state", "again", "why"),
    [
        (Offer("camerad-debian-all", "0.2.0-3"), NOW, NONE, False, None),
        # Back to a version that is not below the minimum.
        (Offer("camerad-debian-all", "0.1.0-5"), NOW, NONE, False, None),
        (Offer("camerad-debian-all", "0.1.0-4"), NOW, NONE, True, "below the minimum"),
        (Offer("camerad-raspios-all", "0.2.0-3"), NOW, NONE, True, "it is for camerad-raspios-all"),
        (Offer("camerad-debian-all", "3"), NOW, NONE, True, "cannot be compared"),
        (
            Offer("camerad-debian-all", "0.2.0-3"),
            replace(NOW, minimum=""),
            NONE,
            True,
            "minimum ''",
        ),
        (Offer("camerad-debian-all", "0.2.0-2"), NOW, NONE, True, "is running"),
        (Offer("camerad-debian-all", "0.2.0-3"), replace(NOW, slot="B"), NONE, True, "on trial"),
        (Offer("camerad-debian-all", "0.2.0-3"), NOW, at(UpdatePhase.TRYING), True, "on trial"),
        (
            Offer("camerad-debian-all", NEW.version),
            replace(NOW, version="0.1.0-9"),
            NEW,
            False,
            "waits for its trial",
        ),
        (
            Offer("camerad-debian-all", NEW.version),
            replace(NOW, version="0.1.0-9"),
            at(UpdatePhase.FELL_BACK),
            False,
            "in vain",
        ),
        (
            Offer("camerad-debian-all", NEW.version),
            replace(NOW, version="0.1.0-9"),
            at(UpdatePhase.FELL_BACK),
            True,
            None,
        ),
        # Confirmed once, then another one: it may come back.
        (
            Offer("camerad-debian-all", NEW.version),
            replace(NOW, version="0.3.0-1"),
            at(UpdatePhase.CONFIRMED),
            False,
            None,
        ),
    ],
)
def test_a_bundle_is_refused_with_the_reason(
    offer: Offer, running: RunningVersion, state: UpdateState, again: bool, why: str | None
) -> None:
    said = update.refusal(offer, running, state, again=again)
    assert (said is None) == (why is None)
    assert why is None or (said is not None and why in said)
