"""Checks of the tab before anything goes into a package: each statement of the ledgers, and each
piece that was opened. The page is a real desk's; what it is given is not what an honest one gives.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any, Final

import pytest
from desk_helpers import BOOT, KEY, ONE, SHORT, TWO
from msgspec.structs import replace
from player_recordings import made_with_holes
from playwright.sync_api import Browser, Page
from sealed_helpers import (
    LOCKED,
    PASSPHRASE,
    at,
    flipped,
    made,
    pack,
    sealed,
    signed,
    some_closing,
    spliced,
)

from camerad.container import jws
from camerad.container.gaps import CUT_OFF
from camerad.container.keys import SigningKey
from camerad.evidence.record_words import END_REASONS, GAP_REASONS
from camerad.ledger.entries import NOTHING, Head, facts_of_kind, sign_entry
from camerad.ledger.entry_types import Carried, Fact
from camerad.ledger.recording_changes import newly_named
from camerad.ledger.timeline import Timeline
from tests.browser.test_desk import FLAGS as DESK_FLAGS
from tests.browser.test_desk import at_desk
from tests.unit.office.desk.desk_scene import DeskScene, free_origin

FLAGS: Final = DESK_FLAGS
OFFICE, FORGER = SigningKey.generate(), SigningKey.generate()
END, OTHER = "a" * 64, "b" * 64
RAW: Final = base64.b64encode(KEY.public.raw).decode()
WORDS: Final = """async ([cases, recording, spelled]) => {
  const { ledgerWords } = await import("/page/package/ledger_words.js");
  const { PublicKey } = await import("/page/player/evidence/keys.js");
  const camera = await PublicKey.of(Uint8Array.from(atob(spelled), (it) => it.charCodeAt(0)));
  const said = [];
  for (const one of cases) {
    try {
      const { files, final, hold } = await ledgerWords(one, recording, camera);
      said.push([final, hold, files]);
    } catch (error) {
      if (error.name !== "LedgerError") throw error;
      said.push(error.message);
    }
  }
  return said;
}"""
"""What the tab takes from each of some answers of a server."""
FILM: Final = """async (cases) => {
  const { Candidate } = await import("/page/package/maker.js");
  const { BlobSource } = await import("/page/player/evidence/source.js");
  const { hexDigest } = await import("/page/player/evidence/keys.js");
  const said = [];
  for (const spelled of cases) {
    const pieces = spelled.map((one) => Uint8Array.from(atob(one), (it) => it.charCodeAt(0)));
    const places = [];
    let offset = 0;
    for (const piece of pieces) {
      places.push({ offset, size: piece.length, sha256: await hexDigest(piece) });
      offset += piece.length;
    }
    const [init, ...fragments] = places;
    const commits = fragments.map((fragment, sequence) => (
      { fragment, sequence, init: sequence ? null : init }
    ));
    const source = await new BlobSource(new Blob(pieces)).open();
    const one = new Candidate("one", source, { verdict: { commits }, problem: null });
    const identity = { decrypt: async (sealed) => sealed };
    let bytes = 0;
    try {
      for await (const piece of one.film(identity)) bytes += piece.length;
      said.push(bytes);
    } catch (error) {
      if (error.name !== "NoFilmError") throw error;
      said.push(error.member);
    }
  }
  return said;
}"""
"""How many bytes the film of each recording has, or which of its members is no part of one."""

SHEET: Final = """async ([spelled, key]) => {
  const bytes = (text) => Uint8Array.from(atob(text), (it) => it.charCodeAt(0));
  const { judge } = await import("/page/player/evidence/judge.js");
  const { BlobSource } = await import("/page/player/evidence/source.js");
  const { sheetPage } = await import("/page/package/sheet.js");
  const { sheetTexts } = await import("/page/package/sheet_texts.js");
  const { Words } = await import("/page/player/gettext.js");
  const found = await judge(new BlobSource(new Blob([bytes(spelled)])), { key: bytes(key) });
  const { exit, report } = found;
  const more = { delivered: [], zone: "UTC", ledgerAgrees: null, madeUs: 0, madeBy: "" };
  const hold = { reason: "", who: "" };
  const stamps = [{ timeUs: 1_795_600_000_000_000, authority: "stamps.example" }];
  const sheet = { exit, result: report.result, ...more, hold, stamps, software: "" };
  const page = sheetPage({ ...sheet, details: "", instructions: "" }, sheetTexts(new Words("en")));
  return page.replace(/<[^>]*>/g, "\\n");
}"""
"""The text of a recording's sheet."""
KEY_IN_TAB: Final = """async ([file, passphrase, sealed]) => {
  const bytes = (text) => Uint8Array.from(atob(text), (it) => it.charCodeAt(0));
  const { HeldKey } = await import("/page/player/key_file.js");
  const taken = [];
  const real = crypto.subtle.importKey;
  crypto.subtle.importKey = async (format, data, name, readable, uses) => {
    const key = await real.call(crypto.subtle, format, data, name, readable, uses);
    if (format === "pkcs8") taken.push([key, data, data.some((byte) => byte !== 0)]);
    return key;
  };
  try {
    const held = new HeldKey();
    await held.open(bytes(file), passphrase);
    const opened = new TextDecoder().decode(await held.decrypt(bytes(sealed)));
    held.forget();
    const said = (data) => data.some((byte) => byte !== 0);
    return [opened, taken.map(([key, data, was]) => [key.extractable, was, said(data)])];
  } finally {
    crypto.subtle.importKey = real;
  }
}"""
"""What the tab's key opens; and of each key that was made of bytes: whether a script can read it,
and whether there was anything in these bytes then, and is now."""
GIVEN_UP: Final = """async () => {
  const { chosenFile } = await import("/page/package/saving.js");
  const place = await navigator.storage.getDirectory();
  const left = [];
  for (const removes of [true, false]) {
    window.showSaveFilePicker = async ({ suggestedName }) => {
      const file = await place.getFileHandle(suggestedName, { create: true });
      const { name } = file;
      const [createWritable, getFile] = [() => file.createWritable(), () => file.getFile()];
      return removes ? file : { name, createWritable, getFile };
    };
    const target = await chosenFile("given-up.zip");
    await target.write(new TextEncoder().encode("a package"));
    const made = await target.close();
    left.push(made.size);
    await target.discard();
    const there = await place.getFileHandle("given-up.zip").catch(() => null);
    left.push(there === null ? null : (await there.getFile()).size);
  }
  return left;
}"""
"""Bytes of a package that is there and of what is left of it when it is given up then, in a browser
that removes files and in one that does not."""


