"""The lock holds: one suite for every store of replicas. `make campaign` tries Ceph's."""

from __future__ import annotations

import hashlib
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest
from hw_mocks.free_port import free_port
from lying_store import Lie, lying_store

from camerad.base.clock import SECOND
from camerad.office.replicas import directory_store, s3_objects
from camerad.office.replicas.replica_store import (
    Lock,
    ReplicaError,
    ReplicaFault,
    read_back,
)
from camerad.office.server.certificates import KeyPairFiles, make_authority, make_certificate
from camerad.office.server.connection_limiter import tls_context
from camerad.store.verified_copy import Digest
from tests.breadth import CAMPAIGN, campaign
from tests.unit.office.replicas.replica_scene import (
    NAME,
    OTHER,
    DirectoryScene,
    S3Scene,
    Scene,
    content,
    file_of,
    replica_fault,
    soon,
)

PART = 5 << 20
"""The smallest that S3 takes."""
LONG = 300
"""Seconds of a lock that no test waits for."""


def made(name: str, request: pytest.FixtureRequest, root: Path) -> Scene:
    if name == "directory":
        return DirectoryScene(root)
    return S3Scene(request.getfixturevalue(f"{name}_engine"), root)


@pytest.fixture(params=["directory", "seaweedfs", campaign("ceph")])
def scene(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Scene]:
    scene = made(request.param, request, tmp_path)
    yield scene
    scene.store.close()


