"""The part of ``camerad provision`` for the office: makes, signs and checks files, and collects."""

from __future__ import annotations

import argparse
import json
import os
import sys
from typing import Any, Final

from camerad.base.errors import EX_CONFIG, CameradError
from camerad.base.text import count, printable
from camerad.cli.language import here
from camerad.cli.options import default_office_key

_NAMED: Final = 3
"""Cameras that a message names one by one."""
_SIGNS: Final = "the office's own key, which signs"
_EITHER_HALF: Final = "the office's own key, or its public half alone (PEM or JWK)"


def add_actions(actions: Any) -> None:
    """Add what an office does to the actions of ``camerad provision``."""
    new = actions.add_parser(
        "new",
        help="make a file for one camera, and sign it",
        description="Makes a directory with camerad-provision.yaml, which says what else can be "
        "set there, and its signature, camerad-provision.jws. Both are copied onto the partition "
        "CAMERAD of the camera's card.",
    )
    new.add_argument("--device", required=True, metavar="NAME", help="as it is on the housing")
    new.add_argument(
        "--policy",
        required=True,
        metavar="POLICY",
        help="the law of the place, such as nrw-ordnungsamt; camerad.yaml names all",
    )
    new.add_argument(
        "--recipient",
        action="append",
        required=True,
        metavar="age1...",
        help="who can open recordings ('camerad keys new'); may be given several times",
    )
    new.add_argument(
        "--language",
        choices=("de", "en"),
        default="de",
        help="of the camera's display and announcements; default: %(default)s",
    )
    new.add_argument(
        "--camera-key",
        metavar="THUMBPRINT",
        help="of the camera that the file is for; every file but a camera's first needs it",
    )
    new.add_argument(
        "--reset",
        metavar="THUMBPRINT",
        help="of a camera whose key is to be given up, because it was another office's or that "
        "office's key is lost",
    )
    _add_output(new, "directory for the two files; it is made", "DIR")
    _add_office_key(new)

    sign = actions.add_parser("sign", help="check a file that was edited, and sign it")
    sign.add_argument("file", metavar="FILE", help="a camerad-provision.yaml")
    sign.add_argument(
        "--output",
        metavar="FILE",
        help="the signature; default: camerad-provision.jws beside FILE, where a camera looks for "
        "it. Only a former signature of FILE by the same key is overwritten",
    )
    _add_office_key(sign, f"{_SIGNS}: the one that FILE names")

    check = actions.add_parser("check", help="say what a camera would say of a file")
    check.add_argument("file", metavar="FILE", help="a camerad-provision.yaml")
    check.add_argument(
        "--signature",
        metavar="FILE",
        help="of FILE; default: camerad-provision.jws beside FILE, where a camera looks for it",
    )
    _add_office_key(check, f"{_EITHER_HALF}; if it is there, a file of another office is told")

    batch = actions.add_parser(
        "batch",
        help="make and sign a file for each camera of a table",
        description="TABLE is CSV with a column device.id, and one for every other setting that "
        "differs from camera to camera, called by its path: wifi.ssid, buttons.main.gpio. "
        "TEMPLATE is a provisioning file with all that does not differ. Nothing is written if a "
        "row has a mistake, or if one of the cameras has a file there already.",
    )
    batch.add_argument("template", metavar="TEMPLATE", help="a camerad-provision.yaml")
    batch.add_argument("table", metavar="TABLE", help="CSV in UTF-8, a row for each camera")
    batch.add_argument(
        "--register",
        metavar="FILE",
        help="the office's register: a camera that is in it gets a file for its key",
    )
    _add_output(batch, "directory for a directory per camera; it is made", "DIR")
    _add_office_key(
        batch,
        f"{_SIGNS}: the one that TEMPLATE or TABLE names; made if none is named nor there",
    )

    collect = actions.add_parser(
        "collect",
        help="take the keys that cards bring into the office's register",
        description="A name that comes with another key than before, or with an earlier file, or a "
        "key under another name, is named and left out, and so is a camera that another office's "
        "file has set up. Exit code 0: all are in the register; 78: not all.",
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
        help="somebody knows why this camera has another key or name, or an earlier file; may be "
        "given several times",
    )
    collect.add_argument(
        "--keys",
        metavar="DIR",
        help="put each camera's key there as well, for 'camerad evidence verify --key DIR'",
    )
    _add_office_key(collect, f"{_EITHER_HALF}, by which the camera must have been set up")

    public = actions.add_parser(
        "public-key",
        help="print the public half of the office's key, which can check but not sign",
        description="With it as --office-key, 'check' and 'collect' need no private key: for a "
        "technician's computer that signs nothing. The private key stays where it is.",
    )
    public.add_argument("--jwk", action="store_true", help="as JWK (RFC 8037), not as PEM")
    _add_office_key(public, _EITHER_HALF)

    labels = actions.add_parser("labels", help="make a sheet of labels of a register, as HTML")
    labels.add_argument(
        "register", metavar="REGISTER", help="as 'camerad provision collect' made it"
    )
    labels.add_argument(
        "--language", choices=("de", "en"), help="of the page; default: this computer's"
    )
    _add_output(labels, "the page; a file that is there stays", "FILE")


