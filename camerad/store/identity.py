"""The device's identity: the Ed25519 key that signs everything it records.

The key is made at the first start and never leaves the device. Where it is looked for, in this
order:

1. ``$CREDENTIALS_DIRECTORY/identity.pem``, where the service manager brings it (systemd.exec(5),
   LoadCredential=); nothing is ever written there.
2. ``STATE/identity.pem``, PKCS #8 in PEM, readable by the daemon's user alone.

Public halves are in ``STATE/keys``: ``<thumbprint>.jwk`` for every key that this device ever had,
and ``current``, the thumbprint of the one that the ledger knows as the device's.

A key that is damaged, or no Ed25519 key at all, must not keep a camera from recording, and must not
be lost, since an expert may still read it. So it is set aside under another name, a key is made in
its place, and `Identity.created` says that the ledger is to be told.

Procedure, each line durable before the next begins, so that a start that was interrupted anywhere
is completed by the next one:

- overwrite and remove a key that is given up, by a reset (docs/provisioning.md);
- rename a damaged key to a free name;
- publish ``identity.pem``;
- publish ``keys/<thumbprint>.jwk``;
- (the caller) tell the ledger;
- publish ``keys/current``.
"""

from __future__ import annotations

import errno
import json
import logging
import os
import stat
from collections.abc import Collection
from itertools import count
from typing import Final

import msgspec

from camerad.base import durable_files, file_status, state_file, storage_errors
from camerad.base.erasing import erase
from camerad.base.errors import ConfigError, StorageError
from camerad.base.message_ids import MessageId
from camerad.container.keys import KeyFileError, KeyRing, PublicKey, SigningKey, read_public_key
from camerad.store.disk import StateDirectoryError

_log = logging.getLogger(__name__)

KEY_NAME: Final = "identity.pem"
DAMAGED: Final = ".damaged-"
"""Behind `KEY_NAME`, and before a number, in the name of a key that was set aside."""
KEYS_NAME: Final = "keys"

_CURRENT: Final = "current"
_JWK: Final = ".jwk"
_PRIVATE_MODE: Final = 0o600
_LARGEST: Final = 64 * 1024


class Identity(msgspec.Struct, frozen=True):
    """The key that signs.

    created: the ledger does not know it as the device's key. It was just made, or put there, or the
    start before was interrupted. This stays so until `confirm`. replaced: thumbprint of the key
    before, if there was one.
    """

    key: SigningKey
    created: bool
    replaced: str | None


def keys_directory(state_dir: str) -> str:
    """Directory of the public halves."""
    return os.path.join(state_dir, KEYS_NAME)


def load_or_create(state_dir: str, retired: Collection[str] = ()) -> Identity:
    """The device's key, made if there is none; its public half is published when this returns.

    retired: thumbprints of keys that were given up; none of them signs any more. Raises
    StateDirectoryError if others could read the key, or if it cannot be read although it may be
    sound, and StorageError if the storage refuses. Nothing is overwritten then.
    """
    directory = keys_directory(state_dir)
    durable_files.make_directory(directory)
    durable_files.remove_unpublished(state_dir, linked=True)
    durable_files.remove_unpublished(directory)
    key = _credential(retired) or _kept(os.path.join(state_dir, KEY_NAME), retired)
    thumbprint = key.public.thumbprint
    _publish_public(directory, key.public)
    known = _read_current(directory)
    if known == thumbprint:
        return Identity(key, created=False, replaced=None)
    return Identity(key, created=True, replaced=known or _newest(directory, but=thumbprint))


def is_confirmed(state_dir: str) -> bool:
    """Whether a ledger ever confirmed this device's key. If so, there was a ledger."""
    return _read_current(keys_directory(state_dir)) is not None


def confirm(state_dir: str, identity: Identity) -> None:
    """Call this when the ledger says durably that `identity` is the device's key.

    Until then every start says again that the key is new. Raises StorageError.
    """
    if identity.created:
        path = os.path.join(keys_directory(state_dir), _CURRENT)
        state_file.write_id(path, identity.key.public.thumbprint)


def published(state_dir: str) -> tuple[PublicKey, list[PublicKey]]:
    """The device's public key, and those that it had before, as `load_or_create` left them.

    Raises ConfigError if there are none, and KeyFileError if one cannot be read.
    """
    directory = keys_directory(state_dir)
    thumbprints = _thumbprints(directory)
    if not thumbprints:
        raise ConfigError(
            f"{directory}: there is no device's key; start the camera once to make it, or name its "
            "state directory with --state"
        )
    current = _read_current(directory)
    if current not in thumbprints:
        current = thumbprints[-1]
    keys = {name: read_public_key(os.path.join(directory, name + _JWK)) for name in thumbprints}
    return keys.pop(current), list(keys.values())


def key_ring(state_dir: str) -> KeyRing:
    """Every key that this device ever had, as far as their files can be read.

    A damaged one is logged and left out: it must not keep the camera from recording. Raises
    StorageError.
    """
    directory = keys_directory(state_dir)
    keys = []
    for thumbprint in _thumbprints(directory):
        try:
            keys.append(read_public_key(os.path.join(directory, thumbprint + _JWK)))
        except KeyFileError as error:
            _log.error(
                "%s; what it signed cannot be checked here",
                error,
                extra=MessageId.IDENTITY_CHANGED.extra,
            )
    return KeyRing(keys)


