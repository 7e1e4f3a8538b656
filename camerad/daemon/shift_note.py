"""Notes the present shift outside the card, in a file that outlives the daemon.

The ledger says who wears the camera. While the card takes nothing its entries wait in memory, and
are lost if the daemon dies before they are written: a wearer who has given the camera back would be
named by the next recordings. So each change is noted in ``<runtime_dir>/shift`` as well, which is
in memory (/run): it needs no card, and vanishes with the boot. A daemon that starts has the ledger
say what it missed, before anything is made of it (`settle`).

The note is unsigned, and counts in its own boot only. One that is missing, or cannot be read,
leaves what the ledger says.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Final

import msgspec

from camerad.base import typed_json
from camerad.base.clock import Clock, Moment
from camerad.base.errors import StorageError
from camerad.base.message_ids import Log, MessageId

if TYPE_CHECKING:
    from camerad.ledger.ledger import Ledger

log = Log(__name__)

NAME: Final = "shift"
"""The file in the runtime directory: a `NotedShift` as JSON."""
_LARGEST: Final = 4096


class Worn(msgspec.Struct, frozen=True):
    """The camera is worn by `wearer` since `began`. source: who said so, as the ledger says it.
    due: what has ended it already but for a recording."""

    wearer: str
    source: str
    began: Moment
    due: str | None = None


class NotedShift(msgspec.Struct, frozen=True):
    """The shift since `at`, in the boot boot_id. present: None without a shift. over: why the one
    before ended, None if there was none."""

    boot_id: str
    at: Moment
    present: Worn | None
    over: str | None


class ShiftNote:
    """runtime_dir: the daemon's directory in /run."""

    def __init__(self, runtime_dir: str, clock: Clock) -> None:
        self._path: Final = os.path.join(runtime_dir, NAME)
        self._clock = clock

    def write(self, present: Worn | None, over: str | None) -> None:
        """It is so from now on. What cannot be noted is logged, and the former note goes: an old
        one would be worse than none."""
        from camerad.base import durable_files  # noqa: PLC0415 - slow to import

        at = self._clock.moment() if present is None else present.began
        noted = NotedShift(self._clock.boot_id, at, present, over)
        try:
            os.makedirs(os.path.dirname(self._path), mode=0o755, exist_ok=True)
            durable_files.publish(self._path, msgspec.json.encode(noted), mode=0o640)
        except (OSError, StorageError) as error:
            log.error(MessageId.STORAGE, "%s: the shift cannot be noted: %s", self._path, error)
            with contextlib.suppress(OSError):
                os.unlink(self._path)

    def read(self) -> NotedShift | None:
        """The note of this boot; None without a credible one."""
        try:
            with open(self._path, "rb") as file:
                noted = typed_json.decode(file.read(_LARGEST), NotedShift)
        except (OSError, msgspec.DecodeError):
            return None
        this_boot = noted.boot_id == self._clock.boot_id
        return noted if this_boot and 0 <= noted.at.boot_us <= self._clock.now_us() else None


def settle(ledger: Ledger, noted: NotedShift | None) -> None:
    """Have the ledger say what a daemon of this boot noted and could not write. Raises
    StorageError, and may be tried again."""
    if noted is None:
        return
    said, present = ledger.state.shift, noted.present
    known = None if said is None else (said.began_boot, said.began.boot_us, said.wearer)
    if known == (present and (noted.boot_id, present.began.boot_us, present.wearer)):
        return
    if said is not None:
        ledger.append("shift_ended", happened=noted.at, why=noted.over or "relieved")
    if present is not None:
        ledger.append(
            "shift_begun",
            happened=noted.at,
            wearer=present.wearer,
            source=present.source,
            began=present.began,
            began_boot=noted.boot_id,
        )
