"""Has time-stamp authorities stamp the office's log (RFC 3161).

Each authority of the settings is sent the SHA-256 of the newest checkpoint when it has not stamped
that one yet, and on each new day. One that is away is asked again at the next run, for the
checkpoint that is the newest by then: that has all entries of those before. Its stamps are files in
the log's directory (`camerad.transparency.stamp_files`), which tell this job what is due.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

from rfc3161_client import HashAlgorithm, TimestampRequestBuilder

from camerad.base.clock import DAY, Clock
from camerad.base.errors import CameradError
from camerad.base.message_ids import MessageId
from camerad.container.statements import rfc3339
from camerad.office.jobs.alert_channels import read_login
from camerad.office.jobs.bounded_post import post
from camerad.office.jobs.periodic_job import JobFailedError, LogOnce
from camerad.office.server.office_settings import TimeStampSettings
from camerad.transparency.checkpoints import Checkpoint
from camerad.transparency.office_log import OfficeLog
from camerad.transparency.stamp_files import DIRECTORY, LONGEST, KeptStamp, keep_stamp, last_stamps
from camerad.transparency.time_stamps import APART_US, StampAuthority, StampError

log = logging.getLogger(__name__)

LOOK_SECONDS: Final = 300.0
"""Between two runs."""
_QUERY: Final = "application/timestamp-query"


class StampJob:
    """ledger: directory of the office's ledger. clock: says what day it is."""

    def __init__(self, ledger: str, authorities: Sequence[TimeStampSettings], clock: Clock) -> None:
        self._log = OfficeLog(ledger)
        self._directory = os.path.join(self._log.directory, DIRECTORY)
        self._authorities = authorities
        self._clock = clock
        self._failed = LogOnce(log, "%s", MessageId.PERIODIC_WORK)

    def look(self) -> float:
        """Ask each authority for what is due; returns after how many seconds to look again. It
        blocks. Raises JobFailedError if one did not stamp."""
        known = self._log.read()
        if known is None:
            return LOOK_SECONDS
        checkpoint, last, failed = known[1].checkpoint, last_stamps(self._directory), {}
        for one in self._authorities:
            if not self._is_due(last.get(one.host), checkpoint):
                continue
            try:
                self._ask(one, checkpoint)
            except CameradError as error:
                failed[one.host] = f"{one.host} does not stamp the office's log: {error}"
        self._failed.tell(failed.values())
        if failed:
            raise JobFailedError(f"not stamped by {', '.join(failed)}", LOOK_SECONDS)
        return LOOK_SECONDS

    def _is_due(self, last: KeptStamp | None, checkpoint: Checkpoint) -> bool:
        if last is None or last.size != checkpoint.size:
            return True
        return self._clock.wall_us() // DAY > last.time_us // DAY

    def _ask(self, one: TimeStampSettings, checkpoint: Checkpoint) -> None:
        """Have an authority stamp a checkpoint, and keep the stamp. Raises CameradError."""
        authority = StampAuthority(str(one.certificates))
        content = checkpoint.text.encode()
        builder = TimestampRequestBuilder().data(content).hash_algorithm(HashAlgorithm.SHA256)
        request = builder.build()
        login = None if one.login_file is None else read_login(str(one.login_file))
        status, response = post(one.url, request.as_bytes(), LONGEST, _QUERY, login)
        if status != HTTPStatus.OK:
            raise StampError(f"it answers with {status}")
        stamp = authority.check(response, checkpoint.text, request.nonce)
        now = self._clock.moment()
        apart_us = abs(now.wall_us - stamp.time_us) - stamp.accuracy_us
        if now.trusted and apart_us > APART_US:
            raise StampError(
                f"by its clock it is {rfc3339(stamp.time_us)}, by this computer's "
                f"{rfc3339(now.wall_us)}"
            )
        keep_stamp(self._directory, checkpoint, stamp.time_us, one.host, response)
