"""Writes what is made from the code: tables and pictures of docs/, the schema of settings."""
