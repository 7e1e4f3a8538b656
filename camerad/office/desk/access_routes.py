"""Requests for access: a person asks what was recorded of them (Art. 15 GDPR, § 57 BDSG).

No footage is shown and no name is asked for. A request is a day of receipt and a time; index and
ledger say what was recorded then: kept, held, deleted, or never known. An answer counts only if
they still say the same. Opening, answering and withdrawing a request are entries of the ledger,
with the grounds of refusals (§ 34(2), § 57(8) BDSG).

A row is there to watch the term of Art. 12(3) GDPR. It is deleted a month after the answer: until
then a letter can be corrected. The ledger's entries stay as long as any other.
"""

from __future__ import annotations

import calendar
from collections.abc import Iterator
from datetime import date, datetime
from typing import Annotated, Any, Final, Literal

import msgspec
from sqlalchemy import Connection, insert, or_, select, update

from camerad.base.clock import DAY, SECOND
from camerad.evidence import office_key_file
from camerad.ledger.audit import read_state
from camerad.ledger.people_entries import REFUSAL_GROUNDS
from camerad.ledger.recording_state import RecordingState
from camerad.office.desk.desk_ledger import Decision
from camerad.office.desk.desk_refusals import DeskRefusal, refused
from camerad.office.desk.people import WITH_FOOTAGE, DeskRole
from camerad.office.desk.recording_history import RecordingHistory
from camerad.office.desk.route_table import DeskParts, Route, Visit
from camerad.office.index import entry_query, recording_query
from camerad.office.index.recording_query import IndexedRecording, RecordingQuery
from camerad.office.index.recording_rows import time_in
from camerad.office.server.check_ins import CheckIns
from camerad.office.state.index_tables import GONE, HERE
from camerad.office.state.state_tables import access_requests
from camerad.store.locations import Place, office_place

ANSWERS: Final = WITH_FOOTAGE | {DeskRole.DATA_PROTECTION}
TERM_MONTHS: Final = 1
LONGEST_MONTHS: Final = 3
"""Since receipt: when an answer is due, and when it is after an extension by two months (Art. 12(3)
GDPR)."""
KEPT_US: Final = 31 * DAY
"""How long a row stays after its answer."""
LONGEST_US: Final = 31 * DAY
"""Of the time that is asked about."""
MOST_FOUND: Final = 200
MOST_OPEN: Final = 1000
_COUNTS: Final = or_(
    access_requests.c.until_us.is_(None), access_requests.c.answered_us.is_not(None)
)
"""Not withdrawn. The row of one that is stays as long as that of an answered one, so that no other
request gets its number."""
_Wall = Annotated[int, msgspec.Meta(ge=0, le=1 << 62)]
_Word = Annotated[str, msgspec.Meta(max_length=100, pattern=r"\A[^\x00]*\Z")]
_Ground = Annotated[str, msgspec.Meta(pattern=rf"\A({'|'.join(REFUSAL_GROUNDS)})?\Z")]


class OpenAccessBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A request. received: the day of its receipt. from_us, to_us: the time that the person names,
    `to_us` excluded."""

    received: date
    from_us: _Wall
    to_us: _Wall


class GivenAnswer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a letter says of a recording. ground: of a refusal, else ""."""

    recording: str
    answer: Literal["kept", "held", "deleted", "unclear", "copy", "refused"]
    ground: _Ground = ""

    @property
    def word(self) -> str:
        """The same as the ledger's entry has it."""
        return f"{self.answer}_{self.ground}" if self.ground else self.answer


class AnswerAccessBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The answer to a request, in the letter's order. None about a recording: nothing is kept."""

    number: _Word
    answers: Annotated[tuple[GivenAnswer, ...], msgspec.Meta(max_length=MOST_FOUND)]


