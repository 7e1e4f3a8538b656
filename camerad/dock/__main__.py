"""The process that hands recordings over: `python -m camerad.dock [--config FILE] [--updates DIR]`.

It runs beside the daemon, as a user of its own, with the network of the dock, and ends with it
(systemd/camerad-upload.service). It reads recordings and the ledger, and writes nothing but an
update that the office offers, into a directory of its own (`camerad.dock.bundle_store`). What it
does now is told to systemd in words (`systemctl status camerad-upload`), and to the daemon, which
shows it. Exit status: 0 it was told to end, or the camera has no office; 64 wrong arguments; 77 the
daemon refuses this user; 78 the configuration has mistakes.
"""

from __future__ import annotations

import argparse
import logging
import signal
import sys
from types import FrameType
from typing import Final

from camerad.base import journal, process, sd_notify
from camerad.base.clock import SystemClock
from camerad.base.errors import CameradError, ConfigError, NotAllowedError
from camerad.base.message_ids import MessageId
from camerad.config import Settings, load
from camerad.config.loader import DEFAULT_PATH
from camerad.config.office_section import Office
from camerad.dock.daemon_client import EventStream
from camerad.dock.dock_watch import GONE, DockState, DockWatch
from camerad.dock.handover import HandoverMemory
from camerad.dock.office_pass import OfficePass, socket_of
from camerad.dock.progress_teller import ProgressTeller

log = logging.getLogger(__name__)

AGAIN_SECONDS: Final = 2.0
"""Between two looks for a daemon that is not there."""


def main() -> int:
    """Run the process; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m camerad.dock")
    parser.add_argument("--config", default=str(DEFAULT_PATH), metavar="FILE")
    parser.add_argument(
        "--updates",
        metavar="DIR",
        help="where an update is kept that the office offers; default: none is fetched",
    )
    options = parser.parse_args()
    journal.set_up(logging.INFO)
    process.forbid_dumps()
    try:
        settings = load(options.config)
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    if settings.office is None:
        sd_notify.notify("READY=1\nSTATUS=this camera has no office to hand over to")
        log.info(
            "this camera has no office to hand over to: its configuration lacks the section office",
            extra=MessageId.DETAIL.extra,
        )
        return 0
    stream = EventStream(socket_of(settings))

    def end(_number: int, _frame: FrameType | None) -> None:
        stream.interrupt()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    try:
        return serve(settings, settings.office, stream, options.updates)
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        stream.close()


def serve(
    settings: Settings, office: Office, stream: EventStream, updates: str | None = None
) -> int:
    """Hand over whenever it is time, until `stream` is interrupted; returns the exit status.
    updates: where they are kept; None if none are fetched."""
    clock, memory, teller = SystemClock(), HandoverMemory(), ProgressTeller(socket_of(settings))

    def make_pass(clock_vouched_for: bool) -> OfficePass:
        return OfficePass(
            settings,
            office,
            clock,
            memory,
            clock_vouched_for=clock_vouched_for,
            report=teller,
            updates=updates,
        )

    watch = DockWatch(make_pass, clock, teller)
    teller.start()
    watch.start()
    sd_notify.notify("READY=1")
    try:
        return _follow(stream, watch, memory)
    finally:
        sd_notify.notify("STOPPING=1")
        watch.close()
        teller.close()


def _follow(stream: EventStream, watch: DockWatch, memory: HandoverMemory) -> int:
    """Tell the watch each state of the camera. A daemon that is not there is waited for."""
    said = ""
    while True:
        try:
            for state in stream.states():
                said = ""
                known = DockState.of(state)
                if not known.docked:
                    memory.check_in.forget()
                watch.tell(known)
            why = "the daemon has ended"
        except NotAllowedError as error:
            log.error("%s", error, extra=MessageId.HANDOVER_FAILED.extra)
            return error.exit_code
        except CameradError as error:
            why = str(error)
        watch.tell(GONE)
        if not stream.pause(0):
            return 0
        if why != said:
            log.info("waiting for the camera's daemon: %s", why, extra=MessageId.DETAIL.extra)
            said = why
        if not stream.pause(AGAIN_SECONDS):
            return 0


if __name__ == "__main__":
    sys.exit(main())
