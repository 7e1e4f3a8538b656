"""Finds policies, and checks settings against their limits.

A policy is looked for beside the configuration (``policies/NAME.yaml``), then in
``/etc/camerad/policies``, then among the copies that came with camerad: under
``share/camerad/policies`` of the installation, or in the source tree.
"""

from __future__ import annotations

import re
import sys
import sysconfig
from pathlib import Path
from typing import Annotated, Final

import msgspec

from camerad.behaviour.stages import Stage
from camerad.config.document import Mistake, NoDocumentError, read_document
from camerad.config.fields import Matches, Range, plain_number
from camerad.config.scalars import quoted, suggest
from camerad.config.sections import ARMED_STAGES, SOME_TEXT, ConfigFile
from camerad.config.settings import Overridden, Policy, PreEvent
from camerad.config.settings_reader import SettingsReader


class PreEventLimits(msgspec.Struct, frozen=True):
    """The pre-event buffer that a policy allows, and how it is set unless a camera says less."""

    max_seconds: Annotated[
        float,
        "Footage that the buffer may hold at most, whatever the camera does; 0 forbids the buffer.",
        Range(0, 120, "seconds"),
    ]
    seconds: Annotated[
        float,
        "Seconds set when the configuration names none; with one group of pictures at most "
        "max_seconds.",
        Range(0, 120, "seconds"),
    ]
    sound: Annotated[bool, "Whether the buffer may hold sound too."]
    armed_in: Annotated[frozenset[Stage], "The stages in which the buffer may run.", ARMED_STAGES]


class RetentionLimits(msgspec.Struct, frozen=True):
    """How long a recording is kept unless it is held."""

    days: Annotated[
        int,
        "Days after which it is deleted; a camera may not keep it longer.",
        Range(1, 366, "days"),
    ]
    min_days: Annotated[
        int,
        "Days that it must be kept; a camera may not delete it earlier.",
        Range(0, 366, "days"),
    ] = 0


class PolicyFile(msgspec.Struct, frozen=True):
    """A policy: what the law of a place asks of a body-worn camera."""

    title: Annotated[str, "For whom, and by which rule.", SOME_TEXT]
    pre_event: PreEventLimits
    retention: RetentionLimits
    sound: Annotated[bool, "Whether recordings may have sound."]
    stamp: Annotated[bool, "Whether date, time and the camera's id are written into the picture."]
    announcement: Annotated[bool, "Whether the camera announces a change of stage by voice."]
    may_mute: Annotated[
        bool, "Whether a camera may let its wearer switch the sound of a running recording off."
    ] = False
    since: Annotated[
        str | None,
        "The first version of camerad that comes with it; cameras with an older image refuse it. "
        "Left out: every version has it.",
        Matches(r"[0-9]{1,4}(\.[0-9]{1,4}){2}", "a version, such as 0.3.0,"),
    ] = None


ETC: Final = Path("/etc/camerad")

_TREE: Final = Path(__file__).resolve().parents[2]

_VERSION: Final = re.compile(r"([0-9]{1,4})\.([0-9]{1,4})\.([0-9]{1,4})")

_EMPTY: Final = "; copy one of the other policies"


def shipped_directories() -> tuple[Path, ...]:
    """The directories that may hold the files which came with camerad, best first."""
    tree = (_TREE / "config",) if (_TREE / "pyproject.toml").is_file() else ()
    prefixes = dict.fromkeys((sysconfig.get_path("data"), sys.prefix))
    return (*tree, *(Path(prefix) / "share" / "camerad" for prefix in prefixes))


def policy_directories(config: Path) -> tuple[Path, ...]:
    """The directories in which the policy of the configuration file `config` is looked for."""
    places = (config.parent, ETC, *shipped_directories())
    return tuple(dict.fromkeys(place / "policies" for place in places))


def known_policies(places: tuple[Path, ...]) -> tuple[str, ...]:
    """The names of all policies in the directories `places`."""
    return tuple(sorted({name for place in places for name in _names(place)}))


