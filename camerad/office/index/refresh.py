"""Refreshes the index from files and ledgers, with as little work as possible.

A row follows from three things: its file, the ledgers, and the receipts beside it. So each camera's
directory is a *part* of the index, whose version is a digest of what it was made from: the names,
sizes and times of its files and receipts, and the versions of all ledgers. A part with the version
that it had stays as it is. Of another one each row is made anew, from the files whose size or time
is another one and from what the index has of the others, and those that differ are written. The
receipts are read if they, the keys or a file are others.

A process that keeps an index also keeps, from one refresh to the next, what the ledgers said. As
long as the index is as that refresh left it, only rows are rebuilt whose file is another one, or
about whose recording the ledgers say something else: what an entry costs does not grow with the
index.

One transaction has all of it. `rebuild` is the same with nothing known before, so both end with the
same rows (`camerad.office.index.index.Index.dump`); the tests compare them after every step.
"""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Iterable, Iterator, Mapping, Set
from typing import Any, Final, Protocol

import msgspec
from sqlalchemy import Connection, Select, Table, and_, bindparam, delete, insert, select

from camerad.base import file_status
from camerad.base.errors import CameradError, ConfigError, NotNowError, StorageError
from camerad.base.safe_read import read_plain
from camerad.container import jws
from camerad.container.keys import KeyRing
from camerad.container.recording_files import SUFFIX
from camerad.container.recording_files import UNREADABLE as ASIDE
from camerad.container.recording_ids import ID
from camerad.evidence.quarantine_reasons import ENDING, UNKNOWN, read_reason
from camerad.office.index.case_rows import CaseRows
from camerad.office.index.ledger_rows import Lost, in_pieces, put_rows
from camerad.office.index.office_knowledge import (
    KnowledgeReader,
    OfficeFiles,
    digest,
    list_versions,
)
from camerad.office.index.recording_rows import (
    Knowledge,
    Row,
    facts_in,
    facts_of_file,
    names_file,
    plain,
    quarantined_row,
    row_of_file,
    row_of_ledger,
)
from camerad.office.state.index_tables import (
    GONE,
    LEDGER,
    MISSING,
    QUARANTINE,
    UNREADABLE,
    UNSEEN,
    cameras,
    holds,
    metadata,
    recordings,
    sources,
)
from camerad.store import listing, receipts
from camerad.store.locations import RECEIPTS, Holding, Place, office_place
from camerad.store.receipts import CopiedRecording

OFFICE: Final = "office/id"
"""The source that says whose index this is."""
_LARGEST: Final = 64 * 1024
_Key = tuple[str, str]
"""Of a row of recordings: its id, and its place."""


