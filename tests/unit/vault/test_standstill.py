"""A server that starts and stands still is said to do so, by the check and at its start."""

from __future__ import annotations

from pathlib import Path

import pytest
from desk_helpers import KEY
from msgspec.structs import replace

from camerad.vault import standstill
from camerad.vault.notice_settings import (
    MetricsSettings,
    NotifySettings,
    SmtpSettings,
    WebhookSettings,
)
from camerad.vault.office_settings import ListenSettings, OfficeFile, ReceiveSettings, TlsSettings
from camerad.vault.standstill import find_remarks, find_standstills
from tests.unit.vault.office_scene import write_register

GIB = 1 << 30


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> OfficeFile:
    """An office that is in order, on storage with six free GiB."""
    monkeypatch.setattr(standstill, "free_room", lambda _: 6 * GIB)
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
    assert (find_standstills(settings), find_remarks(settings)) == ([], [])


def test_without_a_register_no_camera_may_bring_anything(settings: OfficeFile) -> None:
    settings.register.unlink()
    (said,) = find_standstills(settings)
    assert "there is no register yet: no camera may bring anything until" in said


def test_a_register_that_is_damaged_is_named(settings: OfficeFile) -> None:
    settings.register.write_text("{")
    (said,) = find_standstills(settings)
    assert said.startswith(f"{settings.register}: this is no register")


def test_storage_below_its_reserve_takes_nothing(
    settings: OfficeFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    (said,) = find_standstills(replace(settings, receive=ReceiveSettings(reserve_gib=7)))
    assert "6 GiB are free, and 7 GiB have to stay free (receive.reserve_gib)" in said
    monkeypatch.setattr(standstill, "free_room", lambda _: 4 << 20)
    assert "4 MiB are free" in find_standstills(settings)[0]
    assert find_standstills(replace(settings, receive=ReceiveSettings(reserve_gib=0))) == []


def test_how_much_is_free_is_asked_of_the_file_system(tmp_path: Path) -> None:
    assert standstill.free_room(str(tmp_path)) > 0


@pytest.mark.parametrize(
    ("listen", "metrics", "wrong"),
    [
        (None, ("127.0.0.1", 8443), True),
        ("192.0.2.7", ("192.0.2.7", 8443), True),
        ("192.0.2.7", ("0.0.0.0", 8443), True),  # noqa: S104 - nobody listens
        ("192.0.2.7", ("127.0.0.1", 8443), False),
        (None, ("127.0.0.1", 9464), False),
    ],
)
def test_two_cannot_listen_at_one_port(
    settings: OfficeFile, listen: str | None, metrics: tuple[str, int], wrong: bool
) -> None:
    changed = replace(
        settings, listen=ListenSettings(listen, 8443), metrics=MetricsSettings(*metrics)
    )
    assert ["metrics.port: 8443 is listen.port" in one for one in find_standstills(changed)] == (
        [True] if wrong else []
    )


def test_a_port_that_is_not_the_one_in_the_url_is_a_remark(settings: OfficeFile) -> None:
    """A balancer may stand between."""
    (said,) = find_remarks(replace(settings, url="https://office.example"))
    assert "url names port 443, and the server listens at 8443" in said


def test_secrets_that_everybody_can_read_are_named(settings: OfficeFile, tmp_path: Path) -> None:
    smtp = SmtpSettings(
        "mail.example", "a@b.example", ("c@d.example",), login_file=tmp_path / "mail-login"
    )
    webhook = WebhookSettings(
        "https://x.example", token_file=tmp_path / "token", secret_file=tmp_path / "secret"
    )
    told = replace(settings, notify=NotifySettings(smtp=smtp, webhook=webhook))
    names = ("mail-login", "token", "secret", "server.key")
    for name in names:
        (tmp_path / name).touch()
        (tmp_path / name).chmod(0o640)
    assert find_standstills(told) == []
    for name in names:
        (tmp_path / name).chmod(0o644)
    found = find_standstills(told)
    assert len(found) == 4
    for where in ("tls.key", "smtp.login_file", "webhook.token_file", "webhook.secret_file"):
        assert any(f"{where}: every user of this computer can read" in one for one in found)
