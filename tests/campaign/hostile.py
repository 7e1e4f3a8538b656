"""A hostile camera within every documented limit, beside twenty honest ones and a clerk.

The office is the production server in a process of its own, and everything goes over HTTPS. The
hostile camera brings as much of a ledger as the office takes from one camera, every entry signed:
holds on recordings that are nowhere, one file with forty thousand boots, and a last file that grows
for as long as it goes on. It hands over recordings as well. The honest ones record, hand over, and
wait for their receipts; the clerk lists, looks and holds. In the end the server is started again.
"""

from __future__ import annotations

import http.client
import itertools
import json
import os
import re
import ssl
import statistics
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from hw_mocks.fleet.cards import Card
from hw_mocks.fleet.endless_film import EndlessFilm, noise
from hw_mocks.fleet.fleet_office import HOST, FleetOffice

from camerad.base.clock import SECOND, ManualClock, SystemClock
from camerad.config.office_section import Office
from camerad.container import jws
from camerad.dock.errors import OfficeAnswerError, OfficeUnavailableError
from camerad.dock.handover import bring_ledger
from camerad.dock.office_client import KeySigner, OfficeClient
from camerad.dock.office_connection import OfficeConnection, trusting
from camerad.dock.request_bodies import FilePart, Text
from camerad.ledger.claim import Claim
from camerad.ledger.ledger import Ledger
from camerad.office.desk import people
from camerad.office.desk.file_import import open_state
from camerad.office.desk.people import DeskRole
from camerad.office.desk.sessions import COOKIE, Sessions
from camerad.office.server.desk_settings import DeskSettings
from camerad.office.server.ledger_copy import LARGEST, MOST_BYTES
from camerad.office.state.database_settings import IndexSettings
from camerad.store.listing import read_info
from tests.campaign.table import say
from tests.helpers.hostile_ledger import HostileLedger, runs

HONEST: Final = 20
MOST_MEGABYTES: Final = 250
CLERK_SECONDS: Final = 1.0
START_SECONDS: Final = 10.0
EVERY_SECONDS: Final = 60.0
"""From one hand-over of an honest camera to its next."""
RECEIPT_SECONDS: Final = 300.0
PART: Final = 4 << 20


class Side:
    """A camera's way to the office, on one thread."""

    def __init__(self, office: FleetOffice, card: Card) -> None:
        section = Office(**office.section(1000))
        context = trusting(section.ca, check_time=True)
        self.card = card
        connection = OfficeConnection(section, context, SystemClock())
        self.client = OfficeClient(section.url, connection, KeySigner(card.key), SystemClock())

    def upload(self, path: Path) -> str:
        """Bring a recording; its id."""
        info = read_info(str(path))
        size = path.stat().st_size
        offset = self.client.begin_upload(path.stem, info.final or "", size)
        with path.open("rb") as file:
            while offset < size:
                part = FilePart(file.fileno(), str(path), offset, min(PART, size - offset))
                offset = self.client.send_part(path.stem, offset, part)
        return path.stem

    def receipt(self, recording: str, until: float) -> bool:
        """Wait for its receipt."""
        while time.monotonic() < until:
            answer = self.client.receipt(recording, patient=True)
            if answer.token is not None:
                return True
            if answer.wants_ledger:
                bring_ledger(str(self.card.root / "ledger"), self.client, lambda: None)
            time.sleep(min(answer.wait or 1.0, 2.0))
        return False


