"""Provisioning files as an office makes them: one from its parts, or many from a table."""

from __future__ import annotations

import csv
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import yaml

from camerad.config.document import parse_document
from camerad.config.provisioning import MAX_BYTES, NAME, Provisioning, read_provisioning
from camerad.errors import EX_CONFIG, CameradError, ConfigError
from camerad.evidence import files
from camerad.evidence.keys import PublicKey, SigningKey, encode_base64url
from camerad.evidence.plain import read_plain
from camerad.provisioning import deciding, signing

CAMERA_DIR: Final = Path("/var/lib/camerad-provision")
"""Where a camera keeps it; nothing in a file's check depends on it."""
MOST_CAMERAS: Final = 1000
_LARGEST_TABLE: Final = 4 << 20
_MAP: Final = "tag:yaml.org,2002:map"
_STR: Final = "tag:yaml.org,2002:str"
_INT: Final = "tag:yaml.org,2002:int"

_NEW: Final = """\
# Sets up one camera: copy this file and {signature} onto the partition CAMERAD of its card.
# Every setting of camerad.yaml may stand here as well. After a change: camerad provision sign FILE

# Whose camera it is, and which of this camera's files this is.
provision:
  office_key: "{office}"
  serial: {serial}
{more}
# The law of the place, and who can open what is recorded.
policy: {policy}
recipients:
{recipients}
# The name that is on the camera's housing.
device:
  id: "{device}"

# Language of the display and of announcements: de or en.
language: {language}

# Time servers in the dock, a technician's key, the dock's wireless network: only where wanted.
# time: {{servers: [ntp.example]}}
# ssh: {{key: ssh-ed25519 AAAA...}}
# wifi: {{ssid: Dock, passphrase: "...", country: DE}}
"""


class TableError(CameradError, ValueError):
    """Error raised when a table of cameras cannot be read; the text says where and what to do."""

    exit_code = EX_CONFIG


class OtherKeyError(CameradError, ValueError):
    """Error raised when a file names another office than that whose key is to sign it."""

    exit_code = EX_CONFIG


@dataclass(frozen=True, slots=True)
class Wanted:
    """What `new_file` puts into a file. camera_key, reset: see `Provision`."""

    device: str
    policy: str
    recipients: Sequence[str]
    language: str
    serial: int
    camera_key: str | None = None
    reset: str | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One camera of a table. line: in the table, counted from 1. content: of its file."""

    line: int
    device: str
    content: bytes


def serial_now() -> int:
    """A serial that is above every earlier one, as long as this computer's time is right."""
    return int(datetime.now(UTC).strftime("%Y%m%d%H%M%S"))


def raw(key: PublicKey) -> str:
    """A public key as `provision.office_key` has it."""
    return encode_base64url(key.raw)


def new_file(office: PublicKey, wanted: Wanted) -> bytes:
    """A file with comments. Raises ConfigError if what is wanted cannot be."""
    more = "".join(
        f'  {key}: "{value}"\n'
        for key, value in (("camera_key", wanted.camera_key), ("reset", wanted.reset))
        if value is not None
    )
    text = _NEW.format(
        signature=signing.NAME,
        office=raw(office),
        serial=wanted.serial,
        more=more,
        policy=wanted.policy,
        recipients="".join(f"  - {one}\n" for one in wanted.recipients),
        device=wanted.device,
        language=wanted.language,
    )
    content = text.encode()
    checked(NAME, content)
    return content


def checked(name: str, content: bytes) -> Provisioning:
    """Check a file as a camera does. name: what messages call it. Raises ConfigError."""
    if len(content) > MAX_BYTES:
        raise ConfigError([f"{name}: {deciding.TOLD[deciding.Why.TOO_LARGE]}"])
    found = read_provisioning(name, content, CAMERA_DIR)
    if deciding.key_of(found.file.provision.office_key) is None:
        raise ConfigError([f"{name}: provision.office_key: this is no key"])
    return found


def signed(name: str, content: bytes, key: SigningKey) -> bytes:
    """The signature of a file that is in order. Raises ConfigError and OtherKeyError."""
    office = checked(name, content).file.provision.office_key
    if office != raw(key.public):
        raise OtherKeyError(
            f"{name}: provision.office_key is not the key that is to sign it: write "
            f'"{raw(key.public)}", or name the right one with --office-key'
        )
    return signing.sign(key, content)


def verdict(name: str, content: bytes, token: bytes | None) -> str:
    """What a camera would say of a file that is for it, in one sentence. Raises ConfigError if it
    would refuse it."""
    wanted = checked(name, content).file.provision
    found = deciding.judge(
        content,
        token,
        pin=None,
        damaged=False,
        camera=wanted.reset or wanted.camera_key,
        provision_dir=CAMERA_DIR,
    )
    if isinstance(found, deciding.Refused):
        raise ConfigError([f"{name}: {deciding.TOLD[found.why]}"])
    office = found.office if isinstance(found, deciding.Taken) else ""
    return f"in order, signed by {office}"


