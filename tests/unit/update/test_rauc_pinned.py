"""RAUC reads the file that was there when it was looked at, whatever its name means meanwhile."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from camerad.behaviour.update import Offer
from camerad.update.errors import BundleRefusedError
from camerad.update.rauc import Rauc

SAID = '{"compatible": "camerad", "version": "1.0.0"}'


@pytest.fixture
def rauc(tmp_path: Path) -> Rauc:
    """Exchanges the bundle for a pipe that nobody writes to, and then says what the file says that
    it was given."""
    program = tmp_path / "rauc"
    program.write_text(
        "#!/bin/sh\n"
        f'mv "{tmp_path}/x.raucb" "{tmp_path}/away" && mkfifo "{tmp_path}/x.raucb"\n'
        'for last do :; done\nexec timeout 5 cat "$last"\n'
    )
    program.chmod(0o755)
    return Rauc("/nowhere", str(program))


def test_a_bundle_that_is_exchanged_for_a_pipe_holds_nobody_up(tmp_path: Path, rauc: Rauc) -> None:
    bundle = tmp_path / "x.raucb"
    bundle.write_text(SAID)
    assert rauc.info(str(bundle)) == Offer("camerad", "1.0.0")


def test_a_pipe_is_no_bundle(tmp_path: Path, rauc: Rauc) -> None:
    os.mkfifo(tmp_path / "x.raucb")
    with pytest.raises(BundleRefusedError, match="no plain file"):
        rauc.info(str(tmp_path / "x.raucb"))
