"""What sound costs: a process that hears 30 seconds without waiting, and makes fragments of it.

python -m tests.bench.sounding FOOTAGE

The thread of camerad's microphone is given blocks as a device gives them, at the times at which
they would come; its processor time goes by the seconds of sound. Beside it is the encoder alone,
on as many samples. Then the fragments of a clip are made with that sound and without.

Not in it: what ALSA and the kernel take to bring the samples here, which depends on the device.
"""

from __future__ import annotations

import socket
import sys
import threading
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
from hw_mocks.footage import PreparedSource

from camerad.base.clock import SECOND, ManualClock
from camerad.capture import sound_encoder
from camerad.capture.capture_settings import SoundSettings
from camerad.capture.microphone import MicrophoneReader
from camerad.capture.send_queue import Outbox
from camerad.recording.audio_segmenter import NO_SOUNDS, Sounds
from camerad.recording.fragment_muxer import FragmentMaker
from camerad.stream import wire
from camerad.stream.packets import Packet, PacketInfo
from camerad.stream.sound_messages import SoundFormat, parse_format
from camerad.stream.wire import SoundMode
from tests.bench import film, peers
from tests.bench.figures import Figures
from tests.bench.plan import BenchError, Effort, answer

SETTINGS: Final = SoundSettings(device="bench", rate=48_000, channels=1, bitrate=64_000)
"""camerad's own defaults."""
SECONDS: Final = 30
BLOCK: Final = 480
"""Samples that a device gives at once: 10 ms."""
SOCKET_BYTES: Final = 1 << 20
DEADLINE_SECONDS: Final = 60.0
SEED: Final = 20261124

MICROPHONE, ENCODER = "microphone's thread", "AAC encoder alone"
SILENT, HEARD = "fragment of pictures", "fragment of pictures and sound"


def measure(effort: Effort, footage: str) -> Figures:
    """Measure once in every round, each in a process of its own."""
    figures = Figures()
    for _ in range(effort.rounds):
        for group, found in peers.run("tests.bench.sounding", footage).items():
            for name, figure in found.items():
                figures.add(group, name, figure)
    return figures


class Device:
    """A device that has given all its samples after a while. spent_ns: processor time from its
    first block to its last, of the thread that read it."""

    def __init__(self, samples: bytes, clock: ManualClock) -> None:
        self._samples = samples
        self._clock = clock
        self.spent_ns = 0
        self.over = threading.Event()

    def packets(self) -> Iterator[memoryview]:
        """See `camerad.capture.microphone.AudioDevice`."""
        size = BLOCK * sound_encoder.SAMPLE_BYTES
        began = time.thread_time_ns()
        for start in range(0, len(self._samples), size):
            self._clock.advance(BLOCK * SECOND // SETTINGS.rate)
            yield memoryview(bytearray(self._samples[start : start + size]))
        self.spent_ns = time.thread_time_ns() - began

    def close(self) -> None:
        """See `camerad.capture.microphone.AudioDevice`; what it held has been sent by now."""
        self.over.set()


def hear(samples: bytes) -> tuple[float, SoundFormat, list[bytes]]:
    """Milliseconds of the microphone's thread per second, how sound is encoded, and the units."""
    clock = ManualClock(SECOND)
    device = Device(samples, clock)
    mine, theirs = socket.socketpair()
    for end in (mine, theirs):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SOCKET_BYTES)
    devices = [device]

    def opened(_settings: SoundSettings) -> Device:
        if not devices:
            raise FileNotFoundError("it is over")
        return devices.pop()

    outbox = Outbox(theirs, len(samples), _fail)
    microphone = MicrophoneReader(SETTINGS, outbox, clock, opened)
    received: list[bytes] = []
    reader = threading.Thread(target=_receive, args=[mine, received], daemon=True)
    reader.start()
    microphone.tell(SoundMode.ON, 1)
    if not device.over.wait(DEADLINE_SECONDS) or not outbox.flush(DEADLINE_SECONDS):
        raise BenchError("the microphone's thread does not come to its end")
    theirs.shutdown(socket.SHUT_WR)
    reader.join(DEADLINE_SECONDS)
    form = parse_format({"sound": microphone.description})
    units = _units(b"".join(received))
    expected = len(samples) // sound_encoder.SAMPLE_BYTES // sound_encoder.SAMPLES
    # Its first tenths of a second have no place in time yet and come together; none is lost.
    if form is None or abs(len(units) - expected) > 2:
        raise BenchError(f"{len(units)} access units of sound came, and not {expected}")
    return device.spent_ns / 1e6 / SECONDS, form, units


