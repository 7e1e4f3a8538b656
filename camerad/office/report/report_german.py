"""The report in German."""

from __future__ import annotations

from typing import Final

from camerad.office.report.report_texts import ReportTexts

GERMAN_REPORT: Final = ReportTexts(
    code="de",
    decimal=",",
    thousands=".",
    date_format="{day}. {month} {year}",
    months=(
        *("Januar", "Februar", "März", "April", "Mai", "Juni"),
        *("Juli", "August", "September", "Oktober", "November", "Dezember"),
    ),
    title="Bodycams: Bericht",
    subtitle="Auswertung des Einsatzes, in Zahlen, die niemanden nennen",
    period="{first} bis {last} (Tage in {zone})",
    short="Auf einen Blick",
    short_self_views="Selbstansichten je 100 Schichtstunden",
    short_recordings="Aufzeichnungen je 100 Schichtstunden",
    short_without="der Selbstansichten endeten ohne Aufzeichnung",
    short_proxy="Nur stellvertretend: Manche können ein Versehen gewesen sein",
    short_late="Aufzeichnungen zu spät gelöscht",
    short_none_late="Keine Aufzeichnung wurde zu spät gelöscht",
    short_none_deleted="In diesem Zeitraum wurde keine Aufzeichnung gelöscht.",
    no_readings="Von Kameras liegen keine Daten vor: Keine hat in diesem Zeitraum Zählerstände "
    "übergeben.",
    cannot_title="Was sich daraus nicht schließen lässt",
    cannot=(
        "Es gibt keine Vergleichsgruppe. Keine Zahl hier sagt, dass Kameras etwas bewirkt oder "
        "verhindert haben: keine Aussage über Ursachen.",
        "Eine Selbstansicht, die ohne Aufzeichnung endete, steht nur stellvertretend für eine "
        "Lage, die sich beruhigt hat. Sie kann auch ein Versehen gewesen sein, oder die Lage "
        "endete von selbst.",
        "Die Intervalle sagen, wie weit allein der Zufall eine Zahl verschieben kann, wenn "
        "Ereignisse unabhängig voneinander eintreten. Über Jahreszeiten, andere Orte oder darüber, "
        "wer freiwillig eine Kamera trug, sagen sie nichts.",
        "Kameras zählen Tastendrücke, keine Konflikte. Wo keine Kamera getragen wurde, wurde "
        "nichts "
        "gezählt.",
        "Was als von Hand gezählt gekennzeichnet ist, kann hier niemand prüfen.",
    ),
    figure="Kennzahl",
    value="Wert",
    interval="95-%-Intervall",
    base="Bezug",
    by_months="Nach Monaten",
    by_months_text="Monate, in denen eine Zahl 1 bis 4 wäre oder weniger als 5 Personen Kameras "
    "trugen, sind mit ihren Nachbarn zusammengefasst.",
    no_months="Was Personen getan haben, wird nicht gezeigt: {why}.",
    joined="{first} bis {last}",
    of="von {base}",
    of_hours="in {base} Stunden",
    of_recorded="von {base} aufgezeichneten Stunden",
    between="zwischen {low} und {high}",
    typed_title="Von Hand gezählte Werte",
    typed_text="Das zählt keine Kamera. Die Dienststelle hat es von Hand gezählt und eingetragen.",
    surveys="Befragungen",
    compared_title="Verglichen mit {first} bis {last}",
    compared_text="Beide Zeiträume nebeneinander. Wo sich die Intervalle weit überdecken, kann der "
    "Unterschied Zufall sein. Ein Unterschied hat viele mögliche Ursachen.",
    chart_self_views="Selbstansichten je 100 Schichtstunden",
    chart_recordings="Aufzeichnungen je 100 Schichtstunden",
    glance="In Klammern und als dünne Linien: das 95-%-Intervall, also wie weit allein der Zufall "
    "eine Zahl verschieben kann. Selbstansicht: Die Person gegenüber sieht sich selbst auf "
    "der Kamera.",
    method_title="Wie gezählt wurde",
    method=(
        "Nur zwei Quellen zählen: Stände der Zähler, die jede Kamera beim Einstecken in die "
        "Dockingstation signiert, und das Protokoll der Dienststelle, das Tag für Tag summiert und "
        "signiert "
        "wird. Was eine Kamera zählt, gehört zu dem Tag, an dem sie eingesteckt wurde.",
        "Raten haben das exakte Poisson-Intervall (Garwood 1936), Anteile das von Clopper und "
        "Pearson (1934).",
        "Mediane und Perzentile stammen aus Zählungen in Klassen, denn von niemandem wird ein "
        "einzelner Wert aufbewahrt: Der Wert ist innerhalb seiner Klasse geschätzt, und die Klasse "
        "steht daneben. Ein Median braucht 10 Werte, ein Perzentil 20.",
        "Zahlen von 1 bis 4 über das, was Personen getan haben, werden nicht gezeigt, auch nichts, "
        "woraus sie sich errechnen ließen: Monate werden zusammengefasst, kleine Klassen werden "
        "eine, und ein Teil entfällt, wenn der Rest klein wäre. 0 wird gezeigt. Was Geräte getan "
        "haben und was die Dienststelle schuldet, wird immer gezeigt.",
    ),
    people_shifts="Dass genug Personen Kameras trugen, ist aus den Schichten der Kameras bekannt; "
    "gezählt wurde nur, wie viele es waren.",
    people_cameras="Keine Schicht nennt, wer eine Kamera trug; statt Personen wurden daher Kameras "
    "gezählt, die unterwegs waren.",
    rests_title="Worauf er beruht",
    rests_readings="{readings} signierte Zählerstände von {cameras} Kameras, SHA-256 aller "
    "{sha256}",
    rests_ledger="{epochs} Dateien des Protokolls der Dienststelle, bis Eintrag {sequence}, "
    "SHA-256 "
    "{sha256}",
    rests_no_ledger="nichts vom Protokoll der Dienststelle: Zahlen zu Aufzeichnungen, Löschung und "
    "Nutzung "
    "sind deshalb 0",
    rests_missing="Dateien des Protokolls, die dazwischen fehlen: {count}. Was in ihnen stand, ist "
    "in keiner Zahl.",
    rests_unknown="Einträge des Protokolls, die diese Version nicht lesen kann: {count}.",
    rests_unread="Aufzeichnungen, deren Dateien vor dem Summieren fort waren: {count}. Ihre Länge "
    "und ihr Ende sind in keiner Zahl.",
    no_resets="Kein Zähler wurde zurückgesetzt.",
    signed="Signiert vom Schlüssel der Dienststelle {kid}. 'camerad office report --check' "
    "findet, was "
    "seitdem geändert wurde. Dieselben Zahlen für Programme: {csv}, SHA-256 {sha256}.",
    made="Erstellt mit camerad {software}.",
    groups={
        "exposure": "Kameras und Stunden",
        "stages": "Selbstansicht und Aufzeichnung",
        "recordings": "Aufzeichnungen in der Dienststelle",
        "deletion": "Löschung",
        "use": "Löschschutz und Nutzung",
        "chain": "Von der Straße in die Dienststelle",
        "equipment": "Geräte",
        "typed": "Von Hand gezählt",
    },
    figures={
        "cameras_available": "Kameras, die sich meldeten",
        "camera_days_out": "Kameratage unterwegs",
        "shifts": "Schichten",
        "shift_hours": "Schichtstunden",
        "running_hours": "Stunden eingeschaltet",
        "share_ready": "Anteil der Laufzeit, in dem ein Druck aufgezeichnet hätte",
        "self_views": "Selbstansichten",
        "self_view_rate": "Selbstansichten je 100 Schichtstunden",
        "recordings_begun": "Aufzeichnungen",
        "recording_rate": "Aufzeichnungen je 100 Schichtstunden",
        "self_views_without": "Selbstansichten, die ohne Aufzeichnung endeten",
        "recordings_direct": "Aufzeichnungen ohne Selbstansicht unmittelbar davor",
        "seconds_to_recording_p50": "von der Selbstansicht bis zur Aufzeichnung, Median",
        "seconds_to_recording_p90": "von der Selbstansicht bis zur Aufzeichnung, 90. Perzentil",
        "recordings_received": "Aufzeichnungen, die die Dienststelle übernahm",
        "recordings_by_reason": "Aufzeichnungen nach Grund des Endes",
        "recording_length_p50": "Länge, Median",
        "recording_length_p90": "Länge, 90. Perzentil",
        "recordings_with_gap": "Aufzeichnungen mit einer Lücke",
        "pre_event_seconds": "Sekunden vor dem Druck, im Mittel",
        "deleted": "gelöschte Aufzeichnungen, jede mit Löschvermerk",
        "deleted_late": "davon mehr als eine Stunde nach ihrem Tag",
        "latest_deletion": "die späteste davon, nach ihrem Tag",
        "overdue": "Aufzeichnungen über ihren Tag hinaus ohne Löschschutz, am Ende",
        "oldest_overdue": "die älteste davon, nach ihrem Tag",
        "holds_placed": "Löschschutz gesetzt",
        "holds_released": "Löschschutz aufgehoben",
        "holds_by_ground": "Löschschutz nach Zweck",
        "viewings": "Sichtungen nach Rolle",
        "downloads": "versiegelt mitgenommen, nach Rolle",
        "hand_overs": "übergebene Vorgänge",
        "share_never_given": "Anteil der gelöschten, die niemand je bekam",
        "hours_recorded": "aufgezeichnete Stunden",
        "hours_given": "zum Sichten ausgegebene Stunden",
        "delay_p50": "vom Ende einer Aufzeichnung bis in die Dienststelle, Median",
        "delay_p95": "vom Ende einer Aufzeichnung bis in die Dienststelle, 95. Perzentil",
        "delay_over_day": "mehr als 24 Stunden",
        "handover_failures": "Übergabe begann zu stocken",
        "uploads_resumed": "fortgesetzte Übertragungen",
        "verification_failures": "Aufzeichnungen, die der Prüfung nicht standhielten",
        "witness_refusals": "Weigerungen des Zeugen",
        "failures": "Störungen, nach ihrer Art",
        "battery_p50": "Akku bei Entnahme, Median",
        "battery_p10": "Akku bei Entnahme, 10. Perzentil",
        "cameras_withdrawn": "ausgesonderte Kameras",
        "typed_hours": "Dienststunden",
        "typed_announced": "angekündigte Aufzeichnungen",
        "typed_announced_rate": "angekündigt, je 100 Stunden",
        "typed_persons": "Personen in Konflikten",
        "typed_persons_rate": "Personen in Konflikten, je 100 Stunden",
        "typed_assaults": "Übergriffe",
        "typed_assaults_rate": "Übergriffe je 100 Stunden",
        "typed_insults": "Beleidigungen und Drohungen",
        "typed_insults_rate": "Beleidigungen und Drohungen, je 100 Stunden",
        "typed_injuries": "verletzte Beschäftigte",
        "typed_injuries_rate": "verletzte Beschäftigte, je 100 Stunden",
        "typed_occasions": "Einsätze nach Anlass",
    },
    columns={
        "camera_days_out": "Kameratage",
        "shifts": "Schichten",
        "shift_hours": "Schicht- stunden",
        "self_views": "Selbst- ansichten",
        "recordings_begun": "Aufzeich- nungen",
        "recordings_received": "übernommen",
        "deleted": "gelöscht",
    },
    explained={
        "camera_days_out": "Tage, an denen eine Kamera benutzt zurückkam",
        "self_views_without": "stellvertretend, siehe oben",
        "recordings_received": "über Dockingstation oder Stick",
        "share_never_given": "an der Beweisstelle, zum Sichten oder Mitnehmen",
        "hours_recorded": "Länge der Aufzeichnungen, die die Dienststelle übernahm",
        "hours_given": "jede Aufzeichnung einmal; wie viel davon gesichtet wurde, weiß niemand",
    },
    parts={
        "hold": "bis jemand ihn aufhebt",
        "hold_until": "bis zu einem Tag",
        "prosecution": "Straftat oder Ordnungswidrigkeit",
        "danger": "Abwehr einer Gefahr",
        "lawfulness": "ob die Aufzeichnung rechtmäßig war",
        "person": "auf Verlangen der aufgezeichneten Person",
        "other": "ein anderer",
        "desk": "Beweisstelle",
        "supervisor": "Aufsicht",
        "others": "andere, zu wenige, um sie zu nennen",
        "none": "nicht genannt",
        "stop": "von Hand beendet",
        "shutdown": "Kamera ausgeschaltet",
        "restarted": "Programm der Kamera startete neu",
        "recovered": "abgebrochen, beim nächsten Start abgeschlossen",
        "failed": "technische Störung",
        "encoder settings changed": "als andere Aufzeichnung fortgesetzt",
        "storage_low": "Speicherkarte fast voll",
        "storage_full": "Speicherkarte voll",
        "storage_failed": "Karte verlor Geschriebenes",
        "storage_stalled": "Karte antwortete nicht",
        "storage_read_only": "Speicherkarte schreibgeschützt",
        "ledger_failed": "Protokoll oder Schlüssel nicht nutzbar",
        "no_recipients": "niemand benannt, der öffnen könnte",
        "unprovisioned": "nicht eingerichtet",
        "provision_refused": "Einstellungen auf der Karte abgelehnt",
        "battery_low": "Akku schwach",
        "battery_critical": "Akku leer",
        "battery_unknown": "Akkuanzeige fiel aus",
        "hot": "zu heiß",
        "clock_untrusted": "Uhr nicht bestätigt",
        "camera_down": "Kameramodul fiel aus",
        "camera_covered": "Objektiv verdeckt",
        "display_down": "Display fiel aus",
        "light_down": "ein Licht fiel aus",
        "microphone_down": "Mikrofon fiel aus",
        "network": "Dienststelle nicht erreicht",
        "certificate": "nicht der Server der Dienststelle",
        "register": "Kamera nicht im Register",
        "office": "Dienststelle nahm nichts an",
        "recordings": "Dienststelle nahm nur einige Aufzeichnungen an",
        "camera": "an der Kamera selbst",
        "silent": "das Programm der Kamera schwieg",
        "with_camera": "mit Kamera",
        "without_camera": "ohne Kamera",
        "last_year": "Vorjahr",
    },
    units={
        "count": "{value}",
        "hours": "{value} h",
        "rate": "{value}",
        "share": "{value} %",
        "seconds": "{value} s",
        "percent": "{value} %",
    },
    why={
        "few": "weniger als 5",
        "withheld": "nicht gezeigt: eine kleine Zahl ließe sich errechnen",
        "people": "nicht gezeigt: weniger als 5 Personen",
        "not_recorded": "von dieser Version nicht erfasst",
        "nothing": "zu wenig für eine Aussage",
        "beyond": "mehr als {low}",
    },
    resets={
        "begun_anew": "Eine Kamera begann neu zu zählen: {count}-mal. Was sie seit dem Stand davor "
        "gezählt hatte, ist verloren.",
        "stepped_back": "Eine Kamera verlor höchstens eine Stunde ihrer Zählung: {count}-mal.",
        "leapt": "Eine Kamera zählte mehr Zeit, als verging; davon wurde nichts gezählt: "
        "{count}-mal.",
    },
)
