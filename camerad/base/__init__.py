"""What every program of camerad stands on: errors, time, processes, the journal, files.

It stands on the standard library and msgspec alone.

Imported by every other package. Imports no other package.

Begin with `errors` (each error says what to do and has an exit code) and `clock` (the only reader
of clocks). `durable_files` is the one place that writes to the card, `file_status` asks what is
there, `safe_read` reads what a stranger may have put there, `erasing` removes what must not stay in
free room, and `state_file` keeps an id or an object in a small file of its own.
"""