@pytest.fixture(scope="module")
def page(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    root = tmp_path_factory.mktemp("checks")
    with DeskScene(root, origin=free_origin()) as scene, at_desk(chromium, scene, "checks") as one:
        yield one.page


class Book:
    """A ledger's entries, as its key signs them."""

    def __init__(self, key: SigningKey) -> None:
        self.key = key
        self.tokens: list[str] = []
        self._head: Head = NOTHING

    def say(self, kind: str, recording: str = ONE, **fields: Any) -> Book:
        return self.add(facts_of_kind(kind, {"id": recording, **fields}))

    def add(self, facts: Fact) -> Book:
        entry = sign_entry(self.key, self._head, BOOT, at(0), facts)
        self._head = entry.head
        self.tokens.append(entry.token.decode())
        return self


def ended(book: Book, kind: str, final: str | None, recording: str = ONE) -> Book:
    more: dict[str, Any] = {"retention_days": 14, "ended": at(0), "flagged": False}
    more |= {"reason": "stop"} if kind != "found" else {"header": END}
    more |= {"device": "cam-1", "kid": KEY.public.thumbprint} if kind == "received" else {}
    return book.say(kind, recording, final=final, **more)


def carried(key: SigningKey, recording: str, final: str) -> str:
    """An entry that carries on what is known of a recording."""
    entry = sign_entry(key, NOTHING, BOOT, at(0), Carried((), (), ()))
    state = newly_named(recording, entry, Timeline().observe(BOOT, at(0)))
    known = Carried((), (replace(state, final=final),), ())
    return sign_entry(key, NOTHING, BOOT, at(0), known).token.decode()


def answer(
    *books: Book,
    signers: tuple[SigningKey, ...] = (),
    more: Any = (),
    proofs: dict[str, str] | None = None,
    stamps: dict[str, str] | None = None,
) -> dict[str, Any]:
    """What a server answers. more: what it gives besides as carried on."""
    keys = signers or tuple(one.key for one in books) + (OFFICE,) * bool(more)
    return {
        "tokens": [token for one in books for token in one.tokens],
        "carried": list(more),
        "signers": [{"thumbprint": "", "pem": one.public.pem} for one in keys],
        "final": OTHER,
        "software": "camerad",
        "proofs": proofs or {},
        "stamps": stamps or {},
    }


def camera() -> Book:
    return ended(Book(KEY).say("opened", header=END), "closed", END)


def office() -> Book:
    return ended(Book(OFFICE), "received", END)


def test_only_signed_entries_say_how_a_recording_ended_and_why_it_is_held(page: Page) -> None:
    held = office().say("hold", reason="Az. 1", who="boss")
    released = office().say("hold", reason="Az. 1", who="")
    released = released.say("release_reason", reason="no", who="boss").say("release", who="boss")
    again = office().say("hold", reason="Az. 1", who="").say("changed", final=OTHER)
    takes: list[tuple[dict[str, Any], str | None, Any]] = [
        # What the server says besides does not count.
        (answer(camera(), office()), END, None),
        (answer(camera()), END, None),
        (answer(Book(KEY).say("opened", header=END)), None, None),
        (answer(camera(), held), END, {"reason": "Az. 1", "who": "boss"}),
        (answer(camera(), released), END, None),
        # The end of another file that was found in its place is not the end that it had.
        (answer(camera(), again), END, {"reason": "Az. 1", "who": "–"}),
        # The office has the last word, but not what the camera alone can say; nor the reverse.
        (answer(camera(), ended(Book(OFFICE), "received", OTHER)), OTHER, None),
        (answer(camera(), ended(Book(OFFICE), "closed", OTHER)), END, None),
        (answer(ended(camera(), "received", OTHER)), END, None),
        (answer(camera().say("hold", reason="Az. 1", who="wearer")), END, None),
        (answer(ended(Book(KEY), "found", None), office()), END, None),
        # Where older entries are gone, what was carried on has it.
        (answer(more=[carried(OFFICE, ONE, END)]), END, None),
        (
            answer(ended(Book(OFFICE), "received", OTHER), more=[carried(OFFICE, ONE, END)]),
            OTHER,
            None,
        ),
    ]
    found = page.evaluate(WORDS, [[said for said, _, _ in takes], ONE, RAW])
    for (said, final, hold), got in zip(takes, found, strict=True):
        files = {"ledger.jws": "".join(f"{one}\n" for one in said["tokens"])}
        if OFFICE.public.thumbprint in {jws.named_key(one.encode()) for one in said["tokens"]}:
            files["ledger-keys.txt"] = f"{OFFICE.public.thumbprint}\n{OFFICE.public.pem}"
        assert got == [final, hold, files]


def spelled_otherwise(book: Book) -> Book:
    """The same, with a space in what is signed."""
    head, payload, _ = book.tokens[-1].split(".")
    text = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)).replace(b'","', b'", "', 1)
    signed = f"{head}.{base64.urlsafe_b64encode(text).decode().rstrip('=')}"
    signature = base64.urlsafe_b64encode(book.key.sign(signed.encode())).decode().rstrip("=")
    book.tokens[-1] = f"{signed}.{signature}"
    return book


