"""The whole server with its jobs: alerts, metrics, and starts that wait for nothing."""

from __future__ import annotations

import socket
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from alert_helpers import HOST, MailServer
from authority import authority
from desk_helpers import KEY, ONE, TWO, Camera
from msgspec.structs import replace
from prometheus_client.parser import text_string_to_metric_families

from camerad.base.clock import DAY, SECOND
from camerad.container.keys import KeyRing, SigningKey
from camerad.container.skeleton import skeleton
from camerad.ledger.ledger import read_state
from camerad.office.jobs.alert_message import title_of
from camerad.office.jobs.alert_rules import AlertKind
from camerad.office.jobs.index_job import IndexJob
from camerad.office.jobs.office_jobs import OfficeJobs, server_with_jobs
from camerad.office.jobs.replica_job import ReplicaJob
from camerad.office.jobs.retention_job import RetentionJob
from camerad.office.replicas.replica_settings import ReplicaSettings
from camerad.office.server import office_server
from camerad.office.server.alert_settings import (
    MetricsSettings,
    NotifySettings,
    SmtpSettings,
)
from camerad.office.server.connection_limiter import StartError
from camerad.office.server.office_server import ServerParts
from camerad.office.server.office_settings import TimeStampSettings
from camerad.office.server.preflight import NotMountedError
from camerad.office.server.uploads import Declaration
from camerad.store.locations import office_place
from camerad.transparency.checkpoints import LOG, WITNESS, NoteKey
from tests.unit.office.server.office_scene import DEADLINE, DockClient, OfficeScene, Running
from tests.unit.office.server.pauses import Pauses
from tests.waiting import until


class Scene(OfficeScene):
    """With a listener for Prometheus."""

    @contextmanager
    def told(self, notify: NotifySettings) -> Iterator[DockClient]:
        """The server runs meanwhile, and tells people so."""
        settings = replace(self.settings, notify=notify, metrics=MetricsSettings(port=0))
        self.vault = server_with_jobs(settings, self.clock)
        jobs = self.vault._jobs
        assert isinstance(jobs, OfficeJobs)
        prepare = jobs.prepare

        def observed(parts: ServerParts) -> None:
            prepare(parts)
            self.pauses = {}
            for one in jobs._works:
                one._changed = self.pauses[one.name] = Pauses()

        jobs.prepare = observed  # type: ignore[method-assign]
        with Running(self.vault) as running:
            client = self.client(running.port)
            try:
                yield client
            finally:
                client.close()

    def until(
        self, condition: Callable[[], object], step_us: int = SECOND, *, hanging: str = ""
    ) -> None:
        """Wait for it; the clock goes on meanwhile, by so much at a time. hanging: the work that
        does not come to its end."""

        def looked() -> object:
            return condition() or self._pass_time(step_us, hanging)

        until(looked, DEADLINE, "it comes about")

    def _pass_time(self, step_us: int, hanging: str) -> None:
        """Let the clock go on, unless work is just being done: that takes no time by this clock,
        however slow the machine is, and so does not rest for ten times as long."""
        with ExitStack() as held:
            for one in self.pauses.values():
                held.enter_context(one)  # so none begins meanwhile
            if any(one.seconds is None for name, one in self.pauses.items() if name != hanging):
                return
            self.clock.advance(step_us)
            for one in self.pauses.values():
                one.notify_all()  # it reads this clock again, and is not woken

    def metric(self, name: str, label: str = "") -> float | None:
        url = f"http://127.0.0.1:{self.vault.metrics_port}/metrics"
        with urllib.request.urlopen(url, timeout=DEADLINE) as answer:
            text = answer.read().decode()
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if sample.name == f"camerad_office_{name}" and (
                    not label or label in sample.labels.values()
                ):
                    return sample.value
        return None


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


@contextmanager
def mailing(scene: Scene) -> Iterator[tuple[MailServer, NotifySettings]]:
    """A mail server, and settings that name it."""
    ca, tls = authority(), scene.root / "mail"
    tls.mkdir()
    path = tls / "ca.pem"
    path.write_text(ca.pem)
    with MailServer(ca.context(tls, HOST)) as mail:
        smtp = SmtpSettings(HOST, "c@office.example", ("a@office.example",), mail.port, ca=path)
        yield mail, NotifySettings("de", smtp=smtp)


