"""Ingests a camera's ledger, file by file, into the office's copy of it.

The camera brings what changed; what it brought is staged in ``office/incoming/KID/ledger``, where
nothing counts, and only if every line can be an entry of that ledger: so an attacker who can have
requests signed, and has no key, cannot make the copy useless, nor have the server read rubbish for
ever. With the list of all its files it says what the ledger
is. If all of them are there, the copy goes on with them, as at an offload
(`camerad.evidence.ledger_mirror`), and the stage is emptied. So is one to which nothing comes any
more, since it says who wore a camera, and what was held: the camera has it, and brings it again.
"""

from __future__ import annotations

import logging
import os
import re
import secrets
from collections.abc import Callable, Collection, Container, Iterator, Mapping
from typing import BinaryIO, Final

import msgspec

from camerad.base import durable_files, file_status
from camerad.base.clock import DAY, Moment
from camerad.base.errors import StorageError
from camerad.base.message_ids import MessageId
from camerad.base.safe_read import open_plain, sha256_plain
from camerad.base.storage_errors import explaining
from camerad.base.text import printable
from camerad.container import jws
from camerad.container.jws import SHA256
from camerad.container.keys import KeyRing, Thumbprint, is_thumbprint
from camerad.evidence.ledger_mirror import mirror_ledger
from camerad.ledger import log_segments
from camerad.ledger.entries import Entry, LedgerLine, parse_carried, read_lines
from camerad.ledger.entry_types import Carried, EpochBegun
from camerad.office.server.camera_holdings import CameraHoldings, size_of
from camerad.office.server.upload_errors import UploadError, UploadRefusal
from camerad.office.server.uploads import INCOMING, list_directories
from camerad.store.locations import LEDGER, OFFICE

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


_log = logging.getLogger(__name__)

LARGEST: Final = 8 << 20
"""Bytes of one file of a ledger. A day's epoch has less than one MiB."""
MOST_EPOCHS: Final = 400
"""Files with entries in one ledger. A camera keeps those of its time of retention, and an epoch
lasts a day or 2,000 entries."""
MOST_CHECKPOINTS: Final = 10_000
"""One is left of each day: that is 27 years."""
MOST_BYTES: Final = 256 << 20
"""Bytes of one camera's ledger in all: of the copy, of what is kept beside it, and of the stage."""
_NAME: Final = re.compile(r"([0-9]{6,9})\.(jws|damaged|checkpoint)", re.ASCII)
_BEHIND: Final = (
    "this ledger ends before the office's copy of it does, which has come another way meanwhile, "
    "as by an offload: bring it again; if that does not help, the card was put back to an earlier "
    "state"
)
_ENTRIES: Final = (log_segments.EPOCH_ENDING, log_segments.DAMAGED_ENDING)


class AdoptResult(msgspec.Struct, frozen=True):
    """missing: names of files that are not there with the SHA-256 that was named; then nothing was
    done. problems: what a person has to look at, as `mirror_ledger` says it."""

    missing: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


class StagedFile:
    """A file of a ledger while it comes; it counts for nothing before `finish`. Memory is constant.

    temporary: where its bytes are until then. most: bytes that it may have. on_finish: checks it,
    and gives it its name.
    """

    def __init__(self, temporary: str, most: int, on_finish: Callable[[], None]) -> None:
        self._temporary = temporary
        self._most = most
        self._on_finish = on_finish
        self._size = 0
        self._descriptor = durable_files.create(temporary)

    def write(self, piece: bytes) -> None:
        """Add bytes. Raises UploadError if they are more than were said, and StorageError."""
        if self._size + len(piece) > self._most:
            raise UploadError(
                UploadRefusal.TOO_LARGE,
                f"this file was to have at most {self._most} bytes; send no more",
            )
        end = durable_files.write(self._descriptor, [piece], self._size, self._temporary)
        self._size = end

    def finish(self) -> None:
        """Stage what came. Raises UploadError if it is no part of the camera's ledger, and
        StorageError."""
        durable_files.sync(self._descriptor, self._temporary)
        self._on_finish()

    def close(self) -> None:
        """Leave nothing behind of a file that was not finished. Raises StorageError."""
        durable_files.close(self._descriptor, self._temporary)
        if file_status.exists(self._temporary):
            durable_files.discard(self._temporary)


