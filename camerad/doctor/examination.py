"""The whole examination: every check in its order, and each finding as soon as it is there."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from camerad import client, process, wiring
from camerad.clock import ClockSource, Moment, SystemClock, both
from camerad.config import Settings
from camerad.doctor import card, configuration, daemon, identity, machine, power
from camerad.doctor.asking import Person
from camerad.doctor.checks import BEFORE, BUTTON, BUTTONS, CHECKS, OUTPUTS, STILL
from camerad.doctor.findings import Finding, What

STUCK_SECONDS: Final = 1.0


@dataclass(slots=True)
class Examination:
    """One examination. config: the file. socket: of the daemon; None: as the configuration says.
    only: checks to be made, besides those of `BEFORE`; None: all. person: whoever is asked.
    begins(check, number, count): told before each.

    After `run`: settings, None if they are not in order; moment: the machine's time, and what it is
    worth; running: whether a daemon was asked.
    """

    config: Path
    socket: str | None = None
    only: Collection[str] | None = None
    person: Person | None = None
    begins: Callable[[str, int, int], None] = lambda *_: None
    settings: Settings | None = field(default=None, init=False)
    moment: Moment | None = field(default=None, init=False)
    running: bool = field(default=False, init=False)
    _plan: list[str] = field(default_factory=list, init=False)

    async def run(self) -> AsyncIterator[Finding]:
        """Every finding, in the order of the checks."""
        process.forbid_dumps()
        process.overwrite_freed_memory()
        self._plan = plan = [check for check in CHECKS if self._chosen(check)]
        self._begin("configuration")
        self.settings, finding = configuration.read(self.config)
        yield finding
        if self.settings is None:
            for check in plan[1:]:
                if check == "uptime":
                    yield machine.judge_uptime(SystemClock().now_us())
                else:
                    yield Finding(check, What.CONFIGURATION_NEEDED)
            return
        settings = self.settings
        names = [BUTTON + button.name for button in settings.buttons]
        plan = [one for check in plan for one in (names if check == BUTTONS else [check])]
        self._plan = plan
        directory = os.path.join(settings.device.state_dir, "recordings")
        socket = self.socket or os.path.join(settings.device.runtime_dir, client.SOCKET_NAME)
        self._begin("daemon")
        owner = await asyncio.to_thread(daemon.find, directory, socket)
        devices = [one for one in plan if one not in (*BEFORE, *STILL)]
        trials = _Trials(settings, self.person, devices if owner.free else [])
        try:
            self.running = owner.health is not None
            yield owner.finding
            still = _Still(settings, directory, owner)
            for check in [one for one in plan if one in STILL]:
                self._begin(check)
                yield await still.examine(check)
            self.moment = await still.moment()
            if owner.health is not None:
                async for finding in self._told(settings, owner, socket, devices):
                    yield finding
                return
            for check in devices:
                self._begin(check)
                taken = Finding(check, What.DEVICES_TAKEN)
                yield await trials.examine(check) if owner.free else taken
        finally:
            await trials.close()
            owner.close()

    def _chosen(self, check: str) -> bool:
        return self.only is None or check in self.only or check in BEFORE

    def _begin(self, check: str) -> None:
        self.begins(check, self._plan.index(check) + 1, len(self._plan))

    async def _told(
        self, settings: Settings, owner: daemon.Owner, socket: str, devices: list[str]
    ) -> AsyncIterator[Finding]:
        """What the daemon says of them."""
        before = owner.health or {}
        gpios = {output.name: output.gpio for output in wiring.outputs(settings)}
        gpios |= {BUTTON + line.button: line.gpio for line in wiring.lines(settings)}
        for check in devices:
            self._begin(check)
            if check == "camera":
                yield daemon.judge_camera(owner, settings)
            elif check == "microphone":
                yield daemon.judge_microphone(before)
            elif check == "loudspeaker":
                yield daemon.judge_loudspeaker(settings)
            elif check == "display":
                yield daemon.judge_display(before, settings)
            elif check in OUTPUTS:
                yield daemon.judge_output(before, check, gpios[OUTPUTS[check]])
        names = [check for check in devices if check.startswith(BUTTON)]
        if names:
            await asyncio.sleep(STUCK_SECONDS)
            again = await asyncio.to_thread(daemon.ask, socket)
            for check in names:
                if again is None or again.health is None:  # it ended, or hangs, in that second
                    yield Finding(check, What.DEVICES_TAKEN)
                    continue
                button = check.removeprefix(BUTTON)
                yield daemon.judge_button(before, again.health, button, gpios[check])


class _Trials:
    """The devices themselves. devices: their checks.

    The camera is opened at once, since that takes longest, and watched while the card is written:
    so it is in service, too. Microphone and display go on beside it, unless a person is asked: they
    are to see and hear one thing at a time.
    """

    def __init__(self, settings: Settings, person: Person | None, devices: list[str]) -> None:
        self._settings = settings
        self._person = person
        early = ("camera",) if person is not None else ("camera", "microphone", "display")
        loop = asyncio.get_running_loop()
        self._begun = {
            check: loop.create_task(self._examine(check)) for check in devices if check in early
        }

    async def examine(self, check: str) -> Finding:
        """The finding of one check."""
        begun = self._begun.get(check)
        return await (self._examine(check) if begun is None else begun)

    async def _examine(self, check: str) -> Finding:
        # They need the camera's libraries, which take their time to be imported.
        from camerad.doctor import (  # noqa: PLC0415
            camera,
            display,
            loudspeaker,
            microphone,
            touch,
        )

        settings, person = self._settings, self._person
        if check == "camera":
            wanted = settings.camera
            seen = await camera.watch(settings)
            return camera.judge(seen, wanted.width, wanted.height, wanted.fps)
        if check == "microphone":
            return await microphone.examine(settings, person)
        if check == "loudspeaker":
            return await loudspeaker.examine(settings, person)
        if check == "display":
            return await display.show(settings, person)
        if check in OUTPUTS:
            return await touch.output(settings, check, person)
        return await touch.button(settings, check, person)

    async def close(self) -> None:
        """Let go of every device."""
        for task in self._begun.values():
            task.cancel()
        await asyncio.gather(*self._begun.values(), return_exceptions=True)


class _Still:
    """What needs none of the camera's parts. The ledger is read once."""

    def __init__(self, settings: Settings, directory: str, owner: daemon.Owner) -> None:
        self._settings = settings
        self._directory = directory
        self._owner = owner
        self._state_dir = str(settings.device.state_dir)
        self._ledger: identity.LedgerSigns | None = None
        self._moment: Moment | None = None

    async def examine(self, check: str) -> Finding:
        """The finding of one check."""
        settings, owner = self._settings, self._owner
        if check == "recipients":
            return configuration.recipients(settings)
        if check == "key":
            return await self._key()
        if check == "ledger":
            return identity.judge_ledger(await self._read(), self._state_dir)
        if check == "clock":
            moment = await self.moment()
            return machine.judge_clock(moment.source, moment.wall_us)
        if check in ("battery", "temperature"):
            return await asyncio.to_thread(power.examine, settings, check)
        if check == "space":
            return await asyncio.to_thread(card.space, settings, self._directory)
        if check == "card":
            if owner.status.get("recording") is not None:
                return Finding("card", What.CARD_BUSY)
            return await asyncio.to_thread(card.try_out, settings, self._directory)
        if check == "hardening":
            analysis = await asyncio.to_thread(machine.analyse, machine.unit_files())
            return machine.judge_hardening(analysis, machine.missing_companions())
        return machine.judge_uptime(SystemClock().now_us())

    async def _read(self) -> identity.LedgerSigns:
        if self._ledger is None:
            self._ledger = await asyncio.to_thread(identity.read, self._state_dir)
        return self._ledger

    async def moment(self) -> Moment:
        """The machine's time and what it is worth, by the daemon's word if one runs."""
        if self._moment is None and "clock" in self._owner.status:
            source = ClockSource(self._owner.status["clock"])
            self._moment = Moment(*both(SystemClock()), source)
        if self._moment is None:
            ledger = (await self._read()).state
            self._moment = await asyncio.to_thread(machine.look_at_clock, self._settings, ledger)
        return self._moment

    async def _key(self) -> Finding:
        known = (await self._read()).known
        if self._owner.key is not None:
            return identity.agrees(self._owner.key, known)
        credential = machine.brings_key(machine.unit_files())
        return identity.judge(identity.look(self._state_dir, known, credential=credential))
