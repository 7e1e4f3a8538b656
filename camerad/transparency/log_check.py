"""Compares an office's log with its ledger, and both with what cameras have seen of them.

Signatures are not checked here: the audit of each ledger does that (`camerad.ledger.audit`). A
change of the office's ledger and log together shows only against the cameras' ledgers; so an
auditor brings those that came from the cameras themselves.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from typing import Final

from camerad.base.errors import StorageError
from camerad.base.text import count
from camerad.container import jws
from camerad.container.severity import Severity
from camerad.ledger import log_segments
from camerad.ledger.entries import LEDGER, parse_carried
from camerad.ledger.entry_types import Damaged, Fact, HistoryLost, OfficeCheckpoint, OfficeDisputed
from camerad.ledger.ledger_lines import read_tokens
from camerad.transparency import checkpoints, merkle
from camerad.transparency.camera_witness import Dispute
from camerad.transparency.checkpoints import Checkpoint
from camerad.transparency.office_log import OfficeLog
from camerad.transparency.proof import leaf_of
from camerad.transparency.tree_files import TreeFiles

Finding = tuple[Severity, str]
_Seen = OfficeCheckpoint | OfficeDisputed
MOST_UNLOGGED: Final = 1_000
"""Entries that an office may write between two checkpoints: far more than in a quarter of an
hour."""
_Name = tuple[str, int, str]
"""Origin, size and root of a checkpoint."""


def check_log(office: str, cameras: Iterable[str]) -> Iterator[Finding]:
    """What does not fit together. office: directory of the office's ledger. cameras: directories of
    their ledgers; one that cannot be read says nothing, which its audit names. Raises StorageError
    if the office's ledger or log cannot be read."""
    log = OfficeLog(office)
    signers = {jws.named_key(token) for token in _tokens_in(office)}
    seen = {}
    for one in cameras:
        with contextlib.suppress(StorageError):
            seen[one] = _seen_in(one, signers)
    known = log.read()  # after the cameras' ledgers: they come in while a server works
    if known is None:
        if any(seen.values()):
            yield Severity.DAMAGE, f"{log.directory}: cameras have seen a log here, and it is gone"
        return
    now, tree = known[1].checkpoint, TreeFiles(log.directory)
    if merkle.root(tree.complete, now.size) != now.root:
        yield Severity.DAMAGE, f"{log.directory}: its hashes are not those that the log has signed"
        return
    yield from _against_ledger(office, tree, now)
    declared = [facts for facts in _facts_in(office) if isinstance(facts, HistoryLost)]
    lost = {(one.origin, one.size, one.root) for one in declared}
    for ledger, facts in seen.items():
        yield from _against_camera(ledger, facts, tree, now, lost)


def _against_ledger(office: str, tree: TreeFiles, now: Checkpoint) -> Iterator[Finding]:
    """About entries that came or went behind the log's back."""
    before, late, epoch = None, 0, 0
    gone: Counter[int] = Counter()
    """How many entries are not in the ledger, by the epoch of the one behind them."""
    damaged = set()
    for token in _tokens_in(office):
        entry = parse_carried(token.decode("ascii", "replace"))
        if entry is not None:
            epoch = entry.epoch
            if isinstance(entry.facts, Damaged):
                damaged.add(epoch)
        leaf = leaf_of(token)
        next_one = 0 if before is None else before + 1
        is_next = next_one < now.size and tree.complete(0, next_one) == leaf
        at = next_one if is_next else tree.find(leaf)
        if at is None or at >= now.size:
            late += 1
            continue
        if late:
            text = f"{count(late, 'entry is', 'entries are')} in the ledger and not in the log"
            yield Severity.DAMAGE, f"{office}: {text}: written later than what follows"
            late = 0
        if before is not None:
            gone[epoch] += abs(at - before - 1)
        before = at
    gone[epoch + 1] += now.size if before is None else now.size - 1 - before
    # The epoch that follows a damaged one says so: nothing else explains what is gone.
    told = sum(number for behind, number in gone.items() if behind in damaged)
    for missing, severity, more in (
        (gone.total() - told, Severity.DAMAGE, ""),
        (told, Severity.NOTE, ", which says that it was damaged"),
    ):
        if missing:
            text = f"{count(missing, 'entry is', 'entries are')} in the log and not in the ledger"
            yield severity, f"{office}: {text}{more}"
    if late > MOST_UNLOGGED:
        text = f"{late} entries are not in the log: the server has published none of them"
        yield Severity.NOTE, f"{office}: {text}"


def _against_camera(
    ledger: str, seen: list[_Seen], tree: TreeFiles, now: Checkpoint, lost: set[_Name]
) -> Iterator[Finding]:
    """About what a camera says that it was shown, in the order in which it was."""
    wrong: list[str] = []
    declared, changed, unlogged = False, False, False
    for one in seen:
        if isinstance(one, OfficeDisputed):
            wrong.append(f"it disputes what the office showed ({one.why}, {one.size} entries)")
            unlogged = one.why == Dispute.NOT_LOGGED
            changed = changed or not _is_in(one, tree, now)
            continue
        unlogged = False
        if declared:
            yield _declared(ledger)
            wrong.clear()
            changed = False
        declared = (one.origin, one.size, one.root) in lost
        if _is_in(one, tree, now):
            continue
        changed = True
        if one.origin != now.origin or one.size > now.size:
            wrong.append(f"it has seen a log of {one.size} entries that is not here")
        else:
            wrong.append(f"it has seen another history of {one.size} entries")
    if declared:
        yield _declared(ledger)
    elif wrong:
        more = count(len(wrong) - 1, "more entry there says so", "more entries there say so")
        others = f"; {more}" if len(wrong) > 1 else ""
        text = f"by the camera's ledger in {ledger} {wrong[0]}{others}"
        # Put back, and put right again: all that it saw, and what it disputed, is in this log.
        if changed or unlogged:
            known = "the office's log is not the one that a camera knows"
            yield Severity.DAMAGE, f"{known}: {text}. docs/transparency.md says what to do"
        else:
            yield Severity.NOTE, f"{text}; all that it was shown is in this log"


def _is_in(one: _Seen, tree: TreeFiles, now: Checkpoint) -> bool:
    """Whether this log has a checkpoint as its beginning."""
    if one.origin != now.origin or one.size > now.size:
        return False
    return checkpoints.encode(merkle.root(tree.complete, one.size)) == one.root


def _declared(ledger: str) -> Finding:
    """The office said so, in its own ledger."""
    return Severity.NOTE, f"{ledger}: the office declared lost what this camera has seen"


def _seen_in(ledger: str, office: Collection[str]) -> list[_Seen]:
    """What a camera's ledger says of the log of this office: it may have served others. office:
    thumbprints of its keys."""
    found = _facts_in(ledger)
    said = (one for one in found if isinstance(one, OfficeCheckpoint | OfficeDisputed))
    return [one for one in said if one.office in office]


def _facts_in(ledger: str) -> Iterator[Fact | None]:
    for token in _tokens_in(ledger):
        entry = parse_carried(token.decode("ascii", "replace"))
        yield None if entry is None else entry.facts


def _tokens_in(ledger: str) -> Iterator[bytes]:
    """The tokens of a ledger's entries, in their order. Raises StorageError."""
    files = log_segments.list_files(ledger)
    for number in sorted(files.numbers):
        name = files.name(number)
        for token in () if name is None else read_tokens(ledger, name):
            if _is_entry(token):
                yield token


def _is_entry(token: bytes) -> bool:
    try:
        return jws.parse(token).kind == LEDGER
    except jws.JwsError:
        return False
