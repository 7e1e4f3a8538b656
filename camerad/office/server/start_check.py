"""Checks before the server starts, besides those of its settings.

A server that is up and that no camera can use looks like one that works. So what cameras would only
notice in their docks is looked at here: the storage, the key, and the certificate.
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from camerad.base import file_status
from camerad.base.async_utils import call_within
from camerad.base.errors import EX_TEMPFAIL, CameradError
from camerad.base.safe_read import read_plain
from camerad.base.storage_errors import explaining
from camerad.evidence import own_key
from camerad.evidence.own_key import OfficeKeyError
from camerad.office.server.certificates import CertificateError, read_certificate
from camerad.office.server.office_settings import KEY_GONE, NOT_MOUNTED, OfficeFile
from camerad.store.locations import DIRECTORY_ID, OFFICE, office_place

REMIND_DAYS: Final = 60
REPLICA_SECONDS: Final = 5.0
"""How long the directory of replicas has to say where it lies."""
_LARGEST: Final = 64 * 1024


class NotMountedError(CameradError, FileNotFoundError):
    """Error raised when the office's directory is not where it should be; it may come."""

    exit_code = EX_TEMPFAIL


def check_start(settings: OfficeFile, now: datetime, config: str = "FILE") -> list[str]:
    """What will keep cameras out before long, in words for people; an empty list if nothing will.
    config: the file with the settings, as messages name it.

    Raises NotMountedError if the directory is not there, or is none of an office's; OfficeKeyError
    if another key has signed what is there; CertificateError if no camera could connect; and
    StorageError.
    """
    check_directory(str(settings.directory))
    _check_key(settings)
    return _check_certificate(settings, now, config) + _check_replicas(settings)


def check_directory(directory: str) -> None:
    """That an office's directory is there. Raises NotMountedError and StorageError."""
    if not file_status.exists(os.path.join(directory, OFFICE, DIRECTORY_ID)):
        raise NotMountedError(f"{directory}: there is no office's directory: {NOT_MOUNTED}")


def _check_key(settings: OfficeFile) -> None:
    path = str(settings.office_key)
    key = own_key.load_key(path)
    if key is None:
        raise OfficeKeyError(f"{path}: the office's key is gone: {KEY_GONE}")
    found = own_key.ledger_keys(office_place(str(settings.directory)), key.public)
    if found.problem:
        raise OfficeKeyError(
            f"{found.problem}. If both are the office's, and this one is to go on: camerad "
            f"evidence purge {settings.directory} --office-key {path} --new-office-key"
        )


def _check_certificate(settings: OfficeFile, now: datetime, config: str) -> list[str]:
    again = f"run 'camerad office init {settings.directory} --config {config}' again"
    path, key_path = str(settings.tls.certificate), str(settings.tls.key)
    certificate = read_certificate(path)
    try:
        key = load_pem_private_key(read_plain(key_path, "key", _LARGEST, linked=True), None)
    except (ValueError, TypeError):
        raise CertificateError(
            f"{key_path}: this is no unencrypted private key in PEM; put it back from its backup"
        ) from None
    if key.public_key() != certificate.public_key():
        raise CertificateError(
            f"{key_path}: this is not the key of {path}; put the two that belong together into "
            f"place, or {again}"
        )
    end = certificate.not_valid_after_utc
    if end <= now:
        raise CertificateError(
            f"{path}: this certificate ended on {end:%Y-%m-%d}, and no camera connects any more; "
            f"{again}, or put a new one of the city's into place"
        )
    host = urlsplit(settings.url).hostname or ""
    found = []
    if end <= now + timedelta(days=REMIND_DAYS):
        found.append(
            f"{path}: this certificate ends on {end:%Y-%m-%d}, and then no camera connects any "
            f"more; {again}, or put a new one into place, and start anew"
        )
    if not _is_for(certificate, host):
        found.append(
            f"{path}: this certificate is not for {host}, which url names, so cameras refuse it; "
            f"{again}, or correct url"
        )
    return found


def _check_replicas(settings: OfficeFile) -> list[str]:
    own, second = str(settings.directory), settings.second_copy.directory
    if second is None:
        return []
    try:
        same = call_within(REPLICA_SECONDS, lambda: _on_one_disk(own, str(second)))
    except TimeoutError:
        return [
            f"{second}: the directory of replicas does not answer, so no recording is "
            "acknowledged: see whether its storage is in order (second_copy.directory)"
        ]
    if not same:
        return []
    return [
        f"{second}: the replicas lie on the same file system as {own}, and would be lost with "
        "it: name a directory on another disk (second_copy.directory)"
    ]


def _on_one_disk(own: str, second: str) -> bool:
    if not file_status.is_directory(second, linked=True):
        return False
    with explaining("look at the directory", second):
        return os.stat(own).st_dev == os.stat(second).st_dev


def _is_for(certificate: x509.Certificate, host: str) -> bool:
    """Whether a certificate is for this name or address (RFC 6125: an asterisk is one label)."""
    try:
        there = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return False
    names = {name.lower() for name in there.get_values_for_type(x509.DNSName)}
    addresses = {str(one) for one in there.get_values_for_type(x509.IPAddress)}
    return host in names | addresses or f"*.{host.partition('.')[2]}" in names
