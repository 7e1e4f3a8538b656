"""`camerad office backup`: what it makes is enough for a machine on which nothing is."""

from __future__ import annotations

import fcntl
import os
import pwd
import shutil
import stat
import tarfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from desk_helpers import KEY, ONE, TWO, Camera
from postgresql import PostgreSQL
from sqlalchemy import insert, select

from camerad.base import durable_files
from camerad.base.clock import SystemClock
from camerad.base.errors import EX_CANTCREAT
from camerad.container.keys import SigningKey
from camerad.ledger.ledger import Ledger
from camerad.office.server import backup_restore, office_backup, office_settings
from camerad.office.state.database import Database
from camerad.office.state.state_copy import read_copy
from camerad.office.state.state_tables import STATE, imports, people, server_secrets
from camerad.store.locations import office_place
from camerad.store.store import PlaceClaim
from tests.unit.office.server.office_scene import write_register

from .conftest import Desk

URL = "https://office.example:9443"
SECRETS = {
    "s3-credentials": "[default]\naws_access_key_id = a\naws_secret_access_key = b\n",
    "s3-ca.pem": "the store's authority",
    "mail-login": "user\npassword\n",
    "openid-secret": "secret",
    "keys/cam-1.pem": KEY.public.pem,
    "pgpass": "*:*:*:*:password",
}
MORE = """
notify:
  smtp: {{host: m.example, sender: a@m.example, recipients: [b@m.example], login_file: {home}/mail-login, ca: {city}}}
desk:
  url: https://desk.example:8444
  openid: {{issuer: 'https://i.example', client_id: c, client_secret_file: {home}/openid-secret, label: City, ca: {city}}}
second_copy:
  s3: {{endpoint: 'https://s3.example:8333', bucket: camerad, credentials: {home}/s3-credentials, ca: {home}/s3-ca.pem}}
index:
  url: {database}&passfile={passfile}
"""  # noqa: E501 - lines of a file


@pytest.fixture(scope="module")
def postgresql() -> Iterator[PostgreSQL]:
    made = PostgreSQL()
    made.start()
    yield made
    made.close()


@pytest.fixture
def database(postgresql: PostgreSQL) -> str:
    """One of PostgreSQL, with state."""
    url = postgresql.make()
    add_person(url, "m.meier")
    return url


def add_person(url: str, person: str) -> None:
    base = Database(url, STATE)
    base.prepare()
    said = {"name": "M", "roles": ["desk"], "handle": "h", "added_us": 1}
    with base.writing() as connection:
        connection.execute(insert(people).values(id=person, **said))
        connection.execute(insert(server_secrets).values(name="one", value=b"secret"))
    base.close()


def people_in(url: str) -> list[str]:
    base = Database(url, STATE)
    with base.reading() as connection:
        assert connection.execute(select(server_secrets.c.value)).scalars().all() == [b"secret"]
        found = list(connection.execute(select(people.c.id)).scalars())
    base.close()
    return found


