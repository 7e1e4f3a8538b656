"""Several recordings at once: the same reports in the same order, whatever happens to a process."""

from __future__ import annotations

import errno
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sealed_helpers import KEYS, altered, flipped, made, pack

from camerad.base.errors import EX_USAGE
from camerad.cli import main as cli
from camerad.verify import check_pool
from camerad.verify.check_pool import CheckOrder, CheckPool, check_one, workers_for
from camerad.verify.judge import never_runs
from camerad.verify.verdict import Report, Verdict
from tests.waiting import ended, until

DEADLINE_S = 20


def check(order: CheckOrder) -> Report:
    return check_one(order, KEYS, never_runs)


@pytest.fixture
def orders(tmp_path: Path) -> list[CheckOrder]:
    """A good one, a changed one, one that is none, one that is not there, one more good one."""
    changed = pack(altered(made().members, "000001.m4s.age", lambda old: flipped(old, 200)))
    contents = {"a": made().file, "b": changed, "c": b"hello", "e": made().file + b"x", "f": b""}
    # Beside the directory of another test that has receipts, `tmp_path` would be an office's part.
    here = tmp_path / "here"
    here.mkdir()
    for name, content in contents.items():
        (here / f"{name}.tar").write_bytes(content)
    final = "a" * 64
    return [
        CheckOrder(str(here / "a.tar")),
        CheckOrder(str(here / "b.tar")),
        CheckOrder(str(here / "c.tar"), final, begun=True),
        CheckOrder(str(here / "d.tar")),
        CheckOrder(str(here / "e.tar")),
        CheckOrder(str(here / "f.tar"), begun=True),
        CheckOrder(str(here / "a.tar"), final),
    ]


def pooled(orders: list[CheckOrder], workers: int, by: check_pool.Check = check) -> list[Report]:
    with CheckPool(orders, by, workers) as pool:
        found = list(pool)
    assert not multiprocessing.active_children()
    return found


@pytest.mark.parametrize("workers", [1, 2, 20])
def test_the_reports_are_those_of_one_process_in_the_order_asked_for(
    orders: list[CheckOrder], workers: int
) -> None:
    alone = [check(order) for order in orders]
    assert {one.verdict for one in alone} == {
        Verdict.AUTHENTIC,
        Verdict.NOT_AUTHENTIC,
        Verdict.UNREADABLE,
    }
    together = pooled(orders, workers)
    assert [one.as_json() for one in together] == [one.as_json() for one in alone]
    assert [one.text() for one in together] == [one.text() for one in alone]


def test_a_process_that_dies_costs_the_check_of_one_file(orders: list[CheckOrder]) -> None:
    def by(order: CheckOrder) -> Report:
        if order.path.endswith("b.tar"):
            os.kill(os.getpid(), signal.SIGKILL)
        return check(order)

    found = pooled(orders, 2, by)
    alone = [check(order).as_json() for order in orders]
    assert found[1].verdict is Verdict.UNREADABLE
    assert found[1].problem == (
        "it cannot be checked: its process ended with code -9; check it alone"
    )
    assert [one.as_json() for one in found[:1] + found[2:]] == alone[:1] + alone[2:]


def test_a_mistake_in_a_check_is_raised_here(orders: list[CheckOrder]) -> None:
    def by(order: CheckOrder) -> Report:
        if order.path.endswith("c.tar"):
            raise ZeroDivisionError(order.path)
        return check(order)

    with pytest.raises(ZeroDivisionError, match=r"c\.tar"):
        pooled(orders, 2, by)
    assert not multiprocessing.active_children()


def test_whoever_leaves_early_leaves_no_process_behind(orders: list[CheckOrder]) -> None:
    def by(order: CheckOrder) -> Report:
        if order.path != orders[0].path:
            time.sleep(600)
        return check(order)

    # Of those that are as long the first is begun first.
    with CheckPool(orders[:4], by, 2) as pool:
        assert next(iter(pool)).verdict is Verdict.AUTHENTIC
        assert len(multiprocessing.active_children()) == 2
    assert not multiprocessing.active_children()


@pytest.mark.parametrize("given", [0, 1])
def test_where_the_kernel_gives_no_process_this_one_checks(
    orders: list[CheckOrder], monkeypatch: pytest.MonkeyPatch, given: int
) -> None:
    real, left = os.fork, [given]

    def fork() -> int:
        if not left[0]:
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        left[0] -= 1
        return real()

    monkeypatch.setattr(os, "fork", fork)
    alone = [check(order).as_json() for order in orders]
    assert [one.as_json() for one in pooled(orders, 2)] == alone


def test_processes_are_made_for_much_work_only(
    orders: list[CheckOrder], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2})
    assert workers_for(orders, None) == 0
    monkeypatch.setattr(check_pool, "WORTH_BYTES", 1)
    assert workers_for(orders, None) == 3
    assert workers_for(orders, 2) == 2
    assert workers_for(orders, 1) == 0
    assert workers_for(orders[:1], None) == 0
    assert workers_for(orders, 100) == len(orders)
    monkeypatch.setattr(sys, "platform", "darwin")
    assert workers_for(orders, 2) == 0


def test_the_command_says_the_same_however_many_are_checked_at_once(
    orders: list[CheckOrder],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(check_pool, "WORTH_BYTES", 1)
    key = tmp_path / "key.pem"
    key.write_text("".join(one.pem for one in KEYS.values()))
    said = []
    for jobs in ("1", "2"):
        for form in ([], ["--json"]):
            words = [
                "evidence",
                "verify",
                str(tmp_path / "here"),
                "--key",
                str(key),
                "--jobs",
                jobs,
            ]
            code = cli.main([*words, *form])
            said.append((code, capsys.readouterr().out))
    assert said[:2] == said[2:]
    assert said[0][0] == Verdict.NOT_AUTHENTIC


@pytest.mark.parametrize("jobs", ["0", "-1", "two", "²"])
def test_a_number_of_jobs_that_is_none_is_refused(
    capsys: pytest.CaptureFixture[str], jobs: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["evidence", "verify", "--jobs", jobs])
    assert ended.value.code == EX_USAGE
    assert "is not a number from 1 on" in capsys.readouterr().err


SCRIPT = """
import os, signal, sys, time
from camerad.verify.check_pool import CheckOrder, CheckPool

# Whoever began these tests in the background ignores it, and so would all that they start.
signal.signal(signal.SIGINT, signal.default_int_handler)

def check(order):
    # Where Python buffers nothing, print writes a line in two pieces, and the other process may
    # come between them.
    os.write(1, b"%d\\n" % os.getpid())
    time.sleep(600)

with CheckPool([CheckOrder("a"), CheckOrder("b")], check, 2) as pool:
    list(pool)
"""


@pytest.mark.parametrize("how", ["interrupt", "kill"])
def test_all_end_with_whoever_uses_the_pool(how: str) -> None:
    """Ctrl-C reaches the whole group; a kill only the one."""
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as running:
        assert running.stdout is not None
        workers = [int(running.stdout.readline()) for _ in range(2)]
        if how == "interrupt":
            os.killpg(running.pid, signal.SIGINT)
        else:
            running.kill()
        _, said = running.communicate(timeout=DEADLINE_S)
    assert running.returncode == (-signal.SIGINT if how == "interrupt" else -signal.SIGKILL)
    assert said.count("Traceback") == (how == "interrupt"), said
    until(lambda: all(map(ended, workers)))
