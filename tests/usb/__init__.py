"""A USB camera on Debian's kernel and libcamera, in an emulated machine."""
