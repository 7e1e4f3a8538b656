"""The office's register of cameras: names and their public keys.

One JSON file. A name that comes with another key, or a key under another name, is never taken
silently: so looks a camera that a stranger has set up.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Collection, Iterator
from typing import Annotated, Final

import msgspec
from msgspec.structs import replace

from camerad.base import durable_files, file_status, typed_json
from camerad.base.errors import EX_CONFIG, CameradError
from camerad.base.safe_read import read_plain
from camerad.base.text import printable
from camerad.config.sections import DEVICE_ID
from camerad.container.keys import THUMBPRINT, Thumbprint
from camerad.provisioning.publishing import DEVICE, VERSION, PublishedDevice

_LARGEST: Final = 64 << 20
_LARGEST_DEVICE: Final = 64 << 10
"""A camera writes less than a kilobyte. What is collected stands in the register from then on."""
_MODE: Final = 0o644
WAIT_SECONDS: Final = 10.0
"""For another process that changes the register: twenty cards take less than a second."""
_PAUSE_SECONDS: Final = 0.05


class RegisterError(CameradError, ValueError):
    """Error raised when a register or what a card brings cannot be read, or a camera contradicts
    the register; then nothing is changed for it."""

    exit_code = EX_CONFIG


class RegisteredCamera(msgspec.Struct, frozen=True):
    """One camera. former: thumbprints of keys that went before with its name, or with a name that
    it had. collected: when, as RFC 3339. The rest is as in `PublishedDevice`."""

    name: str
    thumbprint: Annotated[Thumbprint, msgspec.Meta(pattern=rf"\A{THUMBPRINT.pattern}\Z")]
    jwk: dict[str, str]
    serial: int | None
    office: str | None
    doctor: dict[str, int] | None
    collected: str
    former: tuple[str, ...] = ()


class Register(msgspec.Struct, frozen=True):
    """All cameras, by name."""

    cameras: tuple[RegisteredCamera, ...] = ()

    def by_name(self, name: str) -> RegisteredCamera | None:
        """The camera of that name."""
        return next((one for one in self.cameras if one.name == name), None)

    def by_key(self, thumbprint: str) -> RegisteredCamera | None:
        """The camera with that key."""
        return next((one for one in self.cameras if one.thumbprint == thumbprint), None)


def read(path: str, *, made: bool = False) -> Register:
    """A register. made: it need not be there yet, and is an empty one then. Raises RegisterError
    and StorageError."""
    if not file_status.exists(path):
        if made:
            return Register()
        raise RegisterError(
            f"{path}: there is no such register; name the one that 'camerad provision collect' made"
        )
    try:
        return typed_json.decode(read_plain(path, "register", _LARGEST, linked=True), Register)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise RegisterError(f"{path}: this is no register: {error}; name another file") from None


@contextlib.contextmanager
def locked(path: str) -> Iterator[None]:
    """The lock of a register, held from reading to writing, so that of two processes neither
    writes what it had read before the other one wrote. Raises RegisterError if another process is
    still at it after `WAIT_SECONDS`, and StorageError if the directory is not there."""
    directory = os.path.dirname(os.path.abspath(path))
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            claim = durable_files.lock_directory(directory, linked=True)
            break
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise RegisterError(
                    f"{path}: another program works in {directory}; try again when it has ended"
                ) from None
            time.sleep(_PAUSE_SECONDS)
    try:
        yield
    finally:
        os.close(claim)


def write(path: str, register: Register) -> None:
    """Put a register into place, whole. Raises StorageError."""
    content = msgspec.json.format(msgspec.json.encode(register), indent=2)
    durable_files.publish(os.path.abspath(path), content + b"\n", mode=_MODE)


def read_card(directory: str) -> PublishedDevice:
    """What a camera has left in a directory: a card, or a copy of it. Raises RegisterError."""
    path = os.path.join(directory, DEVICE)
    if not file_status.exists(path):
        raise RegisterError(
            f"{path}: there is no such file; put the card into its camera, and wait until that is "
            "ready"
        )
    content = read_plain(path, "camera's key", _LARGEST_DEVICE + 1)
    if len(content) > _LARGEST_DEVICE:
        raise RegisterError(
            f"{path}: larger than {_LARGEST_DEVICE >> 10} KiB, so no camera wrote this; delete "
            "the file, and start the camera with this card again"
        )
    try:
        device = typed_json.decode(content, PublishedDevice)
        _ = device.key  # raises if it is another one than it says
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise RegisterError(f"{path}: cannot be read: {printable(error)}") from None
    if device.version != VERSION:
        raise RegisterError(f"{path}: of another version of camerad; use that at the desk as well")
    if device.device is None:
        raise RegisterError(f"{path}: this camera has not been set up yet; give it its file first")
    # The name becomes part of a file's name at the desk, and any computer can write on the card.
    if re.fullmatch(DEVICE_ID, device.device) is None:
        why = f'"{printable(device.device)[:80]}" is no name that a camera can have'
    elif min((device.serial or 0, *(device.doctor or {}).values())) < 0:
        why = "a number in there is below 0"
    else:
        return device
    raise RegisterError(
        f"{path}: {why}, so no camera wrote this; delete the file, and start the camera with this "
        "card again"
    )


def with_camera(
    register: Register,
    device: PublishedDevice,
    collected: str,
    replacing: Collection[str] = (),
    *,
    office: str,
) -> Register:
    """The register with a camera in it. replacing: names for which a person has said that a
    conflict is right. office: thumbprint of the office's key.

    Raises RegisterError naming both where two are known for one, where a camera has gone back to an
    earlier file, which it would have refused, and where another office has set it up: that one may
    open what it records, so this cannot be judged as right.
    """
    name = str(device.device)
    if device.office != office:
        raise RegisterError(
            f"{name}: its file was signed by another key ({printable(device.office)[:80]}) than "
            f"the office's ({office}), so others may open what it records. Name the right key "
            "with --office-key. If this is it, find out whose file that was, and reset the camera "
            f"with one of yours: --reset {device.thumbprint}"
        )
    other = register.by_key(device.thumbprint)
    same = register.by_name(name)
    if name not in replacing:
        if same is not None and same.thumbprint != device.thumbprint:
            raise RegisterError(
                f"{name}: registered with the key {same.thumbprint}, but its card brings "
                f"{device.thumbprint}: it was reset, has another card, or is another camera. If "
                f"you know why, add --replace {name}"
            )
        if other is not None and other.name != name:
            raise RegisterError(
                f"{name}: its key {device.thumbprint} is registered as {other.name}: it was "
                f"renamed, or its card was copied. If you know why, add --replace {name}"
            )
        if same is not None and (device.serial or 0) < (same.serial or 0):
            raise RegisterError(
                f"{name}: registered with a file of serial {same.serial}, but its card brings one "
                f"of {device.serial}: this is an older copy of its card, or a person wrote one "
                f"back. If you know why, add --replace {name}"
            )
    # It may have had others under the name that it had before.
    keys = [key for one in (same, other) if one for key in (*one.former, one.thumbprint)]
    made = RegisteredCamera(
        name=name,
        thumbprint=device.key.thumbprint,
        # Of the key as it was understood: any computer can write more into the file on the card.
        jwk=device.key.jwk,
        serial=device.serial,
        office=device.office,
        doctor=device.doctor,
        collected=collected,
        former=tuple(key for key in dict.fromkeys(keys) if key != device.thumbprint),
    )
    rest = [one for one in register.cameras if one not in (same, other)]
    return replace(register, cameras=tuple(sorted([*rest, made], key=lambda one: one.name)))
