"""The judge that runs in a browser's tab says what ``camerad evidence verify`` says: the same
verdict, and the same findings in the same words and order, for every change to a recording. Only
why the JSON of a statement is wrong each says in its own words.

Here is a cut of it; `make campaign` tries hundreds of every kind, another choice of them with
TAMPER_SEED=n.
"""

from __future__ import annotations

import base64
import io
import os
import random
import re
import tarfile
import unicodedata
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, Page
from sealed_helpers import KEY, altered, made, pack, spliced
from sound_helpers import made_with_sound

from camerad.base.text import is_plain, printable
from camerad.container import jws
from camerad.container.chain import commit_name, fragment_name
from camerad.container.keys import KeyRing, decode_base64url
from camerad.container.members import StopReason, Walk
from camerad.container.statements import Commit, Header, RecordingEnd
from tests.breadth import breadth
from tests.browser.edges import bounds, edge, large, many_commits, unusual
from tests.browser.judged import (
    by_browser,
    by_camerad,
    differences,
    sampled,
    taken,
    true_fragments,
)
from tests.browser.person import browser
from tests.browser.player_modules import PLAYER, Shelf, page_of, serving
from tests.independent import mixed_offices
from tests.independent.changes import Change, numbers, running, said, texts, wrapped
from tests.tamper.recordings import FAMILIES

SEED: Final = os.environ.get("TAMPER_SEED", "20261124")
FIXTURE: Final = Path(__file__).parents[1] / "fixtures" / "version-0.1.tar.xz"
MUTATIONS: Final = breadth(3 * len(FAMILIES), 300)
"""At least so many are judged."""
LONGEST_MODULE: Final = 400


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as started:
        yield started


@pytest.fixture(scope="module")
def shelf() -> Iterator[Shelf]:
    with serving() as one:
        yield one


@pytest.fixture(scope="module")
def page(chromium: Browser, shelf: Shelf) -> Iterator[Page]:
    with page_of(chromium, shelf) as one:
        yield one


@pytest.fixture(autouse=True)
def empty_shelf(shelf: Shelf) -> None:
    shelf.files.clear()
    shelf.fails, shelf.ranges = 0, True


def both_agree(page: Page, shelf: Shelf, cases: list[Change], directory: Path) -> Counter[int]:
    """Compare what both say. Returns how often which verdict was."""
    wrong = []
    seen: Counter[int] = Counter()
    for case, theirs in zip(cases, by_browser(page, shelf, cases), strict=True):
        ours = by_camerad(directory, case)
        wrong += [f"{case.what}: {one}" for one in differences(ours, theirs)]
        seen[ours["exit"]] += 1
    assert wrong == []
    return seen


@pytest.mark.breadth
def test_of_what_was_tampered_with_both_say_the_same_and_nothing_else_is_handed_out(
    page: Page, shelf: Shelf, tmp_path: Path
) -> None:
    cases = list(sampled(SEED, each=breadth(3, 8), of=breadth(1, 4)))
    assert len(cases) >= MUTATIONS
    true = true_fragments()
    for case, theirs in zip(cases, by_browser(page, shelf, cases), strict=True):
        ours = by_camerad(tmp_path, case)
        assert differences(ours, theirs) == [], case.what
        handed_out = theirs["proven"] + theirs["opened"]
        original = true.get(theirs["json"].get("id"), {})
        assert [one for one in handed_out if original.get(one[0]) != one[1]] == [], case.what
        assert theirs["counted"] == len(theirs["proven"])


@pytest.mark.breadth
@pytest.mark.parametrize("kind", ["said", "numbers", "texts", "wrapped", "running"])
def test_of_what_a_camera_could_sign_both_say_the_same(
    page: Page, shelf: Shelf, tmp_path: Path, kind: str
) -> None:
    chance = random.Random(f"{SEED} {kind}")
    changes, every = {
        "said": (said(chance, breadth(2, 60)), 1),
        "numbers": (numbers(breadth(400, 12)), 1),
        "texts": (texts(), breadth(25, 1)),
        "wrapped": (wrapped(chance), breadth(80, 4)),
        "running": (running(chance), breadth(90, 6)),
    }[kind]
    seen = both_agree(page, shelf, taken(changes, every), tmp_path)
    assert len(seen) > 1


