"""Statements: sections 1 to 3 of evidence-format.md, and 5 and 6 of ledger-format.md."""

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

Keys = dict[str, Ed25519PublicKey]  # by thumbprint
Type = Callable[[Any], int]  # of a value: FITS, MORE (a field that the page does not know) or WRONG
FITS, MORE, WRONG = 0, 1, 2

SECOND = 1_000_000
SPARE = 60 * SECOND
STATEMENT, MEMBER = 1_048_576, 67_108_864
ID = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9]{6,18}-[0-9a-f]{8}")


@dataclass
class Report:
    """What was found, in sentences, and the verdict of section 4 that follows."""

    verdict: int = 0
    says: list[str] = field(default_factory=list)

    def note(self, verdict: int, sentence: str) -> None:
        """2 outweighs all others; else the highest counts (4)."""
        self.verdict = 2 if 2 in (self.verdict, verdict) else max(self.verdict, verdict)
        self.says.append(sentence)

    def add(self, where: str, other: "Report") -> None:
        """What was found of a part of this."""
        self.verdict = 2 if 2 in (self.verdict, other.verdict) else max(self.verdict, other.verdict)
        self.says += [f"{where}: {sentence}" for sentence in other.says]


# Section 1: numbers and texts


def number(low: int = 0, high: int = 2**53 - 1) -> Type:
    """A whole number between two bounds."""
    return lambda value: FITS if type(value) is int and low <= value <= high else WRONG


_RANGES = [
    *("0-1F", "7F-A0", "AD", "600-605", "61C", "6DD", "70F", "890-891"),
    *("8E2", "1680", "180E", "2000-200F", "2028-202F", "205F-206F", "3000", "D800-F8FF"),
    *(
        "FDD0-FDEF",
        "FEFF",
        "FFF0-FFFB",
        "FFFE-FFFF",
        "110BD",
        "110CD",
        "13430-1343F",
        "1BCA0-1BCA3",
    ),
    *("1D173-1D17A", "E0000-E00FF", "F0000-10FFFF"),
]
_RANGES += [f"{plane:X}FFFE-{plane:X}FFFF" for plane in range(1, 15)]
FORBIDDEN = re.compile(
    "["
    + "".join("-".join(re.escape(chr(int(end, 16))) for end in part.split("-")) for part in _RANGES)
    + "]"
)


def text(value: object) -> int:
    """A text of one line (1)."""
    return (
        FITS
        if isinstance(value, str) and len(value) <= 200 and not FORBIDDEN.search(value)
        else WRONG
    )


def free(value: object) -> int:
    """A text of a ledger that people wrote: anything (1)."""
    return FITS if isinstance(value, str) else WRONG


def boolean(value: object) -> int:
    """True or false."""
    return FITS if isinstance(value, bool) else WRONG


def form(pattern: str) -> Type:
    """A text of a given form."""
    return lambda value: FITS if text(value) == FITS and re.fullmatch(pattern, value) else WRONG


def maybe(inner: Type) -> Type:
    """Null or a value."""
    return lambda value: FITS if value is None else inner(value)


def array(inner: Type, least: int = 0) -> Type:
    """An array of values of one type."""
    return lambda value: (
        max(map(inner, value), default=FITS)
        if isinstance(value, list) and len(value) >= least
        else WRONG
    )


def table(fields: dict[str, Type], optional: dict[str, Type] | None = None) -> Type:
    """An object with exactly these fields, each of its type (2)."""

    def check(value: object) -> int:
        if not isinstance(value, dict) or not fields.keys() <= value.keys():
            return WRONG
        known = fields | (optional or {})
        return max(
            (known[name](value[name]) if name in known else MORE for name in value), default=FITS
        )

    return check


us = number()
signed = number(-(2**53 - 1))
_source = form("synchronised|rtc|unknown")
moment = table({"boot_us": us, "source": _source, "wall_us": us})
identifier = form(ID.pattern)
content = table({"bytes": us, "sha256": text})


def gap(value: Any) -> int:
    """A gap (3.6); it does not end before it begins (3.4)."""
    fields = {"frames": maybe(us), "from_us": maybe(us), "reason": text, "to_us": maybe(us)}
    if table(fields)(value) != FITS:
        return WRONG
    backwards = None not in (value["from_us"], value["to_us"]) and value["from_us"] > value["to_us"]
    return WRONG if backwards else FITS