def test_what_no_ledger_can_say_makes_no_package(page: Page) -> None:
    changed, reversed_, other = office(), office().say("changed", final=None), office()
    changed.tokens[0] = flipped(changed.tokens[0].encode(), 300).decode()
    reversed_.tokens.reverse()
    other.tokens[0] = other.tokens[0].replace(".", "")
    no_key = answer(camera(), office())
    no_key["signers"][1]["pem"] = no_key["signers"][1]["pem"].replace("MC", "MD")
    refused: list[tuple[dict[str, Any], str]] = [
        (
            answer(camera(), ended(Book(FORGER), "received", END), signers=(KEY, OFFICE)),
            "which is not among those trusted",
        ),
        (answer(camera(), changed), "the signature is not by the key that is named"),
        (answer(camera(), other), "a compact JWS has three parts"),
        (answer(camera(), spelled_otherwise(office())), "not in its one spelling"),
        (
            answer(camera(), ended(Book(OFFICE), "received", END, TWO)),
            "an entry received is about another one",
        ),
        (answer(camera(), reversed_), "entry 1 is not in its place"),
        (answer(camera(), office(), office()), "entry 1 is not in its place"),
        (answer(more=[carried(FORGER, ONE, END)]), "which is not among those trusted"),
        (answer(more=[carried(OFFICE, TWO, END)]), "an entry carries on nothing of it"),
        (answer(more=office().tokens), "an entry received carries nothing on"),
        (answer(ended(Book(OFFICE), "received", "end")), "an end is no SHA-256"),
        (no_key, "a key of theirs is none"),
        (answer(office(), proofs={"entry-1.tlog-proof": ""}), "do not fit: unnamed "),
        (answer(office(), proofs={"../film.mp4": ""}), "do not fit: none "),
        (answer(office(), stamps={"../film.mp4": ""}), "a time stamp has another name"),
    ]
    found = page.evaluate(WORDS, [[said for said, _ in refused], ONE, RAW])
    for (_, why), got in zip(refused, found, strict=True):
        assert isinstance(got, str) and got.startswith(f"the ledgers of {ONE}: "), got
        assert got.endswith(why), got


