"""Decides whether a provisioning file applies to this camera. Pure: from bytes to a verdict.

docs/provisioning.md says whose word counts, and why in this order.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Final

import msgspec

from camerad.base.errors import ConfigError
from camerad.config.provisioning import MAX_BYTES, NAME, Provisioning, read_provisioning
from camerad.container.keys import PublicKey
from camerad.provisioning import signing
from camerad.provisioning.provisioning_state import AcceptedFile
from camerad.provisioning.signing import Signature, SignatureFileError


class RefusalReason(StrEnum):
    """Reasons for refusing a file. The values stand in the ledger."""

    UNREADABLE = "unreadable"
    CARD_READ_ONLY = "card_read_only"
    TOO_LARGE = "too_large"
    UNSIGNED = "unsigned"
    SIGNATURE_SPOILT = "signature_spoilt"
    CHANGED = "changed"
    OTHER_OFFICE = "other_office"
    OFFICE_KEY_CHANGED = "office_key_changed"
    MISTAKES = "mistakes"
    OTHER_CAMERA = "other_camera"
    NO_CAMERA = "no_camera"
    OLD = "old"
    RESET_OF_ANOTHER = "reset_of_another"
    RESET_OFFERED = "reset_offered"
    STATE_DAMAGED = "state_damaged"


ADVICE: Final[Mapping[RefusalReason, str]] = {
    RefusalReason.UNREADABLE: f"{NAME} cannot be read from the card; check the card, or copy the "
    f"file again",
    RefusalReason.CARD_READ_ONLY: "this partition of the card is read-only, so the file could not "
    "be removed from it; check the partition (fsck.vfat), or flash "
    "the card anew",
    RefusalReason.TOO_LARGE: f"{NAME} is larger than {MAX_BYTES // 1024} KiB, so it is some other "
    f"file",
    RefusalReason.UNSIGNED: f"the office's signature, {signing.NAME}, is not beside the file; "
    f"copy both "
    "files, or sign it: camerad provision sign",
    RefusalReason.SIGNATURE_SPOILT: f"{signing.NAME} is damaged; copy it again, byte for byte, or "
    "sign the file again: camerad provision sign",
    RefusalReason.CHANGED: "the file was changed after it was signed, perhaps by an editor that "
    "changes line endings; copy it again, or sign it again: camerad "
    "provision sign",
    RefusalReason.OTHER_OFFICE: "the file is signed by another key than the office's; sign it with "
    "the office's key (--office-key)",
    RefusalReason.OFFICE_KEY_CHANGED: "provision.office_key is not the key of the office that "
    "this camera belongs to; write that key, and sign the file "
    "again",
    RefusalReason.MISTAKES: "the file has mistakes for this camera. What only a newer image "
    "knows, such as a new policy, needs an update of the camera first; correct everything else, "
    "and sign the file again: camerad provision sign",
    RefusalReason.OTHER_CAMERA: "provision.camera_key is the key of another camera; put this "
    "camera's own file onto the card",
    RefusalReason.NO_CAMERA: "provision.camera_key is missing, and only a camera's first file may "
    "lack it; make sure that the file is for this camera, write this "
    "camera's thumbprint, and sign the file again",
    RefusalReason.OLD: "provision.serial is not above that of the last file that this camera took "
    "over; make a new file, or write a higher number and sign it again: "
    "camerad provision sign",
    RefusalReason.RESET_OF_ANOTHER: "provision.reset is not the key that this camera has now; "
    "write that key, and sign the file again",
    RefusalReason.RESET_OFFERED: "a file with provision.reset counts on the camera's card alone; "
    "put it there",
    RefusalReason.STATE_DAMAGED: "what this camera knows of its office is damaged; only a file "
    "with "
    "provision.reset can set it up again",
}
"""Sentence and remedy of each."""


class FileAccepted(msgspec.Struct, frozen=True):
    """The file holds. office: thumbprint of the key that signed it."""

    provisioning: Provisioning
    sha256: str
    office: str


class SameFile(msgspec.Struct, frozen=True):
    """It is the very file that was applied last."""

    decision: AcceptedFile

    @property
    def sha256(self) -> str:
        """Of the file."""
        return self.decision.sha256


class FileRefused(msgspec.Struct, frozen=True):
    """It does not hold. mistakes: one line each. office: thumbprint of the key that the signature
    names, "" if there is none."""

    why: RefusalReason
    sha256: str = ""
    office: str = ""
    mistakes: tuple[str, ...] = ()


Verdict = FileAccepted | SameFile | FileRefused


def judge_file(
    content: bytes,
    token: bytes | None,
    *,
    pin: AcceptedFile | None,
    damaged: bool,
    camera: str | None,
    provision_dir: Path,
) -> Verdict:
    """Judge a file.

    content: of the file, or more than it may have. token: of its signature, None if there is none.
    pin: what was applied last, None where nothing was. damaged: something was, and cannot be
    read. camera: thumbprint of the camera's own key, None if it has none. provision_dir: see
    `read_provisioning`.
    """
    sha256 = digest(content)
    if len(content) > MAX_BYTES:
        return FileRefused(RefusalReason.TOO_LARGE)
    if token is None:
        return FileRefused(RefusalReason.UNSIGNED, sha256)
    try:
        signature = signing.parse(token)
    except SignatureFileError:
        return FileRefused(RefusalReason.SIGNATURE_SPOILT, sha256)

    def refused(why: RefusalReason, mistakes: tuple[str, ...] = ()) -> FileRefused:
        return FileRefused(why, sha256, signature.kid, mistakes)

    pinned = None if pin is None else parse_key(pin.office_key)
    vouched = pinned is not None and signature.is_by(pinned, content)
    if pin is not None and vouched and pin.sha256 == sha256:
        return SameFile(pin)
    unsaid = pin is not None and not vouched
    strange = RefusalReason.OTHER_OFFICE if pinned is None else _strange(signature, pinned)
    try:
        provisioning = read_provisioning(NAME, content, provision_dir)
    except ConfigError as error:
        # Of a file that the office did not sign nothing is said but that.
        return refused(strange) if unsaid else refused(RefusalReason.MISTAKES, error.mistakes)
    wanted = provisioning.file.provision
    if wanted.reset is None:
        if damaged:
            return refused(RefusalReason.STATE_DAMAGED)
        if unsaid:
            return refused(strange)
    if pin is None or wanted.reset is not None:
        own = parse_key(wanted.office_key)
        if own is None:
            told = f"{NAME}: provision.office_key: this is no key; write the office's public key"
            return refused(RefusalReason.MISTAKES, (told,))
        if not signature.is_by(own, content):
            return refused(_strange(signature, own))
    elif wanted.office_key != pin.office_key:
        return refused(RefusalReason.OFFICE_KEY_CHANGED)
    if wanted.camera_key not in (None, camera):
        return refused(RefusalReason.OTHER_CAMERA)
    if wanted.reset is not None:
        if wanted.reset != camera:
            return refused(RefusalReason.RESET_OF_ANOTHER)
    elif pin is not None:
        if wanted.camera_key is None:
            return refused(RefusalReason.NO_CAMERA)
        if wanted.serial <= pin.serial:
            return refused(RefusalReason.OLD)
    return FileAccepted(provisioning, sha256, signature.kid)


def _strange(signature: Signature, key: PublicKey) -> RefusalReason:
    """Why a signature is not by `key` over this content."""
    return RefusalReason.CHANGED if signature.kid == key.thumbprint else RefusalReason.OTHER_OFFICE


def digest(content: bytes) -> str:
    """A file's fingerprint: SHA-256 in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def parse_key(text: str) -> PublicKey | None:
    """The public key in base64url, as `provision.office_key` has it; None if it is none."""
    try:
        return PublicKey.from_jwk({"kty": "OKP", "crv": "Ed25519", "x": text})
    except ValueError:
        return None
