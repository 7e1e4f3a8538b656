"""Holds that were placed on a camera, and count in an office too.

A camera's ledger comes to an office as a copy, with the recordings. What it holds, the office holds
too. The office's ledger takes over each hold once, with the reason ``on the camera: REASON`` and
the same person. Such a hold ends when the camera's ledger has a release, which is taken over by
``on the camera: PERSON``: the same hold counts again when it is placed on the camera again. Or it
ends by a release in the office; then it is not taken over again. A copy of a ledger that was put
back to before the hold does not end it, nor does damage that hides it: every hold counts that a
signed entry placed and no signed release ended, also in what was set aside of the copy, or beside
it.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from camerad.base import file_status
from camerad.base.clock import Moment
from camerad.base.errors import StorageError
from camerad.base.storage_errors import explaining
from camerad.base.text import LONGEST
from camerad.container import jws
from camerad.container.keys import KeyRing
from camerad.ledger import log_segments
from camerad.ledger.audit import entries_about
from camerad.ledger.entries import Entry, parse_entry
from camerad.ledger.entry_types import Carried, Fact
from camerad.ledger.ledger import Ledger, read_state
from camerad.ledger.ledger_state import LedgerState
from camerad.ledger.recording_entries import HoldPlaced, HoldReleased
from camerad.ledger.recording_state import Hold, RecordingState
from camerad.store.holds import MOST_HOLDS
from camerad.store.locations import Holding, Place, PlaceKind
from camerad.store.newest_copy import with_newest_copies
from camerad.store.store import Store

ON_CAMERA: Final = "on the camera: "
"""How the reason of a hold that was taken over begins, and the person of a release that was."""
_PART: Final = re.compile(r"[0-9]{6,}\.(jws|damaged)-[0-9a-f]{16}")
"""What `camerad.office.ledger_mirror` calls a part that nothing goes on from."""
MOST_CAMERAS: Final = 2000
"""Of how many it is remembered what they hold."""
_LOCK: Final = threading.Lock()
_HELD: Final = dict[str, tuple[tuple[object, ...], Mapping[str, tuple[Hold, ...]]]]()
_ABOUT_HOLDS: Final = (
    *jws.spellings(b'"kind":"hold"'),
    *jws.spellings(b'"kind":"release"'),
    *jws.spellings(b'"holds":[{'),
)


def pending(
    place: Place, state: LedgerState | None, own: KeyRing, keys: KeyRing
) -> dict[str, tuple[Hold, ...]]:
    """The holds in cameras' ledgers that an office has to take over, by the recordings' ids.

    state: what the office's ledger says, None if there is none. own: the keys to read that with.
    keys: those to read the cameras' ledgers with. Raises StorageError if one of them cannot be
    read.
    """
    found: dict[str, tuple[Hold, ...]] = {}
    for holding in _with_ledger(place):
        for recording, holds in not_ours(place, held_in(holding, keys), state, own).items():
            found[recording] = (*found.get(recording, ()), *holds)
    return found


def not_ours(
    place: Place, held: Mapping[str, tuple[Hold, ...]], state: LedgerState | None, own: KeyRing
) -> dict[str, tuple[Hold, ...]]:
    """Of the holds on a camera, those that the office has to take over. held: as `held_in` says;
    the rest, and raises: as `pending`."""
    found: dict[str, tuple[Hold, ...]] = {}
    for recording, holds in held.items():
        if not place.files_of(recording):
            continue
        ours = state.recordings.get(recording) if state is not None else None
        if ours is not None and ours.deleted is not None:
            continue
        there = set(ours.holds) if ours is not None else set()
        new = tuple(one for one in map(_as_ours, holds) if one not in there)
        if new and state is not None:
            there = _already_ours(place, own, recording)
            new = tuple(one for one in new if one not in there)
        if new:
            found[recording] = new
    return found


def take_over(store: Store, keys: KeyRing, trusted: KeyRing) -> Iterator[str]:
    """Take the holds of an office's cameras over into its store; yields a sentence on each change,
    for the log: who holds what and why stands in the ledger alone.

    What cannot be read is added to the store's `unread`. keys: any that may sign a hold. trusted:
    those that may end one.
    """
    place = with_newest_copies(store.place, keys)
    for holding in _with_ledger(place):
        part = Place(place.kind, place.root, (holding,), place.unread)
        try:
            held = pending(part, store.ledger.state, store.ledger.keys, keys)
            ended = list(_released(holding, store.ledger, keys, trusted))
        except StorageError as error:
            store.unread += (error,)
            continue
        for recording, holds in held.items():
            ours = store.ledger.state.recordings.get(recording)
            room = MOST_HOLDS - (len(ours.holds) if ours is not None else 0)
            for one in holds[:room]:  # it is held by the others, too
                store.ledger.append("hold", id=recording, reason=one.reason, who=one.who)
                yield f"{recording}: a hold of its camera's counts here too"
        for recording, who in ended:
            store.ledger.append("release", id=recording, who=_on_camera(who))
            yield f"{recording}: its camera has released it, and so it is here"


def _as_ours(hold: Hold) -> Hold:
    """A hold of a camera as the office keeps it."""
    return Hold(_on_camera(hold.reason), hold.who)


def _on_camera(text: str) -> str:
    return f"{ON_CAMERA}{text}"[:LONGEST]


def _with_ledger(place: Place) -> Iterator[Holding]:
    for one in place.holdings if place.kind is PlaceKind.OFFICE else ():
        parts = (one.ledger, one.earlier_ledger)
        if not one.broken and any(file_status.is_directory(part) for part in parts):
            yield one


def held_in(holding: Holding, keys: KeyRing) -> Mapping[str, tuple[Hold, ...]]:
    """What a camera holds, by all that is here of its ledger. It is found out anew when one of the
    files is another one. Raises StorageError."""
    version = _version(holding, keys)  # before they are read
    with _LOCK:
        known = _HELD.pop(holding.root, None)
    held = known[1] if known is not None and known[0] == version else _read_held(holding, keys)
    with _LOCK:
        _HELD[holding.root] = version, held
        if len(_HELD) > MOST_CAMERAS:
            del _HELD[next(iter(_HELD))]
    return held


def _version(holding: Holding, keys: KeyRing) -> tuple[object, ...]:
    """What tells all that is here of a camera's ledger from what it was."""
    found: list[object] = [frozenset(keys)]
    for directory in (holding.ledger, holding.earlier_ledger):
        if not file_status.is_directory(directory):
            continue
        with explaining("look at the ledger", directory):
            for name in sorted(os.listdir(directory)):
                at = os.lstat(os.path.join(directory, name))
                found.append(
                    (directory, name, at.st_ino, at.st_size, at.st_mtime_ns, at.st_ctime_ns)
                )
    return tuple(found)


