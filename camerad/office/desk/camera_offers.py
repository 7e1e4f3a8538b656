"""Requests by which an administrator offers cameras their settings or an update, and takes it back.

The server signs nothing: settings are signed with the office's key, where that is, and a bundle by
the person who builds systems. What is sent here is judged as the commands do (``camerad office
offer``): settings as their camera would, by signature, number and key, and so that the camera stays
with this server; a bundle by its form alone, since what cameras trust for it is in their systems.
What is not offered is no mistake of the request: the answer says why.

A bundle goes to the storage as it comes, one at a time, with no more in memory than a piece of it.
Its name comes from its content. Each offer is an entry of the ledger before it is there, one for
each camera, and in one turn with it (`camerad.office.server.offers`). While a bundle comes,
its sender is at work here: their session goes on. Once it has ended all the same, or they are
withdrawn, no more of it is taken, and the place is free for others.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from typing import Final, Literal

import msgspec
from sqlalchemy import Connection

from camerad.base.errors import ConfigError
from camerad.base.message_ids import MessageId
from camerad.base.text import printable
from camerad.config.provisioning import NAME
from camerad.evidence import camera_register
from camerad.evidence.camera_register import Register, RegisteredCamera
from camerad.office.desk.camera_routes import MANAGES_CAMERAS
from camerad.office.desk.desk_ledger import Decision
from camerad.office.desk.desk_parts import DeskParts
from camerad.office.desk.desk_refusals import DeskRefusal, refused
from camerad.office.desk.route_table import LONGEST_BODY, Route, Visit
from camerad.office.desk.sealed_answer import AGAIN_US
from camerad.office.server import bodies
from camerad.office.server.check_ins import CheckIns
from camerad.office.server.offer_check import make_offer
from camerad.office.server.offered_server import check_server
from camerad.office.server.offers import (
    BundleCopy,
    CameraOffer,
    Offers,
    offer_of,
)
from camerad.office.server.refusals import RefusedRequestError
from camerad.office.server.revoked_cameras import RevokedCameras
from camerad.office.server.update_bundle import OfferRefusedError
from camerad.office.server.upload_limits import GIB
from camerad.provisioning.validation import RefusalReason

_log = logging.getLogger(__name__)

FILE: Final = "application/octet-stream"
BUNDLE: Final = "bundle"
"""What messages call it: the name that it had elsewhere says nothing."""


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


class CameraOffers:
    """Offers of settings and updates to cameras."""

    def __init__(self, desk: DeskParts) -> None:
        self._desk = desk
        self._check_ins = CheckIns(desk.state, desk.cameras, desk.clock)
        self._offers = Offers(desk.state, desk.directory)
        self._revoked = RevokedCameras(desk.state)
        self._reserve = desk.settings.receive.reserve_gib * GIB
        self._receiving = False

    def routes(self) -> Iterator[Route]:
        """All of them."""
        take, most = self._offer_settings, LONGEST_BODY
        yield Route("POST", "/api/offers/settings", MANAGES_CAMERAS, take, SettingsBody, most)
        yield Route("POST", "/api/offers/update", MANAGES_CAMERAS, self._receive, sends=FILE)
        yield Route("POST", "/api/offers/more", MANAGES_CAMERAS, self._offer_more, MoreBody)
        yield Route("POST", "/api/offers/back", MANAGES_CAMERAS, self._take_back, OfferBackBody)

    # ------------------------------------------------------------------ settings

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

    # ------------------------------------------------------------------ updates

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
                await asyncio.to_thread(self._check_signed_in, visit)
                asked_us = self._desk.clock.now_us()
            yield piece

    def _check_signed_in(self, visit: Visit) -> None:
        if self._desk.sessions.find(visit.secret) is None:
            raise refused(DeskRefusal.NOT_SIGNED_IN)

    def _offer_copy(
        self, visit: Visit, copy: BundleCopy, cameras: list[RegisteredCamera]
    ) -> OfferAnswer:
        self._check_signed_in(visit)
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

    # ------------------------------------------------------------------ both

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


def _note(
    decision: Decision, visit: Visit, cameras: list[RegisteredCamera], what: str, offer: CameraOffer
) -> None:
    said = {"who": visit.who, "what": what, "offer": offer.kind, "sha256": offer.sha256}
    said["version"] = offer.version
    decision.append_all(
        [("offer", said | {"kid": one.thumbprint, "name": one.name}) for one in cameras]
    )
