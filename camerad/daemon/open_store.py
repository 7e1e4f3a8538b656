"""Opens identity, ledger and store: the first steps of a start.

Procedure: what a killed process has left is settled; identity; ledger, its torn tail repaired; what
it knows of right time, before it is told anything new. Then it gets to know of this start, of what
is set beyond the policy and why, and of what the office's file did. If a recording ran when the
daemon died a moment ago, it is found, so that another one can go on from it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import asdict, replace

from camerad.base.clock import Clock
from camerad.base.message_ids import Log, MessageId
from camerad.base.wall_clock import KnownTime
from camerad.behaviour.stages import Intent, Rules, Stage
from camerad.config import Settings
from camerad.daemon import shift_note
from camerad.daemon.crash_recovery import CrashRecovery
from camerad.daemon.shift_manager import KeptShift
from camerad.daemon.shift_note import NotedShift
from camerad.update.image_version import software_version

if TYPE_CHECKING:
    from camerad.container.encryption import Sealer
    from camerad.container.keys import SigningKey
    from camerad.ledger.ledger import Ledger
    from camerad.store.store import Store

log = Log(__name__)


class OpenedStore(msgspec.Struct, frozen=True):
    """Findings of the start.

    resume: id of a recording that ran in this boot until the daemon died a moment ago, if any;
    display: whether the self-view was on beside it, None if unknown; muted_us: media time since
    when the wearer wanted no sound of it, None if they did. cut_off: whether the camera was
    recording when it ended, and that does not go on. shift: the one that has not ended, if any.
    """

    thumbprint: str
    resume: str | None
    cut_off: bool
    display: bool | None = None
    muted_us: int | None = None
    shift: KeptShift | None = None

    def muted_by_wearer_us(self, rules: Rules) -> int | None:
        """Since when the wearer has wanted no sound of what goes on; None if they want it, or have
        no say in it."""
        return self.muted_us if rules.may_mute else None

    def decisions(self, rules: Rules) -> tuple[Intent, ...]:
        """What the wearer had decided for the recording: carried out again, signalled and written
        down as theirs, it makes the recording that goes on what it was when the daemon died."""
        wanted = (
            (Intent.TOGGLE_MUTE, self.muted_by_wearer_us(rules) is not None),
            (
                Intent.TOGGLE_SELF_VIEW,
                self.display is not None and self.display is not rules.display_in_recording,
            ),
        )
        return tuple(intent for intent, so in wanted if so)


class WhatIsKnown(msgspec.Struct, frozen=True):
    """Who is told what the start finds out.

    settled: it is known whether recordings can be kept. shift: the ledger knows of a shift that has
    not ended. time(known): what the ledger knows of right time; from another thread. replaced:
    another card is there than at the start.
    """

    settled: Callable[[], None]
    shift: Callable[[KeptShift], None]
    time: Callable[[KnownTime], None]
    replaced: Callable[[], None]


class Books(msgspec.Struct, frozen=True):
    """Identity, ledger and store, open. sealer: None where no recipient is configured."""

    store: Store
    key: SigningKey
    sealer: Sealer | None
    opened: OpenedStore


def open_books(
    root: str,
    settings: Settings,
    clock: Clock,
    mending: CrashRecovery,
    on_time_known: Callable[[KnownTime], None],
    *,
    noted: NotedShift | None,
) -> Books:
    """Open them, in the daemon's directory `root`. Raises StorageError, and may be tried again.

    on_time_known: told what the ledger knows of right time. noted: the shift, as the daemon before
    noted it.
    """
    from camerad.container.encryption import Sealer  # noqa: PLC0415 - slow to import
    from camerad.ledger.ledger import Ledger  # noqa: PLC0415
    from camerad.ledger.reserved_space import Reserve  # noqa: PLC0415
    from camerad.provisioning.order_execution import OrderExecution  # noqa: PLC0415
    from camerad.store import identity  # noqa: PLC0415 - slow to import
    from camerad.store.locations import device_place  # noqa: PLC0415
    from camerad.store.store import PlaceClaim, Store, had_ledger  # noqa: PLC0415

    began_us = clock.now_us()
    claim = PlaceClaim(device_place(root), running=True)
    store: Store | None = None
    ledger: Ledger | None = None
    try:
        told = OrderExecution(settings.device.provision_dir, root)
        found = identity.load_or_create(root, told.retired_keys)
        former = identity.key_ring(root)
        if found.replaced is not None:
            log.critical(
                MessageId.IDENTITY_CHANGED,
                "recordings are signed by the key %s from now on, no longer by %s: give its public "
                "half to the office ('camerad identity show'), or put the former key back",
                found.key.public.thumbprint,
                found.replaced,
            )
        ledger = Ledger.open(
            claim,
            found.key,
            clock,
            former,
            expected=had_ledger(device_place(root)),
            reserve=Reserve(root),
        )
        timeline = ledger.state.timeline
        right = timeline.synchronised
        on_time_known(
            KnownTime(
                None if right is None else right.wall_us, timeline.synchronised_in(clock.boot_id)
            )
        )
        identity.confirm(root, found)
        # What the ledger says last about the stage, before this start says more.
        before = ledger.state
        shift_note.settle(ledger, noted)
        _tell_of_start(ledger, settings)
        told.write_to(ledger)
        told.settle_offer()
        store = Store(root, ledger)
        mending.adopt(store)
        recorded = before.stage == Stage.RECORDING.value
        resume, cut_off = mending.cut_off(store, found.key, began_us, recorded=recorded)
    except BaseException:
        # The claim too, or the next attempt would find the store taken.
        (store or ledger or claim).close()
        raise
    worn = None if noted is None else noted.present
    shift = _kept_shift(store, None if worn is None else worn.due, goes_on=resume is not None)
    opened = OpenedStore(found.key.public.thumbprint, resume, cut_off, shift=shift)
    if resume in before.recordings:
        opened = replace(opened, display=before.display, muted_us=before.muted_us)
    wanted = mending.note_of(resume)
    if wanted is not None:  # the card may have kept it from the ledger
        opened = replace(opened, muted_us=wanted.muted_us)
    sealer = Sealer(settings.recipients) if settings.recipients else None
    return Books(store, found.key, sealer, opened)


def _tell_of_start(ledger: Ledger, settings: Settings) -> None:
    """Have it say what runs from here on, and by which settings."""
    digest = _digest(str(settings.path))
    ledger.append(
        "start", software=software_version(), policy=settings.policy.name, settings=digest
    )
    if settings.overridden:
        # The person who set the camera beyond its policy answers for it.
        why = settings.overrides
        ledger.append(
            "settings",
            settings=digest,
            overridden=[asdict(one) for one in settings.overridden],
            reason=why.reason if why is not None else None,
            authorised_by=why.authorised_by if why is not None else None,
        )


def _kept_shift(store: Store, due: str | None, *, goes_on: bool) -> KeptShift | None:
    """The shift that the ledger says has begun and not ended. due, goes_on: as `KeptShift`."""
    state = store.ledger.state
    if state.shift is None:
        return None
    began_us = state.shift_began_us(*store.ledger.now())
    return KeptShift(state.shift.wearer, state.shift.source, began_us, due, goes_on)


def _digest(path: str) -> str:
    """SHA-256 of a file, in hexadecimal; of nothing if it cannot be read any more."""
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return hashlib.sha256().hexdigest()
