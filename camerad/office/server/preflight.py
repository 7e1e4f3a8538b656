"""Preflight checks: what would keep cameras out, block uploads or expose secrets.

A server that is up and that no camera can use looks like one that works. So what cameras would only
notice in their docks is looked at before it starts: storage, key, certificate, ports and secrets.
`camerad office config check` says the same. Units: bytes.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from camerad.base import file_status
from camerad.base.async_utils import call_within
from camerad.base.errors import EX_TEMPFAIL, CameradError, ConfigError
from camerad.base.safe_read import read_plain
from camerad.base.storage_errors import explaining
from camerad.base.text import room
from camerad.evidence import camera_register, office_key_file
from camerad.evidence.office_key_file import OfficeKeyError
from camerad.office.server.certificates import CertificateError, read_certificate
from camerad.office.server.office_settings import KEY_GONE, NOT_MOUNTED, OfficeFile
from camerad.store.locations import DIRECTORY_ID, OFFICE, office_place

REMIND_DAYS: Final = 60
REPLICA_SECONDS: Final = 5.0
"""How long the directory of replicas has to say where it lies."""
_LARGEST: Final = 64 * 1024
_GIB: Final = 1 << 30
_OTHERS: Final = 0o007
_HTTP, _HTTPS = 80, 443
_EVERYWHERE: Final = {None, "0.0.0.0", "::"}  # noqa: S104 - it is only compared


def find_preflight_problems(settings: OfficeFile) -> list[str]:
    """What keeps recordings away, or secrets from being any, in words for people. The office's
    directory has to be there. Raises StorageError."""
    return [
        *_register(str(settings.register)),
        *_room(settings),
        *_open_secrets(settings),
        *_ports(settings),
    ]


def find_remarks(settings: OfficeFile) -> list[str]:
    """What is unusual and may be meant so. Raises StorageError."""
    found = missing_register(settings)
    passed_on = (
        "That is right only if something between passes the one on to the other, as a balancer does"
    )
    said = [("url", settings.url, "listen.port", settings.listen.port)]
    if settings.desk is not None:
        said.append(("desk.url", settings.desk.url, "desk.port", settings.desk.port))
    for name, url, where, port in said:
        if _port_of(url) != port:
            found.append(
                f"{name} names port {_port_of(url)}, and the server listens at {port} ({where}). "
                f"{passed_on}"
            )
    return found


def missing_register(settings: OfficeFile) -> list[str]:
    """That there is no register yet, as in a new office; the server starts, and finds it when it
    is put there. Raises StorageError."""
    if file_status.exists(str(settings.register)):
        return []
    return [
        f"{settings.register}: there is no register yet: no camera may bring anything until "
        "'camerad provision collect' has made it and it is put there"
    ]


def check_database(settings: OfficeFile) -> Iterator[str]:
    """Why the index cannot be kept in the database of the settings, if so. Nothing is changed."""
    if settings.index.url is None:
        return
    try:
        from camerad.office.index.index import RecordingIndex  # noqa: PLC0415 - of the extra `office`
        from camerad.office.index.office_knowledge import OfficeFiles  # noqa: PLC0415
    except ModuleNotFoundError as error:
        yield f"index.url: the library {error.name} is missing: install the extra 'office'"
        return
    try:
        key = office_key_file.load_public_key(str(settings.office_key))
        files = OfficeFiles(str(settings.directory), key, str(settings.register))
        index = RecordingIndex(settings.index.url, files, lambda _: None)
        try:
            index.check()
        finally:
            index.close()
    except ConfigError as error:
        yield f"index.url: {error}"
    except CameradError as error:
        yield (
            f"index.url: {error}; see that it runs and lets this user in, and that role and "
            "database are there: docs/office.md says how they are made"
        )


def free_room(directory: str) -> int:
    """Bytes that are free for this user on the file system of a directory. Raises StorageError."""
    with explaining("ask for free room", directory):
        state = os.statvfs(directory)
    return state.f_bavail * state.f_frsize


def _register(path: str) -> Iterator[str]:
    try:
        if file_status.exists(path):
            camera_register.read(path)
    except CameradError as error:
        yield str(error)


def _room(settings: OfficeFile) -> Iterator[str]:
    free, directory = free_room(str(settings.directory)), settings.directory
    if free < settings.receive.reserve_gib * _GIB:
        yield (
            f"{directory}: {room(free)} are free, and {settings.receive.reserve_gib} GiB have "
            "to stay free (receive.reserve_gib), so the server takes nothing: make room there"
        )


def _open_secrets(settings: OfficeFile) -> Iterator[str]:
    for where, path in _secrets(settings):
        if (mode := file_status.mode_of(str(path), linked=True)) is not None and mode & _OTHERS:
            yield (
                f"{where}: every user of this computer can read {path} (mode {mode & 0o777:04o}): "
                f"chmod o= {path}, and change the secret in it if others may have read it"
            )


def _secrets(settings: OfficeFile) -> Iterator[tuple[str, Path]]:
    smtp = settings.notify.smtp
    openid = None if settings.desk is None else settings.desk.openid
    named = (
        ("tls.key", settings.tls.key),
        ("notify.smtp.login_file", None if smtp is None else smtp.login_file),
        ("desk.openid.client_secret_file", None if openid is None else openid.client_secret_file),
        *(("time_stamps.login_file", one.login_file) for one in settings.time_stamps),
    )
    for where, path in named:
        if path is not None:
            yield where, path


def _ports(settings: OfficeFile) -> Iterator[str]:
    """Two listeners at one place, of which the second would not start; and people who are sent to
    where cameras come in."""
    listen, desk, metrics = settings.listen, settings.desk, settings.metrics
    listeners = [("listen.port", listen.host, listen.port)]
    if desk is not None:
        listeners.append(("desk.port", "127.0.0.1" if desk.is_trial else desk.host, desk.port))
    if metrics is not None:
        listeners.append(("metrics.port", metrics.host, metrics.port))
    for (one, host, port), (other, its_host, its_port) in itertools.combinations(listeners, 2):
        if port == its_port and (host == its_host or {host, its_host} & _EVERYWHERE):
            yield f"{other}: {port} is {one} as well, and only one can listen there: choose another"
    if desk is not None and desk.port != listen.port:
        same_host = urlsplit(desk.url).hostname == urlsplit(settings.url).hostname
        if same_host and _port_of(desk.url) in (_port_of(settings.url), listen.port):
            yield (
                f"desk.url: port {_port_of(desk.url)} of this name is the cameras' (url, "
                f"listen.port), so people would not find the desk: name desk.port, {desk.port}"
            )


def _port_of(url: str) -> int:
    said = urlsplit(url)
    return said.port or (_HTTPS if said.scheme == "https" else _HTTP)


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
    """Raise NotMountedError unless an office's directory is there. Raises StorageError."""
    if not file_status.exists(os.path.join(directory, OFFICE, DIRECTORY_ID)):
        raise NotMountedError(f"{directory}: there is no office's directory: {NOT_MOUNTED}")


def _check_key(settings: OfficeFile) -> None:
    path = str(settings.office_key)
    key = office_key_file.load_key(path)
    if key is None:
        raise OfficeKeyError(f"{path}: the office's key is gone: {KEY_GONE}")
    found = office_key_file.ledger_keys(office_place(str(settings.directory)), key.public)
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
