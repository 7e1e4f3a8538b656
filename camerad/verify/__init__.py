"""Judges a recording: authentic, complete, by which key, and what is missing.

Imports `base`, `container` and `stream`.

It writes nothing. Begin with `judge`: its `verify` is given a file, reads it, and returns the
report. `checker` decides about each member of the file, without reading anything itself. For it
`chain_check` holds the statements together, `time_check` and `audio_check` judge what they say
about pictures, times and sound. `verdict` says it in words.
`check_pool` has several recordings checked at once.
"""