def test_what_the_camera_signed_and_is_no_film_is_found(page: Page) -> None:
    whole = list(made_with_holes().plain)
    init, first, second, *_ = whole
    boxes = first.index(b"trun") - 4
    many = first[: boxes + 12] + b"\0\2\0\0" + first[boxes + 16 :]
    beyond = first[: boxes + 16] + b"\x7f\0\0\0" + first[boxes + 20 :]
    cases: list[tuple[list[bytes], int | str]] = [
        (whole, sum(map(len, whole))),
        ([b"age", first], "init.mp4.age"),
        ([init[:-20], first], "init.mp4.age"),
        ([init, b"no film at all"], "000000.m4s.age"),
        ([init, first, second[:-1]], "000001.m4s.age"),
        ([init, second, first], "000001.m4s.age"),
        ([init, many], "000000.m4s.age"),
        ([init, beyond], "000000.m4s.age"),
        ([init, init], "init.mp4.age"),
    ]
    spelled = [[base64.b64encode(one).decode() for one in pieces] for pieces, _ in cases]
    assert page.evaluate(FILM, spelled) == [said for _, said in cases]


def test_a_package_that_is_given_up_once_it_is_there_leaves_none(page: Page) -> None:
    assert page.evaluate(GIVEN_UP) == [9, None, 9, 0]


def test_words_that_every_object_has_are_shown_as_the_camera_said_them(page: Page) -> None:
    one = made(SHORT)
    header = replace(one.header, policy="constructor", trigger="__proto__")
    plain = [sealed(data) for data in one.plain]
    closing = some_closing(sum(it.frames for it in one.facts), one.facts[-1].end_us, "toString")
    file = pack(signed(header, plain, one.facts, closing))
    given = [base64.b64encode(it).decode() for it in (file, KEY.public.raw)]
    lines = page.evaluate(SHEET, given).splitlines()
    assert "constructor; deleted after 14 days unless held" in lines
    assert [it for it in lines if it.startswith("__proto__; ")] != []
    assert [it for it in lines if it.endswith("; toString")] != []


def test_what_only_unlinked_statements_say_is_no_fact_on_the_sheet(page: Page) -> None:
    given = [base64.b64encode(it).decode() for it in (pack(spliced()), KEY.public.raw)]
    text = page.evaluate(SHEET, given)
    lines = [it for it in text.splitlines() if it]
    assert lines[lines.index("Length") + 1] == "0:01.000, 30 pictures in 2 pieces"
    assert lines[lines.index("Marks") + 1] == "none"
    stamped = lines[lines.index("Time stamps (RFC 3161)") + 1]
    assert stamped == "25 November 2026, 09:46:40 UTC by stamps.example"
    assert END_REASONS["shutdown"] not in text
    assert GAP_REASONS[CUT_OFF] not in text


def test_no_script_reads_the_key_and_its_bytes_are_overwritten(page: Page) -> None:
    file, piece = (base64.b64encode(it).decode() for it in (LOCKED, sealed(b"a piece")))
    assert page.evaluate(KEY_IN_TAB, [file, PASSPHRASE, piece]) == [
        "a piece",
        [[False, True, False]],
    ]
