"""Bundles from the dock: files that `camerad-upload` leaves are judged as a stick's are.

In a directory of that process's own (`DIRECTORY`):

================  ============================================================================
``SHA256.part``   a bundle that is being fetched
``SHA256.raucb``  one that is complete, and whose bytes have that SHA-256
``ready``         the SHA-256 of the one that is handed in. Each time that it is published, systemd
                  starts `camerad update offered` (camerad-update-dock.path)
================  ============================================================================

What became of a bundle is in `JUDGED` beside `camerad.update.update_file`, which only root writes.
The daemon reads there what to tell the office, and `camerad-upload` what not to fetch again. The
SHA-256 is a name here and no more: an attacker in `camerad-upload` can give another file that name,
and RAUC's signature alone decides what is installed. Nor does it bound anything by itself: under
ever new names one bundle would wear out the card. So `WRITES` counts, of all names together, how
often a system was written while this version runs.

Order of writes: an attempt is counted before RAUC writes anything, so that one by which the machine
loses its power counts, too; a decision is written before the bundle is removed. After a loss of
power at any instant the bundle is judged once more, or is removed by `camerad-upload`; it is never
installed twice, since a version that waits for its trial, or runs, counts as installed.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

import msgspec
from msgspec.structs import replace

from camerad.base import durable_files, file_status
from camerad.base.message_ids import Log, MessageId
from camerad.base.safe_read import read_plain
from camerad.base.state_file import StateFileError, read_json, write_json
from camerad.base.text import LONGEST, printable
from camerad.behaviour.update import (
    BundleStanding,
    JudgedBundle,
    RunningVersion,
    UpdatePhase,
    standing,
)
from camerad.update.errors import BundleRefusedError, UpdateError, UpdateNotNowError
from camerad.update.rauc import Rauc
from camerad.update.update_file import FOLDER, UpdateFile
from camerad.update.updater import Updater

log = Log(__name__)

DIRECTORY: Final = "/data/upload"
"""On a camera that was made from the image (config/image)."""
READY: Final = "ready"
ENDING: Final = ".raucb"
JUDGED: Final = "offered.json"
"""Beside `update.json`."""
WRITES: Final = "offered-writes.json"
MOST: Final = 8
"""Bundles that are remembered; those that RAUC trusted stay longer than others."""
MOST_FAILURES: Final = 3
"""Times that RAUC may fail to write a bundle. Each writes a slot of some 400 MB to the card."""
MOST_WRITES: Final = 12
"""The same of all bundles, while one version runs: 5 GB. An update needs one; four bundles may fail
as often as they can. Then an update comes by a stick."""
UNTRUSTED: Final = "untrusted"
UNSUITABLE: Final = "unsuitable"
NOT_WRITTEN: Final = "not_written"
FELL_BACK: Final = "fell_back"
"""Words of `JudgedBundle.why`; the last is of a trial."""
SHA256: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
_LARGEST: Final = 64 * 1024
_PUBLIC: Final = 0o644


class SystemWrites(msgspec.Struct, frozen=True):
    """How often a system was written, or begun to be, for bundles from the dock. by: the version
    that ran."""

    by: str
    count: int


def read_judged(provision_dir: Path) -> tuple[JudgedBundle, ...]:
    """The bundles that were judged. provision_dir: `device.provision_dir`. What cannot be read is
    logged, and counts as none. Raises StorageError."""
    path = os.path.join(provision_dir, FOLDER, JUDGED)
    try:
        kind = tuple[JudgedBundle, ...]
        return read_json(path, kind, "offered updates", _LARGEST, "it counts as none") or ()
    except StateFileError as error:
        log.error(MessageId.UPDATE_FAILED, "%s", error)
        return ()


def bundle_standing(provision_dir: Path, sha256: str, running: str) -> BundleStanding:
    """How a bundle of this SHA-256 stands. running: the version that runs. Raises StorageError."""
    judged = _find(read_judged(provision_dir), sha256)
    if judged is None:
        return BundleStanding.OPEN
    return standing(judged, UpdateFile(str(provision_dir / FOLDER)).state, running)


def offered_standings(
    provision_dir: Path, running: str
) -> list[tuple[JudgedBundle, BundleStanding]]:
    """How each bundle stands that was judged. Raises StorageError."""
    state = UpdateFile(str(provision_dir / FOLDER)).state
    return [(one, standing(one, state, running)) for one in read_judged(provision_dir)]


class OfferedBundles:
    """Judges and installs what was handed in. directory: as `DIRECTORY`. kept: the file beside
    which it is noted what became of it; updater: works on that as well."""

    def __init__(self, directory: str, kept: UpdateFile, updater: Updater) -> None:
        self._directory = directory
        self._kept = kept
        self._updater = updater
        self._path = os.path.join(kept.directory, JUDGED)
        self._writes_path = os.path.join(kept.directory, WRITES)

    def install(self, running: RunningVersion, rauc: Rauc) -> None:
        """Install the bundle that was handed in, and put it up for its trial; then remove it.

        Raises BundleRefusedError once it is refused for good, and removed; UpdateNotNowError if
        there is none, or now is not the time; and UpdateError if RAUC could not write it: then it
        stays, and is tried again the next time that it is handed in.
        """
        sha256 = self._handed_in()
        bundle = os.path.join(self._directory, sha256 + ENDING)
        if not file_status.is_file(bundle):
            raise UpdateNotNowError(
                f"{bundle}: there is no such file: it is fetched again in the dock"
            )
        known = _find(self._judged(), sha256)
        state = self._kept.state
        if known and standing(known, state, running.version) is not BundleStanding.OPEN:
            self._remove(bundle)
            raise UpdateNotNowError(f"{bundle}: this was decided before")
        if running.slot != running.primary or state.phase is UpdatePhase.TRYING:
            raise UpdateNotNowError("another update is under way: this one is judged after it")
        failures = known.failures if known and known.by == running.version else 0
        judged = JudgedBundle(sha256, running.version, failures=failures)
        try:
            version = rauc.info(bundle).version
        except BundleRefusedError as error:
            self._refuse(bundle, judged, UNTRUSTED, str(error))
            raise
        judged = replace(judged, version=version)
        if not self._is_done(version, running):
            self._install(bundle, judged, running, rauc)
        self._note(replace(judged, installed=True))
        self._remove(bundle)

    def _install(
        self, bundle: str, judged: JudgedBundle, running: RunningVersion, rauc: Rauc
    ) -> None:
        if judged.failures >= MOST_FAILURES:
            text = (
                f"{bundle}: writing it was begun {judged.failures} times, and never came to its end"
            )
            self._refuse(bundle, judged, NOT_WRITTEN, text)
            raise BundleRefusedError(text)
        writes = self._writes(running.version)
        if writes >= MOST_WRITES:
            text = (
                f"{bundle}: while this version runs, bundles from the dock were written {writes} "
                "times, which wears the card: look at the camera, and bring the update by a stick"
            )
            self._refuse(bundle, judged, NOT_WRITTEN, text)
            raise BundleRefusedError(text)
        self._count(running.version, writes + 1)
        counted = replace(judged, failures=judged.failures + 1)
        self._note(counted)
        try:
            self._updater.install(bundle, running, rauc, again=False)
        except UpdateNotNowError:
            self._count(running.version, writes)
            self._note(judged)
            raise
        except BundleRefusedError as error:
            self._count(running.version, writes)  # it is judged before anything is written
            if self._kept.state.phase is UpdatePhase.TRYING:
                self._note(judged)  # by hand, just now
                raise UpdateNotNowError(str(error)) from error
            self._refuse(bundle, judged, UNSUITABLE, str(error))
            raise
        except UpdateError as error:
            if self._is_done(judged.version, running):
                return  # it was written whole before something went wrong
            if self._updater.hindrance() is not None:
                self._count(running.version, writes)
                self._note(judged)  # the camera was taken out of its dock: no failure
            elif counted.failures >= MOST_FAILURES:
                text = (
                    f"{counted.failures} times it could not be written, the last time so: {error}"
                )
                self._refuse(bundle, counted, NOT_WRITTEN, text)
            raise

    def _refuse(self, bundle: str, judged: JudgedBundle, why: str, text: str) -> None:
        said = printable(text.removeprefix(f"{bundle}: "))[:LONGEST]
        self._note(replace(judged, why=why, text=said))
        self._remove(bundle)

    def _is_done(self, version: str, running: RunningVersion) -> bool:
        """Whether this version waits for its trial, or runs: then a loss of power, or a stick, was
        between that and the note of it."""
        state = self._kept.state
        waits = state.phase is UpdatePhase.TO_TRY and state.version == version
        return waits or running.version == version

    def _handed_in(self) -> str:
        """The SHA-256 that is handed in. Raises UpdateNotNowError."""
        path = os.path.join(self._directory, READY)
        said = ""
        if file_status.is_file(path):
            said = read_plain(path, "handed-in update", 100).decode("ascii", "replace").strip()
        if SHA256.fullmatch(said) is None:
            raise UpdateNotNowError(f"{path}: no bundle is handed in")
        return said

    def _judged(self) -> tuple[JudgedBundle, ...]:
        return read_judged(Path(os.path.dirname(self._kept.directory)))

    def _note(self, judged: JudgedBundle) -> None:
        others = [one for one in self._judged() if one.sha256 != judged.sha256]
        while len(others) >= MOST:
            # An attacker's unsigned files must not displace the others.
            others.remove(next((one for one in others if one.why == UNTRUSTED), others[0]))
        write_json(self._path, [*others, judged], mode=_PUBLIC)

    def _writes(self, running: str) -> int:
        """How often a system was written while this version runs."""
        try:
            said = read_json(
                self._writes_path, SystemWrites, "number of writes", _LARGEST, "it counts as none"
            )
        except StateFileError as error:
            log.error(MessageId.UPDATE_FAILED, "%s", error)
            return 0
        return said.count if said is not None and said.by == running else 0

    def _count(self, running: str, writes: int) -> None:
        write_json(self._writes_path, SystemWrites(running, writes), mode=_PUBLIC)

    def _remove(self, bundle: str) -> None:
        """Remove what was handed in. The directory is another user's, who can have made links of
        it: names in it are removed, and nothing that they lead to."""
        file_status.check_directory(self._directory)
        for path in (bundle, os.path.join(self._directory, READY)):
            durable_files.remove(path, missing_ok=True)


def _find(judged: tuple[JudgedBundle, ...], sha256: str) -> JudgedBundle | None:
    return next((one for one in judged if one.sha256 == sha256), None)
