"""Shared foundation of every program: errors, time, processes, the journal, files.

Depends on the standard library and msgspec alone.

Imports no other package.

Begin with `errors` (each error says what to do and has an exit code) and `clock` (the only reader
of clocks). `durable_files` is the one place that writes to the card, `file_status` looks up names,
`safe_read` reads files that an attacker may have written, `erasing` removes files whose content
must not stay in free blocks, `state_file` keeps an id or an object in a small file,
and `version_cache` remembers what was read as long as the files stay the same.
"""
