"""Checks time stamps (RFC 3161) on checkpoints of an office's log.

A time-stamp authority signs the SHA-256 of a checkpoint's text (`Checkpoint.text`) with its own
time: all entries below that checkpoint were there by then.
"""

from __future__ import annotations

import hashlib
import os
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Final

import msgspec
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from rfc3161_client import (
    Accuracy,
    PKIStatus,
    TimeStampResponse,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from camerad.base.clock import SECOND
from camerad.base.errors import EX_CONFIG, CameradError
from camerad.base.safe_read import read_plain
from camerad.base.text import count, printable
from camerad.container.severity import Severity
from camerad.container.statements import rfc3339
from camerad.ledger.entries import parse_carried
from camerad.ledger.entry_types import HistoryLost
from camerad.ledger.ledger_lines import contents_in, tokens_in
from camerad.transparency import merkle
from camerad.transparency.checkpoints import Checkpoint
from camerad.transparency.office_log import OfficeLog
from camerad.transparency.proof import leaf_of
from camerad.transparency.stamp_files import DIRECTORY, RESPONSE, KeptStamp, stamps_in
from camerad.transparency.tree_files import TreeFiles

Finding = tuple[Severity, str]
APART_US: Final = 300 * SECOND
"""So far the clocks of an authority and of an office may lie apart."""
_SHA256: Final = "2.16.840.1.101.3.4.2.1"
_STATUS_GRANTED: Final = b"\x30\x03\x02\x01\x00"
"""In DER: that the status is 0."""


class StampError(CameradError):
    """Error raised when something is no time stamp on this text by this authority; it says why.
    severity: what that is among the findings about a directory."""

    exit_code = EX_CONFIG

    def __init__(self, text: str, severity: Severity = Severity.DAMAGE) -> None:
        super().__init__(text)
        self.severity: Final = severity


class TimeStamp(msgspec.Struct, frozen=True):
    """What an authority signed. by: its name in the certificate. time_us: its time since 1970.
    accuracy_us: of that time; 0 if it does not say."""

    by: str
    time_us: int
    accuracy_us: int

    def __str__(self) -> str:
        accuracy = f", accurate to {self.accuracy_us / SECOND:g} s" if self.accuracy_us else ""
        return f"by {self.by} on {rfc3339(self.time_us)}{accuracy}"

    def check_after(self, newest_us: int) -> None:
        """Raise StampError if it is older than an entry of this time, which it covers."""
        if self.time_us + self.accuracy_us + APART_US < newest_us:
            raise StampError(
                f"the stamp is of {rfc3339(self.time_us)}, and the checkpoint has an entry of "
                f"{rfc3339(newest_us)}: the clock of the authority or of the office was wrong"
            )


class StampAuthority:
    """The certificates by which an authority is known: roots, those between, and its own. If its
    own is among them, a stamp by another one of the same root does not count.

    path: file with them, in PEM. Raises StampError if it has none, or no root, and StorageError.
    """

    def __init__(self, path: str) -> None:
        self.path: Final = path
        try:
            found = x509.load_pem_x509_certificates(read_plain(path, "certificates", linked=True))
        except ValueError as error:
            raise StampError(f"{path}: this is no certificate in PEM") from error
        self._roots = [one for one in found if one.issuer == one.subject]
        self._others = [one for one in found if one not in self._roots]
        self._own = [one for one in self._others if _may_stamp(one)]
        if not self._roots:
            raise StampError(f"{path}: the root certificate is missing, which is its own issuer")

    def check(self, response: bytes, text: str, nonce: int | None = None) -> TimeStamp:
        """Check a response to a request for a stamp on a text. nonce: of the request, None if it is
        not known any more. Certificates count as they were at the time of the stamp. Raises
        StampError."""
        try:
            answer = _granted(decode_timestamp_response(response))
            return self._checked(answer, hashlib.sha256(text.encode()).digest(), nonce)
        except (ValueError, VerificationError, x509.InvalidVersion) as error:
            raise StampError(f"this is no time stamp: {error}") from error

    def _checked(self, answer: TimeStampResponse, sha256: bytes, nonce: int | None) -> TimeStamp:
        info, signer = answer.tst_info, _signer(answer)
        when, by = info.gen_time, printable(signer.subject.rfc4514_string())
        imprint = info.message_imprint
        if imprint.hash_algorithm.dotted_string != _SHA256 or imprint.message != sha256:
            raise StampError("the stamp is of other data")
        if nonce is not None and info.nonce != nonce:
            raise StampError("the stamp answers another request")
        try:
            verifier = VerifierBuilder(roots=self._roots, intermediates=self._others).build()
            verifier.verify(answer, sha256)
            if self._own and signer not in self._own:
                raise VerificationError("the authority's own certificate is another one")
        except VerificationError as error:
            if not signer.not_valid_before_utc <= when <= signer.not_valid_after_utc:
                said = f"the certificate of {by} was not valid at the time of the stamp"
                raise StampError(f"{said}, {when:%Y-%m-%d %H:%M} UTC") from error
            raise StampError(
                f"the stamp is by {by}, for which no named certificate vouches", Severity.NOTE
            ) from error
        return TimeStamp(by, round(when.timestamp() * SECOND), _accuracy_us(answer))


class StampCheck:
    """Checks stamps by the certificates in these files. Each check returns a sentence for each
    authority that has stamped, and what is wrong. is_used: whether there was one. Raises StampError
    and StorageError."""

    def __init__(self, certificates: Sequence[str]) -> None:
        self._authorities = [StampAuthority(one) for one in certificates]
        self.is_used = False

    def check_log(self, ledger: str) -> tuple[list[str], list[Finding]]:
        """Those on an office's log. ledger: directory of the office's ledger."""
        log = OfficeLog(ledger)
        known, tree = log.read(), TreeFiles(log.directory)
        if known is None:
            return [], []
        now = known[1].checkpoint
        times, lost = _entries_in(ledger)

        def expect(one: KeptStamp, text: str) -> int:
            root = merkle.root(tree.complete, one.size) if one.size <= now.size else b""
            if text == Checkpoint(now.origin, one.size, root).text:
                return times.get(tree.complete(0, one.size - 1), 0)
            if text in lost:
                raise StampError("the office declared this checkpoint lost", Severity.NOTE)
            raise StampError("the log has no such checkpoint")

        return self._check(os.path.join(log.directory, DIRECTORY), expect, Severity.DAMAGE)

    def check_package(
        self, directory: str, checkpoint: str, newest_us: int
    ) -> tuple[list[str], list[Finding]]:
        """Those in a package. checkpoint: text of that of its proofs. newest_us: time of the newest
        entry that these prove."""

        def expect(_: KeptStamp, text: str) -> int:
            if text != checkpoint:
                raise StampError("the proofs are of another checkpoint")
            return newest_us

        return self._check(directory, expect, Severity.NOTE)

    def _check(
        self, directory: str, expect: Callable[[KeptStamp, str], int], missing: Severity
    ) -> tuple[list[str], list[Finding]]:
        """expect: the time of the checkpoint's newest entry, 0 if it is not known; raises
        StampError if the text is not of that checkpoint. missing: that an authority has stamped
        nothing."""
        self.is_used = True
        good: defaultdict[StampAuthority, list[tuple[KeptStamp, TimeStamp]]] = defaultdict(list)
        wrong: defaultdict[tuple[Severity, str], list[str]] = defaultdict(list)
        for one in stamps_in(directory):
            text, response = one.read()
            try:
                newest_us = expect(one, text)
                authority, stamp = self._by_any(response, text)
                stamp.check_after(newest_us)
                good[authority].append((one, stamp))
            except StampError as error:
                wrong[error.severity, str(error)].append(one.path + RESPONSE)
        said, findings = [], []
        for authority in self._authorities:
            if found := good[authority]:
                last, stamp = found[-1]
                number = count(len(found), "time stamp")
                said.append(
                    f"{number} on the office's log, the last on {last.size} entries {stamp}"
                )
            else:
                text = f"{directory}: no time stamp here is by the authority in {authority.path}"
                findings.append((missing, text))
        for (severity, text), paths in wrong.items():
            more = f"; {len(paths) - 1} more are like it" if paths[1:] else ""
            findings.append((severity, f"{paths[0]}: {text}{more}"))
        return said, findings

    def _by_any(self, response: bytes, text: str) -> tuple[StampAuthority, TimeStamp]:
        refused = StampError("no authority was named", Severity.NOTE)
        for authority in self._authorities:
            try:
                return authority, authority.check(response, text)
            except StampError as error:
                refused = error
        raise refused


def _entries_in(ledger: str) -> tuple[dict[bytes, int], set[str]]:
    """When the office wrote its entries, by their leaves, as far as it knew the time; and the texts
    of checkpoints that it declared lost."""
    times, lost = {}, set()
    for _, content in contents_in(ledger):
        for token in tokens_in(content):
            entry = parse_carried(token.decode("ascii", "replace"))
            if entry is not None and entry.clock.trusted:
                times[leaf_of(token)] = entry.clock.wall_us
            if entry is not None and isinstance(facts := entry.facts, HistoryLost):
                lost.add(f"{facts.origin}\n{facts.size}\n{facts.root}\n")
    return times, lost


def _granted(answer: TimeStampResponse) -> TimeStampResponse:
    """A response with a stamp, as if it had the plain status: the library takes no other, and all
    of the stamp is checked."""
    if answer.status not in (PKIStatus.GRANTED, PKIStatus.GRANTED_WITH_MODS):
        said = "; ".join(map(printable, answer.status_string))
        raise StampError(f"the authority refused it with status {answer.status}: {said}")
    content = _STATUS_GRANTED + answer.time_stamp_token()
    size = len(content).to_bytes((len(content).bit_length() + 7) // 8)
    return decode_timestamp_response(bytes((0x30, 0x80 | len(size))) + size + content)


def _signer(answer: TimeStampResponse) -> x509.Certificate:
    """The certificate that the stamp names as its signer's."""
    (signer,) = answer.signed_data.signer_infos
    for one in map(x509.load_der_x509_certificate, answer.signed_data.certificates):
        if (one.issuer, one.serial_number) == (signer.issuer, signer.serial_number):
            return one
    raise StampError("the stamp has no certificate of its signer")


def _may_stamp(certificate: x509.Certificate) -> bool:
    try:
        uses = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return False
    return ExtendedKeyUsageOID.TIME_STAMPING in uses


def _accuracy_us(answer: TimeStampResponse) -> int:
    found: Accuracy | None = answer.tst_info.accuracy
    if found is None:
        return 0
    return (found.seconds or 0) * SECOND + (found.millis or 0) * 1000 + (found.micros or 0)
