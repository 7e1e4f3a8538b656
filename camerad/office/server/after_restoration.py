"""Names what is left to do after recordings or a whole office came back from a copy."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from camerad.base.text import count
from camerad.container.recording_files import SUFFIX, list_names
from camerad.evidence import own_key
from camerad.ledger.ledger import read_state
from camerad.office.server.cameras import Cameras
from camerad.office.server.office_settings import OfficeFile
from camerad.office.server.preflight import check_database
from camerad.store.camera_ledgers import find_doubtful
from camerad.store.locations import office_place


def find_left(settings: OfficeFile, config: str) -> list[str]:
    """What keeps the office from working as before, and what to do, a sentence each; an empty list
    if nothing does. config: the file with the settings. Raises StorageError."""
    return [*_of_recordings(settings, config), *_of_index(settings, config)]


def _of_recordings(settings: OfficeFile, config: str) -> Iterator[str]:
    place = office_place(str(settings.directory))
    public = own_key.load_public_key(str(settings.office_key))
    state = read_state(place.ledger, own_key.ledger_keys(place, public).ring)
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
