"""The page of the sheet (`camerad.evidence.cover_sheet`): HTML and CSS for one page of A4."""

from __future__ import annotations

from string import Template
from typing import Final

PAGE: Final = Template("""\
<!DOCTYPE html>
<html lang="$lang">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<style>
@page { size: A4; margin: 9mm 15mm 8mm 18mm }
:root { color-scheme: light }
* { box-sizing: border-box }
body { font: 8.7pt/1.24 "Liberation Sans", Arial, Helvetica, sans-serif; color: #111;
  background: #fff; margin: 0 auto; max-width: 176mm; padding: 8mm 0 }
@media print { body { padding: 0; max-width: none } }
header { display: flex; justify-content: space-between; align-items: flex-end;
  border-bottom: 1.6pt solid #111; padding-bottom: 2mm }
h1 { font-size: 15pt; line-height: 1.15; margin: 0; font-weight: 700 }
header p { margin: 0; color: #444 }
.id { font-family: "Liberation Mono", "DejaVu Sans Mono", monospace; font-size: 9pt; color: #111;
  text-align: right }
.verdict { border: 0.8pt solid #111; border-left-width: 5pt; padding: 1.4mm 3mm;
  margin: 2mm 0 1.5mm }
.verdict.good { border-color: #1b6e3a }
.verdict.bad { border-color: #b00020 }
.verdict b { font-size: 11.5pt }
.verdict.good b { color: #1b6e3a }
.verdict.bad b { color: #b00020 }
.verdict p, .what { margin: 0.6mm 0 0 }
.what { color: #333 }
h2 { font-size: 8.8pt; margin: 1mm 0 0.4mm; padding-bottom: 0.4mm;
  border-bottom: 0.5pt solid #999 }
p { margin: 0.5mm 0 }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; vertical-align: top; padding: 0.15mm 2mm 0.15mm 0; font-weight: 400;
  overflow-wrap: anywhere }
th { color: #444; width: 38mm; overflow-wrap: normal }
thead th { width: auto }
ul { list-style: none; margin: 0; padding: 0 }
li { padding: 0.05mm 0 0.05mm 5mm; text-indent: -5mm; overflow-wrap: anywhere }
li b { display: inline-block; width: 4mm; text-indent: 0 }
em { font-style: normal; font-weight: 700 }
small { color: #444; font: 7.6pt "Liberation Sans", Arial, Helvetica, sans-serif }
.hash { font-family: "Liberation Mono", "DejaVu Sans Mono", monospace; font-size: 7.2pt;
  width: 104mm }
td.name { font-family: "Liberation Mono", "DejaVu Sans Mono", monospace; font-size: 7.2pt }
.sign { display: flex; gap: 8mm; margin-top: 5mm; break-inside: avoid }
.sign div { flex: 1; border-top: 0.5pt solid #111; padding-top: 0.6mm; color: #444;
  font-size: 8pt }
footer { margin-top: 1mm; color: #444; font-size: 8pt }
section, table, ul { break-inside: avoid }
</style>
</head>
<body>
<header>
<div><p>$subtitle</p><h1>$heading</h1></div>
<p class="id">$id</p>
</header>
<div class="verdict $tone"><b>$verdict</b> $time<p>$verdict_text</p></div>
<p class="what">$what_it_is</p>
<section><h2>$facts_title</h2><table>$facts</table></section>
<section><h2>$checks_title</h2><ul>$checks</ul></section>
<section><h2>$gaps_title</h2>$gaps</section>
$damages$contained$remarks
<section><h2>$files_title</h2>
<table><thead><tr><th>$file_title</th><th>$sha256_title</th></tr></thead>$files</table></section>
<section><h2>$again_title</h2><p>$again</p></section>
<div class="sign"><div>$handed_over</div><div>$signature</div></div>
<footer>$made</footer>
</body>
</html>
""")
"""Every placeholder takes HTML that is escaped already."""

STYLE: Final = PAGE.template.partition("<style>")[2].partition("</style>")[0]
"""Its style sheet: what a Content-Security-Policy names that lets it be drawn."""
