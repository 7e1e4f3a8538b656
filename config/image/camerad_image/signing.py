"""Whether keyring, certificate and key of an order fit together: asked before anything is built.

docs/updates.md, "Keys", says who has them. What a camera makes of a certificate is OpenSSL's
judgement, so it is asked for that; its codes are those of X509_STORE_CTX_get_error(3).
"""

from __future__ import annotations

import getpass
import re
import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from camerad_image.errors import ImageError

TOKEN: Final = "pkcs11:"  # noqa: S105 - the scheme of RFC 7512
_PAGE: Final = "(docs/updates.md, Keys)"
_FOREIGN: Final = frozenset({7, 18, 19, 20, 21})
"""Signed by nobody in the keyring."""
_PURPOSE: Final = 26
_ERROR: Final = re.compile(r"^error (\d+) at \d+ depth lookup: (.+)$", re.MULTILINE)
_SECONDS: Final = 30


def read_keyring(path: Path) -> str:
    """The certificates of those who may sign updates. Raises ImageError if there are none in the
    file, or if it has what must never be on a camera."""
    try:
        text = path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise ImageError(f"KEYRING={path} cannot be read: {error}") from None
    if "PRIVATE KEY" in text:
        raise ImageError(f"{path} has a private key: KEYRING= takes certificates only")
    if "-----BEGIN CERTIFICATE-----" not in text:
        raise ImageError(f"{path} has no certificate: KEYRING= takes the authority's, as PEM")
    return text


def _certificates(name: str, data: bytes) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(data)
    except ValueError:
        raise ImageError(
            f"{name} has no certificate that can be read: PEM is wanted, whole and unchanged"
        ) from None


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _when(certificate: x509.Certificate, now: datetime) -> str | None:
    """Why the certificate does not hold now, None if it does."""
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if now < begin:
        return f"begins on {begin:%Y-%m-%d}, and by this machine's clock it is {now:%Y-%m-%d}"
    return f"ended on {end:%Y-%m-%d}" if now > end else None


def check_keyring(path: Path, now: datetime) -> None:
    """Raise ImageError unless somebody in the keyring can let a signer in today: an authority whose
    certificate holds. An older one may stand beside it."""
    name = f"KEYRING={path}"
    found = _certificates(name, read_keyring(path).encode())
    authorities = [one for one in found if _is_authority(one)]
    if not authorities:
        raise ImageError(
            f"{name} has no authority's certificate, only {found[0].subject.rfc4514_string()}, "
            "which may let nobody in: a signer's certificate goes to CERT=, its authority's here "
            f"{_PAGE}"
        )
    whys = [_when(one, now) for one in authorities]
    if None not in whys:
        raise ImageError(
            f"{name}: the authority's certificate {whys[0]}, so cameras with this image would take "
            f"no update: make another one {_PAGE}"
        )


def intermediates(place: str) -> list[bytes]:
    """The certificates, as PEM, of authorities between the one that signs and one of the keyring:
    those that stand below it in the file `place`. A token has none."""
    if place.startswith(TOKEN):
        return []
    first, *below = _certificates(f"CERT={place}", _read("CERT", place))
    wanted = dict.fromkeys(one for one in below if one.subject != one.issuer and one != first)
    return [one.public_bytes(serialization.Encoding.PEM) for one in wanted]


def _read(name: str, place: str) -> bytes:
    try:
        return Path(place).read_bytes()
    except OSError as error:
        raise ImageError(f"{name}={place} cannot be read: {error.strerror}") from None


