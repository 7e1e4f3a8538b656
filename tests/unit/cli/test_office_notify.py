"""`camerad office notify test` says whether a message gets through, and why not."""

from __future__ import annotations

from pathlib import Path

import pytest
from alert_helpers import HOST, MailServer
from authority import authority
from hw_mocks.free_port import free_port

from camerad.base.errors import EX_CONFIG, EX_UNAVAILABLE
from tests.unit.cli.conftest import Desk

URL = "https://office.example:9443"


@pytest.fixture
def config(desk: Desk, tmp_path: Path) -> Path:
    assert desk("office", "init", "archive", "--url", URL).code == 0
    return tmp_path / "config" / "camerad" / "office.yaml"


def test_without_mail_it_says_where_to_name_it(desk: Desk, config: Path) -> None:
    said = desk("office", "notify", "test")
    assert said.code == EX_CONFIG
    assert "notify.smtp" in said.err


def test_a_mail_arrives_and_what_fails_is_named(desk: Desk, config: Path, tmp_path: Path) -> None:
    ca = authority()
    (tmp_path / "ca.pem").write_text(ca.pem)
    context = ca.context(tmp_path, HOST)
    with MailServer(context) as mail:
        text = f"""
notify:
  language: de
  smtp:
    host: {HOST}
    port: {mail.port}
    sender: camerad@office.example
    recipients: [a@office.example]
    ca: {tmp_path}/ca.pem
"""
        config.write_text(config.read_text() + text)
        said = desk("office", "notify", "test", "--config", config)
        assert (said.code, said.err) == (0, "")
        assert said.out == "smtp: the message was taken; see whether it arrives\n"
        assert mail.mails[0]["Subject"] == "camerad: Dies ist ein Test"
    # At a port that nobody else is given: the server's is anybody's by now.
    config.write_text(config.read_text().replace(f"port: {mail.port}", f"port: {free_port()}"))
    said = desk("office", "notify", "test", "--config", config)
    assert said.code == EX_UNAVAILABLE
    assert said.err.count("cannot be reached") == 1


def test_a_mistake_in_the_settings_is_named_with_its_line(desk: Desk, config: Path) -> None:
    config.write_text(config.read_text() + "notify:\n  language: fr\n")
    said = desk("office", "notify", "test")
    assert said.code == EX_CONFIG
    assert "notify.language" in said.err
