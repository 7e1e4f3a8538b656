"""From the first thing that a camera does on, a press is remembered."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import gpiozero
import pytest
from gpiozero.pins.mock import MockFactory
from hw_mocks.pins import SimulatedFactory

from camerad.base.clock import ManualClock
from camerad.base.errors import HardwareError, StorageError
from camerad.config import Settings, load
from camerad.daemon.early_start import EarlyStart
from camerad.hardware.buttons import button_lines
from camerad.store import disk
from tests.system.harness import PATIENCE, configuration


@pytest.fixture
def factory() -> Iterator[MockFactory]:
    before = gpiozero.Device.pin_factory
    gpiozero.Device.pin_factory = made = MockFactory()
    made.ticks = lambda: 0.0
    yield made
    made.reset()
    gpiozero.Device.pin_factory = before


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    device = {"state_dir": str(tmp_path / "card"), "runtime_dir": str(tmp_path / "run")}
    return load(configuration(tmp_path, device=device))


def test_what_the_buttons_do_before_the_daemon_is_there_reaches_it_in_order_and_in_its_time(
    settings: Settings, factory: MockFactory
) -> None:
    clock = ManualClock(1_000)
    early = EarlyStart(settings, clock)
    main = button_lines(settings)[0]
    pin = factory.pin(main.gpio)
    pin.drive_low()  # pressed: the contact pulls the line to ground
    clock.advance(200_000)
    pin.drive_high()
    clock.advance(100_000)
    past: list[tuple[str, bool, int]] = []
    news: list[tuple[str, bool, int]] = []
    early.hand_over(
        lambda *edge: past.append(edge),
        lambda *edge: news.append(edge),
    )
    assert past == [(main.button, True, 1_000), (main.button, False, 201_000)]
    pin.drive_low()
    assert (len(past), news) == (2, [(main.button, True, 301_000)])
    early.close()
    os.close(early.claim)


def test_a_lamp_that_the_daemon_before_left_lit_goes_out_first_thing(
    settings: Settings, factory: MockFactory
) -> None:
    """A kernel may leave a line as it was when the process that drove it was killed."""
    red = settings.lights.red
    factory.pin(red.gpio).output_with_state(red.active_high)
    early = EarlyStart(settings, ManualClock(1_000))
    assert bool(factory.pin(red.gpio).state) is not red.active_high
    assert early.dark_us == 1_000
    early.close()
    os.close(early.claim)


def test_a_button_that_is_held_before_anything_watches_it_is_seen_first_thing(
    settings: Settings, factory: MockFactory
) -> None:
    main = button_lines(settings)[0]
    gpiozero.Device.pin_factory = contacts = SimulatedFactory()
    contacts.hold(main.gpio, bounce=False)
    early = EarlyStart(settings, ManualClock(1_000))
    past: list[tuple[str, bool, int]] = []
    early.hand_over(lambda *edge: past.append(edge), lambda *edge: None)
    assert early.held == {main.button}
    assert past == [(main.button, True, 1_000)]
    early.close()
    contacts.close()
    os.close(early.claim)


def test_a_card_that_takes_its_time_delays_no_button_and_nobody_who_does_not_ask_for_its_answer(
    settings: Settings, factory: MockFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = ManualClock(1_000)
    main = button_lines(settings)[0]
    well = threading.Event()

    def hang(directory: str) -> None:
        well.wait(PATIENCE)
        refuse(directory, errno.EIO)

    monkeypatch.setattr(disk, "probe", hang)
    early = EarlyStart(settings, clock)
    clock.advance(2_000_000)
    factory.pin(main.gpio).drive_low()
    past: list[tuple[str, bool, int]] = []
    early.hand_over(lambda *edge: past.append(edge), lambda *edge: None)
    assert past == [(main.button, True, 2_001_000)]
    assert early.asked_us == 1_000
    well.set()
    away = early.answer()
    assert away is not None
    assert away.errno == errno.EIO
    early.close()
    os.close(early.claim)


def refuse(directory: str, number: int = errno.EACCES) -> None:
    error = StorageError(f"{directory}: it may not be written by the daemon's user")
    error.errno = number
    raise error


def test_a_place_that_may_not_be_written_is_the_card_s_answer(
    settings: Settings, factory: MockFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk, "probe", refuse)
    early = EarlyStart(settings)
    with pytest.raises(disk.StateDirectoryError, match="may not be written"):
        early.answer()
    early.close()
    os.close(early.claim)


def test_a_second_daemon_touches_no_line(settings: Settings, factory: MockFactory) -> None:
    early = EarlyStart(settings)
    touched = len(factory.pins)
    with pytest.raises(StorageError, match="another process of camerad"):
        EarlyStart(settings)
    assert len(factory.pins) == touched
    early.close()
    os.close(early.claim)


def test_a_line_that_cannot_be_watched_leaves_the_claim_to_the_next(
    settings: Settings, factory: MockFactory
) -> None:
    taken = gpiozero.DigitalInputDevice(button_lines(settings)[0].gpio)
    with pytest.raises(HardwareError):
        EarlyStart(settings)
    taken.close()
    early = EarlyStart(settings)
    early.close()
    os.close(early.claim)


def test_nothing_is_imported_before_a_press_is_remembered_that_only_the_daemon_needs() -> None:
    """Importing an event loop or the lights would make whoever presses at once wait for it."""
    code = "import sys, camerad.cli.main, camerad.daemon.early_start; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    later = {"asyncio", "aiohttp", "av", "numpy", "camerad.hardware.lights"}
    assert later & set(done.stdout.split()) == set()
