"""Checks that the office's server is reached and knows this camera, with an upload's requests.

A camera has a network in its dock only, so outside it nothing is tried, and a camera is ready all
the same. In the dock, what does not work is a warning: the camera records and keeps meanwhile.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from camerad.base.clock import SystemClock
from camerad.base.errors import CameradError
from camerad.behaviour.dock_progress import HandoverTrouble
from camerad.behaviour.stages import Condition
from camerad.config import Settings
from camerad.config.office_section import Office
from camerad.doctor.check_results import CheckResult, FindingId
from camerad.hardware import power

if TYPE_CHECKING:
    from camerad.dock.errors import OfficeUnavailableError
    from camerad.dock.office_client import Signer
    from camerad.dock.office_connection import OfficeConnection

_FAILED: Final[Mapping[str, FindingId]] = {
    HandoverTrouble.OFFICE.value: FindingId.OFFICE_TAKES_NOTHING,
    HandoverTrouble.RECORDINGS.value: FindingId.OFFICE_NOT_EVERY,
    HandoverTrouble.CAMERA.value: FindingId.OFFICE_UPLOAD_FAILS,
    HandoverTrouble.SILENT.value: FindingId.OFFICE_UPLOAD_SILENT,
}
"""What the doctor's one question cannot find, by the daemon's word. The other troubles it asks for
itself, so that of those its own answer is the newer one."""
_UNREACHED: Final = (FindingId.OFFICE_UNREACHED, FindingId.OFFICE_NO_ADDRESS)
_INTERFACES: Final = "/proc/self/net/dev"
"""This process's network interfaces, each in a line behind two lines of heading (proc(5))."""
OFFICE_SECONDS: Final = 15.0
"""What the office's server may take for everything."""
_LARGEST_KEY: Final = 64 * 1024


def is_docked(settings: Settings, status: Mapping[str, Any]) -> bool:
    """Whether the camera is in its dock. status: a running daemon's; empty if none runs."""
    if "conditions" in status:
        return Condition.DOCKED.value in status["conditions"]
    return power.read_power(settings.battery.power_supply).external


def has_network() -> bool:
    """Whether there is an interface but the machine's own. Under systemd's PrivateNetwork= there is
    none; where that cannot be told, there may be."""
    try:
        with open(_INTERFACES, encoding="ascii") as file:
            names = [line.partition(":")[0].strip() for line in file.readlines()[2:]]
    except (OSError, ValueError):
        return True
    return any(name != "lo" for name in names)


def check_office(
    settings: Settings, status: Mapping[str, Any], socket: str | None, check_time: bool
) -> CheckResult:
    """Ask the office's server one signed question. The settings have an office.

    status: as `is_docked` takes it. socket: of the running daemon, which signs; None: none runs, so
    the device's key does. check_time: whether something vouches for the clock. Blocks for little
    more than `OFFICE_SECONDS`.
    """
    from camerad.dock.errors import OfficeUnavailableError  # noqa: PLC0415
    from camerad.dock.office_connection import OfficeConnection, trusting  # noqa: PLC0415

    office = settings.office
    if office is None:
        raise ValueError("this camera has no office")
    if Condition.OFFICE_DISPUTED.value in status.get("conditions", ()):
        return _result(FindingId.OFFICE_DISPUTED, office)
    if not is_docked(settings, status):
        return _result(FindingId.OFFICE_NOT_DOCKED, office)
    try:
        context = trusting(office.ca, check_time=check_time)
    except OfficeUnavailableError as error:
        return _result(FindingId.OFFICE_CA_WRONG, office, why=str(error))
    connection = OfficeConnection(office, context, SystemClock())
    timer = threading.Timer(OFFICE_SECONDS, connection.interrupt)
    timer.daemon = True
    timer.start()
    try:
        found = _ask(settings, office, connection, socket)
    finally:
        timer.cancel()
        connection.close()
    if found.finding in _UNREACHED and not has_network():
        return _result(FindingId.OFFICE_NO_NETWORK, office)
    told = _FAILED.get(str((status.get("handover") or {}).get("trouble")))
    if found.finding is FindingId.OFFICE_OK and told is not None:
        return _result(told, office)
    return found


def _ask(
    settings: Settings, office: Office, connection: OfficeConnection, socket: str | None
) -> CheckResult:
    from camerad.dock.errors import (  # noqa: PLC0415
        HandoverStoppedError,
        OfficeAnswerError,
        OfficeUnavailableError,
    )
    from camerad.dock.office_client import OfficeClient  # noqa: PLC0415

    try:
        signer = _signer(settings, connection, socket)
        kid = signer.kid
        OfficeClient(office.url, connection, signer, SystemClock()).ledger()
    except OfficeUnavailableError as error:
        return judge_office(office, error, kid)
    except OfficeAnswerError as error:
        return _result(FindingId.OFFICE_REFUSES, office, why=str(error))
    except HandoverStoppedError:
        why = f"no answer within {OFFICE_SECONDS:g} s"
        return _result(FindingId.OFFICE_UNREACHED, office, why=why)
    except (CameradError, OSError, ValueError) as error:
        return _result(FindingId.OFFICE_UNSIGNED, office, why=str(error))
    return _result(FindingId.OFFICE_OK, office, thumbprint=kid)


def judge_office(office: Office, error: OfficeUnavailableError, kid: str) -> CheckResult:
    """What it means that the question got no answer. kid: thumbprint of the camera's key."""
    from camerad.dock.errors import OfficeFault  # noqa: PLC0415

    what = {
        OfficeFault.ADDRESS: FindingId.OFFICE_NO_ADDRESS,
        OfficeFault.AUTHORITY: FindingId.OFFICE_STRANGER,
        OfficeFault.TIME: FindingId.OFFICE_OUT_OF_TIME,
        OfficeFault.NAME: FindingId.OFFICE_OTHER_NAME,
        OfficeFault.UNREGISTERED: FindingId.OFFICE_UNREGISTERED,
        OfficeFault.WITHDRAWN: FindingId.OFFICE_WITHDRAWN,
    }
    found = FindingId.OFFICE_REFUSES
    if error.fault is not None:
        found = what[error.fault]
    elif error.trouble is HandoverTrouble.NETWORK:
        found = FindingId.OFFICE_UNREACHED
    values = {"why": str(error), **error.details}
    if found in (FindingId.OFFICE_UNREGISTERED, FindingId.OFFICE_WITHDRAWN):
        values["thumbprint"] = kid
    return _result(found, office, **values)


def no_answer(settings: Settings) -> CheckResult:
    """The same of a question that came to no end at all."""
    office = settings.office
    url = "" if office is None else office.url
    return FindingId.OFFICE_UNREACHED.found(url=url, why="no answer")


def _signer(settings: Settings, connection: OfficeConnection, socket: str | None) -> Signer:
    """The signer with the device's key: the running daemon, or its file."""
    from camerad.container.keys import SigningKey  # noqa: PLC0415
    from camerad.dock.daemon_client import DaemonClient  # noqa: PLC0415
    from camerad.dock.office_client import KeySigner  # noqa: PLC0415
    from camerad.store.identity import KEY_NAME  # noqa: PLC0415

    if socket is not None:
        return DaemonClient(socket, connection.pause)
    path = os.path.join(settings.device.state_dir, KEY_NAME)
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        return KeySigner(SigningKey.from_pem(os.read(descriptor, _LARGEST_KEY)))
    finally:
        os.close(descriptor)


def _result(what: FindingId, office: Office, **values: str) -> CheckResult:
    return what.found(url=office.url, **values)
