"""P1 and P2 by observation: what the kernel says the daemon does, and what is in its memory."""

from __future__ import annotations

import base64
import json
import os
import random
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from camerad.stream.link import REST_US
from tests.system import memory, watching
from tests.system.harness import (
    PATIENCE,
    BodyCamera,
    body_camera,
    configuration,
    now_us,
    until,
)

pytestmark = pytest.mark.system

SEARCHED = 80
"""Packets that are looked for: as many of all that were noted as keep the search short."""


IN_ENCODER = 20
"""More pictures than are in the encoder, and on their way to where they are noted, at any time: a
V4L2 encoder has 16 buffers."""


def processes(camera: BodyCamera) -> dict[str, int]:
    capture = camera.capture_pid
    assert capture is not None
    return {"controller": camera.daemon_pid, "capture": capture}


WITHOUT_FOOTAGE = {"epoch", "carried", "start", "stage", "identity", "settings", "clock", "fault"}
"""What the ledger may have to say before anything is recorded."""
LINE_BYTES = 2048
"""More than a line of the ledger takes for a start or a change of stage."""


def whole_lines(path: Path) -> bytes | None:
    """A file's content, unless it ends within a line."""
    content = path.read_bytes()
    return content if content.endswith(b"\n") else None


def ledger_of(card: Path) -> list[dict[str, Any]]:
    """What the ledger says, every byte of it: lines of compact JWS and nothing else."""
    said = []
    for path in sorted((card / "ledger").glob("*.jws")):
        # A line that is being written may be seen in parts.
        content = until(lambda path=path: whole_lines(path), PATIENCE, f"{path} ends with a line")
        for line in content[:-1].split(b"\n"):
            assert len(line) < LINE_BYTES, line
            head, payload, signature = (
                base64.b64decode(part + b"=" * (-len(part) % 4), altchars=b"-_", validate=True)
                for part in line.split(b".")
            )
            assert json.loads(head)["typ"] == "camerad-ledger+json"
            assert len(signature) == 64
            said.append(json.loads(payload.decode("ascii")))
    return said


def test_p1_nothing_reaches_a_file_in_idle_and_self_view_but_lines_of_the_ledger(
    tmp_path: Path,
) -> None:
    temporary = tmp_path / "t"
    temporary.mkdir()
    config = configuration(tmp_path, "generic", pre_event={"seconds": 10})
    with body_camera(tmp_path, config, environment={"TMPDIR": str(temporary)}) as camera:
        card = camera.state_dir / "camerad"
        ledger = f"{card / 'ledger'}/"
        until(
            lambda: [f for f in (card / "ledger").glob("*.jws") if f.stat().st_size],
            PATIENCE,
            "ledger",
        )
        watch = watching.Watch(card, temporary)
        log = str(camera.log)

        def quiet() -> None:
            assert [change for change in watch.changes() if not change.startswith(ledger)] == []
            for pid in watching.family(camera.daemon_pid):
                # The log is the test's own; the panel's file is the simulated display.
                names = watching.files_open_for_writing(pid) - {log}
                assert [n for n in names if "board" not in n and not n.startswith(ledger)] == [], (
                    pid
                )

        for _ in range(2):
            camera.press()
            camera.wait(stage="self_view")
            for _ in range(6):
                camera.pass_time(0.5)
                quiet()
            camera.press("display")
            camera.wait(stage="idle")
            camera.pass_time(0.5)
            quiet()
        # What did reach the ledger says in words what the camera did: too little for a picture.
        said = ledger_of(card)
        # The display goes dark before self-view is over, which is a change of its own.
        stages = [one["facts"]["stage"] for one in said if one["kind"] == "stage"]
        assert [stage for stage, _ in groupby(stages)][-4:] == ["self_view", "idle"] * 2
        assert {one["kind"] for one in said} <= WITHOUT_FOOTAGE
        for name, pid in processes(camera).items():
            status = Path(f"/proc/{pid}/status").read_text()
            assert "VmSwap:\t       0 kB" in status, name
            # Not dumpable: the kernel gives its files in /proc to root.
            assert os.stat(f"/proc/{pid}/mem").st_uid == 0
            assert Path(f"/proc/{pid}/limits").read_text().split("Max core file size")[1].split()[
                :2
            ] == ["0", "0"]
        # The same watch sees what a recording does, so it would have seen anything else.
        camera.record(1)
        changed = watch.changes()
        assert any(line.split(":")[0].endswith(".tar") for line in changed)
        assert not any(str(temporary) in line for line in changed)
        watch.close()


