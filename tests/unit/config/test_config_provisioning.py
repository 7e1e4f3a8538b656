"""The provisioning file: a configuration and a little more, with every mistake named."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from generators import settings_schema as schema
from jsonschema import Draft202012Validator
from msgspec.structs import replace

from camerad.base.errors import ConfigError
from camerad.config import Settings, load
from camerad.config.document import NoDocumentError
from camerad.config.provisioning import MAX_BYTES, Provisioning, read_provisioning

PLACE = Path("/var/lib/camerad-provision")
DESK = "age1rmpz6lv0fenc5mtprp52pc2wveryllwwrf95vd7tsudku5nffvvsd8je57"
KEY = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
HEAD = f"""\
policy: generic
recipients: [{DESK}]
device: {{id: camera-07}}
provision: {{office_key: {KEY}, serial: 20261126153000}}
"""
SSH = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI" + "A" * 43
FULL = f"""{HEAD}\
language: en
time: {{servers: [ntp.stadt.example, "192.0.2.7"]}}
ssh: {{key: {SSH} erika}}
wifi: {{ssid: Dock, passphrase: "ganz geheim", country: AT}}
# A comment, and numbers in the ways in which people write them.
camera: {{bitrate: 6_000_000, fps: 25}}
buttons:
  main: {{gpio: 5, active_low: false}}
self_view:
  driver: none
announcements:
  language: de
