"""Runs RAUC as a child process, which checks bundles and writes slots.

Its service and its client speak D-Bus, on a bus that lives as long as one installation
(dbus-run-session(1)): no camera has a bus, or a service with these rights, at any other time.

A bundle lies where others may write, who can put a pipe into its place at any moment; to open that
takes for ever. So it is opened here, and RAUC is given the open file.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

from camerad.base.errors import StorageError
from camerad.base.message_ids import Log, MessageId
from camerad.base.safe_read import open_plain
from camerad.behaviour.update import Offer
from camerad.update.errors import BundleRefusedError, UpdateError

log = Log(__name__)

PROGRAM: Final = "/usr/bin/rauc"
UP_SECONDS: Final = 15.0
"""From the start of the service until it answers; 0.1 s on a PC."""
LOOK_SECONDS: Final = 1.0
"""How often camerad asks whether the camera may still be changed."""
END_SECONDS: Final = 10.0
"""Until RAUC, told to end, is killed."""
LONGEST_SECONDS: Final = 1800.0
"""An installation writes some 400 MB; a slow card takes 10 MB/s."""


class Rauc:
    """conf: its system.conf. program: itself."""

    def __init__(self, conf: str, program: str = PROGRAM) -> None:
        self._command = [program, f"--conf={conf}"]
        self._program = program

    def info(self, bundle: str) -> Offer:
        """A bundle's manifest, once its signature is by a key that this camera trusts. Raises
        BundleRefusedError, UpdateError."""
        with _opened(bundle) as file:
            words = [*self._command, "info", "--output-format=json", _name(file)]
            done = self._run(words, file=file)
        if done.returncode < 0:  # by a signal, for want of memory mostly: that is no judgement
            raise UpdateError(f"{self._program} was ended by signal {-done.returncode}: try again")
        if done.returncode != 0:
            raise BundleRefusedError(
                f"{bundle}: not a bundle that this camera trusts: {_last(done)}"
            )
        try:
            said: dict[str, Any] = json.loads(done.stdout)
            return Offer(str(said["compatible"]), str(said["version"]))
        except (ValueError, KeyError) as error:
            raise BundleRefusedError(
                f"{bundle}: RAUC says something else of it: {error}"
            ) from error

    def install(self, bundle: str, hindrance: Callable[[], str | None]) -> None:
        """Write the bundle into the slot that does not run; takes minutes. hindrance: asked again
        and again. As soon as it names one, nothing more is written. Raises UpdateError."""
        environment = {**os.environ, "DBUS_STARTER_BUS_TYPE": "session"}
        words = [*self._command, "service"]
        with (
            _opened(bundle) as file,
            # S603: RAUC, and a file that is open.
            subprocess.Popen(words, env=environment, pass_fds=(file,)) as service,  # noqa: S603
        ):
            try:
                self._wait_for(service, environment)
                with subprocess.Popen(  # noqa: S603
                    [self._program, "install", _name(file)],
                    env=environment,
                    pass_fds=(file,),
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                ) as client:
                    try:
                        self._watch(client, hindrance)
                    finally:
                        _end(client)
            finally:
                _end(service)

    def _run(
        self, words: list[str], environment: dict[str, str] | None = None, file: int | None = None
    ) -> subprocess.CompletedProcess[str]:
        try:
            return subprocess.run(  # noqa: S603
                words,
                env=environment,
                pass_fds=() if file is None else (file,),
                capture_output=True,
                text=True,
                errors="replace",
                timeout=120,
                check=False,
            )
        except OSError as error:
            raise UpdateError(f"{self._program}: cannot be run: {error.strerror}") from error
        except subprocess.TimeoutExpired as error:
            raise UpdateError(f"{self._program} does not answer: try again") from error

    def _wait_for(self, service: subprocess.Popen[bytes], environment: dict[str, str]) -> None:
        deadline = time.monotonic() + UP_SECONDS
        while self._run([self._program, "status"], environment).returncode != 0:
            if service.poll() is not None or time.monotonic() > deadline:
                raise UpdateError("RAUC's service does not start: see the journal")
            time.sleep(0.1)

    def _watch(self, client: subprocess.Popen[bytes], hindrance: Callable[[], str | None]) -> None:
        said, deadline = b"", time.monotonic() + LONGEST_SECONDS
        while True:
            try:
                said, _ = client.communicate(timeout=LOOK_SECONDS)
                break
            except subprocess.TimeoutExpired:
                why = hindrance()
                if why is not None:
                    raise UpdateError(
                        f"the installation was given up, because {why}: put the camera into its "
                        "dock and try again"
                    ) from None
                if time.monotonic() > deadline:
                    raise UpdateError("the installation takes too long: replace the card") from None
        lines = said.decode(errors="replace").strip().splitlines()
        for line in lines:
            log.debug(MessageId.DETAIL, "rauc: %s", line)
        if client.returncode != 0:
            errors = [line for line in lines if line.startswith("LastError: ")]
            why = (errors or lines or [""])[-1].removeprefix("LastError: ")
            raise UpdateError(f"RAUC has not installed it: {why}")


@contextlib.contextmanager
def _opened(bundle: str) -> Iterator[int]:
    """A descriptor of the bundle; RAUC's processes get it under the same number. A link is
    followed, since a person may have named one. Raises BundleRefusedError."""
    try:
        file = open_plain(bundle, "bundle", linked=True)
    except StorageError as error:
        raise BundleRefusedError(str(error)) from error
    with file:
        yield file.fileno()


def _name(file: int) -> str:
    """Path of this descriptor for the process that has it."""
    return f"/proc/self/fd/{file}"


def _last(done: subprocess.CompletedProcess[str]) -> str:
    """The last line that says something."""
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    return lines[-1] if lines else f"exit code {done.returncode}"


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process that may have ended."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
