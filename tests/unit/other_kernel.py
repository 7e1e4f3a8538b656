"""Another kernel, for tests that want a file system, or a first process, that is not here.

User-mode Linux is Linux as a process of an ordinary user. Its root is this machine's, read only; in
/tmp it has memory of its own.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

KERNEL: Final = "linux.uml"
MODULES: Final = Path("/usr/lib/uml/modules")
SECONDS: Final = 300
"""Ten times what it takes where nothing else runs."""
SCRATCH: Final = "/run/scratch"
_TREE: Final = Path(__file__).parents[2]
ENDED: Final = "that was all"
_POWER_OFF: Final = "import ctypes; ctypes.CDLL(None).reboot(0x4321FEDC)"
"""RB_POWER_OFF of reboot(2): programs that do it are not installed everywhere."""

# FAT needs the tables of characters that it is mounted with unless told otherwise.
_WANTED: Final = (
    "fs/fat/fat",
    "fs/nls/nls_cp437",
    "fs/nls/nls_iso8859-1",
    "fs/fat/vfat",
    "drivers/block/loop",
    # Something that comes and goes as often as wanted.
    "drivers/net/dummy",
)
_WITHOUT: Final = ("pty.legacy_count=0",)
"""Terminals that nothing here opens: 256 pairs, each a device that udev looks at."""


def missing() -> str | None:
    """Why no other kernel can be started here, None if one can."""
    if shutil.which(KERNEL) is None:
        return f"{KERNEL} is not installed"
    if not list(MODULES.glob(f"*/kernel/{_WANTED[0]}.ko*")):
        return f"{MODULES} holds no modules"
    return None


def run(
    commands: Sequence[str],
    scratch: Path,
    *,
    modules: Sequence[str] = (),
    words: Sequence[str] = (),
    seconds: float = SECONDS,
) -> str:
    """Have the other kernel run commands of the shell as its first process, as root, with this
    machine's files; returns all that they and the kernel said.

    scratch: a directory of this machine for what starts it; it is at SCRATCH there. modules:
    further ones of the kernel, in their order. words: further ones of its command line. Raises
    AssertionError if the commands did not come to their end.
    """
    folders = ":".join([*os.environ.get("PATH", "").split(":"), "/usr/sbin", "/sbin"])
    wanted = (*_WANTED, *modules)
    found = [path for name in wanted for path in MODULES.glob(f"*/kernel/{name}.ko*")]
    lines = [
        "#!/bin/sh",
        f"export PATH={shlex.quote(folders)} HOME=/tmp PYTHONDONTWRITEBYTECODE=1",
        "mount -t proc proc /proc",
        "mount -t sysfs sysfs /sys",
        "mount -t devtmpfs dev /dev",
        "mount -t tmpfs -o mode=755 tmpfs /run",
        f"mkdir {SCRATCH}",
        f"mount --bind {shlex.quote(str(scratch))} {SCRATCH}",
        *_memory(),
        *(f"insmod {shlex.quote(str(module))}" for module in found),
        *commands,
    ]
    init = scratch / "init"
    init.write_text("\n".join(lines) + "\n", encoding="utf-8")
    init.chmod(0o755)
    command = [
        *(KERNEL, "mem=384M", "quiet", "con=null", "con0=null,fd:1"),
        *("root=/dev/root", "rootfstype=hostfs", "rootflags=/", "ro", f"init={init}"),
        *(*_WITHOUT, *words),
    ]
    machine = subprocess.Popen(
        command,
        cwd=scratch,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    try:
        said, _ = machine.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        # Its processes are processes of this machine too.
        os.killpg(machine.pid, signal.SIGKILL)
        said, _ = machine.communicate()
    if ENDED not in said:
        raise AssertionError(f"{KERNEL} did not come to the end of {init}:\n{said}")
    return said


def _memory() -> list[str]:
    """The commands that put memory at /tmp; a checkout that lies there is still seen."""
    memory = "mount -t tmpfs tmpfs /tmp"
    if not _TREE.is_relative_to("/tmp"):  # noqa: S108 - a place of the other kernel
        return [memory]
    tree, kept = shlex.quote(str(_TREE)), f"{SCRATCH}.tree"
    before = [f"mkdir {kept}", f"mount --bind {tree} {kept}"]
    return [*before, memory, f"mkdir -p {tree}", f"mount --bind {kept} {tree}"]


def end() -> list[str]:
    """The last commands: they say that this is the end, and switch the machine off."""
    return [f"echo '{ENDED}'", f"exec {shlex.quote(sys.executable)} -c '{_POWER_OFF}'"]


def pytest(folder: Path, *arguments: str) -> list[str]:
    """The commands that run tests of the checkout at `folder`, without what writes into it."""
    options = ("-p", "no:cacheprovider", "-p", "no:xdist", "--color=no")
    words = shlex.join([sys.executable, "-m", "pytest", *options, *arguments])
    return [f"cd {shlex.quote(str(folder))}", words]
