"""Removes files whose content must not stay in the storage's free room."""

from __future__ import annotations

import os

from camerad.base import durable_files


def erase(path: str) -> None:
    """Overwrite a file's bytes and remove it, durably, as far as a file system lets that happen:
    one that writes elsewhere keeps what was there. Raises StorageError."""
    descriptor = durable_files.open_existing(path)
    try:
        durable_files.write(descriptor, [bytes(os.fstat(descriptor).st_size)], 0, path)
        durable_files.sync(descriptor, path)
    finally:
        durable_files.close(descriptor, path)
    durable_files.remove(path)
