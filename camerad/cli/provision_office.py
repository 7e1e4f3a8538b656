"""The part of ``camerad provision`` for the office: makes, signs and checks files."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterable
from typing import Any, Final

from camerad.base.errors import EX_CONFIG, EX_USAGE, CameradError
from camerad.base.text import printable
from camerad.cli import provision_key
from camerad.cli.options import default_office_key

_NAMED: Final = 3
"""Cameras that a message names one by one."""


class HalfAServerError(CameradError, ValueError):
    """Error raised when the office's server is named by one of its two options only."""

    exit_code = EX_USAGE


class NoServerKeyError(CameradError, ValueError):
    """Error raised when a file is not the public key of the office's server."""

    exit_code = EX_CONFIG


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
        help=(
            "thumbprint of the camera that the file is for; only a camera's first file may lack it"
        ),
    )
    new.add_argument(
        "--reset",
        metavar="THUMBPRINT",
        help="thumbprint of a camera that is to give up its key, because it was another office's "
        "or that office's key is lost",
    )
    new.add_argument(
        "--office-url",
        metavar="URL",
        help="the office's server, to which the camera hands over in its dock, such as "
        "https://office.example:8443; needs --office-ca",
    )
    new.add_argument(
        "--office-ca",
        metavar="FILE",
        help="certificate (PEM) of the authority that the server's own is by",
    )
    new.add_argument(
        "--office-server-key",
        metavar="FILE",
        help="the server's own public key (PEM or JWK), by which it signs receipts; default: the "
        "key that signs this file",
    )
    provision_key.add_output_option(new, "directory for the two files; it is made", "DIR")
    provision_key.add_office_key_option(new)

    sign = actions.add_parser("sign", help="check a file that was edited, and sign it")
    sign.add_argument("file", metavar="FILE", help="a camerad-provision.yaml")
    sign.add_argument(
        "--output",
        metavar="FILE",
        help="the signature; default: camerad-provision.jws beside FILE, where a camera looks for "
        "it. Only a former signature of FILE by the same key is overwritten",
    )
    provision_key.add_office_key_option(sign, f"{provision_key.SIGNS}: the one that FILE names")

    check = actions.add_parser("check", help="say what a camera would say of a file")
    check.add_argument("file", metavar="FILE", help="a camerad-provision.yaml")
    check.add_argument(
        "--signature",
        metavar="FILE",
        help="of FILE; default: camerad-provision.jws beside FILE, where a camera looks for it",
    )
    provision_key.add_office_key_option(
        check, f"{provision_key.EITHER_HALF}; with it, a file of another office is recognised"
    )

    batch = actions.add_parser(
        "batch",
        help="make and sign a file for each camera of a table",
        description="TABLE is CSV. Its column device.id names the cameras. Every other column is "
        "a setting that differs from camera to camera, called by its path: wifi.ssid, "
        "buttons.main.gpio. TEMPLATE is a provisioning file with everything else. If "
        "a row has a mistake, or one of the cameras has a file there already, nothing "
        "is written.",
    )
    batch.add_argument("template", metavar="TEMPLATE", help="a camerad-provision.yaml")
    batch.add_argument("table", metavar="TABLE", help="CSV in UTF-8, a row for each camera")
    batch.add_argument(
        "--register",
        metavar="FILE",
        help="the office's register: a camera that is in it gets a file for its key",
    )
    provision_key.add_output_option(
        batch, "directory for a directory per camera; it is made", "DIR"
    )
    provision_key.add_office_key_option(
        batch,
        f"{provision_key.SIGNS}: the one that TEMPLATE or TABLE names; made if there is none",
    )

    public = actions.add_parser(
        "public-key",
        help="print the public half of the office's key, which can check but not sign",
        description="With it as --office-key, 'check' and 'collect' need no private key: for a "
        "technician's computer that signs nothing. The private key stays where it is.",
    )
    public.add_argument("--jwk", action="store_true", help="as JWK (RFC 8037), not as PEM")
    provision_key.add_office_key_option(public, provision_key.EITHER_HALF)


def _warn(*files: tuple[str, Any]) -> None:
    """Say of whose recordings too few keys open: no mistake, and hardly anybody's intention.

    files: name and recipients of each.
    """
    from camerad.evidence import provisioning_files  # noqa: PLC0415 - slow to import

    alike: dict[str, list[str]] = {}
    for name, recipients in files:
        if (wrong := provisioning_files.recipients_warning(recipients)) is not None:
            alike.setdefault(wrong, []).append(name)
    for wrong, names in alike.items():
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        sys.stderr.write(f"camerad: {printable(', '.join(names[:_NAMED]))}{more}: {wrong}\n")


def _warn_of_images(names: Iterable[str | None]) -> None:
    """Say which policies cameras with an older image do not have: the office cannot see their
    images."""
    from camerad.config.policies import newer_image  # noqa: PLC0415 - slow to import

    for name in sorted({one for one in names if one is not None}):
        if (old := newer_image(name)) is not None:
            sys.stderr.write(f"camerad: {printable(old)}\n")


def _content(path: str) -> bytes:
    from camerad.base.safe_read import read_plain  # noqa: PLC0415
    from camerad.config.provisioning import MAX_BYTES  # noqa: PLC0415 - slow to import

    return read_plain(path, "file", MAX_BYTES + 1, linked=True)


