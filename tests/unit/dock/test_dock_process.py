"""The whole process beside a real control socket, a real store, and a small office."""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from authority import Authority
from evidence_helpers import a_header, seconds_of_footage, time_of
from msgspec.structs import replace
from sink_helpers import DESK, a_closing, a_facts, fragments
from small_office import Fault, SmallOffice

from camerad.base.clock import ManualClock, Moment, SystemClock
from camerad.base.errors import EX_CONFIG
from camerad.behaviour.dock_progress import (
    NOT_HEARD,
    HandoverProgress,
    HandoverState,
    HandoverTrouble,
)
from camerad.config import Settings, load
from camerad.container.keys import KeyRing, encode_base64url
from camerad.control.metrics import Metrics
from camerad.control.server import Control
from camerad.daemon.store_worker import StoreWorker
from camerad.dock import office_connection, office_pass
from camerad.dock.handover import HandoverMemory
from camerad.dock.office_pass import OfficePass
from camerad.dock.progress_teller import NoReport
from camerad.store import check_in
from tests.system.harness import configuration
from tests.waiting import until

ID = "20261124T153000Z-00000{}-00000001"
DEADLINE = 30.0
IDLE = {
    "stage": "idle",
    "conditions": [],
    "recording": None,
    "clock": "synchronised",
    "version": "0.1.0",
    "ready": True,
}
DOCKED = {**IDLE, "conditions": ["docked"]}
RECORDING = {**DOCKED, "stage": "recording", "recording": {"id": "x"}}


class _DaemonClock(ManualClock):
    """Stands still, but for the date and time, which are the machine's."""

    def moment(self) -> Moment:
        return replace(super().moment(), wall_us=SystemClock().wall_us())


class Camera:
    """A camera's store behind its control socket; its state is what a test says."""

    device = "camera-07"
    shifts: Any = None

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.state: dict[str, Any] = IDLE
        # Both ends of the socket have one clock, by which the daemon signs what is of now.
        clock = _DaemonClock(time_of(30))
        nothing: Callable[[object], None] = lambda _what: None  # noqa: E731
        self._keeping = StoreWorker(
            settings, clock, on_opened=nothing, on_trouble=nothing, on_broken=nothing
        )
        self._keeping.start()
        self.key = self._keeping.ask(lambda _store, key: key).result(20)
        self._clock = clock
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever)
        self._thread.start()
        self._control: Control | None = None
        self.words: list[HandoverProgress] = []

    @property
    def handover(self) -> Camera:
        return self

    async def hear(self, word: HandoverProgress) -> None:
        self.words.append(word)

    def disputes(self, *, holds: bool) -> None:
        """Not asked here."""

    def counters(self) -> dict[str, Any]:
        return Metrics(0).dump()

    def record(self, number: int) -> str:
        name, moment = ID.format(number), self._clock.moment()
        header = replace(a_header(), id=name, boot_id=self._clock.boot_id, clock=moment)
        init, pieces = fragments(seconds_of_footage(1))
        sink = self._keeping.open_sink(header, init)
        for sequence, data in enumerate(pieces):
            sink.append(data, replace(a_facts(sequence), clock=moment))
        sink.close(replace(a_closing(), boot_id=self._clock.boot_id, clock=moment))
        return name

    def listed(self) -> list[dict[str, Any]]:
        return self._keeping.ask(
            lambda store, _key: [one.as_json() for one in store.recordings()]
        ).result(20)

    def acknowledged(self) -> set[str]:
        return {one["id"] for one in self.listed() if one["acknowledged"]}

    # What the control socket asks of the daemon.

    def ask(self, work: Callable[..., Any]) -> Awaitable[Any]:
        return asyncio.wrap_future(self._keeping.ask(work))

    def status(self) -> dict[str, Any]:
        return self.state

    def health(self) -> dict[str, Any]:
        return {}

    def intend(self, _intent: Any, _source: str) -> None:
        return None

    def metrics(self) -> str:
        return ""

    async def list_recordings(self) -> list[dict[str, Any]]:
        return await self.ask(lambda store, _key: [one.as_json() for one in store.recordings()])

    # Its life.

    def listen(self) -> None:
        directory, office = str(self.settings.device.runtime_dir), self.settings.office
        self._control = Control(self, directory, None, office=office)
        self._on_loop(self._control.open())

    def tell(self, state: dict[str, Any]) -> None:
        self.state = state
        if self._control is not None:
            self.loop.call_soon_threadsafe(self._control.changed)

    def hang_up(self) -> None:
        if self._control is not None:
            self._on_loop(self._control.close())
            self._control = None

    def close(self) -> None:
        self.hang_up()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(20)
        self.loop.close()
        self._keeping.close(20)

    def _on_loop(self, work: Any) -> None:
        asyncio.run_coroutine_threadsafe(work, self.loop).result(20)


