"""Metrics of the jobs, for Prometheus: store, alerts, runs.

`camerad.office.server.server_metrics` has those of the requests, and the rules for both. Of the
cameras at most `MOST_CAMERAS` are shown.
"""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Iterable
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge

from camerad.base.clock import SECOND
from camerad.office.jobs.alert_rules import Alert, AlertKind, OfficeFacts, StoreFacts

MOST_CAMERAS: Final = 200


class JobMetrics:
    """registry: to which they are added."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def gauge(name: str, about: str, *labels: str) -> Gauge:
            return Gauge(f"camerad_office_{name}", about, labels, registry=registry)

        def counter(name: str, about: str, *labels: str) -> Counter:
            return Counter(f"camerad_office_{name}", about, labels, registry=registry)

        self._recordings = gauge("recordings", "Recordings in the office's directory.", "state")
        self._bytes = gauge("recordings_bytes", "What their files take.")
        self._overdue = gauge("overdue_recordings", "Recordings beyond their day, and not held.")
        self._differences = gauge(
            "differences", "Differences of store and ledger that nothing explains.", "kind"
        )
        self._looked = gauge(
            "store_last_complete_look_timestamp_seconds", "When due recordings were last deleted."
        )
        self._deletions = counter("deletions", "Recordings deleted on their day.")
        self._free = gauge("storage_free_bytes", "Room on the storage.")
        self._size = gauge("storage_size_bytes", "Size of the storage.")
        self._uploads = gauge("uploads", "Uploads that are not ingested yet.", "state")
        self._seen = gauge(
            "camera_last_seen_timestamp_seconds", "When anything last came of a camera.", "camera"
        )
        self._cameras = gauge("cameras", "Cameras in the register.")
        self._certificate = gauge(
            "certificate_not_after_timestamp_seconds", "When the server's certificate ends."
        )
        self._runs = counter("work_runs", "Runs of the server's own work.", "work", "outcome")
        self._ran = gauge(
            "work_last_success_timestamp_seconds", "When work last went well.", "work"
        )
        self._lasted = gauge("work_last_run_seconds", "How long its last run took.", "work")
        self._alerts = gauge("alerts", "What people have to know at present.", "kind")
        self._sent = counter("messages_sent", "Messages that a channel has taken.", "channel")
        self._failed = counter("messages_failed", "Messages that did not get through.", "channel")
        self._sent_at = gauge(
            "message_last_sent_timestamp_seconds", "When a channel last took one.", "channel"
        )
        for state in ("here", "held", "quarantined"):
            self._recordings.labels(state)

    # ------------------------------------------------------------------ what happens

    def work_ended(self, work: str, ok: bool, seconds: float) -> None:
        """A run of periodic work has ended."""
        self._runs.labels(work, "ok" if ok else "failed").inc()
        self._lasted.labels(work).set(seconds)
        if ok:
            self._ran.labels(work).set_to_current_time()

    def message_sent(self, channel: str, at_us: int) -> None:
        """A channel has taken a message, at this wall time."""
        self._sent.labels(channel).inc()
        self._sent_at.labels(channel).set(at_us / SECOND)

    def message_failed(self, channel: str) -> None:
        """A message did not get through."""
        self._failed.labels(channel).inc()

    def show_channel(self, channel: str) -> None:
        """Show a channel's counters from the beginning, at 0."""
        self._sent.labels(channel)
        self._failed.labels(channel)

    # ------------------------------------------------------------------ what is so

    def set_store(self, facts: StoreFacts) -> None:
        """A complete look at the store has found this."""
        self._recordings.labels("here").set(facts.here)
        self._recordings.labels("held").set(facts.held)
        self._bytes.set(facts.bytes)
        self._overdue.set(facts.overdue)
        self._deletions.inc(facts.deleted)
        self._looked.set(facts.wall_us / SECOND)
        self._differences.clear()
        for kind, number in Tally(str(kind) for kind, _ in facts.differences).items():
            self._differences.labels(kind).set(number)

    def set_office(self, facts: OfficeFacts, alerts: Iterable[Alert]) -> None:
        """This is so at present. Of too many cameras, those seen longest ago are shown."""
        self._free.set(facts.free)
        self._size.set(facts.total)
        self._uploads.labels("open").set(facts.unfinished)
        self._uploads.labels("waiting").set(facts.waiting)
        self._recordings.labels("quarantined").set(len(facts.quarantined))
        self._certificate.set(facts.certificate_end_us / SECOND)
        known = sorted(facts.cameras, key=lambda one: (one.seen_us or 0, one.name))
        self._cameras.set(len(known))
        self._seen.clear()
        for camera in known[:MOST_CAMERAS]:
            self._seen.labels(camera.name).set((camera.seen_us or 0) / SECOND)
        numbers = Tally(one.kind for one in alerts)
        for kind in AlertKind:
            if kind is not AlertKind.TEST:
                self._alerts.labels(str(kind)).set(numbers[kind])
