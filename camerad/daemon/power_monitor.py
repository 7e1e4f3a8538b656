"""Watches battery, temperature and memory.

Reading is `camerad.hardware.power` and `thermal`, on a thread each time; what follows is decided by
`camerad.behaviour.battery`, `heat` and `scarcity`; this file carries it out on the event loop. A
gauge whose bus hangs holds up its own watch only.

The drain that was measured is kept in ``<state_dir>/battery.json``, from one start to the next:
without it, each shift would begin by believing the configuration. It is written when a meter has
concluded, some twenty times per charge at most. A file that is missing or damaged costs nothing but
that.

The last act of a daemon whose battery is empty is a file ``<runtime_dir>/power-off`` with the
reason in one line, when everything is closed. A path unit of systemd, which has the right, switches
the machine off. A daemon that starts removes what it finds there.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec
from msgspec.structs import replace

from camerad.base import durable_files
from camerad.base.async_utils import to_next, watched
from camerad.base.clock import SECOND
from camerad.base.errors import StorageError
from camerad.base.message_ids import Log, MessageId
from camerad.behaviour import battery, heat, scarcity
from camerad.behaviour.battery import Battery
from camerad.behaviour.heat import Heat
from camerad.behaviour.stages import Condition
from camerad.config import Settings
from camerad.daemon.core import Core, Note
from camerad.hardware import power, thermal
from camerad.hardware.power import PowerReading
from camerad.hardware.thermal import ThermalReading

log = Log(__name__)

LOOK_SECONDS: Final = 10.0
"""How often is looked at heat, memory and card. A processor under full load takes minutes from
70 °C to 80 °C."""
POWER_SECONDS: Final = 2.0
"""Interval of the readings of battery and charger: after a moment in its dock a camera may have
another wearer."""
PATIENCE_SECONDS: Final = 10.0
"""After so long a gauge or a sensor that does not answer counts as one that fails."""
POWER_OFF_US: Final = 30 * SECOND
"""From critical to the orderly end: time to feel the signal, and to dock the camera."""
POWER_OFF: Final = "power-off"
RATES: Final = "battery.json"
REASON: Final = Condition.BATTERY_CRITICAL.value
"""Why a recording ended that an empty battery ended."""
GONE: Final = "its gauge shows no more; is its driver loaded, and its chip on the bus?"
NONSENSE: Final = "its gauge says now this, now that"

MEMORY_LOW: Final = "memory_low"
STORAGE_SLOW: Final = "storage_slow"
UNDER_VOLTAGE: Final = "under_voltage"
"""Faults in the ledger that are no condition of the camera: a technician's matter."""

_T = TypeVar("_T")


class PowerActions(msgspec.Struct, frozen=True):
    """Consequences of heat, battery and memory.

    note(kind, **facts): has the ledger say so. slow_syncs: how often the storage was slow since the
    start. set_fps(fps, reason, lasting): so many pictures per second from now on; why that changes,
    and why there are fewer than configured. shut_down(reason): ends the daemon in order.
    """

    note: Note
    slow_syncs: Callable[[], int]
    set_fps: Callable[[int, str, str], None]
    shut_down: Callable[[str], None]


