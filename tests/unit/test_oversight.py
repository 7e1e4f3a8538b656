"""Whatever a test waits for, the run goes on, names the test, and leaves none of its processes."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.oversight import HUNG, Told, reason
from tests.waiting import until

TREE = Path(__file__).parents[2]
CONFTEST = "from tests.conftest import pytest_configure, pytest_xdist_make_scheduler\n"
PLANTED = '''
import os, subprocess, threading
from pathlib import Path
import pytest

def leave(*arguments, **options):
    child = subprocess.Popen(["sleep", "3600"], *arguments, **options)
    with open("left", "a") as file:
        file.write(f"{child.pid}\\n")

def wait():
    threading.Event().wait()

def wait_in_c():
    """Closing a file that a thread reads from waits for the thread's lock."""
    reads, _ = os.pipe()
    file = os.fdopen(reads, "rb")
    threading.Thread(target=file.read, daemon=True).start()
    while not Path(f"/proc/self/fd/{reads}").exists() or threading.active_count() < 2:
        pass
    leave()
    file.close()

@pytest.fixture
def torn():
    yield
    wait()

@pytest.fixture
def torn_in_c():
    yield
    wait_in_c()

def test_waits():
    wait()

@pytest.mark.skipif("LONG" not in os.environ, reason="for whoever ends the run")
@pytest.mark.timeout(3600)
def test_waits_long():
    leave()
    wait()

def test_waits_for_a_grandchild():
    subprocess.run(["sh", "-c", "sleep 3600 & echo $! >>left"], stdout=subprocess.PIPE)

def test_waits_in_c():
    wait_in_c()

def test_teardown(torn):
    pass

def test_fails_and_teardown(torn):
    assert "one" == "another"

def test_fails_and_teardown_in_c(torn_in_c):
    assert "one" == "another"

@pytest.mark.parametrize("number", range(20))
def test_passes(number):
    pass
