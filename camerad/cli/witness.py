"""``camerad witness serve``: a witness for the logs of other offices."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys

from camerad.base import durable_files, journal
from camerad.base.clock import SystemClock
from camerad.cli.console import CommandError, print_line
from camerad.evidence.office_key_file import load_or_create_key
from camerad.office.server.witness_server import serve as run
from camerad.transparency.checkpoints import LOG, NoteError, NoteKey
from camerad.transparency.witness_store import WitnessStore


def serve(options: argparse.Namespace) -> int:
    """Cosign what continues the logs that are named, until it is told to end."""
    logs = [_log_key(one) for one in options.logs]
    directory = os.path.abspath(options.directory)
    durable_files.make_directory(directory, linked=True)
    try:
        claimed = durable_files.lock_directory(directory, linked=True)
    except BlockingIOError:
        raise CommandError(f"{directory}: another witness works here already") from None
    key, _ = load_or_create_key(os.path.join(directory, "witness.pem"))
    name = options.name or f"camerad/witness/{key.public.thumbprint}"
    store = WitnessStore(directory, key, name, logs)
    journal.set_up(logging.INFO)

    def ready(address: str) -> None:
        print_line(f"witness {store.own}")
        print_line(f"listening {address}")
        sys.stdout.flush()  # who reads it by a pipe waits for it

    try:
        asyncio.run(run(store, SystemClock(), options.host, options.port, ready))
    finally:
        os.close(claimed)
    return 0


def _log_key(text: str) -> NoteKey:
    try:
        key = NoteKey.parse(text)
    except NoteError as error:
        raise CommandError(f"--log {text}: {error}") from error
    if key.kind != LOG:
        raise CommandError(f"--log {text}: this is the key of a witness, and no log's")
    return key
