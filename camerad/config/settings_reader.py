"""Turns the nodes of a file into the Structs that declare its settings, collecting mistakes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, TypeVar

import yaml

from camerad.base import file_status
from camerad.base.errors import StorageError
from camerad.config import fields
from camerad.config.document import Mistake, printable
from camerad.config.fields import Setting
from camerad.config.scalars import (
    WrongValueError,
    describe_allowed,
    describe_found,
    is_nothing,
    read_scalar,
    suggest,
)

_Section = TypeVar("_Section")

_BAD: Final[Any] = object()
"""The value of a setting with a mistake: reading goes on, to find the next one."""


class SettingsReader:
    """Reads one file; `mistakes` grows meanwhile."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.mistakes: list[Mistake] = []
        self._lines: dict[str, int] = {}
        self._bad: set[str] = set()

    def add_mistake(self, where: str, text: str) -> None:
        """Note a mistake at the key `where`, with its line, or that of the section around it."""
        self._bad.add(where)
        self.mistakes.append(Mistake(self.file, self.line_of(where), where, text))

    def require_files(self, named: Iterable[tuple[str, Path]]) -> None:
        """Note each of these files that is not there. named: keys, and the files they name."""
        for where, path in named:
            try:
                there = file_status.exists(str(path))
            except StorageError as error:
                self.add_mistake(where, str(error))
                continue
            if not there:
                self.add_mistake(where, f"there is no file {path}; make it, or name another one")

    def is_given(self, where: str) -> bool:
        """Whether the key stands in the file, right or wrong."""
        return where in self._lines

    def first_given(self, *wheres: str) -> str | None:
        """The first of these keys that stands in the file."""
        return next((where for where in wheres if self.is_given(where)), None)

    def is_sound(self, *wheres: str) -> bool:
        """Whether none of these keys has a mistake: around it, in it, or within it."""
        return not any(
            _within(where, bad) or _within(bad, where) for where in wheres for bad in self._bad
        )

    def line_of(self, where: str) -> int:
        """The line of a key, counted from 1; of the nearest section around it if it is absent."""
        while where and where not in self._lines:
            where = re.sub(r"(^|\.)[^.\[]*$|\[\d+\]$", "", where)
        return self._lines.get(where, 1)

    def section(
        self, node: yaml.Node, kind: type[_Section], where: str = "", base: Any = None
    ) -> _Section | None:
        """Read a section as the Struct `kind`; None if a required key is missing or wrong.

        base: the section's default; keys that are left out have its values.
        """
        values = self.values(node, kind, where, base)
        complete = len(values) == len(fields.settings_of(kind))
        return kind(**values) if complete else None

    def values(
        self, node: yaml.Node, kind: type, where: str = "", base: Any = None
    ) -> dict[str, Any]:
        """Read a section as the fields of `kind`. A wrong one has its default, or is left out.

        A section whose keys are all commented out counts as empty.
        """
        self._lines.setdefault(where, node.start_mark.line + 1)
        settings = fields.settings_of(kind, base)
        named = next((setting for setting in settings if setting.mark(fields.Named)), None)
        keys = {setting.key: setting for setting in settings if setting is not named}
        if isinstance(node, yaml.MappingNode):
            entries = self._entries(node, where, keys, named)
        elif is_nothing(node):
            entries = {}
        else:
            needed = f"a section is needed, with: {', '.join(keys)}"
            self.add_mistake(where, f"found {describe_found(node)}; {needed}")
            return {}
        read = {
            setting.field: self._setting(setting, entries.get(key), _join(where, key))
            for key, setting in keys.items()
        }
        if named:
            item = fields.item_of(named)
            read[named.field] = {
                key: value
                for key, entry in entries.items()
                if key not in keys
                and (value := self._value(item, entry, _join(where, key))) is not _BAD
            }
        return {name: value for name, value in read.items() if value is not _BAD}

    def _entries(
        self,
        node: yaml.MappingNode,
        where: str,
        keys: dict[str, Setting],
        named: Setting | None,
    ) -> dict[str, yaml.Node]:
        """The known keys of a mapping; unknown keys and keys given twice are mistakes."""
        entries: dict[str, yaml.Node] = {}
        name = named.mark(fields.Named) if named else None
        for key_node, value in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                text = f"found {describe_found(key_node)} in the place of a key"
                text += "; a key is a single word"
                self.mistakes.append(Mistake(self.file, line, where, text))
                continue
            key = str(key_node.value)
            path = _join(where, printable(key) or '""')
            if path in self._lines:
                text = f"given twice, first in line {self._lines[path]}; keep one of them"
                self.mistakes.append(Mistake(self.file, line, path, text))
                self._bad.add(path)
                continue
            self._lines[path] = line
            if key in keys or (name and re.fullmatch(name.pattern, key)):
                entries[key] = value
            elif name:
                self.add_mistake(path, f"this is no name; {name.meaning} is needed")
            else:
                known = f"allowed here: {', '.join(keys)}"
                self.add_mistake(path, f"unknown key; {suggest(key, keys) or known}")
        return entries

    def _setting(self, setting: Setting, node: yaml.Node | None, where: str) -> Any:
        if node is not None:
            value = self._value(setting, node, where)
        elif setting.required:
            self.add_mistake(where, f"missing; {describe_allowed(setting)}")
            return _BAD
        else:
            value = _BAD
        return setting.fallback() if value is _BAD and not setting.required else value

    def _value(self, setting: Setting, node: yaml.Node, where: str) -> Any:
        self._lines.setdefault(where, node.start_mark.line + 1)
        if fields.is_section(setting.kind):
            base = setting.default if isinstance(setting.default, setting.kind) else None
            section: Any = self.section(node, setting.kind, where, base)
            return _BAD if section is None else section
        if fields.is_list(setting.kind):
            return self._list(setting, node, where)
        try:
            return read_scalar(setting, node)
        except WrongValueError as wrong:
            self.add_mistake(where, str(wrong))
            return _BAD

    def _list(self, setting: Setting, node: yaml.Node, where: str) -> Any:
        if not isinstance(node, yaml.SequenceNode):
            self.add_mistake(where, f"found {describe_found(node)}; {describe_allowed(setting)}")
            return _BAD
        item = fields.item_of(setting)
        values = [self._value(item, entry, f"{where}[{i}]") for i, entry in enumerate(node.value)]
        for index, value in enumerate(values):
            if value is not _BAD and value in values[:index]:
                self.add_mistake(
                    f"{where}[{index}]", "the same entry stands before it; keep one of them"
                )
        if any(value is _BAD for value in values):
            return _BAD
        return tuple(values) if fields.is_list(setting.kind) is tuple else frozenset(values)


def _within(inner: str, outer: str) -> bool:
    return inner == outer or inner.startswith((f"{outer}.", f"{outer}["))


def _join(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key
