"""``camerad office status`` and ``offer``: an office's cameras, their settings and updates.

Both work beside the server, on its directory; run them as its user.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from camerad.base.errors import EX_USAGE, CameradError
from camerad.base.text import count, printable

if TYPE_CHECKING:
    from camerad.evidence.camera_register import Register, RegisteredCamera
    from camerad.office.server.camera_overview import CameraOverview
    from camerad.office.server.check_ins import CheckIns
    from camerad.office.server.office_settings import OfficeFile

SETTINGS: Final = "settings"
UPDATE: Final = "update"
"""As `camerad.store.check_in` has them, which is slow to import."""
_MINUTE: Final = 60 * 1_000_000
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR


class NoSuchCameraError(CameradError, ValueError):
    """Error raised when a camera is named that the office's register does not have."""

    exit_code = EX_USAGE


def add_actions(actions: Any) -> list[argparse.ArgumentParser]:
    """Add them to those of `camerad office`; returns the parsers that need the settings."""
    status = actions.add_parser(
        "status",
        help="which cameras are ready to hand out, and why others are not",
        description="One line for each camera of the register, as of its last check-in: first "
        "those that were never seen, then those that are not to be handed out, and why.",
    )
    status.add_argument("--json", action="store_true", help="for programs")
    offer = actions.add_parser("offer", help="have a camera fetch settings from its dock")
    kinds = offer.add_subparsers(dest="offer_action", required=True, metavar="WHAT")
    settings = kinds.add_parser(
        "settings",
        help="offer a camera its signed settings file",
        description="The camera that the file names fetches it at its next check-in, judges it as "
        "one on its card, and runs by it from its next start on. A reset, and a camera's first "
        "file, go by card.",
    )
    settings.add_argument(
        "file", metavar="FILE", help="camerad-provision.yaml; its signature lies beside it"
    )
    settings.add_argument(
        "--signature", metavar="FILE", help="default: camerad-provision.jws beside the file"
    )
    settings.add_argument(
        "--leave-this-server",
        action="store_true",
        help="offer it also if it names another server, or none: the camera then hands over "
        "nothing more here, and fetches no settings here",
    )
    update = kinds.add_parser(
        "update",
        help="offer cameras another version of their system",
        description="The cameras fetch it in their docks, when everything is handed over, judge it "
        "as one on a stick, and try it. What came of it is in 'camerad office status'.",
    )
    update.add_argument("bundle", metavar="BUNDLE", help="the .raucb file of the new version")
    which = update.add_mutually_exclusive_group(required=True)
    which.add_argument(
        "--camera",
        action="append",
        metavar="NAME",
        dest="cameras",
        help="a camera's name in the register; may be given again",
    )
    which.add_argument("--all", action="store_true", help="every camera of the register")
    withdraw = kinds.add_parser("withdraw", help="offer a camera nothing any more")
    withdraw.add_argument(
        "cameras", metavar="NAME", nargs="*", help="the camera's name in the register"
    )
    withdraw.add_argument("--all", action="store_true", help="every camera of the register")
    withdraw.add_argument(
        "--kind", choices=(SETTINGS, UPDATE), help="this kind of offer alone; default: every one"
    )
    return [status, settings, update, withdraw]


def run(options: argparse.Namespace) -> int:
    """Carry it out; returns the exit code. Raises CameradError."""
    from camerad.office.server.office_settings import load  # noqa: PLC0415 - slow to import

    settings = load(options.config, with_files=False)
    if options.action == "status":
        return _status(settings, as_json=options.json)
    if options.offer_action == SETTINGS:
        return _offer(settings, options)
    if options.offer_action == UPDATE:
        return _offer_update(settings, options)
    return _withdraw(settings, options)


# ----------------------------------------------------------------------------------------- status