class Scene:
    """Everybody. found: what went wrong. times: seconds of each of the clerk's requests, by what it
    was. receipts: ids of the honest cameras' recordings, each with the seconds to its receipt."""

    def __init__(self, root: Path, minutes: float) -> None:
        self.root = root
        self.until = time.monotonic() + minutes * 60
        self.found: list[str] = []
        self.times: dict[str, list[float]] = {"list": [], "show": [], "hold": []}
        self.receipts: dict[str, float] = {}
        self.film: EndlessFilm = noise(64, 48, 100_000)
        names = ["hostile", *(f"honest-{number}" for number in range(HONEST))]
        self.cards = [Card(root / "cards" / name, name) for name in names]
        known = [(one.name, one.key.public) for one in self.cards]
        self.office = FleetOffice(root / "office", known, desk=True)
        self.megabytes = 0.0
        self.loads: list[float] = []
        self.brought = 0

    @property
    def goes_on(self) -> bool:
        return time.monotonic() < self.until

    def guarded(self, work: Callable[[], None]) -> threading.Thread:
        """Have it done on a thread; what it raises is found."""

        def run() -> None:
            try:
                work()
            except Exception as error:  # noqa: BLE001 - it is a finding
                self.found.append(f"{work}: {type(error).__name__}: {error}")

        thread = threading.Thread(target=run)
        thread.start()
        return thread

    # ------------------------------------------------------------------ cameras

    def honest(self, card: Card, later: float) -> None:
        """Record and hand over, again and again."""
        side = Side(self.office, card)
        clock = ManualClock(600 * SECOND, SystemClock().wall_us() - 600 * SECOND)
        ledger = Ledger.open(Claim(str(card.root / "ledger")), card.key, clock)
        time.sleep(later)
        while self.goes_on:
            one = card.record_one(self.film, 1, clock, ledger)
            began = time.monotonic()
            while True:
                try:
                    bring_ledger(ledger.directory, side.client, lambda: None)
                    side.upload(card.recordings / f"{one}.tar")
                    there = side.receipt(one, began + RECEIPT_SECONDS)
                    break
                except (OfficeUnavailableError, OfficeAnswerError):
                    if time.monotonic() > began + RECEIPT_SECONDS:
                        raise
                    time.sleep(2.0)
            if there:
                self.receipts[one] = time.monotonic() - began
            else:
                self.found.append(f"{card.name}: no receipt for {one}")
            time.sleep(max(0.0, began + EVERY_SECONDS - time.monotonic()))
        ledger.close()

    def hostile(self) -> None:
        """Bring as much as is taken, and change it for as long as it goes on."""
        card = self.cards[0]
        side = Side(self.office, card)
        made = HostileLedger(card.key)
        files: dict[str, str] = {}

        def patient(ask: Callable[[], object]) -> None:
            while self.goes_on:
                try:
                    ask()
                except (OfficeUnavailableError, OfficeAnswerError):
                    time.sleep(1.0)  # it is busy with what was brought before
                else:
                    return

        def put(name: str, content: bytes) -> None:
            patient(lambda: side.client.put_ledger_file(name, Text(content)))
            files[name] = jws.digest(content)
            self.brought += len(content)
            patient(lambda: side.client.declare_ledger(files))

        for number in range(MOST_BYTES // LARGEST - 3):
            slow = not number
            put(*made.epoch(made.ends(), runs(40_000)) if slow else made.epoch(made.holds()))
            if not self.goes_on:
                break
        say(f"the hostile camera has brought {self.brought >> 20} MiB")
        name, content = made.epoch(itertools.islice(made.holds(), 100))
        while self.goes_on:
            put(name, content)
            patient(side.client.ledger)
            if len(content) < LARGEST // 2:
                content += made.more(itertools.islice(made.holds(), 100))
            time.sleep(0.2)

    # ------------------------------------------------------------------ the clerk

    def clerk(self) -> None:
        """List, look, and hold, every two seconds."""
        directory = str(self.office.directory)
        state, clock = open_state(IndexSettings(), directory), SystemClock()
        settings = DeskSettings(self.office.desk, "127.0.0.1", 0)
        with state.writing() as rows:
            roles = frozenset((DeskRole.DESK,))
            known = people.add(rows, "clerk", "Clerk", roles, clock.wall_us())
            cookie = Sessions(state, settings, clock).begin(rows, known, "passkey")
        state.close()
        self.ask = Tab(self.office, cookie).ask
        held: set[str] = set()
        while self.goes_on:
            self.timed("list", "GET", "/api/recordings")
            for one in [one for one in list(self.receipts) if one not in held][:1]:
                self.timed("show", "GET", f"/api/recordings/{one}")
                if self.timed("hold", "POST", f"/api/recordings/{one}/hold", {"reason": "theft"}):
                    held.add(one)
            time.sleep(2.0)
        say(f"the clerk has held {len(held)} recordings")

    def timed(self, what: str, *request: Any) -> bool:
        began = time.monotonic()
        status, said = self.ask(*request)
        self.times[what].append(time.monotonic() - began)
        if status != 200:
            self.found.append(f"the clerk: {what}: {status} {said[:200]!r}")
        return status == 200

    # ------------------------------------------------------------------ what is measured

    def watch(self) -> None:
        """Note memory and load, each second."""
        while self.goes_on:
            self.megabytes = max(self.megabytes, _megabytes(self.office.pid))
            self.loads.append(os.getloadavg()[0])
            time.sleep(1.0)


class Tab:
    """The clerk's browser."""

    def __init__(self, office: FleetOffice, cookie: str) -> None:
        self._office = office
        self._cookie = cookie
        self._tls = ssl.create_default_context(cafile=str(office.certificate[0]))

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, bytes]:
        """One request, on a connection of its own."""
        port = int(self._office.desk.rpartition(":")[2])
        connection = http.client.HTTPSConnection(HOST, port, context=self._tls, timeout=120)
        fields = {"Host": f"localhost:{port}", "Cookie": f"{COOKIE}={self._cookie}"}
        fields["Origin"] = self._office.desk
        fields["Content-Type"] = "application/json"
        try:
            content = None if body is None else json.dumps(body)
            connection.request(method, path, content, fields)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()


