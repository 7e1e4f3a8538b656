"""Ledgers, receipts and directories, checked from sections 5 and 6 of ledger-format.md alone."""

import copy
import fcntl
import json
import os
import re
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from verifier_recording import check_recording, read_archive
from verifier_statements import (
    ID,
    Keys,
    NoStatementError,
    Report,
    Statement,
    base64url,
    decoded,
    parts,
    read_statement,
    sha,
)
from verifier_times import Times

LEDGER_FILE = re.compile(r"([0-9]{6,})\.(jws|damaged|checkpoint)")
BEGINNING = re.compile(rb"[A-Za-z0-9_.-]*")  # what an append that was cut short left behind
DAY = 86_400_000_000
PARTS = ("recordings", "receipts", "ledger", "device.jwk")  # of a device's directory


@dataclass
class Known:
    """What a ledger says of one recording."""

    header: str = ""
    finals: set[str] = field(default_factory=set)
    opened: bool = False
    ended: bool = False
    deleted: bool = False
    missing: bool = False
    held: bool = False
    receipt: str = ""
    days: int = 0


@dataclass
class Left:
    """What an epoch leaves of one recording for the next to carry (5)."""

    device: str = ""
    header: str = ""
    final: str | None = None
    retention_days: int = 0
    holds: list[dict[str, str]] = field(default_factory=list)
    ends: list[tuple[str, str, int]] = field(default_factory=list)  # of holds that end
    deleted: bool = False
    missing: bool = False

    def carried(self) -> tuple[Any, ...]:
        """What has to be the same."""
        return self.device, self.header, self.final, self.retention_days, self.holds


def leave(left: dict[str, Left], entry: dict[str, Any]) -> None:
    """What one entry changes of that."""
    facts, kind = entry["facts"], entry["kind"]
    for one in facts["recordings"] if kind == "carried" else []:
        same = {name: one[name] for name in ("device", "header", "final", "retention_days")}
        gone = {"deleted": one["deleted"] is not None, "missing": one["missing"]}
        left[one["id"]] = Left(**same, holds=list(one["holds"]), **gone)
    if kind == "unreadable":
        stem = facts["name"].rpartition(".")[0]
        before = left.get(stem, Left())
        same = {"holds": list(before.holds), "ends": list(before.ends)}
        one = left.setdefault(facts["name"], Left(retention_days=366, **same))
        one.deleted = one.missing = False
    named = ("opened", "closed", "recovered", "received", "found", "hold", "hold_until", "release")
    if kind not in (*named, "missing", "deleted", "changed", "acknowledged", "replaced"):
        return
    one = left.setdefault(facts["id"], Left())
    if kind in ("opened", "received", "found"):
        one.header = facts["header"]
    if kind in ("received", "found"):
        one.device = facts["device"]
    if kind in ("closed", "recovered", "received", "found"):
        one.final, one.retention_days = facts["final"], facts["retention_days"]
        one.deleted = one.missing = False
    if kind == "hold":
        one.holds.append({"reason": facts["reason"], "who": facts["who"]})
    if kind == "hold_until":
        one.ends.append((facts["reason"], facts["who"], facts["until_us"]))
    if kind == "release":
        one.holds.clear()
        one.ends.clear()
    if kind == "deleted":
        one.deleted = True
    if kind in ("missing", "changed"):
        one.missing = kind == "missing"