def _fail(error: BaseException) -> None:
    raise error


def _receive(source: socket.socket, into: list[bytes]) -> None:
    while data := source.recv(SOCKET_BYTES):
        into.append(data)


def _units(data: bytes) -> list[bytes]:
    found, at = [], 0
    while at < len(data):
        header = wire.unpack(memoryview(data)[at : at + wire.HEADER.size])
        at += wire.HEADER.size
        if header.kind is wire.MessageKind.SOUND:
            found.append(data[at : at + header.length])
        at += header.length
    return found


def encode(samples: bytes) -> float:
    """Milliseconds per second of sound that the encoder takes, set as camerad's."""
    codec: Any = av.CodecContext.create(sound_encoder.CODEC, "w")
    codec.sample_rate, codec.layout, codec.format = SETTINGS.rate, "mono", "fltp"
    codec.bit_rate, codec.options = SETTINGS.bitrate, {"aac_coder": "fast"}
    codec.open()
    values = np.frombuffer(samples, np.int16).astype(np.float32) / (1 << 15)
    spent = 0
    for start in range(0, len(values) - sound_encoder.SAMPLES + 1, sound_encoder.SAMPLES):
        piece = values[start : start + sound_encoder.SAMPLES].reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(piece, format="fltp", layout="mono")
        frame.sample_rate, frame.pts = SETTINGS.rate, start
        frame.time_base = Fraction(1, SETTINGS.rate)
        began = time.thread_time_ns()
        codec.encode(frame)
        spent += time.thread_time_ns() - began
    return spent / 1e6 / SECONDS


def fragments(folder: Path, form: SoundFormat, units: list[bytes]) -> dict[str, float]:
    """Milliseconds that a fragment takes, with sound and without, in turns."""
    kind = film.KINDS["main"]
    source = PreparedSource(folder, kind.stream)
    packets = list(film.encoded(source, kind.bitrate))
    first = packets[0][1]
    spent = {SILENT: 0, HEARD: 0}
    count = 0
    silent = FragmentMaker(source.width, source.height, first)
    heard = FragmentMaker(source.width, source.height, first, form)
    for at in range(0, len(packets), film.PICTURES):
        group, end_us = packets[at : at + film.PICTURES], (count + 1) * film.FRAGMENT_US
        sounds = _sounds(form, units, count)
        began = time.thread_time_ns()
        silent.make(group, end_us, 0, NO_SOUNDS)
        between = time.thread_time_ns()
        heard.make(group, end_us, 0, sounds)
        spent[HEARD] += time.thread_time_ns() - between
        spent[SILENT] += between - began
        count += 1
    source.close()
    return {name: ns / 1e6 / count for name, ns in spent.items()}


def _sounds(form: SoundFormat, units: list[bytes], number: int) -> Sounds:
    """The sound that begins within fragment `number`."""
    begin, end = (
        -(-n * film.FRAGMENT_US * form.rate // (SECOND * form.samples))
        for n in (number, number + 1)
    )
    found: list[Packet] = [
        (PacketInfo(1, index, form.us(index), True, len(units[index])), units[index])
        for index in range(begin, end)
    ]
    return Sounds(begin * form.samples, found)


def main() -> None:
    """Hear and make fragments, and say what it took."""
    random = np.random.default_rng(SEED)
    instants = np.arange(SECONDS * SETTINGS.rate) / SETTINGS.rate
    # A voice's pitch that glides, and noise: silence would cost an encoder next to nothing.
    pitch = 150 + 50 * np.sin(2 * np.pi * instants)
    voice = np.sign(np.sin(2 * np.pi * np.cumsum(pitch) / SETTINGS.rate)) * 6000
    samples = (voice + random.normal(0, 1000, len(voice))).astype("<i2").tobytes()
    alone = encode(samples)
    thread, form, units = hear(samples)
    answer(
        {
            "CPU of a second of sound, ms": {MICROPHONE: thread, ENCODER: alone},
            "CPU of a fragment, ms": fragments(Path(sys.argv[1]), form, units),
        }
    )


if __name__ == "__main__":
    main()
