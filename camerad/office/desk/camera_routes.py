"""Requests about cameras: their state, revocation, labels and badges, and
offers of settings and updates.

The state rests on what `camerad office status` rests on (`camerad.office.server.camera_overview`),
and besides on the copies of the cameras' ledgers (`camerad.office.server.camera_courses`). Those
name who wore a camera last: that is shown to people who hand cameras out, and to no others. A
camera is revoked by people who hand it out or manage it, and taken back by an administrator alone.

The server signs nothing: settings are signed with the office's key, where that is, and a bundle by
the person who builds systems. What an administrator sends is judged as the commands do (``camerad
office offer``): settings as their camera would, by signature, number and key, and so that the
camera stays with this server; a bundle by its form alone, since what cameras trust for it is in
their systems. What is not offered is no mistake of the request: the answer says why.

A bundle goes to the storage as it comes, one at a time, with no more in memory than a piece of it.
While it comes, its sender's session goes on; once it has ended all the same, or they are withdrawn,
no more is taken, and the place is free for others.

Each change is an entry of the ledger before it takes effect, one for each camera.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping
from datetime import UTC, datetime
from typing import Annotated, Final, Literal

import msgspec
from aiohttp import web
from msgspec.structs import replace
from sqlalchemy import Connection

from camerad.base.clock import SECOND
from camerad.base.errors import CameradError, ConfigError
from camerad.base.message_ids import MessageId
from camerad.base.text import printable
from camerad.base.words import languages, words_in
from camerad.behaviour.badge import is_wearer
from camerad.config.provisioning import NAME
from camerad.evidence import camera_register
from camerad.evidence.badge_drawing import draw_badge
from camerad.evidence.camera_register import Register, RegisteredCamera
from camerad.evidence.labels import STYLE, render_labels
from camerad.evidence.provisioning_files import parse_file
from camerad.exchange.agreements import CHECK_IN_SECONDS
from camerad.office.desk.desk_ledger import Decision
from camerad.office.desk.desk_refusals import DeskRefusal, refused
from camerad.office.desk.people import EVERY_ROLE, DeskRole
from camerad.office.desk.route_table import LONGEST_BODY, DeskParts, Open, Route, Visit
from camerad.office.desk.sessions import AGAIN_US
from camerad.office.server import bodies
from camerad.office.server.camera_courses import CameraCourse, CameraCourses
from camerad.office.server.camera_overview import CameraOverview, NotReady, overview
from camerad.office.server.check_ins import CheckIns
from camerad.office.server.log_vouching import LogVouching, Vouching
from camerad.office.server.offer_check import check_server, make_offer
from camerad.office.server.offers import (
    BundleCopy,
    CameraOffer,
    Offers,
    offer_of,
)
from camerad.office.server.refusals import RefusedRequestError
from camerad.office.server.revoked_cameras import Revocation, RevokedCameras
from camerad.office.server.update_bundle import OfferRefusedError
from camerad.office.server.upload_limits import GIB
from camerad.provisioning import settings_offer
from camerad.provisioning.validation import RefusalReason
from camerad.store.check_in import SETTINGS, UPDATE, DoctorResult
from camerad.store.holds import one_line

_log = logging.getLogger(__name__)

SEES_CAMERAS: Final = EVERY_ROLE - {DeskRole.DATA_PROTECTION}
SEES_WEARERS: Final = frozenset((DeskRole.SHIFT_LEAD,))
"""Roles that see the last shift's wearer."""
HANDS_OUT: Final = frozenset((DeskRole.SHIFT_LEAD, DeskRole.ADMINISTRATOR))
MANAGES_CAMERAS: Final = frozenset((DeskRole.ADMINISTRATOR,))
AWAY_US: Final = round((2 * CHECK_IN_SECONDS + 300) * SECOND)
"""A camera in its dock says twice in this time how it is. Who has not is elsewhere, or its dock has
no network."""
MOST_BADGES: Final = 50
"""In one request."""
STYLE_PATH: Final = "/page/labels.css"
_LINKED: Final = (
    f'<link rel="stylesheet" href="{STYLE_PATH}">\n'
    '<script type="module" src="/page/print.js"></script>'
)
FILE: Final = "application/octet-stream"
BUNDLE: Final = "bundle"
"""What messages call it: the name that it had elsewhere says nothing."""
_ORDER: Final = ("needs", "ready", "away", "withdrawn")


