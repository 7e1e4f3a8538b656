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
        "Hat die Dienststelle einen Server, der Kamera über ihre Karte eine neue Datei geben, die "
        "ihn nennt (camerad provision new --office-url URL --office-ca FILE).",
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
        "Die Datei der Kamera neu erstellen, mit der Zertifizierungsstelle der Dienststelle "
        "(camerad provision new --office-ca FILE).",
    ),
    FindingId.OFFICE_STRANGER: Sentence(
        "Was unter {url} antwortet, hat ein Zertifikat von einer anderen Zertifizierungsstelle, "
        "als die Kamera sie kennt. Die Kamera vertraut SHA-256 {trusted}. Das des Servers ist von "
        "{issuer}, SHA-256 {shown}.",
        "In der Dienststelle zeigt camerad office init DIR --config FILE den Fingerabdruck der "
        "Zertifizierungsstelle. Hat die Kamera einen anderen, ihr eine neue Datei mit dieser "
        "Stelle geben (camerad provision new --office-ca FILE). Ist er derselbe, antwortet unter "
        "dieser Adresse ein anderer Rechner: ihn suchen.",
    ),
    FindingId.OFFICE_OUT_OF_TIME: Sentence(
        "Das Zertifikat von {url} gilt von {begins} bis {ends}, nach der Uhr der Kamera also heute "
        "nicht.",
        "Die Uhr der Kamera prüfen, siehe oben. Geht sie richtig, in der Dienststelle das "
        "Zertifikat neu erstellen lassen (camerad office init DIR --config FILE).",
    ),
    FindingId.OFFICE_OTHER_NAME: Sentence(
        "Das Zertifikat des Servers der Dienststelle ist nicht für {url}.",
        "office.url in der Datei der Kamera mit url in den Einstellungen der Dienststelle "
        "vergleichen. Beide müssen gleich sein.",
    ),
    FindingId.OFFICE_UNREGISTERED: Sentence(
        "Der Schlüssel dieser Kamera ({thumbprint}) steht nicht im Register des Servers.",
        "Wurde die Kamera am Arbeitsplatz aufgenommen, dessen register.json auf den Server legen. "
        "Sonst ihre Karte am Arbeitsplatz einlegen, camerad provision collect aufrufen und dann "
        "das Register auf den Server legen. Wurde die Kamera neu eingerichtet, hat sie einen neuen "
        "Schlüssel: diesen so aufnehmen. Wurde der Schlüssel aus dem Register genommen, gilt die "
        "Kamera als verloren: nachfragen, warum.",
    ),
    FindingId.OFFICE_SIGNATURE: Sentence(
        "Die Dienststelle kennt diese Kamera, nimmt aber ihre Unterschrift nicht an: {why}",
        "office.url in der Datei der Kamera mit url in den Einstellungen der Dienststelle "
        "vergleichen: Beide müssen Zeichen für Zeichen gleich sein. Dann ins Protokoll des Servers "
        "der Dienststelle sehen.",
    ),
    FindingId.OFFICE_REFUSES: Sentence(
        "Der Server der Dienststelle antwortet, aber nicht wie er soll: {why}",
        "Ins Protokoll des Servers der Dienststelle sehen.",
    ),
    FindingId.OFFICE_TAKES_NOTHING: Sentence(
        "Der Server der Dienststelle {url} antwortet und kennt diese Kamera, nimmt aber nichts an.",
        "Meist ist sein Speicher voll oder gestört. Auf dem Server: journalctl -u camerad-office.",
    ),
    FindingId.OFFICE_NOT_EVERY: Sentence(
        "Der Server der Dienststelle {url} nimmt nicht jede Aufnahme dieser Kamera an.",
        "Welche und warum, sagt das Protokoll der Kamera: sudo journalctl -u camerad-upload.",
    ),
    FindingId.OFFICE_UPLOAD_FAILS: Sentence(
        "Der Server der Dienststelle {url} antwortet, die Übergabe scheitert aber an der Kamera "
        "selbst.",
        "Warum, sagt das Protokoll der Kamera: sudo journalctl -u camerad-upload.",
    ),
    FindingId.OFFICE_UPLOAD_SILENT: Sentence(
        "Der Server der Dienststelle {url} antwortet, aber camerad-upload, das übergibt, meldet "
        "sich nicht.",
        "sudo systemctl restart camerad-upload. Hilft das nicht: sudo journalctl -u "
        "camerad-upload.",
    ),
}
