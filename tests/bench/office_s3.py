"""Replicas in a bucket, beside ``rclone copy`` of the same files over the same TLS.

The bucket is SeaweedFS' on loopback, with the office's own certificate. Twice it is compared:

- the replicas alone: `Replicas.make` on as many threads as the office checks recordings
  with (sent in parts, locked, the lock compared, read back and hashed) beside ``rclone copy`` to
  that bucket;
- the whole way of a hand-over, which ends in the office's directory *and* in the bucket, beside two
  ``rclone copy`` at once, one to each.
"""

from __future__ import annotations

import resource
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import yaml
from hw_mocks.fleet.cards import Card
from hw_mocks.fleet.endless_film import EndlessFilm
from hw_mocks.fleet.fleet_office import FleetOffice
from s3_engines import ACCESS, SECRET, S3Engine, seaweedfs
from state_helpers import state_in

from camerad.base.clock import DAY, SystemClock
from camerad.office.replicas.replica_settings import S3Settings
from camerad.office.replicas.replica_store import Lock, name_of
from camerad.office.replicas.replicas import Replicas
from camerad.office.replicas.s3_bucket import Bucket
from camerad.office.replicas.s3_store import S3Store
from camerad.office.server.ingest_queue import THREADS_WITH_COPIES
from camerad.store import verified_copy
from tests.bench import machine, rclone_peer
from tests.bench.figures import Figures
from tests.bench.office_fleet import (
    bytes_of,
    certificate_of,
    directory,
    hand_over,
    make_cards,
    make_office,
    warm,
)
from tests.bench.plan import log

SENDERS: Final = 4
RATIO_LIMIT: Final = 0.7
SECONDS: Final = "to S3, s"
COPIES, COPIES_RCLONE = "replicas to S3", "rclone to S3"
WHOLE, WHOLE_RCLONE = "handed over, with a replica in S3", "rclone to directory and S3"


def measure(rounds: int, sender_mb: int, film: EndlessFilm, work: Path) -> Figures:
    """Measure it. sender_mb: of each camera. Raises BenchError."""
    figures = Figures()
    with directory(work, "s3") as place:
        # The store's certificate is the office's of the first round.
        made = [_made(place, number, sender_mb, film) for number in range(rounds)]
        figures.facts["s3_bytes"] = bytes_of(made[0][0])
        tls = certificate_of(made[0][1])
        store = place / "store"
        store.mkdir()
        with seaweedfs(store, (tls.authority, tls.server, tls.key)) as engine:
            for number, (cards, office) in enumerate(made):
                log.info("office: to S3, round %d of %d", number + 1, rounds)
                scene = _Scene(figures, place / str(number), cards, office, engine)
                turns = [scene.copies, scene.copies_rclone, scene.whole, scene.whole_rclone]
                for turn in turns if number % 2 else reversed(turns):
                    warm(cards)
                    turn()
    for name, ours, theirs, limit in (
        ("replicas to S3, of rclone's speed", COPIES, COPIES_RCLONE, RATIO_LIMIT),
        ("receiving with S3, of rclone's to both places", WHOLE, WHOLE_RCLONE, RATIO_LIMIT),
    ):
        figures.goal(name, figures.speed(SECONDS, ours, theirs), limit, "times", at_least=True)
    return figures


def _made(
    place: Path, number: int, sender_mb: int, film: EndlessFilm
) -> tuple[list[Card], FleetOffice]:
    """Cards for one round, since a hand-over is done once, and their office."""
    root = place / str(number)
    cards = make_cards(root / "cards", film, SENDERS, sender_mb)
    return cards, make_office(root / "office", cards)


class _Scene:
    """One store, and what is measured with it."""

    def __init__(
        self,
        figures: Figures,
        place: Path,
        cards: list[Card],
        office: FleetOffice,
        engine: S3Engine,
    ) -> None:
        self._figures = figures
        self._place = place
        self._cards = cards
        self._office = office
        self._engine = engine
        self._credentials = place / "credentials"
        said = f"aws_access_key_id = {ACCESS}\naws_secret_access_key = {SECRET}\n"
        self._credentials.write_text(f"[default]\n{said}")
        self._credentials.chmod(0o600)

    def copies(self) -> None:
        """The replicas alone, by the office's own code in this process."""
        settings = S3Settings(
            self._engine.endpoint,
            self._engine.make_bucket(),
            self._credentials,
            ca=Path(self._engine.authority),
        )
        clock = SystemClock()
        # What a take-over knows of each file by then.
        known = [
            (str(path), verified_copy.digest(str(path)))
            for one in self._cards
            for path in one.files
        ]
        locks = self._place / "locks"
        locks.mkdir()
        copies = Replicas(S3Store(Bucket(settings)), clock, state_in(locks))
        copies.probe()
        until = Lock(clock.wall_us() + DAY)

        def make(path: str, content: verified_copy.Digest) -> None:
            recording = Path(path).stem
            copies.make(name_of(recording, content.sha256), path, content, until)

        before, store_ns, began = _own_cpu_s(), self._store_ns(), time.monotonic()
        with ThreadPoolExecutor(THREADS_WITH_COPIES) as pool:
            for one in [pool.submit(make, path, content) for path, content in known]:
                one.result()
        seconds = time.monotonic() - began
        own_s, store_s = _own_cpu_s() - before, (self._store_ns() - store_ns) / 1e9
        copies.close()
        self._note(COPIES, seconds, own=own_s, store=store_s)

    def copies_rclone(self) -> None:
        """The same files by rclone to the same store."""
        store_ns = self._store_ns()
        done = rclone_peer.copy(self._place / "cards", self._bucket())
        store_s = (self._store_ns() - store_ns) / 1e9
        self._note(COPIES_RCLONE, done.seconds, own=done.cpu_s, store=store_s)

    def whole_rclone(self) -> None:
        """The same files by rclone to both places."""
        target = self._place / "webdav"
        with rclone_peer.webdav(target, certificate_of(self._office)) as (webdav, _):
            done = rclone_peer.copy(self._place / "cards", webdav, self._bucket(), sync=target)
        self._note(WHOLE_RCLONE, done.seconds)

    def whole(self) -> None:
        """The whole way of a hand-over."""
        settings = yaml.safe_load(self._office.config.read_text())
        settings["second_copy"] = {
            "s3": {
                "endpoint": self._engine.endpoint,
                "bucket": self._engine.make_bucket(),
                "credentials": str(self._credentials),
                "ca": self._engine.authority,
            }
        }
        self._office.config.write_text(yaml.safe_dump(settings))
        taken = hand_over(self._place / "run", self._cards, self._office)
        self._note(WHOLE, taken.seconds, office=taken.office_s, clients=taken.clients_s)

    def _note(self, who: str, seconds: float, **cpu: float) -> None:
        """Add a round. cpu: by process."""
        self._figures.add(SECONDS, who, seconds)
        for process, spent in cpu.items():
            self._figures.add(f"processor, {SECONDS}", f"{who}: {process}", spent)

    def _bucket(self) -> rclone_peer.Target:
        made = self._engine.make_bucket()
        authority = Path(self._engine.authority)
        return rclone_peer.bucket(made, self._engine.endpoint, ACCESS, SECRET, authority)

    def _store_ns(self) -> int:
        return sum(machine.cpu_ns(one.pid) for one in self._engine.processes)


def _own_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