def bring(client: DockClient, camera: Camera, recording: str, *, spoilt: bool = False) -> int:
    """Hand a recording over; returns the status of its receipt."""
    path = camera.put(recording)
    client.bring_ledger(camera.root / "ledger")
    closed = skeleton(str(path)).closed_by
    assert closed is not None
    if spoilt:
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    client.upload(path, closed.sha256)
    return client.receipt(recording).status


def test_what_is_quarantined_is_mailed_once_and_at_once(scene: Scene, camera: Camera) -> None:
    with mailing(scene) as (mail, notify):
        with scene.told(notify) as client:
            scene.until(lambda: scene.metric("recordings", "here") is not None)
            looked = scene.metric("work_runs_total", "watch") or 0
            scene.until(lambda: (scene.metric("work_runs_total", "watch") or 0) > looked)
            began_us = scene.clock.now_us()
            assert bring(client, camera, ONE, spoilt=True) == 409
            scene.until(lambda: mail.mails, SECOND // 10)
            assert scene.clock.now_us() - began_us < 45 * SECOND, "not with the minute's look"
            scene.until(lambda: scene.metric("messages_sent_total", "smtp"))
            for name, label in (
                ("ingests_total", "quarantined"),
                ("recordings", "quarantined"),
                ("alerts", "quarantined"),
                ("requests_refused_total", "409"),
            ):
                assert scene.metric(name, label), name
        (told,) = mail.mails
        assert told["Subject"] == "camerad: Eine Aufzeichnung wurde nicht angenommen"
        text = told.get_content()  # type: ignore[attr-defined]
        assert ONE in text and "cam-1" in text
        # A server that starts again knows the alerts it has sent.
        with scene.told(notify):
            scene.until(lambda: scene.metric("alerts", "quarantined"))
            scene.until(lambda: scene.metric("work_runs_total", "notices-smtp"))
        assert len(mail.mails) == 1


def test_what_was_ingested_is_in_the_office_s_ledger_within_a_minute(
    scene: Scene, camera: Camera
) -> None:
    def known() -> set[str]:
        place = office_place(str(scene.directory))
        state = read_state(place.ledger, KeyRing([scene.office_key.public]))
        return {one.id for one in state.recordings.values() if one.final}

    with scene.told(NotifySettings()) as client:
        scene.until(lambda: scene.metric("work_runs_total", "retention"))
        began_us = scene.clock.now_us()
        assert bring(client, camera, ONE) == 200
        assert bring(client, camera, TWO) == 200
        scene.until(lambda: known() == {ONE, TWO})
        # A minute from the look before, twice, and what the condition needs to come round.
        assert scene.clock.now_us() - began_us < 300 * SECOND, "not the quarter of an hour"
        scene.until(lambda: scene.metric("recordings", "here") == 2)
        scene.until(lambda: scene.metric("ingests_total", "taken") == 2)
        seen = "camera_last_seen_timestamp_seconds"
        scene.until(lambda: (scene.metric(seen, "cam-1") or 0) > 0)


def test_a_mail_server_that_hangs_delays_neither_cameras_nor_the_end(
    scene: Scene, camera: Camera, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(office_server, "END_SECONDS", 0.3)
    with socket.create_server((HOST, 0)) as silent:
        smtp = SmtpSettings(HOST, "a@b.example", ("c@d.example",), silent.getsockname()[1])
        with scene.told(NotifySettings(smtp=smtp)) as client:
            scene.until(lambda: scene.metric("recordings", "here") is not None)
            assert bring(client, camera, ONE, spoilt=True) == 409
            silent.settimeout(DEADLINE)
            reached: list[socket.socket] = []
            taker = threading.Thread(target=lambda: reached.append(silent.accept()[0]))
            taker.start()
            scene.until(lambda: reached)
            taker.join(DEADLINE)
            # It hangs now, and waits for a greeting.
            assert bring(client, camera, TWO) == 200
            scene.until(lambda: scene.metric("recordings", "here") == 1, hanging="notices-smtp")
        assert not [one for one in threading.enumerate() if one.name.startswith("ingest")]
        reached[0].close()
        for one in threading.enumerate():
            if one.name == "notices-smtp":
                one.join(DEADLINE)


def test_a_time_stamp_authority_and_a_witness_that_are_away_are_told_after_a_day(
    scene: Scene, tmp_path: Path
) -> None:
    """And that no quorum is left."""
    (tmp_path / "root.pem").write_text(authority().pem)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/"
    away = TimeStampSettings(url, tmp_path / "root.pem")
    keys = [SigningKey.generate().public for _ in range(2)]
    log, dpo = NoteKey("log", LOG, keys[0]), NoteKey("w", WITNESS, keys[1])
    policy = tmp_path / "policy"
    policy.write_text(f"log {log}\nwitness dpo {dpo} {url}\nquorum dpo\n", encoding="ascii")
    scene.settings = replace(scene.settings, time_stamps=(away,), witnesses=policy)
    with scene.told(NotifySettings()):
        scene.until(lambda: scene.metric("work_runs_total", "stamps") is not None)
        scene.until(lambda: scene.metric("alerts", "log_unvouched") == 0)
        began_us = scene.clock.now_us()
        scene.until(lambda: scene.metric("alerts", "log_unvouched") == 3, 3600 * SECOND)
    assert scene.clock.now_us() - began_us >= DAY


def test_a_port_for_prometheus_that_is_taken_is_said_and_leaves_nothing_running(
    scene: Scene,
) -> None:
    with socket.create_server((HOST, 0)) as taken:
        settings = replace(scene.settings, metrics=MetricsSettings(HOST, taken.getsockname()[1]))
        with (
            pytest.raises(StartError, match="for Prometheus"),
            Running(server_with_jobs(settings, scene.clock)),
        ):
            pass
    assert not [one for one in threading.enumerate() if one.name in ("retention", "watch")]
    with Running(vault := server_with_jobs(scene.settings, scene.clock)):
        assert vault.metrics_port is None, "without a section none listens"


def test_while_the_storage_is_not_mounted_nothing_is_made_in_its_place(
    scene: Scene, camera: Camera
) -> None:
    """All jobs of the server and all requests of cameras; and alerts are sent."""
    there, away = scene.directory, scene.root / "away"
    with mailing(scene) as (mail, notify), scene.told(notify) as client:
        scene.until(lambda: scene.metric("recordings", "here") is not None)
        assert bring(client, camera, ONE) == 200
        works = scene.vault._jobs._works
        for work in works:  # what is being done ends where it began
            work.stop()
            work.join(DEADLINE)
        there.rename(away)
        there.mkdir()  # the place that it is mounted at
        path = camera.put(TWO)
        for answer in (
            client.declare(),
            client.receipt(ONE),
            client.ask("GET", "/v1/ledger"),
            client.ask("POST", "/v1/check-in", b"{}"),
        ):
            assert answer.status == 503, answer
        for work in works:
            work.run_once()
        queue = scene.vault._queue
        assert queue is not None
        with pytest.raises(NotMountedError):
            queue._take(KEY.public.thumbprint, Declaration(TWO, "0" * 64, 1))
        assert mail.mails
        assert list(there.iterdir()) == []
        there.rmdir()
        away.rename(there)
        client.bring_ledger(camera.root / "ledger")
        closed = skeleton(str(path)).closed_by
        assert closed is not None
        client.upload(path, closed.sha256)
        assert client.receipt(TWO).status == 200
    assert title_of(AlertKind.STORAGE_FAILS, "de") in mail.mails[0]["Subject"]


def test_nothing_is_deleted_and_no_hold_ended_before_the_index_has_looked_once(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It alone sees that the ledger was cut, or put back from a backup, and writes so into it."""
    second = scene.root / "second"
    second.mkdir()
    scene.settings = replace(scene.settings, second_copy=ReplicaSettings(directory=second))
    done: list[str] = []
    looked = threading.Event()

    def noted(kind: type, name: str) -> None:
        real = getattr(kind, name)

        def noting(self: object) -> float:
            if kind is IndexJob:
                looked.wait(DEADLINE)
            done.append(kind.__name__)
            return float(real(self))

        monkeypatch.setattr(kind, name, noting)

    real_wait = IndexJob.wait_for_first

    def waiting(self: IndexJob) -> None:
        done.append("waits")
        if done.count("waits") == 2:
            looked.set()
        real_wait(self)

    monkeypatch.setattr(IndexJob, "wait_for_first", waiting)
    noted(IndexJob, "look")
    noted(ReplicaJob, "look")
    noted(RetentionJob, "look")
    with scene.serving():
        until(lambda: {"ReplicaJob", "RetentionJob"} <= set(done), DEADLINE, "both look")
    assert done[:3] == ["waits", "waits", "IndexJob"]
