"""Requests about recordings: find them, see what is known of one, hold and release.

Nothing here shows footage. A list comes from the index, so it may be seconds behind; what one
recording says of itself is read from its file, and what happened to it from the ledger. The page
says which is which. A file that cannot be read as a recording is there all the same: what happened
to it is shown, and it can be held. Packages for the prosecutor are made in the tab of the person
who has the key (``camerad/office/desk/package_maker``).
"""

from __future__ import annotations

import errno
from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Final

import msgspec
from msgspec.structs import replace

from camerad import __version__
from camerad.base.clock import SECOND
from camerad.container import jws
from camerad.container.gaps import Gap
from camerad.container.limits import MOST_EVENTS
from camerad.container.redaction import KIND, LONGEST, Redaction, problems
from camerad.container.skeleton import Skeleton, header_of
from camerad.container.statements import FragmentFacts, RecordingInfo, StageChange
from camerad.evidence.package_proofs import proof_files
from camerad.ledger.people_entries import GROUNDS, PackagedEntry, goes_with_copy
from camerad.ledger.recording_changes import Ended
from camerad.office.desk.cases import Cases
from camerad.office.desk.desk_refusals import DeskRefusal, refused
from camerad.office.desk.people import WITH_FOOTAGE, DeskRole
from camerad.office.desk.recording_history import (
    LedgerEntry,
    RecordingHistory,
    ends_carried,
    entries_of,
    with_steps,
)
from camerad.office.desk.route_table import DeskParts, Route, Visit
from camerad.office.index import camera_names, recording_query
from camerad.office.index.recording_query import IndexedRecording, RecordingQuery
from camerad.office.server.cameras import UnregisteredError
from camerad.store.listing import read_file
from camerad.store.locations import Place, office_place
from camerad.transparency.office_log import OfficeLog

SOFTWARE: Final = f"camerad {__version__}"
PAGE: Final = 50
"""Recordings of one page at the most."""
_Wall = Annotated[int, msgspec.Meta(ge=0, le=1 << 62)]
_Word = Annotated[str, msgspec.Meta(max_length=400, pattern=r"\A[^\x00]*\Z")]
_Ground = Annotated[str, msgspec.Meta(pattern=rf"\A({'|'.join(GROUNDS)})?\Z")]
_IDS: Final = r"\A[A-Za-z0-9_,-]*\Z"
_OF_FILE: Final = ("part", "file_time_ns")


class HoldBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A hold. reason: why, in a line for the ledger. until_us: when it ends by itself; None when a
    supervisor releases it. ground: what it is for, one of `GROUNDS`; "" if it was not said."""

    reason: str
    until_us: int | None = None
    ground: _Ground = ""


class ReleaseBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The end of all holds. reason: why, in a line for the ledger."""

    reason: str


class Found(msgspec.Struct, frozen=True):
    """A page of recordings. rows: as the index has them. next: mark of the next page. cameras:
    what cameras are called in recordings, with the first page alone. total: recordings on all
    pages, with the first one if there are more; None if they were not counted."""

    rows: list[dict[str, Any]]
    next: str | None
    cameras: list[str]
    total: int | None


class CameraKey(msgspec.Struct, frozen=True):
    """A camera of the register. x: its public key (RFC 8037). thumbprint: as on its label."""

    camera: str
    thumbprint: str
    x: str


class RecordingDetail(msgspec.Struct, frozen=True):
    """One recording. rows: of the index, one for each file. said: what its file says of itself,
    None if there is none. unreadable: there is one, and it cannot be read as a recording. history:
    what both ledgers say of it, and where it was in time what its cases say. held: the office holds
    it now. cases: those that it belongs to; handed_over: when it left the office, microseconds.
    missing: what could not be read, so that history, cases and handed_over may lack something:
    "cases" or "camera_ledger". key: the camera's by the register, None if no camera there has the
    key that it names."""

    rows: list[dict[str, Any]]
    said: dict[str, Any] | None
    unreadable: bool
    history: list[dict[str, Any]]
    held: bool
    cases: list[str]
    handed_over: list[int]
    missing: list[str]
    key: CameraKey | None


