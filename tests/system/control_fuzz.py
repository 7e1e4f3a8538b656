"""Asks the control socket for everything, right, nearly right and wrong, as an unprivileged user.

    python -m tests.system.control_fuzz --socket PATH --seed N --seconds S --uid U --roles read

It becomes the user U, in no group but the socket's (with --outside: in none at all), asks until the
time is over, and prints what it did and found, as one JSON object. What is asked follows from the
seed alone. A finding is an answer that no user of these roles may get, and an error of the daemon's
own (500). Only root can become somebody else; whoever starts it without being root uses sudo.

No code of camerad is used: this is somebody else's program.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import json
import os
import random
import re
import socket
import sys
import time
from dataclasses import dataclass
from typing import Final

PACE_SECONDS: Final = 0.055
"""Between two requests, so that they are answered: the daemon takes 20 in a second of one user."""
ANSWER_SECONDS: Final = 5.0
SHOWN: Final = 2_000
"""Bytes of a request and of its answer in a finding."""
STATUS: Final = re.compile(rb"HTTP/\d\.\d (\d{3}) ")
"""The server answers in the version that it was asked in, if there is such a one or not."""
LINE: Final = re.compile(rb"[A-Za-z]+ /[^ ]* HTTP/")

INTENTS: Final = (
    "escalate",
    "record",
    "stop",
    "toggle_self_view",
    "de_escalate",
    "mark",
    "toggle_mute",
    "show_status",
)
READING: Final = (
    "/status",
    "/health",
    "/recordings",
    "/metrics",
    "/identity",
    "/ledger/head",
    "/events",
)
CONFIGURING: Final[tuple[tuple[str, object], ...]] = (
    ("/shift", {"wearer": "FUZZED"}),
    ("/shift", {"wearer": None}),
    ("/purge", None),
    ("/acknowledge", {"directory": "0" * 32, "recordings": []}),
    ("/acknowledge", {"receipt": "e30.e30.e30"}),
    ("/dock/signature", {"base": '"@method": GET'}),
    ("/dock/receipt", {"receipt": "e30.e30.e30"}),
    ("/dock/check-in", {}),
    ("/dock/settings", {"offer": "e30.e30.e30"}),
    ("/dock/progress", {"state": "handed_over", "done": 1, "total": 1, "trouble": None}),
    ("/recordings/20260101T000000Z-0001/hold", {"reason": "fuzz", "who": "fuzz"}),
    ("/recordings/20260101T000000Z-0001/release", {"who": "fuzz"}),
)
HEADERS: Final = (
    b"Content-Length: -1",
    b"Content-Length: 99999999999",
    b"Content-Length: 3",
    b"Transfer-Encoding: chunked",
    b"Transfer-Encoding: gzip, chunked",
    b"Content-Encoding: gzip",
    b"Expect: 100-continue",
    b"Upgrade: websocket\r\nConnection: Upgrade",
    b"Connection: close",
    b"X-HTTP-Method-Override: GET",
    b"X-Original-URL: /status",
    b"X: " + b"y" * 9000,
)


@dataclass(frozen=True)
class Asked:
    """One thing that is done. role: what it needs, "" if that cannot be told."""

    data: bytes
    role: str
    kind: str


def request(method: str, target: str, body: object = None) -> bytes:
    content = b"" if body is None else json.dumps(body).encode()
    head = f"{method} {target} HTTP/1.1\r\nHost: camerad\r\nContent-Length: {len(content)}\r\n\r\n"
    return head.encode() + content


def valid(chance: random.Random) -> Asked:
    what = chance.randrange(3)
    if what == 0:
        target = chance.choice(READING)
        role = "configure" if target == "/health" else "read"
        return Asked(request("GET", target), role, "valid")
    if what == 1:
        return Asked(request("POST", f"/intents/{chance.choice(INTENTS)}"), "press", "valid")
    target, body = chance.choice(CONFIGURING)
    return Asked(request("POST", target, body), "configure", "valid")


def nearly_valid(chance: random.Random) -> Asked:
    data = bytearray(valid(chance).data)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(data))
        match chance.randrange(6):
            case 0:
                data[at] ^= 1 << chance.randrange(8)
            case 1:
                del data[at : at + chance.randint(1, 8)]
            case 2:
                data[at:at] = chance.randbytes(chance.randint(1, 8))
            case 3:
                end = data.find(b"\r\n") + 2
                data[end:end] = chance.choice(HEADERS) + b"\r\n"
            case 4:
                data += bytes(data)  # one more behind it, on the same connection
            case _:
                line, _, rest = bytes(data).partition(b" ")
                method = chance.choice((b"GET", b"POST", b"PUT", b"OPTIONS", b"TRACE", b"get"))
                data = bytearray(method + b" " + rest) if rest else bytearray(line)
        if not data:
            data = bytearray(b"\n")
    return Asked(bytes(data), "", "nearly valid")


def raw(chance: random.Random) -> Asked:
    return Asked(chance.randbytes(chance.choice((1, 20, 400, 70_000))), "", "raw")


def exchange(path: str, asked: Asked, chance: random.Random) -> bytes:
    """What is answered; nothing if the connection was turned away or nothing was said."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(ANSWER_SECONDS)
        try:
            client.connect(path)
            pieces = [asked.data]
            if chance.random() < 0.3:
                cut = chance.randrange(len(asked.data) + 1)
                pieces = [asked.data[:cut], asked.data[cut:]]
            for piece in pieces:
                client.sendall(piece)
            if asked.kind != "valid" and chance.random() < 0.7:
                client.shutdown(socket.SHUT_WR)
                client.settimeout(0.3)
            return client.recv(65_536)
        except PermissionError:
            raise
        except OSError:
            return b""


