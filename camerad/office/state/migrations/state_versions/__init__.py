"""Migrations of the state's tables, one file for each version."""
