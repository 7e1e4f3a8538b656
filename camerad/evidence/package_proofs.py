"""Checks the proofs in a package for the public prosecutor, and says what they prove.

A package has an entry `camerad.ledger.people_entries.PackagedEntry`, which the office signed. It
names a checkpoint of the office's log, a policy (C2SP ``tlog-policy``), and how many of the entries
about the recording lie in that log. For each of these there is a proof
(`camerad.transparency.proof`). ``camerad/evidence/player/evidence/package_proofs.js`` is the same
check for ``player.html``.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Final

import msgspec

from camerad.base import file_status
from camerad.base.clock import SECOND
from camerad.base.safe_read import read_plain
from camerad.base.text import count
from camerad.container import jws
from camerad.container.keys import KeyRing, PublicKey
from camerad.container.statements import rfc3339
from camerad.ledger.entries import Entry, parse_entry
from camerad.ledger.people_entries import PackagedEntry
from camerad.transparency import checkpoints
from camerad.transparency.camera_witness import count_witnessing
from camerad.transparency.checkpoints import NoteError, SignedCheckpoint
from camerad.transparency.office_log import ProvenEntries
from camerad.transparency.policy import PolicyError, TrustPolicy, parse_policy
from camerad.transparency.proof import (
    ENDING,
    POLICY_ENDING,
    LogProof,
    leaf_of,
    parse_proof,
)

LEDGER: Final = "ledger.jws"
LEDGER_KEYS: Final = "ledger-keys.txt"
POLICY: Final = f"office{POLICY_ENDING}"
"""The office's policy, in a package."""
_LONGEST: Final = 16 << 20
_PEM: Final = re.compile(
    rb"-----BEGIN PUBLIC KEY-----\n[A-Za-z0-9+/=]{60}\n-----END PUBLIC KEY-----\n"
)


def proof_files(proven: ProvenEntries) -> dict[str, str]:
    """The files of a package with these proofs, by name."""
    proofs = {_name(sequence): str(proof) for sequence, proof in proven.proofs.items()}
    return {POLICY: proven.policy} | proofs


def _name(sequence: int) -> str:
    return f"entry-{sequence}{ENDING}"


class ProofState(StrEnum):
    """What a package's proofs came to. All but the first two are damage."""

    NONE = "none"
    """It has none, and names none."""
    PROVEN = "proven"
    ENTRY = "entry"
    """An entry of it is not signed, or about another recording."""
    UNNAMED = "unnamed"
    """It has proofs or a policy, and no entry that names them."""
    POLICY = "policy"
    """The policy is missing, none, or not the one that the entry names."""
    UNFIT = "unfit"
    """A file is no proof, or not that of its entry."""
    CHECKPOINT = "checkpoint"
    """A proof has another checkpoint than the entry names."""
    MISSING = "missing"
    """There are fewer proofs than the entry names."""
    QUORUM = "quorum"
    """The log or too few witnesses signed the checkpoint, or a signature is wrong."""


class PackageProofs(msgspec.Struct, frozen=True):
    """What was found. file: with the problem, "" if none in particular. proven: numbers of the
    entries that lie in the log, which has this origin and size. later: how many were written after
    those. kid: of the office's key, which nothing here vouches for. cosigned: when each witness of
    the policy signed, seconds since 1970, by its name. checkpoint: its text, as authorities stamp
    it. newest_us: when the newest of the proven entries was written, 0 if that is not known."""

    state: ProofState
    file: str = ""
    origin: str = ""
    size: int = 0
    proven: tuple[int, ...] = ()
    later: int = 0
    kid: str = ""
    cosigned: dict[str, int] = {}
    checkpoint: str = ""
    newest_us: int = 0

    @property
    def is_damage(self) -> bool:
        """Whether something does not fit."""
        return self.state not in (ProofState.NONE, ProofState.PROVEN)


_PROBLEMS: Final = {
    ProofState.NONE: "no proofs that the office's ledger has these entries: the package is older, "
    "or no witness had signed the office's log",
    ProofState.ENTRY: f"an entry in {LEDGER} is not signed, or is about another recording",
    ProofState.UNNAMED: f"there are proofs, and no entry in {LEDGER} names them",
    ProofState.POLICY: "the policy is not there, or is not the one that the office has named",
    ProofState.UNFIT: "this does not prove the entry that it is named after",
    ProofState.CHECKPOINT: "this is of another checkpoint than the office has named",
    ProofState.MISSING: "there are fewer proofs than the office has named",
    ProofState.QUORUM: "the log or enough of the policy's witnesses have not signed its checkpoint",
}


class _ProblemError(Exception):
    """Error raised inside of a check. file: with the problem."""

    def __init__(self, state: ProofState, file: str = "") -> None:
        super().__init__(state)
        self.found: Final = PackageProofs(state, file)


def check_proofs(
    files: Mapping[str, bytes], camera: PublicKey, recording: str, own: TrustPolicy | None = None
) -> PackageProofs:
    """Check the proofs of one recording's package.

    files: it may have more than is looked at. camera: whose recording it is. own: policy of the
    person who checks; None: the package's own counts.
    """
    keys = KeyRing([camera, *_keys_in(files.get(LEDGER_KEYS, b""))])
    tokens = filter(None, files.get(LEDGER, b"").split(b"\n"))
    proofs = {name: files[name] for name in files if name.endswith((ENDING, POLICY_ENDING))}
    try:
        entries = [_entry(one, keys, recording) for one in tokens]
        return _checked(proofs, entries, camera.thumbprint, own)
    except _ProblemError as problem:
        return problem.found


