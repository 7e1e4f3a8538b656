"""``python -m hw_mocks.fleet``: many cameras come to their office at once, as at a change of shift.

Every camera has a card of its own, filled by the production recorder's writer with its own key, and
the production client, a process for each. The office is the production server. The daemons' part of
the hand-over (listing, signing, judging receipts) is the production control socket on each card's
real store, all in this one process: whole daemons would simulate a sensor each.

A line a second says how far everything is; at the end `camerad evidence verify` checks the office's
directory, and every file is compared with its camera's. Exit code: 0 if all of that is in order.
Otherwise everything is kept, and the last line says where.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from camerad.verify.verdict import Verdict

from hw_mocks.fleet.cards import Card, shift
from hw_mocks.fleet.endless_film import noise
from hw_mocks.fleet.fleet_office import FleetOffice, FleetOfficeError
from hw_mocks.fleet.fleet_run import Cuts, Fleet
from hw_mocks.free_port import free_port
from hw_mocks.progress import waited_for
from hw_mocks.sim.relay import Relay

WIDTH, HEIGHT, BITRATE = 1280, 720, 6_000_000
PATIENCE: Final = 1800.0
CUT_EVERY: Final = 1.5
"""Seconds from one interruption to the next, on the average."""
_RECORDINGS: Final = 6
"""Of a shift, about."""
_SHOWN: Final = 3
"""States that are shown in a line."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out the command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m hw_mocks.fleet", description=__doc__)
    parser.add_argument("--cameras", type=int, default=20, help="default: %(default)s")
    parser.add_argument(
        "--megabytes", type=int, default=60, help="on each card; default: %(default)s"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--mbit", type=int, default=1000, help="bound of each camera's rate")
    parser.add_argument(
        "--cut",
        action="store_true",
        help="cameras are taken out, clients and the office killed, the network goes, in between",
    )
    parser.add_argument("--keep", type=Path, help="keep everything in this directory")
    given = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    root = given.keep or Path(tempfile.mkdtemp(prefix="camerad-fleet-", dir="/var/tmp"))
    code = 1
    try:
        code = asyncio.run(_run(given, root))
    except KeyboardInterrupt:
        code = 130
    except (FleetOfficeError, TimeoutError) as error:
        _say(f"the fleet has ended: {error or 'not everything came about in time'}")
    finally:
        # What went wrong is read from what is left.
        if given.keep is None and code != 1:
            shutil.rmtree(root, ignore_errors=True)
        else:
            _say(f"everything is kept in {root}")
    return code


async def _run(given: argparse.Namespace, root: Path) -> int:
    began = time.monotonic()
    _say(f"filling {given.cameras} cards with {given.megabytes} MB each")
    cards = await asyncio.to_thread(_fill, root, given.cameras, given.megabytes, given.seed)
    listens = free_port()
    relay = Relay(listens) if given.cut else None
    office = FleetOffice(
        root / "office",
        [(one.name, one.key.public) for one in cards],
        listens,
        None if relay is None else relay.port,
    )
    fleet = Fleet(root / "run", cards, office, given.mbit)
    cuts = None if relay is None else Cuts(fleet, relay, given.seed, CUT_EVERY)
    try:
        if relay is not None:
            await relay.start()
            relay.plug()
        await waited_for("the office", asyncio.to_thread(office.start), _say)
        await fleet.open()
        await waited_for("every camera's client", fleet.waiting(PATIENCE), _say)
        _say(f"set up in {time.monotonic() - began:.0f} s; all of them are docked now")
        began = time.monotonic()
        fleet.dock()
        done = await _watch(fleet, cuts, began)
        seconds = time.monotonic() - began
        said = [one.uploader.status() for one in fleet.cameras if not one.done]
    finally:
        await fleet.close()
        status = await asyncio.to_thread(office.stop)
        if relay is not None:
            await relay.stop()
    wrong = [] if done else [f"not done: {said}"]
    wrong += await asyncio.to_thread(_problems, fleet, root, status)
    _summary(fleet, cuts, seconds, wrong)
    return 1 if wrong else 0


def _fill(root: Path, count: int, megabytes: int, seed: int) -> list[Card]:
    film = noise(WIDTH, HEIGHT, BITRATE)
    fragments = max(1, round(megabytes * 1e6 / film.fragment_bytes))
    cards = []
    for number in range(count):
        name = f"camera-{number + 1:02}"
        card = Card(root / "cards" / name, name)
        mean = max(1, fragments // _RECORDINGS)
        card.record(film, shift(fragments, seed * 1000 + number, mean), seed)
        cards.append(card)
    return cards


async def _watch(fleet: Fleet, cuts: Cuts | None, began: float) -> bool:
    """Tell how far it is, every second, until all of it is done; whether it is."""
    cutting = None if cuts is None else asyncio.get_running_loop().create_task(cuts.run())
    try:
        while not fleet.done and time.monotonic() - began < PATIENCE:
            await asyncio.sleep(1)
            if cutting is not None and cutting.done():
                cutting.result()
            fleet.office.look()
            await asyncio.to_thread(_table, fleet, time.monotonic() - began)
    finally:
        if cutting is not None:
            cutting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await cutting
    return fleet.done


def _table(fleet: Fleet, seconds: float) -> None:
    rows = []
    for one in fleet.cameras:
        there = fleet.office.bytes_of(one.card.key.public.thumbprint, one.card.name)
        state = one.uploader.status() if one.daemon.docked else "taken out"
        brought = f"{one.daemon.acknowledged:>3} of {one.recordings}"
        rows.append(f"{one.card.name}  {brought}  {there / 1e6:>8.1f} MB  {state}")
    done = sum(one.done for one in fleet.cameras)
    if sys.stdout.isatty():
        sys.stdout.write("\x1b[2J\x1b[H")
        sys.stdout.write("\n".join(rows) + "\n")
    else:
        states = Counter(row.split("MB  ")[1] for row in rows).most_common(_SHOWN)
        shown = "; ".join(f"{count} x {state}" for state, count in states)
        acknowledged = sum(one.daemon.acknowledged for one in fleet.cameras)
        of = sum(one.recordings for one in fleet.cameras)
        sys.stdout.write(
            f"{seconds:5.0f} s  {done:>2} of {len(rows)} cameras, {acknowledged} of {of} "
            f"recordings: {shown}\n"
        )
    sys.stdout.flush()


def _problems(fleet: Fleet, root: Path, status: int) -> list[str]:
    """What is not as it has to be, in words; nothing if all of it is."""
    wrong = []
    if status != 0:
        wrong.append(f"the office ended with {status}; {fleet.office.log} says why")
    keys = []
    for one in fleet.cameras:
        keys.append(root / f"{one.card.name}.pem")
        keys[-1].write_text(one.card.key.public.pem)
        for path in one.card.files:
            copies = list(fleet.office.directory.glob(f"{one.card.name}-*/recordings/{path.name}"))
            if len(copies) != 1 or copies[0].read_bytes() != path.read_bytes():
                wrong.append(f"{path.name} of {one.card.name}: {len(copies)} copies, or another")
    found = fleet.office.verify(keys)
    if found.returncode not in (Verdict.AUTHENTIC, Verdict.QUALIFIED):
        wrong.append(f"evidence verify: {found.returncode}\n{found.stdout}{found.stderr}")
    if fleet.office.refused():
        wrong.append(f"the office refused {len(fleet.office.refused())} recordings")
    if "Traceback" in fleet.office.log.read_text():
        wrong.append(f"{fleet.office.log} has a mistake of the server's")
    return wrong


def _summary(fleet: Fleet, cuts: Cuts | None, seconds: float, wrong: list[str]) -> None:
    _say("")
    _say(f"{len(fleet.cameras)} cameras, {sum(one.recordings for one in fleet.cameras)} recordings")
    _say(f"{fleet.bytes / 1e6:.0f} MB in {seconds:.1f} s: {fleet.bytes / 1e6 / seconds:.1f} MB/s")
    _say(f"peak memory of the office: {fleet.office.peak_megabytes:.1f} MB")
    _say(f"refused: {len(fleet.office.refused())}")
    if cuts is not None:
        _say("interrupted: " + ", ".join(f"{n} x {kind}" for kind, n in cuts.count.items()))
    _say("evidence verify and a comparison of every file: " + ("NOT in order" if wrong else "ok"))
    for one in wrong:
        _say(f"  {one}")


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
