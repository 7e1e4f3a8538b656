"""``camerad office``: the server that takes recordings over from cameras in their docks."""

from __future__ import annotations

import argparse
import os
import socket
import sys
from typing import TYPE_CHECKING, Any, Final

from camerad.base.errors import EX_CONFIG, CameradError
from camerad.base.text import count, printable
from camerad.cli import office_cameras, office_find, office_reindex, office_restore
from camerad.cli.options import config_home, default_office_key

if TYPE_CHECKING:
    from camerad.vault.certificates import KeyPairFiles
    from camerad.vault.office_settings import OfficeFile

TLS: Final = "office-tls"
"""Directory of what `init` makes for TLS, beside the settings."""
REGISTER: Final = "register.json"


class OfficeCommandError(CameradError, ValueError):
    """Error raised when the office's server cannot be set up or started as asked."""

    exit_code = EX_CONFIG


def default_config() -> str:
    """Where this user's settings of the server are."""
    return os.path.join(config_home(), "office.yaml")


def add_parser(commands: Any) -> None:
    """Add the subcommand to those of `camerad`."""
    parser = commands.add_parser(
        "office", help="the server that cameras in docks hand over to, and these cameras"
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")

    init = actions.add_parser(
        "init",
        help="set the server up for a directory",
        description="Makes what is not there yet: the directory, the office's key, a certificate "
        "authority, a certificate, and the settings. A directory that 'camerad offload' has filled "
        "is taken as it is. Run again, it renews the certificate if that ends soon, or if the url "
        "in the settings was changed.",
    )
    init.add_argument("directory", metavar="DIR", help="the office's directory")
    init.add_argument(
        "--url",
        metavar="https://HOST[:PORT]",
        help="how cameras reach the server; default: this machine's name and port 8443",
    )
    init.add_argument(
        "--office-key",
        metavar="FILE",
        help="the office's key, which signs receipts; made if it is not there; default: "
        f"{default_office_key()}",
    )
    init.add_argument(
        "--register",
        metavar="FILE",
        help="the register of cameras, which 'camerad provision collect' keeps; default: "
        f"{os.path.join(config_home(), REGISTER)}",
    )

    init.add_argument(
        "--new-authority",
        action="store_true",
        help="make another certificate authority; every camera then needs a file that names it",
    )

    serve = actions.add_parser("serve", help="run the server until it is told to end")
    restore = office_restore.add_parser(actions)
    for action in (init, serve, restore, *office_cameras.add_actions(actions)):
        action.add_argument(
            "--config",
            default=default_config(),
            metavar="FILE",
            help="the server's settings; default: %(default)s",
        )

    notify = actions.add_parser("notify", help="try how people are told")
    tries = notify.add_subparsers(dest="notify_action", required=True, metavar="ACTION")
    trial = tries.add_parser(
        "test",
        help="send a test message",
        description="Sends a test message by mail and webhook, as the server would, and says of "
        "each whether it got through. Run it as the server's user.",
    )
    trial.add_argument(
        "--config",
        default=default_config(),
        metavar="FILE",
        help="the server's settings; default: %(default)s",
    )

    config = actions.add_parser("config", help="name the mistakes in the server's settings")
    checks = config.add_subparsers(dest="config_action", required=True, metavar="ACTION")
    check = checks.add_parser("check", help="name every mistake in the server's settings")
    check.add_argument("file", metavar="FILE", help="an office.yaml")

    for one in (office_find, office_reindex):
        one.add_parser(actions, default_config())


def run(options: argparse.Namespace) -> int:
    """Carry it out; returns the exit code. Raises CameradError."""
    actions = {
        "init": _init,
        "serve": _serve,
        "notify": _notify_test,
        "config": _check,
        "find": office_find.run,
        "reindex": office_reindex.run,
        "status": office_cameras.run,
        "offer": office_cameras.run,
        "restore": office_restore.run,
    }
    return actions[options.action](options)


# ------------------------------------------------------------------------------------------- init


def _init(options: argparse.Namespace) -> int:
    from datetime import UTC, datetime  # noqa: PLC0415

    from camerad.base import durable_files, file_status  # noqa: PLC0415 - slow to import
    from camerad.vault import certificates  # noqa: PLC0415

    config = os.path.abspath(options.config)
    known = file_status.exists(config)
    settings = _known_settings(options, config) if known else _new_settings(options, config)
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
        certificates.make_authority(authority, f"camerad office {_host(settings.url)}", now)
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
        from camerad.vault.office_settings import example  # noqa: PLC0415 - slow to import

        durable_files.publish(config, example(settings).encode(), mode=0o644)
    lines += [
        "",
        "Next: give the cameras settings that name this url and this authority, collect their",
        f"cards (camerad provision collect CARD --register {settings.register}), and start",
        f"    camerad office serve --config {config}",
        f"Keep copies of {settings.office_key} and of {os.path.dirname(authority.key)}.",
    ]
    sys.stdout.write("".join(f"{printable(line)}\n" for line in lines))
    return 0


def _known_settings(options: argparse.Namespace, config: str) -> OfficeFile:
    """The settings that are there; what was named differently is not changed. Raises
    OfficeCommandError and ConfigError."""
    from camerad.vault.office_settings import load  # noqa: PLC0415 - slow to import

    settings = load(config, with_files=False)
    named = (
        ("directory", os.path.abspath(options.directory), settings.directory),
        ("url", options.url, settings.url),
        ("office_key", _absolute(options.office_key), settings.office_key),
        ("register", _absolute(options.register), settings.register),
    )
    for what, wanted, there in named:
        if wanted is not None and wanted != str(there):
            raise OfficeCommandError(
                f"{config}: {what} is {there} there, and not {wanted}: change it there and run "
                "this again, or name another file with --config"
            )
    return settings


def _new_settings(options: argparse.Namespace, config: str) -> OfficeFile:
    """Raises ConfigError if they would not hold."""
    from pathlib import Path  # noqa: PLC0415

    from camerad.config.document import parse_document  # noqa: PLC0415 - slow to import
    from camerad.config.settings_reader import SettingsReader  # noqa: PLC0415
    from camerad.vault import office_settings  # noqa: PLC0415
    from camerad.vault.office_settings import (  # noqa: PLC0415
        DEFAULT_PORT,
        ListenSettings,
        OfficeFile,
        TlsSettings,
    )

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
        text = office_settings.example(settings).encode()
    except UnicodeEncodeError as error:
        raise OfficeCommandError(
            f"{options.directory}: one of the names is no text (UTF-8), so the settings cannot "
            "have it; choose another one"
        ) from error
    reader = SettingsReader("--url")
    reader.section(parse_document("--url", text), OfficeFile)
    if reader.mistakes:
        raise OfficeCommandError("; ".join(f"{one.where}: {one.text}" for one in reader.mistakes))
    return settings


def _prepare_directory(settings: OfficeFile) -> Any:
    """Make the directory an office's, if it is none; returns the office's public key.

    Raises OfficeKeyError if the directory's ledger is by another key, OfficeCommandError if it is a
    camera's, and StorageError.
    """
    from camerad.base import durable_files  # noqa: PLC0415 - slow to import
    from camerad.office import holdings, office  # noqa: PLC0415
    from camerad.store.locations import (  # noqa: PLC0415
        PlaceKind,
        check_directories,
        office_place,
        place_of,
    )

    directory, path = str(settings.directory), str(settings.office_key)
    durable_files.make_directory(directory, linked=True)
    if place_of(directory).kind is PlaceKind.DEVICE:
        raise OfficeCommandError(
            f"{directory}: this is a camera's state directory; name a directory for the office"
        )
    place = office_place(directory)
    check_directories(place, all_of_it=False)
    if office.load_key(path) is None and office.known_keys(place):
        raise office.OfficeKeyError(
            f"{path}: there is no key, but {directory} has a ledger that an office's key signed; "
            "name that key with --office-key"
        )
    if office.load_key(path) is None and (signers := office.receipt_signers(place)):
        raise office.OfficeKeyError(
            f"{path}: there is no key, but {directory} has receipts that an office's key signed "
            f"({', '.join(sorted(signers))}): put that key back from its backup, since cameras "
            "believe no other one; or name it with --office-key"
        )
    key, made = office.load_or_create_key(path)
    if made:
        sys.stderr.write(f"camerad: made the office's own key: {printable(path)}; keep a copy\n")
    found = office.ledger_keys(place, key.public)
    if found.problem:
        raise office.OfficeKeyError(found.problem)
    holdings.directory_id(directory)
    return key.public


def _tls_files(config: str) -> tuple[KeyPairFiles, KeyPairFiles]:
    """Files of the authority and of the server that belong to these settings."""
    from camerad.vault.certificates import KeyPairFiles  # noqa: PLC0415 - slow to import

    directory = os.path.join(os.path.dirname(config), TLS)
    return (
        KeyPairFiles(f"{directory}/authority.pem", f"{directory}/authority.key"),
        KeyPairFiles(f"{directory}/server.pem", f"{directory}/server.key"),
    )


def _cameras(settings: OfficeFile) -> str:
    from camerad.office import camera_register  # noqa: PLC0415 - slow to import

    cameras = camera_register.read(str(settings.register), made=True).cameras
    return count(len(cameras), "camera")


def _host(url: str) -> str:
    from urllib.parse import urlsplit  # noqa: PLC0415

    return urlsplit(url).hostname or ""


def _port(url: str) -> int:
    from urllib.parse import urlsplit  # noqa: PLC0415

    try:
        return urlsplit(url).port or 443
    except ValueError:
        return 443  # the url is judged as a whole afterwards


def _absolute(path: str | None) -> str | None:
    return None if path is None else os.path.abspath(path)


# ------------------------------------------------------------------------------------------ serve


def _serve(options: argparse.Namespace) -> int:
    from camerad.vault.office_settings import load  # noqa: PLC0415 - slow to import

    settings = load(options.config, with_files=False)  # those are looked at more closely
    warnings = _checked(settings)
    try:
        from camerad.vault.office_server import Vault  # noqa: PLC0415 - slow to import
    except ModuleNotFoundError as error:
        raise OfficeCommandError(
            f"the library {error.name} is missing, which only an office's server needs: install "
            "camerad with its extra 'office', as docs/office.md says"
        ) from error
    import asyncio  # noqa: PLC0415
    import logging  # noqa: PLC0415

    from camerad.base import journal, process  # noqa: PLC0415
    from camerad.base.message_ids import MessageId  # noqa: PLC0415
    from camerad.cli import desk  # noqa: PLC0415
    from camerad.store.locations import office_place  # noqa: PLC0415

    journal.set_up(logging.INFO)
    logging.getLogger("asyncio").setLevel(logging.WARNING)
    process.forbid_dumps()  # the office's key is in its memory
    for text in warnings:
        logging.getLogger(__name__).warning("%s", printable(text), extra=MessageId.SERVING.extra)
    place = office_place(str(settings.directory))
    clock = desk.clock_of(
        argparse.Namespace(trust_clock=False, office_key=str(settings.office_key)), place
    )
    asyncio.run(Vault(settings, clock).run())
    return 0


def _checked(settings: OfficeFile) -> list[str]:
    """See `camerad.vault.start_check.check_start`."""
    from datetime import UTC, datetime  # noqa: PLC0415

    from camerad.vault.start_check import check_start  # noqa: PLC0415 - slow to import

    return check_start(settings, datetime.now(UTC))


def _notify_test(options: argparse.Namespace) -> int:
    from camerad.base.clock import SystemClock  # noqa: PLC0415
    from camerad.vault.notices.channel_setup import make_outer_channels  # noqa: PLC0415
    from camerad.vault.notices.notice_channels import ChannelError  # noqa: PLC0415
    from camerad.vault.notices.notice_message import make_test_message  # noqa: PLC0415
    from camerad.vault.office_settings import load  # noqa: PLC0415 - slow to import

    settings = load(options.config)
    channels = make_outer_channels(settings.notify, SystemClock())
    if not channels:
        raise OfficeCommandError(
            f"{options.config}: neither mail nor a webhook is set up; name one under notify "
            "(notify.smtp, notify.webhook), as docs/office.md says"
        )
    message = make_test_message(settings.notify.language, settings.url)
    failed = 0
    for channel in channels:
        try:
            channel.send(message)
        except ChannelError as error:
            failed = error.exit_code
            sys.stderr.write(f"{channel.name}: {printable(error)}\n")
        else:
            sys.stdout.write(f"{channel.name}: the message was taken; see whether it arrives\n")
    return failed


def _check(options: argparse.Namespace) -> int:
    from camerad.vault.office_settings import check_file, load  # noqa: PLC0415 - slow to import

    mistakes = check_file(options.file)
    if not mistakes:
        settings = load(options.file)
        mistakes = _checked(settings) + office_restore.probe(settings)
    for mistake in mistakes:
        sys.stderr.write(f"{printable(mistake)}\n")
    if not mistakes:
        sys.stdout.write(f"{printable(options.file)}: in order\n")
    return EX_CONFIG if mistakes else 0
