"""``python -m tests.arm64 BASE WORK``: the command behind ``make arm64-test``; needs root.

BASE are the image's packages, as the image's builder makes them; in WORK are the root and the
wheels, and `arm64.log` tells all that was done. Four questions are asked:

1. Is there a wheel of everything, for each Python and each extra (`wheels`)?
2. Can a camera import each of its modules, with what the image has and no more?
3. Can an office's machine import each of its own, with wheels of the extra `office`?
4. Do the unit tests of TESTED pass?

The last three are answered by emulated programs: Debian's Python 3.13 for 64-bit ARM on this
machine's kernel. No sensor, no sound, no encoder of a board, and no page of 16 KiB is tried.

Exit code: 0, or 1 with what was found.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import time
from pathlib import Path, PurePosixPath
from typing import Final

from camerad_image import python
from camerad_image.build import PIP, TREE, commit_time
from camerad_image.errors import ImageError
from camerad_image.flavours import COMMON, FLAVOURS, PYTHON
from tests.arm64 import wheels
from tests.arm64.importing import LIBRARIES
from tests.arm64.pip_elsewhere import MACHINE
from tests.arm64.root import CHECKOUT, Root

TESTED: Final = ("behaviour", "container", "ledger", "recording", "verify")
"""Rooms whose unit tests are run."""
EMULATORS: Final = (
    "tests/unit/verify/test_judge.py::test_a_long_recording_is_checked_in_constant_memory",
)
"""Tests of these rooms that would judge the emulator: its memory counts as the program's, 40 MB
more than without it."""
OFFICE: Final = ("evidence", "office")
"""Rooms that only an office's machine has to be able to import."""
BOTH: Final = ("camerad", "cli")
"""What both have: the package's own modules, and its command."""
CAMERA_PYTHON: Final = python.PREFIX
OFFICE_PYTHON: Final = PurePosixPath("/opt/office")
TESTS_PYTHON: Final = PurePosixPath("/opt/tests")
_WORKERS: Final = 2
_HOURS: Final = ("--timeout=14400", "-o", "faulthandler_timeout=21600")
"""An emulated test takes thirty times as long, or more."""


def write(text: str) -> None:
    """For whoever waits."""
    sys.stdout.write(text)
    sys.stdout.flush()


def rooms() -> list[str]:
    """All rooms of camerad."""
    found = (TREE / "camerad").iterdir()
    return sorted(path.name for path in found if (path / "__init__.py").exists())


def check_base(base: Path) -> None:
    """Raises ImageError unless `base` has the image's packages, for 64-bit ARM."""
    try:
        status = (base / "var/lib/dpkg/status").read_text(encoding="utf-8")
    except OSError as error:
        raise ImageError(f"BASE={base} is no packages of an image: {error.strerror}") from None
    lacking = [name for name in COMMON if f"Package: {name}\n" not in status]
    if lacking or "Architecture: arm64\n" not in status:
        what = f"it lacks {', '.join(lacking)}" if lacking else "they are not for 64-bit ARM"
        raise ImageError(f"BASE={base} is no packages of an image: {what}; leave it out")


def all_passed(said: str) -> bool:
    """Whether pytest's last line tells of tests that passed and of nothing else: one that was
    skipped has tried nothing."""
    return (
        re.fullmatch(r"(=+ )?\d+ passed(, \d+ deselected)? in .*", said.strip().rpartition("\n")[2])
        is not None
    )