def campaign(directory: Path, minutes: float) -> int:
    """Prints what was found; returns the number of findings."""
    scene = Scene(directory, minutes)
    scene.office.start()
    scene.until = time.monotonic() + minutes * 60
    threads = [scene.guarded(scene.hostile), scene.guarded(scene.clerk)]
    threads.append(scene.guarded(scene.watch))
    for number, card in enumerate(scene.cards[1:]):
        later = number * EVERY_SECONDS / HONEST

        def honest(card: Card = card, later: float = later) -> None:
            scene.honest(card, later)

        threads.append(scene.guarded(honest))
    for thread in threads:
        thread.join()
    for one in scene.found:
        say(f"  {one}")
    found = scene.found + _judged(scene)
    for one in found:
        say(f"  {one}")
    say(f"hostile: {minutes:g} minutes, {len(found)} findings")
    return len(found)


def _judged(scene: Scene) -> list[str]:
    found = []
    say(f"load {statistics.mean(scene.loads):.1f} on {os.cpu_count()} processors")
    say(f"memory of the server: {scene.megabytes:.0f} MB at most")
    if scene.megabytes > MOST_MEGABYTES:
        found.append(f"the server had {scene.megabytes:.0f} MB")
    for what, times in scene.times.items():
        if times:
            p95 = sorted(times)[int(len(times) * 0.95)]
            middle = statistics.median(times)
            say(f"{what}: {len(times)}, {middle:.2f} s, p95 {p95:.2f}, at most {max(times):.2f}")
            if p95 > CLERK_SECONDS:
                found.append(f"the clerk's {what} took {p95:.2f} s (p95)")
        else:
            found.append(f"the clerk got no answer to {what}")
    waits = sorted(scene.receipts.values())
    say(f"receipts of honest cameras: {len(waits)}, at most {max(waits, default=0):.1f} s")
    there = {path.stem for path in scene.office.directory.glob("honest-*/recordings/*.tar")}
    found += [f"{one} has a receipt, and is not there" for one in set(scene.receipts) - there]
    if scene.office.stop():
        found.append("the server did not end in order")
    began = time.monotonic()
    scene.office.start()
    status, said = scene.ask("GET", "/api/recordings")
    took = time.monotonic() - began
    time.sleep(120.0)  # it reads all ledgers anew
    say(f"started again in {took:.1f} s; {_megabytes(scene.office.pid):.0f} MB two minutes later")
    if took > START_SECONDS or status != 200:
        found.append(f"started again in {took:.1f} s: {status} {said[:200]!r}")
    if _peak(scene.office.pid) > MOST_MEGABYTES:
        found.append(f"the server had {_peak(scene.office.pid):.0f} MB after its start")
    scene.office.stop()
    return found


def _megabytes(pid: int) -> float:
    return _said_of(pid, "VmRSS")


def _peak(pid: int) -> float:
    return _said_of(pid, "VmHWM")


def _said_of(pid: int, what: str) -> float:
    try:
        said = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    found = re.search(rf"^{what}:\s+(\d+) kB$", said, re.MULTILINE)
    return int(found[1]) * 1024 / 1e6 if found else 0.0
