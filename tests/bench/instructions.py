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
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hw_mocks.footage import MAIN, PreparedSource

from tests.bench import film
from tests.bench.driven import FRAMES, MARK, PANEL, PICTURES, write_packets
from tests.bench.figures import Figures
from tests.bench.plan import FPS, BenchError, log

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


def seconds(stage: Stage, instructions: float, board: Board = ZERO_2W) -> float:
    """How long a stage of so many instructions takes on a board, for one picture: an estimate."""
    own = instructions / board.ipc / board.clock_hz
    return own + stage.copied / board.copied + stage.calls * board.call_us / 1e6


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


def measure(footage: str, work: Path) -> Figures:
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
    packet = sum(sizes) / len(sizes)
    ordered = stages(packet)
    # A stage lies between two marks; what is before, between and behind them counts for nothing.
    between = found[1 : 2 * len(ordered) : 2]
    if len(between) != len(ordered):
        raise BenchError(f"{len(found)} dumps of callgrind for {len(ordered)} stages")
    figures, share = Figures({"packet_bytes": round(packet)}), CAMERA_STACK
    for stage, count in zip(ordered, between, strict=True):
        took_s = seconds(stage, count / FRAMES)
        share += took_s * FPS
        figures.add("instructions for a picture, thousands", stage.name, count / FRAMES / 1000)
        figures.add("estimate for a Zero 2 W for a picture, ms", stage.name, took_s * 1000)
    figures.goal("Pi Zero 2 W while it records, estimated", share, LIMIT, "cores")
    return figures


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
