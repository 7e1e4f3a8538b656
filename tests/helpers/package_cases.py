"""A package's proofs, and what can be done to them: one table for ``camerad evidence verify`` and
the player.

An office with three cameras and two outside witnesses; another camera, which it does not know,
cosigns as well. The package is of a recording of the first camera.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from desk_helpers import ONE, TWO
from ledger_helpers import Book

from camerad.container.keys import SigningKey
from camerad.evidence.package_proofs import LEDGER, LEDGER_KEYS, POLICY, ProofState, proof_files
from camerad.ledger.ledger import entries_about
from camerad.transparency import checkpoints
from camerad.transparency.camera_witness import witness_name
from camerad.transparency.checkpoints import WITNESS, NoteKey
from camerad.transparency.office_log import OfficeLog
from camerad.transparency.policy import parse_policy

Files = dict[str, bytes]
SECONDS: Final = 1_795_600_000
STRANGER: Final = SigningKey.generate()


@dataclass
class Office:
    """book: its ledger. cameras, outside: keys of witnesses."""

    book: Book
    cameras: list[SigningKey]
    outside: list[SigningKey]

    @property
    def log(self) -> OfficeLog:
        return OfficeLog(str(self.book.path))

    def publish(self) -> None:
        """A checkpoint, and the policy by which its cosignatures count."""
        self.log.publish(self.book.ledger)
        lines = [f"witness city-{at} {witness(key)}" for at, key in enumerate(self.outside)] + [
            "group city 2 city-0 city-1",
            "quorum city",
        ]
        outside = parse_policy("\n".join(lines)) if self.outside else None
        self.log.set_policy([witness(key) for key in self.cameras], outside)

    def cosign(self, *keys: SigningKey, at: int = SECONDS) -> None:
        """The newest checkpoint comes back from these witnesses, one by one."""
        known = self.log.read()
        assert known is not None
        for number, key in enumerate(keys):
            line = checkpoints.cosign(key, witness(key).name, known[1].checkpoint, at + number)
            self.log.keep(str(known[1].with_lines([line])))

    def package(self, recording: str) -> Files:
        """The files of a recording's package that have to do with the log."""
        keys = self.book.ledger.keys
        entries = list(entries_about(str(self.book.path), keys, recording))
        proven = self.log.prove(entries)
        found: Files = {}
        if proven is not None:
            facts = {"id": recording, "who": "k.clerk", "case": "32-5/2026"} | proven.facts
            entries.append(self.book.ledger.append("packaged", **facts))
            found = {name: text.encode() for name, text in proof_files(proven).items()}
        key = self.book.key.public
        found[LEDGER_KEYS] = f"{key.thumbprint}\n{key.pem}".encode()
        found[LEDGER] = b"".join(one.token + b"\n" for one in entries)
        return found


def witness(key: SigningKey) -> NoteKey:
    return NoteKey(witness_name(key.public), WITNESS, key.public)


def office(root: Path, outside: int = 2) -> Office:
    """With entries about two recordings, in the log but for the last hold."""
    keys = [SigningKey.generate() for _ in range(3 + outside)]
    one = Office(Book(root / "office" / "ledger"), keys[:3], keys[3:])
    for recording in (ONE, TWO):
        one.book.opened(recording)
        one.book.hold(recording)
    one.publish()
    return one


Change = Callable[[Files], object]


def _first(files: Files) -> str:
    return min(name for name in files if name.endswith(".tlog-proof"))


def _rewrite(change: Callable[[str], str], only: bool = False) -> Change:
    """Change the text of each proof, or of the first alone."""

    def done(files: Files) -> None:
        for name in [_first(files)] if only else [one for one in files if "tlog-proof" in one]:
            files[name] = change(files[name].decode()).encode()

    return done


def _without(*keys: SigningKey) -> Change:
    """Without the cosignatures of these witnesses."""
    names = [f"— {witness(key).name} " for key in keys]
    return _rewrite(
        lambda text: "".join(
            line for line in text.splitlines(keepends=True) if not line.startswith(tuple(names))
        )
    )


def _flip(text: str) -> str:
    """Another hash on the way up."""
    lines = text.split("\n")
    lines[2] = ("B" if lines[2][0] == "A" else "A") + lines[2][1:]
    return "\n".join(lines)


def _policy_of_strangers(files: Files, *, named: bool = False) -> None:
    own = files[POLICY].decode().splitlines(keepends=True)
    files[POLICY] = f"{own[0]}witness x {witness(STRANGER)}\nquorum x\n".encode()


