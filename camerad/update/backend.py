"""RAUC's custom boot loader backend: answers RAUC's requests about the slots.

The interface is in RAUC's manual, "Custom bootloader backend interface": one command, its
arguments, a word on standard output, and an exit code. RAUC marks the target bad before it writes
the first byte, and primary after the last one. Here a slot that was written does not start by
default: it is put up for its trial. `camerad.update.update_file` keeps that, and autoboot.txt stays
as it is.
"""

from __future__ import annotations

import configparser
import re
from typing import Final

from camerad.behaviour import update
from camerad.behaviour.update import SLOTS, Effect, RunningVersion, UpdatePhase
from camerad.update.boot_selection import BootSelection
from camerad.update.errors import UpdateError
from camerad.update.image_version import image_version
from camerad.update.update_file import UpdateFile

GOOD: Final = "good"
BAD: Final = "bad"
_STARTABLE: Final = (UpdatePhase.TO_TRY, UpdatePhase.TRYING, UpdatePhase.CONFIRMED)


class Backend:
    """current: the slot that runs."""

    def __init__(self, card: BootSelection, kept: UpdateFile, current: str) -> None:
        self._card = card
        self._kept = kept
        self._current = current

    def call(self, words: list[str]) -> str | None:
        """The answer to RAUC, None if it only reports. Raises CameradError; UpdateError for what
        RAUC must not do."""
        match words:
            case ["get-current"]:
                return self._current
            case ["get-primary"]:
                return self._card.primary
            case ["get-state", slot] if slot in SLOTS:
                return self._state(slot)
            case ["set-primary", slot] if slot in SLOTS:
                self._set_primary(slot)
            case ["set-state", slot, "good" | "bad" as state] if slot in SLOTS:
                self._set_state(slot, state)
            case _:
                raise UpdateError(f"not a question of RAUC's: {' '.join(words)!r:.80}")
        return None

    def _state(self, slot: str) -> str:
        state = self._kept.state
        if slot == self._card.primary:
            return GOOD
        if slot == state.slot:
            return GOOD if state.phase in _STARTABLE else BAD
        # The system before the one that was confirmed last.
        return GOOD if state.phase is UpdatePhase.CONFIRMED else BAD

    def _set_primary(self, slot: str) -> None:
        if slot == self._card.primary:
            return
        state = self._kept.state
        if (state.phase, state.slot) != (UpdatePhase.INSTALLING, slot):
            raise UpdateError(
                f"slot {slot} was not written just now: use 'camerad update install', which looks "
                "whether the camera may be changed"
            )
        after, effects = update.step(state, update.Installed())
        self._kept.write(after, tell=Effect.TELL in effects)

    def _set_state(self, slot: str, state: str) -> None:
        if state == GOOD:
            if self._state(slot) == BAD:
                raise UpdateError(f"slot {slot} is not good by being called so")
            return
        if slot in (self._card.primary, self._current):
            raise UpdateError(f"slot {slot} is what this camera starts from, and stays")
        now = self._kept.state
        if (now.phase, now.slot) != (UpdatePhase.INSTALLING, slot):
            raise UpdateError("use 'camerad update install': nothing else writes a slot")


SYSTEM_CONF: Final = "/etc/rauc/system.conf"
CMDLINE: Final = "/proc/cmdline"


def running_slot(cmdline: str = CMDLINE) -> str:
    """The slot that runs. Raises UpdateError if this is no system in a slot."""
    try:
        with open(cmdline, encoding="utf-8", errors="replace") as file:
            words = file.read()
    except OSError as error:
        raise UpdateError(f"{cmdline}: cannot be read: {error.strerror}") from error
    match = re.search(rf"(?:^|\s)rauc\.slot=({'|'.join(SLOTS)})(?:\s|$)", words)
    if match is None:
        raise UpdateError(
            "this camera's card was not made from an image with updates: flash it anew, or install "
            "the packages by hand"
        )
    return match[1]


def running_version(
    card: BootSelection, conf: str = SYSTEM_CONF, cmdline: str = CMDLINE
) -> RunningVersion:
    """Raises UpdateError."""
    parser = configparser.ConfigParser(interpolation=None)
    try:
        with open(conf, encoding="utf-8") as file:
            parser.read_file(file)
        compatible = parser["system"]["compatible"]
        minimum = parser["system"]["min-bundle-version"]
    except (OSError, configparser.Error, KeyError) as error:
        raise UpdateError(
            f"{conf}: the system does not say which updates are for it ({error}): it was built "
            "without a keyring (KEYRING=), so it takes no updates"
        ) from error
    return RunningVersion(
        compatible, image_version() or "", minimum, running_slot(cmdline), card.primary
    )