class Refresher:
    """files: the office's. shared: other offices may use the same database. lost: is told of
    entries of the office's ledger that are gone. It keeps what it has read of ledgers. One thread
    uses it at a time."""

    def __init__(self, files: OfficeFiles, *, shared: bool, lost: Lost | None = None) -> None:
        self._shared = shared
        self._files = files
        self._lost = lost
        self._reader = KnowledgeReader(files, lost)
        self._ended = threading.Event()
        self._cases = CaseRows(files.root, self._go_on)
        self._left: _Left | None = None

    def end(self) -> None:
        """Have a refresh that runs end soon, and every later one at once, with
        NotNowError. Any thread may call it."""
        self._ended.set()

    def refresh(self, connection: Connection, *, complete: bool = True) -> int:
        """Bring the index to what is there now; returns how many rows of recordings were written
        or removed. connection: see `Database.writing`. complete: compare every file of a case also
        if none seems to have changed.

        Raises StorageError if something in the office's directory cannot be read, and
        ConfigError. Then nothing has changed once the transaction is given up.
        """
        place = office_place(self._files.root)
        before: dict[str, str] = {
            row.name: row.version for row in connection.execute(select(sources))
        }
        now = {OFFICE: _office_id(self._files.root)}
        self._check_office(before.get(OFFICE, ""), now[OFFICE])
        known = self._reader.read(connection, place, before)
        # Behind the ledger: what that tells of has its file before the next entry about it.
        now |= self._reader.sources | self._cases.put(connection, before, complete=complete)
        last, self._left = self._left, None
        if last is not None and last.sources != before:
            last = None  # it was given up, or another one has written since
        sure = known.touched is not None
        others = known.differs_from(last.known) if last is not None and sure else None
        written: set[_Key] = set()
        files, same, changed = dict[str, str](), set[str](), False
        listed = (one for one in place.holdings if one.listed)
        holdings = [_HoldingPart(place, one, self._reader, before) for one in listed]
        parts: list[_Part] = [*holdings, _ApartPart(place, self._reader)]
        for part in parts:
            self._go_on()
            changed |= before.get(part.name) != part.version
            if last is not None and others is not None and last.files.get(part.name) == part.own:
                same.add(part.name)
            elif before.get(part.name) != part.version:
                stored = _stored(connection, part.name)
                written |= _put(connection, stored, self._each(part.rows(known, stored)))
            now |= part.versions()
            if part.version:
                files[part.name] = part.own
        if others is not None:
            written |= _put_again(connection, known, others, same)
        there = {row.part for row in connection.execute(select(recordings.c.part).distinct())}
        for name in there - set(now) - {LEDGER}:
            written |= _put(connection, _stored(connection, name), ())
        unread = sorted(map(str, place.unread))
        now[LEDGER] = digest(self._reader.version, self._reader.camera_rows, unread)
        unfiled = known_unfiled(connection) if last is None else last.unfiled
        # Also what is no recording has to do with it: where it is, none is missing.
        if written or changed or before.get(LEDGER) != now[LEDGER]:
            among = None
            if last is not None and others is not None:
                stated = known.stated | last.known.stated
                among = others | {one for one, _ in written} | (unfiled & stated)
            rows = list(rows_without_file(connection, place, known, among))
            written |= _put(connection, _stored(connection, LEDGER, among), rows)
            gone = unfiled if among is None else among
            unfiled = (unfiled - gone) | {row["id"] for row in rows}
            _put_table(connection, holds, rows_of_holds(known))
            _put_table(connection, cameras, self._reader.camera_rows.values())
        if before != now:
            _put_table(
                connection, sources, ({"name": one, "version": now[one]} for one in sorted(now))
            )
        self._left = _Left(now, files, known, unfiled)
        return len(written)

    def check_office(self, connection: Connection) -> None:
        """Raise ConfigError if the index is of another office's directory; it changes
        nothing."""
        asked = select(sources.c.version).where(sources.c.name == OFFICE)
        self._check_office(connection.execute(asked).scalar() or "", _office_id(self._files.root))

    def _check_office(self, before: str, now: str) -> None:
        if self._shared and before not in ("", now):
            raise ConfigError(
                "the index in this database is of another office's directory than "
                f"{self._files.root}: name another database in the settings (index.url), or if "
                "this directory has a new id, as after a restoration without a backup of it, make "
                "the index anew: camerad office reindex"
            )

    def _each(self, rows: Iterator[Row]) -> Iterator[Row]:
        for row in rows:
            self._go_on()
            yield row

    def _go_on(self) -> None:
        if self._ended.is_set():
            raise NotNowError("the index is not brought up to date: its server ends")

    def rebuild(self, connection: Connection) -> int:
        """Make the index anew; otherwise as `refresh`."""
        for table in metadata.sorted_tables:
            connection.execute(delete(table))
        self._reader = KnowledgeReader(self._files, self._lost)
        self._left = None
        return self.refresh(connection)


class _Left(msgspec.Struct, frozen=True):
    """What a refresh knew, for the next one. sources: as it left them. files: what each part's own
    files were, by its name, without those of which some could not be read. known: what the ledgers
    said. unfiled: recordings that only the office's ledger names."""

    sources: Mapping[str, str]
    files: Mapping[str, str]
    known: Knowledge
    unfiled: Set[str]


class _Part(Protocol):
    """A part of the index. name: in `sources` and in the rows. version: of everything that its rows
    are made from; "" if some of it could not be read. own: of that, what is no ledger's."""

    name: str
    version: str
    own: str

    def versions(self) -> dict[str, str]:
        """What `sources` is to have of it."""

    def rows(self, known: Knowledge, stored: Mapping[tuple[str, str], Row]) -> Iterator[Row]:
        """The part's rows. stored: those of the index so far. Raises StorageError."""


