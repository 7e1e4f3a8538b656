"""Readings of the cameras' counters, kept for reports.

``office/readings/KID/YYYY-MM.jsonl``: a line is a check-in as its camera signed it, and when it
came (`Reading`). ``office/readings/KID/key.jwk`` is the camera's public key, so that everyone can
check the lines, also when the camera has another key by then. A check-in names no wearer.

Of each docking the first and the last check-in are kept, so that what happened in between belongs
to the days in between. The last one is appended when the camera has been out since; until then it
is `office/check-ins` that has it. A camera that only lies in its dock has one line a month.

A line is appended by one write and synchronised before the check-in counts. What a loss of power
leaves of it is cut off by the next one. A file has at most `MOST_BYTES`; beyond that nothing is
appended until the next month, and nothing is lost by it, since counters go on. Files are removed
`MONTHS` after their month. Only the server's user reads them: with a roster of who had which
camera they say how often a wearer pressed in a shift.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

import msgspec

from camerad.base import durable_files, file_status, typed_json
from camerad.base.clock import SECOND
from camerad.base.errors import StorageError
from camerad.base.safe_read import read_plain
from camerad.base.storage_errors import explaining
from camerad.container.jws import JwsError
from camerad.container.keys import KeyRing, PublicKey
from camerad.store import check_in
from camerad.store.check_in import CheckIn, Counters
from camerad.store.locations import OFFICE

READINGS: Final = "readings"
MONTHS: Final = 25
"""How long a reading is kept after its month: two years can be compared, and one month to do it."""
MOST_BYTES: Final = 4 << 20
"""Of a file: a thousand dockings in a month."""
KEY: Final = "key.jwk"
_ENDING: Final = ".jsonl"
_NAME: Final = re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])\.jsonl")
_KID: Final = re.compile(r"[A-Za-z0-9_-]{43}")
_MODE: Final = 0o600
_LARGEST_KEY: Final = 64 * 1024
_ROOM: Final = 2 * (check_in.LONGEST + 1024)
"""Bytes that two lines may take."""


class Line(msgspec.Struct, frozen=True):
    """A line. arrived_us: when it came, by the server's clock. statement: the camera's token."""

    arrived_us: int
    statement: str


class Reading(msgspec.Struct, frozen=True):
    """A check-in that counts. kid: thumbprint of the camera's key. arrived_us: when it came,
    microseconds since 1970 by the server's clock. said: what the camera signed. token: as it signed
    it."""

    kid: str
    arrived_us: int
    said: CheckIn
    token: bytes

    @property
    def wall_us(self) -> int:
        """When it was made: as signed, if the camera's clock was confirmed; else when it came."""
        return self.said.clock.wall_us if self.said.clock.trusted else self.arrived_us


def follows(said: CheckIn, last: CheckIn) -> bool:
    """Whether a statement is newer than another one of the same camera. Its ledger says so, since
    it only grows; where that did not grow, boot time does, within one boot."""
    head, before = (said.head.epoch, said.head.sequence), (last.head.epoch, last.head.sequence)
    if head == before:
        return said.boot_id == last.boot_id and said.clock.boot_us > last.clock.boot_us
    return head > before


def was_out(one: Counters, other: Counters) -> bool:
    """Whether the camera was used between two readings."""
    return _use(one) != _use(other)


def _use(counters: Counters) -> tuple[object, ...]:
    return (
        counters.entered,
        counters.recordings,
        counters.stages,
        counters.shift_us,
        counters.shifts,
    )