'''
SECONDS = 90.0
LATE = "Failed: Timeout (>1.0s) from pytest-timeout."


def place(text: str) -> str:
    """Where the planted file has this, as pytest writes it."""
    return f"test_planted.py:{PLANTED[: PLANTED.index(text)].count(chr(10)) + 1}"


def begun(folder: Path, *options: str, **variables: str) -> subprocess.Popen[str]:
    """A run of the planted tests on two workers."""
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "test_planted.py").write_text(PLANTED)
    ours = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    command = [sys.executable, "-m", "pytest", "-n", "2", "--dist", "loadgroup"]
    command += ["-p", "no:cacheprovider", "--timeout=1", "--color=no", "--rootdir=.", *options]
    return subprocess.Popen(
        command,
        cwd=folder,
        env={**ours, "PYTHONPATH": str(TREE), **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def all_that_is_said(process: subprocess.Popen[str]) -> str:
    """By a run, up to its end."""
    try:
        return process.communicate(timeout=SECONDS)[0]
    finally:
        process.kill()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder of a run with tests that never end, and what it said."""
    folder = tmp_path_factory.mktemp("planted")
    with begun(folder) as process:
        said = all_that_is_said(process)
    assert process.returncode == HUNG, said
    return folder, said


def test_the_run_comes_to_its_end_and_all_other_tests_are_done(run: tuple[Path, str]) -> None:
    # What fails in its test and in its teardown counts twice; the others are 20, and one that has
    # passed before its teardown.
    assert "= 6 failed, 21 passed, 1 skipped, 2 errors in" in run[1], run[1]


@pytest.mark.parametrize(
    "line",
    [
        f"test_waits: call at {place('threading.Event()')}: {LATE}",
        f"test_waits_for_a_grandchild: call at {place('subprocess.run(')}: {LATE}",
        f"test_teardown: teardown at {place('threading.Event()')}: {LATE}",
        f"test_fails_and_teardown: call at {place('assert')}: AssertionError: assert 'one' ==",
        f"test_fails_and_teardown: teardown at {place('threading.Event()')}: {LATE}",
        "test_waits_in_c: ???: worker 'gw",
        "test_fails_and_teardown_in_c: ???: worker 'gw",
    ],
)
def test_each_failure_is_told_as_soon_as_it_is_known(run: tuple[Path, str], line: str) -> None:
    before, _, _ = run[1].partition("= FAILURES =")
    assert f"\ntest_planted.py::{line}" in before, run[1]


def test_the_stacks_are_told_of_what_no_signal_ends(run: tuple[Path, str]) -> None:
    assert re.search(
        r'Timeout \(0:00:01.500000\)!\n(.*\n)+?  File ".*", line \d+ in wait_in_c\n', run[1]
    )


def alive(folder: Path) -> list[str]:
    """Those of the processes that tests have left which still run."""
    left = (folder / "left").read_text().split()
    # Nobody may have looked yet at how it ended: then it is there, and has no command line.
    lines = {pid: path for pid in left if (path := Path(f"/proc/{pid}/cmdline")).exists()}
    return [pid for pid, path in lines.items() if path.read_bytes()]


def test_no_process_is_left(run: tuple[Path, str]) -> None:
    folder, said = run
    assert len((folder / "left").read_text().split()) == 3
    assert alive(folder) == [], said


@pytest.mark.parametrize(
    ("when", "message", "code"),
    [
        ("call", "AssertionError: assert 1 == 2", 1),
        ("call", LATE, HUNG),
        ("teardown", LATE, HUNG),
        # Its worker was ended, by its deadline or by a mistake that is no better.
        ("???", "worker 'gw0' crashed while running 'test_waits_in_c'", HUNG),
    ],
)
def test_what_does_not_end_by_itself_has_an_exit_code_of_its_own(
    pytestconfig: pytest.Config, when: Any, message: str, code: int
) -> None:
    told = Told(pytestconfig)
    told.pytest_runtest_logreport(
        pytest.TestReport("test_planted.py::test", ("", 0, ""), {}, "failed", message, when)
    )
    session: Any = SimpleNamespace(exitstatus=pytest.ExitCode.TESTS_FAILED)
    told.pytest_sessionfinish(session)
    assert session.exitstatus == code


PYTHON = """#!/bin/sh
# In place of Python: the parts of the tests, of which the third ends as it is told.
case "$*" in
    *"patient or not system"*--last-failed*) exit "$SECOND_LOOK" ;;
    *"patient or not system"*) exit "$FIRST_LOOK" ;;
esac
"""


@pytest.mark.parametrize(
    ("first", "second", "code"),
    [(0, 9, 0), (1, 0, 0), (1, 1, 1), (1, 5, 1), (HUNG, 0, HUNG), (HUNG, 1, HUNG), (2, 0, 2)],
)
def test_only_what_ended_by_itself_is_taken_back_by_a_second_look(
    tmp_path: Path, first: int, second: int, code: int
) -> None:
    python = tmp_path / "python"
    python.write_text(PYTHON)
    python.chmod(0o755)
    looks = {"FIRST_LOOK": str(first), "SECOND_LOOK": str(second)}
    done = subprocess.run(
        ["sh", str(TREE / "tests" / "run.sh"), str(python)],
        cwd=tmp_path,
        env=os.environ | looks,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == code


def test_a_failure_is_placed_in_the_tree_and_not_in_its_environment() -> None:
    places = ["tests/test_page.py", ".venv/lib/playwright.py", "/usr/lib/python3/threading.py"]
    entries = [SimpleNamespace(reprfileloc=SimpleNamespace(path=one, lineno=7)) for one in places]
    said = SimpleNamespace(
        reprcrash=SimpleNamespace(message="too late\nby far"),
        reprtraceback=SimpleNamespace(reprentries=[*entries, SimpleNamespace(reprfileloc=None)]),
    )
    assert reason(said) == " at tests/test_page.py:7: too late"


def test_who_ends_the_run_is_told_what_had_begun(tmp_path: Path) -> None:
    with begun(tmp_path, "-k", "test_waits_long or test_passes", LONG="") as process:
        left = tmp_path / "left"
        until(lambda: left.exists() and left.read_text().endswith("\n"))
        process.send_signal(signal.SIGTERM)
        said = all_that_is_said(process)
    # As after Ctrl-C.
    assert process.returncode == 2, said
    assert "\nEnded, when these had begun: test_planted.py::test_waits_long\n" in said
    assert alive(tmp_path) == [], said


def test_an_error_whose_traceback_names_no_places_is_told_by_its_first_line() -> None:
    """As of several errors at once, which pytest shows as Python does."""
    entries = SimpleNamespace(reprentries=[object()])
    said = SimpleNamespace(reprcrash=SimpleNamespace(message="two\nerrors"), reprtraceback=entries)
    assert reason(said) == ": two"