def _status(settings: OfficeFile, *, as_json: bool) -> int:
    from camerad.base.clock import SystemClock  # noqa: PLC0415 - slow to import
    from camerad.office.server.camera_overview import overview  # noqa: PLC0415
    from camerad.office.server.settings_offers import SettingsOffers  # noqa: PLC0415
    from camerad.office.server.update_offers import UpdateOffers  # noqa: PLC0415
    from camerad.office.server.withdrawn_cameras import WithdrawnCameras  # noqa: PLC0415

    register, check_ins = _office(settings)
    now_us = SystemClock().wall_us()
    root = str(settings.directory)
    offers = SettingsOffers(root), UpdateOffers(root)
    found = overview(register, check_ins, *offers, now_us, withdrawn=WithdrawnCameras(root))
    if as_json:
        sys.stdout.write(json.dumps([_as_json(one) for one in found], indent=2) + "\n")
        return 0
    if not found:
        sys.stdout.write(
            f"no camera is in the register, {printable(settings.register)}. If the desk has "
            "collected some, put its register.json there; otherwise collect their cards: camerad "
            "provision collect\n"
        )
        return 0
    rows = [_HEAD, *(_row(one, now_us) for one in found)]
    sys.stdout.write("".join(f"{line}\n" for line in _table(rows)))
    wrong = sum(bool(one.reasons) for one in found)
    sys.stdout.write(
        f"\n{count(len(found), 'camera')} in the register, {wrong} not ready\n"
        "Is one missing that was collected at the desk? Put the desk's register.json into place: "
        f"{printable(settings.register)}\n"
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


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    shown = [[printable(text) for text in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    return [
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        for row in shown
    ]


def _as_json(one: CameraOverview) -> dict[str, Any]:
    from camerad.container.statements import rfc3339  # noqa: PLC0415 - slow to import
    from camerad.office.server.camera_overview import OfferedUpdateState  # noqa: PLC0415

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


def _offer(settings: OfficeFile, options: argparse.Namespace) -> int:
    from camerad.base.safe_read import read_plain  # noqa: PLC0415 - slow to import
    from camerad.config.provisioning import MAX_BYTES  # noqa: PLC0415
    from camerad.office.server.offer_check import make_offer  # noqa: PLC0415
    from camerad.office.server.offered_server import check_server  # noqa: PLC0415
    from camerad.office.server.settings_offers import SettingsOffers  # noqa: PLC0415
    from camerad.provisioning import signing  # noqa: PLC0415

    register, check_ins = _office(settings)
    file = options.file
    beside = options.signature or os.path.join(os.path.dirname(os.path.abspath(file)), signing.NAME)
    content = read_plain(file, "settings", MAX_BYTES + 1, linked=True)
    token = read_plain(beside, "signature", signing.LONGEST + 1, linked=True)
    if not options.leave_this_server:
        check_server(file, content, settings)
    camera, offer = make_offer(file, content, token, register, check_ins)
    SettingsOffers(str(settings.directory)).put(camera.thumbprint, offer)
    sys.stdout.write(
        f"{printable(camera.name)}: on offer. The camera fetches it in its dock, and runs by it "
        "from its next start on; see: camerad office status\n"
    )
    return 0


def _offer_update(settings: OfficeFile, options: argparse.Namespace) -> int:
    from camerad.office.server.camera_quotas import GIB  # noqa: PLC0415 - slow to import
    from camerad.office.server.update_offers import UpdateOffers  # noqa: PLC0415

    register, check_ins = _office(settings)
    cameras = _named(register, options)
    offer = UpdateOffers(str(settings.directory)).put(
        options.bundle,
        [camera.thumbprint for camera in cameras],
        reserve=settings.receive.reserve_gib * GIB,
    )
    sys.stdout.write(
        f"version {printable(offer.version)}, for {printable(offer.compatible)}, is on offer to "
        f"{count(len(cameras), 'camera')}. Each fetches it in its dock, when everything is handed "
        "over, and tries it; see: camerad office status\n"
    )
    for camera in cameras:
        last = check_ins.last(camera.thumbprint)
        if last is not None and last.said.image in (None, offer.version):
            why = "runs it already" if last.said.image else "was not made from an image"
            sys.stdout.write(f"{printable(camera.name)} {why}, and fetches nothing\n")
    return 0


def _withdraw(settings: OfficeFile, options: argparse.Namespace) -> int:
    from camerad.office.server.settings_offers import SettingsOffers  # noqa: PLC0415 - slow to import
    from camerad.office.server.update_offers import UpdateOffers  # noqa: PLC0415

    register, _ = _office(settings)
    root = str(settings.directory)
    kinds = [
        one
        for one in (SettingsOffers(root), UpdateOffers(root))
        if options.kind in (None, one.kind)
    ]
    for camera in _named(register, options):
        gone = [one.kind for one in kinds if one.withdraw(camera.thumbprint)]
        said = (
            f"offered no more ({', '.join(gone)}); a camera that has fetched it keeps it"
            if gone
            else "nothing was on offer"
        )
        sys.stdout.write(f"{printable(camera.name)}: {said}\n")
    return 0


def _named(register: Register, options: argparse.Namespace) -> list[RegisteredCamera]:
    """The cameras that were named. Raises NoSuchCameraError."""
    if options.all:
        if not register.cameras:
            raise NoSuchCameraError(
                "no camera is in the office's register: put the desk's register.json into place"
            )
        return list(register.cameras)
    if not options.cameras:
        raise NoSuchCameraError("name a camera, or all of them with --all")
    found = []
    for name in options.cameras:
        camera = register.by_name(name)
        if camera is None:
            raise NoSuchCameraError(
                f"{printable(name)}: no camera of that name is in the office's register; 'camerad "
                "office status' lists all"
            )
        found.append(camera)
    return found


def _office(settings: OfficeFile) -> tuple[Register, CheckIns]:
    """The register and the check-ins. Raises NotMountedError if the office's directory is away,
    RegisterError and StorageError."""
    from camerad.base.clock import SystemClock  # noqa: PLC0415 - slow to import
    from camerad.evidence import camera_register  # noqa: PLC0415
    from camerad.office.server.cameras import Cameras  # noqa: PLC0415
    from camerad.office.server.check_ins import CheckIns  # noqa: PLC0415
    from camerad.office.server.start_check import check_directory  # noqa: PLC0415

    check_directory(str(settings.directory))
    path = str(settings.register)
    cameras = Cameras(path)
    check_ins = CheckIns(str(settings.directory), cameras, SystemClock())
    return camera_register.read(path, made=True), check_ins
