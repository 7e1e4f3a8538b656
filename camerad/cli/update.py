"""``camerad update``: installs another version of the whole system from a signed bundle."""

from __future__ import annotations

import argparse
import json
import logging
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Final

from camerad.base.errors import CameradError, ControlError
from camerad.base.message_ids import MessageId

if TYPE_CHECKING:
    from camerad.behaviour.update import CameraStatus
    from camerad.update.boot_selection import BootSelection
    from camerad.update.update_file import UpdateFile
    from camerad.update.updater import Updater

log = logging.getLogger(__name__)

DOCTOR: Final = "/usr/lib/camerad/update-doctor"
DOCTOR_SECONDS: Final = 180.0
BUS: Final = "DBUS_SESSION_BUS_ADDRESS"


def add_parser(commands: Any) -> None:
    """Add the subcommand to those of `camerad`."""
    from camerad.cli.options import add_card_options, add_socket_option  # noqa: PLC0415
    from camerad.update.running_system import CMDLINE, SYSTEM_CONF  # noqa: PLC0415
    from camerad.update.updater import READY_SECONDS  # noqa: PLC0415

    parser = commands.add_parser(
        "update", help="another version of the whole system, from a bundle"
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    install = actions.add_parser(
        "install",
        help="install a bundle beside the running system; as root, in the dock",
        description="Checks the bundle's signature, writes it into the slot that does not run, and "
        "puts it up for a trial. Exit code 0: it is installed; 78: it is refused; 75: not now, "
        "since the camera is not in its dock, or in use, or the doctor makes no report; 74: it "
        "could not be written.",
    )
    install.add_argument("file", metavar="FILE", help="a bundle, whose name ends in .raucb")
    install.add_argument(
        "--again",
        action="store_true",
        help=("even if this version was tried before and did not work"),
    )
    offered = actions.add_parser(
        "offered",
        help="for the service manager: install the bundle that came through the dock",
        description="The same as install, for the bundle that camerad-upload has handed in. What "
        "became of it is noted for the office, and the bundle is removed. Exit codes as there.",
    )
    offered.add_argument(
        "directory", metavar="DIR", help="where camerad-upload leaves what it has fetched"
    )
    attempt = actions.add_parser(
        "try", help="for the service manager: begin the trial of what is installed"
    )
    boot = actions.add_parser("boot", help="for the service manager: look after each start")
    confirm = actions.add_parser(
        "confirm", help="for the service manager: keep a system on trial if it works"
    )
    slot = actions.add_parser("slot", help="for RAUC: its custom boot loader backend")
    slot.add_argument("words", nargs="+", metavar="WORD", help="what RAUC asks, and of which slot")
    status = actions.add_parser("status", help="say which version runs, and how far an update is")
    for action in (install, offered, attempt, boot, confirm, slot, status):
        add_card_options(action)
        action.add_argument("--conf", default=SYSTEM_CONF, help=argparse.SUPPRESS)
        action.add_argument("--cmdline", default=CMDLINE, help=argparse.SUPPRESS)
    confirm.add_argument(
        "--ready-seconds",
        type=float,
        default=READY_SECONDS,
        metavar="S",
        help="how long the daemon may take until it is ready; default: %(default)g",
    )
    for action in (install, offered, attempt, confirm):
        add_socket_option(action)
        action.add_argument("--doctor", default=DOCTOR, help=argparse.SUPPRESS)


def run(options: argparse.Namespace) -> int:
    """Carry it out; returns the exit code. Raises CameradError."""
    from camerad.base import journal  # noqa: PLC0415 - slow to import

    if options.action not in ("slot", "status"):
        journal.set_up(logging.INFO)
    return _ACTIONS[options.action](options)


def _install(options: argparse.Namespace) -> int:
    from camerad.update.rauc import Rauc  # noqa: PLC0415 - slow to import
    from camerad.update.running_system import running_version  # noqa: PLC0415

    _start_on_a_bus()
    card, _, updates = _parts(options)
    now = running_version(card, options.conf, options.cmdline)
    updates.install(options.file, now, Rauc(options.conf), again=options.again)
    return 0


def _offered(options: argparse.Namespace) -> int:
    from camerad.update.offered_bundles import OfferedBundles  # noqa: PLC0415 - slow to import
    from camerad.update.rauc import Rauc  # noqa: PLC0415
    from camerad.update.running_system import running_version  # noqa: PLC0415

    _start_on_a_bus()
    card, kept, updates = _parts(options)
    now = running_version(card, options.conf, options.cmdline)
    OfferedBundles(options.directory, kept, updates).install(now, Rauc(options.conf))
    return 0


def _start_on_a_bus() -> None:
    """RAUC speaks D-Bus, on a bus of its own; and what it mounts is gone with it, however it
    ends."""
    if BUS not in os.environ:
        # S606, S607: programs from the system's path, and this very command.
        words = ["dbus-run-session", "--", sys.executable, "-m", "camerad", *sys.argv[1:]]
        os.execvp("unshare", ["unshare", "--mount", "--", *words])  # noqa: S606, S607


def _try(options: argparse.Namespace) -> int:
    _parts(options)[2].begin_trial()
    return 0


def _boot(options: argparse.Namespace) -> int:
    from camerad.update.running_system import running_version  # noqa: PLC0415 - slow to import

    card, _, updates = _parts(options)
    sys.stdout.write(
        f"{updates.judge_start(running_version(card, options.conf, options.cmdline))}\n"
    )
    return 0


def _confirm(options: argparse.Namespace) -> int:
    from camerad.update.errors import (  # noqa: PLC0415 - slow to import
        TrialFailedError,
        UpdateNotNowError,
    )
    from camerad.update.image_version import image_version  # noqa: PLC0415
    from camerad.update.running_system import running_slot  # noqa: PLC0415

    try:
        updates = _parts(options)[2]
        phase = updates.confirm_trial(
            running_slot(options.cmdline), image_version() or "", options.ready_seconds
        )
    except (TrialFailedError, UpdateNotNowError):
        raise
    except Exception as error:
        # A system whose own commands fail is not kept. The machine starts the other slot then,
        # where this cannot come true again: it is never rebooted for ever.
        if not _on_trial(options):
            raise
        log.exception("the system on trial cannot be judged", extra=MessageId.UPDATE_FAILED.extra)
        raise TrialFailedError(f"the system on trial cannot be judged: {error!r}") from error
    sys.stdout.write(f"{phase}\n")
    return 0


def _on_trial(options: argparse.Namespace) -> bool:
    """Whether another system starts by default than the one that runs. Not where that cannot be
    told: as little is changed then as can be."""
    from camerad.update.running_system import running_slot  # noqa: PLC0415 - slow to import

    try:
        return running_slot(options.cmdline) != _places(options)[0].primary
    except CameradError:
        return False


def _slot(options: argparse.Namespace) -> int:
    from camerad.update.backend import Backend  # noqa: PLC0415 - slow to import
    from camerad.update.running_system import running_slot  # noqa: PLC0415

    card, kept = _places(options)
    said = Backend(card, kept, running_slot(options.cmdline)).call(options.words)
    if said is not None:
        sys.stdout.write(f"{said}\n")
    return 0


def _status(options: argparse.Namespace) -> int:
    from camerad.update.image_version import image_version  # noqa: PLC0415 - slow to import
    from camerad.update.running_system import running_slot  # noqa: PLC0415

    # Without the card's FAT partition, which is mounted only while somebody needs it.
    version, state = image_version() or "unknown", _places(options)[1].state
    sys.stdout.write(f"version {version} runs in slot {running_slot(options.cmdline)}\n")
    if state.version:
        sys.stdout.write(f"update to {state.version} in slot {state.slot}: {state.phase}\n")
    return 0


def _places(options: argparse.Namespace) -> tuple[BootSelection, UpdateFile]:
    from camerad.update import update_file  # noqa: PLC0415 - slow to import
    from camerad.update.boot_selection import BootSelection  # noqa: PLC0415

    return BootSelection(options.boot), update_file.UpdateFile(
        os.path.join(options.data, update_file.FOLDER)
    )


def _parts(options: argparse.Namespace) -> tuple[BootSelection, UpdateFile, Updater]:
    from camerad.update import update_file  # noqa: PLC0415 - slow to import
    from camerad.update.updater import Updater  # noqa: PLC0415

    card, _ = _places(options)
    there = update_file.open_update_file(os.path.join(options.data, update_file.FOLDER))
    asked = Updater(
        card, there, lambda: ask_camera(options.socket), lambda: run_doctor(options.doctor)
    )
    return card, there, asked


def ask_camera(socket: str) -> CameraStatus | None:
    """What the daemon behind that socket says of itself; None if it does not answer."""
    from camerad.behaviour.update import CameraStatus  # noqa: PLC0415 - slow to import
    from camerad.control.client import request  # noqa: PLC0415

    try:
        _, status = request(socket, "GET", "/status")
        on_shift = status.get("shift") is not None
        return CameraStatus(str(status["stage"]), tuple(status["conditions"]), on_shift)
    except (ControlError, AttributeError, KeyError, TypeError):
        return None


def run_doctor(program: str) -> tuple[str, ...] | None:
    """What the doctor finds failing, in words that do not change; None if there is no report, and
    the log has why.

    program: prints the report as the last line of its output. It is the daemon's own user who has
    to be the doctor, before an update and in its trial, since another one finds other things.
    """
    try:
        # S603: a program of the system's, or a test's.
        done = subprocess.run(  # noqa: S603
            [program], stdout=subprocess.PIPE, timeout=DOCTOR_SECONDS, check=False
        )
        results = json.loads(done.stdout.splitlines()[-1])["results"]
        failing = [one for one in results if one["status"] == "fail"]
        return tuple(f"{one['check']}: {one['finding']}" for one in failing)
    except (OSError, subprocess.TimeoutExpired, ValueError, LookupError, TypeError) as error:
        log.warning(
            "%s: there is no report of the doctor: %r",
            program,
            error,
            extra=MessageId.UPDATE_FAILED.extra,
        )
        return None


_ACTIONS: Final = {
    "install": _install,
    "offered": _offered,
    "try": _try,
    "boot": _boot,
    "confirm": _confirm,
    "slot": _slot,
    "status": _status,
}
