"""A camera's part of the office's directory is found without a look at the others."""

from __future__ import annotations

from pathlib import Path

import pytest
from desk_helpers import KEY
from state_helpers import state_in

from camerad.base import file_status
from camerad.base.errors import StorageError
from camerad.container.keys import SigningKey
from camerad.evidence.holdings import make_holding
from camerad.office.server.camera_holdings import CameraHoldings
from camerad.office.server.cameras import Cameras
from tests.unit.office.server.office_scene import write_register

KID = KEY.public.thumbprint


def test_what_it_looks_at_goes_by_the_camera_s_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    register = tmp_path / "register.json"
    write_register(register, ("cam-1", KEY.public, (SigningKey.generate().public.thumbprint,)))
    root = tmp_path / "office"
    root.mkdir()
    holdings = CameraHoldings(str(root), Cameras(str(register)), state_in(root))
    own = holdings.make(KID)
    holdings.ledger_keys(KID)  # the register is read
    looked: list[str] = []
    mode_of = file_status.mode_of

    def counted(path: str, *, linked: bool = False) -> int | None:
        looked.append(path)
        return mode_of(path, linked=linked)

    monkeypatch.setattr(file_status, "mode_of", counted)
    costs = []
    for others in (1, 20):
        for number in range(others):
            make_holding(str(root), f"other-{number}", SigningKey.generate().public)
        looked.clear()
        assert holdings.find(KID) == own
        assert len(holdings.ledger_keys(KID)) == 1
        assert holdings.list_all(KID) == [own]
        costs.append(len(looked))
    assert costs[0] == costs[1]
    link = Path(own.receipts)
    link.rmdir()
    link.symlink_to(tmp_path)
    with pytest.raises(StorageError):
        holdings.find(KID)
