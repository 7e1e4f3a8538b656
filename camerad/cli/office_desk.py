"""``camerad office people`` and ``player-hash``: the desk's people, and its page's fingerprints.

The first administrator is made here, and one who lost every passkey gets another link. Everything
else administrators do on the page. What is done here is in the office's ledger as what is done
there.

The prosecutor compares the ``player.html`` of a package with the first fingerprint, made by a
version that came another way. The others are for a desk. A server that was taken over can send
another page, which keeps the key or lies about a recording, and the page itself cannot tell: so it
is compared from outside, by a camerad that came another way. A server can send the right files to
one who compares and others to one who views: for that person, `camerad evidence verify` and a
``player.html`` from a trusted disk judge without the server.
"""

from __future__ import annotations

import argparse
import hashlib
import http.client
import ssl
import sys
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from camerad.base.clock import SystemClock
from camerad.base.errors import EX_CONFIG, EX_UNAVAILABLE
from camerad.base.text import printable
from camerad.cli.console import CommandError, print_line
from camerad.evidence import office_key_file
from camerad.evidence.player_page import NAME, player_hash
from camerad.office.desk import people
from camerad.office.desk.desk_ledger import DeskLedger
from camerad.office.desk.file_import import open_state
from camerad.office.desk.page_content import PAGE, POLICY, START, page_content
from camerad.office.desk.people import read_roles
from camerad.office.desk.sessions import Sessions
from camerad.office.server.cameras import Cameras
from camerad.office.server.office_settings import OfficeFile, load
from camerad.office.server.preflight import check_directory
from camerad.office.state.office_state import OfficeState

TIMEOUT_SECONDS: Final = 20.0
_POLICY: Final = "Content-Security-Policy"
_SHOWN: Final = 12
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
    key = office_key_file.load_key(str(settings.office_key))
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
        found = fetched_differences(options.check, options.authority)
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


def fetched_differences(url: str, authority: str | None) -> list[str]:
    """How the page at this address differs, a sentence each. authority: file of the certificate
    authority in PEM; None for those of the system. Raises CommandError."""
    said = urlsplit(url)
    if said.scheme not in ("http", "https") or not said.hostname:
        raise CommandError(
            f"{printable(url)}: an address such as https://desk.office.example", EX_UNAVAILABLE
        )
    try:
        connection = _connection(said.scheme, said.hostname, said.port, authority)
        try:
            there = {"/": page_content()[PAGE + START]} | page_content()
            found = [one for name in there for one in _differences(connection, name, there[name])]
        finally:
            connection.close()
    except (OSError, http.client.HTTPException) as error:
        raise CommandError(
            f"{printable(url)}: the page cannot be had: {printable(error)}; if its certificate is "
            "by an authority of the office's own, name that with --authority",
            EX_UNAVAILABLE,
        ) from error
    return found


def _connection(
    scheme: str, host: str, port: int | None, authority: str | None
) -> http.client.HTTPConnection:
    if scheme == "http":
        return http.client.HTTPConnection(host, port, timeout=TIMEOUT_SECONDS)
    context = ssl.create_default_context(cafile=authority)
    return http.client.HTTPSConnection(host, port, timeout=TIMEOUT_SECONDS, context=context)


def _differences(connection: http.client.HTTPConnection, path: str, content: bytes) -> list[str]:
    connection.request("GET", path)
    answer = connection.getresponse()
    got = answer.read(len(content) + 1)
    if not answer.isclosed():  # longer than it may be: the rest is of no interest
        connection.close()
    found = []
    if answer.status != HTTPStatus.OK:
        found.append(f"{printable(path)}: the server answers {answer.status}")
    elif got != content:
        theirs, ours = (hashlib.sha256(one).hexdigest()[:_SHOWN] for one in (got, content))
        if len(got) > len(content):
            theirs = "a longer one"
        found.append(f"{printable(path)}: is another file: {theirs} instead of {ours}")
    policy = answer.headers.get(_POLICY)
    if policy != POLICY:
        told = "has none" if policy is None else f"is {printable(policy)[:200]}"
        found.append(f"{printable(path)}: {_POLICY} is another one: it {told}")
    return found
