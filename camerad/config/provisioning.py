"""``camerad-provision.yaml``: the file by which an office sets up a camera.

It is a ``camerad.yaml`` with some sections more: its camera, the office's key, the language, and
settings of the system around the camera. So there is one vocabulary, one set of checks, and
mistakes are named as in any configuration. It may not set the camera's directories, which the image
decides.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
import yaml
from msgspec.structs import replace

from camerad.base.errors import ConfigError
from camerad.config import policies
from camerad.config.document import parse_document
from camerad.config.fields import Matches, Range, Secret
from camerad.config.loader import DEFAULT_PATH, make_settings
from camerad.config.office_section import KEY, OfficeServer
from camerad.config.sections import ConfigFile
from camerad.config.settings import Settings
from camerad.config.settings_reader import SettingsReader

NAME: Final = "camerad-provision.yaml"
"""The file's name on the card."""
MAX_BYTES: Final = 64 * 1024
"""The longest file that is read."""

_IMAGE_S: Final = ("state_dir", "runtime_dir", "provision_dir", "socket_group")
_SPEAKING: Final = ("self_view", "announcements")
_NO_DIRECTORIES: Final = frozenset(
    ("con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10)))
)
"""Devices of Windows, also with an ending (Microsoft's documentation, "Naming Files, Paths, and
Namespaces")."""


class Provision(msgspec.Struct, frozen=True):
    """For which camera the file is, and by whose word it holds."""

    office_key: Annotated[
        str,
        "The office's public key (Ed25519); its private half signs this file and every later one.",
        Matches(KEY, "a public key as `camerad provision new` writes it (43 characters)"),
    ]
    serial: Annotated[
        int,
        "Rises with each file for the same camera, so that an old one cannot come back: date and "
        "time of its making, as 20261126153000.",
        Range(1, 99_999_999_999_999),
    ]
    camera_key: Annotated[
        str | None,
        "Thumbprint of the camera's own key. Every file but a camera's first needs it. Left out: "
        "for any camera that has had none.",
        Matches(KEY, "a thumbprint, as the camera's label has it (43 characters)"),
    ] = None
    reset: Annotated[
        str | None,
        "Thumbprint of the camera's own key, which is given up: the camera then belongs to the "
        "office of this file, and makes itself another key.",
        Matches(KEY, "a thumbprint, as the camera's label has it (43 characters)"),
    ] = None


class Time(msgspec.Struct, frozen=True):
    """Where the camera gets the time of day from, besides a battery-backed clock."""

    servers: Annotated[
        tuple[str, ...],
        "Names or addresses of the office's time servers (NTP), reached in the dock.",
        Matches(r"[A-Za-z0-9][A-Za-z0-9.:-]{0,252}", "the name or address of a server"),
    ] = ()


class Ssh(msgspec.Struct, frozen=True):
    """A way in for technicians; without this section there is none."""

    key: Annotated[
        str,
        "The technician's public key (Ed25519), one line as in their id_ed25519.pub.",
        Matches(
            r"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI[A-Za-z0-9+/]{43}( [\x20-\x7e]{0,100})?",
            "a line that begins with ssh-ed25519 AAAA",
        ),
    ]


class Wifi(msgspec.Struct, frozen=True):
    """The wireless network of the dock; without this section there is none."""

    ssid: Annotated[
        str, "Name of the network.", Matches(r"[\x20-\x7e]{1,32}", "1 to 32 plain characters")
    ]
    passphrase: Annotated[
        str,
        "Its passphrase (WPA2).",
        # IEEE 802.11-2020, J.4.1: 8 to 63 printable characters of ASCII.
        Matches(r"[\x20-\x7e]{8,63}", "a passphrase of 8 to 63 plain characters"),
        Secret(),
    ]
    country: Annotated[
        str,
        "The country, whose rules for radio hold: two letters (ISO 3166-1).",
        Matches(r"[A-Z]{2}", "a country's two letters, such as DE,"),
    ] = "DE"


class ProvisionFile(ConfigFile, frozen=True, kw_only=True):
    """What an office gives a camera: its configuration, and what only its first set-up needs."""

    provision: Provision
    language: Annotated[
        Literal["de", "en"],
        "Language of the display and of announcements, unless their own sections say another.",
    ] = "de"
    time: Time = Time()
    ssh: Ssh | None = None
    wifi: Wifi | None = None


_CONFIG: Final = ConfigFile.__struct_fields__


class Provisioning(msgspec.Struct, frozen=True):
    """A file that is sound in itself; whether it holds for this camera is another question.

    settings: as the camera's configuration makes them. config: the text of that configuration.
    """

    file: ProvisionFile
    settings: Settings
    config: str


def read_provisioning(name: str, data: bytes, provision_dir: Path) -> Provisioning:
    """Read the content of a provisioning file.

    name: what messages call it. provision_dir: where the camera will keep what it was told.
    Raises ConfigError naming every mistake, in the order of the lines. A policy is looked for where
    the camera has its own, never beside the file: files there are unsigned.
    """
    document = parse_document(name, data)
    reader = SettingsReader(name)
    values = reader.values(document, ProvisionFile)
    if not values:
        raise ConfigError([str(mistake) for mistake in reader.mistakes])
    _check_device(reader, values["device"].id)
    provision = values.pop("provision", None)
    config = {key: values[key] for key in _CONFIG}
    language = values["language"]
    for section in _SPEAKING:
        if not reader.is_given(f"{section}.language"):
            config[section] = replace(config[section], language=language)
    config["device"] = replace(config["device"], provision_dir=provision_dir)
    config["office"] = _with_office_key(config["office"], provision)
    places = policies.policy_directories(DEFAULT_PATH)
    settings = make_settings(ConfigFile(**config), reader, DEFAULT_PATH, places)
    # Without its section the file has a mistake, and that was raised.
    file = ProvisionFile(**values, provision=provision)
    text = _configuration(document, language, provision_dir, file.provision.office_key)
    return Provisioning(file, settings, text)


def _check_device(reader: SettingsReader, name: str) -> None:
    if not reader.is_given("device.id") and reader.is_sound("device"):
        reader.add_mistake("device.id", "missing; write the name that is on the camera's housing")
    # Only of such a file: a camera that has the name already goes on with its configuration.
    taken = name.endswith(".") or name.casefold().partition(".")[0] in _NO_DIRECTORIES
    if taken and reader.is_given("device.id") and reader.is_sound("device.id"):
        reader.add_mistake(
            "device.id",
            "Windows can make no directory of this name, in which the camera's files would be; "
            "give the camera another one",
        )
    for key in _IMAGE_S:
        if reader.is_given(f"device.{key}"):
            reader.add_mistake(
                f"device.{key}", "the image decides where things are; remove this line"
            )


def _with_office_key(
    server: OfficeServer | None, provision: Provision | None
) -> OfficeServer | None:
    """The office's server with the key by which receipts are signed; None if there is none, or the
    file has a mistake in what names the key."""
    if server is None or provision is None:
        return None
    if server.key is not None:
        return server
    return replace(server, key=provision.office_key)


def _configuration(document: yaml.Node, language: str, provision_dir: Path, office_key: str) -> str:
    """The camera's configuration, word for word as the file has it, without what is not of it."""
    sections = [(key, node) for key, node in _pairs(document) if key in _CONFIG]
    made = [
        (key, _with(node, "provision_dir", str(provision_dir)) if key == "device" else node)
        for key, node in sections
    ]
    given = dict(sections)
    server = given.get("office")
    if _pairs(server) and "key" not in dict(_pairs(server)):
        made = [pair for pair in made if pair[0] != "office"]
        made.append(("office", _with(server, "key", office_key)))
    for key in _SPEAKING:
        node = given.get(key)
        if node is None or "language" not in dict(_pairs(node)):
            made = [pair for pair in made if pair[0] != key]
            made.append((key, _with(node, "language", language)))
    root = yaml.MappingNode(
        "tag:yaml.org,2002:map", [(_scalar(key), node) for key, node in made], flow_style=False
    )
    text = yaml.serialize(root, Dumper=yaml.SafeDumper, allow_unicode=True, width=200)
    return f"# Made by `camerad provision apply` from {NAME}; the next one writes it anew.\n{text}"


def _pairs(node: yaml.Node | None) -> list[tuple[str, yaml.Node]]:
    """The entries of a mapping; none of a section whose lines are all commented out."""
    entries = node.value if isinstance(node, yaml.MappingNode) else []
    return [(str(key.value), value) for key, value in entries]


def _with(node: yaml.Node | None, key: str, text: str) -> yaml.Node:
    entries = list(node.value) if isinstance(node, yaml.MappingNode) else []
    return yaml.MappingNode("tag:yaml.org,2002:map", [*entries, (_scalar(key), _scalar(text))])


def _scalar(text: str) -> yaml.ScalarNode:
    return yaml.ScalarNode("tag:yaml.org,2002:str", text)
