"""GPIO pins with sprung metal on the inputs and witnesses on the outputs.

`SimulatedFactory` stands behind gpiozero's own entry point: ``GPIOZERO_PIN_FACTORY=simulated``. It
is gpiozero's MockFactory with three additions:

- **Contacts.** A switch lies between each input and the opposite of its pull (ground, for a
  pull-up). It is closed and opened by the world or by `press`, `hold`, `release`, `stick`; it
  bounces, driven edge by edge from a thread, as a GPIO chip's events arrive in a thread.
- **Witnesses.** Each change of an output and each edge of an input is noted with the microsecond
  of CLOCK_BOOTTIME at which it happened, inside the process that drives it, and reported to the
  world; so the time from an edge to a red light is measured without the bus in it.
- **PWM** on any pin, as on a real board.

Everything that is wrong to do with a pin raises what gpiozero raises. HW_MOCKS_BUSY_GPIO names pins
(``"17,22"``) that another program has taken: to use one raises GPIOPinInUse. HW_MOCKS_SEED is the
seed of all bounce.

Messages of the world: ``{"press": {"gpio", "seconds", "bounce", "id"}, "until_us"}`` (answered,
when the last edge is over, by ``{"pressed": id, "gpio", "down_us", "up_us", "edges": [{"closed",
"at_us"}]}``; one that began before the program did holds until ``until_us``, and has no down_us);
``{"hold": {"gpio", "down", "id", "hand", "seconds"}}`` (answered likewise by ``{"held": id, "gpio",
"at_us"}``, at_us null if there was no edge; with ``seconds`` what is let go has been held for so
long, and opens when they are over, or now if they are already, but not before every ``hand`` has
let go); ``{"fault": "button_stuck" |
"button_bounce" | "light_dead", "gpio", "until_us"}``.

Reports: ``{"pin", "level", "at_us", "output"}`` and, with PWM, ``"hertz"``; an output that is given
up is reported as an input. ``{"watched", "at_us"}``: from then on the edges of this pin reach the
program.
"""

from __future__ import annotations

import functools
import logging
import os
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from gpiozero.exc import GPIOPinInUse
from gpiozero.pins.mock import MockFactory

from hw_mocks.bus import Message, WorldClient, now_us
from hw_mocks.contact import Contact, Swing
from hw_mocks.pin import Change, SimulatedPin

BUSY_VARIABLE: Final = "HW_MOCKS_BUSY_GPIO"
SEED_VARIABLE: Final = "HW_MOCKS_SEED"
HISTORY_LIMIT: Final = 200
"""It lies in the daemon's memory, whose growth over hours is measured."""
_LONGEST_US: Final = 3_600_000_000

log = logging.getLogger("hw_mocks.pins")


class Press:
    """A press under way. `edges` is complete once `wait` has returned True."""

    def __init__(
        self, gpio: int, cause: str, name: Any, asked_us: int, length_us: int, *, bounce: bool
    ) -> None:
        self.gpio = gpio
        self.bounce = bounce
        self.began = False
        self.length_us = length_us
        self.cause = cause
        self.name = name
        self.edges: tuple[Swing, ...] = ()
        self.asked_us = asked_us
        self.until_us = asked_us + length_us
        self._over = threading.Event()

    @property
    def down_us(self) -> int | None:
        """When the contact first closed; None if it was closed already."""
        return self.edges[0].at_us if self.edges and self.edges[0].closed else None

    @property
    def up_us(self) -> int | None:
        """When the contact opened for good, but for its bounce; None if something keeps it."""
        if not self.edges or self.edges[-1].closed:
            return None
        opened = [edge.at_us for edge in self.edges if not edge.closed]
        # A finger that leaves while the contact is open in a bounce makes no edge of its own.
        return next((at_us for at_us in opened if at_us >= self.until_us), max(opened))

    def message(self) -> Message:
        """What is reported to the world when all is over."""
        return {
            "pressed": self.name,
            "gpio": self.gpio,
            "down_us": self.down_us,
            "up_us": self.up_us,
            "edges": [{"closed": edge.closed, "at_us": edge.at_us} for edge in self.edges],
        }

    def wait(self, timeout: float) -> bool:
        """Wait until the contact is open again and at rest, at most `timeout` seconds."""
        return self._over.wait(timeout)

    def finish(self, edges: tuple[Swing, ...]) -> None:
        """Called by the factory when all is over."""
        self.edges = edges
        self._over.set()


