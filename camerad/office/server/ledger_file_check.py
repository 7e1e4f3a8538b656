"""Check that every line of a ledger's file from a camera is an entry of that ledger.

An unsigned ledger never comes into the office's copy, nor beside it. So an attacker who can have
requests signed, and has no key, cannot make the copy useless, nor have the server read rubbish for
ever. The file is read line by line, and no further than its first bad one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import BinaryIO, Final

from camerad.base.safe_read import open_plain
from camerad.base.text import printable
from camerad.container import jws
from camerad.container.keys import KeyRing
from camerad.ledger import log_segments
from camerad.ledger.entries import Entry, LedgerLine, parse_carried, read_lines
from camerad.ledger.entry_types import Carried, EpochBegun
from camerad.office.server.upload_errors import UploadError, UploadRefusal

MOST_LINES: Final = 10_000
"""Lines of one file. An epoch ends after 2,000 entries, and begins with what it carries."""
MOST_CLOSED: Final = 1_000
"""Closed epochs that a file names: an office takes 400 files with entries (`ledger_copy`)."""
MOST_DAMAGED: Final = 2_000
"""Lines that are no entries, in a file that its camera calls damaged."""


def check_ledger_file(path: str, name: str, keys: KeyRing, former: Collection[str] = ()) -> None:
    """Raise UploadError unless the file at `path` can be the ledger's file `name`.

    keys: the camera's. former: thumbprints of keys that it had before; where the key itself is not
    in `keys`, what it signed is taken by its form. An epoch has to be whole from its first entry
    on; only the last line may have been cut short. Of one that the camera calls damaged some lines
    may be anything. Memory is that of one line. Raises StorageError.
    """
    number = int(name.partition(".")[0])
    with open_plain(path, "ledger") as file:
        if name.endswith(log_segments.CHECKPOINT_ENDING):
            _check_checkpoint(file, name, number, keys, former)
        elif name.endswith(log_segments.DAMAGED_ENDING):
            _check_damaged(_lines(file, name, keys, former), name)
        else:
            _check_epoch(_lines(file, name, keys, former), name, number)


def _check_checkpoint(
    file: BinaryIO, name: str, number: int, keys: KeyRing, former: Collection[str]
) -> None:
    token = file.read(jws.LONGEST + 1)
    try:
        found = log_segments.parse_checkpoint(token, keys).number
    except jws.UnknownKeyError as error:
        if error.kid not in former:
            raise _refusal(f"{name}: {error}") from None
    except jws.JwsError as error:
        raise _refusal(f"{name}: this is no checkpoint of the camera's ledger: {error}") from None
    else:
        if found != number:
            raise _refusal(f"{name}: this is the checkpoint of epoch {found}")


def _check_epoch(lines: Iterator[LedgerLine], name: str, number: int) -> None:
    before: Entry | None = None
    torn: LedgerLine | None = None
    closed = 0
    for line in lines:
        if torn is not None:
            raise _no_entry(name, torn, torn.problem)
        why = line.problem if line.entry is None else _misfit(line.entry, before, number)
        if line.entry is None and not line.whole:
            torn = line  # an interrupted append left it, if nothing follows
        elif why:
            raise _no_entry(name, line, why)
        before = line.entry or before
        if before is not None and isinstance(before.facts, Carried):
            closed += len(before.facts.epochs)
            if closed > MOST_CLOSED:
                raise _refusal(f"{name}: no ledger has more than {MOST_CLOSED} closed epochs")
    if before is None:
        raise _refusal(f"{name}: there is no entry in it")


def _check_damaged(lines: Iterator[LedgerLine], name: str) -> None:
    bad = 0
    for line in lines:
        bad += line.entry is None
        if bad > MOST_DAMAGED:
            raise _no_entry(name, line, line.problem)


def _lines(
    file: BinaryIO, name: str, keys: KeyRing, former: Collection[str]
) -> Iterator[LedgerLine]:
    """The lines of a file, their numbers counted from 1; an entry by a former key that this office
    lacks is one too."""
    number = 0
    while content := file.readline(jws.LONGEST + 2):
        number += 1
        if number > MOST_LINES:
            raise _refusal(f"{name}: no file of a ledger has more than {MOST_LINES} lines")
        (line,) = read_lines(content, keys)
        key = jws.named_key(content)
        if line.entry is None and key in former and key not in keys:
            entry = parse_carried(content.rstrip(b"\n").decode("ascii", "replace"))
            line = line._replace(entry=entry)
        yield line._replace(number=number)


def _misfit(entry: Entry, before: Entry | None, number: int) -> str:
    """Why an entry cannot come behind the one before in an epoch; "" if it can."""
    if entry.epoch != number:
        return f"it belongs to epoch {entry.epoch}"
    if before is None:
        return "" if isinstance(entry.facts, EpochBegun) else "it does not begin an epoch"
    if (entry.sequence, entry.previous) != (before.sequence + 1, before.sha256):
        return "it does not follow the one before"
    return ""


def _no_entry(name: str, line: LedgerLine, why: str) -> UploadError:
    return _refusal(f"{name}, line {line.number}: this is no entry of the camera's ledger: {why}")


def _refusal(why: str) -> UploadError:
    return UploadError(
        UploadRefusal.BAD_LEDGER,
        f"{printable(why)}; look at the camera's card, and replace a failing one",
    )
