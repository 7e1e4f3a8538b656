"""Every mistake in office.yaml is named, with its line and what to do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from msgspec.structs import replace

from camerad.base.errors import ConfigError
from camerad.office.server import office_settings
from camerad.office.server.alert_settings import MetricsSettings, NotifySettings
from camerad.office.server.office_backup import named_paths
from camerad.office.server.office_settings import (
    ListenSettings,
    OfficeFile,
    ReceiveSettings,
    TlsSettings,
)


@pytest.fixture
def settings(tmp_path: Path) -> OfficeFile:
    (tmp_path / "archive").mkdir()
    for name in ("server.pem", "server.key", "office.pem"):
        (tmp_path / name).touch()
    return OfficeFile(
        directory=tmp_path / "archive",
        url="https://office.example:9443",
        tls=TlsSettings(tmp_path / "server.pem", tmp_path / "server.key"),
        office_key=tmp_path / "office.pem",
        register=tmp_path / "register.json",
        listen=ListenSettings(port=9443),
    )


def mistakes(tmp_path: Path, text: str) -> list[str]:
    path = tmp_path / "office.yaml"
    path.write_text(text)
    return [one.removeprefix(f"{path}:") for one in office_settings.check_file(str(path))]


def test_the_example_is_read_back_to_the_same(tmp_path: Path, settings: OfficeFile) -> None:
    path = tmp_path / "office.yaml"
    path.write_text(office_settings.example(settings))
    assert office_settings.load(str(path)) == settings


def test_the_example_s_limits_are_the_defaults(settings: OfficeFile, tmp_path: Path) -> None:
    """Limits that are no more are in files of earlier versions, which are read."""
    text = office_settings.example(settings)
    for name, value in vars_of(ReceiveSettings()).items():
        assert (f"  {name}: {value} " in text) == (name not in ("largest_gib", "quarantine_gib"))
    earlier = text.replace("receive:", "receive:\n  largest_gib: 64\n  quarantine_gib: 1024")
    assert mistakes(tmp_path, text) == mistakes(tmp_path, earlier) == []


def vars_of(receive: ReceiveSettings) -> dict[str, int]:
    return {name: getattr(receive, name) for name in receive.__struct_fields__}


def test_a_directory_with_an_odd_name_is_quoted(settings: OfficeFile, tmp_path: Path) -> None:
    odd = tmp_path / "a: #ü \"b'"
    odd.mkdir()
    text = office_settings.example(
        OfficeFile(
            directory=odd,
            url=settings.url,
            tls=settings.tls,
            office_key=settings.office_key,
            register=settings.register,
        )
    )
    (tmp_path / "office.yaml").write_text(text, encoding="utf-8")
    assert office_settings.load(str(tmp_path / "office.yaml")).directory == odd


def test_all_mistakes_are_named_at_once_each_with_its_line(
    settings: OfficeFile, tmp_path: Path
) -> None:
    text = office_settings.example(settings)
    text = text.replace("port: 9443", "port: 0")
    text = text.replace("url: ", "url: http://x # ")
    text = text.replace("uploads: 20 ", "upload: 20 ")
    found = mistakes(tmp_path, text)
    lines = [number for number, line in enumerate(text.splitlines(), 1) if "url: http" in line]
    assert found[0].startswith(f"{lines[0]}: url: found the text")
    assert "an address such as https://office.example:8443, without a path" in found[0]
    assert ["listen.port: " in found[1], "receive.upload: unknown key" in found[2]] == [True, True]


def test_authorities_for_time_stamps_are_a_list_whose_files_are_saved(
    settings: OfficeFile, tmp_path: Path
) -> None:
    (tmp_path / "root.pem").write_text("")
    text = f"{office_settings.example(settings)}\ntime_stamps:\n"
    text += f"  - url: https://a.example/tsr\n    certificates: {tmp_path}/root.pem\n"
    assert mistakes(tmp_path, text) == []
    read = office_settings.load(str(tmp_path / "office.yaml"))
    assert [one.host for one in read.time_stamps] == ["a.example"]
    assert tmp_path / "root.pem" in named_paths(read)
    text += f"  - url: a.example\n    certificates: {tmp_path}/none\n    ca: x\n"
    assert [re.sub(r"^\d+: ([^:;]*[:;]).*", r"\1", one) for one in mistakes(tmp_path, text)] == [
        "time_stamps[1].url:",
        "time_stamps[1].ca:",
    ]
    text = text.replace("url: a.", "url: https://a.").replace("    ca: x\n", "")
    twice, gone = mistakes(tmp_path, text.replace("a.example\n", "a.example/2\n"))
    assert "time_stamps: a host is named twice" in twice
    assert "time_stamps[1].certificates: there is no file" in gone


@pytest.mark.parametrize(
    "url",
    [
        "https://a.example/",
        "https://a.example/path",
        "http://a.example",
        "https://user@a.example",
        "https://a.example:0",
        "https://",
        "https://-a",
        "https://[::1",
    ],
)
def test_what_is_no_address_of_a_server_is_a_mistake(
    settings: OfficeFile, tmp_path: Path, url: str
) -> None:
    text = office_settings.example(settings).replace(settings.url, url)
    assert len(mistakes(tmp_path, text)) == 1


@pytest.mark.parametrize(
    "url", ["https://a", "https://192.0.2.7", "https://[::1]:8443", "https://A.example:1"]
)
def test_what_is_one_is_none(settings: OfficeFile, tmp_path: Path, url: str) -> None:
    text = office_settings.example(settings).replace(settings.url, url)
    assert mistakes(tmp_path, text) == []


@pytest.mark.parametrize("where", ["directory", "tls.certificate", "tls.key", "office_key"])
def test_a_file_that_is_not_there_is_a_mistake_in_its_line(
    settings: OfficeFile, tmp_path: Path, where: str
) -> None:
    part: object = settings
    for name in where.split("."):
        part = getattr(part, name)
    text = office_settings.example(settings)
    assert mistakes(tmp_path, text) == []
    gone = Path(str(part))
    if gone.is_dir():
        gone.rmdir()
    else:
        gone.unlink()
        gone.mkdir()  # nor is a directory a file
    (found,) = mistakes(tmp_path, text)
    number = next(count for count, line in enumerate(text.splitlines(), 1) if f'"{part}"' in line)
    assert found.startswith(f"{number}: {where}: there is no ")
    assert office_settings.load(str(tmp_path / "office.yaml"), with_files=False) == settings


def test_the_register_may_come_later_but_not_its_directory(
    settings: OfficeFile, tmp_path: Path
) -> None:
    text = office_settings.example(settings)
    assert not settings.register.exists()
    (found,) = mistakes(tmp_path, text.replace("register.json", "nowhere/register.json"))
    assert "there is no directory" in found


@pytest.mark.parametrize("text", ["", "- a", "url: [", "\x00"])
def test_what_is_no_such_file_at_all_is_said(tmp_path: Path, text: str) -> None:
    assert mistakes(tmp_path, text)


def test_a_file_that_is_missing_says_what_makes_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="camerad office init DIR"):
        office_settings.load(str(tmp_path / "nowhere.yaml"))


# ------------------------------------------------------------------------- notify and metrics

NOTIFY = """
notify:
  language: de
  daily_at: "06:30"
  smtp:
    host: mail.office.example
    sender: camerad@office.example
    recipients: [a@office.example, b@office.example]
