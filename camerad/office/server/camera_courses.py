"""A camera's dock and last shift, read from the copy of its ledger.

A check-in says nothing of either (`camerad.store.check_in`). The ledger does, up to the entry that
the camera brought last: `as_of_us`. While a shift runs, each new epoch says so again, so the end of
the newest file tells whether one does; what ended before is looked for in the file before as well,
and no further. The end is read some at a time, only lines that can be such an entry are taken
apart, and each that counts is checked by the camera's key.

A shift names its wearer: its disclosure is bound by docs/threat-model.md ("The ledger as a record
about people").
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from typing import Final

import msgspec
from msgspec.structs import replace

from camerad.base import file_status
from camerad.base.clock import ClockSource, Moment
from camerad.base.errors import StorageError
from camerad.base.message_ids import MessageId
from camerad.base.safe_read import open_plain
from camerad.base.storage_errors import explaining
from camerad.base.text import printable
from camerad.base.version_cache import VersionCache
from camerad.behaviour.events import Condition
from camerad.container.jws import JwsError, spellings
from camerad.container.keys import KeyRing, PublicKey, Thumbprint
from camerad.ledger import log_segments
from camerad.ledger.entries import parse_entry
from camerad.ledger.entry_types import Fault, ShiftBegun, ShiftEnded
from camerad.office.server.cameras import Cameras
from camerad.store.locations import holding_name, holding_stem, office_place

_log = logging.getLogger(__name__)

MOST_BYTES: Final = 512 * 1024
"""Of the end of a file, that are looked at: some thousand entries, which is days of work."""
PIECE: Final = 64 * 1024
"""Of it, that are read at once."""
SHORTEST: Final = 200
"""No entry is shorter: its signature and its hashes are not."""
FILES: Final = 2


MOST_CAMERAS: Final = 4_000
"""Of so many it is remembered."""


class LastShift(msgspec.Struct, frozen=True):
    """wearer: the id that was assigned. source: "badge" or "control". began_us, ended_us: wall time
    as the camera knew it, None where it did not; ended: whether it is over."""

    wearer: str
    source: str
    began_us: int | None
    ended: bool
    ended_us: int | None


class CameraCourse(msgspec.Struct, frozen=True):
    """as_of_us: when the last entry was written that the office has, None if it has none, or the
    camera did not know the time. docked: whether it was in its dock then, None if nothing says so.
    docked_us: since when that is so. shift: the last one, None if none is known."""

    as_of_us: int | None = None
    docked: bool | None = None
    docked_us: int | None = None
    shift: LastShift | None = None


class CameraCourses:
    """root: the office's directory. cameras: its register. Any thread may ask."""

    def __init__(self, root: str, cameras: Cameras) -> None:
        self._root = os.path.abspath(root)
        self._cameras = cameras
        self._known: Final = VersionCache[CameraCourse](MOST_CAMERAS)

    def read_all(self) -> dict[Thumbprint, CameraCourse]:
        """How it went with each camera of the register, by the thumbprint of its key. The directory
        is listed once, however many there are, and no file is read again that is as it was. What
        cannot be read is not known, and the log says so. Raises StorageError if the directory
        cannot be listed."""
        there = office_place(self._root).holdings
        ledgers = {one.name: one.ledger for one in there if not one.broken}
        by_key = {name[len(holding_stem(name)) :]: one for name, one in ledgers.items()}
        found = {}
        for camera in self._cameras.list_all():
            key = self._cameras.key(camera.thumbprint)
            # That of its present name first: one that was renamed may have several.
            ledger = ledgers.get(holding_name(camera.name, key)) or by_key.get(
                holding_name("", key)
            )
            found[camera.thumbprint] = CameraCourse()
            if ledger is not None:
                try:
                    found[camera.thumbprint] = self._read(key, ledger)
                except StorageError as error:
                    _log.warning("%s", printable(error), extra=MessageId.STORAGE.extra)
        return found

    def _read(self, key: PublicKey, ledger: str) -> CameraCourse:
        if not file_status.is_directory(ledger):
            return CameraCourse()
        numbers = sorted(log_segments.list_files(ledger).epochs, reverse=True)[:FILES]
        paths = [os.path.join(ledger, log_segments.epoch_name(number)) for number in numbers]
        lines = (line for path in paths for line in _backwards(path))
        version = [file_status.version_of(path) for path in paths]
        return self._known.find(ledger, version, lambda: _course(lines, KeyRing([key])))


def _course(lines: Iterator[bytes], keys: KeyRing) -> CameraCourse:
    """lines: of the ledger, the newest first."""
    found, ended, first = CameraCourse(), None, True
    for line in lines:
        if not first and not any(one in line for one in _COUNT):
            continue
        try:
            entry = parse_entry(line, keys)
        except JwsError:
            continue  # a check of the directory says so
        if first:
            found, first = replace(found, as_of_us=_wall_us(entry.when)), False
        facts = entry.facts
        if found.docked is None and isinstance(facts, Fault) and facts.condition == _DOCKED:
            found = replace(found, docked=facts.holds, docked_us=_wall_us(entry.when))
        if found.shift is None and isinstance(facts, ShiftEnded) and ended is None:
            ended = entry
        if found.shift is None and isinstance(facts, ShiftBegun):
            end_us = None if ended is None else _wall_us(ended.when)
            began_us = _wall_us(facts.began)
            shift = LastShift(facts.wearer, facts.source, began_us, ended is not None, end_us)
            found = replace(found, shift=shift)
        if found.shift is not None and found.docked is not None:
            break
    return found


def _backwards(path: str) -> Iterator[bytes]:
    """The lines at the end of a file, the newest first, but for those too short for an entry."""
    with open_plain(path, "ledger's copy") as file:
        with explaining("read", path):
            end = os.fstat(file.fileno()).st_size
        last, left = max(0, end - MOST_BYTES), b""
        while end > last:
            begin = max(last, end - PIECE)
            with explaining("read", path):
                content = os.pread(file.fileno(), end - begin, begin) + left
            lines = content.split(b"\n")
            left = lines.pop(0) if begin else b""  # its beginning is in the piece before
            end = begin
            yield from (one for one in reversed(lines) if len(one) >= SHORTEST)


def _wall_us(moment: Moment) -> int | None:
    return None if moment.source is ClockSource.UNKNOWN else moment.wall_us


_DOCKED: Final = Condition.DOCKED.value
_COUNT: Final = tuple(
    one
    for kind in ("fault", "shift_begun", "shift_ended")
    for one in spellings(f'"kind":"{kind}"'.encode())
)
"""How a line is spelled that can be one of these."""
