"""The data partition takes the rest of the card: the image's own program, under another kernel."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from camerad_image.rootfs import FILES
from tests.unit import other_kernel

pytestmark = pytest.mark.campaign

GROW = FILES / "usr/lib/camerad/grow"
ROOM = 64 << 20
TABLE = """\
label: dos
/dev/disk1 : start=2048, size=8192, type=c
/dev/disk4 : start=16384, size=16384, type=5
/dev/disk5 : start=18432, size=14336, type=83
"""


def test_the_machine_starts_anew_for_a_table_that_has_changed_and_for_no_other(
    tmp_path: Path,
) -> None:
    if lacking := other_kernel.missing():
        pytest.skip(lacking)
    disk, asked = tmp_path / "disk", tmp_path / "systemctl"
    with disk.open("wb") as file:
        file.truncate(ROOM)
    subprocess.run(["sfdisk", "--quiet", disk], input=TABLE, text=True, check=True)
    asked.write_text('#!/bin/sh\necho "asked: $*"\n')
    asked.chmod(0o755)
    here = other_kernel.SCRATCH
    grow = f"PATH={here}:$PATH sh {GROW} /dev/loop0p5 2>&1 || echo code: $?"
    said = other_kernel.run(
        [
            # Where it can be written to.
            f"mkdir /run/card; mount -t hostfs -o hostfs={tmp_path} card /run/card",
            "losetup --partscan /dev/loop0 /run/card/disk",
            grow,
            # What this kernel knows of the partition is as before: as where it cannot be larger.
            grow,
            "losetup --detach /dev/loop0; losetup --partscan /dev/loop0 /run/card/disk",
            'echo "sectors: $(cat /sys/class/block/loop0p5/size)"',
            grow,
            *other_kernel.end(),
        ],
        tmp_path,
    )
    assert said.count("asked: reboot --force") == 1, said
    assert said.count("cannot say more") == 1, said
    assert "code: " not in said, said
    # To the end of the disk, which is whole MiB.
    assert f"sectors: {ROOM // 512 - 18432}" in said, said
