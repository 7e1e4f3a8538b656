"""Requests about cameras: how each is, as far as the office knows, and who has withdrawn which.

It rests on what `camerad office status` rests on (`camerad.office.server.camera_overview`), and
besides on the copies of the cameras' ledgers (`camerad.office.server.camera_courses`). Those name
who wore a camera last: that is shown to whoever hands cameras out, and to nobody else.

A camera is withdrawn at once by whoever hands it out or manages it, and taken back by an
administrator alone. Either is an entry of the ledger before it takes effect.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Final, Literal

import msgspec
from msgspec.structs import replace

from camerad.base.clock import SECOND, Clock
from camerad.base.errors import CameradError
from camerad.evidence import camera_register
from camerad.evidence.camera_register import RegisteredCamera
from camerad.evidence.provisioning_files import parse_file
from camerad.exchange.agreements import CHECK_IN_SECONDS
from camerad.office.desk.desk_ledger import DeskLedger
from camerad.office.desk.desk_locks import DeskLocks
from camerad.office.desk.desk_refusals import DeskRefusal, refused
from camerad.office.desk.roles import EVERY_ROLE, DeskRole
from camerad.office.desk.route_table import Route, Visit
from camerad.office.server.camera_courses import CameraCourse, CameraCourses
from camerad.office.server.camera_overview import CameraOverview, NotReady, overview
from camerad.office.server.cameras import Cameras, UnregisteredError
from camerad.office.server.check_ins import CheckIns
from camerad.office.server.settings_offers import SettingsOffers
from camerad.office.server.update_offers import OfferedUpdate, UpdateOffers
from camerad.office.server.withdrawn_cameras import Withdrawal, WithdrawnCameras, lock_of
from camerad.provisioning import settings_offer
from camerad.store.check_in import DoctorResult
from camerad.store.holds import one_line

SEES_CAMERAS: Final = EVERY_ROLE - {DeskRole.DATA_PROTECTION}
SEES_WEARERS: Final = frozenset((DeskRole.SHIFT_LEAD,))
"""Whom the last shift's wearer is named to."""
HANDS_OUT: Final = frozenset((DeskRole.SHIFT_LEAD, DeskRole.ADMINISTRATOR))
MANAGES_CAMERAS: Final = frozenset((DeskRole.ADMINISTRATOR,))
AWAY_US: Final = round((2 * CHECK_IN_SECONDS + 300) * SECOND)
"""A camera in its dock says twice in this time how it is. Who has not is elsewhere, or its dock has
no network."""
_ORDER: Final = ("needs", "ready", "away", "withdrawn")


class SettingsOnOffer(msgspec.Struct, frozen=True):
    """A settings file on offer. serial: its number, None if it cannot be read."""

    sha256: str
    serial: int | None


class CameraRow(msgspec.Struct, frozen=True):
    """One camera, as of its last check-in. seen_us: when that came, None if it never did.

    state: "needs" (a hand, before it can be handed out), "ready", "away" (not in its dock, as far
    as the office knows) or "withdrawn". why_not: what keeps it. settings, update: as
    `camerad.office.server.camera_overview` has them, in one word each; update_text: why it was
    refused. serial: number of the settings that it runs by. offered_settings, offered_update: what
    is on offer. course: see `CameraCourse`, without the shift for whom no wearer is named to.
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
    offered_update: OfferedUpdate | None
    doctor: DoctorResult | None
    course: CameraCourse
    withdrawn: Withdrawal | None


class CameraList(msgspec.Struct, frozen=True):
    """rows: those first that need somebody. now_us: the server's time, by which ages count.
    wearers: whether the last shift's wearer is in them."""

    now_us: int
    wearers: bool
    rows: list[CameraRow]


class WithdrawCameraBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which camera, and why."""

    kid: str
    why: Literal["lost", "stolen", "broken", "other"]
    reason: str


class ReturnCameraBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which camera, and what is said about it."""

    kid: str
    reason: str


