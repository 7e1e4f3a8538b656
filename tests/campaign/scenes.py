"""Plays a sequence of the fault campaign on a running camera, and sees what can be seen of it.

Seen is only what lies below the daemon and outside of it: pins, files, memory, what the sensor's
barcodes say; and the daemon's own word where it is the word that is judged.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
import threading
import time
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from camerad.container.keys import KeyRing
from camerad.daemon.store_worker import HOUSEKEEPING_SECONDS
from camerad.verify.judge import verify
from camerad.verify.verdict import Verdict
from tests.campaign import judging, sequences
from tests.campaign.seen import Film, Pressed, Said, Seen, Span
from tests.system import judge, memory, sealed
from tests.system.harness import BodyCamera, body_camera, configuration, now_us, until
from tests.system.plaintext import in_the_clear, parameter_sets
from tests.system.watching import Watch

PATIENCE: Final = 60.0
"""Seconds after which a camera is given up that has not become ready again."""
NEWEST: Final = 16
SPREAD: Final = 16
"""Packets that are looked for in the daemon's memory: the last ones, and some of all others."""
LOOK_SECONDS: Final = 0.05
REBOOT_SECONDS: Final = 3.0
"""What is off for longer does not come back by itself."""
CLOSED_SECONDS: Final = HOUSEKEEPING_SECONDS + 10
"""After which what a failing card left without an end has been given one: the daemon looks for such
recordings every so often."""
BUGS: Final = Path(__file__).parent / "bugs"


