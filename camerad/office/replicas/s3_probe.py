"""Tries what a lock must refuse, on objects of its own, before a bucket is trusted.

There are stores that take the orders of Object Lock and forget them, and buckets whose lock has a
way around it. Both look like a safe one until somebody uses that way. So the office does, at each
start:

1. the bucket keeps versions, has Object Lock, and sets no lock of its own, which would be too long;
2. an object with a lock: to delete its version, the same with the order to pass over a weaker lock,
   to shorten the lock, and to turn it into a weaker one all have to be refused; it is still there,
   and its lock is what it was;
3. to have the bucket stop keeping versions has to be refused;
4. an object under a legal hold cannot be deleted, and after it can.

What is left of a probe goes when its lock is over, with the next probe. What is younger is left
alone: another server may be trying it just now.
"""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final, Protocol

from camerad.base.clock import SECOND
from camerad.office.replicas.replica_store import Lock, UnsafeStoreError
from camerad.office.replicas.s3_bucket import Bucket, is_missing

PREFIX: Final = "camerad-probe/"
LOCKED_SECONDS: Final = 300
"""How long a probe's object is locked, by the store's own clock: a probe of a slow store takes
less,"""
SOONER_SECONDS: Final = 60
"""and still finds an end that is so much sooner to be in the future."""
_CONTENT: Final = b"camerad tries whether this store keeps a lock\n"
_REMEDY: Final = "use a store, and a bucket, whose lock holds (docs/replicas.md)"


class ProbedStore(Protocol):
    """What a probe asks of a store: `s3_store.S3Store`, which explains
    each."""

    @property
    def bucket(self) -> Bucket:
        """Where it is."""

    def put(self, name: str, path: str, size: int, lock: Lock) -> None:
        """Copy a file, and lock the copy."""

    def versions(self, name: str) -> list[str]:
        """What there is under a name."""

    def list_entries(self, kind: str, prefix: str) -> list[Any]:
        """What the store lists below a prefix."""

    def lock_of_version(self, name: str, version: str) -> Lock:
        """The lock of one version."""

    def hold(self, name: str, *, on: bool) -> None:
        """Hold every version, or end that."""

    def delete(self, name: str) -> None:
        """Remove all that is under a name."""


def probe(store: ProbedStore) -> None:
    """Raises UnsafeStoreError if the lock does not hold, and ReplicaError if the store fails."""
    _check_bucket(store)
    _remove_old(store)
    run = secrets.token_hex(8)
    _try_lock(store, f"{PREFIX}{run}-locked")
    _try_hold(store, f"{PREFIX}{run}-held")


def _check_bucket(store: ProbedStore) -> None:
    bucket = store.bucket

    def locking() -> dict[str, Any]:
        try:
            said = bucket.client.get_object_lock_configuration(Bucket=bucket.name)
        except bucket.client_error as error:
            code = error.response.get("Error", {}).get("Code")
            if code == "NoSuchBucket" or not is_missing(error):
                raise
            return {}
        return dict(said.get("ObjectLockConfiguration", {}))

    found = bucket.do("ask whether the bucket has Object Lock", locking)
    if found.get("ObjectLockEnabled") != "Enabled":
        raise _unsafe(store, "the bucket has no Object Lock, which only a new bucket can be given")
    if found.get("Rule"):
        raise UnsafeStoreError(
            f"{bucket}: the bucket locks every object by a rule of its own (default retention), "
            "and a lock that is too long makes lawful deletion impossible: remove that rule"
        )
    if not _keeps_versions(store):
        raise _unsafe(store, "the bucket does not keep versions")


def _keeps_versions(store: ProbedStore) -> bool:
    bucket = store.bucket
    said = bucket.do(
        "ask whether the bucket keeps versions",
        lambda: bucket.client.get_bucket_versioning(Bucket=bucket.name),
    )
    return said.get("Status") == "Enabled"


def _put(store: ProbedStore, name: str, lock: Lock) -> str:
    """Put a probe's object; returns its version."""
    descriptor, path = tempfile.mkstemp(prefix="camerad-probe-")
    try:
        os.write(descriptor, _CONTENT)
        os.close(descriptor)
        store.put(name, path, len(_CONTENT), lock)
    finally:
        os.unlink(path)
    return store.versions(name)[0]


