"""Rules for alerts. Pure: alerts follow from facts and settings.

A `Alert` is one thing that is so at present. Its key says what it is about, its state tells it
from what was told before under that key. Facts are gathered again and again, and so the same
alerts are found again and again; `camerad.office.jobs.alert_delivery` sees to it that each is told
once.

========================  ======  ===================  ============================================
kind                      when    again after          about
========================  ======  ===================  ============================================
not_authentic             now     `again_days`         a recording that is not what its camera
                                                       signed, or has vanished
quarantined               now     a week               an upload that was not ingested
quarantine_fills          now     a day                what was quarantined of a camera takes
                                                       half of its place, or all
deletion_blocked          now     `again_days`         what keeps recordings beyond their day
deletion_stands_still     now     a day                retention has not run
replicas                  now     a day                replicas cannot be made or kept
log_unvouched             daily   a day                a witness or a time-stamp authority that is
                                                       away, or too many witnesses
storage_fails             now     a day                something cannot be read
storage_full              now     a day                nothing more is received
storage_low               daily   `again_days`         free room
certificate_ends          daily   a week, then a day   the server's certificate
mismatch                  daily   `again_days`         another difference of store and ledger
camera_not_seen           daily   `again_days`         a camera that did not come
marked_expires            daily   `again_days`         a marked recording that is deleted soon
hold_ends                 daily   `again_days`         a hold that ends by itself soon
held_beyond_day           daily   30 days              a hold that is perhaps not needed any more
========================  ======  ===================  ============================================

Times are microseconds of wall time since the Unix epoch.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Final, NamedTuple

import msgspec
from msgspec.structs import replace

from camerad.base.clock import DAY
from camerad.base.text import room
from camerad.container.recording_files import SUFFIX
from camerad.container.recording_ids import ID
from camerad.office.server.alert_settings import NotifySettings
from camerad.store.discrepancies import DiscrepancyKind
from camerad.store.purging import ReasonKind

CERTIFICATE_DAYS: Final = 60
"""Before its end a certificate is named,"""
CERTIFICATE_DAILY_DAYS: Final = 14
"""and so long before it every day."""
APART_AGAIN_DAYS: Final = 7
QUARANTINE_FILLS_PERCENT: Final = 50
"""From here on it is told that the place of what was quarantined fills."""
HELD_AGAIN_DAYS: Final = 30
STANDS_STILL_US: Final = DAY // 24
"""O4: what is due goes within an hour."""


QUARANTINE: Final = "office/quarantine"
CAMERAS: Final = "cameras"
STORAGE: Final = "storage"
"""Parts of the facts that may be unread; others are no reason for an alert of their own."""
_STORE: Final = "store"
_CLOCK: Final = "clock"
"""Parts that are not known without a look at the store, and without a trusted clock."""


class AlertKind(StrEnum):
    """What an alert is about; the gravest first."""

    NOT_AUTHENTIC = "not_authentic"
    QUARANTINED = "quarantined"
    QUARANTINE_FILLS = "quarantine_fills"
    DELETION_BLOCKED = "deletion_blocked"
    DELETION_STANDS_STILL = "deletion_stands_still"
    REPLICAS = "second_copies"
    LOG_UNVOUCHED = "log_unvouched"
    STORAGE_FAILS = "storage_fails"
    STORAGE_FULL = "storage_full"
    STORAGE_LOW = "storage_low"
    CERTIFICATE_ENDS = "certificate_ends"
    MISMATCH = "mismatch"
    CAMERA_NOT_SEEN = "camera_not_seen"
    MARKED_EXPIRES = "marked_expires"
    HOLD_ENDS = "hold_ends"
    HELD_BEYOND_DAY = "held_beyond_day"
    TEST = "test"


class _Kind(NamedTuple):
    """at_once: a person has to act, so it does not wait for the day's message. logged: the part
    that finds it logs it with all details, so the log as a channel leaves it out. parts: of the
    facts that it follows from; where one is not known, that there is no such alert does not mean
    that all is well."""

    at_once: bool = False
    logged: bool = False
    parts: tuple[str, ...] = ()


_KINDS: Final = {
    AlertKind.NOT_AUTHENTIC: _Kind(at_once=True, logged=True, parts=(_STORE,)),
    AlertKind.QUARANTINED: _Kind(at_once=True, logged=True, parts=(QUARANTINE,)),
    AlertKind.QUARANTINE_FILLS: _Kind(at_once=True, parts=(QUARANTINE,)),
    AlertKind.DELETION_BLOCKED: _Kind(at_once=True, logged=True, parts=(_STORE,)),
    AlertKind.DELETION_STANDS_STILL: _Kind(at_once=True),
    AlertKind.REPLICAS: _Kind(at_once=True, logged=True),
    AlertKind.LOG_UNVOUCHED: _Kind(logged=True),
    AlertKind.STORAGE_FAILS: _Kind(at_once=True),
    AlertKind.STORAGE_FULL: _Kind(at_once=True, parts=(STORAGE,)),
    AlertKind.STORAGE_LOW: _Kind(parts=(STORAGE,)),
    AlertKind.CERTIFICATE_ENDS: _Kind(parts=(_CLOCK,)),
    AlertKind.MISMATCH: _Kind(parts=(_STORE,)),
    AlertKind.CAMERA_NOT_SEEN: _Kind(parts=(CAMERAS, _CLOCK)),
    AlertKind.MARKED_EXPIRES: _Kind(parts=(_STORE,)),
    AlertKind.HOLD_ENDS: _Kind(parts=(_STORE,)),
    AlertKind.HELD_BEYOND_DAY: _Kind(parts=(_STORE,)),
    AlertKind.TEST: _Kind(),
}
_GRAVITY: Final = {kind: number for number, kind in enumerate(AlertKind)}


class Alert(msgspec.Struct, frozen=True):
    """One thing to be told.

    about: what it is about, within its kind; part of its key. state: told again if it is another
    one. again_days: told again after so long, if it is still so. detail: which of its kind's
    sentences says it, "" for the only one. camera: its name, recording: its id, "" without one.
    at_us: the day it speaks of; None without one. number: days, hours, percent, GiB or a count.
    place: a directory, "" without one.
    """

    kind: AlertKind
    about: str
    again_days: int
    state: str = ""
    detail: str = ""
    camera: str = ""
    recording: str = ""
    at_us: int | None = None
    number: int = 0
    place: str = ""

    @property
    def key(self) -> str:
        """Names what it is about, among all alerts."""
        return f"{self.kind}:{self.about}"

    @property
    def at_once(self) -> bool:
        """Whether it does not wait for the day's message."""
        return _KINDS[self.kind].at_once

    @property
    def logged_elsewhere(self) -> bool:
        """Whether the part that found it logs it."""
        return _KINDS[self.kind].logged


