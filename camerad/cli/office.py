"""``camerad office``: the server that receives recordings from docked cameras."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING, Any

from camerad.base.errors import EX_CONFIG
from camerad.base.text import printable
from camerad.cli import (
    office_backup,
    office_cameras,
    office_find,
    office_init,
    office_people,
    office_reindex,
    office_report,
    office_restore,
    player_hash,
)
from camerad.cli.office_init import OfficeCommandError
from camerad.cli.options import config_home

if TYPE_CHECKING:
    from camerad.base.clock import Clock
    from camerad.office.server.office_server import Beside
    from camerad.office.server.office_settings import OfficeFile

_LEFT_SECONDS = 3.0
"""At the end: how long threads have that wait for storage."""


def default_config() -> str:
    """Where this user's settings of the server are."""
    return os.path.join(config_home(), "office.yaml")


def add_parser(commands: Any) -> None:
    """Add the subcommand to those of `camerad`."""
    parser = commands.add_parser(
        "office", help="the server that cameras in docks hand over to, and these cameras"
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")

    init = office_init.add_parser(actions)
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
        description="Sends a test message by mail, as the server would, and says whether it got "
        "through. Run it as the server's user.",
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

    for one in (office_find, office_reindex, office_report, office_people, office_backup):
        one.add_parser(actions, default_config())
    player_hash.add_parser(actions)


def run(options: argparse.Namespace) -> int:
    """Carry it out; returns the exit code. Raises CameradError."""
    actions = {
        "init": office_init.run,
        "serve": _serve,
        "notify": _notify_test,
        "config": _check,
        "find": office_find.run,
        "reindex": office_reindex.run,
        "status": office_cameras.run,
        "offer": office_cameras.run,
        "report": office_report.run,
        "restore": office_restore.run,
        "backup": office_backup.run,
        "people": office_people.run,
        "player-hash": player_hash.run,
    }
    return actions[options.action](options)


# ------------------------------------------------------------------------------------------ serve


def _serve(options: argparse.Namespace) -> int:
    from camerad.office.server.office_settings import load  # noqa: PLC0415 - slow to import

    settings = load(options.config, with_files=False)  # those are looked at more closely
    from camerad.office.server.standstill import missing_register  # noqa: PLC0415 - slow to import

    warnings = _checked(settings, options.config) + missing_register(settings)
    try:
        from camerad.office.jobs.office_jobs import server_with_jobs  # noqa: PLC0415 - slow to import
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
    for library in ("asyncio", "alembic"):  # of whose doings only trouble is anybody's business
        logging.getLogger(library).setLevel(logging.WARNING)
    process.forbid_dumps()  # the office's key is in its memory
    for text in warnings:
        logging.getLogger(__name__).warning("%s", printable(text), extra=MessageId.SERVING.extra)
    place = office_place(str(settings.directory))
    clock = desk.clock_of(
        argparse.Namespace(trust_clock=False, office_key=str(settings.office_key)), place
    )
    desk_page = _desk_page(settings, clock)
    with asyncio.Runner() as runner:
        runner.run(server_with_jobs(settings, clock, desk_page).run())
        # What is acknowledged is durable. Whoever still waits for storage keeps nobody here.
        process.end_within(_LEFT_SECONDS, 0)
    return 0


def _desk_page(settings: OfficeFile, clock: Clock) -> Beside | None:
    """The desk's part of the server; None if its settings have none. Raises OfficeKeyError."""
    if settings.desk is None:
        return None
    from camerad.evidence import own_key  # noqa: PLC0415
    from camerad.office.desk.desk_server import Desk  # noqa: PLC0415 - slow to import

    key = own_key.load_key(str(settings.office_key))
    if key is None:
        raise OfficeCommandError(f"{settings.office_key}: there is no key of the office")
    return Desk(settings, settings.desk, key, clock)


def _checked(settings: OfficeFile, config: str) -> list[str]:
    """See `camerad.office.server.start_check.check_start` and
    `camerad.office.server.standstill`."""
    from datetime import UTC, datetime  # noqa: PLC0415

    from camerad.office.server.standstill import find_standstills  # noqa: PLC0415 - slow to import
    from camerad.office.server.start_check import check_start  # noqa: PLC0415

    return check_start(settings, datetime.now(UTC), config) + find_standstills(settings)


def _notify_test(options: argparse.Namespace) -> int:
    from camerad.base.clock import SystemClock  # noqa: PLC0415
    from camerad.office.jobs.alert_message import make_test_message  # noqa: PLC0415
    from camerad.office.jobs.smtp_channel import SmtpChannel  # noqa: PLC0415
    from camerad.office.server.office_settings import load  # noqa: PLC0415 - slow to import

    settings = load(options.config)
    if settings.notify.smtp is None:
        raise OfficeCommandError(
            f"{options.config}: no mail is set up; name the mail server under notify.smtp, as "
            "docs/office.md says"
        )
    message = make_test_message(settings.notify.language, settings.url)
    SmtpChannel(settings.notify.smtp, SystemClock()).send(message)
    sys.stdout.write("smtp: the message was taken; see whether it arrives\n")
    return 0


def _check(options: argparse.Namespace) -> int:
    from camerad.office.server.office_settings import check_file, load  # noqa: PLC0415 - slow to import
    from camerad.office.server.standstill import check_database, find_remarks  # noqa: PLC0415

    mistakes = check_file(options.file)
    if not mistakes:
        settings = load(options.file)
        mistakes = _checked(settings, options.file) + office_restore.probe(settings)
        mistakes += check_database(settings)
        for remark in find_remarks(settings):
            sys.stderr.write(f"to be aware of: {printable(remark)}\n")
    for mistake in mistakes:
        sys.stderr.write(f"{printable(mistake)}\n")
    if not mistakes:
        sys.stdout.write(f"{printable(options.file)}: in order\n")
    return EX_CONFIG if mistakes else 0
