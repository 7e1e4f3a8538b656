"""Directories of several servers have the same files, in whatever order servers end."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from desk_helpers import KEY, ONE, recording
from postgresql import PostgreSQL

from camerad.base import durable_files
from camerad.base.clock import ManualClock, SystemClock
from camerad.base.errors import StorageError
from camerad.container.keys import KeyRing, SigningKey
from camerad.container.severity import Severity
from camerad.evidence import holdings
from camerad.ledger.claim import SHARED_BY, Claim
from camerad.ledger.ledger import Ledger, read_ledger
from camerad.office.replicas.directory_store import DirectoryStore
from camerad.office.replicas.replica_store import Lock, name_of
from camerad.office.replicas.shared_directory import SharedDirectory
from camerad.office.state.database_settings import IndexSettings
from camerad.office.state.office_state import OfficeState
from camerad.store.locations import holding_ending
from camerad.store.verified_copy import Digest

OFFICE_KEY = SigningKey.generate()
CAMERA = "cam-1-" + KEY.public.thumbprint[:8]
COPY = f"{CAMERA}/ledger/000001.jws"
RECEIPT = f"{CAMERA}/receipts/0001.jws"
RECORDING = f"{CAMERA}/recordings/{ONE}.tar"


class Killed(BaseException):
    """The process ends here."""


class Server:
    """What one server has: its directory and its connection."""

    def __init__(self, root: Path, url: str, store: Path) -> None:
        self.root = root
        root.mkdir(exist_ok=True)
        self.clock = ManualClock(wall_us=SystemClock().wall_us())
        self.state = OfficeState(IndexSettings(url), str(root))
        self.store = DirectoryStore(str(store), self.clock)
        self.shared = SharedDirectory(str(root), self.state, self.store, self.clock)

    def join(self) -> None:
        self.shared.join(lambda: holdings.directory_id(str(self.root)))
        self.shared.fetch()

    def close(self) -> None:
        self.shared.close()
        self.state.close()

    def ledger(self) -> Ledger:
        claim = Claim(str(self.root / "office" / "ledger"))
        return Ledger.open(claim, OFFICE_KEY, self.clock)

    def note(self, who: str) -> None:
        """Write an entry, in a turn."""
        ledger = self.ledger()
        try:
            ledger.append("history_lost", origin=who, size=0, root="", reason="", who=who)
        finally:
            ledger.close()

    def count_entries(self) -> int:
        return sum(one.read_bytes().count(b"\n") for one in self.root.glob("office/ledger/*.jws"))

    def file(self, name: str) -> Path:
        return self.root / name

    def change(self, name: str, content: bytes) -> None:
        """Change a file of the camera's ledger, in a turn."""
        with self.shared.changing(holding_ending(KEY.public.thumbprint)):
            self.file(name).parent.mkdir(parents=True, exist_ok=True)
            durable_files.publish(str(self.file(name)), content)

    def ingest(self) -> None:
        """Have a recording, with its receipt."""
        content = recording(ONE).file
        digest = Digest(hashlib.sha256(content).hexdigest(), len(content))
        name, path = name_of(ONE, "ab" * 32), self.file(RECORDING)
        came = self.root.with_suffix(".came")
        came.write_bytes(content)
        with self.shared.changing(holding_ending(KEY.public.thumbprint)):
            holding = holdings.make_holding(str(self.root), "cam-1", KEY.public)
        self.store.put(name, str(came), len(content), Lock(None))
        self.shared.announce_recording(str(path), name, digest)
        came.rename(path)
        self.shared.placed(str(path))
        self.shared.put_file(f"{holding.receipts}/0001.jws", b"a receipt\n")

    def files(self) -> dict[str, tuple[bytes, int]]:
        """What all servers have, with the times by which an index tells changes."""
        return {
            str(path.relative_to(self.root)): (path.read_bytes(), path.stat().st_mtime_ns)
            for path in sorted(self.root.rglob("*"))
            if path.is_file() and path.name != "shared"
        }


