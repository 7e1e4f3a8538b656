"""Several cameras at one office at once, with everything real but the cameras around their cards:
what is killed in the middle goes on, and nothing is lost, twice, or another camera's (O3)."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hw_mocks.fleet import fleet_office
from hw_mocks.fleet.__main__ import main
from hw_mocks.fleet.cards import Card, shift
from hw_mocks.fleet.endless_film import noise
from hw_mocks.fleet.fleet_office import FleetOffice
from hw_mocks.fleet.fleet_run import Cuts, Fleet
from hw_mocks.free_port import free_port
from hw_mocks.sim.relay import Relay
from postgresql import PostgreSQL
from s3_engines import S3Engine, seaweedfs
from several_servers import Server, ServerCuts, files_of, ids_of

from camerad.evidence.office_key_file import load_public_key
from camerad.ledger.recording_entries import Deleted, Received
from camerad.verify.verdict import Verdict
from tests.breadth import campaign

CAMERAS = 3
PATIENCE = 60.0


@pytest.fixture
def postgresql() -> Iterator[PostgreSQL]:
    made = PostgreSQL()
    try:
        made.start()
        yield made
    finally:
        made.close()


@pytest.fixture
def sockets() -> Iterator[Path]:
    """A directory of a short name: that of a socket has at most 107 characters."""
    with tempfile.TemporaryDirectory(prefix="fleet-") as made:
        yield Path(made)


def test_o3_a_fleet_hands_over_though_office_and_client_are_killed(
    tmp_path: Path, sockets: Path
) -> None:
    film = noise(320, 240, 1_500_000)
    cards = [Card(tmp_path / f"card-{number}", f"cam-{number}") for number in range(CAMERAS)]
    for number, card in enumerate(cards):
        card.record(film, [6, 2, 4], seed=number)
    listens = free_port()
    relay = Relay(listens)
    known = [(one.name, one.key.public) for one in cards]
    office = FleetOffice(tmp_path / "office", known, listens, relay.port)

    async def run() -> None:
        fleet = Fleet(sockets, cards, office)
        cuts = Cuts(fleet, relay, seed=1, every=1.0)
        await relay.start()
        relay.plug()
        try:
            office.start()
            await fleet.open()
            await fleet.waiting(PATIENCE)
            fleet.dock()
            async with asyncio.timeout(PATIENCE):
                while relay.passed < fleet.bytes // 3:
                    await asyncio.sleep(0.01)
            assert not fleet.done
            await cuts.once("client killed")
            await cuts.once("office killed")
            await cuts.once("undocked")
            cuts.mend()
            await fleet.finished(PATIENCE)
            assert all(one.uploader.running for one in fleet.cameras)
        finally:
            await fleet.close()
            await relay.stop()
            assert office.stop() == 0

    asyncio.run(run())
    judge(office, cards, tmp_path)
    assert "Traceback" not in office.log.read_text()


@pytest.mark.parametrize("least", [6, campaign(60)])
def test_several_servers_do_each_job_once_though_each_is_killed_paused_and_cut_off(
    tmp_path: Path, sockets: Path, postgresql: PostgreSQL, least: int
) -> None:
    """Three servers share no disk, but PostgreSQL and a bucket with Object Lock. least: so many
    interruptions there are before the last recording is handed over."""
    film = noise(320, 240, 1_500_000)
    cards = [Card(tmp_path / f"card-{number}", f"cam-{number}") for number in range(CAMERAS)]
    for number, card in enumerate(cards):
        card.record(film, [4, 2, 4] * (least // 6), seed=number)
    ports = [free_port() for _ in range(3)]
    relay = Relay(*ports)
    known = [(one.name, one.key.public) for one in cards]
    office = FleetOffice(tmp_path / "office", known, ports[0], relay.port)
    postgresql.make()

    async def run(engine: S3Engine) -> list[Server]:
        bucket = engine.make_bucket()
        servers = [
            Server(office, number, port, database=postgresql, store=(engine, bucket))
            for number, port in enumerate(ports)
        ]
        fleet = Fleet(sockets, cards, office, mbit=1)
        await relay.start()
        relay.plug()
        try:
            for one in servers:
                await one.open()
                await one.ready()
            await fleet.open()
            await fleet.waiting(PATIENCE)
            fleet.dock()
            cuts = ServerCuts(servers, fleet, relay, seed=least)
            for _ in range(least):
                await cuts.once()
            await cuts.mend()
            await fleet.finished(least * PATIENCE / 6)
            await settled(servers, postgresql, sum(one.recordings for one in fleet.cameras))
            for camera in fleet.cameras:
                camera.daemon.dock(False)
                camera.daemon.dock(True)
            async with asyncio.timeout(PATIENCE):
                while not all(list(one.root.glob("witnessed/*.json")) for one in cards):
                    await asyncio.sleep(0.1)
            client = engine.client()
            stored = client.list_object_versions(Bucket=bucket)["Versions"]
            client.close()
            names = [one["Key"] for one in stored if not one["Key"].startswith("camerad-probe/")]
            assert len(names) == len(set(names)) == sum(len(one.files) for one in cards), names
            # What a server received of another one's uploads goes with its next start.
            for server in servers:
                assert await asyncio.to_thread(server.stop) == 0
                server.start()
                await server.ready()
                assert await asyncio.to_thread(server.stop) == 0
        finally:
            await fleet.close()
            await relay.stop()
            for one in servers:
                await one.close()
        return servers

    with seaweedfs(tmp_path) as engine:
        servers = asyncio.run(run(engine))
    stems = sorted(path.stem for card in cards for path in card.files)
    public = load_public_key(str(office.public_key))
    assert public is not None
    for one in servers:
        judge(office, cards, tmp_path, one.directory, one.direct)
        assert sorted(ids_of(Received, one.directory, public)) == stems, "each is taken once"
        assert ids_of(Deleted, one.directory, public) == []
        assert one.said.partition("Traceback")[2] == ""
        for card in cards:
            signed = list(one.directory.glob(f"{card.name}-*/receipts/*.jws"))
            assert len(signed) == len(card.files), "each is receipted once"


async def settled(servers: list[Server], postgresql: PostgreSQL, recordings: int) -> None:
    """Return when every server has all that any has, and the index too."""
    rows = "SELECT count(*) FROM recordings WHERE state = 'here'"
    async with asyncio.timeout(PATIENCE):
        with postgresql.connect("index") as connection:
            while connection.execute(rows).fetchone() != (recordings,):
                await asyncio.sleep(0.1)
        while any(files_of(one) != files_of(servers[0]) for one in servers):
            await asyncio.sleep(0.2)


def judge(
    office: FleetOffice,
    cards: list[Card],
    keys_in: Path,
    directory: Path | None = None,
    config: Path | None = None,
) -> None:
    """Everything is there, once, by its own camera's key. directory, config: of the server."""
    directory = directory or office.directory
    keys = []
    for card in cards:
        keys.append(keys_in / f"{card.name}.pem")
        keys[-1].write_text(card.key.public.pem)
        copies = sorted(directory.glob(f"{card.name}-*/recordings/*"))
        assert [one.read_bytes() for one in copies] == [one.read_bytes() for one in card.files]
        (witnessed,) = card.root.glob("witnessed/*.json")
        assert json.loads(witnessed.read_bytes())["dispute"] is None
    command = [sys.executable, "-m", "camerad", "office", "log", "show", "--config"]
    command.append(str(config or office.config))
    shown = subprocess.run(command, capture_output=True, text=True, check=True)
    assert shown.stdout.count(" entries  ") == len(cards), shown.stdout
    # That compares the office's log with its ledger, and with what the cameras have seen of it.
    found = office.verify(keys, directory=directory)
    assert found.returncode in (Verdict.AUTHENTIC, Verdict.QUALIFIED), found.stdout + found.stderr
    assert not list((directory / "office" / "quarantine").glob("*/*.tar"))
    assert not list((directory / "office" / "incoming").glob("*/2*"))


