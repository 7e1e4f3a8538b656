"""An office's directory of which this user may not read all: what nobody saw is neither gone nor in
order, and each command says so.

As root, who may read everything, each test becomes another user; as anybody else, the files' modes
alone shut what is to be shut.
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from desk_helpers import ONE, TWO, Camera

import camerad
from camerad.base.clock import SECOND, ClockSource, Moment
from camerad.base.errors import EX_IOERR, EX_NOPERM
from camerad.container import jws
from camerad.store.locations import Holding, NotThereError, place_of

from .conftest import Desk, Said

ROOT = os.geteuid() == 0
PACKAGE = Path(camerad.__file__).parent
ROOMS = ["cli", "evidence", "store", "ledger", "verify", "container", "provisioning", "update"]
CLERK, GROUP = (65_534, 65_533) if ROOT else (os.geteuid(), os.getegid())
DUE_US = 1_900_000_000 * SECOND
"""Years after the recordings were made."""


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """One that another user may enter, unlike pytest's own."""
    path = Path(tempfile.mkdtemp())
    path.chmod(0o755)
    try:
        yield path
    finally:
        for directory, _, _ in os.walk(path):
            Path(directory).chmod(0o755)
        shutil.rmtree(path)


pytestmark = pytest.mark.usefixtures("an_hour_later")


@contextmanager
def clerk() -> Iterator[None]:
    """Be the office's user: root's groups do not count either."""
    if not ROOT:
        yield
        return
    # That user need not be able to read the interpreter's own files.
    for room in ROOMS:
        for found in pkgutil.walk_packages([str(PACKAGE / room)], f"camerad.{room}."):
            importlib.import_module(found.name)
    groups = os.getgroups()
    os.setgroups([])
    os.setegid(GROUP)
    os.seteuid(CLERK)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(groups)
        importlib.invalidate_caches()


def give(path: Path, uid: int = CLERK, gid: int = GROUP) -> None:
    """Make everything there that user's."""
    for directory, _, files in os.walk(path):
        os.chown(directory, uid, gid)
        for name in files:
            os.chown(os.path.join(directory, name), uid, gid)


def shut(path: Path) -> None:
    """Make a directory, or a file, root's alone."""
    path.chmod(0)
    if ROOT:
        os.chown(path, 0, 0)


