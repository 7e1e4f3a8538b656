"""What a busy machine may explain, what a campaign that goes on remembers, and what its report
finds wrong with the campaign itself."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from tests.campaign import fault_report, faults
from tests.campaign.faults import Judged
from tests.campaign.promises import CHECKS, Late
from tests.campaign.seen import Seen

pytestmark = pytest.mark.campaign


def seen(busy: float, waited: float = 0.0) -> Seen:
    return cast(Seen, SimpleNamespace(busy=busy, waited=waited))


ANSWER = Late("answered after 180 ms", 0.18, 0.1)
READY = Late("ready after 20 s", 20.0, 10.0)


def test_an_answer_is_late_by_the_machine_only_if_the_daemon_waited_for_it_as_long() -> None:
    assert faults.excuses(seen(0.9, waited=0.08), ANSWER)
    assert not faults.excuses(seen(0.9, waited=0.07), ANSWER)


def test_on_a_machine_that_is_not_busy_nothing_is_excused() -> None:
    assert not faults.excuses(seen(0.5, waited=1.0), ANSWER)
    assert not faults.excuses(seen(0.5), READY)


def test_no_machine_explains_more_than_three_times_the_time() -> None:
    assert faults.excuses(seen(1.0), READY)
    assert not faults.excuses(seen(1.0), Late("ready after 31 s", 31.0, 10.0))
    assert not faults.excuses(seen(1.0, waited=9.0), Late("after 310 ms", 0.31, 0.1))


def test_what_is_no_matter_of_time_is_never_excused() -> None:
    assert not faults.excuses(seen(1.0, waited=9.0), "a press was not answered")


def one(number: int, *findings: str, seconds: float = 6.0) -> Judged:
    every = dict.fromkeys(CHECKS, 1)
    found = [("P5", text) for text in findings]
    return Judged(number, "idle", ("hot",), 0.1, seconds=seconds, findings=found, judged=every)


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers that are played, in their order."""
    numbers: list[int] = []

    def play(directory: Path, seed: int, wanted: Iterable[int]) -> Iterator[Judged]:
        for number in wanted:
            numbers.append(number)
            yield one(number)

    monkeypatch.setattr(faults, "play", play)
    return numbers


def test_what_was_written_down_is_not_played_again_unless_it_had_findings(
    tmp_path: Path, played: list[int]
) -> None:
    notes = tmp_path / "notes"
    before = (one(1), one(2, "late"), one(3))
    notes.write_text("".join(json.dumps(asdict(each)) + "\n" for each in before))
    done = faults.campaign(tmp_path, 1, 1, 4, notes=notes)
    assert played == [2, 4]
    assert [each.number for each in done] == [1, 2, 3, 4]
    assert not any(each.findings for each in done)
    # Whoever goes on once more has nothing left to play.
    assert [each.number for each in faults.campaign(tmp_path, 1, 1, 4, notes=notes)] == [1, 2, 3, 4]
    assert played == [2, 4]


def test_it_is_played_until_both_number_and_minutes_are_reached(
    tmp_path: Path, played: list[int]
) -> None:
    # Ten sequences of six seconds are a minute.
    assert len(faults.campaign(tmp_path, 1, 1, 2, minutes=1)) == 10
    assert len(faults.campaign(tmp_path, 1, 1, 12, minutes=1)) == 12


def test_what_is_written_down_is_read_as_it_was() -> None:
    whole = one(7, "late", "lost")
    whole.excused.append(("P5", "late"))
    assert Judged.read(json.dumps(asdict(whole))) == whole


def test_findings_are_counted_and_named_with_their_sequence(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert fault_report.report([one(1), one(2)]) == 0
    done = [one(1), one(2, "late", "lost")]
    assert fault_report.report(done) == 2
    named = fault_report.findings(done)
    assert [text.partition(":")[0] for text in named] == ["sequence 2"] * 2
    said = capsys.readouterr().out
    assert all(f"  {text}\n" in said for text in named)


def test_too_much_that_is_excused_is_a_finding() -> None:
    done = [one(number) for number in range(1, 201)]
    for each in done[:4]:  # two in a hundred
        each.excused.append(("P5", "late"))
    assert fault_report.shares(done) == []
    done[4].excused.append(("P5", "late"))
    assert "excused" in " ".join(fault_report.shares(done))


def test_a_promise_that_is_hardly_ever_judged_is_a_finding() -> None:
    done = [one(number) for number in range(1, 101)]
    for each in done[5:]:  # five in a hundred are left
        del each.judged["P10"]
    assert fault_report.shares(done) == []
    del done[0].judged["P10"]
    assert "P10 was judged in 4 of 100" in " ".join(fault_report.shares(done))
