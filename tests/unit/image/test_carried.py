"""Statements of the bill of materials about the inside of a wheel."""

from __future__ import annotations

import ast
import base64
import hashlib
import json
import re
import struct
import zipfile
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from camerad_image import carried, elf, materials, python, sbom, vex
from camerad_image.errors import ImageError


def library(soname: str, said: bytes = b"") -> bytes:
    """A shared library with nothing in it but its SONAME, loaded at an address that is no offset,
    and some text."""
    strings = b"\0" + soname.encode() + b"\0"
    begin, base = 64 + 2 * 56, 0x10000
    entries = [(14, 1)] * bool(soname) + [(5, base + begin + 48), (0, 0)]
    dynamic = b"".join(struct.pack("<qQ", *entry) for entry in entries).ljust(48, b"\0")
    size = begin + 48 + len(strings) + len(said)
    header = struct.pack(
        "<16sHHIQQQIHHHHHH", b"\x7fELF\x02\x01\x01", 3, 183, 1, 0, 64, 0, 0, 64, 56, 2, 0, 0, 0
    )
    load = struct.pack("<IIQQQQQQ", 1, 5, 0, base, base, size, size, 4096)
    table = struct.pack("<IIQQQQQQ", 2, 6, begin, base + begin, base + begin, 48, 48, 8)
    return header + load + table + dynamic + strings + said


def wheel(folder: Path, files: dict[str, bytes], metadata: str = "") -> Path:
    """The wheel of a package ``tiny``, with these files."""
    info = "tiny_x-1.dist-info"
    about = f"Metadata-Version: 2.4\nName: tiny_x\nVersion: 1\n{metadata}\n"
    tag = "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: false\nTag: py3-none-any\n"
    files = {
        "tiny_x/__init__.py": b"",
        f"{info}/METADATA": about.encode(),
        f"{info}/WHEEL": tag.encode(),
        **files,
    }
    lines = []
    for name, content in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        lines.append(f"{name},sha256={digest},{len(content)}\n")
    files[f"{info}/RECORD"] = "".join([*lines, f"{info}/RECORD,,\n"]).encode()
    path = folder / "tiny_x-1-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def bill(**fields: Any) -> bytes:
    return json.dumps({"bomFormat": "CycloneDX", "specVersion": "1.4", **fields}).encode()


def described(tmp_path: Path, files: dict[str, bytes], metadata: str = "") -> sbom.Component:
    """What is said of a root in which only this wheel is installed."""
    root = tmp_path / "root"
    came = [wheel(tmp_path, files, metadata)]
    python.install_all(came, root)
    (found,) = materials.wheels(root, came, "device", materials.IMAGE)
    return found


def hashes(content: bytes) -> list[dict[str, str]]:
    """As CycloneDX has them."""
    return [
        {"alg": "SHA-256", "content": hashlib.sha256(content).hexdigest()},
        {"alg": "SHA-512", "content": hashlib.sha512(content).hexdigest()},
    ]


def in_a_file(name: str, archive: str, structured: str) -> list[dict[str, str]]:
    """What TR-03183-2 wants to know of one."""
    facts = {
        "archive": archive,
        "executable": "executable",
        "filename": name,
        "structured": structured,
    }
    return [{"name": f"bsi:component:{key}", "value": value} for key, value in facts.items()]


