"""The card's FAT partition, which any computer opens: reads files, writes the report, and removes
secrets.

FAT has no journal, keeps no modes and promises nothing about the order of writes, so nothing that
counts is only there. Everything raises StorageError unless it says otherwise.
"""

from __future__ import annotations

import errno
import logging
import os
import re
from typing import Final

from camerad.base import durable_files, file_status, storage_errors
from camerad.base.errors import StorageError
from camerad.base.message_ids import MessageId
from camerad.base.safe_read import read_plain
from camerad.base.text import printable

_log = logging.getLogger(__name__)

MOST_FREE: Final = 1 << 30
"""Free room beyond this is not overwritten, bytes: then it is no card of ours."""
_BLOCK: Final = 1 << 20
_SCRUB: Final = "camerad-free-room"
_ERASED: Final = ".erase"
_LARGEST: Final = 1 << 20
_MODE: Final = 0o600
_STEM: Final = "camerad-provision"
_SALVAGED: Final = re.compile(r"FSCK[0-9]{4}\.REC", re.IGNORECASE)
"""The names that fsck.vfat gives (its manual, under FILES)."""


class BootPartition:
    """directory: where the partition is mounted. If it is not, nothing is there."""

    def __init__(self, directory: str) -> None:
        self.directory: Final = os.path.abspath(directory)

    @property
    def read_only(self) -> bool:
        """Whether the kernel refuses to write there."""
        try:
            return bool(os.statvfs(self.directory).f_flag & os.ST_RDONLY)
        except OSError as error:
            raise storage_errors.explain("look at the card", self.directory, error) from error

    def read(self, name: str, most: int) -> bytes | None:
        """A file's first bytes; None if it is not there."""
        path = self._path(name)
        if not file_status.exists(path):
            return None
        return read_plain(path, "file on the card", most)

    def similar_names(self, names: tuple[str, ...]) -> list[str]:
        """Files whose names look as if one of `names` was meant; an attacker may have chosen them,
        so they are made fit to be printed."""
        return [
            printable(name)[:100]
            for name in self._names()
            if name.startswith(_STEM) and name not in names
        ]

    def folders_with(self, name: str) -> list[str]:
        """Folders in which there is a file of that name: the technician who copied them meant the
        file. Made fit to be printed, as above."""
        folders = (
            one for one in self._folders() if file_status.exists(self._path(f"{one}/{name}"))
        )
        return [printable(one)[:100] for one in folders]

    def files_containing(self, secret: bytes, but: str) -> tuple[str, ...]:
        """Names of the other files in which `secret` stands, on top or in a folder there, as far as
        they can be read."""
        found = []
        try:
            folders = ["", *self._folders()]
        except StorageError as error:
            _log.warning("%s", error, extra=MessageId.PROVISION_REFUSED.extra)
            return ()
        for folder in folders:
            try:
                names = [os.path.join(folder, name) for name in self._names(folder)]
            except StorageError as error:
                # One that cannot be read hides nothing of the others.
                _log.warning("%s", error, extra=MessageId.PROVISION_REFUSED.extra)
                continue
            for name in names:
                try:
                    if name != but and secret in read_plain(self._path(name), "file", _LARGEST):
                        found.append(printable(name)[:100])
                except StorageError as error:
                    _log.warning("%s", error, extra=MessageId.PROVISION_REFUSED.extra)
        return tuple(found)

    def write(self, name: str, content: bytes) -> None:
        """Put a file there whole; where there is no room, over the one that is there already."""
        path = self._path(name)
        temporary = path + durable_files.TEMPORARY
        if os.path.lexists(temporary):
            durable_files.remove(temporary)
        try:
            _make(temporary, content)
            durable_files.rename(temporary, path)
        except StorageError as error:
            if os.path.lexists(temporary):
                durable_files.remove(temporary)
            if error.errno != errno.ENOSPC or not os.path.lexists(path):
                raise
            _write_over(path, content)

    def erase(self, name: str) -> None:
        """Give a file a name that says what it is for, overwrite it with zeros up to the end of the
        room that it has, and remove it; also one that has that name already. Nothing happens if
        neither is there.

        Half overwritten it could not be told from another file by its content. A flash card may
        keep the former bytes elsewhere: docs/provisioning.md.
        """
        # First what a loss of power has left: renamed over, its room would be free as it is.
        self.erase_leftovers(name)
        if file_status.exists(self._path(name)):
            path = self._path(name + _ERASED)
            durable_files.rename(self._path(name), path)
            _wipe(path)

    def erase_leftovers(self, name: str) -> None:
        """The same for what an earlier `erase` of that name has begun; a file that has the name
        itself is left alone."""
        path = self._path(name + _ERASED)
        if file_status.exists(path):
            _wipe(path)

    def remove_fsck_files(self) -> None:
        """Remove files that a check of the file system made of lost clusters: they may hold an
        earlier version of a file with a secret.

        Its room is not overwritten here, since it may be all that there was: see
        `overwrite_free_room`.
        """
        for name in self._names():
            if _SALVAGED.fullmatch(name):
                durable_files.remove(self._path(name))

    def overwrite_free_room(self) -> bool:
        """Fill what is free with zeros, and free it again; whether that was done.

        It is not where the directory is no separate file system, or one that is too large.
        """
        try:
            state = os.statvfs(self.directory)
        except OSError as error:
            raise storage_errors.explain("look at the card", self.directory, error) from error
        if not os.path.ismount(self.directory) or state.f_bfree * state.f_frsize > MOST_FREE:
            return False
        path = self._path(_SCRUB)
        if os.path.lexists(path):
            durable_files.remove(path)
        descriptor = durable_files.create(path, _MODE)
        try:
            _fill(descriptor, path)
            durable_files.sync(descriptor, path)
        finally:
            durable_files.close(descriptor, path)
            durable_files.remove(path)
        return True

    # ------------------------------------------------------------------ files

    def _path(self, name: str) -> str:
        return os.path.join(self.directory, name)

    def _names(self, folder: str = "") -> list[str]:
        """Files in a folder, or on top."""
        return sorted(
            one.name for one in self._entries(folder) if one.is_file(follow_symlinks=False)
        )

    def _folders(self) -> list[str]:
        return sorted(one.name for one in self._entries("") if one.is_dir(follow_symlinks=False))

    def _entries(self, folder: str) -> list[os.DirEntry[str]]:
        place = self._path(folder)
        try:
            with os.scandir(place) as entries:
                return list(entries)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise storage_errors.explain("list the card", place, error) from error


