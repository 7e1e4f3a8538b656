"""Checks many recordings, several at once, each in one of a few processes.

A check is almost nothing but arithmetic, so one for each processor is the most that helps. A
process takes as much memory as one check does, whatever the recordings' length. The processes are
forked, so they have the keys, and what the ledgers said, without reading them again; what comes
back is one `Report` for each file, in the order in which the files were given.

A process that dies takes the check of one file with it: that file's report says so, another process
takes its place, and the other files are checked. All of them end with the pool's user,
however that ends; Ctrl-C interrupts only that one, which then ends them.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

import msgspec

from camerad.base import process
from camerad.base.errors import CameradError
from camerad.container.keys import KeyRing
from camerad.verify.judge import MayRun, Progress, verify
from camerad.verify.verdict import Report

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

WORTH_BYTES: Final = 32 << 20
"""Fewer bytes are checked before processes for them are made."""


class CheckOrder(msgspec.Struct, frozen=True):
    """One file to be checked. final, begun, part: as for `camerad.verify.judge.verify`."""

    path: str
    final: str | None = None
    begun: bool = False
    part: bool = False


Check = Callable[[CheckOrder], Report]


def check_one(
    order: CheckOrder, keys: KeyRing, may_run: MayRun, progress: Progress | None = None
) -> Report:
    """The check of one file, which never keeps from checking the others."""
    try:
        return verify(
            order.path,
            keys,
            progress,
            final=order.final,
            begun=order.begun,
            may_run=may_run,
            part=order.part,
        )
    except (CameradError, ValueError, ArithmeticError) as error:
        return _unchecked(order, str(error))


def workers_for(orders: Sequence[CheckOrder], jobs: int | None) -> int:
    """How many processes these files are worth; 0 if they are soon checked by this one. jobs: how
    many there may be, None for one for each processor that this process may use."""
    if sys.platform != "linux":
        return 0  # elsewhere a fork is not safe, or not known
    most = min(len(orders), len(os.sched_getaffinity(0)) if jobs is None else jobs)
    return most if most > 1 and sum(map(size_of, orders)) >= WORTH_BYTES else 0


class CheckPool:
    """The reports on `orders`, in their order; a context manager, to be iterated once.

    check: what makes a report, such as `check_one` with its keys. It is called in other processes,
    and what it raises is raised here. workers: how many of them. They are forked when the pool is
    entered, where there should be no thread whose locks they would copy. Where the kernel gives
    none, this process checks.
    """

    def __init__(self, orders: Sequence[CheckOrder], check: Check, workers: int) -> None:
        self._orders = orders
        self._check = check
        self._most = workers
        # The longest first, from the end on: begun last, it would keep everybody waiting.
        sizes = [size_of(order) for order in orders]
        self._left = sorted(range(len(orders)), key=lambda index: (sizes[index], -index))
        self._workers: dict[Connection, _Worker] = {}

    def __enter__(self) -> Self:
        self._fill()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()

    def __iter__(self) -> Iterator[Report]:
        from multiprocessing.connection import wait  # noqa: PLC0415 - slow to import

        reports: dict[int, Report] = {}
        following = 0
        while self._workers or self._left:
            if not self._workers:  # the kernel gives none
                index = self._left.pop()
                reports[index] = self._check(self._orders[index])
            answering = wait(list(self._workers)) if self._workers else ()
            for connection, worker in list(self._workers.items()):
                if connection not in answering:
                    continue
                reports[worker.index] = worker.report()
                if self._left and not worker.died:
                    worker.begin(self._left.pop())
                else:
                    del self._workers[connection]
                    worker.end()
            self._fill()
            while following in reports:
                yield reports.pop(following)
                following += 1

    def _fill(self) -> None:
        """Have as many processes as there may be, and the kernel gives."""
        with contextlib.suppress(OSError):
            while self._left and len(self._workers) < self._most:
                worker = _Worker(self._orders, self._check)
                self._workers[worker.connection] = worker
                worker.begin(self._left.pop())

    def _end(self) -> None:
        for worker in self._workers.values():
            worker.end()
        self._workers.clear()


class _Worker:
    """One process, which checks one file after the other. index: of the file that it is at. died:
    it ended by itself."""

    def __init__(self, orders: Sequence[CheckOrder], check: Check) -> None:
        import multiprocessing  # noqa: PLC0415 - slow to import, and one recording needs none

        self._orders = orders
        self.index = 0
        self.died = False
        fork = multiprocessing.get_context("fork")
        self.connection, theirs = fork.Pipe()
        self._process = fork.Process(
            target=_serve, args=(os.getpid(), theirs, orders, check), daemon=True
        )
        # An interrupt before it ignores them would print a traceback.
        masked = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT,))
        try:
            with warnings.catch_warnings():
                # Under a test there are threads, none of which has anything that a check needs.
                warnings.simplefilter("ignore", DeprecationWarning)
                self._process.start()
        except OSError:
            self.connection.close()
            raise
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, masked)
            theirs.close()

    def begin(self, index: int) -> None:
        """Have it check a file."""
        self.index = index
        with contextlib.suppress(OSError):  # it died, and `report` says so
            self.connection.send(index)

    def report(self) -> Report:
        """What came of that file, once the connection has something. Raises what the check
        raised."""
        try:
            answer: Report | Exception = self.connection.recv()
        except (EOFError, OSError):
            self.died = True
            self._process.join()
            said = f"its process ended with code {self._process.exitcode}; check it alone"
            return _unchecked(self._orders[self.index], said)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def end(self) -> None:
        """It only reads, so it can be killed at any time."""
        self._process.kill()
        self._process.join()
        self._process.close()
        self.connection.close()


def _serve(parent: int, connection: Connection, orders: Sequence[CheckOrder], check: Check) -> None:
    """What a process does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    process.die_with_parent(parent)
    while True:
        order = orders[connection.recv()]
        try:
            connection.send(check(order))
        except Exception as error:  # noqa: BLE001 - handed to the pool's user
            connection.send(error)


def _unchecked(order: CheckOrder, why: str) -> Report:
    return Report(order.path, 0, problem=f"it cannot be checked: {why}")


def size_of(order: CheckOrder) -> int:
    """Bytes of its file; 0 if that is unknown."""
    try:
        return os.stat(order.path).st_size
    except OSError:
        return 0
