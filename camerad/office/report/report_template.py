"""The page of a report (`camerad.office.report.report_page`): HTML and CSS for A4.

It has no script and fetches nothing; its Content-Security-Policy lets it do neither.
"""

from __future__ import annotations

from string import Template
from typing import Final

REPORT_PAGE: Final = Template("""\
<!DOCTYPE html>
<html lang="$lang">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; \
style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title $period</title>
<style>
@page { size: A4; margin: 15mm 16mm 16mm 18mm }
:root { color-scheme: light }
* { box-sizing: border-box }
body { font: 10pt/1.4 "Liberation Sans", Arial, Helvetica, sans-serif; color: #1a1a1a;
  background: #fff; margin: 0 auto; max-width: 176mm; padding: 8mm 4mm }
@media print { body { padding: 0; max-width: none; font-size: 9.4pt } }
header { border-bottom: 1.6pt solid #1a1a1a; padding-bottom: 2.5mm; margin-bottom: 4mm }
h1 { font-size: 19pt; line-height: 1.15; margin: 0 }
header p { margin: 1mm 0 0; color: #444 }
h2 { font-size: 12.5pt; margin: 7mm 0 1.5mm; break-after: avoid }
h3 { font-size: 10.5pt; margin: 5mm 0 1mm; break-after: avoid }
p, li { margin: 1mm 0; overflow-wrap: anywhere }
ul { margin: 1mm 0; padding-left: 5mm }
.tiles { display: grid; grid-template-columns: repeat(4, 1fr); gap: 3mm; margin: 2mm 0 4mm }
.tiles div { border: 0.6pt solid #b5bcc4; border-top: 2.4pt solid #3c5f84; padding: 2mm 2.5mm;
  break-inside: avoid }
.tiles b { display: block; font-size: 15pt; line-height: 1.2 }
.tiles b.words { font-size: 9.5pt; line-height: 1.3; padding: 1mm 0 }
.tiles small { display: block; color: #444; font-size: 8pt; line-height: 1.3 }
.plots { display: grid; grid-template-columns: 1fr 1fr; gap: 4mm }
.plots img { width: 100%; height: auto; display: block }
figure { margin: 0; break-inside: avoid }
figcaption { font-size: 8.8pt; font-weight: 700; margin-bottom: 0.5mm }
.glance { color: #444; font-size: 8.5pt; margin: 0 }
@media (max-width: 560px) { .tiles { grid-template-columns: 1fr 1fr }
  .plots { grid-template-columns: 1fr } }
.cannot { border: 0.6pt solid #a77b12; border-left-width: 4pt; background: #fdf8ea;
  padding: 1.5mm 3.5mm; margin: 4mm 0; break-inside: avoid }
.cannot h2 { margin: 0.5mm 0 1mm; font-size: 11pt }
table { border-collapse: collapse; width: 100%; margin: 1mm 0 2mm }
th, td { text-align: left; vertical-align: top; padding: 0.9mm 2mm 0.9mm 0;
  border-bottom: 0.4pt solid #cfd4d9 }
thead th { color: #444; font-size: 8.5pt; font-weight: 700; border-bottom-color: #1a1a1a }
tbody th { font-weight: 400 }
th small { display: block; color: #555; font-size: 8pt }
tr.part th { padding-left: 5mm }
td.n, th.n { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums }
td.why { color: #555; font-style: italic; text-align: left; white-space: normal }
td.base { color: #444; font-size: 8.7pt }
.figures th:nth-child(4), td.base { padding-left: 2mm }
tr { break-inside: avoid }
.figures { table-layout: fixed }
.figures td:nth-child(3) { white-space: normal }
.figures th:nth-child(1) { width: 43% }
.figures th:nth-child(2) { width: 12% }
.figures th:nth-child(3) { width: 23% }
.compared { table-layout: fixed }
.compared th:first-child { width: 32% }
.compared thead th, .compared td { white-space: normal }
h3::first-letter { text-transform: uppercase }
.fine table { font-size: 8.6pt }
.months { table-layout: fixed }
.months th { white-space: normal }
.months th:first-child { width: 22% }
.months td.why { font-size: 7.6pt; text-align: right }
section.group { break-inside: avoid }
@media screen and (max-width: 640px) {
  .wide { overflow-x: auto }
  .wide table { min-width: 150mm }
  td.n, th.n { white-space: normal }
  th, td { overflow-wrap: anywhere }
  .figures th:nth-child(1) { width: 36% }
  .figures th:nth-child(2) { width: 18% }
  .figures th:nth-child(3) { width: 24% }
}
.typed { border-left: 3pt double #777; padding-left: 3mm }
.typed h2::after { content: " \\270E" }
code { font: 7.8pt "Liberation Mono", "DejaVu Sans Mono", monospace; overflow-wrap: anywhere }
footer { margin-top: 6mm; border-top: 0.6pt solid #1a1a1a; padding-top: 2mm; color: #444;
  font-size: 8.5pt }
</style>
</head>
<body>
<header><h1>$title</h1><p>$subtitle</p><p><b>$period</b></p></header>
<main>
<section><h2>$short</h2><div class="tiles">$tiles</div>$plots</section>
<section class="cannot"><h2>$cannot_title</h2><ul>$cannot</ul></section>
$groups
$months
$compared
$typed
<section><h2>$method_title</h2>$method</section>
<section><h2>$rests_title</h2><ul>$rests</ul></section>
</main>
<footer><p>$signed</p><p>$made</p></footer>
</body>
</html>
""")
"""Every placeholder takes HTML that is escaped already."""