@dataclass
class Ledger:
    """A ledger that was checked: what is wrong with it, what it says, and where its entries are."""

    report: Report = field(default_factory=Report)
    known: dict[str, Known] = field(default_factory=dict)
    entries: dict[int, tuple[int, str]] = field(
        default_factory=dict
    )  # epoch and SHA-256, by sequence
    last: dict[str, Any] | None = None
    times: Times = field(default_factory=Times)

    def of(self, name: str) -> Known:
        """What is known of one recording."""
        return self.known.setdefault(name, Known())

    def learn(self, entry: dict[str, Any]) -> None:
        """Take from one entry what it says of recordings (5)."""
        facts, kind = entry["facts"], entry["kind"]
        for one in facts["recordings"] if kind == "carried" else []:
            known = self.of(one["id"])
            known.header = one["header"] or known.header
            known.finals |= {one["final"]} - {None, ""}
            known.opened |= not one["device"]
            known.ended |= one["ended"] is not None or one["final"] is not None
            known.deleted |= one["deleted"] is not None
            known.missing |= one["missing"]
            known.receipt = one["acknowledged"] or known.receipt
            known.days, known.held = one["retention_days"], bool(one["holds"])
        if kind in ("opened", "received") or (kind == "found" and facts["header"]):
            self.of(facts["id"]).header = facts["header"]
            self.of(facts["id"]).opened |= kind == "opened"
        if kind in ("closed", "recovered", "received") or (
            kind == "found" and facts["header"] and facts["final"]
        ):
            self.of(facts["id"]).finals.add(facts["final"])
            self.of(facts["id"]).ended = True
            self.of(facts["id"]).days = facts["retention_days"]
        if kind == "acknowledged":
            self.of(facts["id"]).receipt = facts["receipt"]
        if kind in ("hold", "hold_until", "release"):
            self.of(facts["id"]).held = kind != "release"
        if kind == "deleted":
            known = self.of(facts["id"])
            known.deleted = True
            if known.held:
                self.report.note(2, f"{facts['id']} was deleted although it was held.")
            if facts["why"] == "expired" and facts["age_us"] < known.days * DAY:
                self.report.note(2, f"{facts['id']} was deleted before its time.")
        if kind in ("missing", "replaced", "found"):
            self.of(facts["id"]).missing = kind == "missing"

    def has(self, head: dict[str, Any]) -> bool:
        """Whether a witnessed head is in it (6)."""
        if head["sequence"] in self.entries:
            return self.entries[head["sequence"]][1] == head["sha256"]
        # One of an epoch that has expired cannot be compared any more.
        return self.last is not None and head["sequence"] < self.last["sequence"]


