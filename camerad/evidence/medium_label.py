"""What stands on the outside of a package: a label to be printed for its medium, and a record for
programs of an office that takes documents (``record.json``)."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from camerad.base.words import Words
from camerad.evidence.cover_sheet import TEXTS, escape

RECORD: Final = "record.json"
_FORMATS: Final = {
    ".html": "text/html",
    ".jwk": "application/jwk+json",
    ".json": "application/json",
    ".mp4": "video/mp4",
    ".pdf": "application/pdf",
    ".pem": "application/x-pem-file",
    ".tar": "application/x-tar",
    ".txt": "text/plain",
}
_PAGE: Final = """<!DOCTYPE html>
<html lang="{lang}">
<meta charset="utf-8">
<title>{title}</title>
<style>
@page {{ size: A6 landscape; margin: 8mm }}
body {{ font: 11pt "Liberation Sans", Arial, sans-serif }}
h1 {{ font-size: 13pt; margin: 0 0 3mm }}
th {{ text-align: left; font-weight: 400; vertical-align: top; padding-right: 4mm }}
td {{ font-family: "Liberation Mono", monospace; overflow-wrap: anywhere }}
</style>
<h1>{title}</h1>
<table>{rows}</table>
<p>{made}</p>
</html>
"""


class Parties(msgspec.Struct, frozen=True):
    """Who hands over to whom, as the office says it."""

    sender: str
    recipient: str


def label_page(words: Words, name: str, sha256: str, reference: str, made: str) -> str:
    """The label. name, sha256: of the package's list of sums, or of its only file. made: by whom it
    was made, and when."""
    rows = [
        (words.gettext("File number"), reference),
        (words.gettext("File"), name),
        (words.gettext("SHA-256 fingerprint"), sha256),
    ]
    return _PAGE.format(
        lang=words.language,
        title=escape(words.gettext(TEXTS["heading"])),
        rows="".join(
            f"<tr><th>{escape(said)}</th><td>{escape(value)}</td></tr>"
            for said, value in rows
            if value
        ),
        made=escape(made),
    )


def record_of(
    parties: Parties, facts: Mapping[str, Any], files: Sequence[tuple[str, int, str]]
) -> dict[str, Any]:
    """The record. facts: of the package. files: name, bytes and SHA-256 of each, in the order in
    which they are to be filed."""
    documents = [
        {
            "number": number,
            "name": name,
            "format": _FORMATS.get(os.path.splitext(name)[1], "application/octet-stream"),
            "bytes": size,
            "sha256": sha256,
        }
        for number, (name, size, sha256) in enumerate(files, 1)
    ]
    return {
        "sender": parties.sender,
        "recipient": parties.recipient,
        **facts,
        "documents": documents,
    }