class LedgerCopies:
    """has_room: whether so many bytes leave the storage's reserve free.

    Any thread may call it; one thing at a time is done with one camera's ledger. kid: thumbprint of
    a camera's key. Everything raises UnregisteredError for a key that is not in the register, and
    StorageError.
    """

    def __init__(
        self,
        holdings: CameraHoldings,
        has_room: Callable[[int], bool] = lambda _length: True,
    ) -> None:
        self._holdings = holdings
        self._state = holdings.state
        self._has_room = has_room
        self._office = os.path.join(self._holdings.root, OFFICE)

    def files(self, kid: str) -> dict[str, str]:
        """What the office has of a camera's ledger, staged or in its copy: SHA-256 by name."""
        with self._state.hold(_claim_of(kid)):
            holding = self._holdings.find(kid)
            copied = {} if holding is None else _hashes(holding.ledger)
            return copied | _hashes(self._stage(kid))

    def begin(self, kid: str, name: str, length: int) -> StagedFile:
        """Begin to stage a file of so many bytes, which the caller closes. Raises
        UploadError."""
        check_name(name)
        stage = self._stage(kid)
        durable_files.make_directory(stage)
        with self._state.hold(_claim_of(kid)):
            self._check_room(kid, stage, length)
            temporary = f"{stage}{os.sep}{name}-{secrets.token_hex(8)}{durable_files.TEMPORARY}"
            return StagedFile(
                temporary, length, lambda: self._stage_file(kid, stage, name, temporary)
            )

    def put(self, kid: str, name: str, content: bytes) -> None:
        """Stage a file at once. Raises as `begin` and `StagedFile`."""
        staged = self.begin(kid, name, len(content))
        try:
            staged.write(content)
            staged.finish()
        finally:
            staged.close()

    def _check_room(self, kid: str, stage: str, length: int) -> None:
        if length > LARGEST:
            raise UploadError(
                UploadRefusal.TOO_LARGE, f"a ledger's file has at most {LARGEST} bytes"
            )
        holding = self._holdings.find(kid)
        kept = [] if holding is None else [holding.ledger, holding.earlier_ledger]
        if length + sum(map(_size_of_all, (stage, *kept))) > MOST_BYTES:
            raise UploadError(
                UploadRefusal.TOO_LARGE,
                f"the office keeps no more than {MOST_BYTES} bytes of one camera's ledger, with "
                "what it had said otherwise (earlier-ledger); look into the camera, and take what "
                "is kept beside its ledger away",
            )
        if len(_names(stage)) >= MOST_EPOCHS + MOST_CHECKPOINTS:
            raise UploadError(
                UploadRefusal.TOO_LARGE,
                "no ledger has so many files; bring the list of those it has",
            )
        if not self._has_room(length):
            raise UploadError(
                UploadRefusal.NO_ROOM, "the office's storage has no room left; let it make room"
            )

    def _stage_file(self, kid: str, stage: str, name: str, temporary: str) -> None:
        """Give a file that came its name, in place of what was staged before, if it can be one of
        this camera's ledger."""
        keys = self._holdings.ledger_keys(kid)
        check_ledger_file(temporary, name, keys, self._holdings.former(kid))
        with self._state.hold(_claim_of(kid)):
            durable_files.rename(temporary, os.path.join(stage, name))

    def adopt(self, kid: str, files: Mapping[str, str]) -> AdoptResult:
        """Have the office's copy of a camera's ledger go on with exactly these files.

        files: all of the ledger's, SHA-256 by name. Nothing is done if any is missing. Raises
        UploadError if no ledger has such files, or there is no room.
        """
        _check_list(files)
        with self._state.hold(_claim_of(kid)), self._holdings.changing_ledger(kid):
            stage = self._stage(kid)
            if not self._has_room(_size_of_all(stage)):
                raise UploadError(
                    UploadRefusal.NO_ROOM, "the office's storage has no room left; let it make room"
                )
            durable_files.make_directory(stage)
            holding = self._holdings.make(kid)
            staged, copied = _hashes(stage), _hashes(holding.ledger)
            missing = [
                name
                for name, sha256 in files.items()
                if sha256 not in (staged.get(name), copied.get(name))
            ]
            if missing:
                return AdoptResult(missing=tuple(sorted(missing)))
            _discard_all(stage, but=files)
            for name, sha256 in files.items():
                if staged.get(name) != sha256:
                    _borrow(holding.ledger, stage, name)
            if _is_behind(stage, holding.ledger):
                problems = [_BEHIND]
            else:
                problems = mirror_ledger(stage, holding, self._holdings.ledger_keys(kid))
            self._tell(kid, problems)
            _discard_all(stage)
            # A camera is not told how this machine's directories are called.
            root = self._holdings.root + os.sep
            return AdoptResult(problems=tuple(one.replace(root, "") for one in problems))

    def expire(self, days: int, now: Moment) -> list[Thumbprint]:
        """Empty the stages to which nothing came for so many days; returns the keys of their
        cameras, which the register need not have any more. now: whose wall time has to be trusted,
        else nothing is done.

        What came by a clock that was ahead counts from now. A stage whose camera is locked is left
        for the next time. One that cannot be read stays, and the log says so. Raises StorageError.
        """
        if not now.trusted:
            return []
        incoming = os.path.join(self._office, INCOMING)
        for path in (self._office, incoming):
            file_status.check_directory(path)
        expired = []
        for kid in list_directories(incoming, is_thumbprint):
            stage = os.path.join(incoming, kid, LEDGER)
            try:
                with self._state.try_hold(_claim_of(kid)) as own:
                    if own and _is_left(stage, days * DAY, now):
                        _discard_all(stage)
                        expired.append(kid)
            except StorageError as error:
                _log.warning("%s", printable(error), extra=MessageId.STORAGE.extra)
        return expired

    def _stage(self, kid: str) -> str:
        """Where a camera's files are staged; nothing on the way is a link. Raises
        UnregisteredError, since nothing else becomes a path, and StorageError."""
        path = self._office
        file_status.check_directory(path)
        for name in (INCOMING, self._holdings.key(kid).thumbprint, LEDGER):
            path = os.path.join(path, name)
            file_status.check_directory(path)
        return path

    def _tell(self, kid: str, problems: list[str]) -> None:
        for problem in problems:
            _log.warning(
                "ledger of camera %s: %s",
                self._holdings.name(kid),
                printable(problem),
                extra=MessageId.LEDGER.extra,
            )