class _Reader:
    """Goes through the epochs of a ledger in their order."""

    def __init__(self, directory: Path, keys: Keys) -> None:
        self.directory, self.keys, self.ledger = directory, keys, Ledger()
        self.sequence: int | None = 0  # of the entry before; None: nobody knows
        self.previous: str | None = ""
        self.kid: str | None = None  # None: nobody knows, or there was none yet
        self.torn: tuple[str, bytes] | None = (
            None  # what an append left behind at the end of the epoch before
        )
        self.note = self.ledger.report.note
        self.left: dict[str, Left] | None = None  # by the epoch before; None: nobody knows

    def run(self) -> Ledger:
        """Each epoch from 1 to the highest has its entries or its checkpoint (5)."""
        if not folder(self.directory):
            self.note(2, "The ledger is no directory, or is gone.")
            return self.ledger
        names = set(os.listdir(self.directory))
        epochs = [LEDGER_FILE.fullmatch(name) for name in names]
        numbers = {int(one[1]) for one in epochs if one and f"{int(one[1]):06d}" == one[1]} - {0}
        for number in range(1, max(numbers, default=0) + 1):
            stem = f"{number:06d}"
            entries = next(
                (name for name in (f"{stem}.jws", f"{stem}.damaged") if name in names), None
            )
            checkpoint = (
                self.checkpoint(number, f"{stem}.checkpoint")
                if f"{stem}.checkpoint" in names
                else None
            )
            if entries:
                begun = (self.sequence, self.previous)
                self.epoch(number, entries)
                if checkpoint is not None:
                    self.agree(stem, checkpoint, begun)
            elif checkpoint is not None:
                self.stand_in(stem, checkpoint)
            else:
                if f"{stem}.checkpoint" not in names:
                    self.note(2, f"Epoch {number} of the ledger is gone.")
                self.sequence = self.previous = self.kid = self.torn = self.left = None
        if not numbers:
            self.note(2, "There is nothing of a ledger.")
        elif self.torn:
            self.note(0, f"{self.torn[0]}: the last append was cut short.")
        return self.ledger

    def read(self, name: str) -> bytes:
        """A file's bytes; none if it cannot be read."""
        try:
            return content(self.directory / name)
        except OSError as error:
            self.note(2, f"{name} cannot be read: {error.strerror}.")
            return b""

    def checkpoint(self, number: int, name: str) -> dict[str, Any] | None:
        """What remains of an epoch that has expired (5)."""
        try:
            found = read_statement(self.read(name), "camerad-checkpoint", self.keys).payload
        except NoStatementError as error:
            self.note(2, f"{name} {error}.")
            return None
        if found["number"] != number or found["first"] > found["last"]:
            self.note(2, f"{name} contradicts itself or its name.")
        return found

    def agree(
        self, stem: str, checkpoint: dict[str, Any], begun: tuple[int | None, str | None]
    ) -> None:
        """A checkpoint and the entries of its epoch have to agree (5)."""
        first = None if begun[0] is None else begun[0] + 1
        is_so = (first, begun[1], self.sequence, self.previous)
        said = (
            checkpoint["first"],
            checkpoint["previous"],
            checkpoint["last"],
            checkpoint["final"],
        )
        if is_so != said:
            self.note(2, f"{stem}.checkpoint and the entries of its epoch do not agree.")

    def stand_in(self, stem: str, checkpoint: dict[str, Any]) -> None:
        """A checkpoint stands in for its epoch (5)."""
        if self.sequence is not None and (checkpoint["first"], checkpoint["previous"]) != (
            self.sequence + 1,
            self.previous,
        ):
            self.note(2, f"{stem}.checkpoint does not go on from the epoch before.")
        self.sequence, self.previous, self.kid, self.torn = (
            checkpoint["last"],
            checkpoint["final"],
            None,
            None,
        )
        self.ledger.entries[checkpoint["last"]] = (checkpoint["number"], checkpoint["final"])
        self.left = None

    def epoch(self, number: int, name: str) -> None:
        """The entries of one epoch: spelling, signature, `sequence`, `previous`, `epoch` (5)."""
        *lines, rest = self.read(name).split(b"\n")
        before, self.torn = self.torn, (name, rest) if rest else None
        if b"\0" not in rest and not BEGINNING.fullmatch(rest):
            self.note(2, f"{name} ends with what is no beginning of an entry.")
        carried, repaired = 0, before is None
        left: dict[str, Left] = {}
        begun: dict[str, Left] = {}
        said: dict[str, set[tuple[str, str, int]]] = {}
        for at, line in enumerate(lines):
            where = f"{name}, entry {at + 1}"
            try:
                found = read_statement(line, "camerad-ledger", self.keys)
            except NoStatementError as error:
                self.note(2, f"{where} {error}.")
                self.sequence = self.previous = None
                continue
            entry, facts = found.payload, found.payload["facts"]
            self.chain(where, number, found)
            if at == 0:
                if entry["kind"] != "epoch" or facts["number"] != number:
                    self.note(2, f"{where} does not begin this epoch.")
                else:
                    carried = facts["carried"]
            elif (entry["kind"] == "carried") != (at <= carried):
                self.note(2, f"{where}: what is carried is not what the first entry says.")
            if entry["kind"] == "repaired":
                told = (facts["file"], facts["bytes"], facts["sha256"])
                repaired = before is not None and told == (
                    before[0],
                    len(before[1]),
                    sha(before[1]),
                )
            self.take(where, found)
            if not found.more:
                self.ledger.times.take(entry)
                leave(left, entry)
                if entry["kind"] == "hold_until":
                    one = (facts["reason"], facts["who"], facts["until_us"])
                    said.setdefault(facts["id"], set()).add(one)
            if at <= carried:
                begun = copy.deepcopy(left)
        self.carry(name, begun, said, lines)
        self.left = left
        if not lines:
            self.note(2, f"{name} has no entry.")
        if carried >= max(1, len(lines)):
            self.note(2, f"{name} does not have all that was carried into it.")
        if not repaired:
            self.note(2, f"{name} does not tell of what an append left behind in the epoch before.")

    def carry(
        self,
        name: str,
        begun: dict[str, Left],
        said: dict[str, set[tuple[str, str, int]]],
        lines: list[bytes],
    ) -> None:
        """What an epoch carries is what the one before leaves, and it says every hold anew that
        ends (5)."""
        late = {one for line in lines for one in self.late(line)}
        for recording, one in (self.left or {}).items():
            if one.deleted or one.missing or recording in late:
                continue
            if recording not in begun or begun[recording].carried() != one.carried():
                self.note(2, f"{name} says of {recording} something else than the epoch before.")
            elif set(one.ends) - said.get(recording, set()):
                self.note(2, f"{name} does not repeat a hold on {recording} that ends.")

    def late(self, line: bytes) -> set[str]:
        """The recordings that an entry `unread` tells of."""
        try:
            entry = read_statement(line, "camerad-ledger", self.keys).payload
            if entry["kind"] != "unread":
                return set()
            token = entry["facts"]["token"].encode()
            said = read_statement(token, "camerad-ledger", self.keys)
        except NoStatementError:
            return set()
        facts = said.payload["facts"]
        if said.more or said.payload["kind"] == "carried":
            return set() if said.more else {one["id"] for one in facts["recordings"]}
        return {one for one in (facts.get("id"), facts.get("name")) if one is not None}

    def chain(self, where: str, number: int, found: Statement) -> None:
        """One entry's place in the chain, and its key."""
        entry = found.payload
        if entry["epoch"] != number:
            self.note(2, f"{where} names another epoch.")
        if self.sequence is not None and entry["sequence"] != self.sequence + 1:
            self.note(2, f"{where} has not the next number.")
        if self.previous is not None and entry["previous"] != self.previous:
            self.note(2, f"{where} does not name the entry before.")
        if entry["happened"] and entry["happened"]["boot_us"] > entry["clock"]["boot_us"]:
            self.note(2, f"{where} happened after it was written.")
        replaces = (
            entry["facts"].get("replaces") if entry["kind"] in ("epoch", "identity") else None
        )
        if self.kid not in (None, found.kid, replaces):
            self.note(
                2,
                f"{where} is signed by another key, and does not say that it replaces the old one.",
            )
        self.sequence, self.previous, self.kid = entry["sequence"], found.sha256, found.kid
        self.ledger.entries[entry["sequence"]] = (number, found.sha256)
        self.ledger.last = entry

    def take(self, where: str, found: Statement) -> None:
        """What one entry says."""
        entry = found.payload
        if found.more:
            self.note(
                1, f"{where} has a kind or a field that the page does not know: {entry['kind']!r}."
            )
            return
        if entry["kind"] == "damaged":
            self.note(1, f"{where}: the ledger says that it lost entries.")
        if entry["kind"] == "unread":
            try:
                found = read_statement(
                    entry["facts"]["token"].encode(), "camerad-ledger", self.keys
                )
            except NoStatementError as error:
                self.note(1, f"{where} repeats an entry that {error}.")
                return
            if found.more:
                self.note(1, f"{where} repeats an entry that the page does not know.")
                return
            entry = found.payload
            if entry["kind"] in ("deleted", "carried"):
                return
        self.ledger.learn(entry)


