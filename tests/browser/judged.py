"""Recordings that the judge of the player's modules and camerad's own judge both judge.

A case is bytes and what a judge knows of them. What both say is compared as JSON: that of
``camerad evidence verify --json``, without what only the command knows.
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import itertools
import json
import random
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Page
from sealed_helpers import KEY, KEYS

from camerad.container.keys import KeyRing
from camerad.verify import verdict
from camerad.verify.judge import verify
from tests.browser.player_modules import Shelf
from tests.independent.changes import Change
from tests.tamper.recordings import FAMILIES, recordings

AT_ONCE: Final = 40
"""Cases that one call into the page judges."""
ALWAYS: Final = (
    "header.jws signed by another key that calls itself",
    "000001.jws signed by another key that calls itself",
    "end.jws signed by another key that calls itself",
    "another recording's ('000001.m4s.age', '000001.jws')",
    "another recording's second half",
    "all signed by another key",
    "fragments 1 and 2 exchanged",
    "closed after 2 fragments by",
)
"""How mutations begin that are tried in every run."""
_SPELLING: Final = re.compile(
    r"the payload of this [\w-]+ is (?:wrong: |not in its one spelling)(?:\\.|[^\"\\])*"
    r"|this is not (?:canonical )?base64url"
)
_COMMAND_ONLY: Final = ("path", "output", "written", "left_out")

JUDGE: Final = """async ({ cases, key }) => {
  const { judge, openProven } = await import("/player/evidence/judge.js");
  const { BlobSource } = await import("/player/evidence/source.js");
  const { hexDigest } = await import("/player/evidence/keys.js");
  const raw = Uint8Array.from(atob(key), (one) => one.charCodeAt(0));
  const handedOut = async (source) => {
    const given = [];
    try {
      const opened = await openProven(source, { key: raw });
      for (let n = 0; await opened.upTo(n); n++) {
        try {
          given.push([n, await hexDigest(await opened.fragment(n))]);
        } catch (error) {
          if (error.name !== "NotProvenError") throw error;
        }
      }
      if (opened.commits.length > 0) given.push([-1, await hexDigest(await opened.init())]);
    } catch (error) {
      if (error.name !== "NotProvenError") throw error;
    }
    return given;
  };
  const said = [];
  for (const { path, ...how } of cases) {
    const source = new BlobSource(await (await fetch(path)).blob());
    const found = await judge(source, { key: raw, ...how });
    const proven = found.commits.filter((one) => one.proven);
    said.push({
      json: found.report.asJson(),
      exit: found.exit,
      word: found.verdict,
      words: found.words,
      findings: found.findings.map((one) => [one.severity, one.code, one.text]),
      sentences: found.findings.map((one) => one.sentence),
      counted: found.proven,
      proven: proven.map((one) => [one.sequence, one.fragment.sha256]),
      opened: await handedOut(source),
    });
  }
  return said;
}"""


def by_browser(
    page: Page, shelf: Shelf, cases: Sequence[Change], key: bytes = KEY.public.raw
) -> list[Any]:
    """What the modules say to each case."""
    told = [
        {
            "path": shelf.put(one.data + bytes(one.hole)),
            "name": one.name,
            "final": one.final,
            "begun": one.begun,
            "running": one.runs,
        }
        for one in cases
    ]
    said: list[Any] = []
    for at in range(0, len(told), AT_ONCE):
        part = {"cases": told[at : at + AT_ONCE], "key": base64.b64encode(key).decode()}
        said += page.evaluate(JUDGE, part)
    return said


def by_camerad(directory: Path, case: Change, keys: KeyRing = KEYS) -> dict[str, Any]:
    """What camerad says, in the same form."""
    path = directory / case.name
    path.write_bytes(case.data + bytes(case.hole))
    with path.open("rb") as recorder:
        if case.runs:
            fcntl.flock(recorder, fcntl.LOCK_EX)
        report = verify(
            str(path), keys, final=case.final, begun=case.begun, may_run=lambda _: case.runs
        )
    path.unlink()
    result = report.result
    findings = [] if result is None else list(result.findings)
    said = {
        "json": {k: v for k, v in report.as_json().items() if k not in _COMMAND_ONLY},
        "exit": int(report.verdict),
        "word": report.verdict.name.lower(),
        "words": verdict.WORDS[report.verdict],
        "findings": [[one.severity, one.kind, one.text] for one in findings],
        "sentences": [verdict._sentence(one) for one in findings],
    }
    plain: dict[str, Any] = json.loads(json.dumps(said))
    return plain


def differences(ours: dict[str, Any], theirs: dict[str, Any]) -> list[str]:
    """Where the two differ, for the message of a test.

    Why the spelling of a statement is wrong each says in its own words."""
    ours, theirs = (
        json.loads(_SPELLING.sub("spelled otherwise", json.dumps(one))) for one in (ours, theirs)
    )
    pairs = [(name, ours[name], theirs[name]) for name in ours if name != "json"]
    names = sorted({*ours["json"], *theirs["json"]})
    pairs += [(name, ours["json"].get(name), theirs["json"].get(name)) for name in names]
    return [
        f"{name}: {one!r} by camerad, {it!r} by the page" for name, one, it in pairs if one != it
    ]


def sampled(seed: str, each: int, of: int) -> Iterator[Change]:
    """So many mutations of every family of the tamper campaign, of so many recordings each."""
    originals = recordings()
    for number, (family, mutations) in enumerate(FAMILIES.items()):
        for index in [(number + turn) % len(originals) for turn in range(of)]:
            chance = random.Random(f"{seed} {family} {index}")
            it = originals[index]
            every = list(mutations(it, originals[index - 1], chance))
            chosen = chance.sample(every, min(each, len(every)))
            chosen += [one for one in every if one.what.startswith(ALWAYS) and one not in chosen]
            for one in chosen:
                yield Change(f"{family}: {one.what}", one.data, name=f"{it.header.id}.tar")


def taken(changes: Iterator[Change], every: int) -> list[Change]:
    """Every so-manieth, without files that are mostly holes: a tab has no holes."""
    return [one for one in itertools.islice(changes, 0, None, every) if one.hole < 1 << 20]


def true_fragments() -> dict[str, dict[int, str]]:
    """SHA-256 of what may be handed out of each recording: of each fragment, and of the segment
    at -1."""
    found: dict[str, dict[int, str]] = {}
    for it in recordings():
        sealed = [data for name, data in it.members if name.endswith(".age")]
        found[it.header.id] = {
            number: hashlib.sha256(data).hexdigest() for number, data in enumerate(sealed, -1)
        }
    return found
