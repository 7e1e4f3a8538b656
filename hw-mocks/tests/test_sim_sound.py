"""The simulator's microphone: there with it, faulty when it is told, gone with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from sim_support import Sim, alive
from waiting import DEADLINE, until

from hw_mocks.pulse import DEVICE
from hw_mocks.sim.process import descendants


def environment_of(pid: int) -> dict[str, str]:
    entries = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
    return dict(entry.split("=", 1) for entry in entries if "=" in entry)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_the_microphone_comes_and_goes_with_the_simulator(
    tmp_path: Path, number: signal.Signals
) -> None:
    sim = Sim(tmp_path, sound="clapper")
    try:
        sim.ready()
        facts = sim.facts()
        daemon = environment_of(facts["daemon_pid"])
        derived = yaml.safe_load((sim.state_dir / "config" / "camerad.yaml").read_text())
        assert derived["microphone"]["device"] == DEVICE
        # Loudspeaker and microphone are found by the same programs.
        files = [Path(name).read_text() for name in daemon["ALSA_CONFIG_PATH"].split(":")]
        assert any("pcm.!default" in text for text in files)
        assert f"pcm.{DEVICE} " in files[-1]
        play = ["aplay", "-q", "-t", "raw", "-f", "S16_LE", "-r", "48000", "-D", "default"]
        record = ["arecord", "-q", "-t", "raw", "-f", "S16_LE", "-r", "48000", "-D", DEVICE]
        subprocess.run(play, input=bytes(9600), env=daemon, check=True, timeout=DEADLINE)
        heard = subprocess.run(
            [*record, "-s", "9600"], env=daemon, check=True, timeout=DEADLINE, capture_output=True
        )
        assert len(heard.stdout) == 9600 * 2
        # A clap a second, at the 30 frames of the shipped configuration.
        assert daemon["HW_MOCKS_CLAPPER"] == "30"
        folder = Path(daemon["PULSE_RUNTIME_PATH"])
        assert (folder / "native").is_socket()
        status, told = sim.ask("POST", "/api/fault", {"name": "microphone_gone", "seconds": 1})
        assert (status, told["name"]) == (200, "microphone_gone")
        until(lambda: not (folder / "pipe").exists())
        until((folder / "pipe").exists)
        below = descendants(facts["pid"])
        sim.stop(number)
        until(lambda: not any(map(alive, below)))
        assert not folder.exists()
    finally:
        sim.close()


def test_the_microphone_and_its_server_wait_for_no_processor(tmp_path: Path) -> None:
    sim = Sim(tmp_path, sound="clapper")
    try:
        sim.ready()

        def policies() -> set[tuple[str, int]]:
            found = set()
            for pid in descendants(sim.facts()["pid"]):
                name = Path(f"/proc/{pid}/comm").read_text().strip()
                words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
                if name == "pulseaudio" or b"hw_mocks.microphone" in words:
                    threads = map(int, os.listdir(f"/proc/{pid}/task"))
                    found |= {(name, os.sched_getscheduler(thread)) for thread in threads}
            return found

        # Where the user may not, they stay where programs are.
        asked = [sys.executable, "-c", "from hw_mocks.priority import *; print(run_at_once())"]
        may = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
        wanted = os.SCHED_RR if may == "True" else os.SCHED_OTHER
        until(lambda: {policy for _, policy in policies()} == {wanted})
        assert {name for name, _ in policies()} > {"pulseaudio"}
    finally:
        sim.close()


def test_a_simulator_without_sound_has_no_microphone(tmp_path: Path) -> None:
    sim = Sim(tmp_path)
    try:
        sim.ready()
        assert "PULSE_RUNTIME_PATH" not in environment_of(sim.facts()["daemon_pid"])
        assert sim.stop() == 0
    finally:
        sim.close()


def test_a_microphone_that_cannot_start_is_said_and_how_to_go_without(tmp_path: Path) -> None:
    # No sound server is found where there is nothing; the simulator itself needs no path.
    sim = Sim(tmp_path, sound="silence", PATH=str(tmp_path))
    try:
        sim.process.wait(DEADLINE)
        sim.close()
        assert sim.process.returncode not in (0, None)
        assert any("there is no pulseaudio: install it" in line for line in sim.lines)
        assert any("go without it with --sound none" in line for line in sim.lines)
    finally:
        sim.close()
