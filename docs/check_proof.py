"""Check the proofs of a package with Python's standard library and openssl alone.

``python3 check_proof.py PACKAGE [POLICY]``: that each entry in its ``ledger.jws`` is signed, that
each ``entry-N.tlog-proof`` proves its entry, that none is missing, and that the log and a quorum of
the witnesses of a policy signed. The package's own policy is the office's word. Prints what is
proven, or what does not fit, and ends with 1 then. docs/transparency.md says what it proves; the
formats are C2SP's tlog-proof, tlog-checkpoint, tlog-cosignature and tlog-policy, and RFC 6962, RFC
7515 and RFC 7638.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ED25519 = bytes.fromhex("302a300506032b6570032100")
"""What a public key begins with in DER (RFC 8410)."""
WITNESS = b"\4"
"""Type of a witness's key; before the key."""
PEM = r"BEGIN PUBLIC KEY-+\s(\S+)\s-+END"


class UnfitError(Exception):
    """Error raised when something does not fit; it says what."""


def demand(what: object, otherwise: str) -> None:
    """Raise UnfitError unless something is so."""
    if not what:
        raise UnfitError(otherwise)


def is_signed(key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether openssl says so."""
    with tempfile.TemporaryDirectory() as folder:
        named = {"-inkey": ED25519 + key, "-in": message, "-sigfile": signature}
        command = ["openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-rawin"]
        for option, content in named.items():
            (path := Path(folder, option)).write_bytes(content)
            command += [option, str(path)]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0


def decoded(text: bytes) -> bytes:
    """The bytes of base64url."""
    return base64.urlsafe_b64decode(text + b"===")


def thumbprint(key: bytes) -> str:
    """By which an Ed25519 key is named (RFC 7638)."""
    x = base64.urlsafe_b64encode(key).decode().rstrip("=")
    digest = hashlib.sha256(f'{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}'.encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def root_of(leaf: bytes, index: int, size: int, hashes: list[bytes]) -> bytes | None:
    """The root that an inclusion proof leads to (RFC 9162, 2.1.3.2); None if it leads nowhere."""
    found, last = leaf, size - 1
    for one in hashes:
        if last == 0:
            return None
        if index & 1 or index == last:
            found = hashlib.sha256(b"\1" + one + found).digest()
            while not index & 1 and index:
                index, last = index >> 1, last >> 1
        else:
            found = hashlib.sha256(b"\1" + found + one).digest()
        index, last = index >> 1, last >> 1
    return found if last == 0 and 0 <= index < size else None


def entries(package: Path) -> dict[int, tuple[bytes, dict[str, Any]]]:
    """Tokens and contents of what the office's ledger says, by the numbers of its entries. The
    camera's ledger has the same numbers, and another key."""
    camera = re.findall(PEM, (package / "device-key.pem").read_text())
    others = re.findall(PEM, (package / "ledger-keys.txt").read_text())
    keys, found = [base64.b64decode(one)[-32:] for one in (*camera, *others)], {}
    recordings = set()
    for token in (package / "ledger.jws").read_bytes().split():
        head, payload, signature = token.split(b".")
        key = next((one for one in keys if thumbprint(one).encode() in decoded(head)), b"")
        signed = key and is_signed(key, head + b"." + payload, decoded(signature))
        demand(signed, "an entry in ledger.jws is signed by none of the keys in the package")
        said = json.loads(decoded(payload))
        recordings.add(said["facts"].get("id"))
        if key != keys[0]:
            found[said["sequence"]] = token, said | {"key": thumbprint(key)}
    demand(len(recordings) < 2, "ledger.jws is about several recordings")
    return found


def signed_at(note: str, name: str, key: bytes) -> int | None:
    """When this key signed a checkpoint, seconds since 1970; 0 for a log, None if it has not."""
    text, _, lines = note.partition("\n\n")
    message, own = f"{text}\n".encode(), f"\u2014 {name} "
    known = hashlib.sha256(name.encode() + b"\n" + key).digest()[:4]
    for line in lines.splitlines():
        blob = base64.b64decode(line.rpartition(" ")[2])
        if not line.startswith(own) or blob[:4] != known:
            continue
        seconds, signature = 0, blob[4:]
        if key[:1] == WITNESS:
            seconds, signature = int.from_bytes(blob[4:12], "big"), blob[12:]
            message = f"cosignature/v1\ntime {seconds}\n".encode() + message
        demand(is_signed(key[1:], message, signature), f"the signature of {name} is wrong")
        return seconds
    return None


def signers(note: str, policy: str) -> dict[str, int]:
    """When witnesses of a policy signed a checkpoint, by their names, if its log signed, and its
    quorum."""
    signed: dict[str, int] = {}
    counting, logged, quorum = {"none"}, False, ""
    for line in policy.splitlines():
        what, *words = line.split() or ["#"]
        if what in ("log", "witness"):
            name, _, key = words[what == "witness"].split("+", 2)
            at = signed_at(note, name, base64.b64decode(key))
            if what == "log":
                logged = logged or (at is not None and note.startswith(f"{name}\n"))
            elif at is not None:
                counting.add(words[0])
                signed[name] = at
        elif what == "group":
            name, least, *members = words
            needed = {"all": len(members), "any": 1}.get(least) or int(least)
            if len(counting.intersection(members)) >= needed:
                counting.add(name)
        elif what == "quorum":
            quorum = words[0]
    demand(logged, "the log has not signed, or is not in the policy")
    demand(quorum in counting, "the witnesses that signed are no quorum of the policy")
    return signed


def check(package: Path, policy: Path) -> None:
    """Say what the proofs show. Raises UnfitError, or what Python raises for a file that is none
    of these, or not there."""
    known, proofs = entries(package), sorted(package.glob("entry-*.tlog-proof"))
    named = [said["facts"] for _, said in known.values() if said["kind"] == "packaged"]
    demand(proofs or named, "there are no proofs: the package is older, or they were taken out")
    demand(named, "no entry names these proofs")
    digest = hashlib.sha256((package / "office.tlog-policy").read_bytes()).hexdigest()
    demand(named[-1]["policy"] == digest, "the policy is not the one that the office named")
    demand(named[-1]["entries"] == len(proofs), "proofs that the office named are missing")
    for path in proofs:
        number = path.name.removeprefix("entry-").removesuffix(".tlog-proof")
        token, said = known[int(number)]
        head, _, note = path.read_text("utf-8").partition("\n\n")
        version, *lines = head.splitlines()
        index, *hashes = lines[lines[0].startswith("extra ") :]
        demand(version == "c2sp.org/tlog-proof@v1", f"{path.name} is no proof")
        place = int(index.removeprefix("index "))
        demand(index == f"index {place}", f"{path.name} is no proof")
        origin, size, root = note.splitlines()[:3]
        shown = named[-1]["origin"], str(named[-1]["size"]), named[-1]["root"]
        demand((origin, size, root) == shown, f"{path.name} is of another checkpoint")
        leaf = hashlib.sha256(b"\0" + hashlib.sha256(token).digest()).digest()
        steps = [base64.b64decode(one) for one in hashes]
        fits = root_of(leaf, place, int(size), steps) == base64.b64decode(root)
        demand(fits, f"{path.name} does not prove its entry")
        print(f"entry {number}, {said['kind']}, by the office's key {said['key']}: in its log")
        signed = signers(note, policy.read_text("utf-8"))
    print(f"the log {origin} had {size} entries; it was cosigned by:")
    for name, seconds in signed.items():
        print(f"{name} on {time.strftime('%Y-%m-%d %H:%M UTC', time.gmtime(seconds))}")


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    by = Path(sys.argv[2]) if len(sys.argv) > 2 else folder / "office.tlog-policy"
    try:
        check(folder, by)
    except (UnfitError, OSError, ValueError, LookupError) as error:
        sys.exit(f"DOES NOT FIT: {error}")
