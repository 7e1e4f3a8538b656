"""`camerad office notify test` says of each channel whether a message gets through, and why not."""

from __future__ import annotations

from pathlib import Path

import pytest
from authority import authority
from hw_mocks.free_port import free_port
from notice_helpers import HOST, MailServer, WebhookReceiver

from camerad.base.errors import EX_CONFIG, EX_UNAVAILABLE
from tests.unit.cli.conftest import Desk

URL = "https://office.example:9443"


@pytest.fixture
def config(desk: Desk, tmp_path: Path) -> Path:
    assert desk("office", "init", "archive", "--url", URL).code == 0
    return tmp_path / "config" / "camerad" / "office.yaml"


def test_without_a_channel_it_says_where_to_name_one(desk: Desk, config: Path) -> None:
    said = desk("office", "notify", "test")
    assert said.code == EX_CONFIG
    assert "notify.smtp, notify.webhook" in said.err


def test_each_channel_gets_a_message_and_one_that_fails_is_named(
    desk: Desk, config: Path, tmp_path: Path
) -> None:
    ca = authority()
    (tmp_path / "ca.pem").write_text(ca.pem)
    context = ca.context(tmp_path, HOST)
    with MailServer(context) as mail, WebhookReceiver(context) as receiver:
        text = f"""
notify:
  language: de
  smtp:
    host: {HOST}
    port: {mail.port}
    sender: camerad@office.example
    recipients: [a@office.example]
    ca: {tmp_path}/ca.pem
  webhook:
    url: {receiver.url}/hook
    ca: {tmp_path}/ca.pem
"""
        config.write_text(config.read_text() + text)
        said = desk("office", "notify", "test", "--config", config)
        assert (said.code, said.err) == (0, "")
        assert said.out.splitlines() == [
            "smtp: the message was taken; see whether it arrives",
            "webhook: the message was taken; see whether it arrives",
        ]
        assert mail.mails[0]["Subject"] == "camerad: Dies ist ein Test"
        assert receiver.posts[0].said["data"]["notices"][0]["kind"] == "test"
        receiver.status = 403
        said = desk("office", "notify", "test", "--config", config)
    assert said.code == EX_UNAVAILABLE
    assert said.out.startswith("smtp: the message was taken")
    assert "it answers 403" in said.err
    # At ports that nobody else is given: those of the servers are anybody's by now.
    text = config.read_text().replace(f"port: {mail.port}", f"port: {free_port()}")
    config.write_text(text.replace(receiver.url, f"https://{HOST}:{free_port()}"))
    said = desk("office", "notify", "test", "--config", config)
    assert said.code == EX_UNAVAILABLE
    assert said.err.count("cannot be reached") == 2


def test_a_mistake_in_the_settings_is_named_with_its_line(desk: Desk, config: Path) -> None:
    config.write_text(config.read_text() + "notify:\n  language: fr\n")
    said = desk("office", "notify", "test")
    assert said.code == EX_CONFIG
    assert "notify.language" in said.err
