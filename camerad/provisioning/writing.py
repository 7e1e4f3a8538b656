"""Provisioning files as an office makes them: one from its parts, or many from a table."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import yaml

from camerad.config import fields
from camerad.config.document import parse_document
from camerad.config.provisioning import (
    MAX_BYTES,
    NAME,
    ProvisionFile,
    Provisioning,
    read_provisioning,
)
from camerad.errors import EX_CONFIG, CameradError, ConfigError
from camerad.evidence import files
from camerad.evidence.keys import PublicKey, SigningKey, encode_base64url
from camerad.evidence.plain import read_plain
from camerad.provisioning import deciding, signing

CAMERA_DIR: Final = Path("/var/lib/camerad-provision")
"""Where a camera keeps it; nothing in a file's check depends on it."""
_NAMED: Final = 3
"""Directories that a message names one by one."""
_OFFICE_KEY: Final = "provision.office_key"
_MAP: Final = "tag:yaml.org,2002:map"
_STR: Final = "tag:yaml.org,2002:str"
_SEQ: Final = "tag:yaml.org,2002:seq"
_PLAIN: Final = frozenset(f"tag:yaml.org,2002:{kind}" for kind in ("int", "float", "bool"))
_ONE_S: Final = (
    "one camera's key, which is no matter of a template; remove this line, and write a column "
    "provision.reset with the thumbprint of each camera that is to be reset"
)

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
    """One camera of a table. device: its name. content: of its file. office_in: what names the
    office's key that is to sign it, the template or a row of the table."""

    device: str
    content: bytes
    office_in: str


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
    try:
        checked(NAME, content)
    except ConfigError as error:
        # No line, nor a file: this text is one that nobody has.
        mistakes = [re.sub(rf"^{re.escape(NAME)}(:\d+)*: ", "", one) for one in error.mistakes]
        raise ConfigError(mistakes) from None
    return content


def checked(name: str, content: bytes) -> Provisioning:
    """Check a file as a camera does. name: what messages call it. Raises ConfigError."""
    if len(content) > MAX_BYTES:
        raise ConfigError([f"{name}: {deciding.TOLD[deciding.Why.TOO_LARGE]}"])
    found = read_provisioning(name, content, CAMERA_DIR)
    _office(name, found.file.provision.office_key)
    return found


def office_of(name: str, content: bytes) -> PublicKey:
    """The office's key that a file names, which is to sign it. Raises ConfigError."""
    return _office(name, checked(name, content).file.provision.office_key)


def office_of_table(
    template: tuple[str, bytes], table: str, rows: Sequence[tuple[int, Mapping[str, str]]]
) -> tuple[str, PublicKey] | None:
    """The first office's key that a table or its template names, and which of them it is that
    does; None if neither names one. Raises ConfigError if what is named is no key."""
    for line, row in rows:
        if row.get(_OFFICE_KEY):
            name = _name(table, line, row)
            return name, _office(name, row[_OFFICE_KEY])
    own = _named(_root(template), "provision", "office_key")
    return None if own is None else (template[0], _office(template[0], own))


def _office(name: str, text: str) -> PublicKey:
    key = deciding.key_of(text)
    if key is None:
        raise ConfigError(
            [f"{name}: provision.office_key: this is no key; write the office's public key"]
        )
    return key


def signed(name: str, content: bytes, key: SigningKey, *, lies: str) -> bytes:
    """The signature of a file that is in order.

    name: what names the office's key in it, for messages. lies: where `key` does. Raises
    ConfigError and OtherKeyError.
    """
    wanted = office_of(name, content)
    if wanted.thumbprint != key.public.thumbprint:
        raise OtherKeyError(
            f"{name}: provision.office_key names the office's key {wanted.thumbprint}, and the key "
            f"in {lies} is {key.public.thumbprint}; name the file of the former with --office-key. "
            f'Only if the latter is to take its place: write "{raw(key.public)}", and reset every '
            "camera that was set up by the former"
        )
    return signing.sign(key, content)


