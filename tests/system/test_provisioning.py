"""A camera that the office has not set up says so, and what set it up is in its ledger."""

from __future__ import annotations

from pathlib import Path

import pytest

from camerad.ledger import log_segments
from camerad.provisioning import orders, provisioning_status
from camerad.provisioning.orders import LedgerOrder
from camerad.store import identity
from tests.system.gaps import edges
from tests.system.harness import PATIENCE, body_camera, configuration, now_us, until

pytestmark = pytest.mark.system


def told(state: Path) -> list[str]:
    """What the ledger says of the office's files."""
    ledger, keys = str(state / "ledger"), identity.key_ring(str(state))
    found = []
    for number in sorted(log_segments.list_files(ledger).epochs):
        content = log_segments.read_file(ledger, log_segments.epoch_name(number))
        entries = log_segments.read_epoch(None, number, content, keys).entries
        found += [entry.facts.outcome for _, entry in entries if entry.kind == "provisioned"]
    return found


def test_a_camera_that_is_not_set_up_says_so_and_what_is_refused_or_taken_is_in_the_ledger(
    tmp_path: Path,
) -> None:
    place = tmp_path / "provision"
    place.mkdir()
    device = {"provision_dir": str(place)}
    refused = LedgerOrder("refused", "0" * 64, None, "", "", "unsigned", None, id=orders.new_id())
    orders.add_order(str(place), refused)
    config = configuration(tmp_path, "generic", recipients=[], device=device)
    with body_camera(tmp_path, config, ready=False) as camera:
        camera.wait(stage="idle")
        camera.wait_for_condition("unprovisioned", holds=True)
        assert camera.state["conditions"] == ["unprovisioned"] and not camera.state["ready"]
        assert not camera.state["display"]
        seen_us = now_us()
        camera.press("main", 1.3)
        until(lambda: camera.state["display"], PATIENCE, "the display says why")
        assert camera.state["recording"] is None
        # Steady, all the time: a press would be refused.
        assert camera.state["lights"] == {"green": False, "red": False, "amber": True}
        assert edges(camera, "amber", seen_us) == []
    state = camera.state_dir / "camerad"
    assert told(state) == ["refused"]

    # The office's file was taken over; another one lies on the card now, which was refused.
    applied = LedgerOrder(
        "applied", "1" * 64, 1, "K" * 43, "camera-07", None, None, id=orders.new_id()
    )
    orders.add_order(str(place), applied)
    for name in (provisioning_status.ACCEPTED, provisioning_status.REFUSED):
        (place / name).touch()
    config = configuration(tmp_path, "generic", device=device)
    with body_camera(tmp_path, config) as camera:
        camera.wait_for_condition("provision_refused", holds=True)
        assert camera.state["ready"], "a stranger's file must not end anything"
    assert told(state) == ["refused", "applied"]
