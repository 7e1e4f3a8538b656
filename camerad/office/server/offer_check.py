"""Check of settings before they are offered, by the camera's own rules.

So the office does not wait a day for a camera's refusal.
"""

from __future__ import annotations

from typing import Final

from camerad.base.text import count
from camerad.config.policies import newer_image
from camerad.config.provisioning import Provisioning
from camerad.evidence.camera_register import Register, RegisteredCamera
from camerad.evidence.provisioning_files import CAMERA_DIR, parse_file
from camerad.office.server.check_ins import CheckIns
from camerad.office.server.update_bundle import OfferRefusedError
from camerad.provisioning import settings_offer
from camerad.provisioning.offered_settings import judge_known
from camerad.provisioning.orders import LedgerOrder
from camerad.provisioning.signing import SignatureFileError
from camerad.provisioning.validation import ADVICE, FileRefused, RefusalReason, SameFile
from camerad.store.check_in import RunningSettings

_COLLECT: Final = "collect its card: camerad provision collect"


def make_offer(
    name: str, content: bytes, token: bytes, register: Register, check_ins: CheckIns
) -> tuple[RegisteredCamera, bytes]:
    """The camera that a file is for, and what it is offered. name: what messages call the file.
    token: of its signature. Raises OfferRefusedError, ConfigError if the file has mistakes, and
    StorageError."""
    file = parse_file(name, content)
    camera = _camera(name, file, register)
    try:
        offer = settings_offer.join(content, token)
    except SignatureFileError:
        spoilt = RefusalReason.SIGNATURE_SPOILT
        raise OfferRefusedError(f"{name}: {ADVICE[spoilt]}", spoilt.value) from None
    seen = check_ins.last(camera.thumbprint)
    if seen is not None and (old := newer_image(file.file.policy, seen.said.software)) is not None:
        raise OfferRefusedError(f"{name}: {camera.name}: {old}", "newer_image")
    running = _running(camera, check_ins)
    if running is None:
        raise OfferRefusedError(
            f"{name}: nothing is known of the file that has set {camera.name} up; {_COLLECT}, or "
            "put this file onto it",
            "nothing_known",
        )
    last = LedgerOrder(
        id="",
        outcome="applied",
        sha256=running.sha256,
        serial=running.serial,
        office=running.office,
        device=camera.name,
        why=None,
        retires=None,
    )
    verdict = judge_known(offer, last, (), camera.thumbprint, CAMERA_DIR)
    if isinstance(verdict, SameFile):
        text = f"{name}: {camera.name} runs by this file already"
        raise OfferRefusedError(text, "same_file")
    if isinstance(verdict, FileRefused):
        text = f"{name}: {camera.name} would refuse it: {ADVICE[verdict.why]}"
        raise OfferRefusedError(text, verdict.why.value)
    return camera, offer


def _camera(name: str, file: Provisioning, register: Register) -> RegisteredCamera:
    wanted = file.file.provision.camera_key
    if wanted is None:
        raise OfferRefusedError(
            f"{name}: provision.camera_key is missing, so it is for no camera in particular; "
            "write the camera's thumbprint, and sign the file again: camerad provision sign",
            RefusalReason.NO_CAMERA.value,
        )
    camera = register.by_key(wanted)
    if camera is None:
        raise OfferRefusedError(
            f"{name}: the key {wanted} is not in the server's register "
            f"({count(len(register.cameras), 'camera')}). If the camera was collected at the desk, "
            f"put the desk's register.json into place on the server; otherwise {_COLLECT}",
            "not_registered",
        )
    return camera


def _running(camera: RegisteredCamera, check_ins: CheckIns) -> RunningSettings | None:
    """By which file a camera runs: by its own last word, else as its card said."""
    last = check_ins.last(camera.thumbprint)
    if last is not None:
        return last.said.settings
    if camera.office is None:
        return None
    return RunningSettings("", camera.serial, camera.office)
