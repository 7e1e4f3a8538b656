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

import offices
import pytest
from desk_helpers import ONE, Camera
from sealed_helpers import KEY, WALL_US
from verifier_statements import load_keys
from verifier_stores import check_ledger, check_office

from camerad.base.clock import DAY, ClockSource, Moment
from camerad.cli import main

SEED: Final = os.environ.get("CAMERAD_DIFFERENTIAL", "")
SOME: Final = 1 if SEED else 6
"""Every so-manieth is tried."""


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Carries out `camerad`, an hour after the recordings were made; its exit code."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setattr("camerad.config.policies.ETC", tmp_path / "etc")
    monkeypatch.setattr("camerad.base.process.forbid_dumps", lambda: None)
    now = Moment(DAY, WALL_US + DAY // 24, ClockSource.SYNCHRONISED)
    monkeypatch.setattr("camerad.base.clock.SystemClock.moment", lambda _: now)

    def command(*arguments: object) -> int:
        return main.main([str(one) for one in arguments])

    return command


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
        theirs = check_office(place, keys) if (place / "office").is_dir() else None
        said = capsys.readouterr().out
        if theirs is not None and theirs.verdict != ours:
            differ.append(
                f"{what}: {theirs.verdict} by the page {theirs.says}, {ours} by camerad:\n{said}"
            )
        seen[ours] += 1
    assert not differ, "\n".join(differ)
    assert {0, 2} <= set(seen)


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
