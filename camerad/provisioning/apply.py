"""``camerad provision apply``: checks the card's file, applies it, and removes it from the card.

Runs before the daemon, and may be ended at any instant: docs/provisioning.md has the order.
"""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import re
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Final

import msgspec
from msgspec.structs import replace

from camerad.base.errors import ConfigError, StorageError
from camerad.base.message_ids import MessageId
from camerad.base.state_file import StateFileError
from camerad.config.provisioning import MAX_BYTES, NAME, Provisioning, Wifi
from camerad.container.keys import KeyFileError
from camerad.provisioning import orders, settings_offer, signing, validation
from camerad.provisioning.boot_partition import BootPartition
from camerad.provisioning.card_report import NAME as REPORT
from camerad.provisioning.card_report import CardReport, render_report
from camerad.provisioning.orders import LedgerOrder
from camerad.provisioning.provisioning_state import (
    CONFIG,
    NETWORK,
    OFFICE,
    SSH,
    TIME,
    WIFI,
    AcceptedFile,
    OfferOutcome,
    ProvisioningState,
    read_offer_outcome,
)
from camerad.provisioning.validation import ADVICE, FileAccepted, FileRefused, RefusalReason
from camerad.store import identity

_log = logging.getLogger(__name__)

_REMOVED: Final = f"{NAME} and {signing.NAME} were removed from this partition."
_BY_DOCK: Final = "The settings came from the office through the dock."
_ANOTHER: Final = f"Another {NAME} was put here meanwhile: the next start looks at it."
_LEFT: Final = (
    "the file was applied, but could not be removed from the card. Each start tries again. "
    "Check this partition (fsck.vfat), or flash the card anew"
)


_NAMED: Final = 3
"""Folders that a message names one by one."""
PROGRAMS: Final = "/usr/sbin"
"""Paths of the system's programs for settings of the office's file."""
_NEEDS: Final = {
    SSH: ("sshd", "ssh: the camera's system has no SSH server, so no login is possible"),
    WIFI: (
        "wpa_supplicant",
        "wifi: the camera's image was made without the radio, so it joins no wireless network; "
        "write one that was made with PARTS=wifi (docs/image.md)",
    ),
}
"""By the file that is made: the program that reads it, and what is said if it is not there."""


class ApplyOutcome(Enum):
    """Outcome of the file on the card."""

    NOTHING = "nothing"
    """There was no file."""
    APPLIED = "applied"
    """It was applied, now or before, and is gone from the card."""
    REFUSED = "refused"
    LEFT = "left"
    """It was applied, and is still on the card."""


class EarlierDecision(msgspec.Struct, frozen=True):
    """State from before. decision: None also where it is damaged."""

    decision: AcceptedFile | None
    damaged: bool


def camera_thumbprint(state_dir: str) -> str | None:
    """Thumbprint of the camera's own key; None if it has none, or it cannot be read: then no file
    holds that names one."""
    try:
        return identity.published(state_dir)[0].thumbprint
    except ConfigError:
        return None
    except (StorageError, KeyFileError) as error:
        _log.error("%s", error, extra=MessageId.PROVISION_REFUSED.extra)
        return None


def apply(
    card: BootPartition,
    kept: ProvisioningState,
    camera: str | None,
    *,
    programs: str = PROGRAMS,
    offer: bytes | None = None,
) -> ApplyOutcome:
    """Apply what lies on the card. camera: thumbprint of the camera's own key, if it has one.
    programs: the directory of the system's programs; what is asked for and missing there is told.
    offer: what came through the dock; it is looked at when nothing lies on the card.

    Raises StorageError where the camera's own directory cannot be read or written; a card that
    cannot is no such case.
    """
    kept.remove_unpublished()
    try:
        pending = kept.pending
    except StateFileError as error:
        _log.error("%s", error, extra=MessageId.PROVISION_REFUSED.extra)
        return _judge(card, kept, camera, EarlierDecision(None, damaged=True), programs)
    if pending is not None:
        return _finish(card, kept, pending, programs)
    try:
        found = EarlierDecision(kept.accepted, damaged=False)
    except StateFileError as error:
        _log.error("%s", error, extra=MessageId.PROVISION_REFUSED.extra)
        found = EarlierDecision(None, damaged=True)
    outcome = _judge(card, kept, camera, found, programs)
    if outcome is ApplyOutcome.NOTHING and found.decision is not None and offer is not None:
        return _judge_offer(card, kept, camera, found.decision, programs=programs, offer=offer)
    return outcome


