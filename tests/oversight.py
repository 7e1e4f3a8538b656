"""What sees to it that a run of the tests ends, tells what failed, and leaves nothing behind.

Every test has a deadline: `timeout` in pyproject.toml, or its mark. pytest-timeout keeps it, by a
signal that ends what the test waits for: it has failed, and its report has the stacks of all
threads. pytest calls that off as soon as a test fails, and so it does with what it has itself of
the kind; but what is torn down then may hang just as well, so each teardown has the deadline anew.

Whatever hangs is a mistake, however seldom it does. The run ends with an exit code of its own,
HUNG, which `tests/run.sh` does not take back where a second look at the test finds nothing.

What no signal ends, such as a lock that is waited for in C, lasts half as long again. Then the
stacks of all threads are written and the process ends. The test has failed; another worker of
pytest-xdist takes the place of the one that ended, and the processes that it left are killed.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

HARDER: Final = 1.5
"""After how many times its deadline a stretch of a test ends its process."""
HUNG: Final = 10
"""The exit code of pytest where a test has failed, and one has not ended by itself."""
_TOO_LATE: Final = " from pytest-timeout."
_LINE: Final = 300
_SETTINGS: Final = pytest.StashKey[Any]()


class Deadlines:
    """Where tests are carried out: by each worker, or by the one process that there is."""

    def __init__(self) -> None:
        # Before the first test begins, and what it writes is caught.
        self._stderr = os.dup(2)

    def pytest_unconfigure(self) -> None:
        """The run is over."""
        os.close(self._stderr)

    @pytest.hookimpl(optionalhook=True, tryfirst=True)
    def pytest_timeout_set_timer(self, item: pytest.Item, settings: Any) -> None:
        """Note what pytest-timeout is about to set up."""
        item.stash[_SETTINGS] = settings

    @contextlib.contextmanager
    def _ended(self, item: pytest.Item) -> Iterator[None]:
        settings = item.stash.get(_SETTINGS, None)
        if settings is None:
            yield
            return
        faulthandler.dump_traceback_later(HARDER * settings.timeout, exit=True, file=self._stderr)
        try:
            yield
        finally:
            faulthandler.cancel_dump_traceback_later()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Iterator[None]:
        with self._ended(item):
            return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Iterator[None]:
        with self._ended(item):
            return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Iterator[None]:
        settings = item.stash.get(_SETTINGS, None)
        if settings is not None:
            item.config.hook.pytest_timeout_set_timer(item=item, settings=settings)
        with self._ended(item):
            return (yield)


class Told:
    """Where results are told: one line for each failure as soon as it is known, since whoever ends
    a run may get none of pytest's own reports; and to whoever ends it, what had begun."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._run = ""
        """As pytest-xdist calls it, if that shares the tests out."""
        self._begun: dict[str, None] = {}
        """Tests that have not ended, in the order of their beginning."""
        self._hung = False

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """A test begins."""
        self._begun[nodeid] = None

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        """A test has ended, with its teardown."""
        self._begun.pop(nodeid, None)

    def pytest_keyboard_interrupt(self) -> None:
        """Somebody ends the run."""
        self._say(f"Ended, when these had begun: {', '.join(self._begun) or 'none'}")

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._tell(report)
        died = report.when not in ("setup", "call", "teardown")
        if died:
            self._begun.pop(report.nodeid, None)  # its worker has died: nothing else will be heard
        self._hung |= report.failed and (died or _TOO_LATE in reason(report.longrepr))

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """All tests have been done, unless somebody has ended the run."""
        if self._hung and session.exitstatus == pytest.ExitCode.TESTS_FAILED:
            session.exitstatus = HUNG

    @pytest.hookimpl(trylast=True)
    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self._tell(report)

    def _tell(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        if report.failed:
            self._say(f"{report.nodeid}: {report.when}{reason(report.longrepr)}")

    def _say(self, line: str) -> None:
        writer = self._config.get_terminal_writer()
        if writer.width_of_current_line:
            writer.line()
        writer.line(line, red=True)
        writer.flush()

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """A worker of pytest-xdist is about to begin."""
        self._run = str(node.workerinput["testrunuid"])
        # As by Ctrl-C, so that all is told. Where there are no workers, it is for the tests.
        signal.signal(signal.SIGTERM, signal.default_int_handler)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """A worker has ended, in whatever way; so does all that it has started."""
        self._end(node.workerinput["workerid"])

    def pytest_unconfigure(self) -> None:
        """The run is over, perhaps by Ctrl-C, and so are all workers."""
        self._end(None)

    def _end(self, worker: str | None) -> None:
        left = started_by(self._run, worker) if self._run else {}
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if left:
            told = ", ".join(f"{pid} ({line})" for pid, line in left.items())
            self._say(f"{worker or 'the run'} has ended and left, which is killed: {told}")


def reason(said: object) -> str:
    """Where in the tree an error was, and the first line of it, as a report tells them."""
    crash, trace = getattr(said, "reprcrash", None), getattr(said, "reprtraceback", None)
    lines = str(said if crash is None else crash.message).strip().splitlines() or ["no reason"]
    entries = trace.reprentries if trace is not None else []
    # A traceback of Python's own, such as that of several errors at once, names no place apart.
    places = [getattr(entry, "reprfileloc", None) for entry in entries]
    named = [(one.path, one.lineno) for one in places if one]
    ours = [f" at {path}:{line}" for path, line in named if not path.startswith(("/", ".venv/"))]
    return f"{''.join(ours[-1:])}: {lines[0][:_LINE]}"


def started_by(run: str, worker: str | None) -> dict[int, str]:
    """Processes that a worker of pytest-xdist, or any of the run, has started, and theirs, by what
    it has put into their environment: process ids and command lines."""
    wanted = {f"PYTEST_XDIST_TESTRUNUID={run}".encode()}
    if worker is not None:
        wanted.add(f"PYTEST_XDIST_WORKER={worker}".encode())
    found = {}
    for process in Path("/proc").iterdir():
        # Those that end meanwhile, and those of other users.
        with contextlib.suppress(OSError):
            if process.name.isdigit() and wanted <= {
                *(process / "environ").read_bytes().split(b"\0")
            }:
                line = (process / "cmdline").read_bytes().rstrip(b"\0").replace(b"\0", b" ")
                found[int(process.name)] = line.decode(errors="replace")[:_LINE]
    return found
