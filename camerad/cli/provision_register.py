"""``camerad provision`` at the office: the register of cameras, from their cards and as labels."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any, Final

from camerad.base.errors import EX_CONFIG, CameradError
from camerad.base.text import count, printable
from camerad.base.words import words_in
from camerad.cli import provision_key
from camerad.cli.language import add_language, system_language


def add_actions(actions: Any) -> None:
    """Add what concerns the register to the actions of ``camerad provision``."""
    collect = actions.add_parser(
        "collect",
        help="take the keys that cards bring into the office's register",
        description="Names each conflict, and leaves that camera out: a name with another key "
        "than before or with an earlier file, a key under another name, a camera that "
        "another office's file has set up. Exit code 0: all are in the register; 78: "
        "not all.",
    )
    collect.add_argument(
        "card",
        nargs="+",
        metavar="CARD",
        help="where the partition CAMERAD of a card is mounted, or a copy of it",
    )
    collect.add_argument(
        "--register",
        required=True,
        metavar="FILE",
        help="the office's register; made if it is not there",
    )
    collect.add_argument(
        "--replace",
        action="append",
        default=[],
        metavar="NAME",
        help="accept that this camera has another key, another name or an earlier file, because "
        "you know why; may be given several times",
    )
    collect.add_argument(
        "--keys",
        metavar="DIR",
        help="put each camera's key there as well, for 'camerad evidence verify --key DIR'",
    )
    provision_key.add_office_key_option(
        collect, f"{provision_key.EITHER_HALF}, by which the camera must have been set up"
    )

    labels = actions.add_parser("labels", help="make a sheet of labels of a register, as HTML")
    labels.add_argument(
        "register", metavar="REGISTER", help="as 'camerad provision collect' made it"
    )
    add_language(labels, "of the page")
    provision_key.add_output_option(labels, "the page; a file that is there stays", "FILE")


_HINT: Final = "If the office has a server, put the register there as well (docs/office.md).\n"


def _collect(options: argparse.Namespace) -> int:
    from camerad.cli import desk  # noqa: PLC0415 - slow to import
    from camerad.evidence import camera_register  # noqa: PLC0415

    own = desk.office_key(options)
    if own is None:
        raise provision_key.no_key_error(options, "whether a camera was set up by its file")
    with camera_register.locked(options.register):
        wrong = collect_cards(options, own.thumbprint)
    if len(options.card) > wrong:
        sys.stdout.write(_HINT)
    return EX_CONFIG if wrong else 0


def collect_cards(options: argparse.Namespace, office: str) -> int:
    """Take what is on cards into the register, which is locked; returns how many were left out.
    office: thumbprint of its key. Raises CameradError."""
    from datetime import UTC, datetime  # noqa: PLC0415

    from camerad.base import durable_files  # noqa: PLC0415 - slow to import
    from camerad.evidence import camera_register  # noqa: PLC0415

    known = camera_register.read(options.register, made=True)
    taken: dict[str | None, str] = {}
    wrong = 0
    for card in options.card:
        try:
            device = camera_register.read_card(card)
            first = taken.get(device.device, device.thumbprint)
            if first != device.thumbprint:
                # --replace is said of one camera, and would have the last card win.
                raise camera_register.RegisterError(
                    f"{card}: a card before it has the same name, {device.device}, with the key "
                    f"{first}; this one has {device.thumbprint}. Give one of the two cameras "
                    "another name, with a new file, and collect the other one alone"
                )
            at = datetime.now(UTC).isoformat(timespec="seconds")
            known = camera_register.with_camera(known, device, at, options.replace, office=office)
            taken[device.device] = device.thumbprint
        except CameradError as error:
            wrong += 1
            sys.stderr.write(f"camerad: {printable(error)}\n")
            continue
        camera_register.write(options.register, known)
        if options.keys is not None:
            durable_files.make_directory(os.path.abspath(options.keys), 0o700, linked=True)
            name = f"{device.device}-{device.thumbprint[:8]}.pem"
            path = os.path.join(os.path.abspath(options.keys), name)
            durable_files.publish(path, device.key.pem.encode())
        sys.stdout.write(f"{device.device}  {device.thumbprint}  {_doctor(device.doctor)}\n")
    return wrong


def _doctor(counts: dict[str, int] | None) -> str:
    if counts is None:
        return "doctor: not run"
    said = ", ".join(f"{count} {level}" for level, count in counts.items() if count)
    return f"doctor: {printable(said)}"


def _labels(options: argparse.Namespace) -> int:
    from datetime import datetime  # noqa: PLC0415

    from camerad.base import durable_files  # noqa: PLC0415 - slow to import
    from camerad.evidence import camera_register, labels  # noqa: PLC0415

    words = words_in(options.language or system_language())
    known = camera_register.read(options.register)
    page = labels.render_labels(known, words, datetime.now().astimezone()).encode()
    path = os.path.abspath(options.output)
    descriptor = durable_files.create(path, 0o644)
    try:
        durable_files.write(descriptor, [page], 0, path)
    finally:
        durable_files.close(descriptor, path)
    sys.stdout.write(f"{path}: {count(len(known.cameras), 'label')}; print it at its own size\n")
    return 0


ACTIONS: Final = {"collect": _collect, "labels": _labels}