@pytest.mark.breadth
def test_of_every_recording_in_mixed_offices_both_say_the_same(
    page: Page, shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whole offices are judged by the command and by the verifier made from the page alone, in
    tests/independent; here each recording that lies in such offices."""
    run, clock = mixed_offices.commands(tmp_path, monkeypatch)
    made = mixed_offices.made(tmp_path, run, clock, mixed_offices.public_keys(tmp_path))
    changer = mixed_offices.Changer(made, random.Random(f"{SEED} mixed"), tmp_path / "outside")
    cases: dict[tuple[str, bytes], Change] = {}
    for _ in range(breadth(20, 1000)):
        case = changer.case()
        for name, data in case.files.items():
            if name.endswith(".tar") and isinstance(data, bytes):
                base = Path(name).name
                change = Change(f"{case.what}: {name}", data, name=base)
                cases.setdefault((base, data), change)
    both_agree(page, shelf, list(cases.values()), tmp_path)


def test_of_what_is_long_deep_large_or_much_both_say_the_same(
    page: Page, shelf: Shelf, tmp_path: Path
) -> None:
    assert set(both_agree(page, shelf, list(unusual()), tmp_path)) == {0, 2}


def test_of_times_on_either_side_of_every_bound_both_say_the_same(
    page: Page, shelf: Shelf, tmp_path: Path
) -> None:
    assert set(both_agree(page, shelf, list(bounds()), tmp_path)) == {0, 1, 2}


def test_recordings_of_the_version_before_are_judged_as_by_the_command(
    page: Page, shelf: Shelf, tmp_path: Path
) -> None:
    with tarfile.open(FIXTURE) as archive:
        archive.extractall(tmp_path, filter="data")
    keys = KeyRing.read([str(tmp_path / "device.pem")])
    (key,) = keys.values()
    files = sorted(tmp_path.glob("office/*/recordings/*.tar"))
    files += sorted(tmp_path.glob("device/**/*.tar"))
    cases = [Change(str(one), one.read_bytes(), name=one.name) for one in files]
    found = by_browser(page, shelf, cases, key.raw)
    for case, theirs in zip(cases, found, strict=True):
        assert differences(by_camerad(tmp_path, case, keys), theirs) == [], case.what
    # The office has one with the gap of a stalled camera, and one that was recovered. The camera
    # has these as well, and one without an end, since its power failed.
    assert [theirs["exit"] for theirs in found] == [0, 1, 1, 0, 0, 1, 1, 0, 2]


# -- spellings ------------------------------------------------------------------------------------

TOKENS: Final = (
    *(
        b'"',
        b"\\",
        b"\\u",
        b"\\ud83d\\ude00",
        b"\\ud800",
        b"\\udc00x",
        b"\\n",
        b"\\/",
        b"\\x",
        b"/",
    ),
    *(b"null", b"nul", b"true", b"fals", b"{}", b"[]", b"[", b"]", b"{", b"}", b",", b":", b"'"),
    *(b"-", b"0", b"-0", b"01", b"1.0", b"1e5", b"1E+2", b"1e", b"1.", b"1e999", b" ", b"\n", b"x"),
    *(b"9007199254740991", b"9007199254740992", b"-9007199254740991", b"-9007199254740992"),
    *(b"18446744073709551615", b"18446744073709551616", b"-9223372036854775808"),
    *(b"-9223372036854775809", b"9" * 21, b"9" * 400, b"9" * 4300, b"9" * 4301),
    *(b"\0", b"\x1f", b"\x7f", b"\xff", b"\xc3", b"\xc3\xa9", b"\xe2\x82", b"\xe2\x82\xac"),
    *(b"\xed\xa0\x80", b"\xf0\x9f\x98\x80", b"\xf0\x9f\x98", b"\xf4\x90\x80\x80", b"\xc0\x80"),
    *("\ufeff".encode(), "\u202e".encode(), "\u00a0".encode(), "\ufffe".encode()),
    *("é".encode() * 100, "\U0001f600".encode() * 200, b"a" * 201),
    *(b'"a":1,', b'"zzz":1', b',"zzz":[1,{"b":2,"a":1.5}]', b',"zz\xff":1', b',"zzz":{"\xff":1}'),
    *(b',"zzz":1e999', b'"rates":[],', b'"microphone":null', b'"sound":1,'),
)
"""What is put into payloads: marks, numbers beside every bound, bytes that are no UTF-8."""
_VALUE: Final = re.compile(rb'"[^"]*":|-?\d+|null|true|false|"[^"]*"')

SPELL: Final = """async (cases) => {
  const { inOneSpelling } = await import("/player/evidence/jws.js");
  const types = await import("/player/evidence/statements.js");
  const { HEADER_TYPE: Header, COMMIT_TYPE: Commit, END_TYPE: RecordingEnd } = types;
  const kinds = { Header, Commit, RecordingEnd };
  return cases.map(([kind, payload]) => {
    const raw = Uint8Array.from(atob(payload), (one) => one.charCodeAt(0));
    try {
      inOneSpelling(raw, kinds[kind], "it");
      return true;
    } catch (error) {
      return error.name === "JwsError" ? false : error.stack;
    }
  });
}"""


def respelled(payload: bytes, chance: random.Random) -> bytes:
    """The payload of a statement, spelled otherwise in one place or some."""
    new = bytearray(payload)
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        what = chance.random()
        place = chance.randrange(len(new))
        values = list(_VALUE.finditer(bytes(new)))
        if what < 0.2:
            new[place] ^= 1 << chance.randrange(8)
        elif what < 0.4:
            new[place:place] = chance.choice(TOKENS)
        elif what < 0.5:
            new[place : place + chance.choice((1, 2, 5, 40))] = b"{"
        elif what < 0.55:
            new[place + 1 :] = b""
        elif values:
            found = chance.choice(values)
            value = chance.choice(TOKENS)
            quoted = b'"' + value + b'"' + (b":" if found[0].endswith(b":") else b"")
            new[found.start() : found.end()] = value if what < 0.8 else quoted
    return bytes(new)


@pytest.mark.breadth
def test_both_take_the_same_spellings_of_a_statement(page: Page) -> None:
    chance = random.Random(f"{SEED} spellings")
    kinds: dict[str, Any] = {"header.jws": Header, "end.jws": RecordingEnd}
    statements = [
        (kinds.get(name, Commit), jws.parse(data).payload)
        for it in (made_with_sound(), made("IPPPPPPPPP....PPPPPP", torn=b"x" * 512))
        for name, data in it.members
        if name.endswith(".jws")
    ]
    cases = list(statements)
    header = statements[0][1]
    for token in TOKENS:
        for field in (b'"origin_us":\\d+', b'"device":"[^"]*"', b'"wearer":null'):
            name = field.partition(b":")[0] + b":"
            for value in (token, b'"' + token + b'"'):
                new = re.sub(field, lambda _, new=name + value: new, header)
                cases.append((Header, new))
    for _ in range(breadth(600, 20_000)):
        kind, payload = chance.choice(statements)
        cases.append((kind, respelled(payload, chance)))
    told = [(kind.__name__, base64.b64encode(raw).decode()) for kind, raw in cases]
    taken_by_both = 0
    for (kind, raw), theirs in zip(cases, page.evaluate(SPELL, told), strict=True):
        try:
            jws.in_one_spelling(raw, kind, "it")
            ours = True
        except jws.JwsError:
            ours = False
        assert theirs == ours, raw
        taken_by_both += ours
    assert len(statements) < taken_by_both < len(cases)


def test_both_take_the_same_code_points_into_a_text_and_escape_the_same(page: Page) -> None:
    found = page.evaluate(
        """async () => {
          const { isPlain } = await import("/player/evidence/text.js");
          const odd = [];
          for (let code = 0; code <= 0x10ffff; code++) {
            if (isPlain(String.fromCodePoint(code))) continue;
            if (odd.at(-1)?.[1] === code - 1) odd.at(-1)[1] = code;
            else odd.push([code, code]);
          }
          return odd;
        }"""
    )
    assert {code for first, last in found for code in range(first, last + 1)} == {
        code for code in range(0x110000) if not is_plain(chr(code))
    }
    # A browser may know characters that this Python does not know yet.
    known = [chr(code) for code in range(0xD800) if unicodedata.category(chr(code)) != "Cn"]
    words = [
        "".join(known),
        "a" * 200,
        "a" * 201,
        "\U0001f600" * 200,
        "\U0001f600" * 201,
        "",
        "x\n",
    ]
    words += ["\U000e0041 \U0001f600", "it's", '"', "'\"", "a\\b\tc\r\x7f\x9f"]
    told = page.evaluate(
        """async (words) => {
          const { isPlain, printable } = await import("/player/evidence/text.js");
          return words.map((one) => [isPlain(one), printable(one)]);
        }""",
        words,
    )
    assert told == [[is_plain(one), printable(one)] for one in words]


def test_both_take_the_same_base64url(page: Page) -> None:
    chance = random.Random(f"{SEED} base64url")
    letters = "AQgwBCEIYZaz09-_+/=. \n"
    words = ["".join(chance.choices(letters[:18], k=chance.randrange(12))) for _ in range(600)]
    words += ["".join(chance.choices(letters, k=chance.randrange(12))) for _ in range(200)]
    found = page.evaluate(
        """async (words) => {
          const { decodeBase64url, encodeBase64url } = await import("/player/evidence/keys.js");
          return words.map((one) => {
            try {
              const data = decodeBase64url(new TextEncoder().encode(one));
              return [[...data], encodeBase64url(data)];
            } catch (error) {
              return [error.name, ""];
            }
          });
        }""",
        words,
    )
    for word, theirs in zip(words, found, strict=True):
        try:
            assert theirs == [list(decode_base64url(word)), word]
        except ValueError:
            assert theirs == ["Base64Error", ""], word
    assert 100 < sum(one[0] == "Base64Error" for one in found) < 700


def test_both_round_seconds_alike(page: Page) -> None:
    chance = random.Random(f"{SEED} seconds")
    times = [chance.randrange(-(10**10), 10**14) for _ in range(300)]
    times += [15_625 * chance.randrange(-(10**5), 10**8) for _ in range(300)]
    times += [0, 500, -500, 499, 501, 62_500, 187_500, -62_500, 2**53 - 1]
    found = page.evaluate(
        """async (times) => {
          const { inSeconds } = await import("/player/evidence/verdict.js");
          return times.map(inSeconds);
        }""",
        times,
    )
    assert found == [f"{us / 1_000_000:.3f}" for us in times]


# -- reading --------------------------------------------------------------------------------------

_SOURCES: Final = """
  const { judge, openProven } = await import("/player/evidence/judge.js");
  const { BlobSource, RangeSource } = await import("/player/evidence/source.js");
  const raw = Uint8Array.from(atob(key), (one) => one.charCodeAt(0));
  const attempt = async (what) => {
    try {
      return await what();
    } catch (error) {
      return error.name;
    }
  };
"""


def within(page: Page, body: str, **told: object) -> Any:
    """What an async function with the modules at hand returns. told: its arguments, by name."""
    names = ", ".join(["key", *told])
    key = base64.b64encode(KEY.public.raw).decode()
    return page.evaluate(f"async ({{ {names} }}) => {{ {_SOURCES} {body} }}", {"key": key, **told})


def test_a_recording_is_read_once_from_a_server_that_knows_ranges(page: Page, shelf: Shelf) -> None:
    data = large()
    found = within(
        page,
        """
        const source = new RangeSource(path);
        await source.open();
        const seen = { read: 0, most: 0, done: [], commits: 0 };
        const counting = {
          size: source.size,
          open: () => source.open(),
          read: (from, to) => {
            seen.read += to - from;
            seen.most = Math.max(seen.most, to - from);
            return source.read(from, to);
          },
        };
        const verdict = await judge(counting, {
          key: raw,
          onProgress: (bytes) => seen.done.push(bytes),
          onCommit: () => (seen.commits += 1),
        });
        return { ...seen, size: source.size, exit: verdict.exit, proven: verdict.proven };
        """,
        path=shelf.put(data),
    )
    assert found["size"] == len(data)
    # Once, and the archive's end again to see that nothing else is in it.
    assert found["size"] <= found["read"] <= found["size"] + 1024
    assert found["done"] == sorted(found["done"])
    assert found["done"][-1] == found["size"]
    # However large it is: in pieces of 2 MiB.
    assert found["most"] == 2 << 20 < len(data)
    assert (found["exit"], found["proven"], found["commits"]) == (0, 5, 5)


@pytest.mark.parametrize("what", ["fails", "knows no ranges", "has another file", "has nothing"])
def test_of_a_server_that_does_not_give_the_file_the_verdict_is_unreadable(
    page: Page, shelf: Shelf, what: str
) -> None:
    path = shelf.put(b"" if what == "has nothing" else made().file, "one.tar")
    within(page, "globalThis.source = await new RangeSource(path).open();", path=path)
    if what == "fails":
        shelf.fails = 1
    elif what == "knows no ranges":
        shelf.ranges = False
    elif what == "has another file":
        shelf.put(made(torn=b"x" * 512).file, "one.tar")
    found = within(page, "return judge(globalThis.source, { key: raw });")
    says = {
        "fails": "the server does not give the recording (status 503)",
        "knows no ranges": "the server does not give the recording (status 200)",
        "has another file": "the file on the server is another one by now",
        "has nothing": "the file is empty: there is no recording in it",
    }
    assert (found["exit"], found["problem"]) == (3, says[what])


def test_whoever_gives_up_gets_no_verdict_and_no_key_is_taken_that_is_none(
    page: Page, shelf: Shelf
) -> None:
    found = within(
        page,
        """
        const source = new BlobSource(await (await fetch(path)).blob());
        return [
          await attempt(() => judge(source, { key: raw, signal: AbortSignal.abort() })),
          await attempt(() => judge(source, { key: raw.subarray(1) })),
          await attempt(() => source.read(0, source.size + 1)),
        ];
        """,
        path=shelf.put(made().file),
    )
    assert found == ["AbortError", "KeyError", "SourceError"]


@pytest.mark.breadth
def test_both_find_the_same_members_and_stop_at_the_same_byte(page: Page, shelf: Shelf) -> None:
    cases = list(sampled(f"{SEED} walk", each=breadth(2, 20), of=1))
    it = made()
    ends = {"whole": it.file, "open": pack(it.members[:-1], bytes(4096)), "cut": it.file[:-1500]}
    ends["damaged"] = it.file[:7000] + b"x" * 2000
    cases += [Change(what, data) for what, data in ends.items()]
    found = page.evaluate(
        """async (paths) => {
          const { members } = await import("/player/evidence/archive.js");
          const { BlobSource } = await import("/player/evidence/source.js");
          const walked = [];
          for (const path of paths) {
            const seen = [];
            let stop = null;
            try {
              const source = new BlobSource(await (await fetch(path)).blob());
              for await (const { name, offset, size } of members(source)) {
                seen.push([name, offset, size]);
              }
            } catch (error) {
              if (error.name !== "ArchiveError") throw error;
              stop = [error.why, error.offset];
            }
            walked.push([seen, stop]);
          }
          return walked;
        }""",
        [shelf.put(one.data) for one in cases],
    )
    stops = set()
    for case, theirs in zip(cases, found, strict=True):
        walk = Walk(io.BytesIO(case.data))
        seen = [[one.member.name, one.data_offset, one.member.size] for one in walk]
        ended = walk.stop.why is StopReason.END
        stop = None if ended else [str(walk.stop.why), walk.stop.offset]
        assert theirs == [seen, stop], case.what
        stops.add(walk.stop.why)
    assert stops == set(StopReason)


# -- the quick way --------------------------------------------------------------------------------

OPEN: Final = """
  const source = new RangeSource(path);
  const opened = await openProven(source, { key: raw });
  const sizes = [];
  for (let n = 0; n < count; n++) {
    sizes.push(await attempt(async () => (await opened.fragment(n)).length));
  }
  const { commits, end, broken, header } = opened;
  await attempt(() => opened.upTo(count));
  return { sizes, id: header.id, linked: commits.length, ended: opened.end !== null,
    broken: opened.broken?.message ?? null };
"""


def test_fragments_are_handed_out_in_any_order_by_media_time_and_after_a_failure(
    page: Page, shelf: Shelf
) -> None:
    it = made_with_sound()
    path = shelf.put(it.file)
    found = within(
        page,
        """
        const opened = await openProven(new RangeSource(path), { key: raw });
        const first = opened.commits.length;
        const all = await Promise.all([last, 0, 1].map((n) => opened.fragment(n)));
        const there = await opened.at(us);
        const behind = await opened.at(Number.MAX_SAFE_INTEGER);
        return { first, all: all.map((one) => one.length), there: there.sequence, behind,
          init: (await opened.init()).length, end: opened.end.closing.reason };
        """,
        path=path,
        last=len(it.facts) - 1,
        us=it.facts[2].first_us,
    )
    sizes = [len(it.content(fragment_name(number))) for number in range(len(it.facts))]
    assert found["first"] == 1
    assert found["all"] == [sizes[-1], sizes[0], sizes[1]]
    assert (found["there"], found["behind"], found["end"]) == (2, None, "stop")
    assert found["init"] == len(it.content("init.mp4.age"))
    within(
        page,
        "globalThis.opened = await openProven(new RangeSource(path), { key: raw });",
        path=path,
    )
    shelf.fails = 1
    attempt = "return attempt(async () => (await globalThis.opened.fragment(3)).length);"
    assert within(page, attempt) == "SourceError"
    assert within(page, attempt) == sizes[3]


def test_what_is_damaged_is_not_handed_out(page: Page, shelf: Shelf) -> None:
    it = made()
    spoiled = altered(it.members, fragment_name(1), lambda data: data[:-1] + b"x")
    forged = altered(it.members, commit_name(2), lambda _: it.content(commit_name(1)))
    count = len(it.facts)
    sizes: list[Any] = [len(it.content(fragment_name(number))) for number in range(count)]
    changed = within(page, OPEN, path=shelf.put(pack(spoiled)), count=count)
    assert changed == {
        "sizes": [sizes[0], "NotProvenError", *sizes[2:]],
        "id": it.header.id,
        "linked": count,
        "ended": True,
        "broken": None,
    }
    broken = within(page, OPEN, path=shelf.put(pack(forged)), count=count)
    assert broken["sizes"] == [*sizes[:2], *["NotProvenError"] * (count - 2)]
    assert broken["broken"] == "000002.jws does not commit what lies before it"


def test_what_is_proven_behind_damage_is_read_after_the_whole_judgement(
    page: Page, shelf: Shelf
) -> None:
    it = made()
    forged = altered(it.members, fragment_name(2), lambda data: data + b"x")
    path = shelf.put(pack(forged), "damaged.tar")
    read = """
        const places = verdict.commits.filter((one) => one.proven).map((one) => one.fragment);
        const read = (place) => readChecked(source, place, "a fragment");
        return Promise.all(places.map((one) => attempt(async () => (await read(one)).length)));
    """
    found = within(
        page,
        """
        const { readChecked } = await import("/player/evidence/judge.js");
        const source = new BlobSource(await (await fetch(path)).blob());
        const verdict = await judge(source, { key: raw });
        """
        + read,
        path=path,
    )
    sizes = [len(it.content(fragment_name(number))) for number in range(len(it.facts))]
    assert found == [*sizes[:2], *sizes[3:]]
    # What is there by then is another thing.
    changed = within(
        page,
        """
        const { readChecked } = await import("/player/evidence/judge.js");
        const bytes = await (await fetch(path)).arrayBuffer();
        const verdict = await judge(new BlobSource(new Blob([bytes])), { key: raw });
        const { offset } = verdict.commits[0].fragment;
        new Uint8Array(bytes)[offset] ^= 1;
        const source = new BlobSource(new Blob([bytes]));
        """
        + read,
        path=path,
    )
    assert changed == ["NotProvenError", *found[1:]]


def test_what_another_recordings_end_says_is_not_said_of_this_one(
    page: Page, shelf: Shelf, tmp_path: Path
) -> None:
    data = pack(spliced())
    assert set(both_agree(page, shelf, [edge("another's end", data)], tmp_path)) == {2}
    shown = within(
        page,
        """
        const { ProvenRecording } = await import("/player/recording.js");
        const source = new BlobSource(await (await fetch(path)).blob());
        const recording = await ProvenRecording.open(source, { key: raw });
        const { state, endLinked } = await recording.check();
        const { length, marks, gaps, stages } = recording.timeline;
        return { state, endLinked, closing: recording.closing, length, marks, gaps, stages };
        """,
        path=shelf.put(data),
    )
    nothing: dict[str, Any] = {"marks": [], "gaps": [], "stages": [], "closing": None}
    length_us = made().facts[1].end_us - made().header.origin_us
    assert shown == {"state": "unclosed", "endLinked": False, "length": length_us, **nothing}


def test_many_commits_are_linked_in_their_order_and_none_behind_a_forged_one(
    page: Page, shelf: Shelf
) -> None:
    count, forged = 200, 150
    data = many_commits(count)
    body = """
        const opened = await openProven(new RangeSource(path), { key: raw });
        const there = await opened.upTo(last);
        return { there: there?.sequence ?? null, linked: opened.commits.map((one) => one.sequence),
          broken: opened.broken?.message ?? null };
    """
    whole = within(page, body, path=shelf.put(data), last=count - 1)
    assert whole == {"there": count - 1, "linked": list(range(count)), "broken": None}
    start = data.index(commit_name(forged).encode()) + 512
    # The first character of its signature becomes another one.
    at = data.index(b".", data.index(b".", start) + 1) + 1
    broken = data[:at] + (b"A" if data[at : at + 1] != b"A" else b"B") + data[at + 1 :]
    found = within(page, body, path=shelf.put(broken), last=count - 1)
    assert found["there"] is None
    assert found["linked"] == list(range(forged))
    assert found["broken"].startswith(f"{commit_name(forged)} is not authentic: ")


def test_a_recording_that_another_key_signed_is_not_opened(page: Page, shelf: Shelf) -> None:
    found = within(
        page,
        """
        const { crypto } = globalThis;
        const pair = await crypto.subtle.generateKey("Ed25519", true, ["sign", "verify"]);
        const other = new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey));
        return attempt(() => openProven(new RangeSource(path), { key: other }));
        """,
        path=shelf.put(made().file),
    )
    assert found == "NotProvenError"


def test_every_module_begins_with_what_it_promises_and_is_short() -> None:
    modules = sorted((PLAYER / "evidence").glob("*.js"))
    assert modules
    for module in modules:
        text = module.read_text(encoding="utf-8")
        assert text.startswith("// "), module.name
        assert text.count("\n") < LONGEST_MODULE, module.name
