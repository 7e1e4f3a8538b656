"""State machine of an update: installed in the inactive slot, tried once, kept or given up.

Rules of this file
------------------
1. It is pure. Events come in, effects go out; the caller writes the new state down before it
   carries them out, unless an effect says otherwise.
2. The default system changes by `Effect.COMMIT` alone, and only to a system that has shown in its
   trial that it works. So a loss of power, a hang or a reset at any instant leads back to a system
   that worked.
3. A system gets one trial. If it ends before it is confirmed, the next start is that of the system
   before.

Theory of operation
-------------------
There are two slots, A and B, each a whole system; one runs, the other takes the update:

    IDLE --begun--> INSTALLING --installed--> TO_TRY --tried--> TRYING --good--> CONFIRMED
                        |                                          |
                        | failed, or the power was lost            | anything else, and a start
                        v                                          v of the system before
                      IDLE                                     FELL_BACK

From CONFIRMED and FELL_BACK the next update begins as from IDLE, and from TO_TRY as well: it
replaces the one that has not been tried. For the trial the boot loader is asked for a single start;
a start without being asked is of the system that was committed last. That tells a trial from its
end: while TRYING, a start of the slot on trial is the trial, and a start of the other one means
that it has failed.

An update changes the camera only while it is docked and not needed: neither its installation nor
its trial begins otherwise, and an installation is stopped when the camera leaves the dock.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from enum import Enum, StrEnum
from typing import Any, Final, TypeAlias

import msgspec
from msgspec.structs import replace

from camerad.behaviour.events import Condition, Stage

SLOTS: Final = ("A", "B")
"""Names of the slots; RAUC's ``bootname``."""


def other(slot: str) -> str:
    """The slot that is not `slot`."""
    return SLOTS[1 - SLOTS.index(slot)]


class UpdatePhase(StrEnum):
    """Progress of an update."""

    IDLE = "idle"
    INSTALLING = "installing"
    """The slot is being written, and holds nothing that could start."""
    TO_TRY = "to_try"
    TRYING = "trying"
    CONFIRMED = "confirmed"
    FELL_BACK = "fell_back"


class UpdateState(msgspec.Struct, frozen=True):
    """slot, version: of the update, present or past. before: the version that ran when it began.
    faults: failing checks of the doctor at that time, which are not the update's fault.
    """

    phase: UpdatePhase = UpdatePhase.IDLE
    slot: str = ""
    version: str = ""
    before: str = ""
    faults: tuple[str, ...] = ()

    @property
    def pending(self) -> bool:
        """Whether the next start has to look at it."""
        return self.phase in (UpdatePhase.INSTALLING, UpdatePhase.TO_TRY, UpdatePhase.TRYING)


NONE: Final = UpdateState()


# ---------------------------------------------------------------------------------------- events


class Begun(msgspec.Struct, frozen=True):
    """A bundle was found good, and is written into the slot that does not run."""

    slot: str
    version: str
    before: str
    faults: tuple[str, ...]


class Installed(msgspec.Struct, frozen=True):
    """The slot is written completely."""


class NotInstalled(msgspec.Struct, frozen=True):
    """Writing the slot has failed or ended."""


class Tried(msgspec.Struct, frozen=True):
    """The machine is about to start the slot on trial."""


class MachineStarted(msgspec.Struct, frozen=True):
    """The machine has started. booted: the slot that runs; primary: the default slot."""

    booted: str
    primary: str


class TrialJudged(msgspec.Struct, frozen=True):
    """The trial was checked: whether the daemon answers, and which checks of the doctor fail."""

    ready: bool
    faults: tuple[str, ...]


Event: TypeAlias = Begun | Installed | NotInstalled | Tried | MachineStarted | TrialJudged


class Effect(StrEnum):
    """An action to take."""

    REBOOT_INTO_TRIAL = "reboot_into_trial"
    """Once the state is stored."""
    COMMIT = "commit"
    """Make the slot the default: *before* the state is stored. If the power is lost between the
    two, the next start finds the committed slot."""
    REBOOT = "reboot"
    """Start the system before."""
    TELL = "tell"
    """Write it into the ledger."""


