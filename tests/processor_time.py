"""A budget of processor seconds for each test file.

A file's time is that of its tests with their fixtures, in the process that runs them, and of all
processes that ended below it meanwhile (times(2)). Every run of many tests names the files that
took most, and fails if one took more than it may.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Generator, Iterator
from typing import Final

import pytest

from tests.breadth import CAMPAIGN

SECONDS: Final = 30.0
"""What a file may take: twice what most of them take on a busy machine, where a processor shares
its units with another."""
LARGER: Final = {
    **dict.fromkeys(
        (
            "tests/browser/test_desk_pages.py",
            "tests/browser/test_page.py",
            "tests/browser/test_training.py",
            "tests/browser/test_truth.py",
            "tests/system/test_capture_faults.py",
            "tests/system/test_disk_faults.py",
            "tests/system/test_dock.py",
            "tests/system/test_no_plaintext.py",
            "tests/system/test_real_card.py",
        ),
        100.0,
    ),
    **dict.fromkeys(
        (
            "hw-mocks/tests/test_sim_life.py",
            "tests/browser/test_desk.py",
            "tests/browser/test_office_day.py",
            "tests/browser/test_player.py",
            "tests/crash/test_fleet.py",
            "tests/system/test_kills.py",
            "tests/system/test_sound.py",
            "tests/system/test_three_stages.py",
            "tests/unit/office/desk/test_openers.py",
            "tests/unit/test_architecture.py",
        ),
        60.0,
    ),
}
"""What files may take that play whole lives of a camera, an office or a page."""
_PROPERTY: Final = "processor_seconds"
_TOLD: Final = 15
_CHOICE: Final = 100
"""In a run of fewer tests than these, one may pay for what others share: none is judged."""


class ProcessorTime:
    """A pytest plugin, for the processes that run tests and for the one that shares them out."""

    def __init__(self) -> None:
        self._before = 0.0
        self._files: Counter[str] = Counter()
        self._tests: set[str] = set()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logstart(self) -> None:
        """A test begins, here or in a worker."""
        self._before = _spent()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """A phase of a test has ended here: its report tells what it took."""
        report = yield
        now = _spent()
        report.user_properties.append((_PROPERTY, now - self._before))
        self._before = now
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A phase has ended, here or in a worker."""
        self._tests.add(report.nodeid)
        seconds = dict(report.user_properties).get(_PROPERTY, 0.0)  # none if its worker died
        self._files[report.nodeid.partition("::")[0]] += seconds

    def exceeded(self) -> list[str]:
        """A line for each file that took more than it may."""
        if CAMPAIGN or len(self._tests) < _CHOICE:
            return []
        return [
            f"{file} took {seconds:.0f} processor seconds and may take {limit:.0f}"
            for file, seconds in self._files.items()
            if seconds > (limit := LARGER.get(file, SECONDS))
        ]

    @pytest.hookimpl(wrapper=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Iterator[None]:
        """A run in which a file took too much has failed."""
        if session.exitstatus == pytest.ExitCode.OK and self.exceeded():
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        yield

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Tell what took most."""
        if len(self._tests) < _CHOICE:
            return
        total = sum(self._files.values())
        terminalreporter.section(f"processor seconds of tests: {total:.0f}")
        for file, seconds in self._files.most_common(_TOLD):
            terminalreporter.write_line(f"{seconds:6.1f} {file}")
        for line in self.exceeded():
            terminalreporter.write_line(line, red=True)


def _spent() -> float:
    return sum(os.times()[:4])
