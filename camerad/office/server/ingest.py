"""Ingests a complete upload into the office's directory, and signs the receipt for it.

What a receipt rests on. Procedure (docs/office-api.md, "A complete upload"); each line is durable
before the next begins, and what was interrupted anywhere is completed by the next `Ingest.take`:

1. synchronise the file, and read it back from the storage, once: what is read is checked with the
   camera's registered key alone, and against its declaration and the copy of its ledger. SHA-256 of
   all that is read;
2. give it its place among the camera's recordings; it is not written twice;
3. make its replica, if there are replicas, and compare that (`camerad.office.replicas.replicas`);
   one of several servers does this first (`camerad.office.replicas.shared_directory`);
4. publish the receipt, signed by the office's key, with that SHA-256;
5. remove what the upload left.

So nothing is acknowledged but what the storage gave back and the camera signed, byte for byte. What
does not verify is compared with what came (`camerad.office.server.part_upload`): what the storage
changed is the storage's fault, and no reason to refuse the camera's recording for good.

A copy that is there without a receipt by the office's key, as where an offload was cut off, is
checked in the same way and gets one: nothing is sent again.

What does not verify is quarantined as it came (`camerad.office.server.quarantine`), and is never
acknowledged. What the copy of the ledger does not know yet waits for it.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Final

from camerad.base import durable_files, file_status
from camerad.base.clock import Clock, Moment
from camerad.base.errors import StorageError
from camerad.base.message_ids import MessageId
from camerad.base.text import printable
from camerad.container.keys import KeyRing, SigningKey, Thumbprint
from camerad.container.recording_files import SUFFIX
from camerad.container.recording_ids import RecordingId
from camerad.evidence.holdings import directory_for_receipt, directory_id
from camerad.ledger.entries import Head
from camerad.ledger.ledger_state import LedgerState
from camerad.ledger.recording_state import RecordingState
from camerad.office.replicas.replica_store import name_of
from camerad.office.replicas.shared_directory import SharedDirectory
from camerad.office.server.camera_holdings import CameraHoldings, size_of
from camerad.office.server.judgement import check_recording, has_anothers
from camerad.office.server.part_upload import ArrivedPart, reads_as_it_came
from camerad.office.server.preflight import check_directory
from camerad.office.server.quarantine import Quarantine
from camerad.office.server.tombstones import Tombstones
from camerad.office.server.uploads import Declaration, Uploads
from camerad.store import receipts, verified_copy
from camerad.store.locations import Holding
from camerad.store.receipts import CopiedRecording, Receipt
from camerad.store.verified_copy import Digest

_log = logging.getLogger(__name__)

WAITS: Final = (
    "the office's copy of the camera's ledger does not know the end of this recording yet: bring "
    "the ledger first, and ask again"
)
BRANCHED: Final = (
    "the office's copy of the camera's ledger does not know the end of this recording, and the "
    "camera's ledger does not go on from that copy: its card was put back, or its ledger was "
    "replaced. Look into it, and set the camera up anew"
)
DELETED: Final = "the office had this recording, and deleted it in its time"
_OTHER: Final = (
    "the office has another file under this recording's id, which is not replaced: compare both"
)

_ANOTHERS: Final = (
    "the office has another camera's recording of this id, which is drawn at random: look at both"
)


class IngestEvent(StrEnum):
    """Outcomes of a complete upload."""

    TAKEN = "taken"
    """It was checked, stored and read back, and has a receipt."""
    COMPARED = "compared"
    """A copy that came another way got its receipt."""
    QUARANTINED = "quarantined"
    """It does not verify, and was quarantined."""
    SIGNED = "signed"
    """A receipt was signed and published."""


IngestListener = Callable[[IngestEvent], None]
"""Called on any thread, after everything is durable. It returns at once, and raises nothing."""


def no_op(_event: IngestEvent) -> None:
    """Listens to nothing."""


class Ingest:
    """key: the office's own, which signs receipts. tell: hears what becomes of uploads.
    replica: makes the replica of the file at a path, and raises StorageError if that cannot
    be done: then there is no receipt. It is told a moment at which the office's ledger did not know
    the recording yet; None if it knows it.

    Any thread may call it; of one camera one recording is taken at a time. Everything raises
    UnregisteredError for a key that is not in the register, and StorageError.
    """

    def __init__(
        self,
        holdings: CameraHoldings,
        uploads: Uploads,
        key: SigningKey,
        clock: Clock,
        *,
        tell: IngestListener = no_op,
        replica: Callable[[str, CopiedRecording, Moment | None], None] | None = None,
    ) -> None:
        self._holdings = holdings
        self._state = holdings.state
        self._root = holdings.root
        self._shared = holdings.shared
        self._uploads = uploads
        self._key = key
        self._clock = clock
        self._tell = tell
        self._replica = replica
        self._quarantine = Quarantine(self._root)
        self._tombstones = Tombstones(self._root, key.public)
        self._waiting: set[tuple[Thumbprint, RecordingId]] = set()
        self._to_vouch_for: set[tuple[Thumbprint, Declaration]] = set()
        self._unfit: set[tuple[Thumbprint, RecordingId]] = set()
        """Copies that are not what the camera's ledger names, as this process found out."""
        # A process that was killed may have left what a loss of power could still take back.
        durable_files.sync_all()
        directory_id(self._root)

    def take(self, kid: Thumbprint, declaration: Declaration) -> bool:
        """Ingest a complete upload, or quarantine it, or leave it until the ledger came.

        kid: thumbprint of the camera's key. Returns when everything is durable; `receipt` and
        `refusal` say what became of it. Nothing is done if there is no such upload any more; and if
        another server ingests something of this camera, then False is returned. Raises
        OfficeKeyError if the office's ledger is not by its key, NotMountedError, and StorageError,
        also if the storage returns other bytes than were written; then nothing is acknowledged, and
        another call begins again.
        """
        check_directory(self._root)
        with self._state.try_hold(f"ingest {kid}") as own:
            if own:
                if self._shared is not None:
                    self._shared.refresh()
                    self._shared.fetch()
                self._take(kid, declaration)
            return own

    def receipt(self, kid: Thumbprint, recording: RecordingId) -> bytes | None:
        """The receipt for a recording of this camera; None if there is none by the office's present
        key, which alone the camera accepts, or the copy is not there any more with that size."""
        for holding in self._holdings.list_all(kid):
            path = holding.file(recording)
            found = self._filed(kid, holding, recording)
            if found is not None and self._holdings.size_of(path) == found[0].bytes:
                # It may have been published just now, and not be durable yet.
                durable_files.sync_directory(holding.receipts)
                return found[1]
        return None

    def find_unreceipted(self, kid: Thumbprint, recording: RecordingId) -> Declaration | None:
        """A copy that came another way and has no receipt by the office's present key: hand what is
        returned to `take`, which compares the copy with the camera's ledger and signs one. None if
        there is no such copy, or it is not what the ledger names; then it has to be uploaded."""
        placed = self._placed(kid, recording)
        size = None if placed is None else size_of(placed)
        if size is None or (kid, recording) in self._unfit or self.receipt(kid, recording):
            return None
        if self._is_deleted(kid, recording):
            return None  # it is about to go
        known = self._known(kid, recording)
        if known is None or known.final is None:
            return None
        found = Declaration(recording, known.final, size)
        self._to_vouch_for.add((kid, found))
        return found

    def refusal(
        self, kid: Thumbprint, recording: RecordingId, state: LedgerState | None = None
    ) -> str | None:
        """Why the office does not ingest a recording, in a sentence for people; None if nothing
        is against it. `is_waiting` tells that only the ledger has to come first. state: what the
        copy of the camera's ledger says, where that was read already."""
        if self.is_waiting(kid, recording):
            holding = self._holdings.find(kid)
            branched = holding is not None and file_status.exists(holding.earlier_ledger)
            return BRANCHED if branched else WAITS
        said = self._quarantine.why(kid, recording)
        if said is None and self._is_deleted(kid, recording, state=state):
            said = DELETED
        return said

    def is_waiting(self, kid: Thumbprint, recording: RecordingId) -> bool:
        """Whether a complete upload waits for the camera's ledger."""
        if (kid, recording) not in self._waiting:
            return False
        if self._uploads.find_complete(kid, recording) is None:
            # Another server got the ledger, and ingested or quarantined it.
            self._waiting.discard((kid, recording))
            return False
        return True

    def ledger_came(self, kid: Thumbprint) -> None:
        """None of this camera's uploads waits for its ledger, until `take` finds that it does. Call
        `take` with each of `pending` then."""
        for one in [one for one in list(self._waiting) if one[0] == kid]:
            self._waiting.discard(one)

    def pending(self, kid: Thumbprint) -> list[Declaration]:
        """The complete uploads of a camera that are still to be taken."""
        return [declared for _, declared in self._uploads.complete(kid)]

    # ------------------------------------------------------------------ one upload

    def _take(self, kid: Thumbprint, declared: Declaration) -> None:
        recording = declared.recording
        self._waiting.discard((kid, recording))
        if self._uploads.find_complete(kid, recording) != declared:
            # It was dealt with before, and may have been begun anew since.
            if (kid, declared) in self._to_vouch_for:
                self._vouch_for(kid, declared)
                self._to_vouch_for.discard((kid, declared))
            return
        content = self._uploads.content_path(kid, recording)
        placed = self._placed(kid, recording)
        if self._shared is not None:
            if self._is_receipted_as(kid, declared):
                self._uploads.remove(kid, recording)  # another server has completed it
                return
            if placed is None or file_status.is_file(content):
                self._uploads.fill(kid, recording, fresh=True)
        # An upload that was interrupted behind step 2 has its place already.
        source = content if file_status.is_file(content) else placed
        if source is None:
            self._uploads.remove(kid, recording)
            self._warn(kid, recording, "its bytes are gone: check the storage; it comes again")
            return
        if self._is_deleted(kid, recording, declared.final):
            self._uploads.remove(kid, recording)
            self._warn(kid, recording, DELETED)
            return
        state = self._holdings.ledger_state(kid)
        known = None if state is None else state.recordings.get(recording)
        if state is None or known is None or known.final is None:
            self._waiting.add((kid, recording))
            return
        durable_files.sync_path(source)
        # Of an upload that began in an older version, that is what the storage gives back now.
        parts = self._uploads.arrived(kid, declared)
        first = verified_copy.digest(source) if parts is None else None
        judged = check_recording(source, declared, self._holdings.key(kid), known.final)
        if judged.why:
            _check_storage(source, parts, first, judged.written)
            self._move_to_quarantine(kid, declared, source, judged.written, judged.why)
            return
        if has_anothers(self._root, declared, placed):
            self._move_to_quarantine(kid, declared, source, judged.written, _ANOTHERS)
            return
        if placed is not None and not _is_same_file(source, placed):
            durable_files.sync_path(placed)
            if verified_copy.digest(placed, fresh=True) != judged.written:
                self._move_to_quarantine(kid, declared, source, judged.written, _OTHER)
                return
        copied = CopiedRecording(recording, declared.final, *judged.written)
        holding = self._holdings.make(kid)
        target = placed or holding.file(recording)
        if self._shared is None:
            self._place(source, target)
            self._make_replica(target, copied)
        else:
            self._share(self._shared, source, target, copied)
        if self._is_deleted(kid, recording, declared.final):
            # It was deleted since; this deletion, or the next one, removes what was placed here.
            self._warn(kid, recording, DELETED)
        else:
            self._file(kid, target, copied, state.head)
            _log.info(
                "%s: ingested from %s", recording, judged.device, extra=MessageId.UPLOAD.extra
            )
            self._tell(IngestEvent.TAKEN)
        self._uploads.remove(kid, recording)

    def _is_receipted_as(self, kid: Thumbprint, declared: Declaration) -> bool:
        """Whether there is a receipt for just this recording, and its file."""
        token = self.receipt(kid, declared.recording)
        said = None if token is None else receipts.said_of(token, declared.recording)
        return said is not None and (said.final, said.bytes) == (declared.final, declared.bytes)

    def _vouch_for(self, kid: Thumbprint, declared: Declaration) -> None:
        """Sign a receipt for a copy that is there, if it is the recording that the ledger names."""
        recording = declared.recording
        placed, state = self._placed(kid, recording), self._holdings.ledger_state(kid)
        known = None if state is None else state.recordings.get(recording)
        if placed is None or state is None or known is None or known.final is None:
            return
        # Its writer may have been interrupted before it was durable.
        durable_files.sync_path(placed)
        judged = check_recording(placed, declared, self._holdings.key(kid), known.final)
        if judged.why:
            self._unfit.add((kid, recording))
            why = f"the office has a copy that is not acknowledged: {judged.why}"
            self._warn(kid, recording, f"{why}; look at it, and at the camera")
            return
        self._holdings.make(kid)
        self._place(placed, placed)
        copied = CopiedRecording(recording, declared.final, *judged.written)
        if self._shared is None:
            self._make_replica(placed, copied)
        else:
            self._share(self._shared, placed, placed, copied)
        if not self._is_deleted(kid, recording, declared.final):
            self._file(kid, placed, copied, state.head)
            _log.info("%s: its copy was compared", recording, extra=MessageId.UPLOAD.extra)
            self._tell(IngestEvent.COMPARED)

    def _make_replica(self, path: str, copied: CopiedRecording) -> None:
        if self._replica is not None:
            now = self._clock.moment()  # before the ledger is read
            known = self._tombstones.knows(copied.id)
            self._replica(path, copied, None if known else now)

    def _share(
        self, shared: SharedDirectory, source: str, target: str, copied: CopiedRecording
    ) -> None:
        """Give an upload its place once other servers can have it from its replica: their ledger
        knows of nothing that only one of them has."""
        self._make_replica(source, copied)
        digest = Digest(copied.sha256, copied.bytes)
        shared.announce_recording(target, name_of(copied.id, copied.final), digest)
        self._place(source, target)
        shared.placed(target)

    def _known(
        self, kid: Thumbprint, recording: RecordingId, state: LedgerState | None = None
    ) -> RecordingState | None:
        """What the copy of the camera's ledger says of a recording. state: all that it says, where
        that was read already."""
        if state is None:
            state = self._holdings.ledger_state(kid)
        return None if state is None else state.recordings.get(recording)

    def _is_deleted(
        self,
        kid: Thumbprint,
        recording: RecordingId,
        final: str | None = None,
        *,
        state: LedgerState | None = None,
    ) -> bool:
        """Whether the office has deleted this camera's recording. final: as it is declared, if it
        is; else as the camera's ledger has it. state: as for `_known`."""
        known = self._known(kid, recording, state)
        if known is None:
            return self._tombstones.has(recording, final)
        return self._tombstones.has(recording, final or known.final, known.header)

    def _placed(self, kid: Thumbprint, recording: RecordingId) -> str | None:
        """The file that the office has of a recording; None if it has none."""
        paths = (one.file(recording) for one in self._holdings.list_all(kid))
        return next((path for path in paths if file_status.exists(path)), None)

    def _place(self, source: str, target: str) -> None:
        """Give an upload its place, unless there is a file; durably, its bytes and its name."""
        durable_files.sync_path(source)
        if not file_status.exists(target):
            durable_files.move(source, target)
            return
        # The process that named it may have been interrupted before that was durable.
        durable_files.sync_path(target)
        durable_files.sync_directory(os.path.dirname(target))
        if source != target and _is_same_file(source, target):
            durable_files.remove(source)

    def _file(self, kid: Thumbprint, placed: str, copied: CopiedRecording, head: Head) -> None:
        """Publish the receipt for a copy that was read back, unless the same is there."""
        root = os.path.dirname(os.path.dirname(placed))
        holding = Holding(root, os.path.dirname(placed))
        found = self._filed(kid, holding, copied.id)
        if found is not None and found[0] == copied:
            durable_files.sync_directory(holding.receipts)
            return
        receipt = Receipt(
            device=self._holdings.name(kid),
            kid=self._key.public.thumbprint,
            directory=directory_for_receipt(self._root),
            recordings=(copied,),
            head=head,
            boot_id=self._clock.boot_id,
            clock=self._clock.moment(),
        )
        token = receipts.sign(self._key, receipt)
        receipts.write(
            holding.receipts, token, None if self._shared is None else self._shared.put_file
        )
        self._tell(IngestEvent.SIGNED)

    def _filed(
        self, kid: Thumbprint, holding: Holding, recording: str
    ) -> tuple[CopiedRecording, bytes] | None:
        """What the last receipt for a recording by the office's present key says, and its token.
        What the camera itself signed for an offload acknowledges nothing in its dock."""
        keys = KeyRing([self._holdings.key(kid), self._key.public])
        filed = receipts.read(holding.receipts, keys, recording)
        own = (one for one in filed if one.receipt.kid == self._key.public.thumbprint)
        found = receipts.by_recording(own).get(recording)
        return None if found is None else (found[0], found[1].token)

    def _move_to_quarantine(
        self, kid: Thumbprint, declared: Declaration, source: str, written: Digest, why: str
    ) -> None:
        """Keep a file that is not ingested, and log it. Nothing of it is lost."""
        recording = declared.recording
        placed = self._placed(kid, recording)
        if source == placed and _is_receipted(placed):
            # It was ingested, and was damaged since: a check of the directory says so.
            kept = placed
        else:
            same = placed is not None and _is_same_file(source, placed)
            kept = self._quarantine.keep(kid, recording, source, written, why)
            if placed is not None and same and not _is_receipted(placed):
                # It got its place before it was found unfit.
                durable_files.remove(placed, missing_ok=True)
        self._uploads.remove(kid, recording)
        self._warn(kid, recording, f"{why}; it is kept as {kept}: look at it, and at the camera")
        self._tell(IngestEvent.QUARANTINED)

    def _warn(self, kid: Thumbprint, recording: RecordingId, why: str) -> None:
        _log.warning(
            "%s of camera %s is not ingested: %s",
            recording,
            self._holdings.name(kid),
            printable(why),
            extra=MessageId.NOT_TAKEN.extra,
        )


def _is_same_file(one: str, other: str) -> bool:
    """Whether two names are those of one file, so that removing either loses nothing."""
    return file_status.identity_of(one) == file_status.identity_of(other)


def _is_receipted(placed: str) -> bool:
    """Whether a receipt names the copy: then it stays where it is."""
    recording = os.path.basename(placed).removesuffix(SUFFIX)
    root = os.path.dirname(os.path.dirname(placed))
    return recording in receipts.named(Holding(root, os.path.dirname(placed)).receipts)


def _check_storage(
    path: str, parts: Sequence[ArrivedPart] | None, first: Digest | None, written: Digest
) -> None:
    """Raises StorageError if a file that reads as `written` is another than came. parts: of which
    it came; None if they are unknown. first: as it read before, then."""
    same = first == written if parts is None else reads_as_it_came(path, parts)
    if not same:
        raise StorageError(
            f"{path}: it reads back with other bytes than came; do not use this storage: take "
            "another one"
        )
