"""Every change of a ledger without its key is found and named, and nothing else is.

The ledger is a real one: two checkpoints and four epochs, with holds, tombstones and a repair.
Every mutation comes from one seed, so that a failure can be had again.
"""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, Final

import pytest

from camerad.base.clock import DAY, ManualClock
from camerad.container import jws
from camerad.container.keys import KeyRing, SigningKey
from camerad.container.severity import Severity
from camerad.ledger import entries, log_segments
from camerad.ledger.claim import Claim
from camerad.ledger.entries import Payload
from camerad.ledger.ledger import Head, Ledger, read_ledger
from tests.breadth import breadth

SEED: Final = 20261124
FLIPS: Final = breadth(16, 40)
"""Bytes that are flipped in each line or checkpoint, besides its first and its last."""
KEY: Final = SigningKey.generate()
KEYS: Final = KeyRing([KEY.public])
FORGER: Final = SigningKey.generate()
DAYS: Final = 14

Files = dict[str, bytes]
Mutation = tuple[str, Files]


def write_ledger(directory: Path, key: SigningKey, now_us: int = 0) -> Head:
    """A ledger with everything in it; returns its head."""
    clock = ManualClock(now_us)
    ledger = Ledger.open(Claim(str(directory)), key, clock)
    for number in range(4):
        name = f"r{number}"
        ledger.append("opened", id=name, header=f"h{number}")
        ledger.append(
            "closed",
            id=name,
            final=f"f{number}",
            retention_days=DAYS,
            ended=clock.moment(),
            flagged=False,
            reason="stop",
        )
    ledger.append("hold", id="r0", reason="prosecutor", who="Desk")
    ledger.rotate()
    ledger.rotate()
    ledger.rotate()
    clock.advance(DAYS * DAY)
    ledger.expire(DAYS)
    ledger.append("deleted", id="r1", final="f1", why="expired", age_us=DAYS * DAY)
    ledger.rotate()
    ledger.append("uptime")
    ledger.close()
    with (directory / log_segments.epoch_name(ledger.head.epoch)).open("ab") as file:
        file.write(b"eyJ")
    ledger = Ledger.open(Claim(str(directory)), key, clock)
    for _ in range(6):
        ledger.append("uptime")
    ledger.close()
    return ledger.head


class Original:
    """The ledger as it was written, in a directory that nothing changes."""

    def __init__(self, directory: Path) -> None:
        self.head = write_ledger(directory / "own", KEY)
        self.files = read_files(directory / "own")
        write_ledger(directory / "other", KEY, 1)
        self.other = read_files(directory / "other")
        write_ledger(directory / "forged", FORGER)
        self.forged = read_files(directory / "forged")
        self.newest = max(name for name in self.files if name.endswith(".jws"))


def read_files(directory: Path) -> Files:
    return {path.name: path.read_bytes() for path in sorted(directory.iterdir())}


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Original:
    return Original(tmp_path_factory.mktemp("ledgers"))


