"""Preflight checks: settings that would block uploads or expose secrets.

`camerad office config check` says it beside what `camerad.office.server.start_check` finds, and so
does the server when it starts. Units: bytes.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from camerad.base import file_status
from camerad.base.errors import CameradError, ConfigError
from camerad.base.storage_errors import explaining
from camerad.base.text import room
from camerad.evidence import camera_register, own_key
from camerad.office.server.office_settings import OfficeFile

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
        key = own_key.load_public_key(str(settings.office_key))
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
