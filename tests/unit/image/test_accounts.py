"""Files that the bill of materials does not know of are found."""

from __future__ import annotations

from pathlib import Path

from camerad_image import accounts


def test_a_file_that_came_from_nowhere_is_named_and_no_other(tmp_path: Path) -> None:
    info, root = tmp_path / "info", tmp_path / "root"
    info.mkdir()
    # A package that still has the names from before /bin and /usr/bin were one.
    (info / "shell.list").write_text("/.\n/bin\n/bin/sh\n/usr\n/usr/lib/shell.py\n")
    site = root / "opt/camerad/lib/python3.13/site-packages"
    (site / "one-1.0.dist-info").mkdir(parents=True)
    (site / "one-1.0.dist-info/RECORD").write_text(
        'one/__init__.py,sha256=x,1\n"../../../bin/one",sha256=y,2\none-1.0.dist-info/RECORD,,\n'
    )
    known = [
        "usr/bin/sh",
        "usr/lib/shell.py",
        "usr/lib/__pycache__/shell.cpython-313.pyc",
        "usr/lib/__pycache__/shell.cpython-313.opt-2.pyc",
        "opt/camerad/bin/one",
        "opt/camerad/lib/python3.13/site-packages/one/__init__.py",
        "opt/camerad/lib/python3.13/site-packages/one/__pycache__/__init__.cpython-313.pyc",
        "etc/passwd",
        "etc/systemd/system/multi-user.target.wants/camerad.service",
    ]
    strange = [
        "usr/bin/backdoor",
        "usr/lib/__pycache__/other.cpython-313.opt-2.pyc",
        "usr/lib/__pycache__/other.cpython-313.pyc",
        "etc/passwd.old",
    ]
    for name in [*known, *strange]:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("")
    (root / "bin").symlink_to("usr/bin")
    (info / "base-files.list").write_text("/bin\n")
    listed = accounts.packaged(info) | accounts.recorded(root)
    found = accounts.unaccounted(accounts.present(root), listed)
    assert found == sorted(strange)


def test_links_to_folders_are_files_of_the_root(tmp_path: Path) -> None:
    (tmp_path / "usr/lib").mkdir(parents=True)
    (tmp_path / "lib").symlink_to("usr/lib")
    assert accounts.present(tmp_path) == ["lib"]