metrics:
"""


def test_whoever_is_told_is_read_and_nobody_is_by_default(
    settings: OfficeFile, tmp_path: Path
) -> None:
    path = tmp_path / "office.yaml"
    path.write_text(office_settings.example(settings))
    assert office_settings.load(str(path)).notify == NotifySettings()
    assert office_settings.load(str(path)).metrics is None
    path.write_text(office_settings.example(settings) + NOTIFY)
    read = office_settings.load(str(path))
    assert read.notify.smtp is not None
    assert read.notify.smtp.recipients == ("a@office.example", "b@office.example")
    assert (read.notify.smtp.port, read.notify.smtp.encryption) == (587, "starttls")
    assert read.metrics == MetricsSettings("127.0.0.1", 9464)


def test_the_example_s_lines_count_once_they_are_no_comment(
    settings: OfficeFile, tmp_path: Path
) -> None:
    lines = office_settings.example(settings).splitlines()
    first = next(number for number, line in enumerate(lines) if line == "#notify:")
    shown = [line.removeprefix("#") if line.startswith("#") else line for line in lines[first:]]
    text = "\n".join(lines[:first] + [line for line in shown if not line.startswith(" Metrics")])
    (tmp_path / "mail-login").touch()
    text = text.replace("/etc/camerad-office/mail-login", f"{tmp_path}/mail-login")
    assert mistakes(tmp_path, text) == []
    read = office_settings.load(str(tmp_path / "office.yaml"))
    defaults = replace(read.notify, smtp=None)
    assert defaults == NotifySettings()
    assert read.metrics == MetricsSettings()


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ('"06:30"', "16:30", "notify.daily_at: found the number 16:30"),
        ('"06:30"', '"24:00"', "notify.daily_at"),
        ("language: de", "language: fr", "notify.language"),
        ("[a@office.example, b@office.example]", "[]", "notify.smtp.recipients: the list is empty"),
        ("[a@office.example, b@office.example]", "[a]", "notify.smtp.recipients[0]"),
        ("    host: mail.office.example\n", "", "notify.smtp.host: missing"),
        ("metrics:", "metrics:\n  port: 0", "metrics.port"),
        ("smtp:", "smtp:\n    password: x", "notify.smtp.password: unknown key"),
        ("smtp:", "smtp:\n    login_file: /not/there", "there is no file /not/there"),
        ("smtp:", "smtp:\n    ca: relative.pem", "notify.smtp.ca"),
    ],
)
def test_a_mistake_about_who_is_told_is_named_with_its_line(
    settings: OfficeFile, tmp_path: Path, right: str, wrong: str, said: str
) -> None:
    assert NOTIFY.count(right) == 1
    text = office_settings.example(settings) + NOTIFY.replace(right, wrong)
    found = mistakes(tmp_path, text)
    assert len(found) == 1, found
    assert said in found[0]


def test_several_servers_need_a_database_that_all_reach(
    settings: OfficeFile, tmp_path: Path
) -> None:
    text = office_settings.example(settings) + "several_servers: true\n"
    line = len(text.splitlines())
    (found,) = mistakes(tmp_path, text)
    assert found.startswith(f"{line}: several_servers: needs a database")
    text += "index:\n  url: postgresql+psycopg:///camerad\n"
    (found,) = mistakes(tmp_path, text)
    assert "second_copy" in found
    (tmp_path / "store").mkdir()
    assert mistakes(tmp_path, f"{text}second_copy:\n  directory: {tmp_path}/store\n") == []


def test_a_password_is_neither_taken_nor_said(settings: OfficeFile, tmp_path: Path) -> None:
    for url in (
        "postgresql+psycopg://u:geheim@h/x",
        "postgresql+psycopg://u@h/x?password=geheim",
        "postgresql+psycopg://u@h/x?host=h&PASSWORD=geheim&sslmode=require",
    ):
        (found,) = mistakes(tmp_path, office_settings.example(settings) + f"index:\n  url: {url}\n")
        assert "without a password" in found
        assert "geheim" not in found and "***" in found
