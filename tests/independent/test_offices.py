"""Whatever is done to an office's directory, the verifier that was written by the page alone and
`camerad evidence verify` come to the same verdict.

Here is a cut of it; all of it with CAMERAD_DIFFERENTIAL=SEED, as `make campaign` does.
"""

from __future__ import annotations

import itertools
import os
import random
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import mixed_offices
import offices
import pytest
from desk_helpers import ONE, Camera
from sealed_helpers import KEY
from verifier_statements import load_keys
from verifier_stores import check_ledger, check_office

from camerad.base.clock import DAY

SEED: Final = os.environ.get("CAMERAD_DIFFERENTIAL", "")
OFFICES: Final = 1000 if SEED else 40
SOME: Final = 1 if SEED else 6
"""Every so-manieth is tried."""


@pytest.fixture
def world(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Callable[..., int], mixed_offices.Clock]:
    """What carries out `camerad`, and its clock."""
    return mixed_offices.commands(tmp_path, monkeypatch)


@pytest.fixture
def run(world: tuple[Callable[..., int], mixed_offices.Clock]) -> Callable[..., int]:
    """Carries out `camerad`, an hour after the recordings were made; its exit code."""
    return world[0]


def office_keys(config: Path) -> Iterator[Path]:
    """The public half of the office's key, as the verifier reads it."""
    from camerad.container.keys import SigningKey

    for path in config.rglob("*.pem"):
        public = path.with_suffix(".pub.pem")
        public.write_text(SigningKey.from_pem(path.read_bytes()).public.pem)
        yield public


def test_of_any_office_both_come_to_the_same_verdict(
    tmp_path: Path, run: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    key = tmp_path / "device.pem"
    key.write_text(KEY.public.pem)
    made = offices.made(tmp_path, run, key)
    keys = load_keys([key, *office_keys(tmp_path / "config")])
    place = tmp_path / "place"
    seen: Counter[int] = Counter()
    every = offices.changes(made, random.Random(f"{SEED} offices"))
    differ = []
    for what, files in itertools.islice(every, 0, None, SOME):
        offices.write(place, files)
        capsys.readouterr()
        ours = run("evidence", "verify", place, "--key", key)
        whole = (place / "office").is_dir()
        theirs = check_office(place, keys, load_keys([key])) if whole else None
        said = capsys.readouterr().out
        if theirs is not None and theirs.verdict != ours:
            differ.append(
                f"{what}: {theirs.verdict} by the page {theirs.says}, {ours} by camerad:\n{said}"
            )
        seen[ours] += 1
    assert not differ, "\n".join(differ)
    assert {0, 2} <= set(seen)


@pytest.mark.timeout(0 if SEED else 600)
def test_of_offices_that_were_mixed_both_come_to_the_same_verdict_and_miss_what_was_taken(
    tmp_path: Path,
    world: tuple[Callable[..., int], mixed_offices.Clock],
    capsys: pytest.CaptureFixture[str],
) -> None:
    run, clock = world
    keys = mixed_offices.public_keys(tmp_path)
    made = mixed_offices.made(tmp_path, run, clock, keys)
    trusted = load_keys([*keys.iterdir(), *office_keys(tmp_path / "config")])
    cameras = load_keys(keys.iterdir())
    place, outside = tmp_path / "place", tmp_path / "outside"
    changer = mixed_offices.Changer(made, random.Random(f"{SEED} mixed"), outside)
    wrong, seen = [], Counter[int]()
    for number in range(OFFICES):
        case = changer.case()
        mixed_offices.write(place, case.files)
        capsys.readouterr()
        ours = run("evidence", "verify", place, "--key", keys)
        said = capsys.readouterr()
        theirs = check_office(place, trusted, cameras)
        if theirs.verdict != ours:
            wrong.append(
                f"{number} {case.what}: {theirs.verdict} by the page {theirs.says}, {ours} by "
                f"camerad:\n{said.out}{said.err}"
            )
        if case.gone and ours != 2:
            wrong.append(f"{number} {case.what}: {case.gone} taken, and {ours}:\n{said.out}")
        seen[ours] += 1
    assert not wrong, f"{len(wrong)} of {OFFICES}, {seen}\n" + "\n".join(wrong)
    assert ({0, 1, 2} if SEED else {0, 2}) <= set(seen)


@pytest.mark.parametrize("forgotten", [False, True])
def test_an_epoch_that_forgets_a_hold_with_an_end_is_found_by_the_page_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, forgotten: bool
) -> None:
    camera = Camera(tmp_path / "state")
    camera.put(ONE)
    key = tmp_path / "device.pem"
    key.write_text(KEY.public.pem)
    if forgotten:
        monkeypatch.setattr("camerad.ledger.epoch_start.restate_holds", lambda *_: ())
    with camera.open() as store:
        end_us = camera.clock.wall_us() + DAY
        store.ledger.append("hold_until", id=ONE, reason="Frist", who="Desk", until_us=end_us)
        for _ in range(2):
            store.ledger.rotate()
    report = check_ledger(camera.root / "ledger", load_keys([key])).report
    assert report.verdict == (2 if forgotten else 0), report.says
