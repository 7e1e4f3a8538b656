"""Provisioning files as an office makes, signs and checks them."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from camerad.base import durable_files, file_status, storage_errors
from camerad.base.errors import CameradError, ConfigError
from camerad.base.safe_read import read_plain
from camerad.config.provisioning import MAX_BYTES, NAME, Provisioning, read_provisioning
from camerad.container.keys import PublicKey, SigningKey, encode_base64url
from camerad.provisioning import signing, validation

CAMERA_DIR: Final = Path("/var/lib/camerad-provision")
"""Where a camera keeps it; nothing in a file's check depends on it."""
_MAY_NOT: Final = (errno.EACCES, os.strerror(errno.EACCES))
_NAMED: Final = 3
"""Directories that a message names one by one."""
_NEW: Final = """\
# Sets up one camera: copy this file and {signature} onto the partition CAMERAD of its card.
# Every setting of camerad.yaml may stand here as well. After a change: camerad provision sign FILE

# Whose camera it is, and which of this camera's files this is.
provision:
  office_key: "{office}"
  serial: {serial}
{more}
# The law of the place, and who can open what is recorded.
policy: {policy}
recipients:
{recipients}
# The name that is on the camera's housing.
device:
  id: "{device}"

# Language of the display and of announcements: de or en.
language: {language}

# Time servers in the dock, a technician's key, the dock's wireless network: only where wanted.
# time: {{servers: [ntp.example]}}
# ssh: {{key: ssh-ed25519 AAAA...}}
# wifi: {{ssid: Dock, passphrase: "...", country: DE}}
"""


class NewFileSpec(msgspec.Struct, frozen=True):
    """What `new_file` puts into a file. camera_key, reset: see `Provision`. server: to which the
    camera hands over in its dock, None if it is emptied otherwise."""

    device: str
    policy: str
    recipients: Sequence[str]
    language: str
    serial: int
    camera_key: str | None = None
    reset: str | None = None
    server: ServerSpec | None = None


def serial_now() -> int:
    """A serial that is above every earlier one, as long as this computer's time is right."""
    return int(datetime.now(UTC).strftime("%Y%m%d%H%M%S"))


def encode_key(key: PublicKey) -> str:
    """A public key as `provision.office_key` has it."""
    return encode_base64url(key.raw)


def new_file(office: PublicKey, wanted: NewFileSpec) -> bytes:
    """A file with comments. Raises ConfigError if what is wanted cannot be."""
    more = "".join(
        f'  {key}: "{value}"\n'
        for key, value in (("camera_key", wanted.camera_key), ("reset", wanted.reset))
        if value is not None
    )
    text = _NEW.format(
        signature=signing.NAME,
        office=encode_key(office),
        serial=wanted.serial,
        more=more,
        policy=wanted.policy,
        recipients="".join(f"  - {one}\n" for one in wanted.recipients),
        device=wanted.device,
        language=wanted.language,
    )
    if wanted.server is not None:
        text += section_text(wanted.server)
    content = text.encode()
    try:
        parse_file(NAME, content)
    except ConfigError as error:
        # No line, nor a file: this text is in no file.
        mistakes = [re.sub(rf"^{re.escape(NAME)}(:\d+)*: ", "", one) for one in error.mistakes]
        raise ConfigError(mistakes) from None
    return content


def parse_file(name: str, content: bytes) -> Provisioning:
    """Check a file as a camera does. name: what messages call it. Raises ConfigError."""
    if len(content) > MAX_BYTES:
        raise ConfigError(f"{name}: {validation.ADVICE[validation.RefusalReason.TOO_LARGE]}")
    found = read_provisioning(name, content, CAMERA_DIR)
    parse_office_key(name, found.file.provision.office_key)
    return found


def office_key_of(name: str, content: bytes) -> PublicKey:
    """The office's key that a file names, which is to sign it. Raises ConfigError."""
    return parse_office_key(name, parse_file(name, content).file.provision.office_key)


def parse_office_key(name: str, text: str) -> PublicKey:
    """The key that `provision.office_key` is. name: of what has it. Raises ConfigError."""
    key = validation.parse_key(text)
    if key is None:
        raise ConfigError(
            f"{name}: provision.office_key: this is no key; write the office's public key"
        )
    return key


