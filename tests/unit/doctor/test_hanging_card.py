"""The doctor comes to an end on a card that hangs for good, under a kernel that has one."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import sys
from pathlib import Path

import pytest
import yaml

from tests.unit import other_kernel
from tests.unit.doctor.office import PUBLIC


@pytest.mark.campaign
def test_the_command_ends_while_the_card_hangs_so_that_no_signal_helps(tmp_path: Path) -> None:
    """A file system that is frozen holds whoever writes in state D (FIFREEZE, ioctl_list(2))."""
    if lacking := other_kernel.missing():
        pytest.skip(lacking)
    for program in ("mke2fs", "fsfreeze"):
        if shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin:/sbin") is None:
            pytest.skip(f"{program} is not installed")
    document = {
        "policy": "generic",
        "recipients": [PUBLIC],
        "device": {"id": "c7", "state_dir": "/tmp/card", "runtime_dir": "/tmp/run"},  # noqa: S108
    }
    (tmp_path / "camerad.yaml").write_text(yaml.safe_dump(document))
    config = f"{other_kernel.SCRATCH}/camerad.yaml"
    doctor = [sys.executable, "-m", "camerad", "doctor", "--config", config]
    said = other_kernel.run(
        [
            "mkdir /tmp/card; truncate -s 32M /tmp/image; mke2fs -q /tmp/image",
            "mount -o loop /tmp/image /tmp/card; mkdir /tmp/card/recordings",
            "fsfreeze -f /tmp/card",
            f"cd {shlex.quote(str(Path(__file__).parents[3]))}",
            f"{shlex.join(doctor)} --only space,card --json",
            "echo ended: $?",
            "echo states: $(cat /proc/[0-9]*/stat | grep '(python' | cut -d' ' -f3)",
            *other_kernel.end(),
        ],
        tmp_path,
    )
    report = re.search(r'\{"version".*\}', said)
    assert report is not None, said
    results = {one["check"]: one["finding"] for one in json.loads(report[0])["results"]}
    # To be read it does not have to be written to.
    assert (results["space"], results["card"]) == ("space_full", "no_answer")
    assert "ended: 1" in said
    assert "states: D" in said, "or nothing has hung"
