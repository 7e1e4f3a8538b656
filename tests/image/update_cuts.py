"""Power is lost while the image is updated in an emulated board: a part of ``make image-cuts``.

States that a loss of power could have left of the card are made of QEMU's log of its writes
(`tests.image.power_update`). Each is judged as the board's firmware and the next start would find
it: autoboot.txt names a slot that is whole, by its boot partition and its root's hash; what is
installed, tried or kept is known, never less than had been told, and is whole too where it may
still start; and the evidence is held to what had been promised, as in every other phase
(`tests.campaign.cut_states`). One of each kind is started in the emulator again, to the end of its
update.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final

import msgspec

from camerad.base.errors import CameradError
from camerad.behaviour.update import RunningVersion, UpdatePhase
from camerad.update import boot_selection
from camerad.update.update_file import FOLDER, NAME, PENDING, UpdateRecord, open_update_file
from camerad.update.updater import Updater
from camerad_image import layout, updates
from tests.campaign import blocklog, blockstates, cut_states
from tests.campaign.blockstates import Log, State, lie
from tests.campaign.cut_states import Tally, fast_directory, quick
from tests.campaign.logwrites import Part
from tests.campaign.table import say
from tests.crash.judge import LifeJudge
from tests.image import disks, power, power_update, releases
from tests.image.board import Board
from tests.image.card import run, settings
from tests.image.life import Lives
from tests.image.power import copy_part
from tests.image.power_update import PARTITIONS, PHASES, Half, UpdateLife, place
from tests.image.provisioning import check_common
from tests.updates.card import verity_fits

_ORDER: Final = (
    UpdatePhase.IDLE,
    UpdatePhase.INSTALLING,
    UpdatePhase.TO_TRY,
    UpdatePhase.TRYING,
    UpdatePhase.CONFIRMED,
)
_TELLS: Final = {"marking": UpdatePhase.TRYING, "confirming": UpdatePhase.CONFIRMED}
"""What is told of an update at the end of a phase."""
_ONE_CONTROL_PER: Final = 5
_STARTS: Final = 3
"""An update that is cut takes at most so many to its end: it is looked at, tried, and given up."""
_ENDS: Final = {
    "IDLE A": ("A", UpdatePhase.IDLE),
    "INSTALLING A": ("A", UpdatePhase.IDLE),
    "TO_TRY A": ("B", UpdatePhase.CONFIRMED),
    "TRYING A": ("A", UpdatePhase.FELL_BACK),
    "TRYING B": ("B", UpdatePhase.CONFIRMED),
    "CONFIRMED B": ("B", UpdatePhase.CONFIRMED),
}
"""Of each kind of a state, which says how far the update was and what starts by default: which slot
runs at last, and what has become of the update."""


@dataclass
class Verdict:
    """kind: of a state, as above; "": it cannot be told."""

    kind: str
    findings: list[str]


# ----------------------------------------------------------------------------------------- judging


def _read(cut: Path, partition: layout.Partition, name: str) -> bytes:
    """A file of a FAT partition. Raises CalledProcessError."""
    words = ["mtype", "-i", f"{cut}@@{place(partition)}", f"::/{name}"]
    environment = {**os.environ, "MTOOLS_SKIP_CHECK": "1"}
    return subprocess.run(words, capture_output=True, check=True, env=environment).stdout


def _taken(cut: Path, partition: layout.Partition, target: Path) -> Path:
    target.unlink(missing_ok=True)
    copy_part(cut, Part(place(partition), partition.size), target)
    return target


def _slot_b(life: UpdateLife, cut: Path) -> list[str]:
    """What of slot B is not whole."""
    wrong = []
    size = life.boot.stat().st_size
    words = ["cmp", "--quiet", f"--bytes={size}", f"--ignore-initial={place(layout.BOOT_B)}:0"]
    if subprocess.run([*words, cut, life.boot], check=False).returncode != 0:
        wrong.append("the boot partition of slot B is not the release's")
    try:
        text = _read(cut, layout.BOOT_B, "config.txt").decode()
        chosen = settings(text, "all", f"boot_partition={layout.BOOT_B.number}")
        words_of_kernel = _read(cut, layout.BOOT_B, chosen["cmdline"]).decode().strip()
        root = _taken(cut, layout.ROOT_B, cut.with_name("root-b"))
        if not verity_fits(root, words_of_kernel):
            wrong.append("the root of slot B is not what its command line says")
        root.unlink()
    except (subprocess.CalledProcessError, KeyError, UnicodeDecodeError, AssertionError) as error:
        wrong.append(f"the firmware finds nothing in slot B: {error!r}")
    return wrong


def _kept(provision: Path) -> tuple[UpdateRecord, list[str]]:
    """What is kept of the update, and whether it can be read."""
    path = provision / FOLDER / NAME
    if not path.exists():
        return UpdateRecord(), []
    try:
        return msgspec.json.decode(path.read_bytes(), type=UpdateRecord), []
    except msgspec.MsgspecError as error:
        return UpdateRecord(), [f"{NAME} cannot be read: {error}"]


def judged(life: UpdateLife, half: Half, at_us: int, cut: Path, judge: LifeJudge) -> Verdict:
    """The start after a loss of power: what it is, and what is wrong."""
    found = check_common(cut)
    try:
        text = _read(cut, layout.COMMON, boot_selection.NAME)
    except subprocess.CalledProcessError as error:
        return Verdict(
            "", [*found, f"the firmware finds no {boot_selection.NAME}: {error.stderr!r}"]
        )
    told = boot_selection.parse_autoboot(text)
    if told is None:
        return Verdict("", [*found, f"{boot_selection.NAME} is {text[:80]!r}"])
    primary = told.primary
    data = _taken(cut, layout.DATA, cut.with_name("data"))
    found += cut_states.judged(half.life, at_us, data, judge, twice=False).findings
    boot = cut.with_name("boot")
    boot.mkdir(exist_ok=True)
    (boot / boot_selection.NAME).write_bytes(text)
    try:
        with blocklog.mounted(data, cut.with_name("looked")):
            provision = cut.with_name("looked") / "provision"
            record, unreadable = _kept(provision)
            found += unreadable
            kept = open_update_file(str(provision / FOLDER))
            carrying = Updater(
                boot_selection.BootSelection(str(boot)), kept, lambda: None, lambda: None
            )
            version = life.versions[primary]
            now = RunningVersion(releases.NAME, version, updates.MINIMUM, primary, primary)
            phase = carrying.judge_start(now)
            if kept.state.pending != (provision / FOLDER / PENDING).exists():
                found.append("the units look at something else than is so")
    except (subprocess.CalledProcessError, CameradError) as error:
        return Verdict("", [*found, f"it cannot be said how far the update is: {error}"])
    finally:
        data.unlink()
    reached, promised = record.state.phase, half.reached(at_us)
    if reached not in _ORDER or _ORDER.index(reached) < _ORDER.index(promised):
        found.append(f"the update is {reached}, and {promised} had been told")
    if (primary == "B") != (phase is UpdatePhase.CONFIRMED):
        found.append(f"slot {primary} starts, and the update is {phase}")
    if primary == "B" or phase in (UpdatePhase.TO_TRY, UpdatePhase.FELL_BACK):
        found += _slot_b(life, cut)
    return Verdict(f"{reached.name} {primary}", found)


# ---------------------------------------------------------------------------------------- campaign


@dataclass(frozen=True)
class Cut:
    """A state and what it is."""

    half: Half
    state: State
    kind: str


def _made(half: Half, found: Sequence[State]) -> Iterator[tuple[State, Log, Path]]:
    """Each as a file, for a moment."""
    with fast_directory() as directory:
        image = directory / "image"
        run("cp", "--sparse=always", half.before, image)
        log = Log(half.log, image)
        for state in found:
            with log.made(state, directory) as cut:
                yield state, log, cut
        log.close()


def campaign(life: UpdateLife, phase: str, count: int, seed: int) -> tuple[Tally, list[Cut]]:
    """So many states of a phase, those in which the data's superblock is torn besides, and a fifth
    as many of a card that lies about its flushes, where something had been told."""
    tally, cuts = Tally(f"update: {phase}", count), []
    half = life.half(phase)
    entries, window = half.entries(), half.windows[phase]
    found = blockstates.states(entries, [window], count, Random(f"{seed}/update/{phase}"))
    superblock = place(layout.DATA) + blocklog.SUPERBLOCK_TORN
    found += blockstates.torn_at(entries, superblock, [window])
    found.sort(key=lambda one: (one.certain, one.issued, one.kept))
    with quick(), fast_directory() as scratch:
        judge = LifeJudge(str(scratch), notes=True)
        for number, (state, log, cut) in enumerate(_made(half, found), 1):
            tally.count(state, log)
            verdict = judged(life, half, state.at_us, cut, judge.fresh())
            tally.kinds[verdict.kind] += 1
            cuts.append(Cut(half, state, verdict.kind))
            for one in verdict.findings:
                tally.findings.append(f"{tally.phase} {number}: {one}")
                say(f"  FINDING {tally.findings[-1]}")
        for state, _, cut in _made(half, _lying(half, phase, count // _ONE_CONTROL_PER, seed)):
            tally.controls += 1
            wrong = judged(life, half, state.at_us, cut, judge.fresh()).findings
            tally.caught += any(not one.startswith(("e2fsck", "fsck.vfat")) for one in wrong)
    return tally, cuts


def _lying(half: Half, phase: str, count: int, seed: int) -> list[State]:
    """States of a card that did none of its flushes from some moment on, before the update was
    tried or kept, which it then was told to be; none of the phases in which nothing is told."""
    if phase not in _TELLS:
        return []
    random = Random(f"{seed}/update/{phase}/lying")
    log = Log(half.log, half.before)
    times = [one.at_us for one in log.entries]
    told_us = [at_us for at_us, reached in half.promised if reached is _TELLS[phase]][-1]
    # Not the last entry: nothing says until when no other one came.
    ends = [n for n, at_us in enumerate(times[:-1], 1) if at_us >= told_us]
    told = log.first(f'"phase":"{_TELLS[phase]}"'.encode())
    since = log.first(b'"phase":"installing"') if phase == "marking" else 0
    log.close()
    found = []
    for _ in range(count):
        issued = random.choice(ends)
        at_us = max(times[issued - 1], times[issued] - 1)
        found.append(lie(log.entries, issued, at_us, random, told=told, since=since))
    return sorted(found, key=lambda one: (one.certain, one.issued, one.kept))


# ------------------------------------------------------------------------------------------ starts


def _one_of_each(cuts: Sequence[Cut], most: int, seed: int) -> list[Cut]:
    """One of each kind, by chance, the rarest first."""
    random = Random(f"{seed}/update/starts")
    by_kind: dict[str, list[Cut]] = {}
    for one in cuts:
        if one.kind in _ENDS:
            by_kind.setdefault(one.kind, []).append(one)
    rarest = sorted(by_kind.values(), key=len)
    return [random.choice(of_kind) for of_kind in rarest][:most]


def _start(life: UpdateLife, layer: Path, cut: Cut) -> list[str]:
    """Start it in the emulator until its update has come to its end: what is wrong."""
    folder = life.folder / "starts" / cut.kind.lower().replace(" ", "-")
    folder.mkdir(parents=True)
    for _, _, made in _made(cut.half, [cut.state]):
        card = power.card_with(life.image, folder, made, PARTITIONS)
    starts = Lives(Board(card, layer, disks.make_result(folder), folder, docked=True))
    try:
        for _ in range(_STARTS):
            ended = starts.start("resumed")
            if not ended.tryboot:
                break
        found = starts.found(ended).came_up()
    except AssertionError as error:
        return [f"it does not come up: {error}"]
    finally:
        card.disk.unlink()
    wrong = []
    slot, phase = _ENDS[cut.kind]
    wanted = (slot, life.versions[slot], phase.value)
    if (became := (found["slot"][0], found["version"][0], found["phase"])) != wanted:
        wrong.append(f"it ends as {became}, not as {wanted}")
    for name in cut.half.life.kept:
        path = cut.half.life.card / "recordings" / f"{name}.tar"
        if found["evidence"].get(path.name) != hashlib.sha256(path.read_bytes()).hexdigest():
            wrong.append(f"{path.name} is another, or is not there")
    return wrong


def _all_starts(life: UpdateLife, cuts: Sequence[Cut]) -> list[str]:
    place_of_all = life.folder / "starts"
    shutil.rmtree(place_of_all, ignore_errors=True)
    place_of_all.mkdir()
    layer = disks.make_layer(place_of_all, {})
    wrong = []
    for cut in cuts:
        began = time.monotonic()
        found = _start(life, layer, cut)
        seconds = time.monotonic() - began
        say(f"  started: {cut.kind}, to its end in {seconds:.0f} s")
        for one in found:
            wrong.append(f"started {cut.kind}: {one}")
            say(f"    FINDING {wrong[-1]}")
    say(f"{len(cuts)} states were started")
    return wrong


# -------------------------------------------------------------------------------------------- main


def _life(base: Path, image: Path, folder: Path, seed: int) -> UpdateLife:
    """That of this very image: as it was kept, or lived now."""
    with image.open("rb") as file:
        name = f"{hashlib.file_digest(file, 'sha256').hexdigest()[:16]}-{seed}-update"
    kept = power_update.load(folder / name)
    if kept is not None:
        return kept
    shutil.rmtree(folder / name, ignore_errors=True)  # what is there was ended in the midst
    began = time.monotonic()
    life = power_update.live(base, folder / name, seed)
    say(f"an update ({time.monotonic() - began:.0f} s)")
    return life


def main() -> int:
    """Do what the command line says; the exit code says whether anything was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.image.update_cuts", description=__doc__)
    parser.add_argument("image", type=Path, help="whose update it is: the same tree's")
    parser.add_argument("base", type=Path, help="the packages of that image")
    parser.add_argument("folder", type=Path, help="keeps what the guest did, for the next time")
    parser.add_argument("--states", type=int, default=100, help="of each phase")
    parser.add_argument("--starts", type=int, default=6, help="of different kinds")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("only root may mount file systems")
    life = _life(options.base.resolve(), options.image, options.folder, options.seed)
    wrong: list[str] = []
    cuts: list[Cut] = []
    for phase in PHASES:
        began = time.monotonic()
        tally, found = campaign(life, phase, options.states, options.seed)
        cuts += found
        say(f"{tally.line()}  {dict(tally.kinds)}  ({time.monotonic() - began:.0f} s)")
        wrong += tally.wrong
    if options.starts:
        wrong += _all_starts(life, _one_of_each(cuts, options.starts, options.seed))
    say(f"{len(wrong)} wrong")
    for text in wrong:
        say(f"    {text}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
