"""Seeded mistakes: plants small errors in `camerad/`, and counts those that the tests find.

A mistake is one changed place in one module: a comparison, a condition, a number, a returned value,
a call or a `raise` that is left out. `listed` chooses them by a seed among all places there are, so
a seed and a version of the code give the same list; the list is kept (``--list FILE``) with the
text before and after, so that each can be found again when its code has moved.

Each is tried on a copy of the project, with the tests that execute its line (``--map``: the data of
``pytest --cov=camerad --cov-context=test``), those of its own room first. It is found when a test
fails, or does not end in time.
"""

from __future__ import annotations

import ast
import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Final

from coverage.numbits import numbits_to_nums

from tests.campaign.table import say

PROJECT: Final = Path(__file__).resolve().parents[2]
SECONDS: Final = 300.0
"""For the tests of one mistake. Some loops never end with one in them."""
MOST_TESTS: Final = 400
"""For one mistake, the nearest first. A line that all tests execute is found by few of them."""
_COMPARISONS: Final[dict[type[ast.cmpop], tuple[str, str]]] = {
    ast.Lt: ("<", "<="),
    ast.LtE: ("<=", "<"),
    ast.Gt: (">", ">="),
    ast.GtE: (">=", ">"),
    ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="),
    ast.Is: ("is", "is not"),
    ast.IsNot: ("is not", "is"),
    ast.In: ("in", "not in"),
    ast.NotIn: ("not in", "in"),
}
"""What stands there, and what it becomes."""
_LOGGED: Final = ("debug", "info", "warning", "error", "exception", "critical", "log")
_IGNORED_BY_GIT: Final = shutil.ignore_patterns(
    ".git", ".venv", "__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache", "out"
)


@dataclass(frozen=True, slots=True)
class Mistake:
    """One changed place.

    file: below the project. line, begin, end: where the text stands, columns in bytes of UTF-8,
    begin on `line`. within: the function or class, with its module's own names, "" at the top.
    """

    file: str
    line: int
    begin: int
    last_line: int
    end: int
    within: str
    before: str
    after: str

    def planted(self, source: bytes) -> bytes:
        """The module's text with the mistake in it."""
        lines = source.splitlines(keepends=True)
        start = _offset(lines, self.line, self.begin)
        stop = _offset(lines, self.last_line, self.end)
        assert source[start:stop].decode() == self.before, f"{self.file} has changed"
        return source[:start] + self.after.encode() + source[stop:]


