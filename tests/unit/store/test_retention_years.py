"""Simulated years: nothing held or early is deleted, everything due is, each with its tombstone."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Final

import pytest
from retention_world import BEGIN_US, OFFICE_KEY, YEARS_AHEAD, Camera, Office, Truth, release_all

from camerad.base.clock import DAY
from camerad.store.locations import office_place
from camerad.store.store import PlaceClaim, Store
from tests.breadth import breadth

SEED: Final = 20261124
RECORDINGS: Final = breadth(100, 500)
"""Two years have five hundred."""
MONTHS_OFF: Final = (30, 100, 250)


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is synchronised when is another test's matter; years take long enough without."""
    monkeypatch.setattr("os.fdatasync", lambda descriptor: None)
    monkeypatch.setattr("os.fsync", lambda descriptor: None)


class Life:
    """A camera and an office through years. seed: of everything that happens."""

    def __init__(self, directory: Path, seed: int) -> None:
        self.random = Random(seed)
        self.truth = Truth()
        self.camera = Camera(directory / "camera", self.truth, self.random)
        self.office = Office(directory / "office", self.truth, self.random)
        self.shifts = 0

    def until(self, recordings: int) -> None:
        """Shift after shift, until so many recordings were made."""
        while self.camera.made < recordings:
            self.off()
            self.camera.boot()
            self.shift()
            self.camera.end()
            self.shifts += 1

    def off(self) -> None:
        """The time between two shifts, and what happens to the battery-backed clock in it."""
        random = self.random
        if random.random() < 0.04:
            self.truth.us += random.choice(MONTHS_OFF) * DAY
        else:
            self.truth.us += round(random.choice((0, 0.5, 0.7, 3)) * DAY)
        if random.random() < 0.3:
            wrong = (None, YEARS_AHEAD, 9 * YEARS_AHEAD, -YEARS_AHEAD)
            self.camera.machine.rtc_error_us = random.choice(wrong)

    def shift(self) -> None:
        camera, random = self.camera, self.random
        for _ in range(random.randrange(1, 8)):
            happening = random.random()
            if happening < 0.25:
                camera.synchronise()
            elif happening < 0.35:
                camera.machine.set_by_hand(random.choice((-YEARS_AHEAD, -DAY, DAY, YEARS_AHEAD)))
            elif happening < 0.45:
                camera.hold_or_release()
            elif happening < 0.50:
                self.office.visit(camera)
            elif happening < 0.55:
                self.office.visit()
            elif happening < 0.60:
                camera.wait(random.choice((1, 8, 30)))
            elif happening < 0.65:
                camera.record(interrupted=True)
                if random.random() < 0.5:
                    return  # the power went
                camera.repair()  # only the daemon did
            else:
                camera.record(interrupted=False)
                camera.wait(random.choice((0, 0.2)))

    def check(self) -> None:
        self.camera.check()
        self.office.check()


@pytest.mark.breadth
def test_years_of_a_camera_and_its_office(tmp_path: Path) -> None:
    life = Life(tmp_path, SEED)
    camera, office = life.camera, life.office
    for part in range(1, 6):
        life.until(RECORDINGS * part // 5)
        camera.boot()
        life.check()
        camera.end()
    assert camera.made >= RECORDINGS
    assert life.truth.us - BEGIN_US > RECORDINGS / 250 * 365 * DAY
    # What was to be seen has been: much was deleted, and some only held back.
    assert len(camera.books.deleted) > RECORDINGS / 2
    assert camera.books.held_beyond
    assert office.books.held_beyond
    assert office.books.deleted

    camera.boot()
    camera.synchronise()
    release_all(camera.store, camera.books)
    for machine in office.machines:
        machine.synchronise()
    life.truth.us += 31 * DAY
    camera.synchronise()
    assert camera.books.here == {}
    assert len(camera.books.deleted) == camera.made
    office.machines[0].synchronise()
    with Store.open(
        PlaceClaim(office_place(str(office.root))), OFFICE_KEY, office.machines[0]
    ) as store:
        release_all(store, office.books)
        store.purge()
        office.books.compare(store, life.truth)
    assert office.books.here == {}
    life.check()
    camera.end()
