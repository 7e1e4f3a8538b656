"""One pass of handing over, put together from its parts for one camera."""

from __future__ import annotations

import os

from camerad.base.clock import Clock
from camerad.config import Settings
from camerad.config.office_section import Office
from camerad.control.client import SOCKET_NAME
from camerad.dock.daemon_client import DaemonClient
from camerad.dock.handover import Handover, HandoverMemory, HandoverResult
from camerad.dock.office_check_in import OfficeCheckIn
from camerad.dock.office_client import OfficeClient
from camerad.dock.office_connection import OfficeConnection, trusting
from camerad.dock.progress_teller import ProgressReport
from camerad.store.locations import LEDGER


class OfficePass:
    """See `camerad.dock.dock_watch.HandoverPass`.

    office: that of `settings`. clock_vouched_for: whether the office's certificate counts only
    within its time. Raises OfficeUnavailableError if `office.ca` is no certificate.
    """

    def __init__(
        self,
        settings: Settings,
        office: Office,
        clock: Clock,
        memory: HandoverMemory,
        *,
        clock_vouched_for: bool,
        report: ProgressReport,
    ) -> None:
        context = trusting(office.ca, check_time=clock_vouched_for)
        self._connection = OfficeConnection(office, context, clock)
        daemon = DaemonClient(socket_of(settings), self._connection.pause)
        client = OfficeClient(office.url, self._connection, daemon, clock)
        self._handover = Handover(
            os.path.join(settings.device.state_dir, LEDGER),
            daemon,
            client,
            self._connection,
            clock,
            check_in=OfficeCheckIn(daemon, client, clock, memory.check_in, memory.is_new),
            memory=memory,
            report=report,
        )

    def run(self) -> HandoverResult:
        """All of it; see `Handover.run`."""
        return self._handover.run()

    def interrupt(self) -> None:
        """End it from another thread."""
        self._connection.interrupt()

    def close(self) -> None:
        """Let go of its connection."""
        self._connection.close()


def socket_of(settings: Settings) -> str:
    """Where the camera's daemon listens."""
    return os.path.join(settings.device.runtime_dir, SOCKET_NAME)
