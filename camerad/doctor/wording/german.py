"""The doctor's texts in German."""

from __future__ import annotations

from typing import Final

from camerad.doctor.findings import Level, What
from camerad.doctor.wording.catalogue import Said, Wording

_STOP: Final = (
    "Zum Prüfen: sudo systemctl stop camerad, dann camerad doctor, danach wieder starten."
)

GERMAN: Final = Wording(
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
    findings={
        What.CONFIGURATION_OK: Said("{file} ist in Ordnung; Richtlinie {policy}."),
        What.CONFIGURATION_WRONG: Said(
            "{mistakes}",
            "Die genannten Zeilen berichtigen und prüfen mit: camerad config check {file}",
        ),
        What.CONFIGURATION_NEEDED: Said("Ohne gültige Konfiguration nicht prüfbar."),
        What.NO_ANSWER: Said(
            "Hat innerhalb von {seconds:g} s nicht geantwortet.",
            "Die Kamera aus- und einschalten. Kommt es wieder: Antworten Aufzeichnungen, "
            "Protokoll, Schlüssel, Speicherplatz oder Karte nicht, ist es die Karte; sie auslesen "
            "und ersetzen. Sonst ist es das Teil selbst, oder seine Leitungen. Was der Kern dazu "
            "sagt, zeigt 'journalctl -k'.",
        ),
        What.DAEMON_RUNS: Said("Das Hauptprogramm läuft ({stage}); es wurde nach allem gefragt."),
        What.DAEMON_STOPPED: Said("Es läuft keines; die Teile wurden unmittelbar erprobt."),
        What.DAEMON_SILENT: Said(
            "Ein anderes Programm hat die Aufzeichnungen und antwortet nicht: {why}",
            "Wenn das Hauptprogramm hängt: sudo systemctl restart camerad, und nachsehen mit: "
            "journalctl -u camerad. Läuft ein anderer camerad-Befehl, ihn erst enden lassen.",
        ),
        What.DAEMON_FORBIDDEN: Said(
            "Dieser Benutzer darf das Hauptprogramm nicht fragen: {why}",
            "Den Befehl mit sudo ausführen.",
        ),
        What.DEVICES_TAKEN: Said("Es gehört einem Programm, das keine Auskunft gibt."),
        What.RECIPIENTS_OK: Said(
            "Schlüssel der Dienststelle, die öffnen können, was aufgezeichnet wird: {count}."
        ),
        What.RECIPIENTS_NONE: Said(
            "Niemand könnte eine Aufzeichnung öffnen, darum entsteht keine.",
            "Die öffentlichen Schlüssel der Auswertestelle und der Reserve unter 'recipients' in "
            "{file} eintragen; 'camerad keys new' macht sie, in der Dienststelle.",
        ),
        What.RECIPIENTS_WRONG: Said(
            "{why}",
            "'recipients' in {file} berichtigen: öffentliche Schlüssel, die mit age1 beginnen.",
        ),
        What.KEY_OK: Said("Er ist da, nur für uns lesbar, und im Protokoll bekannt: {thumbprint}"),
        What.KEY_NONE: Said(
            "Es gibt keinen: {path}",
            "Das Hauptprogramm einmal starten, das ihn erzeugt: sudo systemctl start camerad. "
            "Danach in der Dienststelle eintragen: camerad identity show --pem",
        ),
        What.KEY_LOST: Said(
            "Das Protokoll kennt den Schlüssel {thumbprint}, und seine private Hälfte fehlt: "
            "{path}",
            "Ihn von dort zurückholen, wohin er verschoben wurde. Ist er verloren: das "
            "Hauptprogramm starten, das einen neuen erzeugt, und diesen in der Dienststelle "
            "eintragen: camerad identity show --pem",
        ),
        What.KEY_OPEN: Said(
            "Andere als der Eigentümer können ihn lesen (Modus {mode}): {path}",
            "Wenn ihn niemand kopiert haben kann: sudo chmod 600 {path}. Sonst die Datei "
            "wegbewegen und das Hauptprogramm starten, das einen neuen erzeugt; diesen in der "
            "Dienststelle eintragen.",
        ),
        What.KEY_DAMAGED: Said(
            "Das ist kein Schlüssel mehr: {path}: {why}",
            "Das Hauptprogramm starten: es legt die Datei beiseite und erzeugt einen neuen. Diesen "
            "in der Dienststelle eintragen: camerad identity show --pem. Eine alte Karte "
            "austauschen.",
        ),
        What.KEY_OTHER: Said(
            "Es ist {thumbprint}, und das Protokoll kennt {known}.",
            "Wurde diese Karte von einer anderen Kamera kopiert: mit einer eigenen Karte neu "
            "beginnen. Wurde der Schlüssel absichtlich ausgetauscht: das Hauptprogramm einmal "
            "starten, damit es im Protokoll steht, und den neuen in der Dienststelle eintragen.",
        ),
        What.KEY_CREDENTIAL: Said(
            "Das Protokoll kennt einen, der nicht hier ist. systemd kann "
            "ihn dem Dienst geben; nur das Hauptprogramm sieht ihn.",
            "Das Hauptprogramm starten und noch einmal prüfen: sudo systemctl start camerad",
        ),
        What.KEY_FORBIDDEN: Said(
            "Dieser Benutzer darf ihn nicht ansehen: {path}", "Den Befehl mit sudo ausführen."
        ),
        What.LEDGER_OK: Said("{entries} Einträge im neuesten Teil, nichts auszusetzen."),
        What.LEDGER_NONE: Said("Es gibt noch keines; der erste Start beginnt es."),
        What.LEDGER_DAMAGED: Said(
            "{why} (Befunde insgesamt: {count})",
            "Erst auslesen, was da ist, dann alles ansehen mit: camerad evidence verify "
            "{directory}. Wenn niemand eingegriffen hat, versagt die Karte: austauschen.",
        ),
        What.LEDGER_UNREADABLE: Said(
            "Es lässt sich nicht lesen: {why}", "Den Befehl mit sudo ausführen."
        ),
        What.CLOCK_SYNCHRONISED: Said("Datum und Uhrzeit wurden abgeglichen: {time}"),
        What.CLOCK_RTC: Said("Datum und Uhrzeit kommen von der Batterieuhr: {time}"),
        What.CLOCK_UNKNOWN: Said(
            "Nichts bürgt für Datum und Uhrzeit ({time}); solange löscht nichts nach dem Datum.",
            "Die Kamera ihre Uhr abgleichen lassen (timedatectl sagt, ob sie es tut; einmal an ein "
            "Netz anschließen). Hat sie eine Batterieuhr, deren Knopfzelle prüfen.",
        ),
        What.BATTERY_OK: Said("{percent:.0f} %."),
        What.BATTERY_LOW: Said("Nur {percent:.0f} %.", "Vor der Ausgabe laden."),
        What.BATTERY_CRITICAL: Said(
            "Fast leer: {percent:.0f} %.",
            "Laden. Lädt sie nicht: Kabel und Ladeschale prüfen, dann den Akku tauschen.",
        ),
        What.BATTERY_SILENT: Said(
            "Die Messung antwortet nicht: {why}",
            "Kamera aus- und einschalten. Bleibt es so, die Verbindung zur Ladeanzeige (I2C) und "
            "ihren Treiber prüfen: ls {directory}",
        ),
        What.BATTERY_GONE: Said(
            "Diese Kamera hat einen Akku gemessen ({rates}), und {directory} hat keinen.",
            "Nach den Drähten der Anzeige (I2C) und in dmesg sehen: Die Kamera kann ohne Warnung "
            "ausgehen. Wurde die Anzeige mit Absicht ausgebaut: sudo rm {rates}",
        ),
        What.BATTERY_NONE: Said("Nichts misst ihn: {directory} hat keinen Akku."),
        What.TEMPERATURE_OK: Said("{celsius:.0f} Grad Celsius."),
        What.TEMPERATURE_HOT: Said(
            "{celsius:.0f} Grad Celsius, oder von der Firmware gebremst; ab {limit:.0f} nimmt die "
            "Kamera weniger Bilder auf.",
            "Abkühlen lassen und noch einmal prüfen. Ist sie auf dem Tisch heiß: nach einem "
            "Programm suchen, das den Prozessor beschäftigt (top), dann nach dem Kühlkörper sehen.",
        ),
        What.TEMPERATURE_VOLTAGE: Said(
            "Die Firmware sieht weniger als 4,63 V Versorgung und bremst den Prozessor.",
            "Ein besseres Kabel und ein stärkeres Netzteil nehmen; im Akkubetrieb den Wandler "
            "prüfen und einen alten Akku tauschen.",
        ),
        What.TEMPERATURE_NONE: Said("Nichts misst sie: {why}"),
        What.SPACE_OK: Said("{minutes:.0f} min Aufzeichnung."),
        What.SPACE_LOW: Said(
            "Nur {minutes:.0f} min Aufzeichnung; die Kamera warnt unter {limit:.0f}.",
            "Auslesen: camerad offload VERZEICHNIS. Was die Dienststelle hat, wird dann gelöscht, "
            "sobald Platz gebraucht wird.",
        ),
        What.SPACE_FULL: Said(
            "{minutes:.1f} min Aufzeichnung; unter {limit:.0f} beginnt keine.",
            "Auslesen: camerad offload VERZEICHNIS. Was die Dienststelle hat, wird dann gelöscht, "
            "sobald Platz gebraucht wird. Füllt etwas anderes die Karte: sudo du -xh {directory}",
        ),
        What.SPACE_READ_ONLY: Said(
            "Die Karte lässt sich nur lesen: {directory}",
            "So hinterlässt der Kernel eine Karte, die versagt hat (sudo dmesg). Auslesen, was "
            "darauf ist, und sie austauschen.",
        ),
        What.SPACE_MISSING: Said(
            "Der Ort für Aufzeichnungen ist nicht zu gebrauchen: {why}",
            "Das Hauptprogramm einmal starten, das ihn anlegt: sudo systemctl start camerad. Darf "
            "dieser Benutzer ihn nicht ansehen, den Befehl mit sudo ausführen.",
        ),
        What.CARD_OK: Said(
            "{rate:.1f} MB/s; der langsamste von {syncs} Abgleichen brauchte {worst_ms:.0f} ms."
        ),
        What.CARD_HESITATES: Said(
            "Der langsamste von {syncs} Abgleichen brauchte {worst_ms:.0f} ms; jeder über "
            "{limit_ms:.0f} ms wird in der Aufzeichnung vermerkt.",
            "Noch einmal prüfen. Bleibt es so, die Karte gegen eine für Dauerbetrieb tauschen "
            "(Videoüberwachung, Klasse V30).",
        ),
        What.CARD_SLOW: Said(
            "{rate:.2f} MB/s, und eine Aufzeichnung braucht {needed:.2f}; der langsamste Abgleich "
            "brauchte {worst_ms:.0f} ms.",
            "Die Karte gegen eine für Dauerbetrieb tauschen (Videoüberwachung, Klasse V30).",
        ),
        What.CARD_FAILS: Said(
            "Schreiben schlug fehl: {why}", "Auslesen, was auf der Karte ist, und sie austauschen."
        ),
        What.CARD_NO_ROOM: Said(
            "Zum Erproben ist kein Platz.", "Erst Platz schaffen, siehe freier Platz."
        ),
        What.CARD_MISSING: Said("Es gibt noch keinen Ort für Aufzeichnungen, siehe freier Platz."),
        What.CARD_BUSY: Said(
            "Eine Aufzeichnung läuft.", "Noch einmal prüfen, wenn die Kamera nicht aufzeichnet."
        ),
        What.CARD_FORBIDDEN: Said(
            "Dieser Benutzer darf dort nicht schreiben: {directory}",
            "Den Befehl mit sudo ausführen.",
        ),
        What.HARDENING_OK: Said(
            "Der Dienst ist abgeschottet: Angriffsfläche {exposure:.1f} von 10."
        ),
        What.HARDENING_WEAK: Said(
            "Der Dienst ist zu wenig abgeschottet: Angriffsfläche {exposure:.1f} von 10; der "
            "mitgelieferte hat höchstens {limit:.1f}.",
            "Nachsehen, was sie nimmt: systemctl cat {unit}, und systemd-analyze security {unit}. "
            "Die Ergänzung entfernen oder den mitgelieferten Dienst neu installieren.",
        ),
        What.HARDENING_ALONE: Said(
            "Fehlt oder ist nicht aktiviert: {missing}. Ohne das schaltet sich die Kamera bei "
            "leerem Akku nicht ab und startet nicht neu, wenn nur das hilft.",
            "Installieren und aktivieren, was systemd/README.md aufzählt, und neu starten.",
        ),
        What.HARDENING_NO_UNIT: Said("Kein Dienst {unit} ist hier installiert."),
        What.HARDENING_NO_TOOL: Said("systemd-analyze fehlt oder sagt nichts: {why}"),
        What.UPTIME: Said("{days} d {hours:02d}:{minutes:02d} h."),
        What.CAMERA_OK: Said(
            "{camera}: {width} x {height}, {rate:.1f} Bilder je Sekunde, Helligkeit {luma} von "
            "255, Kodierer {encoder}."
        ),
        What.CAMERA_DOWN: Said(
            "Es liefert nichts: {why}",
            "Kamera ausschalten, das Flachbandkabel an beiden Enden neu einsetzen, einschalten. "
            "Führt rpicam-hello --list-cameras es nicht auf: camera_auto_detect=1 in "
            "/boot/firmware/config.txt. Sonst das Kameramodul tauschen.",
        ),
        What.CAMERA_SILENT: Said(
            "Es wurde geöffnet, und seit {age_s:.0f} s kam kein Bild.",
            "Kamera aus- und einschalten. Kommt es wieder, das Flachbandkabel an beiden Enden neu "
            "einsetzen, dann das Kameramodul tauschen.",
        ),
        What.CAMERA_SIZE: Said(
            "Es liefert {width} x {height}, die Konfiguration will {wanted_width} x "
            "{wanted_height}.",
            "camera.width und camera.height auf eine Größe setzen, die dieses Modul hat "
            "(rpicam-hello --list-cameras).",
        ),
        What.CAMERA_RATE: Said(
            "Es liefert {rate:.1f} Bilder je Sekunde, die Konfiguration will {wanted:.0f}.",
            "camera.fps auf eine Rate setzen, die dieses Modul bei der Größe hat (rpicam-hello "
            "--list-cameras). Im Dunkeln senkt lange Belichtung sie: mit Licht versuchen. Hitze "
            "ebenso.",
        ),
        What.CAMERA_LOSES: Said(
            "{percent:.0f} % der Bilder kommen nicht an.",
            "Etwas anderes beschäftigt den Prozessor: mit top nachsehen, beenden, noch einmal "
            "prüfen.",
        ),
        What.CAMERA_BLACK: Said(
            "Das Bild ist schwarz (Helligkeit {luma} von 255).",
            "Abdeckung oder Schutzfolie vom Objektiv nehmen und für Licht sorgen. Bleibt es "
            "schwarz, das Kameramodul tauschen.",
        ),
        What.MICROPHONE_OK: Said(
            "Es hört; am lautesten war {peak_db:.0f} dB unter Vollaussteuerung."
        ),
        What.MICROPHONE_SILENT: Said(
            "Es liefert nur Stille.",
            "Während der Prüfung sprechen. Nachsehen, ob es stummgeschaltet ist (alsamixer -c, "
            "F4), ob microphone.device das richtige nennt (arecord -L), und nach den Drähten; "
            "sonst tauschen.",
        ),
        What.MICROPHONE_CLIPS: Said(
            "Es ist zu laut: {percent:.0f} % davon wird abgeschnitten.",
            "Die Verstärkung senken (alsamixer, F4) oder an einem leiseren Ort prüfen.",
        ),
        What.MICROPHONE_MISSING: Said(
            "Es lässt sich nicht öffnen: {why}",
            "Einstecken, und unter microphone.device eines nennen, das arecord -L aufführt.",
        ),
        What.MICROPHONE_HANGS: Said(
            "Es ist da und gibt keinen Ton.",
            "Abziehen und wieder einstecken oder die Kamera aus- und einschalten; sonst tauschen.",
        ),
        What.MICROPHONE_UNWANTED: Said("Richtlinie oder Konfiguration wollen keinen Ton."),
        What.MICROPHONE_CLOSED: Said(
            "Das Hauptprogramm hält es in dieser Stufe geschlossen.", _STOP
        ),
        What.MICROPHONE_SERVES: Said("Ton kommt an; wie laut, sagt das Hauptprogramm nicht."),
        What.LOUDSPEAKER_HEARD: Said("Er spielte einen Ton, und der war zu hören."),
        What.LOUDSPEAKER_PLAYED: Said(
            "Er nahm einen Ton an; ob ihn jemand hört, wird mit --interactive gefragt."
        ),
        What.LOUDSPEAKER_FAINT: Said(
            "Er nahm einen Ton an, und das Mikrofon daneben hörte ihn nicht.",
            "Mit --interactive noch einmal prüfen und hinhören. Bleibt es still: nach den Drähten, "
            "dem Verstärker und der Lautstärke (alsamixer) sehen; sonst tauschen.",
        ),
        What.LOUDSPEAKER_UNHEARD: Said(
            "Er nahm einen Ton an, und niemand hörte ihn.",
            "Nach den Drähten, dem Verstärker und der Lautstärke (alsamixer) sehen; sonst "
            "tauschen.",
        ),
        What.LOUDSPEAKER_FAILS: Said(
            "Es lässt sich nichts abspielen: {why}",
            "Einstecken, und unter announcements.device einen nennen, den aplay -L aufführt.",
        ),
        What.LOUDSPEAKER_NO_FILE: Said(
            "Für Ansagen fehlt die Datei: {missing}",
            "Unter announcements.directory ablegen, als WAV mit PCM, oder camerad neu "
            "installieren, das eigene mitbringt.",
        ),
        What.LOUDSPEAKER_UNWANTED: Said("Richtlinie oder Konfiguration wollen keine Ansagen."),
        What.LOUDSPEAKER_CLOSED: Said(
            "Das Hauptprogramm öffnet ihn, wenn etwas anzusagen ist.", _STOP
        ),
        What.DISPLAY_OK: Said("Es hat das Testbild angenommen."),
        What.DISPLAY_DOWN: Said(
            "Es zeigt nichts: {why}",
            "Das Kabel neu einsetzen und nachsehen, ob der Kernel es kennt: ls /dev/fb* und das "
            "Overlay des Displays in /boot/firmware/config.txt. self_view.device und "
            "self_view.sysfs nennen es. Sonst tauschen.",
        ),
        What.DISPLAY_UNSEEN: Said(
            "Es hat das Testbild angenommen, und niemand sah es.",
            "Hintergrundlicht und Kabel prüfen; sonst tauschen.",
        ),
        What.DISPLAY_NONE: Said("Diese Kamera hat keines (self_view.driver: none)."),
        What.DISPLAY_SERVES: Said(
            "Es antwortet dem Hauptprogramm; das Testbild kommt nur ohne dieses."
        ),
        What.OUTPUT_OK: Said(
            "Die Leitung folgt (GPIO {gpio}); ob man es bemerkt, wird mit --interactive gefragt."
        ),
        What.OUTPUT_SEEN: Said("Es tut, was es soll (GPIO {gpio})."),
        What.OUTPUT_DEAD: Said(
            "Die Leitung folgt nicht (GPIO {gpio}): Sie wurde {state}geschaltet und ist es nicht.",
            "Nach einem Kurzschluss an GPIO {gpio} suchen (Leuchte, Draht, Lötstelle), und ob die "
            "Konfiguration den richtigen GPIO nennt.",
        ),
        What.OUTPUT_UNSEEN: Said(
            "Die Leitung folgt (GPIO {gpio}), und niemand bemerkte es.",
            "Drähte und Polung prüfen, und ob die Konfiguration den richtigen GPIO und active_high "
            "nennt; sonst tauschen.",
        ),
        What.OUTPUT_TAKEN: Said(
            "Die Leitung lässt sich nicht öffnen: {why}",
            "Das Programm beenden, das sie hat (gpioinfo nennt es), oder den Befehl mit sudo "
            "ausführen.",
        ),
        What.OUTPUT_SERVES: Said("Das Hauptprogramm schaltet es ohne Fehler (GPIO {gpio})."),
        What.BUTTON_FREE: Said(
            "Sie klemmt nicht (GPIO {gpio}); ob ein Druck ankommt, wird mit --interactive geprüft."
        ),
        What.BUTTON_WORKS: Said("Ein Druck kam an, und das Loslassen (GPIO {gpio})."),
        What.BUTTON_STUCK: Said(
            "Sie ist die ganze Zeit gedrückt (GPIO {gpio}).",
            "Von Schmutz und vom Gehäuse befreien. Hält sie nichts, nach einem Kurzschluss an den "
            "Drähten suchen, und ob active_low der Verdrahtung entspricht; sonst tauschen.",
        ),
        What.BUTTON_UNPRESSED: Said(
            "In {seconds:.0f} s kam kein Druck an (GPIO {gpio}).",
            "Die Drähte prüfen, und ob die Konfiguration den richtigen GPIO nennt; sonst tauschen.",
        ),
        What.BUTTON_TAKEN: Said(
            "Die Leitung lässt sich nicht öffnen: {why}",
            "Das Programm beenden, das sie hat (gpioinfo nennt es), oder den Befehl mit sudo "
            "ausführen.",
        ),
    },
    title="Prüfung der Körperkamera {device}",
    subtitle="{at}, Uhr {clock}; camerad {software}",
    summary="{ok} in Ordnung, {warn} Warnung(en), {fail} Fehler, {not_tested} nicht geprüft",
    cure="tun",
    progress="[{number}/{count}] {part} ...",
    saved="gespeichert in {path}",
    ask_seen="{part}: gesehen, gespürt oder gehört? [j/n] ",
    ask_display="Zeigt das Display farbige Streifen in einem weißen Rahmen? [j/n] ",
    ask_press="{part} drücken und loslassen, innerhalb von {seconds:.0f} s.",
    ask_speak="Etwas in das Mikrofon sagen.",
)
