"""Check the proofs of a package with Python's standard library and openssl alone.

``python3 check_proof.py PACKAGE [POLICY]``: each ``entry-N.tlog-proof`` there, by the log and the
witnesses of a policy; the package's own one is the office's word. It says who cosigned, and leaves
it to you whether these suffice. Prints what is proven, and ends with 1 if anything does not fit, or
if proofs that the office's entry ``packaged`` names are missing. docs/transparency.md says what it
proves; the formats are C2SP's tlog-proof, tlog-checkpoint, tlog-cosignature and tlog-policy, and
RFC 6962, RFC 7515 and RFC 7638.
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


def is_signed(key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether openssl says so."""
    with tempfile.TemporaryDirectory() as folder:
        named = {"-inkey": ED25519 + key, "-in": message, "-sigfile": signature}
        command = ["openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-rawin"]
        for option, content in named.items():
            (path := Path(folder, option)).write_bytes(content)
            command += [option, str(path)]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0


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


def decoded(text: bytes) -> bytes:
    """The bytes of base64url."""
    return base64.urlsafe_b64decode(text + b"===")


def thumbprint(key: bytes) -> str:
    """By which an Ed25519 key is named (RFC 7638)."""
    x = base64.urlsafe_b64encode(key).decode().rstrip("=")
    digest = hashlib.sha256(f'{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}'.encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def entries(package: Path) -> dict[int, tuple[bytes, dict[str, Any], str]]:
    """What the office's ledger says, by the numbers of its entries: their tokens, their contents,
    and whose key signed them. The camera's ledger has the same numbers, and another key."""
    listed = re.findall(r"BEGIN PUBLIC KEY-+\s(\S+)\s", (package / "ledger-keys.txt").read_text())
    keys, found = [base64.b64decode(one)[-32:] for one in listed], {}
    for token in (package / "ledger.jws").read_bytes().split():
        head, payload, signature = token.split(b".")
        for key in keys:
            if is_signed(key, head + b"." + payload, decoded(signature)):
                said = json.loads(decoded(payload))
                found[said["sequence"]] = token, said, thumbprint(key)
    return found


def signers(note: str, keys: dict[str, bytes]) -> list[str]:
    """Who of these signed a checkpoint: names, witnesses with their time."""
    text, _, lines = note.partition("\n\n")
    signed, found = f"{text}\n".encode(), []
    for line in lines.splitlines():
        blob = base64.b64decode(line.split(" ")[2])
        for name, key in keys.items():
            kind, public = key[:1], key[1:]
            known = hashlib.sha256(name.encode() + b"\n" + key).digest()[:4]
            if blob[:4] != known or not line.startswith(f"\u2014 {name} "):
                continue
            if kind == b"\1" and is_signed(public, signed, blob[4:]):
                found.append(name)
            elif kind == b"\4":
                seconds = int.from_bytes(blob[4:12], "big")
                message = f"cosignature/v1\ntime {seconds}\n".encode() + signed
                if is_signed(public, message, blob[12:]):
                    when = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(seconds))
                    found.append(f"{name} on {when}")
    return found


def check(package: Path, policy: Path) -> bool:
    """Say what each proof shows; whether all of them fit."""
    log, keys = "", {}
    for line in policy.read_text("utf-8").splitlines():
        what, *words = line.split() or [""]
        if what in ("log", "witness"):
            name, _, key = words[what == "witness"].split("+", 2)
            keys[name], log = base64.b64decode(key), log if what == "witness" else name
    known, proofs = entries(package), sorted(package.glob("entry-*.tlog-proof"))
    if not proofs:
        print("no proofs: the package is older, or they were taken out")
        return False
    shown, good = set(), True
    for path in proofs:
        number = int(path.name.removeprefix("entry-").removesuffix(".tlog-proof"))
        token, said, kid = known.get(number, (b"", {}, ""))
        head, _, note = path.read_text("utf-8").partition("\n\n")
        _, index, *hashes = head.splitlines()
        origin, size, root = note.splitlines()[:3]
        shown.add((origin, int(size), root))
        leaf = hashlib.sha256(b"\0" + hashlib.sha256(token).digest()).digest()
        steps = [base64.b64decode(one) for one in hashes]
        found = root_of(leaf, int(index.split()[1]), int(size), steps)
        names = signers(note, keys)
        fits = found == base64.b64decode(root) and log == origin and log in names
        cosigned = ", ".join(one for one in names if one != log) or "no witness"
        what = f"entry {number} of the office's ledger, {said.get('kind', 'not there')}"
        where = f"by its key {kid}, in the log of {size} entries; cosigned by {cosigned}"
        print(f"{what}: {where if fits else 'DOES NOT FIT'}")
        good = good and fits and len(names) > 1
    named = [said["facts"] for _, said, _ in known.values() if said["kind"] == "packaged"]
    policy_now = hashlib.sha256((package / "office.tlog-policy").read_bytes()).hexdigest()
    whole = bool(named) and (named[-1]["entries"], named[-1]["policy"]) == (len(proofs), policy_now)
    whole = whole and shown == {tuple(named[-1][one] for one in ("origin", "size", "root"))}
    said_so = "as many, of this checkpoint and policy" if whole else "OTHERS, OR NONE"
    print(f"{len(proofs)} proofs; the office named {said_so}")
    return good and whole


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    named = Path(sys.argv[2]) if len(sys.argv) > 2 else folder / "office.tlog-policy"
    sys.exit(0 if check(folder, named) else 1)
