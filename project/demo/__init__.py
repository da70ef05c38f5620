"""The demonstration: its account and its greeting."""
