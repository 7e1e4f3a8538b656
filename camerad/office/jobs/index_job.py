"""Keeps the index up to date beside everything else (`camerad.office.index`).

The server answers by files and ledgers alone, so nothing waits for the index, and nothing goes
wrong without it. Some seconds after something has changed in the office's directory, be it by a
camera, by deletion or by a command of the desk, the index says so too. What is wrong with it is
logged once until it is something else.

It decides nothing, but it remembers. If the office's ledger has no more what the index has of it,
the ledger was cut between two entries, or put back from a backup, which nothing in it shows. Then
that is written into the ledger before the index forgets it, so that retention counts anew
(`Ledger.record_loss`). So deletion waits for the first refresh after a start.

It knows too which cases of the desk the ledger tells of and which have a file. Those whose file is
gone are logged once, until they are others.
"""

from __future__ import annotations

import logging
import threading
from typing import Final

from camerad.base.errors import CameradError, NotNowError
from camerad.base.message_ids import MessageId
from camerad.base.text import count
from camerad.container.keys import PublicKey
from camerad.evidence.case_file import ENDING
from camerad.office.index import case_query
from camerad.office.index.case_query import LostCases
from camerad.office.index.index import RecordingIndex
from camerad.office.index.ledger_rows import Lost
from camerad.office.index.office_knowledge import OfficeFiles, look_version
from camerad.office.jobs.periodic_job import JobFailedError, LogOnce
from camerad.office.replicas.shared_directory import SharedDirectory

log = logging.getLogger(__name__)

LOOK_SECONDS: Final = 5.0
"""Between two looks whether anything has changed."""
FIRST_SECONDS: Final = 600.0
"""For so long the first look is waited for."""
FULL_SECONDS: Final = 900.0
"""After so long the index is compared with every file, also if nothing seems to have changed."""
MOST_NAMED: Final = 20
"""Cases that are named at once."""
AGAIN_SECONDS: Final = 60.0
"""Before the next try, if the index does not answer."""


class IndexJob:
    """url: of the index's database. directory: the office's. key: the office's own. register: file
    with the cameras. lost: is told of entries of the ledger that are gone. shared: has here what
    other servers changed; then nothing counts as lost that only has not come yet."""

    def __init__(
        self,
        url: str,
        directory: str,
        key: PublicKey,
        register: str,
        lost: Lost | None = None,
        *,
        shared: SharedDirectory | None = None,
    ) -> None:
        self._files = OfficeFiles(directory, key, register)
        self._url = url
        self._tell_lost = lost
        self._shared = shared
        self._seen = 0
        self._lost = lost if shared is None else self._lost_of_several
        self._first = threading.Event()
        self._index: RecordingIndex | None = None
        self._ended = threading.Event()
        self._version = ""
        self._settled = False
        self._waited = self._since_complete = 0.0
        self._wrong = LogOnce(log, "the index: %s", MessageId.INDEX)
        self._lost_cases = LostCases(0, {})

    def look(self) -> float:
        """Bring the index up to date if something has changed; returns after how many seconds to
        look again. It blocks. What is wrong with the index is logged; then it raises
        JobFailedError."""
        try:
            self._refresh()
        except CameradError as error:
            if self._ended.is_set():
                return LOOK_SECONDS  # the server ends
            self._say(f"{error}. Meanwhile the index answers as it was; nothing else waits")
            raise JobFailedError("the index was not brought up to date", AGAIN_SECONDS) from error
        finally:
            self._first.set()
        return LOOK_SECONDS

    def wait_for_first(self, seconds: float = FIRST_SECONDS) -> None:
        """Wait until the first refresh has ended or failed, `seconds` at most."""
        self._first.wait(seconds)

    def close(self) -> None:
        """Give up what is open; a look in another thread ends soon."""
        self._ended.set()
        self._first.set()
        if self._index is not None:
            self._index.close()

    def _open(self) -> RecordingIndex:
        """Not before it is looked for the first time: a database that is away, or whose library is
        missing, keeps no server from starting."""
        if self._index is None:
            index = RecordingIndex(self._url, self._files, self._say, self._lost)
            index.open(checked=True)
            self._index = index
        if self._ended.is_set():
            self._index.close()
        return self._index

    def _refresh(self) -> None:
        index = self._open()
        if self._shared is not None:
            self._shared.bring_all()
            self._seen = self._shared.seen
        version = look_version(self._files)
        self._waited += LOOK_SECONDS
        self._since_complete += LOOK_SECONDS
        # Two changes within one tick of the file system's clock look like one. So it is looked once
        # more after each.
        same = version == self._version
        if same and self._settled and self._waited < FULL_SECONDS:
            return
        complete = self._since_complete >= FULL_SECONDS
        index.refresh(complete=complete)
        self._tell_of_cases(index.ask(case_query.find_lost, MOST_NAMED))
        if complete:
            self._since_complete = 0.0
        self._settled = same
        self._version = version
        self._waited = 0.0
        self._wrong.tell(())

    def _lost_of_several(self, entries: int, file: str) -> None:
        """The index may be ahead of this server's files, by another one's."""
        if self._shared is not None:
            self._shared.refresh()
            if self._shared.seen != self._seen:
                raise NotNowError("other servers are just changing the ledger")
        if self._tell_lost is not None:
            self._tell_lost(entries, file)

    def _tell_of_cases(self, lost: LostCases) -> None:
        if lost.count and lost != self._lost_cases:
            log.critical(
                "the ledger tells of %s of the desk whose file is gone: %s%s. Put them back from a "
                "backup of office/desk/cases; until then no new case gets their numbers",
                count(lost.count, "case"),
                ", ".join(f"{name}{ENDING}" for name in lost.some),
                "" if lost.count == len(lost.some) else ", and more",
                extra=MessageId.CASES.extra,
            )
        self._lost_cases = lost

    def _say(self, text: str) -> None:
        self._wrong.tell((text,))
