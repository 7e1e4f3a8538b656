"""A process that writes one recording and its ledger, fragment by fragment, without waiting.

python -m tests.bench.sealing FOOTAGE KIND DIRECTORY FRAGMENTS [DEVICE]

KIND: see `film.KINDS`. DEVICE: name of the block device whose writes are counted, such as loop0,
or "-" if there is none to count. Without any nothing is synchronised, for a recording that is only
read afterwards. Prints one JSON object, see `main`.

Every fragment is also sealed by age alone, before or after in turns, so that both find the same
caches.

What the recording says of time comes from a clock that goes on by one fragment with each, from a
moment after a start of the machine until now. So it is one that a camera can have made, however
long it is and however short a while this machine has been up.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from pathlib import Path
from typing import Final
from unittest import mock

import pyrage

from camerad.base import durable_files
from camerad.base.clock import SECOND, Clock, ManualClock, SystemClock
from camerad.container import recording_files
from camerad.container.encryption import Sealer
from camerad.container.keys import SigningKey
from camerad.container.statements import FORMAT, Closing, FragmentFacts, Header
from camerad.ledger.claim import Claim
from camerad.ledger.ledger import Ledger
from camerad.recording.container_writer import ContainerWriter
from tests.bench.film import FRAGMENT_US, KINDS, PICTURES, Film
from tests.bench.machine import cpu_of_thread_ns, written_bytes
from tests.bench.plan import FPS, answer

NO_DEVICE: Final = "-"
DEVICE_KEY: Final = "device.pem"
OFFICE_KEY: Final = "office.txt"
PER_MINUTE: Final = 60 * SECOND // FRAGMENT_US
STARTED_US: Final = 60 * SECOND
"""Boot time at which the recording begins: a camera is not ready earlier than its machine."""


def main() -> None:
    """Write the recording that the arguments ask for, and say what that cost.

    ms_per_frame: processor time of this thread, the kernel's on its behalf included: `sealed` for
    all of an append (age, hash, signature, write, fdatasync), `age` for the same bytes and age
    alone; `journal` of the file system's own thread. footage_bytes: the fragments in the clear;
    device_bytes: written to the device, by minute of the recording, the last figure with all that
    the file system had yet to write. seconds: how long it took.
    """
    folder, kind, place, count = Path(sys.argv[1]), *sys.argv[2:4], int(sys.argv[4])
    synced, device = len(sys.argv) > 5, None
    if synced and sys.argv[5] != NO_DEVICE:
        device = sys.argv[5]
    directory = Path(place)
    film = Film(folder, KINDS[kind])
    office, key = pyrage.x25519.Identity.generate(), SigningKey.generate()
    (directory / OFFICE_KEY).write_text(f"{office}\n")
    (directory / DEVICE_KEY).write_text(key.public.pem)
    sealer, clock = Sealer([str(office.to_public())]), clock_for(count)
    (directory / "recordings").mkdir()
    subprocess.run(["sync", "-f", place], check=True)
    with contextlib.ExitStack() as stack:
        if not synced:
            stack.enter_context(mock.patch.object(durable_files, "sync", lambda *_: None))
        ledger = Ledger.open(Claim(str(directory / "ledger")), key, clock)
        journal_ns, before = cpu_of_thread_ns(f"jbd2/{device}-8"), written_bytes(device)
        began = time.monotonic()
        ledger.append("stage", stage="recording", display=True)
        header = a_header(film, directory, clock, sealer)
        written = ContainerWriter(str(directory / "recordings"), header, film.init, key, sealer)
        ledger.append("opened", id=header.id, header=written.header_sha256)
        sealed_ns = age_ns = footage = 0
        marks = []
        for number in range(count):
            clock.advance(FRAGMENT_US)
            fragment, said = film.fragment(number), facts(number, clock)
            start = time.thread_time_ns()
            if number % 2:
                sealer.seal(fragment)
            between = time.thread_time_ns()
            written.append(fragment, said)
            done = time.thread_time_ns()
            if not number % 2:
                sealer.seal(fragment)
            sealed_ns += done - between
            age_ns += between - start + time.thread_time_ns() - done
            footage += len(fragment)
            if number % PER_MINUTE == PER_MINUTE - 1:
                marks.append(written_bytes(device) - before)
        final = written.close(closing(count, clock))
        ended = clock.moment()
        ledger.append(
            "closed",
            id=header.id,
            final=final,
            retention_days=header.retention_days,
            ended=ended,
            flagged=False,
            reason="stop",
        )
        seconds = time.monotonic() - began
        ledger.close()
    subprocess.run(["sync", "-f", place], check=True)
    frames = count * PICTURES
    answer(
        {
            "ms_per_frame": {
                "sealed": sealed_ns / 1e6 / frames,
                "age": age_ns / 1e6 / frames,
                "journal": (cpu_of_thread_ns(f"jbd2/{device}-8") - journal_ns) / 1e6 / frames,
            },
            "fragments": count,
            "footage_bytes": footage,
            "device_bytes": [*marks, written_bytes(device) - before],
            "seconds": seconds,
            "path": written.path,
        }
    )


def clock_for(count: int) -> ManualClock:
    """A clock for a recording of so many fragments: advanced by each of them, it says now."""
    return ManualClock(STARTED_US, SystemClock().wall_us() - count * FRAGMENT_US)


def a_header(film: Film, directory: Path, clock: Clock, sealer: Sealer) -> Header:
    """What the recording is; it begins now."""
    now = clock.moment()
    return Header(
        format=FORMAT,
        id=recording_files.new_id(str(directory / "recordings"), now.wall_us),
        device="camera-01",
        boot_id=clock.boot_id,
        clock=now,
        started_wall_us=now.wall_us,
        trigger="button:main",
        trigger_us=now.boot_us,
        origin_us=now.boot_us,
        pre_event_wanted_us=0,
        pre_event_shortfall=None,
        continues=None,
        policy="generic",
        retention_days=14,
        width=film.width,
        height=film.height,
        fps=FPS,
        sound=False,
        encoder="libx264",
        software="camerad bench",
        wearer=None,
        recipients=sealer.recipients,
    )


def facts(number: int, clock: Clock) -> FragmentFacts:
    """What a recorder says of a fragment that ends now and in which nothing happened."""
    now = clock.moment()
    first, last = now.boot_us - FRAGMENT_US, now.boot_us - SECOND // FPS
    return FragmentFacts(number, first, last, now.boot_us, PICTURES, (), (), (), now, None, None)


def closing(count: int, clock: Clock) -> Closing:
    """What a recorder says at the end, which is now."""
    now = clock.moment()
    pictures = count * PICTURES
    return Closing("stop", pictures, now.boot_us, (), (), (), clock.boot_id, now, None, None)


if __name__ == "__main__":
    main()
