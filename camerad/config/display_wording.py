"""Texts of the front display, in a language or in an office's own words."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Annotated, Final

import msgspec
from msgspec.structs import asdict

from camerad.base.words import N_, words_in
from camerad.config.document import Mistake, NoDocumentError, read_document
from camerad.config.fields import Matches
from camerad.config.settings_reader import SettingsReader

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


_Line = Annotated[str, _text()]
_Cause = Annotated[str, _cause()]


class DisplayWording(msgspec.Struct, frozen=True):
    """The texts of the front display.

    Names in braces are filled in when the text is shown. Causes stand in the status, in large
    letters: what is the matter, and what the officer does; each sentence begins a new line there.
    """

    # TRANSLATORS: Self-view, the large line.
    self_view: _Line = N_("You see yourself.")
    # TRANSLATORS: Self-view, below it, where no pre-event buffer runs.
    not_recorded: _Line = N_("Nothing is being recorded.")
    # TRANSLATORS: Self-view, below it, where a pre-event buffer runs: a recording would reach back
    # so many {seconds}.
    reaches_back: Annotated[str, _text("seconds")] = N_(
        "Not recording yet. If it starts, it keeps the last {seconds}\N{NO-BREAK SPACE}s."
    )
    # TRANSLATORS: While something is recorded, beside the red dot.
    recording: _Line = N_("RECORDING")
    # TRANSLATORS: While recording: the recording has sound.
    sound_on: _Line = N_("with sound")
    # TRANSLATORS: While recording: the wearer has switched the sound off.
    sound_muted: _Line = N_("sound off")
    # TRANSLATORS: While recording: the recording has no sound.
    sound_none: _Line = N_("no sound")
    # TRANSLATORS: In place of a picture that does not come.
    no_picture: _Line = N_("No picture")
    # TRANSLATORS: Status: the battery, in {percent}.
    battery: Annotated[str, _text("percent")] = N_("Battery: {percent}\N{NO-BREAK SPACE}%")
    # TRANSLATORS: Status: nothing measures the battery.
    battery_unknown: _Line = N_("Battery: unknown")
    # TRANSLATORS: Status: room on the card, in {hours} and {minutes} of recording.
    storage: Annotated[str, _text("hours", "minutes")] = N_(
        "Storage: {hours}\N{NO-BREAK SPACE}h {minutes}\N{NO-BREAK SPACE}min"
    )
    # TRANSLATORS: Status: the card was not looked at yet.
    storage_unknown: _Line = N_("Storage: unknown")
    # TRANSLATORS: Status: the {time} of day.
    clock: Annotated[str, _text("time")] = N_("Clock: {time}")
    # TRANSLATORS: Status: the clock is not to be trusted.
    clock_unset: _Line = N_("Clock: not set")
    # TRANSLATORS: Status, in the dock: so many recordings of {total} are handed over, {done}.
    handing_over: Annotated[str, _text("done", "total")] = N_(
        "{done}\N{NO-BREAK SPACE}of\N{NO-BREAK SPACE}{total} handed over"
    )
    # TRANSLATORS: Status, in the dock: every recording is handed over.
    handed_over: _Line = N_("All handed over")
    # TRANSLATORS: Status, in the dock: handing over has not begun.
    handover_waits: _Line = N_("Not all handed over yet")
    # TRANSLATORS: Status, in the dock: the office is not reached.
    handover_no_network: _Line = N_("Server not reached: dock again; still so: technician")
    # TRANSLATORS: Status, in the dock: handing over does not work.
    handover_failed: _Line = N_("Handing over fails: call the technician")
    # TRANSLATORS: While the camera looks for a wearer's badge.
    badge: _Line = N_("Hold your badge up to the camera.")
    # TRANSLATORS: Cause: the office has not set the camera up.
    cause_unprovisioned: _Cause = N_("Not set up. Take another camera.")
    # TRANSLATORS: Cause: no recipient is named who could open a recording.
    cause_no_recipients: _Cause = N_("Key missing. Take another camera.")
    # TRANSLATORS: Cause: what was written did not arrive.
    cause_storage_failed: _Cause = N_("Storage failed. Take another camera.")
    # TRANSLATORS: Cause: the storage can only be read.
    cause_storage_read_only: _Cause = N_("Storage locked. Take another camera.")
    # TRANSLATORS: Cause: identity, ledger or store cannot be opened or written.
    cause_ledger_failed: _Cause = N_("Ledger failed. Take another camera.")
    # TRANSLATORS: Cause: no room is left.
    cause_storage_full: _Cause = N_("Storage full. Take another camera.")
    # TRANSLATORS: Cause: no pictures come; it may mend itself.
    cause_camera_down: _Cause = N_("No camera picture. If it stays so, take another camera.")
    # TRANSLATORS: Cause: the camera ends within half a minute, unless it is charged.
    cause_battery_critical: _Cause = N_("Battery empty. Charge it now.")
    # TRANSLATORS: Cause: a light does not work.
    cause_light_down: _Cause = N_("Light failed. Say aloud that you record.")
    # TRANSLATORS: Cause: the storage does not answer; a recording waits in memory.
    cause_storage_stalled: _Cause = N_("Storage does not answer. Report it after the shift.")
    # TRANSLATORS: Cause: the picture went black in a recording, as by a covered lens.
    cause_camera_covered: _Cause = N_("Picture was black. Uncover the lens.")
    # TRANSLATORS: Cause: the microphone was missing or failed when it was used last.
    cause_microphone_down: _Cause = N_(
        "Microphone did not work. Try self-view; if it stays so, report."
    )
    # TRANSLATORS: Cause: the battery runs low.
    cause_battery_low: _Cause = N_("Battery low. Charge it soon.")
    # TRANSLATORS: Cause: the battery's gauge fails.
    cause_battery_unknown: _Cause = N_("Battery level unknown. Charge it soon.")
    # TRANSLATORS: Cause: little room is left.
    cause_storage_low: _Cause = N_("Storage nearly full. Have it emptied soon.")
    # TRANSLATORS: Cause: the camera is too hot.
    cause_hot: _Cause = N_("Camera too hot. Move into the shade.")
    # TRANSLATORS: Cause: the time of day is not to be trusted.
    cause_clock_untrusted: _Cause = N_("Time uncertain. Report it after the shift.")
    # TRANSLATORS: Cause: the display fails, or takes too long.
    cause_display_down: _Cause = N_("Display failed. Report it after the shift.")
    # TRANSLATORS: Cause: a file that was to set the camera up was refused.
    cause_provision_refused: _Cause = N_("Settings refused. Report it after the shift.")
    # TRANSLATORS: Cause: the office's ledger is another than the camera has seen.
    cause_office_disputed: _Cause = N_("Office ledger changed. Report it after the shift.")
    # TRANSLATORS: Cause: the last recording was cut off and does not go on.
    cause_cut_off: _Cause = N_("Recording was cut off. Hold the big button to go on.")
    # TRANSLATORS: Below a cause: so many more, {count}.
    more_causes: Annotated[str, _text("count", most=MOST_MORE)] = N_(
        "and {count}\N{NO-BREAK SPACE}more"
    )


@cache
def wording_in(language: str) -> DisplayWording:
    """The texts in one of `camerad.base.words.languages`."""
    words = words_in(language)
    return DisplayWording(**{one: words.gettext(text) for one, text in asdict(_ENGLISH).items()})


_ENGLISH: Final = DisplayWording()


def display_wording(
    language: str, own: Path | None, reader: SettingsReader
) -> tuple[DisplayWording, list[Mistake]]:
    """The texts of `language`, single ones replaced by those of the file `own`, if there is one;
    and every mistake in that file.

    A file that cannot be read is a mistake of the configuration, which `reader` reads: it is added
    there.
    """
    base = wording_in(language)
    if own is None:
        return base, []
    try:
        node = read_document(own, "; it holds texts of the display, such as recording: AUFNAHME")
    except NoDocumentError as error:
        reader.add_mistake("self_view.wording", str(error))
        return base, []
    texts = SettingsReader(str(own))
    return texts.section(node, DisplayWording, base=base) or base, texts.mistakes
