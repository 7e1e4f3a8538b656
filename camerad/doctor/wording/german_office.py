"""The doctor's findings about the office's server, in German."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from camerad.doctor.check_results import FindingId
from camerad.doctor.wording.catalogue import Sentence

OFFICE_FINDINGS: Final[Mapping[FindingId, Sentence]] = {
    FindingId.OFFICE_OK: Sentence(
        "Der Server der Dienststelle {url} antwortet und kennt diese Kamera.",
    ),
    FindingId.OFFICE_NONE: Sentence(
        "Die Einstellungen dieser Kamera nennen keinen Server der Dienststelle; von selbst "
        "überträgt sie nichts.",
        "Hat die Dienststelle einen Server, eine neue Datei erstellen, die ihn nennt, mit "
        "--office-url, --office-ca und --office-server-key. Die Datei auf die Karte der Kamera "
        "legen (docs/technician.md, Schritt 11).",
    ),
    FindingId.OFFICE_NOT_DOCKED: Sentence(
        "Die Kamera steckt nicht im Dock und hat darum kein Netz.",
        "Um zu prüfen, ob sie die Dienststelle erreicht, die Kamera ins Dock setzen.",
    ),
    FindingId.OFFICE_NO_NETWORK: Sentence(
        "Hier gibt es kein Netz, darum wurde die Dienststelle nicht gefragt.",
        "Beim Start der Kamera läuft diese Prüfung ohne Netz. Um die Dienststelle zu fragen, von "
        "Hand aufrufen: sudo camerad doctor --only office. Steht das dann wieder hier, das Kabel "
        "des Docks prüfen.",
    ),
    FindingId.OFFICE_UNSIGNED: Sentence(
        "Die Dienststelle kann nicht im Namen dieser Kamera gefragt werden: {why}",
        "camerad doctor mit sudo aufrufen, und während das Hauptprogramm läuft.",
    ),
    FindingId.OFFICE_NO_ADDRESS: Sentence(
        "Niemand kennt die Adresse des Servers der Dienststelle {url}.",
        "Prüfen, ob das Dock ein Netz hat, und sein Kabel. Prüfen, ob der Name in office.url "
        "stimmt und der Namensdienst des Netzes ihn kennt.",
    ),
    FindingId.OFFICE_UNREACHED: Sentence(
        "Der Server der Dienststelle {url} ist nicht erreichbar.",
        "Kabel und Netz des Docks prüfen. Prüfen, ob der Server läuft (dort: systemctl status "
        "camerad-office) und keine Firewall seinen Anschluss sperrt. Andere Docks auch? Dann liegt "
        "es am Server.",
    ),
    FindingId.OFFICE_CA_WRONG: Sentence(
        "office.ca in der Konfiguration der Kamera ist kein Zertifikat.",
        "Eine neue Datei mit der Zertifizierungsstelle der Dienststelle erstellen und auf die "
        "Karte der Kamera legen (docs/technician.md, Schritt 11).",
    ),
    FindingId.OFFICE_STRANGER: Sentence(
        "Was unter {url} antwortet, hat ein Zertifikat von einer Zertifizierungsstelle, der die "
        "Kamera nicht vertraut. Die Kamera vertraut der Stelle mit dem Fingerabdruck SHA-256 "
        "{trusted}. Das Zertifikat des Servers ist von {issuer}, SHA-256 {shown}.",
        "Den Fingerabdruck der Zertifizierungsstelle zeigt auf dem Server: sudo openssl x509 "
        "-noout -fingerprint -sha256 -in /etc/camerad-office/office-tls/authority.pem. Vertraut "
        "die Kamera einer anderen, eine neue Datei mit dieser Stelle erstellen und auf die Karte "
        "der Kamera legen (docs/technician.md, Schritt 11). Ist es dieselbe, antwortet unter "
        "dieser Adresse ein anderer Rechner: ihn suchen.",
    ),
    FindingId.OFFICE_OUT_OF_TIME: Sentence(
        "Das Zertifikat von {url} gilt von {begins} bis {ends}, nach der Uhr der Kamera also heute "
        "nicht.",
        "Die Uhr der Kamera prüfen, siehe oben. Geht sie richtig, das Zertifikat auf dem Server "
        "erneuern (docs/office.md): authority.key zurücklegen, camerad office init DIR --config "
        "FILE als Benutzer des Servers aufrufen, camerad-office neu starten und authority.key "
        "wieder weglegen.",
    ),
    FindingId.OFFICE_OTHER_NAME: Sentence(
        "Das Zertifikat des Servers der Dienststelle ist nicht für {url}.",
        "office.url in der Datei der Kamera mit url in den Einstellungen der Dienststelle "
        "vergleichen. Beide müssen gleich sein.",
    ),
    FindingId.OFFICE_UNREGISTERED: Sentence(
        "Die Dienststelle nimmt die Unterschrift dieser Kamera nicht an. Im Register ihres Servers "
        "fehlt der Schlüssel ({thumbprint}), oder der Server heißt anders, als die Kamera ihn "
        "nennt ({url}).",
        "Im Journal des Servers der Dienststelle steht, was es ist. Fehlt der Schlüssel: am "
        "Rechner der Beweisstelle camerad provision collect auf die Karte der Kamera anwenden, "
        "falls das nicht geschah, seit sie zuletzt eingerichtet wurde, und dessen register.json "
        "auf den Server legen. Wurde der Schlüssel aus dem Register genommen, gilt die Kamera als "
        "verloren: nachfragen, warum. Sonst: office.url in der Datei der Kamera und url in den "
        "Einstellungen der Dienststelle müssen Zeichen für Zeichen gleich sein.",
    ),
    FindingId.OFFICE_WITHDRAWN: Sentence(
        "Die Dienststelle hat diese Kamera gesperrt und nimmt nichts von ihr an.",
        "Bei der Dienststelle nachfragen, warum. Die Administration gibt sie auf der Seite der "
        "Beweisstelle wieder frei.",
    ),
    FindingId.OFFICE_REFUSES: Sentence(
        "Der Server der Dienststelle antwortet, aber nicht wie er soll: {why}",
        "Ins Journal des Servers der Dienststelle sehen.",
    ),
    FindingId.OFFICE_TAKES_NOTHING: Sentence(
        "Der Server der Dienststelle {url} antwortet und kennt diese Kamera, nimmt aber nichts an.",
        "Meist ist sein Speicher voll oder gestört. Auf dem Server: journalctl -u camerad-office.",
    ),
    FindingId.OFFICE_NOT_EVERY: Sentence(
        "Der Server der Dienststelle {url} nimmt nicht jede Aufzeichnung dieser Kamera an.",
        "Welche und warum, sagt das Journal der Kamera: sudo journalctl -u camerad-upload.",
    ),
    FindingId.OFFICE_UPLOAD_FAILS: Sentence(
        "Der Server der Dienststelle {url} antwortet, die Übergabe scheitert aber an der Kamera "
        "selbst.",
        "Warum, sagt das Journal der Kamera: sudo journalctl -u camerad-upload.",
    ),
    FindingId.OFFICE_UPLOAD_SILENT: Sentence(
        "Der Server der Dienststelle {url} antwortet, aber der Dienst camerad-upload meldet sich "
        "nicht.",
        "sudo systemctl restart camerad-upload. Hilft das nicht: sudo journalctl -u "
        "camerad-upload.",
    ),
}
