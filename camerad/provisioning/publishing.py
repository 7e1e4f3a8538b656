"""``camerad provision publish``: writes the camera's public key and its state to its card.

Its public key, as JWK and as PEM, with the file that it was set up by, and what the doctor found.
Nothing of it is signed: it says what a person then carries to the desk, and proves nothing by
itself.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from typing import Any, Final

import msgspec

from camerad import __version__
from camerad.base import durable_files, typed_json
from camerad.base.errors import NotNowError, StorageError
from camerad.base.safe_read import read_plain
from camerad.container.keys import PublicKey
from camerad.provisioning import orders
from camerad.provisioning.boot_partition import BootPartition
from camerad.provisioning.provisioning_state import PUBLISH, ProvisioningState
from camerad.store import identity

DEVICE: Final = "camerad-device.json"
PEM: Final = "camerad-device.pem"
DOCTOR: Final = "camerad-doctor.txt"
VERSION: Final = 1
PATIENCE_SECONDS: Final = 60.0
"""So long the daemon may take from its start to its key."""
_LOOK_SECONDS: Final = 0.2
_LARGEST: Final = 1 << 20


class PublishedDevice(msgspec.Struct, frozen=True):
    """Content of `DEVICE`. device: the camera's name, None before its first file, as serial, office
    and file are: the number of the file that it was set up by, the thumbprint of the key that
    signed it, its SHA-256. doctor: how many findings are of which level, None if it was not run."""

    version: int
    software: str
    device: str | None
    thumbprint: str
    jwk: dict[str, str]
    serial: int | None
    office: str | None
    file: str | None
    doctor: dict[str, int] | None

    @property
    def key(self) -> PublicKey:
        """Its public key. Raises ValueError if it is none, or is another one than it says."""
        key = PublicKey.from_jwk(self.jwk)
        if key.thumbprint != self.thumbprint:
            raise ValueError("the thumbprint is not that of the key")
        return key


def publish(
    card: BootPartition,
    kept: ProvisioningState,
    state_dir: str,
    doctor: str | None,
    *,
    now: Callable[[], float] = time.monotonic,
    pause: Callable[[float], None] = time.sleep,
) -> PublishedDevice:
    """Leave it on the card. doctor: file of the doctor's report, if it was run.

    Waits until the daemon has carried out what it was told, since a reset changes its key. Raises
    NotNowError and StorageError.
    """
    key = _key(kept, state_dir, now, pause)
    accepted = kept.accepted
    report = (
        None if doctor is None else read_plain(doctor, "doctor's report", _LARGEST, linked=True)
    )
    found = PublishedDevice(
        version=VERSION,
        software=__version__,
        device=None if accepted is None else accepted.order.device,
        thumbprint=key.thumbprint,
        jwk=key.jwk,
        serial=None if accepted is None else accepted.serial,
        office=None if accepted is None else accepted.order.office,
        file=None if accepted is None else accepted.sha256,
        doctor=None if report is None else _counts(report),
    )
    if report is not None:
        card.write(DOCTOR, report)
    card.write(PEM, key.pem.encode())
    card.write(DEVICE, msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n")
    durable_files.remove(os.path.join(kept.directory, PUBLISH), missing_ok=True)
    return found


def publish_anew(card: BootPartition, kept: ProvisioningState, camera: str | None) -> None:
    """Have it left on the card at this start, if the card names another key than the camera's.

    camera: thumbprint of that, None if it has none. So it is at the start after the daemon has made
    another key: the technician would collect the former one. Raises StorageError where the camera's
    own directory cannot be written; a card that cannot be read is no such case.
    """
    try:
        content = card.read(DEVICE, _LARGEST)
        named = None if content is None else typed_json.decode(content, PublishedDevice).thumbprint
    except (StorageError, msgspec.MsgspecError, RecursionError):
        return
    if None not in (camera, named) and camera != named:
        kept.ask_to_publish()


def _key(
    kept: ProvisioningState,
    state_dir: str,
    now: Callable[[], float],
    pause: Callable[[float], None],
) -> PublicKey:
    until = now() + PATIENCE_SECONDS
    while True:
        pending = orders.pending_orders(kept.directory, state_dir)
        if not pending and identity.is_confirmed(state_dir):
            return identity.published(state_dir)[0]
        if now() >= until:
            raise NotNowError(
                f"{state_dir}: the daemon has not published its key; read 'journalctl -u "
                "camerad', and start the camera again"
            )
        pause(_LOOK_SECONDS)


def _counts(report: bytes) -> dict[str, int] | None:
    """How many findings are of which level: the report's last line is an object for programs."""
    try:
        told: Any = json.loads(report.decode().splitlines()[-1])
        return {str(level): int(count) for level, count in told["counts"].items()}
    except (ValueError, LookupError, TypeError, AttributeError):
        return None
