"""Words alerts: a subject with the worst first, and a text for reading aloud. Pure.

A message names cameras, recordings and days. It never says who wore a camera, who had a recording
held, or why, and repeats no sentence that came from a camera.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

import msgspec

from camerad.base.clock import SECOND
from camerad.base.text import printable
from camerad.base.words import N_, NN_, words_in
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


def compose(alerts: Sequence[Alert], language: str, office: str) -> AlertMessage:
    """One message with all of these, at least one, in their order. office: the server's address."""
    words = words_in(language)
    lines = tuple(describe(one, language) for one in alerts)
    subject = words.gettext("camerad: {title}", title=title_of(alerts[0].kind, language))
    if len(alerts) > 1:
        subject += words.gettext(", and {number} more", number=len(alerts) - 1)
    text = [
        words.gettext("From the office's server for body-worn cameras, {office}.", office=office)
    ]
    for kind in dict.fromkeys(one.kind for one in alerts):
        own = [line for one, line in zip(alerts, lines, strict=True) if one.kind is kind]
        urgent = words.gettext(" (needs you now)") if _is_urgent(kind, alerts) else ""
        text += ["", title_of(kind, language) + urgent]
        text += [f"- {line}" for line in own[:MOST_LINES]]
        if len(own) > MOST_LINES:
            text.append(
                "- "
                + words.gettext(
                    "{number} more; the server's log names them", number=len(own) - MOST_LINES
                )
            )
        text.append(words.gettext(_REMEDIES[kind]))
    text += [
        "",
        words.gettext(
            "This message says nothing of who wore a camera. The server's log has more: "
            "journalctl -u camerad-office. docs/office.md explains every alert."
        ),
    ]
    return AlertMessage(subject, "\n".join(text) + "\n", tuple(alerts), lines, language)


def describe(one: Alert, language: str) -> str:
    """An alert as one sentence."""
    words = words_in(language)
    sentence = _SENTENCES.get(f"{one.kind}:{one.detail}") or _SENTENCES[one.kind]
    day = ""
    if one.at_us is not None:
        moment = datetime.fromtimestamp(one.at_us / SECOND).astimezone()
        # TRANSLATORS: a date, as for strftime
        day = moment.strftime(words.gettext("%Y-%m-%d"))
    values = {
        "camera": printable(one.camera) or "?",
        "recording": printable(one.recording),
        "day": day,
        "detail": printable(one.detail),
        "place": printable(one.place),
    }
    if isinstance(sentence, tuple):
        return words.ngettext(*sentence, one.number, **values)
    return words.gettext(sentence, number=one.number, **values)


def title_of(kind: AlertKind, language: str) -> str:
    """What stands above the alerts of a kind."""
    return words_in(language).gettext(_TITLES[kind])


def make_test_message(language: str, office: str) -> AlertMessage:
    """What a channel is tried with."""
    return compose([Alert(AlertKind.TEST, "", 1)], language, office)


def _is_urgent(kind: AlertKind, alerts: Sequence[Alert]) -> bool:
    return next(one for one in alerts if one.kind is kind).at_once