def _read_held(holding: Holding, keys: KeyRing) -> dict[str, tuple[Hold, ...]]:
    held = dict[str, tuple[Hold, ...]]()
    if file_status.is_directory(holding.ledger):
        state = read_state(holding.ledger, keys)
        held = {one.id: one.holds for one in state.recordings.values() if one.held}
    for recording, holds in _never_released(holding, keys):
        there = held.get(recording, ())
        held[recording] = (*there, *(one for one in holds if one not in there))
    return held


def _never_released(holding: Holding, keys: KeyRing) -> Iterator[tuple[str, tuple[Hold, ...]]]:
    """The holds that a signed entry placed and no later signed release ended, in whatever file."""
    for contents in _lineages(holding, keys):
        placed: dict[tuple[str, Hold], int] = {}
        released: dict[str, int] = {}
        for entry in (found for content in contents for found in _about_holds(content, keys)):
            if isinstance(entry.facts, HoldReleased):
                recording = entry.facts.id
                released[recording] = max(released.get(recording, 0), entry.sequence)
            for one in _placed_by(entry):
                placed[one] = max(placed.get(one, 0), entry.sequence)
        for (recording, hold), sequence in placed.items():
            if sequence > released.get(recording, 0):
                yield recording, (hold,)


def _placed_by(entry: Entry) -> Iterator[tuple[str, Hold]]:
    """The holds that an entry tells of, with the recordings' ids."""
    facts = entry.facts
    if isinstance(facts, HoldPlaced):
        yield facts.id, Hold(facts.reason, facts.who)
    elif isinstance(facts, Carried):
        yield from ((one.id, hold) for one in facts.recordings for hold in one.holds)