def check_ledger(directory: Path, keys: Keys) -> Ledger:
    """Check a ledger (5)."""
    ledger = _Reader(directory, keys).run()
    for verdict, sentence in ledger.times.judged([], office=False):
        ledger.report.note(verdict, sentence)
    for declared, sentence in ledger.times.taken_back():
        ledger.report.note(declared, sentence)
    return ledger


def opened(path: Path) -> int:
    """A file's descriptor; no link is followed, and no pipe is waited for (6)."""
    return os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)


def folder(path: Path) -> bool:
    """Whether it is a directory, and no link to one (6)."""
    return path.is_dir() and not path.is_symlink()


def content(path: Path) -> bytes:
    """A plain file's bytes; none of anything else that has the name."""
    with os.fdopen(opened(path), "rb") as file:
        return file.read() if stat.S_ISREG(os.fstat(file.fileno()).st_mode) else b""


def check_receipts(
    directory: Path, keys: Keys, accepted: frozenset[str] = frozenset()
) -> tuple[Report, list[dict[str, Any]]]:
    """Check receipts, and return what they say (6). accepted: SHA-256 of those that the copy of the
    device's ledger names."""
    report, receipts = Report(), []
    names = sorted(os.listdir(directory)) if folder(directory) else []
    for name in names:
        if not re.fullmatch(r"[0-9]{4,9}\.jws", name):
            continue
        try:
            token = content(directory / name)
            trusted = None if sha(token) in accepted else keys
            found = read_statement(token, "camerad-receipt", trusted)
            if found.payload["kid"] != found.kid:
                raise NoStatementError("names another key than that of its signature")
            receipts.append(found.payload)
        except NoStatementError as error:
            report.note(2, f"Receipt {name} {error}.")
        except OSError as error:
            report.note(2, f"Receipt {name} cannot be read: {error.strerror}.")
    return report, receipts


