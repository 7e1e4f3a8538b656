"""SD cards in a reader: recognised, and written with image and settings.

Nothing is mounted: the image goes to the device as it is, and files of its first partition by
mtools. What was written is read back from the card. A reader is a block device, or a file that
stands for a card. Units: bytes.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import stat
import struct
import subprocess
from collections.abc import Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import IO, Final, NamedTuple

from camerad.base import file_status
from camerad.base.errors import HardwareError, StorageError
from camerad.base.safe_read import open_plain
from camerad.base.storage_errors import explain, explaining
from camerad.base.text import printable
from camerad.config.provisioning import NAME as SETTINGS
from camerad.provisioning import card_report, signing
from camerad.provisioning.publishing import DEVICE

LABEL: Final = b"CAMERAD"
_SECTOR: Final = 512
_TABLE: Final = 446
_PIECE: Final = 4 << 20
_FAT: Final = (0x0B, 0x0C, 0x0E)
_RANGE: Final = re.compile(
    r"<Range(?: chksum=\"([0-9a-f]{64})\")?> *(\d+)(?: *- *(\d+))? *</Range>"
)
_BLOCK: Final = re.compile(r"<BlockSize> *(\d+) *</BlockSize>")


class CardKind(StrEnum):
    """What a card is."""

    NEW = "new"
    """No image of camerad is on it."""
    WRITTEN = "written"
    """Its camera has not started with it yet."""
    STARTED = "started"
    """Its camera has left its key on it."""
    REFUSED = "refused"
    """Its camera did not take the settings."""
    USED = "used"
    """An image, without settings and without a key: whether it has recordings is unknown."""


class _Range(NamedTuple):
    """Bytes of an image. sha256: None where the map has none."""

    begin: int
    end: int
    sha256: str | None


class CardReader:
    """path: of the block device, such as /dev/sdb, or of a file."""

    def __init__(self, path: str) -> None:
        self.path: Final = os.path.abspath(path)

    def check(self) -> None:
        """Raise HardwareError for a disk that is no card's, and where a program is missing."""
        if shutil.which("mcopy") is None:
            raise HardwareError("mcopy is missing, which reads and writes cards: install mtools")
        with contextlib.suppress(FileNotFoundError):
            if stat.S_ISBLK(os.stat(self.path).st_mode):
                self._check_block_device()

    def has_card(self) -> bool:
        """Whether a card is in it. A reader without one has no medium, or no device."""
        try:
            with open(self.path, "rb") as card:
                return card.seek(0, os.SEEK_END) > 0
        except OSError:
            return False

    def look(self) -> CardKind:
        """What is in it. Raises StorageError."""
        if self._partition() is None:
            return CardKind.NEW
        names = self._names()
        if DEVICE in names:
            return CardKind.STARTED
        if SETTINGS in names:
            return CardKind.REFUSED if card_report.NAME in names else CardKind.WRITTEN
        return CardKind.USED

    def write(self, image: str, settings: Sequence[str]) -> None:
        """Write an image and the files of settings, and read all back. Raises StorageError."""
        self._leave_to_us()
        with self._opened() as card:
            for one in self._written(card, image):
                if self._digest(card, one) != one.sha256:
                    raise StorageError(
                        f"{self.path}: the card reads back with other bytes than were written: do "
                        "not use it"
                    )
        if self._partition() is None:
            raise StorageError(
                f"{image}: this image has no partition {LABEL.decode()}; name another"
            )
        self._mtools("mcopy", "-o", *settings, "::/")
        for path in settings:
            if self.read(os.path.basename(path)) != Path(path).read_bytes():
                raise StorageError(f"{self.path}: {os.path.basename(path)} reads back changed")

    def read(self, name: str) -> bytes:
        """A file of the card's first partition. Raises StorageError."""
        self._forget()
        return self._mtools("mcopy", "-n", f"::/{name}", "-")

    def copy_to(self, directory: str) -> None:
        """Copy what a camera has left to a directory. Raises StorageError."""
        self._forget()
        names = [name for name in self._names() if name.startswith("camerad-")]
        self._mtools("mcopy", "-n", *(f"::/{name}" for name in names), directory)

    # ------------------------------------------------------------------------------- the image

    def _written(self, card: IO[bytes], image: str) -> list[_Range]:
        """Write what matters of an image; returns it with its SHA-256.

        The first sector, with the table of partitions, is written last: what broke off is still a
        new card."""
        done: list[_Range] = []
        first = b""
        self._put(card, bytes(_SECTOR))
        with _image(image) as source:
            at = 0
            for begin, end, wanted in _ranges(image) or [_Range(0, 1 << 62, None)]:
                while at < begin:
                    at += len(_next(source, begin - at, image))
                card.seek(begin)
                digest = hashlib.sha256()
                while at < end:
                    piece = source.read(min(_PIECE, end - at))
                    if not piece:
                        if wanted is not None:
                            raise StorageError(f"{image}: it ends too early; take it anew")
                        break
                    digest.update(piece)
                    if at == 0:
                        first, piece = piece[:_SECTOR], bytes(_SECTOR) + piece[_SECTOR:]
                    self._put(card, piece)
                    at += len(piece)
                if wanted not in (None, digest.hexdigest()):
                    raise StorageError(f"{image}: it is not what its map says; take both anew")
                done.append(_Range(begin, at, digest.hexdigest()))
        for sector in (None, first):
            if sector is not None:
                card.seek(0)
                self._put(card, sector)
            with explaining("write the card", self.path):
                card.flush()
                os.fsync(card.fileno())
        return done

    def _put(self, card: IO[bytes], piece: bytes) -> None:
        try:
            card.write(piece)
        except OSError as error:
            raise explain("write the card", self.path, error) from error

    def _digest(self, card: IO[bytes], one: _Range) -> str:
        """What is on the card itself, not what the computer remembers of it."""
        os.posix_fadvise(card.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        digest = hashlib.sha256()
        with explaining("read the card", self.path):
            card.seek(one.begin)
            left = one.end - one.begin
            while left and (piece := card.read(min(_PIECE, left))):
                digest.update(piece)
                left -= len(piece)
        return digest.hexdigest()

    # --------------------------------------------------------------------------- the partition

    def _partition(self) -> int | None:
        """Where the first partition begins, if it is camerad's."""
        try:
            with open(self.path, "rb") as card:
                table = card.read(_SECTOR)
                if (
                    len(table) < _SECTOR
                    or table[-2:] != b"\x55\xaa"
                    or table[_TABLE + 4] not in _FAT
                ):
                    return None
                begin = int(struct.unpack_from("<I", table, _TABLE + 8)[0]) * _SECTOR
                card.seek(begin)
                first = card.read(_SECTOR)
        except OSError as error:
            raise StorageError(f"{self.path}: the card cannot be read: {error.strerror}") from error
        label = first[71:82] if first[82:87] == b"FAT32" else first[43:54]
        return begin if label.rstrip() == LABEL else None

    def _names(self) -> list[str]:
        said = self._mtools("mdir", "-b", "::/").decode("utf-8", "replace")
        return [line.removeprefix("::/") for line in said.splitlines()]

    def _mtools(self, program: str, *words: str) -> bytes:
        begin = self._partition()
        command = [program, words[0], "-i", f"{self.path}@@{begin}", *words[1:]]
        done = subprocess.run(  # noqa: S603 - a tool of this computer, and no shell
            command, capture_output=True, check=False, env=os.environ | {"MTOOLS_SKIP_CHECK": "1"}
        )
        if done.returncode:
            why = printable(done.stderr.decode("utf-8", "replace").strip())
            raise StorageError(f"{self.path}: {program} does not work with this card: {why}")
        if words[0] == "-o":
            with explaining("write the card", self.path), open(self.path, "rb+") as card:
                os.fsync(card.fileno())
        return done.stdout

    def _forget(self) -> None:
        with explaining("read the card", self.path), open(self.path, "rb") as card:
            os.posix_fadvise(card.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)

    # ------------------------------------------------------------------------------ the device

    @contextlib.contextmanager
    def _opened(self) -> Iterator[IO[bytes]]:
        try:
            # A block device that is mounted, or in use otherwise, is not opened so (open(2)).
            card = os.fdopen(os.open(self.path, os.O_RDWR | os.O_EXCL | os.O_CLOEXEC), "rb+")
        except OSError as error:
            raise StorageError(
                f"{self.path}: the card cannot be written: {error.strerror}"
            ) from error
        with card:
            yield card

    def _leave_to_us(self) -> None:
        """Unmount what a desktop has mounted of it by itself."""
        real = os.path.realpath(self.path)
        with contextlib.suppress(OSError), open("/proc/self/mounts", encoding="utf-8") as mounts:
            for device in {line.split()[0] for line in mounts if line.startswith(real)}:
                subprocess.run(["umount", device], check=False, capture_output=True)  # noqa: S603, S607

    def _check_block_device(self) -> None:
        name = os.path.basename(os.path.realpath(self.path))
        about = f"/sys/class/block/{name}"
        if file_status.exists(f"{about}/partition"):
            raise HardwareError(f"{self.path}: this is a partition; name the whole reader (lsblk)")
        kind = _line(f"{about}/device/type")
        if _line(f"{about}/removable") != "1" and kind != "SD":
            raise HardwareError(
                f"{self.path}: this is no card reader, and what is in it would be erased: look for "
                "the reader with lsblk"
            )


def _line(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def _ranges(image: str) -> list[_Range]:
    """What matters of an image, by the map beside it (``.bmap``); an empty list without one."""
    path = f"{image.removesuffix('.zst')}.bmap"
    if not file_status.exists(path):
        path = f"{image.removesuffix('.img.zst').removesuffix('.img')}.bmap"
    try:
        text = Path(path).read_text(encoding="utf-8")
    except FileNotFoundError:
        return []
    block = _BLOCK.search(text)
    if block is None:
        raise StorageError(f"{path}: this is no map of an image; take it anew")
    size = int(block[1])
    return [
        _Range(int(first) * size, (int(last or first) + 1) * size, sha256 or None)
        for sha256, first, last in _RANGE.findall(text)
    ]


def _next(source: IO[bytes], most: int, image: str) -> bytes:
    piece = source.read(min(_PIECE, most))
    if not piece:
        raise StorageError(f"{image}: it ends too early; take it anew")
    return piece


@contextlib.contextmanager
def _image(path: str) -> Iterator[IO[bytes]]:
    """An image as it is on a card, compressed (``.zst``) or not."""
    if not path.endswith(".zst"):
        with open_plain(path, "image", linked=True) as file:
            yield file
        return
    try:
        unpacking = subprocess.Popen(["zstd", "-dcq", "--", path], stdout=subprocess.PIPE)  # noqa: S603, S607
    except FileNotFoundError:
        raise HardwareError("zstd is missing, which unpacks the image: install zstd") from None
    with unpacking:
        if unpacking.stdout is None:
            raise StorageError(f"{path}: cannot be unpacked")
        try:
            yield unpacking.stdout
            ended = unpacking.stdout.read(1) == b""
        finally:
            unpacking.stdout.close()
            code = unpacking.wait()
        if ended and code:
            raise StorageError(f"{path}: the image is damaged; take it anew")


def settings_in(directory: str) -> list[str]:
    """The two files for a camera in its directory, as `camerad provision batch` makes it."""
    return [os.path.join(directory, name) for name in (SETTINGS, signing.NAME)]
