"""The page of a package finds of a redacted copy what ``camerad evidence verify`` finds of it."""

from __future__ import annotations

import base64
import random
from typing import Final

import pytest
from redaction_helpers import SIGNER, redacted
from sealed_helpers import KEY

from tests.breadth import breadth
from tests.browser.person import browser
from tests.browser.player_modules import page_of, serving
from tests.tamper.redactions import FAMILIES
from tests.tamper.test_tamper_redactions import SEED, mutations

CHECK: Final = """async ([path, key, office]) => {
  const { checkCopy, isRedactedCopy } = await import("/player/evidence/redacted_copy.js");
  const { BlobSource } = await import("/player/evidence/source.js");
  const bytes = (text) => Uint8Array.from(atob(text), (it) => it.charCodeAt(0));
  const source = new BlobSource(await (await fetch(path)).blob());
  if (!(await isRedactedCopy(source))) return false;
  const how = { key: bytes(key), office: bytes(office), onProgress: () => {} };
  return (await checkCopy(source, how)).isGood;
}"""


@pytest.mark.breadth
def test_the_page_refuses_every_changed_copy_and_takes_the_honest_one() -> None:
    every = [one for family in FAMILIES for one in mutations(family) if not one.compared]
    chosen = random.Random(SEED).sample(every, min(len(every), breadth(120, 1_000)))
    keys = [base64.b64encode(one.public.raw).decode() for one in (KEY, SIGNER)]
    with browser() as chromium, serving() as shelf, page_of(chromium, shelf) as page:

        def is_taken(data: bytes) -> bool:
            return page.evaluate(CHECK, [shelf.put(data, "copy"), *keys])

        assert is_taken(redacted().archive)
        assert [one.what for one in chosen if is_taken(one.data)] == []
