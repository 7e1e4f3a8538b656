"""The real systemd as process 1 of its own name spaces, with the camera's real units.

It boots in a third of a second into a target that has nothing but those units. Mounts, processes,
host name, IPC, network and control groups are its own, and so are /run, /etc and /var/lib, whose
changes are in memory; /dev and the rest of the file system are this machine's. A reboot or a
power-off ends its process 1, and how it ended tells which of the two it was (``reboot(2)``).

A name space of control groups begins at the group that it is made in. Each machine is put into a
group of its own before: of two that began at the same, each would kill the processes of the other's
unit with its own, and forbid them its devices.

Needs root, control groups of version 2, and name spaces: what a container seldom gives.
"""

from __future__ import annotations

import contextlib
import os
import pty
import secrets
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.system.harness import until
from tests.unit.systemd.units import install
from tests.waiting import DEADLINE

SYSTEMD: Final = "/usr/lib/systemd/systemd"
CHECKOUT: Final = Path(__file__).parents[2]
PATIENCE: Final = DEADLINE
REBOOTED: Final = -signal.SIGHUP
POWERED_OFF: Final = -signal.SIGINT

_TARGET: Final = """\
[Unit]
Description=Nothing but the camera
DefaultDependencies=no
Wants=camerad.service camerad-power-off.path
"""
_ALONE: Final = """\
[Unit]
DefaultDependencies=no
"""
"""For every unit: sysinit.target would bring up a whole machine."""

_GROUPS: Final = """\
set -e
mount -t cgroup2 cgroup2 "$1"
above="$1$(sed -n 's/^0:://p' /proc/self/cgroup)"
"""
"""Control groups are made in "$above", below the one that this runs in. "$1": an empty folder."""
_APART: Final = f"""\
{_GROUPS}
mkdir "$above/$2"
echo 0 >"$above/$2/cgroup.procs"
umount "$1"
shift 2
exec unshare --cgroup "$@"
"""
_GONE: Final = f"""\
{_GROUPS}
[ ! -d "$above/$2" ] || find "$above/$2" -depth -type d -exec rmdir {{}} +
"""

_BOOT: Final = """\
set -e
mount --make-rprivate /
mount -t proc proc /proc
mount -t tmpfs tmpfs /run
umount -R /sys/fs/cgroup 2>/dev/null || :
mount -t cgroup2 cgroup2 /sys/fs/cgroup
for top in etc var/lib opt; do
    mkdir -p "$1/$top.upper" "$1/$top.work"
    mount -t overlay overlay "/$top" -o "lowerdir=/$top,upperdir=$1/$top.upper,workdir=$1/$top.work"
done
# Nor has it anything of a camera's that this machine may have.
rm -rf /etc/camerad /opt/camerad /var/lib/camerad
cp -r --preserve=mode "$1/install/." /
if [ -n "$2" ]; then
    mkdir -p /opt/checkout /opt/python
    mount --bind "$2" /opt/checkout
    mount --bind "$3" /opt/python
fi
systemd-sysusers
mount --bind "$(tty)" /dev/console
# Among its own name spaces, as a manager that is in no container does by itself: the credentials of
# a service are mounted by a process in another one.
mount --make-rshared /
exec env -i PATH=/usr/sbin:/usr/bin container=unshare SYSTEMD_LOG_TARGET=console \\
    /usr/lib/systemd/systemd --system --unit=camera.target --show-status=0
"""


def needed() -> str | None:
    """What is missing here, if anything is."""
    if os.geteuid() != 0:
        return "process 1 needs root"
    for program in (SYSTEMD, shutil.which("systemd-sysusers"), shutil.which("unshare")):
        if program is None or not Path(program).exists():
            return "systemd and util-linux are not installed"
    trial = "mount -t cgroup2 cgroup2 /sys/fs/cgroup && mount -t tmpfs tmpfs /run"
    spaces = ["unshare", "--mount", "--pid", "--cgroup", "--net", "--fork", "sh", "-c", trial]
    done = subprocess.run(spaces, capture_output=True, text=True, check=False, timeout=PATIENCE)
    return f"no name spaces: {done.stderr.strip()}" if done.returncode else None


