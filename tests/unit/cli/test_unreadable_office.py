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
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from desk_helpers import ONE, TWO, Camera

import camerad
from camerad.base.clock import SECOND, ClockSource, Moment
from camerad.base.errors import EX_IOERR, EX_NOPERM
from camerad.container import jws
from camerad.store.locations import NotThereError, place_of

from .conftest import Desk
from .world import ANOTHER, HOLD, PURGE, VERIFY, World

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
    importlib.import_module("importlib.readers")
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
def world(camera: Camera, desk: Desk, key: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A camera, and nothing in the office; the commands are the clerk's."""
    monkeypatch.setattr("camerad.base.clock.SystemClock.wall_us", lambda _: camera.clock.wall_us())
    home = key.parent / "config"
    home.mkdir()
    os.chown(home, CLERK, GROUP)
    key.chmod(0o644)
    return World(camera, desk, key.parent, clerk)


@pytest.fixture
def office(world: World) -> World:
    """An office's directory, the clerk's, with two recordings that its ledger knows."""
    world.camera.put(ONE)
    world.camera.put(TWO)
    world.camera.offload(world.archive)
    give(world.archive)
    world.ask(PURGE, 0)
    return world


def another(office: World) -> None:
    office.do(ANOTHER)
    give(office.path("$OTHER"))


def shut_all(office: World, parts: str) -> None:
    """Shut each of these paths."""
    for path in office.here.glob(office.text(parts).removeprefix(f"{office.here}/")):
        shut(path)


def kinds(office: World) -> list[str]:
    """The kinds of all entries of the office's ledger."""
    return [
        str(json.loads(jws.parse(line).payload)["kind"])
        for path in sorted(office.archive.glob("office/ledger/*.jws"))
        for line in path.read_bytes().splitlines()
    ]


LIST = "list $ARCHIVE"
VERIFY_ONE = "verify $FILE $BY"
NO_ENTRY = "this user may not look into"


@pytest.mark.parametrize(
    ("shuts", "command", "code", "words"),
    [
        # Another camera's part: it is not taken for a missing one, and the rest is done.
        ("$OTHER", VERIFY, EX_NOPERM, (f"$OTHER: {NO_ENTRY} this directory", "$ONE")),
        (
            *("$OTHER", VERIFY, EX_NOPERM),
            ("2 authentic and complete; this is not all: see NOT READ",),
        ),
        ("$OTHER", LIST, EX_NOPERM, (f"$OTHER: {NO_ENTRY} this directory", "$ONE")),
        ("$OTHER", PURGE, EX_NOPERM, (f"$OTHER: {NO_ENTRY} this directory",)),
        ("$OTHER", f"{PURGE} --dry-run", EX_NOPERM, ()),
        ("$OTHER/recordings", VERIFY, EX_NOPERM, (f"$OTHER/recordings: {NO_ENTRY}", "$ONE")),
        ("$OTHER/recordings", LIST, EX_NOPERM, (f"$OTHER/recordings: {NO_ENTRY}", "$ONE")),
        ("$OTHER/recordings", PURGE, EX_NOPERM, (f"$OTHER/recordings: {NO_ENTRY}",)),
        ("$OTHER", "verify $HOLDING $BY", 0, ()),
        # One recording is judged by what is beside it.
        ("$OTHER/rec*", VERIFY_ONE, 0, ()),
        ("$HOLDING/receipts", VERIFY_ONE, EX_NOPERM, ()),
        ("$HOLDING/ledger", VERIFY_ONE, EX_NOPERM, ("NOT READ",)),
        ("$ARCHIVE/office", VERIFY_ONE, EX_NOPERM, ("NOT READ",)),
        ("$ARCHIVE/office/ledger", VERIFY_ONE, EX_NOPERM, ("NOT READ",)),
        ("$ARCHIVE/office/keys", VERIFY_ONE, EX_NOPERM, ("NOT READ",)),
        # A file that cannot be read is no damage.
        ("$HOLDING/recordings/*", VERIFY, EX_NOPERM, ("Permission denied", "!DAMAGE")),
        ("$HOLDING/receipts/*", VERIFY, EX_NOPERM, ("Permission denied", "!DAMAGE")),
        ("$HOLDING/ledger/*", VERIFY, EX_NOPERM, ("Permission denied", "!DAMAGE")),
        ("$HOLDING/ledger/*", LIST, EX_NOPERM, ()),
        ("$HOLDING/ledger/*", "show $FILE", EX_NOPERM, ()),
        # The office's ledger is not called gone.
        *(
            (f"$ARCHIVE/{part}", command, EX_NOPERM, words)
            for part in ("office", "office/ledger", "office/keys")
            for command, words in (
                (VERIFY, (f"$ARCHIVE/{part}", "!gone")),
                (LIST, ()),
                (PURGE, ()),
            )
        ),
        ("$ARCHIVE", VERIFY, EX_NOPERM, (f"$ARCHIVE: {NO_ENTRY}",)),
        # A recording is not called missing where it may be hidden.
        ("$HOLDING/recordings", HOLD, EX_NOPERM, ()),
        (
            *("$HOLDING/recordings", "show $TWO --state $ARCHIVE", EX_NOPERM),
            ("it is not in what could be read",),
        ),
        # A register is not taken for none.
        ("$HERE/config/camerad", "verify $ARCHIVE", EX_NOPERM, ("!no key is trusted",)),
    ],
)
def test_what_cannot_be_read_is_neither_gone_nor_in_order(
    office: World, shuts: str, command: str, code: int, words: tuple[str, ...]
) -> None:
    if "$OTHER" in shuts:
        another(office)
    before = kinds(office)
    shut_all(office, shuts)
    office.ask(command, code, *words)
    if "$OTHER" in shuts:
        assert kinds(office) == before


def test_a_documented_command_works_in_a_home_that_its_user_may_not_look_into(
    office: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As `sudo -u camerad-office camerad evidence verify ID --state DIR`, typed in an own home.
    office.do("mkdir -p admin/below; ln -s admin/below link")
    monkeypatch.chdir("admin")
    shut(office.here / "admin")
    office.ask("verify $ONE --state $ARCHIVE $BY", 0, "authentic")
    for name in ("some.tar", "below/some.tar", "../admin/some.tar", "$HERE/link"):
        said = office.ask(
            *(f"verify {name} --state $ARCHIVE $BY", EX_NOPERM),
            f"$HERE/admin: {NO_ENTRY} this directory of ",
        )
        assert not re.search("chown|chmod", said.out + said.err)


@pytest.mark.parametrize(
    ("command", "code"),
    [(VERIFY, 1), (LIST, 0), ("show $ONE --state $ARCHIVE", 0), (f"{PURGE} --dry-run", 0)],
)
@pytest.mark.parametrize("part", ["config", "office.pem"])
def test_who_names_a_key_needs_none_from_a_home_that_they_may_not_look_into(
    office: World, command: str, code: int, part: str
) -> None:
    """Nor does it matter that there is one, but to the one who signs with it."""
    (own,) = (office.here / "config").rglob("office.pem")
    other = Path(shutil.copy(own, office.here / "other.pem"))
    for one in (office.here / "config" if part == "config" else own, other):
        shut(one)
    said = office.ask(command, code, f"{own}: ")
    assert said.err.count("the office's key is not used: ") == 1
    office.ask(HOLD, EX_NOPERM)
    office.ask(f"{command} --office-key {other}", EX_NOPERM)


def test_verify_says_to_programs_that_it_did_not_see_all(office: World) -> None:
    another(office)
    shut(office.path("$OTHER"))
    found = office.ask(f"{VERIFY} --json", EX_NOPERM).json
    assert [office.text("$OTHER") in text for text in found["not_read"]] == [True]
    assert (found["exit_code"], found["differences"]) == (EX_NOPERM, [])
    # Damage is graver.
    office.do("rm $FILE")
    office.ask(VERIFY, 2, "DAMAGE: $ONE: its file is gone", "NOT READ")


@pytest.mark.parametrize("part", ["$HOLDING", "$HOLDING/recordings", "$FILE"])
def test_nothing_is_signed_of_a_file_that_cannot_be_seen(office: World, part: str) -> None:
    hidden = office.path(part)
    mode = hidden.stat().st_mode
    before = kinds(office)
    shut(hidden)
    unfinished = "not finished: recordings may be kept beyond their day"
    said = office.ask(PURGE, EX_NOPERM, unfinished)
    # It is said once.
    assert (said.out.count(f"{hidden}: "), str(hidden) in said.err) == (1, False)
    assert kinds(office) == before
    office.ask(VERIFY, EX_NOPERM, "!is gone")
    hidden.chmod(mode)
    give(office.archive)
    office.ask(PURGE, 0)
    office.ask(VERIFY, 0)


def make_due(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the clock to when all recordings are due."""
    monkeypatch.setattr("camerad.base.clock.SystemClock.wall_us", lambda _: DUE_US)
    now = Moment(10**15, DUE_US, ClockSource.SYNCHRONISED)
    monkeypatch.setattr("camerad.base.clock.SystemClock.moment", lambda _: now)


def test_what_is_due_and_hidden_gets_no_tombstone(
    office: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_due(monkeypatch)
    shut(office.path("$HOLDING"))
    office.ask(f"{PURGE} --trust-clock", EX_NOPERM, "beyond their day (0 recordings deleted)")
    assert "deleted" not in kinds(office)
    office.path("$HOLDING").chmod(0o755)
    give(office.archive)
    office.ask(f"{PURGE} --trust-clock", 0, "deleted $ONE: expired")
    assert not os.listdir(office.path("$HOLDING/recordings"))


@pytest.mark.parametrize("part", ["receipts", "ledger", "device.jwk"])
def test_what_is_due_is_deleted_though_not_all_beside_it_can_be_read(
    office: World, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    make_due(monkeypatch)
    shut(office.path(f"$HOLDING/{part}"))
    # In a ledger there may be holds of the camera that cannot be seen.
    code = 0 if part == "device.jwk" else EX_NOPERM
    said = office.ask(f"{PURGE} --trust-clock", code, "deleted $ONE: expired")
    assert not os.listdir(office.path("$HOLDING/recordings"))
    for one in ("receipts", "ledger"):
        assert said.out.count(office.text(f"$HOLDING/{one}: ")) == (part == one)


@pytest.mark.parametrize("part", ["recordings", "receipts"])
def test_what_is_not_taken_over_because_it_cannot_be_read_is_said(office: World, part: str) -> None:
    another(office)
    before = kinds(office)
    shut_all(office, f"$OTHER/{part}/*")
    office.ask(PURGE, EX_NOPERM)
    assert kinds(office) == before


@pytest.mark.parametrize("command", [VERIFY, LIST, PURGE])
def test_what_may_be_a_copy_and_cannot_be_read_is_named(office: World, command: str) -> None:
    office.names["COPY"] = office.text("$HOLDING/recordings/Kopie von etwas")
    office.do('cp $FILE "$COPY"')
    shut(office.path("$COPY"))
    office.ask(command, EX_NOPERM, "$COPY: ")
    # As soon as it can be read, it is known to be one.
    office.path("$COPY").chmod(0o644)
    office.ask(command, 1 if command == VERIFY else 0)


def test_a_hold_names_what_it_could_not_take_over(office: World) -> None:
    other = office.path("$FILE").with_name(f"{ONE[:-8]}00000009.tar")
    shutil.copy(office.path("$FILE"), other)
    shut(other)
    assert office.ask(HOLD, 0).err.count(f"{other}: ") == 1


def test_what_a_file_system_is_made_with_hides_nothing(office: World) -> None:
    office.do("mkdir $ARCHIVE/lost+found")
    shut(office.archive / "lost+found")
    office.ask(VERIFY, 0)
    office.ask(PURGE, 0)


def test_open_does_not_go_on_without_a_ledger_that_it_may_not_read(
    office: World, private: Path
) -> None:
    private.chmod(0o600)
    os.chown(private, CLERK, GROUP)
    shut(office.path("$HOLDING/ledger"))
    office.ask("open $FILE $BY $OPENING --output $HERE/config/one.mp4", EX_NOPERM)
    assert not (office.here / "config/one.mp4").exists()


def test_a_camera_s_store_that_cannot_be_read_is_named_as_such(world: World) -> None:
    world.camera.put(ONE)
    give(world.camera.root)
    shut(world.camera.recordings)
    for command in ("verify $STATE $BY", "list $STATE"):
        world.ask(command, EX_NOPERM, str(world.camera.recordings), "!is gone")


def test_storage_that_fails_is_not_taken_for_missing_files(
    office: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.open

    def failing(path: object, *args: object, **named: object) -> int:
        if path == office.text("$HOLDING/recordings"):
            raise OSError(5, "Input/output error")
        return real(path, *args, **named)  # type: ignore[arg-type]

    before = kinds(office)
    monkeypatch.setattr(os, "open", failing)
    office.ask(PURGE, EX_IOERR)
    office.ask(VERIFY, EX_IOERR, "Input/output error")
    monkeypatch.undo()
    assert kinds(office) == before


def test_a_place_that_is_not_there_is_still_not_there(tmp_path: Path) -> None:
    with pytest.raises(NotThereError):
        place_of(str(tmp_path / "nowhere"))


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
