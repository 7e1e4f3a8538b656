"""The whole server with a bucket: answers to a camera, and restored recordings."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from desk_helpers import ONE, TWO, Camera
from hw_mocks.free_port import free_port
from msgspec.structs import replace
from s3_engines import S3Engine

from camerad.cli.main import main
from camerad.container.skeleton import skeleton
from camerad.office.replicas.replica_settings import ReplicaSettings
from camerad.office.replicas.replica_store import ReplicaFault, name_of, read_back
from camerad.office.server import office_settings
from camerad.office.server.office_settings import ListenSettings
from camerad.store import disk
from camerad.store.locations import office_place
from tests.unit.office.replicas.replica_scene import S3Scene, replica_fault
from tests.unit.office.server.office_scene import OfficeScene


@pytest.fixture
def bucket(seaweedfs_engine: S3Engine, tmp_path: Path) -> S3Scene:
    return S3Scene(seaweedfs_engine, tmp_path)


@pytest.fixture
def scene(tmp_path: Path, bucket: S3Scene) -> OfficeScene:
    scene = OfficeScene(tmp_path)
    use(scene, bucket)
    return scene


@pytest.fixture
def camera(tmp_path: Path) -> Camera:
    return Camera(tmp_path / "camera")


def use(scene: OfficeScene, at: S3Scene, **other: object) -> None:
    section = ReplicaSettings(s3=at.settings(**other))
    scene.settings = replace(scene.settings, second_copy=section)


def final_of(path: Path) -> str:
    closed = skeleton(str(path)).closed_by
    assert closed is not None
    return closed.sha256


def test_o2_a_camera_gets_its_receipt_when_the_bucket_has_the_copy(
    scene: OfficeScene, camera: Camera, bucket: S3Scene
) -> None:
    path = camera.put(ONE)
    # Another process works with the store, so the server's own ledger does not know the recording
    # when its copy is made. Otherwise there would be a hold first, and a lock in its place later.
    office = Path(office_place(str(scene.directory)).ledger).parent
    office.mkdir()
    claim = disk.claim(str(office))
    with scene.serving() as client:
        client.bring_ledger(camera.root / "ledger")
        client.upload(path, final_of(path))
        assert client.receipt(ONE).status == 200
    os.close(claim)
    name = name_of(ONE, final_of(path))
    assert read_back(bucket.store, name).bytes == path.stat().st_size
    lock = bucket.store.lock_of(name)
    assert lock is not None and lock.until_us is not None and not lock.hold
    bucket.store.close()


def test_while_the_bucket_is_away_others_are_received_and_nothing_is_acknowledged(
    scene: OfficeScene, camera: Camera, bucket: S3Scene
) -> None:
    use(scene, bucket, endpoint=f"http://127.0.0.1:{free_port()}")
    paths = {one: camera.put(one) for one in (ONE, TWO)}
    with scene.serving() as client:
        client.bring_ledger(camera.root / "ledger")
        for path in paths.values():
            client.upload(path, final_of(path))
        for one in paths:
            said = client.ask("GET", f"/v1/recordings/{one}/receipt")
            assert said.status == 202 and 1 <= int(said["Retry-After"] or 0) <= 60
    use(scene, bucket)
    with scene.serving() as client:
        for one, path in paths.items():
            assert client.receipt(one).status == 200
            assert read_back(bucket.store, name_of(one, final_of(path))).bytes > 0
    bucket.store.close()


def test_on_a_bucket_whose_lock_does_not_hold_no_server_starts(
    scene: OfficeScene, bucket: S3Scene
) -> None:
    use(scene, bucket, bucket=bucket.engine.make_bucket(locked=False))
    with replica_fault(ReplicaFault.UNSAFE, match="no Object Lock"), scene.serving():
        pass
    bucket.store.close()


def test_what_an_attacker_wrote_over_comes_back_from_below_by_the_command(
    scene: OfficeScene,
    camera: Camera,
    bucket: S3Scene,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Who has the office's computer has its credentials too: they can hide and write over, and
    not take away."""
    path = camera.put(ONE)
    with scene.serving() as client:
        client.bring_ledger(camera.root / "ledger")
        client.upload(path, final_of(path))
        assert client.receipt(ONE).status == 200
    (own,) = scene.directory.glob("*/recordings/*.tar")
    content = own.read_bytes()
    own.unlink()
    name = name_of(ONE, final_of(path))
    client = bucket.engine.client()
    client.put_object(Bucket=bucket.bucket, Key=name, Body=b"pay here")
    client.delete_object(Bucket=bucket.bucket, Key=name)
    client.close()
    config = tmp_path / "office.yaml"
    credentials = bucket.credentials
    listen = ListenSettings(port=8443)
    example = office_settings.example(replace(scene.settings, listen=listen))
    config.write_text(
        example
        + f"second_copy:\n  s3:\n    endpoint: {bucket.endpoint}\n    bucket: {bucket.bucket}\n"
        f"    credentials: {credentials}\n"
    )
    said = ["office", "restore", "--config", str(config)]
    assert main([*said, ONE]) == 0
    assert own.read_bytes() == content
    assert f"brought back {ONE}" in capsys.readouterr().out
    assert main([*said, "--all"]) == 0
    said_at_last = capsys.readouterr().out
    assert "0 recordings brought back; already there: 1" in said_at_last
    assert "left to do" not in said_at_last
    shutil.rmtree(own.parents[1] / "ledger")
    own.unlink()
    assert main([*said, ONE]) == 0
    (left,) = [one for one in capsys.readouterr().out.splitlines() if "left to do" in one]
    assert "deletion: " in left and "dock the camera" in left
    assert main(said) == 64
    assert "name one recording, or --all" in capsys.readouterr().err
    config.write_text(example)
    assert main([*said, ONE]) == 64
    assert "name no place of replicas" in capsys.readouterr().err
    bucket.store.close()
