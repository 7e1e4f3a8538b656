"""The microphone's threads and states with devices that misbehave, in simulated time."""

from __future__ import annotations

import queue
import socket
import threading
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from camerad.base.clock import ManualClock
from camerad.capture import microphone as module
from camerad.capture.capture_settings import SoundSettings
from camerad.capture.microphone import MicrophoneReader
from camerad.capture.send_queue import Outbox
from camerad.stream import wire
from camerad.stream.wire import SoundMode

DEADLINE = 60.0
SETTINGS = SoundSettings("mic", 48_000, 1, 64_000)
PACKET = 960
PACKET_US = 20_000
UNIT_US = 21_334


class Line(Outbox):
    """An outbox whose other end is read at once; keeps what was sent."""

    def __init__(self) -> None:
        near, self._far = socket.socketpair()
        super().__init__(near, 1 << 20, lambda error: None)
        self.changed = threading.Condition()
        self.states: list[tuple[str, str | None]] = []
        self.units: list[wire.MessageHeader] = []
        self.bodies: list[bytes] = []
        self.reads = threading.Event()
        """Cleared, nothing more is read."""
        self.reads.set()
        self._near = near
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            part = self._far.recv(size - len(data))
            if not part:
                raise EOFError
            data += part
        return data

    def _read(self) -> None:
        try:
            while True:
                self.reads.wait()
                header = wire.unpack(self._exactly(wire.HEADER.size))
                body = self._exactly(header.length)
                with self.changed:
                    if header.kind is wire.MessageKind.SOUND:
                        self.units.append(header)
                        self.bodies.append(body)
                    else:
                        told = wire.parse_body(body)
                        self.states.append((told["state"], told["why"]))
                    self.changed.notify_all()
        except (EOFError, OSError):
            pass

    def narrow(self) -> None:
        """Have the socket take little at once."""
        self._near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)

    def until(self, condition: Callable[[], bool]) -> None:
        with self.changed:
            assert self.changed.wait_for(condition, DEADLINE), (self.states, len(self.units))

    def until_state(self, state: str) -> str | None:
        """Wait until this is the last state; returns why."""
        self.until(lambda: bool(self.states) and self.states[-1][0] == state)
        return self.states[-1][1]

    def close(self) -> None:
        self._near.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._near.close()
        self._far.close()


class Fake:
    """A device that does what the test says: samples, an error, or nothing for a while."""

    def __init__(self) -> None:
        self.orders: queue.Queue[bytearray | Exception | None] = queue.Queue()
        self.taken = threading.Semaphore(0)
        self.closed = threading.Event()
        self.may_close = threading.Event()
        self.may_close.set()

    def packets(self) -> Iterator[memoryview]:
        while (order := self.orders.get()) is not None:
            if isinstance(order, Exception):
                raise order
            yield memoryview(order)
            self.taken.release()

    def close(self) -> None:
        assert self.may_close.wait(DEADLINE)
        self.closed.set()


class Bench:
    """A microphone whose device is opened by `opened`, in simulated time."""

    def __init__(self) -> None:
        self.clock = ManualClock(1_000_000_000)
        self.line = Line()
        self.devices: queue.Queue[Fake | Exception] = queue.Queue()
        self.device = Fake()
        self.microphone = MicrophoneReader(SETTINGS, self.line, self.clock, self._open)
        self.line.until_state("off")

    def _open(self, settings: SoundSettings) -> Fake:
        found = self.devices.get(timeout=DEADLINE)
        if isinstance(found, Exception):
            raise found
        return found

    def until_asked(self, doing: str) -> None:
        """Wait until the device is asked for something."""
        changed = self.microphone._changed
        with changed:
            assert changed.wait_for(lambda: self.microphone._doing == doing, DEADLINE)

    def plug_in(self) -> Fake:
        self.device = Fake()
        self.devices.put(self.device)
        return self.device

    def hear(self, packets: int, level: int = 1000) -> list[bytearray]:
        """So many packets of noise arrive in time; returns once they were taken."""
        chance = np.random.default_rng(1)
        given = []
        for _ in range(packets):
            self.clock.advance(PACKET_US)
            samples = chance.integers(-level, level, PACKET, np.int16)
            given.append(bytearray(samples.tobytes()))
            self.device.orders.put(given[-1])
            assert self.device.taken.acquire(timeout=DEADLINE)
        return given

    def close(self) -> None:
        self.microphone.tell(SoundMode.OFF, 0)
        self.device.may_close.set()
        self.device.orders.put(None)
        self.line.until_state("off")
        self.line.close()


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.01)
    monkeypatch.setattr(module, "_LOOK_SECONDS", 0.01)
    made = Bench()
    yield made
    made.close()


