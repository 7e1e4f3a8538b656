"""The daemon's interface for the control socket (`camerad.control.server.ControlledCamera`)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from camerad.behaviour.stages import Intent
from camerad.daemon.core import Core
from camerad.daemon.handover_monitor import HandoverMonitor
from camerad.daemon.metrics_store import MetricsStore
from camerad.daemon.recording_manager import RecordingManager
from camerad.daemon.shift_manager import ShiftManager

if TYPE_CHECKING:
    from camerad.container.keys import SigningKey
    from camerad.store.store import Store

_T = TypeVar("_T")


class ControlTarget(msgspec.Struct, frozen=True):
    """The parts that answer, all of them on the event loop.

    device: its id. status, health: ready for JSON. counting: its counters.
    """

    device: str
    core: Core
    recordings: RecordingManager
    shifts: ShiftManager
    handover: HandoverMonitor
    counting: MetricsStore
    status: Callable[[], dict[str, Any]]
    health: Callable[[], dict[str, Any]]

    def metrics(self) -> str:
        """Counters in Prometheus' text format."""
        return self.counting.text()

    def counters(self) -> dict[str, Any]:
        """The same, as `camerad.control.metrics.Metrics.dump` gives them."""
        return self.counting.reading()

    def intend(self, intent: Intent, source: str) -> str | None:
        """Carry out an intent; returns why it was refused, or None."""
        return self.core.dispatcher.intend(intent, source)

    async def list_recordings(self) -> list[dict[str, Any]]:
        """The recordings in the store, flagged first, then the newest, ready for JSON."""
        return await self.recordings.listing()

    def ask(self, work: Callable[[Store, SigningKey], _T]) -> Awaitable[_T]:
        """Have `work` done with the store and the device's key, on the store's thread."""
        return self.recordings.ask(work)
