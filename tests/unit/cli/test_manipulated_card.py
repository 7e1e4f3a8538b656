"""A card at the desk that somebody has written on: the desk's computer is the one with the keys."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from desk_helpers import ONE, TWO, Camera
from sealed_helpers import KEY

from camerad.base.clock import DAY
from camerad.base.errors import EX_CONFIG, EX_IOERR
from camerad.container.keys import SigningKey
from camerad.container.recording_files import UNREADABLE
from camerad.ledger import log_segments, reserved_space
from camerad.store import identity
from camerad.store.locations import RECORDINGS, device_place, holding_name

from .conftest import Desk


@pytest.fixture
def camera(tmp_path: Path) -> Camera:
    made = Camera(tmp_path / "state")
    made.put(ONE)
    return made


@pytest.fixture
def office(tmp_path: Path) -> Path:
    path = tmp_path / "office"
    path.mkdir()
    return path


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A directory of whoever works at the desk."""
    path = tmp_path / "elsewhere"
    path.mkdir()
    for name in ("thesis.new", "000001.new", "letter.tar"):
        (path / name).write_bytes(b"mine")
    return path


def everything(place: Path) -> dict[str, object]:
    """Names below a directory, with what tells whether anything was changed there."""
    found: dict[str, object] = {}
    for path in sorted(place.rglob("*")):
        state = path.lstat()
        content = path.read_bytes() if path.is_file() and not path.is_symlink() else None
        found[str(path.relative_to(place))] = (state.st_ino, state.st_mode, content)
    return found


def led_away(path: Path, to: Path) -> None:
    """A symbolic link in the place of a directory."""
    path.rename(path.with_name(f"{path.name}-before"))
    path.symlink_to(to)


COMMANDS = (
    ("offload", "office", "--same-disk"),
    ("evidence", "purge", "state"),
    ("evidence", "list", "state"),
    ("evidence", "verify", "state", "--key", "key.pem"),
    ("evidence", "hold", ONE, "--state", "state", "--reason", "r", "--who", "w"),
)


@pytest.mark.parametrize("name", ["recordings", "ledger", "keys"])
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_link_in_place_of_a_directory_is_refused_and_leads_nowhere(
    command: tuple[str, ...], name: str, desk: Desk, camera: Camera, elsewhere: Path
) -> None:
    office = Path("office")
    office.mkdir()
    Path("key.pem").write_text(KEY.public.pem)
    led_away(camera.root / name, elsewhere)
    before = everything(camera.root), everything(elsewhere), everything(office)
    said = desk(*command)
    assert (said.code, said.out) == (2 if "verify" in command else EX_IOERR, "")
    (line,) = said.err.splitlines()
    assert line.startswith(f"camerad: {camera.root / name}: cannot use it as a directory: ")
    assert "not what a camera leaves: treat the card, or the stick, as manipulated" in line
    assert (everything(camera.root), everything(elsewhere), everything(office)) == before


@pytest.mark.parametrize("name", ["recordings", "ledger", "keys"])
def test_a_file_in_place_of_a_directory_is_told(
    name: str, desk: Desk, camera: Camera, office: Path
) -> None:
    (camera.root / name).rename(camera.root / "before")
    (camera.root / name).write_bytes(b"")
    said = desk("offload", office, "--same-disk")
    assert said.code != 0
    assert "acknowledged" not in said.out
    assert not list(office.iterdir())


@pytest.mark.parametrize("name", ["identity.pem", "ledger/000001.jws"])
def test_a_link_in_place_of_a_file_is_not_read_and_not_written(
    name: str, desk: Desk, camera: Camera, office: Path, elsewhere: Path
) -> None:
    """The office's key in place of the camera's would sign the card's ledger; a private file in
    place of the ledger's would be kept on the card as its damaged part, and copied."""
    secret = SigningKey.generate().pem
    (elsewhere / "office.pem").write_bytes(secret)
    led_away(camera.root / name, elsewhere / "office.pem")
    before = everything(elsewhere)
    said = desk("offload", office, "--same-disk")
    assert (said.code, said.out) == (EX_IOERR, "")
    assert "a symbolic link stands there, which is not what a camera leaves" in said.err
    assert everything(elsewhere) == before
    for place in (camera.root, office):
        assert all(
            secret not in path.read_bytes()
            for path in place.rglob("*")
            if path.is_file() and not path.is_symlink()
        )


