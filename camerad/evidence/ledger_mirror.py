"""Keeps a copy of a device's ledger where its recordings were offloaded to.

The copy is a witness: what a device's ledger once said cannot be taken back afterwards. So the copy
only ever grows, and it is what `verify` judges by. A device whose card was put back to an earlier
state, or whose ledger was replaced, goes on otherwise than the copy does: that is another *branch*.
From the first epoch in which they differ the copy stays as it is, for good, and what the device
says instead is kept aside, which grows in its turn.

An epoch goes from the copy in one case: it expired on the device, and left a checkpoint that one of
the device's keys signed and that fits what is here of it.

What has no valid signature takes nothing away and blocks no entry. A file called damaged takes the
place of an epoch only if every entry of the copy still counts in it, or if a signed entry of a
later epoch names it; a new epoch is taken only with an entry by one of the device's keys. Anything
else is kept aside, and told.
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections import defaultdict
from collections.abc import Mapping
from functools import cached_property
from typing import Final

import msgspec

from camerad.base import durable_files, file_status
from camerad.base.errors import StorageError
from camerad.container import jws
from camerad.container.keys import KeyRing
from camerad.ledger import log_segments
from camerad.ledger.entries import Entry, read_lines
from camerad.ledger.entry_types import Damaged
from camerad.ledger.log_segments import EpochCheckpoint
from camerad.store.locations import Holding

MOST_REFUSED: Final = 16
"""Parts that are kept aside at most of what was refused: a device, or its impostor, could bring
others for ever."""


def mirror_ledger(
    source: str, holding: Holding, keys: KeyRing, *, recent: bool = False
) -> list[str]:
    """Bring the copy of the ledger in `source` up to date; returns what a person has to look at.

    keys: the device's. recent: only from its newest epoch on, shortly after the whole was copied.
    Raises StorageError, also if another program does the same just then; the next call goes on.
    """
    durable_files.make_directory(holding.ledger)
    try:
        claim = durable_files.lock_directory(holding.ledger)
    except BlockingIOError as error:
        raise StorageError(
            f"{holding.ledger}: another program copies the device's ledger there just now; try "
            "again"
        ) from error
    try:
        return _Mirror(source, holding, keys).run(recent=recent)
    finally:
        os.close(claim)


class _Signed(msgspec.Struct, frozen=True):
    """damaged: in which epochs of a device's a signed entry says so of a file. newest: the last
    epoch with an entry by one of its keys; 0 if there is none."""

    damaged: Mapping[Damaged, set[int]]
    newest: int


class _Mirror:
    """One call. branch: the first epoch in which the device's ledger is another one than the copy;
    None if it goes on from it."""

    def __init__(self, source: str, holding: Holding, keys: KeyRing) -> None:
        self._source: Final = source
        self._holding: Final = holding
        self._keys: Final = keys
        self._theirs = log_segments.list_files(source)
        self._ours = log_segments.list_files(holding.ledger)
        self._branch: int | None = None
        self._problems: list[str] = []
        if file_status.exists(holding.earlier_ledger):
            # A branch stays one: once its epochs have expired, nothing else would show it.
            kept = _numbers(log_segments.list_files(holding.earlier_ledger))
            self._branch = min(kept, default=None)

    def run(self, *, recent: bool) -> list[str]:
        """All of it."""
        newest = max(_numbers(self._ours), default=0)
        theirs = sorted(_numbers(self._theirs))
        for number in theirs:
            if recent and number < newest:
                continue
            if self._branch is None and self._is_another(number, newest):
                self._branch = number
            if self._branch is not None and number >= self._branch:
                self._keep_aside(number)
            else:
                self._take(number)
        if self._branch is None and max(theirs, default=0) < newest:
            self._branch = max(theirs, default=0)
            self._keep_aside(self._branch)
        if self._branch is not None:
            self._problems.append(
                f"{self._holding.ledger}: this copy is ahead of the device's ledger: the card was "
                "put back to an earlier state, or its ledger was replaced. From epoch "
                f"{self._branch} on the copy stays as it is; {self._holding.earlier_ledger} keeps "
                "what the device says instead. Find out who did that, and set the camera up anew"
            )
        elif not recent:
            self._tell_of_gone(theirs)
        return self._problems

    def _tell_of_gone(self, theirs: list[int]) -> None:
        for number in sorted((self._ours.epochs | self._ours.damaged) - set(theirs)):
            self._problems.append(
                f"{self._holding.ledger}: epoch {number} is gone from the device's ledger, which "
                "has no checkpoint of it; the copy stays: verify it, and replace a failing card"
            )

    # ------------------------------------------------------------------ does it go on?

    def _is_another(self, number: int, newest: int) -> bool:
        """Whether the device has another epoch of this number than the copy. newest: of the copy;
        all before that are complete there."""
        name = self._theirs.name(number)
        if name is None:
            return self._is_other_checkpoint(number)
        content = self._content(name)
        if content is None:
            return False
        if number in self._ours.checkpoints:
            ours = self._checkpoint(self._holding.ledger, number)
            expires = number in self._theirs.checkpoints
            return not expires and ours is not None and _last(content) != ours.final
        there = self._copied(number)
        if there is None:
            return False
        if name == log_segments.damaged_name(number) and number in self._ours.epochs:
            last = there[there[:-1].rfind(b"\n") + 1 :]
            return last not in content and self._is_named(number, content)
        if number < newest:
            return content != there
        return not (content.startswith(there) or self._keeps(number, there, content))

    def _keeps(self, number: int, there: bytes, content: bytes) -> bool:
        """Whether every entry of the copy that counts also counts in other content, and there is
        one: then only what has no signature is lost with the copy."""
        before = self._counting(number, there)
        return bool(before) and before <= self._counting(number, content)

    def _counting(self, number: int, content: bytes) -> set[str]:
        """The entries of an epoch that count: by the device's keys, and in their order."""
        found = set[str]()

        def take(_reading: object, _line: int, entry: Entry) -> None:
            found.add(entry.sha256)

        log_segments.read_epoch(None, number, content, self._keys, take)
        return found

    def _is_named(self, number: int, content: bytes) -> bool:
        """Whether a signed entry of a later epoch of the device's says that exactly this was found
        damaged."""
        said = Damaged(log_segments.damaged_name(number), hashlib.sha256(content).hexdigest())
        return max(self._signed.damaged.get(said, ()), default=0) > number

    @cached_property
    def _signed(self) -> _Signed:
        """What counts of the device's entries, each file read once."""
        damaged = defaultdict[Damaged, set[int]](set)
        newest = 0
        for number in sorted(self._theirs.epochs | self._theirs.damaged):
            content = self._content(self._theirs.name(number) or "") or b""

            def take(_reading: object, _line: int, entry: Entry, number: int = number) -> None:
                if isinstance(entry.facts, Damaged):
                    damaged[entry.facts].add(number)

            reading = log_segments.read_epoch(None, number, content, self._keys, take)
            newest = number if reading.last is not None else newest
        return _Signed(damaged, newest)

    def _refusal(self, number: int, name: str, there: bytes | None, content: bytes) -> str:
        """Why what the device has of an epoch may not take the copy's place; "" if it may."""
        if name == log_segments.damaged_name(number):
            first = there is None and not self._ours.newest
            keeps = there is not None and (
                content.startswith(there) or self._keeps(number, there, content)
            )
            if not (first or keeps or self._is_named(number, content)):
                return (
                    f"the device has this epoch only as {name}, which lacks entries of the copy or "
                    "is new, and no signed entry says that the device found it so"
                )
            return ""
        new = there is None and number > self._ours.newest
        if new and self._signed.newest < number:
            return f"no entry of {name} is by one of the device's keys"
        return ""

    def _is_other_checkpoint(self, number: int) -> bool:
        """Whether a checkpoint tells of other entries than the copy has, or had."""
        theirs = self._checkpoint(self._source, number)
        if theirs is None:
            return False  # `_take` tells of it
        if number in self._ours.checkpoints:
            ours = self._checkpoint(self._holding.ledger, number)
            return ours is not None and _said(ours) != _said(theirs)
        there = self._copied(number)
        return there is not None and not self._fits(theirs, there)

    def _fits(self, checkpoint: EpochCheckpoint, there: bytes) -> bool:
        """Whether a checkpoint may stand for all entries of the copy: it begins and ends with them,
        or they went on after the copy was made."""
        found = [line.entry for line in read_lines(there, self._keys) if line.entry is not None]
        if not found or (found[0].sequence, found[0].previous) != (
            checkpoint.first,
            checkpoint.previous,
        ):
            return False
        last = found[-1]
        return checkpoint.last > last.sequence or (checkpoint.last, checkpoint.final) == (
            last.sequence,
            last.sha256,
        )

    # ------------------------------------------------------------------ copying

    def _take(self, number: int) -> None:
        """Bring the copy of an epoch up to date, with which the device's goes on."""
        name = self._theirs.name(number)
        if name is not None and number not in self._ours.checkpoints:
            self._take_entries(number, name)
        elif name is None:
            self._take_checkpoint(number)

    def _take_entries(self, number: int, name: str) -> None:
        content = self._content(name)
        if content is None:
            return
        there = self._copied(number)
        before = self._ours.name(number)
        if there == content and before == name:
            return
        refusal = self._refusal(number, name, there, content)
        if refusal:
            self._refuse(number, name, content, refusal)
            return
        if there is not None and before == name and not content.startswith(there):
            self._problems.append(
                f"{self._holding.ledger}: epoch {number} had lines that none of the device's keys "
                "signed, and that the device does not have: they are gone from the copy. Find out "
                "who brought them"
            )
        if there is not None and before != name:
            kept = self._set_aside(log_segments.epoch_name(number), there)
            self._problems.append(
                f"{self._holding.ledger}: epoch {number} is damaged on the device since it was "
                f"copied; what was copied before is kept as {kept}: replace a failing card"
            )
        durable_files.publish(os.path.join(self._holding.ledger, name), content, mode=None)
        if before is not None and before != name:
            durable_files.remove(os.path.join(self._holding.ledger, before))

    def _take_checkpoint(self, number: int) -> None:
        """Let an epoch expire that has expired on the device."""
        name = log_segments.checkpoint_name(number)
        if self._checkpoint(self._source, number) is None:
            self._problems.append(
                f"{os.path.join(self._source, name)}: this is no checkpoint by one of the device's "
                "keys; nothing was taken away for it: verify the copy, and replace a failing card"
            )
            return
        if self._checkpoint(self._holding.ledger, number) is None:
            content = log_segments.read_file(self._source, name)
            durable_files.publish(os.path.join(self._holding.ledger, name), content, mode=None)
        for entries in (log_segments.epoch_name(number), log_segments.damaged_name(number)):
            durable_files.remove(os.path.join(self._holding.ledger, entries), missing_ok=True)

    def _refuse(self, number: int, name: str, content: bytes, why: str) -> None:
        """Leave the copy as it is, and say so. What the device signed of it is kept."""
        kept = "nothing of it was kept"
        if self._counting(number, content):
            aside = self._holding.earlier_ledger
            there = log_segments.list_files(aside).others if file_status.exists(aside) else ()
            if _part_name(name, content) in there or len(there) < MOST_REFUSED:
                kept = f"it is kept as {self._set_aside(name, content)}"
        self._problems.append(
            f"{self._holding.ledger}: epoch {number} stays as it is: {why}; {kept}. Find out who "
            "brought it; if the card fails, replace it"
        )

    def _keep_aside(self, number: int) -> None:
        """Keep what the device says instead of the copy, where that does not have it already."""
        name = self._theirs.name(number)
        if name is None and number in self._theirs.checkpoints:
            name = log_segments.checkpoint_name(number)
        content = None if name is None else self._content(name)
        if name is None or content is None:
            return
        durable_files.make_directory(self._holding.earlier_ledger)
        target = os.path.join(self._holding.earlier_ledger, name)
        if file_status.exists(target):
            there = log_segments.read_file(self._holding.earlier_ledger, name)
            if there.startswith(content):
                return
            if not content.startswith(there):
                self._set_aside(name, there)
        durable_files.publish(target, content, mode=None)

    def _set_aside(self, name: str, content: bytes) -> str:
        """Keep a part that nothing goes on from; where."""
        durable_files.make_directory(self._holding.earlier_ledger)
        kept = os.path.join(self._holding.earlier_ledger, _part_name(name, content))
        durable_files.publish(kept, content, mode=None)
        return kept

    # ------------------------------------------------------------------ reading

    def _content(self, name: str) -> bytes | None:
        """A file of the device's ledger; None if it has just expired."""
        try:
            content = log_segments.read_file(self._source, name)
            if name == log_segments.epoch_name(self._theirs.newest) and content:
                # What a loss of power could still take back must never be here and not there.
                durable_files.sync_path(os.path.join(self._source, name))
            if name.endswith(log_segments.EPOCH_ENDING):
                # An entry that is being appended just now comes with the next copy.
                content = content[: content.rfind(b"\n") + 1]
        except StorageError as error:
            if error.errno != errno.ENOENT:
                raise
            return None
        return content

    def _copied(self, number: int) -> bytes | None:
        """What the copy has of an epoch; None if it has nothing."""
        name = self._ours.name(number)
        return None if name is None else log_segments.read_file(self._holding.ledger, name)

    def _checkpoint(self, directory: str, number: int) -> EpochCheckpoint | None:
        """The checkpoint of an epoch; None if there is none by one of the device's keys."""
        try:
            token = log_segments.read_file(directory, log_segments.checkpoint_name(number))
            found = log_segments.parse_checkpoint(token, self._keys)
        except jws.JwsError:
            return None
        except StorageError as error:
            if error.errno != errno.ENOENT:
                raise
            return None
        return found if found.number == number else None


def _numbers(shelf: log_segments.LedgerFiles) -> frozenset[int]:
    """Of all epochs of which there is anything."""
    return shelf.epochs | shelf.damaged | shelf.checkpoints


def _part_name(name: str, content: bytes) -> str:
    """What a part is called that nothing goes on from, by the epoch's file and all of it."""
    return f"{name}-{hashlib.sha256(content).hexdigest()[:16]}"


def _last(content: bytes) -> str:
    """SHA-256 of the last entry's token."""
    return jws.digest(content[:-1].rpartition(b"\n")[2])


def _said(checkpoint: EpochCheckpoint) -> tuple[int, int, str, str]:
    """What a checkpoint says, whenever it was made."""
    return checkpoint.first, checkpoint.last, checkpoint.previous, checkpoint.final
