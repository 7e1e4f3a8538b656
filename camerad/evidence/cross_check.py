"""Compares files, receipts and ledgers, for ``camerad evidence verify``.

Each signs for something else. The place's own ledger says what must be here, and what was deleted;
a receipt, by the device or by the office, what an office has; the copy of a device's ledger, which
of its recordings have a receipt, and its hash. A person who takes away one of them has the others
against him.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

import msgspec

from camerad.base import file_status, storage_errors
from camerad.base.clock import DAY
from camerad.base.errors import StorageError
from camerad.base.storage_errors import ForbiddenError
from camerad.base.text import count
from camerad.container.keys import KeyFileError, KeyRing, read_public_key
from camerad.container.recording_files import SUFFIX
from camerad.container.recording_ids import is_id
from camerad.container.severity import Severity
from camerad.evidence.holdings import holding_key
from camerad.ledger import log_segments
from camerad.ledger.audit import LedgerFinding
from camerad.ledger.ledger_state import LedgerState, describe_harm
from camerad.ledger.recording_entries import OFFLOADED
from camerad.ledger.recording_state import RecordingState
from camerad.ledger.tombstone_ages import LedgerTimes
from camerad.store import receipts
from camerad.store.locations import (
    Holding,
    Place,
    PlaceKind,
    device_stem,
    holding_ending,
    office_place,
)
from camerad.store.receipts import CopiedRecording, FiledReceipt
from camerad.verify.verdict import Report

Remark = tuple[Severity, str]
ReceiptedRecordings = Mapping[str, tuple[CopiedRecording, FiledReceipt]]


class CheckedLedger(msgspec.Struct, frozen=True):
    """A ledger that was read. own: it is the place's own, which says what must be here."""

    name: str
    own: bool
    state: LedgerState
    findings: Sequence[LedgerFinding]
    times: LedgerTimes = msgspec.field(default_factory=LedgerTimes)


class CheckedPlace(msgspec.Struct, frozen=True):
    """What was checked. receipts: those that count, of each holding whose receipts could be read.
    partly: only some of an office's devices were asked for. unproven: keys that may be the
    office's, where its own is not at hand."""

    place: Place
    receipts: Mapping[Holding, Sequence[FiledReceipt]]
    ledgers: Sequence[CheckedLedger]
    reports: Sequence[Report]
    partly: bool
    unproven: KeyRing


def find_disagreements(checked: CheckedPlace) -> Iterator[Remark]:
    """Everything that does not fit together."""
    return _Comparison(checked).run()


def describe_absent(place: Place, ledgers: Iterable[CheckedLedger], keys: KeyRing) -> str:
    """That nothing of cameras whose keys are trusted is in an office's directory, which has no
    separate ledger that would miss it; "" if that is not so."""
    if any(one.state.head.sequence for one in ledgers if one.own):
        return ""
    here = {one.name for one in place.holdings}
    here |= {os.path.relpath(one.directory, place.root).split(os.sep)[0] for one in place.unread}
    absent = [
        kid for kid in sorted(keys) if not any(name.endswith(holding_ending(kid)) for name in here)
    ]
    if not absent:
        return ""
    return (
        f"{place.root}: nothing is here of {count(len(absent), 'camera')} whose key is trusted "
        f"({', '.join(absent)}), and no ledger of the office's own that would miss it: nothing was "
        "handed over here, or a whole directory was taken away"
    )