class DatedRecording(msgspec.Struct, frozen=True):
    """A recording and its legal end, or the end of its hold. camera: its name, "" if no
    key proves it."""

    id: str
    camera: str
    due_us: int


class StoreFacts(msgspec.Struct, frozen=True):
    """What a complete look at the store found.

    wall_us: when. here, held, overdue: numbers of recordings. bytes: of all files. deleted: by this
    look. marked: recordings with a mark that are deleted before long, hold_ends: ones whose last
    hold ends by itself before long, held_beyond: ones beyond their legal end that are held without
    an end. differences: kind and subject of every alarm of the comparison. reasons: kind
    and subject of all that keeps recordings beyond their day.
    """

    wall_us: int
    here: int = 0
    held: int = 0
    overdue: int = 0
    bytes: int = 0
    deleted: int = 0
    marked: tuple[DatedRecording, ...] = ()
    hold_ends: tuple[DatedRecording, ...] = ()
    held_beyond: tuple[DatedRecording, ...] = ()
    differences: tuple[tuple[DiscrepancyKind, str], ...] = ()
    reasons: tuple[tuple[ReasonKind, str], ...] = ()


class CameraSeen(msgspec.Struct, frozen=True):
    """A registered camera. seen_us: when anything last came of it, None if never. known_us: when
    the register got to know it, None if it does not say."""

    kid: str
    name: str
    seen_us: int | None
    known_us: int | None = None


