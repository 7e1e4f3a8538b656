"""Alerts in words, in English and German: a subject that says the worst first, and a text that can
be read aloud. Pure.

A message names cameras, recordings and days. It never says who wore a camera, who had a recording
held, or why, and repeats no sentence that came from a camera.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

import msgspec

from camerad.base.clock import SECOND
from camerad.base.text import Number, printable
from camerad.office.jobs.alert_rules import Alert, AlertKind

MOST_LINES: Final = 50
"""Alerts of one kind that a message names; the others are counted."""


class AlertMessage(msgspec.Struct, frozen=True):
    """What a channel sends. lines: each alert as a sentence, in the order of `alerts`."""

    subject: str
    text: str
    alerts: tuple[Alert, ...]
    lines: tuple[str, ...]
    language: str


class _Words(msgspec.Struct, frozen=True):
    """A language. titles, remedies: by kind. sentences: by kind, or kind and detail. others: of the
    alerts that are counted only. Names in braces are filled in by ``str.format``; ``number`` is a
    `Number`."""

    date: str
    subject: str
    subject_more: str
    office: str
    at_once: str
    others: str
    footer: str
    titles: Mapping[AlertKind, str]
    sentences: Mapping[str, str]
    remedies: Mapping[AlertKind, str]


def compose(alerts: Sequence[Alert], language: str, office: str) -> AlertMessage:
    """One message with all of these, which are in their order. office: the server's address.

    Raises ValueError without any.
    """
    if not alerts:
        raise ValueError("a message needs an alert")
    words = _LANGUAGES[language]
    lines = tuple(describe(one, language) for one in alerts)
    subject = words.subject.format(title=words.titles[alerts[0].kind])
    if len(alerts) > 1:
        subject += words.subject_more.format(number=len(alerts) - 1)
    text = [words.office.format(office=office)]
    for kind in dict.fromkeys(one.kind for one in alerts):
        own = [line for one, line in zip(alerts, lines, strict=True) if one.kind is kind]
        text += ["", words.titles[kind] + (words.at_once if _is_urgent(kind, alerts) else "")]
        text += [f"- {line}" for line in own[:MOST_LINES]]
        if len(own) > MOST_LINES:
            text.append("- " + words.others.format(number=len(own) - MOST_LINES))
        text.append(words.remedies[kind])
    text += ["", words.footer]
    return AlertMessage(subject, "\n".join(text) + "\n", tuple(alerts), lines, language)


def describe(one: Alert, language: str) -> str:
    """An alert as one sentence."""
    words = _LANGUAGES[language]
    sentence = words.sentences.get(f"{one.kind}:{one.detail}") or words.sentences[one.kind]
    day = ""
    if one.at_us is not None:
        day = datetime.fromtimestamp(one.at_us / SECOND).astimezone().strftime(words.date)
    return sentence.format(
        camera=printable(one.camera) or "?",
        recording=printable(one.recording),
        day=day,
        number=Number(one.number),
        detail=printable(one.detail),
        place=printable(one.place),
    )


def title_of(kind: AlertKind, language: str) -> str:
    """What stands above the alerts of a kind."""
    return _LANGUAGES[language].titles[kind]


def make_test_message(language: str, office: str) -> AlertMessage:
    """What a channel is tried with."""
    return compose([Alert(AlertKind.TEST, "", 1)], language, office)


def _is_urgent(kind: AlertKind, alerts: Sequence[Alert]) -> bool:
    return next(one for one in alerts if one.kind is kind).at_once


_ENGLISH: Final = _Words(
    date="%Y-%m-%d",
    subject="camerad: {title}",
    subject_more=", and {number} more",
    office="From the office's server for body-worn cameras, {office}.",
    at_once=" (needs you now)",
    others="{number} more; the server's log names them",
    footer="This message says nothing of who wore a camera. The server's log has more: journalctl "
    "-u camerad-office. docs/office.md explains every alert.",
    titles={
        AlertKind.NOT_AUTHENTIC: "A recording is not authentic, or is gone",
        AlertKind.PUT_APART: "A recording was not accepted",
        AlertKind.APART_FILLS: "What was put apart fills its place",
        AlertKind.DELETION_BLOCKED: "Recordings are kept beyond their day",
        AlertKind.DELETION_STANDS_STILL: "Deletion stands still",
        AlertKind.REPLICAS: "Replicas fail",
        AlertKind.STORAGE_FAILS: "The storage fails",
        AlertKind.STORAGE_FULL: "The storage takes nothing more",
        AlertKind.STORAGE_LOW: "The storage is nearly full",
        AlertKind.CERTIFICATE_ENDS: "The server's certificate ends",
        AlertKind.MISMATCH: "Store and ledger differ",
        AlertKind.CAMERA_NOT_SEEN: "A camera was not seen",
        AlertKind.MARKED_EXPIRES: "A marked recording is deleted soon",
        AlertKind.HOLD_ENDS: "A hold ends soon",
        AlertKind.HELD_BEYOND_DAY: "A recording is held beyond its day",
        AlertKind.TEST: "This is a test",
    },
    sentences={
        "not_authentic:missing": "{recording}: its file has vanished, and camerad did not "
        "delete it.",
        "not_authentic:changed": "{recording}: its file is not the one that was taken over.",
        "not_authentic:doubled": "{recording}: two files have this id.",
        "not_authentic:unvouched": "{recording}: no registered camera has signed it.",
        "put_apart": "{recording} of camera {camera}: what the camera brought does not verify, and "
        "was put apart.",
        "apart_fills": "{camera}: what was put apart of it takes {number} % of its place. At 100 % "
        "nothing more is received of this camera.",
        "apart_fills:all": "What was put apart of all cameras takes {number} % of its place. At "
        "100 % nothing more is received of those of which something lies there.",
        "deletion_blocked:ledger_unread": "{recording}: a later version of camerad wrote the "
        "ledger, so nothing is deleted.",
        "deletion_blocked:away": "{recording}: this camera's directory is not there.",
        "deletion_blocked:ledger_damaged": "{recording}: a ledger is damaged, and holds may be "
        "lost.",
        "deletion_blocked:unreadable": "{recording}: it cannot be read, or cannot be removed.",
        "deletion_blocked:key_unknown": "{recording}: its camera is not in the register.",
        "deletion_blocked:misplaced": "{recording}: it lies where nothing deletes it.",
        "deletion_blocked:clock_not_trusted": "Nothing confirms this computer's clock, so only the "
        "time counts that it ran.",
        "deletion_blocked:clock_not_synchronised": "No time server sets this computer's clock, so "
        "entries of the office's ledger stay beyond their year.",
        "deletion_blocked": "{recording}: {detail}.",
        "deletion_stands_still": "The server has not checked for {number} {number:hour|hours} what "
        "is due.",
        "second_copies": "They cannot be made or kept as they have to be. What has none is not "
        "acknowledged.",
        "storage_fails": "What cannot be looked at: {detail}.",
        "storage_full": "{detail} are free, and {number} GiB have to stay free "
        "(receive.reserve_gib). Make room on {place}.",
        "storage_low": "{number} % are free.",
        "certificate_ends": "It ends on {day}, in {number} {number:day|days}. Then no camera "
        "connects.",
        "certificate_ends:over": "It ended on {day}. No camera connects.",
        "mismatch:unreadable": "{recording}: its file cannot be read.",
        "mismatch:copy": "{recording}: a file is there that may be a copy of it.",
        "mismatch:renamed": "{recording}: its file has another name.",
        "mismatch:deleted": "{recording}: it was deleted, and its file is still there.",
        "mismatch": "{recording}: {detail}.",
        "camera_not_seen": "{camera}: nothing came of it for {number} {number:day|days}, last on "
        "{day}.",
        "camera_not_seen:never": "{camera}: nothing has ever come of it. The register has known it "
        "since {day}, for {number} {number:day|days}.",
        "marked_expires": "{recording} of camera {camera} is deleted on {day}.",
        "hold_ends": "{recording} of camera {camera}: the last day of its hold is {day}. If its "
        "own day is over by then, it is deleted.",
        "held_beyond_day": "{recording} of camera {camera}: its day was {day}, {number} "
        "{number:day|days} ago.",
        "test": "If you read this, alerts reach you here.",
    },
    remedies={
        AlertKind.NOT_AUTHENTIC: "See what is wrong with 'camerad evidence verify', and look for "
        "the file in the backup.",
        AlertKind.PUT_APART: "Look at the file below office/apart/, and at the camera. It is "
        "neither acknowledged nor deleted.",
        AlertKind.APART_FILLS: "Look at the files below office/apart/, keep elsewhere what is "
        "needed, and take them away. The cameras keep their recordings meanwhile.",
        AlertKind.DELETION_BLOCKED: "The log says what to do about each. Until then they are kept "
        "longer than the law allows.",
        AlertKind.DELETION_STANDS_STILL: "See in the log what keeps the server from it.",
        AlertKind.REPLICAS: "See in the log what their store says. The cameras keep their "
        "recordings meanwhile.",
        AlertKind.STORAGE_FAILS: "See in the log what the storage says, and replace it if it is "
        "broken.",
        AlertKind.STORAGE_FULL: "The cameras keep their recordings meanwhile.",
        AlertKind.STORAGE_LOW: "Make room before it is full.",
        AlertKind.CERTIFICATE_ENDS: "Put authority.key back, run 'camerad office init DIR "
        "--config FILE' as the server's user, and move authority.key away again; or put a new "
        "certificate into place. Then start the server again.",
        AlertKind.MISMATCH: "See what is wrong with 'camerad evidence verify'.",
        AlertKind.CAMERA_NOT_SEEN: "Look where it is. What it recorded may still be on it.",
        AlertKind.MARKED_EXPIRES: "If it is needed, hold it before: 'camerad evidence hold'.",
        AlertKind.HOLD_ENDS: "If it is needed longer, hold it again before: 'camerad evidence "
        "hold'.",
        AlertKind.HELD_BEYOND_DAY: "If it is not needed any more, release it: 'camerad evidence "
        "release'.",
        AlertKind.TEST: "Nothing is to be done.",
    },
)

_GERMAN: Final = _Words(
    date="%d.%m.%Y",
    subject="camerad: {title}",
    subject_more=" – weitere Hinweise: {number}",
    office="Vom Server der Dienststelle für Körperkameras, {office}.",
    at_once=" (jetzt zu tun)",
    others="{number} weitere; das Journal des Servers nennt sie",
    footer="Diese Nachricht sagt nichts darüber, wer eine Kamera trug. Mehr steht im Journal des "
    "Servers: journalctl -u camerad-office. docs/office.md erklärt jeden Hinweis.",
    titles={
        AlertKind.NOT_AUTHENTIC: "Eine Aufzeichnung ist nicht echt oder fehlt",
        AlertKind.PUT_APART: "Eine Aufzeichnung wurde nicht angenommen",
        AlertKind.APART_FILLS: "Der Platz für Beiseitegelegtes füllt sich",
        AlertKind.DELETION_BLOCKED: "Aufzeichnungen bleiben über ihren Tag hinaus",
        AlertKind.DELETION_STANDS_STILL: "Das Löschen steht still",
        AlertKind.REPLICAS: "Mit den Zweitkopien stimmt etwas nicht",
        AlertKind.STORAGE_FAILS: "Der Speicher versagt",
        AlertKind.STORAGE_FULL: "Der Speicher nimmt nichts mehr an",
        AlertKind.STORAGE_LOW: "Der Speicher ist fast voll",
        AlertKind.CERTIFICATE_ENDS: "Das Zertifikat des Servers läuft ab",
        AlertKind.MISMATCH: "Bestand und Protokoll weichen ab",
        AlertKind.CAMERA_NOT_SEEN: "Eine Kamera hat sich nicht gemeldet",
        AlertKind.MARKED_EXPIRES: "Eine markierte Aufzeichnung wird bald gelöscht",
        AlertKind.HOLD_ENDS: "Ein Löschschutz endet bald",
        AlertKind.HELD_BEYOND_DAY: "Löschschutz über den Tag der Löschung hinaus",
        AlertKind.TEST: "Dies ist ein Test",
    },
    sentences={
        "not_authentic:missing": "{recording}: Die Datei ist verschwunden, und camerad hat sie "
        "nicht gelöscht.",
        "not_authentic:changed": "{recording}: Die Datei ist nicht die, die übernommen wurde.",
        "not_authentic:doubled": "{recording}: Zwei Dateien haben diese Kennung.",
        "not_authentic:unvouched": "{recording}: Keine Kamera aus dem Register hat sie "
        "unterschrieben.",
        "put_apart": "{recording} der Kamera {camera}: Was die Kamera brachte, hält der Prüfung "
        "nicht stand und wurde beiseitegelegt.",
        "apart_fills": "{camera}: Was von ihr beiseitegelegt wurde, füllt seinen Platz zu {number} "
        "%. Ab 100 % wird von dieser Kamera nichts mehr angenommen.",
        "apart_fills:all": "Was von allen Kameras beiseitegelegt wurde, füllt seinen Platz zu "
        "{number} %. Ab 100 % wird von denen nichts mehr angenommen, von denen dort etwas liegt.",
        "deletion_blocked:ledger_unread": "{recording}: Eine spätere Version von camerad hat dort "
        "geschrieben, also wird nichts gelöscht.",
        "deletion_blocked:away": "{recording}: Das Verzeichnis dieser Kamera ist nicht da.",
        "deletion_blocked:ledger_damaged": "{recording}: Ein Protokoll ist beschädigt, und "
        "Löschschutz kann verloren sein.",
        "deletion_blocked:unreadable": "{recording}: Es lässt sich nicht lesen oder nicht "
        "entfernen.",
        "deletion_blocked:key_unknown": "{recording}: Die Kamera steht nicht im Register.",
        "deletion_blocked:misplaced": "{recording}: Es liegt, wo nichts es löscht.",
        "deletion_blocked:clock_not_trusted": "Nichts bestätigt die Uhr dieses Rechners, also "
        "zählt nur die Zeit, die er lief.",
        "deletion_blocked:clock_not_synchronised": "Kein Zeitserver stellt die Uhr dieses "
        "Rechners, also bleiben Einträge im Protokoll der Dienststelle über ihr Jahr hinaus.",
        "deletion_blocked": "{recording}: {detail}.",
        "deletion_stands_still": "Seit {number} {number:Stunde|Stunden} hat der Server nicht "
        "geprüft, was fällig ist.",
        "second_copies": "Sie lassen sich nicht anlegen oder halten, wie sie sollen. Was keine "
        "hat, wird nicht quittiert.",
        "storage_fails": "Nicht einzusehen ist: {detail}.",
        "storage_full": "Frei sind {detail}, und {number} GiB müssen frei bleiben "
        "(receive.reserve_gib). Schaffen Sie Platz auf {place}.",
        "storage_low": "Frei sind {number} %.",
        "certificate_ends": "Es endet am {day}, in {number} {number:Tag|Tagen}. Dann verbindet "
        "sich keine Kamera mehr.",
        "certificate_ends:over": "Es endete am {day}. Keine Kamera verbindet sich mehr.",
        "mismatch:unreadable": "{recording}: Die Datei lässt sich nicht lesen.",
        "mismatch:copy": "{recording}: Eine Datei ist da, die eine Kopie sein kann.",
        "mismatch:renamed": "{recording}: Die Datei hat einen anderen Namen.",
        "mismatch:deleted": "{recording}: Sie wurde gelöscht, und ihre Datei ist noch da.",
        "mismatch": "{recording}: {detail}.",
        "camera_not_seen": "{camera}: Seit {number} {number:Tag|Tagen} kam nichts von ihr, zuletzt "
        "am {day}.",
        "camera_not_seen:never": "{camera}: Von ihr kam noch nie etwas. Im Register steht sie seit "
        "dem {day}, also seit {number} {number:Tag|Tagen}.",
        "marked_expires": "{recording} der Kamera {camera} wird am {day} gelöscht.",
        "hold_ends": "{recording} der Kamera {camera}: Der Löschschutz endet mit dem {day}. "
        "Ist ihre Frist dann vorbei, wird die Aufzeichnung gelöscht.",
        "held_beyond_day": "{recording} der Kamera {camera}: Ihr Tag war der {day}, vor {number} "
        "{number:Tag|Tagen}.",
        "test": "Wenn Sie das lesen, erreichen Hinweise Sie hier.",
    },
    remedies={
        AlertKind.NOT_AUTHENTIC: "'camerad evidence verify' sagt, was nicht stimmt. Suchen Sie "
        "die Datei in der Sicherung.",
        AlertKind.PUT_APART: "Sehen Sie sich die Datei unter office/apart/ und die Kamera an. Sie "
        "ist weder quittiert noch wird sie gelöscht.",
        AlertKind.APART_FILLS: "Sehen Sie sich die Dateien unter office/apart/ an, sichern Sie, "
        "was gebraucht wird, und entfernen Sie sie dort. Die Kameras behalten ihre Aufzeichnungen "
        "so lange.",
        AlertKind.DELETION_BLOCKED: "Das Journal sagt zu jedem, was zu tun ist. Bis dahin bleiben "
        "sie länger, als das Gesetz erlaubt.",
        AlertKind.DELETION_STANDS_STILL: "Im Journal steht, was den Server davon abhält.",
        AlertKind.REPLICAS: "Im Journal steht, was ihr Speicher sagt. Die Kameras behalten "
        "ihre Aufzeichnungen so lange.",
        AlertKind.STORAGE_FAILS: "Im Journal steht, was der Speicher sagt. Ist er defekt, "
        "ersetzen Sie ihn.",
        AlertKind.STORAGE_FULL: "Die Kameras behalten ihre Aufzeichnungen so lange.",
        AlertKind.STORAGE_LOW: "Schaffen Sie Platz, bevor er voll ist.",
        AlertKind.CERTIFICATE_ENDS: "Legen Sie authority.key zurück, rufen Sie 'camerad office "
        "init DIR --config FILE' als Benutzer des Servers auf, und legen Sie authority.key wieder "
        "weg; oder legen Sie ein neues Zertifikat ab. Starten Sie dann den Server neu.",
        AlertKind.MISMATCH: "'camerad evidence verify' sagt, was nicht stimmt.",
        AlertKind.CAMERA_NOT_SEEN: "Sehen Sie nach, wo sie ist. Ihre Aufzeichnungen sind "
        "vielleicht noch auf ihr.",
        AlertKind.MARKED_EXPIRES: "Wird sie gebraucht, setzen Sie vorher Löschschutz: 'camerad "
        "evidence hold'.",
        AlertKind.HOLD_ENDS: "Wird sie länger gebraucht, setzen Sie ihn vorher noch einmal: "
        "'camerad evidence hold'.",
        AlertKind.HELD_BEYOND_DAY: "Wird sie nicht mehr gebraucht, heben Sie ihn auf: "
        "'camerad evidence release'.",
        AlertKind.TEST: "Es ist nichts zu tun.",
    },
)

_LANGUAGES: Final = {"en": _ENGLISH, "de": _GERMAN}