class _HoldingPart:
    """A camera's directory."""

    def __init__(
        self, place: Place, holding: Holding, reader: KnowledgeReader, sources: Mapping[str, str]
    ) -> None:
        self.name = plain(os.path.relpath(holding.root, place.root))
        self._holding = holding
        self._files = list_versions(holding.recordings)
        self._trusted = reader.trusted
        self._office = reader.office_keys
        there = list_versions(holding.receipts)
        self._receipted = digest(there, sorted(reader.trusted), sorted(reader.office_keys))
        self._same_receipts = sources.get(f"{self.name}/{RECEIPTS}") == self._receipted
        self.own = digest(self._files, self._receipted)
        self.version = digest(reader.version, self._files, self._receipted)

    def versions(self) -> dict[str, str]:
        """See `_Part`."""
        return {self.name: self.version, f"{self.name}/{RECEIPTS}": self._receipted}

    def rows(self, known: Knowledge, stored: Mapping[tuple[str, str], Row]) -> Iterator[Row]:
        """See `_Part`."""
        before = {row["place"]: row for row in stored.values()}
        copied: dict[str, CopiedRecording] | None = None
        for name, kind, size, time_ns in self._files:
            if not stat.S_ISREG(kind) or name.endswith(ASIDE):
                continue
            place = plain(f"{self.name}/{os.path.basename(self._holding.recordings)}/{name}")
            row = before.get(place)
            if row is not None and (row["file_bytes"], row["file_time_ns"]) == (size, time_ns):
                facts = facts_in(row)
                if self._same_receipts:
                    receipt = bool(row["receipt"])
                    yield row_of_file(facts, self.name, place, known, receipt=receipt)
                    continue
            else:
                found = self._read(name, size, time_ns)
                if found is None:
                    continue
                facts = found
            if copied is None:
                copied = self._receipts()
            one = copied.get(facts["id"])
            receipt = one is not None and names_file(one, facts)
            yield row_of_file(facts, self.name, place, known, receipt=receipt)

    def _read(self, name: str, size: int, time_ns: int) -> Row | None:
        """What a file says of itself; None if it is no recording that could be read."""
        path = os.path.join(self._holding.recordings, name)
        try:
            info, said = listing.read_file(path)
        except StorageError:
            self.version = ""  # it is tried again the next time, and keeps no other from its row
            return None
        except (CameradError, ValueError, ArithmeticError):
            return None
        return facts_of_file(info, said, size, time_ns)

    def _receipts(self) -> dict[str, CopiedRecording]:
        """The last receipt about each recording, by the camera or by the office."""
        keys = KeyRing([*self._trusted.values(), *self._office.values()])
        found: dict[str, CopiedRecording] = {}
        for path in receipts.paths(self._holding.receipts):
            try:
                receipt = receipts.parse(read_plain(path, "receipt", jws.LONGEST + 1), keys)
            except StorageError:
                self.version = self._receipted = ""  # as above
                continue
            except jws.JwsError:
                continue  # a check of the directory says so
            found |= {one.id: one for one in receipt.recordings}
        return found


class _ApartPart:
    """What cameras handed over and the office did not take."""

    def __init__(self, place: Place, reader: KnowledgeReader) -> None:
        self.name = QUARANTINE
        self._root = os.path.join(place.root, QUARANTINE)
        self._names: dict[str, str] = {one.thumbprint: one.name for one in reader.register.cameras}
        self._found = {
            kid: list_versions(os.path.join(self._root, kid))
            for kid, kind, _, _ in list_versions(self._root)
            if stat.S_ISDIR(kind)
        }
        self.version = self.own = digest(self._found, self._names)

    def versions(self) -> dict[str, str]:
        """See `_Part`."""
        return {self.name: self.version}

    def rows(self, known: Knowledge, stored: Mapping[tuple[str, str], Row]) -> Iterator[Row]:  # noqa: ARG002
        """See `_Part`."""
        for kid, files in self._found.items():
            for name, kind, size, time_ns in files:
                stem = name.removesuffix(SUFFIX)
                if stem == name or not stat.S_ISREG(kind) or ID.match(stem) is None:
                    continue
                said = plain(kid), plain(self._names.get(kid, "")), self._why(kid, stem)
                yield quarantined_row(
                    plain(f"{QUARANTINE}/{kid}/{name}"), stem, size, time_ns, said
                )

    def _why(self, kid: str, stem: str) -> str:
        try:
            return read_reason(os.path.join(self._root, kid, stem + ENDING))
        except StorageError:
            self.version = ""  # as above
            return UNKNOWN


def _office_id(root: str) -> str:
    """The directory's id; "" if it has none yet."""
    path = os.path.join(root, OFFICE)
    if not file_status.is_file(path):
        return ""
    return plain(read_plain(path, "file", _LARGEST).decode("utf-8", "replace").strip()[:64])


