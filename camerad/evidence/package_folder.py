"""The directory of a package that is handed over, made under a temporary name."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import stat
from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from camerad.base import durable_files, file_status, storage_errors
from camerad.base.errors import NotNowError
from camerad.container import jws, recording_files, skeleton
from camerad.container.keys import PublicKey
from camerad.container.members import NotARecordingError
from camerad.evidence.package_proofs import LEDGER, LEDGER_KEYS
from camerad.transparency.stamp_files import KeptStamp, stamps_among
from camerad.verify.judge import MayRun

TEMPORARY: Final = ".part"
SUMS: Final = "SHA256SUMS"
KEY_PEM: Final = "device-key.pem"
KEY_JWK: Final = "device-key.jwk"
FILE_MODE: Final = 0o600
"""A package has footage in the clear: only the user who made it may read it."""
DIRECTORY_MODE: Final = 0o700


class LedgerExtract(msgspec.Struct, frozen=True):
    """What ledgers say about a recording: statements, and the public keys that signed them. proofs:
    files by name, with proofs that those of the office lie in its log, and their policy. stamps:
    files with the time stamps on the checkpoint of these proofs."""

    tokens: tuple[bytes, ...]
    signers: tuple[PublicKey, ...]
    proofs: Mapping[str, str] = {}
    stamps: Mapping[str, bytes] = {}


class PackageFolder:
    """The files of a package. sums: their SHA-256, by name. stamps: time stamps among them."""

    def __init__(self, directory: str) -> None:
        self._directory = directory
        self.sums: Final[dict[str, str]] = {}
        self.stamps: list[KeptStamp] = []

    def add_key(self, key: PublicKey | None) -> None:
        """Add the key that the original is to be checked with."""
        if key is not None:
            self.add(KEY_PEM, key.pem)
            self.add(KEY_JWK, json.dumps(key.jwk, indent=2) + "\n")

    def add_ledger(self, extract: LedgerExtract, camera: str | None) -> None:
        """Add what the ledgers say, and who signed that besides the camera, whose thumbprint this
        is."""
        self.add(LEDGER, b"".join(token + b"\n" for token in extract.tokens).decode("ascii"))
        others = [key for key in extract.signers if key.thumbprint != camera]
        if others:
            self.add(LEDGER_KEYS, "".join(f"{key.thumbprint}\n{key.pem}" for key in others))
        for name, text in extract.proofs.items():
            self.add(name, text)
        for name, content in extract.stamps.items():
            self.add(name, content)
        self.stamps = stamps_among(extract.stamps)

    def finish(self) -> None:
        """Add the list of all files, for ``sha256sum -c``."""
        lines = [f"{sha256}  {name}\n" for name, sha256 in sorted(self.sums.items())]
        self.add(SUMS, "".join(lines))

    def add(self, name: str, text: str | bytes) -> None:
        """Add a file. Raises StorageError."""
        path = os.path.join(self._directory, name)
        content = text.encode() if isinstance(text, str) else text
        descriptor = durable_files.create(path, FILE_MODE)
        try:
            durable_files.write(descriptor, [content], 0, path)
            durable_files.sync(descriptor, path)
        finally:
            durable_files.close(descriptor, path)
        self.sums[name] = jws.digest(content)


def check_source(path: str, may_run: MayRun) -> tuple[int, str | None]:
    """Size of a recording's file, and why it is none, if it is none.

    Raises NotNowError and StorageError.
    """
    try:
        # A named pipe would block here until another process writes.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise storage_errors.explain("read the recording", path, error) from error
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            return 0, "this is not a file; name a recording's file (.tar)"
        if _is_locked(descriptor) and _is_made(path, may_run):
            raise NotNowError(
                f"{path}: this recording still runs; hold it, and export it when it has ended"
            )
        return found.st_size, None
    finally:
        os.close(descriptor)


def _is_made(path: str, may_run: MayRun) -> bool:
    """Whether a locked file is a recording that is being made. Raises StorageError."""
    try:
        return skeleton.end_of(path) is None and may_run(skeleton.header_of(path))
    except NotARecordingError:
        return False


def _is_locked(descriptor: int) -> bool:
    # Some network file systems have no locks; then no camera records there either.
    try:
        return recording_files.is_locked(descriptor)
    except OSError:
        return False


@contextlib.contextmanager
def temporary_directory(package: str) -> Iterator[str]:
    """A directory of a temporary name, which is this export's alone, and is removed unless it was
    renamed."""
    directory = package + TEMPORARY
    make_parent(package)
    try:
        if file_status.is_directory(directory):
            with _claimed(directory):
                shutil.rmtree(directory)  # left by an export that was killed
        os.mkdir(directory, DIRECTORY_MODE)
        claim = _claimed(directory)
    except BlockingIOError:
        raise storage_errors.FileExistsAlreadyError(
            f"{package}: another process exports this recording; wait until it has ended"
        ) from None
    except OSError as error:
        raise storage_errors.explain("make the directory", directory, error) from error
    with claim:
        try:
            yield directory
        finally:
            shutil.rmtree(directory, ignore_errors=True)


def make_parent(path: str) -> None:
    """Make the directory that a path lies in."""
    if not file_status.is_directory(os.path.dirname(path), linked=True):
        durable_files.make_directory(os.path.dirname(path), linked=True)


def _claimed(directory: str) -> contextlib.ExitStack:
    """Claim a directory until what is returned is closed, on a file system that has locks. Raises
    BlockingIOError if another export has it, or had it meanwhile, and OSError."""
    with contextlib.ExitStack() as claim:
        descriptor = file_status.open_directory(directory)
        claim.callback(os.close, descriptor)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise
        except OSError:
            return claim.pop_all()
        if not file_status.is_named(descriptor, directory):
            raise BlockingIOError
        return claim.pop_all()
