"""`camerad evidence verify` of an office's directory from which somebody took something away, or
into which somebody put something."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest
from desk_helpers import BOOT, KEY, KEYS, ONE, THREE, TWO, Camera, recording

from camerad.base.errors import EX_CONFIG, EX_NOPERM, EX_USAGE
from camerad.cli import desk as desk_module
from camerad.container import jws
from camerad.container.chain import HEADER_NAME
from camerad.container.keys import KeyRing, PublicKey, SigningKey
from camerad.evidence.ledger_mirror import mirror_ledger
from camerad.ledger.ledger import read_ledger
from camerad.store.locations import Holding, device_stem, holding_stem, place_of

from .conftest import Desk, Said

WHO = ("--who", "Desk")


pytestmark = pytest.mark.usefixtures("an_hour_later")


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
def verified(desk: Desk, archive: Path, key: Path) -> Desk:
    def run(what: object = archive, *more: object) -> Said:
        return desk("evidence", "verify", what, "--key", key, *more)

    return run


def test_an_untouched_office_is_in_order(verified: Desk, archive: Path) -> None:
    assert verified().code == 0
    assert verified(place_of(str(archive)).holdings[0].root).code == 0


def test_a_camera_of_which_nothing_is_left_is_told_where_no_ledger_misses_it(
    desk: Desk, camera: Camera, key: Path, tmp_path: Path
) -> None:
    """Who names its key asks about it; a register has every camera, and its owner is told beside
    the verdict. Once the office has a ledger, that says what was here."""
    archive, other = tmp_path / "archive", SigningKey.generate()
    second = Camera(tmp_path / "second", other, "cam-2")
    for one in (camera, second):
        one.put(ONE if one is camera else TWO)
        one.offload(archive)
    enrolled = tmp_path / "config/camerad/keys"
    enrolled.mkdir(parents=True)
    for name, its in (("cam-1", KEY), ("cam-2", other)):
        (enrolled / f"{name}.pem").write_text(its.public.pem)
    verify = ("evidence", "verify", archive)
    assert desk(*verify, "--key", enrolled).code == 0
    (gone,) = archive.glob("cam-2-*")
    gone.rename(tmp_path / "gone")
    said = desk(*verify, "--key", key, "--key", enrolled / "cam-2.pem")
    text = f"nothing is here of 1 camera whose key is trusted ({other.public.thumbprint})"
    assert (said.code, text in said.out) == (1, True)
    said = desk(*verify)
    assert (said.code, text in said.err) == (0, True)
    assert desk(*verify, "--key", key).code == 0
    (holding,) = archive.glob("cam-1-*")
    assert desk(*verify[:2], holding, "--key", enrolled).code == 0
    assert desk("evidence", "purge", archive).code == 0
    assert desk(*verify, "--key", enrolled).code == 0


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


@pytest.mark.parametrize("content", [b"", bytes(8192)], ids=["empty", "zeros"])
@pytest.mark.parametrize("left", ["everything", "receipts"])
def test_a_recording_whose_file_was_wiped_is_damage_like_one_that_is_gone(
    verified: Desk, archive: Path, holding: Holding, content: bytes, left: str
) -> None:
    path = Path(holding.recordings, f"{ONE}.tar")
    path.write_bytes(content)
    if left == "receipts":
        shutil.rmtree(archive / "office" / "ledger")
        shutil.rmtree(holding.ledger)
    for what in (archive, path):
        said = verified(what)
        assert (said.code, "its file was wiped or replaced" in said.out) == (2, True)


def test_a_lock_on_a_cut_file_in_an_office_says_nothing(
    verified: Desk, desk: Desk, archive: Path, holding: Holding
) -> None:
    path = Path(holding.recordings, f"{ONE}.tar")
    path.write_bytes(path.read_bytes()[:-4096])
    with path.open("rb") as locked:
        fcntl.flock(locked, fcntl.LOCK_EX)
        for what in (archive, path):
            said = verified(what)
            assert (said.code, "goes on" in said.out) == (2, False)
        (one,) = (
            info for info in desk("evidence", "list", archive, "--json").json if info["id"] == ONE
        )
        assert one["state"] == "interrupted"
        # Asked about it alone, both say the same.
        (alone,) = desk("evidence", "list", path, "--json").json
        shown = desk("evidence", "show", path, "--json").json
        assert {alone["state"], shown["state"]} == {"interrupted"}


@pytest.mark.parametrize("ledger", ["begun", "silent", "ended", "other boot"])
def test_a_lock_counts_on_a_camera_where_its_ledger_agrees(
    desk: Desk, camera: Camera, key: Path, monkeypatch: pytest.MonkeyPatch, ledger: str
) -> None:
    here = "another" if ledger == "other boot" else BOOT
    monkeypatch.setattr(desk_module, "SystemClock", lambda: SimpleNamespace(boot_id=here))
    path = camera.put(ONE, known=ledger == "ended")
    if ledger in ("begun", "other boot"):
        with camera.open() as store:
            header = jws.digest(recording(ONE).content(HEADER_NAME))
            store.ledger.append("opened", id=ONE, header=header)
    path.write_bytes(path.read_bytes()[:-4096])
    with path.open("rb") as locked:
        fcntl.flock(locked, fcntl.LOCK_EX)
        said = desk("evidence", "verify", path, "--key", key)
    # A ledger that writes in another boot has not been silent for a moment only.
    expected = (1, True) if ledger == "begun" else (2, False)
    assert (said.code, "the recording goes on" in said.out) == expected, said.out


def test_a_camera_without_its_ledger_has_no_recording_that_runs(
    desk: Desk, camera: Camera, key: Path
) -> None:
    path = camera.put(ONE)
    path.write_bytes(path.read_bytes()[:-4096])
    shutil.rmtree(camera.root / "ledger")
    with path.open("rb") as locked:
        fcntl.flock(locked, fcntl.LOCK_EX)
        assert desk("evidence", "verify", path, "--key", key).code == 2


def test_of_one_devices_part_only_that_devices_recordings_are_missed(
    verified: Desk, archive: Path, holding: Holding
) -> None:
    other = archive / "cam-2-00000000" / "recordings"
    other.mkdir(parents=True)
    os.unlink(os.path.join(holding.recordings, f"{ONE}.tar"))
    assert ONE not in verified(other.parent).out
    assert ONE in verified(holding.root).out


@pytest.mark.parametrize("wrong", ["gone", "garbage", "another", "pipe", "link"])
def test_a_devices_key_that_is_gone_and_one_that_is_none_are_judged_alike(
    verified: Desk, holding: Holding, desk: Desk, camera: Camera, wrong: str
) -> None:
    path = Path(holding.key)
    archive = path.parents[1]
    sound = path.read_bytes()
    path.unlink()
    if wrong == "garbage":
        path.write_bytes(b"[" * 2000)
    elif wrong == "another":
        path.write_text(json.dumps(SigningKey.generate().public.jwk))
    elif wrong == "pipe":
        os.mkfifo(path)
    elif wrong == "link":
        path.symlink_to(archive.parent / "cam.pem")
    found = verified()
    assert found.code == 2
    damage = [line for line in found.out.splitlines() if line.startswith("DAMAGE")]
    assert len(damage) == 1
    another = "this directory is not called after the key in it: if it was renamed, "
    gone = "the key that came with the recordings is gone, or is another one: offload"
    assert f"DAMAGE: {path}: {another if wrong == 'another' else gone}" in damage[0]
    assert "2 authentic and complete" in found.out
    listed = desk("evidence", "list", archive, "--json")
    assert (listed.code, [one["in_device_ledger"] for one in listed.json]) == (0, [False, False])
    assert desk("evidence", "show", ONE, "--state", archive).code == 0
    # An offload mends it; of a link it wants to know nothing.
    if wrong == "link":
        path.unlink()
    camera.offload(archive)
    assert path.read_bytes() == sound
    assert verified().code == 0


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
        "key": f"DAMAGE: {holding.key}: the key that came with the recordings is gone, or is",
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
    assert found.code == (1 if how == "copy" else 2)
    says = "copy (1).tar: this is a symbolic link" if how == "link" else "it is here 2 times"
    assert says.replace("copy", ONE) in found.out


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
    assert mirror_ledger(camera.place.ledger, holding, KEYS) == []
    # As far as the office can know, it still runs.
    assert verified().code == 0
    with closing(camera.ledger()) as ledger:
        ledger.append("start", software="camerad", policy="x", settings="0" * 64)
    mirror_ledger(camera.place.ledger, holding, KEYS)
    found = verified()
    assert found.code == 2
    assert f"DAMAGE: {LOST}: on the device it was begun and never closed" in found.out


# ------------------------------------------------------------------------------------- put back

CAVEAT = "cannot be excluded"


def test_a_device_that_was_put_back_is_told_by_verify_which_goes_by_the_longer_copy(
    verified: Desk, archive: Path, camera: Camera, holding: Holding
) -> None:
    ledger = camera.root / "ledger" / "000001.jws"
    card = ledger.read_bytes()
    with closing(camera.ledger()) as own:
        own.append("uptime")
    assert camera.offload(archive).problems == []
    copied = Path(holding.ledger, ledger.name).read_bytes()
    ledger.write_bytes(card)
    with closing(camera.ledger()) as own:
        own.append("stop")
        own.append("uptime")
    (problem,) = camera.offload(archive).problems
    assert "put back" in problem
    assert Path(holding.ledger, ledger.name).read_bytes() == copied
    found = verified()
    assert found.code == 2
    assert f"DAMAGE: {holding.earlier_ledger}: the card was put back" in found.out
    assert found.out.count("DAMAGE") == 1


def test_parts_of_a_copy_that_nothing_goes_on_from_are_a_remark(
    verified: Desk, holding: Holding
) -> None:
    Path(holding.earlier_ledger).mkdir()
    assert verified().code == 0
    Path(holding.earlier_ledger, "000001.jws-0123456789abcdef").write_bytes(b"")
    found = verified()
    assert (found.code, f"note: {holding.earlier_ledger}: " in found.out) == (1, True)


def test_a_devices_key_that_may_not_be_read_is_not_called_gone(
    verified: Desk, holding: Holding, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.open

    def guarded(name: object, *more: int) -> int:
        if name == holding.key:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return real(name, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "open", guarded)
    found = verified()
    assert found.code == EX_NOPERM
    assert f"NOT READ: {holding.key}: cannot read the key: Permission denied" in found.out
    assert "is gone" not in found.out


def test_what_is_kept_aside_and_cannot_be_listed_is_damage(
    verified: Desk, holding: Holding, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path(holding.earlier_ledger).mkdir()
    real = os.listdir

    def listdir(path: object) -> list[str]:
        if path == holding.earlier_ledger:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return real(path)  # type: ignore[call-overload, no-any-return]

    monkeypatch.setattr(os, "listdir", listdir)
    found = verified()
    assert (found.code, f"DAMAGE: {holding.earlier_ledger}: cannot list" in found.out) == (2, True)


def head_of(ledger: Path) -> str:
    """Its head, as somebody notes it."""
    state, _ = read_ledger(str(ledger), KeyRing([own_key(ledger), *KEYS.values()]))
    return f"{state.head.epoch}:{state.head.sequence}:{state.head.sha256}"


def own_key(ledger: Path) -> PublicKey:
    found = list(ledger.parent.glob("keys/*.jwk"))
    return (
        PublicKey.from_jwk(json.loads(found[0].read_bytes())) if found else KEYS[next(iter(KEYS))]
    )


def test_that_a_whole_office_was_put_back_cannot_be_excluded_by_what_lies_in_it(
    verified: Desk, archive: Path, holding: Holding
) -> None:
    """Its receipts go back with it. It is no remark, as with a device's own ledger."""
    found = verified()
    assert found.code == 0
    assert found.out.count(CAVEAT) == 2  # of the camera's ledger, and of the office's own
    assert "lie in the same directory" in found.out
    own = head_of(archive / "office" / "ledger")
    assert verified(archive, "--office-head", own).out.count(CAVEAT) == 1
    device = head_of(Path(holding.ledger))
    assert verified(archive, "--head", device).out.count(CAVEAT) == 1
    found = verified(archive, "--head", device, "--office-head", own)
    assert (found.code, found.out.count(CAVEAT)) == (0, 0)


