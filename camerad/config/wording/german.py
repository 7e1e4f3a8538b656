"""The front display's texts in German."""

from __future__ import annotations

from typing import Final

from camerad.config.wording.catalogue import DisplayWording

GERMAN: Final = DisplayWording(
    self_view="Sie sehen sich selbst.",
    not_recorded="Es wird nicht aufgezeichnet.",
    reaches_back="Noch keine Aufzeichnung. Sie beginnt {seconds}\N{NO-BREAK SPACE}s vor dem Druck.",
    recording="AUFZEICHNUNG",
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
    cause_unprovisioned="Nicht eingerichtet. Andere Kamera nehmen.",
    cause_no_recipients="Schlüssel fehlt. Andere Kamera nehmen.",
    cause_storage_failed="Speicher gestört. Andere Kamera nehmen.",
    cause_storage_read_only="Speicher gesperrt. Andere Kamera nehmen.",
    cause_ledger_failed="Protokoll gestört. Andere Kamera nehmen.",
    cause_storage_full="Speicher voll. Andere Kamera nehmen.",
    cause_camera_down="Kein Kamerabild. Bleibt es so, andere Kamera nehmen.",
    cause_battery_critical="Akku leer. Sofort laden.",
    cause_light_down="Licht gestört. Aufzeichnung selbst ansagen.",
    cause_storage_stalled="Speicher antwortet nicht. Nach dem Dienst melden.",
    cause_camera_covered="Bild war schwarz. Objektiv frei machen.",
    cause_microphone_down="Mikrofon war gestört. Selbstansicht an; bleibt es so: melden.",
    cause_battery_low="Akku schwach. Bald laden.",
    cause_battery_unknown="Akkustand unbekannt. Bald laden.",
    cause_storage_low="Speicher fast voll. Bald auslesen lassen.",
    cause_hot="Kamera zu warm. In den Schatten gehen.",
    cause_clock_untrusted="Uhrzeit ungewiss. Nach dem Dienst melden.",
    cause_display_down="Display gestört. Nach dem Dienst melden.",
    cause_provision_refused="Einstellungen abgelehnt. Nach dem Dienst melden.",
    cause_cut_off="Aufzeichnung brach ab. Zum Fortsetzen große Taste halten.",
    more_causes="und {count}\N{NO-BREAK SPACE}weitere",
)