def _make(path: str, content: bytes) -> None:
    descriptor = durable_files.create(path, _MODE)
    try:
        durable_files.write(descriptor, [content], 0, path)
        durable_files.sync(descriptor, path)
    finally:
        durable_files.close(descriptor, path)


def _write_over(path: str, content: bytes) -> None:
    """Replace a file's content in place, and nothing of its room."""
    descriptor = durable_files.open_existing(path)
    try:
        durable_files.write(descriptor, [content], 0, path)
        durable_files.sync(descriptor, path)
        durable_files.truncate(descriptor, len(content), path)
        durable_files.sync(descriptor, path)
    finally:
        durable_files.close(descriptor, path)


def _wipe(path: str) -> None:
    """Overwrite all the room of a file with zeros, and remove it. Block by block: the file may be
    larger than memory."""
    try:
        state = os.lstat(path)
    except OSError as error:
        raise storage_errors.explain("look at the file", path, error) from error
    # st_blocks counts in 512 bytes, not in the file system's own blocks (stat(2)).
    size = max(state.st_size, state.st_blocks * 512)
    descriptor = durable_files.open_existing(path)
    try:
        offset = 0
        while offset < size:
            block = bytes(min(_BLOCK, size - offset))
            offset = durable_files.write(descriptor, [block], offset, path)
        durable_files.sync(descriptor, path)
    finally:
        durable_files.close(descriptor, path)
    durable_files.remove(path)


def _fill(descriptor: int, path: str) -> None:
    """Write zeros until there is no more room; smaller and smaller, so that none is left."""
    offset, size = 0, _BLOCK
    while size >= 512:
        try:
            offset = durable_files.write(descriptor, [bytes(size)], offset, path)
        except StorageError as error:
            if error.errno != errno.ENOSPC:
                raise
            size //= 2
