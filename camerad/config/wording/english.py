"""The front display's texts in English."""

from __future__ import annotations

from typing import Final

from camerad.config.wording.catalogue import DisplayWording

ENGLISH: Final = DisplayWording(
    self_view="You see yourself.",
    not_recorded="Nothing is being recorded.",
    reaches_back="Not recording yet. If it starts, it keeps the last {seconds}\N{NO-BREAK SPACE}s.",
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
    cause_unprovisioned="Not set up. Take another camera.",
    cause_no_recipients="Key missing. Take another camera.",
    cause_storage_failed="Storage failed. Take another camera.",
    cause_storage_read_only="Storage locked. Take another camera.",
    cause_ledger_failed="Ledger failed. Take another camera.",
    cause_storage_full="Storage full. Take another camera.",
    cause_camera_down="No camera picture. If it stays so, take another camera.",
    cause_battery_critical="Battery empty. Charge it now.",
    cause_light_down="Light failed. Say aloud that you record.",
    cause_storage_stalled="Storage does not answer. Report it after the shift.",
    cause_camera_covered="Picture was black. Uncover the lens.",
    cause_microphone_down="Microphone did not work. Try self-view; if it stays so, report.",
    cause_battery_low="Battery low. Charge it soon.",
    cause_battery_unknown="Battery level unknown. Charge it soon.",
    cause_storage_low="Storage nearly full. Have it emptied soon.",
    cause_hot="Camera too hot. Move into the shade.",
    cause_clock_untrusted="Time uncertain. Report it after the shift.",
    cause_display_down="Display failed. Report it after the shift.",
    cause_provision_refused="Settings refused. Report it after the shift.",
    cause_cut_off="Recording was cut off. Hold the big button to go on.",
    more_causes="and {count}\N{NO-BREAK SPACE}more",
)