_states = array(table({"at_us": us, "state": text, "why": maybe(text)}))
_common = {
    "clock": moment,
    "clock_step_us": maybe(signed),
    "gaps": array(gap),
    "marks": array(us),
    "stages": array(table({"at_us": us, "display": boolean, "stage": text})),
    "sync_us": maybe(us),
}
_rate = table({"at_us": us, "from_fps": number(1), "reason": text, "to_fps": number(1)})
_closing_sound = {"gaps": array(gap), "states": _states, "units": us}
_sound = _closing_sound | {"end_us": maybe(us), "first_us": maybe(us)}
_facts = _common | dict.fromkeys(("end_us", "first_us", "last_us", "frames", "sequence"), us)
_closing = _common | {"at_us": us, "boot_id": text, "frames": us, "reason": text}
_rates = {"rates": array(_rate, 1)}
_microphone = {
    "channels": number(1, 2),
    "device": text,
    "pre_event": boolean,
    "rate": number(1),
    "samples": number(1),
}
STATEMENTS: dict[str, Type] = {  # 3.3 to 3.5, 3.9, 5, 6
    "camerad-header": table(
        dict.fromkeys(("boot_id", "device", "encoder", "policy", "software", "trigger"), text)
        | dict.fromkeys(("fps", "height", "width"), number(1))
        | dict.fromkeys(("origin_us", "pre_event_wanted_us", "started_wall_us", "trigger_us"), us)
        | dict.fromkeys(("pre_event_shortfall", "wearer"), maybe(text))
        | {
            "clock": moment,
            "continues": maybe(identifier),
            "format": number(1, 1),
            "id": identifier,
        }
        | {"recipients": array(text), "retention_days": number(1, 366), "sound": boolean},
        {"microphone": table(_microphone)},
    ),
    "camerad-commit": table(
        {"facts": table(_facts, _rates | {"sound": table(_sound)}), "fragment": content}
        | {"init": maybe(content), "previous": text}
    ),
    "camerad-end": table(
        {"closing": table(_closing, _rates | {"sound": table(_closing_sound)}), "commits": us}
        | {"previous": text, "torn": maybe(content)}
    ),
    "camerad-receipt": table(
        {"boot_id": text, "clock": moment, "device": text, "kid": text, "directory": text}
        | {"head": table({"epoch": us, "sequence": us, "sha256": text})}
        | {
            "recordings": array(
                table({"bytes": us, "final": text, "id": identifier, "sha256": text}), 1
            )
        }
    ),
    "camerad-ledger": table(
        {"boot_id": text, "clock": moment, "epoch": us, "happened": maybe(moment), "kind": text}
        | {"previous": text, "sequence": us, "facts": table({})}
    ),
    "camerad-checkpoint": table(
        {
            "number": us,
            "first": us,
            "last": us,
            "previous": text,
            "final": text,
            "boot_id": text,
            "clock": moment,
        }
    ),
}

