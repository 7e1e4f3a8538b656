"""`camerad office find` and `reindex`: what a desk types until there is a page."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from desk_helpers import KEY, ONE, THREE, TWO, Camera
from state_helpers import revoked_in

from camerad.base.clock import DAY, ManualClock
from camerad.base.errors import EX_CONFIG, EX_USAGE
from camerad.container.keys import KeyRing
from camerad.evidence import camera_register
from camerad.evidence.camera_register import Register
from camerad.evidence.office_key_file import load_key
from camerad.evidence.office_store import open_office_store
from camerad.store.locations import office_place
from tests.unit.cli.conftest import Desk

HOUR = DAY // 24


@pytest.fixture
def directory(desk: Desk, tmp_path: Path) -> Path:
    """An office with three recordings that came by stick: the second is marked and was worn."""
    assert desk("office", "init", "archive", "--url", "https://office.example").code == 0
    camera = Camera(tmp_path / "camera")
    camera.put(ONE)
    camera.put(TWO, marks=(500_000,), wearer="W-0815", later_us=HOUR)
    camera.put(THREE, later_us=2 * HOUR)
    camera.offload(tmp_path / "archive")
    return tmp_path / "archive"


def found(desk: Desk, *words: str) -> list[str]:
    said = desk("office", "find", "--json", *words)
    assert said.code == 0, said.err
    return [one["id"] for one in json.loads(said.out)["recordings"]]


def test_it_finds_by_what_a_person_knows(desk: Desk, directory: Path) -> None:
    assert found(desk) == [THREE, TWO, ONE]
    assert found(desk, "--mark") == found(desk, "--wearer", "W-0815") == [TWO]
    assert found(desk, "--camera", "cam-1") == [THREE, TWO, ONE]
    assert found(desk, "--camera", KEY.public.thumbprint, "--limit", "1") == [THREE]
    assert found(desk, "--from", "2026-11-24T16:00", "--to", "2026-11-24T17:00", "--utc") == [TWO]
    assert found(desk, "--from", "2026-11-24T17:30+01:00", "--to", "2026-11-25") == [THREE, TWO]
    assert found(desk, "--state", "deleted") == found(desk, "--held") == []


def test_a_table_says_what_the_list_says_and_that_nothing_was_checked(
    desk: Desk, directory: Path
) -> None:
    said = desk("office", "find", "--utc", "--limit", "2")
    lines = said.out.splitlines()
    assert lines[0].split()[:4] == ["ID", "CAMERA", "WEARER", "START"]
    assert lines[2].split()[:3] == [TWO, "cam-1", "W-0815"]
    assert "marked" in lines[2]
    assert "not ingested yet" in lines[2]
    assert "nothing was checked here" in lines[3]
    (mark,) = said.err.split("--after ")[1:]
    assert found(desk, "--after", mark.strip()) == [ONE]
    assert desk("office", "find", "--wearer", "W-1").out == "no recording matches\n"


def test_it_tells_the_deleted_the_held_and_the_due(
    desk: Desk, directory: Path, tmp_path: Path
) -> None:
    key = ("--office-key", tmp_path / "config/camerad/office.pem")
    jwk = tmp_path / "cam.jwk"
    jwk.write_text(json.dumps(KEY.public.jwk))
    words = ("--state", directory, *key, "--key", jwk, "--trust-clock")
    held = ("--reason", "1 Js 1/26", "--who", "Desk")
    assert desk("evidence", "hold", THREE, *words, *held).code == 0
    said = desk("office", "find", "--utc", "--due-before", "2027-01-01")
    assert [line.split()[0] for line in said.out.splitlines()[1:-1]] == [ONE, TWO]
    assert "2026-12-08" in said.out
    assert "held: 1 Js 1/26" in desk("office", "find", "--held").out
    quarantined = directory / "office" / "quarantine" / KEY.public.thumbprint
    quarantined.mkdir(parents=True)
    (quarantined / f"{ONE}.tar").write_bytes(b"odd")
    (quarantined / f"{ONE}.json").write_text(json.dumps({"why": "a chain that breaks"}))
    assert (
        "quarantined: a chain that breaks" in desk("office", "find", "--state", "quarantined").out
    )


def test_a_time_that_is_none_is_refused(desk: Desk, directory: Path) -> None:
    for word in ("--from", "--to", "--due-before"):
        for when in ("yesterday", "2026-13-01", ""):
            said = desk("office", "find", word, when)
            assert (said.code, "write it like 2026-11-28" in said.err) == (EX_USAGE, True), when
    # Before any recording, and a time nevertheless.
    assert found(desk, "--to", "0001-01-01T00:00+23:00") == []


def test_times_that_nothing_can_be_between_are_refused(desk: Desk, directory: Path) -> None:
    said = desk("office", "find", "--from", "2026-11-29", "--to", "2026-11-28")
    assert (said.code, "is not before --to 2026-11-28" in said.err) == (EX_USAGE, True)
    said = desk("office", "find", "--from", "9999-12-31T23:59-23:00")
    assert (said.code, "no time;" in said.err) == (0, False)


def test_a_mark_that_is_none_is_refused(desk: Desk, directory: Path) -> None:
    said = desk("office", "find", "--after", "nothing")
    assert (said.code, "first page" in said.err) == (EX_USAGE, True)


@pytest.mark.parametrize("option", ["--camera", "--wearer"])
def test_a_name_that_is_not_utf_8_is_refused(desk: Desk, directory: Path, option: str) -> None:
    said = desk("office", "find", option, "M\udcfcller")
    assert said.code == EX_USAGE
    assert f"{option} M\\udcfcller: this is not UTF-8: set the terminal to UTF-8" in said.err


def test_reindex_makes_it_anew(desk: Desk, directory: Path) -> None:
    before = desk("office", "find", "--json").out
    path = directory / "office" / "index.sqlite"
    path.unlink()
    said = desk("office", "reindex")
    assert (said.code, said.out) == (0, "3 recordings: 3 here\n")
    assert desk("office", "find", "--json").out == before
    path.write_bytes(b"rubbish" * 1000)
    said = desk("office", "reindex")
    assert (said.code, "the index is made anew" in said.err) == (0, True)
    assert desk("office", "find", "--json").out == before


def test_reindex_withdraws_a_camera_whose_withdrawal_was_lost(
    desk: Desk, directory: Path, tmp_path: Path
) -> None:
    key = load_key(str(tmp_path / "config/camerad/office.pem"))
    assert key is not None
    place, kid = office_place(str(directory)), KEY.public.thumbprint
    trusted = KeyRing([KEY.public])
    with open_office_store(place, key, ManualClock(), trusted, lambda _: None) as store:
        store.ledger.append(
            "camera", kid=kid, name="cam-1", who="w", what="withdrawn", why="lost", reason="r"
        )
    said = desk("office", "reindex")
    assert (said.code, "cam-1 is withdrawn again" in said.err) == (0, True)
    found = revoked_in(directory).find(kid)
    assert found is not None
    assert (found.who, found.why, found.reason) == ("w", "lost", "r")
    assert "withdrawn" not in desk("office", "reindex").err


def test_an_index_is_nothing_that_a_check_of_the_directory_minds(
    desk: Desk, directory: Path, tmp_path: Path
) -> None:
    jwk = tmp_path / "cam.jwk"
    jwk.write_text(json.dumps(KEY.public.jwk))
    before = desk("evidence", "verify", directory, "--key", jwk)
    assert desk("office", "reindex").code == 0
    said = desk("evidence", "verify", directory, "--key", jwk)
    assert (said.code, said.out) == (before.code, before.out)


def test_without_recordings_it_says_none(desk: Desk) -> None:
    desk("office", "init", "archive", "--url", "https://office.example")
    assert desk("office", "reindex").out == "0 recordings\n"


def test_what_cannot_be_read_just_now_is_answered_as_of_before(desk: Desk, directory: Path) -> None:
    assert found(desk) == [THREE, TWO, ONE]
    ledger = directory / "office" / "ledger"
    ledger.mkdir(exist_ok=True)
    # Larger than any ledger, and nowhere on the storage.
    with (ledger / "000001.jws").open("wb") as file:
        file.truncate(1 << 30)
    said = desk("office", "find", "--json")
    assert said.code != 0
    assert "the answer is as of before" in said.err
    assert len(json.loads(said.out)["recordings"]) == 3


def test_without_its_settings_or_its_libraries_it_says_what_to_do(
    desk: Desk, directory: Path, tmp_path: Path
) -> None:
    said = desk("office", "find", "--config", tmp_path / "nowhere.yaml")
    assert (said.code, "camerad office init" in said.err) == (EX_CONFIG, True)
    config = tmp_path / "config/camerad/office.yaml"
    asked = (
        "import sys; sys.modules['sqlalchemy'] = None\n"
        "from camerad.__main__ import main\n"
        f"sys.argv[1:] = ['office', 'find', '--config', {str(config)!r}]\n"
        "sys.exit(main())"
    )
    command = [sys.executable, "-c", asked]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (done.returncode, "extra 'office'" in done.stderr) == (EX_CONFIG, True)


def test_settings_name_postgresql_and_no_password(
    desk: Desk, directory: Path, tmp_path: Path
) -> None:
    config = tmp_path / "config/camerad/office.yaml"
    text = config.read_text().replace("reserve_gib: 5", "reserve_gib: 0")
    camera_register.write(str(config.parent / "register.json"), Register())
    for url in (
        "postgresql+psycopg://camerad@db.invalid/camerad",
        "postgresql+psycopg:///camerad?host=/nowhere",
        "postgresql+psycopg://db.invalid:5433/camerad?sslmode=verify-full",
    ):
        config.write_text(f"{text}\nindex:\n  url: {url}\n")
        said = desk("office", "config", "check", config)
        assert (said.code, "the index does not answer" in said.err) == (EX_CONFIG, True), url
    for url in (
        "postgresql+psycopg://camerad:secret@db.example/camerad",
        "sqlite:////tmp/index",
        "mysql://db/camerad",
    ):
        config.write_text(f"{text}\nindex:\n  url: {url}\n")
        said = desk("office", "config", "check", config)
        assert (said.code, "without a password" in said.err) == (EX_CONFIG, True), url