def sign_file(name: str, content: bytes, key: SigningKey, *, lies: str) -> bytes:
    """The signature of a file that is in order.

    name: what names the office's key in it, for messages. lies: where `key` does. Raises
    ConfigError.
    """
    wanted = office_key_of(name, content)
    if wanted.thumbprint != key.public.thumbprint:
        raise ConfigError(
            f"{name}: provision.office_key names the office's key {wanted.thumbprint}, but the "
            f"key in {lies} is {key.public.thumbprint}. Name the file of the first with "
            f'--office-key. Only to replace it by the second: write "{encode_key(key.public)}", '
            "and reset every camera that the first has set up"
        )
    return signing.sign(key, content)


def describe_file(name: str, content: bytes, token: bytes | None, own: PublicKey | None) -> str:
    """What a camera of the office would say of a file that is for it, and who could open what it
    records. own: the office's key, None if it is not at hand. Raises ConfigError if it would refuse
    the file, or it is another office's."""
    file = parse_file(name, content).file
    wanted = file.provision
    found = validation.judge_file(
        content,
        token,
        pin=None,
        damaged=False,
        camera=wanted.reset or wanted.camera_key,
        provision_dir=CAMERA_DIR,
    )
    if isinstance(found, validation.FileRefused):
        raise ConfigError(f"{name}: {validation.ADVICE[found.why]}")
    office = found.office if isinstance(found, validation.FileAccepted) else ""
    if own is not None and wanted.office_key != encode_key(own):
        raise ConfigError(
            f"{name}: signed by another office's key, {office}, not by yours, {own.thumbprint}: "
            "it makes the camera theirs. Find out whose file this is, or name the right key with "
            "--office-key"
        )
    opening = ", ".join(file.recipients) or "no key: it does not record"
    signed_by = f"your office's key, {office}"
    if own is None:
        signed_by = (
            f"{office}; there is no key of your office here, so it is unknown whether that is "
            "your office's: name that, or its public half, with --office-key"
        )
    return f"in order, signed by {signed_by}; what it records can be opened by {opening}"


def recipients_warning(recipients: Sequence[str]) -> str | None:
    """The warning where no key, or one key alone, opens what a camera records."""
    if not recipients:
        return (
            "no recipients, so the camera records nothing: name the public halves of the office's "
            "keys ('camerad keys new')"
        )
    if len(set(recipients)) == 1:
        return (
            "only 1 key opens what is recorded; without it, or its passphrase, none can: make a "
            "spare one with 'camerad keys new', and name both"
        )
    return None


def placeholder_key() -> PublicKey:
    """In the place of an office's key that is made once nothing else is wrong."""
    return SigningKey.generate().public


def run_all(*looks: Callable[[], object]) -> None:
    """Carry out what only looks, to the last, and raise what was found: the one error as it is, of
    several a ConfigError that names them all."""
    found: list[CameradError] = []
    for look in looks:
        try:
            look()
        except CameradError as error:
            found.append(error)
    if len(found) == 1:
        raise found[0]
    if found:
        raise ConfigError([line for error in found for line in str(error).splitlines()])


def check_no_file_in(directories: Sequence[str]) -> None:
    """Make sure that none of these directories has a file for a camera, or a signature: what
    was made before may be on cards, and a mixture of old and new is never intended.

    Raises FileExistsAlreadyError naming those that have, or what is in place of a directory, and
    StorageError where this user may make none.
    """
    for directory in directories:
        place = os.path.abspath(directory)
        while not file_status.exists(place):
            place = os.path.dirname(place)
        if not file_status.is_directory(place, linked=True):
            raise storage_errors.FileExistsAlreadyError(
                f"{place}: this is no directory, so nothing was written; name another place with "
                "--output"
            )
        if not os.access(place, os.W_OK | os.X_OK):
            raise storage_errors.explain(
                "write into the directory", place, PermissionError(*_MAY_NOT)
            )
    there = [
        directory
        for directory in directories
        if any(file_status.exists(os.path.join(directory, name)) for name in (NAME, signing.NAME))
    ]
    if there:
        named = ", ".join(there[:_NAMED])
        more = f" and {len(there) - _NAMED} more" if len(there) > _NAMED else ""
        raise storage_errors.FileExistsAlreadyError(
            f"{named}{more}: there is a file for a camera already, so nothing was written; name "
            "another directory with --output, or remove what is there"
        )


