"""The transparency log over an office's ledger: no entry goes, and none comes in between, unseen.

Leaf number *i* is the SHA-256 of the token of the *i*-th entry, in the order of the ledger. Entries
expire by law; their hashes stay, in ``log/`` beside the ledger (`tree_files`), with the newest
checkpoint that the log has signed, and the key by which it signs. That key is never replaced, also
where the office's own is: the log is named after it. Its public half is beside it (``vkey``): who
only reads needs no more.

`OfficeLog.publish` is called with the ledger open, so by one process at a time. Its order is: the
ledger is on the storage, then the hashes of its new entries, then the checkpoint, which is shown
only then. After a loss of power at any instant the log goes on from the checkpoint: no
two checkpoints of one size are ever signed.

An entry that is lost with a part of the ledger stays in the tree. If the whole log was put back to
a backup, cameras have seen a longer one and refuse what they are shown, until the office declares
in its ledger (`camerad.ledger.entry_types.HistoryLost`) which checkpoint it lost.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from camerad.base import durable_files, file_status
from camerad.base.errors import StorageError
from camerad.base.safe_read import read_plain
from camerad.container import jws
from camerad.container.keys import SigningKey
from camerad.ledger import log_segments
from camerad.ledger.entries import Entry, parse_carried, read_lines
from camerad.ledger.entry_types import Fact, HistoryLost
from camerad.ledger.ledger import Ledger
from camerad.ledger.ledger_lines import tokens_in
from camerad.ledger.recording_entries import FoundEntry, Received
from camerad.transparency import checkpoints, merkle
from camerad.transparency.checkpoints import LOG, Checkpoint, NoteError, NoteKey, SignedCheckpoint
from camerad.transparency.policy import LONGEST as LONGEST_POLICY
from camerad.transparency.policy import TrustPolicy, parse_policy, policy_of_office
from camerad.transparency.proof import LogProof, leaf_of
from camerad.transparency.stamp_files import DIRECTORY as STAMPS
from camerad.transparency.stamp_files import stamps_on
from camerad.transparency.tree_files import TreeFiles

DIRECTORY: Final = "log"
"""Beside the ledger."""
SHOWN: Final = "camerad-log"
"""Kind of the statement with `ShownLog`."""
TEXTS: Final = frozenset(("checkpoint", "entry"))
"""Fields of `ShownLog` with texts of several lines, or long ones."""
MOST_EPOCHS: Final = 100
"""Epochs of the ledger, each of a day or of 2,000 entries, in which a camera's recordings are
looked for."""
_KEY: Final = "key.pem"
_VKEY: Final = "vkey"
_KEY_MODE: Final = 0o600
_CHECKPOINT: Final = "checkpoint"
_LOSSES: Final = "losses"
_POLICY: Final = "policy"
_COSIGNED: Final = "cosigned"
MOST_COSIGNED: Final = 200
"""Checkpoints whose cosignatures are kept."""
_KEEPING: Final = threading.Lock()
"""For who adds to the cosignatures of a checkpoint, in this process."""


class LoggedEntry(msgspec.Struct, frozen=True):
    """An entry of the office's ledger. entry: its token. index, proof: that it is in the tree, in
    base64."""

    entry: str
    index: int
    proof: tuple[str, ...]


class ShownLog(msgspec.Struct, frozen=True):
    """What a camera is shown; the office's key signs it. about: SHA-256 of the check-in that it
    answers. key: the log's, as a vkey. checkpoint: with the log's signature. proof: consistency
    with the one that the camera has seen, in base64. loss: that this one was declared lost.
    entries: by which the office ingested recordings that the camera waits for."""

    about: str
    key: str
    checkpoint: str
    proof: tuple[str, ...]
    loss: LoggedEntry | None
    entries: tuple[LoggedEntry, ...] = ()


class ProvenEntries(msgspec.Struct, frozen=True):
    """Proofs for a package. policy: its text. stamps: files by name, with the time stamps on their
    checkpoint. proofs: by the entries' numbers. facts: fields of
    `camerad.ledger.people_entries.PackagedEntry` that name them."""

    policy: str
    stamps: dict[str, bytes]
    proofs: dict[int, LogProof]
    facts: dict[str, Any]


class OfficeLog:
    """ledger: the directory of the office's ledger. directory: the log's own. All of it raises
    StorageError."""

    def __init__(self, ledger: str) -> None:
        self.directory: Final = os.path.join(os.path.dirname(ledger), DIRECTORY)
        self._ledger = ledger
        self._tree = TreeFiles(self.directory)

    def read(self) -> tuple[NoteKey, SignedCheckpoint] | None:
        """The log's key, and its newest checkpoint; None if there is none yet."""
        path = self._path(_CHECKPOINT)
        if not file_status.exists(path):
            return None
        try:
            own = NoteKey.parse(read_plain(self._path(_VKEY), "log's key").decode().strip())
            note = checkpoints.parse(read_plain(path, "checkpoint").decode())
            if own.name != note.checkpoint.origin or own.find(note) is None:
                raise NoteError("it is not signed by the log's key beside it")
        except ValueError as error:
            raise StorageError(
                f"{path}: this is no checkpoint of the office's log ({error}); put the directory "
                "back from its backup"
            ) from error
        return own, note

    def publish(self, ledger: Ledger) -> SignedCheckpoint:
        """Sign a checkpoint over all entries that the ledger has now; the last one, if none is
        new."""
        durable_files.make_directory(self.directory)
        key, known = self._read_key(), self.read()
        if known is None:
            durable_files.publish(self._path(_VKEY), f"{_named(key)}\n".encode())
        elif known[0] != _named(key):
            raise StorageError(
                f"{self._path(_KEY)}: the checkpoint beside it is by another key; put the "
                "directory back from its backup"
            )
        self._tree.cut(0 if known is None else known[1].checkpoint.size)
        if known is not None:
            self._check(known[1].checkpoint)
        new, losses = self._read_new(ledger)
        if known is not None and not new:
            return known[1]
        self._tree.append(new)
        self._keep_losses(losses)
        size = self._tree.size
        checkpoint = Checkpoint(_named(key).name, size, merkle.root(self._tree.complete, size))
        note = checkpoints.sign(key, checkpoint)
        ledger.share(self._path(_CHECKPOINT), str(note).encode())
        durable_files.publish(self._path(_CHECKPOINT), str(note).encode())
        return note

    def show(
        self, seen: Checkpoint | None, about: str = "", awaited: Collection[str] = ()
    ) -> ShownLog | None:
        """What a witness is shown that has seen a checkpoint, or none; None before the first one is
        published. Where no proof leads on from what was seen, none is in it. about: as
        `ShownLog.about`. awaited: SHA-256 of the last statements of recordings that were handed
        over, of which the entries are shown that are in the log."""
        known = self.read()
        if known is None:
            return None
        own, note = known
        now = note.checkpoint
        old = 0 if seen is None or seen.origin != now.origin else min(seen.size, now.size)
        proof = merkle.consistency_proof(self._tree.complete, old, now.size)
        own_old = merkle.root(self._tree.complete, old)
        if not merkle.is_consistent(old, own_old, now.size, now.root, proof):
            raise self._damaged()
        loss = None if seen is None else self._find_loss(seen, now.size)
        entries = self._find_received(set(awaited), now.size)
        return ShownLog(about, str(own), str(note), _encoded(proof), loss, entries)

    def set_policy(self, cameras: Iterable[NoteKey], outside: TrustPolicy | None) -> None:
        """Keep the policy that goes along with proofs. cameras, outside: as of
        `policy.policy_of_office`. Raises PolicyError if both together are none."""
        known, path = self.read(), self._path(_POLICY)
        if known is None:
            return
        text = str(policy_of_office(known[0], cameras, outside))
        parse_policy(text)
        if not file_status.exists(path) or read_plain(path, "policy") != text.encode():
            durable_files.publish(path, text.encode())

    def keep(self, text: str) -> None:
        """Keep the cosignatures of a checkpoint of this log by witnesses of its policy. What is
        none counts for nothing. Of two checkpoints the earlier one goes if all its witnesses have
        signed the later: no policy needs it."""
        policy = self.read_policy()
        try:
            note = checkpoints.parse(text)
            found = [line for key in policy.logs if (line := key.find(note)) is not None]
            new = [line for one in policy.witnesses if (line := one.key.find(note)) is not None]
        except NoteError:
            return
        now = note.checkpoint
        if not found or not new or not self.continues(now):
            return
        with _KEEPING:
            kept = self._read_cosigned()
            before = kept.get(now.size)
            lines = before.lines if before and before.checkpoint == now else tuple(found)
            if not set(new) - set(lines):
                return
            signers = {one.signer for one in new}
            others = (one for one in lines if one.signer not in signers)
            kept[now.size] = note = SignedCheckpoint(now, (*others, *new))
            durable_files.make_directory(self._path(_COSIGNED))
            durable_files.publish(self._path(_COSIGNED, str(now.size)), str(note).encode())
            for size in sorted(kept)[:-MOST_COSIGNED] + _superseded(kept):
                durable_files.discard(self._path(_COSIGNED, str(size)), missing_ok=True)

    def newest_cosigned(self) -> SignedCheckpoint | None:
        """The newest checkpoint of this log whose cosignatures satisfy its policy; None without
        one."""
        policy = self.read_policy()
        for _, note in sorted(self._read_cosigned().items(), reverse=True):
            with contextlib.suppress(NoteError):
                if policy.is_satisfied(note) and self.continues(note.checkpoint):
                    return note
        return None

    def prove(self, entries: Iterable[Entry]) -> ProvenEntries | None:
        """Proofs that entries of the ledger lie in the log, as far as they do, by the newest
        checkpoint that satisfies its policy; None without one, or if none of them does."""
        note = self.newest_cosigned()
        if note is None:
            return None
        now, proofs = note.checkpoint, {}
        for entry in entries:
            index = self._index_of(entry, now.size)
            if index is not None:
                hashes = merkle.inclusion_proof(self._tree.complete, index, now.size)
                proofs[entry.sequence] = LogProof(index, tuple(hashes), note)
        policy = str(self.read_policy())
        facts = {
            "origin": now.origin,
            "size": now.size,
            "root": checkpoints.encode(now.root),
            "policy": hashlib.sha256(policy.encode()).hexdigest(),
            "entries": len(proofs),
        }
        stamps = stamps_on(self._path(STAMPS), now)
        return ProvenEntries(policy, stamps, proofs, facts) if proofs else None

    def _index_of(self, entry: Entry, size: int) -> int | None:
        """The number of an entry's leaf among the first `size`; mostly that of the entry itself."""
        leaf, index = leaf_of(entry.token), entry.sequence - 1
        if index < size and self._tree.complete(0, index) == leaf:
            return index
        found = self._tree.find(leaf) if index < size else None
        return found if found is not None and found < size else None

    def read_policy(self) -> TrustPolicy:
        """By which cosignatures count; one that nothing satisfies before there is any."""
        path = self._path(_POLICY)
        if not file_status.exists(path):
            return TrustPolicy((), (), {}, "")
        try:
            return parse_policy(read_plain(path, "policy", LONGEST_POLICY).decode())
        except ValueError as error:
            raise StorageError(f"{path}: {error}; remove it: the server writes it again") from error

    def _read_cosigned(self) -> dict[int, SignedCheckpoint]:
        directory, found = self._path(_COSIGNED), {}
        if not file_status.is_directory(directory):
            return {}
        for name, _ in file_status.versions_in(directory):
            if checkpoints.is_size(name):
                with contextlib.suppress(ValueError):
                    content = read_plain(self._path(_COSIGNED, name), "checkpoint")
                    found[int(name)] = checkpoints.parse(content.decode())
        return found

    def _check(self, checkpoint: Checkpoint) -> None:
        """Make sure that the hashes are those which were signed: by others, a checkpoint would be
        signed, or a proof shown, that accuses this office."""
        if merkle.root(self._tree.complete, checkpoint.size) != checkpoint.root:
            raise self._damaged()

    def _damaged(self) -> StorageError:
        return StorageError(
            f"{self.directory}: its hashes are not those that the log has signed; put the "
            "directory back from its backup"
        )

    def continues(self, seen: Checkpoint) -> bool:
        """Whether this log has this checkpoint as its beginning."""
        known = self.read()
        if known is None or seen.origin != known[0].name or seen.size > known[1].checkpoint.size:
            return False
        return merkle.root(self._tree.complete, seen.size) == seen.root

    def find(self, token: bytes) -> int | None:
        """The number of an entry's leaf below the newest checkpoint; None if it has none yet."""
        known, index = self.read(), self._tree.find(leaf_of(token))
        if known is None or index is None or index >= known[1].checkpoint.size:
            return None
        return index

    def _find_loss(self, seen: Checkpoint, size: int) -> LoggedEntry | None:
        """The declaration that this checkpoint is lost, below the newest checkpoint."""
        for token in self._read_losses():
            facts = _facts_in(token)
            if isinstance(facts, HistoryLost) and names(facts, seen):
                return self._prove(token, size)
        return None

    def _find_received(self, finals: set[str], size: int) -> tuple[LoggedEntry, ...]:
        """The entries by which these recordings were ingested, below the newest checkpoint; those
        of the newest epochs alone."""
        found: list[LoggedEntry] = []
        files = log_segments.list_files(self._ledger)
        for number in sorted(files.numbers, reverse=True)[:MOST_EPOCHS]:
            name = files.name(number)
            if not finals or name is None:
                break
            content = log_segments.read_file(self._ledger, name)
            spelled = [one for final in finals for one in jws.spellings(final.encode())]
            there = [one for one in spelled if one in content]
            for token in tokens_in(content) if there else ():
                facts = _facts_in(token) if any(one in token for one in there) else None
                if isinstance(facts, Received | FoundEntry) and facts.final in finals:
                    entry = self._prove(token, size)
                    if entry is not None:
                        found.append(entry)
                        finals.discard(facts.final)
        return tuple(found)

    def _prove(self, token: bytes, size: int) -> LoggedEntry | None:
        """An entry, with the proof that it is below this checkpoint; None if it is not."""
        index = self._tree.find(leaf_of(token))
        if index is None or index >= size:
            return None
        proof = merkle.inclusion_proof(self._tree.complete, index, size)
        return LoggedEntry(token.decode(), index, _encoded(proof))

    def _read_new(self, ledger: Ledger) -> tuple[list[bytes], list[bytes]]:
        """The leaves of entries that the log does not have yet, in their order, and the tokens of
        those that declare a loss."""
        last = self._tree.last()
        leaves: list[bytes] = []
        losses: list[bytes] = []
        for epoch in _epochs_backwards(ledger):
            losses = [one.token for one in epoch if isinstance(one.facts, HistoryLost)] + losses
            found = [leaf_of(one.token) for one in epoch]
            if last in found:
                return found[found.index(last) + 1 :] + leaves, losses
            leaves = found + leaves
        if last is None:
            return leaves, losses
        # A part of the ledger is lost, with the last entry that the log has.
        known = (
            at for at in reversed(range(len(leaves))) if self._tree.find(leaves[at]) is not None
        )
        return leaves[next(known, -1) + 1 :], losses

    def _keep_losses(self, found: Sequence[bytes]) -> None:
        known = self._read_losses()
        if missing := [one for one in found if one not in known]:
            content = b"".join(one + b"\n" for one in [*known, *missing])
            durable_files.publish(self._path(_LOSSES), content)

    def _read_losses(self) -> list[bytes]:
        path = self._path(_LOSSES)
        if not file_status.exists(path):
            return []
        return read_plain(path, "declared losses").splitlines()

    def _read_key(self) -> SigningKey:
        """The log's key, which is made with its first checkpoint."""
        path = self._path(_KEY)
        if not file_status.exists(path) and not file_status.exists(self._path(_CHECKPOINT)):
            key = SigningKey.generate()
            durable_files.publish_new(path, key.pem, mode=_KEY_MODE)
            return key
        try:
            return SigningKey.from_pem(read_plain(path, "log's key"))
        except ValueError as error:
            raise StorageError(f"{path}: {error}; put it back from the backup") from error

    def _path(self, *names: str) -> str:
        return os.path.join(self.directory, *names)