def test_each_card_has_what_its_own_camera_signed(tmp_path: Path) -> None:
    film = noise(320, 240, 300_000)
    one, other = Card(tmp_path / "one", "cam-1"), Card(tmp_path / "other", "cam-2")
    for card in (one, other):
        card.record(film, [1, 2])
    assert one.key.public.thumbprint != other.key.public.thumbprint
    assert len(one.files) == len(other.files) == 2
    assert {path.read_bytes() for path in one.files}.isdisjoint(
        path.read_bytes() for path in other.files
    )


def test_a_shift_has_as_much_as_was_asked_for_however_it_is_cut() -> None:
    for seed in range(20):
        lengths = shift(600, seed, 100)
        assert sum(lengths) == 600 and min(lengths) > 0 and max(lengths) <= 300
    assert shift(600, 1, 100) == shift(600, 1, 100) != shift(600, 2, 100)


def test_a_fleet_whose_office_does_not_start_says_so_and_keeps_the_log_that_it_names(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(fleet_office, "START_SECONDS", 0.0)
    assert main(["--cameras", "1", "--megabytes", "1"]) == 1
    said = capsys.readouterr().out
    kept = Path(said.rstrip().rpartition("everything is kept in ")[2])
    try:
        named = re.search(r"the office does not start; (\S+) says why", said)
        assert named is not None and kept in Path(named[1]).parents
        assert Path(named[1]).is_file()
    finally:
        shutil.rmtree(kept)
