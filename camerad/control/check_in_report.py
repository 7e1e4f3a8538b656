"""Builds a camera's report for a check-in at its office (`camerad.store.check_in`).

Its sources are status, counters, ledger and doctor. Only the fields named here go in: the status
also has the wearer, whom the report must not name.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from camerad.base.clock import SECOND
from camerad.base.errors import StorageError
from camerad.base.file_status import exists
from camerad.base.message_ids import Log, MessageId
from camerad.base.safe_read import read_plain
from camerad.behaviour.update import BundleStanding
from camerad.provisioning.offered_settings import OfferedSettings
from camerad.store.check_in import (
    UPDATE,
    CheckIn,
    Count,
    Counters,
    DoctorResult,
    RecordingCounts,
    RefusedOffer,
    StageTimes,
    StorageRoom,
)
from camerad.store.store import Store
from camerad.transparency.camera_witness import Remembered
from camerad.update.offered_bundles import FELL_BACK, offered_standings

_log = Log(__name__)

DOCTOR: Final = "/run/camerad-doctor/doctor.txt"
"""Where the image keeps what `camerad doctor` found after the start
(systemd/camerad-doctor.service)."""
_LARGEST: Final = 1 << 20
_OK, _WARN, _FAIL, _NOT_TESTED = "ok", "warn", "fail", "not_tested"
"""As `camerad.doctor.check_results.Level` has them, which is on a higher floor."""


class PresentState(msgspec.Struct, frozen=True):
    """What the event loop knows. device: its name. kid: thumbprint of its key. status: as on the
    control socket. counters: as `camerad.control.metrics.Metrics.dump` gives them. witnessed:
    what it remembers of the office's log; None if it has seen none."""

    device: str
    kid: str
    status: Mapping[str, Any]
    counters: Mapping[str, Any]
    witnessed: Remembered | None = None


def make_check_in(
    store: Store,
    present: PresentState,
    offers: OfferedSettings,
    provision_dir: Path | None = None,
    doctor: str = DOCTOR,
) -> CheckIn:
    """All of it, on the store's thread. provision_dir: `device.provision_dir`, beside which it is
    noted what became of the office's updates. doctor: file of the doctor's report. Raises
    StorageError if what is known of the office's offers cannot be read."""
    status, ledger, seen = present.status, store.ledger, present.witnessed
    updates, tried = _updates(provision_dir, status.get("image") or "")
    boot_id, now = ledger.now()
    battery, offered = status.get("battery"), offers.status()
    return CheckIn(
        device=present.device,
        kid=present.kid,
        head=ledger.head,
        boot_id=boot_id,
        clock=now,
        software=str(status["version"]),
        image=status.get("image"),
        conditions=tuple(status["conditions"]),
        ready=bool(status["ready"]),
        battery=None if battery is None else battery["percent"],
        storage=_room(store.place.root),
        doctor=_doctor(doctor),
        recordings=_recordings(store),
        counters=counters_of(present.counters),
        settings=offered.running,
        waiting=(*(() if offered.waiting is None else (offered.waiting,)), *updates),
        refused_offers=(*offered.refused, *tried),
        witnessed=msgspec.UNSET if seen is None else seen.note,
        awaited=seen.asked if seen is not None and seen.awaited else msgspec.UNSET,
    )


def _updates(
    provision_dir: Path | None, running: str
) -> tuple[tuple[str, ...], tuple[RefusedOffer, ...]]:
    """Of the office's bundles, those that wait for their trial, or are in it, and those that were
    refused or tried in vain."""
    if provision_dir is None:
        return (), ()
    known = offered_standings(provision_dir, running)
    waiting = tuple(one.sha256 for one, how in known if how is BundleStanding.WAITING)
    refused = tuple(
        RefusedOffer(
            one.sha256,
            UPDATE,
            one.why or FELL_BACK,
            one.text or f"version {one.version} was tried in vain",
        )
        for one, how in known
        if how is BundleStanding.REFUSED
    )
    return waiting, refused


def counters_of(dumped: Mapping[str, Any]) -> Counters:
    """A reading of the counters in whole numbers."""
    running_us, ready_us, shift_us = dumped["us"]
    stages = []
    for name, (*counts, total) in sorted(dumped["lasted"].items()):
        stage, _, following = name.partition(" ")
        stages.append(StageTimes(stage, following, tuple(counts), round(total * SECOND)))
    return Counters(
        entered=_counts(dumped["entered"]),
        recordings=_counts(dumped["recordings"]),
        failures=_counts(dumped["failures"]),
        stages=tuple(stages),
        running_us=running_us,
        ready_us=ready_us,
        shift_us=shift_us,
        shifts=dumped["shifts"],
        handover_failures=_counts(dumped["handover_failures"]),
    )


def _counts(counted: Mapping[str, int]) -> tuple[Count, ...]:
    return tuple(Count(name, number) for name, number in sorted(counted.items()))


def _recordings(store: Store) -> RecordingCounts:
    here = [one for one in store.ledger.state.recordings.values() if one.here]
    ended = [one for one in here if one.final is not None]
    return RecordingCounts(
        here=len(here),
        open=len(here) - len(ended),
        unacknowledged=sum(one.acknowledged is None for one in ended),
    )


def _room(directory: str) -> StorageRoom | None:
    try:
        state = os.statvfs(directory)
    except OSError as error:
        _log.warning(MessageId.STORAGE, "%s: %s", directory, error.strerror)
        return None
    return StorageRoom(state.f_bavail * state.f_frsize, state.f_blocks * state.f_frsize)


def _doctor(path: str) -> DoctorResult | None:
    """What the doctor found; its report's last line is an object for programs."""
    try:
        if not exists(path):
            return None
        said = json.loads(read_plain(path, "doctor's report", _LARGEST).decode().splitlines()[-1])
        found = [(str(one["status"]), str(one["check"])) for one in said["results"]]
        names = {
            level: tuple(check for status, check in found if status == level)
            for level in (_OK, _WARN, _FAIL, _NOT_TESTED)
        }
        return DoctorResult(
            at=str(said["at"]),
            clock=str(said["clock"]),
            ok=len(names[_OK]),
            not_tested=len(names[_NOT_TESTED]),
            warned=names[_WARN],
            failed=names[_FAIL],
        )
    except (StorageError, ValueError, LookupError, TypeError) as error:
        _log.warning(MessageId.STORAGE, "the doctor's report: %s", error)
        return None