Make = Callable[[str], Server]


@pytest.fixture
def make(tmp_path: Path, postgresql: PostgreSQL) -> Iterator[Make]:
    url, made = postgresql.make(), list[Server]()
    (tmp_path / "store").mkdir()

    def server(name: str) -> Server:
        made.append(Server(tmp_path / name, url, tmp_path / "store"))
        return made[-1]

    yield server
    for one in made:
        one.close()


@pytest.fixture
def two(make: Make) -> tuple[Server, Server]:
    servers = make("one"), make("two")
    for one in servers:
        one.join()
    servers[0].note("one")
    check_same(*servers)
    return servers


def check_same(*servers: Server) -> None:
    for one in servers:
        one.shared.bring_all()
    for one in servers:
        assert one.files() == servers[0].files()
    keys = KeyRing([OFFICE_KEY.public])
    found = read_ledger(str(servers[0].root / "office" / "ledger"), keys)[1]
    assert [one for one in found if one.severity is not Severity.NOTE] == []


def test_every_change_reaches_every_server_and_one_that_comes_later(
    two: tuple[Server, Server], make: Make
) -> None:
    one, other = two
    other.note("two")
    one.ingest()
    other.change(COPY, b"entry\n")
    check_same(one, other)
    one.change(COPY, b"entry\nentry\n")
    one.note("one")
    later = make("three")
    later.join()
    check_same(one, other, later)
    assert later.file(RECORDING).read_bytes() == recording(ONE).file
    with one.shared.ledger_turn(deleting=True):
        one.file(RECORDING).unlink()
        one.file(RECEIPT).unlink()
    check_same(one, other, later)
    assert not later.file(RECORDING).exists() and not later.file(RECEIPT).exists()


