"""What outside witnesses and time-stamp authorities left in an office's log directory."""

from __future__ import annotations

from pathlib import Path

from camerad.base.clock import SECOND
from camerad.container.keys import SigningKey
from camerad.office.server.log_vouching import witness_file
from camerad.transparency import checkpoints
from camerad.transparency.checkpoints import LOG, WITNESS, Checkpoint, NoteKey
from camerad.transparency.policy import parse_policy
from camerad.transparency.stamp_files import keep_stamp

LOG_KEY = SigningKey.generate()
AWAY = "http://127.0.0.1:9"
"""Where none of them listens."""


class Outside:
    """Witnesses by these names, the first of which is the quorum, in `policy`. log: the log's
    directory."""

    def __init__(self, log: Path, policy: Path, *names: str) -> None:
        self.log = log
        self.keys = {name: SigningKey.generate() for name in names}
        lines = [f"log {NoteKey('log', LOG, LOG_KEY.public)}"]
        lines += [
            f"witness {name} {NoteKey(name, WITNESS, key.public)} {AWAY}"
            for name, key in self.keys.items()
        ]
        lines.append(f"quorum {names[0]}\n")
        policy.write_text("\n".join(lines), encoding="ascii")
        self.policy = policy

    def cosigned(self, name: str, at_us: int, size: int = 7) -> None:
        note = checkpoints.sign(LOG_KEY, Checkpoint("log", size, bytes(32)))
        line = checkpoints.cosign(self.keys[name], name, note.checkpoint, at_us // SECOND)
        named = {one.name: one for one in parse_policy(self.policy.read_text()).witnesses}
        path = Path(witness_file(str(self.log), named[name]))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(str(note.with_lines([line])), encoding="utf-8")

    def stamped(self, host: str, at_us: int, size: int = 7) -> None:
        self.log.mkdir(parents=True, exist_ok=True)
        checkpoint = Checkpoint("log", size, bytes(32))
        keep_stamp(str(self.log / "stamps"), checkpoint, at_us, host, b"a stamp")
