"""Readings of the cameras' counters, kept for reports.

A row of `camera_readings` is a check-in as its camera signed it, the time of its arrival, and the
camera's public key, so that it can be verified also when the camera has another key by then. A
check-in names no wearer.

Of each docking the first and the last check-in are kept, so that what happened in between belongs
to the days in between. The last one becomes a row when the camera has been out since; until then it
is in `check_ins`. A camera that only lies in its dock has one row a month. Rows are removed
`MONTHS` after their month. With a roster of who had which camera they say how often a wearer
pressed in a shift.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Select, delete, func, insert, select

from camerad.base.clock import SECOND
from camerad.container.jws import JwsError
from camerad.container.keys import KeyRing, PublicKey
from camerad.office.state import state_tables
from camerad.store import check_in
from camerad.store.check_in import CheckIn, Counters

MONTHS: Final = 25
"""How long a reading is kept after its month: two years can be compared, and one month to do it."""
MOST_BYTES: Final = 4 << 20
"""Of a camera's readings in a month: a thousand dockings. Beyond that none is added until the next
month, and nothing is lost by it, since counters go on."""
_TABLE: Final = state_tables.camera_readings


class Reading(msgspec.Struct, frozen=True):
    """A check-in that counts. kid: thumbprint of the camera's key. arrived_us: when it came,
    microseconds since 1970 by the server's clock. said: what the camera signed. token: as it signed
    it."""

    kid: str
    arrived_us: int
    said: CheckIn
    token: bytes

    @property
    def wall_us(self) -> int:
        """When it was made: as signed, if the camera's clock was confirmed; else when it came."""
        return self.said.clock.wall_us if self.said.clock.trusted else self.arrived_us


def parse_reading(key: PublicKey, arrived_us: int, statement: str) -> Reading | None:
    """A reading; None if the camera with this key did not sign the statement."""
    try:
        token = statement.encode("ascii")
        said = check_in.parse(token, KeyRing([key]))
    except (JwsError, UnicodeEncodeError):
        return None
    return Reading(key.thumbprint, arrived_us, said, token)


def follows(said: CheckIn, last: CheckIn) -> bool:
    """Whether a statement is newer than another one of the same camera. Its ledger says so, since
    it only grows; where that did not grow, boot time does, within one boot."""
    head, before = (said.head.epoch, said.head.sequence), (last.head.epoch, last.head.sequence)
    if head == before:
        return said.boot_id == last.boot_id and said.clock.boot_us > last.clock.boot_us
    return head > before


def was_out(one: Counters, other: Counters) -> bool:
    """Whether the camera was used between two readings."""
    return _use(one) != _use(other)


def _use(counters: Counters) -> tuple[object, ...]:
    return (
        counters.entered,
        counters.recordings,
        counters.stages,
        counters.shift_us,
        counters.shifts,
    )


def keep(rows: Connection, key: PublicKey, new: Reading, last: Reading | None) -> None:
    """Keep what is needed of a check-in that counts; in its transaction. last: the one before it,
    as the office has it. One that is not newer than what is kept adds nothing."""
    newest = _TABLE.c.number.desc()
    found = rows.execute(_of_camera(key.thumbprint).order_by(newest).limit(1)).first()
    kept = None if found is None else parse_reading(key, found.arrived_us, found.statement)
    if kept is not None and not follows(new.said, kept.said):
        return
    month_us = _month_start(new.arrived_us)
    wanted = []
    if kept is None or was_out(new.said.counters, kept.said.counters):
        if last is not None and (kept is None or follows(last.said, kept.said)):
            wanted.append(last)
        wanted.append(new)
    elif month_us != _month_start(kept.arrived_us):
        wanted.append(new)
    if not wanted:
        return
    size = func.coalesce(func.sum(func.length(_TABLE.c.statement)), 0)
    of_month = select(size).where(
        _TABLE.c.camera == key.thumbprint, _TABLE.c.arrived_us >= month_us
    )
    there = rows.execute(of_month).scalar_one()
    if there + sum(len(one.token) for one in wanted) <= MOST_BYTES:
        add(rows, key, 0 if found is None else found.number + 1, wanted)


def add(rows: Connection, key: PublicKey, number: int, readings: Iterable[Reading]) -> None:
    """Add a camera's readings, each newer than the one before. number: of the first one."""
    jwk = json.dumps(key.jwk)
    for place, one in enumerate(readings, number):
        rows.execute(
            insert(_TABLE).values(
                camera=key.thumbprint,
                number=place,
                arrived_us=one.arrived_us,
                key=jwk,
                statement=one.token.decode("ascii"),
            )
        )


def list_cameras(rows: Connection) -> list[str]:
    """Thumbprints of the cameras of which there are readings, in order."""
    return list(rows.scalars(select(_TABLE.c.camera).distinct().order_by(_TABLE.c.camera)))


def read(rows: Connection, kid: str) -> Iterator[Reading]:
    """The readings of a camera, oldest first. Rows that it did not sign, or that are not newer than
    those before, count for nothing."""
    last: Reading | None = None
    for row in rows.execute(_of_camera(kid).order_by(_TABLE.c.number)):
        try:
            key = PublicKey.from_jwk(json.loads(row.key))
        except (ValueError, RecursionError):
            continue
        one = parse_reading(key, row.arrived_us, row.statement)
        if one is not None and one.kid == kid and (last is None or follows(one.said, last.said)):
            last = one
            yield one


def expire(rows: Connection, now_us: int, months: int = MONTHS) -> int:
    """Remove what arrived in a month that is over for so many; returns how many readings. now_us:
    microseconds since 1970, by a clock that can be trusted."""
    first_us = _month_start(now_us, months)
    return rows.execute(delete(_TABLE).where(_TABLE.c.arrived_us < first_us)).rowcount


def _of_camera(kid: str) -> Select[Any]:
    return select(_TABLE).where(_TABLE.c.camera == kid)


def _month_start(wall_us: int, before: int = 0) -> int:
    """When a month began, so many months before this one; in UTC, microseconds since 1970."""
    now = datetime.fromtimestamp(wall_us // SECOND, UTC)
    year, month = divmod(now.year * 12 + now.month - 1 - before, 12)
    return round(datetime(year, month + 1, 1, tzinfo=UTC).timestamp()) * SECOND
