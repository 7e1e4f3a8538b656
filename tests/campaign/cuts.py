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

import base64
import json
import os
import shutil
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, Final

from tests.campaign import blocklog, judging, plaintext
from tests.campaign.table import Run, say
from tests.system import sealed
from tests.system.harness import BodyCamera, body_camera, configuration, now_us, until

CARD_BYTES: Final = 512 << 20
CUTS_PER_LIFE: Final = 5
LOST_SECONDS: Final = 1.0
LYING_SECONDS: Final = 3600.0
_LIFE_SECONDS: Final = 1.5
_BLOCK: Final = 512
_MINUTES: Final = {"low_minutes": 1.0, "full_minutes": 0.5}
_OTHER_BOOT: Final = (
    "unshare",
    "--mount",
    "sh",
    "-c",
    'mount --bind "$0" /proc/sys/kernel/random/boot_id && exec "$@"',
)
_HARMLESS: Final = ("recovering journal", "Pass ", "Free blocks count wrong", "Fix? yes", "files (")
_HARMLESS_TOO: Final = ("Free inodes count wrong", "FILE SYSTEM WAS MODIFIED", "Clearing orphaned")


def possible() -> str | None:
    """Why file systems cannot be mounted here; None if they can."""
    if os.geteuid() != 0:
        return "only root may mount file systems"
    missing = [
        name
        for name in ("mount", "umount", "mkfs.ext4", "e2fsck", "unshare")
        if shutil.which(name, path=f"{os.environ.get('PATH', '')}:/sbin:/usr/sbin") is None
    ]
    if missing:
        return f"not installed: {', '.join(missing)}"
    if not os.path.exists("/dev/fuse") or not os.path.exists("/dev/loop-control"):
        return "this kernel has no FUSE or no loop devices"
    return None


@dataclass(frozen=True)
class Life:
    """What a camera did. card: its files as they were at the end; log: what reached the device, on
    top of `image`; syncs: (media time at which it returned, file below the card), by time."""

    log: Path
    image: Path
    card: Path
    key: Path
    syncs: list[tuple[int, str]]
    epoch_us: int
    began_us: int
    ended_us: int

    def synced(self, name: str, at_us: int) -> list[int]:
        """When syncs of a file had succeeded, up to an instant."""
        return [one for one, path in self.syncs if path == name and one <= at_us]


@contextmanager
def lived(directory: Path, random: Random, *, lying: bool) -> Iterator[Life]:
    """A life of a camera, over before this yields."""
    config = configuration(directory, pre_event={"seconds": 2}, storage=_MINUTES)
    image, log = directory / "image", directory / "log.blocks"
    blocklog.formatted(image, CARD_BYTES)
    before = directory / "before"
    subprocess.run(["cp", "--sparse=always", str(image), str(before)], check=True)
    mount = directory / "state" / "camerad"
    card = directory / "card"
    with ExitStack() as parts:
        disk = parts.enter_context(blocklog.served(image, directory / "device", log))
        parts.enter_context(blocklog.mounted(disk, mount))
        with body_camera(directory, config) as camera:
            # What was made at the first start is not what this is about.
            os.sync()
            key = judging.device_key(mount, directory / "device.jwk")
            if lying:
                camera.fault("disk_lies", LYING_SECONDS)
            began_us = now_us()
            _live(camera, random)
            ended_us = now_us()
            reports = camera.ask("GET", "/api/reports").body
            epoch_us = camera.epoch_us
        root = os.path.realpath(mount)
        syncs = [
            (one["at_us"], os.path.relpath(one["synced"], root))
            for one in reports
            if "synced" in one
        ]
        shutil.copytree(mount, card, ignore=shutil.ignore_patterns("lost+found"))
    image.unlink()
    yield Life(log, before, card, key, sorted(syncs), epoch_us, began_us, ended_us)


def _live(camera: BodyCamera, random: Random) -> None:
    """Two recordings: one with a mark and a stop, one that is killed and goes on."""
    camera.press("main", 1.2)
    camera.wait(stage="recording")
    camera.pass_time(random.uniform(0.5, _LIFE_SECONDS))
    camera.press("main", 0.1)
    camera.pass_time(random.uniform(0.2, _LIFE_SECONDS))
    camera.stop()
    camera.press("main", 1.2)
    camera.wait(stage="recording")
    camera.pass_time(random.uniform(0.5, _LIFE_SECONDS))
    first = camera.state["recording"]
    reply = camera.ask("POST", "/api/fault", {"name": "daemon_killed", "seconds": 0.1})
    assert reply.status == 200, reply

    def goes_on() -> bool:
        recording = camera.state["recording"]
        return bool(recording and recording["id"] and recording["id"] != (first or {}).get("id"))

    until(goes_on, 20, "the recording goes on")
    camera.pass_time(random.uniform(1.0, 2 * _LIFE_SECONDS))


# ------------------------------------------------------------------------------------ what is owed


