"""One pass of handing over, put together from its parts for one camera."""

from __future__ import annotations

import os
from typing import Final

from camerad.base.clock import Clock
from camerad.config import Settings
from camerad.config.office_section import Office
from camerad.control.client import SOCKET_NAME
from camerad.dock.bundle_store import BundleStore
from camerad.dock.daemon_client import DaemonClient
from camerad.dock.handover import Handover, HandoverMemory, HandoverResult
from camerad.dock.office_check_in import OfficeCheckIn
from camerad.dock.office_client import OfficeClient
from camerad.dock.office_connection import OfficeConnection, trusting
from camerad.dock.progress_teller import ProgressReport
from camerad.dock.update_fetch import UpdateFetch, UpdatePlace
from camerad.store.locations import LEDGER
from camerad.update.image_version import image_version

RESERVE: Final = 2.0
"""Times `storage.low_minutes` that stay free when an update is fetched: the camera never warns of a
full card because of one."""


class OfficePass:
    """See `camerad.dock.dock_watch.HandoverPass`.

    office: that of `settings`. updates: directory for what the office has of updates; None where
    none are taken. clock_vouched_for: whether the office's certificate counts only within its time.
    Raises OfficeUnavailableError if `office.ca` is no certificate.
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
        updates: str | None = None,
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
        self._fetch: UpdateFetch | None = None
        place = None if updates is None else update_place(settings, updates)
        if place is not None:
            self._fetch = UpdateFetch(
                place,
                client,
                self._connection,
                clock,
                mbit_per_second=office.mbit_per_second,
                memory=memory.check_in.update,
                report=report,
                forget=memory.check_in.forget,
            )

    def run(self) -> HandoverResult:
        """All of it; see `Handover.run`."""
        return self._handover.run()

    def bring_update(self) -> None:
        """Fetch the update that the office offers, if it does; see `UpdateFetch.run`."""
        if self._fetch is not None:
            self._fetch.run()

    def interrupt(self) -> None:
        """End it from another thread."""
        self._connection.interrupt()

    def close(self) -> None:
        """Let go of its connection."""
        self._connection.close()


def socket_of(settings: Settings) -> str:
    """Where the camera's daemon listens."""
    return os.path.join(settings.device.runtime_dir, SOCKET_NAME)


def update_place(settings: Settings, directory: str) -> UpdatePlace | None:
    """Where updates are kept; None on a camera that takes none, since it was not made from an image
    or was set up by hand."""
    running, provision_dir = image_version(), settings.device.provision_dir
    if running is None or provision_dir is None:
        return None
    seconds = RESERVE * settings.storage.low_minutes * 60
    store = BundleStore(directory, round(seconds * settings.camera.max_bitrate / 8))
    return UpdatePlace(store, provision_dir, running)