class _Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which request. camera, wearer: narrow what was found, as people say it."""

    number: _Word
    camera: _Word | None = None
    wearer: _Word | None = None


class AccessRequest(msgspec.Struct, frozen=True):
    """A request. received, due, longest: days of its receipt, on which an answer is due, and the
    latest after an extension. answered_us: when it was answered last, None if it is open."""

    number: str
    received: str
    from_us: int
    to_us: int
    answered_us: int | None
    due: str
    longest: str


class HoldFound(msgspec.Struct, frozen=True):
    """A hold. ground: one of `GROUNDS`, "" if the ledger does not say it."""

    reason: str
    ground: str
    until_us: int | None


class RecordingFound(msgspec.Struct, frozen=True):
    """A recording of that time. began_us: if only its id is known, that is from there. due_us: its
    legal end. handed_us: when it was handed over last."""

    id: str
    camera: str | None
    began_us: int
    ended_us: int | None
    clock: str | None
    state: str
    due_us: int | None
    deleted_us: int | None
    handed_us: int | None
    holds: list[HoldFound]


class WaitingCamera(msgspec.Struct, frozen=True):
    """A camera that may still have recordings of that time. seen_us: its last check-in, None if it
    had none. left: recordings that it had not handed over then."""

    camera: str
    seen_us: int | None
    left: int


class AccessFound(msgspec.Struct, frozen=True):
    """What was recorded in the time of a request, the oldest first. known_since_us: time of the
    oldest entry of the office's ledger; what was deleted before is not known. office, authority:
    for the letter, as the settings have it."""

    request: AccessRequest
    recordings: list[RecordingFound]
    waiting: list[WaitingCamera]
    known_since_us: int | None
    office: str
    authority: str


class AccessRoutes:
    """history: tells what a recording is held for."""

    def __init__(self, desk: DeskParts, history: RecordingHistory) -> None:
        self._desk = desk
        self._history = history
        self._check_ins = CheckIns(desk.state, desk.cameras, desk.clock)

    def routes(self) -> Iterator[Route]:
        """All of them."""
        path = "/api/access-requests"
        yield Route("GET", path, ANSWERS, self._list)
        yield Route("GET", f"{path}/one", ANSWERS, self._find, _Asked)
        yield Route("POST", f"{path}/open", ANSWERS, self._open, OpenAccessBody)
        yield Route("POST", f"{path}/answer", ANSWERS, self._answer, AnswerAccessBody)
        yield Route("POST", f"{path}/withdraw", ANSWERS, self._withdraw, _Asked)

    def _list(self, _visit: Visit) -> list[AccessRequest]:
        """Those that wait for an answer first, the oldest first."""
        table = access_requests.c
        order = (table.answered_us.is_not(None), table.received, table.number)
        asked = select(access_requests).where(_COUNTS).order_by(*order)
        with self._desk.state.reading() as rows:
            return [_request(dict(one)) for one in rows.execute(asked).mappings()]

    def _open(self, visit: Visit) -> AccessRequest:
        said: OpenAccessBody = visit.body
        now = self._desk.clock.wall_us()
        today = datetime.fromtimestamp(now / SECOND).date()
        has_begun = said.from_us < min(said.to_us, now) and said.received <= today
        if not has_begun or said.to_us - said.from_us > LONGEST_US:
            raise refused(DeskRefusal.ACCESS_PERIOD)
        found = len(self._recordings(said.from_us, said.to_us))
        if found > MOST_FOUND:
            raise refused(DeskRefusal.ACCESS_PERIOD)
        row: dict[str, Any] = {"received": said.received.isoformat()}
        row |= {"from_us": said.from_us, "to_us": said.to_us}
        with self._desk.ledger.deciding() as decision:
            row["number"] = _next_number(decision.rows, today)
            decision.rows.execute(insert(access_requests).values(row))
            facts = row | {"found": found, "answers": ()}
            decision.append("access_request", who=visit.who, what="opened", **facts)
        return _request(row)

    def _find(self, visit: Visit) -> AccessFound:
        asked: _Asked = visit.body
        with self._desk.state.reading() as rows:
            request = _read(rows, asked.number)
        found = self._recordings(request.from_us, request.to_us)
        if asked.camera is not None:
            cameras = self._desk.index.ask(recording_query.cameras_meant, asked.camera)
            found = [one for one in found if _may_be(one, "camera", cameras)]
        if asked.wearer is not None:
            wearers = self._desk.index.ask(recording_query.wearers_meant, asked.wearer)
            found = [one for one in found if _may_be(one, "wearer", wearers)]
        place = office_place(self._desk.directory)
        ring = office_key_file.ledger_keys(place, self._desk.own).ring
        known = read_state(place.ledger, ring).recordings
        return AccessFound(
            request,
            [self._told(place, one, known.get(one.id)) for one in found],
            list(self._waiting(request.to_us)),
            self._desk.index.ask(entry_query.known_since),
            self._desk.desk.office or "",
            self._desk.desk.authority or "",
        )

    def _answer(self, visit: Visit) -> None:
        said: AnswerAccessBody = visit.body
        with self._desk.ledger.deciding() as decision:  # nothing is deleted meanwhile
            request = _read(decision.rows, said.number)
            found = {one.id: one for one in self._recordings(request.from_us, request.to_us)}
            count, known = len(found), decision.store.ledger.state.recordings
            for one in said.answers:
                there = found.pop(one.recording, None)
                if there is None or one.answer not in _possible(there, known.get(one.recording)):
                    raise refused(DeskRefusal.ACCESS_CHANGED)
                if (one.answer == "refused") != bool(one.ground):
                    raise refused(DeskRefusal.NOT_UNDERSTOOD)
            told = {"found": count, "answers": tuple(one.word for one in said.answers)}
            self._close(decision, request, who=visit.who, what="answered", **told)

    def _withdraw(self, visit: Visit) -> None:
        with self._desk.ledger.deciding() as decision:
            request = _read(decision.rows, visit.body.number)
            self._close(decision, request, who=visit.who, what="withdrawn", found=0, answers=())

    def _close(self, decision: Decision, request: AccessRequest, **said: Any) -> None:
        """said: who did what, and the rest of the entry."""
        now = self._desk.clock.wall_us()
        answered = now if said["what"] == "answered" else None
        row = update(access_requests).where(access_requests.c.number == request.number)
        decision.rows.execute(row.values(answered_us=answered, until_us=now + KEPT_US))
        asked = {"received": request.received, "from_us": request.from_us, "to_us": request.to_us}
        decision.append("access_request", number=request.number, **asked, **said)

    def _recordings(self, from_us: int, to_us: int) -> list[IndexedRecording]:
        """What was recorded in this time, the oldest first, each once. Raises
        IndexUnavailableError."""
        # Of what has no file, a list has the end: that may be past the time.
        query = RecordingQuery(from_us=from_us, to_us=to_us + DAY, limit=recording_query.MOST)
        found: dict[str, IndexedRecording] = {}
        while True:
            page = self._desk.index.ask(recording_query.find, query)
            for one in page.recordings:
                is_it = one.columns["state"] == HERE and not one.columns["copy"]
                if _began(one) < to_us and (is_it or one.id not in found):
                    found[one.id] = one
            if page.next is None:
                break
            query = msgspec.structs.replace(query, after=page.next)
        gone = self._desk.index.ask(recording_query.vanished, from_us, to_us)
        return sorted([*found.values(), *gone], key=lambda one: (_began(one), one.id))

    def _told(
        self, place: Place, one: IndexedRecording, known: RecordingState | None
    ) -> RecordingFound:
        said = one.columns
        return RecordingFound(
            one.id,
            said["camera"],
            _began(one),
            said["ended_us"],
            said["clock"],
            said["state"],
            one.legal_end_us if said["due_us"] is None else said["due_us"],
            said["deleted_us"],
            said["handed_us"],
            self._holds(place, one, known),
        )

    def _holds(
        self, place: Place, one: IndexedRecording, known: RecordingState | None
    ) -> list[HoldFound]:
        """What keeps it: by the ledger as it is now, else what only its camera has said."""
        if known is None or not known.held:
            return [HoldFound(hold.reason, "", hold.until_us) for hold in one.holds]
        grounds, last = dict[tuple[str, str], str](), ("", "")
        for entry in self._history.read(place, one.id, [one.columns])[0]:
            if entry["kind"] in ("hold", "hold_until"):
                last = entry["reason"], entry["who"]
            elif entry["kind"] == "hold_ground":
                grounds[last] = entry["reason"]
        return [
            HoldFound(hold.reason, grounds.get((hold.reason, hold.who), ""), hold.end_us)
            for hold in known.holds
        ]

    def _waiting(self, to_us: int) -> Iterator[WaitingCamera]:
        for camera in self._desk.cameras.list_all():
            last = self._check_ins.last(camera.thumbprint)
            left = 0 if last is None else last.said.recordings.unacknowledged
            if last is None or last.arrived_us < to_us or left:
                seen = None if last is None else last.arrived_us
                yield WaitingCamera(camera.name, seen, left)


def _request(row: dict[str, Any]) -> AccessRequest:
    received = date.fromisoformat(row["received"])
    due, longest = (_months_later(received, one) for one in (TERM_MONTHS, LONGEST_MONTHS))
    return AccessRequest(
        row["number"],
        row["received"],
        row["from_us"],
        row["to_us"],
        row.get("answered_us"),
        due.isoformat(),
        longest.isoformat(),
    )


def _months_later(day: date, months: int) -> date:
    """The same day so many months later, or the last one of a shorter month."""
    years, month = divmod(day.month - 1 + months, 12)
    last = calendar.monthrange(day.year + years, month + 1)[1]
    return date(day.year + years, month + 1, min(day.day, last))


def _next_number(rows: Connection, today: date) -> str:
    """A number that no request had: rows stay for longer than their day. Raises RefusalError."""
    there = list(rows.execute(select(access_requests.c.number)).scalars())
    if len(there) >= MOST_OPEN:
        raise refused(DeskRefusal.TOO_MANY)
    begin = f"{today.isoformat()}-"
    used = [int(one.removeprefix(begin)) for one in there if one.startswith(begin)]
    return f"{begin}{max(used, default=0) + 1}"


def _read(rows: Connection, number: str) -> AccessRequest:
    """Raises RefusalError if there is none of this number."""
    asked = select(access_requests).where(access_requests.c.number == number, _COUNTS)
    found = rows.execute(asked).mappings().first()
    if found is None:
        raise refused(DeskRefusal.NOT_THERE)
    return _request(dict(found))


def _began(one: IndexedRecording) -> int:
    began: int | None = one.columns["began_us"]
    return time_in(one.id) if began is None else began


def _may_be(one: IndexedRecording, column: str, meant: list[str]) -> bool:
    """Whether it is by one of these cameras or wearers: of what is deleted no wearer is known."""
    return one.columns[column] is None or one.columns[column] in meant


def _possible(one: IndexedRecording, known: RecordingState | None) -> set[str]:
    """What can be answered about a recording, by what is known of it now."""
    state = one.columns["state"]
    if state == GONE or (known is not None and known.deleted is not None):
        return {"deleted", "refused"}
    if state != HERE:
        return {"unclear", "refused"}
    held = one.columns["held"] if known is None else known.held
    return {"held" if held else "kept", "copy", "refused"}
