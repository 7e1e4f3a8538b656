"""Power is lost under the image while it runs in an emulated board: ``make image-cuts``.

States that a loss of power could have left of the card are made of QEMU's log of its writes
(`tests.image.power`, `tests.campaign.blockstates`). Hundreds of each phase are judged as those of
the simulated camera are (`tests.campaign.cut_states`): e2fsck as the image's start calls it, a
mount, production code's repair, every committed fragment, the ledger. In the phase of provisioning
it is both partitions of one card (`tests.image.provisioning`). Of all phases some states are
started in the emulator again: the camera has to be ready by itself, and then what is on its card is
held to the same.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from camerad.config.provisioning import NAME
from camerad.provisioning import signing
from camerad_image import layout
from tests.campaign import blocklog, cut_states
from tests.campaign.blockstates import Log, State
from tests.campaign.checking import checked
from tests.campaign.cut_states import fast_directory, promises, quick
from tests.campaign.table import say
from tests.crash.device import STATE
from tests.crash.judge import LifeJudge
from tests.crash.model import Tree
from tests.crash.workspace import Workspace
from tests.image import disks, power, provisioning
from tests.image.board import Board
from tests.image.card import Card, run
from tests.image.life import DEVICE, Start, found_after
from tests.image.power import CAMERAD, PHASES, PROVISIONING, GuestLife, copy_part

_BEFORE: Final = "before.img"


# ------------------------------------------------------------------------------------------ starts


@dataclass(frozen=True)
class _Cut:
    """A card that is to be started."""

    phase: str
    number: int
    state: State
    card: Card


@dataclass(frozen=True)
class Started:
    """A state that was started in the emulator. seconds: of this machine."""

    phase: str
    number: int
    seconds: float
    findings: list[str]

    def line(self) -> str:
        """One row of the report."""
        found = "".join(f"\n    FINDING {one}" for one in self.findings)
        return (
            f"  started: {self.phase} {self.number}, ready and off in {self.seconds:.0f} s{found}"
        )


def _cuts(
    guest: GuestLife, image: Path, count: int, seed: int, phases: Sequence[str]
) -> list[_Cut]:
    """Cards with so many states, as many of each phase."""
    place = guest.folder / "starts"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    cuts = []
    with fast_directory() as directory:
        for phase in phases:
            life = replace(guest.both, windows=guest.windows[phase])
            share = -(-count // len(phases))
            copy = directory / "image"
            run("cp", "--sparse=always", life.image, copy)
            log = Log(life.log, copy)
            for number, state in enumerate(
                provisioning.some_states(life, share, f"{seed}/{phase}/starts"), 1
            ):
                folder = place / f"{phase}-{number}"
                folder.mkdir()
                with log.made(state, directory) as both:
                    card = power.card_with(image, folder, both)
                cuts.append(_Cut(phase, number, state, card))
            log.close()
    # One of each phase after the other, so that those of all come soon.
    return sorted(cuts, key=lambda one: one.number)


def _start(guest: GuestLife, cuts: Sequence[_Cut], boards: int) -> list[Started]:
    """Start them in the emulator, so many at once."""
    layer = disks.make_layer(guest.folder / "starts", {})
    done = []
    with ThreadPoolExecutor(boards) as pool:
        for cut, start, seconds in pool.map(lambda one: _run(layer, one), cuts):
            # Not in there: what production code is given for the judging concerns all threads.
            found = [start] if isinstance(start, str) else _judge_start(guest, cut, start)
            done.append(Started(cut.phase, cut.number, seconds, found))
            say(done[-1].line())
            cut.card.disk.unlink()
    return done


def _run(layer: Path, cut: _Cut) -> tuple[_Cut, Start | str, float]:
    """Start a card in an emulated board: what the guest left, or why it left nothing; and for how
    many seconds of this machine."""
    began = time.monotonic()
    folder = cut.card.folder
    copy_part(cut.card.disk, power.parts(cut.card)[1], folder / _BEFORE)
    board = Board(cut.card, layer, disks.make_result(folder), folder)
    start: Start | str
    try:
        start = found_after(board, board.start("cut"), 1)
    except AssertionError as error:
        start = f"it does not start: {error}"
    board.result.unlink()
    return cut, start, time.monotonic() - began


def _judge_start(guest: GuestLife, cut: _Cut, start: Start) -> list[str]:
    """What is wrong after a start in the emulator."""
    if start.found.get("error") is not None:
        return [start.found["error"]]
    found = []
    if start.found["failed"]:
        found.append(f"units failed: {start.found['failed']}")
    if start.found["status"]["device"] != DEVICE:
        found.append(f"it is called {start.found['status']['device']}")
    if left := {NAME, signing.NAME} & set(cut.card.files(layout.COMMON)):
        found.append(f"on the FAT partition there are {left}")
    before, after = (cut.card.folder / name for name in (_BEFORE, "after.img"))
    copy_part(cut.card.disk, power.parts(cut.card)[1], after)
    for disk in (before, after):
        found += checked(disk)
    with fast_directory() as scratch, quick():
        judge = LifeJudge(str(scratch), notes=True)
        for promise in promises(guest.life, cut.state.at_us):
            judge.take(promise)
        was, became = (_tree(disk, cut.card.folder) for disk in (before, after))
        found += judge.judge(was, became, None)
    before.unlink()
    after.unlink()
    return found


def _tree(disk: Path, folder: Path) -> Tree:
    """What is in the state directory of a data partition."""
    whole, root = folder / "whole", folder / "root"
    with (
        blocklog.mounted(disk, whole),
        blocklog.bound(whole / CAMERAD, root / STATE),
    ):
        return Workspace(str(root)).read()


# -------------------------------------------------------------------------------------------- main


def _guest(image: Path, folder: Path, seed: int) -> GuestLife:
    """The life of this very image: as it was kept, or lived now."""
    with image.open("rb") as file:
        own = folder / f"{hashlib.file_digest(file, 'sha256').hexdigest()[:16]}-{seed}"
    kept = power.load(own)
    if kept is not None:
        return kept
    shutil.rmtree(own, ignore_errors=True)  # what is there was ended in the midst
    began = time.monotonic()
    guest = power.live(image, own, seed)
    lived = (guest.life.ended_us - guest.life.began_us) / 1e6
    say(f"a life of {lived:.0f} s of the guest's ({time.monotonic() - began:.0f} s)")
    return guest


def main() -> int:
    """Do what the command line says; the exit code says whether anything was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.image.cuts", description=__doc__)
    parser.add_argument("image", type=Path)
    parser.add_argument("folder", type=Path, help="keeps what the guest did, for the next time")
    parser.add_argument("--states", type=int, default=300, help="of each phase")
    parser.add_argument("--starts", type=int, default=20, help="of all phases")
    parser.add_argument(
        "--phase", choices=PHASES, action="append", help="only this; more than once"
    )
    parser.add_argument("--boards", type=int, default=2, help="that are emulated at once")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("only root may mount file systems")
    phases = tuple(options.phase or PHASES)
    guest = _guest(options.image, options.folder, options.seed)
    wrong: list[str] = []
    for phase in phases if options.states else ():
        began = time.monotonic()
        if phase == PROVISIONING:
            tally = provisioning.campaign(guest, options.states, options.seed)
        else:
            tally = cut_states.campaign(guest.of(phase), phase, options.states, options.seed)
        say(f"{tally.line()}  ({time.monotonic() - began:.0f} s)")
        wrong += tally.wrong
    if options.starts:
        cuts = _cuts(guest, options.image, options.starts, options.seed, phases)
        done = _start(guest, cuts, options.boards)
        wrong += [f"{one.phase} {one.number}: {text}" for one in done for text in one.findings]
        say(f"{len(done)} states were started")
    say(f"{len(wrong)} wrong")
    for text in wrong:
        say(f"    {text}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
