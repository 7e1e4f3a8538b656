"""``camerad keys``: makes an evidence desk's key pair, on the computer that opens recordings.

The pair is one of age (X25519). Its private half is written encrypted with a passphrase, as an
armored identity file of age: ``age -d -i FILE`` opens recordings with it without camerad.
"""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, ClassVar, Final

import pyrage
from cryptography.exceptions import UnsupportedAlgorithm

from camerad.base.errors import EX_CANTCREAT, EX_NOPERM, EX_USAGE, CameradError
from camerad.cli import passphrase
from camerad.cli.defaults import DEFAULT_STATE
from camerad.cli.identity import is_device
from camerad.evidence import identity_file

SHORTEST: Final = 12
"""Characters of a passphrase. Whoever finds the file can try passphrases without end."""
_PRIVATE_MODE: Final = 0o600


class KeysError(CameradError):
    """Error raised when a pair of keys cannot be made as asked; the text says what to do."""

    exit_code: ClassVar[int] = EX_USAGE


class ThereAlreadyError(KeysError):
    """Error raised instead of writing over a file."""

    exit_code: ClassVar[int] = EX_CANTCREAT


class OnDeviceError(KeysError):
    """Error raised instead of making a private key on a device that records."""

    exit_code: ClassVar[int] = EX_NOPERM


def add_parser(commands: Any) -> None:
    """Add the subcommand to those of `camerad`."""
    parser = commands.add_parser("keys", help="keys of an evidence desk")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    new = actions.add_parser(
        "new",
        help="make a pair that recordings are sealed to and opened with",
        description="Makes a pair of keys at the office. The private half, protected by a "
        "passphrase, opens recordings: print it once, or keep it in a file, and keep a copy where "
        "no fire reaches both. The public half goes into the configuration of every camera.",
    )
    new.add_argument(
        "--output",
        metavar="FILE",
        help="write the private half there instead of printing it; what exists is not overwritten",
    )
    new.add_argument(
        "--passphrase-file",
        metavar="FILE",
        help="its first line is the passphrase; otherwise it is asked for",
    )
    new.add_argument(
        "--anyway",
        action="store_true",
        help="even on a device that records, which would then hold the key to its own recordings",
    )


def run(options: argparse.Namespace) -> int:
    """Carry it out; returns the exit code. Raises CameradError."""
    from camerad.base import file_status, process  # noqa: PLC0415

    if sys.platform == "linux":
        process.forbid_dumps()
    if is_device() and not options.anyway:
        raise OnDeviceError(
            f"this device records ({DEFAULT_STATE} has its key), and must never hold a private "
            "key; make the pair at the office"
        )
    if options.output is not None and file_status.exists(options.output):
        raise ThereAlreadyError(
            f"{options.output}: exists already and is not overwritten; name another"
        )
    chosen = _passphrase(options.passphrase_file)
    pair = pyrage.x25519.Identity.generate()
    public = str(pair.to_public())
    private = _protected(pair, public, chosen)
    if options.output is None:
        sys.stdout.write(private)
        where = "the private half is printed this once: keep it"
    else:
        _write(options.output, private)
        where = f"the private half is in {options.output}"
    sys.stdout.flush()
    sys.stderr.write(
        f"camerad: {where}; without it and its passphrase nobody can open what is sealed to it. "
        "For the configuration of every camera:\n"
    )
    (sys.stderr if options.output is None else sys.stdout).write(f"recipients:\n  - {public}\n")
    return 0


def _protected(pair: Any, public: str, chosen: str) -> str:
    """The identity file of `pair`, as age-keygen writes it, encrypted as ``age -p -a`` does."""
    made = datetime.now(UTC).isoformat(timespec="seconds")
    text = f"# created: {made}\n# public key: {public}\n{pair}\n"
    try:
        return identity_file.seal_with_passphrase(text.encode(), chosen)
    except UnsupportedAlgorithm:  # where OpenSSL may not, as under FIPS
        sealed: bytes = pyrage.passphrase.encrypt(text.encode(), chosen, armored=True)
        return sealed.decode("ascii").rstrip("\n") + "\n"


def _passphrase(path: str | None) -> str:
    if path is None:
        return _ask()
    found = passphrase.read(path)
    if (wrong := _too_short(found)) is not None:
        raise KeysError(f"{path}: {wrong}")
    return found


def _ask() -> str:
    """Ask until two answers are the same and long enough."""
    while True:
        answer = passphrase.ask("Passphrase for the private half: ")
        if (wrong := _too_short(answer)) is not None:
            sys.stderr.write(f"{wrong}\n")
        elif passphrase.ask("The same again: ") != answer:
            sys.stderr.write("the two are not the same\n")
        else:
            return answer


def _too_short(chosen: str) -> str | None:
    if len(chosen) >= SHORTEST:
        return None
    return f"a passphrase needs at least {SHORTEST} characters; take four or five random words"


def _write(path: str, text: str) -> None:
    """Put the private half into a file of its own; nothing is left of one that failed."""
    from camerad.base import durable_files  # noqa: PLC0415 - slow to import

    path = os.path.abspath(path)
    descriptor = durable_files.create(path, _PRIVATE_MODE)
    try:
        durable_files.write(descriptor, [text.encode()], 0, path)
        durable_files.sync(descriptor, path)
        durable_files.sync_directory(os.path.dirname(path))
    except BaseException:
        with suppress(OSError):
            os.unlink(path)
        raise
    finally:
        durable_files.close(descriptor, path)
