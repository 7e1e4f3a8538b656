"""Rows of uploads beside recorded files: a loss of power leaves those of the last commit."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, insert, select
from state_helpers import state_in

from camerad.office.state.office_state import OfficeState
from camerad.office.state.state_tables import upload_parts, uploads
from tests.crash.trace import Recorder

TABLES = (uploads, upload_parts)
CommittedRows = tuple[tuple[tuple[Any, ...], ...], ...]
"""Of each table."""
NONE: CommittedRows = ((), ())


@dataclass(frozen=True)
class Commit:
    """An event among the operations: from here on the database has these rows."""

    rows: CommittedRows


class UploadRows:
    """A state in a separate directory, so that all operations on files are those of uploads."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir()
        self.state = state_in(directory)
        self.state.open()

    def close(self) -> None:
        self.state.close()

    def read(self) -> CommittedRows:
        with self.state.reading() as rows:
            return tuple(tuple(tuple(row) for row in rows.execute(select(one))) for one in TABLES)

    def show(self, left: CommittedRows) -> None:
        """Have the tables contain these rows."""
        with self.state.writing() as rows:
            for table, content in zip(TABLES, left, strict=True):
                rows.execute(table.delete())
                for row in content:
                    rows.execute(insert(table).values(row))

    @contextlib.contextmanager
    def recording(self, recorder: Recorder) -> Iterator[None]:
        """Note operations and commits, in their order."""

        @contextlib.contextmanager
        def noted(seconds: float = 0) -> Iterator[Connection]:
            with OfficeState.noting(self.state, seconds) as rows:
                yield rows
            recorder.events.append(Commit(self.read()))  # type: ignore[arg-type]

        self.state.noting = noted  # type: ignore[method-assign]
        try:
            with recorder.recording():
                yield
        finally:
            del self.state.noting
