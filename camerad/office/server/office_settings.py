"""``office.yaml``: settings of the office's server. Every mistake is named with its line.

`camerad.config.fields` explains how a setting is declared. `example` writes an annotated file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlsplit

import msgspec

from camerad.base import file_status
from camerad.base.errors import ConfigError, StorageError
from camerad.config.document import read_document
from camerad.config.fields import ABSOLUTE_PATH, Matches, Range
from camerad.config.settings_reader import SettingsReader
from camerad.office.replicas.replica_settings import (
    NO_REPLICAS,
    ReplicaSettings,
    check_replicas,
)
from camerad.office.report.camera_readings import MONTHS
from camerad.office.server import alert_settings, desk_settings
from camerad.office.server.alert_settings import MetricsSettings, NotifySettings
from camerad.office.server.desk_settings import DeskSettings
from camerad.office.state.database_settings import IndexSettings

NAME: Final = "office.yaml"
DEFAULT_PORT: Final = 8443
_PORT: Final = (
    r"([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
)
"""1 to 65535."""
_HINT: Final = "; 'camerad office init DIR' makes one"
NOT_MOUNTED: Final = (
    "mount the storage that has it; if this is a new one, run 'camerad office init' first"
)
"""What to do if the office's directory is not there."""
KEY_GONE: Final = "put it back from its backup. Without it no camera believes a receipt"
"""What to do if the office's key is not there."""
_NO_CERTIFICATE: Final = (
    "put it back from its backup; the server's own is also made anew by 'camerad office init DIR "
    "--config FILE', with the DIR of these settings and this FILE"
)


class ListenSettings(msgspec.Struct, frozen=True):
    """Where the server listens."""

    host: Annotated[
        str | None,
        "Address of this machine that cameras reach it by. Left out: every one that it has.",
        Matches(r"[A-Za-z0-9.:_-]{1,253}", "an address, such as 192.0.2.7 or ::1, or a name"),
    ] = None
    port: Annotated[int, "Port of TCP.", Range(1, 65535)] = DEFAULT_PORT


class TlsSettings(msgspec.Struct, frozen=True):
    """How cameras know this server."""

    certificate: Annotated[
        Path, "The server's certificate, and those above it but the last; PEM.", ABSOLUTE_PATH
    ]
    key: Annotated[Path, "The certificate's private key; PEM.", ABSOLUTE_PATH]


class ReceiveSettings(msgspec.Struct, frozen=True):
    """What the server takes."""

    uploads: Annotated[
        int, "Parts that are received at once, of all cameras.", Range(1, 1000, "parts")
    ] = 20
    camera_gib: Annotated[
        int,
        "What lies here of one camera, quarantine included, as much as its card holds.",
        Range(1, 65536, "GiB of 1024 MiB"),
    ] = 512
    reserve_gib: Annotated[
        int, "Room that stays free on the storage.", Range(0, 65536, "GiB of 1024 MiB")
    ] = 5
    unfinished_days: Annotated[
        int,
        "Days after which an upload to which nothing comes is removed. The camera still has it.",
        Range(1, 366, "days"),
    ] = 7
    largest_gib: Annotated[int, "Ignored. Older files have it."] = 0
    quarantine_gib: Annotated[int, "Ignored. Older files have it."] = 0


class UpdateSettings(msgspec.Struct, frozen=True):
    """How updates are sent to cameras."""

    at_once: Annotated[
        int, "Cameras that are sent a piece of an update at once.", Range(1, 100, "cameras")
    ] = 4
    mbit_per_second: Annotated[
        int, "Rate at which updates are sent, to all cameras together.", Range(1, 10_000, "Mbit/s")
    ] = 200


class ReportSettings(msgspec.Struct, frozen=True):
    """The data that reports use."""

    keep_months: Annotated[
        int,
        "Months for which readings of counters and sums of the ledger are kept.",
        Range(2, 120, "months"),
    ] = MONTHS


class TimeStampSettings(msgspec.Struct, frozen=True):
    """A time-stamp authority (RFC 3161)."""

    url: Annotated[
        str,
        "Its address.",
        Matches(
            r"https?://[A-Za-z0-9[][A-Za-z0-9.:\[\]-]{0,252}(/[!-~]{0,500})?",
            "an address such as https://stamps.example/tsr",
        ),
    ]
    certificates: Annotated[
        Path,
        "Its root certificate, and those below it; PEM. With its own among them, no other "
        "authority of this root counts.",
        ABSOLUTE_PATH,
    ]
    login_file: Annotated[
        Path | None,
        "File with two lines: user and password. Left out: no login.",
        ABSOLUTE_PATH,
    ] = None

    @property
    def host(self) -> str:
        """What files and messages call it."""
        return re.sub(r"[^a-z0-9.-]", "_", urlsplit(self.url).netloc.lower())


