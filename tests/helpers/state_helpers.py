"""The office's state in tests: rows are changed in a transaction each."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from camerad.base.clock import Clock
from camerad.container.keys import Thumbprint
from camerad.office.server.check_ins import CheckIns, KeyFinder
from camerad.office.server.offers import CameraOffer, Offers, offer_of
from camerad.office.server.revoked_cameras import Revocation, RevokedCameras
from camerad.office.server.state_import import open_state
from camerad.office.server.upload_errors import UploadError, UploadRefusal
from camerad.office.server.upload_limits import DEFAULT_LIMITS, UploadLimits
from camerad.office.server.uploads import Uploads
from camerad.office.state.database_settings import IndexSettings
from camerad.office.state.office_state import OfficeState
from camerad.office.state.state_tables import camera_readings, check_ins, offers, revoked_cameras


@contextlib.contextmanager
def refused(
    refusal: UploadRefusal, match: str | None = None
) -> Iterator[pytest.ExceptionInfo[UploadError]]:
    """What a camera uploads is not taken, for this reason."""
    with pytest.raises(UploadError, match=match) as caught:
        yield caught
    assert caught.value.refusal is refusal


def state_in(directory: Path | str) -> OfficeState:
    """The state in an office's directory, in a file of SQLite."""
    return open_state(IndexSettings(), str(directory))


def revoked_in(directory: Path | str) -> RevokedCameras:
    """The revoked cameras of an office."""
    return RevokedCameras(state_in(directory))


def revoke(directory: Path | str, kid: Thumbprint, why: str = "stolen", reason: str = "r") -> None:
    """Revoke a camera, without an entry of the ledger."""
    state = state_in(directory)
    with state.writing() as rows:
        assert RevokedCameras(state).put(rows, kid, Revocation(1, "w", why, reason))
    state.close()


def take_back(directory: Path | str, kid: Thumbprint) -> None:
    """Take a camera back, without an entry of the ledger."""
    state = state_in(directory)
    with state.writing() as rows:
        assert RevokedCameras(state).remove(rows, kid)
    state.close()


def offers_in(directory: Path | str) -> Offers:
    """The offers of an office."""
    return Offers(state_in(directory), str(directory))


def offer_settings(directory: Path | str, kid: Thumbprint, content: bytes) -> CameraOffer:
    """Offer settings to a camera, without an entry of the ledger."""
    state, offer = state_in(directory), offer_of(content)
    with state.writing() as rows:
        Offers(state, str(directory)).put(rows, [kid], offer)
    state.close()
    return offer


def withdraw_offer(directory: Path | str, kid: Thumbprint, kind: str) -> CameraOffer | None:
    """Offer a camera one kind no more, without an entry of the ledger."""
    state = state_in(directory)
    offers = Offers(state, str(directory))
    with state.writing() as rows:
        gone = offers.withdraw(rows, kid, kind)
    offers.remove_unoffered()
    state.close()
    return gone


def check_ins_in(directory: Path | str, cameras: KeyFinder, clock: Clock) -> CheckIns:
    """The check-ins of an office."""
    return CheckIns(state_in(directory), cameras, clock)


def uploads_in(
    directory: Path | str, limits: UploadLimits = DEFAULT_LIMITS, clock: Clock | None = None
) -> Uploads:
    """The uploads of an office."""
    return Uploads(str(directory), state_in(directory), limits, clock)


def forget_cameras(directory: Path | str) -> None:
    """Remove all rows about cameras."""
    state = state_in(directory)
    with state.writing() as rows:
        for table in (offers, revoked_cameras, check_ins, camera_readings):
            rows.execute(table.delete())
    state.close()
