"""Runs the whole examination: every check in order, each result as soon as it is there."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator, Callable, Collection
from pathlib import Path
from types import ModuleType
from typing import Any, Final, cast

from camerad.base import process
from camerad.base.clock import ClockSource, Moment, SystemClock, read_both
from camerad.config import Settings
from camerad.control import client
from camerad.doctor import (
    board,
    daemon,
    office_contact,
    store_checks,
    system_checks,
)
from camerad.doctor.check_results import CheckResult, FindingId
from camerad.doctor.checks import (
    AFTERWARDS_SECONDS,
    BEFORE,
    BUTTON,
    BUTTONS,
    CHECKS,
    DEADLINE_SECONDS,
    DEADLINES,
    DEVICE_SECONDS,
    OUTPUTS,
    STILL,
)
from camerad.doctor.isolated_check import IsolatedChecks, NoAnswerError
from camerad.doctor.prompts import Person
from camerad.hardware import from_settings
from camerad.hardware.buttons import button_lines

STUCK_SECONDS: Final = 1.0
_END_SECONDS: Final = 10.0
"""What devices may take to be let go of."""


def no_answer(check: str, error: NoAnswerError) -> CheckResult:
    """A check that has not come to its end."""
    return FindingId.NO_ANSWER.found(check, seconds=error.seconds)


class Examination:
    """One examination. config: the file. socket: of the daemon; None: as the configuration says.
    only: checks to be made, besides those of `BEFORE`; None: all. person: the one who is asked.
    begins(check, number, count): told before each.

    After `run`: settings, None if they are not in order; moment: the machine's time, and what it is
    worth; running: whether a daemon was asked.
    """

    def __init__(
        self,
        config: Path,
        socket: str | None = None,
        only: Collection[str] | None = None,
        person: Person | None = None,
        begins: Callable[[str, int, int], None] = lambda *_: None,
    ) -> None:
        self.config = config
        self.socket = socket
        self.only = only
        self.person = person
        self.begins = begins
        self.settings: Settings | None = None
        self.moment: Moment | None = None
        self.running = False
        self._plan: list[str] = []

    async def run(self) -> AsyncIterator[CheckResult]:
        """Every result, in the order of the checks."""
        process.forbid_dumps()
        process.overwrite_freed_memory()
        isolated = IsolatedChecks()
        try:
            async for result in self._run(isolated):
                yield result
        finally:
            isolated.close()

    async def _run(self, isolated: IsolatedChecks) -> AsyncIterator[CheckResult]:
        self._plan = plan = [check for check in CHECKS if self._chosen(check)]
        self._begin("configuration")
        try:
            self.settings, result = await isolated.run(
                system_checks, "check_configuration", self.config, seconds=DEADLINE_SECONDS
            )
        except NoAnswerError as error:
            result = no_answer("configuration", error)
        yield result
        if self.settings is None:
            for check in plan[1:]:
                if check == "uptime":
                    yield system_checks.judge_uptime(SystemClock().now_us())
                else:
                    yield FindingId.CONFIGURATION_NEEDED.found(check)
            return
        settings = self.settings
        names = [BUTTON + button.name for button in settings.buttons]
        if settings.office is None and self.only is None:
            plan = [check for check in plan if check != "office"]
        plan = [one for check in plan for one in (names if check == BUTTONS else [check])]
        self._plan = plan
        directory = os.path.join(settings.device.state_dir, "recordings")
        socket = self.socket or os.path.join(settings.device.runtime_dir, client.SOCKET_NAME)
        self._begin("daemon")
        store = _Store(isolated)
        owner = await _owner(store, directory, socket)
        devices = [one for one in plan if one not in (*BEFORE, *STILL)]
        trials = _Trials(settings, self.person, devices if owner.free else [])
        try:
            self.running = owner.health is not None
            yield owner.result
            still = _Still(settings, directory, owner, store, socket)
            for check in [one for one in plan if one in STILL]:
                self._begin(check)
                try:
                    yield await still.examine(check)
                except NoAnswerError as error:
                    yield no_answer(check, error)
            with contextlib.suppress(NoAnswerError):
                self.moment = await still.moment()
            if owner.health is not None:
                async for result in self._told(settings, owner, socket, devices, isolated):
                    yield result
                return
            for check in devices:
                self._begin(check)
                taken = FindingId.DEVICES_TAKEN.found(check)
                yield await trials.examine(check) if owner.free else taken
        finally:
            await trials.close()
            owner.close()

    def _chosen(self, check: str) -> bool:
        return self.only is None or check in self.only or check in BEFORE

    def _begin(self, check: str) -> None:
        self.begins(check, self._plan.index(check) + 1, len(self._plan))

    async def _told(
        self,
        settings: Settings,
        owner: daemon.PartsOwner,
        socket: str,
        devices: list[str],
        isolated: IsolatedChecks,
    ) -> AsyncIterator[CheckResult]:
        """What the daemon says of them."""
        before = owner.health or {}
        gpios = {output.name: output.gpio for output in from_settings.outputs(settings)}
        gpios |= {BUTTON + line.button: line.gpio for line in button_lines(settings)}
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
            again = None
            with contextlib.suppress(NoAnswerError):
                again = await isolated.run(
                    daemon, "ask_daemon", socket, seconds=DEADLINES["daemon"]
                )
            for check in names:
                if again is None or again.health is None:  # it ended, or hangs, in that second
                    yield FindingId.DEVICES_TAKEN.found(check)
                    continue
                button = check.removeprefix(BUTTON)
                yield daemon.judge_button(before, again.health, button, gpios[check])


class _Store:
    """Looks at the store: one that has not answered in time is given less of it from then on."""

    def __init__(self, isolated: IsolatedChecks) -> None:
        self.isolated = isolated
        self._late = False

    async def look(self, check: str, module: ModuleType, name: str, *values: Any) -> Any:
        """As `IsolatedChecks.look`, with the time that `check` has."""
        seconds = DEADLINES.get(check, DEADLINE_SECONDS)
        if self._late:
            seconds = min(seconds, AFTERWARDS_SECONDS)
        try:
            return await self.isolated.run(module, name, *values, seconds=seconds)
        except NoAnswerError:
            self._late = True
            raise


async def _owner(store: _Store, directory: str, socket: str) -> daemon.PartsOwner:
    """Find the owner of the camera. Where the store itself does not answer, its daemon may."""
    try:
        return cast(
            "daemon.PartsOwner", await store.look("daemon", daemon, "find_owner", directory, socket)
        )
    except NoAnswerError as error:
        seconds = AFTERWARDS_SECONDS
        with contextlib.suppress(NoAnswerError):
            found = await store.isolated.run(daemon, "ask_daemon", socket, seconds=seconds)
            if found is not None:
                return cast("daemon.PartsOwner", found)
        return daemon.PartsOwner(no_answer("daemon", error))


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

    async def examine(self, check: str) -> CheckResult:
        """The result of one check."""
        begun = self._begun.get(check)
        if begun is None:
            begun = self._begun[check] = asyncio.create_task(self._examine(check))
        # A person who is asked has time.
        seconds = DEVICE_SECONDS if self._person is None else None
        await asyncio.wait({begun}, timeout=seconds)
        if not begun.done():
            return no_answer(check, NoAnswerError(DEVICE_SECONDS))
        return begun.result()

    async def _examine(self, check: str) -> CheckResult:
        # They need the camera's libraries, which take their time to be imported.
        from camerad.doctor import camera, device_checks  # noqa: PLC0415

        settings, person = self._settings, self._person
        if check == "camera":
            wanted = settings.camera
            seen = await camera.observe(settings)
            return camera.judge(seen, wanted.width, wanted.height, wanted.fps)
        if check == "microphone":
            return await device_checks.check_microphone(settings, person)
        if check == "loudspeaker":
            return await device_checks.check_loudspeaker(settings, person)
        if check == "display":
            return await camera.check_display(settings, person)
        if check in OUTPUTS:
            return await device_checks.check_output(settings, check, person)
        return await device_checks.check_button(settings, check, person)

    async def close(self) -> None:
        """Let go of every device."""
        for task in self._begun.values():
            task.cancel()
        if self._begun:
            await asyncio.wait(self._begun.values(), timeout=_END_SECONDS)


class _Still:
    """What needs none of the camera's parts. The ledger is read once."""

    def __init__(
        self,
        settings: Settings,
        directory: str,
        owner: daemon.PartsOwner,
        store: _Store,
        socket: str,
    ) -> None:
        self._store = store
        self._settings = settings
        self._directory = directory
        self._owner = owner
        self._socket = None if owner.health is None else socket
        self._state_dir = str(settings.device.state_dir)
        self._ledger: store_checks.LedgerObservation | NoAnswerError | None = None
        self._moment: Moment | None = None

    async def examine(self, check: str) -> CheckResult:
        """The result of one check."""
        settings, owner = self._settings, self._owner
        if check == "recipients":
            return system_checks.check_recipients(settings)
        if check == "key":
            return await self._key()
        if check == "ledger":
            return store_checks.judge_ledger(await self._read(), self._state_dir)
        if check == "clock":
            moment = await self.moment()
            return system_checks.judge_clock(moment.source, moment.wall_us)
        if check == "uptime":
            return system_checks.judge_uptime(SystemClock().now_us())
        if check == "board":
            return board.check_board()
        if check == "office":
            return await self._office()
        if check == "card" and owner.status.get("recording") is not None:
            return FindingId.CARD_BUSY.found()
        if check in ("battery", "temperature"):
            found = await self._look(check, system_checks, "check_power", settings, check)
        elif check == "space":
            found = await self._store.look(
                check, store_checks, "check_space", settings, self._directory
            )
        elif check == "card":
            found = await self._store.look(
                check, store_checks, "check_card", settings, self._directory
            )
        else:
            found = await self._look(check, system_checks, "check_service")
        return cast("CheckResult", found)

    async def _read(self) -> store_checks.LedgerObservation:
        if self._ledger is None:
            try:
                self._ledger = await self._store.look(
                    "ledger", store_checks, "observe_ledger", self._state_dir
                )
            except NoAnswerError as error:
                self._ledger = error
        if isinstance(self._ledger, NoAnswerError):
            raise self._ledger
        return cast("store_checks.LedgerObservation", self._ledger)

    async def _look(self, check: str, module: ModuleType, name: str, *values: Any) -> Any:
        """At something that is not the store."""
        seconds = DEADLINES.get(check, DEADLINE_SECONDS)
        return await self._store.isolated.run(module, name, *values, seconds=seconds)

    async def moment(self) -> Moment:
        """The machine's time and what it is worth, by the daemon's word if one runs."""
        if self._moment is None and "clock" in self._owner.status:
            source = ClockSource(self._owner.status["clock"])
            self._moment = Moment(*read_both(SystemClock()), source)
        if self._moment is None:
            ledger = (await self._read()).state
            here = (system_checks, "read_clock", self._settings, ledger)
            self._moment = await self._look("clock", *here)
        return cast("Moment", self._moment)

    async def _office(self) -> CheckResult:
        if self._settings.office is None:
            return FindingId.OFFICE_NONE.found()
        moment, status = await self.moment(), dict(self._owner.status)
        here = (office_contact, "check_office", self._settings, status, self._socket)
        try:
            found = await self._look("office", *here, moment.trusted)
        except NoAnswerError:  # which says nothing of whether the camera is ready
            found = office_contact.no_answer(self._settings)
        return cast("CheckResult", found)

    async def _key(self) -> CheckResult:
        known = (await self._read()).known
        if self._owner.key is not None:
            return store_checks.compare_key(self._owner.key, known)
        here = (sys.modules[__name__], "check_key", self._state_dir, known)
        return cast("CheckResult", await self._store.look("key", *here))


def check_key(state_dir: str, known: str | None) -> CheckResult:
    """Whether the device has the key that the ledger knows."""
    credential = system_checks.brings_key(system_checks.unit_files())
    return store_checks.check_key(state_dir, known, credential=credential)
