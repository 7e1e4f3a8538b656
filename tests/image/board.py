"""An emulated board: QEMU's ``virt`` machine, started from a card as a board's firmware would.

What a test wants to be different in the guest comes from outside: a second initramfs, which a boot
loader loads no more than it reads the words that are added to the command line, puts units into
/run before systemd starts. The simulated hardware is on a second disk, *layer*; a third one,
*result*, takes what the guest has to say.

The guest's time goes by its instructions, one in a nanosecond, and by nothing else: on a busy
machine nothing in there is late. That is about what one core of a Cortex-A53 at 1 GHz does; a board
has four. While everything waits, its time is this machine's.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.image.card import Card, run
from tests.usb import UsbCamera

MEMORY: Final = "512"
"""MB, as the smallest board has."""
PROCESSOR: Final = "cortex-a53"
"""That of the Zero 2 W and of the 3."""
PACE: Final = "shift=0,sleep=on"
HASTE: Final = "shift=0,sleep=off"
"""While everything in the guest waits, its time goes on to the next thing that is due. Whatever
this machine does for it then takes long in there: nothing for a camera that runs."""
PATIENCE: Final = 3600.0
"""Seconds of this machine that a start may take, on whatever is left of it."""
SERIAL: Final = "10000000c0ffee07"
"""The board's serial number, as a Raspberry Pi's device tree has it: 16 hexadecimal digits."""
MARK: Final = "image-test mark "
"""What a line of the serial console begins with when the guest has come to a point."""
PLUG, PULL = "plug-", "pull-"
"""Marks that want a stick, by its name, in the board's USB socket, and out of it."""
CAMERA: Final = "camera"
"""The name of what is no stick: a camera, which is plugged in from the start."""
WITNESS: Final = "witness"
"""What there is of units where the card's writes are logged."""
_CHARGER_LINE: Final = "5"
"""Of the machine's GPIO chip, which holds it low."""
_TRYBOOT: Final = "reboot: Restarting system with command '0 tryboot'"
_LOOK: Final = 0.2
_GUEST: Final = Path(__file__).with_name("guest")


@dataclass(frozen=True, slots=True)
class Written:
    """What a disk was asked for since the start: bytes and operations."""

    bytes: int
    writes: int
    flushes: int
    read: int


@dataclass(frozen=True, slots=True)
class Ended:
    """How a start ended. `reason`: "guest-shutdown", "guest-reset" or "watchdog"; `seconds` of this
    machine that it took; `marks`: what the card had been asked for when the guest came to a point;
    `card`: the same at the end; `folder` has the console, and what the display showed at each
    mark; `tryboot`: whether the reboot asked to start the other slot once, as the kernel says on
    its console."""

    reason: str
    seconds: float
    marks: dict[str, Written]
    card: Written
    folder: Path
    tryboot: bool


class Monitor:
    """QEMU's monitor protocol: a JSON object a line (docs/interop/qmp-spec of QEMU), here by the
    standard input and output of `board`. What happened meanwhile is in `events`."""

    def __init__(self, board: subprocess.Popen[str]) -> None:
        assert board.stdin is not None
        assert board.stdout is not None
        self._to, self._from = board.stdin, board.stdout
        self.events: list[dict[str, Any]] = []
        assert "QMP" in self._line()
        self.ask("qmp_capabilities")

    def _line(self) -> dict[str, Any]:
        line = self._from.readline()
        if not line:
            raise EOFError("QEMU has ended")
        found: dict[str, Any] = json.loads(line)
        return found

    def ask(self, command: str, **arguments: Any) -> Any:
        """Carry out a command and return what it returned; events that come meanwhile are kept."""
        self._to.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self._to.flush()
        while True:
            answer = self._line()
            if "event" in answer:
                self.events.append(answer)
                continue
            assert "return" in answer, f"{command}: {answer}"
            return answer["return"]

    def plug(self, name: str, stick: Path) -> None:
        """Put a stick into the USB socket."""
        file = {"driver": "file", "filename": str(stick)}
        node = {"driver": "raw", "node-name": name, "read-only": True, "file": file}
        self.ask("blockdev-add", **node)
        self.ask("device_add", driver="usb-storage", id=name, drive=name, bus="usb.0")

    def pull(self, name: str) -> None:
        """Take it out."""
        self.ask("device_del", id=name)

    def written(self, disk: str) -> Written:
        """What the disk called `disk` was asked for until now."""
        for device in self.ask("query-blockstats"):
            if device["device"] == disk:
                stats = device["stats"]
                return Written(
                    stats["wr_bytes"],
                    stats["wr_operations"],
                    stats["flush_operations"],
                    stats["rd_bytes"],
                )
        raise AssertionError(f"QEMU has no disk {disk}")