def media_us(wall_ns: int) -> int:
    """The media time of an instant of the wall clock that is over, to a millisecond: a thread that
    is held up between two looks at the clocks looks again."""
    while True:
        before_us, now_ns, after_us = now_us(), time.time_ns(), now_us()
        if after_us - before_us < 1_000:
            return after_us - max(0, (now_ns - wall_ns) // 1000)


class Told(threading.Thread):
    """Follows what the simulator tells of the camera's state, also while the daemon is down."""

    def __init__(self, url: str) -> None:
        super().__init__(name="told", daemon=True)
        self.all: list[Said] = []
        self.problem: str | None = None
        self._connection = http.client.HTTPConnection(url.removeprefix("http://"))
        self._connection.request("GET", "/api/events")
        self._answer = self._connection.getresponse()
        self.start()

    def run(self) -> None:
        try:
            for line in self._answer:
                if line.startswith(b"data:"):
                    self.all.append(Said(now_us(), json.loads(line[5:])))
        except (OSError, ValueError, http.client.HTTPException) as error:
            self.problem = str(error)

    def close(self) -> None:
        if self._connection.sock is not None:
            with contextlib.suppress(OSError):
                self._connection.sock.shutdown(socket.SHUT_RDWR)
        self.join(5)
        self._connection.close()


class Stage:
    """A camera on which one sequence after the other is played."""

    def __init__(self, camera: BodyCamera, workspace: Path, notes: Path, bug: Path) -> None:
        self.camera = camera
        self.card = camera.state_dir / "camerad"
        self.bug = bug
        self._workspace = workspace
        self._notes = notes
        self.key = judging.device_key(self.card, workspace / "device.jwk")
        self._ring = KeyRing.read([str(self.key)])
        self._told = Told(camera.url)
        self._closed: dict[Path, tuple[int, int]] = {}
        self._read: dict[Path, int] = {}
        self._threads_waited: dict[Path, float] = {}
        self._logged = 0
        until(lambda: self._told.all, 10, "the first state is told")

    def play(self, sequence: sequences.Sequence) -> Seen:
        """Play it, end its faults, wait until the camera is ready again, and look at everything."""
        watch = Watch(self.card)
        noted = self._notes.stat().st_size
        first = len(self._told.all) - 1
        self._entries()
        pressure, waited = self._pressure(), self._waited()
        seen = Seen(sequence, now_us(), known=len(self._closed))
        try:
            with self._watching(watch, seen):
                self._perform(sequence, seen)
                self._recover(sequence, seen)
                self._wait_for_ends(seen)
        finally:
            watch.close()
        seen.ended_us = now_us()
        seen.busy = (self._pressure() - pressure) / (seen.ended_us - seen.began_us)
        seen.waited = self._waited() - waited
        seen.said = self._told.all[first:]
        # Lights that were on before are told by the edges before.
        seen.edges = [e for e in self.camera.ask("GET", "/api/edges").body if e["name"]]
        reports = self.camera.ask("GET", f"/api/reports?after={seen.began_us}").body
        seen.syncs = [one for one in reports if "synced" in one]
        seen.refused = [one for one in reports if "hit" in one and "path" in one]
        self._look_at_films(seen, noted)
        seen.ledger = self._entries()
        seen.slowed = "pictures per second" in self._log()
        self._look_into_memory(seen, noted)
        return seen

    @staticmethod
    def _pressure() -> int:
        """Microseconds in which something waited for a processor, since the machine's start."""
        some = Path("/proc/pressure/cpu").read_text().splitlines()[0]
        return int(some.rpartition("=")[2])

    def _log(self) -> str:
        """What the daemon has logged since the last call."""
        with self.camera.log.open("rb") as file:
            file.seek(self._logged)
            said = file.read()
        self._logged += len(said)
        return said.decode()

    def _daemon(self) -> int:
        """Process id of the daemon that runs now, or ran last."""
        return int(json.loads((self.camera.state_dir / "sim.json").read_text())["daemon_pid"])

    def _waited(self) -> float:
        """Seconds for which threads of the daemon were ready to run and did not; those of one that
        has ended are what was seen of them last."""
        for thread in Path(f"/proc/{self._daemon()}/task").glob("*/schedstat"):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                self._threads_waited[thread] = int(thread.read_text().split()[1]) / 1e9
        return sum(self._threads_waited.values())

    # ------------------------------------------------------------------ acting

    @contextlib.contextmanager
    def _watching(self, watch: Watch, seen: Seen) -> Iterator[None]:
        over = threading.Event()

        def look() -> None:
            looked_us = now_us()
            while True:
                last = over.wait(LOOK_SECONDS)
                before_us, looked_us = looked_us, now_us()
                self._waited()
                for line in watch.changes():
                    name = line.rpartition(":")[0]
                    seen.changed.append((self._changed_us(name, before_us), name))
                if last:
                    return

        with ThreadPoolExecutor(1, "watching") as pool:
            done = pool.submit(look)
            try:
                yield
            finally:
                over.set()
                done.result()

    @staticmethod
    def _changed_us(name: str, before_us: int) -> int:
        """When a file was last changed, which may be a while before this is asked; of one that is
        gone, `before_us`, when nothing was known of it yet."""
        try:
            return media_us(os.stat(name).st_ctime_ns)
        except FileNotFoundError:
            return before_us

    def _perform(self, sequence: sequences.Sequence, seen: Seen) -> None:
        began_us = seen.began_us

        def hand() -> None:
            for press in sequence.presses:
                self._wait(began_us + press.at * 1e6)
                body = {"button": press.button, "seconds": press.seconds}
                reply = self.camera.ask("POST", "/api/press", body)
                # 409: nobody looks at the pins while the daemon is down.
                assert reply.status in (200, 409), reply
                if reply.status == 200:
                    down_us, up_us = reply.body["down_us"], reply.body["up_us"]
                    # A button that is stuck is down already, and has no edge.
                    if down_us is not None and up_us is not None:
                        seen.presses.append(Pressed(press.button, down_us, up_us))

        with ThreadPoolExecutor(1, "hand") as pool:
            pressing = pool.submit(hand)
            for fault in sequence.faults:
                self._wait(began_us + fault.at * 1e6)
                at_us = now_us()
                reply = self.camera.ask("POST", "/api/fault", fault.body)
                assert reply.status in (200, 409), (fault, reply)
                lasts = 0.0 if fault.lasts is None else fault.lasts
                if reply.status == 200:
                    until_us = at_us + round(lasts * 1e6)
                    seen.faults.append(Span(fault.name, at_us, until_us, fault.body))
            pressing.result()
        self._wait(began_us + sequence.seconds * 1e6)

    def _wait(self, at_us: float) -> None:
        """Real time is what this is about."""
        self.camera.pass_time(max(0.0, (at_us - now_us()) / 1e6))

    def _recover(self, sequence: sequences.Sequence, seen: Seen) -> None:
        happened = {one.name for one in seen.faults}
        for body in sequences.heal(sequence, happened):
            assert self.camera.ask("POST", "/api/fault", body).status == 200, body
        seen.healed_us = now_us()
        seen.faults = [
            Span(one.name, one.from_us, min(one.to_us, seen.healed_us), one.body)
            for one in seen.faults
        ]

        off: list[int] = []

        def rests() -> bool:
            state = self.camera.state
            stage = state["stage"]
            if stage == "off":
                # So is a board for an instant that is about to reboot.
                off.append(now_us())
                if now_us() - off[0] < REBOOT_SECONDS * 1e6:
                    return False
                seen.ended = "the daemon has ended and does not come back"
                return True
            off.clear()
            if stage == "recording" and state["recording"] and state["recording"]["id"]:
                self.camera.stop_once()
            elif stage == "self_view":
                self.camera.ask("POST", "/api/press", {"button": "display", "seconds": 0.1})
            return bool(stage == "idle" and state["ready"])

        with contextlib.suppress(AssertionError):
            until(rests, PATIENCE, "the camera is ready again")
            seen.ready_us = now_us()

    def _wait_for_ends(self, seen: Seen) -> None:
        """What a card refused is closed when it works again. What was never closed is judged."""
        if seen.ready_us is None or seen.ended is not None:
            return
        new = [one for one in self._recordings() if one not in self._closed]
        without = [path for path in new if not judging.ended(path)]
        seen.mended = {path.name for path in without}
        with contextlib.suppress(AssertionError):
            until(lambda: all(map(judging.ended, without)), CLOSED_SECONDS, "they end", pause=0.5)

    def _recordings(self) -> list[Path]:
        return judging.recordings(self.card / "recordings")

    # ------------------------------------------------------------------ looking

    def _look_at_films(self, seen: Seen, noted: int) -> None:
        here = self._recordings()
        for path, was in self._closed.items():
            if path not in here:
                seen.vanished.append(path.name)
            elif (now := (path.stat().st_size, path.stat().st_mtime_ns)) != was:
                seen.altered.append(path.name)
                self._closed[path] = now
        ids = {s.state["recording"]["id"] for s in seen.said if s.state["recording"]}
        names = {path.stem for path in [*here, *self._closed]}
        seen.vanished += [f"{one}.tar" for one in sorted(filter(None, ids)) if one not in names]
        new = [path for path in here if path not in self._closed]
        pieces = self._pieces(noted)
        for path in new:
            try:
                seen.films.append(self._film(path, pieces))
            except (AssertionError, ValueError) as error:
                seen.unreadable.append(f"{path.name} cannot be read: {error!r}")
            stat = path.stat()
            self._closed[path] = (stat.st_size, stat.st_mtime_ns)
        for path in seen.vanished:
            self._closed.pop(self.card / "recordings" / path, None)
        seen.sought = len(pieces)
        changed = {Path(name) for _, name in seen.changed} | set(new)
        for path in sorted(changed):
            if path.is_file() and in_the_clear(path.read_bytes(), pieces):
                seen.clear.append(path.name)

    def _film(self, path: Path, pieces: list[bytes]) -> Film:
        read = sealed.read(path)
        numbers: tuple[int, ...] | None = ()
        problem = None
        if read.fragments:
            try:
                film = sealed.opened(path, self._workspace)
                judge.ffmpeg_is_silent(film)
                numbers = tuple(judge.decode(film, keep_every=10**9).numbers)
                pieces += parameter_sets(Path(film))
                os.unlink(film)
            except AssertionError as error:
                numbers, problem = None, str(error)
        report = verify(str(path), self._ring)
        content = bytearray(path.read_bytes())
        at = zlib.crc32(path.name.encode()) % len(content)
        content[at] ^= 1
        other = self._workspace / path.name
        other.write_bytes(content)
        found = verify(str(other), self._ring).verdict >= Verdict.NOT_AUTHENTIC
        other.unlink()
        return Film(path, read, numbers, problem, report, found, self.camera.epoch_us)

    def _pieces(self, noted: int) -> list[bytes]:
        data = self._notes.read_bytes()[noted:]
        size = memory.PIECE
        pieces = [data[at : at + size] for at in range(0, len(data) - size + 1, size)]
        return [piece for piece in pieces if len(set(piece)) > size // 2]

    def _look_into_memory(self, seen: Seen, noted: int) -> None:
        if seen.ended is not None or seen.ready_us is None:
            return
        pieces = self._pieces(noted)
        others = pieces[:-NEWEST]
        pieces = pieces[-NEWEST:] + others[:: max(1, len(others) // SPREAD)]
        if pieces:
            scratch = self._workspace / "pieces"
            hits = memory.found_in(self._daemon(), pieces, scratch)
            seen.left["camerad"] = len({hit.packet for hit in hits})

    def _entries(self) -> list[dict[str, Any]]:
        """The ledger's entries since the last call; its lines are JWS."""
        found = []
        for path in sorted((self.card / "ledger").glob("*.jws")):
            with path.open("rb") as file:
                file.seek(self._read.get(path, 0))
                data = file.read()
            whole = data[: data.rfind(b"\n") + 1]
            self._read[path] = self._read.get(path, 0) + len(whole)
            found += [sealed.payload(line) for line in whole.splitlines()]
        return found

    def close(self) -> None:
        self._told.close()


@contextlib.contextmanager
def stage(directory: Path) -> Iterator[Stage]:
    """A camera with a small picture, so that many sequences cost little, and a buffer of 2 s."""
    notes, bug = directory / "notes", directory / "bug"
    notes.touch()
    bug.touch()
    workspace = directory / "work"
    workspace.mkdir()
    picture = {"width": 640, "height": 480, "bitrate": 1_500_000, "max_bitrate": 2_000_000}
    config = configuration(directory, pre_event={"seconds": 2}, camera=picture)
    environment = {
        "CAMERAD_TEST_NOTES": str(notes),
        "CAMERAD_TEST_BUG": str(bug),
        "CAMERAD_TEST_STRAY": str(directory / "state" / "camerad" / "stray.bin"),
        "PYTHONPATH": str(BUGS),
    }
    with body_camera(directory, config, environment=environment) as camera:
        played = Stage(camera, workspace, notes, bug)
        try:
            yield played
        finally:
            played.close()
