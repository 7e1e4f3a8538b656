"""What the simulated sensor sees: a film clip, or a test pattern.

A clip is made ready once for a camera's two streams: every picture is scaled to fill the stream,
keeping its proportions and cutting what stands over at both sides or above and below, and is stored
as tightly packed I420 (Y, then U, then V). The sensor plays one picture per frame whatever the
clip's own rate, and starts over at its end: frame n shows picture n % count.

    python -m hw_mocks.footage CLIP 1280x720 320x240

makes a clip ready and prints its folder, which HW_MOCKS_FOOTAGE takes.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import fcntl
import hashlib
import json
import os
import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from hw_mocks.rendering import FootageError, render
from hw_mocks.resident import Ahead

MAIN: Final = "main"
LORES: Final = "lores"
MAX_FRAMES: Final = 300

LOCK_SECONDS: Final = 600.0
"""How long another process may take to make a clip ready: some seconds on a PC, a minute or two on
the slowest board, and more on a busy one."""
_LOOK_SECONDS: Final = 0.05

# Part of the cache's key: to be raised whenever the same clip would be prepared otherwise.
_VERSION: Final = 1
_INFO: Final = "info.json"

Picture = NDArray[np.uint8]

_warned: set[tuple[Path, int, int]] = set()


def picture_bytes(width: int, height: int) -> int:
    """Bytes of a tightly packed I420 picture."""
    return width * height * 3 // 2


# ------------------------------------------------------------------------------------------ sources


class Source(Protocol):
    """Gives the pictures of one stream."""

    @property
    def read_back(self) -> int:
        """How many of them had to be read from a disk while their reader waited."""

    def read(self, number: int, into: Picture) -> None:
        """Put the picture of frame `number` into a contiguous array of `picture_bytes` bytes."""

    def close(self) -> None:
        """Let go of what the source holds open."""


class PreparedSource:
    """The pictures of one stream of prepared footage.

    They are read into place straight from the page cache: one copy, and unlike pages of a mapping
    they never count as this process's memory. ahead: whether one picture after the other will be
    read, at the instants of a camera. Raises FootageError as `load_info` does.

    read_back: as in `Source`; 0 on a file system that does not tell (RWF_NOWAIT in preadv2(2)).
    """

    def __init__(self, folder: Path, stream: str, *, ahead: bool = False) -> None:
        info = load_info(folder)
        self.width, self.height = info.sizes[stream]
        self.count = info.frames
        self._bytes = picture_bytes(self.width, self.height)
        self._fd = os.open(_stream_file(folder, stream), os.O_RDONLY | os.O_CLOEXEC)
        self._ahead = Ahead(self._fd, self.count, self._bytes) if ahead else None
        self.read_back = 0

    def read(self, number: int, into: Picture) -> None:
        """As `Source.read`. Raises FootageError if the file has been cut short meanwhile."""
        if self._ahead is not None:
            self._ahead.shows(number)
        offset = number % self.count * self._bytes
        if self._read_at_once(into, offset):
            return
        if os.preadv(self._fd, [into.data], offset) != self._bytes:
            raise FootageError("prepared footage has been cut short while it was played")

    def _read_at_once(self, into: Picture, offset: int) -> bool:
        """Read what is in memory; False if not all of it is, or nobody can tell."""
        try:
            if os.preadv(self._fd, [into.data], offset, os.RWF_NOWAIT) == self._bytes:
                return True
        except BlockingIOError:
            pass
        except OSError as error:
            if error.errno != errno.EOPNOTSUPP:
                raise
            return False
        self.read_back += 1
        return False

    def close(self) -> None:
        """Close the file."""
        if self._fd >= 0:
            if self._ahead is not None:
                self._ahead.close()
            os.close(self._fd)
            self._fd = -1


class MovingPattern:
    """A bright box that moves to the right over a grey slope, and starts over every 30 frames."""

    _STEPS: Final = 30
    read_back = 0

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        across = (np.arange(width) * 160 // width + 16).astype(np.uint8)
        down = (np.arange(height) * 60 // height).astype(np.uint8)
        self._background = np.full(picture_bytes(width, height), 128, np.uint8)
        luma = self._background[: width * height].reshape(height, width)
        np.add(across, down[:, np.newaxis], out=luma)

    def read(self, number: int, into: Picture) -> None:
        """As `Source.read`."""
        np.copyto(into, self._background)
        box = self.width // 6
        left = number % self._STEPS * (self.width - box) // self._STEPS
        luma = into[: self.width * self.height].reshape(self.height, self.width)
        luma[self.height // 3 : self.height * 2 // 3, left : left + box] = 235

    def close(self) -> None:
        """Nothing is held open."""


def source_for(folder: Path | None, stream: str, width: int, height: int) -> Source:
    """What a stream of this size shows: footage that was prepared for it, else the test pattern.

    Footage of another size is not scaled while it plays, that would take the processor time that
    the encoder is to be measured by; the pattern is shown, and stderr says so.
    """
    if folder is None:
        return MovingPattern(width, height)
    info = load_info(folder)
    for name in (stream, MAIN, LORES):
        if info.sizes.get(name) == (width, height):
            return PreparedSource(folder, name, ahead=True)
    if (folder, width, height) not in _warned:
        _warned.add((folder, width, height))
        sizes = ", ".join(f"{w}x{h}" for w, h in info.sizes.values())
        sys.stderr.write(
            f"footage: {folder} is prepared for {sizes}; a stream of {width}x{height} shows the "
            "test pattern\n"
        )
    return MovingPattern(width, height)


def source_picture(folder: Path, number: int, stream: str = MAIN) -> Picture:
    """The picture that frame `number` was made of, before the number was drawn into it.

    I420, a uint8 array of `height * 3 // 2` rows of `width`; for comparison with what was recorded.
    """
    source = PreparedSource(folder, stream)
    try:
        picture: Picture = np.empty(picture_bytes(source.width, source.height), np.uint8)
        source.read(number, picture)
    finally:
        source.close()
    return picture.reshape(source.height * 3 // 2, source.width)


# ---------------------------------------------------------------------------------- prepared folder


@dataclass(frozen=True, slots=True)
class Info:
    """What a folder of prepared footage holds.

    frames: pictures in each stream. sizes: (width, height) of each stream.
    """

    clip: str
    frames: int
    sizes: dict[str, tuple[int, int]]


def _stream_file(folder: Path, stream: str) -> Path:
    return folder / f"{stream}.yuv"


def stream_files(folder: Path) -> list[Path]:
    """The files of pictures in `folder`. Raises FootageError as `load_info` does."""
    return [_stream_file(folder, stream) for stream in load_info(folder).sizes]


def load_info(folder: Path) -> Info:
    """What `folder` holds. Raises FootageError if it is no whole prepared footage."""
    try:
        data = json.loads((folder / _INFO).read_text())
        sizes = {name: (int(w), int(h)) for name, (w, h) in data["sizes"].items()}
        info = Info(str(data["clip"]), int(data["frames"]), sizes)
        for stream, (width, height) in info.sizes.items():
            expected = info.frames * picture_bytes(width, height)
            found = _stream_file(folder, stream).stat().st_size
            if not info.frames or found != expected:
                raise ValueError(f"{stream}.yuv has {found} bytes, not {expected}")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise FootageError(f"{folder}: no prepared footage ({error})") from error
    return info


def prepare(
    clip: Path,
    width: int,
    height: int,
    lores: tuple[int, int] | None,
    cache_dir: Path,
    *,
    max_frames: int = MAX_FRAMES,
) -> Path:
    """The folder with the first `max_frames` pictures of `clip` at the sizes of the two streams.

    width, height: pixels of the main stream; lores: of the low-resolution stream, if there is one.
    All must be even, as I420 asks. What is in the cache already, by the clip's contents and the
    sizes, is returned at once. Otherwise it is made there, with progress on stderr; a second
    process that asks for the same meanwhile waits for it, and a folder appears only when it is
    whole. Raises FootageError if the clip cannot be read or that other process does not come to an
    end, ValueError for a size that is not even,
    OSError if the cache cannot be written.
    """
    sizes = {MAIN: (width, height)} | ({LORES: lores} if lores else {})
    for across, down in sizes.values():
        if across <= 0 or down <= 0 or across % 2 or down % 2:
            raise ValueError(f"{across}x{down}: width and height must be even")
    folder = cache_dir / _key(clip, sizes, max_frames)
    if _is_whole(folder):
        return folder
    cache_dir.mkdir(parents=True, exist_ok=True)
    with _locked(cache_dir / f"{folder.name}.lock"):
        if _is_whole(folder):
            return folder
        part = cache_dir / f"{folder.name}.part"
        # Whoever made these under the lock has not lived to finish them.
        for remains in (part, folder):
            shutil.rmtree(remains, ignore_errors=True)
        part.mkdir()
        try:
            frames = render(
                clip, {_stream_file(part, name): size for name, size in sizes.items()}, max_frames
            )
            info = {"clip": clip.name, "frames": frames, "sizes": sizes}
            (part / _INFO).write_text(json.dumps(info) + "\n")
            part.rename(folder)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    return folder


def _is_whole(folder: Path) -> bool:
    try:
        load_info(folder)
    except FootageError:
        return False
    return True


def _key(clip: Path, sizes: dict[str, tuple[int, int]], max_frames: int) -> str:
    try:
        with clip.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise FootageError(f"{clip}: {error.strerror}") from error
    words = [clip.stem, content[:16], *(f"{w}x{h}" for w, h in sizes.values())]
    return "-".join([*words, str(max_frames), f"v{_VERSION}"])


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the lock at `path`, waiting for it; the kernel frees it if the process ends.

    Raises FootageError where another process has it for LOCK_SECONDS.
    """
    deadline = time.monotonic() + LOCK_SECONDS
    with path.open("a") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise FootageError(
                        f"{path}: another process has been making this film ready for more than "
                        f"{LOCK_SECONDS:g} s; end it (fuser tells which it is) and try again"
                    ) from None
            time.sleep(_LOOK_SECONDS)
        yield


# ------------------------------------------------------------------------------------- command line


class _Size(tuple[int, int]):
    @classmethod
    def parse(cls, text: str) -> Self:
        width, height = text.split("x")
        return cls((int(width), int(height)))


def main(arguments: list[str] | None = None) -> int:
    """Make a clip ready and print its folder; the exit code is 1 if it cannot be."""
    from hw_mocks.clips import cache_folder

    parser = argparse.ArgumentParser(prog="python -m hw_mocks.footage", description=__doc__)
    parser.add_argument("clip", type=Path)
    parser.add_argument("main", type=_Size.parse, metavar="WIDTHxHEIGHT")
    parser.add_argument("lores", type=_Size.parse, nargs="?", metavar="WIDTHxHEIGHT")
    parser.add_argument("--cache", type=Path, default=cache_folder() / "footage")
    chosen = parser.parse_args(arguments)
    width, height = chosen.main
    try:
        folder = prepare(chosen.clip, width, height, chosen.lores, chosen.cache)
    except (ValueError, OSError) as error:
        sys.stderr.write(f"footage: {error}\n")
        return 1
    print(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
