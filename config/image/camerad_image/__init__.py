"""The SD card's image: Debian's or Raspberry Pi OS's packages, camerad, and where they lie.

`docs/image.md` says what is on the card and why; ``python -m camerad_image --help`` what can be
done here. What decides something is a pure function with a unit test; what touches the machine
calls one tool each: mmdebstrap, mksquashfs, veritysetup, mtools, mke2fs, genimage, bmaptool, zstd.
"""
