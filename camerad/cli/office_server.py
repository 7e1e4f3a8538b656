"""``camerad office serve``, ``notify test`` and ``config check``: the server and its settings."""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from camerad.base import journal, process
from camerad.base.clock import Clock, SystemClock
from camerad.base.errors import EX_CONFIG, CameradError
from camerad.base.message_ids import MessageId
from camerad.base.text import printable
from camerad.cli import desk
from camerad.cli.console import CommandError, print_line
from camerad.evidence import office_key_file
from camerad.office.jobs.alert_channels import SmtpChannel
from camerad.office.jobs.alert_message import make_test_message
from camerad.office.replicas.replicas import open_replicas
from camerad.office.server.office_settings import OfficeFile, check_file, load
from camerad.office.server.preflight import (
    check_database,
    check_start,
    find_preflight_problems,
    find_remarks,
    missing_register,
)
from camerad.office.server.state_import import open_state
from camerad.store.locations import office_place

if TYPE_CHECKING:
    from camerad.office.server.office_server import Beside
    from camerad.office.state.office_state import OfficeState

_LEFT_SECONDS = 3.0
"""At the end: how long threads have that wait for storage."""


def serve(options: argparse.Namespace) -> int:
    """Run the server until it is told to end."""
    from camerad.office.server.office_settings import load  # noqa: PLC0415 - slow to import

    settings = load(options.config, with_files=False)  # those are looked at more closely
    warnings = _checked(settings, options.config) + missing_register(settings)
    # A library may be missing, which is told behind the mistakes in the settings.
    from camerad.office.jobs.office_jobs import server_with_jobs  # noqa: PLC0415

    journal.set_up(logging.INFO)
    for library in ("asyncio", "alembic"):  # only their warnings matter
        logging.getLogger(library).setLevel(logging.WARNING)
    process.forbid_dumps()  # the office's key is in its memory
    for text in warnings:
        logging.getLogger(__name__).warning("%s", printable(text), extra=MessageId.SERVING.extra)
    place = office_place(str(settings.directory))
    clock = desk.clock_of(
        argparse.Namespace(trust_clock=False, office_key=str(settings.office_key)), place
    )
    from camerad.office.desk.file_import import open_state  # noqa: PLC0415

    state = open_state(settings.index, str(settings.directory))
    desk_page = _desk_page(settings, clock, state)
    with asyncio.Runner() as runner:
        runner.run(server_with_jobs(settings, clock, desk_page, state).run())
        # What is acknowledged is durable. A thread that still waits for storage delays no exit.
        process.end_within(_LEFT_SECONDS, 0)
    return 0


def _desk_page(settings: OfficeFile, clock: Clock, state: OfficeState) -> Beside | None:
    """The desk's part of the server; None if its settings have none. Raises OfficeKeyError."""
    if settings.desk is None:
        return None
    from camerad.office.desk.desk_server import Desk  # noqa: PLC0415 - slow to import

    key = office_key_file.load_key(str(settings.office_key))
    if key is None:
        raise CommandError(f"{settings.office_key}: there is no key of the office", EX_CONFIG)
    return Desk(settings, settings.desk, key, clock, state)


def _checked(settings: OfficeFile, config: str) -> list[str]:
    """Mistakes of the settings in the file `config` with which the server would take nothing."""

    return check_start(settings, datetime.now(UTC), config) + find_preflight_problems(settings)


def send_test_message(options: argparse.Namespace) -> int:
    """Send a test message, as the server would."""

    settings = load(options.config)
    if settings.notify.smtp is None:
        raise CommandError(
            f"{options.config}: no mail is set up; name the mail server under notify.smtp, as "
            "docs/office.md says",
            EX_CONFIG,
        )
    message = make_test_message(settings.notify.language, settings.url)
    for recipient in settings.notify.smtp.recipients:
        SmtpChannel(settings.notify.smtp, recipient, SystemClock()).send(message)
    print_line("smtp: the message was taken; see whether it arrives")
    return 0


def check_config(options: argparse.Namespace) -> int:
    """Name every mistake in the server's settings."""

    mistakes = check_file(options.file)
    if not mistakes:
        settings = load(options.file)
        mistakes = _checked(settings, options.file) + _probe(settings)
        mistakes += check_database(settings)
        for remark in find_remarks(settings):
            sys.stderr.write(f"to be aware of: {printable(remark)}\n")
    for mistake in mistakes:
        sys.stderr.write(f"{printable(mistake)}\n")
    if not mistakes:
        print_line(f"{printable(options.file)}: in order")
    return EX_CONFIG if mistakes else 0


def _probe(settings: OfficeFile) -> list[str]:
    """Whether the store of replicas keeps a lock: what is wrong with it, in words for
    people."""

    try:
        state = open_state(settings.index, str(settings.directory))
        copies = open_replicas(settings.second_copy, SystemClock(), state)
        if copies is not None:
            try:
                copies.store.probe()
            finally:
                copies.close()
                state.close()
    except CameradError as error:
        return [str(error)]
    return []
