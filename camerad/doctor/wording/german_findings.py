"""The doctor's findings and their remedies in German."""

from __future__ import annotations

from typing import Final

from camerad.doctor.check_results import FindingId
from camerad.doctor.wording.catalogue import Sentence

_SUDO: Final = "Den Befehl mit sudo ausführen."
_STOP: Final = (
    "Zum Prüfen das Hauptprogramm anhalten: sudo systemctl stop camerad. Dann camerad doctor "
    "aufrufen. Danach das Hauptprogramm wieder starten: sudo systemctl start camerad."
)
_TAKEN: Final = (
    "Den Befehl mit sudo ausführen. Wenn das nicht hilft, benutzt etwas anderes diesen GPIO: ein "
    "Teil der Kamera (docs/hardware.md nennt die Anschlüsse) oder, bei einer von Hand "
    "eingerichteten Kamera, ein anderes Programm (gpioinfo nennt es)."
)
_NEW_FILE: Final = "eine neue Datei erstellen (docs/technician.md, Schritt 11)"
_SETTING: Final = f"Zum Ändern einer Einstellung bei einer Kamera aus dem Image {_NEW_FILE}."
_NEW_KEY: Final = (
    "Dann den neuen öffentlichen Schlüssel der Kamera am Rechner der Beweisstelle eintragen. "
    "Kamera aus dem Image: sie noch einmal starten, dann camerad provision collect --replace NAME "
    "auf ihre Karte anwenden. Von Hand eingerichtet: sudo camerad identity show --pem gibt den "
    "Schlüssel für die vertrauten Schlüssel der Beweisstelle aus."
)
_NEW_CARD: Final = "sie aktualisieren oder ihre Karte ersetzen (docs/technician.md, Abschnitt 12)"