class SettingsOnOffer(msgspec.Struct, frozen=True):
    """A settings file on offer. serial: its number, None if it cannot be read."""

    sha256: str
    serial: int | None


class UpdateOnOffer(msgspec.Struct, frozen=True):
    """An update on offer; see `camerad.office.server.offers.CameraOffer`."""

    sha256: str
    bytes: int
    compatible: str
    version: str


class CameraRow(msgspec.Struct, frozen=True):
    """One camera, as of its last check-in. seen_us: when that came, None if it never did.

    state: "needs" (a hand, before it can be handed out), "ready", "away" (not in its dock, as far
    as the office knows) or "withdrawn". why_not: what keeps it. settings, update: as
    `camerad.office.server.camera_overview` has them, in one word each; update_text: why it was
    refused. serial: number of the settings that it runs by. offered_settings, offered_update: what
    is on offer. witnessed_us: as `CameraOverview` has it. course: see `CameraCourse`, without the
    shift for a role that is not one of `SEES_WEARERS`.
    """

    name: str
    kid: str
    state: str
    seen_us: int | None
    why_not: tuple[NotReady, ...]
    battery: int | None
    left: int | None
    version: str | None
    serial: int | None
    settings: str
    update: str
    update_text: str
    offered_settings: SettingsOnOffer | None
    offered_update: UpdateOnOffer | None
    doctor: DoctorResult | None
    course: CameraCourse
    withdrawn: Revocation | None
    witnessed_us: int | None


class CameraList(msgspec.Struct, frozen=True):
    """rows: those first that need a person. now_us: the server's time, by which ages count.
    wearers: whether the last shift's wearer is in them. vouching: what others outside vouched for,
    None if it cannot be read."""

    now_us: int
    wearers: bool
    rows: list[CameraRow]
    vouching: list[Vouching] | None


class WithdrawCameraBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which camera, and why."""

    kid: str
    why: Literal["lost", "stolen", "broken", "other"]
    reason: str


class ReturnCameraBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which camera, and what is said about it."""

    kid: str
    reason: str


class BadgesBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """wearers: ids of the wearers whose badges are drawn."""

    wearers: Annotated[tuple[str, ...], msgspec.Meta(min_length=1, max_length=MOST_BADGES)]


class DrawnBadge(msgspec.Struct, frozen=True):
    """svg: with its size, `camerad.evidence.badge_drawing`."""

    wearer: str
    svg: str


class LeftOut(msgspec.Struct, frozen=True):
    """A camera that was not offered what others were. why: "withdrawn", "no_image" (it was not made
    from an image, so it takes none) or "runs_it"."""

    name: str
    why: str


