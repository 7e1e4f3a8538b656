"""Declares the sections of ``camerad.yaml``: types, limits, defaults, descriptions.

`ConfigFile` is the whole file. The loader's checks and the JSON Schema are made from these classes
and from nothing else. camerad.config.fields explains how a setting is declared. Buttons, lights and
display are in camerad.config.controls, a policy's file in camerad.config.policies. The daemon
uses camerad.config.settings.
"""

from __future__ import annotations

import socket
from pathlib import Path
from re import fullmatch
from typing import Annotated, Final, Literal

import msgspec

from camerad.behaviour.stages import Stage
from camerad.config.control_section import Access
from camerad.config.controls import (
    Announcements,
    ButtonsEntry,
    Buzzer,
    Lights,
    OutputSettings,
    SelfViewSettings,
    ShiftSettings,
    SignalSettings,
)
from camerad.config.fields import (
    ABSOLUTE_PATH,
    Even,
    Matches,
    Needed,
    OneOf,
    Range,
    Recipient,
)
from camerad.config.office_section import OfficeServer

DEVICE_ID: Final = r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}"
POLICY_NAME: Final = r"[a-z0-9](-?[a-z0-9]){0,99}"
"""Every recording's header has it, where no word is longer than 200 characters."""

SOME_TEXT: Final = Matches(r"[^\0]{0,499}[^\0\s][^\0]{0,500}", "a text of 1 to 1000 characters")
"""It goes into the ledger, which takes no entry that is too long to be read again."""
ARMED_STAGES: Final = OneOf((Stage.IDLE.value, Stage.SELF_VIEW.value))
"""The stages in which a pre-event buffer can run."""


def host_id() -> str:
    """The host's name as the camera's id; ``camera-1`` if the host has no name."""
    name = socket.gethostname().split(".")[0]
    return name if name != "localhost" and fullmatch(DEVICE_ID, name) else "camera-1"


class DeviceSettings(msgspec.Struct, frozen=True):
    """This one camera and where it keeps its files."""

    id: Annotated[
        str,
        "Name of this camera in its recordings and in the office's lists. "
        "Left out: the host's name, or camera-1.",
        Matches(DEVICE_ID, "a name of letters, digits, dots, dashes and underscores, at most 63,"),
    ] = msgspec.field(default_factory=host_id)
    state_dir: Annotated[
        Path, "Directory of the recordings; it outlives a restart.", ABSOLUTE_PATH
    ] = Path("/var/lib/camerad")
    runtime_dir: Annotated[
        Path,
        "Directory of the control socket; it may vanish at power-off.",
        Matches(
            r"/[^\0\n]{0,79}", "an absolute path of at most 80 characters, such as /run/camerad,"
        ),
    ] = Path("/run/camerad")
    socket_group: Annotated[
        str,
        "Group of users who may open the control socket; what they may do there is in access.",
        Matches(r"[a-z_][a-z0-9_-]{0,31}", "the name of a Unix group"),
    ] = "camerad"
    provision_dir: Annotated[
        Path | None,
        "Directory in which `camerad provision apply` keeps what it was told; it writes this line "
        "itself. Left out: the camera was set up by hand.",
        ABSOLUTE_PATH,
    ] = None


class PreEventChoice(msgspec.Struct, frozen=True):
    """The pre-event buffer, in RAM only. What is left out is as the policy has it."""

    seconds: Annotated[
        float | None,
        "Footage from before the press that a recording begins with; 0 switches the buffer off. "
        "This plus one group of pictures must not exceed the policy's max_seconds. Where it comes "
        "to just that, the buffer may hold a picture or so less at times, and says so in the "
        "recording: max_seconds is kept whatever the camera does.",
        Range(0, 120, "seconds"),
    ] = None
    sound: Annotated[bool | None, "Whether the buffer holds sound too."] = None
    armed_in: Annotated[
        frozenset[Stage] | None, "The stages in which the buffer runs.", ARMED_STAGES
    ] = None


class SoundChoice(msgspec.Struct, frozen=True):
    """The sound of recordings. What is left out is as the policy has it."""

    may_mute: Annotated[
        bool | None, "Whether the wearer may switch the sound of a running recording off and on."
    ] = None


class RetentionChoice(msgspec.Struct, frozen=True):
    """How long a recording is kept. What is left out is as the policy has it."""

    days: Annotated[
        int | None,
        "Days after which a recording is deleted unless it is held.",
        Range(1, 366, "days"),
    ] = None


