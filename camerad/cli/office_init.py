"""``camerad office init``: sets the office's server up, and renews its certificate.

It makes what is not there yet, and changes nothing that is. What cannot be made anew without every
camera getting a new file, it asks for; and so it does for a directory that is gone.
"""

from __future__ import annotations

import argparse
import os
import socket
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from camerad.base import durable_files, file_status
from camerad.base.errors import EX_CONFIG
from camerad.base.text import count
from camerad.cli.console import CommandError, print_line, warn
from camerad.cli.defaults import config_home, default_office_key
from camerad.config.document import parse_document
from camerad.config.settings_reader import SettingsReader
from camerad.container.keys import PublicKey
from camerad.evidence import camera_register, holdings, office_key_file
from camerad.office.server import certificates
from camerad.office.server.certificates import KeyPairFiles
from camerad.office.server.office_settings import (
    DEFAULT_PORT,
    ListenSettings,
    OfficeFile,
    TlsSettings,
    example,
    load,
)
from camerad.store.locations import (
    DIRECTORY_ID,
    OFFICE,
    PlaceKind,
    check_directories,
    office_place,
    place_of,
)

TLS: Final = "office-tls"
"""Directory of what `init` makes for TLS, beside the settings."""
REGISTER: Final = "register.json"


def run(options: argparse.Namespace) -> int:
    """Set the server up for a directory."""

    config = os.path.abspath(options.config)
    known = file_status.exists(config)
    settings = _known_settings(options, config) if known else _new_settings(options, config)
    if known and not options.new_directory:
        _stay_with_directory(str(settings.directory))
    durable_files.make_directory(os.path.dirname(config), 0o700, linked=True)
    key = _prepare_directory(settings)
    durable_files.make_directory(str(settings.register.parent), 0o700, linked=True)
    authority, own = _tls_files(config)
    lines = [
        f"directory    {settings.directory}",
        f"settings     {config}",
        f"url          {settings.url}",
        f"office key   {settings.office_key}, thumbprint {key.thumbprint}",
        f"register     {settings.register}, {_cameras(settings)}",
    ]
    if os.fspath(settings.tls.certificate) == own.certificate:
        now = datetime.now(UTC)
        durable_files.make_directory(os.path.dirname(own.certificate), 0o700, linked=True)
        if known and not options.new_authority:
            certificates.check_authority(authority)
        begun = certificates.make_authority(authority, f"camerad office {_host(settings.url)}", now)
        if options.new_authority and not begun:
            raise _refused(
                f"{authority.certificate}: there is an authority, so no other one was made. If "
                "there has to be another one, move this one and its key "
                "away and run this again: every camera then needs a new file"
            )
        made = certificates.make_certificate(authority, own, [_host(settings.url)], now)
        issuer = certificates.read_certificate(authority.certificate)
        end = certificates.read_certificate(own.certificate).not_valid_after_utc
        lines += [
            f"authority    {authority.certificate}",
            f"fingerprint  {certificates.fingerprint(issuer)}",
            f"certificate  {own.certificate}, until {end:%Y-%m-%d}"
            + (", new: start the server again" if made and known else ""),
        ]
    else:
        lines.append(f"certificate  {settings.tls.certificate}, your own")
    if not known:
        durable_files.publish(config, example(settings).encode(), mode=0o644)
    lines += [
        "",
        "Next: give the cameras settings that name this url and this authority, collect their",
        f"cards (camerad provision collect CARD --register {settings.register}), and start",
        f"    camerad office serve --config {config}",
        f"Keep copies of {settings.office_key} and of {os.path.dirname(authority.key)}.",
    ]
    for line in lines:
        print_line(line)
    return 0


def _refused(text: str) -> CommandError:
    return CommandError(text, EX_CONFIG)


def _known_settings(options: argparse.Namespace, config: str) -> OfficeFile:
    """The settings that are there; what was named differently is not changed. Raises
    CommandError and ConfigError."""

    settings = load(config, with_files=False)
    named = (
        ("directory", os.path.abspath(options.directory), settings.directory),
        ("url", options.url, settings.url),
        ("office_key", _absolute(options.office_key), settings.office_key),
        ("register", _absolute(options.register), settings.register),
    )
    for what, wanted, there in named:
        if wanted is not None and wanted != str(there):
            raise _refused(
                f"{config}: {what} is {there} there, and not {wanted}: change it there and run "
                "this again, or name another file with --config"
            )
    return settings


