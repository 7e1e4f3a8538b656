"""Migrations of the index's tables, one file for each version."""