def _add_output(parser: argparse.ArgumentParser, what: str, metavar: str) -> None:
    parser.add_argument("--output", required=True, metavar=metavar, help=what)


def _add_office_key(
    parser: argparse.ArgumentParser,
    what: str = f"{_SIGNS}; made if it is not there",
) -> None:
    parser.add_argument(
        "--office-key",
        default=default_office_key(),
        metavar="FILE",
        help=f"{what}; default: %(default)s",
    )


def _not_at_hand(options: argparse.Namespace, name: str, wanted: Any) -> CameradError:
    """What is said where a file names the office's key: to make another one would help nobody."""
    from camerad.office.office import OfficeKeyError  # noqa: PLC0415 - slow to import

    return OfficeKeyError(
        f"{name}: provision.office_key names the office's key {wanted.thumbprint}, and there is no "
        f"key in {os.path.abspath(options.office_key)}; name the file that has it with "
        "--office-key, or do this where it is"
    )


def _key(options: argparse.Namespace) -> Any:
    from camerad.office import office  # noqa: PLC0415 - slow to import

    key, made = office.load_or_create(options.office_key)
    if made:
        sys.stderr.write(
            f"camerad: {options.office_key}: the office's key was made; keep a copy where no fire "
            "reaches both: without it every camera has to be reset\n"
        )
    return key


def _warn(*files: tuple[str, Any]) -> None:
    """Say of whose recordings too few keys open: no mistake, and hardly anybody's intention.

    files: name and recipients of each.
    """
    from camerad.office import provisioning_files  # noqa: PLC0415 - slow to import

    alike: dict[str, list[str]] = {}
    for name, recipients in files:
        if (wrong := provisioning_files.too_few(recipients)) is not None:
            alike.setdefault(wrong, []).append(name)
    for wrong, names in alike.items():
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        sys.stderr.write(f"camerad: {printable(', '.join(names[:_NAMED]))}{more}: {wrong}\n")


def _content(path: str) -> bytes:
    from camerad.base.safe_read import read_plain  # noqa: PLC0415
    from camerad.config.provisioning import MAX_BYTES  # noqa: PLC0415 - slow to import

    return read_plain(path, "file", MAX_BYTES + 1, linked=True)


def _new(options: argparse.Namespace) -> int:
    from camerad.office import (  # noqa: PLC0415
        office,
        provisioning_files,
    )

    wanted = provisioning_files.NewFileSpec(
        device=options.device,
        policy=options.policy,
        recipients=options.recipient,
        language=options.language,
        serial=provisioning_files.serial_now(),
        camera_key=options.camera_key,
        reset=options.reset,
    )
    provisioning_files.see_all(
        lambda: provisioning_files.see_free([options.output]),
        lambda: office.load(options.office_key),
        lambda: provisioning_files.new_file(provisioning_files.stand_in(), wanted),
    )
    key = _key(options)
    content = provisioning_files.new_file(key.public, wanted)
    token = provisioning_files.signed(options.output, content, key, lies=options.office_key)
    provisioning_files.write_pair(options.output, content, token)
    _warn((options.output, options.recipient))
    sys.stdout.write(f"{options.output}: for {options.device}; copy both files onto its card\n")
    return 0


