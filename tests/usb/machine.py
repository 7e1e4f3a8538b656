"""An emulated PC with Debian's kernel, whose root is this machine's, read only.

Needs qemu-system-x86 and virtiofsd. KVM is not used: a virtual machine may not have it.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from tests.usb import UsbCamera
from tests.waiting import until

ROOT: Final = Path(__file__).parents[2]
KERNEL: Final = ROOT / ".cache/kernel"
PACKAGE: Final = "linux-image-amd64"
EMULATOR, SERVER = "qemu-system-x86_64", Path("/usr/libexec/virtiofsd")
GIVEN: Final = "/run/given"
ENDED: Final = "that was all"
MODULES: Final = ("xhci-pci", "uvcvideo")
PLUG, PULL = "plug the camera in", "pull the camera out"
"""What a command says to have that done."""
MEMORY: Final = "3G"
# Nothing of this machine's /run and /tmp is seen there, but the folder that is given.
_INIT: Final = """\
#!/bin/sh
export PATH={path} HOME=/tmp PYTHONDONTWRITEBYTECODE=1
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev 2>/dev/null
mkdir -p /dev/shm /dev/pts
mount -t tmpfs shm /dev/shm
mount -t devpts pts /dev/pts
mount -t tmpfs run /run
mkdir {given}
mount --bind {folder} {given}
mount -t tmpfs -o size=90% tmp /tmp
ip link set lo up
for module in {modules}; do modprobe -d {kernel}/usr "$module"; done
/usr/lib/systemd/systemd-udevd --daemon
cd {root}
{commands}
echo '{ended}'
exec python3 -c 'import ctypes; ctypes.CDLL(None).reboot(0x4321FEDC)'
"""


def missing() -> str | None:
    """Why there is no such machine here; None if there is."""
    if os.uname().machine != "x86_64":
        return "the emulated machine is a PC"
    if shutil.which(EMULATOR) is None or not SERVER.exists():
        return f"{EMULATOR} or {SERVER} is not installed"
    return None


def _kernel() -> Path:
    """Debian's kernel; its package is fetched once and unpacked, not installed."""
    if not (KERNEL / "usr").exists():
        shown = subprocess.check_output(["apt-cache", "show", PACKAGE], text=True)
        found = re.search(r"^Depends: (linux-image-\S+)", shown, re.MULTILINE)
        assert found is not None, shown
        fetched = KERNEL.with_name("kernel.new")
        shutil.rmtree(fetched, ignore_errors=True)
        fetched.mkdir(parents=True)
        subprocess.run(["apt-get", "download", found[1]], cwd=fetched, check=True)
        (package,) = fetched.glob("*.deb")
        subprocess.run(["dpkg-deb", "-x", package, fetched], check=True)
        package.unlink()
        (modules,) = (fetched / "usr/lib/modules").iterdir()
        subprocess.run(["/sbin/depmod", "-b", fetched / "usr", modules.name], check=True)
        fetched.rename(KERNEL)
    (kernel,) = (KERNEL / "boot").glob("vmlinuz-*")
    return kernel


@contextlib.contextmanager
def _shared(folder: Path) -> Iterator[Path]:
    """A socket by which the emulator has this machine's files."""
    address = folder / "files.socket"
    words = [SERVER, f"--socket-path={address}", "--shared-dir=/", "--sandbox=none"]
    with (folder / "virtiofsd.log").open("wb") as log:
        server = subprocess.Popen(
            [*words, "--readonly", "--announce-submounts"], stdout=log, stderr=log
        )
    try:
        until(address.exists, what="the files are served")
        yield address
    finally:
        server.kill()
        server.wait()


def run(commands: Sequence[str], folder: Path, seconds: float) -> str:
    """Run commands of the shell there as root, with `folder` at GIVEN; returns what they said.

    Raises AssertionError if they did not come to their end in so many seconds.
    """
    folders = ":".join([*os.environ.get("PATH", "").split(":"), "/usr/sbin", "/sbin"])
    init = folder / "init"
    init.write_text(
        _INIT.format(
            path=folders,
            given=GIVEN,
            folder=folder,
            modules=" ".join(MODULES),
            kernel=KERNEL,
            root=ROOT,
            commands="\n".join(commands),
            ended=ENDED,
        )
    )
    init.chmod(0o755)
    kernel = _kernel()
    console, camera = folder / "console.txt", UsbCamera(folder)
    with _shared(folder) as address:
        words = [
            *(EMULATOR, "-accel", "tcg", "-cpu", "max", "-smp", "2", *camera.device),
            *("-m", MEMORY, "-nodefaults", "-display", "none", "-no-reboot"),
            *("-serial", f"file:{console}"),
            *("-object", f"memory-backend-memfd,id=memory,size={MEMORY},share=on"),
            *("-numa", "node,memdev=memory", "-chardev", f"socket,id=files,path={address}"),
            *("-device", "vhost-user-fs-pci,chardev=files,tag=root", "-kernel", str(kernel)),
            "-append",
            f"console=ttyS0 quiet panic=-1 root=root rootfstype=virtiofs ro init={init}",
        ]
        machine = subprocess.Popen(words, stdin=subprocess.DEVNULL)
        wanted, end = 0, time.monotonic() + seconds
        try:
            while machine.poll() is None and time.monotonic() < end:
                lines = console.read_text(errors="replace").splitlines() if console.exists() else ()
                asked = [line.strip() for line in lines if line.strip() in (PLUG, PULL)]
                for line in asked[wanted:]:
                    (camera.plug if line == PLUG else camera.pull)()
                wanted = len(asked)
                time.sleep(0.1)
        finally:
            camera.pull()
            machine.kill()
            machine.wait()
    said = console.read_text(errors="replace")
    assert ENDED in said, f"the machine did not come to its end:\n{said}"
    return said