def _superseded(kept: Mapping[int, SignedCheckpoint]) -> list[int]:
    """Sizes of checkpoints of which a later one has all cosignatures."""
    signers = {size: {one.signer for one in note.lines} for size, note in kept.items()}
    return [
        size
        for size, its in signers.items()
        if any(later > size and its <= signers[later] for later in signers)
    ]


def _named(key: SigningKey) -> NoteKey:
    """The log's public key, with the log's name: its origin."""
    return NoteKey(f"camerad/office/{key.public.thumbprint}", LOG, key.public)


def names(facts: HistoryLost, checkpoint: Checkpoint) -> bool:
    """Whether a declaration is about this very checkpoint."""
    root = checkpoints.encode(checkpoint.root)
    return (facts.origin, facts.size, facts.root) == (checkpoint.origin, checkpoint.size, root)


def _facts_in(token: bytes) -> Fact | None:
    """What an entry says; its signature is the witness's to check."""
    entry = parse_carried(token.decode("ascii", "replace"))
    return None if entry is None else entry.facts


def _epochs_backwards(ledger: Ledger) -> Iterator[list[Entry]]:
    """The entries of each epoch that is there, the newest epoch first."""
    files = log_segments.list_files(ledger.directory)
    for number in sorted(files.numbers, reverse=True):
        name = files.name(number)
        if name is not None:
            durable_files.sync_path(os.path.join(ledger.directory, name))
            content = log_segments.read_file(ledger.directory, name)
            lines = read_lines(content, ledger.keys)
            yield [one.entry for one in lines if one.entry is not None]


def _encoded(hashes: Sequence[bytes]) -> tuple[str, ...]:
    return tuple(checkpoints.encode(one) for one in hashes)
