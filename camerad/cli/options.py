"""Options that commands share, those of the evidence desk and those of a card from the image."""

from __future__ import annotations

import argparse
import os
from typing import Final

from camerad.cli.defaults import default_state
from camerad.control.client import default_socket

DEFAULT_CARD: Final = "/boot/common"
"""Where boot-common.mount mounts the card's FAT partition."""
DEFAULT_DATA: Final = "/var/lib/camerad-provision"
"""What a camera keeps of its office's file, and of updates."""


def config_home() -> str:
    """Where this user's settings of camerad are (XDG Base Directory Specification)."""
    home = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
    return os.path.join(home, "camerad")


def default_office_key() -> str:
    """Where this user's key of the office is."""
    return os.path.join(config_home(), "office.pem")


def add_card_options(parser: argparse.ArgumentParser) -> None:
    """Where a camera's card and what is kept of the office's file are."""
    parser.add_argument(
        "--boot",
        default=DEFAULT_CARD,
        metavar="DIR",
        help="where the FAT partition of the card is mounted; default: %(default)s",
    )
    parser.add_argument(
        "--data",
        default=DEFAULT_DATA,
        metavar="DIR",
        help="where the camera keeps what it was told; default: %(default)s",
    )


def add_store_options(parser: argparse.ArgumentParser, what: str) -> None:
    """Which store, and how to reach the one who writes there. what: such a store is."""
    parser.add_argument(
        "--state",
        default=default_state(),
        metavar="DIR",
        help=f"{what}; default: $CAMERAD_STATE or that of an installed camera, here %(default)s",
    )
    parser.add_argument(
        "--socket",
        default=default_socket(),
        metavar="PATH",
        help="where the store's daemon listens, if one runs; default: $CAMERAD_SOCKET or that of "
        "an installed camera, here %(default)s",
    )
    parser.add_argument(
        "--trust-clock",
        action="store_true",
        help="this computer's time is right: you have made sure of it",
    )


def add_office_key_options(parser: argparse.ArgumentParser, *, writes: bool) -> None:
    """The key of the ledger of an office's directory. writes: whether something may be added to
    that; otherwise the key's public half is enough."""
    parser.add_argument(
        "--office-key",
        default=default_office_key(),
        metavar="FILE",
        help="the office's own key, which signs the ledger of an office's directory; "
        + ("made if it is not there" if writes else "its public half will do (PEM or JWK)")
        + "; default: %(default)s",
    )
    if writes:
        parser.add_argument(
            "--new-office-key",
            action="store_true",
            help="this key replaces another one; the ledger will say so",
        )


def add_socket_option(parser: argparse.ArgumentParser) -> None:
    """How to reach the daemon."""
    parser.add_argument(
        "--socket",
        default=default_socket(),
        metavar="PATH",
        help="where the daemon listens; default: $CAMERAD_SOCKET or that of an installed camera, "
        "here %(default)s",
    )


def add_key_option(parser: argparse.ArgumentParser) -> None:
    """Which devices' keys are trusted."""
    parser.add_argument(
        "--key",
        action="append",
        default=[],
        metavar="FILE|DIR",
        help="public keys of devices that are trusted (PEM or JWK), and no others; default: those "
        f"in {config_home()}/keys; may be given several times",
    )