@pytest.fixture
def machine(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database: str) -> Path:
    """An office with all that one can have, below this directory."""
    root = tmp_path / "machine"
    home, user, city = root / "etc" / "office", root / "home", root / "city" / "ca.pem"
    drop_ins = root / "units" / "camerad-office.service.d"
    for one in (home / "keys", user / ".postgresql", city.parent, drop_ins):
        one.mkdir(parents=True)
    for name, text in SECRETS.items():
        (home / name).write_text(text)
        (home / name).chmod(0o600)
    city.write_text("the city's authority")
    (user / ".pgpass").write_text("another password")
    (user / ".postgresql" / "root.crt").write_text("the database's authority")
    (drop_ins / "ports.conf").write_text("[Service]\nSocketBindAllow=tcp:8444\n")
    monkeypatch.setattr(office_backup, "DROP_INS", str(drop_ins))
    # The owner of the directory is the server's user, with a home of its own.
    me = pwd.getpwuid(os.geteuid()).pw_name
    known = SimpleNamespace(pw_dir=str(user), pw_name=me)
    monkeypatch.setattr(office_backup.pwd, "getpwuid", lambda _: known)
    camera = Camera(tmp_path / "camera")
    camera.put(ONE)
    camera.put(TWO)
    camera.offload(root / "archive")
    settings, key = home / "office.yaml", home / "office.pem"
    own = ("--config", settings, "--office-key", key, "--register", home / "register.json")
    assert desk("office", "init", root / "archive", "--url", URL, *own).code == 0
    write_register(home / "register.json", ("cam-1", KEY.public, ()))
    more = MORE.format(home=home, city=city, database=database, passfile=home / "pgpass")
    settings.write_text(settings.read_text().replace("reserve_gib: 5", "reserve_gib: 0") + more)
    held = ("--reason", "Anzeige", "--who", "Desk", "--office-key", key, "--key", home / "keys")
    assert desk("evidence", "hold", ONE, "--state", root / "archive", *held).code == 0
    (root / "archive" / "office" / "desk" / "people").mkdir(parents=True)
    (root / "archive" / "office" / "desk" / "people" / "m.json").write_text("{}")
    (root / "archive" / "office" / "incoming" / "x").mkdir(parents=True)
    (root / "archive" / "office" / "incoming" / "x" / "content").write_bytes(b"half a recording")
    return root


@pytest.fixture
def backup(machine: Path, desk: Desk, tmp_path: Path) -> Path:
    target = tmp_path / "backups"
    target.mkdir()
    said = desk("office", "backup", "make", target, "--config", machine / "etc/office/office.yaml")
    assert said.code == 0, said.err
    assert "recordings are not in it" in said.out
    (path,) = target.iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    return path


