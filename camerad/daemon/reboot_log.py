"""Counts the machine's reboots on the card, so that they end.

The last rung of the recovery ladder, as the daemon carries it out: before it ends with the exit
code that the unit answers with a reboot, it writes down that it did, durably. What cannot be
written down is not done: a machine that forgets its reboots might reboot for ever.
"""

from __future__ import annotations

import json
import os
from typing import Final

from camerad.base.errors import StorageError
from camerad.base.message_ids import Log, MessageId
from camerad.behaviour import reboots
from camerad.behaviour.budget import MOST_REBOOTS
from camerad.behaviour.reboots import Reboots

log = Log(__name__)

NAME: Final = "reboots.json"
"""The file in the state directory: the object of `camerad.behaviour.reboots.to_json`."""
_LARGEST: Final = 4096


class RebootLog:
    """state_dir: the daemon's directory. Every method waits for the card, so none is for the loop;
    one is called after the other has returned. Why there is no reboot is said once, however often
    it is asked for, until something can be written again or the camera works."""

    def __init__(self, state_dir: str) -> None:
        self._path = os.path.join(state_dir, NAME)
        self._said: set[str] = set()

    def resolve(self, *, recording: bool) -> Reboots | None:
        """Remember one more reboot; None: there are to be no more, or it cannot be remembered.

        recording: whether it will end a recording.
        """
        wanted = reboots.wanted(self._read(), recording=recording)
        if wanted is None:
            if self._news("no more"):
                log.error(
                    MessageId.REBOOT,
                    "%d reboots have not brought the camera back: no more of them",
                    MOST_REBOOTS,
                )
            return None
        try:
            self._write(wanted)
        except StorageError as error:
            if self._news(str(error)):
                log.error(
                    MessageId.REBOOT, "no reboot, because it could not be remembered: %s", error
                )
            return None
        return wanted

    def take_back(self) -> None:
        """What was resolved last did not take place: it came too late."""
        self._try(reboots.taken_back(self._read()))

    def ended_a_recording(self) -> bool:
        """Whether the reboot before this start ended a recording; said once."""
        known = self._read()
        if known.recording:
            self._try(reboots.told(known))
        return known.recording

    def forget(self) -> None:
        """The camera works: the next trouble is counted anew."""
        if self._read() != reboots.NONE:
            self._try(reboots.NONE)
        self._said.clear()

    def _try(self, known: Reboots) -> None:
        try:
            self._write(known)
        except StorageError as error:
            log.error(MessageId.REBOOT, "the count of reboots could not be written: %s", error)

    def _write(self, known: Reboots) -> None:
        from camerad.base import durable_files  # noqa: PLC0415 - slow to import

        durable_files.publish(self._path, json.dumps(reboots.to_json(known)).encode())
        self._said.clear()

    def _read(self) -> Reboots:
        """What is known; a file that says nothing sensible counts as the most reboots, not as none:
        whatever damages it is no reason to begin anew."""
        try:
            with open(self._path, "rb") as file:
                return reboots.from_json(json.loads(file.read(_LARGEST)))
        except FileNotFoundError:
            return reboots.NONE
        except (OSError, ValueError, RecursionError) as error:
            if self._news(str(error)):
                log.error(
                    MessageId.REBOOT,
                    "%s: %s; there are to be no reboots until the camera works",
                    self._path,
                    error,
                )
            return Reboots(MOST_REBOOTS)

    def _news(self, what: str) -> bool:
        """Whether this has not been said yet."""
        new = what not in self._said
        self._said.add(what)
        return new
