"""A bundle that is being copied to where updates lie, from a file or from whoever sends it.

It has a name of its own meanwhile, and a claim, by which others tell it from what a process left
that was killed (`camerad.office.server.directory_locks.create_claimed`). `close` removes it, unless
it got another name.
"""

from __future__ import annotations

import contextlib
import hashlib
import threading
from collections.abc import Iterator

from camerad.base import durable_files
from camerad.base.errors import StorageError
from camerad.base.storage_errors import explaining
from camerad.office.server.directory_locks import create_claimed
from camerad.office.server.update_bundle import BundleManifest, read_manifest


class BundleCopy:
    """directory: where updates lie; it is there. One thread at a time writes; another one may close
    it meanwhile, after which nothing is written. Everything raises StorageError."""

    def __init__(self, directory: str) -> None:
        self._descriptor, self.path = create_claimed(directory)
        self._lock = threading.Lock()
        self._closed = False
        self._hash = hashlib.sha256()
        self.bytes = 0

    @property
    def sha256(self) -> str:
        """Of what was written so far."""
        return self._hash.hexdigest()

    def write(self, piece: bytes) -> None:
        """Append a piece."""
        self._hash.update(piece)
        with self._open():
            self.bytes = durable_files.write(self._descriptor, [piece], self.bytes, self.path)

    def sync(self) -> None:
        """Make what was written durable."""
        with self._open():
            durable_files.sync(self._descriptor, self.path)

    def manifest(self, name: str) -> BundleManifest:
        """What the bundle says of itself. name: what messages call it. Raises BundleError."""
        with explaining("read", self.path), open(self.path, "rb") as file:
            return read_manifest(name, file.fileno())

    def close(self) -> None:
        """End, whatever has become of it, once nobody writes any more. Once."""
        with self._lock:
            self._closed = True
            try:
                durable_files.remove(self.path, missing_ok=True)
            finally:
                durable_files.close(self._descriptor, self.path)

    @contextlib.contextmanager
    def _open(self) -> Iterator[None]:
        """The descriptor stays in this context: closed, its number may be that of another file."""
        with self._lock:
            if self._closed:
                raise StorageError(f"{self.path}: the copy has been given up")
            yield
