"""The file of a case: its recordings, notes and hand-overs.

``office/desk/cases/SHA256.json``, SHA256 being that of the case's number *as people read it*: in
one form of Unicode, whether in capitals or not. So two numbers that read the same are one file, and
a query need not read all of them. The desk writes it (`camerad.office.desk.cases`), the
index reads it (`camerad.office.index.case_rows`). A file whose number is not that of its name is
none.
"""

from __future__ import annotations

import hashlib
import os
import unicodedata
from typing import Final

import msgspec

from camerad.base import state_file
from camerad.store.locations import OFFICE

LARGEST: Final = 1 << 20
"""Bytes of a case's file."""
ENDING: Final = ".json"
_REMEDY: Final = "put the file back from a backup; the ledger has what was done"


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
    def about(self) -> frozenset[str]:
        """The recordings that belong to it, belonged to it or left the office with it."""
        found = {one.id for one in self.recordings} | {one.id for one in self.taken_out}
        return frozenset(found.union(*(one.recordings for one in self.handed_over)))

    @property
    def encoded(self) -> bytes:
        """The file."""
        return msgspec.json.encode(self)

    @property
    def sha256(self) -> str:
        """Of the file."""
        return hashlib.sha256(self.encoded).hexdigest()


def directory_of_cases(root: str) -> str:
    """Where the cases are. root: the office's directory."""
    return os.path.join(os.path.abspath(root), OFFICE, "desk", "cases")


def as_read(number: str) -> str:
    """What people take for the same number: however it was typed, and in whichever case."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", number).casefold())


def name_of(number: str) -> str:
    """The name of a case's file, without its ending."""
    return hashlib.sha256(as_read(number).encode("utf-8", "surrogatepass")).hexdigest()


def read_case(directory: str, name: str) -> Case | None:
    """The case whose file has this name, without its ending; None if there is no such file. Raises
    StorageError."""
    path = os.path.join(directory, name + ENDING)
    case = state_file.read_json(path, Case, "desk's case", LARGEST, _REMEDY)
    if case is not None and name_of(case.number) != name:
        raise state_file.StateFileError(
            f"{path}: this is not the desk's case of that name: its number belongs to another one; "
            f"{_REMEDY}"
        )
    return case
