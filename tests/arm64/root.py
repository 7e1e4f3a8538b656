"""A root for 64-bit ARM in which programs are emulated: the image's packages, and what is put in.

Nothing of it stays mounted: what a program needs is mounted for it alone, and goes with it. Judges
(`JUDGES`) are this machine's own programs, not emulated: they read what was written on ARM, and
need no package in there.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath
from typing import Final

from camerad_image.errors import ImageError
from camerad_image.programs import run
from camerad_image.rootfs import register_emulator

TREE: Final = Path(__file__).parents[2]
CHECKOUT: Final = PurePosixPath("/srv/camerad")
"""Where a copy of this checkout is in there."""
HOST: Final = PurePosixPath("/mnt")
"""Where this machine's own root is seen in there, read only."""
JUDGES: Final = ("age", "ffmpeg", "ffprobe")
_ENTER: Final = """
mount -t proc proc "$1/proc"
mount --rbind /dev "$1/dev"
mount -t tmpfs tmpfs "$1/tmp"
mount --bind / "$1$2"
mount -o remount,bind,ro "$1$2"
root=$1 place=$3
shift 3
exec chroot "$root" /usr/bin/env -i -C "$place" "$@"
"""
"""What the shell does in a namespace of its own: root, HOST, folder, and a command with its
environment before it."""


def judge(program: str, needed: str, host: PurePosixPath = HOST) -> str:
    """The script that runs this machine's `program` in a root that sees this machine's at `host`.
    needed: what ldd says of it; the loader is told where its libraries are, and where the links
    lead that stand for some of them. Raises ImageError if ldd names no loader."""
    libraries = re.findall(r"=> (/\S+)", needed)
    loader = re.search(r"^\s*(/\S+) \(0x", needed, re.MULTILINE)
    if loader is None:
        raise ImageError(f"{program} names no loader: {needed.strip()}")
    folders = [os.path.dirname(one) for one in (*libraries, *map(os.path.realpath, libraries))]
    path = ":".join(f"{host}{one}" for one in dict.fromkeys(folders))
    words = (f"{host}{loader[1]}", "--library-path", path, f"{host}{program}")
    return f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n'


class Root:
    """It lies at `path`; what happens is told in `log`."""

    def __init__(self, path: Path, *, log: Path) -> None:
        self.path = path
        self._log = log

    def make(self, base: Path) -> None:
        """Make it anew of `base`, with this checkout and the judges in it."""
        register_emulator(log=self._log)
        shutil.rmtree(self.path, ignore_errors=True)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        run(["cp", "-a", "--reflink=auto", base, self.path], log=self._log)
        listed = run(
            # As root in another user's checkout, git wants to be told that it is meant.
            ["git", "-c", f"safe.directory={TREE}", "-C", TREE, "ls-files", "-z"],
            log=self._log,
        )
        for name in filter(None, listed.split("\0")):
            if (TREE / name).exists():
                target = self._inside(CHECKOUT / name)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(TREE / name, target, follow_symlinks=False)
        for name in JUDGES:
            program = shutil.which(name)
            if program is None:
                raise ImageError(
                    f"{name} is not installed: 'sh hw-mocks/prepare.sh test' installs it"
                )
            script = self._inside(PurePosixPath("/usr/local/bin", name))
            script.write_text(judge(program, run(["ldd", program], log=self._log)))
            script.chmod(0o755)

    def _inside(self, place: PurePosixPath) -> Path:
        return self.path / place.relative_to("/")

    def run(
        self,
        python: PurePosixPath,
        words: Sequence[str],
        say: Callable[[str], None],
        more: PurePosixPath | None = None,
    ) -> str:
        """Run a Python program of the checkout in there, by the environment `python`, which finds
        modules in `more` too; `say` gets each of its lines. Returns what it said; raises ImageError
        if it fails."""
        path = f"{python}/bin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        environment = ("HOME=/root", "LANG=C.UTF-8", f"PATH={path}", "PYTHONUNBUFFERED=1")
        found = (f"PYTHONPATH={more}",) if more is not None else ()
        command = [*environment, *found, f"{python}/bin/python3", *words]
        inside = ["sh", "-ec", _ENTER, "sh", self.path.resolve(), str(HOST), str(CHECKOUT)]
        return run([*inside, *command], log=self._log, contained=True, follow=say)