class LedgerSigner(msgspec.Struct, frozen=True):
    """A public key that signed what a ledger says."""

    thumbprint: str
    pem: str


class PackageBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A package. case: number of the case that it is for."""

    case: _Word


class LedgerWords(msgspec.Struct, frozen=True):
    """What both ledgers say of a recording. tokens: a signed statement each, oldest first. carried:
    signed statements that carry on what older ones said of its end, where none of `tokens` names
    it; they speak of other recordings besides, and go into no package. signers: who signed any of
    these. software: that this server runs. proofs: for a package, files by name with the proofs
    that the last entry names, and their policy. stamps: files with the time stamps on their
    checkpoint, in base64."""

    tokens: list[str]
    carried: list[str]
    signers: list[LedgerSigner]
    software: str
    proofs: dict[str, str] = {}
    stamps: dict[str, bytes] = {}


class SignedRedaction(msgspec.Struct, frozen=True):
    """The signed list of a redacted copy. token: `camerad.container.redaction`. office: public key
    of its signature. ledgers: what goes along with the copy."""

    token: str
    office: str
    ledgers: LedgerWords


class _Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A question in an address: the fields of `RecordingQuery`. camera, wearer: as people
    say it. ids: with commas between them, at most a page. id: a part of one, as people say it."""

    from_us: _Wall | None = None
    to_us: _Wall | None = None
    due_from_us: _Wall | None = None
    due_before_us: _Wall | None = None
    camera: _Word | None = None
    said: _Word | None = None
    ids: Annotated[str, msgspec.Meta(max_length=60 * PAGE, pattern=_IDS)] | None = None
    id: _Word | None = None
    wearer: _Word | None = None
    state: _Word | None = None
    after: _Word | None = None
    flagged: bool | None = None
    held: bool | None = None
    handed_over: bool | None = None
    not_authentic: bool | None = None
    has_gaps: bool | None = None
    recovered: bool | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=PAGE)] = PAGE


