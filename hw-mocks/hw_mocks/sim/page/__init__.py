"""The files of the page; it needs no build step and loads nothing from elsewhere."""
