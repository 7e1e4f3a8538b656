"""Entries of a ledger: signed statements, each naming the one before.

An entry's payload has the fields of `Payload`; its ``facts`` are those of its kind in
`camerad.ledger.entry_types`. A line of an epoch's file is an entry's token and a newline. Without
the newline it is no entry.

A later version of camerad may write kinds that this one does not know, or more fields. Such an
entry counts if it is signed and in its one spelling, and `Entry.unread` is set. What this version
can read of it counts too, unless it ends a hold or deletes: the unread part might restrict that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import msgspec

from camerad.base import typed_json
from camerad.base.clock import SECOND, Moment
from camerad.container import jws, limits
from camerad.container.keys import KeyRing, SigningKey
from camerad.ledger.entry_types import KINDS, EpochBegun, Fact
from camerad.ledger.recording_entries import Deleted, HoldReleased

LEDGER: Final = "camerad-ledger"
LATE_US: Final = SECOND
"""An entry that is written so much later than what it tells of has both times."""
_BEGINNING: Final = re.compile(rb"[A-Za-z0-9_-]*(\.[A-Za-z0-9_-]*(\.[A-Za-z0-9_-]{0,86})?)?")
"""Beginning of a token that was cut short anywhere."""
_WRITTEN_BY_PEOPLE: Final = frozenset(
    (
        *("reason", "who", "person", "approved_by", "case"),
        *("authorised_by", "key", "configured", "allowed", "name", "file"),
    )
)
"""Texts in facts that are kept as people gave them. Callers escape them before printing."""
_FREE: Final = _WRITTEN_BY_PEOPLE | {"token"}
LONGEST_UNREAD: Final = jws.LONGEST * 3 // 4 - 4096
"""The longest token of an entry that this version cannot read, bytes. The next epoch carries it
inside an entry of its own, and base64 makes four bytes of three."""
_SHORTEST: Final = 200
"""No entry has fewer bytes: its header has 132 digits of base64url, and its signature 86."""
_TOO_SHORT: Final = "the line is too short for an entry"
_KIND_OF: Final = {fact: kind for kind, fact in KINDS.items()}


class Payload(msgspec.Struct, frozen=True):
    """The signed content of an entry.

    sequence: counted from 1, over all epochs. previous: SHA-256 of the entry before, also across
    epochs; "" in the very first. epoch: number of the epoch. boot_id, clock: when it was written.
    happened: when what it says happened, in the same boot, if that was at least `LATE_US` before;
    by the clocks as they were then.
    """

    sequence: int
    previous: str
    epoch: int
    kind: str
    boot_id: str
    clock: Moment
    facts: msgspec.Raw
    happened: Moment | None = None


class Head(msgspec.Struct, frozen=True):
    """The last entry of a ledger. sha256: of its token."""

    epoch: int
    sequence: int
    sha256: str


NOTHING: Final = Head(0, 0, "")
"""Head of a ledger without entries."""


class Entry(msgspec.Struct, frozen=True):
    """An entry whose signature has been checked.

    facts: what can be read of it; None if its kind is not known here. kid: thumbprint of the key
    that signed it. sha256: of its token. unread: this version cannot read all of it. The rest as in
    `Payload`.
    """

    sequence: int
    previous: str
    epoch: int
    kind: str
    boot_id: str
    clock: Moment
    facts: Fact | None
    kid: str
    sha256: str
    token: bytes
    happened: Moment | None = None
    unread: bool = False

    @property
    def when(self) -> Moment:
        """When what it says happened, as far as that is known."""
        return self.happened or self.clock

    @property
    def head(self) -> Head:
        """The ledger's head after this entry."""
        return Head(self.epoch, self.sequence, self.sha256)

    @property
    def recording(self) -> str | None:
        """Id of the recording that the entry is about; None if it is about none."""
        return getattr(self.facts, "id", None)


def facts_of_kind(kind: str, fields: dict[str, Any]) -> Fact:
    """The facts of an entry of that kind.

    Raises ValueError if the kind has other fields, or fields of other types, or if a value is out
    of `camerad.container.limits`: no reader would accept such an entry.
    """
    if kind not in KINDS:
        raise ValueError(f"{kind!r} is no kind of ledger entry; known: {', '.join(KINDS)}")
    try:
        facts = typed_json.decode(jws.canonical(KINDS[kind](**fields)), KINDS[kind])
        limits.check_limits(facts, _FREE)
    except (TypeError, ValueError) as error:  # msgspec's errors are ValueErrors
        raise ValueError(f"these are not the facts of an entry {kind!r}: {error}") from error
    return facts


