"""Says what must be there after a restart, whatever the loss of power left.

The judge knows what production code had reported by then, and what it had been asked for. It looks
at the files only, with the code that checks evidence anywhere else: `verify` for recordings,
`read_ledger` for ledgers, `receipts` for what the office has.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from camerad.base.durable_files import TEMPORARY
from camerad.container import jws
from camerad.container.keys import KeyRing, PublicKey, SigningKey
from camerad.container.recording_files import UNREADABLE
from camerad.container.severity import Severity
from camerad.ledger.audit import read_ledger
from camerad.ledger.entries import Head
from camerad.ledger.ledger_state import LedgerState
from camerad.ledger.recording_entries import EXPIRED
from camerad.ledger.recording_state import RecordingState
from camerad.store import receipts
from camerad.store.locations import EARLIER_LEDGER
from camerad.store.receipts import Receipt
from camerad.store.recovery import TORN
from camerad.verify.findings import FindingKind as Finding
from camerad.verify.judge import verify
from tests.crash.device import OFFICE, STATE
from tests.crash.model import Stored, Tree, parent
from tests.crash.trace import Op, Promise

RECORDINGS: Final = f"{STATE}/recordings/"
LEDGER: Final = f"{STATE}/ledger/"
IDENTITY: Final = f"{STATE}/identity.pem"
_TAR: Final = ".tar"
_EXPECTED: Final = (Finding.RECOVERED, Finding.TORN)
"""What verify says of a recording that repair closed, and nothing else."""
_LEFT_OVER: Final = (TEMPORARY, TORN)


@dataclass(slots=True)
class Expected:
    """What was promised, and what was under way."""

    begins: dict[str, bytes] = field(default_factory=dict)
    whole: dict[str, bytes] = field(default_factory=dict)
    heads: dict[str, Head] = field(default_factory=dict)
    held: dict[str, bool | None] = field(default_factory=dict)
    """By id; None while a hold or a release is under way."""
    acknowledged: set[str] = field(default_factory=set)
    deleting: set[str] = field(default_factory=set)
    deleted: set[str] = field(default_factory=set)
    thumbprint: str | None = None
    """Of the device's key; None where there is none to be held to."""
    published: set[str] = field(default_factory=set)
    """Thumbprints whose public halves are on the storage."""
    current: bool = False
    """Whether the storage says which of them is the device's."""
    directories: set[str] = field(default_factory=set)
    """Ids that the office's directory had, and has lost."""
    offloaded: Mapping[str, bytes] = field(default_factory=dict)
    """What the office's directory had when an offload was over."""
    wall_us: int = 0
    """What time it is."""

    def take(self, promise: Promise) -> None:
        """Note a promise or an intent."""
        facts = promise.facts
        match promise.kind:
            case "begins":
                self.begins[facts["path"]] = facts["data"]
            case "whole":
                self.begins.pop(facts["path"], None)
                self.whole[facts["path"]] = facts["data"]
            case "identity":
                self.thumbprint, self.current = facts["thumbprint"], True
                self.published.add(facts["thumbprint"])
            case "keys lost":
                self.current = False
                if facts["private"]:
                    self.thumbprint = None
                else:
                    self.published.clear()
            case "office lost":
                self.directories.add(facts["id"])
                self.offloaded = {
                    path: data
                    for path, data in self.offloaded.items()
                    if not path.startswith(f"{OFFICE}/office/")
                }
            case "now":
                self.wall_us = facts["wall_us"]
            case "head":
                self.heads[facts["directory"]] = facts["head"]
            case "holding" | "releasing":
                self.held[facts["id"]] = None
            case "held" | "released":
                self.held[facts["id"]] = promise.kind == "held"
            case "acknowledged":
                self.acknowledged.add(facts["id"])
            case "deleting":
                self.deleting.add(facts["path"])
            case "offloaded":
                self.offloaded = facts["files"]
            case "deleted":
                self.deleted.add(facts["path"])
                self.whole.pop(facts["path"], None)
                self.begins.pop(facts["path"], None)
            case other:
                raise ValueError(f"no such promise: {other}")


