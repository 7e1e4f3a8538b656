"""Files that are a recording by their content, and have another name than it has.

A file manager calls a copy ``ID (1).tar``, "Kopie von ID.tar" or another name, and any user can
rename a file. Each opens like the recording itself. So a copy is recognised by content, never by
name alone:

- **What a copy is.** It begins with the statement that the ledger names as the recording's header,
  byte for byte: the SHA-256 is the same, and the ledger received it only from a file that a
  trusted key vouched for. No other recording has that header. It may be cut off or damaged behind
  it, but holds no other recording's header. A copy is deleted together with its recording, or
  later, where it is found when the tombstone is there already.
- **A false claim.** A file whose header has the id of a recording and is another one is no copy. It
  is named, and nothing deletes it.
- **What has another recording's name.** A file with the name of a recording that is deleted, and
  the content of one that is not, stays: retention and holds are a recording's, not a name's.
- **What was renamed.** A whole recording that a trusted key vouches for, and that is not here under
  its own name, gets that back; from then on it is a recording like any other, to be held, and to be
  deleted in its time. So a copy that comes to an office when even the tombstone has expired is
  ingested once more, is due at once, and goes. On a device this holds of what its ledger calls
  missing: its ledger knows what it made, and what it does not know it would call a loss of entries.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Final

from camerad.base import durable_files, file_status
from camerad.base.durable_files import TEMPORARY
from camerad.base.errors import CameradError, StorageError
from camerad.container import jws, sparse, ustar
from camerad.container.chain import HEADER_NAME
from camerad.container.keys import KeyRing
from camerad.container.members import open_regular
from camerad.container.recording_files import SUFFIX
from camerad.container.recording_ids import RecordingId
from camerad.container.skeleton import Skeleton, header_of, readable_skeleton
from camerad.container.statements import RecordingInfo
from camerad.ledger.recording_state import RecordingState
from camerad.store.discrepancies import Discrepancy, DiscrepancyKind
from camerad.store.listing import OtherFiles
from camerad.store.locations import Place, PlaceKind
from camerad.store.trust import reason_for_doubt

_HEADER_FIELD: Final = ustar.header(HEADER_NAME, 0)[:100]
"""What a recording's first member begins with: its name, filled up with zeros."""