def everything(root: Path) -> dict[str, tuple[bytes, int]]:
    return {
        str(path.relative_to(root)): (path.read_bytes(), stat.S_IMODE(path.stat().st_mode))
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def without(what: dict[str, tuple[bytes, int]], *parts: str) -> dict[str, tuple[bytes, int]]:
    return {name: one for name, one in what.items() if not any(part in name for part in parts)}


def test_an_empty_machine_has_everything_again(
    machine: Path, backup: Path, desk: Desk, tmp_path: Path
) -> None:
    before = everything(machine)
    empty = tmp_path / "empty"
    assert desk("office", "backup", "restore", backup, "--root", empty).code == 0
    assert set(os.listdir(empty)) == {machine.parts[1]}  # and nothing that is not a file of it
    after = everything(empty / machine.relative_to("/"))
    out = ("/recordings/", "/incoming/x")
    assert without(after, "office/state.sqlite") == without(before, *out)
    assert len(without(before, *out)) < len(before)
    for path in office_backup.named_paths(office_settings.load(
        str(machine / "etc/office/office.yaml")
    )):  # fmt: skip
        assert path.is_dir() or str(path.relative_to(machine)) in after


def test_with_recordings_it_is_the_whole_office(machine: Path, desk: Desk, tmp_path: Path) -> None:
    # Beside the settings, as somebody may have it: no backup has an earlier one in it.
    target, settings = machine / "etc/office/backups", machine / "etc/office/office.yaml"
    target.mkdir()
    before = everything(machine)
    for number in (1, 2):
        made = desk("office", "backup", "make", target, "--config", settings, "--with-recordings")
        assert made.code in (0, EX_CANTCREAT), made.err  # two of one second
        backup = sorted(target.iterdir())[-1]
        empty = tmp_path / f"empty-{number}"
        assert desk("office", "backup", "restore", backup, "--root", empty).code == 0
        after = everything(empty / machine.relative_to("/"))
        expected = without(before, "/incoming/x")
        assert without(after, "office/state.sqlite") == expected


def test_a_killed_backup_leaves_no_keys_behind(
    machine: Path,
    desk: Desk,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    target = tmp_path / "backups"
    target.mkdir()
    killed, running = (f"camerad-office-2026010{day}T000000Z.tar" for day in (1, 2))
    endings = (".new", ".state.new", ".state.new-wal", ".state.new-shm")
    stay = {running + ending for ending in endings} | {"mine.tar.new", f"{killed}.new.gz"}
    for name in (*(killed + ending for ending in endings), *stay):
        (target / name).write_text("keys")
    link = target / "camerad-office-20260103T000000Z.tar.new"
    link.symlink_to(machine / "etc/office/office.pem")
    held = []

    def checking(path: str) -> backup_restore.Manifest:
        with open(path, "rb") as file, pytest.raises(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        held.append(path)
        return backup_restore.check(path)

    monkeypatch.setattr(office_backup, "check", checking)
    with (target / f"{running}.new").open() as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        settings = machine / "etc/office/office.yaml"
        made = desk("office", "backup", "make", target, "--config", settings)
    assert made.code == 0, made.err
    (path,) = held
    assert {one.name for one in target.iterdir()} == {*stay, Path(path).stem, link.name}
    assert link.name in caplog.text and "remove it" in caplog.text


def test_a_restoration_that_broke_off_goes_on(
    machine: Path, backup: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = tmp_path / "whole"
    written = backup_restore.restore(str(backup), str(whole)).written
    expected, move = everything(whole), durable_files.move
    for number in range(written):
        root, done = tmp_path / str(number), [0]

        def breaking(*paths: str, done: list[int] = done, number: int = number) -> None:
            if done[0] == number:
                raise KeyboardInterrupt
            move(*paths)
            done[0] += 1

        with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
            patched.setattr(durable_files, "move", breaking)
            backup_restore.restore(str(backup), str(root))
        again = backup_restore.restore(str(backup), str(root))
        assert (again.written, again.same, again.kept) == (written - number, number, False)
        assert everything(root) == expected


def test_the_restored_office_goes_on_and_says_what_is_left_to_do(
    machine: Path, backup: Path, desk: Desk, postgresql: PostgreSQL
) -> None:
    config = machine / "etc/office/office.yaml"
    (holding,) = (one for one in (machine / "archive").iterdir() if one.name != "office")
    recordings = {one: one.read_bytes() for one in (holding / "recordings").iterdir()}
    shutil.rmtree(machine)
    postgresql.stop(at_once=False)
    said = desk("office", "backup", "restore", backup)
    postgresql.start()
    assert said.code == 0, said.err
    left = said.out.partition("Left to do:\n")[2].splitlines()
    # Both recordings, the index whose database does not answer, and what looks at all the rest.
    assert [line[:2] for line in left] == ["1.", "2.", "3.", "4."]
    assert "2 files" in left[0] and "camerad office restore --all" in left[0]
    assert "dock every camera" in left[0]
    assert "index" in left[1] and "reindex" in left[2] and "config check" in left[3]
    # With the recordings of the storage's own backup, and its hold, all is as before.
    for path, content in recordings.items():
        path.write_bytes(content)
    own = ("--key", machine / "etc/office/keys", "--office-key", machine / "etc/office/office.pem")
    assert desk("evidence", "verify", machine / "archive", *own).code == 0
    listed = desk("evidence", "list", machine / "archive", "--json").json
    assert {one["id"]: one["held"] for one in listed} == {ONE: True, TWO: False}
    # Once more changes nothing: the directory is newer than the backup now.
    again = desk("office", "backup", "restore", backup)
    assert again.code == 0 and "it stays as it is" in again.out
    assert "0 files put into place" in again.out and "in the backup" not in again.out
    # What it lacks is named: the office may have deleted it lawfully.
    lost = machine / "archive/office/desk/people/m.json"
    lost.unlink()
    again = desk("office", "backup", "restore", backup)
    (named,) = (line for line in again.out.splitlines() if "in the backup alone" in line)
    assert named.startswith(f"{lost}: ") and not lost.exists()
    # One that is older, went another way or has lost its ledger is no reason to lose holds; one
    # whose epochs have expired since is none to hold it for older.
    own_ledger = machine / "archive/office/ledger"
    (newest,) = own_ledger.glob("*.jws")
    lines = newest.read_bytes()
    older = lines[: lines[:-1].rfind(b"\n") + 1]
    token = (machine / "etc/office/office.pem").read_bytes()
    for what in ("older", "another way", "expired", "another way, expired", "only later", "none"):
        newest.unlink(missing_ok=True)
        for path in own_ledger.iterdir():
            path.unlink()
        newest.write_bytes(older if what in ("older", "another way, expired") else lines)
        if what == "another way":
            newest.write_bytes(older)
            held = ("--reason", "Anders", "--who", "Desk", *own)
            assert desk("evidence", "hold", TWO, "--state", machine / "archive", *held).code == 0
            assert newest.read_bytes().count(b"\n") >= lines.count(b"\n")
        if what.endswith(("expired", "later")):
            with PlaceClaim(office_place(str(machine / "archive"))) as claim:
                ledger = Ledger.open(claim, SigningKey.from_pem(token), SystemClock())
                ledger.append("uptime")
                for _ in range(3):
                    ledger.rotate()
                assert 1 in ledger.expire(0)
        if what == "only later":
            (own_ledger / "000001.checkpoint").unlink()
        if what == "none":
            shutil.rmtree(own_ledger)
        said = desk("office", "backup", "restore", backup)
        if what == "expired":
            assert said.code == 0 and "it stays as it is" in said.out, said.err
            continue
        assert said.code == EX_CANTCREAT and "holds may be among them" in said.err, what
    # So is a camera's file that differs, and does not count as the same.
    (machine / "archive/office").rename(machine / "older")
    (changed, *_) = sorted((holding / "ledger").iterdir())
    content = changed.read_bytes()
    changed.write_bytes(b"changed")
    said = desk("office", "backup", "restore", backup)
    assert said.code == 0
    (named,) = (line for line in said.out.splitlines() if "another content" in line)
    assert named.startswith(f"{changed}: ") and changed.read_bytes() == b"changed"
    with tarfile.open(backup) as archive:
        files = sum(one.isfile() for one in archive) - 1  # but the manifest
    first = said.out.splitlines()[0].split()
    assert int(first[0]) + int(first[-1]) == files - 1
    changed.write_bytes(content)
    assert newest.read_bytes() == lines
    # A ledger's copy that is away is named, with what brings it back.
    shutil.rmtree(holding / "ledger")
    again = desk("office", "backup", "restore", backup)
    assert "deletion: " in again.out and "dock the camera" in again.out
    # Nothing is written over, and nothing written then.
    (machine / "etc/office/mail-login").write_text("newer")
    (machine / "etc/office/openid-secret").unlink()
    refused = desk("office", "backup", "restore", backup)
    assert refused.code == EX_CANTCREAT and f"{machine}/etc/office/mail-login" in refused.err
    assert not (machine / "etc/office/openid-secret").exists() and config.exists()


def test_postgresql_gets_its_state_again_from_a_backup(
    machine: Path, backup: Path, desk: Desk, tmp_path: Path, postgresql: PostgreSQL
) -> None:
    empty = tmp_path / "empty"
    assert desk("office", "backup", "restore", backup, "--root", empty).code == 0
    (copy,) = empty.rglob("office/state.sqlite")
    base = Database(postgresql.make(), STATE)  # another one
    base.prepare()
    assert read_copy(str(copy), base)
    assert people_in(postgresql.url("index")) == ["m.meier"]
    assert not read_copy(str(copy), base), "it has state, which is newer"
    base.close()


def test_a_lost_file_of_the_state_comes_back_into_an_office_that_is_there(
    machine: Path, desk: Desk, tmp_path: Path
) -> None:
    settings = machine / "etc/office/office.yaml"
    settings.write_text(settings.read_text().partition("index:\n")[0])
    file = machine / "archive/office/state.sqlite"
    add_person(f"sqlite:///{file}", "m.meier")
    (tmp_path / "backups").mkdir()
    # Just now somebody is added, and another one who is not committed is not in it.
    other = Database(f"sqlite:///{file}", STATE)
    with other.writing() as connection:
        connection.execute(insert(imports).values(name="not yet"))
        made = desk("office", "backup", "make", tmp_path / "backups", "--config", settings)
        assert made.code == 0, made.err
    other.close()
    (backup,) = (tmp_path / "backups").iterdir()
    assert desk("office", "backup", "check", backup).code == 0
    file.write_bytes(b"damaged")
    for wrong, files in ((file, 0), (Path(f"{file}-wal"), 0), (None, 1)):
        said = desk("office", "backup", "restore", backup)
        assert said.code == 0 and f"{files} file" in said.out.splitlines()[0], said.out
        if wrong is not None:
            file.unlink(missing_ok=True)
            Path(f"{file}-wal").unlink(missing_ok=True)
            if wrong is file:
                Path(f"{file}-wal").write_bytes(b"of the damaged one")
    assert people_in(f"sqlite:///{file}") == ["m.meier"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_machine_without_the_server_s_user_gets_nothing(
    backup: Path, desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody(name: str) -> None:
        raise KeyError(name)

    monkeypatch.setattr(backup_restore.pwd, "getpwnam", nobody)
    said = desk("office", "backup", "restore", backup, "--root", tmp_path / "empty")
    assert (said.code, "install the server first" in said.err) == (EX_CANTCREAT, True)
    assert not (tmp_path / "empty").exists()


@pytest.mark.parametrize("how", ["cut", "changed", "member", "link", "outside"])
def test_what_is_not_whole_restores_nothing(
    backup: Path, desk: Desk, tmp_path: Path, how: str
) -> None:
    content = bytearray(backup.read_bytes())
    if how == "cut":
        del content[len(content) // 2 // 512 * 512 :]
        backup.write_bytes(content)
    elif how == "changed":
        at = content.index(b"the store's authority")
        content[at] ^= 1
        backup.write_bytes(content)
    else:
        with tarfile.open(backup, "r:") as whole:
            members = [(one, whole.extractfile(one)) for one in whole]
            extra = tarfile.TarInfo({"outside": "../out"}.get(how, "etc/more"))
            if how == "link":
                extra.type, extra.linkname = tarfile.SYMTYPE, "/etc/shadow"
            other = tmp_path / "other.tar"
            with tarfile.open(other, "w") as archive:
                archive.addfile(extra)
                for member, data in members:
                    archive.addfile(member, data)
        other.rename(backup)
    for action in (["check", backup], ["restore", backup, "--root", tmp_path / "empty"]):
        said = desk("office", "backup", *action)
        assert (said.code, "Traceback" in said.err) == (EX_CANTCREAT, False), said.err
    assert not (tmp_path / "empty").exists()


def test_settings_in_a_home_do_not_take_the_home(machine: Path, desk: Desk, tmp_path: Path) -> None:
    settings = tmp_path / "office.yaml"
    settings.write_text((machine / "etc/office/office.yaml").read_text())
    with (tmp_path / "film").open("wb") as film:
        film.truncate(65 << 20)
    (tmp_path / "backups").mkdir()
    for target, why in (("backups", "a directory of their own"), ("", "for backups alone")):
        said = desk("office", "backup", "make", tmp_path / target, "--config", settings)
        assert said.code == EX_CANTCREAT and why in said.err


def test_the_page_names_what_is_in_it() -> None:
    page = (Path(__file__).parents[3] / "docs" / "office.md").read_text()
    for what, why in (*office_backup.TAKEN, *office_backup.LEFT_OUT):
        assert f"| {what} | {why} |" in page or f"| `{what}` | {why} |" in page
