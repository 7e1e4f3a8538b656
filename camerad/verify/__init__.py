"""The judge: is this recording authentic and complete, by whose key, and what is missing?

The office, the command and the daemon's crash recovery import it; it imports `base`, `container`
and `stream`, and nothing that writes. Begin with `checker`. `chain_check` holds the statements
together, `picture_check` and `audio_check` judge what they say about pictures and sound,
`time_check` whether their times fit, `verdict` says it in words. `check_pool` has several
recordings checked at once.
"""