class RecordingRoutes:
    """cases: of the desk. history: says what happened to a recording."""

    def __init__(self, desk: DeskParts, cases: Cases, history: RecordingHistory) -> None:
        self._desk = desk
        self._cases = cases
        self._history = history

    def routes(self) -> Iterator[Route]:
        """All of them."""
        one, releases = "/api/recordings/{recording}", frozenset((DeskRole.SUPERVISOR,))
        yield Route("GET", "/api/recordings", WITH_FOOTAGE, self._find, _Asked)
        yield Route("GET", one, WITH_FOOTAGE, self._show)
        yield Route("POST", f"{one}/hold", WITH_FOOTAGE, self._hold, HoldBody)
        yield Route("POST", f"{one}/release", releases, self._release, ReleaseBody)
        yield Route("GET", f"{one}/ledgers", WITH_FOOTAGE, self._ledgers)
        yield Route("POST", f"{one}/package", WITH_FOOTAGE, self._package, PackageBody)
        yield Route("POST", f"{one}/redaction", WITH_FOOTAGE, self._redact, Redaction, LONGEST)

    def _find(self, visit: Visit) -> Found:
        index, query = self._desk.index, _query(visit.body)
        page = index.ask(recording_query.find, query)
        rows = [_row(one) for one in page.recordings]
        if query.after is not None:
            return Found(rows, page.next, [], None)
        total = None if page.next is None else index.ask(recording_query.count, query)
        return Found(rows, page.next, index.ask(camera_names.camera_names), total)

    def _show(self, visit: Visit) -> RecordingDetail:
        recording = visit.recording
        found = self._desk.index.ask(recording_query.about, recording)
        rows, columns = [_row(one) for one in found], [one.columns for one in found]
        place = office_place(self._desk.directory)
        path = next(iter(place.files_of(recording)), None)
        history, held = self._history.read(place, recording, columns)
        cases, complete = self._cases.list_about(recording)
        history = with_steps(history, cases, recording)
        if path is None and not rows and not history:
            raise refused(DeskRefusal.NOT_THERE)
        said, unreadable = (None, False) if path is None else _read(path, recording)
        left = [one for case in cases for one in case.handed_over if recording in one.recordings]
        named = said if said is not None else rows[0] if rows else {}
        missing = [] if complete else ["cases"]
        if self._history.lacks_key(place, recording, columns):
            missing.append("camera_ledger")
        return RecordingDetail(
            rows,
            said,
            unreadable,
            history,
            held,
            [case.number for case in cases if case.has(recording)],
            sorted(one.at_us for one in left),
            missing,
            self._key_of(named.get("key")),
        )

    def _key_of(self, thumbprint: str | None) -> CameraKey | None:
        try:
            camera = self._desk.cameras.find(thumbprint or "")
        except UnregisteredError:
            return None
        return CameraKey(camera.name, camera.thumbprint, camera.jwk["x"])

    def _hold(self, visit: Visit) -> dict[str, bool]:
        said: HoldBody = visit.body
        until = said.until_us
        self._desk.ledger.hold(visit.recording, said.reason, visit.who, until, said.ground)
        return {"held": True}

    def _release(self, visit: Visit) -> dict[str, bool]:
        self._desk.ledger.release(visit.recording, visit.body.reason, visit.who)
        return {"held": False}

    def _ledgers(self, visit: Visit) -> LedgerWords:
        """What a package for the prosecutor needs besides the recording: what the ledgers say of
        it, signed."""
        return self._words(visit.recording, {})

    def _package(self, visit: Visit) -> LedgerWords:
        """The same with proofs that the office's entries lie in its log, which an entry names. If
        there are none yet, none is written."""
        return self._proven(visit.recording, visit.who, visit.body.case)

    def _redact(self, visit: Visit) -> SignedRedaction:
        """Sign what a tab changed in a redacted copy, once the ledger has it: no footage and no key
        comes here. Who made it, when and with which version is said here, not in the tab."""
        recording, said = visit.recording, visit.body
        path = next(iter(office_place(self._desk.directory).files_of(recording)), None)
        if path is None:
            raise refused(DeskRefusal.NOT_THERE)
        try:
            header = header_of(path)
        except ValueError:
            raise refused(DeskRefusal.NOT_THERE) from None
        if said.original.id != recording or any(problems(said, header.width, header.height)):
            raise refused(DeskRefusal.NOT_UNDERSTOOD)
        made_us = self._desk.clock.wall_us()
        said = replace(said, made_by=visit.who, made_us=made_us, software=SOFTWARE)
        token = jws.sign(self._desk.key, KIND, said, LONGEST)
        copy = jws.digest(token)
        facts = {"id": recording, "who": visit.who, "sha256": copy}
        facts |= {"recipient": said.recipient, "reference": said.reference}
        self._desk.ledger.append("redacted", **facts)
        words = self._proven(recording, visit.who, said.reference, copy)
        return SignedRedaction(token.decode("ascii"), self._desk.own.pem, words)

    def _proven(self, recording: str, who: str, case: str, copy: str | None = None) -> LedgerWords:
        """copy: SHA-256 of the list of a redacted copy, with which not every entry goes along."""
        log = OfficeLog(office_place(self._desk.directory).ledger)
        theirs = [
            one.entry
            for one in entries_of(self._place(recording), self._desk.own, recording)
            if one.ledger == "office" and (copy is None or goes_with_copy(one.entry.facts, copy))
        ]
        proven = log.prove(theirs)
        if proven is None:
            return self._words(recording, {}, copy)
        said = {"id": recording, "who": who, "case": case}
        self._desk.ledger.append("packaged", **said, **proven.facts)
        return replace(self._words(recording, proof_files(proven), copy), stamps=proven.stamps)

    def _place(self, recording: str) -> Place:
        """The office's, with the ledger of this recording's camera alone."""
        place = office_place(self._desk.directory)
        holding = place.holding_of(place.find(recording))
        return place if holding is None else replace(place, holdings=(holding,))

    def _words(
        self, recording: str, proofs: dict[str, str], copy: str | None = None
    ) -> LedgerWords:
        place, own = self._place(recording), self._desk.own
        found = list(entries_of(place, own, recording))
        packages = [one for one in found if isinstance(one.entry.facts, PackagedEntry)]
        # Earlier ones name proofs of other packages.
        dropped = packages[:-1] if proofs else packages
        found = [
            one
            for one in found
            if one in packages or copy is None or goes_with_copy(one.entry.facts, copy)
        ]
        found = [one for one in found if one not in dropped]
        carried: list[LedgerEntry] = []
        if not any(isinstance(one.entry.facts, Ended) for one in found):
            carried = list(ends_carried(place, own, recording))
        signers = {one.signer.thumbprint: one.signer.pem for one in (*found, *carried)}
        return LedgerWords(
            [one.entry.token.decode("ascii") for one in found],
            [one.entry.token.decode("ascii") for one in carried],
            [LedgerSigner(*one) for one in signers.items()],
            SOFTWARE,
            proofs,
        )


