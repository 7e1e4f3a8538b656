"""Requests about cameras: how each said it is, and what keeps it from being handed out.

It rests on what `camerad office status` rests on (`camerad.vault.camera_overview`). A camera says
nothing of who wore it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Final

import msgspec

from camerad.base.clock import Clock
from camerad.desk.roles import EVERY_ROLE, DeskRole
from camerad.desk.route_table import Route, Visit
from camerad.office import camera_register
from camerad.vault.camera_overview import CameraOverview, overview
from camerad.vault.cameras import Cameras
from camerad.vault.check_ins import CheckIns
from camerad.vault.settings_offers import SettingsOffers
from camerad.vault.update_offers import UpdateOffers

SEES_CAMERAS: Final = EVERY_ROLE - {DeskRole.DATA_PROTECTION}


class CameraRow(msgspec.Struct, frozen=True):
    """One camera, as of its last check-in. seen_us: when that came, None if it never did. reasons:
    why it is not to be handed out, in the words of the command."""

    name: str
    kid: str
    seen_us: int | None
    ready: bool
    battery: int | None
    conditions: tuple[str, ...]
    left: int | None
    version: str | None
    settings: str
    update: str
    doctor_failed: tuple[str, ...]
    reasons: tuple[str, ...]


class CameraRoutes:
    """directory: the office's. register: file with its cameras."""

    def __init__(self, directory: str, register: str, clock: Clock) -> None:
        self._register = register
        self._clock = clock
        self._check_ins = CheckIns(directory, Cameras(register), clock)
        self._offers = SettingsOffers(directory), UpdateOffers(directory)

    def routes(self) -> Iterator[Route]:
        """All of them."""
        yield Route("GET", "/api/cameras", SEES_CAMERAS, self._list)

    async def _list(self, _visit: Visit) -> list[CameraRow]:
        def collect() -> list[CameraRow]:
            register = camera_register.read(self._register, made=True)
            now = self._clock.wall_us()
            return [_row(one) for one in overview(register, self._check_ins, *self._offers, now)]

        return await asyncio.to_thread(collect)


def _row(one: CameraOverview) -> CameraRow:
    said = one.said
    return CameraRow(
        name=one.name,
        kid=one.kid,
        seen_us=None if one.last is None else one.last.arrived_us,
        ready=not one.reasons,
        battery=None if said is None else said.battery,
        conditions=() if said is None else tuple(said.conditions),
        left=None if said is None else said.recordings.unacknowledged,
        version=None if said is None else said.image or said.software,
        settings=one.settings.value,
        update=str(one.update),
        doctor_failed=() if said is None or said.doctor is None else tuple(said.doctor.failed),
        reasons=one.reasons,
    )
