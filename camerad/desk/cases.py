"""Cases: what recordings belong to a file of the office's, what was noted, what was handed over.

``office/desk/cases/SHA256.json``, SHA256 being that of the case's number, published whole. Each
change is an entry of the office's ledger, written before, which names the SHA-256 of the file that
follows: with the ledger at hand, `sha256sum` tells whether somebody else has changed it since. A
case holds nothing: what has to stay is held (`camerad.store.holds`), and the page offers both.

A case is never removed. It names the office's people: who opened it, added a recording, noted
something or handed it over, each by the id that the ledger has for good. It names nobody else of
its own: its number, notes in a line each, and to whom something went are what people type in, and
the page asks them for no names. What a case may have is bounded, and a change after which its file
could not be read again is refused before its entry is written. A file that cannot be read keeps no
other case from being shown.

Each file that was read is remembered with its inode, size and times, and read again when one of
these is another one, whoever wrote it.
"""

from __future__ import annotations

import hashlib
import os
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import msgspec

from camerad.base import durable_files, file_status, state_file
from camerad.base.clock import SECOND
from camerad.base.errors import EX_USAGE, CameradError, StorageError
from camerad.base.storage_errors import explain, explaining
from camerad.base.text import is_plain, looks_empty
from camerad.desk.desk_locks import DeskLocks
from camerad.desk.desk_refusals import DeskRefusal, refused
from camerad.desk.secrets_store import DESK
from camerad.store.locations import OFFICE

MOST_CASES: Final = 10_000
MOST_RECORDINGS: Final = 200
MOST_NOTES: Final = 500
MOST_HAND_OVERS: Final = 100
LONGEST_NUMBER: Final = 60
DOUBLE_US: Final = 60 * SECOND
_CASES: Final = "cases"
_ENDING: Final = ".json"
_LARGEST: Final = 1 << 20
"""Bytes of a case's file."""
_REMEDY: Final = "put the file back from a backup; the ledger has what was done"


class CaseError(CameradError, ValueError):
    """Error raised when a case cannot be opened or changed like this."""

    exit_code = EX_USAGE


class CaseRecording(msgspec.Struct, frozen=True):
    """A recording of a case."""

    id: str
    added_us: int
    added_by: str


class TakenOut(msgspec.Struct, frozen=True):
    """A recording that belonged to a case, and does no longer."""

    id: str
    added_us: int
    added_by: str
    at_us: int
    by: str


class CaseNote(msgspec.Struct, frozen=True):
    """A line about a case."""

    at_us: int
    by: str
    text: str


class HandOver(msgspec.Struct, frozen=True):
    """What left the office. to: to whom, in a line. package: SHA-256 of the package's file; "" for
    one that the command made, which is a directory."""

    at_us: int
    by: str
    to: str
    recordings: tuple[str, ...]
    package: str = ""


class Case(msgspec.Struct, frozen=True):
    """number: of the office's file. closed_us: None while it is open."""

    number: str
    opened_us: int
    opened_by: str
    recordings: tuple[CaseRecording, ...] = ()
    notes: tuple[CaseNote, ...] = ()
    handed_over: tuple[HandOver, ...] = ()
    closed_us: int | None = None
    taken_out: tuple[TakenOut, ...] = ()

    def has(self, recording: str) -> bool:
        """Whether a recording belongs to it."""
        return any(one.id == recording for one in self.recordings)

    @property
    def encoded(self) -> bytes:
        """The file."""
        return msgspec.json.encode(self)

    @property
    def sha256(self) -> str:
        """Of the file."""
        return hashlib.sha256(self.encoded).hexdigest()


_Version = tuple[int, int, int, int]
"""Of a file: inode, bytes, and the times of change of content and of state, nanoseconds."""


@dataclass(frozen=True, slots=True)
class _Known:
    """A case as its file had it. about: the recordings that belong to it, belonged to it or left
    with it."""

    version: _Version
    case: Case
    about: frozenset[str]


Note = Callable[[Case], None]
"""Writes the entry of a change; is given the case as it will be."""


