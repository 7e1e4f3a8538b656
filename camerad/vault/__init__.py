"""The office's server: takes recordings over from cameras in their docks, and signs the receipts.

The command imports it. It imports `base`, `config`, `container`, `dock` (for the signatures of
requests), `ledger`, `office`, `provisioning`, `store` and `verify`. It has no key that opens
footage. Begin with `office_server`, which lists the parts; `takeover` is what a receipt rests on.
Families of modules have folders: `notices` and `second_copy`. See docs/office-api.md and
docs/office.md.
"""