class Machine:
    """A machine that boots when the context is entered. Use `machine` to get one."""

    def __init__(self, folder: Path, checkout: Path | None) -> None:
        self.folder = folder
        self.installed = folder / "install"
        self._checkout = checkout
        self._group = f"camerad-test-{secrets.token_hex(8)}"
        self._said: list[bytes] = []
        install(self.installed)
        system = self.installed / "etc/systemd/system"
        (system / "camera.target").write_text(_TARGET)
        for unit in (
            "camerad.service",
            "camerad-power-off.path",
            "camerad-power-off.service",
            "camerad-reboot.service",
        ):
            self.drop_in(unit, _ALONE)

    @property
    def python(self) -> str:
        """The interpreter, as the machine sees it."""
        return f"/opt/python/bin/python{sys.version_info.major}.{sys.version_info.minor}"

    @property
    def python_path(self) -> str:
        """PYTHONPATH with which it finds what this test finds."""
        packages = Path(sys.prefix) / "lib" / Path(self.python).name / "site-packages"
        places = [packages, CHECKOUT, CHECKOUT / "hw-mocks"]
        inside = [Path("/opt/checkout") / place.relative_to(CHECKOUT) for place in places]
        return ":".join(map(str, inside))

    def drop_in(self, unit: str, text: str) -> None:
        """Add to a unit what a test needs of it."""
        folder = self.installed / "etc/systemd/system" / f"{unit}.d"
        folder.mkdir(exist_ok=True)
        (folder / f"{len(list(folder.iterdir()))}.conf").write_text(text)

    def boot(self) -> None:
        """Switch it on."""
        script = self.folder / "boot.sh"
        script.write_text(_BOOT)
        main, theirs = pty.openpty()
        spaces = ["--mount", "--pid", "--uts", "--ipc", "--net", "--fork"]
        self._process = subprocess.Popen(
            [
                "unshare",
                *spaces,
                "--kill-child",
                *self._with_groups(_APART),
                "sh",
                script,
                self.folder,
                self._checkout or "",
                sys.base_prefix,
            ],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        self._console = main
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _with_groups(self, script: str) -> list[str | Path]:
        """The command line of a script that has control groups at hand."""
        groups = self.folder / "groups"
        groups.mkdir(exist_ok=True)
        return ["sh", "-c", script, "sh", groups, self._group]

    def _read(self) -> None:
        with contextlib.suppress(OSError):  # EIO: nobody has the other end any more
            while data := os.read(self._console, 4096):
                self._said.append(data)

    @property
    def said(self) -> str:
        """What process 1 has written to its console so far."""
        return b"".join(self._said).decode(errors="replace")

    def wait_for(self, text: str, count: int = 1) -> None:
        """Until it has written this so often."""

        def look() -> bool:
            if self.said.count(text) >= count:
                return True
            assert self._process.poll() is None, self.said
            return False

        until(look, PATIENCE, f"{text!r} on the console:\n{self.said}")

    def ended(self) -> int:
        """How it has ended: REBOOTED or POWERED_OFF."""
        self._process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        # unshare ends with the signal of its child.
        code = self._process.returncode
        return code if code < 0 else 128 - code

    @property
    def init(self) -> int:
        """Process id of its process 1, seen from here."""
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        return int(until(lambda: children.read_text().split()[:1], PATIENCE, "process 1")[0])

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command in it, as root."""
        enter = ["nsenter", f"--target={self.init}", "--mount", "--pid", "--net", "--ipc", "--"]
        return subprocess.run(
            [*enter, *command], capture_output=True, text=True, check=False, timeout=PATIENCE
        )

    def show(self, unit: str, name: str) -> str:
        """A property of a unit, as systemctl tells it; "" while process 1 does not answer yet."""
        done = self.run("systemctl", "show", "--value", f"--property={name}", unit)
        return done.stdout.strip() if done.returncode == 0 else ""

    def off(self) -> None:
        """Pull the plug."""
        if self._process.poll() is None:
            self._process.kill()  # and with it, its process 1 (--kill-child)
        self._process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        os.close(self._console)
        until(self._leaves_no_group, PATIENCE, f"the control group {self._group} is removed")

    def _leaves_no_group(self) -> bool:
        command = ["unshare", "--mount", *self._with_groups(_GONE)]
        done = subprocess.run(command, capture_output=True, check=False, timeout=PATIENCE)
        # It cannot be removed while a process in it is still ending.
        return done.returncode == 0


@contextlib.contextmanager
def machine(folder: Path, checkout: Path | None = None) -> Iterator[Machine]:
    """A machine whose installed files are ready; `boot` switches it on.

    folder: of its own, in which it keeps its changes. checkout: this directory is /opt/checkout in
    it, and this test's interpreter /opt/python, where no home directory hides them.
    """
    missing = needed()
    if missing is not None:
        pytest.skip(missing)
    # In memory: what a machine writes is gone with it.
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", folder], check=True, timeout=PATIENCE)
    try:
        made = Machine(folder, checkout)
        try:
            yield made
        finally:
            if hasattr(made, "_process"):
                made.off()
    finally:
        deadline = time.monotonic() + PATIENCE
        while subprocess.run(["umount", folder], capture_output=True, check=False).returncode:
            assert time.monotonic() < deadline, f"{folder} cannot be unmounted"
            time.sleep(0.05)
