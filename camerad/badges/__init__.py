"""The child that reads a wearer's badge, a QR code, from the newest small picture.

Nobody imports it: it is a program, `python -m camerad.badges`. It imports `base`, `behaviour` and
`stream`. Begin with `__main__`.
"""
