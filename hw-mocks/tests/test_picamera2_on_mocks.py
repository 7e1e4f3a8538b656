"""The real, unmodified picamera2 on the simulated camera, on both platforms.

Without faults it works and leaves nothing behind. With faults it does what it is known to do on
a Raspberry Pi, which is what the daemon has to survive. The scenarios are functions of
picamera2_scenarios.py and picamera2_faults.py, each run in a process of its own, since a platform
is for life and some of them leave hung threads.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from hw_mocks.priority import REALTIME_VARIABLE

pytestmark = pytest.mark.campaign

HERE = Path(__file__).parent
SCRIPT = HERE / "picamera2_scenarios.py"
FAULTS = HERE / "picamera2_faults.py"
PLATFORMS = ("vc4", "pisp")
SECONDS = 60
# Most of a scenario is waiting for frames, so that more run at once than there are processors.
AT_ONCE = 3

Case = tuple[str, str]
Done = subprocess.CompletedProcess[str]


def scenarios() -> list[str]:
    """The functions that are marked as scenarios. They are not imported: this process has no
    camera."""
    trees = [ast.parse(script.read_text()) for script in (SCRIPT, FAULTS)]
    return [
        node.name
        for tree in trees
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
        and any(
            isinstance(mark, ast.Name) and mark.id == "scenario" for mark in node.decorator_list
        )
    ]


def run(case: Case, folder: Path) -> Done:
    name, platform = case
    environment = os.environ | {
        "PYTHONPATH": str(HERE.parent),
        "HW_MOCKS_PLATFORM": platform,
        "HW_MOCKS_WORLD": "",
        "HW_MOCKS_FOOTAGE": "",
        REALTIME_VARIABLE: "1",  # other cameras run beside this one
    }
    return subprocess.run(
        [sys.executable, "-W", "ignore", str(SCRIPT), name, str(folder)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


@pytest.fixture(scope="module")
def started(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[Case, Future[Done]]]:
    """Every scenario that this session has chosen, running or waiting to run."""
    chosen: list[Case] = [
        (str(item.callspec.params["scenario"]), str(item.callspec.params["platform"]))
        for item in request.session.items
        if isinstance(item, pytest.Function) and item.path == Path(__file__)
    ]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {case: pool.submit(run, case, tmp_path_factory.mktemp("scenario")) for case in chosen}
        pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("scenario", scenarios())
def test_picamera2(scenario: str, platform: str, started: dict[Case, Future[Done]]) -> None:
    done = started[scenario, platform].result()
    assert done.returncode == 0, done.stderr
