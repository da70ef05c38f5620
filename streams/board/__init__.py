"""The board's page, and the records API behind it."""