def _claim_of(kid: str) -> str:
    return f"ledger {kid}"


def _is_left(stage: str, idle_us: int, now: Moment) -> bool:
    """Whether something is staged, and nothing came to it for so long: a directory's time is that
    of its last new name. If that is later than now, it is now from here on."""
    file_status.check_directory(stage)
    if not file_status.exists(stage):
        return False
    with explaining("look at what is staged", stage):
        if not os.listdir(stage):
            return False
        came_us = os.lstat(stage).st_mtime_ns // 1000
        if came_us > now.wall_us:
            os.utime(stage, ns=(now.wall_us * 1000, now.wall_us * 1000))
    return now.wall_us - came_us >= idle_us


def _discard_all(stage: str, but: Container[str] = ()) -> None:
    """Remove what is staged, except for these names, and for what is just coming."""
    with explaining("list what is staged", stage):
        names = os.listdir(stage)
    for name in names:
        path = os.path.join(stage, name)
        if name not in but and not _is_coming(path):
            durable_files.discard(path)


def _is_coming(path: str) -> bool:
    """Whether a file of the stage is just being received, maybe by another server."""
    return path.endswith(durable_files.TEMPORARY) and not durable_files.is_left(path)


def _is_behind(stage: str, copy: str) -> bool:
    """Whether the copy has all that is staged, and goes on from there.

    Another request brought more meanwhile. A card that was put back looks the same until its camera
    writes its next entry, which it does at its next start; then it is told as what it is.
    """
    theirs, ours = log_segments.list_files(stage), log_segments.list_files(copy)
    if theirs.newest > ours.newest:
        return False
    more = theirs.newest < ours.newest
    for number in theirs.epochs | theirs.damaged:
        name, there = theirs.name(number), ours.name(number)
        if there is None and number in ours.checkpoints:
            continue
        content = log_segments.read_file(stage, name or "")
        copied = b"" if there is None else log_segments.read_file(copy, there)
        if name != there or not copied.startswith(content[: content.rfind(b"\n") + 1]):
            return False
        more = more or len(copied) > len(content)
    return more


