"""Claims the control socket's path before the daemon starts anything else.

Whether it can be had is known at once, and needs nothing that is slow to import. A client that
connects from then on waits for the server (`camerad.control.server`), and is not turned away.
"""

from __future__ import annotations

import contextlib
import errno
import grp
import os
import socket
from typing import Final

import msgspec

from camerad.base.errors import ControlError
from camerad.base.message_ids import Log, MessageId
from camerad.config.control_section import Access
from camerad.control.access import Permissions
from camerad.control.client import SOCKET_NAME

log = Log(__name__)

BACKLOG: Final = 16
"""Connections that wait to be accepted."""


class ControlSocket(msgspec.Struct, frozen=True):
    """The socket, bound and listening, and who may come in; `close` removes it."""

    path: str
    listener: socket.socket
    permissions: Permissions

    def close(self) -> None:
        """Stop listening; safe to call again."""
        if self.listener.fileno() < 0:
            return
        self.listener.close()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)


def claim_socket(runtime_dir: str, group: str | None, access: Access) -> ControlSocket:
    """Make the socket, for `group`, the daemon's own user and root alone.

    Where no room is left for it, the camera does without: no client can reach the socket that is
    returned then. Raises ControlError if the directory cannot be written, if another daemon
    listens there, or if there is no such group.
    """
    path = os.path.join(runtime_dir, SOCKET_NAME)
    permissions = Permissions(access, group) if _known(group, path) else Permissions(access, None)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        os.makedirs(runtime_dir, mode=0o755, exist_ok=True)
        _remove_stale(path)
        # No client may connect between bind and chmod.
        umask = os.umask(0o177)
        try:
            listener.bind(path)
        finally:
            os.umask(umask)
        if group is not None:
            os.chown(path, -1, grp.getgrnam(group).gr_gid)
        os.chmod(path, 0o660)
        listener.listen(BACKLOG)
    except ControlError:
        listener.close()
        raise
    except OSError as error:
        listener.close()
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            log.error(
                MessageId.STORAGE,
                "%s: cannot be made: %s; this daemon has no control socket until its next start",
                path,
                error.strerror,
            )
            nowhere = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            return ControlSocket(path, nowhere, permissions)
        raise ControlError(
            f"{path}: cannot be made: {error.strerror}; make the directory writable for the "
            "daemon, or set device.runtime_dir"
        ) from error
    return ControlSocket(path, listener, permissions)


def _known(group: str | None, path: str) -> bool:
    if group is None:
        return False
    try:
        grp.getgrnam(group)
    except KeyError:
        raise ControlError(
            f"there is no group {group!r} for {path}: make it with 'groupadd --system {group}', "
            "or set device.socket_group"
        ) from None
    return True


def _remove_stale(path: str) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as trial:
        trial.settimeout(1.0)
        try:
            trial.connect(path)
        except FileNotFoundError:
            return
        except (BlockingIOError, TimeoutError):
            pass  # a process listens, and is too busy to accept, or hangs
        except OSError as error:
            if error.errno != errno.ECONNREFUSED:
                raise
            os.unlink(path)
            return
    raise ControlError(
        f"another camerad listens on {path} already: end it first ('systemctl stop camerad'), or "
        "set device.runtime_dir"
    )
