"""The player finds of a package's proofs what ``camerad evidence verify`` finds of them."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Final

import msgspec
from desk_helpers import KEY, ONE
from package_cases import cases

from camerad.evidence.package_proofs import check_proofs
from tests.browser.person import browser
from tests.browser.player_modules import page_of, serving

CHECK: Final = """async ([cases, key, recording]) => {
  const { checkProofs } = await import("/player/evidence/package_proofs.js");
  const { PublicKey } = await import("/player/evidence/keys.js");
  const bytes = (text) => Uint8Array.from(atob(text), (it) => it.charCodeAt(0));
  const camera = await PublicKey.of(bytes(key));
  const found = [];
  for (const files of cases) {
    const named = Object.fromEntries(Object.entries(files).map(([name, it]) => [name, bytes(it)]));
    found.push(await checkProofs(named, camera, recording));
  }
  return found;
}"""


def test_the_player_finds_what_the_command_finds(tmp_path: Path) -> None:
    table = cases(tmp_path)
    given = [
        {name: base64.b64encode(one).decode() for name, one in files.items()}
        for _, files, _ in table
    ]
    key = base64.b64encode(KEY.public.raw).decode()
    with browser() as chromium, serving() as shelf, page_of(chromium, shelf) as page:
        found = page.evaluate(CHECK, [given, key, ONE])
    theirs = [msgspec.to_builtins(check_proofs(files, KEY.public, ONE)) for _, files, _ in table]
    for said in theirs:  # the command needs these for time stamps, which the player does not check
        del said["checkpoint"], said["newest_us"]
    empty = {"origin": "", "size": 0, "proven": [], "later": 0, "kid": "", "cosigned": {}}
    for (name, _, state), ours, said in zip(table, found, theirs, strict=True):
        assert (name, empty | ours) == (name, said | {"proven": [*said["proven"]]})
        assert ours["state"] == state.value
