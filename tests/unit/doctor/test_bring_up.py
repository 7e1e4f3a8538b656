"""The first hour with a board: what it is, the measured minute, and the file of the report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from camerad.base.clock import SystemClock
from camerad.base.errors import EX_CANTCREAT
from camerad.cli.main import main
from camerad.doctor import bring_up
from camerad.doctor.board import check_board
from camerad.doctor.bring_up import BringUp, MinuteSample, judge_minute
from camerad.doctor.check_results import FindingId
from camerad.hardware.thermal import ThermalReading

COOL = ThermalReading(51.5, None, False, False)
UNKNOWN = ThermalReading(None, None, None, None)


def sample(second: int, **other: Any) -> MinuteSample:
    """A look at a board that has time: a tenth of it is used."""
    usual = {"heat": COOL, "available": 200 << 20, "rate": 30.0, "lost": 0.0, "red_ms": 41.2}
    return MinuteSample(busy=second * 10, all=second * 100, **{**usual, **other})


@pytest.mark.parametrize(
    ("other", "what"),
    [
        ({}, FindingId.MINUTE_OK),
        (
            {"heat": ThermalReading(None, None, None, None), "available": None, "red_ms": None},
            FindingId.MINUTE_OK,
        ),
        ({"lost": 0.01}, FindingId.MINUTE_STRAINED),
        ({"busy": 99}, FindingId.MINUTE_STRAINED),
        ({"heat": ThermalReading(80.0, None, True, False)}, FindingId.MINUTE_STRAINED),
        ({"heat": ThermalReading(50.0, None, False, True)}, FindingId.MINUTE_STRAINED),
        ({"rate": None, "lost": None}, FindingId.MINUTE_NONE),
    ],
)
def test_a_minute_is_judged_by_what_it_costs(other: dict[str, Any], what: FindingId) -> None:
    busy = other.pop("busy", None)
    looks = [sample(second, **other) for second in range(2)]
    if busy is not None:
        looks[-1] = looks[-1]._replace(busy=busy)
    found = judge_minute(looks)
    assert found.finding is what
    if what is FindingId.MINUTE_OK and not other:
        assert found.values | {"cores": 4} == {
            "rate": 30.0,
            "lost": 0.0,
            "cpu": 10,
            "cores": 4,
            "celsius": 51.5,
            "memory": 200,
            "red_ms": 41.2,
            "limited": False,
        }


@pytest.mark.parametrize(
    ("model", "reserved", "heap", "what"),
    [
        ("Raspberry Pi Zero 2 W Rev 1.0", 256, "linux,cma", FindingId.BOARD_RESERVES),
        ("Raspberry Pi Zero 2 W Rev 1.0", 128, "vidbuf_cached", FindingId.BOARD_OK),
        ("Raspberry Pi 5 Model B Rev 1.0", 64, "default_cma_region", FindingId.BOARD_NO_HEAP),
        ("Raspberry Pi 4 Model B Rev 1.4", 64, "", FindingId.BOARD_OK),
        ("", 0, "system", FindingId.BOARD_UNKNOWN),
    ],
)
def test_a_board_without_memory_for_pictures_or_with_too_much_is_found(
    tmp_path: Path, model: str, reserved: int, heap: str, what: FindingId
) -> None:
    if model:
        (tmp_path / "model").write_bytes(model.encode() + b"\0")
    memory = tmp_path / "meminfo"
    memory.write_text(f"MemTotal:  {430 * 1024} kB\nCmaTotal:  {reserved * 1024} kB\n")
    (tmp_path / "heaps").mkdir()
    if heap:
        (tmp_path / "heaps" / heap).touch()
    found = check_board(tmp_path, memory, tmp_path / "heaps")
    assert found.finding is what
    assert (found.values["memory_mb"], found.values["reserved_mb"]) == (430, reserved)


def test_a_file_is_not_overwritten_and_goes_on_only_after_a_power_cut(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "report"
    command = ["doctor", "--config", str(config), "--bring-up", str(path)]
    path.write_text("Check of the body-worn camera c7")
    assert main(command) == EX_CANTCREAT
    assert "is not overwritten" in capsys.readouterr().err
    begun = BringUp(boot=SystemClock().boot_id, recording="r", seconds=1.0, results=[])
    bring_up.save(str(path), begun)
    assert main(command) == EX_CANTCREAT
    assert "the power was not cut since" in capsys.readouterr().err


def test_the_report_has_what_was_found_before_the_power_cut_and_after_it(
    config: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = tmp_path / "report"
    before = FindingId.CARD_OK.found(rate=20.0, syncs=9, worst_ms=12.0)
    bring_up.save(str(path), BringUp(boot="before", recording="r", seconds=9.5, results=[before]))

    async def ask(_self: bring_up.CameraDaemon, target: str, _method: str = "GET") -> Any:
        return {
            "/status": {},
            "/recordings": [{"id": "r", "final": "x", "seconds": 9.8, "gaps": []}],
        }[target]

    monkeypatch.setattr(bring_up.CameraDaemon, "ask", ask)
    command = ["doctor", "--config", str(config), "--language", "en", "--bring-up", str(path)]
    assert main(command) == 0
    assert f"saved in {path}" in capsys.readouterr().out
    told = json.loads(path.read_text().splitlines()[-1])
    assert [one["finding"] for one in told["results"]] == ["card_ok", "drill_ok"]
    assert told["results"][1]["text"] == "9.5 s were safe before the power cut; 9.8 s are there."
