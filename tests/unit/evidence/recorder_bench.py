"""A recorder as it runs in the daemon, on the real ring, with a clock that a test moves."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evidence_helpers import (
    FPS,
    HEIGHT,
    WIDTH,
    time_of,
)

from camerad.clock import ManualClock
from camerad.evidence.recorder import Plan, Recorder
from camerad.evidence.records import Commit, End, Header, RecordingInfo
from camerad.evidence.sink import Sink, list_recordings, open_sink
from camerad.stream.ring import Ring

DEADLINE = 10.0
"""Seconds after which a test gives up waiting for a thread."""


def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition."""
    limit = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < limit, "it did not happen"
        time.sleep(0.001)


def plan(trigger: int, pre_event_us: int = 0, **changes: Any) -> Plan:
    """A plan whose trigger falls together with picture `trigger`."""
    facts: dict[str, Any] = {
        "device": "cam-1",
        "trigger": "button:main",
        "trigger_us": time_of(trigger),
        "pre_event_wanted_us": pre_event_us,
        "policy": "generic",
        "width": WIDTH,
        "height": HEIGHT,
        "fps": FPS,
        "encoder": "libx264",
        "software": "camerad test",
    }
    return Plan(**(facts | changes))


@dataclass
class Bench:
    """A ring, a clock, a directory, and what the recorder reported."""

    directory: str
    ring: Ring = field(default_factory=lambda: Ring(1 << 20, 30, lock=False))
    clock: ManualClock = field(default_factory=lambda: ManualClock(time_of(0)))
    opened: list[str] = field(default_factory=list)
    closed: list[RecordingInfo | None] = field(default_factory=list)
    failed: list[Exception] = field(default_factory=list)
    recorder: Recorder | None = None

    def start(
        self,
        what: Plan,
        make: Callable[[str, Header, bytes], Sink] = open_sink,
        stop_at: int | None = None,
    ) -> Recorder:
        """stop_at: the last picture wanted, known from the beginning."""
        recorder = Recorder(
            self.ring,
            self.directory,
            what,
            self.clock,
            on_opened=self.opened.append,
            on_closed=self.closed.append,
            on_failed=self.failed.append,
            open_sink=make,
        )
        self.recorder = recorder
        if stop_at is not None:
            recorder.stop(time_of(stop_at), deadline=1)
        recorder.start()
        return recorder

    def finish(self) -> RecordingInfo:
        """Wait until the recording is closed as it should be."""
        assert self.recorder is not None
        assert self.recorder.join(DEADLINE)
        assert self.failed == []
        (info,) = self.closed
        assert info is not None
        assert info == self.recorder.info
        assert list_recordings(self.directory) == [info]
        assert self.opened == [info.id]
        return info

    def facts(self, name: str) -> list[dict[str, Any]]:
        """What the recording's file says under that name."""
        (path,) = Path(self.directory).glob("*.jsonl")
        lines = map(json.loads, path.read_text().splitlines())
        return [line[name] for line in lines if name in line]


class Stalling:
    """A storage that stands still with the first fragment until it may go on."""

    def __init__(self) -> None:
        self.stalled = threading.Event()
        self.go_on = threading.Event()

    def open(self, directory: str, header: Header, init: bytes) -> Sink:
        self._sink = open_sink(directory, header, init)
        return self

    @property
    def path(self) -> str:
        return self._sink.path

    def append(self, fragment: bytes, commit: Commit) -> None:
        self.stalled.set()
        assert self.go_on.wait(DEADLINE)
        self._sink.append(fragment, commit)

    def close(self, end: End) -> None:
        self._sink.close(end)
