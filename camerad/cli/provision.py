"""``camerad provision``: sets a camera up by one signed file on its card."""

from __future__ import annotations

import argparse
import logging

from camerad.base import journal
from camerad.base.errors import EX_CONFIG, EX_IOERR, StorageError
from camerad.base.message_ids import MessageId
from camerad.cli.console import print_line
from camerad.provisioning.apply import ApplyOutcome, apply, camera_thumbprint
from camerad.provisioning.boot_partition import BootPartition
from camerad.provisioning.provisioning_state import ProvisioningState
from camerad.provisioning.publishing import publish, publish_anew
from camerad.provisioning.settings_offer import read_offer

_log = logging.getLogger(__name__)


def apply_file(options: argparse.Namespace) -> int:
    """Apply what lies on the card."""

    journal.set_up(logging.INFO)
    card, kept = BootPartition(options.boot), ProvisioningState(options.data)
    camera = camera_thumbprint(options.state)
    outcome = apply(card, kept, camera, offer=_offer(options.state))
    publish_anew(card, kept, camera)
    return {ApplyOutcome.REFUSED: EX_CONFIG, ApplyOutcome.LEFT: EX_IOERR}.get(outcome, 0)


def _offer(state_dir: str) -> bytes | None:
    """What came through the dock. One that cannot be read keeps no camera from its card's file."""

    try:
        return read_offer(state_dir)
    except StorageError as error:
        _log.error("%s", error, extra=MessageId.PROVISION_REFUSED.extra)
        return None


def publish_key(options: argparse.Namespace) -> int:
    """Leave the camera's public key on the card."""

    device = publish(
        BootPartition(options.boot), ProvisioningState(options.data), options.state, options.doctor
    )
    print_line(f"{device.device or 'not set up'}  {device.thumbprint}")
    return 0
