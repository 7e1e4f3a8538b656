"""Runs in the guest, as root: what it finds goes to the result disk, for the test to judge.

    scenario.py FOLDER

Which start this is, and what is to be done, is on the kernel's command line. It judges nothing
itself and waits for nothing without a deadline.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from facts import lines, output, system

from camerad.base.errors import CameradError
from camerad.control.client import DEFAULT_SOCKET, request

PATIENCE = 900.0
LEFT = 120.0
"""Seconds that a reset may take: the watchdog's 14, and a camera that is looked for in vain for a
minute and a half (`camerad.behaviour.supervision.REBOOT_LIMIT_US`)."""
INSTALLED = 2700.0
"""Of an installation: what its unit has (camerad-update@.service)."""
LATER = 600.0
"""Until an update that waits is looked at, which happens every two minutes
(camerad-update-try.timer)."""
LOOKED = 2.0
"""Seconds in which the panel is looked at from outside, after a mark that asks for it."""
RECORD = 60.0
SHOWN = 15.0
"""Seconds of a recording before a USB camera is pulled out, and after it is put in again."""
HOUR = 3600.0
LONG, SHORT = 3, 9
"""Recordings that power is lost in, and such whose ends it is lost in."""
WITNESS = "/run/witness"
CHARGER = Path("/sys/bus/platform/drivers/gpio-charger")
TAKEN = Path("/run/rauc/taken")
"""Is there while `taken.py` waits for the camera to be taken out of its dock."""


def say(text: str) -> None:
    sys.stdout.write(f"{Path('/proc/uptime').read_text().split()[0]} s: {text}\n")
    sys.stdout.flush()


def mark(name: str) -> None:
    sys.stdout.write(f"image-test mark {name}\n")
    sys.stdout.flush()


def word(name: str) -> str:
    found = re.search(rf"\bimage-test\.{name}=(\S*)", Path("/proc/cmdline").read_text())
    if found is None:
        raise ValueError(f"the command line has no image-test.{name}")
    return found[1]


def wait(found: Callable[[], Any], what: str, patience: float = PATIENCE) -> Any:
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        if (value := found()) is not None:
            say(what)
            return value
        time.sleep(0.5)
    raise TimeoutError(f"not within {patience:g} s: {what}")


def status(stage: str | None = None, *, ready: bool = False) -> dict[str, Any] | None:
    try:
        _, answer = request(DEFAULT_SOCKET, "GET", "/status", timeout=60)
    except CameradError:
        return None
    if stage not in (None, answer["stage"]) or (ready and not answer["ready"]):
        return None
    return answer


def intend(name: str) -> int:
    code, _ = request(DEFAULT_SOCKET, "POST", f"/intents/{name}", timeout=60)
    say(f"{name}: {code}")
    return code


def written() -> int:
    """Bytes that the card was given since the start (Documentation/block/stat.rst)."""
    disk = Path("/dev/disk/by-id/virtio-card").resolve().name
    return int(Path(f"/sys/block/{disk}/stat").read_text().split()[6]) * 512


def settled(found: dict[str, Any]) -> None:
    """Wait until the daemon answers and every other unit has started as well, and look around."""
    found["status"] = wait(status, "camerad answers")
    output("systemctl", "is-system-running", "--wait")
    found["status"] = status()
    devices = Path("/run/camerad/devices.json")
    found["devices"] = json.loads(devices.read_text()) if devices.exists() else None
    found |= system()


def first(found: dict[str, Any]) -> None:
    """A card that nobody has set up; in the end systemd stands still, as if it hung."""
    settled(found)
    found["refused"] = intend("record")
    keep(found)
    mark("frozen")
    Path("/sys/fs/cgroup/init.scope/cgroup.freeze").write_text("1")
    time.sleep(LEFT)
    raise TimeoutError("the watchdog let systemd stand still")


def office(found: dict[str, Any]) -> None:
    """A card with the office's file: a recording, and what it writes. In the end the camera is
    gone: the simulated one, and the real libcamera finds none on this machine."""
    found["status"] = wait(lambda: status("idle", ready=True), "ready")
    mark("ready")
    settled(found)
    mark("settled")
    found["record"] = intend("record")
    wait(lambda: status("recording"), "recording")
    mark("recording")
    before = written()
    time.sleep(RECORD)
    found["recorded_bytes"] = written() - before
    mark("recorded")
    time.sleep(LOOKED)
    found["during"] = status()
    found["stop"] = intend("stop")
    wait(lambda: status("idle", ready=True), "idle again")
    mark("idle")
    found["after"] = status()
    keep(found)
    folder = Path("/run/systemd/system/camerad.service.d")
    (folder / "99-missing.conf").write_text("[Service]\nEnvironment=PYTHONPATH=/run/layer/site\n")
    output("systemctl", "daemon-reload")
    output("systemctl", "restart", "--no-block", "camerad.service")
    mark("missing")
    time.sleep(LEFT)
    raise TimeoutError("the machine was not rebooted")


def idle(found: dict[str, Any]) -> None:
    """All is as before, and nothing is done with it for an hour."""
    found["status"] = wait(lambda: status("idle", ready=True), "ready")
    mark("ready")
    settled(found)
    mark("idle")
    before = written()
    time.sleep(HOUR)
    found["idle_bytes"] = written() - before
    mark("idled")
    found["after"] = status()


def usb(found: dict[str, Any]) -> None:
    """A camera at the USB socket in place of the simulated one, on the image's own libcamera: it is
    pulled out while it is recorded, and put in again."""
    found["status"] = wait(lambda: status("idle", ready=True), "ready")
    mark("ready")
    settled(found)
    found["record"] = intend("record")
    wait(lambda: status("recording"), "recording")
    time.sleep(SHOWN)
    mark("pull-camera")
    wait(lambda: True if "camera_down" in conditions() else None, "no camera")
    mark("plug-camera")
    wait(lambda: None if "camera_down" in conditions() else True, "a camera again")
    time.sleep(SHOWN)
    found["stop"] = intend("stop")
    wait(lambda: status("idle", ready=True), "idle again")
    doctor = ("/opt/camerad/bin/camerad", "doctor", "--config", "/run/layer/usb.yaml")
    found["doctor"] = output(*doctor, "--only", "camera")


def power(found: dict[str, Any]) -> None:
    """What power is lost in, for the log of the card's writes: a camera is set up, and what is due
    goes; three recordings with marks, the second from self-view; nine short ones."""
    due = json.loads(Path("/run/layer/power.json").read_text())["due"]
    found["status"] = wait(lambda: status("idle", ready=True), "ready")
    phase("ready")
    found["answers"] = []
    recordings = Path("/var/lib/camerad/recordings")
    wait(lambda: not any((recordings / f"{one}.tar").exists() for one in due) or None, "all gone")
    phase("retained")
    for number in range(LONG):
        if number == 1:
            found["answers"].append(intend("escalate"))
            wait(lambda: status("self_view"), "self-view")
        record(found, 5.0, marked=True)
    phase("recorded")
    for number in range(SHORT):
        record(found, 0.6 + 0.2 * number)
    phase("closed")
    time.sleep(2.0)
    found["after"] = status()


def record(found: dict[str, Any], seconds: float, *, marked: bool = False) -> None:
    """A recording, and its end."""
    found["answers"].append(intend("record"))
    wait(lambda: status("recording"), "recording")
    time.sleep(seconds)
    if marked:
        found["answers"].append(intend("mark"))
        time.sleep(1.0)
    found["answers"].append(intend("stop"))
    wait(lambda: status("idle"), "idle")
    time.sleep(0.5)


def phase(name: str) -> None:
    """Tell the witness how far it is."""
    now_us = time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000
    with socket.socket(socket.AF_UNIX) as witness:
        witness.connect(f"{WITNESS}/world.sock")
        witness.sendall(json.dumps({"phase": name, "at_us": now_us}).encode() + b"\n")


def cut(found: dict[str, Any]) -> None:
    """A card that lost its power at some time before: the camera has to be ready by itself."""
    found["status"] = wait(lambda: status("idle", ready=True), "ready")
    code, found["recordings"] = request(DEFAULT_SOCKET, "GET", "/recordings", timeout=60)
    found["listed"] = code
    found["failed"] = output("systemctl", "--failed", "--plain", "--no-legend", "--no-pager")


def reached() -> str:
    """How far the update is."""
    path = Path("/var/lib/camerad-provision/update/update.json")
    return str(json.loads(path.read_text())["state"]["phase"]) if path.exists() else "idle"


def running() -> dict[str, Any]:
    """Which system this is, how it does, and what it has of what was recorded."""
    recorded = sorted(Path("/var/lib/camerad").rglob("*.tar"))
    return {
        "version": re.findall("(?m)^IMAGE_VERSION=(.+)", Path("/etc/os-release").read_text()),
        "slot": re.findall(r"rauc\.slot=(\S+)", Path("/proc/cmdline").read_text()),
        "failed": output("systemctl", "--failed", "--plain", "--no-legend", "--no-pager"),
        "state": output("systemctl", "is-system-running").strip(),
        "root": output("dmsetup", "table", "root"),
        "servers": output("timedatectl", "show-timesync", "--value", "--property=SystemNTPServers"),
        "evidence": {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in recorded},
        "time": output("systemd-analyze", "time"),
        "chain": output("systemd-analyze", "critical-chain", "camerad.service", "--no-pager"),
        "blame": output("systemd-analyze", "blame", "--no-pager"),
    }


def put_in(name: str) -> dict[str, Any]:
    """Put the stick into the dock's socket, and say what became of it. One whose name begins with
    "worn" is put in while nothing supplies the camera; with "late", the camera is taken out between
    installation and trial, and somebody wants a version that was tried in vain once more."""
    ended = Path("/run/guest-sticks")
    before = len(lines(ended)) if ended.exists() else 0
    if name.startswith("worn"):
        take_out()
    if name.startswith("late"):
        Path("/run/camerad-update-again").touch()
        wait_before_the_trial()
    mark(f"plug-{name}")
    if name.startswith("late"):
        wait(lambda: TAKEN.exists() or None, "installed, and about to be tried", INSTALLED)
        take_out()
    wait(
        lambda: lines(ended) if ended.exists() and len(lines(ended)) > before else None,
        f"the stick {name} is done with",
        INSTALLED,
    )
    found = {"ended": lines(ended)[before:], "phase": reached()}
    if found["phase"] in ("to_try", "trying"):
        return found
    mark(f"pull-{name}")
    wait(lambda: None if list(Path("/sys/block").glob("sd*")) else True, "pulled")
    if name.startswith("worn"):
        put_back()
    return found


def take_out() -> None:
    """Take the camera out of its dock; it has noticed when this returns."""
    (CHARGER / "unbind").write_text("charger")
    wait(lambda: None if "docked" in conditions() else True, "not in its dock")


def put_back() -> None:
    (CHARGER / "bind").write_text("charger")
    wait(lambda: True if "docked" in conditions() else None, "in its dock again")


def wait_before_the_trial() -> None:
    """Have what the next stick begins its trial with be preceded by `taken.py`, which needs a copy
    of it."""
    real = "/usr/lib/camerad/update-try"
    shutil.copy(real, "/run/update-try")
    folder = Path("/run/systemd/system/camerad-update@.service.d")
    text = f"[Service]\nBindReadOnlyPaths=/run/layer/taken.py:{real}\n"
    (folder / "99-taken.conf").write_text(f"{text}Environment=PYTHONPATH=/run/layer\n")
    # Five minutes are long where nothing but that is waited for.
    folder = Path("/run/systemd/system/camerad-update-try.timer.d")
    folder.mkdir()
    (folder / "99-soon.conf").write_text("[Timer]\nOnActiveSec=40s\n")
    output("systemctl", "daemon-reload")


def looked_at_while_worn() -> str:
    """A camera that is worn while an update waits for its trial, until somebody has looked whether
    that can begin. Returns how far the update is then."""
    words = ("systemctl", "show", "--value", "--property=LastTriggerUSecMonotonic")
    timer = "camerad-update-try.timer"
    before = output(*words, timer)
    wait(lambda: True if output(*words, timer) != before else None, "looked at in vain", LATER)
    return reached()


def conditions() -> list[str]:
    found = status()
    return [] if found is None else list(found["conditions"])


def update(found: dict[str, Any]) -> None:
    """A camera in its dock: a trial that goes on is waited for; on a camera that has nothing yet, a
    recording is made; then one stick after the other is put in."""
    found["before"] = reached()
    found["status"] = wait(lambda: status("idle", ready=True), "ready")
    mark("ready")
    wait(lambda: reached() if reached() != "trying" else None, "no trial goes on")
    output("systemctl", "is-system-running", "--wait")
    found["phase"] = reached()
    found["said"] = output("/opt/camerad/bin/camerad", "update", "status")
    if not list(Path("/var/lib/camerad").rglob("*.tar")):
        found["record"] = intend("record")
        wait(lambda: status("recording"), "recording")
        time.sleep(10)
        intend("stop")
        wait(lambda: status("idle", ready=True), "idle again")
    found |= running()
    mark("settled")
    found["sticks"] = {}
    for name in filter(None, word("sticks").split(",")):
        keep(found)
        found["sticks"][name] = put_in(name)
        if found["sticks"][name]["phase"] in ("to_try", "trying"):
            if name.startswith("late"):
                found["worn"] = looked_at_while_worn()
                # The start anew comes as soon as it is in its dock.
                keep(found)
                put_back()
                time.sleep(LATER)
            time.sleep(LEFT)
            raise TimeoutError("the machine was not started anew for the trial")


def resumed(found: dict[str, Any]) -> None:
    """A camera in its dock that lost its power in an update: what waits for its trial is tried by
    itself, which ends this start, and a trial that goes on is waited for."""
    found["before"] = reached()
    found["status"] = wait(lambda: status("idle", ready=True), "ready")
    mark("ready")
    wait(lambda: reached() if reached() not in ("to_try", "trying") else None, "nothing to try")
    output("systemctl", "is-system-running", "--wait")
    found["phase"] = reached()
    found |= running()


def doomed(found: dict[str, Any]) -> None:
    """A system on trial that does not work, and has to come to its end by itself."""
    keep(found)
    time.sleep(PATIENCE)
    raise TimeoutError("a system that does not work goes on")


ALL = (first, office, idle, usb, power, cut, update, resumed, doomed)
SCENARIOS = {one.__name__: one for one in ALL}


def keep(found: dict[str, Any]) -> None:
    """Write it down, so that it is there whatever comes next."""
    folder = Path(sys.argv[1]) / word("start")
    folder.mkdir(exist_ok=True)
    journal = output("journalctl", "-b", "--no-pager", "-o", "short-monotonic")
    (folder / "journal.txt").write_text(journal)
    before = output("journalctl", "-b", "-1", "--no-pager", "-o", "short-monotonic")
    (folder / "journal-before.txt").write_text(before)
    both = time.time_ns(), time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    found["wall_us"] = (both[0] - both[1]) // 1000
    found["boot_id"] = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    for name in ("ledger", "keys"):
        shutil.copytree(Path("/var/lib/camerad") / name, folder / name, dirs_exist_ok=True)
    (folder / "found.json").write_text(json.dumps(found, indent=1))
    os.sync()


def main() -> None:
    scenario = word("scenario")
    found: dict[str, Any] = {"scenario": scenario, "start": word("start")}
    try:
        SCENARIOS[scenario](found)
    except (Exception, subprocess.TimeoutExpired) as error:  # noqa: BLE001 - the test gets to see it
        found["error"] = f"{type(error).__name__}: {error}"
        say(found["error"])
    keep(found)
    say("done")


if __name__ == "__main__":
    main()
