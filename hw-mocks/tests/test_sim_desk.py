"""The evidence desk of the page: what it asks the camerad command, and what becomes of the films.

What it finds in real recordings is seen in tests/browser.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sim_support import Sim

from hw_mocks.sim import desk as desk_module
from hw_mocks.sim.board import NotNow
from hw_mocks.sim.desk import FILM_BYTES, FILMS_KEPT, Desk
from hw_mocks.sim.remarks import MOST, remarks

ID = "20260101T000000Z-000001-0123abcd"


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path / "desk", tmp_path / "card", lambda: None)
    made.start()
    yield made


def test_what_the_command_complains_of_is_told_and_is_no_verdict(desk: Desk) -> None:
    finding = asyncio.run(desk.verify(ID))
    assert finding["verdict"] is None
    assert "card" in finding["error"]
    assert desk.told() == {"busy": None, "findings": {ID: finding}}


def test_one_thing_at_a_time(desk: Desk) -> None:
    async def story() -> None:
        first = asyncio.ensure_future(desk.verify(ID))
        await asyncio.sleep(0)
        assert desk.told()["busy"] == {"id": ID, "doing": "verify"}
        with pytest.raises(NotNow, match="busy"):
            await desk.verify(ID)
        await first
        assert desk.told()["busy"] is None

    asyncio.run(story())


def test_what_takes_too_long_is_given_up(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    # No interpreter starts within a millisecond.
    monkeypatch.setattr(desk_module, "DEADLINE_SECONDS", 0.001)
    finding = asyncio.run(desk.verify(ID))
    assert (finding["verdict"], "given up" in finding["error"]) == (None, True)


def test_a_recording_too_large_to_be_played_is_not_opened(desk: Desk) -> None:
    with pytest.raises(NotNow, match="camerad evidence open"):
        asyncio.run(desk.open(ID, FILM_BYTES + 1))


def test_only_the_newest_films_are_kept_and_none_after_the_end(desk: Desk, tmp_path: Path) -> None:
    async def story() -> None:
        for number in range(FILMS_KEPT + 2):
            film = tmp_path / "desk" / f"20260101T00000{number}Z-00000{number}-0123abcd.mp4"
            film.write_bytes(b"film")
            os.utime(film, (number, number))
        await desk.open(ID, 1)
        kept = sorted(path.name[14] for path in (tmp_path / "desk").glob("*.mp4"))
        assert kept == ["2", "3", "4"]
        await desk.stop()

    asyncio.run(story())
    assert not (tmp_path / "desk").exists()


def test_what_an_earlier_desk_left_is_gone(tmp_path: Path) -> None:
    left = tmp_path / "desk" / f"{ID}.mp4"
    left.parent.mkdir()
    left.write_bytes(b"film")
    made = Desk(left.parent, tmp_path / "card", lambda: None)
    made.start()
    assert list(left.parent.iterdir()) == []
    assert left.parent.stat().st_mode & 0o077 == 0


def test_remarks_are_in_both_languages_and_not_without_end() -> None:
    gap = {"reason": "frames lost", "frames": 3, "from": 1.25, "to": None}
    finding = {
        "kind": "recovered",
        "severity": "note",
        "text": "",
        "first_member": "end.jws",
        "last_member": "end.jws",
        "from": None,
        "to": None,
    }
    silence = {"reason": "sound lost", "frames": None, "from": 2.0, "to": 9.5}
    report: dict[str, Any] = {"gaps": [gap], "sound_gaps": [silence], "findings": [finding]}
    german, english = remarks(report)["de"], remarks(report)["en"]
    assert german[0] == "von 1,2 s bis Ende: Bilder gingen verloren"
    assert english[0].startswith("from 1.2 s to the end: ")
    # Where nothing is to be heard is as much of a remark as where nothing is to be seen.
    assert german[1] == "von 2,0 s bis 9,5 s: kein Ton: Ton ging verloren"
    assert german[2].endswith("(end.jws)")
    # However short a gap is, it has a beginning and another end.
    short = [silence | {"from": 6.91, "to": to} for to in (6.96, 6.931333, 6.910021)]
    assert [line.split(": ")[0] for line in remarks({"sound_gaps": short})["de"]] == [
        "von 6,9 s bis 7,0 s",
        "von 6,910 s bis 6,931 s",
        "von 6,910000 s bis 6,910021 s",
    ]
    many = remarks({"gaps": [gap] * (MOST + 5)})["en"]
    # The last line stands for those beyond: five.
    assert (len(many), "5 more" in many[-1]) == (MOST + 1, True)


# ---------------------------------------------------------------------------------- on the server


@pytest.fixture(scope="module")
def sim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sim]:
    made = Sim(tmp_path_factory.mktemp("desk"))
    try:
        made.ready()
        yield made
        assert made.stop() == 0, made.lines
        # What was opened goes with the simulator.
        assert not (made.state_dir / "desk").exists()
    finally:
        made.close()


@pytest.mark.parametrize("doing", ["verify", "open"])
def test_only_what_the_camera_has_is_taken_to_the_desk(sim: Sim, doing: str) -> None:
    for name in ("r2", "../r1", None, ["r1"]):
        status, answer = sim.ask("POST", f"/api/{doing}", {"id": name})
        assert (status, "no recording" in answer["error"]) == (404, True)
    assert sim.ask("POST", f"/api/{doing}", {"path": "/etc/passwd"})[0] == 400
    # The stand-in lists this one and has no such file, which the real command says.
    status, finding = sim.ask("POST", f"/api/{doing}", {"id": "r1"})
    assert (status, finding["id"], finding["verdict"]) == (200, "r1", None)
    assert finding["error"]


def test_films_are_served_whole_and_in_ranges_and_nothing_else_is(sim: Sim) -> None:
    desk = sim.state_dir / "desk"
    (desk / "r1.mp4").write_bytes(bytes(range(100)))
    (desk / "device-9.pem").write_text("a key")
    status, data = sim.raw("GET", "/api/films/r1.mp4")
    assert (status, data) == (200, bytes(range(100)))
    status, data, kind = sim.part("/api/films/r1.mp4", "bytes=10-19")
    assert (status, data, kind) == (206, bytes(range(10, 20)), "video/mp4")
    for name in ("r2.mp4", "device-9.pem", "..%2Fsim.json", "..%2F..%2Fx.mp4", "r1"):
        assert sim.ask("GET", f"/api/films/{name}")[0] == 404
