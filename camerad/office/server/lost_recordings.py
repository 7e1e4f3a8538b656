"""Recordings that the office signed for and no longer has, as after a restoration from a backup.

The camera's ledger says what an office has acknowledged, and the copy of that ledger is here. A
receipt says which office's it was; where the receipt is lost as well, this is unknown, and the
recording counts as lost here. It comes again if it is on the camera still, and only then.
"""

from __future__ import annotations

import logging
from itertools import islice
from typing import Final

from camerad.base.message_ids import MessageId
from camerad.base.text import count
from camerad.container.keys import Thumbprint
from camerad.container.recording_ids import RecordingId, is_id
from camerad.evidence.office_key_file import OfficeKeyError
from camerad.ledger.ledger_state import LedgerState
from camerad.office.server.camera_holdings import CameraHoldings
from camerad.office.server.ingest import Ingest
from camerad.office.server.uploads import Uploads
from camerad.store import receipts

_log = logging.getLogger(__name__)

MOST: Final = 500
"""Recordings that are named at once; the next check-in names others."""


class LostRecordings:
    """Any thread may ask. kid: thumbprint of a camera's key. Raises UnregisteredError and
    StorageError."""

    def __init__(self, holdings: CameraHoldings, ingest: Ingest, uploads: Uploads) -> None:
        self._holdings = holdings
        self._ingest = ingest
        self._uploads = uploads

    def find(self, kid: Thumbprint) -> list[RecordingId]:
        """Ids of the recordings that the camera is to bring again, as far as it has them; those
        included of which only the receipt is gone: asking for that makes another one, and nothing
        is sent."""
        state = self._holdings.ledger_state(kid)
        if state is None:
            return []
        lost = sorted(self._unaccounted(kid, state))
        try:
            wanted = (one for one in lost if self._is_wanted(kid, one, state))
            named = list(islice(wanted, MOST))
        except OfficeKeyError as error:
            _log.warning("%s", error, extra=MessageId.CHECK_IN.extra)
            return []
        if named:
            _log.warning(
                "the camera %s has receipts for %s whose file or receipt is not here: it is asked "
                "to bring what it still has",
                self._holdings.name(kid),
                count(len(named), "recording"),
                extra=MessageId.CHECK_IN.extra,
            )
        return named

    def _unaccounted(self, kid: Thumbprint, state: LedgerState) -> set[RecordingId]:
        """What an office acknowledged and the camera has, and of which file or receipt is not
        here."""
        wanted = {
            one.id
            for one in state.recordings.values()
            if one.here and one.final is not None and one.acknowledged is not None and is_id(one.id)
        }
        if not wanted:
            return wanted
        there: set[str] = set()
        for holding in self._holdings.list_all(kid):
            files = ((one, holding.file(one)) for one in wanted)
            names = {one for one, path in files if self._holdings.size_of(path) is not None}
            there |= names & receipts.named(holding.receipts)
        for holding in self._holdings.list_former(kid):
            # What another key signed would not be ingested: nothing of it is asked for.
            there |= wanted & receipts.named(holding.receipts)
        return wanted - there

    def _is_wanted(self, kid: Thumbprint, recording: RecordingId, state: LedgerState) -> bool:
        """Whether it is neither on its way, nor something that the office does not take."""
        if self._uploads.find_complete(kid, recording) is not None:
            return False
        return self._ingest.refusal(kid, recording, state) is None