def verdict(name: str, content: bytes, token: bytes | None, own: PublicKey | None) -> str:
    """What a camera of the office would say of a file that is for it, and who could open what it
    records. own: the office's key, None if it is not at hand. Raises ConfigError if it would refuse
    the file, and OtherKeyError if it is another office's."""
    file = checked(name, content).file
    wanted = file.provision
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
    if own is not None and wanted.office_key != raw(own):
        raise OtherKeyError(
            f"{name}: signed by another office's key, {office}, than yours, {own.thumbprint}: "
            "a camera that it sets up is not yours; find out whose file this is, or name the right "
            "key with --office-key"
        )
    opening = ", ".join(file.recipients) or "nobody: it does not record"
    return f"in order, signed by {office}; what it records can be opened by {opening}"


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

    template: its name and content; if it was made for one camera's key, that is left out. office:
    the key that is written where neither template nor row names one. known: thumbprints of cameras,
    by name, for those that have had a file already. Raises ConfigError naming every mistake of
    every row.
    """
    made: list[Row] = []
    mistakes: list[str] = []
    # FAT, and with it a stick or a desk's share, has one directory for Cam-1 and cam-1.
    names: Collection[str] = [row["device.id"].casefold() for _, row in rows]
    for line, row in rows:
        device = row["device.id"]
        name = _name(table, line, row)
        if list(names).count(device.casefold()) > 1:
            mistakes.append(
                f"{name}: device.id: this name stands in the table twice, large and small letters "
                "being the same; give each camera its own"
            )
            continue
        root = _root(template)
        if _take(root, "provision", "reset"):
            raise ConfigError([f"{template[0]}: provision.reset: {_ONE_S}"])
        _take(root, "provision", "camera_key")
        values = {"provision.serial": str(serial)}
        if _named(root, "provision", "office_key") is None:
            values[_OFFICE_KEY] = raw(office)
        if device in known:
            values["provision.camera_key"] = known[device]
        values |= {key: value for key, value in row.items() if value}
        for key, value in values.items():
            path = key.split(".")
            _set(root, path, _cell(value, _kind(path)))
        text = yaml.serialize(root, Dumper=yaml.SafeDumper, allow_unicode=True, width=200)
        content = text.encode()
        try:
            checked(name, content)
        except ConfigError as error:
            # A line of this text would be one that nobody has: it was made from template and row.
            mistakes += [
                re.sub(rf"^({re.escape(name)})(:\d+)+", r"\1", one) for one in error.mistakes
            ]
        else:
            made.append(Row(device, content, name if row.get(_OFFICE_KEY) else template[0]))
    if mistakes:
        raise ConfigError(mistakes)
    return made


def _name(table: str, line: int, row: Mapping[str, str]) -> str:
    """What messages call a row. line: in the table, counted from 1."""
    return f"{table}:{line} ({row['device.id']})"


def _root(template: tuple[str, bytes]) -> yaml.MappingNode:
    """A template's own copy for one row. Raises ConfigError."""
    root = parse_document(*template)
    if not isinstance(root, yaml.MappingNode):
        raise ConfigError([f"{template[0]}: this is no provisioning file"])
    return root


def _section(root: yaml.MappingNode, section: str) -> yaml.MappingNode | None:
    inner = next((value for name, value in root.value if name.value == section), None)
    return inner if isinstance(inner, yaml.MappingNode) else None


def _named(root: yaml.MappingNode, section: str, key: str) -> str | None:
    """What stands for a key of a section, as it is written; None if nothing does."""
    inner = _section(root, section)
    pairs = [] if inner is None else inner.value
    value = next((value for name, value in pairs if name.value == key), None)
    return None if value is None else str(value.value) or None


def _take(root: yaml.MappingNode, section: str, key: str) -> bool:
    """Leave a key out of a section; whether it was there."""
    inner = _section(root, section)
    if inner is None:
        return False
    entries = [pair for pair in inner.value if pair[0].value != key]
    found = len(entries) < len(inner.value)
    inner.value = entries
    return found