class CameraRoutes:
    """directory: the office's. register: file with its cameras."""

    def __init__(self, directory: str, register: str, ledger: DeskLedger, clock: Clock) -> None:
        self._register = register
        self._ledger = ledger
        self._clock = clock
        self._cameras = Cameras(register)
        self._check_ins = CheckIns(directory, self._cameras, clock)
        self._settings = SettingsOffers(directory, DeskLocks(directory))
        self._updates = UpdateOffers(directory, DeskLocks(directory))
        self._withdrawn = WithdrawnCameras(directory)
        self._courses = CameraCourses(directory, self._cameras)
        self._locks = DeskLocks(directory)

    def routes(self) -> Iterator[Route]:
        """All of them."""
        yield Route("GET", "/api/cameras", SEES_CAMERAS, self._list)
        yield Route("POST", "/api/cameras/withdraw", HANDS_OUT, self._withdraw, WithdrawCameraBody)
        yield Route("POST", "/api/cameras/return", MANAGES_CAMERAS, self._return, ReturnCameraBody)

    async def _list(self, visit: Visit) -> CameraList:
        roles = () if visit.person is None else visit.person.roles
        wearers = bool(SEES_WEARERS.intersection(roles))

        def collect() -> CameraList:
            register = camera_register.read(self._register, made=True)
            now_us = self._clock.wall_us()
            known = overview(
                register,
                self._check_ins,
                self._settings,
                self._updates,
                now_us,
                withdrawn=self._withdrawn,
            )
            courses = self._courses.read_all()
            rows = []
            for one in known:
                course = courses.get(one.kid, CameraCourse())
                if not wearers:
                    course = replace(course, shift=None)
                rows.append(self._row(one, course, now_us))
            rows.sort(key=lambda row: _ORDER.index(row.state))
            return CameraList(now_us, wearers, rows)

        return await asyncio.to_thread(collect)

    async def _withdraw(self, visit: Visit) -> Withdrawal:
        body: WithdrawCameraBody = visit.body
        reason = one_line("a reason", body.reason)

        def withdraw() -> Withdrawal:
            camera = self._find(body.kid)
            with self._locks.hold(lock_of(camera.thumbprint)):
                if self._withdrawn.find(camera.thumbprint) is not None:
                    raise refused(DeskRefusal.WITHDRAWN_ALREADY)
                made = Withdrawal(self._clock.wall_us(), visit.who, body.why, reason)
                self._note(visit, camera, "withdrawn", body.why, reason)
                self._withdrawn.put(camera.thumbprint, made)
            return made

        return await asyncio.to_thread(withdraw)

    async def _return(self, visit: Visit) -> None:
        body: ReturnCameraBody = visit.body
        reason = one_line("a reason", body.reason)

        def take_back() -> None:
            camera = self._find(body.kid)
            with self._locks.hold(lock_of(camera.thumbprint)):
                if self._withdrawn.find(camera.thumbprint) is None:
                    raise refused(DeskRefusal.NOT_WITHDRAWN)
                self._note(visit, camera, "returned", "", reason)
                self._withdrawn.remove(camera.thumbprint)

        await asyncio.to_thread(take_back)

    def _find(self, kid: str) -> RegisteredCamera:
        try:
            return self._cameras.find(kid)
        except UnregisteredError:
            raise refused(DeskRefusal.NOT_THERE) from None

    def _note(
        self, visit: Visit, camera: RegisteredCamera, what: str, why: str, reason: str
    ) -> None:
        self._ledger.append(
            "camera",
            kid=camera.thumbprint,
            name=camera.name,
            who=visit.who,
            what=what,
            why=why,
            reason=reason,
        )

    def _row(self, one: CameraOverview, course: CameraCourse, now_us: int) -> CameraRow:
        said, offered = one.said, None
        settings, update = self._settings.find(one.kid), self._updates.offered(one.kid)
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
            offered_update=update,
            doctor=None if said is None else said.doctor,
            course=course,
            withdrawn=one.withdrawn,
        )


def _state(one: CameraOverview, now_us: int) -> str:
    """A camera that is out is nobody's to mend, until it has been silent for a day."""
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