def counts_as_running(path: Path, ledger: Ledger) -> bool:
    """Whether a recording still runs: only for a device's own state directory (3.1)."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return False
    with os.fdopen(handle, "rb") as file:
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return False
        except OSError:
            pass
        head = file.read(512 + 1_048_576)[512:].split(b"\0")[0]
    raw = parts(head)
    try:
        header = json.loads(raw[1]) if raw else {}
        boot, clock = header["boot_id"], header["clock"]["boot_us"]
        machine = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except (ValueError, TypeError, KeyError, OSError):
        return False
    if boot != machine or ledger.last is None:
        return False
    known = ledger.known.get(header["id"])
    if known is not None:
        return known.opened and not known.ended and not known.deleted and not known.missing
    return ledger.last["boot_id"] == boot and ledger.last["clock"]["boot_us"] < clock + 10_000_000


def _recordings(
    report: Report,
    directory: Path,
    keys: Keys,
    ledgers: list[Ledger],
    receipts: list[dict[str, Any]],
    *,
    own: bool,
) -> int:
    """Check the recordings of one folder against what ledgers and receipts say of them."""
    last = {one["id"]: one for receipt in receipts for one in receipt["recordings"]}
    receipted = list(last.values())
    names = (
        sorted(name for name in os.listdir(directory) if name.endswith(".tar"))
        if folder(directory)
        else []
    )
    for name in names:
        identity = ID.match(name)
        stem = identity[0] if identity else name.removesuffix(".tar")
        if (directory / name).is_symlink():
            report.note(2, f"{name} is a link.")
            continue
        known = [ledger.known[stem] for ledger in ledgers if stem in ledger.known]
        finals = {final for one in known for final in one.finals}
        finals |= {one["final"] for one in receipted if one["id"] == stem}
        vouched = any(one.header and not one.deleted for one in known)
        runs = own and counts_as_running(directory / name, ledgers[0])
        found = check_recording(directory / name, keys, finals, vouched=vouched, runs=runs)
        report.add(name, found)
    for ledger in ledgers[-1:]:
        for stem, one in ledger.known.items():
            if one.header and not one.deleted and f"{stem}.tar" not in names and ID.fullmatch(stem):
                report.note(
                    2, f"{directory}: {stem} is gone, and no ledger says that it was deleted."
                )
    return len(names)


def check_device(state: Path, keys: Keys) -> Report:
    """Check a camera's state directory: its ledger and its recordings."""
    ledger, report = check_ledger(state / "ledger", keys), Report()
    report.add("ledger", ledger.report)
    receipts, said = check_receipts(state / "receipts", keys)
    report.add("receipts", receipts)
    if not _recordings(report, state / "recordings", keys, [ledger], said, own=True):
        report.note(3, "There is no recording.")
    return report


