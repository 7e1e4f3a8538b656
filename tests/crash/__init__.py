"""Crash states: what production code does to storage, and every loss that a power cut may cause.

`trace` records the system calls of a whole life, `model` is a file system that forgets what was not
synchronised, `life` is that life, `judge` restarts on what is left and says what must be there,
`campaign` puts them together, `table` shows that every synchronisation and every order matters.
``python -m tests.crash --help`` runs more of it than `make test` does.
"""
