"""A server that starts and stands still is said to do so, by the check and at its start."""

from __future__ import annotations

from pathlib import Path

import pytest
from desk_helpers import KEY
from msgspec.structs import replace
from postgresql import PostgreSQL

from camerad.office.index.index import RecordingIndex
from camerad.office.index.office_knowledge import OfficeFiles
from camerad.office.server import preflight
from camerad.office.server.alert_settings import (
    MetricsSettings,
    NotifySettings,
    SmtpSettings,
)
from camerad.office.server.desk_settings import DeskSettings, OpenidSettings
from camerad.office.server.office_settings import (
    ListenSettings,
    OfficeFile,
    ReceiveSettings,
    TlsSettings,
)
from camerad.office.server.preflight import check_database, find_preflight_problems, find_remarks
from camerad.office.state.database_settings import IndexSettings
from tests.unit.office.server.office_scene import write_register

GIB = 1 << 30


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> OfficeFile:
    """An office that is in order, on storage with six free GiB."""
    monkeypatch.setattr(preflight, "free_room", lambda _: 6 * GIB)
    (tmp_path / "server.key").touch(0o600)
    write_register(tmp_path / "register.json", ("cam-1", KEY.public, ()))
    return OfficeFile(
        directory=tmp_path,
        url="https://office.example:8443",
        tls=TlsSettings(tmp_path / "server.pem", tmp_path / "server.key"),
        office_key=tmp_path / "office.pem",
        register=tmp_path / "register.json",
    )


def test_an_office_in_order_has_none(settings: OfficeFile) -> None:
    assert (find_preflight_problems(settings), find_remarks(settings)) == ([], [])
    assert list(check_database(settings)) == []


def test_without_a_register_no_camera_may_bring_anything(settings: OfficeFile) -> None:
    settings.register.unlink()
    """The documented installation is so until the desk has collected a camera, and it starts."""
    assert find_preflight_problems(settings) == []
    (said,) = find_remarks(settings)
    assert "there is no register yet: no camera may bring anything until" in said


def test_a_register_that_is_damaged_is_named(settings: OfficeFile) -> None:
    settings.register.write_text("{")
    (said,) = find_preflight_problems(settings)
    assert said.startswith(f"{settings.register}: this is no register")


