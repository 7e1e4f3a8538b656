"""A second copy of every recording, which nobody can take away before its day.

Begin with `second_copy`: what a store of such copies has to do. `second_copy_directory` and the
modules of `second_copy_s3` do it. `second_copies` makes a copy before a receipt is signed.
`second_copy_worker` keeps all of them as the office's ledger has them, by `second_copy_plan` and
`second_copy_lock`, which are pure. `second_copy_restore` brings recordings back.
"""
