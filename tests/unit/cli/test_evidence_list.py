"""`camerad evidence list` and `show`: who wore the camera, when that was here, and copies."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from desk_helpers import DAYS, KEYS, ONE, TWO, Camera, facts_of, recording
from msgspec.structs import replace
from sealed_helpers import WALL_US, Made, pack, sealed, signed, some_closing

from camerad.base.clock import DAY, SECOND
from camerad.container.keys import SigningKey
from camerad.store.locations import place_of
from camerad.store.store import PlaceClaim, Store

from .conftest import Desk
from .evidence_steps import copy_in

NIGHT = "20261127T231500Z-000003-00000003"
HOUR = 3600 * SECOND


@pytest.fixture(autouse=True)
def _in_duisburg(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patched:
        patched.setenv("TZ", "Europe/Berlin")
        time.tzset()
        yield
    time.tzset()


def worn(one: Made, **changes: object) -> bytes:
    """The recording with another header, signed by its device."""
    header = replace(one.header, **changes)  # type: ignore[arg-type]
    closing = some_closing(sum(facts.frames for facts in one.facts), one.facts[-1].end_us)
    return pack(signed(header, [sealed(data) for data in one.plain], one.facts, closing))


@pytest.fixture
def shift(camera: Camera) -> Camera:
    """One recording without a wearer, one of officer-7, and one just after midnight there."""
    camera.put(ONE)
    changes = {
        TWO: {"wearer": "officer-7", "device": "cam-2", "started_wall_us": WALL_US + HOUR},
        # 23:15 UTC is a quarter past midnight of the next day there.
        NIGHT: {"wearer": "officer-8", "started_wall_us": WALL_US + 3 * DAY + 31 * HOUR // 4},
    }
    for identity, changed in changes.items():
        (camera.recordings / f"{identity}.tar").write_bytes(worn(recording(identity), **changed))
    with camera.open() as store:
        store.reconcile()
    return camera


def ids(desk: Desk, *more: object) -> list[str]:
    return [one["id"] for one in desk("evidence", "list", "--json", *more).json]


def test_list_and_show_say_who_wore_the_camera(desk: Desk, shift: Camera) -> None:
    said = desk("evidence", "list").out.splitlines()
    assert "WEARER" in said[0].split()
    wearers = {line[:32]: line[said[0].index("WEARER") :].split()[0] for line in said[1:4]}
    assert wearers == {NIGHT: "officer-8", TWO: "officer-7", ONE: "-"}
    listed = desk("evidence", "list", "--json").json
    assert {one["id"]: one["wearer"] for one in listed} == {
        NIGHT: "officer-8",
        TWO: "officer-7",
        ONE: None,
    }
    assert "\nwearer        officer-7\n" in desk("evidence", "show", TWO).out
    assert desk("evidence", "show", TWO, "--json").json["wearer"] == "officer-7"
    assert "\nwearer        not named\n" in desk("evidence", "show", ONE).out


def test_times_are_those_of_here_with_their_zone(desk: Desk, shift: Camera) -> None:
    assert "2026-11-24 16:30:00 CET" in desk("evidence", "list").out
    assert "2026-11-24 15:30:00 UTC" in desk("evidence", "list", "--utc").out
    shown = desk("evidence", "show", ONE).out
    assert "\nstart         2026-11-24 16:30:00 CET (2026-11-24T15:30:00.000Z)\n" in shown
    assert " CET opened" in shown
    assert "\nstart         2026-11-24 15:30:00 UTC" in desk("evidence", "show", ONE, "--utc").out


def test_json_has_the_time_in_utc_and_that_of_here(desk: Desk, shift: Camera) -> None:
    for said in (
        next(one for one in desk("evidence", "list", "--json").json if one["id"] == ONE),
        desk("evidence", "show", ONE, "--json").json,
    ):
        assert said["started"] == "2026-11-24T15:30:00.000Z"
        assert said["started_local"] == "2026-11-24T16:30:00.000+01:00"
    (entry, *_) = said["ledger"]
    assert entry["when"].endswith("Z")
    assert entry["when_local"].endswith("+01:00")


def test_the_day_until_which_it_is_kept_is_one_of_here(desk: Desk, shift: Camera) -> None:
    with shift.open() as store:
        (one,) = (one for one in store.recordings() if one.info.id == NIGHT)
    assert one.expires_us is not None
    said = desk("evidence", "show", NIGHT, "--json", "--trust-clock").json
    assert said["expires"] is None or said["expires_local"].endswith(("+01:00", "+02:00"))


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        (("--day", "2026-11-24"), [TWO, ONE]),
        (("--day", "2026-11-28"), [NIGHT]),
        (("--day", "2026-11-27"), []),
        (("--day", "2026-11-27", "--utc"), [NIGHT]),
        (("--camera", "cam-2"), [TWO]),
        (("--wearer", "officer-7"), [TWO]),
        (("--wearer", "officer-7", "--camera", "cam-1"), []),
        (("--wearer", "officer-8", "--day", "2026-11-28", "--camera", "cam-1"), [NIGHT]),
    ],
)
def test_list_finds_by_day_camera_and_wearer(
    desk: Desk, shift: Camera, filters: tuple[str, ...], found: list[str]
) -> None:
    assert ids(desk, *filters) == found


def test_a_recording_that_goes_on_over_midnight_is_of_both_days(desk: Desk, camera: Camera) -> None:
    midnight_us = WALL_US + 15 * HOUR // 2  # 15:30 UTC and seven and a half hours
    path = camera.recordings / f"{ONE}.tar"
    path.write_bytes(worn(recording(ONE), started_wall_us=midnight_us - SECOND // 2))
    assert ids(desk, "--day", "2026-11-24") == [ONE]
    assert ids(desk, "--day", "2026-11-25") == [ONE]
    assert ids(desk, "--day", "2026-11-26") == []


def test_that_nothing_was_found_says_how_much_there_is(desk: Desk, shift: Camera) -> None:
    said = desk("evidence", "list", "--wearer", "nobody")
    assert said.code == 0
    assert said.out == f"none of the 3 recordings in {shift.root} matches\n"


@pytest.mark.parametrize("day", ["28.11.", "2026-11-31", "9999-12-31"])
def test_a_day_that_is_none_is_named_with_how_to_write_it(
    desk: Desk, shift: Camera, day: str
) -> None:
    said = desk("evidence", "list", "--day", day)
    assert said.code == 64
    assert f"--day {day}: this is no day; write it like 2026-11-28" in said.err


# ------------------------------------------------------------------------------------------- copies


def test_a_copy_is_listed_as_one(desk: Desk, camera: Camera) -> None:
    path = camera.put(ONE)
    copy = camera.recordings / f"Kopie von {ONE}.bin"
    shutil.copy(path, copy)
    said = desk("evidence", "list").out
    assert f"closed, COPY: {copy.name}" in said
    listed = desk("evidence", "list", "--json").json
    assert [(one["path"], one["copy"]) for one in listed] == [(str(path), False), (str(copy), True)]
    shown = desk("evidence", "show", copy)
    assert shown.code == 0
    assert f"\ncopy          of {ONE}, under another name\n" in shown.out


def test_the_copy_of_a_deleted_recording_is_listed_and_verify_names_it(
    desk: Desk, camera: Camera, key: Path
) -> None:
    path = camera.put(ONE)
    content = path.read_bytes()
    with camera.open() as store:
        camera.clock.advance(DAYS * DAY)
        store.purge()
    copy = camera.recordings / f"{ONE} (1).bin"
    copy.write_bytes(content)
    assert "it is deleted, and its copy goes with the next purge" in desk("evidence", "list").out
    said = desk("evidence", "verify", camera.root, "--key", key)
    assert f"{ONE}: the ledger calls it deleted, but a copy is here" in said.out
    assert said.code == 1


def test_purge_in_an_office_deletes_copies_and_says_which_are_kept(
    desk: Desk, archive: Path, camera: Camera, key: Path
) -> None:
    path = copy_in(archive)
    shutil.copy(path, path.parent / "copy.tar")
    office = SigningKey.generate()
    with Store.open(
        PlaceClaim(place_of(str(archive))), office, camera.clock, trusted=KEYS
    ) as store:
        told = [str(one) for one in store.reconcile()]
    assert (
        f"{ONE}: {path.parent / 'copy.tar'} is a copy of it, and is deleted together with it"
        in (told)
    )
    assert facts_of(str(path), "received", own=False)["id"] == ONE
