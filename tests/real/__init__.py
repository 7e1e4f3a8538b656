"""The whole camera on Debian's own libcamera: see `hw_mocks.virtualcamera`."""
