"""`camerad office trial`: a pilot from its plan to its report, and one that is tampered with."""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from desk_helpers import open_office
from sqlalchemy import update
from state_helpers import state_in

from camerad.base.clock import SECOND, ClockSource, Moment, SystemClock
from camerad.base.errors import EX_USAGE
from camerad.container.keys import KeyRing, SigningKey
from camerad.ledger.entries import read_lines
from camerad.office.report.suppression import may_split
from camerad.office.state.state_tables import trial_records, trials
from camerad.office.trial.draw import draw_shifts
from camerad.office.trial.records import ShiftForm
from camerad.office.trial.trial_plan import load_plan
from camerad.store.locations import office_place
from camerad.transparency.office_log import OfficeLog
from tests.unit.cli.conftest import Desk

WHO = ("--who", "lead")
START_US = 1_798_000_000 * SECOND
"""When the machine was switched on: in December 2026."""
REPORT = Path("out/camerad-trial-city-2027")


@pytest.fixture(autouse=True)
def today(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Sets the day on which a command runs."""
    with monkeypatch.context() as patched:
        patched.setenv("TZ", "UTC")
        time.tzset()

        def go_to(day: str) -> None:
            noon = datetime.fromisoformat(f"{day}T12:00").replace(tzinfo=UTC)
            wall_us = int(noon.timestamp()) * SECOND
            moment = Moment(wall_us - START_US, wall_us, ClockSource.SYNCHRONISED)
            patched.setattr("camerad.base.clock.SystemClock.moment", lambda _: moment)
            patched.setattr("camerad.base.clock.SystemClock.wall_us", lambda _: wall_us)

        go_to("2027-01-01")
        yield go_to
    time.tzset()


@pytest.fixture
def pilot(desk: Desk, tmp_path: Path) -> Path:
    """An office, and the plan of two weeks."""
    assert desk("office", "init", "archive", "--url", "https://office.example").code == 0
    empty = desk("office", "trial", "plan", "--form").out
    text = re.sub(r"weeks: 26", "weeks: 2", empty).replace(
        "usual_percent: 5 ", "usual_percent: 40 "
    )
    (tmp_path / "plan.yaml").write_text(text)
    return tmp_path


def publish(root: Path) -> None:
    """What the server's job does every quarter of an hour."""
    key = SigningKey.from_pem((root / "config/camerad/office.pem").read_bytes())
    with open_office(root / "archive", key, SystemClock()) as store:
        OfficeLog(office_place(str(root / "archive")).ledger).publish(store.ledger)


def run(desk: Desk, today: Callable[[str], None], pilot: Path) -> None:
    """A pilot whose forms are all filled in: the late shifts have an insult without it."""
    assert desk("office", "trial", "start", "plan.yaml", *WHO).code == 0
    publish(pilot)
    for number in range(14):
        today(f"2027-01-{4 + number:02}")
        for line in desk("office", "trial", "draw").out.splitlines():
            shift, arm, *_ = line.split()
            if f"2027-01-{4 + number:02}" in shift:
                insults = int(arm == "without" and "late" in shift)
                said = desk(
                    *("office", "trial", "note", "form", shift),
                    *("occasions=2", f"insults={insults}", *WHO),
                )
                assert said.code == 0, said.err
    today("2027-01-18")


def test_a_pilot_from_its_plan_to_its_report(
    desk: Desk, today: Callable[[str], None], pilot: Path
) -> None:
    said = desk("office", "trial", "plan", "plan.yaml").out
    assert "28 shifts from 2027-01-04 to 2027-01-17" in said
    assert re.search(r"80 % takes \d+ shifts: 0.1|chance to find that, if it is so: \d+ %", said)
    run(desk, today, pilot)
    note = ("office", "trial", "note")
    shift = desk("office", "trial", "draw").out.splitlines()[-1].split()[0]
    assert desk(*note, "form", shift, "occasions=3", *WHO).code == 0
    for more in (
        ("deviation", shift, "reason=swapped"),
        ("proceeding", "4711/27", f"shift={shift}", "outcome=conviction"),
        ("survey", "public/after", "agree=31", "disagree=6"),
    ):
        assert desk(*note, *more, *WHO).code == 0
    for wrong, why in (
        (("form", "2027-01-02/late/1"), "no shift of the pilot"),
        (("form", shift, "insults=x"), "its fields: occasions"),
        (("form", shift, "name=Meier"), "name"),
        (("form", shift, "occasions=1", "calmed_by_sight=2"), "than there were"),
        (("deviation", shift, "reason=because"), "reason"),
        (("survey", "mayor", "agree=1"), "staff/before"),
    ):
        refused = desk(*note, *wrong, *WHO)
        assert refused.code == EX_USAGE
        assert why in refused.err
    early = desk("office", "trial", "report", "-o", "out", "--language", "en")
    assert (early.code, "before its end" in early.err) == (EX_USAGE, True)

    ended = desk("office", "trial", "end", *WHO)
    assert ended.code == 0
    assert (
        "has ended" in desk(*note, "form", shift, *WHO).err or desk("office", "trial", "draw").code
    )
    for language in ("de", "en"):
        said = desk("office", "trial", "report", "-o", "out", "--language", language)
        assert (said.code, said.err) == (0, "")
    page = REPORT.with_suffix(".html").read_text()
    assert "What cannot be concluded" in page
    assert "4711" not in page + REPORT.with_suffix(".json").read_text()
    proof = json.loads(REPORT.with_suffix(".json").read_text())
    seed = bytes.fromhex(proof["seed"])
    assert proof["seed"] in ended.out
    primary = proof["figures"]["rows"][0]
    lacking = [
        shift.service for shift, has in draw_shifts(load_plan("plan.yaml"), seed).items() if not has
    ]
    late = lacking.count("late")
    assert primary["having"]["count"] == 0
    # Where chance draws few of the other shifts without it, their number would show.
    shown = late if may_split(late, len(lacking)) else None
    assert primary["lacking"]["count"] == shown
    late_rows = [one for one in proof["figures"]["rows"] if one["code"] == "late"]
    assert [one["having"]["value"] + one["lacking"]["value"] for one in late_rows] == [1]
    checked = desk("office", "trial", "check", REPORT.with_suffix(".html"))
    assert checked.code == 0
    assert re.search(r"The draw is entry \d+ of its log, which 0 cameras cosigned", checked.out)


def test_a_pilot_ends_early_for_a_reason_alone(
    desk: Desk, today: Callable[[str], None], pilot: Path
) -> None:
    late = desk("office", "trial", "start", "plan.yaml", *WHO)
    assert late.code == 0
    assert "another pilot" in desk("office", "trial", "start", _other(pilot), *WHO).err
    today("2027-01-10")
    assert "it goes on to 2027-01-17" in desk("office", "trial", "end", *WHO).err
    assert desk("office", "trial", "end", "--early", "staff", *WHO).code == 0
    assert desk("office", "trial", "report", "-o", "out", "--language", "en").code == 0
    assert "ended before its last day" in REPORT.with_suffix(".html").read_text()
    assert "already" in desk("office", "trial", "start", "plan.yaml", *WHO).err
    assert "not after today" in desk("office", "trial", "start", _other(pilot), *WHO).err


def _other(root: Path) -> str:
    (root / "other.yaml").write_text((root / "plan.yaml").read_text().replace("city-2027", "other"))
    return "other.yaml"


@pytest.mark.parametrize("what", ["seed", "plan", "form", "outcome", "report", "committed late"])
def test_nothing_is_changed_afterwards_unseen(
    desk: Desk, today: Callable[[str], None], pilot: Path, what: str
) -> None:
    """By one who has the database and the files, but not the office's key."""
    run(desk, today, pilot)
    with state_in(pilot / "archive").writing() as rows:
        if what == "seed":
            rows.execute(update(trials).values(seed=bytes(32)))
        elif what == "plan":
            text = rows.execute(trials.select()).one().plan.replace("attacks", "injuries")
            rows.execute(update(trials).values(plan=text))
        elif what == "form":
            found = trial_records.c.content.like('%"insults":1%')
            changed = '{"record":{"occasions":0,"insults":0},"salt":""}'
            rows.execute(update(trial_records).where(found).values(content=changed))
        elif what == "outcome":
            token = rows.execute(trial_records.select()).first()
            assert token is not None
            rows.execute(update(trial_records).values(token=token.token))
    assert desk("office", "trial", "end", *WHO).code == 0
    made = desk("office", "trial", "report", "-o", "out", "--language", "en")
    assert made.code == 0
    if what == "report":
        path = REPORT.with_suffix(".json")
        path.write_text(
            path.read_text().replace('"unknown"', '"known"').replace("attacks", "force")
        )
    if what == "committed late":
        proof = json.loads(REPORT.with_suffix(".json").read_text())
        other = desk("office", "trial", "start", _moved(pilot), *WHO)
        assert other.code == 0, other.err
        with state_in(pilot / "archive").reading() as rows:
            proof["entry"] = [one.token for one in rows.execute(trials.select())][-1]
        REPORT.with_suffix(".json").write_text(json.dumps(proof))
    checked = desk("office", "trial", "check", REPORT.with_suffix(".json"))
    if what in ("form", "outcome"):
        assert "it was changed since it was noted" in made.err
        assert "changed since noted" in checked.out
        assert "not as the office" in REPORT.with_suffix(".html").read_text()
    else:
        assert checked.code == 2, checked.out
        assert "NOT AS SIGNED" in checked.out
        said = {"seed": "not the one that was committed", "plan": "plan was changed"}
        assert said.get(what, "NOT AS SIGNED") in checked.out


def _moved(root: Path) -> str:
    text = (root / "plan.yaml").read_text().replace("city-2027", "zz").replace("01-04", "02-01")
    (root / "moved.yaml").write_text(text)
    return "moved.yaml"


def test_a_reader_of_the_ledger_finds_no_form_by_trying_its_few_numbers(
    desk: Desk, today: Callable[[str], None], pilot: Path
) -> None:
    run(desk, today, pilot)
    key = SigningKey.from_pem((pilot / "config/camerad/office.pem").read_bytes())
    files = sorted((pilot / "archive/office/ledger").glob("*.jws"))
    lines = (line for one in files for line in read_lines(one.read_bytes(), KeyRing([key.public])))
    noted = [one.entry.facts for one in lines if one.entry and one.entry.kind == "trial_noted"]
    forms = (msgspec.json.encode(ShiftForm(2, insults=one), order="sorted") for one in range(2))
    tried = {
        hashlib.sha256(spelled).hexdigest()
        for form in forms
        for spelled in (form, b'{"record":' + form + b',"salt":""}')
    }
    hashes = [one.sha256 for one in noted]
    assert len(set(hashes)) == 28, "alike ones are not seen to be alike"
    assert tried.isdisjoint(hashes)
