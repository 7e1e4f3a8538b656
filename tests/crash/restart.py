"""A restart of production code on what a loss of power left, quickly."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Final
from unittest import mock

from camerad.base.clock import SECOND, ClockSource, ManualClock
from camerad.container import jws, ustar
from camerad.container.keys import KeyRing, PublicKey, SigningKey
from camerad.container.recording_files import is_locked
from camerad.ledger import entries, log_segments
from camerad.ledger.entries import Entry
from camerad.ledger.entry_types import EpochBegun
from camerad.ledger.ledger_state import LedgerState
from camerad.store import listing
from tests.crash.device import OFFICE, Device
from tests.crash.judge import LifeJudge

_MOST: Final = 100_000


class Restarter:
    """Restarts a device. judge: knows what time it is; source: whether the device does. One that
    does is offloaded again, if it was before; so both are tried, with and without that."""

    def __init__(self, judge: LifeJudge, source: ClockSource = ClockSource.SYNCHRONISED) -> None:
        self._judge = judge
        self._source = source

    def __call__(self, root: str) -> None:
        """Raises whatever production code raises."""
        wall_us = self._judge.expected.wall_us + 60 * SECOND
        clock = ManualClock(20 * SECOND, wall_us, self._source)
        clock._boots = 1000  # a boot that is none of the life's
        device = Device(root, clock)
        try:
            device.start()
            trusted = self._source is not ClockSource.UNKNOWN
            if trusted and os.path.isdir(os.path.join(root, OFFICE, "office")):
                # An offload had begun, and goes on.
                device.offload(os.path.join(root, OFFICE))
        finally:
            device.abandon()


@contextmanager
def remembered() -> Iterator[None]:
    """Meanwhile, signatures and entries that were checked once are not checked again: the same
    bytes give the same answer, and most of a state is as in the one before."""
    pure = (
        (PublicKey, "verify", lambda key, *rest: (key.raw, *rest)),
        (SigningKey, "from_pem", lambda pem: pem),
        (listing, "read_info", _recording),
        (log_segments, "read_epoch", _following),
        (entries, "parse_entry", lambda token, keys: (bytes(token), frozenset(keys))),
        (jws, "parse", bytes),
        (jws, "decode", lambda statement, *asked: (statement.token, *asked)),
        (ustar, "header", lambda name, size: (name, size)),
        (ustar, "parse", bytes),
        (LedgerState, "with_entry", _after),
    )
    with ExitStack() as patches:
        for owner, name, key in pure:
            remembering = _remember(getattr(owner, name), key)
            patches.enter_context(mock.patch.object(owner, name, remembering))
        yield


def _recording(path: str) -> object:
    """None of one that runs, or cannot be read: that is told afresh each time."""
    try:
        with open(path, "rb") as file:
            return None if is_locked(file.fileno()) else (path, file.read())
    except OSError:
        return None


def _following(
    before: LedgerState | None, number: int, content: bytes, keys: KeyRing, take: object = None
) -> object:
    """What was before is the same object again if it was remembered, or that of a new ledger. None
    for a reader that takes entries one by one: it has to be given them each time."""
    if take is not None:
        return None
    known = _BEGINNING if before == _BEGINNING else before
    return known and _Same(known), number, content, frozenset(keys)


_BEGINNING: Final = LedgerState()


def _after(before: LedgerState, entry: Entry) -> object:
    """Of a state the object itself will do: it follows from another one that is remembered."""
    if isinstance(entry.facts, EpochBegun):
        return before.started, entry.token
    return _Same(before), entry.token


class _Same:
    """Equal to what holds the same object, which lives as long."""

    __slots__ = ("_held",)

    def __init__(self, held: object) -> None:
        self._held = held

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other._held is self._held

    def __hash__(self) -> int:
        return id(self._held)


def _remember(call: Callable[..., Any], key: Callable[..., Any]) -> Callable[..., Any]:
    """key: of the arguments; None where there is none."""
    answers: dict[Any, Any] = {}

    def remembering(*arguments: Any) -> Any:
        asked = key(*arguments)
        if asked is None:
            return call(*arguments)
        if asked not in answers:
            if len(answers) > _MOST:
                answers.clear()
            try:
                answers[asked] = True, call(*arguments)
            except Exception as error:  # noqa: BLE001 - raised again each time
                answers[asked] = False, error
        good, answer = answers[asked]
        if not good:
            # With each time that it is raised it would hold more frames, and all that is in them.
            raise answer.with_traceback(None)
        return answer

    return remembering
