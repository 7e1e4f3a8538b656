"""No picture of a recording stays in the controller's heap."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.frame import PictureType
from evidence_helpers import FPS, HEIGHT, MICROSECOND, WIDTH, time_of

from camerad.stream.packets import PacketInfo
from tests.system import memory

RECORD = """
import gc, json, os, sys
import pyrage
from camerad.base import process
from camerad.recording.assembly import assemble
from camerad.recording.segmenter import Segmenter
from camerad.recording.fragment_muxer import FragmentMaker
from camerad.container.encryption import Sealer
from camerad.recording.audio_track import NOTHING_HEARD
from camerad.stream.packets import PacketInfo
from camerad.stream.ring import Ring

if sys.argv[2] == "overwritten":
    process.overwrite_freed_memory()
process.return_freed_memory()
facts = json.loads(sys.argv[3])
ring = Ring(1_000_000, 2.0, lock=False)
reader, cutter = ring.follow(), Segmenter(33_333)
sealer = Sealer([str(pyrage.x25519.Identity.generate().to_public())])
maker = None
file = os.open(sys.argv[1], os.O_RDONLY)
for count, fact in enumerate(facts, 1):
    info = PacketInfo(*fact)
    assert os.readv(file, [ring.reserve(info.size)]) == info.size
    ring.commit(info)
    if count % 15:
        continue
    with reader.take(500_000, 0) as lease:
        if maker is None:
            maker = FragmentMaker(int(sys.argv[4]), int(sys.argv[5]), lease.packets[0][1])
        chunk = cutter.cut(lease.packets, lease.gaps, lease.next_pts_us)
        made = assemble(maker, chunk, NOTHING_HEARD, facts[0][2])
    sealer.seal(made.data)
sealer.seal(assemble(maker, cutter.flush(), NOTHING_HEARD, facts[0][2]).data)
del made, chunk, cutter, lease
reader.close()
ring.close()
gc.collect()
print("done", flush=True)
sys.stdin.read()
"""


def noise(count: int) -> list[tuple[PacketInfo, bytes]]:
    """Packets of some kilobytes each, no two of which have anything in common."""
    random = np.random.default_rng(1)
    encoder = av.CodecContext.create("libx264", "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height = WIDTH, HEIGHT
    encoder.pix_fmt = "yuv420p"
    encoder.time_base = MICROSECOND
    encoder.options = {"preset": "ultrafast", "tune": "zerolatency", "forced-idr": "1"}
    packets = []
    for number in range(count):
        luma = random.integers(0, 255, (HEIGHT * 3 // 2, WIDTH), np.uint8)
        picture = av.VideoFrame.from_ndarray(luma, format="yuv420p")
        picture.pts, picture.time_base = time_of(number), MICROSECOND
        picture.pict_type = PictureType.NONE if number % FPS else PictureType.I
        for packet in encoder.encode(picture):
            data = bytes(packet)
            info = PacketInfo(1, number, time_of(number), packet.is_keyframe, len(data))
            packets.append((info, data))
    return packets


def left(directory: Path, how: str) -> int:
    """How many of a recording's packets are found in the memory of the process that made it."""
    packets = noise(90)
    facts = json.dumps([info for info, _ in packets])
    file = directory / "packets"
    file.write_bytes(b"".join(data for _, data in packets))
    command = [sys.executable, "-c", RECORD, str(file), how, facts, str(WIDTH), str(HEIGHT)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"done\n"
        return len({hit.packet for hit in memory.search(process.pid, [one for _, one in packets])})


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other libraries decide themselves")
def test_no_packet_of_a_recording_is_left_in_memory(tmp_path: Path) -> None:
    assert left(tmp_path, "overwritten") == 0
    # The search finds what is there: otherwise the last fragments would be.
    assert left(tmp_path, "as it is") > 0