def newer_image(name: str | None, software: str | None = None) -> str | None:
    """Why a camera may refuse a policy that is known here, and what to do; None if there is no
    reason. software: the camera's version of camerad, None where it is not known."""
    places = policy_directories(ETC / "camerad.yaml")
    place = next((one for one in places if name in _names(one)), None)
    if place is None:
        return None
    reader = SettingsReader(str(name))
    try:
        preset = reader.section(read_document(place / f"{name}.yaml", _EMPTY), PolicyFile)
    except NoDocumentError:
        return None
    if preset is None or preset.since is None:
        return None
    if software is not None and _version(software) >= _version(preset.since):
        return None
    runs = (
        "one with an older image refuses"
        if software is None
        else f"it runs {software}, and refuses"
    )
    return (
        f"policy {name} comes with camerad {preset.since}: a camera needs an image of that version "
        f"or a newer one; {runs} refuses the file. Update the camera first (docs/updates.md)"
    )


def _version(text: str) -> tuple[int, ...]:
    """Of ``0.3.0``, and of what goes on behind it; before every version if it is none."""
    found = _VERSION.match(text)
    return () if found is None else tuple(map(int, found.groups()))


def resolve_policy(
    file: ConfigFile, reader: SettingsReader, places: tuple[Path, ...]
) -> tuple[Policy | None, tuple[Overridden, ...], list[Mistake]]:
    """The policy as it holds on this camera, what of it is overridden, and the mistakes in its
    file.

    The policy is None if its file has a mistake, or if none is named or found. Mistakes in the
    configuration itself go to `reader`.
    """
    path = _find(file.policy, places, reader)
    if file.policy is None or path is None:
        return None, (), []
    policy_reader = SettingsReader(str(path))
    try:
        preset = policy_reader.section(read_document(path, _EMPTY), PolicyFile)
    except NoDocumentError as error:
        return None, (), [error.mistake]
    if preset is None or policy_reader.mistakes:
        return None, (), policy_reader.mistakes
    limits = _Limits(file.policy, file, reader, preset, policy_reader)
    return limits.effective(), tuple(limits.overridden), policy_reader.mistakes


def _find(name: str | None, places: tuple[Path, ...], reader: SettingsReader) -> Path | None:
    """The file of a policy. If there is none, that is a mistake in the configuration."""
    for place in places:
        if name in _names(place):
            return place / f"{name}.yaml"
    names = known_policies(places)
    listed = f"known policies: {', '.join(names)}" if names else "no policy is installed"
    if name is not None:
        near = suggest(name, names)
        hint = f"{near} ({listed})" if near else listed
        reader.add_mistake("policy", f"{quoted(name)} is no policy of this version; {hint}")
    elif not reader.is_given("policy") and reader.is_sound(""):
        reader.add_mistake("policy", f"missing; choose the policy of your place ({listed})")
    return None


