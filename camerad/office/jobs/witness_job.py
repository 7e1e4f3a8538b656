"""Has outside witnesses cosign the office's log (C2SP ``tlog-witness``).

Each witness of the policy with an address is sent the newest checkpoint, and the proof that it
continues the one which this witness cosigned last. One that is away is asked again at the next run,
for the checkpoint that is the newest by then: the proof covers all between. What it cosigned is a
file in the log's directory. A witness that knows another history refuses, which is logged and
counts as a failure of this job.
"""

from __future__ import annotations

import logging
import os
from http import HTTPStatus
from typing import Final

from camerad.base import durable_files
from camerad.base.errors import CameradError
from camerad.base.message_ids import MessageId
from camerad.office.jobs.bounded_post import PostError, post
from camerad.office.jobs.periodic_job import JobFailedError, LogOnce
from camerad.office.server.log_vouching import cosigned_by_witness, witness_file
from camerad.transparency import checkpoints
from camerad.transparency.checkpoints import Checkpoint, NoteError, SignedCheckpoint
from camerad.transparency.office_log import OfficeLog
from camerad.transparency.policy import NamedWitness, read_policy
from camerad.transparency.witness_store import make_request

log = logging.getLogger(__name__)

LOOK_SECONDS: Final = 900.0
"""Between two runs."""


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
            return LOOK_SECONDS
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
            raise JobFailedError(f"not cosigned by {', '.join(failed)}", LOOK_SECONDS)
        return LOOK_SECONDS

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
