"""Asks the office's index for the desk.

The server keeps the index (`camerad.vault.index_worker`); the desk only reads it, by a connection
of its own, and makes none anew. While it is away, or being made, whoever asks is told so.
"""

from __future__ import annotations

from typing import Any

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

    def close(self) -> None:
        """Give up what is open."""
        self._index.close()


def _ignore(_text: str) -> None:
    """Only whoever keeps the index makes it anew."""