class _Limits:
    """Compares a configuration with its policy.

    A choice beyond the policy is a mistake, noted in the reader of its file. If the configuration
    has overrides, it is noted in `overridden` instead.
    """

    def __init__(
        self,
        name: str,
        file: ConfigFile,
        reader: SettingsReader,
        preset: PolicyFile,
        preset_reader: SettingsReader,
    ) -> None:
        self.overridden: list[Overridden] = []
        self._file = file
        self._name = name
        self._reader = reader
        self._preset = preset
        self._preset_reader = preset_reader

    def effective(self) -> Policy:
        """The policy as it holds on this camera."""
        policy = self._preset
        chosen = self._file.pre_event
        limits = policy.pre_event
        seconds = limits.seconds if chosen.seconds is None else chosen.seconds
        sound = limits.sound if chosen.sound is None else chosen.sound
        armed_in = limits.armed_in if chosen.armed_in is None else chosen.armed_in
        may_mute = policy.may_mute
        if self._file.sound.may_mute is not None:
            may_mute = self._file.sound.may_mute
        announcement = policy.announcement
        if self._file.announcements.enabled is not None:
            announcement = self._file.announcements.enabled
        days = policy.retention.days
        if self._file.retention.days is not None:
            days = self._file.retention.days
        self._check_seconds(seconds, limits.max_seconds)
        if sound and not limits.sound:
            self._beyond("pre_event.sound", "true", "no sound before the press", "set it to false")
        if may_mute and not policy.may_mute:
            self._beyond("sound.may_mute", "true", "no muting", "set it to false")
        if policy.announcement and not announcement:
            allowed = "no recording without an announcement"
            self._beyond("announcements.enabled", "false", allowed, "set it to true")
        if armed_in - limits.armed_in:
            self._beyond(
                "pre_event.armed_in",
                _stages(armed_in),
                _stages(limits.armed_in) if limits.armed_in else "no stage",
                f"set it to [{_stages(armed_in & limits.armed_in)}]",
            )
        if days > policy.retention.days:
            self._days(days, f"at most {policy.retention.days} days", policy.retention.days)
        if policy.retention.min_days > policy.retention.days:
            text = f"more than retention.days ({policy.retention.days}); write that or less"
            self._preset_reader.add_mistake("retention.min_days", text)
        elif days < policy.retention.min_days:
            self._days(
                days, f"at least {policy.retention.min_days} days", policy.retention.min_days
            )
        return Policy(
            name=self._name,
            title=policy.title,
            pre_event=PreEvent(
                seconds=seconds,
                max_seconds=limits.max_seconds,
                sound=sound,
                armed_in=armed_in if seconds else frozenset(),
            ),
            retention_days=days,
            sound=policy.sound,
            stamp=policy.stamp,
            announcement=announcement,
            may_mute=may_mute,
            path=Path(self._preset_reader.file),
        )

    def _check_seconds(self, seconds: float, most: float) -> None:
        """The ring holds up to one group of pictures more than its seconds. What takes longer, by a
        gap or by a frame, leaves at max_seconds (`camerad.hardware.from_settings.buffer_limit`)."""
        group = self._file.camera.key_interval_s
        if not seconds or round(seconds + group, 6) <= most:
            return
        if not self._reader.is_sound("pre_event.seconds", "camera.key_interval_s"):
            return
        best = max(0.0, round(most - group, 6))
        told = f"{plain_number(seconds)} seconds"
        if most:
            told += (
                f" with one group of pictures more (camera.key_interval_s: {plain_number(group)})"
            )
        where = self._reader.first_given("pre_event.seconds", "camera.key_interval_s")
        if where:
            allowed = (
                f"at most {plain_number(most)} seconds in all" if most else "no pre-event buffer"
            )
            advice = f"set pre_event.seconds to {plain_number(best)}{' or less' if best else ''}"
            self._beyond(where, told, allowed, advice)
        else:
            text = f"{told} is more than max_seconds ({plain_number(most)})"
            text += f"; write {plain_number(best)} or less"
            self._preset_reader.add_mistake("pre_event.seconds", text)

    def _days(self, days: int, allowed: str, advice: int) -> None:
        self._beyond("retention.days", f"{days} days", allowed, f"set it to {advice}")

    def _beyond(self, key: str, configured: str, allowed: str, advice: str) -> None:
        if self._file.overrides:
            self.overridden.append(Overridden(key, configured, allowed))
        elif not self._reader.is_given("overrides"):
            self._reader.add_mistake(
                key,
                f"{configured} is beyond policy {self._name}, which allows {allowed}; "
                f"{advice}, or give overrides.reason and overrides.authorised_by",
            )


def _names(place: Path) -> list[str]:
    try:
        return [path.stem for path in place.iterdir() if path.suffix == ".yaml"]
    except OSError:
        return []


def _stages(stages: frozenset[Stage]) -> str:
    return ", ".join(stage.value for stage in Stage if stage in stages)
