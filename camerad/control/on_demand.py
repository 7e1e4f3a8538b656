"""The control socket's server, imported at the first connection.

Its HTTP framework takes 10 MB and a tenth of a second of a processor (a second on a small board),
and most cameras are never asked anything on their shift. So until then only the socket is there
(`camerad.control.listener`): who connects waits in its queue. The import runs on a thread, so that
a press goes first; then the server answers everybody who waits. It stays for the process's life.

Where the server cannot be had, as with a damaged installation, that is logged, and the socket is
closed: a control that does not answer is no reason to end a recording.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

from camerad.base.async_utils import EventLoop
from camerad.base.message_ids import Log, MessageId
from camerad.behaviour.budget import CONTROL_END_SECONDS
from camerad.control.listener import ControlSocket

if TYPE_CHECKING:
    from camerad.control.server import Control

log = Log(__name__)

SWITCH_SECONDS: Final = 0.0002
"""How long the interpreter belongs to the importing thread while another one wants it. A press
takes it several times on its way to the red light, and each time waits for so long."""


@contextlib.contextmanager
def _making_way() -> Iterator[None]:
    """Keep an import in this context from holding up a press on its way to the red light.

    The switch interval is short, so the threads of a press get the interpreter soon. Garbage
    collection, which importing sets off, is switched off: it takes longer than a press may. What
    has been imported is never garbage, so it is left out of later collections.
    """
    usual = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
        sys.setswitchinterval(usual)


class ControlOnDemand:
    """Waits at `entrance` for the first connection. make: imports the server and returns it; called
    on a thread. Everything else is called on the loop."""

    def __init__(
        self, loop: EventLoop, entrance: ControlSocket, make: Callable[[], Control]
    ) -> None:
        self._loop = loop
        self._entrance = entrance
        self._make = make
        self._control: Control | None = None
        self._opening: asyncio.Task[None] | None = None

    def wait(self) -> None:
        """Begin to wait."""
        asyncio.get_running_loop().add_reader(self._entrance.listener.fileno(), self._asked)

    def _asked(self) -> None:
        self._leave()
        self._opening = asyncio.ensure_future(self._open())

    def _leave(self) -> None:
        if self._opening is None and self._entrance.listener.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(self._entrance.listener.fileno())

    async def _open(self) -> None:
        try:
            with _making_way():
                control = await self._loop.in_thread(self._make)
            await control.open()
        except Exception:
            log.exception(
                MessageId.MISTAKE,
                "%s: control does not answer until the next start",
                self._entrance.path,
            )
            self._entrance.close()
        else:
            self._control = control

    def changed(self) -> None:
        """The status has changed; see `Control.changed`."""
        if self._control is not None:
            self._control.changed()

    async def close(self) -> None:
        """Stop listening and remove the socket; safe to call again."""
        self._leave()
        if self._opening is not None:
            # An import hangs where the card does, and is then not waited for.
            await asyncio.wait({self._opening}, timeout=CONTROL_END_SECONDS)
            self._opening.cancel()
        if self._control is not None:
            await self._control.close()
        self._entrance.close()
