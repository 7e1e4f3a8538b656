"""A camera in its dock and its office: the real client, the real server in a process of its own,
and between both a network that goes at a byte."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection
from pathlib import Path

from check_in_helpers import token
from desk_helpers import KEY, Camera
from office_server import OfficeServer

from camerad.base.clock import SystemClock
from camerad.base.errors import CameradError
from camerad.container.keys import KeyRing, PublicKey, decode_base64url
from camerad.dock.daemon_client import ToHandOver
from camerad.dock.errors import HandoverStoppedError, OfficeUnavailableError
from camerad.dock.handover import Handover, HandoverMemory, HandoverResult
from camerad.dock.office_check_in import OfficeCheckIn
from camerad.dock.office_client import KeySigner, OfficeClient
from camerad.dock.office_connection import OfficeConnection, trusting
from camerad.dock.request_bodies import Body
from camerad.store.device_client import accept_receipt

KINDS = ("network", "client", "office", "network and office")
"""What is interrupted."""
PASSES = 3


class Daemon:
    """What the camera's daemon does for a hand-over, on its real store."""

    def __init__(self, camera: Camera, office: PublicKey) -> None:
        self.camera = camera
        self.office = KeyRing([office])
        self.check_ins = 0

    def to_hand_over(self, also: Collection[str] = ()) -> list[ToHandOver]:
        with self.camera.open() as store:
            known = store.ledger.state.recordings.values()
            return [
                ToHandOver(one.id, str(self.camera.recordings / f"{one.id}.tar"), one.final)
                for one in known
                if one.acknowledged is None or one.id in also
            ]

    def check_in(self) -> bytes:
        self.check_ins += 1
        with self.camera.open() as store:
            return token(self.check_ins, head=store.ledger.head)

    def show_log(self, log: str) -> tuple[bool, str | None]:
        return False, None

    def offer_settings(self, offer: bytes) -> str | None:
        raise AssertionError("nothing is on offer")

    def accept(self, token: bytes) -> list[str]:
        with self.camera.open() as store:
            return accept_receipt(store, self.office, token)


class CountingClient(OfficeClient):
    """Counts the bytes of recordings that were given to the connection, whether they arrived or
    not."""

    footage = 0

    def send_part(
        self, recording: str, offset: int, part: Body, following: Body | None = None
    ) -> int:
        before = self._connection.traffic.sent
        try:
            return super().send_part(recording, offset, part, following)
        finally:
            self.footage += self._connection.traffic.sent - before


class Dock:
    """A camera and its office, which knows others besides.

    footage: bytes of recordings that went to it."""

    def __init__(self, root: Path, **others: PublicKey) -> None:
        self.camera = Camera(root / "camera")
        self.server = OfficeServer(root / "office", KEY.public, "cam-1", **others)
        self.section = self.server.section
        self.daemon = Daemon(self.camera, PublicKey(decode_base64url(self.section.key)))
        self.memory = HandoverMemory()
        self.footage = 0
        self.error: CameradError | None = None

    def complete(self) -> HandoverResult:
        """A pass that nothing interrupts; again, as `DockWatch` does, while the office still works
        on what the one before asked, and says so."""
        for _ in range(PASSES):
            result = self.hand_over()
            if result is not None:
                return result
            assert isinstance(self.error, OfficeUnavailableError), self.error
            assert self.error.retry_after is not None, self.error
            time.sleep(self.error.retry_after)
        raise AssertionError(self.error)

    def hand_over(self, fault: str | None = None, after: int = 0) -> HandoverResult | None:
        """One pass; None if it was interrupted. fault: one of KINDS, when so many bytes more have
        gone to the office."""
        relay, clock = self.server.relay, SystemClock()
        connection = OfficeConnection(
            self.section, trusting(self.section.ca, check_time=True), clock
        )
        done = threading.Event()
        from_here = relay.passed

        def watch() -> None:
            while not done.is_set() and relay.passed < from_here + after:
                time.sleep(0.0005)
            if done.is_set():
                return
            if "office" in str(fault):
                self.server.kill()
            if fault == "client":
                connection.interrupt()

        watcher = threading.Thread(target=watch)
        self.server.plug(after if "network" in str(fault) else None)
        if fault not in (None, "network"):
            watcher.start()
        client = CountingClient(self.section.url, connection, KeySigner(KEY), clock)
        step = self.memory.check_in
        try:
            return Handover(
                str(self.camera.root / "ledger"),
                self.daemon,
                client,
                connection,
                clock,
                check_in=OfficeCheckIn(self.daemon, client, clock, step, self.memory.is_new),
                memory=self.memory,
            ).run()
        except (OfficeUnavailableError, HandoverStoppedError) as error:
            self.error = error
            return None
        finally:
            done.set()
            self.footage += client.footage
            if watcher.ident is not None:
                watcher.join()
            connection.close()
            self.server.pull()

    def at_the_office(self) -> dict[str, bytes]:
        """The recordings that the office has; each once."""
        paths = list(self.server.directory.glob("*/recordings/*"))
        assert len({path.name for path in paths}) == len(paths)
        return {path.stem: path.read_bytes() for path in paths}

    def acknowledged(self) -> set[str]:
        with self.camera.open() as store:
            known = store.ledger.state.recordings.values()
            return {one.id for one in known if one.acknowledged is not None}
