"""The JSON Schema of the configuration, made from the same types as the loader's checks.

``python -m generators.settings_schema`` writes ``camerad/schema.json``; with ``--check`` it only
says whether that file is up to date. An editor that knows the schema completes and explains the
keys of ``camerad.yaml``; ``$defs/policy`` describes a policy's file, ``$defs/provision`` that by
which a camera is set up.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from typing import Any, Final

from camerad.config import fields
from camerad.config.fields import Setting
from camerad.config.policies import PolicyFile
from camerad.config.provisioning import NAME, ProvisionFile
from camerad.config.sections import ConfigFile
from generators import written_page

PATH: Final = Path(__file__).resolve().parents[2] / "camerad" / "schema.json"
"""The schema as it is shipped."""


def schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of ``camerad.yaml``; the others are in ``$defs``."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "camerad.yaml",
        **_section(ConfigFile, None),
        "$defs": {
            "policy": {"title": "policies/NAME.yaml", **_section(PolicyFile, None)},
            "provision": {"title": NAME, **_section(ProvisionFile, None)},
        },
    }


def text() -> str:
    """The schema as it stands in the file."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def main(arguments: Sequence[str] | None = None, path: Path = PATH) -> int:
    """Write the schema to `path`, or check it; returns an exit code."""
    return written_page.run("settings_schema", lambda _: text(), path, arguments)


def _section(kind: type, base: Any) -> dict[str, Any]:
    settings = fields.settings_of(kind, base)
    named = next((setting for setting in settings if setting.mark(fields.Named)), None)
    keyed = [setting for setting in settings if setting is not named]
    made: dict[str, Any] = {
        "description": " ".join((kind.__doc__ or "").split()),
        "type": "object",
        "properties": {setting.key: _setting(setting) for setting in keyed},
        "additionalProperties": False,
    }
    required = [setting.key for setting in keyed if setting.needed]
    if required:
        made["required"] = required
    else:
        made["type"] = ["object", "null"]
    if named:
        pattern = next(mark.pattern for mark in named.marks if isinstance(mark, fields.Named))
        made["propertyNames"] = {"pattern": f"^(?:{pattern})$"}
        made["additionalProperties"] = _type(fields.item_of(named))
    return made


def _setting(setting: Setting) -> dict[str, Any]:
    made = {**_type(setting), "description": setting.about}
    default = setting.default
    told = not (setting.required or default is None or callable(default))
    if told and not fields.is_section(setting.kind):
        made["default"] = str(default) if setting.kind is Path else default
        if isinstance(default, Enum):
            made["default"] = default.value
        if fields.is_list(setting.kind):
            made["default"] = list(default)
    return made


def _type(setting: Setting) -> dict[str, Any]:
    kind = setting.kind
    if fields.is_section(kind):
        base = setting.default if isinstance(setting.default, kind) else None
        return _section(kind, base)
    if fields.is_list(kind):
        item = _type(fields.item_of(setting))
        return {"type": "array", "items": item, "uniqueItems": True}
    if words := fields.choices_of(setting):
        return {"enum": list(words)}
    if matches := setting.mark(fields.Matches):
        return {"type": "string", "pattern": f"^(?:{matches.pattern})$"}
    if kind is bool:
        return {"type": "boolean"}
    made: dict[str, Any] = {"type": "integer" if kind is int else "number"}
    if setting.mark(fields.Gpio):
        made |= {"minimum": fields.GPIO_LOW, "maximum": fields.GPIO_HIGH}
    if bounds := setting.mark(fields.Range):
        made |= {"minimum": bounds.low, "maximum": bounds.high}
    if setting.mark(fields.Even):
        made["multipleOf"] = 2
    return made


if __name__ == "__main__":
    sys.exit(main())