_name = text  # what a ledger calls a recording, or a file that was put aside: of any form
_point = table({"boot_us": us, "run": us})
_far, _sum = number(0, 2**62 - 1), number(-(2**62 - 1), 2**62 - 1)
_days = number(0, 366)
_run = dict.fromkeys(("number", "first_us", "last_us", "uptime_us", "steady_us"), _far)
_run |= dict.fromkeys(("low_us", "high_us", "recent_us"), _sum) | {
    "boot_id": text,
    "source": _source,
}
_recording = {
    "id": _name,
    "device": text,
    "header": text,
    "final": maybe(text),
    "ended": maybe(moment),
}
_recording |= {
    "ended_boot": text,
    "instant": _point,
    "stated_us": maybe(us),
    "retention_days": _days,
}
_recording |= {
    "flagged": boolean,
    "holds": array(table({"reason": free, "who": free})),
    "acknowledged": maybe(text),
}
_recording |= {"missing": boolean, "changed": maybe(text), "known_since": us}
_recording |= {"deleted": maybe(table({"age_us": us, "epoch": us, "why": text}))}
_epoch = {"number": us, "first": us, "last": us, "previous": text, "final": text, "ended": _point}
_closed = {"id": _name, "final": text, "retention_days": _days, "ended": moment, "ended_boot": text}
_closed |= {"flagged": boolean, "reason": free}
_given = {"id": _name, "who": free, "role": text, "reason": free, "case": free, "approved_by": free}
KINDS: dict[str, dict[str, Type]] = {  # 5
    "epoch": {
        "number": us,
        "replaces": maybe(text),
        "run": us,
        "stage": text,
        "lost": maybe(_point),
        "carried": us,
    }
    | {"synchronised": maybe(table({"uptime_us": _far, "wall_us": _far}))},
    "carried": {
        "runs": array(table(_run)),
        "recordings": array(table(_recording)),
        "epochs": array(table(_epoch)),
    },
    "start": {"software": text, "policy": text, "settings": text},
    "stop": {},
    "clock_declared": {"who": free, "run": us, "boot_us": us, "wall_us": us},
    "uptime": {},
    "stage": {"stage": text, "display": boolean},
    "opened": {"id": _name, "header": text},
    "closed": _closed,
    "recovered": _closed | {"torn": us},
    "received": _closed | {"device": text, "kid": text, "header": text},
    "found": {
        "id": _name,
        "header": text,
        "final": maybe(text),
        "retention_days": _days,
        "ended": maybe(moment),
    }
    | {"ended_boot": text, "flagged": boolean, "device": text},
    "missing": {"id": _name},
    "replaced": {"id": _name},
    "changed": {"id": _name, "final": maybe(text)},
    "hold": {"id": _name, "who": free, "reason": free},
    "hold_until": {"id": _name, "who": free, "reason": free, "until_us": us},
    "release": {"id": _name, "who": free},
    "release_reason": {"id": _name, "who": free, "reason": free},
    "acknowledged": {"id": _name, "final": text, "receipt": text},
    "deleted": {"id": _name, "final": maybe(text), "why": text, "age_us": us},
    "settings": {"settings": text, "reason": maybe(free), "authorised_by": maybe(free)}
    | {"overridden": array(table({"allowed": free, "configured": free, "key": free}))},
    "provisioned": {
        "outcome": text,
        "sha256": text,
        "serial": maybe(us),
        "office": text,
        "device": text,
    }
    | {"why": maybe(text), "retires": maybe(text)},
    "updated": {"outcome": text, "version": text, "before": text, "slot": text},
    "fault": {"condition": text, "holds": boolean},
    "shift_begun": {"wearer": text, "source": text, "began": moment, "began_boot": text},
    "shift_ended": {"why": text},
    "mute": {"on": boolean, "at_us": us},
    "announcement": {
        "what": text,
        "sha256": text,
        "at_us": us,
        "recording": maybe(text),
        "outcome": text,
    }
    | {"why": maybe(text)},
    "reboot": {"reason": free, "count": maybe(us)},
    "clock": {"step_us": maybe(signed), "source": maybe(_source)},
    "identity": {"kid": text, "replaces": maybe(text)},
    "repaired": {"file": free, "bytes": us, "sha256": text},
    "damaged": {"file": free, "sha256": text},
    "epoch_expired": {"number": us, "last": us},
    "removed_empty": {"name": free},
    "unread": {"token": free},
    "unreadable": {"name": free, "sha256": text},
    "signed": {"who": free, "what": text, "how": text},
    "viewed": _given,
    "downloaded": _given,
    "viewing_approved": {"id": _name, "who": free, "person": free, "reason": free, "case": free},
    "rights": {"person": free, "who": free, "what": text, "roles": array(text)},
    "case": {"case": free, "who": free, "what": text, "recording": text}
    | {"reason": free, "sha256": text},
    "camera": {"kid": text, "name": free, "who": free, "what": text, "why": text, "reason": free},
    "offer": {"kid": text, "name": free, "who": free, "what": text, "offer": text}
    | {"sha256": text, "version": text},
    "report_made": {"who": free, "first": text, "last": text, "language": text, "sha256": text},
    "packaged": {"id": _name, "who": free, "case": free, "origin": text, "size": us, "root": text}
    | {"policy": text, "entries": us},
    "redacted": {"id": _name, "who": free, "recipient": text, "reference": free, "sha256": text},
    "access_request": {"number": text, "who": free, "what": text, "received": text}
    | {"from_us": us, "to_us": us, "found": us, "answers": array(text)},
    "trial_started": {"trial": text, "who": free, "plan": text, "seed": text},
    "trial_noted": {"trial": text, "who": free, "what": text, "about": text, "sha256": text},
    "judged": {"id": _name, "who": free, "verdict": text, "key": text, "final": text},
}