def _store_time(store: ProbedStore) -> datetime:
    """What the store's own clock says."""
    bucket = store.bucket
    said = bucket.do(
        "ask for the store's time", lambda: bucket.client.head_bucket(Bucket=bucket.name)
    )
    date = said["ResponseMetadata"]["HTTPHeaders"].get("date")
    return parsedate_to_datetime(date) if date else datetime.now(UTC)


def _try_lock(store: ProbedStore, name: str) -> None:
    bucket, client = store.bucket, store.bucket.client
    end = _store_time(store).replace(microsecond=0) + timedelta(seconds=LOCKED_SECONDS)
    wanted = Lock(round(end.timestamp()) * SECOND)
    version = _put(store, name, wanted)
    where: dict[str, Any] = {"Bucket": bucket.name, "Key": name, "VersionId": version}
    sooner = end - timedelta(seconds=SOONER_SECONDS)
    tries: list[tuple[str, Callable[[], object]]] = [
        ("deletes a locked version", lambda: client.delete_object(**where)),
        (
            "deletes a locked version if it is told to pass over the lock",
            lambda: client.delete_object(**where, BypassGovernanceRetention=True),
        ),
        (
            "lets a lock be shortened",
            lambda: client.put_object_retention(
                **where, Retention={"Mode": "COMPLIANCE", "RetainUntilDate": sooner}
            ),
        ),
        (
            "lets a lock be turned into a weaker one",
            lambda: client.put_object_retention(
                **where,
                Retention={"Mode": "GOVERNANCE", "RetainUntilDate": end},
                BypassGovernanceRetention=True,
            ),
        ),
    ]
    for what, attempt in tries:
        # Some stores say that they did it, and did not: what counts is what is there afterwards.
        accepted = _is_accepted(store, f"try what has to be refused ({what})", attempt)
        if version not in store.versions(name):
            raise _unsafe(store, f"the store {what}")
        if store.lock_of_version(name, version) != wanted:
            raise _unsafe(store, f"the store {what}")
        if accepted and what.startswith("deletes"):
            raise _unsafe(store, f"the store says that it {what}")
    _try_versioning(store)


def _try_versioning(store: ProbedStore) -> None:
    bucket = store.bucket
    accepted = _is_accepted(
        store,
        "try to stop the keeping of versions",
        lambda: bucket.client.put_bucket_versioning(
            Bucket=bucket.name, VersioningConfiguration={"Status": "Suspended"}
        ),
    )
    if accepted and not _keeps_versions(store):
        bucket.do(
            "have the bucket keep versions again",
            lambda: bucket.client.put_bucket_versioning(
                Bucket=bucket.name, VersioningConfiguration={"Status": "Enabled"}
            ),
        )
        raise _unsafe(store, "the store lets a bucket with locks stop keeping versions")


def _try_hold(store: ProbedStore, name: str) -> None:
    bucket = store.bucket
    version = _put(store, name, Lock(None, hold=True))
    accepted = _is_accepted(
        store,
        "try to delete what is held",
        lambda: bucket.client.delete_object(Bucket=bucket.name, Key=name, VersionId=version),
    )
    if accepted or version not in store.versions(name):
        raise _unsafe(store, "the store deletes what is under a legal hold")
    store.hold(name, on=False)
    store.delete(name)
    if store.versions(name):
        raise _unsafe(store, "the store does not delete what is not locked")


def _is_accepted(store: ProbedStore, action: str, attempt: Callable[[], object]) -> bool:
    """Whether the store does not refuse an order."""

    def tried() -> bool:
        try:
            attempt()
        except store.bucket.client_error as error:
            if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) >= 500:
                raise
            return False
        return True

    return store.bucket.do(action, tried)


def _remove_old(store: ProbedStore) -> None:
    """Remove what earlier probes left, as far as its lock is over. The store's own clock says when
    it was made."""
    bucket = store.bucket
    made_before = _store_time(store) - timedelta(seconds=LOCKED_SECONDS)
    for one in store.list_entries("Versions", PREFIX):
        if one["LastModified"] >= made_before:
            continue
        name, version = one["Key"], one["VersionId"]
        lock = store.lock_of_version(name, version)
        if lock.hold:
            store.hold(name, on=False)
        _is_accepted(
            store,
            "remove what an earlier probe left",
            lambda name=name, version=version: bucket.client.delete_object(  # type: ignore[misc]
                Bucket=bucket.name, Key=name, VersionId=version
            ),
        )


def _unsafe(store: ProbedStore, why: str) -> UnsafeStoreError:
    return UnsafeStoreError(f"{store.bucket}: {why}; {_REMEDY}")
