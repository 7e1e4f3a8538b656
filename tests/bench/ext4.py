"""A file system of its own for what is measured, so that the kernel counts what reaches it."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.bench.plan import log


@dataclass(frozen=True, slots=True)
class Place:
    """A directory to write to. device: the block device under it that nobody else writes to; None
    where there is none, and then `directory` is on the file system of the work directory."""

    directory: Path
    device: str | None


@contextlib.contextmanager
def mounted(
    work: Path, name: str, size: int, features: str = "", options: str = ""
) -> Iterator[Place]:
    """A new ext4 of `size` bytes with the defaults of ``mkfs.ext4``, in an image below `work`.

    features: for ``mkfs.ext4 -O``; options: for ``mount -o``. Where this user may not mount, or
    there is no loop device, an ordinary directory.

    What mkfs usually leaves for the kernel to do after mounting is done at once; it would count as
    written by whoever writes meanwhile.
    """
    image, directory = work / f"{name}.img", work / name
    directory.mkdir()
    with contextlib.ExitStack() as stack:
        stack.callback(image.unlink, missing_ok=True)
        try:
            if os.geteuid():
                raise PermissionError("only root may mount")
            with image.open("wb") as file:
                file.truncate(size)
            lazily = ["-E", "lazy_itable_init=0,lazy_journal_init=0"]
            _run("mkfs.ext4", "-q", *lazily, *(["-O", features] if features else []), image)
            device = Path(_run("losetup", "--find", "--show", image))
            stack.callback(_run, "losetup", "--detach", device)
            _run("mount", *(["-o", options] if options else []), device, directory)
            stack.callback(_run, "umount", directory)
        except (OSError, subprocess.CalledProcessError) as error:
            said = error.stderr if isinstance(error, subprocess.CalledProcessError) else str(error)
            log.warning("no ext4 of its own to measure on (%s)", " ".join(said.split()))
            yield Place(directory, None)
            return
        yield Place(directory, device.name)


def _run(*command: str | Path) -> str:
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=True)
    return done.stdout.strip()
