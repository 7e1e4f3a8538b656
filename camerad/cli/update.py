"""``camerad update``: installs another version of the whole system from a signed bundle."""

from __future__ import annotations

import argparse
import json
import logging
import os
import subprocess
import sys
from typing import Final

from camerad.base import journal
from camerad.base.errors import CameradError, ControlError
from camerad.base.message_ids import MessageId
from camerad.behaviour.update import CameraStatus
from camerad.cli.console import print_line
from camerad.control.client import request
from camerad.update import update_file
from camerad.update.backend import Backend, running_slot, running_version
from camerad.update.boot_selection import BootSelection
from camerad.update.errors import TrialFailedError, UpdateNotNowError
from camerad.update.image_version import image_version
from camerad.update.offered_bundles import OfferedBundles
from camerad.update.rauc import Rauc
from camerad.update.update_file import UpdateFile
from camerad.update.updater import Updater

log = logging.getLogger(__name__)

DOCTOR_SECONDS: Final = 180.0
BUS: Final = "DBUS_SESSION_BUS_ADDRESS"


def install(options: argparse.Namespace) -> int:
    """Install a bundle beside the running system."""
    journal.set_up(logging.INFO)

    _start_on_a_bus()
    card, _, updates = _parts(options)
    now = running_version(card, options.conf, options.cmdline)
    updates.install(options.file, now, Rauc(options.conf), again=options.again)
    return 0


def install_offered(options: argparse.Namespace) -> int:
    """Install the bundle that came through the dock."""
    journal.set_up(logging.INFO)

    _start_on_a_bus()
    card, kept, updates = _parts(options)
    now = running_version(card, options.conf, options.cmdline)
    OfferedBundles(options.directory, kept, updates).install(now, Rauc(options.conf))
    return 0


def _start_on_a_bus() -> None:
    """RAUC speaks D-Bus, on a separate bus; and what it mounts is gone with it, however it
    ends."""
    if BUS not in os.environ:
        # S606, S607: programs from the system's path, and this very command.
        words = ["dbus-run-session", "--", sys.executable, "-m", "camerad", *sys.argv[1:]]
        os.execvp("unshare", ["unshare", "--mount", "--", *words])  # noqa: S606, S607


def begin_trial(options: argparse.Namespace) -> int:
    """Begin the trial of what is installed."""
    journal.set_up(logging.INFO)
    _parts(options)[2].begin_trial()
    return 0


def judge_start(options: argparse.Namespace) -> int:
    """Look after a start of the system."""
    journal.set_up(logging.INFO)

    card, _, updates = _parts(options)
    print_line(updates.judge_start(running_version(card, options.conf, options.cmdline)))
    return 0


def confirm(options: argparse.Namespace) -> int:
    """Keep a system on trial if it works."""
    journal.set_up(logging.INFO)
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
    print_line(phase)
    return 0


def _on_trial(options: argparse.Namespace) -> bool:
    """Whether another system starts by default than the one that runs. Not where that cannot be
    told: as little is changed then as can be."""

    try:
        return running_slot(options.cmdline) != _places(options)[0].primary
    except CameradError:
        return False


def slot(options: argparse.Namespace) -> int:
    """Answer RAUC, as its boot loader backend."""

    card, kept = _places(options)
    said = Backend(card, kept, running_slot(options.cmdline)).call(options.words)
    if said is not None:
        print_line(said)
    return 0


def status(options: argparse.Namespace) -> int:
    """Print which version runs, and how far an update is."""

    # Without the card's FAT partition, which is mounted only while a process needs it.
    version, state = image_version() or "unknown", _places(options)[1].state
    print_line(f"version {version} runs in slot {running_slot(options.cmdline)}")
    if state.version:
        print_line(f"update to {state.version} in slot {state.slot}: {state.phase}")
    return 0


def _places(options: argparse.Namespace) -> tuple[BootSelection, UpdateFile]:

    return BootSelection(options.boot), update_file.UpdateFile(
        os.path.join(options.data, update_file.FOLDER)
    )


def _parts(options: argparse.Namespace) -> tuple[BootSelection, UpdateFile, Updater]:

    card, _ = _places(options)
    there = update_file.open_update_file(os.path.join(options.data, update_file.FOLDER))
    asked = Updater(
        card, there, lambda: ask_camera(options.socket), lambda: run_doctor(options.doctor)
    )
    return card, there, asked


def ask_camera(socket: str) -> CameraStatus | None:
    """What the daemon behind that socket says of itself; None if it does not answer."""

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
