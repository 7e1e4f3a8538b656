"""A camera, an office's directory and a desk computer for scenes: changes of files, a command, its
exit code and its words."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from string import Template

from desk_helpers import ONE, THREE, TWO, Camera

from .conftest import Desk, Said

HOLD = "hold $ONE --state $ARCHIVE $BY --reason Anzeige --who Desk"
RELEASE = "release $ONE --state $ARCHIVE $BY --who Desk"
ANOTHER = """
cp -r $HOLDING $OTHER
cd $OTHER/recordings
for one in *; do mv "$one" "$(echo "$one" | sed s/-00000/-00001/g)"; done"""
"""Makes the directory of another camera, with recordings that are not taken over."""
VERIFY = "verify $ARCHIVE $BY"
PURGE = "purge $ARCHIVE $BY"


@dataclass
class World:
    """`$NAME` in a text is one of `names`. user: as whom the commands run.

    HERE has the other directories: STATE is the camera's, ARCHIVE the office's, HOLDING the
    camera's part of that, OTHER that of another camera. CARD and FILE: the recording ONE on the
    camera and in the office. BY: the option that names the camera's key.
    """

    camera: Camera
    desk: Desk
    here: Path
    user: Callable[[], AbstractContextManager[None]] = nullcontext
    names: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        archive, key = self.here / "archive", self.here / "cam.pem"
        stem = self.camera.key.public.thumbprint[:8]
        holding = archive / f"cam-1-{stem}"
        self.names = {
            "ONE": ONE,
            "TWO": TWO,
            "THREE": THREE,
            "WHO": "--who Desk",
            "HERE": str(self.here),
            "ARCHIVE": str(archive),
            "HOLDING": str(holding),
            "OTHER": f"{archive}/cam-2-{stem}",
            "FILE": f"{holding}/recordings/{ONE}.tar",
            "STATE": str(self.camera.root),
            "CARD": f"{self.camera.recordings}/{ONE}.tar",
            "KEY": str(key),
            "BY": f"--key {key}",
            "OPENING": f"--identity {self.here}/office.key",
            "REGISTER": f"{self.here}/config/camerad/keys",
        }

    @property
    def archive(self) -> Path:
        return self.path("$ARCHIVE")

    def text(self, text: str) -> str:
        return Template(text).substitute(self.names)

    def path(self, text: str) -> Path:
        return Path(self.text(text))

    def add(self, identity: str) -> None:
        """Bring one more recording to the office's directory."""
        self.camera.put(identity)
        self.camera.offload(self.archive)

    def do(self, deed: str) -> None:
        """Change files, by commands of the shell."""
        subprocess.run(("/bin/sh", "-euc", deed), env=os.environ | self.names, check=True)

    def ask(self, command: str, code: int, *words: str) -> Said:
        """Run `camerad evidence`. words: what is said; with `!` in front, what is not."""
        line = shlex.split(self.text(command))
        with self.user():
            said = self.desk("evidence", *line)
        assert said.code == code, said
        for word in words:
            absent = word.startswith("!")
            text = self.text(word[absent:])
            assert (text in said.out + said.err) is not absent, (word, said)
        return said
