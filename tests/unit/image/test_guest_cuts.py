"""What losses of power under the image rest on, without starting it."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from types import ModuleType

from camerad.behaviour.update import UpdatePhase
from camerad_image import layout
from tests.campaign import logwrites
from tests.campaign.logwrites import Part
from tests.image import power_update
from tests.image.power import copy_part


def witness() -> ModuleType:
    path = Path(__file__).parents[2] / "image" / "layer" / "witness.py"
    spec = importlib.util.spec_from_file_location("witness", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_guest_writes_the_time_where_it_is_looked_for_and_no_partition_is() -> None:
    module = witness()
    assert (module.PLACE, module.WORD) == (logwrites.PLACE, logwrites.WORD)
    # Behind the table, and before the first partition, which begins at a multiple of this.
    assert module.PLACE >= 512
    assert module.PLACE + module.SECTOR <= layout.ALIGN


def test_a_part_of_a_disk_is_copied_with_its_holes(tmp_path: Path) -> None:
    disk, copy = tmp_path / "disk", tmp_path / "copy"
    with disk.open("wb") as file:
        file.truncate(64 << 20)
        for at, byte in ((4 << 20, b"a"), (20 << 20, b"b"), (32 << 20, b"c")):
            file.seek(at)
            file.write(byte * 4096)
    copy_part(disk, Part(8 << 20, 24 << 20), copy)
    copy_part(disk, Part(4 << 20, 4 << 20), copy, 24 << 20)
    wanted = bytearray(28 << 20)
    wanted[12 << 20 : (12 << 20) + 4096] = b"b" * 4096
    wanted[24 << 20 : (24 << 20) + 4096] = b"a" * 4096
    assert copy.read_bytes() == wanted
    assert os.stat(copy).st_blocks * 512 < 1 << 20


def test_what_was_told_of_an_update_is_known_by_the_journals_time() -> None:
    journal = """\
[    4.000001] camera kernel: random: crng init done
[  101.000200] camera camerad[7]: version 2 is installed into slot B
[ 1201.500000] camera camerad[9]: version 2 is tried: the machine starts anew
"""
    assert power_update.said(journal) == [
        (101_000_200, UpdatePhase.INSTALLING),
        (1_201_500_000, UpdatePhase.TRYING),
    ]


def test_the_partitions_of_a_state_lie_one_behind_the_other() -> None:
    places = [power_update.place(one) for one in power_update.PARTITIONS]
    sizes = [one.size for one in power_update.PARTITIONS]
    assert places == [0, *(at + size for at, size in zip(places, sizes, strict=True))][:-1]
    # Slot A runs: nothing of it is written to.
    assert {layout.BOOT_A, layout.ROOT_A} & set(power_update.PARTITIONS) == set()
