"""The examination as a whole: what comes of it where its parts change under its hands."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from camerad.doctor import daemon, runner
from camerad.doctor.check_results import CheckResult, FindingId
from camerad.doctor.daemon import PartsOwner


@pytest.mark.parametrize(
    "again",
    [None, PartsOwner(CheckResult("daemon", FindingId.DAEMON_SILENT, {"why": "it is late"}))],
)
def test_a_daemon_that_ends_while_the_buttons_are_watched_leaves_them_untested(
    config: Path, monkeypatch: pytest.MonkeyPatch, again: PartsOwner | None
) -> None:
    health: dict[str, Any] = {"buttons": {}}
    first = PartsOwner(
        CheckResult("daemon", FindingId.DAEMON_RUNS, {"stage": "idle"}), health=health
    )
    monkeypatch.setattr(daemon, "find_owner", lambda *_: first)
    monkeypatch.setattr(daemon, "ask_daemon", lambda _: again)
    monkeypatch.setattr(runner, "STUCK_SECONDS", 0.0)

    async def look() -> list[CheckResult]:
        made = runner.Examination(config, only=("buttons",))
        return [finding async for finding in made.run()]

    found = [one for one in asyncio.run(look()) if one.check.startswith("button_")]
    assert found
    assert {one.finding for one in found} == {FindingId.DEVICES_TAKEN}