def sign_entry(
    key: SigningKey,
    head: Head,
    boot_id: str,
    clock: Moment,
    facts: Fact,
    *,
    happened: Moment | None = None,
) -> Entry:
    """The signed entry that follows `head`. happened: when it happened, if that is not now."""
    clock = clock.signed
    if happened is not None and clock.boot_us - happened.boot_us < LATE_US:
        happened = None
    kind = _KIND_OF[type(facts)]
    epoch = facts.number if isinstance(facts, EpochBegun) else head.epoch
    sequence = head.sequence + 1
    raw = msgspec.Raw(jws.canonical(facts))
    payload = Payload(sequence, head.sha256, epoch, kind, boot_id, clock, raw, happened)
    token = jws.sign(key, LEDGER, payload)
    return Entry(
        sequence,
        head.sha256,
        epoch,
        kind,
        boot_id,
        clock,
        facts,
        key.public.thumbprint,
        jws.digest(token),
        token,
        happened,
    )


def parse_entry(token: bytes, keys: KeyRing) -> Entry:
    """The entry that a token is. Raises JwsError if it is none in its one spelling by one of
    `keys`."""
    statement = jws.parse(token)
    jws.check(statement, keys)
    return _taken_apart(statement)


def parse_carried(token: str) -> Entry | None:
    """The entry inside another one (`camerad.ledger.entry_types.UnreadEntry`), whose signature
    vouches for it; None if this version cannot read all of it either."""
    try:
        found = _taken_apart(jws.parse(token.encode("ascii", "replace")))
    except jws.JwsError:
        return None
    return None if found.unread else found


def _taken_apart(statement: jws.Statement) -> Entry:
    """Raises JwsError unless it is an entry in its one spelling, which may have more than is known
    here."""
    if statement.kind != LEDGER:
        raise jws.JwsError(f"this is a {statement.kind}, not a {LEDGER}")
    what = f"the payload of this {LEDGER}"
    payload, more = jws.known_part(statement.payload, Payload, what)
    known = KINDS.get(payload.kind)
    kind: Any = Any if known is None else known
    what = f"the entry {payload.kind!r}"
    facts, more_facts = jws.known_part(bytes(payload.facts), kind, what, _FREE)
    unread = more or more_facts or known is None
    if unread and len(statement.token) > LONGEST_UNREAD:
        raise jws.JwsError(f"{what} is longer than one that another version writes")
    if known is None or (unread and isinstance(facts, HoldReleased | Deleted)):
        facts = None
    return Entry(
        payload.sequence,
        payload.previous,
        payload.epoch,
        payload.kind,
        payload.boot_id,
        payload.clock,
        facts,
        statement.kid,
        jws.digest(statement.token),
        statement.token,
        payload.happened,
        unread,
    )


class LedgerLine(NamedTuple):
    """A line of an epoch's file.

    number: counted from 1. begin, end: offsets in bytes, the newline included. entry: None if it is
    none, and then problem says why, and whole whether nevertheless no interrupted append can have
    left it: what of an append is lost reads as zeros, or is not there.
    """

    number: int
    begin: int
    end: int
    entry: Entry | None
    problem: str
    whole: bool


def read_lines(content: bytes, keys: KeyRing) -> Iterator[LedgerLine]:
    """The lines of an epoch's file. Only a last line that was cut short has no newline."""
    begin = 0
    number = 0
    while begin < len(content):
        number += 1
        end = content.find(b"\n", begin) + 1
        if end == 0:
            rest = content[begin:]
            whole = b"\0" not in rest and _BEGINNING.fullmatch(rest) is None
            yield LedgerLine(number, begin, len(content), None, "the line was cut short", whole)
            return
        token = content[begin : end - 1]
        if len(token) < _SHORTEST:
            # Apart from the others, since a file may have millions of them.
            yield LedgerLine(number, begin, end, None, _TOO_SHORT, b"\0" not in token)
            begin = end
            continue
        try:
            yield LedgerLine(number, begin, end, parse_entry(token, keys), "", whole=True)
        except jws.JwsError as error:
            yield LedgerLine(number, begin, end, None, str(error), b"\0" not in token)
        begin = end


def find_misfit(entry: Entry, head: Head, kid: str) -> str:
    """Why an entry does not follow `head`, in a ledger signed by `kid` so far; "" if it does. kid
    "": no entry is signed yet."""
    if entry.happened is not None and entry.happened.boot_us > entry.clock.boot_us:
        return f"entry {entry.sequence} tells of what happened after it"
    if entry.sequence != head.sequence + 1:
        return f"entry {entry.sequence} follows entry {head.sequence}"
    if entry.previous != head.sha256:
        return f"entry {entry.sequence} names another entry before it"
    if isinstance(entry.facts, EpochBegun):
        fits = entry.epoch > head.epoch and entry.epoch == entry.facts.number
    else:
        fits = entry.epoch == head.epoch
    if not fits:
        return f"entry {entry.sequence} belongs to epoch {entry.epoch}"
    if kid not in ("", entry.kid) and getattr(entry.facts, "replaces", None) != kid:
        return f"entry {entry.sequence} is by another key, and does not say that it replaces {kid}"
    return ""