def test_a_turn_lists_only_the_part_that_it_is_about(
    two: tuple[Server, Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An office has a hundred thousand recordings, and takes thousands of turns a day."""
    one, _ = two
    one.ingest()
    listed, listdir = set[str](), os.listdir

    def noted(path: str) -> list[str]:
        listed.add(os.path.relpath(path, one.root))
        return listdir(path)

    monkeypatch.setattr(os, "listdir", noted)
    one.note("one")
    assert "office/ledger" in listed and not [name for name in listed if CAMERA in name]
    listed.clear()
    one.change(COPY, b"entry\n")
    assert listed == {".", CAMERA, f"{CAMERA}/ledger"}


def test_an_entry_by_a_server_that_lost_its_turn_is_not_written(
    two: tuple[Server, Server], postgresql: PostgreSQL
) -> None:
    """It was paused, or cut off, and does not know that another one writes."""
    one, other = two
    before = one.count_entries()
    ledger = one.ledger()
    with postgresql.connect("index") as operator:
        operator.execute(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_locks WHERE locktype = 'advisory'"
        )
    other.note("two")
    for _ in range(2):
        with pytest.raises(StorageError, match="another server of this office has changed it"):
            ledger.append("history_lost", origin="", size=0, root="", reason="", who="late")
    with pytest.raises(StorageError, match="another server"):
        ledger.rotate()
    ledger.close()
    check_same(one, other)
    one.note("again")
    check_same(one, other)
    assert one.count_entries() == before + 2


def test_what_was_committed_counts_though_its_server_ended_before_it_was_written(
    two: tuple[Server, Server], make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = two
    before = one.count_entries()

    def killed(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(durable_files, "write", killed)
        with pytest.raises(Killed):
            one.note("killed")
    other.shared.refresh()
    assert (one.count_entries(), other.count_entries()) == (before, before + 1)
    one.close()
    one = make("one")
    one.join()
    check_same(one, other)


@pytest.mark.parametrize("restarted", [False, True])
def test_what_was_not_committed_did_not_happen(
    two: tuple[Server, Server], make: Make, *, restarted: bool
) -> None:
    """Its server ended in between, a disk lost it, or a person did it by hand."""
    one, other = two
    one.ingest()
    one.change(COPY, b"entry\n")
    check_same(one, other)
    before = one.files()
    one.file(f"{CAMERA}/ledger/000002.jws").write_bytes(b"entry\n")
    one.file(COPY).write_bytes(b"other\n")
    one.file(RECORDING).unlink()
    one.file(RECEIPT).unlink()
    if restarted:
        one.close()
        one = make("one")
        one.join()
    else:
        with one.shared.changing(holding_ending(KEY.public.thumbprint)):
            pass
        with one.shared.ledger_turn(deleting=True):
            pass
    assert one.files() == before
    check_same(one, other)


def test_a_directory_with_files_of_its_own_is_not_joined(
    two: tuple[Server, Server], make: Make
) -> None:
    stranger = make("stranger")
    for name in ("office/id", RECEIPT):
        path = stranger.file(name)
        path.parent.mkdir(parents=True)
        path.write_bytes(b"of another office\n")
        with pytest.raises(StorageError, match="other servers do not have this file"):
            stranger.join()
        assert path.read_bytes() == b"of another office\n"
        path.unlink()
    stranger.join()
    check_same(*two, stranger)


def test_a_database_that_was_put_back_takes_no_file_away(
    two: tuple[Server, Server], postgresql: PostgreSQL, make: Make
) -> None:
    one, other = two
    with postgresql.connect("index") as operator:
        operator.execute("CREATE TABLE backup AS SELECT * FROM shared_files")
        one.note("later")
        one.shared.refresh()
        one.close()
        other.close()
        operator.execute("DELETE FROM shared_files")
        operator.execute("INSERT INTO shared_files SELECT * FROM backup")
        before = one.files()
        one = make("one")
        with pytest.raises(StorageError, match="was put back"):
            one.join()
        assert one.files() == before
        operator.execute("DELETE FROM shared_files")
        one.join()
        other = make("two")
        other.join()
    check_same(one, other)
    assert one.files() == before


@pytest.mark.parametrize(
    "path", ["../evil", "office/../../evil", "office/office.pem", "{CAMERA}/ledger/../../evil"]
)
def test_who_can_write_the_database_writes_no_other_file(
    two: tuple[Server, Server], postgresql: PostgreSQL, path: str
) -> None:
    one, other = two
    before = other.files()
    with postgresql.connect("index") as operator:
        operator.execute(
            "INSERT INTO shared_files SELECT %s, version + 99, bytes, sha256, time_ns, mode, "
            "object, content FROM shared_files WHERE path = 'office/id'",
            [path.format(CAMERA=CAMERA)],
        )
    with pytest.raises(StorageError, match="no such file is shared"):
        other.shared.refresh()
    assert other.files() == before and not (other.root.parent / "evil").exists()
    one.close()


def test_other_bytes_than_were_committed_or_stored_are_not_taken(
    two: tuple[Server, Server], postgresql: PostgreSQL, tmp_path: Path
) -> None:
    one, other = two
    one.ingest()
    (copy,) = (tmp_path / "store").glob("*/*.tar")
    copy.write_bytes(b"pay here")
    other.shared.refresh()
    with pytest.raises(StorageError, match="is what was put there"):
        other.shared.fetch()
    assert not other.file(RECORDING).exists()
    with postgresql.connect("index") as operator:
        operator.execute(
            "UPDATE shared_files SET content = 'x', version = version + 99 WHERE path = 'office/id'"
        )
    with pytest.raises(StorageError, match="has other bytes"):
        other.shared.refresh()
    assert other.file("office/id").read_bytes() == one.file("office/id").read_bytes()


def test_a_command_beside_the_servers_writes_no_ledger(two: tuple[Server, Server]) -> None:
    one, _ = two
    SHARED_BY.clear()  # as in another process
    with pytest.raises(StorageError, match="several servers have this ledger"):
        one.ledger()
