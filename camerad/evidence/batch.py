"""Many provisioning files from one: a template, and a table (CSV) with what differs.

A spreadsheet writes what its country is used to: commas, semicolons or tabs, a first line that says
which (sep=;), rows and columns that are empty, a byte order mark. All of that is read; what could
mean two things is told.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec
import yaml

from camerad.base.errors import ConfigError
from camerad.base.safe_read import read_plain
from camerad.base.text import printable
from camerad.config import fields
from camerad.config.document import parse_document
from camerad.config.provisioning import ProvisionFile
from camerad.container.keys import PublicKey
from camerad.evidence.provisioning_files import encode_key, parse_file, parse_office_key

_OFFICE_KEY: Final = "provision.office_key"
_MAP: Final = "tag:yaml.org,2002:map"
_STR: Final = "tag:yaml.org,2002:str"
_SEQ: Final = "tag:yaml.org,2002:seq"
_PLAIN: Final = frozenset(f"tag:yaml.org,2002:{kind}" for kind in ("int", "float", "bool"))
_ONE_S: Final = (
    "one camera's key, which does not belong into a template; remove this line, and add a column "
    "provision.reset with the thumbprint of each camera that is to be reset"
)


class BatchFile(msgspec.Struct, frozen=True):
    """One camera of a table. device: its name. content: of its file. office_in: what names the
    office's key that is to sign it, the template or a row of the table. recipients: who can open
    what it records. policy: its name."""

    device: str
    content: bytes
    office_in: str
    recipients: tuple[str, ...]
    policy: str | None


def office_key_of_table(
    template: tuple[str, bytes], table: str, rows: Sequence[tuple[int, Mapping[str, str]]]
) -> tuple[str, PublicKey] | None:
    """The first office's key that a table or its template names, and which of them it is that
    does; None if neither names one. Raises ConfigError if what is named is no key."""
    for line, row in rows:
        if row.get(_OFFICE_KEY):
            name = _name(table, line, row)
            return name, parse_office_key(name, row[_OFFICE_KEY])
    own = _named(_root(template), "provision", "office_key")
    return None if own is None else (template[0], parse_office_key(template[0], own))


def make_files(
    template: tuple[str, bytes],
    table: str,
    rows: Sequence[tuple[int, Mapping[str, str]]],
    *,
    office: PublicKey,
    serial: int,
    known: Mapping[str, str],
) -> list[BatchFile]:
    """A file for each row: the template with the row's columns in it.

    template: its name and content; if it was made for one camera's key, that is left out. office:
    the key that is written where neither template nor row names one. known: thumbprints of cameras,
    by name, for those that have had a file already. Raises ConfigError naming every mistake of
    every row.
    """
    made: list[BatchFile] = []
    mistakes: list[str] = []
    names: Collection[str] = [_directory(row["device.id"]) for _, row in rows]
    for line, row in rows:
        device = row["device.id"]
        name = _name(table, line, row)
        if list(names).count(_directory(device)) > 1:
            mistakes.append(
                f"{name}: device.id: another row has the same name (large and small letters count "
                "as the same, and dots at the end do not count); give each camera its own"
            )
            continue
        root = _root(template)
        if _take(root, "provision", "reset"):
            raise ConfigError(f"{template[0]}: provision.reset: {_ONE_S}")
        _take(root, "provision", "camera_key")
        values = {"provision.serial": str(serial)}
        if _named(root, "provision", "office_key") is None:
            values[_OFFICE_KEY] = encode_key(office)
        if device in known:
            values["provision.camera_key"] = known[device]
        values |= {key: value for key, value in row.items() if value}
        for key, value in values.items():
            path = key.split(".")
            _set(root, path, _cell(value, _kind(path)))
        text = yaml.serialize(root, Dumper=yaml.SafeDumper, allow_unicode=True, width=200)
        content = text.encode()
        try:
            file = parse_file(name, content).file
        except ConfigError as error:
            # A line of this text would be in no file: it was made from template and row.
            texts = (re.sub(rf"^{re.escape(name)}(:\d+)*: ", "", one) for one in error.mistakes)
            mistakes += [f"{name if _is_of(one, row) else template[0]}: {one}" for one in texts]
        else:
            office_in = name if row.get(_OFFICE_KEY) else template[0]
            made.append(BatchFile(device, content, office_in, tuple(file.recipients), file.policy))
    if mistakes:
        raise ConfigError(list(dict.fromkeys(mistakes)))  # the template's are in every row
    return made


def _is_of(mistake: str, row: Mapping[str, str]) -> bool:
    """Whether a mistake is about what a row says, and not about its template. mistake: begins with
    the setting that it is about."""
    about = mistake.partition(": ")[0]
    said = [key for key, value in row.items() if value]
    return any(f"{about}.".startswith(f"{key}.") or key.startswith(f"{about}.") for key in said)


def _directory(device: str) -> str:
    """By what a stick or a desk's share (FAT, Windows) finds a directory: it has one for Cam-1,
    cam-1 and cam-1. with a dot."""
    return device.rstrip(".").casefold()


def _name(table: str, line: int, row: Mapping[str, str]) -> str:
    """What messages call a row. line: in the table, counted from 1."""
    return f"{table}:{line} ({row['device.id']})"


def _root(template: tuple[str, bytes]) -> yaml.MappingNode:
    """A template's own copy for one row. Raises ConfigError."""
    root = parse_document(*template)
    if not isinstance(root, yaml.MappingNode):
        raise ConfigError(f"{template[0]}: this is no provisioning file")
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