overrides: {{reason: "Trial: no", authorised_by: "Müller"}}
"""


def read(text: str) -> Provisioning:
    return read_provisioning("p.yaml", text.encode(), PLACE)


def mistakes(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read(text)
    return list(caught.value.mistakes)


def test_a_file_says_what_it_says() -> None:
    found = read(FULL)
    file = found.file
    assert (file.provision.serial, file.provision.office_key) == (20261126153000, KEY)
    assert (file.provision.camera_key, file.provision.reset) == (None, None)
    assert file.time.servers == ("ntp.stadt.example", "192.0.2.7")
    assert file.ssh is not None and file.ssh.key == f"{SSH} erika"
    assert file.wifi is not None
    assert (file.wifi.ssid, file.wifi.passphrase) == ("Dock", "ganz geheim")
    assert file.wifi.country == "AT"
    assert found.settings.device.id == "camera-07"
    assert found.settings.device.provision_dir == PLACE


def test_what_is_left_out_asks_for_nothing() -> None:
    file = read(HEAD).file
    assert (file.ssh, file.wifi, file.time.servers) == (None, None, ())


def test_one_line_sets_the_language_where_a_section_does_not() -> None:
    settings = read(FULL).settings
    assert (settings.self_view.language, settings.announcements.language) == ("en", "de")


@pytest.mark.parametrize(
    "text",
    [
        HEAD,
        FULL,
        HEAD + "self_view:\n",
        HEAD + "self_view: {language: en, fps: 20}\nlanguage: de\n",
    ],
)
def test_the_configuration_made_of_it_is_read_to_the_very_settings(
    text: str, tmp_path: Path
) -> None:
    """Or what was checked would be another thing than what the camera does."""
    found = read(text)
    path = tmp_path / "camerad.yaml"
    path.write_text(found.config, encoding="utf-8")

    def plain(settings: Settings) -> Settings:
        return replace(settings, path=Path("x"))

    assert plain(load(path)) == plain(found.settings)


def test_what_only_the_set_up_needs_is_not_in_the_configuration() -> None:
    config = read(FULL).config
    made = yaml.safe_load(config)
    assert not {"provision", "language", "time", "ssh", "wifi"} & set(made)
    assert "geheim" not in config


@pytest.mark.parametrize("text", [HEAD, FULL])
def test_the_schema_takes_what_the_check_takes(text: str) -> None:
    definition = schema.schema()["$defs"]["provision"]
    assert Draft202012Validator(definition).is_valid(yaml.safe_load(text))


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ("wifi: {ssid: Dock, passphrase: geheim}", "p.yaml:5: wifi.passphrase: what stands here"),
        ("wifi: {ssid: Dock, passphrase: 12345678}", "a passphrase of 8 to 63 plain characters"),
        ("wifi: {ssid: Dock, passphrase: [geheim]}", "is needed, in quotes"),
        ("wifi: {ssid: Dock}", "p.yaml:5: wifi.passphrase: missing;"),
        ("wifi: {passphrase: streng geheim}", "p.yaml:5: wifi.ssid: missing;"),
        ("ssh: {key: ssh-rsa AAAA}", "p.yaml:5: ssh.key: found the text"),
        (
            "time: {servers: ntp.example}",
            'p.yaml:5: time.servers: found the text "ntp.example"; a list in brackets is '
            "needed, each entry the name or address of a server",
        ),
        ("time: {servers: [-x]}", 'p.yaml:5: time.servers[0]: found the text "-x"'),
        ("language: fr", 'p.yaml:5: language: found the text "fr"; one of these is needed: de, en'),
        ("lights: {red: {gpio: 17}}", "p.yaml:5: lights.red.gpio: GPIO 17 already serves"),
        ("retention: {days: 15}", "p.yaml:5: retention.days: 15 days is beyond policy generic"),
        ("wlan: {ssid: Dock}", "p.yaml:5: wlan: unknown key;"),
    ],
)
def test_a_mistake_is_named_with_its_line_and_its_cure(wrong: str, told: str) -> None:
    (mistake,) = mistakes(HEAD + wrong)
    assert told in mistake
    assert "geheim" not in mistake


def test_whose_and_for_whom_it_is_cannot_be_left_out() -> None:
    (missing,) = mistakes(HEAD.replace("provision:", "# provision:"))
    assert missing.startswith("p.yaml:1: provision: missing; a section is needed, with: office_key")
    (missing,) = mistakes(HEAD.replace("id: camera-07", ""))
    assert missing.startswith("p.yaml:3: device.id: missing; write the name")


def test_a_name_that_is_wrong_is_one_mistake_and_not_two() -> None:
    (wrong,) = mistakes(HEAD.replace("camera-07", "camera 07"))
    assert 'device.id: found the text "camera 07"' in wrong
    (wrong,) = mistakes(HEAD.replace("{id: camera-07}", "camera-07"))
    assert "device: found the text" in wrong


@pytest.mark.parametrize("name", ["camera-1.", "CON", "nul.1", "Lpt0"])
def test_a_name_that_no_directory_can_have_on_windows_is_told(name: str, tmp_path: Path) -> None:
    """Its files would be in one; a camera that has such a name already goes on with it."""
    named = HEAD.replace("camera-07", name)
    (told,) = mistakes(named)
    assert told.startswith("p.yaml:3: device.id: Windows can make no directory of this name")
    config = tmp_path / "camerad.yaml"
    config.write_text(f"policy: generic\nrecipients: [{DESK}]\ndevice: {{id: {name}}}\n")
    assert load(config).device.id == name


@pytest.mark.parametrize("name", ["console", "com1x", "x.con", "camera.1"])
def test_a_name_that_only_begins_like_one_of_those_is_one(name: str) -> None:
    assert read(HEAD.replace("camera-07", name)).settings.device.id == name


@pytest.mark.parametrize("key", ["state_dir", "runtime_dir", "provision_dir", "socket_group"])
def test_where_things_are_is_the_image_s_affair(key: str) -> None:
    value = "camerad" if key == "socket_group" else "/elsewhere"
    found = mistakes(HEAD.replace("id: camera-07", f"id: camera-07, {key}: {value}"))
    assert f"p.yaml:3: device.{key}: the image decides where things are; remove this line" in found


def test_a_policy_that_lies_beside_the_file_is_not_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody has signed it."""
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "mine.yaml").write_text("title: mine\n")
    monkeypatch.chdir(tmp_path)
    (mistake,) = mistakes(HEAD.replace("policy: generic", "policy: mine"))
    assert 'policy: "mine" is no policy' in mistake


@pytest.mark.parametrize("text", ["", "[a]", "policy", "\t"])
def test_what_is_no_configuration_at_all_is_named_too(text: str) -> None:
    (mistake,) = mistakes(text)
    assert mistake.startswith("p.yaml")


