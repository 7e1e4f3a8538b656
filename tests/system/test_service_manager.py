"""What the units do with a real systemd: which end of the daemon leads to what.

The daemon's place is taken by a shell script, except in the last test, where it is the daemon.
"""

from __future__ import annotations

import contextlib
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from camerad.base.errors import EX_CONFIG, EX_REBOOT, EX_SOFTWARE
from tests.system import sealed
from tests.system.harness import PATIENCE, until
from tests.system.service_manager import CHECKOUT, POWERED_OFF, REBOOTED, Machine, machine
from tests.waiting import DEADLINE

pytestmark = pytest.mark.system


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
    assert board.said.count("Scheduled restart job") == 3, board.said
    assert f"status={EX_REBOOT}" in board.said


@pytest.mark.campaign
def test_two_machines_at_once_have_nothing_to_do_with_each_other(tmp_path: Path) -> None:
    """Nor could what is judged here be, beside other tests."""
    with contextlib.ExitStack() as stack:
        boards = []
        for name in ("one", "other"):
            (tmp_path / name).mkdir()
            boards.append(stack.enter_context(machine(tmp_path / name)))
        for board in boards:
            daemon(board, "sleep 60")
            board.boot()
        for board in boards:
            until(
                lambda board=board: board.show("camerad.service", "ActiveState") == "active",
                DEADLINE,
                "it has started",
            )
        for board in boards:
            inside = board.run("cat", "/sys/fs/cgroup/system.slice/camerad.service/cgroup.procs")
            # 0 is a process that cannot be seen from here (pid_namespaces(7)).
            assert "0" not in inside.stdout.split() != []


def test_what_the_daemon_leaves_in_power_off_switches_the_machine_off(board: Machine) -> None:
    daemon(board, "echo 'the battery is empty' >/run/camerad/power-off")
    board.boot()
    assert board.ended() == POWERED_OFF
    # It has not been started again.
    assert "Started camerad.service" not in board.said.split("camerad-power-off.service")[-1]


def test_a_mistake_in_the_configuration_is_said_once(board: Machine) -> None:
    daemon(board, f"exit {EX_CONFIG}")
    board.boot()
    until(
        lambda: board.show("camerad.service", "ExecMainStatus") == str(EX_CONFIG),
        PATIENCE,
        "it ended",
    )
    until(
        lambda: board.show("camerad.service", "ActiveState") == "inactive",
        PATIENCE,
        "it stays ended",
    )
    assert board.show("camerad.service", "NRestarts") == "0"
    assert board.show("camerad-reboot.service", "ActiveState") == "inactive"
    assert board.run("cat", "/run/camerad/n").stdout == "1\n"


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
    # The second life has to have ended before it; a busy machine lets a shell begin late.
    board.drop_in("camerad.service", "[Service]\nWatchdogSec=4s\n")
    board.boot()
    assert board.ended() == REBOOTED
    assert "Watchdog timeout" in board.said
    assert board.said.count("Scheduled restart job") == 1


# ------------------------------------------------------------------------------------ the sandbox

FORBIDDEN = {
    "a file of the system": "touch /etc/camerad/mine",
    "a home directory": "ls /root",
    "a device that is not a camera's": ": >/dev/fuse",
    "a network": "grep -v lo: /proc/net/dev | grep :",
    "a name space of its own": "unshare --user true",
    "another user's process": "ls /proc/1",
    "root": "setpriv --reuid 0 true",
    "the kernel's settings": "echo 1 >/proc/sys/kernel/core_uses_pid",
}
ALLOWED = {
    "its state": "touch /var/lib/camerad/mine",
    "its runtime directory": "touch /run/camerad/mine",
    "which boot this is": "cat /proc/sys/kernel/random/boot_id",
    "the key from outside": "grep -q 'a key' $CREDENTIALS_DIRECTORY/identity.pem",
    "to make way": "nice -n 5 true",
}


