"""How tests are shared out among the worker processes of pytest-xdist by `tests/run.sh`.

A worker begins a test only when it knows the next one, or that there is none. So none may be left
with one test and the prospect of more: nothing would happen to it that could bring it more. Nor may
a worker that dies take others along: what it had not done goes to whoever is left, or to the worker
that takes its place, and the test that it died in has failed and is not begun again.
"""

from __future__ import annotations

from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController


class Files(LoadScopeScheduling):
    """Whoever is free gets the next file, since its tests may share what takes long to start."""

    def _split_scope(self, nodeid: str) -> str:
        return nodeid.partition("::")[0]

    def _reschedule(self, node: WorkerController) -> None:
        # Whoever takes a dead worker's place knows the tests only after a while.
        if node not in self.registered_collections:
            return
        super()._reschedule(node)
        # xdist gives one more file to who has at most two tests left, which may be its only one.
        while not node.shutting_down and self._pending_of(self.assigned_work[node]) < 2:
            super()._reschedule(node)

    def remove_node(self, node: WorkerController) -> str | None:
        """A worker has ended; the test that it was at, if it died in one.

        xdist's own would have that test done once more, by one worker after the other.
        """
        left = [
            name
            for unit in self.assigned_work.pop(node).values()
            for name in unit
            if not unit[name]
        ]
        if not left:
            return None
        died_in, *others = left
        for name in others:
            self.workqueue.setdefault(self._split_scope(name), {})[name] = False
        for other in self.nodes:
            self._reschedule(other)
        return died_in


class InTurn(Files):
    """Of a whole daemon's tests, which take many seconds, whoever is free gets the next one."""

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return nodeid if file.startswith("tests/system/") else file
