"""The form for figures that the office counts by hand.

A YAML file; every mistake is named with its line. The report marks what comes from here as typed
in. Numbers are of the whole period; those from 1 to 4 are not shown, like any other.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final

import msgspec

from camerad.base.errors import ConfigError
from camerad.config.document import parse_document, read_bytes
from camerad.config.fields import Matches, Named, Range
from camerad.config.settings_reader import SettingsReader

_NUMBER: Final = Range(0, 10_000_000)
_TEXT: Final = r"[^\x00-\x1f]{1,200}"
_HINT: Final = "; 'camerad office report --form' prints an empty one"


class CountedByHand(msgspec.Struct, frozen=True):
    """What happened in some time."""

    hours: Annotated[int | None, "Hours of duty that this covers.", _NUMBER] = None
    announced: Annotated[int | None, "Recordings that were announced.", _NUMBER] = None
    persons: Annotated[int | None, "Persons that were met in conflict.", _NUMBER] = None
    assaults: Annotated[int | None, "Assaults on staff.", _NUMBER] = None
    insults: Annotated[int | None, "Insults and threats.", _NUMBER] = None
    injuries: Annotated[int | None, "Members of staff that were injured.", _NUMBER] = None


NOTHING_COUNTED: Final = CountedByHand()


class Occasions(msgspec.Struct, frozen=True):
    """How often a camera was used at which occasion."""

    by_name: Annotated[
        Mapping[str, int],
        "An occasion, and how often a camera was used.",
        Named(_TEXT, "a name of one line"),
        _NUMBER,
    ] = msgspec.field(default_factory=dict)


NO_OCCASIONS: Final = Occasions()


class TypedForm(msgspec.Struct, frozen=True):
    """The whole form."""

    wearers: Annotated[
        int | None,
        "How many people wore cameras in the period. With fewer than 5 nothing is shown of what "
        "people did.",
        _NUMBER,
    ] = None
    with_camera: Annotated[CountedByHand, "On duty with a camera."] = NOTHING_COUNTED
    without_camera: Annotated[CountedByHand, "On duty without one."] = NOTHING_COUNTED
    last_year: Annotated[CountedByHand, "The same months of the year before."] = NOTHING_COUNTED
    occasions: Annotated[Occasions, "How often a camera was used at which occasion."] = NO_OCCASIONS
    surveys: Annotated[
        tuple[str, ...],
        "Results of surveys, a line each.",
        Matches(_TEXT, "one line of at most 200 characters"),
    ] = ()


NO_FORM: Final = TypedForm()


def load_form(path: str) -> TypedForm:
    """The form in a file. Raises ConfigError naming every mistake, each as ``FILE:LINE: ...``."""
    return parse_form(path, read_bytes(Path(path), _HINT))


def parse_form(name: str, content: bytes) -> TypedForm:
    """The form that a file of this name has, YAML or JSON. Raises as `load_form`."""
    reader = SettingsReader(name)
    read = reader.section(parse_document(name, content, _HINT), TypedForm)
    if read is None or reader.mistakes:
        ordered = sorted(reader.mistakes, key=lambda mistake: mistake.line)
        raise ConfigError([str(mistake) for mistake in ordered])
    return read


EMPTY: Final = Path(__file__).with_name("typed_form.yaml").read_text(encoding="utf-8")
