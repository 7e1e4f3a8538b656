"""One camera neither keeps the room of all others nor fills the storage."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from state_helpers import refused, uploads_in

from camerad.office.server.apart import Apart, measure_apart
from camerad.office.server.camera_quotas import (
    GIB,
    CameraHere,
    CameraQuotas,
    PutApart,
    fills_percent,
    find_refusal,
    most_of_one,
)
from camerad.office.server.upload_errors import UploadRefusal
from camerad.office.server.upload_files import Declaration
from camerad.office.server.upload_limits import UploadLimits
from camerad.store import verified_copy
from camerad.store.locations import OFFICE
from tests.unit.office.server.test_uploads import FINAL, ID, KID, OTHER, declare, number, send

QUOTAS = CameraQuotas(camera=100 * GIB, apart=50 * GIB, files=3)


def refusal(length: int, here: CameraHere, spare: int = 1000 * GIB) -> str | None:
    return find_refusal(QUOTAS, KID, length, here, spare)


@pytest.mark.parametrize(
    ("spare", "here", "most"),
    [(1000, 0, 100), (100, 0, 50), (60, 40, 50), (-5, 40, 20), (0, 0, 0)],
    ids=["its card", "half of the room", "with what is here", "a full storage", "nothing"],
)
def test_a_camera_has_what_its_card_holds_and_at_most_half_of_the_room(
    spare: int, here: int, most: int
) -> None:
    assert most_of_one(QUOTAS, spare * GIB, here * GIB) == most * GIB


def test_what_a_camera_declared_counts_before_it_came() -> None:
    assert refusal(40 * GIB, CameraHere(declared=60 * GIB)) is None
    said = refusal(41 * GIB, CameraHere(declared=60 * GIB))
    assert said is not None and "101 GiB of this camera" in said and "receive.camera_gib" in said
    assert "was taken over" in said


def test_a_first_recording_has_half_of_the_room_as_well() -> None:
    assert refusal(50 * GIB, CameraHere(), spare=100 * GIB) is None
    assert refusal(51 * GIB, CameraHere(), spare=100 * GIB) is not None
    assert refusal(GIB, CameraHere(declared=60 * GIB, came=60 * GIB), spare=GIB) is not None


def test_what_was_put_apart_takes_the_room_of_its_camera() -> None:
    lies = CameraHere(apart=PutApart(2, 90 * GIB))
    assert refusal(10 * GIB, lies) is None
    said = refusal(11 * GIB, lies)
    assert said is not None and f"look at office/apart/{KID}" in said


def test_small_files_are_counted() -> None:
    said = refusal(1, CameraHere(apart=PutApart(3, 3)))
    assert said is not None and "3 files of this camera" in said


def test_beyond_what_all_may_have_apart_only_those_are_refused_that_have_some() -> None:
    of_all = PutApart(9, 50 * GIB)
    said = refusal(1, CameraHere(apart=PutApart(1, 1), apart_of_all=of_all))
    assert said is not None and "receive.apart_gib" in said
    assert refusal(1, CameraHere(apart_of_all=of_all)) is None


@pytest.mark.parametrize(
    ("apart", "percent"),
    [
        (PutApart(), 0),
        (PutApart(1, 50 * GIB), 50),
        (PutApart(3, 1), 100),
        (PutApart(1, 200 * GIB), 200),
        (PutApart(1, 0), 33),
    ],
    ids=["none", "half", "many", "beyond", "empty"],
)
def test_how_full_the_place_of_a_camera_is(apart: PutApart, percent: int) -> None:
    assert fills_percent(QUOTAS, apart, 1000 * GIB) == percent


def test_without_any_room_its_place_is_full() -> None:
    assert fills_percent(QUOTAS, PutApart(1, 0), 0) == 100


class Disk:
    """So much is free of a storage, whatever the tests' own has."""

    f_frsize = 1

    def __init__(self, free: int) -> None:
        self.f_bavail = free
        self.f_flag = 0


def test_no_camera_reserves_the_room_of_all_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Declarations of the largest recording, without a byte of any; the first one too."""
    uploads = uploads_in(tmp_path, UploadLimits(reserve=0))
    monkeypatch.setattr(os, "statvfs", lambda _path: Disk(65 * GIB))
    with refused(UploadRefusal.CAMERA_FULL, match="half of the room"):
        declare(uploads, 64 * GIB, number(0))
    monkeypatch.setattr(os, "statvfs", lambda _path: Disk(300 * GIB))
    declare(uploads, 64 * GIB, number(0))
    declare(uploads, 64 * GIB, number(1))
    with refused(UploadRefusal.CAMERA_FULL, match="half of the room"):
        declare(uploads, 64 * GIB, number(2))
    for count in range(3):
        declare(uploads, 10 * GIB, number(count), kid=OTHER)
    assert declare(uploads, 64 * GIB, number(1)) == 0, "what was declared goes on"


def test_what_does_not_verify_fills_the_place_of_its_camera_and_stays(tmp_path: Path) -> None:
    limits = UploadLimits(reserve=0, quotas=CameraQuotas(camera=25, apart=1 << 40))
    uploads = uploads_in(tmp_path, limits)
    apart = Apart(str(tmp_path))
    for count in range(2):
        declare(uploads, 10, number(count))
        send(uploads, b"%010d" % count, rec=number(count))
        path = uploads.content_path(KID, number(count))
        apart.keep(KID, number(count), path, verified_copy.digest(path), "it does not verify")
        uploads.remove(KID, number(count))
    with refused(UploadRefusal.CAMERA_FULL, match=f"office/apart/{KID}"):
        declare(uploads, 10, number(2))
    assert measure_apart(str(tmp_path)) == measure_apart(str(tmp_path), KID) == PutApart(2, 20)
    declare(uploads, 10, number(2), kid=OTHER)
    for path in (tmp_path / OFFICE / "apart" / KID).glob(f"{number(0)}*"):
        path.unlink()  # as a person does who has looked at it
    assert declare(uploads, 10, number(2)) == 0


def test_what_all_have_apart_stops_those_that_have_some(tmp_path: Path) -> None:
    limits = UploadLimits(reserve=0, quotas=CameraQuotas(apart=10))
    uploads = uploads_in(tmp_path, limits)
    declare(uploads, 10)
    send(uploads, b"0123456789")
    path = uploads.content_path(KID, ID)
    Apart(str(tmp_path)).keep(KID, ID, path, verified_copy.digest(path), "it does not verify")
    uploads.remove(KID, ID)
    with refused(UploadRefusal.CAMERA_FULL, match="apart_gib"):
        uploads.declare(KID, Declaration(number(2), FINAL, 1))
    declare(uploads, 10, kid=OTHER)