_TITLES: Final = {
    AlertKind.NOT_AUTHENTIC: N_("A recording is not authentic, or is gone"),
    AlertKind.QUARANTINED: N_("A recording was not accepted"),
    AlertKind.QUARANTINE_FILLS: N_("The quarantine fills up"),
    AlertKind.DELETION_BLOCKED: N_("Recordings are kept beyond their day"),
    AlertKind.DELETION_STANDS_STILL: N_("Deletion stands still"),
    AlertKind.REPLICAS: N_("Replicas fail"),
    AlertKind.LOG_UNVOUCHED: N_("The transparency log is not vouched for"),
    AlertKind.STORAGE_FAILS: N_("The storage fails"),
    AlertKind.STORAGE_FULL: N_("The storage takes nothing more"),
    AlertKind.STORAGE_LOW: N_("The storage is nearly full"),
    AlertKind.CERTIFICATE_ENDS: N_("The server's certificate ends"),
    AlertKind.MISMATCH: N_("Store and ledger differ"),
    AlertKind.CAMERA_NOT_SEEN: N_("A camera was not seen"),
    AlertKind.MARKED_EXPIRES: N_("A marked recording is deleted soon"),
    AlertKind.HOLD_ENDS: N_("A hold ends soon"),
    AlertKind.HELD_BEYOND_DAY: N_("A recording is held beyond its day"),
    AlertKind.TEST: N_("This is a test"),
}
_REMEDIES: Final = {
    AlertKind.NOT_AUTHENTIC: N_(
        "See what is wrong with 'camerad evidence verify', and look for the file in the backup."
    ),
    AlertKind.QUARANTINED: N_(
        "Look at the file below office/quarantine/, and at the camera. It is neither acknowledged "
        "nor deleted."
    ),
    AlertKind.QUARANTINE_FILLS: N_(
        "Look at the files below office/quarantine/, keep elsewhere what is needed, and take them "
        "away. The cameras keep their recordings meanwhile."
    ),
    AlertKind.DELETION_BLOCKED: N_(
        "The log says what to do about each. Until then they are kept longer than the law allows."
    ),
    AlertKind.DELETION_STANDS_STILL: N_("See in the log what keeps the server from it."),
    AlertKind.REPLICAS: N_(
        "See in the log what their store says. The cameras keep their recordings meanwhile."
    ),
    AlertKind.LOG_UNVOUCHED: N_("See in the server's log what each of them answers."),
    AlertKind.STORAGE_FAILS: N_(
        "See in the log what the storage says, and replace it if it is broken."
    ),
    AlertKind.STORAGE_FULL: N_("The cameras keep their recordings meanwhile."),
    AlertKind.STORAGE_LOW: N_("Make room before it is full."),
    AlertKind.CERTIFICATE_ENDS: N_(
        "Put authority.key back, run 'camerad office init DIR --config FILE' as the server's "
        "user, and move authority.key away again; or put a new certificate into place. Then start "
        "the server again."
    ),
    AlertKind.MISMATCH: N_("See what is wrong with 'camerad evidence verify'."),
    AlertKind.CAMERA_NOT_SEEN: N_("Look where it is. What it recorded may still be on it."),
    AlertKind.MARKED_EXPIRES: N_("If it is needed, hold it before: 'camerad evidence hold'."),
    AlertKind.HOLD_ENDS: N_(
        "If it is needed longer, hold it again before: 'camerad evidence hold'."
    ),
    AlertKind.HELD_BEYOND_DAY: N_(
        "If it is not needed any more, release it: 'camerad evidence release'."
    ),
    AlertKind.TEST: N_("Nothing is to be done."),
}
_SENTENCES: Final[Mapping[str, str | tuple[str, str]]] = {
    "not_authentic:missing": N_(
        "{recording}: its file has vanished, and camerad did not delete it."
    ),
    "not_authentic:changed": N_("{recording}: its file is not the one that was ingested."),
    "not_authentic:doubled": N_("{recording}: two files have this id."),
    "not_authentic:unvouched": N_("{recording}: no registered camera has signed it."),
    "quarantined": N_(
        "{recording} of camera {camera}: what the camera brought does not verify, and was "
        "quarantined."
    ),
    "quarantine_fills": N_(
        "{camera}: its files in quarantine take {number} % of their place. At 100 % nothing more "
        "is received from this camera."
    ),
    "deletion_blocked:ledger_unread": N_(
        "{recording}: a later version of camerad wrote the ledger, so nothing is deleted."
    ),
    "deletion_blocked:away": N_("{recording}: this camera's directory is not there."),
    "deletion_blocked:ledger_damaged": N_(
        "{recording}: a ledger is damaged, and holds may be lost."
    ),
    "deletion_blocked:unreadable": N_("{recording}: it cannot be read, or cannot be removed."),
    "deletion_blocked:key_unknown": N_("{recording}: its camera is not in the register."),
    "deletion_blocked:misplaced": N_("{recording}: it lies where nothing deletes it."),
    "deletion_blocked:clock_not_trusted": N_(
        "Nothing confirms this computer's clock, so only the time counts that it ran."
    ),
    "deletion_blocked:clock_not_synchronised": N_(
        "No time server sets this computer's clock, so entries of the office's ledger stay beyond "
        "their year."
    ),
    "deletion_blocked": N_("{recording}: {detail}."),
    "deletion_stands_still": NN_(
        "The server has not checked for {number} hour what is due.",
        "The server has not checked for {number} hours what is due.",
    ),
    "second_copies": N_(
        "They cannot be made or kept as they have to be. What has none is not acknowledged."
    ),
    "log_unvouched": N_(
        "{place} has neither cosigned nor stamped the office's transparency log for more than a "
        "day."
    ),
    "log_unvouched:quorum": N_(
        "The other witnesses are no quorum: packages get no proofs of what is newer."
    ),
    "storage_fails": N_("What cannot be looked at: {detail}."),
    "storage_full": N_(
        "{detail} are free, and {number} GiB have to stay free (receive.reserve_gib). Make room "
        "on {place}."
    ),
    "storage_low": N_("{number} % are free."),
    "certificate_ends": NN_(
        "It ends on {day}, in {number} day. Then no camera connects.",
        "It ends on {day}, in {number} days. Then no camera connects.",
    ),
    "certificate_ends:over": N_("It ended on {day}. No camera connects."),
    "mismatch:unreadable": N_("{recording}: its file cannot be read."),
    "mismatch:copy": N_("{recording}: a file is there that may be a copy of it."),
    "mismatch:renamed": N_("{recording}: its file has another name."),
    "mismatch:deleted": N_("{recording}: it was deleted, and its file is still there."),
    "mismatch": N_("{recording}: {detail}."),
    "camera_not_seen": NN_(
        "{camera}: nothing came of it for {number} day, last on {day}.",
        "{camera}: nothing came of it for {number} days, last on {day}.",
    ),
    "camera_not_seen:never": NN_(
        "{camera}: nothing has ever come of it. The register has known it since {day}, for "
        "{number} day.",
        "{camera}: nothing has ever come of it. The register has known it since {day}, for "
        "{number} days.",
    ),
    "marked_expires": N_("{recording} of camera {camera} is deleted on {day}."),
    "hold_ends": N_(
        "{recording} of camera {camera}: the last day of its hold is {day}. If its own day is "
        "over by then, it is deleted."
    ),
    "held_beyond_day": NN_(
        "{recording} of camera {camera}: its day was {day}, {number} day ago.",
        "{recording} of camera {camera}: its day was {day}, {number} days ago.",
    ),
    "test": N_("If you read this, alerts reach you here."),
}
"""By kind, or kind and detail. One with a number in it has a singular and a plural."""
