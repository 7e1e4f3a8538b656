"""Offload: copies a device's recordings to an office's directory, and acknowledges them.

Procedure, for each recording; each line is durable before the next begins, and an offload that was
interrupted anywhere is completed by the next one; it begins only if the directory is on another
disk than the recordings:

1. copy it under a temporary name, read it back from the storage, compare, rename;
2. the device signs a receipt over the copy, with the head of its ledger;
3. the ledger is copied up to that head at least, then the receipt is written beside the copy;
4. the device's ledger calls the recording acknowledged.

At last the ledger is copied once more. Only a receipt makes a recording acknowledged; a copy
without one is compared again, and a receipt that the device does not know of yet is handed in
again. Recordings without an end stay where they are until the device has closed them.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator
from typing import Protocol

import msgspec

from camerad.base import durable_files, file_status, storage_errors
from camerad.base.errors import CameradError, StorageError
from camerad.base.message_ids import MessageId
from camerad.container.keys import KeyRing
from camerad.container.statements import RecordingInfo
from camerad.evidence.holdings import directory_for_receipt, find_holdings, make_holding, put_key
from camerad.evidence.ledger_mirror import mirror_ledger
from camerad.ledger.ledger import read_ledger
from camerad.ledger.ledger_state import LedgerState, describe_harm
from camerad.store import disk, receipts, verified_copy
from camerad.store.device_client import OffloadError, OffloadSource
from camerad.store.inventory import list_place
from camerad.store.listing import INTERRUPTED, RECORDING, read_info
from camerad.store.locations import (
    KEYS,
    LEDGER,
    OFFICE,
    RECORDINGS,
    Holding,
    Place,
    check_directories,
    holding_name,
    office_place,
)
from camerad.store.receipts import CopiedRecording, FiledReceipt
from camerad.verify.judge import verify
from camerad.verify.verdict import Verdict

_log = logging.getLogger(__name__)


class OffloadProgress(Protocol):
    """A display of an offload's progress."""

    def start(self, count: int, total: int) -> None:
        """So many recordings are to be copied, and so many bytes to be written and read back."""

    def start_recording(self, recording: str) -> None:
        """This recording comes next."""

    def advance(self, count: int) -> None:
        """So many bytes more were written or read back."""


class OffloadResult(msgspec.Struct):
    """What an offload did: ids of recordings.

    copied: those that were copied. acknowledged: those that have a receipt from this run. there:
    those that had one. open: those without an end. problems: what needs a person.
    """

    copied: list[str] = msgspec.field(default_factory=list)
    acknowledged: list[str] = msgspec.field(default_factory=list)
    there: list[str] = msgspec.field(default_factory=list)
    open: list[str] = msgspec.field(default_factory=list)
    problems: list[str] = msgspec.field(default_factory=list)


def offload(
    device: OffloadSource, target: str, watcher: OffloadProgress, *, same_disk: bool = False
) -> OffloadResult:
    """Copy what is new to the office's directory `target`, which must exist.

    same_disk: it may lie on the disk that has the device's own recordings, which is then no second
    place for them: for trials. Without, that is refused, since it is what an office's storage looks
    like that is not mounted, and what is acknowledged may be deleted from the device.

    Raises OffloadError if it cannot be used or another offload of this device is under way, and
    StorageError; what was acknowledged before stays so.
    """
    target = os.path.realpath(target)  # a link that a person named counts as what it leads to
    check_directories(device.place)
    _check_target(device.place, target, same_disk=same_disk)
    with _alone(device):
        durable_files.sync_all()
        return _Offload(device, target, watcher).run()