def test_it_is_off_until_it_is_told_and_opens_no_device(bench: Bench) -> None:
    assert bench.line.states == [("off", None)]
    assert bench.devices.empty()


def test_sound_comes_under_its_epoch_on_an_even_grid(bench: Bench) -> None:
    bench.plug_in()
    bench.microphone.tell(SoundMode.ON, 7)
    bench.hear(100)
    # Two seconds are 93 units; the encoder holds three, and the resampler part of one.
    bench.line.until(lambda: len(bench.line.units) >= 89)
    assert {header.epoch for header in bench.line.units} == {7}
    numbers = [header.frame for header in bench.line.units]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert [state for state, _ in bench.line.states] == ["off", "starting", "on"]


def test_ready_reads_and_overwrites_and_sends_nothing(bench: Bench) -> None:
    bench.plug_in()
    bench.microphone.tell(SoundMode.READY, 0)
    given = bench.hear(50)
    bench.line.until_state("on")
    assert bench.line.units == []
    assert not any(map(any, given))


def test_what_was_encoded_is_overwritten(bench: Bench) -> None:
    bench.plug_in()
    bench.microphone.tell(SoundMode.ON, 1)
    given = bench.hear(50)
    bench.line.until(lambda: len(bench.line.units) > 20)
    assert not any(map(any, given))


def test_from_ready_sound_begins_at_once_and_not_before_the_command(bench: Bench) -> None:
    bench.plug_in()
    bench.microphone.tell(SoundMode.READY, 0)
    bench.hear(30)
    asked_us = bench.clock.now_us()
    bench.microphone.tell(SoundMode.ON, 3)
    bench.hear(10)
    bench.line.until(lambda: len(bench.line.units) > 2)
    first = bench.line.units[0]
    # One packet was under way; before its first sample lies the unit that an encoder begins with.
    assert asked_us - UNIT_US <= first.pts_us <= asked_us + PACKET_US


def test_what_is_encoded_when_the_wearer_mutes_is_sent_as_it_is(bench: Bench) -> None:
    """Behind a socket that is full: the recording that it belongs to would keep zeros as sound."""
    bench.plug_in()
    bench.line.narrow()
    bench.microphone.tell(SoundMode.ON, 1)
    bench.hear(30)
    bench.line.until(lambda: len(bench.line.units) > 10)
    bench.line.reads.clear()
    while not bench.line.waiting_bytes:
        bench.hear(10)
    bench.microphone.tell(SoundMode.READY, 0)
    assert bench.line.waiting_bytes
    bench.line.reads.set()
    assert bench.line.flush(DEADLINE)
    bench.microphone.tell(SoundMode.ON, 2)
    sent = len(bench.line.units)
    bench.hear(30)
    bench.line.until(lambda: len(bench.line.units) > sent)
    assert all(any(body) for body in bench.line.bodies)


def test_muting_forgets_what_is_not_encoded_yet_and_an_epoch_later_its_number_goes_on(
    bench: Bench,
) -> None:
    bench.plug_in()
    bench.microphone.tell(SoundMode.ON, 1)
    bench.hear(30)
    bench.line.until(lambda: len(bench.line.units) > 10)
    bench.microphone.tell(SoundMode.READY, 1)
    bench.hear(10)
    sent = len(bench.line.units)
    before = bench.line.units[-1]
    bench.microphone.tell(SoundMode.ON, 2)
    bench.hear(20)
    bench.line.until(lambda: len(bench.line.units) > sent)
    after = bench.line.units[sent]
    assert after.epoch == 2
    assert after.pts_us - before.pts_us >= 10 * PACKET_US
    # The number counts the time that is missing, in units.
    passed = (after.pts_us - before.pts_us) / (1024 / 0.048)
    assert after.frame - before.frame == round(passed)


