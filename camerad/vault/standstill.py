"""Settings with which the server starts, but takes nothing, or keeps its secrets from nobody.

`camerad office config check` says it beside what `camerad.vault.start_check` finds, and so does the
server when it starts. Units: bytes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from camerad.base import file_status
from camerad.base.errors import CameradError
from camerad.base.storage_errors import explaining
from camerad.base.text import room
from camerad.office import camera_register
from camerad.vault.office_settings import OfficeFile

_GIB: Final = 1 << 30
_OTHERS: Final = 0o007
_HTTPS: Final = 443


def find_standstills(settings: OfficeFile) -> list[str]:
    """What keeps recordings away, or secrets from being any, in words for people. The office's
    directory has to be there. Raises StorageError."""
    found = [*_register(str(settings.register)), *_room(settings), *_open_secrets(settings)]
    if settings.metrics is not None and _same_place(settings):
        found.append(
            f"metrics.port: {settings.metrics.port} is listen.port as well, and only one can "
            "listen there: choose another one for metrics"
        )
    return found


def find_remarks(settings: OfficeFile) -> list[str]:
    """What is unusual and may be meant so."""
    port = urlsplit(settings.url).port or _HTTPS
    if port == settings.listen.port:
        return []
    return [
        f"url names port {port}, and the server listens at {settings.listen.port} (listen.port). "
        "That is right only if something between passes the one on to the other, as a balancer does"
    ]


def free_room(directory: str) -> int:
    """Bytes that are free for this user on the file system of a directory. Raises StorageError."""
    with explaining("ask for free room", directory):
        state = os.statvfs(directory)
    return state.f_bavail * state.f_frsize


def _register(path: str) -> Iterator[str]:
    try:
        if not file_status.exists(path):
            yield (
                f"{path}: there is no register yet: no camera may bring anything until 'camerad "
                "provision collect' has made it and it is put there"
            )
        else:
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
                f"chmod o= {path}, and change what stands there if somebody can have read it"
            )


def _secrets(settings: OfficeFile) -> Iterator[tuple[str, Path]]:
    smtp, webhook = settings.notify.smtp, settings.notify.webhook
    named = (
        ("tls.key", settings.tls.key),
        ("notify.smtp.login_file", None if smtp is None else smtp.login_file),
        ("notify.webhook.token_file", None if webhook is None else webhook.token_file),
        ("notify.webhook.secret_file", None if webhook is None else webhook.secret_file),
    )
    for where, path in named:
        if path is not None:
            yield where, path


def _same_place(settings: OfficeFile) -> bool:
    """Whether metrics and cameras are to reach the same port of one address."""
    metrics, listen = settings.metrics, settings.listen
    if metrics is None or metrics.port != listen.port:
        return False
    return listen.host is None or metrics.host in (listen.host, "0.0.0.0", "::")  # noqa: S104
