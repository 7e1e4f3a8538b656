"""What a camera's ledger holds is held in the office that has the copy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from desk_helpers import ONE, TWO, Camera
from sealed_helpers import WALL_US

from camerad.base.clock import DAY, ClockSource, Moment
from camerad.store.locations import place_of

from .conftest import Desk, Said


def at(monkeypatch: pytest.MonkeyPatch, days: int) -> None:
    wall_us = WALL_US + DAY // 24 + days * DAY
    now = Moment((days + 1) * DAY, wall_us, ClockSource.SYNCHRONISED)
    monkeypatch.setattr("camerad.base.clock.SystemClock.moment", lambda _: now)


@pytest.fixture
def archive(camera: Camera, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An office's directory with two recordings, of which the camera holds one."""
    at(monkeypatch, 0)
    camera.put(ONE)
    camera.put(TWO)
    with camera.open() as store:
        store.hold(ONE, "Az9", "X. Y.")
    camera.offload(tmp_path / "archive")
    return tmp_path / "archive"


@pytest.fixture
def purge(desk: Desk, archive: Path, key: Path) -> Callable[..., Said]:
    def run(*more: object) -> Said:
        return desk("evidence", "purge", archive, "--key", key, *more)

    return run


def files(archive: Path) -> list[str]:
    return sorted(path.stem for path in archive.glob("cam-*/recordings/*.tar"))


@pytest.mark.parametrize("first", [0, 20])
def test_what_a_camera_holds_is_not_deleted_at_the_office(
    desk: Desk,
    archive: Path,
    purge: Callable[..., Said],
    monkeypatch: pytest.MonkeyPatch,
    first: int,
) -> None:
    at(monkeypatch, first)
    listed = desk("evidence", "list", archive).out
    assert "held: on the camera: Az9" in listed
    assert "on the camera: Az9 (X. Y.)" in desk("evidence", "show", ONE, "--state", archive).out
    assert ONE not in purge("--dry-run").out
    purge()
    at(monkeypatch, 20)
    said = purge()
    assert (said.code, files(archive)) == (0, [ONE])
    # It was taken over once.
    shown = desk("evidence", "show", ONE, "--state", archive).out
    assert shown.count("office ledger") == shown.count("office ledger ") >= 1
    assert sum("office" in line and " hold: " in line for line in shown.splitlines()) == 1


def test_an_office_that_does_not_know_the_camera_holds_what_it_held_all_the_same(
    desk: Desk, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at(monkeypatch, 400)
    desk("evidence", "purge", archive)
    at(monkeypatch, 800)
    desk("evidence", "purge", archive)
    assert files(archive) == [ONE]


def test_a_release_in_the_office_ends_a_camera_s_hold_for_good(
    desk: Desk,
    archive: Path,
    key: Path,
    purge: Callable[..., Said],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Also if it comes before any purge.
    said = desk("evidence", "release", ONE, "--state", archive, "--who", "W", "--key", key)
    assert said.code == 0, said
    assert "held" not in desk("evidence", "list", archive).out
    at(monkeypatch, 20)
    assert (purge().code, files(archive)) == (0, [])


@pytest.mark.parametrize("own", [False, True])
def test_a_release_on_the_camera_ends_its_hold_at_the_office_and_no_other(
    desk: Desk,
    camera: Camera,
    archive: Path,
    key: Path,
    *,
    purge: Callable[..., Said],
    monkeypatch: pytest.MonkeyPatch,
    own: bool,
) -> None:
    assert purge().code == 0
    if own:
        more = ("--state", archive, "--reason", "r", "--who", "w", "--key", key)
        assert desk("evidence", "hold", ONE, *more).code == 0
    with camera.open() as store:
        store.release(ONE, "Z")
    camera.offload(archive)
    at(monkeypatch, 20)
    assert (purge().code, files(archive)) == (0, [ONE] if own else [])


def test_a_camera_s_ledger_that_was_put_back_ends_no_hold(
    archive: Path, purge: Callable[..., Said], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert purge().code == 0
    (holding,) = place_of(str(archive)).holdings
    (epoch,) = Path(holding.ledger).glob("000001.jws")
    lines = epoch.read_bytes().splitlines(keepends=True)
    epoch.write_bytes(b"".join(lines[:-4]))
    at(monkeypatch, 20)
    purge()
    assert files(archive) == [ONE]


def test_a_camera_s_ledger_that_cannot_be_read_is_named(
    archive: Path, purge: Callable[..., Said]
) -> None:
    (holding,) = place_of(str(archive)).holdings
    (epoch,) = Path(holding.ledger).glob("000001.jws")
    with epoch.open("wb") as large:
        large.truncate(1 << 40)
    said = purge()
    assert (said.code, f"{epoch}: larger than" in said.out) == (74, True)
