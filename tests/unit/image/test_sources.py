"""Packages come from where the build machine's apt gets them, and from nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from camerad_image import flavours, python, sources
from camerad_image.errors import ImageError

DEB822 = """\
# The main one.
Types: deb
URIs: http://mirror.example/debian
Suites: trixie trixie-updates bookworm
Components: main
Signed-By: /usr/share/keyrings/office.pgp

Types: deb
URIs: file:/usr/share/of-this-machine
Suites: trixie
Trusted: yes

Types: deb-src
URIs: http://mirror.example/debian
Suites: trixie

Types: deb
Enabled: no
URIs: http://elsewhere.example/debian
Suites: trixie
"""


def test_only_signed_archives_of_the_suite_are_taken() -> None:
    chosen = sources.of_suite(sources.deb822(DEB822), "trixie")
    assert chosen == [
        sources.Source(
            uris=("http://mirror.example/debian",),
            suites=("trixie", "trixie-updates"),
            signed_by="/usr/share/keyrings/office.pgp",
        )
    ]
    assert chosen[0].stanza(("main", "non-free-firmware")) == (
        "Types: deb\nURIs: http://mirror.example/debian\nSuites: trixie trixie-updates\n"
        "Components: main non-free-firmware\nSigned-By: /usr/share/keyrings/office.pgp\n"
    )


def test_newer_packages_come_from_the_same_archives() -> None:
    found = sources.of_suite(sources.deb822(DEB822), "trixie", "trixie-backports")
    assert [one.suites for one in found] == [("trixie", "trixie-updates", "trixie-backports")]
    security = sources.deb822(DEB822.replace("trixie trixie-updates bookworm", "trixie-security"))
    assert [one.suites for one in sources.of_suite(security, "trixie", "trixie-backports")] == [
        ("trixie-security",)
    ]


def test_a_key_that_stands_in_the_file_itself_goes_along() -> None:
    text = "Types: deb\nURIs: http://m.example\nSuites: trixie\nSigned-By:\n -----BEGIN\n .\n"
    (source,) = sources.deb822(text)
    assert source.stanza(("main",)).endswith("Signed-By: \n -----BEGIN\n .\n")


def test_a_file_that_is_named_is_taken_as_it_stands(tmp_path: Path) -> None:
    file = tmp_path / "raspios.sources"
    for text in (DEB822, "deb http://m.example/debian trixie main\n"):
        file.write_text(text)
        assert sources.read("trixie", ("main",), file) == text
    with pytest.raises(ImageError, match="cannot be read"):
        sources.read("trixie", ("main",), tmp_path / "none")


def test_a_machine_without_the_suite_is_told_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "APT", tmp_path)
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list").write_text("deb http://m.example/debian bookworm main\n")
    with pytest.raises(ImageError, match="SOURCES=FILE"):
        sources.read("trixie", ("main",), None)
    (tmp_path / "sources.list.d" / "a.sources").write_text(DEB822)
    assert sources.read("trixie", ("main",), None).count("URIs:") == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("# A page\n\nSources: those of this machine.\n\n    deb822\n", "no archive of packages: "),
        ("", "no archive of packages: a file of apt's sources is wanted"),
        (
            "deb http://m.example/debian bookworm main\n",
            "no archive with trixie, .* suites: bookworm$",
        ),
        ("Types: deb\nURIs: http://m.example\n", "no archive with trixie, .* suites: none$"),
    ],
)
def test_a_file_that_is_none_of_sources_is_told_in_one_line(
    text: str, said: str, tmp_path: Path
) -> None:
    file = tmp_path / "README.md"
    file.write_text(text)
    with pytest.raises(ImageError, match=rf"^SOURCES={file} names {said}") as raised:
        sources.read("trixie", ("main",), file)
    assert "\n" not in str(raised.value)


def test_the_flavours_differ_in_sources_kernel_and_pins_only() -> None:
    debian, backports, raspios = flavours.FLAVOURS.values()
    assert backports.packages == debian.packages
    assert set(debian.packages) ^ set(raspios.packages) == {
        *(debian.kernel, raspios.kernel, raspios.pins)
    }
    assert len(set(debian.packages)) == len(debian.packages)


def test_every_image_has_one_library_for_pins_and_it_is_the_one_that_gpiozero_knows() -> None:
    """From the archive, or as a wheel that is locked for every image."""
    locked = python.requirements(python.LOCK.read_text())
    files = [Path(f"{name.replace('-', '_')}-{version}-x.whl") for name, version in locked.items()]
    (wheel,) = (path for path in files if path.name.startswith(flavours.WHEEL_FOR_PINS))
    for flavour in flavours.FLAVOURS.values():
        from_archive = "python3-lgpio" in flavour.packages
        assert (wheel in flavour.wheels(files)) is not from_archive
        assert set(files) - set(flavour.wheels(files)) <= {wheel}


def test_what_technicians_install_by_hand_is_in_the_raspios_image() -> None:
    """docs/development.md names the packages of a camera that is set up by hand."""
    page = (Path(__file__).parents[3] / "docs/development.md").read_text()
    line = next(line for line in page.splitlines() if "apt install python3-libcamera" in line)
    building = {"gcc", "libcap-dev", "python3-dev", "python3-venv"}
    wanted = set(line.split("apt install ")[1].split()) - building
    assert wanted <= set(flavours.flavour("raspios").packages)


def test_no_radio_swap_or_second_way_in_is_installed() -> None:
    refused = ("ssh", "telnet", "wpa", "iwd", "bluez", "network-manager", "swap", "coredump")
    for flavour in flavours.FLAVOURS.values():
        found = [p for p in flavour.packages if any(word in p for word in refused)]
        # Which answers only where the office's file has a key: test_dock.py.
        assert found == ["openssh-server"]
