"""Power is lost while the office's file is taken over: both partitions of one card.

The FAT partition is read with mtools, and the start after the loss is made of production code.
Both partitions are checked before as the image's start checks them.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Final

from camerad import config
from camerad.base.clock import SECOND, ManualClock
from camerad.config.provisioning import NAME
from camerad.provisioning import signing
from camerad.provisioning.apply import ApplyOutcome, apply, camera_thumbprint
from camerad.provisioning.boot_partition import BootPartition as CommonCard
from camerad.provisioning.card_report import NAME as REPORT
from camerad.provisioning.provisioning_state import CONFIG, ProvisioningState
from camerad.provisioning.provisioning_status import PENDING, ProvisioningStatus, read_status
from camerad_image import layout
from camerad_image.rootfs import FILES
from tests.campaign import blocklog
from tests.campaign.blockstates import Entry, Log, State, states, torn_at
from tests.campaign.checking import checked
from tests.campaign.cut_provisioning import told_of
from tests.campaign.cut_states import Tally, fast_directory, promises, quick
from tests.campaign.lives import Life
from tests.campaign.logwrites import Part
from tests.campaign.table import say
from tests.crash.device import STATE, Device
from tests.crash.judge import LifeJudge
from tests.crash.workspace import Workspace
from tests.image.card import run
from tests.image.life import DEVICE, PASSPHRASE
from tests.image.power import CAMERAD, PROVISIONING, GuestLife, copy_part

_PROVISION: Final = "provision"
_ONE_CONTROL_PER: Final = 5
_COMMON: Final = layout.COMMON.size


def campaign(guest: GuestLife, count: int, seed: int) -> Tally:
    """So many states of the phase in which the office's file is taken over, and a fifth as many of
    a card that lies about its flushes."""
    tally = Tally(PROVISIONING, count)
    life = replace(guest.both, windows=guest.windows[PROVISIONING])
    with quick():
        honest = some_states(life, count, f"{seed}/{PROVISIONING}")
        torn = torn_at(_entries(life), _COMMON + blocklog.SUPERBLOCK_TORN, life.windows)
        honest = sorted([*honest, *torn], key=lambda one: (one.certain, one.issued, one.kept))
        for number, (state, log, found) in enumerate(_judged(guest, life, honest), 1):
            tally.count(state, log)
            for one in found:
                tally.findings.append(f"{PROVISIONING} {number}: {one}")
                say(f"  FINDING {tally.findings[-1]}")
        some = count // _ONE_CONTROL_PER
        # From when on something has been promised: before it, nothing can be missed.
        promised = replace(life, windows=guest.windows["retention"])
        lying = some_states(promised, some, f"{seed}/{PROVISIONING}/lying", drop=True)
        for _, _, found in _judged(guest, life, lying):
            tally.controls += 1
            tally.caught += any(not one.startswith("e2fsck") for one in found)
    return tally


def some_states(life: Life, count: int, seed: str, *, drop: bool = False) -> list[State]:
    return states(_entries(life), life.windows, count, Random(seed), drop=drop)


def _entries(life: Life) -> list[Entry]:
    log = Log(life.log, life.image)
    log.close()
    return log.entries


def _judged(
    guest: GuestLife, life: Life, made: list[State]
) -> Iterator[tuple[State, Log, list[str]]]:
    with fast_directory() as directory, fast_directory() as scratch:
        image = directory / "image"
        run("cp", "--sparse=always", life.image, image)
        log = Log(life.log, image)
        judge = LifeJudge(str(scratch), notes=True)
        for state in made:
            with log.made(state, directory) as both:
                found = _judge(guest, state.at_us, both, judge.fresh())
            yield state, log, found
        log.close()


def _judge(guest: GuestLife, at_us: int, both: Path, judge: LifeJudge) -> list[str]:
    """What is wrong after the next start, made of production code, on what is left of both."""
    data = both.with_name(f"{both.name}-data")
    found: list[str] = []
    try:
        copy_part(both, Part(_COMMON, both.stat().st_size - _COMMON), data)
        found += checked(data)
        found += check_common(both)
        for promise in promises(guest.life, at_us):
            judge.take(promise)
        whole, root = both.with_name("whole"), both.with_name("root")
        with (
            _common(both, both.with_name("common")) as boot,
            blocklog.mounted(data, whole),
            blocklog.bound(whole / CAMERAD, root / STATE),
            blocklog.bound(whole / _PROVISION, root / _PROVISION),
        ):
            tree = Workspace(str(root))
            before = tree.read()
            error = _raised(judge, root, boot)
            after = tree.read()
            found += judge.judge(before, after, error)
            if error is None:
                found += _set_up(root, boot)
                if [outcome for outcome, _ in told_of(after)] != ["applied"]:
                    found.append(f"the ledger says {told_of(after)}")
    except (subprocess.CalledProcessError, AssertionError) as failed:
        found.append(f"a partition cannot be read: {failed}")
    finally:
        data.unlink(missing_ok=True)
    return found


def check_common(both: Path) -> list[str]:
    """What the common partition's check leaves, called as the image's unit calls it."""
    unit = (FILES / "etc/systemd/system/camerad-check-common.service").read_text()
    (line,) = re.findall(r"^ExecStart=(.+) \S+$", unit, re.MULTILINE)
    done = subprocess.run([*line.split(), both], capture_output=True, text=True, check=False)
    again = subprocess.run(["fsck.vfat", "-n", both], capture_output=True, text=True, check=False)
    if done.returncode in (0, 1) and again.returncode == 0:
        return []
    return [f"fsck.vfat leaves it: {done.stdout}{done.stderr}{again.stdout}"]


@contextmanager
def _common(both: Path, place: Path) -> Iterator[Path]:
    """The files of the common partition, on another file system: its free room is overwritten."""
    place.mkdir(exist_ok=True)
    run("mount", "-t", "tmpfs", "-o", "size=72m", "tmpfs", place)
    try:
        run("mcopy", "-i", both, "-n", "::/*", place, MTOOLS_SKIP_CHECK="1")
        yield place
    finally:
        run("umount", place)


def _raised(judge: LifeJudge, root: Path, boot: Path) -> Exception | None:
    """What the next start raises."""
    clock = ManualClock(20 * SECOND, judge.expected.wall_us + 60 * SECOND)
    clock._boots = 1000  # a boot that is none of the life's
    provision = root / _PROVISION
    device = Device(str(root), clock, provision)
    try:
        outcome = apply(
            CommonCard(str(boot)),
            ProvisioningState(str(provision)),
            camera_thumbprint(str(root / STATE)),
        )
        if outcome not in (ApplyOutcome.APPLIED, ApplyOutcome.NOTHING):
            raise AssertionError(f"the office's file is {outcome}")
        device.start()
    except Exception as error:  # noqa: BLE001 - whatever it is, the judge is told
        return error
    finally:
        device.abandon()
    return None


def _set_up(root: Path, boot: Path) -> list[str]:
    """What is wrong with a camera on whose card the office's file was."""
    found = []
    on_card = {path.name for path in boot.iterdir()}
    if REPORT not in on_card or {NAME, signing.NAME} & on_card:
        found.append(f"on the FAT partition there are {sorted(on_card)}")
    provision = root / _PROVISION
    if (device := config.load(provision / CONFIG).device.id) != DEVICE:
        found.append(f"the camera is called {device}")
    if (provision / PENDING).exists():
        found.append("a decision is still being carried out")
    if (standing := read_status(provision)) is not ProvisioningStatus.PROVISIONED:
        found.append(f"the camera is {standing}")
    return found + [
        f"the passphrase stands in {path.name}"
        for path in (*boot.iterdir(), *provision.iterdir())
        if path.is_file() and PASSPHRASE.encode() in path.read_bytes()
    ]
