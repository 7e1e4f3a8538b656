"""The floors of docs/architecture.md are those of the code."""

from __future__ import annotations

import ast
import re
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
TABLES = {
    "camerad": "Floors from the ground up",
}
"""What stands before the table of each package."""
WING = "office"
"""The package whose packages are rooms."""


def sources() -> dict[str, Path]:
    """Every module, by its dotted name."""
    found = {}
    for path in sorted((ROOT / "camerad").rglob("*.py")):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        found[name.removesuffix(".__init__")] = path
    return found


SOURCES = sources()


def imports(path: Path) -> set[str]:
    """Modules of camerad that a file imports anywhere, for its types too."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {one.name for one in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.module is not None and node.level == 0, f"{path}: a relative import"
            found |= {f"{node.module}.{one.name}" for one in node.names} | {node.module}
    return found & set(SOURCES)


@cache
def every_import() -> dict[str, set[str]]:
    """What each module imports. Read when a test asks: every worker imports this file."""
    return {name: imports(path) for name, path in SOURCES.items()}


def floors(package: str) -> list[list[str]]:
    """The rooms of each floor, from the ground up, as the page has them."""
    lines = PAGE.split(TABLES[package], 1)[1].splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("|---"))
    found = []
    for line in lines[first + 1 :]:
        if not line.startswith("|"):
            break
        number, rooms = line.strip("| ").split(" | ")[:2]
        names = [name.removesuffix("/") for name in re.findall(r"`([\w/]+)`", rooms)]
        if int(number) > len(found):
            found.append([])
        found[-1] += names
    return found


def room(package: str, module: str) -> str | None:
    """The part of a package that a module is in; None outside of it, and for the package itself.
    The office's wing has rooms of its own: ``office/desk``."""
    if not module.startswith(f"{package}."):
        return None
    first, *below = module[len(package) + 1 :].split(".", 2)
    if first != WING:
        return first
    return f"{first}/{below[0]}" if below else None


@pytest.mark.parametrize("package", TABLES)
def test_every_part_of_a_package_is_on_one_floor_and_nothing_else_is(package: str) -> None:
    named = [name for floor in floors(package) for name in floor]
    there = {room(package, module) for module in SOURCES} - {None, "__main__"}
    assert sorted(named) == sorted(str(name) for name in there)


@pytest.mark.parametrize("package", TABLES)
def test_no_floor_imports_from_a_higher_one(package: str) -> None:
    level = {name: number for number, floor in enumerate(floors(package)) for name in floor}
    upwards = [
        f"{module} imports {other}"
        for module, others in every_import().items()
        for other in others
        if (mine := room(package, module)) in level
        and (theirs := room(package, other)) in level
        and level[str(theirs)] > level[str(mine)]
    ]
    assert upwards == []


def listed(names: set[str], everyone: set[str]) -> str:
    """Packages as a docstring names them: by the alphabet, or none or all of the others."""
    if not names:
        return "no other package"
    if names == everyone:
        return "every other package"
    *most, last = [f"`{name}`" for name in sorted(names)]
    return f"{', '.join(most)} and {last}" if most else last


def imports_of_packages() -> dict[str, set[str]]:
    """Which packages each package imports, lazily or for its types too."""
    found: dict[str, set[str]] = {name: set() for floor in floors("camerad") for name in floor}
    for module, others in every_import().items():
        if (mine := room("camerad", module)) in found:
            found[str(mine)] |= {str(room("camerad", other)) for other in others} & set(found)
    return {name: others - {name} for name, others in found.items()}


@pytest.mark.parametrize("package", [name for floor in floors("camerad") for name in floor])
def test_the_docstring_of_each_package_says_what_it_imports(package: str) -> None:
    graph = imports_of_packages()
    said = f"Imports {listed(graph[package], set(graph) - {package})}."
    path = SOURCES[f"camerad.{package.replace('/', '.')}"]
    docstring = ast.get_docstring(ast.parse(path.read_text("utf-8")))
    assert said in " ".join((docstring or "").split())


def test_no_module_imports_itself_by_way_of_others() -> None:
    """Else it depends on who comes first whether it can be imported; and a reader goes in circles,
    even where only types ask for it."""
    inside = {module: others - {module} for module, others in every_import().items()}
    for module, others in inside.items():
        # A package's own module may gather its parts, which name the package when they import.
        inside[module] = {other for other in others if not module.startswith(f"{other}.")}
    order = list(TopologicalSorter(inside).static_order())
    assert set(order) == set(SOURCES)


def test_what_decides_reads_no_clock_no_file_and_starts_no_thread() -> None:
    world = {"asyncio", "io", "os", "pathlib", "random", "select", "socket", "subprocess", "sys"}
    world |= {"threading", "time"}
    for path in sorted((ROOT / "camerad/behaviour").glob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = [one.name for n in ast.walk(tree) if isinstance(n, ast.Import) for one in n.names]
        names += [str(n.module) for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)]
        assert not world & {name.split(".")[0] for name in names}, path.name


def test_no_class_is_made_by_the_standard_librarys_dataclasses() -> None:
    """Each would take a camera that starts 0.7 ms, and each of its processes 16 kB."""
    imported = re.compile(r"^\s*(from|import) dataclasses\b", re.MULTILINE)
    assert not [name for name, path in SOURCES.items() if imported.search(path.read_text())]


def test_json_of_a_type_is_read_in_one_place() -> None:
    """Threads that ask msgspec for one type at once end the process (`camerad.base.typed_json`)."""
    for name, path in SOURCES.items():
        if name == "camerad.base.typed_json":
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            asked = ast.unparse(call.func)
            typed = any(keyword.arg == "type" for keyword in call.keywords)
            assert asked != "msgspec.json.decode" or not typed, name
            assert asked not in ("msgspec.convert", "msgspec.json.Decoder"), name


def test_no_two_modules_have_one_name_but_for_those_that_their_folder_explains() -> None:
    """A file of the command or of the doctor is called what it is about; each room may have its
    errors, and each catalogue its languages."""
    explained = {"__init__", "__main__", "errors", "catalogue", "english", "german"}
    places: dict[str, list[str]] = {}
    for path in SOURCES.values():
        if path.stem not in explained and path.parent.name not in ("cli", "doctor"):
            places.setdefault(path.stem, []).append(str(path.relative_to(ROOT)))
    assert [found for found in places.values() if len(found) > 1] == []


def test_no_two_public_classes_have_one_name() -> None:
    places: dict[str, list[str]] = {}
    for name, path in SOURCES.items():
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places.setdefault(node.name, []).append(name)
    assert [(found, where) for found, where in places.items() if len(where) > 1] == []


def test_no_file_is_longer_than_a_person_reads_in_one_go() -> None:
    paths = [*(ROOT / "camerad").rglob("*.py"), *(ROOT / "hw-mocks/hw_mocks").rglob("*.py")]
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in paths}
    assert {path: lines for path, lines in lengths.items() if lines > 600} == {}


def test_an_id_and_a_thumbprint_are_made_only_where_texts_are_checked() -> None:
    """What builds paths takes these types, so mypy refuses a text that nobody checked."""
    kinds, makers = {"RecordingId", "Thumbprint"}, set()
    for name, path in SOURCES.items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(func=ast.Name(id=made)) if made in kinds:
                    makers.add(name)
                case ast.Call(func=ast.Name(id="cast"), args=[ast.Name(id=made), *_]):
                    assert made not in kinds, f"{name}: {made} by a cast"
    assert makers == {"camerad.container.keys", "camerad.container.recording_files"}
