"""Catalogues of translations, updated from the texts in the code.

``python -m generators.words`` extracts every text from ``camerad`` (Python and JavaScript) and the
journal's catalogue, brings each ``camerad/locale/LANGUAGE/LC_MESSAGES/camerad.po`` up to date,
compiles it to ``.mo``, to modules for the pages and to a catalogue of the journal, and says what is
left to translate. The simulator's page has catalogues of its own, below its folder. A new language
begins as a directory with an empty ``camerad.po``. With ``--check`` it only says whether all is up
to date, translated, and can be filled in.
"""

from __future__ import annotations

import argparse
import ast
import gettext
import io
import json
import re
import string
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from camerad.base.errors import EX_CONFIG
from camerad.base.words import DOMAIN, LOCALE

CAMERAD: Final = LOCALE.parent
SIMULATOR: Final = CAMERAD.parent / "hw-mocks" / "hw_mocks" / "sim" / "page"
_PAGES: Final = (
    "evidence/player",
    "office/desk/access_page",
    "office/desk/package_maker",
    "office/desk/pages",
)
_CALLS: Final = ("N_", "NC_", "NN_", "Sentence", "gettext", "ngettext", "pgettext")
"""Functions that take texts: one or more; a context before one (`NC_`, ``pgettext``); singular and
plural (`NN_`, ``ngettext``)."""
_MADE: Final = "// Made by docs/generators/words.py from camerad/locale.\n\n"
_JOURNAL: Final = "systemd/camerad.catalog"
_COMMENT: Final = "TRANSLATORS:"
_WIDTH: Final = 100
_HEADERS: Final = re.compile(
    r'^"(?!Language:|Plural-Forms|Content-Type)[A-Z][A-Za-z-]+: .*\n', re.MULTILINE
)
_JAVASCRIPT_CALL: Final = re.compile(
    r"""(?<![\w.`])(?:\w+\.)?(N_|NC_|n?gettext|pgettext)\((?!\))\s*"""
    r"""(?:("(?:[^"\\\n]|\\.)*")(?!\s*\+)(?:,\s*("(?:[^"\\\n]|\\.)*")(?!\s*\+))?|(?=["'`]))"""
)
_DATE: Final = datetime(2000, 1, 1, tzinfo=UTC)


def template(source: Path = CAMERAD) -> Catalog:
    """Every text of the code below `source`, with its comments for translators. Raises ValueError
    for a text that is not written as one."""
    catalog = Catalog(domain=DOMAIN, header_comment="")
    for path in sorted([*source.rglob("*.py"), *source.rglob("*.js")]):
        if "vendor" in path.parts:
            continue
        place = (path.relative_to(source.parent).as_posix(), 0)
        for call, texts, comments in (_python if path.suffix == ".py" else _javascript)(path):
            context = texts.pop(0) if call in ("NC_", "pgettext") else None
            for text in [tuple(texts[:2])] if call in ("NN_", "ngettext") else texts:
                catalog.add(text, locations=[place], auto_comments=comments, context=context)
    for _, subject, body in _journal_entries(source):
        for text in (subject, body):
            catalog.add(text, locations=[(_JOURNAL, 0)])
    return catalog


def _python(path: Path) -> Iterator[tuple[str, list[str], list[str]]]:
    source = path.read_text(encoding="utf-8")
    if not any(f"{call}(" in source for call in _CALLS):
        return
    lines = source.splitlines()
    found = [one for one in ast.walk(ast.parse(source)) if isinstance(one, ast.Call)]
    for node in sorted(found, key=lambda one: (one.lineno, one.col_offset)):
        call = getattr(node.func, "id", None) or getattr(node.func, "attr", "")
        if call not in _CALLS:
            continue
        texts_end = 2 if call in ("ngettext", "pgettext") else None
        if any(isinstance(one, ast.JoinedStr | ast.BinOp) for one in node.args[:texts_end]):
            raise ValueError(f"{path}:{node.lineno}: {call} takes texts as they are")
        constants = [one.value for one in node.args if isinstance(one, ast.Constant)]
        texts = [one for one in constants if isinstance(one, str)]
        line = node.lineno - 2
        comments: list[str] = []
        while line >= 0 and (said := lines[line].strip()).startswith("# "):
            comments.insert(0, said.removeprefix("# "))
            line -= 1
        if texts:
            yield call, texts, _for_translators(comments)


