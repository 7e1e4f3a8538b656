"""Replicas of recordings, locked against removal before their day.

Imports `base`, `config`, `container`, `ledger`, `office/state` and `store`.

Begin with `replica_store`, the contract of a store. `directory_store` and `s3_store` implement it.
`replicas` makes a replica before a receipt is signed. `replica_lock` says until when it is locked.
"""