def test_an_office_that_was_put_back_is_found_by_the_head_that_was_noted(
    verified: Desk, archive: Path, desk: Desk, key: Path, tmp_path: Path
) -> None:
    shutil.copytree(archive, tmp_path / "before")
    release = ("evidence", "release", ONE, "--state", archive, *WHO, "--key", key)
    assert desk(*release).code == 0
    noted = head_of(archive / "office" / "ledger")
    shutil.rmtree(archive)
    shutil.copytree(tmp_path / "before", archive)
    assert verified().code == 0
    found = verified(archive, "--office-head", noted)
    assert (found.code, "the ledger was put back" in found.out) == (2, True)


def test_a_head_of_an_office_is_asked_of_an_office_only(
    verified: Desk, camera: Camera, tmp_path: Path
) -> None:
    head = f"1:1:{'0' * 64}"
    for what, noted in ((camera.root, head), (tmp_path / "archive", "nothing")):
        assert verified(what, "--office-head", noted).code == EX_USAGE


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
    assert "only that key itself says" in found.out
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


def test_what_is_named_like_a_receipt_and_is_none_is_damage(
    verified: Desk, holding: Holding
) -> None:
    stray = Path(holding.receipts, "0009.jws")
    stray.write_text("x")
    said = verified()
    assert (said.code, f"DAMAGE: {stray}: it is named like a receipt" in said.out) == (2, True)
    stray.rename(stray.with_name("note.txt"))
    assert verified().code == 0