def _stored(
    connection: Connection, part: str | None, among: Set[str] | None = None
) -> dict[_Key, Row]:
    """The rows of a part, or of all, as the index has them, by their keys. among: of these
    recordings alone."""
    asked = select(recordings)
    if part is not None:
        asked = asked.where(recordings.c.part == part)
    found: dict[_Key, Row] = {}
    for one in [asked] if among is None else asked_among(asked, among):
        for row in connection.execute(one).mappings():
            found[row["id"], row["place"]] = dict(row)
    return found


def _put_again(
    connection: Connection, known: Knowledge, others: Set[str], parts: Set[str]
) -> set[_Key]:
    """The rows of files that are as they were, in these parts, where the ledgers say something else
    about their recordings; returns as `_put`."""
    found = _stored(connection, None, others)
    stored = {key: row for key, row in found.items() if row["part"] in parts - {QUARANTINE}}
    rows = (
        row_of_file(facts_in(row), row["part"], row["place"], known, receipt=bool(row["receipt"]))
        for row in stored.values()
    )
    return _put(connection, stored, rows)


def _put(connection: Connection, stored: dict[_Key, Row], rows: Iterable[Row]) -> set[_Key]:
    """Bring a part from the stored rows to these rows; returns which were written or removed."""
    wanted = {(row["id"], row["place"]): row for row in rows}
    gone = [key for key, row in stored.items() if wanted.get(key) != row]
    new = [row for key, row in wanted.items() if stored.get(key) != row]
    if gone:
        which = and_(
            recordings.c.id == bindparam("gone_id"), recordings.c.place == bindparam("gone_place")
        )
        keys = [{"gone_id": one, "gone_place": place} for one, place in gone]
        connection.execute(delete(recordings).where(which), keys)
    put_rows(connection, recordings, iter(new))
    return {*gone, *((row["id"], row["place"]) for row in new)}


def _put_table(connection: Connection, table: Table, rows: Iterable[Row]) -> None:
    """Bring a small table to these rows."""
    wanted = {tuple(row[one.name] for one in table.primary_key): row for row in rows}
    there = connection.execute(select(table)).mappings()
    stored = {tuple(row[one.name] for one in table.primary_key): dict(row) for row in there}
    for key, row in stored.items():
        if wanted.get(key) != row:
            same = (one == value for one, value in zip(table.primary_key, key, strict=True))
            connection.execute(delete(table).where(and_(*same)))
    new: list[dict[str, Any]] = [row for key, row in wanted.items() if stored.get(key) != row]
    if new:
        connection.execute(insert(table), new)


def asked_among(asked: Select[Any], among: Set[str]) -> Iterator[Select[Any]]:
    """A question about recordings, about these alone."""
    return (asked.where(recordings.c.id.in_(some)) for some in in_pieces(among))


def known_unfiled(connection: Connection) -> Set[str]:
    """What has a row because the office's ledger names it."""
    asked = select(recordings.c.id).where(recordings.c.part == LEDGER)
    return set(connection.execute(asked).scalars())


def rows_without_file(
    connection: Connection, place: Place, known: Knowledge, among: Set[str] | None
) -> Iterator[Row]:
    """Rows of what only the office's ledger names. among: of these recordings alone."""
    files = select(recordings.c.id).where(recordings.c.part.not_in((QUARANTINE, LEDGER)))
    asked = [files] if among is None else asked_among(files, among)
    here = {one for some in asked for one in connection.execute(some).scalars()}
    named = {*known.stated, *known.deletions} if among is None else among
    for recording in sorted(named - here):
        ours = known.find(recording)
        if ours is None and recording not in known.deletions:
            continue
        state = MISSING
        if ours is None or ours.deleted is not None:
            state = GONE
        elif place.files_of(recording):
            state = UNREADABLE
        elif place.unread:
            state = UNSEEN
        yield row_of_ledger(recording, known, state)


def rows_of_holds(known: Knowledge) -> Iterator[Row]:
    """The table `holds`: those of the office's ledger, then those that are still on cameras."""
    ours = {} if known.state is None else known.state.recordings
    for recording in sorted({*(one for one in ours if ours[one].held), *known.pending}):
        there = ours[recording].holds if recording in ours else ()
        both = [(one, False) for one in there]
        both += [(one, True) for one in known.pending.get(recording, ())]
        for position, (one, on_camera) in enumerate(both):
            yield {
                "recording": plain(recording),
                "position": position,
                "reason": plain(one.reason),
                "who": plain(one.who),
                "on_camera": on_camera,
                "until_us": one.end_us,
            }
