"""Entries about people: sign-ins, views, disclosures, changes of rights. A camera's has none of
these but the reason for a release.

One Struct for each kind of entry, field by field its ``facts``; what holds for all kinds:
`camerad.ledger.entry_types`. Nothing is deleted, held or released by one of these: they are there
to be read (O5). who, person: ids of people at the office's desk; "" for the office's command.
"""

from __future__ import annotations

from typing import Final

import msgspec

from camerad.ledger.recording_entries import HoldPlaced, HoldPlacedUntil, HoldReleased


class SignedEntry(msgspec.Struct, frozen=True):
    """A person signed in or out at the desk, or was refused. what: "in", "out" or "refused"; how:
    by what: "passkey", "link", "openid"; of an end: "asked", "by_administrator", or "replaced", by
    another sign-in in the same browser. Refused is a passkey that is theirs, whose signature or
    counter does not count, or an account that is theirs, by which they may not come in so."""

    who: str
    what: str
    how: str


class ViewedEntry(msgspec.Struct, frozen=True):
    """A person was given a recording, sealed as it is kept, to view it. role: the role that allowed
    it; case: number of the case that it was for, "" if none; approved_by: who approved it besides,
    "" where no approval was needed. It is written before the first byte is sent."""

    id: str
    who: str
    role: str
    reason: str
    case: str
    approved_by: str


class DownloadedEntry(msgspec.Struct, frozen=True):
    """A person was given a recording, sealed as it is kept, to take it along."""

    id: str
    who: str
    role: str
    reason: str
    case: str
    approved_by: str


class ViewingApprovedEntry(msgspec.Struct, frozen=True):
    """A supervisor (`who`) approved that `person` is given a recording once, to view it or to take
    it along. It has the reason and the case that the person named, and is written before it
    counts."""

    id: str
    who: str
    person: str
    reason: str
    case: str


class JudgedEntry(msgspec.Struct, frozen=True):
    """The browser of a person who was given a recording reports the result of its check. verdict:
    as `camerad evidence verify` calls it; key: thumbprint of the key that it went by; final:
    SHA-256 of the end that it saw, "" if there was none. The office vouches for none of it: it saw
    no tab."""

    id: str
    who: str
    verdict: str
    key: str
    final: str

    @property
    def reason(self) -> str:
        """What is shown beside it."""
        return self.verdict


class PackagedEntry(msgspec.Struct, frozen=True):
    """A package with a recording is made for a case, with proofs that its entries lie in the log of
    this office. origin, size, root: of their checkpoint, the root in base64; policy: SHA-256 of the
    policy by which its cosignatures count; entries: how many are proven."""

    id: str
    who: str
    case: str
    origin: str
    size: int
    root: str
    policy: str
    entries: int

    @property
    def reason(self) -> str:
        """What for: the case."""
        return self.case


class RedactedEntry(msgspec.Struct, frozen=True):
    """A redacted copy of a recording is made. recipient: for whom, by role (`CopyRecipient` of
    `camerad.container.redaction`); reference: number of the file, "" if none; sha256: of the signed
    list in the copy. What the list says of the picture is not here."""

    id: str
    who: str
    recipient: str
    reference: str
    sha256: str

    @property
    def reason(self) -> str:
        """For whom."""
        return f"{self.recipient} {self.reference}".strip()


class HoldGroundEntry(msgspec.Struct, frozen=True):
    """The purpose of the hold in the entry before this one. ground: one of `GROUNDS`. The hold
    counts without it."""

    id: str
    who: str
    ground: str

    @property
    def reason(self) -> str:
        """What it is for."""
        return self.ground


class ReleaseReasonEntry(msgspec.Struct, frozen=True):
    """The reason for the release in the next entry. The release counts without it."""

    id: str
    who: str
    reason: str