class CameraSettings(msgspec.Struct, frozen=True):
    """Picture and encoder."""

    source: Annotated[
        Literal["auto", "board", "usb"],
        "Which camera. board: the one on the board's camera connector. usb: a USB camera (UVC). "
        "auto: the board's own, or a USB camera where there is no other.",
    ] = "auto"
    width: Annotated[int, "Width of the recorded picture.", Range(160, 1920, "pixels"), Even()] = (
        1280
    )
    height: Annotated[
        int, "Height of the recorded picture.", Range(120, 1080, "pixels"), Even()
    ] = 720
    fps: Annotated[int, "Frames per second.", Range(5, 60, "frames per second")] = 30
    lores_width: Annotated[
        int, "Width of the small picture for the self-view.", Range(64, 1280, "pixels"), Even()
    ] = 320
    lores_height: Annotated[
        int, "Height of the small picture for the self-view.", Range(48, 1080, "pixels"), Even()
    ] = 240
    bitrate: Annotated[
        int,
        "Bit rate that the encoder aims at.",
        Range(500_000, 25_000_000, "bits per second"),
    ] = 6_000_000
    max_bitrate: Annotated[
        int,
        "Bit rate that is never exceeded for long; the pre-event buffer's memory is made for it.",
        Range(500_000, 25_000_000, "bits per second"),
    ] = 8_000_000
    encoder: Annotated[
        Literal["auto", "software", "hardware"],
        "H.264 encoder. auto: hardware where the board has one (up to Raspberry Pi 4, Zero 2 W), "
        "software on the others.",
    ] = "auto"
    encoder_threads: Annotated[
        int, "Processor threads of the software encoder.", Range(1, 4, "threads")
    ] = 1
    key_interval_s: Annotated[
        float,
        "Seconds from key frame to key frame, that is the length of a group of pictures. "
        "A recording begins at a key frame.",
        Range(0.5, 2, "seconds"),
    ] = 1.0


class MicrophoneSettings(msgspec.Struct, frozen=True):
    """The microphone. Whether recordings have sound is the policy's decision."""

    enabled: Annotated[
        bool, "Whether there is a microphone. false: recordings are silent, and say so."
    ] = True
    device: Annotated[
        str,
        "ALSA's name of the device, as `arecord -L` lists it.",
        # It stands in the header of each recording, in which every text prints on one line.
        Matches(r"[!-~][ -~]{0,199}", "the name of an ALSA device, such as plughw:CARD=mic,"),
    ] = "default"
    rate: Annotated[
        int,
        "Samples per second, one of the rates of AAC: 8000, 11025, 12000, 16000, 22050, 24000, "
        "32000, 44100 or 48000.",
        Range(8_000, 48_000, "samples per second"),
    ] = 48_000
    bitrate: Annotated[
        int,
        "Bit rate that the sound encoder aims at.",
        Range(16_000, 128_000, "bits per second"),
    ] = 64_000
    delay_ms: Annotated[
        int,
        "How much later the sound arrives than the picture. Measure it with a clap in front of "
        "the camera. camerad moves the sound earlier by that much.",
        Range(0, 500, "milliseconds"),
    ] = 0


AAC_RATES: Final = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
"""The sampling rates of AAC within the range of `MicrophoneSettings.rate` (ISO/IEC 14496-3, table
1.18).
"""


class RingBuffer(msgspec.Struct, frozen=True):
    """The queue in RAM between the encoder and the SD card."""

    stall_seconds: Annotated[
        float,
        "How long the card may stall in a recording before footage is lost. More than the "
        "pre-event buffer's seconds need more memory.",
        Range(1, 60, "seconds"),
    ] = 5.0


class RecordingSettings(msgspec.Struct, frozen=True):
    """What a recording holds and how it reaches the card."""

    post_event_seconds: Annotated[
        float,
        "Seconds that a recording goes on after the stop. Red stays on until they are over; what "
        "the wearer feels, and the display, tell of the stop at once.",
        Range(0, 60, "seconds"),
    ] = 0.0
    fragment_seconds: Annotated[
        float,
        "Length of the pieces in which a recording reaches the card. A loss of power costs at "
        "most the piece being written.",
        Range(0.2, 1, "seconds"),
    ] = 0.5
    reminder_seconds: Annotated[
        float,
        "While recording, vibration reminds the wearer this often that it does.",
        Range(10, 600, "seconds"),
    ] = 30.0


class Storage(msgspec.Struct, frozen=True):
    """When the card counts as low and as full, in minutes of recording still to go."""

    low_minutes: Annotated[
        float,
        "With room for less recording than this, the camera warns.",
        Range(1, 600, "minutes"),
    ] = 30.0
    full_minutes: Annotated[
        float,
        "With room for less than this, no recording starts, and a running one is closed in good "
        "order.",
        Range(0.5, 60, "minutes"),
    ] = 2.0


class Idle(msgspec.Struct, frozen=True):
    """What runs while the camera is worn and nothing is shown or recorded."""

    camera: Annotated[
        Literal["encode", "sensor", "none"] | None,
        "encode: sensor and encoder, for a pre-event buffer that is armed in idle. sensor: the "
        "sensor only, so that a press has a picture at once. none: nothing; a press has its first "
        "picture later. Left out: encode where the buffer is armed in idle, else sensor.",
    ] = None