def _kind(path: Sequence[str]) -> Any:
    """The type of a setting; None if there is none of that name."""
    kind: Any = ProvisionFile
    for key in path:
        if not fields.is_section(kind):
            return None
        settings = fields.settings_of(kind)
        keyed = [one for one in settings if one.key == key and not one.mark(fields.Named)]
        named = [fields.item_of(one) for one in settings if one.mark(fields.Named)]
        kind = next((one.kind for one in (*keyed, *named)), None)
    return kind


def _set(node: yaml.MappingNode, path: list[str], value: yaml.Node) -> None:
    """Put a value at a path, in place of what is there."""
    first, *rest = path
    entries = [pair for pair in node.value if pair[0].value != first]
    if rest:
        inner = next((pair[1] for pair in node.value if pair[0].value == first), None)
        if not isinstance(inner, yaml.MappingNode):
            inner = yaml.MappingNode(_MAP, [], flow_style=False)
        _set(inner, rest, value)
        node.value = [*entries, (yaml.ScalarNode(_STR, first), inner)]
    else:
        node.value = [*entries, (yaml.ScalarNode(_STR, first), value)]


def _cell(value: str, kind: Any) -> yaml.Node:
    """A cell as a value of a setting: text stays text, as 12345678 for a passphrase or NO for a
    country; the entries of a list have spaces between them."""
    if fields.is_list(kind):
        entries = [yaml.ScalarNode(_STR, one) for one in value.split()]
        return yaml.SequenceNode(_SEQ, entries, flow_style=True)
    if kind not in (int, float, bool):
        return yaml.ScalarNode(_STR, value)
    tag = yaml.SafeLoader("").resolve(  # type: ignore[no-untyped-call]
        yaml.ScalarNode, value, (True, False)
    )
    return yaml.ScalarNode(tag if tag in _PLAIN else _STR, value)


def see_free(directories: Sequence[str]) -> None:
    """Make sure that none of these directories has a file for a camera, or a signature: whatever
    was made before may be on cards, and what is half old and half new is nobody's intention.

    Raises FileExistsAlreadyError naming those that have, or what is in the place of a directory.
    """
    for directory in directories:
        place = os.path.abspath(directory)
        while not os.path.lexists(place):
            place = os.path.dirname(place)
        if not os.path.isdir(place):
            raise files.FileExistsAlreadyError(
                f"{place}: this is no directory, so nothing was written; name another place with "
                "--output"
            )
    there = [
        directory
        for directory in directories
        if any(os.path.lexists(os.path.join(directory, name)) for name in (NAME, signing.NAME))
    ]
    if there:
        named = ", ".join(there[:_NAMED])
        more = f" and {len(there) - _NAMED} more" if len(there) > _NAMED else ""
        raise files.FileExistsAlreadyError(
            f"{named}{more}: there is a file for a camera already, so nothing was written; name "
            "another directory with --output, or remove what is there"
        )


def place_of_signature(file: str, output: str | None, key: PublicKey) -> str:
    """Where the signature of a file by a key goes: beside it, unless `output` says elsewhere.

    Raises FileExistsAlreadyError if something is there but the file's own former signature by that
    key, or what is left of it, and StorageError.
    """
    path = os.path.join(os.path.dirname(os.path.abspath(file)), signing.NAME)
    if output is not None:
        path = os.path.abspath(output)
    if not os.path.lexists(path):
        return path
    why = None
    try:
        found = signing.parse(read_plain(path, "signature", signing.LONGEST + 1))
    except signing.SignatureFileError:
        if os.path.basename(path) != signing.NAME:
            why = "this is no signature"
    else:
        if found.kid != key.thumbprint:
            why = f"this is a signature by another key, {found.kid}"
    signed_file = os.path.join(os.path.dirname(path), NAME)
    if why is None and os.path.exists(signed_file) and not os.path.samefile(signed_file, file):
        why = f"this is the signature of {signed_file}"
    if why is not None:
        raise files.FileExistsAlreadyError(
            f"{path}: {why}, and it is not overwritten; remove it, or name another file with "
            "--output"
        )
    return path


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
