"""The shipped camerad.yaml tells the truth: it is complete, correct and shows the defaults."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st
from msgspec.structs import replace

from camerad.config import Settings, check_file, load, policies
from camerad.config.fields import (
    Named,
    Range,
    is_list,
    is_section,
    item_of,
    plain_number,
    settings_of,
)
from camerad.config.sections import ConfigFile

Write = Callable[..., Path]

PATH = policies.shipped_directories()[0] / "camerad.yaml"
TEXT = PATH.read_text(encoding="utf-8")


def plain(settings: Settings) -> Settings:
    return replace(settings, path=Path("c.yaml"))


def keys(kind: type) -> set[str]:
    found = set()
    for setting in settings_of(kind):
        nested = is_list(setting.kind) or setting.mark(Named)
        inner = item_of(setting) if nested else setting
        found |= set() if setting.mark(Named) else {setting.key}
        found |= keys(inner.kind) if is_section(inner.kind) else set()
    return found


def test_it_has_no_mistake() -> None:
    assert check_file(PATH) == []


def test_the_values_in_it_are_those_that_hold_without_them(write: Write) -> None:
    assert plain(load(PATH)) == plain(load(write("policy: nrw-ordnungsamt\n")))


def test_every_setting_is_shown_in_it() -> None:
    shown = set(re.findall(r"([a-z_]+):", TEXT)) | set(re.findall(r"# {3}([a-z]+) ", TEXT))
    assert keys(ConfigFile) - shown == set()


def test_every_setting_in_it_is_explained_above_it() -> None:
    lines = TEXT.splitlines()
    explained = False
    for number, line in enumerate(lines, 1):
        if line.lstrip().startswith("#"):
            explained = True
        elif not line.strip():
            explained = False
        else:
            assert explained, f"line {number}: {line}"


def bounded(kind: type, path: str = "") -> Iterator[tuple[str, Range]]:
    """Every number with limits, by its path in the file."""
    for setting in settings_of(kind):
        name = f"{path}{setting.key}"
        if is_section(setting.kind):
            yield from bounded(setting.kind, f"{name}.")
        elif limits := setting.mark(Range):
            yield name, limits


def explanations() -> dict[str, str]:
    """What stands above each setting, by its path; settings without a line between share it."""
    found, section, said, fresh = {}, "", "", True
    for line in TEXT.splitlines():
        bare = re.sub(r"^# (?= |[a-z]+:$)", "", line)
        key = re.match(r"( *)(?:# )?([a-z_]+):(?: |$)", bare)
        if key is None:
            said = f"{'' if fresh else said} {bare.strip(' #')}"
            fresh = not line.strip()
            continue
        section = key[2] if not key[1] else section
        found[f"{section}.{key[2]}" if key[1] else key[2]] = said
        fresh = True
    return found


def test_the_limits_of_every_number_are_in_it() -> None:
    """It is the reference of all settings."""
    said = explanations()
    for name, limits in bounded(ConfigFile):
        text = re.sub(r"(?<=\d),(?=\d{3})", "", said[name])
        listed = name == "microphone.rate"  # A few numbers between its limits, each of them named.
        span = (
            "8000, 11025"
            if listed
            else f"{plain_number(limits.low)} to {plain_number(limits.high)}"
        )
        assert re.search(rf"\b{re.escape(span)}\b", text), f"{name}: {span}"


def test_its_commented_examples_are_right_too(write: Write) -> None:
    head, own = TEXT.split("# buttons:\n")
    own, tail = own.split("\n\n", 1)
    mapping = "buttons:\n" + re.sub(r"(?m)^# ", "", own)
    overrides = tail.split("# overrides:\n")[1]
    single = re.sub(
        r"(?m)^  # (id|seconds|sound|armed_in|may_mute|days|enabled|directory|read|press): ",
        r"  \1: ",
        head,
    )
    before = single.split("# The buttons.")[0]
    text = f"{before}\n{mapping}\noverrides:\n" + re.sub(r"(?m)^# ", "", overrides)
    settings = load(write(text))
    assert settings.device.id == "camera-07"
    assert [button.name for button in settings.buttons] == ["trigger"]
    assert [one.key for one in settings.overridden] == ["pre_event.seconds"]


@given(
    number=st.integers(0, TEXT.count("\n") - 1),
    value=st.sampled_from(
        [
            "",
            "~",
            "no",
            "017",
            "1:30",
            "-1",
            "1e9",
            "[]",
            "[{}]",
            "{}",
            '"1"',
            "*a",
            "!!int x",
            "<<",
        ]
    ),
    indent=st.sampled_from(["", " ", "      "]),
)
@hypothesis(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_one_damaged_line_never_gives_more_than_messages(
    number: int, value: str, indent: str, write: Write
) -> None:
    lines = TEXT.splitlines()
    lines[number] = indent + re.sub(r"^# ?|(?<=: ).*", "", lines[number]) + value
    for mistake in check_file(write("\n".join(lines))):
        assert re.match(r"c\.yaml:\d+:(\d+:)? .+; .+", mistake) or "(0-27)" in mistake, mistake


def test_it_and_every_policy_and_announcement_are_installed_with_the_package() -> None:
    tree = PATH.parents[1]
    project = tomllib.loads((tree / "pyproject.toml").read_text(encoding="utf-8"))
    installed = {
        (place, path)
        for place, patterns in project["tool"]["setuptools"]["data-files"].items()
        for pattern in patterns
        for path in tree.glob(pattern)
    }
    assert installed == {("share/camerad", PATH)} | {
        ("share/camerad/policies", path) for path in (tree / "config" / "policies").iterdir()
    } | {
        (f"share/camerad/announcements/{language}", path)
        for language in ("de", "en")
        for path in (tree / "config" / "announcements" / language).iterdir()
    }
