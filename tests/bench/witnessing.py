"""``python -m tests.bench.witnessing``: what a docking costs more because cameras are witnesses.

Proofs are measured over a log of a million entries. A docking adds on the office's side what
`OfficeLog.show` does, for a camera that asks about eight recordings; and on the camera's side that
it checks all of it, writes its ledger, cosigns and remembers, each durably. Both are measured
together, `DOCKINGS` times, with a log of some thousand entries.

It prints a table, and one JSON object as the last thing on standard output. It fails beyond 0.3 s
for a docking, or 50 ms for a proof.
"""

from __future__ import annotations

import hashlib
import logging
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Final

from camerad.container import jws
from camerad.transparency import merkle
from camerad.transparency.office_log import SHOWN
from camerad.transparency.tree_files import TreeFiles
from tests.bench.figures import quantile
from tests.bench.plan import answer, log
from tests.unit.transparency.test_witness import ABOUT, Scene

ENTRIES: Final = 1_000_000
DOCKINGS: Final = 100
DOCKING_LIMIT_S: Final = 0.3
PROOF_LIMIT_S: Final = 0.05
AWAITED: Final = 8


def _proofs(tree: TreeFiles) -> dict[str, list[float]]:
    chance, size = Random(1), tree.size

    def old() -> int:
        return chance.randrange(1, size)

    kinds: dict[str, Callable[[], object]] = {
        "inclusion proof": lambda: merkle.inclusion_proof(tree.complete, old(), size),
        "consistency proof": lambda: merkle.consistency_proof(tree.complete, old(), size),
        "root": lambda: merkle.root(tree.complete, size),
    }
    return {name: [_seconds(work) for _ in range(DOCKINGS)] for name, work in kinds.items()}


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _docking(scene: Scene, number: int) -> float:
    for recording in range(AWAITED):
        scene.hand_over(number * AWAITED + recording)
    scene.work(1)

    def dock() -> None:
        token = jws.sign(scene.office.key, SHOWN, scene.show())
        outcome = scene.witness.see(token, ABOUT)
        assert outcome.cosigned and not scene.awaited

    return _seconds(dock)


def main() -> int:
    """Measure; returns the exit code: whether all is within its limit."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    with tempfile.TemporaryDirectory(prefix="camerad-bench-") as folder:
        log.info("a log of %d entries", ENTRIES)
        (where := Path(folder, "tree")).mkdir()
        tree = TreeFiles(str(where))
        leaves = [hashlib.sha256(b"%d" % number).digest() for number in range(ENTRIES)]
        tree.append(leaves)
        took = _proofs(tree)
        scene = Scene(Path(folder, "office"))
        scene.work(1)
        scene.check_in()
        took["docking"] = [_docking(scene, number) for number in range(DOCKINGS)]
    p95 = {name: quantile(all_of, 0.95) for name, all_of in took.items()}
    for name, all_of in took.items():
        middle = 1000 * statistics.median(all_of)
        log.info("%-18s median %7.2f ms, p95 %7.2f ms", name, middle, 1000 * p95[name])
    answer({"p95_s": p95})
    limits = dict.fromkeys(took, PROOF_LIMIT_S) | {"docking": DOCKING_LIMIT_S}
    return int(any(p95[name] > limit for name, limit in limits.items()))


if __name__ == "__main__":
    sys.exit(main())
