"""Which recordings anybody was given at the desk, to view them or to take them along.

The server is blind: it knows that it gave a recording to somebody, and neither how much of it was
watched, nor how often. So a report says how many hours were *given*, each recording once, on the
day on which somebody was given it first; and of the deleted recordings the share that nobody was
ever given. What the command opens where the key is, the office's ledger does not know.

Whether a recording was given is known if the ledger's entries go back to its first one. These names
are of counts in a tally (`TalliedDay.events`):
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from camerad.ledger.entries import Entry
from camerad.ledger.people_entries import DownloadedEntry, ViewedEntry
from camerad.ledger.recording_state import RecordingState

GIVEN: Final = "given_first"
"""Recordings that were given for the first time, and whose length is known."""
GIVEN_SECONDS: Final = "given_seconds"
"""Their lengths together."""
RECORDED: Final = "recorded"
"""Recordings that the office took over, and whose length is known."""
RECORDED_SECONDS: Final = "recorded_seconds"
"""Their lengths together."""
ENDED_GIVEN: Final = "ended_given"
"""Recordings that were deleted, and were given to somebody before."""
ENDED_UNSEEN: Final = "ended_unseen"
"""Recordings that were deleted, and were never given to anybody."""


class GivenRecordings(msgspec.Struct):
    """What entries say, epoch by epoch. first: sequence number of the first one; 0 before any was
    read. ids: of the recordings that somebody was given."""

    first: int = 0
    ids: set[str] = msgspec.field(default_factory=set)

    def read(self, entries: Iterable[Entry]) -> None:
        """Go on with the entries of an epoch."""
        for entry in entries:
            self.first = self.first or entry.sequence
            if isinstance(entry.facts, ViewedEntry | DownloadedEntry):
                self.ids.add(entry.facts.id)

    def miss(self) -> None:
        """What an epoch said cannot be read: nothing is known of what was before."""
        self.first = 0

    def know_all_of(self, known: RecordingState) -> bool:
        """Whether the entries go back to the recording's first one."""
        return 0 < self.first <= known.known_since