PROSECUTION: Final = "prosecution"
GROUNDS: Final = (PROSECUTION, "danger", "lawfulness", "person", "other")
"""What a recording is kept for. The first three and a person's request are those for which the law
keeps one beyond its time (BPolG, section 27a(4)): a criminal or regulatory offence is prosecuted; a
danger is averted; whether the recording was lawful is examined; who is recorded asked for it."""
CHANGES_NOTHING: Final = (
    *(ViewedEntry, DownloadedEntry, ViewingApprovedEntry, JudgedEntry),
    *(PackagedEntry, RedactedEntry, HoldGroundEntry, ReleaseReasonEntry),
)
"""What is about a recording, and changes nothing of it."""
_OF_OTHERS: Final = (*CHANGES_NOTHING, HoldPlaced, HoldPlacedUntil, HoldReleased)


def goes_with_copy(facts: object, sha256: str) -> bool:
    """Whether an entry about a recording goes along with a redacted copy, whose list has this hash.

    What says where the recording comes from does, and the entry about this copy. Who else held,
    viewed or got the recording, and why, is no affair of who gets the copy.
    """
    if isinstance(facts, RedactedEntry):
        return facts.sha256 == sha256
    return not isinstance(facts, _OF_OTHERS)


class RightsEntry(msgspec.Struct, frozen=True):
    """A person's rights changed. what: "added", "roles", "link", "passkey_added",
    "openid_connected", "withdrawn", "restored", or "signed_out", by another person; roles: those
    that they have since."""

    person: str
    who: str
    what: str
    roles: tuple[str, ...]


class CaseEntry(msgspec.Struct, frozen=True):
    """Something was done to a case. case: its number at the office; what: "opened", "added",
    "removed", "note", "handed_over", "recording_handed_over" (one for each recording of a case that
    was handed over), "closed" or "reopened"; recording: id of the one that it was about, "" if
    none; reason: what was said about it; sha256: of the case's file since, as
    ``office/desk/cases`` has it."""

    case: str
    who: str
    what: str
    recording: str
    reason: str
    sha256: str


REFUSAL_GROUNDS: Final = (
    *("duties", "safety", "third_parties", "copy_of_others", "secret", "public_order"),
    *("control_only", "not_findable", "excessive"),
)
"""Grounds on which access may be refused: § 57(4) with § 56(2) no. 1 (duties), 2 (safety) and 3
(third_parties) BDSG; Art. 15(4) GDPR (copy_of_others); § 34(1) BDSG with § 29(1) sentence 2
(secret) and with § 33(1) no. 1 (public_order); § 34(1) no. 2 and § 57(2) BDSG (control_only);
§ 57(3) BDSG (not_findable); Art. 12(5) GDPR and § 59(3) BDSG (excessive)."""


class AccessRequestEntry(msgspec.Struct, frozen=True):
    """A person asks what was recorded of them; it has no word about who. number: of the request;
    what: "opened", "answered" or "withdrawn"; received: day of receipt, as ``2026-11-24``; from_us,
    to_us: the time that is asked about, wall time; found: recordings of that time; answers: what
    was said of each, "kept", "held", "deleted", "unclear", "copy", or "refused_" and one of
    `REFUSAL_GROUNDS`."""

    number: str
    who: str
    what: str
    received: str
    from_us: int
    to_us: int
    found: int
    answers: tuple[str, ...]

    @property
    def reason(self) -> str:
        """What it is shown by: the number."""
        return self.number


class TrialStartedEntry(msgspec.Struct, frozen=True):
    """A pilot begins (``office/trial``). trial: its name; plan: SHA-256 of its plan; seed: SHA-256
    of the seed by which its shifts are drawn, which is told at its end."""

    trial: str
    who: str
    plan: str
    seed: str


class TrialNotedEntry(msgspec.Struct, frozen=True):
    """Something was noted in a pilot, or it ended. what: "form", "deviation", "proceeding",
    "survey" or "ended"; about: the shift, the case's number or the survey, and of an end its
    reason; sha256: of what was noted, and of an end of the seed."""

    trial: str
    who: str
    what: str
    about: str
    sha256: str

    @property
    def reason(self) -> str:
        """What it is about."""
        return self.about


class ReportMadeEntry(msgspec.Struct, frozen=True):
    """A person was given a report at the desk. first, last: days of its period, as ``2026-11-24``;
    language: of its page; sha256: of its signature."""

    who: str
    first: str
    last: str
    language: str
    sha256: str

    @property
    def reason(self) -> str:
        """What for: the period."""
        return f"{self.first} – {self.last}"