def _javascript(path: Path) -> Iterator[tuple[str, list[str], list[str]]]:
    source = path.read_text(encoding="utf-8")
    for found in _JAVASCRIPT_CALL.finditer(source):
        call, *literals = found.groups()
        before = source[: found.start()].splitlines()
        if literals[0] is None:
            raise ValueError(f"{path}:{len(before)}: {call} takes texts as they are")
        comment = before[-2].strip() if len(before) > 1 else ""
        texts = [json.loads(one) for one in literals if one]
        wanted = 1 if call in ("N_", "gettext") else 2
        yield call, texts[:wanted], _for_translators([comment.removeprefix("// ")])


def _for_translators(comments: list[str]) -> list[str]:
    said = " ".join(comments)
    return [said.removeprefix(_COMMENT).strip()] if said.startswith(_COMMENT) else []


def updated(path: Path, texts: Catalog) -> Catalog:
    """The catalogue in `path` with exactly these texts; what was changed is marked as fuzzy."""
    with path.open("rb") as file:
        catalog = read_po(file, locale=path.parents[1].name, domain=DOMAIN)
    catalog.update(texts)
    catalog.header_comment = ""
    catalog.creation_date = catalog.revision_date = _DATE
    return catalog


def po_text(catalog: Catalog) -> str:
    """The catalogue as a ``.po`` file. It names no dates, versions or places, which change without
    need."""
    file = io.BytesIO()
    write_po(file, catalog, width=_WIDTH, no_location=True, sort_output=True, ignore_obsolete=True)
    head, _, rest = file.getvalue().decode().lstrip().partition("\n\n")
    return _HEADERS.sub("", head + "\n") + "\n" + rest


def mo_bytes(catalog: Catalog) -> bytes:
    """The catalogue as a ``.mo`` file, with Python's texts only: a daemon loads it whole."""
    compiled = Catalog(locale=catalog.locale, domain=DOMAIN)
    compiled.creation_date = compiled.revision_date = _DATE
    for one in catalog:
        if one.id and not one.fuzzy and any(place.endswith(".py") for place, _ in one.locations):
            compiled.add(one.id, one.string, context=one.context)
    file = io.BytesIO()
    write_mo(file, compiled)
    return file.getvalue()


def journal_catalog(catalog: Catalog, language: str, source: Path = CAMERAD) -> str:
    """The journal's explanations in a language, as systemd reads them."""
    entries = []
    for name, *texts in _journal_entries(source):
        subject, body = (str(catalog[text].string or text) for text in texts)
        wrapped = (
            textwrap.fill(paragraph, _WIDTH, break_long_words=False, break_on_hyphens=False)
            for paragraph in body.split("\n\n")
        )
        explanation = "\n\n".join(wrapped)
        entries.append(f"-- {name}\nSubject: {subject}\nDefined-By: camerad\n\n{explanation}\n")
    head = f"# Made by docs/generators/words.py from {_JOURNAL} and camerad/locale/{language}.\n\n"
    return head + "\n".join(entries)


def _journal_entries(source: Path) -> Iterator[tuple[str, str, str]]:
    """Id, subject and explanation of each kind of message; a paragraph is one line."""
    path = source.parent / _JOURNAL
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    for block in re.split(r"^-- ", text, flags=re.MULTILINE)[1:]:
        head, _, body = block.strip().partition("\n\n")
        name, subject, *_ = head.splitlines()
        paragraphs = (" ".join(one.splitlines()) for one in body.split("\n\n"))
        yield name, subject.removeprefix("Subject: "), "\n\n".join(paragraphs)


def page_modules(catalogs: Mapping[str, Catalog], source: Path = CAMERAD) -> dict[Path, str]:
    """The translations of each page's texts as JSON, of which a module is made when it is served
    (`camerad.evidence.player_modules`), by their paths.

    Of the desk's pages one for each language, of which a browser fetches the reader's; of the
    others one for all languages.
    """
    made = {}
    for folder in ("",) if source == SIMULATOR else _PAGES:
        if not (source / folder).is_dir():
            continue
        within = f"{source.name}/{folder}".rstrip("/") + "/"
        found = {code: _page_catalogue(one, within) for code, one in catalogs.items()}
        if folder != "office/desk/pages":
            made[source / folder / "translations.json"] = _json(found)
            continue
        for code, one in found.items():
            made[source / folder / f"translations_{code}.json"] = _json(one)
        lines = "".join(
            f'  {code}: async () => (await import("./translations_{code}.js")).TRANSLATIONS,\n'
            for code in found
        )
        made[source / folder / "translations.js"] = (
            f"{_MADE}export const TRANSLATIONS = {{\n{lines}}};\n"
        )
    return made