def _keys_in(content: bytes) -> Iterator[PublicKey]:
    for one in _PEM.findall(content):
        with contextlib.suppress(ValueError):
            yield PublicKey.from_pem(one)


def _checked(
    files: Mapping[str, bytes], entries: list[Entry], camera: str, own: TrustPolicy | None
) -> PackageProofs:
    named = [
        (one.kid, one.facts)
        for one in entries
        if isinstance(one.facts, PackagedEntry) and one.kid != camera
    ]
    if not named:
        return PackageProofs(ProofState.UNNAMED if files else ProofState.NONE)
    kid, said = named[-1]
    policy = _policy(files.get(POLICY, b""), said.policy)
    # The camera's ledger has the same numbers, and comes first.
    by_name = {_name(one.sequence): one for one in entries}
    notes: dict[str, str] = {}
    proven = set()
    for name in sorted(files.keys() - {POLICY}):
        proof, entry = _proof(name, files[name]), by_name.get(name)
        if entry is None or not proof.proves(leaf_of(entry.token)):
            raise _ProblemError(ProofState.UNFIT, name)
        now = proof.note.checkpoint
        if now.text != f"{said.origin}\n{said.size}\n{said.root}\n":
            raise _ProblemError(ProofState.CHECKPOINT, name)
        notes[str(proof.note)] = name
        proven.add(entry.sequence)
    if not proven or len(proven) != said.entries:
        raise _ProblemError(ProofState.MISSING)
    cosigned: dict[str, int] = {}
    for note, name in notes.items():
        cosigned |= _cosigned(checkpoints.parse(note), own or policy, name)
    times = [
        one.clock.wall_us
        for one in by_name.values()
        if one.sequence in proven and one.clock.trusted
    ]
    later = [one for one in entries if one.kid == kid and one.sequence > max(proven)]
    return PackageProofs(
        ProofState.PROVEN,
        origin=said.origin,
        size=said.size,
        proven=tuple(sorted(proven)),
        later=len(later),
        kid=kid,
        cosigned=cosigned,
        checkpoint=now.text,
        newest_us=max(times, default=0),
    )


def _entry(token: bytes, keys: KeyRing, recording: str) -> Entry:
    try:
        entry = parse_entry(token, keys)
    except jws.JwsError:
        raise _ProblemError(ProofState.ENTRY) from None
    if entry.recording != recording:
        raise _ProblemError(ProofState.ENTRY)
    return entry


def _policy(content: bytes, sha256: str) -> TrustPolicy:
    if hashlib.sha256(content).hexdigest() != sha256:
        raise _ProblemError(ProofState.POLICY, POLICY)
    try:
        return parse_policy(content.decode("utf-8", "surrogateescape"))
    except PolicyError:
        raise _ProblemError(ProofState.POLICY, POLICY) from None


def _proof(name: str, content: bytes) -> LogProof:
    try:
        return parse_proof(content.decode())
    except ValueError:  # NoteError is one
        raise _ProblemError(ProofState.UNFIT, name) from None


def _cosigned(note: SignedCheckpoint, policy: TrustPolicy, name: str) -> dict[str, int]:
    """When each witness of the policy signed, by the names of their keys."""
    try:
        if policy.is_satisfied(note):
            return policy.cosigned(note)
    except NoteError:
        pass
    raise _ProblemError(ProofState.QUORUM, name)


def read_package(directory: str) -> dict[str, bytes]:
    """The files that `check_proofs` needs. Raises StorageError."""
    names = [name for name, _ in file_status.versions_in(directory)]
    wanted = [one for one in names if one.endswith((ENDING, POLICY_ENDING))]
    wanted += [one for one in (LEDGER, LEDGER_KEYS) if one in names]
    return {
        one: read_plain(os.path.join(directory, one), "package's file", _LONGEST) for one in wanted
    }


def describe(found: PackageProofs, *, is_own: bool) -> str:
    """What was found, in a sentence. is_own: by a policy that the person who checks brought."""
    if found.state is not ProofState.PROVEN:
        return f"{found.file}: {_PROBLEMS[found.state]}" if found.file else _PROBLEMS[found.state]
    cameras = count_witnessing(found.cosigned)
    others = len(found.cosigned) - cameras
    signers = [count(cameras, "camera")] if cameras else []
    signers += [count(others, "other witness", "other witnesses")] if others else []
    newest = max(found.cosigned.values(), default=None)
    entries = ", ".join(map(str, found.proven))
    return (
        f"proven: {'entry' if len(found.proven) == 1 else 'entries'} {entries} by the office's key "
        f"{found.kid} in its log {found.origin} of {found.size} entries, cosigned by "
        f"{' and '.join(signers) or 'no witness'}"
        + ("" if newest is None else f", last on {rfc3339(newest * SECOND)}")
        + (f"; {count(found.later, 'later entry is', 'later entries are')} not yet in it")
        + ("" if is_own else ". The policy that names the witnesses is the office's own")
    )
