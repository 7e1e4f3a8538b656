"""Check of settings before they are offered, by the camera's own rules.

So the office does not wait a day for a camera's refusal. A camera that takes a file without its
server, or by which its own client may not hand over, hands over nothing more, and no dock can mend
that: it fetches no settings either. So that is looked at as well, and only an explicit word lets it
pass.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from camerad.base.text import count
from camerad.config.policies import newer_image
from camerad.config.provisioning import Provisioning
from camerad.container.keys import encode_base64url
from camerad.evidence import office_key_file
from camerad.evidence.camera_register import Register, RegisteredCamera
from camerad.evidence.provisioning_files import CAMERA_DIR, parse_file
from camerad.office.server.certificates import fingerprint, read_certificates
from camerad.office.server.check_ins import CheckIns
from camerad.office.server.office_settings import OfficeFile
from camerad.office.server.update_bundle import OfferRefusedError
from camerad.provisioning import settings_offer
from camerad.provisioning.offered_settings import judge_known
from camerad.provisioning.orders import LedgerOrder
from camerad.provisioning.signing import SignatureFileError
from camerad.provisioning.validation import ADVICE, FileRefused, RefusalReason, SameFile
from camerad.store.check_in import RunningSettings

OPTION: Final = "--leave-this-server"
_CLIENT: Final = "camerad-upload"
"""The user that speaks with the server (systemd/camerad-upload.service)."""
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


def check_server(name: str, content: bytes, settings: OfficeFile) -> None:
    """Check that a file keeps its camera with this server. name: what messages call the file.

    Raises OfferRefusedError, ConfigError if the file has mistakes, OfficeKeyError and
    CertificateError if the server key or certificate cannot be read, and StorageError.
    """
    file = parse_file(name, content)
    if file.settings.office is None:
        raise OfferRefusedError(
            f"{name}: this file names no office's server (section office). By it the camera would "
            "hand over nothing more, and could fetch no settings. Make it again with --office-url "
            f"and --office-ca. If the camera is to have no server: {OPTION}",
            "no_server",
        )
    if different := _differences(name, file, settings):
        raise OfferRefusedError(
            f"{name}: this file names another server than this one: {'; '.join(different)}. By it "
            "the camera would hand over nothing more here, and could fetch no settings. Make it "
            "again with --office-url, --office-ca and --office-server-key of this server. If the "
            f"camera is to go to another one: {OPTION}",
            "other_server",
        )
    if not _may_hand_over(file.settings.access.hand_over):
        raise OfferRefusedError(
            f"{name}: by this file the user {_CLIENT} may not hand over (access.hand_over). The "
            "camera would hand over nothing more, and could fetch no settings. Write "
            f"hand_over: [user:{_CLIENT}] under access, and sign the file again: camerad provision "
            f"sign. If that is meant: {OPTION}",
            "no_hand_over",
        )


def _may_hand_over(named: Collection[str]) -> bool:
    """Whether the camera's client may. Who is in a group, the file does not say."""
    return any(one == f"user:{_CLIENT}" or one.startswith("group:") for one in named)


def _differences(name: str, file: Provisioning, settings: OfficeFile) -> list[str]:
    """Where the section is not this server's, in words."""
    named = file.settings.office
    if named is None:
        return []
    found = []
    if named.url != settings.url:
        found.append(f"office.url is {named.url}, and this server's is {settings.url}")
    key = office_key_file.load_key(str(settings.office_key))
    if key is not None and named.key != (own := encode_base64url(key.public.raw)):
        found.append(
            f"office.key (left out: provision.office_key) is {named.key}, and this server signs by "
            f"{own}"
        )
    try:
        authority = x509.load_pem_x509_certificate(named.ca.encode("ascii"))
    except ValueError:
        raise OfferRefusedError(
            f"{name}: there is no certificate in office.ca, though it has the form of one (PEM). "
            "By it the camera would trust no server. Make the file again with --office-ca",
            "no_authority",
        ) from None
    if not _is_of(authority, str(settings.tls.certificate)):
        found.append(
            f"office.ca has the fingerprint {fingerprint(authority)}, and "
            f"{settings.tls.certificate} is not by that authority"
        )
    return found


def _is_of(authority: x509.Certificate, path: str) -> bool:
    """Whether the server's certificate, or one above it in the same file, is by an authority."""
    shown = read_certificates(path)
    for certificate in shown:
        try:
            certificate.verify_directly_issued_by(authority)
        except (ValueError, TypeError, InvalidSignature):
            continue
        return True
    return authority in shown
