"""Notices: what the server tells people, once each, and over which channels.

`notice_rules` decides from facts what is to be told. `notice_memory` knows what was told already.
`notice_message` says it in words. `notice_delivery` gives it to a channel: the log, or mail
(`smtp_channel`). `camerad.office.server.office_watch` gathers the facts.

No notice says who wore a camera, and none has footage: cameras' names, recordings' ids, and days.
"""