FINDINGS: Final = {
    FindingId.CONFIGURATION_OK: Sentence("{file} ist gültig; Regelwerk {policy}."),
    FindingId.CONFIGURATION_WRONG: Sentence(
        "{mistakes}",
        "Von Hand eingerichtet: diese Zeilen berichtigen, dann prüfen: camerad config check "
        f"{{file}}. Kamera aus dem Image: {_NEW_FILE}.",
    ),
    FindingId.CONFIGURATION_NEEDED: Sentence(
        "Diese Prüfung braucht eine gültige Konfiguration.",
    ),
    FindingId.NO_ANSWER: Sentence(
        "Keine Antwort innerhalb von {seconds:g} s.",
        "Die Kamera aus- und einschalten. Wenn das nicht hilft, die Meldungen des Kernels "
        "lesen: journalctl -k. Wenn Protokoll, Geräteschlüssel, freier Platz oder "
        "Speicherkarte nicht antworten, ist die Karte defekt: erst die Aufzeichnungen "
        "auslesen, dann die Karte ersetzen. Bei anderen Teilen: Teil und Leitungen prüfen.",
    ),
    FindingId.DAEMON_RUNS: Sentence(
        "Das Hauptprogramm läuft ({stage}). Es hat Auskunft über die Teile der Kamera gegeben.",
    ),
    FindingId.DAEMON_REFUSES: Sentence(
        "Das Hauptprogramm läuft, aber ein Tastendruck würde keine Aufzeichnung starten: "
        "{conditions}.",
        "Ursache und Abhilfe jedes dieser Zustände stehen in docs/operations.md. Mehr sagt das "
        "Journal: journalctl -u camerad",
    ),
    FindingId.DAEMON_STOPPED: Sentence(
        "Das Hauptprogramm läuft nicht; die Teile wurden direkt geprüft.",
    ),
    FindingId.DAEMON_SILENT: Sentence(
        "Ein anderes Programm benutzt die Aufzeichnungen und antwortet nicht: {why}",
        "Wenn ein anderer camerad-Befehl läuft, warten, bis er endet. Sonst hängt das "
        "Hauptprogramm: sudo systemctl restart camerad. Siehe: journalctl -u camerad",
    ),
    FindingId.DAEMON_FORBIDDEN: Sentence(
        "Dieser Benutzer darf das Hauptprogramm nicht abfragen: {why}",
        _SUDO,
    ),
    FindingId.DEVICES_TAKEN: Sentence(
        "Ein anderes Programm benutzt dieses Teil und gibt keine Auskunft.",
    ),
    FindingId.RECIPIENTS_OK: Sentence(
        "Aufzeichnungen werden für {count} Schlüssel der Dienststelle verschlüsselt.",
    ),
    FindingId.RECIPIENTS_NONE: Sentence(
        "Niemand könnte eine Aufzeichnung öffnen, darum macht die Kamera keine.",
        f"Kamera aus dem Image: {_NEW_FILE}. Sie muss die öffentlichen Schlüssel der Beweisstelle "
        "nennen, auch den der Reserve. Von Hand eingerichtet: die Schlüssel unter 'recipients' in "
        "{file} eintragen, dann neu starten: sudo systemctl restart camerad. Die Beweisstelle "
        "erzeugt die Schlüssel: camerad keys new",
    ),
    FindingId.RECIPIENTS_WRONG: Sentence(
        "{why}",
        f"Öffentliche Schlüssel beginnen mit age1. Kamera aus dem Image: {_NEW_FILE}. Von Hand "
        "eingerichtet: 'recipients' in {file} berichtigen.",
    ),
    FindingId.KEY_OK: Sentence(
        "Der Schlüssel ist da, nur die Kamera kann ihn lesen, und das Protokoll kennt ihn: "
        "{thumbprint}",
    ),
    FindingId.KEY_NONE: Sentence(
        "Die Kamera hat noch keinen Schlüssel: {path} fehlt.",
        "Das Hauptprogramm starten, das den Schlüssel erzeugt: sudo systemctl start camerad. "
        + _NEW_KEY,
    ),
    FindingId.KEY_LOST: Sentence(
        "Die private Hälfte des Schlüssels {thumbprint} fehlt: {path}",
        "Wenn jemand die Datei verschoben hat, sie zurücklegen. Wenn sie verloren ist, das "
        "Hauptprogramm starten: Es erzeugt einen neuen Schlüssel. " + _NEW_KEY,
    ),
    FindingId.KEY_OPEN: Sentence(
        "Andere Benutzer können den privaten Schlüssel lesen (Modus {mode}): {path}",
        "Wenn ihn sicher niemand kopiert hat: sudo chmod 600 {path}. Sonst die Datei an einen "
        "anderen Ort verschieben und das Hauptprogramm starten: Es erzeugt einen neuen "
        "Schlüssel. " + _NEW_KEY,
    ),
    FindingId.KEY_DAMAGED: Sentence(
        "Die Datei des Schlüssels ist beschädigt: {path}: {why}",
        "Wenn die Karte alt ist, sie ersetzen. Sonst das Hauptprogramm starten: Es legt die Datei "
        "beiseite und erzeugt einen neuen Schlüssel. " + _NEW_KEY,
    ),
    FindingId.KEY_OTHER: Sentence(
        "Der Schlüssel der Kamera ist {thumbprint}, aber das Protokoll kennt {known}.",
        "Wenn diese Karte die Kopie einer anderen ist: Diese Kamera mit einer eigenen Karte "
        "einrichten. Wenn der Schlüssel absichtlich gewechselt wurde: Das Hauptprogramm "
        "einmal starten, damit das Protokoll den neuen kennt. " + _NEW_KEY,
    ),
    FindingId.KEY_CREDENTIAL: Sentence(
        "Das Protokoll kennt einen Schlüssel, der nicht auf der Karte ist. Vielleicht gibt "
        "systemd ihn dem Hauptprogramm. Das kann diese Prüfung nicht sehen.",
        "Das Hauptprogramm starten: sudo systemctl start camerad. Dann noch einmal prüfen.",
    ),
    FindingId.KEY_FORBIDDEN: Sentence(
        "Dieser Benutzer darf den Schlüssel nicht lesen: {path}",
        _SUDO,
    ),
    FindingId.LEDGER_OK: Sentence("{entries} Einträge im neuesten Teil, keine Fehler."),
    FindingId.LEDGER_NONE: Sentence(
        "Es gibt noch kein Protokoll; das Hauptprogramm legt es beim ersten Start an.",
    ),
    FindingId.LEDGER_DAMAGED: Sentence(
        "Das Protokoll ist beschädigt ({count} Fehler). Der erste: {why}",
        "Die Aufzeichnungen auslesen, dann alles prüfen: camerad evidence verify {directory}. "
        "Entweder hat jemand das Protokoll verändert, oder die Karte ist defekt. Ist es die "
        "Karte, sie ersetzen.",
    ),
    FindingId.LEDGER_UNREADABLE: Sentence("Das Protokoll lässt sich nicht lesen: {why}", _SUDO),
    FindingId.CLOCK_SYNCHRONISED: Sentence("Die Uhr wurde abgeglichen: {time}"),
    FindingId.CLOCK_RTC: Sentence(
        "Die Uhrzeit kommt von der Echtzeituhr (batteriegepuffert): {time}",
    ),
    FindingId.CLOCK_UNKNOWN: Sentence(
        "Die Uhrzeit ist nicht bestätigt ({time}). Bis sie bestätigt ist, löscht die Kamera "
        "nichts nach Datum.",
        "Die Kamera einmal an ein Netz anschließen, damit sie ihre Uhr abgleicht. timedatectl "
        "zeigt, ob das geschehen ist. Wenn die Kamera eine Echtzeituhr hat (batteriegepuffert), "
        "deren Knopfzelle prüfen.",
    ),
    FindingId.BATTERY_OK: Sentence("{percent:.0f} %."),
    FindingId.BATTERY_LOW: Sentence("Nur {percent:.0f} %.", "Den Akku vor der Ausgabe laden."),
    FindingId.BATTERY_CRITICAL: Sentence(
        "Fast leer: {percent:.0f} %.",
        "Den Akku laden. Wenn er nicht lädt, Kabel und Dock prüfen, dann den Akku ersetzen.",
    ),
    FindingId.BATTERY_SILENT: Sentence(
        "Der Messchip des Akkus antwortet nicht: {why}",
        "Die Kamera aus- und einschalten. Wenn das nicht hilft, die Drähte des Messchips (I2C) "
        "und seinen Treiber prüfen: ls {directory}",
    ),
    FindingId.BATTERY_GONE: Sentence(
        "Diese Kamera hatte einen Messchip für den Akku ({rates} ist noch da). Jetzt findet "
        "sich unter {directory} keiner.",
        "Die Drähte des Messchips (I2C) und dmesg prüfen. Solange er fehlt, kann die Kamera "
        "ohne Warnung ausgehen. Wenn er absichtlich ausgebaut wurde: sudo rm {rates}",
    ),
    FindingId.BATTERY_NONE: Sentence("Kein Messchip für den Akku unter {directory} gefunden."),
    FindingId.TEMPERATURE_OK: Sentence("{celsius:.0f} Grad Celsius."),
    FindingId.TEMPERATURE_HOT: Sentence(
        "{celsius:.0f} Grad Celsius. Ab {limit:.0f} Grad, oder wenn die Firmware den "
        "Prozessor bremst, nimmt die Kamera weniger Bilder je Sekunde auf.",
        "Die Kamera abkühlen lassen und noch einmal prüfen. Wenn sie auf dem Tisch heiß wird, "
        "das Programm beenden, das den Prozessor auslastet (top), dann den Kühlkörper prüfen.",
    ),
    FindingId.TEMPERATURE_VOLTAGE: Sentence(
        "Die Versorgung liegt unter 4,63 V, darum kann die Firmware den Prozessor bremsen.",
        "Ein besseres Kabel und ein stärkeres Netzteil nehmen. Im Akkubetrieb den Wandler "
        "prüfen und einen alten Akku ersetzen.",
    ),
    FindingId.TEMPERATURE_NONE: Sentence("Die Temperatur lässt sich nicht messen: {why}"),
    FindingId.SPACE_OK: Sentence("Platz für {minutes:.0f} min Aufzeichnung."),
    FindingId.SPACE_LOW: Sentence(
        "Nur Platz für {minutes:.0f} min Aufzeichnung; die Kamera warnt unter {limit:.0f} min.",
        "Die Aufzeichnungen auslesen: camerad offload VERZEICHNIS. Wenn die Kamera Platz "
        "braucht, löscht sie Aufzeichnungen, die die Dienststelle schon hat.",
    ),
    FindingId.SPACE_FULL: Sentence(
        "Nur Platz für {minutes:.1f} min Aufzeichnung; unter {limit:.0f} min beginnt keine.",
        "Die Aufzeichnungen auslesen: camerad offload VERZEICHNIS. Wenn die Kamera Platz "
        "braucht, löscht sie Aufzeichnungen, die die Dienststelle schon hat. Wenn andere "
        "Dateien die Karte füllen: sudo du -xh {directory} zeigt sie.",
    ),
    FindingId.SPACE_READ_ONLY: Sentence(
        "Die Karte ist schreibgeschützt: {directory}",
        "Wenn eine Karte defekt ist, stellt der Kernel sie auf Nur-Lesen um (sudo dmesg nennt "
        "den Grund). Die Aufzeichnungen auslesen, dann die Karte ersetzen.",
    ),
    FindingId.SPACE_MISSING: Sentence(
        "Das Verzeichnis der Aufzeichnungen ist nicht benutzbar: {why}",
        "Das Hauptprogramm legt das Verzeichnis an: sudo systemctl start camerad. Wenn nur die "
        "Rechte fehlen, den Befehl mit sudo ausführen.",
    ),
    FindingId.CARD_OK: Sentence(
        "{rate:.1f} MB/s; langsamster von {syncs} Schreibvorgängen: {worst_ms:.0f} ms.",
    ),
    FindingId.CARD_HESITATES: Sentence(
        "Der langsamste von {syncs} Schreibvorgängen dauerte {worst_ms:.0f} ms. Mehr als "
        "{limit_ms:.0f} ms ist zu langsam; eine Aufzeichnung vermerkt jede solche Verzögerung.",
        "Noch einmal prüfen. Wenn die Karte immer noch langsam ist, sie durch eine Karte für "
        "Dauerbetrieb ersetzen (Videoüberwachung, Klasse V30).",
    ),
    FindingId.CARD_SLOW: Sentence(
        "Die Karte schreibt {rate:.2f} MB/s, eine Aufzeichnung braucht {needed:.2f} MB/s; der "
        "langsamste Schreibvorgang dauerte {worst_ms:.0f} ms.",
        "Die Karte durch eine für Dauerbetrieb ersetzen (Videoüberwachung, Klasse V30).",
    ),
    FindingId.CARD_FAILS: Sentence(
        "Die Karte hat das Schreiben verweigert: {why}",
        "Die Aufzeichnungen auslesen, dann die Karte ersetzen.",
    ),
    FindingId.CARD_NO_ROOM: Sentence(
        "Die Karte hat keinen Platz für die Prüfung.",
        "Zuerst sudo camerad doctor --only space ausführen und tun, was dort steht.",
    ),
    FindingId.CARD_MISSING: Sentence(
        "Es gibt noch kein Verzeichnis für Aufzeichnungen.",
        "Zuerst sudo camerad doctor --only space ausführen und tun, was dort steht.",
    ),
    FindingId.CARD_BUSY: Sentence(
        "Die Kamera zeichnet auf.",
        "Noch einmal prüfen, wenn die Kamera nicht aufzeichnet.",
    ),
    FindingId.CARD_FORBIDDEN: Sentence(
        "Dieser Benutzer darf hier nicht schreiben: {directory}",
        _SUDO,
    ),
    FindingId.HARDENING_OK: Sentence(
        "Der Dienst hat wenige Rechte: Angriffsfläche laut systemd {exposure:.1f} von 10 (0 ist "
        "am sichersten).",
    ),
    FindingId.HARDENING_WEAK: Sentence(
        "Der Dienst hat zu viele Rechte: Angriffsfläche laut systemd {exposure:.1f} von 10 (0 "
        "ist am sichersten). Üblich sind höchstens {limit:.1f}.",
        "Die Ursache suchen: systemctl cat {unit}, und systemd-analyze security {unit}. Von Hand "
        "eingerichtet: die Datei entfernen, die dem Dienst diese Rechte gibt, oder den "
        "mitgelieferten Dienst neu installieren. Kamera aus dem Image: sie aus- und einschalten. "
        f"Wenn das nicht hilft, {_NEW_CARD}.",
    ),
    FindingId.HARDENING_ALONE: Sentence(
        "Diese Dienste fehlen oder sind nicht aktiviert: {missing}. Ohne sie schaltet sich die "
        "Kamera bei leerem Akku nicht ab und startet nach einem Hänger nicht neu.",
        "Von Hand eingerichtet: installieren und aktivieren, was systemd/README.md aufzählt, dann "
        f"neu starten. Kamera aus dem Image: {_NEW_CARD}.",
    ),
    FindingId.HARDENING_NO_UNIT: Sentence("Der Dienst {unit} ist hier nicht installiert."),
    FindingId.HARDENING_NO_TOOL: Sentence(
        "systemd-analyze fehlt oder liefert kein Ergebnis: {why}",
    ),
    FindingId.UPTIME: Sentence("{days} d {hours:02d}:{minutes:02d} h."),
    FindingId.CAMERA_OK: Sentence(
        "{camera}: {width} x {height}, {rate:.1f} Bilder je Sekunde, Helligkeit {luma} von "
        "255, Kodierer {encoder}.",
    ),
    FindingId.CAMERA_DOWN: Sentence(
        "Das Kameramodul liefert kein Bild: {why}",
        "Die Kamera ausschalten, das Flachbandkabel an beiden Enden neu einsetzen, "
        "einschalten. sudo dmesg sagt, ob der Kernel das Kameramodul findet. Von Hand "
        "eingerichtet: Wenn rpicam-hello --list-cameras das Kameramodul nicht auflistet, "
        "camera_auto_detect=1 in /boot/firmware/config.txt setzen. Hilft das alles nicht, das "
        "Kameramodul ersetzen.",
    ),
    FindingId.CAMERA_SILENT: Sentence(
        "Das Kameramodul wurde geöffnet, aber seit {age_s:.0f} s kam kein Bild.",
        "Die Kamera aus- und einschalten. Wenn das nicht hilft, das Flachbandkabel an beiden "
        "Enden neu einsetzen, dann das Kameramodul ersetzen.",
    ),
    FindingId.CAMERA_SIZE: Sentence(
        "Das Kameramodul liefert {width} x {height}, die Konfiguration will {wanted_width} x "
        "{wanted_height}.",
        "camera.width und camera.height auf eine Größe setzen, die dieses Modul hat (sein "
        f"Datenblatt; von Hand eingerichtet: rpicam-hello --list-cameras). {_SETTING}",
    ),
    FindingId.CAMERA_RATE: Sentence(
        "Das Kameramodul liefert {rate:.1f} Bilder je Sekunde, die Konfiguration will "
        "{wanted:.0f}.",
        "Bei gutem Licht und mit kühler Kamera noch einmal prüfen: Dunkelheit und Hitze "
        "senken die Rate. Ist die Rate dann noch zu niedrig, bei camera.fps eine Rate "
        "eintragen, die das Modul bei dieser Bildgröße liefert (sein Datenblatt; von Hand "
        f"eingerichtet: rpicam-hello --list-cameras). {_SETTING}",
    ),
    FindingId.CAMERA_LOSES: Sentence(
        "{percent:.0f} % der Bilder gehen verloren.",
        "Ein anderes Programm lastet den Prozessor aus. Dieses Programm beenden (top nennt "
        "es), dann noch einmal prüfen.",
    ),
    FindingId.CAMERA_BLACK: Sentence(
        "Das Bild ist schwarz (Helligkeit {luma} von 255).",
        "Abdeckung oder Schutzfolie vom Objektiv nehmen und für Licht sorgen. Wenn das Bild "
        "schwarz bleibt, das Kameramodul ersetzen.",
    ),
    FindingId.MICROPHONE_OK: Sentence(
        "Das Mikrofon funktioniert; das lauteste Geräusch lag {peak_db:.0f} dB unter "
        "Vollaussteuerung.",
    ),
    FindingId.MICROPHONE_SILENT: Sentence(
        "Das Mikrofon liefert nur Stille.",
        "Während der Prüfung sprechen. Prüfen: Ist es stumm geschaltet (alsamixer, F4)? "
        "Nennt microphone.device das richtige (arecord -L)? Sind die Drähte heil? Hilft das "
        "alles nicht, das Mikrofon ersetzen.",
    ),
    FindingId.MICROPHONE_CLIPS: Sentence(
        "Der Ton ist zu laut: {percent:.0f} % davon sind verzerrt.",
        "Die Verstärkung senken (alsamixer, F4) oder an einem leiseren Ort prüfen.",
    ),
    FindingId.MICROPHONE_MISSING: Sentence(
        "Das Mikrofon lässt sich nicht öffnen: {why}",
        "Das Mikrofon einstecken. Bei microphone.device einen Namen eintragen, den arecord -L "
        f"auflistet. {_SETTING}",
    ),
    FindingId.MICROPHONE_HANGS: Sentence(
        "Das Mikrofon ist da, liefert aber keinen Ton.",
        "Das Mikrofon abziehen und wieder einstecken, oder die Kamera aus- und einschalten. "
        "Hilft das alles nicht, das Mikrofon ersetzen.",
    ),
    FindingId.MICROPHONE_UNWANTED: Sentence("Regelwerk oder Konfiguration sehen keinen Ton vor."),
    FindingId.MICROPHONE_CLOSED: Sentence(
        "Das Hauptprogramm nimmt gerade keinen Ton vom Mikrofon.",
        _STOP,
    ),
    FindingId.MICROPHONE_SERVES: Sentence(
        "Ton kommt an; wie laut er ist, sagt das Hauptprogramm nicht.",
    ),
    FindingId.LOUDSPEAKER_HEARD: Sentence(
        "Der Lautsprecher spielte einen Ton, und er war zu hören.",
    ),
    FindingId.LOUDSPEAKER_PLAYED: Sentence(
        "Der Lautsprecher nahm einen Ton an. Mit --interactive wird gefragt, ob Sie ihn hören.",
    ),
    FindingId.LOUDSPEAKER_FAINT: Sentence(
        "Der Lautsprecher nahm einen Ton an, aber das Mikrofon daneben hörte ihn nicht.",
        "Mit --interactive noch einmal prüfen und hinhören. Wenn nichts zu hören ist, Drähte, "
        "Verstärker und Lautstärke prüfen (alsamixer). Hilft das alles nicht, den "
        "Lautsprecher ersetzen.",
    ),
    FindingId.LOUDSPEAKER_UNHEARD: Sentence(
        "Der Lautsprecher nahm einen Ton an, aber niemand hörte ihn.",
        "Drähte, Verstärker und Lautstärke prüfen (alsamixer). Hilft das alles nicht, den "
        "Lautsprecher ersetzen.",
    ),
    FindingId.LOUDSPEAKER_FAILS: Sentence(
        "Der Lautsprecher spielt nichts ab: {why}",
        "Den Lautsprecher einstecken. Bei announcements.device einen Namen eintragen, den aplay "
        f"-L auflistet. {_SETTING}",
    ),
    FindingId.LOUDSPEAKER_NO_FILE: Sentence(
        "Dateien für Ansagen fehlen: {missing}",
        "Von Hand eingerichtet: die Dateien in das Verzeichnis announcements.directory legen (WAV, "
        "PCM), oder camerad neu installieren: Es bringt sie mit. Kamera aus dem Image: "
        f"{_NEW_CARD}.",
    ),
    FindingId.LOUDSPEAKER_UNWANTED: Sentence(
        "Regelwerk oder Konfiguration sehen keine Ansagen vor.",
    ),
    FindingId.LOUDSPEAKER_CLOSED: Sentence(
        "Das Hauptprogramm öffnet den Lautsprecher nur für eine Ansage.",
        _STOP,
    ),
    FindingId.DISPLAY_OK: Sentence("Das Display hat das Testbild angenommen."),
    FindingId.DISPLAY_DOWN: Sentence(
        "Das Display zeigt nichts: {why}",
        "Das Kabel des Displays neu einsetzen. Dann prüfen: Kennt der Kernel das Display (ls "
        "/dev/fb*)? Stimmen self_view.device und self_view.sysfs? Von Hand eingerichtet: Steht das "
        "Overlay des Displays in /boot/firmware/config.txt? Kamera aus dem Image: Ist das Image "
        "für dieses Display gemacht (PARTS, docs/image.md)? Hilft das alles nicht, das Display "
        "ersetzen.",
    ),
    FindingId.DISPLAY_UNSEEN: Sentence(
        "Das Display hat das Testbild angenommen, aber niemand sah es.",
        "Hintergrundlicht und Kabel prüfen. Hilft das alles nicht, das Display ersetzen.",
    ),
    FindingId.DISPLAY_NONE: Sentence("Diese Kamera hat kein Display (self_view.driver: none)."),
    FindingId.DISPLAY_SERVES: Sentence(
        "Das Display antwortet dem Hauptprogramm. Das Testbild erscheint nur, wenn das "
        "Hauptprogramm angehalten ist.",
    ),
    FindingId.OUTPUT_OK: Sentence(
        "GPIO {gpio} schaltet. Ob das Teil selbst arbeitet, prüft der Aufruf mit --interactive.",
    ),
    FindingId.OUTPUT_SEEN: Sentence("Funktioniert (GPIO {gpio})."),
    FindingId.OUTPUT_DEAD: Sentence(
        "GPIO {gpio} wurde {state}geschaltet, aber am Anschluss änderte sich nichts.",
        "Nach einem Kurzschluss an GPIO {gpio} suchen: Leuchte, Draht, Lötstelle. Prüfen, ob "
        "die Konfiguration den richtigen GPIO nennt.",
    ),
    FindingId.OUTPUT_UNSEEN: Sentence(
        "GPIO {gpio} schaltet, aber Sie haben geantwortet, dass Sie nichts bemerkten.",
        "Drähte und Polung prüfen. Prüfen, ob GPIO und active_high in der Konfiguration "
        "stimmen. Hilft das alles nicht, das Teil ersetzen.",
    ),
    FindingId.OUTPUT_TAKEN: Sentence("Der GPIO lässt sich nicht öffnen: {why}", _TAKEN),
    FindingId.OUTPUT_SERVES: Sentence(
        "Das Hauptprogramm schaltet es ohne Fehler (GPIO {gpio}).",
    ),
    FindingId.BUTTON_FREE: Sentence(
        "Die Taste klemmt nicht (GPIO {gpio}). Zum Prüfen eines Drucks das Hauptprogramm "
        "anhalten und --interactive verwenden.",
    ),
    FindingId.BUTTON_WORKS: Sentence("Die Taste funktioniert (GPIO {gpio})."),
    FindingId.BUTTON_STUCK: Sentence(
        "Die Taste ist die ganze Zeit gedrückt (GPIO {gpio}).",
        "Die Taste reinigen und prüfen, ob das Gehäuse auf sie drückt. Wenn sie sich frei "
        "bewegt, nach einem Kurzschluss an den Drähten suchen, und prüfen, ob active_low stimmt. "
        "Hilft das alles nicht, die Taste ersetzen.",
    ),
    FindingId.BUTTON_UNPRESSED: Sentence(
        "In {seconds:.0f} s kam kein Tastendruck an (GPIO {gpio}).",
        "Die Drähte prüfen. Prüfen, ob die Konfiguration den richtigen GPIO nennt. Hilft das "
        "alles nicht, die Taste ersetzen.",
    ),
    FindingId.BUTTON_TAKEN: Sentence("Der GPIO lässt sich nicht öffnen: {why}", _TAKEN),
}
