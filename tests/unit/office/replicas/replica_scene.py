"""One of the stores of replicas, the same for every test of the suite."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Protocol

import pytest
from s3_engines import ACCESS, REGION, SECRET, S3Engine

from camerad.base import durable_files
from camerad.base.clock import SECOND, ManualClock, SystemClock
from camerad.office.replicas.directory_store import DirectoryStore
from camerad.office.replicas.replica_settings import S3Settings
from camerad.office.replicas.replica_store import ReplicaError, ReplicaFault, ReplicaStore, name_of
from camerad.office.replicas.s3_bucket import Bucket
from camerad.office.replicas.s3_store import S3Store

NAME = name_of("20261124T153000Z-000001-00000001", "ab" * 32)
OTHER = name_of("20261124T153000Z-000002-00000002", "cd" * 32)


@contextmanager
def replica_fault(fault: ReplicaFault, match: str | None = None) -> Iterator[None]:
    """A store does not do what it should, for this reason."""
    with pytest.raises(ReplicaError, match=match) as caught:
        yield
    assert caught.value.fault is fault


class Killed(BaseException):
    """The process ends here."""


class Scene(Protocol):
    """A store, and a way to be killed while it is used."""

    store: ReplicaStore

    def open(self) -> ReplicaStore:
        """The same store, as another process opens it."""

    def killing(self, at: int) -> AbstractContextManager[Callable[[], int]]:
        """Be killed at that step, counted from 0; yields how many steps there were so far."""

    def wait_until(self, until_us: int) -> None:
        """Until the store's clock is a little behind that."""

    def left(self) -> list[str]:
        """What is left of interrupted attempts."""

    def sent(self) -> int:
        """Parts that were sent so far."""


class DirectoryScene:
    """Another directory."""

    def __init__(self, root: Path) -> None:
        self.root = root / "second"
        self.root.mkdir()
        self._clock = ManualClock(wall_us=SystemClock().wall_us())
        self.store: ReplicaStore = self.open()
        self._sent = 0

    def open(self) -> ReplicaStore:
        return DirectoryStore(str(self.root), self._clock)

    def wait_until(self, until_us: int) -> None:
        self._clock.advance(max(0, until_us - self._clock.wall_us()))

    def killing(self, at: int) -> Any:
        scene = self

        class _Killing:
            """Each durable call is two steps: before it, and when it is done."""

            def __enter__(self) -> Callable[[], int]:
                self.steps = 0
                self.patch = pytest.MonkeyPatch()
                for name in ("write", "sync", "rename", "make_directory", "truncate", "remove"):
                    self.patch.setattr(
                        durable_files, name, self._wrap(getattr(durable_files, name))
                    )
                return lambda: self.steps

            def _wrap(self, call: Callable[..., Any]) -> Callable[..., Any]:
                def stepping(*args: Any, **named: Any) -> Any:
                    self._step()
                    done = call(*args, **named)
                    scene._sent += call.__name__ == "write"
                    self._step()
                    return done

                return stepping

            def _step(self) -> None:
                if self.steps == at:
                    raise Killed
                self.steps += 1

            def __exit__(self, kind: type[BaseException] | None, *_: object) -> bool:
                self.patch.undo()
                return kind is Killed

        return _Killing()

    def left(self) -> list[str]:
        return [str(path) for path in self.root.rglob("*.new")]

    def sent(self) -> int:
        return self._sent


class S3Scene:
    """A new bucket of an engine that runs."""

    def __init__(self, engine: S3Engine, root: Path, endpoint: str = "") -> None:
        self.engine = engine
        self.credentials = root / "credentials"
        self.credentials.write_text(
            f"[default]\naws_access_key_id = {ACCESS}\naws_secret_access_key = {SECRET}\n"
        )
        self.credentials.chmod(0o600)
        self.bucket = engine.make_bucket()
        self.endpoint = endpoint or engine.endpoint
        self._sent = 0
        self.store: S3Store = self.reach()

    def settings(self, **other: Any) -> S3Settings:
        named = {"endpoint": self.endpoint, "bucket": self.bucket, "region": REGION}
        return S3Settings(credentials=self.credentials, **(named | other))

    def open(self) -> ReplicaStore:
        # It remembers nothing; a separate client would be the same again.
        return S3Store(self.store.bucket)

    def reach(self, **other: Any) -> S3Store:
        """The store with a separate client. other: settings that are not those of the scene."""
        store = S3Store(Bucket(self.settings(**other)))
        store.bucket.client.meta.events.register("before-send.s3.UploadPart", self._count)
        return store

    def wait_until(self, until_us: int) -> None:
        # The time itself is the matter: the store goes by this machine's clock.
        while (left_us := until_us - SystemClock().wall_us()) >= 0:
            time.sleep(left_us / SECOND + 0.001)

    def _count(self, **_: object) -> None:
        self._sent += 1

    def killing(self, at: int) -> Any:
        events = self.store.bucket.client.meta.events

        class _Killing:
            """Each request is two steps: before it is sent, and when its answer is there."""

            def __enter__(self) -> Callable[[], int]:
                self.steps = 0
                events.register_first("before-send.s3", self._step)
                events.register_first("response-received.s3", self._step)
                return lambda: self.steps

            def _step(self, **_: object) -> None:
                if self.steps == at:
                    raise Killed
                self.steps += 1

            def __exit__(self, kind: type[BaseException] | None, *_: object) -> bool:
                events.unregister("before-send.s3", self._step)
                events.unregister("response-received.s3", self._step)
                return kind is Killed

        return _Killing()

    def left(self) -> list[str]:
        client = self.engine.client()
        found = client.list_multipart_uploads(Bucket=self.bucket).get("Uploads", [])
        client.close()
        return [one["Key"] for one in found]

    def sent(self) -> int:
        return self._sent


def content(size: int, seed: int = 1) -> bytes:
    """Bytes that no two places have in common."""
    return random.Random(seed).randbytes(size)


def soon(seconds: float) -> int:
    """Wall time so long from now, rounded up to a second."""
    now_us = SystemClock().wall_us() + round(seconds * SECOND)
    return -(-now_us // SECOND) * SECOND


def file_of(root: Path, data: bytes, name: str = "recording") -> str:
    path = root / name
    path.write_bytes(data)
    return os.fspath(path)