def signature_path(file: str, output: str | None, key: PublicKey) -> str:
    """Where the signature of a file by a key goes: beside it, unless `output` says elsewhere.

    Raises FileExistsAlreadyError if something is there but the file's own former signature by that
    key, or what is left of it, and StorageError.
    """
    path = os.path.join(os.path.dirname(os.path.abspath(file)), signing.NAME)
    if output is not None:
        path = os.path.abspath(output)
    if not file_status.exists(path):
        return path
    why = None
    try:
        found = signing.parse(read_plain(path, "signature", signing.LONGEST + 1, linked=True))
    except signing.SignatureFileError:
        if os.path.basename(path) != signing.NAME:
            why = "this is no signature"
    else:
        if found.kid != key.thumbprint:
            why = f"this is a signature by another key, {found.kid}"
    signed_file = os.path.join(os.path.dirname(path), NAME)
    if why is None and _is_another(signed_file, file):
        why = f"this is the signature of {signed_file}"
    if why is not None:
        raise storage_errors.FileExistsAlreadyError(
            f"{path}: {why}, and it is not overwritten; remove it, or name another file with "
            "--output"
        )
    return path


def _is_another(path: str, file: str) -> bool:
    """Whether there is something at `path`, and it is not `file`. Raises StorageError."""
    return file_status.mode_of(path, linked=True) is not None and not os.path.samefile(path, file)


def write_pair(directory: str, content: bytes, token: bytes) -> None:
    """Put a file and its signature into a directory, which is made; one that has such a file
    already is left. Raises StorageError."""
    directory = os.path.abspath(directory)
    durable_files.make_directory(directory, 0o700, linked=True)
    for name, data in ((NAME, content), (signing.NAME, token)):
        path = os.path.join(directory, name)
        descriptor = durable_files.create(path, 0o600)
        try:
            durable_files.write(descriptor, [data], 0, path)
            durable_files.sync(descriptor, path)
        finally:
            durable_files.close(descriptor, path)
    durable_files.sync_directory(directory)


_LARGEST: Final = 64 * 1024
_SECTION: Final = """
# The office's server, to which the camera hands its recordings over in its dock; by this user.
office:
  url: "{url}"
{key}  ca: |
{ca}
access:
  hand_over: [user:camerad-upload]
"""


class ServerSpec(msgspec.Struct, frozen=True):
    """url: the server's address. ca: certificate, in PEM, of the authority that its own is by. key:
    by which it signs receipts, None if that is the one that signs the file."""

    url: str
    ca: str
    key: PublicKey | None = None


def read_authority(path: str) -> str:
    """The certificate of an authority in a file, in PEM as `office.ca` has it. Raises ConfigError
    if it is none, or one of several, and StorageError."""
    data = read_plain(path, "certificate", _LARGEST + 1, linked=True)
    try:
        found = x509.load_pem_x509_certificates(data)
    except ValueError:
        raise ConfigError(
            f"{path}: this is no certificate in PEM; name that of the office's authority"
        ) from None
    if len(found) != 1:
        raise ConfigError(
            f"{path}: there are {len(found)} certificates in it; name a file with the authority's"
        )
    if not _is_authority(found[0]):
        raise ConfigError(
            f"{path}: this is no authority's certificate (basicConstraints says CA: false, or "
            "nothing); name that by which the server's own is signed"
        )
    return found[0].public_bytes(Encoding.PEM).decode("ascii")


def section_text(server: ServerSpec) -> str:
    """The section of a provisioning file that names the server, and who hands over to it."""
    ca = "".join(f"    {line}\n" for line in server.ca.splitlines())
    key = "" if server.key is None else f"  key: {encode_base64url(server.key.raw)}\n"
    url = server.url.replace("\\", "\\\\").replace('"', '\\"')
    return _SECTION.format(url=url, key=key, ca=ca)


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (x509.ExtensionNotFound, ValueError):
        return False
