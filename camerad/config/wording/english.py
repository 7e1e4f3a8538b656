"""What the front display says in English."""

from __future__ import annotations

from typing import Final

from camerad.config.wording.catalogue import DisplayWording

ENGLISH: Final = DisplayWording(
    self_view="You see yourself.",
    not_recorded="Nothing is being recorded.",
    reaches_back="Not recording yet. "
    "It\N{NO-BREAK SPACE}would reach back {seconds}\N{NO-BREAK SPACE}s.",
    recording="RECORDING",
    sound_on="with sound",
    sound_muted="sound off",
    sound_none="no sound",
    no_picture="No picture",
    battery="Battery: {percent}\N{NO-BREAK SPACE}%",
    battery_unknown="Battery: unknown",
    storage="Storage: {hours}\N{NO-BREAK SPACE}h {minutes}\N{NO-BREAK SPACE}min",
    storage_unknown="Storage: unknown",
    clock="Clock: {time}",
    clock_unset="Clock: not set",
    handing_over="{done}\N{NO-BREAK SPACE}of\N{NO-BREAK SPACE}{total} handed over",
    handed_over="All handed over",
    handover_waits="Not all handed over yet",
    handover_no_network="Server not reached: dock again; still so: technician",
    handover_failed="Handing over fails: call the technician",
    badge="Hold your badge up to the camera.",
)
