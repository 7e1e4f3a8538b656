"""Runs in the guest, as what a service manager would start there: one start of a card's system.

What happens is told on the console, a line of JSON behind ``BED``.
"""

from __future__ import annotations

import hashlib
import http.server
import json
import os
import re
import socketserver
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, Final

from tests.campaign.checking import CHECK

PLACE: Final = Path("/run/bed")
BOOT, DATA, ROOT = PLACE / "boot", PLACE / "data", PLACE / "root"
SOCKET: Final = PLACE / "control.sock"
CONFIRM: Final = (
    Path(__file__).parents[2]
    / "config/image/files/etc/systemd/system/camerad-update-confirm.service"
)
CAMERA: dict[str, Any] = {"stage": "idle", "conditions": ["docked"]}


def say(what: str, **more: Any) -> None:
    sys.stdout.write("BED " + json.dumps({"what": what, **more}) + "\n")
    sys.stdout.flush()


def sh(*words: str | Path, check: bool = True) -> str:
    done = subprocess.run([str(one) for one in words], capture_output=True, text=True, check=False)
    if check and done.returncode != 0:
        raise RuntimeError(f"{words}: {done.stdout}{done.stderr}")
    return done.stdout


def device(name: str) -> str:
    """A partition by its PARTUUID, as udev would name it."""
    return f"/dev/loop0p{int(name.rpartition('-')[2], 16)}"


def mount_all(words: str) -> str:
    """What the initramfs and fstab do; returns how the system behaves."""
    for place in (BOOT, DATA, ROOT, Path("/run/rauc")):
        place.mkdir(parents=True)
    partition = re.search(r"camerad\.root=PARTUUID=(\S+)", words)
    tree = re.search(r"camerad\.verity=(\d+):([0-9a-f]+):([0-9a-f]+)", words)
    assert partition is not None
    assert tree is not None
    root, blocks = device(partition[1]), int(tree[1])
    table = (
        f"0 {blocks * 8} verity 1 {root} {root} 4096 4096 {blocks} {blocks} "
        f"sha256 {tree[2]} {tree[3]}"
    )
    sh("dmsetup", "create", "root", "--readonly", "--noudevsync", "--table", table)
    sh("dmsetup", "mknodes")
    sh("mount", "-t", "squashfs", "-o", "ro", "/dev/mapper/root", ROOT)
    # As a start would: all of it is read.
    hashlib.sha256((ROOT / "ballast").read_bytes())
    sh("mount", "-t", "vfat", "-o", "noatime,utf8,shortname=mixed", "/dev/loop0p1", BOOT)
    fsck = subprocess.run(["/bin/sh", CHECK, "/dev/loop0p7"], capture_output=True, check=False)
    say("fsck", code=fsck.returncode)
    sh("mount", "-o", "noatime,dioread_lock", "/dev/loop0p7", DATA)
    sh("mount", "--bind", ROOT / "os-release", os.path.realpath("/etc/os-release"))
    return (ROOT / "behaves").read_text()


def write_configuration(words: str) -> None:
    """The system's own, with this guest's places."""
    text = (ROOT / "system.conf").read_text()
    for old, new in (
        ("/var/lib/camerad-provision", str(DATA / "provision")),
        ("/etc/rauc/keyring.pem", str(ROOT / "keyring.pem")),
        ("/usr/lib/camerad/boot-slot", str(PLACE / "boot-slot")),
    ):
        assert old in text
        text = text.replace(old, new)
    text = re.sub(r"/dev/disk/by-partuuid/(\S+)", lambda match: device(match[1]), text)
    (PLACE / "system.conf").write_text(text)
    (PLACE / "cmdline").write_text(words)
    backend = PLACE / "boot-slot"
    backend.write_text(f'#!/bin/sh\nexec {" ".join(camerad("slot"))} "$@"\n')
    backend.chmod(0o755)
    # As the unit of the doctor has it, but for its user: there is no camera, which is no news.
    doctor = PLACE / "doctor"
    doctor.write_text(f"#!/bin/sh\n{sys.executable} -m camerad doctor --json --language en\n")
    doctor.chmod(0o755)


def camerad(action: str) -> list[str]:
    places = ["--boot", BOOT, "--data", DATA / "provision"]
    places += ["--conf", PLACE / "system.conf", "--cmdline", PLACE / "cmdline"]
    if action in ("install", "try", "confirm"):
        places += ["--socket", SOCKET, "--doctor", PLACE / "doctor"]
    return [sys.executable, "-m", "camerad", "update", action, *(str(one) for one in places)]


def update(action: str, *more: str) -> int:
    done = subprocess.run([*camerad(action), *more], capture_output=True, text=True, check=False)
    say(action, code=done.returncode, out=done.stdout.strip(), err=done.stderr.strip()[-600:])
    return done.returncode


class Daemon(http.server.BaseHTTPRequestHandler):
    """Answers as the camera's daemon does to GET /status."""

    def do_GET(self) -> None:
        body = json.dumps(CAMERA).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def address_string(self) -> str:
        return "unix"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Nothing."""


def evidence() -> dict[str, str]:
    folder = DATA / "camerad"
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def let_be() -> list[int]:
    """The exit codes of a trial's end for which the unit does not reboot."""
    (codes,) = re.findall(r"(?m)^SuccessExitStatus=(.+)$", CONFIRM.read_text())
    return [int(code) for code in codes.split()]


def act(action: dict[str, Any]) -> None:
    CAMERA.update(action.get("camera", {"stage": "idle", "conditions": ["docked"]}))
    match action["do"]:
        case "install":
            update("install", action["bundle"], *action.get("options", ()))
        case "try":
            if update("try") == 0:
                say("tryboot")
        case "status":
            update("status")


def start(job: dict[str, Any]) -> None:
    behaves = mount_all(job["words"])
    write_configuration(job["words"])
    release = dict(
        line.split("=", 1) for line in (ROOT / "os-release").read_text().splitlines() if line
    )
    say("up", version=release["IMAGE_VERSION"], evidence=evidence())
    if behaves == "hangs":
        # The watchdog's reset comes without a word to any file system.
        say("reset")
        return
    if behaves == "well":
        server = socketserver.ThreadingUnixStreamServer(str(SOCKET), Daemon)
        threading.Thread(target=server.serve_forever, daemon=True).start()
    if (DATA / "provision/update/pending").exists():
        update("boot")
        if update("confirm", "--ready-seconds", "3") not in (0, *let_be()):
            say("reboot")
            return
    for action in job["actions"]:
        act(action)


def main() -> None:
    job = json.loads(Path(sys.argv[1]).read_text())
    try:
        start(job)
    except Exception as error:  # noqa: BLE001 - whatever it is has to be seen outside
        say("error", error=repr(error))
    # In order, as a reboot does; a reset and a loss of power come as if these were not written.
    for place in (DATA, BOOT):
        if os.path.ismount(place):
            sh("umount", place, check=False)


if __name__ == "__main__":
    main()
