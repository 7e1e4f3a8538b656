"""A sheet of labels for cameras: name, thumbprint, and that as a QR code. HTML, to be printed.

The code is the URN of the thumbprint (RFC 9278), so that whatever reads it knows what it is.
"""

from __future__ import annotations

import html
import io
from typing import Final

from camerad.errors import EX_UNAVAILABLE, CameradError
from camerad.provisioning.register import Camera, Register

URN: Final = "urn:ietf:params:oauth:jwk-thumbprint:sha-256:"

_PAGE: Final = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Labels</title>
<style>
  @page {{ size: A4; margin: 10mm; }}
  body {{ font: 9pt sans-serif; margin: 0; display: flex; flex-wrap: wrap; }}
  section {{ width: 62mm; height: 34mm; box-sizing: border-box; padding: 2mm; display: flex;
    gap: 2mm; border: 0.2mm dashed #999; break-inside: avoid; }}
  svg {{ width: 28mm; height: 28mm; flex: none; }}
  h1 {{ font-size: 12pt; margin: 0 0 1mm; overflow-wrap: anywhere; }}
  code {{ font-size: 8pt; overflow-wrap: anywhere; }}
</style>
{labels}</html>
"""
_LABEL: Final = "<section>{code}<div><h1>{name}</h1><code>{thumbprint}</code></div></section>\n"


class NoSegnoError(CameradError):
    """Error raised when the library that draws QR codes is not installed."""

    exit_code = EX_UNAVAILABLE


def sheet(register: Register) -> str:
    """The page. Raises NoSegnoError."""
    return _PAGE.format(labels="".join(_label(camera) for camera in register.cameras))


def _label(camera: Camera) -> str:
    return _LABEL.format(
        code=_code(URN + camera.thumbprint),
        name=html.escape(camera.name),
        thumbprint=html.escape(camera.thumbprint),
    )


def _code(text: str) -> str:
    try:
        import segno  # noqa: PLC0415 - nothing else needs it
    except ModuleNotFoundError as error:
        raise NoSegnoError(
            "labels are drawn by the library segno, which is missing: install 'camerad[badges]'"
        ) from error
    drawing = io.BytesIO()
    code = segno.make_qr(text, error="m", boost_error=False)
    code.save(drawing, kind="svg", border=4, light="white", xmldecl=False, omitsize=True)
    return drawing.getvalue().decode()
