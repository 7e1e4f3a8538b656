"""player.html is whole and the same each time, and what others wrote of it is what npm has."""

from __future__ import annotations

import base64
import hashlib
import io
import itertools
import json
import re
import shutil
import struct
from pathlib import Path

import pytest
from generators import vendored_modules
from sealed_helpers import made

from camerad.cli.main import main
from camerad.evidence import player_modules
from camerad.evidence.player_modules import statement_extents
from camerad.evidence.player_page import player_hash, player_page

_IMPORTED = re.compile(r"""^(?:import|export)\b[^;"'=(]*["']([^"']+)["'];""", re.MULTILINE)
PAGE = player_page().decode()
MAP = json.loads(PAGE.split('<script type="importmap">')[1].split("</script>")[0])


def source_of(address: str) -> str:
    return base64.b64decode(address.split(",", 1)[1]).decode()


def test_every_import_in_the_page_is_in_the_page() -> None:
    missing = {
        (name, wanted)
        for name, address in MAP["imports"].items()
        for wanted in _IMPORTED.findall(source_of(address))
        if wanted not in MAP["imports"]
    }
    assert missing == set()
    # More than a regular expression that finds nothing would say.
    assert len(MAP["imports"]) > 70


def test_the_policy_names_whatever_runs_and_forbids_every_request() -> None:
    policy = PAGE.split('Content-Security-Policy" content="')[1].split('"')[0]
    directives = dict(one.split(" ", 1) for one in policy.split("; "))
    assert directives["default-src"] == "'none'"
    assert "connect-src" not in directives
    assert directives["require-trusted-types-for"] == "'script'"
    assert directives["trusted-types"] == "'none'"
    named = set(directives["script-src"].split())
    assert all(one.startswith("'sha256-") for one in named)
    inline = re.findall(r"<script type=\"\w+\">(.*?)</script>", PAGE, re.DOTALL)
    assert len(inline) == 2
    run = {player_modules.csp_hash(one) for one in inline}
    run |= {player_modules.csp_hash(source_of(one)) for one in MAP["imports"].values()}
    assert run == named
    for address, said in MAP["integrity"].items():
        assert player_modules.csp_hash(source_of(address)) == f"'{said}'"


def test_nothing_in_the_page_points_elsewhere() -> None:
    own = [source_of(one) for name, one in MAP["imports"].items() if name.startswith("camerad/")]
    found = {url for source in own for url in re.findall(r"https?://[^\s\"'`)>]+", source)}
    assert found == {"http://www.w3.org/2000/svg"}
    for sink in (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "localStorage",
    ):
        assert not [source for source in own if sink in source], sink


def test_its_fingerprint_is_published(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["office", "player-hash"]) == 0
    assert capsys.readouterr().out == f"{player_hash()}  player.html\n"
    assert main(["office", "player-hash", "--modules"]) == 0
    _, *lines = capsys.readouterr().out.splitlines()
    said = dict(reversed(line.split("  ")) for line in lines)
    there = {f"page/player/{name}": one for name, one in player_modules.module_files().items()}
    there["page/app.js"] = (
        player_modules.FOLDER.parents[1] / "office/desk/pages/app.js"
    ).read_bytes()
    assert {hashlib.sha256(one).hexdigest() for one in there.values()} <= set(said.values())
    assert {name: hashlib.sha256(one).hexdigest() for name, one in there.items()}.items() <= (
        said.items()
    )
    # Of the start, as it is sent: with its import map.
    assert "page/index.html" in said


def test_the_modules_of_others_are_those_that_are_pinned(tmp_path: Path) -> None:
    assert vendored_modules.main(["--check"]) == 0
    copy = tmp_path / "vendor"
    shutil.copytree(vendored_modules.FOLDER, copy)
    changed = copy / "@noble/ciphers/chacha.js"
    changed.write_bytes(changed.read_bytes() + b"\n")
    (copy / "@noble/hashes/hmac.js").unlink()
    (copy / "another.js").write_text("")
    assert sorted(vendored_modules.differences(copy)) == [
        "@noble/ciphers/chacha.js: was changed",
        "@noble/hashes/hmac.js: is not there",
        "another.js: is not in the manifest",
    ]
    manifest = copy / "manifest.json"
    said = json.loads(manifest.read_text())
    said["packages"][0]["version"] = "9.9.9"
    manifest.write_text(json.dumps(said))
    assert vendored_modules.main(["--check"], copy) == 78
    assert vendored_modules.differences(copy)[0].startswith("manifest.json: not the pinned")


def test_every_vendored_file_is_reached_by_name() -> None:
    files = set(player_modules.module_files())
    assert set(player_modules.vendored_names().values()) <= files
    own = [name for name in files if not name.startswith("vendor/") and name.endswith(".js")]
    vendored = {name for name in files if name.startswith("vendor/")}
    assert vendored == set(player_modules.vendored_names().values())
    assert "player.js" in own
    said = json.loads(player_modules.import_map("/x/"))["imports"]
    assert said["age-encryption"] == "/x/vendor/age-encryption/dist/index.js"


def test_extents_are_all_that_is_not_sealed() -> None:
    file = made("IPPPPPPPPPPPPPPPPPPPPPPPPPPPPP" * 2).file
    found = []
    data = b"".join(statement_extents(io.BytesIO(file)))
    while data:
        begin, length = struct.unpack_from(">QI", data)
        assert data[12 : 12 + length] == file[begin : begin + length]
        found.append((begin, begin + length))
        data = data[12 + length :]
    # What lies between them are the sealed members, whole.
    edges = [edge for extent in found for edge in extent]
    assert edges == sorted(edges) and edges[0] == 0 and edges[-1] == len(file)
    sealed = [file[end:begin] for (_, end), (begin, _) in itertools.pairwise(found)]
    assert len(sealed) == 5
    assert all(one.startswith(b"age-encryption.org/v1\n") for one in sealed)


def test_extents_end_where_a_file_is_no_recording() -> None:
    assert list(statement_extents(io.BytesIO(b""))) == []
    (said,) = statement_extents(io.BytesIO(b"x" * 2000))
    assert said[12:] == b"x" * 1024
