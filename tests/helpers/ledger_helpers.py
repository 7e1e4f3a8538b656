"""A device's ledger on a clock that stands still until it is moved."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from camerad.base.clock import ManualClock, Moment
from camerad.container.keys import KeyRing, SigningKey
from camerad.container.severity import Severity
from camerad.ledger import entries, log_segments
from camerad.ledger.claim import Claim
from camerad.ledger.entries import Entry
from camerad.ledger.ledger import Head, Ledger, LedgerFinding, LedgerState, read_ledger

KEY: Final = SigningKey.generate()
KEYS: Final = KeyRing([KEY.public])
OTHER: Final = SigningKey.generate()
DAYS: Final = 14

CALLS: Final = ("open", "pwritev", "fdatasync", "fsync", "rename", "unlink", "ftruncate", "mkdir")
"""What a ledger asks of the operating system that can go wrong."""


class Book:
    """A ledger in `directory`, opened and reopened."""

    def __init__(self, directory: Path, clock: ManualClock | None = None) -> None:
        self.path = directory
        self.clock = clock or ManualClock()
        self.key = KEY
        self.ledger = self.open()

    def open(self, former: KeyRing | None = None) -> Ledger:
        """Open it again, as the next start does."""
        if hasattr(self, "ledger"):
            self.ledger.close()
        self.ledger = Ledger.open(Claim(str(self.path)), self.key, self.clock, former)
        return self.ledger

    @property
    def state(self) -> LedgerState:
        return self.ledger.state

    def opened(self, name: str) -> None:
        self.ledger.append("opened", id=name, header=f"header of {name}")

    def closed(self, name: str, **facts: Any) -> None:
        self.ledger.append("closed", **(ended(name, self.clock.moment()) | facts))

    def record(self, *names: str, **facts: Any) -> None:
        """Recordings that begin and end at once."""
        for name in names:
            self.opened(name)
            self.closed(name, **facts)

    def hold(self, name: str) -> None:
        self.ledger.append("hold", id=name, reason="prosecutor", who="Desk")

    def file(self, number: int = 0) -> Path:
        """The file of an epoch, by default of the newest."""
        return self.path / log_segments.epoch_name(number or self.ledger.head.epoch)

    def lines(self, number: int = 0) -> list[bytes]:
        return self.file(number).read_bytes().splitlines(keepends=True)

    def entries(self, number: int = 0) -> list[Entry]:
        content = self.file(number).read_bytes()
        return [line.entry for line in entries.read_lines(content, KEYS) if line.entry is not None]

    def kinds(self, number: int = 0) -> list[str]:
        return [entry.kind for entry in self.entries(number)]

    def check(
        self, head: Head | None = None, keys: KeyRing = KEYS
    ) -> tuple[LedgerState, list[LedgerFinding]]:
        return read_ledger(str(self.path), keys, head)

    def damage(self, head: Head | None = None, keys: KeyRing = KEYS) -> list[str]:
        """What a check finds to be wrong."""
        return damage_in(self.path, head, keys)

    def names(self) -> list[str]:
        return sorted(os.listdir(self.path))


def found_in(
    directory: Path, head: Head | None = None, keys: KeyRing = KEYS
) -> tuple[list[str], list[str]]:
    """What a check of a ledger finds to be wrong, and what it finds worth knowing."""
    _, findings = read_ledger(str(directory), keys, head)
    damage = [str(one) for one in findings if one.severity is Severity.DAMAGE]
    return damage, [str(one) for one in findings if one.severity is Severity.NOTE]


def damage_in(directory: Path, head: Head | None = None, keys: KeyRing = KEYS) -> list[str]:
    """What a check of a ledger finds to be wrong."""
    return found_in(directory, head, keys)[0]


def notes_in(directory: Path, head: Head | None = None, keys: KeyRing = KEYS) -> list[str]:
    """What a check of a ledger finds worth knowing."""
    return found_in(directory, head, keys)[1]


def ended(name: str, moment: Moment, **facts: Any) -> dict[str, Any]:
    """Facts of a recording that ended at `moment`."""
    return {
        "id": name,
        "final": f"final of {name}",
        "retention_days": DAYS,
        "ended": moment,
        "flagged": False,
        "reason": "stop",
    } | facts


class Fails:
    """Makes calls of the operating system fail. at: which call in turn, counted from 0; that one
    fails, and all others work. calls: how many there were."""

    def __init__(self, at: int, code: int = errno.EIO) -> None:
        self.at = at
        self.code = code
        self.calls = 0
        self.hit = ""

    def __call__(self, name: str, call: Callable[..., Any], *args: Any, **named: Any) -> Any:
        self.calls += 1
        if self.calls - 1 == self.at:
            self.hit = name
            raise OSError(self.code, os.strerror(self.code))
        return call(*args, **named)


@contextmanager
def failing(
    monkeypatch: pytest.MonkeyPatch, at: int, code: int = errno.EIO, calls: tuple[str, ...] = CALLS
) -> Iterator[Fails]:
    """In the block, the call number `at` among `calls` fails."""
    fails = Fails(at, code)
    with monkeypatch.context() as patched:
        for name in calls:
            real = getattr(os, name)

            def replaced(
                *args: Any, _name: str = name, _real: Callable[..., Any] = real, **named: Any
            ) -> Any:
                return fails(_name, _real, *args, **named)

            patched.setattr(os, name, replaced)
        yield fails
