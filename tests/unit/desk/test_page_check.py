"""`camerad office player-hash`: a desk's page is compared with this version's, from outside."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from camerad.cli.main import main
from camerad.desk import page_check
from camerad.desk.page_content import POLICY, page_content

from .desk_scene import DeskScene, free_origin


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeskScene]:
    with DeskScene(tmp_path_factory.mktemp("check"), origin=free_origin()) as made:
        yield made


def check(scene: DeskScene, capsys: pytest.CaptureFixture[str]) -> tuple[int, list[str]]:
    command = ["office", "player-hash", "--check", scene.origin, "--authority"]
    code = main([*command, scene.office.authority.certificate])
    return code, capsys.readouterr().out.splitlines()


def test_a_desk_of_this_version_sends_what_this_version_has(
    scene: DeskScene, capsys: pytest.CaptureFixture[str]
) -> None:
    code, (said,) = check(scene, capsys)
    assert code == 0
    assert said.startswith(f"{len(page_content())} files and the policy are those of this version.")


def test_each_difference_is_named(
    scene: DeskScene, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = page_content()
    changed = {
        "/page/index.html": ours["/page/index.html"],
        "/page/app.js": ours["/page/app.js"][:-1],
        "/page/api.js": ours["/page/api.js"] + b"//",
        "/page/gone.js": b"",
        "/page/dom.js": ours["/page/dom.js"],
    }
    monkeypatch.setattr(page_check, "page_content", lambda: changed)
    code, said = check(scene, capsys)
    assert code == 1
    assert [line.partition(": ")[0] for line in said[:-1]] == [
        *("/page/app.js", "/page/api.js", "/page/gone.js"),
    ]
    assert "a longer one instead of" in said[0]
    assert said[2] == "/page/gone.js: the server answers 404"
    assert said[3].startswith("3 differ.")
    monkeypatch.setattr(page_check, "POLICY", POLICY + "; sandbox")
    code, said = check(scene, capsys)
    assert code == 1
    assert said[0].startswith("/: Content-Security-Policy is another one: it is default-src 'none'")


@pytest.mark.parametrize("url", ["desk.example", "ftp://desk.example", "https://localhost:1"])
def test_a_page_that_cannot_be_had_is_no_page_that_is_the_same(
    url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["office", "player-hash", "--check", url]) == 69
    assert url in capsys.readouterr().err


def test_an_authority_that_the_system_does_not_know_is_asked_for(
    scene: DeskScene, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["office", "player-hash", "--check", scene.origin]) == 69
    assert "--authority" in capsys.readouterr().err


def entry(path: str, got: bytes, **changed: Any) -> dict[str, Any]:
    """A request as a HAR file has it."""
    text = {"text": base64.b64encode(got).decode(), "encoding": "base64"}
    answer = {
        "status": 200,
        "headers": [{"name": "content-security-policy", "value": POLICY}],
        "content": {"mimeType": "text/javascript; charset=utf-8"} | text,
    }
    return {"request": {"url": f"https://desk.example{path}"}, "response": answer | changed}


def saved(tmp_path: Path, *entries: Any) -> str:
    path = tmp_path / "saved.har"
    path.write_text(json.dumps({"log": {"entries": entries}}))
    return str(path)


def test_what_a_browser_got_is_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    start, app = (page_content()[f"/page/{name}"] for name in ("index.html", "app.js"))
    plain = {"text": app.decode(), "mimeType": "text/javascript"}
    data = {"text": "[]", "mimeType": "application/json"}
    same = [
        entry("/", start),
        entry("/page/app.js", app),
        entry("/page/app.js", b"", content=plain),
    ]
    same.append(entry("/api/me", b"", content=data))
    same.append(entry("/page/app.js", b"", status=-1, headers=[], content={"size": -1}))
    # A browser need not keep the icon that it got.
    same.append(entry("/page/icon.svg", b"", content={"mimeType": "image/svg+xml", "size": -1}))
    path = saved(tmp_path, *same)
    assert main(["office", "player-hash", "--saved", path]) == 0
    assert capsys.readouterr().out.startswith(f"3 of {len(page_content())} files were got, and are")
    path = saved(
        tmp_path,
        *same,
        entry("/page/dom.js", app),
        entry("/page/more.js", b""),
        entry("/page/csv.js", b""),
        entry("/page/api.js", page_content()["/page/api.js"], headers=[]),
    )
    assert main(["office", "player-hash", "--saved", path]) == 1
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("/page/dom.js: is another file: ")
    assert said[1:4] == [
        "/page/more.js: is no file of this version, and code",
        "/page/csv.js: its content was not saved",
        "/page/api.js: Content-Security-Policy is another one: it has none",
    ]


def test_a_file_with_nothing_of_the_page_says_nothing_of_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["office", "player-hash", "--saved", saved(tmp_path)]) == 1
    assert "no file of the desk's page" in capsys.readouterr().out
    (tmp_path / "no.har").write_text("[]")
    assert main(["office", "player-hash", "--saved", str(tmp_path / "no.har")]) == 64
    assert "no HAR file" in capsys.readouterr().err
