"""Carries out what `camerad.behaviour.update` decides: install, try, look at a start, confirm."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Final

from camerad.base.errors import CameradError
from camerad.base.message_ids import Log, MessageId
from camerad.behaviour import update
from camerad.behaviour.stages import Stage
from camerad.behaviour.update import CameraStatus, Effect, RunningVersion, UpdatePhase
from camerad.update.boot_selection import BootSelection
from camerad.update.errors import (
    BundleRefusedError,
    TrialFailedError,
    UpdateError,
    UpdateNotNowError,
)
from camerad.update.rauc import Rauc
from camerad.update.update_file import UpdateFile

log = Log(__name__)

READY_SECONDS: Final = 240.0
"""How long a daemon on trial has to answer and to have its camera: it starts within
`camerad.service`'s time, and once more if its first start fails."""
LOOK_SECONDS: Final = 1.0

Ask = Callable[[], CameraStatus | None]
"""Asks the daemon for its status; None: it does not answer."""
Examine = Callable[[], tuple[str, ...] | None]
"""Runs the doctor; returns the failing checks, each with what it found. None: there is no
report."""


class Updater:
    """Carries updates out. ask, examine: as `Ask` and `Examine`."""

    def __init__(self, card: BootSelection, kept: UpdateFile, ask: Ask, examine: Examine) -> None:
        self._card = card
        self._kept = kept
        self._ask = ask
        self._examine = examine

    def install(self, bundle: str, running: RunningVersion, rauc: Rauc, *, again: bool) -> None:
        """Install a bundle into the slot that does not run, and put it up for its trial.

        again: as for `camerad.behaviour.update.refusal`. Raises UpdateError; the running system
        stays as it was in any case.
        """
        with self._kept.lock():
            self._install(bundle, running, rauc, again=again)

    def _install(self, bundle: str, running: RunningVersion, rauc: Rauc, *, again: bool) -> None:
        if self._kept.state.phase is UpdatePhase.INSTALLING:
            # The installing process was killed, as when the stick is pulled out: the lock is free.
            self._carry_out(update.NotInstalled())
        self._refuse_unless_idle()
        if not os.path.isfile(bundle):
            raise BundleRefusedError(f"{bundle}: there is no such file")
        offer = rauc.info(bundle)
        why = update.refusal(offer, running, self._kept.state, again=again)
        if why is not None:
            raise BundleRefusedError(f"{bundle}: not installed: {why}")
        faults = self._examine()
        if faults is None:
            raise UpdateNotNowError(
                "the doctor's report could not be made. Without it an old fault would count as the "
                "update's. The journal says why; mend that, and try again"
            )
        slot = update.other(running.slot)
        self._carry_out(update.Begun(slot, offer.version, running.version, faults))
        log.info(MessageId.UPDATED, "version %s is installed into slot %s", offer.version, slot)
        try:
            rauc.install(bundle, self.hindrance)
        except BaseException:
            # Once RAUC has activated the slot all of it is written: it stays up for its trial,
            # whatever went wrong after that.
            if self._kept.state.phase is UpdatePhase.INSTALLING:
                self._carry_out(update.NotInstalled())
            raise
        if self._kept.state.phase is not UpdatePhase.TO_TRY:
            self._carry_out(update.NotInstalled())
            raise UpdateError("RAUC has ended without activating the slot: see the journal")

    def begin_trial(self) -> None:
        """Begin the trial: after this returns, the machine is to start the slot on trial, once.

        Raises UpdateNotNowError if there is nothing to try, or it must not be now.
        """
        with self._kept.lock():
            if self._kept.state.phase is not UpdatePhase.TO_TRY:
                raise UpdateNotNowError("no update waits for its trial")
            self._refuse_unless_idle()
            self._carry_out(update.Tried())
        log.info(
            MessageId.UPDATED,
            "version %s is tried: the machine starts anew",
            self._kept.state.version,
        )

    def judge_start(self, running: RunningVersion) -> UpdatePhase:
        """Look at a start of the machine, before the daemon starts. Returns the phase of the
        update. Raises CameradError."""
        before = self._kept.state
        self._carry_out(update.MachineStarted(running.slot, running.primary))
        state = self._kept.state
        if state.phase is UpdatePhase.FELL_BACK and before.phase is UpdatePhase.TRYING:
            log.error(
                MessageId.UPDATE_FAILED,
                "version %s has not shown that it works: version %s goes on",
                state.version,
                state.before,
            )
        return state.phase

    def confirm_trial(
        self, slot: str, version: str, ready_seconds: float = READY_SECONDS
    ) -> UpdatePhase:
        """Judge a system on trial: wait for the daemon, and have the doctor look.

        If this system is as good as the one before, and is the one that was judged when it was
        installed, it starts by default from then on. slot, version: of the running system. Returns
        the phase of the update; for a system that is not on trial nothing is done. Raises
        TrialFailedError: then the machine is to start the system before. Or UpdateNotNowError, if
        that has to be left to its next start, because the camera is in use.
        """
        state = self._kept.state
        if state.phase is not UpdatePhase.TRYING or state.slot != slot:
            return state.phase
        ready = self._wait(ready_seconds)
        faults = self._examine() if ready else None
        known = faults or ()
        if ready and version != state.version:
            # A stick may give RAUC one bundle to look at, and another one to install.
            raise self._failed(
                f"version {version!r} runs in the place of {state.version}, which was to be "
                "installed: do not use that stick again"
            )
        judged = update.TrialJudged(ready and faults is not None, known)
        try:
            effects = self._carry_out(judged)
        except CameradError as error:
            # It cannot be committed: as on a card that the new system cannot mount.
            raise self._failed(f"version {state.version} cannot be kept: {error}") from error
        if Effect.REBOOT in effects:
            silent = "the doctor has no report" if ready else "its daemon does not answer"
            why = ", ".join(update.new_faults(state, known)) or silent
            log.error(
                MessageId.UPDATE_FAILED, "version %s does not work here: %s", state.version, why
            )
            raise self._failed(f"version {state.version} does not work here: {why}")
        log.info(
            MessageId.UPDATED, "version %s works, and starts by default from now on", state.version
        )
        return self._kept.state.phase

    def hindrance(self) -> str | None:
        """Why the camera must not be changed now; None: it may be."""
        return update.hindrance(self._ask())

    def _refuse_unless_idle(self) -> None:
        why = self.hindrance()
        if why is not None:
            raise UpdateNotNowError(
                f"the camera is not changed now, because {why}: put it into its dock"
            )

    def _failed(self, why: str) -> UpdateError:
        """The error for a failed trial. The camera may have been taken out of its dock meanwhile,
        and may be recording."""
        camera = self._ask()
        use = None if camera is None else update.hindrance(camera)
        if use is None:
            return TrialFailedError(why)
        return UpdateNotNowError(
            f"{why}. The camera does not start anew now, because {use}; its next start is one of "
            "the version before"
        )

    def _wait(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while (camera := self._ask()) is None or camera.stage == Stage.STARTING.value:
            if time.monotonic() > deadline:
                break
            time.sleep(LOOK_SECONDS)
        return camera is not None

    def _carry_out(self, event: update.Event) -> tuple[Effect, ...]:
        state, effects = update.step(self._kept.state, event)
        if Effect.COMMIT in effects:
            self._card.commit(state.slot)
        self._kept.write(state, tell=Effect.TELL in effects)
        return effects