class _Places(ast.NodeVisitor):
    """Collects the places of a module where a mistake can be made."""

    def __init__(self, file: str, source: bytes) -> None:
        self.found: list[Mistake] = []
        self._file = file
        self._source = source
        self._lines = source.splitlines(keepends=True)
        self._within: list[str] = []

    def _text(self, start: tuple[int, int], stop: tuple[int, int]) -> str:
        return self._source[_offset(self._lines, *start) : _offset(self._lines, *stop)].decode()

    def _add(self, start: tuple[int, int], stop: tuple[int, int], after: str) -> None:
        before = self._text(start, stop)
        self.found.append(Mistake(self._file, *start, *stop, ".".join(self._within), before, after))

    def _replace(self, node: ast.expr | ast.stmt, after: str) -> None:
        self._add(_start(node), _end(node), after)

    def _between(self, left: ast.expr, right: ast.expr, was: str, after: str) -> None:
        """Change the operator alone: brackets may stand there too."""
        start, stop = _end(left), _start(right)
        text = self._text(start, stop)
        if text.count(was) == 1 and "#" not in text:
            self._add(start, stop, text.replace(was, after))

    def _named(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> None:
        self._within.append(node.name)
        for statement in node.body:
            self.visit(statement)
        self._within.pop()

    visit_FunctionDef = visit_AsyncFunctionDef = visit_ClassDef = _named  # noqa: N815

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.visit(node.value)

    def visit_If(self, node: ast.If) -> None:
        if "TYPE_CHECKING" not in ast.dump(node.test):
            self._replace(node.test, f"(not ({ast.unparse(node.test)}))")
            self.generic_visit(node)

    def visit_Compare(self, node: ast.Compare) -> None:
        if len(node.ops) == 1:
            self._between(node.left, node.comparators[0], *_COMPARISONS[type(node.ops[0])])
        self.generic_visit(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        was, after = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
        self._between(node.values[0], node.values[1], was, after)
        self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        if isinstance(node.op, ast.Add) and not isinstance(
            node.right, ast.Constant | ast.JoinedStr
        ):
            self._between(node.left, node.right, "+", "-")
        elif isinstance(node.op, ast.Sub):
            self._between(node.left, node.right, "-", "+")
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, bool):
            self._replace(node, str(not node.value))
        elif isinstance(node.value, int):
            self._replace(node, str(node.value + 1))

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        """Leave texts alone: most of them are messages."""

    def visit_Return(self, node: ast.Return) -> None:
        if node.value is not None and not _is_none(node.value):
            self._replace(node.value, "None")
            self.generic_visit(node)

    def visit_Raise(self, node: ast.Raise) -> None:
        self._replace(node, "pass")

    def visit_Expr(self, node: ast.Expr) -> None:
        call = node.value.value if isinstance(node.value, ast.Await) else node.value
        if isinstance(call, ast.Call):
            name = call.func.attr if isinstance(call.func, ast.Attribute) else ""
            if name not in _LOGGED:
                self._replace(node, "pass")
                self.generic_visit(node)


def _offset(lines: Sequence[bytes], line: int, column: int) -> int:
    return sum(map(len, lines[: line - 1])) + column


def _start(node: ast.expr | ast.stmt) -> tuple[int, int]:
    return node.lineno, node.col_offset


def _end(node: ast.expr | ast.stmt) -> tuple[int, int]:
    assert node.end_lineno is not None
    assert node.end_col_offset is not None
    return node.end_lineno, node.end_col_offset


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def places(file: Path) -> list[Mistake]:
    """All mistakes that can be made in one module."""
    source = file.read_bytes()
    found = _Places(str(file.relative_to(PROJECT)), source)
    found.visit(ast.parse(source))
    return found.found


def listed(seed: int, count: int) -> list[Mistake]:
    """So many mistakes of all that there are, the same for the same seed and code."""
    modules = sorted((PROJECT / "camerad").rglob("*.py"))
    every = [one for module in modules for one in places(module)]
    return random.Random(seed).sample(every, count)


class TestsByLine:
    """The tests that execute a line, from the data of a run with ``--cov-context=test``."""

    __test__ = False

    def __init__(self, path: Path) -> None:
        self._path = path

    def of(self, mistake: Mistake) -> list[str]:
        """Node ids, those of the mistake's own room first. Of a line that only an import executes:
        the tests that execute any line of the module."""
        with sqlite3.connect(f"file:{self._path}?mode=ro", uri=True) as data:
            tables = {name for (name,) in data.execute("SELECT name FROM sqlite_master")}
            rows = list(data.execute(_ARCS if "arc" in tables else _LINES, (f"%/{mistake.file}",)))
            if not rows:
                rows = list(data.execute(_LINES, (f"%/{mistake.file}",)))
        exact, near = set(), set()
        for context, line in rows:
            test = context.partition("|")[0]
            if not test:
                continue
            lines = numbits_to_nums(line) if isinstance(line, bytes) else (line,)
            near.add(test)
            if any(mistake.line <= one <= mistake.last_line for one in lines):
                exact.add(test)
        room = mistake.file.split("/")[1]
        ordered = sorted(exact or near, key=lambda one: (f"/{room}/" not in one, one))
        return ordered[:MOST_TESTS]


_ARCS: Final = """SELECT context.context, arc.tono FROM arc JOIN file ON file.id = arc.file_id
JOIN context ON context.id = arc.context_id WHERE file.path LIKE ?"""
_LINES: Final = """SELECT context.context, line_bits.numbits FROM line_bits
JOIN file ON file.id = line_bits.file_id JOIN context ON context.id = line_bits.context_id
WHERE file.path LIKE ?"""


def tried(mistake: Mistake, tests: Sequence[str], copy: Path) -> str:
    """Plant it in `copy`, run the tests there, and take it out again: "found", "survived",
    "endless", or "untested" where no test executes it."""
    if not tests:
        return "untested"
    module = copy / mistake.file
    source = module.read_bytes()
    module.write_bytes(mistake.planted(source))
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-n0", "-p", "no:cacheprovider", *tests]
    environment = os.environ | {"PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        ended = subprocess.run(
            command,
            cwd=copy,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return "endless"
    finally:
        module.write_bytes(source)
    return "survived" if ended.returncode == 0 else "found"


def campaign(
    directory: Path, seed: int, count: int, tests: Path, kept: Path | None, *, at_once: int
) -> int:
    """Try them all and say what came of each room; returns how many survived.

    tests: the coverage data. kept: a file of one JSON object a line, the list with what came of
    each; those that are there already are not tried again.
    """
    by_line = TestsByLine(tests)
    done = dict(_kept(kept))
    copies: SimpleQueue[Path] = SimpleQueue()
    for at in range(at_once):
        copy = directory / str(at)
        shutil.copytree(PROJECT, copy, ignore=_IGNORED_BY_GIT, symlinks=True)
        copies.put(copy)

    def one(mistake: Mistake) -> str:
        if mistake in done:
            return done[mistake]
        copy = copies.get()
        try:
            result = tried(mistake, by_line.of(mistake), copy)
        finally:
            copies.put(copy)
        where = f"{mistake.file}:{mistake.line} {mistake.within}"
        say(f"{result:9} {where}: {_short(mistake.before)} -> {_short(mistake.after)}")
        if kept is not None:
            with kept.open("a") as file:
                file.write(json.dumps({**asdict(mistake), "result": result}) + "\n")
        return result

    mistakes = listed(seed, count)
    with ThreadPoolExecutor(at_once) as pool:
        results = list(pool.map(one, mistakes))
    rooms: dict[str, Counter[str]] = {}
    for mistake, result in zip(mistakes, results, strict=True):
        rooms.setdefault(mistake.file.split("/")[1], Counter())[result] += 1
    for room, counts in sorted(rooms.items()):
        say(f"  {room:24} {', '.join(f'{n} {what}' for what, n in sorted(counts.items()))}")
    total = Counter(results)
    say(f"{count} mistakes of seed {seed}: {', '.join(f'{n} {w}' for w, n in total.items())}")
    return total["survived"] + total["untested"]


def _kept(path: Path | None) -> Iterator[tuple[Mistake, str]]:
    if path is not None and path.exists():
        for line in path.read_text().splitlines():
            found = json.loads(line)
            result = found.pop("result")
            yield Mistake(**found), result


def _short(text: str) -> str:
    return " ".join(text.split())[:60]