class _Comparison:
    """One comparison."""

    def __init__(self, checked: CheckedPlace) -> None:
        self._checked: Final = checked
        self._place = checked.place
        self._is_office = checked.place.kind is PlaceKind.OFFICE
        own = next((one.state for one in checked.ledgers if one.own), None)
        self._has_ledger = own is not None
        self._known = own.recordings if own is not None else {}
        whole = office_place(checked.place.root) if self._is_office else checked.place
        self._whole = whole
        # Whose recordings may be in an unreadable place: of these nothing is called gone.
        self._unseen = whole.unread_stems(gone=False)
        self._told: set[str] = set()
        self._copied = set(self._names())

    def run(self) -> Iterator[Remark]:
        """Everything."""
        yield from self._against_own_ledger()
        yield from self._doubled()
        if self._is_office:
            for holding in self._place.holdings:
                yield from self._against_receipts(holding)
                yield from self._of_other_cameras(holding)
            yield from self._against_tombstones()

    def _is_here(self, recording: str) -> bool:
        return bool(self._whole.files_of(recording))

    def _is_unseen(self, stem: str) -> bool:
        """Whether recordings of a device may be in a directory that cannot be read.

        stem: what the names of the device's directories begin with; "" if the device is not known:
        then whether there is any such directory.
        """
        return stem in self._unseen or (not stem and bool(self._unseen))

    def _against_own_ledger(self) -> Iterator[Remark]:
        named = {one.stem for one in self._place.holdings}
        for one in self._known.values():
            here = self._is_here(one.id)
            if not here and one.deleted is None:
                if self._checked.partly and device_stem(one.device) not in named:
                    continue  # another device's
                if self._is_unseen(device_stem(one.device)):
                    continue
                self._told.add(one.id)
                text = f"{one.id}: its file is gone, and the ledger has no deletion of it"
                yield Severity.DAMAGE, text + (", but a hold" if one.held else "")
            elif one.deleted is not None and here:
                text = f"{one.id}: the ledger calls it deleted, but its file is still here"
                yield Severity.DAMAGE, text + "; the next purge says why"
            elif one.deleted is not None and one.id in self._copied:
                yield Severity.NOTE, f"{one.id}: the ledger calls it deleted, but a copy is here"
        if self._has_ledger:
            for name in sorted(set(self._names()) - set(self._known)):
                yield Severity.NOTE, f"{name}: the ledger does not know it"

    def _names(self) -> Iterator[str]:
        """The ids of what was checked: as its header says, since a copy has any name."""
        for report in self._checked.reports:
            header = report.result.header if report.result is not None else None
            yield (
                os.path.basename(report.path).removesuffix(SUFFIX) if header is None else header.id
            )

    def _doubled(self) -> Iterator[Remark]:
        """Recordings of which there are several files; they count once."""
        found: defaultdict[str, list[str]] = defaultdict(list)
        for report in self._checked.reports:
            header = report.result.header if report.result is not None else None
            if header is not None:
                found[header.id].append(os.path.relpath(report.path, self._place.root))
        for recording, paths in sorted(found.items()):
            if len(paths) > 1:
                text = f"{recording}: it is here {len(paths)} times: {', '.join(sorted(paths))}"
                yield Severity.NOTE, text

    def _against_receipts(self, holding: Holding) -> Iterator[Remark]:
        if not file_status.exists(holding.receipts):
            yield Severity.DAMAGE, f"{holding.receipts}: the directory of the receipts is gone"
        filed = self._checked.receipts.get(holding)
        if filed is None or self._is_unseen(holding.stem):
            return  # that is told; nothing can be missed by what was not seen
        counted = {one.path for one in filed}
        for path in receipts.paths(holding.receipts):
            if path in counted:
                continue
            other = receipts.unproven(path)
            if other is not None and other.is_by(self._checked.unproven):
                text = (
                    f"{path}: it is signed by a key that lies beside it: this finds accidents, but "
                    "not a person who could change both; name the office's key with --office-key"
                )
                yield Severity.NOTE, text
            else:
                text = f"{path}: it is named like a receipt, and is none that a trusted key signed"
                yield Severity.DAMAGE, text
        received = receipts.by_recording(filed)
        yield from self._of_another_office(holding, received)
        yield from self._of_another_end(received)
        for name in sorted(received):
            known = self._known.get(name)
            deleted = known is not None and known.deleted is not None
            if not deleted and not self._is_here(name) and name not in self._told:
                self._told.add(name)
                text = f"{name}: there is a receipt for it, but neither its file nor a deletion"
                yield Severity.DAMAGE, text
        state = self._ledger_of(holding)
        if state is None:
            return
        for one in state.recordings.values():
            yield from self._lost_on_device(one, state)
            if one.acknowledged is not None and one.id not in received:
                yield from self._without_receipt(holding, one, state)

    def _of_other_cameras(self, holding: Holding) -> Iterator[Remark]:
        """About recordings that lie in another camera's directory."""
        for report in self._checked.reports:
            result = report.result
            if os.path.dirname(report.path) != holding.recordings or result is None:
                continue
            header, kid = result.header, result.kid
            if header is None or kid is None or holding.name.endswith(holding_ending(kid)):
                continue
            state = self._ledger_of(holding)
            named = state.recordings.get(header.id) if state is not None else None
            known = named is not None and named.final is not None and named.final == result.final
            if not known and holding.stem != device_stem(header.device):
                yield Severity.DAMAGE, f"{report.path}: this is a recording of another camera"

    def _against_tombstones(self) -> Iterator[Remark]:
        """About tombstones of the office's own ledger that the cameras' ledgers contradict."""
        own = next((one for one in self._checked.ledgers if one.own), None)
        theirs = [one for one in self._checked.ledgers if not one.own]
        for one in own.times.tombstones if own is not None else ():
            if one.facts.why == OFFLOADED:
                text = f"{one.facts.id} was deleted as handed over, which no office's own is"
                yield Severity.DAMAGE, text
            elif own is not None and not own.times.find_contradiction(one):
                told = [
                    (it.times, it.state.recordings[one.facts.id])
                    for it in theirs
                    if one.facts.id in it.state.recordings
                ]
                if wrong := own.times.find_contradiction(one, told):
                    yield Severity.DAMAGE, f"{wrong}, by its camera's ledger"

    def _ledger_of(self, holding: Holding) -> LedgerState | None:
        """What the copy of the device's ledger says; None if it was not read."""
        ledgers = (one.state for one in self._checked.ledgers if one.name == holding.ledger)
        return next(ledgers, None)

    def _of_another_end(self, received: ReceiptedRecordings) -> Iterator[Remark]:
        """About recordings that end otherwise than the last receipt about them says."""
        for report in self._checked.reports:
            result = report.result
            if result is None or result.header is None or result.final is None:
                continue
            copied, filed = received.get(result.header.id, (None, None))
            if copied is not None and filed is not None and copied.final != result.final:
                text = f"{report.path}: it ends otherwise than the receipt {filed.path} says"
                yield Severity.DAMAGE, text

    def _of_another_office(
        self, holding: Holding, received: ReceiptedRecordings
    ) -> Iterator[Remark]:
        """About receipts that name another office's directory, and recordings that this one's
        ledger does not know: the ledger with the holds on them is not here."""
        if not self._has_ledger:
            return  # that is told where the ledger is looked for
        others = {
            filed.receipt.directory_id
            for name, (_, filed) in received.items()
            if name not in self._known
        }
        for other in sorted(others):
            if other == receipts.read_directory_id(self._place.root):
                continue
            text = (
                f"{holding.root}: receipts here name the office's directory {other}, whose ledger "
                "is not here, with every hold that it had"
            )
            yield Severity.DAMAGE, text

    def _lost_on_device(self, one: RecordingState, state: LedgerState) -> Iterator[Remark]:
        """About a recording of which the device's ledger itself says that its file came to harm, or
        that it never got an end, and of which no whole copy is here."""
        own = self._known.get(one.id)
        if one.deleted is not None or one.id in self._told:
            return
        if own is not None and own.deleted is not None:
            return  # the office had it, and deleted it in time
        what = describe_harm(one, state)
        if what is None:
            return
        self._told.add(one.id)
        if self._is_here(one.id):
            yield Severity.NOTE, f"{one.id}: on the device {what}; a copy is here"
        else:
            yield Severity.DAMAGE, f"{one.id}: on the device {what}, and no copy of it is here"

    def _without_receipt(
        self, holding: Holding, one: RecordingState, state: LedgerState
    ) -> Iterator[Remark]:
        """About a recording whose receipt the device's ledger names, and that has none here."""
        if one.id in self._told:
            return
        named = f"{one.id}: its device's ledger names its receipt ({one.acknowledged})"
        if is_id(one.id) and file_status.exists(holding.file(one.id)):
            self._told.add(one.id)
            yield Severity.DAMAGE, f"{named}, and no receipt for it is here any more"
            return
        at_us = state.timeline.wall_at_least_us
        kept = (
            one.ended is None
            or at_us is None
            or at_us - one.ended.wall_us < (one.retention_days * DAY)
        )
        own = self._known.get(one.id)
        if kept and one.here and (own is None or own.deleted is None):
            text = (
                "but neither that nor its file is here: they were taken away, or they are in the "
            )
            yield Severity.NOTE, f"{named}, {text}directory of another office"


