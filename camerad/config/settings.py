"""The checked configuration, in the form that the daemon uses."""

from __future__ import annotations

from pathlib import Path

import msgspec

from camerad.base.clock import SECOND
from camerad.behaviour.bindings import ButtonTable
from camerad.behaviour.shift import ShiftRules
from camerad.behaviour.stages import Intent, Rules, Stage
from camerad.config.control_section import Access
from camerad.config.controls import (
    Announcements,
    Buzzer,
    Lights,
    OutputSettings,
    SelfViewSettings,
    ShiftSettings,
    SignalSettings,
)
from camerad.config.display_wording import DisplayWording
from camerad.config.office_section import Office
from camerad.config.sections import (
    BatteryWatch,
    CameraSettings,
    DeviceSettings,
    MicrophoneSettings,
    Overrides,
    RecordingSettings,
    RingBuffer,
    Storage,
    ThermalWatch,
    WallClock,
)


class PreEvent(msgspec.Struct, frozen=True):
    """The pre-event buffer as it holds on this camera.

    `armed_in` is empty where `seconds` is 0: then there is no buffer at all.
    """

    seconds: float
    max_seconds: float
    sound: bool
    armed_in: frozenset[Stage]


class Policy(msgspec.Struct, frozen=True):
    """The policy as it holds on this camera, after its own choices and overrides."""

    name: str
    title: str
    pre_event: PreEvent
    retention_days: int
    sound: bool
    stamp: bool
    announcement: bool
    may_mute: bool
    path: Path


class Overridden(msgspec.Struct, frozen=True):
    """One setting beyond the policy: its key, what is set and what the policy allows."""

    key: str
    configured: str
    allowed: str


class Button(msgspec.Struct, frozen=True):
    """One button: its pin, and what its gestures do."""

    name: str
    gpio: int
    active_low: bool
    table: ButtonTable


class Settings(msgspec.Struct, frozen=True):
    """A checked configuration: every value is in its range and they agree with each other.

    recipients: public keys (age) of those who can open what is recorded; without any, nothing may
    be recorded. announcements.enabled: as it holds, also where the configuration leaves it out.
    idle: what runs in idle, "encode", "sensor" or "none", as it holds where it is left out.
    display_wording: what the display says, with the office's own texts in it. office: None where
    the camera hands over nothing by its dock.
    """

    path: Path
    device: DeviceSettings
    policy: Policy
    recipients: tuple[str, ...]
    camera: CameraSettings
    microphone: MicrophoneSettings
    ring: RingBuffer
    recording: RecordingSettings
    self_view: SelfViewSettings
    display_wording: DisplayWording
    buttons: tuple[Button, ...]
    lights: Lights
    vibration: OutputSettings
    buzzer: Buzzer
    signals: SignalSettings
    announcements: Announcements
    shift: ShiftSettings
    access: Access
    office: Office | None
    storage: Storage
    idle: str
    battery: BatteryWatch
    thermal: ThermalWatch
    clock: WallClock
    overrides: Overrides | None
    overridden: tuple[Overridden, ...]

    @property
    def button_tables(self) -> tuple[ButtonTable, ...]:
        """The buttons' gestures, for camerad.behaviour.gestures."""
        return tuple(button.table for button in self.buttons)

    @property
    def shift_rules(self) -> ShiftRules:
        """The settings that shifts follow, for camerad.behaviour.shift."""
        return ShiftRules(
            longest_us=round(self.shift.hours * 3600 * SECOND),
            reminder_us=round(self.shift.reminder_seconds * SECOND),
            badge_us=round(self.shift.badge_seconds * SECOND),
            dock_us=round(self.shift.dock_minutes * 60 * SECOND),
        )

    @property
    def rules(self) -> Rules:
        """The settings that the stages follow, for camerad.behaviour.stages."""
        return Rules(
            armed_in=self.policy.pre_event.armed_in,
            self_view_timeout_us=round(self.self_view.timeout_seconds * SECOND),
            reminder_us=round(self.recording.reminder_seconds * SECOND),
            display_in_recording=self.self_view.while_recording,
            post_event_us=round(self.recording.post_event_seconds * SECOND),
            may_mute=(self.policy.sound and self.microphone.enabled and self.policy.may_mute),
            status_at_ready=not any(
                binding.intent is Intent.SHOW_STATUS and Stage.IDLE in binding.stages
                for table in self.button_tables
                for binding in table.bindings
            ),
        )
