"""Replicas as objects of an S3 bucket with Object Lock.

Every replica is one object, sent in parts (multipart upload), so that an interrupted one goes on.
Order; each line is durable, as far as the store says, before the next begins:

1. the parts, each of `part_size` bytes; those that an earlier attempt sent are listed, not sent
   again;
2. the object is completed: it has its name, and nothing locks it yet;
3. its lock, as a separate order, and in the mode COMPLIANCE, which no user can shorten;
4. the lock is asked for and compared: Ceph ignores one that comes with the beginning of an upload.

A kill between 2 and 4 leaves an object without a lock; the next `put` finds it and sets one. A
replica is one of the object's versions, named by its id, never "the latest": an attacker who hides
an object behind a delete marker, or writes over it, changes nothing of what is below.

No checksum of the engine is believed, nor ``If-None-Match``: the caller reads back.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from camerad.base.clock import SECOND
from camerad.base.storage_errors import explaining
from camerad.office.replicas.replica_store import (
    Lock,
    ReplicaError,
    StoredReplica,
    parse_name,
    unsafe_store,
)
from camerad.office.replicas.s3_bucket import Bucket, is_missing, is_refused

MIB: Final = 1 << 20
PART: Final = 8 * MIB
"""Bytes of a part; S3 wants at least 5 MiB of all but the last,"""
MOST_PARTS: Final = 10_000
"""and has no more of them. A file of more than 78 GiB has larger ones. One is in memory."""
COMPLIANCE: Final = "COMPLIANCE"


class Version(NamedTuple):
    """One version of an object."""

    id: str
    bytes: int


class S3Objects:
    """bucket: where the objects are. See `replica_store.ReplicaStore`."""

    def __init__(self, bucket: Bucket) -> None:
        self.bucket: Final = bucket

    # ------------------------------------------------------------------ writing

    def put(self, name: str, path: str, size: int, lock: Lock, *, again: bool = False) -> None:
        there = self.list_versions(name)
        if again or not there or there[0].bytes != size:
            if again:
                self.abandon(name)
            self._send(name, path, size)
            there = self.list_versions(name)
            if not there or there[0].bytes != size:
                raise ReplicaError(
                    f"{self.bucket}: the store took {name} and does not have it, or not all of it: "
                    "see what its own log says"
                )
        self.abandon(name)
        newest = there[0].id
        known = self.lock_of_version(name, newest)
        if lock.until_us is not None and known.until_us is None:
            self._lock_version(name, newest, lock.until_us)
        if lock.hold and not known.hold:
            self._hold_version(name, newest, on=True)

    def _send(self, name: str, path: str, size: int) -> None:
        """Send a file as a new version, and go on with what an earlier attempt sent."""
        length = part_size(size)
        count = max(1, -(-size // length))
        begun = [one["UploadId"] for one in self._unfinished(name) if one["Key"] == name]
        sent: dict[int, str] = {}
        if begun:
            listed = self.bucket.list(
                f"list what came of {name}", "list_parts", "Parts", Key=name, UploadId=begun[-1]
            )
            for one in listed:
                if one["Size"] == min(length, size - (one["PartNumber"] - 1) * length):
                    sent[one["PartNumber"]] = one["ETag"]
        else:
            said = self.bucket.call(f"begin {name}", "create_multipart_upload", Key=name)
            begun.append(str(said["UploadId"]))
        upload: dict[str, Any] = {"Key": name, "UploadId": begun[-1]}
        with explaining("read the file", path):
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            for number in range(1, count + 1):
                if number not in sent:
                    order = {**upload, "PartNumber": number}
                    with explaining("read the file", path):
                        order["Body"] = os.pread(descriptor, length, (number - 1) * length)
                    said = self.bucket.call(f"send a part of {name}", "upload_part", **order)
                    sent[number] = str(said["ETag"])
        finally:
            os.close(descriptor)
        parts = [{"PartNumber": number, "ETag": sent[number]} for number in range(1, count + 1)]
        # If the first answer was lost, a second order finds nothing; `put` looks.
        self.bucket.attempt(
            f"complete {name}",
            "complete_multipart_upload",
            is_missing,
            **upload,
            MultipartUpload={"Parts": parts},
        )

    def _unfinished(self, prefix: str) -> list[Any]:
        """Uploads that were not completed, the oldest first."""
        listed = self.bucket.list(
            "list unfinished uploads", "list_multipart_uploads", "Uploads", Prefix=prefix
        )
        return sorted(listed, key=lambda one: one["Initiated"])

    def leftovers(self, before_us: int) -> list[str]:
        return [
            one["Key"]
            for one in self._unfinished("")
            if parse_name(one["Key"]) is not None and _wall_us(one["Initiated"]) < before_us
        ]

    def abandon(self, name: str) -> None:
        for one in self._unfinished(name):
            if one["Key"] == name:
                self.bucket.attempt(
                    f"remove an unfinished upload of {name}",
                    "abort_multipart_upload",
                    is_missing,
                    Key=name,
                    UploadId=one["UploadId"],
                )

    # ------------------------------------------------------------------ reading

    def versions(self, name: str) -> list[str]:
        return [one.id for one in self.list_versions(name)]

    def list_versions(self, name: str) -> list[Version]:
        """The versions of an object with their lengths, the newest first."""
        return [
            Version(one["VersionId"], one["Size"])
            for one in self.list_entries("Versions", name)
            if one["Key"] == name
        ]

    def pieces(self, name: str, version: str) -> Iterator[bytes]:
        said = self.bucket.call(f"read {name}", "get_object", Key=name, VersionId=version)
        body = said["Body"]
        try:
            chunks = body.iter_chunks(MIB)
            while piece := self.bucket.do(f"read {name}", lambda: next(chunks, b"")):
                yield piece
        finally:
            body.close()

    def list_copies(self) -> list[StoredReplica]:
        found: dict[str, StoredReplica] = {}
        for one in self.list_entries("Versions", ""):
            name = one["Key"]
            if name not in found and parse_name(name) is not None:
                found[name] = StoredReplica(name, one["Size"])
        return list(found.values())

    def list_entries(self, kind: str, prefix: str) -> list[Any]:
        """What the store lists below a prefix, the newest of each name first. kind: "Versions", or
        "DeleteMarkers"."""
        return self.bucket.list("list the copies", "list_object_versions", kind, Prefix=prefix)

    # ------------------------------------------------------------------ parts of uploads

    def put_bytes(self, name: str, content: bytes) -> None:
        self.bucket.call(f"write {name}", "put_object", Key=name, Body=content)

    def read_bytes(self, name: str) -> bytes | None:
        found = self.versions(name)
        return b"".join(self.pieces(name, found[0])) if found else None

    def remove_below(self, prefix: str) -> None:
        for kind in ("Versions", "DeleteMarkers"):
            for one in self.list_entries(kind, prefix):
                where = {"Key": one["Key"], "VersionId": one["VersionId"]}
                self.bucket.call(f"remove {one['Key']}", "delete_object", **where)

    # ------------------------------------------------------------------ locks

    def lock_of(self, name: str) -> Lock | None:
        there = self.versions(name)
        return self.lock_of_version(name, there[0]) if there else None

    def lock_of_version(self, name: str, version: str) -> Lock:
        """The lock of one version, as the store tells it. One that is not in the mode COMPLIANCE
        counts as none: a right of the store takes it away."""
        said = self.bucket.call(
            f"ask for the lock of {name}", "head_object", Key=name, VersionId=version
        )
        until = said.get("ObjectLockRetainUntilDate")
        locked = until is not None and said.get("ObjectLockMode") == COMPLIANCE
        return Lock(
            _wall_us(until) if locked else None, said.get("ObjectLockLegalHoldStatus") == "ON"
        )

    def set_lock(self, name: str, until_us: int) -> None:
        for version in self.versions(name):
            if self.lock_of_version(name, version).until_us is None:
                self._lock_version(name, version, until_us)

    def _lock_version(self, name: str, version: str, until_us: int) -> None:
        wanted_us = until_us // SECOND * SECOND
        until = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=wanted_us)
        self.bucket.call(
            f"lock {name}",
            "put_object_retention",
            Key=name,
            VersionId=version,
            Retention={"Mode": COMPLIANCE, "RetainUntilDate": until},
        )
        if self.lock_of_version(name, version).until_us != wanted_us:
            raise self._without_lock(f"the lock of {name} until {until:%Y-%m-%d %H:%M:%S}")

    def hold(self, name: str, *, on: bool) -> None:
        for version in self.versions(name):
            if self.lock_of_version(name, version).hold != on:
                self._hold_version(name, version, on=on)

    def _hold_version(self, name: str, version: str, *, on: bool) -> None:
        self.bucket.call(
            f"{'hold' if on else 'release'} {name}",
            "put_object_legal_hold",
            Key=name,
            VersionId=version,
            LegalHold={"Status": "ON" if on else "OFF"},
        )
        if self.lock_of_version(name, version).hold != on:
            raise self._without_lock(f"the legal hold of {name}")

    def _without_lock(self, what: str) -> ReplicaError:
        return unsafe_store(
            f"{self.bucket}: the store took {what} and does not have it: it does not know Object "
            "Lock; use another store"
        )

    # ------------------------------------------------------------------ deleting

    def delete(self, name: str) -> None:
        refused = [self._delete_version(name, version) for version in self.versions(name)]
        for why in filter(None, refused):
            raise ReplicaError(f"{self.bucket}: {why}")
        for marker in self.list_entries("DeleteMarkers", name):
            if marker["Key"] == name:
                version = marker["VersionId"]
                self.bucket.call(f"delete {name}", "delete_object", Key=name, VersionId=version)
        self.abandon(name)

    def _delete_version(self, name: str, version: str) -> str | None:
        """Delete a version; returns why the store refuses."""
        order = {"Key": name, "VersionId": version}
        if self.bucket.attempt(f"delete {name}", "delete_object", is_refused, **order):
            return None
        lock = self.lock_of_version(name, version)
        if lock.hold:
            return f"{name} cannot be deleted yet: it is held"
        if lock.until_us is not None:
            until = datetime.fromtimestamp(lock.until_us / SECOND, UTC)
            return f"{name} cannot be deleted yet: it is locked until {until:%F %T} UTC"
        return (
            f"the store refuses to delete {name}, which is not locked: give the office's identity "
            "the right s3:DeleteObjectVersion"
        )


def _wall_us(at: datetime) -> int:
    return round(at.timestamp() * SECOND)


def part_size(size: int) -> int:
    """Bytes of the parts of a file of so many bytes, always the same for one size."""
    least = -(-size // MOST_PARTS)
    return max(PART, -(-least // MIB) * MIB)
