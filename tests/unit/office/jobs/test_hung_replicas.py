"""A store of replicas that says nothing holds up neither the start nor the end."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from desk_helpers import ONE, Camera
from msgspec.structs import replace

from camerad.evidence.holdings import directory_id
from camerad.office.replicas.directory_store import DirectoryStore
from camerad.office.replicas.replica_settings import ReplicaSettings, S3Settings
from camerad.office.replicas.replica_store import unsafe_store
from camerad.office.server import office_server
from camerad.office.server.office_settings import example
from tests.unit.office.jobs.test_replica_server import final_of
from tests.unit.office.server.office_scene import DEADLINE, OfficeScene
from tests.waiting import until

SOON = 10.0
"""Seconds; a systemd that waits for the end kills after thirty."""


class SilentStore:
    """It takes connections and never answers. `asked` is set at the first one."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._taken: list[socket.socket] = []
        self.asked = threading.Event()
        self.endpoint = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._take)
        self._thread.start()

    def _take(self) -> None:
        while True:
            try:
                self._taken.append(self._listener.accept()[0])
            except OSError:
                return
            self.asked.set()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(DEADLINE)
        for one in self._taken:
            one.close()


@pytest.fixture
def store() -> Iterator[SilentStore]:
    store = SilentStore()
    yield store
    store.close()


@pytest.fixture
def scene(tmp_path: Path, store: SilentStore) -> OfficeScene:
    scene = OfficeScene(tmp_path)
    credentials = tmp_path / "credentials"
    credentials.write_text("[default]\naws_access_key_id = a\naws_secret_access_key = b\n")
    credentials.chmod(0o600)
    bucket = S3Settings(store.endpoint, "camerad-evidence", credentials)
    scene.settings = replace(scene.settings, second_copy=ReplicaSettings(s3=bucket))
    return scene


def test_the_server_serves_and_acknowledges_nothing(
    scene: OfficeScene,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(office_server, "PROBE_SECONDS", 0.3)
    camera = Camera(tmp_path / "camera")
    path = camera.put(ONE)
    with scene.serving() as client:
        client.bring_ledger(camera.root / "ledger")
        client.upload(path, final_of(path))
        assert client.ask("GET", f"/v1/recordings/{ONE}/receipt").status == 202
        began = time.monotonic()
    assert time.monotonic() - began < SOON
    assert "replicas do not answer" in caplog.text
    assert not list(scene.directory.glob("*/receipts/*"))


def test_what_a_store_that_answers_late_says_of_its_lock_is_logged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    answers = threading.Event()

    def probe(_store: DirectoryStore) -> None:
        assert answers.wait(DEADLINE)
        raise unsafe_store("its lock does not hold")

    monkeypatch.setattr(DirectoryStore, "probe", probe)
    monkeypatch.setattr(office_server, "PROBE_SECONDS", 0.1)
    (tmp_path / "second").mkdir()
    scene = OfficeScene(tmp_path)
    replicas = ReplicaSettings(directory=tmp_path / "second")
    scene.settings = replace(scene.settings, second_copy=replicas)
    with scene.serving():
        answers.set()
        until(lambda: "no recording is acknowledged: its lock" in caplog.text, DEADLINE)


def test_sigterm_ends_a_server_whose_start_waits_for_the_store(
    scene: OfficeScene, store: SilentStore
) -> None:
    directory_id(str(scene.directory))  # as 'camerad office init' makes it
    config = scene.root / "office.yaml"
    bucket = scene.settings.second_copy.s3
    assert bucket is not None
    text = example(replace(scene.settings, second_copy=ReplicaSettings()))
    text = text.replace("port: 0", "host: 127.0.0.1\n  port: 1")
    config.write_text(
        text + f"second_copy:\n  s3:\n    endpoint: {bucket.endpoint}\n"
        f"    bucket: {bucket.bucket}\n    credentials: {bucket.credentials}\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "camerad", "office", "serve", "--config", str(config)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert store.asked.wait(DEADLINE)
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=SOON)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0, said
    assert "which was still starting" in said and "Traceback" not in said