def test_a_library_inside_of_a_wheel_is_in_the_bill_with_its_hash_and_release(
    tmp_path: Path,
) -> None:
    crypto = library("libcrypto-0123abcd.so.1.1.1k", b"\0OpenSSL 1.1.1k  FIPS 25 Mar 2021\0")
    found = described(
        tmp_path,
        {
            "tiny_x.libs/libcrypto-0123abcd.so.1.1.1k": crypto,
            "tiny_x.libs/libother-0123abcd.so.2": library(""),
            "tiny_x/libplain.so": library("libplain.so.3"),
            # Modules of its own are no libraries of others.
            "tiny_x/_core.cpython-313-aarch64-linux-gnu.so": library(""),
            "tiny_x/_more.abi3.so": library(""),
            "tiny_x/_third.so": library("", b"\0PyInit__third\0"),
        },
        "Author-email: Maker <maker@example.org>\n",
    ).document()
    name = "tiny_x-1-py3-none-any.whl"
    content = (tmp_path / name).read_bytes()
    assert found["hashes"] == hashes(content)
    assert found["externalReferences"] == [
        {"type": "distribution", "url": name, "hashes": hashes(content)[1:]}
    ]
    assert found["properties"] == in_a_file(name, "archive", "structured")
    maker = {"name": "Maker", "contact": [{"email": "maker@example.org"}]}
    assert found["manufacturer"] == maker
    assert [one["name"] for one in found["components"]] == ["openssl", "libother", "libplain"]
    file = "libcrypto-0123abcd.so.1.1.1k"
    ref = f"pkg:pypi/tiny-x@1#tiny_x.libs/{file}"
    assert found["components"][0] == {
        "type": "library",
        "bom-ref": ref,
        "name": "openssl",
        "version": "1.1.1k",
        "purl": "pkg:generic/openssl@1.1.1k",
        "manufacturer": maker,
        "hashes": hashes(crypto),
        "externalReferences": [{"type": "distribution", "url": file, "hashes": hashes(crypto)[1:]}],
        "properties": [
            {"name": "camerad:file", "value": f"tiny_x.libs/{file}"},
            {"name": "camerad:soname", "value": file},
            *in_a_file(file, "no archive", "unstructured"),
        ],
    }
    # Whose the second one is, and which release, cannot be told; it is there nevertheless.
    assert not {"version", "purl"} & set(found["components"][1])
    facts = {one["name"]: one["value"] for one in found["components"][1]["properties"]}
    assert {key: fact for key, fact in facts.items() if key.startswith("camerad:")} == {
        "camerad:file": "tiny_x.libs/libother-0123abcd.so.2",
        "camerad:soname": "none",
        "camerad:project": "unknown",
        "camerad:version": "unknown",
    }


def test_what_a_wheel_says_that_it_was_made_of_is_marked_as_its_claim(tmp_path: Path) -> None:
    inner = {"name": "deep", "version": "3", "licenses": [{"license": {"name": "as it is"}}]}
    claimed = bill(
        components=[
            {"name": "Tiny.X", "version": "1"},
            {
                "name": "openssl",
                "version": "4.0.3",
                "purl": "pkg:generic/openssl@4.0.3",
                "hashes": [{"alg": "MD5", "content": "0"}, {"alg": "SHA-256", "content": "b" * 64}],
                "licenses": [{"license": {"id": "Apache-2.0"}}],
                "scope": "excluded",
                "components": [inner],
            },
            {"name": "openssl", "version": "4.0.3", "purl": "pkg:generic/openssl@4.0.3"},
            {"name": "odd", "purl": "no address", "scope": "strange"},
        ]
    )
    path = "tiny_x-1.dist-info/sboms/made.cdx.json"
    found = described(tmp_path, {path: claimed, "tiny_x-1.dist-info/sboms/none.json": bill()})
    by = {"name": "camerad:claimed-by", "value": path}
    unknown = {"name": "camerad:version", "value": "unknown"}
    assert found.document()["components"] == [
        {
            "type": "library",
            "bom-ref": f"pkg:pypi/tiny-x@1#{path}:2",
            "name": "openssl",
            "version": "4.0.3",
            "purl": "pkg:generic/openssl@4.0.3",
            "scope": "excluded",
            "hashes": [{"alg": "SHA-256", "content": "b" * 64}],
            "licenses": [{"expression": "Apache-2.0", "acknowledgement": "declared"}],
            "properties": [by],
        },
        {
            "type": "library",
            "bom-ref": f"pkg:pypi/tiny-x@1#{path}:3",
            "name": "deep",
            "version": "3",
            "licenses": [{"license": {"name": "as it is", "acknowledgement": "declared"}}],
            "properties": [by],
        },
        {
            "type": "library",
            "bom-ref": f"pkg:pypi/tiny-x@1#{path}:5",
            "name": "odd",
            "properties": [by, unknown],
        },
    ]
    assert sbom.lines([found]) == (
        "pypi tiny-x 1\n"
        f"    openssl 4.0.3 (as {path} says)\n"
        f"    deep 3 (as {path} says)\n"
        f"    odd unknown (as {path} says)\n"
    )


