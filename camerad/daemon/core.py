"""Shared core of the daemon's parts."""

from __future__ import annotations

from typing import Any, Protocol

import msgspec

from camerad.base.async_utils import EventLoop
from camerad.base.clock import Clock
from camerad.behaviour import stages
from camerad.behaviour.signals import Detail
from camerad.daemon.conditions import Conditions
from camerad.daemon.dispatcher import Dispatcher


class Core(msgspec.Struct, frozen=True):
    """The state and its events, the conditions, the loop with its threads, the time, and how much
    is told by rhythms."""

    dispatcher: Dispatcher
    conditions: Conditions
    loop: EventLoop
    clock: Clock
    detail: Detail = Detail.BASIC

    @classmethod
    def made(cls, rules: stages.Rules, clock: Clock, detail: Detail = Detail.BASIC) -> Core:
        """All of it, for a camera that starts with these rules. A part can be built on it alone."""
        dispatcher = Dispatcher(rules, clock)
        return cls(dispatcher, Conditions(dispatcher, clock), EventLoop(), clock, detail)

    @property
    def state(self) -> stages.State:
        """The state as it is now."""
        return self.dispatcher.state

    def post(self, *events: stages.Event) -> None:
        """As `Dispatcher.post`."""
        self.dispatcher.post(*events)

    def now_us(self) -> int:
        """Media time, in microseconds."""
        return self.clock.now_us()


class Note(Protocol):
    """Has the ledger say something (`camerad.ledger.entry_types`), with the moment at which this is
    called; returns at once."""

    def __call__(self, kind: str, **facts: Any) -> None: ...
