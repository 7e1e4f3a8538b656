"""``camerad office people`` and ``player-hash``: the desk's people, and its page's fingerprints.

The first administrator is made here, and one who lost every passkey gets another link. Everything
else administrators do on the page. What is done here is in the office's ledger as what is done
there.

The prosecutor compares the ``player.html`` of a package with the first fingerprint, made by a
version that came another way. The others are for a desk: `camerad.office.desk.page_check` compares
what it sends.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from typing import Final

from camerad.base.clock import SystemClock
from camerad.base.errors import EX_CONFIG
from camerad.base.text import printable
from camerad.cli.console import CommandError, print_line
from camerad.evidence import own_key
from camerad.evidence.player_page import NAME, player_hash
from camerad.office.desk import page_check, people
from camerad.office.desk.desk_ledger import DeskLedger
from camerad.office.desk.file_import import open_state
from camerad.office.desk.page_content import page_content
from camerad.office.desk.people import read_roles
from camerad.office.desk.sessions import Sessions
from camerad.office.server.cameras import Cameras
from camerad.office.server.office_settings import OfficeFile, load
from camerad.office.server.start_check import check_directory
from camerad.office.state.office_state import OfficeState

DIFFERS: Final = 1
"""Exit code if something is another than this version has it."""


def list_people(options: argparse.Namespace) -> int:
    """List all people."""
    _, state = _open(options.config)
    with state.reading() as rows:
        found = people.list_all(rows)
    state.close()
    for one in found:
        note = "" if one.withdrawn_us is None else ", withdrawn"
        if one.is_lost:
            note = "the record of this person cannot be read"
        print_line(f"{one.id}  {one.name}  {', '.join(one.roles)}{note}")
    return 0


def add_person(options: argparse.Namespace) -> int:
    """Add a person, and print the link for their passkey."""
    return _make_link(options, added=True)


def link_person(options: argparse.Namespace) -> int:
    """Print another link for a person."""
    return _make_link(options, added=False)


def _open(config: str) -> tuple[OfficeFile, OfficeState]:
    settings = load(config)
    check_directory(str(settings.directory))
    return settings, open_state(settings.index, str(settings.directory))


def _make_link(options: argparse.Namespace, *, added: bool) -> int:
    settings, state = _open(options.config)
    clock = SystemClock()
    if settings.desk is None:
        raise CommandError(
            f"{options.config}: there is no desk to sign in at; name its address with desk.url",
            EX_CONFIG,
        )
    key = own_key.load_key(str(settings.office_key))
    if key is None:
        raise CommandError(f"{settings.office_key}: there is no key of the office", EX_CONFIG)
    ledger = DeskLedger(str(settings.directory), state, Cameras(str(settings.register)), key, clock)
    with ledger.deciding() as decision:
        if added:
            roles, what = read_roles(options.role), "added"
            people.add(decision.rows, options.person, options.name, roles, clock.wall_us())
        else:
            known, what = people.get(decision.rows, options.person), "link"
            if known.is_lost:
                raise CommandError(
                    f"the record of {known.id} cannot be read: add them anew with 'people add'",
                    EX_CONFIG,
                )
            if not known.active:
                raise CommandError(
                    f"{known.id} is withdrawn; an administrator restores them", EX_CONFIG
                )
            roles = frozenset(known.roles)
        sessions = Sessions(state, settings.desk, clock)
        secret = sessions.make_link(decision.rows, options.person, "")
        facts = {"person": options.person, "who": "", "what": what}
        decision.append("rights", **facts, roles=tuple(sorted(map(str, roles))))
    state.close()
    sys.stdout.write(
        f"{settings.desk.url}/#link={secret}\n\n"
        f"Give this link to {printable(options.person)} alone. It is good once, for 72 hours: with "
        "it they make a passkey, and are signed in.\n"
    )
    return 0


def print_player_hash(options: argparse.Namespace) -> int:
    """Print fingerprints of the player and of the desk's page, or compare those of a desk."""
    if options.check is not None:
        found = page_check.fetched_differences(options.check, options.authority)
        said = (
            f"{len(page_content())} files and the policy are those of this version. A server can "
            "send others something else: --saved compares what a browser got.\n"
        )
        return _tell(found, said)
    lines = [f"{player_hash()}  {NAME}\n"]
    if options.modules:
        for path, content in page_content().items():
            lines.append(f"{hashlib.sha256(content).hexdigest()}  {path.removeprefix('/')}\n")
    sys.stdout.write("".join(lines))
    return 0


def _tell(found: list[str], same: str) -> int:
    if not found:
        sys.stdout.write(same)
        return 0
    sys.stdout.write("".join(f"{one}\n" for one in found))
    sys.stdout.write(
        f"{len(found)} differ. If the server has another version, compare with that one.\n"
    )
    return DIFFERS