def _query(said: _Asked) -> RecordingQuery:
    fields = msgspec.structs.asdict(said)
    fields |= {f"{one}_said": fields.pop(one) for one in ("camera", "wearer", "id")}
    fields["ids"] = None if said.ids is None else tuple(said.ids.split(","))[:PAGE]
    return RecordingQuery(**fields)


def _row(one: IndexedRecording) -> dict[str, Any]:
    said = one.as_json()
    return {name: value for name, value in said.items() if name not in _OF_FILE}


def _read(path: str, recording: str) -> tuple[dict[str, Any] | None, bool]:
    """What a file says of itself, and whether there is one that cannot be read as a recording.
    What else is known is shown in any case."""
    stages: list[StageChange] = []

    def note(facts: FragmentFacts, _size: int) -> None:
        stages.extend(facts.stages[: MOST_EVENTS - len(stages)])

    try:
        return _said(*read_file(path, recording, note), stages), False
    except OSError as error:
        return None, error.errno != errno.ENOENT  # else it was deleted since
    except (ValueError, ArithmeticError):
        return None, True


def _said(info: RecordingInfo, skeleton: Skeleton, stages: list[StageChange]) -> dict[str, Any]:
    """What a recording's file says, with times in seconds of the recording. stages: of its
    commits."""
    header = skeleton.header
    origin = header.origin_us
    ended = skeleton.closed_by
    last = () if ended is None else ended.end.closing.stages

    def seconds(media_us: int | None) -> float | None:
        return None if media_us is None else (media_us - origin) / SECOND

    def spans(gaps: Iterable[Gap]) -> list[dict[str, Any]]:
        return [
            {"from": seconds(one.from_us), "to": seconds(one.to_us), "reason": one.reason}
            for one in gaps
        ]

    said = info.as_json()
    del said["path"]
    return said | {
        "key": skeleton.kid,
        "started_us": header.started_wall_us,
        "began_us": header.started_wall_us - (header.trigger_us - origin),
        "clock": header.clock.source.value,
        "trigger": header.trigger,
        "trigger_at": seconds(header.trigger_us),
        "stages": [{"at": seconds(one.at_us), "stage": one.stage} for one in (*stages, *last)],
        "gaps": spans(info.gaps),
        "sound_gaps": spans(info.sound_gaps),
        "recipients": header.recipients,
        "software": header.software,
    }
