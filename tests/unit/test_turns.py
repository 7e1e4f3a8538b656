"""Every test is done, whoever shares them out and whoever dies meanwhile: in simulated time."""

from __future__ import annotations

import heapq
import random
from collections import deque
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from xdist.remote import Producer

from tests.turns import Files, InTurn


class Worker:
    """As xdist's own ends: it begins a test when it knows the next one, or that there is none."""

    def __init__(self, name: str) -> None:
        self.gateway = SimpleNamespace(id=name)
        self.shutting_down = False
        self.queue: deque[int] = deque()
        self.at: int | None = None
        """The test that it is at."""

    def send_runtest_some(self, indices: list[int]) -> None:
        assert not self.shutting_down
        self.queue += indices

    def shutdown(self) -> None:
        self.shutting_down = True

    def begins(self) -> bool:
        """Whether it has just begun a test."""
        if self.at is not None or len(self.queue) < (1 if self.shutting_down else 2):
            return False
        self.at = self.queue.popleft()
        return True


class Session:
    """What pytest-xdist does with a scheduler, up to the end of all workers; in simulated time."""

    def __init__(
        self, kind: type[Files], names: list[str], workers: int, deadly: set[str], chance: int
    ) -> None:
        self.names = names
        self.deadly = deadly
        self.random = random.Random(chance)
        self.begun: list[str] = []
        self.died_in: list[str] = []
        config: Any = SimpleNamespace(
            getvalue=lambda _: [f"{workers}*popen"], option=SimpleNamespace(loadscopereorder=False)
        )
        self.scheduler = kind(config, Producer("", enabled=False))
        self.active: list[Worker] = []
        self.events: list[tuple[float, int, str, Worker]] = []
        self.count = 0
        for _ in range(workers):
            self.hire(0.0)
        self.time = 0.0

    def happens(self, after: float, what: str, worker: Worker) -> None:
        self.count += 1
        heapq.heappush(self.events, (after, self.count, what, worker))

    def hire(self, now: float) -> None:
        worker = Worker(f"gw{self.count}")
        self.active.append(worker)
        self.happens(now + self.random.random(), "ready", worker)

    def run(self) -> None:
        """Until every worker has ended; AssertionError if nothing happens any more before that."""
        while self.active:
            assert self.events, [(one.gateway.id, one.queue, one.at) for one in self.active]
            self.time, _, what, worker = heapq.heappop(self.events)
            getattr(self, what)(worker)
            if self.scheduler.tests_finished:
                for one in self.scheduler.nodes:
                    one.shutdown()
            for one in tuple(self.active):
                self.goes_on(one)

    def goes_on(self, worker: Worker) -> None:
        if worker.begins():
            assert worker.at is not None
            name = self.names[worker.at]
            self.begun.append(name)
            what = "dies" if name in self.deadly else "done"
            # As some tests take minutes and most of them nothing.
            self.happens(self.time + self.random.choice([0.001, 1, 30]), what, worker)
        elif worker.shutting_down and worker.at is None and not worker.queue:
            self.active.remove(worker)
            if worker in self.scheduler.nodes:
                assert self.scheduler.remove_node(worker) is None

    def ready(self, worker: Worker) -> None:
        if worker in self.active:  # else it was told to end before it was up
            self.scheduler.add_node(worker)
            self.happens(self.time + self.random.random() * 5, "collected", worker)

    def collected(self, worker: Worker) -> None:
        if worker in self.active:
            self.scheduler.add_node_collection(worker, self.names)
            if self.scheduler.collection_is_completed:
                self.scheduler.schedule()

    def done(self, worker: Worker) -> None:
        number, worker.at = worker.at, None
        assert number is not None
        self.scheduler.mark_test_complete(worker, number)

    def dies(self, worker: Worker) -> None:
        died_in = self.scheduler.remove_node(worker)
        assert worker.at is not None
        assert died_in == self.names[worker.at]
        self.died_in.append(died_in)
        # Or it is begun again and again.
        assert len(set(self.died_in)) == len(self.died_in)
        self.hire(self.time)
        self.active.remove(worker)


FILES = st.lists(st.integers(1, 6), min_size=1, max_size=12)
"""How many tests each file has."""


@pytest.mark.parametrize("kind", [Files, InTurn])
@given(
    sizes=FILES,
    singly=st.integers(0, 8),
    workers=st.integers(1, 4),
    deadly=st.sets(st.integers(0, 80), max_size=3),
    chance=st.integers(0, 1000),
)
def test_every_test_is_begun_once_and_every_worker_ends(
    *, kind: type[Files], sizes: list[int], singly: int, workers: int, deadly: set[int], chance: int
) -> None:
    names = [f"tests/system/test_a.py::test_{number}" for number in range(singly)]
    names += [
        f"hw-mocks/tests/test_{file}.py::test_{number}"
        for file, size in enumerate(sizes)
        for number in range(size)
    ]
    fatal = {name for number, name in enumerate(names) if number in deadly}
    session = Session(kind, names, workers, fatal, chance)
    session.run()
    assert sorted(session.begun) == sorted(names)
    assert set(session.died_in) == fatal
