"""Whatever a test waits for, the run goes on, names the test, and leaves none of its processes."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.waiting import ended, until

pytestmark = pytest.mark.campaign

TREE = Path(__file__).parents[2]
CONFTEST = """
from tests import leftovers
from tests.conftest import pytest_configure, pytest_runtest_teardown

leftovers.SECONDS = 0.1
"""
PLANTED = '''
import os, subprocess, threading, time
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

def test_dies():
    leave(start_new_session=True)
    os._exit(1)

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
LEAVES = """
import subprocess

def test_leaves_a_process():
    subprocess.run(["sh", "-c", "setsid sleep 3600 & echo $! >>left"])
"""
NAMELESS = """
import os, subprocess

def test_leaves_one_without_a_command_line():
    '''As each program is for an instant while it is loaded.'''
    reads, _ = os.pipe()
    child = subprocess.Popen([""], executable="/bin/cat", stdin=reads)
    with open("left", "a") as file:
        file.write(f"{child.pid}\\n")
"""
SECONDS = 90.0
LATE = "Failed: Timeout (>3.0s) from pytest-timeout."


def begun(folder: Path, *options: str, **variables: str) -> subprocess.Popen[str]:
    """A run of the planted tests on two workers."""
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "test_planted.py").write_text(PLANTED)
    (folder / "test_leaves.py").write_text(LEAVES)
    (folder / "test_nameless.py").write_text(NAMELESS)
    ours = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    command = [sys.executable, "-m", "pytest", "-n", "2", "--dist", "worksteal", "-rfEs"]
    command += ["-p", "no:cacheprovider", "--color=no", "--rootdir=.", "--instafail", "--tb=short"]
    command += ["--timeout=3", "-o", "faulthandler_timeout=5"]
    command += ["-o", "faulthandler_exit_on_timeout=true", *options]
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
    assert process.returncode == pytest.ExitCode.TESTS_FAILED, said
    return folder, said


def test_the_run_comes_to_its_end_and_all_other_tests_are_done(run: tuple[Path, str]) -> None:
    # The two that fail and hang in their teardown count twice, and six others hang or die. 20 pass,
    # and so do three of which only the teardown fails.
    assert re.search(r"= 8 failed, 23 passed, 1 skipped, 3 errors in", run[1]), run[1]


@pytest.mark.parametrize(
    ("named", "reason"),
    [
        ("test_waits", LATE),
        ("test_waits_for_a_grandchild", LATE),
        ("ERROR at teardown of test_teardown", LATE),
        ("test_fails_and_teardown", "AssertionError: assert 'one' == 'another'"),
        ("test_planted.py", "crashed while running 'test_planted.py::test_fails_and_teardown'"),
        ("test_planted.py", "crashed while running 'test_planted.py::test_waits_in_c'"),
        ("test_planted.py", "crashed while running 'test_planted.py::test_dies'"),
        ("test_planted.py", "running 'test_planted.py::test_fails_and_teardown_in_c'"),
        ("ERROR at teardown of test_leaves_a_process", "AssertionError: test_leaves.py left"),
        (
            "ERROR at teardown of test_leaves_one_without_a_command_line",
            "AssertionError: test_nameless.py left",
        ),
    ],
)
def test_each_failure_is_told_as_soon_as_it_is_known(
    run: tuple[Path, str], named: str, reason: str
) -> None:
    before, _, _ = run[1].partition("= short test summary info =")
    headed = rf"\n_+ {re.escape(named)} _+\n(?:(?!_{{8}}).*\n)*?.*{re.escape(reason)}"
    assert re.search(headed, before), run[1]


def test_the_stacks_are_told_of_what_no_signal_ends(run: tuple[Path, str]) -> None:
    assert re.search(r'Timeout \(0:00:05\)!\n(.*\n)+?  File ".*", line \d+ in wait_in_c\n', run[1])


def alive(folder: Path) -> list[str]:
    """Those of the processes that tests have left which still run."""
    return [pid for pid in (folder / "left").read_text().split() if not ended(int(pid))]


def test_no_process_is_left_and_each_is_named(run: tuple[Path, str]) -> None:
    folder, said = run
    left = (folder / "left").read_text().split()
    assert len(left) == 6
    assert alive(folder) == [], said
    assert [pid for pid in left if f" {pid} (" not in said] == [], said


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_who_ends_the_run_leaves_no_process(tmp_path: Path, how: signal.Signals) -> None:
    with begun(tmp_path, "-k", "test_waits_long or test_passes", LONG="") as process:
        left = tmp_path / "left"
        until(lambda: left.exists() and left.read_text().endswith("\n"))
        process.send_signal(how)
        said = all_that_is_said(process)
    assert process.returncode == pytest.ExitCode.INTERRUPTED, said
    assert "KeyboardInterrupt" in said
    until(lambda: not alive(tmp_path), 10, lambda: said)