@pytest.fixture(params=["seaweedfs", campaign("ceph")])
def s3(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[S3Scene]:
    scene = made(request.param, request, tmp_path)
    assert isinstance(scene, S3Scene)
    yield scene
    scene.store.close()


def digest_of(data: bytes) -> Digest:
    return Digest(hashlib.sha256(data).hexdigest(), len(data))


# ------------------------------------------------------------------------------- written, read


def test_what_is_written_reads_back_and_is_locked_to_the_second(
    scene: Scene, tmp_path: Path
) -> None:
    data = content(100_000)
    until_us = soon(LONG)
    scene.store.put(NAME, file_of(tmp_path, data), len(data), Lock(until_us + 999_999))
    assert read_back(scene.store, NAME) == digest_of(data)
    # Never longer than it was asked for: a store knows full seconds.
    assert scene.store.lock_of(NAME) == Lock(until_us)
    assert [tuple(one) for one in scene.store.list_copies()] == [(NAME, len(data))]
    assert scene.left() == []


def test_of_what_is_not_there_nothing_is_said(scene: Scene) -> None:
    assert scene.store.versions(NAME) == []
    assert scene.store.lock_of(NAME) is None
    assert scene.store.list_copies() == []
    scene.store.delete(NAME)
    scene.store.hold(NAME, on=True)
    with pytest.raises(ReplicaError, match="no replica"):
        read_back(scene.store, NAME)


def test_a_name_is_written_once(scene: Scene, tmp_path: Path) -> None:
    data = content(5_000)
    path = file_of(tmp_path, data)
    scene.store.put(NAME, path, len(data), Lock(None))
    first = scene.store.versions(NAME)
    file_of(tmp_path, content(5_000, seed=2))
    scene.store.put(NAME, path, len(data), Lock(None))
    assert scene.store.versions(NAME) == first
    assert read_back(scene.store, NAME) == digest_of(data)


def test_one_of_another_length_or_that_is_wanted_anew_is_written_over(
    scene: Scene, tmp_path: Path
) -> None:
    for seed, size in ((1, 5_000), (2, 6_000), (3, 6_000)):
        data = content(size, seed)
        path = file_of(tmp_path, data)
        scene.store.put(NAME, path, size, Lock(None), again=seed == 3)
        assert read_back(scene.store, NAME) == digest_of(data)
    scene.store.delete(NAME)
    assert scene.store.versions(NAME) == []


def test_two_names_are_two_copies(scene: Scene, tmp_path: Path) -> None:
    for seed, name in ((1, NAME), (2, OTHER)):
        data = content(1_000, seed)
        scene.store.put(name, file_of(tmp_path, data), 1_000, Lock(None))
    scene.store.delete(NAME)
    assert [one.name for one in scene.store.list_copies()] == [OTHER]


# ----------------------------------------------------------------------------------- the lock


def put_with_short_lock(scene: Scene, path: str) -> int:
    """Put a copy whose lock a test can wait for; returns when it ends. On a machine that is so busy
    that the lock would be over already, it is a longer one."""
    for seconds in (2, 4, 8, 16):
        until_us = soon(seconds)
        try:
            scene.store.put(NAME, path, 100, Lock(until_us))
        except ReplicaError as error:
            assert "future" in str(error) or "Invalid" in str(error)
            continue
        assert scene.store.lock_of(NAME) == Lock(until_us)
        return until_us
    raise AssertionError("this machine is too slow")


def test_o4_before_the_lock_s_end_deletion_fails(scene: Scene, tmp_path: Path) -> None:
    scene.store.put(NAME, file_of(tmp_path, b"x" * 100), 100, Lock(soon(LONG)))
    with pytest.raises(ReplicaError, match="cannot be deleted yet: it is locked until"):
        scene.store.delete(NAME)
    assert read_back(scene.store, NAME).bytes == 100


def test_o4_after_the_lock_s_end_deletion_succeeds(scene: Scene, tmp_path: Path) -> None:
    scene.wait_until(put_with_short_lock(scene, file_of(tmp_path, b"x" * 100)))
    scene.store.delete(NAME)
    assert scene.store.versions(NAME) == []
    assert scene.store.list_copies() == []


def test_o4_a_hold_outlasts_the_lock_and_its_end_ends_that(scene: Scene, tmp_path: Path) -> None:
    until_us = put_with_short_lock(scene, file_of(tmp_path, b"x" * 100))
    scene.store.hold(NAME, on=True)
    assert scene.store.lock_of(NAME) == Lock(until_us, hold=True)
    scene.wait_until(until_us)
    with pytest.raises(ReplicaError, match="it is held"):
        scene.store.delete(NAME)
    assert read_back(scene.store, NAME).bytes == 100
    scene.store.hold(NAME, on=False)
    scene.store.delete(NAME)
    assert scene.store.versions(NAME) == []


def test_o4_a_lock_is_never_made_longer_or_shorter(scene: Scene, tmp_path: Path) -> None:
    path = file_of(tmp_path, b"x" * 100)
    until_us = soon(LONG)
    scene.store.put(NAME, path, 100, Lock(until_us))
    for other_us in (until_us + 3600 * SECOND, until_us - SECOND):
        scene.store.put(NAME, path, 100, Lock(other_us))
        scene.store.set_lock(NAME, other_us)
        assert scene.store.lock_of(NAME) == Lock(until_us)


def test_a_hold_can_stand_in_for_a_lock_until_there_is_one(scene: Scene, tmp_path: Path) -> None:
    scene.store.put(NAME, file_of(tmp_path, b"x" * 100), 100, Lock(None, hold=True))
    with pytest.raises(ReplicaError):
        scene.store.delete(NAME)
    until_us = soon(LONG)
    scene.store.set_lock(NAME, until_us)
    scene.store.hold(NAME, on=False)
    assert scene.store.lock_of(NAME) == Lock(until_us)
    with pytest.raises(ReplicaError):
        scene.store.delete(NAME)


def test_the_probe_finds_the_lock_to_hold_and_leaves_no_copy(scene: Scene) -> None:
    scene.store.probe()
    assert scene.store.list_copies() == []
    scene.store.probe()


# -------------------------------------------------------------------------------- interrupted


def test_o3_killed_anywhere_it_goes_on_nothing_is_there_twice_and_nothing_is_left(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3_objects, "PART", PART)
    monkeypatch.setattr(directory_store, "PART", PART)
    data = content(PART + 1234)  # two parts
    path = file_of(tmp_path, data)
    with scene.killing(-1) as steps:
        scene.store.put(OTHER, path, len(data), Lock(soon(LONG)))
    points = list(range(steps()))
    assert len(points) > 8
    for at in points if CAMPAIGN else sorted(Random(15).sample(points, 4)):
        name = NAME.replace("ab" * 32, f"{at:064x}")
        lock = Lock(soon(LONG))
        before = scene.sent()
        with scene.killing(at):
            scene.store.put(name, path, len(data), lock)
        later = scene.open()
        later.put(name, path, len(data), lock)
        assert read_back(later, name) == digest_of(data), at
        assert later.lock_of(name) == lock, at
        assert len(later.versions(name)) == 1, at
        assert scene.left() == [], at
        # Of two parts at most one is sent again.
        assert scene.sent() - before <= 3, at


def test_what_an_attempt_left_is_found_when_it_is_old_and_removed(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3_objects, "PART", PART)
    data = content(1000)
    with scene.killing(-1) as steps:
        scene.store.put(OTHER, file_of(tmp_path, data), len(data), Lock(None))
    at = next(  # the first point at which something is left
        at for at in range(steps()) if _killed(scene, NAME, at, file_of(tmp_path, data))
    )
    assert at < steps()
    assert scene.store.leftovers(soon(-3600)) == []
    assert scene.store.leftovers(soon(3600)) == [NAME]
    scene.store.abandon(NAME)
    assert scene.left() == []
    assert [one.name for one in scene.store.list_copies()] == [OTHER]


def _killed(scene: Scene, name: str, at: int, path: str) -> bool:
    """Whether something is left of an attempt that was killed there."""
    with scene.killing(at):
        scene.store.put(name, path, 1000, Lock(None))
    return bool(scene.left())


# ------------------------------------------------------------------------ a bucket's own matters


def test_no_file_has_more_parts_than_s3_takes() -> None:
    assert s3_objects.part_size(1) == s3_objects.part_size(78 << 30) == 8 << 20
    for size in (79 << 30, 1 << 40, 4 << 40):
        length = s3_objects.part_size(size)
        assert -(-size // length) <= 10_000 and length % (1 << 20) == 0


def test_memory_does_not_grow_with_the_file(s3: S3Scene, tmp_path: Path) -> None:
    path = tmp_path / "recording"
    with path.open("wb") as file:
        file.truncate(40 << 20)
    s3.store.put(OTHER, file_of(tmp_path, b"x", "small"), 1, Lock(None))
    tracemalloc.start()
    try:
        s3.store.put(NAME, str(path), 40 << 20, Lock(None))
        assert read_back(s3.store, NAME).bytes == 40 << 20
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 24 << 20, "some parts of 8 MiB"


def test_nobody_else_deletes_from_the_bucket(s3: S3Scene, tmp_path: Path) -> None:
    """Neither a stranger, nor the office by any order that it could be made to give."""
    from botocore import UNSIGNED
    from botocore.config import Config
    from botocore.exceptions import ClientError

    s3.store.put(NAME, file_of(tmp_path, b"x" * 100), 100, Lock(soon(LONG)))
    (version,) = s3.store.versions(NAME)
    where = {"Bucket": s3.bucket, "Key": NAME, "VersionId": version}
    import boto3

    stranger = boto3.client(
        "s3",
        endpoint_url=s3.engine.endpoint,
        region_name="us-east-1",
        config=Config(signature_version=UNSIGNED),
    )
    own = s3.engine.client()
    for client, more in ((stranger, {}), (own, {}), (own, {"BypassGovernanceRetention": True})):
        with pytest.raises(ClientError):
            client.delete_object(**where, **more)
    with pytest.raises(ClientError):
        own.delete_bucket(Bucket=s3.bucket)
    assert read_back(s3.store, NAME).bytes == 100
    stranger.close()
    own.close()


def test_who_hides_or_writes_over_a_copy_changes_nothing_of_it(s3: S3Scene, tmp_path: Path) -> None:
    data = content(1000)
    s3.store.put(NAME, file_of(tmp_path, data), 1000, Lock(soon(LONG)))
    (version,) = s3.store.versions(NAME)
    client = s3.engine.client()
    client.delete_object(Bucket=s3.bucket, Key=NAME)
    assert s3.store.versions(NAME) == [version]
    assert [one.name for one in s3.store.list_copies()] == [NAME]
    client.put_object(Bucket=s3.bucket, Key=NAME, Body=b"encrypted, pay here")
    newest, below = s3.store.versions(NAME)
    assert below == version != newest
    assert b"".join(s3.store.pieces(NAME, below)) == data
    s3.store.put(NAME, file_of(tmp_path, data), 1000, Lock(soon(LONG)))
    assert read_back(s3.store, NAME) == digest_of(data)
    with pytest.raises(ReplicaError):
        s3.store.delete(NAME)
    assert b"".join(s3.store.pieces(NAME, version)) == data
    client.close()


def test_with_a_copy_all_its_versions_and_marks_of_deletion_go(s3: S3Scene, tmp_path: Path) -> None:
    client = s3.engine.client()
    for seed in (1, 2):
        s3.store.put(NAME, file_of(tmp_path, content(9, seed)), 9, Lock(None), again=True)
        client.delete_object(Bucket=s3.bucket, Key=NAME)
    s3.store.delete(NAME)
    left = client.list_object_versions(Bucket=s3.bucket)
    assert (left.get("Versions", []), left.get("DeleteMarkers", [])) == ([], [])
    client.close()


def test_a_bucket_without_lock_or_with_one_of_its_own_is_refused(s3: S3Scene) -> None:
    plain = s3.reach(bucket=s3.engine.make_bucket(locked=False))
    with replica_fault(ReplicaFault.UNSAFE, match="no Object Lock"):
        plain.probe()
    plain.close()
    client = s3.engine.client()
    rule = {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 1}}
    client.put_object_lock_configuration(
        Bucket=s3.bucket,
        ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": rule},
    )
    client.close()
    with replica_fault(ReplicaFault.UNSAFE, match="by a default retention"):
        s3.store.probe()


def test_over_tls_only_the_authority_that_is_named_counts(s3: S3Scene, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    authority = KeyPairFiles(f"{tmp_path}/ca.pem", f"{tmp_path}/ca.key")
    other = KeyPairFiles(f"{tmp_path}/other.pem", f"{tmp_path}/other.key")
    own = KeyPairFiles(f"{tmp_path}/store.pem", f"{tmp_path}/store.key")
    for one in (authority, other):
        make_authority(one, "a city", now)
    make_certificate(authority, own, ["localhost"], now)
    context = tls_context(own.certificate, own.key)
    with lying_store(s3.engine.endpoint, Lie.NOTHING, context) as endpoint:
        store = s3.reach(endpoint=endpoint, ca=Path(authority.certificate))
        store.probe()
        store.close()
        for ca in (Path(other.certificate), None):
            stranger = s3.reach(endpoint=endpoint, ca=ca)
            with replica_fault(ReplicaFault.AWAY, match="certificate"):
                stranger.list_copies()
            stranger.close()


LIES = [lie for lie in Lie if lie is not Lie.NOTHING]


@pytest.mark.parametrize("lie", LIES, ids=lambda lie: lie.name)
def test_a_store_that_takes_orders_and_forgets_them_is_refused(s3: S3Scene, lie: Lie) -> None:
    with lying_store(s3.engine.endpoint, lie) as endpoint:
        store = s3.reach(endpoint=endpoint)
        with replica_fault(ReplicaFault.UNSAFE, match=r"use (another|a) store"):
            store.probe()
        store.close()


def test_a_store_that_does_not_answer_is_away_and_one_that_refuses_says_what_to_do(
    s3: S3Scene,
) -> None:
    away = s3.reach(endpoint=f"http://127.0.0.1:{free_port()}")
    with replica_fault(ReplicaFault.AWAY, match="does not answer"):
        away.list_copies()
    away.close()
    nowhere = s3.reach(bucket="there-is-none")
    with pytest.raises(ReplicaError, match="make the bucket"):
        nowhere.probe()
    nowhere.close()
    s3.credentials.write_text(
        s3.credentials.read_text().replace("secret_access_key = ", "secret_access_key = wrong")
    )
    stranger = s3.reach()
    with pytest.raises(ReplicaError, match="credentials"):
        stranger.list_copies()
    stranger.close()
    s3.credentials.chmod(0o640)
    with replica_fault(ReplicaFault.UNSAFE, match="chmod 600"):
        s3.reach()