def check(directory: Path, files: Files, head: Head | None) -> tuple[list[str], list[str]]:
    """What is found wrong, and what else is noted."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir()
    for name, content in files.items():
        (directory / name).write_bytes(content)
    _, findings = read_ledger(str(directory), KEYS, head)
    return (
        [str(one) for one in findings if one.severity is Severity.DAMAGE],
        [str(one) for one in findings if one.severity is Severity.NOTE],
    )


def lines_of(content: bytes) -> list[bytes]:
    return content.splitlines(keepends=True)


def with_lines(original: Original, name: str, lines: list[bytes]) -> Files:
    return original.files | {name: b"".join(lines)}


def flips(original: Original) -> Iterator[Mutation]:
    random = Random(SEED)
    for name, content in original.files.items():
        begin = 0
        for number, line in enumerate(lines_of(content), 1):
            end = begin + len(line)
            for offset in {begin, end - 1, *random.choices(range(begin, end), k=FLIPS)}:
                changed = bytearray(content)
                changed[offset] ^= 1 << random.randrange(8)
                yield f"{name}:{number}: byte {offset}", original.files | {name: bytes(changed)}
            begin = end


def lines_moved(original: Original) -> Iterator[Mutation]:
    for name, content in original.files.items():
        if not name.endswith(".jws"):
            continue
        lines = lines_of(content)
        for at, line in enumerate(lines):
            rest = lines[:at] + lines[at + 1 :]
            if name != original.newest or at < len(lines) - 1:
                yield f"{name}: line {at + 1} left out", with_lines(original, name, rest)
            twice = [*lines[: at + 1], line, *lines[at + 1 :]]
            yield f"{name}: line {at + 1} doubled", with_lines(original, name, twice)
            for to in range(len(lines)):
                moved = [*rest[:to], line, *rest[to:]]
                if moved != lines:
                    yield (
                        f"{name}: line {at + 1} moved to {to + 1}",
                        with_lines(original, name, moved),
                    )
            for source in (original.other, original.forged):
                for foreign in lines_of(source.get(name, b"")):
                    if foreign == line:
                        continue  # what the interrupted append left is the same in all
                    exchanged = [*lines[:at], foreign, *lines[at + 1 :]]
                    yield (
                        f"{name}: line {at + 1} of another ledger",
                        with_lines(original, name, exchanged),
                    )


def files_moved(original: Original) -> Iterator[Mutation]:
    names = list(original.files)
    for name in names:
        rest = {one: content for one, content in original.files.items() if one != name}
        if name != original.newest:
            yield f"{name} removed", rest
        yield f"{name} of another ledger", original.files | {name: original.other[name]}
        yield f"{name} forged", original.files | {name: original.forged[name]}
        yield f"{name} emptied", original.files | {name: b""}
        for other in names:
            if other != name:
                yield f"{name} is {other}", original.files | {name: original.files[other]}
    yield "all forged", original.forged
    bringing = original.forged | {"device.jwk": b"a key of its own", "identity.pem": b"another"}
    yield "all forged, with the key beside it", bringing
    yield "nothing left", {}


def cut(original: Original) -> Iterator[Mutation]:
    for name, content in original.files.items():
        if name == original.newest:
            continue
        for length in range(len(content) if name.endswith(".checkpoint") else 0):
            if length % 7 == 0:
                yield f"{name} cut to {length}", original.files | {name: content[:length]}
        end = 0
        for line in lines_of(content)[:-1]:
            end += len(line)
            for length in (end, end - 1, end - len(line) // 2):
                yield f"{name} cut to {length}", original.files | {name: content[:length]}


def other_spellings(original: Original) -> Iterator[Mutation]:
    """The same statement, or the same bytes behind it, written otherwise."""
    for name, content in original.files.items():
        lines = lines_of(content)
        for at, line in enumerate(lines):
            if line.count(b".") != 2:
                continue  # what the interrupted append left
            header, payload, signature = line.rstrip(b"\n").split(b".")
            newline = line[len(line.rstrip(b"\n")) :]
            for spelt in (
                [header + b"=", payload, signature],
                [header, payload + b"==", signature],
                [header, payload, signature + b"=="],
                [header, payload, signature[:-1] + _next(signature[-1:])],
                [header, b" " + payload, signature],
                [header, payload, signature + b"\r"],
                [header, payload, signature, b""],
                [_spelt(header, b"{", b"{ "), payload, signature],
                [_spelt(header, b"EdDSA", b"none"), payload, b""],
                [header, _spelt(payload, b"{", b'{"epoch":1,'), signature],
                [header, _spelt(payload, b"}", b" }"), signature],
            ):
                changed = [*lines[:at], b".".join(spelt) + newline, *lines[at + 1 :]]
                yield f"{name}:{at + 1}: spelt otherwise", with_lines(original, name, changed)


def _next(character: bytes) -> bytes:
    """The same bits of a last character that count, and others of those that do not."""
    alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    at = alphabet.index(character)
    return alphabet[at ^ 1 : (at ^ 1) + 1]


def _spelt(part: bytes, old: bytes, new: bytes) -> bytes:
    text = base64.urlsafe_b64decode(part + b"=" * (-len(part) % 4))
    return base64.urlsafe_b64encode(text.replace(old, new, 1)).rstrip(b"=")


def resigned(original: Original) -> Iterator[Mutation]:
    """Every line by another key, alone and with everything behind it chained anew."""
    for name, content in original.files.items():
        lines = lines_of(content)
        for at, line in enumerate(lines):
            if line.count(b".") != 2:
                continue
            token = line.rstrip(b"\n")
            statement = jws.parse(token)
            newline = line[len(token) :]
            kind = statement.kind
            payload = jws.decode(
                statement,
                kind,
                Payload if kind == entries.LEDGER else log_segments.EpochCheckpoint,
            )
            forged = jws.sign(FORGER, kind, payload) + newline
            changed = [*lines[:at], forged, *lines[at + 1 :]]
            yield f"{name}:{at + 1}: signed by another key", with_lines(original, name, changed)


def chained_anew(files: Files, change: Callable[[int, dict[str, Any]], None]) -> Files:
    """The ledger with its epochs' statements changed by whoever has the key, chained and signed.
    change(epoch, payload)."""
    digests: dict[str, str] = {}
    made = dict(files)
    for name in sorted(one for one in files if one.endswith(".jws")):
        lines = []
        for line in lines_of(files[name]):
            token = line.rstrip(b"\n")
            if token.count(b".") != 2:
                lines.append(line)  # what the interrupted append left
                continue
            payload = json.loads(jws.parse(token).payload)
            change(int(name[:6]), payload)
            payload["previous"] = digests.get(payload["previous"], payload["previous"])
            signed = jws.sign(KEY, entries.LEDGER, payload)
            digests[jws.digest(token)] = jws.digest(signed)
            lines.append(signed + b"\n")
        made[name] = b"".join(lines)
    return made


CARRIED: Final = {
    "device": "cam-9",
    "header": "h9",
    "final": "f9",
    "retention_days": 1,
    "holds": [{"reason": "another", "who": "Desk"}],
}
"""What the next epoch may not say otherwise."""


def carried_otherwise(original: Original) -> Iterator[Mutation]:
    """By whoever has the key: an epoch that says of a recording something else than the one before,
    or nothing."""

    def change(
        number: int,
        recording: str,
        said: dict[str, Any] | None,
        epoch: int,
        payload: dict[str, Any],
    ) -> None:
        facts = payload["facts"]
        if epoch == number and payload["kind"] == "carried":
            others = [one for one in facts["recordings"] if one["id"] != recording]
            its = [one | said for one in facts["recordings"] if one["id"] == recording and said]
            facts["recordings"] = [*its, *others]

    first = min(int(name[:6]) for name in original.files if name.endswith(".jws"))
    for number in range(first + 1, int(original.newest[:6]) + 1):
        for recording in ("r0", "r2", "r3"):
            for said in (*({field: value} for field, value in CARRIED.items()), None):
                changed = partial(change, number, recording, said)
                what = f"{number}: {recording} carried with {said}"
                yield what, chained_anew(original.files, changed)


@pytest.mark.breadth
@pytest.mark.parametrize(
    ("mutations", "least"),
    [
        (flips, breadth(330, 800)),
        (lines_moved, 200),
        (files_moved, 50),
        (cut, 190),
        (other_spellings, 220),
        (resigned, 20),
        (carried_otherwise, 18),
    ],
)
def test_every_mutation_is_found_and_named(
    original: Original,
    tmp_path: Path,
    mutations: Callable[[Original], Iterator[Mutation]],
    least: int,
) -> None:
    count = 0
    for name, files in mutations(original):
        count += 1
        damage, _ = check(tmp_path / "ledger", files, None)
        assert damage, f"not found: {name}"
        changed = {
            one for one in {*files, *original.files} if files.get(one) != original.files.get(one)
        }
        if len(changed) == 1 and mutations is not carried_otherwise:
            (file,) = changed
            number = int(file[:6])
            # What is wrong with an epoch shows in itself, or where its neighbours meet it.
            near = {f"{one:06d}" for one in (number - 1, number, number + 1)}
            assert any(text[:6] in near for text in damage), f"{name}: named wrongly: {damage}"
    assert count >= least


def test_the_untouched_ledger_raises_no_alarm(original: Original, tmp_path: Path) -> None:
    note = f"{original.newest}:3: 000005.jws ends with an append that was interrupted"
    assert check(tmp_path / "ledger", original.files, original.head) == ([], [note])


def rolled_back(original: Original) -> Iterator[Mutation]:
    """Every earlier state of the newest two epochs."""
    newest = int(original.newest[:6])
    without = {name: content for name, content in original.files.items() if name != original.newest}
    for number, others in ((newest, original.files), (newest - 1, without)):
        name = log_segments.epoch_name(number)
        whole = [line for line in lines_of(original.files[name]) if line.endswith(b"\n")]
        least = 3 if number == newest else 2  # what an epoch comes into being with
        for kept in range(least, len(whole) + (number != newest)):
            yield f"{name}: first {kept}", others | {name: b"".join(whole[:kept])}


def test_a_ledger_put_back_is_found_by_a_witnessed_head(original: Original, tmp_path: Path) -> None:
    count = 0
    for name, files in rolled_back(original):
        count += 1
        damage, notes = check(tmp_path / "ledger", files, None)
        assert damage == [], f"{name}: a consistent older state"
        assert any("cannot be excluded" in note for note in notes)
        damage, _ = check(tmp_path / "ledger", files, original.head)
        assert any("was put back" in text for text in damage), name
    assert count >= 6


@pytest.mark.breadth
def test_the_newest_epoch_cut_anywhere_is_found_by_a_witnessed_head(
    original: Original, tmp_path: Path
) -> None:
    content = original.files[original.newest]
    ends = [at + step for at, byte in enumerate(content) if byte == 10 for step in (0, 1)]
    for length in sorted({*range(0, len(content), breadth(89, 11)), *ends[:-1]}):
        files = original.files | {original.newest: content[:length]}
        damage, _ = check(tmp_path / "ledger", files, original.head)
        assert damage
        if content[:length].count(b"\n") >= 2:
            assert any("was put back" in text for text in damage)


def test_a_checkpoint_does_not_hide_which_entries_it_stands_for(original: Original) -> None:
    """The hash of an expired epoch's last entry is what the next epoch's first one names."""
    names = sorted(name for name in original.files if name.endswith(".checkpoint"))
    last = log_segments.parse_checkpoint(original.files[names[-1]], KEYS)
    follower = original.files[log_segments.epoch_name(last.number + 1)]
    first = entries.parse_entry(lines_of(follower)[0].rstrip(b"\n"), KEYS)
    assert (first.previous, first.sequence) == (last.final, last.last + 1)
    assert len(last.final) == hashlib.sha256().digest_size * 2