class OfficeFile(msgspec.Struct, frozen=True):
    """The whole file."""

    directory: Annotated[Path, "The office's directory, with all recordings.", ABSOLUTE_PATH]
    url: Annotated[
        str,
        "The server's address, letter by letter as the cameras' settings have it.",
        Matches(
            r"https://([A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\])"
            rf"(:{_PORT})?",
            "an address such as https://office.example:8443, without a path,",
        ),
    ]
    tls: Annotated[TlsSettings, "How cameras know this server."]
    office_key: Annotated[
        Path,
        "The office's private key, which signs receipts and the ledger of the directory.",
        ABSOLUTE_PATH,
    ]
    register: Annotated[
        Path, "The register of cameras, which `camerad provision collect` keeps.", ABSOLUTE_PATH
    ]
    several_servers: Annotated[
        bool, "Whether the office has other servers, each with a directory of its own."
    ] = False
    listen: Annotated[ListenSettings, "Where the server listens."] = ListenSettings()
    receive: Annotated[ReceiveSettings, "What the server takes."] = ReceiveSettings()
    index: Annotated[IndexSettings, "Where the index is kept."] = IndexSettings()
    notify: Annotated[NotifySettings, "What people are told."] = NotifySettings()
    metrics: Annotated[MetricsSettings | None, "Where Prometheus asks. Left out: nowhere."] = None
    second_copy: Annotated[ReplicaSettings, "Where the replicas lie, if anywhere."] = NO_REPLICAS
    updates: Annotated[UpdateSettings, "How updates are sent to cameras."] = UpdateSettings()
    desk: Annotated[DeskSettings | None, "The page for people. Left out: there is none."] = None
    report: Annotated[ReportSettings, "What reports are made of."] = ReportSettings()
    witnesses: Annotated[
        Path | None,
        "Policy (C2SP tlog-policy) with the outside witnesses that cosign the office's log. Left "
        "out: its cameras alone do.",
        ABSOLUTE_PATH,
    ] = None
    time_stamps: Annotated[
        tuple[TimeStampSettings, ...], "Authorities that stamp the office's log. Left out: none."
    ] = ()


def load(path: str, *, with_files: bool = True) -> OfficeFile:
    """The settings in a file. with_files: what it names has to be there too.

    Raises ConfigError naming every mistake in it, each as ``FILE:LINE: key.path: what was found;
    what to do``.
    """
    reader = SettingsReader(path)
    read = reader.section(read_document(Path(path), _HINT), OfficeFile)
    if read is not None:
        desk_settings.check(read.desk, reader, with_files=with_files)
        alert_settings.check(read.notify, reader, with_files=with_files)
        if len({one.host for one in read.time_stamps}) < len(read.time_stamps):
            reader.add_mistake("time_stamps", "a host is named twice; keep one of them")
        if with_files:
            reader.require_files(_stamp_files(read))
    several = read is not None and read.several_servers
    if read is not None and several and None in (read.index.url, read.second_copy.place):
        reader.add_mistake(
            "several_servers",
            "needs a database and a store that all of the servers reach: name one of PostgreSQL "
            "with index.url, and second_copy",
        )
    if read is not None and with_files:
        _check_files(read, reader)
    if read is not None:
        check_replicas(read.second_copy, read.directory, reader, with_files=with_files)
    if read is None or reader.mistakes:
        ordered = sorted(reader.mistakes, key=lambda mistake: mistake.line)
        raise ConfigError([str(mistake) for mistake in ordered])
    return read


def check_file(path: str) -> list[str]:
    """Every mistake in the file at `path`; an empty list if it is sound."""
    try:
        load(path)
    except ConfigError as error:
        return list(error.mistakes)
    return []


