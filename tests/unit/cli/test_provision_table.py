"""A table of cameras as spreadsheets and people write it: it is read, or told where it is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from camerad.base.errors import EX_CONFIG, ConfigError
from camerad.config.provisioning import NAME
from camerad.evidence import batch
from tests.unit.cli.conftest import Desk
from tests.unit.cli.provision_steps import made


@pytest.mark.parametrize(
    "before", ["", "\r\n", "{0}{0}\r\n\r\n", "sep={0}\r\n", '\r\n"SEP={0}"\r\n']
)
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_what_stands_before_a_table_changes_nothing_but_the_line(
    delimiter: str, before: str, tmp_path: Path
) -> None:
    """Empty lines, and what Excel wants to be told about what stands between cells."""
    file = tmp_path / "cameras.csv"
    text = before.format(delimiter) + "device.id{0}time.servers\r\nx{0}a,b;c\td\r\n"
    file.write_bytes(
        b"\xef\xbb\xbf" + text.replace("a,b;c\td", '"a,b;c\td"').format(delimiter).encode()
    )
    ((line, row),) = batch.read_table(str(file))
    assert row == {"device.id": "x", "time.servers": "a,b;c\td"}
    assert line == before.count("\n") + 2


def test_a_line_that_says_what_is_between_cells_counts_more_than_how_often_others_stand(
    tmp_path: Path,
) -> None:
    file = tmp_path / "cameras.csv"
    file.write_text('sep=;\n"device.id";"a,b,c"\nx;1\n')
    assert batch.read_table(str(file)) == [(3, {"device.id": "x", "a,b,c": "1"})]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("\n;;\nsep=;\nname;x\na;b\n", ":4: a column device.id is needed"),
        ("\nsep=|\r\ndevice.id|x\n", ":2: sep=|: commas, semicolons and tabs are read; save"),
        ("\n\n", ":1: a column device.id is needed"),
        ("sep=,\n", ":1: a column device.id is needed"),
        ("\ndevice.id,x,x\na,1,2\n", ":2: two columns are called x"),
    ],
)
def test_the_line_of_a_mistake_is_that_of_the_file(content: str, told: str, tmp_path: Path) -> None:
    file = tmp_path / "cameras.csv"
    file.write_text(content)
    with pytest.raises(ConfigError) as raised:
        batch.read_table(str(file))
    assert str(raised.value).startswith(f"{file}{told}")


def test_a_name_that_no_directory_can_have_on_windows_is_told(desk: Desk, tmp_path: Path) -> None:
    template, cameras = made(desk, tmp_path / "template") / NAME, tmp_path / "cameras.csv"
    names = ("camera-1.", "CON", "nul.1", "Lpt0", "console", "com1x", "x.con", "camera.1")
    cameras.write_text("".join(f"{name}\n" for name in ("device.id", *names)))
    said = desk("provision", "batch", template, cameras, "--output", tmp_path / "out")
    assert said.code == EX_CONFIG
    for line, (number, name) in zip(said.err.splitlines(), enumerate(names[:4], 2), strict=True):
        assert f"{cameras}:{number} ({name}): device.id: Windows can make no directory" in line
    assert not (tmp_path / "out").exists()