def test_a_pipe_in_place_of_a_key_does_not_hang(desk: Desk, camera: Camera, office: Path) -> None:
    for name in ("identity.pem", "keys/current"):
        path = camera.root / name
        path.unlink(missing_ok=True)
        os.mkfifo(path)
    said = desk("offload", office, "--same-disk")
    assert (said.code, "identity.pem" in said.err) == (64, True)


@pytest.mark.parametrize("command", [COMMANDS[0], COMMANDS[1], COMMANDS[4]], ids=" ".join)
def test_a_link_in_place_of_the_reserve_takes_no_room_elsewhere(
    command: tuple[str, ...], desk: Desk, camera: Camera, office: Path, elsewhere: Path
) -> None:
    assert office.is_dir()
    (camera.root / reserved_space.NAME).unlink(missing_ok=True)
    (camera.root / reserved_space.NAME).symlink_to(elsewhere / "thesis.new")
    before = everything(elsewhere)
    said = desk(*command)
    if command == COMMANDS[1]:  # which is the one that fills it
        assert said.code == EX_IOERR
        assert "a symbolic link stands there, which is not what a camera leaves" in said.err
    assert everything(elsewhere) == before


def test_no_key_is_read_through_a_link(
    desk: Desk, camera: Camera, office: Path, elsewhere: Path
) -> None:
    """By a key that is not on the card the card's ledger would be checked."""
    (path,) = (camera.root / "keys").glob("*.jwk")
    path.rename(elsewhere / path.name)
    path.symlink_to(elsewhere / path.name)
    said = desk("offload", office, "--same-disk")
    assert (said.code, said.out) == (EX_CONFIG, "")
    assert f"{path}: the key cannot be read: Too many levels of symbolic links" in said.err
    assert not list(office.iterdir())


def test_no_thumbprint_is_read_through_a_link(camera: Camera, elsewhere: Path) -> None:
    (elsewhere / "current").write_text(f"{KEY.public.thumbprint}\n")
    current = camera.root / "keys" / "current"
    current.symlink_to(elsewhere / "current")
    assert not identity.is_confirmed(str(camera.root))
    current.unlink()
    (elsewhere / "current").rename(current)
    assert identity.is_confirmed(str(camera.root))


def test_a_link_in_place_of_a_recording_is_named_by_no_id(
    desk: Desk, camera: Camera, elsewhere: Path
) -> None:
    """An export has the file as it was found."""
    path = camera.recordings / f"{ONE}.tar"
    led_away(path, elsewhere / "letter.tar")
    for command in ("show", "verify", "hold"):
        more = ("--reason", "r", "--who", "w") if command == "hold" else ()
        said = desk("evidence", command, ONE, "--state", "state", *more)
        # What lies there is damage, as on the page of the format.
        assert (said.code, said.out) == (2 if command == "verify" else EX_IOERR, "")
        assert f"{path}: cannot use the recording: " in said.err


def test_odd_files_among_the_recordings_are_told_and_the_others_are_copied(
    desk: Desk, camera: Camera, office: Path, elsewhere: Path, caplog: pytest.LogCaptureFixture
) -> None:
    odd = {
        "pipe": TWO.replace("-000002-", "-000003-"),
        "link": TWO.replace("-000002-", "-000004-"),
        "directory": TWO.replace("-000002-", "-000005-"),
    }
    places = {name: camera.recordings / f"{id_}.tar" for name, id_ in odd.items()}
    os.mkfifo(places["pipe"])
    places["link"].symlink_to(elsewhere / "letter.tar")
    places["directory"].mkdir()
    (camera.recordings / "two\nlines.tar").write_bytes(b"")
    (camera.recordings / "..\\..\\x.tar").write_bytes(b"")
    before = everything(elsewhere)
    said = desk("offload", office, "--same-disk")
    assert said.out.startswith("1 acknowledged, 0 were there")
    for name, path in places.items():
        why = "cannot read the recording" if name == "directory" else "this is no regular file"
        assert f"this recording cannot be listed: {path}: {why}" in caplog.text
    (holding,) = [path for path in office.iterdir() if path.name != "office"]
    assert [path.name for path in (holding / RECORDINGS).iterdir()] == [f"{ONE}.tar"]
    assert everything(elsewhere) == before


