"""``camerad provision``: sets a camera up by one signed file on its card."""

from __future__ import annotations

import argparse
import logging
import sys
from typing import Any, Final

from camerad.base.errors import EX_CONFIG, EX_IOERR
from camerad.cli import provision_cards, provision_office, provision_register
from camerad.cli.defaults import default_state
from camerad.cli.options import add_card_options

_log = logging.getLogger(__name__)

EXIT_CODES: Final = """\
exit codes:
    0  done
   64  wrong usage
   73  something exists already and is not overwritten, or cannot be made
   74  reading or writing failed; of apply: the file was taken over, but could not
       be removed from the card
   75  of publish: the daemon has no key yet
   77  this user may not read or write something that is needed
   78  a file, a table, a register or a key has mistakes; of apply: the file was
       refused; of collect: a camera is not in the register
"""


def add_parser(commands: Any) -> None:
    """Add the subcommand to those of `camerad`."""
    parser = commands.add_parser(
        "provision",
        help="set cameras up by one file on their card",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    provision_office.add_actions(actions)
    provision_register.add_actions(actions)
    provision_cards.add_action(actions)
    _add_apply(actions)
    _add_publish(actions)


def _add_apply(actions: Any) -> None:
    apply = actions.add_parser(
        "apply",
        help="on a camera, before its daemon: take over what lies on the card",
        description="Checks camerad-provision.yaml and its signature, takes it over, removes it "
        "from the card and leaves camerad-report.txt there. Exit code 0: done, or there was "
        "nothing to do; 78: the file was refused, and the camera is as it was; 74: it was taken "
        "over and could not be removed, or the camera's own storage fails.",
    )
    _add_places(apply)


def _add_publish(actions: Any) -> None:
    publish = actions.add_parser(
        "publish",
        help="on a camera, once its daemon runs: leave its public key on the card",
        description="Writes camerad-device.json, camerad-device.pem and camerad-doctor.txt onto "
        "the card, for 'camerad provision collect' at the office. Exit code 0: done; 75: the "
        "daemon has no key yet; 74: the card could not be written.",
    )
    _add_places(publish)
    publish.add_argument(
        "--doctor", metavar="FILE", help="what 'camerad doctor --save' has written"
    )


def _add_places(parser: argparse.ArgumentParser) -> None:
    add_card_options(parser)
    parser.add_argument(
        "--state",
        default=default_state(),
        metavar="DIR",
        help="the daemon's state directory; default: $CAMERAD_STATE or that of an installed "
        "camera, here %(default)s",
    )


def run(options: argparse.Namespace) -> int:
    """Carry it out; returns the exit code. Raises CameradError."""
    return _ACTIONS[options.action](options)


def _apply(options: argparse.Namespace) -> int:
    from camerad.base import journal  # noqa: PLC0415 - slow to import
    from camerad.provisioning.apply import ApplyOutcome, apply, camera_thumbprint  # noqa: PLC0415
    from camerad.provisioning.boot_partition import BootPartition  # noqa: PLC0415
    from camerad.provisioning.provisioning_state import ProvisioningState  # noqa: PLC0415
    from camerad.provisioning.publishing import publish_anew  # noqa: PLC0415

    journal.set_up(logging.INFO)
    card, kept = BootPartition(options.boot), ProvisioningState(options.data)
    camera = camera_thumbprint(options.state)
    outcome = apply(card, kept, camera, offer=_offer(options.state))
    publish_anew(card, kept, camera)
    return {ApplyOutcome.REFUSED: EX_CONFIG, ApplyOutcome.LEFT: EX_IOERR}.get(outcome, 0)


def _offer(state_dir: str) -> bytes | None:
    """What came through the dock. One that cannot be read keeps no camera from its card's file."""
    from camerad.base.errors import StorageError  # noqa: PLC0415
    from camerad.base.message_ids import MessageId  # noqa: PLC0415
    from camerad.provisioning.settings_offer import read_offer  # noqa: PLC0415 - slow to import

    try:
        return read_offer(state_dir)
    except StorageError as error:
        _log.error("%s", error, extra=MessageId.PROVISION_REFUSED.extra)
        return None


def _publish(options: argparse.Namespace) -> int:
    from camerad.provisioning.boot_partition import BootPartition  # noqa: PLC0415 - slow to import
    from camerad.provisioning.provisioning_state import ProvisioningState  # noqa: PLC0415
    from camerad.provisioning.publishing import publish  # noqa: PLC0415

    device = publish(
        BootPartition(options.boot), ProvisioningState(options.data), options.state, options.doctor
    )
    sys.stdout.write(f"{device.device or 'not set up'}  {device.thumbprint}\n")
    return 0


_ACTIONS: Final = {
    "apply": _apply,
    "publish": _publish,
    **provision_office.ACTIONS,
    **provision_register.ACTIONS,
    "cards": provision_cards.run,
}
