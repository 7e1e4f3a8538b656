"""The office's key, as the commands of ``camerad provision`` are given it."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any, Final

from camerad.base.errors import CameradError
from camerad.cli.options import default_office_key

SIGNS: Final = "the office's own key, which signs"


EITHER_HALF: Final = "the office's own key, or its public half alone (PEM or JWK)"


def add_output_option(parser: argparse.ArgumentParser, what: str, metavar: str) -> None:
    """Where to write."""
    parser.add_argument("--output", required=True, metavar=metavar, help=what)


def add_office_key_option(
    parser: argparse.ArgumentParser,
    what: str = f"{SIGNS}; made if it is not there",
) -> None:
    """Which file has the office's key."""
    parser.add_argument(
        "--office-key",
        default=default_office_key(),
        metavar="FILE",
        help=f"{what}; default: %(default)s",
    )


def key_missing_for(options: argparse.Namespace, name: str, wanted: Any) -> CameradError:
    """What is said where a file names the office's key: to make another one would help nobody."""
    from camerad.evidence.own_key import OfficeKeyError  # noqa: PLC0415 - slow to import

    return OfficeKeyError(
        f"{name}: provision.office_key names the office's key {wanted.thumbprint}, but there is "
        f"no key in {os.path.abspath(options.office_key)}; name the file that has it with "
        "--office-key, or do this where it is"
    )


def load_or_create(options: argparse.Namespace) -> Any:
    """The office's private key; a new one if there is none yet, which the person is told."""
    from camerad.evidence import own_key  # noqa: PLC0415 - slow to import

    key, made = own_key.load_or_create_key(options.office_key)
    if made:
        sys.stderr.write(
            f"camerad: {options.office_key}: the office's key was made; keep a copy where no fire "
            "reaches both: without it every camera has to be reset\n"
        )
    return key


def no_key_error(options: argparse.Namespace, unknown: str) -> CameradError:
    """What is said where the key is missing. unknown: what nobody can tell without it."""
    from camerad.evidence.own_key import OfficeKeyError  # noqa: PLC0415 - slow to import

    return OfficeKeyError(
        f"{options.office_key}: there is no office's key, so nobody can tell {unknown}; name it, "
        "or its public half, with --office-key"
    )