class Copies:
    """The copies in a place. others: what lies beside the recordings. recordings: what the store's
    ledger knows. trusted: keys of the devices that are believed."""

    def __init__(
        self,
        place: Place,
        others: OtherFiles,
        recordings: Mapping[str, RecordingState],
        trusted: KeyRing,
    ) -> None:
        self._place = place
        self._others = others
        self._recordings = recordings
        self._trusted = trusted

    @property
    def exist(self) -> bool:
        """Whether anything lies beside the recordings. Mostly nothing does."""
        return bool(self._others.copies or self._others.odd)

    @property
    def failed(self) -> tuple[StorageError, ...]:
        """Errors of files beside the recordings that could not be read: their content is
        unknown."""
        return self._others.failed

    def files_of(self, known: RecordingState) -> list[str]:
        """Every file that goes when this recording is deleted.

        The copies come first. The files with its name come last: they may be needed to tell what a
        copy is.
        """
        named = [path for path in self._place.files_of(known.id) if not self._is_another(path)]
        header = known.header or _header_of(named, known.id)
        return [one.path for one in self._of(known.id) if is_copy(one.path, header)] + named

    def unknown_ids(self) -> set[RecordingId]:
        """Ids of the copies that the ledger's newest epoch does not name."""
        return {one.id for one in self._others.copies} - set(self._recordings)

    def copies_of_deleted(self, headers: Mapping[str, str]) -> list[RecordingInfo]:
        """Copies of recordings that were deleted. headers: by id, the SHA-256 of their headers."""
        there = self._others.copies
        return [one for one in there if is_copy(one.path, headers.get(one.id, ""))]

    def ids_of_missing(self) -> Iterator[str]:
        """Ids of the recordings whose file has vanished, and which have a copy."""
        for info in self._others.copies:
            known = self._recordings.get(info.id)
            if known is not None and known.missing and is_copy(info.path, known.header):
                yield info.id

    def restore_names(self) -> Iterator[Discrepancy]:
        """Rename whole recordings that are only here under another name to their own names."""
        for info in self._others.copies:
            if not self._may_be_renamed(info):
                continue
            name = os.path.basename(info.path)
            target = os.path.join(os.path.dirname(info.path), info.id + SUFFIX)
            try:
                durable_files.rename(info.path, target)
            except StorageError as error:
                yield Discrepancy(DiscrepancyKind.UNREADABLE, info.id, str(error), alarm=True)
                continue
            text = f"its file was called {name!r}, and has its own name again"
            yield Discrepancy(DiscrepancyKind.RENAMED, info.id, text)

    def report(self) -> Iterator[Discrepancy]:
        """Files beside the recordings, in words for people."""
        for info in self._others.copies:
            if info.path.endswith(TEMPORARY):
                continue  # an offload may be under way
            known = self._recordings.get(info.id)
            header = known.header if known is not None else ""
            header = header or _header_of(self._place.files_of(info.id), info.id)
            if is_copy(info.path, header):
                text = f"{info.path} is a copy of it, and is deleted together with it"
                yield Discrepancy(DiscrepancyKind.COPY, info.id, text, alarm=True)
            else:
                text = (
                    f"{info.path} says that it is this recording, and it is not known to be a copy "
                    "of it, so nothing deletes it: look at it, and remove it if it is not needed"
                )
                yield Discrepancy(DiscrepancyKind.UNVOUCHED, info.id, text, alarm=True)
        for path, why in self._others.odd:
            said = why.removeprefix(f"{path}: ")  # it is named in front of all of it
            text = f"it is left as it is: {said}; if it is not needed, remove it"
            yield Discrepancy(DiscrepancyKind.UNREADABLE, path, text, alarm=True)

    def _of(self, recording: str) -> Iterator[RecordingInfo]:
        return (info for info in self._others.copies if info.id == recording)

    def _is_another(self, path: str) -> bool:
        """Whether a file with one recording's name is another recording, so that it must not be
        deleted."""
        if not path.endswith(SUFFIX):
            return False  # put aside: that is held, and deleted, by its name
        try:
            if header_of(path).id + SUFFIX == os.path.basename(path):
                return False
        except (CameradError, ValueError, ArithmeticError):
            return False  # it is none
        said = _said(path)
        if said is None:
            return False
        known = self._recordings.get(said.header.id)
        if known is not None and known.header == _digest(said):
            return known.deleted is None
        return not reason_for_doubt(said, self._trusted)

    def _may_be_renamed(self, info: RecordingInfo) -> bool:
        known = self._recordings.get(info.id)
        if info.final is None or info.path.endswith(TEMPORARY) or self._place.files_of(info.id):
            return False
        said = _said(info.path)
        if said is None or said.closed_by is None or reason_for_doubt(said, self._trusted):
            return False
        if known is None:
            return self._place.kind is PlaceKind.OFFICE
        return (
            known.deleted is None
            and known.final in (None, said.closed_by.sha256)
            and known.header in ("", _digest(said))
        )


def is_copy(path: str, header: str) -> bool:
    """Whether the file at `path` is the recording whose first statement has this SHA-256, or a part
    of it, and no other one.

    header: "" if it is not known; then nothing is a copy.
    """
    said = _said(path) if header else None
    if said is None or _digest(said) != header:
        return False
    return said.closed_by is not None or not _goes_on_with_another(path, said.stop.offset)


def _goes_on_with_another(path: str, offset: int) -> bool:
    """Whether a recording's header lies behind `offset`, or it is unknown."""
    try:
        with open_regular(path) as file:
            before = b""
            for _, piece in sparse.data_pieces(file.fileno(), offset):
                if _HEADER_FIELD in before + piece:
                    return True
                before = piece[-len(_HEADER_FIELD) :]
    except (OSError, CameradError):
        return True
    return False


def _header_of(paths: list[str], recording: str) -> str:
    """SHA-256 of the recording's header, from the first of these files that is that recording; ""
    if none is."""
    for path in paths:
        said = _said(path)
        if said is not None and said.header.id == recording:
            return _digest(said)
    return ""


def _said(path: str) -> Skeleton | None:
    """What a file says about itself; None if it is no recording, cannot be read, or is a link."""
    try:
        return None if file_status.is_link(path) else readable_skeleton(path)
    except StorageError:
        return None


def _digest(said: Skeleton) -> str:
    return jws.digest(said.statement.token)
