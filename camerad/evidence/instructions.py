"""Instructions in a package: how to check it without this software."""

from __future__ import annotations

from typing import Final

from camerad.base.words import N_

INSTRUCTIONS_TEXT: Final = N_("""\
How to check this package without the software that made it
===========================================================

1. Nothing was changed since the export:

       sha256sum -c SHA256SUMS

2. Whether the key is that of the camera, this package cannot prove. {key_pem} is the public
   key that whoever made the package trusted. Its fingerprint (RFC 7638) is

       {thumbprint}

   Compare it with the register of cameras, or another list that did not come with this package.
   All that follows is worth as much as this comparison.

3. Every statement is signed by that key, and each names the one before. The original is an
   ordinary tar archive:

       tar -tf {container}
       tar -xf {container}

   A statement (*.jws) is a compact JSON Web Signature (RFC 7515) made with Ed25519 (RFC 8037).
   For each of them, here for header.jws:

       pad() {{ awk '{{ while (length($0) % 4) $0 = $0 "="; print }}'; }}
       decode() {{ tr '_-' '/+' | pad | base64 -d; }}
       cut -d. -f1,2 header.jws | tr -d '\\n' > signed
       cut -d. -f3 header.jws | decode > signature
       openssl pkeyutl -verify -pubin -inkey {key_pem} -rawin -in signed -sigfile signature
       cut -d. -f2 header.jws | decode

   The last command shows what was signed. "previous" is the SHA-256 of the statement before
   (header.jws, 000000.jws, 000001.jws, ..., end.jws); "fragment" has size and SHA-256 of the
   sealed piece (000000.m4s.age, ...), and "init", in the first, those of init.mp4.age. "commits"
   in end.jws is how many pieces there are. The SHA-256 of end.jws is

       {final}

4. The video is what was sealed. The office's private age key (https://age-encryption.org) opens
   each piece; put together they are a video that plays:

       for piece in init.mp4.age [0-9]*.m4s.age; do age -d -i KEY "$piece"; done > recording.mp4

   {video}

5. {ledger} holds what the ledgers say about this recording: one signed statement a line,
   to be checked like those above, with the key that each line names as "kid".

The format is described in full in docs/evidence-format.md of camerad.
""")
