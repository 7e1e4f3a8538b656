"""Witnesses and logs of another make against ours: C2SP ``tlog-witness``.

`FOREIGN` is the interpreter of an environment with the packages ``aics-witness`` 0.1.0 and
``aics-tlog`` 0.2.1 (Python 3.12 or later). Their client feeds our witness, and our log
theirs. A log that grows is cosigned; one that was put back is answered by 409, one that
was rewritten by 422.
"""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path
from typing import Final

from hw_mocks.free_port import free_port

from camerad.transparency import checkpoints, merkle
from camerad.transparency.checkpoints import NoteKey
from tests.campaign.table import say
from tests.unit.transparency.test_merkle import InMemory, numbered
from tests.unit.transparency.test_witness_server import LOG, ORIGIN, OWN, Witness, body, post
from tests.waiting import until

FOREIGN: Final = "CAMERAD_FOREIGN_PYTHON"
"""Environment variable."""
_CLIENT: Final = """
import sys

from aics_tlog import Checkpoint, MerkleTree
from aics_tlog.checkpoint import sign_checkpoint
from aics_witness.feeder import FeederError, WitnessClient
from cryptography.hazmat.primitives.serialization import load_pem_private_key

url, vkey, origin = sys.argv[1:]
key = load_pem_private_key(sys.stdin.buffer.read(), None)


def submit(first, size, old=None):
    tree = MerkleTree([first, *(str(number).encode() for number in range(1, size))])
    note = sign_checkpoint(Checkpoint(origin, size, tree.root()), key, origin).serialise()
    try:
        WitnessClient(url, vkey).submit(note, tree.consistency_proof, old_size=old)
    except FeederError as error:
        return type(error).__name__ + f" {getattr(error, 'status', '')}".rstrip()
    return "cosigned"


print(submit(b"0", 5), submit(b"0", 300), submit(b"0", 7), submit(b"x", 400, 300), sep="\\n")
"""


def campaign(directory: Path) -> int:
    """Play both directions; returns how much went wrong."""
    python = os.environ.get(FOREIGN, "")
    if not python:
        say(f"{FOREIGN} names no interpreter with aics-witness: nothing was tried")
        return 0
    return _their_client(python, directory / "ours") + _their_witness(python, directory / "theirs")


def _their_client(python: str, directory: Path) -> int:
    witness = Witness(directory, OWN)
    try:
        found = subprocess.run(
            [python, "-c", _CLIENT, witness.url, str(witness.key), ORIGIN],
            input=LOG.pem,
            capture_output=True,
            check=True,
            timeout=120,
        ).stdout.decode()
    finally:
        witness.end()
    wanted = ["cosigned", "cosigned", "WitnessAhead", "WitnessRejected 422"]
    return _judge("their client, our witness", found.splitlines(), wanted)


def _their_witness(python: str, directory: Path) -> int:
    directory.mkdir()
    port, config = free_port(), str(directory / "witness.json")
    listen = f"127.0.0.1:{port}"

    def ask(*words: str) -> str:
        command = [python, "-m", "aics_witness", *words, "--config", config]
        return subprocess.run(
            command, capture_output=True, check=True, timeout=60, text=True
        ).stdout

    key = NoteKey.parse(ask("init", "--name", "w1", "--listen", listen).strip())
    ask("add-log", "--origin", ORIGIN, "--vkey", str(OWN))
    tree = numbered(400)
    other = InMemory([b"x", *(str(number).encode() for number in range(1, 400))])
    requests = [body(tree, 0, 5), body(tree, 5, 300), body(tree, 0, 7), body(other, 300, 400)]
    command = [python, "-m", "aics_witness", "serve", "--config", config]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as server:
        try:
            until(lambda: _listens(port), 30)
            answers = [post(f"http://{listen}/add-checkpoint", one) for one in requests]
        finally:
            server.terminate()
    (line,) = checkpoints.parse_lines(answers[1][1])
    checkpoint = checkpoints.Checkpoint(ORIGIN, 300, merkle.root(tree.complete, 300))
    signed = key.find(checkpoints.sign(LOG, checkpoint).with_lines([line])) is not None
    found = [*(str(status) for status, _, _ in answers), f"verified: {signed}"]
    return _judge("our log, their witness", found, ["200", "200", "409", "422", "verified: True"])


def _listens(port: int) -> bool:
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0


def _judge(what: str, found: list[str], wanted: list[str]) -> int:
    say(f"{what}: {', '.join(found)}" + ("" if found == wanted else f"; wanted: {wanted}"))
    return int(found != wanted)
