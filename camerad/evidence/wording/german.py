"""The texts in German."""

from __future__ import annotations

from typing import Final

from camerad.behaviour.heat import Cause
from camerad.container.gaps import (
    CAPTURE_RESTARTED,
    CUT_OFF,
    FRAMES_LOST,
    NO_ANSWER,
    NO_PICTURES,
    NOT_STORED,
    RING_FULL,
    STARTED_LATE,
    STOPPED_SHORT,
)
from camerad.container.statements import RECOVERED
from camerad.evidence.wording.catalogue import ReportWording
from camerad.stream.sound_messages import NO_SOUND, SOUND_LOST
from camerad.verify.findings import FindingKind, TimeWorth

GERMAN: Final = ReportWording(
    code="de",
    decimal=",",
    date_format="%d.%m.%Y, %H:%M:%S",
    day_format="%d.%m.%Y",
    time_format="%H:%M:%S",
    hold_reason="exportiert am {day}",
    title="Aufzeichnung einer am Körper getragenen Kamera",
    subtitle="Begleitblatt zum Beweismittel",
    authentic="Echt und vollständig",
    qualified="Echt, mit den Hinweisen unten",
    not_authentic="Als Ganzes NICHT echt: nur die belegten Teile wurden geöffnet",
    time="Uhrzeit: {worth}",
    authentic_text="Seit der Aufzeichnung wurde nichts verändert, entfernt oder hinzugefügt, "
    "sofern der Schlüssel unten der für diese Kamera registrierte ist.",
    qualified_text="Seit der Aufzeichnung wurde nichts verändert, sofern der Schlüssel unten der "
    "für diese Kamera registrierte ist. Was fehlt oder zu beachten ist, steht unten.",
    not_authentic_text="Teile dieser Aufzeichnung wurden verändert oder fehlen. Das Video enthält "
    "nur, was Signaturen des Schlüssels unten belegen, sofern er der für diese Kamera registrierte "
    "ist; was betroffen ist, steht unten.",
    sealed_only="NICHT echt: kein Video, nur das verschlüsselte Original",
    sealed_only_text="Teile dieser Aufzeichnung wurden verändert oder fehlen. Das zeigt die "
    "Prüfung mit dem Schlüssel unten, sofern er der für diese Kamera registrierte ist. Darum wurde "
    "kein Video erstellt; was betroffen ist, steht unten.",
    what_it_is="Die Kamera hat diese Aufzeichnung Stück für Stück so verschlüsselt, dass nur die "
    "Dienststelle sie öffnen kann, und jedes Stück mit ihrem eigenen Schlüssel signiert. Jede "
    "Signatur schließt den Fingerabdruck des vorigen Stücks ein: Ohne diesen Schlüssel kann kein "
    "Stück unbemerkt verändert, weggelassen, verschoben oder eingefügt werden.",
    facts="Die Aufzeichnung",
    recording="Nummer",
    reference="Aktenzeichen",
    device="Kamera",
    key="Kameraschlüssel",
    begun="Ausgelöst",
    ended="Ende",
    by_clock="{when}; Uhr {clock}",
    zone="{local} {zone} ({utc} UTC)",
    length="Länge",
    length_value="{time}, {frames} {frames:Bild|Bilder} in {fragments} {fragments:Stück|Stücken}",
    pre_event="Vor dem Auslösen",
    pre_event_value="{time} aus dem Vorlaufpuffer; der Film beginnt um {begin}",
    no_pre_event="nichts: es gab keinen Vorlaufpuffer",
    trigger="Ausgelöst durch",
    picture="Bild und Ton",
    picture_value="{width} × {height} Bildpunkte, {fps} pro Sekunde, {sound}",
    with_sound="mit Ton",
    without_sound="ohne Ton",
    rates="Andere Bildrate",
    rate="ab {time} {fps} Bilder/s ({reason})",
    marks="Marken",
    policy="Geltende Regeln",
    policy_value="{policy}; Löschung nach {days} {days:Tag|Tagen}, sofern kein Löschschutz besteht",
    wearer="Getragen von",
    no_wearer="keine Kennung vergeben",
    continues="Fortsetzung von",
    software="Software der Kamera",
    unknown="unbekannt",
    none="keine",
    checks="Prüfungen bei diesem Export",
    check_signatures="Signatur des Kameraschlüssels auf jeder Erklärung ({statements})",
    check_chain="Lückenlose Kette von der ersten bis zur letzten Erklärung",
    check_fragments="Fingerabdruck jedes verschlüsselten Stücks ({fragments})",
    check_opened="Entschlüsselung jedes Stücks; das Video enthält das Geprüfte und sonst nichts",
    check_opened_partly="Entschlüsselung nur der belegten Stücke; das Video enthält diese und "
    "sonst nichts",
    check_not_opened="Entschlüsselung, weil die Aufzeichnung nicht echt ist",
    check_ledger="Das Protokoll von Kamera oder Dienststelle nennt denselben letzten Fingerabdruck",
    check_no_ledger="Abgleich mit einem Protokoll (keines lag vor)",
    check_hold="Löschschutz: {reason} ({who})",
    check_no_hold="Löschschutz (kein Bestand lag vor: dort bitte setzen)",
    passed="bestanden",
    failed="NICHT BESTANDEN",
    open_question="nicht erfolgt",
    gaps="Von der Kamera festgehaltene Lücken",
    no_gaps="Keine.",
    continuous="Keine. Die Aufzeichnung ist vom ersten bis zum letzten Bild durchgehend.",
    more="und {count} weitere; alle stehen in {file}",
    from_to="von {begin} bis {end}",
    the_beginning="Anfang",
    the_end="Ende",
    pictures="{count} {count:Bild|Bilder}",
    no_sound="kein Ton: {}",
    units="{count} {count:Tonstück|Tonstücke}",
    damages="Schäden",
    remarks="Hinweise",
    contained="Im Video enthalten",
    files="Übergebene Dateien",
    file="Datei",
    sha256="Fingerabdruck (SHA-256)",
    file_video="Video, überall abspielbar",
    file_container="Original der Kamera, verschlüsselt und signiert",
    file_player="im Browser öffnen: prüft und spielt ab, ohne Netz",
    final="Letzte Erklärung der Aufzeichnung",
    again="Erneute Prüfung ohne diese Software",
    again_text="Dateien vergleichen mit „sha256sum -c SHA256SUMS“. Das Original ist ein "
    "gewöhnliches tar-Archiv aus age-Dateien (age-encryption.org) und signierten Erklärungen "
    "(RFC 7515, Ed25519); {file} nennt die Befehle. Den Fingerabdruck des Schlüssels oben mit dem "
    "vergleichen, den die Dienststelle für diese Kamera führt: Der beiliegende Schlüssel belegt "
    "für sich allein nichts.",
    handed_over="Übergeben von / an",
    made="Erstellt am {when} von {who} mit {software}.",
    signature="Datum, Unterschrift",
    clock={
        TimeWorth.SYNCHRONISED: "durch Zeitserver gestellt",
        TimeWorth.RTC: "batteriegestützt",
        TimeWorth.UNKNOWN: "NICHT verlässlich",
        TimeWorth.STEPPED: "NICHT verlässlich: während der Aufzeichnung gestellt",
    },
    rate_reasons={
        Cause.HEAT: "Kamera heiß",
        Cause.THROTTLED: "Prozessor gebremst",
        Cause.COOLED: "abgekühlt",
    },
    gap_reasons={
        CAPTURE_RESTARTED: "der Kamerateil wurde neu gestartet",
        FRAMES_LOST: "Bilder gingen verloren",
        RING_FULL: "der Speicher war zu langsam",
        NO_PICTURES: "der Sensor lieferte keine Bilder",
        STARTED_LATE: "die Kamera lieferte am Anfang nicht",
        STOPPED_SHORT: "die Kamera lieferte nicht bis zum Stopp",
        NOT_STORED: "die Karte nahm nichts mehr an",
        NO_ANSWER: "die Karte antwortete nicht mehr",
        CUT_OFF: "das Programm der Kamera endete, ehe es gespeichert war",
        "failed": "die Aufzeichnung brach ab",
        "not delivered by the camera": "Bilder des Sensors kamen nicht an",
        "sensor time did not advance": "die Uhr des Sensors stand still",
        "dropped by the encoder": "der Encoder verwarf Bilder",
        "send queue full": "der Rechner war zu langsam",
        "muted": "an der Kamera stummgeschaltet",
        "microphone missing": "das Mikrofon fehlte",
        "microphone failed": "das Mikrofon versagte",
        "microphone starting": "das Mikrofon wurde eingeschaltet",
        "microphone off": "das Mikrofon war aus",
        SOUND_LOST: "Ton ging verloren",
        NO_SOUND: "das Mikrofon lieferte keinen",
    },
    end_reasons={
        "stop": "von Hand beendet",
        "shutdown": "Kamera ausgeschaltet",
        "restarted": "Softwarefehler, Kamera startete neu",
        "camera_down": "Kamera lieferte keine Bilder mehr",
        "battery_critical": "Akku leer",
        "storage_full": "Speicherkarte voll",
        "storage_failed": "Speicherkarte gestört",
        "storage_read_only": "Speicherkarte schreibgeschützt",
        RECOVERED: "abgebrochen, z. B. ohne Strom; beim nächsten Start abgeschlossen",
        "failed": "technische Störung",
        "encoder settings changed": "Einstellungen geändert, in neuer Aufzeichnung fortgesetzt",
    },
    triggers={
        "button:main": "große Taste der Kamera",
        "control": "Befehl an der Steuerschnittstelle der Kamera",
        "continued": "Fortsetzung einer anderen Aufzeichnung",
    },
    button="Taste „{name}“",
    policies={"generic": "allgemeine Regeln, kein besonderes Gesetz"},
    kinds={
        FindingKind.ARCHIVE: "das Archiv um einen Teil ist nicht so, wie es geschrieben wurde",
        FindingKind.LOST: "Bytes, die sich nicht lesen lassen",
        FindingKind.FOREIGN: "ein Teil, den keine Aufzeichnung hat",
        FindingKind.EXTRA: "ein Teil doppelt oder nicht an seinem Platz",
        FindingKind.MISSING: "fehlt, obwohl die Kamera es als vorhanden signiert hat",
        FindingKind.CHANGED: "nach der Signatur verändert",
        FindingKind.FORGED: "nicht mit dem Schlüssel der Kamera signiert",
        FindingKind.UNKNOWN_KEY: "mit einem Schlüssel signiert, dem nicht vertraut wird",
        FindingKind.UNLINKED: "signiert, aber mit dieser Aufzeichnung durch nichts verbunden",
        FindingKind.UNCOMMITTED: "ein Teil der Aufzeichnung, den keine signierte Erklärung nennt",
        FindingKind.CONTRADICTION: "signierte Erklärungen, die sich widersprechen",
        FindingKind.UNCLOSED: "kein Ende: ob es mehr gab, lässt sich nicht belegen",
        FindingKind.MISNAMED: "die Datei trägt den Namen einer anderen Aufzeichnung",
        FindingKind.OTHER_END: "das Protokoll kennt ein anderes Ende dieser Aufzeichnung",
        FindingKind.RUNNING: "die Aufzeichnung lief noch",
        FindingKind.RECOVERED: "abgebrochen, etwa durch Stromausfall, und beim nächsten Start "
        "abgeschlossen",
        FindingKind.TORN: "unsignierter Rest hinter dem letzten signierten Stück, unverändert "
        "aufgehoben",
        FindingKind.UNSTATED: "Zeit ohne Bilder, die die Kamera nicht erklärt hat",
        FindingKind.SILENT: "Zeit ohne Ton, die die Kamera nicht erklärt hat",
        FindingKind.UNFIT: "Zeiten, die nicht zueinander passen",
        FindingKind.QUIET: "Zeit ohne Ton, die sich aus dem Zustand des Mikrofons erklärt",
    },
    labels_title="Etiketten der Kameras",
    labels_head="Etiketten der Kameras, {day}. In Originalgröße drucken (100 %).",
    labels_page="Seite {number} von {count}",
    labels_key="Schlüssel der Kamera",
    labels_collected="Stand {day}",
    instructions="""\
Prüfung dieses Pakets ohne die Software, die es erstellt hat
============================================================

1. Seit dem Export wurde nichts verändert:

       sha256sum -c SHA256SUMS

2. Ob der Schlüssel der der Kamera ist, kann dieses Paket nicht belegen. {key_pem} ist der
   öffentliche Schlüssel, dem vertraut wurde, als das Paket erstellt wurde. Sein Fingerabdruck
   (RFC 7638) ist

       {thumbprint}

   Bitte mit dem Verzeichnis der Kameras vergleichen, oder einem anderen, das nicht mit diesem
   Paket kam. Alles Weitere ist so viel wert wie dieser Vergleich.

3. Jede Erklärung ist mit diesem Schlüssel signiert und nennt die vorige. Das Original ist ein
   gewöhnliches tar-Archiv:

       tar -tf {container}
       tar -xf {container}

   Eine Erklärung (*.jws) ist eine kompakte JSON Web Signature (RFC 7515) mit Ed25519 (RFC 8037).
   Für jede davon, hier für header.jws:

       pad() {{ awk '{{ while (length($0) % 4) $0 = $0 "="; print }}'; }}
       decode() {{ tr '_-' '/+' | pad | base64 -d; }}
       cut -d. -f1,2 header.jws | tr -d '\\n' > signed
       cut -d. -f3 header.jws | decode > signature
       openssl pkeyutl -verify -pubin -inkey {key_pem} -rawin -in signed -sigfile signature
       cut -d. -f2 header.jws | decode

   Der letzte Befehl zeigt, was signiert wurde. "previous" ist der SHA-256 der vorigen Erklärung
   (header.jws, 000000.jws, 000001.jws, ..., end.jws); "fragment" nennt Größe und SHA-256 des
   verschlüsselten Stücks (000000.m4s.age, ...), und "init", in der ersten, die von init.mp4.age.
   "commits" in end.jws sagt, wie viele Stücke es sind. Der SHA-256 von end.jws ist

       {final}

4. Das Video ist das, was verschlüsselt wurde. Der private age-Schlüssel der Dienststelle
   (https://age-encryption.org) öffnet jedes Stück; aneinandergehängt sind sie ein abspielbares
   Video:

       for piece in init.mp4.age [0-9]*.m4s.age; do age -d -i KEY "$piece"; done > recording.mp4

   {video}

5. {ledger} enthält, was die Protokolle über diese Aufzeichnung sagen: je Zeile eine
   signierte Erklärung, zu prüfen wie die obigen, mit dem Schlüssel, den die Zeile als "kid" nennt.

Das Format ist vollständig beschrieben in docs/evidence-format.md von camerad.
""",
    video_remuxed="""{video}
   enthält dieselben Bild- und Tonpakete, zum Springen geordnet.""",
    video_joined="""{video}
   ist diese Datei, Byte für Byte: zu vergleichen mit "cmp".""",
    video_none="In diesem Paket ist kein Video, weil die Aufzeichnung nicht echt ist.",
)