def _judge(
    card: BootPartition,
    kept: ProvisioningState,
    camera: str | None,
    found: EarlierDecision,
    programs: str,
) -> ApplyOutcome:
    unprovisioned = found.decision is None and not found.damaged
    if unprovisioned:
        kept.write_unprovisioned()
    try:
        content = card.read(NAME, MAX_BYTES + 1)
        if content is None:
            return _nothing(card, kept, found)
        token = card.read(signing.NAME, signing.LONGEST + 1)
        read_only = card.read_only
    except StorageError as error:
        _log.error("%s", error, extra=MessageId.PROVISION_REFUSED.extra)
        return _refuse(card, kept, found, FileRefused(RefusalReason.UNREADABLE))
    verdict = validation.judge_file(
        content,
        token,
        pin=found.decision,
        damaged=found.damaged,
        camera=camera,
        provision_dir=Path(kept.directory),
    )
    if isinstance(verdict, FileRefused):
        return _refuse(card, kept, found, verdict)
    if read_only:
        return _refuse(card, kept, found, FileRefused(RefusalReason.CARD_READ_ONLY, verdict.sha256))
    # What is known was carried out once already, and is done again: only what differs is written.
    decision = _decision(card, verdict) if isinstance(verdict, FileAccepted) else verdict.decision
    kept.store_decision(decision)
    return _finish(card, kept, decision, programs)


def _judge_offer(
    card: BootPartition,
    kept: ProvisioningState,
    camera: str | None,
    before: AcceptedFile,
    *,
    programs: str,
    offer: bytes,
) -> ApplyOutcome:
    """Apply what came through the dock. One that was decided about before is left: the daemon
    has not removed it yet."""
    sha256 = hashlib.sha256(offer).hexdigest()
    try:
        last = read_offer_outcome(kept.directory)
    except StateFileError as error:
        _log.warning("%s", error, extra=MessageId.PROVISION_REFUSED.extra)
        last = None
    if last is not None and last.sha256 == sha256:
        return ApplyOutcome.NOTHING
    verdict = settings_offer.judge_offer(
        offer, pin=before, camera=camera, provision_dir=Path(kept.directory)
    )
    if isinstance(verdict, FileRefused):
        order = _refusal(before, verdict)
        kept.refuse_offer(order, OfferOutcome(sha256, verdict.why.value))
        _log.error(
            "the settings from the dock were refused: %s",
            ADVICE[verdict.why],
            extra=MessageId.PROVISION_REFUSED.extra,
        )
        return ApplyOutcome.REFUSED
    if not isinstance(verdict, FileAccepted):
        kept.tell_offer(OfferOutcome(sha256, None))
        return ApplyOutcome.NOTHING
    # No secret of it was on the card.
    decision = replace(_decision(card, verdict), secret=False, left=(), offer=sha256)
    kept.store_decision(decision)
    return _finish(card, kept, decision, programs)


def _decision(card: BootPartition, taken: FileAccepted) -> AcceptedFile:
    wanted = taken.provisioning.file.provision
    wifi = taken.provisioning.file.wifi
    order = LedgerOrder(
        id=orders.new_id(),
        outcome="applied" if wanted.reset is None else "reset",
        sha256=taken.sha256,
        serial=wanted.serial,
        office=taken.office,
        device=taken.provisioning.settings.device.id,
        why=None,
        retires=wanted.reset,
    )
    return AcceptedFile(
        order=order,
        office_key=wanted.office_key,
        serial=wanted.serial,
        sha256=taken.sha256,
        secret=wifi is not None,
        left=() if wifi is None else card.files_containing(wifi.passphrase.encode(), NAME),
        made=derive_files(taken.provisioning),
    )