def check_name(name: str) -> None:
    """Raise UploadError unless a file of a ledger can be called so."""
    found = _NAME.fullmatch(name)
    if found is None or int(found[1]) < 1 or f"{int(found[1]):06d}" != found[1]:
        raise UploadError(
            UploadRefusal.BAD_LEDGER,
            f"{printable(name)[:80]}: no file of a ledger is called so; name one as it is in the "
            "camera's directory ledger",
        )


def _check_list(files: Mapping[str, str]) -> None:
    for name, sha256 in files.items():
        check_name(name)
        if not SHA256.fullmatch(sha256):
            raise UploadError(
                UploadRefusal.BAD_LEDGER,
                f"{name}: SHA-256 is written as 64 small hexadecimal digits",
            )
    if not any(name.endswith(_ENTRIES) for name in files):
        raise UploadError(
            UploadRefusal.BAD_LEDGER,
            "a ledger has one file with entries at least; name all of its files",
        )
    epochs = sum(name.endswith(_ENTRIES) for name in files)
    if epochs > MOST_EPOCHS or len(files) - epochs > MOST_CHECKPOINTS:
        raise UploadError(
            UploadRefusal.BAD_LEDGER,
            f"no ledger has more than {MOST_EPOCHS} files with entries, and {MOST_CHECKPOINTS} "
            "checkpoints",
        )


def _names(directory: str) -> list[str]:
    """The files of a ledger in a directory; none if it is not there."""
    if not file_status.is_directory(directory):
        return []
    with explaining("list the ledger", directory):
        return sorted(name for name in os.listdir(directory) if _NAME.fullmatch(name))


def _hashes(directory: str) -> dict[str, str]:
    """SHA-256 of a ledger's files in a directory; "" of what is no file."""
    found = {name: os.path.join(directory, name) for name in _names(directory)}
    return {
        name: sha256_plain(path, "ledger") if file_status.is_file(path) else ""
        for name, path in found.items()
    }


def _size_of_all(directory: str) -> int:
    """Bytes of the files in a directory, those included that did not come whole."""
    if not file_status.is_directory(directory):
        return 0
    with explaining("list the ledger", directory):
        names = os.listdir(directory)
    return sum(size_of(os.path.join(directory, name)) or 0 for name in names)


def _borrow(source: str, stage: str, name: str) -> None:
    """Stage a file that the office's copy has already: under both names, since neither is ever
    written to."""
    path = os.path.join(stage, name)
    if file_status.exists(path):
        durable_files.discard(path)
    with explaining("link the ledger's file", path):
        os.link(os.path.join(source, name), path, follow_symlinks=False)
