"""What handing over costs a camera that starts to record meanwhile.

The production daemon on simulated hardware lies in its dock with a card full of recordings, and the
production client sends them to the production office over TLS on loopback, at the rate that is
configured if nobody says otherwise, as niced as its unit has it. A button is held until the camera
records; that ends the hand-over. In turns it is done without a dock.

Measured is what the person sees, from the moment at which the hold is decided to the red light, and
what the recording has: pictures that are missing in it. All processes share this machine.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from statistics import median
from typing import Any, Final

from hw_mocks.fleet.cards import Card
from hw_mocks.fleet.endless_film import EndlessFilm
from hw_mocks.fleet.fleet_office import FleetOffice

from tests.bench import plan
from tests.bench.camera import RED, Camera
from tests.bench.figures import Figures
from tests.bench.latency import HOLD_SECONDS
from tests.bench.office_fleet import directory, make_office
from tests.bench.plan import BenchError, log

RECORDED_SECONDS: Final = 1.5
RECORDING_MB: Final = 25
SENDING_BYTES: Final = 4e6
"""That have to have come since the dock was entered before the button is held."""
PATIENCE: Final = 60.0
SEED: Final = 20261129
NAME: Final = "camera-00"
ALONE, MEANWHILE = "alone", "while it hands over"
LIGHT: Final = "hold decided to red light, ms"
LOST: Final = "frames lost"
LATER_LIMIT_MS: Final = 10.0
"""How much later the light may be before it counts as later: a third of a picture."""


def measure(presses: int, film: EndlessFilm, work: Path) -> Figures:
    """Press so often in each case. Raises BenchError."""
    figures, random = Figures(), Random(SEED)
    footage = plan.footage()
    with directory(work, "recording") as place:
        camera = Camera(place / "camera", footage, "nrw-ordnungsamt")
        card = Card(camera.root / "state", NAME)
        each = max(1, round(RECORDING_MB * 1e6 / film.fragment_bytes))
        card.record(film, [each] * (2 * presses))
        office = make_office(place / "office", [card])
        camera.configure(office=_section(office), battery=_battery(place), device={"id": NAME})
        scene = _Scene(place, camera, office, card.key.public.thumbprint)
        office.start()
        try:
            with camera, _client(camera, place):
                for number in range(presses):
                    log.info("office: presses, %d of %d", number + 1, presses)
                    for case in (ALONE, MEANWHILE) if number % 2 else (MEANWHILE, ALONE):
                        scene.press(figures, case, random.random())
        finally:
            office.stop()
    later_ms = median(figures.of(LIGHT, MEANWHILE)) - median(figures.of(LIGHT, ALONE))
    figures.goal("red light later while it hands over", later_ms, LATER_LIMIT_MS, "ms")
    lost = sum(figures.of(LOST, MEANWHILE))
    figures.goal("frames lost while it hands over", lost, 0, "")
    return figures


def _section(office: FleetOffice) -> dict[str, Any]:
    """The section ``office`` of its configuration, with the rate that is the default."""
    section = office.section(1)
    del section["mbit_per_second"]
    return section


def _battery(place: Path) -> dict[str, Any]:
    """The section ``battery``: a charger that is not there yet."""
    supply = place / "power_supply"
    (supply / "usb").mkdir(parents=True)
    (supply / "usb" / "type").write_text("USB\n")
    _charger(place, there=False)
    return {"power_supply": str(supply)}


def _charger(place: Path, *, there: bool) -> None:
    (place / "power_supply" / "usb" / "online").write_text(f"{int(there)}\n")


@contextmanager
def _client(camera: Camera, place: Path) -> Iterator[None]:
    """What hands over, as its unit starts it."""
    command = ["setpriv", "--pdeathsig", "TERM", "ionice", "-c", "3", "nice", "-n", "19"]
    command += [sys.executable, "-m", "camerad.dock", "--config", str(camera.configuration)]
    with (place / "client.log").open("wb") as said:
        process = subprocess.Popen(command, stdout=said, stderr=said, stdin=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait()


@dataclass(frozen=True, slots=True)
class _Scene:
    """kid: thumbprint of the camera's key."""

    place: Path
    camera: Camera
    office: FleetOffice
    kid: str

    def press(self, figures: Figures, case: str, chance: float) -> None:
        """Record once. chance: a number from 0 to 1, so that it begins at any moment."""
        came, since = 0, 0.0
        if case == MEANWHILE:
            self._enter_dock()
            came, since = self._came(), time.monotonic()
        else:
            self._wait_undocked()
        time.sleep(0.3 + chance * 0.3)
        if case == MEANWHILE:
            # Before the press, behind which a part that was under way counts for nothing.
            sent = self._came() - came
            rate = sent * 8 / 1e6 / (time.monotonic() - since)
            figures.add("sent meanwhile, Mbit/s", case, rate)
        edge_us, mark = self.camera.press(HOLD_SECONDS + 0.3)
        red_us = self.camera.light(RED, True, mark)
        figures.add(LIGHT, case, (red_us - edge_us) / 1000 - HOLD_SECONDS * 1000)
        time.sleep(RECORDED_SECONDS)
        self.camera.stop()
        _charger(self.place, there=False)
        newest = max(self.camera.request("GET", "/recordings"), key=lambda one: str(one["id"]))
        figures.add("frames recorded", case, newest["frames"])
        figures.add(LOST, case, sum(gap["frames"] or 1 for gap in newest["gaps"]))

    def _enter_dock(self) -> None:
        """Return when so much was sent that it goes at its full rate."""
        before, until = self._came(), time.monotonic() + PATIENCE
        _charger(self.place, there=True)
        while self._came() - before < SENDING_BYTES:
            if time.monotonic() > until:
                raise BenchError("the camera hands nothing over in its dock")
            time.sleep(0.02)

    def _wait_undocked(self) -> None:
        until = time.monotonic() + PATIENCE
        while "docked" in self.camera.request("GET", "/status")["conditions"]:
            if time.monotonic() > until:
                raise BenchError("the camera does not notice that it was taken out")
            time.sleep(0.1)

    def _came(self) -> int:
        return self.office.bytes_of(self.kid, NAME)
