"""What the front display says in German."""

from __future__ import annotations

from typing import Final

from camerad.config.wording.catalogue import DisplayWording

GERMAN: Final = DisplayWording(
    self_view="Sie sehen sich selbst.",
    not_recorded="Es wird nicht aufgezeichnet.",
    reaches_back="Noch keine Aufzeichnung. "
    "Sie\N{NO-BREAK SPACE}würde {seconds}\N{NO-BREAK SPACE}s zurückreichen.",
    recording="AUFNAHME",
    sound_on="mit Ton",
    sound_muted="Ton aus",
    sound_none="ohne Ton",
    no_picture="Kein Bild",
    battery="Akku: {percent}\N{NO-BREAK SPACE}%",
    battery_unknown="Akku: unbekannt",
    storage="Speicher: {hours}\N{NO-BREAK SPACE}h {minutes}\N{NO-BREAK SPACE}min",
    storage_unknown="Speicher: unbekannt",
    clock="Uhr: {time}",
    clock_unset="Uhr: nicht gestellt",
    handing_over="{done}\N{NO-BREAK SPACE}von\N{NO-BREAK SPACE}{total} übergeben",
    handed_over="Alles übergeben",
    handover_waits="Noch nicht alles übergeben",
    handover_no_network="Server nicht erreicht: neu einsetzen; bleibt es so: Technik",
    handover_failed="Übergabe gestört: Technik rufen",
    badge="Ausweis vor die Kamera halten.",
)
