"""Ledgers that a camera with its key may bring, and that cost whoever reads them the most: every
entry is signed and follows the one before, and every file is within what the office takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any, Final

from camerad.base.clock import SECOND, ClockSource, Moment
from camerad.container.keys import SigningKey
from camerad.ledger import entries, log_segments
from camerad.ledger.boot_runs import BootRun
from camerad.ledger.entries import NOTHING, Entry
from camerad.ledger.entry_types import Carried, EpochBegun
from camerad.office.server.ledger_copy import LARGEST, MOST_LINES

WORDS: Final = "x" * 200
_CHUNK: Final = 2_000


class HostileLedger:
    """Goes on from epoch to epoch. key: the camera's."""

    def __init__(self, key: SigningKey, boot: str = "boot") -> None:
        self._key = key
        self._boot = boot
        self._head = NOTHING
        self._at_us = 0
        self._named = 0

    def epoch(
        self, facts: Iterable[Any], carried: Iterable[Carried] = (), largest: int = LARGEST
    ) -> tuple[str, bytes]:
        """Name and content of the next file: as many of these entries as go into it."""
        number = self._head.epoch + 1
        before = list(carried)
        begun = EpochBegun(number, None, 1, None, "idle", None, len(before))
        lines: list[bytes] = []
        size = 0
        for one in chain((begun,), before, facts):
            entry = self._sign(one)
            if size + len(entry.token) >= largest or len(lines) == MOST_LINES:
                break
            self._head = entry.head
            lines.append(entry.token + b"\n")
            size += len(lines[-1])
        return log_segments.epoch_name(number), b"".join(lines)

    def more(self, facts: Iterable[Any]) -> bytes:
        """These entries, behind the last one."""
        lines = []
        for one in facts:
            entry = self._sign(one)
            self._head = entry.head
            lines.append(entry.token + b"\n")
        return b"".join(lines)

    def _sign(self, facts: Any) -> Entry:
        self._at_us += 1_000
        clock = Moment(self._at_us, 0, ClockSource.UNKNOWN)
        return entries.sign_entry(self._key, self._head, self._boot, clock, facts)

    def holds(self) -> Iterator[Any]:
        """Holds without end, each on another recording that is nowhere."""
        while True:
            self._named += 1
            one = f"20261124T153000Z-{self._named:06}-{self._named:08}"
            yield entries.facts_of_kind("hold", {"id": one, "reason": WORDS, "who": WORDS})

    def ends(self) -> Iterator[Any]:
        """Ends of recordings in boots that are nowhere."""
        while True:
            self._named += 1
            one = f"20261124T153000Z-{self._named:06}-{self._named:08}"
            facts = {
                "id": one,
                "final": "f",
                "retention_days": 1,
                "ended": Moment(1, SECOND, ClockSource.SYNCHRONISED),
                "ended_boot": "nowhere",
                "flagged": False,
                "reason": "stop",
            }
            yield entries.facts_of_kind("closed", facts)


def runs(count: int) -> Iterator[Carried]:
    """So many runs, carried."""
    for first in range(1, count + 1, _CHUNK):
        numbers = range(first, min(first + _CHUNK, count + 1))
        yield Carried(tuple(BootRun(one, f"boot {one}", 0, 0, 0) for one in numbers), (), ())
