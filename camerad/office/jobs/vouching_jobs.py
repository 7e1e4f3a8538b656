"""Have others vouch for the office's log: witnesses (C2SP ``tlog-witness``), and authorities that
stamp its time (RFC 3161).

Each witness of the policy with an address is sent the newest checkpoint, and the proof that it
continues the one which this witness cosigned last. A witness that knows another history refuses,
which is logged and counts as a failure of its job. Each authority of the settings is sent the
SHA-256 of the newest checkpoint when it has not stamped that one yet, and on each new day.

Who is away is asked again at the next run, for the checkpoint that is the newest by then: that has
all entries of those before. Cosignatures and stamps are files in the log's directory
(`camerad.transparency.stamp_files`), which tell the jobs what is due.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

from rfc3161_client import HashAlgorithm, TimestampRequestBuilder

from camerad.base import durable_files
from camerad.base.clock import DAY, Clock
from camerad.base.errors import CameradError
from camerad.base.message_ids import MessageId
from camerad.container.statements import rfc3339
from camerad.office.jobs.alert_channels import read_login
from camerad.office.jobs.bounded_post import PostError, post
from camerad.office.jobs.periodic_job import JobFailedError, LogOnce
from camerad.office.server.log_vouching import cosigned_by_witness, witness_file
from camerad.office.server.office_settings import TimeStampSettings
from camerad.transparency import checkpoints
from camerad.transparency.checkpoints import Checkpoint, NoteError, SignedCheckpoint
from camerad.transparency.office_log import OfficeLog
from camerad.transparency.policy import NamedWitness, read_policy
from camerad.transparency.stamp_files import DIRECTORY, LONGEST, KeptStamp, keep_stamp, last_stamps
from camerad.transparency.time_stamps import APART_US, StampAuthority, StampError
from camerad.transparency.witness_store import make_request

log = logging.getLogger(__name__)

STAMP_SECONDS: Final = 300.0
"""Between two runs of `StampJob`."""
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
            return STAMP_SECONDS
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
            raise JobFailedError(f"not stamped by {', '.join(failed)}", STAMP_SECONDS)
        return STAMP_SECONDS

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


WITNESS_SECONDS: Final = 900.0
"""Between two runs of `WitnessJob`."""


class WitnessError(CameradError):
    """Error raised when a witness does not cosign; it says why."""


class WitnessJob:
    """ledger: directory of the office's ledger. policy: file with the policy."""

    def __init__(self, ledger: str, policy: str) -> None:
        self._log = OfficeLog(ledger)
        self._policy = policy
        self._failed = LogOnce(log, "%s", MessageId.PERIODIC_WORK)

    def look(self) -> float:
        """Ask each witness, also for what it has cosigned already: its signature says when the log
        was still that. Returns after how many seconds to look again. It blocks. Raises
        JobFailedError if one did not cosign."""
        known = self._log.read()
        if known is None:
            return WITNESS_SECONDS
        failed = {}
        for witness in read_policy(self._policy).witnesses:
            if not witness.url:
                continue
            try:
                self._ask(witness, known[1])
            except (WitnessError, PostError) as error:
                name = witness.name
                failed[name] = f"the witness {name} does not cosign the office's log: {error}"
        self._failed.tell(failed.values())
        if failed:
            raise JobFailedError(f"not cosigned by {', '.join(failed)}", WITNESS_SECONDS)
        return WITNESS_SECONDS

    def _ask(self, witness: NamedWitness, note: SignedCheckpoint) -> None:
        last = cosigned_by_witness(self._log.directory, witness)
        seen = None if last is None else last.checkpoint
        status, text = self._send(witness, seen, note)
        if status == HTTPStatus.CONFLICT and checkpoints.is_size(text.rstrip("\n")):
            # It cosigned one of which the answer was lost, or another server of the office asked.
            size = int(text)
            if size > note.checkpoint.size:
                raise WitnessError(
                    f"it has seen {size} entries, and the log has {note.checkpoint.size}: the log "
                    "was put back. docs/transparency.md says what to do"
                )
            status, text = self._send(witness, Checkpoint(note.checkpoint.origin, size, b""), note)
        if status == HTTPStatus.UNPROCESSABLE_ENTITY:
            raise WitnessError(
                "it has seen another history of this log. docs/transparency.md says what to do"
            )
        if status != HTTPStatus.OK:
            raise WitnessError(f"{status}: {text[:200].strip()}")
        try:
            line = witness.key.find(note.with_lines(checkpoints.parse_lines(text)))
            if line is None:
                raise NoteError("its answer has no signature by its key in the policy")
            cosigned = note.with_lines([line])  # all else that it sends may have any length
        except NoteError as error:
            raise WitnessError(str(error)) from error
        path = witness_file(self._log.directory, witness)
        durable_files.make_directory(os.path.dirname(path))
        durable_files.publish(path, str(cosigned).encode())
        self._log.keep(str(cosigned))

    def _send(
        self, witness: NamedWitness, seen: Checkpoint | None, note: SignedCheckpoint
    ) -> tuple[int, str]:
        shown = self._log.show(seen)
        proof = () if shown is None else shown.proof
        body = make_request(0 if seen is None else seen.size, proof, str(note)).encode()
        url = f"{witness.url.rstrip('/')}/add-checkpoint"
        status, content = post(url, body, checkpoints.LONGEST)
        return status, content.decode("utf-8", "replace")
