"""All cameras of an office as of their last check-ins, and what keeps one from being handed out.

It rests on the register, the check-ins, the offers and what was withdrawn, and changes nothing.
The state of a camera since its last check-in is unknown: it may be out, or lie somewhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Final

import msgspec

from camerad.base.clock import DAY, SECOND
from camerad.base.text import count
from camerad.behaviour.stages import Condition
from camerad.container.keys import PublicKey, Thumbprint
from camerad.evidence.camera_register import Register, RegisteredCamera
from camerad.office.server.cameras import UnregisteredError
from camerad.office.server.check_ins import ArrivedCheckIn, CheckIns
from camerad.office.server.offers import CameraOffer, Offers
from camerad.office.server.revoked_cameras import Revocation, RevokedCameras
from camerad.store.check_in import SETTINGS, UPDATE, CheckIn
from camerad.transparency.camera_witness import cosigned_by

LOW_BATTERY: Final = 50
"""Percent: with less, a camera is not handed out for a shift."""
SILENT_US: Final = DAY
"""A camera is in its dock once a day, or it should be looked for."""

WORDS: Final[Mapping[Condition, str]] = {
    Condition.STORAGE_LOW: "the card is nearly full",
    Condition.STORAGE_FULL: "the card is full",
    Condition.STORAGE_FAILED: "the card loses what is written",
    Condition.STORAGE_STALLED: "the card does not answer",
    Condition.STORAGE_READ_ONLY: "the card can only be read",
    Condition.LEDGER_FAILED: "its ledger or key cannot be used",
    Condition.NO_RECIPIENTS: "nobody is named who could open its recordings",
    Condition.UNPROVISIONED: "it is not set up",
    Condition.PROVISION_REFUSED: "it refused the file on its card",
    Condition.OFFICE_DISPUTED: "it disputes this office's ledger",
    Condition.BATTERY_LOW: "the battery is low",
    Condition.BATTERY_CRITICAL: "the battery is empty",
    Condition.BATTERY_UNKNOWN: "the battery's gauge fails",
    Condition.HOT: "it is too hot",
    Condition.CLOCK_UNTRUSTED: "its clock is not confirmed",
    Condition.CAMERA_DOWN: "the camera module fails",
    Condition.CAMERA_COVERED: "its lens was covered in a recording",
    Condition.DISPLAY_DOWN: "the display fails",
    Condition.LIGHT_DOWN: "a light fails",
    Condition.MICROPHONE_DOWN: "the microphone fails",
}
"""What is said of a condition; of being docked nothing."""
_LOW: Final = {Condition.BATTERY_LOW.value, Condition.BATTERY_CRITICAL.value}
_NAMED: Final = {condition.value: words for condition, words in WORDS.items()}


class SettingsState(Enum):
    """How a camera stands with the settings of its office."""

    UNKNOWN = "unknown"
    """It has never checked in."""
    BY_HAND = "by hand"
    """No file of the office's has set it up."""
    CURRENT = "current"
    OFFERED = "on offer"
    """It fetches them at its next check-in."""
    WAITING = "at the next start"
    """It has them, and they take effect when it is started the next time."""
    REFUSED = "refused"


class OfferedUpdateState(Enum):
    """How a camera stands with the update that its office offers."""

    NONE = ""
    """None is offered."""
    OFFERED = "on offer"
    """It fetches it in its dock, when everything is handed over."""
    WAITING = "installed"
    """It is installed, and has its trial before it."""
    REFUSED = "refused"
    RUNNING = "running"


class UpdateOverview(msgspec.Struct, frozen=True):
    """How a camera stands with an update. version: of what is offered, "" if nothing is. text: why
    it refused it."""

    state: OfferedUpdateState
    version: str = ""
    text: str = ""

    def __str__(self) -> str:
        """In words."""
        why = f": {self.text}" if self.text else ""
        return f"{self.version} {self.state.value}{why}".strip()


class NotReady(msgspec.Struct, frozen=True):
    """Why a camera is not to be handed out. code: a word for programs: that of a condition, or
    "never_seen", "silent" (for so many days), "no_press", "percent" (of its battery), "left" (so
    many recordings), "doctor", "settings_refused", "withdrawn" or "register". text: for people.
    number: of days, percent or recordings. detail: what goes with it as it was said."""

    code: str
    text: str
    number: int = 0
    detail: str = ""