@pytest.mark.parametrize(
    "text",
    [
        b"{",
        b"[]",
        b'{"spdxVersion": "SPDX-2.3"}',
        b'{"bomFormat": "SPDX"}',
        bill(components=[{"version": "1"}]),
        bill(components=[{"name": 1}]),
        bill(components=["openssl"]),
        bill(components=[{"name": "a", "licenses": [{}]}]),
    ],
)
def test_a_claim_that_cannot_be_read_ends_the_build(tmp_path: Path, text: bytes) -> None:
    with pytest.raises(ImageError, match=r"sboms/x\.json is no bill"):
        described(tmp_path, {"tiny_x-1.dist-info/sboms/x.json": text})


@pytest.mark.parametrize("content", [b"GROUP ( libm.so.6 )", library("libm.so.6")[:100]])
def test_what_is_among_libraries_and_is_none_ends_the_build(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(ImageError, match=r"tiny_x\.libs/libm\.so"):
        described(tmp_path, {"tiny_x.libs/libm.so": content})


@pytest.mark.parametrize(
    ("name", "said", "project", "version"),
    [
        ("libavcodec-1234abcd.so.62.28.102", b"FFmpeg version n8.1.2\0", "ffmpeg", "8.1.2"),
        ("libopenblasp-r0-1234abcd.3.15.so", b"OpenBLAS 0.3.15 NO", "openblas", "0.3.15"),
        # Two texts of a release: one of them is of something that is linked in.
        ("libzstd-1234abcd.so.1.5.7", b"\0001.5.7\0\0001.2.11\0", "zstd", ""),
        # The number is that of the interface: no release 6.3.0 of it is meant.
        ("libtiff-1234abcd.so.6.3.0", b"", "libtiff", ""),
        ("libgfortran-1234abcd-1234abcd.so.5.0.0", b"5.0.0", "gcc", ""),
        ("libnobody-1234abcd.so.1", b"OpenSSL 1.1.1k ", "", ""),
        ("README", b"", "", ""),
    ],
)
def test_a_release_is_what_the_library_says_and_not_its_number(
    name: str, said: bytes, project: str, version: str
) -> None:
    assert carried.identify(name, said) == (project, version)


def test_a_soname_outside_of_what_is_loaded_is_refused() -> None:
    # The table of strings at an address in no segment.
    content = library("liba.so.1").replace(
        struct.pack("<qQ", 5, 0x10000 + 176 + 48), struct.pack("<qQ", 5, 1)
    )
    with pytest.raises(ValueError, match="nothing of the file is loaded at 0x1"):
        elf.soname(content)


@pytest.mark.parametrize(
    ("metadata", "licences"),
    [
        (
            "License-Expression: MIT OR Apache-2.0\nLicense: x",
            [{"expression": "MIT OR Apache-2.0"}],
        ),
        ("License: MPL-2.0 AND MIT", [{"expression": "MPL-2.0 AND MIT"}]),
        # Not an identifier of SPDX, though it is clear to people what is meant.
        ("License: Apache 2.0", [{"license": {"name": "Apache 2.0"}}]),
        ("License: UNKNOWN", None),
        ("License: The text\n  of it", None),
        ("", None),
    ],
)
def test_a_licence_is_an_expression_only_if_the_package_says_one(
    tmp_path: Path, metadata: str, licences: list[dict[str, Any]] | None
) -> None:
    found = described(tmp_path, {}, metadata).document().get("licenses")
    for one in found or ():
        assert one.get("license", one).pop("acknowledgement") == "declared"
    assert found == licences


def test_a_debian_package_has_the_hash_of_its_file_and_the_names_of_its_licences(
    tmp_path: Path,
) -> None:
    docs = tmp_path / "root/usr/share/doc"
    for name in ("one", "old"):
        (docs / name).mkdir(parents=True)
    form = "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n"
    stanzas = ("Files: *\nLicense: GPL-2+ ", "Files: a\nLicense: Expat", "License: GPL-2+\n text\n")
    text = "\n\n".join((form, *stanzas))
    (docs / "one/copyright").write_text(text)
    (docs / "old/copyright").write_text("License: somewhere in prose\n")
    (docs / "linked").symlink_to("one")
    # A file of the machine that builds, which a link out of the root would reach.
    (tmp_path / "copyright").write_text(text)
    (docs / "outside").symlink_to(tmp_path)
    (tmp_path / "one_1%3a2_all.deb").write_bytes(b"deb")
    qualifiers = (("arch", "all"), ("distro", "d"))
    names = ("linked", "old", "one", "outside")
    packages = [sbom.Component("deb", name, "1:2", "debian", qualifiers) for name in names]
    found = {c.name: c for c in materials.debs(packages, [tmp_path / "root"], tmp_path)}
    assert {name: c.licence_names for name, c in found.items()} == {
        "one": ("Expat", "GPL-2+"),
        "linked": ("Expat", "GPL-2+"),
        "old": (),
        "outside": (),
    }
    file = "one_1%3a2_all.deb"
    assert found["one"].hashes == sbom.hashes(b"deb")
    assert not found["old"].hashes
    assert not found["old"].file
    assert found["one"].document()["properties"] == [
        {
            "name": "camerad:licences-of",
            "value": "files of the source package, by debian/copyright",
        },
        *in_a_file(file, "archive", "structured"),
    ]


STATUS = """\
Package: python3
Status: install ok installed
Maintainer: Builder <builder@example.org>
Architecture: arm64
Version: 1
Pre-Depends: libc6 (>= 2)
Depends: python3.13:any (>= 1) | python3.12, c-library, gone

Package: libc6
Status: install ok installed
Architecture: arm64
Version: 2
Provides: c-library (= 2), libc

Package: raspi-firmware
Architecture: all
Version: 2
Status: install ok installed
"""


def packed(folder: Path, name: str, metadata: str, tag: str = "py3-none-any") -> Path:
    """The wheel of a package with nothing in it."""
    path = folder / f"{name}-1-{tag}.whl"
    info = f"{name}-1.dist-info"
    about = f"Metadata-Version: 2.4\nName: {name}\nVersion: 1\n{metadata}"
    wheel_tag = f"Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: {tag}\n"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{info}/METADATA", about)
        archive.writestr(f"{info}/WHEEL", wheel_tag)
        archive.writestr(f"{info}/RECORD", f"{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")
    return path


def test_a_bill_says_what_each_package_depends_on_and_whether_that_is_all(tmp_path: Path) -> None:
    """Fields of BSI TR-03183-2, by the schema of CycloneDX 1.6. The firmware is in the boot
    partitions, not in the root."""
    marked = "Requires-Dist: one; python_version < '3.12'\nRequires-Dist: three[more]\n"
    crypto = library("libcrypto-0123abcd.so.1.1.1k", b"\0OpenSSL 1.1.1k  FIPS 25 Mar 2021\0")
    files = [
        wheel(tmp_path, {"tiny_x.libs/libcrypto-0123abcd.so.1.1.1k": crypto}),
        packed(
            tmp_path,
            "camerad",
            "Requires-Dist: Tiny.X; extra == 'device'\nRequires-Dist: two; extra == 'office'\n",
        ),
        packed(tmp_path, "one", "Requires-Dist: elsewhere\n"),
        packed(tmp_path, "two", marked),
        packed(tmp_path, "three", "Requires-Dist: four; extra == 'more'\n"),
        packed(tmp_path, "four", "", "cp313-cp313-linux_aarch64"),
    ]
    root = tmp_path / "root"
    python.install_all(files, root)
    found = materials.gather(root, STATUS, "d", firmware=tmp_path, cache=tmp_path, files=files)
    product = sbom.Product(
        "image", "1", file="image.img.zst", hashes=sbom.hashes(b"i"), creator="who@example.org"
    )
    made = sbom.document(product, found, 0)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(made)) is None

    def short(ref: str) -> str:
        return re.split(r"[@?]", ref.rpartition("/")[2])[0] if "#" not in ref else "openssl"

    needs = {short(one["ref"]): list(map(short, one["dependsOn"])) for one in made["dependencies"]}
    assert needs == {
        "image": [
            "libc6",
            "python3",
            "raspi-firmware",
            "camerad",
            "four",
            "one",
            "three",
            "tiny-x",
            "two",
        ],
        "python3": ["libc6"],
        **{name: [] for name in ("libc6", "raspi-firmware", "openssl")},
        "camerad": ["python3", "tiny-x"],
        **{name: ["python3"] for name in ("one", "four")},
        "tiny-x": ["python3", "openssl"],
        "two": ["python3", "three"],
        "three": ["python3", "four"],
    }
    assert {
        one["aggregate"]: set(map(short, one["dependencies"])) for one in made["compositions"]
    } == {
        "complete": {"image", "camerad", "two", "three"},
        "incomplete": {"libc6", "python3", "raspi-firmware", "one", "four", "tiny-x"},
        "unknown": {"openssl"},
    }
    assert made["metadata"]["manufacturer"] == {"contact": [{"email": "who@example.org"}]}
    by = {one["name"]: one.get("manufacturer") for one in made["components"]}
    assert by["python3"] == {"name": "Builder", "contact": [{"email": "builder@example.org"}]}


