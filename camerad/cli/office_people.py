"""``camerad office people``: people of the desk, managed on the server.

It makes the first administrator, and helps one back in who has lost every passkey. Everything else
administrators do on the page. What it does is in the office's ledger as the page's doings are.
"""

from __future__ import annotations

import argparse
import sys
from typing import Any, Final

from camerad.base.text import printable
from camerad.cli.office_init import OfficeCommandError

_ROLES: Final = "shift_lead, desk, supervisor, data_protection, administrator"


def add_parser(actions: Any, config: str) -> None:
    """Add it to the actions of `camerad office`. config: the default settings."""
    parser = actions.add_parser("people", help="who may sign in at the desk")
    does = parser.add_subparsers(dest="people_action", required=True, metavar="ACTION")
    add = does.add_parser("add", help="add somebody, and print the link for their passkey")
    link = does.add_parser("link", help="print another link for somebody who is there")
    does_list = does.add_parser("list", help="list everybody")
    for one in (add, link):
        one.add_argument("person", metavar="ID", help="as the ledger names them, such as m.meier")
    add.add_argument("--name", required=True, help="their name, as the page shows it")
    add.add_argument(
        "--role", action="append", required=True, metavar="ROLE", help=f"one of {_ROLES}; again"
    )
    for one in (add, link, does_list):
        one.add_argument(
            "--config", default=config, metavar="FILE", help="the server's; default: %(default)s"
        )


def run(options: argparse.Namespace) -> int:
    """Carry it out; returns the exit code."""
    from camerad.base.clock import SystemClock  # noqa: PLC0415 - slow to import
    from camerad.evidence import own_key  # noqa: PLC0415
    from camerad.office.desk import people  # noqa: PLC0415
    from camerad.office.desk.desk_ledger import DeskLedger  # noqa: PLC0415
    from camerad.office.desk.desk_state import DeskState  # noqa: PLC0415
    from camerad.office.desk.roles import read_roles  # noqa: PLC0415
    from camerad.office.desk.sessions import Sessions  # noqa: PLC0415
    from camerad.office.server.cameras import Cameras  # noqa: PLC0415
    from camerad.office.server.office_settings import load  # noqa: PLC0415
    from camerad.office.server.start_check import check_directory  # noqa: PLC0415

    settings = load(options.config)
    directory, clock = str(settings.directory), SystemClock()
    check_directory(directory)
    state = DeskState(settings.index, directory)
    if options.people_action == "list":
        with state.reading() as rows:
            found = people.list_all(rows)
        for one in found:
            note = "" if one.withdrawn_us is None else ", withdrawn"
            if one.is_lost:
                note = "the record of this person cannot be read"
            said = f"{one.id}  {one.name}  {', '.join(one.roles)}{note}"
            sys.stdout.write(f"{printable(said)}\n")
        state.close()
        return 0
    if settings.desk is None:
        raise OfficeCommandError(
            f"{options.config}: there is no desk to sign in at; name its address with desk.url"
        )
    key = own_key.load_key(str(settings.office_key))
    if key is None:
        raise OfficeCommandError(f"{settings.office_key}: there is no key of the office")
    ledger = DeskLedger(directory, state, Cameras(str(settings.register)), key, clock)
    with ledger.deciding() as decision:
        if options.people_action == "add":
            roles, what = read_roles(options.role), "added"
            people.add(decision.rows, options.person, options.name, roles, clock.wall_us())
        else:
            known, what = people.get(decision.rows, options.person), "link"
            if known.is_lost:
                raise OfficeCommandError(
                    f"the record of {known.id} cannot be read: add them anew with 'people add'"
                )
            if not known.active:
                raise OfficeCommandError(f"{known.id} is withdrawn; an administrator restores them")
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