def _finish(
    card: BootPartition, kept: ProvisioningState, decision: AcceptedFile, programs: str
) -> ApplyOutcome:
    """Carry out a decision, for the first time or again."""
    kept.carry_out(decision)
    if decision.offer:
        kept.tell_offer(OfferOutcome(decision.offer, None))
    order = decision.order
    try:
        scrubbed = _clear(card, decision)
        another = card.read(NAME, 1) is not None
    except StorageError as error:
        _log.error("%s", error, extra=MessageId.PROVISION_REFUSED.extra)
        kept.mark_refused(_LEFT)
        _report(card, CardReport(decision, None, (f"{_LEFT} ({error})",)))
        return ApplyOutcome.LEFT
    done = _BY_DOCK if decision.offer else _REMOVED
    said = (_ANOTHER if another else done, *_without_effect(decision, programs))
    told = _report(card, CardReport(decision, None, said, left=decision.left, scrubbed=scrubbed))
    if told or decision.offer:  # the dock is told by `tell_offer`, and may bring the next one
        kept.mark_carried_out()
    _log.info(
        "set up as %s by the office's key %s",
        order.device,
        order.office,
        extra=MessageId.PROVISIONED.extra,
    )
    return ApplyOutcome.APPLIED


def _without_effect(decision: AcceptedFile, programs: str) -> Iterator[str]:
    """Settings of the file that the system cannot carry out. That is no mistake of the file: it may
    hold for cameras of several kinds."""
    for name, (program, said) in _NEEDS.items():
        if name in decision.made and not os.path.exists(os.path.join(programs, program)):
            _log.warning(
                "a setting of the file has no effect on this system: %s",
                said,
                extra=MessageId.PROVISIONED.extra,
            )
            yield said


def _clear(card: BootPartition, decision: AcceptedFile) -> bool | None:
    """Remove the file from the card; whether free room was overwritten, None if it need not be.

    Another one, that was put there meanwhile, is for the next start; what was half removed before
    goes all the same.
    """
    # An empty one is no other: a check of the file system leaves that of two names for one file.
    content = card.read(NAME, MAX_BYTES + 1) or b""
    another = bool(content) and validation.digest(content) != decision.sha256
    for name in (NAME, signing.NAME):
        if another:
            card.erase_leftovers(name)
        else:
            card.erase(name)
    card.remove_fsck_files()
    return card.overwrite_free_room() if decision.secret else None


def _nothing(card: BootPartition, kept: ProvisioningState, found: EarlierDecision) -> ApplyOutcome:
    kept.clear_refusal()
    if found.decision is None:
        advice = ADVICE[RefusalReason.STATE_DAMAGED] if found.damaged else _missing(card)
        _log.warning("this camera is not set up: %s", advice, extra=MessageId.PROVISIONED.extra)
        _report(card, CardReport(None, None, (advice,)))
    return ApplyOutcome.NOTHING


def _missing(card: BootPartition) -> str:
    """Advice where there is no file."""
    advice = f"there is no {NAME} on this partition of the card"
    if others := card.similar_names((NAME, signing.NAME)):
        return f"{advice}, but {', '.join(others)}: rename it"
    if folders := card.folders_with(NAME):
        named = ", ".join(folders[:_NAMED]) + (" and others" if len(folders) > _NAMED else "")
        return (
            f"{advice} itself, but there is one in a folder, {named}: move the camera's two files "
            "out of it, to where this report is"
        )
    return f"{advice}; copy it here"


