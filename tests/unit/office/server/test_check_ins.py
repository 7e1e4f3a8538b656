"""The last word of each camera is kept, and an older one never takes its place."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from check_in_helpers import LATER_BOOT, WALL_US, said, token
from desk_helpers import KEY
from msgspec.structs import replace
from state_helpers import check_ins_in, refused, state_in
from vault_helpers import KID, NAME, Vault

from camerad.base.clock import DAY, SECOND, ClockSource, ManualClock, Moment
from camerad.container import jws
from camerad.container.keys import KeyRing, SigningKey
from camerad.ledger.entries import Head
from camerad.office.server.cameras import UnregisteredError
from camerad.office.server.check_ins import CheckIns
from camerad.office.server.upload_errors import UploadRefusal
from camerad.office.state import state_tables
from camerad.store import check_in
from camerad.store.check_in import Count, RefusedOffer


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return Vault(tmp_path / "archive")


@pytest.fixture
def check_ins(vault: Vault) -> CheckIns:
    return check_ins_in(vault.root, vault.cameras, vault.clock)


def test_the_row_is_the_statement_and_when_it_came(vault: Vault, check_ins: CheckIns) -> None:
    assert check_ins.last(KID) is None
    assert check_ins.take(KID, token()) == said()
    last = check_ins.last(KID)
    assert last is not None
    assert (last.arrived_us, last.said) == (vault.clock.wall_us(), said())


@pytest.mark.parametrize(
    "newer",
    [
        token(101),
        token(101, 6),
        token(99, 6),  # a longer ledger is later, whatever any clock says
        token(5, 6, LATER_BOOT),
        # Wall time counts for nothing: it may be set, or never have been right.
        token(101, clock=Moment(101 * SECOND, 0, ClockSource.UNKNOWN)),
        token(1, 1, LATER_BOOT, head=Head(2, 1, "cd" * 32)),
    ],
)
def test_a_newer_one_takes_its_place(check_ins: CheckIns, newer: bytes) -> None:
    check_ins.take(KID, token())
    check_ins.take(KID, newer)
    last = check_ins.last(KID)
    assert last is not None
    assert last.said == check_in.parse(newer, KeyRing([KEY.public]))


@pytest.mark.parametrize(
    "older",
    [
        token(),
        token(99),
        token(101, 4),
        token(500, 5, LATER_BOOT),
        token(500, 4, LATER_BOOT),
        token(50, clock=Moment(50 * SECOND, WALL_US + DAY, ClockSource.SYNCHRONISED)),
        token(500, 9, LATER_BOOT, head=Head(0, 9, "cd" * 32)),
    ],
)
def test_an_older_one_or_the_same_counts_for_nothing(
    vault: Vault, check_ins: CheckIns, older: bytes
) -> None:
    check_ins.take(KID, token())
    before = check_ins.last(KID)
    vault.clock.advance(SECOND)
    with refused(UploadRefusal.STALE_CHECK_IN, match="not newer"):
        check_ins.take(KID, older)
    assert check_ins.last(KID) == before


STRANGER = SigningKey.generate()


@pytest.mark.parametrize(
    "wrong",
    [
        b"",
        b"a.b.c",
        token(key=STRANGER),
        token(key=STRANGER, kid=STRANGER.public.thumbprint),
        token(kid=STRANGER.public.thumbprint),
        token()[:-4] + b"AAAA",
        jws.sign(KEY, "camerad-receipt", said()),
        jws.sign(KEY, check_in.CHECK_IN, {"device": "cam-1"}),
        token(conditions=("x" * 201,)),
        token(battery=-1),
        token(conditions=tuple("docked" for _ in range(check_in.LONGEST // 8))),
    ],
)
def test_what_is_no_statement_of_this_camera_counts_for_nothing(
    vault: Vault, check_ins: CheckIns, wrong: bytes
) -> None:
    with refused(UploadRefusal.BAD_CHECK_IN):
        check_ins.take(KID, wrong)
    assert check_ins.last(KID) is None


def test_only_registered_cameras_have_one(check_ins: CheckIns) -> None:
    for ask in (check_ins.last, lambda kid: check_ins.take(kid, token())):
        with pytest.raises(UnregisteredError):
            ask("../../etc/passwd")
    with pytest.raises(UnregisteredError):
        check_ins.take(STRANGER.public.thumbprint, token(key=STRANGER))


def test_a_row_that_its_camera_did_not_sign_is_told_and_replaced(
    vault: Vault, check_ins: CheckIns, caplog: pytest.LogCaptureFixture
) -> None:
    check_ins.take(KID, token())
    state = state_in(vault.root)
    with state.writing() as rows:
        rows.execute(state_tables.check_ins.update().values(statement="a.b.c"))
    with caplog.at_level(logging.WARNING):
        assert check_ins.last(KID) is None
    assert "none of its camera" in caplog.text
    check_ins.take(KID, token())
    assert check_ins.last(KID) is not None


def test_what_a_camera_refused_since_is_told_once(
    check_ins: CheckIns, caplog: pytest.LogCaptureFixture
) -> None:
    refused = (RefusedOffer("ab" * 32, check_in.SETTINGS, "old", "its serial is not above"),)
    check_ins.take(KID, token())
    with caplog.at_level(logging.WARNING):
        check_ins.take(KID, token(101, refused_offers=refused))
        check_ins.take(KID, token(102, refused_offers=refused))
    assert caplog.text.count("its serial is not above") == 1
    assert NAME in caplog.text


def test_a_restart_keeps_them(vault: Vault, check_ins: CheckIns) -> None:
    check_ins.take(KID, token())
    again = check_ins_in(vault.root, vault.cameras, ManualClock())
    with refused(UploadRefusal.STALE_CHECK_IN):
        again.take(KID, token())


def test_a_statement_of_an_earlier_version_counts(check_ins: CheckIns) -> None:
    earlier = said()
    assert b"shifts" not in jws.canonical(earlier)  # as versions before wrote it
    assert check_ins.take(KID, token()) == earlier
    counted = replace(earlier.counters, shifts=3, handover_failures=(Count("network", 2),))
    assert check_ins.take(KID, token(101, counters=counted)).counters == counted
