"""The cameras whose requests count: those of the office's register, as it is now."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Mapping

import msgspec

from camerad.base import storage_errors
from camerad.base.errors import EX_NOPERM, CameradError
from camerad.base.message_ids import MessageId
from camerad.base.text import count, printable
from camerad.container.keys import KeyRing, PublicKey
from camerad.evidence import camera_register
from camerad.evidence.camera_register import RegisteredCamera

log = logging.getLogger(__name__)

_Version = tuple[int, int, int]


class UnregisteredError(CameradError, PermissionError):
    """Error raised when a key is not that of a camera in the register, or no longer."""

    exit_code = EX_NOPERM


class _Known(msgspec.Struct, frozen=True):
    """The register in the form in which it is asked. former: names of cameras, by keys that they
    had before."""

    cameras: Mapping[str, tuple[RegisteredCamera, PublicKey]] = msgspec.field(default_factory=dict)
    former: Mapping[str, str] = msgspec.field(default_factory=dict)


class Cameras:
    """Finds registered cameras by their keys; any thread may ask.

    register_path: file that `camerad provision collect` keeps. It is read again whenever it was
    changed. If it cannot be read then, the one that was read last counts, and the log says so. One
    that is not there at the beginning has no cameras.

    Raises RegisterError and StorageError if it cannot be read at the beginning.
    """

    def __init__(self, register_path: str) -> None:
        self._path = os.path.abspath(register_path)
        self._lock = threading.Lock()
        self._version = self._look()
        self._known = self._read()
        self._told = ""

    def find(self, kid: str) -> RegisteredCamera:
        """The camera with this key. kid: the key's thumbprint. Raises UnregisteredError."""
        return self._find(kid)[0]

    def key(self, kid: str) -> PublicKey:
        """The key itself. Raises UnregisteredError."""
        return self._find(kid)[1]

    def keys(self) -> KeyRing:
        """The keys of all of them."""
        return KeyRing(key for _, key in self._present().cameras.values())

    def list_all(self) -> tuple[RegisteredCamera, ...]:
        """All of them, by name."""
        found = (camera for camera, _ in self._present().cameras.values())
        return tuple(sorted(found, key=lambda one: one.name))

    def _find(self, kid: str) -> tuple[RegisteredCamera, PublicKey]:
        known = self._present()
        found = known.cameras.get(kid)
        if found is not None:
            return found
        name = known.former.get(kid)
        if name is not None:
            raise UnregisteredError(
                f"the key {kid} of camera {name} was replaced, so nothing that it signs counts any "
                "more; if the camera still has it, collect its card again (camerad provision "
                "collect), and put the desk's register.json into place on the server"
            )
        raise UnregisteredError(
            f"the key {printable(kid)[:64]} is not in the server's register "
            f"({count(len(known.cameras), 'camera')}). If the camera was collected at the desk, "
            "put the desk's register.json into place on the server; otherwise collect its card: "
            "camerad provision collect"
        )

    def _present(self) -> _Known:
        with self._lock:
            try:
                version = self._look()
                if version != self._version:
                    if version is None:
                        raise camera_register.RegisterError(f"{self._path}: it is gone")
                    self._known = self._read()
                    self._version = version
                self._told = ""
            except CameradError as error:
                self._tell(error)
            return self._known

    def _tell(self, error: CameradError) -> None:
        """Say once why the register cannot be read."""
        if str(error) != self._told:
            self._told = str(error)
            log.warning(
                "%s. Those cameras count that it had when it was read last: put the register back",
                printable(error),
                extra=MessageId.REGISTER.extra,
            )

    def _look(self) -> _Version | None:
        """What tells this version of the file from another one; None if it is not there."""
        try:
            state = os.stat(self._path)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise storage_errors.explain("look at the register", self._path, error) from error
        return state.st_mtime_ns, state.st_size, state.st_ino

    def _read(self) -> _Known:
        register = camera_register.read(self._path, made=True)
        cameras: dict[str, tuple[RegisteredCamera, PublicKey]] = {}
        former: dict[str, str] = {}
        for camera in register.cameras:
            former.update(dict.fromkeys(camera.former, camera.name))
            try:
                key = PublicKey.from_jwk(camera.jwk)
            except ValueError as error:
                self._skip(camera, str(error))
                continue
            if key.thumbprint == camera.thumbprint:
                cameras[key.thumbprint] = (camera, key)
            else:
                self._skip(camera, "its key is another one than its thumbprint says")
        return _Known(cameras, former)

    def _skip(self, camera: RegisteredCamera, why: str) -> None:
        log.warning(
            "%s: camera %s is left out: %s; collect it again: camerad provision collect",
            printable(self._path),
            printable(camera.name),
            printable(why),
            extra=MessageId.REGISTER.extra,
        )
