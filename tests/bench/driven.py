"""The stages of a picture's way, one after another, each driven as fast as it goes.

python -m tests.bench.driven PACKETS DIRECTORY

For `tests.bench.instructions`, which says what is counted and how. PACKETS: a file of
`write_packets`, made beforehand, because the encoder would take minutes under valgrind. DIRECTORY:
for the recording that is written.
"""

from __future__ import annotations

import json
import mmap
import os
import socket
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final
from unittest import mock

import numpy as np
import pyrage
from msgspec.structs import asdict

from camerad.base import durable_files, process
from camerad.base.clock import SECOND, ManualClock
from camerad.behaviour.scene import RecordingScene
from camerad.capture.encoding import Emptied
from camerad.capture.pictures import Pictures
from camerad.capture.send_queue import Outbox
from camerad.capture.stamp import Stamp
from camerad.config.display_wording import wording_in
from camerad.container.encryption import Sealer
from camerad.container.keys import SigningKey
from camerad.recording.assembly import assemble
from camerad.recording.audio_track import NOTHING_HEARD
from camerad.recording.container_writer import ContainerWriter
from camerad.recording.fragment_muxer import FragmentMaker
from camerad.recording.segmenter import Segmenter
from camerad.selfview.framebuffer import Framebuffer
from camerad.selfview.screen import Panel, Screen
from camerad.selfview.viewer import Viewer
from camerad.stream import frame, wire
from camerad.stream.frame import Geometry
from camerad.stream.intake import Intake
from camerad.stream.newest import FrameReader, FrameWriter
from camerad.stream.packets import PacketInfo
from camerad.stream.ring import Ring
from tests.bench import sealing
from tests.bench.plan import (
    BITRATE,
    FPS,
    HEIGHT,
    LORES_HEIGHT,
    LORES_WIDTH,
    MAX_BITRATE,
    WIDTH,
)

FRAMES: Final = 90
"""Of each stage that are counted: three groups of pictures, six fragments."""
WARM: Final = 30
"""Before them: what is made once is made then."""
PICTURES: Final = FPS // 2
"""In a fragment."""
MARK: Final = "getpgid"
"""The call at the edges of a stage: getpgid(2), which camerad never makes."""
PANEL: Final = (320, 240, 16)
"""Width, height, bits per pixel of the front display."""
BUFFERS: Final = 6
"""Of the camera, so that no picture is warmer than there."""
DRIVER_BUFFERS: Final = 16
BUFFER_BYTES: Final = 512 << 10
"""Of the hardware encoder's, for a packet."""
STARTED_US: Final = 60 * SECOND

Packets = list[tuple[PacketInfo, bytes]]


def write_packets(path: Path, packets: Iterable[tuple[PacketInfo, bytes]]) -> list[int]:
    """Write the packets that this process is to be driven with; how large each of them is."""
    chosen = [(info, unit) for info, unit in packets if info.frame < WARM + FRAMES]
    facts = [(info.key, len(unit)) for info, unit in chosen]
    path.write_bytes(json.dumps(facts).encode() + b"\n" + b"".join(unit for _, unit in chosen))
    return [size for _, size in facts]


def read_packets(path: Path) -> Packets:
    """What `write_packets` wrote; frames and times are those of `at_us`."""
    with path.open("rb") as file:
        facts = json.loads(file.readline())
        return [
            (PacketInfo(1, number, at_us(number), key, size), file.read(size))
            for number, (key, size) in enumerate(facts)
        ]


def at_us(number: int) -> int:
    """Media time of a picture."""
    return STARTED_US + number * SECOND // FPS


def counted(work: Callable[[int], None], every: int = 1) -> None:
    """Have `work` done for every picture, or once for so many of them; mark those that count."""
    for number in range(0, WARM, every):
        work(number)
    os.getpgid(0)
    for number in range(WARM, WARM + FRAMES, every):
        work(number)
    os.getpgid(0)


