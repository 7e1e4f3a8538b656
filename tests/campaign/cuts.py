"""Power is lost under a camera whose card is a real ext4 file system; nothing certain may be lost.

A camera lives through recordings, a mark, a kill and a stop on a device that keeps a log
(`tests.campaign.blocklog`). From the log, states that a loss of power could have left are made for
seeded instants. On each, the file system is checked and mounted afresh, and a camera is started on
it, in what it must take for another boot. What was certain at that instant, by the syncs that had
succeeded, must be there byte by byte. And of all that ever reached the device nothing is in the
clear (`tests.campaign.plaintext`).

Needs root: file systems are mounted. Boot time goes on instead of beginning again at zero; all else
that tells boots apart is another.
"""

from __future__ import annotations

import json
import tempfile
import time
import uuid
from functools import partial
from pathlib import Path
from random import Random
from typing import Final

from tests.campaign import blocklog, blockstates, judging, lives, plaintext
from tests.campaign.checking import checked
from tests.campaign.lives import MINUTES, Life, Owed, lines_owed, lived, owed
from tests.campaign.table import Run, say
from tests.system import sealed
from tests.system.harness import body_camera, configuration, now_us, until

CUTS_PER_LIFE: Final = 5
LOST_SECONDS: Final = 1.0
_OTHER_BOOT: Final = (
    "unshare",
    "--mount",
    "sh",
    "-c",
    'mount --bind "$0" /proc/sys/kernel/random/boot_id && exec "$@"',
)


# ----------------------------------------------------------------------------------------- judging


def judge(run: Run, life: Life, cut: Path, at_us: int, directory: Path) -> None:
    """Start a camera on what the cut left, and judge it."""
    run.findings += checked(cut)
    promised = owed(life, at_us)
    mount = directory / "state" / "camerad"
    with blocklog.mounted(cut, mount):
        for one in promised:
            run.findings += _is_there(life.card, mount, "recordings/" + one.name, one.prefix)
        ready = _restarted(run, directory, mount)
        if ready:
            _judge_recordings(run, life, mount, at_us, promised)
            _judge_ledger(run, mount, lines_owed(life, at_us))
            run.findings += judging.verified(mount, life.key, (0, 1))


def _is_there(card: Path, mount: Path, name: str, size: int) -> list[str]:
    wanted = (card / name).read_bytes()[:size]
    try:
        found = (mount / name).read_bytes()[:size]
    except FileNotFoundError:
        return [f"{name} is not there; {size} bytes of it were certain"]
    if found == wanted:
        return []
    pairs = enumerate(zip(found, wanted, strict=False))
    same = next((at for at, (one, other) in pairs if one != other), len(found))
    return [f"{name} is another from byte {same} on; {size} bytes of it were certain"]


def _restarted(run: Run, directory: Path, mount: Path) -> bool:
    """A camera started on the card was ready without help; it has ended, its repairs are done."""
    config = configuration(directory, pre_event={"seconds": 2}, storage=MINUTES)
    boot = directory / "boot_id"
    boot.write_text(f"{uuid.uuid4()}\n")
    try:
        with body_camera(directory, config, prefix=(*_OTHER_BOOT, str(boot))) as camera:
            facts = json.loads((camera.state_dir / "sim.json").read_text())
            run.ready = (now_us() - facts["started_us"]) / 1e6
            if camera.state["stage"] != "idle":
                run.findings.append(f"after another boot it is in stage {camera.state['stage']}")
            for path in judging.recordings(mount / "recordings"):
                until(partial(judging.ended, path), 20, f"{path.name} is closed")
    except AssertionError as error:
        run.findings.append(f"restart: {error}")
        return False
    return True