def _sign(options: argparse.Namespace) -> int:
    from camerad.base import durable_files as files  # noqa: PLC0415 - slow to import
    from camerad.office import (  # noqa: PLC0415
        office,
        provisioning_files,
    )

    content = _content(options.file)
    wanted = provisioning_files.office_of(options.file, content)
    key = office.load(options.office_key)
    if key is None:
        raise _not_at_hand(options, options.file, wanted)
    token = provisioning_files.signed(options.file, content, key, lies=options.office_key)
    path = provisioning_files.place_of_signature(options.file, options.output, key.public)
    files.publish(path, token)
    _warn((options.file, provisioning_files.checked(options.file, content).file.recipients))
    sys.stdout.write(f"{path}: written\n")
    return 0


def _check(options: argparse.Namespace) -> int:
    from camerad.base import file_status  # noqa: PLC0415
    from camerad.cli import desk  # noqa: PLC0415 - slow to import
    from camerad.office import provisioning_files  # noqa: PLC0415
    from camerad.provisioning import signing  # noqa: PLC0415

    path = os.path.join(os.path.dirname(os.path.abspath(options.file)), signing.NAME)
    if options.signature is not None:
        path = options.signature
    token = _content(path) if options.signature or file_status.exists(path) else None
    own = desk.office_key(options)
    if own is None and options.office_key != default_office_key():
        raise _no_key(options, "whose file this is")
    content = _content(options.file)
    said = provisioning_files.verdict(options.file, content, token, own)
    _warn((options.file, provisioning_files.checked(options.file, content).file.recipients))
    sys.stdout.write(f"{options.file}: {said}\n")
    return 0


def _batch(options: argparse.Namespace) -> int:
    from tqdm import tqdm  # noqa: PLC0415 - slow to import

    from camerad.office import batch as batching  # noqa: PLC0415
    from camerad.office import (  # noqa: PLC0415
        camera_register,
        csv_table,
        office,
        provisioning_files,
    )

    rows = csv_table.read_table(options.table)
    known = {}
    if options.register is not None:
        cameras = camera_register.read(options.register).cameras
        known = {one.name: one.thumbprint for one in cameras}
        strange = [row[csv_table.NAME] for _, row in rows if row[csv_table.NAME] not in known]
        if strange:
            sys.stderr.write(
                f"camerad: {options.register}: has no {printable(', '.join(strange))}: such a file "
                "is good as a camera's first only\n"
            )
    template = (options.template, _content(options.template))
    key = office.load(options.office_key)
    if key is None:
        named = batching.office_of_table(template, options.table, rows)
        if named is not None:
            raise _not_at_hand(options, *named)

    def files_for(public: Any) -> Any:
        serial = provisioning_files.serial_now()
        return batching.batch(
            template, options.table, rows, office=public, serial=serial, known=known
        )

    made = files_for(provisioning_files.stand_in() if key is None else key.public)
    provisioning_files.see_free([os.path.join(options.output, row.device) for row in made])
    if key is None:
        key = _key(options)
        made = files_for(key.public)
    quiet = not sys.stderr.isatty()
    # All before the first is written: a row that names another office's key is for none.
    tokens = [
        provisioning_files.signed(row.office_in, row.content, key, lies=options.office_key)
        for row in made
    ]
    pairs = tqdm(
        zip(made, tokens, strict=True),
        total=len(made),
        unit=" cameras",
        leave=False,
        disable=quiet,
        file=sys.stderr,
    )
    for row, token in pairs:
        provisioning_files.write_pair(os.path.join(options.output, row.device), row.content, token)
    _warn(*((row.device, row.recipients) for row in made))
    sys.stdout.write(f"{options.output}: {len(made)} cameras\n")
    return 0


