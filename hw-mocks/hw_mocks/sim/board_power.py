"""Whether the simulated board runs: what follows when its daemon ends, and what starts it again.

What a service manager and the power of a Raspberry Pi do below the daemon:

- A daemon that ends with `camerad.base.errors.EX_REBOOT` has the board rebooted.
- One that leaves word in ``<runtime_dir>/power-off`` (`camerad.daemon.power_monitor`) has the board
  halted. A board that has halted because its battery is empty does nothing, whatever is pressed,
  until something supplies it: when the charger comes, it starts.
- One that was killed is started again; see `hw_mocks.sim.process`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from camerad.base.errors import EX_REBOOT
from camerad.daemon.power_monitor import POWER_OFF

from hw_mocks.sim.process import DaemonProcess

REBOOT_SECONDS: Final = 1.5
"""How long the simulated board takes from its end to the daemon's next start: less than a real one,
which nobody wants to wait for."""


class BoardPower:
    """runtime: the daemon's runtime directory, which lies in memory. on_start: called when the
    daemon has been started again. on_change: called when the board is off, or about to start. say:
    tells the person at the terminal. `process` comes later."""

    process: DaemonProcess | None = None

    def __init__(
        self,
        runtime: Path,
        on_start: Callable[[], None],
        on_change: Callable[[], None],
        say: Callable[[str], None],
    ) -> None:
        self.off = False
        """Whether it has halted, and waits for its charger."""
        self._word = runtime / POWER_OFF
        self._word.unlink(missing_ok=True)  # an earlier board's; what lies in memory goes with it
        self._on_start = on_start
        self._on_change = on_change
        self._say = say

    def kill(self, seconds: float, *, ask: bool = False) -> int | None:
        """Kill the daemon, or ask it to end, and start it again `seconds` after its end; returns
        the process id that was killed, None if none runs."""
        if self.process is None:
            return None
        return self.process.kill_and_revive(seconds, self._on_start, ask=ask)

    def ended(self, code: int) -> bool:
        """The daemon has ended with that exit code. Whether the board sees to what follows."""
        if self.process is None:
            return False
        if code == EX_REBOOT:
            self._say(f"bodycam-sim: the board reboots; it is up again in {REBOOT_SECONDS:g} s")
            self._start(self.process)
            return True
        try:
            reason = self._word.read_text(encoding="ascii").strip()
        except FileNotFoundError:
            return False
        self.off = True
        self._say(f"bodycam-sim: the board is off: {reason}. In its dock it starts again")
        self._on_change()
        return True

    def supply(self, there: bool) -> bool:
        """The charger has come, or gone. Whether that has started the board."""
        if not there or not self.off or self.process is None:
            return False
        self.off = False
        self._word.unlink(missing_ok=True)
        self._say("bodycam-sim: the charger supplies the board; it starts")
        self._start(self.process)
        return True

    def _start(self, process: DaemonProcess) -> None:
        process.revive(REBOOT_SECONDS, self._on_start)
        self._on_change()