class Trial:
    """One run; `findings` are what is wrong."""

    def __init__(self, base: Path, work: Path) -> None:
        self._base = base
        self._work = work
        self._log = work / "arm64.log"
        self._root = Root(work / "root", log=self._log)
        self._begun = time.monotonic()
        self.findings: list[str] = []

    def _say(self, what: str) -> None:
        write(f"{time.monotonic() - self._begun:6.0f} s  {what}\n")

    def _find(self, what: str) -> None:
        self.findings.append(what)
        self._say(f"FOUND: {what}")

    def run(self, arguments: list[str]) -> None:
        """All of it. arguments: more of pytest's."""
        check_base(self._base)
        self._work.mkdir(parents=True, exist_ok=True)
        self._log.unlink(missing_ok=True)
        self.wheels()
        self._say("a root with the image's packages")
        self._fill()
        both = [room for room in rooms() if room not in OFFICE]
        self.imports("camera", CAMERA_PYTHON, [*both, "camerad"])
        self.imports("office", OFFICE_PYTHON, [*OFFICE, *BOTH])
        self.tests(arguments)

    def wheels(self) -> None:
        """The first question."""
        for there in wheels.PYTHONS:
            for extra, names in wheels.wanted(wheels.project()).items():
                self._ask(there, extra, names)

    def _ask(self, there: wheels.Python, extra: str, names: tuple[str, ...]) -> None:
        which = f"Python {there.minor} on {there.system}, {extra}"
        try:
            chosen = wheels.resolve(there, names, log=self._log)
        except ImageError as error:
            said = re.findall(r"^\s*ERROR: (.*)$", str(error), re.MULTILINE)
            self._find(f"{which}: {'; '.join(said) or error}")
            return
        compiled = sum(one.compiled for one in chosen)
        self._say(f"{which}: {len(chosen)} wheels, {compiled} of them for 64-bit ARM")

    def _fill(self) -> None:
        """Make the root, with an environment each for a camera, an office, and the tests."""
        log, root = self._log, self._root
        (there,) = (one for one in wheels.PYTHONS if one.minor == PYTHON)
        wanted = wheels.wanted(wheels.project())
        root.make(self._base)
        own = python.build_wheel(list(PIP), TREE, self._work / "own", commit_time(TREE), log=log)
        # As the flavour has them that Debian's archive is enough for.
        locked = FLAVOURS["debian"].wheels(
            python.download(list(PIP), self._work / "locked", log=log)
        )
        everything = tuple(dict.fromkeys(name for names in wanted.values() for name in names))
        # What comes as source only is in the lock; the tests have it as a camera does.
        sources = [one for one in locked if one.suffix != ".whl"]
        python.install_all([*locked, own], root.path)
        for place, names, more in (
            (OFFICE_PYTHON, wanted["office"], []),
            (TESTS_PYTHON, everything, sources),
        ):
            chosen = wheels.resolve(there, names, log=log)
            files = wheels.fetch(there, chosen, self._work / "wheels", log=log)
            python.install_all([*files, *more, own], root.path, place)

    def imports(self, who: str, place: PurePosixPath, names: list[str]) -> None:
        """The second and the third question."""
        begun = time.monotonic()
        words = [str(CHECKOUT / "tests/arm64/importing.py"), *names, LIBRARIES]
        # As it is installed: the checkout, where it is started, is not on the path of a script.
        said = self._root.run(place, words, lambda _: None)
        result = json.loads(said.splitlines()[-1])
        if result["machine"] != MACHINE:
            raise ImageError(f"{place} is run by {result['machine']} instead of {MACHINE}")
        for name, why in result["failed"].items():
            self._find(f"{who}: {name}: {why}")
        seconds = time.monotonic() - begun
        self._say(
            f"{who}: {result['modules']} modules and {result['libraries']} libraries, "
            f"{len(result['failed'])} of which cannot be imported, in {seconds:.0f} s"
        )

    def tests(self, arguments: list[str]) -> None:
        """The fourth question."""
        folders = [f"tests/unit/{room}" for room in TESTED]
        words = ["-m", "pytest", "-p", "no:cacheprovider", "-n", str(_WORKERS), *_HOURS]
        words += [f"--deselect={one}" for one in EMULATORS]
        words += ["--durations=8", *folders, *arguments]
        try:
            said = self._root.run(TESTS_PYTHON, words, write, CHECKOUT / "hw-mocks")
        except ImageError as error:
            self._find(f"tests: {error}")
        else:
            if not all_passed(said):
                self._find("tests: some were skipped, so they tried nothing")


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.arm64", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("base", type=Path, help="the image's packages")
    parser.add_argument("work", type=Path, help="folder for what is made here")
    options, arguments = parser.parse_known_args()
    if os.geteuid() != 0:
        sys.stderr.write("arm64-test: another root takes root: use sudo\n")
        return 1
    trial = Trial(options.base, options.work.resolve())
    try:
        trial.run(arguments)
    except ImageError as error:
        trial.findings.append(str(error))
    for one in trial.findings:
        sys.stderr.write(f"arm64-test: {one}\n")
    return 1 if trial.findings else 0


if __name__ == "__main__":
    sys.exit(main())