class Board:
    """A board with a card in it; `folder` gets what it says, start by start. docked: it has a
    charger, which supplies it."""

    def __init__(
        self, card: Card, layer: Path, result: Path, folder: Path, *, docked: bool = False
    ) -> None:
        self.card, self.layer, self.result, self.folder = card, layer, result, folder
        self._starts = 0
        self._tree = folder / "board.dtb"
        machine = [*("qemu-system-aarch64", "-display", "none", "-cpu", PROCESSOR, "-m", MEMORY)]
        # Without the network card that it would have, and whose program may not be installed.
        run(*machine, "-nic", "none", "-M", f"virt,dumpdtb={self._tree}")
        run("fdtput", "-t", "s", self._tree, "/", "serial-number", SERIAL)
        if docked:
            self._add_charger()

    def _add_charger(self) -> None:
        """As the overlay gpio-charger has it (PARTS=charger), on a line that is active when low."""
        node = "/charger"
        chip = run("fdtget", self._tree, "/pl061@9030000", "phandle").strip()
        run("fdtput", "-c", self._tree, node)
        for name, text in (("compatible", "gpio-charger"), ("charger-type", "mains")):
            run("fdtput", "-t", "s", self._tree, node, name, text)
        run("fdtput", "-t", "u", self._tree, node, "gpios", chip, _CHARGER_LINE, "1")

    def _initramfs(self, own: Path, scenarios: Sequence[str], folder: Path) -> Path:
        """`own`, and behind it an initramfs with the units of every scenario and of these. The
        kernel unpacks one over the other (buffer-format.rst of its documentation)."""
        more = folder / "more"
        (more / "scripts").mkdir(parents=True)
        shutil.copy(_GUEST / "initramfs", more / "scripts" / "guest")
        for name in ("every", *scenarios):
            if (units := _GUEST / name).is_dir():
                shutil.copytree(units, more / "guest", dirs_exist_ok=True)
        names = "\n".join(str(path.relative_to(more)) for path in sorted(more.rglob("*")))
        packed = subprocess.run(
            ["cpio", "--quiet", "-o", "-H", "newc", "-R", "0:0"],
            input=names.encode(),
            cwd=more,
            capture_output=True,
            check=True,
        )
        both = folder / "initramfs"
        # Each begins at a multiple of four bytes.
        first = own.read_bytes()
        both.write_bytes(first + bytes(-len(first) % 4) + packed.stdout)
        return both

    def start(
        self,
        scenario: str,
        *,
        pace: str = PACE,
        tryboot: bool = False,
        log: Path | None = None,
        sticks: Mapping[str, Path] | None = None,
        usb_camera: bool = False,
    ) -> Ended:
        """Switch the board on, and wait until it is off or has reset itself.

        scenario: what the guest is to do (`tests/image/layer/scenario.py`); tryboot: the reboot
        before asked for the slot on trial; log: a new file for all that the card is asked to write
        (`tests.campaign.logwrites`), and the guest says there what time it is (its units are those
        of `witness` besides); sticks: by their names, one after the other; usb_camera: there
        is one at the USB socket.
        """
        sticks = sticks or {}
        scenarios = [scenario] if log is None else [scenario, WITNESS]
        self._starts += 1
        folder = self.folder / f"start-{self._starts}-{scenario}"
        folder.mkdir()
        slot = self.card.slot(tryboot=tryboot)
        console = folder / "console.txt"
        added = (
            f"boot=guest console=ttyAMA0 image-test.start={self._starts} "
            f"image-test.scenario={scenario} image-test.sticks={','.join(sticks)}"
        )
        words = [
            *("qemu-system-aarch64", "-M", "virt", "-cpu", PROCESSOR, "-m", MEMORY),
            *("-accel", "tcg,thread=single,tb-size=256", "-icount", pace, "-rtc", "clock=vm"),
            *("-nodefaults", "-display", "none", "-nic", "none"),
            *("-serial", f"file:{console}", "-qmp", "stdio"),
            *("-action", "reboot=shutdown,shutdown=pause,watchdog=reset"),
            *("-device", "virtio-rng-device", "-device", "i6300esb"),
            # Without it these devices follow a draft of virtio that knows no display.
            *("-global", "virtio-mmio.force-legacy=false"),
            *("-device", "virtio-gpu-device,xres=320,yres=240"),
            *("-kernel", str(slot.kernel), "-dtb", str(self._tree)),
            *("-initrd", str(self._initramfs(slot.initramfs, scenarios, folder))),
            *("-append", f"{slot.cmdline} {added}"),
        ]
        if sticks:
            words += ["-device", "qemu-xhci,id=usb"]
        camera = None
        if usb_camera:
            camera = UsbCamera(folder, paced=True)
            words += camera.device
        for name, drive in (
            ("card", _raw(self.card.disk) if log is None else _logged(self.card.disk, log)),
            ("layer", f"{_raw(self.layer)},read-only=on"),
            ("result", _raw(self.result)),
        ):
            words += ["-drive", f"id={name},if=none,{drive}"]
            # In a log all are writes, and as the guest asks for them: QEMU would make one of many,
            # of more pieces than blklogwrites can add its own to (IOV_MAX), and that would fail.
            plain = "" if log is None else ",discard=off,write-zeroes=off,request-merging=off"
            words += ["-device", f"virtio-blk-device,drive={name},serial={name}{plain}"]
        begun = time.monotonic()
        pipe = subprocess.PIPE
        with (
            (folder / "qemu.txt").open("w") as errors,
            subprocess.Popen(words, stdin=pipe, stdout=pipe, stderr=errors, text=True) as board,
        ):
            try:
                monitor = Monitor(board)
                if camera is not None:
                    camera.plug()
                reason, marks, card = self._follow(monitor, console, begun, sticks, camera)
                monitor.ask("quit")
            except BaseException as error:
                board.kill()
                said = (folder / "qemu.txt").read_text()
                raise AssertionError(
                    f"{error!r}; QEMU said: {said}; the console ends:\n{tail(console)}"
                ) from error
            finally:
                if camera is not None:
                    camera.pull()
        asked = any(_TRYBOOT in line for line in lines(console))
        return Ended(reason, time.monotonic() - begun, marks, card, folder, asked)

    def _follow(
        self,
        monitor: Monitor,
        console: Path,
        begun: float,
        sticks: Mapping[str, Path],
        camera: UsbCamera | None,
    ) -> tuple[str, dict[str, Written], Written]:
        marks: dict[str, Written] = {}
        while time.monotonic() - begun < PATIENCE:
            card = monitor.written("card")
            for line in lines(console):
                name = line.partition(MARK)[2].strip()
                if name and name not in marks:
                    marks[name] = card
                    picture = console.with_name(f"{name}.png")
                    monitor.ask("screendump", filename=str(picture), format="png")
                    if camera is not None and name == PLUG + CAMERA:
                        camera.plug()
                    elif camera is not None and name == PULL + CAMERA:
                        camera.pull()
                    elif name.startswith(PLUG):
                        stick = name.removeprefix(PLUG)
                        monitor.plug(stick, sticks[stick])
                    elif name.startswith(PULL):
                        monitor.pull(name.removeprefix(PULL))
            found = {event["event"]: event.get("data", {}) for event in monitor.events}
            if "SHUTDOWN" in found:
                reason = "watchdog" if "WATCHDOG" in found else found["SHUTDOWN"]["reason"]
                return reason, marks, monitor.written("card")
            time.sleep(_LOOK)
        raise TimeoutError(f"the guest did not end in {PATIENCE:g} s")


def _raw(disk: Path) -> str:
    """What a drive is made of: a file that nobody needs after this machine has lost its power."""
    return f"format=raw,file={disk},cache=unsafe"


def _logged(disk: Path, log: Path) -> str:
    """The same, with a log of each write and each flush; these end in this machine's memory."""
    log.touch()
    return (
        "driver=blklogwrites,log-super-update-interval=1,"
        f"file.driver=file,file.filename={disk},file.cache.no-flush=on,"
        f"log.driver=file,log.filename={log},log.cache.no-flush=on"
    )


def lines(console: Path) -> list[str]:
    """What was written to the serial line until now."""
    return console.read_text(errors="replace").splitlines() if console.exists() else []


def tail(console: Path, last: int = 60) -> str:
    """The end of it."""
    return "\n".join(lines(console)[-last:])
