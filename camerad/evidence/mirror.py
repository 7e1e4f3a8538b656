"""Keeps a copy of a device's ledger where its recordings were offloaded to.

The copy is a witness: what a device's ledger once said cannot be taken back afterwards. So the copy
only ever grows. Where the device's ledger does not go on from it, the part that was there is set
aside, and that is said. An epoch that expired on the device, leaving its checkpoint, goes here too.
"""

from __future__ import annotations

import errno
import hashlib
import os

from camerad.errors import StorageError
from camerad.evidence import copying, epochs, files
from camerad.evidence.places import Holding


def mirror_ledger(source: str, holding: Holding, *, recent: bool = False) -> list[str]:
    """Bring the copy of the ledger in `source` up to date; returns what a person has to look at.

    recent: only its newest two epochs, shortly after the whole was copied. Raises StorageError; the
    next call goes on.
    """
    files.make_directory(holding.ledger)
    theirs, ours = epochs.look(source), epochs.look(holding.ledger)
    problems = []
    for name in _names(theirs)[-2 if recent else 0 :]:
        problem = _copy(source, name, holding)
        if problem is not None:
            problems.append(problem)
    for number in () if recent else sorted(ours.epochs | ours.damaged):
        name = ours.name(number) or epochs.epoch_name(number)
        if name in _names(theirs):
            continue
        if number in theirs.checkpoints:
            files.remove(os.path.join(holding.ledger, name), missing_ok=True)
        else:
            problems.append(_set_aside(holding, name))
    return problems


def _names(shelf: epochs.Shelf) -> list[str]:
    """Every file of a ledger."""
    return [
        *(epochs.checkpoint_name(number) for number in sorted(shelf.checkpoints)),
        *(epochs.damaged_name(number) for number in sorted(shelf.damaged)),
        *(epochs.epoch_name(number) for number in sorted(shelf.epochs)),
    ]


def _copy(source: str, name: str, holding: Holding) -> str | None:
    try:
        content = epochs.read(source, name)
    except StorageError as error:
        if error.errno != errno.ENOENT:
            raise
        return None  # it has just expired; the next call takes what there is then
    if name.endswith(epochs.EPOCH_ENDING):
        # An entry that is being appended just now comes with the next copy.
        content = content[: content.rfind(b"\n") + 1]
    target = os.path.join(holding.ledger, name)
    problem = None
    if files.is_there(target):
        there = epochs.read(holding.ledger, name)
        if there == content:
            return None
        if not content.startswith(there):
            problem = _set_aside(holding, name)
    copying.publish(target, content)
    return problem


def _set_aside(holding: Holding, name: str) -> str:
    """Move a part of the copy away; what the device's ledger says takes its place."""
    content = epochs.read(holding.ledger, name)
    kept = os.path.join(
        holding.earlier_ledger, f"{name}-{hashlib.sha256(content).hexdigest()[:16]}"
    )
    files.make_directory(holding.earlier_ledger)
    copying.publish(kept, content)
    files.remove(os.path.join(holding.ledger, name))
    return (
        f"the device's ledger does not go on from the copy of {name} that was here: it was put "
        f"back, or replaced; that copy is kept as {kept}"
    )
