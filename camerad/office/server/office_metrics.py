"""What the office's server counts, for Prometheus: names and units in one place.

A registry of its own: nothing but what stands here is ever shown. A time is given as seconds since
the Unix epoch, as is Prometheus' custom, so that the age is `time() - ...` there, and goes on
growing if the server hangs. No label has a value that a camera or a stranger chooses, but the names
of registered cameras; of these at most `MOST_CAMERAS` are shown.

Every method may be called on any thread. It sets numbers in memory and touches no storage, so a
scrape waits for nothing.
"""

from __future__ import annotations

import time
from collections import Counter as Tally
from collections.abc import Awaitable, Callable, Iterable
from http import HTTPStatus
from typing import Final, ParamSpec

from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from camerad.base.clock import SECOND
from camerad.office.server.notices.notice_rules import CameraSeen, Notice, NoticeKind, StoreFacts
from camerad.office.server.takeover_events import TakeoverEvent

MOST_CAMERAS: Final = 200
SECONDS: Final = (0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800)
"""Upper bounds of the histogram of take-overs: from a short clip to tens of gigabytes."""
_P = ParamSpec("_P")
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class OfficeMetrics:
    """All of them, in `registry`."""

    def __init__(self) -> None:
        own = self.registry = CollectorRegistry()

        def gauge(name: str, about: str, *labels: str) -> Gauge:
            return Gauge(f"camerad_office_{name}", about, labels, registry=own)

        def counter(name: str, about: str, *labels: str) -> Counter:
            return Counter(f"camerad_office_{name}", about, labels, registry=own)

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
        self._uploads = gauge("uploads", "Uploads that are not taken over yet.", "state")
        self._takeovers = counter("takeovers", "Uploads that were dealt with.", "outcome")
        self._seconds = Histogram(
            "camerad_office_takeover_seconds",
            "How long an upload took to be dealt with.",
            buckets=SECONDS,
            registry=own,
        )
        self._receipts = counter("receipts_signed", "Receipts that were signed.")
        self._refused = counter("requests_refused", "Requests that were refused.", "status")
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
        self._notices = gauge("notices", "What people have to know at present.", "kind")
        self._sent = counter("messages_sent", "Messages that a channel has taken.", "channel")
        self._failed = counter("messages_failed", "Messages that did not get through.", "channel")
        self._sent_at = gauge(
            "message_last_sent_timestamp_seconds", "When a channel last took one.", "channel"
        )
        for state in ("here", "held", "apart"):
            self._recordings.labels(state)
        for outcome in ("taken", "compared", "apart", "failed"):
            self._takeovers.labels(outcome)

    # ------------------------------------------------------------------ what happens

    def count_takeover(self, event: TakeoverEvent) -> None:
        """A take-over has told of something."""
        if event is TakeoverEvent.SIGNED:
            self._receipts.inc()
        else:
            self._takeovers.labels(str(event)).inc()

    def timed(self, take: Callable[_P, None]) -> Callable[_P, None]:
        """`take`, with its time measured and its failures counted."""

        def timed(*arguments: _P.args, **named: _P.kwargs) -> None:
            began = time.monotonic()
            try:
                take(*arguments, **named)
            except BaseException:
                self._takeovers.labels("failed").inc()
                raise
            finally:
                self._seconds.observe(time.monotonic() - began)

        return timed

    @web.middleware
    async def count_refusals(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        """Count the answers that are refusals, by their status; the outermost middleware."""
        answer = await handler(request)
        if answer.status >= HTTPStatus.BAD_REQUEST:
            self._refused.labels(str(answer.status)).inc()
        return answer

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

    def set_storage(self, free: int, total: int) -> None:
        """Bytes of the storage."""
        self._free.set(free)
        self._size.set(total)

    def set_uploads(self, unfinished: int, waiting: int) -> None:
        """Uploads that lack bytes, and complete ones that are not taken over yet."""
        self._uploads.labels("open").set(unfinished)
        self._uploads.labels("waiting").set(waiting)

    def set_apart(self, number: int) -> None:
        """Recordings that were put apart."""
        self._recordings.labels("apart").set(number)

    def set_cameras(self, cameras: Iterable[CameraSeen]) -> None:
        """When each registered camera was seen; those that were seen longest ago, if there are too
        many."""
        known = sorted(cameras, key=lambda one: (one.seen_us or 0, one.name))
        self._cameras.set(len(known))
        self._seen.clear()
        for one in known[:MOST_CAMERAS]:
            self._seen.labels(one.name).set((one.seen_us or 0) / SECOND)

    def set_certificate_end(self, end_us: int) -> None:
        """When the server's certificate ends, wall time."""
        self._certificate.set(end_us / SECOND)

    def set_notices(self, notices: Iterable[Notice]) -> None:
        """What people have to know at present."""
        numbers = Tally(one.kind for one in notices)
        for kind in NoticeKind:
            if kind is not NoticeKind.TEST:
                self._notices.labels(str(kind)).set(numbers[kind])
