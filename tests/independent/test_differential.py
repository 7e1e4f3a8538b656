"""Whatever is done to recordings and ledgers, the verifier that was written by the page alone and
camerad come to the same verdict.

Here is a cut of it; all of it with CAMERAD_DIFFERENTIAL=SEED, as `make campaign` does.
"""

from __future__ import annotations

import fcntl
import itertools
import os
import random
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from changes import Change, numbers, running, said, tampered, texts, wrapped
from sealed_helpers import KEY, KEYS
from verifier_recording import check_recording
from verifier_statements import load_keys
from verifier_stores import check_ledger

from camerad.container.severity import Severity
from camerad.ledger.audit import read_ledger
from camerad.verify.judge import verify
from tests.tamper import test_ledger_tamper as ledgers

SEED: Final = os.environ.get("CAMERAD_DIFFERENTIAL", "")
SOME: Final = 1 if SEED else 12
"""Every so-manieth of what is systematic is tried."""
VALUES: Final = 2000 if SEED else 25


def both(directory: Path, change: Change) -> tuple[int, int]:
    """What the stranger and what camerad say."""
    path, key = directory / change.name, directory / "device.pem"
    key.write_text(KEY.public.pem)
    path.write_bytes(change.data)
    os.truncate(path, len(change.data) + change.hole)
    with path.open("rb") as recorder:
        if change.runs:
            fcntl.flock(recorder, fcntl.LOCK_EX)
        finals = [] if change.final is None else [change.final]
        theirs = check_recording(
            path, load_keys([key]), finals, vouched=change.begun, runs=change.runs
        )
        ours = verify(
            str(path),
            KEYS,
            final=change.final,
            begun=change.begun,
            may_run=lambda _: change.runs,
        )
    path.unlink()
    return theirs.verdict, int(ours.verdict)


FAMILIES: Final = {
    "tampered": (tampered, {2, 3}, 2000),
    "said": (lambda chance: said(chance, VALUES), {0, 1, 2}, 20000),
    "numbers": (lambda _: numbers(3 * SOME if SOME > 1 else 1), {0, 1, 2}, 2000),
    "texts": (lambda _: texts(), {0, 2}, 150),
    "wrapped": (wrapped, {0, 1, 2, 3}, 1000),
    "running": (running, {0, 1, 2, 3}, 1000),
}


@pytest.mark.parametrize("family", FAMILIES)
def test_of_any_recording_both_come_to_the_same_verdict(tmp_path: Path, family: str) -> None:
    make, verdicts, least = FAMILIES[family]
    some = 1 if family in ("said", "texts", "numbers") else SOME
    seen: Counter[int] = Counter()
    for change in itertools.islice(make(random.Random(f"{SEED} {family}")), 0, None, some):
        theirs, ours = both(tmp_path, change)
        assert theirs == ours, f"{change.what}: {theirs} by the page, {ours} by camerad"
        seen[ours] += 1
    assert set(seen) <= verdicts
    assert 2 in seen
    assert not SEED or seen.total() >= least


def test_a_damaged_header_is_damage_wherever_it_is_also_in_a_recording_that_runs(
    tmp_path: Path,
) -> None:
    """Also the last one's: no block is torn within itself, so it is not just being written."""
    changes = [one for one in running(random.Random(SEED)) if ", size of " in one.what]
    assert len({one.what.split(", ")[0] for one in changes}) > 1
    for change in changes:
        theirs, ours = both(tmp_path, change)
        assert theirs == ours >= 2, change.what


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> ledgers.Original:
    return ledgers.Original(tmp_path_factory.mktemp("ledgers"))


def ledger_changes(original: ledgers.Original) -> Iterator[ledgers.Mutation]:
    """What the tamper campaign does to a ledger, and older states of it."""
    yield "as it was", original.files
    for family in (
        *(ledgers.flips, ledgers.lines_moved, ledgers.files_moved, ledgers.cut),
        *(ledgers.other_spellings, ledgers.resigned, ledgers.rolled_back),
        ledgers.carried_otherwise,
    ):
        yield from family(original)


def test_of_any_ledger_both_find_the_same(original: ledgers.Original, tmp_path: Path) -> None:
    key, place = tmp_path / "device.pem", tmp_path / "ledger"
    key.write_text(ledgers.KEY.public.pem)
    seen: Counter[bool] = Counter()
    for what, files in itertools.islice(ledger_changes(original), 0, None, SOME):
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        for name, content in files.items():
            (place / name).write_bytes(content)
        theirs = check_ledger(place, load_keys([key])).report
        _, findings = read_ledger(str(place), ledgers.KEYS, None)
        ours = any(one.severity is Severity.DAMAGE for one in findings)
        assert (theirs.verdict == 2) == ours, f"{what}: {theirs.says}, {list(map(str, findings))}"
        seen[ours] += 1
    assert set(seen) == {False, True}
