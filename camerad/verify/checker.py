"""Decides what is wrong with a recording; pure. It is given the members in their order, which
`camerad.verify.judge` has read and hashed.

It trusts the keys that it is given, and nothing that the file brings. A finding names the members
and the seconds that it affects. Seconds are *proven* if the bytes of their fragments are the signed
ones, the commits are by the recording's key, and an unbroken chain of statements links them to the
signed header. Signed fragments behind a break of the chain are kept apart: nothing proves that they
belong to this recording.

Seconds are those of the recording: media time minus the header's origin, in microseconds.
"""

from __future__ import annotations

from typing import Final, TypeVar

from camerad.container import jws
from camerad.container.chain import (
    END_NAME,
    HEADER_NAME,
    INIT_NAME,
    TORN_NAME,
    commit_name,
    fragment_name,
)
from camerad.container.keys import KeyRing
from camerad.container.reader import LostBytes, MemberSeen, Tail, TailKind
from camerad.container.severity import Severity
from camerad.container.statements import (
    COMMIT,
    END,
    FORMAT,
    HEADER,
    RECOVERED,
    Closing,
    Commit,
    Content,
    Header,
    RecordingEnd,
)
from camerad.container.ustar import END as ARCHIVE_END
from camerad.verify.chain_check import MISPLACED, ChainCheck
from camerad.verify.coverage import AHEAD_US
from camerad.verify.findings import NUMBERED, FindingKind, JudgedCommit, Result

_T = TypeVar("_T", Header, Commit, RecordingEnd)


