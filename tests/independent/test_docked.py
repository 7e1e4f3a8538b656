"""Of an office to which recordings came through the dock, the verifier that was written by the page
alone and `camerad evidence verify` come to the same verdict, whatever becomes of the receipts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from desk_helpers import KEY, ONE, TWO, Camera, open_office
from msgspec.structs import replace
from sealed_helpers import WALL_US
from vault_helpers import OFFICE_KEY, Vault
from verifier_statements import load_keys
from verifier_stores import check_office

from camerad.base.clock import DAY, ClockSource, Moment
from camerad.cli import main
from camerad.container.keys import KeyRing, SigningKey
from camerad.evidence import office_key_file
from camerad.store import receipts
from camerad.store.locations import place_of


@pytest.fixture
def verdicts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[[Vault], tuple[int, int]]:
    """Both, an hour after the recordings were made, with the same keys."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setattr("camerad.config.policies.ETC", tmp_path / "etc")
    monkeypatch.setattr("camerad.base.process.forbid_dumps", lambda: None)
    now = Moment(DAY, WALL_US + DAY // 24, ClockSource.SYNCHRONISED)
    monkeypatch.setattr("camerad.base.clock.SystemClock.moment", lambda _: now)
    key, own = tmp_path / "device.pem", tmp_path / "office.pem"
    key.write_text(KEY.public.pem)
    own.write_text(OFFICE_KEY.public.pem)

    def run(vault: Vault) -> tuple[int, int]:
        options = ("--key", str(key), "--office-key", str(own))
        ours = main.main(["evidence", "verify", str(vault.root), *options])
        capsys.readouterr()
        return ours, check_office(vault.root, load_keys([key, own])).verdict

    return run


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    """Two recordings came through the dock; of the second the camera has not heard yet."""
    vault = Vault(tmp_path / "archive")
    camera = Camera(tmp_path / "state")
    camera.put(ONE)
    vault.dock(camera)
    second = camera.put(TWO)
    vault.bring_ledger(camera)
    vault.hand_over(second)
    with open_office(vault.root, OFFICE_KEY, camera.clock) as store:
        office_key_file.remember_key(place_of(str(vault.root)), OFFICE_KEY.public)
        store.reconcile()
    return vault


def by(token: bytes, key: SigningKey) -> bytes:
    receipt = receipts.parse(token, KeyRing([OFFICE_KEY.public]))
    return receipts.sign(key, replace(receipt, kid=key.public.thumbprint))


def test_as_it_was_both_are_content(
    vault: Vault, verdicts: Callable[[Vault], tuple[int, int]]
) -> None:
    assert verdicts(vault) == (0, 0)


@pytest.mark.parametrize("which", [0, 1], ids=["accepted", "fresh"])
@pytest.mark.parametrize("what", ["gone", "stranger", "empty", "longer", "other", "device"])
def test_whatever_becomes_of_a_receipt_both_say_the_same(
    vault: Vault, verdicts: Callable[[Vault], tuple[int, int]], which: int, what: str
) -> None:
    paths = [Path(path) for path in receipts.paths(vault.holding.receipts)]
    path, token = paths[which], paths[which].read_bytes()
    if what == "gone":
        path.unlink()
    else:
        changed = {
            "stranger": by(token, SigningKey.generate()),
            "empty": b"",
            "longer": token + b"\n",
            "other": paths[1 - which].read_bytes(),
            "device": by(token, KEY),
        }
        path.write_bytes(changed[what])
    ours, theirs = verdicts(vault)
    assert ours == theirs
    # The ledger names the first. The second could still be missing, and the device could have
    # signed either.
    harmless = what == "device" or (which == 1 and what in ("gone", "other"))
    assert (ours == 2) is not harmless
