"""Specification of a recording at the press, and the header made from it."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from msgspec import UnsetType

from camerad.base.clock import SECOND, Moment
from camerad.config import Settings
from camerad.container.recording_ids import RecordingId
from camerad.container.statements import FORMAT, Header, Microphone
from camerad.update.image_version import software_version


class RecordingSpec(msgspec.Struct, frozen=True):
    """Specification of a recording, known at the press.

    trigger: what started it; trigger_us: the instant of the press, media time.
    pre_event_wanted_us: footage wanted from before it; 0 keeps everything older out.
    fragment_us: about how long a fragment is. fps: pictures per second, for the duration of a
    picture that none follows. The rest as in `Header`; its recipients are the sink's matter.
    """

    device: str
    trigger: str
    trigger_us: int
    pre_event_wanted_us: int
    policy: str
    retention_days: int
    width: int
    height: int
    fps: int
    encoder: str
    software: str
    fragment_us: int = 500_000
    continues: str | None = None
    wearer: str | None = None

    @classmethod
    def from_settings(
        cls,
        settings: Settings,
        trigger: str,
        trigger_us: int,
        *,
        pre_event: bool,
        encoder: str = "unknown",
        continues: str | None = None,
        wearer: str | None = None,
    ) -> RecordingSpec:
        """By the camera's settings; pre_event: whether the seconds before the press are wanted;
        encoder: as the camera says it, once it has."""
        policy, camera = settings.policy, settings.camera
        return cls(
            device=settings.device.id,
            trigger=trigger,
            trigger_us=trigger_us,
            pre_event_wanted_us=round(policy.pre_event.seconds * SECOND) if pre_event else 0,
            policy=policy.name,
            retention_days=policy.retention_days,
            width=camera.width,
            height=camera.height,
            fps=camera.fps,
            encoder=encoder,
            software=software_version(),
            fragment_us=round(settings.recording.fragment_seconds * SECOND),
            continues=continues,
            wearer=wearer,
        )

    def header(
        self,
        new_id: Callable[[int], RecordingId],
        boot_id: str,
        moment: Moment,
        *,
        origin_us: int,
        shortfall: str | None,
        sound: bool,
        microphone: Microphone | UnsetType,
    ) -> Header:
        """The recording's first statement; the sealer adds its recipients.

        new_id(wall_us): names the recording, given the wall time of its trigger. moment: now.
        origin_us: media time of the first picture. shortfall: why the pre-event part is shorter
        than wanted, if it is. sound: whether there is a sound track. microphone: what it did at the
        beginning.
        """
        started_wall_us = moment.wall_us - (moment.boot_us - self.trigger_us)
        return Header(
            format=FORMAT,
            id=new_id(started_wall_us),
            device=self.device,
            boot_id=boot_id,
            clock=moment,
            started_wall_us=started_wall_us,
            trigger=self.trigger,
            trigger_us=self.trigger_us,
            origin_us=origin_us,
            pre_event_wanted_us=self.pre_event_wanted_us,
            pre_event_shortfall=shortfall,
            continues=self.continues,
            policy=self.policy,
            retention_days=self.retention_days,
            width=self.width,
            height=self.height,
            fps=self.fps,
            sound=sound,
            encoder=self.encoder,
            software=self.software,
            wearer=self.wearer,
            recipients=(),
            microphone=microphone,
        )
