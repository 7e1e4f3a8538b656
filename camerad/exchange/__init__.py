"""Agreements of a camera in its dock and its office's server, besides what they sign.

Imports `base` and `container`.

Begin with `request_signature`. docs/office-api.md is the same for strangers.
"""