def _refuse(
    card: BootPartition, kept: ProvisioningState, found: EarlierDecision, refused: FileRefused
) -> ApplyOutcome:
    why = ADVICE[refused.why]
    kept.refuse(_refusal(found.decision, refused), why)
    _log.error("%s was refused: %s", NAME, why, extra=MessageId.PROVISION_REFUSED.extra)
    _report(card, CardReport(found.decision, refused.why, (why, *refused.mistakes)))
    return ApplyOutcome.REFUSED


def _refusal(before: AcceptedFile | None, refused: FileRefused) -> LedgerOrder:
    return LedgerOrder(
        id=orders.new_id(),
        outcome="refused",
        sha256=refused.sha256,
        serial=None,
        office=refused.office,
        device="" if before is None else before.order.device,
        why=refused.why.value,
        retires=None,
    )


def _report(card: BootPartition, told: CardReport) -> bool:
    """Leave the report on the card; where that cannot be, the log has it. Whether that is enough:
    a full card stays full, and a directory in the report's place stays there, while the next start
    may well write to one that refuses now."""
    report = render_report(told)
    try:
        card.write(REPORT, report.encode())
    except StorageError as error:
        _log.error(
            "the report cannot be left on the card: %s",
            error,
            extra=MessageId.PROVISION_REFUSED.extra,
        )
        for line in report.splitlines():
            _log.info("%s", line, extra=MessageId.PROVISION_REFUSED.extra)
        return error.errno in (errno.ENOSPC, errno.ENOENT, errno.EISDIR)
    return True


# ------------------------------------------------------------------------------------ derived files
#
# All pure. The formats: timesyncd.conf(5) and systemd.network(5), sshd(8), "AUTHORIZED_KEYS FILE
# FORMAT", of OpenSSH, and wpa_supplicant.conf(5).

_ROUNDS: Final = 4096
_KEY_BYTES: Final = 32


def derive_files(provisioning: Provisioning) -> dict[str, str]:
    """Content of each file that follows from a provisioning file, by name."""
    file = provisioning.file
    made = {
        CONFIG: provisioning.config,
        NETWORK: _network(host_name(provisioning.settings.device.id)),
    }
    if file.time.servers:
        made[TIME] = f"[Time]\nNTP={' '.join(file.time.servers)}\nFallbackNTP=\n"
    if file.ssh is not None:
        made[SSH] = f"{file.ssh.key}\n"
    if file.office is not None:
        made[OFFICE] = f"{file.office.url}\n"
    if file.wifi is not None:
        made[WIFI] = _wifi(file.wifi)
    return made


def host_name(device: str) -> str:
    """A camera's host name in the dock's network: its name in letters that a host may have (RFC
    1123, 2.1), small ones, since there large ones are the same. device: `device.id`."""
    return re.sub("[^a-z0-9-]", "-", device.lower()).strip("-")


def _network(host: str) -> str:
    """A camera's addition to the network settings of all: without it every camera would have the
    same name in DHCP."""
    return f"[DHCPv4]\nHostname={host}\n\n[DHCPv6]\nHostname={host}\n"


def _wifi(wifi: Wifi) -> str:
    """The passphrase itself stands nowhere: what is kept opens this one network, as the passphrase
    would, and does not tell what else the office calls by that word."""
    return (
        f"country={wifi.country}\n"
        "network={\n"
        f"    ssid={wifi.ssid.encode().hex()}\n"
        f"    psk={pre_shared_key(wifi.ssid, wifi.passphrase)}\n"
        "    key_mgmt=WPA-PSK WPA-PSK-SHA256\n"
        "}\n"
    )


def pre_shared_key(ssid: str, passphrase: str) -> str:
    """The key of a WPA2 network, 64 hexadecimal digits (IEEE 802.11-2020, J.4.1)."""
    key = hashlib.pbkdf2_hmac("sha1", passphrase.encode(), ssid.encode(), _ROUNDS, _KEY_BYTES)
    return key.hex()