def test_one_more_file_of_a_recording_is_no_other_recording(
    verified: Desk, holding: Holding
) -> None:
    one = Path(holding.recordings, f"{ONE}.tar")
    for name in (f"{ONE} (1).tar", f"Kopie von {ONE}.tar"):
        shutil.copy(one, one.with_name(name))
    last = verified().out.splitlines()[-2]
    assert last == "2 recordings: 2 authentic and complete, and 2 copies of them"


def test_an_office_does_not_call_its_copies_not_offloaded(desk: Desk, archive: Path) -> None:
    said = desk("evidence", "show", ONE, "--state", archive)
    assert (said.code, "this is the office's copy" in said.out) == (0, True)


@pytest.mark.parametrize("what", [ONE[:-1], ONE.replace("T", " "), "recording"])
def test_what_is_typed_wrong_is_no_missing_directory(desk: Desk, archive: Path, what: str) -> None:
    said = desk("evidence", "show", what, "--state", archive)
    assert (said.code, said.err.startswith(f"camerad: {what}: there is no such file here")) == (
        3,
        True,
    )
    assert "it is no recording's id" in said.err


@pytest.mark.parametrize("name", ["device.jwk", "receipts", "ledger", "recordings"])
def test_an_office_stays_one_whatever_is_put_beside_its_cameras(
    verified: Desk, archive: Path, name: str
) -> None:
    """It is not taken for one camera's part of the directory above."""
    (archive / name).mkdir()
    said = verified()
    assert "2 recordings: 2 authentic and complete" in said.out


def test_a_directory_that_was_renamed_is_given_its_name_back(
    verified: Desk, holding: Holding
) -> None:
    os.rename(holding.root, f"{holding.root}x")
    said = verified()
    assert (said.code, f"which ends in {holding.root[-9:]}" in said.out) == (2, True)
    assert "offload the camera once more" not in said.out


def test_a_recording_in_another_camera_s_directory_is_damage(
    verified: Desk, archive: Path, holding: Holding, tmp_path: Path, key: Path
) -> None:
    other = Camera(tmp_path / "other", SigningKey.generate(), "cam-2")
    other.put(THREE)
    other.offload(archive)
    (theirs,) = archive.glob("cam-2-*")
    (tmp_path / "two.pem").write_text(other.key.public.pem)
    os.rename(theirs / "recordings" / f"{THREE}.tar", f"{holding.recordings}/{THREE}.tar")
    said = verified(archive, "--key", tmp_path / "two.pem")
    assert (said.code, "a recording of another camera" in said.out) == (2, True)