def test_the_sandbox_lets_nothing_out_but_what_a_camera_needs(board: Machine) -> None:
    """Tried from inside, by the daemon's user under the daemon's unit."""
    store = board.installed / "etc/credstore"
    store.mkdir(parents=True)
    (store / "identity.pem").write_text("a key\n")
    tries = [
        f"if ( {command} ) >/dev/null 2>&1; then echo {shlex.quote(name)} >>/run/camerad/may; fi"
        for name, command in (FORBIDDEN | ALLOWED).items()
    ]
    daemon(board, "\n".join([*tries, "echo over >>/run/camerad/may", "sleep 60"]))
    board.boot()
    said = until(
        lambda: (text := board.run("cat", "/run/camerad/may").stdout).endswith("over\n") and text,
        30,
        "everything was tried",
    )
    assert said.splitlines()[:-1] == list(ALLOWED)


CONFIG = {
    "policy": "generic",
    "recipients": [sealed.recipient()],
    # Small: what is judged is that all of it works, not how fast.
    "camera": {"width": 320, "height": 240, "encoder": "software"},
    "self_view": {"device": "/var/lib/camerad/fb0", "sysfs": "/etc/camerad/fb0"},
    "microphone": {"enabled": False},
}
PANEL = {"virtual_size": "320,240", "bits_per_pixel": "16", "stride": "640"}
LOG = "/var/lib/camerad/log"


def install_camera(board: Machine) -> None:
    """The daemon from this checkout on simulated hardware, under its own unit."""
    etc = board.installed / "etc/camerad"
    (etc / "fb0").mkdir(parents=True)
    etc.chmod(0o755)
    for name, text in PANEL.items():
        (etc / "fb0" / name).write_text(text + "\n")
    (etc / "camerad.yaml").write_text(json.dumps(CONFIG))
    state = board.installed / "var/lib/camerad"
    state.mkdir(parents=True)
    (state / "fb0").write_bytes(bytes(320 * 240 * 2))
    (state / "fb0").chmod(0o666)
    board.drop_in(
        "camerad.service",
        f"""[Service]
ExecStart=
ExecStart={board.python} -m camerad run --config /etc/camerad/camerad.yaml
Environment=PYTHONPATH={board.python_path} PYTHONDONTWRITEBYTECODE=1
Environment=GPIOZERO_PIN_FACTORY=simulated HW_MOCKS_PLATFORM=pisp
StandardOutput=append:{LOG}
StandardError=append:{LOG}
""",
    )


def status(board: Machine) -> dict[str, Any] | None:
    """The daemon's answer at its control socket, once it answers."""
    entry = [board.python, "-m", "camerad", "status", "--json"]
    done = board.run("env", f"PYTHONPATH={board.python_path}", *entry)
    return json.loads(done.stdout) if done.returncode == 0 else None


def press(board: Machine, intent: str) -> None:
    command = [board.python, "-m", "camerad", "press", intent]
    done = board.run("env", f"PYTHONPATH={board.python_path}", *command)
    assert done.returncode == 0, done.stderr


def test_the_daemon_does_all_it_has_to_in_its_sandbox(tmp_path: Path) -> None:
    """Every process of it, the display and the loudspeaker's player included."""
    with machine(tmp_path, CHECKOUT) as board:
        install_camera(board)
        board.boot()
        until(lambda: board.show("camerad.service", "ActiveState") == "active", 60, "ready")
        until(lambda: (status(board) or {}).get("ready"), 60, "the camera delivers")
        press(board, "toggle_self_view")
        press(board, "record")
        until(lambda: (status(board) or {})["recording"]["seconds"] > 1, 60, "it is kept")
        main = board.show("camerad.service", "MainPID")
        nice = board.run("ps", "-eo", "ni,user,args").stdout
        rights = board.run("cat", f"/proc/{main}/status").stdout
        press(board, "stop")
        until(lambda: (status(board) or {})["stage"] == "idle", 60, "it is closed")
        said = board.run("cat", LOG).stdout
        assert board.show("camerad.service", "NRestarts") == "0"
    assert re.search(r"closed \S+: [\d.]+ s, [1-9]\d* pictures, 0 gaps", said), said
    # The player is refused nothing but a sound card, which this machine does not have.
    assert "not permitted" not in said
    assert "denied" not in said
    for line in ("NoNewPrivs:\t1", "Seccomp:\t2", "CapEff:\t0000000000000000"):
        assert line in rights
    # -10 goes to whom frames wait for, 5 to the display.
    assert "-10 camerad " in nice
    assert any("  5 camerad " in line and "camerad.selfview" in line for line in nice.splitlines())
