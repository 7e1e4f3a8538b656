"""Checks a settings file from the dock: its form, and whether it applies.

The office's server keeps file and signature as one: the JWS of `camerad.provisioning.signing` with
its content in its place (RFC 7515, 7.1). The daemon leaves that in its state directory, and
`camerad provision apply` judges it at the next start as it judges what lies on the card: by the
pinned key, the serial, and the camera that it names. Two things count on a card alone, since a
person has to hold the camera for them: its first file, and a reset. Here, nothing is read as YAML
before the office's signature holds.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from camerad.base import file_status
from camerad.base.safe_read import read_plain
from camerad.config.provisioning import MAX_BYTES
from camerad.container.keys import decode_base64url, encode_base64url
from camerad.provisioning import signing
from camerad.provisioning.provisioning_state import AcceptedFile
from camerad.provisioning.provisioning_status import OFFERED
from camerad.provisioning.signing import SignatureFileError
from camerad.provisioning.validation import (
    FileAccepted,
    FileRefused,
    RefusalReason,
    Verdict,
    digest,
    judge_file,
    parse_key,
)

FOLDER, NAME = os.path.split(OFFERED)
"""In the daemon's state directory."""
LONGEST: Final = signing.LONGEST + MAX_BYTES * 4 // 3 + 4
"""Bytes of the longest offer."""


def offer_path(state_dir: str) -> str:
    """Path of the pending one. state_dir: the daemon's."""
    return os.path.join(state_dir, OFFERED)


def read_offer(state_dir: str) -> bytes | None:
    """The one that waits; None if none does. Raises StorageError."""
    path = offer_path(state_dir)
    if not file_status.exists(path):
        return None
    return read_plain(path, "offered settings", LONGEST + 1)


def join(content: bytes, token: bytes) -> bytes:
    """A file and its signature as one. token: as `signing.sign` makes it. Raises
    SignatureFileError if that is no signature."""
    signing.parse(token)
    header, _, signature = token.strip().split(b".")
    return b".".join((header, encode_base64url(content).encode(), signature))


def split(offer: bytes) -> tuple[bytes, bytes]:
    """File and signature, the latter in its one spelling. Raises SignatureFileError."""
    if len(offer) > LONGEST:
        raise SignatureFileError(f"more than {LONGEST} bytes are no settings file")
    parts = offer.split(b".")
    if len(parts) != 3:
        raise SignatureFileError("a compact JWS has three parts")
    try:
        content = decode_base64url(parts[1])
    except ValueError as error:
        raise SignatureFileError(str(error)) from None
    return content, b".".join((parts[0], b"", parts[2])) + b"\n"


def judge_offer(
    offer: bytes, *, pin: AcceptedFile, camera: str | None, provision_dir: Path
) -> Verdict:
    """Judge it. pin: what was applied last. The rest is as in `judge_file`."""
    try:
        content, token = split(offer)
        signature = signing.parse(token)
    except SignatureFileError:
        return FileRefused(RefusalReason.SIGNATURE_SPOILT)
    sha256, pinned = digest(content), parse_key(pin.office_key)
    if pinned is None or not signature.is_by(pinned, content):
        known = pinned is not None and signature.kid == pinned.thumbprint
        why = RefusalReason.CHANGED if known else RefusalReason.OTHER_OFFICE
        return FileRefused(why, sha256, signature.kid)
    verdict = judge_file(
        content, token, pin=pin, damaged=False, camera=camera, provision_dir=provision_dir
    )
    if isinstance(verdict, FileAccepted) and verdict.provisioning.file.provision.reset is not None:
        return FileRefused(RefusalReason.RESET_OFFERED, sha256, signature.kid)
    return verdict
