"""``camerad office log``: the transparency log over the office's ledger, and its witnesses.

Both commands work beside the server, on its directory; run them as its user.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from camerad.base.clock import SECOND, SystemClock
from camerad.base.text import count
from camerad.behaviour.events import Condition
from camerad.cli.console import CommandError, format_table, print_line
from camerad.container.keys import PublicKey
from camerad.container.statements import rfc3339
from camerad.evidence import camera_register, office_key_file
from camerad.evidence.office_store import open_office_store
from camerad.office.server.cameras import Cameras
from camerad.office.server.check_ins import CheckIns
from camerad.office.server.log_vouching import LogVouching
from camerad.office.server.office_settings import KEY_GONE, OfficeFile, load
from camerad.office.server.preflight import check_directory
from camerad.office.server.state_import import open_state
from camerad.store.holds import one_line
from camerad.store.locations import office_place
from camerad.transparency import checkpoints
from camerad.transparency.camera_witness import Cosigned, cosigned_by
from camerad.transparency.office_log import OfficeLog


def show(options: argparse.Namespace) -> int:
    """Print the log's key and newest checkpoint, and what each witness has cosigned last, and each
    time-stamp authority stamped."""
    settings = load(options.config, with_files=False)
    log = OfficeLog(office_place(str(settings.directory)).ledger)
    known = log.read()
    if known is None:
        print_line("there is no checkpoint yet: the server makes one within a quarter of an hour")
        return 0
    for text in (f"log {known[0]}", "", *str(known[1]).splitlines()):
        print_line(text)
    print_line("")
    rows = [("WITNESS", "COSIGNED", "AT")]
    for name, seen, _ in cosigned(settings):
        if seen is None:
            rows.append((name, "nothing yet", ""))
        else:
            how = "" if log.continues(seen.checkpoint) else ", which this log does not continue"
            rows.append(
                (name, f"{seen.checkpoint.size} entries{how}", rfc3339(seen.seconds * SECOND))
            )
    for one in LogVouching(settings, SystemClock()).list_all():
        if one.size is None or one.at_us is None:
            rows.append((one.name, "nothing yet", ""))
        else:
            how = "stamped " if one.stamped else ""
            rows.append((one.name, f"{how}{one.size} entries", rfc3339(one.at_us)))
    for text in format_table(rows).splitlines():
        print_line(text)
    return 0


def declare_loss(options: argparse.Namespace) -> int:
    """Declare in the office's ledger that what cameras have seen of it is lost."""
    settings = load(options.config, with_files=False)
    check_directory(str(settings.directory))
    key = office_key_file.load_key(str(settings.office_key))
    if key is None:
        raise CommandError(f"{settings.office_key}: there is no key; {KEY_GONE}")
    reason, who = one_line("the reason", options.reason), one_line("the name", options.who)
    place, cameras = office_place(str(settings.directory)), Cameras(str(settings.register))
    log = OfficeLog(place.ledger)
    known = log.read()
    of_office = {*(options.logs or ()), *(() if known is None else (known[0].name,))}
    lost = set()
    for name, seen, disputes in cosigned(settings):
        if seen is None or (log.continues(seen.checkpoint) and not disputes):
            continue
        if seen.checkpoint.origin in of_office:
            lost.add(seen.checkpoint)
        else:
            print_line(
                f"{name} has seen the log {seen.checkpoint.origin}, which is not this one: nothing "
                "is declared of it. If this office lost that log, name it with --log"
            )
    if not lost:
        print_line("no camera misses anything in this log: nothing to declare")
        return 0
    with open_office_store(
        place, key, SystemClock(), cameras.keys(), print_line, compared=False
    ) as store:
        for one in sorted(lost, key=lambda found: (found.origin, found.size, found.root)):
            root = checkpoints.encode(one.root)
            store.ledger.append(
                "history_lost", origin=one.origin, size=one.size, root=root, reason=reason, who=who
            )
        log.publish(store.ledger)
    print_line(
        f"{count(len(lost), 'checkpoint')} declared lost, for good. Each camera takes the log "
        "again at its next check-in, and its ledger says what was lost"
    )
    return 0


def cosigned(settings: OfficeFile) -> Iterator[tuple[str, Cosigned | None, bool]]:
    """Each camera of the register, with what it cosigned last, and whether it disputes what it was
    shown since."""
    directory, path = str(settings.directory), str(settings.register)
    check_ins = CheckIns(open_state(settings.index, directory), Cameras(path), SystemClock())
    known = OfficeLog(office_place(directory).ledger).read()
    log = None if known is None else known[0]
    for camera in camera_register.read(path, made=True).cameras:
        last = check_ins.last(camera.thumbprint)
        said = None if last is None else last.said.witnessed
        key = PublicKey.from_jwk(camera.jwk)
        seen = cosigned_by(key, said, log) if isinstance(said, str) else None
        disputes = last is not None and Condition.OFFICE_DISPUTED.value in last.said.conditions
        yield camera.name, seen, disputes
