"""What the front display says: the texts of one language, each with what it is for.

An office's own file replaces single texts; it is read by these declarations, so that a mistake in
it is named with its line. Names in braces are put in when the text is shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final

from camerad.config.fields import Matches

_LETTERS: Final = r"[ -z|~\u00a0-\u024f\u2010-\u2026\u20ac]"
"""What the display's font has for certain: Latin letters, figures, punctuation; no braces."""


def _text(*names: str) -> Matches:
    """One line of at most 90 characters, in which these names may stand in braces."""
    inner = "|".join([_LETTERS, *(rf"\{{{name}\}}" for name in names)])
    which = f", and {' and '.join(f'{{{name}}}' for name in names)}" if names else ""
    return Matches(
        rf"(?!\s*$)({inner}){{1,90}}",
        f"one line of 1 to 90 characters (Latin letters, figures, punctuation{which})",
    )


@dataclass(frozen=True, slots=True)
class DisplayWording:
    """The texts of the front display."""

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