@dataclass(frozen=True, slots=True)
class _Hold:
    """An order of the world to hold or to let go, not yet answered."""

    gpio: int
    name: Any
    asked_us: int
    down: bool
    cause: str


class SimulatedFactory(MockFactory):  # type: ignore[misc]
    """gpiozero's pin factory ``simulated``.

    `revision`: of the board it pretends to be, as gpiozero's MockFactory takes it; its default, a
    Raspberry Pi 3B, is as good as any for GPIO 0 to 27.
    """

    def __init__(self, revision: str | None = None) -> None:
        super().__init__(revision, SimulatedPin)
        self.history: deque[Change] = deque(maxlen=HISTORY_LIMIT)
        """Every change of every pin, oldest first."""
        self._seed = os.environ.get(SEED_VARIABLE, "0")
        self._busy = {int(n) for n in os.environ.get(BUSY_VARIABLE, "").split(",") if n.strip()}
        self._contacts: dict[int, Contact] = {}
        self._by_gpio: dict[int, SimulatedPin] = {}
        self._presses: list[Press] = []
        self._presses_made = 0
        self._holds: list[_Hold] = []
        self._held_since: dict[tuple[int, str], int] = {}
        self._log: dict[int, deque[Swing]] = {}
        self._shorted: dict[int, int] = {}
        self._news = threading.Condition()
        self._running = False
        self._closing = False
        self._world: WorldClient | None = None
        self._world = WorldClient.from_environment("pins", self._hear)
        if self._world is not None:
            # A button that is held at start must read as held when the daemon first looks.
            self._world.wait_ready()
        with self._news:
            self._running = True
        self._thread = threading.Thread(target=self._run, name="contacts", daemon=True)
        self._thread.start()

    def pin(self, name: Any, pin_class: Any = None, **kwargs: Any) -> Any:
        """As gpiozero's; raises GPIOPinInUse for a pin that another program has taken."""
        pin = super().pin(name, pin_class, **kwargs)
        if isinstance(pin, SimulatedPin):
            if pin.gpio_number in self._busy:
                raise GPIOPinInUse(f"pin {pin!r} is already in use by another program")
            self._by_gpio[pin.gpio_number] = pin
        return pin

    def close(self) -> None:
        """Give every pin up, end the thread and part from the world."""
        super().close()
        with self._news:
            self._closing = True
            self._news.notify_all()
        if threading.current_thread() is not self._thread:
            self._thread.join(2)
        if self._world is not None:
            self._world.close()

    def reset(self) -> None:
        """As gpiozero's: forget pins and reservations; and the history and all contacts."""
        super().reset()
        with self._news:
            self._by_gpio.clear()
            self._contacts.clear()
            self._presses.clear()
            self._holds.clear()
            self._held_since.clear()
            self._shorted.clear()
            self.history.clear()

    def press(self, gpio: int, seconds: float, *, bounce: bool = True) -> Press:
        """Close the contact now, open it `seconds` later; returns at once."""
        return self._press(gpio, seconds, bounce, None)

    def hold(self, gpio: int, *, bounce: bool = True, hand: str = "") -> None:
        """Close the contact until this hand has let go by `release`, and every other one too."""
        with self._news:
            since_us = self._close(gpio, _held_by(hand), None, bounce=bounce)
            self._held_since.setdefault((gpio, hand), since_us)

    def release(self, gpio: int, seconds: float | None = None, hand: str = "") -> None:
        """Take away a hand of `hold`. seconds: once it has held for so long, or now if that is
        over; None: now."""
        with self._news:
            now = now_us()
            since_us = self._held_since.pop((gpio, hand), now)
            until_us = now if seconds is None else since_us + round(seconds * 1_000_000)
            contact = self._contact(gpio)
            if until_us > now:
                contact.end(_held_by(hand), until_us)
            else:
                contact.open(_held_by(hand), now)
            self._news.notify_all()

    def stick(self, gpio: int, until_us: int) -> None:
        """Fault: the button is stuck pressed until `until_us`."""
        self._close(gpio, "stuck", until_us, bounce=True)

    def wear(self, gpio: int, until_us: int) -> None:
        """Fault: the button bounces long and often until `until_us`."""
        with self._news:
            self._contact(gpio).wear(until_us)

    def short(self, gpio: int, until_us: int) -> None:
        """Fault: the line is shorted to ground until `until_us`; then it is again as it is
        driven."""
        with self._news:
            self._shorted[gpio] = until_us
            self._news.notify_all()
        self._settle(gpio)

    def _settle(self, gpio: int) -> None:
        pin = self._by_gpio.get(gpio)
        if pin is not None:
            pin.settle()

    def shorted(self, gpio: int) -> bool:
        """Whether the line is shorted to ground at this instant."""
        return self._shorted.get(gpio, 0) > now_us()

    def closed(self, gpio: int) -> bool:
        """Whether the contact is closed at this instant."""
        with self._news:
            contact = self._contacts.get(gpio)
            return contact is not None and contact.closed_at(now_us())

    def watched(self, gpio: int) -> None:
        """Called by a pin when somebody begins to wait for its edges."""
        if self._world is not None:
            self._world.send({"watched": gpio, "at_us": now_us()})

    def note(self, change: Change) -> None:
        """Called by the pins for every change."""
        self.history.append(change)
        if self._world is not None:
            self._world.send(change.message())

    def _contact(self, gpio: int) -> Contact:
        if gpio not in self._contacts:
            # One generator each: what happens on one button does not change another's bounce.
            self._contacts[gpio] = Contact(Random(f"{self._seed}:{gpio}"))
            self._log[gpio] = deque(maxlen=1000)
        return self._contacts[gpio]

    def _close(self, gpio: int, cause: str, until_us: int | None, *, bounce: bool) -> int:
        with self._news:
            contact, at_us = self._contact(gpio), now_us()
            contact.close(cause, at_us, until_us, bounce=bounce)
            if not self._running:
                contact.rest()
            self._news.notify_all()
        return at_us

    def _press(self, gpio: int, seconds: float, bounce: bool, name: Any) -> Press:
        with self._news:
            self._presses_made += 1
            length_us = max(1, round(seconds * 1_000_000))
            cause = f"press {self._presses_made}"
            press = Press(gpio, cause, name, now_us(), length_us, bounce=bounce)
            self._contact(gpio).close(cause, press.asked_us, press.until_us, bounce=bounce)
            if not self._running:
                self._contact(gpio).rest()
                press.began = True
            self._presses.append(press)
            self._news.notify_all()
        return press

    def _run(self) -> None:
        while True:
            with self._news:
                if self._closing:
                    return
                now = now_us()
                healed = [gpio for gpio, until_us in self._shorted.items() if until_us <= now]
                for gpio in healed:
                    del self._shorted[gpio]
                swung = self._swing()
                # In this order: a cause that ends without an edge ends a press too.
                over = self._finished() if swung is None else []
                if swung is None and not over and not healed:
                    times = [t for c in self._contacts.values() if (t := c.next_us()) is not None]
                    times += self._shorted.values()
                    # A short for good lasts longer than can be waited for.
                    wait_us = min(*times, now_us() + _LONGEST_US) - now_us() if times else None
                    if wait_us is None or wait_us > 0:
                        self._news.wait(None if wait_us is None else wait_us / 1_000_000)
                    continue
            # Outside the lock: the daemon's handler runs here, and it may call back.
            for report in over:
                report()
            for gpio in healed:
                self._settle(gpio)
            if swung is not None:
                self._drive(*swung)

    def _drive(self, gpio: int, swing: Swing) -> None:
        pin, closed, at_us = self._by_gpio.get(gpio), swing.closed, swing.at_us
        try:
            if pin is not None:
                pin.swing(closed, at_us)
        except Exception:
            # A handler that fails must not end the thread that all buttons live on.
            log.exception("the handler of GPIO%d failed", gpio)
        with self._news:
            self._log[gpio].append(swing)
            for press in self._presses:
                if closed and press.gpio == gpio and not press.began:
                    # The finger stays its whole time, however late this thread was to begin.
                    press.began = True
                    press.until_us = at_us + press.length_us
                    bounce = press.bounce
                    self._contact(gpio).close(press.cause, at_us, press.until_us, bounce=bounce)

    def _swing(self) -> tuple[int, Swing] | None:
        due = [(t, gpio) for gpio, c in self._contacts.items() if (t := c.next_us()) is not None]
        now = now_us()
        for at_us, gpio in sorted(due):
            if at_us > now:
                break
            swing = self._contacts[gpio].step(now)
            if swing is not None:
                return gpio, swing
        return None

    def _finished(self) -> list[Callable[[], None]]:
        over: list[Callable[[], None]] = []
        for press in tuple(self._presses):
            contact = self._contact(press.gpio)
            if contact.settled and not contact.has(press.cause):
                self._presses.remove(press)
                over.append(functools.partial(self._finish, press, self._since(press)))
        for hold in tuple(self._holds):
            contact = self._contact(hold.gpio)
            if contact.settled and (hold.down or not contact.has(hold.cause)):
                self._holds.remove(hold)
                over.append(functools.partial(self._report_hold, hold, self._since(hold)))
        wanted = {press.gpio for press in self._presses} | {hold.gpio for hold in self._holds}
        for gpio, swings in self._log.items():
            if gpio not in wanted:
                swings.clear()
        return over

    def _since(self, order: Press | _Hold) -> tuple[Swing, ...]:
        return tuple(swing for swing in self._log[order.gpio] if swing.at_us >= order.asked_us)

    def _finish(self, press: Press, edges: tuple[Swing, ...]) -> None:
        press.finish(edges)
        if self._world is not None:
            self._world.send(press.message())

    def _report_hold(self, hold: _Hold, edges: tuple[Swing, ...]) -> None:
        if self._world is not None:
            at_us = edges[0].at_us if edges else None
            self._world.send({"held": hold.name, "gpio": hold.gpio, "at_us": at_us})

    def _hear(self, message: Message) -> None:
        if isinstance(press := message.get("press"), dict):
            seconds = float(press["seconds"])
            if not self._running and "until_us" in message:
                seconds = (message["until_us"] - now_us()) / 1_000_000
            self._press(
                int(press["gpio"]),
                seconds,
                bool(press.get("bounce", True)),
                press.get("id"),
            )
        elif isinstance(hold := message.get("hold"), dict):
            gpio, length = int(hold["gpio"]), hold.get("seconds")
            hand, down = str(hold.get("hand", "")), bool(hold["down"])
            with self._news:
                self._holds.append(_Hold(gpio, hold.get("id"), now_us(), down, _held_by(hand)))
                if down:
                    self.hold(gpio, hand=hand)
                else:
                    self.release(gpio, None if length is None else float(length), hand)
        elif message.get("fault") == "button_stuck":
            self.stick(int(message["gpio"]), int(message["until_us"]))
        elif message.get("fault") == "button_bounce":
            self.wear(int(message["gpio"]), int(message["until_us"]))
        elif message.get("fault") == "light_dead":
            self.short(int(message["gpio"]), int(message["until_us"]))


def _held_by(hand: str) -> str:
    """The cause of a contact that a hand keeps closed."""
    return f"hold {hand}"
