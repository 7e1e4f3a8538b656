"""The loudspeaker: what is to be said is played, cut short or failed, and nobody waits for it.

The player is the real one wherever it can be; ALSA's own file device stands in for a loudspeaker.
"""

from __future__ import annotations

import asyncio
import os
import signal
import struct
import wave
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import pytest

from camerad.behaviour.announcements import Announcement
from camerad.hardware import speaker
from camerad.hardware.speaker import CUT_SHORT, FAILED, PLAYED, Clip, Speaker, Spoken, clips
from tests.waiting import DEADLINE

ENDED, MUTED, RECORDING = Announcement.ENDED, Announcement.MUTED, Announcement.RECORDING
Load = Callable[[], Awaitable[Mapping[Announcement, Clip]]]


def write(path: Path, samples: list[int], rate: int = 8000) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(struct.pack(f"<{len(samples)}h", *samples))
    return path


@pytest.fixture
def loudspeaker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file in which ALSA puts what the device ``default`` plays."""
    heard = tmp_path / "heard.wav"
    conf = tmp_path / "asound.conf"
    conf.write_text(
        "pcm.!default { type file slave { pcm { type null } } "
        f'file "{heard}" format "wav" }}\n'
    )
    monkeypatch.setenv("ALSA_CONFIG_PATH", str(conf))
    return heard


@pytest.fixture
def load(tmp_path: Path) -> Load:
    for number, what in enumerate((ENDED, RECORDING), 1):
        write(tmp_path / "clips" / f"{what.value}.wav", [1000 * number] * 4000)

    async def loaded() -> Mapping[Announcement, Clip]:
        return clips([tmp_path / "clips"])

    return loaded


class Told:
    """What came of each announcement, in the order in which that was known."""

    def __init__(self) -> None:
        self.said: list[tuple[Announcement, Spoken]] = []

    def of(self, what: Announcement) -> Callable[[Spoken], None]:
        return lambda spoken: self.said.append((what, spoken))

    @property
    def outcomes(self) -> list[tuple[Announcement, str]]:
        return [(what, spoken.outcome) for what, spoken in self.said]

    async def wait(self, count: int, seconds: float = 10) -> None:
        async with asyncio.timeout(seconds):
            while len(self.said) < count:
                await asyncio.sleep(0.001)


def play(scene: Callable[[Speaker, Told], Awaitable[None]], made: Callable[[], Speaker]) -> Told:
    """Let `scene` happen with a speaker that is closed afterwards."""
    told = Told()

    async def run() -> None:
        playing = made()
        playing.start()
        try:
            await scene(playing, told)
        finally:
            await playing.close()

    asyncio.run(run())
    return told


def script(tmp_path: Path, text: str) -> tuple[str, ...]:
    """A player of one's own."""
    path = tmp_path / "player.sh"
    path.write_text(text)
    return ("sh", str(path))


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


# ------------------------------------------------------------------------------------- to the end


def test_what_is_to_be_said_reaches_the_device_sample_by_sample(
    loudspeaker: Path, load: Load
) -> None:
    async def scene(playing: Speaker, told: Told) -> None:
        playing.say(ENDED, told.of(ENDED))
        await told.wait(1)

    told = play(scene, lambda: Speaker("default", load))
    assert told.outcomes == [(ENDED, PLAYED)]
    (_, spoken) = told.said[0]
    assert spoken.why is None
    assert len(spoken.sha256) == 64
    with wave.open(str(loudspeaker)) as heard:
        samples = struct.unpack("<4000h", heard.readframes(4000))
    assert set(samples) == {1000}


def test_a_device_that_is_missing_is_named_and_the_next_announcement_is_tried_again(
    loudspeaker: Path, load: Load
) -> None:
    async def scene(playing: Speaker, told: Told) -> None:
        for _ in range(2):
            playing.say(ENDED, told.of(ENDED))
            await told.wait(len(told.said) + 1)

    told = play(scene, lambda: Speaker("nosuch", load))
    assert told.outcomes == [(ENDED, FAILED)] * 2
    why = told.said[0][1].why
    assert why is not None and "nosuch" in why and "\n" not in why
    assert why.endswith("audio open error: No such file or directory")