class _Offload:
    def __init__(self, device: OffloadSource, target: str, watcher: OffloadProgress) -> None:
        self._device = device
        self._target = target
        self._watcher = watcher
        self._done = OffloadResult()
        self._directory = directory_for_receipt(target)
        self._deleted = _deleted_in(target)
        self._state = LedgerState()
        self._receipts = {
            recording: found
            for holding in self._holdings()
            for recording, found in receipts.by_recording(
                receipts.read(holding.receipts, device.receipt_keys)
            ).items()
        }

    def run(self) -> OffloadResult:
        infos = sorted(list_place(self._device.place), key=lambda info: info.id)
        self._state = self._device.state()
        self._tell_of_harm({info.id for info in infos})
        self._hand_in_again()
        wanted = [info for info in infos if self._is_wanted(info)]
        if wanted:
            holding = make_holding(self._target, wanted[-1].device, self._device.key)
            self._mirror(holding)
            self._copy_all(holding, wanted)
        for holding in self._holdings():
            self._put_key(holding)
            self._mirror(holding)
        return self._done

    def _tell_of_harm(self, listed: set[str]) -> None:
        """What vanished from the device, or changed there, or cannot be read, is always named.
        listed: the recordings that could be read."""
        place = self._device.place
        gone = set()
        unread = set()
        for known in self._state.recordings.values():
            if known.here and known.ended is not None and known.id not in listed:
                paths = place.files_of(known.id)
                if not paths:
                    gone.add(known.id)
                elif known.final is not None and not all(map(_is_readable, paths)):
                    unread.add(known.id)
        if gone:
            self._state = self._device.state()  # what was deleted meanwhile has its tombstone
        for known in self._state.recordings.values():
            what = describe_harm(known, self._state)
            if what is None and known.id in gone and known.deleted is None:
                what = "its file is gone, and the device's ledger has no deletion of it"
            if what is None and known.id in unread:
                what = "its file cannot be read, so it was not copied"
            if what is not None:
                self._done.problems.append(f"{known.id}: {what}; verify the office's directory")

    def _mirror(self, holding: Holding, *, recent: bool = False) -> None:
        device = self._device
        for problem in mirror_ledger(device.place.ledger, holding, device.keys, recent=recent):
            if problem not in self._done.problems:
                self._done.problems.append(problem)

    def _holdings(self) -> list[Holding]:
        """What the directory has of this device, under any of its keys."""
        return find_holdings(self._target, self._device.keys)

    def _put_key(self, holding: Holding) -> None:
        """The key by which these recordings were made, beside them."""
        keys = self._device.keys.values()
        put_key(holding, next(one for one in keys if holding.root.endswith(holding_name("", one))))

    def _hand_in_again(self) -> None:
        """Receipts that were written, but never reached the ledger."""
        state = self._state
        pending: dict[str, FiledReceipt] = {}
        unusable: list[str] = []
        for copied, filed in self._receipts.values():
            known = state.recordings.get(copied.id)
            if known is None or not known.here or known.acknowledged is not None:
                continue
            if self._is_accepted(filed.receipt.kid):
                pending[filed.sha256] = filed
            else:
                # By a key that was replaced since: the copy is compared, and gets another one.
                unusable.append(copied.id)
        for recording in unusable:
            del self._receipts[recording]
        for filed in pending.values():
            self._device.acknowledge(filed.token)

    def _is_accepted(self, kid: str) -> bool:
        """Whether a receipt by this key still makes the device call a recording acknowledged."""
        device = self._device
        return kid == device.key.thumbprint or (
            kid in device.receipt_keys and kid not in device.keys
        )

    def _is_wanted(self, info: RecordingInfo) -> bool:
        if info.state in (RECORDING, INTERRUPTED) or info.final is None:
            self._done.open.append(info.id)
            return False
        if (info.id, info.final) in self._deleted:
            return False  # the office had it, and deleted it in time
        known = self._state.recordings.get(info.id)
        if known is None or known.final != info.final:
            # One file that was put there must not keep the others from being handed over.
            self._done.problems.append(
                f"{info.id}: it was not copied: its file ends with {info.final}, which the "
                "device's ledger does not know. If it ended just now, run this again. Otherwise "
                "restart the daemon, which compares files and ledger, and read its log"
            )
            return False
        receipt = self._receipts.get(info.id)
        if receipt is None:
            return True
        copied, filed = receipt
        beside = os.path.dirname(os.path.dirname(filed.path))
        copy = Holding(beside, os.path.join(beside, RECORDINGS)).file(info.id)
        if copied.final != info.final:
            self._done.problems.append(
                f"{info.id}: it was not copied: its file on the device ends with {info.final}, "
                f"but the office has a receipt for one that ends with {copied.final}. Verify both"
            )
            return False
        if file_status.exists(copy) and _size(copy) == copied.bytes:
            self._done.there.append(info.id)
            return False
        return True

    def _copy_all(self, holding: Holding, infos: list[RecordingInfo]) -> None:
        self._watcher.start(len(infos), 2 * sum(_size(info.path) for info in infos))
        for info in infos:
            self._watcher.start_recording(info.id)
            copied = self._copy(holding, info)
            if copied is not None:
                self._acknowledge(holding, infos[-1].device, copied)

    def _copy(self, holding: Holding, info: RecordingInfo) -> CopiedRecording | None:
        """A copy that has been compared with its source; None if that is gone meanwhile, or another
        one than the office has, whole: a card that fails must not take that with it."""
        target = holding.file(info.id)
        receipt = self._receipts.get(info.id)
        if file_status.is_file(target) and file_status.exists(info.path):
            there = verified_copy.digest(target, self._watcher.advance, fresh=True)
            source = verified_copy.digest(info.path, self._watcher.advance)
            if there == source:
                return CopiedRecording(info.id, info.final or "", *there)
            if verify(target, self._device.keys).verdict <= Verdict.QUALIFIED:
                self._done.problems.append(
                    f"{info.id}: it was not copied: the office has it whole, and its file on the "
                    "device is not the same any more. The office's copy stays. Verify both; the "
                    "device's card may be failing"
                )
                return None
        try:
            found = verified_copy.copy(info.path, target, self._watcher.advance)
        except StorageError:
            if file_status.exists(info.path):
                raise
            return None  # the device has deleted it meanwhile, in time
        if receipt is not None and receipt[0].sha256 != found.sha256:
            self._done.problems.append(
                f"{info.id}: it was copied, but its file on the device is not the one that the "
                "office had a receipt for: verify it"
            )
        self._done.copied.append(info.id)
        return CopiedRecording(info.id, info.final or "", *found)

    def _acknowledge(self, holding: Holding, device: str, copied: CopiedRecording) -> None:
        """One receipt for each recording: it is deleted together with that."""
        token = self._device.sign(device, self._directory, [copied])
        self._mirror(holding, recent=True)
        receipts.write(holding.receipts, token)
        self._device.acknowledge(token)
        self._done.acknowledged.append(copied.id)