class OfficeFacts(msgspec.Struct, frozen=True):
    """Everything that is looked at. trusted: whether wall time is.

    store: the last complete look, None if there was none yet; since_look_us: how long ago that was,
    or the server's start. quarantined: camera and file of everything that is in quarantine.
    quarantine_fills: cameras, and how many percent of its place that takes of each. free, total,
    reserve: bytes of the storage. unread: what could not be looked at. directory: the office's.
    replicas_fail: the last look at them could not do all that is to be done. log_unvouched: outside
    witnesses and time-stamp authorities that have neither cosigned nor stamped for more than a day;
    "" if the other witnesses are no quorum. unfinished, waiting: uploads that lack bytes, and
    complete ones that were not ingested yet.
    """

    now_us: int
    trusted: bool
    store: StoreFacts | None
    since_look_us: int
    quarantined: tuple[tuple[str, str], ...]
    cameras: tuple[CameraSeen, ...]
    free: int
    total: int
    reserve: int
    certificate_end_us: int
    unread: tuple[str, ...] = ()
    replicas_fail: bool = False
    log_unvouched: tuple[str, ...] = ()
    directory: str = ""
    quarantine_fills: tuple[tuple[str, int], ...] = ()
    unfinished: int = 0
    waiting: int = 0


_NOT_AUTHENTIC: Final = {
    DiscrepancyKind.MISSING: "missing",
    DiscrepancyKind.CHANGED: "changed",
    DiscrepancyKind.DOUBLED: "doubled",
    DiscrepancyKind.UNVOUCHED: "unvouched",
}
_REASONS_ABOUT_ONE: Final = {
    ReasonKind.MISSING: "missing",
    ReasonKind.CHANGED: "changed",
    ReasonKind.NOT_VOUCHED: "unvouched",
}
"""What the comparison finds as well: a recording is reported once."""
_ABOUT_THE_CLOCK: Final = (ReasonKind.CLOCK, ReasonKind.YEARS)


def find_unknown(facts: OfficeFacts) -> frozenset[AlertKind]:
    """Kinds of which these facts say nothing."""
    unknown = {*facts.unread}
    if facts.store is None:
        unknown.add(_STORE)
    if not facts.trusted:
        unknown.add(_CLOCK)
    return frozenset(kind for kind, one in _KINDS.items() if unknown.intersection(one.parts))


def kind_of(key: str) -> AlertKind | None:
    """The kind of the alert with this key; None if this version knows no such kind."""
    kind = key.partition(":")[0]
    return AlertKind(kind) if kind in _GRAVITY else None


def decide(facts: OfficeFacts, settings: NotifySettings) -> tuple[Alert, ...]:
    """Everything that people have to know at present, the gravest first; no two with one key."""
    found: dict[str, Alert] = {}
    for one in (*_of_store(facts, settings), *_of_office(facts, settings)):
        found.setdefault(one.key, one)
    return in_order(found.values())


def in_order(alerts: Iterable[Alert]) -> tuple[Alert, ...]:
    """The gravest first."""
    return tuple(sorted(alerts, key=lambda one: (_GRAVITY[one.kind], one.about)))


def subject_of(text: str) -> str:
    """What a sentence of the store is about: it stands before the first colon. The id, if it is a
    recording or its file."""
    subject = text.partition(": ")[0]
    name = os.path.basename(subject).removesuffix(SUFFIX)
    return name if ID.fullmatch(name) else subject