@pytest.mark.parametrize(
    ("creator", "found"),
    [
        ("who@example.org", {"contact": [{"email": "who@example.org"}]}),
        ("https://example.org/x", {"url": ["https://example.org/x"]}),
        ("An Office", None),
        ("ftp://example.org", None),
    ],
)
def test_a_creator_is_who_can_be_reached(creator: str, found: dict[str, Any] | None) -> None:
    if found is None:
        with pytest.raises(ImageError, match="e-mail address or the URL"):
            sbom.entity(creator)
    else:
        assert sbom.entity(creator) == found


def test_a_vex_statement_names_what_this_image_carries_and_nothing_else() -> None:
    statement = vex.STATEMENTS[0]
    inner = (
        sbom.Inner("x.libs/libssl.so", "openssl", "1.1.1k", statement.purl),
        sbom.Inner("x.libs/libz.so", "zlib", "1", "pkg:generic/zlib@1"),
    )
    carrier = sbom.Component("pypi", statement.carrier, "1", inner=inner)
    other = sbom.Component("pypi", "other", "1", inner=inner)
    bill = sbom.document(sbom.Product("image", "1"), [carrier, other], 0)
    made, gone = vex.document(bill, "image", 0)
    assert not gone
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(made)) is None
    assert [one["id"] for one in made["vulnerabilities"]] == list(statement.ids)
    serial = bill["serialNumber"].removeprefix("urn:uuid:")
    assert {ref["ref"] for one in made["vulnerabilities"] for ref in one["affects"]} == {
        f"urn:cdx:{serial}/1#{quote(inner[0].ref(carrier.purl), safe='')}"
    }
    assert "vulnerabilities" not in bill
    without = sbom.document(sbom.Product("image", "1"), [other], 0)
    made, gone = vex.document(without, "image", 0)
    assert (made["vulnerabilities"], gone) == ([], [statement.purl])


def test_camerad_uses_of_opencv_what_the_vex_statement_says() -> None:
    """The statement rests on that: nothing of it opens a film or a connection. Redaction is for
    desk computers; no camera runs it."""
    used: set[str] = set()
    camerad = Path(__file__).parents[3] / "camerad"
    for path in camerad.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        if "cv2" not in text or path.is_relative_to(camerad / "evidence"):
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ImportFrom):
                assert node.module is None or node.module.split(".")[0] != "cv2", path
            elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                used |= {node.attr} if node.value.id == "cv2" else set()
    assert used == vex.USED
