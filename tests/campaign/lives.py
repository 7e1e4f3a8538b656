"""Lives of a camera on a device that keeps a log, and what was certain of them at any instant.

Each life is one run of the simulated camera; what it is about are its windows. It is kept in a
directory, so that any number of states can be made of it later.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from random import Random
from typing import Any, Final

from camerad.base.clock import DAY, SECOND, ManualClock
from tests.campaign import blocklog, judging
from tests.crash.device import STATE, Device
from tests.system import sealed
from tests.system.harness import BodyCamera, body_camera, configuration, now_us, until

LYING_SECONDS: Final = 3600.0
_FACTS: Final = "life.json"
_BLOCK: Final = 512
MINUTES: Final = {"low_minutes": 1.0, "full_minutes": 0.5}
"""Of the storage settings: the device is small."""
_CLOSINGS: Final = 9
_BEFORE_US, _AFTER_US = 100_000, 300_000
_EXPIRED, _YOUNG = 24, 6
_DAYS_OVER: Final = 5
"""How long ago what has expired was to be deleted: the camera lay in a drawer."""

Window = tuple[int, int]


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
    """What a camera did. directory: has what is kept of it. syncs: (media time at which it
    returned, file below the card), by time. windows: what it is about. wall_us: what wall time was
    ahead of media time. boot_id: of the machine. due: recordings that had to be deleted; kept:
    others that were there at the beginning. inside: folder of the device's file system that is the
    camera's state directory; "": all of it is."""

    directory: Path
    syncs: list[tuple[int, str]]
    epoch_us: int
    began_us: int
    ended_us: int
    windows: list[Window]
    wall_us: int
    boot_id: str
    due: list[str]
    kept: list[str]
    inside: str = ""

    @property
    def log(self) -> Path:
        """What reached the device, on top of `image`."""
        return self.directory / "log.blocks"

    @property
    def image(self) -> Path:
        """The device's content before."""
        return self.directory / "before"

    @property
    def card(self) -> Path:
        """Its files as they were at the end."""
        return self.directory / "card"

    @property
    def key(self) -> Path:
        """The device's public key."""
        return self.directory / "device.jwk"

    def synced(self, name: str, at_us: int) -> list[int]:
        """When syncs of a file had succeeded, up to an instant."""
        return [one for one, path in self.syncs if path == name and one <= at_us]

    def save(self) -> None:
        """Keep what is not a file yet."""
        facts = {name: value for name, value in vars(self).items() if name != "directory"}
        (self.directory / _FACTS).write_text(json.dumps(facts))


def load(directory: Path) -> Life | None:
    """The life that was kept there; None if there is none."""
    try:
        facts = json.loads((directory / _FACTS).read_text())
    except FileNotFoundError:
        return None
    for name in ("syncs", "windows"):
        facts[name] = [tuple(one) for one in facts[name]]
    return Life(directory, **facts)


@dataclass(frozen=True)
class Script:
    """live: what happens, returns its windows; the card is given too, for what can be seen there.
    seed: what is on the card before, returns (due, kept). size: of the card, bytes."""

    live: Callable[[BodyCamera, Path, Random], list[Window]]
    seed: Callable[[Path, Random], tuple[list[str], list[str]]] | None = None
    size: int = 192 << 20