def check_office(office: Path, keys: Keys, cameras: Iterable[str] = ()) -> Report:
    """Check an office's directory (6). cameras: those of the keys that are devices'."""
    report, count = Report(), 0
    places = [one for one in sorted(office.iterdir()) if folder(one) and one.name != "office"]
    places = [one for one in places if any(os.path.lexists(one / part) for part in PARTS)]
    here = {place.name[-8:] for place in places}
    its = {kid: key for kid, key in keys.items() if kid[:8] not in here}
    ledger = _own_ledger(report, office, its, places)
    if ledger.last is None and any(kid[:8] not in here for kid in cameras):
        report.note(1, "Of a camera whose key is trusted nothing is here, nor a ledger to miss it.")
    _whole(report, places, ledger)
    _strays(report, office, places)
    owns = []
    for place in places:
        report.add(place.name, _place(place))
        own = check_ledger(place / "ledger", keys)
        owns.append(own)
        report.add(f"{place.name}/ledger", own.report)
        accepted = frozenset(one.receipt for one in own.known.values())
        receipts, said = check_receipts(place / "receipts", keys, accepted)
        report.add(f"{place.name}/receipts", receipts)
        if not all(own.has(receipt["head"]) for receipt in said):
            report.note(2, f"{place.name}: the ledger has not a receipt's head: it was put back.")
        there = {recording["id"] for receipt in said for recording in receipt["recordings"]}
        for stem, one in own.known.items():
            copied = os.path.lexists(place / f"recordings/{stem}.tar")
            if copied and one.receipt and stem not in there:
                report.note(2, f"{place.name}: the receipt for {stem} is gone.")
        _receipted(report, office, places, ledger, said)
        _foreign(report, place, own)
        here = {one: ledger.known[one] for one in ledger.known if _here(place, one, said)}
        ledgers = [own, Ledger(known=here)]
        count += _recordings(report, place / "recordings", keys, ledgers, said, own=False)
    for verdict, sentence in ledger.times.judged([one.times for one in owns], office=True):
        report.note(verdict, sentence)
    if not count:
        report.note(3, "There is no recording.")
    return report


def _id(office: Path) -> str | None:
    """The id of the directory; none if there is no such file (6)."""
    try:
        return content(office / "office/id").decode("ascii", "replace").strip()[:64]
    except OSError:
        return None


def _own_ledger(report: Report, office: Path, keys: Keys, places: list[Path]) -> Ledger:
    """The office's own ledger; it may be one that has not begun, unless receipts or keys show that
    it had (6)."""
    if (office / "office").is_symlink():
        report.note(2, "office is a link.")
        return Ledger()
    if (office / "office/keys").is_symlink():
        report.note(2, "office/keys is a link.")
    if os.path.lexists(office / "office/ledger"):
        ledger = check_ledger(office / "office/ledger", keys)
        report.add("office/ledger", ledger.report)
    else:
        ledger = Ledger()
    if ledger.last is None:
        named = {
            receipt["directory"] for place in places for receipt in _spelled(place / "receipts")
        }
        beside = folder(office / "office/keys") and list((office / "office/keys").glob("*.jwk"))
        if beside or named - {_id(office)}:
            report.note(2, "The office's own ledger is gone.")
    return ledger


def _spelled(directory: Path) -> list[dict[str, Any]]:
    """All that is spelled as a receipt, whoever signed it."""
    found = []
    for name in sorted(os.listdir(directory)) if folder(directory) else []:
        try:
            if re.fullmatch(r"[0-9]{4,9}\.jws", name):
                token = content(directory / name)
                found.append(read_statement(token, "camerad-receipt", None).payload)
        except (NoStatementError, OSError):
            continue
    return found


def _receipted(
    report: Report,
    office: Path,
    places: list[Path],
    ledger: Ledger,
    receipts: list[dict[str, Any]],
) -> None:
    """What receipts that count name has to be there, or deleted; and unless the office's ledger
    knows it, they have to be of this directory (6)."""
    own, last = _id(office), {}
    for receipt in receipts:
        last |= {one["id"]: receipt["directory"] for one in receipt["recordings"]}
    for stem, directory in last.items():
        known = ledger.known.get(stem)
        there = any(os.path.lexists(one / f"recordings/{stem}.tar") for one in places)
        if not there and not (known and known.deleted):
            report.note(2, f"There is a receipt for {stem}, and neither its file nor a deletion.")
        if ledger.last is not None and known is None and directory.removesuffix("+ledger") != own:
            report.note(2, f"The receipt for {stem} is of another office's directory.")


def _foreign(report: Report, place: Path, own: Ledger) -> None:
    """A recording lies in the directory of its camera (6)."""
    for path in _tars(place / "recordings"):
        try:
            with os.fdopen(opened(path), "rb") as file:
                token = file.read(512 + 1_048_576)[512:].split(b"\0")[0]
            raw = parts(token)
            kid = json.loads(raw[0])["kid"] if raw else ""
            header = json.loads(raw[1]) if raw else {}
            stem = re.sub(r"[^A-Za-z0-9._-]", "_", header["device"])
            named = own.known.get(header["id"])
            data = content(path)
            ends = [data[a:b] for name, a, b in read_archive(data).members if name == "end.jws"]
        except (OSError, ValueError, KeyError, TypeError):
            continue  # it is not authentic
        named_here = named is not None and any(sha(end) in named.finals for end in ends)
        if kid[:8] != place.name[-8:] and stem != place.name[:-9] and not named_here:
            report.note(2, f"{path.name} is another camera's recording.")


