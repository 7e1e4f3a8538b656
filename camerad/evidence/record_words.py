"""Plain words for the terms in records: reasons of gaps and ends, triggers, findings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from camerad.base.words import N_, Words
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
from camerad.stream.sound_messages import NO_SOUND, SOUND_LOST
from camerad.verify.findings import FindingKind
from camerad.verify.verdict import TIME_WORDS

CLOCK: Final = TIME_WORDS
RATE_REASONS: Final[Mapping[str, str]] = {
    Cause.HEAT: N_("camera hot"),
    Cause.THROTTLED: N_("processor slowed down"),
    Cause.COOLED: N_("cooled down"),
}
GAP_REASONS: Final[Mapping[str, str]] = {
    CAPTURE_RESTARTED: N_("the camera part was started again"),
    FRAMES_LOST: N_("pictures were lost"),
    RING_FULL: N_("the storage was too slow"),
    NO_PICTURES: N_("the sensor delivered no pictures"),
    STARTED_LATE: N_("the camera did not deliver at the start"),
    STOPPED_SHORT: N_("the camera did not deliver until the stop"),
    NOT_STORED: N_("the card took nothing more"),
    NO_ANSWER: N_("the card did not answer any more"),
    CUT_OFF: N_("the camera's program ended before it was stored"),
    "failed": N_("the recording broke off"),
    "not delivered by the camera": N_("the sensor's pictures did not arrive"),
    "sensor time did not advance": N_("the sensor's clock stood still"),
    "dropped by the encoder": N_("the encoder dropped pictures"),
    "send queue full": N_("the computer was too slow"),
    "muted": N_("muted at the camera"),
    "microphone missing": N_("the microphone was missing"),
    "microphone failed": N_("the microphone failed"),
    "microphone starting": N_("the microphone was being switched on"),
    "microphone off": N_("the microphone was off"),
    SOUND_LOST: N_("sound was lost"),
    NO_SOUND: N_("the microphone gave none"),
}
END_REASONS: Final[Mapping[str, str]] = {
    "stop": N_("stopped by hand"),
    "shutdown": N_("the camera was switched off"),
    "restarted": N_("the camera's program restarted after a software error"),
    "camera_down": N_("no more pictures came, although the camera tried to restart them"),
    "battery_critical": N_("the battery was nearly empty"),
    "storage_full": N_("the card was full"),
    "storage_failed": N_("the card took nothing more"),
    "storage_read_only": N_("the card could only be read"),
    RECOVERED: N_("cut off, for example by loss of power, and closed at the next start"),
    "failed": N_("the storage or the camera failed"),
    "encoder settings changed": N_("went on as another recording: settings changed"),
}
TRIGGERS: Final[Mapping[str, str]] = {
    "button:main": N_("the camera's big button"),
    "control": N_("a command at the camera's control socket"),
    "continued": N_("continuation of another recording"),
}
POLICIES: Final[Mapping[str, str]] = {"generic": N_("general rules, no special law")}
KINDS: Final[Mapping[str, str]] = {
    FindingKind.ARCHIVE: N_("the archive around a part is not as it was written"),
    FindingKind.LOST: N_("bytes that cannot be read"),
    FindingKind.FOREIGN: N_("a part that no recording has"),
    FindingKind.EXTRA: N_("a part twice, or not in its place"),
    FindingKind.MISSING: N_("missing, although the camera signed that it was there"),
    FindingKind.CHANGED: N_("changed since it was signed"),
    FindingKind.FORGED: N_("not signed by the camera's key"),
    FindingKind.UNKNOWN_KEY: N_("signed by a key that is not trusted"),
    FindingKind.UNLINKED: N_("signed, but nothing links it to this recording"),
    FindingKind.UNCOMMITTED: N_("footage that no signed statement names"),
    FindingKind.CONTRADICTION: N_("signed statements that contradict each other"),
    FindingKind.UNCLOSED: N_("no end: whether there was more cannot be proven"),
    FindingKind.MISNAMED: N_("the file has the name of another recording"),
    FindingKind.OTHER_END: N_("the ledger knows another end of this recording"),
    FindingKind.RUNNING: N_("the recording was still running"),
    FindingKind.RECOVERED: N_(
        "cut off, for example by loss of power, and closed at the next start"
    ),
    FindingKind.TORN: N_("unsigned rest behind the last signed piece, kept as it was found"),
    FindingKind.UNSTATED: N_("time without pictures that the camera did not explain"),
    FindingKind.SILENT: N_("time without sound that the camera did not explain"),
    FindingKind.UNFIT: N_("times that do not fit each other"),
    FindingKind.REDACTED: N_("replaced in this redacted copy"),
    FindingKind.UNMASKED: N_("not masked, muted or unchanged as the signed list says"),
    FindingKind.UNOPENED: N_("cannot be opened by the key that the copy brings"),
    FindingKind.PART: N_("in another part of this recording"),
    FindingKind.QUIET: N_("time without sound, because of what the microphone was doing"),
}


def translated(table: Mapping[str, str], word: str, words: Words) -> str:
    """A record's word in plain language; one that the table lacks as it is."""
    return words.gettext(table[word]) if word in table else word