MOST_CAMERAS: Final = 1000
NAME: Final = "device.id"
"""The column that has to be there."""
_LARGEST: Final = 4 << 20
_DELIMITERS: Final = ",;\t"
_SEPARATOR: Final = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)


def read_table(path: str) -> list[tuple[int, dict[str, str]]]:
    """The rows of a table, each with its line: what stands in it, by column. A column is called by
    the setting's path, such as device.id or wifi.ssid; rows without a word are left out.

    Raises ConfigError and StorageError.
    """
    text = _decoded(path, read_plain(path, "table", _LARGEST + 1, linked=True))
    delimiter, text = _delimited(path, text)
    lines = ((line, cells) for line, cells in _lines(path, text, delimiter) if any(cells))
    head, columns = next(lines, (1, [""]))
    for column in columns:
        if column and columns.count(column) > 1:
            raise _mistake(path, head, f"two columns are called {_said(column)}; remove one")
    if NAME not in columns:
        raise _mistake(path, head, "a column device.id is needed, and more as wanted (wifi.ssid)")
    rows = []
    for line, cells in lines:
        if len(cells) != len(columns):
            raise _mistake(
                path,
                line,
                "this row has another number of columns than the first; put text "
                f"with a {'tab' if delimiter == chr(9) else delimiter} in quotes",
            )
        row = dict(zip(columns, cells, strict=True))
        if any(cell and not column for column, cell in zip(columns, cells, strict=True)):
            raise _mistake(
                path,
                line,
                "there is something in a column without a name; write the "
                "setting's path into its first row, or empty it",
            )
        if not row[NAME]:
            raise _mistake(path, line, "device.id is empty; write the name on the housing")
        rows.append((line, row))
    if not rows or len(rows) > MOST_CAMERAS:
        raise ConfigError(f"{path}: {len(rows)} cameras; 1 to {MOST_CAMERAS} are allowed")
    return rows


def _decoded(path: str, content: bytes) -> str:
    if len(content) > _LARGEST:
        raise ConfigError(f"{path}: larger than {_LARGEST >> 20} MiB, so it is some other file")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise _mistake(
            path,
            line,
            f"not UTF-8 text (byte {content[error.start]:#04x}); save the table as "
            "CSV in UTF-8, which a spreadsheet offers beside plain CSV",
        ) from None


def _delimited(path: str, text: str) -> tuple[str, str]:
    """What stands between the cells of a table, by its first line with a word, and its text without
    the line that only says so; in the place of that one is an empty line."""
    lines = text.split("\n")
    at = next((at for at, line in enumerate(lines) if line.strip(f'{_DELIMITERS}" \r')), 0)
    said = _SEPARATOR.fullmatch(lines[at])
    if said is None:
        return max(_DELIMITERS, key=lines[at].count), text
    if said[1] not in _DELIMITERS:
        raise _mistake(
            path,
            at + 1,
            f"{_said(lines[at].strip())}: commas, semicolons and tabs are read; "
            "save the table with one of them",
        )
    return said[1], "\n".join([*lines[:at], "", *lines[at + 1 :]])


def _lines(path: str, text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Each row with the line in which it begins, its cells without the spaces around them."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    before = 0
    try:
        for cells in reader:
            yield before + 1, [cell.strip() for cell in cells]
            before = reader.line_num
    except csv.Error as error:
        raise _mistake(path, before + 1, f"{error}; save the table anew") from None


def _mistake(path: str, line: int, text: str) -> ConfigError:
    return ConfigError(f"{path}:{line}: {text}")


def _said(text: str) -> str:
    return printable(text)[:80]
