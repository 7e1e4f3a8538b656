"""``camerad office status`` and ``offer``: an office's cameras, their settings and updates.

Both work beside the server, on its directory; run them as its user.
"""

from __future__ import annotations

import argparse
import os
from typing import Any, Final, NamedTuple

from camerad.base.clock import SystemClock
from camerad.base.safe_read import read_plain
from camerad.base.text import count
from camerad.cli.console import CommandError, format_table, print_json, print_line
from camerad.config.provisioning import MAX_BYTES
from camerad.container.statements import rfc3339
from camerad.evidence import camera_register
from camerad.evidence.camera_register import Register, RegisteredCamera
from camerad.office.server.camera_overview import CameraOverview, OfferedUpdateState, overview
from camerad.office.server.cameras import Cameras
from camerad.office.server.check_ins import CheckIns
from camerad.office.server.offer_check import check_server, make_offer
from camerad.office.server.offers import KINDS, Offers, offer_of
from camerad.office.server.office_settings import OfficeFile, load
from camerad.office.server.preflight import check_directory
from camerad.office.server.revoked_cameras import RevokedCameras
from camerad.office.server.state_import import open_state
from camerad.office.server.upload_limits import GIB
from camerad.office.state.office_state import OfficeState
from camerad.provisioning import signing

_MINUTE: Final = 60 * 1_000_000
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR


# ----------------------------------------------------------------------------------------- status


def status(options: argparse.Namespace) -> int:
    """Print which cameras are ready to hand out, and why others are not."""
    settings = load(options.config, with_files=False)

    office = _open(settings)
    now_us = SystemClock().wall_us()
    revoked = RevokedCameras(office.state)
    found = overview(office.register, office.check_ins, office.offers, revoked, now_us)
    if options.json:
        print_json([_as_json(one) for one in found], indent=2)
        return 0
    if not found:
        print_line(
            f"no camera is in the register, {settings.register}. If the desk has "
            "collected some, put its register.json there; otherwise collect their cards: camerad "
            "provision collect"
        )
        return 0
    rows = [_HEAD, *(_row(one, now_us) for one in found)]
    for line in format_table(rows).splitlines():
        print_line(line)
    wrong = sum(bool(one.reasons) for one in found)
    print_line("")
    print_line(f"{count(len(found), 'camera')} in the register, {wrong} not ready")
    print_line(
        "Is one missing that was collected at the desk? Put the desk's register.json into place: "
        f"{settings.register}"
    )
    return 0


_HEAD: Final = (
    "CAMERA",
    "SEEN",
    "VERSION",
    "BATTERY",
    "LEFT",
    "SETTINGS",
    "UPDATE",
    "NOT READY BECAUSE",
)


def _row(one: CameraOverview, now_us: int) -> tuple[str, ...]:
    said, last = one.said, one.last
    stands = (one.settings.value, str(one.update), "; ".join(one.reasons))
    if said is None or last is None:
        return (one.name, "never", "", "", "", *stands)
    battery = "" if said.battery is None else f"{said.battery} %"
    return (
        one.name,
        _ago(now_us - last.arrived_us),
        said.software if said.image is None else said.image,
        battery,
        str(said.recordings.unacknowledged),
        *stands,
    )


def _ago(passed_us: int) -> str:
    """How long ago that was. A clock that was set back makes it no time at all."""
    passed_us = max(0, passed_us)
    if passed_us < 2 * _HOUR:
        return f"{passed_us // _MINUTE} min ago"
    if passed_us < 2 * _DAY:
        return f"{passed_us // _HOUR} h ago"
    return f"{passed_us // _DAY} days ago"


def _as_json(one: CameraOverview) -> dict[str, Any]:

    said, last = one.said, one.last
    about: dict[str, Any] = {
        "name": one.name,
        "thumbprint": one.kid,
        "seen": None if last is None else rfc3339(last.arrived_us),
        "ready": not one.reasons,
        "reasons": list(one.reasons),
        "settings": one.settings.value,
        "update": None
        if one.update.state is OfferedUpdateState.NONE
        else {
            "version": one.update.version,
            "state": one.update.state.value,
            "why": one.update.text,
        },
    }
    if said is None:
        return about
    running = said.settings
    return {
        **about,
        "version": said.software,
        "image": said.image,
        "conditions": list(said.conditions),
        "battery": said.battery,
        "unacknowledged": said.recordings.unacknowledged,
        "recordings": said.recordings.here,
        "serial": None if running is None else running.serial,
        "storage": None
        if said.storage is None
        else {"free": said.storage.free, "total": said.storage.total},
        "refused": [{"sha256": one.sha256, "why": one.why} for one in said.refused_offers],
    }