def _check_certificate(place: str, keyring: Path, now: datetime) -> x509.Certificate:
    """The certificate that signs, if cameras with this keyring take what it has signed now."""
    name = f"CERT={place}"
    found = _certificates(name, _read("CERT", place))
    certificate = found[0]
    if _is_authority(certificate) and not all(map(_is_authority, found)):
        raise ImageError(
            f"{name} begins with an authority's certificate, and the first has to be the one that "
            f"signs: put those of authorities between it and KEYRING= below it {_PAGE}"
        )
    if _is_authority(certificate):
        raise ImageError(
            f"{name} is an authority's certificate, and a camera takes no bundle that it signs: "
            f"make one for whoever builds releases {_PAGE}"
        )
    if why := _when(certificate, now):
        raise ImageError(
            f"{name} {why}: have the authority make another one, or set the clock right {_PAGE}"
        )
    if shutil.which("openssl") is None:
        raise ImageError("openssl is not installed: 'sh hw-mocks/prepare.sh image' installs it")
    at = str(int(now.timestamp()))
    command = ["openssl", "verify", "-no-CApath", "-no-CAstore", "-CAfile", str(keyring)]
    command += ["-purpose", "codesign", "-attime", at, "-untrusted", place, place]
    try:
        done = subprocess.run(  # noqa: S603 - the arguments are this recipe's own
            command, capture_output=True, text=True, errors="replace", check=False, timeout=_SECONDS
        )
    except subprocess.TimeoutExpired:
        raise ImageError(
            f"{name} could not be checked: openssl did not end within {_SECONDS} s; try again when "
            "this machine has less to do"
        ) from None
    if done.returncode == 0:
        return certificate
    error = _ERROR.search(done.stderr)
    if error and int(error[1]) in _FOREIGN:
        cure = (
            f"no authority in KEYRING={keyring} has signed it, nor one whose certificate stands "
            "below it: they have to belong together"
        )
    elif error and int(error[1]) == _PURPOSE:
        cure = (
            "it is not for signing programs: keyUsage=critical,digitalSignature and "
            "extendedKeyUsage=codeSigning are wanted"
        )
    else:
        cure = f"openssl verify says: {error[2] if error else done.stderr.strip()}"
    raise ImageError(f"{name} would be refused by cameras with this image: {cure} {_PAGE}")


def ask(prompt: str) -> str:
    """Ask for a passphrase at the terminal; raises OSError if there is none."""
    with open("/dev/tty", "rb"):
        return getpass.getpass(prompt)


def _check_key(
    place: str, certificate: x509.Certificate | None, ask: Callable[[str], str]
) -> bytes | None:
    """The key without its passphrase, None if it had none. certificate: which it has to fit."""
    name = f"KEY={place}"
    data, locked = _read("KEY", place), False
    try:
        try:
            key = serialization.load_pem_private_key(data, None)
        except TypeError:
            locked = True
            key = serialization.load_pem_private_key(data, ask(f"Passphrase of {name}: ").encode())
    except OSError:
        raise ImageError(
            f"{name} is locked by a passphrase, and there is no terminal to ask for it: build at "
            "one, or sign by a token (KEY=pkcs11:...)"
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        why = "the passphrase is wrong" if locked else "it has no private key in PEM"
        raise ImageError(f"{name} cannot be used: {why}") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise ImageError(f"{name} signs no bundle: a key of the kind EC or RSA is wanted {_PAGE}")
    if certificate is not None and key.public_key() != certificate.public_key():
        raise ImageError(f"{name} is not the key of CERT=: give the two that were made together")
    if not locked:
        return None
    plain = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8)
    return key.private_bytes(*plain, serialization.NoEncryption())


def check_signer(
    signer: tuple[str, str],
    keyring: Path,
    *,
    now: datetime | None = None,
    ask: Callable[[str], str] = ask,
) -> bytes | None:
    """Raise ImageError unless cameras with `keyring` take what `signer` (certificate, key) signs.

    What lies in a token is not looked at. Returns the key as PEM if a passphrase locks it, which is
    asked for (`ask`) now and not when the bundle is made; None else. now: default: the clock's.
    """
    certificate, key = signer
    found = None
    if not certificate.startswith(TOKEN):
        found = _check_certificate(certificate, keyring, now or datetime.now(UTC))
    return None if key.startswith(TOKEN) else _check_key(key, found, ask)
