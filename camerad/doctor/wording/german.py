"""The doctor's texts in German."""

from __future__ import annotations

from typing import Final

from camerad.doctor.check_results import Level
from camerad.doctor.wording.catalogue import DoctorWording
from camerad.doctor.wording.german_findings import FINDINGS
from camerad.doctor.wording.german_office import OFFICE_FINDINGS

GERMAN: Final = DoctorWording(
    code="de",
    yes="j",
    levels={
        Level.OK: "in Ordnung",
        Level.WARN: "WARNUNG",
        Level.FAIL: "FEHLER",
        Level.NOT_TESTED: "nicht geprüft",
    },
    checks={
        "configuration": "Konfiguration",
        "daemon": "Hauptprogramm",
        "recipients": "Empfänger",
        "key": "Geräteschlüssel",
        "ledger": "Protokoll",
        "clock": "Uhr",
        "battery": "Akku",
        "temperature": "Temperatur",
        "space": "freier Platz",
        "card": "Speicherkarte",
        "hardening": "Abschottung",
        "office": "Dienststelle",
        "uptime": "Laufzeit",
        "camera": "Kameramodul",
        "microphone": "Mikrofon",
        "loudspeaker": "Lautsprecher",
        "display": "Display",
        "light_green": "grünes Licht",
        "light_red": "rotes Licht",
        "light_amber": "gelbes Licht",
        "vibration": "Vibration",
        "buzzer": "Summer",
        "buttons": "Tasten",
    },
    states={"on": "ein", "off": "aus"},
    button="Taste {name}",
    findings={**FINDINGS, **OFFICE_FINDINGS},
    title="Prüfung der Körperkamera {device}",
    subtitle="{at}, Uhr {clock}; camerad {software}",
    summary="{ok} in Ordnung, {warn} Warnung(en), {fail} Fehler, {not_tested} nicht geprüft",
    cure="Abhilfe",
    progress="[{number}/{count}] {part} ...",
    saved="gespeichert in {path}",
    ask_seen="{part}: gesehen, gespürt oder gehört? [j/n] ",
    ask_display="Zeigt das Display farbige Streifen in einem weißen Rahmen? [j/n] ",
    ask_press="{part} innerhalb von {seconds:.0f} s drücken und loslassen.",
    ask_speak="Etwas in das Mikrofon sagen.",
)