class OfferAnswer(msgspec.Struct, frozen=True):
    """cameras: names of those that it is offered to; none if it is not. left_out: the others that
    it was meant for. why: a word for why it is offered to none, "" if nothing is against it. text:
    that in English, as the command says it. version: of an update."""

    cameras: tuple[str, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    why: str = ""
    text: str = ""
    version: str = ""


class SettingsBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A settings file and its signature, as they lie on a card."""

    settings: str
    signature: str


class MoreBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A bundle that others are offered, and cameras by their keys."""

    sha256: str
    cameras: tuple[str, ...]


class OfferBackBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which camera is offered no more of a kind."""

    kid: str
    offer: Literal["settings", "update"]


class CameraRoutes:
    """How cameras are, which are revoked, what is printed for them, and what they are offered."""

    def __init__(self, desk: DeskParts) -> None:
        self._desk = desk
        self._check_ins = CheckIns(desk.state, desk.cameras, desk.clock)
        self._offers = Offers(desk.state, desk.directory)
        self._revoked = RevokedCameras(desk.state)
        self._vouching = LogVouching(desk.settings, desk.clock)
        self._courses = CameraCourses(desk.directory, desk.cameras)
        self._reserve = desk.settings.receive.reserve_gib * GIB
        self._receiving = False

    def routes(self) -> Iterator[Route]:
        """All of them."""
        yield Route("GET", "/api/cameras", SEES_CAMERAS, self._list)
        yield Route("POST", "/api/cameras/withdraw", HANDS_OUT, self._withdraw, WithdrawCameraBody)
        yield Route("POST", "/api/cameras/return", MANAGES_CAMERAS, self._return, ReturnCameraBody)
        yield Route("GET", STYLE_PATH, Open.TO_ANYONE, self._style)
        yield Route("GET", "/sheets/labels", HANDS_OUT, self._labels)
        yield Route("POST", "/api/badges", HANDS_OUT, self._badges, BadgesBody)
        take, most = self._offer_settings, LONGEST_BODY
        yield Route("POST", "/api/offers/settings", MANAGES_CAMERAS, take, SettingsBody, most)
        yield Route("POST", "/api/offers/update", MANAGES_CAMERAS, self._receive, sends=FILE)
        yield Route("POST", "/api/offers/more", MANAGES_CAMERAS, self._offer_more, MoreBody)
        yield Route("POST", "/api/offers/back", MANAGES_CAMERAS, self._take_back, OfferBackBody)

    def _list(self, visit: Visit) -> CameraList:
        wearers = bool(SEES_WEARERS & visit.roles)
        register = camera_register.read(self._desk.register, made=True)
        now_us = self._desk.clock.wall_us()
        known = overview(register, self._check_ins, self._offers, self._revoked, now_us)
        offered = self._offers.list_all()
        courses = self._courses.read_all()
        rows = []
        for one in known:
            course = courses.get(one.kid, CameraCourse())
            if not wearers:
                course = replace(course, shift=None)
            rows.append(self._row(one, course, offered, now_us))
        rows.sort(key=lambda row: _ORDER.index(row.state))
        try:
            vouching = self._vouching.list_all()
        except CameradError:
            vouching = None  # the watch logs it, and alerts people
        return CameraList(now_us, wearers, rows, vouching)

    def _withdraw(self, visit: Visit) -> Revocation:
        body: WithdrawCameraBody = visit.body
        reason = one_line("a reason", body.reason)
        camera = self._desk.cameras.find(body.kid)
        made = Revocation(self._desk.clock.wall_us(), visit.who, body.why, reason)
        with self._desk.ledger.deciding() as decision:
            if not self._revoked.put(decision.rows, camera.thumbprint, made):
                raise refused(DeskRefusal.WITHDRAWN_ALREADY)
            said = {"who": visit.who, "what": "withdrawn", "why": body.why, "reason": reason}
            decision.append("camera", kid=camera.thumbprint, name=camera.name, **said)
        return made

    def _return(self, visit: Visit) -> None:
        reason = one_line("a reason", visit.body.reason)
        camera = self._desk.cameras.find(visit.body.kid)
        with self._desk.ledger.deciding() as decision:
            if not self._revoked.remove(decision.rows, camera.thumbprint):
                raise refused(DeskRefusal.NOT_WITHDRAWN)
            said = {"who": visit.who, "what": "returned", "why": "", "reason": reason}
            decision.append("camera", kid=camera.thumbprint, name=camera.name, **said)

    def _style(self, _visit: Visit) -> web.Response:
        return web.Response(text=STYLE, content_type="text/css", charset="utf-8")

    def _labels(self, visit: Visit) -> web.Response:
        """A label for each camera, or for those whose keys the address names."""
        language = visit.request.query.get("language", "")
        words = words_in(language if language in languages() else "de")
        wanted = frozenset(visit.request.query.getall("camera", ()))
        made = datetime.fromtimestamp(self._desk.clock.wall_us() / SECOND, UTC).astimezone()
        known = camera_register.read(self._desk.register, made=True).cameras
        chosen = tuple(one for one in known if not wanted or one.thumbprint in wanted)
        page = render_labels(Register(chosen), words, made, linked=_LINKED)
        return web.Response(text=page, content_type="text/html", charset="utf-8")

    def _badges(self, visit: Visit) -> list[DrawnBadge]:
        """Wearer's ids come with a POST, so that they stand in no address; none is kept."""
        wearers: tuple[str, ...] = visit.body.wearers
        if not all(map(is_wearer, wearers)):
            raise refused(DeskRefusal.BAD_WEARER)
        return [DrawnBadge(one, draw_badge(one).decode()) for one in wearers]

    def _row(
        self,
        one: CameraOverview,
        course: CameraCourse,
        offers: Mapping[tuple[str, str], CameraOffer],
        now_us: int,
    ) -> CameraRow:
        said, offered = one.said, None
        settings, update = offers.get((one.kid, SETTINGS)), offers.get((one.kid, UPDATE))
        if settings is not None:
            offered = SettingsOnOffer(settings.sha256, _serial(settings.content))
        running = None if said is None else said.settings
        return CameraRow(
            name=one.name,
            kid=one.kid,
            state=_state(one, now_us),
            seen_us=None if one.last is None else one.last.arrived_us,
            why_not=one.why_not,
            battery=None if said is None else said.battery,
            left=None if said is None else said.recordings.unacknowledged,
            version=None if said is None else said.image or said.software,
            serial=None if running is None else running.serial,
            settings=one.settings.name.lower(),
            update=one.update.state.name.lower(),
            update_text=one.update.text,
            offered_settings=offered,
            offered_update=None if update is None else _update_on_offer(update),
            doctor=None if said is None else said.doctor,
            course=course,
            withdrawn=one.withdrawn,
            witnessed_us=one.witnessed_us,
        )

    # ------------------------------------------------------------------ offers of settings

    def _offer_settings(self, visit: Visit) -> OfferAnswer:
        content, token = visit.body.settings.encode(), visit.body.signature.encode()
        try:
            check_server(NAME, content, self._desk.settings)
            camera, made = make_offer(NAME, content, token, self._read_register(), self._check_ins)
        except OfferRefusedError as error:
            return OfferAnswer(why=error.why, text=str(error))
        except ConfigError as error:
            return OfferAnswer(why=RefusalReason.MISTAKES.value, text=str(error))
        if self._revoked.is_revoked(camera.thumbprint):
            return OfferAnswer(why="withdrawn", text=f"{camera.name} is withdrawn")
        with self._desk.ledger.deciding() as decision:
            self._put(decision, visit, [camera], offer_of(made))
        return OfferAnswer((camera.name,))

    # ------------------------------------------------------------------ offers of updates

    async def _receive(self, visit: Visit) -> OfferAnswer:
        """Offer the bundle in the body to the cameras that the address names."""
        wanted = frozenset(visit.request.query.getall("camera", ()))
        length = visit.request.content_length
        if self._receiving:
            raise refused(DeskRefusal.BUSY)
        self._receiving = True
        try:
            cameras = await asyncio.to_thread(self._named, wanted)
            if length is None:
                raise refused(DeskRefusal.UPLOAD)
            return await self._copy(visit, cameras, length)
        except OfferRefusedError as error:
            return OfferAnswer(why=error.why, text=str(error))
        finally:
            self._receiving = False

    async def _copy(
        self, visit: Visit, cameras: list[RegisteredCamera], length: int
    ) -> OfferAnswer:
        copying = self._offers.copying(BUNDLE, length, self._reserve)
        copy = await asyncio.to_thread(copying.__enter__)
        try:
            async for piece in self._pieces(visit, length):
                await asyncio.to_thread(copy.write, piece)
            if copy.bytes != length:
                raise refused(DeskRefusal.UPLOAD)
            return await asyncio.to_thread(self._offer_copy, visit, copy, cameras)
        finally:
            await asyncio.to_thread(copying.__exit__, None, None, None)

    async def _pieces(self, visit: Visit, length: int) -> AsyncIterator[bytes]:
        """The body, for as long as its sender is signed in: to ask for that keeps their
        session. The slowest that `bodies.pieces` takes has a piece in a minute and a half."""
        asked_us = self._desk.clock.now_us()
        coming = bodies.pieces(visit.request, length)
        while True:
            try:
                piece = await anext(coming, b"")
            except RefusedRequestError as error:
                _log.warning("%s", printable(error), extra=MessageId.REQUEST_REFUSED.extra)
                raise refused(DeskRefusal.UPLOAD) from error
            if not piece:
                return
            if self._desk.clock.now_us() - asked_us >= AGAIN_US:
                await asyncio.to_thread(self._desk.sessions.check, visit.secret)
                asked_us = self._desk.clock.now_us()
            yield piece

    def _offer_copy(
        self, visit: Visit, copy: BundleCopy, cameras: list[RegisteredCamera]
    ) -> OfferAnswer:
        self._desk.sessions.check(visit.secret)
        version = copy.manifest(BUNDLE).version

        def add(_rows: Connection) -> CameraOffer:
            return self._offers.add_bundle(BUNDLE, copy, self._reserve)

        return self._offer_version(visit, cameras, version, add)

    def _offer_more(self, visit: Visit) -> OfferAnswer:
        """Offer a bundle that is here already to more cameras."""
        sha256 = visit.body.sha256
        cameras = self._named(frozenset(visit.body.cameras))
        found = self._offers.find_bundle(sha256)
        if found is None:
            raise refused(DeskRefusal.NOT_THERE)

        def still(rows: Connection) -> CameraOffer:
            if not self._offers.is_offered(rows, found):
                raise refused(DeskRefusal.NOT_THERE)
            return found

        answer = self._offer_version(visit, cameras, found.version, still)
        self._offers.remove_unoffered()
        return answer

    def _offer_version(
        self,
        visit: Visit,
        cameras: list[RegisteredCamera],
        version: str,
        find: Callable[[Connection], CameraOffer],
    ) -> OfferAnswer:
        taking, left_out = self._divided(cameras, version)
        if not taking:
            return OfferAnswer(left_out=left_out, why="none_left", version=version)

        with self._desk.ledger.deciding() as decision:
            self._put(decision, visit, taking, find(decision.rows))
        return OfferAnswer(tuple(one.name for one in taking), left_out, version=version)

    def _divided(
        self, cameras: list[RegisteredCamera], version: str
    ) -> tuple[list[RegisteredCamera], tuple[LeftOut, ...]]:
        """The cameras that could take a version, and those that could not."""
        taking, left_out = [], []
        for camera in cameras:
            last = self._check_ins.last(camera.thumbprint)
            if self._revoked.is_revoked(camera.thumbprint):
                left_out.append(LeftOut(camera.name, "withdrawn"))
            elif last is not None and last.said.image is None:
                left_out.append(LeftOut(camera.name, "no_image"))
            elif last is not None and last.said.image == version:
                left_out.append(LeftOut(camera.name, "runs_it"))
            else:
                taking.append(camera)
        return taking, tuple(left_out)

    # ------------------------------------------------------------------ offers of both

    def _take_back(self, visit: Visit) -> None:
        body: OfferBackBody = visit.body
        (camera,) = self._named(frozenset((body.kid,)))

        with self._desk.ledger.deciding() as decision:
            gone = self._offers.withdraw(decision.rows, camera.thumbprint, body.offer)
            if gone is None:
                raise refused(DeskRefusal.NOT_THERE)
            _note(decision, visit, [camera], "withdrawn", gone)
        self._offers.remove_unoffered()

    def _named(self, kids: Collection[str]) -> list[RegisteredCamera]:
        found = [one for one in self._read_register().cameras if one.thumbprint in kids]
        if not found or len(found) != len(kids):
            raise refused(DeskRefusal.NOT_THERE)
        return found

    def _read_register(self) -> Register:
        return camera_register.read(self._desk.register, made=True)

    def _put(
        self, decision: Decision, visit: Visit, cameras: list[RegisteredCamera], offer: CameraOffer
    ) -> None:
        self._offers.put(decision.rows, [one.thumbprint for one in cameras], offer)
        _note(decision, visit, cameras, "offered", offer)


def _update_on_offer(offer: CameraOffer) -> UpdateOnOffer:
    return UpdateOnOffer(offer.sha256, offer.length, offer.compatible, offer.version)


def _state(one: CameraOverview, now_us: int) -> str:
    """A camera that is out needs no attention, until it has been silent for a day."""
    if one.withdrawn is not None:
        return "withdrawn"
    silent = any(reason.code == "silent" for reason in one.why_not)
    if one.last is not None and not silent and now_us - one.last.arrived_us > AWAY_US:
        return "away"
    return "needs" if one.why_not else "ready"


def _serial(offer: bytes) -> int | None:
    try:
        content = settings_offer.split(offer)[0]
        return parse_file("offered settings", content).file.provision.serial
    except CameradError:
        return None  # the camera says so at its next check-in


def _note(
    decision: Decision, visit: Visit, cameras: list[RegisteredCamera], what: str, offer: CameraOffer
) -> None:
    said = {"who": visit.who, "what": what, "offer": offer.kind, "sha256": offer.sha256}
    said["version"] = offer.version
    decision.append_all(
        [("offer", said | {"kid": one.thumbprint, "name": one.name}) for one in cameras]
    )
