"""docs/stages.md is what the tables say."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest
from generators import stage_diagram as diagram

from camerad.behaviour import stages, tables
from camerad.behaviour.stages import Intent, Outcome, Stage


def test_the_committed_page_is_up_to_date(capsys: pytest.CaptureFixture[str]) -> None:
    assert diagram.main(["--check"]) == 0, capsys.readouterr().err


def test_the_check_finds_a_missing_and_an_outdated_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "stages.md"
    assert diagram.main(["--check"], page) == 1
    assert not page.exists()
    assert diagram.main([], page) == 0
    assert diagram.main(["--check"], page) == 0
    row = {**tables.INTENTS[Stage.IDLE], Intent.MARK: Outcome.RECORD}
    monkeypatch.setattr(stages, "INTENTS", {**tables.INTENTS, Stage.IDLE: row})
    assert diagram.main(["--check"], page) == 1
    assert f"{page} is out of date: run python -m generators.stage_diagram" in (
        capsys.readouterr().err
    )


def test_the_command_says_by_its_exit_code_whether_the_page_is_current(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.argv", ["diagram", "--check"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(diagram.__file__, run_name="__main__")
    assert ended.value.code == 0


def test_every_stage_and_every_entry_of_the_tables_is_in_the_picture() -> None:
    arrows = diagram.arrows()
    assert {arrow.node for arrow in arrows} == {*(stage.value for stage in Stage), "wiping"}
    drawn = {(arrow.node, arrow.on) for arrow in arrows}
    for stage, row in tables.INTENTS.items():
        for intent in row:
            assert (stage.value, intent.value) in drawn
    # A recording is reached from everywhere, and left in the ways there are.
    assert {arrow.node for arrow in arrows if arrow.to == "recording"} == {
        "starting",
        "idle",
        "self_view",
        "wiping",
        "stopping",
        "recording",
    }
    left = {arrow.on for arrow in arrows if arrow.node == "recording" and arrow.to != "recording"}
    ended = {condition.value for condition in tables.ENDS_RECORDING}
    failed = {"recorder failed", "recorder failed, a file still open"}
    assert left == {"stop", "shutdown", "camera given up", *failed, *ended}