@contextmanager
def lived(
    directory: Path, script: Script, random: Random, *, lying: bool = False
) -> Iterator[Life]:
    """A life of a camera, over before this yields."""
    config = configuration(directory, pre_event={"seconds": 2}, storage=MINUTES)
    image = directory / "image"
    before = directory / "seeded"
    (before / STATE).mkdir(parents=True)
    due, kept = ([], []) if script.seed is None else script.seed(before, random)
    blocklog.formatted(image, script.size, before / STATE)
    subprocess.run(["cp", "--sparse=always", str(image), str(directory / "before")], check=True)
    mount = directory / "state" / "camerad"
    with ExitStack() as parts:
        disk = parts.enter_context(
            blocklog.served(image, directory / "device", directory / "log.blocks")
        )
        parts.enter_context(blocklog.mounted(disk, mount))
        began_us = now_us()
        with body_camera(directory, config) as camera:
            if script.seed is None:
                # What was made at the first start is not what this is about.
                os.sync()
                began_us = now_us()
            judging.device_key(mount, directory / "device.jwk")
            if lying:
                camera.fault("disk_lies", LYING_SECONDS)
            windows = script.live(camera, mount, random)
            ended_us = now_us()
            reports = camera.ask("GET", "/api/reports").body
            epoch_us = camera.epoch_us
        root = os.path.realpath(mount)
        syncs = [
            (one["at_us"], os.path.relpath(one["synced"], root))
            for one in reports
            if "synced" in one
        ]
        lost_and_found = shutil.ignore_patterns("lost+found")
        shutil.copytree(mount, directory / "card", ignore=lost_and_found)
    image.unlink()
    wall_us = time.time_ns() // 1000 - now_us()
    life = Life(
        *(directory, sorted(syncs), epoch_us, began_us, ended_us),
        *(windows, wall_us, _boot_id(), due, kept),
    )
    life.save()
    yield life


def _boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


# ----------------------------------------------------------------------------------------- scripts


def _mixed(camera: BodyCamera, _: Path, random: Random) -> list[Window]:
    """Two recordings: one with a mark and a stop, one that is killed and goes on."""
    began_us = now_us()
    camera.press("main", 1.2)
    camera.wait(stage="recording")
    camera.pass_time(random.uniform(0.5, 1.5))
    camera.press("main", 0.1)
    camera.pass_time(random.uniform(0.2, 1.5))
    camera.stop()
    camera.press("main", 1.2)
    camera.wait(stage="recording")
    camera.pass_time(random.uniform(0.5, 1.5))
    first = camera.state["recording"]
    reply = camera.ask("POST", "/api/fault", {"name": "daemon_killed", "seconds": 0.1})
    assert reply.status == 200, reply

    def goes_on() -> bool:
        recording = camera.state["recording"]
        return bool(recording and recording["id"] and recording["id"] != (first or {}).get("id"))

    until(goes_on, 20, "the recording goes on")
    camera.pass_time(random.uniform(1.0, 3.0))
    return [(began_us, now_us())]


def _recording(camera: BodyCamera, card: Path, random: Random) -> list[Window]:
    """Three recordings, with marks; the second begins before the press."""
    windows = []
    for seconds, buffered in ((4.0, False), (7.0, True), (4.0, False)):
        if buffered:
            camera.press("main", 0.1)
            camera.wait(stage="self_view")
            camera.pass_time(2.5)
        began_us = camera.press("main", 0.1 if buffered else 1.2)["down_us"]
        camera.wait(stage="recording")
        camera.pass_time(random.uniform(0.5, 1.0) * seconds)
        camera.press("main", 0.1)
        camera.pass_time(random.uniform(0.2, 0.5) * seconds)
        camera.stop()
        name = judging.recordings(card / "recordings")[-1].stem
        windows.append((began_us, ended_at(card, name)))
    return windows


def _closing(camera: BodyCamera, card: Path, random: Random) -> list[Window]:
    """Short recordings, for the sake of their ends."""
    windows = []
    for _ in range(_CLOSINGS):
        camera.press("main", 1.2)
        camera.wait(stage="recording")
        camera.pass_time(random.uniform(0.2, 0.8))
        camera.stop()
        name = judging.recordings(card / "recordings")[-1].stem
        ended_us = ended_at(card, name)
        closed_us = until(partial(closed_at, card, name), 10, f"the ledger closes {name}")
        windows.append((ended_us - _BEFORE_US, closed_us + _AFTER_US))
    camera.pass_time(_AFTER_US / 1e6)
    return windows


def ended_at(card: Path, recording: str) -> int:
    """When a recording that was stopped ended."""
    end = sealed.read(card / "recordings" / f"{recording}.tar").end
    assert end is not None, f"{recording} was stopped and has no end"
    at_us: int = end["closing"]["at_us"]
    return at_us


def closed_at(card: Path, recording: str) -> int | None:
    """When the ledger said that a recording was closed."""
    for path in (card / "ledger").glob("*.jws"):
        for line in path.read_bytes().splitlines():
            said = payload(line)
            if said["kind"] == "closed" and said["facts"]["id"] == recording:
                return int(said["clock"]["boot_us"])
    return None