def test_storage_below_its_reserve_takes_nothing(
    settings: OfficeFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    (said,) = find_preflight_problems(replace(settings, receive=ReceiveSettings(reserve_gib=7)))
    assert "6 GiB are free, and 7 GiB have to stay free (receive.reserve_gib)" in said
    monkeypatch.setattr(preflight, "free_room", lambda _: 4 << 20)
    assert "4 MiB are free" in find_preflight_problems(settings)[0]
    assert find_preflight_problems(replace(settings, receive=ReceiveSettings(reserve_gib=0))) == []


def test_how_much_is_free_is_asked_of_the_file_system(tmp_path: Path) -> None:
    assert preflight.free_room(str(tmp_path)) > 0


@pytest.mark.parametrize(
    ("listen", "desk", "metrics", "wrong"),
    [
        (None, None, ("127.0.0.1", 8443), ["metrics.port: 8443 is listen.port"]),
        ("192.0.2.7", None, ("192.0.2.7", 8443), ["metrics.port: 8443 is listen.port"]),
        ("192.0.2.7", None, ("0.0.0.0", 8443), ["metrics.port: 8443 is listen.port"]),  # noqa: S104
        ("192.0.2.7", None, ("127.0.0.1", 8443), []),
        (None, None, ("127.0.0.1", 9464), []),
        (None, (None, 8444), ("127.0.0.1", 8444), ["metrics.port: 8444 is desk.port"]),
        (None, ("192.0.2.7", 8444), ("127.0.0.1", 8444), []),
        (None, (None, 8443), None, ["desk.port: 8443 is listen.port"]),
    ],
)
def test_two_cannot_listen_at_one_port(
    settings: OfficeFile,
    listen: str | None,
    desk: tuple[str | None, int] | None,
    metrics: tuple[str, int] | None,
    wrong: list[str],
) -> None:
    changed = replace(
        settings,
        listen=ListenSettings(listen, 8443),
        metrics=metrics and MetricsSettings(*metrics),
        desk=desk and DeskSettings(f"https://desk.office.example:{desk[1]}", *desk),
    )
    found = find_preflight_problems(changed)
    assert [one.partition(" as well")[0] for one in found] == wrong


@pytest.mark.parametrize(
    ("url", "port", "wrong", "remarks"),
    [
        ("https://office.example:8443", 8444, ["desk.url: port 8443 of this name"], 1),
        ("https://desk.office.example:8443", 8444, [], 1),  # another name may be another address
        ("https://desk.office.example", 8444, [], 1),
        ("https://desk.office.example:8444", 8444, [], 0),
        ("http://localhost:8444", 8444, [], 0),
    ],
)
def test_people_are_not_sent_to_where_cameras_come_in(
    settings: OfficeFile, url: str, port: int, wrong: list[str], remarks: int
) -> None:
    changed = replace(settings, desk=DeskSettings(url, port=port))
    assert [one.partition(" is the")[0] for one in find_preflight_problems(changed)] == wrong
    found = find_remarks(changed)
    assert (len(found), all("desk.url names port" in one for one in found)) == (remarks, True)


def test_a_database_that_cannot_be_used_is_named_with_what_is_missing(
    settings: OfficeFile,
) -> None:
    postgresql = PostgreSQL()
    try:
        postgresql.start()
        (settings.directory / "office").mkdir()
        (settings.directory / "office" / "id").write_text("one\n")

        def said(url: str) -> list[str]:
            return list(check_database(replace(settings, index=IndexSettings(url))))

        sound = postgresql.make()
        (role,) = said(sound.replace("camerad@", "nobody@"))
        assert 'role "nobody" does not exist' in role and "docs/office.md" in role
        (database,) = said(sound.replace("/index?", "/other?"))
        assert 'database "other" does not exist' in database
        assert said(sound) == []  # its tables are made by the server
        files = OfficeFiles(str(settings.directory), None, str(settings.register))
        index = RecordingIndex(sound, files, lambda _: None)
        index.open()
        index.refresh()
        index.close()
        assert said(sound) == []
        (settings.directory / "office" / "id").write_text("after a restoration\n")
        (other,) = said(sound)
        assert "of another office's directory" in other and "camerad office reindex" in other
    finally:
        postgresql.close()
    (away,) = said(sound)
    assert "does not answer" in away


def test_a_port_that_is_not_the_one_in_the_url_is_a_remark(settings: OfficeFile) -> None:
    """A balancer may stand between."""
    (said,) = find_remarks(replace(settings, url="https://office.example"))
    assert "url names port 443, and the server listens at 8443" in said


def test_secrets_that_everybody_can_read_are_named(settings: OfficeFile, tmp_path: Path) -> None:
    smtp = SmtpSettings(
        "mail.example", "a@b.example", ("c@d.example",), login_file=tmp_path / "mail-login"
    )
    told = replace(settings, notify=NotifySettings(smtp=smtp))
    openid = OpenidSettings("https://i.example", "desk", tmp_path / "openid", "City account")
    told = replace(told, desk=DeskSettings("https://desk.example:8444", openid=openid))
    names = ("mail-login", "server.key", "openid")
    for name in names:
        (tmp_path / name).touch()
        (tmp_path / name).chmod(0o640)
    assert find_preflight_problems(told) == []
    for name in names:
        (tmp_path / name).chmod(0o644)
    found = find_preflight_problems(told)
    assert len(found) == 3
    for where in (
        "openid.client_secret_file",
        "tls.key",
        "smtp.login_file",
    ):
        assert any(f"{where}: every user of this computer can read" in one for one in found)