def _size(path: str) -> int:
    """Bytes of a file; 0 if it has just been deleted."""
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


def _is_readable(path: str) -> bool:
    """Whether what a recording says of itself can be read, if it is one."""
    try:
        read_info(path)
    except StorageError:
        return False
    except (CameradError, ValueError, ArithmeticError):
        return True  # it is none, which the device's ledger says
    return True


def _check_target(place: Place, target: str, *, same_disk: bool) -> None:
    if not file_status.is_directory(target, linked=True):
        raise OffloadError(
            f"{target}: there is no such directory; mount the storage there, or make it"
        )
    check_directories(office_place(target))
    root = os.path.realpath(place.root)
    if os.path.commonpath([root, os.path.realpath(target)]) == root:
        raise OffloadError(
            f"{target}: this is within the device's own directory; name other storage"
        )
    recordings = place.holdings[0].recordings
    if not same_disk and disk.disk_of(target) == disk.disk_of(recordings):
        raise OffloadError(
            f"{target}: this is on the disk of the device's own recordings ({recordings}), and a "
            "copy there protects nothing. Usually the office's storage is not mounted: 'findmnt "
            f"--target {target}' shows what is there. Mount it, or name a directory on it. For a "
            "trial on one disk: --same-disk"
        )


def _deleted_in(target: str) -> frozenset[tuple[str, str]]:
    """Recordings that the office's ledger calls deleted, so far as it can be read: their ids and
    ends, since another camera may have drawn the same id.

    The ledger's keys are those beside it: a false tombstone could only keep a recording on the
    device, and that without an acknowledgement. Raises ForbiddenError: what the office deleted must
    not come back because no check could see that.
    """
    office = os.path.join(target, OFFICE)
    try:
        keys = KeyRing.read([os.path.join(office, KEYS)])
        state, _ = read_ledger(os.path.join(office, LEDGER), keys)
    except storage_errors.ForbiddenError:
        raise
    except (CameradError, OSError) as error:
        _log.debug(
            "%s: no ledger of the office is read: %s", office, error, extra=MessageId.DETAIL.extra
        )
        return frozenset()
    return frozenset(
        (known.id, known.final)
        for known in state.recordings.values()
        if known.deleted is not None and known.final is not None
    )


@contextlib.contextmanager
def _alone(device: OffloadSource) -> Iterator[None]:
    """Make sure that only one offload of a device runs; the claim is on the device, since not all
    other storage knows locks."""
    try:
        descriptor = durable_files.lock_directory(device.place.ledger)
    except BlockingIOError as error:
        raise OffloadError(
            f"{device.place.root}: another offload of this device is under way; wait for its end"
        ) from error
    try:
        yield
    finally:
        os.close(descriptor)