@pytest.mark.parametrize("more", ["", UNREADABLE])
def test_a_ledger_that_calls_somebody_s_file_a_deleted_recording_deletes_nothing(
    more: str, desk: Desk, camera: Camera, office: Path, elsewhere: Path
) -> None:
    """The card's own key signs the card's ledger: whoever has the card writes what they like."""
    name = f"../../{elsewhere.name}/letter{more}"
    (elsewhere / f"letter{UNREADABLE}").write_bytes(b"mine")
    with camera.open() as store:
        store.ledger.append("deleted", id=name, final="f" * 64, why="expired", age_us=99 * DAY)
    before = everything(elsewhere)
    desk("offload", office, "--same-disk")
    assert everything(elsewhere) == before


def test_a_ledger_that_is_larger_than_any_is_refused(
    desk: Desk, camera: Camera, office: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a sparse file of a terabyte, memory would hold the zeros."""
    asked: list[int | None] = []
    read = log_segments.read_plain

    def look(path: str, what: str, most: int | None = None) -> bytes:
        asked.append(most)
        return read(path, what, most)

    monkeypatch.setattr(log_segments, "read_plain", look)
    monkeypatch.setattr(log_segments, "_LARGEST", 4096)
    with (camera.root / "ledger" / "000001.jws").open("r+b") as file:
        file.truncate(1 << 40)
    said = desk("offload", office, "--same-disk")
    assert (said.code, said.out) == (EX_IOERR, "")
    assert "which no camera writes: treat the card" in said.err
    assert set(asked) == {4097}


@pytest.mark.parametrize("name", ["", "recordings", "receipts", "ledger", "earlier-ledger"])
def test_a_link_in_the_office_s_directory_leads_nowhere(
    name: str, desk: Desk, camera: Camera, office: Path, elsewhere: Path
) -> None:
    """It may be a stick that was elsewhere in between."""
    holding = office / holding_name("cam-1", KEY.public)
    if name:
        (holding / "recordings").mkdir(parents=True)
        place = holding / name
        if place.exists():
            place.rmdir()
    else:
        place = holding
    place.symlink_to(elsewhere)
    before = everything(elsewhere)
    said = desk("offload", office, "--same-disk")
    assert said.code == EX_IOERR, said
    assert f"{place}: cannot " in said.err
    assert everything(elsewhere) == before


def test_what_only_looks_writes_nothing_onto_the_card(desk: Desk, camera: Camera) -> None:
    Path("key.pem").write_text(KEY.public.pem)
    (camera.recordings / "x.new").write_bytes(b"of a write that was cut off")
    before = everything(camera.root)
    for command in COMMANDS[2:4]:
        desk(*command)
    desk("evidence", "show", ONE, "--state", "state")
    assert everything(camera.root) == before


def test_the_state_directory_itself_may_be_a_link(
    desk: Desk, camera: Camera, office: Path, tmp_path: Path
) -> None:
    """A person named it."""
    (tmp_path / "mounted").symlink_to(camera.root)
    said = desk("offload", office, "--same-disk", "--state", tmp_path / "mounted")
    assert (said.code, said.out.startswith("1 acknowledged")) == (0, True), said


def test_no_id_leads_out_of_its_directory(tmp_path: Path) -> None:
    (tmp_path / "recordings").mkdir()
    (tmp_path / "x.tar").write_bytes(b"")
    place = device_place(str(tmp_path))
    assert place.files_of("../x") == []
    (tmp_path / "recordings" / f"{ONE}.tar").write_bytes(b"")
    (tmp_path / "recordings" / f"{ONE}{UNREADABLE}").write_bytes(b"")
    assert [len(place.files_of(one)) for one in (ONE, f"{ONE}{UNREADABLE}")] == [1, 1]
