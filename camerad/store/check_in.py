"""Check-ins: signed status reports of docked cameras for their office.

One statement (`camerad.container.jws`) of a camera as a thing: what runs on it, what is wrong with
it, what its office still lacks. Who wore it, where, and what was recorded is not in it.
docs/ledger-format.md has the format. Numbers are whole; times are microseconds.
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import UNSET, UnsetType

from camerad.base.clock import Moment
from camerad.container import jws
from camerad.container.keys import KeyRing, SigningKey
from camerad.ledger.entries import Head

CHECK_IN: Final = "camerad-check-in"
LONGEST: Final = 64 * 1024
"""Bytes of a token. A camera's own has some 4 KiB, with everything that can be in it 12."""
SETTINGS: Final = "settings"
UPDATE: Final = "update"
"""Kinds of an offer: a settings file, and a bundle with another version of the system."""


class Count(msgspec.Struct, frozen=True):
    """How often something was counted. name: as docs/operations.md has it."""

    name: str
    count: int


class StageTimes(msgspec.Struct, frozen=True):
    """How long a stage lasted before another one. counts: of each bucket of
    `camerad.control.metrics.BOUNDS`, and of what is beyond the last. total_us: of all."""

    stage: str
    next: str
    counts: tuple[int, ...]
    total_us: int


class Counters(msgspec.Struct, frozen=True):
    """A reading of the camera's counters (`camerad.control.metrics`); they only grow, unless they
    were lost. entered: stages. recordings: by what ended them. failures: conditions that began.
    shifts: that have begun. handover_failures: by why handing over began not to work. Cameras of
    earlier versions do not say the last two."""

    entered: tuple[Count, ...]
    recordings: tuple[Count, ...]
    failures: tuple[Count, ...]
    stages: tuple[StageTimes, ...]
    running_us: int
    ready_us: int
    shift_us: int
    shifts: int | UnsetType = UNSET
    handover_failures: tuple[Count, ...] | UnsetType = UNSET


class DoctorResult(msgspec.Struct, frozen=True):
    """The last examination since the machine was started. at: wall time (RFC 3339). clock: what
    that was worth. ok, not_tested: how many checks. failed, warned: names of checks."""

    at: str
    clock: str
    ok: int
    not_tested: int
    warned: tuple[str, ...]
    failed: tuple[str, ...]


class RecordingCounts(msgspec.Struct, frozen=True):
    """here: whose files are on the camera. open: of these, without an end. unacknowledged: with an
    end, and no office has them."""

    here: int
    open: int
    unacknowledged: int


class StorageRoom(msgspec.Struct, frozen=True):
    """Of the file system that recordings are on, bytes."""

    free: int
    total: int


class RunningSettings(msgspec.Struct, frozen=True):
    """The settings file that the camera runs by. sha256: of the file. serial: its number. office:
    thumbprint of the key that signed it."""

    sha256: str
    serial: int | None
    office: str


class RefusedOffer(msgspec.Struct, frozen=True):
    """What the office offered and the camera does not take. sha256: of the offer. kind: `SETTINGS`
    or `UPDATE`. why: a word for programs. text: a sentence for people."""

    sha256: str
    kind: str
    why: str
    text: str


class CheckIn(msgspec.Struct, frozen=True):
    """Payload of a check-in. device: its name. kid: the key that signs. head: of its ledger.
    boot_id, clock: when, and what the time was worth. software: camerad's version. image: the
    system's, None without one. conditions: what is so now. ready: whether a press would record.
    battery: percent, None without a gauge. storage: None where it does not answer. doctor: None if
    it was not run. settings: None if no file has set it up. waiting: SHA-256 of the offers that
    take effect at its next start. refused_offers: the last of them. witnessed: the checkpoint of
    the office's log that it cosigned last, with its signature
    (`camerad.transparency.checkpoints`). awaited: SHA-256 of the last statements of recordings of
    which it awaits the office's entry in that log. Cameras of earlier versions say neither."""

    device: str
    kid: str
    head: Head
    boot_id: str
    clock: Moment
    software: str
    image: str | None
    conditions: tuple[str, ...]
    ready: bool
    battery: int | None
    storage: StorageRoom | None
    doctor: DoctorResult | None
    recordings: RecordingCounts
    counters: Counters
    settings: RunningSettings | None
    waiting: tuple[str, ...]
    refused_offers: tuple[RefusedOffer, ...]
    witnessed: str | UnsetType = UNSET
    awaited: tuple[str, ...] | UnsetType = UNSET


def sign(key: SigningKey, said: CheckIn) -> bytes:
    """The statement as a token."""
    return jws.sign(key, CHECK_IN, said)


def parse(token: bytes, keys: KeyRing) -> CheckIn:
    """Decode a check-in. Raises JwsError if it is no check-in that one of `keys` signed as its own,
    or longer than `LONGEST`."""
    if len(token) > LONGEST:
        raise jws.JwsError(f"{len(token)} bytes are too many for a check-in")
    return jws.read_own(token, keys, CHECK_IN, CheckIn, frozenset(("witnessed",)))