# Section 2: statements


def sha(data: bytes) -> str:
    """SHA-256 as the page writes it (1)."""
    return hashlib.sha256(data).hexdigest()


def base64url(data: bytes) -> str:
    """Base64url without padding (1)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decoded(part: bytes) -> bytes | None:
    """What a part in canonical base64url holds, None if it is not canonical."""
    try:
        raw = base64.b64decode(part + b"=" * (-len(part) % 4), b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    return raw if base64url(raw).encode() == part else None


def thumbprint(key: Ed25519PublicKey) -> str:
    """RFC 7638 (2)."""
    x = base64url(key.public_bytes(Encoding.Raw, PublicFormat.Raw))
    return base64url(hashlib.sha256(f'{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}'.encode()).digest())


def load_keys(paths: Iterable[Path]) -> Keys:
    """The public keys that whoever checks has from elsewhere, in PEM."""
    keys = [load_pem_public_key(path.read_bytes()) for path in paths]
    return {thumbprint(key): key for key in keys if isinstance(key, Ed25519PublicKey)}


def parts(token: bytes) -> list[bytes] | None:
    """Protected header, payload and signature, if a token is spelled in canonical base64url."""
    split = token.split(b".") if len(token) <= STATEMENT else []
    raw = [decoded(part) for part in split]
    return [part for part in raw if part is not None] if len(raw) == 3 and None not in raw else None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a key is there twice")
    return dict(pairs)


def _whole(spelling: str) -> Any:
    raise ValueError(f"{spelling} is no whole number")


class NoStatementError(Exception):
    """A token is not the statement that it should be; the text says why."""


@dataclass(frozen=True)
class Statement:
    """A statement that is spelled and signed as section 2 says."""

    payload: dict[str, Any]
    kid: str
    sha256: str
    more: bool  # it has fields that the page does not know; only an entry of a ledger may


def read_statement(token: bytes, kind: str, keys: Keys | None) -> Statement:
    """Check one statement (4, step 3). keys: None if something else vouches for all its bytes."""
    raw = parts(token)
    if raw is None or len(raw[2]) != 64:
        raise NoStatementError("is no token in three parts of canonical base64url")
    wanted = re.compile(
        rb'\{"alg":"EdDSA","kid":"([A-Za-z0-9_-]{43})","typ":"' + kind.encode() + rb'\+json"\}'
    )
    head = wanted.fullmatch(raw[0])
    if head is None:
        raise NoStatementError(f"is no {kind}")
    kid = head[1].decode()
    if keys is not None and kid not in keys:
        raise NoStatementError(f"names the key {kid}, which was not given")
    try:
        payload = json.loads(
            raw[1].decode(), object_pairs_hook=_once, parse_float=_whole, parse_constant=_whole
        )
        spelled = json.dumps(
            payload, ensure_ascii=False, sort_keys=True, separators=(",", ":")
        ).encode()
    except (ValueError, RecursionError) as error:
        raise NoStatementError(f"has no payload in JSON: {error}") from None
    if spelled != raw[1]:
        raise NoStatementError("is not in its one spelling")
    fits = STATEMENTS[kind](payload)
    if kind == "camerad-ledger" and fits != WRONG:
        known = KINDS.get(payload["kind"])
        extra = payload.keys() - {
            "boot_id",
            "clock",
            "epoch",
            "happened",
            "kind",
            "previous",
            "sequence",
            "facts",
        }
        fits = max(
            MORE if extra or known is None else FITS,
            FITS if known is None else table(known)(payload["facts"]),
        )
    if fits == WRONG or (fits == MORE and kind != "camerad-ledger"):
        raise NoStatementError("has not the fields of its table, each of its type")
    try:
        if keys is not None:
            keys[kid].verify(raw[2], token.rpartition(b".")[0])
    except InvalidSignature:
        raise NoStatementError("has a wrong signature") from None
    return Statement(payload, kid, sha(token), fits == MORE)