def check_holding(holding: Holding) -> Iterator[Remark]:
    """What is wrong with what came with a device's recordings, beside receipts and ledger. Raises
    ForbiddenError, once all else is said, where this user may not read it."""
    forbidden = None
    for remarks in (_about_key(holding), _kept_aside(holding)):
        try:
            yield from remarks
        except ForbiddenError as error:
            forbidden = forbidden or error
    if forbidden is not None:
        raise forbidden


def _about_key(holding: Holding) -> Iterator[Remark]:
    """About the key that came with the recordings: that it is gone, and that there is another file
    in its place, is the same."""
    try:
        holding_key(holding)
    except KeyFileError as error:
        cause = error.__cause__
        if isinstance(cause, OSError) and cause.errno in storage_errors.FORBIDDEN:
            raise storage_errors.explain("read the key", holding.key, cause) from error
        text = "the key that came with the recordings is gone, or is another one"
        mend = "offload the camera once more, which puts it there"
        if (ending := _ending_by_key(holding)) is not None:
            text = "this directory is not called after the key in it"
            mend = (
                f"if it was renamed, give it its name back, which ends in {ending}; if not, the "
                "file is not the camera's: offload that once more"
            )
        yield Severity.DAMAGE, f"{holding.key}: {text}: {mend}"


def _ending_by_key(holding: Holding) -> str | None:
    """How a directory should be called by the key in it; None if there is none."""
    try:
        return holding_ending(read_public_key(holding.key).thumbprint)
    except KeyFileError:
        return None


def _kept_aside(holding: Holding) -> Iterator[Remark]:
    """About what a device's ledger said that does not fit the copy of it."""
    aside = holding.earlier_ledger
    if not file_status.exists(aside):
        return
    try:
        shelf = log_segments.list_files(aside)
    except ForbiddenError:
        raise
    except StorageError as error:
        yield Severity.DAMAGE, str(error)
        return
    branch = shelf.epochs | shelf.damaged | shelf.checkpoints
    if branch:
        text = (
            f"{aside}: the card was put back to an earlier state, or its ledger was replaced. "
            f"This is what the device says instead, from epoch {min(branch)} on. Everything here "
            "is judged by the copy of its ledger, which is the longer one"
        )
        yield Severity.DAMAGE, text
    elif shelf.others:
        yield (
            Severity.NOTE,
            f"{aside}: these are parts of the device's ledger, or of its copy, from which nothing "
            "goes on",
        )