def test_an_empty_file_is_told_from_one_with_mistakes() -> None:
    with pytest.raises(NoDocumentError, match="the file is empty"):
        read("")
    assert len(FULL) < MAX_BYTES


# --------------------------------------------------------------------------- the office's server

CA = f"-----BEGIN CERTIFICATE-----\n{('A' * 64 + chr(10)) * 3}-----END CERTIFICATE-----\n"
SERVER = "office:\n  url: https://office.example:8443\n  ca: |\n" + "".join(
    f"    {line}\n" for line in CA.splitlines()
)


@pytest.mark.parametrize("given", ["", f"  key: {KEY}\n"])
def test_the_office_s_server_has_the_key_that_the_file_names(given: str, tmp_path: Path) -> None:
    found = read(f"{HEAD}{SERVER}{given}")
    office = found.settings.office
    assert office is not None
    assert (office.url, office.ca, office.key) == ("https://office.example:8443", CA, KEY)
    assert office.mbit_per_second == 100
    path = tmp_path / "camerad.yaml"
    path.write_text(found.config)
    assert load(path).office == office


def test_a_file_without_a_server_hands_over_to_none() -> None:
    assert read(HEAD).settings.office is None
    assert "office:" not in read(HEAD).config


def test_the_server_may_have_a_key_of_its_own_for_receipts(tmp_path: Path) -> None:
    """So the key that says who may open what is recorded need not be where the network is."""
    found = read(f"{HEAD}{SERVER}  key: {'A' * 43}\n")
    assert found.settings.office is not None
    assert found.settings.office.key == "A" * 43 != found.file.provision.office_key
    path = tmp_path / "camerad.yaml"
    path.write_text(found.config)
    assert load(path).office == found.settings.office


def test_a_configuration_by_hand_names_the_key_itself(tmp_path: Path) -> None:
    path = tmp_path / "camerad.yaml"
    path.write_text(f"policy: generic\n{SERVER}")
    with pytest.raises(ConfigError, match=r"office\.key: missing; write the office's public key"):
        load(path)
    path.write_text(f"policy: generic\n{SERVER}  key: {KEY}\n  mbit_per_second: 25\n")
    office = load(path).office
    assert office is not None
    assert (office.key, office.mbit_per_second) == (KEY, 25)


@pytest.mark.parametrize(
    "url",
    [
        "http://office.example",
        "https://office.example/",
        "https://office.example/v1",
        "https://office.example:0",
        "https://office.example:65536",
        "https://user@office.example",
        "https://",
        "https://-a.example",
        "https://a..example",
        "office.example",
        "https://" + "a." * 130 + "example",
    ],
)
def test_an_address_with_more_or_less_than_a_host_is_a_mistake(url: str) -> None:
    (found,) = mistakes(f"{HEAD}{SERVER}".replace("https://office.example:8443", url))
    assert "office.url: " in found
    assert "an address without a path" in found


@pytest.mark.parametrize(
    "url",
    ["https://office", "https://192.0.2.7", "https://[2001:db8::1]:65535", "https://a-b.c1:1"],
)
def test_a_name_or_an_address_is_one(url: str) -> None:
    office = read(f"{HEAD}{SERVER}".replace("https://office.example:8443", url)).settings.office
    assert office is not None
    assert office.url == url


@pytest.mark.parametrize(
    "ca",
    [
        "ca: nothing",
        "ca: |\n    -----BEGIN CERTIFICATE-----\n    AAAA\n    -----END CERTIFICATE-----",
        "ca: |\n    -----BEGIN PUBLIC KEY-----\n    AAAA\n    -----END PUBLIC KEY-----",
    ],
)
def test_what_is_no_certificate_is_a_mistake(ca: str) -> None:
    (found,) = mistakes(f"{HEAD}office:\n  url: https://office.example\n  {ca}\n")
    assert "office.ca: " in found
    assert "one certificate in PEM" in found


def test_a_mistake_beside_it_brings_none_about_the_server() -> None:
    (found,) = mistakes(f"{HEAD}{SERVER}".replace("serial: 2026", "serial: x2026"))
    assert "provision.serial" in found