# ------------------------------------------------------------------------------------------ offer


def offer_settings(options: argparse.Namespace) -> int:
    """Offer a camera its signed settings file."""
    settings = load(options.config, with_files=False)

    office = _open(settings)
    file = options.file
    beside = options.signature or os.path.join(os.path.dirname(os.path.abspath(file)), signing.NAME)
    content = read_plain(file, "settings", MAX_BYTES + 1, linked=True)
    token = read_plain(beside, "signature", signing.LONGEST + 1, linked=True)
    if not options.leave_this_server:
        check_server(file, content, settings)
    camera, offer = make_offer(file, content, token, office.register, office.check_ins)
    with office.state.writing() as rows:
        office.offers.put(rows, [camera.thumbprint], offer_of(offer))
    print_line(
        f"{camera.name}: on offer. The camera fetches it in its dock, and runs by it "
        "from its next start on; see: camerad office status"
    )
    return 0


def offer_update(options: argparse.Namespace) -> int:
    """Offer cameras another version of their system."""
    settings = load(options.config, with_files=False)

    office = _open(settings)
    cameras = _named(office.register, options)
    offer = office.offers.put_file(
        options.bundle,
        [camera.thumbprint for camera in cameras],
        reserve=settings.receive.reserve_gib * GIB,
    )
    print_line(
        f"version {offer.version}, for {offer.compatible}, is on offer to "
        f"{count(len(cameras), 'camera')}. Each fetches it in its dock, when everything is handed "
        "over, and tries it; see: camerad office status"
    )
    for camera in cameras:
        last = office.check_ins.last(camera.thumbprint)
        if last is not None and last.said.image in (None, offer.version):
            why = "runs it already" if last.said.image else "was not made from an image"
            print_line(f"{camera.name} {why}, and fetches nothing")
    return 0


def withdraw_offers(options: argparse.Namespace) -> int:
    """Offer cameras nothing any more."""
    settings = load(options.config, with_files=False)

    office = _open(settings)
    kinds = KINDS if options.kind is None else (options.kind,)
    for camera in _named(office.register, options):
        with office.state.writing() as rows:
            gone = [one for one in kinds if office.offers.withdraw(rows, camera.thumbprint, one)]
        office.offers.remove_unoffered()
        said = (
            f"offered no more ({', '.join(gone)}); a camera that has fetched it keeps it"
            if gone
            else "nothing was on offer"
        )
        print_line(f"{camera.name}: {said}")
    return 0


def _named(register: Register, options: argparse.Namespace) -> list[RegisteredCamera]:
    """The cameras that were named. Raises CommandError."""
    if options.all:
        if not register.cameras:
            raise CommandError(
                "no camera is in the office's register: put the desk's register.json into place"
            )
        return list(register.cameras)
    if not options.cameras:
        raise CommandError("name a camera, or all of them with --all")
    found = []
    for name in options.cameras:
        camera = register.by_name(name)
        if camera is None:
            raise CommandError(
                f"{name}: no camera of that name is in the office's register; 'camerad "
                "office status' lists all"
            )
        found.append(camera)
    return found


class _Office(NamedTuple):
    """What these commands work on. register: as it is now."""

    state: OfficeState
    register: Register
    check_ins: CheckIns
    offers: Offers


def _open(settings: OfficeFile) -> _Office:
    """Raises NotMountedError if the office's directory is away,
    RegisterError and StorageError."""
    directory, path = str(settings.directory), str(settings.register)
    check_directory(directory)
    state = open_state(settings.index, directory)
    return _Office(
        state,
        camera_register.read(path, made=True),
        CheckIns(state, Cameras(path), SystemClock()),
        Offers(state, directory),
    )
