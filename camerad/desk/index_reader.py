"""Asks the office's index for the desk.

The server keeps the index (`camerad.vault.index_worker`); the desk only reads it, by a connection
of its own, and makes none anew. While it is away, or being made, whoever asks is told so.
"""

from __future__ import annotations

from typing import Any

from camerad.index.case_query import CaseAnswer, CaseQuery, CasesOf, LostCases, Written
from camerad.index.entry_query import EntryPlaces, EntryQuery
from camerad.index.index import RecordingIndex
from camerad.index.office_knowledge import OfficeFiles
from camerad.index.recording_query import IndexedRecording, RecordingPage, RecordingQuery


class IndexReader:
    """url: of the index's database. files: the office's. Any thread may ask. Everything raises
    IndexUnavailableError."""

    def __init__(self, url: str, files: OfficeFiles) -> None:
        self._index = RecordingIndex(url, files, _ignore)

    def find(self, query: RecordingQuery) -> RecordingPage:
        """The recordings that are asked for. Raises QueryError."""
        return self._index.find(query)

    def count(self, query: RecordingQuery) -> int | None:
        """How many recordings answer; None if they are too many to count. Raises QueryError."""
        return self._index.count(query)

    def about(self, recording: str) -> list[IndexedRecording]:
        """The rows of one recording: one for each file, or one for what the ledger says."""
        return self._index.about(recording)

    def camera_names(self) -> list[str]:
        """What cameras are called in their recordings."""
        return self._index.camera_names()

    def entries(self, query: EntryQuery) -> list[dict[str, Any]]:
        """Entries of the office's ledger, the newest first."""
        return self._index.entries(query)

    def places_of(self, recording: str) -> EntryPlaces:
        """Where in the office's ledger entries about a recording are."""
        return self._index.places_of(recording)

    def deletions_since(self, wall_us: int, limit: int) -> list[dict[str, Any]]:
        """What was deleted since then, the newest first."""
        return self._index.deletions_since(wall_us, limit)

    def cases(self, query: CaseQuery, written: Written) -> CaseAnswer:
        """The cases that are asked for. Raises QueryError."""
        return self._index.cases(query, written)

    def cases_of(self, recording: str, written: Written) -> CasesOf:
        """The cases that are about a recording."""
        return self._index.cases_of(recording, written)

    def count_unreadable_cases(self) -> int:
        """How many files of cases cannot be read."""
        return self._index.count_unreadable_cases()

    def lost_cases(self, most: int) -> LostCases:
        """The cases whose files are gone; so many by their numbers."""
        return self._index.lost_cases(most)

    def tells_of_case(self, name: str) -> bool:
        """Whether the ledger tells of the case whose file has this name."""
        return self._index.tells_of_case(name)

    def close(self) -> None:
        """Give up what is open."""
        self._index.close()


def _ignore(_text: str) -> None:
    """Only whoever keeps the index makes it anew."""
