"""``camerad keys new`` and ``camerad identity show``: key pairs and public keys.

The pair of an evidence desk is one of age (X25519). Its private half is written encrypted with a
passphrase, as an armored identity file of age: ``age -d -i FILE`` opens recordings with it without
camerad.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import pyrage
from cryptography.exceptions import UnsupportedAlgorithm

from camerad.base import durable_files, file_status, process
from camerad.base.errors import EX_CANTCREAT, EX_NOPERM
from camerad.base.text import printable
from camerad.cli.console import (
    CommandError,
    ask_passphrase,
    print_json,
    read_passphrase,
    warn,
)
from camerad.cli.defaults import DEFAULT_STATE
from camerad.evidence import identity_file
from camerad.store import identity

if TYPE_CHECKING:
    from camerad.container.keys import PublicKey

SHORTEST: Final = 12
"""Characters of a passphrase. A finder of the file can try passphrases without end."""
_PRIVATE_MODE: Final = 0o600


def make_pair(options: argparse.Namespace) -> int:
    """Make a pair of keys; write its private half, and print the public one."""
    if sys.platform == "linux":
        process.forbid_dumps()
    if is_device() and not options.anyway:
        raise CommandError(
            f"this device records ({DEFAULT_STATE} has its key), and must never hold a private "
            "key; make the pair at the office",
            EX_NOPERM,
        )
    if options.output is not None and file_status.exists(options.output):
        raise CommandError(
            f"{options.output}: exists already and is not overwritten; name another", EX_CANTCREAT
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
    warn(
        f"{where}; what is sealed to it cannot be opened without it and its passphrase. For the "
        "configuration of every camera:"
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
    """The passphrase in a file; None: asked for until two answers are the same and long enough."""
    if path is not None:
        found = read_passphrase(path)
        if (wrong := _too_short(found)) is not None:
            raise CommandError(f"{path}: {wrong}")
        return found
    while True:
        answer = ask_passphrase("Passphrase for the private half: ")
        if (wrong := _too_short(answer)) is not None:
            sys.stderr.write(f"{wrong}\n")
        elif ask_passphrase("The same again: ") != answer:
            sys.stderr.write("the two are not the same\n")
        else:
            return answer


def _too_short(chosen: str) -> str | None:
    if len(chosen) >= SHORTEST:
        return None
    return f"a passphrase needs at least {SHORTEST} characters; take four or five random words"


def _write(path: str, text: str) -> None:
    """Put the private half into a new file; nothing is left of one that failed."""
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


def show_identity(options: argparse.Namespace) -> int:
    """Print the public half of the key that a device signs with."""
    current, former = identity.published(options.state)
    if options.pem:
        sys.stdout.write(current.pem)
    elif options.jwk:
        print_json(current.jwk)
    elif options.json:
        print_json({**_about(current), "former": [_about(key) for key in former]})
    else:
        lines = [f"thumbprint  {current.thumbprint}", f"jwk         {json.dumps(current.jwk)}"]
        lines += [f"formerly    {key.thumbprint}" for key in former]
        if former:
            where = printable(identity.keys_directory(options.state))
            lines.append(f"            (recordings from then are checked with its file in {where})")
        sys.stdout.write("\n".join([*lines, "", current.pem]))
    return 0


def _about(key: PublicKey) -> dict[str, Any]:
    return {"thumbprint": key.thumbprint, "jwk": key.jwk, "pem": key.pem}


def is_device(state_dir: str = DEFAULT_STATE) -> bool:
    """Whether this machine is a device that records: it has a key, or keeps it from us."""
    for name in (identity.KEY_NAME, identity.KEYS_NAME):
        try:
            os.lstat(os.path.join(state_dir, name))
        except PermissionError:
            return True
        except OSError:
            continue
        return True
    return False