def _judge_recordings(run: Run, life: Life, mount: Path, at_us: int, promised: list[Owed]) -> None:
    for one in promised:
        path = mount / "recordings" / one.name
        findings = _is_there(life.card, mount, f"recordings/{one.name}", one.prefix)
        run.findings += [f"after repair: {finding}" for finding in findings]
        if findings:
            continue
        film = judging.film(path, life.epoch_us, mount.parent)
        run.findings += film.findings
        run.missing += film.missing
        if film.commits < one.commits:
            run.findings.append(f"{one.name}: {one.commits} commits were certain")
        elif one.closed and film.reason != _reason(life, one.name):
            run.findings.append(f"{one.name}: was closed, and was recovered all the same")
        elif not one.closed and film.last_us is not None and _runs(life, one.name, at_us):
            run.lost = max(0.0, (at_us - film.last_us) / 1e6)
            if run.lost > LOST_SECONDS:
                run.findings.append(f"{one.name}: {run.lost:.2f} s are lost")


def _judge_ledger(run: Run, mount: Path, lines: dict[str, bytes]) -> None:
    for name, wanted in lines.items():
        file = next((mount / "ledger").glob(f"{name.removesuffix('.jws')}.*"), None)
        if file is None or not file.read_bytes().startswith(wanted):
            run.findings.append(f"ledger/{name}: entries that were certain are not there")


def _reason(life: Life, name: str) -> str | None:
    end = sealed.read(life.card / "recordings" / name).end
    return None if end is None else str(end["closing"]["reason"])


def _runs(life: Life, name: str, at_us: int) -> bool:
    """Whether the recording was to have pictures up to that instant: it ends later."""
    end = sealed.read(life.card / "recordings" / name).end
    return end is None or at_us < end["closing"]["at_us"]


# ---------------------------------------------------------------------------------------- campaign


def campaign(
    directory: Path, runs: int, seed: int, first: int = 1, *, lying: bool = False
) -> list[Run]:
    """So many losses of power, several for each life."""
    done: list[Run] = []
    number = first
    while len(done) < runs:
        number_of_life = (number - 1) // CUTS_PER_LIFE
        random = Random(f"{seed}/{number_of_life}")
        with (
            tempfile.TemporaryDirectory(dir=directory) as name,
            lived(Path(name), lives.MIXED, random, lying=lying) as life,
        ):
            say(f"life {number_of_life}: {(life.ended_us - life.began_us) / 1e6:.1f} s")
            workspace = Path(name) / "opened"
            workspace.mkdir()
            clear = plaintext.search(life.log, life.card, workspace)
            cut = _cuts(Path(name), life, random, number, runs - len(done))
            cut[0].findings += clear
            done += cut
        number = first + len(done)
    return done


def _cuts(directory: Path, life: Life, random: Random, first: int, most: int) -> list[Run]:
    log = blockstates.Log(life.log, life.image)
    instants = sorted(_instant(life, log, random) for _ in range(CUTS_PER_LIFE))
    done = []
    skipped = (first - 1) % CUTS_PER_LIFE
    for number, at_us in enumerate(instants[skipped : skipped + most], first):
        began = time.monotonic()
        run = Run(number, "power")
        with tempfile.TemporaryDirectory(dir=directory) as name:
            cut = Path(name) / "cut"
            issued = sum(one.at_us <= at_us for one in log.entries)
            state = blockstates.some(log.entries, issued, at_us, random)
            log.make(state, cut)
            seconds = (at_us - life.began_us) / 1e6
            open_ones = len(blockstates.volatile(log.entries, state.certain, issued))
            run.note = f"at {seconds:.2f} s, {len(state.kept)} of {open_ones} unflushed writes kept"
            judge(run, life, cut, at_us, Path(name))
        done.append(run)
        say(f"{run.line()}  ({time.monotonic() - began:.1f} s)")
    log.close()
    return done


def _instant(life: Life, log: blockstates.Log, random: Random) -> int:
    """Anywhere in the life, or, more often, while something is being written: a card that has
    nothing to do loses nothing."""
    writes = log.writes(life.began_us, life.ended_us)
    if writes and random.random() < 0.7:
        return random.choice(writes)
    return random.randint(life.began_us, life.ended_us)