def _strays(report: Report, office: Path, places: list[Path]) -> None:
    """Recordings beside where they belong (6)."""
    for directory, below, names in os.walk(office):
        at = Path(directory)
        if at == office / "office":
            below.clear()
        below[:] = [name for name in below if at != office or name != "lost+found"]
        if at.name == "recordings" and at.parent in places:
            continue
        for name in sorted(names):
            if ID.match(name) and name.endswith(".tar"):
                report.note(1, f"{at / name} lies beside where recordings belong.")


def _tars(directory: Path) -> list[Path]:
    """The files of recordings in a folder."""
    return sorted(directory.glob("*.tar")) if folder(directory) else []


def _whole(report: Report, places: list[Path], ledger: Ledger) -> None:
    """What the office's ledger says of all that lies there (6)."""
    files = [path for place in places for path in _tars(place / "recordings")]
    named, ids = {path.stem for path in files}, [_identity(path) for path in files]
    for stem, one in ledger.known.items():
        if not one.deleted and ID.fullmatch(stem) and stem not in named:
            report.note(2, f"{stem} is gone, and the office's ledger has no deletion of it.")
        elif one.deleted and stem in named:
            report.note(2, f"{stem} is deleted by the office's ledger, and there.")
        elif one.deleted and stem in ids:
            report.note(1, f"{stem} is deleted by the office's ledger, and a copy of it is there.")
    for stem in sorted(set(ids)):
        if ledger.last is not None and stem not in ledger.known:
            report.note(1, f"{stem} is there, and the office's ledger does not know it.")
        if ids.count(stem) > 1:
            report.note(1, f"{stem} is there more than once.")


def _identity(path: Path) -> str:
    """The recording that a file is, by its header or else by its name."""
    try:
        with os.fdopen(opened(path), "rb") as file:
            raw = parts(file.read(512 + 1_048_576)[512:].split(b"\0")[0])
        return str(json.loads(raw[1])["id"]) if raw else path.stem
    except (OSError, ValueError, KeyError, TypeError):
        return path.stem


def _here(place: Path, stem: str, receipts: list[dict[str, Any]]) -> bool:
    """Whether a recording that the office knows belongs to this place."""
    return os.path.lexists(place / "recordings" / f"{stem}.tar") or any(
        one["id"] == stem for receipt in receipts for one in receipt["recordings"]
    )


def _place(place: Path) -> Report:
    """The key and the ledgers of one device's directory (6)."""
    report = Report()
    try:
        jwk = json.loads(content(place / "device.jwk").decode())
        x = decoded(jwk["x"].encode())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        jwk, x = {}, None
    canonical = f'{{"crv":"Ed25519","kty":"OKP","x":"{base64url(x)}"}}' if x else ""
    kid = base64url(bytes.fromhex(sha(canonical.encode())))
    said = {name: jwk.get(name) for name in ("crv", "kty", "x")}
    wrong = said != json.loads(canonical or "{}") or jwk.get("kid", kid) != kid
    if not x or wrong or kid[:8] != place.name[-8:]:
        report.note(2, "device.jwk is not the key that the directory is named after.")
    for part in ("recordings", "receipts"):
        if not folder(place / part):
            report.note(2, f"{part} is gone, or no directory.")
    earlier = place / "earlier-ledger"
    if os.path.lexists(earlier) and not folder(earlier):
        report.note(2, "earlier-ledger is no directory.")
    elif earlier.is_dir() and (names := os.listdir(earlier)):
        if any(LEDGER_FILE.fullmatch(name) for name in names):
            report.note(2, "The device's ledger once said something else: earlier-ledger is there.")
        else:
            report.note(1, "earlier-ledger has parts from which nothing goes on.")
    return report
