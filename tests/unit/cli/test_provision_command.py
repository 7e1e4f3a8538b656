"""`camerad provision`: from the office's desk to a camera and back to its register."""

from __future__ import annotations

import csv
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyrage
import pytest
import yaml
from authority import authority
from msgspec.structs import replace

from camerad.base.errors import EX_CANTCREAT, EX_CONFIG, EX_IOERR, EX_NOPERM, EX_TEMPFAIL, EX_USAGE
from camerad.config.provisioning import NAME
from camerad.container.keys import PublicKey, SigningKey, read_public_key
from camerad.evidence import camera_register, office_key_file, provisioning_files
from camerad.evidence.labels import URN
from camerad.provisioning import publishing, signing
from tests.unit.cli.conftest import Desk
from tests.unit.cli.provision_steps import NEW, Camera, made
from tests.unit.cli.qr_codes import read_qr
from tests.unit.provisioning.scene import DESK, OTHER_CAMERA

# ------------------------------------------------------------------------------------------ office


def test_a_new_file_is_in_order_and_says_what_to_do_with_it(desk: Desk, tmp_path: Path) -> None:
    said = desk("provision", "new", "--device", "camera-07", *NEW, "--output", tmp_path / "07")
    assert said.code == 0
    assert "copy both files onto its card" in said.out
    assert "keep a copy where no fire reaches both" in said.err, "the key was made"
    assert {path.name for path in (tmp_path / "07").iterdir()} == {NAME, signing.NAME}
    told = desk("provision", "check", tmp_path / "07" / NAME)
    key = office_key_file.load_or_create_key(str(tmp_path / "config/camerad/office.pem"))[0].public
    assert (told.code, told.out) == (
        0,
        f"{tmp_path / '07' / NAME}: in order, signed by your office's key, {key.thumbprint}; what "
        f"it records can be opened by {DESK}\n",
    )


ROOT = Path(__file__).parents[3]
SPARE = str(pyrage.x25519.Identity.generate().to_public())


def test_a_camera_that_one_key_alone_can_open_is_warned_of(desk: Desk, tmp_path: Path) -> None:
    """Whoever loses it, or its passphrase, has lost all that was recorded."""
    one = ("provision", "new", "--device", "camera-07", *NEW)
    said = desk(*one, "--output", tmp_path / "07")
    assert said.code == 0
    assert "only 1 key opens" in said.err
    assert "camerad keys new" in said.err
    for action in ("sign", "check"):
        again = desk("provision", action, tmp_path / "07" / NAME)
        assert (again.code, "only 1 key opens" in again.err) == (0, True), action
    both = desk(*one, "--recipient", SPARE, "--output", tmp_path / "08")
    assert (both.code, both.err) == (0, "")
    assert desk("provision", "sign", tmp_path / "08" / NAME).err == ""


def test_a_file_by_which_nothing_is_recorded_is_warned_of(desk: Desk, tmp_path: Path) -> None:
    path = made(desk, tmp_path / "07") / NAME
    path.write_text(path.read_text().replace(f"recipients:\n  - {DESK}\n", "recipients: []\n"))
    for action in ("sign", "check"):
        said = desk("provision", action, path)
        assert (said.code, "records nothing" in said.err) == (0, True), said.err


def test_of_many_cameras_those_that_one_key_alone_can_open_are_counted(
    desk: Desk, tmp_path: Path
) -> None:
    template = made(desk, tmp_path / "07") / NAME
    table = tmp_path / "cameras.csv"
    table.write_text("device.id\ncamera-02\ncamera-03\n")
    said = desk("provision", "batch", template, table, "--output", tmp_path / "cards")
    assert said.code == 0, said.err
    (line,) = said.err.splitlines()
    assert "camera-02, camera-03: only 1 key opens" in line


def test_a_sound_file_of_another_office_is_told_before_it_sets_up_a_camera(
    desk: Desk, tmp_path: Path
) -> None:
    theirs = made(desk, tmp_path / "07", "camera-07", "--office-key", tmp_path / "stranger.pem")
    unknown = desk("provision", "check", theirs / NAME)
    assert unknown.code == 0, "no key at hand to compare with"
    assert "your office's key" not in unknown.out
    assert "it is unknown whether that is your office" in unknown.out
    made(desk, tmp_path / "08", "camera-08")
    said = desk("provision", "check", theirs / NAME)
    assert (said.code, said.out) == (EX_CONFIG, "")
    assert "it makes the camera theirs" in said.err


def test_the_examples_in_a_new_file_are_right_once_they_are_uncommented(
    desk: Desk, tmp_path: Path
) -> None:
    path = made(desk, tmp_path / "07") / NAME
    text = re.sub(r"(?m)^# (time|ssh|wifi):", r"\1:", path.read_text())
    text = text.replace("AAAA...", "AAAAC3NzaC1lZDI1NTE5AAAAI" + "A" * 43).replace(
        '"..."', '"12345678"'
    )
    path.write_text(text)
    assert desk("provision", "sign", path).code == 0
    assert desk("provision", "check", path).code == 0


def test_a_file_that_was_edited_is_no_longer_signed_until_it_is_signed_again(
    desk: Desk, tmp_path: Path
) -> None:
    path = made(desk, tmp_path / "07") / NAME
    path.write_text(path.read_text() + "camera: {fps: 25}\n")
    said = desk("provision", "check", path)
    assert said.code == EX_CONFIG
    assert "was changed after it was signed" in said.err
    assert desk("provision", "sign", path).code == 0
    assert desk("provision", "check", path).code == 0
    (path.parent / signing.NAME).unlink()
    assert "is not beside the file" in desk("provision", "check", path).err