def _about_holds(content: bytes, keys: KeyRing, recording: str = "") -> Iterator[Entry]:
    """The signed entries in a file that may say something about holds, of that recording, or of any
    (""); no other is taken apart."""
    spelled = jws.spellings(jws.canonical(recording)[1:-1]) if recording else (b"",)
    for token in content.split(b"\n"):
        if any(one in token for one in spelled) and any(one in token for one in _ABOUT_HOLDS):
            entry = _signed(token, keys)
            if entry is not None:
                yield entry


def _signed(token: bytes, keys: KeyRing) -> Entry | None:
    try:
        return parse_entry(token, keys)
    except jws.JwsError:
        return None  # the verification of the directory says so


def _lineages(holding: Holding, keys: KeyRing) -> Iterator[Sequence[bytes]]:
    """All files with entries of a camera's ledger, by what goes on from what: a release counts only
    behind the hold that it ends. The copy; what the camera said instead; and each part that was set
    aside with that of both which has its last entry, else alone."""
    copy = _contents(holding.ledger)
    aside = holding.earlier_ledger
    branch = _contents(aside)
    tokens = [
        {token for content in one for token in content.split(b"\n")} for one in (copy, branch)
    ]
    for part in _contents(aside, parts=True):
        lines = reversed(part.split(b"\n"))
        last = next((token for token in lines if _signed(token, keys) is not None), None)
        if last in tokens[0]:
            copy.append(part)
        elif last in tokens[1]:
            branch.append(part)
        else:
            yield [part]
    yield copy
    yield branch


def _contents(directory: str, *, parts: bool = False) -> list[bytes]:
    """The files with entries in a directory. parts: those that nothing goes on from."""
    if not file_status.is_directory(directory):
        return []
    shelf = log_segments.list_files(directory)
    names = [shelf.name(number) or "" for number in sorted(shelf.epochs | shelf.damaged)]
    if parts:
        names = [name for name in shelf.others if _PART.fullmatch(name)]
    return [log_segments.read_file(directory, name) for name in names]


def _already_ours(place: Place, own: KeyRing, recording: str) -> set[Hold]:
    """The holds on it that the office's ledger has, also those that were released in the office.
    What was placed before a release by the camera is none of them: that may have come again."""
    found = set[Hold]()
    for content in _contents(place.ledger):
        for entry in _about_holds(content, own, recording):
            found.update(hold for held, hold in _placed_by(entry) if held == recording)
            match entry.facts:
                case HoldReleased(id=released, who=who) if released == recording:
                    found = set() if who.startswith(ON_CAMERA) else found
    return found


def _is_same(theirs: RecordingState | Fact | None, ours: RecordingState) -> bool:
    """Whether a camera's ledger, or an entry of it, is about this recording: an id is its camera's
    choice."""
    final, header = getattr(theirs, "final", None), getattr(theirs, "header", "")
    return (final is not None and final == ours.final) or (bool(header) and header == ours.header)


def _only_by_camera(known: RecordingState, now: Moment) -> bool:
    """Whether nobody else holds it, but for holds with an end that is over."""
    standing = [
        hold
        for hold in known.holds
        if hold.end_us is None or not now.trusted or hold.end_us > now.wall_us
    ]
    return bool(standing) and all(hold.reason.startswith(ON_CAMERA) for hold in standing)


def _released(
    holding: Holding, ledger: Ledger, keys: KeyRing, trusted: KeyRing
) -> Iterator[tuple[str, str]]:
    """What the office holds only because its camera held it, and the camera's ledger has released:
    the id, and who released it. ledger: the office's. The camera may have forgotten the recording
    since: its earlier epochs have not."""
    _, now = ledger.now()
    ours = [one for one in ledger.state.recordings.values() if _only_by_camera(one, now)]
    if not ours or not file_status.is_directory(holding.ledger):
        return
    theirs = read_state(holding.ledger, trusted).recordings
    still = held_in(holding, keys)
    for one in ours:
        if one.id in still:
            continue
        entries = [entry.facts for entry in entries_about(holding.ledger, trusted, one.id)]
        if not any(_is_same(said, one) for said in (theirs.get(one.id), *entries)):
            continue
        holds = [said for said in entries if isinstance(said, HoldPlaced | HoldReleased)]
        if holds and isinstance(holds[-1], HoldReleased):
            yield one.id, holds[-1].who