class Checker:
    """Judges one recording. keys: the devices' public keys that are trusted. part: it is a part of
    one, whose other fragments are elsewhere.

    Feed `member` and `lost` in the order of the file, then `finish` once; `result` grows meanwhile.
    """

    def __init__(self, keys: KeyRing, *, part: bool = False) -> None:
        self.result: Final = Result()
        self._found: Final = self.result.findings
        self._keys = keys
        self._chain: Final = ChainCheck(self.result, is_part=part)
        self._add: Final = self._found.say
        self._header_seen = False
        self._torn: Content | None = None
        self._ended = False

    # -- what the file has -----------------------------------------------------------------------

    def member(self, seen: MemberSeen) -> JudgedCommit | None:
        """Judge the next member. Returns what a commit says, if it is signed."""
        if seen.foreign:
            text = "is not a member that a recording has; it was passed over"
            self._add(FindingKind.FOREIGN, text, seen.name)
            return None
        name = seen.name or self._expected(statement=_is_token(seen.token))
        if seen.damage is not None:
            self._add(FindingKind.ARCHIVE, f"{seen.damage}; its content counts by itself", name)
        if self._ended:
            self._add(FindingKind.EXTRA, "stands behind the end of the recording", name)
            return None
        found = NUMBERED.fullmatch(name)
        if name == HEADER_NAME:
            self._header(seen)
        elif name == INIT_NAME:
            self._initialisation(seen)
        elif name == TORN_NAME:
            self._torn_tail(seen)
        elif name == END_NAME:
            self._end(seen)
        elif found is None or name not in (
            fragment_name(int(found[1])),
            commit_name(int(found[1])),
        ):
            self._add(FindingKind.FOREIGN, "is not a member that a recording has", name)
        else:
            return self._footage(int(found[1]), seen, statement=found[2] == "jws")
        return None

    def lost(self, lost: LostBytes) -> None:
        """Report bytes that are no member."""
        self._add(
            FindingKind.LOST,
            f"{lost.size} bytes at {lost.offset} cannot be read as a member",
            self._expected(statement=bool(self._chain.waiting)),
        )

    def finish(self, tail: Tail, *, running: bool = False) -> Result:
        """Judge what lies behind the last member. running: a recorder has the file open."""
        result = self.result
        if not self._header_seen:
            self._header_missing()
        if self._ended:
            if tail.kind is not TailKind.ZEROS or tail.size != len(ARCHIVE_END):
                self._add(
                    FindingKind.ARCHIVE,
                    f"{tail.size} bytes follow the end instead of {len(ARCHIVE_END)} zeros",
                    END_NAME,
                )
        else:
            self._unclosed(tail, running=running)
        self._chain.finish()
        return result

    # -- members ---------------------------------------------------------------------------------

    def _header(self, seen: MemberSeen) -> None:
        if self._header_seen or self._chain.has_footage:
            self._add(FindingKind.EXTRA, MISPLACED, HEADER_NAME)
            return
        self._header_seen = True
        header = self._statement(seen, HEADER, Header, HEADER_NAME, "everything")
        if header is None:
            return
        if header.format != FORMAT:
            self._add(
                FindingKind.FORGED,
                f"is of format {header.format}, and this program knows {FORMAT}; use a later one",
                HEADER_NAME,
            )
            return
        self.result.header = header
        self.result.add_source(header.clock.source)
        self.result.origin_us = header.origin_us
        self._chain.begin(header, seen.sha256)

    def _header_missing(self) -> None:
        self._header_seen = True
        self._add(
            FindingKind.MISSING,
            "the header is missing: nothing says which recording this is",
            HEADER_NAME,
        )

    def _initialisation(self, seen: MemberSeen) -> None:
        if not self._header_seen:
            self._header_missing()
        if self._chain.init is not None or self._chain.has_footage:
            self._add(FindingKind.EXTRA, MISPLACED, INIT_NAME)
            return
        self._chain.init = Content(seen.size, seen.sha256)

    def _footage(self, sequence: int, seen: MemberSeen, *, statement: bool) -> JudgedCommit | None:
        if not self._header_seen:
            self._header_missing()
        if self._torn is not None:
            self._add(FindingKind.EXTRA, "is not in its place", TORN_NAME)
        if statement:
            return self._commit(sequence, seen)
        self._chain.fragment(sequence, Content(seen.size, seen.sha256))
        return None

    def _commit(self, sequence: int, seen: MemberSeen) -> JudgedCommit | None:
        name = commit_name(sequence)
        if self._chain.is_past(sequence):
            self._add(FindingKind.EXTRA, MISPLACED, name)
            return None
        commit = self._statement(seen, COMMIT, Commit, name, "the fragment it is to commit")
        if commit is not None and commit.facts.sequence != sequence:
            text = f"is the commit of fragment {commit.facts.sequence}, in another one's place"
            self._add(FindingKind.FORGED, text, name)
            commit = None
        if commit is None:
            self._chain.skip_forged(sequence)
            return None
        return self._chain.commit(commit, seen.sha256)

    def _torn_tail(self, seen: MemberSeen) -> None:
        if not self._header_seen:
            self._header_missing()
        if self._torn is not None:
            self._add(FindingKind.EXTRA, "is there twice", TORN_NAME)
            return
        self._torn = Content(seen.size, seen.sha256)

    def _end(self, seen: MemberSeen) -> None:
        if not self._header_seen:
            self._header_missing()
        self._ended = True
        for number in self._chain.waiting:
            self._chain.uncommitted(number)
        end = self._statement(seen, END, RecordingEnd, END_NAME, "how the recording ended")
        if end is None:
            self._found.leave_time_open(self._chain.at.until_us)
            return
        self._chain.end(end.commits, end.previous, END_NAME)
        self._judge_end(end)
        self.result.add_closing(end.closing, seen.sha256)

    def _judge_end(self, end: RecordingEnd) -> None:
        closing, result = end.closing, self.result
        self._judge_torn(end)
        if self._chain.init is not None and not end.commits:
            self._add(FindingKind.UNCOMMITTED, "is vouched for by no statement", INIT_NAME)
        if (
            self._chain.at.linked
            and result.commits == end.commits
            and closing.frames != result.frames
        ):
            self._add(
                FindingKind.CONTRADICTION,
                f"counts {closing.frames} pictures, and the commits {result.frames}",
                END_NAME,
            )
        self._check_closing(closing)
        if closing.reason == RECOVERED:
            text = "the recording was interrupted and closed by repair"
            self._add(FindingKind.RECOVERED, text, END_NAME, severity=Severity.NOTE)

    def _judge_torn(self, end: RecordingEnd) -> None:
        """Compare what repair kept with what the end says of it."""
        if self._torn != end.torn:
            if self._torn is None:
                self._add(FindingKind.MISSING, "is missing, and the end describes it", TORN_NAME)
            elif end.torn is None:
                self._add(FindingKind.FOREIGN, "is there, and the end does not know it", TORN_NAME)
            else:
                self._add(
                    FindingKind.CHANGED, "has other bytes than those that were signed", TORN_NAME
                )
        elif end.torn is not None:
            text = f"repair kept {end.torn.bytes} bytes from behind the last commit; no footage"
            self._add(FindingKind.TORN, text, TORN_NAME, severity=Severity.NOTE)

    def _check_closing(self, closing: Closing) -> None:
        """An end cannot know what comes after it. Only times of the header's boot can be
        compared."""
        header, result = self.result.header, self.result
        if header is None or not self._chain.at.linked:
            return
        now_us = closing.clock.boot_us if closing.boot_id == header.boot_id else 0
        ends_us = header.origin_us + result.end_us if self._chain.has_footage else 0
        known_us = max(header.trigger_us, ends_us, now_us)
        if closing.at_us > known_us + AHEAD_US:
            self._found.contradict("footage was wanted until after it", END_NAME)
        self._chain.check_closing(closing, max(known_us, closing.at_us), END_NAME)

    def _unclosed(self, tail: Tail, *, running: bool) -> None:
        torn = tail.size if tail.kind is not TailKind.ZEROS else 0
        if running:
            self._add(
                FindingKind.RUNNING,
                "the recording goes on: proven is what was committed up to now",
                severity=Severity.NOTE,
            )
            return
        what = tail.name or self._expected(statement=bool(self._chain.waiting))
        for number in self._chain.waiting:
            self._add(
                FindingKind.UNCOMMITTED, "is vouched for by no statement", fragment_name(number)
            )
        if torn:
            text = f"is cut or damaged: {torn} bytes at {tail.offset}, and no member behind them"
            self._add(FindingKind.LOST, text, what)
        self._add(
            FindingKind.UNCLOSED,
            "the end is missing: the recording was interrupted and not repaired yet, or cut; "
            "whether there was more cannot be proven",
            END_NAME,
            from_us=self._chain.at.until_us,
        )

    # -- statements ------------------------------------------------------------------------------

    def _statement(
        self, seen: MemberSeen, kind: str, payload: type[_T], name: str, worth: str
    ) -> _T | None:
        """What a statement says, None if it is not authentic."""
        if seen.token is None:
            self._add(FindingKind.FORGED, f"is too long for a statement: {seen.size} bytes", name)
            return None
        try:
            statement = jws.parse(seen.token)
            if self.result.kid is None:
                self.result.kid = statement.kid
            jws.check(statement, self._keys)
            said = jws.decode(statement, kind, payload)
        except jws.UnknownKeyError as error:
            self._add(FindingKind.UNKNOWN_KEY, f"is {error}", name)
            return None
        except jws.JwsError as error:
            self._add(FindingKind.FORGED, f"is not authentic, and with it {worth}: {error}", name)
            return None
        if statement.kid != self.result.kid:
            if self._chain.has_key:
                text = f"is signed by another trusted key ({statement.kid}) than the recording's"
                self._add(FindingKind.FORGED, text, name)
                return None
            self.result.kid = statement.kid
        return said

    def _expected(self, *, statement: bool) -> str:
        """Name of the member that comes next, for one whose name is lost. statement: it is one."""
        if not self._header_seen:
            return HEADER_NAME if statement else INIT_NAME
        if statement:
            return commit_name(self._chain.at.next) if self._chain.waiting else END_NAME
        if self._chain.init is None and not self._chain.has_footage:
            return INIT_NAME
        return fragment_name(self._chain.at.next)


def _is_token(token: bytes | None) -> bool:
    try:
        jws.parse(token or b"")
    except jws.JwsError:
        return False
    return True
