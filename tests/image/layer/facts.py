"""What the guest's machine is like while the camera runs, as root sees it."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

SECRETS = re.compile(rb"PRIVATE KEY|psk=|passphrase:|AGE-SECRET-KEY-1")
"""What something that nobody else may read is known by."""
LARGEST = 1 << 20
OWN = ("/run/layer", "/run/result")
"""The test's own disks."""


def output(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    return done.stdout + done.stderr


def secrets() -> dict[str, int]:
    """Files with something secret in them, and their mode."""
    found = {}
    for place in ("/etc", "/run", "/var", "/data", "/opt/camerad/share"):
        for folder, folders, names in os.walk(place):
            folders[:] = [name for name in folders if f"{folder}/{name}" not in OWN]
            for name in names:
                path = Path(folder) / name
                if path.is_symlink() or not path.is_file() or path.stat().st_size > LARGEST:
                    continue
                if SECRETS.search(path.read_bytes()):
                    found[str(path)] = path.stat().st_mode & 0o777
    return found


def written_where() -> list[str]:
    """Of the places that nothing may be written to, those where something could be."""
    found = []
    for place in ("/", "/etc", "/usr", "/opt/camerad", "/boot", "/boot/common"):
        path = Path(place) / "image-test"
        try:
            path.write_bytes(b"x")
        except OSError:
            continue
        found.append(place)
    return found


def system() -> dict[str, Any]:
    mounts = json.loads(output("findmnt", "--json", "--list", "--output", "TARGET,FSTYPE,OPTIONS"))
    nets = [Path(f"/proc/net/{n}") for n in ("tcp", "tcp6", "udp", "udp6", "raw", "raw6", "packet")]
    units = "camerad.service camerad-provision.service camerad-provision-publish.service"
    return {
        "failed": output("systemctl", "--failed", "--plain", "--no-legend", "--no-pager"),
        "state": output("systemctl", "is-system-running").strip(),
        "time": output("systemd-analyze", "time"),
        "chain": output("systemd-analyze", "critical-chain", "camerad.service", "--no-pager"),
        "blame": output("systemd-analyze", "blame", "--no-pager"),
        "security": output("systemd-analyze", "security", "--no-pager"),
        "units": output("systemctl", "show", "--property=Id,ActiveState,Result", *units.split()),
        "watchdog": output("systemctl", "show", "--property=RuntimeWatchdogUSec,WatchdogDevice"),
        "mounts": mounts["filesystems"],
        "written": written_where(),
        "sockets": [line for net in nets if net.exists() for line in lines(net)[1:]],
        "secrets": secrets(),
        "machine_id": Path("/etc/machine-id").read_text().strip(),
        "boot_id": Path("/proc/sys/kernel/random/boot_id").read_text().strip(),
        "cores": Path("/proc/sys/kernel/core_pattern").read_text().strip(),
        "data": output("df", "--output=size,used", "--block-size=1M", "/data").split()[-2:],
        "root": output("dmsetup", "table", "root"),
        "swaps": lines(Path("/proc/swaps"))[1:],
        "memory": Path("/proc/meminfo").read_text(),
        "passwd": Path("/etc/passwd").read_text(),
        "shadow": Path("/etc/shadow").read_text(),
    }


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines()