def _json(value: dict[str, Any]) -> str:
    """A text a line, so that changes are read; the rest costs a page that comes over the line."""
    return json.dumps(value, ensure_ascii=False, indent=0, separators=(",", ":")) + "\n"


def _page_catalogue(catalog: Catalog, folder: str) -> dict[str, Any]:
    texts = {
        f"{one.context}\4{_forms(one.id)[0]}" if one.context else _forms(one.id)[0]: one.string
        for one in catalog
        if one.id
        and not one.fuzzy
        and all(_forms(one.string))
        and any(place.startswith(folder) for place, _ in one.locations)
    }
    form = gettext.c2py(catalog.plural_expr)
    plural = "".join(str(form(number)) for number in range(200))
    return {"plural": plural, "texts": dict(sorted(texts.items()))}


def problems(catalog: Catalog) -> Iterator[str]:
    """One line for each text that is not translated, or whose translation cannot be filled in with
    the same values."""
    for message in catalog:
        if not message.id:
            continue
        originals, translations = _forms(message.id), _forms(message.string)
        if message.fuzzy or not all(translations):
            yield f"{originals[0]!r}: not translated"
            continue
        wanted = _placeholders(originals[-1])
        try:
            if any(filled_in(text) and not _placeholders(text) <= wanted for text in translations):
                yield f"{originals[0]!r}: its translation has other placeholders"
            elif set.union(*map(_placeholders, translations)) != wanted:
                yield f"{originals[0]!r}: its translation lacks a placeholder"
        except (ValueError, IndexError) as error:
            yield f"{originals[0]!r}: its translation cannot be filled in: {error}"


def filled_in(text: str) -> str:
    """The text with a number for each placeholder that has a format, and a letter for others."""
    fields = list(string.Formatter().parse(text))
    values = {name: 7 if form else "x" for _, name, form, _ in fields if name is not None}
    return text.format(**values)


def _forms(text: str | Sequence[str] | None) -> tuple[str, ...]:
    return (text or "",) if isinstance(text, str | None) else tuple(text)


def _placeholders(text: str) -> set[tuple[str, str | None]]:
    return {(name, form) for _, name, form, _ in string.Formatter().parse(text) if name is not None}


def main(
    arguments: Sequence[str] | None = None, sources: Sequence[Path] = (CAMERAD, SIMULATOR)
) -> int:
    """Update the catalogues of each of `sources`, or check them; returns an exit code."""
    parser = argparse.ArgumentParser(prog="python -m generators.words")
    parser.add_argument("--check", action="store_true", help="only say whether all is in order")
    only_checks = parser.parse_args(arguments).check
    wrong = [problem for source in sources for problem in _update(source, only_checks)]
    sys.stderr.writelines(f"{line}\n" for line in wrong)
    return EX_CONFIG if wrong else 0


def _update(source: Path, only_checks: bool) -> list[str]:
    """What is wrong with the catalogues of `source`."""
    texts = template(source)
    wrong: list[str] = []
    catalogs: dict[str, Catalog] = {}
    made: dict[Path, bytes] = {}
    for path in sorted((source / "locale").glob(f"*/LC_MESSAGES/{DOMAIN}.po")):
        catalog = catalogs[path.parents[1].name] = updated(path, texts)
        wrong += [f"{path}: {problem}" for problem in problems(catalog)]
        made[path] = po_text(catalog).encode()
        if source != SIMULATOR:
            made[path.with_suffix(".mo")] = mo_bytes(catalog)
        if next(_journal_entries(source), None):
            journal = (source.parent / _JOURNAL).with_suffix(f".{path.parents[1].name}.catalog")
            made[journal] = journal_catalog(catalog, path.parents[1].name, source).encode()
    made |= {path: text.encode() for path, text in page_modules(catalogs, source).items()}
    for path, content in made.items():
        if not only_checks:
            path.write_bytes(content)
        elif not path.is_file() or path.read_bytes() != content:
            wrong.append(f"{path} is not up to date; run: python -m generators.words")
    return wrong


if __name__ == "__main__":
    sys.exit(main())
