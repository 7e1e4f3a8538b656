"""Compares a store's files with its ledger: invariants 3 to 5 of `camerad.store.store`.

Whatever differs is written down once, as what it is. If something is wrong with one file, the
others are compared all the same.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Iterator, Sequence

from camerad.base import file_status
from camerad.base.errors import CameradError, StorageError
from camerad.base.safe_read import sha256_plain
from camerad.container.keys import KeyRing
from camerad.container.limits import MOST_DAYS
from camerad.container.members import NotARecordingError
from camerad.container.recording_files import UNREADABLE, list_names
from camerad.container.recording_ids import ID
from camerad.container.skeleton import Skeleton, skeleton
from camerad.container.statements import RECOVERED, RecordingInfo
from camerad.ledger.ledger import Ledger
from camerad.ledger.ledger_state import UNSAID_US
from camerad.ledger.recording_state import RecordingState
from camerad.store.deletable import is_another
from camerad.store.discrepancies import Discrepancy, DiscrepancyKind, describe_ingest
from camerad.store.listing import RECORDING, read_info
from camerad.store.locations import Place, PlaceKind
from camerad.store.receipts import ReceiptedCopy, copied_by, read_directory_id
from camerad.store.trust import facts_from, is_vouched, reason_for_doubt, unvouched_facts
from camerad.store.whereabouts import Whereabouts


class Comparison:
    """infos: what the files say of themselves. trusted: keys of the devices that are believed.

    unread: what could not be read as they were compared, apart from what the place and the listing
    of its files name.
    """

    def __init__(
        self, place: Place, ledger: Ledger, trusted: KeyRing, infos: Sequence[RecordingInfo]
    ) -> None:
        self._place = place
        self._ledger = ledger
        self._trusted = trusted
        self._infos = infos
        counts = Counter(info.id for info in infos)
        self._doubled = {one for one, count in counts.items() if count > 1}
        self._closed: set[str] = set()
        self.unread: list[StorageError] = []

    def compare_all(self) -> list[Discrepancy]:
        """Everything that differs. Raises StorageError if the ledger or a directory fails; the next
        comparison finds the rest."""
        found: list[Discrepancy] = []
        receipted = self._receipted()
        compared: set[str] = set()
        for info in self._infos:
            if info.id in compared:
                text = f"it is here more than once: {info.path} has the same id"
                found.append(Discrepancy(DiscrepancyKind.DOUBLED, info.id, text, alarm=True))
            compared.add(info.id)
            difference = self._compare(info, receipted.get(info.id))
            if difference is not None:
                found.append(difference)
        found += self._put_aside()
        whereabouts = Whereabouts(self._place)
        for known in tuple(self._ledger.state.recordings.values()):
            if not known.here or known.id in compared:
                continue
            paths = self._place.files_of(known.id)
            if not paths and not self._place.unread and not whereabouts.is_away(known):
                self._ledger.append("missing", id=known.id)
                text = "its file has vanished, and no deletion of it was ever noted"
                found.append(Discrepancy(DiscrepancyKind.MISSING, known.id, text, alarm=True))
            elif paths and known.final is not None:
                found.append(self._unlisted(known, paths))
        return found

    def compare_given(self) -> list[Discrepancy]:
        """What differs about the recordings of `infos` alone. Raises as `compare_all`."""
        receipted = self._receipted({os.path.dirname(info.path) for info in self._infos})
        compared = (self._compare(info, receipted.get(info.id)) for info in self._infos)
        return [difference for difference in compared if difference is not None]

    def _receipted(self, within: Collection[str] | None = None) -> dict[str, ReceiptedCopy]:
        """What trusted devices, and the office itself, signed about the copies in an office, within
        these directories of recordings or all. Where receipts cannot be read, nothing is taken
        over."""
        found: dict[str, ReceiptedCopy] = {}
        keys = KeyRing([*self._trusted.values(), *self._ledger.keys.values()])
        for holding in self._place.holdings if self._place.kind is PlaceKind.OFFICE else ():
            if within is not None and holding.recordings not in within:
                continue
            try:
                found |= copied_by(holding.receipts, keys)
            except StorageError as error:
                self.unread.append(error)
                self._closed.add(holding.recordings)
        return found

    def _compare(self, info: RecordingInfo, receipted: ReceiptedCopy | None) -> Discrepancy | None:
        """A difference between one file and the ledger, written down."""
        known = self._ledger.state.recordings.get(info.id)
        if known is not None and known.deleted is not None:
            if self._place.kind is not PlaceKind.OFFICE or not is_another(known, info.path):
                return None
            known = None  # another camera's recording of that id was deleted
        running = info.state == RECORDING and (known is None or known.ended is None)
        if running:
            return None
        if known is not None and known.final is not None and known.final != info.final:
            ends = f"ends with {info.final}" if info.final is not None else "has no end"
            return self._changed(known, info.final, ends)
        if known is not None and known.changed is not None and info.id not in self._doubled:
            self._ledger.append("changed", id=info.id, final=info.final)
            text = "its file ends again as the ledger says"
            return Discrepancy(DiscrepancyKind.CHANGED, info.id, text)
        recorded = known is not None and known.here and known.ended is not None
        if known is not None and recorded and is_vouched(known) and known.final == info.final:
            return None
        if os.path.dirname(info.path) in self._closed:
            return None
        try:
            said = skeleton(info.path)
            if said.header.id != info.id:
                raise NotARecordingError(info.path, "it was replaced just now")
            doubted = reason_for_doubt(said, self._trusted) or self._doubt_here(said, receipted)
            kind = self._kind(said, known)
            facts = facts_from(said, kind, own=self._place.kind is PlaceKind.DEVICE)
        except (CameradError, ValueError, ArithmeticError) as error:
            # The file's fault: it is named, and the others are compared nevertheless.
            return Discrepancy(DiscrepancyKind.UNREADABLE, info.id, str(error), alarm=True)
        if doubted:
            return self._take_in_unvouched(info.id, doubted, recorded=recorded)
        if known is None and self._place.kind is PlaceKind.DEVICE and not self._ledger.lossy:
            lasted_us = said.point.end_us - max(said.header.origin_us, said.header.trigger_us)
            if lasted_us >= UNSAID_US:
                # Before the recording is known: afterwards nothing would show it any more.
                self._ledger.record_loss(
                    f"the ledger has lost entries: it says nothing of {info.id}"
                )
        try:
            self._ledger.append(kind, **facts)
        except ValueError as error:
            return Discrepancy(DiscrepancyKind.UNREADABLE, info.id, str(error), alarm=True)
        return describe_ingest(info, kind, known)

    def _unlisted(self, known: RecordingState, paths: Sequence[str]) -> Discrepancy:
        """The difference for files that have a recording's name and are not listed as one.

        What is in a file that cannot be read was not seen, and nothing is written down about it.
        """
        for path in paths:
            if not file_status.is_file(path):
                continue  # whatever it is, it is no recording
            try:
                read_info(path)
            except StorageError as error:
                return Discrepancy(DiscrepancyKind.UNREADABLE, known.id, str(error), alarm=True)
            except (CameradError, ValueError, ArithmeticError):
                continue
        return self._changed(known, None, "cannot be read as a recording")

    def _changed(self, known: RecordingState, final: str | None, what: str) -> Discrepancy:
        """The difference for a file that is not what it was; written down once. final: its end.

        Of several files with one id, at most one entry is written: otherwise each comparison would
        write one for every file.
        """
        if known.changed is None or (
            known.changed != (final or "") and known.id not in self._doubled
        ):
            self._ledger.append("changed", id=known.id, final=final)
        text = f"its file {what}, but the ledger knows the end {known.final}"
        return Discrepancy(DiscrepancyKind.CHANGED, known.id, text, alarm=True)

    def _put_aside(self) -> Iterator[Discrepancy]:
        """Files that repair put aside, written down, so that they have an end too."""
        for directory in self._place.shelves:
            for name in sorted(list_names(directory)):
                if not name.endswith(UNREADABLE) or not ID.fullmatch(name[: -len(UNREADABLE)]):
                    continue
                known = self._ledger.state.recordings.get(name)
                path = os.path.join(directory, name)
                if known is not None and not known.missing:
                    continue
                try:
                    sha256 = sha256_plain(path, "file")
                except StorageError as error:
                    yield Discrepancy(DiscrepancyKind.UNREADABLE, name, str(error), alarm=True)
                    continue
                self._ledger.append("unreadable", name=name, sha256=sha256)
                text = f"it is no recording; it is kept under this name for {MOST_DAYS} days"
                yield Discrepancy(DiscrepancyKind.UNREADABLE, name, text)

    def _kind(self, said: Skeleton, known: RecordingState | None) -> str:
        """The kind of the entry that tells of a file."""
        closed = said.closed_by
        # Only a file that cannot be closed any more has no end here: repair has run before.
        if closed is None or (known is not None and known.missing):
            return "found"
        if self._place.kind is PlaceKind.OFFICE:
            return "received"
        if known is None or not is_vouched(known):
            return "found"
        return "recovered" if closed.end.closing.reason == RECOVERED else "closed"

    def _doubt_here(self, said: Skeleton, receipted: ReceiptedCopy | None) -> str:
        """Why an office does not believe what a device signed; "" if nothing is against it."""
        if self._place.kind is not PlaceKind.OFFICE:
            return ""
        closed = said.closed_by
        if closed is None:
            return "it has no end that fits its beginning; only whole recordings are handed over"
        if receipted is not None and receipted.copied.final != closed.sha256:
            return f"there is a receipt for another end of it, {receipted.copied.final}"
        own = read_directory_id(self._place.root)
        if receipted is not None and receipted.directory != own and not self._ledger.lossy:
            return (
                f"its receipt is of another office's directory ({receipted.directory}), whose "
                "ledger, with its holds, is not here"
            )
        return ""

    def _take_in_unvouched(self, recording: str, doubted: str, *, recorded: bool) -> Discrepancy:
        if not recorded:
            facts = unvouched_facts(recording, *self._ledger.now())
            self._ledger.append("found", **facts)
        text = (
            f"not ingested: {doubted}; it is kept for up to {MOST_DAYS} days from when it was "
            "noted first, whatever it says"
        )
        if self._place.kind is PlaceKind.OFFICE:
            text += "; if it is in order, name its device's key (--key), or enrol it"
        return Discrepancy(DiscrepancyKind.UNVOUCHED, recording, text, alarm=True)
