"""Events of an ingest, for the metrics and the jobs."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum


class IngestEvent(StrEnum):
    """What became of a complete upload."""

    TAKEN = "taken"
    """It was checked, stored and read back, and has a receipt."""
    COMPARED = "compared"
    """A copy that came another way got its receipt."""
    APART = "apart"
    """It does not verify, and was put apart."""
    SIGNED = "signed"
    """A receipt was signed and published."""


IngestListener = Callable[[IngestEvent], None]
"""Called on any thread, after everything is durable. It returns at once, and raises nothing."""


def no_op(_event: IngestEvent) -> None:
    """Listens to nothing."""
