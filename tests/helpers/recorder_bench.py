"""A recorder as it runs in the daemon, on the real ring, with a clock that a test moves."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from evidence_helpers import (
    FPS,
    HEIGHT,
    WIDTH,
    time_of,
)
from sink_helpers import members, open_sink

from camerad.base.clock import ManualClock
from camerad.base.errors import StorageError
from camerad.container import jws
from camerad.container.recording_files import new_id
from camerad.container.statements import (
    COMMIT,
    END,
    HEADER,
    Closing,
    FragmentFacts,
    Header,
    RecordingInfo,
)
from camerad.recording.audio_track import AudioSpec, AudioTrack
from camerad.recording.container_writer import Sink
from camerad.recording.recorder import Recorder
from camerad.recording.recording_spec import RecordingSpec
from camerad.recording.remainder import Remainder
from camerad.store.listing import list_recordings
from camerad.stream.ring import Ring
from camerad.stream.sound_messages import SoundFormat
from tests import waiting

DEADLINE = 60.0
"""Seconds after which a test gives up waiting for a thread."""
until = partial(waiting.until, seconds=DEADLINE, pause=0.001)


def plan(trigger: int, pre_event_us: int = 0, **changes: Any) -> RecordingSpec:
    """A plan whose trigger falls together with picture `trigger`."""
    facts: dict[str, Any] = {
        "device": "cam-1",
        "trigger": "button:main",
        "trigger_us": time_of(trigger),
        "pre_event_wanted_us": pre_event_us,
        "policy": "generic",
        "retention_days": 14,
        "width": WIDTH,
        "height": HEIGHT,
        "fps": FPS,
        "encoder": "libx264",
        "software": "camerad test",
    }
    return RecordingSpec(**(facts | changes))


@dataclass
class Bench:
    """A ring, a clock, a directory, and what the recorder reported."""

    directory: str
    ring: Ring = field(default_factory=lambda: Ring(1 << 20, 30, lock=False))
    clock: ManualClock = field(default_factory=lambda: ManualClock(time_of(0)))
    opened: list[str] = field(default_factory=list)
    closed: list[RecordingInfo | None] = field(default_factory=list)
    failed: list[Exception] = field(default_factory=list)
    troubles: list[StorageError | None] = field(default_factory=list)
    recorder: Recorder | None = None
    sound_ring: Ring = field(default_factory=lambda: Ring(1 << 20, 30, 21_333, lock=False))
    track: AudioTrack | None = None

    def with_sound(self, *, pre_event: bool = False, form: SoundFormat | None = None) -> AudioTrack:
        """Have the recording that starts next follow the ring for sound too."""
        wanted = AudioSpec("hw:1", 48_000, 1, pre_event)
        self.track = AudioTrack(self.sound_ring, wanted, lambda: form)
        return self.track

    def start(
        self,
        what: RecordingSpec,
        make: Callable[[str, Header, bytes], Sink] = open_sink,
        stop_at: int | None = None,
        begins: Remainder | None = None,
    ) -> Recorder:
        """stop_at: the last picture wanted, known from the beginning. begins: as for `Recorder`."""
        recorder = Recorder(
            self.ring,
            what,
            self.clock,
            new_id=lambda wall_us: new_id(self.directory, wall_us),
            open_sink=lambda header, init: make(self.directory, header, init),
            on_opened=self.opened.append,
            on_closed=self.closed.append,
            on_failed=self.failed.append,
            on_trouble=self.troubles.append,
            sound=self.track,
            begins=begins,
        )
        self.recorder = recorder
        if stop_at is not None:
            recorder.stop(time_of(stop_at), deadline=1)
        recorder.start()
        return recorder

    def looks(self) -> None:
        """Let the recorder look at the clock twice, a microsecond apart: what it found in the first
        turn, it has acted on by the second."""
        recorder = self.recorder
        assert recorder is not None
        for _ in range(2):
            self.clock.advance(1)
            recorder._reader.interrupt()
            until(lambda: recorder.turned_us == self.clock.now_us() or recorder.join(0))

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

    def statements(self, kind: str) -> list[dict[str, Any]]:
        """The payloads of the recording's statements of that kind, such as ``camerad-commit``."""
        (path,) = Path(self.directory).glob("*.tar")
        contents = (data for name, data in members(path).items() if name.endswith(".jws"))
        return [json.loads(one.payload) for one in map(jws.parse, contents) if one.kind == kind]

    def facts(self) -> list[dict[str, Any]]:
        """What the commits say."""
        return [payload["facts"] for payload in self.statements(COMMIT)]

    def header(self) -> dict[str, Any]:
        """What the header says."""
        (payload,) = self.statements(HEADER)
        return payload

    def closing(self) -> dict[str, Any]:
        """What the end says."""
        (payload,) = self.statements(END)
        closing: dict[str, Any] = payload["closing"]
        return closing


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

    @property
    def sealed_bytes(self) -> int:
        return self._sink.sealed_bytes

    def append(self, fragment: bytes, facts: FragmentFacts) -> None:
        self.stalled.set()
        assert self.go_on.wait(DEADLINE)
        self._sink.append(fragment, facts)

    def retry(self) -> None:
        self._sink.retry()

    def close(self, closing: Closing) -> str:
        return self._sink.close(closing)
