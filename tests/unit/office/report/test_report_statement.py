"""The signed statement of a report, compared with the office's directory later."""

from __future__ import annotations

from datetime import UTC, date
from pathlib import Path
from shutil import rmtree

import pytest
from desk_helpers import KEY
from msgspec.structs import replace
from state_helpers import state_in
from vault_helpers import OFFICE_KEY

from camerad.base.clock import DAY
from camerad.container import jws
from camerad.container.keys import SigningKey
from camerad.ledger.entries import Head
from camerad.office.report.figures import ReportError
from camerad.office.report.ledger_tally import TALLY
from camerad.office.report.report_days import ReportPeriod, days_in
from camerad.office.report.report_sources import OfficeRecords, read_log, read_sources
from camerad.office.report.report_statement import (
    REPORT,
    ReportCheck,
    ReportStatement,
    check_report,
    read_signed,
    sign_report,
    write_report,
)
from camerad.store.locations import place_of
from camerad.transparency.camera_witness import witness_name
from camerad.transparency.checkpoints import WITNESS, NoteKey, cosign, encode
from camerad.transparency.office_log import OfficeLog
from tests.unit.office.report.test_ledger_tallies import KEYS, Office

DAY_OF = days_in(UTC)


class Reported:
    """A report of an office's first days."""

    def __init__(self, root: Path) -> None:
        self.office = Office(root)
        place = place_of(str(self.office.root))
        self.records = OfficeRecords(state_in(place.root), place, KEYS, DAY_OF)
        with self.office.work() as store:
            store.ledger.append("uptime")
            store.ledger.append("uptime")
            store.ledger.rotate()
        self.office.make()
        (self.tally,) = self.office.read()
        day = date.fromisoformat(self.tally.days[-1].day)
        self.period = ReportPeriod(day, day)
        self.out = root / "out"
        self.write()

    def write(self, **other: object) -> None:
        sources = read_sources(self.records, self.period)
        said = ReportStatement(
            kid=OFFICE_KEY.public.thumbprint,
            directory="d",
            first=self.period.first.isoformat(),
            last=self.period.last.isoformat(),
            zone="UTC",
            language="en",
            software="0.1.0",
            head=sources.head(self.period),
            readings=sources.readings,
            readings_sha256=sources.readings_sha256,
            files=(),
        )
        said = replace(said, **other)  # type: ignore[arg-type]
        files = sign_report("r", {".html": b"<p>", ".csv": b"a"}, OFFICE_KEY, said)
        write_report(str(self.out), files)

    def check(self) -> ReportCheck:
        return check_report(str(self.out / "r.html"), self.records)

    def expire(self) -> None:
        """The epoch goes, and leaves its checkpoint."""
        with self.office.work() as store:
            store.ledger.rotate()
            self.office.vault.clock.advance(400 * DAY)
            store.ledger.append("uptime")
            assert store.ledger.expire(300) == (1, 2)  # another year has begun another epoch


@pytest.fixture
def reported(tmp_path: Path) -> Reported:
    return Reported(tmp_path)


def test_a_report_is_as_it_was_signed_while_the_ledger_is_there(reported: Reported) -> None:
    found = reported.check()
    assert (found.problems, found.remarks) == ((), ())
    assert found.statement is not None and found.statement.head == reported.tally.head


def test_the_last_entry_of_an_expired_epoch_is_in_its_checkpoint(reported: Reported) -> None:
    reported.expire()
    assert reported.check().problems == reported.check().remarks == ()
    head = reported.tally.head
    reported.write(head=replace(head, sha256="0" * 64))
    assert "another one than the report covers" in reported.check().problems[0]


def test_an_entry_within_an_expired_epoch_is_named_by_the_sums_or_by_nothing(
    reported: Reported,
) -> None:
    head = reported.tally.head
    within = Head(1, head.sequence - 1, "c" * 64)
    reported.expire()
    reported.write(head=within)
    assert "cannot be compared any more" in reported.check().remarks[0]
    # Days of an epoch that lasted over midnight have heads of their own.
    day = replace(reported.tally.days[0], head=within)
    tally = replace(reported.tally, days=(day, *reported.tally.days))
    reported.office.tally_file.write_bytes(jws.sign(OFFICE_KEY, TALLY, tally))
    assert "sums of that day name it" in reported.check().remarks[0]
    reported.write(head=Head(1, 99999, "c" * 64))
    assert "another one" in reported.check().problems[0]


def test_without_its_checkpoint_or_its_ledger_nothing_vouches_for_a_head(
    reported: Reported,
) -> None:
    reported.expire()
    ledger = reported.office.root / "office" / "ledger"
    path = ledger / "000001.checkpoint"
    for spoil in (lambda: path.write_bytes(b"no checkpoint"), path.unlink, lambda: rmtree(ledger)):
        spoil()
        assert "another one" in reported.check().problems[0]


def test_a_report_names_what_witnesses_had_signed_of_the_log(reported: Reported) -> None:
    camera = SigningKey.generate()
    key = NoteKey(witness_name(camera.public), WITNESS, camera.public)
    with reported.office.work() as store:
        log = OfficeLog(store.ledger.directory)
        note = log.publish(store.ledger)
        log.set_policy([key], None)
    assert read_log(reported.records) is None, "no camera has signed it yet"
    line = cosign(camera, key.name, note.checkpoint, 1_795_600_000)
    log.keep(str(note.with_lines([line])))
    signed = read_log(reported.records)
    assert signed is not None
    found = (signed.size, signed.cameras, signed.others, signed.last)
    assert found == (note.checkpoint.size, 1, 0, "2026-11-25")
    reported.write(log=signed)
    assert reported.check().problems == ()
    reported.write(log=replace(signed, root=encode(bytes(32))))
    assert "not the checkpoint that the report names" in reported.check().problems[0]


def test_without_a_ledger_nothing_is_compared_and_other_readings_are_a_remark(
    reported: Reported,
) -> None:
    reported.write(head=None, readings=7, readings_sha256="0" * 64)
    found = reported.check()
    assert found.problems == ()
    (remark,) = found.remarks
    assert "the report rests on 7" in remark


def test_only_the_office_s_own_statement_counts(reported: Reported) -> None:
    stranger = SigningKey.generate()
    (reported.out / "r.jws").write_bytes(jws.sign(stranger, REPORT, {}))
    assert reported.check().statement is None
    with pytest.raises(ReportError, match=r"r\.jws"):
        read_signed(str(reported.out / "r.csv"), KEYS)
    reported.write(kid=KEY.public.thumbprint)
    with pytest.raises(ReportError, match="another key"):
        read_signed(str(reported.out / "r.csv"), KEYS)
    reported.write(first="yesterday")
    assert reported.check().statement is None


def test_what_is_changed_or_gone_is_named(reported: Reported) -> None:
    assert read_signed(str(reported.out / "r.csv"), KEYS)[1] == b"a"
    (reported.out / "r.csv").write_bytes(b"b")
    (reported.out / "r.html").unlink()
    problems = reported.check().problems
    assert [problem.split(": ")[1][:11] for problem in problems] == ["it is not t", "it was chan"]
    with pytest.raises(ReportError, match="was changed since"):
        read_signed(str(reported.out / "r.csv"), KEYS)
    (reported.out / "r.jws").unlink()
    with pytest.raises(ReportError, match="no signature beside"):
        reported.check()
    with pytest.raises(ReportError, match="no signature beside this report"):
        read_signed(str(reported.out / "r.csv"), KEYS)