def read_table(path: str) -> list[tuple[int, dict[str, str]]]:
    """The rows of a table (CSV, UTF-8), each with its line: what stands in it, by column. A column
    is called by the setting's path, such as device.id or wifi.ssid. Raises TableError."""
    try:
        text = read_plain(path, "table", _LARGEST_TABLE).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise TableError(f"{path}: not UTF-8 text; save the table as CSV in UTF-8") from None
    lines = text.splitlines()
    delimiter = ";" if lines and lines[0].count(";") > lines[0].count(",") else ","
    reader = csv.DictReader(lines, delimiter=delimiter, strict=True)
    rows = []
    try:
        for row in reader:
            if None in row or None in row.values():
                raise TableError(
                    f"{path}:{reader.line_num}: this row has another number of columns than the "
                    "first; put text with a comma in quotes"
                )
            rows.append((reader.line_num, {key.strip(): row[key].strip() for key in row}))
    except csv.Error as error:
        raise TableError(f"{path}:{reader.line_num + 1}: {error}; save the table anew") from None
    if "device.id" not in (reader.fieldnames or ()):
        raise TableError(f"{path}:1: a column device.id is needed, and more as wanted (wifi.ssid)")
    if not rows or len(rows) > MOST_CAMERAS:
        raise TableError(f"{path}: {len(rows)} cameras; 1 to {MOST_CAMERAS} are allowed")
    return rows


def batch(
    template: tuple[str, bytes],
    table: str,
    rows: Sequence[tuple[int, Mapping[str, str]]],
    *,
    office: PublicKey,
    serial: int,
    known: Mapping[str, str],
) -> list[Row]:
    """A file for each row: the template with the row's columns in it.

    template: its name and content. known: thumbprints of cameras, by name, for those that have had
    a file already. Raises ConfigError naming every mistake of every row.
    """
    made: list[Row] = []
    mistakes: list[str] = []
    names: Collection[str] = [row["device.id"] for _, row in rows]
    for line, row in rows:
        device = row["device.id"]
        name = f"{table}:{line} ({device})"
        if list(names).count(device) > 1:
            mistakes.append(f"{name}: device.id: this name stands in the table twice")
            continue
        root = parse_document(*template)
        if not isinstance(root, yaml.MappingNode):
            raise ConfigError([f"{template[0]}: this is no provisioning file"])
        values = {"provision.office_key": raw(office), "provision.serial": str(serial)}
        if device in known:
            values["provision.camera_key"] = known[device]
        values |= {key: value for key, value in row.items() if value}
        for key, value in values.items():
            _set(root, key.split("."), value)
        text = yaml.serialize(root, Dumper=yaml.SafeDumper, allow_unicode=True, width=200)
        content = text.encode()
        try:
            checked(name, content)
        except ConfigError as error:
            mistakes += error.mistakes
        else:
            made.append(Row(line, device, content))
    if mistakes:
        raise ConfigError(mistakes)
    return made


def _set(node: yaml.MappingNode, path: list[str], value: str) -> None:
    """Put a text at a path, in place of what is there."""
    first, *rest = path
    entries = [pair for pair in node.value if pair[0].value != first]
    if rest:
        inner = next((pair[1] for pair in node.value if pair[0].value == first), None)
        if not isinstance(inner, yaml.MappingNode):
            inner = yaml.MappingNode(_MAP, [], flow_style=False)
        _set(inner, rest, value)
        node.value = [*entries, (yaml.ScalarNode(_STR, first), inner)]
    else:
        node.value = [*entries, (yaml.ScalarNode(_STR, first), _scalar(value))]


def _scalar(value: str) -> yaml.ScalarNode:
    """A cell: a number or a switch where it looks like one, else text."""
    tag = yaml.SafeLoader("").resolve(  # type: ignore[no-untyped-call]
        yaml.ScalarNode, value, (True, False)
    )
    plain = tag in {_INT, "tag:yaml.org,2002:float", "tag:yaml.org,2002:bool"}
    return yaml.ScalarNode(tag if plain else _STR, value)


def write_pair(directory: str, content: bytes, token: bytes) -> None:
    """Put a file and its signature into a directory, which is made; one that has such a file
    already is left. Raises StorageError."""
    directory = os.path.abspath(directory)
    files.make_directory(directory, 0o700)
    for name, data in ((NAME, content), (signing.NAME, token)):
        path = os.path.join(directory, name)
        descriptor = files.create(path, 0o600)
        try:
            files.write(descriptor, [data], 0, path)
            files.sync(descriptor, path)
        finally:
            files.close(descriptor, path)
    files.sync_directory(directory)
