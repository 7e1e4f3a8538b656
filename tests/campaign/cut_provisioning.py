"""Power is lost while a camera is set up by a file: data partition and FAT partition of one card.

What `camerad provision apply` and the daemon's start write to the data partition goes through a
real ext4 file system onto a device that keeps a log. What they write to the card's FAT partition is
recorded call by call and cut by the model of the crash tests: at the same instant, with bytes lost
in any order, and with renamings that FAT does not do at once (``fs/fat/namei_vfat.c``: the new
entry and the removal of the old one are two writes, often to two sectors). The model promises less
than any FAT; a FUSE one would promise more, since it writes what it is told in that order.

After each cut the next start is made: `apply`, then the daemon's part. It must end as if the power
had never been lost, whenever it was: with this file taken over, or refused, and with every
recording and every entry of the ledger that was there.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Final

from camerad import config
from camerad.base.clock import SECOND, ManualClock
from camerad.config.provisioning import NAME
from camerad.container.keys import SigningKey
from camerad.provisioning import signing
from camerad.provisioning.apply import ApplyOutcome, apply, camera_thumbprint
from camerad.provisioning.boot_partition import BootPartition
from camerad.provisioning.card_report import NAME as REPORT
from camerad.provisioning.provisioning_state import CONFIG, ProvisioningState
from camerad.provisioning.provisioning_status import PENDING, ProvisioningStatus, read_status
from tests.campaign import blocklog
from tests.campaign.blockstates import Entry, Log, State, certain, some, volatile
from tests.campaign.checking import checked
from tests.campaign.cut_states import Tally, fast_directory, quick
from tests.campaign.lives import payload
from tests.campaign.table import say
from tests.crash.device import STATE, Device
from tests.crash.judge import LEDGER, LifeJudge
from tests.crash.model import Disk, Survey, Tree
from tests.crash.trace import Op, Promise, Recorder
from tests.crash.workspace import Workspace
from tests.system.harness import now_us
from tests.unit.provisioning.scene import OFFICE, SECRET, STRANGER, WIFI, document

_CARD_BYTES: Final = 160 << 20
"""So many that ext4 keeps a copy of its superblock: its groups have 128 MiB."""
_FAT_BYTES: Final = "1m"
_PROVISION: Final = "provision"
_ONE_CONTROL_PER: Final = 5
_TRIES: Final = 40
_MODEL: Final = (24, 8)
"""How many states of the FAT partition are looked at for one of the other's."""
_NEW_OFFICE: Final = SigningKey.generate()


@dataclass
class _Stage:
    """One file on the card, and what becomes of it. by: who signs it. holds: number of the file
    whose settings hold afterwards; told: what the ledger is to say in all, as (outcome, serial).
    before: the FAT partition with the file on it; writes: what was done there, each with the media
    time at which it had been done."""

    name: str
    content: bytes
    by: SigningKey
    language: str
    outcome: ApplyOutcome
    told: list[tuple[str, int | None]]
    began_us: int = 0
    ended_us: int = 0
    before: Tree = field(default_factory=Tree)
    numbers: dict[str, int] = field(default_factory=dict)
    writes: list[tuple[int, Op]] = field(default_factory=list)


class _TimedRecorder(Recorder):
    """Notes when each call had been made, too."""

    def __init__(self, root: str) -> None:
        super().__init__(root)
        self.at_us: list[int] = []

    def note(self, *arguments: Any, **more: Any) -> None:
        super().note(*arguments, **more)
        self.at_us.append(now_us())