def test_off_closes_the_device(bench: Bench) -> None:
    device = bench.plug_in()
    bench.microphone.tell(SoundMode.ON, 1)
    bench.hear(20)
    bench.microphone.tell(SoundMode.OFF, 0)
    device.orders.put(bytearray(PACKET * 2))
    assert device.closed.wait(DEADLINE)
    bench.line.until_state("off")


def test_a_missing_device_is_stated_once_and_found_when_it_comes(bench: Bench) -> None:
    for _ in range(3):
        bench.devices.put(OSError(5, "Input/output error"))
    bench.plug_in()
    bench.microphone.tell(SoundMode.ON, 1)
    why = bench.line.until_state("missing")
    assert why is not None
    assert "the ALSA device mic cannot be opened" in why and "is it plugged in" in why
    bench.hear(20)
    bench.line.until_state("on")
    assert [state for state, _ in bench.line.states] == ["off", "starting", "missing", "on"]


@pytest.mark.parametrize("end", [OSError(5, "Input/output error"), None], ids=["error", "end"])
def test_unplugged_and_plugged_in_again_is_a_gap(bench: Bench, end: OSError | None) -> None:
    device = bench.plug_in()
    bench.microphone.tell(SoundMode.ON, 1)
    bench.hear(50)
    last_us = bench.clock.now_us()
    device.orders.put(end)
    bench.line.until_state("missing")
    assert device.closed.wait(DEADLINE)
    # What had come is sent to its last whole unit.
    assert bench.line.units[-1].pts_us > last_us - 3 * UNIT_US
    before = bench.line.units[-1]
    sent = len(bench.line.units)
    bench.clock.advance(2_000_000)
    bench.plug_in()
    bench.hear(50)
    bench.line.until(lambda: len(bench.line.units) > sent)
    after = bench.line.units[sent]
    assert after.pts_us - before.pts_us == pytest.approx(2_000_000, abs=100_000)
    assert after.frame - before.frame == round((after.pts_us - before.pts_us) / (1024 / 0.048))


def test_a_device_that_hangs_when_it_is_opened_is_stated_and_blocks_no_command(
    bench: Bench,
) -> None:
    bench.microphone.tell(SoundMode.ON, 1)
    bench.until_asked("does not answer when it is opened")
    bench.clock.advance(module.PATIENCE_US + 1)
    why = bench.line.until_state("failed")
    assert why == "the microphone mic does not answer when it is opened"
    bench.microphone.tell(SoundMode.READY, 0)
    bench.microphone.tell(SoundMode.ON, 2)
    bench.plug_in()
    bench.hear(30)
    bench.line.until_state("on")
    bench.line.until(lambda: bool(bench.line.units))
    assert bench.line.units[0].epoch == 2


def test_a_device_that_gives_no_samples_is_stated_and_goes_on_when_it_does(bench: Bench) -> None:
    bench.plug_in()
    bench.microphone.tell(SoundMode.ON, 1)
    bench.hear(30)
    bench.line.until_state("on")
    bench.clock.advance(module.PATIENCE_US + 1)
    assert bench.line.until_state("failed") == "the microphone mic gives no samples"
    # While it hangs, commands are taken, and what was not sent is gone.
    bench.microphone.tell(SoundMode.ON, 2)
    bench.hear(60)
    bench.line.until_state("on")
    bench.line.until(lambda: any(header.epoch == 2 for header in bench.line.units))


def test_a_device_that_does_not_let_itself_be_closed_is_not_called_off(bench: Bench) -> None:
    device = bench.plug_in()
    device.may_close.clear()
    bench.microphone.tell(SoundMode.READY, 0)
    bench.hear(5)
    bench.microphone.tell(SoundMode.OFF, 0)
    device.orders.put(bytearray(PACKET * 2))
    bench.until_asked("does not answer when it is closed")
    assert not device.closed.is_set()
    bench.clock.advance(module.PATIENCE_US + 1)
    why = bench.line.until_state("failed")
    assert why == "the microphone mic does not answer when it is closed"
    assert bench.line.states.count(("off", None)) == 1


