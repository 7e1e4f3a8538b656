"""Checks every minute for alerts, and has them sent.

It gathers facts (the last scan of the store, the quarantine, when cameras were seen, free room, the
certificate), decides (`camerad.office.jobs.alert_rules`), and keeps the alerts for
the channels. What it cannot look at is an alert itself, and keeps nothing else from being looked
at. The same facts are the metrics.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Final, TypeVar

from camerad.base.clock import SECOND, Clock
from camerad.base.errors import CameradError
from camerad.base.message_ids import MessageId
from camerad.base.storage_errors import explain, explaining
from camerad.container.keys import PublicKey
from camerad.evidence.camera_register import RegisteredCamera
from camerad.office.jobs.alert_rules import (
    CAMERAS,
    QUARANTINE,
    STORAGE,
    Alert,
    AlertKind,
    CameraSeen,
    OfficeFacts,
    StoreFacts,
    decide,
    find_unknown,
)
from camerad.office.jobs.job_metrics import JobMetrics
from camerad.office.jobs.periodic_job import LogOnce
from camerad.office.server.alert_settings import NotifySettings
from camerad.office.server.cameras import Cameras, UnregisteredError
from camerad.office.server.check_ins import arrival_times
from camerad.office.server.preflight import check_directory
from camerad.office.server.quarantine import list_quarantined, measure_quarantined
from camerad.office.server.revoked_cameras import RevokedCameras
from camerad.office.server.upload_limits import fills_percent
from camerad.office.server.uploads import Uploads
from camerad.office.state.office_state import OfficeState
from camerad.store.locations import Holding, holding_name, office_place

log = logging.getLogger(__name__)

LOOK_SECONDS: Final = 60.0
_STORE_FIRST_US: Final = 600 * SECOND
"""So long after the start nothing is told without a look at the store: the day's message is to have
all."""
_T = TypeVar("_T")
_U = TypeVar("_U")


class AlertWatch:
    """root: the office's directory. certificate_end_us: of the certificate that is served. urgent:
    is called when something was found that cannot wait. replicas_fail: says whether they do.
    log_unvouched: as `OfficeFacts` has it.
    `look` is called by one thread; any may ask for `present`, and hand in what a look at the store
    found."""

    def __init__(
        self,
        root: str,
        state: OfficeState,
        cameras: Cameras,
        uploads: Uploads,
        *,
        settings: NotifySettings,
        metrics: JobMetrics,
        clock: Clock,
        certificate_end_us: int,
        urgent: Callable[[], None],
        replicas_fail: Callable[[], bool] = lambda: False,
        log_unvouched: Callable[[], tuple[str, ...]] = tuple,
    ) -> None:
        self._root = os.path.abspath(root)
        self._cameras = cameras
        self._state = state
        self._revoked = RevokedCameras(state)
        self._uploads = uploads
        self._settings = settings
        self._metrics = metrics
        self._clock = clock
        self._certificate_end_us = certificate_end_us
        self._urgent = urgent
        self._replicas_fail = replicas_fail
        self._log_unvouched = log_unvouched
        self._known: frozenset[tuple[str, str]] = frozenset()
        self._store: StoreFacts | None = None
        self._looked_us = clock.now_us()
        self._alerts: tuple[Alert, ...] | None = None
        self._unknown: frozenset[AlertKind] = frozenset()
        self._unread: list[str] = []
        self._said: set[str] = set()
        self._unreadable = LogOnce(log, "%s", MessageId.STORAGE)

    def present(self) -> tuple[Alert, ...] | None:
        """Alerts at present; None before the first check."""
        return self._alerts

    def unknown(self) -> frozenset[AlertKind]:
        """Kinds of which the last look could not say whether there is anything."""
        return self._unknown

    def store_looked_at(self, facts: StoreFacts) -> None:
        """Take in what a complete look at the store found."""
        self._metrics.set_store(facts)
        self._looked_us = self._clock.now_us()
        self._store = facts

    def look(self) -> float:
        """Gather, decide, and keep the alerts; returns after how many seconds to look again."""
        facts = self._gather()
        alerts = decide(facts, self._settings)
        if facts.store is not None or facts.since_look_us >= _STORE_FIRST_US:
            self._unknown = find_unknown(facts)
            self._alerts = alerts
        self._metrics.set_office(facts, alerts)
        at_once = frozenset((one.key, one.state) for one in alerts if one.at_once)
        if at_once - self._known:
            self._urgent()
        self._known = at_once
        return LOOK_SECONDS

    def _gather(self) -> OfficeFacts:
        self._unread, self._said = [], set()
        quarantined = self._part(QUARANTINE, self._quarantined, ())
        fills = self._part(QUARANTINE, self._quarantine_fills, ())
        cameras = self._part(CAMERAS, self._seen, ())
        free, total = self._part(STORAGE, self._room, (1, 1))
        unfinished, waiting = self._part("office/incoming", self._uploads.count, (0, 0))
        self._unreadable.tell(self._said)
        moment = self._clock.moment()
        return OfficeFacts(
            now_us=moment.wall_us,
            trusted=moment.trusted,
            store=self._store,
            since_look_us=moment.boot_us - self._looked_us,
            quarantined=quarantined,
            cameras=cameras,
            free=free,
            total=total,
            reserve=self._uploads.limits.reserve if STORAGE not in self._unread else 0,
            certificate_end_us=self._certificate_end_us,
            unread=tuple(dict.fromkeys(self._unread)),
            replicas_fail=self._replicas_fail(),
            log_unvouched=self._part("office/log", self._log_unvouched, ()),
            directory=self._root,
            quarantine_fills=fills,
            unfinished=unfinished,
            waiting=waiting,
        )

    def _part(self, name: str, gather: Callable[[], _T], otherwise: _U) -> _T | _U:
        """One part of the facts; `otherwise` if it cannot be had, which is noted."""
        try:
            return gather()
        except CameradError as error:
            self._unread.append(name)
            self._said.add(str(error))
            return otherwise

    def _quarantined(self) -> tuple[tuple[str, str], ...]:
        return tuple((self._name(kid), name) for kid, name in list_quarantined(self._root))

    def _quarantine_fills(self) -> tuple[tuple[str, int], ...]:
        """How full the place of each camera is by what was quarantined of it."""
        owners = dict.fromkeys(kid for kid, _ in list_quarantined(self._root))
        limits = self._uploads.limits
        every = {kid: measure_quarantined(self._root, kid) for kid in owners}
        spare = self._uploads.spare() if every else 0
        return tuple(
            (self._name(kid), fills_percent(limits, one, spare)) for kid, one in every.items()
        )

    def _name(self, kid: str) -> str:
        try:
            return self._cameras.find(kid).name
        except UnregisteredError:
            return kid

    def _seen(self) -> tuple[CameraSeen, ...]:
        found = []
        holdings = office_place(self._root).holdings
        revoked, arrivals = self._revoked.list_all(), arrival_times(self._state)
        for camera in self._cameras.list_all():
            if camera.thumbprint in revoked:
                continue
            ending = holding_name("", PublicKey.from_jwk(camera.jwk))
            own = [one for one in holdings if one.root.endswith(ending)]
            seen_us = last_seen_us(arrivals.get(camera.thumbprint), own)
            found.append(CameraSeen(camera.thumbprint, camera.name, seen_us, _collected_us(camera)))
        return tuple(found)

    def _room(self) -> tuple[int, int]:
        check_directory(self._root)
        with explaining("ask for free room", self._root):
            state = os.statvfs(self._root)
        return state.f_bavail * state.f_frsize, state.f_blocks * state.f_frsize


def _collected_us(camera: RegisteredCamera) -> int | None:
    """When the register got to know a camera; None if it does not say."""
    try:
        return round(datetime.fromisoformat(camera.collected).timestamp() * SECOND)
    except ValueError:
        return None


def last_seen_us(checked_in_us: int | None, holdings: Iterable[Holding]) -> int | None:
    """When anything last came of a camera: its last check-in, its ledger or its receipts. Of the
    latter two the file's own time counts, which is when the server, or an offload, wrote it.
    Returns wall time in microseconds, None if nothing ever came. checked_in_us: when its last
    check-in arrived. holdings: what the directory has of it. Raises StorageError."""
    times = [
        *(() if checked_in_us is None else (checked_in_us,)),
        *(
            time_us
            for holding in holdings
            for directory in (holding.ledger, holding.receipts)
            for time_us in _times_in(directory)
        ),
    ]
    return max(times, default=None)


def _times_in(directory: str) -> Iterator[int]:
    try:
        with os.scandir(directory) as entries:
            for one in entries:
                if one.is_file(follow_symlinks=False):
                    yield one.stat(follow_symlinks=False).st_mtime_ns // 1000
    except FileNotFoundError:
        return
    except OSError as error:
        raise explain("look at the files", directory, error) from error