def stamp(clock: ManualClock) -> None:
    """The stamp, into the luma of pictures."""
    made = Stamp("camera-07", WIDTH, HEIGHT, clock)
    made.tell(pre=False, trusted=True, wearer="W-0815")
    pictures = [np.zeros((HEIGHT * 3 // 2, WIDTH), np.uint8) for _ in range(BUFFERS)]
    counted(lambda number: made.write(pictures[number % BUFFERS], at_us(number)))


def sent(packets: Packets, taken: socket.socket, outbox: Outbox) -> None:
    """From the encoder's buffer into the socket; the other end empties it."""
    pictures = Pictures(outbox, SECOND // FPS, lambda: None)
    pictures.arm(1, 0)
    memories = [mmap.mmap(-1, BUFFER_BYTES) for _ in range(DRIVER_BUFFERS)]
    buffers = [Emptied(memory) for memory in memories]
    sink = memoryview(bytearray(1 << 20))

    def send(number: int) -> None:
        info, unit = packets[number]
        memories[number % DRIVER_BUFFERS][: len(unit)] = unit
        picture = pictures.delivered(number, at_us(number), SECOND // FPS)
        assert picture is not None
        pictures.fed(picture.pts_us, picture)
        body = memoryview(buffers[number % DRIVER_BUFFERS].read(len(unit)))
        pictures.encoded(body, info.key, picture.pts_us)
        taken.recv_into(sink)

    counted(send)


def shared() -> int:
    """The newest low-resolution frame, into the shared memory; its descriptor."""
    geometry = Geometry(LORES_WIDTH, LORES_HEIGHT, LORES_WIDTH)
    fd = frame.create(geometry.total_bytes)
    writer = FrameWriter(fd, geometry)
    pictures = [np.full(geometry.shape, 16 + n, np.uint8) for n in range(BUFFERS)]
    counted(lambda number: writer.put(pictures[number % BUFFERS], at_us(number)))
    return fd


def taken_in(packets: Packets, ends: tuple[socket.socket, socket.socket]) -> None:
    """From the socket into a ring that has its seconds, so that one group leaves for each new."""
    near, far = ends
    ring = Ring(2 * MAX_BITRATE // 8, 1.0, lock=False)
    intake = Intake(ring, lambda gap: None)
    intake.arm(1)

    def take(number: int) -> None:
        info, unit = packets[number]
        header = wire.MessageHeader(
            wire.MessageKind.PACKET, info.key, 1, number, at_us(number), len(unit)
        )
        near.sendmsg([header.pack(), unit])
        while intake.pump(far, at_us(number)) is not None:
            pass

    counted(take)
    ring.close()


def fragments(packets: Packets) -> list[bytes]:
    """From the ring to fragments, fifteen pictures each; the fragments, each after its first."""
    ring = Ring(BITRATE, 1.0, lock=False)
    reader = ring.follow()
    cutter = Segmenter(SECOND // FPS)
    made: list[bytes] = []
    maker: list[FragmentMaker] = []

    def put(number: int) -> None:
        info, unit = packets[number]
        ring.reserve(len(unit))[:] = unit
        ring.commit(PacketInfo(1, number, at_us(number), info.key, len(unit)))

    def make(number: int) -> None:
        with_next = range(number + 1, min(number + PICTURES + 1, len(packets)))
        for following in with_next:
            put(following)
        lease = reader.take(SECOND // 2, 0)
        assert lease is not None
        with lease:
            if not maker:
                maker.append(FragmentMaker(WIDTH, HEIGHT, lease.packets[0][1]))
            chunk = cutter.cut(lease.packets, lease.gaps, lease.next_pts_us)
            made.append(assemble(maker[0], chunk, NOTHING_HEARD, STARTED_US).data)

    put(0)
    counted(make, PICTURES)
    reader.close()
    ring.close()
    return [maker[0].init, *made]


def written(made: list[bytes], directory: Path, clock: ManualClock) -> None:
    """Fragments sealed, signed and written; not synchronised, which is the card's work."""
    office = pyrage.x25519.Identity.generate()
    sealer = Sealer([str(office.to_public())])
    init, *contents = made
    (directory / "recordings").mkdir()
    header = sealing.a_header(_Size(), directory, clock, sealer)
    key = SigningKey.generate()
    with mock.patch.object(durable_files, "sync", lambda *_: None):
        container = ContainerWriter(str(directory / "recordings"), header, init, key, sealer)

        def append(number: int) -> None:
            clock.advance(SECOND * PICTURES // FPS)
            sequence = number // PICTURES
            container.append(contents[sequence], sealing.facts(sequence, clock))

        counted(append, PICTURES)
        container.close(sealing.closing((WARM + FRAMES) // PICTURES, clock))


class _Size:
    """What `sealing.a_header` asks of a film."""

    width, height = WIDTH, HEIGHT


def shown(fd: int, clock: ManualClock) -> None:
    """Pictures from the shared memory onto a display, while something is recorded."""
    width, height, bits = PANEL
    panel = Panel(width, height, width * bits // 8, bits)
    device = os.memfd_create("display")
    os.ftruncate(device, panel.stride * panel.height)
    geometry = Geometry(LORES_WIDTH, LORES_HEIGHT, LORES_WIDTH)
    writer = FrameWriter(fd, geometry)
    noise = np.random.default_rng(1)
    picture = noise.integers(16, 235, geometry.shape, dtype=np.uint8)
    display = Framebuffer(f"/proc/self/fd/{device}", panel)
    screen = Screen(panel, True, asdict(wording_in("en")))
    viewer = Viewer(display, screen, FrameReader(fd), clock, FPS)
    viewer.show(RecordingScene(clock.now_us()))

    def show(number: int) -> None:
        clock.advance(SECOND // FPS)
        writer.put(picture, clock.now_us())
        assert viewer.refresh()
        viewer.wait_us()

    counted(show)


def main() -> None:
    """Every stage, in the order of `tests.bench.instructions.stages`."""
    packets = read_packets(Path(sys.argv[1]))
    directory = Path(sys.argv[2])
    clock = ManualClock(STARTED_US, 1_764_000_000 * SECOND)
    ends = socket.socketpair()
    for end in ends:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    outbox = Outbox(ends[0], 1 << 20, _fail)
    stamp(clock)
    sent(packets, ends[1], outbox)
    fd = shared()
    # From here on the controller's, whose freed memory is overwritten.
    process.overwrite_freed_memory()
    process.return_freed_memory()
    taken_in(packets, socket.socketpair())
    made = fragments(packets)
    written(made, directory, clock)
    shown(fd, clock)


def _fail(error: BaseException) -> Any:
    raise error


if __name__ == "__main__":
    main()
