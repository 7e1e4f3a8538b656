"""The office's server with its jobs, put together from parts.

==============================  ==================================================================
`sharing`, every second         has here what other servers of the office changed, if there are any
`retention`, every 15 min       takes new recordings into the office's ledger, compares the store
                                with it, and deletes what is due; soon after an ingest as well
`expiry`, every hour            removes uploads to which nothing comes, and ledgers that did not
                                come whole, and queues the uploads that are complete: what was left
                                by a server that ended is ingested
`second-copies`, every 15 min   deletes, locks and holds replicas as the ledger has them, if
                                there are any
`copying`, every 15 min         makes those that are missing, for ten minutes
`readings`, every hour          adds up the office's ledger for reports, and removes old readings
`watch`, every minute           finds what people have to know; at once if something was quarantined
`notices-CHANNEL`, every minute gives that to a channel, which keeps to its own times
`witnesses`, every 15 min       has outside witnesses cosign the office's log, if there are any
`stamps`, every five minutes    has time-stamp authorities stamp the office's log, if there are any
`index`, every five seconds     brings the index up to date, if anything has changed
`desk`, every hour              removes what people held for a while at the desk, if there is one
==============================  ==================================================================

Each is `camerad.office.jobs.periodic_job`, so each has a separate thread.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from typing import Final

from camerad.base.clock import SECOND, Clock
from camerad.base.errors import CameradError, NotNowError
from camerad.base.message_ids import MessageId
from camerad.container.keys import Thumbprint
from camerad.evidence import office_key_file
from camerad.office.jobs.alert_channels import Channel, LogChannel, SmtpChannel
from camerad.office.jobs.alert_delivery import AlertDelivery, AlertStore
from camerad.office.jobs.alert_rules import StoreFacts
from camerad.office.jobs.alert_watch import AlertWatch
from camerad.office.jobs.index_job import IndexJob
from camerad.office.jobs.job_metrics import JobMetrics
from camerad.office.jobs.periodic_job import (
    LEAST_PAUSE_SECONDS,
    JobFailedError,
    LogOnce,
    PeriodicJob,
    end_all,
)
from camerad.office.jobs.replica_job import ReplicaJob
from camerad.office.jobs.retention_job import RetentionJob
from camerad.office.jobs.vouching_jobs import WitnessJob
from camerad.office.replicas.shared_directory import SharedDirectory
from camerad.office.report import camera_readings
from camerad.office.report.ledger_tallies import LedgerTallies
from camerad.office.report.report_days import days_in
from camerad.office.server.camera_holdings import CameraHoldings
from camerad.office.server.certificates import read_certificate
from camerad.office.server.ingest import IngestEvent
from camerad.office.server.ledger_copy import LedgerCopies
from camerad.office.server.log_vouching import LogVouching
from camerad.office.server.office_server import Beside, ServerParts, Vault
from camerad.office.server.office_settings import OfficeFile
from camerad.office.server.preflight import check_directory
from camerad.office.server.uploads import Declaration, Uploads
from camerad.office.state.database_settings import url_of
from camerad.office.state.office_state import OfficeState
from camerad.store.locations import office_place

log = logging.getLogger(__name__)

EXPIRY_SECONDS: Final = 3600.0
"""Between two looks for uploads to which nothing comes."""
READINGS_SECONDS: Final = 3600.0
"""Between two looks for what a report is made of."""
SHARING_SECONDS: Final = 1.0
"""Between two looks for what other servers changed; each request looks, too."""
RETENTION: Final = "retention"
WATCH: Final = "watch"
CHANNELS: Final = "notices-"
"""Names of work that is woken; the last one goes on with a channel's name."""
SOON_SECONDS: Final = 2.0
"""Between two runs of work that only looks, if it is woken."""


