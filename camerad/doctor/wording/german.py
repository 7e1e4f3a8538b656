"""The doctor's texts in German."""

from __future__ import annotations

from typing import Final

from camerad.doctor.check_results import FindingId, Level
from camerad.doctor.wording.catalogue import DoctorWording, Sentence

_STOP: Final = (
    "Zum Prüfen: sudo systemctl stop camerad, dann camerad doctor, danach wieder starten."
)

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
        FindingId.CONFIGURATION_OK: Sentence("{file} ist in Ordnung; Richtlinie {policy}."),
        FindingId.CONFIGURATION_WRONG: Sentence(
            "{mistakes}",
            "Die genannten Zeilen berichtigen und prüfen mit: camerad config check {file}",
        ),
        FindingId.CONFIGURATION_NEEDED: Sentence("Ohne gültige Konfiguration nicht prüfbar."),
        FindingId.NO_ANSWER: Sentence(
            "Hat innerhalb von {seconds:g} s nicht geantwortet.",
            "Die Kamera aus- und einschalten. Kommt es wieder: Antworten Aufzeichnungen, "
            "Protokoll, Schlüssel, Speicherplatz oder Karte nicht, ist es die Karte; sie auslesen "
            "und ersetzen. Sonst ist es das Teil selbst, oder seine Leitungen. Was der Kern dazu "
            "sagt, zeigt 'journalctl -k'.",
        ),
        FindingId.DAEMON_RUNS: Sentence(
            "Das Hauptprogramm läuft ({stage}); es wurde nach allem gefragt."
        ),
        FindingId.DAEMON_STOPPED: Sentence(
            "Es läuft keines; die Teile wurden unmittelbar erprobt."
        ),
        FindingId.DAEMON_SILENT: Sentence(
            "Ein anderes Programm hat die Aufzeichnungen und antwortet nicht: {why}",
            "Wenn das Hauptprogramm hängt: sudo systemctl restart camerad, und nachsehen mit: "
            "journalctl -u camerad. Läuft ein anderer camerad-Befehl, ihn erst enden lassen.",
        ),
        FindingId.DAEMON_FORBIDDEN: Sentence(
            "Dieser Benutzer darf das Hauptprogramm nicht fragen: {why}",
            "Den Befehl mit sudo ausführen.",
        ),
        FindingId.DEVICES_TAKEN: Sentence("Es gehört einem Programm, das keine Auskunft gibt."),
        FindingId.RECIPIENTS_OK: Sentence(
            "Schlüssel der Dienststelle, die öffnen können, was aufgezeichnet wird: {count}."
        ),
        FindingId.RECIPIENTS_NONE: Sentence(
            "Niemand könnte eine Aufzeichnung öffnen, darum entsteht keine.",
            "Die öffentlichen Schlüssel der Auswertestelle und der Reserve unter 'recipients' in "
            "{file} eintragen; 'camerad keys new' macht sie, in der Dienststelle.",
        ),
        FindingId.RECIPIENTS_WRONG: Sentence(
            "{why}",
            "'recipients' in {file} berichtigen: öffentliche Schlüssel, die mit age1 beginnen.",
        ),
        FindingId.KEY_OK: Sentence(
            "Er ist da, nur für uns lesbar, und im Protokoll bekannt: {thumbprint}"
        ),
        FindingId.KEY_NONE: Sentence(
            "Es gibt keinen: {path}",
            "Das Hauptprogramm einmal starten, das ihn erzeugt: sudo systemctl start camerad. "
            "Danach in der Dienststelle eintragen: camerad identity show --pem",
        ),
        FindingId.KEY_LOST: Sentence(
            "Das Protokoll kennt den Schlüssel {thumbprint}, und seine private Hälfte fehlt: "
            "{path}",
            "Ihn von dort zurückholen, wohin er verschoben wurde. Ist er verloren: das "
            "Hauptprogramm starten, das einen neuen erzeugt, und diesen in der Dienststelle "
            "eintragen: camerad identity show --pem",
        ),
        FindingId.KEY_OPEN: Sentence(
            "Andere als der Eigentümer können ihn lesen (Modus {mode}): {path}",
            "Wenn ihn niemand kopiert haben kann: sudo chmod 600 {path}. Sonst die Datei "
            "wegbewegen und das Hauptprogramm starten, das einen neuen erzeugt; diesen in der "
            "Dienststelle eintragen.",
        ),
        FindingId.KEY_DAMAGED: Sentence(
            "Das ist kein Schlüssel mehr: {path}: {why}",
            "Das Hauptprogramm starten: es legt die Datei beiseite und erzeugt einen neuen. Diesen "
            "in der Dienststelle eintragen: camerad identity show --pem. Eine alte Karte "
            "austauschen.",
        ),
        FindingId.KEY_OTHER: Sentence(
            "Es ist {thumbprint}, und das Protokoll kennt {known}.",
            "Wurde diese Karte von einer anderen Kamera kopiert: mit einer eigenen Karte neu "
            "beginnen. Wurde der Schlüssel absichtlich ausgetauscht: das Hauptprogramm einmal "
            "starten, damit es im Protokoll steht, und den neuen in der Dienststelle eintragen.",
        ),
        FindingId.KEY_CREDENTIAL: Sentence(
            "Das Protokoll kennt einen, der nicht hier ist. systemd kann "
            "ihn dem Dienst geben; nur das Hauptprogramm sieht ihn.",
            "Das Hauptprogramm starten und noch einmal prüfen: sudo systemctl start camerad",
        ),
        FindingId.KEY_FORBIDDEN: Sentence(
            "Dieser Benutzer darf ihn nicht ansehen: {path}", "Den Befehl mit sudo ausführen."
        ),
        FindingId.LEDGER_OK: Sentence("{entries} Einträge im neuesten Teil, nichts auszusetzen."),
        FindingId.LEDGER_NONE: Sentence("Es gibt noch keines; der erste Start beginnt es."),
        FindingId.LEDGER_DAMAGED: Sentence(
            "{why} (Befunde insgesamt: {count})",
            "Erst auslesen, was da ist, dann alles ansehen mit: camerad evidence verify "
            "{directory}. Wenn niemand eingegriffen hat, versagt die Karte: austauschen.",
        ),
        FindingId.LEDGER_UNREADABLE: Sentence(
            "Es lässt sich nicht lesen: {why}", "Den Befehl mit sudo ausführen."
        ),
        FindingId.CLOCK_SYNCHRONISED: Sentence("Datum und Uhrzeit wurden abgeglichen: {time}"),
        FindingId.CLOCK_RTC: Sentence("Datum und Uhrzeit kommen von der Batterieuhr: {time}"),
        FindingId.CLOCK_UNKNOWN: Sentence(
            "Nichts bürgt für Datum und Uhrzeit ({time}); solange löscht nichts nach dem Datum.",
            "Die Kamera ihre Uhr abgleichen lassen (timedatectl sagt, ob sie es tut; einmal an ein "
            "Netz anschließen). Hat sie eine Batterieuhr, deren Knopfzelle prüfen.",
        ),
        FindingId.BATTERY_OK: Sentence("{percent:.0f} %."),
        FindingId.BATTERY_LOW: Sentence("Nur {percent:.0f} %.", "Vor der Ausgabe laden."),
        FindingId.BATTERY_CRITICAL: Sentence(
            "Fast leer: {percent:.0f} %.",
            "Laden. Lädt sie nicht: Kabel und Ladeschale prüfen, dann den Akku tauschen.",
        ),
        FindingId.BATTERY_SILENT: Sentence(
            "Die Messung antwortet nicht: {why}",
            "Kamera aus- und einschalten. Bleibt es so, die Verbindung zur Ladeanzeige (I2C) und "
            "ihren Treiber prüfen: ls {directory}",
        ),
        FindingId.BATTERY_GONE: Sentence(
            "Diese Kamera hat einen Akku gemessen ({rates}), und {directory} hat keinen.",
            "Nach den Drähten der Anzeige (I2C) und in dmesg sehen: Die Kamera kann ohne Warnung "
            "ausgehen. Wurde die Anzeige mit Absicht ausgebaut: sudo rm {rates}",
        ),
        FindingId.BATTERY_NONE: Sentence("Nichts misst ihn: {directory} hat keinen Akku."),
        FindingId.TEMPERATURE_OK: Sentence("{celsius:.0f} Grad Celsius."),
        FindingId.TEMPERATURE_HOT: Sentence(
            "{celsius:.0f} Grad Celsius, oder von der Firmware gebremst; ab {limit:.0f} nimmt die "
            "Kamera weniger Bilder auf.",
            "Abkühlen lassen und noch einmal prüfen. Ist sie auf dem Tisch heiß: nach einem "
            "Programm suchen, das den Prozessor beschäftigt (top), dann nach dem Kühlkörper sehen.",
        ),
        FindingId.TEMPERATURE_VOLTAGE: Sentence(
            "Die Firmware sieht weniger als 4,63 V Versorgung und bremst den Prozessor.",
            "Ein besseres Kabel und ein stärkeres Netzteil nehmen; im Akkubetrieb den Wandler "
            "prüfen und einen alten Akku tauschen.",
        ),
        FindingId.TEMPERATURE_NONE: Sentence("Nichts misst sie: {why}"),
        FindingId.SPACE_OK: Sentence("{minutes:.0f} min Aufzeichnung."),
        FindingId.SPACE_LOW: Sentence(
            "Nur {minutes:.0f} min Aufzeichnung; die Kamera warnt unter {limit:.0f}.",
            "Auslesen: camerad offload VERZEICHNIS. Was die Dienststelle hat, wird dann gelöscht, "
            "sobald Platz gebraucht wird.",
        ),
        FindingId.SPACE_FULL: Sentence(
            "{minutes:.1f} min Aufzeichnung; unter {limit:.0f} beginnt keine.",
            "Auslesen: camerad offload VERZEICHNIS. Was die Dienststelle hat, wird dann gelöscht, "
            "sobald Platz gebraucht wird. Füllt etwas anderes die Karte: sudo du -xh {directory}",
        ),
        FindingId.SPACE_READ_ONLY: Sentence(
            "Die Karte lässt sich nur lesen: {directory}",
            "So hinterlässt der Kernel eine Karte, die versagt hat (sudo dmesg). Auslesen, was "
            "darauf ist, und sie austauschen.",
        ),
        FindingId.SPACE_MISSING: Sentence(
            "Der Ort für Aufzeichnungen ist nicht zu gebrauchen: {why}",
            "Das Hauptprogramm einmal starten, das ihn anlegt: sudo systemctl start camerad. Darf "
            "dieser Benutzer ihn nicht ansehen, den Befehl mit sudo ausführen.",
        ),
        FindingId.CARD_OK: Sentence(
            "{rate:.1f} MB/s; der langsamste von {syncs} Abgleichen brauchte {worst_ms:.0f} ms."
        ),
        FindingId.CARD_HESITATES: Sentence(
            "Der langsamste von {syncs} Abgleichen brauchte {worst_ms:.0f} ms; jeder über "
            "{limit_ms:.0f} ms wird in der Aufzeichnung vermerkt.",
            "Noch einmal prüfen. Bleibt es so, die Karte gegen eine für Dauerbetrieb tauschen "
            "(Videoüberwachung, Klasse V30).",
        ),
        FindingId.CARD_SLOW: Sentence(
            "{rate:.2f} MB/s, und eine Aufzeichnung braucht {needed:.2f}; der langsamste Abgleich "
            "brauchte {worst_ms:.0f} ms.",
            "Die Karte gegen eine für Dauerbetrieb tauschen (Videoüberwachung, Klasse V30).",
        ),
        FindingId.CARD_FAILS: Sentence(
            "Schreiben schlug fehl: {why}", "Auslesen, was auf der Karte ist, und sie austauschen."
        ),
        FindingId.CARD_NO_ROOM: Sentence(
            "Zum Erproben ist kein Platz.", "Erst Platz schaffen, siehe freier Platz."
        ),
        FindingId.CARD_MISSING: Sentence(
            "Es gibt noch keinen Ort für Aufzeichnungen, siehe freier Platz."
        ),
        FindingId.CARD_BUSY: Sentence(
            "Eine Aufzeichnung läuft.", "Noch einmal prüfen, wenn die Kamera nicht aufzeichnet."
        ),
        FindingId.CARD_FORBIDDEN: Sentence(
            "Dieser Benutzer darf dort nicht schreiben: {directory}",
            "Den Befehl mit sudo ausführen.",
        ),
        FindingId.HARDENING_OK: Sentence(
            "Der Dienst ist abgeschottet: Angriffsfläche {exposure:.1f} von 10."
        ),
        FindingId.HARDENING_WEAK: Sentence(
            "Der Dienst ist zu wenig abgeschottet: Angriffsfläche {exposure:.1f} von 10; der "
            "mitgelieferte hat höchstens {limit:.1f}.",
            "Nachsehen, was sie nimmt: systemctl cat {unit}, und systemd-analyze security {unit}. "
            "Die Ergänzung entfernen oder den mitgelieferten Dienst neu installieren.",
        ),
        FindingId.HARDENING_ALONE: Sentence(
            "Fehlt oder ist nicht aktiviert: {missing}. Ohne das schaltet sich die Kamera bei "
            "leerem Akku nicht ab und startet nicht neu, wenn nur das hilft.",
            "Installieren und aktivieren, was systemd/README.md aufzählt, und neu starten.",
        ),
        FindingId.HARDENING_NO_UNIT: Sentence("Kein Dienst {unit} ist hier installiert."),
        FindingId.HARDENING_NO_TOOL: Sentence("systemd-analyze fehlt oder sagt nichts: {why}"),
        FindingId.UPTIME: Sentence("{days} d {hours:02d}:{minutes:02d} h."),
        FindingId.CAMERA_OK: Sentence(
            "{camera}: {width} x {height}, {rate:.1f} Bilder je Sekunde, Helligkeit {luma} von "
            "255, Kodierer {encoder}."
        ),
        FindingId.CAMERA_DOWN: Sentence(
            "Es liefert nichts: {why}",
            "Kamera ausschalten, das Flachbandkabel an beiden Enden neu einsetzen, einschalten. "
            "Führt rpicam-hello --list-cameras es nicht auf: camera_auto_detect=1 in "
            "/boot/firmware/config.txt. Sonst das Kameramodul tauschen.",
        ),
        FindingId.CAMERA_SILENT: Sentence(
            "Es wurde geöffnet, und seit {age_s:.0f} s kam kein Bild.",
            "Kamera aus- und einschalten. Kommt es wieder, das Flachbandkabel an beiden Enden neu "
            "einsetzen, dann das Kameramodul tauschen.",
        ),
        FindingId.CAMERA_SIZE: Sentence(
            "Es liefert {width} x {height}, die Konfiguration will {wanted_width} x "
            "{wanted_height}.",
            "camera.width und camera.height auf eine Größe setzen, die dieses Modul hat "
            "(rpicam-hello --list-cameras).",
        ),
        FindingId.CAMERA_RATE: Sentence(
            "Es liefert {rate:.1f} Bilder je Sekunde, die Konfiguration will {wanted:.0f}.",
            "camera.fps auf eine Rate setzen, die dieses Modul bei der Größe hat (rpicam-hello "
            "--list-cameras). Im Dunkeln senkt lange Belichtung sie: mit Licht versuchen. Hitze "
            "ebenso.",
        ),
        FindingId.CAMERA_LOSES: Sentence(
            "{percent:.0f} % der Bilder kommen nicht an.",
            "Etwas anderes beschäftigt den Prozessor: mit top nachsehen, beenden, noch einmal "
            "prüfen.",
        ),
        FindingId.CAMERA_BLACK: Sentence(
            "Das Bild ist schwarz (Helligkeit {luma} von 255).",
            "Abdeckung oder Schutzfolie vom Objektiv nehmen und für Licht sorgen. Bleibt es "
            "schwarz, das Kameramodul tauschen.",
        ),
        FindingId.MICROPHONE_OK: Sentence(
            "Es hört; am lautesten war {peak_db:.0f} dB unter Vollaussteuerung."
        ),
        FindingId.MICROPHONE_SILENT: Sentence(
            "Es liefert nur Stille.",
            "Während der Prüfung sprechen. Nachsehen, ob es stummgeschaltet ist (alsamixer -c, "
            "F4), ob microphone.device das richtige nennt (arecord -L), und nach den Drähten; "
            "sonst tauschen.",
        ),
        FindingId.MICROPHONE_CLIPS: Sentence(
            "Es ist zu laut: {percent:.0f} % davon wird abgeschnitten.",
            "Die Verstärkung senken (alsamixer, F4) oder an einem leiseren Ort prüfen.",
        ),
        FindingId.MICROPHONE_MISSING: Sentence(
            "Es lässt sich nicht öffnen: {why}",
            "Einstecken, und unter microphone.device eines nennen, das arecord -L aufführt.",
        ),
        FindingId.MICROPHONE_HANGS: Sentence(
            "Es ist da und gibt keinen Ton.",
            "Abziehen und wieder einstecken oder die Kamera aus- und einschalten; sonst tauschen.",
        ),
        FindingId.MICROPHONE_UNWANTED: Sentence("Richtlinie oder Konfiguration wollen keinen Ton."),
        FindingId.MICROPHONE_CLOSED: Sentence(
            "Das Hauptprogramm hält es in dieser Stufe geschlossen.", _STOP
        ),
        FindingId.MICROPHONE_SERVES: Sentence(
            "Ton kommt an; wie laut, sagt das Hauptprogramm nicht."
        ),
        FindingId.LOUDSPEAKER_HEARD: Sentence("Er spielte einen Ton, und der war zu hören."),
        FindingId.LOUDSPEAKER_PLAYED: Sentence(
            "Er nahm einen Ton an; ob ihn jemand hört, wird mit --interactive gefragt."
        ),
        FindingId.LOUDSPEAKER_FAINT: Sentence(
            "Er nahm einen Ton an, und das Mikrofon daneben hörte ihn nicht.",
            "Mit --interactive noch einmal prüfen und hinhören. Bleibt es still: nach den Drähten, "
            "dem Verstärker und der Lautstärke (alsamixer) sehen; sonst tauschen.",
        ),
        FindingId.LOUDSPEAKER_UNHEARD: Sentence(
            "Er nahm einen Ton an, und niemand hörte ihn.",
            "Nach den Drähten, dem Verstärker und der Lautstärke (alsamixer) sehen; sonst "
            "tauschen.",
        ),
        FindingId.LOUDSPEAKER_FAILS: Sentence(
            "Es lässt sich nichts abspielen: {why}",
            "Einstecken, und unter announcements.device einen nennen, den aplay -L aufführt.",
        ),
        FindingId.LOUDSPEAKER_NO_FILE: Sentence(
            "Für Ansagen fehlt die Datei: {missing}",
            "Unter announcements.directory ablegen, als WAV mit PCM, oder camerad neu "
            "installieren, das eigene mitbringt.",
        ),
        FindingId.LOUDSPEAKER_UNWANTED: Sentence(
            "Richtlinie oder Konfiguration wollen keine Ansagen."
        ),
        FindingId.LOUDSPEAKER_CLOSED: Sentence(
            "Das Hauptprogramm öffnet ihn, wenn etwas anzusagen ist.", _STOP
        ),
        FindingId.DISPLAY_OK: Sentence("Es hat das Testbild angenommen."),
        FindingId.DISPLAY_DOWN: Sentence(
            "Es zeigt nichts: {why}",
            "Das Kabel neu einsetzen und nachsehen, ob der Kernel es kennt: ls /dev/fb* und das "
            "Overlay des Displays in /boot/firmware/config.txt. self_view.device und "
            "self_view.sysfs nennen es. Sonst tauschen.",
        ),
        FindingId.DISPLAY_UNSEEN: Sentence(
            "Es hat das Testbild angenommen, und niemand sah es.",
            "Hintergrundlicht und Kabel prüfen; sonst tauschen.",
        ),
        FindingId.DISPLAY_NONE: Sentence("Diese Kamera hat keines (self_view.driver: none)."),
        FindingId.DISPLAY_SERVES: Sentence(
            "Es antwortet dem Hauptprogramm; das Testbild kommt nur ohne dieses."
        ),
        FindingId.OUTPUT_OK: Sentence(
            "Die Leitung folgt (GPIO {gpio}); ob man es bemerkt, wird mit --interactive gefragt."
        ),
        FindingId.OUTPUT_SEEN: Sentence("Es tut, was es soll (GPIO {gpio})."),
        FindingId.OUTPUT_DEAD: Sentence(
            "Die Leitung folgt nicht (GPIO {gpio}): Sie wurde {state}geschaltet und ist es nicht.",
            "Nach einem Kurzschluss an GPIO {gpio} suchen (Leuchte, Draht, Lötstelle), und ob die "
            "Konfiguration den richtigen GPIO nennt.",
        ),
        FindingId.OUTPUT_UNSEEN: Sentence(
            "Die Leitung folgt (GPIO {gpio}), und niemand bemerkte es.",
            "Drähte und Polung prüfen, und ob die Konfiguration den richtigen GPIO und active_high "
            "nennt; sonst tauschen.",
        ),
        FindingId.OUTPUT_TAKEN: Sentence(
            "Die Leitung lässt sich nicht öffnen: {why}",
            "Das Programm beenden, das sie hat (gpioinfo nennt es), oder den Befehl mit sudo "
            "ausführen.",
        ),
        FindingId.OUTPUT_SERVES: Sentence(
            "Das Hauptprogramm schaltet es ohne Fehler (GPIO {gpio})."
        ),
        FindingId.BUTTON_FREE: Sentence(
            "Sie klemmt nicht (GPIO {gpio}); ob ein Druck ankommt, wird mit --interactive geprüft."
        ),
        FindingId.BUTTON_WORKS: Sentence("Ein Druck kam an, und das Loslassen (GPIO {gpio})."),
        FindingId.BUTTON_STUCK: Sentence(
            "Sie ist die ganze Zeit gedrückt (GPIO {gpio}).",
            "Von Schmutz und vom Gehäuse befreien. Hält sie nichts, nach einem Kurzschluss an den "
            "Drähten suchen, und ob active_low der Verdrahtung entspricht; sonst tauschen.",
        ),
        FindingId.BUTTON_UNPRESSED: Sentence(
            "In {seconds:.0f} s kam kein Druck an (GPIO {gpio}).",
            "Die Drähte prüfen, und ob die Konfiguration den richtigen GPIO nennt; sonst tauschen.",
        ),
        FindingId.BUTTON_TAKEN: Sentence(
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
