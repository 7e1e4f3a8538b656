"""Labels for cameras: name, thumbprint, and that as a QR code. HTML, to be printed on A4.

A page in a file has its style in it; one that a server answers has a link to `STYLE` instead, for
a Content-Security-Policy that allows nothing inline.

The code is the URN of the thumbprint (RFC 9278), so that every reader knows what it is. Three
times eight labels of 63.5 mm by 33.9 mm are on a page, as on sheets of adhesive labels.
"""

from __future__ import annotations

import io
from datetime import datetime, tzinfo
from html import escape as escape_html
from pathlib import Path
from string import Template
from typing import Final

from camerad.base.text import printable
from camerad.base.words import Words
from camerad.evidence.camera_register import Register, RegisteredCamera

URN: Final = "urn:ietf:params:oauth:jwk-thumbprint:sha-256:"
ON_A_PAGE: Final = 24
GROUP: Final = 4
"""Characters of a thumbprint that are read in one go."""

_LARGEST_PT: Final = 14.0
_LARGEST_OF_TWO_LINES_PT: Final = 9.0
_LINE_PT: Final = 210.0
"""Characters of 1 pt on a name's line of 59 mm: bold ones are 0.8 of their size wide, and half as
wide again where they are in `_WIDE`."""
_WIDE: Final = frozenset("MWmw")

_SIZES: Final = tuple(half / 2 for half in range(4, 29))
"""Points of a name: a class of the style for each."""
STYLE: Final = Path(__file__).with_name("labels.css").read_text(encoding="utf-8") + "".join(
    f".pt{round(size * 2)} {{ font-size: {size:g}pt }}\n" for size in _SIZES
)
"""CSS of the page."""

_PAGE: Final = Template("""\
<!DOCTYPE html>
<html lang="$lang">
<head>
<meta charset="utf-8">
<title>$title</title>
$style
</head>
<body>
<main>
$pages</main>
</body>
</html>
""")
_SHEET: Final = (
    "<article>\n<header><span>{head}</span><span>{page}</span></header>\n{labels}</article>\n"
)
_LABEL: Final = (
    '<section><h1 class="pt{half_points}">{name}</h1>'
    "<div>{code}<p>{key}<code>{thumbprint}</code>{collected}</p></div></section>\n"
)


def render_labels(register: Register, words: Words, made: datetime, *, linked: str = "") -> str:
    """The page. made: now, in the time zone of all dates. linked: elements of its head that stand
    for its style, as HTML; "" to have the style in it."""
    cameras = register.cameras
    pages = [cameras[at : at + ON_A_PAGE] for at in range(0, len(cameras), ON_A_PAGE)]
    head = words.gettext(
        "Labels of the cameras, {day}. Print at actual size (100%).",
        day=made.strftime(words.gettext("%d %B %Y")),
    )
    return _PAGE.substitute(
        lang=words.language,
        title=_escape(words.gettext("Labels of the cameras")),
        style=linked or f"<style>\n{STYLE}</style>",
        pages="".join(
            _SHEET.format(
                head=_escape(head),
                page=_escape(
                    words.gettext("Page {number} of {count}", number=number, count=len(pages))
                ),
                labels="".join(_label(camera, words, made.tzinfo) for camera in those),
            )
            for number, those in enumerate(pages, 1)
        ),
    )


def _label(camera: RegisteredCamera, words: Words, zone: tzinfo | None) -> str:
    text = camera.thumbprint
    groups = [text[at : at + GROUP] for at in range(0, len(text), GROUP)]
    return _LABEL.format(
        half_points=max(round(_SIZES[0] * 2), int(2 * _size(camera.name))),
        name=_escape(camera.name),
        code=_code(URN + camera.thumbprint),
        key=_escape(words.gettext("Key of the camera")),
        # Without spaces between them, so that it is copied in one piece.
        thumbprint="".join(f"<span>{_escape(group)}</span>" for group in groups),
        collected=_escape(words.gettext("As of {day}", day=_day(camera.collected, words, zone))),
    )


def _size(name: str) -> float:
    """Of the letters of a name, points: as large as one line allows, or two if that is small."""
    length = sum(1.5 if one in _WIDE else 1.0 for one in name)
    one_line = _LINE_PT / max(length, 1.0)
    if one_line >= _LARGEST_OF_TWO_LINES_PT:
        return min(one_line, _LARGEST_PT)
    return min(2 * one_line, _LARGEST_OF_TWO_LINES_PT)


def _day(collected: str, words: Words, zone: tzinfo | None) -> str:
    """The day of an RFC 3339 time in the language's own form; what is none is shown as it is."""
    try:
        return (
            datetime.fromisoformat(collected).astimezone(zone).strftime(words.gettext("%d %B %Y"))
        )
    except ValueError:
        return collected


def _escape(text: str) -> str:
    return escape_html(printable(text))


def _code(text: str) -> str:
    import segno  # noqa: PLC0415 - nothing else needs it

    drawing = io.BytesIO()
    code = segno.make_qr(text, error="m", boost_error=False)
    code.save(drawing, kind="svg", border=4, light="white", xmldecl=False, omitsize=True)
    return drawing.getvalue().decode()