def test_what_has_no_file_fails_and_a_program_that_is_missing_is_named(load: Load) -> None:
    async def scene(playing: Speaker, told: Told) -> None:
        playing.say(MUTED, told.of(MUTED))
        await told.wait(1)
        playing.say(ENDED, told.of(ENDED))
        await told.wait(2)

    told = play(scene, lambda: Speaker("default", load, player=("/nonexistent/player",)))
    assert told.said[0][1] == Spoken("", FAILED, "there is no file for it")
    assert told.said[1][1].why == (
        "/nonexistent/player cannot be started: No such file or directory"
    )


def test_a_player_that_dies_in_silence_is_told_by_its_exit_code(tmp_path: Path, load: Load) -> None:
    player = script(tmp_path, "kill -SEGV $$\n")

    async def scene(playing: Speaker, told: Told) -> None:
        playing.say(ENDED, told.of(ENDED))
        await told.wait(1)

    told = play(scene, lambda: Speaker("default", load, player=player))
    assert told.said[0][1].why == f"the player ended with exit code {-signal.SIGSEGV}"


def test_of_a_player_that_talks_without_end_only_the_end_is_kept(
    tmp_path: Path, load: Load
) -> None:
    # More than a pipe holds, so a player that nobody listened to would never end.
    talk = "yes 'something is wrong with this device' | head -n 3000 >&2"
    text = f"{talk}; echo 'this is why' >&2; exit 1\n"

    async def scene(playing: Speaker, told: Told) -> None:
        playing.say(ENDED, told.of(ENDED))
        await told.wait(1)

    told = play(scene, lambda: Speaker("default", load, player=script(tmp_path, text)))
    why = told.said[0][1].why
    assert why is not None and why.endswith("device this is why") and len(why) <= 300


# --------------------------------------------------------------------------------- hangs and news


def sleeper(tmp_path: Path) -> tuple[tuple[str, ...], Path]:
    """A player that hangs, and the file in which each notes its process id."""
    pids = tmp_path / "pids"
    pids.touch()
    return script(tmp_path, f"echo $$ >> {pids}\nexec sleep 60\n"), pids


async def begun(pids: Path, count: int) -> list[int]:
    """The process ids of the players, once so many have begun."""
    async with asyncio.timeout(DEADLINE):
        while len(found := pids.read_text().split()) < count:
            await asyncio.sleep(0.001)
    return [int(pid) for pid in found]


def test_a_device_that_hangs_costs_its_player_its_life_and_nothing_else(
    tmp_path: Path, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speaker, "PATIENCE_SECONDS", 2.0)  # in which it has noted its id
    player, pids = sleeper(tmp_path)

    async def scene(playing: Speaker, told: Told) -> None:
        playing.say(ENDED, told.of(ENDED))
        assert not pids.read_text(), "somebody waited for the player"
        await told.wait(1)
        assert all(gone(pid) for pid in await begun(pids, 1))

    told = play(scene, lambda: Speaker("default", load, player=player))
    assert told.said[0][1].why == "the sound device default hangs"


def test_a_player_that_only_falls_silent_is_no_reason_to_wait_for_ever(
    tmp_path: Path, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speaker, "PATIENCE_SECONDS", 2.0)  # in which it has noted its id
    pids = tmp_path / "pids"
    pids.touch()
    # It closes its standard error, as one that ends does, and lives on.
    player = script(tmp_path, f"exec 2>&-\necho $$ >> {pids}\nexec sleep 60\n")

    async def scene(playing: Speaker, told: Told) -> None:
        playing.say(ENDED, told.of(ENDED))
        await told.wait(1)
        assert all(gone(pid) for pid in await begun(pids, 1))
        # And what is newer cuts it short.
        monkeypatch.setattr(speaker, "PATIENCE_SECONDS", 60.0)
        playing.say(RECORDING, told.of(RECORDING))
        await begun(pids, 2)
        playing.say(ENDED, told.of(ENDED))
        await told.wait(2)

    told = play(scene, lambda: Speaker("default", load, player=player))
    assert told.said[0][1].why == "the sound device default hangs"
    assert told.outcomes[1] == (RECORDING, CUT_SHORT)