class BatteryWatch(msgspec.Struct, frozen=True):
    """The battery: where it is seen, and when it counts as low and as empty."""

    power_supply: Annotated[
        Path,
        "Where the kernel shows batteries and chargers; there may be none.",
        ABSOLUTE_PATH,
    ] = Path("/sys/class/power_supply")
    low_minutes: Annotated[
        float,
        "The camera warns when fewer minutes of recording than this are left.",
        Range(15, 120, "minutes"),
    ] = 15.0
    critical_percent: Annotated[
        float,
        "At this level the camera closes its recording and switches itself off in order.",
        Range(1, 20, "percent"),
    ] = 4.0
    recording_hours: Annotated[
        float,
        "How long a full battery records, until the camera has measured it. Better too short than "
        "too long.",
        Range(0.5, 24, "hours"),
    ] = 3.0


class ThermalWatch(msgspec.Struct, frozen=True):
    """The temperature of the processor, and when the camera takes fewer pictures per second."""

    zone: Annotated[
        Path,
        "Where the kernel shows the processor's temperature; it may be missing.",
        ABSOLUTE_PATH,
    ] = Path("/sys/class/thermal/thermal_zone0")
    firmware: Annotated[
        Path,
        "Where Raspberry Pi's kernel shows what the firmware has slowed down; it may be missing.",
        ABSOLUTE_PATH,
    ] = Path("/sys/devices/platform/soc/soc:firmware/get_throttled")
    hot_celsius: Annotated[
        float,
        "From this temperature on the camera takes two thirds of its pictures per second; from "
        "five degrees above it on, or from 78 degrees on, half. From 80 degrees on the firmware "
        "slows the processor down.",
        Range(50, 75, "degrees Celsius"),
    ] = 70.0


class WallClock(msgspec.Struct, frozen=True):
    """What vouches for date and time. While nothing does, nothing is deleted by them."""

    synchronised: Annotated[
        Path,
        "File that the time service touches whenever it has synchronised the clock. It must vanish "
        "when the camera is switched off.",
        ABSOLUTE_PATH,
    ] = Path("/run/systemd/timesync/synchronized")
    rtc: Annotated[
        Path,
        "Where the kernel shows the battery-backed clock; there may be none.",
        ABSOLUTE_PATH,
    ] = Path("/sys/class/rtc/rtc0")


class Overrides(msgspec.Struct, frozen=True):
    """Why this camera goes beyond its policy, and who answers for it. It is kept on record."""

    reason: Annotated[str, "Why, in a sentence.", SOME_TEXT]
    authorised_by: Annotated[str, "Name and office of the person who allows it.", SOME_TEXT]


class ConfigFile(msgspec.Struct, frozen=True):
    """Configuration of camerad, the firmware of a body-worn camera."""

    policy: Annotated[
        str | None,
        "The legal preset: the name of a file in policies/ without .yaml.",
        Matches(
            POLICY_NAME, "the name of a policy (small letters and digits, up to 100, and dashes)"
        ),
        Needed(),
    ] = None
    recipients: Annotated[
        tuple[str, ...],
        "Public keys (age) of the evidence desks that can open what this camera records, each on "
        "its own. Without any, the camera does not record.",
        Matches(
            r"age1[02-9ac-hj-np-z]{58}", "a public key of age (age1 and 58 characters behind it)"
        ),
        Recipient(),
    ] = ()
    device: DeviceSettings = msgspec.field(default_factory=DeviceSettings)
    pre_event: PreEventChoice = PreEventChoice()
    sound: SoundChoice = SoundChoice()
    retention: RetentionChoice = RetentionChoice()
    camera: CameraSettings = CameraSettings()
    microphone: MicrophoneSettings = MicrophoneSettings()
    ring: RingBuffer = RingBuffer()
    recording: RecordingSettings = RecordingSettings()
    self_view: SelfViewSettings = SelfViewSettings()
    buttons: ButtonsEntry = msgspec.field(default_factory=ButtonsEntry)
    lights: Lights = Lights()
    vibration: Annotated[OutputSettings, "The vibration motor."] = OutputSettings(25)
    buzzer: Buzzer = Buzzer(18)
    signals: SignalSettings = SignalSettings()
    announcements: Announcements = Announcements()
    shift: ShiftSettings = ShiftSettings()
    access: Access = Access()
    office: OfficeServer | None = None
    storage: Storage = Storage()
    idle: Idle = Idle()
    battery: BatteryWatch = BatteryWatch()
    thermal: ThermalWatch = ThermalWatch()
    clock: WallClock = WallClock()
    overrides: Overrides | None = None
