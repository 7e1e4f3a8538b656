"""``camerad office status`` and ``offer``: the cameras of an office, and settings for them.

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
    from camerad.office.camera_register import Register
    from camerad.vault.camera_overview import CameraOverview
    from camerad.vault.check_ins import CheckIns
    from camerad.vault.office_settings import OfficeFile

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
    withdraw = kinds.add_parser("withdraw", help="offer a camera nothing any more")
    withdraw.add_argument("camera", metavar="NAME", help="the camera's name in the register")
    return [status, settings, withdraw]


def run(options: argparse.Namespace) -> int:
    """Carry it out; returns the exit code. Raises CameradError."""
    from camerad.vault.office_settings import load  # noqa: PLC0415 - slow to import

    settings = load(options.config, with_files=False)
    if options.action == "status":
        return _status(settings, as_json=options.json)
    if options.offer_action == "settings":
        return _offer(settings, options)
    return _withdraw(settings, options.camera)


# ----------------------------------------------------------------------------------------- status


def _status(settings: OfficeFile, *, as_json: bool) -> int:
    from camerad.base.clock import SystemClock  # noqa: PLC0415 - slow to import
    from camerad.vault.camera_overview import overview  # noqa: PLC0415
    from camerad.vault.settings_offers import SettingsOffers  # noqa: PLC0415

    register, check_ins = _office(settings)
    now_us = SystemClock().wall_us()
    found = overview(register, check_ins, SettingsOffers(str(settings.directory)), now_us)
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


_HEAD: Final = ("CAMERA", "SEEN", "VERSION", "BATTERY", "LEFT", "SETTINGS", "NOT READY BECAUSE")


def _row(one: CameraOverview, now_us: int) -> tuple[str, ...]:
    said, last = one.said, one.last
    if said is None or last is None:
        return (one.name, "never", "", "", "", one.settings.value, "; ".join(one.reasons))
    battery = "" if said.battery is None else f"{said.battery} %"
    return (
        one.name,
        _ago(now_us - last.arrived_us),
        said.software,
        battery,
        str(said.recordings.unacknowledged),
        one.settings.value,
        "; ".join(one.reasons),
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

    said, last = one.said, one.last
    about: dict[str, Any] = {
        "name": one.name,
        "thumbprint": one.kid,
        "seen": None if last is None else rfc3339(last.arrived_us),
        "ready": not one.reasons,
        "reasons": list(one.reasons),
        "settings": one.settings.value,
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
    from camerad.provisioning import signing  # noqa: PLC0415
    from camerad.vault.offer_check import make_offer  # noqa: PLC0415
    from camerad.vault.offered_server import check_server  # noqa: PLC0415
    from camerad.vault.settings_offers import SettingsOffers  # noqa: PLC0415

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


def _withdraw(settings: OfficeFile, name: str) -> int:
    from camerad.vault.settings_offers import SettingsOffers  # noqa: PLC0415 - slow to import

    register, _ = _office(settings)
    camera = register.by_name(name)
    if camera is None:
        raise NoSuchCameraError(
            f"{printable(name)}: no camera of that name is in the office's register; 'camerad "
            "office status' lists all"
        )
    there = SettingsOffers(str(settings.directory)).withdraw(camera.thumbprint)
    said = (
        "offered no more; a camera that has fetched it keeps it"
        if there
        else "nothing was on offer"
    )
    sys.stdout.write(f"{printable(camera.name)}: {said}\n")
    return 0


def _office(settings: OfficeFile) -> tuple[Register, CheckIns]:
    """The register and the check-ins. Raises NotMountedError if the office's directory is away,
    RegisterError and StorageError."""
    from camerad.base.clock import SystemClock  # noqa: PLC0415 - slow to import
    from camerad.office import camera_register  # noqa: PLC0415
    from camerad.vault.cameras import Cameras  # noqa: PLC0415
    from camerad.vault.check_ins import CheckIns  # noqa: PLC0415
    from camerad.vault.start_check import check_directory  # noqa: PLC0415

    check_directory(str(settings.directory))
    path = str(settings.register)
    cameras = Cameras(path)
    check_ins = CheckIns(str(settings.directory), cameras, SystemClock())
    return camera_register.read(path, made=True), check_ins
