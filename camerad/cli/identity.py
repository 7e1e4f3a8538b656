"""``camerad identity``: prints the public key by which a device's recordings are checked."""

from __future__ import annotations

import argparse
import json
import os
import sys
from typing import TYPE_CHECKING, Any

from camerad.base.text import printable
from camerad.cli.defaults import DEFAULT_STATE, default_state

if TYPE_CHECKING:
    from camerad.container.keys import PublicKey


def add_parser(commands: Any) -> None:
    """Add the subcommand to those of `camerad`."""
    parser = commands.add_parser("identity", help="the key that a device signs with")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    show = actions.add_parser(
        "show",
        help="print its public half, which checks recordings",
        description="Prints the public half of the key that a device signs with, as PEM (for "
        "openssl) and as JWK (RFC 8037), with its thumbprint (RFC 7638).",
    )
    show.add_argument(
        "--state",
        default=default_state(),
        metavar="DIR",
        help="the device's state directory; default: $CAMERAD_STATE or that of an installed "
        "camera, here %(default)s",
    )
    form = show.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="as one JSON object")
    form.add_argument("--pem", action="store_true", help="the PEM only, to be put into a file")
    form.add_argument("--jwk", action="store_true", help="the JWK only, to be put into a file")


def run(options: argparse.Namespace) -> int:
    """Carry it out; returns the exit code. Raises CameradError."""
    from camerad.store import identity  # noqa: PLC0415 - slow to import

    current, former = identity.published(options.state)
    if options.pem:
        said = current.pem
    elif options.jwk:
        said = json.dumps(current.jwk) + "\n"
    elif options.json:
        known = {**_about(current), "former": [_about(key) for key in former]}
        said = json.dumps(known) + "\n"
    else:
        said = _page(current, former, identity.keys_directory(options.state))
    sys.stdout.write(said)
    return 0


def _about(key: PublicKey) -> dict[str, Any]:
    return {"thumbprint": key.thumbprint, "jwk": key.jwk, "pem": key.pem}


def _page(current: PublicKey, former: list[PublicKey], directory: str) -> str:
    lines = [f"thumbprint  {current.thumbprint}", f"jwk         {json.dumps(current.jwk)}"]
    lines += [f"formerly    {key.thumbprint}" for key in former]
    if former:
        where = printable(directory)
        lines.append(f"            (recordings from then are checked with its file in {where})")
    return "\n".join([*lines, "", current.pem])


def is_device(state_dir: str = DEFAULT_STATE) -> bool:
    """Whether this machine is a device that records: it has a key, or keeps it from us."""
    from camerad.store import identity  # noqa: PLC0415 - slow to import

    for name in (identity.KEY_NAME, identity.KEYS_NAME):
        try:
            os.lstat(os.path.join(state_dir, name))
        except PermissionError:
            return True
        except OSError:
            continue
        return True
    return False
