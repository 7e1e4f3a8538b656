"""Known vulnerabilities of what an image carries, and that it is not affected by them.

A VEX statement is a separate file beside the bill of materials, in which TR-03183-2 wants no
vulnerability. It refers to components of that bill (BOM-Link), so it holds for that image alone.
What it does not name has not been judged.
Format: https://cyclonedx.org/docs/1.6/json/#vulnerabilities
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from camerad_image.filesystems import fixed
from camerad_image.sbom import written

OPENCV: Final = "opencv-python-headless"
USED: Final = frozenset(
    (
        *("FILLED", "FontFace", "INTER_AREA", "INTER_CUBIC", "INTER_LINEAR", "QRCodeDetector"),
        *("COLOR_BGR2BGR565", "COLOR_BGR2BGRA", "COLOR_YUV2BGR_I420", "circle", "cvtColor"),
        *("ellipse", "error", "flip", "getTextSize", "line", "putText", "resize"),
        "setNumThreads",
    )
)
"""All that camerad uses of opencv; none of it opens a file, a film or a connection. A test compares
this with the code."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One judgement. purl: of the thing; carrier: the Python package that brings it; ids: of the
    vulnerabilities; justification: one of CycloneDX's; detail: why, for people."""

    purl: str
    carrier: str
    ids: tuple[str, ...]
    justification: str
    detail: str


STATEMENTS: Final = (
    # All that OpenSSL names for this version (github.com/openssl/release-metadata, secjson) until
    # 10 June 2026; later ones are not judged.
    Statement(
        purl="pkg:generic/openssl@1.1.1k",
        carrier=OPENCV,
        ids=(
            *("CVE-2021-3711", "CVE-2021-3712", "CVE-2021-4160", "CVE-2022-0778", "CVE-2022-1292"),
            *("CVE-2022-2068", "CVE-2022-2097", "CVE-2022-4304", "CVE-2022-4450", "CVE-2023-0215"),
            *("CVE-2023-0286", "CVE-2023-0464", "CVE-2023-0465", "CVE-2023-0466", "CVE-2023-2650"),
            *("CVE-2023-3446", "CVE-2023-3817", "CVE-2023-4807", "CVE-2023-5678", "CVE-2024-0727"),
            *("CVE-2024-2511", "CVE-2024-4741", "CVE-2024-5535", "CVE-2024-9143", "CVE-2024-13176"),
            *("CVE-2025-9230", "CVE-2025-68160", "CVE-2025-69418", "CVE-2025-69419"),
            *("CVE-2025-69420", "CVE-2025-69421", "CVE-2026-7383", "CVE-2026-9076"),
            *("CVE-2026-22795", "CVE-2026-22796", "CVE-2026-28387", "CVE-2026-28388"),
            *("CVE-2026-28389", "CVE-2026-28390", "CVE-2026-34180", "CVE-2026-42766"),
            "CVE-2026-45447",
        ),
        justification="code_not_reachable",
        detail=(
            "FFmpeg inside of opencv is linked with it, for films from the network. camerad uses "
            f"of opencv only {', '.join(sorted(USED))}, which open no film and no connection; and "
            "the processes that load it, camerad-selfview and the badge reader, have no network "
            "(RestrictAddressFamilies= of camerad.service)."
        ),
    ),
)
"""The present judgements. One whose component is no longer carried belongs removed: a build says
so."""


def document(bill: dict[str, Any], name: str, epoch: int) -> tuple[dict[str, Any], list[str]]:
    """The statement about the image with this bill, and the package URLs of STATEMENTS that are
    not in there. epoch: seconds since 1970 at which it is dated."""
    found, missing = [], []
    serial = bill["serialNumber"].removeprefix("urn:uuid:")
    for one in STATEMENTS:
        refs = list(_carried(bill, one))
        if not refs:
            missing.append(one.purl)
            continue
        affects = [
            {"ref": f"urn:cdx:{serial}/{bill['version']}#{quote(ref, safe='')}"} for ref in refs
        ]
        analysis = {
            "state": "not_affected",
            "justification": one.justification,
            "detail": one.detail,
        }
        found += [{"id": each, "analysis": analysis, "affects": affects} for each in one.ids]
    text = json.dumps([serial, found], sort_keys=True)
    subject = {"type": "operating-system", "name": name}
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{fixed(text)}",
        "version": 1,
        "metadata": {"timestamp": written(epoch), "component": subject},
        "vulnerabilities": found,
    }, missing


def _carried(bill: dict[str, Any], one: Statement) -> Iterator[str]:
    for component in bill["components"]:
        if component["name"] == one.carrier:
            for inner in component.get("components", ()):
                if inner.get("purl") == one.purl:
                    yield inner["bom-ref"]