class LifeJudge:
    """Judges the states of a `Life`. scratch: an empty directory for what `verify` looks at.
    notes: whether it may remark on a recording, as on one of a real camera that states a gap."""

    def __init__(self, scratch: str, *, notes: bool = False) -> None:
        self._scratch = scratch
        self._notes = notes
        self.expected = Expected()
        self._verified: dict[object, tuple[str | None, list[str]]] = {}
        self._ledgers: dict[object, tuple[LedgerState, list[str]]] = {}
        self._whole: dict[object, bool] = {}

    def fresh(self) -> LifeJudge:
        """Another judge who has been promised nothing, and remembers what was verified."""
        other = LifeJudge(self._scratch, notes=self._notes)
        other._verified, other._whole = self._verified, self._whole
        return other

    def take(self, promise: Promise) -> None:
        """Note a promise or an intent."""
        self.expected.take(promise)

    # ------------------------------------------------------------------ verdicts

    def judge(self, before: Tree, after: Tree, error: Exception | None) -> list[str]:
        """What is wrong after a restart."""
        if error is not None:
            return [f"the restart fails: {error!r}"]
        identity = after.files.get(IDENTITY)
        if identity is None:
            return ["the device has no key after its start"]
        if identity.mode & 0o077:
            return [f"others may read the device's key: {identity.mode:o}"]
        own = SigningKey.from_pem(identity.data).public
        keys = KeyRing([own, *_public_halves(after)])
        if self.expected.thumbprint not in (None, own.thumbprint):
            return [f"the device's key {self.expected.thumbprint} is gone"]
        state, wrong = self._ledger(after, LEDGER, keys)
        return [
            *self._unrestarted(before, keys),
            *wrong,
            *self._files(after, state),
            *self._left_over(after),
            *self._device(after, state, keys),
        ]

    def again(self, first: Tree, second: Tree, ops: Iterable[Op]) -> list[str]:
        """A second restart may only note that it happened."""
        grown = {
            path
            for path in first.files.keys() | second.files.keys()
            if first.files.get(path) != second.files.get(path)
        }
        if first.directories == second.directories and all(
            _only_started(path, first.files.get(path), second.files.get(path)) for path in grown
        ):
            return []
        return [f"a second restart changes {grown}: {'; '.join(map(str, ops))}"]

    def _unrestarted(self, before: Tree, keys: KeyRing) -> list[str]:
        """What holds of the storage itself, for whoever looks at it without starting anything."""
        wrong = [
            f"{path} was deleted, and is still on the storage"
            for path in self.expected.deleted & before.files.keys()
        ]
        for path, data in self.expected.offloaded.items():
            there = before.files.get(path)
            expired = path.removesuffix(".jws") + ".checkpoint" in before.files
            if not expired and (there is None or not there.data.startswith(data)):
                wrong.append(f"the office lost {path}: {_compare(data, there)}")
        known = self.expected.directories
        for path, receipt in dict(_receipts(before, keys)).values():
            wrong += _witnesses(before, path, receipt, keys, known)
        wrong += self._published(before)
        trusted = frozenset(keys)
        for path, stored in before.files.items():
            if path.endswith(TEMPORARY):
                continue
            if path == IDENTITY and self.expected.thumbprint is None and not any(stored.data):
                continue  # given up by a reset, which overwrites it before it removes it
            key = (path, stored.data, trusted)
            if key not in self._whole:
                self._whole[key] = self._is_whole(path, stored, keys)
            if not self._whole[key]:
                wrong.append(f"before the start: {path} has its name, and is not whole")
        if any(path.startswith(LEDGER) and path.endswith(".jws") for path in before.files):
            wrong += [f"before the start: {text}" for text in self._ledger(before, LEDGER, keys)[1]]
        return wrong

    def _published(self, before: Tree) -> list[str]:
        """Public halves are where an office and a later key look for them."""
        wrong = [
            f"before the start: the public half of the key {thumbprint} is gone"
            for thumbprint in self.expected.published
            if f"{STATE}/keys/{thumbprint}.jwk" not in before.files
        ]
        current = before.files.get(f"{STATE}/keys/current")
        if self.expected.current and current is None:
            wrong.append("before the start: nothing says which key is the device's")
        return wrong

    def _is_whole(self, path: str, stored: Stored, keys: KeyRing) -> bool:
        """Whether a file that is put into place whole is so."""
        name, directory, data = os.path.basename(path), parent(path), stored.data
        try:
            if name.endswith(".jwk"):
                _public(data)
            elif name == "current":
                return data.decode("ascii").strip() in keys
            elif path == IDENTITY:
                SigningKey.from_pem(data)
            elif path == f"{OFFICE}/office/id":
                return len(data) == len(f"{'0' * 32}\n")
            elif directory.endswith("/receipts") and name.endswith(".jws"):
                receipts.parse(data, keys)
            elif directory.startswith(OFFICE) and name.endswith(_TAR):
                return not self._verify(path, stored, keys)[1]
            elif directory.startswith(OFFICE) and directory.endswith("/ledger"):
                return data.endswith(b"\n") or name.endswith(".checkpoint")
        except ValueError:
            return False
        return True

    def _files(self, after: Tree, state: LedgerState) -> list[str]:
        """Bytes that were durable are there."""
        expected, wrong = self.expected, []
        # That nothing goes before its time, or while it is held, is for the ledger's check to say.
        gone = expected.deleting | {
            f"{RECORDINGS}{known.id}{_TAR}"
            for known in state.recordings.values()
            if known.deleted is not None and known.deleted.why == EXPIRED
        }
        for path, data in expected.begins.items():
            there = after.files.get(path)
            if path in gone and there is None:
                continue
            if there is None or not there.data.startswith(data):
                wrong.append(f"{path} lost what was committed: {_compare(data, there)}")
        for path, data in expected.whole.items():
            there = after.files.get(path)
            if path in gone and there is None:
                continue
            if there is None or there.data != data:
                wrong.append(f"{path} is not as it was closed: {_compare(data, there)}")
        back = expected.deleted & after.files.keys()
        wrong += [f"{path} was deleted, and is there again" for path in back]
        return wrong

    def _left_over(self, after: Tree) -> list[str]:
        believed = [
            f"{path}: the office believes that the device's ledger was put back"
            for path in after.files
            if f"/{EARLIER_LEDGER}/" in path
        ]
        return believed + [
            f"{path} is left over"
            for path in after.files
            if path.endswith(_LEFT_OVER) and path.startswith(STATE)
        ]

    def _device(self, after: Tree, state: LedgerState, keys: KeyRing) -> list[str]:
        kept = {state.head.epoch, *(closed.number for closed in state.epochs)}
        wrong = [
            f"{path} has expired, and is still there"
            for path in after.files
            if path.startswith(LEDGER)
            and path.endswith(".jws")
            and int(path.removeprefix(LEDGER).removesuffix(".jws")) not in kept
        ]
        there = set()
        for path, stored in after.files.items():
            if path.startswith(RECORDINGS) and path.endswith(_TAR):
                there.add(path.removeprefix(RECORDINGS).removesuffix(_TAR))
                wrong += self._recording(path, stored, state, keys)
            elif path.startswith(RECORDINGS) and path.endswith(UNREADABLE):
                there.add(path.removeprefix(RECORDINGS))
                if path.removeprefix(RECORDINGS) not in state.recordings:
                    wrong.append(f"{path} is not known to the ledger, and so has no end")
        for known in state.recordings.values():
            wrong += self._known(known, there)
        wrong += self._holds(state)
        wrong += self._acknowledged(after, state, keys)
        return wrong

    def _recording(self, path: str, stored: Stored, state: LedgerState, keys: KeyRing) -> list[str]:
        """A recording verifies, and the ledger says the same about it."""
        final, wrong = self._verify(path, stored, keys)
        known = state.recordings.get(path.removeprefix(RECORDINGS).removesuffix(_TAR))
        if known is None:
            return [*wrong, f"{path} is not known to the ledger"]
        if not known.here:
            return [*wrong, f"{path} is there, but the ledger says {known}"]
        if final is None or known.final != final:
            return [*wrong, f"{path} ends with {final}, but the ledger says {known.final}"]
        return wrong

    def _known(self, known: RecordingState, there: set[str]) -> list[str]:
        path = f"{RECORDINGS}{known.id}{_TAR}"
        wrong = []
        if known.missing:
            wrong.append(f"{path} is missing, says the ledger")
        if known.here and known.id not in there:
            wrong.append(f"{path} is not there, but the ledger believes so")
        deleted = known.deleted
        if deleted and deleted.why != EXPIRED and path not in self.expected.deleting:
            wrong.append(f"{path} has a tombstone, and nobody wanted it deleted")
        return wrong

    def _holds(self, state: LedgerState) -> list[str]:
        wrong = []
        for recording, wanted in self.expected.held.items():
            known = state.recordings.get(recording)
            if known is None or known.deleted is not None or wanted is None:
                continue
            if known.held is not wanted:
                wrong.append(
                    f"{recording} is {'' if known.held else 'not '}held, promised: {wanted}"
                )
        return wrong

    def _acknowledged(self, after: Tree, state: LedgerState, keys: KeyRing) -> list[str]:
        """The ledger calls a recording acknowledged only if its copy and the receipt are there."""
        wrong = [
            f"{recording} is acknowledged no more"
            for recording in self.expected.acknowledged
            if (known := state.recordings.get(recording)) is not None and not known.acknowledged
        ]
        filed = dict(_receipts(after, keys))
        for known in state.recordings.values():
            if known.acknowledged is None:
                continue
            if known.acknowledged not in filed:
                wrong.append(f"{known.id} is acknowledged, but its receipt is not there")
                continue
            path, receipt = filed[known.acknowledged]
            copied = next((one for one in receipt.recordings if one.id == known.id), None)
            copy = f"{parent(parent(path))}/recordings/{known.id}{_TAR}"
            there = after.files.get(copy)
            if copied is None or copied.final != known.final:
                wrong.append(f"the receipt {path} is not about {known.id}")
            elif copy not in self.expected.deleting and (
                there is None or _digest(there.data) != copied.sha256
            ):
                wrong.append(f"{known.id} is acknowledged, but its copy is not what was received")
        return wrong

    # ------------------------------------------------------------------ what checks evidence

    def _verify(self, path: str, stored: Stored, keys: KeyRing) -> tuple[str | None, list[str]]:
        name = os.path.basename(path)
        key = (name, stored.data, frozenset(keys))
        found = self._verified.get(key)
        if found is None:
            place = os.path.join(self._scratch, name)
            with open(place, "wb") as file:
                file.write(stored.data)
            report = verify(place, keys)
            os.unlink(place)
            texts = [f"{path}: {report.problem}"] if report.problem else []
            result = report.result
            if result is not None:
                texts += [
                    f"{path}: {finding.kind}: {finding.text}"
                    for finding in result.findings
                    if finding.kind not in _EXPECTED
                    and not (self._notes and finding.severity is Severity.NOTE)
                ]
            final = None if result is None else result.final
            found = self._verified[key] = final, texts
        return found

    def _ledger(self, after: Tree, directory: str, keys: KeyRing) -> tuple[LedgerState, list[str]]:
        """What a ledger says, and what is wrong with it, the promised head included."""
        contents = {
            path.removeprefix(directory): stored.data
            for path, stored in after.files.items()
            if path.startswith(directory)
        }
        head = self.expected.heads.get(directory)
        key = (directory, frozenset(contents.items()), head)
        found = self._ledgers.get(key)
        if found is None:
            if len(self._ledgers) > 2000:
                self._ledgers.clear()
            found = self._ledgers[key] = self._read_ledger(directory, contents, keys, head)
        return found

    def _read_ledger(
        self, directory: str, contents: Mapping[str, bytes], keys: KeyRing, head: Head | None
    ) -> tuple[LedgerState, list[str]]:
        place = os.path.join(self._scratch, "ledger")
        os.mkdir(place)
        try:
            for name, data in contents.items():
                with open(os.path.join(place, name), "wb") as file:
                    file.write(data)
            state, findings = read_ledger(place, keys, head)
        finally:
            shutil.rmtree(place)
        return state, [
            f"{directory}{finding}" for finding in findings if finding.severity is Severity.DAMAGE
        ]


