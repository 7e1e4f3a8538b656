"""Servers that start at once probe one store, and none takes another's probe for its fault."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from state_helpers import state_in

from camerad.base.clock import SECOND, ManualClock, SystemClock
from camerad.base.errors import StorageError
from camerad.office.replicas import s3_store
from camerad.office.replicas.directory_store import DirectoryStore
from camerad.office.replicas.replica_store import Lock
from camerad.office.replicas.replicas import Replicas
from camerad.office.replicas.s3_store import S3Store

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


class HeldObjects(S3Store):
    """A bucket in memory whose legal holds work. just_before: is called once, just before an order
    to delete."""

    def __init__(self, objects: dict[str, tuple[Lock, datetime]]) -> None:
        self.objects = objects
        self.bucket: Any = self  # type: ignore[misc]
        self.just_before: list[Callable[[], None]] = []

    def put(self, name: str, _path: str, _size: int, lock: Lock, **_: bool) -> None:  # type: ignore[override]
        self.objects[name] = (lock, NOW)

    def versions(self, name: str) -> list[str]:
        return ["one"] if name in self.objects else []

    def list_entries(self, _kind: str, _prefix: str) -> list[Any]:
        return [
            {"Key": name, "VersionId": "one", "LastModified": made}
            for name, (_, made) in list(self.objects.items())
        ]

    def lock_of_version(self, name: str, _version: str) -> Lock:
        return self.objects[name][0]

    def hold(self, name: str, *, on: bool) -> None:
        self.objects[name] = (Lock(None, on), self.objects[name][1])

    def delete(self, name: str) -> None:
        self.objects.pop(name, None)

    def call(self, _action: str, operation: str) -> dict[str, Any]:
        assert operation == "head_bucket"
        date = NOW.strftime("%a, %d %b %Y %H:%M:%S GMT")
        return {"ResponseMetadata": {"HTTPHeaders": {"date": date}}}

    def attempt(
        self,
        _action: str,
        operation: str,
        _may_fail: object,
        *,
        Key: str,  # noqa: N803
        **_: str,
    ) -> bool:
        assert operation == "delete_object"
        while self.just_before:
            self.just_before.pop()()
        if Key in self.objects and self.objects[Key][0].hold:
            return False
        self.objects.pop(Key, None)
        return True


def test_a_probe_that_is_under_way_elsewhere_is_left_alone_and_an_old_one_goes() -> None:
    old = s3_store.PREFIX + "old-held"
    made = NOW - timedelta(seconds=s3_store.LOCKED_SECONDS + 1)
    objects = {old: (Lock(None, hold=True), made)}
    one, two = HeldObjects(objects), HeldObjects(objects)
    one.just_before.append(two._remove_old)
    one._try_hold(s3_store.PREFIX + "x-held")
    assert objects == {}


def test_two_probes_of_one_directory_do_not_meet(tmp_path: Path) -> None:
    failed: list[Exception] = []

    def probe() -> None:
        store = DirectoryStore(str(tmp_path), SystemClock())
        for _ in range(40):
            try:
                store.probe()
            except StorageError as error:
                failed.append(error)

    threads = [threading.Thread(target=probe) for _ in range(2)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(30)
    assert failed == []
    assert list(tmp_path.iterdir()) == []


def test_of_several_servers_one_probes_at_a_time(tmp_path: Path) -> None:
    running = threading.Semaphore(0)
    at_once: list[int] = []

    class Counted(DirectoryStore):
        def probe(self) -> None:
            running.release()
            at_once.append(running._value)
            super().probe()
            assert running.acquire(timeout=0)

    second, office = tmp_path / "second", tmp_path / "office"
    second.mkdir()
    office.mkdir()
    clock = SystemClock()
    servers = [Replicas(Counted(str(second), clock), clock, state_in(office)) for _ in range(6)]
    threads = [threading.Thread(target=one.probe) for one in servers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert at_once == [1] * 6


def test_what_a_killed_probe_left_in_a_directory_goes(tmp_path: Path) -> None:
    clock = ManualClock(wall_us=SystemClock().wall_us())
    store = DirectoryStore(str(tmp_path), clock)
    left = tmp_path / "camerad-probe-0123456789abcdef.new"
    left.write_bytes(b"x")
    store.probe()
    assert left.exists()
    long_ago = clock.wall_us() / SECOND - 2 * 86_400
    os.utime(left, (long_ago, long_ago))
    store.probe()
    assert not left.exists()