class PowerMonitor:
    """Watches from `start` until `close`. Used on the event loop."""

    def __init__(self, core: Core, settings: Settings, actions: PowerActions) -> None:
        self._settings = settings
        self._clock = core.clock
        self._core = core
        self._actions = actions
        chosen = settings.battery
        self._limits = battery.Limits(
            chosen.low_minutes, chosen.critical_percent / 100, 1 / chosen.recording_hours
        )
        self._rates = os.path.join(settings.device.state_dir, RATES)
        self._word = os.path.join(settings.device.runtime_dir, POWER_OFF)
        self._tasks: set[asyncio.Task[None]] = set()
        self._faults: set[str] = set()
        self._said: dict[str, str] = {}
        self._saved: tuple[float | None, float | None] = (None, None)
        self._critical_us: int | None = None
        self._off: str | None = None
        self._celsius: float | None = None
        self._card = scarcity.SlowCard()
        self.battery: Battery = Battery()
        """The battery, as it was seen last."""
        self.heat: Heat = Heat()
        """The temperature's step, as it was decided last."""

    # ------------------------------------------------------------------ life

    def start(self) -> None:
        """Begin to watch."""
        for watch in (self._recall(), self._watch_power(), self._watch_heat()):
            self._begin(watch)

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = watched(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def close(self) -> None:
        """Watch no longer."""
        for task in self._tasks:
            task.cancel()

    def leave_word(self) -> None:
        """As the very last: have the machine switched off, if that is to be."""
        if self._off is None:
            return
        try:
            Path(self._word).write_text(f"{self._off}\n", encoding="ascii")
        except OSError as error:
            log.critical(
                MessageId.POWER_OFF, "%s: cannot ask for power-off: %s", self._word, error.strerror
            )

    # ------------------------------------------------------------------ what is known

    @property
    def percent(self) -> int | None:
        """The battery's level for people; None where nothing measures it."""
        level = self.battery.level
        return None if level is None else round(level * 100)

    @property
    def fps(self) -> int:
        """Pictures per second, as the camera is told."""
        return heat.fps(self.heat, self._settings.camera.fps)

    def report(self) -> dict[str, Any]:
        """The same, ready for JSON: the part of the status."""
        known = self.battery
        minutes = None if known.minutes is None else int(known.minutes)
        return {
            "battery": {"percent": self.percent, "minutes_left": minutes, "docked": known.docked}
            if known.present
            else None,
            "celsius": self._celsius,
            "fps": self.fps,
        }

    # ------------------------------------------------------------------ battery

    async def _recall(self) -> None:
        """State of an earlier run; the watch waits for no card."""
        await self._core.loop.in_thread(self._forget_word)
        recording, standby = self._saved = await self._core.loop.in_thread(self._load)
        known = self.battery
        if known.recording.rate is None and known.standby.rate is None:
            self.battery = replace(
                known,
                # Where a drain was measured, there was a battery.
                present=known.present or (recording, standby) != (None, None),
                recording=replace(known.recording, rate=recording),
                standby=replace(known.standby, rate=standby),
            )

    async def _watch_power(self) -> None:
        root = self._settings.battery.power_supply
        await self._watch(lambda: power.read_power(root), self._take_power, POWER_SECONDS)

    def _take_power(self, seen: PowerReading | None) -> None:
        """seen: None: no answer."""
        if seen is None and not self.battery.present:
            return  # whether there is a battery at all is not known
        if seen is None:
            seen = PowerReading("", None, "its gauge does not answer", self.battery.docked)
        reading = battery.GaugeReading(
            self._clock.now_us(),
            seen.level,
            seen.external,
            self._core.state.keeping,
            shown=seen.battery is not None,
        )
        before = self.battery
        self.battery = now = battery.step(before, reading, self._limits)
        why = seen.why
        if why is None and now.unknown:
            why = NONSENSE if reading.shown else GONE
        self._say("battery", why)
        for condition, holds in (
            (Condition.BATTERY_UNKNOWN, now.unknown),
            (Condition.DOCKED, now.docked),
            (Condition.BATTERY_LOW, now.low),
            (Condition.BATTERY_CRITICAL, now.critical),
        ):
            self._core.conditions.set(condition, holds=holds)
        if now.low and not before.low:
            log.warning(
                MessageId.BATTERY,
                "battery low: %s %%, about %d minutes of recording",
                self.percent,
                now.minutes or 0,
            )
        self._count_down(now)
        rates = (now.recording.rate, now.standby.rate)
        if rates != self._saved:
            self._saved = rates
            self._begin(self._save(rates))

    def _count_down(self, now: Battery) -> None:
        if not now.critical:
            if self._critical_us is not None and self._off is None:
                log.warning(
                    MessageId.BATTERY,
                    "battery no longer critical: %s %%; the camera stays on",
                    self.percent,
                )
            self._critical_us = None
            return
        now_us = self._clock.now_us()
        if self._critical_us is None:
            self._critical_us = now_us
            log.critical(
                MessageId.BATTERY, "battery critical: %s %%; the camera ends", self.percent
            )
        elif now_us - self._critical_us >= POWER_OFF_US and self._off is None:
            self._off = f"the battery is at {self.percent} %"
            self._actions.shut_down(REASON)

    def _load(self) -> tuple[float | None, float | None]:
        try:
            return read_rates(self._rates)
        except ValueError as error:
            log.warning(MessageId.BATTERY, "%s; the battery's drain is measured anew", error)
            return None, None

    async def _save(self, rates: tuple[float | None, float | None]) -> None:
        recording, standby = rates
        content = json.dumps({"recording": recording, "standby": standby}).encode()
        try:
            await self._core.loop.in_thread(lambda: durable_files.publish(self._rates, content))
        except StorageError as error:
            log.warning(
                MessageId.BATTERY, "%s; the next start measures the battery's drain anew", error
            )

    def _forget_word(self) -> None:
        try:
            os.unlink(self._word)
        except FileNotFoundError:
            pass
        except OSError as error:
            log.error(
                MessageId.POWER_OFF,
                "%s: an old power-off request cannot be removed: %s",
                self._word,
                error.strerror,
            )

    # ------------------------------------------------------------------ heat, memory, card

    async def _watch_heat(self) -> None:
        chosen = self._settings.thermal

        def look() -> tuple[ThermalReading, int | None]:
            return thermal.read_thermal(chosen.zone, chosen.firmware), thermal.available_bytes()

        await self._watch(look, self._take_heat, LOOK_SECONDS)

    def _take_heat(self, seen: tuple[ThermalReading, int | None] | None) -> None:
        """seen: None: no answer."""
        if seen is None:
            self._say("temperature", "its sensor does not answer")
            return
        warmth, available_bytes = seen
        self._say("temperature", warmth.why)
        self._celsius = warmth.celsius
        now_us = self._clock.now_us()
        reading = heat.HeatReading(now_us, warmth.celsius, warmth.throttled)
        before, self.heat = (
            self.heat,
            heat.step(self.heat, reading, self._settings.thermal.hot_celsius),
        )
        if before.step != self.heat.step:
            log.warning(
                MessageId.HEAT, "%d pictures per second: %s", self.fps, self.heat.cause.value
            )
            self._actions.set_fps(self.fps, self.heat.cause.value, self.heat.lasting.value)
        self._core.conditions.set(Condition.HOT, holds=self.heat.hot)
        self._fault(UNDER_VOLTAGE, bool(warmth.under_voltage))
        short = MEMORY_LOW in self._faults
        self._fault(MEMORY_LOW, scarcity.memory_short(short, available_bytes))
        self._card = scarcity.card_step(self._card, now_us, self._actions.slow_syncs())
        self._fault(STORAGE_SLOW, self._card.slow)

    # ------------------------------------------------------------------ telling

    def _fault(self, name: str, holds: bool) -> None:
        if holds is (name in self._faults):
            return
        (self._faults.add if holds else self._faults.discard)(name)
        log.warning(MessageId.GAUGE, "%s: %s", name, "it began" if holds else "it is over")
        self._actions.note("fault", condition=name, holds=holds)

    def _say(self, what: str, why: str | None) -> None:
        if why is not None and self._said.get(what) != why:  # once, however often it is seen
            log.error(MessageId.GAUGE, "%s: %s", what, why)
        self._said[what] = why or ""

    async def _watch(
        self, look: Callable[[], _T], take: Callable[[_T | None], None], seconds: float
    ) -> None:
        """Look again and again; a look that does not come back is told as None meanwhile.

        What has changed is taken at once. What has not is taken when the next look is due, so that
        the loop need not wake for it; what others have found to be as before is so as well.
        """
        threads, known, time = self._core.loop, None, asyncio.get_running_loop().time
        while True:
            wait = to_next(seconds)
            due, patience_ends = time() + wait, time() + PATIENCE_SECONDS
            looking = threads.in_thread(look, known=known)
            try:
                while True:
                    await asyncio.wait({looking}, timeout=wait)
                    threads.catch_up()
                    if looking.done():
                        break
                    if time() >= patience_ends:
                        take(None)
                        patience_ends += PATIENCE_SECONDS
                    wait = patience_ends - time()
                known = await looking
                take(known)
            finally:
                looking.cancel()
            await asyncio.sleep(due - time())


def read_rates(path: str) -> tuple[float | None, float | None]:
    """An earlier run's measurements of the battery, recording and not: level per hour, None where
    it has not. Raises ValueError."""
    try:
        with open(path, encoding="ascii") as file:
            kept = json.load(file)
        recording, standby = kept["recording"], kept["standby"]
        for rate in (recording, standby):
            if rate is not None and not battery.LEAST_DRAIN <= rate <= battery.MOST_DRAIN:
                raise ValueError(f"{rate} per hour cannot be")
    except FileNotFoundError:
        return None, None
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise ValueError(f"{path}: {error}") from error
    return recording, standby