class OfficeJobs:
    """settings: of the office. tidy: removes at the desk what is over; None without a desk."""

    def __init__(
        self, settings: OfficeFile, clock: Clock, tidy: Callable[[], float] | None = None
    ) -> None:
        self._settings = settings
        self._directory = str(settings.directory)
        self._clock = clock
        self._tidy = tidy
        self._metrics: JobMetrics
        self._works: list[PeriodicJob] = []
        self._index: IndexJob | None = None
        self._replicas: ReplicaJob | None = None

    def start(self, parts: ServerParts) -> None:
        """Begin all of it, now."""
        self.prepare(parts)
        for work in self._works:
            work.start()

    def end(self, seconds: float) -> None:
        """End all of it; what is being done has so long, together. It blocks. Safe to call
        again."""
        if self._index is not None:
            self._index.close()  # a look that is under way ends soon
            self._index = None
        if self._replicas is not None:
            self._replicas.end()
        end_all(self._works, self._clock, seconds)

    def prepare(self, parts: ServerParts) -> None:
        """Put the jobs together."""
        settings, clock, directory = self._settings, self._clock, self._directory
        cameras, uploads, key = parts.cameras, parts.uploads, parts.key
        self._metrics = metrics = JobMetrics(parts.registry)
        certificate = read_certificate(str(settings.tls.certificate))
        stamps = None
        if settings.time_stamps:
            from camerad.office.jobs.vouching_jobs import StampJob  # noqa: PLC0415 - slow to import

            stamps = StampJob(office_place(directory).ledger, settings.time_stamps, clock)
        watch = AlertWatch(
            directory,
            parts.state,
            cameras,
            uploads,
            settings=settings.notify,
            metrics=metrics,
            clock=clock,
            certificate_end_us=round(certificate.not_valid_after_utc.timestamp() * SECOND),
            urgent=lambda: self._wake(CHANNELS),
            replicas_fail=lambda: self._replicas is not None and self._replicas.fails,
            log_unvouched=LogVouching(settings, clock).late,
        )

        def looked(facts: StoreFacts) -> None:
            watch.store_looked_at(facts)
            self._wake(WATCH)

        elsewhere: Callable[[], Collection[str]] = tuple
        if parts.replicas is not None:
            self._replicas = ReplicaJob(directory, parts.replicas, cameras, key.public, clock)
            elsewhere = self._replicas.list_recordings
        shared = parts.shared
        if shared is not None:
            wrong = LogOnce(log, "what other servers changed is not here: %s", MessageId.STORAGE)
            self._add_work("sharing", lambda: _bring(shared, wrong), SHARING_SECONDS)
        witnesses = None if settings.witnesses is None else str(settings.witnesses)
        retention = RetentionJob(
            directory,
            cameras,
            key,
            clock,
            looked=looked,
            elsewhere=elsewhere,
            witnesses=witnesses,
            shared=shared,
        )
        ledgers = LedgerCopies(CameraHoldings(directory, cameras, parts.state, shared))
        self._add_work(
            "expiry", lambda: _expire(uploads, ledgers, parts.queue, clock), LEAST_PAUSE_SECONDS
        )
        months = settings.report.keep_months
        self._add_work(
            "readings",
            lambda: keep_readings(parts, directory, clock, months),
            LEAST_PAUSE_SECONDS,
        )
        self._add_work(WATCH, watch.look, away=True)
        url = url_of(settings.index, directory)
        register = str(settings.register)
        lost = retention.record_loss
        index = IndexJob(url, directory, key.public, register, lost, shared=shared)
        self._index = index

        def by_whole_ledger(job: Callable[[], float]) -> Callable[[], float]:
            """What the index misses in the ledger is written into it before the job deletes by it,
            or ends a hold."""

            def waiting() -> float:
                index.wait_for_first()
                return job()

            return waiting

        if witnesses is not None:
            witness = WitnessJob(office_place(directory).ledger, witnesses)
            self._add_work("witnesses", witness.look, LEAST_PAUSE_SECONDS)
        if stamps is not None:
            self._add_work("stamps", stamps.look, LEAST_PAUSE_SECONDS)
        self._add_work("index", index.look)
        self._add_work(RETENTION, by_whole_ledger(retention.look), LEAST_PAUSE_SECONDS)
        if self._replicas is not None:
            look = by_whole_ledger(self._replicas.look)
            self._add_work("second-copies", look, LEAST_PAUSE_SECONDS)
            self._add_work("copying", self._replicas.copy, LEAST_PAUSE_SECONDS)
        if self._tidy is not None:
            self._add_work("desk", self._tidy, LEAST_PAUSE_SECONDS)
        self._add_channels(watch, parts.state)

    def _add_channels(self, watch: AlertWatch, state: OfficeState) -> None:
        settings, clock = self._settings, self._clock
        channels: list[Channel] = [LogChannel()]
        if (smtp := settings.notify.smtp) is not None:
            channels += [SmtpChannel(smtp, one, clock) for one in smtp.recipients]
        for channel in channels:
            self._metrics.show_channel(channel.name)
            delivery = AlertDelivery(
                channel,
                watch.present,
                settings.notify,
                store=AlertStore(state, f"{channel.name} {channel.recipient}".strip()),
                office=settings.url,
                clock=clock,
                metrics=self._metrics,
                unknown=watch.unknown,
            )
            self._add_work(CHANNELS + channel.name, delivery.deliver, away=True)

    def _add_work(
        self,
        name: str,
        job: Callable[[], float],
        least: float = SOON_SECONDS,
        *,
        away: bool = False,
    ) -> None:
        """away: it goes on while the office's directory is not there, and makes nothing in its
        place."""

        def guarded() -> float:
            self._check_there()
            return job()

        work, ended = job if away else guarded, self._metrics.work_ended
        self._works.append(PeriodicJob(name, work, self._clock, ended, least_seconds=least))

    def _check_there(self) -> None:
        check_directory(self._directory)

    def _wake(self, name: str) -> None:
        """Have work of this name, or whose name begins so, done soon. Any thread may ask."""
        for work in self._works:
            if work.name.startswith(name):
                work.wake()

    def ingested(self, event: IngestEvent) -> None:
        """The office's ledger names a new recording soon, and what was quarantined is told at
        once."""
        if event is not IngestEvent.SIGNED:
            self._wake(WATCH if event is IngestEvent.QUARANTINED else RETENTION)