@pytest.mark.parametrize(("policy", "platform"), [("generic", "vc4"), ("bundespolizei", "pisp")])
def test_p2_two_seconds_after_self_view_no_packet_is_left_in_memory(
    tmp_path: Path, policy: str, platform: str
) -> None:
    """In `generic` the buffer runs in self-view only; in `bundespolizei` it begins anew in idle.

    A vc4 has a hardware encoder, which runs on; its buffers are mapped into the capture process.
    """
    notes = tmp_path / "notes"
    notes.touch()
    environment = {
        "CAMERAD_TEST_NOTES": str(notes),
        "PYTHONPATH": str(Path(__file__).parent / "spy"),
    }
    # Far longer than the self-view: a busy machine takes long to look at what the ring holds.
    config = configuration(tmp_path, policy, pre_event={"seconds": 25})
    with body_camera(tmp_path, config, platform=platform, environment=environment) as camera:
        camera.press()
        camera.wait(stage="self_view")
        # A hardware encoder runs on its own; what it gives is kept from a key frame on.
        until(lambda: camera.state["pre_event_seconds"] > 0, PATIENCE, "the buffer has begun")
        before = len(memory.noted(notes))
        camera.pass_time(6)
        pids = processes(camera)
        noted = memory.noted(notes)[before:]
        # Packets may lie in the socket for a while before they are in the ring.
        camera.pass_time(REST_US / 1e6 + 0.1)
        assert len(noted) > 100
        chosen = random.Random(1).sample(noted[:-20], SEARCHED - 20) + noted[-20:]

        def found(name: str) -> list[memory.Hit]:
            return memory.found_in(pids[name], [one.data for one in chosen], tmp_path / name)

        held = {name: found(name) for name in pids}
        # The search finds what is there: the ring holds them all.
        assert len({hit.packet for hit in held["controller"]}) == SEARCHED
        # What was encoded between the choice and the press counts as well.
        since = memory.noted(notes)[before + len(noted) :]
        chosen += since[-20:]
        pressed = before + len(noted) + len(since)
        camera.press("display")
        camera.wait(stage="idle")
        camera.pass_time(2)
        assert processes(camera) == pids
        looked_us = now_us()
        left = {name: found(name) for name in pids}
        # Pictures of now are encoded, and some of them may have been seen in the self-view too.
        enough = len(memory.noted(notes)) + IN_ENCODER
        until(lambda: len(memory.noted(notes)) > enough, PATIENCE, "more is encoded", pause=0.2)
        live = [one.data for one in memory.noted(notes)[pressed:]]
        said = [
            f"{name}: {hit.of(chosen[hit.packet], looked_us)}"
            for name, hits in left.items()
            for hit in hits
            if not memory.of_others(hit, chosen[hit.packet].data, live)
        ]
        assert not said, "\n".join(said)
        if policy == "bundespolizei":
            until(lambda: camera.state["pre_event_seconds"] > 1, PATIENCE, "the buffer fills anew")


def test_p2_the_self_view_picture_is_gone_from_the_shared_memory(tmp_path: Path) -> None:
    """The memfd that the display reads is black once self-view is over."""
    with body_camera(tmp_path, configuration(tmp_path, "generic")) as camera:

        def levels() -> set[int]:
            pid = camera.daemon_pid
            for entry in Path(f"/proc/{pid}/fd").iterdir():
                if "memfd:camerad-newest-frame" in os.readlink(entry):
                    with entry.open("rb") as shared:
                        shared.seek(4096)
                        return set(shared.read(320 * 240))
            raise AssertionError("the shared memory is not there")

        camera.press()
        camera.wait(stage="self_view")
        until(lambda: len(levels()) > 20, PATIENCE, "a picture is in the shared memory")
        camera.press("display")
        camera.wait(stage="idle")
        until(lambda: len(levels()) <= 3, 2, "the shared memory is black")
