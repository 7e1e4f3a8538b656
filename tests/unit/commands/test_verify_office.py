"""`camerad evidence verify` of an office's directory from which somebody took something away, or
into which somebody put something."""

from __future__ import annotations

import os
import shutil
from contextlib import closing
from pathlib import Path

import pytest
from desk_helpers import ONE, TWO, Camera, recording
from sealed_helpers import WALL_US

from camerad.clock import DAY, ClockSource, Moment
from camerad.errors import EX_CONFIG
from camerad.evidence.mirror import mirror_ledger
from camerad.evidence.places import Holding, device_stem, holding_stem, place_of

from .conftest import Desk, Said

WHO = ("--who", "Desk")


@pytest.fixture(autouse=True)
def _time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The office's computer knows the time: an hour after the recordings were made."""
    now = Moment(DAY, WALL_US + DAY // 24, ClockSource.SYNCHRONISED)
    monkeypatch.setattr("camerad.clock.SystemClock.moment", lambda _: now)


@pytest.fixture
def archive(camera: Camera, tmp_path: Path, desk: Desk, key: Path) -> Path:
    """An office's directory with two recordings, which its ledger knows; one is held."""
    camera.put(ONE)
    camera.put(TWO)
    camera.offload(tmp_path / "archive")
    hold = ("evidence", "hold", ONE, "--state", tmp_path / "archive", "--key", key)
    assert desk(*hold, "--reason", "Anzeige", *WHO).code == 0
    return tmp_path / "archive"


@pytest.fixture
def holding(archive: Path) -> Holding:
    (found,) = place_of(str(archive)).holdings
    return found


@pytest.fixture
def verified(desk: Desk, archive: Path, key: Path) -> Desk:
    def run(what: object = archive, *more: object) -> Said:
        return desk("evidence", "verify", what, "--key", key, *more)

    return run


def test_an_untouched_office_is_in_order(verified: Desk, archive: Path) -> None:
    assert verified().code == 0
    assert verified(place_of(str(archive)).holdings[0].root).code == 0


@pytest.mark.parametrize("part", ["root", "holding"])
def test_a_recording_that_was_deleted_whole_is_found_with_one_camera_too(
    verified: Desk, archive: Path, holding: Holding, part: str
) -> None:
    os.unlink(os.path.join(holding.recordings, f"{ONE}.tar"))
    said = verified(archive if part == "root" else holding.root)
    assert said.code == 2
    assert said.out.count(f"{ONE}: its file is gone, and the ledger has no deletion of it") == 1
    assert "but a hold" in said.out
    # Its receipt gone with it helps nobody.
    os.unlink(os.path.join(holding.receipts, "0001.jws"))
    assert verified().code == 2


def test_of_one_devices_part_only_that_devices_recordings_are_missed(
    verified: Desk, archive: Path, holding: Holding
) -> None:
    other = archive / "cam-2-00000000" / "recordings"
    other.mkdir(parents=True)
    os.unlink(os.path.join(holding.recordings, f"{ONE}.tar"))
    assert ONE not in verified(other.parent).out
    assert ONE in verified(holding.root).out


@pytest.mark.parametrize("gone", ["key", "ledger"])
def test_what_came_with_recordings_and_is_gone_is_damage_and_the_rest_is_checked(
    verified: Desk, holding: Holding, gone: str
) -> None:
    if gone == "key":
        os.unlink(holding.key)
    else:
        shutil.rmtree(holding.ledger)
    found = verified()
    assert found.code == 2
    damage = {
        "key": f"DAMAGE: {holding.key}: the key that came with the recordings is gone",
        "ledger": f"  damage     {holding.ledger}: cannot list the ledger: ",
    }
    assert damage[gone] in found.out
    assert "2 authentic and complete" in found.out


def test_a_directory_with_nothing_but_recordings_is_still_looked_at(
    verified: Desk, archive: Path, holding: Holding
) -> None:
    for what in (holding.ledger, holding.receipts):
        shutil.rmtree(what)
    os.unlink(holding.key)
    found = verified()
    assert found.code == 2
    assert "2 authentic and complete" in found.out
    assert verified(holding.root).code == 2


def test_a_pipe_in_place_of_a_ledger_does_not_hang(verified: Desk, holding: Holding) -> None:
    path = os.path.join(holding.ledger, "000001.jws")
    os.unlink(path)
    os.mkfifo(path)
    assert verified().code == 2


def test_a_receipt_that_was_taken_away_is_missed(verified: Desk, holding: Holding) -> None:
    os.unlink(os.path.join(holding.receipts, "0001.jws"))
    found = verified()
    assert found.code == 2
    assert f"{ONE}: its device's ledger names its receipt" in found.out


def test_junk_beside_it_does_not_hide_that_something_was_changed(
    verified: Desk, holding: Holding
) -> None:
    path = Path(holding.recordings, f"{ONE}.tar")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    Path(holding.recordings, "x.tar").write_bytes(b"x" * 2048)
    found = verified()
    assert "unreadable" in found.out
    assert found.code == 2


@pytest.mark.parametrize("how", ["copy", "link", "directory"])
def test_a_recording_that_is_here_twice_counts_once(
    verified: Desk, archive: Path, holding: Holding, how: str
) -> None:
    path = Path(holding.recordings, f"{ONE}.tar")
    if how == "copy":
        Path(holding.recordings, f"{ONE} (1).tar").write_bytes(path.read_bytes())
    elif how == "link":
        Path(holding.recordings, f"{ONE} (1).tar").symlink_to(path)
    else:
        (archive / "cam-9-00000000" / "recordings").mkdir(parents=True)
        (archive / "cam-9-00000000" / "recordings" / path.name).write_bytes(path.read_bytes())
    found = verified()
    assert found.code in (1, 2)
    assert f"{ONE}: it is here 2 times" in found.out


def test_a_dash_in_a_keys_thumbprint_is_none_of_the_devices_name() -> None:
    """Base64url has dashes: one key in eight has one in its first eight characters."""
    assert holding_stem("cam-1-Zq-Sq7bm") == holding_stem("cam-1-Zq_Sq7b-") == device_stem("cam-1")


# -------------------------------------------------------------------------- the device's ledger


LOST = "20261124T170000Z-000003-00000003"


def test_a_recording_that_vanished_from_the_camera_is_damage_as_on_the_camera(
    desk: Desk, camera: Camera, archive: Path, verified: Desk, tmp_path: Path
) -> None:
    camera.put(LOST).unlink()
    here = desk("evidence", "verify", tmp_path / "state", "--key", tmp_path / "cam.pem")
    done = camera.offload(archive)
    assert [LOST in problem for problem in done.problems] == [True]
    found = verified()
    assert (here.code, found.code) == (2, 2)
    assert "its file is gone" in here.out
    assert found.out.count(f"DAMAGE: {LOST}: on the device its file is gone") == 1
    said = verified(archive, "--json").json
    assert [one["severity"] for one in said["differences"] if LOST in one["text"]] == [
        "not authentic"
    ]


def test_what_vanished_from_the_camera_and_has_a_copy_is_a_remark(
    camera: Camera, archive: Path, verified: Desk
) -> None:
    (camera.recordings / f"{ONE}.tar").unlink()
    assert any(ONE in problem for problem in camera.offload(archive).problems)
    found = verified()
    assert found.code == 1
    assert f"note: {ONE}: on the device its file is gone" in found.out
    assert "a copy is here" in found.out


def test_a_recording_that_changed_on_the_camera_before_it_was_copied_is_damage(
    camera: Camera, archive: Path, verified: Desk
) -> None:
    path = camera.put(LOST)
    path.write_bytes(recording(LOST, marks=(1,)).file)
    assert any(LOST in problem for problem in camera.offload(archive).problems)
    found = verified()
    assert found.code == 2
    assert f"DAMAGE: {LOST}: on the device its file does not end as" in found.out


def test_a_recording_that_was_never_closed_is_damage_once_the_daemon_has_started_again(
    camera: Camera, holding: Holding, verified: Desk
) -> None:
    with closing(camera.ledger()) as ledger:
        ledger.append("opened", id=LOST, header="0" * 64)
    assert mirror_ledger(camera.place.ledger, holding) == []
    # As far as the office can know, it still runs.
    assert verified().code == 0
    with closing(camera.ledger()) as ledger:
        ledger.append("start", software="camerad", policy="x", settings="0" * 64)
    mirror_ledger(camera.place.ledger, holding)
    found = verified()
    assert found.code == 2
    assert f"DAMAGE: {LOST}: on the device it was begun and never closed" in found.out


# ----------------------------------------------------------------------------- the office's ledger


def replaced(desk: Desk, archive: Path, key: Path, *, keep_keys: bool) -> None:
    """Somebody with a key of their own, and the directory, begins the office's ledger again."""
    shutil.rmtree(archive / "office" / "ledger")
    if not keep_keys:
        shutil.rmtree(archive / "office" / "keys")
    evil = ("--office-key", archive.parent / "evil.pem", "--new-office-key", "--key", key)
    # With the keys there it shows that there was a ledger, and that its holds are lost.
    assert desk("evidence", "purge", archive, *evil).code == (2 if keep_keys else 0)


@pytest.mark.parametrize("keep_keys", [True, False])
def test_an_office_ledger_that_was_replaced_is_found_with_the_offices_key(
    desk: Desk, verified: Desk, archive: Path, key: Path, keep_keys: bool
) -> None:
    replaced(desk, archive, key, keep_keys=keep_keys)
    found = verified()
    assert found.code == 2
    assert "signed by another key of the office" in found.out
    # And nobody writes there without knowing.
    said = desk("evidence", "purge", archive, "--key", key)
    assert (said.code, "nothing was changed" in said.err) == (EX_CONFIG, True)


def test_an_office_ledger_that_is_gone_is_damage_and_is_not_begun_again_silently(
    desk: Desk, verified: Desk, archive: Path, key: Path
) -> None:
    shutil.rmtree(archive / "office" / "ledger")
    found = verified()
    assert found.code == 2
    assert "the office's own ledger is gone" in found.out
    said = desk("evidence", "purge", archive, "--key", key)
    assert (said.code, "its backup" in said.err) == (EX_CONFIG, True)
    assert not (archive / "office" / "ledger").exists()


def test_a_key_that_followed_the_offices_own_is_a_remark(
    desk: Desk, verified: Desk, archive: Path, key: Path, tmp_path: Path
) -> None:
    new = ("--office-key", tmp_path / "new.pem")
    assert desk("evidence", "purge", archive, *new, "--new-office-key", "--key", key).code == 0
    found = verified()
    assert found.code == 1
    assert "nothing but its own word speaks" in found.out
    assert verified(archive, *new).code == 0


def test_without_the_offices_key_that_is_a_remark(
    verified: Desk, archive: Path, tmp_path: Path
) -> None:
    found = verified(archive, "--office-key", tmp_path / "none.pem")
    assert found.code == 1
    assert "keys that lie beside it" in found.out


def test_names_from_outside_are_printed_on_one_line(verified: Desk, holding: Holding) -> None:
    name = "x\nDAMAGE: none\x1b[2J\u202e.tar"
    Path(holding.recordings, name).write_bytes(recording(ONE).file)
    found = verified()
    assert "\nDAMAGE: none" not in found.out
    assert "\x1b" not in found.out + found.err
    assert "\u202e" not in found.out + found.err


@pytest.mark.parametrize("junk", ["noise", "pipe", "directory"])
def test_junk_among_the_offices_keys_stops_nothing(
    desk: Desk, verified: Desk, archive: Path, key: Path, junk: str
) -> None:
    path = archive / "office" / "keys" / "x.jwk"
    if junk == "noise":
        path.write_bytes(b"[" * 2000)
    elif junk == "pipe":
        os.mkfifo(path)
    else:
        path.mkdir()
    assert verified().code == 0
    assert desk("evidence", "purge", archive, "--key", key).code == 0


def test_a_first_visit_that_came_to_nothing_leaves_no_false_alarm(
    desk: Desk, camera: Camera, key: Path, tmp_path: Path
) -> None:
    camera.put(ONE)
    camera.offload(tmp_path / "fresh")
    register = tmp_path / "config" / "camerad" / "keys"
    register.mkdir(parents=True)
    assert desk("evidence", "purge", tmp_path / "fresh").code == EX_CONFIG  # no key in it
    register.rmdir()
    assert desk("evidence", "purge", tmp_path / "fresh", "--key", key).code == 0
    assert desk("evidence", "verify", tmp_path / "fresh", "--key", key).code == 0
