"""Another kernel, for tests that want a file system which the running one has not.

User-mode Linux is Linux as a process of an ordinary user. Its root is this machine's, read only; in
/tmp it has memory of its own.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

KERNEL: Final = "linux.uml"
MODULES: Final = Path("/usr/lib/uml/modules")
SECONDS: Final = 240
"""It starts within a second or two; a machine with much else to do takes its time."""
_ENDED: Final = "ended with"
_POWER_OFF: Final = "import ctypes; ctypes.CDLL(None).reboot(0x4321FEDC)"
"""RB_POWER_OFF of reboot(2): programs that do it are not installed everywhere."""

# FAT needs the tables of characters that it is mounted with unless told otherwise.
_WANTED: Final = (
    "fs/fat/fat",
    "fs/nls/nls_cp437",
    "fs/nls/nls_iso8859-1",
    "fs/fat/vfat",
    "drivers/block/loop",
)


def missing() -> str | None:
    """Why no other kernel can be started here, None if one can."""
    if shutil.which(KERNEL) is None:
        return f"{KERNEL} is not installed"
    if not list(MODULES.glob(f"*/kernel/{_WANTED[0]}.ko*")):
        return f"{MODULES} holds no modules"
    return None


def run(command: Sequence[str], folder: Path, scratch: Path) -> tuple[int, str]:
    """Run a command in `folder` under the other kernel, as root; its exit code, and all that it and
    the kernel said. scratch: a directory of this machine for what starts it.
    """
    folders = ":".join([*os.environ.get("PATH", "").split(":"), "/usr/sbin", "/sbin"])
    modules = [path for name in _WANTED for path in MODULES.glob(f"*/kernel/{name}.ko*")]
    lines = [
        "#!/bin/sh",
        f"export PATH={shlex.quote(folders)} HOME=/tmp PYTHONDONTWRITEBYTECODE=1",
        "mount -t proc proc /proc",
        "mount -t sysfs sysfs /sys",
        "mount -t devtmpfs dev /dev",
        "mount -t tmpfs tmpfs /tmp",
        "mount -t tmpfs tmpfs /run",
        *(f"insmod {shlex.quote(str(module))}" for module in modules),
        f"cd {shlex.quote(str(folder))} && {shlex.join(command)}",
        f'echo "{_ENDED} $?"',
        f"exec {shlex.quote(sys.executable)} -c {shlex.quote(_POWER_OFF)}",
    ]
    init = scratch / "init"
    init.write_text("\n".join(lines) + "\n", encoding="utf-8")
    init.chmod(0o755)
    done = subprocess.run(
        [
            *(KERNEL, "mem=384M", "quiet", "con=null", "con0=null,fd:1"),
            *("root=/dev/root", "rootfstype=hostfs", "rootflags=/", "ro", f"init={init}"),
        ],
        cwd=scratch,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=SECONDS,
        check=False,
    )
    said = [line for line in done.stdout.splitlines() if line.startswith(_ENDED)]
    if not said:
        raise AssertionError(f"{KERNEL} did not get to the end of {init}:\n{done.stdout}")
    return int(said[-1].removeprefix(_ENDED)), done.stdout


def pytest_command(*arguments: str) -> list[str]:
    """The command that runs tests of this checkout there, without what writes into it."""
    options = ("-p", "no:cacheprovider", "-p", "no:xdist", "--color=no")
    return [sys.executable, "-m", "pytest", *options, *arguments]
