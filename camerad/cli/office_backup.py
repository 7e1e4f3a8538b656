"""``camerad office backup`` and ``restore``: the server's backups, and recordings of replicas."""

from __future__ import annotations

import argparse
import os
import shlex
from collections.abc import Iterator
from typing import Final

from camerad.base import file_status
from camerad.base.clock import SystemClock
from camerad.base.text import count
from camerad.cli.console import CommandError, print_line, warn
from camerad.container.recording_files import SUFFIX, list_names
from camerad.evidence import office_key_file
from camerad.ledger.ledger import read_state
from camerad.office.jobs.replica_restore import Restorer
from camerad.office.replicas.replicas import open_replicas
from camerad.office.server.backup_restore import check, restore
from camerad.office.server.camera_holdings import CameraHoldings
from camerad.office.server.cameras import Cameras
from camerad.office.server.office_backup import make
from camerad.office.server.office_settings import OfficeFile, load
from camerad.office.server.preflight import check_database, check_directory
from camerad.office.server.state_import import open_state
from camerad.store.camera_ledgers import find_doubtful
from camerad.store.locations import office_place

_NOT_ALL: Final = 2
"""As `camerad evidence verify` says that something is not as it should be."""


def make_backup(options: argparse.Namespace) -> int:
    """Make a backup, while the server runs."""

    settings = load(options.config, with_files=False)
    check_directory(str(settings.directory))
    taken = options.with_recordings
    path = make(settings, options.config, options.directory, with_recordings=taken)
    print_line(f"{path}: made, and read back")
    if not taken:
        print_line("recordings are not in it: the storage's own backup, or replicas, have them")
    authority = os.path.join(os.path.dirname(os.path.abspath(options.config)), "office-tls")
    if file_status.is_directory(authority) and not file_status.exists(f"{authority}/authority.key"):
        print_line(
            f"{authority}/authority.key is not here, so it is not in it: keep that copy as well"
        )
    return 0


def check_backup(options: argparse.Namespace) -> int:
    """Read a backup, and say whether it is whole."""

    said = check(options.backup)
    recordings = "with" if said.with_recordings else "without"
    print_line(
        f"{options.backup}: whole; of {said.directory}, made {said.made} by camerad "
        f"{said.camerad}, {count(len(said.files), 'file')}, {recordings} recordings"
    )
    return 0


def restore_backup(options: argparse.Namespace) -> int:
    """Put a backup into place on a new machine."""

    done = restore(options.backup, options.root)
    said = done.manifest
    print_line(f"{count(done.written, 'file')} put into place; there already: {done.same}")
    if done.kept:
        print_line(
            f"{said.directory}: was there, with all of the backup's ledger: it stays as it is"
        )
    for names, text in (
        (done.different, "here with another content than in the backup, and left as it is"),
        (done.lacking, "in the backup alone: deleted since, or lost; not put into place"),
    ):
        for name in names:
            print_line(f"{os.path.join(options.root, name)}: {text}")
    if done.lacking:
        print_line(
            "take a lost file out of the backup (NAME: its path without the first slash): "
            f"tar -xpf {shlex.quote(options.backup)} -C {shlex.quote(options.root)} NAME"
        )
    if os.path.realpath(options.root) != "/":
        return 0
    left = find_left(load(said.config, with_files=False), said.config)
    left += [
        f"look whether all is in order: camerad office config check {shlex.quote(said.config)}"
    ]
    print_line("Left to do:")
    for number, text in enumerate(left, 1):
        print_line(f"{number}. {text}")
    return 0


def restore_recordings(options: argparse.Namespace) -> int:
    """Restore recordings from their replicas."""
    if (options.recording is None) != options.all:
        raise CommandError("name one recording, or --all")

    settings = load(options.config, with_files=False)
    key = office_key_file.load_public_key(str(settings.office_key))
    if key is None:
        raise office_key_file.OfficeKeyError(
            f"{settings.office_key}: there is no key; name the office's with office_key"
        )
    state = open_state(settings.index, str(settings.directory))
    copies = open_replicas(settings.second_copy, SystemClock(), state)
    if copies is None:
        raise CommandError(
            f"{options.config}: the settings name no place of replicas (second_copy)"
        )
    try:
        cameras = Cameras(str(settings.register))
        holdings = CameraHoldings(str(settings.directory), cameras, state)
        restorer = Restorer(holdings, copies.store, cameras, key)
        done = restorer.restore(options.recording, lambda one: print_line(f"brought back {one}"))
    finally:
        copies.close()
        state.close()
    for text in done.refused:
        warn(f"not brought back: {text}")
    print_line(
        f"{count(len(done.restored), 'recording')} brought back; already there: {done.there}"
    )
    for text in find_left(settings, options.config):
        print_line(f"left to do: {text}")
    return _NOT_ALL if done.refused else 0


def find_left(settings: OfficeFile, config: str) -> list[str]:
    """What keeps the office from working as before, and what to do, a sentence each; an empty list
    if nothing does. config: the file with the settings. Raises StorageError."""
    return [*_of_recordings(settings, config), *_of_index(settings, config)]


def _of_recordings(settings: OfficeFile, config: str) -> Iterator[str]:
    place = office_place(str(settings.directory))
    public = office_key_file.load_public_key(str(settings.office_key))
    state = read_state(place.ledger, office_key_file.ledger_keys(place, public).ring)
    there = {name for one in place.holdings if one.listed for name in list_names(one.recordings)}
    gone = [one for one in state.recordings.values() if one.here and one.id + SUFFIX not in there]
    if gone:
        copies = settings.second_copy
        second = (
            f" or run: camerad office restore --all --config {shlex.quote(config)};"
            if copies.s3 or copies.directory
            else ""
        )
        yield (
            f"recordings: {count(len(gone), 'file')} of which the ledger tells, such as "
            f"{gone[0].id}, are not here. Put them back from the storage's own backup;{second} "
            "then dock every camera once, which brings again what it still has"
        )
    for one in find_doubtful(place, state, Cameras(str(settings.register)).keys()):
        yield f"deletion: {one.text}. Until then purge and server say that something is missing"


def _of_index(settings: OfficeFile, config: str) -> Iterator[str]:
    for text in check_database(settings):
        yield f"index: {text}"
    if settings.index.url is not None:
        yield f"index: bring it up to date: camerad office reindex --config {shlex.quote(config)}"