def cases(root: Path) -> list[tuple[str, Files, ProofState]]:
    """What it is called, the files, and what a check has to come to."""
    there = office(root)
    first, *others = there.cameras
    there.cosign(*there.cameras, *there.outside, STRANGER)
    there.book.hold(ONE)
    whole = there.package(ONE)
    of_two = there.package(TWO)
    there.publish()
    there.cosign(*there.cameras, *there.outside)
    newer = there.package(ONE)
    (named,) = whole[LEDGER].splitlines()[-1:]
    entry_1, entry_2 = sorted(one for one in whole if one.endswith(".tlog-proof"))
    small = office(root / "small", outside=0)
    unwitnessed = small.package(ONE)
    small.cosign(small.cameras[2])
    damage: list[tuple[str, Change, ProofState]] = [
        (
            "a proof of another entry",
            lambda files: files.update({entry_1: files[entry_2]}),
            ProofState.UNFIT,
        ),
        (
            "a proof of another recording's entry",
            lambda files: files.update({f: of_two[f] for f in of_two if ".tlog-proof" in f}),
            ProofState.UNFIT,
        ),
        ("a hash flipped", _rewrite(_flip, only=True), ProofState.UNFIT),
        ("no proof at all", lambda files: files.update({entry_1: b"\xff"}), ProofState.UNFIT),
        (
            "a number that is not in its one spelling",
            _rewrite(lambda text: text.replace("index ", "index 0", 1)),
            ProofState.UNFIT,
        ),
        (
            "proofs of another checkpoint",
            lambda files: files.update({one: newer[one] for one in (entry_1, entry_2)}),
            ProofState.CHECKPOINT,
        ),
        (
            "the checkpoint's root changed",
            _rewrite(
                lambda text: text.replace(text.split("\n\n")[1].split("\n")[2], "A" * 43 + "=")
            ),
            ProofState.UNFIT,
        ),
        ("every camera's cosignature removed", _without(*there.cameras), ProofState.QUORUM),
        ("one of two outside removed", _without(there.outside[0]), ProofState.QUORUM),
        (
            "removed in one proof alone",
            _rewrite(lambda text: _without_lines(text, there.outside[0]), only=True),
            ProofState.QUORUM,
        ),
        ("the log's own signature removed", _rewrite(_without_log), ProofState.QUORUM),
        (
            "a cosignature of a stranger in a witness's place",
            _rewrite(lambda text: _exchanged(text, there.outside[0], STRANGER)),
            ProofState.QUORUM,
        ),
        (
            "a cosignature with another time",
            _rewrite(lambda text: _later(text, first)),
            ProofState.QUORUM,
        ),
        ("the policy exchanged", _policy_of_strangers, ProofState.POLICY),
        ("the policy removed", lambda files: files.pop(POLICY), ProofState.POLICY),
        ("a proof removed", lambda files: files.pop(entry_2), ProofState.MISSING),
        (
            "all proofs removed",
            lambda files: [files.pop(one) for one in (entry_1, entry_2)],
            ProofState.MISSING,
        ),
        (
            "the entry that names them removed",
            lambda files: files.update({LEDGER: files[LEDGER].replace(named + b"\n", b"")}),
            ProofState.UNNAMED,
        ),
        (
            "the entry that names them of another package",
            lambda files: files.update({LEDGER: files[LEDGER] + newer[LEDGER].splitlines()[-1]}),
            ProofState.POLICY if newer[POLICY] != whole[POLICY] else ProofState.CHECKPOINT,
        ),
        (
            "an entry changed",
            lambda files: files.update({LEDGER: _changed(files[LEDGER])}),
            ProofState.ENTRY,
        ),
        (
            "an entry of another recording",
            lambda files: files.update({LEDGER: files[LEDGER] + of_two[LEDGER].splitlines()[0]}),
            ProofState.ENTRY,
        ),
        ("the office's key removed", lambda files: files.pop(LEDGER_KEYS), ProofState.ENTRY),
    ]
    honest: list[tuple[str, Files, ProofState]] = [
        ("as it was made", whole, ProofState.PROVEN),
        ("made later", newer, ProofState.PROVEN),
        ("one camera is enough", _without_in(whole, *others), ProofState.PROVEN),
        ("a stranger counts for nothing", _with_stranger(whole, there), ProofState.PROVEN),
        ("further data are left out", _with_extra(whole), ProofState.PROVEN),
        ("an office without outside witnesses", small.package(ONE), ProofState.PROVEN),
        ("no camera has cosigned yet", unwitnessed, ProofState.NONE),
        ("an older package", {LEDGER: b"", LEDGER_KEYS: b""}, ProofState.NONE),
    ]
    for name, change, state in damage:
        files = dict(whole)
        change(files)
        honest.append((name, files, state))
    return honest


def _without_in(files: Files, *keys: SigningKey) -> Files:
    changed = dict(files)
    _without(*keys)(changed)
    return changed


def _without_lines(text: str, key: SigningKey) -> str:
    lines = text.splitlines(keepends=True)
    return "".join(one for one in lines if not one.startswith(f"— {witness(key).name} "))


def _without_log(text: str) -> str:
    lines = text.splitlines(keepends=True)
    return "".join(one for one in lines if not one.startswith("— camerad/office/"))


def _exchanged(text: str, key: SigningKey, by: SigningKey) -> str:
    """With the cosignature of another key in the place of a witness's, under its name."""
    note = checkpoints.parse(text.partition("\n\n")[2])
    line = checkpoints.cosign(by, witness(key).name, note.checkpoint, SECONDS)
    return _without_lines(text, key) + str(line)


def _later(text: str, key: SigningKey) -> str:
    note = checkpoints.parse(text.partition("\n\n")[2])
    (line,) = (one for one in note.lines if one.name == witness(key).name)
    moved = checkpoints.SignatureLine(
        line.name, line.key_id, (SECONDS + 9).to_bytes(8) + line.signature[8:]
    )
    return text.replace(str(line), str(moved))


def _with_stranger(files: Files, there: Office) -> Files:
    changed = dict(files)
    _rewrite(lambda text: text + str(_by_stranger(text)))(changed)
    return changed


def _by_stranger(text: str) -> checkpoints.SignatureLine:
    note = checkpoints.parse(text.partition("\n\n")[2])
    return checkpoints.cosign(STRANGER, "stranger", note.checkpoint, SECONDS)


def _with_extra(files: Files) -> Files:
    changed = dict(files)
    _rewrite(lambda text: text.replace("\n", "\nextra YQ==\n", 1))(changed)
    return changed


def _changed(ledger: bytes) -> bytes:
    at = ledger.index(b".") + 40
    return ledger[:at] + (b"A" if ledger[at : at + 1] != b"A" else b"B") + ledger[at + 1 :]