def _collect(options: argparse.Namespace) -> int:
    from camerad.cli import desk  # noqa: PLC0415 - slow to import
    from camerad.office import camera_register  # noqa: PLC0415

    own = desk.office_key(options)
    if own is None:
        raise _no_key(options, "whether a camera was set up by its file")
    with camera_register.alone(options.register):
        return _collect_cards(options, own.thumbprint)


def _collect_cards(options: argparse.Namespace, office: str) -> int:
    from datetime import UTC, datetime  # noqa: PLC0415

    from camerad.base import durable_files as files  # noqa: PLC0415 - slow to import
    from camerad.office import camera_register  # noqa: PLC0415

    known = camera_register.read(options.register, made=True)
    taken: dict[str | None, str] = {}
    wrong = 0
    for card in options.card:
        try:
            device = camera_register.brought(card)
            first = taken.get(device.device, device.thumbprint)
            if first != device.thumbprint:
                # --replace is said of one camera, and would have the last card win.
                raise camera_register.ConflictError(
                    f"{card}: a card before it has this name, {device.device}, with the key "
                    f"{first}, and it has {device.thumbprint}: one of the two cameras needs "
                    "another name, by a file of its own; collect the other one alone"
                )
            at = datetime.now(UTC).isoformat(timespec="seconds")
            known = camera_register.taken(known, device, at, options.replace, office=office)
            taken[device.device] = device.thumbprint
        except CameradError as error:
            wrong += 1
            sys.stderr.write(f"camerad: {printable(error)}\n")
            continue
        camera_register.write(options.register, known)
        if options.keys is not None:
            files.make_directory(os.path.abspath(options.keys), 0o700, linked=True)
            name = f"{device.device}-{device.thumbprint[:8]}.pem"
            path = os.path.join(os.path.abspath(options.keys), name)
            files.publish(path, device.key.pem.encode())
        sys.stdout.write(f"{device.device}  {device.thumbprint}  {_doctor(device.doctor)}\n")
    return EX_CONFIG if wrong else 0


def _public_key(options: argparse.Namespace) -> int:
    from camerad.cli import desk  # noqa: PLC0415 - slow to import

    own = desk.office_key(options)
    if own is None:
        raise _no_key(options, "what its public half is")
    sys.stdout.write(f"{json.dumps(own.jwk)}\n" if options.jwk else own.pem)
    return 0


def _no_key(options: argparse.Namespace, unknown: str) -> CameradError:
    from camerad.office.office import OfficeKeyError  # noqa: PLC0415 - slow to import

    return OfficeKeyError(
        f"{options.office_key}: there is no office's key, so nobody can tell {unknown}; name it, "
        "or its public half, with --office-key"
    )


def _doctor(counts: dict[str, int] | None) -> str:
    if counts is None:
        return "doctor: not run"
    said = ", ".join(f"{count} {level}" for level, count in counts.items() if count)
    return f"doctor: {printable(said)}"


def _labels(options: argparse.Namespace) -> int:
    from datetime import datetime  # noqa: PLC0415

    from camerad.base import durable_files as files  # noqa: PLC0415 - slow to import
    from camerad.office import camera_register, labels  # noqa: PLC0415
    from camerad.office.wording import LANGUAGES  # noqa: PLC0415

    wording = LANGUAGES[options.language or here(LANGUAGES)]
    known = camera_register.read(options.register)
    page = labels.sheet(known, wording, datetime.now().astimezone()).encode()
    path = os.path.abspath(options.output)
    descriptor = files.create(path, 0o644)
    try:
        files.write(descriptor, [page], 0, path)
    finally:
        files.close(descriptor, path)
    sys.stdout.write(f"{path}: {count(len(known.cameras), 'label')}; print it at its own size\n")
    return 0


ACTIONS: Final = {
    "new": _new,
    "sign": _sign,
    "check": _check,
    "batch": _batch,
    "collect": _collect,
    "labels": _labels,
    "public-key": _public_key,
}