def test_a_file_with_mistakes_is_neither_signed_nor_called_in_order(
    desk: Desk, tmp_path: Path
) -> None:
    path = made(desk, tmp_path / "07") / NAME
    before = (path.parent / signing.NAME).read_bytes()
    path.write_text(path.read_text() + "camera: {fps: 100}\n")
    for action in ("sign", "check"):
        said = desk("provision", action, path)
        assert said.code == EX_CONFIG
        assert "camera.fps: 100 is out of range" in said.err
    assert (path.parent / signing.NAME).read_bytes() == before
    path.write_bytes(b"#" * 70_000)
    assert "larger than 64 KiB" in desk("provision", "check", path).err


def test_a_signature_goes_where_it_is_told_to_and_is_checked_from_there(
    desk: Desk, tmp_path: Path
) -> None:
    draft = made(desk, tmp_path / "07") / "draft.yaml"
    (tmp_path / "07" / NAME).rename(draft)
    (tmp_path / "07" / signing.NAME).unlink()
    elsewhere = tmp_path / "signatures" / "07.jws"
    elsewhere.parent.mkdir()
    assert desk("provision", "sign", draft, "--output", elsewhere).code == 0
    assert not (tmp_path / "07" / signing.NAME).exists()
    unsigned = desk("provision", "check", draft)
    assert (unsigned.code, "is not beside the file" in unsigned.err) == (EX_CONFIG, True)
    assert desk("provision", "check", draft, "--signature", elsewhere).code == 0
    missing = desk("provision", "check", draft, "--signature", tmp_path / "typo.jws")
    assert (missing.code, "typo.jws" in missing.err) == (EX_IOERR, True)


def _theirs(place: Path) -> Path:
    """Another office has signed the file, which names the key of this one all the same."""
    key = SigningKey.generate()
    (place / signing.NAME).write_bytes(signing.sign(key, (place / NAME).read_bytes()))
    return place / NAME


def _another_file_s(place: Path) -> Path:
    """The signature belongs to the file that lies beside it."""
    shutil.copy(place / NAME, place / "draft.yaml")
    return place / "draft.yaml"


@pytest.mark.parametrize(
    ("scene", "told"),
    [(_theirs, "a signature by another key"), (_another_file_s, "this is the signature of")],
)
def test_a_signature_of_somebody_or_something_else_is_not_overwritten(
    scene: Callable[[Path], Path], told: str, desk: Desk, tmp_path: Path
) -> None:
    place = made(desk, tmp_path / "07")
    file = scene(place)
    before = (place / signing.NAME).read_bytes()
    said = desk("provision", "sign", file)
    assert (said.code, told in said.err) == (EX_CANTCREAT, True), said.err
    assert "--output" in said.err
    assert (place / signing.NAME).read_bytes() == before


def test_only_what_is_a_signature_or_was_one_gives_way_to_one(desk: Desk, tmp_path: Path) -> None:
    place = made(desk, tmp_path / "07")
    content = (place / NAME).read_bytes()
    said = desk("provision", "sign", place / NAME, "--output", place / NAME)
    assert (said.code, "this is no signature" in said.err) == (EX_CANTCREAT, True)
    assert (place / NAME).read_bytes() == content
    (place / signing.NAME).write_bytes(b"spoilt by an editor")
    assert desk("provision", "sign", place / NAME).code == 0
    assert desk("provision", "check", place / NAME).code == 0


def test_a_file_of_another_office_is_not_signed(desk: Desk, tmp_path: Path) -> None:
    path, other = made(desk, tmp_path / "07") / NAME, tmp_path / "other.pem"
    made(desk, tmp_path / "theirs", "camera-08", "--office-key", other)
    said = desk("provision", "sign", path, "--office-key", other)
    assert said.code == EX_CONFIG
    assert f"but the key in {other} is" in said.err
    path.write_text(re.sub('office_key: "[^"]+"', f'office_key: "{"_" * 43}"', path.read_text()))
    assert "this is no key" in desk("provision", "sign", path).err


def test_before_it_signs_the_office_says_that_a_policy_needs_a_newer_image(
    desk: Desk, tmp_path: Path
) -> None:
    own = tmp_path / "etc" / "policies" / "ours.yaml"
    own.parent.mkdir(parents=True)
    own.write_text((ROOT / "config/policies/generic.yaml").read_text() + "since: 99.0.0\n")
    told = "policy ours comes with camerad 99.0.0: a camera needs an image of that version"
    new = ("--device", "camera-07", "--policy", "ours", "--recipient", DESK)
    said = desk("provision", "new", *new, "--output", tmp_path / "07")
    assert (said.code, said.err.count(told)) == (0, 1)
    for action in ("sign", "check"):
        said = desk("provision", action, tmp_path / "07" / NAME)
        assert (said.code, said.err.count(told)) == (0, 1), action


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (("--device", "camera 07"), "device.id"),
        (("--device", "CON"), "device.id: Windows can make no directory"),
        (("--policy", "nowhere"), 'policy: "nowhere" is no policy'),
        (("--recipient", "age1x"), "recipients"),
        (("--camera-key", "x"), "provision.camera_key"),
    ],
)
def test_what_cannot_be_is_told_and_nothing_is_written(
    more: tuple[str, str], told: str, desk: Desk, tmp_path: Path
) -> None:
    first = ("--device", "camera-07", "--policy", "generic", "--recipient", DESK)
    said = desk("provision", "new", *first, "--output", tmp_path / "x", *more)
    assert said.code == EX_CONFIG
    # No line of a file that nobody has.
    (line,) = said.err.splitlines()
    assert line.removeprefix("camerad: ").startswith(told)
    assert not (tmp_path / "x").exists()
    assert not (tmp_path / "config").exists(), "nor is a key made for it"


