"""The device's key, by what is on the card and what the ledger knows."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from msgspec.structs import replace

from camerad.base.clock import ManualClock
from camerad.config import Settings
from camerad.container.keys import SigningKey
from camerad.doctor import configuration, identity
from camerad.doctor.check_results import FindingId
from camerad.doctor.identity import (
    KeyObservation,
    LedgerObservation,
    judge_key,
    judge_ledger,
    observe_key,
    observe_ledger,
)
from camerad.ledger.claim import Claim
from camerad.ledger.ledger import Ledger
from camerad.store import identity as keys


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A state directory as a first start leaves it."""
    directory = tmp_path / "state"
    directory.mkdir()
    made = keys.load_or_create(str(directory))
    Ledger.open(Claim(str(directory / "ledger")), made.key, ManualClock()).close()
    keys.confirm(str(directory), made)
    return directory


def examined(state: Path, *, credential: bool = False) -> FindingId:
    signs = observe_ledger(str(state))
    return judge_key(observe_key(str(state), signs.known, credential=credential)).finding


def test_a_key_that_is_there_private_and_known_is_well(state: Path) -> None:
    assert examined(state) is FindingId.KEY_OK
    assert judge_ledger(observe_ledger(str(state)), str(state)).finding is FindingId.LEDGER_OK


def test_before_the_first_start_there_is_neither_key_nor_ledger(tmp_path: Path) -> None:
    assert examined(tmp_path) is FindingId.KEY_NONE
    assert (
        judge_ledger(observe_ledger(str(tmp_path)), str(tmp_path)).finding is FindingId.LEDGER_NONE
    )


def test_a_key_that_the_ledger_knows_and_that_is_gone_is_lost(state: Path) -> None:
    (state / "identity.pem").unlink()
    assert examined(state) is FindingId.KEY_LOST


def test_a_key_that_the_service_manager_brings_is_not_missed(state: Path, tmp_path: Path) -> None:
    # What it brings may be another one's: a key in the state directory that is known is well.
    assert examined(state, credential=True) is FindingId.KEY_OK
    (state / "identity.pem").unlink()
    assert examined(state, credential=True) is FindingId.KEY_CREDENTIAL
    (state / "identity.pem").write_bytes(SigningKey.generate().pem)
    assert examined(state, credential=True) is FindingId.KEY_CREDENTIAL
    assert examined(tmp_path, credential=True) is FindingId.KEY_NONE


def test_a_key_that_others_may_read_is_found(state: Path) -> None:
    (state / "identity.pem").chmod(0o640)
    found = judge_key(observe_key(str(state), None, credential=False))
    assert (found.finding, found.values["mode"]) == (FindingId.KEY_OPEN, "0640")


@pytest.mark.parametrize("content", [b"", b"nonsense"])
def test_a_key_that_is_none_any_more_is_found(state: Path, content: bytes) -> None:
    (state / "identity.pem").write_bytes(content)
    assert examined(state) is FindingId.KEY_DAMAGED


def test_a_link_in_the_place_of_a_key_is_not_followed(state: Path) -> None:
    (state / "identity.pem").rename(state / "elsewhere.pem")
    (state / "identity.pem").symlink_to(state / "elsewhere.pem")
    assert examined(state) is FindingId.KEY_DAMAGED


def test_another_cameras_key_is_not_this_ones(state: Path) -> None:
    (state / "identity.pem").write_bytes(SigningKey.generate().pem)
    assert examined(state) is FindingId.KEY_OTHER


def test_whoever_may_not_look_is_told_so(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise PermissionError

    monkeypatch.setattr(os, "open", refuse)
    assert (
        judge_key(observe_key(str(state), "x", credential=False)).finding is FindingId.KEY_FORBIDDEN
    )


def test_a_ledger_that_was_tampered_with_is_damaged(state: Path) -> None:
    path = next((state / "ledger").iterdir())
    content = path.read_bytes()
    path.write_bytes(content[:40] + bytes([content[40] ^ 1]) + content[41:])
    found = judge_ledger(observe_ledger(str(state)), str(state))
    assert found.finding is FindingId.LEDGER_DAMAGED
    assert found.values["count"] >= 1


def test_a_ledger_without_any_key_cannot_be_read(state: Path) -> None:
    for path in (state / "keys").iterdir():
        path.unlink()
    assert (
        judge_ledger(observe_ledger(str(state)), str(state)).finding is FindingId.LEDGER_UNREADABLE
    )


def test_a_ledger_that_nobody_could_look_at_is_not_taken_for_none(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.lstat

    def refuse(path: str) -> os.stat_result:
        if path == str(state / "ledger"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "lstat", refuse)
    assert (
        judge_ledger(observe_ledger(str(state)), str(state)).finding is FindingId.LEDGER_UNREADABLE
    )


def test_without_a_ledger_the_published_key_is_the_known_one(state: Path) -> None:
    current, _ = keys.published(str(state))
    assert observe_key(str(state), None, credential=False).known == current.thumbprint
    assert LedgerObservation().known is None
    assert KeyObservation("p").known is None


def test_recipients_are_the_offices_public_keys(settings: Settings) -> None:
    assert configuration.check_recipients(settings).finding is FindingId.RECIPIENTS_OK
    none = configuration.check_recipients(replace(settings, recipients=()))
    assert (none.finding, none.values["file"]) == (FindingId.RECIPIENTS_NONE, str(settings.path))
    wrong = configuration.check_recipients(replace(settings, recipients=("age1nonsense",)))
    assert wrong.finding is FindingId.RECIPIENTS_WRONG


def test_every_mistake_of_a_configuration_is_told(config: Path) -> None:
    read_in, found = configuration.check_configuration(config)
    assert read_in is not None
    assert (found.finding, found.values["policy"]) == (FindingId.CONFIGURATION_OK, "generic")
    config.write_text("policy: atlantis\ncolour: red\n")
    read_in, found = configuration.check_configuration(config)
    assert read_in is None
    assert found.finding is FindingId.CONFIGURATION_WRONG
    assert len(found.values["mistakes"].splitlines()) == 2


def test_a_key_in_use_agrees_with_a_ledger_that_knows_none_yet() -> None:
    assert identity.compare_key("x", None).finding is FindingId.KEY_OK
    assert identity.compare_key("x", "y").finding is FindingId.KEY_OTHER