def test_held_it_encodes_nothing_and_knows_whether_a_library_may_free_samples(bench: Bench) -> None:
    with bench.microphone.held() as quiet:
        assert quiet
    bench.microphone.tell(SoundMode.ON, 1)
    bench.until_asked("does not answer when it is opened")
    with bench.microphone.held() as quiet:
        assert not quiet
    device = bench.plug_in()
    device.may_close.clear()
    bench.hear(30)
    bench.line.until(lambda: bool(bench.line.units))
    with bench.microphone.held() as quiet:
        assert quiet
        bench.clock.advance(PACKET_US)
        device.orders.put(bytearray(PACKET * 2 * 20))
        assert not device.taken.acquire(timeout=0.1)
    assert device.taken.acquire(timeout=DEADLINE)
    bench.microphone.tell(SoundMode.OFF, 0)
    device.orders.put(bytearray(PACKET * 2))
    bench.until_asked("does not answer when it is closed")
    with bench.microphone.held() as quiet:
        assert not quiet


def test_an_error_of_our_own_costs_the_sound_and_not_the_camera(bench: Bench) -> None:
    device = bench.plug_in()
    bench.microphone.tell(SoundMode.ON, 1)
    bench.hear(20)
    device.orders.put(ZeroDivisionError("a mistake"))
    why = bench.line.until_state("failed")
    assert why == "reading the microphone failed: ZeroDivisionError('a mistake')"
    bench.plug_in()
    bench.hear(20)
    bench.line.until_state("on")


def test_packets_of_any_size_are_taken(bench: Bench) -> None:
    device = bench.plug_in()
    bench.microphone.tell(SoundMode.ON, 1)
    # 128 samples, as small as drivers make them, and 4096, for a second each.
    for samples, count in ((128, 375), (4096, 12)):
        for _ in range(count):
            bench.clock.advance(round(samples / 0.048))
            device.orders.put(bytearray(b"\x01\x02" * samples))
            assert device.taken.acquire(timeout=DEADLINE)
    bench.line.until(lambda: len(bench.line.units) > 85)
    numbers = [header.frame for header in bench.line.units]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def test_a_known_delay_puts_sound_earlier() -> None:
    begun: list[int] = []
    for delay_us in (0, 30_000):
        settings = SoundSettings("mic", 48_000, 1, 64_000, delay_us)
        bench = Bench.__new__(Bench)
        bench.clock = ManualClock(1_000_000_000)
        bench.line = Line()
        bench.devices = queue.Queue()
        bench.microphone = MicrophoneReader(settings, bench.line, bench.clock, bench._open)
        bench.plug_in()
        bench.microphone.tell(SoundMode.READY, 0)
        bench.hear(30)
        bench.microphone.tell(SoundMode.ON, 1)
        bench.hear(20)
        bench.line.until(lambda bench=bench: len(bench.line.units) > 5)  # type: ignore[misc]
        begun.append(bench.line.units[0].pts_us)
        bench.close()
    # Two packets are left out: what was seen 30 ms late was heard before the command.
    assert begun[1] - begun[0] == 2 * PACKET_US - 30_000


def test_nobody_reads_and_units_are_dropped_as_their_numbers_tell(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.plug_in()
    bench.microphone.tell(SoundMode.ON, 1)
    bench.hear(30)
    bench.line.until(lambda: len(bench.line.units) > 10)
    sent = len(bench.line.units)
    with monkeypatch.context() as full:
        full.setattr(bench.line, "has_room", lambda size: False)
        bench.hear(30)
    bench.hear(30)
    bench.line.until(lambda: len(bench.line.units) > sent + 10)
    steps = [
        b.frame - a.frame for a, b in zip(bench.line.units, bench.line.units[1:], strict=False)
    ]
    # 30 packets of 20 ms are 28.1 units; and the one that comes next.
    assert sorted(steps)[-1] in (29, 30)
    assert sorted(steps)[-2] == 1
