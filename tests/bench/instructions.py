"""How many instructions each stage beside the encoder takes for a picture, counted one by one.

Processor time depends on the machine and on what else it does; the number of instructions hardly
does, so that it can be carried over to another processor (docs/performance.md). Valgrind's
callgrind counts them exactly, the libraries' included, the kernel's not. Every stage is the
production code, driven picture by picture as its process drives it, without what is below it: no
camera, no encoder, no display's driver. `tests.bench.driven` is that process.

It says where a stage begins and ends by a call that nothing else makes, before which callgrind
writes down what it has counted since the last one.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from hw_mocks.footage import MAIN, PreparedSource

from tests.bench import film
from tests.bench.driven import FRAMES, MARK, PANEL, PICTURES, write_packets
from tests.bench.goals import Goal
from tests.bench.plan import FPS, HEIGHT, WIDTH, BenchError, log

LIMIT: Final = 0.70
"""Of one core, while it records."""
CAMERA_STACK: Final = 0.56
"""Of one core: what a whole pipeline in C was measured to take on a Pi Zero 2 W at 1080p30, its own
multiplexing and writing included. Taken for what is not counted here: sensor, drivers, libcamera
and picamera2."""


@dataclass(frozen=True, slots=True)
class Board:
    """What instructions cost on a board: an estimate, whose grounds are in docs/performance.md.

    clock_hz: of one core. ipc: instructions for each clock. copied: bytes that the kernel copies
    in a second, from one place in memory to another. call_us: a call of the kernel.
    """

    clock_hz: float
    ipc: float
    copied: float
    call_us: float


ZERO_2W: Final = Board(clock_hz=1.0e9, ipc=0.5, copied=1.0e9, call_us=1.5)


@dataclass(frozen=True, slots=True)
class Stage:
    """name: what it does. copied, calls: for each picture, what the kernel does for it, of which
    callgrind sees nothing: bytes copied, and calls."""

    name: str
    copied: float = 0.0
    calls: float = 0.0


@dataclass(slots=True)
class Result:
    """instructions: of each stage, for a picture. packet_bytes: of a picture, on average."""

    instructions: dict[str, float] = field(default_factory=dict)
    packet_bytes: float = 0.0

    @property
    def share(self) -> float:
        """Of one core of `ZERO_2W`, at `FPS`."""
        return sum(self.seconds(stage) for stage in self.stages()) * FPS

    def stages(self) -> list[Stage]:
        """What was counted, with what the kernel does for it."""
        return stages(self.packet_bytes)

    def seconds(self, stage: Stage, board: Board = ZERO_2W) -> float:
        """How long a stage takes on a board, for one picture: an estimate."""
        own = self.instructions[stage.name] / board.ipc / board.clock_hz
        return own + stage.copied / board.copied + stage.calls * board.call_us / 1e6

    def goals(self) -> list[Goal]:
        """The goals of this part."""
        share = round(CAMERA_STACK + self.share, 3)
        return [Goal("Pi Zero 2 W while it records, estimated", share, LIMIT, "cores")]

    def as_json(self) -> dict[str, Any]:
        """Everything, ready for JSON."""
        return {
            "picture": f"{WIDTH}x{HEIGHT}",
            "packet_bytes": round(self.packet_bytes),
            "instructions_per_frame": {
                name: round(count) for name, count in self.instructions.items()
            },
            "estimated_ms_per_frame_on_a_zero_2_w": {
                stage.name: round(self.seconds(stage) * 1000, 3) for stage in self.stages()
            },
            "estimated_cores": {
                "stages": round(self.share, 3),
                "camera_stack_as_published": CAMERA_STACK,
            },
        }

    def table(self) -> list[str]:
        """Everything, for people."""
        heads = f"{'instructions for a picture':<44}{'thousand':>10}{'ms, Zero 2 W':>14}"
        lines = [heads, "-" * 68]
        for stage in self.stages():
            count = self.instructions[stage.name] / 1000
            lines.append(f"{stage.name:<44}{count:>10.1f}{self.seconds(stage) * 1000:>14.3f}")
        whole = sum(self.instructions.values()) / 1000
        lines.append(f"{'all':<44}{whole:>10.1f}{self.share * 1000 / FPS:>14.3f}")
        return lines


_LIKE_NEON: Final = ":".join(
    (
        "glibc.cpu.x86_rep_movsb_threshold=1000000000",
        "glibc.cpu.x86_rep_stosb_threshold=1000000000",
        "glibc.cpu.hwcaps=-ERMS,-FSRM,-AVX2,-AVX2_Usable,-AVX_Fast_Unaligned_Load",
    )
)
"""Memory is copied and filled sixteen bytes at a time, as an ARM does; with the x86's own
instructions for it callgrind would count every byte."""


def stages(packet: float) -> list[Stage]:
    """The stages in the order of a picture's way; the process has them in the same.

    packet: bytes of one.
    """
    width, height, bits = PANEL
    return [
        Stage("capture: stamp"),
        # sendmsg(2) copies it into the socket.
        Stage("capture: packet read, counted, sent", copied=packet, calls=1),
        Stage("capture: newest frame shared"),
        # recv(2) for head and body, poll(2) once for fourteen pictures.
        Stage("controller: packet into the ring", copied=packet, calls=2.1),
        Stage("controller: taken, cut, made a fragment"),
        # Into the page cache; from there the card takes it without the processor.
        Stage("controller: sealed, signed, written", copied=packet, calls=4 / PICTURES),
        # Into the display's memory; three wakes and a write.
        Stage("self-view: picture onto the display", copied=width * height * bits / 8, calls=4),
    ]


def measure(footage: str, work: Path) -> Result:
    """Count once; what is counted is the same each time. Raises BenchError."""
    log.info("instructions: %d pictures through each stage, under valgrind", FRAMES)
    if shutil.which("valgrind") is None:
        raise BenchError("there is no valgrind: `sh hw-mocks/prepare.sh bench` installs it")
    packets, counts = work / "packets", work / "callgrind"
    source = PreparedSource(Path(footage), MAIN)
    sizes = write_packets(packets, film.encoded(source, film.ASKED_BITRATE))
    source.close()
    command = ["valgrind", "--tool=callgrind", f"--dump-before={MARK}", "--combine-dumps=no"]
    command += [f"--callgrind-out-file={counts}", sys.executable, "-m", "tests.bench.driven"]
    done = subprocess.run(
        [*command, str(packets), str(work)],
        env=os.environ | {"PYTHONHASHSEED": "0", "GLIBC_TUNABLES": _LIKE_NEON},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise BenchError(f"the stages could not be counted:\n{done.stderr.strip()[-2000:]}")
    found = counted(sorted(work.glob(f"{counts.name}.*"), key=_number))
    result = Result(packet_bytes=sum(sizes) / len(sizes))
    names = [stage.name for stage in result.stages()]
    # A stage lies between two marks; what is before, between and behind them counts for nothing.
    between = found[1 : 2 * len(names) : 2]
    if len(between) != len(names):
        raise BenchError(f"{len(found)} dumps of callgrind for {len(names)} stages")
    for name, count in zip(names, between, strict=True):
        result.instructions[name] = count / FRAMES
    return result


def _number(path: Path) -> int:
    return int(path.suffix[1:])


def counted(dumps: list[Path]) -> list[int]:
    """Instructions in each of callgrind's dumps: the line "totals:" of its format, version 1."""
    found = []
    for dump in dumps:
        totals = re.search(r"(?m)^(?:totals|summary): (\d+)", dump.read_text(errors="replace"))
        if totals is None:
            raise BenchError(f"{dump} is no dump of callgrind")
        found.append(int(totals[1]))
    return found
