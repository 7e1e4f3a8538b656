"""Redacted copies of recordings, which can be checked by the camera's own signatures
(docs/redaction.md).

Draft, writer, check and detection. PyAV decodes and encodes; it is imported only where pictures
are."""