@pytest.fixture
def office(
    camera: Camera, key: Path, tmp_path: Path, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """An office's directory, the clerk's, with two recordings that its ledger knows."""
    monkeypatch.setattr("camerad.base.clock.SystemClock.wall_us", lambda _: camera.clock.wall_us())
    home = tmp_path / "config"
    home.mkdir()
    os.chown(home, CLERK, GROUP)
    key.chmod(0o644)
    camera.put(ONE)
    camera.put(TWO)
    path = tmp_path / "office"
    camera.offload(path)
    give(path)
    with clerk():
        assert desk("evidence", "purge", path, "--key", key).code == 0
    return path


@pytest.fixture
def holding(office: Path) -> Holding:
    (found,) = place_of(str(office)).holdings
    return found


@pytest.fixture
def asked(desk: Desk, key: Path, office: Path) -> Callable[..., Said]:
    """Has the clerk ask for something about the office's directory."""

    def run(action: str, *more: object, what: object = office) -> Said:
        trusted = () if action in ("list", "show") else ("--key", key)
        with clerk():
            return desk("evidence", action, what, *trusted, *more)

    return run


def kinds(office: Path) -> list[str]:
    """The kinds of all entries of the office's ledger."""
    return [
        str(json.loads(jws.parse(line).payload)["kind"])
        for path in sorted((office / "office" / "ledger").glob("*.jws"))
        for line in path.read_bytes().splitlines()
    ]


def another(office: Path, holding: Holding) -> Path:
    """The directory of another camera, with recordings that nobody has taken over."""
    path = office / f"cam-2{holding.root[-9:]}"  # the dash, and its key's thumbprint
    shutil.copytree(holding.root, path)
    for one in (path / "recordings").iterdir():
        one.rename(one.with_name(one.name.replace("-00000", "-00001")))
    give(path)
    return path


@pytest.mark.parametrize("action", ["verify", "list", "purge"])
@pytest.mark.parametrize("part", ["", "recordings"])
def test_a_directory_that_cannot_be_read_is_not_taken_for_a_missing_one(
    asked: Callable[..., Said], office: Path, holding: Holding, action: str, part: str
) -> None:
    other = another(office, holding) / part
    shut(other)
    said = asked(action)
    assert said.code == EX_NOPERM
    assert f"{other}: this user may not look into this directory" in said.out + said.err
    if action != "purge":
        assert ONE in said.out  # the rest is done


def test_a_documented_command_works_in_a_home_that_its_user_may_not_look_into(
    asked: Callable[..., Said], office: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As `sudo -u camerad-office camerad evidence verify ID --state DIR`, typed in an own home.
    home = tmp_path / "admin"
    (home / "below").mkdir(parents=True)
    monkeypatch.chdir(home)
    shut(home)
    by_id = asked("verify", "--state", office, what=ONE)
    assert (by_id.code, "authentic" in by_id.out) == (0, True), by_id.out + by_id.err
    (tmp_path / "link").symlink_to("admin/below")
    for name in ("some.tar", "below/some.tar", "../admin/some.tar", tmp_path / "link"):
        said = asked("verify", "--state", office, what=name)
        assert said.code == EX_NOPERM
        assert f"{home}: this user may not look into this directory of " in said.err
        assert not re.search("chown|chmod", said.out + said.err)


@pytest.mark.parametrize("action", ["verify", "list", "show", "purge"])
@pytest.mark.parametrize("part", ["config", "office.pem"])
def test_who_names_a_key_needs_none_from_a_home_that_they_may_not_look_into(
    asked: Callable[..., Said], office: Path, tmp_path: Path, action: str, part: str
) -> None:
    """Nor does it matter that there is one, but to the one who signs with it."""
    what = ONE if action == "show" else office
    more = ("--state", office) if action == "show" else ()
    (own,) = (tmp_path / "config").rglob("office.pem")
    other = Path(shutil.copy(own, tmp_path / "other.pem"))
    for one in (tmp_path / "config" if part == "config" else own, other):
        shut(one)
    said = asked(action, *more, *(("--dry-run",) if action == "purge" else ()), what=what)
    assert said.code == (1 if action == "verify" else 0), said.out + said.err
    assert said.err.count("the office's own key is not used: ") == 1
    assert f"{own}: " in said.err
    signs = asked("hold", "--state", office, "--reason", "x", "--who", "Desk", what=ONE)
    assert signs.code == EX_NOPERM
    named = asked(action, *more, "--office-key", other, what=what)
    assert named.code == EX_NOPERM


def test_what_is_due_later_is_said_with_what_could_not_be_read(
    asked: Callable[..., Said], office: Path, holding: Holding
) -> None:
    shut(another(office, holding))
    assert asked("purge", "--dry-run").code == EX_NOPERM


def test_verify_says_in_its_last_line_and_to_programs_that_it_did_not_see_all(
    asked: Callable[..., Said], office: Path, holding: Holding
) -> None:
    other = another(office, holding)
    shut(other)
    assert "2 authentic and complete; this is not all: see NOT READ" in asked("verify").out
    found = asked("verify", "--json").json
    assert [str(other) in text for text in found["not_read"]] == [True]
    assert (found["exit_code"], found["differences"]) == (EX_NOPERM, [])


@pytest.mark.parametrize("part", ["", "recordings", "file"])
def test_nothing_is_signed_of_a_file_that_nobody_saw(
    asked: Callable[..., Said], office: Path, holding: Holding, part: str
) -> None:
    file = Path(holding.recordings, f"{ONE}.tar")
    hidden = file if part == "file" else Path(holding.root, part)
    mode = hidden.stat().st_mode
    before = kinds(office)
    shut(hidden)
    said = asked("purge")
    assert (said.code, said.out.count(f"{hidden}: ")) == (EX_NOPERM, 1)
    assert "not finished: recordings may be kept beyond their day" in said.out
    assert str(hidden) not in said.err  # it is said once
    assert kinds(office) == before
    assert asked("verify").code == EX_NOPERM
    assert "is gone" not in asked("verify").out
    hidden.chmod(mode)
    give(office)
    assert asked("purge").code == 0
    assert asked("verify").code == 0


def test_what_is_due_and_hidden_gets_no_tombstone(
    asked: Callable[..., Said],
    office: Path,
    holding: Holding,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("camerad.base.clock.SystemClock.wall_us", lambda _: DUE_US)
    now = Moment(10**15, DUE_US, ClockSource.SYNCHRONISED)
    monkeypatch.setattr("camerad.base.clock.SystemClock.moment", lambda _: now)
    shut(Path(holding.root))
    said = asked("purge", "--trust-clock")
    assert (said.code, "beyond their day (0 recordings deleted)" in said.out) == (EX_NOPERM, True)
    assert "deleted" not in kinds(office)
    Path(holding.root).chmod(0o755)
    give(office)
    done = asked("purge", "--trust-clock")
    assert (done.code, f"deleted {ONE}: expired" in done.out) == (0, True)
    assert not os.listdir(holding.recordings)


@pytest.mark.parametrize("part", ["receipts", "ledger", "device.jwk"])
def test_what_is_due_is_deleted_though_not_all_beside_it_can_be_read(
    asked: Callable[..., Said],
    office: Path,
    holding: Holding,
    monkeypatch: pytest.MonkeyPatch,
    part: str,
) -> None:
    monkeypatch.setattr("camerad.base.clock.SystemClock.wall_us", lambda _: DUE_US)
    now = Moment(10**15, DUE_US, ClockSource.SYNCHRONISED)
    monkeypatch.setattr("camerad.base.clock.SystemClock.moment", lambda _: now)
    shut(Path(holding.root, part))
    said = asked("purge", "--trust-clock")
    assert f"deleted {ONE}: expired" in said.out
    assert not os.listdir(holding.recordings)
    # In a ledger there may be holds of the camera that nobody sees.
    assert said.code == (0 if part == "device.jwk" else EX_NOPERM)
    assert said.out.count(f"{holding.receipts}: ") == (part == "receipts")
    assert said.out.count(f"{holding.ledger}: ") == (part == "ledger")


def test_one_recording_is_judged_by_what_is_beside_it(
    asked: Callable[..., Said], office: Path, holding: Holding
) -> None:
    other = another(office, holding)
    shut(other / "receipts")
    shut(other / "recordings")
    assert asked("verify", what=f"{holding.recordings}/{ONE}.tar").code == 0
    shut(Path(holding.receipts))
    assert asked("verify", what=f"{holding.recordings}/{ONE}.tar").code == EX_NOPERM


def test_damage_is_said_before_what_could_not_be_read(
    asked: Callable[..., Said], office: Path, holding: Holding
) -> None:
    shut(another(office, holding))
    os.unlink(os.path.join(holding.recordings, f"{ONE}.tar"))
    said = asked("verify")
    assert (said.code, f"DAMAGE: {ONE}: its file is gone" in said.out) == (2, True)
    assert "NOT READ" in said.out


@pytest.mark.parametrize("part", ["recordings", "receipts", "ledger"])
def test_a_file_that_cannot_be_read_is_no_damage(
    asked: Callable[..., Said], holding: Holding, part: str
) -> None:
    for path in Path(holding.root, part).iterdir():
        shut(path)
    said = asked("verify")
    assert (said.code, "DAMAGE" in said.out) == (EX_NOPERM, False)
    assert "Permission denied" in said.out
    if part == "ledger":
        for action in ("list", "show"):
            what = {} if action == "list" else {"what": f"{holding.recordings}/{ONE}.tar"}
            assert asked(action, **what).code == EX_NOPERM


@pytest.mark.parametrize("part", ["recordings", "receipts"])
def test_what_is_not_taken_over_because_it_cannot_be_read_is_said(
    asked: Callable[..., Said], office: Path, holding: Holding, part: str
) -> None:
    other = another(office, holding)
    for path in (other / part).iterdir():
        shut(path)
    before = kinds(office)
    assert asked("purge").code == EX_NOPERM
    assert kinds(office) == before


@pytest.mark.parametrize("action", ["verify", "list", "purge"])
def test_what_may_be_a_copy_and_cannot_be_read_is_named(
    asked: Callable[..., Said], holding: Holding, action: str
) -> None:
    copy = Path(holding.recordings, "Kopie von etwas")
    shutil.copy(Path(holding.recordings, f"{ONE}.tar"), copy)
    shut(copy)
    said = asked(action)
    assert (said.code, f"{copy}: " in said.out + said.err) == (EX_NOPERM, True)
    # As soon as it can be read, it is known to be one.
    copy.chmod(0o644)
    assert asked(action).code == (1 if action == "verify" else 0)


def test_a_hold_names_what_it_could_not_take_over(
    desk: Desk, office: Path, holding: Holding, key: Path
) -> None:
    other = Path(holding.recordings, f"{ONE}.tar").with_name(f"{ONE[:-8]}00000009.tar")
    shutil.copy(Path(holding.recordings, f"{ONE}.tar"), other)
    shut(other)
    hold = ("evidence", "hold", ONE, "--state", office, "--key", key, "--who", "Desk")
    with clerk():
        said = desk(*hold, "--reason", "Anzeige")
    assert (said.code, said.err.count(f"{other}: ")) == (0, 1)


@pytest.mark.parametrize("part", ["ledger", "../office", "../office/ledger", "../office/keys"])
def test_one_recording_is_not_judged_without_a_ledger_that_cannot_be_read(
    asked: Callable[..., Said], holding: Holding, part: str
) -> None:
    shut(Path(os.path.normpath(os.path.join(holding.root, part))))
    said = asked("verify", what=f"{holding.recordings}/{ONE}.tar")
    assert (said.code, "NOT READ" in said.out + said.err) == (EX_NOPERM, True)


@pytest.mark.parametrize("part", ["office", "office/ledger", "office/keys"])
def test_an_office_ledger_that_cannot_be_read_is_not_called_gone(
    asked: Callable[..., Said], office: Path, part: str
) -> None:
    shut(office / part)
    said = asked("verify")
    assert (said.code, "gone" in said.out, str(office / part) in said.out) == (
        *(EX_NOPERM, False),
        True,
    )
    for action in ("list", "purge"):
        assert asked(action).code == EX_NOPERM


def test_an_office_s_directory_that_may_not_be_entered_at_all_is_named(
    asked: Callable[..., Said], office: Path
) -> None:
    shut(office)
    said = asked("verify")
    assert (said.code, f"{office}: this user may not look into" in said.err) == (EX_NOPERM, True)


def test_one_camera_s_part_is_judged_without_the_others(
    asked: Callable[..., Said], office: Path, holding: Holding
) -> None:
    shut(another(office, holding))
    assert asked("verify", what=holding.root).code == 0


def test_what_a_file_system_is_made_with_hides_nothing(
    asked: Callable[..., Said], office: Path
) -> None:
    (office / "lost+found").mkdir()
    shut(office / "lost+found")
    assert asked("verify").code == 0
    assert asked("purge").code == 0


def test_a_recording_is_not_called_missing_where_it_may_be_hidden(
    asked: Callable[..., Said], office: Path, holding: Holding, desk: Desk, key: Path
) -> None:
    shut(Path(holding.recordings))
    with clerk():
        hold = ("evidence", "hold", ONE, "--state", office, "--key", key, "--who", "Desk")
        said = desk(*hold, "--reason", "Anzeige")
        shown = desk("evidence", "show", TWO, "--state", office)
    assert (said.code, shown.code) == (EX_NOPERM, EX_NOPERM)
    assert "it is not in what could be read" in shown.err


def test_open_does_not_go_on_without_a_ledger_that_it_may_not_read(
    asked: Callable[..., Said], holding: Holding, private: Path, tmp_path: Path
) -> None:
    private.chmod(0o600)
    os.chown(private, CLERK, GROUP)
    shut(Path(holding.ledger))
    file = f"{holding.recordings}/{ONE}.tar"
    output = tmp_path / "config" / "one.mp4"
    said = asked("open", "--identity", private, "--output", output, what=file)
    assert (said.code, output.exists()) == (EX_NOPERM, False)


def test_a_register_that_cannot_be_read_is_not_taken_for_none(
    asked: Callable[..., Said], office: Path, desk: Desk, tmp_path: Path
) -> None:
    (tmp_path / "config" / "camerad" / "keys").mkdir(parents=True)
    shut(tmp_path / "config" / "camerad")
    with clerk():
        said = desk("evidence", "verify", office)
    assert (said.code, "no key is trusted" in said.err) == (EX_NOPERM, False)


def test_a_camera_s_store_that_cannot_be_read_is_named_as_such(
    camera: Camera, desk: Desk, key: Path
) -> None:
    camera.put(ONE)
    give(camera.root)
    key.chmod(0o644)
    shut(camera.recordings)
    for action in ("verify", "list"):
        trusted = ("--key", key) if action == "verify" else ()
        with clerk():
            said = desk("evidence", action, camera.root, *trusted)
        assert (said.code, str(camera.recordings) in said.out + said.err) == (EX_NOPERM, True)
        assert "is gone" not in said.out


def test_storage_that_fails_is_not_taken_for_missing_files(
    asked: Callable[..., Said],
    office: Path,
    holding: Holding,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = os.open

    def failing(path: object, *args: object, **named: object) -> int:
        if path == holding.recordings:
            raise OSError(5, "Input/output error")
        return real(path, *args, **named)  # type: ignore[arg-type]

    before = kinds(office)
    monkeypatch.setattr(os, "open", failing)
    assert asked("purge").code == EX_IOERR
    said = asked("verify")
    assert (said.code, "Input/output error" in said.out) == (EX_IOERR, True)
    monkeypatch.undo()
    assert kinds(office) == before


def test_a_place_that_is_not_there_is_still_not_there(office: Path) -> None:
    with pytest.raises(NotThereError):
        place_of(str(office / "nowhere"))


# ------------------------------------------------------------------------------------- by sudo


@pytest.mark.skipif(not ROOT, reason="only root makes files that are another user's")
def test_offload_by_root_leaves_the_office_s_files_to_the_office_s_user(
    camera: Camera, key: Path, tmp_path: Path, desk: Desk
) -> None:
    camera.put(ONE)
    path = tmp_path / "office"
    path.mkdir()
    os.chown(path, CLERK, GROUP)
    os.symlink("/etc/passwd", path / "passwd")
    said = desk("offload", path, "--same-disk", "--state", camera.root)
    assert said.code == 0
    camera.put(TWO)
    assert desk("offload", path, "--same-disk", "--state", camera.root).code == 0
    owners = {}
    for directory, _, names in os.walk(path):
        for name in ("", *names):
            found = os.lstat(os.path.join(directory, name))
            owners[os.path.join(directory, name)] = (found.st_uid, found.st_gid)
    assert owners.pop(str(path / "passwd")) == (0, 0)  # it was there
    assert len(owners) > 12
    assert set(owners.values()) == {(CLERK, GROUP)}
    assert os.stat("/etc/passwd").st_uid == 0
    (tmp_path / "config").mkdir()
    os.chown(tmp_path / "config", CLERK, GROUP)
    key.chmod(0o644)
    with clerk():
        assert desk("evidence", "purge", path, "--key", key).code == 0
        verified = desk("evidence", "verify", path, "--key", key)
    assert (verified.code, "2 authentic and complete" in verified.out) == (0, True)
    # And what root does there afterwards does not shut the clerk out either.
    hold = ("evidence", "hold", ONE, "--state", path, "--key", key, "--reason", "x", "--who", "y")
    assert desk(*hold).code == 0
    with clerk():
        assert desk("evidence", "verify", path, "--key", key).code == 0


@pytest.mark.skipif(not ROOT, reason="only root makes files that are another user's")
def test_what_root_opens_for_itself_alone_stays_root_s(
    camera: Camera, key: Path, private: Path, tmp_path: Path, desk: Desk
) -> None:
    camera.put(ONE)
    home = tmp_path / "home"
    home.mkdir()
    os.chown(home, CLERK, GROUP)
    said = desk(
        *("evidence", "open", ONE, "--key", key, "--identity", private),
        *("--output", home / "one.mp4", "--state", camera.root),
    )
    assert said.code == 0
    assert ((home / "one.mp4").stat().st_uid, (home / "one.mp4").stat().st_mode & 0o777) == (
        *(0, 0o600),
    )