def _retention(camera: BodyCamera, card: Path, _: Random) -> list[Window]:
    """What has expired is deleted, while something is recorded."""
    camera.press("main", 1.2)
    camera.wait(stage="recording")
    recordings = card / "recordings"

    def gone() -> bool:
        return len(judging.recordings(recordings)) <= _YOUNG + 2

    until(gone, 90, "what has expired is deleted")
    camera.pass_time(1.0)
    camera.stop()
    return [(0, now_us())]  # it begins with the start


def seeded(root: Path, random: Random) -> tuple[list[str], list[str]]:
    """A store in which most has expired, and one of that is held."""
    clock = ManualClock(40 * SECOND, time.time_ns() // 1000)
    days = Device(str(root), clock).settings.policy.retention_days
    clock.step_wall(-(days + _DAYS_OVER) * DAY - 12 * 3600 * SECOND)
    expired = list[str]()

    def record(count: int) -> list[str]:
        """On a day, in a boot."""
        device = Device(str(root), clock)
        device.start()
        found = []
        for _ in range(count):
            recording = device.record(random)
            for _ in range(random.randint(1, 3)):
                recording.append(random.choice((2_000, 60_000)))
            recording.stop()
            device.settle()
            clock.advance(600 * SECOND)
            found.append(recording.id)
        device.abandon()
        return found

    for _ in range(_DAYS_OVER - 1):
        expired += record(_EXPIRED // (_DAYS_OVER - 1))
        clock.reboot()
        clock.advance(20 * 3600 * SECOND)
    clock.advance((days - _DAYS_OVER) * DAY)
    clock.reboot()
    clock.advance(40 * SECOND)
    device = Device(str(root), clock)
    device.start()
    held = expired.pop()
    device.ask(lambda store: store.hold(held, "a complaint", "the desk"))
    device.abandon()
    return expired, [*record(_YOUNG), held]


MIXED: Final = Script(_mixed, size=512 << 20)
SCRIPTS: Final = {
    "recording": Script(_recording),
    "closing": Script(_closing),
    "retention": Script(_retention, seeded),
}


# -------------------------------------------------------------------------------- what was certain


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
        if count < 2:
            continue
        read = read_once(path)
        commits = min(count - 1, len(read.commits))
        if commits < 1:
            continue
        closed = read.end is not None and count >= len(read.commits) + 2
        prefix = path.stat().st_size if closed else _commit_ends(path)[commits - 1]
        until_us = read.commits[commits - 1]["facts"]["end_us"]
        found.append(Owed(path.name, prefix, commits, closed, until_us))
    return found


@lru_cache(maxsize=64)
def read_once(path: Path) -> sealed.Recording:
    """A recording that does not change any more."""
    return sealed.read(path)


@lru_cache(maxsize=64)
def _commit_ends(path: Path) -> list[int]:
    """Where each commit's member ends in the file."""
    ends, offset = [], 0
    for name, content in sealed.members(path):
        offset += _BLOCK + -(-len(content) // _BLOCK) * _BLOCK
        if name.endswith(".jws") and name.removesuffix(".jws").isdecimal():
            ends.append(offset)
    return ends


def lines_owed(life: Life, at_us: int) -> dict[str, bytes]:
    """Entries of the ledger that were certain: made before the last sync that had succeeded."""
    found = {}
    for path in sorted((life.card / "ledger").glob("*.jws")):
        syncs = life.synced(f"ledger/{path.name}", at_us)
        if not syncs:
            continue
        lines = b""
        for line in path.read_bytes().splitlines(keepends=True):
            said = payload(line)
            if said["boot_id"] != life.boot_id or said["clock"]["boot_us"] < syncs[-1]:
                lines += line
        found[path.name] = lines
    return found


def payload(token: bytes) -> dict[str, Any]:
    """What a statement says."""
    middle = token.split(b".")[1]
    said: dict[str, Any] = json.loads(base64.urlsafe_b64decode(middle + b"=" * (-len(middle) % 4)))
    return said