class ImpossibleError(ValueError):
    """Error raised when an event is impossible in this phase; the state is unchanged."""


Result: TypeAlias = tuple[UpdateState, tuple[Effect, ...]]


def _begun(_state: UpdateState, event: Begun) -> Result:
    begun = UpdateState(
        UpdatePhase.INSTALLING, event.slot, event.version, event.before, event.faults
    )
    return begun, ()


def _installed(state: UpdateState, _event: Installed) -> Result:
    return replace(state, phase=UpdatePhase.TO_TRY), (Effect.TELL,)


def _not_installed(_state: UpdateState, _event: NotInstalled) -> Result:
    return NONE, ()


def _tried(state: UpdateState, _event: Tried) -> Result:
    return replace(state, phase=UpdatePhase.TRYING), (Effect.REBOOT_INTO_TRIAL,)


def _cut_off(_state: UpdateState, _event: MachineStarted) -> Result:
    return NONE, ()


def _nothing(state: UpdateState, _event: MachineStarted) -> Result:
    return state, ()


def _still_to_try(state: UpdateState, event: MachineStarted) -> Result:
    """A boot loader that starts the slot unasked has begun the trial."""
    phase = UpdatePhase.TRYING if event.booted == state.slot else UpdatePhase.TO_TRY
    return replace(state, phase=phase), ()


def _trial(state: UpdateState, event: MachineStarted) -> Result:
    if event.booted != state.slot:
        return replace(state, phase=UpdatePhase.FELL_BACK), (Effect.TELL,)
    if event.primary == state.slot:
        return replace(state, phase=UpdatePhase.CONFIRMED), (Effect.TELL,)
    return state, ()


def _judged(state: UpdateState, event: TrialJudged) -> Result:
    if event.ready and not new_faults(state, event.faults):
        return replace(state, phase=UpdatePhase.CONFIRMED), (Effect.COMMIT, Effect.TELL)
    return state, (Effect.REBOOT,)


_READY: Final = (UpdatePhase.IDLE, UpdatePhase.TO_TRY, UpdatePhase.CONFIRMED, UpdatePhase.FELL_BACK)
_TABLE: Final[Mapping[tuple[UpdatePhase, type[Event]], Callable[[UpdateState, Any], Result]]] = {
    **{(phase, Begun): _begun for phase in _READY},
    (UpdatePhase.INSTALLING, Installed): _installed,
    (UpdatePhase.INSTALLING, NotInstalled): _not_installed,
    (UpdatePhase.TO_TRY, Tried): _tried,
    (UpdatePhase.TRYING, TrialJudged): _judged,
    (UpdatePhase.IDLE, MachineStarted): _nothing,
    (UpdatePhase.INSTALLING, MachineStarted): _cut_off,
    (UpdatePhase.TO_TRY, MachineStarted): _still_to_try,
    (UpdatePhase.TRYING, MachineStarted): _trial,
    (UpdatePhase.CONFIRMED, MachineStarted): _nothing,
    (UpdatePhase.FELL_BACK, MachineStarted): _nothing,
}


def step(state: UpdateState, event: Event) -> Result:
    """The state after `event`, and its effects, in order. Raises ImpossibleError."""
    carry_out = _TABLE.get((state.phase, type(event)))
    if carry_out is None:
        raise ImpossibleError(f"{type(event).__name__.lower()} cannot be while {state.phase}")
    return carry_out(state, event)


def new_faults(state: UpdateState, faults: tuple[str, ...]) -> tuple[str, ...]:
    """Those of `faults` that were not there before the update."""
    return tuple(one for one in faults if one not in state.faults)


# ------------------------------------------------------------------------------- what is allowed


class CameraStatus(msgspec.Struct, frozen=True):
    """State of the camera, from the daemon; None: it does not answer. on_shift: whether a shift is
    under way."""

    stage: str
    conditions: tuple[str, ...]
    on_shift: bool = False


