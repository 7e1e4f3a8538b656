"""`camerad office player-hash`: a desk's page is compared with this version's, from outside."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from camerad.cli import office_desk
from camerad.cli.main import main
from camerad.office.desk.page_content import POLICY, page_content

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
    monkeypatch.setattr(office_desk, "page_content", lambda: changed)
    code, said = check(scene, capsys)
    assert code == 1
    assert [line.partition(": ")[0] for line in said[:-1]] == [
        *("/page/app.js", "/page/api.js", "/page/gone.js"),
    ]
    assert "a longer one instead of" in said[0]
    assert said[2] == "/page/gone.js: the server answers 404"
    assert said[3].startswith("3 differ.")
    monkeypatch.setattr(office_desk, "POLICY", POLICY + "; sandbox")
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
