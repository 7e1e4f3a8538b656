"""Replicas in an S3 bucket: SeaweedFS, Ceph's RADOS Gateway, and others.

Some stores take the orders of Object Lock and forget them; some buckets have a way around their
lock. So the office tries that on test objects, at each start, before it trusts a bucket:

1. the bucket keeps versions, has Object Lock, and sets no default lock, which would be too long;
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
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final

from camerad.base.clock import SECOND
from camerad.office.replicas.replica_store import Lock, ReplicaError, unsafe_store
from camerad.office.replicas.s3_bucket import error_code, is_answered, is_missing
from camerad.office.replicas.s3_objects import COMPLIANCE, S3Objects

PREFIX: Final = "camerad-probe/"
LOCKED_SECONDS: Final = 300
"""How long a probe's object is locked, by the store's own clock: a probe of a slow store takes
less,"""
SOONER_SECONDS: Final = 60
"""and still finds an end that is so much sooner to be in the future."""
_CONTENT: Final = b"camerad tries whether this store keeps a lock\n"


class S3Store(S3Objects):
    """See `replica_store.ReplicaStore`."""

    def describe(self) -> str:
        return str(self.bucket)

    def describe_lock(self) -> str:
        return "its lock holds"

    def close(self) -> None:
        self.bucket.close()

    def probe(self) -> None:
        self._check_bucket()
        self._remove_old()
        run = secrets.token_hex(8)
        self._try_lock(f"{PREFIX}{run}-locked")
        self._try_hold(f"{PREFIX}{run}-held")

    def _check_bucket(self) -> None:
        bucket = self.bucket

        def locking() -> dict[str, Any]:
            try:
                said = bucket.order("get_object_lock_configuration")
            except bucket.client_error as error:
                if error_code(error) == "NoSuchBucket" or not is_missing(error):
                    raise
                return {}
            return dict(said.get("ObjectLockConfiguration", {}))

        found = bucket.do("ask whether the bucket has Object Lock", locking)
        if found.get("ObjectLockEnabled") != "Enabled":
            raise self._unsafe(
                "the bucket has no Object Lock, which only a new bucket can be given"
            )
        if found.get("Rule"):
            raise unsafe_store(
                f"{bucket}: the bucket locks every object by a default retention, and a lock that "
                "is too long makes lawful deletion impossible: remove that rule"
            )
        if not self._keeps_versions():
            raise self._unsafe("the bucket does not keep versions")

    def _keeps_versions(self) -> bool:
        said = self.bucket.call("ask whether the bucket keeps versions", "get_bucket_versioning")
        return bool(said.get("Status") == "Enabled")

    def _put_probe(self, name: str, lock: Lock) -> str:
        """Put a probe's object; returns its version."""
        with tempfile.NamedTemporaryFile(prefix="camerad-probe-") as file:
            os.write(file.fileno(), _CONTENT)
            self.put(name, file.name, len(_CONTENT), lock)
        return self.versions(name)[0]

    def _store_time(self) -> datetime:
        """What the store's own clock says."""
        said = self.bucket.call("ask for the store's time", "head_bucket")
        date = said["ResponseMetadata"]["HTTPHeaders"].get("date")
        return parsedate_to_datetime(date) if date else datetime.now(UTC)

    def _try_lock(self, name: str) -> None:
        end = self._store_time().replace(microsecond=0) + timedelta(seconds=LOCKED_SECONDS)
        wanted = Lock(round(end.timestamp()) * SECOND)
        version = self._put_probe(name, wanted)
        sooner = end - timedelta(seconds=SOONER_SECONDS)
        shorter = {"Mode": COMPLIANCE, "RetainUntilDate": sooner}
        weaker = {"Mode": "GOVERNANCE", "RetainUntilDate": end}
        passing: dict[str, Any] = {"BypassGovernanceRetention": True}
        tries: tuple[tuple[str, str, dict[str, Any]], ...] = (
            ("deletes a locked version", "delete_object", {}),
            ("deletes a locked version if told to pass over the lock", "delete_object", passing),
            ("lets a lock be shortened", "put_object_retention", {"Retention": shorter}),
            (
                "lets a lock be turned into a weaker one",
                "put_object_retention",
                {"Retention": weaker, **passing},
            ),
        )
        for what, operation, more in tries:
            # Some stores say that they did it, and did not: what is there afterwards counts.
            accepted = self.bucket.attempt(
                f"try what has to be refused ({what})",
                operation,
                is_answered,
                Key=name,
                VersionId=version,
                **more,
            )
            if version not in self.versions(name) or self.lock_of_version(name, version) != wanted:
                raise self._unsafe(f"the store {what}")
            if accepted and operation == "delete_object":
                raise self._unsafe(f"the store says that it {what}")
        self._try_versioning()

    def _try_versioning(self) -> None:
        order = "put_bucket_versioning"
        accepted = self.bucket.attempt(
            "try to stop the keeping of versions",
            order,
            is_answered,
            VersioningConfiguration={"Status": "Suspended"},
        )
        if accepted and not self._keeps_versions():
            self.bucket.call(
                "have the bucket keep versions again",
                order,
                VersioningConfiguration={"Status": "Enabled"},
            )
            raise self._unsafe("the store lets a bucket with locks stop keeping versions")

    def _try_hold(self, name: str) -> None:
        version = self._put_probe(name, Lock(None, hold=True))
        accepted = self.bucket.attempt(
            "try to delete what is held", "delete_object", is_answered, Key=name, VersionId=version
        )
        if accepted or version not in self.versions(name):
            raise self._unsafe("the store deletes what is under a legal hold")
        self.hold(name, on=False)
        self.delete(name)
        if self.versions(name):
            raise self._unsafe("the store does not delete what is not locked")

    def _remove_old(self) -> None:
        """Remove what earlier probes left, as far as its lock is over. The store's own clock says
        when it was made."""
        made_before = self._store_time() - timedelta(seconds=LOCKED_SECONDS)
        for one in self.list_entries("Versions", PREFIX):
            if one["LastModified"] < made_before:
                name, version = one["Key"], one["VersionId"]
                if self.lock_of_version(name, version).hold:
                    self.hold(name, on=False)
                self.bucket.attempt(
                    "remove what an earlier probe left",
                    "delete_object",
                    is_answered,
                    Key=name,
                    VersionId=version,
                )

    def _unsafe(self, why: str) -> ReplicaError:
        return unsafe_store(
            f"{self.bucket}: {why}; use a store, and a bucket, whose lock holds (docs/replicas.md)"
        )