@dataclass(frozen=True)
class Owed:
    """What was certain of a recording at an instant. prefix: so many bytes of its file. closed: its
    end was, too. until_us: media time up to which there are pictures in it."""

    name: str
    prefix: int
    commits: int
    closed: bool
    until_us: int


def owed(life: Life, at_us: int) -> list[Owed]:
    """What was certain of every recording. The first sync of its file is that of the header, each
    later one that of a commit, then perhaps that of an end."""
    found = []
    for path in judging.recordings(life.card / "recordings"):
        count = len(life.synced(f"recordings/{path.name}", at_us))
        read = sealed.read(path)
        commits = min(count - 1, len(read.commits))
        if commits < 1:
            continue
        closed = read.end is not None and count >= len(read.commits) + 2
        prefix = path.stat().st_size if closed else _commit_ends(path)[commits - 1]
        until_us = read.commits[commits - 1]["facts"]["end_us"]
        found.append(Owed(path.name, prefix, commits, closed, until_us))
    return found


def _commit_ends(path: Path) -> list[int]:
    """Where each commit's member ends in the file."""
    ends, offset = [], 0
    for name, content in sealed.members(path):
        offset += _BLOCK + -(-len(content) // _BLOCK) * _BLOCK
        if name.endswith(".jws") and name.removesuffix(".jws").isdecimal():
            ends.append(offset)
    return ends


def _lines_owed(life: Life, at_us: int) -> dict[str, bytes]:
    """Entries of the ledger that were certain: made before the last sync that had succeeded."""
    found = {}
    for path in sorted((life.card / "ledger").glob("*.jws")):
        syncs = life.synced(f"ledger/{path.name}", at_us)
        if not syncs:
            continue
        lines = b""
        for line in path.read_bytes().splitlines(keepends=True):
            if _payload(line)["clock"]["boot_us"] < syncs[-1]:
                lines += line
        found[path.name] = lines
    return found


def _payload(token: bytes) -> dict[str, Any]:
    middle = token.split(b".")[1]
    said: dict[str, Any] = json.loads(base64.urlsafe_b64decode(middle + b"=" * (-len(middle) % 4)))
    return said


# ----------------------------------------------------------------------------------------- judging


def judge(run: Run, life: Life, cut: Path, at_us: int, directory: Path) -> None:
    """Start a camera on what the cut left, and judge it."""
    run.findings += _checked(cut)
    promised = owed(life, at_us)
    mount = directory / "state" / "camerad"
    with blocklog.mounted(cut, mount):
        for one in promised:
            run.findings += _is_there(life.card, mount, "recordings/" + one.name, one.prefix)
        ready = _restarted(run, directory, mount)
        if ready:
            _judge_recordings(run, life, mount, at_us, promised)
            _judge_ledger(run, mount, _lines_owed(life, at_us))
            run.findings += judging.verified(mount, life.key, (0, 1))


def _checked(cut: Path) -> list[str]:
    """The file system is as a journal leaves it, or can be made so by replaying that alone."""
    done = subprocess.run(["e2fsck", "-fy", str(cut)], capture_output=True, text=True, check=False)
    harmless = (*_HARMLESS, *_HARMLESS_TOO)
    odd = [
        line
        for line in done.stdout.splitlines()
        if line.strip() and not any(word in line for word in harmless)
    ]
    if done.returncode > 1 or odd:
        return [f"e2fsck ends with {done.returncode}: {odd}"]
    again = subprocess.run(["e2fsck", "-fn", str(cut)], capture_output=True, check=False)
    return [f"e2fsck ends with {again.returncode} the second time"] if again.returncode else []


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
    config = configuration(directory, pre_event={"seconds": 2}, storage=_MINUTES)
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
            lived(Path(name), random, lying=lying) as life,
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
    log = blocklog.Log(life.log, life.image)
    instants = sorted(_instant(life, log, random) for _ in range(CUTS_PER_LIFE))
    done = []
    skipped = (first - 1) % CUTS_PER_LIFE
    for number, at_us in enumerate(instants[skipped : skipped + most], first):
        began = time.monotonic()
        run = Run(number, "power")
        with tempfile.TemporaryDirectory(dir=directory) as name:
            cut = Path(name) / "cut"
            state = log.cut(at_us, random, cut)
            seconds = (at_us - life.began_us) / 1e6
            run.note = f"at {seconds:.2f} s, {state.kept} of {state.volatile} unflushed writes kept"
            judge(run, life, cut, at_us, Path(name))
        done.append(run)
        say(f"{run.line()}  ({time.monotonic() - began:.1f} s)")
    log.close()
    return done


def _instant(life: Life, log: blocklog.Log, random: Random) -> int:
    """Anywhere in the life, or, more often, while something is being written: a card that has
    nothing to do loses nothing."""
    writes = log.writes(life.began_us, life.ended_us)
    if writes and random.random() < 0.7:
        return random.choice(writes)
    return random.randint(life.began_us, life.ended_us)