@contextmanager
def _fat(directory: Path) -> Iterator[Path]:
    """An empty partition of its own size, so that its free room can be overwritten."""
    directory.mkdir(exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={_FAT_BYTES}", "tmpfs", str(directory)]
    subprocess.run(command, check=True)
    try:
        yield directory
    finally:
        subprocess.run(["umount", str(directory)], check=True)


def _start(root: Path, boot: Path, clock: ManualClock) -> tuple[ApplyOutcome, Device]:
    """What a camera's start does: first the file on the card, then the daemon."""
    provision = root / _PROVISION
    camera = camera_thumbprint(str(root / STATE))
    outcome = apply(BootPartition(str(boot)), ProvisioningState(str(provision)), camera)
    device = Device(str(root), clock, provision)
    device.start()
    return outcome, device


# -------------------------------------------------------------------------------------------- life


class _Life:
    """A camera that is set up five times. directory: an empty one, in memory."""

    def __init__(self, directory: Path, random: Random) -> None:
        self._directory = directory
        self._random = random
        self._clock = ManualClock(40 * SECOND, time.time_ns() // 1000)
        self._thumbprint = ""
        self.log = directory / "log.blocks"
        self.image = directory / "before"
        self.stages: list[_Stage] = []
        self.promises: list[tuple[int, Promise]] = []
        self.wall_us = 0

    def stage_at(self, at_us: int) -> _Stage | None:
        """The stage of an instant; None between two."""
        return next((one for one in self.stages if one.began_us <= at_us <= one.ended_us), None)

    def live(self) -> _Life:
        image = self._directory / "image"
        root, empty = self._directory / "life", self._directory / "empty"
        for name in (STATE, _PROVISION):
            (empty / name).mkdir(parents=True)
        blocklog.formatted(image, _CARD_BYTES, empty)
        subprocess.run(["cp", "--sparse=always", str(image), str(self.image)], check=True)
        with (
            blocklog.served(image, self._directory / "device", self.log) as disk,
            blocklog.mounted(disk, root),
            _fat(self._directory / "fat") as boot,
        ):
            self._stages(root, boot)
        self.wall_us = self._clock.wall_us()
        return self

    def _stages(self, root: Path, boot: Path) -> None:
        told: list[tuple[str, int | None]] = [("applied", 1)]
        self._set_up(root, boot, "first", document(1), OFFICE, "de", told)
        camera = self._thumbprint
        told = [*told, ("applied", 2)]
        english = f"{WIFI}language: en\n# {'x' * 9000}\n"
        content = document(2, english, camera=camera)
        self._set_up(root, boot, "later", content, OFFICE, "en", told)
        told = [*told, ("refused", None)]
        content = document(3, office=STRANGER, camera=camera)
        self._set_up(root, boot, "stranger's", content, STRANGER, "en", told, ApplyOutcome.REFUSED)
        told = [*told, ("applied", 4)]
        content = document(4, "language: de\n", camera=camera)
        self._set_up(root, boot, "mended", content, OFFICE, "de", told)
        told = [*told, ("reset", 5)]
        content = document(5, WIFI, office=_NEW_OFFICE, reset=camera)
        self._promise("keys lost", private=True)
        self._set_up(root, boot, "reset", content, _NEW_OFFICE, "de", told)

    def _set_up(  # noqa: PLR0917 - a row of a table
        self,
        root: Path,
        boot: Path,
        name: str,
        content: bytes,
        by: SigningKey,
        language: str,
        told: list[tuple[str, int | None]],
        outcome: ApplyOutcome = ApplyOutcome.APPLIED,
    ) -> None:
        """A file is put on the card, and the camera is started and used."""
        stage = _Stage(name, content, by, language, outcome, told)
        self.stages.append(stage)
        (boot / NAME).write_bytes(content)
        (boot / signing.NAME).write_bytes(signing.sign(by, content))
        stage.before = Workspace(str(boot)).read()
        recorder = _TimedRecorder(str(boot))
        stage.numbers = dict(recorder.numbers)
        stage.began_us = now_us()
        with recorder.recording():
            happened, device = _start(root, boot, self._clock)
        if happened is not outcome:
            raise AssertionError(f"{name}: {happened}")
        stage.writes = list(zip(recorder.at_us, recorder.ops, strict=True))
        self._thumbprint = device.thumbprint
        self._promise("identity", thumbprint=device.thumbprint)
        self._record(root, device)
        device.abandon()
        stage.ended_us = now_us()
        self._clock.reboot()
        self._clock.advance(40 * SECOND)

    def _record(self, root: Path, device: Device) -> None:
        """What was recorded must outlast what comes."""
        recording = device.record(self._random)
        recording.append(20_000)
        recording.stop()
        device.settle()
        path = f"{STATE}/recordings/{recording.id}.tar"
        self._promise("whole", path=path, data=(root / path).read_bytes())
        self._promise("head", directory=LEDGER, head=device.store.ledger.head)

    def _promise(self, kind: str, **facts: Any) -> None:
        self.promises.append((now_us(), Promise(kind, facts)))


# ----------------------------------------------------------------------------------------- judging


@dataclass(frozen=True)
class _Cut:
    """What is left of both partitions."""

    state: State
    stage: _Stage
    fat: Tree


def campaign(count: int, seed: int, first: int = 1) -> Tally:
    """So many states, from the number `first` on, and a fifth as many of a card that lies."""
    tally = Tally("provisioning", max(0, count - first + 1))
    with fast_directory() as directory, quick():
        life = _Life(directory, Random(seed)).live()
        log = Log(life.log, life.image)
        log.close()
        random = Random(f"{seed}/provisioning")
        honest = _cuts(life, log.entries, count, random)
        lying = _cuts(life, log.entries, count // _ONE_CONTROL_PER, random, drop=True)
        for number, (cut, found) in enumerate(_judged(life, honest[first - 1 :]), first):
            tally.count(cut.state, log)
            for one in found:
                tally.findings.append(f"provisioning {number}: {one}")
                say(f"  FINDING {tally.findings[-1]}")
        for _, found in _judged(life, lying):
            tally.controls += 1
            tally.caught += any("e2fsck" not in one for one in found)
    return tally


def _cuts(
    life: _Life, entries: list[Entry], count: int, random: Random, *, drop: bool = False
) -> list[_Cut]:
    """So many different ones, in the order in which they can be made: each just before something
    is written, to the data partition or, as often, to the other one. drop: flushes of the data
    partition did nothing; then just after something of the ledger was certain."""
    written = [one.at_us - 1 for one in entries]
    cleared = [at_us - 1 for stage in life.stages for at_us, _ in stage.writes]
    told = [at_us for at_us, promise in life.promises if promise.kind == "head"]
    found: dict[object, _Cut] = {}
    for _ in range(_TRIES * count):
        if len(found) >= count:
            break
        at_us = random.choice(told if drop else random.choice((written, cleared)))
        stage = life.stage_at(at_us)
        if stage is None:
            continue
        issued = sum(one.at_us <= at_us for one in entries)
        dropped = random.randint(2, 12) if drop else 0
        state = some(entries, issued, at_us, random, dropped=dropped)
        if drop and not volatile(entries, state.certain, certain(entries, issued)):
            continue
        fat = _fat_state(stage, at_us, random)
        found[state.certain, state.kept, fat.fingerprint()] = _Cut(state, stage, fat)
    return sorted(found.values(), key=lambda one: (one.state.certain, one.state.at_us))


def _fat_state(stage: _Stage, at_us: int, random: Random) -> Tree:
    """What the FAT partition may hold at that instant."""
    disk = Disk(stage.before, stage.numbers, atomic=False)
    for done_us, op in stage.writes:
        if done_us <= at_us:
            disk.apply(op)
    return random.choice(list(disk.states(*_MODEL, random, Survey())))


def _judged(life: _Life, cuts: list[_Cut]) -> Iterator[tuple[_Cut, list[str]]]:
    with fast_directory() as directory, fast_directory() as scratch:
        image = directory / "image"
        subprocess.run(["cp", "--sparse=always", str(life.image), str(image)], check=True)
        log = Log(life.log, image)
        judge = LifeJudge(str(scratch))
        for cut in cuts:
            with log.made(cut.state, directory) as left:
                found = _judge(life, cut, left, judge)
            yield cut, [f"{cut.stage.name}: {one}" for one in found]
        log.close()


def _judge(life: _Life, cut: _Cut, left: Path, before_it: LifeJudge) -> list[str]:
    found = checked(left)
    root, judge = left.with_name("root"), before_it.fresh()
    for promised_us, promise in life.promises:
        if promised_us <= cut.state.at_us:
            judge.take(promise)
    try:
        with blocklog.mounted(left, root), _fat(left.with_name("fat")) as boot:
            Workspace(str(boot)).show(cut.fat)
            before = Workspace(str(root)).read()
            error = _raised(life, root, boot)
            after = Workspace(str(root)).read()
            found += judge.judge(before, after, error)
            if error is None:
                found += _set_up_as(cut.stage, root, boot, after)
    except subprocess.CalledProcessError as failed:
        found.append(f"the file system cannot be mounted: {failed}")
    return found


def _raised(life: _Life, root: Path, boot: Path) -> Exception | None:
    """What the next start raises."""
    clock = ManualClock(20 * SECOND, life.wall_us + 60 * SECOND)
    clock._boots = 1000  # a boot that is none of the life's
    try:
        _start(root, boot, clock)
    except Exception as error:  # noqa: BLE001 - whatever it is, the judge is told
        return error
    finally:
        Device(str(root), clock).abandon()
    return None


def _set_up_as(stage: _Stage, root: Path, boot: Path, after: Tree) -> list[str]:
    """What is wrong with a camera that was started with this file on its card."""
    found = []
    refused = stage.outcome is ApplyOutcome.REFUSED
    on_card = {path.name for path in boot.iterdir()}
    wanted = {REPORT, NAME, signing.NAME} if refused else {REPORT}
    if on_card != wanted:
        found.append(f"on the FAT partition there are {sorted(on_card)}")
    provision = root / _PROVISION
    language = config.load(provision / CONFIG).self_view.language
    if language != stage.language:
        found.append(f"the settings are those of another file: {language}")
    if (provision / PENDING).exists():
        found.append("a decision is still being carried out")
    standing = read_status(provision)
    if standing is not (ProvisioningStatus.REFUSED if refused else ProvisioningStatus.PROVISIONED):
        found.append(f"the camera is {standing}")
    told = told_of(after)
    if told != stage.told:
        found.append(f"the ledger says {told}, not {stage.told}")
    return found + [
        f"the passphrase stands in {path.name}"
        for path in (*boot.iterdir(), *provision.iterdir())
        if SECRET.encode() in path.read_bytes()
    ]


def told_of(after: Tree) -> list[tuple[str, int | None]]:
    """What the ledger says of files, without what it says twice."""
    said: list[tuple[str, int | None]] = []
    epochs = (p for p in after.files if p.startswith(LEDGER) and p.endswith(".jws"))
    for path in sorted(epochs):
        lines = after.files[path].data.rstrip(b"\0").splitlines()
        for one in (payload(line) for line in lines if line.count(b".") == 2):
            if one["kind"] == "provisioned":
                told = one["facts"]["outcome"], one["facts"]["serial"]
                if told not in said[-1:]:
                    said.append(told)
    return said
