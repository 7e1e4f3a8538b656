"""The section `desk.openid`: what is wrong in it is named with its line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from camerad.base.errors import ConfigError
from camerad.office.server.desk_settings import EXAMPLE
from camerad.office.server.office_settings import OfficeFile, load
from tests.unit.office.server.office_scene import OfficeScene

LINES = {
    "issuer": "https://login.city.example/realms/city",
    "client_id": "camerad-desk",
    "client_secret_file": "{root}/secret",
    "label": "City account",
}
FIRST = 11
"""Line of the first of them."""


def read(tmp_path: Path, url: str = "https://localhost:8444", **lines: str | None) -> OfficeFile:
    office = OfficeScene(tmp_path).settings
    (tmp_path / "secret").write_text("s")
    said = {name: value for name, value in (LINES | lines).items() if value is not None}
    section = "".join(f"    {name}: {value}\n" for name, value in said.items())
    path = tmp_path / "office.yaml"
    path.write_text(
        f"""\
directory: {office.directory}
url: https://localhost:8443
tls:
  certificate: {office.tls.certificate}
  key: {office.tls.key}
office_key: {office.office_key}
register: {office.register}
desk:
  url: {url}
  openid:
{section}""".replace("{root}", str(tmp_path))
    )
    return load(str(path))


def test_a_section_is_read(tmp_path: Path) -> None:
    desk = read(tmp_path, acr='["2", "urn:city:strong"]', max_age_minutes="0").desk
    assert desk is not None
    assert desk.openid is not None
    assert (desk.openid.acr, desk.openid.max_age_minutes) == (("2", "urn:city:strong"), 0)
    assert desk.openid.prompt == "login", "whoever sits down at the computer is asked"


@pytest.mark.parametrize(
    ("name", "value", "line", "said"),
    [
        ("issuer", None, 0, "missing"),
        ("issuer", "login.city.example", 1, "an address such as https://login.city.example"),
        ("issuer", "https://login.city.example/?tenant=7", 1, "without . and #"),
        ("issuer", "https://login.city.example:0", 1, "is needed"),
        ("issuer", "https://login.city.example:70000", 1, "ports are 1 to 65535"),
        ("issuer", "http://login.city.example", 1, "an address such as"),
        ("issuer", "http://localhost:9000", 1, "on the network could sign in as any person"),
        ("client_id", "two words", 2, "what the provider shows as client ID"),
        ("client_secret_file", "secret", 3, "an absolute path"),
        ("client_secret_file", "{root}/none", 3, "there is no file"),
        ("label", '" "', 4, "1 to 60 characters that print"),
        ("label", '"City\\u202E"', 4, "1 to 60 characters that print"),
        ("label", "x" * 61, 4, "1 to 60 characters that print"),
        ("ca", "{root}/none.pem", 5, "there is no file"),
        ("prompt", "none", 5, "login, select_account, provider"),
        ("max_age_minutes", "-1", 5, "0 to 1440 minutes"),
        ("acr", '["a b"]', 5, "a word without spaces"),
        ("secret", "s3cret", 5, "unknown key"),
    ],
)
def test_each_mistake_is_named_with_its_line(
    tmp_path: Path, name: str, value: str | None, line: int, said: str
) -> None:
    with pytest.raises(ConfigError) as told:
        read(tmp_path, **{name: value})
    (mistake,) = told.value.mistakes
    assert mistake.startswith(f"{tmp_path}/office.yaml:{FIRST + line - 1}: desk.openid.{name}")
    assert re.search(said, mistake), mistake


def test_a_trial_may_have_a_provider_without_tls(tmp_path: Path) -> None:
    desk = read(tmp_path, "http://localhost:8444", issuer="http://localhost:9000").desk
    assert desk is not None
    assert desk.openid is not None
    assert desk.openid.is_trial


def test_the_example_has_the_section() -> None:
    assert "#   openid:" in EXAMPLE
