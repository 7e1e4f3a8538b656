"""Replicas in an S3 bucket with Object Lock: SeaweedFS, Ceph's RADOS Gateway, and others.

Every copy is one object, sent in parts (multipart upload), so that a copy that was interrupted goes
on. Order; each line is durable, as far as the store says, before the next begins:

1. the parts, each of `part_size` bytes; those that an earlier attempt sent are listed, not sent
   again;
2. the object is completed: it has its name, and nothing locks it yet;
3. its lock, as an order of its own, and in the mode COMPLIANCE, which nobody can shorten;
4. the lock is asked for and compared: Ceph ignores one that comes with the beginning of an upload.

A kill between 2 and 4 leaves an object without a lock; the next `put` finds it and sets one. What
stands for an object here is one of its versions, named by its id, never "the latest": somebody who
hides an object behind a delete marker, or writes over it, changes nothing of what is below.

No checksum of the engine is believed, nor ``If-None-Match``: whoever calls reads back.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Collection, Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from camerad.base.clock import SECOND
from camerad.base.storage_errors import explaining
from camerad.office.replicas import s3_probe
from camerad.office.replicas.replica_store import (
    Lock,
    LockedReplicaError,
    ReplicaError,
    StoredReplica,
    UnsafeStoreError,
    parse_name,
)
from camerad.office.replicas.s3_bucket import Bucket, is_missing, is_refused

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

MIB: Final = 1 << 20
PART: Final = 8 * MIB
"""Bytes of a part; S3 wants at least 5 MiB of all but the last,"""
MOST_PARTS: Final = 10_000
"""and has no more of them. A file of more than 78 GiB has larger ones."""
_PIECE: Final = MIB
COMPLIANCE: Final = "COMPLIANCE"
_T = TypeVar("_T")


class Version(NamedTuple):
    """One version of an object."""

    id: str
    bytes: int


class S3Store:
    """bucket: where the copies are. See `replica_store.ReplicaStore`."""

    def __init__(self, bucket: Bucket) -> None:
        self.bucket: Final = bucket
        self._client: Final = bucket.client

    def describe(self) -> str:
        return str(self.bucket)

    def describe_lock(self) -> str:
        return "its lock holds"

    def close(self) -> None:
        self._client.close()

    def probe(self) -> None:
        s3_probe.probe(self)

    # ------------------------------------------------------------------ writing

    def put(self, name: str, path: str, size: int, lock: Lock, *, again: bool = False) -> None:
        there = self.list_versions(name)
        if again or not there or there[0].bytes != size:
            self._send(name, path, size, anew=again)
            there = self.list_versions(name)
            if not there or there[0].bytes != size:
                raise ReplicaError(
                    f"{self.bucket}: the store took {name} and does not have it, or not all of it: "
                    "see what its own log says"
                )
        self._abort_unfinished(name)
        newest = there[0]
        known = self.lock_of_version(name, newest.id)
        if lock.until_us is not None and known.until_us is None:
            self.lock_version(name, newest.id, lock.until_us)
        if lock.hold and not known.hold:
            self._hold_version(name, newest.id, on=True)

    def _send(self, name: str, path: str, size: int, *, anew: bool) -> None:
        """Send a file as a new version, and go on with what an earlier attempt sent."""
        if anew:
            self._abort_unfinished(name)
        unfinished = self._unfinished(name)
        upload = unfinished[-1] if unfinished else self._begin(name)
        length = part_size(size)
        count = max(1, -(-size // length))
        sent = self._parts(name, upload, size) if unfinished else {}
        with explaining("read the file", path):
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            for number in range(1, count + 1):
                if number not in sent:
                    offset = (number - 1) * length
                    part = _Part(descriptor, offset, min(length, size - offset))
                    sent[number] = self._send_part(name, upload, number, part)
        finally:
            os.close(descriptor)
        parts: list[CompletedPartTypeDef] = [
            {"PartNumber": number, "ETag": sent[number]} for number in range(1, count + 1)
        ]

        def complete() -> None:
            try:
                self._client.complete_multipart_upload(
                    Bucket=self.bucket.name,
                    Key=name,
                    UploadId=upload,
                    MultipartUpload={"Parts": parts},
                )
            except self.bucket.client_error as error:
                # The first answer was lost, and a second order came; whoever called looks.
                if not is_missing(error):
                    raise

        self._do(f"complete {name}", complete)

    def _begin(self, name: str) -> str:
        said = self._do(
            f"begin {name}",
            lambda: self._client.create_multipart_upload(Bucket=self.bucket.name, Key=name),
        )
        return str(said["UploadId"])

    def _send_part(self, name: str, upload: str, number: int, content: _Part) -> str:
        said = self._do(
            f"send a part of {name}",
            lambda: self._client.upload_part(
                Bucket=self.bucket.name,
                Key=name,
                UploadId=upload,
                PartNumber=number,
                Body=io.BufferedReader(content, _PIECE),
            ),
        )
        return str(said["ETag"])

    def _parts(self, name: str, upload: str, size: int) -> dict[int, str]:
        """The parts that the store has of an upload, whole and of the right length."""
        length = part_size(size)

        def listing() -> dict[int, str]:
            pages = self._client.get_paginator("list_parts").paginate(
                Bucket=self.bucket.name, Key=name, UploadId=upload
            )
            return {
                one["PartNumber"]: one["ETag"]
                for page in pages
                for one in page.get("Parts", ())
                if one["Size"] == min(length, size - (one["PartNumber"] - 1) * length)
            }

        return self._do(f"list what came of {name}", listing)

    def _unfinished(self, name: str = "") -> list[str]:
        """The ids of the uploads of a name that were not completed, the newest last."""
        return [upload for key, upload, _ in self._all_unfinished(name) if key == name]

    def _all_unfinished(self, prefix: str) -> list[tuple[str, str, int]]:
        """Names, ids, and when each was begun; the oldest first."""

        def listing() -> list[tuple[str, str, int]]:
            pages = self._client.get_paginator("list_multipart_uploads").paginate(
                Bucket=self.bucket.name, Prefix=prefix
            )
            found = [one for page in pages for one in page.get("Uploads", ())]
            found.sort(key=lambda one: one["Initiated"])
            return [(one["Key"], one["UploadId"], _wall_us(one["Initiated"])) for one in found]

        return self._do("list unfinished uploads", listing)

    def _abort_unfinished(self, name: str) -> None:
        for upload in self._unfinished(name):
            self._abort(name, upload)

    def _abort(self, name: str, upload: str) -> None:
        def abort() -> None:
            try:
                self._client.abort_multipart_upload(
                    Bucket=self.bucket.name, Key=name, UploadId=upload
                )
            except self.bucket.client_error as error:
                if not is_missing(error):
                    raise

        self._do(f"remove an unfinished upload of {name}", abort)

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
        body = self._do(
            f"read {name}",
            lambda: self._client.get_object(Bucket=self.bucket.name, Key=name, VersionId=version),
        )["Body"]
        try:
            chunks = body.iter_chunks(_PIECE)
            while piece := self._do(f"read {name}", lambda: next(chunks, b"")):
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

        def listing() -> list[Any]:
            pages = self._client.get_paginator("list_object_versions").paginate(
                Bucket=self.bucket.name, Prefix=prefix
            )
            return [one for page in pages for one in page.get(kind, ())]  # type: ignore[attr-defined]

        return self._do("list the copies", listing)

    # ------------------------------------------------------------------ locks

    def lock_of(self, name: str) -> Lock | None:
        there = self.list_versions(name)
        return self.lock_of_version(name, there[0].id) if there else None

    def lock_of_version(self, name: str, version: str) -> Lock:
        """The lock of one version, as the store tells it. One that is not in the mode COMPLIANCE is
        none: whoever has the right can take it away."""
        said = self._do(
            f"ask for the lock of {name}",
            lambda: self._client.head_object(Bucket=self.bucket.name, Key=name, VersionId=version),
        )
        until = said.get("ObjectLockRetainUntilDate")
        locked = until is not None and said.get("ObjectLockMode") == COMPLIANCE
        until_us = _wall_us(until) if locked and until is not None else None
        return Lock(until_us, said.get("ObjectLockLegalHoldStatus") == "ON")

    def set_lock(self, name: str, until_us: int) -> None:
        for one in self.list_versions(name):
            if self.lock_of_version(name, one.id).until_us is None:
                self.lock_version(name, one.id, until_us)

    def lock_version(self, name: str, version: str, until_us: int) -> None:
        """Lock a version that has no lock, and see that the store has kept it."""
        wanted_us = until_us // SECOND * SECOND
        until = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=wanted_us)
        self._do(
            f"lock {name}",
            lambda: self._client.put_object_retention(
                Bucket=self.bucket.name,
                Key=name,
                VersionId=version,
                Retention={"Mode": COMPLIANCE, "RetainUntilDate": until},
            ),
        )
        got = self.lock_of_version(name, version)
        if got.until_us != wanted_us:
            raise UnsafeStoreError(
                f"{self.bucket}: the store took the lock of {name} until {until:%Y-%m-%d %H:%M:%S} "
                "and does not have it: it does not know Object Lock; use another store"
            )

    def hold(self, name: str, *, on: bool) -> None:
        for one in self.list_versions(name):
            if self.lock_of_version(name, one.id).hold != on:
                self._hold_version(name, one.id, on=on)

    def _hold_version(self, name: str, version: str, *, on: bool) -> None:
        self._do(
            f"{'hold' if on else 'release'} {name}",
            lambda: self._client.put_object_legal_hold(
                Bucket=self.bucket.name,
                Key=name,
                VersionId=version,
                LegalHold={"Status": "ON" if on else "OFF"},
            ),
        )
        if self.lock_of_version(name, version).hold != on:
            raise UnsafeStoreError(
                f"{self.bucket}: the store took the legal hold of {name} and does not have it: it "
                "does not know Object Lock; use another store"
            )

    # ------------------------------------------------------------------ deleting

    def delete(self, name: str) -> None:
        refused: LockedReplicaError | None = None
        for one in self.list_versions(name):
            try:
                self._delete_version(name, one.id)
            except LockedReplicaError as error:
                refused = error
        if refused is not None:
            raise refused
        for marker in self.list_entries("DeleteMarkers", name):
            if marker["Key"] == name:
                self._delete_version(name, marker["VersionId"], marker=True)
        self._abort_unfinished(name)

    def _delete_version(self, name: str, version: str, *, marker: bool = False) -> None:
        def delete() -> bool:
            try:
                self._client.delete_object(Bucket=self.bucket.name, Key=name, VersionId=version)
            except self.bucket.client_error as error:
                if marker or not is_refused(error):
                    raise
                return False
            return True

        if self._do(f"delete {name}", delete):
            return
        lock = self.lock_of_version(name, version)
        if lock.hold:
            why = "it is held"
        elif lock.until_us is not None:
            until = datetime.fromtimestamp(lock.until_us / SECOND, UTC)
            why = f"it is locked until {until:%F %T} UTC"
        else:
            raise ReplicaError(
                f"{self.bucket}: the store refuses to delete {name}, which is not locked: give the "
                "office's identity the right s3:DeleteObjectVersion"
            )
        raise LockedReplicaError(f"{self.bucket}: {name} cannot be deleted yet: {why}")

    def tidy(self, busy: Collection[str], before_us: int) -> None:
        for name, upload, begun_us in self._all_unfinished(""):
            if parse_name(name) is not None and name not in busy and begun_us < before_us:
                self._abort(name, upload)

    def _do(self, action: str, work: Callable[[], _T]) -> _T:
        return self.bucket.do(action, work)


def _wall_us(at: datetime) -> int:
    return round(at.timestamp() * SECOND)


def part_size(size: int) -> int:
    """Bytes of the parts of a file of so many bytes, always the same for one size."""
    least = -(-size // MOST_PARTS)
    return max(PART, -(-least // MIB) * MIB)


class _Part(io.RawIOBase):
    """A part of a file, which is read while it is sent: it is never in memory as a whole."""

    def __init__(self, descriptor: int, offset: int, length: int) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._offset = offset
        self._length = length
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        begin = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._length}[whence]
        self._at = max(0, begin + offset)
        return self._at

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer)[: max(0, self._length - self._at)]
        count = os.preadv(self._descriptor, [view], self._offset + self._at) if view else 0
        self._at += count
        return count
