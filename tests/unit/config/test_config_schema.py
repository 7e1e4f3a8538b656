"""The JSON Schema is made from the loader's types, is up to date, and agrees with the loader."""

from __future__ import annotations

import json
import runpy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from generators import settings_schema as schema
from jsonschema import Draft202012Validator

from camerad.config import check_file, fields, policies
from camerad.config.fields import Setting, settings_of
from camerad.config.policies import PolicyFile
from camerad.config.provisioning import ProvisionFile
from camerad.config.scalars import describe_allowed
from camerad.config.sections import ConfigFile

Write = Callable[..., Path]

CONFIG = policies.shipped_directories()[0] / "camerad.yaml"
POLICIES = sorted((policies.shipped_directories()[0] / "policies").glob("*.yaml"))

SCHEMA = schema.schema()


def leaves(kind: type, where: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Setting]]:
    """Every single value that a file may hold, with its path."""
    for setting in settings_of(kind):
        path = (*where, "main" if setting.mark(fields.Named) else setting.key)
        inner = fields.item_of(setting) if setting.mark(fields.Named) else setting
        if fields.is_section(inner.kind):
            yield from leaves(inner.kind, path)
        else:
            yield path, inner


SERVER = {
    "url": "https://office.example:8443",
    "ca": f"-----BEGIN CERTIFICATE-----\n{('A' * 64 + chr(10)) * 3}-----END CERTIFICATE-----\n",
    "key": "A" * 43,
}
"""What a configuration has to say of the office's server, if it says anything."""

LEAVES = dict(leaves(ConfigFile))
NUMBERS = {path: one for path, one in LEAVES.items() if one.kind in (int, float)}


def refused(document: Any, definition: dict[str, Any] = SCHEMA) -> bool:
    return not Draft202012Validator(definition).is_valid(document)


def nest(path: tuple[str, ...], value: Any) -> dict[str, Any]:
    """A configuration with this one value beside its policy."""
    for key in reversed(path):
        value = {key: value}
    if path[0] == "office":
        value = {"office": {**SERVER, **value["office"]}}
    return {"policy": "generic", **value}


def everything(kind: type) -> Iterator[Setting]:
    for setting in settings_of(kind):
        yield setting
        inner = setting
        if fields.is_list(setting.kind) or setting.mark(fields.Named):
            inner = fields.item_of(setting)
        if fields.is_section(inner.kind):
            yield from everything(inner.kind)


def test_the_shipped_schema_is_up_to_date() -> None:
    assert schema.main(["--check"]) == 0


def test_an_outdated_schema_is_told_and_rewritten(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "schema.json"
    assert schema.main(["--check"], path) == 1
    path.write_text("{}", encoding="utf-8")
    assert schema.main(["--check"], path) == 1
    told = f"{path} is out of date: run python -m generators.settings_schema\n"
    assert capsys.readouterr().err == told * 2
    assert schema.main([], path) == 0
    assert schema.main(["--check"], path) == 0
    assert json.loads(path.read_text(encoding="utf-8")) == SCHEMA


def test_it_can_be_checked_as_a_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["schema", "--check"])
    with pytest.raises(SystemExit) as caught:
        runpy.run_path(schema.__file__, run_name="__main__")
    assert caught.value.code == 0


def test_the_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    for definition in SCHEMA["$defs"].values():
        Draft202012Validator.check_schema(definition)


def test_the_shipped_configuration_and_policies_are_valid_by_the_schema() -> None:
    assert not refused(yaml.safe_load(CONFIG.read_text(encoding="utf-8")))
    for path in POLICIES:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        assert not refused(document, SCHEMA["$defs"]["policy"]), path


@pytest.mark.parametrize("kind", [ConfigFile, PolicyFile, ProvisionFile])
def test_every_setting_is_described_and_bounded(kind: type) -> None:
    for setting in everything(kind):
        assert setting.about.endswith((".", "?")), f"{setting.key}: {setting.about}"
        if setting.kind in (int, float):
            assert setting.mark(fields.Range) or setting.mark(fields.Gpio), setting.key
        if setting.kind in (str, Path):
            assert setting.mark(fields.Matches), setting.key
        assert setting.mark(fields.Named) or describe_allowed(setting)


@pytest.mark.parametrize("path", NUMBERS, ids=".".join)
def test_loader_and_schema_have_the_same_bounds(path: tuple[str, ...], write: Write) -> None:
    setting = NUMBERS[path]
    bounds = setting.mark(fields.Range) or fields.Range(fields.GPIO_LOW, fields.GPIO_HIGH)
    step = 2 if setting.mark(fields.Even) else 1
    for value, wrong in (
        (bounds.low, False),
        (bounds.high, False),
        (bounds.low - step, True),
        (bounds.high + step, True),
    ):
        document = nest(path, setting.kind(value))
        mistakes = check_file(write(yaml.safe_dump(document)))
        mine = [one for one in mistakes if "out of range" in one or "not a GPIO" in one]
        assert refused(document) == bool(mine) == wrong, (value, mistakes)


@pytest.mark.parametrize("path", LEAVES, ids=".".join)
@pytest.mark.parametrize("value", [{"a": 1}, [{}], "\0", 10**9, -1.5], ids=repr)
def test_what_the_loader_refuses_in_itself_the_schema_refuses_too(
    path: tuple[str, ...], value: Any, write: Write
) -> None:
    document = nest(path, value)
    mistakes = check_file(write(yaml.safe_dump(document)))
    assert any(f": {'.'.join(path)}" in mistake for mistake in mistakes), mistakes
    assert refused(document)


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "policy: ",
        "policy: generic\nnonsense: 1",
        "policy: generic\noverrides: {reason: x}",
        "policy: generic\nbuttons: {Main: {}}",
        "policy: generic\nbuttons: {main: {gestures: [{gesture: press, in: [idle]}]}}",
    ],
)
def test_mistakes_of_structure_are_refused_by_both(text: str, write: Write) -> None:
    assert check_file(write(text))
    assert refused(yaml.safe_load(text))


@pytest.mark.parametrize("text", ["policy: generic", "policy: generic\ncamera:\nlights: {red: }"])
def test_sections_left_empty_are_accepted_by_both(text: str, write: Write) -> None:
    assert check_file(write(text)) == []
    assert not refused(yaml.safe_load(text))


def test_a_default_in_the_schema_is_the_one_that_holds() -> None:
    properties = SCHEMA["properties"]
    assert properties["camera"]["properties"]["width"]["default"] == 1280
    assert properties["lights"]["properties"]["amber"]["properties"]["gpio"]["default"] == 24
    assert properties["self_view"]["properties"]["device"]["default"] == "/dev/fb0"
    assert "default" not in properties["device"]["properties"]["id"]  # the host's name
    assert ConfigFile.__struct_fields__[0] == "policy"
    assert SCHEMA["required"] == ["policy"]