def hindrance(camera: CameraStatus | None) -> str | None:
    """Why the camera must not be changed now, in a few words; None: it may be."""
    if camera is None:
        return "its daemon does not answer"
    if Condition.DOCKED.value not in camera.conditions:
        return "it is not in its dock"
    if camera.stage != Stage.IDLE.value:
        return f"it is in the stage {camera.stage}"
    if camera.on_shift:
        return "its wearer's shift goes on"
    if Condition.BATTERY_CRITICAL.value in camera.conditions:
        return "its battery is empty"
    return None


_VERSION: Final = re.compile(r"(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)-(0|[1-9][0-9]*)")


def version(text: str) -> tuple[int, ...] | None:
    """A version as a comparable tuple; None if it is no version.

    It is camerad's own and, behind a hyphen, the time of the system's build, as a number: two
    systems with the same camerad are told apart. Semantic versions (semver.org) sort these as this
    does.
    """
    match = _VERSION.fullmatch(text)
    return None if match is None else tuple(int(part) for part in match.groups())


class RunningVersion(msgspec.Struct, frozen=True):
    """The running system. compatible: which bundles are for it; minimum: the lowest version that it
    accepts; slot: the one that runs; primary: the default one."""

    compatible: str
    version: str
    minimum: str
    slot: str
    primary: str


class Offer(msgspec.Struct, frozen=True):
    """Contents of a bundle's manifest; its signature has been checked."""

    compatible: str
    version: str


def refusal(
    offer: Offer, running: RunningVersion, state: UpdateState, *, again: bool
) -> str | None:
    """Why a bundle is not installed, in a few words; None: it may be.

    again: a person asked for it: then a bundle whose trial failed may be tried again. A stick that
    is left in the dock would otherwise begin the same update for ever.
    """
    new, least = version(offer.version), version(running.minimum)
    if offer.compatible != running.compatible:
        return f"it is for {offer.compatible}, and this is {running.compatible}"
    if new is None:
        return f"its version {offer.version!r} cannot be compared with another"
    if least is None:
        return f"the minimum {running.minimum!r} of the running system cannot be compared with it"
    if new < least:
        return f"its version {offer.version} is below the minimum, which is {running.minimum}"
    if running.slot != running.primary or state.phase is UpdatePhase.TRYING:
        return "the running system is on trial itself"
    if offer.version == running.version:
        return f"version {offer.version} is running"
    if state.version == offer.version and not again:
        if state.phase is UpdatePhase.FELL_BACK:
            return f"version {offer.version} was tried in vain"
        if state.phase is UpdatePhase.TO_TRY:
            return f"version {offer.version} is installed, and waits for its trial"
    return None


# ------------------------------------------------------------------------ bundles of the office


class JudgedBundle(msgspec.Struct, frozen=True):
    """Result of judging a bundle that came through the dock.

    sha256: of the bundle. by: the version that ran then. version: of the bundle, "" if it was not
    trusted. installed: whether it was. why: a word for programs, text: a sentence for people, both
    "" without an objection. failures: how often RAUC failed to write it.
    """

    sha256: str
    by: str
    version: str = ""
    installed: bool = False
    why: str = ""
    text: str = ""
    failures: int = 0


class BundleStanding(Enum):
    """Status of a bundle of the office."""

    OPEN = "open"
    """It is to be fetched and judged."""
    WAITING = "waiting"
    """It is installed, and its trial is pending or under way."""
    RUNNING = "running"
    REFUSED = "refused"
    """Or its trial failed."""


def standing(judged: JudgedBundle, state: UpdateState, running: str) -> BundleStanding:
    """Status of a bundle that was judged before. running: the version that runs.

    Another version may accept what one version refused, since each has a minimum and a keyring of
    its own: the judgement of a version that does not run any more counts for nothing.
    """
    if not judged.installed:
        counts = judged.why and judged.by == running
        return BundleStanding.REFUSED if counts else BundleStanding.OPEN
    if state.version == judged.version:
        if state.phase in (UpdatePhase.TO_TRY, UpdatePhase.TRYING):
            return BundleStanding.WAITING
        if state.phase is UpdatePhase.FELL_BACK and judged.by == running:
            return BundleStanding.REFUSED
    return BundleStanding.RUNNING if judged.version == running else BundleStanding.OPEN
