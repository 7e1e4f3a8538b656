"""Declares the texts of the front display, each with its purpose.

An office's own file replaces single texts; it is read by these declarations, so that a mistake in
it is named with its line. Names in braces are put in when the text is shown.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from camerad.config.fields import Matches

_LETTERS: Final = r"[ -z|~\u00a0-\u024f\u2010-\u2026\u20ac]"
"""Characters that the display's font has for certain: Latin letters, figures, punctuation; no
braces."""


MOST_CAUSE: Final = 64
"""Characters of a cause and of what to do: so many still stand in large letters on any panel."""
MOST_WORD: Final = 24
"""Characters of a word in it: words are never cut, and a longer one would make all of it small."""
MOST_MORE: Final = 24
"""Characters of the line that counts the other causes."""


def _text(*names: str, most: int = 90) -> Matches:
    """One line of at most `most` characters, in which these names may stand in braces."""
    inner = "|".join([_LETTERS, *(rf"\{{{name}\}}" for name in names)])
    which = f", and {' and '.join(f'{{{name}}}' for name in names)}" if names else ""
    return Matches(
        rf"(?!\s*$)({inner}){{1,{most}}}",
        f"one line of 1 to {most} characters (Latin letters, figures, punctuation{which})",
    )


def _cause() -> Matches:
    """A sentence that says what is the matter, and one that says what the officer does."""
    plain = _text(most=MOST_CAUSE)
    return Matches(
        rf"(?!.*[^ ]{{{MOST_WORD + 1}}}){plain.pattern}",
        f"{plain.meaning}, and no word of more than {MOST_WORD}",
    )


class DisplayWording(msgspec.Struct, frozen=True):
    """The texts of the front display.

    Causes stand in the status, in large letters: what is the matter, and what the officer does. A
    new sentence begins a new line there.
    """

    self_view: Annotated[str, "Self-view, the large line.", _text()]
    not_recorded: Annotated[str, "Self-view, below it, where no pre-event buffer runs.", _text()]
    reaches_back: Annotated[
        str,
        "Self-view, below it, where a pre-event buffer runs: a recording would reach back so many "
        "{seconds}.",
        _text("seconds"),
    ]
    recording: Annotated[str, "While something is recorded, beside the red dot.", _text()]
    sound_on: Annotated[str, "While recording: the recording has sound.", _text()]
    sound_muted: Annotated[str, "While recording: the wearer has switched the sound off.", _text()]
    sound_none: Annotated[str, "While recording: the recording has no sound.", _text()]
    no_picture: Annotated[str, "In place of a picture that does not come.", _text()]
    battery: Annotated[str, "Status: the battery, in {percent}.", _text("percent")]
    battery_unknown: Annotated[str, "Status: nothing measures the battery.", _text()]
    storage: Annotated[
        str,
        "Status: room on the card, in {hours} and {minutes} of recording.",
        _text("hours", "minutes"),
    ]
    storage_unknown: Annotated[str, "Status: the card was not looked at yet.", _text()]
    clock: Annotated[str, "Status: the {time} of day.", _text("time")]
    clock_unset: Annotated[str, "Status: the clock is not to be trusted.", _text()]
    handing_over: Annotated[
        str,
        "Status, in the dock: so many recordings of {total} are handed over, {done}.",
        _text("done", "total"),
    ]
    handed_over: Annotated[str, "Status, in the dock: every recording is handed over.", _text()]
    handover_waits: Annotated[str, "Status, in the dock: handing over has not begun.", _text()]
    handover_no_network: Annotated[str, "Status, in the dock: the office is not reached.", _text()]
    handover_failed: Annotated[str, "Status, in the dock: handing over does not work.", _text()]
    badge: Annotated[str, "While the camera looks for a wearer's badge.", _text()]
    cause_unprovisioned: Annotated[str, "Cause: the office has not set the camera up.", _cause()]
    cause_no_recipients: Annotated[
        str, "Cause: no recipient is named who could open a recording.", _cause()
    ]
    cause_storage_failed: Annotated[str, "Cause: what was written did not arrive.", _cause()]
    cause_storage_read_only: Annotated[str, "Cause: the storage can only be read.", _cause()]
    cause_ledger_failed: Annotated[
        str, "Cause: identity, ledger or store cannot be opened or written.", _cause()
    ]
    cause_storage_full: Annotated[str, "Cause: no room is left.", _cause()]
    cause_camera_down: Annotated[str, "Cause: no pictures come; it may mend itself.", _cause()]
    cause_battery_critical: Annotated[
        str, "Cause: the camera ends within half a minute, unless it is charged.", _cause()
    ]
    cause_light_down: Annotated[str, "Cause: a light does not work.", _cause()]
    cause_storage_stalled: Annotated[
        str, "Cause: the storage does not answer; a recording waits in memory.", _cause()
    ]
    cause_camera_covered: Annotated[
        str, "Cause: the picture went black in a recording, as by a covered lens.", _cause()
    ]
    cause_microphone_down: Annotated[
        str, "Cause: the microphone was missing or failed when it was used last.", _cause()
    ]
    cause_battery_low: Annotated[str, "Cause: the battery runs low.", _cause()]
    cause_battery_unknown: Annotated[str, "Cause: the battery's gauge fails.", _cause()]
    cause_storage_low: Annotated[str, "Cause: little room is left.", _cause()]
    cause_hot: Annotated[str, "Cause: the camera is too hot.", _cause()]
    cause_clock_untrusted: Annotated[str, "Cause: the time of day is not to be trusted.", _cause()]
    cause_display_down: Annotated[str, "Cause: the display fails, or takes too long.", _cause()]
    cause_provision_refused: Annotated[
        str, "Cause: a file that was to set the camera up was refused.", _cause()
    ]
    cause_cut_off: Annotated[
        str, "Cause: the last recording was cut off and does not go on.", _cause()
    ]
    more_causes: Annotated[
        str, "Below a cause: so many more, {count}.", _text("count", most=MOST_MORE)
    ]
