"""All phases of a camera's life in which power is lost by the hundred, and their report."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Final

from tests.campaign import cut_provisioning, cut_states, lives
from tests.campaign.cut_states import Tally, fast_directory
from tests.campaign.lives import SCRIPTS, Life
from tests.campaign.table import say

PROVISIONING: Final = "provisioning"
PHASES: Final = (*SCRIPTS, PROVISIONING)


@contextmanager
def _life(phase: str, seed: int, keep: Path | None) -> Iterator[Life]:
    """The life of a phase: as it was kept, or lived now."""
    random = Random(f"{seed}/{phase}/life")
    if keep is None:
        with fast_directory() as directory, lives.lived(directory, SCRIPTS[phase], random) as life:
            yield life
        return
    directory = keep / f"{phase}-{seed}"
    kept = lives.load(directory)
    if kept is not None:
        yield kept
        return
    shutil.rmtree(directory, ignore_errors=True)  # what is there was ended in the midst
    directory.mkdir(parents=True)
    with lives.lived(directory, SCRIPTS[phase], random) as life:
        yield life


def campaign(
    phases: Sequence[str], states: int, seed: int, first: int = 1, keep: Path | None = None
) -> int:
    """So many states of each phase; keep: a directory for what the cameras did, or that has it.
    Prints what was found, and returns how much of it must not be."""
    done: list[Tally] = []
    for phase in phases:
        began = time.monotonic()
        if phase == PROVISIONING:
            tally = cut_provisioning.campaign(states, seed, first)
        else:
            with _life(phase, seed, keep) as life:
                lived = time.monotonic()
                say(f"{phase}: a life of {(life.ended_us - life.began_us) / 1e6:.0f} s")
                began = lived
                tally = cut_states.campaign(life, phase, states, seed, first)
        done.append(tally)
        say(f"{tally.line()}  ({time.monotonic() - began:.0f} s)")
    say("")
    wrong = sum(len(one.wrong) for one in done)
    say(f"cuts: {sum(one.states for one in done)} states, {wrong} wrong")
    for one in done:
        say(one.line())
        for text in one.wrong:
            say(f"    {text}")
    return wrong