def test_all_that_is_wrong_with_a_new_file_is_told_at_once(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("of somebody's")
    (tmp_path / "office.pem").write_text("no key")
    words = ("--device", "camera 07", "--policy", "nowhere", "--recipient", "age1x")
    places = ("--output", tmp_path / "file", "--office-key", tmp_path / "office.pem")
    said = desk("provision", "new", *words, *places)
    assert said.code == EX_CONFIG
    for told in ("this is no directory", "office.pem: ", "device.id", '"nowhere"', "recipients"):
        assert told in said.err, told
    assert len(said.err.splitlines()) == 5
    assert (tmp_path / "office.pem").read_text() == "no key"


def test_where_this_user_may_not_write_is_told_before_a_key_is_made(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever runs the tests may be root, who may write everywhere."""
    monkeypatch.setattr(provisioning_files.os, "access", lambda path, _: path != str(tmp_path))
    said = desk("provision", "new", "--device", "x", *NEW, "--output", tmp_path / "07")
    assert said.code == EX_NOPERM
    assert f"{tmp_path}: cannot write into the directory: Permission denied; " in said.err
    assert not (tmp_path / "config").exists()


def test_a_table_with_mistakes_makes_no_key(desk: Desk, tmp_path: Path) -> None:
    template = tmp_path / NAME
    template.write_text(f"policy: generic\nrecipients: [{DESK}]\n")
    table = tmp_path / "cameras.csv"
    table.write_text("device.id,language\ncamera-07,de\ncamera-08,xx\n")
    said = desk("provision", "batch", template, table, "--output", tmp_path / "made")
    assert said.code == EX_CONFIG
    assert "language" in said.err
    assert not (tmp_path / "config").exists()
    table.write_text("device.id\ncamera-07\n")
    assert desk("provision", "batch", template, table, "--output", tmp_path / "made").code == 0
    assert desk("provision", "check", tmp_path / "made/camera-07" / NAME).code == 0


def test_a_file_that_is_not_there_is_told_as_such(desk: Desk, tmp_path: Path) -> None:
    for action in ("check", "sign"):
        said = desk("provision", action, tmp_path / "typo.yaml")
        assert said.code == EX_IOERR
        assert "typo.yaml: cannot read the file: there is no such file; name another" in said.err


def test_a_file_that_is_there_is_not_overwritten(desk: Desk, tmp_path: Path) -> None:
    path = made(desk, tmp_path / "07") / NAME
    before = path.read_bytes()
    said = desk("provision", "new", "--device", "x", *NEW, "--output", tmp_path / "07")
    assert said.code == EX_CANTCREAT
    assert path.read_bytes() == before


@pytest.mark.parametrize("place", ["file", "file/deeper", "link"])
def test_a_file_in_the_place_of_the_directory_is_told_before_a_key_is_made(
    place: str, desk: Desk, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("of somebody's")
    (tmp_path / "link").symlink_to("nowhere")
    in_place = tmp_path / Path(place).parts[0]
    said = desk("provision", "new", "--device", "x", *NEW, "--output", tmp_path / place)
    assert (said.code, said.err) == (
        EX_CANTCREAT,
        f"camerad: {in_place}: this is no directory, so nothing was written; "
        "name another place with --output\n",
    )
    assert (tmp_path / "file").read_text() == "of somebody's"
    assert not (tmp_path / "config").exists()


def test_a_signature_below_a_file_is_told_once(desk: Desk, tmp_path: Path) -> None:
    file = made(desk, tmp_path / "07") / NAME
    said = desk("provision", "sign", file, "--output", file / "07.jws")
    assert said.code == EX_IOERR
    assert said.err.endswith(
        ": Not a directory; part of this path is a file; name another place, or move that file "
        "away\n"
    )


def test_wrong_usage_is_told(desk: Desk) -> None:
    assert desk("provision", "new", "--device", "x").code == EX_USAGE


# ------------------------------------------------------------------------------------------- table


def table(path: Path, rows: list[dict[str, str]], **dialect: Any) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), **dialect)
        writer.writeheader()
        writer.writerows(rows)
    return path


TWENTY = [
    {"device.id": f"camera-{number:02}", "buttons.main.gpio": str(5 if number % 2 else 17)}
    for number in range(1, 21)
]


@pytest.mark.parametrize("delimiter", [",", ";"])
def test_twenty_cameras_have_their_files_at_once(
    delimiter: str, desk: Desk, tmp_path: Path
) -> None:
    """The second is what a German desktop writes."""
    template = made(desk, tmp_path / "first") / NAME
    cameras = table(tmp_path / "cameras.csv", TWENTY, delimiter=delimiter)
    said = desk("provision", "batch", template, cameras, "--output", tmp_path / "out")
    assert (said.code, said.out) == (0, f"{tmp_path / 'out'}: 20 cameras\n")
    for row in TWENTY:
        path = tmp_path / "out" / row["device.id"] / NAME
        found = provisioning_files.parse_file(str(path), path.read_bytes())
        assert found.settings.device.id == row["device.id"]
        assert str(found.settings.buttons[0].gpio) == row["buttons.main.gpio"]
        assert signing.parse((path.parent / signing.NAME).read_bytes())
    assert desk("provision", "check", tmp_path / "out" / "camera-20" / NAME).code == 0


def test_a_table_is_written_as_a_whole_or_not_at_all(desk: Desk, tmp_path: Path) -> None:
    """What was made before may be on cards already, or be half of what was to be made."""
    template, out = made(desk, tmp_path / "first") / NAME, tmp_path / "out"
    cameras = table(tmp_path / "cameras.csv", TWENTY)
    batch = ("provision", "batch", template, cameras, "--output", out)
    (out / "camera-19").mkdir(parents=True)
    (out / "camera-19" / signing.NAME).write_text("half of it")
    said = desk(*batch)
    assert (said.code, said.out) == (EX_CANTCREAT, "")
    assert said.err == (
        f"camerad: {out / 'camera-19'}: there is a file for a camera already, so nothing was "
        "written; name another directory with --output, or remove what is there\n"
    )
    assert [str(path.relative_to(out)) for path in out.rglob("*.*")] == [
        f"camera-19/{signing.NAME}"
    ]
    (out / "camera-19" / signing.NAME).unlink()
    assert desk(*batch).code == 0
    before = {path: path.read_bytes() for path in out.rglob("*.*")}
    said = desk(*batch)
    assert said.code == EX_CANTCREAT
    first = ", ".join(str(out / f"camera-0{number}") for number in (1, 2, 3))
    assert f"{first} and 17 more: there is a file" in said.err
    assert {path: path.read_bytes() for path in out.rglob("*.*")} == before


def test_every_mistake_of_every_row_is_named_before_anything_is_written(
    desk: Desk, tmp_path: Path
) -> None:
    template = made(desk, tmp_path / "first") / NAME
    rows = [
        {"device.id": "camera-01", "camera.fps": "100", "wifi.ssid": "", "wifi.passphrase": ""},
        {"device.id": "camera-02", "camera.fps": "", "wifi.ssid": "x", "wifi.passphrase": "zu"},
        {
            "device.id": "camera-03",
            "camera.fps": "25",
            "wifi.ssid": "x",
            "wifi.passphrase": "y" * 9,
        },
        {"device.id": "camera-03", "camera.fps": "25", "wifi.ssid": "", "wifi.passphrase": ""},
    ]
    cameras = table(tmp_path / "cameras.csv", rows)
    said = desk("provision", "batch", template, cameras, "--output", tmp_path / "out")
    assert said.code == EX_CONFIG
    told = said.err.splitlines()
    # No line but that of the table: what it was made into is a text that nobody has.
    assert f"{cameras}:2 (camera-01): camera.fps: 100" in told[0]
    assert f"{cameras}:3 (camera-02): wifi.passphrase" in told[1]
    assert [line for line in told if "another row has the same name" in line] == told[2:]
    assert not (tmp_path / "out").exists()


def test_a_table_that_names_another_office_is_for_no_camera(desk: Desk, tmp_path: Path) -> None:
    template = made(desk, tmp_path / "template") / NAME
    stranger = provisioning_files.encode_key(SigningKey.generate().public)
    rows = [
        {"device.id": "camera-01", "provision.office_key": ""},
        {"device.id": "camera-02", "provision.office_key": stranger},
    ]
    cameras = table(tmp_path / "cameras.csv", rows)
    said = desk("provision", "batch", template, cameras, "--output", tmp_path / "out")
    assert said.code == EX_CONFIG
    assert f"{cameras}:3 (camera-02): provision.office_key names the office's key" in said.err
    assert not (tmp_path / "out").exists()


def test_names_that_are_one_directory_on_a_stick_are_one_name(desk: Desk, tmp_path: Path) -> None:
    template = made(desk, tmp_path / "template") / NAME
    names = ("Camera-01", "camera-02", "camera-01", "camera-03", "camera-03.", "camera-1")
    rows = [{"device.id": name} for name in names]
    cameras = table(tmp_path / "cameras.csv", rows)
    said = desk("provision", "batch", template, cameras, "--output", tmp_path / "out")
    assert said.code == EX_CONFIG
    assert [line.split(" device.id")[0] for line in said.err.splitlines()] == [
        f"camerad: {cameras}:2 (Camera-01):",
        f"{cameras}:4 (camera-01):",
        f"{cameras}:5 (camera-03):",
        f"{cameras}:6 (camera-03.):",
    ]
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"name\ncamera-01\n", "a column device.id is needed"),
        (b"", "a column device.id is needed"),
        (b"device.id\n", "0 cameras"),
        (b"device.id,wifi.ssid\ncamera-01\n", ":2: this row has another number of columns"),
        (b"device.id\ncamera-01,x\n", ":2: this row has another number of columns"),
        (b"device.id\n\xff\n", ":2: not UTF-8"),
        ("device.id;note\ncamera-01;Straße\n".encode("cp1252"), ":2: not UTF-8"),
        ("device.id\ncamera-01\n".encode("utf-16"), ":1: not UTF-8"),
        (b"device.id,camera.fps,camera.fps\nx,25,30\n", "two columns are called camera.fps"),
        (b"device.id,\nx,y\n", ":2: there is something in a column without a name"),
        (b"device.id,camera.fps\nx,25\n,25\n", ":3: device.id is empty"),
        (b"device.id\n=1+1\n", ":2 (=1+1): device.id: "),
        (b"device.id\n../x\n", ":2 (../x): device.id: "),
        (b"device.id,camera.fps.x\nx,25\n", "camera.fps: found a section"),
        (b"device.id,nothing.of.it\nx,25\n", "nothing: unknown key"),
        (b"device.id\n" + b"#" * (4 << 20), "larger than 4 MiB"),
        (b'device.id,wifi.ssid\ncamera-01,"x"y\n', ":2: "),
        (b"device.id\n" + b"x\n" * 1001, "1001 cameras"),
    ],
)
def test_a_table_that_is_none_is_told(
    content: bytes, told: str, desk: Desk, tmp_path: Path
) -> None:
    template = made(desk, tmp_path / "first") / NAME
    (tmp_path / "t.csv").write_bytes(content)
    said = desk("provision", "batch", template, tmp_path / "t.csv", "--output", tmp_path / "out")
    assert said.code == EX_CONFIG
    assert told in said.err


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_what_a_spreadsheet_adds_to_a_table_changes_nothing(
    delimiter: str, desk: Desk, tmp_path: Path
) -> None:
    """A byte order mark, spaces around words, lines that end as on Windows, empty rows and columns,
    a cell with two lines."""
    template = made(desk, tmp_path / "first") / NAME
    rows = (
        [" device.id ", "camera.fps", ""],
        ["camera-01 ", '"25\r\n"', ""],
        [""] * 3,
        ["x", "30", ""],
    )
    lines = "".join(f"{delimiter.join(row)}\r\n" for row in rows)
    (tmp_path / "t.csv").write_bytes(b"\xef\xbb\xbf" + lines.encode() + b"\r\n")
    said = desk("provision", "batch", template, tmp_path / "t.csv", "--output", tmp_path / "out")
    assert (said.code, said.out) == (0, f"{tmp_path / 'out'}: 2 cameras\n"), said.err
    path = tmp_path / "out" / "camera-01" / NAME
    assert provisioning_files.parse_file(str(path), path.read_bytes()).settings.camera.fps == 25


def test_a_cell_is_what_its_setting_wants_however_it_looks(desk: Desk, tmp_path: Path) -> None:
    """YAML would read these as numbers, false, and one word."""
    template = made(desk, tmp_path / "first") / NAME
    row = {
        "device.id": "0815",
        "wifi.ssid": "1e5",
        "wifi.passphrase": "12345678",
        "wifi.country": "NO",
        "time.servers": "ntp1.example ntp2.example",
        "self_view.mirror": "false",
        "buttons.main.gpio": "5",
    }
    cameras = table(tmp_path / "cameras.csv", [row])
    said = desk("provision", "batch", template, cameras, "--output", tmp_path / "out")
    assert said.code == 0, said.err
    path = tmp_path / "out" / "0815" / NAME
    found = provisioning_files.parse_file(str(path), path.read_bytes())
    assert found.file.wifi is not None
    assert (found.file.wifi.ssid, found.file.wifi.passphrase) == ("1e5", "12345678")
    assert found.file.wifi.country == "NO"
    assert found.file.time.servers == ("ntp1.example", "ntp2.example")
    assert found.settings.self_view.mirror is False
    assert found.settings.buttons[0].gpio == 5


def test_one_camera_s_key_does_not_get_from_the_template_into_another_s_file(
    desk: Desk, tmp_path: Path
) -> None:
    cameras = table(tmp_path / "cameras.csv", [{"device.id": "camera-08"}])
    later = made(desk, tmp_path / "later", "camera-07", "--camera-key", OTHER_CAMERA)
    batch = ("provision", "batch", later / NAME, cameras, "--output", tmp_path / "out")
    assert desk(*batch).code == 0
    written = yaml.safe_load((tmp_path / "out/camera-08" / NAME).read_text())
    assert "camera_key" not in written["provision"]
    reset = made(desk, tmp_path / "reset", "camera-07", "--reset", OTHER_CAMERA)
    said = desk("provision", "batch", reset / NAME, cameras, "--output", tmp_path / "out2")
    assert said.code == EX_CONFIG
    assert "provision.reset: one camera's key" in said.err
    (tmp_path / "bare.yaml").write_text(f"policy: generic\nrecipients: [{DESK}]\n")
    bare = ("provision", "batch", tmp_path / "bare.yaml", cameras, "--output", tmp_path / "out3")
    assert desk(*bare).code == 0, "what a template need not have"


def test_a_camera_that_the_register_does_not_know_is_told(desk: Desk, tmp_path: Path) -> None:
    """Its file has no key, and would be refused by a camera that has had one."""
    template = made(desk, tmp_path / "first") / NAME
    camera, book = Camera(desk, tmp_path / "camera"), tmp_path / "register.json"
    camera.life(tmp_path / "first")
    rows = [{"device.id": "camera-07"}, {"device.id": "camera-08"}]
    cameras = table(tmp_path / "cameras.csv", rows)
    batch = ("provision", "batch", template, cameras, "--output", tmp_path / "out")
    said = desk(*batch, "--register", book)
    assert said.code == EX_CONFIG
    assert "there is no such register" in said.err and not (tmp_path / "out").exists()
    assert desk("provision", "collect", camera.boot, "--register", book).code == 0
    said = desk(*batch, "--register", book)
    assert said.code == 0
    assert f"{book}: has no camera-08: a camera accepts such a file only as its first" in said.err


def test_a_mistake_of_the_template_is_told_once_and_blamed_on_no_row(
    desk: Desk, tmp_path: Path
) -> None:
    template = made(desk, tmp_path / "first") / NAME
    said = yaml.safe_load(template.read_text())
    template.write_text(yaml.safe_dump(said | {"camera": {"fps": 1000}}))
    rows = [
        {"device.id": "camera-01", "wifi.ssid": "Dock"},
        {"device.id": "camera-02", "wifi.ssid": ""},
    ]
    cameras = table(tmp_path / "cameras.csv", rows)
    said = desk("provision", "batch", template, cameras, "--output", tmp_path / "out")
    assert said.code == EX_CONFIG
    told = [line.removeprefix("camerad: ") for line in said.err.splitlines()]
    (fps,) = [line for line in told if "camera.fps" in line]
    assert fps.startswith(f"{template}: camera.fps")
    # What the row says is its own.
    assert all(line.startswith((f"{template}: ", f"{cameras}:2 ")) for line in told), told


def test_a_template_that_is_none_is_told(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "t.yaml").write_text("[x]\n")
    cameras = table(tmp_path / "cameras.csv", TWENTY)
    said = desk("provision", "batch", tmp_path / "t.yaml", cameras, "--output", tmp_path / "out")
    assert said.code == EX_CONFIG
    assert "this is no provisioning file" in said.err


# ---------------------------------------------------------------------------------------- register


def test_a_camera_goes_from_its_file_into_the_register_and_on_to_its_second_file(
    desk: Desk, tmp_path: Path
) -> None:
    camera = Camera(desk, tmp_path / "camera")
    thumbprint = camera.life(made(desk, tmp_path / "first"))
    book, keys = tmp_path / "register.json", tmp_path / "keys"
    said = desk("provision", "collect", camera.boot, "--register", book, "--keys", keys)
    line, hint = said.out.splitlines()
    assert (said.code, line) == (0, f"camera-07  {thumbprint}  doctor: not run")
    assert hint == "If the office has a server, put the register there as well (docs/office.md)."
    (entry,) = camera_register.read(str(book)).cameras
    assert (entry.name, entry.thumbprint) == ("camera-07", thumbprint)
    assert read_public_key(str(keys / f"camera-07-{thumbprint[:8]}.pem")).thumbprint == thumbprint
    # The next file needs the camera's key, which the register has.
    cameras = table(tmp_path / "cameras.csv", [{"device.id": "camera-07", "language": "en"}])
    template = tmp_path / "first" / NAME
    batch = ("provision", "batch", template, cameras, "--output", tmp_path / "out")
    assert desk(*batch, "--register", book).code == 0
    written = yaml.safe_load((tmp_path / "out/camera-07" / NAME).read_text())
    assert written["provision"]["camera_key"] == thumbprint
    written["provision"]["serial"] += 1  # both were made within a second
    (tmp_path / "out/camera-07" / NAME).write_text(yaml.safe_dump(written))
    assert desk("provision", "sign", tmp_path / "out/camera-07" / NAME).code == 0
    assert camera.life(tmp_path / "out" / "camera-07") == thumbprint
    assert "language: en" in (camera.data / "camerad.yaml").read_text()
    assert desk("provision", "collect", camera.boot, "--register", book).code == 0
    assert len(camera_register.read(str(book)).cameras) == 1


def test_a_camera_that_was_reset_is_a_conflict_until_somebody_says_why(
    desk: Desk, tmp_path: Path
) -> None:
    camera, book = Camera(desk, tmp_path / "camera"), tmp_path / "register.json"
    former = camera.life(made(desk, tmp_path / "first"))
    collect = ("provision", "collect", camera.boot, "--register", book)
    assert desk(*collect).code == 0
    again = ("--reset", former)
    thumbprint = camera.life(made(desk, tmp_path / "again", "camera-07", *again))
    assert thumbprint != former
    said = desk(*collect)
    assert said.code == EX_CONFIG
    assert f"registered with the key {former}, but its card brings {thumbprint}" in said.err
    assert camera_register.read(str(book)).cameras[0].thumbprint == former
    assert desk(*collect, "--replace", "camera-07").code == 0
    (entry,) = camera_register.read(str(book)).cameras
    assert (entry.thumbprint, entry.former) == (thumbprint, (former,))


def test_two_cards_with_one_name_are_told_also_where_a_name_may_be_replaced(
    desk: Desk, tmp_path: Path
) -> None:
    """Whatever was said with --replace, the last card would have the name and the others none."""
    files, book = made(desk, tmp_path / "07"), tmp_path / "register.json"
    one, two = (Camera(desk, tmp_path / name) for name in ("one", "two"))
    first, second = one.life(files), two.life(files)
    cards = (one.boot, two.boot, one.boot)
    said = desk("provision", "collect", *cards, "--register", book, "--replace", "camera-07")
    assert said.code == EX_CONFIG
    assert said.out.count(first) == 2
    assert f"with the key {first}; this one has {second}" in said.err
    (entry,) = camera_register.read(str(book)).cameras
    assert (entry.thumbprint, entry.former) == (first, ())


def test_what_no_camera_can_have_written_does_not_swell_the_register(
    desk: Desk, tmp_path: Path
) -> None:
    """Anybody can write on a card, and a register of more than 64 MiB is none any more."""
    camera, book = Camera(desk, tmp_path / "camera"), tmp_path / "register.json"
    camera.life(made(desk, tmp_path / "07"))
    path = camera.boot / publishing.DEVICE
    brought = json.loads(path.read_text())
    brought["doctor"] = {f"ok{number}": 1 for number in range(10_000)}
    path.write_text(json.dumps(brought))
    said = desk("provision", "collect", camera.boot, "--register", book)
    assert said.code == EX_CONFIG
    assert "larger than 64 KiB, so no camera wrote this" in said.err
    assert not book.exists()


@pytest.mark.parametrize("option", ["--reset", "--camera-key"])
def test_a_thumbprint_may_begin_like_an_option(option: str, desk: Desk, tmp_path: Path) -> None:
    thumbprint = "-" + "A" * 42
    file = made(desk, tmp_path / "one", "camera-07", option, thumbprint) / NAME
    said = yaml.safe_load(file.read_text())["provision"]
    assert said[option.strip("-").replace("-", "_")] == thumbprint


def test_what_only_looks_like_a_thumbprint_is_none(desk: Desk) -> None:
    said = desk("provision", "new", "-" + "A" * 42)
    assert said.code == EX_USAGE


@pytest.mark.parametrize("more", [(), ("--replace", "camera-07")])
def test_a_camera_that_another_office_s_file_has_set_up_is_never_taken(
    more: tuple[str, ...], desk: Desk, tmp_path: Path
) -> None:
    """A stranger has exchanged the files on a card that lay ready: the office could open what this
    camera records, and so could they."""
    made(desk, tmp_path / "ours")
    stranger = ("--office-key", tmp_path / "stranger.pem")
    theirs = made(desk, tmp_path / "theirs", "camera-07", *stranger)
    camera, book = Camera(desk, tmp_path / "camera"), tmp_path / "register.json"
    thumbprint = camera.life(theirs)
    collect = ("provision", "collect", camera.boot, "--register", book)
    said = desk(*collect, "--keys", tmp_path / "keys", *more)
    assert said.code == EX_CONFIG
    assert "others may open what it records" in said.err and f"--reset {thumbprint}" in said.err
    assert not book.exists() and not (tmp_path / "keys").exists()
    # The advice helps.
    reset = made(desk, tmp_path / "reset", "camera-07", "--reset", thumbprint)
    camera.life(reset)
    assert desk(*collect).code == 0


def test_a_stranger_s_card_takes_the_name_from_none_that_comes_behind_it(
    desk: Desk, tmp_path: Path
) -> None:
    ours, theirs = Camera(desk, tmp_path / "a"), Camera(desk, tmp_path / "b")
    thumbprint = ours.life(made(desk, tmp_path / "ours"))
    stranger = ("--office-key", tmp_path / "stranger.pem")
    theirs.life(made(desk, tmp_path / "theirs", "camera-07", *stranger))
    book = tmp_path / "register.json"
    said = desk("provision", "collect", theirs.boot, ours.boot, "--register", book)
    assert (said.code, said.err.count("camerad: ")) == (EX_CONFIG, 1)
    assert [one.thumbprint for one in camera_register.read(str(book)).cameras] == [thumbprint]


def test_without_the_office_s_key_no_camera_is_taken(desk: Desk, tmp_path: Path) -> None:
    camera, book = Camera(desk, tmp_path / "camera"), tmp_path / "register.json"
    camera.life(made(desk, tmp_path / "first"))
    elsewhere = ("--office-key", tmp_path / "none.pem")
    said = desk("provision", "collect", camera.boot, "--register", book, *elsewhere)
    assert said.code == EX_CONFIG
    assert "there is no office's key" in said.err
    assert not book.exists() and not (tmp_path / "none.pem").exists()


def test_two_cards_with_one_key_are_a_conflict_and_the_others_go_on(
    desk: Desk, tmp_path: Path
) -> None:
    first, book = Camera(desk, tmp_path / "one"), tmp_path / "register.json"
    thumbprint = first.life(made(desk, tmp_path / "first"))
    copy = tmp_path / "copy"
    shutil.copytree(first.boot, copy)
    told = json.loads((copy / publishing.DEVICE).read_text())
    told["device"] = "camera-99"
    (copy / publishing.DEVICE).write_text(json.dumps(told))
    other = Camera(desk, tmp_path / "two")
    other.life(made(desk, tmp_path / "second", "camera-08"))
    said = desk("provision", "collect", first.boot, copy, other.boot, "--register", book)
    assert said.code == EX_CONFIG
    assert f"its key {thumbprint} is registered as camera-07" in said.err
    assert [one.name for one in camera_register.read(str(book)).cameras] == [
        "camera-07",
        "camera-08",
    ]
    # It was renamed, after all.
    renamed = ("provision", "collect", copy, "--register", book, "--replace", "camera-99")
    assert desk(*renamed).code == 0
    assert [one.name for one in camera_register.read(str(book)).cameras] == [
        "camera-08",
        "camera-99",
    ]


@pytest.mark.parametrize(
    ("brought", "told"),
    [
        (None, "there is no such file; put the card into its camera"),
        ("{", "cannot be read"),
        # Whoever wants a desk to collect no card at all lets one of them have this.
        ('{"x": ' + "[" * 60_000, "cannot be read"),
        ({"thumbprint": OTHER_CAMERA}, "not that of the key"),
        ({"version": 2}, "another version"),
        ({"device": None}, "has not been set up yet"),
        ({"device": "../../somewhere"}, "is no name that a camera can have"),
    ],
)
def test_a_card_that_brings_nothing_of_use_is_told(
    brought: Any, told: str, desk: Desk, tmp_path: Path
) -> None:
    camera = Camera(desk, tmp_path / "camera")
    camera.life(made(desk, tmp_path / "first"))
    path = camera.boot / publishing.DEVICE
    if isinstance(brought, dict):
        brought = json.dumps(json.loads(path.read_text()) | brought)
    path.unlink()
    if brought is not None:
        path.write_text(brought)
    book, keys = tmp_path / "register.json", tmp_path / "a" / "b" / "keys"
    said = desk("provision", "collect", camera.boot, "--register", book, "--keys", keys)
    assert said.code == EX_CONFIG
    assert told in said.err
    assert not (tmp_path / "a").exists()
    assert not (tmp_path / "register.json").exists()


def test_what_is_no_register_is_left_alone(desk: Desk, tmp_path: Path) -> None:
    made(desk, tmp_path / "first")  # and with it the office's key
    book = tmp_path / "register.json"
    book.write_text("{}x")
    said = desk("provision", "collect", tmp_path, "--register", book)
    assert said.code == EX_CONFIG
    assert "this is no register" in said.err
    assert book.read_text() == "{}x"
    book.write_text('{"cameras": ' + "[" * 100_000)
    assert "this is no register" in desk("provision", "collect", tmp_path, "--register", book).err


def test_labels_have_name_thumbprint_and_a_code_of_it(desk: Desk, tmp_path: Path) -> None:
    book = tmp_path / "register.json"
    # One key for all runs (RFC 8032, 7.1, test 1): OpenCV misses some two of a hundred codes when
    # they are drawn with edges as sharp as these; blurred or turned a little, it reads them.
    key = PublicKey(
        bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
    )
    camera = camera_register.RegisteredCamera(
        "<b>", key.thumbprint, key.jwk, None, None, None, "now"
    )
    camera_register.write(str(book), camera_register.Register((camera,)))
    said = desk("provision", "labels", book, "--output", tmp_path / "sheet.html")
    assert (said.code, "1 label;" in said.out) == (0, True)
    page = (tmp_path / "sheet.html").read_text()
    assert "&lt;b&gt;" in page and "<b>" not in page
    assert key.thumbprint in re.sub("<[^>]*>", "", page)
    assert read_qr(page) == URN + key.thumbprint
    assert desk("provision", "labels", book, "--output", tmp_path / "sheet.html").code == (
        EX_CANTCREAT
    )
    said = desk("provision", "labels", book, "--language", "de", "--output", tmp_path / "de.html")
    assert (said.code, '<html lang="de">' in (tmp_path / "de.html").read_text()) == (0, True)


def test_there_are_no_labels_of_a_register_that_is_not_there(desk: Desk, tmp_path: Path) -> None:
    said = desk("provision", "labels", tmp_path / "typo.json", "--output", tmp_path / "sheet.html")
    assert said.code == EX_CONFIG
    assert "there is no such register" in said.err
    assert not (tmp_path / "sheet.html").exists()


# ------------------------------------------------------------------------------------------ camera


def test_exit_codes_tell_a_refusal_from_a_card_that_fails(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    camera = Camera(desk, tmp_path / "camera")
    assert desk("provision", "apply", *camera.places).code == 0, "nothing to do"
    directory = made(desk, tmp_path / "first")
    (directory / signing.NAME).write_bytes(b"")
    assert camera.given(directory) == EX_CONFIG
    with monkeypatch.context() as broken:
        broken.setattr("camerad.provisioning.boot_partition._wipe", _fails)
        desk("provision", "sign", directory / NAME)
        assert camera.given(directory) == EX_IOERR
    assert desk("provision", "apply", *camera.places).code == 0


def _fails(path: str) -> None:
    raise office_key_file.storage_errors.explain("write", path, OSError(5, "Input/output error"))


def test_a_camera_whose_daemon_does_not_come_up_leaves_no_key(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publishing, "PATIENCE_SECONDS", 0.0)
    camera = Camera(desk, tmp_path / "camera")
    camera.given(made(desk, tmp_path / "first"))
    assert camera.publish() == EX_TEMPFAIL


def test_a_new_file_names_the_office_s_server_and_who_hands_over_to_it(
    desk: Desk, tmp_path: Path
) -> None:
    office_s, url = authority(), "https://office.example:8443"
    ca = tmp_path / "ca.pem"
    ca.write_text(f"what stands before it\n{office_s.pem}")
    given = ("--office-url", url, "--office-ca", ca)
    path = made(desk, tmp_path / "07", "camera-07", *given) / NAME
    assert desk("provision", "check", path).code == 0
    found = provisioning_files.parse_file(NAME, path.read_bytes()).settings
    assert found.office is not None
    key = office_key_file.load_or_create_key(str(tmp_path / "config/camerad/office.pem"))[0].public
    assert found.office.key == provisioning_files.encode_key(key)
    assert (found.office.url, found.office.ca) == (url, office_s.pem)
    assert found.access.hand_over == ("user:camerad-upload",)
    # The server may have a key of its own.
    own = SigningKey.generate().public
    (tmp_path / "server.jwk").write_text(json.dumps(own.jwk))
    given = (*given, "--office-server-key", tmp_path / "server.jwk")
    with_key = made(desk, tmp_path / "08", "camera-08", *given) / NAME
    other = provisioning_files.parse_file(NAME, with_key.read_bytes()).settings.office
    assert other == replace(found.office, key=provisioning_files.encode_key(own))
    # And so do those that are made from it.
    table = tmp_path / "cameras.csv"
    table.write_text("device.id\ncamera-02\n")
    said = desk("provision", "batch", path, table, "--output", tmp_path / "cards")
    assert said.code == 0, said.err
    second = (tmp_path / "cards/camera-02" / NAME).read_bytes()
    assert provisioning_files.parse_file(NAME, second).settings.office == found.office


def test_a_server_that_cannot_be_is_told_and_nothing_is_written(desk: Desk, tmp_path: Path) -> None:
    good, url = tmp_path / "ca.pem", ("--office-url", "https://office.example")
    good.write_text(authority().pem)
    for name, text in (
        ("none.pem", "no certificate"),
        ("two.pem", authority().pem * 2),
        ("leaf.pem", authority(ca=False).pem),
    ):
        (tmp_path / name).write_text(text)
    new = ("provision", "new", "--device", "camera-07", *NEW, "--output", tmp_path / "07")
    for options, code, what in (
        (url, EX_USAGE, "both --office-url and --office-ca"),
        (("--office-ca", good), EX_USAGE, "both --office-url and --office-ca"),
        ((*url, "--office-ca", tmp_path / "none.pem"), EX_CONFIG, "no certificate in PEM"),
        ((*url, "--office-ca", tmp_path / "two.pem"), EX_CONFIG, "2 certificates"),
        ((*url, "--office-ca", tmp_path / "leaf.pem"), EX_CONFIG, "no authority's certificate"),
        ((*url, "--office-ca", tmp_path / "gone.pem"), EX_IOERR, "gone.pem"),
        (("--office-url", "http://a", "--office-ca", good), EX_CONFIG, "office.url"),
        (("--office-server-key", good), EX_USAGE, "both --office-url and --office-ca"),
        (
            (*url, "--office-ca", good, "--office-server-key", good),
            EX_CONFIG,
            "not the server's public key",
        ),
    ):
        said = desk(*new, *options)
        assert (said.code, what in said.err) == (code, True), said.err
        assert not (tmp_path / "07").exists()
