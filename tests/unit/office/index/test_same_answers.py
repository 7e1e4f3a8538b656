"""Whatever happens in an office's directory: an index that was brought up to date each time says
the same as one that is made anew, byte for byte, on SQLite and on PostgreSQL.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from desk_helpers import DAYS, KEY
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from postgresql import PostgreSQL

from camerad.base.clock import DAY, ClockSource
from camerad.evidence.case_file import Case, CaseRecording
from camerad.office.index.index import RecordingIndex
from camerad.office.index.office_knowledge import look_version
from tests.breadth import breadth
from tests.unit.office.index.office_scene_indexed import IndexedOffice, identity

PICK = st.integers(0, 1 << 16)


class Life(RuleBasedStateMachine):
    """Months of an office. made: makes an empty database of PostgreSQL."""

    made: Callable[[], str]

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        root = Path(self._folder.name)
        self.office = IndexedOffice(root)
        (self.office.directory / "office" / "id").write_text("one\n")
        self.kept = [self.office.index(), self.office.index(type(self).made())]
        self.number = 0
        self.version = ""
        self.changed = False

    def teardown(self) -> None:
        self.office.close()
        self._folder.cleanup()

    @property
    def here(self) -> list[Path]:
        return sorted(self.office.directory.glob("*/recordings/*.tar"))

    def one(self, number: int) -> str:
        return self.here[number % len(self.here)].stem

    def is_plain(self) -> bool:
        """Whether there is a recording under its own name."""
        return any(path.stem.startswith("2026") for path in self.here)

    @rule(marks=st.sampled_from([(), (400_000,)]), wearer=st.sampled_from([None, "W-1"]))
    def take_over(self, marks: tuple[int, ...], wearer: str | None) -> None:
        self.number += 1
        self.office.take(identity(self.number), marks=marks, wearer=wearer)

    @precondition(is_plain)
    @rule(number=PICK)
    def hold(self, number: int) -> None:
        recording = self.one(number)
        if recording.startswith("2026"):
            self.office.hold(recording)

    @rule(number=PICK)
    def release(self, number: int) -> None:
        with self.office.store() as store:
            held = [one.id for one in store.ledger.state.recordings.values() if one.held]
            if held:
                store.release(held[number % len(held)], "Desk")

    @rule(number=PICK)
    def hold_on_camera(self, number: int) -> None:
        with self.office.camera.open() as store:
            there = sorted(store.ledger.state.recordings)
            if there:
                store.hold(there[number % len(there)], "on duty", "Officer")
        self.office.camera.offload(self.office.directory)

    @precondition(is_plain)
    @rule(number=PICK)
    def hand_over(self, number: int) -> None:
        self.office.hand_over(self.one(number))

    @precondition(is_plain)
    @rule(number=PICK, verdict=st.sampled_from(["not_authentic", "authentic"]))
    def judge(self, number: int, verdict: str) -> None:
        self.office.judge(self.one(number), verdict)

    @rule(days=st.sampled_from([0, 1, DAYS, 40]))
    def purge(self, days: int) -> None:
        self.office.clock.advance(days * DAY)
        self.office.purge()

    @rule(source=st.sampled_from([ClockSource.UNKNOWN, ClockSource.SYNCHRONISED]))
    def clock(self, source: ClockSource) -> None:
        self.office.clock.source = source

    @rule()
    def quarantine(self) -> None:
        self.number += 1
        self.office.quarantine(identity(self.number))

    @precondition(is_plain)
    @rule(number=PICK, how=st.sampled_from(["copy", "lose", "damage", "rename", "receipts"]))
    def harm(self, number: int, how: str) -> None:
        path = self.here[number % len(self.here)]
        if how == "copy":
            copy = path.parent / "copy.tar"
            self.changed = copy.exists()  # then it is changed in place
            copy.write_bytes(path.read_bytes())
        elif how == "lose":
            path.unlink()
        elif how == "damage":
            path.write_bytes(path.read_bytes()[: 1024 + number % 4096])
            self.changed = True  # in place: noticed when files and ledger are compared
        elif how == "rename":
            path.rename(path.with_name("other.tar"))
        else:
            for receipt in (path.parents[1] / "receipts").glob("*.jws"):
                receipt.unlink()

    @rule(number=st.integers(0, 3), how=st.sampled_from(["open", "close", "damage", "lose"]))
    def case(self, number: int, how: str) -> None:
        """The desk writes the file of a case, or something befalls it."""
        path = self.office.case_path(f"{number} Js 1/26")
        if how == "lose":
            path.unlink(missing_ok=True)
        elif how == "damage":
            path.write_bytes(b"{")
        else:
            ids = tuple(CaseRecording(one.stem, 1, "desk") for one in self.here[:number])
            closed_us = 3 if how == "close" else None
            path.write_bytes(Case(f"{number} Js 1/26", 1, "desk", ids, closed_us=closed_us).encoded)

    @rule(cut=st.booleans())
    def ledger(self, cut: bool) -> None:
        """The office's ledger is put back, or its newest epoch is damaged."""
        epochs = sorted((self.office.directory / "office" / "ledger").glob("*.jws"))
        if not epochs:
            return
        lines = epochs[-1].read_bytes().splitlines(keepends=True)
        if cut:
            epochs[-1].write_bytes(b"".join(lines[:-1]) or lines[0])
        else:
            lines[len(lines) // 2] = b"rubbish\n"
            epochs[-1].write_bytes(b"".join(lines))

    @rule()
    def restart(self) -> None:
        """The server begins again, and knows nothing but what the databases have."""
        urls = [self.office.url, str(self.kept[1]._database.engine.url)]
        self.kept = [self.office.index(url) for url in urls]

    @invariant()
    def the_answers_are_the_same(self) -> None:
        version = look_version(self.office.files)
        written = [index.refresh() for index in self.kept]
        assert written[0] == written[1]
        if written[0] and not self.changed:
            assert version != self.version, "the cheap look has missed a change"
        self.version, self.changed = version, False
        url = f"sqlite:///{self.office.root}/anew.sqlite"
        anew = RecordingIndex(url, self.office.files, self.office.said.append)
        anew.open()
        anew.rebuild()
        expected = list(anew.dump())
        anew.close()
        os.unlink(self.office.root / "anew.sqlite")
        for index in self.kept:
            assert list(index.dump()) == expected
        assert self.office.said == []


@pytest.mark.breadth
def test_an_index_that_was_kept_up_says_what_a_new_one_says(
    postgresql: PostgreSQL, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is synchronised when is another test's matter."""
    monkeypatch.setattr("os.fdatasync", lambda descriptor: None)
    monkeypatch.setattr("os.fsync", lambda descriptor: None)
    monkeypatch.setattr("os.sync", lambda: None)

    class Here(Life):
        made = staticmethod(postgresql.make)

    how: dict[str, Any] = {"deadline": None, "stateful_step_count": breadth(10, 20)}
    run_state_machine_as_test(Here, settings=settings(max_examples=breadth(2, 400), **how))


def test_the_indexes_rows_name_nobody_that_is_gone(office: IndexedOffice) -> None:
    """A deleted recording leaves what the ledger says of it, and not who wore the camera."""
    office.take(identity(1), wearer="W-0815")
    office.reconcile()
    index = office.index()
    index.refresh()
    assert b"W-0815" in b"".join(index.dump())
    office.clock.advance((DAYS + 1) * DAY)
    office.purge()
    index.refresh()
    said = b"".join(index.dump())
    assert b"W-0815" not in said
    assert identity(1).encode() in said
    assert KEY.public.thumbprint.encode() in said
