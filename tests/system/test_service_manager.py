"""What the units do with a real systemd: which end of the daemon leads to what.

The daemon's place is taken by a shell script, except in the last test, where it is the daemon.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from camerad.errors import EX_REBOOT, EX_SOFTWARE
from tests.system.service_manager import POWERED_OFF, REBOOTED, Machine, machine

pytestmark = [pytest.mark.system, pytest.mark.patient]


@pytest.fixture
def board(tmp_path: Path) -> Iterator[Machine]:
    with machine(tmp_path) as made:
        yield made


def daemon(board: Machine, script: str) -> None:
    """Have the daemon be this script; $n is which run of it this is, from 1."""
    program = board.installed / "opt/camerad/bin/camerad"
    program.parent.mkdir(parents=True)
    counted = "n=$(($(cat /run/camerad/n 2>/dev/null || echo 0) + 1)); echo $n >/run/camerad/n\n"
    program.write_text(f"#!/bin/sh\n{counted}systemd-notify --ready\n{script}\n")
    program.chmod(0o755)
    # systemd-notify is a process of its own.
    board.drop_in("camerad.service", "[Service]\nNotifyAccess=all\n")


def test_a_crash_starts_the_daemon_again_and_its_word_alone_reboots(board: Machine) -> None:
    daemon(
        board,
        f"""case $n in
            1) exit {EX_SOFTWARE} ;;
            2) kill -KILL $$ ;;
            3) exit 0 ;;
            *) exit {EX_REBOOT} ;;
        esac""",
    )
    board.boot()
    assert board.ended() == REBOOTED
    assert board.said.count("Scheduled restart job") == 3
    assert f"status={EX_REBOOT}" in board.said


def test_what_the_daemon_leaves_in_power_off_switches_the_machine_off(board: Machine) -> None:
    daemon(board, "echo 'the battery is empty' >/run/camerad/power-off")
    board.boot()
    assert board.ended() == POWERED_OFF
    # It has not been started again.
    assert "Started camerad.service" not in board.said.split("camerad-power-off.service")[-1]


def test_a_restart_that_comes_too_late_does_not_turn_a_power_off_into_a_reboot(
    board: Machine,
) -> None:
    """The daemon crashes while the machine is being switched off: the restart cannot be begun, and
    the unit has failed."""
    daemon(board, f"[ $n = 1 ] || sleep 60\nsystemctl --no-block poweroff\nexit {EX_SOFTWARE}")
    board.drop_in("camerad.service", "[Service]\nUser=root\nPrivateUsers=no\nRestartSec=1s\n")
    board.boot()
    assert board.ended() == POWERED_OFF


def test_a_daemon_that_hangs_is_aborted_and_started_again(board: Machine) -> None:
    """The watchdog's time is shortened: that it is long enough is a matter of sums."""
    daemon(board, f"[ $n = 1 ] || exit {EX_REBOOT}\nsleep 60")
    board.drop_in("camerad.service", "[Service]\nWatchdogSec=500ms\n")
    board.boot()
    assert board.ended() == REBOOTED
    assert "Watchdog timeout" in board.said
    assert board.said.count("Scheduled restart job") == 1