def _of_store(facts: OfficeFacts, settings: NotifySettings) -> Iterator[Alert]:
    again = settings.again_days
    store = facts.store
    if facts.since_look_us >= STANDS_STILL_US:
        hours = facts.since_look_us // (DAY // 24)
        yield Alert(AlertKind.DELETION_STANDS_STILL, "", 1, number=hours)
    if store is None:
        return
    for what, recording in store.differences:
        detail = _NOT_AUTHENTIC.get(what, str(what))
        kind = AlertKind.NOT_AUTHENTIC if what in _NOT_AUTHENTIC else AlertKind.MISMATCH
        yield Alert(kind, recording, again, detail, detail, recording=recording)
    for why, subject in store.reasons:
        found = _REASONS_ABOUT_ONE.get(why)
        if found is not None:
            yield Alert(AlertKind.NOT_AUTHENTIC, subject, again, found, found, recording=subject)
        elif why is not ReasonKind.NOT_TAKEN_OVER:  # that is over with the next look
            about = why if why in _ABOUT_THE_CLOCK else f"{why}:{subject}"
            kind, detail = AlertKind.DELETION_BLOCKED, str(why)
            yield Alert(kind, about, again, detail=detail, recording=subject)
    soon_us = facts.now_us + settings.before_days * DAY
    for one in store.marked:
        if one.due_us <= soon_us:
            yield _dated(AlertKind.MARKED_EXPIRES, one, again, facts)
    for one in store.hold_ends:
        if one.due_us <= soon_us:
            # Another end is another alert: a person who put it off is alerted before the new one.
            # It ends as a day begins; the one before is the last on which it is held.
            ends = _dated(AlertKind.HOLD_ENDS, one, again, facts)
            yield replace(ends, state=str(one.due_us), at_us=one.due_us - 1)
    for one in store.held_beyond:
        yield _dated(AlertKind.HELD_BEYOND_DAY, one, HELD_AGAIN_DAYS, facts)


def _dated(kind: AlertKind, one: DatedRecording, again_days: int, facts: OfficeFacts) -> Alert:
    """number: whole days since the day of it; 0 before."""
    dated = Alert(kind, one.id, again_days, camera=one.camera, recording=one.id, at_us=one.due_us)
    return replace(dated, number=max(0, (facts.now_us - one.due_us) // DAY))


def _of_office(facts: OfficeFacts, settings: NotifySettings) -> Iterator[Alert]:
    for camera, file in facts.quarantined:
        about = f"{camera}:{file}"
        kind = AlertKind.QUARANTINED
        yield Alert(kind, about, APART_AGAIN_DAYS, camera=camera, recording=file)
    for camera, percent in facts.quarantine_fills:
        if percent >= QUARANTINE_FILLS_PERCENT:
            # Each has a separate key: a place that is full in turns with the free room is told
            # once a day as that, and once as one that fills.
            full = "full" if percent >= 100 else ""
            about = f"{camera}:{full}" if full else camera
            kind = AlertKind.QUARANTINE_FILLS
            yield Alert(kind, about, 1, full, camera=camera, number=percent)
    for part in facts.unread:
        yield Alert(AlertKind.STORAGE_FAILS, part, 1, detail=part)
    if facts.replicas_fail:
        yield Alert(AlertKind.REPLICAS, "", 1)
    for place in facts.log_unvouched:
        detail = "" if place else "quorum"
        yield Alert(AlertKind.LOG_UNVOUCHED, place, 1, detail=detail, place=place)
    percent = 100 * facts.free // facts.total if facts.total else 100
    if facts.free < facts.reserve:
        full, number = room(facts.free), facts.reserve >> 30
        kind, place = AlertKind.STORAGE_FULL, facts.directory
        yield Alert(kind, "", 1, detail=full, number=number, place=place)
    elif percent < settings.free_percent:
        yield Alert(AlertKind.STORAGE_LOW, "", settings.again_days, number=percent)
    if facts.trusted:  # else every camera may be away, and no certificate hold
        yield from _of_times(facts, settings)


def _of_times(facts: OfficeFacts, settings: NotifySettings) -> Iterator[Alert]:
    end_us = facts.certificate_end_us
    days = (end_us - facts.now_us) // DAY
    if days <= CERTIFICATE_DAYS:
        again = 1 if days <= CERTIFICATE_DAILY_DAYS else 7
        over = "over" if end_us <= facts.now_us else ""
        certificate = Alert(AlertKind.CERTIFICATE_ENDS, "", again, str(end_us), over, at_us=end_us)
        yield replace(certificate, number=max(0, days))
    for one in facts.cameras:
        since_us = one.known_us if one.seen_us is None else one.seen_us
        if since_us is None:
            continue
        away = (facts.now_us - since_us) // DAY
        if away >= settings.not_seen_days:
            state, never = str(since_us // DAY), "never" if one.seen_us is None else ""
            unseen = Alert(AlertKind.CAMERA_NOT_SEEN, one.kid, settings.again_days, state, never)
            yield replace(unseen, camera=one.name, at_us=since_us, number=away)