def _bring(shared: SharedDirectory, wrong: LogOnce) -> float:
    try:
        shared.bring_all()
    except CameradError as error:
        wrong.tell((str(error),))
        raise JobFailedError(str(error), SHARING_SECONDS) from error
    wrong.tell(())
    return SHARING_SECONDS


def _expire(
    uploads: Uploads,
    ledgers: LedgerCopies,
    queue: Callable[[Thumbprint, Declaration], None],
    clock: Clock,
) -> float:
    """Look for uploads to which nothing comes, for those that are complete, and for ledgers that
    did not come whole; returns after how many seconds to look again."""
    uploads.tidy()  # what the storage did not let go when it was to be removed
    for one in uploads.expire(clock.moment()):
        if one.came:
            log.info(
                "%s: it did not go on for %d days, so what the camera %s had brought was removed",
                one.recording,
                uploads.limits.unfinished_days,
                one.kid,
                extra=MessageId.UPLOAD.extra,
            )
        else:
            log.info(
                "%s: nothing of it came for %d day, so its room is free again (camera %s)",
                one.recording,
                uploads.limits.promised_days,
                one.kid,
                extra=MessageId.UPLOAD.extra,
            )
    for kid, declaration in list(uploads.complete()):
        queue(kid, declaration)
    days = uploads.limits.unfinished_days
    for kid in ledgers.expire(days, clock.moment()):
        log.info(
            "the ledger of the camera %s did not come whole for %d days, so what was there of it "
            "was removed",
            kid,
            days,
            extra=MessageId.UPLOAD.extra,
        )
    return EXPIRY_SECONDS


def keep_readings(parts: ServerParts, directory: str, clock: Clock, months: int) -> float:
    """Keep what a report is made of: add up the office's ledger, and remove what is old; returns
    after how many seconds to look again.

    The server adds each epoch of the ledger up within the hour after it was closed. Readings and
    tallies go when they are older than so many months, by a clock that can be trusted alone; a
    tally not before the entries that it adds up.
    """
    place, tallies = office_place(directory), LedgerTallies(directory, days_in(None))
    try:
        tallies.make(place, parts.key, parts.cameras.keys())
    except NotNowError:
        return LEAST_PAUSE_SECONDS
    now = clock.moment()
    if now.trusted:
        with parts.state.writing() as rows:
            camera_readings.expire(rows, now.wall_us, months)
        keys = office_key_file.ledger_keys(place, parts.key.public).ring
        tallies.expire(place, keys, now.wall_us, months)
    return READINGS_SECONDS


def server_with_jobs(
    settings: OfficeFile,
    clock: Clock,
    desk: Beside | None = None,
    state: OfficeState | None = None,
) -> Vault:
    """The server with all of its jobs. desk, state: as `Vault` takes them."""
    jobs = OfficeJobs(settings, clock, None if desk is None else desk.tidy)
    return Vault(settings, clock, desk, jobs, state)
