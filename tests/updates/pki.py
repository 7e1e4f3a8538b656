"""An authority, and who it lets sign updates: the commands of docs/updates.md, with a key each."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PAGE: Final = Path(__file__).parents[2] / "docs" / "updates.md"


def commands() -> list[str]:
    """The commands that docs/updates.md has for making keys, in their order."""
    section = PAGE.read_text().split("## Keys")[1].split("\n## ")[0]
    lines = re.findall(r"(?m)^    (.+)$", section)
    joined = "\n".join(lines).replace("\\\n", " ")
    return [line for line in joined.splitlines() if line.startswith(("openssl", "printf"))]


@dataclass(frozen=True, slots=True)
class Authority:
    """folder: where its files are."""

    folder: Path

    @property
    def keyring(self) -> str:
        """What a camera trusts."""
        return (self.folder / "update-ca.pem").read_text()

    @property
    def signer(self) -> tuple[str, str]:
        """Certificate and key of who signs."""
        return str(self.folder / "signer.pem"), str(self.folder / "signer.key")


def make(folder: Path) -> Authority:
    """As the page says, with keys that no passphrase locks."""
    folder.mkdir(parents=True)
    for command in commands():
        words = command.replace("-aes-256-cbc ", "")
        subprocess.run(["/bin/sh", "-ec", words], cwd=folder, check=True, capture_output=True)
    return Authority(folder)
