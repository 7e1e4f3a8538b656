"""What a camera says of itself, for tests."""

from __future__ import annotations

from typing import Any

from desk_helpers import KEY
from msgspec.structs import replace

from camerad.base.clock import SECOND, ClockSource, Moment
from camerad.container.keys import SigningKey
from camerad.ledger.entries import Head
from camerad.store import check_in
from camerad.store.check_in import CheckIn, Count, Counters, RecordingCounts, StorageRoom

BOOT = "00000000-0000-4000-8000-000000000001"
LATER_BOOT = "00000000-0000-4000-8000-000000000002"
WALL_US = 1_795_540_000 * SECOND


def said(seconds: int = 100, sequence: int = 5, boot: str = BOOT, **other: Any) -> CheckIn:
    """A camera that is well, so many seconds after its start."""
    moment = Moment(seconds * SECOND, WALL_US + seconds * SECOND, ClockSource.SYNCHRONISED)
    well = CheckIn(
        device="cam-1",
        kid=KEY.public.thumbprint,
        head=Head(1, sequence, "ab" * 32),
        boot_id=boot,
        clock=moment,
        software="0.1.0",
        image="2026.11",
        conditions=("docked",),
        ready=True,
        battery=80,
        storage=StorageRoom(10 << 30, 32 << 30),
        doctor=None,
        recordings=RecordingCounts(here=3, open=0, unacknowledged=0),
        counters=Counters((Count("idle", 1),), (), (), (), SECOND, SECOND, 0),
        settings=None,
        waiting=(),
        refused_offers=(),
    )
    return replace(well, **other)


def token(*given: Any, key: SigningKey = KEY, **other: Any) -> bytes:
    """The same, signed."""
    return check_in.sign(key, said(*given, **other))
