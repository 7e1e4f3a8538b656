"""Checks that an office has set the camera up, so that its recordings can be opened."""

from __future__ import annotations

import logging

from camerad.base.message_ids import MessageId
from camerad.behaviour.stages import Condition
from camerad.config import Settings
from camerad.daemon.conditions import Conditions
from camerad.provisioning.provisioning_status import ProvisioningStatus, read_status

log = logging.getLogger(__name__)


def check_setup(conditions: Conditions, settings: Settings) -> None:
    """Log what is missing, and raise its condition. Called once, at the start."""
    standing = read_status(settings.device.provision_dir)
    if standing is ProvisioningStatus.UNPROVISIONED:
        log.error(
            "this camera is not set up: camerad-report.txt on its card says what is wrong",
            extra=MessageId.PROVISIONED.extra,
        )
        conditions.raise_(Condition.UNPROVISIONED)
    elif not settings.recipients:
        log.error(
            "'recipients' names no key that could open a recording: none is made",
            extra=MessageId.NO_RECIPIENTS.extra,
        )
        conditions.raise_(Condition.NO_RECIPIENTS)
    if standing is ProvisioningStatus.REFUSED:
        log.error(
            "a file on the card was refused: camerad-report.txt beside it says why",
            extra=MessageId.PROVISION_REFUSED.extra,
        )
        conditions.raise_(Condition.PROVISION_REFUSED)
