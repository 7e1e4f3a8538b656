"""What every program of camerad stands on: errors, time, processes, the journal, files.

Anyone may import it; it imports only the standard library. Begin with `errors` (each error says
what to do and has an exit code) and `clock` (the only reader of clocks). `durable_files` is the one
place that writes to the card, `safe_read` reads what a stranger may have put there.
"""