def _server(options: argparse.Namespace) -> Any:
    """The office's server, if it is named."""
    from camerad.container.keys import KeyFileError, read_public_key  # noqa: PLC0415
    from camerad.evidence.provisioning_files import ServerSpec, read_authority  # noqa: PLC0415

    named = (options.office_url, options.office_ca, options.office_server_key)
    if named == (None, None, None):
        return None
    if options.office_url is None or options.office_ca is None:
        raise HalfAServerError(
            "the office's server needs both --office-url and --office-ca; give the one that is "
            "missing, or neither"
        )
    key = None
    if options.office_server_key is not None:
        try:
            key = read_public_key(options.office_server_key, linked=True)
        except KeyFileError:
            raise NoServerKeyError(
                f"{options.office_server_key}: this is not the server's public key; name what "
                "'camerad provision public-key' prints for the server's key"
            ) from None
    return ServerSpec(options.office_url, read_authority(options.office_ca), key)


def _new(options: argparse.Namespace) -> int:
    from camerad.evidence import (  # noqa: PLC0415
        own_key,
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
        server=_server(options),
    )
    provisioning_files.run_all(
        lambda: provisioning_files.check_no_file_in([options.output]),
        lambda: own_key.load_key(options.office_key),
        lambda: provisioning_files.new_file(provisioning_files.placeholder_key(), wanted),
    )
    _warn_of_images([options.policy])
    key = provision_key.load_or_create(options)
    content = provisioning_files.new_file(key.public, wanted)
    token = provisioning_files.sign_file(options.output, content, key, lies=options.office_key)
    provisioning_files.write_pair(options.output, content, token)
    _warn((options.output, options.recipient))
    sys.stdout.write(f"{options.output}: for {options.device}; copy both files onto its card\n")
    return 0


def _sign(options: argparse.Namespace) -> int:
    from camerad.base import durable_files  # noqa: PLC0415 - slow to import
    from camerad.evidence import (  # noqa: PLC0415
        own_key,
        provisioning_files,
    )

    content = _content(options.file)
    wanted = provisioning_files.office_key_of(options.file, content)
    _warn_of_images([provisioning_files.parse_file(options.file, content).file.policy])
    key = own_key.load_key(options.office_key)
    if key is None:
        raise provision_key.key_missing_for(options, options.file, wanted)
    token = provisioning_files.sign_file(options.file, content, key, lies=options.office_key)
    path = provisioning_files.signature_path(options.file, options.output, key.public)
    durable_files.publish(path, token)
    _warn((options.file, provisioning_files.parse_file(options.file, content).file.recipients))
    sys.stdout.write(f"{path}: written\n")
    return 0


def _check(options: argparse.Namespace) -> int:
    from camerad.base import file_status  # noqa: PLC0415
    from camerad.cli import desk  # noqa: PLC0415 - slow to import
    from camerad.evidence import provisioning_files  # noqa: PLC0415
    from camerad.provisioning import signing  # noqa: PLC0415

    path = os.path.join(os.path.dirname(os.path.abspath(options.file)), signing.NAME)
    if options.signature is not None:
        path = options.signature
    token = _content(path) if options.signature or file_status.exists(path) else None
    own = desk.office_key(options)
    if own is None and options.office_key != default_office_key():
        raise provision_key.no_key_error(options, "whose file this is")
    content = _content(options.file)
    _warn_of_images([provisioning_files.parse_file(options.file, content).file.policy])
    said = provisioning_files.describe_file(options.file, content, token, own)
    _warn((options.file, provisioning_files.parse_file(options.file, content).file.recipients))
    sys.stdout.write(f"{options.file}: {said}\n")
    return 0


def _batch(options: argparse.Namespace) -> int:
    from tqdm import tqdm  # noqa: PLC0415 - slow to import

    from camerad.evidence import (  # noqa: PLC0415
        batch,
        camera_register,
        own_key,
        provisioning_files,
    )

    rows = batch.read_table(options.table)
    known = {}
    if options.register is not None:
        cameras = camera_register.read(options.register).cameras
        known = {one.name: one.thumbprint for one in cameras}
        strange = [row[batch.NAME] for _, row in rows if row[batch.NAME] not in known]
        if strange:
            sys.stderr.write(
                f"camerad: {options.register}: has no {printable(', '.join(strange))}: a camera "
                "accepts such a file only as its first\n"
            )
    template = (options.template, _content(options.template))
    key = own_key.load_key(options.office_key)
    if key is None:
        named = batch.office_key_of_table(template, options.table, rows)
        if named is not None:
            raise provision_key.key_missing_for(options, *named)

    def files_for(public: Any) -> Any:
        serial = provisioning_files.serial_now()
        return batch.make_files(
            template, options.table, rows, office=public, serial=serial, known=known
        )

    made = files_for(provisioning_files.placeholder_key() if key is None else key.public)
    provisioning_files.check_no_file_in([os.path.join(options.output, row.device) for row in made])
    if key is None:
        key = provision_key.load_or_create(options)
        made = files_for(key.public)
    _warn_of_images(row.policy for row in made)
    quiet = not sys.stderr.isatty()
    # All before the first is written: a row that names another office's key is for none.
    tokens = [
        provisioning_files.sign_file(row.office_in, row.content, key, lies=options.office_key)
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


def _public_key(options: argparse.Namespace) -> int:
    from camerad.cli import desk  # noqa: PLC0415 - slow to import

    own = desk.office_key(options)
    if own is None:
        raise provision_key.no_key_error(options, "what its public half is")
    sys.stdout.write(f"{json.dumps(own.jwk)}\n" if options.jwk else own.pem)
    return 0


ACTIONS: Final = {
    "new": _new,
    "sign": _sign,
    "check": _check,
    "batch": _batch,
    "public-key": _public_key,
}