def _role(line: bytes) -> str:
    """What a request that begins so needs, if it was taken for one."""
    if line.partition(b" ")[0].upper() in (b"GET", b"HEAD"):
        target = re.split(rb"[?#\s]", line.partition(b" ")[2].lstrip())[0]
        return "configure" if target == b"/health" else "read"
    return "press" if b"/intents/" in line else "configure"


def found(asked: Asked, answer: bytes, roles: set[str]) -> str:
    """What is wrong with an answer; "" if nothing is."""
    statuses = [int(status) for status in STATUS.findall(answer)]
    if any(status >= 500 and status != 503 for status in statuses):
        return "the daemon made a mistake"
    if answer and not statuses:
        return "the answer is no HTTP"
    # "100 Continue" promises to read the rest, and nothing more.
    final = [status for status in statuses if status >= 200]
    lines = [asked.data.lstrip().partition(b"\r\n")[0], *LINE.findall(asked.data)]
    for number, status in enumerate(final):
        if status >= 300 and status != 409:
            continue
        # The first answer is to the first line; one behind it, to one of those that came after.
        needed = {asked.role or _role(lines[0])} if number == 0 else set(map(_role, lines))
        if not needed & roles:
            return f"{status} to {lines[0][:60]!r}, which needs {needed}"
    if asked.kind == "valid" and asked.role not in roles:
        wrong = [status for status in statuses if status not in (403, 408, 429)]
        if wrong:
            return f"{wrong[0]} where it is to be 403"
    return ""


def flood(path: str) -> None:
    """As many connections as one gets, each in the middle of something, and let go."""
    with contextlib.ExitStack() as held:
        for number in range(200):
            client = held.enter_context(socket.socket(socket.AF_UNIX))
            client.settimeout(0.2)
            with contextlib.suppress(OSError):
                client.connect(path)
                client.sendall((b"", b"GET /sta", request("GET", "/events"))[number % 3])


def become(uid: int, gids: list[int]) -> None:
    os.setgroups(gids)
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--socket", required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--uid", type=int, required=True)
    parser.add_argument("--roles", default="")
    parser.add_argument("--outside", action="store_true")
    options = parser.parse_args()
    roles = set(filter(None, options.roles.split(",")))
    group = os.stat(options.socket).st_gid
    become(options.uid, [] if options.outside else [group])
    chance = random.Random(options.seed)
    counts: collections.Counter[str] = collections.Counter()
    findings: list[str] = []
    ends = time.monotonic() + options.seconds
    while time.monotonic() < ends and len(findings) < 20:
        if chance.random() < 0.01 and not options.outside:
            flood(options.socket)
            counts["floods"] += 1
        asked = chance.choices((valid, nearly_valid, raw), (5, 4, 1))[0](chance)
        counts[asked.kind] += 1
        try:
            answer = exchange(options.socket, asked, chance)
        except PermissionError:
            counts["not let in"] += 1
            if not options.outside:
                findings.append("a member of the group is not let in")
        else:
            if options.outside:
                findings.append("somebody who is not in the group is let in")
            wrong = found(asked, answer, roles)
            if wrong:
                said = f"{asked.data[:SHOWN]!r} was answered {answer[:SHOWN]!r}"
                findings.append(f"seed {options.seed}: {asked.kind}: {wrong}: {said}")
            for status in STATUS.findall(answer)[:1] or [b"nothing"]:
                counts[status.decode()] += 1
        time.sleep(PACE_SECONDS)
    sys.stdout.write(json.dumps({"counts": counts, "findings": findings}) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