class CameraReadings:
    """directory: the office's. Of one camera one caller at a time keeps something, on whichever
    server; that is what the lock of its check-ins is for. Everything raises StorageError."""

    def __init__(self, directory: str) -> None:
        self._office = os.path.join(os.path.abspath(directory), OFFICE)
        self._root = os.path.join(self._office, READINGS)

    def keep(self, key: PublicKey, new: Reading, last: Reading | None) -> None:
        """Keep what is needed of a check-in that counts, durably. last: the one before it, as the
        office has it. One that is not newer than what is kept adds nothing."""
        directory = self._directory(key.thumbprint)
        kept = self._last_line(directory, key)
        if kept is not None and not follows(new.said, kept.said):
            return
        wanted = []
        if kept is None or was_out(new.said.counters, kept.said.counters):
            if last is not None and (kept is None or follows(last.said, kept.said)):
                wanted.append(last)
            wanted.append(new)
        elif _month_of(new.arrived_us) != _month_of(kept.arrived_us):
            wanted.append(new)
        if wanted:
            durable_files.make_directory(self._root)
            durable_files.make_directory(directory, 0o700)
            path = os.path.join(directory, KEY)
            if not file_status.exists(path):
                durable_files.publish(path, json.dumps(key.jwk).encode(), mode=_MODE)
            self._append(os.path.join(directory, _month_of(new.arrived_us) + _ENDING), wanted)

    def cameras(self) -> list[str]:
        """Thumbprints of the cameras of which there are readings."""
        return [one for one in _names(self._root) if _KID.fullmatch(one)]

    def read(self, kid: str) -> Iterator[Reading]:
        """The readings of a camera, oldest first. Lines that it did not sign, or that are not newer
        than those before, count for nothing."""
        directory = self._directory(kid)
        key = _key_of(directory, kid)
        if key is None:
            return
        last: Reading | None = None
        for name in _month_files(directory):
            for line in _lines(os.path.join(directory, name)):
                reading = _reading_of(line, key)
                if reading is not None and (last is None or follows(reading.said, last.said)):
                    last = reading
                    yield reading

    def expire(self, now_us: int, months: int = MONTHS) -> int:
        """Remove the files of months that are over for so many; returns how many. now_us:
        microseconds since 1970, by a clock that can be trusted."""
        removed = 0
        first = _months_before(_month_of(now_us), months)
        for kid in self.cameras():
            directory = self._directory(kid)
            names = _month_files(directory)
            for name in names:
                if name.removesuffix(_ENDING) < first:
                    durable_files.remove(os.path.join(directory, name), missing_ok=True)
                    removed += 1
            if names and not _month_files(directory):
                durable_files.remove(os.path.join(directory, KEY), missing_ok=True)
                with explaining("remove the directory", directory):
                    os.rmdir(directory)
        return removed

    def _directory(self, kid: str) -> str:
        """Nothing on the way is a link."""
        directory = os.path.join(self._root, kid)
        for one in (self._office, self._root, directory):
            file_status.check_directory(one)
        return directory

    def _last_line(self, directory: str, key: PublicKey) -> Reading | None:
        """The newest reading of a camera, in any month's file: the server's clock may have been
        wrong. None if there is none, or if what is there is no reading."""
        newest: Reading | None = None
        for name in _month_files(directory):
            lines = reversed(_lines(os.path.join(directory, name)))
            readings = (_reading_of(line, key) for line in lines)
            last = next((one for one in readings if one is not None), None)
            if last is not None and (newest is None or follows(last.said, newest.said)):
                newest = last
        return newest

    def _append(self, path: str, readings: list[Reading]) -> None:
        content = b"".join(
            msgspec.json.encode(Line(one.arrived_us, one.token.decode("ascii"))) + b"\n"
            for one in readings
        )
        if not file_status.exists(path):
            durable_files.publish(path, content, mode=_MODE)
            return
        whole = sum(len(line) + 1 for line in _lines(path))
        if whole + len(content) > MOST_BYTES:
            return
        descriptor = durable_files.open_existing(path)
        try:
            durable_files.truncate(descriptor, whole, path)  # what a loss of power left
            durable_files.write(descriptor, [content], whole, path)
            durable_files.sync(descriptor, path)
        finally:
            durable_files.close(descriptor, path)


def _lines(path: str) -> list[bytes]:
    """The whole lines of a file, without their ends."""
    content = read_plain(path, "readings", MOST_BYTES + _ROOM)
    return content.split(b"\n")[:-1]


def _reading_of(line: bytes, key: PublicKey) -> Reading | None:
    """The reading that a line is; None if the camera with this key did not sign it."""
    try:
        kept = typed_json.decode(line, Line)
        token = kept.statement.encode("ascii")
        return Reading(
            key.thumbprint, kept.arrived_us, check_in.parse(token, KeyRing([key])), token
        )
    except (JwsError, ValueError):
        return None  # msgspec's errors are ValueErrors, and so are those of text that is no ASCII


def _key_of(directory: str, kid: str) -> PublicKey | None:
    """The key beside the readings, if it is the one that they are named after."""
    try:
        key = PublicKey.from_jwk(
            json.loads(read_plain(os.path.join(directory, KEY), "key", _LARGEST_KEY))
        )
    except (StorageError, ValueError, RecursionError):
        return None
    return key if key.thumbprint == kid else None


def _names(directory: str) -> list[str]:
    if not file_status.is_directory(directory):
        return []
    with explaining("list the readings", directory):
        return sorted(os.listdir(directory))


def _month_files(directory: str) -> list[str]:
    return [name for name in _names(directory) if _NAME.fullmatch(name)]


def _month_of(wall_us: int) -> str:
    """``2026-11``, in UTC."""
    return f"{datetime.fromtimestamp(wall_us // SECOND, UTC):%Y-%m}"


def _months_before(month: str, count: int) -> str:
    year, number = map(int, month.split("-"))
    total = year * 12 + number - 1 - count
    return f"{total // 12:04d}-{total % 12 + 1:02d}"