def _stay_with_directory(directory: str) -> None:
    """That the directory of settings that are there is an office's. An empty mount point would
    become a new one on the system's own disk. Raises CommandError and StorageError."""

    if not file_status.exists(os.path.join(directory, OFFICE, DIRECTORY_ID)):
        raise _refused(
            f"{directory} is gone, or is no office's any more. If its storage is not mounted, "
            "mount it. To begin an empty one: --new-directory"
        )


def _new_settings(options: argparse.Namespace, config: str) -> OfficeFile:
    """Raises ConfigError if they would not hold."""

    url = options.url or f"https://{socket.gethostname().lower()}:{DEFAULT_PORT}"
    _, own = _tls_files(config)
    settings = OfficeFile(
        directory=Path(os.path.abspath(options.directory)),
        url=url,
        tls=TlsSettings(Path(own.certificate), Path(own.key)),
        office_key=Path(_absolute(options.office_key) or default_office_key()),
        register=Path(_absolute(options.register) or os.path.join(config_home(), REGISTER)),
        listen=ListenSettings(port=_port(url)),
    )
    # What was typed is judged as if it stood in the file, before anything is made.
    try:
        text = example(settings).encode()
    except UnicodeEncodeError as error:
        raise _refused(
            f"{options.directory}: one of the names is no text (UTF-8), so the settings cannot "
            "have it; choose another one"
        ) from error
    reader = SettingsReader("--url")
    reader.section(parse_document("--url", text), OfficeFile)
    if reader.mistakes:
        raise _refused("; ".join(f"{one.where}: {one.text}" for one in reader.mistakes))
    return settings


def _prepare_directory(settings: OfficeFile) -> PublicKey:
    """Make the directory an office's, if it is none; returns the office's public key.

    Raises OfficeKeyError if the directory's ledger is by another key, CommandError if it is a
    camera's, and StorageError.
    """

    directory, path = str(settings.directory), str(settings.office_key)
    durable_files.make_directory(directory, linked=True)
    if place_of(directory).kind is PlaceKind.DEVICE:
        raise _refused(
            f"{directory}: this is a camera's state directory; name a directory for the office"
        )
    place = office_place(directory)
    check_directories(place, all_of_it=False)
    if office_key_file.load_key(path) is None and office_key_file.known_keys(place):
        raise office_key_file.OfficeKeyError(
            f"{path}: there is no key, but {directory} has a ledger that an office's key signed; "
            "name that key with --office-key"
        )
    if office_key_file.load_key(path) is None and (
        signers := office_key_file.receipt_signers(place)
    ):
        raise office_key_file.OfficeKeyError(
            f"{path}: there is no key, but {directory} has receipts that an office's key signed "
            f"({', '.join(sorted(signers))}): put that key back from its backup, since cameras "
            "believe no other one; or name it with --office-key"
        )
    key, made = office_key_file.load_or_create_key(path)
    if made:
        warn(f"made the office's key: {path}; keep a copy")
    found = office_key_file.ledger_keys(place, key.public)
    if found.problem:
        raise office_key_file.OfficeKeyError(found.problem)
    holdings.directory_id(directory)
    return key.public


def _tls_files(config: str) -> tuple[KeyPairFiles, KeyPairFiles]:
    """Files of the authority and of the server that belong to these settings."""

    directory = os.path.join(os.path.dirname(config), TLS)
    return (
        KeyPairFiles(f"{directory}/authority.pem", f"{directory}/authority.key"),
        KeyPairFiles(f"{directory}/server.pem", f"{directory}/server.key"),
    )


def _cameras(settings: OfficeFile) -> str:

    cameras = camera_register.read(str(settings.register), made=True).cameras
    return count(len(cameras), "camera")


def _host(url: str) -> str:

    return urlsplit(url).hostname or ""


def _port(url: str) -> int:

    try:
        return urlsplit(url).port or 443
    except ValueError:
        return 443  # the url is judged as a whole afterwards


def _absolute(path: str | None) -> str | None:
    return None if path is None else os.path.abspath(path)