# ---------------------------------------------------------------------------------- private half


def _credential(retired: Collection[str]) -> SigningKey | None:
    """The key that the service manager brought, if it did and the key is one."""
    directory = os.environ.get("CREDENTIALS_DIRECTORY")
    if directory is None:
        return None
    # Its mode is not looked at: the service manager answers for who may read it, and its access
    # control list shows there as if a group could.
    path = os.path.join(directory, KEY_NAME)
    try:
        key = SigningKey.from_pem(_read(path, private=False))
    except FileNotFoundError:
        return None
    except ValueError as error:
        # The camera has to record all the same; the ledger tells of the other key.
        _log.error(
            "%s: %s; the key in the state directory takes its place",
            path,
            error,
            extra=MessageId.IDENTITY_CHANGED.extra,
        )
        return None
    if key.public.thumbprint in retired:
        why = "it was given up by a reset, and lies where only the service manager can remove it"
        _log.error(
            "%s: %s; the key in the state directory takes its place",
            path,
            why,
            extra=MessageId.IDENTITY_CHANGED.extra,
        )
        return None
    return key


def _kept(path: str, retired: Collection[str]) -> SigningKey:
    """The key in the state directory; a new one if there is none, or none that can be used."""
    try:
        kept = SigningKey.from_pem(_read(path, private=True))
        if kept.public.thumbprint not in retired:
            return kept
        _destroy(path)
    except FileNotFoundError:
        _log.info(
            "%s: there is none, so a key is made for this device",
            path,
            extra=MessageId.IDENTITY.extra,
        )
    except ValueError as error:
        _set_aside(path, str(error))
    key = SigningKey.generate()
    durable_files.publish(path, key.pem, mode=_PRIVATE_MODE)
    return key


def _read(path: str, *, private: bool) -> bytes:
    """Content of a key's file. private: refuse one that others could read.

    Raises FileNotFoundError, ValueError if there is nothing that could be a key, and
    StateDirectoryError if a person has to decide.
    """
    try:
        # Without waiting for a writer of a pipe of this name.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise _refusal(path, error) from error
    try:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            raise StateDirectoryError(f"{path}: this is not a file; move it away, and start again")
        if private and stat.S_IMODE(mode) & 0o077:
            raise StateDirectoryError(
                f"{path}: others than its owner may read this private key (mode "
                f"{stat.S_IMODE(mode):04o}); if it cannot have been copied: chmod 600 {path}; "
                "otherwise move it away, and a new key will be made"
            )
        return os.read(descriptor, _LARGEST)
    except OSError as error:
        if isinstance(error, StateDirectoryError):
            raise
        if error.errno == errno.EIO:
            raise ValueError("the storage cannot read it any more") from error
        raise _refusal(path, error) from error
    finally:
        os.close(descriptor)


def _refusal(path: str, error: OSError) -> StateDirectoryError:
    return StateDirectoryError(
        f"{path}: the device's key cannot be read: {error.strerror}; make it a file of the user "
        "that camerad runs as, with mode 600",
        error,
    )


def _destroy(path: str) -> None:
    """Remove a key that was given up, and overwrite its bytes as far as a file system lets that
    happen."""
    _log.critical(
        "%s: given up by a reset: a new key is made, and recordings from now on are signed by it; "
        "give its public half to the office ('camerad identity show')",
        path,
        extra=MessageId.IDENTITY_CHANGED.extra,
    )
    erase(path)


def _set_aside(path: str, what: str) -> None:
    aside = next(
        name for number in count(1) if not file_status.exists(name := f"{path}{DAMAGED}{number}")
    )
    _log.critical(
        "%s: %s; it is kept as %s, and a new key is made: recordings from now on are signed by "
        "that one, so give its public half to the office ('camerad identity show')",
        path,
        what,
        aside,
        extra=MessageId.IDENTITY_CHANGED.extra,
    )
    durable_files.rename(path, aside)


# ----------------------------------------------------------------------------------- public half


def _publish_public(directory: str, key: PublicKey) -> None:
    path = os.path.join(directory, key.thumbprint + _JWK)
    try:
        if read_public_key(path) == key:
            return
    except KeyFileError:
        pass  # missing or damaged: it is written again
    durable_files.publish(path, (json.dumps(key.jwk, indent=2) + "\n").encode())


def _read_current(directory: str) -> str | None:
    """The thumbprint that the ledger knows; None if there is none, or its file makes no sense."""
    try:
        path = os.path.join(directory, _CURRENT)
        thumbprint = state_file.read_id(path, "thumbprint of the key")
    except StorageError:
        return None
    return thumbprint if thumbprint in _thumbprints(directory) else None


def _newest(directory: str, *, but: str) -> str | None:
    """The key that was published last, apart from one: for a device whose `current` is lost."""
    others = [thumbprint for thumbprint in _thumbprints(directory) if thumbprint != but]
    return others[-1] if others else None


def _thumbprints(directory: str) -> list[str]:
    """Thumbprints of the published keys, in the order in which they were published."""
    try:
        with os.scandir(directory) as entries:
            found = [
                (entry.stat(follow_symlinks=False).st_mtime_ns, entry.name.removesuffix(_JWK))
                for entry in entries
                if entry.name.endswith(_JWK)
            ]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise storage_errors.explain("list the keys", directory, error) from error
    return [thumbprint for _, thumbprint in sorted(found)]
