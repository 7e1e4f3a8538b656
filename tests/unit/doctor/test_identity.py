"""The device's key, by what is on the card and what the ledger knows."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from camerad.base.clock import ManualClock
from camerad.config import Settings
from camerad.container.keys import SigningKey
from camerad.doctor import store_checks, system_checks
from camerad.doctor.check_results import FindingId
from camerad.doctor.store_checks import check_key, judge_ledger, observe_ledger
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


def key_of(state: Path, *, credential: bool = False) -> FindingId:
    known = observe_ledger(str(state)).known
    return check_key(str(state), known, credential=credential).finding


def ledger_of(state: Path) -> FindingId:
    return judge_ledger(observe_ledger(str(state)), str(state)).finding


def another_key(path: Path) -> None:
    path.write_bytes(SigningKey.generate().pem)


def link(path: Path) -> None:
    path.rename(path.with_name("elsewhere.pem"))
    path.symlink_to(path.with_name("elsewhere.pem"))


@pytest.mark.parametrize(
    ("change", "finding", "brought"),
    [
        # What the service manager brings may be another one's: a known key is well.
        (lambda path: None, FindingId.KEY_OK, FindingId.KEY_OK),
        (Path.unlink, FindingId.KEY_LOST, FindingId.KEY_CREDENTIAL),
        (another_key, FindingId.KEY_OTHER, FindingId.KEY_CREDENTIAL),
        (lambda path: path.write_bytes(b""), FindingId.KEY_DAMAGED, FindingId.KEY_CREDENTIAL),
        (link, FindingId.KEY_DAMAGED, FindingId.KEY_DAMAGED),
        (lambda path: path.chmod(0o640), FindingId.KEY_OPEN, FindingId.KEY_OPEN),
    ],
)
def test_a_key_is_judged_by_its_file_and_by_what_the_ledger_knows(
    state: Path, change: Callable[[Path], object], finding: FindingId, brought: FindingId
) -> None:
    change(state / "identity.pem")
    assert key_of(state) is finding
    assert key_of(state, credential=True) is brought
    assert ledger_of(state) is FindingId.LEDGER_OK


def test_before_the_first_start_there_is_neither_key_nor_ledger(tmp_path: Path) -> None:
    assert key_of(tmp_path) is key_of(tmp_path, credential=True) is FindingId.KEY_NONE
    assert ledger_of(tmp_path) is FindingId.LEDGER_NONE


def test_whoever_may_not_look_is_told_so(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise PermissionError

    monkeypatch.setattr(os, "open", refuse)
    assert check_key(str(state), "x", credential=False).finding is FindingId.KEY_FORBIDDEN


def test_a_ledger_that_was_tampered_with_is_damaged(state: Path) -> None:
    path = next((state / "ledger").iterdir())
    content = path.read_bytes()
    path.write_bytes(content[:40] + bytes([content[40] ^ 1]) + content[41:])
    found = judge_ledger(observe_ledger(str(state)), str(state))
    assert (found.finding, found.values["count"] >= 1) == (FindingId.LEDGER_DAMAGED, True)


@pytest.mark.parametrize("lacking", ["key", "right"])
def test_a_ledger_that_cannot_be_read_is_not_taken_for_none(
    state: Path, monkeypatch: pytest.MonkeyPatch, lacking: str
) -> None:
    real = os.lstat

    def refuse(path: str) -> os.stat_result:
        if path == str(state / "ledger"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    if lacking == "right":
        monkeypatch.setattr(os, "lstat", refuse)
    else:
        for path in (state / "keys").iterdir():
            path.unlink()
    assert ledger_of(state) is FindingId.LEDGER_UNREADABLE


def test_without_a_ledger_the_published_key_is_the_known_one(state: Path) -> None:
    another_key(state / "identity.pem")
    found = check_key(str(state), None, credential=False)
    assert found.values["known"] == keys.published(str(state))[0].thumbprint


def test_recipients_are_the_offices_public_keys(settings: Settings) -> None:
    assert system_checks.check_recipients(settings).finding is FindingId.RECIPIENTS_OK
    none = system_checks.check_recipients(replace(settings, recipients=()))
    assert (none.finding, none.values["file"]) == (FindingId.RECIPIENTS_NONE, str(settings.path))
    wrong = system_checks.check_recipients(replace(settings, recipients=("age1nonsense",)))
    assert wrong.finding is FindingId.RECIPIENTS_WRONG


def test_every_mistake_of_a_configuration_is_told(config: Path) -> None:
    read_in, found = system_checks.check_configuration(config)
    assert read_in is not None
    assert (found.finding, found.values["policy"]) == (FindingId.CONFIGURATION_OK, "generic")
    config.write_text("policy: atlantis\ncolour: red\n")
    read_in, found = system_checks.check_configuration(config)
    assert read_in is None
    assert found.finding is FindingId.CONFIGURATION_WRONG
    assert len(found.values["mistakes"].splitlines()) == 2


def test_a_key_in_use_agrees_with_a_ledger_that_knows_none_yet() -> None:
    assert store_checks.compare_key("x", None).finding is FindingId.KEY_OK
    assert store_checks.compare_key("x", "y").finding is FindingId.KEY_OTHER