class Scene:
    def __init__(self, directory: Path, ca: Authority, context: Any) -> None:
        os.makedirs(directory / "state/recordings")
        (directory / "run").mkdir()
        own = {"state_dir": str(directory / "state"), "runtime_dir": str(directory / "run")}
        made = {"recipients": [str(DESK.to_public())], "device": own}
        bare = Camera(load(configuration(directory, **made)))
        self.office = SmallOffice(bare.key.public, context)
        key = encode_base64url(self.office.key.public.raw)
        server = {"url": self.office.url, "ca": ca.pem, "key": key, "mbit_per_second": 1000}
        self.config = configuration(directory, **made, office=server)
        bare.settings = load(self.config)
        self.camera = bare
        self.office.is_sound = self._is_sound
        self.office.start()
        self.camera.listen()
        self.notified = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notified.bind(str(directory / "notify"))
        self.notified.settimeout(DEADLINE)
        self._notify = str(directory / "notify")
        self.processes: list[subprocess.Popen[bytes]] = []
        self.told: list[str] = []

    def _is_sound(self, content: bytes, final: str) -> bool:
        return any(
            one["final"] == final and Path(one["path"]).read_bytes() == content
            for one in self.camera.listed()
        )

    def start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "camerad.dock", "--config", str(self.config)]
        variables = {**os.environ, "NOTIFY_SOCKET": self._notify}
        self.processes.append(subprocess.Popen(command, env=variables))
        self.hear("READY=1")
        return self.processes[-1]

    def hear(self, what: str) -> None:
        """What the process tells systemd, up to this."""
        while True:
            self.told += self.notified.recv(4096).decode().splitlines()
            if what in self.told:
                self.told = self.told[self.told.index(what) + 1 :]
                return

    def wait(self, condition: Callable[[], bool]) -> None:
        until(condition, DEADLINE, lambda: str(self.office.requests))

    def close(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait(20)
        self.notified.close()
        self.camera.close()
        self.office.stop()


@pytest.fixture
def scene(tmp_path: Path, ca: Authority, context: Any) -> Iterator[Scene]:
    made = Scene(tmp_path, ca, context)
    yield made
    made.close()


ALL = "STATUS=everything is handed over"


def test_a_camera_in_its_dock_hands_over_and_a_worn_one_does_not(scene: Scene) -> None:
    names = {scene.camera.record(number) for number in (1, 2)}
    process = scene.start()
    assert scene.office.requests == []
    scene.camera.tell(DOCKED)
    scene.hear(ALL)
    assert scene.camera.acknowledged() == names == set(scene.office.recordings)
    everything = HandoverProgress(HandoverState.HANDED_OVER, 2, 2)
    scene.wait(lambda: scene.camera.words[-1:] == [everything])
    # While it was worn nothing was told; then each word is one of its table.
    assert scene.camera.words[0] == NOT_HEARD
    assert {one.total for one in scene.camera.words[1:]} == {2}
    # The ledger that the office has by now says so, and what is recorded next comes by itself.
    assert sorted(scene.office.ledger) == ["000001.jws"]
    keys = KeyRing([scene.camera.key.public])
    before, after = (check_in.parse(said, keys) for said in scene.office.check_ins)
    assert (before.recordings.unacknowledged, after.recordings.unacknowledged) == (2, 0)
    scene.camera.tell(RECORDING)
    third = scene.camera.record(3)
    scene.camera.tell(DOCKED)
    scene.wait(lambda: third in scene.camera.acknowledged())
    process.send_signal(signal.SIGTERM)
    assert process.wait(DEADLINE) == 0


def test_it_stops_for_a_press_and_goes_on_afterwards(scene: Scene) -> None:
    name = scene.camera.record(1)
    scene.office.faults = [Fault("PATCH", "/v1/", seconds=DEADLINE)]
    scene.start()
    scene.camera.tell(DOCKED)
    scene.wait(lambda: ("PATCH", f"/v1/uploads/{name}") in scene.office.requests)
    scene.camera.tell(RECORDING)
    scene.hear("STATUS=the camera is in use")
    count = len(scene.office.requests)
    scene.camera.tell(DOCKED)
    scene.hear(ALL)
    assert len(scene.office.requests) > count
    assert scene.camera.acknowledged() == {name}


def test_it_ends_while_an_office_keeps_it_waiting(scene: Scene) -> None:
    scene.camera.record(1)
    scene.office.faults = [Fault("GET", "/v1/ledger", seconds=10 * DEADLINE)]
    process = scene.start()
    scene.camera.tell(DOCKED)
    scene.wait(lambda: ("GET", "/v1/ledger") in scene.office.requests)
    process.send_signal(signal.SIGTERM)
    # Before it gives up an office that says nothing.
    assert process.wait(0.8 * office_connection.SILENCE_SECONDS) == 0


def test_a_daemon_that_starts_anew_is_found_again(scene: Scene) -> None:
    first = scene.camera.record(1)
    scene.start()
    scene.camera.tell(DOCKED)
    scene.hear(ALL)
    scene.camera.hang_up()
    scene.hear("STATUS=waiting for the dock")
    second = scene.camera.record(2)
    scene.camera.listen()
    scene.hear(ALL)
    assert scene.camera.acknowledged() == {first, second}


def test_an_office_that_is_away_harms_nothing_and_is_found_at_the_next_docking(
    scene: Scene,
) -> None:
    name = scene.camera.record(1)
    scene.office.stop()
    scene.start()
    scene.camera.tell(DOCKED)
    scene.hear("STATUS=it does not work: see the log")
    failed = HandoverProgress(HandoverState.FAILED, trouble=HandoverTrouble.NETWORK)
    scene.wait(lambda: failed in scene.camera.words)
    # Of the first attempt alone nobody is alarmed: a network needs some seconds.
    assert set(scene.camera.words[: scene.camera.words.index(failed)]) == {NOT_HEARD}
    scene.office.start()
    scene.camera.tell(IDLE)
    scene.hear("STATUS=waiting for the dock")
    scene.camera.tell(DOCKED)
    scene.hear(ALL)
    assert scene.camera.acknowledged() == {name}


def test_without_an_office_it_ends_at_once(scene: Scene, tmp_path: Path) -> None:
    document = yaml.safe_load(scene.config.read_text())
    del document["office"]
    scene.config.write_text(yaml.safe_dump(document))
    assert scene.start().wait(DEADLINE) == 0


def test_a_configuration_with_mistakes_is_told(scene: Scene, tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("policy: generic\noffice: {url: x}\n")
    command = [sys.executable, "-m", "camerad.dock", "--config", str(tmp_path / "bad.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=DEADLINE)
    assert done.returncode == EX_CONFIG
    assert "office.url" in done.stderr


def test_a_camera_whose_clock_nobody_vouches_for_hands_over(
    scene: Scene, tmp_path: Path, ca: Authority
) -> None:
    """One pass, as the process makes it."""
    name = scene.camera.record(1)
    settings = scene.camera.settings
    assert settings.office is not None
    one = OfficePass(
        settings,
        settings.office,
        SystemClock(),
        HandoverMemory(),
        clock_vouched_for=False,
        report=NoReport(),
    )
    assert one.run().acknowledged == (name,)
    one.close()


def test_a_pass_brings_the_update_when_all_is_handed_over(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the process makes it, on a camera that was made from an image."""
    monkeypatch.setattr(office_pass, "image_version", lambda: "0.1.0-1")
    office, bundle, updates = scene.office, bytes(range(256)) * 12_000, tmp_path / "updates"
    office.update = bundle
    updates.mkdir()
    scene.camera.record(1)
    settings = scene.camera.settings
    assert settings.office is not None
    made = replace(settings, device=replace(settings.device, provision_dir=tmp_path / "kept"))

    def one_pass(given: Settings, place: str | None) -> list[str]:
        assert given.office is not None
        one = OfficePass(
            given,
            given.office,
            SystemClock(),
            HandoverMemory(),
            clock_vouched_for=True,
            report=NoReport(),
            updates=place,
        )
        assert one.run().complete
        assert os.listdir(updates) == [], "recordings go first"
        one.bring_update()
        one.close()
        return sorted(os.listdir(updates))

    assert one_pass(made, None) == []
    assert one_pass(settings, str(updates)) == [], "a camera that was set up by hand"
    sha256 = hashlib.sha256(bundle).hexdigest()
    assert one_pass(made, str(updates)) == [f"{sha256}.raucb", "ready"]
    assert (updates / f"{sha256}.raucb").read_bytes() == bundle
