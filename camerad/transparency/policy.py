"""Trust policies: which logs count, and which witnesses have to cosign (C2SP ``tlog-policy``).

A policy is a text, line by line: ``log VKEY [URL]``, ``witness NAME VKEY [URL]``,
``group NAME all|any|K NAME...`` and one ``quorum NAME|none``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from camerad.base.errors import EX_CONFIG, CameradError
from camerad.base.safe_read import read_plain
from camerad.transparency.checkpoints import (
    LOG,
    WITNESS,
    NoteError,
    NoteKey,
    SignedCheckpoint,
    cosigned_at,
)

LONGEST: Final = 1 << 20
"""Characters of a policy."""
_SPACE: Final = re.compile(r"[ \t]+")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_NONE: Final = "none"
_OWN: Final = "camerad/"
"""What names of groups begin with that no outside policy defines."""
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,5}", re.ASCII)


class PolicyError(CameradError, ValueError):
    """Error raised when a text is no policy; it names the line."""

    exit_code = EX_CONFIG


class NamedWitness(msgspec.Struct, frozen=True):
    """name: in the policy. url: its submission prefix, "" if it has none."""

    name: str
    key: NoteKey
    url: str


class WitnessGroup(msgspec.Struct, frozen=True):
    """Counts as one witness if so many of its members do, witnesses or groups."""

    least: int
    members: tuple[str, ...]


class TrustPolicy(msgspec.Struct, frozen=True):
    """quorum: name of a witness or group; "none" if no cosignature is needed."""

    logs: tuple[NoteKey, ...]
    witnesses: tuple[NamedWitness, ...]
    groups: dict[str, WitnessGroup]
    quorum: str

    def is_satisfied(self, note: SignedCheckpoint) -> bool:
        """Whether one of the logs has signed a checkpoint, and its witnesses have cosigned it.
        Raises NoteError if a signature by one of these keys is wrong."""
        if not any(
            key.name == note.checkpoint.origin and key.find(note) is not None for key in self.logs
        ):
            return False
        return self.is_quorum(one.name for one in self.witnesses if one.key.find(note) is not None)

    def is_quorum(self, witnesses: Iterable[str]) -> bool:
        """Whether these witnesses suffice, by their names in the policy."""
        counting = set(witnesses)
        # A group's members stand before it.
        for name, group in self.groups.items():
            if len(counting.intersection(group.members)) >= group.least:
                counting.add(name)
        return self.quorum == _NONE or self.quorum in counting

    def cosigned(self, note: SignedCheckpoint) -> dict[str, int]:
        """When each of its witnesses has cosigned a checkpoint, seconds since 1970, by the names of
        their keys. Raises NoteError as `is_satisfied`."""
        found = ((one.key.name, one.key.find(note)) for one in self.witnesses)
        return {name: cosigned_at(line) for name, line in found if line is not None}

    def __str__(self) -> str:
        lines = [f"log {one}" for one in self.logs]
        lines += [f"witness {one.name} {one.key} {one.url}".rstrip() for one in self.witnesses]
        for name, group in self.groups.items():
            lines.append(f"group {name} {group.least} {' '.join(group.members)}")
        return "".join(f"{one}\n" for one in [*lines, f"quorum {self.quorum}"])


def policy_of_office(
    log: NoteKey, cameras: Iterable[NoteKey], outside: TrustPolicy | None
) -> TrustPolicy:
    """The policy that goes along with an office's proofs: one of its cameras has cosigned, and, if
    it has outside witnesses, so many of them as their own policy wants. Without either, its quorum
    is "none". outside: whose logs and addresses do not count."""
    witnesses = [NamedWitness(one.name, one, "") for one in cameras]
    groups, needed = {}, []
    if witnesses:
        needed.append(f"{_OWN}cameras")
        groups[needed[0]] = WitnessGroup(1, tuple(one.name for one in witnesses))
    if outside is not None and outside.quorum != _NONE:
        witnesses += [NamedWitness(one.name, one.key, "") for one in outside.witnesses]
        groups |= outside.groups
        needed.append(outside.quorum)
    if len(needed) > 1:
        groups[f"{_OWN}quorum"] = WitnessGroup(2, tuple(needed))
        needed = [f"{_OWN}quorum"]
    return TrustPolicy((log,), tuple(witnesses), groups, needed[0] if needed else _NONE)


def read_policy(path: str) -> TrustPolicy:
    """The policy in a file that a person names. Raises PolicyError and StorageError."""
    return parse_policy(read_plain(path, "policy", linked=True).decode("utf-8", "surrogateescape"))


def parse_policy(text: str) -> TrustPolicy:
    """Raises PolicyError."""
    if len(text) > LONGEST or _CONTROL.search(text):
        raise PolicyError("a policy is a text of lines, of at most a million characters")
    reader = _Reader()
    for number, line in enumerate(text.split("\n"), 1):
        words = [word for word in _SPACE.split(line) if word]
        if words and not words[0].startswith("#"):
            try:
                reader.read(*words)
            except (NoteError, UnicodeError) as error:
                raise PolicyError(f"line {number}: {error}") from error
    if reader.quorum is None:
        raise PolicyError("the line with the quorum is missing: 'quorum none', or a name")
    return TrustPolicy(tuple(reader.logs), tuple(reader.witnesses), reader.groups, reader.quorum)


class _Reader:
    """Reads a policy's lines. A mistake is raised as NoteError, and its line named above."""

    def __init__(self) -> None:
        self.logs: list[NoteKey] = []
        self.witnesses: list[NamedWitness] = []
        self.groups: dict[str, WitnessGroup] = {}
        self.quorum: str | None = None
        self._members: set[str] = set()
        self._lines: dict[str, Callable[[list[str]], None]] = {
            "log": self._log,
            "witness": self._witness,
            "group": self._group,
            "quorum": self._quorum,
        }

    def read(self, what: str, *words: str) -> None:
        """One line."""
        line = self._lines.get(what)
        if line is None:
            raise NoteError(f"{what!r} is neither log, witness, group nor quorum")
        line([*words])

    def _log(self, words: list[str]) -> None:
        key, *url = words or [""]
        self.logs.append(_key(key, LOG, [*self.logs]))
        _at_most_one(url)

    def _witness(self, words: list[str]) -> None:
        name, key, *url = [*words, "", ""][: max(2, len(words))]
        self._define(name)
        found = _key(key, WITNESS, [one.key for one in self.witnesses])
        self.witnesses.append(NamedWitness(name, found, _at_most_one(url)))

    def _group(self, words: list[str]) -> None:
        name, least, *members = [*words, "", ""][: max(2, len(words))]
        if not members or len(set(members)) < len(members):
            raise NoteError("a group has members, each once")
        for one in members:
            if one not in self._names() or one in self._members:
                raise NoteError(f"{one!r} is not defined above, or in another group already")
        count = {"all": len(members), "any": 1}.get(least)
        if count is None:
            count = int(least) if _NUMBER.fullmatch(least) else 0
        if not 1 <= count <= len(members):
            raise NoteError("how many of a group count is 'all', 'any' or a number of them")
        self._define(name)
        self._members.update(members)
        self.groups[name] = WitnessGroup(count, tuple(members))

    def _quorum(self, words: list[str]) -> None:
        if self.quorum is not None or len(words) != 1:
            raise NoteError("there is one quorum, with one name")
        if words[0] != _NONE and words[0] not in self._names():
            raise NoteError(f"the quorum {words[0]!r} is not defined above")
        self.quorum = words[0]

    def _names(self) -> set[str]:
        return {one.name for one in self.witnesses} | set(self.groups)

    def _define(self, name: str) -> None:
        if name in ("", _NONE) or name in self._names():
            raise NoteError(f"{name!r} is no name, or defined twice")


def _key(text: str, kind: int, others: list[NoteKey]) -> NoteKey:
    key = NoteKey.parse(text)
    if key.kind != kind:
        raise NoteError("this key is of another type: a log signs, a witness cosigns")
    if any(one.key == key.key for one in others):
        raise NoteError("this key is there twice")
    return key


def _at_most_one(url: list[str]) -> str:
    if len(url) > 1:
        raise NoteError("behind the key there is at most a URL")
    return url[0] if url else ""
