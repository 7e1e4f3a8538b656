"""Declares the settings of a policy's file; `camerad.config.policies` applies them."""

from __future__ import annotations

from typing import Annotated

import msgspec

from camerad.behaviour.stages import Stage
from camerad.config.fields import Matches, Range
from camerad.config.sections import ARMED_STAGES, SOME_TEXT


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
