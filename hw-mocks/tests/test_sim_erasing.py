"""Deleting everything: all that a simulator left, and nothing that was there before it."""

from __future__ import annotations

from pathlib import Path

import pytest
from sim_support import running, until

from hw_mocks.sim.setup import StateDir


def test_deleting_leaves_nothing_and_a_new_camera_comes_up(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with running(tmp_path_factory.mktemp("erase")) as sim:
        places = [sim.state_dir / part for part in ("camerad/recordings/x.tar", "desk/x.mp4")]
        for place in places:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(b"footage")
        url, daemon = sim.facts()["url"], sim.facts()["daemon_pid"]
        assert sim.ask("POST", "/api/erase", {"what": "everything"}) == (200, {"erased": 0})

        # Whoever asks meanwhile waits, for the port is the camera's all the time. Only what the
        # server that ends has taken already may stay without an answer.
        def is_erased() -> bool:
            try:
                return bool(sim.ask("GET", "/api/erase")[1] == {"erased": 1})
            except ConnectionError:
                return False

        until(is_erased)
        assert sim.facts()["url"] == url
        assert sim.facts()["daemon_pid"] != daemon
        assert not any(place.exists() for place in places)
        sim.says("everything is deleted")


def test_nothing_is_deleted_where_something_lay_before_a_simulator_came(tmp_path: Path) -> None:
    theirs = tmp_path / "state" / "office" / "letter.txt"
    theirs.parent.mkdir(parents=True)
    theirs.write_text("ours")
    with running(tmp_path) as sim:
        status, answer = sim.ask("POST", "/api/erase", {"what": "everything"})
        assert status == 409
        assert f"neither made {sim.state_dir} nor found it empty" in answer["error"]
        assert "by hand" in answer["error"]
        assert sim.state()["ready"]
        assert sim.ask("GET", "/api/erase") == (200, {"erased": 0})
        assert theirs.read_text() == "ours"
    # A second start finds its own files beside theirs, and that changes nothing.
    again = StateDir(tmp_path / "state")
    try:
        assert not again.is_own
        with pytest.raises(AssertionError, match="somebody else's"):
            again.erase()
    finally:
        again.close()
    assert theirs.read_text() == "ours"


def test_a_folder_that_is_empty_or_not_there_becomes_the_simulators_own(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for name in ("empty", "new"):
        for _ in range(2):
            state = StateDir(tmp_path / name)
            assert state.is_own
            (state.card / "recording").write_text("footage")
            state.erase()
            assert state.is_own
            assert not (state.card / "recording").exists()
            state.close()
