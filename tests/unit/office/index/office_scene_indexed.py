"""An office's directory that cameras fill and the desk works on, and indexes of it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from desk_helpers import KEY, KEYS, Camera
from sqlalchemy import column, update
from sqlalchemy import table as table_named

from camerad.container.keys import SigningKey
from camerad.evidence import camera_register
from camerad.evidence.camera_register import Register, RegisteredCamera
from camerad.evidence.case_file import directory_of_cases, name_of
from camerad.evidence.office_store import open_office_store
from camerad.office.index import recording_query
from camerad.office.index.index import RecordingIndex
from camerad.office.index.ledger_rows import HANDED_OVER
from camerad.office.index.office_knowledge import OfficeFiles
from camerad.office.index.recording_query import RecordingQuery
from camerad.office.state.database import Database
from camerad.office.state.database_settings import IndexSettings, url_of
from camerad.office.state.index_tables import INDEX, metadata
from camerad.store.locations import office_place
from camerad.store.store import Store

OFFICE: Final = SigningKey.generate()
QUARANTINE: Final = "20261125T080000Z-000009-0000000a"


def identity(number: int) -> str:
    """An id of a recording."""
    return f"20261124T{number // 60:02d}{number % 60:02d}00Z-{number:06d}-{number:08x}"


def take_back(url: str) -> None:
    """Make of the present tables those of the first version, as far as it matters."""
    with Database(url, INDEX).writing() as connection:
        for name in ("entries_by_person", "recordings_by_tail"):
            connection.exec_driver_sql(f"DROP INDEX {name}")
        for name in ("until_us", "person", "case_number", "facts"):
            connection.exec_driver_sql(f"ALTER TABLE entries DROP COLUMN {name}")
        connection.exec_driver_sql("ALTER TABLE recordings DROP COLUMN tail")
        for name in ("hand_overs", "verdicts", "cases", "case_recordings", "case_entries"):
            connection.exec_driver_sql(f"DROP TABLE {name}")
        version = table_named(INDEX.version_table, column("version_num"))
        connection.execute(update(version).values(version_num="0001"))


class IndexedOffice:
    """An office with one camera."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.camera = Camera(root / "camera")
        self.clock = self.camera.clock
        self.directory = root / "office"
        (self.directory / "office").mkdir(parents=True)
        self.register = root / "register.json"
        known = RegisteredCamera("cam-1", KEY.public.thumbprint, KEY.public.jwk, 1, None, None, "")
        camera_register.write(str(self.register), Register((known,)))
        self.said: list[str] = []
        self._open: list[RecordingIndex] = []

    @property
    def files(self) -> OfficeFiles:
        return OfficeFiles(str(self.directory), OFFICE.public, str(self.register))

    @property
    def url(self) -> str:
        return url_of(IndexSettings(), str(self.directory))

    def index(self, url: str | None = None, **how: bool) -> RecordingIndex:
        """An index, opened."""
        made = RecordingIndex(url or self.url, self.files, self.said.append)
        self._open.append(made)
        made.open(**how)
        return made

    def close(self) -> None:
        for one in self._open:
            one.close()

    def take(self, *recordings: str, **how: object) -> None:
        """Take recordings over by stick."""
        for one in recordings:
            self.camera.put(one, **how)
        self.camera.offload(self.directory)

    @contextlib.contextmanager
    def store(self) -> Iterator[Store]:
        """The desk's, or the worker's."""
        place = office_place(str(self.directory))
        # As the desk goes on after a damage whose cause it knows: --new-office-key.
        with open_office_store(
            place, OFFICE, self.clock, KEYS, lambda _: None, replace=True
        ) as store:
            yield store

    def reconcile(self) -> None:
        """The office's ledger learns of what was taken over."""
        with self.store():
            pass

    def hold(self, recording: str, reason: str = "1 Js 1/26") -> None:
        with self.store() as store:
            store.hold(recording, reason, "Desk")

    def release(self, recording: str) -> None:
        with self.store() as store:
            store.release(recording, "Desk")

    def hand_over(self, recording: str) -> None:
        """It leaves the office with a case, as the desk writes it down."""
        self.begin_hand_over(recording)
        facts = {"case": "1/26", "who": "desk", "reason": "1 Js 1/26", "sha256": "0" * 64}
        with self.store() as store:
            store.ledger.append("case", what="handed_over", recording="", **facts)

    def begin_hand_over(self, recording: str, sha256: str = "0" * 64) -> None:
        """The same, but for the entry that says that it happened."""
        facts = {"case": "1/26", "who": "desk", "reason": "1 Js 1/26", "sha256": sha256}
        with self.store() as store:
            store.ledger.append("case", what=HANDED_OVER, recording=recording, **facts)

    def case_path(self, number: str) -> Path:
        """Where a case's file is, or will be."""
        path = Path(directory_of_cases(str(self.directory)), f"{name_of(number)}.json")
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def judge(self, recording: str, verdict: str, who: str = "desk") -> None:
        """The tab of somebody says what it found."""
        facts = {"verdict": verdict, "key": KEY.public.thumbprint, "final": ""}
        with self.store() as store:
            store.ledger.append("judged", id=recording, who=who, **facts)

    def purge(self) -> list[str]:
        with self.store() as store:
            return [one.id for one in store.purge()]

    def path(self, recording: str) -> Path:
        (found,) = self.directory.glob(f"*/recordings/{recording}.tar")
        return found

    def quarantine(self, recording: str = QUARANTINE, why: str = "a chain that breaks") -> None:
        directory = self.directory / "office" / "quarantine" / KEY.public.thumbprint
        directory.mkdir(parents=True, exist_ok=True)
        (directory / f"{recording}.json").write_text(
            json.dumps({"why": why, "sha256": "0" * 64, "bytes": 3})
        )
        (directory / f"{recording}.tar").write_bytes(b"odd")

    def copy_about(self, recording: str, name: str) -> None:
        """Somebody copies a file under another name."""
        path = self.path(recording)
        shutil.copyfile(path, path.with_name(name))

    def lose(self, recording: str) -> None:
        os.unlink(self.path(recording))


def answers(index: RecordingIndex, **asked: Any) -> list[str]:
    """Ids of what is found, page by page, two at a time."""
    found: list[str] = []
    after = None
    while True:
        page = index.ask(recording_query.find, RecordingQuery(**asked, limit=2, after=after))
        found += [one.id for one in page.recordings]
        after = page.next
        if after is None:
            return found


def table(index: RecordingIndex, name: str) -> list[dict[str, Any]]:
    """All rows of a table of the index."""
    names = [one.name for one in metadata.tables[name].columns]
    lines = map(json.loads, index.dump())
    return [dict(zip(names, line[1:], strict=True)) for line in lines if line[0] == name]


def row(index: RecordingIndex, recording: str) -> dict[str, Any]:
    """All that the index says of one recording."""
    (found,) = (
        one
        for one in index.ask(recording_query.find, RecordingQuery(limit=1000)).recordings
        if one.id == recording
    )
    return found.as_json()