class CameraOverview(msgspec.Struct, frozen=True):
    """One camera. last: its last check-in, None if it was never seen. why_not: why it is not to be
    handed out; nothing if it is ready, as far as it has said. withdrawn: None if it was not.
    witnessed_us: when it cosigned the office's log last, microseconds since 1970 by its own clock;
    None if it never did."""

    name: str
    kid: Thumbprint
    last: ArrivedCheckIn | None
    settings: SettingsState
    update: UpdateOverview
    why_not: tuple[NotReady, ...]
    withdrawn: Revocation | None = None
    witnessed_us: int | None = None

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why it is not to be handed out, in words."""
        return tuple(one.text for one in self.why_not)

    @property
    def said(self) -> CheckIn | None:
        """What it said."""
        return None if self.last is None else self.last.said


def overview(
    register: Register,
    check_ins: CheckIns,
    offers: Offers,
    revoked: RevokedCameras,
    now_us: int,
) -> list[CameraOverview]:
    """All cameras: first those never seen, then those that are not ready, each by name, and at last
    those that were withdrawn. now_us: microseconds since 1970. Raises StorageError."""
    found = []
    offered, gone_ones = offers.list_all(), revoked.list_all()
    for camera in register.cameras:
        kid, gone = camera.thumbprint, None
        try:
            last = check_ins.last(kid)
        except UnregisteredError as error:
            why_not = [NotReady("register", str(error))]
            last, state = None, SettingsState.UNKNOWN
            update = UpdateOverview(OfferedUpdateState.NONE)
        else:
            gone = gone_ones.get(kid)
            offer = offered.get((kid, SETTINGS))
            state = _settings(last, offer)
            update = _update(last, offered.get((kid, UPDATE)))
            why_not = list(_reasons(last, offer, now_us))
        if gone is not None:
            # Its earlier statements do not count any more.
            why_not = [NotReady("withdrawn", f"it was withdrawn ({gone.why}): {gone.reason}")]
        seen = None if last is None else _witnessed_us(camera, last.said)
        found.append(
            CameraOverview(camera.name, kid, last, state, update, tuple(why_not), gone, seen)
        )
    return sorted(found, key=_urgency)


def _witnessed_us(camera: RegisteredCamera, said: CheckIn) -> int | None:
    if not isinstance(said.witnessed, str):
        return None
    found = cosigned_by(PublicKey.from_jwk(camera.jwk), said.witnessed)
    return None if found is None else found.seconds * SECOND


def _urgency(one: CameraOverview) -> tuple[bool, bool, bool, str]:
    return one.withdrawn is not None, one.last is not None, not one.why_not, one.name


def _settings(last: ArrivedCheckIn | None, offer: CameraOffer | None) -> SettingsState:
    if last is None:
        return SettingsState.UNKNOWN
    said = last.said
    if offer is not None:
        if said.settings is not None and said.settings.sha256 == offer.file:
            return SettingsState.CURRENT
        if offer.sha256 in said.waiting:
            return SettingsState.WAITING
        if any(one.sha256 == offer.sha256 for one in said.refused_offers):
            return SettingsState.REFUSED
        return SettingsState.OFFERED
    if said.waiting:
        return SettingsState.WAITING
    return SettingsState.BY_HAND if said.settings is None else SettingsState.CURRENT


def _update(last: ArrivedCheckIn | None, offer: CameraOffer | None) -> UpdateOverview:
    if offer is None:
        return UpdateOverview(OfferedUpdateState.NONE)
    state, text = OfferedUpdateState.OFFERED, ""
    if last is not None:
        said = last.said
        refused = [one.text for one in said.refused_offers if one.sha256 == offer.sha256]
        if offer.sha256 in said.waiting:
            state = OfferedUpdateState.WAITING
        elif said.image == offer.version:
            state = OfferedUpdateState.RUNNING
        elif refused:
            state, text = OfferedUpdateState.REFUSED, refused[-1]
    return UpdateOverview(state, offer.version, text)


def _reasons(
    last: ArrivedCheckIn | None, offer: CameraOffer | None, now_us: int
) -> Iterator[NotReady]:
    if last is None:
        yield NotReady("never_seen", "it has never checked in")
        return
    said = last.said
    if now_us - last.arrived_us > SILENT_US:
        days = (now_us - last.arrived_us) // DAY
        yield NotReady("silent", f"not seen for {count(days, 'day')}", days)
    wrong = [one for one in said.conditions if one != Condition.DOCKED.value]
    yield from (NotReady(one, _NAMED.get(one, one)) for one in wrong)
    if not said.ready and not wrong:
        yield NotReady("no_press", "a press would not record")
    if said.battery is not None and said.battery < LOW_BATTERY and not _LOW.intersection(wrong):
        yield NotReady("percent", f"the battery has {said.battery} %", said.battery)
    if left := said.recordings.unacknowledged:
        yield NotReady("left", f"{count(left, 'recording')} to hand over", left)
    if said.doctor is not None and said.doctor.failed:
        failed = ", ".join(said.doctor.failed)
        yield NotReady("doctor", f"the doctor found: {failed}", detail=failed)
    if offer is not None:
        for one in said.refused_offers:
            if one.sha256 == offer.sha256:
                text = f"it refused its settings: {one.text}"
                yield NotReady("settings_refused", text, detail=one.text)