def test_something_newer_ends_what_is_being_said(tmp_path: Path, load: Load) -> None:
    player, pids = sleeper(tmp_path)

    async def scene(playing: Speaker, told: Told) -> None:
        playing.say(RECORDING, told.of(RECORDING))
        await begun(pids, 1)
        playing.say(MUTED, told.of(MUTED))
        playing.say(ENDED, told.of(ENDED))  # at once: nobody has heard the one before
        assert told.outcomes == [(MUTED, CUT_SHORT)]
        first, _ = await begun(pids, 2)
        assert gone(first), "two speak at the same time"

    told = play(scene, lambda: Speaker("default", load, player=player))
    assert told.outcomes == [(MUTED, CUT_SHORT), (RECORDING, CUT_SHORT), (ENDED, CUT_SHORT)]
    assert all(gone(int(pid)) for pid in pids.read_text().split())


def test_a_player_that_cannot_be_killed_keeps_others_from_piling_up_behind_it(
    tmp_path: Path, load: Load, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(speaker, "PATIENCE_SECONDS", 0.0)
    monkeypatch.setattr(speaker, "KILL_SECONDS", 0.1)
    player, pids = sleeper(tmp_path)

    async def scene(playing: Speaker, told: Told) -> None:
        with monkeypatch.context() as stuck:
            stuck.setattr(asyncio.subprocess.Process, "kill", lambda process: None)
            playing.say(RECORDING, told.of(RECORDING))
            await told.wait(1)
            playing.say(ENDED, told.of(ENDED))
            await told.wait(2)
        (pid,) = await begun(pids, 1)
        assert f"the player {pid} cannot be killed" in caplog.text
        assert told.said[1][1].why == f"the player {pid} is stuck in its driver"
        # The driver comes back to itself.
        os.kill(pid, signal.SIGKILL)
        process = playing._process
        assert process is not None
        await process.wait()
        playing.say(ENDED, told.of(ENDED))
        await begun(pids, 2)

    play(scene, lambda: Speaker("default", load, player=player))


def test_what_is_to_be_said_before_the_files_are_read_is_said_then(
    loudspeaker: Path, load: Load
) -> None:
    async def scene(_: Speaker, told: Told) -> None:
        read = asyncio.Event()

        async def slow() -> Mapping[Announcement, Clip]:
            await read.wait()
            return await load()

        playing = Speaker("default", slow)
        playing.start()
        playing.say(ENDED, told.of(ENDED))
        assert told.said == []
        read.set()
        await told.wait(1)
        await playing.close()

    assert play(scene, lambda: Speaker("default", load)).outcomes == [(ENDED, PLAYED)]


def test_a_speaker_that_never_began_can_be_closed_and_tells_of_what_it_did_not_say(
    load: Load,
) -> None:
    async def scene() -> Told:
        told = Told()
        playing = Speaker("default", load)
        playing.say(ENDED, told.of(ENDED))
        await playing.close()
        return told

    assert asyncio.run(scene()).outcomes == [(ENDED, CUT_SHORT)]


# ------------------------------------------------------------------------------------- the files


def test_the_office_s_file_comes_first_and_camerad_s_stands_in_for_one_that_is_wrong(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    office, came = tmp_path / "office", tmp_path / "came"
    mine = write(office / "recording.wav", [1] * 100)
    for what in Announcement:
        write(came / f"{what.value}.wav", [2] * 100)
    (office / "ended.wav").write_bytes(b"ID3 no WAV at all")
    write(office / "muted.wav", [])
    write(office / "unmuted.wav", [0] * 3100, rate=100)
    self_view = write(office / "self_view.wav", [3] * 100)
    content = bytearray(self_view.read_bytes())
    content[24:28] = bytes(4)  # samples per second
    self_view.write_bytes(content)
    found = clips([office, came])
    assert found[Announcement.RECORDING].path == mine
    assert found[Announcement.RECORDING].seconds == 100 / 8000
    for what in set(Announcement) - {Announcement.RECORDING}:
        assert found[what].path == came / f"{what.value}.wav"
    for name in ("ended", "muted", "unmuted", "self_view"):
        assert f"{office / name}.wav is not played: " in caplog.text
    assert "it lasts 31 s, and an announcement up to 30 s" in caplog.text


def test_an_announcement_without_any_file_is_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert clips([tmp_path]) == {}
    assert f"there is no recording.wav to be played: put one into {tmp_path}" in caplog.text
