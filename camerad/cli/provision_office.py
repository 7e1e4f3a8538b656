"""The part of ``camerad provision`` for the office: makes, signs and checks files."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable
from typing import Any, Final

from tqdm import tqdm

from camerad.base import durable_files, file_status
from camerad.base.errors import EX_CONFIG, CameradError
from camerad.base.safe_read import read_plain
from camerad.cli import desk
from camerad.cli.console import CommandError, print_json, print_line, warn
from camerad.cli.defaults import default_office_key
from camerad.config.policies import newer_image
from camerad.config.provisioning import MAX_BYTES
from camerad.container.keys import KeyFileError, SigningKey, read_public_key
from camerad.evidence import batch, camera_register, office_key_file, provisioning_files
from camerad.evidence.office_key_file import OfficeKeyError
from camerad.evidence.provisioning_files import ServerSpec, read_authority
from camerad.provisioning import signing

_NAMED: Final = 3
"""Cameras that a message names one by one."""


def _warn(*files: tuple[str, Any]) -> None:
    """Warn where too few keys open a camera's recordings: no mistake, but hardly intended.

    files: name and recipients of each.
    """

    alike: dict[str, list[str]] = {}
    for name, recipients in files:
        if (wrong := provisioning_files.recipients_warning(recipients)) is not None:
            alike.setdefault(wrong, []).append(name)
    for wrong, names in alike.items():
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        warn(f"{', '.join(names[:_NAMED])}{more}: {wrong}")


def _warn_of_images(names: Iterable[str | None]) -> None:
    """Say which policies cameras with an older image do not have: the office cannot see their
    images."""

    for name in sorted({one for one in names if one is not None}):
        if (old := newer_image(name)) is not None:
            warn(old)


def _content(path: str) -> bytes:

    return read_plain(path, "file", MAX_BYTES + 1, linked=True)


def _server(options: argparse.Namespace) -> Any:
    """The office's server, if it is named."""

    named = (options.office_url, options.office_ca, options.office_server_key)
    if named == (None, None, None):
        return None
    if options.office_url is None or options.office_ca is None:
        raise CommandError(
            "the office's server needs both --office-url and --office-ca; give the one that is "
            "missing, or neither"
        )
    key = None
    if options.office_server_key is not None:
        try:
            key = read_public_key(options.office_server_key, linked=True)
        except KeyFileError:
            raise CommandError(
                f"{options.office_server_key}: this is not the server's public key; name what "
                "'camerad provision public-key' prints for the server key",
                EX_CONFIG,
            ) from None
    return ServerSpec(options.office_url, read_authority(options.office_ca), key)


def make_file(options: argparse.Namespace) -> int:
    """Make a file for one camera, and sign it."""

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
        lambda: office_key_file.load_key(options.office_key),
        lambda: provisioning_files.new_file(provisioning_files.placeholder_key(), wanted),
    )
    _warn_of_images([options.policy])
    key = load_or_create(options)
    content = provisioning_files.new_file(key.public, wanted)
    token = provisioning_files.sign_file(options.output, content, key, lies=options.office_key)
    provisioning_files.write_pair(options.output, content, token)
    _warn((options.output, options.recipient))
    print_line(f"{options.output}: for {options.device}; copy both files onto its card")
    return 0


def sign_file(options: argparse.Namespace) -> int:
    """Check a file that was edited, and sign it."""

    content = _content(options.file)
    wanted = provisioning_files.office_key_of(options.file, content)
    _warn_of_images([provisioning_files.parse_file(options.file, content).file.policy])
    key = office_key_file.load_key(options.office_key)
    if key is None:
        raise key_missing_for(options, options.file, wanted)
    token = provisioning_files.sign_file(options.file, content, key, lies=options.office_key)
    path = provisioning_files.signature_path(options.file, options.output, key.public)
    durable_files.publish(path, token)
    _warn((options.file, provisioning_files.parse_file(options.file, content).file.recipients))
    print_line(f"{path}: written")
    return 0


def check_file(options: argparse.Namespace) -> int:
    """Print what a camera would say of a file."""

    path = os.path.join(os.path.dirname(os.path.abspath(options.file)), signing.NAME)
    if options.signature is not None:
        path = options.signature
    token = _content(path) if options.signature or file_status.exists(path) else None
    own = desk.office_key(options)
    if own is None and options.office_key != default_office_key():
        raise no_key_error(options, "whose file this is")
    content = _content(options.file)
    _warn_of_images([provisioning_files.parse_file(options.file, content).file.policy])
    said = provisioning_files.describe_file(options.file, content, token, own)
    _warn((options.file, provisioning_files.parse_file(options.file, content).file.recipients))
    print_line(f"{options.file}: {said}")
    return 0


def make_files(options: argparse.Namespace) -> int:
    """Make and sign a file for each camera of a table."""

    rows = batch.read_table(options.table)
    known = {}
    if options.register is not None:
        cameras = camera_register.read(options.register).cameras
        known = {one.name: one.thumbprint for one in cameras}
        strange = [row[batch.NAME] for _, row in rows if row[batch.NAME] not in known]
        if strange:
            warn(
                f"{options.register}: has no {', '.join(strange)}: a camera accepts such a file "
                "only as its first"
            )
    template = (options.template, _content(options.template))
    key = office_key_file.load_key(options.office_key)
    if key is None:
        named = batch.office_key_of_table(template, options.table, rows)
        if named is not None:
            raise key_missing_for(options, *named)

    def files_for(public: Any) -> Any:
        serial = provisioning_files.serial_now()
        return batch.make_files(
            template, options.table, rows, office=public, serial=serial, known=known
        )

    made = files_for(provisioning_files.placeholder_key() if key is None else key.public)
    provisioning_files.check_no_file_in([os.path.join(options.output, row.device) for row in made])
    if key is None:
        key = load_or_create(options)
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
    print_line(f"{options.output}: {len(made)} cameras")
    return 0


def print_public_key(options: argparse.Namespace) -> int:
    """Print the public half of the office's key."""

    own = desk.office_key(options)
    if own is None:
        raise no_key_error(options, "what its public half is")
    if options.jwk:
        print_json(own.jwk)
    else:
        sys.stdout.write(own.pem)
    return 0


def key_missing_for(options: argparse.Namespace, name: str, wanted: Any) -> CameradError:
    """The error where a file names the office's key, so that another one is of no use."""

    return OfficeKeyError(
        f"{name}: provision.office_key names the office's key {wanted.thumbprint}, but there is "
        f"no key in {os.path.abspath(options.office_key)}; name the file that has it with "
        "--office-key, or do this where it is"
    )


def load_or_create(options: argparse.Namespace) -> SigningKey:
    """The office's private key; a new one if there is none yet, which the person is told."""

    key, made = office_key_file.load_or_create_key(options.office_key)
    if made:
        warn(
            f"{options.office_key}: the office's key was made; keep a copy where no fire reaches "
            "both: without it every camera has to be reset"
        )
    return key


def no_key_error(options: argparse.Namespace, unknown: str) -> CameradError:
    """The error where the key is missing. unknown: what cannot be known without it."""

    return OfficeKeyError(
        f"{options.office_key}: there is no office's key, so it is unknown {unknown}; name it, "
        "or its public half, with --office-key"
    )