def _only_started(path: str, first: Stored | None, second: Stored | None) -> bool:
    """Whether a ledger, or the office's copy of it, says no more than that there was a start."""
    if first is None or second is None or "ledger" not in path.split("/"):
        return False
    added = second.data.removeprefix(first.data)
    return len(added) + len(first.data) == len(second.data) and set(_kinds(added)) == {"start"}


def _receipts(after: Tree, keys: KeyRing) -> Iterator[tuple[str, tuple[str, Receipt]]]:
    """The device's receipts, by digest: path and content."""
    for path, stored in after.files.items():
        if "/receipts/" in path and path.endswith(".jws"):
            # One that cannot be read is none, and what it stands for is then not proven.
            with contextlib.suppress(jws.JwsError):
                yield _digest(stored.data), (path, receipts.parse(stored.data, keys))


def _public_halves(after: Tree) -> list[PublicKey]:
    """Those that can be read, in a device's state directory."""
    found = []
    for path, stored in after.files.items():
        if path.startswith(f"{STATE}/keys/") and path.endswith(".jwk"):
            with contextlib.suppress(ValueError):
                found.append(_public(stored.data))
    return found


def _witnesses(
    after: Tree, path: str, receipt: Receipt, keys: KeyRing, former: set[str]
) -> list[str]:
    """What makes a receipt worth something: its copies are there, its directory has the id that it
    names, the device's key lies beside it, without which nobody looks there, and the copy of the
    device's ledger goes as far as it says. former: ids that the directory has lost."""
    wrong, beside = [], parent(parent(path))
    for copied in receipt.recordings:
        copy = after.files.get(f"{beside}/recordings/{copied.id}.tar")
        if copy is None or _digest(copy.data) != copied.sha256:
            wrong.append(f"{path} is there, and its copy of {copied.id} is not")
    there = after.files.get(f"{OFFICE}/office/id")
    names = former | ({there.data.strip().decode("ascii", "replace")} if there else set())
    if receipt.directory not in names:
        wrong.append(f"{path} names another directory than the one it is in")
    key = after.files.get(f"{beside}/device.jwk")
    try:
        found = None if key is None else _public(key.data)
    except ValueError:
        found = None
    if found is None or found.thumbprint not in keys:
        wrong.append(f"the device's key is not beside {path}")
    ledger = f"{beside}/ledger/"
    head = receipt.head
    expired = f"{ledger}{head.epoch:06}.checkpoint" in after.files
    epoch = after.files.get(f"{ledger}{head.epoch:06}.jws")
    if not expired and (epoch is None or head.sha256 not in _digests(epoch.data)):
        wrong.append(f"{path} is there, and the copy of the ledger does not go as far")
    return wrong


# States share most of their files, as the same bytes objects, whose hash is known.
_digest: Final = lru_cache(maxsize=4096)(jws.digest)


@lru_cache(maxsize=1000)
def _public(jwk: bytes) -> PublicKey:
    """Raises ValueError if this is no public half."""
    return PublicKey.from_jwk(json.loads(jwk))


@lru_cache(maxsize=4096)
def _digests(epoch: bytes) -> frozenset[str]:
    """Of the entries in an epoch's file."""
    return frozenset(jws.digest(line) for line in epoch.splitlines())


def _kinds(lines: bytes) -> list[str]:
    """Kinds of the entries in a piece of an epoch's file."""
    import msgspec

    return [msgspec.json.decode(jws.parse(line).payload)["kind"] for line in lines.splitlines()]


def _compare(wanted: bytes, there: Stored | None) -> str:
    if there is None:
        return "it is not there"
    differs = (
        at for at, pair in enumerate(zip(wanted, there.data, strict=False)) if len({*pair}) > 1
    )
    same = next(differs, min(len(wanted), len(there.data)))
    return f"{len(there.data)} bytes, promised {len(wanted)}, the same up to {same}"