def _check_files(settings: OfficeFile, reader: SettingsReader) -> None:
    """What has to be there before the server starts. The register may come later."""
    needed = (
        ("directory", settings.directory, True, NOT_MOUNTED),
        ("tls.certificate", settings.tls.certificate, False, _NO_CERTIFICATE),
        ("tls.key", settings.tls.key, False, _NO_CERTIFICATE),
        ("office_key", settings.office_key, False, KEY_GONE),
        ("register", settings.register.parent, True, "make it, or name another file"),
    )
    for where, path, directory, remedy in needed:
        if not reader.is_sound(where):
            continue
        what = "directory" if directory else "file"
        try:
            there = file_status.mode_of(str(path), linked=True) is not None
            right = file_status.is_directory(str(path), linked=True) == directory
        except StorageError as error:
            reader.add_mistake(where, str(error))
            continue
        if not there or not right:
            reader.add_mistake(where, f"there is no {what} {path}: {remedy}")


def _stamp_files(settings: OfficeFile) -> Iterator[tuple[str, Path]]:
    for number, one in enumerate(settings.time_stamps):
        yield f"time_stamps[{number}].certificates", one.certificates
        if one.login_file is not None:
            yield f"time_stamps[{number}].login_file", one.login_file


def example(settings: OfficeFile) -> str:
    """An annotated file with these settings, which `load` reads; limits are the defaults."""
    said = {
        "directory": settings.directory,
        "url": settings.url,
        "certificate": settings.tls.certificate,
        "key": settings.tls.key,
        "office_key": settings.office_key,
        "register": settings.register,
    }
    quoted = {name: json.dumps(str(value), ensure_ascii=False) for name, value in said.items()}
    own = _EXAMPLE.format(**quoted, port=settings.listen.port)
    return own + desk_settings.EXAMPLE + alert_settings.EXAMPLE


_EXAMPLE: Final = """\
# Settings of the office's server: camerad office serve --config FILE
# 'camerad office config check FILE' names every mistake. docs/office.md explains the rest.

# The office's directory, with all recordings: the one that 'camerad offload' fills as well.
directory: {directory}

# The server's address, letter by letter as the cameras' settings have it (office.url): cameras sign
# it with every request.
url: {url}

# Where the server listens. A line more, host: 192.0.2.7, has it listen at that address only.
listen:
  port: {port}

# How cameras know this server. 'camerad office init' made these, and a certificate authority that
# the cameras' settings name (office.ca). They may be the city's own instead.
tls:
  certificate: {certificate}
  key: {key}

# The server's private key. It signs receipts and the ledger of the directory. Keep a copy of it.
office_key: {office_key}

# The register of cameras. Only those in it may bring recordings.
register: {register}

# The office has other servers, each with its own directory (docs/office.md): several_servers: true.

# Outside witnesses that cosign the office's log, besides its cameras (docs/transparency.md):
# witnesses: /etc/camerad-office/witnesses.policy
# Time-stamp authorities (RFC 3161) that stamp it:
# time_stamps:
#   - url: https://stamps.example/tsr
#     certificates: /etc/camerad-office/stamps.example.pem
#     login_file: /etc/camerad-office/stamps.example-login   # user and password, each on a line

# What the server takes. These are the defaults.
receive:
  uploads: 20          # parts at once, of all cameras
  camera_gib: 512      # of one camera, ingested recordings excepted: as much as its card holds
  reserve_gib: 5       # stays free on the storage
  unfinished_days: 7   # an upload to which nothing comes is removed then

# Where the index is kept, by which recordings are found ('camerad office find'). Left out: in
# office/index.sqlite of the office's directory. A password of PostgreSQL goes into ~/.pgpass.
# index:
#   url: postgresql+psycopg://camerad@database.example/camerad
# A replica of every recording, which cannot be removed before its day: in a bucket with
# Object Lock, or in another directory, whose lock binds camerad alone. A recording is then
# acknowledged only when its replica is there. docs/replicas.md says how to make it.
# second_copy:
#   s3:
#     endpoint: https://s3.office.example:8333
#     bucket: camerad-evidence
#     region: us-east-1
#     credentials: /etc/camerad-office/s3-credentials   # mode 600
#     ca: /etc/camerad-office/s3-ca.pem
#   # or:
#   directory: /mnt/other/camerad-second-copies

# How updates are sent to cameras ('camerad office offer update'). These are the defaults.
# updates:
#   at_once: 4             # cameras that are sent a piece at once
#   mbit_per_second: 200   # to all of them together

# What reports are made of ('camerad office report'). This is the default.
# report:
#   keep_months: 25   # this year and the one before; no wearer is in it
"""