class Cases:
    """root: the office's directory. Any thread may use it. Everything raises StorageError."""

    def __init__(self, root: str) -> None:
        self._directory = os.path.join(os.path.abspath(root), OFFICE, DESK, _CASES)
        self._locks = DeskLocks(root)
        self._known: dict[str, _Known] = {}
        self._skipped = state_file.SkippedFiles("a case of the desk cannot be shown")

    def find(self, number: str) -> Case | None:
        """The case with this number; None if there is none."""
        return self._read(_name_of(number))

    def list_all(self) -> list[Case]:
        """Every case that can be read: open ones first, then the newest. The log has the others."""
        return _in_order(one.case for one in self._look().values())

    def count_unreadable(self) -> int:
        """How many cannot be read, and so are in no list."""
        names = self._names()
        known = self._look()
        return sum(one not in known for one in names)

    def list_about(self, recording: str) -> list[Case]:
        """Those that a recording belongs to, belonged to or left the office with; in the same
        order."""
        known = (one for one in self._look().values() if recording in one.about)
        return _in_order(one.case for one in known)

    def open(self, number: str, by: str, now_us: int, note: Note) -> Case:
        """Open a case. Raises CaseError, and RefusedRequestError if there is one of this number or
        there are too many."""
        number = _read_line(number, LONGEST_NUMBER)
        with self._locks.hold("desk cases"):
            read = _as_read(number)
            same = any(_as_read(one.case.number) == read for one in self._look().values())
            if same or self.find(number) is not None:
                raise refused(DeskRefusal.CASE_TAKEN)
            if len(self._names()) >= MOST_CASES:
                raise refused(DeskRefusal.TOO_MANY_CASES)
            opened = Case(number, now_us, by)
            note(opened)
            self._write(opened)
        return opened

    def change(self, number: str, change: Callable[[Case], Case], note: Note) -> Case:
        """Change a case; returns it as it is then. change: makes it of the present one, and may
        raise. Raises CaseError if there is no such case, and RefusedRequestError if its file would
        become too large."""
        with self._locks.hold("desk cases"):
            known = self.find(number)
            if known is None:
                raise CaseError(f"there is no case {number}")
            changed = change(known)
            if changed != known:
                if len(changed.encoded) > _LARGEST:
                    raise refused(DeskRefusal.CASE_FULL)
                note(changed)
                self._write(changed)
        return changed

    def _names(self) -> list[str]:
        if not file_status.is_directory(self._directory):
            return []
        with explaining("list the directory", self._directory):
            there = os.listdir(self._directory)
        return sorted(one.removesuffix(_ENDING) for one in there if one.endswith(_ENDING))

    def _look(self) -> dict[str, _Known]:
        """All of them as they are now, by their names. Only files that are others are read."""
        before, now = self._known, {}
        for name, version in self._versions():
            found = before.get(name)
            if found is None or found.version != version:
                case = self._read_or_tell(name)
                if case is None:
                    continue  # it is tried again the next time
                found = _known(version, case)
            now[name] = found
        self._known = now
        return now

    def _versions(self) -> Iterator[tuple[str, _Version]]:
        """The names of cases, each with what tells its file from another one; taken before it is
        read, so that what changes meanwhile is read again."""
        for name in self._names():
            try:
                state = os.lstat(self._path(name))
            except FileNotFoundError:
                continue
            except OSError as error:
                raise explain("look at it", self._path(name), error) from error
            yield name, (state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns)

    def _read(self, name: str) -> Case | None:
        return state_file.read_json(self._path(name), Case, "desk's case", _LARGEST, _REMEDY)

    def _read_or_tell(self, name: str) -> Case | None:
        try:
            return self._read(name)
        except StorageError as error:
            self._skipped.tell(error)
            return None

    def _write(self, case: Case) -> None:
        durable_files.make_directory(self._directory, 0o700)
        durable_files.publish(self._path(_name_of(case.number)), case.encoded, mode=0o600)

    def _path(self, name: str) -> str:
        return os.path.join(self._directory, name + _ENDING)


# ---------------------------------------------------------------------------------------- changes


def with_recording(case: Case, recording: str, by: str, now_us: int) -> Case:
    """The case with one recording more. Raises RefusedRequestError if it is full."""
    if case.has(recording):
        return case
    if len(case.recordings) >= MOST_RECORDINGS:
        raise refused(DeskRefusal.CASE_FULL)
    added = CaseRecording(recording, now_us, by)
    return msgspec.structs.replace(case, recordings=(*case.recordings, added))


def without_recording(case: Case, recording: str, by: str, now_us: int) -> Case:
    """The case without it, which says that it had it."""
    left = tuple(one for one in case.recordings if one.id != recording)
    gone = (
        TakenOut(one.id, one.added_us, one.added_by, now_us, by)
        for one in case.recordings
        if one.id == recording
    )
    return msgspec.structs.replace(case, recordings=left, taken_out=(*case.taken_out, *gone))


def with_note(case: Case, text: str, by: str, now_us: int) -> Case:
    """The case with one line more. Raises CaseError, and RefusedRequestError if it is full."""
    if len(case.notes) >= MOST_NOTES:
        raise refused(DeskRefusal.CASE_FULL)
    note = CaseNote(now_us, by, _read_line(text))
    return msgspec.structs.replace(case, notes=(*case.notes, note))


def with_hand_over(case: Case, to: str, by: str, now_us: int, package: str = "") -> Case:
    """The case after all of its recordings were handed over. Raises CaseError, and
    RefusedRequestError if it has no recording or is full. The same within a minute is the same
    hand-over, which somebody clicked twice."""
    if not case.recordings:
        raise refused(DeskRefusal.CASE_EMPTY)
    ids = tuple(one.id for one in case.recordings)
    left = HandOver(now_us, by, _read_line(to), ids, package)
    for one in case.handed_over:
        same = msgspec.structs.replace(one, at_us=now_us) == left
        if same and abs(now_us - one.at_us) < DOUBLE_US:
            return case
    if len(case.handed_over) >= MOST_HAND_OVERS:
        raise refused(DeskRefusal.CASE_FULL)
    return msgspec.structs.replace(case, handed_over=(*case.handed_over, left))


def closed(case: Case, now_us: int) -> Case:
    """The case when it is closed."""
    return case if case.closed_us is not None else msgspec.structs.replace(case, closed_us=now_us)


def reopened(case: Case) -> Case:
    """The case when it is open again."""
    return msgspec.structs.replace(case, closed_us=None)


def _known(version: _Version, case: Case) -> _Known:
    about = {one.id for one in case.recordings} | {one.id for one in case.taken_out}
    about.update(recording for one in case.handed_over for recording in one.recordings)
    return _Known(version, case, frozenset(about))


def _in_order(cases: Iterator[Case]) -> list[Case]:
    return sorted(cases, key=lambda one: (one.closed_us is not None, -one.opened_us))


def _as_read(number: str) -> str:
    """What people take for the same number: however it was typed, and in whichever case."""
    return unicodedata.normalize("NFKC", number).casefold()


def _name_of(number: str) -> str:
    return hashlib.sha256(number.encode("utf-8", "surrogatepass")).hexdigest()


def _read_line(text: str, longest: int = 200) -> str:
    text = text.strip()
    if looks_empty(text) or len(text) > longest or not is_plain(text):
        raise CaseError(f"one line of up to {longest} characters is needed")
    return text
